"""How users' orders meet the market: by price and time, at most what is there, the same whenever one looks."""

from decimal import Decimal

import pytest

from simulator.distortion import DistortedMarket
from simulator.exchange.exchange import Exchange
from simulator.exchange.model import NewOrder, Reason, Rejected, Trigger
from simulator.faults import Fault, FaultPlan
from tests.simulator.scripted import (
    HOUR_MS,
    LINEAR,
    MAIN,
    NOW,
    OTHER,
    SPOT,
    Scripted,
    brief,
    exchange,
    limit,
    market_order,
)


@pytest.fixture
def market() -> Scripted:
    return Scripted()


@pytest.fixture
def venue(market: Scripted) -> Exchange:
    return exchange(market)


def prices(venue: Exchange, now_ms: int = NOW) -> list[tuple[str, str]]:
    return [(str(f.price), f"{f.size.normalize():f}") for f in venue.fills(MAIN, now_ms)]


def test_a_market_order_walks_the_book_level_by_level(venue: Exchange) -> None:
    order = venue.place(MAIN, SPOT, market_order("buy", "2.5"), NOW)
    assert brief(order) == ("filled", "2.5", "")
    assert prices(venue) == [("1000.1", "1"), ("1000.2", "1"), ("1000.3", "0.5")]
    assert order.filled_quote == Decimal("1000.1") + Decimal("1000.2") + Decimal("500.15")


def test_what_was_taken_of_a_level_is_gone_until_the_next_step_of_the_book(venue: Exchange) -> None:
    venue.place(MAIN, SPOT, market_order("buy", "1.5"), NOW)
    venue.place(OTHER, SPOT, market_order("buy", "1"), NOW + 100)
    assert [str(f.price) for f in venue.fills(OTHER, NOW + 100)] == ["1000.2", "1000.3"]
    venue.place(OTHER, SPOT, market_order("buy", "1"), NOW + 250)
    assert str(venue.fills(OTHER, NOW + 250)[-1].price) == "1000.1"


def test_a_crossing_limit_order_takes_up_to_its_price_and_rests_with_what_is_left(venue: Exchange) -> None:
    order = venue.place(MAIN, SPOT, limit("buy", "3", "1000.2"), NOW)
    assert brief(order) == ("partly_filled", "2", "")
    assert all(not fill.maker for fill in venue.fills(MAIN, NOW))


def test_an_order_that_does_not_cross_rests_untouched(venue: Exchange) -> None:
    assert brief(venue.place(MAIN, SPOT, limit("sell", "1", "1000.1"), NOW)) == ("open", "0", "")
    venue.settle(NOW + 60_000)
    assert venue.fills(MAIN, NOW + 60_000) == []


def test_a_resting_order_fills_as_maker_at_its_own_price_and_time_when_a_trade_prints_through(
    venue: Exchange, market: Scripted
) -> None:
    order = venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    market.print(SPOT, NOW + 400, "998.5", "0.3")
    (fill,) = venue.fills(MAIN, NOW + 5_000)
    assert (fill.price, fill.size, fill.maker, fill.time_ms) == (Decimal("999"), Decimal("0.3"), True, NOW + 400)
    assert brief(order) == ("partly_filled", "0.3", "")


@pytest.mark.parametrize(("side", "price", "fills"), [("buy", "999.1", 0), ("buy", "999", 1), ("sell", "1000.9", 0)])
def test_a_trade_fills_only_what_it_reaches(
    venue: Exchange, market: Scripted, side: str, price: str, fills: int
) -> None:
    own = "999" if side == "buy" else "1001"
    venue.place(MAIN, SPOT, limit(side, "1", own), NOW)
    market.print(SPOT, NOW + 1, price, "5")
    assert len(venue.fills(MAIN, NOW + 1)) == fills


def test_a_trade_before_the_order_was_placed_is_none_of_its_business(venue: Exchange, market: Scripted) -> None:
    market.print(SPOT, NOW - 1, "900", "5")
    market.print(SPOT, NOW, "900", "5")
    venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    assert venue.fills(MAIN, NOW + 1_000) == []


