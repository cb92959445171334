"""Expiry dates of dated contracts: Fridays at 08:00 UTC, the hour at which the large venues settle."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

FRIDAY = 4
SETTLEMENT_HOUR_UTC = 8
QUARTER_MONTHS = (3, 6, 9, 12)


def next_fridays(now_ms: int, count: int) -> list[int]:
    """Return the next `count` Fridays 08:00 UTC after `now_ms`, epoch ms."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    day = now.replace(hour=SETTLEMENT_HOUR_UTC, minute=0, second=0, microsecond=0)
    day += timedelta(days=(FRIDAY - day.weekday()) % 7)
    if day <= now:
        day += timedelta(days=7)
    return [int((day + timedelta(weeks=week)).timestamp() * 1000) for week in range(count)]


def month_ends(now_ms: int, count: int) -> list[int]:
    """Return the next `count` last Fridays of a month, 08:00 UTC, epoch ms."""
    fridays = next_fridays(now_ms, 5 * count + 1)
    ends = [this for this, following in pairwise(fridays) if _month(this) != _month(following)]
    return ends[:count]


def quarter_ends(now_ms: int, count: int) -> list[int]:
    """Return the next `count` last Fridays of March, June, September or December, 08:00 UTC, epoch ms."""
    return [end for end in month_ends(now_ms, 3 * count + 1) if _month(end) in QUARTER_MONTHS][:count]


def yymmdd(epoch_ms: int) -> str:
    """Print a date as `261225`."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%y%m%d")


def _month(epoch_ms: int) -> int:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).month
