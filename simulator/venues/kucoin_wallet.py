"""KuCoin's deposits and withdrawals, and the ledger of the high-frequency spot account.

Sources: docs.kucoin.com, Account Info (deposits, withdrawals, Account Ledgers - Trade_hf), rows as in the answers that
KuCoin's own SDK 1.3.2 quotes. The ledger reaches back three days; an amount that comes in is less its fee there. Real
deposits arrive in the main account; here they are in the wallet at once, so the history shows those of all wallets.
"""

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from simulator.exchange.model import BUY, Fill, Transfer
from simulator.market.calendar import DAY_MS
from simulator.venues.kucoin_accounts import TRADE_HF
from simulator.venues.kucoin_private import Call, count, page_of, text
from simulator.venues.kucoin_spot_orders import SPOT
from simulator.venues.kucoin_spot_rows import TRADE_NUMBER
from simulator.venues.kucoin_wire import Row, plain

LEDGER_MS = 3 * DAY_MS
_FIRST_ENTRY = 265_000_000_000_000
_ZERO = Decimal(0)


def deposits(call: Call) -> Row:
    """List deposits, newest first, in pages."""
    return _moves(call, "deposit")


def withdrawals(call: Call) -> Row:
    """List withdrawals, newest first, in pages."""
    return _moves(call, "withdrawal")


def _moves(call: Call, kind: str) -> Row:
    given = call.given
    status = text(given, "status", ("PROCESSING", "WALLET_PROCESSING", "SUCCESS", "FAILURE"), "SUCCESS")
    start_ms, end_ms = (int(str(given.get(name) or 0)) for name in ("startAt", "endAt"))
    rows = [
        moved
        for moved in reversed(call.exchange.transfers(call.account, call.now_ms))
        if (moved.kind, status) == (kind, "SUCCESS")
        and given.get("currency") in (None, "", moved.currency)
        and start_ms <= moved.time_ms <= (end_ms or moved.time_ms)
    ]
    return page_of(rows, given, _deposit if kind == "deposit" else _withdrawal, 500)


def _deposit(moved: Transfer) -> Row:
    return {
        "currency": moved.currency,
        "chain": moved.currency.lower(),
        "status": "SUCCESS",
        "address": "0x5f047b29041bcfdbf0e4478cdfa753a336ba6989",
        "memo": "",
        "isInner": False,
        "amount": f"{abs(moved.amount):.8f}",
        "fee": "0.00000000",
        "walletTxId": hashlib.sha256(moved.id.encode()).hexdigest(),
        "createdAt": moved.time_ms,
        "updatedAt": moved.time_ms,
        "remark": "",
        "arrears": False,
    }


def _withdrawal(moved: Transfer) -> Row:
    return {"id": hashlib.sha256(moved.id.encode()).hexdigest()[:24]} | _deposit(moved)


class _Entry(NamedTuple):
    """A change of the spot account: signed, its fee included; `place` orders those of one trade."""

    number: int
    place: int
    at_ms: int
    currency: str
    amount: Decimal
    fee: Decimal
    kind: str
    context: Row


def ledger(call: Call) -> list[Row]:
    """List what changed the spot account, newest first, at most `limit` (100) from `lastId` back."""
    given, now_ms = call.given, call.now_ms
    most, last_id = count(given, "limit", 100, 200), int(str(given.get("lastId") or 0))
    start_ms, end_ms = (int(str(given.get(name) or 0)) for name in ("startAt", "endAt"))
    wanted = [name for name in str(given.get("currency") or "").split(",") if name]
    totals = {name: each.total for name, each in call.exchange.balances(call.account, TRADE_HF, now_ms).items()}
    rows: list[Row] = []
    for entry in sorted(_entries(call), key=lambda each: each[:2], reverse=True):
        balance = totals.get(entry.currency, _ZERO)
        totals[entry.currency] = balance - entry.amount
        row = _row(entry, balance)
        if (
            max(start_ms, now_ms - LEDGER_MS) <= entry.at_ms <= (end_ms or now_ms)
            and (not wanted or entry.currency in wanted)
            and all(given.get(name) in (None, "", row[name]) for name in ("bizType", "direction"))
            and (not last_id or int(str(row["id"])) < last_id)
        ):
            rows.append(row)
    return rows[:most]


def _entries(call: Call) -> Iterator[_Entry]:
    for fill in call.exchange.fills(call.account, call.now_ms, product=SPOT):
        yield from _of_trade(fill, call.venue.by_id[(SPOT, fill.native_id)].base)


def _of_trade(fill: Fill, base: str) -> Iterator[_Entry]:
    quote = fill.native_id.partition("-")[2]
    sign = 1 if fill.side == BUY else -1
    context: Row = {
        "symbol": fill.native_id,
        "orderId": fill.order_id,
        "tradeId": str(TRADE_NUMBER + fill.number),
    }
    for place, (currency, amount) in enumerate(((base, sign * fill.size), (quote, -sign * fill.size * fill.price))):
        fee = fill.fee if currency == fill.fee_currency else _ZERO
        yield _Entry(fill.number, place, fill.time_ms, currency, amount - fee, fee, "TRADE_EXCHANGE", context)
    if fill.fee_currency not in (base, quote):
        yield _Entry(fill.number, 2, fill.time_ms, fill.fee_currency, -fill.fee, _ZERO, "DEDUCTION_FEES", context)


def _row(entry: _Entry, balance: Decimal) -> Row:
    return {
        "id": str(_FIRST_ENTRY + entry.number * 4 + entry.place),
        "currency": entry.currency,
        "amount": plain(abs(entry.amount)),
        "fee": plain(entry.fee),
        "tax": "0",
        "balance": plain(balance),
        "accountType": "TRADE_HF",
        "bizType": entry.kind,
        "direction": "in" if entry.amount > 0 else "out",
        "createdAt": str(entry.at_ms),
        "context": json.dumps(entry.context, separators=(",", ":")),
    }
