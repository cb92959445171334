"""What is in the spool: finishing what a crash interrupted, and bringing complete files to their store, in order."""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from domain.errors import ConfigError, CrossbookError
from domain.snapshots import Series
from market_data.snapshots.spooling import (
    ENDED,
    STORING,
    SUFFIX,
    Heading,
    SeriesLock,
    SeriesLog,
    next_beat,
    started_ns,
    whole,
)
from utils.persistence.spool import Contents, NewerSpool, examine, read_header, records
from utils.secrets.redaction import redact

if TYPE_CHECKING:
    from utils.config.settings import StorageSettings
    from utils.persistence.sinks.base import Sink

DAMAGED = ".damaged"
_ABANDONED_S = 3600
BUSY = "another process is storing earlier rows of it"


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


class _Kept(NamedTuple):
    """A spool file that has its place in time: what is in it, and its next beat; None where it is a newer version's."""

    path: Path
    started_ns: int
    known: tuple[Contents, Heading, int] | None


class Settled(NamedTuple):
    """How a series' folder was found: the first second that may be recorded, and what a user should know."""

    next_ns: int
    notes: list[str]


Ship = Callable[[Path, Heading], Shipped]
"""Publishes a complete spool file, verified in the store; the file itself is removed by the caller."""


def spool_root(home: Path, environment_key: str) -> Path:
    """Return the folder of an environment's spool files (`live`, `sim/synthetic-7`): they are never mixed."""
    return home / quote(environment_key.replace("/", "+"), safe="+")


