"""How entries are asked for."""

from typing import Any

FOREIGN = (
    (
        "SELECT DISTINCT f.book, b.symbol, f.fee_currency FROM fills f JOIN books b ON b.no = f.book"
        " WHERE b.venue = ? AND f.fee_currency IS NOT NULL AND f.fee <> '0'",
        "SELECT DISTINCT time_ms / 60000 * 60000 FROM fills WHERE book = ? AND fee_currency = ? AND fee <> '0'",
    ),
    (
        "SELECT DISTINCT p.venue || ' ' || p.symbol, p.symbol, p.currency FROM payments p"
        " WHERE p.venue = ? AND p.amount <> '0'",
        "SELECT DISTINCT time_ms / 60000 * 60000 FROM payments"
        " WHERE venue || ' ' || symbol = ? AND currency = ? AND amount <> '0'",
    ),
)
"""Of fees and of payments: what names (book, symbol, currency) of a venue, and what lists the minutes of one."""


def book_is(table: str) -> str:
    """Write the condition on venue and symbol (None: all)."""
    own = "venue = ? AND coalesce(?, symbol) = symbol"
    if table == "transfers":
        return "venue = ? AND ? IS NULL"
    return f"book IN (SELECT no FROM books WHERE {own})" if table == "fills" else f"({own})"  # noqa: S608 - our own


def conditions_of(
    table: str, venue: str | None, symbol: str | None, since_ms: int | None
) -> tuple[list[str], list[Any]]:
    """Write what entries are wanted."""
    conditions: list[str] = []
    values: list[Any] = []
    if venue is not None:
        conditions.append(book_is(table))
        values += [venue, symbol]
    elif symbol is not None:
        conditions.append("book IN (SELECT no FROM books WHERE symbol = ?)" if table == "fills" else "symbol = ?")
        values.append(symbol)
    if since_ms is not None:
        conditions.append("time_ms >= ?")
        values.append(since_ms)
    return conditions, values


def _extreme(function: str, tables: tuple[str, ...]) -> str:
    parts = " UNION ALL ".join(
        f"SELECT {function}(time_ms) AS moment FROM {table} WHERE {book_is(table)}"  # noqa: S608 - our own words
        for table in tables
    )
    one = parts.replace("venue = ?", "venue = ?1").replace("coalesce(?, symbol)", "symbol").replace("? IS NULL", "1")
    return f"SELECT {function}(moment) FROM ({one})"  # noqa: S608 - likewise


FIRST = _extreme("min", ("fills", "payments", "deliveries", "transfers"))
"""Asks when the first entry of a venue was."""
LAST = _extreme("max", ("fills", "payments", "deliveries", "transfers"))
"""Asks when the last entry of a venue was."""

BASIS = (
    *(
        f"SELECT count(*), coalesce(max(no), 0){more} FROM {table} WHERE {condition} AND time_ms <= ?"  # noqa: S608
        for table, more, condition in (
            ("fills", ", count(fee), count(fee_currency)", "book IN (SELECT no FROM books WHERE venue = ?)"),
            ("payments", "", "venue = ?"),
            ("deliveries", ", count(amount)", "venue = ?"),
            ("transfers", ", count(fee)", "venue = ?"),
        )
    ),
    "SELECT count(*) FROM instruments WHERE venue = ? AND ? IS NOT NULL",
)
"""Count what is known of a venue until a moment."""

HELD = (
    "SELECT (SELECT total((2 * side - 1) * size) FROM fills f JOIN books b ON b.no = f.book"
    " WHERE b.venue = ?1 AND b.symbol = ?2),"
    " (SELECT total(size) FROM deliveries WHERE venue = ?1 AND symbol = ?2)"
)
"""Sum up, in floating point, what was traded and what was delivered."""
