"""`query`, `snapshot stats` and `snapshot export` as users run them."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.clirun import ROOT, Done, crossbook
from tests.market_data.snapshots.recorded_store import book, facts, put
from utils.persistence.sinks.local import LocalSink


@pytest.fixture
def store(home: Path) -> LocalSink:
    """The default store of this test's home, with an hour's beginning of two series."""
    sink = LocalSink(home / "state" / "snapshots")
    for about in (facts(), facts("BTC/USDT:USDT", "binance", kind="swap", settle="USDT")):
        put(sink, about, [book(second, [("99", "1"), ("98", "2000")], [("101", "2000")]) for second in range(5)])
    return sink


def one_sentence(done: Done, code: int, said: str) -> None:
    assert done.code == code
    assert said in done.err
    assert len(done.err.strip().splitlines()) <= 2  # the sentence, and what to do
    assert done.out == ""


def test_a_query_is_answered_as_a_table_json_and_csv(store: LocalSink) -> None:
    sql = "SELECT venue, symbol, count(*) AS seconds, avg(spread_bps) AS bps FROM bbo GROUP BY ALL ORDER BY ALL"
    table = crossbook("query", sql)
    assert table.code == 0, table.err
    assert "binance" in table.out
    assert "2 rows." in table.out
    found = crossbook("query", sql, "--json").json
    assert found["columns"][3] == {"name": "bps", "type": "DOUBLE"}
    assert found["rows"][0] == {"venue": "binance", "symbol": "BTC/USDT:USDT", "seconds": 5, "bps": 200.0}
    rows = list(csv.reader(io.StringIO(crossbook("query", sql, "--output", "csv").out)))
    assert rows == [
        ["venue", "symbol", "seconds", "bps"],
        ["binance", "BTC/USDT:USDT", "5", "200"],
        ["okx", "BTC/USDT", "5", "200"],
    ]


def test_a_wrong_query_is_a_sentence_and_exit_2(store: LocalSink) -> None:
    one_sentence(crossbook("query", "SELEC 1"), 2, "syntax error")
    one_sentence(crossbook("query", "SELECT nope FROM bbo"), 2, "nope")


def test_a_query_cannot_write(store: LocalSink, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    one_sentence(crossbook("query", f"WITH a AS (COPY (SELECT 1) TO '{out}') SELECT 1"), 2, "reads the views")
    assert not out.exists()


def test_a_store_without_books_is_said_and_no_failure(tmp_path: Path) -> None:
    done = crossbook("query", "SELECT count(*) FROM books", "--store", str(tmp_path / "empty"))
    assert done.code == 0
    assert "has no books" in done.err
    assert not (tmp_path / "empty").exists()


def test_a_long_answer_is_cut_in_a_table_only(store: LocalSink) -> None:
    sql = "SELECT *, range(5) FROM range(1500)"
    done = crossbook("query", sql)
    assert "1,000 of 1,500" in done.err
    assert "[0, 1, 2, … 5 in all]" in done.out
    lines = crossbook("query", sql, "--output", "csv").out.splitlines()
    assert (len(lines), lines[1]) == (1501, '0,"[0, 1, 2, 3, 4]"')


def test_stats_show_a_row_a_period_and_one_of_all(store: LocalSink) -> None:
    done = crossbook("snapshot", "stats", "okx", "BTC/USDT", "--within", "150", "--size", "1000")
    assert done.code == 0, done.err
    assert "2026-11-21 00:00" in done.out
    found = crossbook("snapshot", "stats", "okx:BTC/USDT", "--within", "150", "--size", "1000", "--json").json
    assert found["total"]["seconds"] == 5
    assert found["total"]["spread_bps"]["mean"] == 200.0
    assert found["total"]["buy"]["impact_bps"] == pytest.approx(100.0)
    assert found["total"]["asks"] == {"base": 2000.0, "quote": 202_000.0, "cut_seconds": 5}
    assert len(found["periods"]) == 1


def test_stats_as_csv_are_the_numbers_of_the_json(store: LocalSink) -> None:
    line = ("snapshot", "stats", "okx:BTC/USDT", "--within", "150", "--size", "1000")
    found = crossbook(*line, "--json").json
    *rows, total = csv.DictReader(io.StringIO(crossbook(*line, "--output", "csv").out))
    for row, period in zip([*rows, total | {"from": ""}], [*found["periods"], found["total"]], strict=True):
        assert row["from"] == (period["from"] or "")
        assert float(row["spread_bps.mean"]) == period["spread_bps"]["mean"]
        assert float(row["bids.quote"]) == period["bids"]["quote"]
        assert int(row["buy.short_seconds"]) == period["buy"]["short_seconds"]
    assert total["from"] == "all"


def test_stats_draw_a_picture(store: LocalSink, tmp_path: Path) -> None:
    line = ("snapshot", "stats", "okx:BTC/USDT", "--per", "1s", "--size", "1000000")
    done = crossbook(*line, "--plot", str(tmp_path / "p.png"))
    assert done.code == 0, done.err
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "Nothing to draw: buying 1,000,000 USDT, selling 1,000,000 USDT." in done.err
    assert "2026-11-21 00:00:03" in done.out
    assert "bids BTC" not in done.out


def test_stats_of_a_time_without_books_say_so(store: LocalSink) -> None:
    done = crossbook("snapshot", "stats", "okx:BTC/USDT", "--until", "2026-11-20")
    assert done.code == 0
    assert "Nothing was recorded" in done.out


def test_a_series_that_is_none_or_unknown_is_a_sentence(store: LocalSink) -> None:
    one_sentence(crossbook("snapshot", "stats", "BTC/USDT"), 2, "no series")
    one_sentence(crossbook("snapshot", "stats", "okx:ETH/USDT"), 2, "nothing of okx ETH/USDT")
    one_sentence(crossbook("snapshot", "stats", "okx:BTC/USDT", "--per", "7s"), 2, "part a day")


def test_an_export_goes_to_stdout_or_a_file(store: LocalSink, tmp_path: Path) -> None:
    done = crossbook("snapshot", "export", "okx:BTC/USDT", "--format", "tardis", "--depth", "1", "--to", "-")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].endswith(
        "local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount"
    )
    assert len(done.out.splitlines()) == 6
    assert "5 seconds of okx BTC/USDT" in done.err
    path = tmp_path / "out.ndjson"
    crossbook("snapshot", "export", "okx:BTC/USDT", "--format", "ndjson", "--to", str(path))
    assert json.loads(path.read_text().splitlines()[0])["bids"] == [["99", "1"], ["98", "2000"]]


def test_an_export_that_cannot_be_written_is_a_sentence(store: LocalSink, tmp_path: Path) -> None:
    path = str(tmp_path / "no" / "out")
    done = crossbook("snapshot", "export", "okx:BTC/USDT", "--format", "csv", "--to", path)
    one_sentence(done, 2, "cannot be written")
    one_sentence(crossbook("snapshot", "export", "okx:BTC/USDT", "--format", "csv"), 2, "--to")


def test_a_damaged_file_is_exit_10_for_all_three(store: LocalSink, tmp_path: Path) -> None:
    file = next(path for path in store.root.rglob("okx-*.parquet"))
    file.write_bytes(file.read_bytes()[:-20])
    assert crossbook("snapshot", "stats", "okx:BTC/USDT").code == 10
    assert crossbook("snapshot", "export", "okx:BTC/USDT", "--format", "csv", "--to", str(tmp_path / "o")).code == 10
    one_sentence(crossbook("query", "SELECT * FROM books"), 10, "cannot be read")


@pytest.mark.parametrize(
    "command",
    [("query", "FROM range(300000)", "--output", "csv"), ("snapshot", "export", "okx:BTC/USDT", "--format", "csv")],
)
def test_a_reader_that_has_enough_is_no_failure(command: tuple[str, ...], store: LocalSink) -> None:
    rows = [book(10 + second, [("99", "1")] * 50, [("101", "1")] * 50) for second in range(100)]
    put(store, facts(), rows)
    to = ("--to", "-") if command[0] == "snapshot" else ()
    with subprocess.Popen(
        [sys.executable, "main.py", *command, *to], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(30), said) == (0, b"")


def test_a_reader_that_takes_nothing_is_no_failure_either(store: LocalSink) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    lines = [("--help",), ("snapshot", "list"), ("snapshot", "verify", "--json"), ("query", "FROM range(9)")]
    runs = [
        subprocess.Popen([sys.executable, "main.py", *line], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE)
        for line in lines
    ]
    os.close(writing)
    assert [(run.communicate(timeout=60)[1], run.returncode) for run in runs] == [(b"", 0)] * len(lines)
