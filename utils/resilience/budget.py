"""A token bucket per venue, shared by every process of this machine.

pyrate-limiter would do this on SQLite too, but importing it costs 150 ms and more, where a whole command takes 60;
it also offers neither a reserved lane nor a way to take over the venue's own count. What is left is one formula.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from domain.errors import RateLimited
from domain.time import rfc3339
from utils.resilience.store import Store

READ = "read"
ORDER = "order"
CANCEL = "cancel"
LANES = {READ: 0.8, ORDER: 0.9, CANCEL: 1.0}
"""Share of the burst that a lane may use: what reads and orders leave is there when an order must be cancelled."""
LONGEST_BLOCK_S = 3 * 86_400.0
"""Longest ban a venue hands out; anything later comes from a clock that was wrong."""
_MAX_JITTER_S = 0.05


class BudgetState(NamedTuple):
    """One row of the overview. Units are units of request cost; times are epoch seconds; None: never told."""

    key: str
    rate_per_min: float
    burst: float
    used: float
    remaining: float
    blocked_until: float | None
    told_used: float | None
    told_limit: float | None
    told_at: float | None


class Charge(NamedTuple):
    """What to take from one budget: `rate_per_min` units flow back a minute, `burst` may be taken at once."""

    key: str
    cost: float
    rate_per_min: float
    burst: float


def admit(
    empty_at: float, now: float, *, cost: float, rate_per_min: float, burst: float, share: float
) -> tuple[float, float]:
    """Decide by the generic cell rate algorithm: when the bucket will be empty again, and how long to wait first.

    The whole state is `empty_at`, the moment at which all that was taken has flowed out. A wait of 0 admits.
    A cost above the burst is admitted when the bucket is empty.
    """
    interval = 60.0 / rate_per_min
    empty_at = max(empty_at, now)
    filled = empty_at + cost * interval
    wait = filled - max(burst * share, cost) * interval - now
    return filled, max(wait, 0.0) if wait > 1e-9 else 0.0


class Budget:
    """Budgets by key (a venue in an environment). Clock and sleep are replaced in tests."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    def charge(
        self, key: str, cost: float, *, rate_per_min: float, burst: float, deadline: float, lane: str = READ
    ) -> None:
        """Take `cost` units, sleeping until they are there; see `charge_all`.

        Args:
            rate_per_min: units that flow back per minute.
            burst: units that may be taken at once.
        """
        self.charge_all([Charge(key, cost, rate_per_min, burst)], deadline=deadline, lane=lane)

    def charge_all(self, charges: Sequence[Charge], *, deadline: float, lane: str = READ) -> None:
        """Take units of several budgets, all of them at one moment or none, sleeping until they are there.

        Nothing is reserved while we sleep, so that a request of a better lane passes those that wait.

        Args:
            deadline: until when to wait (time.monotonic seconds).
            lane: `read`, or `cancel`, which may use the last fifth as well.

        Raises:
            RateLimited: when they would be there after the deadline only; nothing was taken.
        """
        share = LANES[lane]
        while True:
            wait, blocked, key = self._store.write(lambda db: self._take_all(db, charges, share))
            if wait <= 0:
                return
            spare = deadline - self._monotonic() - wait
            if spare < 0:
                raise self._refusal(key, wait, blocked)
            # Those who wait for the same units do not all come back at the same moment.
            self._sleep(wait + random.uniform(0.0, min(spare, _MAX_JITTER_S)))

    def feed_back(self, key: str, used: float, limit: float, window_s: float = 60.0) -> None:
        """Take over the venue's own count (`used` of `limit` in its window) where it is higher than ours.

        When all is used, nothing is sent before the venue's window, which starts at a multiple of itself, is over.
        """
        if limit <= 0 or window_s <= 0:
            return
        self._store.write(lambda db: self._adjust(db, key, used, limit, window_s))

    def block_until(self, key: str, epoch_s: float) -> None:
        """Send nothing before `epoch_s`, because the venue said so; an earlier moment than known changes nothing."""
        until = min(epoch_s, self._clock() + LONGEST_BLOCK_S)
        self._store.write(
            lambda db: db.execute(
                "INSERT INTO budget(key, empty_at, rate_per_min, burst, blocked_until) VALUES(?, 0, 0, 0, ?)"
                " ON CONFLICT(key) DO UPDATE SET blocked_until = max(blocked_until, excluded.blocked_until)",
                (key, until),
            )
        )

    def snapshot(self) -> list[BudgetState]:
        """List all budgets as they stand now."""
        now = self._clock()
        rows = self._store.read(
            lambda db: db.execute(
                "SELECT key, empty_at, rate_per_min, burst, blocked_until, told_used, told_limit, told_at"
                " FROM budget ORDER BY key"
            ).fetchall()
        )
        return [_state(row, now) for row in rows]

    def _take_all(self, db: sqlite3.Connection, charges: Sequence[Charge], share: float) -> tuple[float, bool, str]:
        """Take them all, or say for which one to wait longest (seconds, whether it is blocked, its key)."""
        now = self._clock()
        looks = [(charge, *self._look(db, charge, share, now)) for charge in charges]
        charge, wait, blocked, *_ = max(looks, key=lambda look: look[1])
        for item, own_wait, _, filled, latest in looks:
            # A clock that was set back is corrected even where nothing is taken.
            if wait <= 0 or (own_wait > 0 and latest is not None):
                db.execute(
                    "INSERT INTO budget(key, empty_at, rate_per_min, burst) VALUES(?, ?, ?, ?) ON CONFLICT(key)"
                    " DO UPDATE SET empty_at = excluded.empty_at, rate_per_min = excluded.rate_per_min,"
                    " burst = excluded.burst",
                    (item.key, filled if wait <= 0 else latest, item.rate_per_min, item.burst),
                )
        return wait, blocked, charge.key

    @staticmethod
    def _look(
        db: sqlite3.Connection, charge: Charge, share: float, now: float
    ) -> tuple[float, bool, float, float | None]:
        """Say how long to wait, whether blocked, until when the bucket fills, and what a wrong clock makes of it."""
        key, cost, rate_per_min, burst = charge
        row = db.execute("SELECT empty_at, blocked_until FROM budget WHERE key = ?", (key,)).fetchone()
        empty_at, blocked_until = row or (0.0, 0.0)
        blocked_s = min(blocked_until - now, LONGEST_BLOCK_S)
        if blocked_s > 0:
            return blocked_s, True, 0.0, None
        # Never more than a minute ahead (or one burst, or this request): a clock set back must not block for longer.
        latest = now + max(60.0, max(burst, cost) * 60.0 / rate_per_min)
        filled, wait = admit(min(empty_at, latest), now, cost=cost, rate_per_min=rate_per_min, burst=burst, share=share)
        return wait, False, filled, latest if empty_at > latest else None

    def _adjust(self, db: sqlite3.Connection, key: str, used: float, limit: float, window_s: float) -> None:
        row = db.execute("SELECT empty_at, rate_per_min, burst FROM budget WHERE key = ?", (key,)).fetchone()
        if row is None or not row[1]:
            return  # nothing was ever charged, so there is no bucket to fill
        empty_at, rate_per_min, burst = row
        now = self._clock()
        told = now + min(used / limit, 1.0) * burst * 60.0 / rate_per_min
        blocked = now - now % window_s + window_s if used >= limit else 0.0
        db.execute(
            "UPDATE budget SET empty_at = ?, blocked_until = max(blocked_until, ?),"
            " told_used = ?, told_limit = ?, told_at = ? WHERE key = ?",
            (max(empty_at, told), blocked, used, limit, now, key),
        )

    def _refusal(self, key: str, wait: float, blocked: bool) -> RateLimited:
        venue = key.rpartition("/")[2]
        until = rfc3339(int((self._clock() + wait) * 1000))
        why = "asked us to send nothing" if blocked else "has no request left in our budget"
        return RateLimited(
            f"{venue} {why} before {until} (in {wait:.1f} s).",
            venue=venue,
            hint="See: ratelimit.",
            retry_after_s=wait,
        )


def _state(
    row: tuple[str, float, float, float, float, float | None, float | None, float | None], now: float
) -> BudgetState:
    key, empty_at, rate_per_min, burst, blocked_until, told_used, told_limit, told_at = row
    used = max(0.0, empty_at - now) * rate_per_min / 60.0
    return BudgetState(
        key,
        rate_per_min,
        burst,
        used,
        max(0.0, burst - used),
        blocked_until if blocked_until > now else None,
        told_used,
        told_limit,
        told_at,
    )
