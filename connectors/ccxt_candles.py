"""Closing prices of minutes through ccxt, window by window, so that it does not matter which end a venue answers."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain.money import to_decimal
from domain.time import read_ms

MINUTE_MS = 60_000
PAGE = 100
"""Minutes that are asked for at once: every venue answers so many."""

Row = Sequence[Any]
"""A candle as ccxt gives it: moment, open, high, low, close, volume."""


def window(start_ms: int, minutes: int) -> Mapping[str, int]:
    """Name the ccxt params that end a window of so many minutes before the next one begins."""
    return {"until": start_ms + minutes * MINUTE_MS - 1}


def read_closes(rows: Sequence[Row]) -> dict[int, Decimal]:
    """Read candles; one without a price (nothing was traded) is left out. Raises what a parser raises."""
    found = {read_ms(row[0]): None if row[4] is None else to_decimal(row[4]) for row in rows}
    return {moment: price for moment, price in found.items() if price is not None and price > 0}


def collect(
    since_ms: int, until_ms: int, page: int, ask: Callable[[int, int], Mapping[int, Decimal]]
) -> dict[int, Decimal]:
    """Collect the closes of the minutes that begin in [since_ms, until_ms], oldest first.

    Args:
        ask: answers for the minutes from a moment on (epoch ms, a whole minute), of which there are so many.
    """
    first_ms = -(-since_ms // MINUTE_MS) * MINUTE_MS
    found: dict[int, Decimal] = {}
    for start_ms in range(first_ms, until_ms + 1, page * MINUTE_MS):
        minutes = min(page, (until_ms - start_ms) // MINUTE_MS + 1)
        answered = ask(start_ms, minutes)
        end_ms = start_ms + minutes * MINUTE_MS
        found |= {moment: answered[moment] for moment in sorted(answered) if start_ms <= moment < end_ms}
    return found
