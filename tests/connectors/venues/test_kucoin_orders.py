"""KuCoin's private side against the simulator: every type and flag, lost answers found again, refusals told apart."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.trading import OrderRef
from connectors.venues.kucoin_orders import KucoinTrading
from domain.errors import NotListed, NotSent, OutcomeUnknown, Refused, Unauthorized, Unavailable, Unsupported
from domain.instruments import Instrument
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
    SELL,
    STOP,
    STOP_LIMIT,
    TRIGGER,
    OrderReport,
    OrderSpec,
)
from simulator.venues.kucoin import Kucoin
from tests.connectors.opened import at_home, know_simulator, once, opened
from utils.secrets import Credentials

SPOT, LINEAR, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
EVERY = (SPOT, LINEAR, INVERSE)
SIZE = {SPOT: Decimal("0.01"), LINEAR: Decimal("0.01"), INVERSE: Decimal(500)}
NATIVE = {SPOT: "BTC-USDT", LINEAR: "XBTUSDTM", INVERSE: "XBTUSDM"}
PLACED = {SPOT: "/api/v1/hf/orders/sync", LINEAR: "/api/v1/orders", INVERSE: "/api/v1/orders"}
STOPS = "/api/v1/stop-order"
SPOT_HOST, FUTURES_HOST = "api.kucoin.com", "api-futures.kucoin.com"
_numbers = count(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def place(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A home with KuCoin's instruments in its cache, and the open venues."""
    home = tmp_path_factory.mktemp("kucoin-home")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["kucoin"])
    with at_home(home):
        venues.ensure_markets()
        yield venues
    venues.close()


@pytest.fixture
def trading(sim: Any, place: Any, tmp_path: Path) -> KucoinTrading:
    sim.reset_accounts("kucoin")
    sim.reset_requests()
    return KucoinTrading(once(place, "kucoin", tmp_path), place.cache.of("kucoin"))


@pytest.fixture
def touch(trading: KucoinTrading) -> Any:
    """Best bid and ask of a symbol, on its tick."""

    def look(symbol: str) -> tuple[Decimal, Decimal]:
        quote = trading.connector.fetch_quote(trading.instrument(symbol))
        return Decimal(str(quote.bid)), Decimal(str(quote.ask))

    return look


def with_keys(place: Any, tmp_path: Path, account: Any) -> KucoinTrading:
    connector = once(place, "kucoin", tmp_path)
    keys = Credentials(account.key, account.secret, account.passphrase, "a test")
    connector.context = replace(connector.context, credentials=lambda: keys)
    return KucoinTrading(connector, place.cache.of("kucoin"))


def on_tick(trading: KucoinTrading, symbol: str, price: Decimal) -> Decimal:
    tick = trading.instrument(symbol).tick_size
    assert tick
    return price // tick * tick


def fresh_id() -> str:
    return f"cb-{next(_numbers)}"


def spec(trading: KucoinTrading, symbol: str, touch: Any, **changes: Any) -> OrderSpec:
    """A resting buy at 90 % of the best bid, unless changed."""
    price = on_tick(trading, symbol, touch(symbol)[0] * Decimal("0.9"))
    return OrderSpec(fresh_id(), BUY, LIMIT, SIZE[symbol], price)._replace(**changes)


def submit(trading: KucoinTrading, symbol: str, order: OrderSpec) -> OrderReport:
    instrument = trading.instrument(symbol)
    trading.prepare(instrument, order)
    return trading.submit(instrument, order)


def by_ours(trading: KucoinTrading, symbol: str, client_id: str, family: str = REGULAR) -> OrderRef:
    return OrderRef(trading.instrument(symbol), None, client_id, family)


def found(trading: KucoinTrading, symbol: str, client_id: str, family: str = REGULAR) -> OrderReport:
    report = trading.find(by_ours(trading, symbol, client_id, family))
    assert report is not None
    return report


def stop(trading: KucoinTrading, symbol: str, touch: Any, side: str, kind: str = STOP) -> OrderSpec:
    bid, ask = touch(symbol)
    at = on_tick(trading, symbol, ask * Decimal("1.04") if side == BUY else bid * Decimal("0.96"))
    return OrderSpec(fresh_id(), side, kind, SIZE[symbol], at if kind == STOP_LIMIT else None, at)


