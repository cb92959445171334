"""The cache of instrument lists: exact, quick, single flight, and never precious."""

import multiprocessing
import sqlite3
import time
from dataclasses import replace
from decimal import Decimal
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from connectors.market_cache import MarketCache, decode, encode
from domain.errors import BadAnswer, ConfigError, TimedOut
from domain.instruments import OPTION, PERPETUAL, SPOT, Instrument

SPOT_BTC = Instrument("okx", "BTC/USDT", "BTC-USDT", SPOT, "BTC", "USDT", None, "BTC", tick_size=Decimal("0.10"))
SWAP_PEPE = Instrument(
    "okx", "1000PEPE/USDT:USDT", "1000PEPEUSDT", PERPETUAL, "1000PEPE", "USDT", "USDT", "PEPE", 1000, product="SWAP"
)  # fmt: skip
OPTION_BTC = Instrument(
    "okx", "BTC/USD:BTC-261225-100000-C", "BTC-USD-261225-100000-C", OPTION, "BTC", "USD", "BTC", "BTC",
    unit_size=Decimal("0.01"), maker_fee=Decimal("-0.0001"), expiry_ms=1_798_185_600_000, strike=Decimal(100000),
    option_type="call", active=False,
)  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path) -> MarketCache:
    return MarketCache(tmp_path / "markets.sqlite", "live")


@pytest.mark.parametrize("item", [SPOT_BTC, SWAP_PEPE, OPTION_BTC])
def test_an_instrument_comes_back_as_it_went_in(item: Instrument) -> None:
    assert decode(encode(item)) == item
    assert str(decode(encode(item)).tick_size) == str(item.tick_size)


def test_what_was_put_is_found_by_symbol_native_id_and_asset(cache: MarketCache) -> None:
    cache.replace("okx", [SPOT_BTC, SWAP_PEPE, OPTION_BTC])
    assert cache.find("okx", "BTC/USDT") == SPOT_BTC
    assert cache.find("okx", "ETH/USDT") is None
    assert cache.find("bybit", "BTC/USDT") is None
    assert cache.by_native("okx", "1000PEPEUSDT") == [SWAP_PEPE]
    assert cache.by_asset("okx", "PEPE") == [SWAP_PEPE]
    assert cache.by_asset("okx", "BTC") == [OPTION_BTC, SPOT_BTC]
    assert cache.symbols("okx") == sorted([SPOT_BTC.symbol, SWAP_PEPE.symbol, OPTION_BTC.symbol])
    assert len(cache.all("okx")) == 3


def test_one_symbol_is_looked_up_at_many_venues_at_once(cache: MarketCache) -> None:
    for venue in ("okx", "bybit"):
        cache.replace(venue, [replace(SPOT_BTC, venue=venue)])
    cache.replace("kucoin", [replace(SWAP_PEPE, venue="kucoin")])
    found = cache.find_everywhere(["okx", "bybit", "kucoin", "deribit"], "BTC/USDT")
    assert sorted(found) == ["bybit", "okx"]
    assert found["bybit"].venue == "bybit"
    assert cache.find_everywhere([], "BTC/USDT") == {}


def test_replacing_a_list_forgets_what_is_no_longer_listed_and_touches_no_other_venue(cache: MarketCache) -> None:
    cache.replace("okx", [SPOT_BTC, SWAP_PEPE])
    cache.replace("bybit", [replace(SPOT_BTC, venue="bybit")])
    cache.replace("okx", [SWAP_PEPE])
    assert cache.symbols("okx") == [SWAP_PEPE.symbol]
    assert cache.symbols("bybit") == ["BTC/USDT"]


def test_environments_do_not_see_each_other(tmp_path: Path) -> None:
    live, sim = (MarketCache(tmp_path / "markets.sqlite", key) for key in ("live", "sim/synthetic-7"))
    live.replace("okx", [SPOT_BTC])
    assert sim.find("okx", "BTC/USDT") is None
    assert sim.fetched_at_ms("okx") is None


def test_a_list_is_fresh_for_its_time_to_live_and_not_when_it_is_from_the_future(tmp_path: Path) -> None:
    now = [1_000_000_000]
    cache = MarketCache(tmp_path / "m.sqlite", "live", ttl_h=2, now_ms=lambda: now[0])
    assert not cache.is_fresh("okx")
    cache.replace("okx", [SPOT_BTC])
    assert cache.is_fresh("okx")
    now[0] += 2 * 3_600_000 - 1
    assert cache.is_fresh("okx")
    now[0] += 1
    assert not cache.is_fresh("okx")
    now[0] = 999_999_999
    assert not cache.is_fresh("okx")


def test_a_deleted_file_is_made_again(cache: MarketCache) -> None:
    cache.replace("okx", [SPOT_BTC])
    cache.close()
    cache.path.unlink()
    assert cache.find("okx", "BTC/USDT") is None
    cache.replace("okx", [SPOT_BTC])
    assert cache.find("okx", "BTC/USDT") == SPOT_BTC


