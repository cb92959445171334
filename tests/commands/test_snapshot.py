"""`snapshot SYMBOL…` as users run it: rows of every second in the store, whatever the venues or the machine do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from domain.snapshots import SECOND_NS, Snapshot
from market_data.snapshots.parquet import read_file
from tests.commands.clirun import ROOT, Done, crossbook
from tests.utils.persistence.s3server import BUCKET, REGION, running, without_credentials
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

SIM = ("--env", "sim")


@pytest.fixture
def store(warm: Any, home: Path) -> Path:  # noqa: F811 - the fixture
    """Where this home keeps what it records; budgets are large."""
    names = ("binance", "okx", "bybit", "kucoin", "deribit")
    (home / "config.yaml").write_text(f"venues: {{{', '.join(f'{n}: {{requests_per_minute: 99999}}' for n in names)}}}")
    return home / "state" / "snapshots-sim"


def rows_of(store: Path, symbol: str, venue: str) -> list[Snapshot]:
    """All that the store has of a series, file by file in order of their names."""
    return [
        row for path in sorted(store.glob(f"order_books/*/{symbol}/{venue}-*.parquet")) for row in read_file(path)[1]
    ]


def at_once(*runs: tuple[str, ...]) -> list[Done]:
    """Run several commands side by side."""
    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(lambda arguments: crossbook("snapshot", *arguments, *SIM), runs))


def test_recordings_are_in_the_store_when_the_command_ends(store: Path, sim: Any, tmp_path: Path) -> None:
    sim.set_fault("binance", "server_error")
    runs = at_once(
        ("BTC/USDT", "BTC/USD:BTC", "--venue", "okx", "--venue", "deribit", "--for", "2s", "--json"),
        ("ETHUSDT", "--venue", "bybit", "--once", "--to", str(tmp_path / "elsewhere")),
        ("SOL/USDT", "--venue", "binance", "--once", "--json"),
        ("record", "XRP/USDT", "--venue", "binance", "--venue", "kucoin", "--once", "--depth", "20"),
    )
    good, table, none, some = runs
    assert [done.code for done in runs] == [0, 0, 6, 8], [done.err for done in runs]

    answer = good.json
    assert (answer["environment"], answer["store"], answer["every_s"]) == ("sim", str(store), 1)
    recorded = {(row["venue"], row["symbol"]) for row in answer["series"]}
    assert recorded == {(venue, symbol) for venue in ("okx", "deribit") for symbol in ("BTC/USDT", "BTC/USD:BTC")}
    assert all((row["expected"], row["ok"], row["files"]) == (2, 2, 1) for row in answer["series"])
    assert answer["in_spool"] == []
    for symbol in ("BTCUSDT", "BTCUSD-BTC-PERP"):
        rows = rows_of(store, symbol, "okx")
        assert [row.status for row in rows] == ["ok", "ok"]
        assert rows[1].time_ns - rows[0].time_ns == SECOND_NS
        assert all((len(row.bids), len(row.asks)) == (100, 100) for row in rows)
    assert "Recording 4 series of 2 venues every 1 s" in good.err

    assert "bybit    ETH/USDT" in table.out
    assert len(rows_of(tmp_path / "elsewhere", "ETHUSDT", "bybit")) == 1
    (failed,) = rows_of(store, "SOLUSDT", "binance")
    assert failed.status == "unavailable"
    assert failed.reason
    assert none.json["series"][0]["by_status"] == {"unavailable": 1}
    assert "1 unavailable" in some.out
    assert len(rows_of(store, "XRPUSDT", "kucoin")[0].bids) == 20


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "main.py", "snapshot", *arguments, *SIM],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy(),
    )  # fmt: skip


def until(what: Callable[[], Any]) -> None:
    """Wait for something that comes soon."""
    deadline = time.monotonic() + 15
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def spooled(home: Path, symbol: str) -> int:
    """Bytes of a symbol in the spool."""
    return sum(path.stat().st_size for path in home.glob(f"state/recording/*/*/{symbol}/*.spool"))


def test_killed_stopped_and_interrupted_recordings_leave_each_second_once(store: Path, home: Path) -> None:
    killed = started("BTC/USDT", "--venue", "okx", "--for", "1h")
    endless = started("SOL/USDT", "--venue", "okx", "--json")
    until(lambda: all(spooled(home, symbol) > 3000 for symbol in ("BTC%2FUSDT", "SOL%2FUSDT")))
    frozen = started("ETH/USDT", "--venue", "okx", "--for", "4s", "--json")  # last: it is over first
    until(lambda: spooled(home, "ETH%2FUSDT") > 3000)
    killed.kill()
    killed.communicate()
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(2.2)  # a whole second is in it, wherever it begins
    endless.send_signal(signal.SIGTERM)
    out, err = endless.communicate(timeout=15)
    assert endless.returncode == 0, err
    (row,) = json.loads(out)["series"]
    assert row["ok"] == row["expected"] == len(rows_of(store, "SOLUSDT", "okx")) > 0
    frozen.send_signal(signal.SIGCONT)

    # What the killed one left was finished and stored by another that ended; the same series goes on.
    assert "okx BTC/USDT: an earlier recording ended without warning" in err
    again = crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--once", "--json", *SIM)
    assert again.code == 0, again.err
    rows = rows_of(store, "BTCUSDT", "okx")
    steps = [later.time_ns - earlier.time_ns for earlier, later in pairwise(rows)]
    assert set(steps[:-1]) == {SECOND_NS}  # the new run begins when it is ready
    assert (rows[0].status, rows[-1].status) == ("ok", "ok")
    assert "stopped" in {found.status for found in rows[1:-1]} <= {"ok", "stopped"}
    assert not list(home.glob("state/recording/*/*/BTC*/*.spool"))

    out, err = frozen.communicate(timeout=15)
    assert frozen.returncode == 8, err
    (row,) = json.loads(out)["series"]
    assert row["expected"] == 4
    rows = rows_of(store, "ETHUSDT", "okx")
    assert [(found.time_ns - rows[0].time_ns) // SECOND_NS for found in rows] == [0, 1, 2, 3]
    assert "stopped" in {found.status for found in rows}


def test_while_the_store_is_away_rows_stay_in_the_spool_and_the_next_run_stores_them(store: Path, home: Path) -> None:
    store.write_text("a file, no folder")
    refused = crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--once", "--json", *SIM)
    assert (refused.code, refused.json["error"]) in ((3, "store_misconfigured"), (2, "usage"))
    store.unlink()
    days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() + later)) for later in (0, 60)]
    in_the_way = {store / "order_books" / day for day in days}
    (store / "order_books").mkdir(parents=True)
    for path in in_the_way:
        path.write_text("a file where a folder must be")
    away = crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--once", "--json", *SIM)
    assert away.code == 8, away.err
    (left,) = away.json["in_spool"]
    assert (left["venue"], left["symbol"], left["files"]) == ("okx", "BTC/USDT", 1)
    assert "okx BTC/USDT: not stored yet" in away.err
    assert "In the spool, safe but not in their store yet: 1 file " in away.err
    for path in in_the_way:
        path.unlink()
    done = crossbook("snapshot", "ETH/USDT", "--venue", "okx", "--once", *SIM)
    assert done.code == 0, done.err
    assert [row.status for row in rows_of(store, "BTCUSDT", "okx")] == ["ok"]


def test_a_bucket_is_a_store_and_one_that_is_not_there_is_said_at_once(
    store: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as server:
        server.reset()
        without_credentials(monkeypatch, home)
        server.as_user(monkeypatch)
        s3 = f"{{url: 's3://{BUCKET}/mine', endpoint_url: '{server.url}', region: {REGION}}}"
        (home / "config.yaml").write_text(f"storage: {{s3: {s3}}}")
        done = crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--once", "--to-s3", "--json", *SIM)
        assert done.code == 0, done.err
        assert done.json["store"] == f"s3://{BUCKET}/mine"
        with server.unverified() as client:
            keys = [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
        assert [key.partition("BTCUSDT/")[2][:4] for key in keys] == ["okx-", "okx."]
        missing = crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--once", "--to", "s3://nowhere", *SIM)
    assert (missing.code, "there is no such bucket" in missing.err) == (3, True), missing.err
    assert not list(home.glob("state/recording/*/*/*/*.spool"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("verfy",), 2, "Did you mean 'verify'?"),
        (("NOSUCH/USDT", *SIM), 2, "No venue that was asked lists NOSUCH/USDT"),
        (("BTC/USDT", "--every", "7s", *SIM), 2, "Nearest: --every 6s"),
        (("BTC/USDT", "--every", "0s", *SIM), 2, "no span of 1s to 1h"),
        (("BTC/USDT", "--every", "500ms", *SIM), 2, "Write 90s"),
        (("BTC/USDT", "--for", "10s", "--until", "18:00", *SIM), 2, "contradict"),
        (("BTC/USDT", "--until", "2020-01-01", *SIM), 2, "leaves no second"),
        (("BTC/USDT", "--to", "s3:books", *SIM), 2, "names no bucket"),
        (("BTC/USDT", "--to", "s3://", *SIM), 2, "names no bucket"),
        (("BTC/USDT", "--once", "--to", "/proc/nothing", *SIM), 3, "is no folder that can hold"),
        (("BTC/USDT", "--once", "--to", "/etc/passwd", *SIM), 2, "is a file, not a folder"),
        (("BTC/USDT", "--for", "1m", "--once", *SIM), 2, "contradict"),
        (("BTC/USDT", "--to", "s3://bucket", "--to-s3", *SIM), 2, "contradict"),
        (("BTC/USDT", "--to-s3", *SIM), 3, "storage.s3.url"),
        (("BTC/USDT", "--to", "ftp://there", *SIM), 2, "not known"),
        (("BTC/USDT", "--depth", "70", *SIM), 2, "Use --depth"),
        (("BTC/USD", "--venue", "deriv", "--once", *SIM), 4, "no order books"),
        (("--every", "1s", *SIM), 2, "Missing argument"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_recorded(
    store: Path, home: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = crossbook("snapshot", *arguments)
    assert done.code == code, done.err
    assert words in done.err
    assert len(done.err.splitlines()) <= 2
    assert not list(home.glob("state/recording/*/*/*/*.spool"))


def test_more_than_a_budget_allows_is_refused_with_the_possible_rate(store: Path, home: Path) -> None:
    (home / "config.yaml").write_text("venues: {okx: {requests_per_minute: 40}}")
    done = crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--once", *SIM)
    assert done.code == 2
    assert "okx: 1 series every 1 s need 60 units of budget a minute, 30 are there. Use --every 2s" in done.err
    spread = crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--for", "2s", "--best-effort", "--json", *SIM)
    assert spread.code == 8, spread.err
    assert spread.json["series"][0]["by_status"] == {"ok": 1, "rate_limited": 1}
    assert "okx: the budget allows a book every 2 s; the other seconds are left out evenly" in spread.err


def test_the_help_names_the_short_form_and_the_commands() -> None:
    group = crossbook("snapshot", "--help")
    assert group.code == 0
    assert "SYMBOL… [OPTIONS] | COMMAND [ARGS]…" in group.out
    assert "verify" in group.out
    assert "verify" in "".join(crossbook("snapshot")[1:])
    own = crossbook("snapshot", "record", "--help")
    assert "--best-effort" in own.out
