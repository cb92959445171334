"""KuCoin's rows of spot orders, stop orders and trades, amounts as text.

Fields and their types as in the answers that KuCoin's own SDK 1.3.2 quotes (spot/order).
"""

from decimal import Decimal

from simulator.exchange.model import CANCELLED, EXPIRED, MARKET, UNTRIGGERED, Fill, Order
from simulator.venues.kucoin_wire import NS_PER_MS, Row, plain

_EPOCH = "67a3b1c2"
_STOP_PREFIX = "vs93gp"
_CURSOR = 19_814_000_000_000
TRADE_NUMBER = 11_029_000_000_000_000
USER_ID = "633559791e1cbc0001f319bc"
CANCELLED_STATES = frozenset({CANCELLED, EXPIRED})


def order_id(number: int, revision: int = 0) -> str:
    """Write an order's id; `revision` counts how often the order was altered, since that gives it a new id."""
    return f"{_EPOCH}{revision:04x}{number:012x}"


def stop_id(order: Order) -> str:
    """Write the id a stop order has until it is triggered."""
    return f"{_STOP_PREFIX}{order.number:018x}"


def read_id(text: str) -> tuple[str, int] | None:
    """Tell the exchange's id and the revision that an order's id on the wire means."""
    head, revision, number = text[:8], text[8:12], text[12:]
    if head != _EPOCH or len(number) != 12 or not _is_hex(revision + number):
        return None
    return order_id(int(number, 16)), int(revision, 16)


def read_stop_id(text: str) -> str | None:
    """Tell the exchange's id that a stop order's id on the wire means."""
    if not text.startswith(_STOP_PREFIX) or len(text) != 24 or not _is_hex(text[6:]):
        return None
    return order_id(int(text[6:], 16))


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text)


def wire_id(order: Order) -> str:
    """Write the id that an order goes by now."""
    return order_id(order.number, int(order.extra.get("revision", 0)))


def cursor(number: int) -> int:
    """Write the number that pages go on from."""
    return _CURSOR + number


def order_row(order: Order, quote: str) -> Row:
    """Write an order as the look-ups and lists of the high-frequency account show it."""
    ended = order.state in CANCELLED_STATES and order.left > 0
    market = order.type == MARKET
    price = Decimal(0) if market or order.price is None else order.price
    funds = order.quote_amount if order.quote_amount is not None else price * order.size
    size = Decimal(0) if order.quote_amount is not None else order.size
    paid_in = next(iter(order.fees), quote)
    return {
        "id": wire_id(order),
        "clientOid": order.client_id or None,
        "symbol": order.native_id,
        "opType": "DEAL",
        "type": order.type,
        "side": order.side,
        "price": plain(price),
        "size": plain(size),
        "funds": plain(funds),
        "dealSize": plain(order.filled),
        "dealFunds": plain(order.filled_quote),
        "remainSize": plain(order.left) if order.live else "0",
        "remainFunds": plain(max(Decimal(0), funds - order.filled_quote)) if order.live else "0",
        "cancelledSize": plain(order.left) if ended else "0",
        "cancelledFunds": plain(price * order.left) if ended else "0",
        "fee": plain(order.fees.get(paid_in, Decimal(0))),
        "feeCurrency": paid_in,
        "stp": order.extra.get("stp"),
        "timeInForce": order.tif,
        "postOnly": order.post_only,
        "hidden": bool(order.extra.get("hidden")),
        "iceberg": bool(order.extra.get("iceberg")),
        "visibleSize": "0",
        "cancelAfter": 0,
        "channel": "API",
        "remark": order.extra.get("remark"),
        "tags": order.extra.get("tags"),
        "cancelExist": ended,
        "tradeType": "TRADE",
        "inOrderBook": order.live,
        "active": order.live,
        "tax": "0",
        "createdAt": order.triggered_ms or order.created_ms,
        "lastUpdatedAt": order.updated_ms,
    }


def replaced_row(order: Order, quote: str, revision: int) -> Row | None:
    """Write what an order was before it was altered into one with another id; None where it never had the id."""
    for old in order.extra.get("replaced", ()):
        if old["revision"] == revision:
            price, size, filled = (Decimal(old[name]) for name in ("price", "size", "filled"))
            return order_row(order, quote) | {
                "id": order_id(order.number, revision),
                "price": plain(price),
                "size": plain(size),
                "funds": plain(price * size),
                "dealSize": plain(filled),
                "dealFunds": old["filled_quote"],
                "remainSize": "0",
                "remainFunds": "0",
                "cancelledSize": plain(size - filled),
                "cancelledFunds": plain(price * (size - filled)),
                "cancelExist": True,
                "inOrderBook": False,
                "active": False,
                "lastUpdatedAt": old["at_ms"],
            }
    return None


def stop_row(order: Order, quote: str, fee_rate: str) -> Row:
    """Write a stop order: `NEW` until it is triggered; amounts with twenty decimals."""
    assert order.trigger is not None
    return {
        "id": stop_id(order),
        "symbol": order.native_id,
        "userId": USER_ID,
        "status": "NEW" if order.state == UNTRIGGERED else "TRIGGERED",
        "type": order.type,
        "side": order.side,
        "price": None if order.price is None else _long(order.price),
        "size": None if order.quote_amount is not None else _long(order.size),
        "funds": None if order.quote_amount is None else _long(order.quote_amount),
        "stp": order.extra.get("stp"),
        "timeInForce": order.tif,
        "cancelAfter": -1,
        "postOnly": order.post_only,
        "hidden": bool(order.extra.get("hidden")),
        "iceberg": bool(order.extra.get("iceberg")),
        "visibleSize": None,
        "channel": "API",
        "clientOid": order.client_id or None,
        "remark": order.extra.get("remark"),
        "tags": order.extra.get("tags"),
        "relatedNo": None,
        "orderTime": order.created_ms * NS_PER_MS,
        "domainId": "kucoin",
        "tradeSource": "USER",
        "tradeType": "TRADE",
        "feeCurrency": quote,
        "takerFeeRate": _long(Decimal(fee_rate)),
        "makerFeeRate": _long(Decimal(fee_rate)),
        "createdAt": order.created_ms,
        "stop": "entry" if order.trigger.rising else "loss",
        "stopTriggerTime": order.triggered_ms,
        "stopPrice": _long(order.trigger.price),
        "limitPrice": None,
        "pop": None,
        "activateCondition": None,
    }


def fill_row(fill: Fill, order: Order) -> Row:
    """Write a trade of one's own; ids are numbers here."""
    funds = fill.price * fill.size
    quote = fill.native_id.partition("-")[2]
    rate = fill.fee / funds if funds and fill.fee_currency == quote else Decimal("0.001")
    return {
        "id": cursor(fill.number),
        "orderId": wire_id(order),
        "counterOrderId": order_id(fill.number + 1_000_000),
        "tradeId": TRADE_NUMBER + fill.number,
        "symbol": fill.native_id,
        "side": fill.side,
        "liquidity": "maker" if fill.maker else "taker",
        "type": order.type,
        "forceTaker": False,
        "price": plain(fill.price),
        "size": plain(fill.size),
        "funds": plain(funds),
        "fee": plain(fill.fee),
        "feeRate": plain(rate.quantize(Decimal("0.000001"))),
        "feeCurrency": fill.fee_currency,
        "stop": "",
        "tradeType": "TRADE",
        "taxRate": "0",
        "tax": "0",
        "createdAt": fill.time_ms,
    }


def _long(value: Decimal) -> str:
    return f"{value:.20f}"
