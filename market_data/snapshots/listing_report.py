"""The answer to `snapshot list`."""

from typing import Any

from market_data.snapshots.coverage import second_text, share_text
from market_data.snapshots.listing import Listing, Stored
from market_data.snapshots.sizes import bytes_text, counted
from utils.rendering import Report, Table

EMPTY = "There are no recorded books in the store."


def list_report(listing: Listing, *, by_day: bool) -> Report:
    """Put a listing into a report: a row a series, or with `by_day` a row a series and day."""
    shown = listing.by_day if by_day else listing.series
    record = {
        "store": listing.store,
        "series": [each.record() for each in listing.series],
        "days": [each.record() for each in listing.by_day] if by_day else None,
        "foreign_count": listing.foreign_count,
    }
    if by_day:
        headers = ("venue", "symbol", "day", "from", "to", "rows", "ok", "coverage", "files", "size")
        rows = [_day(each) for each in shown]
    else:
        headers = ("venue", "symbol", "days", "from", "to", "rows", "ok", "coverage", "files", "size")
        rows = [_series(each) for each in shown]
    whole = sum(each.bytes for each in listing.series)
    summary = [f"{len(listing.series):,} series, {bytes_text(whole)}." if listing.series else EMPTY]
    if listing.foreign_count:
        summary.append(
            f"{counted(listing.foreign_count, 'object')} below order_books/ not ours; snapshot verify names them."
        )
    notes = [f"{each.series}: {problem}" for each in listing.series for problem in each.problems]
    table = Table(headers, rows, f"snapshot list  {listing.store}", "lllllrrrrr" if by_day else "llrllrrrrr")
    return Report(record, [table], summary, notes, listing.exit_code)


def _series(found: Stored) -> list[Any]:
    days: Any = len(found.days)
    if found.pruned:
        days = f"{days} ({found.pruned} pruned)"
    return [*found.series, days, second_text(found.first_ns), second_text(found.last_ns), *_figures(found)]


def _day(found: Stored) -> list[Any]:
    if found.pruned:
        return [*found.series, found.days[0], "pruned", *[None] * 6]
    times = [text[11:] if text else None for text in (second_text(found.first_ns), second_text(found.last_ns))]
    return [*found.series, found.days[0], *times, *_figures(found)]


def _figures(found: Stored) -> list[Any]:
    coverage = share_text(found.ok, found.expected)
    return [found.rows, found.ok, coverage, found.files, bytes_text(found.bytes)]
