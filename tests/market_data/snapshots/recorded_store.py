"""A store with recorded books in it, put there file by file as publishing does."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from domain.snapshots import OK, SECOND_NS, Level, SeriesFacts, Snapshot
from market_data.snapshots.layout import file_key
from market_data.snapshots.manifest import FileEntry, add_file
from market_data.snapshots.parquet import read_file, write_file
from utils.persistence.sinks.base import Sink

START_NS = 1_795_219_200 * SECOND_NS
"""2026-11-21T00:00:00Z."""


def facts(symbol: str = "BTC/USDT", venue: str = "okx", **changed: object) -> SeriesFacts:
    """The facts of a spot pair, or of what is `changed`."""
    base, _, tail = symbol.partition("/")
    made = SeriesFacts(
        venue, symbol, f"{base}-{tail}".lower(), "spot", base, tail.partition(":")[0], None, False, "1", "0.1",
        "0.0001", base, 5,
    )  # fmt: skip
    return made._replace(**changed)


def book(second: int, bids: Sequence[Level], asks: Sequence[Level], status: str = OK, **changed: object) -> Snapshot:
    """A book so many seconds after the start, received 12 ms late."""
    time_ns = START_NS + second * SECOND_NS
    made = Snapshot(
        time_ns, status, None if status == OK else "told", time_ns + 12_345_678, time_ns - 7_000_000, 100 + second,
        tuple(bids), tuple(asks),
    )  # fmt: skip
    return made._replace(**changed)


def put(sink: Sink, about: SeriesFacts, snapshots: Sequence[Snapshot]) -> str:
    """Store one file and name it in the manifest; answer its key."""
    key = file_key(about.series, snapshots[0].time_ns)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        stat = write_file(path, about, snapshots)
        sink.put(key, path)

        def rows(_: str) -> Iterator[Snapshot]:
            return read_file(path)[1]

        entry = FileEntry(key, stat.rows, stat.first_ns, stat.last_ns, stat.bytes, stat.sha256, stat.content_sha256)
        add_file(sink, about.series, entry, stat.by_status, rows)
    return key
