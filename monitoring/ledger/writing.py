"""How entries go into the ledger: each once; what was absent is completed, what is there stays."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from domain.orders import Fill
from monitoring.ledger import rows
from monitoring.ledger.ranges import Range, merged
from monitoring.ledger.rows import CONTRADICTION, Cursor, Gap, Row


def _insert(table: str, names: str, key: str, *completed: str) -> str:
    marks = ", ".join("?" * len(names.split(",")))
    taken = ", ".join(f"{name} = coalesce({name}, excluded.{name})" for name in completed)
    news = " OR ".join(f"({name} IS NULL AND excluded.{name} IS NOT NULL)" for name in completed)
    rest = f"DO UPDATE SET {taken} WHERE {news}"
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({key}) {rest}"  # noqa: S608 - our own words


OTHERS: Mapping[str, str] = {
    "payments": _insert("payments", rows.PAYMENT, "venue, symbol, payment_id", "rate"),
    "deliveries": _insert("deliveries", rows.DELIVERY, "venue, symbol, delivery_id", "amount", "fee"),
    "transfers": _insert("transfers", rows.TRANSFER, "venue, kind, transfer_id", "fee"),
}
"""What inserts a row of a table other than `fills`."""

FILLS = f"""INSERT INTO fills ({rows.FILL}, source) VALUES ({", ".join("?" * 12)})
ON CONFLICT (book, trade_id, side) DO UPDATE SET
    order_id = coalesce(order_id, excluded.order_id),
    client_id = coalesce(client_id, excluded.client_id),
    maker = coalesce(maker, excluded.maker),
    fee = CASE WHEN fee IS NULL AND coalesce(fee_currency, excluded.fee_currency) IS excluded.fee_currency
        THEN excluded.fee ELSE fee END,
    fee_currency = coalesce(fee_currency, CASE WHEN fee IS NULL OR fee = excluded.fee THEN excluded.fee_currency END)
WHERE (order_id IS NULL AND excluded.order_id IS NOT NULL) OR (client_id IS NULL AND excluded.client_id IS NOT NULL)
    OR (maker IS NULL AND excluded.maker IS NOT NULL) OR (fee IS NULL AND excluded.fee IS NOT NULL)
    OR (fee_currency IS NULL AND excluded.fee_currency IS NOT NULL)"""  # noqa: S608 - our own words
"""What inserts or completes a row of `fill_row`."""

_KNOWN = "SELECT price, size, fee, fee_currency FROM fills WHERE book = ? AND trade_id = ? AND side = ?"


def book_numbers(db: sqlite3.Connection, fills: Sequence[Fill]) -> dict[tuple[str, str], int]:
    """Give the numbers of the venues and symbols of some fills, new ones where there are none."""
    wanted = {(fill.venue, fill.symbol) for fill in fills}
    db.executemany("INSERT OR IGNORE INTO books (venue, symbol) VALUES (?, ?)", wanted)
    number = "SELECT no FROM books WHERE venue = ? AND symbol = ?"
    return {key: db.execute(number, key).fetchone()[0] for key in wanted}


def contradictions(db: sqlite3.Connection, fills: Sequence[Fill], found: Sequence[Row]) -> list[Gap]:
    """Find trades (and their rows) of which the ledger has another price, size or fee: it keeps its own.

    A trade with oneself is told twice under one id, once a side: that is no contradiction.
    """
    gaps = []
    for fill, row in zip(fills, found, strict=True):
        known, told = db.execute(_KNOWN, (*row[:2], row[4])).fetchone(), row[5:9]
        if known == told:
            continue
        if known[:2] != told[:2] or (known[2] is not None and told[2] is not None and known[2:] != told[2:]):
            text = f"Trade {fill.trade_id} of {fill.symbol} was told twice, differently; what was told first counts."
            gaps.append(Gap(fill.venue, fill.symbol, CONTRADICTION, text, fill.time_ms, fill.time_ms))
    return gaps


def inserted(db: sqlite3.Connection, table: str, sql: str, found: Sequence[Row]) -> int:
    """Insert rows, and count those that were new: numbers count up, and none is ever deleted."""
    last = f"SELECT coalesce(max(no), 0) FROM {table}"  # noqa: S608 - a table's name
    before: int = db.execute(last).fetchone()[0]
    db.executemany(sql, found)
    after: int = db.execute(last).fetchone()[0]
    return after - before


def put_gaps(db: sqlite3.Connection, gaps: Iterable[Gap]) -> None:
    """Keep gaps; one that is known becomes longer."""
    sql = (
        "INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " since_ms = min(since_ms, excluded.since_ms), until_ms = max(until_ms, excluded.until_ms)"
    )
    db.executemany(sql, [(gap.venue, gap.symbol or "", *gap[2:]) for gap in gaps])


def covered(db: sqlite3.Connection, venue: str, stream: str, name: str) -> list[Range]:
    """List the stretches of time of which a list has been read."""
    sql = "SELECT from_ms, until_ms FROM covered WHERE venue = ? AND stream = ? AND name = ? ORDER BY from_ms"
    return [Range(*row) for row in db.execute(sql, (venue, stream, name))]


def move(db: sqlite3.Connection, cursor: Cursor | None) -> None:
    """Add what a cursor covers to what was covered; without a beginning it goes on from the last stretch."""
    if cursor is None:
        return
    key = cursor[:3]
    before = covered(db, *key)
    begun = cursor.from_ms if cursor.from_ms is not None else before[-1].from_ms if before else cursor.until_ms
    db.execute("DELETE FROM covered WHERE venue = ? AND stream = ? AND name = ?", key)
    after = merged([*before, Range(begun, cursor.until_ms)])
    db.executemany("INSERT INTO covered VALUES (?, ?, ?, ?, ?)", [(*key, *item) for item in after])
