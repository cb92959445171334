"""What an account of Binance's contracts earned and paid: funding, commissions, gains that were taken, deliveries.

Source: developers.binance.com/docs, USDⓈ-M "Get Income History" (three months, 100 rows unless asked for up to 1,000)
and "Delivery Price".
"""

from collections.abc import Iterable
from decimal import Decimal

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Account, FundingPayment
from simulator.market.calendar import DAY_MS
from simulator.rows import Rows
from simulator.venues.binance_call import Call, invalid
from simulator.venues.binance_signed import Row, SignedCall

_KEPT_MS = 90 * DAY_MS
_USUAL_MS = 7 * DAY_MS


def income(call: SignedCall) -> object:
    """List income of one kind or of all, oldest first; without times that of the last week."""
    kind, limit = call.params.get("incomeType"), call.number("limit", 100)
    if not 1 <= limit <= 1000:
        raise invalid("limit")
    symbol = call.listing().native_id if "symbol" in call.params else None
    rows: list[Row] = []
    who = (call.account, call.now_ms)
    if kind in (None, "FUNDING_FEE"):
        rows += _payments("FUNDING_FEE", call.exchange.funding_payments(*who, product=call.section, native_id=symbol))
    if kind in (None, "DELIVERED_SETTELMENT"):
        delivered = call.exchange.deliveries(*who, product=call.section, native_id=symbol)
        rows += _payments("DELIVERED_SETTELMENT", delivered)
    if kind in (None, "COMMISSION", "REALIZED_PNL"):
        rows += [row for row in _trading(call, symbol) if kind in (None, row["incomeType"])]
    start_ms, end_ms = call.number("startTime", -1), call.number("endTime", call.now_ms)
    first_ms = start_ms if start_ms >= 0 else end_ms - _USUAL_MS
    first_ms = max(first_ms, call.now_ms - _KEPT_MS)
    rows = sorted((row for row in rows if first_ms <= _time(row) <= end_ms), key=_time)
    page = max(1, call.number("page", 1))
    return rows[(page - 1) * limit : page * limit] if start_ms >= 0 or page > 1 else rows[-limit:]


def _time(row: Row) -> int:
    return int(str(row["time"]))


def _row(symbol: str, kind: str, amount: Decimal, asset: str, time_ms: int, number: int, trade_id: str) -> Row:
    return {
        "symbol": symbol, "incomeType": kind, "income": f"{amount:.8f}", "asset": asset, "time": time_ms,
        "info": trade_id or kind, "tranId": number, "tradeId": trade_id,
    }  # fmt: skip


def _payments(kind: str, payments: Iterable[FundingPayment]) -> list[Row]:
    return [_row(each.native_id, kind, each.amount, each.currency, each.time_ms, each.number, "") for each in payments]


def _trading(call: SignedCall, symbol: str | None) -> list[Row]:
    rows = []
    for fill in call.exchange.fills(call.account, call.now_ms, product=call.section, native_id=symbol):
        what = (fill.fee_currency, fill.time_ms, fill.number, fill.id)
        if fill.realized:
            rows.append(_row(fill.native_id, "REALIZED_PNL", fill.realized, *what))
        rows.append(_row(fill.native_id, "COMMISSION", -fill.fee, *what))
    return rows


def delivery_prices(call: Call, exchange: Exchange, accounts: Iterable[Account]) -> list[Row]:
    """List what a pair's dated contracts were settled at, the newest first; here those that an account held."""
    pair = call.text("pair")
    found = {
        each.native_id: (each.time_ms, each.rate)
        for account in accounts
        for each in exchange.deliveries(account, call.now_ms, product=call.section)
        if each.native_id.partition("_")[0] == pair
    }
    return [
        {"deliveryTime": at_ms, "deliveryPrice": Rows(f"{price:.8f}")}
        for at_ms, price in sorted(found.values(), reverse=True)
    ]
