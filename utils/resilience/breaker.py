"""A circuit breaker per venue that survives from one process to the next: a cron job does not hammer a dead venue.

closed → (failures in a row) → open → (cool-down) → half-open: one process asks → closed again, or open for longer.
pybreaker is not used: it costs 33 ms of import and keeps its state in memory or Redis, so the storage would be ours
all the same.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

from domain.errors import CrossbookError, GeoBlocked, Maintenance, MarketClosed, RateLimited, Refused, Unavailable
from domain.time import rfc3339
from utils.resilience.store import Store

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half-open"
PROBE_S = 30.0
"""How long the one process that asks a half-open venue keeps the others waiting, should it die meanwhile."""


class CircuitOpen(Unavailable):
    """The venue failed so often that it is left alone for a while; nothing was sent."""


class BreakerState(NamedTuple):
    """A venue's state. Times are epoch seconds; `opened_at` is 0 while closed; `reason` is the last failure."""

    failures: int = 0
    opened_at: float = 0.0
    cooldown_s: float = 0.0
    probing_until: float = 0.0
    reason: str = ""

    def condition(self, now: float) -> str:
        """Tell `closed`, `open` or `half-open`. A clock that was set back ends the cool-down."""
        if not self.opened_at:
            return CLOSED
        return OPEN if self.opened_at <= now < self.opened_at + self.cooldown_s else HALF_OPEN

    def is_probed(self, now: float) -> bool:
        """Tell whether a process is asking the half-open venue right now."""
        return now < self.probing_until <= now + PROBE_S


class Trip(NamedTuple):
    """When a breaker opens, and for how long (seconds, doubled each time up to the cap)."""

    failures: int = 5
    cooldown_s: float = 5.0
    max_cooldown_s: float = 300.0


_WELL = (RateLimited, Maintenance, GeoBlocked, MarketClosed)
"""A venue that says such a thing is unavailable to us, but in order."""


def counts(error: CrossbookError) -> bool:
    """Tell whether an error shows that the venue is out of order: it gave no answer, or none that makes sense."""
    return isinstance(error, Unavailable) and not isinstance(error, (*_WELL, CircuitOpen))


def proves_alive(error: CrossbookError | None) -> bool:
    """Tell whether an outcome shows that the venue answers, be it with a no."""
    return error is None or isinstance(error, (Refused, *_WELL))


def after_failure(state: BreakerState, now: float, reason: str, trip: Trip) -> BreakerState:
    """Count a failure: the state that follows."""
    failures = state.failures + 1
    condition = state.condition(now)
    if condition == OPEN:  # a request that was under way when it opened
        return state._replace(failures=failures, reason=reason)
    if condition == HALF_OPEN:
        return BreakerState(failures, now, min(state.cooldown_s * 2, trip.max_cooldown_s), 0.0, reason)
    if failures >= trip.failures:
        return BreakerState(failures, now, trip.cooldown_s, 0.0, reason)
    return BreakerState(failures, reason=reason)


class Breaker:
    """Breakers by key (a venue in an environment)."""

    def __init__(self, store: Store, *, trip: Trip | None = None, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._trip = trip or Trip()
        self._clock = clock

    def check(self, key: str) -> None:
        """Pass while closed. When the cool-down is over, one caller passes and must `record` what came of it.

        Raises:
            CircuitOpen: while open, and while another caller asks; it names when the venue is asked again.
        """
        now = self._clock()
        state = self._store.read(lambda db: _load(db, key))
        if state.condition(now) == CLOSED:
            return
        if state.condition(now) == HALF_OPEN:
            claimed, state = self._store.write(lambda db: self._claim(db, key))
            if claimed:
                return
        raise _refusal(key, state, now)

    def record(self, key: str, error: CrossbookError | None) -> None:
        """Record what a call that passed `check` came to; None is a success."""
        if proves_alive(error):
            if self._store.read(lambda db: _load(db, key)) != BreakerState():
                self._store.write(lambda db: db.execute("DELETE FROM breaker WHERE key = ?", (key,)))
        elif error is not None and counts(error):
            reason = error.message
            self._store.write(
                lambda db: _save(db, key, after_failure(_load(db, key), self._clock(), reason, self._trip))
            )
        else:
            self.release(key)

    def release(self, key: str) -> None:
        """Give back the right to ask a half-open venue, when nothing was learnt."""
        state = self._store.read(lambda db: _load(db, key))
        if state.probing_until:
            self._store.write(lambda db: _save(db, key, _load(db, key)._replace(probing_until=0.0)))

    def snapshot(self) -> dict[str, tuple[str, BreakerState]]:
        """List the keys with failures: condition and state."""
        now = self._clock()
        rows = self._store.read(lambda db: db.execute(f"SELECT key, {_COLUMNS} FROM breaker ORDER BY key").fetchall())  # noqa: S608
        return {row[0]: (BreakerState(*row[1:]).condition(now), BreakerState(*row[1:])) for row in rows}

    def _claim(self, db: sqlite3.Connection, key: str) -> tuple[bool, BreakerState]:
        state, now = _load(db, key), self._clock()
        if state.condition(now) == CLOSED:
            return True, state
        if state.condition(now) == OPEN or state.is_probed(now):
            return False, state
        _save(db, key, state._replace(probing_until=now + PROBE_S))
        return True, state


_COLUMNS = "failures, opened_at, cooldown_s, probing_until, reason"


def _load(db: sqlite3.Connection, key: str) -> BreakerState:
    row = db.execute(f"SELECT {_COLUMNS} FROM breaker WHERE key = ?", (key,)).fetchone()  # noqa: S608
    return BreakerState(*row) if row else BreakerState()


def _save(db: sqlite3.Connection, key: str, state: BreakerState) -> None:
    db.execute(f"INSERT OR REPLACE INTO breaker(key, {_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?)", (key, *state))


def _refusal(key: str, state: BreakerState, now: float) -> CircuitOpen:
    venue = key.rpartition("/")[2]
    again = state.opened_at + state.cooldown_s
    when = f"before {rfc3339(int(again * 1000))} (in {again - now:.1f} s)" if again > now else "while a first try runs"
    return CircuitOpen(
        f"{venue} is not asked {when}: it failed {state.failures} times in a row, the last time: {state.reason}",
        venue=venue,
        hint="See: ratelimit.",
    )
