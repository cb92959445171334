"""OKX's algo orders: `trigger`, and `conditional` with one leg (stop loss or take profit).

Source: okx.com/docs-v5, "Order Book Trading, Algo Trading". An algo order has an id and a client id of its own
(`algoId`, `algoClOrdId`); when it fires, it places an order with another `ordId`, which points back to it.
"""

from decimal import Decimal

from simulator.exchange.model import (
    BUY,
    IOC,
    LIMIT,
    MARKET,
    UNTRIGGERED,
    NewOrder,
    Order,
    Reason,
    Rejected,
    Trigger,
)
from simulator.market.model import OPTION, SPOT, Listing
from simulator.venues.okx_market import figures
from simulator.venues.okx_order_shapes import algo_row, algo_state, paged
from simulator.venues.okx_order_wire import (
    Body,
    algo_client_id,
    amount,
    client_id,
    find_algo,
    listing_of,
    needed,
    own_id,
    reduce_only,
    refusal,
    several,
    single,
    tag,
    trade_mode,
    word,
    wrong,
)
from simulator.venues.okx_orders import Call, change, items, target
from simulator.venues.okx_wire import OkxError, Row, instrument, required, whole_number

TYPES = ("conditional", "oco", "chase", "trigger", "move_order_stop", "iceberg", "twap")
SIMULATED = ("conditional", "trigger")
_SOURCES = ("last", "index", "mark")
_MARKET_PRICE = "-1"
_KEPT_MS = 90 * 86_400_000

_PLACED: Row = {"algoClOrdId": "", "algoId": "", "clOrdId": "", "sCode": "", "sMsg": "", "tag": ""}
_AMENDED: Row = {"algoClOrdId": "", "algoId": "", "reqId": "", "sCode": "", "sMsg": ""}


def place(call: Call) -> list[Row]:
    """Place one algo order. The `expTime` header means nothing here, and `clOrdId` is not kept."""
    return items(call, [single(call.request)], _place, _PLACED)


def _place(call: Call, body: Body) -> Row:
    listing = listing_of(call.venue, body)
    if listing.kind == OPTION:
        raise wrong("instId")
    order = new_algo(call, body, listing)
    call.count_order()
    try:
        found = call.venue.exchange.place(call.account, listing, order, call.now_ms)
    except Rejected as error:
        if error.reason is Reason.WOULD_TRIGGER:
            raise _passed(order) from None
        raise refusal(error, listing) from None
    return {"algoId": found.id, "algoClOrdId": own_id(found.client_id), "clOrdId": "", "tag": order.extra["tag"]}


def new_algo(call: Call, body: Body, listing: Listing) -> NewOrder:
    """Read an algo order from a body. Raises OkxError; 50062 where it is of a kind that is not simulated."""
    mode = trade_mode(body, listing)
    side, kind = needed(body, "side", "buy", "sell"), needed(body, "ordType", *TYPES)
    if kind not in SIMULATED or word(body, "closeFraction") or body.get("attachAlgoOrds"):
        raise OkxError("50062", "This feature is currently unavailable.")
    needed(body, "sz")
    leg = "" if kind == "trigger" else "sl" if word(body, "slTriggerPx") else "tp"
    at_name, price_name = ("triggerPx", "orderPx") if kind == "trigger" else (f"{leg}TriggerPx", f"{leg}OrdPx")
    needed(body, at_name)
    at = amount(body, at_name)
    assert at is not None
    price = None if needed(body, price_name) == _MARKET_PRICE else amount(body, price_name)
    # What a trigger order's market buy on spot counts is not said; `conditional` has tgtCcy for it.
    if listing.kind == SPOT and price is None and kind == "conditional" and target(body, side) != "base_ccy":
        raise OkxError("50062", "This feature is currently unavailable.")
    return NewOrder(
        side,
        MARKET if price is None else LIMIT,
        size=amount(body, "sz"),
        price=price,
        tif=IOC if price is None else "GTC",
        reduce_only=kind != "trigger" and reduce_only(body, listing),
        client_id=algo_client_id(client_id(body, "algoClOrdId")),
        trigger=_trigger(call, body, listing, at, at_name, side, leg),
        extra={"tag": tag(body), "tdMode": mode, "ordType": kind, "leg": leg},
    )


def _trigger(call: Call, body: Body, listing: Listing, at: Decimal, name: str, side: str, leg: str) -> Trigger:
    """Say on which side the price comes from: a trigger order's own, wherever the price is; a stop's, by its side."""
    source = word(body, f"{name}Type") or "last"
    if source not in _SOURCES:
        raise wrong(f"{name}Type")
    if not leg:
        last = figures(call.venue, listing, call.now_ms).last
        return Trigger(at, bool(last) and at > Decimal(last), source)
    return Trigger(at, (side == BUY) == (leg == "sl"), source)


