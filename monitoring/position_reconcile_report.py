"""What differs between the ledger and the venues, as one record or as a table."""

from collections.abc import Sequence
from typing import Any

from connectors.accounts import Skipped
from domain.exit_codes import ExitCode
from domain.quotes import UNAVAILABLE
from market_data.ask import status_of
from market_data.figures import heading
from monitoring.position_reconciling import POSITION, Difference, Reconciled
from utils.rendering import Report, Table

_HEADERS = ("venue", "difference", "symbol", "in", "ours", "venue's", "venue's − ours")


def reconciled_report(environment: str, found: Sequence[Reconciled], skipped: Sequence[Skipped] = ()) -> Report:
    """Report every difference; exit 10 where there is one, 8 where a venue could not be compared, 6 where none could.

    A venue whose own error explains that nothing was compared gives its code where it was the only one.
    """
    differences = [difference for item in found for difference in item.differences]
    record = {
        "environment": environment,
        "drift": len(differences),
        "differences": [difference._asdict() for difference in differences],
        "venues": [_record(item) for item in found],
        "skipped": [item._asdict() for item in skipped],
    }
    summary = [_line(item) for item in found]
    summary += [f"{item.venue}: {text}" for item in found for text in item.incomplete]
    summary += [f"{item.venue}: not asked: {item.reason}" for item in skipped]
    code = _code(found, drift=bool(differences))
    many = f"{len(differences)} differences." if len(differences) != 1 else "1 difference."
    summary.append(many if differences else _nothing(found, code))
    rows = [_row(difference) for difference in differences]
    tables = [Table(_HEADERS, rows, heading("Reconciled", environment), "llllrrr")] if rows else []
    return Report(record, tables, summary, exit_code=code)


def _nothing(found: Sequence[Reconciled], code: ExitCode) -> str:
    if code is ExitCode.OK:
        return "No differences."
    compared = any(item.compared for item in found)
    return "No differences where the venues could be compared." if compared else "Nothing could be compared."


def _row(difference: Difference) -> list[Any]:
    return [
        difference.venue,
        difference.kind,
        difference.symbol,
        difference.currency,
        difference.ours,
        difference.at_venue,
        difference.difference,
    ]


def _line(item: Reconciled) -> str:
    if not item.compared:
        return f"{item.venue}: not compared: {_reason(item)}"
    counts = ", ".join(f"{count} {_named(what, count)}" for what, count in item.compared.items())
    missing = "".join(f"; not compared: {text}" for text in item.not_compared)
    began = "; its opening was taken just now from what is there, so that nothing can differ yet" if item.opened else ""
    return f"{item.venue}: compared {counts}{missing}{began}"


def _named(what: str, count: int) -> str:
    singular = {"positions": POSITION, "currencies": "currency", "unrealized": "unrealized gain"}[what]
    plural = {"unrealized": "unrealized gains"}.get(what, what)
    return singular if count == 1 else plural


def _reason(item: Reconciled) -> str:
    if item.unopened is not None:
        return item.unopened
    return item.error.message if item.error is not None else "no answer"


def _record(item: Reconciled) -> dict[str, Any]:
    status = "ok" if item.compared and not item.error else status_of(item.error) if item.error else UNAVAILABLE
    return {
        "venue": item.venue,
        "status": "no_opening" if item.unopened else status,
        "drift": len(item.differences) if item.compared else None,
        "compared": dict(item.compared),
        "not_compared": list(item.not_compared),
        "incomplete": list(item.incomplete),
        "opened_now": item.opened,
        "error": item.error.category if item.error else None,
        "message": item.error.message if item.error else item.unopened,
    }


def _code(found: Sequence[Reconciled], *, drift: bool) -> ExitCode:
    if drift:
        return ExitCode.VERIFICATION_FAILED
    if all(item.compared and item.error is None for item in found):
        return ExitCode.OK
    if any(item.compared for item in found):
        return ExitCode.PARTIAL
    codes = {item.error.exit_code for item in found if item.error is not None}
    return codes.pop() if len(codes) == 1 and not any(item.unopened for item in found) else ExitCode.UNAVAILABLE
