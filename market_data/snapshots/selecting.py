"""Which stored files an answer is made of: those that the manifests name, of the days and the series asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from domain.errors import UsageError
from domain.snapshots import Series, SeriesFacts, Snapshot
from domain.spans import EVERY, span_ms
from domain.time import NS_PER_MS, epoch_ms
from market_data.snapshots.arrays import times_us
from market_data.snapshots.columns import SNAPSHOT_COLUMNS, US_NS, snapshots
from market_data.snapshots.inventory import days_of, take_inventory
from market_data.snapshots.layout import day_of, manifest_key, read_file_key, read_manifest_key
from market_data.snapshots.manifest import Manifest, from_bytes
from market_data.snapshots.parquet import DamagedFile, read_columns, read_file
from market_data.snapshots.sources import source_of
from utils.persistence.sinks.base import Sink, StoreMissing
from utils.persistence.sinks.local import LocalSink

FOR_EVER_NS = (1 << 63) - 1
LOOKS = 5
"""How often manifests are read again for an answer, because files that they named are gone."""
_AT_ONCE = 8
"""How many manifests are asked of a bucket side by side."""


class Window(NamedTuple):
    """From when (included) until when (excluded), in nanoseconds since the epoch."""

    since_ns: int = 0
    until_ns: int = FOR_EVER_NS

    @classmethod
    def read(cls, since: str | None, until: str | None, now_ms: int) -> "Window":
        """Read what was written on the command line; what is None is without an end.

        Raises:
            UsageError: one is neither an instant nor a span, or nothing lies between them.
        """
        first = 0 if since is None else moment_ns(since, now_ms)
        last = FOR_EVER_NS if until is None else moment_ns(until, now_ms)
        if last <= first:
            raise UsageError("Nothing lies between --since and --until.")
        return cls(first, last)

    def has_day(self, day: str) -> bool:
        """Say whether a UTC day (`2026-11-21`) has a second of it."""
        first = day_of(self.since_ns)
        return first <= day and (self.until_ns == FOR_EVER_NS or day <= day_of(self.until_ns - 1))


class StoredFile(NamedTuple):
    """A file that a manifest names; its first and last row's times are nanoseconds since the epoch."""

    key: str
    series: Series
    first_ns: int
    last_ns: int
    bytes: int
    rows: int


