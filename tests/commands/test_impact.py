"""`impact` as users run it, on the simulator."""

from decimal import Decimal

import pytest

from tests.commands.clirun import crossbook

PNG = b"\x89PNG\r\n\x1a\n"


def test_every_venue_and_the_best_split_have_a_cost(sim):
    done = crossbook("impact", "BTC/USDT", "buy", "--quote", "50000", "--env", "sim", "--json")
    assert done.code == 0
    split = done.json["split"]
    filled = [row for row in done.json["venues"] if row["status"] == "ok" and Decimal(row["unfilled"]) == 0]
    assert filled
    assert abs(sum(Decimal(part["filled_quote"]) for part in split["parts"]) - 50000) < Decimal("1e-6")
    # More base for the same notional, or as much: the split is at least as good as any one venue before its fee.
    best = min(Decimal(row["total"]) / Decimal(row["filled_base"]) for row in filled)
    assert Decimal(split["total"]) / Decimal(split["filled_base"]) <= best * Decimal("1.0000001")
    for row in filled:
        assert Decimal(row["slippage_bps"]) > 0
        assert Decimal(row["worst_price"]) >= Decimal(row["average_price"])


def test_what_is_too_much_for_the_books_is_said(sim):
    done = crossbook("impact", "BTC/USDT", "sell", "--base", "1000000", "--env", "sim")
    assert done.code == 0
    assert "NOT FILLED" in done.out
    assert "stays unfilled" in done.out


def test_the_curve_grows_with_the_size_and_is_drawn(sim, tmp_path):
    target = tmp_path / "impact.png"
    done = crossbook(
        "impact", "BTC/USDT", "buy", "--base", "0.5", "--curve", "--plot", str(target), "--env", "sim", "--json"
    )
    assert done.code == 0
    for line in done.json["curve"].values():
        slippages = [Decimal(point["slippage_bps"]) for point in line]
        assert slippages == sorted(slippages)
    assert target.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    "arguments", [(), ("--quote", "1", "--base", "1"), ("--base", "0"), ("--quote", "-5"), ("--base", "many")]
)
def test_the_size_must_make_sense(sim, arguments):
    assert crossbook("impact", "BTC/USDT", "buy", *arguments, "--env", "sim").code == 2


def test_a_side_is_buy_or_sell(sim):
    assert crossbook("impact", "BTC/USDT", "hold", "--base", "1", "--env", "sim").code == 2
