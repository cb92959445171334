"""What is in the spool: finishing what a crash interrupted, and bringing complete files to their store, in order."""

import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from domain.errors import ConfigError, CrossbookError
from domain.snapshots import Series, decode
from market_data.snapshots.spooling import ENDED, SUFFIX, Heading, SeriesLock, SeriesLog, next_beat, started_ns
from utils.persistence.spool import Contents, examine, read_header, records

if TYPE_CHECKING:
    from utils.config.settings import StorageSettings
    from utils.persistence.sinks.base import Sink

DAMAGED = ".damaged"


class Shipped(NamedTuple):
    """What a spool file has become in its store."""

    files: int
    bytes: int


class Left(NamedTuple):
    """What a series still has in the spool, and why it is not in its store (None: it was not tried yet)."""

    series: Series
    store: str
    files: int
    bytes: int
    reason: str | None


class Settled(NamedTuple):
    """How a series' folder was found: the first beat that may be recorded, and what a user should know."""

    next_ns: int
    notes: list[str]


Ship = Callable[[Path, Heading], Shipped]
"""Publishes a complete spool file, verified in the store; the file itself is removed by the caller."""


def spool_root(home: Path, environment_key: str) -> Path:
    """Return the folder of an environment's spool files (`live`, `sim/synthetic-7`): they are never mixed."""
    return home / quote(environment_key.replace("/", "+"), safe="+")


def workdir(home: Path) -> Path:
    """Return a folder of this process for files on their way; those of processes that were killed are removed."""
    place = home / ".publishing"
    for folder in place.glob("[0-9]*"):
        try:
            os.kill(int(folder.name), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):
            continue
    return place / str(os.getpid())


def to_stores(settings: "StorageSettings", workdir: Path) -> Ship:
    """Return what publishes a spool file in the store that it names; files on their way are made in `workdir`."""
    opened: dict[str, Sink] = {}

    def ship(path: Path, heading: Heading) -> Shipped:
        from market_data.snapshots.publishing import publish
        from utils.persistence.sinks.opening import open_store

        if heading.store not in opened:
            opened[heading.store] = open_store(heading.store, settings)
        rows = map(decode, records(path))
        done = publish(opened[heading.store], heading.facts, rows, workdir=workdir)
        return Shipped(done.files, done.bytes)

    return ship


def settle(folder: Path, now_ns: int) -> Settled:
    """Finish what an interrupted run left: its torn end is cut away, its missing beats are written as `stopped`.

    The beats go on to the planned end of that run, to the next file, or to now, whichever is first. The caller has the
    series' lock.

    Raises:
        OSError: the disk does not take it; nothing is lost.
    """
    paths, notes = spools(folder), []
    next_ns = 0
    for place, path in enumerate(paths):
        try:
            contents = examine(path)
            heading = Heading.of(contents.header)
            after = next_beat(contents, heading, path)
        except (ConfigError, ValueError):
            path.rename(path.with_name(path.name + DAMAGED))
            notes.append(f"{path.name} cannot be read; it was renamed to {path.name}{DAMAGED}")
            continue
        follows = paths[place + 1 :]
        until_ns = min(now_ns, heading.plan.end_ns or now_ns, started_ns(follows[0]) if follows else now_ns)
        if contents.closing is None or (not follows and not contents.closing.get("over")):
            after = _finish(path, heading, contents, after, until_ns)
            notes += _told(path, heading, contents, after)
        next_ns = max(next_ns, after)
    return Settled(next_ns, notes)


