"""`position show --order`, as users run it against the simulator."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

D = Decimal
SYMBOL = "BTC/USDT:USDT"


@pytest.fixture
def desk(warm: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """A simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts("okx")
    yield warm
    warm.clear_faults()


def place(*arguments: str) -> Done:
    return crossbook("order", "place", "okx", SYMBOL, *arguments, "--env", "sim", "--json")


def show(order: str, *arguments: str) -> Done:
    return crossbook("position", "show", "--order", order, "--env", "sim", "--json", *arguments)


def test_an_order_that_is_open_in_part_has_the_promised_names_and_adds_up(desk: Any) -> None:
    bought = place("buy", "0.04", "--type", "market").json
    place("sell", "0.01", "--type", "market")
    done = show(bought["id"])
    assert done.code == 0, done.err
    record = done.json
    assert {
        "connector_name", "pair_name", "entry_timestamp", "entry_price", "quantity", "position_side", "NetPnL"
    } <= set(record)  # fmt: skip
    assert (record["connector_name"], record["pair_name"], record["position_side"]) == ("okx", SYMBOL, "long")
    assert (record["status"], record["quantity"], record["environment"]) == ("filled", "0.04", "sim")
    assert abs(D(record["entry_price"]) - D(bought["average_price"])) < D("0.0001")
    assert record["parts"][0]["open_size"] == "0.03"
    parts = [D(record[name]) for name in ("realized", "fees", "funding", "unrealized")]
    assert D(record["NetPnL"]) == parts[0] - parts[1] + parts[2] + parts[3]
    assert parts[0] < 0, "bought at the ask and sold at the bid"
    assert show(bought["order_id"]).json["client_id"] == bought["id"]


def test_an_order_that_only_closed_shows_what_it_closed(desk: Any) -> None:
    place("buy", "0.02", "--type", "market")
    sold = place("sell", "0.02", "--type", "market").json
    record = show(sold["id"]).json
    assert (record["position_side"], record["quantity"], record["unrealized"]) == ("long", "0.02", "0")
    assert D(record["NetPnL"]) == D(record["realized"]) - D(record["fees"])
    table = crossbook("position", "show", "--order", sold["id"], "--env", "sim")
    assert "closed" in table.out
    assert "It is filled." in table.out


def test_an_order_that_rests_has_earned_nothing_and_no_venue_is_asked(desk: Any) -> None:
    order = place("buy", "0.02", "--price", "20000").json
    desk.set_fault("okx", "down")
    done = show(order["id"])
    assert (done.code, done.json["NetPnL"], done.json["quantity"]) == (0, "0", "0")
    assert done.json["note"] == "It is open and has not been filled: it earned nothing."


def test_an_order_of_unknown_outcome_says_so_and_exits_9(desk: Any) -> None:
    desk.set_fault("okx", "reset", "*/trade/order*", handled=True)
    placed = place("buy", "0.02", "--price", "20000", "--timeout", "2")
    assert placed.code == 9, placed.err
    done = show(placed.json["id"])
    assert (done.code, done.json["NetPnL"], done.json["quantity"]) == (9, None, None)
    assert "order resolve" in done.json["note"]


def test_an_order_that_the_journal_does_not_have_is_known_by_its_trades(desk: Any, home: Path) -> None:
    order_id = place("buy", "0.02", "--type", "market").json["order_id"]
    assert show(order_id).json["status"] == "filled", "the ledger has its trades now"
    shutil.rmtree(home / "state" / "journal")
    record = show(order_id[:-1], "--numeraire", "BTC").json
    assert (record["order_id"], record["status"], record["quantity"]) == (order_id, None, "0.02")
    assert record["note"] == "It is not in the journal: what is known of it are its trades."
    assert D(record["NetPnL_numeraire"]) / D(record["rate"]["price"]) == pytest.approx(D(record["NetPnL"]))
    nowhere = show("nosuchorder")
    assert nowhere.code == 2
    assert "position sync" in nowhere.json["hint"]
