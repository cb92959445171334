"""What reading the venues' histories came to, as a record and a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connectors.accounts import Skipped
from domain.exit_codes import ExitCode
from domain.time import rfc3339
from utils.rendering import Report, Table

if TYPE_CHECKING:
    from monitoring.ledger.rows import Gap
    from monitoring.syncing import Synced

KINDS = ("fills", "funding", "deliveries", "transfers")
_HEADERS = ("venue", "symbols", *(f"new {kind}" for kind in KINDS), "from (UTC)", "until (UTC)", "gaps", "read")
_GAPS_SHOWN = 20


def sync_report(environment: str, outcomes: "Sequence[Synced]", skipped: Sequence[Skipped] = ()) -> Report:
    """Report what is new and what is missing; exit 8 where a venue failed, its own code where all did."""
    failed = [item.error for item in outcomes if item.error is not None]
    code = ExitCode.OK
    if failed:
        alone = len(failed) == len(outcomes) and len({error.exit_code for error in failed}) == 1
        code = failed[0].exit_code if alone else ExitCode.PARTIAL
    gaps = [gap for item in outcomes for gap in item.gaps]
    summary = [f"{item.venue}: not read as a whole: {item.error.message}" for item in outcomes if item.error]
    opened = [(item.venue, item.opened_ms) for item in outcomes if item.opened]
    summary += [f"{venue}: what the account held before {_minute(moment)} is known now." for venue, moment in opened]
    summary += [f"{gap.venue}: missing: {gap.text}" for gap in gaps[:_GAPS_SHOWN]]
    if len(gaps) > _GAPS_SHOWN:
        summary.append(f"… and {len(gaps) - _GAPS_SHOWN} gaps more; --json has all.")
    summary += [f"{item.venue}: not asked: {item.reason}" for item in skipped]
    record = {
        "environment": environment,
        "venues": [_record(item) for item in outcomes],
        "skipped": [item._asdict() for item in skipped],
    }
    table = Table(_HEADERS, [_row(item) for item in outcomes], f"Synced [{environment}]", "lrrrrrllrl")
    return Report(record, [table], summary, exit_code=code)


def _row(item: "Synced") -> list[Any]:
    counts = [item.new.get(kind, 0) for kind in KINDS]
    return [
        item.venue, len(item.symbols), *counts, _minute(item.since_ms), _minute(item.until_ms), len(item.gaps),
        "yes" if item.error is None else item.error.category,
    ]  # fmt: skip


def _record(item: "Synced") -> dict[str, Any]:
    return {
        "venue": item.venue,
        "complete": item.error is None,
        "symbols": item.symbols,
        "new": {kind: item.new.get(kind, 0) for kind in (*KINDS, "rates")},
        "since_ms": item.since_ms,
        "since": rfc3339(item.since_ms),
        "until_ms": item.until_ms,
        "until": rfc3339(item.until_ms),
        "history_begins_ms": item.opened_ms,
        "history_begins": None if item.opened_ms is None else rfc3339(item.opened_ms),
        "opening_taken": item.opened,
        "gaps": [_gap(gap) for gap in item.gaps],
        "error": item.error.category if item.error else None,
        "message": item.error.message if item.error else None,
    }


def _gap(gap: "Gap") -> dict[str, Any]:
    return {**gap._asdict(), "since": rfc3339(gap.since_ms), "until": rfc3339(gap.until_ms)}


def _minute(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else rfc3339(moment_ms)[:16].replace("T", " ")
