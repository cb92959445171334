"""Clocks and their text form. UTC everywhere; RFC 3339 with milliseconds in text."""

from datetime import UTC, datetime, timedelta

from domain.money import BadNumber

NS_PER_MS = 1_000_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 100_000_000_000_000
"""The year 5138: what is later cannot be written as text, and is no time of ours."""
_MOST_DIGITS = 24


def rfc3339(epoch_ms: int) -> str:
    """Write an instant (milliseconds since the epoch) as UTC text, such as `2026-11-21T03:04:05.678Z`."""
    moment = _EPOCH + timedelta(milliseconds=epoch_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"


def read_ms(value: object, per_ms: int = 1) -> int:
    """Read a venue's instant as milliseconds since the epoch; `per_ms` of its units are one.

    Raises:
        BadNumber: it is no whole number (text or int), or no time of this era.
    """
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MOST_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value // per_ms < _LATEST_MS:
        raise BadNumber("not an instant")
    return value // per_ms


def epoch_ms(moment: datetime) -> int:
    """Read an aware datetime as milliseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
