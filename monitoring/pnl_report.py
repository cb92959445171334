"""The answer to `pnl` as JSON, as CSV, and as a table."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from domain.money import plain
from domain.time import rfc3339
from market_data.figures import heading, places_text
from monitoring.explaining import explain_tables
from monitoring.pnl import DAY, ORDER, PLAIN, SYMBOL, VENUE, Earnings, Group, Row
from monitoring.residuals import Unexplained
from monitoring.statement import FIGURES, NET
from utils.rendering import Report, Table
from utils.symbols.parts import DOLLARS

_COLUMNS = {VENUE: ("venue",), SYMBOL: ("venue", "symbol"), DAY: ("day",), ORDER: ("venue", "symbol", "order")}
_LEFT_OUT = "unexplained is not known: nothing is open, so that no venue was asked; position reconcile compares"
TOTAL = "total"


def pnl_report(
    answer: Earnings, environment: str, *, explained: Sequence[dict[str, Any]] = (), csv: bool = False
) -> Report:
    """Put an answer into a report.

    Args:
        explained: what `monitoring.explaining` made of it. csv: every digit, and a column that names what is not whole.
    """
    rows = [[*_names(answer, row.group), *_cells(answer, row, csv=csv)] for row in answer.rows]
    total = [TOTAL, *[""] * (len(_columns(answer)) - 1)]
    sums = {figure: answer.total(figure) for figure in FIGURES}
    rows.append(total + _figures(answer, sums, answer.lacking, csv=csv))
    headers = [*_columns(answer), *FIGURES, *(["incomplete"] if csv else [])]
    align = "l" * len(_columns(answer)) + "r" * len(FIGURES) + ("l" if csv else "")
    tables = [Table(headers, rows, heading(_title(answer), environment), align)]
    tables += [] if csv else explain_tables(list(explained))
    return Report(
        record(answer, environment, explained),
        tables,
        _summary(answer),
        answer.notes,
        answer.exit_code,
    )


def record(answer: Earnings, environment: str, explained: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write an answer for machines."""
    asked = answer.asked
    found: dict[str, Any] = {
        "environment": environment,
        "by": asked.by,
        "method": asked.method,
        "numeraire": asked.numeraire,
        "since_ms": asked.since_ms,
        "since": None if asked.since_ms is None else rfc3339(asked.since_ms),
        "rows": [_row_record(row) for row in answer.rows],
        "total": {
            **{figure: answer.total(figure) for figure in FIGURES},
            "known": {figure: answer.known(figure) for figure in FIGURES},
            "incomplete": [figure for figure in FIGURES if figure in answer.lacking],
        },
        "rates": [rate.record() for rate in answer.rates],
        "marks": [
            {"venue": venue, "symbol": symbol, **mark._asdict()} for (venue, symbol), mark in answer.seen.marks.items()
        ],
        "incomplete": [
            {"venue": lack.venue, "symbol": lack.symbol, "figures": sorted(lack.figures), "reason": lack.text}
            for lack in answer.lacks
        ],
        "unexplained": [item.record() for item in answer.unexplained] if answer.seen.states else None,
    }
    if explained:
        found["explain"] = list(explained)
    return found


def _row_record(row: Row) -> dict[str, Any]:
    group = row.group
    names = {"kind": group.kind or "group", "venue": group.venue, "symbol": group.symbol, "day": group.day}
    if group.order:
        names |= {"order": row.client_id or group.order, "order_id": group.order, "client_id": row.client_id}
    return {
        **names,
        **row.figures,
        "incomplete": [figure for figure in FIGURES if figure in row.lacking],
        "parts": [
            {
                "venue": venue,
                "currency": currency,
                "realized": sums.realized,
                "fees": sums.fees,
                "funding": sums.funding,
                "unrealized": sums.unrealized,
            }
            for venue, currency, sums in row.parts
        ],
    }


def _columns(answer: Earnings) -> tuple[str, ...]:
    return _COLUMNS[answer.asked.by]


