"""OKX's orders as `/api/v5/trade` tells them: one by its id, those in the book, and those that ended.

Source: okx.com/docs-v5, "Order Book Trading, Trade".
"""

from simulator.exchange.model import Order
from simulator.venues.okx_order_shapes import order_row, order_type, paged, state
from simulator.venues.okx_order_wire import find_placed, fired_id, forgotten, listing_of, placed
from simulator.venues.okx_orders import Call
from simulator.venues.okx_wire import OkxError, Row, inst_type, moment, underlying, whole_number

_WEEK_MS = 7 * 86_400_000
_QUARTER_MS = 90 * 86_400_000


def one(call: Call) -> list[Row]:
    """Show one order by `ordId` or `clOrdId`. Raises OkxError 51603."""
    listing = listing_of(call.venue, call.query)
    order = find_placed(call.venue, call.account, call.query, call.now_ms, listing)
    if order is None or forgotten(order, call.now_ms):
        raise OkxError("51603", "Order does not exist")
    return [order_row(call.venue, call.account, order, listing, call.now_ms)]


def pending(call: Call) -> list[Row]:
    """List orders in the book, newest first, at most 100 a page."""
    orders = call.venue.exchange.orders(call.account, call.now_ms, live=True)
    return _page(call, [order for order in orders if placed(order)], call.query.get("instType", ""))


def history(call: Call) -> list[Row]:
    """List finished orders of 7 days."""
    return _history(call, _WEEK_MS)


def history_archive(call: Call) -> list[Row]:
    """List finished orders of 3 months."""
    return _history(call, _QUARTER_MS)


def _history(call: Call, kept_ms: int) -> list[Row]:
    product = inst_type(call.query)
    begin, end, now_ms = moment(call.query, "begin"), moment(call.query, "end"), call.now_ms
    orders = []
    for order in call.venue.exchange.orders(call.account, now_ms, live=False):
        made_ms = order.created_ms if order.triggered_ms is None else order.triggered_ms
        if not placed(order) or forgotten(order, now_ms) or order.updated_ms < now_ms - kept_ms:
            continue
        if (begin is None or made_ms >= begin) and (end is None or made_ms <= end):
            orders.append(order)
    return _page(call, orders, product)


def _page(call: Call, orders: list[Order], product: str) -> list[Row]:
    query = call.query
    family = query.get("instFamily") or query.get("uly")
    kinds = set(filter(None, query.get("ordType", "").split(",")))
    limit = whole_number(query, "limit", 100, 100)
    chosen = []
    for order in reversed(orders):
        listing = call.venue.by_id.get((order.product, order.native_id))
        if listing is None or (product and order.product != product):
            continue
        if query.get("instId") and order.native_id != query["instId"]:
            continue
        if (family and underlying(listing) != family) or (kinds and order_type(order) not in kinds):
            continue
        if query.get("state") and state(order) != query["state"]:
            continue
        chosen.append((order, listing))
    shown = paged(chosen, lambda pair: int(fired_id(pair[0])), query, limit)
    return [order_row(call.venue, call.account, order, listing, call.now_ms) for order, listing in shown]
