"""Closing prices of minutes at Deriv: `ticks_history` with the style `candles`, a window at a time.

Source: config/v3/ticks_history of github.com/binary-com/deriv-api-docs: `start` is an integer and `end` text, both in
epoch seconds, and at most 5,000 candles come in one answer.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from domain.money import to_decimal
from domain.time import read_ms

Row = Mapping[str, Any]

_MINUTE_S = 60
_MINUTE_MS = 60_000
_MOST = 5_000


def windows(since_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last minute (epoch ms) of each request for minutes that begin in [since, until]."""
    first_ms = -(-since_ms // _MINUTE_MS) * _MINUTE_MS
    for start_ms in range(first_ms, until_ms + 1, _MOST * _MINUTE_MS):
        yield start_ms, min(until_ms, start_ms + (_MOST - 1) * _MINUTE_MS)


def request_of(symbol: str, start_ms: int, end_ms: int) -> Row:
    """Build the call for the minutes that begin in [start, end] (epoch ms)."""
    span: Row = {"start": start_ms // 1000, "end": str(end_ms // 1000), "count": _MOST}
    return {"ticks_history": symbol, "style": "candles", "granularity": _MINUTE_S, **span}


def read_closes(answer: Row) -> dict[int, Decimal]:
    """Read closes by the minute (epoch ms), oldest first; a minute without a price is left out."""
    found = {read_ms(row["epoch"]) * 1000: to_decimal(row["close"]) for row in answer["candles"]}
    return {moment: found[moment] for moment in sorted(found) if found[moment] > 0}
