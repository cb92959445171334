"""Bringing recorded rows into a store, so that they may be forgotten here.

Each span of time becomes a Parquet file, is put where nothing is, looked at again as the store has it, and named in the
day's manifest, which is looked at again, too. Only then does `publish` return, and only then may the caller drop its
rows. After a kill at any point, publishing the same rows again finishes the work: what the store has already is
compared with the rows and taken as it is; nothing is ever overwritten.
"""

import hashlib
import io
import itertools
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from domain.snapshots import SECOND_NS, SeriesFacts, Snapshot, encode
from market_data.snapshots import parquet
from market_data.snapshots.columns import time_of
from market_data.snapshots.layout import DAY_S, day_of, file_key, manifest_key
from market_data.snapshots.manifest import FileEntry, Manifest, add_file, read_manifest, refuse_if_closed, to_bytes
from market_data.snapshots.parquet import DamagedFile, FileStat, SchemaError
from utils.persistence.sinks.base import ABSENT, Sink, StoreConflict, StoreUnavailable, sha256_of

FILE_S = 3600
"""How much time a file holds, in seconds."""
FIRST_WAIT_S = 0.5
ATTEMPTS = 3
"""How often an object is put that the store accepted and then does not have."""

_PREFIX = "publishing-"
_ABANDONED_S = 86_400


class Published(NamedTuple):
    """What a publication did. `files` and `bytes` are of new files; `already` counts rows that the store had before."""

    files: int
    bytes: int
    rows: int
    already: int
    seconds: float


class _Part(NamedTuple):
    """Rows as a Parquet file on this machine, on their way into the store."""

    path: Path
    stat: FileStat


