"""The `ratelimit` command."""

from typing import Any

import click

from commands.options import common_options
from commands.session import finish, open_session
from utils.rendering import Report, Table


@click.command(epilog="Example: python main.py ratelimit --env sim")
@common_options
def ratelimit(env: str | None, venues: tuple[str, ...], output: str, timeout: float | None) -> None:
    """Show request budgets, bans, circuit breakers and clock offsets, as all processes here share them."""
    from monitoring.ratelimits import ratelimit_rows

    session = open_session(env, venues, timeout, markets=False)
    rows = ratelimit_rows(session.venues)
    headers = ("venue", "per minute", "used", "left", "venue's count", "blocked until", "breaker", "clock ms")
    table = Table(headers, [_cells(row) for row in rows], f"ratelimit  ({session.environment})", "lrrrrllr")
    failing = [f"{row['venue']}: {row['last_failure']}" for row in rows if row["last_failure"]]
    record = {"environment": session.environment, "venues": rows}
    finish(Report(record, [table], failing, notes=session.venues.notes), output)


def _cells(row: dict[str, Any]) -> list[Any]:
    told = f"{row['venue_used']} of {row['venue_limit']}" if row["venue_limit"] is not None else None
    state = row["breaker"]
    if row["asked_again_at"]:
        state += f" until {row['asked_again_at']}"
    elif row["failures"]:
        state += f", {row['failures']} failures"
    left = f"{row['remaining']} of {row['burst']}" if row["burst"] is not None else None
    shown = ("requests_per_minute", "used")
    offset = row["clock_offset_ms"]
    return [
        row["venue"],
        *(row[name] for name in shown),
        left,
        told,
        row["blocked_until"],
        state,
        None if offset is None else f"{offset:+d}",
    ]
