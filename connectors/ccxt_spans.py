"""Ask for everything since a moment where a venue answers only about so long a time, and only so many rows at once."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.errors import BadAnswer

Row = Mapping[str, Any]


def rows_by_span(
    ask: Callable[[int, int], list[Row]], since_ms: int, until_ms: int, *, step_ms: int, page: int
) -> list[Row]:
    """Collect rows of unified `id` span by span; a span that fills its page is asked for again in halves.

    So nothing is missed, whichever end of a span that is too full the venue leaves out.

    Args:
        ask: answers the rows from one moment to another (epoch ms, both included).
        step_ms: the longest span that the venue answers.
        page: how many rows it answers at once.

    Raises:
        BadAnswer: one millisecond holds more than a page.
    """
    starts = range(since_ms, until_ms + 1, step_ms)
    pending = [(start, min(start + step_ms - 1, until_ms)) for start in reversed(starts)]
    found: dict[str, Row] = {}
    while pending:
        first_ms, last_ms = pending.pop()
        rows = ask(first_ms, last_ms)
        if len(rows) < page:
            found |= {str(row["id"]): row for row in rows}
            continue
        if first_ms == last_ms:
            raise BadAnswer("More rows at one moment than a page holds.")
        middle_ms = (first_ms + last_ms) // 2
        pending += [(middle_ms + 1, last_ms), (first_ms, middle_ms)]
    return list(found.values())
