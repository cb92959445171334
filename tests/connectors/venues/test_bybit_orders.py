"""Bybit's private side against the simulator: every type and flag, lost answers found again, refusals told apart."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.trading import OrderRef
from connectors.venues.bybit import Bybit
from connectors.venues.bybit_orders import BybitTrading
from domain.errors import (
    BadAnswer,
    Maintenance,
    NotListed,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from domain.instruments import PERPETUAL, Instrument
from domain.orders import (
    BUY,
    CANCELLED,
    FILLED,
    FOK,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    REGULAR,
    REJECTED,
    SELL,
    STOP,
    STOP_LIMIT,
    TRIGGER,
    OrderReport,
    OrderSpec,
)
from tests.connectors.fakes import PlainGuard, answer, context
from tests.connectors.opened import at_home, know_simulator, once, opened
from tests.connectors.venues.test_bybit import LINEAR_ROW, envelope
from utils.secrets import Credentials

SPOT, LINEAR, USDC, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC"
EVERY = (SPOT, LINEAR, USDC, INVERSE)
SIZE = {SPOT: Decimal("0.01"), LINEAR: Decimal("0.01"), USDC: Decimal("0.01"), INVERSE: Decimal(500)}
CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"
_numbers = count(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def place(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A home with Bybit's instruments in its cache, and the open venues."""
    home = tmp_path_factory.mktemp("bybit-home")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["bybit"])
    venues.home = home
    with at_home(home):
        venues.ensure_markets()
        yield venues
    venues.close()


@pytest.fixture
def trading(sim: Any, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BybitTrading:
    monkeypatch.setenv("CROSSBOOK_HOME", str(place.home))
    sim.reset_accounts("bybit")
    sim.reset_requests()
    return BybitTrading(once(place, "bybit", tmp_path), place.cache.of("bybit"))


@pytest.fixture
def touch(trading: BybitTrading) -> Any:
    """Best bid and ask of a symbol, on its tick."""

    def look(symbol: str) -> tuple[Decimal, Decimal]:
        quote = trading.connector.fetch_quote(instrument(trading, symbol))
        return Decimal(str(quote.bid)), Decimal(str(quote.ask))

    return look


def instrument(trading: BybitTrading, symbol: str) -> Instrument:
    return trading.instrument(symbol)


def with_keys(trading: BybitTrading, place: Any, tmp_path: Path, account: Any) -> BybitTrading:
    connector = once(place, "bybit", tmp_path)
    keys = Credentials(account.key, account.secret, None, "a test")
    connector.context = replace(connector.context, credentials=lambda: keys)
    return BybitTrading(connector, place.cache.of("bybit"))


def on_tick(trading: BybitTrading, symbol: str, price: Decimal) -> Decimal:
    tick = instrument(trading, symbol).tick_size
    assert tick
    return price // tick * tick


def fresh_id() -> str:
    return f"cb-{next(_numbers)}"


def spec(trading: BybitTrading, symbol: str, touch: Any, **changes: Any) -> OrderSpec:
    """A resting buy at 90 % of the best bid, unless changed."""
    price = on_tick(trading, symbol, touch(symbol)[0] * Decimal("0.9"))
    return OrderSpec(fresh_id(), BUY, LIMIT, SIZE[symbol], price)._replace(**changes)


def ref(trading: BybitTrading, symbol: str, report: Any, family: str = REGULAR, *, by_client: bool = False) -> OrderRef:
    order_id = None if by_client else report.order_id
    return OrderRef(instrument(trading, symbol), order_id, report.client_id, family)


def found(trading: BybitTrading, symbol: str, client_id: str, family: str = REGULAR) -> OrderReport:
    report = trading.find(OrderRef(instrument(trading, symbol), None, client_id, family))
    assert report is not None
    return report


# --- one order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
def test_a_limit_order_is_acknowledged_found_and_cancelled_with_one_request_each(trading, sim, touch, symbol):
    order = spec(trading, symbol, touch)
    sim.reset_requests()
    acknowledged = trading.submit(instrument(trading, symbol), order)
    assert sim.requests("bybit") == {CREATE: 1}
    assert (acknowledged.client_id, acknowledged.status, acknowledged.size) == (order.client_id, None, None)
    report = found(trading, symbol, order.client_id)
    assert (report.order_id, report.status, report.side, report.type) == (acknowledged.order_id, OPEN, BUY, LIMIT)
    assert (report.price, report.size, report.filled, report.tif) == (order.price, order.size, 0, "gtc")
    assert (report.post_only, report.family, report.reason) == (False, REGULAR, None)
    sim.reset_requests()
    trading.cancel(ref(trading, symbol, acknowledged))
    assert sim.requests("bybit") == {CANCEL: 1}
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.filled) == (CANCELLED, 0)
    assert report.reason == "EC_PerCancelRequest; CancelByUser"


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_cancelled_by_our_id_alone(trading, touch, symbol):
    order = spec(trading, symbol, touch)
    trading.submit(instrument(trading, symbol), order)
    trading.cancel(OrderRef(instrument(trading, symbol), None, order.client_id))
    assert found(trading, symbol, order.client_id).status == CANCELLED


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_market_order_counts_base_on_both_sides_and_its_fills_add_up(trading, symbol, side):
    started_ms = time.time_ns() // 1_000_000 - 2_000
    order = OrderSpec(fresh_id(), side, MARKET, SIZE[symbol])
    trading.submit(instrument(trading, symbol), order)
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.size, report.filled, report.type) == (FILLED, order.size, order.size, MARKET)
    assert report.price is None
    assert report.average_price
    fills = trading.fills(instrument(trading, symbol), started_ms)
    assert sum(fill.size for fill in fills) == order.size
    assert {(fill.order_id, fill.client_id, fill.side, fill.maker) for fill in fills} == {
        (report.order_id, order.client_id, side, False)
    }
    coin = {SPOT: "BTC" if side == BUY else "USDT", LINEAR: "USDT", USDC: "USDC", INVERSE: "BTC"}[symbol]
    assert {fill.fee_currency for fill in fills} == {coin}
    assert all(fill.fee and fill.fee > 0 for fill in fills)


