"""Price impact of many sizes in one pass over a book side, in floats; and one size exactly, over several venues.

Converting lists to arrays costs more than walking them, so running sums are made of the lists as they are, no further
than the largest size needs, and each size is found in them by bisection.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, islice
from operator import mul
from typing import NamedTuple

from domain.books import Level
from market_data.walking import BASE, QUOTE, ZERO, Filled

BPS = 10_000
BLOCK = 512
"""Levels that are added up before looking whether they suffice."""


class Impact(NamedTuple):
    """What one size finds. `base` units cost (or bring) `quote`; `unfilled` is what the book lacks, in the size's unit.

    `average` and `worst` are None, and `levels` 0, where nothing was there.
    """

    size: float
    base: float
    quote: float
    average: float | None
    worst: float | None
    levels: int
    unfilled: float


def impact_of(side: tuple[Sequence[float], Sequence[float]], sizes: Sequence[float], unit: str = QUOTE) -> list[Impact]:
    """Sweep a side (prices and base sizes, best first) for each size, in one pass; answers in the order of `sizes`.

    Args:
        unit: what sizes count, `quote` (notional) or `base`.

    Raises:
        ValueError: a size is negative or not finite, or the unit is unknown.
    """
    if unit not in (BASE, QUOTE):
        raise ValueError(f"unknown unit {unit!r}")
    if not all(0 <= size < float("inf") for size in sizes):
        raise ValueError("a size that is negative or not finite")
    prices, amounts = side
    if not all(amounts):
        kept = [(price, amount) for price, amount in zip(prices, amounts, strict=True) if amount]
        prices, amounts = [price for price, _ in kept], [amount for _, amount in kept]
    if not prices:
        return [Impact(size, 0.0, 0.0, None, None, 0, size) for size in sizes]
    sums = _running_sums(prices, amounts, max(sizes, default=0.0), unit)
    answers: dict[int, Impact] = {}
    passed, other = 0, 0.0
    for index in sorted(range(len(sizes)), key=sizes.__getitem__):
        place = bisect_left(sums, sizes[index])
        # The other unit is only needed where sizes end: summing the stretches between them is a third of the work.
        between = slice(passed, place)
        other += sum(map(mul, prices[between], amounts[between])) if unit == BASE else sum(amounts[between])
        passed = place
        answers[index] = _impact(sizes[index], place, prices, sums, other, unit)
    return [answers[index] for index in range(len(sizes))]


def _running_sums(prices: Sequence[float], amounts: Sequence[float], need: float, unit: str) -> list[float]:
    """Add up base, or quote, level by level, a block at a time, until the largest size is covered."""
    sums: list[float] = []
    reached = 0.0
    for start in range(0, len(prices), BLOCK):
        block = slice(start, start + BLOCK)
        values = amounts[block] if unit == BASE else map(mul, prices[block], amounts[block])
        sums += islice(accumulate(values, initial=reached), 1, None)
        reached = sums[-1]
        if reached >= need:
            break
    return sums


def _impact(size: float, place: int, prices: Sequence[float], sums: Sequence[float], other: float, unit: str) -> Impact:
    """Tell what a size finds that ends at level `place`; `sums` count its unit, `other` the other one before there."""
    if size == 0:
        return Impact(size, 0.0, 0.0, None, None, 0, size)
    if place == len(sums):
        base, quote = (sums[-1], other) if unit == BASE else (other, sums[-1])
        return Impact(size, base, quote, quote / base, prices[place - 1], place, size - sums[-1])
    price, before = prices[place], sums[place - 1] if place else 0.0
    if unit == BASE:
        paid = other + (size - before) * price
        return Impact(size, size, paid, paid / size, price, place + 1, 0.0)
    taken = other + (size - before) / price
    return Impact(size, taken, size, size / taken, price, place + 1, 0.0)


class Split(NamedTuple):
    """The best split of a size: per venue what is taken there, and what no venue has."""

    parts: Mapping[str, Filled]
    missing: Decimal


def best_split(
    sides: Mapping[str, Iterable[Level]], fees: Mapping[str, Decimal], size: Decimal, unit: str, *, buying: bool
) -> Split:
    """Split a size over venues so that it costs least (brings most) after taker fees.

    Takes the best fee-adjusted level anywhere, again and again: optimal, because prices only get worse with depth and
    the fee is a fraction. `size` in quote is notional before fees.
    """
    import heapq

    sign = 1 if buying else -1
    heads: list[tuple[Decimal, str, Decimal, Decimal]] = []
    walks = {venue: iter(side) for venue, side in sides.items()}

    def push(venue: str) -> None:
        level = next(walks[venue], None)
        if level is not None:
            net = level.price * (1 + sign * fees[venue])
            heapq.heappush(heads, (sign * net, venue, level.price, level.size))

    for venue in walks:
        push(venue)
    parts: dict[str, Filled] = {}
    left = size
    while heads and left > 0:
        _, venue, price, amount = heapq.heappop(heads)
        push(venue)
        if amount <= 0:
            continue
        wanted = left if unit == BASE else left / price
        taken = min(amount, wanted)
        before = parts.get(venue, Filled(ZERO, ZERO, None, 0, ZERO))
        notional = left if unit == QUOTE and taken == wanted else taken * price
        parts[venue] = Filled(before.base + taken, before.quote + notional, price, before.levels + 1, ZERO)
        left = ZERO if taken == wanted else left - (taken if unit == BASE else notional)
    return Split(parts, left)