def test_better_prices_and_then_earlier_orders_fill_first_over_all_accounts(venue: Exchange, market: Scripted) -> None:
    first = venue.place(MAIN, SPOT, limit("buy", "1", "998"), NOW)
    second = venue.place(OTHER, SPOT, limit("buy", "1", "998"), NOW)
    better = venue.place(OTHER, SPOT, limit("buy", "1", "999"), NOW)
    market.print(SPOT, NOW + 1, "998", "2.4")
    venue.settle(NOW + 1)
    assert [str(o.filled.normalize()) for o in (better, first, second)] == ["1", "1", "0.4"]


def test_an_amended_order_keeps_its_place_only_where_it_shrinks(venue: Exchange, market: Scripted) -> None:
    first = venue.place(MAIN, SPOT, limit("buy", "1", "998"), NOW)
    second = venue.place(OTHER, SPOT, limit("buy", "1", "998"), NOW)
    venue.amend(MAIN, first, NOW, size=Decimal("0.5"))
    market.print(SPOT, NOW + 1, "998", "0.5")
    venue.settle(NOW + 1)
    assert (first.state, second.filled) == ("filled", 0)
    third = venue.place(MAIN, SPOT, limit("buy", "1", "998"), NOW + 1)
    venue.amend(OTHER, second, NOW + 1, size=Decimal("2"))
    market.print(SPOT, NOW + 2, "998", "1")
    venue.settle(NOW + 2)
    assert (third.state, second.filled) == ("filled", 0)


def test_an_order_amended_across_the_spread_takes(venue: Exchange) -> None:
    order = venue.place(MAIN, SPOT, limit("buy", "1", "998"), NOW)
    assert brief(venue.amend(MAIN, order, NOW, price=Decimal("1000.1"))) == ("filled", "1", "")
    assert not venue.fills(MAIN, NOW)[0].maker


def test_a_book_that_moves_through_an_order_fills_it_at_its_own_price(venue: Exchange, market: Scripted) -> None:
    order = venue.place(MAIN, SPOT, limit("buy", "5", "999"), NOW)
    market.set_book(SPOT, [("990", "1")], [("998", "2"), ("999", "9"), ("1000", "9")])
    venue.settle(NOW + 1)
    assert brief(order) == ("partly_filled", "2", "")
    assert venue.fills(MAIN, NOW + 1)[0].price == Decimal("999")
    assert venue.fills(MAIN, NOW + 1)[0].maker


def test_users_orders_do_not_meet_each_other(venue: Exchange) -> None:
    venue.place(MAIN, SPOT, limit("buy", "1", "1000"), NOW)
    assert brief(venue.place(OTHER, SPOT, limit("sell", "1", "1000"), NOW))[0] == "filled"
    assert venue.fills(MAIN, NOW) == []


def test_ioc_takes_what_is_there_and_ends(market: Scripted) -> None:
    venue = exchange(market, leftover="cancelled")
    order = venue.place(MAIN, SPOT, limit("buy", "3", "1000.2", tif="IOC"), NOW)
    assert brief(order) == ("cancelled", "2", "ioc")
    assert brief(venue.place(MAIN, SPOT, limit("buy", "1", "900", tif="IOC"), NOW)) == ("cancelled", "0", "ioc")


def test_fok_fills_whole_or_not_at_all(market: Scripted) -> None:
    venue = exchange(market)
    assert brief(venue.place(MAIN, SPOT, limit("buy", "3", "1000.2", tif="FOK"), NOW)) == ("expired", "0", "fok")
    assert brief(venue.place(MAIN, SPOT, limit("buy", "2", "1000.2", tif="FOK"), NOW)) == ("filled", "2", "")
    with pytest.raises(Rejected) as refused:
        exchange(market, fok="refuse").place(MAIN, SPOT, limit("buy", "3", "1000.2", tif="FOK"), NOW)
    assert refused.value.reason is Reason.UNFILLABLE


def test_post_only_never_takes(market: Scripted) -> None:
    with pytest.raises(Rejected) as refused:
        exchange(market).place(MAIN, SPOT, limit("buy", "1", "1000.1", post_only=True), NOW)
    assert refused.value.reason is Reason.WOULD_TAKE
    venue = exchange(market, post_only="expire")
    order = venue.place(MAIN, SPOT, limit("buy", "1", "1000.1", post_only=True), NOW)
    assert brief(order) == ("expired", "0", "post_only")
    assert brief(venue.place(MAIN, SPOT, limit("buy", "1", "1000", post_only=True), NOW))[0] == "open"


