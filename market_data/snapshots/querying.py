"""SQL over recorded books: DuckDB in memory, over the files that the manifests name, and over nothing else.

The SQL never touches a file. DuckDB gets the rows from Arrow, and its own way to files, networks and extensions is
closed before a word of the SQL is run; this is what keeps a `COPY … TO` inside of a `WITH` (a SELECT, to DuckDB) from
writing. Which files are opened at all follows from what the manifests say is in them.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from domain.errors import CrossbookError, UsageError
from market_data.snapshots.columns import SCHEMA
from market_data.snapshots.parquet import SCHEMA_KEY, DamagedFile, SchemaError, check_version
from market_data.snapshots.selecting import LOOKS, StoredFile, Window, renewed, stored_files
from market_data.snapshots.sources import filesystem_of, source_of
from utils.persistence.sinks.base import Sink, StoreMissing, StoreUnavailable

if TYPE_CHECKING:
    import duckdb

BATCH = 10_000
_FILE = re.compile(r"order_books/[^\s'\"]+\.parquet")
_SCHEMA = re.compile(SCHEMA_KEY + rb"\x18.([0-9]+)", re.DOTALL)
"""The schema as it stands in a Parquet footer: the key, the mark of a text that follows, its length, the text."""
_END = 64 << 10
"""What is read of a file's end, in bytes; the schema is in the last two thousand of them or so."""
_HINT = "The views are books, levels and bbo; DESCRIBE books shows its columns."
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "",
    "python_enable_replacements": "false",
}
_CLOSED = ("SET TimeZone = 'UTC'", "SET enable_external_access = false", "SET lock_configuration = true")
_VIEWS = (
    "CREATE VIEW books AS SELECT * FROM stored",
    """CREATE VIEW bbo AS
    SELECT time, venue, symbol, status, bid, bid_size, ask, ask_size, (bid + ask) / 2 AS mid, ask - bid AS spread,
           (ask - bid) / ((bid + ask) / 2) * 10000 AS spread_bps
    FROM stored""",
    """CREATE VIEW levels AS
    SELECT time, venue, symbol, status, 'bid' AS side,
           unnest(range(1, len(bid_prices) + 1)) AS level, unnest(bid_prices) AS price, unnest(bid_sizes) AS size
    FROM stored
    UNION ALL
    SELECT time, venue, symbol, status, 'ask' AS side,
           unnest(range(1, len(ask_prices) + 1)) AS level, unnest(ask_prices) AS price, unnest(ask_sizes) AS size
    FROM stored""",
)


Failures = tuple[Sequence[CrossbookError], Sequence[CrossbookError]]
"""What was found wrong with files, and what the store refused: libraries on the way make a text of it."""
_NONE: Failures = ((), ())


class Column(NamedTuple):
    """A column of an answer: its name and its DuckDB type."""

    name: str
    type: str


class Replaced(StoreUnavailable):
    """Files were replaced, by `compact`, after a part of an answer had been given: it cannot be gone on with."""


class Answer:
    """What a query answers: its columns at once, its rows as they are asked for."""

    def __init__(self, sink: Sink, files: Sequence[StoredFile], sql: str, window: Window) -> None:
        self._sink, self._sql, self._window = sink, sql, window
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._run(files)
        self.columns = [Column(*found) for found in zip(self._found.columns, map(str, self._found.types), strict=True)]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Read the rows: text, numbers, lists and None; instants are UTC text, what is no number is None.

        When files are gone, the manifests are read again, and the query is run again with what they name now.

        Raises:
            UsageError: the SQL fails on a row.
            SchemaError, DamagedFile: a file cannot be read.
            Replaced: files were replaced after the first rows were given.
            StoreError: the store does not give a file.
        """
        for left in reversed(range(LOOKS)):
            given = False
            try:
                for row in self._rows():
                    given = True
                    yield row
                return
            except (DamagedFile, StoreMissing) as error:
                found = renewed(self._sink, self._files, self._window) if left else None
                if found is None:
                    raise
                if given:
                    raise Replaced("Files were replaced while they were read.", hint="Ask again.") from error
            self._run(found)  # not above, where the error still holds on to what failed

    def all_rows(self) -> list[tuple[Any, ...]]:
        """Read all rows at once, whatever is replaced meanwhile; raises what `rows` does."""
        for left in reversed(range(LOOKS)):
            try:
                return list(self.rows())
            except Replaced:
                if not left:
                    raise
                self._run(stored_files(self._sink, self._window))
        raise AssertionError("unreachable")

    def _run(self, files: Sequence[StoredFile]) -> None:
        self._files = files
        if self._connection is not None:
            # An answer that failed, and is dropped while the next one runs, stops that for ever.
            del self._found
            self._connection.close()
        self._connection, self._failures = _connected(self._sink, files, self._window)
        with self._telling():
            self._found: Any = _only_reading(self._connection, self._sql)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        with self._telling():
            for batch in self._found.to_arrow_reader(BATCH):
                columns = [map(plain_value, _microseconds(column).to_pylist()) for column in batch.columns]
                yield from zip(*columns, strict=True)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        import duckdb
        import pyarrow as pa

        try:
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            for failure in (*self._failures[0], *self._failures[1]):
                raise failure from error
            raise _wrong(error) from None


def _only_reading(connection: "duckdb.DuckDBPyConnection", sql: str) -> Any:
    import duckdb

    statements = duckdb.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError("A query is one SELECT; nothing is written with it.", hint=_HINT)
    return connection.sql(sql)


def ask(sink: Sink, files: Sequence[StoredFile], sql: str, window: Window) -> Answer:
    """Run a query over the rows of these files of a store that are in the window.

    Raises:
        UsageError: the SQL is wrong, or does more than reading.
        DamagedFile: a file is missing or altered.
        SchemaError: one is of a newer version.
        StoreError: the store does not give a file.
    """
    return Answer(sink, files, sql, window)


def _connected(sink: Sink, files: Sequence[StoredFile], window: Window) -> "tuple[duckdb.DuckDBPyConnection, Failures]":
    """Open a DuckDB that has these files' rows and can do nothing else; what goes wrong comes into the list."""
    import duckdb

    dataset, failures = _dataset(sink, files)
    if window != Window():
        dataset = dataset.filter(_between(window))
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    connection.register("stored", dataset)
    for statement in (*_VIEWS, *_CLOSED):
        connection.execute(statement)
    return connection, failures


