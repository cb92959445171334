"""Parquet files of order books: written complete or not at all, read row group by row group.

What a file holds is said in `columns.py` and, for readers without this code, in docs/snapshots.md.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode
from domain.snapshots import SECOND_NS, SeriesFacts, Snapshot
from market_data.snapshots.columns import (
    COLUMNS,
    LISTS,
    SCHEMA,
    SNAPSHOT_COLUMNS,
    TEXTS,
    US_NS,
    Rows,
    facts_json,
    facts_of,
    schema,
    snapshots,
    texts,
)

SCHEMA_KEY, FACTS_KEY, CONTENT_KEY = b"crossbook.schema", b"crossbook.facts", b"crossbook.content_sha256"
ZSTD_LEVEL = 8
"""As few bytes as at 9, for 10 to 15 % less time; 7 takes 2 to 5 % more bytes, and hardly less time."""
GROUP_ROWS = 300
"""The fewest rows of a group that is not the last; it goes on to `GROUP_LEVELS`."""
GROUP_LEVELS = 180_000
"""Levels (both sides) that end a group: a quarter of an hour of 100 a side, 3 MB of doubles. A whole hour takes 2.7 %
less bytes, and 30 MB more memory to write."""
_READ_ROWS = 300
"""Rows that are turned into texts or snapshots in one go: what a larger number saves in time it costs in memory."""
_DAY_NS = 86_400 * SECOND_NS


class SchemaError(CrossbookError):
    """The file is none of ours, or of a newer schema than this code knows."""

    category = "schema"
    exit_code = ExitCode.CONFIGURATION


class DamagedFile(CrossbookError):
    """The file is missing, cut off or altered."""

    category = "damaged"
    exit_code = ExitCode.VERIFICATION_FAILED


class FileStat(NamedTuple):
    """What was written: times are those of the first and the last row, `bytes` and `sha256` are of the file.

    `content_sha256` is over the rows' canonical texts, joined by line feeds.
    """

    rows: int
    first_ns: int
    last_ns: int
    bytes: int
    sha256: str
    content_sha256: str
    by_status: Mapping[str, int]


def write_file(path: Path, facts: SeriesFacts, snapshots: Iterable[Snapshot | bytes]) -> FileStat:
    """Write the snapshots of one series and UTC day, in order of time; `path` is replaced when all is on the disk.

    They may be given as their texts (`encode`), which takes less time. The same snapshots give the same bytes (with the
    same pyarrow). Nothing but the levels of a row group is held.

    Raises:
        ValueError: there are none, they are out of order, twice in a second, of several days, a level is no number, or
            a text is no snapshot's.
        OSError: the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as sink:
            written = _write(sink, facts, snapshots)
            sink.flush()
            os.fsync(sink.fileno())
        with unfinished.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        stat = written._replace(bytes=unfinished.stat().st_size, sha256=sha256)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return stat


def read_file(source: Path | Any) -> tuple[SeriesFacts, Iterator[Snapshot]]:
    """Read a file's facts, and its snapshots one row group after another.

    Args:
        source: a path, or an open file of pyarrow or of Python that can seek.

    Raises:
        SchemaError: it is none of ours, or newer.
        DamagedFile: it is missing, cut off or altered; while iterating, too.
    """
    opened, facts = _open(source)
    return facts, _snapshots(opened, source)


def read_texts(source: Path | Any) -> Iterator[bytes]:
    """Read the rows' canonical texts (`encode`), in little more than half the time that snapshots and their texts take.

    Raises (while reading):
        SchemaError, DamagedFile: as `read_file`.
    """
    opened, _ = _open(source)
    for table in _tables(opened, source):
        yield from texts(table)


def content_read(source: Path | Any) -> str:
    """Read all rows, and return the sha256 over their canonical texts, joined by line feeds.

    Raises:
        SchemaError, DamagedFile: as `read_file`.
    """
    content, between = hashlib.sha256(), b""
    for text in read_texts(source):
        content.update(between + text)
        between = b"\n"
    return content.hexdigest()


def read_columns(
    source: Path | Any, columns: Sequence[str], *, since_ns: int | None = None, until_ns: int | None = None
) -> Iterator[Any]:
    """Read only these columns, as one Arrow table a row group, or one of all where they are no levels.

    Groups without a row in [since_ns, until_ns) are skipped; those at the border are whole: filter by `time`.

    Raises:
        SchemaError: it is none of ours, or newer.
        DamagedFile: it is missing, cut off or altered.
    """
    opened, _ = _open(source)
    with _telling(source):
        wanted = []
        for group in range(opened.num_row_groups):
            first, last = _span(opened.metadata.row_group(group))
            if (until_ns is None or first < until_ns) and (since_ns is None or last >= since_ns):
                wanted.append(group)
        together = [wanted] if wanted and not set(columns) & set(LISTS) else [[group] for group in wanted]
        for groups in together:
            yield opened.read(groups, columns).select(list(columns))


