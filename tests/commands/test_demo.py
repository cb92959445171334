"""The tour: what `make demo` shows first to everybody has to run to its end."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


def test_the_list_of_the_tour_runs_nothing_and_says_which_commands_there_are(sim: Any) -> None:
    sim.reset_requests()
    done = crossbook("demo", "--list")
    assert done.code == 0, done.err
    commands = re.findall(r"^\$ python main.py (?:--env sim )?(.+)$", done.out, re.M)
    assert any(command.startswith("snapshot BTC/USDT --for 10s") for command in commands)
    shown = {" ".join(command.split()[:2]) for command in commands}
    assert {"order place", "order list", "order cancel", "order history", "order resolve"} <= shown
    assert {"snapshot verify", "snapshot stats"} <= shown
    assert {"position sync", "position list", "position show", "position reconcile", "pnl --venue"} <= shown
    assert sim.requests("okx") == {}


@pytest.mark.timeout(180)
def test_the_tour_places_fills_and_cancels_orders_and_finds_the_one_whose_answer_was_lost(
    warm: Any,  # noqa: F811 - the fixture
    home: Path,
) -> None:
    warm.reset_accounts()
    done = crossbook("demo", timeout_s=150)
    assert done.code == 0, done.err
    run = re.search(r"--client-id (tour[0-9a-f]+)lost", done.out)
    assert run
    placed = {(venue, order["client_id"]) for venue in ("binance", "okx") for order in warm.placed(venue)}
    at_okx = {("okx", run[1] + name) for name in ("lost", "opens", "closes")}
    assert placed == at_okx | {("binance", f"{run[1]}rests"), ("binance", f"{run[1]}takes")}
    journal = crossbook("order", "list", "--closed", "--env", "sim", "--json").json["orders"]
    assert {order["id"][len(run[1]) :]: order["status"] for order in journal} == {
        "rests": "cancelled",
        "takes": "filled",
        "lost": "cancelled",
        "opens": "filled",
        "closes": "filled",
    }
    assert "(exit code 9)" in done.out
    assert "1 of 1 settled." in done.out
    assert re.search(r"\(\S+ − \S+\) × 0\.00\d+ = -?0\.\d", done.out), "no closing is explained"
    assert "No differences." in done.out
    assert warm.faults() == []
    proved = re.search(r"^(\d+) days of a series as recorded", done.out, re.M)
    assert proved, "no recording was proved"
    assert int(proved[1]) == 5
    assert (home / "cache" / "demo" / "spread.png").read_bytes().startswith(b"\x89PNG")
