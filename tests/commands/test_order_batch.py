"""`order batch` as users run it: nothing lost, nothing doubled, whatever happens to the process or the venue."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import ROOT, Done, crossbook
from tests.commands.test_order import SPOT, SUBMIT, VENUES
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def desk(warm: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """A simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    yield warm
    warm.clear_faults()


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[..., str]:
    """Write a file of orders: its lines as (venue, symbol, side, amount, price) or as text."""

    def write(*lines: Any, name: str = "orders.csv") -> str:
        texts = [line if isinstance(line, str) else ",".join(map(str, line)) for line in lines]
        path = tmp_path / name
        path.write_text("\n".join(["venue,symbol,side,amount,price", *texts]) + "\n")
        return str(path)

    return write


def resting(venue: str, count: int) -> list[tuple[str, ...]]:
    """Orders that wait in the book, no two alike."""
    return [(venue, SPOT[venue], "buy", "0.01", str(20_000 + index)) for index in range(count)]


def batch(*arguments: str, **options: Any) -> Done:
    return crossbook("order", "batch", *arguments, "--env", "sim", "--json", **options)


def lines_of(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def outcomes(done: Done) -> Counter[str]:
    return Counter(line["outcome"] for line in lines_of(done))


def placed_ids(desk: Any, *venues: str) -> list[str]:
    return [order["client_id"] for venue in venues for order in desk.placed(venue)]


def begun(path: str, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "main.py", "order", "batch", path, "--env", "sim", "--json", *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def until(true: Callable[[], bool], patience_s: float = 20) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_every_venue_takes_its_orders_and_a_second_run_sends_nothing(desk: Any, file_of: Any) -> None:
    path = file_of(*(line for venue in VENUES for line in resting(venue, 3)))
    done = batch(path)
    assert done.code == 0, (done.out, done.err)
    assert outcomes(done) == {"accepted": 15}
    assert {line["environment"] for line in lines_of(done)} == {"sim"}
    before = placed_ids(desk, *VENUES)
    assert len(before) == len(set(before)) == 15
    assert {line["id"] for line in lines_of(done)} == set(before)
    again = batch(path)
    assert again.code == 0, (again.out, again.err)
    assert outcomes(again) == {"known": 15}
    assert placed_ids(desk, *VENUES) == before


def test_the_table_names_each_line_and_counts_what_became_of_them(desk: Any, file_of: Any) -> None:
    done = crossbook("order", "batch", file_of(*resting("okx", 2)), "--env", "sim")
    assert done.code == 0, done.err
    assert "2 accepted." in done.out
    assert "[sim]" in done.out
    preview = crossbook("order", "batch", file_of(*resting("okx", 4)), "--env", "sim", "--preview")
    assert (preview.code, "nothing was sent" in preview.out) == (0, True)
    assert len(placed_ids(desk, "okx")) == 2


def test_equal_lines_are_different_orders_where_that_is_meant(desk: Any, file_of: Any) -> None:
    path = file_of(*resting("okx", 1) * 3)
    done = batch(path, "--allow-duplicate")
    assert outcomes(done) == {"accepted": 3}, done.err
    assert outcomes(batch(path, "--allow-duplicate")) == {"known": 3}
    assert len(placed_ids(desk, "okx")) == 3
    assert outcomes(batch(path, "--allow-duplicate", "--name", "another")) == {"accepted": 3}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("okx,BTC/USDT,buy,nan,60000", "Line 3: amount"),
        ("okx,BTC/USDX,buy,1,60000", "Line 3"),
        ("okx,BTC/USDT,buy,0.01", "Line 3: it has 4 values"),
        ("okay,BTC/USDT,buy,0.01,60000", "no venue 'okay'"),
        ("deriv,R_100,buy,0.01,60000", "no limit orders"),
    ],
)
def test_a_line_that_cannot_be_sent_stops_all_unless_asked_otherwise(
    desk: Any, file_of: Any, line: str, says: str
) -> None:
    path = file_of(resting("okx", 1)[0], line, resting("okx", 2)[1])
    done = batch(path)
    assert done.code == 2, done.out
    assert says in done.json["message"]
    assert "nothing was sent" in done.json["message"]
    assert placed_ids(desk, "okx") == []
    rest = batch(path, "--skip-bad")
    assert rest.code == 8, (rest.out, rest.err)
    assert outcomes(rest) == {"accepted": 2, "bad_line": 1}
    (bad,) = [item for item in lines_of(rest) if item["outcome"] == "bad_line"]
    assert (bad["line"], bad["error"]) == (3, "usage")


