"""Bybit's rows of an account: orders, executions and positions, as the documentation of v5 shows them in 2026.

A spot row has neither `tpslMode` nor `createType`: by these keys clients tell spot from contracts.
"""

from decimal import Decimal

from simulator.exchange.model import (
    BUY,
    EXPIRED,
    FILLED,
    LIMIT,
    MARKET,
    OPEN,
    PARTLY_FILLED,
    REJECTED,
    UNTRIGGERED,
    Fill,
    FundingPayment,
    Order,
    PositionState,
)
from simulator.market.model import Listing
from simulator.venues.bybit_private import order_id, shown_id, trade_id
from simulator.venues.bybit_shapes import Row, price, size

_LIVE = {UNTRIGGERED: "Untriggered", OPEN: "New", PARTLY_FILLED: "PartiallyFilled", FILLED: "Filled"}
_TRIGGER_BY = {"last": "LastPrice", "mark": "MarkPrice", "index": "IndexPrice"}
_ENDED = {
    "user": ("EC_PerCancelRequest", "CancelByUser"),
    "all": ("EC_PerCancelRequest", "CancelByUser"),
    "timer": ("EC_NoError", "CancelByDCP"),
    "fok": ("EC_CancelForNoFullFill", "UNKNOWN"),
    "post_only": ("EC_PostOnlyWillTakeLiquidity", "UNKNOWN"),
    "reduce_only": ("EC_NoError", "CancelByReduceOnly"),
}
"""`rejectReason` and `cancelType` by why an order ended."""
FUNDING_MARK, DELIVERY_MARK = 0x100, 0x200


def plain(number: Decimal) -> str:
    """Write a number without exponent and without zeros at the end."""
    return f"{number.normalize():f}" if number else "0"


def shown_price(listing: Listing, number: Decimal | None) -> str:
    """Write a price with its category's decimals; 0 where there is none."""
    if number is None:
        return "0" if listing.product == "spot" else price(listing, "0")
    return price(listing, f"{number:f}")


def shown_size(listing: Listing, number: Decimal) -> str:
    """Write a size with its category's decimals."""
    return size(listing, f"{number:f}")


def status(order: Order) -> str:
    """Name an order's state in Bybit's words; what never triggered is deactivated, not cancelled."""
    if order.state in _LIVE:
        return _LIVE[order.state]
    if order.trigger is not None and order.triggered_ms is None:
        return "Deactivated"
    spot = order.product == "spot"
    if order.state == REJECTED or (spot and order.state_reason == "post_only"):
        return "Rejected"
    return "PartiallyFilledCanceled" if spot and order.filled else "Cancelled"


def conditional(order: Order) -> bool:
    """Tell whether it is listed among the conditional orders: until it triggers."""
    return order.trigger is not None and order.triggered_ms is None


def filter_of(order: Order) -> str:
    """Name the `orderFilter` that finds an order."""
    return str(order.extra.get("orderFilter") or "StopOrder") if conditional(order) else "Order"


def _ending(order: Order) -> tuple[str, str]:
    if order.live or order.state == FILLED:
        return "EC_NoError", "UNKNOWN"
    if order.state == EXPIRED and order.state_reason not in _ENDED:
        return "EC_NoEnoughQtyToFill" if order.filled else "EC_NoImmediateQtyToFill", "UNKNOWN"
    return _ENDED.get(order.state_reason, ("EC_NoImmediateQtyToFill", "UNKNOWN"))


