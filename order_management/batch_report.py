"""What became of a file's orders: a JSON object for each as it ends, or a table at the end."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from domain.money import plain
from order_management.batch import BAD_LINE, UNSETTLED, Outcome, exit_code_of
from order_management.batch_file import Row
from order_management.order_report import order_record, status_text
from utils.rendering import Report, Table
from utils.rendering.report import JSON, to_json

HEADERS = ("line", "id", "venue", "symbol", "side", "type", "amount", "price", "outcome", "status", "reason")
ALIGN = "rlllllrrlll"


def outcome_record(item: Outcome, environment: str) -> dict[str, Any]:
    """Describe one line's outcome for machines."""
    ticket, error = item.row.ticket, item.error
    record: dict[str, Any] = {"environment": environment, "line": item.row.line, "outcome": item.what}
    if item.order is not None:
        record |= order_record(item.order, environment)
    elif ticket is not None:
        record |= {"id": ticket.client_id, "venue": ticket.venue, "symbol": ticket.symbol, "side": ticket.side}
    return record | {
        "error": error.category if error else None,
        "message": _reason(item),
        "hint": _hint(item),
    }


def teller(environment: str, output: str, total: int) -> Callable[[Outcome], None]:
    """Make what is called with each outcome: with JSON it prints a line; else it counts on a terminal's stderr."""
    count = 0
    silent = output != JSON and not sys.stderr.isatty()

    def tell(item: Outcome) -> None:
        nonlocal count, silent
        count += 1
        if silent:
            return
        try:
            if output == JSON:
                sys.stdout.write(to_json(outcome_record(item, environment)) + "\n")
                sys.stdout.flush()
            else:
                sys.stderr.write(f"\r{count} of {total} orders done" + ("\n" if count == total else ""))
                sys.stderr.flush()
        except BrokenPipeError:
            silent = True  # the reader has gone; the orders go on

    return tell


def preview_report(rows: Sequence[Row], environment: str) -> Report:
    """Report what would be sent; nothing was."""
    outcomes = [Outcome(row, "preview" if row.ticket else BAD_LINE, error=row.error) for row in rows]
    record = {"environment": environment, "orders": [outcome_record(item, environment) for item in outcomes]}
    table = Table(HEADERS, [_row(item) for item in outcomes], f"Batch preview [{environment}]", ALIGN)
    return Report(record, [table], ["Preview: nothing was sent."])


def batch_report(outcomes: Sequence[Outcome], environment: str, *, interrupted: bool) -> Report:
    """Report all outcomes as a table with their counts."""
    counts = Counter(item.what for item in outcomes)
    summary = [", ".join(f"{number} {what.replace('_', ' ')}" for what, number in sorted(counts.items())) + "."]
    if any(item.what == UNSETTLED for item in outcomes):
        summary.append("Do not send what is unsettled again; settle it with: order resolve")
    record = {"environment": environment, "orders": [outcome_record(item, environment) for item in outcomes]}
    table = Table(HEADERS, [_row(item) for item in outcomes], f"Batch [{environment}]", ALIGN)
    code = exit_code_of(outcomes, interrupted=interrupted)
    return Report(record, [table], summary, exit_code=code)


def _row(item: Outcome) -> list[Any]:
    ticket, order = item.row.ticket, item.order
    status = status_text(order) if order is not None else None
    if ticket is None:
        return [item.row.line, *[None] * 7, item.what.replace("_", " "), status, _reason(item)]
    price = plain(ticket.price) if ticket.price is not None else None
    if ticket.stop_price is not None:
        price = f"{price or 'market'} @ {plain(ticket.stop_price)}"
    amount = plain(ticket.amount) + ("" if ticket.unit == "base" else f" {ticket.unit}")
    cells = [item.row.line, ticket.client_id, ticket.venue, ticket.symbol, ticket.side, ticket.type, amount, price]
    return [*cells, item.what.replace("_", " "), status, _reason(item)]


def _reason(item: Outcome) -> str | None:
    if item.error is not None:
        return item.error.message
    return None if item.good or item.order is None else item.order.state.reason


def _hint(item: Outcome) -> str | None:
    if item.what == UNSETTLED and item.row.ticket is not None:
        return f"Do not send it again; settle it with: order resolve {item.row.ticket.client_id}"
    return item.error.hint if item.error else None