def workdir(home: Path) -> Path:
    """Return a folder of this process for files on their way; those of processes that were killed are removed.

    That is an hour later: processes of another container on the same volume are not to be seen from here.
    """
    place = home / ".publishing"
    for folder in place.glob("[0-9]*"):
        try:
            os.kill(int(folder.name), 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > _ABANDONED_S:
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
        until_ns = next_beat(examine(path), heading, path)
        rows = whole(records(path), heading.plan, started_ns(path), until_ns)
        store, every_s = opened[heading.store], heading.plan.beat_s
        done = publish(store, heading.facts, rows, workdir=workdir, every_s=every_s)
        return Shipped(done.files, done.bytes)

    return ship


def settle(folder: Path, now_ns: int) -> Settled:
    """Finish what an interrupted run left: its torn end is cut away, its missing beats are written as `stopped`.

    The beats go on to the planned end of that run, to the next file, or to now, whichever is first. The caller has the
    right to record the series.

    Raises:
        OSError: the disk does not take it; nothing is lost.
    """
    kept, notes = _set_in_order(folder)
    next_ns = 0
    for place, (path, _, known) in enumerate(kept):
        if known is None:
            continue
        (contents, heading, after), follows = known, kept[place + 1 :]
        until_ns = min(now_ns, heading.plan.end_ns or now_ns, follows[0].started_ns if follows else now_ns)
        if contents.closing is None or (not follows and not contents.closing.get("over")):
            after = _finish(path, heading, contents, after, until_ns)
            notes += _told(path, heading, contents, after)
        next_ns = max(next_ns, heading.plan.free_from(after))
    return Settled(next_ns, notes)


def _set_in_order(folder: Path) -> tuple[list[_Kept], list[str]]:
    """Look through a series' files, and set aside what is none, so that no other file is held against it."""
    kept: list[_Kept] = []
    notes: list[str] = []
    for path in spools(folder):
        try:
            contents = examine(path)
            heading = Heading.of(contents.header, path)
            kept.append(_Kept(path, started_ns(path), (contents, heading, next_beat(contents, heading, path))))
        except NewerSpool as error:
            notes.append(error.message)
            with suppress(ValueError):
                kept.append(_Kept(path, started_ns(path), None))
        except FileNotFoundError:
            continue  # whoever recorded before has stored it meanwhile, and noted until when it recorded
        except (ConfigError, ValueError):
            path.rename(path.with_name(path.name + DAMAGED))
            notes.append(f"{path.name} cannot be read; it was renamed to {path.name}{DAMAGED}")
    return kept, notes


def spools(folder: Path) -> list[Path]:
    """List a series' spool files, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


class Shipper:
    """Brings complete files to the stores that they are meant for: series by series, oldest first, each once.

    A file that cannot be shipped keeps those of its series that follow into the same store; they are tried again at the
    next call.

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
        self._claimed: dict[Path, SeriesLock] = {}
        self._lock = Lock()

    def ship_all(self, own: Mapping[Path, Sequence[Path]]) -> None:
        """Ship what can be shipped: the complete files of the caller's own folders, and what nobody else is at.

        Args:
            own: the folders of the series that the caller records, and their files that will not be written any more,
                from the oldest on.
        """
        with self._lock:
            for folder in sorted(self._root.glob("*/*/")):
                try:
                    files = own[folder] if folder in own else self._leftovers(folder)
                    if files:
                        self._ship_folder(folder, files)
                except OSError as error:
                    self._failed(folder, (error.strerror or type(error).__name__).lower())
                except Exception as error:  # noqa: BLE001 – rows stay in the spool, and other series are shipped
                    self._failed(folder, f"internal error ({type(error).__name__}): {redact(str(error))[:160]}")

    def left(self, own: Mapping[Path, Sequence[Path]]) -> list[Left]:
        """List what is still in the spool: of the caller's own files (see `ship_all`), and what nobody else is at."""
        found = []
        for folder in sorted(self._root.glob("*/*/")):
            try:
                files = [path for path in own.get(folder, ()) if path.exists()] if folder in own else _idle(folder)
                if not files:
                    continue
                heading = Heading.of(read_header(files[0]), files[0])
                size = sum(path.stat().st_size for path in files)
            except (OSError, ValueError, ConfigError):
                continue  # nothing that can be shipped, or somebody else has shipped it just now
            found.append(Left(heading.facts.series, heading.store, len(files), size, self._reasons.get(folder)))
        return found

    def claim(self, folder: Path) -> None:
        """Make sure of a series, unless another process is storing it: its recording is over, its files are ours."""
        lock = SeriesLock(folder, STORING)
        with suppress(OSError):
            if lock.take():
                self._claimed[folder] = lock

    def release(self) -> None:
        """Give back what was claimed."""
        while self._claimed:
            self._claimed.popitem()[1].release()

    def busy(self, own: Mapping[Path, Sequence[Path]]) -> bool:
        """Tell whether another process kept the last call from storing some of the caller's files."""
        return any(self._reasons.get(folder) == BUSY and any(map(Path.exists, files)) for folder, files in own.items())

    def _leftovers(self, folder: Path) -> list[Path]:
        """Finish the files of a series that nobody records at present, and list them."""
        lock = SeriesLock(folder)
        try:
            if not spools(folder) or not lock.take():
                return []
            found = settle(folder, self._now_ns())
            lock.note(max(found.next_ns, lock.recorded_until()))
            for note in found.notes:
                self._notice(f"{_named(folder)}: {note}")
            return spools(folder)
        finally:
            lock.release()

    def _ship_folder(self, folder: Path, files: Sequence[Path]) -> None:
        """Ship files in this order, unless another process is storing the series: it has the older ones."""
        if folder in self._claimed:
            self._ship_files(folder, files)
            return
        lock = SeriesLock(folder, STORING)
        try:
            if lock.take():
                self._ship_files(folder, files)
            else:
                self._reasons.setdefault(folder, BUSY)
        finally:
            lock.release()

    def _ship_files(self, folder: Path, files: Sequence[Path]) -> None:
        failed: set[str] = set()
        for path in files:
            store = None
            try:
                contents = examine(path)
                if contents.closing is None:
                    return  # what is not complete stays
                heading = Heading.of(contents.header, path)
                store = heading.store
                if store not in failed:
                    self._ship_file(path, heading, contents)
            except (CrossbookError, OSError, ValueError) as error:
                ours = isinstance(error, CrossbookError)
                if not ours and not path.exists():
                    continue  # another process has stored it
                self._failed(folder, str(getattr(error, "message" if ours else "strerror", None) or error))
                if store is None:
                    return
                failed.add(store)
            if not failed and self._reasons.pop(folder, BUSY) != BUSY:
                self._notice(f"{heading.facts.series}: files are stored again")

    def _ship_file(self, path: Path, heading: Heading, contents: Contents) -> None:
        if contents.damaged_bytes:
            lost = f"{contents.damaged_bytes} bytes of {path.name} are damaged; their rows become stopped"
            self._notice(f"{_named(path.parent)}: {lost}")
        if contents.records or contents.damaged_bytes:
            done = self._ship(path, heading)
            before = self.shipped.get(heading.facts.series, Shipped(0, 0))
            self.shipped[heading.facts.series] = Shipped(before.files + done.files, before.bytes + done.bytes)
        path.unlink(missing_ok=True)

    def _failed(self, folder: Path, reason: str) -> None:
        if self._reasons.get(folder) != reason:
            self._notice(f"{_named(folder)}: not stored yet: {reason}")
        self._reasons[folder] = reason


def _finish(path: Path, heading: Heading, contents: Contents, after: int, until_ns: int) -> int:
    """Write the beats that an interrupted run lacks, and close its files; return the beat after them."""
    interrupted = contents.closing is None
    if interrupted and not contents.records and until_ns <= after:
        path.unlink()  # the next row needs its name
        return after
    log = SeriesLog.resumed(path, heading) if interrupted else SeriesLog(path.parent, heading, after)
    if not (log.fill(until_ns, ENDED) and log.close()):
        raise OSError(0, log.trouble or "cannot be written")
    return log.next_ns


def _idle(folder: Path) -> list[Path]:
    """List a series' files if nobody records or stores it."""
    locks = SeriesLock(folder), SeriesLock(folder, STORING)
    try:
        return spools(folder) if spools(folder) and all(lock.take() for lock in locks) else []
    finally:
        for lock in locks:
            lock.release()


def _named(folder: Path) -> str:
    return f"{unquote(folder.parent.name)} {unquote(folder.name)}"


def _told(path: Path, heading: Heading, contents: Contents, after: int) -> list[str]:
    missing = (after - next_beat(contents, heading, path)) // heading.plan.step_ns
    torn = f", {contents.torn_bytes} bytes of a row that was not whole were cut off" if contents.torn_bytes else ""
    if not missing and contents.closing is not None:
        return []
    return [f"an earlier recording ended without warning: {missing} rows were written as stopped{torn}"]