def order_row(order: Order, listing: Listing) -> Row:
    """Make a row of `order/realtime` and `order/history`."""
    spot = listing.product == "spot"
    reason, cancel = _ending(order)
    market = order.type == MARKET
    asked = order.quote_amount if order.quote_amount is not None else order.size
    left = order.left if order.live and order.quote_amount is None else Decimal(0)
    trigger = order.trigger
    limit = Decimal(str(order.extra["bound"])) if market and order.extra.get("bound") else order.price
    row: Row = {
        "orderId": order_id(order.product, order.number), "orderLinkId": order.client_id, "blockTradeId": "",
        "symbol": order.native_id, "price": shown_price(listing, limit), "side": order.side.capitalize(),
        "qty": plain(asked) if order.quote_amount is not None else shown_size(listing, asked),
        "isLeverage": "0" if spot else "", "positionIdx": 0, "orderStatus": status(order), "cancelType": cancel,
        "rejectReason": reason, "avgPrice": _average(order, listing), "leavesQty": shown_size(listing, left),
        "leavesValue": plain(_value(listing, left, limit)), "cumExecQty": shown_size(listing, order.filled),
        "cumExecValue": plain(order.filled_quote), "cumExecFee": plain(sum(order.fees.values(), Decimal(0))),
        "cumFeeDetail": {coin: plain(paid) for coin, paid in order.fees.items()},
        "timeInForce": "IOC" if market else "PostOnly" if order.post_only else order.tif,
        "orderType": order.type.capitalize(), "stopOrderType": "Stop" if trigger else "", "orderIv": "",
        "marketUnit": str(order.extra.get("marketUnit") or ""),
        "triggerPrice": shown_price(listing, trigger.price if trigger else None), "takeProfit": "", "stopLoss": "",
        "ocoTriggerBy": "", "tpLimitPrice": "", "slLimitPrice": "", "tpTriggerBy": "", "slTriggerBy": "",
        "triggerDirection": (1 if trigger.rising else 2) if trigger and not spot else 0,
        "triggerBy": _TRIGGER_BY.get(trigger.source, "") if trigger and not spot else "",
        "lastPriceOnCreated": str(order.extra.get("last") or ""), "reduceOnly": order.reduce_only,
        "closeOnTrigger": bool(order.extra.get("closeOnTrigger")), "smpType": "None", "smpGroup": 0, "smpOrderId": "",
        "slippageToleranceType": "UNKNOWN", "slippageTolerance": "0", "placeType": "", "extraFees": "",
        "createdTime": str(order.created_ms), "updatedTime": str(order.updated_ms),
    }  # fmt: skip
    return row if spot else row | {"tpslMode": "", "createType": "CreateByUser"}


def _average(order: Order, listing: Listing) -> str:
    if not order.filled or not order.filled_quote:
        return ""
    mean = order.filled / order.filled_quote if listing.inverse else order.filled_quote / order.filled
    return plain(round(mean, 10))


def _value(listing: Listing, amount: Decimal, at: Decimal | None) -> Decimal:
    if not at:
        return Decimal(0)
    return round(amount / at, 8) if listing.inverse else amount * at


def execution_row(fill: Fill, order: Order | None, listing: Listing, left: Decimal, mark: Decimal) -> Row:
    """Make a row of `execution/list` of a trade; `left` is what the order still lacked after it."""
    spot = listing.product == "spot"
    value = _value(listing, fill.size, fill.price)
    asked, limit = (order.size, order.price) if order else (fill.size, fill.price)
    stop = "Stop" if order and order.trigger else ""
    base = value if listing.inverse else fill.size if spot and fill.side == BUY else value
    row: Row = {
        "symbol": fill.native_id, "orderType": (order.type if order else LIMIT).capitalize(), "underlyingPrice": "",
        "orderLinkId": fill.client_id, "side": fill.side.capitalize(), "indexPrice": "",
        "orderId": shown_id(fill.product, fill.order_id), "stopOrderType": stop,
        "leavesQty": shown_size(listing, left), "execTime": str(fill.time_ms),
        "feeCurrency": fill.fee_currency if spot else "", "isMaker": fill.maker, "execFee": plain(fill.fee),
        "feeRate": plain(round(fill.fee / base, 6)) if base else "0", "tradeIv": "", "markIv": "", "blockTradeId": "",
        "execId": trade_id(fill.product, fill.number), "markPrice": "" if spot else shown_price(listing, mark),
        "execPrice": shown_price(listing, fill.price), "orderQty": shown_size(listing, asked),
        "orderPrice": shown_price(listing, limit), "execValue": plain(value),
        "execType": "Trade", "execQty": shown_size(listing, fill.size), "closedSize": "",
        "extraFees": "", "seq": fill.number, "marketUnit": "", "isLeverage": "0",
    }  # fmt: skip
    return row if spot else row | {"createType": "CreateByUser", "execPnl": plain(fill.realized)}


