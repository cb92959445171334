"""`position reconcile` as users run it: the ledger against the venues of the simulator."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.order_management.desks import SPOT, SWAP, VENUES, afford_much, open_desk, place_elsewhere
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def accounts(warm: Any, home: Path) -> Any:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    return warm


def _reconciled(*arguments: str) -> Done:
    return crossbook("position", "reconcile", *arguments, "--env", "sim", "--json")


def _venues(done: Done) -> dict[str, dict[str, Any]]:
    return {row["venue"]: row for row in done.json["venues"]}


def test_every_venue_agrees_with_the_ledger_after_trades_of_ours_and_of_others(accounts: Any, home: Path) -> None:
    done = _reconciled()
    assert done.code == 0, (done.out, done.err)
    assert all(row["opened_now"] for row in _venues(done).values())
    with open_desk(home, [*VENUES]) as desk:
        for venue in VENUES:
            place_elsewhere(desk, venue, SWAP[venue], "0.1")
            place_elsewhere(desk, venue, SPOT[venue], "0.1")
            if venue != "deribit":  # its funding is continuous
                swap = desk.instrument(venue, SWAP[venue])
                accounts.settle_funding(venue, swap.native_id, swap.product)
    done = _reconciled()
    assert done.code == 0, (done.out, done.err)
    assert (done.json["drift"], done.json["differences"]) == (0, [])
    for name, row in _venues(done).items():
        assert row["opened_now"] is False
        assert row["compared"]["currencies"] > 0
        if name in VENUES:
            assert (row["compared"]["positions"], row["compared"]["unrealized"]) == (1, 1)
    rows = crossbook("position", "list", "--env", "sim", "--json").json["positions"]
    assert len(rows) == 2 * len(VENUES)
    for row in rows:
        assert Decimal(row["difference"]) == 0, row
        assert row["kind"] != "spot" or Decimal(row["elsewhere"]) > 0
        assert row["kind"] == "spot" or row["venue"] == "deribit" or Decimal(row["funding"]) != 0, row


def test_without_a_sync_what_happened_since_is_drift_and_the_sync_explains_it(accounts: Any, home: Path) -> None:
    okx = ("--venue", "okx")
    silent = _reconciled(*okx, "--no-sync")
    assert silent.code == 6, (silent.out, silent.err)
    assert "run position sync first" in _venues(silent)["okx"]["message"]
    assert _reconciled(*okx).code == 0
    with open_desk(home, ["okx"]) as desk:
        place_elsewhere(desk, "okx", "BTC/USDT:USDT", "0.1")
    done = _reconciled(*okx, "--no-sync")
    assert done.code == 10, (done.out, done.err)
    found = {item["kind"]: item for item in done.json["differences"]}
    assert set(found) == {"position", "cash"}
    assert (found["position"]["ours"], found["position"]["at_venue"]) == ("0", "0.1")
    assert (found["cash"]["currency"], Decimal(found["cash"]["difference"]) < 0) == ("USDT", True)  # the fee
    table = crossbook("position", "reconcile", *okx, "--no-sync", "--env", "sim")
    assert (table.code, "2 differences." in table.out) == (10, True)
    assert _reconciled(*okx).code == 0


def test_what_no_trade_explains_stays_a_difference_and_silence_is_none(accounts: Any, home: Path) -> None:
    both = ("--venue", "okx", "--venue", "bybit")
    assert _reconciled(*both).code == 0
    with open_desk(home, ["okx"]) as desk:
        place_elsewhere(desk, "okx", "BTC/USDT:USDT", "0.1")
    assert _reconciled(*both).code == 0
    accounts.set_fault("bybit", "maintenance", path="*/position/list*")
    quiet = _reconciled(*both)
    assert quiet.code == 8, (quiet.out, quiet.err)
    bybit = _venues(quiet)["bybit"]
    assert (bybit["drift"], bybit["error"]) == (None, "unavailable")
    accounts.reset_accounts("okx")  # the venue forgets the position, and gives the fee back
    drift = _reconciled(*both)
    assert drift.code == 10, (drift.out, drift.err)
    assert {item["kind"] for item in drift.json["differences"]} == {"position", "cash"}
    assert {item["venue"] for item in drift.json["differences"]} == {"okx"}
