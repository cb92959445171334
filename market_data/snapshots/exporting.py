"""Recorded books in other people's formats, second by second as they are read, every number as its exact text.

- `csv`: a line a level, tidy; a second without a book is a line without one.
- `ndjson`: an object a second.
- `arrow`: an Arrow IPC stream of the rows as they are stored; what its doubles cannot hold is in its column `exact`.
- `tardis`: `book_snapshot_N` in the columns that tardis.dev documents for its CSV files, so that what reads those
  files reads ours.
"""

import codecs
import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Context, Decimal, Inexact
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from domain.errors import CrossbookError, UsageError
from domain.money import plain
from domain.snapshots import OK, Level, Series, SeriesFacts, Snapshot
from market_data.snapshots.columns import COLUMNS
from market_data.snapshots.coverage import second_text
from market_data.snapshots.selecting import StoredFile, Window, snapshots_of, tables_of
from utils.persistence.sinks.base import Sink

CSV, NDJSON, ARROW, TARDIS = "csv", "ndjson", "arrow", "tardis"
STDOUT = "-"
US_NS = 1000
CSV_HEADER = (
    "time", "venue", "symbol", "status", "reason", "received_at_ns", "venue_time_ns", "sequence",
    "side", "level", "price", "size",
)  # fmt: skip
_EXACT = Context(prec=80, traps=[Inexact])
"""A wire size times the unit size is what is stored, so the way back has an end."""

Rows = Iterable[tuple[SeriesFacts, Iterator[Snapshot]]]
"""The files of a series in order of time, each with the facts it was recorded under."""


class Exported(NamedTuple):
    """What an export came to: seconds written, and seconds left out because the format has no place for them."""

    rows: int
    left_out: int


@contextmanager
def target(path: str) -> Iterator[BinaryIO]:
    """Open where an export goes: `-` is stdout; a file appears under its name when it is complete, `.gz` compressed.

    Raises:
        UsageError: the file cannot be written.
        CrossbookError: stdout takes nothing more.
    """
    if path == STDOUT:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CrossbookError(f"The answer cannot be written: {error.strerror}.") from error
        return
    final = Path(path)
    unfinished = final.with_name(f".{final.name}.unfinished")
    try:
        with unfinished.open("wb") as stream:
            if final.suffix == ".gz":
                # Neither a name nor a time in it: the same rows give the same bytes.
                with gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield stream
        unfinished.replace(final)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def export_to(
    path: str, form: str, sink: Sink, files: Sequence[StoredFile], window: Window, depth: int | None
) -> Exported:
    """Write the seconds of these files that are in the window; `depth` as in `write_text`.

    Raises:
        UsageError: the file cannot be written, or the format takes no depth.
        SchemaError, DamagedFile, StoreError: a file of the store cannot be read.
    """
    if form == ARROW and depth is not None:
        raise UsageError("Arrow has the rows as they are stored, so it takes no --depth.")
    with target(path) as stream:
        if form == ARROW:
            return write_arrow(tables_of(sink, files, window)(list(COLUMNS)), stream)
        return write_text(snapshots_of(sink, files, window), form, stream, depth)


def told(done: Exported, series: Series, path: str, form: str) -> str:
    """Say in a sentence what was written."""
    where = "" if path == STDOUT else f" to {path}"
    left = f"; {done.left_out:,} without a good book have no place in it" if done.left_out else ""
    return f"{done.rows:,} seconds of {series} were written as {form}{where}{left}."


def write_text(rows: Rows, form: str, stream: BinaryIO, depth: int | None = None) -> Exported:
    """Write snapshots as `csv`, `ndjson` or `tardis`.

    Args:
        depth: levels a side; None takes all, or 25 for tardis.
    """
    # No TextIOWrapper: that would close stdout behind us when a reader has gone.
    return _WRITERS[form](rows, codecs.getwriter("utf-8")(stream), depth)


