"""Bybit's order endpoints (v5): create, amend, cancel, all of them in batches, and cancel-all.

An answer is an acknowledgement with ids only. A post-only order that would take is acknowledged, and then found ended.
Attached take-profit and stop-loss, borrowing, hedge mode and options are not simulated and are refused.
"""

import re
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal

from simulator.exchange.model import (
    BUY,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    NewOrder,
    Order,
    Reason,
    Rejected,
    Trigger,
)
from simulator.market.model import Listing
from simulator.venues.bybit_market_data import BAD_PARAMETER, Refusal, invalid
from simulator.venues.bybit_order_shapes import conditional, filter_of
from simulator.venues.bybit_private import Batch, PrivateCall, as_text, order_id, refused

_LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_SIDES = {"Buy": BUY, "Sell": SELL}
_TYPES = {"Limit": LIMIT, "Market": MARKET}
_TIFS = {"": GTC, "GTC": GTC, "IOC": IOC, "FOK": FOK, "PostOnly": GTC}
_SOURCES = {"": "last", "LastPrice": "last", "MarkPrice": "mark", "IndexPrice": "index"}
_SPOT_FILTERS = ("Order", "StopOrder", "tpslOrder")
_NOT_SIMULATED = ("takeProfit", "stopLoss", "orderIv", "slippageTolerance", "isLeverage")
_SLIPPAGE = Decimal("0.05")
_MOST_BATCHED = {"spot": 10}
_MOST_CONTRACTS_BATCHED = 20

Answer = Callable[[PrivateCall], object]


def create(call: PrivateCall) -> dict[str, object]:
    """Place an order."""
    call.must_trade()
    listing = call.listing()
    order = _read(call, listing)
    try:
        placed = call.exchange.place(call.account, listing, order, call.now_ms)
    except Rejected as rejected:
        raise refused(rejected, call.category, order.trigger.rising if order.trigger else None) from None
    return _ids(placed)


def amend(call: PrivateCall) -> dict[str, object]:
    """Change price or size of an open order."""
    call.must_trade()
    order = _target(call)
    if conditional(order) and call.decimal("triggerPrice") is not None:
        raise Refusal(BAD_PARAMETER, "params error: triggerPrice is not simulated in an amendment")
    price, size = call.decimal("price"), call.decimal("qty")
    if size is not None and size <= order.filled:
        raise Refusal(110064, "The number of contracts modified cannot be less than or equal to the filled quantity")
    try:
        call.exchange.amend(call.account, order, call.now_ms, price=price, size=size)
    except Rejected as rejected:
        raise refused(rejected, call.category) from None
    return _ids(order)


def cancel(call: PrivateCall) -> dict[str, object]:
    """Cancel an order; on spot it is looked for among the kind that `orderFilter` names."""
    call.must_trade()
    order = _target(call)
    if call.category == "spot" and filter_of(order) != (call.params.get("orderFilter") or "Order"):
        raise refused(Rejected(Reason.UNKNOWN_ORDER), "spot")
    try:
        call.exchange.cancel(call.account, order, call.now_ms)
    except Rejected as rejected:
        raise refused(rejected, call.category) from None
    return _ids(order)


def cancel_all(call: PrivateCall) -> object:
    """Cancel what is open: of spot only the kind that `orderFilter` names, of contracts every kind by default."""
    call.must_trade()
    category, wanted = call.category, call.params.get("orderFilter", "")
    if category == "spot":
        wanted = wanted or "Order"
    symbol, base, settle = (call.params.get(name) for name in ("symbol", "baseCoin", "settleCoin"))
    if category != "spot" and not (symbol or base or settle):
        raise Refusal(BAD_PARAMETER, "params error: symbol, baseCoin or settleCoin is required")
    if symbol:
        call.listing()
    cancelled = []
    for order in call.known(call.exchange.orders(call.account, call.now_ms, live=True, product=category)):
        listing = call.listings[category][order.native_id]
        named = order.native_id == symbol if symbol else listing.base == base if base else True
        if not (symbol or base) and settle and category != "spot":
            named = listing.settle == settle
        if named and (not wanted or filter_of(order) == wanted):
            call.exchange.cancel(call.account, order, call.now_ms, reason="all")
            cancelled.append(_ids(order))
    return {"list": cancelled, "success": "1"}


def _batch(one: Callable[[PrivateCall], dict[str, object]]) -> Answer:
    """Make the endpoint that does `one` for each request; what fails is told beside the results."""

    def each(call: PrivateCall) -> Batch:
        call.must_trade()
        requests = call.body.get("request")
        most = _MOST_BATCHED.get(call.category, _MOST_CONTRACTS_BATCHED)
        if not isinstance(requests, list) or not 1 <= len(requests) <= most:
            raise invalid("request")
        results: list[dict[str, object]] = []
        outcomes: list[dict[str, object]] = []
        for request in requests:
            body = {"category": call.category, **request} if isinstance(request, dict) else {}
            single = PrivateCall(
                as_text(body), call.market, call.listings, call.now_ms, call.account, call.exchange, body
            )
            code, message = 0, "OK"
            ids: dict[str, object] = {"orderId": "", "orderLinkId": ""}
            try:
                ids |= one(single)
            except Refusal as refusal:
                code, message = refusal.code, refusal.message
            created = str(call.now_ms) if not code else ""
            results.append({"category": call.category, "symbol": body.get("symbol", ""), **ids, "createAt": created})
            outcomes.append({"code": code, "msg": message})
        return Batch(results, outcomes)

    return each


