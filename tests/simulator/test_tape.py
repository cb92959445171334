"""The tape: recordings of real venues as ground truth for books, and a small recording of our own for the rest.

The real ones are ../shared/recordings (captured by the maintainers of cryptofeed in 2021 and 2022; see its README).
"""

import gzip
import json
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, NotRecorded
from simulator.state import SimulatorError
from simulator.tape.dialect import Change, dialects
from simulator.tape.market import TapeMarket, load_tape
from simulator.tape.okx import checksum
from simulator.tape.recording import Recording
from simulator.tape.replay import Reel

RECORDINGS = Path(__file__).parents[2] / "../shared/recordings"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def reels() -> dict[str, Reel]:
    if not RECORDINGS.is_dir():
        pytest.skip("needs the recordings in ../shared/recordings")
    return {dialect.prefix: Reel(Recording(RECORDINGS, dialect.prefix), dialect) for dialect in dialects()}


def messages(prefix: str) -> list[dict]:
    """Read the recorded stream afresh, without the code under test."""
    with gzip.open(RECORDINGS / f"{prefix}.ws.1.0.gz", "rt") as lines:
        return [json.loads(match[1]) for line in lines if (match := re.match(r"\d+\.\d+: (.*)", line))]


def by_name(market: TapeMarket, venue: str, native_id: str):
    return next(listing for listing in market.listings(venue) if listing.native_id == native_id)


@recorded
def test_every_checksum_of_okx_verifies(reels):
    sent = [row for message in messages("OKX") if "action" in message for row in message["data"]]
    assert len(sent) == 290
    assert sum(timeline.verified for timeline in reels["OKX"].timelines.values()) == len(sent)
    assert [timeline.broken for timeline in reels["OKX"].timelines.values()] == [0, 0, 0]


@recorded
def test_a_book_of_okx_that_differs_by_one_size_fails_its_checksum(reels):
    timeline = reels["OKX"].timelines["BTC-USDT"]
    change, moment = timeline.changes[-1], timeline.at(reels["OKX"].end_ms)
    assert checksum(moment.bids, moment.asks) == change.checksum
    price, size = moment.asks[24]
    wrong = [*moment.asks[:24], (price, size + "1")]
    assert checksum(moment.bids, wrong) != change.checksum


@recorded
@pytest.mark.parametrize(("prefix", "books"), [("BINANCE", 4), ("BINANCE_FUTURES", 4), ("KUCOIN", 9), ("DERIBIT", 10)])
def test_every_sequence_links(reels, prefix, books):
    reel = reels[prefix]
    assert len(reel.timelines) == books
    assert [timeline.broken for timeline in reel.timelines.values()] == [0] * books
    assert reel.faults == []
    for timeline in reel.timelines.values():
        assert sum(change.is_snapshot for change in timeline.changes) == 1
        numbers = [change.last for change in timeline.changes]
        # The first change after a snapshot may be the very one that the snapshot ends with.
        assert numbers[:2] == sorted(numbers[:2])
        assert all(before < after for before, after in pairwise(numbers[1:]))


@recorded
@pytest.mark.parametrize("prefix", ["BINANCE", "BINANCE_FUTURES"])
def test_books_of_binance_have_the_best_prices_of_its_book_ticker(reels, prefix):
    updates = [data for message in messages(prefix) if (data := message["data"]) and "B" in data and "A" in data]
    compared = 0
    for update in updates:
        timeline = reels[prefix].timelines[update["s"]]
        place = next((i for i, change in enumerate(timeline.changes) if change.last == update["u"]), None)
        if place is None:
            continue
        book = _book_after(timeline.changes[: place + 1])
        assert book == ((update["b"], update["B"]), (update["a"], update["A"]))
        compared += 1
    assert compared >= 20


