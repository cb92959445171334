"""One suite for trading at every venue of the configuration: the real private halves, real sockets, the simulator.

What a venue's `TradingRules` say works is placed, found, filled, changed and cancelled; what they lack is refused
before anything is sent. What the simulator has taken (`Floor.placed`) is the truth that answers are held against.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.registry import Venues, load_class
from connectors.trading import NO_IDS, NOT_UNIQUE, UNIQUE_EVER, TradingRules
from domain.errors import OutcomeUnknown, Refused, Unauthorized, Unsupported, UsageError
from domain.instruments import SPOT, Instrument
from domain.orders import (
    BUY,
    CANCELLED,
    EXPIRED,
    FILLED,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    PRICED,
    REJECTED,
    SELL,
    STOP,
    STOP_LIMIT,
    TIFS,
    TRIGGER,
    TRIGGERED,
    TYPES,
    Fill,
    OrderReport,
    OrderSpec,
)
from order_management.placing import send
from tests.conftest import ROOT
from tests.connectors.test_conformance import VENUES
from tests.connectors.tradingfloor import FULL, KIND_OF, READ_ONLY, WITHDRAWING, Floor, open_floors, opposite

BOOKLESS = "deriv"
"""The venue without a book: its contracts have a part of their own below."""
MARKETS = {
    "binance": ("spot", "linear", "linear-future"),
    "okx": ("spot", "linear", "inverse", "linear-future", "inverse-future", "option"),
    "bybit": ("spot", "linear", "inverse", "linear-future", "inverse-future"),
    "kucoin": ("spot", "linear", "inverse", "inverse-future"),
    "deribit": ("spot", "linear", "inverse", "linear-future", "inverse-future", "option"),
}
"""Where each venue with a book trades for us."""
NOT_SERVED = {"binance": {"inverse", "inverse-future"}}
"""Listed and of a kind that is traded, and yet refused by the venue's plug-in."""
FORGOTTEN = {("kucoin", SPOT, TRIGGER)}
"""Orders of which the venue keeps nothing once they are cancelled (docs/orders.md)."""
PLACES = [pytest.param(name, label, id=f"{name}-{label}") for name, labels in MARKETS.items() for label in labels]
DERIVATIVES = [place for place in PLACES if place.values[1] != "spot"]

Flags = tuple[str, str | None, bool, bool]
"""Type, time in force, post-only, reduce-only."""


def sensible(flags: Flags) -> bool:
    """Tell whether a combination makes sense at any venue (tickets refuse the others)."""
    kind, tif, post_only, _ = flags
    return (kind in PRICED or tif is None) and not (post_only and (kind != LIMIT or tif not in (None, GTC)))


ALL: list[Flags] = list(product(TYPES, (None, *TIFS), (False, True), (False, True)))


@cache
def rules_of(name: str) -> TradingRules:
    """Read a venue's rules without opening it."""
    entry = yaml.safe_load((ROOT / "config.yaml").read_text())["venues"][name]
    module, _, attribute = str(load_class(entry["class"], name).trading_class).partition(":")
    rules = getattr(import_module(module), attribute).rules
    assert isinstance(rules, TradingRules)
    return rules


def offered(name: str, label: str, flags: Flags) -> bool:
    """Tell whether a venue's rules have such an order on such a market."""
    rules, kind = rules_of(name), KIND_OF[label]
    order_type, tif, post_only, reduce_only = flags
    return (
        order_type in rules.types.get(kind, ())
        and (tif is None or tif in rules.tifs.get(kind, ()))
        and not (order_type == STOP_LIMIT and tif is not None and tif not in rules.stop_tifs)
        and not (post_only and kind not in rules.post_only)
        and not (reduce_only and kind not in rules.reduce_only)
    )


def each_that(waits: bool) -> list[Any]:
    """List every order that the rules offer: those that wait at the venue, or those that end at once."""
    found = []
    for name, labels in MARKETS.items():
        for label, flags in product(labels, ALL):
            kind, tif, post_only, reduce_only = flags
            resting = kind in TRIGGERED or (kind == LIMIT and tif == GTC)
            if sensible(flags) and offered(name, label, flags) and resting == waits and (kind in PRICED) == bool(tif):
                words = [name, label, kind, tif, "post-only" * post_only, "reduce-only" * reduce_only]
                found.append(pytest.param(name, label, flags, id=" ".join(filter(None, words))))
    return found


