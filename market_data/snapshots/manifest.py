"""What a store has of one series and UTC day: its files, what is in them, and a checksum over every day before.

`content` covers the rows of the day in order, whatever files they are in: beginning with 64 zeros, each row takes it to
sha256(content as hex text + the row's canonical text). So it can go on from where it was without reading a row again,
and making several files one does not change it. `chain` is sha256(the previous day's chain + content), both as hex
text; the first day has no previous chain. A day is closed once a later one of the series has a manifest.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from domain.snapshots import OK, Series, Snapshot, encode
from market_data.snapshots.layout import ROOT, day_of, is_day, manifest_key
from market_data.snapshots.parquet import DamagedFile, SchemaError
from utils.persistence.sinks.base import ABSENT, Sink, StoreConflict, StoreMissing, StoreUnavailable

SCHEMA = 1
NO_ROWS = "0" * 64
_ATTEMPTS = 8
_SUM = "sum"
T = TypeVar("T")


class FileEntry(NamedTuple):
    """One file of rows. Times are of its first and last row (ns since the epoch), `sha256` is of the object.

    `content_sha256` is over the rows' canonical texts, joined by line feeds, as the file itself says. `every_s` is the
    beat that the rows were recorded at, in seconds; None where it was not written down.
    """

    key: str
    rows: int
    first_ns: int
    last_ns: int
    bytes: int
    sha256: str
    content_sha256: str
    every_s: int | None = None


class Previous(NamedTuple):
    """The last earlier day of the series, as it was when this day's first file was published."""

    day: str
    content: str
    chain: str


class Manifest(NamedTuple):
    """One series on one day. `files` are in order of time; `pruned`: they were deleted on purpose, the counts stay."""

    series: Series
    day: str
    files: tuple[FileEntry, ...]
    by_status: Mapping[str, int]
    content: str
    previous: Previous | None
    pruned: bool = False

    @property
    def rows(self) -> int:
        """Count the rows of the day."""
        return sum(self.by_status.values())

    @property
    def ok(self) -> int:
        """Count the rows that have their book."""
        return self.by_status.get(OK, 0)

    @property
    def chain(self) -> str:
        """Return the checksum over this day and all before it."""
        return chain_of(self.previous, self.content)


class DayContent:
    """The checksum of a day's rows, taken in one by one; `content` is where to go on from."""

    def __init__(self, content: str = NO_ROWS) -> None:
        self.content = content

    def add(self, row: Snapshot | bytes) -> None:
        """Take the next row in, a snapshot or its text."""
        text = row if isinstance(row, bytes) else encode(row)
        self.content = hashlib.sha256(self.content.encode() + text).hexdigest()

    def add_all(self, rows: Iterable[Snapshot | bytes]) -> str:
        """Take rows in, in order; return `content`."""
        for row in rows:
            self.add(row)
        return self.content


def chain_of(previous: Previous | None, content: str) -> str:
    """Compute the checksum over a day with this content and all before it."""
    return hashlib.sha256(((previous.chain if previous else "") + content).encode()).hexdigest()


def to_bytes(manifest: Manifest) -> bytes:
    """Write a manifest: JSON with sorted keys and a line feed at the end, the same bytes for the same manifest."""
    told = {
        "schema": SCHEMA,
        "series": manifest.series._asdict(),
        "day": manifest.day,
        "files": [_entry(entry) for entry in manifest.files],
        "rows": manifest.rows,
        "ok": manifest.ok,
        "by_status": dict(manifest.by_status),
        "content": manifest.content,
        "previous": manifest.previous._asdict() if manifest.previous else None,
        "chain": manifest.chain,
        "pruned": manifest.pruned,
    }
    return _json(told | {_SUM: _sum_of(told)}) + b"\n"


