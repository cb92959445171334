"""Spans of time as people write them: `90s`, `15m`, `12h`, `30d`, `2w`."""

from domain.errors import UsageError
from domain.time import MS_PER_DAY, MS_PER_HOUR

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": MS_PER_HOUR, "d": MS_PER_DAY, "w": 7 * MS_PER_DAY}
_EXAMPLES = {"s": "90s", "m": "15m", "h": "12h", "d": "30d", "w": "2w"}
_MOST_DIGITS = 6
LONG, SHORT, EVERY = "hdw", "smh", "smhdw"
"""Units that make sense for histories, for what happens while one waits, and for either."""


def span_ms(text: str, units: str = LONG, most: str = "366d") -> int:
    """Read a span in milliseconds; `units` are those that it may have, `most` is the longest one.

    Raises:
        UsageError: it is something else, nothing, or too long.
    """
    number, unit = text.strip()[:-1], text.strip()[-1:].lower()
    if unit not in units or not unit or not number.isascii() or not number.isdigit() or len(number) > _MOST_DIGITS:
        *first, last = (_EXAMPLES[unit] for unit in units)
        raise UsageError(f"'{text[:20]}' is not a span.", hint=f"Write {', '.join(first)} or {last}.")
    span = int(number) * _UNITS_MS[unit]
    if not 0 < span <= int(most[:-1]) * _UNITS_MS[most[-1]]:
        raise UsageError(f"'{text[:20]}' is no span of 1{units[0]} to {most}.")
    return span
