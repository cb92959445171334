"""Binance's private side against the simulator: every type and flag, lost answers found again, refusals told apart."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.trading import OrderRef
from connectors.venues.binance_orders import BinanceTrading
from domain.errors import (
    BadAnswer,
    CrossbookError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from domain.instruments import Instrument
from domain.orders import (
    BUY,
    CANCELLED,
    EXPIRED,
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
from simulator.venues.binance_auth import ACCOUNTS
from tests.connectors.opened import know_simulator, once, opened
from utils.secrets import Credentials

SPOT, LINEAR, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
BOTH = (SPOT, LINEAR)
SIZE = Decimal("0.01")
ORDER = {SPOT: "/api/v3/order", LINEAR: "/fapi/v1/order"}
ALGO = "/fapi/v1/algoOrder"
_numbers = count(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def place(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A home with Binance's instruments in its cache, and the open venues."""
    home = tmp_path_factory.mktemp("binance-home")
    know_simulator(home, running_simulator.state_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSBOOK_HOME", str(home))
        venues = opened(home, ["binance"])
        venues.ensure_markets()
        venues.home = home
        yield venues
        venues.close()


@pytest.fixture
def trading(sim: Any, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BinanceTrading:
    monkeypatch.setenv("CROSSBOOK_HOME", str(place.home))
    sim.reset_accounts("binance")
    sim.reset_requests()
    return BinanceTrading(once(place, "binance", tmp_path), place.cache.of("binance"))


def with_keys(place: Any, tmp_path: Path, account: Any) -> BinanceTrading:
    connector = once(place, "binance", tmp_path)
    keys = Credentials(account.key, account.secret, None, "a test")
    connector.context = replace(connector.context, credentials=lambda: keys)
    return BinanceTrading(connector, place.cache.of("binance"))


def instrument(trading: BinanceTrading, symbol: str) -> Instrument:
    return trading.instrument(symbol)


def on_tick(trading: BinanceTrading, symbol: str, price: Decimal) -> Decimal:
    tick = instrument(trading, symbol).tick_size
    assert tick
    return price // tick * tick


def touch(trading: BinanceTrading, symbol: str) -> tuple[Decimal, Decimal]:
    quote = trading.connector.fetch_quote(instrument(trading, symbol))
    assert quote.bid
    assert quote.ask
    return Decimal(str(quote.bid)), Decimal(str(quote.ask))


def away(trading: BinanceTrading, symbol: str, factor: str) -> Decimal:
    """A price on the tick, at so many times the best bid."""
    return on_tick(trading, symbol, touch(trading, symbol)[0] * Decimal(factor))


def spec(trading: BinanceTrading, symbol: str, **changes: Any) -> OrderSpec:
    """A resting buy at 97 % of the best bid, unless changed."""
    plain = OrderSpec(f"cb-{next(_numbers)}", BUY, LIMIT, SIZE, away(trading, symbol, "0.97"))
    return plain._replace(**changes)


def ref(trading: BinanceTrading, symbol: str, report: Any, family: str = REGULAR) -> OrderRef:
    return OrderRef(instrument(trading, symbol), report.order_id, report.client_id, family)


def by_client(trading: BinanceTrading, symbol: str, client_id: str, family: str = REGULAR) -> OrderRef:
    return OrderRef(instrument(trading, symbol), None, client_id, family)


def found(trading: BinanceTrading, symbol: str, client_id: str, family: str = REGULAR) -> OrderReport:
    report = trading.find(by_client(trading, symbol, client_id, family))
    assert report is not None
    return report


def signed(sim: Any) -> dict[str, int]:
    """Count the requests since the fixture, quotes left out."""
    return {
        path: times for path, times in sim.requests("binance").items() if "ticker" not in path and "depth" not in path
    }


# --- one order ---


@pytest.mark.parametrize("symbol", BOTH)
def test_a_limit_order_is_placed_found_and_cancelled_with_one_request_each(trading, sim, symbol):
    order = spec(trading, symbol)
    report = trading.submit(instrument(trading, symbol), order)
    assert signed(sim) == {ORDER[symbol]: 1}
    assert (report.client_id, report.status, report.side, report.type) == (order.client_id, OPEN, BUY, LIMIT)
    assert (report.size, report.price, report.filled) == (order.size, order.price, 0)
    assert trading.find(ref(trading, symbol, report)).order_id == report.order_id
    assert found(trading, symbol, order.client_id).order_id == report.order_id
    trading.cancel(by_client(trading, symbol, order.client_id))
    assert found(trading, symbol, order.client_id).status == CANCELLED
    assert signed(sim) == {ORDER[symbol]: 5}


@pytest.mark.parametrize("symbol", BOTH)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_market_order_is_for_an_amount_of_base(trading, symbol, side):
    order = spec(trading, symbol, type=MARKET, price=None, side=side)
    report = trading.submit(instrument(trading, symbol), order)
    assert (report.status, report.filled, report.price, report.type) == (FILLED, SIZE, None, MARKET)
    assert report.average_price > 0


@pytest.mark.parametrize("symbol", BOTH)
def test_ioc_keeps_nothing_open(trading, symbol):
    report = trading.submit(instrument(trading, symbol), spec(trading, symbol, tif=IOC))
    assert (report.status, report.filled, report.tif) == (EXPIRED, 0, IOC)


def test_fill_or_kill_expires_on_spot_and_is_refused_on_futures(trading):
    assert trading.submit(instrument(trading, SPOT), spec(trading, SPOT, tif=FOK)).status == EXPIRED
    order = spec(trading, LINEAR, tif=FOK)
    with pytest.raises(Refused, match="-5021"):
        trading.submit(instrument(trading, LINEAR), order)
    assert trading.find(by_client(trading, LINEAR, order.client_id)) is None


@pytest.mark.parametrize("symbol", BOTH)
def test_post_only_rests_or_is_refused(trading, symbol):
    report = trading.submit(instrument(trading, symbol), spec(trading, symbol, post_only=True))
    assert (report.status, report.post_only) == (OPEN, True)
    crossing = spec(trading, symbol, post_only=True, price=away(trading, symbol, "1.01"))
    with pytest.raises(Refused):
        trading.submit(instrument(trading, symbol), crossing)
    assert trading.find(by_client(trading, symbol, crossing.client_id)) is None


def test_reduce_only_needs_a_position(trading):
    selling = {"side": SELL, "type": MARKET, "price": None, "reduce_only": True}
    with pytest.raises(Refused, match="-2022"):
        trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR, **selling))
    trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR, type=MARKET, price=None))
    report = trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR, **selling))
    assert (report.status, report.reduce_only) == (FILLED, True)
    assert trading.positions() == []


