"""Deribit's private side against the simulator: every type and flag, lost answers found again, labels that repeat."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.http import Request, Response
from connectors.trading import OrderRef
from connectors.venues import deribit_order_rows as rows
from connectors.venues.deribit_orders import VALID_MS, DeribitTrading
from connectors.venues.deribit_refusals import meaning
from domain.errors import NotListed, OutcomeUnknown, RateLimited, Refused, Unauthorized, Unavailable
from domain.orders import (
    BUY,
    CANCELLED,
    FILLED,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    REGULAR,
    SELL,
    STOP,
    STOP_LIMIT,
    TRIGGER,
    KeyPermissions,
    OrderReport,
    OrderSpec,
)
from simulator.market.listings.deribit import listings
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimRequest
from simulator.venues.deribit import Deribit
from tests.connectors.opened import at_home, know_simulator, once, opened
from utils.secrets import Credentials

SPOT, LINEAR, INVERSE, COIN = "BTC/USDC", "BTC/USDC:USDC", "BTC/USD:BTC", "ETH/BTC"
EVERY = (SPOT, LINEAR, INVERSE, COIN)
SIZE = {SPOT: Decimal("0.01"), LINEAR: Decimal("0.01"), INVERSE: Decimal(500), COIN: Decimal("0.1")}
API = "/api/v2/private"
BUY_PATH, CANCEL_PATH = f"{API}/buy", f"{API}/cancel"
_TRADER, _READER, _WITHDRAWER, _ = Deribit.accounts
_numbers = count(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def place(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A home with Deribit's instruments in its cache, and the open venues."""
    home = tmp_path_factory.mktemp("deribit-home")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["deribit"])
    venues.home = home
    with at_home(home):
        venues.ensure_markets()
        yield venues
    venues.close()