def spools(folder: Path) -> list[Path]:
    """List a series' spool files, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


class Shipper:
    """Brings complete files to the stores that they are meant for: series by series, oldest first, each once.

    A file that cannot be shipped keeps those of its series that follow; they are tried again at the next call.

    Args:
        root: the folder of all series' spool files.
        now_ns: returns the time.
    """

    def __init__(self, root: Path, ship: Ship, notice: Callable[[str], None], now_ns: Callable[[], int]) -> None:
        self.shipped: dict[Series, Shipped] = {}
        self._root = root
        self._ship = ship
        self._notice = notice
        self._now_ns = now_ns
        self._reasons: dict[Path, str] = {}
        self._lock = Lock()

    def ship_all(self, held: Collection[Path], writing: Collection[Path] = (), skip: Collection[Path] = ()) -> None:
        """Ship what can be shipped.

        Args:
            held: folders whose lock the caller has.
            writing: those of them whose newest file is still being written.
            skip: folders to leave alone.
        """
        with self._lock:
            for folder in sorted(self._root.glob("*/*/")):
                if folder in skip or not spools(folder):
                    continue
                if folder in held:
                    self._ship_folder(folder, newest=folder not in writing)
                else:
                    self._ship_leftovers(folder)

    def left(self) -> list[Left]:
        """List what is still in the spool and nobody is at work with; the caller has given its locks back."""
        found = []
        for folder in sorted(self._root.glob("*/*/")):
            files, lock = spools(folder), SeriesLock(folder)
            try:
                if not files or not lock.take():
                    continue
                heading = Heading.of(read_header(files[0]))
                size = sum(path.stat().st_size for path in files)
            except (OSError, ValueError, ConfigError):
                continue  # nothing that can be shipped
            finally:
                lock.release()
            found.append(Left(heading.facts.series, heading.store, len(files), size, self._reasons.get(folder)))
        return found

    def _ship_leftovers(self, folder: Path) -> None:
        """Finish and ship a series that nobody records at present."""
        lock = SeriesLock(folder)
        try:
            if not lock.take():
                return
            for note in settle(folder, self._now_ns()).notes:
                self._notice(f"{_named(folder)}: {note}")
            self._ship_folder(folder, newest=True)
        except OSError as error:
            self._failed(folder, (error.strerror or type(error).__name__).lower())
        finally:
            lock.release()

    def _ship_folder(self, folder: Path, *, newest: bool) -> None:
        for path in spools(folder)[: None if newest else -1]:
            try:
                contents = examine(path)
                if contents.closing is None:
                    return  # what is not complete stays
                heading = Heading.of(contents.header)
                if contents.records:
                    done = self._ship(path, heading)
                    before = self.shipped.get(heading.facts.series, Shipped(0, 0))
                    self.shipped[heading.facts.series] = Shipped(before.files + done.files, before.bytes + done.bytes)
                path.unlink(missing_ok=True)
            except CrossbookError as error:
                self._failed(folder, error.message)
                return
            except (OSError, ValueError) as error:
                self._failed(folder, str(getattr(error, "strerror", None) or error))
                return
            if self._reasons.pop(folder, None):
                self._notice(f"{heading.facts.series}: files are stored again")

    def _failed(self, folder: Path, reason: str) -> None:
        if self._reasons.get(folder) != reason:
            self._notice(f"{_named(folder)}: not stored yet: {reason}")
        self._reasons[folder] = reason


def _finish(path: Path, heading: Heading, contents: Contents, after: int, until_ns: int) -> int:
    """Write the beats that an interrupted run lacks, and close its files; return the beat after them."""
    interrupted = contents.closing is None
    log = SeriesLog.resumed(path, heading) if interrupted else SeriesLog(path.parent, heading, after)
    if not (log.fill(until_ns, ENDED) and log.close()):
        raise OSError(0, log.trouble or "cannot be written")
    return log.next_ns


def _named(folder: Path) -> str:
    return f"{unquote(folder.parent.name)} {unquote(folder.name)}"


def _told(path: Path, heading: Heading, contents: Contents, after: int) -> list[str]:
    missing = (after - next_beat(contents, heading, path)) // heading.plan.step_ns
    torn = f", {contents.torn_bytes} bytes of a row that was not whole were cut off" if contents.torn_bytes else ""
    if not missing and contents.closing is not None:
        return []
    return [f"an earlier recording ended without warning: {missing} rows were written as stopped{torn}"]
