"""The main job over the tape of real recordings: the command line answers with the recorded prices, exactly.

What was recorded is read again here, from the raw files (tests/raw_recordings.py), without the simulator's tape.
"""

import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import raw_recordings as raw
from tests.commands.clirun import crossbook
from tests.connectors.opened import know_simulator, opened
from tests.simfixture import Simulator, start_simulator


@pytest.fixture(scope="module")
def tape(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator of its own that holds the recordings at their end."""
    with start_simulator(tmp_path_factory.mktemp("tape"), tape=recordings, hold="end") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def taped_cache(tape: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The caches after the instrument lists were downloaded from the tape."""
    place = tmp_path_factory.mktemp("taped")
    know_simulator(place, tape.state_file)
    venues = opened(place)
    venues.ensure_markets()
    venues.close()
    return place / "cache"


@pytest.fixture
def on_tape(tape: Simulator, taped_cache: Path, home: Path) -> Simulator:
    """The simulator on the tape, known to this test's home."""
    know_simulator(home, tape.state_file)
    shutil.copytree(taped_cache, home / "cache")
    return tape


OKX_FUTURE = "BTC/USD:BTC-220527"
OPTION = "BTC/USD:BTC-210730-24000-P"
Recorded = Callable[[Path], raw.Sides]
CASES: dict[str, tuple[str, str, Recorded]] = {
    "NKN/USDT": ("binance", "NKNUSDT", lambda f: raw.binance(f, "BINANCE", "NKNUSDT", at_end=True)),
    "LRC/BTC": ("binance", "LRCBTC", lambda f: raw.binance(f, "BINANCE", "LRCBTC", at_end=True)),
    "RUNE/EUR": ("binance", "RUNEEUR", lambda f: raw.binance(f, "BINANCE", "RUNEEUR", at_end=True)),
    "SUSHI/USDT:USDT": (
        "binance",
        "SUSHIUSDT",
        lambda f: raw.binance(f, "BINANCE_FUTURES", "SUSHIUSDT", at_end=True),
    ),
    "CTK/USDT:USDT": ("binance", "CTKUSDT", lambda f: raw.binance(f, "BINANCE_FUTURES", "CTKUSDT", at_end=True)),
    "BTC/USDT": ("okx", "BTC-USDT", lambda f: raw.okx(f, "BTC-USDT")),
    OKX_FUTURE: ("okx", "BTC-USD-220527", lambda f: raw.okx(f, "BTC-USD-220527")),
    "UNI/USD:UNI": ("okx", "UNI-USD-SWAP", lambda f: raw.okx(f, "UNI-USD-SWAP")),
    "SNX/BTC": ("kucoin", "SNX-BTC", lambda f: raw.kucoin(f, "SNX-BTC")),
    "FET/BTC": ("kucoin", "FET-BTC", lambda f: raw.kucoin(f, "FET-BTC")),
    "BSV/USDT": ("kucoin", "BCHSV-USDT", lambda f: raw.kucoin(f, "BCHSV-USDT")),
    OPTION: ("deribit", "BTC-30JUL21-24000-P", lambda f: raw.deribit(f, "BTC-30JUL21-24000-P")),
    "ETH/USD:ETH-210730-2800-C": ("deribit", "ETH-30JUL21-2800-C", lambda f: raw.deribit(f, "ETH-30JUL21-2800-C")),
}
CONTRACTS = {OKX_FUTURE: Decimal(100), "UNI/USD:UNI": Decimal(10)}
"""Contract values in USD, of instruments whose recorded sizes are contracts (`ctVal` of the recorded lists)."""


def in_base(symbol: str, level: tuple[Decimal, Decimal]) -> Decimal:
    price, size = level
    return size * CONTRACTS[symbol] / price if symbol in CONTRACTS else size


@pytest.mark.parametrize("symbol", CASES)
def test_bbo_answers_with_the_recorded_prices(on_tape: Simulator, recordings: Path, symbol: str) -> None:
    venue, _, recorded = CASES[symbol]
    done = crossbook("bbo", symbol, "--env", "sim", "--venue", venue, "--json")
    assert done.code == 0, done.err
    row = done.json["venues"][0]
    assert (row["venue"], row["symbol"], row["status"]) == (venue, symbol, "ok")
    bid, ask = recorded(recordings).best()
    assert bid is not None
    assert ask is not None
    assert (Decimal(row["bid"]), Decimal(row["ask"])) == (bid[0], ask[0])
    assert (Decimal(row["bid_size"]), Decimal(row["ask_size"])) == (in_base(symbol, bid), in_base(symbol, ask))
    best_bid, best_ask = done.json["best_bid"], done.json["best_ask"]
    assert (best_bid["venue"], Decimal(best_bid["price"])) == (venue, bid[0])
    assert (best_ask["venue"], Decimal(best_ask["price"])) == (venue, ask[0])
    assert Decimal(done.json["mid"]) == (bid[0] + ask[0]) / 2


def test_bbo_asks_every_venue_of_the_tape(on_tape: Simulator, recordings: Path) -> None:
    done = crossbook("bbo", "NKN/USDT", "--env", "sim", "--json")
    bid, ask = CASES["NKN/USDT"][2](recordings).best()
    assert bid is not None
    assert ask is not None
    assert Decimal(done.json["best_bid"]["price"]) == bid[0]
    assert Decimal(done.json["best_ask"]["price"]) == ask[0]
    statuses = {row["venue"]: row["status"] for row in done.json["venues"]}
    assert statuses["binance"] == "ok"
    assert statuses["okx"] == statuses["kucoin"] == statuses["deribit"] == "not_listed"
    assert done.code == 0
    assert all(row["reason"] for row in done.json["venues"] if row["status"] != "ok")


def test_the_table_shows_the_recorded_prices_at_the_recorded_ticks(on_tape: Simulator, recordings: Path) -> None:
    bid, ask = CASES["BTC/USDT"][2](recordings).best()
    assert bid is not None
    assert ask is not None
    done = crossbook("bbo", "BTC/USDT", "--env", "sim", "--venue", "okx")
    assert f"{bid[0]:.1f}" in done.out
    assert f"{ask[0]:.1f}" in done.out


@pytest.mark.parametrize("symbol", ["NKN/USDT", "SUSHI/USDT:USDT", "BTC/USDT", OKX_FUTURE, "SNX/BTC", OPTION])
def test_whole_books_are_the_recorded_ones(on_tape: Simulator, recordings: Path, symbol: str) -> None:
    venue, _, recorded = CASES[symbol]
    depth = 20
    done = crossbook("book", symbol, "--env", "sim", "--venue", venue, "--depth", str(depth), "--json")
    assert done.code == 0, done.err
    book = recorded(recordings)
    for side, levels in (("bids", sorted(book.bids.items(), reverse=True)), ("asks", sorted(book.asks.items()))):
        shown = [(Decimal(level["price"]), Decimal(level["size"])) for level in done.json[side]]
        assert shown == [(price, in_base(symbol, (price, size))) for price, size in levels[:depth]]


def steps(folder: Path) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """Read tick and lot (in base units, of inverse contracts in USD) of the recorded instruments.

    They are found by venue and id, Binance's by section and id, since its sections share ids.
    """
    found: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for section, prefix in (("spot", "BINANCE"), ("linear", "BINANCE_FUTURES")):
        for name, row in raw.binance_symbols(folder, prefix).items():
            tick = raw.step_of(row, "PRICE_FILTER", "tickSize")
            found[section, name] = (tick, raw.step_of(row, "LOT_SIZE", "stepSize"))
    for name, row in raw.okx_instruments(folder).items():
        unit = Decimal(row["ctVal"] or 1) * Decimal(row["ctMult"] or 1)
        found["okx", name] = (Decimal(row["tickSz"]), Decimal(row["lotSz"]) * unit)
    for name, row in raw.kucoin_symbols(folder).items():
        found["kucoin", name] = (Decimal(row["priceIncrement"]), Decimal(row["baseIncrement"]))
    for name, row in raw.deribit_instruments(folder).items():
        found["deribit", name] = (Decimal(row["tick_size"]), Decimal(row["min_trade_amount"]))
    return found


def test_symbols_list_has_the_recorded_tick_and_lot_sizes(on_tape: Simulator, recordings: Path) -> None:
    names = [flag for venue in ("binance", "okx", "kucoin", "deribit") for flag in ("--venue", venue)]
    done = crossbook("symbols", "list", "--env", "sim", *names, "--json")
    assert done.code == 0, done.err
    recorded = steps(recordings)
    listed: list[dict[str, Any]] = done.json["symbols"]
    assert len(listed) == 8 + 3 + 9 + 10
    for row in listed:
        section = row["product"] if row["venue"] == "binance" else row["venue"]
        tick, lot = recorded[section, row["native_id"]]
        assert Decimal(row["tick"]) == tick, row
        assert Decimal(row["lot"]) == lot, row
    for symbol, (venue, native_id, _) in CASES.items():
        assert any((row["venue"], row["symbol"], row["native_id"]) == (venue, symbol, native_id) for row in listed)


def test_what_was_not_recorded_is_refused_in_words(on_tape: Simulator) -> None:
    done = crossbook("funding", "SUSHI/USDT:USDT", "--env", "sim", "--venue", "binance", "--json")
    assert done.code in (4, 6)
    assert "recorded" in done.out
    missing = crossbook("bbo", "DOGE/USDT", "--env", "sim", "--venue", "okx", "--venue", "binance")
    assert missing.code == 2
    assert "DOGE/USDT" in missing.err


def test_a_tape_at_its_start_shows_the_recorded_snapshot(recordings: Path, tmp_path: Path, home: Path) -> None:
    with start_simulator(tmp_path / "start", tape=recordings, hold="start") as simulator:
        know_simulator(home, simulator.state_file)
        done = crossbook("bbo", "NKN/USDT", "--env", "sim", "--venue", "binance", "--json")
    bid, ask = raw.binance(recordings, "BINANCE", "NKNUSDT", at_end=False).best()
    assert bid is not None
    assert ask is not None
    row = done.json["venues"][0]
    assert (Decimal(row["bid"]), Decimal(row["ask"])) == (bid[0], ask[0]) == (Decimal("0.3521"), Decimal("0.3525"))
    assert (Decimal(row["bid_size"]), Decimal(row["ask_size"])) == (bid[1], ask[1])


def test_the_command_line_starts_the_tape(recordings: Path, home: Path) -> None:
    started = crossbook("simulator", "start", "--tape", str(recordings), "--hold", "end", "--json")
    try:
        assert started.code == 0, started.err
        assert started.json["universe"].startswith("tape-")
        done = crossbook("bbo", "BTC/USDT", "--env", "sim", "--venue", "okx", "--json")
        bid, ask = raw.okx(recordings, "BTC-USDT").best()
        assert bid is not None
        assert ask is not None
        assert (Decimal(done.json["venues"][0]["bid"]), Decimal(done.json["venues"][0]["ask"])) == (bid[0], ask[0])
    finally:
        crossbook("simulator", "stop")


def test_only_a_tape_can_be_held(home: Path) -> None:
    done = crossbook("simulator", "start", "--hold", "end")
    assert done.code == 3
    assert "--tape" in done.err
    assert len(done.err.strip().splitlines()) == 1