@pytest.mark.parametrize("symbol", EVERY)
def test_a_post_only_order_that_would_take_is_acknowledged_and_then_found_ended(trading, touch, symbol):
    price = on_tick(trading, symbol, touch(symbol)[1] * Decimal("1.01"))
    order = spec(trading, symbol, touch, price=price, post_only=True)
    assert trading.submit(instrument(trading, symbol), order).order_id
    report = found(trading, symbol, order.client_id)
    assert report.status == (REJECTED if symbol == SPOT else CANCELLED)
    assert (report.post_only, report.filled, report.reason) == (True, 0, "EC_PostOnlyWillTakeLiquidity")


@pytest.mark.parametrize(("tif", "reason"), [(IOC, "EC_NoImmediateQtyToFill"), (FOK, "EC_CancelForNoFullFill")])
def test_ioc_and_fok_orders_that_meet_nothing_end_at_once(trading, touch, tif, reason):
    order = spec(trading, LINEAR, touch, tif=tif)
    trading.submit(instrument(trading, LINEAR), order)
    report = found(trading, LINEAR, order.client_id)
    assert (report.status, report.tif, report.filled, report.reason) == (CANCELLED, tif, 0, reason)


def test_a_reduce_only_order_needs_a_position_and_never_turns_it(trading):
    closing = OrderSpec(fresh_id(), SELL, MARKET, Decimal("0.05"), reduce_only=True)
    with pytest.raises(Refused, match="110017"):
        trading.submit(instrument(trading, LINEAR), closing)
    trading.submit(instrument(trading, LINEAR), OrderSpec(fresh_id(), BUY, MARKET, Decimal("0.02")))
    trading.submit(instrument(trading, LINEAR), closing._replace(client_id=fresh_id()))
    assert trading.positions() == []


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_amended_in_place(trading, touch, symbol):
    order = spec(trading, symbol, touch)
    made = trading.submit(instrument(trading, symbol), order)
    current = found(trading, symbol, order.client_id)
    price = on_tick(trading, symbol, touch(symbol)[0] * Decimal("0.91"))
    trading.amend(ref(trading, symbol, made), current, size=order.size * 2, price=price)
    current = found(trading, symbol, order.client_id)
    assert (current.order_id, current.size, current.price) == (made.order_id, order.size * 2, price)
    trading.amend(ref(trading, symbol, made, by_client=True), current, size=order.size, price=None)
    assert found(trading, symbol, order.client_id).size == order.size
    with pytest.raises(Refused, match=r"not modified|remains unchanged"):
        trading.amend(ref(trading, symbol, made), current, size=order.size, price=price)


