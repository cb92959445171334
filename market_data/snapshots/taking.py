"""Taking one series' snapshots: everything is prepared before the second, and only the request is sent on it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from connectors.base import Connector
from connectors.endpoints import split_url
from connectors.guard import Guard
from connectors.http import ConnectTimedOut, HttpClient, Request
from domain.books import Book
from domain.errors import CrossbookError, RateLimited, TimedOut
from domain.instruments import Instrument
from domain.money import BadNumber
from domain.snapshots import LATE, OK, RATE_LIMITED, SECOND_NS, UNAVAILABLE, WITH_BOOK, Snapshot
from market_data.quotes import age_ms, judged
from market_data.snapshots.rates import cost_of

if TYPE_CHECKING:
    from ssl import SSLContext

T = TypeVar("T")

PREPARE_NS = 250_000_000
"""How long before its second a snapshot is prepared: its share of the budget taken, its connection looked at."""
LONGEST_NS = 10 * SECOND_NS
"""How long an answer is waited for at most, where beats are further apart than that."""
_SPARE_NS = 10_000_000
"""Given up this long before the next beat, so that it finds us ready."""
_CLOCK_S = 30.0
"""How long a measured clock offset is used before it is looked up again."""


class Line(HttpClient):
    """A client of one series: its connection is kept, and nobody else takes it. Nothing signed leaves."""

    def __init__(self, shared: HttpClient, redact: Callable[[str], str]) -> None:
        super().__init__(shared.endpoints, redact, signs=False)
        self._shared = shared

    def tls(self) -> "SSLContext":
        """Return the run's TLS context: building one for each series would cost time and memory."""
        return self._shared.tls()

    def make_ready(self, url: str, deadline: float) -> None:
        """Make sure that a connection stands, until `deadline` (time.monotonic seconds).

        Raises:
            NotSent, TimedOut, Unavailable: as `send` does.
        """
        where = split_url(self.endpoints.resolve(url))
        origin = (where.scheme, where.host, where.port)
        connection = self.take(origin)
        if connection is None:
            connection = self.connect(url, deadline=deadline).connection
        self.keep(origin, connection)


class OneTry(Guard):
    """A guard for what is asked every second anyway: paid for beforehand, never repeated, breaker or not.

    A venue that was away is so heard again in the second in which it is back; what comes of each try is told to the
    breaker that everybody else heeds.
    """

    def __init__(self, inner: Guard) -> None:
        self.key = inner.key
        self._inner = inner
        self._paid = 0.0

    def pay(self, cost: float, deadline: float) -> None:
        """Take what the next read costs from the budget (see `Guard.charge`)."""
        self._paid = 0.0
        self._inner.charge(cost, deadline=deadline)
        self._paid = cost

    def read(self, fn: Callable[[], T], *, cost: float = 1.0, deadline: float) -> T:
        """Call `fn` once; what was not paid for is charged first."""
        due, self._paid = cost - self._paid, 0.0
        if due > 0:
            self._inner.charge(due, deadline=deadline)
        return self._inner.once(fn, deadline=deadline)

    def feed_back(self, used: float, limit: float, window_s: float = 60.0) -> None:
        """Hand the venue's own count on."""
        self._inner.feed_back(used, limit, window_s)