@pytest.fixture
def trading(sim: Any, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeribitTrading:
    monkeypatch.setenv("CROSSBOOK_HOME", str(place.home))
    sim.reset_accounts("deribit")
    sim.reset_requests()
    return DeribitTrading(once(place, "deribit", tmp_path), place.cache.of("deribit"))


def touch(trading: DeribitTrading, symbol: str) -> tuple[Decimal, Decimal]:
    """Best bid and ask of a symbol."""
    quote = trading.connector.fetch_quote(trading.instrument(symbol))
    return Decimal(str(quote.bid)), Decimal(str(quote.ask))


def with_keys(trading: DeribitTrading, place: Any, folder: Path, account: Any, secret: str = "") -> DeribitTrading:
    connector = once(place, "deribit", folder)
    keys = Credentials(account.key, secret or account.secret, None, "a test")
    connector.context = replace(connector.context, credentials=lambda: keys)
    return DeribitTrading(connector, place.cache.of("deribit"))


def on_tick(trading: DeribitTrading, symbol: str, price: Decimal) -> Decimal:
    tick = trading.instrument(symbol).tick_size
    assert tick
    return price // tick * tick


def fresh_id() -> str:
    return f"cb-{next(_numbers)}"


def spec(trading: DeribitTrading, symbol: str, **changes: Any) -> OrderSpec:
    """A resting buy at 90 % of the best bid, unless changed."""
    price = on_tick(trading, symbol, touch(trading, symbol)[0] * Decimal("0.9"))
    return OrderSpec(fresh_id(), BUY, LIMIT, SIZE[symbol], price)._replace(**changes)


def stop_of(trading: DeribitTrading, symbol: str, side: str = SELL, kind: str = STOP) -> OrderSpec:
    bid, ask = touch(trading, symbol)
    stop = on_tick(trading, symbol, ask * Decimal("1.1") if side == BUY else bid * Decimal("0.9"))
    return OrderSpec(fresh_id(), side, kind, SIZE[symbol], stop if kind == STOP_LIMIT else None, stop)


def by_id(trading: DeribitTrading, symbol: str, report: OrderReport, family: str = REGULAR) -> OrderRef:
    return OrderRef(trading.instrument(symbol), report.order_id, report.client_id, family)


def by_label(trading: DeribitTrading, symbol: str, label: str, family: str = REGULAR) -> OrderRef:
    return OrderRef(trading.instrument(symbol), None, label, family, since_ms=time.time_ns() // 1_000_000 - 5_000)


def found(trading: DeribitTrading, symbol: str, label: str, family: str = REGULAR) -> OrderReport:
    report = trading.find(by_label(trading, symbol, label, family))
    assert report is not None
    return report


# --- one order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
def test_a_limit_order_is_placed_found_and_cancelled_with_one_request_each(trading, sim, symbol):
    order = spec(trading, symbol)
    trading.balances()  # whatever a first call brings with it
    sim.reset_requests()
    report = trading.submit(trading.instrument(symbol), order)
    assert sim.requests("deribit") == {BUY_PATH: 1}
    assert (report.client_id, report.status, report.side, report.type) == (order.client_id, OPEN, BUY, LIMIT)
    assert (report.price, report.size, report.filled, report.tif) == (order.price, order.size, 0, GTC)
    assert (report.post_only, report.family, report.reason, report.average_price) == (False, REGULAR, None, None)
    assert report.created_ms
    assert trading.find(by_id(trading, symbol, report)) == report
    sim.reset_requests()
    trading.cancel(by_id(trading, symbol, report))
    assert sim.requests("deribit") == {CANCEL_PATH: 1}
    ended = found(trading, symbol, order.client_id)
    assert (ended.order_id, ended.status, ended.filled) == (report.order_id, CANCELLED, 0)
    assert ended.reason == "user_request"


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_cancelled_by_its_label_alone(trading, symbol):
    order = spec(trading, symbol)
    trading.submit(trading.instrument(symbol), order)
    trading.cancel(by_label(trading, symbol, order.client_id))
    assert found(trading, symbol, order.client_id).status == CANCELLED


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_market_order_counts_the_lot_unit_on_both_sides_and_its_fills_add_up(trading, symbol, side):
    started_ms = time.time_ns() // 1_000_000 - 2_000
    order = OrderSpec(fresh_id(), side, MARKET, SIZE[symbol])
    report = trading.submit(trading.instrument(symbol), order)
    assert (report.status, report.size, report.filled, report.type) == (FILLED, order.size, order.size, MARKET)
    assert report.price is None
    assert report.average_price
    fills = trading.fills(trading.instrument(symbol), started_ms)
    assert sum(fill.size for fill in fills) == order.size
    assert {(fill.order_id, fill.client_id, fill.side, fill.maker) for fill in fills} == {
        (report.order_id, order.client_id, side, False)
    }
    free = symbol in (SPOT, COIN)
    assert all((fill.fee == 0) is free for fill in fills)
    assert {fill.fee_currency for fill in fills} <= {"BTC", "ETH", "USDC"}


def test_sizes_and_fees_of_an_inverse_perpetual_are_dollars_and_coins(trading):
    report = trading.submit(trading.instrument(INVERSE), OrderSpec(fresh_id(), SELL, MARKET, Decimal(1000)))
    (position,) = trading.positions()
    assert (position.symbol, position.size) == (INVERSE, -1000)
    assert position.entry_price == pytest.approx(report.average_price, rel=Decimal("1e-9"))
    for fill in trading.fills(trading.instrument(INVERSE), 0):
        assert fill.fee == pytest.approx(fill.size / fill.price * Decimal("0.0005"), abs=Decimal("5e-9"))
        assert fill.fee_currency == "BTC"


def test_a_linear_position_counts_coins_and_an_option_is_priced_in_its_coin(trading):
    trading.submit(trading.instrument(LINEAR), OrderSpec(fresh_id(), BUY, MARKET, Decimal("0.02")))
    listed = [i for i in trading._instruments.all() if i.kind == "option" and i.settle == "BTC"]
    option = next(i for i in listed if trading.connector.fetch_quote(i).ask is not None)
    ask = Decimal(str(trading.connector.fetch_quote(option).ask))
    assert ask < 1
    order = OrderSpec(fresh_id(), BUY, LIMIT, Decimal("0.1"), ask)
    assert trading.submit(option, order).status == FILLED
    sizes = {position.symbol: position.size for position in trading.positions()}
    assert sizes == {LINEAR: Decimal("0.02"), option.symbol: Decimal("0.1")}


def test_a_post_only_order_that_would_take_is_refused_and_not_moved(trading):
    price = on_tick(trading, LINEAR, touch(trading, LINEAR)[1] * Decimal("1.01"))
    with pytest.raises(Refused, match="11054"):
        trading.submit(trading.instrument(LINEAR), spec(trading, LINEAR, price=price, post_only=True))
    rests = trading.submit(trading.instrument(LINEAR), spec(trading, LINEAR, post_only=True))
    assert (rests.status, rests.post_only) == (OPEN, True)


@pytest.mark.parametrize("tif", [IOC, FOK])
def test_ioc_and_fok_orders_that_meet_nothing_end_at_once(trading, tif):
    report = trading.submit(trading.instrument(INVERSE), spec(trading, INVERSE, tif=tif))
    assert (report.status, report.tif, report.filled) == (CANCELLED, tif, 0)


def test_a_reduce_only_order_needs_a_position_and_never_turns_it(trading):
    closing = OrderSpec(fresh_id(), SELL, MARKET, Decimal("0.05"), reduce_only=True)
    with pytest.raises(Refused, match="invalid_reduce_only_order"):
        trading.submit(trading.instrument(LINEAR), closing)
    trading.submit(trading.instrument(LINEAR), OrderSpec(fresh_id(), BUY, MARKET, Decimal("0.02")))
    trading.submit(trading.instrument(LINEAR), closing._replace(client_id=fresh_id()))
    assert trading.positions() == []


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_amended_in_place_by_id_and_by_label(trading, symbol):
    order = spec(trading, symbol, post_only=True)
    made = trading.submit(trading.instrument(symbol), order)
    price = on_tick(trading, symbol, touch(trading, symbol)[0] * Decimal("0.91"))
    changed = trading.amend(by_id(trading, symbol, made), made, size=order.size * 2, price=price)
    assert (changed.order_id, changed.size, changed.price) == (made.order_id, order.size * 2, price)
    assert (changed.client_id, changed.post_only) == (order.client_id, True)
    anonymous = replace(changed, order_id=None)
    again = trading.amend(by_label(trading, symbol, order.client_id), anonymous, size=order.size, price=None)
    assert (again.order_id, again.size, again.price) == (made.order_id, order.size, price)


# --- trigger orders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("kind", [STOP, STOP_LIMIT])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_stop_waits_among_the_open_orders_and_is_cancelled(trading, symbol, kind, side):
    order = stop_of(trading, symbol, side, kind)
    made = trading.submit(trading.instrument(symbol), order)
    (report,) = trading.open_orders(trading.instrument(symbol))
    assert report == made
    assert (report.client_id, report.status, report.type, report.family) == (order.client_id, OPEN, kind, TRIGGER)
    assert (report.stop_price, report.price, report.size) == (order.stop_price, order.price, order.size)
    trading.cancel(by_id(trading, symbol, made, TRIGGER))
    assert trading.open_orders(trading.instrument(symbol)) == []
    assert found(trading, symbol, order.client_id, TRIGGER).status == CANCELLED


def test_a_stop_that_has_fired_is_found_as_the_order_it_made(trading, sim):
    trading.submit(trading.instrument(INVERSE), OrderSpec(fresh_id(), BUY, MARKET, SIZE[INVERSE]))
    order = stop_of(trading, INVERSE)._replace(reduce_only=True)
    made = trading.submit(trading.instrument(INVERSE), order)
    sim.print_trade("deribit", "BTC-PERPETUAL", order.stop_price, 10, SELL)
    for ref in (by_id(trading, INVERSE, made, TRIGGER), by_label(trading, INVERSE, order.client_id, TRIGGER)):
        report = trading.find(ref)
        assert report is not None
        assert (report.status, report.filled, report.type) == (FILLED, order.size, STOP)
        assert (report.family, report.reason) == (TRIGGER, None)
        assert report.order_id != made.order_id
    assert trading.positions() == []


def test_a_stop_that_has_fired_and_rests_is_cancelled_as_the_stop_it_was(trading, sim):
    order = stop_of(trading, LINEAR, kind=STOP_LIMIT)
    rests = on_tick(trading, LINEAR, touch(trading, LINEAR)[1] * Decimal("1.1"))
    made = trading.submit(trading.instrument(LINEAR), order._replace(price=rests))
    sim.print_trade("deribit", "BTC_USDC-PERPETUAL", order.stop_price, 1, SELL)
    report = found(trading, LINEAR, order.client_id, TRIGGER)
    assert (report.status, report.type, report.price) == (OPEN, STOP_LIMIT, rests)
    trading.cancel(by_id(trading, LINEAR, made, TRIGGER))
    assert found(trading, LINEAR, order.client_id, TRIGGER).status == CANCELLED


# --- what is not known -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("kind", ["reset", "drop_request", "server_error", "html_error"])
def test_an_order_whose_answer_is_lost_was_sent_once_and_is_found_by_its_label(trading, sim, symbol, kind):
    trading.balances()  # a connection is kept now
    order = spec(trading, symbol)
    sim.reset_requests()
    sim.set_fault("deribit", kind, BUY_PATH, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(symbol), order)
    assert sim.requests("deribit") == {BUY_PATH: 1}
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.reason) == (OPEN, None)


@pytest.mark.parametrize("symbol", EVERY)
def test_a_lost_order_that_has_ended_meanwhile_is_found_too(trading, sim, symbol):
    order = OrderSpec(fresh_id(), BUY, MARKET, SIZE[symbol])
    sim.set_fault("deribit", "drop_request", BUY_PATH, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(symbol), order)
    report = found(trading, symbol, order.client_id)
    assert (report.status, report.filled) == (FILLED, order.size)


def test_an_order_that_never_arrived_is_not_found(trading, sim):
    order = spec(trading, LINEAR)
    sim.set_fault("deribit", "drop_request", BUY_PATH, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(LINEAR), order)
    assert trading.find(by_label(trading, LINEAR, order.client_id)) is None


def test_an_order_that_arrives_late_is_found_once_it_has(trading, sim):
    order = spec(trading, LINEAR)
    sim.set_fault("deribit", "late", BUY_PATH, times=1, ms=200)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(LINEAR), order)
    until = time.monotonic() + 5
    while (report := trading.find(by_label(trading, LINEAR, order.client_id))) is None and time.monotonic() < until:
        time.sleep(0.05)
    assert report is not None
    assert report.status == OPEN


