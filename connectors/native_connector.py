"""Public reads of a ccxt venue without ccxt: its own requests, and pure parsers of its own answers.

ccxt is what knows the venue's instruments and its errors; it is loaded when those are needed, so that a price that is
simply there costs no more than the socket and the JSON.
"""

import json
import time
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from connectors.base import Connector
from connectors.ccxt_connector import CcxtConnector
from connectors.http import Request, Response
from connectors.side_by_side import all_or_raise
from domain.books import Book, Levels
from domain.errors import BadAnswer, CrossbookError, NotListed, RateLimited
from domain.funding import Funding, FundingPoint, check_rate
from domain.instruments import PERPETUAL, Instrument
from domain.money import BadNumber, to_decimal_or_none
from domain.quotes import Quote
from domain.time import NS_PER_MS

T = TypeVar("T")
Payload = Any
"""Decoded JSON whose numbers with a fraction are text."""

_MAX_PAGES = 500
_LOOKED_AT = 20
"""Levels of each side that are checked as soon as a book comes in."""
_WORTH_TELLING = 0.25
"""Share of a venue's limit from which its own count is worth a write to the shared budget."""


class NativeConnector(CcxtConnector):
    """A venue whose books, quotes, funding and clock are read by its own requests.

    A venue gives URLs and parsers. Parsers are pure, and may raise what a parser raises on an unexpected shape.
    """

    error_codes: ClassVar[Mapping[str, type[CrossbookError]]] = {}
    """The venue's codes that ccxt's class files wrongly, or not at all; they win over ccxt."""

    history_forward: ClassVar[bool] = False
    """The venue's pages of settled rates start at the oldest asked for (else: end at the newest)."""

    @abstractmethod
    def book_request(self, instrument: Instrument, depth: int) -> Request:
        """Build the request of a book; `depth` is one the venue allows."""

    @staticmethod
    @abstractmethod
    def parse_book(payload: Payload, instrument: Instrument, received_at_ns: int) -> Book:
        """Read a book."""

    @abstractmethod
    def funding_requests(self, instrument: Instrument) -> Sequence[Request]:
        """Build the requests that tell the running funding; they are sent side by side."""

    @staticmethod
    @abstractmethod
    def parse_funding(payloads: Sequence[Payload], instrument: Instrument, received_at_ns: int) -> Funding:
        """Read the running funding."""

    @abstractmethod
    def history_request(self, instrument: Instrument, since_ms: int, until_ms: int) -> Request:
        """Build the request of one page of settled rates within [since, until]."""

    @staticmethod
    @abstractmethod
    def parse_history(payload: Payload) -> list[FundingPoint]:
        """Read one page of settled rates, in any order."""

    @abstractmethod
    def clock_request(self) -> Request:
        """Build the request of the venue's time."""

    @staticmethod
    @abstractmethod
    def parse_clock(payload: Payload) -> int:
        """Read the venue's time (epoch milliseconds)."""

    @staticmethod
    @abstractmethod
    def is_error(payload: Payload) -> bool:
        """Tell whether an answer with HTTP 200 is an error after all."""

    def allowed_depth(self, instrument: Instrument, depth: int) -> int:
        """Return the next depth that the venue allows, or its largest."""
        allowed = self.capabilities.book_depths.get(instrument.product or "")
        if not allowed:
            return min(depth, self.capabilities.max_depth)
        return allowed[min(bisect_left(allowed, depth), len(allowed) - 1)]

    def fetch_quote(self, instrument: Instrument) -> Quote:
        """Ask for the best bid and ask with their sizes: the top of the smallest book."""
        return Connector.fetch_quote(self, instrument)

    def fetch_book(self, instrument: Instrument, depth: int) -> Book:
        """Ask for the book with at least `depth` levels a side, where the venue has them."""
        request = self.book_request(instrument, self.allowed_depth(instrument, depth))
        return self.read(request, lambda payload, at: checked(self.parse_book(payload, instrument, at)))

    def fetch_funding(self, instrument: Instrument) -> Funding:
        """Ask for the running funding of a perpetual."""
        self._must_pay_funding(instrument)
        calls = [self._job(request) for request in self.funding_requests(instrument)]
        answers = all_or_raise(calls)
        received_at_ns = max(at for _, at in answers)
        found = self.reading(self.parse_funding, [payload for payload, _ in answers], instrument, received_at_ns)
        self.reading(check_rate, found.current, found.interval_h)
        self.reading(check_rate, found.predicted, None)
        return found

    def fetch_funding_history(self, instrument: Instrument, since_ms: int) -> list[FundingPoint]:
        """Ask for settled rates since `since_ms`, oldest first, all pages."""
        self._must_pay_funding(instrument)
        found: dict[int, FundingPoint] = {}
        start_ms, until_ms = since_ms, time.time_ns() // 1_000_000
        for _ in range(_MAX_PAGES):
            request = self.history_request(instrument, start_ms, until_ms)
            page = self.read(request, lambda payload, _: believable(self.parse_history(payload)))
            fresh = {point.time_ms: point for point in page if point.time_ms not in found}
            found.update(fresh)
            # Short pages end nothing: venues lower their page sizes without a word.
            if not fresh or (min(fresh) <= since_ms and not self.history_forward):
                break
            if self.history_forward:
                start_ms = max(fresh) + 1
            else:
                until_ms = min(fresh) - 1
        return [found[moment] for moment in sorted(found) if moment >= since_ms]

    def fetch_clock_ms(self) -> int:
        """Ask the venue for its time (epoch milliseconds)."""
        return self.read(self.clock_request(), lambda payload, _: self.parse_clock(payload))

    def read(self, request: Request, parse: Callable[[Payload, int], T]) -> T:
        """Send one read within the guard and parse its answer there, so that a bad one is asked for again.

        Args:
            parse: gets the decoded answer and when it came (epoch nanoseconds).
        """
        deadline = self.context.deadline()
        return self.context.guard.read(
            lambda: self._attempt(request, parse, deadline), cost=request.cost, deadline=deadline
        )

    def usage(self, url: str, headers: Mapping[str, str]) -> tuple[float, float, float] | None:
        """Read the venue's own count from an answer's headers: used, limit, seconds of its window; None: not told."""
        del url, headers
        return None

    def wait_s(self, headers: Mapping[str, str], now_ms: int) -> float | None:
        """Read how long a venue that limits us wants us to wait, where it does not say `Retry-After`."""
        del headers, now_ms
        return None

    def get(self, url: str, cost: float = 1.0) -> Request:
        """Build a GET with the headers that this environment asks for."""
        if not url.isascii():  # there are instruments with Chinese names
            from urllib.parse import quote

            url = quote(url, safe=":/?&=%,")
        return Request("GET", url, self.headers, cost=cost)

    def quote(self, instrument: Instrument, received_at_ns: int, venue_time_ns: int | None, *sides: Any) -> Quote:
        """Build a quote from wire numbers: bid, bid size, ask, ask size (a price of 0 or none is an empty side)."""
        bid, bid_size, ask, ask_size = sides
        return Book(
            venue=self.venue,
            symbol=instrument.symbol,
            bids=levels([[bid, bid_size]] if _there(bid) else [], instrument),
            asks=levels([[ask, ask_size]] if _there(ask) else [], instrument),
            received_at_ns=received_at_ns,
            venue_time_ns=venue_time_ns,
        ).quote()

    def reached(self, urls: Iterable[str]) -> list[str]:
        """List scheme and host of real URLs, as this environment reaches them."""
        found = {"/".join(self.context.http.endpoints.resolve(url).split("/", 3)[:3]) for url in urls}
        return sorted(found)

    def _attempt(self, request: Request, parse: Callable[[Payload, int], T], deadline: float) -> T:
        answer = self.context.http.send(request, deadline=deadline)
        used = self.usage(request.url, answer.headers)
        if used is not None and used[0] > used[1] * _WORTH_TELLING:
            self.context.guard.feed_back(*used)
        payload = self._decoded(answer)
        if answer.status >= 300 or self.reading(self.is_error, payload):
            raise self._refusal(request, answer, payload)
        return self.reading(parse, payload, answer.received_at_ns)

    def _decoded(self, answer: Response) -> Payload:
        try:
            return json.loads(answer.body, parse_float=str)
        except (ValueError, RecursionError) as error:
            if answer.status >= 300:
                return None  # a refusal need not be JSON
            raise BadAnswer(
                f"{self.venue}: an answer that is not JSON ({len(answer.body)} bytes, starts with "
                f"{answer.body[:40].decode('utf-8', 'replace')!a})",
                venue=self.venue,
            ) from error

    def _refusal(self, request: Request, answer: Response, payload: Payload) -> CrossbookError:
        found = self.explain(request, answer, payload)
        if isinstance(found, RateLimited) and found.retry_after_s is None:
            found.retry_after_s = self.wait_s(answer.headers, answer.received_at_ns // NS_PER_MS)
        kind = self.error_codes.get(self.code(payload) or "")
        if kind is None or isinstance(found, kind):
            return found
        better = kind(found.message, venue=self.venue)
        better.__cause__ = found
        return better

    def code(self, payload: Payload) -> str | None:
        """Find the venue's error code."""
        if not isinstance(payload, dict):
            return None
        inner = payload.get("error")
        found = inner if isinstance(inner, dict) else payload
        return next((str(found[key]) for key in ("code", "retCode") if key in found), None)

    def _job(self, request: Request) -> Callable[[], tuple[Payload, int]]:
        return lambda: self.read(request, lambda payload, at: (payload, at))

    def _must_pay_funding(self, instrument: Instrument) -> None:
        if instrument.kind != PERPETUAL:
            raise self._unsupported(f"funding on {instrument.symbol}: it is no perpetual")


def levels(rows: object, instrument: Instrument) -> Levels:
    """Take one side's rows as they are; sizes become base units when they are read."""
    if not isinstance(rows, list):
        raise BadNumber(f"not a book side: {type(rows).__name__}")
    return Levels(rows, unit_size=instrument.unit_size, inverse=instrument.inverse)


def checked(book: Book) -> Book:
    """Check the best levels and the last one of both sides: that they can be read, and that the best comes first.

    The other levels are checked by whoever reads them; a book of 5,000 levels is mostly not looked at.
    """
    for side, rising in ((book.bids, False), (book.asks, True)):
        if len(side):
            prices = [level.price for level in side.top(_LOOKED_AT)] + [side[len(side) - 1].price]
            if prices != sorted(prices, reverse=not rising):
                raise BadNumber("book levels in the wrong order")
    return book


def meant(told: object, instrument: Instrument) -> None:
    """Refuse an answer about another instrument; a venue that does not name it is believed.

    Raises:
        ValueError: it is about another one.
    """
    if told is not None and told != instrument.native_id:
        raise ValueError(f"an answer about {str(told)[:40]}")


def believable(points: list[FundingPoint]) -> list[FundingPoint]:
    """Refuse settled rates of which one cannot be. Raises BadNumber."""
    for point in points:
        check_rate(point.rate, point.interval_h)
    return points


def told_number(headers: Mapping[str, str], name: str) -> float | None:
    """Read a count or a moment of a header; None where it is not there, or nothing that can be counted with."""
    text = headers.get(name, "")
    return float(text) if len(text) <= 15 and text.replace(".", "", 1).isdecimal() and text.isascii() else None


def not_listed(venue: str, instrument: Instrument) -> NotListed:
    """Build the error for an answer without the instrument that was asked for."""
    return NotListed(
        f"{venue} answered without {instrument.native_id}.",
        venue=venue,
        hint="Refresh the instrument lists: python main.py symbols refresh",
    )


def _there(price: object) -> bool:
    return bool(to_decimal_or_none(price))
