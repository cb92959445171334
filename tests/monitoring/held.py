"""Holdings and venues' answers made by hand; everything is at one venue."""

from decimal import Decimal
from typing import Any

from domain.instruments import PERPETUAL, SPOT, Instrument
from domain.orders import Balance, Fill, Position
from monitoring.accounting.book import Book
from monitoring.accounting.contract import Contract
from monitoring.holdings import Holding
from monitoring.venue_state import VenueState

D = Decimal


def swap(symbol: str = "BTC/USDT:USDT", **more: Any) -> Instrument:
    usual = {"kind": PERPETUAL, "base": "BTC", "quote": "USDT", "settle": "USDT", "unit_size": D("0.01")}
    return Instrument(venue="okx", symbol=symbol, native_id=symbol, asset="BTC", **{**usual, **more})


def spot(symbol: str = "BTC/USDT") -> Instrument:
    base, quote = symbol.split("/")
    return Instrument("okx", symbol, symbol, SPOT, base, quote, None, base)


INVERSE = swap("BTC/USD:BTC", quote="USD", settle="BTC", inverse=True, unit_size=D(100))


def fill(instrument: Instrument, side: str, size: str, price: str, time_ms: int = 1) -> Fill:
    numbers = (D(price), D(size), D(0), instrument.quote)
    return Fill("okx", instrument.symbol, f"{time_ms}", None, None, side, *numbers, None, time_ms)


def holding(instrument: Instrument, *trades: tuple[str, str, str]) -> Holding:
    book = Book(Contract.of(instrument))
    for time_ms, (side, size, price) in enumerate(trades, 1):
        book.add(fill(instrument, side, size, price, time_ms))
    return Holding(book, instrument)


def ours(*holdings: Holding) -> dict[tuple[str, str], Holding]:
    return {("okx", holding.book.contract.symbol): holding for holding in holdings}


def states(*positions: Position, **cash: str) -> dict[str, VenueState]:
    balances = [Balance("okx", currency, D(total), D(0), D(total)) for currency, total in cash.items()]
    return {"okx": VenueState("okx", positions, balances)}