@recorded
def test_books_of_kucoin_have_the_best_prices_of_its_ticker(reels):
    compared = 0
    for message in messages("KUCOIN"):
        if message.get("subject") != "trade.ticker":
            continue
        data, symbol = message["data"], message["topic"].partition(":")[2]
        timeline = reels["KUCOIN"].timelines.get(symbol)
        changes = timeline.changes if timeline else []
        place = next((i for i, change in enumerate(changes) if change.last == int(data["sequence"])), None)
        if not place or compared >= 120:
            continue
        bid, ask = _book_after(changes[: place + 1])
        assert (bid, ask) == ((data["bestBid"], data["bestBidSize"]), (data["bestAsk"], data["bestAskSize"]))
        compared += 1
    assert compared >= 100


def _book_after(changes: list[Change]) -> tuple[tuple[str, str], tuple[str, str]]:
    sides: tuple[dict, dict] = ({}, {})
    for change in changes:
        for side, levels in zip(sides, (change.bids, change.asks), strict=True):
            side.update(levels)
    bids, asks = ({price: size for price, size in side.items() if float(size)} for side in sides)
    return max(bids.items(), key=lambda level: float(level[0])), min(asks.items(), key=lambda level: float(level[0]))


@recorded
def test_books_are_uncrossed_and_on_the_recorded_ticks_at_every_change(reels):
    for reel in reels.values():
        for native_id, timeline in reel.timelines.items():
            tick = Decimal(reel.instruments[native_id].tick_size)
            for at_ms in sorted(set(timeline.times_ms))[:: max(1, len(timeline.times_ms) // 40)]:
                moment = timeline.at(at_ms)
                bids, asks = ([Decimal(price) for price, _ in side] for side in (moment.bids, moment.asks))
                assert all(a > b for a, b in pairwise(bids))
                assert all(a < b for a, b in pairwise(asks))
                assert not bids or not asks or bids[0] < asks[0], (native_id, at_ms)
                # Far from the touch there are orders from before a change of the tick.
                assert all(price % tick == 0 for price in bids[:20] + asks[:20]), native_id


@recorded
def test_a_book_can_be_asked_for_backwards(reels):
    timeline = reels["BINANCE_FUTURES"].timelines["SUSHIUSDT"]
    times_ms = timeline.times_ms[::25]
    forwards = [timeline.at(at_ms) for at_ms in times_ms]
    assert [timeline.at(at_ms) for at_ms in reversed(times_ms)] == forwards[::-1]


@recorded
def test_instruments_are_read_with_their_recorded_increments_expiries_and_sizes():
    market = load_tape(RECORDINGS)
    okx = {listing.native_id: listing for listing in market.recorded_listings("okx")}
    future, swap = okx["BTC-USD-220527"], okx["UNI-USD-SWAP"]
    assert (future.kind, future.expiry_ms, future.inverse, future.contract_size) == (FUTURE, 1653638400000, True, "100")
    assert (swap.kind, swap.base, swap.quote, swap.settle, swap.contract_size) == (PERPETUAL, "UNI", "USD", "UNI", "10")
    assert okx["BTC-USD-220514-22000-C"].contract_size == "0.1"
    assert (okx["BTC-USDT"].tick_size, okx["BTC-USDT"].lot_size) == ("0.1", "0.00000001")
    assert dict(okx["BTC-USDT"].extra)["maxMktSz"] == "1000000"
    binance = {(listing.product, listing.native_id): listing for listing in market.recorded_listings("binance")}
    assert len(binance) == 1695 + 122
    assert binance["spot", "NKNUSDT"].tick_size == "0.00010000"
    assert binance["linear", "BTCUSDT_210924"].expiry_ms == 1632470400000
    assert binance["linear", "1000SHIBUSDT"].multiplier == 1000
    deribit = {listing.native_id: listing for listing in market.recorded_listings("deribit")}
    option, perpetual = deribit["BTC-24SEP21-8000-P"], deribit["BTC-PERPETUAL"]
    assert (option.kind, option.strike, option.option_type, option.settle) == (OPTION, "8000", "put", "BTC")
    assert (option.expiry_ms, option.tick_size, option.lot_size) == (1632470400000, "0.0005", "0.1")
    assert (perpetual.inverse, perpetual.expiry_ms, perpetual.tick_size) == (True, None, "0.5")
    assert deribit["UNI_USDC-PERPETUAL"].inverse is False
    kucoin = {listing.native_id: listing for listing in market.recorded_listings("kucoin")}
    assert (kucoin["BCHSV-USDT"].base, dict(kucoin["BCHSV-USDT"].extra)["name"]) == ("BSV", "BSV-USDT")
    assert {listing.kind for listing in kucoin.values()} == {SPOT}


@recorded
def test_the_tape_lists_what_has_a_book_and_serves_its_end_for_ever():
    market = load_tape(RECORDINGS, position="end")
    assert {listing.native_id for listing in market.listings("okx")} == {"BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"}
    assert len(market.listings("binance")) == 8
    assert market.listings("bybit") == []
    bitcoin, now_ms = by_name(market, "okx", "BTC-USDT"), market.now_ms()
    book = market.book(bitcoin, 5, now_ms)
    assert (book.bids[0], book.asks[0]) == (("30236.1", "0.18050747"), ("30236.2", "0.001"))
    assert (len(book.bids), book.time_ms) == (5, now_ms)
    assert market.recorded_ms(bitcoin, now_ms) // 1000 in (1652459235, 1652459236)
    assert market.stats(bitcoin, now_ms).open == "29700.4"
    assert market.stats(bitcoin, now_ms).high == "31073"


@recorded
def test_recorded_marks_and_indices_are_served_and_others_are_not_invented():
    market = load_tape(RECORDINGS, position="end")
    now_ms = market.now_ms()
    option = by_name(market, "deribit", "BTC-30JUL21-24000-P")
    assert market.index_price(option, now_ms) == "32208.13"
    assert market.mark_price(option, now_ms) == "0.00221713"
    swap, pair = by_name(market, "okx", "UNI-USD-SWAP"), by_name(market, "kucoin", "NRG-BTC")
    for question in (market.funding, market.mark_price, market.index_price):
        with pytest.raises(NotRecorded, match="UNI-USD-SWAP"):
            question(swap, now_ms)
    assert market.funding_history(swap, 0, now_ms) == []
    with pytest.raises(NotRecorded, match="NRG-BTC"):
        market.stats(pair, now_ms)
    assert market.candles(pair, MINUTE_MS, 0, now_ms) == []
    unseen = next(listing for listing in market.recorded_listings("okx") if listing.native_id == "ETH-USDT")
    with pytest.raises(NotRecorded, match="ETH-USDT"):
        market.book(unseen, 5, now_ms)


@recorded
def test_the_universe_is_named_by_the_files_contents():
    first, second = load_tape(RECORDINGS), load_tape(RECORDINGS, position="start")
    assert first.universe == second.universe
    assert re.fullmatch(r"tape-[0-9a-f]{10}", first.universe)


# A recording of our own, in Binance's format: a snapshot and four updates, two trades and something unreadable.

START_S = 1_700_000_000


def depth(first: int, last: int, bids: list, asks: list) -> dict:
    data = {"e": "depthUpdate", "E": START_S * 1000, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "btcusdt@depth@100ms", "data": data}


def trade(number: int, time_s: float, price: str, size: str) -> dict:
    data = {"e": "aggTrade", "s": "BTCUSDT", "a": number, "p": price, "q": size, "T": int(time_s * 1000), "m": False}
    return {"stream": "btcusdt@aggTrade", "data": data}


SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001"},
    ],
}
SNAPSHOT = {"lastUpdateId": 10, "bids": [["100.0", "1"], ["99.9", "2"]], "asks": [["100.2", "1"], ["100.3", "2"]]}
STREAM = [
    (0.1, depth(8, 9, [["100.1", "9"]], [])),  # older than the snapshot
    (0.2, depth(10, 12, [["100.1", "4"]], [])),  # spans it
    (5.0, depth(13, 13, [["100.1", "0"]], [["100.1", "5"]])),
    (6.0, trade(1, START_S + 6, "100.2", "1")),
    (8.0, trade(2, START_S + 8, "100.1", "3")),
    (10.0, depth(14, 15, [["99.9", "0"]], [])),
]