def test_an_order_that_arrives_after_its_time_is_refused_by_the_venue(trading, sim):
    trading.balances()
    order = spec(trading, LINEAR)
    sim.set_fault("deribit", "clock_skew", ms=VALID_MS + 1_000)
    with pytest.raises(Refused, match="13888") as refused:
        trading.submit(trading.instrument(LINEAR), order)
    assert "clock is off" in (refused.value.hint or "")
    sim.clear_faults("deribit")
    assert trading.open_orders() == []
    assert trading.rules.acceptance_ms == VALID_MS


def test_an_order_that_a_network_delivers_twice_is_two_orders_and_is_reported_so(trading, sim):
    order = spec(trading, INVERSE)
    sim.set_fault("deribit", "twice", BUY_PATH, times=1)
    second = trading.submit(trading.instrument(INVERSE), order)
    report = found(trading, INVERSE, order.client_id)
    ids = {each.order_id for each in trading.open_orders()}
    assert len(ids) == 2
    assert second.order_id in ids
    assert report.order_id == min(ids)
    assert report.reason is not None
    assert report.reason.startswith("2 orders carry this label: ")
    assert all(order_id in report.reason for order_id in ids)
    trading.cancel(by_label(trading, INVERSE, order.client_id))
    assert trading.open_orders() == []