def _write(sink: Any, facts: SeriesFacts, found: Iterable[Snapshot | bytes]) -> FileStat:
    import pyarrow.parquet as pq

    rows, statuses = Rows(facts), Counter[str]()
    first = last = None
    known = {SCHEMA_KEY: str(SCHEMA).encode(), FACTS_KEY: facts_json(facts)}
    with pq.ParquetWriter(sink, schema().with_metadata(known), **layout()) as writer:
        for row in found:
            snapshot = rows.add(row)
            _check_time(snapshot.time_ns, last)
            first, last = snapshot.time_ns if first is None else first, snapshot.time_ns
            statuses[snapshot.status] += 1
            if rows.rows >= GROUP_ROWS and rows.levels >= GROUP_LEVELS:
                writer.write_table(rows.table(), row_group_size=rows.rows)
                rows.clear()
        if first is None or last is None:
            raise ValueError("no snapshots")
        if rows.rows:
            writer.write_table(rows.table(), row_group_size=rows.rows)
        content = rows.content()
        writer.add_key_value_metadata({CONTENT_KEY: content.encode()})
    return FileStat(statuses.total(), first, last, 0, "", content, dict(sorted(statuses.items())))


def layout() -> dict[str, Any]:
    """Return how pyarrow writes. Its own level of zstd is 1; in plain doubles zstd finds the book of a second ago."""
    return {
        "compression": "zstd", "compression_level": ZSTD_LEVEL, "use_dictionary": list(TEXTS),
        "data_page_size": 8 << 20, "write_statistics": [name for name in COLUMNS if name not in (*LISTS, "exact")],
        "write_page_checksum": True, "version": "2.6",
    }  # fmt: skip


def _check_time(time_ns: int, last: int | None) -> None:
    if time_ns % SECOND_NS:
        raise ValueError(f"{time_ns} is no whole second")
    if last is not None and time_ns <= last:
        raise ValueError(f"{time_ns} does not come after {last}")
    if last is not None and time_ns // _DAY_NS != last // _DAY_NS:
        raise ValueError(f"{time_ns} and {last} are of two UTC days")


class _Opened:
    """A file as `pyarrow.parquet.ParquetFile` reads it, without that module: it loads file systems and TLS first."""

    def __init__(self, source: Path | Any) -> None:
        from pyarrow._parquet import ParquetReader

        self._reader = ParquetReader()
        self._reader.open(source, use_memory_map=False, pre_buffer=True, page_checksum_verification=True)
        self.metadata = self._reader.metadata
        self.num_row_groups: int = self._reader.num_row_groups

    def read(self, groups: Sequence[int], columns: Sequence[str]) -> Any:
        """Read these columns of some row groups as an Arrow table, in the file's order."""
        wanted = [index for index, path in enumerate(self._reader.column_paths) if path[0] in columns]
        return self._reader.read_row_groups(list(groups), column_indices=wanted)


def _open(source: Path | Any) -> tuple[_Opened, SeriesFacts]:
    with _telling(source):
        opened = _Opened(source)
        known = opened.metadata.metadata or {}
    version = known.get(SCHEMA_KEY, b"").decode("utf-8", "replace")
    check_version(version, _name(source))
    with _telling(source):
        return opened, facts_of(known[FACTS_KEY])


def check_version(version: str, name: str) -> None:
    """Refuse a file of a schema that this code does not know; `version` is as the file's metadata has it.

    Raises:
        SchemaError: it is newer, or none at all.
    """
    if not version.isdecimal():
        raise SchemaError(f"{name} holds no order books of Crossbook.")
    if int(version) > SCHEMA:
        raise SchemaError(
            f"{name} has schema {version}; this version of Crossbook reads up to {SCHEMA}.",
            hint="Read it with a newer version.",
        )


def _snapshots(opened: _Opened, source: Path | Any) -> Iterator[Snapshot]:
    for table in _tables(opened, source):
        yield from snapshots(table)


def _tables(opened: _Opened, source: Path | Any) -> Iterator[Any]:
    for group in range(opened.num_row_groups):
        with _telling(source):
            found = opened.read([group], SNAPSHOT_COLUMNS)
        for at in range(0, found.num_rows, _READ_ROWS):
            yield found.slice(at, _READ_ROWS)


def _span(group: Any) -> tuple[int, int]:
    """Read a row group's first and last time, in nanoseconds, out of its statistics."""
    known = group.column(COLUMNS.index("time")).statistics
    first, last = (value * US_NS for value in (known.min_raw, known.max_raw))  # the others import pandas
    return first, last


@contextmanager
def _telling(source: Path | Any) -> Iterator[None]:
    """Say in one sentence what pyarrow found wrong."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise DamagedFile(f"There is no file {_name(source)}.") from None
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{_name(source)} cannot be read: {reason[:160].rstrip('.')}.") from error


def _name(source: Path | Any) -> str:
    return str(source) if isinstance(source, Path | str) else str(getattr(source, "name", "the file"))