def write_tape(directory: Path, stream=STREAM, snapshot_s: float = 1.0, symbols=(SYMBOL,), more: str = "") -> Path:
    def put(name: str, lines: list[str]) -> None:
        with gzip.open(directory / name, "wt") as file:
            file.write("\n".join(lines) + "\n")

    base = "https://api.binance.com/api/v3"
    info = json.dumps({"symbols": list(symbols)})
    put("BINANCE.0.gz", [f"{base}/exchangeInfo -> {START_S}.5: {info}", 'configuration: {"l2_book": []}'])
    url = f"{base}/depth?symbol=BTCUSDT&limit=1000"
    put("BINANCE.http.0.0.gz", [f"{url} -> {START_S + snapshot_s}: {json.dumps(SNAPSHOT)}", ""])
    opened = f"wss://stream.binance.com:9443/stream <-> {START_S}.0"
    put("BINANCE.ws.1.0.gz", [opened, *(f"{START_S + at}: {json.dumps(what)}" for at, what in stream), more])
    return directory


@pytest.fixture
def tape(tmp_path, monkeypatch):
    """Return the market and a function that moves the clock to some seconds after the market's beginning."""
    began_ms = 1_800_000_000_000
    monkeypatch.setattr(TapeMarket, "now_ms", lambda _: began_ms)
    return lambda **options: load_tape(write_tape(tmp_path), **options), lambda seconds: int(began_ms + seconds * 1000)


