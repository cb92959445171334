"""What is read out of a journal: rows as orders, their states and their trades. All runs inside a snapshot."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from domain.money import plain
from domain.orders import LIMIT, Fill, OrderReport, OrderSpec
from order_management.event_data import fill_of, spec_data, spec_of
from order_management.lifecycle import fold
from order_management.order_states import ADOPTED, FILL, INTENDED, Event, OrderState

Row = tuple[Any, ...]

_FOUND_AT_MOST = 100
_ORDER = "o.no, o.client_id, o.venue, o.symbol, o.origin, o.notional, o.body"


@dataclass(frozen=True)
class OrderRecord:
    """What was intended, when and on whose behalf; written once."""

    client_id: str
    """Ours, and unique in the journal, whatever the venue."""
    venue: str
    symbol: str
    environment: str
    spec: OrderSpec
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What the user asked for, before it became an order; free JSON."""
    origin: str = "place"
    """What made it: `place`, `batch`, `panic`, `adopted`…"""
    created_ns: int = 0
    notional_quote: Decimal | None = None
    """Its worth in dollars at the time, for the limits of the policy; None where nothing needed to know it."""
    inverse: bool = False
    """The instrument is inverse: average prices are weighted by base, not by size."""

    @property
    def fingerprint(self) -> str:
        """Give the text that two orders share when one looks like a repetition of the other."""
        spec = self.spec
        amounts = ("" if value is None else plain(value) for value in (spec.size, spec.price, spec.stop_price))
        return "|".join((self.venue, self.symbol, spec.side, spec.type, *amounts, "reduce" if spec.reduce_only else ""))


@dataclass(frozen=True)
class JournalOrder:
    """An order and where it stands."""

    record: OrderRecord
    state: OrderState


def adopted_record(client_id: str, report: OrderReport, environment: str, *, inverse: bool = False) -> OrderRecord:
    """Make the record of an order that was found at a venue, under an id that no other order has."""
    return OrderRecord(
        client_id=client_id,
        venue=report.venue,
        symbol=report.symbol,
        environment=environment,
        spec=OrderSpec(
            client_id=client_id,
            side=report.side or "",
            type=report.type or LIMIT,
            size=report.size or Decimal(0),
            price=report.price,
            stop_price=report.stop_price,
            post_only=bool(report.post_only),
            reduce_only=bool(report.reduce_only),
        ),
        origin=ADOPTED,
        inverse=inverse,
    )


def record_row(record: OrderRecord) -> Row:
    """Lay a record out as a row of the table `orders`."""
    body: dict[str, Any] = {"spec": spec_data(record.spec), "env": record.environment, "at": record.created_ns}
    del body["spec"]["client_id"]
    if record.asked:
        body["asked"] = record.asked
    if record.inverse:
        body["inverse"] = True
    notional = None if record.notional_quote is None else plain(record.notional_quote)
    names = (record.client_id, record.venue, record.symbol, record.origin, record.fingerprint)
    return (record.created_ns, *names, notional, packed(body))


def record_of(row: Row) -> OrderRecord:
    """Read the row that `record_row` laid out (without its fingerprint)."""
    _, client_id, venue, symbol, origin, notional, body = row
    data = json.loads(body)
    return OrderRecord(
        client_id=client_id,
        venue=venue,
        symbol=symbol,
        environment=data["env"],
        spec=spec_of({**data["spec"], "client_id": client_id}),
        asked=data.get("asked", {}),
        origin=origin,
        created_ns=data["at"],
        notional_quote=None if notional is None else Decimal(notional),
        inverse=data.get("inverse", False),
    )


packed: Callable[[Mapping[str, Any]], str] = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Write JSON without spaces."""


def unpacked(text: str) -> dict[str, Any]:
    """Read what `packed` wrote."""
    data: dict[str, Any] = json.loads(text)
    return data


def number_of(connection: sqlite3.Connection, client_id: str) -> int | None:
    """Find an order's number."""
    row = connection.execute("SELECT no FROM orders WHERE client_id = ?", (client_id,)).fetchone()
    return None if row is None else row[0]


def row_of(connection: sqlite3.Connection, no: int) -> Row:
    """Read an order's row by its number."""
    row: Row = connection.execute(f"SELECT {_ORDER} FROM orders o WHERE no = ?", (no,)).fetchone()  # noqa: S608
    return row


def events_of(connection: sqlite3.Connection, no: int, record: OrderRecord) -> list[Event]:
    """List an order's events, oldest first. That it was intended is what its record says, and has no row of its own."""
    found = [] if record.origin == ADOPTED else [intended(record)]
    query = "SELECT kind, at_ns, data FROM events WHERE order_no = ? ORDER BY seq"
    for kind, at_ns, data in connection.execute(query, (no,)):
        found.append(Event(kind, at_ns, {} if data is None else json.loads(data)))
    return found


def intended(record: OrderRecord) -> Event:
    """Make the first event of an order that was written down before it was sent."""
    data: dict[str, Any] = {"spec": spec_data(record.spec)}
    if record.inverse:
        data["inverse"] = True
    return Event(INTENDED, record.created_ns, data)


def orders_of(connection: sqlite3.Connection, rows: Iterable[Row]) -> Iterator[JournalOrder]:
    """Make orders of their rows, with their states."""
    for row in rows:
        record = record_of(row)
        yield JournalOrder(record, fold(events_of(connection, row[0], record)))