# --- one order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_placed_found_and_cancelled_with_one_request_each(trading, sim, touch, symbol):
    order = spec(trading, symbol, touch)
    trading.prepare(trading.instrument(symbol), order)
    trading.permissions()  # whatever a first call brings with it
    sim.reset_requests()
    made = trading.submit(trading.instrument(symbol), order)
    assert sim.requests("kucoin") == {PLACED[symbol]: 1}
    assert (made.client_id, made.status) == (order.client_id, OPEN if symbol == SPOT else None)
    report = found(trading, symbol, order.client_id)
    assert (report.order_id, report.status, report.side, report.type) == (made.order_id, OPEN, BUY, LIMIT)
    assert (report.price, report.size, report.filled, report.tif) == (order.price, order.size, 0, "gtc")
    assert (report.post_only, report.family) == (False, REGULAR)
    assert report.created_ms
    assert report.updated_ms
    sim.reset_requests()
    trading.cancel(OrderRef(trading.instrument(symbol), made.order_id, made.client_id))
    assert sum(sim.requests("kucoin").values()) == 1
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.filled) == (CANCELLED, 0)


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_cancelled_by_our_id_alone(trading, touch, symbol):
    order = spec(trading, symbol, touch)
    submit(trading, symbol, order)
    trading.cancel(by_ours(trading, symbol, order.client_id))
    assert found(trading, symbol, order.client_id).status == CANCELLED


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_found_by_the_venues_id_alone(trading, touch, symbol):
    order = spec(trading, symbol, touch)
    made = submit(trading, symbol, order)
    report = trading.find(OrderRef(trading.instrument(symbol), made.order_id, None))
    assert report is not None
    assert report.client_id == order.client_id


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_market_order_counts_base_on_both_sides_and_its_fills_add_up(trading, symbol, side):
    started_ms = time.time_ns() // 1_000_000 - 2_000
    order = OrderSpec(fresh_id(), side, MARKET, SIZE[symbol])
    made = submit(trading, symbol, order)
    if symbol == SPOT:
        assert (made.status, made.filled) == (FILLED, order.size)
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.size, report.filled, report.type) == (FILLED, order.size, order.size, MARKET)
    assert (report.price, report.order_id) == (None, made.order_id)
    assert report.average_price
    fills = trading.fills(trading.instrument(symbol), started_ms)
    assert sum(fill.size for fill in fills) == order.size
    assert {(fill.order_id, fill.side, fill.maker) for fill in fills} == {(report.order_id, side, False)}
    assert {fill.fee_currency for fill in fills} == {"BTC" if symbol == INVERSE else "USDT"}
    assert all(fill.fee and fill.fee > 0 for fill in fills)


@pytest.mark.parametrize("symbol", EVERY)
def test_a_post_only_order_that_would_take_is_refused_and_one_that_would_not_rests(trading, touch, symbol):
    price = on_tick(trading, symbol, touch(symbol)[1] * Decimal("1.01"))
    with pytest.raises(Refused):
        submit(trading, symbol, spec(trading, symbol, touch, price=price, post_only=True))
    order = spec(trading, symbol, touch, post_only=True)
    submit(trading, symbol, order)
    assert found(trading, symbol, order.client_id).post_only is True


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("tif", [IOC, FOK])
def test_ioc_and_fok_orders_that_meet_nothing_end_at_once(trading, touch, symbol, tif):
    order = spec(trading, symbol, touch, tif=tif)
    submit(trading, symbol, order)
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.tif, report.filled) == (CANCELLED, tif, 0)
    assert trading.open_orders(trading.instrument(symbol)) == []


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE])
def test_a_reduce_only_order_needs_a_position_and_never_turns_it(trading, symbol):
    size = SIZE[symbol]
    closing = OrderSpec(fresh_id(), SELL, MARKET, size * 3, reduce_only=True)
    with pytest.raises(Refused, match="300009"):
        submit(trading, symbol, closing)
    submit(trading, symbol, OrderSpec(fresh_id(), BUY, MARKET, size))
    (position,) = trading.positions()
    assert (position.symbol, position.size, position.margin_mode) == (symbol, size, "isolated")
    assert position.entry_price
    submit(trading, symbol, closing._replace(client_id=fresh_id()))
    assert trading.positions() == []


def test_a_size_of_no_whole_contracts_is_not_sent(trading, sim, touch):
    sim.reset_requests()
    with pytest.raises(NotSent, match="whole number"):
        trading.submit(trading.instrument(LINEAR), spec(trading, LINEAR, touch, size=Decimal("0.0015")))
    assert PLACED[LINEAR] not in sim.requests("kucoin")


