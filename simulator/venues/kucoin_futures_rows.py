"""KuCoin's rows of futures orders, trades and positions.

Fields and their types as in the answers that KuCoin's own SDK 1.3.2 quotes (futures/order, futures/positions): sizes
are numbers of contracts, prices and values of orders and trades text, everything of a position a number.
"""

from decimal import Decimal
from zlib import crc32

from simulator.exchange.model import (
    BUY,
    CANCELLED,
    EXPIRED,
    MARKET,
    UNTRIGGERED,
    Fill,
    FundingPayment,
    Order,
    PositionState,
)
from simulator.market.model import Listing
from simulator.venues.kucoin_contracts import LEVERAGE, USUAL_LEVERAGE
from simulator.venues.kucoin_spot_rows import order_id
from simulator.venues.kucoin_wire import NS_PER_MS, Row, futures_code, number, plain

_FIRST_ORDER = 236_655_000_000_000_000
_FIRST_TRADE = 1_784_270_000_000
_FIRST_SETTLEMENT = 9_784_270_000_000
PRICE_TYPES = {"TP": "last", "MP": "mark", "IP": "index"}
_NAMED = {source: name for name, source in PRICE_TYPES.items()}


def wire_id(order: Order) -> str:
    """Write a futures order's id: a number of eighteen digits."""
    return str(_FIRST_ORDER + order.number)


def read_id(text: str) -> str | None:
    """Tell the exchange's id that a futures order's id means."""
    if not text.isascii() or not text.isdigit() or int(text) <= _FIRST_ORDER:
        return None
    return order_id(int(text) - _FIRST_ORDER)


def value_of(listing: Listing, size: Decimal, price: Decimal) -> Decimal:
    """Return what contracts are worth: quote, or coins of an inverse contract."""
    unit = Decimal(listing.contract_size)
    if listing.inverse:
        return (size * unit / price).quantize(Decimal("1e-10")) if price else Decimal(0)
    return size * unit * price


def average(listing: Listing, order: Order) -> Decimal:
    """Return the average price of an order's fills, 0 without any."""
    if not order.filled or not order.filled_quote:
        return Decimal(0)
    coins = order.filled * Decimal(listing.contract_size)
    price = coins / order.filled_quote if listing.inverse else order.filled_quote / coins
    return price.quantize(Decimal(listing.tick_size) / 100)


def order_row(order: Order, listing: Listing) -> Row:
    """Write an order; a stop that waits is open too."""
    market, trigger = order.type == MARKET, order.trigger
    price = Decimal(0) if market or order.price is None else order.price
    value = order.filled_quote if market else value_of(listing, order.size, price)
    ended = order.state in (CANCELLED, EXPIRED) and order.left > 0
    return {
        "id": wire_id(order),
        "symbol": order.native_id,
        "type": order.type,
        "side": order.side,
        "price": plain(price),
        "size": number(order.size),
        "value": plain(value),
        "dealValue": plain(order.filled_quote),
        "dealSize": number(order.filled),
        "stp": "",
        "stop": "" if trigger is None else "up" if trigger.rising else "down",
        "stopPriceType": "" if trigger is None else _NAMED[trigger.source],
        "stopTriggered": trigger is not None and order.triggered_ms is not None,
        "stopPrice": None if trigger is None else plain(trigger.price),
        "timeInForce": order.tif,
        "postOnly": order.post_only,
        "hidden": bool(order.extra.get("hidden")),
        "iceberg": bool(order.extra.get("iceberg")),
        "leverage": str(order.extra.get("leverage", "1")),
        "forceHold": bool(order.extra.get("forceHold")),
        "closeOrder": bool(order.extra.get("closeOrder")),
        "visibleSize": 0,
        "clientOid": order.client_id or None,
        "remark": order.extra.get("remark"),
        "tags": "",
        "isActive": order.live,
        "cancelExist": ended,
        "createdAt": order.created_ms,
        "updatedAt": order.updated_ms,
        "endAt": None if order.live else order.updated_ms,
        "orderTime": order.created_ms * NS_PER_MS,
        "settleCurrency": futures_code(listing.settle),
        "marginMode": order.extra.get("marginMode", "ISOLATED"),
        "avgDealPrice": plain(average(listing, order)),
        "filledSize": number(order.filled),
        "filledValue": plain(order.filled_quote),
        "status": "open" if order.live else "done",
        "reduceOnly": order.reduce_only,
    }


def is_waiting(order: Order) -> bool:
    """Tell a stop that is not triggered yet."""
    return order.state == UNTRIGGERED


def fill_row(fill: Fill, order: Order, listing: Listing) -> Row:
    """Write a trade of one's own; times in ms and, `tradeTime`, in ns."""
    value = value_of(listing, fill.size, fill.price)
    rate = fill.fee / value if value else Decimal(0)
    closing = fill.realized != 0
    kind = f"{order.type}_stop" if order.trigger else order.type
    return {
        "symbol": fill.native_id,
        "tradeId": str(_FIRST_TRADE + fill.number),
        "orderId": wire_id(order),
        "side": fill.side,
        "liquidity": "maker" if fill.maker else "taker",
        "forceTaker": False,
        "price": plain(fill.price),
        "size": number(fill.size),
        "value": plain(value),
        "openFeePay": "0" if closing else plain(fill.fee),
        "closeFeePay": plain(fill.fee) if closing else "0",
        "stop": "",
        "feeRate": f"{rate:.5f}",
        "fixFee": "0",
        "feeCurrency": futures_code(fill.fee_currency),
        "subTradeType": None,
        "marginMode": order.extra.get("marginMode", "ISOLATED"),
        "openFeeTaxPay": "0",
        "closeFeeTaxPay": "0",
        "displayType": kind,
        "fee": plain(fill.fee),
        "settleCurrency": futures_code(listing.settle),
        "orderType": order.type,
        "tradeType": "trade",
        "tradeTime": fill.time_ms * NS_PER_MS,
        "createdAt": fill.time_ms,
    }


