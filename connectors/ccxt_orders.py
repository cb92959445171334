"""From ccxt's unified order, trade, balance and position objects to ours; numbers are the venue's own text.

ccxt counts in the venue's wire size (contracts on derivatives): one is worth `unit_size` of the instrument's lot unit.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.instruments import Instrument
from domain.money import to_decimal_or_none
from domain.movements import WITHDRAWAL, Transfer
from domain.orders import (
    CANCELLED,
    EXPIRED,
    FILLED,
    GTC,
    LIMIT,
    MARKET,
    OPEN,
    REGULAR,
    REJECTED,
    SIDES,
    STOP,
    STOP_LIMIT,
    TRIGGER,
    Balance,
    Fill,
    FundingPayment,
    OrderReport,
    Position,
)
from domain.time import read_ms

Raw = Mapping[str, Any]

STATUSES = {
    "open": OPEN,
    "closed": FILLED,
    "canceled": CANCELLED,
    "canceling": OPEN,
    "expired": EXPIRED,
    "rejected": REJECTED,
}


def read_order(raw: Raw, instrument: Instrument) -> OrderReport:
    """Read a unified order. A status that ccxt does not know is None: it says nothing."""
    status = STATUSES.get(str(raw.get("status")))
    filled = _size(raw.get("filled"), instrument)
    stop_price = _number(raw.get("triggerPrice")) or _number(raw.get("stopPrice"))
    kind = _type(raw.get("type"), stop_price)
    tif = str(raw["timeInForce"]).lower() if raw.get("timeInForce") else None
    return OrderReport(
        venue=instrument.venue,
        symbol=instrument.symbol,
        order_id=_text(raw.get("id")),
        client_id=_text(raw.get("clientOrderId")),
        status=status,
        side=raw.get("side"),
        type=kind,
        family=REGULAR if stop_price is None else TRIGGER,
        size=_size(raw.get("amount"), instrument),
        filled=filled,
        price=_number(raw.get("price")) if kind in (LIMIT, STOP_LIMIT) else None,
        stop_price=stop_price,
        average_price=_number(raw.get("average")),
        tif={"po": GTC}.get(tif or "", tif),
        post_only=raw.get("postOnly"),
        reduce_only=raw.get("reduceOnly"),
        created_ms=_time(raw.get("timestamp")),
        updated_ms=_time(raw.get("lastUpdateTimestamp")) or _time(raw.get("lastTradeTimestamp")),
    )


def read_fill(raw: Raw, instrument: Instrument, client_id: str | None = None) -> Fill:
    """Read a unified trade of our own; ccxt's `fee.cost` is positive where paid."""
    fee: Raw = raw.get("fee") or {}
    size, price = _size(raw["amount"], instrument), _number(raw["price"])
    if not size or size < 0 or price is None or not raw.get("id") or raw["side"] not in SIDES:
        raise ValueError("a trade without id, side, price or size")
    return Fill(
        venue=instrument.venue,
        symbol=instrument.symbol,
        trade_id=str(raw["id"]),
        order_id=_text(raw.get("order")),
        client_id=client_id,
        side=str(raw["side"]),
        price=price,
        size=size,
        fee=to_decimal_or_none(fee.get("cost")),
        fee_currency=_text(fee.get("currency")),
        maker=None if raw.get("takerOrMaker") is None else raw["takerOrMaker"] == "maker",
        time_ms=read_ms(raw["timestamp"]),
    )


def read_balances(raw: Raw, venue: str, wallet: str) -> list[Balance]:
    """Read a unified balance: what is not zero."""
    found = []
    for currency, total_text in (raw.get("total") or {}).items():
        total = to_decimal_or_none(total_text)
        free, used = (to_decimal_or_none((raw.get(part) or {}).get(currency)) for part in ("free", "used"))
        if total is None and free is not None and used is not None:
            total = free + used
        if total is not None and (total or free or used):
            found.append(Balance(venue, currency, free, used, total, wallet))
    return found


def read_position(raw: Raw, instrument: Instrument) -> Position | None:
    """Read a unified position; None where it is flat."""
    size = _size(raw.get("contracts"), instrument)
    if not size:
        return None
    signed = -abs(size) if raw.get("side") == "short" else abs(size)
    return Position(
        venue=instrument.venue,
        symbol=instrument.symbol,
        size=signed,
        entry_price=_number(raw.get("entryPrice")),
        mark_price=_number(raw.get("markPrice")),
        liquidation_price=_number(raw.get("liquidationPrice")),
        leverage=to_decimal_or_none(raw.get("leverage")),
        margin_mode=_text(raw.get("marginMode")),
        unrealized=to_decimal_or_none(raw.get("unrealizedPnl")),
        realized=to_decimal_or_none(raw.get("realizedPnl")),
        updated_ms=_time(raw.get("timestamp")),
    )


def read_payment(raw: Raw, instrument: Instrument) -> FundingPayment:
    """Read a unified funding payment: negative was paid."""
    amount = to_decimal_or_none(raw["amount"])
    if amount is None:
        raise ValueError("a payment without amount")
    time_ms = read_ms(raw["timestamp"])
    return FundingPayment(
        venue=instrument.venue,
        symbol=instrument.symbol,
        payment_id=str(raw.get("id") or time_ms),
        time_ms=time_ms,
        amount=amount,
        currency=str(raw.get("code") or instrument.settle or instrument.quote),
        rate=to_decimal_or_none(raw.get("rate")),
    )


def read_transfer(raw: Raw, venue: str, kind: str) -> Transfer | None:
    """Read a unified deposit or withdrawal; None where it has not gone through (yet)."""
    if raw.get("status") != "ok":
        return None
    amount, currency = _number(raw["amount"]), _text(raw.get("currency"))
    transfer_id = _text(raw.get("id")) or _text(raw.get("txid"))
    if amount is None or currency is None or transfer_id is None:
        raise ValueError("a transfer without id, currency or amount")
    fee: Raw = raw.get("fee") or {}
    return Transfer(
        venue=venue,
        transfer_id=transfer_id,
        time_ms=read_ms(raw["timestamp"]),
        kind=kind,
        currency=currency,
        amount=-abs(amount) if kind == WITHDRAWAL else abs(amount),
        fee=to_decimal_or_none(fee.get("cost")) if fee.get("currency") in (None, currency) else None,
    )


def _type(raw: object, stop_price: Decimal | None) -> str | None:
    if raw is None:
        return None
    words = str(raw).lower()
    # Venues name a stop that sends a market order in many ways: STOP_MARKET, stop_loss, market, conditional.
    limit = "limit" in words or words in ("post_only", "ioc", "fok", "lmt", "stop" if stop_price is not None else "")
    if stop_price is None:
        return LIMIT if limit else MARKET
    return STOP_LIMIT if limit else STOP


def _size(text: object, instrument: Instrument) -> Decimal | None:
    number = to_decimal_or_none(text)
    return None if number is None else number * instrument.unit_size


def _number(text: object) -> Decimal | None:
    number = to_decimal_or_none(text)
    return number or None  # venues send 0 for "no price"


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _time(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