def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(trading, sim):
    for kind in ("malformed_json", "truncated_json"):
        order = spec(trading, LINEAR)
        sim.set_fault("deribit", kind, BUY_PATH, times=1)
        with pytest.raises(OutcomeUnknown):
            trading.submit(trading.instrument(LINEAR), order)
        assert found(trading, LINEAR, order.client_id).status == OPEN


@pytest.mark.parametrize("kind", ["maintenance", "server_error", "geo_blocked", "malformed_json", "drop_request"])
@pytest.mark.parametrize("path", ["state_by_label", "open_orders_by_label", "history_by_instrument", "trades*"])
def test_a_look_up_without_an_answer_is_no_answer(trading, sim, kind, path):
    sim.set_fault("deribit", kind, f"{API}/get_*{path}", times=1)
    with pytest.raises(Unavailable):
        trading.find(by_label(trading, LINEAR, fresh_id()))


def test_what_a_cancel_does_not_find_has_to_be_looked_up_and_what_has_ended_is_refused(trading):
    with pytest.raises(OutcomeUnknown, match="10004"):
        trading.cancel(OrderRef(trading.instrument(INVERSE), "1", None))
    with pytest.raises(OutcomeUnknown, match="no open order"):
        trading.cancel(by_label(trading, INVERSE, fresh_id()))
    made = trading.submit(trading.instrument(INVERSE), spec(trading, INVERSE))
    trading.cancel(by_id(trading, INVERSE, made))
    with pytest.raises(Refused, match="11044"):
        trading.cancel(by_id(trading, INVERSE, made))


