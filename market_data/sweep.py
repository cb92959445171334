"""Price impact of many sizes in one pass over a book side, in floats; and one size exactly, over several venues.

Converting lists to arrays costs more than walking them, so the walk is plain Python: sizes are sorted, every level is
looked at once, and the walk ends with the largest size.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.books import Level
from market_data.walking import BASE, QUOTE, ZERO, Filled, walk

BPS = 10_000


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
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    answers: list[Impact] = [Impact(size, 0.0, 0.0, None, None, 0, size) for size in sizes]
    start = 0
    while start < len(order) and sizes[order[start]] == 0:
        start += 1
    sweep = _by_base if unit == BASE else _by_quote
    if start < len(order) and prices:
        sweep(prices, amounts, sizes, order[start:], answers)
    return answers


def _by_quote(
    prices: Sequence[float], amounts: Sequence[float], sizes: Sequence[float], order: Sequence[int], out: list[Impact]
) -> None:
    waiting = iter(order)
    index = next(waiting)
    target = sizes[index]
    base = quote = 0.0
    levels = 0
    for price, amount in zip(prices, amounts, strict=True):
        reached = quote + price * amount
        while target <= reached:
            taken = base + (target - quote) / price
            out[index] = Impact(target, taken, target, target / taken, price, levels + 1, 0.0)
            index = next(waiting, -1)
            if index < 0:
                return
            target = sizes[index]
        levels += 1
        quote = reached
        base += amount
    _too_large(out, (index, *waiting), sizes, (base, quote, prices[-1], levels), quote)


def _by_base(
    prices: Sequence[float], amounts: Sequence[float], sizes: Sequence[float], order: Sequence[int], out: list[Impact]
) -> None:
    waiting = iter(order)
    index = next(waiting)
    target = sizes[index]
    base = quote = 0.0
    levels = 0
    for price, amount in zip(prices, amounts, strict=True):
        reached = base + amount
        while target <= reached:
            paid = quote + (target - base) * price
            out[index] = Impact(target, target, paid, paid / target, price, levels + 1, 0.0)
            index = next(waiting, -1)
            if index < 0:
                return
            target = sizes[index]
        levels += 1
        base = reached
        quote += price * amount
    _too_large(out, (index, *waiting), sizes, (base, quote, prices[-1], levels), base)


def _too_large(
    out: list[Impact],
    indexes: Iterable[int],
    sizes: Sequence[float],
    whole: tuple[float, float, float, int],
    there: float,
) -> None:
    base, quote, worst, levels = whole
    for index in indexes:
        size = sizes[index]
        out[index] = Impact(size, base, quote, quote / base, worst, levels, max(0.0, size - there))


def exact_impact(side: Iterable[Level], size: Decimal, unit: str = QUOTE) -> Filled:
    """Sweep a side for one size in Decimal: the reference that `impact_of` is tested against."""
    return walk(side, size, unit)


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
