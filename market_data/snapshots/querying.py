"""SQL over recorded books: DuckDB in memory, over the files that the manifests name, and over nothing else.

The SQL never touches a file. DuckDB gets the rows from Arrow, and its own way to files, networks and extensions is
closed before a word of the SQL is run; this is what keeps a `COPY … TO` inside of a `WITH` (a SELECT, to DuckDB) from
writing. Which files are opened at all follows from what the manifests say is in them.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import CrossbookError, UsageError
from market_data.snapshots.parquet import DamagedFile
from market_data.snapshots.selecting import StoredFile, Window
from market_data.snapshots.sources import filesystem_of
from utils.persistence.sinks.base import Sink, StoreError

if TYPE_CHECKING:
    import duckdb

BATCH = 10_000
_FILE = re.compile(r"order_books/[^\s'\"]+\.parquet")
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


class Column(NamedTuple):
    """A column of an answer: its name and its DuckDB type."""

    name: str
    type: str


class Answer:
    """What a query answers: its columns at once, its rows as they are asked for."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", sql: str, failures: list[StoreError]) -> None:
        self._failures = failures
        with self._telling():
            self._found = _only_reading(connection, sql)
        self.columns = [Column(*found) for found in zip(self._found.columns, map(str, self._found.types), strict=True)]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Read the rows: text, numbers, lists and None; instants are UTC text, what is no number is None.

        Raises:
            UsageError: the SQL fails on a row.
            StoreError: the store does not give a file.
        """
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
            if self._failures:
                raise self._failures[0] from error
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
        StoreError: the store does not give a file.
    """
    import duckdb

    dataset, failures = _dataset(sink, files)
    if window != Window():
        dataset = dataset.filter(_between(window))
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    connection.register("stored", dataset)
    for statement in (*_VIEWS, *_CLOSED):
        connection.execute(statement)
    return Answer(connection, sql, failures)


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


def _dataset(sink: Sink, files: Sequence[StoredFile]) -> tuple[Any, list[StoreError]]:
    """Build an Arrow data set; what is known of each file lets a filter skip it unopened."""
    import pyarrow.dataset as ds

    from market_data.snapshots.columns import schema

    filesystem, failures = filesystem_of(sink, {file.key: file.bytes for file in files})
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
