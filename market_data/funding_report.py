"""The answer to `funding` as JSON and as a table."""

from typing import Any

from domain.time import rfc3339
from market_data.absent import PLAINLY_ABSENT
from market_data.figures import heading, percent_text, size_text
from market_data.funding import FundingAnswer, FundingRow
from utils.rendering import Report, Table


def funding_report(answer: FundingAnswer, environment: str) -> Report:
    """Put the answer into a report."""
    record = {
        "environment": environment,
        "symbol": answer.symbol,
        "history": answer.span,
        "venues": [dict(vars(row)) for row in answer.rows],
        "spread": answer.spread._asdict() if answer.spread else None,
    }
    headers = ("venue", "symbol", "current", "predicted", "every", "next", "per 8 h", "APR", "APY", "pctile", "status")
    rows = [_cells(row) for row in answer.rows]
    title = heading(f"Funding of {answer.symbol}, history {answer.span}", environment)
    table = Table(headers, rows, title, "llrrrlrrrrl")
    return Report(record, [table], _summary(answer), answer.notes, answer.exit_code)


def _cells(row: FundingRow) -> list[Any]:
    every = "cont." if row.continuous else None if row.interval_h is None else f"{size_text(row.interval_h, 4)} h"
    return [
        row.venue,
        row.symbol,
        percent_text(row.current),
        percent_text(row.predicted),
        every,
        None if row.next_time_ms is None else f"{rfc3339(row.next_time_ms)[5:16].replace('T', ' ')}Z",
        percent_text(row.rate_8h),
        percent_text(row.apr, 2),
        percent_text(row.apy, 2),
        size_text(row.percentile, 1),
        row.status,
    ]


def _summary(answer: FundingAnswer) -> list[str]:
    lines = [f"{row.venue}: {row.reason}" for row in answer.rows if row.reason and row.reason != PLAINLY_ABSENT]
    spread = answer.spread
    if spread:
        lines.append(
            f"Widest spread: long at {spread.long_venue}, short at {spread.short_venue} earns "
            f"{percent_text(spread.apr, 2)} a year ({percent_text(spread.rate_8h)} per 8 h) before trading fees."
        )
    for row in answer.rows:
        name = row.venue if row.symbol == answer.symbol else f"{row.venue} {row.symbol}"
        mean = percent_text(row.history_mean_apr, 2)
        settled = f"{row.history_count} settled rates, on average {mean} a year" if mean else ""
        said = [part for part in (settled, *row.notes) if part]
        if said:
            lines.append(f"{name}: {'; '.join(said)}.")
    return lines
