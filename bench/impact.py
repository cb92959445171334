"""Price impact of 100 sizes over 5,000 levels, against one walk of the same book."""

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

        calls = {
            "one walk of the book": one_walk,
            "impact at 100 sizes": lambda p=prices, a=amounts, s=sizes: impact_of((p, a), s),
            "impact at 1 size (1 % of the book)": lambda p=prices, a=amounts, s=sizes: impact_of((p, a), s[:1]),
        }
        target = "impact at 100 sizes at most 2 ×" if count == 5000 else "(shown for comparison)"
        show(f"Price impact over {count} levels", medians(calls), "one walk of the book", target)
