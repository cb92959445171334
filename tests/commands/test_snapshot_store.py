"""`snapshot verify|list|show|compact|prune` as a user runs them."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from domain.snapshots import SECOND_NS
from market_data.snapshots.layout import file_key, manifest_key, read_file_key
from market_data.snapshots.listing import list_store
from market_data.snapshots.showing import book_at
from market_data.snapshots.verifying import Asked, verify
from tests.commands.clirun import ROOT, crossbook
from tests.market_data.snapshots.filled import DAYS, SPOT, day_start_ns, fill, row, rows_of, three_days
from tests.utils.persistence.s3server import ALL, BUCKET, quick_clients, running
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.s3 import Options, S3Sink

FIRST = file_key(SPOT, day_start_ns(DAYS[0]) + 3600 * SECOND_NS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stores: one of fixed days; one with a day that is long over, one that is over, and today."""
    folder = tmp_path_factory.mktemp("made")
    three_days(LocalSink(folder / "fixed"), folder / "work")
    for day in (old(100), old(3), old(0)):
        fill(LocalSink(folder / "aged"), folder / "work", SPOT, rows_of(day, 0, 90))
    return folder


@pytest.fixture
def sink(made: Path, tmp_path: Path) -> LocalSink:
    return LocalSink(copytree(made / "fixed", tmp_path / "store"))


@pytest.fixture
def store(made: Path, tmp_path: Path) -> LocalSink:
    return LocalSink(copytree(made / "aged", tmp_path / "aged"))


