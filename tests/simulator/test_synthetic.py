"""The synthetic market: one price for every venue, the same for a seed, alive in time, consistent in all it answers."""

import time
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.market.catalogue import ASSETS, UnknownAsset, resolve
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing, NotRecorded
from simulator.market.synthetic import SyntheticMarket

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def listing(native_id: str, kind: str, base: str, quote: str, tick: str, lot: str, **rest) -> Listing:
    fields = {"venue": "one", "product": kind, "settle": quote, "min_size": lot} | rest
    return Listing(native_id=native_id, kind=kind, base=base, quote=quote, tick_size=tick, lot_size=lot, **fields)


def option(native_id: str, strike: str, side: str, expiry_ms: int, **rest) -> Listing:
    fields = {"quote": "USD", "tick": "0.0001", "lot": "0.1", "settle": "BTC"} | rest
    return listing(native_id, OPTION, "BTC", strike=strike, option_type=side, expiry_ms=expiry_ms, **fields)


BTC = listing("BTCUSDT", SPOT, "BTC", "USDT", "0.01", "0.00001")
BTC_ELSEWHERE = [
    listing("BTC-USDT", SPOT, "BTC", "USDT", tick, "0.00001", venue=venue)
    for venue, tick in (("two", "0.1"), ("three", "0.1"), ("four", "0.5"), ("five", "0.01"))
]
PEPE = listing("PEPEUSDT", SPOT, "PEPE", "USDT", "0.00000001", "1")
THOUSAND_PEPE = listing("1000PEPEUSDT", PERPETUAL, "1000PEPE", "USDT", "0.0000001", "1", multiplier=1000)
LINEAR = listing("XBTUSDTM", PERPETUAL, "XBT", "USDT", "0.1", "1", contract_size="0.001")
INVERSE = listing("BTC-PERP", PERPETUAL, "BTC", "USD", "0.5", "10", inverse=True, settle="BTC", funding_interval_h=4)
NEAR = listing("BTC-NEAR", FUTURE, "BTC", "USDT", "0.1", "0.001", expiry_ms=NOW_MS + 30 * DAY_MS)
FAR = listing("BTC-FAR", FUTURE, "BTC", "USDT", "0.1", "0.001", expiry_ms=NOW_MS + 180 * DAY_MS)
CALL = option("CALL", "95000", "call", NOW_MS + 30 * DAY_MS)
PUT = option("PUT", "95000", "put", NOW_MS + 30 * DAY_MS)
WORTHLESS = option("WORTHLESS", "20000", "put", NOW_MS + 2 * DAY_MS)
USD_CALL = option("USDCALL", "95000", "call", NOW_MS + 30 * DAY_MS, settle="USDC", tick="5", quote="USDC")
INDEX = listing("R_100", SPOT, "R_100", "USD", "0.01", "1")
ALL = [BTC, *BTC_ELSEWHERE, PEPE, THOUSAND_PEPE, LINEAR, INVERSE, NEAR, FAR, CALL, PUT, WORTHLESS, USD_CALL, INDEX]

moments = st.integers(NOW_MS - 400 * DAY_MS, NOW_MS + 400 * DAY_MS)


@pytest.fixture
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, listings=ALL)


SHARED = SyntheticMarket(7, listings=ALL)


def middle(of: SyntheticMarket, what: Listing, now_ms: int) -> float:
    book = of.book(what, 1, now_ms)
    return (float(book.bids[0][0]) + float(book.asks[0][0])) / 2


@settings(max_examples=60, deadline=None)
@given(what=st.sampled_from(ALL), now_ms=moments, depth=st.sampled_from([1, 5, 20, 50, 500]))
def test_a_book_is_sorted_uncrossed_positive_and_on_the_venues_ticks_and_lots(what, now_ms, depth):
    book = SHARED.book(what, depth, now_ms)
    tick, lot, least = Decimal(what.tick_size), Decimal(what.lot_size), Decimal(what.min_size)
    bids, asks = ([Decimal(price) for price, _ in side] for side in (book.bids, book.asks))
    assert len(bids) <= depth
    assert 0 < len(asks) <= depth
    assert all(after < before for before, after in pairwise(bids))
    assert all(after > before for before, after in pairwise(asks))
    assert not bids or 0 < bids[-1] <= bids[0] < asks[0]
    assert all(price % tick == 0 and price > 0 for price in bids + asks)
    sizes = [Decimal(size) for _, size in (*book.bids, *book.asks)]
    assert all(size % lot == 0 and size >= least for size in sizes)
    assert now_ms - 250 < book.time_ms <= now_ms


