"""Bybit's lists of an account's orders and executions (v5). All are paged by cursor, newest first."""

from collections.abc import Callable
from decimal import Decimal

from simulator.exchange.model import Fill, FundingPayment, Order
from simulator.market.calendar import DAY_MS
from simulator.venues.bybit_market_data import BAD_PARAMETER, Refusal, invalid
from simulator.venues.bybit_order_shapes import (
    delivery_row,
    ended_as,
    execution_row,
    filter_of,
    funding_row,
    order_row,
    status,
)
from simulator.venues.bybit_private import PrivateCall

_RECENT = 500
_FUNDED, _ENDED = 1, 2
"""Which of several lists a row is from."""
_UNFILLED_KEPT_MS = DAY_MS
_FILTERS = ("", "Order", "StopOrder", "tpslOrder", "OcoOrder", "BidirectionalTpslOrder")
_NO_COIN = "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin"

Answer = Callable[[PrivateCall], object]


def realtime(call: PrivateCall) -> object:
    """List open orders; named by an id also those that ended lately, and with `openOnly` only these."""
    category = call.category
    closed = call.params.get("openOnly", "0") in ("1", "2")
    if call.named:
        order = call.found()
        if order is not None and not order.live and order not in _recent(call):
            order = None
        return _listed(call, [order] if order else [])
    wanted = ("symbol", "baseCoin", "settleCoin")
    if category == "linear" and not any(call.params.get(name) for name in wanted):
        raise Refusal(BAD_PARAMETER, _NO_COIN)
    found = _recent(call) if closed else call.exchange.orders(call.account, call.now_ms, live=True, product=category)
    return _listed(call, _matching(call, found))


def history(call: PrivateCall) -> object:
    """List orders that ended: those without any fill for a day, the others for two years."""
    ended = [
        order
        for order in call.exchange.orders(call.account, call.now_ms, live=False, product=call.category)
        if order.filled or call.now_ms - order.updated_ms <= _UNFILLED_KEPT_MS
    ]
    if call.named:
        order = call.found()
        return _listed(call, [order] if order in ended and order is not None else [])
    start, end = call.window()
    found = [order for order in _matching(call, ended) if start <= order.created_ms <= end]
    if wanted := call.params.get("orderStatus"):
        found = [order for order in found if status(order) == wanted]
    return _listed(call, found)


def executions(call: PrivateCall) -> object:
    """List trades, fundings and how futures were delivered, or one of them by `execType`."""
    category, kind = call.category, call.params.get("execType", "")
    start, end = call.window()
    named = call.found() if call.named else None
    rows: list[tuple[tuple[int, int, int], Fill | FundingPayment]] = []
    account, now_ms = call.account, call.now_ms
    if kind in ("", "Trade") and (named is not None or not call.named):
        fills = call.exchange.fills(
            call.account, call.now_ms, order_id=named.id if named else None, product=category, native_id=_symbol(call)
        )
        rows += [((fill.time_ms, fill.number, 0), fill) for fill in fills]
    if kind in ("", "Funding") and not call.named and category != "spot":
        paid = call.exchange.funding_payments(account, now_ms, product=category, native_id=_symbol(call))
        rows += [((payment.time_ms, payment.number, _FUNDED), payment) for payment in paid]
    if kind in ("", ended_as(category)) and not call.named and category != "spot":
        ended = call.exchange.deliveries(account, now_ms, product=category, native_id=_symbol(call))
        rows += [((payment.time_ms, payment.number, _ENDED), payment) for payment in ended]
    listings, base = call.listings[category], call.params.get("baseCoin")
    kept = [
        (key, row)
        for key, row in rows
        if (named is not None or start <= key[0] <= end)
        and row.native_id in listings
        and (not base or listings[row.native_id].base == base)
    ]
    page, cursor = call.page(kept, lambda row: row[0], 50, 100)
    shown = [_execution(call, row, delivered=key[2] == _ENDED) for key, row in page]
    return {"nextPageCursor": cursor, "category": category, "list": shown}


LISTS: dict[tuple[str, str], Answer] = {
    ("GET", "/v5/order/realtime"): realtime,
    ("GET", "/v5/order/history"): history,
    ("GET", "/v5/execution/list"): executions,
}


def _listed(call: PrivateCall, found: list[Order]) -> object:
    page, cursor = call.page(call.known(found), lambda order: (order.created_ms, order.number, 0), 20, 50)
    rows = [order_row(order, call.listings[order.product][order.native_id]) for order in page]
    return {"list": rows, "nextPageCursor": cursor, "category": call.category}


def _recent(call: PrivateCall) -> list[Order]:
    ended = call.exchange.orders(call.account, call.now_ms, live=False, product=call.category)
    return sorted(ended, key=lambda order: (order.updated_ms, order.number))[-_RECENT:]


def _symbol(call: PrivateCall) -> str | None:
    return call.listing().native_id if call.params.get("symbol") else None


def _matching(call: PrivateCall, orders: list[Order]) -> list[Order]:
    """Keep the orders of the symbol, or else of the base coin, or else of the settle coin; and of the filter."""
    kind = call.params.get("orderFilter", "")
    if kind not in _FILTERS:
        raise invalid("orderFilter")
    listings, orders = call.listings[call.category], call.known(orders)
    if symbol := _symbol(call):
        orders = [order for order in orders if order.native_id == symbol]
    elif base := call.params.get("baseCoin"):
        orders = [order for order in orders if listings[order.native_id].base == base]
    elif (settle := call.params.get("settleCoin")) and call.category != "spot":
        orders = [order for order in orders if listings[order.native_id].settle == settle]
    return [order for order in orders if not kind or filter_of(order) == kind]


def _execution(call: PrivateCall, row: Fill | FundingPayment, *, delivered: bool) -> object:
    listing = call.listings[row.product][row.native_id]
    mark = call.exchange.mark_price(listing, row.time_ms)
    if isinstance(row, FundingPayment):
        return delivery_row(row, listing) if delivered else funding_row(row, listing, mark)
    order = call.exchange.find(call.account, call.now_ms, order_id=row.order_id)
    left = Decimal(0)
    if order is not None and order.quote_amount is None:
        earlier = call.exchange.fills(call.account, call.now_ms, order_id=row.order_id)
        left = order.size - sum((fill.size for fill in earlier if fill.number <= row.number), Decimal(0))
    return execution_row(row, order, listing, left, mark)