def settlement_row(paid: FundingPayment, listing: Listing) -> Row:
    """Write how a position ended at expiry: a trade of the type `settlement` that closes it, without an order."""
    size = abs(paid.size)
    return {
        "symbol": paid.native_id,
        "tradeId": str(_FIRST_SETTLEMENT + paid.number),
        "orderId": "",
        "side": "sell" if paid.size > 0 else BUY,
        "liquidity": "taker",
        "forceTaker": False,
        "price": plain(paid.rate),
        "size": number(size),
        "value": plain(value_of(listing, size, paid.rate)),
        "stop": "",
        "feeRate": "0",
        "fixFee": "0",
        "fee": "0",
        "feeCurrency": futures_code(listing.settle),
        "settleCurrency": futures_code(listing.settle),
        "marginMode": "ISOLATED",
        "orderType": "market",
        "displayType": "market",
        "tradeType": "settlement",
        "tradeTime": paid.time_ms * NS_PER_MS,
        "createdAt": paid.time_ms,
    }


def position_row(
    position: PositionState,
    listing: Listing,
    mode: str,
    mark: Decimal,
    unrealized: Decimal,
    liquidation: Decimal | None,
    now_ms: int,
) -> Row:
    """Write an open position; `leverage` of an isolated one is what it really has now."""
    # Inverse contracts count coins, which a long one owes.
    sign = -1 if (position.size < 0) != listing.inverse else 1
    cost = sign * value_of(listing, abs(position.size), position.entry_price)
    worth = sign * value_of(listing, abs(position.size), mark)
    initial = abs(cost) / position.leverage
    real = abs(worth) / (initial + unrealized) if initial + unrealized > 0 else Decimal(position.leverage)
    isolated = mode == "ISOLATED"
    row: Row = {
        "id": f"5{crc32(position.native_id.encode()):017d}",
        "symbol": position.native_id,
        "crossMode": not isolated,
        "delevPercentage": 0.5,
        "openingTimestamp": position.opened_ms,
        "currentTimestamp": now_ms,
        "currentQty": number(position.size),
        "currentComm": 0,
        "realisedGrossCost": 0.0,
        "realisedCost": 0.0,
        "isOpen": True,
        "markPrice": number(mark),
        "markValue": _figure(worth),
        **dict.fromkeys(("currentCost", "unrealisedCost", "posCost"), _figure(cost)),
        **dict.fromkeys(("posInit", "posMargin"), _figure(initial)),
        **dict.fromkeys(("realisedGrossPnl", "realisedPnl"), _figure(position.realized)),
        "unrealisedPnl": _figure(unrealized),
        "unrealisedPnlPcnt": float(round(unrealized / abs(cost), 4)) if cost else 0.0,
        "unrealisedRoePcnt": float(round(unrealized / initial, 4)) if initial else 0.0,
        "avgEntryPrice": _figure(position.entry_price),
        **dict.fromkeys(("liquidationPrice", "bankruptPrice"), _figure(liquidation or Decimal(0))),
        "settleCurrency": futures_code(listing.settle),
        "isInverse": listing.inverse,
        "marginMode": mode,
        "positionSide": "BOTH",
        "leverage": float(round(real, 2)) if isolated else position.leverage,
    }
    return row | (_isolated(listing, real, abs(worth), initial + unrealized) if isolated else {})


def _isolated(listing: Listing, leverage: Decimal, worth: Decimal, margin: Decimal) -> Row:
    most = LEVERAGE.get(listing.base, USUAL_LEVERAGE)
    rate = round(0.5 / most, 6)
    return {
        "autoDeposit": False,
        "maintMarginReq": rate,
        "riskLimit": 100_000,
        "realLeverage": float(round(leverage, 2)),
        "posCrossMargin": 0,
        **dict.fromkeys(("posCross", "posComm", "posCommCommon", "posLoss", "posFunding"), 0.0),
        "maintainMargin": rate,
        "posMaint": _figure(worth / most / 2),
        "maintMargin": _figure(margin),
    }


def flat_row(listing: Listing, mode: str, mark: Decimal, now_ms: int) -> Row:
    """Write what a contract without a position answers."""
    return {
        "id": "",
        "symbol": listing.native_id,
        "crossMode": mode != "ISOLATED",
        "currentTimestamp": now_ms,
        "currentQty": 0,
        "isOpen": False,
        "markPrice": number(mark),
        "markValue": 0,
        "posCost": 0,
        "posInit": 0,
        "posMargin": 0,
        "realisedPnl": 0,
        "unrealisedPnl": 0,
        "avgEntryPrice": 0,
        "liquidationPrice": 0,
        "settleCurrency": futures_code(listing.settle),
        "isInverse": listing.inverse,
        "marginMode": mode,
        "positionSide": "BOTH",
    }


def side_that_closes(position: PositionState) -> str:
    """Name the side of an order that closes a position."""
    return "sell" if position.size > 0 else BUY


def _figure(value: Decimal) -> int | float:
    return number(value.quantize(Decimal("1e-10")) if value else value)