@pytest.fixture(scope="module")
def venues(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    """All enabled venues with their instrument lists, downloaded once."""
    with open_floors(running_simulator, tmp_path_factory.mktemp("trading-conformance")) as found:
        yield found


@pytest.fixture(scope="module")
def floors(venues: Venues, running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Floor]:
    """One floor per venue."""
    folder = tmp_path_factory.mktemp("floors")
    return {name: Floor(venues, name, running_simulator, folder) for name in VENUES}


@pytest.fixture
def floor(floors: dict[str, Floor], name: str, sim: Any) -> Floor:
    """The venue under test, its accounts as new."""
    sim.reset_accounts(name)
    return floors[name]


@pytest.fixture
def item(floor: Floor, label: str) -> Instrument:
    """The instrument under test."""
    return floor.instrument(label)


def prices(floor: Floor, item: Instrument, side: str, kind: str, *, taking: bool = False) -> dict[str, Decimal]:
    """Choose prices at which an order waits (or takes at once)."""
    away = "0.01" if taking else "-0.03"
    if side == SELL:
        away = away[1:] if away.startswith("-") else f"-{away}"
    if kind == LIMIT:
        return {"price": floor.away(item, side, away)}
    if kind in TRIGGERED:
        stop = {"stop_price": floor.away(item, side, "0.03" if side == BUY else "-0.03")}
        return stop if kind == STOP else stop | {"price": floor.away(item, side, "0.04" if side == BUY else "-0.04")}
    return {}


def place(floor: Floor, item: Instrument, side: str, flags: Flags, **changes: Any) -> tuple[OrderSpec, OrderReport]:
    kind, tif, post_only, reduce_only = flags
    taking = changes.pop("taking", False)
    wanted = {**prices(floor, item, side, kind, taking=taking), **changes}
    return floor.place(item, side, kind, tif=tif, post_only=post_only, reduce_only=reduce_only, **wanted)


def agrees(report: OrderReport | None, spec: OrderSpec, item: Instrument) -> None:
    """Hold a report against the order that was sent; flags that a venue does not repeat are None, never wrong."""
    assert report is not None
    assert (report.symbol, report.client_id, report.side, report.type) == (
        item.symbol,
        spec.client_id,
        spec.side,
        spec.type,
    )
    assert (report.size, report.price, report.stop_price) == (spec.size, spec.price, spec.stop_price)
    assert report.family == spec.family
    if spec.type in PRICED:  # a market order is told as IOC, FOK or nothing
        assert report.tif in (None, spec.tif)
    assert report.post_only in (None, spec.post_only)
    assert report.reduce_only in (None, spec.reduce_only)


def arrived(floor: Floor, item: Instrument, spec: OrderSpec) -> dict[str, str]:
    """Find the one order that the simulator has taken under this id; it is what was asked for, in the venue's unit."""
    (row,) = floor.placed(spec.client_id)
    assert (row["symbol"], row["side"]) == (item.native_id, spec.side)
    assert row["type"] == (LIMIT if spec.type in PRICED else MARKET)
    assert Decimal(row["size"]) * item.unit_size == spec.size
    return row


# --- what the rules offer works --------------------------------------------------------------------------------------


def test_every_venue_of_the_configuration_is_held_to_this_suite(floors: dict[str, Floor]) -> None:
    traded = {name: floor.labels() - NOT_SERVED.get(name, set()) for name, floor in floors.items()}
    assert traded == {name: set(labels) for name, labels in MARKETS.items()} | {BOOKLESS: {"spot"}}


@pytest.mark.parametrize(("name", "label", "flags"), each_that(waits=True))
def test_an_order_that_waits_is_found_by_both_ids_listed_and_cancelled(
    floor: Floor, item: Instrument, flags: Flags
) -> None:
    reduce_only = flags[3]
    if reduce_only:
        floor.opened(item)
    since_ms = time.time_ns() // 1_000_000 - 60_000
    spec, answer = place(floor, item, SELL if reduce_only else BUY, flags)
    assert answer.order_id
    assert arrived(floor, item, spec)["filled"] == "0"
    listed = floor.trading.open_orders(item)
    everywhere = floor.trading.open_orders()
    for report in (floor.by_client(item, spec), floor.by_id(item, answer.order_id, spec.family), *listed, *everywhere):
        agrees(report, spec, item)
        assert (report.order_id, report.status, report.filled) == (answer.order_id, OPEN, 0)
    assert (len(listed), len(everywhere)) == (1, 1)
    floor.trading.cancel(floor.ref(item, spec, answer))
    assert floor.trading.open_orders(item) == []
    assert arrived(floor, item, spec)["state"] == "cancelled"
    gone = floor.trading.find(floor.ref(item, spec, answer))
    assert gone is not None
    assert (gone.status, gone.filled) == (CANCELLED, 0)
    if (floor.name, item.kind, spec.family) in FORGOTTEN:
        assert floor.trading.closed_orders(item, since_ms) == []
        return
    (ended,) = [each for each in floor.trading.closed_orders(item, since_ms) if each.client_id == spec.client_id]
    assert (ended.order_id, ended.status, ended.filled) == (answer.order_id, CANCELLED, 0)


@pytest.mark.parametrize(("name", "label", "flags"), each_that(waits=False))
def test_an_order_that_takes_is_filled_and_its_trades_say_size_price_and_fee(
    floor: Floor, item: Instrument, flags: Flags
) -> None:
    reduce_only = flags[3]
    if reduce_only:
        floor.opened(item)
    since_ms = time.time_ns() // 1_000_000 - 60_000
    spec, answer = place(floor, item, SELL if reduce_only else BUY, flags, taking=True)
    row = arrived(floor, item, spec)
    assert (row["state"], Decimal(row["filled"]) * item.unit_size) == ("filled", spec.size)
    for report in (floor.by_client(item, spec), floor.by_id(item, answer.order_id)):
        agrees(report, spec, item)
        assert (report.order_id, report.status, report.filled) == (answer.order_id, FILLED, spec.size)
        assert report.average_price is not None
    assert floor.trading.open_orders(item) == []
    assert answer.order_id in [each.order_id for each in floor.trading.closed_orders(item, since_ms)]
    mine = [fill for fill in floor.trading.fills(item, since_ms) if fill.order_id == answer.order_id]
    assert sum(fill.size for fill in mine) == spec.size
    bid, ask = floor.touch(item)
    for fill in mine:
        assert (fill.side, fill.maker, fill.client_id) in ((spec.side, False, None), (spec.side, False, spec.client_id))
        assert bid * Decimal("0.9") < fill.price < ask * Decimal("1.1")
        assert fill.fee is not None
        assert fill.fee > 0 if item.taker_fee else fill.fee == 0
        assert fill.fee_currency in (item.base, item.quote, item.settle)


@pytest.mark.parametrize("tif", [IOC, FOK])
@pytest.mark.parametrize(("name", "label"), PLACES)
def test_an_ioc_or_fok_order_that_meets_nothing_ends_unfilled(
    floor: Floor, item: Instrument, label: str, tif: str
) -> None:
    if not offered(floor.name, label, (LIMIT, tif, False, False)):
        pytest.skip(f"{floor.name} has no {tif} orders there")
    since_ms = time.time_ns() // 1_000_000 - 60_000
    ticket = floor.ticket(item, BUY, LIMIT, price=floor.away(item, BUY, "-0.03"), tif=tif)
    spec = floor.prepared(ticket).sized.spec
    try:
        answer = floor.submit(item, spec)
    except Refused:
        assert all(row["filled"] == "0" for row in floor.placed())
    else:
        found = floor.trading.find(floor.ref(item, spec, answer))
        if found is not None:
            assert found.status in (EXPIRED, CANCELLED, REJECTED)
            assert found.filled == 0
        (row,) = floor.placed(spec.client_id)
        assert row["filled"] == "0"
    assert floor.trading.open_orders(item) == []
    assert floor.trading.fills(item, since_ms) == []


@pytest.mark.parametrize(("name", "label"), PLACES)
def test_a_fok_order_beyond_the_touch_is_filled_whole_or_not_at_all(floor: Floor, item: Instrument, label: str) -> None:
    if not offered(floor.name, label, (LIMIT, FOK, False, False)):
        pytest.skip(f"{floor.name} has no fok orders there")
    book = floor.venues.connector(floor.name).fetch_book(item, 5)
    best = Decimal(str(book.asks[0].price))
    size = Decimal(str(book.asks[0].size)) * (best if item.inverse else 1) * 3
    size = max((size / item.lot_size).to_integral_value() * item.lot_size, floor.size(item))
    spec = floor.prepared(floor.ticket(item, BUY, LIMIT, price=best, tif=FOK, size=size)).sized.spec
    try:
        answer = floor.submit(item, spec)
    except Refused:
        assert all(row["filled"] == "0" for row in floor.placed())
        return
    found = floor.trading.find(floor.ref(item, spec, answer))
    assert found is None or found.filled in (0, spec.size)
    (row,) = floor.placed(spec.client_id)
    assert Decimal(row["filled"]) in (0, Decimal(row["size"]))


@pytest.mark.parametrize(("name", "label"), PLACES)
def test_a_post_only_order_that_would_take_is_never_filled(floor: Floor, item: Instrument, label: str) -> None:
    if not offered(floor.name, label, (LIMIT, GTC, True, False)):
        pytest.skip(f"{floor.name} has no post-only orders there")
    price = floor.away(item, BUY, "0.01")
    spec = floor.prepared(floor.ticket(item, BUY, LIMIT, price=price, tif=GTC, post_only=True)).sized.spec
    try:
        answer = floor.submit(item, spec)
    except Refused:
        assert floor.placed(spec.client_id) == []
    else:
        found = floor.trading.find(floor.ref(item, spec, answer))
        assert found is not None
        assert (found.filled or 0) == 0
        if found.status == OPEN:  # a venue may move the price to where the order rests, and must say so
            assert found.price is not None
            assert found.price < price
        else:
            assert found.status in (CANCELLED, REJECTED, EXPIRED)
    assert all(row["filled"] == "0" for row in floor.placed())
    assert floor.trading.fills(item, time.time_ns() // 1_000_000 - 60_000) == []


# --- reduce-only, positions and money --------------------------------------------------------------------------------


def sizes(floor: Floor) -> dict[str, Decimal]:
    return {position.symbol: position.size for position in floor.trading.positions()}


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize(("name", "label"), DERIVATIVES)
def test_a_position_counts_in_lot_units_signed_and_knows_its_entry(
    floor: Floor, item: Instrument, side: str, label: str
) -> None:
    if not offered(floor.name, label, (MARKET, None, False, False)):
        spec, _ = place(floor, item, side, (LIMIT, IOC, False, False), taking=True)
    else:
        spec, _ = floor.place(item, side, MARKET)
    (position,) = floor.trading.positions()
    assert position.symbol == item.symbol
    assert position.size == (spec.size if side == BUY else -spec.size)
    fills = floor.trading.fills(item, time.time_ns() // 1_000_000 - 60_000)
    low, high = min(fill.price for fill in fills), max(fill.price for fill in fills)
    assert position.entry_price is not None
    assert low * Decimal("0.9999") <= position.entry_price <= high * Decimal("1.0001")


@pytest.mark.parametrize("kind", [MARKET, LIMIT])
@pytest.mark.parametrize(("name", "label"), DERIVATIVES)
def test_a_reduce_only_order_neither_opens_nor_flips_a_position(
    floor: Floor, item: Instrument, label: str, kind: str
) -> None:
    flags = (kind, None if kind == MARKET else GTC, False, True)
    if not offered(floor.name, label, flags):
        pytest.skip(f"{floor.name} has no such orders there")

    def attempt(side: str, size: Decimal) -> None:
        wanted = prices(floor, item, side, kind, taking=True)
        ticket = floor.ticket(item, side, kind, size=size, tif=flags[1], reduce_only=True, **wanted)
        with contextlib.suppress(Refused):
            floor.submit(item, floor.prepared(ticket).sized.spec)

    attempt(BUY, floor.size(item))
    assert sizes(floor) == {}
    held = floor.opened(item).size
    attempt(BUY, floor.size(item))
    assert sizes(floor) == {item.symbol: held}
    attempt(SELL, held * 2)
    assert sizes(floor) in ({}, {item.symbol: held})


def flows(fills: list[Fill], item: Instrument) -> dict[str, Decimal]:
    """Add up what trades move, by currency; of derivatives a whole round trip, after which nothing is held."""
    moved: dict[str, Decimal] = {}

    def add(currency: str | None, amount: Decimal) -> None:
        assert currency is not None
        moved[currency] = moved.get(currency, Decimal(0)) + amount

    for fill in fills:
        sign = 1 if fill.side == BUY else -1
        assert fill.fee is not None
        add(fill.fee_currency, -fill.fee)
        if item.kind == SPOT:
            add(item.base, sign * fill.size)
            add(item.quote, -sign * fill.size * fill.price)
        elif item.inverse:
            add(item.settle, sign * fill.size / fill.price)
        else:
            add(item.settle, -sign * fill.size * fill.price)
    return {currency: amount for currency, amount in moved.items() if amount}


@pytest.mark.parametrize("first", [BUY, SELL])
@pytest.mark.parametrize(("name", "label"), PLACES)
def test_balances_change_by_exactly_what_the_trades_and_fees_say(
    floor: Floor, item: Instrument, label: str, first: str
) -> None:
    since_ms = time.time_ns() // 1_000_000 - 60_000
    kind: Flags = (MARKET, None, False, False)
    if not offered(floor.name, label, kind):
        kind = (LIMIT, IOC, False, False)
    before = floor.totals()
    place(floor, item, first, kind, taking=True)
    place(floor, item, opposite(first), kind, taking=True)
    assert floor.trading.positions() == []
    after = floor.totals()
    fills = floor.trading.fills(item, since_ms)
    assert {fill.side for fill in fills} == {BUY, SELL}
    expected = flows(fills, item)
    for payment in floor.trading.funding_payments(item, since_ms) if label in ("linear", "inverse") else ():
        expected[payment.currency] = expected.get(payment.currency, Decimal(0)) + payment.amount
    for currency in before.keys() | after.keys() | expected.keys():
        moved = after.get(currency, Decimal(0)) - before.get(currency, Decimal(0))
        # Eight decimals are what venues show of a balance.
        assert abs(moved - expected.get(currency, Decimal(0))) <= Decimal("1e-8"), (currency, moved, expected)


@pytest.mark.parametrize(("name", "label"), DERIVATIVES)
def test_funding_payments_can_be_read_where_there_are_any(floor: Floor, item: Instrument, label: str) -> None:
    if label not in ("linear", "inverse"):
        pytest.skip("only perpetuals pay funding")
    floor.opened(item)
    for payment in floor.trading.funding_payments(item, time.time_ns() // 1_000_000 - 86_400_000):
        assert (payment.symbol, payment.currency) == (item.symbol, item.settle)


# --- partly filled, changed, ended -----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize(("name", "label"), PLACES)
def test_a_partly_filled_order_says_how_much_and_what_is_left_is_cancelled(
    floor: Floor, item: Instrument, label: str, side: str
) -> None:
    since_ms = time.time_ns() // 1_000_000 - 60_000
    spec, answer = place(floor, item, side, (LIMIT, GTC, False, False), size=2 * floor.size(item))
    (met,) = floor.meet(item, spec.price, floor.size(item), opposite(side))
    assert Decimal(met["size"]) * item.unit_size == Decimal(arrived(floor, item, spec)["filled"]) * item.unit_size
    report = floor.by_client(item, spec)
    agrees(report, spec, item)
    assert (report.status, report.filled) == (OPEN, floor.size(item))
    (listed,) = floor.trading.open_orders(item)
    assert listed.filled == floor.size(item)
    (fill,) = floor.trading.fills(item, since_ms)
    assert (fill.order_id, fill.side, fill.size, fill.price) == (answer.order_id, side, floor.size(item), spec.price)
    assert fill.maker in (None, True)
    assert fill.fee is not None
    floor.trading.cancel(floor.ref(item, spec, answer))
    gone = floor.trading.find(floor.ref(item, spec, answer))
    assert gone is not None
    assert (gone.status, gone.filled) == (CANCELLED, floor.size(item))
    assert floor.trading.open_orders(item) == []


@pytest.mark.parametrize("kind", [STOP, STOP_LIMIT])
@pytest.mark.parametrize(("name", "label"), PLACES)
def test_a_stop_that_has_fired_is_found_as_one_order_and_its_trades_belong_to_it(
    floor: Floor, item: Instrument, label: str, kind: str
) -> None:
    tif = None if kind == STOP else GTC
    if not offered(floor.name, label, (kind, tif, False, False)):
        pytest.skip(f"{floor.name} has no stops there")
    since_ms = time.time_ns() // 1_000_000 - 60_000
    spec, answer = place(floor, item, BUY, (kind, tif, False, False))
    assert floor.trading.fills(item, since_ms) == []
    assert spec.stop_price is not None
    floor.meet(item, spec.stop_price, floor.size(item), BUY)
    for ref in (floor.ref(item, spec, answer), floor.ref(item, spec, answer)._replace(order_id=None)):
        found = floor.trading.find(ref)
        assert found is not None
        assert (found.client_id, found.status, found.filled) == (spec.client_id, FILLED, spec.size)
    known = {answer.order_id, found.order_id}
    mine = [f for f in floor.trading.fills(item, since_ms) if f.order_id in known or f.client_id == spec.client_id]
    assert sum(fill.size for fill in mine) == spec.size
    assert floor.trading.open_orders(item) == []


@pytest.mark.parametrize(("name", "label"), PLACES)
def test_amending_changes_the_order_where_the_rules_offer_it_and_else_sends_nothing(
    floor: Floor, item: Instrument, label: str
) -> None:
    spec, answer = place(floor, item, BUY, (LIMIT, GTC, False, False), size=2 * floor.size(item))
    current = floor.by_client(item, spec)
    assert current is not None
    assert spec.price is not None
    ref, less = floor.ref(item, spec, answer), floor.size(item)
    cheaper = floor.away(item, BUY, "-0.04")
    if item.kind not in rules_of(floor.name).amend:
        floor.sim.reset_requests()
        with pytest.raises(Unsupported):
            floor.trading.amend(ref, current, size=less, price=None)
        assert floor.sim.requests(floor.name) == {}
        assert arrived(floor, item, spec)["state"] == "open"
        return
    floor.trading.amend(ref, current, size=less, price=None)
    smaller = floor.by_client(item, spec)
    agrees(smaller, spec._replace(size=less), item)
    assert smaller.status == OPEN
    floor.sim.reset_requests()
    try:
        floor.trading.amend(ref, smaller, size=None, price=cheaper)
    except Unsupported:
        assert floor.sim.requests(floor.name) == {}
        assert "amend" in rules_of(floor.name).notes
    else:
        agrees(floor.by_client(item, spec), spec._replace(size=less, price=cheaper), item)
    (row,) = floor.placed()
    assert (Decimal(row["size"]) * item.unit_size, row["state"], row["filled"]) == (less, "open", "0")


@pytest.mark.parametrize(("name", "label"), PLACES)
def test_cancelling_what_has_ended_is_refused_or_unknown_and_changes_nothing(
    floor: Floor, item: Instrument, label: str
) -> None:
    spec, answer = place(floor, item, BUY, (LIMIT, IOC, False, False), taking=True)
    with pytest.raises((Refused, OutcomeUnknown)):
        floor.trading.cancel(floor.ref(item, spec, answer))
    found = floor.trading.find(floor.ref(item, spec, answer))
    assert found is not None
    assert (found.status, found.filled) == (FILLED, spec.size)


@pytest.mark.parametrize(("name", "label"), PLACES)
def test_cancel_all_ends_every_family_of_one_instrument_and_no_other(
    floor: Floor, item: Instrument, label: str
) -> None:
    other = next(floor.instrument(each) for each in MARKETS[floor.name] if each != label)
    kept, _ = place(floor, other, BUY, (LIMIT, GTC, False, False))
    place(floor, item, BUY, (LIMIT, GTC, False, False))
    if STOP_LIMIT in rules_of(floor.name).types[item.kind]:
        place(floor, item, BUY, (STOP_LIMIT, GTC, False, False))
    floor.trading.cancel_all(item)
    assert [report.client_id for report in floor.trading.open_orders()] == [kept.client_id]


# --- what the rules lack is refused before anything is sent ----------------------------------------------------------


@pytest.mark.parametrize(("name", "label"), [*PLACES, pytest.param(BOOKLESS, "spot", id=BOOKLESS)])
def test_what_the_rules_lack_is_refused_before_anything_is_sent(floor: Floor, label: str) -> None:
    item = next(iter(floor.venues.cache.all(floor.name))) if floor.name == BOOKLESS else floor.instrument(label)
    bid, ask = floor.touch(item) if floor.name != BOOKLESS else (Decimal(100), Decimal(101))
    floor.sim.reset_requests()
    refused = 0
    for flags in ALL:
        kind, tif, post_only, reduce_only = flags
        wanted: dict[str, Any] = {"tif": tif, "post_only": post_only, "reduce_only": reduce_only}
        wanted |= {"price": bid} if kind in PRICED else {}
        wanted |= {"stop_price": ask} if kind in TRIGGERED else {}
        ticket = floor.ticket(item, BUY, kind, **wanted)
        if sensible(flags) and offered(floor.name, label, flags):
            if kind != MARKET:
                assert floor.prepared(ticket).sized.spec.type == kind
            continue
        refused += 1
        with pytest.raises((UsageError, Unsupported)) as failure:
            floor.prepared(ticket)
        assert failure.value.message.endswith(".")
    assert refused > 0
    assert floor.sim.requests(floor.name) == {}
    assert floor.placed() == []


@pytest.mark.parametrize(
    ("name", "label"), [pytest.param(name, label) for name, labels in NOT_SERVED.items() for label in sorted(labels)]
)
def test_what_a_venue_lists_and_we_do_not_serve_is_refused_before_anything_is_sent(
    floor: Floor, item: Instrument, label: str
) -> None:
    prepared = floor.prepared(floor.ticket(item, BUY, LIMIT, price=floor.away(item, BUY, "-0.03")))
    floor.sim.reset_requests()
    with pytest.raises(Unsupported):
        send(floor.desk, prepared)
    assert floor.sim.requests(floor.name) == {}


# --- client ids and keys ---------------------------------------------------------------------------------------------

every_venue = pytest.mark.parametrize(("name", "label"), [pytest.param(name, "spot", id=name) for name in MARKETS])


def longest(pattern: str) -> int:
    """Read how long an id may be."""
    found = re.search(r"\{1,(\d+)\}$", pattern)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(("name", "label"), PLACES)
@pytest.mark.parametrize("flags", [(LIMIT, GTC, False, False), (STOP_LIMIT, GTC, False, False)], ids=["limit", "stop"])
def test_the_longest_client_id_is_taken_and_found(floor: Floor, item: Instrument, label: str, flags: Flags) -> None:
    if not offered(floor.name, label, flags):
        pytest.skip(f"{floor.name} has no such orders there")
    name = f"{time.time_ns():x}".ljust(longest(rules_of(floor.name).client_id), "Z")
    ticket = floor.ticket(item, BUY, flags[0], tif=GTC, **prices(floor, item, BUY, flags[0]))
    spec = floor.prepared(replace(ticket, client_id=name)).sized.spec
    answer = floor.submit(item, spec)
    agrees(floor.by_client(item, spec), spec, item)
    assert [row["client_id"].endswith(name) for row in floor.placed()] == [True]
    floor.trading.cancel(floor.ref(item, spec, answer))


@every_venue
def test_an_id_that_is_too_long_or_has_a_wrong_character_is_refused_before_sending(
    floor: Floor, item: Instrument, label: str
) -> None:
    most = longest(rules_of(floor.name).client_id)
    ticket = floor.ticket(item, BUY, LIMIT, price=floor.away(item, BUY, "-0.03"))
    floor.sim.reset_requests()
    for wrong in ("a" * (most + 1), "", "a b", "naïve", "a/b", "a\n", "a'", "<a>"):
        with pytest.raises(UsageError, match="does not take the client id"):
            floor.prepared(replace(ticket, client_id=wrong))
    assert floor.sim.requests(floor.name) == {}


@pytest.mark.parametrize(("name", "label"), PLACES)
def test_the_same_id_twice_is_never_two_open_orders_where_the_rules_say_so(
    floor: Floor, item: Instrument, label: str
) -> None:
    rules = rules_of(floor.name)
    spec, answer = place(floor, item, BUY, (LIMIT, GTC, False, False))
    if rules.client_id_unique == NOT_UNIQUE:
        floor.submit(item, spec)
        assert len(floor.placed(spec.client_id)) == 2
        found = floor.by_client(item, spec)
        assert found is not None
        assert "2 orders carry this label" in str(found.reason)
        return
    with pytest.raises((Refused, OutcomeUnknown)):
        floor.submit(item, spec)
    assert len(floor.placed(spec.client_id)) == 1
    floor.trading.cancel(floor.ref(item, spec, answer))
    if rules.client_id_unique == UNIQUE_EVER:
        with pytest.raises((Refused, OutcomeUnknown)):
            floor.submit(item, spec)
        assert len(floor.placed(spec.client_id)) == 1


@pytest.fixture
def keyed(venues: Venues, sim: Any, tmp_path: Path, floors: dict[str, Floor]) -> Iterator[Any]:
    """Open venues with another key; what the suite shares is put back."""
    made: list[Floor] = []

    def open_with(name: str, account: int) -> Floor:
        made.append(Floor(venues, name, sim, tmp_path, account))
        return made[-1]

    yield open_with
    for other in made:
        other.trading.close()
        other.connector.close()
        venues._tradings[other.name] = floors[other.name].trading
        venues._connectors[other.name] = floors[other.name].connector


@pytest.mark.parametrize("name", VENUES)
def test_permissions_say_what_each_key_may_do(floor: Floor, name: str, keyed: Any) -> None:
    told = {account: keyed(name, account).trading.permissions() for account in (READ_ONLY, WITHDRAWING)}
    told["full"] = floor.trading.permissions()
    assert {key: (may.read, may.trade, may.withdraw) for key, may in told.items()} == {
        "full": (True, True, False),
        READ_ONLY: (True, False, False),
        WITHDRAWING: (True, True, True),
    }


@pytest.mark.parametrize(("name", "label"), PLACES)
def test_a_key_that_may_only_read_reads_and_is_refused_when_it_places(
    floor: Floor, item: Instrument, label: str, keyed: Any
) -> None:
    reader = keyed(floor.name, READ_ONLY)
    assert reader.trading.open_orders(item) == []
    assert reader.totals() == floor.totals()
    for flags in ((LIMIT, GTC, False, False), (STOP_LIMIT, GTC, False, False)):
        if offered(floor.name, label, flags):
            with pytest.raises(Unauthorized):
                place(reader, item, BUY, flags)
    assert floor.placed() == []
    spec, answer = place(floor, item, BUY, (LIMIT, GTC, False, False))
    with pytest.raises(Unauthorized):
        reader.trading.cancel(floor.ref(item, spec, answer))
    assert arrived(floor, item, spec)["state"] == "open"


# --- the venue without a book ----------------------------------------------------------------------------------------


@pytest.fixture
def index(keyed: Any, sim: Any) -> tuple[Floor, Instrument]:
    """Deriv with fresh accounts, and an instrument that trades day and night."""
    sim.reset_accounts(BOOKLESS)
    floor = keyed(BOOKLESS, FULL)
    (item,) = floor.venues.cache.of(BOOKLESS).by_native("R_100")
    return floor, item


def bought(floor: Floor, item: Instrument, side: str, **changes: Any) -> tuple[OrderSpec, OrderReport]:
    """Place a market order as every command does."""
    size = changes.pop("size", Decimal(1))
    return floor.place(item, side, MARKET, size=size, **changes)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_contract_is_opened_found_by_both_ids_listed_as_position_and_sold_back(
    index: tuple[Floor, Instrument], side: str
) -> None:
    floor, item = index
    since_ms = time.time_ns() // 1_000_000 - 60_000
    before = floor.totals()
    spec = floor.prepared(floor.ticket(item, side, MARKET, size=Decimal(1))).sized.spec
    facts = floor.trading.prepare(item, spec)
    answer = floor.trading.submit(item, spec)
    ref = floor.ref(item, spec, answer)._replace(facts=facts, since_ms=since_ms)
    by_id, by_facts = floor.trading.find(ref), floor.trading.find(ref._replace(order_id=None))
    assert by_id is not None
    assert by_facts is not None
    for report in (by_id, by_facts):
        assert (report.order_id, report.client_id, report.status) == (answer.order_id, spec.client_id, FILLED)
        assert (report.side, report.type, report.filled) == (side, MARKET, report.size)
        assert report.size is not None
        assert spec.size * Decimal("0.97") < report.size <= spec.size * Decimal("1.03")
    assert len(floor.placed()) == 1
    assert floor.trading.open_orders() == []
    assert [each.order_id for each in floor.trading.closed_orders(item, since_ms)] == [answer.order_id]
    (position,) = floor.trading.positions()
    assert (position.symbol, position.size) == (item.symbol, by_id.size if side == BUY else -by_id.size)
    closing, _ = bought(floor, item, opposite(side), size=by_id.size, reduce_only=True)
    assert floor.trading.positions() == []
    fills = floor.trading.fills(item, since_ms)
    assert [fill.side for fill in fills] == [side, opposite(side)]
    assert floor.trading.closed_orders(item, since_ms)[0].order_id == answer.order_id
    moved = floor.totals()[item.quote] - before[item.quote]
    assert abs(moved) < Decimal(20)  # spread and commission of a stake of some tens
    assert closing.reduce_only


def test_a_contract_cannot_be_cancelled_or_reduced_in_part(index: tuple[Floor, Instrument]) -> None:
    floor, item = index
    spec, answer = bought(floor, item, BUY)
    with pytest.raises(Refused):
        floor.trading.cancel(floor.ref(item, spec, answer))
    with pytest.raises(Refused):
        bought(floor, item, SELL, size=Decimal("0.3"), reduce_only=True)
    with pytest.raises(Refused):
        bought(floor, item, BUY, reduce_only=True)
    assert len(floor.trading.positions()) == 1
    assert len(floor.placed()) == 1


def test_a_token_that_may_only_read_opens_no_contract(index: tuple[Floor, Instrument], keyed: Any) -> None:
    floor, item = index
    reader = keyed(BOOKLESS, READ_ONLY)
    assert reader.totals() == floor.totals()
    with pytest.raises(Unauthorized):
        bought(reader, item, BUY)
    assert floor.placed() == []


def test_the_rules_of_a_venue_without_client_ids_say_so() -> None:
    rules = rules_of(BOOKLESS)
    assert rules.client_id_unique == NO_IDS
    assert rules.tifs == {}
    assert not rules.cancel_all


# --- known shortcomings ----------------------------------------------------------------------------------------------


@pytest.mark.xfail(strict=True, raises=Refused, reason="Deribit's tick grows with an option's price (tick_size_steps)")
@pytest.mark.parametrize(("name", "label"), [pytest.param("deribit", "option", id="deribit-option")])
def test_a_price_is_put_on_the_tick_of_its_range(floor: Floor, item: Instrument, label: str) -> None:
    price = floor.away(item, BUY, "-0.2") + Decimal("0.0001")
    floor.place(item, BUY, LIMIT, price=price)
