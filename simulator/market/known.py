"""Ask a market that may lack figures: a tape answers only what was recorded."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from simulator.market.model import Listing, NotRecorded

_Read = TypeVar("_Read")


def known(read: Callable[[], _Read]) -> _Read | None:
    """Read a figure; None where the market lacks it."""
    try:
        return read()
    except NotRecorded:
        return None


def each_known(listings: Iterable[Listing], row: Callable[[Listing], _Read]) -> list[_Read]:
    """Make a row of each listing; leave out those of which the market lacks a figure."""
    rows: list[_Read] = []
    for listing in listings:
        try:
            rows.append(row(listing))
        except NotRecorded:
            continue
    return rows
