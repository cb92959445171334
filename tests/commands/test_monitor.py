"""`monitor` as users run it: a stream of looks, alerts, a venue that falls silent, and its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import ROOT, Done, crossbook
from tests.monitoring.test_webhook import Hook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

AT = ("--venue", "bybit", "--venue", "okx")


@pytest.fixture
def floor(warm: Any, home: Path) -> Any:  # noqa: F811 - the fixture
    """Fresh accounts; 0.1 BTC long in perpetuals at Bybit, and an order that rests at OKX."""
    warm.reset_accounts()
    # Looks come faster here than anybody's budget allows.
    (home / "config.yaml").write_text(
        "venues: {bybit: {requests_per_minute: 99999}, okx: {requests_per_minute: 99999}}"
    )
    place("bybit", "BTC/USDT:USDT", "buy", "0.1", "--type", "market")
    place("okx", "BTC/USDT:USDT", "buy", "0.1", "--price", "20000")
    return warm


def place(*arguments: str) -> None:
    done = crossbook("order", "place", *arguments, "--env", "sim")
    assert done.code == 0, done.err


def monitor(*arguments: str, **variables: str) -> Done:
    return crossbook("monitor", *AT, "--env", "sim", "--interval", "1s", *arguments, **variables)


def looks(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_each_look_is_one_object_with_positions_gains_orders_quotes_and_venues(floor: Any) -> None:
    done = monitor("--for", "2s", "--symbol", "ETH/USDT")
    assert done.code == 0, done.err
    found = looks(done)
    assert [look["look"] for look in found] == list(range(1, len(found) + 1))
    last = found[-1]
    assert last["environment"] == "sim"
    assert [(row["venue"], row["ours"], row["at_venue"], row["difference"]) for row in last["positions"]] == [
        ("bybit", "0.1", "0.1", "0")
    ]
    assert [(order["venue"], order["size"]) for order in last["open_orders"]] == [("okx", "0.1")]
    assert {(quote["venue"], quote["symbol"]) for quote in last["quotes"]} >= {
        ("bybit", "BTC/USDT:USDT"), ("okx", "BTC/USDT:USDT"), ("bybit", "ETH/USDT"), ("okx", "ETH/USDT")
    }  # fmt: skip
    assert all(quote["age_ms"] >= 0 for quote in last["quotes"])
    assert [venue["status"] for venue in last["venues"]] == ["ok", "ok"]
    assert float(last["pnl"]["net_pnl"]) == pytest.approx(
        float(last["pnl"]["unrealized"]) - float(last["pnl"]["fees"]), abs=1e-9
    )
    assert float(last["equity"]) > 1_000_000


def test_a_venue_that_falls_silent_is_not_flat_and_what_depends_on_it_is_not_known(floor: Any) -> None:
    assert crossbook("position", "sync", *AT, "--env", "sim").code == 0
    floor.set_fault("bybit", "server_error")
    done = monitor("--for", "1s", "--alert", "positions < 1", "--alert", "venues_down > 0")
    assert done.code == 10, done.err
    last = looks(done)[-1]
    assert {venue["venue"]: venue["status"] for venue in last["venues"]} == {"bybit": "unavailable", "okx": "ok"}
    (row,) = last["positions"]
    assert (row["ours"], row["at_venue"], row["known"]) == ("0.1", None, False)
    assert row["reason"]
    assert last["pnl"]["unrealized"] is None
    assert last["pnl"]["net_pnl"] is None
    assert last["equity"] is None
    assert [alert["metric"] for alert in last["alerts"]] == ["venues_down"]
    assert "positions < 1" not in done.err


def test_what_a_venue_held_stays_in_view_once_it_falls_silent(floor: Any) -> None:
    command = [sys.executable, "main.py", "monitor", *AT, "--env", "sim", "--interval", "1s"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = json.loads(running.stdout.readline())
        assert first["positions"][0]["known"] is True
        floor.set_fault("bybit", "server_error")
        while (look := json.loads(running.stdout.readline()))["positions"][0]["known"]:
            assert look["look"] < 10
        assert [(row["venue"], row["size"], row["known"]) for row in look["positions"]] == [("bybit", "0.1", False)]
        (silent,) = (venue for venue in look["venues"] if venue["venue"] == "bybit")
        assert silent["status"] == "unavailable"
        assert silent["answered_ms"] < look["time_ms"]
        running.send_signal(signal.SIGTERM)
        running.stdout.read()
        assert running.wait(15) == 8


def test_an_alert_is_told_once_on_stderr_to_the_web_hook_and_by_the_exit_code(floor: Any) -> None:
    hook = Hook()
    try:
        done = monitor("--for", "2s", "--alert", "open_orders@okx > 0", CROSSBOOK_ALERT_WEBHOOK=hook.url)
    finally:
        hook.close()
    assert done.code == 10
    assert done.err.count("ALERT open_orders@okx > 0: open_orders is 1") == 1
    assert [body["value"] for _, body in hook.taken] == ["1"]
    assert hook.taken[0][1]["environment"] == "sim"
    assert "T0KEN" not in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--interval", "0s"), "no span"),
        (("--interval", "soon"), "not a span"),
        (("--alert", "profit > 1"), "no figure"),
        (("--alert", "fees@kucoin > 1"), "not watched"),
        (("--symbol", "NOPE/USDT"), "NOPE/USDT"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(warm: Any, arguments: tuple[str, ...], says: str) -> None:  # noqa: F811
    done = crossbook("monitor", *AT, "--env", "sim", "--for", "1s", *arguments)
    assert done.code == 2, done.err
    assert says in done.err


def test_a_web_hook_that_is_no_address_is_refused_without_repeating_it(warm: Any) -> None:  # noqa: F811
    done = monitor("--for", "1s", CROSSBOOK_ALERT_WEBHOOK="ftp://T0KEN.example")
    assert done.code == 3
    assert "T0KEN" not in done.err
