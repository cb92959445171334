"""KuCoin's spot orders of the high-frequency account: `/api/v1/hf/orders` and `/api/v1/hf/fills`.

Source: docs.kucoin.com, Spot Trading. Lists of what is over go back a week at most; a cancelled order without a fill
is found for two days. An order's answer comes at once here, also where KuCoin only acknowledges it.
"""

from decimal import Decimal

from simulator.exchange.model import FOK, GTC, IOC, LIMIT, MARKET, UNTRIGGERED, NewOrder, Order, Rejected, Trigger
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing
from simulator.venues.kucoin_private import (
    NOT_CANCELLABLE,
    SPOT_BAND,
    SPOT_REFUSALS,
    WEEK_MS,
    Call,
    amount,
    asked,
    check_band,
    client_id,
    flag,
    page_of,
    text,
)
from simulator.venues.kucoin_spot_rows import (
    CANCELLED_STATES,
    order_id,
    order_row,
    read_id,
    replaced_row,
    wire_id,
)
from simulator.venues.kucoin_wire import KucoinError, Row, plain

SPOT = "spot"
PRICE_LIMIT = Decimal("0.1")
CANCELLED_KEPT_MS = 2 * DAY_MS
ECHOED = ("remark", "tags", "stp", "hidden", "iceberg")


def new_order(call: Call, listing: Listing, trigger: Trigger | None = None) -> NewOrder:
    """Read an order. Raises KucoinError 400100 or for a price too far from the market."""
    given = call.given
    side = text(given, "side", ("buy", "sell"))
    kind = text(given, "type", (LIMIT, MARKET), LIMIT)
    tif = text(given, "timeInForce", (GTC, IOC, FOK, "GTT"), GTC)
    if tif == "GTT":
        raise KucoinError("400100", "timeInForce GTT is not simulated")
    limit = kind == LIMIT
    price = amount(given, "price") if limit else None
    size, funds = amount(given, "size"), None if limit else amount(given, "funds")
    if limit and price is None:
        raise KucoinError("400100", "price can not be empty")
    if (size is None) == (funds is None):
        raise KucoinError("400100", "size can not be empty" if limit else "Either size or funds is needed")
    if trigger is None:
        mark = call.exchange.mark_price(listing, call.now_ms)
        check_band(price, side, mark, PRICE_LIMIT, SPOT_BAND)
    post_only = flag(given, "postOnly") and limit
    return NewOrder(
        side=side,
        type=kind,
        size=size,
        quote_amount=funds,
        price=price,
        tif=tif if limit else GTC,
        post_only=post_only and tif == GTC,
        client_id=client_id(given, needed=False),
        trigger=trigger,
        extra={name: given[name] for name in ECHOED if given.get(name)},
    )


def check_window(call: Call) -> None:
    """Refuse an order that took longer than `allowMaxTimeWindow` (ms) since `clientTimestamp`. Raises KucoinError."""
    window, signed = (int(str(call.given.get(name) or 0)) for name in ("allowMaxTimeWindow", "clientTimestamp"))
    if window and signed + window < call.now_ms:
        raise KucoinError("400100", "clientTimestamp is out of allowMaxTimeWindow")


def _placed(call: Call) -> Order:
    check_window(call)
    listing = call.listing(SPOT)
    order = new_order(call, listing)
    return asked(lambda: call.exchange.place(call.account, listing, order, call.now_ms), SPOT_REFUSALS, listing)


def place(call: Call) -> Row:
    """Place an order, acknowledged by its ids."""
    order = _placed(call)
    return {"orderId": wire_id(order), "clientOid": order.client_id or None}


def place_sync(call: Call) -> Row:
    """Place an order and say what the matching made of it."""
    order = _placed(call)
    return {
        "orderId": wire_id(order),
        "clientOid": order.client_id or None,
        "orderTime": order.created_ms,
        **_matched(order),
        "matchTime": order.updated_ms,
    }


def _matched(order: Order) -> Row:
    return {
        "originSize": plain(order.size),
        "dealSize": plain(order.filled),
        "remainSize": plain(order.left) if order.live else "0",
        "canceledSize": plain(order.left) if order.state in CANCELLED_STATES else "0",
        "status": "open" if order.live else "done",
    }


def test(call: Call) -> Row:
    """Check an order and place nothing; the ids are of no order."""
    listing = call.listing(SPOT)
    order = new_order(call, listing)
    asked(lambda: call.exchange.check(call.account, listing, order, call.now_ms), SPOT_REFUSALS, listing)
    return {"orderId": order_id(0), "clientOid": order.client_id or None}


def by_id(call: Call) -> tuple[Order | None, int]:
    """Find the order that `orderId` means in the pair `symbol`, and which revision of it."""
    symbol, meant = call.listing(SPOT).native_id, read_id(text(call.given, "orderId"))
    order = meant and call.exchange.find(call.account, call.now_ms, order_id=meant[0], product=SPOT, native_id=symbol)
    return (None, 0) if not meant or order is None or is_stop(order) else (order, meant[1])


def by_client_id(call: Call) -> Order | None:
    """Find the latest order that has `clientOid` in the pair `symbol`."""
    symbol, name = call.listing(SPOT).native_id, text(call.given, "clientOid")
    order = call.exchange.find(call.account, call.now_ms, client_id=name, product=SPOT, native_id=symbol)
    return None if order is None or is_stop(order) else order


