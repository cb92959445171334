"""Candles on any grid: weeks that begin on Monday, months, days of another time zone, built from hours or days."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from simulator.market.model import Candle, Listing, Market

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MONDAY_MS = 4 * DAY_MS
"""The first Monday of the epoch."""


class Bar(NamedTuple):
    """A grid: bars of `length_ms` that start at `offset_ms` modulo their length, or of whole `months`."""

    length_ms: int
    offset_ms: int = 0
    months: int = 0

    def start_of(self, time_ms: int) -> int:
        """Return the start of the bar that `time_ms` lies in."""
        local_ms = time_ms - self.offset_ms
        if not self.months:
            return local_ms // self.length_ms * self.length_ms + self.offset_ms
        day = datetime.fromtimestamp(local_ms / 1000, UTC)
        return self._month(day.year * 12 + (day.month - 1) // self.months * self.months)

    def next_start(self, start_ms: int) -> int:
        """Return the start of the bar after the one that starts at `start_ms`."""
        if not self.months:
            return start_ms + self.length_ms
        day = datetime.fromtimestamp((start_ms - self.offset_ms) / 1000, UTC)
        return self._month(day.year * 12 + day.month - 1 + self.months)

    def _month(self, number: int) -> int:
        first = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        return int(first.timestamp()) * 1000 + self.offset_ms


def candles(market: Market, listing: Listing, bar: Bar, start_ms: int, end_ms: int) -> list[Candle]:
    """Return the candles that start in [start, end], oldest first."""
    if not bar.months and bar.offset_ms % bar.length_ms == 0:
        return list(market.candles(listing, bar.length_ms, start_ms, end_ms))
    unit_ms = HOUR_MS if bar.offset_ms % DAY_MS else DAY_MS
    first = bar.start_of(start_ms)
    if first < start_ms:
        first = bar.next_start(first)
    end = bar.next_start(bar.start_of(end_ms)) - 1
    return list(_merged(market.candles(listing, unit_ms, first, end), bar))


def _merged(parts: Sequence[Candle], bar: Bar) -> Iterator[Candle]:
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
