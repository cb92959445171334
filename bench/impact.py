"""Price impact of 100 sizes over 5,000 levels, against one walk of the same book."""

from collections.abc import Callable
from functools import partial

from bench.inprocess import medians
from bench.timing import show
from market_data.sweep import impact_of


def run() -> None:
    """Compare one pass for 100 sizes with a plain walk of the whole side."""
    for count in (1000, 5000):
        prices = [100_000 + 0.1 * index for index in range(count)]
        amounts = [0.01 + (index * 7919 % 100) / 50 for index in range(count)]
        whole = sum(price * amount for price, amount in zip(prices, amounts, strict=True))
        sizes = [whole * (number + 1) / 100 * 0.999 for number in range(100)]

        def one_walk(prices: list[float] = prices, amounts: list[float] = amounts) -> float:
            quote = base = 0.0
            for price, amount in zip(prices, amounts, strict=True):
                quote += price * amount
                base += amount
            return quote / base

        calls: dict[str, Callable[[], object]] = {
            "one walk of the book": one_walk,
            "impact at 100 sizes": partial(impact_of, (prices, amounts), sizes),
            "impact at 1 size (1 % of the book)": partial(impact_of, (prices, amounts), sizes[:1]),
        }
        target = "impact at 100 sizes at most 2 ×" if count == 5000 else "(shown for comparison)"
        show(f"Price impact over {count} levels", medians(calls), "one walk of the book", target)
