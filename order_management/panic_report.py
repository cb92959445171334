"""What a panic has come to, venue by venue."""

from collections.abc import Sequence
from typing import Any

from connectors.accounts import Skipped
from domain.exit_codes import ExitCode
from domain.money import plain
from order_management.order_report import order_record
from order_management.panic import Flattened
from utils.rendering import Report, Table

SPOT_STAYS = "Balances are not sold: coins of spot markets stay as they are."
_HEADERS = ("venue", "state", "cancelled", "closing orders", "left", "time to flat", "reason")


def panic_report(
    environment: str, outcomes: Sequence[Flattened], skipped: Sequence[Skipped] = (), drill: Sequence[str] = ()
) -> Report:
    """Report where every venue stands: exit 0 only where all are flat; one venue alone gives its own code."""
    rows = [_row(item) for item in outcomes]
    rows += [[item.venue, "not asked", None, None, None, None, item.reason] for item in skipped]
    codes = [_code(item) for item in outcomes]
    together = codes[0] if len(set(codes)) == 1 else ExitCode.PARTIAL
    times = [item.flat_after_s for item in outcomes if item.flat_after_s is not None]
    flat = together is ExitCode.OK
    slowest = max(times) if flat and times else None
    record = {
        "environment": environment,
        "flat": flat,
        "time_to_flat_s": _seconds(slowest),
        "spot_balances": "not sold",
        "drill": list(drill),
        "venues": [_record(item, environment) for item in outcomes],
        "skipped": [item._asdict() for item in skipped],
    }
    summary = [*drill]
    for item in outcomes:
        summary += [f"{item.venue}: {problem}" for problem in item.problems]
        if item.unsettled:
            summary.append(f"{item.venue}: not settled: {', '.join(item.unsettled)}. Settle with: order resolve")
    summary.append(f"Flat everywhere after {slowest:.2f} s." if slowest is not None else _not_flat(outcomes))
    summary.append(SPOT_STAYS)
    table = Table(_HEADERS, rows, f"Panic [{environment}]", "llrrlrl")
    return Report(record, [table], summary, exit_code=together)


def _not_flat(outcomes: Sequence[Flattened]) -> str:
    left = [item.venue for item in outcomes if not item.flat or item.unsettled]
    return f"Not sure to be flat: {', '.join(left)}. Run panic again."


def _row(item: Flattened) -> list[Any]:
    left = [f"{plain(position.size)} {position.symbol}" for position in item.left_positions]
    left += [f"order {report.order_id}" for report in item.left_orders]
    after = None if item.flat_after_s is None else f"{item.flat_after_s:.2f} s"
    reason = item.error.message if item.error is not None and not (item.flat and not item.unsettled) else None
    return [item.venue, _state(item), len(item.cancelled), len(item.closing), ", ".join(left) or None, after, reason]


def _state(item: Flattened) -> str:
    if item.flat is None:
        return "unknown"
    if not item.flat:
        return "NOT FLAT"
    return "flat, but unsettled" if item.unsettled else "flat"


def _record(item: Flattened, environment: str) -> dict[str, Any]:
    return {
        "venue": item.venue,
        "flat": item.flat,
        "time_to_flat_s": _seconds(item.flat_after_s),
        "cancelled": [report.order_id for report in item.cancelled],
        "closing": [order_record(order, environment) for order in item.closing],
        "left_orders": [report.order_id for report in item.left_orders],
        "left_positions": [{"symbol": held.symbol, "size": held.size} for held in item.left_positions],
        "unsettled": list(item.unsettled),
        "problems": list(item.problems),
        "error": item.error.category if item.error else None,
        "message": item.error.message if item.error else None,
    }


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _code(item: Flattened) -> ExitCode:
    if item.flat is None:
        return item.error.exit_code if item.error is not None else ExitCode.UNAVAILABLE
    if not item.flat:
        return ExitCode.PARTIAL
    return ExitCode.OUTCOME_UNKNOWN if item.unsettled else ExitCode.OK