@pytest.mark.parametrize("changes", [{"post_only": True, "tif": IOC}, {"type": MARKET, "price": None, "tif": FOK}])
def test_flags_that_kucoin_would_ignore_are_not_sent(trading, sim, touch, changes):
    order = spec(trading, SPOT, touch, **changes)
    sim.reset_requests()
    with pytest.raises(Unsupported):
        trading.submit(trading.instrument(SPOT), order)
    assert sim.requests("kucoin") == {}


def test_orders_are_not_amended(trading, touch):
    order = spec(trading, SPOT, touch)
    made = submit(trading, SPOT, order)
    with pytest.raises(Unsupported):
        trading.amend(OrderRef(trading.instrument(SPOT), made.order_id, None), made, size=Decimal(1), price=None)


@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
def test_an_order_that_our_id_does_not_lead_to_any_more_is_found_by_the_venues(trading, touch, symbol):
    made = submit(trading, symbol, spec(trading, symbol, touch))
    report = trading.find(OrderRef(trading.instrument(symbol), made.order_id, "forgotten"))
    assert report is not None
    assert (report.order_id, report.client_id) == (made.order_id, made.client_id)


def test_two_positions_of_one_contract_are_not_told_as_one(trading, monkeypatch):
    submit(trading, LINEAR, OrderSpec(fresh_id(), BUY, MARKET, SIZE[LINEAR]))
    rows = trading.ask("fetch_positions", None, {})
    assert len(rows) == 1
    monkeypatch.setattr(trading, "ask", lambda *_: rows * 2)
    with pytest.raises(Unsupported, match="hedge"):
        trading.positions()


# --- leverage --------------------------------------------------------------------------------------------------------


def test_an_order_keeps_the_leverage_of_an_isolated_position(trading):
    trading.read(
        lambda exchange: exchange.create_order(
            LINEAR, "market", "buy", 20, None, {"leverage": 7, "clientOrderId": fresh_id()}
        )
    )
    order = OrderSpec(fresh_id(), BUY, MARKET, SIZE[LINEAR])
    assert trading.prepare(trading.instrument(LINEAR), order) == {"margin_mode": "isolated", "leverage": "7"}
    trading.submit(trading.instrument(LINEAR), order)
    (position,) = trading.positions()
    assert position.size == Decimal("0.03")
    assert round(position.leverage) == 7


def test_an_order_names_the_margin_mode_and_keeps_the_cross_leverage(trading):
    symbol = "ETH/USDT:USDT"
    trading.read(lambda exchange: exchange.set_margin_mode("cross", symbol))
    try:
        trading.read(lambda exchange: exchange.set_leverage(9, symbol))
        order = OrderSpec(fresh_id(), BUY, MARKET, Decimal("0.1"))
        trading.submit(trading.instrument(symbol), order)  # prepares by itself
        (position,) = trading.positions()
        assert (position.leverage, position.margin_mode) == (9, "cross")
        submit(trading, symbol, OrderSpec(fresh_id(), SELL, MARKET, Decimal("0.1"), reduce_only=True))
    finally:
        trading.read(lambda exchange: exchange.set_margin_mode("isolated", symbol))


def test_an_order_whose_leverage_cannot_be_read_is_not_sent(trading, sim, touch):
    order = spec(trading, LINEAR, touch)
    sim.set_fault("kucoin", "server_error", "/api/v2/position/getMarginMode", times=1)
    with pytest.raises(NotSent):
        trading.submit(trading.instrument(LINEAR), order)
    assert trading.find(by_ours(trading, LINEAR, order.client_id)) is None


