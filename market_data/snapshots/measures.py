"""Figures of order books, many seconds at once: numpy over the columns as they are stored, no loop over rows.

They are statistics, so doubles are good enough; what is money stays with `domain.money`.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Whole = np.ndarray[Any, np.dtype[np.int64]]

BPS = 10_000.0


class Side(NamedTuple):
    """One side of the books of many seconds: row `i` has the levels `ends[i]:ends[i + 1]`, best first.

    `base` and `quote` are the levels' sizes in either currency.
    """

    ends: "Whole"
    prices: "Floats"
    base: "Floats"
    quote: "Floats"


def side_of(ends: "Whole", prices: "Floats", sizes: "Floats", *, inverse: bool) -> Side:
    """Build a side; `sizes` count in base, or in quote where the contract is inverse."""
    return Side(ends, prices, sizes / prices, sizes) if inverse else Side(ends, prices, sizes, sizes * prices)


def mid_of(bid: "Floats", ask: "Floats") -> "Floats":
    """Return the middle of the best prices."""
    return (bid + ask) / 2


def spread_bps(bid: "Floats", ask: "Floats") -> "Floats":
    """Return the distance of the best prices in basis points of their middle."""
    return (ask - bid) / mid_of(bid, ask) * BPS


class Depth(NamedTuple):
    """What lies within a distance of the mid, a row each; `cut` where the recorded book ends before that distance."""

    base: "Floats"
    quote: "Floats"
    cut: "Whole"


def depth_within(side: Side, mid: "Floats", bps: float, *, buying: bool) -> Depth:
    """Add up the levels whose price is within `bps` basis points of the mid (asks where `buying`)."""
    import numpy as np

    first, last = side.ends[:-1], side.ends[1:]
    limit = mid * (1 + bps / BPS if buying else 1 - bps / BPS)
    each = np.repeat(limit, last - first)
    inside = side.prices <= each if buying else side.prices >= each
    counted: Whole = np.concatenate((np.zeros(1, np.int64), np.cumsum(inside, dtype=np.int64)))
    upto: Whole = first + counted[last] - counted[first]
    return Depth(_added(side.base, first, upto), _added(side.quote, first, upto), upto == last)


def imbalance(bids: "Floats", asks: "Floats") -> "Floats":
    """Return (bids − asks) / (bids + asks): 1 where there are bids only, −1 where there are asks only."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        found: Floats = (bids - asks) / (bids + asks)
    return found


def impact_bps(side: Side, mid: "Floats", quote: float, *, buying: bool) -> "Floats":
    """Return what a market order of `quote` pays beyond the mid on average, in basis points; NaN where it ends."""
    import numpy as np

    if not len(side.prices):
        return np.full(len(mid), np.nan)
    first, last = side.ends[:-1], side.ends[1:]
    # Cumulated over all rows. No level counts for more than the order, so that sums stay small enough to be exact.
    there = np.minimum(side.quote, quote)
    spent, bought = (np.concatenate((np.zeros(1), np.cumsum(sizes))) for sizes in (there, there / side.prices))
    filled = np.searchsorted(spent, spent[first] + quote)
    enough = filled <= last
    level = np.where(enough, filled, 1) - 1
    left = quote - (spent[level] - spent[first])
    base = bought[level] - bought[first] + left / side.prices[level]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (quote / base / mid - 1) * (BPS if buying else -BPS)
    return np.where(enough, found, np.nan)


def _added(sizes: "Floats", first: "Whole", upto: "Whole") -> "Floats":
    """Add up `sizes[first:upto]`, a row each."""
    import numpy as np

    if not len(sizes):
        return np.zeros(len(first))
    # `reduceat` gives the element itself where there is nothing to add up, and takes no index behind the end.
    borders = np.stack((first, upto), axis=1).ravel()
    found = np.add.reduceat(np.append(sizes, 0.0), borders)[::2]
    return np.where(upto > first, found, 0.0)