def test_a_cancel_whose_answer_is_lost_is_unknown(trading, sim):
    made = trading.submit(trading.instrument(LINEAR), spec(trading, LINEAR))
    sim.set_fault("deribit", "drop_request", CANCEL_PATH, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.cancel(by_id(trading, LINEAR, made))
    assert trading.open_orders() == []


def test_a_lagging_list_does_not_hide_an_order_from_a_look_up_by_id(trading, sim):
    made = trading.submit(trading.instrument(LINEAR), spec(trading, LINEAR))
    sim.set_fault("deribit", "lagging_orders", ms=60_000)
    assert trading.find(by_id(trading, LINEAR, made)) == made


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "changes", "words"),
    [
        (SPOT, {"size": Decimal(50), "side": SELL, "type": MARKET, "price": None}, None),
        (SPOT, {"size": Decimal(500), "side": SELL}, "10039"),
        (INVERSE, {"size": Decimal(10**9)}, "10009"),
        (INVERSE, {"size": Decimal(15)}, "must be a multiple of the minimum order size"),
        (LINEAR, {"size": Decimal("0.0001")}, "must be a multiple of the minimum order size"),
        (LINEAR, {"price": Decimal("10000.3")}, "must conform to tick size"),
        (LINEAR, {"client_id": "x" * 65}, "label"),
        (LINEAR, {"type": STOP, "side": SELL, "price": None, "stop_price": Decimal(10**7)}, "10034"),
    ],
)
def test_what_the_venue_refuses_is_refused_and_nothing_happened(trading, symbol, changes, words):
    order = spec(trading, symbol, **changes)
    if words is None:
        assert trading.submit(trading.instrument(symbol), order).status == FILLED
        return
    with pytest.raises(Refused, match=words):
        trading.submit(trading.instrument(symbol), order)
    assert trading.open_orders() == []
    assert trading.find(by_label(trading, symbol, order.client_id)) is None


