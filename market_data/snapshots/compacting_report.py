"""The answer to `snapshot compact`."""

from collections.abc import Sequence
from typing import Any

from market_data.snapshots.compacting import Compacted, worst_exit_code
from market_data.snapshots.sizes import bytes_text, counted
from utils.rendering import Report, Table


def compact_report(store: str, done: Sequence[Compacted]) -> Report:
    """Put what was done into a report; days with nothing to do are counted only."""
    record = {"store": store, "days": [_record(day) for day in done]}
    rows = [_cells(day) for day in done if day.changed or day.error]
    headers = ("venue", "symbol", "day", "files before", "files", "size before", "size", "cleared", "result")
    tables = [Table(headers, rows, f"snapshot compact  {store}", "lllrrrrrl")] if rows else []
    idle = sum(not day.changed and not day.error for day in done)
    summary = [f"Nothing to do for {counted(idle, 'day')} of a series."] if idle else []
    summary += [] if done else ["There is no such day that is over: nothing was done."]
    notes = [
        f"{day.place.series} {day.place.day}: no manifest names {', '.join(day.unnamed[:3])}"
        f"{' …' if len(day.unnamed) > 3 else ''}; left alone."
        for day in done
        if day.unnamed
    ]
    return Report(record, tables, summary, notes, worst_exit_code([day.error for day in done]))


def _record(day: Compacted) -> dict[str, Any]:
    return {
        "venue": day.place.series.venue,
        "symbol": day.place.series.symbol,
        "day": day.place.day,
        "files_before": day.files_before,
        "files": day.files,
        "bytes_before": day.bytes_before,
        "bytes": day.bytes,
        "cleared": day.cleared,
        "unnamed": day.unnamed,
        "error": day.error.category if day.error else None,
        "message": day.error.message if day.error else None,
    }


def _cells(day: Compacted) -> list[Any]:
    return [
        *day.place.series,
        day.place.day,
        day.files_before,
        day.files,
        bytes_text(day.bytes_before),
        bytes_text(day.bytes),
        len(day.cleared),
        day.error.message if day.error else "ok",
    ]
