from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PolicyDenied
from order_management.policy.max_book_share import Rule
from tests.order_management.policy.subjects import look, subject

RULE = Rule(Decimal("0.2"))
BOOK = look(bids=[("99", "4"), ("98", "6")], asks=[("101", "2"), ("102", "8")])
MARKET = {"price": None, "type": "market", "market": "101", "look": BOOK}


def test_a_market_order_may_take_the_share_of_its_side_and_no_more() -> None:
    RULE.check(subject(amount="2", **MARKET))
    with pytest.raises(PolicyDenied, match=r"2.001 of 10 BTC \(limit 20 %, this order 20.01 %\)"):
        RULE.check(subject(amount="2.001", **MARKET))
    with pytest.raises(PolicyDenied, match=r"the bids that are shown: 5 of 10 BTC \(limit 20 %, this order 50 %\)"):
        RULE.check(subject(side="sell", amount="5", **MARKET))


def test_a_limit_order_takes_what_its_price_allows() -> None:
    RULE.check(subject(amount="500", price="100", look=BOOK))
    RULE.check(subject(amount="500", price="101", look=BOOK))
    with pytest.raises(PolicyDenied, match="10 of 10 BTC"):
        RULE.check(subject(amount="500", price="102", look=BOOK))
    RULE.check(subject(side="sell", amount="500", price="100", look=BOOK))
    with pytest.raises(PolicyDenied, match="4 of 10 BTC"):
        RULE.check(subject(side="sell", amount="500", price="99", look=BOOK))


def test_what_only_rests_takes_nothing() -> None:
    RULE.check(subject(amount="500", price="102", post_only=True, look=BOOK))


def test_a_stop_counts_whole() -> None:
    stop = {"price": None, "type": "stop", "stop_price": Decimal(120), "look": BOOK}
    RULE.check(subject(amount="2", **stop))
    with pytest.raises(PolicyDenied):
        RULE.check(subject(amount="3", **stop))


def test_an_empty_side_has_no_share_to_take() -> None:
    with pytest.raises(PolicyDenied, match="all of an empty book"):
        RULE.check(subject(amount="1", **{**MARKET, "look": look(asks=[])}))


def test_without_a_book_it_does_not_apply() -> None:
    RULE.check(subject(amount="500", **{**MARKET, "look": BOOK._replace(book=None)}))


def test_a_book_that_cannot_be_read_denies() -> None:
    with pytest.raises(PolicyDenied, match="cannot be read"):
        RULE.check(subject(**{**MARKET, "look": BOOK._replace(book=_broken())}))


def _broken():
    return look(asks=[("101", "1")]).book.__class__(
        "somewhere", "BTC/USDT", BOOK.book.bids, look(asks=[("101", "0.1"), ("nan", "1")]).book.asks, 0
    )


@given(
    st.lists(st.decimals("0.001", "50", places=3), min_size=1, max_size=20),
    st.decimals("0.001", "200", places=3),
    st.integers(0, 25),
)
def test_reading_only_part_of_the_book_changes_no_verdict(sizes: list[Decimal], base: Decimal, reach: int) -> None:
    rows = [(str(100 + index), str(size)) for index, size in enumerate(sizes)]
    price = Decimal(100 + reach)
    taken = min(base, sum(sizes[: reach + 1], Decimal(0)))
    order = subject(amount=str(base), price=str(price), look=look(asks=rows))
    if taken > sum(sizes) * Decimal("0.2"):
        with pytest.raises(PolicyDenied):
            RULE.check(order)
    else:
        RULE.check(order)
