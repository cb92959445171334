"""`bbo` as users run it, on the simulator."""

import csv
import io
import time
from decimal import Decimal

import pytest

from tests.commands.clirun import crossbook

SIX = ("binance", "okx", "bybit", "kucoin", "deribit", "deriv")
LISTING = SIX[:5]


def rows(done):
    return {row["venue"]: row for row in done.json["venues"]}


def test_the_best_bid_and_ask_over_all_venues(sim):
    done = crossbook("bbo", "BTC/USDT", "--env", "sim", "--json")
    assert done.code == 0
    answer = done.json
    assert (answer["environment"], answer["symbol"], answer["crossed"]) == ("sim", "BTC/USDT", answer["crossed"])
    able = [row for row in answer["venues"] if row["status"] == "ok"]
    assert {row["venue"] for row in able} == set(LISTING)
    assert Decimal(answer["best_bid"]["price"]) == max(Decimal(row["bid"]) for row in able)
    assert Decimal(answer["best_ask"]["price"]) == min(Decimal(row["ask"]) for row in able)
    assert all(isinstance(row["bid"], str) and row["age_ms"] >= 0 and row["latency_ms"] > 0 for row in able)
    assert rows(done)["deriv"]["status"] == "not_listed"
    assert rows(done)["deriv"]["near"] == "BTC/USD"


def test_the_table_names_the_environment_and_fits_a_terminal(sim):
    done = crossbook("--env", "sim", "bbo", "BTC/USDT")
    assert done.code == 0
    assert done.out.startswith("BTC/USDT  [sim]")
    assert "Best bid" in done.out
    assert max(map(len, done.out.splitlines())) <= 140


def test_killing_one_three_and_all_venues_is_partial_and_then_clearly_empty(sim):
    crossbook("bbo", "BTC/USDT", "--env", "sim")
    sim.set_fault("okx", "down")
    one = crossbook("bbo", "BTC/USDT", "--env", "sim", "--json", "--timeout", "3")
    assert (one.code, rows(one)["okx"]["status"]) == (8, "unavailable")
    for name in ("bybit", "deribit"):
        sim.set_fault(name, "timeout")
    started = time.monotonic()
    three = crossbook("bbo", "BTC/USDT", "--env", "sim", "--json", "--timeout", "2")
    assert time.monotonic() - started < 5
    assert (three.code, three.json["best_bid"]["venue"] in ("binance", "kucoin")) == (8, True)
    for name in ("binance", "kucoin"):
        sim.set_fault(name, "down")
    none = crossbook("bbo", "BTC/USDT", "--env", "sim", "--json", "--timeout", "2")
    assert (none.code, none.json["best_bid"], none.json["mid"]) == (6, None, None)
    assert all(row["reason"] for row in none.json["venues"] if row["status"] != "ok")


def test_a_reference_stands_in_when_no_venue_answers_and_is_labelled(sim):
    crossbook("bbo", "BTC/USDT", "--env", "sim")
    for name in LISTING:
        sim.set_fault(name, "down")
    done = crossbook("bbo", "BTC/USDT", "--env", "sim", "--timeout", "4")
    assert done.code == 6
    assert "reference – cannot be traded" in done.out
    assert "No venue gave a usable price." in done.out


@pytest.mark.parametrize(
    ("kind", "arguments", "status"),
    [
        ("geo_blocked", {}, "geo_blocked"),
        ("maintenance", {}, "maintenance"),
        ("rate_limited", {"retry_after_s": 60}, "rate_limited"),
        ("malformed_json", {}, "unavailable"),
        ("html_error", {}, "unavailable"),
        ("crossed_book", {}, "crossed"),
        ("empty_book", {}, "empty"),
        ("stale_book", {"ms": 60_000}, "stale"),
    ],
)
def test_a_fault_at_one_venue_is_that_venues_row(sim, kind, arguments, status):
    crossbook("bbo", "BTC/USDT", "--env", "sim")
    sim.set_fault("okx", kind, **arguments)
    done = crossbook("bbo", "BTC/USDT", "--env", "sim", "--json", "--timeout", "4")
    assert done.code == 8
    assert (rows(done)["okx"]["status"], bool(rows(done)["okx"]["reason"])) == (status, True)
    assert "okx" not in (done.json["best_bid"]["venue"], done.json["best_ask"]["venue"])