# --- trigger orders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("kind", [STOP, STOP_LIMIT])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_stop_waits_among_the_open_orders_and_is_cancelled(trading, touch, symbol, kind, side):
    bid, ask = touch(symbol)
    stop = on_tick(trading, symbol, ask * Decimal("1.1") if side == BUY else bid * Decimal("0.9"))
    order = OrderSpec(fresh_id(), side, kind, SIZE[symbol], stop if kind == STOP_LIMIT else None, stop)
    made = trading.submit(instrument(trading, symbol), order)
    (report,) = trading.open_orders(instrument(trading, symbol))
    assert (report.client_id, report.status, report.type, report.family) == (order.client_id, OPEN, kind, TRIGGER)
    assert (report.stop_price, report.price, report.size) == (stop, order.price, order.size)
    trading.cancel(ref(trading, symbol, made, TRIGGER))
    assert trading.open_orders(instrument(trading, symbol)) == []
    assert found(trading, symbol, order.client_id, TRIGGER).status == CANCELLED


@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
def test_a_stop_that_has_fired_is_still_found_and_cancelled_as_a_stop(trading, sim, touch, symbol):
    stop = on_tick(trading, symbol, touch(symbol)[0] * Decimal("0.97"))
    rests = on_tick(trading, symbol, touch(symbol)[1] * Decimal("1.1"))
    order = OrderSpec(fresh_id(), SELL, STOP_LIMIT, SIZE[symbol], rests, stop)
    made = trading.submit(instrument(trading, symbol), order)
    sim.print_trade("bybit", "BTCUSDT", stop, 1, SELL, product=instrument(trading, symbol).product)
    report = found(trading, symbol, order.client_id, TRIGGER)
    assert (report.order_id, report.status, report.family) == (made.order_id, OPEN, TRIGGER)
    trading.cancel(ref(trading, symbol, made, TRIGGER))
    assert found(trading, symbol, order.client_id, TRIGGER).status == CANCELLED


def test_a_reduce_only_stop_closes_the_position_when_it_fires(trading, sim, touch):
    linear = instrument(trading, LINEAR)
    trading.submit(linear, OrderSpec(fresh_id(), BUY, MARKET, Decimal("0.02")))
    stop = on_tick(trading, LINEAR, touch(LINEAR)[0] * Decimal("0.97"))
    order = OrderSpec(fresh_id(), SELL, STOP, Decimal("0.02"), None, stop, reduce_only=True)
    trading.submit(linear, order)
    (report,) = trading.open_orders(linear)
    assert (report.reduce_only, report.type, report.family) == (True, STOP, TRIGGER)
    sim.print_trade("bybit", "BTCUSDT", stop, 1, SELL, product="linear")
    assert found(trading, LINEAR, order.client_id, TRIGGER).status == FILLED
    assert trading.positions() == []


# --- what is not known -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", [SPOT, LINEAR, INVERSE])
@pytest.mark.parametrize("kind", ["reset", "drop_request", "server_error", "html_error"])
def test_an_order_whose_answer_is_lost_is_found_again_by_our_id(trading, sim, touch, symbol, kind):
    order = spec(trading, symbol, touch)
    sim.set_fault("bybit", kind, CREATE, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, symbol), order)
    assert found(trading, symbol, order.client_id).status == OPEN


@pytest.mark.parametrize("symbol", [SPOT, LINEAR, INVERSE])
def test_a_lost_order_that_has_ended_meanwhile_is_found_too(trading, sim, symbol):
    order = OrderSpec(fresh_id(), BUY, MARKET, SIZE[symbol])
    sim.set_fault("bybit", "drop_request", CREATE, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, symbol), order)
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.filled) == (FILLED, order.size)


def test_an_order_that_the_lists_lack_for_a_while_is_found_by_the_venues_id_at_once(trading, sim, touch):
    order = spec(trading, LINEAR, touch)
    sim.set_fault("bybit", "lagging_orders", ms=60_000)
    made = trading.submit(instrument(trading, LINEAR), order)
    assert trading.find(OrderRef(instrument(trading, LINEAR), None, order.client_id)) is None
    by_id = trading.find(OrderRef(instrument(trading, LINEAR), made.order_id, order.client_id))
    assert by_id is not None
    assert by_id.status == OPEN
    sim.clear_faults("bybit")
    assert found(trading, LINEAR, order.client_id).order_id == made.order_id


