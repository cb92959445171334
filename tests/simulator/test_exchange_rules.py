"""What an exchange refuses, and what it tells about orders."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import NewOrder, Reason, Rejected
from tests.simulator.scripted import (
    FUTURE,
    LINEAR,
    MAIN,
    NOW,
    OTHER,
    READER,
    SPOT,
    Scripted,
    brief,
    exchange,
    limit,
    market_order,
)


def refusal(venue: Exchange, listing: Any, order: NewOrder, now_ms: int = NOW) -> Reason:
    with pytest.raises(Rejected) as checked:
        venue.check(MAIN, listing, order, now_ms)
    with pytest.raises(Rejected) as refused:
        venue.place(MAIN, listing, order, now_ms)
    assert refused.value.reason is checked.value.reason
    assert [order for order in venue.orders(MAIN, now_ms) if order.live] == []
    assert venue.balances(MAIN, "cash", now_ms)["USDT"].locked == 0
    return refused.value.reason


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (limit("buy", "1", "999.05"), Reason.PRICE_TICK),
        (limit("buy", "1", "0"), Reason.PRICE_TICK),
        (limit("buy", "1", "-1"), Reason.PRICE_TICK),
        (limit("buy", "1", "NaN"), Reason.PRICE_TICK),
        (limit("buy", "1", "Infinity"), Reason.PRICE_TICK),
        (limit("buy", "1", "1e60"), Reason.PRICE_TICK),
        (NewOrder("buy", "limit", Decimal(1)), Reason.PRICE_TICK),
        (limit("buy", "0.0015", "999"), Reason.LOT_SIZE),
        (limit("buy", "0.0001", "999"), Reason.MIN_SIZE),
        (limit("buy", "-1", "999"), Reason.MIN_SIZE),
        (limit("buy", "NaN", "999"), Reason.MIN_SIZE),
        (limit("buy", "1e60", "999"), Reason.MAX_SIZE),
        (limit("buy", "0.005", "999"), Reason.MIN_NOTIONAL),
        (market_order("buy", "0.004"), Reason.MIN_NOTIONAL),
        (market_order("buy", None, quote_amount=Decimal("0.5")), Reason.MIN_SIZE),
        (market_order("buy", None, quote_amount=Decimal("-5")), Reason.MIN_NOTIONAL),
        (limit("buy", "101", "999"), Reason.INSUFFICIENT_FUNDS),
        (limit("sell", "10.001", "1001"), Reason.INSUFFICIENT_FUNDS),
        (limit("sell", "1", "1001", reduce_only=True), Reason.REDUCE_ONLY),
    ],
)
def test_an_order_against_the_listings_rules_is_refused_and_changes_nothing(order: NewOrder, reason: Reason) -> None:
    assert refusal(exchange(Scripted()), SPOT, order) is reason


def test_sizes_above_the_listings_largest_are_refused_for_market_orders_at_their_own_limit() -> None:
    listing = replace(SPOT, extra=(("max_size", "50"), ("max_market_size", "2")))
    venue = exchange(Scripted())
    assert refusal(venue, listing, market_order("buy", "3")) is Reason.MAX_SIZE
    assert refusal(venue, listing, limit("buy", "51", "900")) is Reason.MAX_SIZE
    assert venue.place(MAIN, listing, limit("buy", "3", "900"), NOW).live


def test_a_price_beyond_the_band_is_refused() -> None:
    venue = exchange(Scripted(), price_band=Decimal("0.05"))
    assert refusal(venue, SPOT, limit("buy", "1", "949.9")) is Reason.PRICE_BAND
    assert venue.place(MAIN, SPOT, limit("buy", "1", "950"), NOW).live


@pytest.mark.parametrize(
    ("client_ids", "while_open", "afterwards"),
    [("open", True, False), ("ever", True, True), ("never", False, False)],
)
def test_a_client_id_is_unique_as_far_as_the_venue_minds(client_ids: str, while_open: bool, afterwards: bool) -> None:
    venue = exchange(Scripted(), client_ids=client_ids)

    again = limit("buy", "1", "999", client_id="a")

    def meets(refused: bool) -> None:
        if not refused:
            venue.check(MAIN, SPOT, again, NOW)
            return
        with pytest.raises(Rejected) as refusal:
            venue.check(MAIN, SPOT, again, NOW)
        assert refusal.value.reason is Reason.DUPLICATE_CLIENT_ID
        assert refusal.value.order is first

    first = venue.place(MAIN, SPOT, limit("buy", "1", "999", client_id="a"), NOW)
    meets(while_open)
    venue.cancel(MAIN, first, NOW)
    meets(afterwards)
    venue.check(OTHER, SPOT, limit("buy", "1", "999", client_id="a"), NOW)


def test_of_orders_with_the_same_client_id_the_latest_is_found() -> None:
    venue = exchange(Scripted(), client_ids="never")
    venue.place(MAIN, SPOT, limit("buy", "1", "999", client_id="a"), NOW)
    latest = venue.place(MAIN, SPOT, limit("buy", "1", "998", client_id="a"), NOW)
    assert venue.find(MAIN, NOW, client_id="a") is latest
    assert venue.find(MAIN, NOW, client_id="a", product="linear") is None
    assert venue.find(OTHER, NOW, client_id="a") is None
    assert venue.find(MAIN, NOW, client_id="") is None
    assert venue.find(MAIN, NOW, order_id=latest.id, native_id="BTCUSDT") is latest
    assert venue.find(OTHER, NOW, order_id=latest.id) is None


def test_so_many_open_orders_are_taken_and_no_more() -> None:
    venue = exchange(Scripted(), max_open_orders=2)
    orders = [venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW) for _ in range(2)]
    with pytest.raises(Rejected, match="too_many_orders"):
        venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    venue.place(OTHER, SPOT, limit("buy", "1", "999"), NOW)
    venue.cancel(MAIN, orders[0], NOW)
    venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)


def test_reduce_only_is_cut_to_the_position_and_ends_with_it() -> None:
    venue = exchange(Scripted())
    venue.place(MAIN, LINEAR, market_order("buy", "3"), NOW)
    resting = venue.place(MAIN, LINEAR, limit("sell", "9", "1010", reduce_only=True), NOW)
    assert resting.size == 3
    assert refusal_of(venue, limit("buy", "1", "900", reduce_only=True)) is Reason.REDUCE_ONLY
    venue.place(MAIN, LINEAR, market_order("sell", "2"), NOW)
    assert (resting.size, resting.live) == (Decimal(1), True)
    assert brief(venue.place(MAIN, LINEAR, market_order("sell", None), NOW)) == ("filled", "1", "")
    assert brief(resting) == ("cancelled", "0", "reduce_only")
    assert venue.positions(MAIN, NOW) == []


def refusal_of(venue: Exchange, order: NewOrder) -> Reason:
    with pytest.raises(Rejected) as refused:
        venue.place(MAIN, LINEAR, order, NOW)
    return refused.value.reason


def test_where_the_venue_takes_reduce_only_without_a_position_it_ends_at_once() -> None:
    venue = exchange(Scripted(), refuses_reduce_only_without_position=False)
    order = venue.place(MAIN, LINEAR, limit("sell", "1", "1010", reduce_only=True), NOW)
    assert brief(order) == ("expired", "0", "reduce_only")


def test_an_expired_listing_takes_no_orders_and_those_that_rest_end() -> None:
    venue = exchange(Scripted())
    assert FUTURE.expiry_ms is not None
    order = venue.place(MAIN, FUTURE, limit("buy", "1", "900"), NOW)
    venue.settle(FUTURE.expiry_ms)
    assert brief(order) == ("expired", "0", "listing")
    assert refusal(venue, FUTURE, limit("buy", "1", "900"), FUTURE.expiry_ms) is Reason.EXPIRED_LISTING


def test_what_has_ended_can_be_neither_cancelled_nor_amended() -> None:
    venue = exchange(Scripted())
    order = venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    with pytest.raises(Rejected, match="unknown_order"):
        venue.cancel(OTHER, order, NOW)
    assert brief(venue.cancel(READER, order, NOW, "all")) == ("cancelled", "0", "all")
    for attempt in (lambda: venue.cancel(MAIN, order, NOW), lambda: venue.amend(MAIN, order, NOW, size=Decimal(2))):
        with pytest.raises(Rejected) as refused:
            attempt()
        assert refused.value.reason is Reason.CLOSED_ORDER
        assert refused.value.order is order


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, Reason.NO_CHANGE),
        ({"price": Decimal("999"), "size": Decimal("2")}, Reason.NO_CHANGE),
        ({"price": Decimal("999.01")}, Reason.PRICE_TICK),
        ({"size": Decimal("0.5")}, Reason.MIN_SIZE),
        ({"size": Decimal("200")}, Reason.INSUFFICIENT_FUNDS),
    ],
)
def test_an_amendment_that_is_refused_changes_nothing(change: dict[str, Decimal], reason: Reason) -> None:
    venue = exchange(Scripted())
    order = venue.place(MAIN, SPOT, limit("buy", "2", "999"), NOW)
    venue.print_trade(SPOT, Decimal("999"), Decimal("0.7"), "sell", NOW)
    before = venue.balances(MAIN, "cash", NOW)
    with pytest.raises(Rejected) as refused:
        venue.amend(MAIN, order, NOW, **change)
    assert refused.value.reason is reason
    assert (order.price, order.size, order.filled) == (Decimal("999"), Decimal("2"), Decimal("0.7"))
    assert venue.balances(MAIN, "cash", NOW) == before


def test_an_amendment_may_use_what_the_order_itself_had_locked() -> None:
    venue = exchange(Scripted())
    order = venue.place(MAIN, SPOT, limit("buy", "100", "999"), NOW)
    venue.amend(MAIN, order, NOW, price=Decimal("999.9"))
    assert venue.balances(MAIN, "cash", NOW)["USDT"].locked == Decimal("99990")


def test_lists_are_in_order_and_filtered() -> None:
    venue = exchange(Scripted())
    first = venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    second = venue.place(MAIN, LINEAR, limit("buy", "1", "999"), NOW + 10)
    third = venue.place(MAIN, SPOT, market_order("buy", "1"), NOW + 20)
    assert venue.orders(READER, NOW + 20) == [first, second, third]
    assert venue.orders(MAIN, NOW + 20, live=True) == [first, second]
    assert venue.orders(MAIN, NOW + 20, live=False) == [third]
    assert venue.orders(MAIN, NOW + 20, product="linear") == [second]
    assert venue.orders(MAIN, NOW + 20, since_ms=NOW + 10, native_id="BTCUSDT") == [third]
    assert venue.orders(OTHER, NOW + 20) == []
    assert [f.order_id for f in venue.fills(MAIN, NOW + 20, order_id=third.id)] == [third.id]
    assert venue.fills(MAIN, NOW + 20, since_ms=NOW + 21) == []


def test_the_dead_man_timer_cancels_everything_unless_told_again() -> None:
    venue = exchange(Scripted())
    spot = venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    linear = venue.place(MAIN, LINEAR, limit("buy", "1", "999"), NOW)
    theirs = venue.place(OTHER, SPOT, limit("buy", "1", "999"), NOW)
    assert venue.set_timer(MAIN, 10, NOW, product="linear") == NOW + 10_000
    venue.settle(NOW + 9_999)
    assert venue.set_timer(MAIN, 10, NOW + 9_999, product="linear") == NOW + 19_999
    venue.settle(NOW + 15_000)
    assert linear.live
    venue.settle(NOW + 60_000)
    assert brief(linear) == ("cancelled", "0", "timer")
    assert linear.updated_ms == NOW + 19_999
    assert spot.live
    venue.set_timer(MAIN, 5, NOW + 60_000)
    assert venue.set_timer(MAIN, None, NOW + 60_000) is None
    venue.settle(NOW + 90_000)
    assert spot.live
    venue.set_timer(MAIN, 5, NOW + 90_000)
    venue.settle(NOW + 96_000)
    assert not spot.live
    assert theirs.live


def test_keys_lead_to_their_owners_account() -> None:
    venue = exchange(Scripted())
    assert venue.account("reader") is READER
    assert venue.account("nobody") is None