@settings(max_examples=40, deadline=None)
@given(what=st.sampled_from(ALL), now_ms=moments, later_ms=st.integers(250, 10**9))
def test_the_sequence_grows_with_every_step(what, now_ms, later_ms):
    assert SHARED.book(what, 1, now_ms + later_ms).sequence > SHARED.book(what, 1, now_ms).sequence


@settings(max_examples=30, deadline=None)
@given(what=st.sampled_from(ALL), now_ms=moments, seed=st.integers(0, 2**31))
def test_the_same_seed_and_moment_give_the_same_answers_whatever_was_asked_before(what, now_ms, seed):
    one, other = (SyntheticMarket(seed, listings=ALL) for _ in range(2))
    other.book(what, 700, now_ms + 5_000)
    other.trades(what, 10, now_ms - 5_000)
    for question in ("book", "trades"):
        assert getattr(one, question)(what, 40, now_ms) == getattr(other, question)(what, 40, now_ms)
    assert one.stats(what, now_ms) == other.stats(what, now_ms)
    assert one.universe == f"synthetic-{seed}"


def test_another_seed_gives_other_prices(market):
    other = SyntheticMarket(8, listings=ALL)
    assert other.book(BTC, 5, NOW_MS) != market.book(BTC, 5, NOW_MS)
    assert SyntheticMarket(None, listings=ALL).universe != SyntheticMarket(None, listings=ALL).universe


def test_a_deep_book_has_5000_levels_a_side_and_a_shallow_one_is_its_top(market):
    deep = market.book(BTC, 5_000, NOW_MS)
    assert len({price for price, _ in deep.bids}) == len({price for price, _ in deep.asks}) == 5_000
    shallow = SyntheticMarket(7, listings=ALL).book(BTC, 20, NOW_MS)
    assert shallow.bids == deep.bids[:20]
    assert shallow.asks == deep.asks[:20]
    assert market.book(BTC, 20, NOW_MS) == shallow


def test_bids_of_an_asset_worth_a_few_hundred_ticks_end_above_zero(market):
    bids = market.book(PEPE, 5_000, NOW_MS).bids
    assert bids[-1][0] == "0.00000001"
    assert len(bids) < 1_000


def test_size_grows_away_from_the_touch_and_decays_further_out(market):
    bids = market.book(BTC, 5_000, NOW_MS).bids
    sizes = [float(size) for _, size in bids]
    touch, belly, tail = sum(sizes[:40]), sum(sizes[400:440]), sum(sizes[4_900:4_940])
    assert touch < belly
    assert tail < belly


def test_most_levels_rest_from_one_step_to_the_next_but_never_all(market):
    for start in range(NOW_MS, NOW_MS + 20_000, 2_500):
        before, after = (market.book(BTC, 500, at) for at in (start, start + 250))
        kept = len(set(before.bids) & set(after.bids))
        assert kept > 350
        assert (before.bids, before.asks) != (after.bids, after.asks)


def test_the_price_moves_several_times_a_second(market):
    tops = {
        (book.bids[0], book.asks[0]) for book in (market.book(BTC, 1, at) for at in range(NOW_MS, NOW_MS + 10_000, 250))
    }
    assert len(tops) >= 30


def test_the_price_has_no_jumps_and_a_days_volatility_as_in_the_catalogue(market):
    steps = [middle(market, BTC, NOW_MS + 250 * step) for step in range(400)]
    assert max(abs(b / a - 1) for a, b in pairwise(steps)) < 0.0005
    days = [middle(market, BTC, NOW_MS + DAY_MS * day) for day in range(400)]
    moves = [b / a - 1 for a, b in pairwise(days)]
    annual = (sum(move * move for move in moves) / len(moves)) ** 0.5 * 365**0.5
    assert 0.6 * ASSETS["BTC"].volatility < annual < 1.6 * ASSETS["BTC"].volatility


