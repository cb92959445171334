"""What an account's statement at Deriv tells: trades, what was traded, transfers, and what open contracts have cost.

Source: config/v3/statement/receive.json of github.com/binary-com/deriv-api-docs: the kinds of `action_type`, and that
every purchase, sale and payment has an id of its own. Times are whole seconds.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.trading import FillSpan, Traded
from connectors.venues.deriv_contracts import Contract, fills_of, gained, read_terms
from connectors.venues.deriv_history import TRADES, History
from connectors.venues.deriv_session import PrivateCalls
from domain.errors import Unsupported
from domain.instruments import Instrument
from domain.money import to_decimal
from domain.movements import DEPOSIT, OTHER, WITHDRAWAL, Transfer
from domain.orders import BUY, Fill
from domain.time import read_ms

Row = Mapping[str, Any]

_KINDS = {"deposit": DEPOSIT, "virtual_credit": DEPOSIT, "withdrawal": WITHDRAWAL}
"""All other actions (`hold`, `release`, `adjustment`, `transfer` to another login) are of the kind `other`."""
_SPAN = 50
"""So many trades make a span, more where they are of the same second: each needs a call of its own."""
_ZERO = Decimal(0)


class Statement:
    """Reads one account's statement."""

    def __init__(self, calls: PrivateCalls, history: History) -> None:
        self._calls = calls
        self._history = history
        self._venue = calls.venue

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield an instrument's trades since, oldest first; a contract that has not begun yet ends the last span."""
        now_ms = time.time_ns() // 1_000_000
        rows = [row for row in self._history.stated(since_ms) if _symbol(row) == instrument.native_id.upper()]
        fills: list[Fill] = []
        for place, row in enumerate(rows):
            at_ms = _time_ms(row)
            fill = self._fill(row, instrument)
            if fill is None:
                yield FillSpan(at_ms - 1, [each for each in fills if each.time_ms < at_ms])
                return
            fills.append(fill)
            if len(fills) >= _SPAN and place + 1 < len(rows) and _time_ms(rows[place + 1]) > at_ms:
                yield FillSpan(at_ms, fills)
                fills = []
        yield FillSpan(now_ms, fills)

    def _fill(self, row: Row, instrument: Instrument) -> Fill | None:
        number, transaction = int(row["contract_id"]), str(row["transaction_id"])
        contract = self._history.contract(number)
        if contract is None:
            raise Unsupported(f"{self._venue} tells no more of the contract {number}.", venue=self._venue)
        return next((fill for fill in fills_of(contract, instrument) if fill.trade_id == transaction), None)

    def traded(self, since_ms: int, instruments: Sequence[Instrument]) -> Traded:
        """Name the instruments of multipliers; short codes write their ids in capitals."""
        known = {instrument.native_id.upper(): instrument for instrument in instruments}
        rows = [row for row in self._history.stated(since_ms) if row["action_type"] in TRADES]
        symbols = dict.fromkeys(symbol for row in rows if (symbol := _symbol(row)) is not None)
        others = sum(_symbol(row) is None for row in rows)
        blind = None
        if others:
            blind = f"{others} purchases and sales of contracts other than multipliers are told as transfers."
        found = [known[symbol] for symbol in symbols if symbol in known]
        return Traded(found, [symbol for symbol in symbols if symbol not in known], blind)

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List what moved the cash beside multipliers, oldest first; amounts are changes of it, so fees are in them.

        Contracts of other kinds are no instruments of ours: what was paid for one and what it brought are of the kind
        `other`.
        """
        found = []
        for row in self._history.stated(since_ms):
            amount = to_decimal(row["amount"])
            if amount and not (row["action_type"] in TRADES and _symbol(row) is not None):
                kind = _KINDS.get(row["action_type"], OTHER)
                number = str(row["transaction_id"])
                moved = Transfer(self._venue, number, _time_ms(row), kind, self._calls.currency, amount, _ZERO)
                found.append(moved)
        return found

    def staked(self) -> Decimal:
        """Return what has left the cash for open contracts, and does not count as lost.

        That is their stakes less their commissions, which count as fees at once. Where contracts of one symbol were
        open at the same time, average cost takes a sale to be of all of them, and opposite ones to close each other,
        while each was settled for itself: what average cost has realised beyond that is counted in as well.
        """
        held = self._history.open()
        total = sum((contract.terms.stake - (contract.commission or _ZERO) for contract in held), _ZERO)
        if not held:
            return total
        for symbol, rows in self._overlapping(held).items():
            mine = [contract for contract in held if contract.symbol.upper() == symbol]
            if len(rows) > len(mine) or len(mine) > 1:
                total += _beyond(self._contracts(rows))
        return total

    def _overlapping(self, held: Sequence[Contract]) -> dict[str, list[Row]]:
        """List the transactions, by symbol, since no contract was open of those that overlap the open ones."""
        first = {contract.symbol.upper(): (contract.buy_id, contract.bought_ms) for contract in reversed(held)}
        while True:
            rows = self._history.stated(min(at_ms for _, at_ms in first.values()))
            earlier = dict(first)
            for row in rows:
                symbol, bought = _symbol(row), row.get("reference_id")
                if symbol not in earlier or bought is None or int(row["transaction_id"]) < earlier[symbol][0]:
                    continue
                if int(bought) < earlier[symbol][0]:
                    earlier[symbol] = (int(bought), read_ms(row["purchase_time"]) * 1000)
            if earlier == first:
                chosen: dict[str, list[Row]] = {symbol: [] for symbol in first}
                for row in rows:
                    symbol = _symbol(row)
                    if symbol in first and int(row["transaction_id"]) >= first[symbol][0]:
                        chosen[symbol].append(row)
                return chosen
            first = earlier

    def _contracts(self, rows: Sequence[Row]) -> list[tuple[str, Contract]]:
        """Pair purchases and sales, in their order, with their contracts; one that is not told has not begun."""
        found = ((row["action_type"], self._history.contract(int(row["contract_id"]))) for row in rows)
        return [(action, contract) for action, contract in found if contract is not None]


def _beyond(events: Sequence[tuple[str, Contract]]) -> Decimal:
    """Return what average cost has realised of these purchases and sales beyond what the sold contracts gained."""
    held, entry, beyond = _ZERO, _ZERO, _ZERO
    for action, contract in events:
        price = contract.entry if action == "buy" else contract.exit
        if contract.size is None or price is None:
            continue
        moved = contract.size if (contract.side == BUY) is (action == "buy") else -contract.size
        after = held + moved
        if not held or (held > 0) is (moved > 0):
            entry = (held * entry + moved * price) / after
        else:
            closed = moved if abs(moved) < abs(held) else -held
            beyond -= closed * (price - entry)
            entry = price if after and (after > 0) is not (held > 0) else entry
        held = after
        if action != "buy":
            beyond -= gained(contract) or _ZERO
    return beyond


def _symbol(row: Row) -> str | None:
    """Name the symbol of a multiplier's purchase or sale, in capitals; None of all else."""
    terms = read_terms(row["shortcode"]) if row["action_type"] in TRADES else None
    return None if terms is None else terms.symbol


def _time_ms(row: Row) -> int:
    return read_ms(row["transaction_time"]) * 1000
