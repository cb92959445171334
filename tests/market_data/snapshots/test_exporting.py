"""Exports: every number to the letter, tardis's columns as tardis documents them, complete files or none."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from domain.errors import UsageError
from domain.snapshots import CROSSED, SECOND_NS, STALE, UNAVAILABLE, SeriesFacts, Snapshot
from market_data.snapshots.columns import snapshots
from market_data.snapshots.exporting import Exported, export_to, tardis_header, told
from market_data.snapshots.selecting import Window, stored_files
from tests.market_data.snapshots.recorded_store import START_NS, book, facts, put
from utils.persistence.sinks.local import LocalSink

LONG = "0.12345678901234567890123"
ROWS = [
    book(0, [("93905.1", "0.5"), ("93905", LONG)], [("93905.2", "1")]),
    book(1, [], [], UNAVAILABLE, reason='it said "no", twice', received_at_ns=None, venue_time_ns=None, sequence=None),
    book(2, [("93905.3", "2")], [("93905.2", "1")], CROSSED),
    book(3, [("93900", "1000000")], [("93901", "0.00000001")], venue_time_ns=None),
]


def exported(folder: Path, form: str, **options: Any) -> tuple[Exported, bytes]:
    about: SeriesFacts = options.pop("about", facts())
    rows: list[Snapshot] = options.pop("rows", ROWS)
    name: str = options.pop("name", "out")
    sink = LocalSink(folder / "store")
    put(sink, about, rows)
    window: Window = options.pop("window", Window())
    files = stored_files(sink, window, about.series)
    done = export_to(str(folder / name), form, sink, files, window, options.pop("depth", None))
    return done, (folder / name).read_bytes()


def test_the_columns_of_tardis_are_those_it_documents() -> None:
    assert tardis_header(2) == [
        "exchange", "symbol", "timestamp", "local_timestamp",
        "asks[0].price", "asks[0].amount", "bids[0].price", "bids[0].amount",
        "asks[1].price", "asks[1].amount", "bids[1].price", "bids[1].amount",
    ]  # fmt: skip
    assert len(tardis_header(25)) == 104


def test_tardis_rows_have_microseconds_the_venues_symbol_and_empty_cells_where_no_level_is(tmp_path: Path) -> None:
    done, text = exported(tmp_path, "tardis", depth=2)
    rows = list(csv.reader(io.StringIO(text.decode())))
    us = START_NS // 1000
    assert rows[0] == tardis_header(2)
    assert rows[1] == [
        "okx", "BTC-USDT", str(us - 7000), str(us + 12_345), "93905.2", "1", "93905.1", "0.5", "", "", "93905", LONG,
    ]  # fmt: skip
    # Where the venue sends no time, tardis puts its own.
    assert rows[2][2] == rows[2][3] == str(us + 3_012_345)
    assert rows[2][4:8] == ["93901", "0.00000001", "93900", "1000000"]
    assert done == Exported(2, 2)
    assert "\r" not in text.decode()


def test_tardis_amounts_are_in_the_venues_own_unit(tmp_path: Path) -> None:
    about = facts("BTC/USDT:USDT", kind="swap", settle="USDT", unit_size="0.01", native_id="BTC-USDT-SWAP")
    _, text = exported(tmp_path, "tardis", about=about, rows=[book(0, [("9", "0.37")], [("10", "1.2")])], depth=1)
    assert text.decode().splitlines()[1].split(",")[4:] == ["10", "120", "9", "37"]


def test_tardis_has_25_levels_unless_asked(tmp_path: Path) -> None:
    assert len(exported(tmp_path, "tardis")[1].decode().splitlines()[0].split(",")) == 104


def test_csv_has_a_line_a_level_and_one_for_a_second_without_a_book(tmp_path: Path) -> None:
    done, text = exported(tmp_path, "csv")
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert done == Exported(4, 0)
    assert [(row["time"][-3:], row["side"], row["level"], row["price"], row["size"]) for row in rows] == [
        ("00Z", "bid", "1", "93905.1", "0.5"),
        ("00Z", "bid", "2", "93905", LONG),
        ("00Z", "ask", "1", "93905.2", "1"),
        ("01Z", "", "", "", ""),
        ("02Z", "bid", "1", "93905.3", "2"),
        ("02Z", "ask", "1", "93905.2", "1"),
        ("03Z", "bid", "1", "93900", "1000000"),
        ("03Z", "ask", "1", "93901", "0.00000001"),
    ]
    assert rows[0]["time"] == "2026-11-21T00:00:00Z"
    assert (rows[3]["status"], rows[3]["reason"], rows[3]["received_at_ns"]) == ("unavailable", ROWS[1].reason, "")


def test_ndjson_gives_every_snapshot_back(tmp_path: Path) -> None:
    _, text = exported(tmp_path, "ndjson")
    found = [json.loads(line) for line in text.decode().splitlines()]
    assert [row.pop("time") for row in found] == [f"2026-11-21T00:00:0{second}Z" for second in range(4)]
    assert {(row.pop("venue"), row.pop("symbol")) for row in found} == {("okx", "BTC/USDT")}
    for row in found:
        for side in ("bids", "asks"):
            row[side] = tuple(tuple(level) for level in row[side])
    assert [Snapshot(**row) for row in found] == ROWS


def test_arrow_has_the_rows_as_stored_and_exact(tmp_path: Path) -> None:
    done, text = exported(tmp_path, "arrow", rows=ROWS)
    table = pa.ipc.open_stream(text).read_all()
    assert done == Exported(4, 0)
    assert list(snapshots(table)) == ROWS
    assert table.column("bid").to_pylist() == [93905.1, None, 93905.3, 93900.0]


def test_arrow_takes_no_depth(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="depth"):
        exported(tmp_path, "arrow", depth=3)


@pytest.mark.parametrize("form", ["csv", "ndjson", "arrow", "tardis"])
def test_a_window_is_cut_to_the_second_and_goes_over_files(form: str, tmp_path: Path) -> None:
    sink = LocalSink(tmp_path / "store")
    for first in (0, 5, 10):
        put(sink, facts(), [book(first + second, [("9", "1")], [("10", "1")]) for second in range(5)])
    window = Window(START_NS + 4 * SECOND_NS, START_NS + 11 * SECOND_NS)
    done = export_to(str(tmp_path / "out"), form, sink, stored_files(sink, window, facts().series), window, None)
    assert done == Exported(7, 0)


def test_a_name_that_ends_in_gz_is_compressed_and_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, first = exported(tmp_path / "a", "csv", name="out.csv.gz")
    _, second = exported(tmp_path / "b", "csv", name="other.csv.gz")
    assert first == second
    assert gzip.decompress(first) == exported(tmp_path, "csv")[1]


def test_a_file_is_complete_or_as_it_was(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path / "store")
    put(sink, facts(), ROWS)
    files = stored_files(sink, Window(), facts().series)
    (tmp_path / "out").write_text("before")
    (sink.root / files[0].key).write_bytes(b"damaged")
    with pytest.raises(Exception, match="cannot be read"):
        export_to(str(tmp_path / "out"), "csv", sink, files, Window(), None)
    assert (tmp_path / "out").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out", "store"]


def test_where_a_file_cannot_be_is_a_usage_error(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path / "store")
    put(sink, facts(), ROWS)
    with pytest.raises(UsageError, match="cannot be written"):
        export_to(str(tmp_path / "no" / "out"), "csv", sink, stored_files(sink, Window()), Window(), None)


def test_what_is_left_out_is_said() -> None:
    assert "2 without a good book" in told(Exported(5, 2), facts().series, "x.csv", "tardis")
    assert told(Exported(5, 0), facts().series, "-", "csv") == "5 seconds of okx BTC/USDT were written as csv."


def test_a_stale_book_is_no_tardis_row(tmp_path: Path) -> None:
    done, _ = exported(tmp_path, "tardis", rows=[book(0, [("9", "1")], [("10", "1")], STALE)])
    assert done == Exported(0, 1)
