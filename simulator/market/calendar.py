"""When contracts expire, and how days add up to weeks and months. All times are epoch milliseconds, UTC."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from simulator.market.model import Candle

DAY_MS = 86_400_000
_EIGHT_O_CLOCK_MS = 8 * 3_600_000
_FRIDAY = 4


class Expiry(NamedTuple):
    """A day on which contracts expire, and the moment: 08:00 UTC."""

    day: date
    time_ms: int


def _expiry(day: date) -> Expiry:
    return Expiry(day, (day - date(1970, 1, 1)).days * DAY_MS + _EIGHT_O_CLOCK_MS)


def day_of(time_ms: int) -> date:
    """Return the UTC day of a moment."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()


def _last_friday(year: int, month: int) -> date:
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - _FRIDAY) % 7)


def month_ends(now_ms: int, count: int, *, quarters_only: bool = False) -> list[Expiry]:
    """Return the next `count` last Fridays of a month (of March, June, September, December) still ahead."""
    today = day_of(now_ms)
    found: list[Expiry] = []
    month = today.year * 12 + today.month - 1
    while len(found) < count:
        if not quarters_only or month % 3 == 2:
            expiry = _expiry(_last_friday(month // 12, month % 12 + 1))
            if expiry.time_ms > now_ms:
                found.append(expiry)
        month += 1
    return found


def quarter_ends(now_ms: int, count: int = 2) -> list[Expiry]:
    """Return the next `count` quarterly expiries."""
    return month_ends(now_ms, count, quarters_only=True)


def fridays(now_ms: int, count: int) -> list[Expiry]:
    """Return the next `count` weekly expiries."""
    day = day_of(now_ms)
    day += timedelta(days=(_FRIDAY - day.weekday()) % 7)
    if _expiry(day).time_ms <= now_ms:
        day += timedelta(days=7)
    return [_expiry(day + timedelta(days=7 * week)) for week in range(count)]


def week_start(time_ms: int) -> int:
    """Return the start of the week (Monday) a moment lies in."""
    monday_ms = 4 * DAY_MS  # 1970-01-05
    return (time_ms - monday_ms) // (7 * DAY_MS) * 7 * DAY_MS + monday_ms


def month_start(time_ms: int) -> int:
    """Return the start of the calendar month a moment lies in."""
    day = day_of(time_ms)
    return (day.replace(day=1) - date(1970, 1, 1)).days * DAY_MS


def merged(candles: Iterable[Candle], start_of: Callable[[int], int]) -> list[Candle]:
    """Put candles, oldest first, together into longer ones; `start_of` tells where the one of a moment starts."""
    result: list[Candle] = []
    for candle in candles:
        start_ms = start_of(candle.start_ms)
        if not result or result[-1].start_ms != start_ms:
            result.append(Candle(start_ms, *_fields(candle)))
            continue
        last = result[-1]
        result[-1] = Candle(
            start_ms,
            last.open,
            max(last.high, candle.high, key=Decimal),
            min(last.low, candle.low, key=Decimal),
            candle.close,
            str(Decimal(last.volume) + Decimal(candle.volume)),
            str(Decimal(last.turnover) + Decimal(candle.turnover)),
        )
    return result


def _fields(candle: Candle) -> tuple[str, str, str, str, str, str]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume, candle.turnover