# --- stops ---


@pytest.mark.parametrize("symbol", BOTH)
@pytest.mark.parametrize(("side", "at"), [(BUY, "1.02"), (SELL, "0.98")])
@pytest.mark.parametrize("kind", [STOP, STOP_LIMIT])
def test_a_stop_waits_in_its_own_family(trading, sim, symbol, side, at, kind):
    stop_price = away(trading, symbol, at)
    price = stop_price if kind == STOP_LIMIT else None
    order = spec(trading, symbol, side=side, type=kind, price=price, stop_price=stop_price)
    report = trading.submit(instrument(trading, symbol), order)
    assert signed(sim) == {ALGO if symbol == LINEAR else ORDER[SPOT]: 1}
    assert (report.status, report.family, report.type, report.stop_price) == (OPEN, TRIGGER, kind, stop_price)
    assert found(trading, symbol, order.client_id, TRIGGER).order_id == report.order_id
    assert [each.client_id for each in trading.open_orders(instrument(trading, symbol))] == [order.client_id]
    trading.cancel(ref(trading, symbol, report, TRIGGER))
    assert found(trading, symbol, order.client_id, TRIGGER).status == CANCELLED
    assert trading.open_orders() == []


def fire(trading: BinanceTrading, sim: Any, symbol: str, price: Decimal) -> None:
    native_id = instrument(trading, symbol).native_id
    sim.print_trade("binance", native_id, price, "0.00001", BUY, product="spot" if symbol == SPOT else "linear")


