"""Orders and trades of an account as Binance writes them: keys, their order and their types are the venue's.

Sources: the models of binance_sdk_spot 13.2 and binance_sdk_derivatives_trading_usds_futures 18.0.1, whose types are
strict, and the payloads quoted in ccxt 4.5.90.
"""

import secrets
from collections.abc import Sequence
from decimal import Decimal

from simulator.amounts import decimals
from simulator.exchange.model import (
    BUY,
    CANCELLED,
    EXPIRED,
    FILLED,
    OPEN,
    PARTLY_FILLED,
    REJECTED,
    UNTRIGGERED,
    Fill,
    Order,
)
from simulator.market.model import Listing
from simulator.venues.binance_shapes import padded, pair
from simulator.venues.binance_signed import FIRST_ALGO_ID, Row

STATUS = {
    UNTRIGGERED: "NEW", OPEN: "NEW", PARTLY_FILLED: "PARTIALLY_FILLED", FILLED: "FILLED",
    CANCELLED: "CANCELED", EXPIRED: "EXPIRED", REJECTED: "REJECTED",
}  # fmt: skip
_STP = "EXPIRE_MAKER"
_EIGHT = 8


def written(number: Decimal | None, places: int) -> str:
    """Write a number with at least `places` decimals and no exponent; absent is 0."""
    return padded(f"{(number or Decimal(0)).normalize():f}", places)


def wire_type(order: Order) -> str:
    """Return the type as it was sent; a conditional order of contracts becomes LIMIT or MARKET once it is placed."""
    sent = str(order.extra.get("type") or order.type.upper())
    return order.type.upper() if order.product != "spot" and order.trigger is not None else sent


def wire_tif(order: Order) -> str:
    """Return the time in force; post-only is GTX on contracts."""
    return "GTX" if order.post_only and order.product != "spot" else order.tif


# --- spot ---


def _spot_amounts(order: Order) -> Row:
    return {
        "price": written(order.price, _EIGHT), "origQty": written(order.size, _EIGHT),
        "executedQty": written(order.filled, _EIGHT),
        "origQuoteOrderQty": written(order.quote_amount, _EIGHT),
        "cummulativeQuoteQty": written(order.filled_quote, _EIGHT),
        "status": STATUS[order.state], "timeInForce": wire_tif(order), "type": wire_type(order),
        "side": order.side.upper(),
    }  # fmt: skip


def _spot_ids(order: Order) -> Row:
    return {"symbol": order.native_id, "orderId": int(order.id), "orderListId": -1, "clientOrderId": order.client_id}


def _working_ms(order: Order) -> int:
    return order.created_ms if order.trigger is None else order.triggered_ms or -1


def spot_ack(order: Order) -> Row:
    """Acknowledge a new order (`newOrderRespType=ACK`)."""
    return _spot_ids(order) | {"transactTime": order.created_ms}


def spot_result(order: Order) -> Row:
    """Answer a new order with what became of it (`RESULT`)."""
    stop: Row = {} if order.trigger is None else {"stopPrice": written(order.trigger.price, _EIGHT)}
    times: Row = {"workingTime": _working_ms(order), "selfTradePreventionMode": _STP}
    return spot_ack(order) | _spot_amounts(order) | stop | times


def spot_full(order: Order, fills: Sequence[Fill]) -> Row:
    """Answer a new order with its trades as well (`FULL`)."""
    rows = [
        {
            "price": written(fill.price, _EIGHT), "qty": written(fill.size, _EIGHT),
            "commission": f"{fill.fee:.8f}", "commissionAsset": fill.fee_currency, "tradeId": int(fill.id),
        }
        for fill in fills
    ]  # fmt: skip
    return spot_result(order) | {"fills": rows}


def spot_order(order: Order) -> Row:
    """Describe an order that is asked for."""
    amounts = _spot_amounts(order)
    quote_amount = amounts.pop("origQuoteOrderQty")
    return _spot_ids(order) | amounts | {
        "stopPrice": written(order.trigger.price if order.trigger else None, _EIGHT), "icebergQty": "0.00000000",
        "time": order.created_ms, "updateTime": order.updated_ms,
        "isWorking": order.state != UNTRIGGERED and _working_ms(order) >= 0,
        "workingTime": _working_ms(order), "origQuoteOrderQty": quote_amount, "selfTradePreventionMode": _STP,
    }  # fmt: skip


def spot_cancelled(order: Order, now_ms: int) -> Row:
    """Answer a cancel: its own id is `clientOrderId`, the order's is `origClientOrderId`."""
    head: Row = {
        "symbol": order.native_id, "origClientOrderId": order.client_id, "orderId": int(order.id), "orderListId": -1,
        "clientOrderId": secrets.token_urlsafe(16), "transactTime": now_ms,
    }  # fmt: skip
    stop: Row = {} if order.trigger is None else {"stopPrice": written(order.trigger.price, _EIGHT)}
    return head | _spot_amounts(order) | stop | {"selfTradePreventionMode": _STP}


def spot_trade(fill: Fill) -> Row:
    """Describe a trade of the account."""
    return {
        "symbol": fill.native_id, "id": int(fill.id), "orderId": int(fill.order_id), "orderListId": -1,
        "price": written(fill.price, _EIGHT), "qty": written(fill.size, _EIGHT),
        "quoteQty": written(fill.price * fill.size, _EIGHT), "commission": f"{fill.fee:.8f}",
        "commissionAsset": fill.fee_currency, "time": fill.time_ms, "isBuyer": fill.side == BUY,
        "isMaker": fill.maker, "isBestMatch": True,
    }  # fmt: skip