def test_a_market_order_larger_than_the_book_takes_all_of_it_and_ends(market: Scripted) -> None:
    market.set_book(SPOT, [("1000", "1")], [("1001", "1"), ("1002", "0.5")])
    venue = exchange(market)
    assert brief(venue.place(MAIN, SPOT, market_order("buy", "4"), NOW)) == ("expired", "1.5", "ioc")
    with pytest.raises(Rejected) as refused:
        venue.place(MAIN, SPOT, market_order("buy", "4"), NOW)
    assert refused.value.reason is Reason.NO_LIQUIDITY


@pytest.mark.parametrize(("side", "filled"), [("buy", "1.499"), ("sell", "1.5")])
def test_a_market_order_by_amount_of_quote_trades_whole_lots_for_at_most_that(
    venue: Exchange, side: str, filled: str
) -> None:
    amount = "1500" if side == "buy" else "1499.95"
    order = venue.place(MAIN, SPOT, market_order(side, None, quote_amount=Decimal(amount)), NOW)
    assert brief(order) == ("filled", filled, "")
    assert order.size == order.filled
    assert Decimal(amount) - Decimal("1.1") < order.filled_quote <= Decimal(amount)


def stop(side: str, size: str | None, at: str, rising: bool, **more: object) -> NewOrder:
    source = str(more.pop("source", "last"))
    price = more.pop("price", None)
    kind = "limit" if price else "market"
    return NewOrder(
        side, kind, Decimal(size) if size else None, price=Decimal(str(price)) if price else None,
        trigger=Trigger(Decimal(at), rising, source), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_stop_waits_for_the_last_price_and_takes_the_book_of_that_moment(venue: Exchange, market: Scripted) -> None:
    market.print(SPOT, NOW - 10, "1000", "1")
    order = venue.place(MAIN, SPOT, stop("sell", "1", "990", False), NOW)
    assert order.state == "untriggered"
    market.print(SPOT, NOW + 100, "990.1", "1")
    venue.settle(NOW + 100)
    assert order.state == "untriggered"
    market.print(SPOT, NOW + 200, "990", "1")
    venue.settle(NOW + 900)
    assert brief(order) == ("filled", "1", "")
    assert order.triggered_ms == venue.fills(MAIN, NOW + 900)[0].time_ms == NOW + 200


def test_a_stop_limit_rests_at_its_price_once_triggered(venue: Exchange, market: Scripted) -> None:
    market.print(SPOT, NOW - 10, "1000", "1")
    order = venue.place(MAIN, SPOT, stop("buy", "1", "1010", True, price="990"), NOW)
    market.print(SPOT, NOW + 1, "1010", "1")
    market.print(SPOT, NOW + 2, "989", "0.2")
    venue.settle(NOW + 3)
    assert brief(order) == ("partly_filled", "0.2", "")


@pytest.mark.parametrize("source", ["mark", "index"])
def test_a_stop_on_the_mark_or_index_price_fires_whenever_one_looks(market: Scripted, source: str) -> None:
    market.marks += [(NOW + 5_000, "1100"), (NOW + 9_000, "1000")]
    looks: list[int | None] = []
    for step in (1_000, 60_000):
        venue = exchange(market)
        order = venue.place(MAIN, LINEAR, stop("buy", "1", "1050", True, source=source), NOW)
        for at in range(NOW + step, NOW + 60_001, step):
            venue.settle(at)
        looks.append(order.triggered_ms)
    assert looks[0] == looks[1]
    assert looks[0] is not None
    assert NOW + 5_000 <= looks[0] < NOW + 6_000


def test_a_stop_that_would_fire_at_once_is_refused(venue: Exchange, market: Scripted) -> None:
    market.print(SPOT, NOW - 10, "1000", "1")
    with pytest.raises(Rejected) as refused:
        venue.place(MAIN, SPOT, stop("sell", "1", "1000", False), NOW)
    assert refused.value.reason is Reason.WOULD_TRIGGER


def test_a_stop_whose_order_cannot_stand_ends_rejected_with_the_reason(venue: Exchange, market: Scripted) -> None:
    market.print(LINEAR, NOW - 10, "1000", "1")
    order = venue.place(MAIN, LINEAR, stop("sell", None, "990", False), NOW)
    market.print(LINEAR, NOW + 1, "980", "1")
    venue.settle(NOW + 2)
    assert brief(order) == ("rejected", "0", "reduce_only")


def test_a_printed_trade_is_met_at_once_and_moves_the_last_price(venue: Exchange) -> None:
    resting = venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    waiting = venue.place(OTHER, SPOT, stop("sell", "1", "998", False), NOW)
    fills = venue.print_trade(SPOT, Decimal("998"), Decimal("0.4"), "sell", NOW)
    assert [(f.order_id, f.size) for f in fills] == [(resting.id, Decimal("0.4")), (waiting.id, Decimal("1"))]


def test_the_outcome_is_the_same_whether_one_looks_often_or_once(market: Scripted) -> None:
    for n in range(1, 40):
        market.print(SPOT, NOW + n * 997, f"{1000 - n % 7}", f"0.{1 + n % 5}", "sell" if n % 2 else "buy")
    told = []
    for step in (500, 39_000):
        venue = exchange(market)
        venue.place(MAIN, SPOT, limit("buy", "2", "998"), NOW)
        venue.place(MAIN, SPOT, limit("buy", "3", "996"), NOW)
        venue.place(MAIN, SPOT, stop("buy", "1", "1000.5", True), NOW)
        venue.set_timer(MAIN, 30, NOW)
        for at in range(NOW + step, NOW + 39_001, step):
            venue.settle(at)
        told.append(
            [(f.price, f.size, f.time_ms) for f in venue.fills(MAIN, NOW + 39_000)]
            + [(*brief(o), o.updated_ms) for o in venue.orders(MAIN, NOW + 39_000)]
        )
    assert told[0] == told[1]
    assert len(told[0]) > 8


def test_only_the_last_thousand_trades_are_told(venue: Exchange, market: Scripted) -> None:
    order = venue.place(MAIN, SPOT, limit("buy", "90", "999"), NOW)
    for n in range(1_500):
        market.print(SPOT, NOW + 1 + n, "999", "0.01")
    venue.settle(NOW + 2_000)
    assert order.filled == Decimal("10")


def test_where_nothing_rests_the_market_is_not_asked(venue: Exchange, market: Scripted) -> None:
    venue.place(MAIN, SPOT, market_order("buy", "1"), NOW)
    market.asked_trades = 0
    for at in range(NOW, NOW + 10_000, 100):
        venue.settle(at)
    assert market.asked_trades == 0


def test_a_clock_that_is_off_for_a_while_neither_repeats_nor_loses_anything(market: Scripted) -> None:
    at = NOW // (8 * HOUR_MS) * 8 * HOUR_MS + 8 * HOUR_MS
    plan = FaultPlan(["v"])
    distorted = DistortedMarket(market, plan, "v")
    venue = exchange(distorted.undistorted)
    venue.place(MAIN, LINEAR, market_order("buy", "3"), NOW)
    venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    market.print(SPOT, NOW + 1_000, "998", "0.1")
    assert len(venue.fills(MAIN, NOW + 2_000)) == 4
    skew_ms = 20 * HOUR_MS
    plan.add(Fault("v", "clock_skew", args={"ms": skew_ms}))
    market.print(SPOT, NOW + 3_000, "998", "0.1")
    assert [f.time_ms for f in venue.fills(MAIN, NOW + 4_000 + skew_ms)[4:]] == [NOW + 3_000 + skew_ms]
    plan.clear()
    market.print(SPOT, NOW + 5_000, "998", "0.1")
    assert [f.time_ms for f in venue.fills(MAIN, NOW + 6_000)[5:]] == [NOW + 5_000]
    market.rates = [(at, "0.0001")]
    assert [p.time_ms for p in venue.funding_payments(MAIN, at + 1)] == [at]
    assert len(venue.funding_payments(MAIN, at + 60_000)) == 1
