"""From earnings to a picture: the cumulated net over time, a line a group."""

import time
from collections.abc import Iterable
from decimal import Decimal

from domain.errors import UsageError
from domain.time import NS_PER_MS, rfc3339
from monitoring.accounting.book import Book, Line
from monitoring.accounting.exact import ZERO, minus, plus, times
from monitoring.pnl import SYMBOL, VENUE, Earnings, Row
from monitoring.statement import NET
from utils.plotting.charts import earnings_chart

MOST_POINTS = 2_000
"""What a line is thinned to: a picture has no room for more."""


def plot_pnl(answer: Earnings, environment: str, path: str) -> str:
    """Draw realised − fees + funding as they came in; the last point, now, has what is open in it.

    By day and by order there is one line, of everything. Rates are those of now. A group without a rate is left out,
    and named in the sentence that is returned.

    Raises:
        UsageError: there is nothing to draw, or the file cannot be written.
    """
    asked = answer.asked
    # A venue's clock may be ahead of ours: now is not before the last entry.
    latest = (lines[-1][1].time_ms for lines in answer.lines.values() if lines)
    now_ms = max(time.time_ns() // NS_PER_MS, *latest, 0)
    groups = {_name(row): [row] for row in answer.rows} if asked.by in (VENUE, SYMBOL) else {"all": answer.rows}
    series, left_out = {}, []
    for name, rows in groups.items():
        points = _points(answer, rows, now_ms)
        if points is None:
            left_out.append(name)
        elif points:
            series[name] = points
    if not series:
        raise UsageError("There is nothing to draw: no group has entries and rates.")
    title = f"Net PnL by {asked.by}" if len(groups) > 1 else "Net PnL"
    subtitle = f"realized − fees + funding, cumulated · {environment} · {rfc3339(now_ms)[:19]}Z"
    earnings_chart(path, title, subtitle, series, now_ms, f"net ({asked.numeraire})")
    missing = f" Left out, without a rate: {', '.join(left_out)}." if left_out else ""
    return f"The picture is in {path}.{missing}"


def _points(answer: Earnings, rows: Iterable[Row], now_ms: int) -> list[tuple[float, float]] | None:
    rows = list(rows)
    lines = sorted((pair for row in rows for pair in answer.lines.get(row.group, ())), key=lambda pair: pair[1].time_ms)
    net, points = ZERO, list[tuple[float, float]]()
    for book, line in lines:
        change = _change(answer, book, line)
        if change is None:
            return None
        net = plus(net, change)
        points.append((line.time_ms, float(net)))
    nets = [row.figures[NET] for row in rows]
    thinned = _thinned(points)
    if thinned and None not in nets:
        thinned.append((now_ms, float(sum((value for value in nets if value is not None), ZERO))))
    return thinned


def _change(answer: Earnings, book: Book, line: Line) -> Decimal | None:
    rate = answer.seen.rate(book.contract.currency, book.contract.venue)
    amount = minus(plus(line.realized or ZERO, line.funding or ZERO), line.fee or ZERO)
    if rate is None:
        return None if amount else ZERO
    return times(amount, rate.price)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    step = len(points) // MOST_POINTS + 1
    kept = points[::step]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _name(row: Row) -> str:
    return " ".join(part for part in (row.group.venue, row.group.symbol) if part)