# --- contracts ---


def contract_order(order: Order, listing: Listing, *, accepted_only: bool = False) -> Row:
    """Describe an order; `accepted_only` as it was when it came in (`newOrderRespType=ACK`)."""
    ticks, lots = decimals(listing.tick_size), decimals(listing.lot_size)
    filled = Decimal(0) if accepted_only else order.filled
    cost = Decimal(0) if accepted_only else order.filled_quote
    if listing.inverse:
        average = filled * Decimal(listing.contract_size) / cost if cost else Decimal(0)
        worth: Row = {"cumBase": written(cost, _EIGHT), "pair": pair(listing)}
    else:
        average = cost / filled if filled else Decimal(0)
        worth = {"cumQuote": written(cost, 5)}
    return {
        "orderId": int(order.id), "symbol": order.native_id,
        "status": "NEW" if accepted_only else STATUS[order.state], "clientOrderId": order.client_id,
        "price": written(order.price, ticks), "avgPrice": f"{average:.{max(5, ticks)}f}",
        "origQty": written(order.size, lots), "executedQty": written(filled, lots), **worth,
        "timeInForce": wire_tif(order), "type": wire_type(order), "reduceOnly": order.reduce_only,
        "closePosition": False, "side": order.side.upper(), "positionSide": "BOTH", "stopPrice": "0",
        "workingType": "CONTRACT_PRICE", "priceProtect": False, "origType": wire_type(order), "priceMatch": "NONE",
        "selfTradePreventionMode": _STP, "goodTillDate": 0, "updateTime": order.updated_ms,
    }  # fmt: skip


def placed_contract_order(order: Order, listing: Listing, *, accepted_only: bool = False) -> Row:
    """Answer a new, changed or cancelled order: `cumQty` beside `executedQty`, and no time of creation."""
    row = contract_order(order, listing, accepted_only=accepted_only)
    return row | {"cumQty": row["executedQty"]}


def asked_contract_order(order: Order, listing: Listing) -> Row:
    """Describe an order that is asked for."""
    return contract_order(order, listing) | {"time": order.triggered_ms or order.created_ms}


def algo_status(order: Order) -> str:
    """Tell how far a conditional order got: NEW, TRIGGERED, FINISHED, CANCELED, EXPIRED or REJECTED."""
    if order.triggered_ms is None:
        return STATUS[order.state]
    if order.state == REJECTED:
        return "REJECTED"
    return "TRIGGERED" if order.live else "FINISHED"


def algo_order(order: Order, listing: Listing) -> Row:
    """Describe a conditional order as the answer to placing it."""
    ticks, lots = decimals(listing.tick_size), decimals(listing.lot_size)
    return {
        "algoId": FIRST_ALGO_ID + int(order.id), "clientAlgoId": order.client_id, "algoType": "CONDITIONAL",
        "orderType": str(order.extra.get("type")), "symbol": order.native_id, "side": order.side.upper(),
        "positionSide": "BOTH", "timeInForce": wire_tif(order), "quantity": written(order.size, lots),
        "algoStatus": algo_status(order),
        "triggerPrice": written(order.trigger.price if order.trigger else None, ticks),
        "price": written(order.price, ticks), "icebergQuantity": None, "selfTradePreventionMode": _STP,
        "workingType": "MARK_PRICE" if order.trigger and order.trigger.source == "mark" else "CONTRACT_PRICE",
        "priceMatch": "NONE", "closePosition": False, "priceProtect": False, "reduceOnly": order.reduce_only,
        "createTime": order.created_ms, "updateTime": order.updated_ms, "triggerTime": order.triggered_ms or 0,
        "goodTillDate": 0,
    }  # fmt: skip


def asked_algo_order(order: Order, listing: Listing) -> Row:
    """Describe a conditional order that is asked for: once triggered it names the order it became."""
    placed = order.triggered_ms is not None and order.state != REJECTED
    average = order.filled_quote / order.filled if order.filled and not listing.inverse else Decimal(0)
    actual: Row = {"actualOrderId": order.id if placed else "", "actualPrice": f"{average:.5f}"}
    if placed:
        lots = decimals(listing.lot_size)
        actual |= {"actualType": order.type.upper(), "actualQty": written(order.filled, lots)}
    return algo_order(order, listing) | actual | {"tpOrderType": ""}


def contract_trade(fill: Fill, listing: Listing) -> Row:
    """Describe a trade of the account."""
    ticks, lots = decimals(listing.tick_size), decimals(listing.lot_size)
    if listing.inverse:
        worth: Row = {
            "pair": pair(listing), "marginAsset": listing.settle,
            "baseQty": f"{fill.size * Decimal(listing.contract_size) / fill.price:.8f}",
        }  # fmt: skip
    else:
        worth = {"quoteQty": written(fill.price * fill.size, 5)}
    return {
        "symbol": fill.native_id, "id": int(fill.id), "orderId": int(fill.order_id), "side": fill.side.upper(),
        "price": written(fill.price, ticks), "qty": written(fill.size, lots), "realizedPnl": f"{fill.realized:.8f}",
        **worth, "commission": f"{fill.fee:.8f}", "commissionAsset": fill.fee_currency, "time": fill.time_ms,
        "positionSide": "BOTH", "buyer": fill.side == BUY, "maker": fill.maker,
    }  # fmt: skip