def publish(
    sink: Sink,
    facts: SeriesFacts,
    snapshots: Iterable[Snapshot | bytes],
    *,
    workdir: Path,
    file_s: int = FILE_S,
    every_s: int | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Published:
    """Store the rows of a series for good: when this returns, the store has each of them, checked.

    Args:
        sink: the store.
        facts: what is kept with every file.
        snapshots: in order of time, or their texts (`encode`), which is quicker; read once, one file's span after
            another, never held.
        workdir: a folder of this machine for files on their way (it is made).
        file_s: seconds of time that a file holds; a day has to be a multiple.
        every_s: the beat that the rows were recorded at (seconds), for their manifest; None where it is not known.
        wait: sleeps between tries (seconds).

    Raises:
        StoreConflict: the store has other rows of the same time, or a later day; nothing was overwritten.
        StoreError: the store does not do it (now); publish the same rows again.
        SchemaError, DamagedFile: what the store has already cannot be read, or what was written here.
        ValueError: rows are out of order, or `file_s` does not divide the day.
        OSError: there is no room for a file in `workdir`.
    """
    if file_s < 1 or DAY_S % file_s:
        raise ValueError(f"a day is no multiple of {file_s} seconds")
    started = time.monotonic()
    work = _Work(sink, facts, every_s, wait)
    last_ns = -1
    _make_workdir(workdir)
    with tempfile.TemporaryDirectory(dir=workdir, prefix=_PREFIX) as folder:
        for span, rows in itertools.groupby(snapshots, key=lambda row: time_of(row) // (file_s * SECOND_NS)):
            path = Path(folder) / f"{span}.parquet"
            part = _made(path, facts, rows)
            if part.stat.first_ns <= last_ns:
                raise ValueError(f"{facts.series}: {part.stat.first_ns} does not come after {last_ns}")
            last_ns = part.stat.last_ns
            work.bring(part)
            path.unlink(missing_ok=True)
    return Published(work.files, work.bytes, work.rows, work.already, time.monotonic() - started)


def stored_rows(sink: Sink, key: str) -> Iterator[Snapshot]:
    """Read the rows of a file of a store.

    Raises:
        StoreMissing: it is not there.
        SchemaError, DamagedFile: it cannot be read; while iterating, too.
        StoreError: the store does not answer.
    """
    source = io.BytesIO(sink.read(key))
    try:
        yield from parquet.read_file(source)[1]
    except (DamagedFile, SchemaError) as error:
        message = error.message.replace("the file", key).replace("The file", key)
        raise type(error)(message, hint=error.hint) from error


class _Work:
    """One publication: where to, and what was done so far."""

    def __init__(self, sink: Sink, facts: SeriesFacts, every_s: int | None, wait: Callable[[float], None]) -> None:
        self.files = self.bytes = self.rows = self.already = 0
        self._sink = sink
        self._facts = facts
        self._every_s = every_s
        self._wait = wait

    def bring(self, part: _Part) -> None:
        """Bring a file's rows into the store, less those that it has already."""
        left: _Part | None = part
        while left is not None:
            left = self._step(left)

    def _step(self, part: _Part) -> _Part | None:
        """Do what can be done at once; return the rows that are left."""
        series, stat = self._facts.series, part.stat
        found = read_manifest(self._sink, series, day_of(stat.first_ns))
        known = _overlapping(found[0], stat) if found else None
        if known is not None and not (found and found[0].pruned):
            return self._known_already(part, known)
        if known is not None and known.content_sha256 == stat.content_sha256:
            self.already += stat.rows  # all of them were there, and were deleted on purpose
            return None
        refuse_if_closed(self._sink, series, day_of(stat.first_ns), found[0] if found else None)
        key = file_key(series, stat.first_ns)
        if self._sink.head(key) is None:
            try:
                self._sink.put(key, part.path, only_if=ABSENT)
            except StoreConflict:
                if self._sink.head(key) is None:
                    raise
                return part  # somebody was faster: see what it is
            self.files += 1
            self.bytes += stat.bytes
            self.rows += stat.rows
        elif self._holds(key, stat):
            self.already += stat.rows  # put before by us, and killed before it was named
        else:
            return self._adopt(part, key)
        self._name(key, part)
        return None

    def _known_already(self, part: _Part, known: FileEntry) -> _Part | None:
        """Compare rows with those of a file that a manifest names; return what comes after them."""
        if known.sha256 == part.stat.sha256:
            self._ensure(known.key, part)
            count = part.stat.rows
        else:
            count = _agreed(part, stored_rows(self._sink, known.key), known.key)
        self.already += count
        return self._rest(part, count)

    def _adopt(self, part: _Part, key: str) -> _Part | None:
        """Name a file that an earlier publication left behind, if its rows are ours; return those that it lacks.

        It may have fewer rows, or the same ones as other bytes (written with another version of the Parquet library).
        """
        path = part.path.with_suffix(".there.parquet")
        path.write_bytes(self._sink.read(key))
        there = _Part(path, _stat_of(path))
        count = _agreed(part, _rows(path), key)
        if there.stat.first_ns != part.stat.first_ns:
            raise StoreConflict(f"{key} begins at another second than its name says; nothing was written.")
        self.already += count
        self._name(key, there)
        path.unlink()
        return self._rest(part, count)

    def _rest(self, part: _Part, count: int) -> _Part | None:
        if count == part.stat.rows:
            return None
        path = part.path.with_suffix(f".{count}.parquet")
        return _made(path, self._facts, itertools.islice(_rows(part.path), count, None))

    def _name(self, key: str, part: _Part) -> None:
        """See that the store has the object, name it in the manifest, and see that the store has that."""
        series, stat = self._facts.series, part.stat
        self._ensure(key, part)
        entry = FileEntry(
            key, stat.rows, stat.first_ns, stat.last_ns, stat.bytes, stat.sha256, stat.content_sha256, self._every_s
        )
        day = day_of(stat.first_ns)

        def rows_of(wanted: str) -> Iterable[Snapshot | bytes]:
            return parquet.read_texts(part.path) if wanted == key else stored_rows(self._sink, wanted)

        manifest = add_file(self._sink, series, entry, stat.by_status, rows_of)
        for attempt in range(ATTEMPTS):
            found = read_manifest(self._sink, series, day)
            if found is not None and entry in found[0].files:
                return
            self._wait(FIRST_WAIT_S * 2**attempt)
            if found is not None:  # the version before came back
                manifest = add_file(self._sink, series, entry, stat.by_status, rows_of)
                continue
            with suppress(StoreConflict):  # all of it is lost: what it said of earlier files, too
                self._sink.put(manifest_key(series, day), to_bytes(manifest), only_if=ABSENT)
        raise StoreUnavailable(
            f"{self._sink.name} accepted {manifest_key(series, day)} and does not have it.",
            hint="The rows are kept here; they will be published again.",
        )

    def _ensure(self, key: str, part: _Part) -> None:
        """See that the store has what was put, and put it again where the store has lost it.

        Raises:
            StoreConflict: it has something else.
            StoreUnavailable: it loses it again and again.
        """
        for attempt in range(ATTEMPTS):
            if self._sink.head(key) is not None:
                if self._holds(key, part.stat):
                    return
                raise StoreConflict(
                    f"{key} in {self._sink.name} is not what was put there.",
                    hint="The rows are kept here. Look at the object, and move it away.",
                )
            self._wait(FIRST_WAIT_S * 2**attempt)
            try:
                self._sink.put(key, part.path, only_if=ABSENT)
            except StoreConflict:
                continue
        raise StoreUnavailable(
            f"{self._sink.name} accepted {key} and does not have it.",
            hint="The rows are kept here; they will be published again.",
        )

    def _holds(self, key: str, stat: FileStat) -> bool:
        """Tell whether the store's object is that file: by the store's checksum, or by reading where it has none."""
        there = self._sink.head(key)
        if there is None or there.size != stat.bytes:
            return False
        return (there.sha256 or sha256_of(self._sink.read(key))) == stat.sha256


def _make_workdir(workdir: Path) -> None:
    """Make the folder, and remove what killed publications left in it a day ago."""
    workdir.mkdir(parents=True, exist_ok=True)
    for folder in workdir.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


def _made(path: Path, facts: SeriesFacts, rows: Iterable[Snapshot | bytes]) -> _Part:
    """Write rows as a file, and see that it gives them back to the letter: they will be forgotten here.

    Raises:
        DamagedFile: it does not.
        ValueError, OSError: as `write_file`.
    """
    stat = parquet.write_file(path, facts, rows)
    if parquet.content_read(path) != stat.content_sha256:
        raise DamagedFile(
            f"{path.name} does not give back the rows it was made of.", hint="The rows are kept here. Look at the disk."
        )
    return _Part(path, stat)


def _rows(path: Path) -> Iterator[Snapshot]:
    return parquet.read_file(path)[1]


def _overlapping(manifest: Manifest, stat: FileStat) -> FileEntry | None:
    """Find the first file of the day with rows of the same time."""
    return next((e for e in manifest.files if e.first_ns <= stat.last_ns and stat.first_ns <= e.last_ns), None)


def _agreed(part: _Part, there: Iterator[Snapshot], key: str) -> int:
    """Count the rows, from the first on, that a stored file has just so; it may begin before and end after them.

    Raises:
        StoreConflict: it lacks one of its own time, or has it otherwise, or has one more.
    """
    conflict = StoreConflict(
        f"{key} is in the store already and has other rows of the same time; nothing was written.",
        hint="Two recorders of one series may not share a store. The rows are kept here.",
    )
    ours = _rows(part.path)
    other = next((each for each in there if each.time_ns >= part.stat.first_ns), None)
    count = 0
    for row in ours:
        if other is None:
            break
        if other != row:
            raise conflict
        count += 1
        other = next(there, None)
    if count == 0:
        raise conflict
    return count


def _stat_of(path: Path) -> FileStat:
    """Look a file through.

    Raises:
        SchemaError, DamagedFile: it cannot be read, or is empty.
    """
    content, statuses = hashlib.sha256(), Counter[str]()
    first = last = -1
    for row in _rows(path):
        content.update(encode(row) if first < 0 else b"\n" + encode(row))
        first, last = row.time_ns if first < 0 else first, row.time_ns
        statuses[row.status] += 1
    by_status = dict(sorted(statuses.items()))
    return FileStat(statuses.total(), first, last, path.stat().st_size, sha256_of(path), content.hexdigest(), by_status)