def test_an_order_that_never_arrived_is_not_found(trading, sim, touch):
    order = spec(trading, LINEAR, touch)
    sim.set_fault("bybit", "drop_request", CREATE, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, LINEAR), order)
    assert trading.find(OrderRef(instrument(trading, LINEAR), None, order.client_id)) is None


@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
def test_our_own_id_refused_as_a_duplicate_means_that_an_earlier_delivery_landed(trading, sim, touch, symbol):
    order = spec(trading, symbol, touch)
    sim.set_fault("bybit", "twice", CREATE, times=1)
    with pytest.raises(OutcomeUnknown, match=r"110072|170141"):
        trading.submit(instrument(trading, symbol), order)
    assert found(trading, symbol, order.client_id).status == OPEN
    assert len(trading.open_orders(instrument(trading, symbol))) == 1


@pytest.mark.parametrize("kind", ["malformed_json", "truncated_json"])
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(trading, sim, touch, kind):
    order = spec(trading, LINEAR, touch)
    sim.set_fault("bybit", kind, CREATE, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, LINEAR), order)
    assert found(trading, LINEAR, order.client_id).status == OPEN


@pytest.mark.parametrize("kind", ["maintenance", "server_error", "geo_blocked", "malformed_json"])
def test_a_look_up_without_an_answer_is_no_answer(trading, sim, kind):
    sim.set_fault("bybit", kind, "/v5/order/realtime", times=1)
    with pytest.raises(Unavailable):
        trading.find(OrderRef(instrument(trading, LINEAR), None, fresh_id()))
    sim.set_fault("bybit", kind, "/v5/order/history", times=1)
    with pytest.raises(Unavailable):
        trading.find(OrderRef(instrument(trading, LINEAR), None, fresh_id()))


def test_what_a_cancel_does_not_find_has_to_be_looked_up_and_what_has_ended_is_refused(trading, touch):
    for symbol, unknown in ((SPOT, "1800000000000000001"), (LINEAR, "5f0c2b1e-0000-4c1b-8d5e-3f9a6b7c0d42")):
        with pytest.raises(OutcomeUnknown):
            trading.cancel(OrderRef(instrument(trading, symbol), unknown, None))
    order = spec(trading, SPOT, touch)
    made = trading.submit(instrument(trading, SPOT), order)
    trading.cancel(ref(trading, SPOT, made))
    with pytest.raises(Refused, match="170142"):
        trading.cancel(ref(trading, SPOT, made))


def test_a_cancel_whose_answer_is_lost_is_unknown(trading, sim, touch):
    order = spec(trading, LINEAR, touch)
    made = trading.submit(instrument(trading, LINEAR), order)
    sim.set_fault("bybit", "drop_request", CANCEL, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.cancel(ref(trading, LINEAR, made))
    assert found(trading, LINEAR, order.client_id).status == CANCELLED


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "changes", "code"),
    [
        (SPOT, {"size": Decimal(50)}, "170131"),
        (LINEAR, {"size": Decimal(700)}, "110007"),
        (SPOT, {"size": Decimal("0.00002")}, "170140"),
        (LINEAR, {"client_id": "x" * 37}, "10001"),
        (LINEAR, {"size": Decimal("0.0001")}, "minimum amount"),
    ],
)
def test_what_the_venue_forbids_is_refused_and_nothing_is_there(trading, touch, symbol, changes, code):
    order = spec(trading, symbol, touch, **changes)
    with pytest.raises(Refused, match=code):
        trading.submit(instrument(trading, symbol), order)
    assert trading.open_orders(instrument(trading, symbol)) == []


def test_a_key_that_may_only_read_is_refused_and_says_so_itself(trading, place, tmp_path, touch):
    from simulator.venues.bybit_auth import ACCOUNTS

    full, read_only, withdrawing, _ = ACCOUNTS
    order = spec(trading, LINEAR, touch)
    reader = with_keys(trading, place, tmp_path, read_only)
    with pytest.raises(Unauthorized, match="10005"):
        reader.submit(instrument(trading, LINEAR), order)
    told = [
        tuple(with_keys(trading, place, tmp_path, account).permissions())
        for account in (full, read_only, withdrawing)
    ]  # fmt: skip
    assert told == [(True, True, False), (True, False, False), (True, True, True)]