def test_a_size_has_its_price_after_the_taker_fee(sim):
    done = crossbook("bbo", "BTC/USDT", "--size", "0.5", "--env", "sim", "--json")
    assert done.code == 0
    binance = rows(done)["binance"]
    assert done.json["size"] == "0.5"
    assert Decimal(binance["ask"]) > Decimal(binance["ask_before_fee"]) >= Decimal(binance["top_ask"])
    fee = Decimal(binance["taker_fee_bps"]) / 10_000
    ratio = Decimal(binance["ask"]) / Decimal(binance["ask_before_fee"])
    assert abs(ratio - 1 - fee) < Decimal("1e-9")


def test_a_numeraire_shows_the_basis(sim):
    done = crossbook("bbo", "BTC/USDT", "--numeraire", "USDT", "--env", "sim", "--json")
    assert done.code == 0
    assert {row["symbol"] for row in done.json["venues"] if row["status"] == "ok"} >= {
        "BTC/USDT",
        "BTC/USDC",
        "BTC/USD",
    }
    assert {basis["currency"] for basis in done.json["basis"]} == {"USDC", "USD"}
    assert all(Decimal("0.98") < Decimal(basis["rate"]) < Decimal("1.02") for basis in done.json["basis"])


def test_several_symbols_are_an_array_and_one_csv(sim):
    done = crossbook("bbo", "BTC/USDT", "ETH/USDT", "--env", "sim", "--json")
    assert [record["symbol"] for record in done.json] == ["BTC/USDT", "ETH/USDT"]
    table = crossbook("bbo", "BTC/USDT", "ETH/USDT", "--env", "sim", "--output", "csv")
    read = list(csv.DictReader(io.StringIO(table.out)))
    assert {row["symbol"] for row in read} == {"BTC/USDT", "ETH/USDT"}


def test_multiplied_contracts_are_compared_in_one_unit(sim):
    done = crossbook("bbo", "PEPE/USDT:USDT", "--env", "sim", "--json")
    bids = [Decimal(row["bid"]) for row in done.json["venues"] if row["status"] == "ok"]
    assert len(bids) >= 3
    assert max(bids) / min(bids) < Decimal("1.02")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("NOPE/USDT",), "No venue that was asked lists NOPE/USDT"),
        (("BTC/USDT", "--size", "-1"), "not above zero"),
        (("BTC/USDT", "--size", "1e18"), "sensible size"),
        (("BTC/USDT", "--size", "1e99"), "not a usable number"),
        (("BTC/USDT", "--size", "nan"), "not a usable number"),
        (("BTC/USDT", "--size", "many"), "not a number"),
        (("BTC/USDT", "--size", "1", "--quote-size", "1"), "cannot both"),
        (("BTC/USDT", "--venue", "binnance"), "binance"),
        (("ETH/BTC", "--numeraire", "USDT"), "dollars"),
    ],
)
def test_senseless_input_is_one_sentence_and_exit_2(sim, arguments, said):
    done = crossbook("bbo", *arguments, "--env", "sim")
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[-1]


def test_a_symbol_listed_by_no_asked_venue_names_its_near_match(sim):
    done = crossbook("bbo", "BTC/USDT", "--venue", "deriv", "--env", "sim", "--json")
    assert done.code == 2
    assert done.json["error"] == "unknown_symbol"
    assert "BTC/USD" in done.json["hint"]


def test_a_retired_venue_is_a_refusal(sim):
    done = crossbook("bbo", "BTC/USDT", "--venue", "bitmart", "--env", "sim")
    assert done.code == 4
    assert "closed" in done.err
