"""Binance's conditional orders of contracts (stops and take-profits): a service of its own before the order book.

An order keeps its `algoId` and `clientAlgoId`; once triggered it is placed as a regular order, which `actualOrderId`
names and the regular endpoints know (under the same client id), while this list of open orders has it no more.
Source: developers.binance.com/docs, USDⓈ-M Futures ("New Algo Order" and those that follow).
"""

from simulator.exchange.model import GTC, LIMIT, MARKET, UNTRIGGERED, NewOrder, Order, Rejected, Trigger
from simulator.market.model import Listing
from simulator.venues import binance_order_shapes as shapes
from simulator.venues.binance_call import Refusal, missing
from simulator.venues.binance_contract_orders import CONDITIONAL, DONE, check_mode, in_span, place, read_tif
from simulator.venues.binance_filters import check, check_precision
from simulator.venues.binance_refusals import unknown_to_cancel, unknown_to_query
from simulator.venues.binance_signed import FIRST_ALGO_ID, SignedCall, conditional

_PRICED = ("STOP", "TAKE_PROFIT")
_STOPS = ("STOP", "STOP_MARKET")
_SOURCES = ("CONTRACT_PRICE", "MARK_PRICE")


def new_order(call: SignedCall) -> object:
    """Place a conditional order. Margin is not looked at before it is triggered."""
    listing = call.listing()
    wanted = _read(call, listing)
    check(call, listing, wanted)
    return shapes.algo_order(place(call, listing, wanted), listing)


def order(call: SignedCall) -> object:
    """Answer one conditional order by either id, in any state."""
    found = call.find(None, conditional, "algoId", "clientAlgoId")
    if found is None:
        raise unknown_to_query()
    return shapes.asked_algo_order(found, call.listed(found.native_id))


def cancel(call: SignedCall) -> object:
    """Cancel a conditional order that was not triggered yet."""
    found = call.find(None, conditional, "algoId", "clientAlgoId")
    if found is None or found.state != UNTRIGGERED:
        raise unknown_to_cancel()
    try:
        call.exchange.cancel(call.account, found, call.now_ms)
    except Rejected:
        raise unknown_to_cancel() from None
    algo_id = FIRST_ALGO_ID + int(found.id)
    return {"algoId": algo_id, "clientAlgoId": found.client_id, "code": "200", "msg": "success"}


def cancel_all(call: SignedCall) -> object:
    """Cancel all conditional orders of a symbol that wait."""
    for each in _waiting(call, call.listing()):
        call.exchange.cancel(call.account, each, call.now_ms, "all")
    return DONE


def open_orders(call: SignedCall) -> object:
    """List what waits, of one symbol or of all."""
    found = _waiting(call, call.listing() if "symbol" in call.params else None)
    return [shapes.asked_algo_order(each, call.listed(each.native_id)) for each in found]


def all_orders(call: SignedCall) -> object:
    """List conditional orders of a symbol in any state: from an id on, within a week, or the last ones."""
    listing = call.listing()
    rows = in_span(call, call.orders(listing, conditional, live=None), "algoId", FIRST_ALGO_ID)
    return [shapes.asked_algo_order(each, listing) for each in rows]


def _waiting(call: SignedCall, listing: Listing | None) -> list[Order]:
    found = call.orders(listing, conditional, live=True)
    return [each for each in found if each.state == UNTRIGGERED]


def _read(call: SignedCall, listing: Listing) -> NewOrder:
    if call.text("algoType") != "CONDITIONAL":
        raise missing("algoType")
    side = call.choice("side", ("BUY", "SELL"), -1117, "Invalid side.")
    kind = call.choice("type", CONDITIONAL, -1116, "Invalid orderType.")
    if kind == "TRAILING_STOP_MARKET":
        raise Refusal(-1020, "This operation is not supported. (The simulator serves no trailing stops.)")
    check_mode(call)
    price = call.needed("price") if kind in _PRICED else None
    tif, post_only = read_tif(call, GTC) if kind in _PRICED else (GTC, False)
    source = call.choice("workingType", _SOURCES, -4031, "Invalid working type.", _SOURCES[0])
    size, stop = call.needed("quantity"), call.needed("triggerPrice")
    check_precision(call, listing, ("quantity", size), ("price", price), ("triggerPrice", stop))
    rising = (side == "BUY") == (kind in _STOPS)
    return NewOrder(
        side.lower(), LIMIT if kind in _PRICED else MARKET, size, None, price, tif, post_only,
        call.flag("reduceOnly"), call.client_id("clientAlgoId"),
        Trigger(stop, rising, "mark" if source == "MARK_PRICE" else "last"), {"type": kind},
    )  # fmt: skip
