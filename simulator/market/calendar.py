"""Days, months, and when contracts expire: Fridays at 08:00 UTC, the hour at which the large venues settle.

All times are epoch milliseconds, all days UTC's.
"""

from datetime import UTC, date, datetime
from itertools import pairwise

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""The first Monday of the epoch, 1970-01-05."""

_FIRST_EXPIRY_MS = DAY_MS + 8 * HOUR_MS
"""The first Friday of the epoch, 1970-01-02, at 08:00."""


def day_of(time_ms: int) -> date:
    """Return the day a moment lies in."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()


def month_of(time_ms: int) -> int:
    """Number the month a moment lies in, counted from the year 0."""
    day = day_of(time_ms)
    return day.year * 12 + day.month - 1


def month_start(number: int) -> int:
    """Return when a month of `month_of` begins."""
    return (date(number // 12, number % 12 + 1, 1) - date(1970, 1, 1)).days * DAY_MS


def fridays(now_ms: int, count: int) -> list[int]:
    """Return the next `count` weekly expiries after `now_ms`."""
    first = (now_ms - _FIRST_EXPIRY_MS) // WEEK_MS + 1
    return [_FIRST_EXPIRY_MS + (first + week) * WEEK_MS for week in range(count)]


def month_ends(now_ms: int, count: int) -> list[int]:
    """Return the next `count` monthly expiries after `now_ms`: the last Fridays of months."""
    candidates = pairwise(fridays(now_ms, 5 * count + 1))
    return [this for this, following in candidates if month_of(this) != month_of(following)][:count]


def quarter_ends(now_ms: int, count: int) -> list[int]:
    """Return the next `count` quarterly expiries after `now_ms`: the last Fridays of March, June and so on."""
    return [end for end in month_ends(now_ms, 3 * count + 1) if month_of(end) % 3 == 2][:count]


def yymmdd(time_ms: int) -> str:
    """Write a day as `261225`."""
    return f"{day_of(time_ms):%y%m%d}"


def dmmmyy(time_ms: int) -> str:
    """Write a day as `25DEC26`, and `4DEC26` without a leading zero."""
    day = day_of(time_ms)
    return f"{day.day}{day:%b%y}".upper()


def quarter_code(time_ms: int) -> str:
    """Write the month of a quarterly expiry as exchanges have long done, `Z26` for December 2026."""
    day = day_of(time_ms)
    return f"{'HMUZ'[day.month // 3 - 1]}{day:%y}"
