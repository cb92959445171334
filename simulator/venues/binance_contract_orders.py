"""Binance's regular orders of contracts: placing, changing, cancelling, and asking for them.

Conditional orders have endpoints of their own (`binance_algo_orders`); here they are refused with -4120.
Source: developers.binance.com/docs, USDⓈ-M Futures ("Trade").
"""

from collections.abc import Callable, Mapping

from simulator.exchange.model import EXPIRED, FOK, GTC, IOC, LIMIT, MARKET, NewOrder, Order, Reason, Rejected
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing
from simulator.venues import binance_order_shapes as shapes
from simulator.venues.binance_call import Refusal, missing
from simulator.venues.binance_filters import check, check_precision
from simulator.venues.binance_refusals import refusal, refused, unknown_to_cancel, unknown_to_query
from simulator.venues.binance_signed import Row, SignedCall, in_the_book

CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
ONE_WEEK = (7 * DAY_MS, -4165, "Invalid time interval: Maximum time interval is 7 days")
DONE: Row = {"code": 200, "msg": "The operation of cancel all open order is done."}
_TIFS = (GTC, IOC, FOK, "GTX")
_MOST = 1000


def new_order(call: SignedCall) -> object:
    """Place an order; without `newOrderRespType=RESULT` the answer is of the moment it came in."""
    listing = call.listing()
    wanted = _read(call, listing)
    check(call, listing, wanted)
    placed = place(call, listing, wanted)
    return shapes.placed_contract_order(placed, listing, accepted_only=call.params.get("newOrderRespType") != "RESULT")


def new_order_test(call: SignedCall) -> object:
    """Check an order by all the rules without placing it."""
    listing = call.listing()
    wanted = _read(call, listing)
    check(call, listing, wanted)
    try:
        call.exchange.check(call.account, listing, wanted, call.now_ms)
    except Rejected as rejected:
        raise refused(call.section, rejected, listing) from None
    return {}


def order(call: SignedCall) -> object:
    """Answer one order by either id."""
    listing = call.listing()
    found = call.find(listing, in_the_book, "orderId", "origClientOrderId")
    if found is None:
        raise unknown_to_query()
    return shapes.asked_contract_order(found, listing)


def open_order(call: SignedCall) -> object:
    """Answer one order that is still open."""
    listing = call.listing()
    found = call.find(listing, in_the_book, "orderId", "origClientOrderId")
    if found is None or not found.live:
        raise unknown_to_query()
    return shapes.asked_contract_order(found, listing)


def cancel(call: SignedCall) -> object:
    """Cancel one order by either id."""
    listing = call.listing()
    found = call.find(listing, in_the_book, "orderId", "origClientOrderId")
    if found is None or not found.live:
        raise unknown_to_cancel()
    try:
        call.exchange.cancel(call.account, found, call.now_ms)
    except Rejected:
        raise unknown_to_cancel() from None
    return shapes.placed_contract_order(found, listing)


def modify(call: SignedCall) -> object:
    """Change price and size of an order that rests; it goes to the end of its queue.

    What is filled beyond the new size, or a post-only order that would take now, is cancelled instead.
    """
    listing, price, size = call.listing(), call.needed("price"), call.needed("quantity")
    check_precision(call, listing, ("quantity", size), ("price", price))
    found = call.find(listing, in_the_book, "orderId", "origClientOrderId")
    if found is None or not found.live:
        raise unknown_to_query()
    if found.type != LIMIT:
        raise Refusal(-5025, "Only limit order is supported.")
    if call.params.get("side", "").lower() not in ("", found.side):
        raise Refusal(-1117, "Invalid side.")
    wanted = NewOrder(found.side, LIMIT, size, price=price, reduce_only=found.reduce_only and call.flag("reduceOnly"))
    _check_change(call, listing, wanted)
    try:
        if size <= found.filled:
            call.exchange.cancel(call.account, found, call.now_ms)
        else:
            call.exchange.amend(call.account, found, call.now_ms, price=price, size=size)
    except Rejected as rejected:
        if rejected.reason is not Reason.WOULD_TAKE:
            raise refused(call.section, rejected, listing) from None
        call.exchange.cancel(call.account, found, call.now_ms)
    return shapes.placed_contract_order(found, listing)


def cancel_all(call: SignedCall) -> object:
    """Cancel all regular orders of a symbol; conditional ones stay."""
    for each in call.orders(call.listing(), in_the_book, live=True):
        call.exchange.cancel(call.account, each, call.now_ms, "all")
    return DONE


def countdown_cancel_all(call: SignedCall) -> object:
    """Begin, repeat or stop the countdown after which all orders of a symbol are cancelled."""
    listing, left_ms = call.listing(), call.number("countdownTime", -1)
    if left_ms < 0:
        raise missing("countdownTime")
    if left_ms:
        call.countdowns.begin(call.account, call.section, listing.native_id, call.now_ms + left_ms)
    else:
        call.countdowns.stop(call.account, call.section, listing.native_id)
    return {"symbol": listing.native_id, "countdownTime": str(left_ms)}


def new_orders(call: SignedCall) -> object:
    """Place up to five orders; each is answered on its own."""
    return [_one_of(call, item, new_order) for item in call.batch("batchOrders")]


