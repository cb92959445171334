"""What `snapshot prune` would delete, and what it has deleted."""

from collections.abc import Sequence
from typing import Any

from market_data.snapshots.compacting import worst_exit_code
from market_data.snapshots.inventory import Place
from market_data.snapshots.pruning import Plan, Pruned
from market_data.snapshots.sizes import bytes_text, counted
from utils.rendering import Report, Table


def plan_text(plan: Plan, store: str) -> str:
    """Say in a few lines what would be deleted: a line a series, and the sum."""
    lines = [f"To be deleted from {store}:"]
    for series in dict.fromkeys(day.place.series for day in plan.days):
        days = [day for day in plan.days if day.place.series == series]
        span = days[0].place.day if len(days) == 1 else f"{days[0].place.day} to {days[-1].place.day}"
        size = bytes_text(sum(day.bytes for day in days))
        lines.append(f"  {series}: {counted(len(days), 'day')} ({span}), {size}")
    files = counted(sum(day.files for day in plan.days), "file")
    lines.append(f"{files}, {bytes_text(sum(day.bytes for day in plan.days))}. The manifests stay.")
    return "\n".join(lines)


def prune_report(store: str, done: Sequence[Pruned], left_alone: Sequence[str]) -> Report:
    """Put what was deleted into a report."""
    record = {"store": store, "days": [_record(each) for each in done], "left_alone": list(left_alone)}
    headers = ("venue", "symbol", "day", "files", "rows", "size", "result")
    tables = [Table(headers, [_cells(each) for each in done], f"snapshot prune  {store}", "lllrrrl")] if done else []
    gone = [each.day for each in done if each.error is None]
    size = bytes_text(sum(day.bytes for day in gone))
    summary = [
        f"{counted(sum(day.files for day in gone), 'file')} deleted, {size}." if gone else "Nothing was deleted."
    ]
    notes = [f"Left alone: {sentence}" for sentence in left_alone]
    return Report(record, tables, summary, notes, worst_exit_code([each.error for each in done]))


def _record(each: Pruned) -> dict[str, Any]:
    place: Place = each.day.place
    return {
        "venue": place.series.venue,
        "symbol": place.series.symbol,
        "day": place.day,
        "files": each.day.files,
        "rows": each.day.rows,
        "bytes": each.day.bytes,
        "error": each.error.category if each.error else None,
        "message": each.error.message if each.error else None,
    }


def _cells(each: Pruned) -> list[Any]:
    day = each.day
    result = each.error.message if each.error else "pruned"
    return [*day.place.series, day.place.day, day.files, day.rows, bytes_text(day.bytes), result]