@pytest.mark.parametrize("symbol", BOTH)
def test_a_stop_that_has_fired_tells_of_the_order_it_placed(trading, sim, symbol):
    stop_price = away(trading, symbol, "1.01")
    order = spec(trading, symbol, type=STOP, price=None, stop_price=stop_price)
    report = trading.submit(instrument(trading, symbol), order)
    fire(trading, sim, symbol, stop_price)
    for where in (ref(trading, symbol, report, TRIGGER), by_client(trading, symbol, order.client_id, TRIGGER)):
        told = trading.find(where)
        assert (told.status, told.filled, told.order_id) == (FILLED, SIZE, report.order_id)
        assert told.average_price > 0


@pytest.mark.parametrize("symbol", BOTH)
def test_a_stop_limit_that_has_fired_and_rests_is_open_and_can_be_cancelled(trading, sim, symbol):
    stop_price = away(trading, symbol, "1.01")
    price = away(trading, symbol, "0.97")
    order = spec(trading, symbol, type=STOP_LIMIT, price=price, stop_price=stop_price)
    report = trading.submit(instrument(trading, symbol), order)
    fire(trading, sim, symbol, stop_price)
    where = ref(trading, symbol, report, TRIGGER)
    assert trading.find(where).status == OPEN
    assert [each.client_id for each in trading.open_orders()] == [order.client_id]
    trading.cancel(where)
    assert trading.find(where).status == CANCELLED
    assert [each.order_id for each in trading.closed_orders(instrument(trading, symbol), _lately())] == [
        report.order_id
    ]


def test_a_stop_that_could_not_be_paid_for_when_it_fired_is_rejected(trading, sim):
    for side, at in ((BUY, "1.01"), (BUY, "1.011"), (BUY, "1.012")):
        stop_price = away(trading, LINEAR, at)
        order = spec(trading, LINEAR, type=STOP, side=side, size=Decimal(120), price=None, stop_price=stop_price)
        trading.submit(instrument(trading, LINEAR), order)
    fire(trading, sim, LINEAR, stop_price)
    assert trading.find(by_client(trading, LINEAR, order.client_id, TRIGGER)).status == REJECTED
    assert trading.open_orders() == []


def test_a_stop_that_would_fire_at_once_is_refused(trading):
    for symbol in BOTH:
        order = spec(trading, symbol, type=STOP, price=None, stop_price=away(trading, symbol, "0.98"))
        with pytest.raises(Refused):
            trading.submit(instrument(trading, symbol), order)


def test_a_post_only_stop_on_spot_is_not_sent_for_it_would_not_wait(trading, sim):
    stop_price = away(trading, SPOT, "1.02")
    order = spec(trading, SPOT, type=STOP_LIMIT, price=stop_price, stop_price=stop_price, post_only=True)
    with pytest.raises(Unsupported):
        trading.submit(instrument(trading, SPOT), order)
    assert signed(sim) == {}


# --- what may have happened ---


LOST = [
    ("reset", {"handled": True}),
    ("timeout", {"handled": True}),
    ("html_error", {"handled": True}),
    ("server_error", {"handled": True, "status": 503}),
    ("server_error", {"handled": True, "status": 504}),
]


@pytest.mark.parametrize("symbol", BOTH)
@pytest.mark.parametrize(("kind", "args"), LOST, ids=lambda value: str(value) if isinstance(value, str) else "")
def test_an_order_whose_answer_is_lost_is_unknown_and_then_found(trading, sim, place, tmp_path, symbol, kind, args):
    order = spec(trading, symbol, type=MARKET, price=None)
    sim.set_fault("binance", kind, path=ORDER[symbol], times=1, **args)
    hurried = BinanceTrading(once(place, "binance", tmp_path, within_s=2), place.cache.of("binance"))
    with pytest.raises(OutcomeUnknown):
        hurried.submit(instrument(trading, symbol), order)
    assert signed(sim) == {ORDER[symbol]: 1}
    assert found(trading, symbol, order.client_id).status == FILLED
    assert len(trading.fills(instrument(trading, symbol), 0 if symbol == LINEAR else _lately())) >= 1


