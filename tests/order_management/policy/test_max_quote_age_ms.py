from decimal import Decimal

import pytest

from domain.errors import PolicyDenied
from domain.quotes import Quote
from order_management.costs import Look
from order_management.policy.max_quote_age_ms import Rule
from tests.order_management.policy.subjects import NOW_NS, look, subject

MS = 1_000_000


def test_prices_as_old_as_allowed_pass_and_older_ones_are_denied() -> None:
    Rule(1_000).check(subject(look=look(received_at_ns=NOW_NS - 1_000 * MS)))
    with pytest.raises(PolicyDenied, match=r"limit 1000 ms, this order judged by prices 1001 ms old"):
        Rule(1_000).check(subject(look=look(received_at_ns=NOW_NS - 1_001 * MS)))


def test_the_venues_own_time_counts_by_its_clock() -> None:
    stale = look(venue_time_ns=NOW_NS - 5_000 * MS)
    with pytest.raises(PolicyDenied, match="5000 ms old"):
        Rule(1_000).check(subject(look=stale))
    Rule(1_000).check(subject(look=stale, clock_offset_ms=lambda: -4_500))


def test_without_any_price_it_is_denied() -> None:
    nothing = Quote("somewhere", "BTC/USDT", None, None, None, None, NOW_NS, None, "rest")
    for seen in (None, Look(nothing, None)):
        with pytest.raises(PolicyDenied, match="shows no price"):
            Rule(1_000).check(subject(look=seen))


def test_it_holds_for_orders_that_reduce() -> None:
    assert Rule.for_reducing
    assert Rule(1).setting == Decimal(1)
