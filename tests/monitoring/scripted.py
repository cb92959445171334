"""A venue whose private lists a test writes, for what no simulator shows at will: cuts in the middle, changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from connectors.trading import FillSpan, Traded, Trading, TradingRules
from domain.errors import CrossbookError, Unavailable
from domain.instruments import Instrument
from domain.movements import Delivery, Transfer
from domain.orders import Balance, Fill, FundingPayment, Position


class ScriptedTrading(Trading):
    """Lists what it was given; spans of `span_ms`; `fails_after` spans the connection is gone."""

    rules = TradingRules(types={}, tifs={}, settling_ms=2_000)

    def __init__(self, venue: str, now_ms: int) -> None:
        super().__init__(venue)
        self.now_ms = now_ms
        self.span_ms = 3_600_000
        self.found = Traded(())
        self.listed: list[Fill] = []
        self.paid: list[FundingPayment] = []
        self.moved: list[Transfer] = []
        self.delivered: list[Delivery] = []
        self.held: list[list[Position]] = [[]]
        self.cash: list[list[Balance]] = [[]]
        self.fails_after: int | None = None
        self.asked: list[tuple[str, str, int]] = []
        self.spans = 0

    def traded(self, since_ms: int) -> Traded:
        return self.found

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        self.asked.append(("fills", instrument.symbol, since_ms))
        start_ms = since_ms
        while start_ms <= self.now_ms:
            if self.fails_after is not None and self.spans >= self.fails_after:
                raise Unavailable("the line is cut", venue=self.venue)
            self.spans += 1
            end_ms = min(start_ms + self.span_ms - 1, self.now_ms)
            mine = [fill for fill in self.listed if fill.symbol == instrument.symbol]
            yield FillSpan(end_ms, [fill for fill in mine if start_ms <= fill.time_ms <= end_ms])
            start_ms = end_ms + 1

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        self.asked.append(("funding", instrument.symbol, since_ms))
        return [item for item in self.paid if item.symbol == instrument.symbol and item.time_ms >= since_ms]

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        return [item for item in self.delivered if item.symbol == instrument.symbol and item.time_ms >= since_ms]

    def transfers(self, since_ms: int) -> list[Transfer]:
        return [item for item in self.moved if item.time_ms >= since_ms]

    def positions(self) -> list[Position]:
        return self.held.pop(0) if len(self.held) > 1 else self.held[0]

    def balances(self) -> list[Balance]:
        return self.cash.pop(0) if len(self.cash) > 1 else self.cash[0]

    # What orders need is not asked for here.
    def submit(self, *_: Any) -> Any:
        raise NotImplementedError

    cancel = find = open_orders = closed_orders = fills = submit


class ScriptedCloses:
    """The public half: minutes' closes of symbols, as they were given."""

    def __init__(self, venue: str, closes: Mapping[str, Mapping[int, Decimal]]) -> None:
        self.venue = venue
        self.closes = closes
        self.asked: list[tuple[str, int, int]] = []
        self.context = SimpleNamespace(clock_offset_ms=lambda: 0)

    def fetch_closes(self, instrument: Instrument, since_ms: int, until_ms: int) -> dict[int, Decimal]:
        self.asked.append((instrument.symbol, since_ms, until_ms))
        known = self.closes.get(instrument.symbol, {})
        return {at: price for at, price in known.items() if since_ms <= at <= until_ms}


@dataclass
class ScriptedVenues:
    """Venues of a run, as far as a sync needs them."""

    tradings: dict[str, ScriptedTrading]
    instruments: list[Instrument]
    closes: Mapping[str, Mapping[int, Decimal]] = field(default_factory=dict)
    failures: dict[str, CrossbookError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connectors = {name: ScriptedCloses(name, self.closes) for name in self.tradings}

    @property
    def cache(self) -> "ScriptedVenues":
        return self

    def find(self, venue: str, symbol: str) -> Instrument | None:
        return next((item for item in self.instruments if (item.venue, item.symbol) == (venue, symbol)), None)

    def require_keys(self, venue: str) -> None:
        pass

    def trading(self, venue: str) -> ScriptedTrading:
        return self.tradings[venue]

    def connector(self, venue: str) -> ScriptedCloses:
        return self.connectors[venue]
