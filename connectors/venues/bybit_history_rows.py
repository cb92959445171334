"""Bybit's rows of fundings, deliveries, deposits, withdrawals and coins in the project's terms.

Source: bybit-exchange.github.io/docs/v5 (order/execution, asset, account/wallet-balance, position, enum).
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.ccxt_orders import read_position
from domain.instruments import Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.movements import DEPOSIT, WITHDRAWAL, Delivery, Transfer
from domain.orders import Balance, FundingPayment, Position
from domain.time import read_ms

Row = Mapping[str, Any]

_DEPOSITED, _DEPOSITED_INTERNALLY = "3", "2"
_WITHDRAWN = frozenset({"success", "BlockchainConfirmed"})


def read_payment(row: Row, instrument: Instrument) -> FundingPayment:
    """Read an execution of the kind Funding.

    `execFee` is positive where it was paid (docs: order/execution), and `feeRate` is what the position's side paid.
    """
    rate = to_decimal(row["feeRate"]) if row.get("feeRate") else None
    return FundingPayment(
        venue=instrument.venue,
        symbol=instrument.symbol,
        payment_id=str(row["execId"]),
        time_ms=int(row["execTime"]),
        amount=-to_decimal(row["execFee"]),
        currency=instrument.settle or instrument.quote,
        rate=rate if rate is None or row["side"] == "Buy" else -rate,
    )


def read_delivery(row: Row, instrument: Instrument) -> Delivery:
    """Read a delivery of a future; a row has no id, and a symbol is delivered once.

    `position` is unsigned. A gain while the price lies above `entryPrice` was a long position's. Where that does not
    tell (older rows lack it), `side` does: in the documentation's examples it is the side that closes the position.
    """
    price, gain = to_decimal(row["deliveryPrice"]), to_decimal(row["deliveryRpl"])
    size = to_decimal(row["position"]) * instrument.unit_size
    entry, time_ms = to_decimal_or_none(row.get("entryPrice")), read_ms(row["deliveryTime"])
    moved = (price - entry) * gain if entry else Decimal(0)
    long = moved > 0 if moved else row["side"] == "Sell"
    return Delivery(
        venue=instrument.venue,
        symbol=instrument.symbol,
        delivery_id=f"{row['symbol']}-{time_ms}",
        time_ms=time_ms,
        size=size if long else -size,
        price=price,
        currency=instrument.settle or instrument.quote,
        amount=gain - to_decimal(row.get("fee") or 0),
        fee=to_decimal(row.get("fee") or 0),
    )


def read_deposit(row: Row, venue: str) -> Transfer | None:
    """Read a deposit from a chain; None where it has not succeeded (status 3). Older rows have no id of their own."""
    if str(row["status"]) != _DEPOSITED:
        return None
    told = str(row.get("id") or f"{row['txID']}-{row.get('txIndex') or 0}")
    amount, fee = to_decimal(row["amount"]), to_decimal_or_none(row.get("depositFee"))
    return Transfer(venue, told, read_ms(row["successAt"]), DEPOSIT, str(row["coin"]), amount, fee)


def read_internal_deposit(row: Row, venue: str) -> Transfer | None:
    """Read a deposit from another member (times in seconds); None where it has not succeeded (status 2)."""
    if str(row["status"]) != _DEPOSITED_INTERNALLY:
        return None
    time_ms = read_ms(row["createdTime"]) * 1_000
    amount = to_decimal(row["amount"])
    return Transfer(venue, f"internal-{row['id']}", time_ms, DEPOSIT, str(row["coin"]), amount, Decimal(0))


def read_withdrawal(row: Row, venue: str) -> Transfer | None:
    """Read a withdrawal; None where it has not left."""
    if row["status"] not in _WITHDRAWN:
        return None
    fee, time_ms = to_decimal_or_none(row.get("withdrawFee")), read_ms(row["createTime"])
    amount = -to_decimal(row["amount"])
    return Transfer(venue, str(row["withdrawId"]), time_ms, WITHDRAWAL, str(row["coin"]), amount, fee)


def read_coin(row: Row, venue: str, settled: Decimal | None) -> Balance | None:
    """Read a coin of the unified account; None where there is nothing of it.

    `walletBalance` is without unrealised gains, and counts what was borrowed for spot (`spotBorrow`), which is owed.
    Orders hold `locked` on spot and `totalOrderIM` on contracts, positions hold `totalPositionIM`.
    """
    total = to_decimal(row["walletBalance"]) - to_decimal(row.get("spotBorrow") or 0)
    held = ("locked", "totalOrderIM", "totalPositionIM")
    used = sum((to_decimal(row.get(name) or 0) for name in held), Decimal(0))
    if not (total or used):
        return None
    free = to_decimal_or_none(row.get("availableToWithdraw"))
    return Balance(
        venue, str(row["coin"]), total - used if free is None else free, used, total, positions_value=settled
    )


def read_funded(row: Row, venue: str) -> Balance | None:
    """Read a coin of the funding account; None where there is nothing of it."""
    total, free = to_decimal(row["walletBalance"]), to_decimal_or_none(row.get("transferBalance"))
    used = None if free is None else total - free
    return Balance(venue, str(row["coin"]), free, used, total, "funding") if total else None


def read_settled(row: Row) -> Decimal:
    """Tell what a USDC position has been paid of its gains while open: from its entry to the session's price."""
    entry, session = to_decimal_or_none(row.get("avgPrice")), to_decimal_or_none(row.get("sessionAvgPrice"))
    size = to_decimal(row.get("size") or 0)
    if not (entry and session and size):
        return Decimal(0)
    return (session - entry) * (size if row["side"] == "Buy" else -size)


def read_held(row: Row, raw: Row, instrument: Instrument) -> Position | None:
    """Read a row of `position/list` that the library has read (`raw`), which leaves out a gain of exactly 0.

    `unrealisedPnl` is an empty text where there is no position (docs: position).
    """
    position = read_position(raw, instrument)
    if position is None:
        return None
    updated = int(row["updatedTime"]) if row.get("updatedTime") else None
    return replace(position, unrealized=to_decimal_or_none(row.get("unrealisedPnl")), updated_ms=updated)
