"""OKX's rows of orders and algo orders in the project's terms.

Source: okx.com/docs-v5. Everything is text; what is absent is empty text.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.instruments import Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.orders import (
    CANCELLED,
    FILLED,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    REGULAR,
    REJECTED,
    STOP,
    STOP_LIMIT,
    TRIGGER,
    OrderReport,
)
from domain.time import read_ms

if TYPE_CHECKING:
    from connectors.http import Response

Row = Mapping[str, Any]

_STATES = {
    "live": OPEN,
    "partially_filled": OPEN,
    "filled": FILLED,
    "canceled": CANCELLED,
    "mmp_canceled": CANCELLED,
}
_ALGO_STATES = {
    "live": OPEN,
    "pause": OPEN,
    "effective": CANCELLED,
    "partially_effective": OPEN,
    "canceled": CANCELLED,
    "order_failed": REJECTED,
    "partially_failed": REJECTED,
}
"""`effective` is what has fired; whoever asks for it follows the order that it placed (`OkxTrading.find`)."""
_MARKET_TYPES = frozenset({"market", "optimal_limit_ioc"})
_TIFS = {"fok": FOK, "ioc": IOC, "optimal_limit_ioc": IOC, "limit": GTC, "post_only": GTC}
_REASONS = {
    "1": "cancelled by the user",
    "13": "a fill-or-kill order that could not be filled whole",
    "14": "an immediate-or-cancel order of which something was left",
    "20": "cancelled by the dead-man switch",
    "31": "a post-only order that would have taken",
}
"""Of `cancelSource`, which OKX documents with its meanings."""
_AT_MARKET = "-1"


def read_order(row: Row, instrument: Instrument) -> OrderReport:
    """Read an order (`trade/order`), or an acknowledgement, which has ids only and no state.

    An order that an algo order placed is told under that one's id, by which it is known from the beginning.
    """
    stop_id = row.get("algoId") or None
    kind = row.get("ordType")
    at_market = kind in _MARKET_TYPES
    type_ = None if kind is None else MARKET if at_market else LIMIT
    if stop_id is not None and type_ is not None:
        type_ = STOP if at_market else STOP_LIMIT
    reduce_only = row.get("reduceOnly")
    return OrderReport(
        venue=instrument.venue,
        symbol=instrument.symbol,
        order_id=stop_id or row.get("ordId") or None,
        client_id=row.get("clOrdId") or row.get("algoClOrdId") or None,
        status=_STATES.get(str(row.get("state"))),
        side=row.get("side"),
        type=type_,
        family=REGULAR if stop_id is None else TRIGGER,
        size=_order_size(row, instrument),
        filled=_size(row.get("accFillSz"), instrument),
        price=None if at_market else _price(row.get("px")),
        average_price=_price(row.get("avgPx")),
        tif=_TIFS.get(str(kind)),
        post_only=None if kind is None else kind == "post_only",
        reduce_only=None if reduce_only is None else reduce_only == "true",
        created_ms=_ms(row.get("cTime")),
        updated_ms=_ms(row.get("uTime")),
        reason=row.get("cancelSourceReason") or _REASONS.get(str(row.get("cancelSource"))),
    )


def read_algo(row: Row, instrument: Instrument) -> OrderReport:
    """Read an algo order (`trade/order-algo`): a stop until it fires."""
    price = next((row[name] for name in ("slOrdPx", "tpOrdPx", "ordPx") if row.get(name)), _AT_MARKET)
    stop = next(
        (row[name] for name in ("slTriggerPx", "tpTriggerPx", "triggerPx", "moveTriggerPx") if row.get(name)), None
    )
    failure = row.get("failCode")
    return OrderReport(
        venue=instrument.venue,
        symbol=instrument.symbol,
        order_id=row["algoId"],
        client_id=row.get("algoClOrdId") or None,
        status=_ALGO_STATES.get(str(row.get("state"))),
        side=row.get("side"),
        type=STOP if price == _AT_MARKET else STOP_LIMIT,
        family=TRIGGER,
        size=_size(row.get("sz"), instrument),
        filled=Decimal(0),
        price=None if price == _AT_MARKET else to_decimal(price),
        stop_price=_price(stop),
        tif=GTC,
        post_only=False,
        reduce_only=row.get("reduceOnly") == "true",
        created_ms=_ms(row.get("cTime")),
        updated_ms=_ms(row.get("uTime")),
        reason=f"it fired and could not be placed ({failure})" if failure else None,
    )


def read_failure(answer: "Response | None") -> tuple[str, str] | None:
    """Find code and words of an answer that says no: the first failed item's, else the envelope's.

    None where it says yes, or is no answer of OKX.
    """
    try:
        payload = None if answer is None else json.loads(answer.body)
    except ValueError:
        return None
    if not isinstance(payload, dict) or "code" not in payload:
        return None
    rows = payload.get("data")
    items = [item for item in rows if isinstance(item, dict)] if isinstance(rows, list) else []
    for item in items:
        if str(item.get("sCode", "0")) != "0":
            return str(item["sCode"]), str(item.get("sMsg") or "refused")
    code = str(payload["code"])
    return None if code == "0" else (code, str(payload.get("msg") or "refused"))


def _order_size(row: Row, instrument: Instrument) -> Decimal | None:
    """Read the size; of a market order that counts quote it is not known."""
    if row.get("tgtCcy") == "quote_ccy" and row.get("ordType") == "market":
        return None
    return _size(row.get("sz"), instrument)


def _size(text: object, instrument: Instrument) -> Decimal | None:
    number = to_decimal_or_none(text)
    return None if number is None else number * instrument.unit_size


def _price(text: object) -> Decimal | None:
    return to_decimal_or_none(text) or None


def _ms(text: object) -> int | None:
    return read_ms(text) if text else None
