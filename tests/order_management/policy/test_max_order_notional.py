from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotSent, PolicyDenied, Unavailable
from order_management.policy.max_order_notional import Rule
from tests.order_management.policy.subjects import INVERSE_BTC, SPOT_ETH_BTC, subject


def test_the_limit_itself_passes_and_a_cent_more_is_denied() -> None:
    Rule(Decimal(100)).check(subject(amount="1", price="100"))
    with pytest.raises(PolicyDenied, match=r"limit 100 USD, this order 100.1 USD\)"):
        Rule(Decimal(100)).check(subject(amount="1.001", price="100"))


def test_a_market_order_is_worth_what_it_takes_first() -> None:
    with pytest.raises(PolicyDenied, match="this order 101 USD"):
        Rule(Decimal(100)).check(subject(price=None, type="market", market="101"))


def test_an_inverse_order_is_worth_its_quote_size() -> None:
    Rule(Decimal(100)).check(subject(INVERSE_BTC, amount="100", unit="quote", price="90000"))
    with pytest.raises(PolicyDenied, match="this order 110 USD"):
        Rule(Decimal(100)).check(subject(INVERSE_BTC, amount="110", unit="quote", price="90000"))


def test_what_is_priced_in_a_coin_is_valued_in_dollars() -> None:
    order = subject(SPOT_ETH_BTC, amount="1", price="0.03", dollar_price={"BTC": Decimal(90_000)}.get)
    Rule(Decimal(2_700)).check(order)
    with pytest.raises(PolicyDenied, match=r"limit 2699 USD, this order 2700 USD"):
        Rule(Decimal(2_699)).check(order)


def test_what_nobody_values_is_denied_and_what_cannot_be_asked_is_not_sent() -> None:
    order = subject(SPOT_ETH_BTC, amount="1", price="0.03", dollar_price=lambda _: None)
    with pytest.raises(PolicyDenied, match="no venue shows what one BTC is worth"):
        Rule(Decimal(100)).check(order)

    def fails(_: str) -> Decimal:
        raise Unavailable("somewhere did not answer.", venue="somewhere")

    with pytest.raises(NotSent, match=r"max_order_notional could not be checked. somewhere did not answer"):
        Rule(Decimal(100)).check(order._replace(dollar_price=fails))


@given(st.decimals("0.001", "1000", places=3), st.decimals("0.1", "100000", places=1))
def test_no_order_above_the_limit_passes(amount: Decimal, price: Decimal) -> None:
    order = subject(amount=str(amount), price=str(price))
    if amount * price > 5_000:
        with pytest.raises(PolicyDenied):
            Rule(Decimal(5_000)).check(order)
    else:
        Rule(Decimal(5_000)).check(order)
