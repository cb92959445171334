"""Binance's spot orders: placing, cancelling, replacing, shrinking, and asking for them.

Source: developers.binance.com/docs, spot REST API ("Trading endpoints", "Account endpoints").
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from simulator.exchange.model import FOK, GTC, IOC, LIMIT, MARKET, NewOrder, Order, Rejected, Trigger
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing
from simulator.venues import binance_order_shapes as shapes
from simulator.venues.binance_call import Refusal
from simulator.venues.binance_filters import check, check_precision
from simulator.venues.binance_refusals import refused, unknown_to_cancel, unknown_to_query
from simulator.venues.binance_signed import Row, SignedCall, anything

_STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
_TAKES = ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", *_STOPS, *_TAKES)
_PRICED = ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
_TIMED = ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
_UNSERVED = ("trailingDelta", "icebergQty", "pegPriceType")
_ONE_DAY = (DAY_MS, -1127, "More than 24 hours between startTime and endTime.")
_MOST = 1000


def new_order(call: SignedCall) -> object:
    """Place an order and answer as shortly or fully as was asked for."""
    listing = call.listing()
    order = _read(call, listing)
    check(call, listing, order)
    return _placed(call, _place(call, listing, order))


def new_order_test(call: SignedCall) -> object:
    """Check an order by all the rules without placing it."""
    listing = call.listing()
    order = _read(call, listing)
    check(call, listing, order)
    try:
        call.exchange.check(call.account, listing, order, call.now_ms)
    except Rejected as rejected:
        raise refused("spot", rejected, listing) from None
    return {}


def order(call: SignedCall) -> object:
    """Answer one order by either id."""
    found = call.find(call.listing(), anything, "orderId", "origClientOrderId")
    if found is None:
        raise unknown_to_query()
    return shapes.spot_order(found)


def cancel(call: SignedCall) -> object:
    """Cancel one order by either id."""
    return _cancelled(call, call.listing(), "orderId", "origClientOrderId")


def cancel_open(call: SignedCall) -> object:
    """Cancel all orders of a symbol; that there are none is refused."""
    found = call.orders(call.listing(), anything, live=True)
    if not found:
        raise unknown_to_cancel()
    for each in found:
        call.exchange.cancel(call.account, each, call.now_ms, "all")
    return [shapes.spot_cancelled(each, call.now_ms) for each in found]


def open_orders(call: SignedCall) -> object:
    """List what is open, of one symbol or of all."""
    listing = call.listing() if "symbol" in call.params else None
    return [shapes.spot_order(each) for each in call.orders(listing, anything, live=True)]


def all_orders(call: SignedCall) -> object:
    """List orders of a symbol in any state: from an id on, within a day, or the last ones."""
    limit, first_id = call.limit(500, _MOST), call.number("orderId", -1)
    start_ms, end_ms = call.span(*_ONE_DAY, open_ended=True)
    rows = [each for each in call.orders(call.listing(), anything, live=None) if start_ms <= each.created_ms <= end_ms]
    if first_id >= 0:
        rows = [each for each in rows if int(each.id) >= first_id]
    from_the_start = first_id >= 0 or "startTime" in call.params
    return [shapes.spot_order(each) for each in (rows[:limit] if from_the_start else rows[-limit:])]


def my_trades(call: SignedCall) -> object:
    """List the account's trades of a symbol: from an id on, of an order, within a day, or the last ones."""
    listing, limit, first_id = call.listing(), call.limit(500, _MOST), call.number("fromId", -1)
    if first_id >= 0 and ("startTime" in call.params or "endTime" in call.params):
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    start_ms, end_ms = call.span(*_ONE_DAY, open_ended=True)
    rows = call.exchange.fills(
        call.account, call.now_ms, order_id=call.params.get("orderId"), product="spot", native_id=listing.native_id
    )
    rows = [each for each in rows if start_ms <= each.time_ms <= end_ms and int(each.id) >= first_id]
    from_the_start = first_id >= 0 or "startTime" in call.params
    return [shapes.spot_trade(each) for each in (rows[:limit] if from_the_start else rows[-limit:])]


def cancel_replace(call: SignedCall) -> object:
    """Cancel one order and place another. Not atomic: the first may succeed where the second does not.

    Raises:
        Refusal: -2022 where nothing changed, -2021 where only one half was done; both say which.
    """
    listing = call.listing()
    words = "Invalid cancelReplaceMode."
    mode = call.choice("cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"), -1130, words)
    wanted = _read(call, listing)
    check(call, listing, wanted)
    cancelled, cancel_error = _attempt(lambda: _cancelled(call, listing, "cancelOrderId", "cancelOrigClientOrderId"))
    if cancel_error is not None and mode == "STOP_ON_FAILURE":
        raise _half_done(-2022, 400, "FAILURE", "NOT_ATTEMPTED", cancelled, None)
    placed, place_error = _attempt(lambda: _placed(call, _place(call, listing, wanted)))
    results = ("FAILURE" if cancel_error else "SUCCESS", "FAILURE" if place_error else "SUCCESS")
    if cancel_error is not None and place_error is not None:
        raise _half_done(-2022, 400, *results, cancelled, placed)
    if cancel_error is not None or place_error is not None:
        raise _half_done(-2021, 409, *results, cancelled, placed)
    return {
        "cancelResult": "SUCCESS", "newOrderResult": "SUCCESS", "cancelResponse": cancelled,
        "newOrderResponse": placed,
    }  # fmt: skip


