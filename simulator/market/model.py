"""What a simulated venue shows, before it is put into that venue's wire format.

Numbers are text exactly as a venue would print them (ticks and lots respected); a venue that sends JSON numbers
converts them when it writes. Sizes are in the venue's own wire unit (contracts, base or quote amount).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SPOT = "spot"
PERPETUAL = "perpetual"
FUTURE = "future"
OPTION = "option"


class NotRecorded(LookupError):
    """The market has no such figure (a tape answers only what was recorded); the message says which."""


@dataclass(frozen=True)
class Listing:
    """One instrument as one venue lists it. Fractions and sizes are text; times are epoch milliseconds.

    `product` is the venue's section (binance: spot, linear, inverse; okx: SPOT, SWAP, FUTURES, OPTION; bybit: spot,
    linear, inverse, option; kucoin: spot, futures; deribit: future, option, spot; deriv: the symbol's market).
    `contract_size` is what one wire unit of size is worth: base units, or quote units where `inverse`.
    `extra` holds further fields of the venue's own instrument list (a taped venue keeps the recorded row here).
    """

    venue: str
    product: str
    native_id: str
    kind: str
    base: str
    quote: str
    settle: str
    tick_size: str
    lot_size: str
    min_size: str
    min_notional: str = ""
    contract_size: str = "1"
    inverse: bool = False
    multiplier: int = 1
    expiry_ms: int | None = None
    strike: str | None = None
    option_type: str | None = None
    maker_fee: str = "0"
    taker_fee: str = "0.001"
    funding_interval_h: int = 8
    listed_ms: int = 1_600_000_000_000
    extra: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class BookView:
    """Levels `(price, size)` best first; `sequence` grows with every change; `time_ms` is the last change."""

    bids: Sequence[tuple[str, str]]
    asks: Sequence[tuple[str, str]]
    sequence: int
    time_ms: int


@dataclass(frozen=True)
class Trade:
    """A public trade; `side` is the aggressor's (`buy` or `sell`)."""

    trade_id: int
    time_ms: int
    price: str
    size: str
    side: str


@dataclass(frozen=True)
class Candle:
    """`start_ms` and prices as text; `volume` in wire units, `turnover` in quote."""

    start_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    turnover: str


@dataclass(frozen=True)
class Stats:
    """The last 24 hours of one instrument; `open_interest` in wire units, empty where it is not known."""

    open: str
    high: str
    low: str
    last: str
    last_size: str
    volume: str
    turnover: str
    open_interest: str


@dataclass(frozen=True)
class FundingView:
    """`rate` is for the settlement at `next_time_ms`; `predicted` for the one after it."""

    rate: str
    predicted: str
    interval_h: int
    next_time_ms: int


class Market(Protocol):
    """A source of prices: the synthetic market, or a tape. All methods are cheap enough for an event loop."""

    universe: str

    def now_ms(self) -> int:
        """The market's time (a tape has its own)."""

    def listings(self, venue: str) -> Sequence[Listing]:
        """Everything this venue lists; empty when it lists nothing."""

    def book(self, listing: Listing, depth: int, now_ms: int) -> BookView:
        """The book at `now_ms` with at most `depth` levels a side."""

    def trades(self, listing: Listing, limit: int, now_ms: int) -> Sequence[Trade]:
        """The last trades, newest first."""

    def candles(
        self, listing: Listing, interval_ms: int, start_ms: int, end_ms: int, offset_ms: int = 0
    ) -> Sequence[Candle]:
        """Candles whose start lies in [start, end], oldest first; none from before the market began.

        They start at multiples of the interval, moved by `offset_ms`.
        """

    def stats(self, listing: Listing, now_ms: int) -> Stats:
        """24-hour figures."""

    def index_price(self, listing: Listing, now_ms: int) -> str:
        """The index price of the underlying."""

    def mark_price(self, listing: Listing, now_ms: int) -> str:
        """The mark price of a derivative."""

    def funding(self, listing: Listing, now_ms: int) -> FundingView:
        """The running funding of a perpetual."""

    def funding_history(self, listing: Listing, start_ms: int, end_ms: int) -> Sequence[tuple[int, str]]:
        """Settled rates `(settlement time, rate)` in [start, end], oldest first."""