def test_wrong_keys_and_missing_scopes_are_refused_as_such(trading, place, tmp_path):
    order = spec(trading, LINEAR)
    for account, secret in ((_TRADER, "wrong"), (replace(_TRADER, key="nobody"), "")):
        with pytest.raises(Unauthorized, match="13004"):
            with_keys(trading, place, tmp_path, account, secret).submit(trading.instrument(LINEAR), order)
    reader = with_keys(trading, place, tmp_path, _READER)
    assert reader.balances()
    with pytest.raises(Unauthorized, match="13021"):
        reader.submit(trading.instrument(LINEAR), order)


def test_too_many_orders_at_once_are_refused_and_the_rest_is_there(trading, sim):
    order = spec(trading, INVERSE)
    sim.set_limits("deribit", 0.1)
    try:
        for _ in range(2):
            trading.submit(trading.instrument(INVERSE), order._replace(client_id=fresh_id()))
        with pytest.raises(RateLimited, match="10028"):
            trading.submit(trading.instrument(INVERSE), order._replace(client_id=fresh_id()))
    finally:
        sim.set_limits("deribit", None)
    assert len(trading.open_orders()) == 2


def error_body(code: int) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "error": {"code": code, "message": "m"}, "usIn": 1310028_13888}).encode()


@pytest.mark.parametrize(
    ("code", "kind"),
    [(-32602, Refused), (13888, Refused), (10028, RateLimited), (10020, NotListed), (10010, Refused), (10041, Refused),
     (10004, None), (10040, None), (13028, None), (11094, None), (10001, None)],
)  # fmt: skip
def test_a_code_means_that_nothing_happened_or_leaves_it_open(code, kind):
    said = meaning(error_body(code))
    assert (None if said is None else said[0]) is kind


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"result": 1}', b'{"error": "x"}', b'{"error": {}}'])
def test_a_body_without_a_code_means_nothing(body):
    assert meaning(body) is None


# --- lists -----------------------------------------------------------------------------------------------------------


def test_open_orders_of_every_currency_kind_and_family_come_in_one_call(trading, sim):
    made = {trading.submit(trading.instrument(symbol), spec(trading, symbol)).order_id for symbol in EVERY}
    made.add(trading.submit(trading.instrument(INVERSE), stop_of(trading, INVERSE)).order_id)
    sim.reset_requests()
    assert {report.order_id for report in trading.open_orders()} == made
    assert sim.requests("deribit") == {f"{API}/get_open_orders": 1}


def test_cancel_all_takes_the_stops_of_one_instrument_and_no_other(trading):
    trading.submit(trading.instrument(INVERSE), spec(trading, INVERSE))
    trading.submit(trading.instrument(INVERSE), stop_of(trading, INVERSE))
    kept = trading.submit(trading.instrument(LINEAR), spec(trading, LINEAR))
    trading.cancel_all(trading.instrument(INVERSE))
    assert [report.order_id for report in trading.open_orders()] == [kept.order_id]


def test_finished_orders_have_those_without_a_fill_and_cancelled_stops(trading):
    started_ms = time.time_ns() // 1_000_000 - 1_000
    filled = trading.submit(trading.instrument(INVERSE), OrderSpec(fresh_id(), BUY, MARKET, SIZE[INVERSE]))
    for order in (spec(trading, INVERSE), stop_of(trading, INVERSE)):
        made = trading.submit(trading.instrument(INVERSE), order)
        trading.cancel(by_id(trading, INVERSE, made, order.family))
    reports = trading.closed_orders(trading.instrument(INVERSE), started_ms)
    assert [report.status for report in reports] == [FILLED, CANCELLED, CANCELLED]
    assert [report.family for report in reports] == [REGULAR, REGULAR, TRIGGER]
    assert reports[0].order_id == filled.order_id
    assert trading.closed_orders(trading.instrument(LINEAR), started_ms) == []