def old(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


def files(sink: LocalSink) -> list[str]:
    return [each.key for each in sink.list() if read_file_key(each.key)]


def test_verify_says_that_all_is_there_with_its_gaps_and_exits_0(sink: LocalSink) -> None:
    done = crossbook("snapshot", "verify", sink.name)
    assert (done.code, done.out.count("whole")) == (0, 4)
    assert "89.33 %" in done.out
    assert "15 seconds unavailable: no route" in done.out


def test_verify_exits_10_and_names_what_is_altered_or_missing(sink: LocalSink) -> None:
    content = bytearray((sink.root / FIRST).read_bytes())
    content[50] ^= 1
    (sink.root / FIRST).write_bytes(content)
    second = FIRST.replace("okx-010000", "okx-010100")
    sink.delete(second)
    done = crossbook("snapshot", "verify", sink.name)
    assert done.code == 10
    assert f"{FIRST} is not what was published" in done.out
    assert f"{second} is not there" in done.out
    record = crossbook("snapshot", "verify", sink.name, "--json").json
    assert record["state"] == "missing"
    (day,) = [each for each in record["days"] if each["findings"]]
    assert [(each["kind"], each["key"]) for each in day["findings"]] == [("altered", FIRST), ("missing", second)]
    assert crossbook("snapshot", "verify", sink.name, "--series", "okx:BTC/USDT", "--since", DAYS[1]).code == 0


def test_verify_gives_the_coverage_as_json(sink: LocalSink) -> None:
    record = crossbook("snapshot", "verify", sink.name, "--series", "okx:BTC/USDT", "--json").json
    day = record["days"][0]
    assert (day["state"], day["rows"], day["by_status"]) == ("whole", 140, {"late": 1, "ok": 134, "unavailable": 5})
    coverage = day["coverage"]
    assert (coverage["expected"], coverage["ok"], coverage["not_recorded"]) == (150, 134, 10)
    assert coverage["reasons"][0] == {"status": "unavailable", "reason": "no route", "seconds": 5}
    assert coverage["gaps"][2] == {
        "from": "2026-11-19T01:01:40Z", "to": "2026-11-19T01:01:49Z", "seconds": 10,
        "status": "not_recorded", "reason": None,
    }  # fmt: skip
    assert len(day["chain_sha256"]) == 64


def test_verify_names_what_is_not_ours_and_does_not_mind(sink: LocalSink) -> None:
    sink.put("invoices/november.pdf", b"theirs")
    done = crossbook("snapshot", "verify", sink.name)
    assert done.code == 0
    assert "Not ours, left alone: invoices/november.pdf." in done.err


def test_verify_draws_the_coverage(sink: LocalSink, tmp_path: Path) -> None:
    picture = tmp_path / "coverage.png"
    done = crossbook("snapshot", "verify", sink.name, "--plot", str(picture))
    assert done.code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"The picture is in {picture}." in done.err
    assert crossbook("snapshot", "verify", sink.name, "--plot", str(picture), "--quick").code == 2


def test_verify_of_nothing_is_no_failure_and_of_a_file_is_wrong_usage(tmp_path: Path) -> None:
    done = crossbook("snapshot", "verify", str(tmp_path / "nothing"))
    assert (done.code, "no recorded books" in done.out) == (0, True)
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "file").write_text("")
    assert crossbook("snapshot", "verify", str(tmp_path / "file")).code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "--since", "yesterday"], "is not a span"),
        (["verify", "--series", "okx"], "is no series"),
        (["verify", "--series", "okx:BTC/USDC"], "Nearest: okx:BTC/USDT"),
        (["show", "okx:BTC/USDT", "--at", "noon"], "is no instant"),
        (["show", "okx:BTC/USDT", "--at", "2020-01-01"], "It begins at 2026-11-19T01:00:00Z"),
        (["compact", "--day", "2999-01-01"], "is not over yet"),
        (["compact", "--day", "2026-11-19", "--older-than", "1d"], "contradict"),
        (["prune"], "--older-than"),
        (["prune", "--older-than", "2h"], "shorter than a day"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_one_sentence_and_exit_2(sink: LocalSink, arguments: list[str], said: str) -> None:
    where = [sink.name] if arguments[0] == "verify" else ["--store", sink.name]
    done = crossbook("snapshot", *arguments, *where)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_list_has_a_row_a_series_or_a_day(sink: LocalSink) -> None:
    done = crossbook("snapshot", "list", "--store", sink.name, "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["venue"], row["symbol"], row["days"], row["rows"], row["coverage"]) for row in rows] == [
        ("binance", "BTC/USDT:USDT", "1", "90", "100.00 %"), ("okx", "BTC/USDT", "3", "420", "89.33 %"),
    ]  # fmt: skip
    record = crossbook("snapshot", "list", "--store", sink.name, "--by-day", "--json").json
    assert [each["days"] for each in record["days"]] == [[DAYS[2]], [DAYS[0]], [DAYS[1]], [DAYS[2]]]
    assert record["series"][1]["bytes"] == sum(each.size for each in sink.list() if "okx-" in each.key)


def test_the_configured_store_is_the_default(home: Path, sink: LocalSink) -> None:
    (home / "config.yaml").write_text(f"storage:\n  path: {sink.name}\n")
    assert crossbook("snapshot", "verify").code == 0
    assert len(crossbook("snapshot", "list", "--json").json["series"]) == 2


def test_show_says_the_book_its_age_and_its_status(sink: LocalSink) -> None:
    at = ("--store", sink.name, "--at")
    done = crossbook("snapshot", "show", "okx:BTC/USDT", *at, "2026-11-20T01:00:50Z", "--depth", "1", "--json").json
    assert (done["time"], done["age_s"], done["status"]) == ("2026-11-20T01:00:50Z", 0, "ok")
    ((price, size), _) = row(day_start_ns(DAYS[1]) + 3650 * SECOND_NS).bids
    assert done["bids"] == [{"price": price, "size": size}]
    assert (len(done["asks"]), done["levels"], done["size_unit"]) == (1, [2, 2], "BTC")
    late = crossbook("snapshot", "show", "okx", "BTC/USDT", *at, "2026-11-20T02:02:29Z")
    assert late.code == 0
    assert "3,600 s before what was asked for" in late.out
    gap = crossbook("snapshot", "show", "okx", "BTC/USDT", *at, "2026-11-20T01:01:12Z")
    assert "Status unavailable (no route)." in gap.out


def test_compact_makes_one_file_of_each_day_that_is_over(store: LocalSink) -> None:
    assert len(files(store)) == 6
    done = crossbook("snapshot", "compact", "--store", store.name)
    assert done.code == 0
    assert len(files(store)) == 4
    assert crossbook("snapshot", "verify", store.name).code == 0
    assert "Nothing to do for 2 days" in crossbook("snapshot", "compact", "--store", store.name).out


@pytest.mark.parametrize(("option", "left"), [(["--older-than", "30d"], 5), (["--day", old(3)], 5)])
def test_compact_takes_only_the_days_that_were_asked_for(store: LocalSink, option: list[str], left: int) -> None:
    assert crossbook("snapshot", "compact", "--store", store.name, *option).code == 0
    assert len(files(store)) == left


def test_prune_deletes_nothing_where_nobody_can_be_asked(store: LocalSink) -> None:
    done = crossbook("snapshot", "prune", "--older-than", "90d", "--store", store.name)
    assert done.code == 2
    assert f"okx BTC/USDT: 1 day ({old(100)})" in done.err
    assert len(files(store)) == 6


def test_prune_with_yes_deletes_old_days_and_keeps_their_proof(store: LocalSink) -> None:
    done = crossbook("snapshot", "prune", "--older-than", "90d", "--store", store.name, "--yes", "--json")
    assert done.code == 0
    assert [(each["day"], each["files"]) for each in done.json["days"]] == [(old(100), 2)]
    assert len(files(store)) == 4
    assert store.head(manifest_key(SPOT, old(100))) is not None
    states = [each["state"] for each in crossbook("snapshot", "verify", store.name, "--json").json["days"]]
    assert states == ["pruned", "whole", "whole"]
    again = crossbook("snapshot", "prune", "--older-than", "90d", "--store", store.name)
    assert (again.code, "Nothing was deleted." in again.out) == (0, True)


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, 4), (b"n\n", 130, 6)])
def test_prune_asks_on_a_terminal(store: LocalSink, answer: bytes, code: int, left: int) -> None:
    ours, theirs = pty.openpty()
    arguments = ["snapshot", "prune", "--older-than", "90d", "--store", store.name]
    os.write(ours, answer)
    done = subprocess.run(
        [sys.executable, "main.py", *arguments], cwd=ROOT, stdin=theirs, capture_output=True, timeout=60, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, len(files(store))) == (code, left)
    assert b"Delete all this?" in done.stderr