# --- stops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("kind", [STOP, STOP_LIMIT])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_stop_waits_among_the_open_orders_and_is_cancelled(trading, touch, symbol, kind, side):
    order = stop(trading, symbol, touch, side, kind)
    made = submit(trading, symbol, order)
    (report,) = trading.open_orders(trading.instrument(symbol))
    assert (report.client_id, report.status, report.type, report.family) == (order.client_id, OPEN, kind, TRIGGER)
    assert (report.stop_price, report.price, report.size) == (order.stop_price, order.price, order.size)
    assert str(report.size) == str(order.size.normalize()) or symbol != SPOT
    assert found(trading, symbol, order.client_id, TRIGGER).order_id == made.order_id
    trading.cancel(OrderRef(trading.instrument(symbol), made.order_id, made.client_id, TRIGGER))
    assert trading.open_orders(trading.instrument(symbol)) == []
    assert found(trading, symbol, order.client_id, TRIGGER).status == CANCELLED


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_stop_fires_in_the_direction_of_its_side(trading, sim, touch, symbol, side):
    order = stop(trading, symbol, touch, side)
    made = submit(trading, symbol, order)
    sim.print_trade("kucoin", NATIVE[symbol], order.stop_price, 1, side)
    report = found(trading, symbol, order.client_id, TRIGGER)
    assert (report.status, report.filled, report.family) == (FILLED, order.size, TRIGGER)
    assert (report.order_id == made.order_id) is (symbol != SPOT)
    fills = trading.fills(trading.instrument(symbol), report.created_ms - 1_000)
    assert {fill.order_id for fill in fills} == {report.order_id}


@pytest.mark.parametrize("symbol", EVERY)
def test_a_stop_that_has_fired_is_still_found_and_cancelled_as_a_stop(trading, sim, touch, symbol):
    order = stop(trading, symbol, touch, SELL, STOP_LIMIT)
    order = order._replace(price=on_tick(trading, symbol, touch(symbol)[1] * Decimal("1.04")))
    made = submit(trading, symbol, order)
    sim.print_trade("kucoin", NATIVE[symbol], order.stop_price, 1, SELL)
    report = found(trading, symbol, order.client_id, TRIGGER)
    assert (report.status, report.filled, report.stop_price) == (OPEN, 0, order.stop_price)
    assert [each.client_id for each in trading.open_orders(trading.instrument(symbol))] == [order.client_id]
    trading.cancel(OrderRef(trading.instrument(symbol), made.order_id, made.client_id, TRIGGER))
    assert found(trading, symbol, order.client_id, TRIGGER).status == CANCELLED


def test_half_an_answer_about_a_stop_that_has_fired_is_none(trading, sim, touch):
    order = stop(trading, SPOT, touch, SELL)
    submit(trading, SPOT, order)
    sim.print_trade("kucoin", NATIVE[SPOT], order.stop_price, 1, SELL)
    sim.set_fault("kucoin", "malformed_json", "/api/v1/hf/orders/client-order/*", times=1)
    with pytest.raises(Unavailable):
        trading.find(by_ours(trading, SPOT, order.client_id, TRIGGER))
    assert found(trading, SPOT, order.client_id, TRIGGER).status == FILLED


def test_what_ccxt_calls_a_cancelled_stop_is_told_as_it_is(trading, sim, touch):
    order = stop(trading, SPOT, touch, SELL)
    made = submit(trading, SPOT, order)
    sim.print_trade("kucoin", NATIVE[SPOT], order.stop_price, 1, SELL)
    raw = trading.ask("fetch_order", made.order_id, SPOT, {"trigger": True})
    assert raw["status"] == "cancelled"
    assert trading.reading_order(raw, trading.instrument(SPOT)).status is None


# --- what is not known -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("kind", ["reset", "drop_request", "server_error", "html_error"])
def test_an_order_whose_answer_is_lost_is_found_again_by_our_id(trading, sim, touch, symbol, kind):
    order = spec(trading, symbol, touch)
    sim.set_fault("kucoin", kind, PLACED[symbol], times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(symbol), order)
    assert found(trading, symbol, order.client_id).status == OPEN


@pytest.mark.parametrize("symbol", EVERY)
def test_a_lost_order_that_has_ended_meanwhile_is_found_too(trading, sim, symbol):
    order = OrderSpec(fresh_id(), BUY, MARKET, SIZE[symbol])
    sim.set_fault("kucoin", "drop_request", PLACED[symbol], times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(symbol), order)
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.filled) == (FILLED, order.size)


def test_a_lost_stop_is_found_again_by_our_id(trading, sim, touch):
    order = stop(trading, SPOT, touch, BUY)
    sim.set_fault("kucoin", "drop_request", STOPS, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(SPOT), order)
    assert found(trading, SPOT, order.client_id, TRIGGER).status == OPEN


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("family", [REGULAR, TRIGGER])
def test_an_order_that_never_arrived_is_not_found(trading, sim, touch, symbol, family):
    order = spec(trading, symbol, touch)
    sim.set_fault("kucoin", "drop_request", PLACED[symbol], times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(symbol), order)
    assert trading.find(by_ours(trading, symbol, order.client_id, family)) is None


