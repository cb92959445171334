"""What every ccxt venue shares, and the whole connector of a venue that needs no code of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from connectors.base import Capabilities, Connector, VenueContext
from connectors.ccxt_errors import Operation, translate
from connectors.side_by_side import all_or_raise
from domain.books import REST, Book, Levels
from domain.errors import BadAnswer, ConfigError, CrossbookError
from domain.funding import Funding, FundingPoint
from domain.instruments import KINDS, Instrument
from domain.money import BadNumber, to_decimal_or_none
from domain.quotes import Quote
from domain.time import NS_PER_MS

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_markets import Market
    from connectors.ccxt_session import CcxtSession
    from connectors.http import Request, Response

T = TypeVar("T")

_PAGE = 200
_MAX_PAGES = 200


class CcxtConnector(Connector):
    """One exchange through its synchronous ccxt class, which is loaded at the first use.

    A subclass overrides what is particular to its venue; the class itself serves any exchange that the configuration
    names (`exchange:`). Numbers reach us as the venue's text.
    """

    exchange: ClassVar[str | None] = None
    """The ccxt id; None takes it from the configuration."""
    market_groups: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    """ccxt options of the parts in which the instrument list is downloaded, side by side."""
    market_cost: ClassVar[float] = 1.0
    """What one part costs, in units of the venue's budget."""

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

        def part(options: Mapping[str, Any]) -> Callable[[], "tuple[list[Market], int]"]:
            return lambda: self.call(
                lambda exchange: (exchange.fetch_markets(), exchange.precisionMode), self.market_cost, options
            )

        found = all_or_raise([part(options) for options in self.market_groups])
        return to_instruments(
            self.venue,
            (market for markets, _ in found for market in markets),
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
        return self.call(lambda exchange: int(self._has(exchange, "fetchTime", "clock").fetch_time()))

    def fetch_quote(self, instrument: Instrument) -> Quote:
        """Ask for the best bid and ask: from the book, or from the ticker where there is no book over REST."""
        return self.about(instrument, self._quote)

    def fetch_book(self, instrument: Instrument, depth: int) -> Book:
        """Ask for the book with `depth` levels a side, if the exchange takes any number."""
        return self.about(instrument, lambda exchange: self._book(exchange, instrument, depth))

    def fetch_funding(self, instrument: Instrument) -> Funding:
        """Ask for the running funding rate."""
        return self.about(instrument, lambda exchange: self._funding(exchange, instrument))

    def fetch_funding_history(self, instrument: Instrument, since_ms: int) -> list[FundingPoint]:
        """Ask for settled rates since `since_ms`, oldest first, page by page."""
        found: dict[int, FundingPoint] = {}
        start = since_ms
        for _ in range(_MAX_PAGES):
            rows: list[dict[str, Any]] = self.about(
                instrument,
                lambda exchange, start=start: self._has(  # type: ignore[misc]
                    exchange, "fetchFundingRateHistory", "funding history"
                ).fetch_funding_rate_history(instrument.symbol, start, _PAGE),
            )
            points = [self.reading(_point, row) for row in rows]
            fresh = [point for point in points if point.time_ms >= since_ms and point.time_ms not in found]
            if not fresh:
                break
            found.update((point.time_ms, point) for point in fresh)
            start = max(point.time_ms for point in fresh) + 1
        return [found[time] for time in sorted(found)]

    def base_urls(self) -> list[str]:
        """List the REST URLs of the ccxt class, as this environment reaches them."""
        with self._borrowed({}) as session:
            found = _urls(session.exchange.urls.get("api"), session.exchange.hostname)
        return sorted({self.context.http.endpoints.resolve(url) for url in found})

    def close(self) -> None:
        """Drop the ccxt objects; sockets belong to the shared client."""
        with self._lock:
            self._idle.clear()

    def call(
        self, work: "Callable[[Exchange], T]", cost: float = 1.0, options: Mapping[str, Any] | None = None
    ) -> T:
        """Run reads of a ccxt object within the guard, and translate what goes wrong.

        Args:
            options: ccxt options for an object of its own; None takes an idle one.
        """

        def attempt() -> T:
            with self._borrowed(options) as session:
                try:
                    return work(session.exchange)
                except CrossbookError:
                    raise
                # ccxt raises its own errors, and anything at all when an answer has an unexpected shape;
                # each is translated and kept as the cause.
                except Exception as error:  # noqa: BLE001
                    raise translate(error, Operation.READ, self.venue, session.answer) from error

        return self.context.guard.read(attempt, cost=cost, deadline=self.context.deadline())

    def about(self, instrument: Instrument, work: "Callable[[Exchange], T]") -> T:
        """Run reads about one instrument. Where ccxt wants more of a market than we keep, the list is loaded."""
        from connectors.ccxt_markets import to_market

        def with_market(exchange: "Exchange") -> T:
            if exchange.markets is None or instrument.symbol not in exchange.markets:
                exchange.set_markets([to_market(instrument)])
            try:
                return work(exchange)
            except (KeyError, TypeError):
                if len(exchange.markets) > 1:
                    raise
                exchange.set_markets(exchange.fetch_markets())
                return work(exchange)

        return self.call(with_market)

    def reading(self, parse: "Callable[..., T]", *values: Any) -> T:
        """Run a parser; what it cannot read is a bad answer."""
        try:
            return parse(*values)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise BadAnswer(
                f"{self.venue}: an answer of an unexpected shape ({type(error).__name__}: {str(error)[:80]})",
                venue=self.venue,
            ) from error

    def explain(self, request: "Request", answer: "Response", payload: object) -> CrossbookError:
        """Have the exchange's ccxt class say what an answer without success means."""
        body = answer.body.decode("utf-8", "replace").strip()
        with self._borrowed(None) as session:
            exchange = session.exchange
            try:
                exchange.handle_errors(
                    answer.status, "", request.url, request.method, answer.headers, body, payload, {}, request.body
                )
                exchange.handle_http_status_code(answer.status, "", request.url, request.method, body)
            # The class's own parsing may stumble over a hostile body; what it raises is the cause either way.
            except Exception as error:  # noqa: BLE001
                return translate(error, Operation.READ, self.venue, answer, self.words(payload))
        return BadAnswer(f"{self.venue}: HTTP {answer.status} without a reason that we know", venue=self.venue)

    def words(self, payload: object) -> str | None:
        """Find the venue's own words in an error answer: code and message, or None."""
        if not isinstance(payload, dict):
            return None
        inner = payload.get("error")
        found = inner if isinstance(inner, dict) else payload
        code = next((found[key] for key in ("code", "retCode") if key in found), None)
        text = next((found[key] for key in ("msg", "retMsg", "message") if found.get(key)), None)
        return None if text is None else f"{text} ({code})" if code is not None else str(text)

    def _borrowed(self, options: Mapping[str, Any] | None) -> "_Borrowed":
        return _Borrowed(self, options)

    def _take(self, options: Mapping[str, Any] | None) -> "CcxtSession":
        with self._lock:
            if options is None and self._idle:
                return self._idle.pop()
        from connectors.ccxt_session import CcxtSession

        merged = {**self.context.settings.options, **(options or {})}
        return CcxtSession(self.exchange_id, self.context, merged, self.headers)

    def _give_back(self, session: "CcxtSession") -> None:
        with self._lock:
            self._idle.append(session)

    def _has(self, exchange: "Exchange", method: str, what: str) -> "Exchange":
        if not exchange.has.get(method):
            raise self._unsupported(f"{what} that ccxt can read")
        return exchange

    def _quote(self, exchange: "Exchange") -> Quote:
        raise AssertionError(exchange)

    def _book(self, exchange: "Exchange", instrument: Instrument, depth: int) -> Book:
        self._has(exchange, "fetchOrderBook", "order book over REST")
        raw = exchange.fetch_order_book(instrument.symbol, depth)
        return self.reading(_book, self.venue, instrument, raw, self._received_at_ns(exchange))

    def _funding(self, exchange: "Exchange", instrument: Instrument) -> Funding:
        raw = self._has(exchange, "fetchFundingRate", "funding").fetch_funding_rate(instrument.symbol)
        return self.reading(_funding, self.venue, instrument, raw, self._received_at_ns(exchange))

    def _received_at_ns(self, exchange: "Exchange") -> int:
        raise AssertionError(exchange)
