"""What trades, fees, funding, deliveries and transfers have done to each venue's cash. Pure.

Cash is what a wallet holds without its open positions (`Balance.cash`): spot moves both currencies, an option moves its
premium, every other contract moves what closing it has earned.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.instruments import OPTION, SPOT
from domain.movements import WITHDRAWAL, Delivery, Transfer
from domain.orders import BUY, Fill, FundingPayment
from monitoring.accounting.book import Book
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import Opening
from monitoring.accounting.exact import ZERO, minus, plus, times

Contracts = Mapping[tuple[str, str], Contract]
Amounts = dict[tuple[str, str], Decimal]


class Cash(NamedTuple):
    """What cash has moved by, by venue and currency, and for each venue what these figures lack, in sentences."""

    amounts: Amounts
    lacks: dict[str, list[str]]


def flows(
    contracts: Contracts,
    fills: Iterable[Fill],
    payments: Iterable[FundingPayment],
    deliveries: Iterable[Delivery],
    transfers: Iterable[Transfer],
    openings: Iterable[Opening] = (),
) -> Amounts:
    """Sum up what cash has moved by, by venue and currency; see `cash_of`."""
    return cash_of(contracts, fills, payments, deliveries, transfers, openings).amounts


def cash_of(
    contracts: Contracts,
    fills: Iterable[Fill],
    payments: Iterable[FundingPayment],
    deliveries: Iterable[Delivery],
    transfers: Iterable[Transfer],
    openings: Iterable[Opening] = (),
) -> Cash:
    """Sum up what cash has moved by; all within each venue's own history, in any order of venues and symbols.

    Args:
        contracts: what the entries are about, by venue and symbol.
        openings: positions from before: closing them earns, too.
    """
    mill = _Mill(contracts)
    for fill in fills:
        mill.fill(fill)
    for opening in openings:
        mill.queue(opening)
    for delivery in deliveries:
        mill.queue(delivery)
    mill.close_books()
    for payment in payments:
        mill.move(payment.venue, payment.currency, payment.amount)
    for transfer in transfers:
        mill.move(transfer.venue, transfer.currency, transfer.amount)
        if transfer.fee is not None:
            mill.move(transfer.venue, transfer.currency, transfer.fee.copy_negate())
        elif transfer.kind == WITHDRAWAL:
            mill.lack(transfer.venue, f"the fee of the withdrawal {transfer.transfer_id} is not known")
    return Cash(mill.amounts, mill.lacks)


def holds_cash(contract: Contract) -> bool:
    """Tell whether trading it moves both its currencies; spot that settles is held as a position, like a contract."""
    return contract.kind == SPOT and contract.settle is None


class _Mill:
    def __init__(self, contracts: Contracts) -> None:
        self.amounts: Amounts = {}
        self.lacks: dict[str, list[str]] = {}
        self._contracts = contracts
        self._books: dict[tuple[str, str], list[Fill | Delivery | Opening]] = {}

    def move(self, venue: str, currency: str, amount: Decimal) -> None:
        """Add to what a currency has moved by."""
        key = (venue, currency)
        self.amounts[key] = plus(self.amounts.get(key, ZERO), amount)

    def lack(self, venue: str, text: str) -> None:
        """Note what the figures of a venue lack."""
        known = self.lacks.setdefault(venue, [])
        if text not in known:
            known.append(text)

    def fill(self, fill: Fill) -> None:
        """Book a trade at once, or queue it for its book."""
        if fill.fee is None:
            self.lack(fill.venue, f"fees of {fill.symbol} are not known")
        elif fill.fee and fill.fee_currency is None:
            self.lack(fill.venue, f"the currency of fees of {fill.symbol} is not known")
        elif fill.fee and fill.fee_currency is not None:
            self.move(fill.venue, fill.fee_currency, fill.fee.copy_negate())
        contract = self._contract(fill.venue, fill.symbol)
        if contract is None:
            return
        if not holds_cash(contract) and contract.kind != OPTION:
            self.queue(fill)
            return
        bought = fill.side == BUY
        paid = times(fill.size, fill.price)
        self.move(fill.venue, contract.currency, paid.copy_negate() if bought else paid)
        if contract.kind != OPTION:
            self.move(fill.venue, contract.base, fill.size if bought else fill.size.copy_negate())

    def queue(self, entry: Fill | Delivery | Opening) -> None:
        """Keep what needs the order of time."""
        self._books.setdefault((entry.venue, entry.symbol), []).append(entry)

    def close_books(self) -> None:
        """Book all that was queued."""
        for (venue, symbol), entries in self._books.items():
            contract = self._contract(venue, symbol)
            if contract is None:
                continue
            if contract.kind == OPTION:
                self._exercised(entries)
                continue
            book = Book(contract)
            # An opening was before all else, and a delivery after the trades of its moment.
            for entry in sorted(entries, key=lambda item: (item.time_ms, isinstance(item, Delivery))):
                self._booked(contract, book, entry)

    def _booked(self, contract: Contract, book: Book, entry: Fill | Delivery | Opening) -> None:
        line = book.add(entry)
        if isinstance(entry, Delivery) and entry.amount is not None:
            self.move(entry.venue, entry.currency, entry.amount)
        elif line.realized is None:
            why = "it was opened before our history at a price that is not known"
            self.lack(contract.venue, f"what closing {contract.symbol} has earned is not known: {why}")
        elif line.realized:
            self.move(contract.venue, contract.currency, line.realized)
        if isinstance(entry, Delivery) and entry.amount is None and entry.fee:
            self.move(entry.venue, entry.currency, entry.fee.copy_negate())

    def _exercised(self, entries: Iterable[Fill | Delivery | Opening]) -> None:
        for entry in entries:
            if isinstance(entry, Delivery):
                worth = minus(times(entry.size, entry.price), entry.fee or ZERO)
                worth = worth if entry.amount is None else entry.amount
                self.move(entry.venue, entry.currency, worth)

    def _contract(self, venue: str, symbol: str) -> Contract | None:
        found = self._contracts.get((venue, symbol))
        if found is None:
            self.lack(venue, f"what {symbol} was is not known")
        return found


def entry_before(contract: Contract, size: Decimal, entry: Decimal | None, fills: Iterable[Fill]) -> Decimal | None:
    """Find what a position from before our history had cost a unit, from what the venue says that the rest cost.

    Averages only: opening adds a trade's value to the cost, closing takes its share of it. So the cost now is a × (cost
    before) + b, unless the position went through zero, when nothing tells.

    Args:
        size: signed size before the fills.
        entry: the venue's entry price after them.
        fills: in the order of their times.
    """
    from monitoring.accounting.exact import quotient

    if entry is None or not entry or not size:
        return None
    held, share, added = size, Decimal(1), ZERO
    for fill in fills:
        moved = fill.size if fill.side == BUY else fill.size.copy_negate()
        after = plus(held, moved)
        if not after or (after > 0) is not (held > 0):
            return None
        if (moved > 0) is (held > 0):
            added = plus(added, contract.value(moved, fill.price))
        else:
            kept = quotient(after, held)
            share, added = quotient(times(share, kept), Decimal(1)), quotient(times(added, kept), Decimal(1))
        held = after
    cost = quotient(minus(contract.value(held, entry), added), share) if share else None
    if cost is None or not cost:
        return None
    found = quotient(size, cost) if contract.inverse else quotient(cost, size)
    return found if found > 0 else None
