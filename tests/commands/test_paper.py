# ruff: noqa: F811 - fixtures
"""The `order` commands on paper, as users run them: filled against the live market, which is the simulator's here."""

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import ROOT, Done
from tests.paperhome import D, command, on_paper, paper, warm, warmed_cache  # noqa: F401 - fixtures

VENUES = {"binance": "BTC/USDT", "okx": "BTC/USDT", "bybit": "BTC/USDT", "kucoin": "BTC/USDT", "deribit": "BTC/USDC"}

pytestmark = pytest.mark.usefixtures("paper")


def place(*arguments: str) -> Done:
    return on_paper("order", "place", *arguments, "--json")


@pytest.mark.parametrize("venue", VENUES)
def test_a_market_order_is_filled_at_the_live_price_and_pays_the_venues_fee(venue: str) -> None:
    done = place(venue, VENUES[venue], "buy", "0.01", "--type", "market")
    assert done.code == 0, done.err
    order = done.json
    assert (order["environment"], order["status"], order["filled"]) == ("paper", "filled", "0.01")
    best = {row["venue"]: row for row in on_paper("bbo", VENUES[venue], "--json").json["venues"]}[venue]
    assert float(order["average_price"]) == pytest.approx(float(best["ask"]), rel=0.005)
    fee_bps = D(best["taker_fee_bps"])
    if fee_bps:
        worth = D(order["average_price"]) * D(order["filled"])
        assert D(next(iter(order["fees"].values()))) == pytest.approx(worth * fee_bps / 10_000, rel=D("1e-9"))


def test_a_resting_order_is_listed_found_amended_cancelled_and_told(home: Path) -> None:
    order = place("okx", "BTC/USDT", "buy", "0.1", "--price", "20000").json
    assert (order["status"], order["settled"]) == ("open", True)
    listed = on_paper("order", "list", "--json").json
    assert (listed["environment"], [row["id"] for row in listed["orders"]]) == ("paper", [order["id"]])
    status = on_paper("order", "status", order["id"][:16], "--json")
    assert status.code == 0, status.err
    amended = on_paper("order", "amend", order["id"], "--price", "21000", "--json")
    assert amended.code == 0, amended.err
    done = on_paper("order", "cancel", order["id"], "--json")
    assert (done.code, done.json["orders"][0]["status"]) == (0, "cancelled")
    assert done.json["environment"] == "paper"
    assert on_paper("order", "list", "--json").json["orders"] == []
    story = on_paper("order", "history", order["id"], "--json").json
    assert [event["kind"] for event in story["events"]][:2] == ["intended", "accepted"]
    assert on_paper("order", "list", "--closed", "--json").json["orders"][0]["id"] == order["id"]
    journals = {path.name for path in (home / "state" / "journal").glob("*.sqlite")}
    assert journals == {"paper.sqlite"}
    assert stat.S_IMODE((home / "state" / "paper.sqlite").stat().st_mode) == 0o600


def test_an_order_at_a_venue_without_a_book_says_that_it_was_dealt_at_the_quote() -> None:
    done = place("deriv", "R_100/USD", "buy", "1", "--type", "market")
    assert done.code == 0, done.err
    assert (done.json["status"], done.json["reason"]) == ("filled", "filled at the quote: the venue shows no sizes")


def test_every_table_says_that_it_is_paper() -> None:
    order = place("okx", "BTC/USDT", "buy", "0.1", "--price", "20000").json
    for arguments in (("list",), ("status", order["id"]), ("history", order["id"]), ("cancel", order["id"])):
        done = on_paper("order", *arguments)
        assert done.code == 0, done.err
        assert "[paper]" in done.out


def test_nothing_that_is_placed_cancelled_or_asked_reaches_a_private_path(paper: Any) -> None:
    paper.reset_requests()
    placed = {name: len(paper.placed(name)) for name in VENUES}
    for venue, symbol in VENUES.items():
        order = place(venue, symbol, "buy", "0.01", "--price", "20000")
        assert order.code == 0, order.err
        on_paper("order", "status", order.json["id"])
        on_paper("order", "cancel", order.json["id"])
        paths = paper.requests(venue)
        assert paths
        assert not [path for path in paths if re.search(r"private|account|/orders?$|balance|position", path)], paths
    assert {name: len(paper.placed(name)) for name in VENUES} == placed


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("okx", "BTC/USDT", "sell", "1.1", "--price", "90000"), 4, "are free"),
        (("okx", "BTC/USDT:USDT", "sell", "0.1", "--price", "90000", "--reduce-only"), 4, "no position"),
        (("okx", "BTC/USDT", "buy", "0.01", "--price", "200000", "--post-only"), 4, "would take"),
        (("okx", "BTC/USDT", "buy", "0.01", "--type", "stop", "--stop-price", "20000"), 4, "fire at once"),
        (("deriv", "R_100/USD", "buy", "1", "--price", "60000"), 4, "no limit orders"),
    ],
)
def test_what_the_venue_would_refuse_is_refused(arguments: tuple[str, ...], code: int, says: str) -> None:
    done = place(*arguments)
    assert done.code == code, (done.out, done.err)
    assert says in done.out + done.err
    assert on_paper("order", "list", "--json").json["orders"] == []


def test_the_same_id_never_places_a_second_order() -> None:
    arguments = ("okx", "BTC/USDT", "buy", "0.01", "--price", "20000", "--client-id", "mine0001")
    first, second = place(*arguments), place(*arguments)
    assert (first.code, second.code, second.json["outcome"]) == (0, 0, "known")
    assert second.json["order_id"] == first.json["order_id"]
    assert len(on_paper("order", "list", "--json").json["orders"]) == 1


def test_the_start_balances_of_the_configuration_limit_what_can_be_bought(home: Path) -> None:
    (home / "config.yaml").write_text("paper:\n  balances: {USDT: 100}\n")
    (home / "config.yaml").chmod(0o600)
    assert place("okx", "BTC/USDT", "buy", "0.001", "--type", "market").code == 0
    refused = place("okx", "BTC/USDT", "buy", "0.002", "--type", "market")
    assert refused.code == 4
    assert "USDT" in refused.out + refused.err


def test_two_commands_at_once_share_one_account(home: Path) -> None:
    (home / "config.yaml").write_text("paper:\n  balances: {BTC: 0.05}\npolicy: {duplicate_within_s: null}\n")
    (home / "config.yaml").chmod(0o600)
    arguments = command("order", "place", "okx", "BTC/USDT", "sell", "0.03", "--price", "900000", "--json")
    running = [
        subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    codes = []
    for process in running:
        process.communicate(timeout=50)
        codes.append(process.returncode)
    assert sorted(codes) == [0, 4, 4]
    assert len(on_paper("order", "list", "--json").json["orders"]) == 1
