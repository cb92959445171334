"""Which part of the cost a closing takes with it: of the average, or of the oldest lots.

Costs are signed like the position. What is taken and what stays always sum exactly to what was put in. A cost of None
is unknown (a position from before our history without an entry price) and is never replaced by a guess.
"""

from collections import deque
from decimal import Decimal
from typing import NamedTuple

from domain.movements import Delivery
from domain.orders import Fill
from monitoring.accounting.entries import Opening
from monitoring.accounting.exact import ZERO, minus, plus, quotient, times

AVERAGE, FIFO = "average", "fifo"
METHODS = (AVERAGE, FIFO)


class Lot(NamedTuple):
    """What is left of one opening trade: signed size and cost (None: unknown)."""

    entry: Fill | Opening | Delivery
    size: Decimal
    cost: Decimal | None


class Average:
    """One pool: a closing takes its share of the whole cost. A part of unknown cost makes the whole unknown."""

    __slots__ = ("cost",)
    lots: tuple[Lot, ...] = ()

    def __init__(self) -> None:
        self.cost: Decimal | None = ZERO

    def put(self, entry: Fill | Opening | Delivery, size: Decimal, cost: Decimal | None) -> None:
        """Add what was opened (signed)."""
        self.cost = None if cost is None or self.cost is None else plus(self.cost, cost)

    def take(self, part: Decimal, held: Decimal) -> tuple[Decimal | None, tuple[Lot, ...]]:
        """Remove `part` of the position `held` (both signed) and return its cost, and the lots it was made of: none."""
        cost = self.cost
        if part == held:
            self.cost = ZERO
            return cost, ()
        if cost is None:
            return None, ()
        removed = quotient(times(cost, part), held)
        self.cost = minus(cost, removed)
        return removed, ()


class Fifo:
    """Lots in the order in which they were opened: a closing takes the oldest."""

    __slots__ = ("_known", "_lots", "_unknown")

    def __init__(self) -> None:
        self._lots: deque[Lot] = deque()
        self._known = ZERO
        self._unknown = 0

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Give the open lots, oldest first."""
        return tuple(self._lots)

    @property
    def cost(self) -> Decimal | None:
        """Sum the lots' costs; None while one of them is unknown."""
        return None if self._unknown else self._known

    def put(self, entry: Fill | Opening | Delivery, size: Decimal, cost: Decimal | None) -> None:
        """Add what was opened (signed) as the youngest lot."""
        self._lots.append(Lot(entry, size, cost))
        if cost is None:
            self._unknown += 1
        else:
            self._known = plus(self._known, cost)

    def take(self, part: Decimal, held: Decimal) -> tuple[Decimal | None, tuple[Lot, ...]]:
        """Remove `part` of the position `held` (both signed) and return its cost, and the lots it was made of."""
        lots, taken, left = self._lots, [], part
        removed: Decimal | None = ZERO
        while left:
            lot = lots[0]
            if lot.size.copy_abs() <= left.copy_abs():
                lots.popleft()
                self._unknown -= lot.cost is None
            else:
                lot = self._split(lot, left)
            taken.append(lot)
            left = minus(left, lot.size)
            if lot.cost is None:
                removed = None
            else:
                self._known = minus(self._known, lot.cost)
                removed = None if removed is None else plus(removed, lot.cost)
        return removed, tuple(taken)

    def _split(self, lot: Lot, size: Decimal) -> Lot:
        """Take `size` from the oldest lot, which stays with the rest."""
        cost = rest = None
        if lot.cost is not None:
            cost = quotient(times(lot.cost, size), lot.size)
            rest = minus(lot.cost, cost)
        self._lots[0] = Lot(lot.entry, minus(lot.size, size), rest)
        return Lot(lot.entry, size, cost)