def test_finished_orders_and_fills_are_paged(trading, monkeypatch):
    monkeypatch.setattr(DeribitTrading, "page", 2)
    started_ms = time.time_ns() // 1_000_000 - 1_000
    ids = []
    for _ in range(5):
        report = trading.submit(trading.instrument(INVERSE), OrderSpec(fresh_id(), BUY, MARKET, Decimal(10)))
        ids.append(report.order_id)
        while time.time_ns() // 1_000_000 <= (report.updated_ms or 0):
            pass  # pages begin at a millisecond, and this one has room for two trades
    assert [r.order_id for r in trading.closed_orders(trading.instrument(INVERSE), started_ms)] == ids
    assert [fill.order_id for fill in trading.fills(trading.instrument(INVERSE), started_ms)] == ids


def test_what_is_older_than_the_recent_lists_is_found_in_the_history(trading, sim):
    order = spec(trading, INVERSE)
    made = trading.submit(trading.instrument(INVERSE), order)
    trading.cancel(by_id(trading, INVERSE, made))
    sim.set_fault("deribit", "clock_skew", ms=3_600_000)
    later = _an_hour_later(trading)
    since_ms = (made.created_ms or 0) - 1_000
    for order_id in (made.order_id, None):
        report = later.find(OrderRef(trading.instrument(INVERSE), order_id, order.client_id, since_ms=since_ms))
        assert report is not None
        assert (report.order_id, report.status) == (made.order_id, CANCELLED)
    assert [r.order_id for r in later.closed_orders(trading.instrument(INVERSE), since_ms)] == [made.order_id]


def _an_hour_later(trading: DeribitTrading) -> DeribitTrading:
    connector = trading.connector
    connector.context = replace(connector.context, clock_offset_ms=lambda: 3_600_000)
    return DeribitTrading(connector, trading._instruments)


def test_an_order_that_no_list_has_any_more_is_known_by_its_trades(trading):
    report = trading.submit(trading.instrument(INVERSE), OrderSpec(fresh_id(), BUY, MARKET, SIZE[INVERSE]))
    trades = list(trading.trade_rows(trading.instrument(INVERSE), (report.created_ms or 0) - 1_000))
    told = rows.from_trades(trades, trading.instrument(INVERSE))
    assert told is not None
    assert (told.order_id, told.client_id, told.status) == (report.order_id, report.client_id, None)
    assert (told.filled, told.average_price) == (report.filled, pytest.approx(report.average_price))
    assert rows.from_trades([], trading.instrument(INVERSE)) is None


# --- the account -----------------------------------------------------------------------------------------------------


def test_balances_are_per_currency_and_what_orders_hold_is_not_free(trading):
    before = {balance.currency: balance for balance in trading.balances()}
    assert before["USDC"].total == 1_000_000
    assert before["BTC"].free == before["BTC"].total == 100
    trading.submit(trading.instrument(SPOT), spec(trading, SPOT, size=Decimal(1)))
    after = {balance.currency: balance for balance in trading.balances()}
    assert after["USDC"].total == before["USDC"].total
    assert after["USDC"].used == after["USDC"].total - (after["USDC"].free or 0) > 1000


def test_a_position_in_an_instrument_that_is_not_known_is_not_left_out(trading, monkeypatch):
    trading.submit(trading.instrument(LINEAR), OrderSpec(fresh_id(), BUY, MARKET, SIZE[LINEAR]))
    monkeypatch.setattr(trading, "native", lambda native_id: None)
    with pytest.raises(NotListed, match="BTC_USDC-PERPETUAL"):
        trading.positions()


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (_TRADER, KeyPermissions(True, True, False)),
        (_READER, KeyPermissions(True, False, False)),
        (_WITHDRAWER, KeyPermissions(True, True, True)),
    ],
)
def test_what_a_key_may_do_is_asked_without_sending_its_secret(trading, place, tmp_path, sim, account, expected):
    assert with_keys(trading, place, tmp_path, account).permissions() == expected
    assert set(sim.requests("deribit")) == {"/api/v2/public/auth"}


