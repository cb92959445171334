"""`position list` as users run it: our trades beside what the venues hold."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.order_management.desks import afford_much, open_desk, place_elsewhere
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

ZERO = Decimal(0)


@pytest.fixture
def accounts(warm: Any, home: Path) -> Any:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    return warm


def _listed(*arguments: str) -> Done:
    return crossbook("position", "list", *arguments, "--env", "sim")


def _rows(done: Done) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["venue"], row["symbol"]): row for row in done.json["positions"]}


def _buy(venue: str, symbol: str, amount: str) -> None:
    done = crossbook("order", "place", venue, symbol, "buy", amount, "--type", "market", "--env", "sim")
    assert done.code == 0, (done.out, done.err)


def test_our_trades_and_the_venues_positions_stand_side_by_side(accounts: Any, home: Path) -> None:
    _buy("okx", "BTC/USDT:USDT", "0.05")
    _buy("bybit", "BTC/USD:BTC", "0.05")
    _buy("okx", "BTC/USDT", "0.02")
    with open_desk(home, ["okx"]) as desk:
        place_elsewhere(desk, "okx", "ETH/USDT:USDT", "0.5")
    names = ("--venue", "okx", "--venue", "bybit")
    done = _listed(*names, "--json")
    assert done.code == 0, (done.out, done.err)
    assert "Never synced: okx, bybit." in done.err
    assert "position sync --env sim" in done.err
    rows = _rows(done)
    swap = rows["okx", "BTC/USDT:USDT"]
    assert (swap["side"], swap["quantity"], swap["contracts"], swap["difference"]) == ("long", "0.05", "5", "0")
    assert (swap["mark_source"], swap["entry_price"]) == ("mark", swap["venue_entry_price"])
    assert Decimal(swap["unrealized"]) == Decimal(swap["venue_unrealized"]) != ZERO
    inverse = rows["bybit", "BTC/USD:BTC"]
    assert (inverse["size_unit"], inverse["currency"], inverse["difference"]) == ("USD", "BTC", "0")
    worth = Decimal(inverse["size"]) / Decimal(inverse["mark_price"])
    assert abs(Decimal(inverse["quantity"]) - worth) < Decimal("1e-17")
    spot = rows["okx", "BTC/USDT"]
    assert spot["mark_source"] == "mid"
    assert Decimal(spot["at_venue"]) == 100 + Decimal(spot["ours"])
    assert (spot["elsewhere"], spot["difference"]) == (None, None)  # never synced: nothing explains the balance
    foreign = rows["okx", "ETH/USDT:USDT"]
    assert (foreign["ours"], foreign["at_venue"], foreign["difference"]) == ("0", "0.5", "0.5")
    assert (foreign["entry_price"], foreign["unrealized"]) == (None, None)
    totals = {item["currency"]: item["unrealized"] for item in done.json["totals"]}
    assert totals == {"BTC": inverse["unrealized"], "USDT": None}
    table = _listed(*names)
    assert "All in USDT: unrealized not known, funding not known" in table.out


def test_a_venue_that_does_not_answer_leaves_ours_and_is_never_flat(accounts: Any) -> None:
    _buy("okx", "BTC/USDT:USDT", "0.05")
    _buy("kucoin", "BTC/USDT:USDT", "0.05")
    accounts.set_fault("okx", "maintenance", path="*/account/positions*")
    done = _listed("--venue", "okx", "--venue", "kucoin", "--json")
    assert done.code == 8, (done.out, done.err)
    silent = _rows(done)["okx", "BTC/USDT:USDT"]
    assert (silent["side"], silent["ours"], silent["at_venue"], silent["known"]) == ("long", "0.05", None, False)
    assert (silent["difference"], silent["mark_price"] is None) == (None, silent["unrealized"] is None)
    assert _rows(done)["kucoin", "BTC/USDT:USDT"]["difference"] == "0"
    alone = _listed("--venue", "okx")
    assert alone.code == 6, (alone.out, alone.err)
    assert "not known" in alone.out


def test_a_symbol_narrows_it_and_all_shows_what_is_flat(accounts: Any) -> None:
    _buy("okx", "BTC/USDT:USDT", "0.05")
    _buy("okx", "ETH/USDT:USDT", "0.5")
    done = crossbook("order", "place", "okx", "ETH/USDT:USDT", "sell", "0.5", "--type", "market", "--env", "sim")
    assert done.code == 0, done.err
    okx = ("--venue", "okx", "--json")
    assert set(_rows(_listed(*okx))) == {("okx", "BTC/USDT:USDT")}
    assert _rows(_listed(*okx, "--all"))["okx", "ETH/USDT:USDT"]["side"] == "flat"
    assert set(_rows(_listed(*okx, "--symbol", "BTC-USDT-SWAP"))) == {("okx", "BTC/USDT:USDT")}
    nothing = _listed("--venue", "okx", "--symbol", "SOL/USDT:USDT")
    assert (nothing.code, "No open positions." in nothing.out) == (0, True)
    assert _listed(*okx, "--symbol", "NOPE/USDT").code == 2
