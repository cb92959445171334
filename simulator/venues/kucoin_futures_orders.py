"""KuCoin's futures orders: `/api/v1/orders` and `/api/v1/stopOrders` of the futures host.

Source: docs.kucoin.com, Futures Trading. Sizes are whole contracts. In isolated margin mode an order's `leverage`
becomes the position's; in cross mode the order's is ignored. An order has to name the margin mode that is set
(isolated where it names none). Lists go back a week from where they are asked to begin or end.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import cast

from simulator.exchange.model import FOK, GTC, IOC, LIMIT, MARKET, NewOrder, Order, Trigger
from simulator.market.model import Listing
from simulator.venues.kucoin_contracts import LEVERAGE, USUAL_LEVERAGE
from simulator.venues.kucoin_futures_rows import (
    PRICE_TYPES,
    is_waiting,
    order_row,
    read_id,
    side_that_closes,
    wire_id,
)
from simulator.venues.kucoin_private import (
    FUTURES_BAND,
    FUTURES_REFUSALS,
    Call,
    amount,
    asked,
    check_band,
    chosen,
    client_id,
    flag,
    page_of,
    span,
    text,
)
from simulator.venues.kucoin_wire import KucoinError, Row

FUTURES = "futures"
ISOLATED, CROSS = "ISOLATED", "CROSS"
PRICE_LIMIT = Decimal("0.05")
NO_ORDER = ("100001", "error.getOrder.orderNotExist")
NOT_CANCELLABLE = ("100004", "The order cannot be canceled.")
NEWEST = 1_000


def margin_mode(call: Call, symbol: str) -> str:
    """Tell the margin mode that is set for a contract."""
    return call.settings.margin_modes.get((call.account.owner, symbol), ISOLATED)


def _order(call: Call, listing: Listing) -> NewOrder:
    given, mode = call.given, margin_mode(call, listing.native_id)
    name = client_id(given, needed=True)
    if text(given, "marginMode", (ISOLATED, CROSS), ISOLATED) != mode:
        words = "The order's margin mode does not match the selected one. Please switch and try again."
        raise KucoinError("330005", words)
    if text(given, "positionSide", ("BOTH", "LONG", "SHORT"), "BOTH") != "BOTH":
        raise KucoinError("330011", "The order's position mode does not match your selected mode.")
    kind = text(given, "type", (LIMIT, MARKET), LIMIT)
    closes = flag(given, "closeOrder")
    open_now = call.exchange.positions(call.account, call.now_ms, product=FUTURES)
    held = next((position for position in open_now if position.native_id == listing.native_id), None)
    if closes and held is None:
        raise KucoinError("300009", "No open positions to close.")
    side = side_that_closes(held) if closes and held else text(given, "side", ("buy", "sell"))
    price = amount(given, "price") if kind == LIMIT else None
    if kind == LIMIT and price is None:
        raise KucoinError("100001", "Price parameter cannot be empty.")
    tif = text(given, "timeInForce", (GTC, IOC, FOK, "PO"), GTC)
    trigger = _trigger(call)
    if trigger is None:
        mark = call.exchange.mark_price(listing, call.now_ms)
        check_band(price, side, mark, PRICE_LIMIT, FUTURES_BAND)
    extra = {
        name: given[name] for name in ("remark", "hidden", "iceberg", "forceHold", "closeOrder") if given.get(name)
    }
    return NewOrder(
        side=side,
        type=kind,
        size=None if closes else _contracts(call),
        price=price,
        tif=tif if kind == LIMIT and tif != "PO" else GTC,
        post_only=kind == LIMIT and (flag(given, "postOnly") or tif == "PO"),
        reduce_only=flag(given, "reduceOnly") or closes,
        client_id=name,
        trigger=trigger,
        extra=extra | {"marginMode": mode},
    )


def _contracts(call: Call) -> Decimal:
    size = amount(call.given, "size")
    if size is None:
        raise KucoinError("100001", "Quantity parameter cannot be empty.")
    if size != size.to_integral_value():
        raise KucoinError("100001", "There are invalid parameters: size is no whole number")
    return size


def _trigger(call: Call) -> Trigger | None:
    given = call.given
    if not given.get("stop"):
        return None
    price = amount(given, "stopPrice")
    source = PRICE_TYPES.get(str(given.get("stopPriceType")))
    if price is None or source is None:
        raise KucoinError("100001", "There are invalid parameters: stopPrice and stopPriceType are needed with stop")
    return Trigger(price, text(given, "stop", ("up", "down")) == "up", source)


def _leverage(call: Call, listing: Listing, order: NewOrder) -> int:
    """Read the leverage that the order shall have. Raises KucoinError 100001 or 300016."""
    mode, current = margin_mode(call, listing.native_id), call.exchange.leverage(call.account, listing)
    given = amount(call.given, "leverage")
    if mode == CROSS or (given is None and order.reduce_only):
        return current
    most = LEVERAGE.get(listing.base, USUAL_LEVERAGE)
    if given is None or given != given.to_integral_value():
        raise KucoinError("100001", "Leverage parameter invalid.")
    if given > most:
        raise KucoinError("300016", f"The leverage cannot be greater than {most}.")
    return int(given)


def place(call: Call) -> Row:
    """Place an order or a stop, acknowledged by its ids."""
    listing = call.listing(FUTURES)
    order = _order(call, listing)
    leverage = _leverage(call, listing, order)
    before = call.exchange.leverage(call.account, listing)
    if leverage != before:
        asked(lambda: call.exchange.set_leverage(call.account, listing, leverage), FUTURES_REFUSALS, listing)
    order = replace(order, extra={**order.extra, "leverage": leverage})
    try:
        made = asked(lambda: call.exchange.place(call.account, listing, order, call.now_ms), FUTURES_REFUSALS, listing)
    except KucoinError:
        if leverage != before:
            call.exchange.set_leverage(call.account, listing, before)
        raise
    return {"orderId": wire_id(made), "clientOid": made.client_id}


def test(call: Call) -> Row:
    """Check an order and place nothing; the id is of no order."""
    listing = call.listing(FUTURES)
    order = _order(call, listing)
    _leverage(call, listing, order)
    asked(lambda: call.exchange.check(call.account, listing, order, call.now_ms), FUTURES_REFUSALS, listing)
    return {"orderId": "234125150956625920", "clientOid": order.client_id}


def _by_id(call: Call) -> Order | None:
    found = read_id(text(call.given, "orderId"))
    return None if found is None else call.exchange.find(call.account, call.now_ms, order_id=found, product=FUTURES)


def _by_client_id(call: Call, symbol: str | None) -> Order | None:
    name = text(call.given, "clientOid")
    return call.exchange.find(call.account, call.now_ms, client_id=name, product=FUTURES, native_id=symbol)


def _row(call: Call, order: Order) -> Row:
    return order_row(order, call.venue.by_id[(FUTURES, order.native_id)])


def _served(call: Call, order: Order | None) -> Row:
    if order is None:
        raise KucoinError(*NO_ORDER)
    return _row(call, order)


def get(call: Call) -> Row:
    """Serve one order or stop by id. Raises KucoinError 100001 where there is none."""
    return _served(call, _by_id(call))


def get_by_client_id(call: Call) -> Row:
    """Serve one order or stop by client id. Raises KucoinError 100001 where there is none."""
    return _served(call, _by_client_id(call, None))


def _cancelled(call: Call, order: Order | None) -> Order:
    if order is None:
        raise KucoinError(*NOT_CANCELLABLE)
    return asked(lambda: call.exchange.cancel(call.account, order, call.now_ms), FUTURES_REFUSALS)


def cancel(call: Call) -> Row:
    """Cancel one order or stop by id."""
    return {"cancelledOrderIds": [wire_id(_cancelled(call, _by_id(call)))]}


def cancel_by_client_id(call: Call) -> Row:
    """Cancel one order or stop by client id."""
    return {"clientOid": _cancelled(call, _by_client_id(call, call.listing(FUTURES).native_id)).client_id}


def cancel_these(call: Call) -> list[Row]:
    """Cancel orders by id or by client id, each with an answer of its own."""
    rows: list[Row] = []
    for order_id in cast("Sequence[str]", call.given.get("orderIdsList") or ()):
        rows.append(_tried(call._replace(given={"orderId": order_id}), {"orderId": order_id, "clientOid": None}))
    for named in cast("Sequence[dict[str, str]]", call.given.get("clientOidsList") or ()):
        rows.append(_tried(call._replace(given=named), {"orderId": None, "clientOid": named.get("clientOid")}))
    return rows


def _tried(call: Call, ids: Row) -> Row:
    try:
        _ = cancel(call) if ids["orderId"] else cancel_by_client_id(call)
    except KucoinError as refusal:
        return ids | {"code": refusal.code, "msg": str(refusal)}
    return ids | {"code": "200", "msg": "success"}


def _live(call: Call, *, waiting: bool) -> list[Order]:
    symbol = call.narrowed(FUTURES)
    found = call.exchange.orders(call.account, call.now_ms, live=True, product=FUTURES, native_id=symbol)
    return [order for order in found if is_waiting(order) == waiting]


def _cancel_all(call: Call, *, waiting: bool) -> Row:
    ids = []
    for order in _live(call, waiting=waiting):
        call.exchange.cancel(call.account, order, call.now_ms, "all")
        ids.append(wire_id(order))
    return {"cancelledOrderIds": ids}


def cancel_all(call: Call) -> Row:
    """Cancel all orders, or those of one contract; stops stay."""
    return _cancel_all(call, waiting=False)


def cancel_all_stops(call: Call) -> Row:
    """Cancel all stops, or those of one contract."""
    return _cancel_all(call, waiting=True)


def _between(orders: Sequence[Order], call: Call) -> list[Order]:
    if not (call.given.get("startAt") or call.given.get("endAt")):
        return [*orders]
    start_ms, end_ms = span(call.given, call.now_ms)
    return [order for order in orders if start_ms <= order.created_ms <= end_ms]


def listed(call: Call) -> Row:
    """List orders that are `active`, or `done`, newest first, in pages; stops that wait are elsewhere."""
    if text(call.given, "status", ("active", "done"), "done") == "active":
        orders = _live(call, waiting=False)
    else:
        symbol = call.narrowed(FUTURES)
        orders = call.exchange.orders(call.account, call.now_ms, live=False, product=FUTURES, native_id=symbol)
    return page_of(_between(chosen(orders, call.given), call), call.given, lambda order: _row(call, order), 1_000)


def listed_stops(call: Call) -> Row:
    """List stops that wait, newest first, in pages."""
    orders = _between(chosen(_live(call, waiting=True), call.given), call)
    return page_of(orders, call.given, lambda order: _row(call, order), 1_000)


def recent_done(call: Call) -> list[Row]:
    """List the newest 1000 finished orders."""
    symbol = call.narrowed(FUTURES)
    found = call.exchange.orders(call.account, call.now_ms, live=False, product=FUTURES, native_id=symbol)
    return [_row(call, order) for order in chosen(found, call.given)[:NEWEST]]
