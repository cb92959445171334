"""Candles of any length: weeks that begin on Monday, months, days of another time zone, put together from days."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from simulator.market.calendar import DAY_MS, MONDAY_MS, WEEK_MS, month_of, month_start
from simulator.market.model import Candle, Listing, Market


class Bar(NamedTuple):
    """A grid: bars of `length_ms` that start at `offset_ms` modulo their length, or of whole `months`.

    Of months `length_ms` is the longest there is, which says how far back a number of them can reach.
    """

    length_ms: int
    offset_ms: int = 0
    months: int = 0

    def start_of(self, time_ms: int) -> int:
        """Return the start of the bar that `time_ms` lies in."""
        local_ms = time_ms - self.offset_ms
        if self.months:
            return month_start(month_of(local_ms) // self.months * self.months) + self.offset_ms
        return local_ms // self.length_ms * self.length_ms + self.offset_ms

    def next_start(self, start_ms: int) -> int:
        """Return the start of the bar after the one that starts at `start_ms`."""
        if self.months:
            return month_start(month_of(start_ms - self.offset_ms) + self.months) + self.offset_ms
        return start_ms + self.length_ms


WEEK = Bar(WEEK_MS, MONDAY_MS)
MONTH = Bar(31 * DAY_MS, 0, 1)


def candles(market: Market, listing: Listing, bar: Bar, start_ms: int, end_ms: int) -> list[Candle]:
    """Return the candles that start in [start, end], oldest first.

    Bars of several days are put together from days, so that a week reaches as far as its days do.
    """
    if not bar.months and (bar.length_ms <= DAY_MS or bar.offset_ms % bar.length_ms == 0):
        return list(market.candles(listing, bar.length_ms, start_ms, end_ms, bar.offset_ms))
    first = bar.start_of(start_ms)
    if first < start_ms:
        first = bar.next_start(first)
    end = bar.next_start(bar.start_of(end_ms)) - 1
    return list(_merged(market.candles(listing, DAY_MS, first, end, bar.offset_ms), bar))


def _merged(parts: Iterable[Candle], bar: Bar) -> Iterator[Candle]:
    for start_ms, group in groupby(parts, lambda part: bar.start_of(part.start_ms)):
        members = list(group)
        yield Candle(
            start_ms,
            members[0].open,
            max((m.high for m in members), key=Decimal),
            min((m.low for m in members), key=Decimal),
            members[-1].close,
            format(sum((Decimal(m.volume) for m in members), Decimal(0)), "f"),
            format(sum((Decimal(m.turnover) for m in members), Decimal(0)), "f"),
        )
