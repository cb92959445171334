"""Entries to put into ledgers."""

from decimal import Decimal
from typing import Any

from domain.movements import DEPOSIT, Delivery, Transfer
from domain.orders import BUY, Fill, FundingPayment

D = Decimal
NOON_MS = 1_795_262_400_000
"""2026-11-21T12:00:00Z."""


def fill(trade_id: str | None, **changes: Any) -> Fill:
    """Make a fill of BTC/USDT at okx; numbers may be text."""
    usual: dict[str, Any] = {
        "venue": "okx", "symbol": "BTC/USDT", "trade_id": trade_id, "order_id": "o1", "client_id": None, "side": BUY,
        "price": "60000", "size": "0.5", "fee": "30", "fee_currency": "USDT", "maker": False, "time_ms": NOON_MS,
    }  # fmt: skip
    values = usual | changes
    money = {name: D(values[name]) for name in ("price", "size", "fee") if values[name] is not None}
    return Fill(**values | money)


def payment(payment_id: str, amount: str = "-1.25", **changes: Any) -> FundingPayment:
    """Make a payment of BTC/USDT:USDT at okx."""
    made = FundingPayment("okx", "BTC/USDT:USDT", payment_id, NOON_MS, D(amount), "USDT", D("0.0001"))
    return made._replace(**changes)


def delivery(delivery_id: str, **changes: Any) -> Delivery:
    """Make a delivery of a long future at okx."""
    made = Delivery("okx", "BTC/USDT:USDT-261120", delivery_id, NOON_MS, D("0.5"), D("61000"), "USDT", None)
    return made._replace(**changes)


def transfer(transfer_id: str, amount: str = "1000", **changes: Any) -> Transfer:
    """Make a deposit of dollars at okx."""
    return Transfer("okx", transfer_id, NOON_MS, DEPOSIT, "USDT", D(amount), None)._replace(**changes)
