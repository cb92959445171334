"""Snapshots as Parquet: bytes, rates and queries of the number types that could hold prices, on the same books.

The books are those of `bench.evolved_books`: with RECORDINGS=FOLDER (raw recordings, see docs/simulator.md) they start
and change as recorded, without it they are invented. JSON lines are the canonical texts; "long" is what one writes
without thinking: a row a level, everything as pyarrow writes it by default.
"""

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from bench.evolved_books import Course, courses, evolve, invented
from domain.snapshots import SeriesFacts, Snapshot, decode, encode
from market_data.snapshots import parquet

SECONDS, SAMPLE, DEPTH, LEVELS = 3600, 900, 100, (8, 3)
NUMBERS = ("bid", "ask")
DOUBLES, TICKS, DECIMALS, LONG = "doubles (chosen)", "int64 ticks", "DECIMAL(18,s)", "long, defaults"


def format_figures() -> None:
    """Print the table of docs/snapshots.md, section Schema."""
    folder = os.environ.get("RECORDINGS")
    found = courses(Path(folder)) if folder else invented()
    print(f"\nOne hour of {len(found)} books, {DEPTH} levels a side ({'recorded' if folder else 'invented'} start)")
    with tempfile.TemporaryDirectory() as scratch:
        text, taken = _write_all(found, Path(scratch))
        seconds = SECONDS * len(found)
        print(f"  {'JSON lines':<22} {'':<7} {text / seconds:>7.0f} B a snapshot")
        for path in sorted(Path(scratch).iterdir()):
            size = sum(file.stat().st_size for file in path.iterdir())
            print(f"  {path.name:<30} {size / seconds:>7.0f} B a snapshot {size / text:>7.3f} × JSON lines")
        doubles, long = (
            sum(file.stat().st_size for file in (Path(scratch) / name).iterdir()) for name in (f"{DOUBLES} z8", LONG)
        )
        print(f"  chosen ÷ long {doubles / long:.2f} (target 0.65); ÷ JSON lines {doubles / text:.3f} (target 0.12)")
        for name, value in taken.items():
            print(f"  {name:<46} {value * 1e6:>7.0f} µs of processor a snapshot = {1 / value:>7,.0f} a second")
        print(f"  write: target 10,000 a second; load {os.getloadavg()[0]:.1f}")
        _queries(Path(scratch))


def _write_all(found: list[Course], scratch: Path) -> tuple[int, Mapping[str, float]]:
    """Write every book in every form; return the bytes of the JSON lines, and seconds a snapshot."""
    text, taken = 0, {f"write, zstd {level}": 0.0 for level in LEVELS} | {"read": 0.0, "read texts": 0.0}
    for course in found:
        lines = [encode(snapshot) for snapshot in evolve(course, SECONDS, DEPTH)]
        text += sum(len(line) + 1 for line in lines)
        name = f"{course.facts.symbol}.parquet"
        for level in LEVELS:
            path = _folder(scratch, f"{DOUBLES} z{level}") / name
            taken[f"write, zstd {level}"] += _written(path, course.facts, lines, level)
            for kind in (TICKS, DECIMALS):
                _rewrite(path, _folder(scratch, f"{kind} z{level}") / name, course.facts, kind, level)
        _write_long(_folder(scratch, LONG) / name, course.facts, map(decode, lines))
        path = scratch / f"{DOUBLES} z8" / name
        taken["read"] += min(_of_processor(partial(_count, path)) for _ in range(3))
        taken["read texts"] += min(_of_processor(partial(parquet.content_read, path)) for _ in range(3))
    return text, {name: value / SECONDS / len(found) for name, value in taken.items()}


def _written(path: Path, facts: SeriesFacts, lines: list[bytes], level: int) -> float:
    """Write a file of ours out of texts, as a spool has them, and return the processor's seconds.

    Timed on its first quarter hour, the best of five: other processes cost the processor's caches, too.
    """
    sample = lines[:SAMPLE]
    with _zstd(level):
        taken = min(_of_processor(lambda: parquet.write_file(path, facts, sample)) for _ in range(5))
        parquet.write_file(path, facts, lines)
    return taken * len(lines) / len(sample)


