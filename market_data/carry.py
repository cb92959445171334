"""Funding made comparable: what interval a rate is really paid over, and what it is a year. Pure."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from domain.funding import FundingPoint, funding_apr, funding_apy
from domain.money import rounded
from domain.time import MS_PER_HOUR, rfc3339

COMMON_H = Decimal(8)
"""Rates are shown per this many hours, whatever a venue's own interval is."""
RECENT_GAPS = 3
_ROUNDING_MS = 5 * 60_000
_SENSELESS = 15  # digits before the point


class Interval(NamedTuple):
    """How often funding is paid: `measured_h` from settlements, `used_h` what rates are annualised with, and notes."""

    measured_h: Decimal | None
    used_h: Decimal | None
    notes: tuple[str, ...] = ()


def measure(
    points: Sequence[FundingPoint], declared_h: Decimal | None, next_time_ms: int | None, *, continuous: bool = False
) -> Interval:
    """Measure the interval from the gaps between settlements, and decide which one counts.

    The latest gaps count, because venues change intervals; the running interval (from the last settlement to the next)
    counts where it agrees with what the venue declares. Without settlements the declared one is used; where funding is
    continuous, the hours that the venue's rate is stated for. An interval nobody states stays None: it is not guessed.
    """
    if continuous:
        return Interval(None, declared_h, ("paid continuously",))
    times = sorted({point.time_ms for point in points})
    gaps = [_hours(later - earlier) for earlier, later in pairwise(times)]
    gaps = [gap for gap in gaps if gap > 0]
    if not gaps:
        return Interval(None, declared_h, ("interval as declared, not measured",) if declared_h else ())
    overall = Decimal(median(sorted(gaps)))
    recent = Decimal(median(sorted(gaps[-RECENT_GAPS:])))
    used, notes = recent, []
    if change := _change(times, gaps, recent):
        notes.append(change)
    running = _hours(next_time_ms - times[-1]) if next_time_ms is not None and next_time_ms > times[-1] else None
    if declared_h is not None and declared_h != recent:
        if running == declared_h:
            used = declared_h
            notes.append(f"the interval has just become {_text(declared_h)} h, it was {_text(recent)} h")
        else:
            notes.append(f"declares {_text(declared_h)} h, but pays every {_text(recent)} h")
    return Interval(overall, used, tuple(notes))


def own_intervals(times: Sequence[int]) -> list[Decimal | None]:
    """Return the hours each settlement paid for, from sorted times: the gap before it, None where that proves nothing.

    A gap that hardly ever occurs is a settlement missing in the history, not an interval.
    """
    gaps = [_hours(later - earlier) for earlier, later in pairwise(times)]
    enough = max(2, len(gaps) // 20)
    usual = {gap for gap, count in Counter(gaps).items() if gap > 0 and count >= enough}
    found: list[Decimal | None] = [gap if gap in usual else None for gap in gaps]
    return [found[0] if found else None, *found]


def per_hours(rate: Decimal, interval_h: Decimal, hours: Decimal = COMMON_H) -> Decimal:
    """Express a rate paid every `interval_h` hours per `hours` hours, without compounding."""
    return rate * hours / interval_h


def yearly(rate: Decimal, interval_h: Decimal, *, continuous: bool) -> tuple[Decimal, Decimal | None]:
    """Return (APR, APY) as fractions: simple, and compounded at each payment (continuously where it is continuous).

    An APY that grows beyond all money (5 % an hour does) is None.
    """
    apr = funding_apr(rate, interval_h)
    apy = apr.exp() - 1 if continuous else funding_apy(rate, interval_h)
    return rounded(apr, 8), rounded(apy, 8) if apy.adjusted() < _SENSELESS else None


def percentile(value: Decimal, history: Sequence[Decimal]) -> Decimal | None:
    """Return how many percent of the history lie below a value; equal ones count half. None without history."""
    if not history:
        return None
    below = sum(1 for other in history if other < value)
    equal = sum(1 for other in history if other == value)
    return (Decimal(100 * (2 * below + equal)) / (2 * len(history))).quantize(Decimal("0.1"))


def _change(times: Sequence[int], gaps: Sequence[Decimal], recent: Decimal) -> str | None:
    """Say since when the recent interval holds, where an earlier stretch of at least two gaps had another one."""
    start = len(gaps)
    while start > 0 and gaps[start - 1] == recent:
        start -= 1
    earlier = gaps[:start]
    if start == len(gaps) or len(earlier) < 2 or earlier[-1] != earlier[-2]:
        return None
    return f"the interval was {_text(earlier[-1])} h until {rfc3339(times[start])[:16]}Z"


def _hours(gap_ms: int) -> Decimal:
    rounded = round(gap_ms / _ROUNDING_MS) * _ROUNDING_MS
    return (Decimal(rounded) / MS_PER_HOUR).normalize() + 0


def _text(hours: Decimal) -> str:
    return f"{hours.normalize():f}"