def amend(call: SignedCall) -> object:
    """Shrink an order that rests; it keeps its id and its place. Here it keeps the client's id as well."""
    listing, size = call.listing(), call.needed("newQty")
    check_precision(call, listing, ("newQty", size))
    found = call.find(listing, anything, "orderId", "origClientOrderId")
    if found is None or not found.live:
        raise unknown_to_query()
    if call.params.get("newClientOrderId") != found.client_id:
        raise Refusal(-1020, "This operation is not supported. (The simulator keeps the client order id.)")
    if size >= found.size or size <= found.filled:
        raise Refusal(-2038, "The amended quantity must be less than the order's quantity.")
    try:
        call.exchange.amend(call.account, found, call.now_ms, size=size)
    except Rejected as rejected:
        raise refused("spot", rejected, listing) from None
    row = shapes.spot_order(found)
    names = {"origQty": "qty", "cummulativeQuoteQty": "cumulativeQuoteQty", "origQuoteOrderQty": "quoteOrderQty"}
    kept = "symbol orderId orderListId clientOrderId price executedQty status timeInForce type side workingTime"
    amended: Row = {name: row[name] for name in kept.split()} | {new: row[old] for old, new in names.items()}
    amended |= {
        "origClientOrderId": found.client_id, "preventedQty": "0.00000000", "selfTradePreventionMode": "EXPIRE_MAKER",
    }  # fmt: skip
    return {"transactTime": call.now_ms, "executionId": found.updated_ms, "amendedOrder": amended}


def _read(call: SignedCall, listing: Listing) -> NewOrder:
    """Read a new order from the parameters. Raises Refusal where they do not fit its type."""
    side = call.choice("side", ("BUY", "SELL"), -1117, "Invalid side.")
    kind = call.choice("type", _TYPES, -1116, "Invalid orderType.")
    for name in _UNSERVED:
        if name in call.params:
            raise Refusal(-1020, f"This operation is not supported. (The simulator serves no '{name}'.)")
    price = _fitting(call, "price", needed=kind in _PRICED)
    stop = _fitting(call, "stopPrice", needed=kind in _STOPS + _TAKES)
    tif = GTC
    if kind in _TIMED:
        tif = call.choice("timeInForce", (GTC, IOC, FOK), -1115, "Invalid timeInForce.")
    elif "timeInForce" in call.params:
        raise Refusal(-1106, "Parameter 'timeInForce' sent when not required.")
    quote_amount = call.decimal("quoteOrderQty")
    if quote_amount is not None and (kind != "MARKET" or "quantity" in call.params):
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    size = call.needed("quantity") if quote_amount is None else None
    check_precision(call, listing, ("quantity", size), ("price", price), ("stopPrice", stop))
    rising = (side == "BUY") == (kind in _STOPS)
    return NewOrder(
        side.lower(), LIMIT if kind in _PRICED else MARKET, size, quote_amount, price, tif,
        post_only=kind == "LIMIT_MAKER", client_id=call.client_id("newClientOrderId"),
        trigger=None if stop is None else Trigger(stop, rising), extra={"type": kind},
    )  # fmt: skip


def _fitting(call: SignedCall, name: str, *, needed: bool) -> Decimal | None:
    if needed:
        return call.needed(name)
    if name in call.params:
        raise Refusal(-1106, f"Parameter '{name}' sent when not required.")
    return None


def _place(call: SignedCall, listing: Listing, wanted: NewOrder) -> Order:
    try:
        return call.exchange.place(call.account, listing, wanted, call.now_ms)
    except Rejected as rejected:
        raise refused("spot", rejected, listing) from None


def _placed(call: SignedCall, placed: Order) -> Row:
    kind = str(placed.extra["type"])
    default = "FULL" if kind in ("LIMIT", "MARKET") else "ACK"
    wanted = call.choice("newOrderRespType", ("ACK", "RESULT", "FULL"), -1130, "Invalid newOrderRespType.", default)
    if wanted == "ACK":
        return shapes.spot_ack(placed)
    if wanted == "RESULT":
        return shapes.spot_result(placed)
    return shapes.spot_full(placed, call.exchange.fills(call.account, call.now_ms, order_id=placed.id))


def _cancelled(call: SignedCall, listing: Listing, id_name: str, client_name: str) -> Row:
    found = call.find(listing, anything, id_name, client_name)
    if found is None or not found.live:
        raise unknown_to_cancel()
    only = call.params.get("cancelRestrictions")
    if only not in (None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
        raise Refusal(-1145, "Invalid cancelRestrictions")
    if only is not None and (only == "ONLY_NEW") == bool(found.filled):
        raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
    try:
        call.exchange.cancel(call.account, found, call.now_ms)
    except Rejected:
        raise unknown_to_cancel() from None
    return shapes.spot_cancelled(found, call.now_ms)


def _attempt(work: Callable[[], Row]) -> tuple[Row, Refusal | None]:
    try:
        return work(), None
    except Refusal as error:
        return {"code": error.code, "msg": error.message}, error


def _half_done(
    code: int, status: int, cancel_result: str, place_result: str, cancelled: Mapping[str, object], placed: object
) -> Refusal:
    how = "failed" if code == -2022 else "partially failed"
    data = {
        "cancelResult": cancel_result, "newOrderResult": place_result, "cancelResponse": cancelled,
        "newOrderResponse": placed,
    }  # fmt: skip
    return Refusal(code, f"Order cancel-replace {how}.", status, data)