def _passed(order: NewOrder) -> OkxError:
    """Refuse a stop whose price has been passed already."""
    low = order.side == BUY
    if order.extra["leg"] == "tp":
        code, word_ = ("51277", "higher") if low else ("51279", "lower")
        return OkxError(code, f"TP trigger price cannot be {word_} than the last price.")
    code, word_ = ("51278", "lower") if low else ("51280", "higher")
    return OkxError(code, f"SL trigger price cannot be {word_} than the last price.")


def cancel(call: Call) -> list[Row]:
    """Cancel up to 10 algo orders that have not fired."""
    return items(call, several(call.request, 10), _cancel, _PLACED)


def _cancel(call: Call, body: Body) -> Row:
    order = _waiting(
        call, body, "51400", "Cancellation failed as the order has been filled, canceled or does not exist."
    )
    call.venue.exchange.cancel(call.account, order, call.now_ms)
    return {"algoId": order.id, "algoClOrdId": own_id(order.client_id)}


def amend(call: Call) -> list[Row]:
    """Change size, order price or trigger price of an algo order that has not fired."""
    return items(call, [single(call.request)], _amend, _AMENDED)


def _amend(call: Call, body: Body) -> Row:
    listing = listing_of(call.venue, body)
    order = _waiting(call, body, "51503", "Your order has already been filled or canceled.")
    name = {"trigger": "newOrdPx", "sl": "newSlOrdPx", "tp": "newTpOrdPx"}[order.extra["leg"] or "trigger"]
    at = {"trigger": "newTriggerPx", "sl": "newSlTriggerPx", "tp": "newTpTriggerPx"}[order.extra["leg"] or "trigger"]
    if (moved := amount(body, at)) is not None and order.trigger is not None and moved != order.trigger.price:
        raise OkxError("50062", "This feature is currently unavailable.")
    price = None if word(body, name) in ("", _MARKET_PRICE) else amount(body, name)
    change(call, order, listing, price, amount(body, "newSz"))
    return {"algoId": order.id, "algoClOrdId": own_id(order.client_id), "reqId": word(body, "reqId")}


def _waiting(call: Call, body: Body, code: str, words: str) -> Order:
    order = find_algo(call.venue, call.account, body, call.now_ms)
    if order is None or order.state != UNTRIGGERED:
        raise OkxError(code, words)
    return order


def one(call: Call) -> list[Row]:
    """Show one algo order by `algoId` or `algoClOrdId`. Raises OkxError 51603."""
    order = find_algo(call.venue, call.account, call.query, call.now_ms)
    if order is None:
        raise OkxError("51603", "Order does not exist")
    listing = instrument(call.venue, {"instId": order.native_id})
    return [algo_row(call.venue, call.account, order, listing, call.now_ms)]


def pending(call: Call) -> list[Row]:
    """List algo orders that have not fired, newest first, at most 100 a page."""
    return _page(call, call.venue.exchange.orders(call.account, call.now_ms, live=True), frozenset({"live"}))


def history(call: Call) -> list[Row]:
    """List algo orders of 3 months that have fired, were cancelled, or could not be placed."""
    wanted = call.query.get("state", "")
    if not wanted and not call.query.get("algoId"):
        raise OkxError("50015", "Either parameter state or algoId is required", 400)
    if wanted and wanted not in ("effective", "canceled", "order_failed"):
        raise wrong("state")
    states = frozenset({wanted} if wanted else {"effective", "canceled", "order_failed"})
    orders = call.venue.exchange.orders(call.account, call.now_ms)
    return _page(call, [order for order in orders if order.updated_ms >= call.now_ms - _KEPT_MS], states)


def _page(call: Call, orders: list[Order], states: frozenset[str]) -> list[Row]:
    query = call.query
    kinds = required(query, "ordType").split(",")
    if not set(kinds) <= set(TYPES) or (len(kinds) > 1 and set(kinds) != {"conditional", "oco"}):
        raise wrong("ordType")
    chosen = []
    for order in reversed(orders):
        listing = call.venue.by_id.get((order.product, order.native_id))
        if order.trigger is None or listing is None or algo_state(order) not in states:
            continue
        if order.extra.get("ordType", "trigger") not in kinds:
            continue
        wants = (query.get("instType"), query.get("instId"), query.get("algoId"))
        if all(not want or want == has for want, has in zip(wants, (*_key(order), order.id), strict=True)):
            chosen.append((order, listing))
    limit = whole_number(query, "limit", 100, 100)
    shown = paged(chosen, lambda pair: int(pair[0].id), query, limit)
    return [algo_row(call.venue, call.account, order, listing, call.now_ms) for order, listing in shown]


def _key(order: Order) -> tuple[str, str]:
    return order.product, order.native_id