ORDERS: dict[tuple[str, str], Answer] = {
    ("POST", "/v5/order/create"): create,
    ("POST", "/v5/order/amend"): amend,
    ("POST", "/v5/order/cancel"): cancel,
    ("POST", "/v5/order/cancel-all"): cancel_all,
    ("POST", "/v5/order/create-batch"): _batch(create),
    ("POST", "/v5/order/amend-batch"): _batch(amend),
    ("POST", "/v5/order/cancel-batch"): _batch(cancel),
}


def _ids(order: Order) -> dict[str, object]:
    return {"orderId": order_id(order.product, order.number), "orderLinkId": order.client_id}


def _target(call: PrivateCall) -> Order:
    """Find the order that is to be changed, which has to be of the symbol that is named with it."""
    listing = call.listing()
    if not call.named:
        raise Refusal(BAD_PARAMETER, "params error: OrderId or orderLinkId is required")
    order = call.found()
    if order is None or order.native_id != listing.native_id:
        raise refused(Rejected(Reason.UNKNOWN_ORDER), call.category)
    return order


def _choice(call: PrivateCall, name: str, choices: dict[str, str]) -> str:
    value = call.params.get(name, "")
    if value not in choices:
        spot = {"side": 170117, "orderType": 170116, "timeInForce": 170115}.get(name, BAD_PARAMETER)
        raise Refusal(spot if call.category == "spot" else BAD_PARAMETER, f"Invalid {name}.")
    return choices[value]


def _read(call: PrivateCall, listing: Listing) -> NewOrder:
    """Read an order from a request's body."""
    for name in _NOT_SIMULATED:
        if call.params.get(name) not in (None, "", "0"):
            raise Refusal(BAD_PARAMETER, f"params error: {name} is not simulated")
    if call.params.get("positionIdx", "0") != "0":
        raise Refusal(BAD_PARAMETER, "position idx not match position mode")
    side, kind = _choice(call, "side", _SIDES), _choice(call, "orderType", _TYPES)
    tif = IOC if kind == MARKET else _choice(call, "timeInForce", _TIFS)
    link_id = call.params.get("orderLinkId", "")
    if link_id and not _LINK_ID.fullmatch(link_id):
        raise invalid("orderLinkId")
    reduce_only = call.flag("reduceOnly") and listing.product != "spot"
    amount = call.decimal("qty") or _whole_position(call, listing, reduce_only)
    price = call.decimal("price") if kind == LIMIT else None
    if kind == LIMIT and price is None:
        raise invalid("Price")
    by_quote = _by_quote(call, listing, kind, side)
    last = call.last_price(listing)
    extra: dict[str, object] = {"last": str(last)}
    for name in ("marketUnit", "orderFilter"):
        if call.params.get(name):
            extra[name] = call.params[name]
    if call.flag("closeOnTrigger"):
        extra["closeOnTrigger"] = True
    if kind == MARKET and listing.product != "spot":
        extra["bound"] = str(_bound(listing, last, side))
    return NewOrder(
        side=side, type=kind, size=None if by_quote else amount, quote_amount=amount if by_quote else None,
        price=price, tif=tif, post_only=kind == LIMIT and call.params.get("timeInForce") == "PostOnly",
        reduce_only=reduce_only, client_id=link_id, trigger=_trigger(call, listing, last), extra=extra,
    )  # fmt: skip


def _whole_position(call: PrivateCall, listing: Listing, reduce_only: bool) -> Decimal:
    """Return the size of the position where `qty` 0 asks to close it."""
    if not (reduce_only and call.flag("closeOnTrigger")):
        raise Refusal(170105, "Parameter 'qty' was empty.") if listing.product == "spot" else invalid("Qty")
    for position in call.exchange.positions(call.account, call.now_ms, product=listing.product):
        if position.native_id == listing.native_id and position.size:
            return abs(position.size)
    raise refused(Rejected(Reason.REDUCE_ONLY), listing.product)


def _by_quote(call: PrivateCall, listing: Listing, kind: str, side: str) -> bool:
    """Tell whether `qty` counts quote coins: so it is of a spot market buy that does not say otherwise."""
    if listing.product != "spot" or kind != MARKET:
        return False
    unit = call.params.get("marketUnit", "")
    if unit not in ("", "baseCoin", "quoteCoin"):
        raise Refusal(170130, "Data sent for paramter 'marketUnit' is not valid.")
    return unit == "quoteCoin" or (not unit and side == BUY)


def _bound(listing: Listing, last: Decimal, side: str) -> Decimal:
    """Return the limit price that a contract's market order turns into."""
    tick = Decimal(listing.tick_size)
    wide = last * (1 + _SLIPPAGE if side == BUY else 1 - _SLIPPAGE)
    return (wide / tick).to_integral_value(ROUND_DOWN) * tick


def _trigger(call: PrivateCall, listing: Listing, last: Decimal) -> Trigger | None:
    """Read a trigger: contracts say whether the price has to rise, on spot it follows from the last price."""
    price = call.decimal("triggerPrice")
    if listing.product == "spot":
        wanted = call.params.get("orderFilter") or "Order"
        if wanted not in _SPOT_FILTERS:
            raise Refusal(170202, "Invalid orderFilter parameter.")
        if wanted == "Order":
            return None
        if price is None:
            raise Refusal(170203, "Please enter the TP/SL price.")
        return Trigger(price, price >= last)
    if price is None:
        return None
    direction = call.params.get("triggerDirection", "")
    if direction not in ("1", "2"):
        raise invalid("TriggerDirection")
    return Trigger(price, direction == "1", _choice(call, "triggerBy", _SOURCES))