def test_an_id_that_a_venue_would_refuse_is_refused_before_anything_is_sent(desk: Any, tmp_path: Path) -> None:
    path = tmp_path / "ids.ndjson"
    row = {"venue": "okx", "symbol": "BTC/USDT", "side": "buy", "amount": "0.01", "price": 20000}
    path.write_text("\n".join(json.dumps({**row, "id": name}) for name in ("mine1",)) + "\n")
    with path.open("a") as file:
        file.write(json.dumps({**row, "id": "has-dashes", "side": "sell"}))
    done = batch(str(path))
    assert done.code == 2
    assert "Line 2: okx does not take the client id 'has-dashes'" in done.json["message"]
    assert placed_ids(desk, "okx") == []
    path.write_text("\n".join(json.dumps({**row, "id": name, "price": 20000 + len(name)}) for name in ("mine1", "m2")))
    assert outcomes(batch(str(path))) == {"accepted": 2}
    assert sorted(placed_ids(desk, "okx")) == ["m2", "mine1"]
    path.write_text(json.dumps({**row, "id": "m2", "amount": "0.02"}))
    other = batch(str(path))
    assert other.code == 2
    assert "belongs to another order" in lines_of(other)[0]["message"]


def test_orders_come_from_standard_input_too(desk: Any, file_of: Any) -> None:
    text = Path(file_of(*resting("okx", 2))).read_text()
    done = subprocess.run(
        [sys.executable, "main.py", "order", "batch", "-", "--env", "sim", "--json"],
        cwd=ROOT, input=text, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(placed_ids(desk, "okx")) == 2


def test_an_order_that_the_venue_refuses_leaves_the_others_alone(desk: Any, file_of: Any) -> None:
    done = batch(file_of(*resting("okx", 2), ("okx", "BTC/USDT", "buy", "5000", "19000")))
    assert done.code == 8, (done.out, done.err)
    assert outcomes(done) in ({"accepted": 2, "refused": 1}, {"accepted": 2, "denied": 1})
    alone = batch(file_of(("okx", "BTC/USDT", "sell", "5000", "99000"), name="b.csv"))
    assert alone.code in (4, 5), "the only order gives its own code"


def test_a_venue_that_is_down_leaves_the_others_alone(desk: Any, file_of: Any) -> None:
    desk.set_fault("okx", "drop_request", path=SUBMIT["okx"])
    done = batch(file_of(*resting("okx", 1), *resting("kucoin", 2)), "--timeout", "4")
    assert done.code == 9, (done.out, done.err)
    assert {line["venue"]: line["outcome"] for line in lines_of(done)} == {"okx": "unsettled", "kucoin": "accepted"}
    (doubt,) = [line for line in lines_of(done) if line["venue"] == "okx"]
    assert f"order resolve {doubt['id']}" in doubt["hint"]


@pytest.mark.parametrize("venue", VENUES)
def test_orders_whose_answer_was_lost_are_looked_up_at_the_end(desk: Any, file_of: Any, venue: str) -> None:
    desk.set_fault(venue, "reset", path=SUBMIT[venue], times=2, handled=True)
    done = batch(file_of(*resting(venue, 5)))
    assert done.code == 0, (done.out, done.err)
    assert outcomes(done) == {"accepted": 5}
    assert len(placed_ids(desk, venue)) == 5


@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_killed_run_is_finished_by_the_same_command(desk: Any, file_of: Any, after: int) -> None:
    desk.set_fault("okx", "delay", path=SUBMIT["okx"], ms=60)
    path = file_of(*resting("okx", 12))
    process = begun(path)
    until(lambda: len(desk.placed("okx")) >= after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    at_the_venue = set(placed_ids(desk, "okx"))
    second = batch(path)
    found = {line["id"]: line["outcome"] for line in lines_of(second)}
    assert len(found) == 12
    ids = placed_ids(desk, "okx")
    assert len(ids) == len(set(ids)), "an order was placed twice"
    doubtful = {client_id for client_id, outcome in found.items() if outcome == "unsettled"}
    assert second.code == (9 if doubtful else 0), second.err
    assert len(doubtful) <= 4, "more than were in flight"
    assert set(found.values()) <= {"accepted", "known", "unsettled"}
    assert {client_id for client_id, outcome in found.items() if outcome == "accepted"}.isdisjoint(at_the_venue)
    assert crossbook("order", "resolve", "--env", "sim", "--json").code == 0
    third = batch(path)
    assert third.code == 0, (third.out, third.err)
    ids = placed_ids(desk, "okx")
    assert sorted(ids) == sorted(found), "each order is at the venue once"


def test_an_interrupt_finishes_what_is_under_way_and_reports(desk: Any, file_of: Any) -> None:
    desk.set_fault("okx", "delay", path=SUBMIT["okx"], ms=300)
    path = file_of(*resting("okx", 30))
    process = begun(path)
    until(lambda: len(desk.placed("okx")) >= 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 30
    assert {line["outcome"] for line in lines} == {"accepted", "not_sent"}
    assert {line["id"] for line in lines if line["outcome"] == "accepted"} == set(placed_ids(desk, "okx"))
    desk.clear_faults()
    assert batch(path).code == 0
    assert len(placed_ids(desk, "okx")) == len(set(placed_ids(desk, "okx"))) == 30


def test_what_the_deadline_cuts_off_is_not_sent_and_the_next_run_sends_it(desk: Any, file_of: Any) -> None:
    desk.set_fault("okx", "delay", path=SUBMIT["okx"], ms=700)
    path = file_of(*resting("okx", 40))
    first = batch(path, "--timeout", "6")
    assert first.code == 8, (first.out, first.err)
    assert set(outcomes(first)) == {"accepted", "not_sent"}
    desk.clear_faults()
    second = batch(path)
    assert second.code == 0, (second.out, second.err)
    assert outcomes(second)["known"] == outcomes(first)["accepted"]
    ids = placed_ids(desk, "okx")
    assert len(ids) == len(set(ids)) == 40


def test_two_processes_with_the_same_file_place_each_order_once(desk: Any, file_of: Any) -> None:
    path = file_of(*(line for venue in ("okx", "kucoin") for line in resting(venue, 10)))
    processes = [begun(path), begun(path)]
    done = [process.communicate(timeout=60) for process in processes]
    assert all(process.returncode in (0, 9) for process in processes), done
    ids = placed_ids(desk, "okx", "kucoin")
    assert len(ids) == len(set(ids)) == 20
    assert batch(path).code == 0


def test_the_venues_own_limits_are_not_run_into(desk: Any, file_of: Any) -> None:
    """Together two processes send no more than the venues allow: none of them answers that it was too many."""
    venues = ("binance", "okx", "kucoin", "deribit", "bybit")
    for venue in venues:
        desk.set_limits(venue, 1)
    try:
        paths = [
            file_of(*(line for venue in venues for line in resting(venue, 12)), name=f"{name}.csv") for name in "ab"
        ]
        processes = [begun(path, "--name", str(index), "--allow-duplicate") for index, path in enumerate(paths)]
        done = [process.communicate(timeout=120) for process in processes]
        refused = [line for out, _ in done for line in out.splitlines() if "accepted" not in line]
        assert [process.returncode for process in processes] == [0, 0], refused
        for venue in venues:
            assert len(desk.placed(venue)) == 24
    finally:
        for venue in venues:
            desk.set_limits(venue, None)
