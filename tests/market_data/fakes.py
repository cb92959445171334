"""Venues made of plain data, for tests of what stands above the connectors."""

import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from connectors.base import Capabilities, Connector
from domain.books import Book, Levels
from domain.errors import CrossbookError
from domain.funding import Funding, FundingPoint
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from utils.config.settings import Config, ReferenceSettings, SimulatorSettings, VenueSettings
from utils.symbols.multipliers import split_multiplier

DEPTHS = (20, 100, 500)


def instrument(venue: str, symbol: str, taker_fee: str | None = "0.001", **more: Any) -> Instrument:
    """An instrument whose fields follow from its canonical symbol."""
    base, _, tail = symbol.partition("/")
    quote, _, settled = tail.partition(":")
    settle, _, expiry = settled.partition("-")
    multiplier, asset = split_multiplier(base)
    fields: dict[str, Any] = {
        "native_id": symbol.replace("/", "-"),
        "kind": FUTURE if expiry else PERPETUAL if settle else SPOT,
        "taker_fee": None if taker_fee is None else Decimal(taker_fee),
        "settle": settle or None,
        "multiplier": multiplier,
        "asset": asset,
    }
    return Instrument(venue=venue, symbol=symbol, base=base, quote=quote, **(fields | more))


class FakeConnector(Connector):
    """Serves the books and funding it was given; an error in their place is raised; `block` makes it hang."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.capabilities = Capabilities(frozenset({SPOT, PERPETUAL}), book_depths={}, max_depth=DEPTHS[-1])
        self.context = SimpleNamespace(clock_offset_ms=lambda: self.offset_ms)  # type: ignore[assignment]
        self.books: dict[str, Any] = {}
        self.funding: dict[str, Any] = {}
        self.history: dict[str, Any] = {}
        self.offset_ms = 0
        self.age_ms = 5
        self.depths: list[int] = []
        self.block: threading.Event | None = None

    def fetch_instruments(self) -> list[Instrument]:
        return []

    def fetch_clock_ms(self) -> int:
        return 0

    def fetch_book(self, instrument: Instrument, depth: int) -> Book:
        self.depths.append(depth)
        if self.block:
            self.block.wait(30)
        bids, asks = _or_raise(self.books[instrument.symbol])
        allowed = next((step for step in DEPTHS if step >= depth), DEPTHS[-1])
        now = time.time_ns()
        return Book(
            venue=self.venue,
            symbol=instrument.symbol,
            bids=Levels(bids[:allowed]),
            asks=Levels(asks[:allowed]),
            received_at_ns=now,
            venue_time_ns=now - self.age_ms * 1_000_000 + self.offset_ms * 1_000_000,
        )

    def fetch_funding(self, instrument: Instrument) -> Funding:
        given = _or_raise(self.funding[instrument.symbol])
        return Funding(
            venue=self.venue,
            symbol=instrument.symbol,
            current=Decimal(given["current"]),
            predicted=None,
            interval_h=given.get("interval_h"),
            next_time_ms=given.get("next_time_ms"),
            continuous=given.get("continuous", False),
            mark_price=None,
            index_price=None,
            received_at_ns=time.time_ns(),
        )

    def fetch_funding_history(self, instrument: Instrument, since_ms: int) -> list[FundingPoint]:
        points: list[FundingPoint] = _or_raise(self.history.get(instrument.symbol, []))
        return [point for point in points if point.time_ms >= since_ms]


class FakeVenues:
    """What the services use of connectors.registry.Venues."""

    def __init__(self) -> None:
        self.connectors: dict[str, FakeConnector] = {}
        self.retired: dict[str, str] = {}
        self.failures: dict[str, CrossbookError] = {}
        self.notes: list[str] = []
        self.listed: list[Instrument] = []
        self.cache = self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.connectors)

    def add(self, venue: str, *instruments: Instrument) -> FakeConnector:
        """Add a venue with what it lists."""
        self.connectors[venue] = connector = FakeConnector(venue)
        self.listed += instruments
        return connector

    def add_book(
        self, venue: str, symbol: str, bids: Any, asks: Any = (), taker_fee: str | None = "0.001"
    ) -> FakeConnector:
        """Add a venue (or one more market of it) with a book; an error in the place of bids is raised when asked."""
        connector = self.connectors.get(venue) or self.add(venue)
        self.listed.append(instrument(venue, symbol, taker_fee))
        connector.books[symbol] = bids if isinstance(bids, Exception) else (bids, asks)
        return connector

    def connector(self, name: str) -> FakeConnector:
        return self.connectors[name]

    def find_everywhere(self, venues: Sequence[str], symbol: str) -> dict[str, Instrument]:
        return {i.venue: i for i in self.listed if i.venue in venues and i.symbol == symbol}

    def by_native(self, venue: str, native_id: str) -> list[Instrument]:
        return [i for i in self.listed if i.venue == venue and i.native_id == native_id]

    def by_asset(self, venue: str, asset: str) -> list[Instrument]:
        return [i for i in self.listed if i.venue == venue and i.asset == asset]

    def all(self, venue: str) -> list[Instrument]:
        return [i for i in self.listed if i.venue == venue]

    def symbols(self, venue: str) -> list[str]:
        return sorted(i.symbol for i in self.listed if i.venue == venue)


def config(stale_after_ms: int = 10_000, **venues: VenueSettings) -> Config:
    """A configuration without a reference."""
    return Config(
        environment="sim",
        timeout_s=5,
        stale_after_ms=stale_after_ms,
        market_ttl_h=24,
        venues=venues,
        reference=ReferenceSettings(enabled=False),
        simulator=SimulatorSettings(),
    )


def soon(seconds: float = 5.0) -> float:
    """A deadline."""
    return time.monotonic() + seconds


def _or_raise(given: Any) -> Any:
    if isinstance(given, Exception):
        raise given
    return given