def is_stop(order: Order) -> bool:
    """Tell a stop that never became an order of the book."""
    return order.trigger is not None and order.triggered_ms is None


def get(call: Call) -> Row | None:
    """Serve one order by id; null where there is none."""
    order, revision = by_id(call)
    if order is None or forgotten(order, call.now_ms):
        return None
    quote = call.listing(SPOT).quote
    if revision == order.extra.get("revision", 0):
        return order_row(order, quote)
    return replaced_row(order, quote, revision)


def get_by_client_id(call: Call) -> Row | None:
    """Serve one order by client id; null where there is none."""
    order = by_client_id(call)
    return None if order is None or forgotten(order, call.now_ms) else order_row(order, call.listing(SPOT).quote)


def forgotten(order: Order, now_ms: int) -> bool:
    """Tell an order that ended too long ago to be told."""
    if order.live:
        return False
    return now_ms - order.updated_ms > (WEEK_MS if order.filled else CANCELLED_KEPT_MS)


def _cancelled(call: Call, order: Order | None) -> Order:
    if order is None:
        raise KucoinError(*NOT_CANCELLABLE)
    found = order
    return asked(lambda: call.exchange.cancel(call.account, found, call.now_ms), SPOT_REFUSALS)


def _current(call: Call) -> Order | None:
    """Find what `orderId` means unless it was replaced by another."""
    order, revision = by_id(call)
    return order if order is not None and revision == order.extra.get("revision", 0) else None


def cancel(call: Call) -> Row:
    """Cancel one order by id."""
    return {"orderId": wire_id(_cancelled(call, _current(call)))}


def cancel_sync(call: Call) -> Row:
    """Cancel one order by id, and say what became of it."""
    order = _cancelled(call, _current(call))
    return {"orderId": wire_id(order), **_matched(order)}


def cancel_by_client_id(call: Call) -> Row:
    """Cancel one order by client id."""
    return {"clientOid": _cancelled(call, by_client_id(call)).client_id}


def cancel_by_client_id_sync(call: Call) -> Row:
    """Cancel one order by client id, and say what became of it."""
    order = _cancelled(call, by_client_id(call))
    return {"clientOid": order.client_id, **_matched(order)}


def _live(call: Call, symbol: str | None) -> list[Order]:
    found = call.exchange.orders(call.account, call.now_ms, live=True, product=SPOT, native_id=symbol)
    return [order for order in found if order.state != UNTRIGGERED]


def cancel_symbol(call: Call) -> str:
    """Cancel all orders of one pair; stops stay."""
    for order in _live(call, call.listing(SPOT).native_id):
        call.exchange.cancel(call.account, order, call.now_ms, "all")
    return "success"


def cancel_all(call: Call) -> Row:
    """Cancel all orders of all pairs; stops stay."""
    symbols = set()
    for order in _live(call, None):
        symbols.add(order.native_id)
        call.exchange.cancel(call.account, order, call.now_ms, "all")
    return {"succeedSymbols": sorted(symbols), "failedSymbols": []}


def alter(call: Call) -> Row:
    """Give a resting order a new price or size; that makes it another order with another id and the same client id."""
    given, listing = call.given, call.listing(SPOT)
    order = by_client_id(call) if given.get("clientOid") else _current(call)
    price, size = amount(given, "newPrice"), amount(given, "newSize")
    if order is None or not order.live:
        raise KucoinError(*NOT_CANCELLABLE)
    if price is None and size is None:
        raise KucoinError("400100", "newPrice and newSize can not both be empty")
    check_band(price, order.side, call.exchange.mark_price(listing, call.now_ms), PRICE_LIMIT, SPOT_BAND)
    altered, before = order, dict(order.extra)
    revision = int(before.get("revision", 0))
    old = {"revision": revision, "price": str(order.price), "size": str(order.size), "filled": str(order.filled)}
    old |= {"filled_quote": plain(order.filled_quote), "at_ms": call.now_ms}
    order.extra |= {"revision": revision + 1, "replaced": [*before.get("replaced", ()), old]}
    try:
        asked(
            lambda: call.exchange.amend(call.account, altered, call.now_ms, price=price, size=size),
            SPOT_REFUSALS,
            listing,
        )
    except (KucoinError, Rejected):
        order.extra.clear()
        order.extra.update(before)
        raise
    return {"newOrderId": wire_id(order), "clientOid": order.client_id or None}


def active(call: Call) -> list[Row]:
    """List the live orders of one pair, newest first."""
    listing = call.listing(SPOT)
    return [order_row(order, listing.quote) for order in reversed(_live(call, listing.native_id))]


def active_page(call: Call) -> Row:
    """List the live orders of one pair in pages (`pageNum`)."""
    listing = call.listing(SPOT)
    given = {**call.given, "currentPage": call.given.get("pageNum"), "pageSize": call.given.get("pageSize") or 20}
    newest_first = [*reversed(_live(call, listing.native_id))]
    return page_of(newest_first, given, lambda order: order_row(order, listing.quote), 50)


def active_symbols(call: Call) -> Row:
    """List the pairs that have live orders."""
    return {"symbols": sorted({order.native_id for order in _live(call, None)})}
