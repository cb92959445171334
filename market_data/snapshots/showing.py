"""One recorded book: that of the nearest second at or before an instant."""

from bisect import bisect_right
from typing import NamedTuple

from domain.errors import CrossbookError, UsageError
from domain.exit_codes import ExitCode
from domain.snapshots import SECOND_NS, Series, SeriesFacts, Snapshot
from market_data.snapshots.columns import SNAPSHOT_COLUMNS, US_NS, snapshots
from market_data.snapshots.coverage import second_text
from market_data.snapshots.inventory import days_of
from market_data.snapshots.layout import day_of
from market_data.snapshots.manifest import FileEntry, Manifest, read_manifest
from market_data.snapshots.parquet import DamagedFile, read_columns, read_file
from market_data.snapshots.sources import source_of
from utils.persistence.sinks.base import Sink, StoreMissing


class Pruned(CrossbookError):
    """The rows were there and were deleted on purpose."""

    category = "pruned"
    exit_code = ExitCode.VERIFICATION_FAILED


class Shown(NamedTuple):
    """A recorded second, the facts of its series and the file it is from; `at_ns` is what was asked for."""

    facts: SeriesFacts
    snapshot: Snapshot
    key: str
    at_ns: int | None

    @property
    def age_s(self) -> int:
        """Tell how many seconds before the asked instant the row is."""
        return 0 if self.at_ns is None else (self.at_ns - self.snapshot.time_ns) // SECOND_NS


def book_at(sink: Sink, series: Series, at_ns: int | None = None) -> Shown:
    """Find the last row at or before an instant (None: the last one of all); only the part of a file it is in is read.

    Raises:
        UsageError: nothing was recorded of the series until then.
        Pruned: what there was has been deleted on purpose.
        SchemaError, DamagedFile: the manifest or the file cannot be read.
        StoreError: the store does not answer.
    """
    last_day = None if at_ns is None else day_of(at_ns)
    earliest: int | None = None
    for day in reversed(days_of(sink)):
        found = read_manifest(sink, series, day)
        if found is None or not found[0].files:
            continue
        manifest = found[0]
        earliest = manifest.files[0].first_ns
        if (last_day is not None and day > last_day) or (at_ns is not None and earliest > at_ns):
            continue
        return _of_day(sink, manifest, at_ns)
    if earliest is None:
        raise UsageError(f"The store has nothing of {series}.", hint="See what it has: snapshot list.")
    raise UsageError(f"Nothing of {series} was recorded so early.", hint=f"It begins at {second_text(earliest)}.")


def _of_day(sink: Sink, manifest: Manifest, at_ns: int | None) -> Shown:
    """Read the last row of a day that is not after an instant; when its file was replaced meanwhile, of the new one."""
    series, day = manifest.series, manifest.day
    while True:
        if manifest.pruned:
            raise Pruned(f"The rows of {series} on {day} were pruned.", hint="See what there is: snapshot list.")
        entry = next(each for each in reversed(manifest.files) if at_ns is None or each.first_ns <= at_ns)
        try:
            return _row(sink, entry, entry.last_ns if at_ns is None else at_ns)._replace(at_ns=at_ns)
        except (DamagedFile, StoreMissing):
            found = read_manifest(sink, series, day)
            if found is None or (found[0].files == manifest.files and not found[0].pruned):
                raise
            manifest = found[0]


def _row(sink: Sink, entry: FileEntry, at_ns: int) -> Shown:
    """Read the last row of a file that is not after an instant."""
    size = entry.bytes
    facts, _ = read_file(source_of(sink, entry.key, size))
    # The group that the instant is in; where it is between two groups, all that begin before it.
    for since_ns in (at_ns, None):
        groups = read_columns(
            source_of(sink, entry.key, size), SNAPSHOT_COLUMNS, since_ns=since_ns, until_ns=at_ns + SECOND_NS
        )
        for table in reversed(list(groups)):
            times = table.column("time").cast("int64").to_pylist()
            place = bisect_right(times, at_ns // US_NS)
            if place:
                return Shown(facts, next(snapshots(table.slice(place - 1, 1))), entry.key, None)
    raise DamagedFile(f"{entry.key} does not have the rows that its manifest says.", hint="Run snapshot verify.")