def _lately() -> int:
    return int(time.time() * 1000) - 60_000


@pytest.mark.parametrize(("kind", "args"), [("reset", {}), ("drop_request", {})])
def test_an_order_that_never_arrived_is_unknown_and_then_not_there(trading, sim, place, tmp_path, kind, args):
    order = spec(trading, SPOT)
    sim.set_fault("binance", kind, path=ORDER[SPOT], times=1, **args)
    hurried = BinanceTrading(once(place, "binance", tmp_path, within_s=2), place.cache.of("binance"))
    with pytest.raises(OutcomeUnknown):
        hurried.submit(instrument(trading, SPOT), order)
    assert trading.find(by_client(trading, SPOT, order.client_id)) is None


def test_a_stop_whose_answer_is_lost_is_found_by_its_client_id(trading, sim):
    stop_price = away(trading, LINEAR, "1.02")
    order = spec(trading, LINEAR, type=STOP, price=None, stop_price=stop_price)
    sim.set_fault("binance", "reset", path=ALGO, times=1, handled=True)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, LINEAR), order)
    assert found(trading, LINEAR, order.client_id, TRIGGER).status == OPEN


@pytest.mark.parametrize("symbol", BOTH)
def test_a_duplicate_of_an_id_never_used_before_means_that_an_earlier_delivery_landed(trading, sim, symbol):
    order = spec(trading, symbol)
    sim.set_fault("binance", "twice", path=ORDER[symbol], times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, symbol), order)
    assert found(trading, symbol, order.client_id).status == OPEN
    assert len(trading.open_orders(instrument(trading, symbol))) == 1


def test_a_stop_that_is_delivered_twice_is_there_once(trading, sim):
    stop_price = away(trading, LINEAR, "1.02")
    order = spec(trading, LINEAR, type=STOP, price=None, stop_price=stop_price)
    sim.set_fault("binance", "twice", path=ALGO, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, LINEAR), order)
    assert len(trading.open_orders(instrument(trading, LINEAR))) == 1


def test_a_cancel_of_what_is_closed_needs_a_look_up(trading):
    for symbol in BOTH:
        report = trading.submit(instrument(trading, symbol), spec(trading, symbol))
        trading.cancel(ref(trading, symbol, report))
        with pytest.raises(OutcomeUnknown):
            trading.cancel(ref(trading, symbol, report))


@pytest.mark.parametrize("symbol", BOTH)
def test_an_answer_that_cannot_be_read_says_nothing_about_the_order_or_its_cancel(trading, sim, symbol):
    order = spec(trading, symbol)
    sim.set_fault("binance", "malformed_json", path=ORDER[symbol], times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, symbol), order)
    where = by_client(trading, symbol, order.client_id)
    assert trading.find(where).status == OPEN
    sim.set_fault("binance", "malformed_json", path=ORDER[symbol], times=1)
    with pytest.raises(OutcomeUnknown):
        trading.cancel(where)
    assert trading.find(where).status == CANCELLED


def test_an_order_that_arrives_late_is_not_there_and_then_it_is(trading, sim):
    order = spec(trading, SPOT)
    sim.set_fault("binance", "late", path=ORDER[SPOT], times=1, ms=1_500)
    with pytest.raises(OutcomeUnknown):
        trading.submit(instrument(trading, SPOT), order)
    assert trading.find(by_client(trading, SPOT, order.client_id)) is None
    until = time.monotonic() + trading.rules.acceptance_ms / 1000
    while trading.find(by_client(trading, SPOT, order.client_id)) is None:
        assert time.monotonic() < until
    assert found(trading, SPOT, order.client_id).status == OPEN


def test_an_order_that_arrives_after_its_window_is_never_there(trading, sim):
    order = spec(trading, SPOT)
    sim.set_fault("binance", "clock_skew", path=ORDER[SPOT], ms=trading.rules.acceptance_ms + 100, times=1)
    with pytest.raises(Refused, match="-1021"):
        trading.submit(instrument(trading, SPOT), order)
    assert trading.find(by_client(trading, SPOT, order.client_id)) is None