@pytest.fixture(scope="module")
def bucket_url() -> Iterator[str]:
    with running() as server, pytest.MonkeyPatch.context() as patch:
        server.reset()
        server.as_user(patch, *ALL)
        quick_clients(patch)
        yield server.url


def test_all_of_it_works_in_a_bucket_that_others_use_too(bucket_url: str, home: Path, tmp_path: Path) -> None:
    (home / "config.yaml").write_text(f"storage:\n  s3:\n    endpoint_url: {bucket_url}\n    region: us-east-1\n")
    store = S3Sink(BUCKET, "mine", Options(bucket_url, "us-east-1"))
    for day in (old(100), old(3)):
        fill(store, tmp_path / "work", SPOT, rows_of(day, 0, 90))
    S3Sink(BUCKET, "", Options(bucket_url, "us-east-1")).put("theirs/file", b"theirs")
    store.put("order_books/readme.txt", b"theirs")
    place = f"s3://{BUCKET}/mine"
    assert crossbook("snapshot", "compact", "--store", place).code == 0
    assert book_at(store, SPOT).snapshot == row(day_start_ns(old(3)) + 89 * SECOND_NS)
    assert crossbook("snapshot", "prune", "--older-than", "90d", "--store", place, "--yes").code == 0
    assert [(each.files, each.pruned, each.rows) for each in list_store(store).series] == [(1, 1, 90)]
    found = crossbook("snapshot", "verify", place, "--json").json
    assert [each["state"] for each in found["days"]] == ["pruned", "whole"]
    assert found["foreign"] == ["order_books/readme.txt"]
    store.delete(json.loads(store.read(manifest_key(SPOT, old(3))))["files"][0]["key"])
    assert verify(store, Asked(quick=True)).exit_code == 10