class Moving(SyntheticMarket):
    """A market at the wall clock plus `ahead_ms`."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


def test_funding_is_paid_with_the_daily_settlement(trading, monkeypatch):
    """The simulated venue answers in this process here: only so can its time be moved past 08:00 UTC."""
    now_ms = time.time_ns() // 1_000_000
    market = Moving(7, start_ms=now_ms, listings=listings(now_ms))
    venue = Deribit(market, market.now_ms)

    def ask(request: Request, *, deadline: float) -> Response:
        parts, headers = urlsplit(request.url), {name.lower(): value for name, value in request.headers.items()}
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        asked = SimRequest(request.method, parts.netloc, target, headers, request.body, market.now_ms())
        reply = venue.handle("deribit", asked)
        return Response(reply.status, dict(reply.headers), reply.body, time.time_ns(), 1.0)

    monkeypatch.setattr(trading.context.http, "send", ask)
    perpetual = trading.instrument(INVERSE)
    trading.submit(perpetual, OrderSpec(fresh_id(), BUY, MARKET, Decimal(100_000)))
    trading.submit(trading.instrument(LINEAR), OrderSpec(fresh_id(), BUY, MARKET, Decimal(1)))
    assert trading.funding_payments(perpetual, now_ms - 1_000) == []
    settled_ms = -(-(now_ms - 28_800_000) // 86_400_000) * 86_400_000 + 28_800_000
    market.ahead_ms = settled_ms + 86_400_000 + 1_000 - now_ms
    trading.connector.context = replace(trading.context, clock_offset_ms=lambda: market.ahead_ms)
    later = DeribitTrading(trading.connector, trading._instruments)
    payments = later.funding_payments(perpetual, now_ms - 1_000)
    assert [payment.time_ms for payment in payments] == [settled_ms, settled_ms + 86_400_000]
    assert {(payment.symbol, payment.currency) for payment in payments} == {(INVERSE, "BTC")}
    accrued = venue.exchange.funding_payments(_TRADER, market.now_ms(), native_id="BTC-PERPETUAL")
    assert sum(payment.amount for payment in payments) == pytest.approx(
        sum(each.amount for each in accrued if each.time_ms <= settled_ms + 86_400_000), abs=Decimal("1e-9")
    )
    assert len({payment.payment_id for payment in payments}) == 2


def test_every_signature_has_a_nonce_of_its_own(trading):
    with trading.signing() as session:
        seen = {
            session.exchange.sign("get_positions", ["private"])["headers"]["Authorization"].split("nonce=")[1]
            for _ in range(50)
        }
    assert len(seen) == 50


def test_an_instrument_of_a_currency_that_has_no_lists_is_looked_up_among_its_own_open_orders(trading, monkeypatch):
    made = trading.submit(trading.instrument(LINEAR), spec(trading, LINEAR))
    monkeypatch.setattr("connectors.venues.deribit_reads.CURRENCIES", ())
    assert found(trading, LINEAR, made.client_id or "") == made


def test_a_redirect_of_an_order_is_not_followed(trading, monkeypatch):
    sent: list[str] = []

    def redirecting(request: Any, *, deadline: float) -> Response:
        sent.append(request.url)
        return Response(302, {"location": f"{request.url}&again=1"}, b"", 0, 1.0)

    trading.balances()
    order = spec(trading, LINEAR)
    monkeypatch.setattr(trading.context.http, "send", redirecting)
    with pytest.raises(OutcomeUnknown):
        trading.submit(trading.instrument(LINEAR), order)
    assert len(sent) == 1
