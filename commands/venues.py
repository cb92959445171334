"""The `venues` command."""

from typing import Any

import click

from commands.options import common_options
from commands.session import finish, open_session
from domain.money import plain
from utils.rendering import Report, Table


@click.command(epilog="Example: python main.py venues --env sim")
@common_options
def venues(env: str | None, venues: tuple[str, ...], output: str, timeout: float | None) -> None:
    """List venues, their classes, URLs, what they can do, fees and their source, and whether keys are there."""
    from monitoring.venues import venue_rows

    session = open_session(env, venues, timeout)
    rows = venue_rows(session.config, session.venues, venues)
    headers = ("venue", "can", "kinds", "levels", "taker bps", "maker bps", "keys", "connector", "reached at")
    table = Table(headers, [_cells(row) for row in rows], f"venues  ({session.environment})")
    sources = [f"{row['venue']} fees: {row['fee_source']}" for row in rows if row.get("fee_source")]
    notes = [f"{row['venue']}: {row['notes']}" for row in rows if row.get("notes")]
    record = {"environment": session.environment, "venues": rows}
    finish(Report(record, [table], [*sources, *notes], notes=session.venues.notes), output)


def _cells(row: dict[str, Any]) -> list[Any]:
    if "can" not in row:
        state = f"retired: {row['retired']}" if row["retired"] else "disabled"
        return [row["venue"], state, *[None] * 5, row["class"].replace(":", ":\n"), None]
    return [
        row["venue"],
        "\n".join(row["can"]),
        "\n".join(row["kinds"]),
        row["max_depth"],
        _fees(row["taker_fee_bps"]),
        _fees(row["maker_fee_bps"]),
        row["credentials"] or ("none (needs a\npassphrase too)" if row["needs_passphrase"] else "none"),
        row["class"].replace(":", ":\n"),
        "\n".join(row["urls"]),
    ]


def _fees(fees: Any) -> str | None:
    return None if fees is None else "–".join(plain(fee) for fee in fees)
