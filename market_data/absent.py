"""Rows of the venues that could not be asked: not listed, retired, or without a list of instruments."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from domain.errors import Retired
from domain.quotes import NOT_LISTED, RETIRED
from market_data.ask import status_of
from market_data.listing import NUMERAIRES, Target
from market_data.quotes import VenueRow

if TYPE_CHECKING:
    from connectors.registry import Venues


PLAINLY_ABSENT = "not listed"
"""The reason of a row whose status says all there is."""


def check_any_open(venues: "Venues") -> None:
    """Refuse a run in which every asked venue has closed.

    Raises:
        Retired: with the reason of the first.
    """
    if not venues.names and venues.retired:
        name, reason = next(iter(venues.retired.items()))
        raise Retired(f"{name} has closed: {reason}.", venue=name, hint="Ask another venue.")


def absent_rows(
    venues: "Venues", target: Target, present: Collection[str], *, option: str | None = None
) -> list[VenueRow]:
    """Build a row for each venue of this run that is not `present` in the answer, with the reason.

    Args:
        option: the command's option that brings in books in other dollars, named beside a near match.
    """
    rows = []
    for name in venues.names:
        if name in present:
            continue
        failure = venues.failures.get(name)
        if failure is not None:
            rows.append(VenueRow(name, target.symbol, status_of(failure), failure.message))
            continue
        row = VenueRow(name, target.symbol, NOT_LISTED, PLAINLY_ABSENT)
        if near := target.near.get(name):
            row.extra["near"] = near
            row.reason = f"lists {near}"
            if option and near.partition("/")[2].partition(":")[0] in NUMERAIRES:
                row.reason += f"; {option} brings it in"
        rows.append(row)
    rows += [
        VenueRow(name, target.symbol, RETIRED, reason)
        for name, reason in venues.retired.items()
        if name not in venues.names
    ]
    return rows
