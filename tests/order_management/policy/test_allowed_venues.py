from decimal import Decimal

import pytest

from domain.errors import PolicyDenied
from domain.exit_codes import ExitCode
from order_management.policy.allowed_venues import Rule
from tests.order_management.policy.subjects import SWAP_BTC, subject


def test_a_venue_of_the_list_passes() -> None:
    Rule(("elsewhere", "somewhere")).check(subject())


def test_another_venue_is_denied_and_the_sentence_names_check_limit_and_value() -> None:
    with pytest.raises(PolicyDenied) as denied:
        Rule(("elsewhere",)).check(subject())
    assert denied.value.exit_code == ExitCode.DENIED_BY_POLICY
    assert denied.value.venue == "somewhere"
    assert denied.value.message == (
        "Denied by policy.allowed_venues: the venue is not in the list (limit elsewhere, this order somewhere)."
        " Nothing was sent."
    )


def test_an_empty_list_allows_none_and_reducing_is_no_excuse() -> None:
    with pytest.raises(PolicyDenied, match="limit none"):
        Rule(()).check(subject(SWAP_BTC, reduce_only=True))
    assert Rule.for_reducing
    assert subject(SWAP_BTC).sized.sent_notional == Decimal(100)
