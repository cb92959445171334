"""Where the money goes: balances, locks, fees, positions, margin, funding and delivery, to the last digit."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import LIVE_STATES, Balance, Reason, Rejected
from simulator.market.model import Listing
from tests.simulator.scripted import (
    CALL,
    DEPOSITS,
    FUTURE,
    HOUR_MS,
    INVERSE,
    LINEAR,
    MAIN,
    NOW,
    SPOT,
    Scripted,
    exchange,
    limit,
    market_order,
    wallet,
)


def cash(venue: Exchange, currency: str, name: str = "cash", now_ms: int = NOW) -> Balance:
    return venue.balances(MAIN, name, now_ms)[currency]


def test_an_account_begins_with_the_deposits_of_its_wallets() -> None:
    venue = exchange(Scripted())
    assert venue.balances(MAIN, "cash", NOW) == {
        "USDT": Balance(Decimal(100000), Decimal(0)),
        "BTC": Balance(Decimal(10), Decimal(0)),
    }
    assert venue.balances(MAIN, "elsewhere", NOW) == {}


def test_buying_on_spot_moves_both_currencies_and_takes_the_fee_from_what_is_received() -> None:
    venue = exchange(Scripted())
    order = venue.place(MAIN, SPOT, market_order("buy", "1"), NOW)
    assert (cash(venue, "USDT").total, cash(venue, "BTC").total) == (Decimal("98999.9"), Decimal("10.999"))
    assert order.fees == {"BTC": Decimal("0.001")}
    venue.place(MAIN, SPOT, market_order("sell", "1"), NOW)
    assert (cash(venue, "USDT").total, cash(venue, "BTC").total) == (Decimal("99998.9"), Decimal("9.999"))


def test_where_fees_are_in_quote_buying_locks_and_pays_them_on_top() -> None:
    venue = exchange(Scripted(), fee_in_quote=True)
    venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    assert cash(venue, "USDT") == Balance(Decimal(100000), Decimal("999.999"))
    venue.print_trade(SPOT, Decimal("999"), Decimal("1"), "sell", NOW)
    assert cash(venue, "USDT") == Balance(Decimal("99000.001"), Decimal(0))
    assert cash(venue, "BTC").total == Decimal(11)


def test_resting_orders_lock_what_is_left_of_them_and_give_it_back_when_they_end() -> None:
    venue = exchange(Scripted())
    buy = venue.place(MAIN, SPOT, limit("buy", "2", "990"), NOW)
    sell = venue.place(MAIN, SPOT, limit("sell", "3", "1010"), NOW)
    assert (cash(venue, "USDT").locked, cash(venue, "BTC").locked) == (Decimal(1980), Decimal(3))
    venue.print_trade(SPOT, Decimal("990"), Decimal("0.5"), "sell", NOW)
    venue.print_trade(SPOT, Decimal("1010"), Decimal("1"), "buy", NOW)
    assert (cash(venue, "USDT").locked, cash(venue, "BTC").locked) == (Decimal(1485), Decimal(2))
    venue.cancel(MAIN, buy, NOW)
    venue.cancel(MAIN, sell, NOW)
    assert (cash(venue, "USDT").locked, cash(venue, "BTC").locked) == (0, 0)


def test_a_linear_position_locks_margin_and_realizes_gains_into_the_wallet() -> None:
    venue = exchange(Scripted())
    venue.place(MAIN, LINEAR, market_order("buy", "1"), NOW)
    (held,) = venue.positions(MAIN, NOW)
    assert (held.size, held.entry_price, held.leverage) == (1, Decimal("1000.1"), 10)
    assert cash(venue, "USDT", "margin") == Balance(Decimal("10000") - Decimal("0.0050005"), Decimal("1.0001"))
    assert venue.margin(held, NOW) == Decimal("1.0001")
    assert venue.unrealized(held, NOW) == Decimal("-0.001")
    venue.place(MAIN, LINEAR, market_order("sell", "1"), NOW)
    assert venue.positions(MAIN, NOW) == []
    assert venue.fills(MAIN, NOW)[-1].realized == Decimal("-0.001")
    assert cash(venue, "USDT", "margin") == Balance(
        Decimal("10000") - Decimal("0.0050005") - Decimal("0.005") - Decimal("0.001"), Decimal(0)
    )


def test_positions_average_their_entry_and_turn_around() -> None:
    venue = exchange(Scripted())
    venue.place(MAIN, LINEAR, market_order("sell", "2"), NOW)
    (held,) = venue.positions(MAIN, NOW)
    assert (held.size, held.entry_price) == (-2, Decimal("999.95"))
    venue.place(MAIN, LINEAR, market_order("buy", "5"), NOW + 1_000)
    (held,) = venue.positions(MAIN, NOW + 1_000)
    assert (held.size, held.entry_price, held.opened_ms) == (3, Decimal("1000.4"), NOW + 1_000)


def test_inverse_positions_average_harmonically_and_gain_in_coins() -> None:
    market = Scripted()
    market.set_book(INVERSE, [("1000", "1"), ("500", "9")], [("2000", "9")])
    venue = exchange(market)
    order = venue.place(MAIN, INVERSE, market_order("sell", "2"), NOW)
    assert order.filled_quote == Decimal("0.3")
    (held,) = venue.positions(MAIN, NOW)
    assert abs(held.entry_price - Decimal(2000) / 3) < Decimal("1e-20")
    assert cash(venue, "BTC", "margin").locked == Decimal("0.03")
    venue.place(MAIN, INVERSE, market_order("buy", "2"), NOW)
    # Short 200 USD from 666.67 to 2000 loses 0.3 - 0.1 coins the other way round: 200/2000 - 200/666.67.
    assert venue.fills(MAIN, NOW)[-1].realized == Decimal("-0.2")
    assert cash(venue, "BTC", "margin") == Balance(
        Decimal(5) - Decimal("0.2") - Decimal("0.00015") - Decimal("0.00005"), Decimal(0)
    )


def test_orders_that_close_a_position_need_no_margin_of_their_own() -> None:
    venue = exchange(Scripted())
    venue.place(MAIN, LINEAR, market_order("buy", "50"), NOW)
    before = cash(venue, "USDT", "margin").locked
    closing = venue.place(MAIN, LINEAR, limit("sell", "50", "1010"), NOW)
    fee_only = cash(venue, "USDT", "margin").locked - before
    assert fee_only == Decimal("1010") * Decimal("0.5") * Decimal("0.0002")
    venue.place(MAIN, LINEAR, limit("sell", "50", "1010"), NOW)
    assert cash(venue, "USDT", "margin").locked - before == 2 * fee_only + Decimal("50.5")
    venue.cancel(MAIN, closing, NOW)
    assert cash(venue, "USDT", "margin").locked - before == fee_only


def test_leverage_decides_the_margin_and_may_not_ask_for_more_than_there_is() -> None:
    venue = exchange(Scripted())
    assert venue.leverage(MAIN, LINEAR) == 10
    venue.set_leverage(MAIN, LINEAR, 2)
    venue.place(MAIN, LINEAR, market_order("buy", "1"), NOW)
    assert cash(venue, "USDT", "margin").locked == Decimal("5.0005")
    venue.set_leverage(MAIN, LINEAR, 50)
    assert (
        cash(venue, "USDT", "margin").locked == Decimal("0.200020") == venue.margin(venue.positions(MAIN, NOW)[0], NOW)
    )
    market = Scripted()
    market.set_book(LINEAR, [("1000", "9999")], [("1000.1", "9999")])
    rich = exchange(market)
    rich.place(MAIN, LINEAR, market_order("buy", "9000"), NOW)
    with pytest.raises(Rejected) as refused:
        rich.set_leverage(MAIN, LINEAR, 1)
    assert refused.value.reason is Reason.INSUFFICIENT_FUNDS
    assert rich.leverage(MAIN, LINEAR) == rich.positions(MAIN, NOW)[0].leverage == 10


def test_funding_is_paid_by_longs_at_each_settlement_for_the_position_of_that_moment() -> None:
    market = Scripted()
    first, second, third = (NOW // (8 * HOUR_MS) * 8 * HOUR_MS + n * 8 * HOUR_MS for n in (1, 2, 3))
    market.rates = [(first, "0.0001"), (second, "-0.0002"), (third, "0.0001")]
    market.marks.append((second, "1100"))
    venue = exchange(market)
    venue.place(MAIN, LINEAR, market_order("buy", "10"), NOW)
    resting = venue.place(MAIN, LINEAR, limit("sell", "10", "1200"), NOW)
    market.print(LINEAR, second + 5, "1200", "10", "buy")
    paid = venue.funding_payments(MAIN, third + 1)
    assert [(p.time_ms, p.amount, p.rate, p.size) for p in paid] == [
        (first, Decimal("-0.01"), Decimal("0.0001"), 10),
        (second, Decimal("0.022"), Decimal("-0.0002"), 10),
    ]
    assert resting.state == "filled"
    assert venue.funding_payments(MAIN, third + 1, product="inverse") == []
    assert venue.funding_payments(MAIN, third + 1, since_ms=first + 1) == paid[1:]


def test_inverse_funding_is_paid_in_coins_by_shorts_where_the_rate_is_negative() -> None:
    market = Scripted()
    at = NOW // (8 * HOUR_MS) * 8 * HOUR_MS + 8 * HOUR_MS
    market.rates = [(at, "-0.001")]
    venue = exchange(market)
    venue.place(MAIN, INVERSE, market_order("sell", "10"), NOW)
    before = cash(venue, "BTC", "margin").total
    (payment,) = venue.funding_payments(MAIN, at)
    assert (payment.amount, payment.currency) == (Decimal("-0.001"), "BTC")
    assert cash(venue, "BTC", "margin", at).total == before - Decimal("0.001")


def test_a_future_is_delivered_at_the_index_price() -> None:
    market = Scripted()
    assert FUTURE.expiry_ms is not None
    market.marks.append((FUTURE.expiry_ms, "1500"))
    venue = exchange(market)
    venue.place(MAIN, FUTURE, market_order("buy", "1"), NOW)
    before = cash(venue, "USDT", "margin").total
    assert venue.positions(MAIN, FUTURE.expiry_ms + 99) == []
    after = cash(venue, "USDT", "margin", FUTURE.expiry_ms + 99)
    assert after == Balance(before + Decimal("0.01") * (1500 - Decimal("1000.1")), Decimal(0))
    assert venue.funding_payments(MAIN, FUTURE.expiry_ms + 99) == []


@pytest.mark.parametrize(("side", "premium"), [("buy", "-0.05"), ("sell", "0.04")])
def test_an_option_costs_its_premium_and_pays_what_it_is_worth_at_expiry(side: str, premium: str) -> None:
    market = Scripted()
    market.set_book(CALL, [("0.04", "9")], [("0.05", "9")])
    venue = exchange(market)
    assert CALL.expiry_ms is not None
    venue.place(MAIN, CALL, market_order(side, "1"), NOW)
    after = Decimal(5) + Decimal(premium) - Decimal("0.0003")
    locked = Decimal(0) if side == "buy" else Decimal("0.15") + Decimal("0.04")
    assert cash(venue, "BTC", "margin") == Balance(after, locked)
    worth = Decimal("0.2") if side == "buy" else Decimal("-0.2")  # 1000 at a strike of 800, in coins
    assert cash(venue, "BTC", "margin", CALL.expiry_ms) == Balance(after + worth, Decimal(0))


def test_the_fee_of_an_option_is_capped_by_its_premium() -> None:
    market = Scripted()
    market.set_book(CALL, [], [("0.0001", "9")])
    venue = exchange(market)
    venue.place(MAIN, CALL, market_order("buy", "1"), NOW)
    assert venue.fills(MAIN, NOW)[0].fee == Decimal("0.0000125")


@pytest.mark.parametrize("listing", [LINEAR, INVERSE])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_at_the_liquidation_price_the_wallet_is_as_good_as_gone(listing: Listing, side: str) -> None:
    market = Scripted()
    market.set_book(listing, [("1000", "9999")], [("1000.5", "9999")])
    venue = exchange(market)
    size = "4000" if listing is LINEAR else "100"
    venue.place(MAIN, listing, market_order(side, size), NOW)
    (held,) = venue.positions(MAIN, NOW)
    price = venue.liquidation_price(held)
    assert price is not None
    market.marks.append((NOW, f"{price}"))
    total = cash(venue, "USDT" if listing is LINEAR else "BTC", "margin").total
    unit = Decimal(listing.contract_size)
    value = abs(held.size) * unit * price if listing is LINEAR else abs(held.size) * unit / price
    assert abs(total + venue.unrealized(held, NOW) - Decimal("0.005") * value) < total / 100


def test_a_reset_gives_the_deposits_again_and_never_an_id_twice() -> None:
    venue = exchange(Scripted())
    order = venue.place(MAIN, SPOT, market_order("buy", "1"), NOW)
    venue.place(MAIN, LINEAR, market_order("buy", "1"), NOW)
    fill = venue.fills(MAIN, NOW)[-1]
    venue.reset()
    assert venue.orders(MAIN, NOW) == venue.fills(MAIN, NOW) == venue.positions(MAIN, NOW) == []
    assert cash(venue, "USDT") == Balance(Decimal(100000), Decimal(0))
    assert venue.place(MAIN, SPOT, market_order("buy", "1"), NOW).number > order.number
    assert venue.fills(MAIN, NOW)[0].number > fill.number


def _locked_on_spot(venue: Exchange, now: int, fee_in_quote: bool) -> dict[str, Decimal]:
    """Add up from scratch what the live spot orders lock."""
    needs = {"USDT": Decimal(0), "BTC": Decimal(0)}
    for order in venue.orders(MAIN, now, live=True, product="spot"):
        assert order.price is not None
        if order.side == "sell":
            needs["BTC"] += order.left
        else:
            needs["USDT"] += order.left * order.price * (Decimal("1.001") if fee_in_quote else Decimal(1))
    return needs


ACTION = st.tuples(
    st.sampled_from(["limit", "limit", "market", "cancel", "amend", "print", "wait"]),
    st.sampled_from([SPOT, LINEAR, INVERSE]),
    st.sampled_from(["buy", "sell"]),
    st.integers(1, 40),
    st.integers(-30, 30),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTION, max_size=40), st.booleans())
def test_whatever_happens_the_books_balance(actions: list[tuple[Any, ...]], fee_in_quote: bool) -> None:
    market = Scripted()
    day = 24 * HOUR_MS
    market.rates = [(NOW // day * day + n * 8 * HOUR_MS, f"{0.0001 * (n % 5 - 2):.4f}") for n in range(1, 200)]
    venue = exchange(market, fee_in_quote=fee_in_quote)
    now = NOW
    for kind, listing, side, amount, ticks, reduce_only in actions:
        size = Decimal(amount) / 10 if listing is SPOT else Decimal(amount)
        price = Decimal(1000) + Decimal(ticks) / 2
        live = venue.orders(MAIN, now, live=True)
        try:
            if kind == "limit":
                venue.place(MAIN, listing, limit(side, str(size), str(price), reduce_only=reduce_only), now)
            elif kind == "market":
                venue.place(MAIN, listing, market_order(side, str(size)), now)
            elif kind == "print":
                venue.print_trade(listing, price, size, side, now)
            elif kind == "wait":
                now += amount * HOUR_MS
                market.print(listing, now - 1, str(price), str(size), side)
            elif live and kind == "cancel":
                venue.cancel(MAIN, live[amount % len(live)], now)
            elif live:
                venue.amend(MAIN, live[amount % len(live)], now, price=price)
        except Rejected:
            pass
        _check(venue, now, fee_in_quote)


def _check(venue: Exchange, now: int, fee_in_quote: bool) -> None:
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for name, currencies in DEPOSITS.items():
        for currency, total in currencies.items():
            expected[(name, currency)] += Decimal(total)
    filled: dict[str, Decimal] = defaultdict(Decimal)
    listings = {each.native_id: each for each in (SPOT, LINEAR, INVERSE)}
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    for fill in venue.fills(MAIN, now):
        of = listings[fill.native_id]
        signed = fill.size if fill.side == "buy" else -fill.size
        filled[fill.order_id] += fill.size
        sizes[fill.native_id] += signed
        expected[(wallet(of), fill.fee_currency)] -= fill.fee
        if of is SPOT:
            expected[("cash", "BTC")] += signed
            expected[("cash", "USDT")] -= signed * fill.price
        else:
            expected[("margin", of.settle)] += fill.realized
    for payment in venue.funding_payments(MAIN, now):
        expected[("margin", payment.currency)] += payment.amount
    for name in DEPOSITS:
        for currency, balance in venue.balances(MAIN, name, now).items():
            assert balance.total == expected[(name, currency)]
            assert balance.locked >= 0
            assert balance.free >= 0
    held = {each.native_id: each.size for each in venue.positions(MAIN, now)}
    assert held == {name: size for name, size in sizes.items() if size and name != SPOT.native_id}
    for order in venue.orders(MAIN, now):
        assert order.filled == filled[order.id] <= order.size
        assert (order.state in LIVE_STATES) == order.live
        assert order.left > 0 or not order.live
    cash_locked = {name: balance.locked for name, balance in venue.balances(MAIN, "cash", now).items()}
    assert cash_locked == _locked_on_spot(venue, now, fee_in_quote)
    if not held and not any(order.product != "spot" for order in venue.orders(MAIN, now, live=True)):
        assert all(balance.locked == 0 for balance in venue.balances(MAIN, "margin", now).values())
