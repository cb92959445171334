"""Ledgers made by hand, and a market that says what it is told to: for tests of what was earned."""

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.errors import CrossbookError
from domain.instruments import Instrument
from domain.orders import Balance, Fill, FundingPayment, Position
from monitoring.ledger.store import Ledger
from tests.market_data.fakes import FakeVenues, config, instrument

D = Decimal
T0 = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000
"""A midnight, UTC."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

SPOT = instrument("okx", "BTC/USDT")
SWAP = instrument("okx", "BTC/USDT:USDT")
INVERSE = instrument("deribit", "BTC/USD:BTC", inverse=True)


class Trades:
    """Writes trades of one instrument, a minute after each other unless told otherwise."""

    def __init__(self, ledger: Ledger, item: Instrument) -> None:
        self.ledger, self.item, self.number = ledger, item, 0
        ledger.add_instruments([item])

    def add(self, side: str, size: str, price: str, fee: str | None = "0", *, order: str | None = None,
            at: int | None = None, currency: str | None = None, client: str | None = None) -> Fill:  # fmt: skip
        self.number += 1
        own = self.item.settle or self.item.quote
        made = Fill(
            self.item.venue, self.item.symbol, f"t{self.number}", order, client, side, D(price), D(size),
            None if fee is None else D(fee), currency or own, None, T0 + self.number * MINUTE if at is None else at,
        )  # fmt: skip
        assert self.ledger.add_fills([made]) == 1
        return made

    def pay(self, amount: str, at: int, rate: str | None = None) -> None:
        self.number += 1
        payment = FundingPayment(
            self.item.venue, self.item.symbol, f"p{self.number}", at, D(amount), self.item.settle or "",
            None if rate is None else D(rate),
        )  # fmt: skip
        assert self.ledger.add_payments([payment]) == 1


def ledger_at(folder: Path) -> Ledger:
    return Ledger.open(folder / "ledger" / "test.sqlite")


class _Trading:
    def __init__(self, answers: "MarketVenues", venue: str) -> None:
        self._answers, self._venue = answers, venue

    def positions(self) -> Sequence[Position]:
        return _given(self._answers.held.get(self._venue, []))

    def balances(self) -> Sequence[Balance]:
        return _given(self._answers.owned.get(self._venue, []))


class MarketVenues(FakeVenues):
    """Fake venues with accounts: `held` positions and `owned` balances by venue; an error in their place is raised."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, Any] = {}
        self.owned: dict[str, Any] = {}

    def find(self, venue: str, symbol: str) -> Instrument | None:
        return self.find_everywhere([venue], symbol).get(venue)

    def start(self, deadline: float) -> None:
        pass

    def trading(self, venue: str) -> _Trading:
        return _Trading(self, venue)


class Market:
    """What `open_session` would give, and which venues it was opened for."""

    def __init__(self) -> None:
        self.venues, self.config = MarketVenues(), config()
        self.opened: list[list[str]] = []
        self.venues.add("okx", SPOT, SWAP)
        self.venues.add("deribit", INVERSE)

    def deadline(self) -> float:
        return time.monotonic() + 5

    def open(self, names: Sequence[str]) -> Any:
        self.opened.append(list(names))
        return self

    def price(self, venue: str, symbol: str, price: str) -> None:
        """Let a book have this middle."""
        connector = self.venues.connector(venue)
        connector.books[symbol] = ([[str(D(price) - 1), "1"]], [[str(D(price) + 1), "1"]])
        if self.venues.find(venue, symbol) is None:
            self.venues.listed.append(instrument(venue, symbol))

    def holds(self, venue: str, symbol: str, size: str, mark: str | None, unrealized: str | None = None) -> None:
        gain = None if unrealized is None else D(unrealized)
        position = Position(venue, symbol, D(size), None, None if mark is None else D(mark), unrealized=gain)
        self.venues.held.setdefault(venue, []).append(position)

    def fails(self, venue: str, error: CrossbookError) -> None:
        self.venues.held[venue] = self.venues.owned[venue] = error

    def owns(self, venue: str, **amounts: str) -> None:
        self.venues.owned[venue] = [
            Balance(venue, currency, D(total), D(0), D(total)) for currency, total in amounts.items()
        ]


def nobody(names: Sequence[str]) -> Any:
    """Stand where a market would be opened, and must not be."""
    raise AssertionError(f"venues were opened: {names}")


def rows_of(record: Mapping[str, Any], name: str = "symbol") -> dict[str, Any]:
    return {row[name]: row for row in record["rows"]}


def _given(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer
