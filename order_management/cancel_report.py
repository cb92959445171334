"""What came of cancels, as JSON and as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.exit_codes import ExitCode
from order_management.cancelling import Cancelled, Swept
from order_management.order_report import ALIGN, HEADERS, order_record, order_row
from utils.rendering import Report, Table

if TYPE_CHECKING:
    from order_management.desk import Desk


def cancelled_report(desk: "Desk", cancelled: Sequence[Cancelled]) -> Report:
    """Report cancels of single orders; one that went wrong alone gives its own exit code."""
    records = []
    summary = []
    for item in cancelled:
        records.append(
            {
                **order_record(item.order, desk.environment),
                "note": item.note,
                "error": item.error.category if item.error else None,
                "message": item.error.message if item.error else None,
            }
        )
        for text in (item.note, item.error.message if item.error else None):
            if text:
                summary.append(f"{item.order.record.client_id}: {text}")
        if not item.order.state.settled:
            summary.append(f"Not settled; ask again: order status {item.order.record.client_id}")
    title = f"Cancelled [{desk.environment}]"
    table = Table(HEADERS, [order_row(item.order) for item in cancelled], title, ALIGN)
    record = {"environment": desk.environment, "orders": records}
    return Report(record, [table], summary, exit_code=_together([_code(item) for item in cancelled]))


def swept_report(desk: "Desk", swept: Sequence[Swept]) -> Report:
    """Report what cancelling everything has come to, per venue."""
    headers = ("venue", "were open", "still open", "rounds", "reason")
    rows = [[s.venue, len(s.found), len(s.left), s.rounds, s.error.message if s.error else None] for s in swept]
    records = [
        {
            "venue": item.venue,
            "found": [report.order_id for report in item.found],
            "left": [report.order_id for report in item.left],
            "rounds": item.rounds,
            "unsettled": [order.record.client_id for order in item.unsettled],
            "error": item.error.category if item.error else None,
            "message": item.error.message if item.error else None,
        }
        for item in swept
    ]
    codes = [_swept_code(item) for item in swept]
    table = Table(headers, rows, f"Cancel everything [{desk.environment}]", "lrrrl")
    doubtful = [order.record.client_id for item in swept for order in item.unsettled]
    summary = []
    if doubtful:
        summary = [
            f"Not cancelled, because it is not known whether the venue has them: {', '.join(doubtful)}.",
            "Find out with order resolve, then cancel again.",
        ]
    record = {"environment": desk.environment, "venues": records}
    return Report(record, [table], summary, exit_code=_together(codes))


def _code(item: Cancelled) -> ExitCode:
    if item.error is not None:
        return item.error.exit_code
    return ExitCode.OK if item.order.state.settled else ExitCode.OUTCOME_UNKNOWN


def _swept_code(item: Swept) -> ExitCode:
    if item.error is not None:
        return item.error.exit_code
    if item.left:
        return ExitCode.PARTIAL
    return ExitCode.OUTCOME_UNKNOWN if item.unsettled else ExitCode.OK


def _together(codes: Sequence[ExitCode]) -> ExitCode:
    different = set(codes)
    return codes[0] if len(different) == 1 else ExitCode.PARTIAL if different else ExitCode.OK