def test_a_wrong_secret_is_unauthorized(trading, place, tmp_path, touch):
    from simulator.exchange.model import Account
    from simulator.venues.bybit_auth import ACCOUNTS

    wrong = with_keys(trading, place, tmp_path, Account("main", ACCOUNTS[0].key, "wrong"))
    with pytest.raises(Unauthorized, match="10004"):
        wrong.submit(instrument(trading, LINEAR), spec(trading, LINEAR, touch))


def test_a_clock_that_is_wrong_is_refused_not_unknown(trading, sim, touch):
    order = spec(trading, LINEAR, touch)
    sim.set_fault("bybit", "clock_skew", CREATE, ms=60_000, times=1)
    with pytest.raises(Refused, match="10002"):
        trading.submit(instrument(trading, LINEAR), order)


def test_a_rate_limit_means_that_nothing_happened(trading, sim, touch):
    sim.set_fault("bybit", "rate_limited", CREATE, times=1)
    with pytest.raises(RateLimited):
        trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR, touch))


def test_at_the_pace_of_the_rules_the_venue_refuses_nothing(trading, sim, touch):
    linear, order = instrument(trading, LINEAR), spec(trading, LINEAR, touch)
    sim.set_limits("bybit", 1)
    try:
        for _ in range(15):
            trading.admit()
            trading.submit(linear, order._replace(client_id=fresh_id(), size=Decimal("0.001")))
    finally:
        sim.set_limits("bybit", None)
    assert len(trading.open_orders(linear)) == 15


def test_maintenance_while_an_order_is_sent_leaves_it_unknown(trading, sim, touch):
    sim.set_fault("bybit", "maintenance", CREATE, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR, touch))


# --- lists -----------------------------------------------------------------------------------------------------------


def test_open_orders_are_those_of_every_section_and_settle_coin_stops_included(trading, touch):
    orders = {symbol: spec(trading, symbol, touch) for symbol in EVERY}
    for symbol, order in orders.items():
        trading.submit(instrument(trading, symbol), order)
        stop = on_tick(trading, symbol, touch(symbol)[1] * Decimal("1.1"))
        trading.submit(instrument(trading, symbol), OrderSpec(fresh_id(), BUY, STOP, SIZE[symbol], None, stop))
    reports = trading.open_orders()
    assert {(report.symbol, report.family) for report in reports} == {
        (symbol, family) for symbol in EVERY for family in (REGULAR, TRIGGER)
    }
    assert len(reports) == 8


def test_lists_longer_than_a_page_are_read_whole(trading, touch):
    linear = instrument(trading, LINEAR)
    price = spec(trading, LINEAR, touch).price
    started_ms = time.time_ns() // 1_000_000 - 2_000
    ids = []
    for _ in range(60):
        order = OrderSpec(fresh_id(), BUY, LIMIT, Decimal("0.001"), price)
        trading.submit(linear, order)
        ids.append(order.client_id)
    assert {report.client_id for report in trading.open_orders(linear)} == set(ids)
    trading.cancel_all(linear)
    closed = trading.closed_orders(linear, started_ms)
    assert [report.client_id for report in closed] == ids
    assert {report.status for report in closed} == {CANCELLED}


@pytest.mark.parametrize("symbol", EVERY)
def test_cancel_all_ends_every_family_of_one_instrument(trading, touch, symbol):
    other = LINEAR if symbol != LINEAR else SPOT
    for each in (symbol, other):
        trading.submit(instrument(trading, each), spec(trading, each, touch))
    stop = on_tick(trading, symbol, touch(symbol)[0] * Decimal("0.9"))
    trading.submit(instrument(trading, symbol), OrderSpec(fresh_id(), SELL, STOP, SIZE[symbol], None, stop))
    trading.cancel_all(instrument(trading, symbol))
    assert {report.symbol for report in trading.open_orders()} == {other}


