"""KuCoin's spot stop orders (`/api/v1/stop-order`) and the dead-man switch of the high-frequency account.

Source: docs.kucoin.com, Spot Trading. A stop is `loss` (at or below `stopPrice`) unless it is said to be `entry` (at
or above), whichever its side is. Once it is triggered its order is another one, with the same client id. What KuCoin
answers about a stop that was cancelled is not documented; here it is gone.
"""

from simulator.exchange.model import CANCELLED, UNTRIGGERED, Order, Trigger
from simulator.venues.kucoin_private import (
    DUPLICATE_STOP,
    NOT_CANCELLABLE,
    SPOT_REFUSALS,
    Call,
    amount,
    asked,
    chosen,
    page_of,
    span,
    text,
)
from simulator.venues.kucoin_spot_orders import SPOT, new_order
from simulator.venues.kucoin_spot_rows import read_stop_id, stop_id, stop_row
from simulator.venues.kucoin_wire import KucoinError, Row

SHORTEST_S, LONGEST_S = 5, 86_400


def place(call: Call) -> Row:
    """Place a stop order, acknowledged by its id."""
    listing = call.listing(SPOT)
    price = amount(call.given, "stopPrice")
    if price is None:
        raise KucoinError("400100", "stopPrice can not be empty")
    rising = text(call.given, "stop", ("loss", "entry"), "loss") == "entry"
    order = new_order(call, listing, Trigger(price, rising))
    try:
        made = asked(lambda: call.exchange.place(call.account, listing, order, call.now_ms), SPOT_REFUSALS, listing)
    except KucoinError as refusal:
        if refusal.code == "102426":
            raise KucoinError(*DUPLICATE_STOP) from None
        raise
    return {"orderId": stop_id(made)}


def _by_id(call: Call) -> Order | None:
    found = read_stop_id(text(call.given, "orderId"))
    order = found and call.exchange.find(call.account, call.now_ms, order_id=found, product=SPOT)
    return order if order and order.trigger is not None else None


def _by_client_id(call: Call) -> Order | None:
    name, symbol = text(call.given, "clientOid"), call.narrowed(SPOT)
    order = call.exchange.find(call.account, call.now_ms, client_id=name, product=SPOT, native_id=symbol)
    return order if order is not None and order.trigger is not None else None


def _row(call: Call, order: Order) -> Row | None:
    if order.state == CANCELLED and order.triggered_ms is None:
        return None
    listing = call.venue.by_id[(SPOT, order.native_id)]
    return stop_row(order, listing.quote, listing.taker_fee)


def get(call: Call) -> Row | None:
    """Serve one stop order by id; null where there is none."""
    order = _by_id(call)
    return None if order is None else _row(call, order)


def get_by_client_id(call: Call) -> list[Row]:
    """Serve the stop orders that have a client id."""
    order = _by_client_id(call)
    row = None if order is None else _row(call, order)
    return [] if row is None else [row]


def _cancelled(call: Call, order: Order | None) -> Order:
    if order is None or order.state != UNTRIGGERED:
        raise KucoinError(*NOT_CANCELLABLE)
    return asked(lambda: call.exchange.cancel(call.account, order, call.now_ms), SPOT_REFUSALS)


def cancel(call: Call) -> Row:
    """Cancel one stop order by id."""
    return {"cancelledOrderIds": [stop_id(_cancelled(call, _by_id(call)))]}


def cancel_by_client_id(call: Call) -> Row:
    """Cancel one stop order by client id."""
    order = _cancelled(call, _by_client_id(call))
    return {"cancelledOrderId": stop_id(order), "clientOid": order.client_id}


def _waiting(call: Call) -> list[Order]:
    """List stops that are not triggered, narrowed by `symbol` and `orderIds`."""
    found = call.exchange.orders(call.account, call.now_ms, live=True, product=SPOT, native_id=call.narrowed(SPOT))
    named = {part for part in str(call.given.get("orderIds") or "").split(",") if part}
    return [order for order in found if order.state == UNTRIGGERED and (not named or stop_id(order) in named)]


def cancel_many(call: Call) -> Row:
    """Cancel all stop orders, or those of one pair, or those that are named."""
    ids = []
    for order in _waiting(call):
        call.exchange.cancel(call.account, order, call.now_ms, "all")
        ids.append(stop_id(order))
    return {"cancelledOrderIds": ids}


def listed(call: Call) -> Row:
    """List stop orders that are not triggered, newest first, in pages."""
    orders = chosen(_waiting(call), call.given)
    if call.given.get("startAt") or call.given.get("endAt"):
        start_ms, end_ms = span(call.given, call.now_ms)
        orders = [order for order in orders if start_ms <= order.created_ms <= end_ms]
    return page_of(orders, call.given, lambda order: _row(call, order) or {}, 500)


def set_switch(call: Call) -> Row:
    """Set the dead-man switch: all orders of the pairs are cancelled in `timeout` seconds (-1: never)."""
    seconds = str(call.given.get("timeout"))
    if call.given.get("symbols"):
        raise KucoinError("400100", "symbols: the switch is simulated for all pairs together only")
    now_s, owner = call.now_ms // 1000, call.account.owner
    if seconds == "-1":
        call.exchange.set_timer(call.account, None, call.now_ms, SPOT)
        call.settings.switches.pop(owner, None)
        return {"currentTime": now_s, "triggerTime": None}
    if not seconds.isascii() or not seconds.isdigit() or not SHORTEST_S <= int(seconds) <= LONGEST_S:
        raise KucoinError("400100", "timeout is invalid")
    due_ms = call.exchange.set_timer(call.account, int(seconds), call.now_ms, SPOT) or call.now_ms
    call.settings.switches[owner] = (int(seconds), due_ms)
    return {"currentTime": now_s, "triggerTime": due_ms // 1000}


def get_switch(call: Call) -> Row | None:
    """Serve the dead-man switch; null where none is set."""
    seconds, due_ms = call.settings.switches.get(call.account.owner, (0, 0))
    if due_ms <= call.now_ms:
        return None
    return {"timeout": seconds, "symbols": "", "currentTime": call.now_ms // 1000, "triggerTime": due_ms // 1000}