def moment_ns(text: str, now_ms: int) -> int:
    """Read an instant or a date (UTC where no zone is said), or a span before now (`90s`, `12h`, `30d`).

    Raises:
        UsageError: it is neither, or before 1970.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            ms = now_ms - span_ms(text, EVERY, most="3660d")
        except UsageError as error:
            raise UsageError(error.message, hint=f"{error.hint} Or a date: 2026-11-01, or 2026-11-01T12:00Z.") from None
    else:
        ms = epoch_ms(found if found.tzinfo else found.replace(tzinfo=UTC))
    if ms < 0:
        raise UsageError(f"{text[:40]} is before 1970.")
    return ms * NS_PER_MS


def stored_files(sink: Sink, window: Window, series: Series | None = None) -> list[StoredFile]:
    """Find the files with rows of a window, of one series or of all, by series and in order of time.

    Raises:
        UsageError: the store has nothing of this series at all.
        SchemaError, DamagedFile: a manifest cannot be understood.
        StoreError: the store does not answer.
    """
    days = days_of(sink)
    chosen = [day for day in days if window.has_day(day)]
    if series is None:
        keys = [
            found.key for day in chosen for found in sink.list(f"order_books/{day}/") if read_manifest_key(found.key)
        ]
    else:
        keys = [manifest_key(series, day) for day in chosen]
    manifests = [found for found in _together(sink, keys) if found is not None]
    if series is not None and not manifests:
        take_inventory(sink).chosen({series})  # which says so, and what is near, unless it has it on other days
    files = [file for manifest in manifests if not manifest.pruned for file in _files(manifest)]
    inside = [file for file in files if file.first_ns < window.until_ns and file.last_ns >= window.since_ns]
    return sorted(inside, key=lambda file: (file.series, file.first_ns))


def renewed(
    sink: Sink, files: Iterable[StoredFile], window: Window, series: Series | None = None
) -> list[StoredFile] | None:
    """Read the manifests again, because one of these files cannot be read: `compact` may have replaced it.

    Returns:
        The files of the window now; None where all of these are still named, so that something is really wrong.

    Raises:
        SchemaError, DamagedFile, StoreError: as `stored_files`.
    """
    found = stored_files(sink, window, series)
    return None if {file.key for file in files} <= {file.key for file in found} else found


def facts_of_file(sink: Sink, file: StoredFile) -> SeriesFacts:
    """Read the facts that a file carries, or the one that has replaced it.

    Raises:
        SchemaError, DamagedFile, StoreError: the file cannot be read.
    """
    for left in reversed(range(LOOKS)):
        try:
            return read_file(source_of(sink, file.key, file.bytes))[0]
        except (DamagedFile, StoreMissing):
            found = renewed(sink, [file], Window(file.first_ns, file.last_ns + 1), file.series) if left else None
            if not found:
                raise
            file = found[-1]
    raise AssertionError("unreachable")


def tables_of(sink: Sink, files: Iterable[StoredFile], window: Window) -> Callable[[list[str]], Iterator[Any]]:
    """Return what reads some columns of these files, an Arrow table a row group, without what is outside of the window.

    The column `time` has to be one of them. Files that `compact` replaces meanwhile are read out of the new one.

    Raises (while reading):
        SchemaError, DamagedFile, StoreError: a file cannot be read.
    """

    def tables(columns: list[str]) -> Iterator[Any]:
        for _, found in _Reading(sink, files, window, columns).files():
            yield from found

    return tables


def snapshots_of(
    sink: Sink, files: Sequence[StoredFile], window: Window
) -> Iterator[tuple[SeriesFacts, Iterator[Snapshot]]]:
    """Read the snapshots of these files that are in the window, each file's with its facts; all, before the next.

    Raises (while reading):
        SchemaError, DamagedFile, StoreError: a file cannot be read.
    """
    for file, tables in _Reading(sink, files, window, list(SNAPSHOT_COLUMNS)).files():
        yield facts_of_file(sink, file), (found for table in tables for found in snapshots(table))


class _Reading:
    """Files that are read one after another; where `compact` replaces some meanwhile, it goes on in what it made."""

    def __init__(self, sink: Sink, files: Iterable[StoredFile], window: Window, columns: list[str]) -> None:
        self._sink = sink
        self._todo = list(files)
        self._window = window
        self._columns = columns
        self._series: Series | None = None
        self._since_ns = window.since_ns
        self._looks = LOOKS

    def files(self) -> Iterator[tuple[StoredFile, Iterator[Any]]]:
        """Read each file, an Arrow table a row group."""
        while self._todo:
            file = self._todo.pop(0)
            if file.series != self._series:
                self._series, self._since_ns = file.series, self._window.since_ns
            yield file, self._tables(file)

    def _tables(self, file: StoredFile) -> Iterator[Any]:
        while True:
            until_ns = self._window.until_ns
            source = source_of(self._sink, file.key, file.bytes)
            try:
                for table in read_columns(source, self._columns, since_ns=self._since_ns, until_ns=until_ns):
                    part = _inside(table, Window(self._since_ns, until_ns))
                    if len(part):
                        self._since_ns = int(times_us(part)[-1]) * US_NS + 1
                    yield part
                return
            except (DamagedFile, StoreMissing):
                self._looks -= 1
                rest = Window(self._since_ns, self._window.until_ns)
                found = renewed(self._sink, [file], rest, file.series) if self._looks else None
                if found is None:
                    raise
            self._todo = found + [each for each in self._todo if each.series != file.series]
            if not found:
                return
            file = self._todo.pop(0)


def _inside(table: Any, window: Window) -> Any:
    """Cut off the rows before and behind the window; rows are in order of time."""
    times = times_us(table)
    first, last = (int(times.searchsorted(-(-moment // 1000))) for moment in window)
    return table.slice(first, last - first)


def _together(sink: Sink, keys: Sequence[str]) -> Iterable[Manifest | None]:
    if isinstance(sink, LocalSink) or len(keys) < _AT_ONCE:
        return [_manifest(sink, key) for key in keys]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(lambda key: _manifest(sink, key), keys))


def _manifest(sink: Sink, key: str) -> Manifest | None:
    try:
        return from_bytes(sink.read(key), key)
    except StoreMissing:
        return None


def _files(manifest: Manifest) -> Iterator[StoredFile]:
    for entry in manifest.files:
        name = read_file_key(entry.key)
        if name is None or (name.series, name.day) != (manifest.series, manifest.day):
            raise DamagedFile(
                f"The manifest of {manifest.series} on {manifest.day} names {entry.key}, which is not its own."
            )
        yield StoredFile(entry.key, manifest.series, entry.first_ns, entry.last_ns, entry.bytes, entry.rows)