# --- what is refused ---


def refusal(trading: BinanceTrading, symbol: str, **changes: Any) -> CrossbookError:
    order = spec(trading, symbol, **changes)
    with pytest.raises(CrossbookError) as caught:
        trading.submit(instrument(trading, symbol), order)
    assert isinstance(caught.value, Refused), caught.value
    assert trading.find(by_client(trading, symbol, order.client_id)) is None
    return caught.value


@pytest.mark.parametrize(
    ("symbol", "changes", "words"),
    [
        (SPOT, {"size": Decimal("0.00001")}, "NOTIONAL"),
        (SPOT, {"size": Decimal("0.000001")}, "minimum amount"),
        (SPOT, {"size": Decimal(20)}, "insufficient balance"),
        (SPOT, {"price": Decimal("1000.00")}, "PERCENT_PRICE_BY_SIDE"),
        (LINEAR, {"size": Decimal("0.001"), "price": Decimal("10000.0")}, "-4164"),
        (LINEAR, {"size": Decimal(900)}, "-2019"),
        (LINEAR, {"price": Decimal("500000.0")}, "-4016"),
        (LINEAR, {"size": Decimal(2000)}, "-4005"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_not_there(trading, symbol, changes, words):
    assert words in refusal(trading, symbol, **changes).message


def test_a_read_only_key_is_refused_even_after_calls_that_succeeded(sim, trading, place, tmp_path):
    reading = with_keys(place, tmp_path, ACCOUNTS[1])
    order = spec(trading, SPOT)
    assert reading.balances()
    for _ in range(2):
        with pytest.raises(Unauthorized):
            reading.submit(instrument(trading, SPOT), order)
    assert trading.find(by_client(trading, SPOT, order.client_id)) is None


def test_a_wrong_secret_is_refused(trading, place, tmp_path):
    forged = replace(ACCOUNTS[0], secret="0" * 64)
    with pytest.raises(Unauthorized):
        with_keys(place, tmp_path, forged).balances()


def test_a_clock_that_is_off_is_a_refusal_of_the_order(trading, sim):
    order = spec(trading, SPOT)
    sim.set_fault("binance", "clock_skew", ms=60_000)
    with pytest.raises(Refused, match="-1021"):
        trading.submit(instrument(trading, SPOT), order)


def test_too_many_orders_is_a_limit_and_nothing_was_sent_to_the_book(trading, sim):
    orders = [spec(trading, SPOT), spec(trading, SPOT)]
    sim.set_limits("binance", 0.01)
    try:
        trading.submit(instrument(trading, SPOT), orders[0])
        with pytest.raises(RateLimited):
            trading.submit(instrument(trading, SPOT), orders[1])
    finally:
        sim.set_limits("binance", None)
    assert trading.find(by_client(trading, SPOT, orders[1].client_id)) is None


def test_an_overloaded_venue_says_that_nothing_was_done(trading, sim):
    sim.set_fault("binance", "server_error", path=ORDER[SPOT], status=503, times=1)
    with pytest.raises(Refused, match="-1008"):
        trading.submit(instrument(trading, SPOT), spec(trading, SPOT))


def test_coin_margined_futures_are_refused_before_anything_is_sent(trading, sim):
    coin = instrument(trading, INVERSE)
    order = OrderSpec("cb-coin", BUY, LIMIT, Decimal(100), Decimal(50_000))
    for call in (
        lambda: trading.submit(coin, order),
        lambda: trading.find(OrderRef(coin, None, "cb-coin")),
        lambda: trading.cancel(OrderRef(coin, None, "cb-coin")),
        lambda: trading.cancel_all(coin),
        lambda: trading.open_orders(coin),
    ):
        with pytest.raises(Unsupported):
            call()
    assert signed(sim) == {}


# --- amending ---


def test_a_futures_order_is_changed_in_place(trading):
    report = trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR))
    price = away(trading, LINEAR, "0.96")
    changed = trading.amend(ref(trading, LINEAR, report), report, size=Decimal("0.02"), price=price)
    assert (changed.order_id, changed.client_id) == (report.order_id, report.client_id)
    assert (changed.size, changed.price, changed.status) == (Decimal("0.02"), price, OPEN)
    with pytest.raises(Refused, match="-5027"):
        trading.amend(ref(trading, LINEAR, report), changed, size=Decimal("0.02"), price=price)


def test_a_spot_order_can_be_made_smaller_and_keeps_its_ids(trading, sim):
    report = trading.submit(instrument(trading, SPOT), spec(trading, SPOT))
    changed = trading.amend(ref(trading, SPOT, report), report, size=Decimal("0.005"), price=None)
    assert (changed.order_id, changed.client_id) == (report.order_id, report.client_id)
    assert (changed.size, changed.price, changed.status) == (Decimal("0.005"), report.price, OPEN)
    asked = found(trading, SPOT, report.client_id)
    assert (asked.size, asked.status) == (Decimal("0.005"), OPEN)
    for change in ({"size": SIZE, "price": None}, {"size": None, "price": away(trading, SPOT, "0.96")}):
        with pytest.raises(Unsupported):
            trading.amend(ref(trading, SPOT, report), changed, **change)
    assert found(trading, SPOT, report.client_id).price == report.price


def test_stops_and_orders_that_are_not_known_are_not_amended(trading, sim):
    stop_price = away(trading, LINEAR, "1.02")
    stop = trading.submit(
        instrument(trading, LINEAR), spec(trading, LINEAR, type=STOP, price=None, stop_price=stop_price)
    )
    with pytest.raises(Unsupported):
        trading.amend(ref(trading, LINEAR, stop, TRIGGER), stop, size=SIZE * 2, price=None)
    unknown = OrderReport("binance", LINEAR, None, "cb-1")
    with pytest.raises(NotSent):
        trading.amend(by_client(trading, LINEAR, "cb-1"), unknown, size=SIZE, price=None)


# --- lists ---


def test_everything_open_is_listed_with_and_without_a_symbol(trading, sim):
    wanted = {}
    for symbol in BOTH:
        stop_price = away(trading, symbol, "1.02")
        for order in (spec(trading, symbol), spec(trading, symbol, type=STOP, price=None, stop_price=stop_price)):
            trading.submit(instrument(trading, symbol), order)
            wanted[order.client_id] = (symbol, REGULAR if order.type == LIMIT else TRIGGER, order.type, OPEN)
    told = {each.client_id: (each.symbol, each.family, each.type, each.status) for each in trading.open_orders()}
    assert told == wanted
    for symbol in BOTH:
        mine = {each.client_id for each in trading.open_orders(instrument(trading, symbol))}
        assert mine == {client_id for client_id, row in wanted.items() if row[0] == symbol}


@pytest.mark.parametrize("symbol", BOTH)
def test_cancel_all_takes_stops_too_and_nothing_to_cancel_is_fine(trading, symbol):
    stop_price = away(trading, symbol, "1.02")
    for order in (spec(trading, symbol), spec(trading, symbol, type=STOP, price=None, stop_price=stop_price)):
        trading.submit(instrument(trading, symbol), order)
    trading.cancel_all(instrument(trading, symbol))
    assert trading.open_orders() == []
    trading.cancel_all(instrument(trading, symbol))


@pytest.mark.parametrize("symbol", BOTH)
def test_finished_orders_and_fills_are_listed_over_days(trading, sim, symbol):
    began_ms = _lately()
    orders = [spec(trading, symbol, type=MARKET, price=None, side=side) for side in (BUY, SELL)]
    for order in orders:
        trading.submit(instrument(trading, symbol), order)
    open_one = trading.submit(instrument(trading, symbol), spec(trading, symbol))
    closed = trading.closed_orders(instrument(trading, symbol), began_ms)
    assert [each.client_id for each in closed] == [order.client_id for order in orders]
    assert open_one.order_id not in {each.order_id for each in closed}
    for since_ms in (began_ms, began_ms - 30 * 86_400_000):
        fills = trading.fills(instrument(trading, symbol), since_ms)
        assert [sum(f.size for f in fills if f.side == side) for side in (BUY, SELL)] == [SIZE, SIZE]
    assert {fill.order_id for fill in fills} == {each.order_id for each in closed}
    assert all(fill.fee > 0 and fill.maker is False for fill in fills)
    assert {fill.fee_currency for fill in fills} == ({"BTC", "USDT"} if symbol == SPOT else {"USDT"})


def test_a_list_that_fills_a_page_is_asked_for_in_halves(trading, monkeypatch):
    monkeypatch.setattr(BinanceTrading, "page", 3)
    began_ms = _lately()
    wanted = []
    for _ in range(8):
        order = spec(trading, LINEAR)
        report = trading.submit(instrument(trading, LINEAR), order)
        trading.cancel(ref(trading, LINEAR, report))
        wanted.append(order.client_id)
    assert [each.client_id for each in trading.closed_orders(instrument(trading, LINEAR), began_ms)] == wanted


def test_the_two_wallets_are_told_apart(trading):
    balances = {(each.wallet, each.currency): each for each in trading.balances()}
    assert balances["spot", "USDT"].total == balances["usdm", "USDT"].total == 1_000_000
    order = spec(trading, SPOT)
    trading.submit(instrument(trading, SPOT), order)
    after = {(each.wallet, each.currency): each for each in trading.balances()}
    assert after["spot", "USDT"].used == order.size * order.price
    assert after["usdm", "USDT"].used == 0


def test_a_position_is_signed_and_says_what_it_gained(trading):
    assert trading.positions() == []
    trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR, type=MARKET, price=None, side=SELL))
    (position,) = trading.positions()
    assert (position.symbol, position.size) == (LINEAR, -SIZE)
    assert position.entry_price > 0
    assert position.mark_price > 0
    assert position.unrealized is not None


