"""Who has what: balances per wallet, what is locked of them, and positions."""

from collections.abc import Mapping
from decimal import Decimal

from simulator.exchange.model import BUY, Balance, PositionState
from simulator.exchange.terms import ZERO, Key, Terms

Wallet = tuple[str, str]
"""Owner and wallet."""
Purse = tuple[str, str, str]
"""Owner, wallet and currency."""
Claim = int | tuple[str, Key]
"""What locks money: an order's number, or owner and listing of a position."""


class Ledger:
    """Balances, locks and positions of all owners of one venue. `changed_*` collect what is not stored yet."""

    def __init__(self, deposits: Mapping[str, Mapping[str, str]]) -> None:
        self._deposits = deposits
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

    def restore(self, totals: Mapping[Purse, Decimal]) -> None:
        """Take over stored balances."""
        self.totals.update(totals)
        self._owners.update(owner for owner, _, _ in totals)

    def clear(self) -> None:
        """Forget everybody; the next look gives the deposits again."""
        for mapping in (self.totals, self.positions, self.leverages, self._locked, self._claims):
            mapping.clear()
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
        if (held.size > 0) == (signed > 0):
            held.entry_price = terms.average(abs(held.size), held.entry_price, size, price)
            held.size += signed
            return ZERO
        closed = min(size, abs(held.size))
        realized = terms.gain(closed if held.size > 0 else -closed, held.entry_price, price)
        held.realized += realized
        turned = size > abs(held.size)
        held.size += signed
        if not held.size:
            del self.positions[place]
        elif turned:
            held.entry_price, held.opened_ms, held.realized = price, time_ms, ZERO
        return realized
