"""The price of a size: walking a book side exactly, in Decimal, only as far as the size reaches."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from domain.books import Level

BASE = "base"
QUOTE = "quote"

ZERO = Decimal(0)


class Filled(NamedTuple):
    """What a size finds in a book: `base` against `quote`, the `worst` price touched, what is `missing` of it."""

    base: Decimal
    quote: Decimal
    worst: Decimal | None
    levels: int
    missing: Decimal

    @property
    def price(self) -> Decimal | None:
        """The volume-weighted average price, None when nothing was there."""
        return self.quote / self.base if self.base else None


def walk(side: Iterable[Level], size: Decimal, unit: str = BASE) -> Filled:
    """Take `size` (in base units, or in quote) from a side, best level first, and stop when it is filled."""
    base = quote = ZERO
    left = size
    worst: Decimal | None = None
    levels = 0
    for price, amount in side:
        if left <= 0:
            break
        if amount <= 0:
            continue
        there = amount if unit == BASE else amount * price
        levels += 1
        worst = price
        if there >= left:
            taken = left if unit == BASE else left / price
            base += taken
            quote += left * price if unit == BASE else left
            left = ZERO
            break
        base += amount
        quote += amount * price
        left -= there
    return Filled(base, quote, worst, levels, left)