@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
def test_an_order_partly_filled_and_then_cancelled_is_cancelled_with_what_was_filled(trading, sim, touch, symbol):
    started_ms = time.time_ns() // 1_000_000 - 2_000
    price = on_tick(trading, symbol, touch(symbol)[0] * Decimal("0.97"))
    order = spec(trading, symbol, touch, price=price)
    made = trading.submit(instrument(trading, symbol), order)
    sim.print_trade("bybit", "BTCUSDT", price, "0.004", SELL, product=instrument(trading, symbol).product)
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.filled) == (OPEN, Decimal("0.004"))
    trading.cancel(ref(trading, symbol, made))
    (report,) = trading.closed_orders(instrument(trading, symbol), started_ms)
    assert (report.status, report.filled, report.size) == (CANCELLED, Decimal("0.004"), order.size)
    (fill,) = trading.fills(instrument(trading, symbol), started_ms)
    assert (fill.maker, fill.size, fill.price) == (True, Decimal("0.004"), price)


def test_a_list_over_several_weeks_is_asked_week_by_week(trading, sim):
    trading.submit(instrument(trading, LINEAR), OrderSpec(fresh_id(), BUY, MARKET, Decimal("0.01")))
    since_ms = time.time_ns() // 1_000_000 - 20 * 86_400_000
    sim.reset_requests()
    fills = trading.fills(instrument(trading, LINEAR), since_ms)
    assert sum(fill.size for fill in fills) == Decimal("0.01")
    assert sim.requests("bybit")["/v5/execution/list"] >= 3
    assert trading.funding_payments(instrument(trading, LINEAR), since_ms) == []


# --- account ---------------------------------------------------------------------------------------------------------


def test_balances_say_what_open_orders_hold(trading, touch):
    before = {balance.currency: balance for balance in trading.balances()}
    assert (before["USDT"].free, before["USDT"].used, before["USDT"].total) == (1_000_000, 0, 1_000_000)
    order = spec(trading, SPOT, touch)
    trading.submit(instrument(trading, SPOT), order)
    usdt = next(balance for balance in trading.balances() if balance.currency == "USDT")
    assert order.price
    assert (usdt.used, usdt.total) == (order.size * order.price, 1_000_000)
    assert usdt.free == usdt.total - usdt.used


def test_positions_are_those_of_every_settle_coin(trading):
    for symbol, side in ((LINEAR, BUY), (USDC, SELL), (INVERSE, SELL)):
        trading.submit(instrument(trading, symbol), OrderSpec(fresh_id(), side, MARKET, SIZE[symbol]))
    positions = {position.symbol: position for position in trading.positions()}
    assert {symbol: position.size for symbol, position in positions.items()} == {
        LINEAR: Decimal("0.01"), USDC: Decimal("-0.01"), INVERSE: Decimal(-500),
    }  # fmt: skip
    linear = positions[LINEAR]
    assert linear.leverage == 10
    assert linear.entry_price
    assert linear.mark_price
    assert linear.unrealized is not None
    assert linear.updated_ms


def test_there_is_no_dead_man_switch_over_rest(trading):
    assert trading.rules.cancel_after_s is None
    with pytest.raises(Unsupported):
        trading.cancel_after(60)


# --- answers of the real venue ---------------------------------------------------------------------------------------

# bybit-exchange.github.io/docs/v5/order/execution, as ccxt's source quotes an answer of 2024-03-20.
FUNDING_ROW = {
    "symbol": "XMRUSDT", "orderType": "UNKNOWN", "underlyingPrice": "", "orderLinkId": "",
    "orderId": "a11e5fe2-1dbf-4bab-a9b2-af80a14efc5d", "stopOrderType": "UNKNOWN", "execTime": "1710950400000",
    "feeCurrency": "", "createType": "", "feeRate": "-0.000761", "tradeIv": "", "blockTradeId": "",
    "markPrice": "136.79", "execPrice": "137.11", "markIv": "", "orderQty": "0", "orderPrice": "0",
    "execValue": "134.3678", "closedSize": "0", "execType": "Funding", "seq": "28097658790", "side": "Sell",
    "indexPrice": "", "leavesQty": "0", "isMaker": False, "execFee": "-0.10232512",
    "execId": "8d1ef156-4ec6-4445-9a6c-1c0c24dbd046", "marketUnit": "", "execQty": "0.98",
}  # fmt: skip
XMR = Instrument(
    "bybit", "XMR/USDT:USDT", "XMRUSDT", PERPETUAL, "XMR", "USDT", "USDT", "XMR", product="linear"
)  # fmt: skip
MARKET_ROW = {**LINEAR_ROW, "symbol": "XMRUSDT", "baseCoin": "XMR"}