class Taker:
    """Takes the snapshots of one series, one after the other, in one thread.

    Args:
        base: the venue's connector; a copy of it with its own connection is used.
        stale_after_ms: older data (by the venue's time, and older than a beat) is recorded as `stale`.
    """

    def __init__(
        self, base: Connector, instrument: Instrument, depth: int, *, stale_after_ms: int, redact: Callable[[str], str]
    ) -> None:
        self.instrument = instrument
        self._depth = depth
        self._stale_after_ms = stale_after_ms
        self._deadline = 0.0
        self._redact = redact
        self._line = Line(base.context.http, redact)
        self._guard = OneTry(base.context.guard)
        context = replace(base.context, http=self._line, guard=self._guard, deadline=lambda: self._deadline)
        self._connector = type(base)(base.venue, context)
        # Sizes stay in the unit of the lot: on inverse contracts a division by the price would make them inexact.
        self._asked = replace(instrument, inverse=False)
        build: Callable[[Instrument, int], Request] | None = getattr(self._connector, "book_request", None)
        self._url = None if build is None else build(self._asked, depth).url
        self._cost = cost_of(self._connector, self._asked, depth)
        self._offset: tuple[float, int] = (0.0, 0)

    def prepare(self, beat_ns: int, step_ns: int) -> Snapshot | None:
        """Take the budget's share and make sure of a connection; what prevents that is returned as the beat's row."""
        self._deadline = _monotonic(until_ns(beat_ns, step_ns))
        try:
            self._guard.pay(self._cost, self._deadline)
        except CrossbookError as error:
            return self._failed(beat_ns, error)
        self._make_ready(self._deadline)
        if time.monotonic() - self._offset[0] > _CLOCK_S:
            self._offset = (time.monotonic(), self._connector.context.clock_offset_ms())
        return None

    def warm_up(self, moment_ns: int) -> None:
        """Set the connection up until a moment, so that the first second finds it."""
        self._make_ready(_monotonic(moment_ns))

    def take(self, beat_ns: int, step_ns: int) -> Snapshot:
        """Ask for the book now, and return the beat's row; it never raises."""
        self._deadline = _monotonic(until_ns(beat_ns, step_ns))
        try:
            book = self._connector.fetch_book(self._asked, self._depth)
            return self._row(beat_ns, step_ns, book)
        except CrossbookError as error:
            return self._failed(beat_ns, error)
        except BadNumber as error:
            return Snapshot(beat_ns, UNAVAILABLE, f"sent a number that cannot be used: {error}")
        except Exception as error:  # noqa: BLE001 – a mistake in one venue's code must not end the recording of others
            words = self._redact(str(error))[:160]
            return Snapshot(beat_ns, UNAVAILABLE, f"internal error ({type(error).__name__}): {words}")

    def close(self) -> None:
        """Release the connection."""
        self._connector.close()
        self._line.close()

    def _make_ready(self, deadline: float) -> None:
        if self._url is not None:
            with suppress(CrossbookError):  # the request itself says what is wrong, at its time
                self._line.make_ready(self._url, deadline)

    def _row(self, beat_ns: int, step_ns: int, book: Book) -> Snapshot:
        received, venue_time = book.received_at_ns, book.venue_time_ns
        if received >= beat_ns + step_ns:
            after = (received - beat_ns) / SECOND_NS
            return Snapshot(beat_ns, LATE, f"answered {after:.1f} s after the second", received, venue_time)
        quote = book.quote()
        age = age_ms(venue_time, received, received, self._offset[1])
        limit_ms = max(self._stale_after_ms, step_ns // 1_000_000)
        status, reason = judged(quote.bid, quote.ask, age, limit_ms)
        if status not in WITH_BOOK:
            return Snapshot(beat_ns, UNAVAILABLE, reason, received, venue_time, book.sequence)
        why = None if status == OK else reason
        sides = (side.top(self._depth).texts() for side in (book.bids, book.asks))
        return Snapshot(beat_ns, status, why, received, venue_time, book.sequence, *sides)

    @staticmethod
    def _failed(beat_ns: int, error: CrossbookError) -> Snapshot:
        if isinstance(error, RateLimited):
            return Snapshot(beat_ns, RATE_LIMITED, error.message)
        if isinstance(error, TimedOut) and not isinstance(error, ConnectTimedOut):
            return Snapshot(beat_ns, LATE, error.message)
        return Snapshot(beat_ns, UNAVAILABLE, error.message)


def until_ns(beat_ns: int, step_ns: int) -> int:
    """Return until when a beat's answer is waited for."""
    return beat_ns + min(step_ns - _SPARE_NS, LONGEST_NS)


def _monotonic(moment_ns: int) -> float:
    return time.monotonic() + (moment_ns - time.time_ns()) / SECOND_NS
