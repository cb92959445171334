"""Open positions as a table and as one record."""

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.accounts import Skipped
from domain.quotes import OK, UNAVAILABLE
from domain.time import rfc3339
from market_data.ask import status_of, verdict
from market_data.figures import heading, size_text
from monitoring.positions import PositionRow, Sum, sums
from utils.rendering import Report, Table

if TYPE_CHECKING:
    from monitoring.statement import Lack
    from monitoring.venue_state import VenueState

_MINUTE_MS = 60_000
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (_MINUTE_MS, "min"), (1_000, "s"))
_SHOWN = frozenset({"unrealized", "funding"})
_NOT_KNOWN = "not known"


def position_report(
    environment: str,
    rows: Sequence[PositionRow],
    states: Mapping[str, "VenueState"],
    *,
    skipped: Sequence[Skipped] = (),
    lacks: "Sequence[Lack]" = (),
    notes: Sequence[str] = (),
    every_column: bool = False,
) -> Report:
    """Report positions; exit 8 where a venue did not tell what it holds, 6 (or its own code) where none did.

    Args:
        rows: what is to be shown.
        states: what the venues said.
        lacks: what the ledger's figures lack; what touches none of those shown is left out.
        notes: how old the ledger is, for stderr and the record.
        every_column: keep also the columns of which no row has anything, for programs.
    """
    now_ms = time.time_ns() // 1_000_000
    totals = sums(rows)
    statuses = {venue: _status(state) for venue, state in states.items()}
    summary = [] if rows else ["No open positions" + (" by our trades." if set(statuses.values()) != {OK} else ".")]
    summary += [_total_line(item) for item in totals]
    summary += [
        f"{venue}: {_NOT_KNOWN}: {state.error.message if state.error else 'no answer'}"
        for venue, state in states.items()
        if statuses[venue] != OK
    ]
    summary += [f"{item.venue}: not asked: {item.reason}" for item in skipped]
    unasked = dict.fromkeys(row.venue for row in rows if row.venue not in states)
    summary += [f"{venue}: not asked: it is not enabled" for venue in unasked]
    incomplete = list(dict.fromkeys(lack.text for lack in lacks if lack.figures & _SHOWN and _touches(lack, rows)))
    summary += incomplete
    record = {
        "environment": environment,
        "positions": [_record(row, now_ms) for row in rows],
        "totals": [item._asdict() for item in totals],
        "venues": [_venue_record(state, statuses[venue]) for venue, state in states.items()],
        "skipped": [item._asdict() for item in skipped],
        "incomplete": incomplete,
        "notes": list(notes),
    }
    tables = [_table(rows, environment, now_ms, every_column)] if rows else []
    return Report(record, tables, summary, notes, verdict(list(statuses.values())))


def _touches(lack: "Lack", rows: Sequence[PositionRow]) -> bool:
    return any(lack.venue == row.venue and lack.symbol in (None, row.symbol) for row in rows)


