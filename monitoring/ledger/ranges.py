"""Which stretches of time have been read, and which are still to be. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Range(NamedTuple):
    """A stretch of time, both ends included (epoch milliseconds)."""

    from_ms: int
    until_ms: int


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Join ranges that touch or overlap; those that end before they begin are nothing."""
    found: list[Range] = []
    for item in sorted(item for item in ranges if item.from_ms <= item.until_ms):
        if found and item.from_ms <= found[-1].until_ms + 1:
            found[-1] = Range(found[-1].from_ms, max(found[-1].until_ms, item.until_ms))
        else:
            found.append(item)
    return found


def missing(covered: Sequence[Range], wanted: Range, overlap_ms: int = 0) -> list[Range]:
    """List what of a wanted range is not covered, oldest first.

    The end of the newest covered stretch is read again for `overlap_ms`, because a venue's lists lag.
    """
    known = merged(covered)
    if known:
        known[-1] = Range(known[-1].from_ms, max(known[-1].from_ms - 1, known[-1].until_ms - overlap_ms))
    found, start = [], wanted.from_ms
    for item in known:
        if item.until_ms < start:
            continue
        if item.from_ms > start:
            found.append(Range(start, min(item.from_ms - 1, wanted.until_ms)))
        start = item.until_ms + 1
    found.append(Range(start, wanted.until_ms))
    return [item for item in found if item.from_ms <= item.until_ms]