def _count(path: Path) -> int:
    return sum(1 for _ in parquet.read_file(path)[1])


def _rewrite(source: Path, path: Path, facts: SeriesFacts, kind: str, level: int) -> None:
    """Write the same file with its prices and sizes as whole numbers of 10^-s."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    columns: dict[str, Any] = {name: table.column(name).combine_chunks() for name in table.column_names}
    for name, column in columns.items():
        if not name.startswith(NUMBERS):
            continue
        step = Decimal((facts.lot_size if "size" in name else facts.tick_size) or 1).as_tuple().exponent
        assert isinstance(step, int)
        flat = column.flatten() if pa.types.is_list(column.type) else column
        ticks = np.rint(flat.to_numpy(zero_copy_only=False) * 10.0**-step).astype(np.int64)
        made = pa.array(ticks)
        if kind == DECIMALS:
            made = pa.Array.from_buffers(pa.decimal64(18, max(0, -step)), len(ticks), [None, pa.py_buffer(ticks)])
        columns[name] = pa.ListArray.from_arrays(column.offsets, made) if pa.types.is_list(column.type) else made
    with _zstd(level):
        layout = parquet.layout()
    groups = pq.ParquetFile(source).metadata.row_group(0).num_rows
    pq.write_table(pa.table(columns), path, row_group_size=groups, store_decimal_as_integer=kind == DECIMALS, **layout)


def _write_long(path: Path, facts: SeriesFacts, snapshots: Iterator[Snapshot]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[tuple[int, str, int, float, float]] = [
        (snapshot.time_ns, side, level, float(price), float(size))
        for snapshot in snapshots
        for side, levels in (("bid", snapshot.bids), ("ask", snapshot.asks))
        for level, (price, size) in enumerate(levels)
    ]
    names = ("time", "side", "level", "price", "size")
    columns: dict[str, Any] = dict(zip(names, zip(*rows, strict=True), strict=True))
    columns["time"] = pa.array(columns["time"], pa.timestamp("ns", "UTC"))
    columns |= {"venue": pa.repeat(facts.venue, len(rows)), "symbol": pa.repeat(facts.symbol, len(rows))}
    pq.write_table(pa.table(columns), path)


def _queries(scratch: Path) -> None:
    """Time one book's hour in DuckDB."""
    import duckdb

    connection = duckdb.connect()
    name = next((scratch / LONG).iterdir()).name
    best = "select avg(ask - bid), avg((bid + ask) / 2) from '{}'"
    value = """select sum(v) from (select time, sum(p * s) v from
               (select time, unnest(bid_prices) p, unnest(bid_sizes) s from '{}') group by time)"""
    asked = dict.fromkeys((DOUBLES, TICKS, DECIMALS), (best, value))
    paths = {kind: scratch / f"{kind} z8" / name for kind in asked} | {LONG: scratch / LONG / name}
    asked[LONG] = (
        """select avg(ask - bid), avg((bid + ask) / 2) from (select time, max(price) filter (side = 'bid') bid,
           min(price) filter (side = 'ask') ask from '{}' where level = 0 group by time)""",
        "select sum(v) from (select time, sum(price * size) v from '{}' where side = 'bid' group by time)",
    )
    for title, index in (("spread and mid", 0), ("value of all bids, each second", 1)):
        for kind, queries in asked.items():
            query = queries[index].format(paths[kind])
            times = [_of_wall(lambda: connection.sql(query).fetchall()) for _ in range(9)]  # noqa: B023
            print(f"  DuckDB, {title:<32} {kind:<18} {statistics.median(times) * 1000:>7.1f} ms")


def _folder(scratch: Path, name: str) -> Path:
    (scratch / name).mkdir(exist_ok=True)
    return scratch / name


@contextmanager
def _zstd(level: int) -> Iterator[None]:
    before, parquet.ZSTD_LEVEL = parquet.ZSTD_LEVEL, level
    try:
        yield
    finally:
        parquet.ZSTD_LEVEL = before


def _of_processor(call: Callable[[], object]) -> float:
    gc.collect()
    begun = time.process_time()
    call()
    return time.process_time() - begun


def _of_wall(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


if __name__ == "__main__":
    format_figures()
