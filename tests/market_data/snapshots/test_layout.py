"""Keys of a store and series are one to one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.snapshots import SECOND_NS, Series
from market_data.snapshots import layout
from market_data.snapshots.layout import (
    FileName,
    day_of,
    file_key,
    is_day,
    manifest_key,
    name_of,
    read_file_key,
    read_manifest_key,
    symbol_of,
)

NAMES = {
    "BTC/USDT": "BTCUSDT",
    "ETH/BTC": "ETHBTC",
    "EUR/USD": "EURUSD",
    "USDC/USDT": "USDCUSDT",
    "BTC/FDUSD": "BTCFDUSD",
    "DOT/USD": "DOTUSD",
    "R_100/USD": "R_100USD",
    "1000PEPE/USDT:USDT": "1000PEPEUSDT-PERP",
    "BTC/USDT:USDT": "BTCUSDT-PERP",
    "BTC/USD:BTC": "BTCUSD-BTC-PERP",
    "BTC/USDT:USDC": "BTCUSDT-USDC-PERP",
    "BTC/USDT:USDT-261225": "BTCUSDT-261225",
    "BTC/USD:BTC-261225": "BTCUSD-BTC-261225",
    "BTC/USD:BTC-261225-100000-C": "BTCUSD-BTC-261225-100000-C",
    "XRP/USDC:USDC-261225-0.625-P": "XRPUSDC-261225-0.625-P",
    # Where the readable form would mean another symbol, or is not safe, all of it is encoded.
    "DO/TUSD": "DO%2FTUSD",
    "BTC/USTD": "BTC%2FUSTD",
    "BTC/USTD:USTD": "BTC%2FUSTD%3AUSTD",
    "A-B/USDT": "A-B%2FUSDT",
    "A$B/USDT": "A%24B%2FUSDT",
    ".X/USDT": "%2EX%2FUSDT",
    "币安/USDT": "%E5%B8%81%E5%AE%89%2FUSDT",
    "A/B:C/D": "A%2FB%3AC%2FD",
}
CODES = st.text("ABDTUSCE10", min_size=1, max_size=7)
BASES = st.one_of(CODES, st.text("ABUSDT._$-%/ ü1", min_size=1, max_size=6))
TAILS = st.sampled_from(["", "-261225", "-261225-100000-C", "-261225-0.5-P", "-PERP", "-261225-C", "-1", "-PERP-PERP"])


@pytest.mark.parametrize(("symbol", "name"), NAMES.items(), ids=list(NAMES))
def test_a_symbol_has_one_name_and_the_name_one_symbol(symbol: str, name: str) -> None:
    assert name_of(symbol) == name
    assert symbol_of(name) == symbol


@given(BASES, CODES, st.none() | CODES, TAILS)
def test_every_symbol_comes_back_from_its_name(base: str, quote: str, settle: str | None, tail: str) -> None:
    symbol = f"{base}/{quote}" + (f":{settle}{tail}" if settle else "")
    name = name_of(symbol)
    assert symbol_of(name) == symbol
    assert "/" not in name
    assert not name.startswith(".")


@given(st.text("ABUSDT-%2F.:P/ERC0261225", max_size=30))
def test_a_name_that_we_would_not_give_is_nobodys(name: str) -> None:
    symbol = symbol_of(name)
    assert symbol is None or name_of(symbol) == name


@pytest.mark.parametrize(
    "name", ["", "notes", "btcusdt", "USDT", "BTCUSDT-", "BTCUSDT-SWAP", "BTC%2fUSTD", "BTC%2FUSDT", "BTC USDT"]
)
def test_other_names_are_no_symbols(name: str) -> None:
    assert symbol_of(name) is None


def test_what_is_no_symbol_has_no_name() -> None:
    with pytest.raises(ValueError):
        name_of("BTCUSDT")


def test_the_quotes_of_names_are_part_of_the_format() -> None:
    """Files out there are named by this list: one more, or another order, and their names mean other symbols."""
    assert " ".join(layout.QUOTES) == (
        "FDUSD PYUSD USDT USDC USDE USD EUR BTC ETH BNB DAI GBP JPY AUD TRY BRL KRW CHF CAD SOL XRP EURC"
    )


SPOT = Series("okx", "BTC/USDT")
NOON_NS = 1_795_262_400 * SECOND_NS


def test_keys_name_day_symbol_venue_and_first_second() -> None:
    assert day_of(NOON_NS) == "2026-11-21"
    assert file_key(SPOT, NOON_NS) == "order_books/2026-11-21/BTCUSDT/okx-120000.parquet"
    assert file_key(SPOT, NOON_NS + 61 * SECOND_NS, 2) == "order_books/2026-11-21/BTCUSDT/okx-120101.c2.parquet"
    assert manifest_key(SPOT, "2026-11-21") == "order_books/2026-11-21/BTCUSDT/okx.manifest.json"


@pytest.mark.parametrize("venue", ["okx", "my-venue", "a.b", ".hidden", "x-120000", "x.c1", "ü/ö", "v.manifest.json"])
def test_keys_are_read_back(venue: str) -> None:
    series = Series(venue, "BTC/USD:BTC-261225-100000-C")
    assert read_file_key(file_key(series, NOON_NS, 3)) == FileName(series, "2026-11-21", "120000", 3)
    assert read_file_key(file_key(series, NOON_NS)) == FileName(series, "2026-11-21", "120000", 0)
    assert read_manifest_key(manifest_key(series, "2026-11-21")) == (series, "2026-11-21")
    assert read_file_key(manifest_key(series, "2026-11-21")) is None
    assert read_manifest_key(file_key(series, NOON_NS)) is None


@pytest.mark.parametrize(
    "key",
    [
        "order_books/2026-11-21/BTCUSDT/okx-120000.csv",
        "order_books/2026-11-21/BTCUSDT/okx.parquet",
        "order_books/2026-11-21/BTCUSDT/-120000.parquet",
        "order_books/2026-11-21/BTCUSDT/okx-120000.c0.parquet",
        "order_books/2026-13-21/BTCUSDT/okx-120000.parquet",
        "order_books/20261121/BTCUSDT/okx-120000.parquet",
        "order_books/2026-11-21/notes/okx-120000.parquet",
        "trades/2026-11-21/BTCUSDT/okx-120000.parquet",
        "x/order_books/2026-11-21/BTCUSDT/okx-120000.parquet",
        "README",
    ],
)
def test_keys_of_others_are_none_of_ours(key: str) -> None:
    assert read_file_key(key) is None
    assert read_manifest_key(key) is None


def test_days_begin_at_midnight_utc() -> None:
    midnight_ns = NOON_NS - 12 * 3600 * SECOND_NS
    assert (day_of(midnight_ns), day_of(midnight_ns - 1)) == ("2026-11-21", "2026-11-20")
    assert is_day("2024-02-29")
    assert not is_day("2026-02-29")
    assert not is_day("today")
