"""KuCoin's finished spot orders and own trades: `/api/v1/hf/orders/done` and `/api/v1/hf/fills`.

Source: docs.kucoin.com, Spot Trading. A request answers a week at most; pages go back from the newest row by `lastId`.
"""

from collections.abc import Sequence
from typing import TypeVar

from simulator.venues.kucoin_private import Call, chosen, count, span, text
from simulator.venues.kucoin_spot_orders import SPOT, forgotten, is_stop
from simulator.venues.kucoin_spot_rows import cursor, fill_row, order_row, read_id
from simulator.venues.kucoin_wire import Row

T = TypeVar("T")


def done(call: Call) -> Row:
    """List finished orders of one pair, newest first, a page of at most 100 from `lastId` back."""
    listing = call.listing(SPOT)
    start_ms, end_ms = span(call.given, call.now_ms)
    found = call.exchange.orders(call.account, call.now_ms, live=False, product=SPOT, native_id=listing.native_id)
    over = [order for order in found if not is_stop(order) and not forgotten(order, call.now_ms)]
    rows = [order for order in chosen(over, call.given) if start_ms <= order.created_ms <= end_ms]
    page, last_id = _before(call, [(cursor(order.number), order) for order in rows])
    return {"lastId": last_id, "items": [order_row(order, listing.quote) for order in page]}


def fills(call: Call) -> Row:
    """List own trades of one pair, newest first, a page of at most 100 from `lastId` back."""
    listing, given = call.listing(SPOT), call.given
    start_ms, end_ms = span(given, call.now_ms)
    meant = read_id(text(given, "orderId")) if given.get("orderId") else None
    if given.get("orderId") and meant is None:
        return {"items": [], "lastId": 0}
    found = call.exchange.fills(
        call.account, call.now_ms, product=SPOT, native_id=listing.native_id, order_id=meant and meant[0]
    )
    rows = [fill for fill in reversed(found) if start_ms <= fill.time_ms <= end_ms]
    rows = [fill for fill in rows if given.get("side") in (None, "", fill.side)]
    page, last_id = _before(call, [(cursor(fill.number), fill) for fill in rows])
    pairs = ((fill, call.exchange.find(call.account, call.now_ms, order_id=fill.order_id)) for fill in page)
    return {"items": [fill_row(fill, order) for fill, order in pairs if order is not None], "lastId": last_id}


def _before(call: Call, rows: Sequence[tuple[int, T]]) -> tuple[list[T], int]:
    """Cut a page off rows that are newest first; the number to go on from is that of its last row."""
    last_id, most = int(str(call.given.get("lastId") or 0)), count(call.given, "limit", 20, 100)
    page = [(number, row) for number, row in rows if not last_id or number < last_id][:most]
    return [row for _, row in page], page[-1][0] if page else 0
