"""The connector contract: what every venue's plug-in offers, and the data it declares about itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from domain.books import Book
from domain.errors import Unsupported
from domain.instruments import Instrument
from domain.quotes import Quote
from utils.config.settings import PaperSettings

if TYPE_CHECKING:
    from decimal import Decimal

    from connectors.guard import Guard
    from connectors.http import HttpClient
    from domain.funding import Funding, FundingPoint
    from domain.trades import Trades
    from utils.config.settings import VenueSettings
    from utils.secrets import Credentials


@dataclass(frozen=True)
class Capabilities:
    """What a venue can do, as data. Depths are levels per side; fees come from the instruments unless said."""

    kinds: frozenset[str]
    quotes: bool = True
    books: bool = True
    book_depths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Depths the venue allows, ascending, per product; a product that is absent allows any up to `max_depth`."""
    max_depth: int = 0
    funding: bool = False
    predicted_funding: bool = False
    funding_history: bool = False
    continuous_funding: bool = False
    testnet_hosts: Mapping[str, str] = field(default_factory=dict)
    """Real host -> base URL of the venue's test environment; empty where the venue has none."""
    testnet_headers: Mapping[str, str] = field(default_factory=dict)
    needs_passphrase: bool = False
    requests_per_minute: int = 600
    """Our budget in units of request cost, shared by every process of this machine."""
    burst: int | None = None
    """How many of these units may go at once, where the venue counts in windows of seconds; None: a quarter."""
    fee_source: str = "venue instrument list"
    notes: str = ""


@dataclass(frozen=True)
class VenueContext:
    """What a connector is given to work with in one process."""

    environment: str
    settings: "VenueSettings"
    http: "HttpClient"
    guard: "Guard"
    credentials: "Callable[[], Credentials | None]"
    deadline: Callable[[], float]
    """Answers until when (time.monotonic seconds) the running command may wait."""
    clock_offset_ms: Callable[[], int]
    """Answers the venue's clock minus ours, as last measured; for signed calls."""
    paper: PaperSettings = field(default_factory=PaperSettings)
    """What a broker on paper begins with."""
    markets_key: str = ""
    """Names the instrument lists in use (`live`, `sim/synthetic-7`); empty: the environment's own."""


class Connector(ABC):
    """One venue. Methods block; each raises the errors of `domain.errors` and nothing else.

    Sizes are base units and prices quote per base, converted here from whatever the wire counts in.
    """

    capabilities: Capabilities
    trading_class: ClassVar[str | None] = None
    """Where the venue's private half is (`package.module:Class`, a `connectors.trading.Trading`); None: it has none."""

    def __init__(self, venue: str, context: VenueContext) -> None:
        self.venue = venue
        self.context = context

    @abstractmethod
    def fetch_instruments(self) -> list[Instrument]:
        """Download the whole list of instruments, its parts side by side."""

    @abstractmethod
    def fetch_clock_ms(self) -> int:
        """Ask the venue for its time (epoch milliseconds)."""

    def fetch_quote(self, instrument: Instrument) -> Quote:
        """Ask for the best bid and ask with their sizes: the top of the smallest book, unless a venue has better."""
        return self.fetch_book(instrument, 1).quote()

    def fetch_book(self, instrument: Instrument, depth: int) -> Book:
        """Ask for the book with at least `depth` levels a side where the venue has them (its next allowed depth)."""
        raise self._unsupported("order book")

    def fetch_funding(self, instrument: Instrument) -> "Funding":
        """Ask for the running, and where given the predicted, funding rate of a perpetual."""
        raise self._unsupported("funding")

    def fetch_funding_history(self, instrument: Instrument, since_ms: int) -> "list[FundingPoint]":
        """Ask for settled funding rates since `since_ms`, oldest first, all pages."""
        raise self._unsupported("funding history")

    def fetch_trades(self, instrument: Instrument, since_ms: int) -> "Trades":
        """Ask for public trades since `since_ms`, oldest first, as far back as the venue tells."""
        raise self._unsupported("public trades")

    def fetch_closes(self, instrument: Instrument, since_ms: int, until_ms: int) -> "dict[int, Decimal]":
        """Ask for the closing prices of the minutes that begin in [since_ms, until_ms], as {epoch ms: price}.

        A minute without a candle is absent. As far back as the venue keeps one-minute candles, all pages.
        """
        raise self._unsupported("candles")

    def fetch_maintenance(self) -> str | None:
        """Ask whether the venue announces maintenance: its words, or None when it says that all is well."""
        return None

    def base_urls(self) -> list[str]:
        """List the URLs that this venue is reached at in this environment."""
        return []

    def close(self) -> None:
        """Release sockets."""

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(f"{self.venue} has no {what}.", venue=self.venue)
