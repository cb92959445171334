"""The `pnl` command as users run it, against the simulator and over ledgers of no network at all."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitoring.ledger.path import ledger_path
from monitoring.ledger.store import Ledger
from tests.commands.clirun import crossbook
from tests.monitoring.earned import SWAP, Trades
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

D = Decimal
FIGURES = ("realized", "fees", "funding", "unrealized", "net")


@pytest.fixture
def traded(warm: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """Fresh accounts, and what a short, busy life has left: a short perpetual, a long one settled in coin, and spot."""
    warm.reset_accounts()
    for venue, symbol, side, amount in (
        ("okx", "BTC/USDT:USDT", "sell", "0.02"),
        ("deribit", "BTC/USD:BTC", "buy", "0.3"),
        ("deribit", "BTC/USD:BTC", "sell", "0.1"),
        ("kucoin", "BTC/USDT", "buy", "0.02"),
    ):
        done = crossbook("order", "place", venue, symbol, side, amount, "--type", "market", "--env", "sim")
        assert done.code == 0, done.err
    yield warm
    warm.clear_faults()


@pytest.fixture
def flat(home: Path) -> Trades:
    """A ledger of trades on paper that are over."""
    with Ledger.open(ledger_path("paper")) as ledger:
        trades = Trades(ledger, SWAP)
        trades.add("buy", "0.5", "60000", "15", order="A")
        trades.add("sell", "0.5", "61250", "15", order="B")
    return trades


def test_every_grouping_adds_up_and_nothing_is_unexplained(traded: Any) -> None:
    venues = [f"--venue={name}" for name in ("deribit", "kucoin")]
    synced = crossbook("position", "sync", *venues, "--env", "sim")
    assert synced.code == 0, synced.err
    totals = []
    for by in ("symbol", "venue", "day", "order"):
        done = crossbook("pnl", *venues, "--by", by, "--env", "sim", "--json")
        assert done.code == 0, done.err
        record = done.json
        for name in FIGURES:
            assert sum(D(row[name]) for row in record["rows"]) == D(record["total"][name])
        parts = [D(record["total"][name]) for name in FIGURES]
        assert abs(parts[0] - parts[1] + parts[2] + parts[3] - parts[4]) < D("1e-15")
        totals.append(sum(D(part["realized"]) for row in record["rows"] for part in row["parts"]))
        rates = {rate["currency"] for rate in record["rates"]}
        assert rates == {"BTC"}
        assert {item["what"] for item in record["unexplained"]} == {"cash", "unrealized"}
        assert all(abs(D(item["difference"])) < D("1e-8") for item in record["unexplained"]), record["unexplained"]
    assert len(set(totals)) == 1
    assert totals[0] < 0, "bought at the ask and sold at the bid"
    assert "Never synced" not in done.err


def test_the_table_shows_rates_marks_and_what_is_not_compared_without_a_sync(traded: Any) -> None:
    done = crossbook("pnl", "--env", "sim", "--explain")
    assert done.code == 0, done.err
    assert "PnL by symbol in USDT, average cost  [sim]" in done.out
    assert "Rate: 1 BTC = " in done.out
    assert "(mark price at deribit)" in done.out
    assert "Explained: okx BTC/USDT:USDT" in done.out
    assert "okx cash is not known (okx: position sync has not read it as a whole yet)" in done.out
    assert "Never synced: binance, bybit, deribit, deriv, kucoin, okx" in done.err, "those without a trade here, too"


def test_a_venue_that_is_down_leaves_its_open_part_unknown_and_the_rest_stands(traded: Any) -> None:
    traded.set_fault("okx", "down")
    done = crossbook("pnl", "--env", "sim", "--json", "--timeout", "5")
    assert done.code == 8, done.err
    rows = {row["venue"]: row for row in done.json["rows"]}
    assert rows["okx"]["unrealized"] is None
    assert rows["okx"]["net"] is None
    assert rows["okx"]["realized"] is not None
    assert rows["kucoin"]["net"] is not None
    assert done.json["total"]["net"] is None
    assert D(done.json["total"]["known"]["net"]) == D(rows["kucoin"]["net"]) + D(rows["deribit"]["net"])


def test_what_is_flat_and_in_the_numeraire_needs_no_network(flat: Trades) -> None:
    done = crossbook("pnl", "--env", "paper", "--json")
    assert done.code == 0, done.err
    assert [done.json["total"][name] for name in FIGURES] == ["625", "30", "0", "0", "595"]
    assert done.json["environment"] == "paper"
    assert "okx" in done.err, "the last sync is missing, which is said on stderr"


def test_csv_and_the_explanation_have_every_figure(flat: Trades) -> None:
    done = crossbook("pnl", "--env", "paper", "--by", "order", "--csv")
    assert [row["order"] for row in csv.DictReader(io.StringIO(done.out))] == ["A", "B", ""]
    explained = crossbook("pnl", "--env", "paper", "--explain", "--method", "fifo", "--json").json["explain"]
    assert explained[0]["lines"][1]["how"] == "(61,250 − 60,000) × 0.5 = 625"


def test_a_period_and_a_picture(flat: Trades, tmp_path: Path) -> None:
    done = crossbook("pnl", "--env", "paper", "--since", "2026-01-01", "--plot", str(tmp_path / "pnl.png"))
    assert done.code == 0, done.err
    assert (tmp_path / "pnl.png").read_bytes().startswith(b"\x89PNG")
    assert "since 2026-01-01T00:00:00Z" in done.out
    later = crossbook("pnl", "--env", "paper", "--since", "1h", "--json")
    assert later.json["rows"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", "--json"], "contradict"),
        (["--since", "soon"], "not a span"),
        (["--symbol", "BTC/USDT:USDC"], "Nearest: BTC/USDT:USDT"),
        (["--numeraire", "a b"], "no currency"),
        (["--venue", "okxx"], "Nearest: okx"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(flat: Trades, arguments: list[str], said: str) -> None:
    done = crossbook("pnl", "--env", "paper", *arguments)
    assert done.code == 2
    assert said in done.out + done.err