def write_arrow(tables: Iterable[Any], stream: BinaryIO) -> Exported:
    """Write the stored rows as an Arrow IPC stream, a batch a row group; an empty one where there are none."""
    import pyarrow as pa

    from market_data.snapshots.columns import schema

    rows = 0
    with pa.ipc.new_stream(stream, schema()) as writer:
        for table in tables:
            writer.write_table(table.cast(schema()))
            rows += len(table)
    return Exported(rows, 0)


def _csv(rows: Rows, text: "codecs.StreamWriter", depth: int | None) -> Exported:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    count = 0
    for facts, snapshots in rows:
        for snapshot in snapshots:
            count += 1
            head = (
                second_text(snapshot.time_ns), facts.venue, facts.symbol, snapshot.status, snapshot.reason,
                snapshot.received_at_ns, snapshot.venue_time_ns, snapshot.sequence,
            )  # fmt: skip
            if not (snapshot.bids or snapshot.asks):
                writer.writerow((*head, "", "", "", ""))
            for side, levels in (("bid", snapshot.bids[:depth]), ("ask", snapshot.asks[:depth])):
                writer.writerows((*head, side, place, *level) for place, level in enumerate(levels, 1))
    return Exported(count, 0)


def _ndjson(rows: Rows, text: "codecs.StreamWriter", depth: int | None) -> Exported:
    count = 0
    for facts, snapshots in rows:
        for snapshot in snapshots:
            count += 1
            record = {"time": second_text(snapshot.time_ns), "venue": facts.venue, "symbol": facts.symbol}
            record |= snapshot._asdict() | {"bids": snapshot.bids[:depth], "asks": snapshot.asks[:depth]}
            text.write(json.dumps(record, separators=(",", ":"), ensure_ascii=False))
            text.write("\n")
    return Exported(count, 0)


TARDIS_DEPTH = 25


def _tardis(rows: Rows, text: "codecs.StreamWriter", depth: int | None) -> Exported:
    """Write `book_snapshot_N`: amounts in the venue's own unit, levels that are not there empty, good books only."""
    most = depth or TARDIS_DEPTH
    text.write(",".join(tardis_header(most)) + "\n")
    count = left_out = 0
    for facts, snapshots in rows:
        amount = _wire_size(facts)
        writer = csv.writer(text, lineterminator="\n")
        for snapshot in snapshots:
            if snapshot.status != OK or snapshot.received_at_ns is None:
                left_out += 1
                continue
            count += 1
            local_us = snapshot.received_at_ns // US_NS
            venue_us = local_us if snapshot.venue_time_ns is None else snapshot.venue_time_ns // US_NS
            row: list[str] = [facts.venue, facts.native_id.upper(), str(venue_us), str(local_us)]
            sides = (_padded(snapshot.asks, most, amount), _padded(snapshot.bids, most, amount))
            for ask, bid in zip(*sides, strict=True):
                row += ask
                row += bid
            writer.writerow(row)
    return Exported(count, left_out)


def tardis_header(depth: int) -> list[str]:
    """Name the columns of `book_snapshot_<depth>`, in their order."""
    levels = (
        f"{side}[{place}].{what}" for place in range(depth) for side in ("asks", "bids") for what in ("price", "amount")
    )
    return ["exchange", "symbol", "timestamp", "local_timestamp", *levels]


def _padded(levels: Sequence[Level], depth: int, amount: Callable[[str], str]) -> list[tuple[str, str]]:
    found = [(price, amount(size)) for price, size in levels[:depth]]
    return found + [("", "")] * (depth - len(found))


def _wire_size(facts: SeriesFacts) -> Callable[[str], str]:
    unit = Decimal(facts.unit_size)
    if unit == 1:
        return str
    known: dict[str, str] = {}

    def divided(size: str) -> str:
        if size not in known:
            if len(known) > 1 << 17:
                known.clear()
            known[size] = plain(_EXACT.divide(Decimal(size), unit))
        return known[size]

    return divided


_WRITERS = {CSV: _csv, NDJSON: _ndjson, TARDIS: _tardis}
