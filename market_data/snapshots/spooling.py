"""The rows of one series on their way to the disk: one a beat, in order, whatever happens; one hour a spool file.

A row is acknowledged (counted) once it is durable. Beats of which nothing was heard when a later row comes are written
as `stopped`. What a full disk does not take is kept for a minute; beats before that are written as `unavailable`.
"""

import fcntl
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from domain.snapshots import OK, SECOND_NS, STOPPED, UNAVAILABLE, Series, SeriesFacts, Snapshot, decode, encode
from market_data.snapshots.columns import time_of
from market_data.snapshots.schedule import Plan
from utils.persistence.spool import Contents, Spool, newer

SCHEMA = 1
SUFFIX = ".spool"
RECORDING, STORING = "recording.lock", "storing.lock"
HELD_UP = "the recorder was held up"
ENDED = "the recording ended without warning"
DAMAGED_ROW = "its row was damaged on the disk"
ON_TIME_NS = 100_000_000
"""A book that was received this soon after its second is on time."""
_KEPT_ROWS = 60
_HOUR_NS = 3600 * SECOND_NS


class Heading(NamedTuple):
    """What a spool file says of itself: the series, the plan of its run, and the store that it is meant for."""

    facts: SeriesFacts
    plan: Plan
    store: str

    def header(self) -> dict[str, Any]:
        """Write it as the file's header."""
        return {"schema": SCHEMA, "facts": self.facts._asdict(), "plan": self.plan._asdict(), "store": self.store}

    @classmethod
    def of(cls, header: dict[str, Any], path: Path) -> "Heading":
        """Read a file's header.

        Raises:
            NewerSpool: it is of a newer version.
            ValueError: it is none.
        """
        schema = header.get("schema")
        if type(schema) is int and schema > SCHEMA:
            raise newer(path)
        if schema != SCHEMA:
            raise ValueError("not the header of a recording")
        try:
            return cls(SeriesFacts(**header["facts"]), Plan(**header["plan"]), str(header["store"]))
        except (KeyError, TypeError) as error:
            raise ValueError("not the header of a recording") from error


def folder_of(root: Path, series: Series) -> Path:
    """Return the folder of a series' spool files."""
    return root / quote(series.venue, safe="") / quote(series.symbol, safe="")


class SeriesLock:
    """A right to a series on this machine that one process has at a time; it ends with the process that has it.

    There are two, so that rows are recorded by the next process while the last one still stores its own.

    Args:
        folder: the series' folder of spool files.
        right: to write rows and finish interrupted files (`RECORDING`), or to bring files to their store (`STORING`).
    """

    def __init__(self, folder: Path, right: str = RECORDING) -> None:
        self.folder = folder
        self._right = right
        self._descriptor = -1

    def take(self) -> bool:
        """Take it; False: another process has it.

        Raises:
            OSError: the folder cannot be made or written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / self._right, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def recorded_until(self) -> int:
        """Return what was noted last (`note`), in ns; 0 where nothing was, or it cannot be read. It has to be held."""
        text = os.pread(self._descriptor, 32, 0)
        return int(text) if text.isdigit() else 0

    def note(self, next_ns: int) -> None:
        """Note the first second that has no row, for who takes this right next: files may be in their store by then."""
        # In its place, always as long: neither a full disk nor a kill in between takes the last note away.
        with suppress(OSError):
            os.pwrite(self._descriptor, b"%020d" % next_ns, 0)

    def release(self) -> None:
        """Give it back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Tally:
    """What became of the rows that are durable; `last` is the newest of them."""

    def __init__(self) -> None:
        self.by_status: Counter[str] = Counter()
        self.on_time = 0
        self.bytes = 0
        self.last: Snapshot | None = None

    def add(self, row: Snapshot, length: int) -> None:
        """Count a row."""
        self.by_status[row.status] += 1
        self.bytes += length
        self.last = row
        if row.status == OK and row.received_at_ns is not None and row.received_at_ns - row.time_ns <= ON_TIME_NS:
            self.on_time += 1


