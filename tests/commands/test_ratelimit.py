"""The `ratelimit` command: it shows what other processes have used, and asks no venue."""

import csv
import io
import time
from typing import Any

import pytest

from connectors.guard import Guard, Policy, key_of
from domain.errors import Unavailable
from tests.commands.clirun import crossbook
from utils.resilience.breaker import Breaker
from utils.resilience.budget import Budget
from utils.resilience.clock import ClockOffsets
from utils.resilience.store import open_store

FIELDS = {
    "venue", "requests_per_minute", "burst", "used", "remaining", "venue_used", "venue_limit", "blocked_until",
    "breaker", "failures", "asked_again_at", "last_failure", "clock_offset_ms", "clock_measured_at",
}  # fmt: skip


def test_every_venue_has_a_row_before_anything_was_asked() -> None:
    done = crossbook("ratelimit", "--env", "paper", "--json")
    assert done.code == 0
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert {"binance", "okx", "bybit", "kucoin", "deribit", "deriv"} <= rows.keys()
    for row in rows.values():
        assert row.keys() == FIELDS
        assert row["requests_per_minute"] > 0
        assert (row["used"], row["breaker"], row["blocked_until"]) == (0, "closed", None)


def test_what_other_processes_used_and_met_is_shown(home: Any) -> None:
    store = open_store()
    budget, breaker = Budget(store), Breaker(store)
    guard = Guard("okx", budget, breaker, Policy(requests_per_minute=400, attempts=1))
    guard.charge(40, deadline=time.monotonic())
    guard.feed_back(30, 60)
    budget.block_until(guard.key, time.time() + 3600)
    for _ in range(5):
        breaker.record(key_of("live", "bybit"), Unavailable("bybit cannot be connected to."))
    ClockOffsets(store).record(key_of("live", "okx"), 250, 0, 100_000_000)
    budget.block_until("sim/x/okx", time.time() + 9999)
    store.close()

    rows = {row["venue"]: row for row in crossbook("ratelimit", "--env", "paper", "--json").json["venues"]}
    okx, bybit = rows["okx"], rows["bybit"]
    assert (okx["requests_per_minute"], okx["burst"]) == (400, 100)
    assert okx["used"] == pytest.approx(50, abs=40)
    assert okx["used"] + okx["remaining"] == pytest.approx(100, abs=1)
    assert (okx["venue_used"], okx["venue_limit"], okx["clock_offset_ms"]) == (30, 60, 200)
    assert okx["blocked_until"] is not None
    assert (bybit["breaker"], bybit["failures"]) == ("open", 5)
    assert bybit["asked_again_at"] is not None
    assert rows["binance"]["blocked_until"] is None

    table = crossbook("ratelimit", "--env", "paper", "--venue", "bybit")
    assert "bybit: bybit cannot be connected to." in table.out
    assert "open until 20" in table.out
    lines = list(csv.reader(io.StringIO(crossbook("ratelimit", "--env", "paper", "--output", "csv").out)))
    assert lines[0][0] == "venue"


def test_an_unknown_venue_is_refused() -> None:
    assert crossbook("ratelimit", "--env", "paper", "--venue", "binanse").code == 2
