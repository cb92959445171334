"""What every ccxt venue shares, and the whole connector of a venue that needs no code of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from connectors.base import Capabilities, Connector, VenueContext
from connectors.ccxt_candles import PAGE as CANDLE_PAGE
from connectors.side_by_side import all_or_raise
from domain.books import Book
from domain.errors import BadAnswer, ConfigError, CrossbookError
from domain.funding import Funding, FundingPoint
from domain.instruments import KINDS, Instrument
from domain.quotes import Quote

if TYPE_CHECKING:
    from connectors.ccxt_market_store import MarketStore
    from connectors.ccxt_markets import Market
    from connectors.ccxt_session import CcxtSession
    from connectors.http import Request, Response
    from domain.trades import PublicTrade, Trades

T = TypeVar("T")

_PAGE = 200
_MAX_PAGES = 200


class CcxtConnector(Connector):
    """One exchange through its synchronous ccxt class, which is loaded at the first use.

    A subclass overrides what is particular to its venue; the class itself serves any exchange that the configuration
    names (`exchange:`). Numbers reach us as the venue's own text.
    """

    trading_class = "connectors.ccxt_trading:CcxtTrading"
    exchange: ClassVar[str | None] = None
    """The ccxt id; None takes it from the configuration."""
    market_groups: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    """ccxt options of the parts in which the instrument list is downloaded, side by side."""
    market_cost: ClassVar[float] = 1.0
    """What one part costs, in units of the venue's budget."""
    trades_cost: ClassVar[float] = 5.0
    """What a page of public trades costs."""
    candle_cost: ClassVar[float] = 5.0
    """What a page of candles costs."""
    candle_page: ClassVar[int] = CANDLE_PAGE
    """How many candles are asked for at once."""

    capabilities = Capabilities(
        kinds=frozenset(KINDS),
        funding=True,
        funding_history=True,
        fee_source="ccxt's figures for the exchange",
        notes="through ccxt; what the exchange lacks is said when it is asked for",
    )

    def __init__(self, venue: str, context: VenueContext) -> None:
        super().__init__(venue, context)
        name = self.exchange or context.settings.exchange
        if not name:
            raise ConfigError(
                f"The venue {venue!r} does not say which ccxt exchange it is.",
                venue=venue,
                hint=f"Add to its entry: exchange: {venue}",
            )
        self.exchange_id = name
        self.headers = self.capabilities.testnet_headers if context.environment == "testnet" else {}
        self._idle: list[CcxtSession] = []
        self._lock = Lock()

    def fetch_instruments(self) -> list[Instrument]:
        """Download the whole list of instruments, its parts side by side."""
        from connectors.ccxt_markets import to_instruments

        def part(options: Mapping[str, Any]) -> "Callable[[], tuple[list[Market], int]]":
            return lambda: self.call(
                lambda session: (session.exchange.fetch_markets(), session.exchange.precisionMode),
                cost=self.market_cost,
                options=options,
            )

        found = all_or_raise([part(options) for options in self.market_groups])
        markets = [market for part_of_it, _ in found for market in part_of_it]
        self.market_store().replace(markets)
        return to_instruments(
            self.venue,
            markets,
            product=self.product,
            wire_unit=self.wire_unit,
            precision_mode=found[0][1],
        )

    def product(self, market: "Market") -> str | None:
        """Name the section of the venue that lists a market."""
        kind = market.get("type")
        return None if kind is None else str(kind)

    def wire_unit(self, market: "Market") -> Decimal:
        """Tell what a wire size of 1 is worth in base units (in quote units on inverse swaps and futures)."""
        from connectors.ccxt_markets import contract_unit

        return contract_unit(market)

    def fetch_clock_ms(self) -> int:
        """Ask the venue for its time (epoch milliseconds)."""

        def ask(session: "CcxtSession") -> int:
            self._needs(session, "fetchTime", "clock")
            return int(session.exchange.fetch_time())

        return self.call(ask)

    def fetch_quote(self, instrument: Instrument) -> Quote:
        """Ask for the best bid and ask: of the book, or of the ticker where ccxt has no book over REST."""
        from connectors.ccxt_reads import read_ticker

        def ask(session: "CcxtSession") -> Quote:
            self._needs(session, "fetchTicker", "quote")
            raw = session.exchange.fetch_ticker(instrument.symbol)
            return self.reading(read_ticker, raw, instrument, session.received_at_ns())

        with self._borrowed(None) as session:
            has_book = session.exchange.has.get("fetchOrderBook")
        return super().fetch_quote(instrument) if has_book else self.about(instrument, ask)

    def fetch_book(self, instrument: Instrument, depth: int) -> Book:
        """Ask for the book with `depth` levels a side, as far as the exchange takes any number."""
        from connectors.ccxt_reads import read_book

        def ask(session: "CcxtSession") -> Book:
            self._needs(session, "fetchOrderBook", "order book over REST")
            raw = session.exchange.fetch_order_book(instrument.symbol, depth)
            return self.reading(read_book, raw, instrument, session.received_at_ns())

        return self.about(instrument, ask)

    def fetch_funding(self, instrument: Instrument) -> Funding:
        """Ask for the running funding rate."""
        from connectors.ccxt_reads import read_funding

        def ask(session: "CcxtSession") -> Funding:
            self._needs(session, "fetchFundingRate", "funding rate")
            raw = session.exchange.fetch_funding_rate(instrument.symbol)
            return self.reading(read_funding, raw, instrument, session.received_at_ns())

        return self.about(instrument, ask)

    def fetch_funding_history(self, instrument: Instrument, since_ms: int) -> list[FundingPoint]:
        """Ask for settled rates since `since_ms`, oldest first, page by page."""
        from connectors.ccxt_reads import read_point

        def ask(session: "CcxtSession", start_ms: int) -> list[FundingPoint]:
            self._needs(session, "fetchFundingRateHistory", "funding history")
            rows = session.exchange.fetch_funding_rate_history(instrument.symbol, start_ms, _PAGE)
            return [self.reading(read_point, row) for row in rows]

        found: dict[int, FundingPoint] = {}
        start_ms = since_ms
        for _ in range(_MAX_PAGES):
            page = self.about(instrument, partial(ask, start_ms=start_ms))
            fresh = {point.time_ms: point for point in page if point.time_ms >= start_ms}
            if not fresh.keys() - found.keys():
                break
            found.update(fresh)
            start_ms = max(fresh) + 1
        return [found[moment] for moment in sorted(found)]

    def fetch_trades(self, instrument: Instrument, since_ms: int) -> "Trades":
        """Ask for public trades since `since_ms`, oldest first, as far back as the venue tells."""
        from connectors.ccxt_trades import PAGE, collect, read_trade

        def page(session: "CcxtSession", start_ms: int | None, params: Mapping[str, Any]) -> "list[PublicTrade]":
            self._needs(session, "fetchTrades", "public trades")
            rows = session.exchange.fetch_trades(instrument.symbol, start_ms, PAGE, dict(params))
            return [self.reading(read_trade, row, instrument) for row in rows]

        def ask(start_ms: int | None) -> "list[PublicTrade]":
            return self.about(instrument, partial(page, start_ms=start_ms, params={}), cost=self.trades_cost)

        def older(before_ms: int) -> "list[PublicTrade]":
            params = self.older_trades(instrument, before_ms) or {}
            return self.about(instrument, partial(page, start_ms=None, params=params), cost=self.trades_cost)

        pages_back = self.older_trades(instrument, since_ms) is not None
        return collect(since_ms, ask, older if pages_back else None)

    def older_trades(self, instrument: Instrument, before_ms: int) -> Mapping[str, Any] | None:
        """Name the ccxt params of the page of public trades up to a moment; None where the venue has no such pages."""
        del instrument, before_ms
        return None

    def fetch_closes(self, instrument: Instrument, since_ms: int, until_ms: int) -> dict[int, Decimal]:
        """Ask for the closing prices of minutes, window by window; minutes without trades may be absent."""
        from connectors.ccxt_candles import collect, read_closes, window

        def page(session: "CcxtSession", start_ms: int, minutes: int) -> dict[int, Decimal]:
            self._needs(session, "fetchOHLCV", "candles")
            params = window(start_ms, minutes)
            rows = session.exchange.fetch_ohlcv(instrument.symbol, "1m", start_ms, minutes, params)
            return self.reading(read_closes, rows)

        def ask(start_ms: int, minutes: int) -> dict[int, Decimal]:
            work = partial(page, start_ms=start_ms, minutes=minutes)
            return self.about(instrument, work, cost=self.candle_cost)

        return collect(since_ms, until_ms, self.candle_page, ask)

    def base_urls(self) -> list[str]:
        """List the REST URLs of the ccxt class, as this environment reaches them."""
        with self._borrowed(None) as session:
            found = session.base_urls()
        return sorted({self.context.http.endpoints.resolve(url) for url in found})

    def close(self) -> None:
        """Drop the ccxt objects; sockets belong to the shared client."""
        with self._lock:
            self._idle.clear()

    def call(
        self, work: "Callable[[CcxtSession], T]", *, cost: float = 1.0, options: Mapping[str, Any] | None = None
    ) -> T:
        """Run reads of a ccxt object within the guard, and translate what goes wrong.

        Args:
            options: ccxt options for an object of its own; None takes an idle one.
        """

        def attempt() -> T:
            from connectors.ccxt_errors import Operation, translate

            with self._borrowed(options) as session:
                try:
                    return work(session)
                except CrossbookError:
                    raise
                # ccxt raises its own errors, and anything at all when an answer has an unexpected shape;
                # each is translated, and kept as the cause.
                except Exception as error:
                    raise translate(error, Operation.READ, self.venue, session.answer) from error

        return self.context.guard.read(attempt, cost=cost, deadline=self.context.deadline())

    def about(self, instrument: Instrument, work: "Callable[[CcxtSession], T]", *, cost: float = 1.0) -> T:
        """Run reads about one instrument, of which ccxt is given the market as it once parsed it."""

        def with_market(session: "CcxtSession") -> T:
            exchange = session.exchange
            known: Mapping[str, Market] = exchange.markets or {}
            if instrument.symbol not in known:
                stored = self.market_store().find(instrument.symbol)
                if stored is None:
                    markets = exchange.fetch_markets()
                    self.market_store().replace(markets)
                    exchange.set_markets(markets)
                else:
                    exchange.set_markets([*known.values(), stored])
            return work(session)

        return self.call(with_market, cost=cost)

    def reading(self, parse: "Callable[..., T]", *values: Any) -> T:
        """Run a parser; what it cannot read is a bad answer."""
        try:
            return parse(*values)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            what = f"{type(error).__name__}: {str(error)[:80]}"
            raise BadAnswer(f"{self.venue}: an answer of an unexpected shape ({what})", venue=self.venue) from error

    def explain(self, request: "Request", answer: "Response", payload: object) -> CrossbookError:
        """Have the exchange's ccxt class say what an answer without success means."""
        from connectors.ccxt_errors import Operation, page_words, translate

        body = answer.body.decode("utf-8", "replace").strip()
        with self._borrowed(None) as session:
            exchange, given = session.exchange, (request.url, request.method)
            try:
                exchange.handle_errors(
                    answer.status, "", *given, session.folded(answer.headers), body, payload, {}, None
                )
                exchange.handle_http_status_code(answer.status, "", *given, body)
            # The class's own parsing may stumble over a hostile body; whatever it raises is the cause.
            except Exception as error:  # noqa: BLE001
                said = self.words(payload) if payload is not None else page_words(answer.body)
                return translate(error, Operation.READ, self.venue, answer, said)
        return BadAnswer(f"{self.venue}: HTTP {answer.status} with an answer that says nothing", venue=self.venue)

    def words(self, payload: object) -> str | None:
        """Find the venue's own words in an error answer (its text and code), or None."""
        if not isinstance(payload, dict):
            return None
        inner = payload.get("error")
        found = inner if isinstance(inner, dict) else payload
        code = next((found[key] for key in ("code", "retCode") if key in found), None)
        text = next((found[key] for key in ("msg", "retMsg", "message") if found.get(key)), None)
        if text is None:
            return None
        return f"{text} ({code})" if code is not None else str(text)

    def market_store(self) -> "MarketStore":
        from connectors.ccxt_market_store import MarketStore
        from utils.config.paths import cache_dir

        lists = (self.context.markets_key or self.context.environment).replace("/", "+")
        return MarketStore(cache_dir() / "ccxt" / f"{self.venue}-{lists}.sqlite")

    @contextmanager
    def _borrowed(self, options: Mapping[str, Any] | None) -> "Iterator[CcxtSession]":
        """Lend an idle ccxt object (they are not made for several threads), or a new one."""
        with self._lock:
            session = self._idle.pop() if self._idle and options is None else None
        if session is None:
            from connectors.ccxt_session import CcxtSession

            merged = {**self.context.settings.options, **(options or {})}
            session = CcxtSession(self.exchange_id, self.context, merged, self.headers)
        try:
            yield session
        finally:
            if options is None:
                with self._lock:
                    self._idle.append(session)

    def _needs(self, session: "CcxtSession", method: str, what: str) -> None:
        if not session.exchange.has.get(method):
            raise self._unsupported(f"{what} that ccxt can read")