@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
def test_an_order_that_reaches_the_venue_late_is_found_once_it_is_there(trading, sim, touch, symbol):
    order = spec(trading, symbol, touch)
    sim.set_fault("kucoin", "late", PLACED[symbol], times=1, ms=700)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(symbol), order)
    assert trading.find(by_ours(trading, symbol, order.client_id)) is None
    until = time.monotonic() + trading.rules.acceptance_ms / 1000
    while (report := trading.find(by_ours(trading, symbol, order.client_id))) is None and time.monotonic() < until:
        time.sleep(0.05)
    assert report is not None
    assert report.status == OPEN


def test_an_order_that_comes_in_after_five_seconds_is_not_accepted(trading, sim, touch):
    order = spec(trading, SPOT, touch)
    sim.set_fault("kucoin", "clock_skew", PLACED[SPOT], ms=trading.rules.acceptance_ms + 200, times=1)
    with pytest.raises(Refused, match="400002"):
        trading.submit(trading.instrument(SPOT), order)


@pytest.mark.parametrize("symbol", EVERY)
def test_our_own_id_refused_as_a_duplicate_means_that_an_earlier_delivery_landed(trading, sim, touch, symbol):
    order = spec(trading, symbol, touch)
    sim.set_fault("kucoin", "twice", PLACED[symbol], times=1)
    with pytest.raises(OutcomeUnknown, match=r"102426|300018"):
        trading.submit(trading.instrument(symbol), order)
    assert found(trading, symbol, order.client_id).status == OPEN
    assert len(trading.open_orders(trading.instrument(symbol))) == 1


def test_a_stop_delivered_twice_is_unknown_too(trading, sim, touch):
    order = stop(trading, SPOT, touch, BUY)
    sim.set_fault("kucoin", "twice", STOPS, times=1)
    with pytest.raises(OutcomeUnknown, match="clientOidDuplicated"):
        trading.submit(trading.instrument(SPOT), order)
    assert len(trading.open_orders(trading.instrument(SPOT))) == 1


@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
@pytest.mark.parametrize("kind", ["malformed_json", "truncated_json"])
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(trading, sim, touch, symbol, kind):
    order = spec(trading, symbol, touch)
    sim.set_fault("kucoin", kind, PLACED[symbol], times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(symbol), order)
    assert found(trading, symbol, order.client_id).status == OPEN


@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
@pytest.mark.parametrize("kind", ["maintenance", "server_error", "geo_blocked", "malformed_json"])
def test_a_look_up_without_an_answer_is_no_answer(trading, sim, symbol, kind):
    for family, path in ((REGULAR, "*/client-order/*"), (REGULAR, "*/byClientOid*"), (TRIGGER, "*queryOrder*")):
        sim.clear_faults()
        sim.set_fault("kucoin", kind, path, times=1)
        used = (symbol == SPOT) == ("byClientOid" not in path)
        if used:
            with pytest.raises(Unavailable):
                trading.find(by_ours(trading, symbol, fresh_id(), family))