def test_venues_agree_within_a_few_bps_and_cross_now_and_then_but_mostly_do_not(market):
    crossed, moments_asked = 0, 600
    for moment in range(moments_asked):
        books = [market.book(what, 1, NOW_MS + moment * 37_777) for what in (BTC, *BTC_ELSEWHERE)]
        bids, asks = ([float(getattr(book, side)[0][0]) for book in books] for side in ("bids", "asks"))
        assert max(bids) / min(bids) - 1 < 0.0010
        assert max(a / b - 1 for b, a in zip(bids, asks, strict=True)) < 0.0006
        crossed += max(bids) > min(asks)
    assert 0 < crossed < 0.25 * moments_asked


@settings(max_examples=30, deadline=None)
@given(now_ms=moments)
def test_stablecoins_stay_within_a_few_bps_of_a_dollar(now_ms):
    of = SyntheticMarket(3, listings=[listing("USDCUSDT", SPOT, "USDC", "USDT", "0.00001", "1")])
    assert abs(middle(of, of.listings("one")[0], now_ms) - 1) < 0.003


def test_candles_close_at_the_books_middle_follow_each_other_and_add_up():
    market = SyntheticMarket(7, start_ms=NOW_MS + 3 * HOUR_MS, listings=ALL)
    minutes = market.candles(BTC, MINUTE_MS, NOW_MS, NOW_MS + HOUR_MS - 1)
    assert [candle.start_ms % MINUTE_MS for candle in minutes] == [0] * len(minutes)
    assert all(before.close == after.open for before, after in pairwise(minutes))
    for candle in minutes:
        low, high = float(candle.low), float(candle.high)
        assert low <= float(candle.open) <= high
        assert low <= float(candle.close) <= high
        end_ms = candle.start_ms + MINUTE_MS
        assert float(candle.close) == pytest.approx(middle(market, BTC, end_ms), rel=0.00015)
        assert float(candle.turnover) == pytest.approx(float(candle.volume) * float(candle.close), rel=0.01)
    hour_ms = (NOW_MS // HOUR_MS + 1) * HOUR_MS
    hour = market.candles(BTC, HOUR_MS, hour_ms, hour_ms)[0]
    parts = market.candles(BTC, MINUTE_MS, hour_ms, hour_ms + HOUR_MS - 1)
    assert len(parts) == 60
    assert (hour.open, hour.close) == (parts[0].open, parts[-1].close)
    assert float(hour.volume) == pytest.approx(sum(float(part.volume) for part in parts), rel=1e-4)


def test_the_running_candle_ends_at_the_present_and_none_starts_later(market):
    candles = market.candles(BTC, HOUR_MS, NOW_MS - DAY_MS, NOW_MS + 10 * DAY_MS)
    assert candles[-1].start_ms <= market.now_ms() < candles[-1].start_ms + HOUR_MS


def test_no_candle_lies_before_the_listing():
    young = listing("YOUNG", SPOT, "BTC", "USDT", "0.1", "0.001", listed_ms=NOW_MS - 2 * HOUR_MS)
    market = SyntheticMarket(7, start_ms=NOW_MS, listings=[young])
    candles = market.candles(young, HOUR_MS, 0, NOW_MS)
    assert 2 <= len(candles) <= 3
    assert candles[0].start_ms >= young.listed_ms
    unborn = listing("UNBORN", SPOT, "BTC", "USDT", "0.1", "0.001", listed_ms=NOW_MS + HOUR_MS)
    assert market.trades(unborn, 10, NOW_MS) == []
    assert market.stats(unborn, NOW_MS).last_size == "0.000"


@settings(max_examples=30, deadline=None)
@given(what=st.sampled_from(ALL), now_ms=moments, limit=st.integers(1, 60))
def test_trades_are_numbered_by_time_and_happen_at_the_touch_of_their_moment(what, now_ms, limit):
    trades = SHARED.trades(what, limit, now_ms)
    assert len(trades) == limit
    assert trades[0].time_ms <= now_ms
    for newer, older in pairwise(trades):
        assert newer.trade_id > older.trade_id
        assert newer.time_ms >= older.time_ms
    for trade in trades[:3]:
        book = SHARED.book(what, 1, trade.time_ms)
        side = book.asks if trade.side == "buy" else book.bids
        assert trade.price == side[0][0]
        assert Decimal(trade.size) % Decimal(what.lot_size) == 0
        assert Decimal(trade.size) >= Decimal(what.min_size)


def test_trades_asked_for_again_are_the_same_ones(market):
    before = market.trades(BTC, 50, NOW_MS)
    after = market.trades(BTC, 50, NOW_MS + 5_000)
    assert set(before) & set(after)
    assert {trade for trade in after if trade.time_ms <= NOW_MS} <= set(before)


@settings(max_examples=20, deadline=None)
@given(what=st.sampled_from(ALL), now_ms=moments)
def test_the_days_figures_enclose_the_last_trade(what, now_ms):
    stats = SHARED.stats(what, now_ms)
    assert Decimal(stats.low) <= Decimal(stats.last) <= Decimal(stats.high)
    assert Decimal(stats.low) <= Decimal(stats.open) <= Decimal(stats.high)
    assert stats.last == SHARED.trades(what, 1, now_ms)[0].price
    assert Decimal(stats.volume) > 0
    assert Decimal(stats.turnover) > 0
    assert (Decimal(stats.open_interest) > 0) == (what.kind != SPOT)


def test_books_of_contracts_hold_as_much_money_as_those_of_coins_whatever_a_unit_of_size_is_worth(market):
    def usd(what: Listing, unit_usd: float) -> float:
        return sum(float(size) for _, size in market.book(what, 500, NOW_MS).bids) * unit_usd

    price = middle(market, BTC, NOW_MS)
    coins, contracts, dollars = usd(BTC, price), usd(LINEAR, price * 0.001), usd(INVERSE, 1.0)
    assert 0.02 < contracts / coins < 50
    assert 0.02 < dollars / coins < 50


def test_perpetuals_trade_around_their_index_by_the_premium_that_funding_is_made_of(market):
    for what in (LINEAR, INVERSE):
        index, mark = float(market.index_price(what, NOW_MS)), float(market.mark_price(what, NOW_MS))
        assert abs(mark / index - 1) < 0.0015
        assert middle(market, what, NOW_MS) == pytest.approx(mark, rel=0.0004)


@pytest.mark.parametrize(("what", "interval_h"), [(LINEAR, 8), (INVERSE, 4), (THOUSAND_PEPE, 8)])
def test_funding_settles_on_whole_intervals_and_becomes_what_the_history_says(what, interval_h):
    interval_ms = interval_h * HOUR_MS
    settlement_ms = (NOW_MS // interval_ms + 1) * interval_ms
    market = SyntheticMarket(7, start_ms=settlement_ms + 10_000, listings=ALL)
    history = market.funding_history(what, settlement_ms - 30 * DAY_MS, settlement_ms + DAY_MS)
    assert [at % interval_ms for at, _ in history] == [0] * (30 * 24 // interval_h + 1)
    assert history[-1][0] == settlement_ms
    running = market.funding(what, settlement_ms - 1)
    assert (running.next_time_ms, running.interval_h) == (settlement_ms, interval_h)
    assert float(running.rate) == pytest.approx(float(history[-1][1]), abs=0.00005)
    assert len({rate for _, rate in history}) > 10
    assert all(abs(float(rate)) < 0.0075 for _, rate in history)
    assert market.funding_history(what, settlement_ms + HOUR_MS, settlement_ms + 9 * DAY_MS) == []


def test_what_is_no_perpetual_has_no_funding(market):
    assert market.funding_history(BTC, 0, NOW_MS) == []
    with pytest.raises(NotRecorded, match="BTCUSDT"):
        market.funding(BTC, NOW_MS)


def test_the_basis_of_dated_futures_grows_with_the_time_to_expiry_and_ends_at_nothing(market):
    index = float(market.index_price(BTC, NOW_MS))
    near, far = (float(market.mark_price(what, NOW_MS)) / index - 1 for what in (NEAR, FAR))
    assert 0 < near < far < 0.06
    end_ms = NEAR.expiry_ms
    assert float(market.mark_price(NEAR, end_ms)) == pytest.approx(float(market.index_price(BTC, end_ms)), rel=1e-6)


def test_options_obey_put_call_parity_in_coin_and_agree_with_those_priced_in_dollars(market):
    call, put, dollars = (float(market.mark_price(what, NOW_MS)) for what in (CALL, PUT, USD_CALL))
    forward = float(market.mark_price(NEAR, NOW_MS)) * float(market.index_price(CALL, NOW_MS))
    forward /= float(market.index_price(NEAR, NOW_MS))
    assert call - put == pytest.approx(1 - 95_000 / forward, abs=1e-5)
    assert dollars / forward == pytest.approx(call, rel=0.01)


def test_nobody_bids_for_a_worthless_option(market):
    book = market.book(WORTHLESS, 5, NOW_MS)
    assert book.bids == []
    assert book.asks[0][0] == "0.0001"


def test_a_contract_on_a_thousand_coins_costs_a_thousand_coins(market):
    assert middle(market, THOUSAND_PEPE, NOW_MS) / 1_000 == pytest.approx(middle(market, PEPE, NOW_MS), rel=0.004)


@pytest.mark.parametrize(
    ("code", "asset", "multiplier"),
    [
        ("BTC", "BTC", 1),
        ("XBT", "BTC", 1),
        ("BCHSV", "BSV", 1),
        ("1000PEPE", "PEPE", 1_000),
        ("kPEPE", "PEPE", 1_000),
        ("SHIB1000", "SHIB", 1_000),
        ("10000SATS", "SATS", 10_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("1HZ100V", "1HZ100V", 1),
    ],
)
def test_venues_codes_stand_for_assets_and_multipliers(code, asset, multiplier):
    assert resolve(code) == (asset, multiplier)


def test_a_listing_on_an_unknown_asset_is_refused_by_name():
    strange = listing("NOSUCHUSDT", SPOT, "NOSUCH", "USDT", "0.1", "1")
    with pytest.raises(UnknownAsset, match=r"one NOSUCHUSDT.*'NOSUCH'"):
        SyntheticMarket(1, listings=[strange])


def test_a_listing_given_twice_is_refused_by_name():
    with pytest.raises(ValueError, match="BTCUSDT twice"):
        SyntheticMarket(1, listings=[BTC, BTC])


def test_the_markets_time_runs_from_where_it_was_set():
    market = SyntheticMarket(1, start_ms=NOW_MS, listings=ALL)
    assert NOW_MS <= market.now_ms() < NOW_MS + 60_000


def test_a_frozen_market_keeps_its_prices_while_its_clock_runs():
    market = SyntheticMarket(1, start_ms=NOW_MS, frozen=True, listings=ALL)
    before, after = market.book(BTC, 10, NOW_MS + HOUR_MS), market.book(BTC, 10, NOW_MS + DAY_MS)
    assert (before.bids, before.asks, before.sequence) == (after.bids, after.asks, after.sequence)
    assert after.time_ms == NOW_MS + DAY_MS
    assert abs(market.now_ms() - time.time() * 1000) < 60_000


def test_a_book_asked_for_twice_in_a_step_is_made_once(market):
    step_ms = NOW_MS // 250 * 250
    assert market.book(BTC, 5_000, step_ms) is market.book(BTC, 5_000, step_ms + 249)


def test_books_are_made_fast_enough_for_an_event_loop():
    """Allow several times what a quiet core takes: 8 ms for 5,000 levels a side at first, 0.5 ms a step later."""

    def best_of(attempts: int, work) -> float:
        spent = []
        for attempt in range(attempts):
            began = time.process_time()
            work(attempt)
            spent.append(time.process_time() - began)
        return min(spent)

    assert best_of(5, lambda _: SyntheticMarket(7, listings=[BTC]).book(BTC, 5_000, NOW_MS)) < 0.060
    market = SyntheticMarket(7, listings=[BTC])
    market.book(BTC, 5_000, NOW_MS)
    assert best_of(10, lambda step: market.book(BTC, 20, NOW_MS + 250 * step)) < 0.003
    assert best_of(10, lambda step: market.book(BTC, 5_000, NOW_MS + 3_000 + 250 * step)) < 0.015


def test_every_venues_listings_have_books_and_figures():
    market = SyntheticMarket(1)
    now_ms = market.now_ms()
    venues = {what.venue for what in market.all_listings()}
    assert venues
    for what in market.all_listings():
        book = market.book(what, 20, now_ms)
        assert book.asks, what
        assert not book.bids or Decimal(book.bids[0][0]) < Decimal(book.asks[0][0])
        assert Decimal(market.stats(what, now_ms).last) > 0
        assert Decimal(market.index_price(what, now_ms)) > 0
        if what.kind == PERPETUAL:
            assert market.funding(what, now_ms).next_time_ms > now_ms
    for venue in venues:
        assert {what.venue for what in market.listings(venue)} == {venue}
    assert market.listings("nobody") == []
