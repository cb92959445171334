"""Who has what: balances per wallet, what is locked of them, and positions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulator.exchange.model import BUY, Balance, PositionState, Transfer
from simulator.exchange.terms import ZERO, Key, Terms

Wallet = tuple[str, str]
"""Owner and wallet."""
Purse = tuple[str, str, str]
"""Owner, wallet and currency."""
Claim = int | tuple[str, Key]
"""What locks money: an order's number, or owner and listing of a position."""


@dataclass
class Numbers:
    """The last numbers given away. They go on counting when accounts are reset, so that no id is ever used twice."""

    order: int = 0
    fill: int = 0
    payment: int = 0
    transfer: int = 0


class Ledger:
    """Balances, locks and positions of all owners of one venue. `changed_*` and `added_*` are not stored yet."""

    def __init__(self, deposits: Mapping[str, Mapping[str, str]], numbers: Numbers) -> None:
        self._deposits = deposits
        self._numbers = numbers
        self.opened_ms = 0
        """When the accounts begin that nobody has looked at yet."""
        self.transfers: dict[str, list[Transfer]] = defaultdict(list)
        self.added_transfers: list[Transfer] = []
        self.totals: dict[Purse, Decimal] = {}
        self.positions: dict[tuple[str, Key], PositionState] = {}
        self.leverages: dict[tuple[str, Key], int] = {}
        self.changed_totals: set[Purse] = set()
        self.changed_positions: set[tuple[str, Key]] = set()
        self._owners: set[str] = set()
        self._locked: dict[Purse, Decimal] = {}
        self._claims: dict[Claim, tuple[Purse, Decimal]] = {}

    def open(self, owner: str) -> None:
        """Give a new owner the deposits."""
        if owner in self._owners:
            return
        self._owners.add(owner)
        for wallet, currencies in self._deposits.items():
            for currency, total in currencies.items():
                self.totals[(owner, wallet, currency)] = Decimal(total)
                self.changed_totals.add((owner, wallet, currency))
        self._deposit(owner, self.opened_ms)

    def _deposit(self, owner: str, at_ms: int) -> None:
        for wallet, currencies in self._deposits.items():
            for currency, total in currencies.items():
                self._numbers.transfer += 1
                number = self._numbers.transfer
                made = Transfer(str(number), number, owner, wallet, currency, Decimal(total), at_ms)
                self.transfers[owner].append(made)
                self.added_transfers.append(made)

    def restore(self, totals: Mapping[Purse, Decimal], transfers: Iterable[Transfer], began_ms: int) -> None:
        """Take over stored balances; an account that was stored without its deposits got them at `began_ms`."""
        self.totals.update(totals)
        for transfer in transfers:
            self.transfers[transfer.owner].append(transfer)
        for owner in sorted({owner for owner, _, _ in totals} - self._owners):
            self._owners.add(owner)
            if owner not in self.transfers:
                self._deposit(owner, began_ms)

    def clear(self) -> None:
        """Forget everybody; the next look gives the deposits again."""
        for mapping in (self.totals, self.positions, self.leverages, self._locked, self._claims, self.transfers):
            mapping.clear()
        self.added_transfers.clear()
        for names in (self._owners, self.changed_totals, self.changed_positions):
            names.clear()

    def add(self, owner: str, wallet: str, currency: str, value: Decimal) -> None:
        """Credit (or, below zero, debit) a balance."""
        self.open(owner)
        purse = (owner, wallet, currency)
        self.totals[purse] = self.totals.get(purse, ZERO) + value
        self.changed_totals.add(purse)

    def free(self, owner: str, wallet: str, currency: str) -> Decimal:
        """Return what is not locked."""
        self.open(owner)
        purse = (owner, wallet, currency)
        return self.totals.get(purse, ZERO) - self._locked.get(purse, ZERO)

    def claimed(self, claim: Claim) -> Decimal:
        """Return what an order or a position holds."""
        held = self._claims.get(claim)
        return held[1] if held else ZERO

    def hold(self, claim: Claim, purse: Purse, value: Decimal) -> None:
        """Lock `value` for an order or a position instead of what it held before."""
        before = self._claims.pop(claim, None)
        if before is not None:
            self._locked[before[0]] -= before[1]
        if value > 0:
            self._claims[claim] = (purse, value)
            self._locked[purse] = self._locked.get(purse, ZERO) + value

    def balances(self, owner: str, wallet: str) -> dict[str, Balance]:
        """Return a wallet by currency."""
        self.open(owner)
        return {
            purse[2]: Balance(total, self._locked.get(purse, ZERO))
            for purse, total in self.totals.items()
            if purse[:2] == (owner, wallet)
        }

    def position(self, owner: str, key: Key) -> Decimal:
        """Return the signed size of a position, zero where there is none."""
        held = self.positions.get((owner, key))
        return held.size if held else ZERO

    def move_position(
        self, owner: str, terms: Terms, side: str, size: Decimal, price: Decimal, leverage: int, time_ms: int
    ) -> Decimal:
        """Change a position by a trade and return what that realizes."""
        place = (owner, terms.key)
        self.changed_positions.add(place)
        signed = size if side == BUY else -size
        held = self.positions.get(place)
        if held is None:
            self.positions[place] = PositionState(owner, *terms.key, signed, price, leverage, ZERO, time_ms, time_ms)
            return ZERO
        held.updated_ms = time_ms
        turns = size > abs(held.size) and (held.size > 0) != (signed > 0)
        held.size, entry, realized = terms.held(held.size, held.entry_price, signed, price)
        held.realized += realized
        if not held.size:
            del self.positions[place]
            return realized
        held.entry_price = entry
        if turns:
            held.opened_ms, held.realized = time_ms, ZERO
        return realized