@pytest.mark.parametrize("kind", ["malformed_json", "server_error", "html_error"])
def test_a_list_without_an_answer_is_no_empty_list(trading, sim, kind):
    asks = {
        "/api/v1/hf/orders/active*": lambda: trading.open_orders(trading.instrument(SPOT)),
        "/api/v1/stop-order": lambda: trading.open_orders(trading.instrument(SPOT)),
        "/api/v1/stopOrders": lambda: trading.open_orders(),
        "/api/v1/hf/orders/done": lambda: trading.closed_orders(trading.instrument(SPOT), time.time_ns() // 1_000_000),
        "/api/v1/fills": lambda: trading.fills(trading.instrument(LINEAR), time.time_ns() // 1_000_000 - 1000),
        "/api/v1/positions": trading.positions,
        "/api/v1/accounts": trading.balances,
        "/api/v1/account-overview": trading.balances,
        "/api/v1/funding-history": lambda: trading.funding_payments(trading.instrument(LINEAR), 0),
        "/api/v1/user/api-key": trading.permissions,
    }
    for path, ask in asks.items():
        sim.set_fault("kucoin", kind, path, times=1)
        with pytest.raises(Unavailable):
            ask()
        assert sim.faults() == []


@pytest.mark.parametrize("symbol", EVERY)
def test_what_a_cancel_does_not_find_has_to_be_looked_up(trading, touch, symbol):
    order = spec(trading, symbol, touch)
    made = submit(trading, symbol, order)
    ref = OrderRef(trading.instrument(symbol), made.order_id, made.client_id)
    trading.cancel(ref)
    for gone in (ref, by_ours(trading, symbol, "never-sent"), by_ours(trading, symbol, "never-sent", TRIGGER)):
        with pytest.raises(OutcomeUnknown):
            trading.cancel(gone)


def test_a_cancel_whose_answer_is_lost_is_unknown(trading, sim, touch):
    order = spec(trading, SPOT, touch)
    made = submit(trading, SPOT, order)
    sim.set_fault("kucoin", "drop_request", "/api/v1/hf/orders/sync/*", times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.cancel(OrderRef(trading.instrument(SPOT), made.order_id, None))
    assert found(trading, SPOT, order.client_id).status == CANCELLED


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "changes", "code"),
    [
        (SPOT, {"size": Decimal(50)}, "200004"),
        (SPOT, {"size": Decimal("0.000001")}, "below the minimum"),
        (SPOT, {"size": Decimal("0.010000001")}, "600100"),
        (SPOT, {"price": Decimal("80000.05")}, "Price increment"),
        (SPOT, {"size": Decimal("0.00001"), "price": Decimal("0.1")}, "600101"),
        (SPOT, {"price": Decimal(10_000_000)}, "400370"),
        (SPOT, {"client_id": "x" * 41}, "clientOid"),
        (LINEAR, {"size": Decimal(900)}, "300003"),
        (LINEAR, {"price": Decimal("80000.05")}, "100001"),
        (LINEAR, {"price": Decimal(900_000)}, "300011"),
        (INVERSE, {"client_id": "white space"}, "clientOid"),
    ],
)
def test_what_the_venue_refuses_is_refused(trading, touch, symbol, changes, code):
    with pytest.raises(Refused, match=code):
        submit(trading, symbol, spec(trading, symbol, touch, **changes))
    assert trading.open_orders(trading.instrument(symbol)) == []


def test_an_instrument_that_is_not_listed_there_is_told(trading, touch):
    for symbol in (SPOT, LINEAR):
        instrument = replace(trading.instrument(symbol), native_id="NOSUCH-USDT")
        order = OrderSpec(fresh_id(), BUY, MARKET, SIZE[symbol])
        trading._terms[order.client_id] = {"marginMode": "ISOLATED", "leverage": 1}
        with pytest.raises(NotListed):
            trading.submit(instrument, order)


def test_a_clock_that_is_off_is_refused(trading, sim, touch):
    order = spec(trading, SPOT, touch)
    sim.set_fault("kucoin", "clock_skew", "/api/v1/hf/orders/sync", ms=60_000, times=1)
    with pytest.raises(Refused, match="400002"):
        trading.submit(trading.instrument(SPOT), order)


def test_keys_are_told_apart(place, tmp_path, touch, trading):
    told = [with_keys(place, tmp_path, account).permissions() for account in Kucoin.accounts[:3]]
    assert [(key.read, key.trade, key.withdraw) for key in told] == [
        (True, True, False),
        (True, False, False),
        (True, True, True),
    ]
    for symbol in (SPOT, LINEAR):
        with pytest.raises(Unauthorized, match="400007"):
            submit(with_keys(place, tmp_path, Kucoin.accounts[1]), symbol, spec(trading, symbol, touch))
    wrong = replace(Kucoin.accounts[0], secret="wrong")
    with pytest.raises(Unauthorized):
        with_keys(place, tmp_path, wrong).balances()


# --- lists -----------------------------------------------------------------------------------------------------------


def test_open_orders_of_every_product_and_family_are_listed_together(trading, touch):
    ids = set()
    for symbol in EVERY:
        for order in (spec(trading, symbol, touch), stop(trading, symbol, touch, BUY)):
            submit(trading, symbol, order)
            ids.add((symbol, order.client_id))
    everything = trading.open_orders()
    assert {(report.symbol, report.client_id) for report in everything} == ids
    for symbol in EVERY:
        assert len(trading.open_orders(trading.instrument(symbol))) == 2


@pytest.mark.parametrize("symbol", EVERY)
def test_cancel_all_ends_orders_and_stops_of_one_instrument(trading, touch, symbol):
    other = next(each for each in EVERY if each != symbol)
    for order in (spec(trading, symbol, touch), stop(trading, symbol, touch, BUY)):
        submit(trading, symbol, order)
    submit(trading, other, spec(trading, other, touch))
    trading.cancel_all(trading.instrument(symbol))
    assert [report.symbol for report in trading.open_orders()] == [other]


def test_cancel_all_goes_on_with_the_stops_where_the_first_call_fails(trading, sim, touch):
    for order in (spec(trading, SPOT, touch), stop(trading, SPOT, touch, BUY)):
        submit(trading, SPOT, order)
    sim.set_fault("kucoin", "drop_request", "/api/v1/hf/orders", times=1)
    with pytest.raises(OutcomeUnknown):
        trading.cancel_all(trading.instrument(SPOT))
    assert [report.family for report in trading.open_orders(trading.instrument(SPOT))] == [REGULAR]


@pytest.mark.parametrize("symbol", EVERY)
def test_finished_orders_and_fills_are_listed_to_the_last_page(trading, symbol, monkeypatch):
    monkeypatch.setattr(KucoinTrading, "page_sizes", dict.fromkeys(KucoinTrading.page_sizes, 3))
    started_ms = time.time_ns() // 1_000_000 - 2_000
    size = {SPOT: Decimal("0.00002"), LINEAR: Decimal("0.001"), INVERSE: Decimal(1)}[symbol]
    orders = [OrderSpec(fresh_id(), side, MARKET, size) for side in (BUY, SELL) * 4]
    for order in orders:
        submit(trading, symbol, order)
    instrument = trading.instrument(symbol)
    closed = trading.closed_orders(instrument, started_ms)
    assert [report.client_id for report in closed] == [order.client_id for order in orders]
    assert {report.status for report in closed} == {FILLED}
    assert sum(fill.size for fill in trading.fills(instrument, started_ms)) == size * 8
    assert trading.closed_orders(instrument, time.time_ns() // 1_000_000 + 1_000) == []


def test_balances_of_both_wallets_are_listed(trading, sim):
    balances = {(each.wallet, each.currency): each for each in trading.balances()}
    assert balances["spot", "USDT"].total == balances["futures", "USDT"].total == 1_000_000
    assert balances["futures", "BTC"].free == 100
    assert ("spot", "KCS") in balances
    submit(trading, LINEAR, OrderSpec(fresh_id(), BUY, MARKET, Decimal("0.1")))
    after = {(each.wallet, each.currency): each for each in trading.balances()}["futures", "USDT"]
    assert after.used
    assert after.used > 0
    assert after.total == after.free + after.used


def test_funding_payments_come_page_by_page(trading, monkeypatch):
    rows = [
        {"id": 1000 - n, "symbol": "XBTUSDTM", "timePoint": 10_000 - n, "fundingRate": "0.0001", "funding": "-0.5"}
        | {"settleCurrency": "USDT"}
        for n in range(25)
    ]
    asked = []

    def ask(method: str, query: Any) -> Any:
        asked.append(dict(query))
        rest = [row for row in rows if row["id"] < int(query.get("offset", 10_000))]
        return {"data": {"dataList": rest[:10], "hasMore": len(rest) > 10}}

    monkeypatch.setattr(trading, "ask", ask)
    payments = trading.funding_payments(trading.instrument(LINEAR), 9_990)
    assert [each.time_ms for each in payments] == list(range(9_990, 10_001))
    assert (payments[0].amount, payments[0].rate, payments[0].currency) == (Decimal("-0.5"), Decimal("0.0001"), "USDT")
    assert len(asked) == 2


def test_funding_payments_of_the_simulator_are_read(trading):
    assert trading.funding_payments(trading.instrument(LINEAR), 0) == []
    assert trading.funding_payments(trading.instrument(SPOT), 0) == []


# --- the switch ------------------------------------------------------------------------------------------------------


def test_the_dead_mans_switch_is_set_and_switched_off(trading, touch):
    query = "privateGetHfOrdersDeadCancelAllQuery"
    trading.cancel_after(30)
    assert int(trading.ask(query)["data"]["timeout"]) == 30
    trading.cancel_after(None)
    assert trading.ask(query)["data"] is None
    with pytest.raises(Refused):
        trading.cancel_after(4)


def test_every_instrument_kind_that_is_promised_has_types_and_flags(trading):
    listed: list[Instrument] = trading._instruments.all()
    assert {each.kind for each in listed} <= set(trading.rules.types)
    assert set(trading.rules.types) == set(trading.rules.tifs) == trading.rules.post_only
