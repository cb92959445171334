from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.quotes import Quote
from market_data.cross import find_cross
from market_data.quotes import VenueRow, age_ms, best_ask, best_bid, fill_row, judged, rounded_like, spread_bps

D = Decimal
MS = 1_000_000


def quote(bid, ask, bid_size="1", ask_size="1", venue_time_ns=None, received_at_ns=1000 * MS):
    def money(text):
        return None if text is None else D(text)

    return Quote("v", "BTC/USDT", money(bid), money(bid_size), money(ask), money(ask_size), received_at_ns,
                 venue_time_ns, "rest")  # fmt: skip


def row(venue, bid, ask, fee="10", **more):
    row = VenueRow(venue, "BTC/USDT", taker_fee_bps=None if fee is None else D(fee), **more)
    fill_row(row, quote(bid, ask), now_ns=1000 * MS, stale_after_ms=1000, clock_offset_ms=0)
    return row


@pytest.mark.parametrize(
    ("bid", "ask", "age", "status"),
    [
        ("1", "2", 0, "ok"),
        ("2", "2", 0, "ok"),
        ("3", "2", 0, "crossed"),
        ("3", "2", 99_999, "crossed"),
        (None, None, 0, "empty"),
        (None, "2", 0, "ok"),
        ("1", None, 0, "ok"),
        ("1", "2", 1001, "stale"),
        ("1", "2", 1000, "ok"),
    ],
)
def test_a_top_of_book_is_judged(bid, ask, age, status):
    assert judged(bid and D(bid), ask and D(ask), age, 1000)[0] == status


def test_age_is_by_the_venues_time_on_our_clock():
    now = 10_000 * MS
    assert age_ms(9_000 * MS, 9_900 * MS, now, 0) == 1000
    assert age_ms(9_000 * MS, 9_900 * MS, now, -900) == 100
    assert age_ms(12_000 * MS, 9_900 * MS, now, 2_050) == 100
    assert age_ms(None, 9_900 * MS, now, 5_000) == 100
    assert age_ms(99_000 * MS, 9_900 * MS, now, 0) == 100


def test_an_age_is_never_negative():
    assert age_ms(None, 20_000 * MS, 10_000 * MS, 0) == 0


@pytest.mark.parametrize(("bid", "ask"), [("3", "2"), (None, None)])
def test_a_crossed_or_empty_quote_never_wins(bid, ask):
    bad = row("bad", bid, ask)
    good = row("good", "1", "9")
    assert best_bid([bad, good]) is good
    assert best_ask([bad, good]) is good


def test_a_stale_quote_never_wins():
    stale = VenueRow("stale", "BTC/USDT")
    fill_row(stale, quote("5", "6"), now_ns=9000 * MS, stale_after_ms=1000, clock_offset_ms=0)
    assert stale.status == "stale"
    assert best_bid([stale]) is None
    assert stale.bid == 5


def test_a_price_with_nothing_behind_it_is_no_price():
    one = VenueRow("v", "BTC/USDT")
    fill_row(one, quote("5", "6", bid_size="0"), now_ns=1000 * MS, stale_after_ms=1000, clock_offset_ms=0)
    assert (one.bid, one.status, one.reason) == (None, "ok", "no bids")
    assert best_bid([one]) is None
    assert best_ask([one]) is one


def test_equal_prices_are_won_by_the_larger_size():
    small, large = row("small", "1", "2"), row("large", "1", "2")
    large.bid_size = D(2)
    assert best_bid([small, large]) is large
    assert best_bid([large, small]) is large


def test_a_price_without_a_size_wins_only_where_no_venue_shows_a_size():
    ticks = VenueRow("ticks", "BTC/USDT")
    indication = quote("9", "9.5", bid_size=None, ask_size=None)
    fill_row(ticks, indication, now_ns=1000 * MS, stale_after_ms=1000, clock_offset_ms=0)
    assert (ticks.status, ticks.reason) == ("ok", "indicative, no size")
    assert best_bid([ticks]) is ticks
    sized = row("sized", "8", "10")
    assert best_bid([ticks, sized]) is sized
    assert best_ask([ticks, sized]) is sized
    assert find_cross([ticks, sized, row("other", "7", "8.5")]) is None


prices = st.decimals("1", "1000", places=2)
venue_rows = st.lists(st.tuples(prices, prices, st.sampled_from(["ok", "stale", "unavailable"])), max_size=7)


@given(venue_rows)
def test_best_is_the_best_of_those_that_may_win(given_rows):
    rows = []
    for place, (one, other, status) in enumerate(given_rows):
        made = row(f"v{place}", str(min(one, other)), str(max(one, other)))
        if status != "ok":
            made.status, made.bid_wins, made.ask_wins = status, False, False
        rows.append(made)
    able = [made for made in rows if made.status == "ok"]
    bid, ask = best_bid(rows), best_ask(rows)
    assert (bid.bid if bid else None) == max((made.bid for made in able), default=None)
    assert (ask.ask if ask else None) == min((made.ask for made in able), default=None)
    cross = find_cross(rows)
    assert (cross is not None) == bool(bid and ask and bid.bid > ask.ask)


def test_spread_is_negative_where_prices_cross():
    assert spread_bps(D("101"), D("99")) == D("-200.000")
    assert spread_bps(D("99"), None) is None


def test_crossing_earns_the_difference_less_both_fees():
    rows = [row("low", "99", "100", fee="10"), row("high", "101", "102", fee="20")]
    cross = find_cross(rows)
    assert (cross.buy_venue, cross.sell_venue) == ("low", "high")
    assert cross.gross_per_unit == 1
    assert cross.net_per_unit == D(101) * D("0.998") - D(100) * D("1.001")
    assert cross.net == cross.net_per_unit * 1


def test_the_pair_that_earns_most_after_fees_is_told_not_the_widest():
    rows = [row("low", "99", "100", fee="0"), row("wide", "102", "103", fee="300"), row("cheap", "101", "104", fee="0")]
    assert find_cross(rows).sell_venue == "cheap"


def test_a_crossing_with_an_unknown_fee_has_no_earning():
    cross = find_cross([row("low", "99", "100", fee=None), row("high", "101", "102")])
    assert cross.net is None
    assert cross.gross_per_unit == 1


def test_worked_out_prices_keep_the_venues_decimals_and_some_more():
    assert str(rounded_like(D(100) / 3, D("93905.70000000"), D("0.01"), 4)) == "33.333333"
    assert str(rounded_like(D(100) / 3, None, None, 4)) == "33.33333333"
