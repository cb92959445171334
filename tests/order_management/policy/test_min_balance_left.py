from decimal import Decimal

import pytest

from domain.errors import NotSent, PolicyDenied, Unavailable
from domain.orders import Balance
from order_management.policy.min_balance_left import Rule
from tests.order_management.policy.subjects import INVERSE_BTC, SPOT_BTC, SWAP_BTC, subject

RULE = Rule(Decimal(50))
PRICES = {"USDT": Decimal(1), "USD": Decimal(1), "BTC": Decimal(100)}


def order(*balances: tuple[str, str | None, str], **other):
    found = [
        Balance("somewhere", code, free and Decimal(free), None, Decimal(1), wallet) for code, free, wallet in balances
    ]
    return subject(balances=lambda: found, dollar_price=PRICES.get, **other)


@pytest.mark.parametrize(
    ("instrument", "side", "currency"),
    [(SPOT_BTC, "buy", "USDT"), (SPOT_BTC, "sell", "BTC"), (SWAP_BTC, "buy", "USDT"), (SWAP_BTC, "sell", "USDT")],
)
def test_what_the_order_spends_has_to_leave_the_rest(instrument, side: str, currency: str) -> None:
    enough, short = ("150", "149.9") if currency == "USDT" else ("1.5", "1.499")
    RULE.check(order((currency, enough, "trading"), instrument=instrument, side=side))
    with pytest.raises(PolicyDenied, match=f"too little {currency} would.*limit 50 USD, this order leaves 49.9 USD"):
        RULE.check(order((currency, short, "trading"), instrument=instrument, side=side))


def test_an_inverse_order_spends_its_coin() -> None:
    given = {"instrument": INVERSE_BTC, "amount": "100", "unit": "quote"}
    RULE.check(order(("BTC", "1.5", "trading"), **given))
    with pytest.raises(PolicyDenied, match="too little BTC"):
        RULE.check(order(("BTC", "1.4", "trading"), ("USD", "9999", "trading"), **given))


def test_only_the_wallet_counts_that_the_order_uses() -> None:
    both = (("USDT", "0", "spot"), ("USDT", "1000", "futures"))
    RULE.check(order(*both, instrument=SWAP_BTC))
    with pytest.raises(PolicyDenied):
        RULE.check(order(*both, instrument=SPOT_BTC))


def test_no_row_means_nothing_is_there_and_an_unknown_amount_is_no_yes() -> None:
    with pytest.raises(PolicyDenied, match="leaves -100 USD"):
        RULE.check(order())
    with pytest.raises(PolicyDenied, match="does not say how much USDT is free"):
        RULE.check(order(("USDT", None, "trading")))


def test_balances_that_cannot_be_read_send_nothing() -> None:
    def fails() -> list[Balance]:
        raise Unavailable("no answer.")

    with pytest.raises(NotSent, match="min_balance_left could not be checked"):
        RULE.check(subject(balances=fails))
