"""Ask for everything since a moment where a venue answers only about so long a time, and only so many rows at once."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from domain.errors import BadAnswer

Row = Mapping[str, Any]

_WEEK_MS = 7 * 86_400_000
_FIRST_MS = 1_483_228_800_000
"""2017: hardly anybody's history at a venue that is here begins before."""


def row_spans(
    ask: Callable[[int, int], list[Row]], since_ms: int, until_ms: int, *, step_ms: int, page: int
) -> Iterator[tuple[int, list[Row]]]:
    """Yield rows span by span, the oldest first, each with the last moment of its span; empty ones, too.

    A span that fills its page is asked for again in halves, so nothing is missed, whichever end of a span that is too
    full the venue leaves out.

    Args:
        ask: answers the rows from one moment to another (epoch ms, both included).
        step_ms: the longest span that the venue answers.
        page: how many rows it answers at once.

    Raises:
        BadAnswer: one millisecond holds more than a page.
    """
    starts = range(since_ms, until_ms + 1, step_ms)
    pending = [(start, min(start + step_ms - 1, until_ms)) for start in reversed(starts)]
    while pending:
        first_ms, last_ms = pending.pop()
        rows = ask(first_ms, last_ms)
        if len(rows) < page:
            yield last_ms, rows
            continue
        if first_ms == last_ms:
            raise BadAnswer("More rows at one moment than a page holds.")
        middle_ms = (first_ms + last_ms) // 2
        pending += [(middle_ms + 1, last_ms), (first_ms, middle_ms)]


def rows_by_span(
    ask: Callable[[int, int], list[Row]], since_ms: int, until_ms: int, *, step_ms: int, page: int
) -> list[Row]:
    """Collect the rows of all spans, each unified `id` once; arguments and errors as of `row_spans`."""
    found: dict[str, Row] = {}
    for _, rows in row_spans(ask, since_ms, until_ms, step_ms=step_ms, page=page):
        found |= {str(row["id"]): row for row in rows}
    return list(found.values())


def pages_forward(
    ask: Callable[[int], list[Row]], since_ms: int, until_ms: int, *, page: int
) -> Iterator[tuple[int, list[Row]]]:
    """Yield rows page by page from a moment on where a venue answers the oldest rows since then.

    Each page comes with the last moment that it is complete until (epoch ms). Rows are sorted by their unified
    `timestamp`. Some venues answer for a week at a time only, so a page that is not full proves a week, no more; unless
    it reaches beyond it.

    Args:
        until_ms: now by the venue's clock.

    Raises:
        BadAnswer: one millisecond holds more than a page.
    """
    start_ms = max(since_ms, _FIRST_MS)
    while True:
        rows = sorted((row for row in ask(start_ms) if row["timestamp"] >= start_ms), key=lambda row: row["timestamp"])
        if len(rows) >= page:
            last_ms = int(rows[-1]["timestamp"])  # the next page may go on within this millisecond
            if last_ms == start_ms:
                raise BadAnswer("More rows at one moment than a page holds.")
            yield last_ms - 1, [row for row in rows if row["timestamp"] < last_ms]
            start_ms = last_ms
            continue
        next_ms = start_ms + _WEEK_MS
        if next_ms > until_ms or (rows and rows[-1]["timestamp"] >= next_ms):
            yield max(until_ms, start_ms), rows
            return
        yield next_ms - 1, rows
        start_ms = next_ms