def test_funding_is_asked_for_perpetuals(trading):
    assert trading.funding_payments(instrument(trading, LINEAR), _lately()) == []


def test_a_list_that_got_no_answer_is_not_an_empty_list(trading, sim):
    sim.set_fault("binance", "reset", path="/fapi/v1/openOrders")
    with pytest.raises(Unavailable):
        trading.open_orders()


def test_a_list_that_cannot_be_read_is_a_bad_answer(trading, sim):
    sim.set_fault("binance", "malformed_json", path="/api/v3/*")
    for ask in (trading.open_orders, trading.balances, lambda: trading.fills(instrument(trading, SPOT), _lately())):
        with pytest.raises(BadAnswer):
            ask()


# --- the key and the switch ---


@pytest.mark.parametrize(
    ("account", "told"), [(0, (True, True, False)), (1, (True, False, False)), (2, (True, True, True))]
)
def test_it_asks_what_the_key_may_do(trading, place, tmp_path, account, told):
    assert tuple(with_keys(place, tmp_path, ACCOUNTS[account]).permissions()) == told


def test_the_dead_mans_switch_counts_for_futures_that_have_orders(trading, sim):
    resting = trading.submit(instrument(trading, LINEAR), spec(trading, LINEAR))
    trading.submit(instrument(trading, SPOT), spec(trading, SPOT))
    sim.reset_requests()
    trading.cancel_after(60)
    assert signed(sim)["/fapi/v1/countdownCancelAll"] == 1
    sim.set_fault("binance", "clock_skew", ms=61_000, path="/fapi/v1/time")
    trading.cancel(ref(trading, LINEAR, resting))
    trading.cancel_after(None)
    assert signed(sim)["/fapi/v1/countdownCancelAll"] == 2


def test_nothing_is_asked_before_the_first_order(sim, trading, place, tmp_path):
    order = spec(trading, LINEAR)
    fresh = with_keys(place, tmp_path, ACCOUNTS[0])
    sim.reset_requests()
    fresh.submit(instrument(trading, LINEAR), order)
    assert sim.requests("binance") == {ORDER[LINEAR]: 1}