@pytest.mark.parametrize(
    "rubbish", [b"this is no database at all, sorry" * 100, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_corrupt_file_is_rebuilt_and_it_is_said(
    cache: MarketCache, rubbish: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.path.write_bytes(rubbish)
    assert cache.find("okx", "BTC/USDT") is None
    assert "it is rebuilt" in capsys.readouterr().err
    cache.replace("okx", [SPOT_BTC])
    assert cache.find("okx", "BTC/USDT") == SPOT_BTC


def test_a_list_is_stored_even_when_the_corruption_is_found_while_writing(
    cache: MarketCache, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.path.write_bytes(b"rubbish" * 1000)
    cache.replace("okx", [SPOT_BTC])
    assert cache.find("okx", "BTC/USDT") == SPOT_BTC
    assert "it is rebuilt" in capsys.readouterr().err


@pytest.mark.parametrize("row", ["not json", "[]", '["okx"]', "7", '{"a":1}'])
def test_a_row_that_cannot_be_read_rebuilds_the_cache(
    cache: MarketCache, row: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.replace("okx", [SPOT_BTC])
    with sqlite3.connect(cache.path) as db:
        db.execute("UPDATE instruments SET row = ?", (row,))
    db.close()
    assert cache.find("okx", "BTC/USDT") is None
    assert "it is rebuilt" in capsys.readouterr().err
    assert cache.fetched_at_ms("okx") is None


def test_a_cache_of_another_version_is_replaced_silently(
    cache: MarketCache, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(cache.path) as db:
        db.executescript("CREATE TABLE lists (old TEXT); PRAGMA user_version = 99;")
    db.close()
    assert cache.fetched_at_ms("okx") is None
    cache.replace("okx", [SPOT_BTC])
    assert cache.find("okx", "BTC/USDT") == SPOT_BTC
    assert capsys.readouterr().err == ""


def test_only_its_owner_can_read_the_file(cache: MarketCache) -> None:
    cache.replace("okx", [SPOT_BTC])
    assert cache.path.stat().st_mode & 0o077 == 0


def _hold(path: Path, held: Event, release: Event) -> None:
    with MarketCache(path, "live").refreshing("okx", time.monotonic() + 10):
        held.set()
        release.wait(20)


def test_one_process_downloads_and_the_others_wait(cache: MarketCache) -> None:
    spawn = multiprocessing.get_context("spawn")
    held, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(cache.path, held, release))
    other.start()
    try:
        assert held.wait(30)
        with pytest.raises(TimedOut, match="still downloading"), cache.refreshing("okx", time.monotonic() + 0.1):
            pass
        with cache.refreshing("bybit", time.monotonic() + 0.1):
            pass  # another venue's list is free
        release.set()
        with cache.refreshing("okx", time.monotonic() + 20):
            pass
    finally:
        release.set()
        other.join(20)
    assert other.exitcode == 0


def test_the_right_to_download_ends_with_its_holder(cache: MarketCache) -> None:
    spawn = multiprocessing.get_context("spawn")
    held, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(cache.path, held, release))
    other.start()
    assert held.wait(30)
    other.kill()
    other.join(20)
    with cache.refreshing("okx", time.monotonic() + 10):
        pass


def test_a_warm_lookup_is_independent_of_how_much_is_listed(cache: MarketCache) -> None:
    cache.replace("okx", [replace(SPOT_BTC, symbol=f"A{n}/USDT", native_id=f"A{n}") for n in range(5000)])
    cache.close()
    started = time.perf_counter()
    assert cache.find("okx", "A4321/USDT") is not None
    assert time.perf_counter() - started < 0.05


def test_a_full_disk_is_said_and_costs_no_list_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "markets.sqlite"
    known = MarketCache(path, "live")
    known.replace("okx", [SPOT_BTC])
    known.close()
    connect = sqlite3.connect

    def full(*given: object, **more: object) -> sqlite3.Connection:
        db = connect(*given, **more)  # type: ignore[call-overload]
        db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")
        return db

    monkeypatch.setattr(sqlite3, "connect", full)
    cache = MarketCache(path, "live")
    with pytest.raises(ConfigError, match="full"):
        cache.replace("bybit", [replace(SPOT_BTC, symbol=f"A{n}/USDT") for n in range(5000)])
    assert cache.find("okx", "BTC/USDT") == SPOT_BTC
    assert cache.fetched_at_ms("bybit") is None


def test_a_list_that_names_a_symbol_twice_is_refused_and_harms_no_other(cache: MarketCache) -> None:
    cache.replace("okx", [SPOT_BTC])
    with pytest.raises(BadAnswer, match="BTC/USDT twice"):
        cache.replace("bybit", [SPOT_BTC, SPOT_BTC])
    assert cache.find("okx", "BTC/USDT") == SPOT_BTC