class SeriesLog:
    """Writes the rows of one series; its thread, and the one that syncs, may use it.

    Args:
        next_ns: the first beat that is to be written.
        rolled: called whenever a file is complete.
    """

    def __init__(self, folder: Path, heading: Heading, next_ns: int, rolled: Callable[[], None] | None = None) -> None:
        self.tally = Tally()
        self.trouble: str | None = None
        """Why rows cannot be written at present."""
        self._folder = folder
        self._heading = heading
        self._next_ns = next_ns
        self._rolled = rolled or (lambda: None)
        self._spool: Spool | None = None
        self._hour = -1
        self._durable = 0
        self._unsynced: list[tuple[Snapshot, int]] = []
        self._pending: deque[Snapshot] = deque()
        self._given_up: tuple[int, int, str] | None = None
        self._lock = threading.Lock()

    @classmethod
    def resumed(cls, path: Path, heading: Heading, rolled: Callable[[], None] | None = None) -> "SeriesLog":
        """Go on where an interrupted file ends.

        Raises:
            OSError: it cannot be read or written.
            ConfigError: it is no spool file, or is closed.
        """
        spool, contents = Spool.resume(path)
        next_ns = next_beat(contents, heading, path)
        log = cls(path.parent, heading, next_ns, rolled)
        log._spool, log._hour, log._durable = spool, started_ns(path) // _HOUR_NS, spool.size
        return log

    @property
    def next_ns(self) -> int:
        """The beat that the next row is for."""
        return self._next_ns

    def put(self, row: Snapshot) -> None:
        """Take a row for a beat that is not before `next_ns` (else it is left out), and write what can be written."""
        with self._lock:
            if len(self._pending) >= _KEPT_ROWS:
                lost = self._pending.popleft()
                first = self._given_up[0] if self._given_up else lost.time_ns
                self._given_up = (first, lost.time_ns, f"it could not be written: {self.trouble}")
            self._pending.append(row)
            self._write_pending()

    def flush(self) -> bool:
        """Write what could not be written before, and wait until all is on the disk; False: some of it is not."""
        with self._lock:
            return self._write_pending() and self._sync()

    def fill(self, until_ns: int, reason: str) -> bool:
        """Write the beats before `until_ns` that have no row as `stopped`; False: the disk does not take them."""
        with self._lock:
            return self._write_pending() and self._guarded(lambda: self._fill(until_ns, reason)) and self._sync()

    def close(self, *, over: bool = True) -> bool:
        """Write what is pending and complete the file (`over`: the run is, too); False: the disk does not take it."""
        with self._lock:
            done = self._write_pending() and self._sync() and self._guarded(lambda: self._finish(over))
            if self._spool is not None:
                self._spool.release()
                self._spool = None
            return done

    def _write_pending(self) -> bool:
        return self._guarded(self._drain)

    def _drain(self) -> None:
        while self._pending:
            row = self._pending[0]
            self._fill(row.time_ns, HELD_UP)
            if row.time_ns >= self._next_ns:
                self._write(row)
            self._pending.popleft()

    def _fill(self, until_ns: int, reason: str) -> None:
        while self._next_ns < until_ns:
            beat = self._next_ns
            if self._given_up and self._given_up[0] <= beat <= self._given_up[1]:
                self._write(Snapshot(beat, UNAVAILABLE, self._given_up[2]))
            else:
                self._write(Snapshot(beat, STOPPED, reason))
        if self._given_up and self._next_ns > self._given_up[1]:
            self._given_up = None

    def _write(self, row: Snapshot) -> None:
        hour = row.time_ns // _HOUR_NS
        if self._spool is not None and hour != self._hour:
            self._finish(over=False)
        if self._spool is None:
            path = self._folder / f"{datetime.fromtimestamp(row.time_ns // SECOND_NS, UTC):%Y%m%dT%H%M%S}{SUFFIX}"
            self._spool = Spool.create(path, self._heading.header())
            self._hour, self._durable = hour, self._spool.size
        before = self._spool.size
        self._spool.append(encode(row))
        self._unsynced.append((row, self._spool.size - before))
        self._next_ns = row.time_ns + self._heading.plan.step_ns

    def _finish(self, over: bool) -> None:
        if self._spool is None:
            return
        self._synced(self._spool)
        self._spool.finish({"over": over, "next_ns": self._next_ns})
        self._spool = None
        self._rolled()

    def _sync(self) -> bool:
        spool = self._spool
        return spool is None or self._guarded(lambda: self._synced(spool))

    def _synced(self, spool: Spool) -> None:
        if not self._unsynced:
            return
        try:
            spool.sync()
        except OSError:
            # What the disk did not take it may have forgotten: it is written once more, from the last good place.
            spool.rewind(self._durable)
            self._pending.extendleft(row for row, _ in reversed(self._unsynced))
            self._next_ns = self._unsynced[0][0].time_ns
            self._unsynced = []
            raise
        self._durable = spool.size
        for row, length in self._unsynced:
            self.tally.add(row, length)
        self._unsynced = []

    def _guarded(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except OSError as error:
            self.trouble = (error.strerror or type(error).__name__).lower()
            return False
        self.trouble = None
        return True


def whole(rows: Iterable[bytes], plan: Plan, first_ns: int, end_ns: int) -> Iterator[bytes]:
    """Yield a file's records, and a `stopped` row for each beat in [first_ns, end_ns) that has none: it was damaged."""
    beat = first_ns
    for row in rows:
        time_ns = time_of(row)
        for missing in range(beat, time_ns, plan.step_ns):
            yield encode(Snapshot(missing, STOPPED, DAMAGED_ROW))
        yield row
        beat = time_ns + plan.step_ns
    for missing in range(beat, end_ns, plan.step_ns):
        yield encode(Snapshot(missing, STOPPED, DAMAGED_ROW))


def next_beat(contents: Contents, heading: Heading, path: Path) -> int:
    """Return the beat after the last row of a file, be that damaged or not: its first one where it had none."""
    said = (contents.closing or {}).get("next_ns")
    if type(said) is int:
        return said
    return started_ns(path) if contents.last is None else decode(contents.last).time_ns + heading.plan.step_ns


def started_ns(path: Path) -> int:
    """Read a spool file's first beat from its name.

    Raises:
        ValueError: it is no such name.
    """
    moment = datetime.strptime(path.name.removesuffix(SUFFIX), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND_NS