def funding_row(payment: FundingPayment, listing: Listing, mark: Decimal) -> Row:
    """Make a row of `execution/list` of a funding: `execFee` and `feeRate` are positive where the position paid."""
    long = payment.size > 0
    held, at = abs(payment.size), shown_price(listing, mark)
    return {
        "symbol": payment.native_id, "orderType": "UNKNOWN", "underlyingPrice": "", "orderLinkId": "",
        "orderId": trade_id(payment.product, payment.number, FUNDING_MARK), "stopOrderType": "UNKNOWN",
        "execTime": str(payment.time_ms), "feeCurrency": "", "createType": "", "tradeIv": "", "blockTradeId": "",
        "feeRate": plain(payment.rate if long else -payment.rate), "markPrice": at, "execPrice": at, "markIv": "",
        "orderQty": shown_size(listing, Decimal(0)), "orderPrice": shown_price(listing, None),
        "execValue": plain(_value(listing, held, mark)), "closedSize": "0", "execType": "Funding",
        "seq": payment.number, "side": "Buy" if long else "Sell", "indexPrice": "",
        "leavesQty": shown_size(listing, Decimal(0)), "isMaker": False, "execFee": plain(-payment.amount),
        "execId": trade_id(payment.product, payment.number, FUNDING_MARK), "marketUnit": "",
        "execQty": shown_size(listing, held), "execPnl": "0", "extraFees": "",
    }  # fmt: skip


def ended_as(category: str) -> str:
    """Name the kind of execution by which futures of a category end."""
    return "Settle" if category == "inverse" else "Delivery"


def delivery_row(payment: FundingPayment, listing: Listing) -> Row:
    """Make a row of `execution/list` of a position that was delivered: as if it was closed, without a fee."""
    mark = trade_id(payment.product, payment.number, DELIVERY_MARK)
    return funding_row(payment, listing, payment.rate) | {
        "orderId": mark, "execId": mark, "execType": ended_as(payment.product), "execFee": "0", "feeRate": "0",
        "side": "Sell" if payment.size > 0 else "Buy", "execPnl": plain(payment.amount),
        "closedSize": shown_size(listing, abs(payment.size)),
    }  # fmt: skip


def position_row(
    position: PositionState | None,
    listing: Listing,
    leverage: int,
    mark: Decimal,
    gains: Decimal,
    margin: Decimal,
    liquidation: Decimal | None,
    costs: Decimal,
) -> Row:
    """Make a row of `position/list`; without a position it has a size of 0 and no side.

    `costs` is what fees and funding have cost since it was opened: realised gains are told without them.
    """
    held = abs(position.size) if position else Decimal(0)
    side = "" if position is None or not position.size else "Buy" if position.size > 0 else "Sell"
    entry = position.entry_price if position else Decimal(0)
    created, updated = (position.opened_ms, position.updated_ms) if position else (listing.listed_ms, listing.listed_ms)
    return {
        "positionIdx": 0, "riskId": 1, "riskLimitValue": "", "symbol": listing.native_id, "side": side,
        "size": shown_size(listing, held), "avgPrice": plain(round(entry, 10)),
        "positionValue": plain(_value(listing, held, entry)) if held else "", "autoAddMargin": 0,
        "positionStatus": "Normal", "leverage": str(leverage), "markPrice": shown_price(listing, mark),
        "liqPrice": shown_price(listing, liquidation) if liquidation else "", "bustPrice": "",
        "positionIM": plain(round(margin, 8)) if held else "", "positionIMByMp": "",
        "positionMM": plain(round(margin / 10, 8)) if held else "", "positionMMByMp": "", "positionBalance": "",
        "takeProfit": "", "stopLoss": "", "trailingStop": "0", "tpslMode": "Full", "sessionAvgPrice": "",
        "unrealisedPnl": plain(round(gains, 8)) if held else "", "curRealisedPnl": _realized(position, costs),
        "cumRealisedPnl": _realized(position, costs), "adlRankIndicator": 2 if held else 0, "isReduceOnly": False,
        "mmrSysUpdatedTime": "", "leverageSysUpdatedTime": "", "createdTime": str(created), "updatedTime": str(updated),
        "seq": updated if held else -1, "tradeMode": 0,
    }  # fmt: skip


def _realized(position: PositionState | None, costs: Decimal) -> str:
    return plain(round(position.realized - costs, 8)) if position else "0"
