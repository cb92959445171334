"""`panic` as users run it: drills, a venue that is down, and a process that is killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import ROOT, crossbook
from tests.order_management.desks import SUBMIT, SWAP, VENUES, afford_much, open_desk, positions
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def accounts(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    yield warm
    warm.clear_faults()


def buy(venue: str, amount: str = "0.01") -> None:
    done = crossbook("order", "place", venue, SWAP[venue], "buy", amount, "--type", "market", "--env", "sim")
    assert done.code == 0, done.err


def test_a_drill_opens_something_at_every_venue_gets_out_of_it_and_says_how_long_it_took(accounts: Any) -> None:
    done = crossbook("panic", "--drill", "--env", "sim", "--json")
    assert done.code == 0, (done.out, done.err)
    told = done.json
    assert (told["environment"], told["flat"], told["spot_balances"]) == ("sim", True, "not sold")
    assert float(told["time_to_flat_s"]) > 0
    assert {row["venue"] for row in told["venues"]} == {*VENUES, "deriv"}
    for row in told["venues"]:
        assert (row["flat"], row["left_orders"], row["left_positions"], row["error"]) == (True, [], [], None)
        assert len(row["closing"]) == 1
        assert len(row["cancelled"]) == (0 if row["venue"] == "deriv" else 2)
    assert len(told["drill"]) == 6
    assert "to cancel: 2 orders" in done.err
    assert crossbook("order", "list", "--env", "sim", "--json").json["orders"] == []
    again = crossbook("panic", "--env", "sim")
    assert again.code == 0, (again.out, again.err)
    assert "Flat everywhere after" in again.out
    assert "not sold" in again.out
    assert "nothing is open" in again.err
    assert crossbook("order", "reconcile", "--env", "sim").code == 0


@pytest.mark.parametrize("environment", ["live", "testnet"])
def test_there_is_no_drill_where_money_may_be_real(accounts: Any, environment: str) -> None:
    done = crossbook("panic", "--drill", "--env", environment)
    assert done.code == 2
    assert f"no drill in {environment}" in done.err


def test_a_venue_that_is_down_is_told_apart_and_the_others_are_flat(accounts: Any) -> None:
    buy("okx")
    buy("bybit")
    accounts.set_fault("okx", "down")
    arguments = ("panic", "--venue", "okx", "--venue", "bybit", "--env", "sim", "--timeout", "6", "--json")
    done = crossbook(*arguments)
    assert done.code == 8, (done.out, done.err)
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert (rows["okx"]["flat"], rows["bybit"]["flat"], done.json["flat"]) == (None, True, False)
    assert rows["okx"]["error"]
    assert crossbook("panic", "--venue", "okx", "--env", "sim", "--timeout", "4").code == 6


def closing_intended(home: Path) -> bool:
    """Tell whether a closing order is in the journal, read as a process of its own would."""
    import sqlite3

    (path,) = (home / "state" / "journal").glob("*.sqlite")
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return bool(connection.execute("SELECT count(*) FROM orders WHERE origin = 'panic'").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize(("venue", "arrives"), [*((venue, True) for venue in VENUES), ("okx", False)])
def test_a_panic_that_was_killed_goes_on_where_it_was_and_closes_nothing_twice(
    accounts: Any, home: Path, venue: str, arrives: bool
) -> None:
    buy(venue)
    before = len(accounts.placed(venue))
    accounts.set_fault(venue, "timeout", path=SUBMIT[venue], times=1, handled=arrives)
    command = [sys.executable, "main.py", "panic", "--venue", venue, "--env", "sim"]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdin=subprocess.DEVNULL, stderr=-1, stdout=-1)
    until = time.monotonic() + 20
    while not (closing_intended(home) and accounts.faults() == []):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    accounts.clear_faults()
    done = crossbook("panic", "--venue", venue, "--env", "sim", "--json")
    assert done.code == 0, (done.out, done.err)
    (row,) = done.json["venues"]
    assert row["flat"] is True
    assert len(accounts.placed(venue)) == before + 1
    assert len(row["closing"]) == (0 if arrives else 1)
    with open_desk(home, [venue]) as desk:
        assert positions(desk, venue) == {}
    assert crossbook("order", "list", "--unknown", "--env", "sim", "--json").json["orders"] == []