def _table(rows: Sequence[PositionRow], environment: str, now_ms: int, every_column: bool) -> Table:
    """Lay the rows out; columns of which no row has anything may be left out."""
    columns: dict[str, tuple[str, list[Any]]] = {
        "venue": ("l", [row.venue for row in rows]),
        "symbol": ("l", [row.symbol for row in rows]),
        "side": ("l", [row.side for row in rows]),
        "quantity": ("r", [size_text(None if row.quantity is None else abs(row.quantity)) for row in rows]),
        "contracts": ("r", [size_text(None if row.contracts is None else abs(row.contracts)) for row in rows]),
        "entry": ("r", [size_text(row.entry_price) for row in rows]),
        "mark": ("r", [None if row.mark is None else size_text(row.mark.price) for row in rows]),
        "liq.": ("r", [size_text(row.liquidation_price) for row in rows]),
        "lev.": ("r", [size_text(row.leverage, 2) for row in rows]),
        "unrealized": ("r", [_text(row.unrealized) for row in rows]),
        "venue's unr. −ours": ("r", [_some(row.unrealized_difference) for row in rows]),
        "funding": ("r", [_text(row.funding) for row in rows]),
        "in": ("l", [row.currency for row in rows]),
        "age": ("r", [age_text(row, now_ms) for row in rows]),
        "ours": ("r", [_text(row.ours) for row in rows]),
        "elsewhere": ("r", [_text(row.elsewhere) for row in rows]),
        "venue's": ("r", [_text(row.at_venue) if row.known else _NOT_KNOWN for row in rows]),
        "difference": ("r", [_text(row.difference) for row in rows]),
    }
    optional = () if every_column else ("contracts", "liq.", "lev.", "venue's unr. −ours", "elsewhere")
    shown = {
        name: column for name, column in columns.items() if name not in optional or any(item for item in column[1])
    }
    cells = [list(row) for row in zip(*(column for _, column in shown.values()), strict=True)]
    align = "".join(letter for letter, _ in shown.values())
    return Table(list(shown), cells, heading("Positions", environment, now_ms), align)


def age_text(row: PositionRow, now_ms: int) -> str | None:
    """Say how long a position has been open, in its two largest units; `≥` where it is older than our history."""
    if row.opened_ms is None:
        return None
    left = max(0, now_ms - row.opened_ms)
    parts: list[str] = []
    for unit_ms, name in _UNITS:
        count, left = divmod(left, unit_ms)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {name}")
        if len(parts) == 2:
            break
    return ("≥ " if row.opened_before else "") + (" ".join(parts) or "0 s")


def _text(figure: Decimal | None) -> str | None:
    """Write a figure with at most eight decimals; what is smaller is 0, without a sign."""
    text = size_text(figure)
    return "0" if text == "-0" else text


def _some(figure: Decimal | None) -> str | None:
    text = _text(figure)
    return None if text == "0" else text


def _total_line(item: Sum) -> str:
    figures = (("unrealized", item.unrealized), ("funding", item.funding))
    said = ", ".join(f"{name} {_NOT_KNOWN if figure is None else _text(figure)}" for name, figure in figures)
    return f"All in {item.currency}: {said}"


def _status(state: "VenueState") -> str:
    if state.positions is not None and state.balances is not None:
        return OK
    return UNAVAILABLE if state.error is None else status_of(state.error)


def _venue_record(state: "VenueState", status: str) -> dict[str, Any]:
    return {
        "venue": state.venue,
        "status": status,
        "positions": None if state.positions is None else len(state.positions),
        "error": state.error.category if state.error else None,
        "message": state.error.message if state.error else None,
    }


def _record(row: PositionRow, now_ms: int) -> dict[str, Any]:
    return {
        "venue": row.venue,
        "symbol": row.symbol,
        "kind": row.kind,
        "side": row.side,
        "size": row.size,
        "size_unit": row.size_unit,
        "quantity": row.quantity,
        "contracts": row.contracts,
        "currency": row.currency,
        "entry_price": row.entry_price,
        "venue_entry_price": row.venue_entry_price,
        "mark_price": row.mark.price if row.mark else None,
        "mark_source": row.mark.source if row.mark else None,
        "liquidation_price": row.liquidation_price,
        "leverage": row.leverage,
        "margin_mode": row.margin_mode,
        "unrealized": row.unrealized,
        "venue_unrealized": row.venue_unrealized,
        "unrealized_difference": row.unrealized_difference,
        "funding": row.funding,
        "opened_ms": row.opened_ms,
        "opened": None if row.opened_ms is None else rfc3339(row.opened_ms),
        "opened_before_history": row.opened_before,
        "age_ms": None if row.opened_ms is None else max(0, now_ms - row.opened_ms),
        "ours": row.ours,
        "at_venue": row.at_venue,
        "elsewhere": row.elsewhere,
        "difference": row.difference,
        "known": row.known,
        "reason": row.reason,
    }