def order_by_id(connection: sqlite3.Connection, client_id: str) -> JournalOrder | None:
    """Find one order by our id."""
    rows = _select(connection, "WHERE o.client_id = ?", (client_id,))
    return next(orders_of(connection, rows), None)


def found(connection: sqlite3.Connection, text: str) -> list[JournalOrder]:
    """Find orders by our id or a venue's, exactly, or else by how either begins; newest first, at most 100."""
    if not text:
        return []
    by_order_id = "SELECT order_no FROM events WHERE order_id IS NOT NULL AND"
    exact = f"WHERE o.client_id = ?1 OR o.no IN ({by_order_id} order_id = ?1) ORDER BY o.no DESC"
    rows = _select(connection, exact, (text,))
    if not rows:
        prefix = (
            "WHERE o.client_id >= ?1 AND o.client_id < ?2"
            f" OR o.no IN ({by_order_id} order_id >= ?1 AND order_id < ?2) ORDER BY o.no DESC LIMIT {_FOUND_AT_MOST}"
        )
        rows = _select(connection, prefix, (text, text + "\U0010ffff"))
    return list(orders_of(connection, rows))


def unsettled(connection: sqlite3.Connection, venue: str | None) -> list[JournalOrder]:
    """List the orders of which something is open to doubt, oldest first."""
    rows = _select(
        connection,
        "WHERE o.no IN (SELECT order_no FROM working WHERE settled = 0) AND (?1 IS NULL OR o.venue = ?1) ORDER BY o.no",
        (venue,),
    )
    return [order for order in orders_of(connection, rows) if not order.state.settled]


def listed(
    connection: sqlite3.Connection,
    venue: str | None,
    symbol: str | None,
    live: bool | None,
    since_ns: int | None,
    limit: int | None,
) -> list[JournalOrder]:
    """List orders, newest first."""
    conditions, values = _matching((("o.venue =", venue), ("o.symbol =", symbol), ("o.no >=", since_ns)))
    if live is not None:
        conditions.append(f"o.no {'' if live else 'NOT '}IN (SELECT order_no FROM working)")  # noqa: S608
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    rows = _select(connection, f"{where}ORDER BY o.no DESC LIMIT ?", (*values, -1 if limit is None else limit))
    return list(orders_of(connection, rows))


def fills_of(connection: sqlite3.Connection, no: int, client_id: str) -> list[Fill]:
    """List the fills that count for one order, oldest first."""
    rows = connection.execute("SELECT data FROM events WHERE order_no = ? AND kind = ? ORDER BY seq", (no, FILL))
    return sorted((_fill(data, client_id) for (data,) in rows), key=lambda fill: fill.time_ms)


def fills_listed(
    connection: sqlite3.Connection, venue: str | None, symbol: str | None, since_ms: int | None
) -> list[Fill]:
    """List fills, oldest first; those of no order of ours have the client id that the venue gave, if any."""
    conditions, values = _matching((("f.venue =", venue), ("f.symbol =", symbol), ("f.time_ms >=", since_ms)))
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    query = (
        "SELECT f.data, o.client_id FROM fills f LEFT JOIN claims c ON c.fill_no = f.no"  # noqa: S608
        f" LEFT JOIN orders o ON o.no = c.order_no {where}ORDER BY f.time_ms, f.no"
    )
    return [_fill(data, client_id) for data, client_id in connection.execute(query, values)]


def fills_after(connection: sqlite3.Connection, no: int) -> list[tuple[int, Fill]]:
    """List the fills that were taken in after fill number `no`, with their numbers, in that order."""
    query = (
        "SELECT f.no, f.data, o.client_id FROM fills f LEFT JOIN claims c ON c.fill_no = f.no"
        " LEFT JOIN orders o ON o.no = c.order_no WHERE f.no > ? ORDER BY f.no"
    )
    return [(number, _fill(data, client_id)) for number, data, client_id in connection.execute(query, (no,))]


def order_of_fill(connection: sqlite3.Connection, fill: Fill) -> int | None:
    """Find whose fill it is: by the client id that the venue gives with it, else by the venue's order id."""
    if fill.client_id is not None:
        query = "SELECT no FROM orders WHERE client_id = ? AND venue = ? AND symbol = ?"
        row = connection.execute(query, (fill.client_id, fill.venue, fill.symbol)).fetchone()
        if row is not None:
            return int(row[0])
    if fill.order_id is None:
        return None
    query = (
        "SELECT o.no FROM events e JOIN orders o ON o.no = e.order_no"
        " WHERE e.order_id = ? AND o.venue = ? AND o.symbol = ? ORDER BY o.no DESC LIMIT 1"
    )
    row = connection.execute(query, (fill.order_id, fill.venue, fill.symbol)).fetchone()
    return None if row is None else int(row[0])


def _fill(data: str, client_id: str | None) -> Fill:
    fill = fill_of(json.loads(data))
    return fill if client_id is None else replace(fill, client_id=client_id)


def _select(connection: sqlite3.Connection, rest: str, values: Sequence[object]) -> list[Row]:
    return connection.execute(f"SELECT {_ORDER} FROM orders o {rest}", values).fetchall()  # noqa: S608


def _matching(pairs: Iterable[tuple[str, object]]) -> tuple[list[str], list[object]]:
    given = [(f"{what} ?", value) for what, value in pairs if value is not None]
    return [condition for condition, _ in given], [value for _, value in given]
