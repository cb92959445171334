"""What differs between journal, venues and own trades, as one record or as a table."""

from collections.abc import Sequence
from typing import Any

from connectors.accounts import Skipped
from domain.exit_codes import ExitCode
from order_management.reconciling import Reconciled
from utils.rendering import Report, Table

_HEADERS = ("venue", "difference", "symbol", "id", "venue's id", "journal", "venue says", "done")


def reconciled_report(
    environment: str, outcomes: Sequence[Reconciled], skipped: Sequence[Skipped] = (), *, accept: bool = False
) -> Report:
    """Report every difference; exit 10 where there is one (with `accept`: one that is left), 8 where venues failed."""
    found = [difference for item in outcomes for difference in item.differences]
    left = [difference for difference in found if difference.left]
    rows = [list(difference[:-1]) for difference in found]
    failed = [item for item in outcomes if item.error is not None]
    record = {
        "environment": environment,
        "drift": len(found),
        "left": len(left),
        "differences": [difference._asdict() for difference in found],
        "venues": [_record(item) for item in outcomes],
        "skipped": [item._asdict() for item in skipped],
    }
    summary = [_counts(item) for item in outcomes]
    summary += [f"{item.venue}: not asked: {item.reason}" for item in skipped]
    summary.append(_conclusion(len(found), len(left), len(failed)))
    code = ExitCode.OK
    if left if accept else found:
        code = ExitCode.VERIFICATION_FAILED
    elif failed:
        alone = len(failed) == len(outcomes) and len({_error_code(item) for item in failed}) == 1
        code = _error_code(failed[0]) if alone else ExitCode.PARTIAL
    tables = [Table(_HEADERS, rows, f"Reconciled [{environment}]", "llllllll")] if rows else []
    return Report(record, tables, summary, exit_code=code)


def _conclusion(found: int, left: int, failed: int) -> str:
    if not found:
        return "No differences where the venues answered." if failed else "No differences."
    return f"{found} differences, of which {found - left} were settled; {left} are left."


def _counts(item: Reconciled) -> str:
    if not item.compared:
        return f"{item.venue}: unavailable: {item.error.message if item.error else 'it did not answer'}"
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in item.compared.items())
    missing = "".join(f"; unavailable: {text}" for text in item.unavailable)
    return f"{item.venue}: compared {counts}{missing}"


def _record(item: Reconciled) -> dict[str, Any]:
    return {
        "venue": item.venue,
        "drift": len(item.differences) if item.compared else None,
        "compared": dict(item.compared),
        "balances": [balance._asdict() for balance in item.balances],
        "unavailable": list(item.unavailable),
        "error": item.error.category if item.error else None,
        "message": item.error.message if item.error else None,
    }


def _error_code(item: Reconciled) -> ExitCode:
    # A venue that answered in part is no failure of the whole.
    return item.error.exit_code if item.error is not None and not item.compared else ExitCode.PARTIAL