def cancel_orders(call: SignedCall) -> object:
    """Cancel up to ten orders of a symbol by either kind of id; each is answered on its own."""
    params = {name.lower(): value for name, value in call.params.items()}
    items: list[dict[str, str]] = []
    for name, key in (("orderidlist", "orderId"), ("origclientorderidlist", "origClientOrderId")):
        values = [part.strip(' "') for part in params.get(name, "").strip("[]").split(",")]
        items += [{"symbol": call.text("symbol"), key: value} for value in values if value]
    if not items:
        raise missing("orderIdList")
    return [_one_of(call, item, cancel) for item in items]


def _one_of(call: SignedCall, item: Mapping[str, str], work: Callable[[SignedCall], object]) -> object:
    try:
        return work(call.with_params(item))
    except Refusal as error:
        return {"code": error.code, "msg": error.message}


def open_orders(call: SignedCall) -> object:
    """List what is open, of one symbol or of all."""
    listing = call.listing() if "symbol" in call.params else None
    found = call.orders(listing, in_the_book, live=True)
    return [shapes.asked_contract_order(each, call.listed(each.native_id)) for each in found]


def all_orders(call: SignedCall) -> object:
    """List orders of a symbol in any state: from an id on, within a week, or the last ones."""
    rows = in_span(call, call.orders(call.listing(), in_the_book, live=None), "orderId", 0)
    return [shapes.asked_contract_order(each, call.listing()) for each in rows]


def in_span(call: SignedCall, rows: list[Order], id_name: str, shift: int) -> list[Order]:
    """Choose the page of `rows` that was asked for."""
    limit, first_id = call.limit(500, _MOST), call.number(id_name, -1)
    start_ms, end_ms = call.span(*ONE_WEEK, open_ended=False)
    rows = [each for each in rows if start_ms <= each.created_ms <= end_ms and int(each.id) + shift >= first_id]
    return rows[:limit] if first_id >= 0 or "startTime" in call.params else rows[-limit:]


def user_trades(call: SignedCall) -> object:
    """List the account's trades of a symbol: from an id on, of an order, within a week, or the last ones."""
    listing, limit, first_id = call.listing(), call.limit(500, _MOST), call.number("fromId", -1)
    if first_id >= 0 and ("startTime" in call.params or "endTime" in call.params):
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    start_ms, end_ms = call.span(*ONE_WEEK, open_ended=False)
    rows = call.exchange.fills(
        call.account, call.now_ms, order_id=call.params.get("orderId"), product=call.section,
        native_id=listing.native_id,
    )  # fmt: skip
    if first_id < 0:
        rows = [each for each in rows if start_ms <= each.time_ms <= end_ms]
    rows = [each for each in rows if int(each.id) >= first_id]
    rows = rows[:limit] if first_id >= 0 or "startTime" in call.params else rows[-limit:]
    return [shapes.contract_trade(each, listing) for each in rows]


def place(call: SignedCall, listing: Listing, wanted: NewOrder) -> Order:
    """Place an order. Raises Refusal; a fill-or-kill order that could not be filled was never there."""
    try:
        placed = call.exchange.place(call.account, listing, wanted, call.now_ms)
    except Rejected as rejected:
        raise refused(call.section, rejected, listing) from None
    if placed.tif == FOK and placed.state == EXPIRED and not placed.filled and placed.trigger is None:
        raise refusal(call.section, Reason.UNFILLABLE)
    return placed


def check_mode(call: SignedCall) -> None:
    """Refuse what only accounts in hedge mode may send, and what the simulator does not serve."""
    if call.params.get("positionSide", "BOTH") != "BOTH":
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    for name in ("priceMatch", "goodTillDate", "activationPrice", "activatePrice", "callbackRate"):
        if call.params.get(name, "NONE") != "NONE":
            raise Refusal(-1020, f"This operation is not supported. (The simulator serves no '{name}'.)")
    if call.flag("closePosition"):
        raise Refusal(-1020, "This operation is not supported. (The simulator serves no 'closePosition'.)")


def read_tif(call: SignedCall, default: str = "") -> tuple[str, bool]:
    """Read the time in force, and whether the order is post-only."""
    tif = call.choice("timeInForce", _TIFS, -1115, "Invalid timeInForce.", default)
    return (GTC, True) if tif == "GTX" else (tif, False)


def _read(call: SignedCall, listing: Listing) -> NewOrder:
    side = call.choice("side", ("BUY", "SELL"), -1117, "Invalid side.")
    kind = call.choice("type", ("LIMIT", "MARKET", *CONDITIONAL), -1116, "Invalid orderType.")
    if kind in CONDITIONAL:
        words = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise Refusal(-4120, words)
    check_mode(call)
    price = call.needed("price") if kind == "LIMIT" else None
    if kind == "MARKET" and "price" in call.params:
        raise Refusal(-1106, "Parameter 'price' sent when not required.")
    if kind == "MARKET" and "timeInForce" in call.params:
        raise Refusal(-1106, "Parameter 'timeinforce' sent when not required.")
    tif, post_only = read_tif(call) if kind == "LIMIT" else (GTC, False)
    size = call.needed("quantity")
    check_precision(call, listing, ("quantity", size), ("price", price))
    return NewOrder(
        side.lower(), LIMIT if kind == "LIMIT" else MARKET, size, None, price, tif, post_only,
        call.flag("reduceOnly"), call.client_id("newClientOrderId"), extra={"type": kind},
    )  # fmt: skip


def _check_change(call: SignedCall, listing: Listing, wanted: NewOrder) -> None:
    """Apply the filters to a changed order, but not the one that counts orders."""
    try:
        check(call, listing, wanted)
    except Refusal as error:
        if error.code != -2025:
            raise
