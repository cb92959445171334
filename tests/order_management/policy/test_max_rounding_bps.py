from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PolicyDenied
from order_management.policy.max_rounding_bps import Rule
from tests.order_management.policy.subjects import subject


def test_a_small_change_passes_and_none_with_limit_zero() -> None:
    Rule(Decimal(50)).check(subject(amount="1.0049"))
    Rule(Decimal(0)).check(subject(amount="1.004"))


def test_a_large_change_is_denied_and_the_hint_says_what_to_ask_for() -> None:
    with pytest.raises(PolicyDenied, match=r"limit 50 bps, this order 4736.84 bps") as denied:
        Rule(Decimal(50)).check(subject(amount="0.0019", price="100000"))
    assert "0.001 BTC at 100000 (worth 100)" in str(denied.value.hint)


@given(st.decimals("0.001", "100", places=6))
def test_it_denies_exactly_what_changes_by_more_than_the_limit(amount: Decimal) -> None:
    order = subject(amount=str(amount), price="1000")
    change = abs(order.sized.spec.size - amount) / amount * 10_000
    if change > 50:
        with pytest.raises(PolicyDenied):
            Rule(Decimal(50)).check(order)
    else:
        Rule(Decimal(50)).check(order)
