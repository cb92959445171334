"""Binance: deposits, withdrawals, and the income of USDⓈ-M that is no trading, as transfers. Pure.

Sources: developers.binance.com/docs (wallet "Capital", USDⓈ-M "Get Income History"), ccxt 4.5.90.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.money import to_decimal, to_decimal_or_none
from domain.movements import DEPOSIT, OTHER, WITHDRAWAL, Transfer
from domain.time import epoch_ms, read_ms

Row = Mapping[str, Any]

_CREDITED = frozenset({1, 6})
"""docs, deposit history: success, and credited but not to be withdrawn yet."""
_COMPLETED = 6
"""docs, withdraw history."""
_TRADING = frozenset({"REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "DELIVERED_SETTELMENT"})
_BETWEEN_WALLETS = frozenset(
    {"TRANSFER", "INTERNAL_TRANSFER", "CROSS_COLLATERAL_TRANSFER", "STRATEGY_UMFUTURES_TRANSFER"}
)


def moved_in(row: Row, venue: str) -> tuple[Transfer | None, int]:
    """Read a deposit and when it ended (epoch ms); None where it has not been credited."""
    if int(row["status"]) not in _CREDITED:
        return None, 0
    began_ms = read_ms(row["insertTime"])
    ended_ms = read_ms(row["completeTime"]) if row.get("completeTime") else began_ms
    amount = to_decimal(row["amount"])
    return Transfer(venue, str(row["id"]), ended_ms, DEPOSIT, str(row["coin"]), amount), ended_ms


def moved_out(row: Row, venue: str) -> tuple[Transfer | None, int]:
    """Read a withdrawal and when it ended (epoch ms); None where it was not carried out (yet).

    It is dated by its request, at which the account is debited; `amount` does not include the fee.
    """
    if int(row["status"]) != _COMPLETED:
        return None, 0
    asked_ms = _utc_ms(str(row["applyTime"]))
    ended_ms = _utc_ms(str(row["completeTime"])) if row.get("completeTime") else asked_ms
    amount, fee = to_decimal(row["amount"]), to_decimal_or_none(row.get("transactionFee"))
    return Transfer(venue, str(row["id"]), asked_ms, WITHDRAWAL, str(row["coin"]), -amount, fee), ended_ms


def income_transfer(row: Row, venue: str) -> Transfer | None:
    """Read income that no trade, funding or delivery explains; None for all other."""
    kind = str(row["incomeType"])
    if kind in _TRADING or kind in _BETWEEN_WALLETS:
        return None
    amount, name = to_decimal(row["income"]), f"{kind}/{row['tranId']}"
    return Transfer(venue, name, read_ms(row["time"]), OTHER, str(row["asset"]), amount)


def _utc_ms(text: str) -> int:
    return epoch_ms(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))