class OnceGuard(PlainGuard):
    """Lets everything pass, once."""

    def admit_once(self, **_: Any) -> None:
        pass

    def once(self, fn: Any, *, deadline: float) -> Any:
        assert deadline > time.monotonic()
        return fn()


class OneInstrument:
    """A cache with one instrument."""

    def find(self, symbol: str) -> Instrument | None:
        return XMR if symbol == XMR.symbol else None


def told(path: str, reply: Any) -> BybitTrading:
    """Bybit's private side, answered `reply` at a path."""

    def instruments(request: Any) -> Any:
        rows = [MARKET_ROW] if "category=linear" in request.url and "PreLaunch" not in request.url else []
        return envelope({"category": "linear", "list": rows, "nextPageCursor": ""})

    given = context({"/v5/market/instruments-info": instruments, path: reply}, venue="bybit")
    keys = Credentials("key", "secret", None, "a test")
    given = replace(given, credentials=lambda: keys, guard=OnceGuard())  # type: ignore[arg-type]
    return BybitTrading(Bybit("bybit", given), OneInstrument())  # type: ignore[arg-type]


def test_funding_that_was_received_is_positive_and_the_rate_is_the_markets() -> None:
    pages = iter([{"list": [FUNDING_ROW], "nextPageCursor": "5774437%3A0%2C5771289%3A0"}])
    empty = {"list": [], "nextPageCursor": ""}
    trading = told("/v5/execution/list", lambda _: envelope(next(pages, empty)))
    since_ms = time.time_ns() // 1_000_000 - 86_400_000
    (payment,) = trading.funding_payments(XMR, since_ms)
    assert (payment.amount, payment.currency) == (Decimal("0.10232512"), "USDT")
    assert (payment.rate, payment.time_ms) == (Decimal("0.000761"), 1710950400000)
    assert payment.payment_id == FUNDING_ROW["execId"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (envelope(None), BadAnswer),
        (envelope({}), BadAnswer),
        (answer(b""), BadAnswer),
        (answer({"result": {"list": []}}), Refused),
        (envelope({}, 10000, "Server Timeout"), Unavailable),
        (envelope({}, 10016, "Server error."), Unavailable),
        (envelope({}, 10019, "The trading service is restarting"), Maintenance),
        (envelope({}, 10429, "System level frequency protection"), RateLimited),
        (envelope({}, 10005, "Permission denied, please check your API key permissions."), Unauthorized),
    ],
)
def test_an_answer_that_lists_nothing_is_not_an_empty_list(reply: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        told("/v5/order/realtime", reply).open_orders(XMR)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (envelope({}), OutcomeUnknown),
        (envelope(None), OutcomeUnknown),
        (answer(b""), OutcomeUnknown),
        (envelope({}, 10000, "Server Timeout"), OutcomeUnknown),
        (envelope({}, 10016, "Server error."), OutcomeUnknown),
        (envelope({}, 10014, "Invalid duplicate request."), OutcomeUnknown),
        (envelope({}, 170146, "Order creation timeout"), OutcomeUnknown),
        (envelope({}, 170007, "Timeout waiting for response from backend server."), OutcomeUnknown),
        (envelope({}, 10006, "Too many visits. Exceeded the API Rate Limit."), RateLimited),
        (envelope({}, 170222, "Too many requests in this time frame."), RateLimited),
        (envelope({}, 110007, "ab not enough for new order"), Refused),
        (envelope({}, 10001, "Qty invalid"), Refused),
        (envelope({}, 10001, "Not supported symbols"), NotListed),
        (envelope({}, 33004, "Your api key has expired."), Unauthorized),
        (answer("403, access too frequent", 403), OutcomeUnknown),
    ],
)
def test_what_an_answer_to_an_order_means(reply: Any, error: type[Exception]) -> None:
    order = OrderSpec("mine", BUY, LIMIT, Decimal(10), Decimal(1))
    with pytest.raises(error) as caught:
        told("/v5/order/create", reply).submit(XMR, order)
    assert type(caught.value) is error


@pytest.mark.parametrize("reply", [envelope({}), envelope(None), answer(b"")])
def test_a_cancel_that_names_no_order_is_unknown(reply: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        told("/v5/order/cancel", reply).cancel(OrderRef(XMR, "an-id", None))
    with pytest.raises(OutcomeUnknown):
        told("/v5/order/cancel-all", reply).cancel_all(XMR)