def from_bytes(text: bytes, key: str) -> Manifest:
    """Read a manifest; `key` is for the error's sentence.

    Raises:
        SchemaError: it was written by a newer version.
        DamagedFile: it is none, or its sums do not add up.
    """
    try:
        told = json.loads(text)
        schema = _of(int, told["schema"])
        if schema > SCHEMA:
            raise SchemaError(
                f"{key} has schema {schema}; this version of Crossbook reads up to {SCHEMA}.",
                hint="Use a newer version.",
            )
        manifest = _understood(told)
        # Manifests of the first recordings have no sum over all their fields.
        sums = (told["rows"], told["ok"], told["chain"], told.get(_SUM, _sum_of(told)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(f"{key} is no manifest, or is damaged.", hint="See what else is: snapshot verify.") from error
    if sums != (manifest.rows, manifest.ok, manifest.chain, _sum_of(told)):
        raise DamagedFile(f"{key} has been altered: its own sums do not add up.")
    return manifest


def read_manifest(sink: Sink, series: Series, day: str) -> tuple[Manifest, str] | None:
    """Read a day's manifest and the etag to replace it with; None when there is none.

    Raises:
        SchemaError, DamagedFile: as `from_bytes`.
        StoreError: the store does not answer.
    """
    key = manifest_key(series, day)
    # The etag first: should the manifest change before it is read, replacing it by the older etag fails.
    found = sink.head(key)
    if found is None or found.etag is None:
        return None
    try:
        manifest = from_bytes(sink.read(key), key)
    except StoreMissing:
        return None
    if (manifest.series, manifest.day) != (series, day):
        raise DamagedFile(f"{key} is the manifest of {manifest.series} on {manifest.day}.")
    return manifest, found.etag


def change_manifest(sink: Sink, series: Series, day: str, change: Callable[[Manifest | None], Manifest]) -> Manifest:
    """Replace a day's manifest by what `change` makes of it (None: there was none); return it.

    When another writer was faster, its version is read, and changed, again. Nothing is written where nothing changes.

    Raises:
        StoreConflict: others keep on writing; also what `change` raises.
        SchemaError, DamagedFile: as `from_bytes`.
        StoreError: the store does not answer.
    """
    for left in reversed(range(_ATTEMPTS)):
        found = read_manifest(sink, series, day)
        manifest = change(found[0] if found else None)
        text = to_bytes(manifest)
        if found is None or text != to_bytes(found[0]):
            try:
                sink.put(manifest_key(series, day), text, only_if=found[1] if found else ABSENT)
            except StoreConflict:
                if left:
                    continue
                raise
        return manifest
    raise AssertionError("unreachable")


def change_for_good(sink: Sink, series: Series, day: str, change: Callable[[Manifest | None], Manifest]) -> Manifest:
    """Do as `change_manifest`, and see that the store has it: what is deleted next hangs on it.

    Raises:
        StoreUnavailable: the store accepted it and has not got it; also what `change_manifest` raises.
    """
    manifest = change_manifest(sink, series, day, change)
    found = read_manifest(sink, series, day)
    if found is None or change(found[0]) != found[0]:
        raise StoreUnavailable(
            f"{sink.name} accepted {manifest_key(series, day)} and does not have it.",
            hint="Nothing was deleted. Run it again.",
        )
    return manifest


def with_file(
    manifest: Manifest,
    entry: FileEntry,
    by_status: Mapping[str, int],
    rows_of: Callable[[str], Iterable[Snapshot | bytes]],
) -> Manifest:
    """Take a file into a manifest: behind the others without reading them, before one of them by reading all.

    Args:
        by_status: how many rows of the new file have which status.
        rows_of: reads the rows, or their texts, of a file by its key; the new one is asked for, too.

    Raises:
        StoreConflict: a file with rows of the same time is there.
    """
    if entry in manifest.files:
        return manifest
    if manifest.pruned:
        raise StoreConflict(
            f"The files of {manifest.series} on {manifest.day} were pruned; {entry.key} comes too late."
        )
    for other in manifest.files:
        if other.first_ns <= entry.last_ns and entry.first_ns <= other.last_ns:
            raise StoreConflict(
                f"{entry.key} and {other.key} both have rows of {manifest.series} of the same time.",
                hint="Two recorders of one series may not share a store.",
            )
    files = tuple(sorted((*manifest.files, entry), key=lambda each: each.first_ns))
    if files[-1] is entry:
        content = DayContent(manifest.content).add_all(rows_of(entry.key))
    else:
        whole = DayContent()
        for each in files:
            whole.add_all(rows_of(each.key))
        content = whole.content
    counts = Counter(manifest.by_status) + Counter(by_status)
    return manifest._replace(files=files, content=content, by_status=dict(sorted(counts.items())))


def add_file(
    sink: Sink,
    series: Series,
    entry: FileEntry,
    by_status: Mapping[str, int],
    rows_of: Callable[[str], Iterable[Snapshot | bytes]],
) -> Manifest:
    """Name a file, which the store has already, in its day's manifest; return that.

    Raises:
        StoreConflict: the day is closed, or another file has rows of the same time.
        SchemaError, DamagedFile: as `from_bytes`.
        StoreError: the store does not answer.
    """
    day = day_of(entry.first_ns)

    def change(found: Manifest | None) -> Manifest:
        if found is not None and entry in found.files:
            return found
        refuse_if_closed(sink, series, day, found)
        begun = found or Manifest(series, day, (), {}, NO_ROWS, previous_day(sink, series, day))
        return with_file(begun, entry, by_status, rows_of)

    return change_manifest(sink, series, day, change)


def refuse_if_closed(sink: Sink, series: Series, day: str, manifest: Manifest | None) -> None:
    """Refuse new rows for a day that is closed; `manifest` is its own, if there is one.

    Raises:
        StoreConflict: there is a later day of the series, or the day's files were pruned.
        StoreError: the store does not answer.
    """
    if manifest is not None and manifest.pruned:
        raise StoreConflict(f"The files of {series} on {day} were pruned: further rows of that day come too late.")
    later = later_day(sink, series, day)
    if later is not None:
        raise StoreConflict(
            f"{sink.name} has {series} of {later} already: {day} is closed, and its rows come too late.",
            hint="Publish them to a store of their own (--to).",
        )


def previous_day(sink: Sink, series: Series, day: str) -> Previous | None:
    """Find the last day of the series before this one.

    Raises:
        SchemaError, DamagedFile: as `from_bytes`.
        StoreError: the store does not answer.
    """
    for earlier in reversed(_days(sink)):
        found = read_manifest(sink, series, earlier) if earlier < day else None
        if found is not None:
            return Previous(earlier, found[0].content, found[0].chain)
    return None


def later_day(sink: Sink, series: Series, day: str) -> str | None:
    """Find a day after this one that has a manifest of the series.

    Raises:
        StoreError: the store does not answer.
    """
    later = (each for each in _days(sink) if each > day)
    return next((each for each in later if sink.head(manifest_key(series, each)) is not None), None)


def _days(sink: Sink) -> list[str]:
    return [name for name in sink.folders(ROOT) if is_day(name)]


def _entry(entry: FileEntry) -> dict[str, Any]:
    return {name: value for name, value in entry._asdict().items() if value is not None}


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _sum_of(told: Mapping[str, Any]) -> str:
    """Hash all fields: not everything that a manifest says can be found out again from the rows."""
    return hashlib.sha256(_json({name: value for name, value in told.items() if name != _SUM})).hexdigest()


def _understood(told: Any) -> Manifest:
    """Read the fields, each of its type."""
    files = tuple(FileEntry(**{name: each.get(name) for name in FileEntry._fields}) for each in told["files"])
    previous = told["previous"]
    manifest = Manifest(
        Series(_of(str, told["series"]["venue"]), _of(str, told["series"]["symbol"])),
        _of(str, told["day"]),
        files,
        {_of(str, status): _of(int, count) for status, count in told["by_status"].items()},
        _of(str, told["content"]),
        Previous(*(_of(str, previous[name]) for name in Previous._fields)) if previous is not None else None,
        _of(bool, told.get("pruned", False)),
    )
    for entry in files:
        for name in ("rows", "first_ns", "last_ns", "bytes"):
            _of(int, getattr(entry, name))
        for name in ("key", "sha256", "content_sha256"):
            _of(str, getattr(entry, name))
        if entry.every_s is not None and _of(int, entry.every_s) < 1:
            raise ValueError("no beat")
    if not is_day(manifest.day) or any(a.last_ns >= b.first_ns for a, b in itertools.pairwise(files)):
        raise ValueError("not in order")
    return manifest


def _of(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise TypeError(f"not {kind.__name__}")
    return value
