"""Order books: the wire's own rows, read as money on demand and as floats for analytics.

A 5,000-level book is mostly never looked at, so rows are kept as the venue sent them and converted when read;
this is what keeps a book usable in a fraction of the time that converting everything takes (see bench).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from domain.money import BadNumber, plain, to_decimal
from domain.quotes import Quote

_FIRST, _SECOND = itemgetter(0), itemgetter(1)

REST = "rest"
TICKS = "ticks"
REFERENCE = "reference"


class Level(NamedTuple):
    """Price in quote per base, size in base units."""

    price: Decimal
    size: Decimal


class Levels:
    """One side of a book, best first. Rows are `[price, size, …]` as the venue sent them (text or int).

    Args:
        rows: the wire's rows; a float in them is refused when read.
        unit_size: what a wire size of 1 is worth, in base units (in quote units where `inverse`).
        inverse: sizes are amounts of quote.
        price_factor, size_factor: applied after conversion, to show a book per other base unit or in another quote.
    """

    __slots__ = ("_inverse", "_price_factor", "_rows", "_size_factor", "_unit_size")

    def __init__(
        self,
        rows: Sequence[Sequence[Any]],
        *,
        unit_size: Decimal = Decimal(1),
        inverse: bool = False,
        price_factor: Decimal = Decimal(1),
        size_factor: Decimal = Decimal(1),
    ) -> None:
        self._rows = rows
        self._unit_size = unit_size
        self._inverse = inverse
        self._price_factor = price_factor
        self._size_factor = size_factor

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Level:
        row = self._rows[index]
        # Text has items, too: its characters.
        if not isinstance(row, (list, tuple)) or len(row) < 2:
            raise BadNumber(f"not a level: a {type(row).__name__}")
        price, size = to_decimal(row[0]), to_decimal(row[1])
        if price <= 0 or size < 0:
            raise BadNumber(f"not a level: price {price}, size {size}")
        size *= self._unit_size
        if self._inverse:
            size /= price
        return Level(price * self._price_factor, size * self._size_factor)

    def __iter__(self) -> Iterator[Level]:
        """Read the levels one by one.

        Raises:
            BadNumber: a row is no level, or prices go up and down.
        """
        before: Decimal | None = None
        rising: bool | None = None
        for index in range(len(self._rows)):
            level = self[index]
            if before is not None and level.price != before:
                if rising is None:
                    rising = level.price > before
                elif rising is not (level.price > before):
                    raise BadNumber("book levels in no order")
            before = level.price
            yield level

    def top(self, count: int) -> "Levels":
        """Keep the best `count` levels."""
        return self._with(self._rows[:count], self._price_factor, self._size_factor)

    def texts(self) -> tuple[tuple[str, str], ...]:
        """Write the levels as canonical text (`plain`): price and size; those of size 0 are left out.

        Most levels of a book were there a second ago: what was read is remembered, which is five times as quick.

        Raises:
            BadNumber: a row is no level, or prices go up and down.
        """
        rows, unit = self._rows, self._unit_size
        as_sent = not self._inverse and self._price_factor == self._size_factor == 1
        if not as_sent or not all(type(row) in (list, tuple) and len(row) > 1 for row in rows):
            return tuple((plain(price), plain(size)) for price, size in self if size)
        try:
            known = [_level_text(row[0], row[1], unit) for row in rows]
        except TypeError as error:  # nothing that can be looked up, and no number either
            raise BadNumber("not a level") from error
        prices = [price for price, _ in known]
        if prices and prices != sorted(prices, reverse=prices[0] > prices[-1]):
            raise BadNumber("book levels in no order")
        return tuple(text for _, text in known if text)

    def rescaled(self, price_factor: Decimal, size_factor: Decimal) -> "Levels":
        """Express the same levels per other base unit, or in another quote currency."""
        return self._with(self._rows, self._price_factor * price_factor, self._size_factor * size_factor)

    def floats(self) -> tuple[list[float], list[float]]:
        """Read all levels as floats: prices, and sizes in base units.

        Raises:
            BadNumber: when a row is no level, a number is not finite and positive, or prices go up and down.
        """
        if not set(map(type, self._rows)) <= {list, tuple}:
            raise BadNumber("not a book side")
        try:
            # map and itemgetter stay in C: half the time of a comprehension over 5,000 levels
            prices = list(map(float, map(_FIRST, self._rows)))
            sizes = list(map(float, map(_SECOND, self._rows)))
        except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise BadNumber("not a book side") from error
        if prices and not (min(prices) > 0 and min(sizes) >= 0 and math.isfinite(sum(prices) + sum(sizes))):
            raise BadNumber("a level with a price or size that is not a usable number")
        if prices and prices != sorted(prices, reverse=prices[0] > prices[-1]):
            raise BadNumber("book levels in no order")
        unit = float(self._unit_size) * float(self._size_factor)
        if self._inverse:
            sizes = [size * unit / price for price, size in zip(prices, sizes, strict=True)]
        elif unit != 1.0:
            sizes = [size * unit for size in sizes]
        factor = float(self._price_factor)
        if factor != 1.0:
            prices = [price * factor for price in prices]
        return prices, sizes

    def _with(self, rows: Sequence[Sequence[Any]], price_factor: Decimal, size_factor: Decimal) -> "Levels":
        return Levels(
            rows, unit_size=self._unit_size, inverse=self._inverse, price_factor=price_factor, size_factor=size_factor
        )


@lru_cache(maxsize=1 << 14, typed=True)
def _level_text(price: object, size: object, unit_size: Decimal) -> tuple[Decimal, tuple[str, str] | None]:
    """Read one row of the wire: its price, and both as canonical text, or None where the size is 0."""
    level = Levels([(price, size)], unit_size=unit_size)[0]
    return level.price, (plain(level.price), plain(level.size)) if level.size else None


@dataclass(frozen=True)
class Book:
    """A venue's book of one instrument at one moment. Times are epoch nanoseconds; absent is None."""

    venue: str
    symbol: str
    bids: Levels
    asks: Levels
    received_at_ns: int
    venue_time_ns: int | None = None
    sequence: int | None = None
    source: str = REST

    def best_bid(self) -> Level | None:
        """Return the highest bid, or None on an empty side. A level of size 0 is not there."""
        return next((level for level in self.bids if level.size), None)

    def best_ask(self) -> Level | None:
        """Return the lowest ask, or None on an empty side. A level of size 0 is not there."""
        return next((level for level in self.asks if level.size), None)

    def quote(self) -> Quote:
        """Return the top of the book."""
        bid, ask = self.best_bid(), self.best_ask()
        return Quote(
            venue=self.venue,
            symbol=self.symbol,
            bid=bid.price if bid else None,
            bid_size=bid.size if bid else None,
            ask=ask.price if ask else None,
            ask_size=ask.size if ask else None,
            received_at_ns=self.received_at_ns,
            venue_time_ns=self.venue_time_ns,
            source=self.source,
        )

    def rescaled(self, price_factor: Decimal, size_factor: Decimal) -> "Book":
        """Express the same book per other base unit, or in another quote currency."""
        return Book(
            venue=self.venue,
            symbol=self.symbol,
            bids=self.bids.rescaled(price_factor, size_factor),
            asks=self.asks.rescaled(price_factor, size_factor),
            received_at_ns=self.received_at_ns,
            venue_time_ns=self.venue_time_ns,
            sequence=self.sequence,
            source=self.source,
        )