def _microseconds(column: Any) -> Any:
    """Cut nanoseconds off instants: Python's have none."""
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type) or column.type.unit != "ns":
        return column
    return column.cast(pa.timestamp("us", column.type.tz), safe=False)


def plain_value(value: Any) -> Any:
    """Make a value one that JSON and CSV have: instants and dates as text in UTC, bytes as hex, no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else value  # a sum of whole numbers
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat() + ("Z" if value.tzinfo else "")
    if isinstance(value, date | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    return str(value)


class _Checking:
    """Reads of a store, and looks for a newer schema in what it reads: it would be taken for one of ours.

    Nothing is asked for that a query does not need. Arrow is no help here: what it does in the threads in which it
    opens files can wait for itself for ever.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.newer: list[CrossbookError] = []

    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Read a part of an object.

        Raises:
            SchemaError: it is of a newer version.
            StoreError: the store does not give it.
        """
        content = self._sink.read(key, start, end)
        found = _SCHEMA.search(content)
        try:
            check_version(found[1].decode() if found else str(SCHEMA), key)
        except SchemaError as error:
            self.newer.append(error)
            raise
        return content


def _dataset(sink: Sink, files: Sequence[StoredFile]) -> tuple[Any, Failures]:
    """Build an Arrow data set; what is known of each file lets a filter skip it unopened."""
    import pyarrow.dataset as ds

    from market_data.snapshots.columns import schema

    checking, failures = _Checking(sink), _NONE
    sizes = {file.key: file.bytes for file in files}
    if isinstance(source_of(sink, "", 0), Path):
        filesystem, _ = filesystem_of(sink, sizes)
        for file in files:  # Arrow opens these without us
            with suppress(StoreMissing):  # if it is needed at all, that is said then
                checking.read(file.key, max(0, file.bytes - _END), file.bytes)
    else:
        filesystem, refused = filesystem_of(cast(Sink, checking), sizes)
        failures = (checking.newer, refused)
    # Without this, a flipped bit on the disk would be a wrong answer instead of an error.
    checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    parquet = ds.ParquetFileFormat(default_fragment_scan_options=checked)
    fragments = [
        parquet.make_fragment(
            file.key,
            filesystem,
            partition_expression=(ds.field("venue") == file.series.venue)
            & (ds.field("symbol") == file.series.symbol)
            & _between(Window(file.first_ns, file.last_ns + 1)),
        )
        for file in files
    ]
    return ds.FileSystemDataset(fragments, schema(), parquet, filesystem), failures


def _between(window: Window) -> Any:
    """Write a window as a condition on `time`, which is stored in microseconds."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    first, last = (pa.scalar(-(-moment // 1000), pa.timestamp("us", tz="UTC")) for moment in window)
    return (ds.field("time") >= first) & (ds.field("time") < last)


def _wrong(error: Exception) -> CrossbookError:
    """Say what DuckDB found wrong in one sentence: the SQL, or a file that Arrow could not read for it."""
    text = str(error).partition("\n")[0].strip()
    if "registered as 'stored' failed" in text:
        named = _FILE.search(text)
        return DamagedFile(
            f"{named[0] if named else 'A file of the store'} cannot be read: it is missing, cut off or altered.",
            hint="See what else is: snapshot verify.",
        )
    kind, _, rest = text.partition(": ")
    if "file system operations are disabled" in text:
        return UsageError("A query reads the views of the store, no files of its own.", hint=_HINT)
    sentence = re.sub(r"\s+", " ", rest if rest and kind.endswith("Error") else text).rstrip(".")
    return UsageError(f"The SQL is wrong: {sentence[:200]}.", hint=_HINT)
