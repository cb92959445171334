"""What goes into a journal's file: an order's row, its events and the trades that count for it.

All of it runs inside a transaction of `journal.Journal`.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from domain.errors import CrossbookError
from domain.orders import Fill
from order_management import journal_reading as reading
from order_management.event_data import fill_data
from order_management.journal_reading import JournalOrder, OrderRecord
from order_management.journal_sent import SentRows
from order_management.lifecycle import advance, fold
from order_management.order_states import FILL, SEEN, Event, OrderState

_LATER_NS = 1_000_000
"""Orders that claim the same nanosecond of creation are numbered on, within this."""


class AlreadyIntended(CrossbookError):
    """The client id is taken: `existing` is the order that has it."""

    category = "already_intended"

    def __init__(self, existing: JournalOrder) -> None:
        record, phase = existing.record, existing.state.phase.replace("_", " ")
        super().__init__(
            f"The client id {record.client_id} is that of an order for {record.symbol} that is {phase}.",
            venue=record.venue,
            hint="Nothing was sent. Look at that order, or leave the id out to get a new one.",
        )
        self.existing = existing


class Life:
    """One order inside a transaction: its state so far, and the events that are added to it.

    Args:
        fresh: the record of an order that has no event yet.
        intended: the order as it was just written down; it need not be read again where nothing has happened since.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        no: int,
        fresh: OrderRecord | None = None,
        intended: JournalOrder | None = None,
    ) -> None:
        self._connection = connection
        self._no = no
        events: list[Event] = []
        if intended is not None and not _has_events(connection, no):
            self._record, self._next = intended.record, 1
            self._state: OrderState | None = intended.state
        else:
            self._record = fresh or reading.record_of(reading.row_of(connection, no))
            events = [] if fresh else reading.events_of(connection, no, self._record)
            self._next = len(events)
            self._state = fold(events) if events else None
        self._sent = SentRows(connection, no, self._record, events)

    @property
    def state(self) -> OrderState:
        """Return where the order stands."""
        assert self._state is not None
        return self._state

    def append(self, event: Event) -> None:
        """Add an event, and the fills that were waiting for the venue's id that it brought."""
        before = self._state
        after = advance(before, event)
        if after is before and event.kind in (SEEN, FILL):
            return
        self._state = after
        order_id = after.order_id if before is None or before.order_id != after.order_id else None
        row = (self._no, self._next, event.at_ns, event.kind, after.phase.value, order_id)
        data = reading.packed(event.data) if event.data else None
        self._connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, data))
        self._next += 1
        self._index(before, after)
        self._sent.follow(before, after, event)
        if order_id is not None:
            self._claim_waiting(order_id, event.at_ns)

    def claim(self, number: int | None, data: Mapping[str, Any], at_ns: int) -> None:
        """Count a stored fill as the order's; None: it was stored, and counted, before."""
        if number is not None:
            self._connection.execute("INSERT INTO claims VALUES (?, ?)", (number, self._no))
            self.append(Event(FILL, at_ns, data))

    def _index(self, before: OrderState | None, after: OrderState) -> None:
        """Keep the index of orders that have not ended; what has ended is always settled."""
        old = None if before is None or before.final else before.settled
        new = None if after.final else after.settled
        if new is None and old is not None:
            self._connection.execute("DELETE FROM working WHERE order_no = ?", (self._no,))
        elif new is not None and new is not old:
            self._connection.execute("INSERT OR REPLACE INTO working VALUES (?, ?)", (self._no, new))

    def _claim_waiting(self, order_id: str, at_ns: int) -> None:
        query = (
            "SELECT no, data FROM fills WHERE order_id = ? AND venue = ? AND symbol = ?"
            " AND no NOT IN (SELECT fill_no FROM claims) ORDER BY time_ms, no"
        )
        waiting = self._connection.execute(query, (order_id, self._record.venue, self._record.symbol)).fetchall()
        for number, data in waiting:
            self.claim(number, reading.unpacked(data), at_ns)


def _has_events(connection: sqlite3.Connection, no: int) -> bool:
    return connection.execute("SELECT 1 FROM events WHERE order_no = ? LIMIT 1", (no,)).fetchone() is not None


def inserted(connection: sqlite3.Connection, row: reading.Row) -> int:
    """Insert a record's row and return its number: its time of creation, or the next one that is free."""
    no: int = row[0]
    insert = "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    try:
        connection.execute(insert, row)
    except sqlite3.IntegrityError:
        existing = reading.order_by_id(connection, row[1])
        if existing is not None:
            raise AlreadyIntended(existing) from None
        query = "SELECT max(no) + 1 FROM orders WHERE no BETWEEN ? AND ?"
        no = connection.execute(query, (no, no + _LATER_NS)).fetchone()[0]
        connection.execute(insert, (no, *row[1:]))
    return no


def stored(connection: sqlite3.Connection, fill: Fill) -> int | None:
    """Store a fill and return its number; None where it is there already."""
    row = (fill.venue, fill.symbol, fill.trade_id, fill.order_id, fill.time_ms, reading.packed(fill_data(fill)))
    done = connection.execute("INSERT OR IGNORE INTO fills VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)
    return done.lastrowid if done.rowcount else None
