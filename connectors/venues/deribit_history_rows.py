"""Deribit's rows of what moved money without a trade: funding, deliveries, deposits, withdrawals, transfers.

Sources: docs.deribit.com (private/get_transaction_log, get_deposits, get_withdrawals, get_transfers).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.instruments import OPTION, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.movements import DEPOSIT, OTHER, WITHDRAWAL, Delivery, Transfer
from domain.orders import FundingPayment
from domain.time import read_ms

Row = Mapping[str, Any]

_DONE = frozenset({"completed", "confirmed"})
_KINDS = {"Deposits": DEPOSIT, "Withdrawals": WITHDRAWAL, "Transfers": OTHER}


def read_settlement(row: Row, instrument: Instrument) -> FundingPayment | None:
    """Read a daily settlement: the session's funding (`total_interest_pl`), above zero where received."""
    paid = row.get("total_interest_pl")
    amount = to_decimal_or_none(row.get("interest_pl") if paid is None else paid)
    if not amount:
        return None
    return FundingPayment(
        venue=instrument.venue,
        symbol=instrument.symbol,
        payment_id=str(row["id"]),
        time_ms=read_ms(row["timestamp"]),
        amount=amount,
        currency=str(row["currency"]),
    )


def read_delivery(row: Row, instrument: Instrument) -> Delivery:
    """Read a delivery: `close sell` ends a long position.

    An option's worth at expiry is what was paid for it (`cashflow`) by its size: `price` may be the underlying's. Of a
    future the log tells the gain since the last daily settlement only, so that its `amount` stays open.
    """
    size = to_decimal(row["amount"])
    long = {"close sell": True, "close buy": False}[str(row["side"])]
    price, amount, fee = to_decimal_or_none(row.get("price")), None, to_decimal_or_none(row.get("commission"))
    if instrument.kind == OPTION:
        worth = to_decimal(row["cashflow"])
        amount, price = worth - (fee or 0), abs(worth) / size
    if price is None:
        raise ValueError("a delivery without a price")
    return Delivery(
        venue=instrument.venue,
        symbol=instrument.symbol,
        delivery_id=str(row["id"]),
        time_ms=read_ms(row["timestamp"]),
        size=size if long else -size,
        price=price,
        currency=str(row["currency"]),
        amount=amount,
        fee=fee,
    )


def read_transfer(row: Row, what: str, venue: str) -> Transfer | None:
    """Read an entry of one of the wallet's lists; None where it has not gone through.

    A withdrawal's `amount` is taken to be what arrives, and its `fee` to be paid beside it.
    """
    kind = _KINDS[what]
    if row["state"] not in (_DONE if kind == OTHER else {"completed"}):
        return None
    amount = to_decimal(row["amount"])
    leaves = kind == WITHDRAWAL or (kind == OTHER and row["direction"] == "payment")
    return Transfer(
        venue=venue,
        transfer_id=str(row["transaction_id"] if kind == DEPOSIT else row["id"]),
        time_ms=read_ms(row["updated_timestamp"]),
        kind=kind,
        currency=str(row["currency"]),
        amount=-amount if leaves else amount,
        fee=to_decimal_or_none(row.get("fee")) if kind == WITHDRAWAL else Decimal(0),
    )


def began_ms(row: Row) -> int:
    """Tell when an entry of the wallet's lists began."""
    return read_ms(row["received_timestamp"] if "received_timestamp" in row else row["created_timestamp"])
