"""How far each venue's clock is from ours, measured once and known to every process of this machine."""

import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

from utils.resilience.store import Store

FRESH_MS = 600_000
"""A better measurement is kept for ten minutes against worse ones: clocks drift, paths change."""


LONGEST_TRIP_MS = 3000
"""A longer round trip (it may hold a retry) says too little."""
LARGEST_MS = 86_400_000
"""A venue that says that it is another day tells us nothing about its clock."""
KNOWN_FOR_MS = 48 * 3_600_000
"""An older measurement is no longer believed: our own clock may have been set since."""


class Offset(NamedTuple):
    """The venue's clock minus ours, the round trip of the measurement, and when it was made (epoch ms)."""

    offset_ms: float
    rtt_ms: float
    measured_at_ms: int


def measure(server_ms: float, sent_ns: int, received_ns: int) -> Offset:
    """Compare the venue's time with the middle of the round trip (times are epoch nanoseconds)."""
    middle_ms = (sent_ns + received_ns) / 2e6
    return Offset(server_ms - middle_ms, (received_ns - sent_ns) / 1e6, received_ns // 1_000_000)


def better(old: Offset | None, new: Offset) -> bool:
    """Tell whether a new measurement replaces the old: the shorter the round trip, the smaller the error."""
    if old is None or not 0 <= new.measured_at_ms - old.measured_at_ms < FRESH_MS:
        return True
    # The truth is within half a round trip of each; when the two contradict each other, a clock was set.
    contradiction = abs(new.offset_ms - old.offset_ms) > (new.rtt_ms + old.rtt_ms) / 2 + 1
    return contradiction or new.rtt_ms <= old.rtt_ms


class ClockOffsets:
    """Offsets by key (a venue in an environment)."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def record(self, venue: str, server_ms: float, sent_ns: int, received_ns: int) -> int:
        """Take a measurement in (`sent_ns` and `received_ns` epoch nanoseconds); return the offset it shows, in ms."""
        new = measure(server_ms, sent_ns, received_ns)
        # A negative trip: our own clock was set meanwhile.
        if 0 <= new.rtt_ms <= LONGEST_TRIP_MS and abs(new.offset_ms) <= LARGEST_MS:
            self._store.write(lambda db: _keep(db, venue, new))
        return round(new.offset_ms)

    def offset_ms(self, venue: str) -> int:
        """Answer the venue's clock minus ours in milliseconds; 0 when it was not measured of late."""
        known = self._store.read(lambda db: _load(db, venue))
        believed = known is not None and abs(self._clock() * 1000 - known.measured_at_ms) < KNOWN_FOR_MS
        return round(known.offset_ms) if known and believed else 0

    def snapshot(self) -> dict[str, Offset]:
        """List all measurements."""
        rows = self._store.read(
            lambda db: db.execute("SELECT key, offset_ms, rtt_ms, measured_at_ms FROM clock").fetchall()
        )
        return {row[0]: Offset(*row[1:]) for row in rows}


def _load(db: sqlite3.Connection, key: str) -> Offset | None:
    row = db.execute("SELECT offset_ms, rtt_ms, measured_at_ms FROM clock WHERE key = ?", (key,)).fetchone()
    return Offset(*row) if row else None


def _keep(db: sqlite3.Connection, key: str, new: Offset) -> None:
    if better(_load(db, key), new):
        db.execute(
            "INSERT OR REPLACE INTO clock(key, offset_ms, rtt_ms, measured_at_ms) VALUES(?, ?, ?, ?)", (key, *new)
        )