def _names(answer: Earnings, group: Group) -> list[str]:
    names = [getattr(group, column) or "" for column in _columns(answer)]
    if group.kind != PLAIN:
        names[-1] = group.kind
    return names


def _cells(answer: Earnings, row: Row, *, csv: bool) -> list[Any]:
    return _figures(answer, row.figures, row.lacking, csv=csv)


def _figures(answer: Earnings, figures: dict[str, Decimal | None], lacking: set[str], *, csv: bool) -> list[Any]:
    if csv:
        return [*(figures[name] for name in FIGURES), " ".join(name for name in FIGURES if name in lacking)]
    places = _places(answer)
    return [(places_text(figures[name], places) or "not known") + ("*" if name in lacking else "") for name in FIGURES]


def _places(answer: Earnings) -> int:
    return 4 if answer.asked.numeraire in DOLLARS else 8


def _title(answer: Earnings) -> str:
    asked = answer.asked
    since = "" if asked.since_ms is None else f", since {rfc3339(asked.since_ms)[:19]}Z"
    only = ", ".join((*asked.venues, *asked.symbols))
    return f"PnL by {asked.by} in {asked.numeraire}, {asked.method} cost{since}{f', {only} only' if only else ''}"


def _summary(answer: Earnings) -> list[str]:
    asked = answer.asked
    lines = []
    if not answer.statement.entries:
        lines.append("The ledger has no trades of what was asked for; position sync reads them from the venues.")
    if asked.since_ms is not None:
        lines.append("Realized, fees and funding are since then; unrealized is what is open now, since its entry.")
    if any(row.figures[NET] is None for row in answer.rows):
        known = places_text(answer.known(NET), _places(answer))
        lines.append(f"The total of net is not known; of the rows where it is, it comes to {known} {asked.numeraire}.")
    lines += [f"Rate: {rate.text}" for rate in answer.rates]
    lines += [
        f"Mark: {venue} {symbol} {plain(mark.price)}  ({mark.source})"
        for (venue, symbol), mark in answer.seen.marks.items()
        if mark.price is not None
    ]
    lines += [f"* {lack.text}" for lack in answer.lacks]
    return lines + _unexplained(answer)


def _unexplained(answer: Earnings) -> list[str]:
    if not answer.seen.states:
        return [f"{_LEFT_OUT[0].upper()}{_LEFT_OUT[1:]}."] if answer.statement.entries else []
    found = answer.unexplained
    if not found:
        return ["Unexplained: nothing could be compared."]
    wrong = [item for item in found if not item.nothing]
    agree = [item for item in found if item.nothing]
    lines = [f"Unexplained: {_residue(item)}." for item in wrong]
    if agree:
        lines.append(f"Unexplained: 0 in {_agreeing(agree)}.")
    if answer.asked.symbols:
        lines.append("The venues' cash is of all symbols: leave --symbol out to compare it.")
    return lines


def _residue(item: Unexplained) -> str:
    if item.difference is None:
        return f"{_where(item)} is not known ({item.reason})"
    verb = "more" if item.difference > 0 else "less"
    amount = f"{places_text(item.difference.copy_abs(), 8)} {item.currency}"
    lacks = f" ({item.reason})" if item.reason else ""
    return f"{_where(item)}: the venue has {amount} {verb} than our books explain{lacks}"


def _agreeing(agree: Sequence[Unexplained]) -> str:
    """Name shortly what agrees: cash by venue, gains by symbol."""
    cash: dict[str, list[str]] = {}
    for item in agree:
        if not item.symbol:
            cash.setdefault(item.venue, []).append(f"{item.currency}")
    texts = [f"{venue} cash ({', '.join(currencies)})" for venue, currencies in cash.items()]
    return "; ".join([*texts, *(_where(item) for item in agree if item.symbol)])


def _where(item: Unexplained) -> str:
    if item.symbol:
        return f"{item.venue} {item.symbol} unrealized"
    return f"{item.venue} {item.currency} cash" if item.currency else f"{item.venue} cash"
