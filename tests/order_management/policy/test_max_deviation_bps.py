from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotSent, PolicyDenied, Unavailable
from order_management.policy.max_deviation_bps import Rule
from tests.order_management.policy.subjects import subject

RULE = Rule(Decimal(100))


def at(mid: str):
    return lambda: Decimal(mid)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_limit_price_on_either_side_of_the_middle_is_held_against_it(side: str) -> None:
    for price in ("99", "100", "101"):
        RULE.check(subject(side=side, price=price, consolidated_mid=at("100")))
    for price in ("98.9", "101.1"):
        with pytest.raises(PolicyDenied, match=r"far from 100, .* \(limit 100 bps, this order 110 bps\)"):
            RULE.check(subject(side=side, price=price, consolidated_mid=at("100")))


def test_a_stop_limit_counts_with_its_limit_and_a_stop_has_none() -> None:
    stop = {"stop_price": Decimal(150)}
    with pytest.raises(PolicyDenied):
        RULE.check(subject(type="stop-limit", price="150", consolidated_mid=at("100"), **stop))
    RULE.check(subject(type="stop", price=None, **stop))


def test_a_market_order_counts_with_what_it_is_expected_to_pay() -> None:
    market = {"price": None, "type": "market", "market": "100", "consolidated_mid": at("100")}
    RULE.check(subject(expected=Decimal("100.5"), **market))
    with pytest.raises(PolicyDenied, match="expected average price 102 is far"):
        RULE.check(subject(expected=Decimal(102), **market))
    with pytest.raises(PolicyDenied, match="does not show what the order would pay"):
        RULE.check(subject(expected=None, **market))


def test_without_a_middle_it_is_denied_and_when_asking_fails_it_is_not_sent() -> None:
    with pytest.raises(PolicyDenied, match="no venue shows a price"):
        RULE.check(subject(consolidated_mid=lambda: None))

    def fails() -> Decimal:
        raise Unavailable("nobody answers.")

    with pytest.raises(NotSent, match="nobody answers"):
        RULE.check(subject(consolidated_mid=fails))


@given(st.decimals("1", "1000000", places=1), st.decimals("1", "1000000", places=1))
def test_no_price_farther_than_the_limit_passes(price: Decimal, mid: Decimal) -> None:
    order = subject(price=str(price), consolidated_mid=lambda: mid)
    if abs(price - mid) * 100 > mid:
        with pytest.raises(PolicyDenied):
            RULE.check(order)
    else:
        RULE.check(order)
