"""What cash has moved by."""

from typing import Any

import pytest

from domain.instruments import FUTURE, OPTION, PERPETUAL, SPOT
from domain.movements import WITHDRAWAL
from domain.orders import SELL
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import Opening
from monitoring.cash import Cash, cash_of, entry_before, flows, holds_cash
from tests.monitoring.ledger.entries import NOON_MS, D, delivery, fill, payment, transfer

SPOT_PAIR = Contract("okx", "BTC/USDT", SPOT, "BTC", "USDT", None)
SWAP = Contract("okx", "BTC/USDT:USDT", PERPETUAL, "BTC", "USDT", "USDT")
INVERSE = Contract("okx", "BTC/USD:BTC", PERPETUAL, "BTC", "USD", "BTC", inverse=True)
FUTURES = Contract("okx", "BTC/USDT:USDT-261120", FUTURE, "BTC", "USDT", "USDT")
CALL = Contract("okx", "BTC/USD:BTC-261225-100000-C", OPTION, "BTC", "USD", "BTC")
CONTRACTS = {(item.venue, item.symbol): item for item in (SPOT_PAIR, SWAP, INVERSE, FUTURES, CALL)}


def moved(*fills: Any, **more: Any) -> Cash:
    rest = {name: more.get(name, ()) for name in ("payments", "deliveries", "transfers", "openings")}
    return cash_of(CONTRACTS, fills, **rest)


def amounts(*fills: Any, **more: Any) -> dict[str, Any]:
    cash = moved(*fills, **more)
    assert cash.lacks == {}
    return {currency: amount for (_, currency), amount in cash.amounts.items()}


def test_spot_moves_both_currencies_and_its_fee_in_its_own() -> None:
    assert amounts(fill("1", fee="0.001", fee_currency="BNB")) == {
        "USDT": D(-30_000),
        "BTC": D("0.5"),
        "BNB": D("-0.001"),
    }
    assert amounts(fill("1", fee="0.0005", fee_currency="BTC")) == {"USDT": D(-30_000), "BTC": D("0.4995")}
    assert amounts(fill("1", side=SELL, fee="-3")) == {"USDT": D(30_003), "BTC": D("-0.5")}


def test_a_perpetual_moves_what_closing_it_earned_its_fees_and_its_funding() -> None:
    swap = {"symbol": SWAP.symbol}
    bought = fill("1", **swap)
    sold = fill("2", **swap, side=SELL, price="61250", size="0.2", time_ms=NOON_MS + 1)
    assert amounts(bought) == {"USDT": D(-30)}
    assert amounts(bought, sold, payments=[payment("p", "-1.25")]) == {"USDT": D("188.75")}


def test_an_inverse_perpetual_moves_its_coin() -> None:
    inverse = {"symbol": INVERSE.symbol, "fee": "0.00001", "fee_currency": "BTC"}
    bought = fill("1", **inverse, size="10000", price="50000")
    sold = fill("2", **inverse, size="10000", price="62500", side=SELL, time_ms=NOON_MS + 1)
    assert amounts(bought, sold) == {"BTC": D("0.03998")}


def test_closing_what_was_there_before_earns_too() -> None:
    sold = fill("1", symbol=SWAP.symbol, side=SELL, price="61000", size="1", fee="0")
    before = Opening("okx", SWAP.symbol, NOON_MS - 1, D(1), D(60_000))
    assert amounts(sold, openings=[before]) == {"USDT": D(1_000)}
    unknown = moved(sold, openings=[before._replace(entry_price=None)])
    assert unknown.amounts == {}
    assert "what closing BTC/USDT:USDT has earned is not known" in unknown.lacks["okx"][0]


def test_an_option_moves_its_premium_and_what_it_was_worth_at_the_end() -> None:
    bought = fill("1", symbol=CALL.symbol, size="2", price="0.05", fee="0.0006", fee_currency="BTC")
    ended = delivery("d", symbol=CALL.symbol, size=D(2), price=D("0.08"), currency="BTC")
    assert amounts(bought) == {"BTC": D("-0.1006")}
    assert amounts(bought, deliveries=[ended]) == {"BTC": D("0.0594")}
    assert amounts(bought, deliveries=[ended._replace(price=D(0))]) == {"BTC": D("-0.1006")}


def test_a_delivery_moves_what_the_venue_says_or_what_the_books_earn_by_it() -> None:
    bought = fill("1", symbol=FUTURES.symbol, size="0.5", price="60000", fee="0", time_ms=NOON_MS - 5)
    assert amounts(bought, deliveries=[delivery("d")]) == {"USDT": D(500)}
    assert amounts(bought, deliveries=[delivery("d", amount=D("499.99"))]) == {"USDT": D("499.99")}


def test_transfers_move_their_amount_and_their_fee() -> None:
    out = transfer("out", "-10", kind=WITHDRAWAL, fee=D("0.8"))
    assert amounts(transfers=[transfer("in"), out]) == {"USDT": D("989.2")}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (fill("1", fee=None, fee_currency=None), "fees of BTC/USDT are not known"),
        (fill("1", fee_currency=None), "the currency of fees of BTC/USDT is not known"),
        (fill("1", symbol="GONE/USDT"), "what GONE/USDT was is not known"),
    ],
)
def test_what_is_not_known_is_said(entry: Any, words: str) -> None:
    assert moved(entry).lacks == {"okx": [words]}


def test_a_withdrawal_without_its_fee_is_said() -> None:
    out = transfer("out", "-10", kind=WITHDRAWAL)
    assert moved(transfers=[out, transfer("in")]).lacks == {"okx": ["the fee of the withdrawal out is not known"]}


def test_spot_that_settles_is_held_as_a_position() -> None:
    multiplier = SPOT_PAIR._replace(settle="USDT")
    bought, sold = fill("1", fee="0"), fill("2", side=SELL, price="61000", fee="0", time_ms=NOON_MS + 1)
    assert not holds_cash(multiplier)
    found = flows({("okx", "BTC/USDT"): multiplier}, [bought, sold], (), (), ())
    assert found == {("okx", "USDT"): D(500)}


def test_the_entry_price_from_before_is_solved_from_what_the_venue_says_now() -> None:
    swap = {"symbol": SWAP.symbol, "fee": "0"}
    more = fill("1", **swap, price="62000", size="1")
    less = fill("2", **swap, price="70000", size="1.5", side=SELL, time_ms=NOON_MS + 1)
    # 2 at 60,000 and 1 at 62,000 are 3 at 60,666.67; selling half leaves the average.
    average = (2 * D(60_000) + 62_000) / 3
    found = entry_before(SWAP, D(2), average, [more, less])
    assert found is not None
    assert round(found, 10) == 60_000
    assert entry_before(SWAP, D(2), average, [fill("3", **swap, size="2", side=SELL), more]) is None
    assert entry_before(SWAP, D(2), None, [more]) is None


def test_the_entry_price_of_an_inverse_contract_is_solved_harmonically() -> None:
    more = fill("1", symbol=INVERSE.symbol, price="50000", size="10000")
    average = D(30_000) / (D(20_000) / 40_000 + D(10_000) / 50_000)
    found = entry_before(INVERSE, D(20_000), average, [more])
    assert found is not None
    assert round(found, 8) == 40_000