def top(market: TapeMarket, now_ms: int) -> tuple[str, str, int]:
    book = market.book(market.listings("binance")[0], 5, now_ms)
    return book.bids[0][0], book.asks[0][0], book.sequence


def test_the_tape_runs_at_real_speed_from_its_first_whole_book_and_stays_at_its_end(tape):
    load, at = tape
    market = load()
    assert top(market, at(-1)) == ("100.1", "100.2", 12)
    assert top(market, at(0)) == ("100.1", "100.2", 12)
    assert top(market, at(3.9)) == ("100.1", "100.2", 12)
    assert top(market, at(4.1)) == ("100.0", "100.1", 13)
    assert top(market, at(9.1)) == ("100.0", "100.1", 15)
    assert top(market, at(9_999)) == ("100.0", "100.1", 15)
    listing = market.listings("binance")[0]
    assert market.book(listing, 5, at(9_999)).time_ms == at(9_999)
    assert market.recorded_ms(listing, at(9_999)) == (START_S + 10) * 1000


def test_the_tape_can_be_held_at_its_start_or_end(tape):
    load, at = tape
    start, end = load(position="start"), load(position="end")
    assert {top(start, at(seconds)) for seconds in (0, 5, 500)} == {("100.1", "100.2", 12)}
    assert {top(end, at(seconds)) for seconds in (0, 5, 500)} == {("100.0", "100.1", 15)}
    assert start.trades(start.listings("binance")[0], 5, at(500)) == []
    assert end.trades(end.listings("binance")[0], 5, at(500))[0].time_ms == at(-2)


@given(seconds=st.lists(st.floats(0, 100), min_size=2, max_size=20))
@settings(deadline=None)
def test_a_looping_tape_counts_on_and_repeats_its_books(tmp_path_factory, seconds):
    market = load_tape(write_tape(tmp_path_factory.mktemp("tape")), loop=True)
    began_ms, listing = market._began_ms, market.listings("binance")[0]
    asked = sorted(int(began_ms + moment * 1000) for moment in seconds)
    tops = [top(market, at_ms) for at_ms in asked]
    assert all(before[2] <= after[2] for before, after in pairwise(tops))
    assert {(bid, ask) for bid, ask, _ in tops} <= {("100.1", "100.2"), ("100.0", "100.1")}
    numbers = [trade.trade_id for at_ms in asked for trade in market.trades(listing, 1, at_ms)]
    assert all(before <= after for before, after in pairwise(numbers))


