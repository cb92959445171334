"""Which stored files an answer is made of: those that the manifests name, of the days and the series asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from domain.errors import UsageError
from domain.snapshots import Series, SeriesFacts, Snapshot
from domain.spans import EVERY, span_ms
from domain.time import NS_PER_MS, epoch_ms
from market_data.snapshots.arrays import times_us
from market_data.snapshots.columns import SNAPSHOT_COLUMNS, snapshots
from market_data.snapshots.inventory import days_of, take_inventory
from market_data.snapshots.layout import day_of, manifest_key, read_file_key, read_manifest_key
from market_data.snapshots.manifest import Manifest, from_bytes
from market_data.snapshots.parquet import DamagedFile, read_columns, read_file
from market_data.snapshots.sources import source_of
from utils.persistence.sinks.base import Sink, StoreMissing
from utils.persistence.sinks.local import LocalSink

FOR_EVER_NS = (1 << 63) - 1
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


def facts_of_file(sink: Sink, file: StoredFile) -> SeriesFacts:
    """Read the facts that a file carries.

    Raises:
        SchemaError, DamagedFile, StoreError: the file cannot be read.
    """
    return read_file(source_of(sink, file.key, file.bytes))[0]


def tables_of(sink: Sink, files: Iterable[StoredFile], window: Window) -> Callable[[list[str]], Iterator[Any]]:
    """Return what reads some columns of these files, an Arrow table a row group, without what is outside of the window.

    Raises (while reading):
        SchemaError, DamagedFile, StoreError: a file cannot be read.
    """

    def tables(columns: list[str]) -> Iterator[Any]:
        for file in files:
            source = source_of(sink, file.key, file.bytes)
            for table in read_columns(source, columns, since_ns=window.since_ns, until_ns=window.until_ns):
                yield _inside(table, window) if "time" in columns else table

    return tables


def snapshots_of(
    sink: Sink, files: Sequence[StoredFile], window: Window
) -> Iterator[tuple[SeriesFacts, Iterator[Snapshot]]]:
    """Read the snapshots of these files that are in the window, each file's with its facts.

    Raises (while reading):
        SchemaError, DamagedFile, StoreError: a file cannot be read.
    """
    for file in files:
        tables = tables_of(sink, [file], window)(list(SNAPSHOT_COLUMNS))
        yield facts_of_file(sink, file), (found for table in tables for found in snapshots(table))


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
