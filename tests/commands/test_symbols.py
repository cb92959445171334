"""`symbols list|map|explain|refresh`: one language for every venue, in both directions."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

pytestmark = pytest.mark.usefixtures("warm")


def symbols(*arguments: str) -> Done:
    return crossbook("symbols", *arguments, "--env", "sim", "--json")


def ids(done: Done) -> dict[str, str]:
    assert done.code == 0, done.err
    return {row["venue"]: row["native_id"] for row in done.json["ids"]}


# map --------------------------------------------------------------------------------------------------------------


def test_a_native_id_of_a_venue_gives_the_canonical_symbol() -> None:
    done = symbols("map", "BTCUSDT", "--venue", "binance")
    assert done.code == 0
    assert done.json["symbol"] == "BTC/USDT"
    assert done.json["also"] == ["BTC/USDT:USDT"]
    assert done.json["environment"] == "sim"
    assert ids(done)["binance"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("venue", "native_id"),
    [
        ("okx", "BTC-USDT-SWAP"),
        ("kucoin", "XBTUSDTM"),
        ("binance", "BTCUSDT"),
        ("bybit", "BTCUSDT"),
    ],
)
def test_a_canonical_symbol_gives_the_native_id(venue: str, native_id: str) -> None:
    assert ids(symbols("map", "BTC/USDT:USDT", "--to", venue)) == {venue: native_id}


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("XBTUSDTM", "BTC/USDT:USDT"),
        ("BTC-PERPETUAL", "BTC/USD:BTC"),
        ("BTC-USDT-SWAP", "BTC/USDT:USDT"),
        ("btc-usdt", "BTC/USDT"),
        ("btc_usdt", "BTC/USDT"),
        ("btcusdt", "BTC/USDT"),
        ("BTC/USDT", "BTC/USDT"),
        ("btc/usdt:usdt", "BTC/USDT:USDT"),
        ("XBT/USDT", "BTC/USDT"),
        ("xbtusdt", "BTC/USDT"),
        ("1000PEPEUSDT", "1000PEPE/USDT:USDT"),
        ("kPEPE/USDT:USDT", "1000PEPE/USDT:USDT"),
        ("SHIB1000USDT", "SHIB1000/USDT:USDT"),
        ("frxEURUSD", "EUR/USD"),
    ],
)
def test_odd_formats_are_read(text: str, symbol: str) -> None:
    done = symbols("map", text)
    assert done.code == 0, done.err
    assert done.json["symbol"] == symbol


@pytest.mark.parametrize("kind", ["future", "option"])
def test_dated_contracts_map_both_ways(kind: str) -> None:
    listed = symbols("list", "--asset", "BTC", "--kind", kind).json["symbols"]
    venues = {row["venue"] for row in listed}
    assert len(venues) >= 3
    for venue in venues:
        row = next(row for row in listed if row["venue"] == venue)
        assert row["expiry"]
        forth = symbols("map", row["native_id"], "--venue", venue, "--to", venue)
        assert forth.json["symbol"] == row["symbol"]
        assert ids(forth) == {venue: row["native_id"]}


def test_an_asset_alone_is_ambiguous_and_lists_candidates() -> None:
    done = crossbook("symbols", "map", "BTC", "--env", "sim")
    assert done.code == 2
    assert done.out == ""
    assert "BTC/USDT" in done.err
    assert "BTC/USDC" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_an_old_code_of_an_asset_is_ambiguous_as_well() -> None:
    done = symbols("map", "XBT")
    assert done.code == 2
    assert done.json["error"] == "ambiguous_symbol"
    assert "BTC/USDT" in done.json["hint"]


def test_an_unknown_symbol_lists_the_nearest() -> None:
    done = symbols("map", "BTCUSDD")
    assert done.code == 2
    assert done.json["error"] == "unknown_symbol"
    assert "BTC/USDT" in done.json["hint"]


def test_a_venue_that_does_not_list_it_says_so_with_the_nearest_there() -> None:
    done = symbols("map", "BTC/USDT", "--to", "deriv")
    assert done.code == 4
    assert done.json["error"] == "not_listed"
    assert "BTC/USD" in done.json["hint"]


def test_a_venue_that_has_closed_is_a_clear_refusal() -> None:
    done = symbols("map", "BTC/USDT", "--to", "bitmart")
    assert done.code == 4
    assert done.json["error"] == "retired"
    assert "2026-07-26" in done.json["message"]


# list -------------------------------------------------------------------------------------------------------------


def test_list_shows_every_instrument_of_every_venue_with_its_units() -> None:
    rows = symbols("list").json["symbols"]
    assert {row["venue"] for row in rows} == {"binance", "okx", "bybit", "kucoin", "deribit", "deriv"}
    assert len(rows) > 500
    assert len({(row["venue"], row["symbol"]) for row in rows}) == len(rows)
    keys = {"venue", "symbol", "native_id", "kind", "asset", "multiplier", "contract_size", "tick", "lot", "expiry"}
    assert all(keys <= row.keys() for row in rows)


def test_list_can_be_narrowed_to_an_asset_a_kind_and_a_venue() -> None:
    pepe = symbols("list", "--asset", "PEPE").json["symbols"]
    assert {row["multiplier"] for row in pepe} == {1, 1000}
    assert pepe == symbols("list", "--asset", "1000PEPE").json["symbols"]
    perpetual = symbols("list", "--kind", "perpetual", "--venue", "deribit").json["symbols"]
    assert {(row["kind"], row["venue"]) for row in perpetual} == {("perpetual", "deribit")}


def test_a_list_of_nothing_names_the_nearest_assets() -> None:
    done = symbols("list", "--asset", "PEEPE")
    assert done.code == 2
    assert "PEPE" in done.json["hint"]


def test_list_is_csv_where_that_is_asked_for() -> None:
    done = crossbook("symbols", "list", "--venue", "okx", "--env", "sim", "--output", "csv")
    header, *rows = done.out.splitlines()
    assert header.startswith("venue,")
    assert len(rows) > 30
    assert all(row.startswith("okx,") for row in rows)


# explain ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1000PEPE", "PEPE", "kPEPE", "PEPE/USDT"])
def test_explain_shows_units_and_price_evidence(text: str) -> None:
    done = symbols("explain", text)
    assert done.code == 0, done.err
    assert done.json["asset"] == "PEPE"
    rows = done.json["instruments"]
    by_symbol = {(row["venue"], row["symbol"]): row for row in rows}
    listed = by_symbol["binance", "1000PEPE/USDT:USDT"]
    assert (listed["native_id"], listed["multiplier"], listed["settle"]) == ("1000PEPEUSDT", 1000, "USDT")
    assert by_symbol["kucoin", "1000PEPE/USDT:USDT"]["contract_size"] == "10"
    assert {row["evidence"] for row in rows} == {"same asset"}
    prices = [Decimal(row["unit_price"]) for row in rows]
    assert len(prices) >= 6
    assert max(prices) / min(prices) < Decimal("1.01")


def test_explain_of_an_old_code_is_of_the_asset() -> None:
    assert symbols("explain", "XBT", "--venue", "kucoin").json["asset"] == "BTC"


def test_an_asset_that_looks_multiplied_is_itself() -> None:
    done = symbols("explain", "BOOM1000")
    assert done.json["asset"] == "BOOM1000"
    assert {row["multiplier"] for row in done.json["instruments"]} == {1}


def test_evidence_of_a_venue_that_fails_is_its_reason(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "maintenance")
    done = symbols("explain", "PEPE")
    rows = {row["venue"]: row for row in done.json["instruments"]}
    assert rows["okx"]["unit_price"] is None
    assert rows["okx"]["evidence"] not in ("same asset", "not priced")
    assert rows["binance"]["evidence"] == "same asset"


def test_explain_of_an_unknown_asset_lists_the_nearest() -> None:
    done = symbols("explain", "DOGGE")
    assert done.code == 2
    assert "DOGE" in done.json["hint"]


# refresh ----------------------------------------------------------------------------------------------------------


def test_refresh_downloads_a_list_again(warm: Any, home: Path) -> None:  # noqa: F811
    warm.reset_requests()
    done = symbols("refresh", "--venue", "okx")
    assert done.code == 0
    row = done.json["venues"][0]
    assert (row["venue"], row["status"]) == ("okx", "ok")
    assert row["instruments"] > 30
    assert sum(warm.requests("okx").values()) > 0
    assert warm.requests("binance") == {}


def test_refresh_that_fails_for_one_venue_keeps_its_old_list(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "geo_blocked")
    done = symbols("refresh", "--venue", "okx", "--venue", "deriv")
    assert done.code == 8
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert rows["deriv"]["status"] == "ok"
    assert rows["okx"]["status"] != "ok"
    assert rows["okx"]["reason"]
    assert rows["okx"]["instruments"] > 30
