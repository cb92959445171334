"""Deribit's wallet: deposits, withdrawals, and transfers between its accounts, per currency, newest first.

Source: docs.deribit.com (private/get_deposits, get_withdrawals, get_transfers). Nobody withdraws here and there are no
other accounts to transfer to, so those two lists are empty unless the exchange has booked a withdrawal.
"""

import hashlib
from collections.abc import Callable

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Transfer
from simulator.venues.deribit_order_shapes import exact
from simulator.venues.deribit_rpc import Call, Row, integer_of, invalid, text_of

_ADDRESS = "2N35qDKDY22zmJq9eSyiAerMD4enJ1xx6ax"


class Wallet:
    """The wallet's methods; each takes a call and answers its result."""

    def __init__(self, exchange: Exchange, currencies: list[str]) -> None:
        """`currencies` are those that a list can be asked for."""
        self._exchange = exchange
        self._currencies = currencies
        self.methods: dict[str, Callable[[Call], object]] = {
            "private/get_deposits": lambda call: self._page(call, "deposit", _deposit),
            "private/get_withdrawals": lambda call: self._page(call, "withdrawal", _withdrawal),
            "private/get_transfers": lambda call: self._page(call, "transfer", _withdrawal),
        }

    def _page(self, call: Call, kind: str, write: Callable[[Transfer], Row]) -> Row:
        currency = text_of(call.params, "currency", self._currencies)
        count, offset = integer_of(call.params, "count", 10), integer_of(call.params, "offset", 0)
        if not 1 <= count <= 1000:
            raise invalid("count", "must be between 1 and 1000")
        moved = self._exchange.transfers(call.caller, call.now_ms)
        found = [each for each in reversed(moved) if each.kind == kind and each.currency == currency]
        return {"count": len(found), "data": [write(each) for each in found[offset : offset + count]]}


def _deposit(moved: Transfer) -> Row:
    return {
        "address": _ADDRESS,
        "amount": exact(moved.amount),
        "currency": moved.currency,
        "received_timestamp": moved.time_ms,
        "state": "completed",
        "transaction_id": hashlib.sha256(moved.id.encode()).hexdigest(),
        "updated_timestamp": moved.time_ms,
    }


def _withdrawal(moved: Transfer) -> Row:
    return {
        "address": _ADDRESS,
        "amount": exact(abs(moved.amount)),
        "confirmed_timestamp": moved.time_ms,
        "created_timestamp": moved.time_ms,
        "currency": moved.currency,
        "fee": 0.0,
        "id": moved.number,
        "priority": 0.15,
        "state": "completed",
        "transaction_id": hashlib.sha256(moved.id.encode()).hexdigest(),
        "updated_timestamp": moved.time_ms,
    }