def test_trades_move_with_the_tape_and_make_candles_and_figures(tape):
    load, at = tape
    market = load()
    listing = market.listings("binance")[0]
    assert market.trades(listing, 5, at(4.9)) == []
    with pytest.raises(NotRecorded):
        market.stats(listing, at(4.9))
    newest, oldest = market.trades(listing, 5, at(30))
    assert (newest.trade_id, newest.time_ms, newest.price, newest.side) == (2, at(7), "100.1", "buy")
    assert (oldest.trade_id, oldest.time_ms) == (1, at(5))
    assert market.trades(listing, 1, at(30)) == [newest]
    stats = market.stats(listing, at(30))
    assert (stats.open, stats.high, stats.low, stats.last, stats.volume) == ("100.2", "100.2", "100.1", "100.1", "4")
    market.now_ms = lambda: at(30)
    candle = market.candles(listing, MINUTE_MS, 0, at(60))[0]
    assert (candle.start_ms % MINUTE_MS, candle.open, candle.close, candle.volume) == (0, "100.2", "100.1", "4")
    assert Decimal(candle.turnover) == Decimal("400.5")


def test_a_lost_update_costs_the_book_up_to_the_next_snapshot_and_is_told(tmp_path):
    lost = [*STREAM, (11.0, depth(17, 18, [["100.05", "1"]], [])), (12.0, depth(19, 19, [["100.06", "1"]], []))]
    market = load_tape(write_tape(tmp_path, lost), position="end")
    assert top(market, market.now_ms())[2] == 15
    assert market.faults == ["BINANCE BTCUSDT: 1 changes do not link up"]


def test_what_cannot_be_read_is_counted_and_the_rest_is_served(tmp_path):
    cut = '1700000011.0: {"stream":"btcusdt@depth@100ms","data":{"e":"dep\nno message at all'
    odd = [*STREAM, (10.5, {"stream": "x", "data": {"e": "depthUpdate", "s": "BTCUSDT"}})]
    market = load_tape(write_tape(tmp_path, odd, more=cut), position="end")
    assert top(market, market.now_ms()) == ("100.0", "100.1", 15)
    assert market.faults == ["BINANCE: 3 messages could not be read"]


def test_a_stream_without_its_snapshot_or_its_instrument_is_told(tmp_path):
    other = depth(1, 2, [["1", "1"]], [])
    other["data"]["s"] = "ETHUSDT"
    nameless = depth(1, 2, [["1", "1"]], [])
    nameless["data"]["s"] = "NOSUCH"
    symbols = (SYMBOL, SYMBOL | {"symbol": "ETHUSDT", "baseAsset": "ETH"})
    market = load_tape(write_tape(tmp_path, [*STREAM, (9, other), (9, nameless)], symbols=symbols))
    assert [listing.native_id for listing in market.listings("binance")] == ["BTCUSDT"]
    assert [listing.native_id for listing in market.recorded_listings("binance")] == ["BTCUSDT", "ETHUSDT"]
    assert market.faults == ["BINANCE ETHUSDT: no snapshot of its book", "BINANCE NOSUCH: no instrument of that name"]


def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path):
    path = write_tape(tmp_path) / "BINANCE.ws.1.0.gz"
    path.write_bytes(path.read_bytes()[:-12])
    assert "messages could not be read" in load_tape(tmp_path).faults[0]


def test_a_directory_without_recordings_is_refused_with_the_names_that_are_read(tmp_path):
    with pytest.raises(SimulatorError, match=r"BINANCE\.0\.gz.*OKX\.0\.gz"):
        load_tape(tmp_path)


def test_a_changed_recording_is_another_universe(tmp_path):
    before = load_tape(write_tape(tmp_path)).universe
    assert load_tape(write_tape(tmp_path, STREAM[:-1])).universe != before
