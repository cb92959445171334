"""`funding` as users run it, on the simulator."""

from decimal import Decimal

import pytest

from tests.commands.clirun import crossbook

PNG = b"\x89PNG\r\n\x1a\n"


def test_rates_stand_beside_their_intervals_and_years(sim):
    done = crossbook("funding", "BTC/USDT:USDT", "--env", "sim", "--json")
    assert done.code == 0
    known = [row for row in done.json["venues"] if row["status"] == "ok"]
    assert len(known) >= 4
    for row in known:
        hours = Decimal(row["interval_h"])
        assert hours == Decimal(row["measured_interval_h"])
        assert abs(Decimal(row["apr"]) - Decimal(row["current"]) * 8760 / hours) < Decimal("1e-7")
        assert 0 <= Decimal(row["percentile"]) <= 100
        assert row["history_count"] >= 24 * 30 / hours - 2
    aprs = [Decimal(row["apr"]) for row in known]
    spread = done.json["spread"]
    assert (Decimal(spread["apr"]) if spread else 0) == max(aprs) - min(aprs)


def test_continuous_funding_is_labelled_and_comparable(sim):
    done = crossbook("funding", "BTC/USD:BTC", "--env", "sim", "--json")
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert rows["deribit"]["continuous"] is True
    assert rows["deribit"]["next_time_ms"] is None
    assert rows["deribit"]["apr"] is not None


def test_the_history_is_drawn(sim, tmp_path):
    target = tmp_path / "funding.png"
    done = crossbook("funding", "BTC/USDT:USDT", "--history", "7d", "--plot", str(target), "--env", "sim")
    assert done.code == 0
    assert target.read_bytes().startswith(PNG)
    assert max(map(len, done.out.splitlines())) <= 140


@pytest.mark.parametrize("arguments", [("BTC/USDT",), ("BTC/USDT:USDT", "--history", "forever")])
def test_what_pays_no_funding_and_unreadable_spans_are_refused(sim, arguments):
    done = crossbook("funding", *arguments, "--env", "sim")
    assert (done.code, done.out) == (2, "")


def test_a_dead_venue_is_a_row(sim):
    crossbook("funding", "BTC/USDT:USDT", "--env", "sim")
    sim.set_fault("bybit", "down")
    done = crossbook("funding", "BTC/USDT:USDT", "--env", "sim", "--json", "--timeout", "4")
    assert done.code == 8
    assert {row["venue"]: row["status"] for row in done.json["venues"]}["bybit"] == "unavailable"
