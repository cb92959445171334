"""The journal of orders: what was intended before it was sent, and all that was learnt since. Only ever added to.

Whatever a writing method returns is on the disk. A state is never stored: it is the fold of the order's events.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from domain.errors import CrossbookError, UsageError
from domain.orders import LIMIT, Fill, OrderReport, OrderSpec
from order_management import journal_reading as reading
from order_management.event_data import fill_data, fill_of, report_data
from order_management.journal_reading import JournalOrder, OrderRecord
from order_management.journal_schema import JournalError, JournalFile, journal_error, journal_path
from order_management.lifecycle import advance, begun, fold
from order_management.order_states import ADOPTED, FILL, SEEN, Event, OrderState

__all__ = [
    "AlreadyIntended",
    "Journal",
    "JournalError",
    "JournalOrder",
    "NoSuchOrder",
    "OrderRecord",
    "journal_path",
]

T = TypeVar("T")
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


class NoSuchOrder(UsageError):
    """The journal has no order with this client id."""

    category = "no_such_order"


class Journal:
    """One environment's journal. Its threads take turns; so do the processes that have it open.

    Every method raises JournalError where the file cannot be read or written; nothing was written then.
    """

    def __init__(self, path: Path, clock: Callable[[], int] = time.time_ns) -> None:
        """Open the journal, making it where there is none; `clock` gives epoch nanoseconds."""
        self._file = JournalFile(path)
        self._clock = clock
        self._lock = RLock()
        self._open = True

    @classmethod
    def open(cls, path: Path) -> "Journal":
        """Open the journal at `path`, making it where there is none.

        Raises:
            JournalError: it cannot be written, is damaged, is something else, or was written by a newer version.
        """
        return cls(path)

    def close(self) -> None:
        """Close the file; the journal is of no use afterwards."""
        with self._lock:
            if self._open:
                self._open = False
                self._file.close()

    def __enter__(self) -> "Journal":
        """Use as a context that closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # -- writing --------------------------------------------------------------------------------------------------

    def intend(self, record: OrderRecord) -> JournalOrder:
        """Write an order down before it is sent; a `created_ns` of 0 becomes now.

        Raises:
            AlreadyIntended: the client id is known.
        """
        record = self._dated(record)
        order = JournalOrder(record, begun(record.spec, record.created_ns, inverse=record.inverse))
        row = reading.record_row(record)

        def work(connection: sqlite3.Connection) -> None:
            no = _inserted(connection, row)
            connection.execute("INSERT INTO working VALUES (?, 0)", (no,))

        self._write(work)
        return order

    def adopt(self, record: OrderRecord, report: OrderReport) -> JournalOrder:
        """Take in an order that was found at a venue and that nobody had written down (see `adopted_record`).

        Raises:
            AlreadyIntended: the client id is known.
        """
        record = self._dated(replace(record, origin=ADOPTED))
        data = report_data(report)
        if record.inverse:
            data["inverse"] = True

        def work(connection: sqlite3.Connection) -> JournalOrder:
            life = _Life(connection, _inserted(connection, reading.record_row(record)), record)
            life.append(Event(ADOPTED, self._clock(), data))
            return JournalOrder(record, life.state)

        return self._write(work)

    def add(self, client_id: str, kind: str, data: Mapping[str, Any] | None = None) -> OrderState:
        """Add one event; see `add_all`."""
        return self.add_all(client_id, [(kind, data or {})])

    def add_all(self, client_id: str, events: Iterable[tuple[str, Mapping[str, Any]]]) -> OrderState:
        """Add events to an order, all or none, and return where it stands then.

        What a venue shows (SEEN, FILL) is only written where it tells something new.

        Raises:
            NoSuchOrder: nobody intended or adopted it.
            ImpossibleTransition: one of them cannot follow; none was written.
        """

        def work(connection: sqlite3.Connection) -> OrderState:
            no = reading.number_of(connection, client_id)
            if no is None:
                raise NoSuchOrder(f"The journal has no order {client_id}.", hint="Look at: order list.")
            life = _Life(connection, no)
            for kind, data in events:
                if kind == FILL:
                    life.claim(_stored(connection, fill_of(data)), data, self._clock())
                else:
                    life.append(Event(kind, self._clock(), data))
            return life.state

        return self._write(work)

    def record_fills(self, fills: Iterable[Fill]) -> int:
        """Take in own trades, each once, and return how many were new.

        Each becomes a FILL event of its order, found by client id or else by the venue's order id. A fill of no known
        order is kept, and becomes an event when an order with that id of the venue's turns up.
        """

        def work(connection: sqlite3.Connection) -> int:
            new = 0
            for fill in fills:
                number = _stored(connection, fill)
                if number is None:
                    continue
                new += 1
                owner = reading.order_of_fill(connection, fill)
                if owner is not None:
                    _Life(connection, owner).claim(number, fill_data(fill), self._clock())
            return new

        return self._write(work)

    # -- reading --------------------------------------------------------------------------------------------------

    def order(self, client_id: str) -> JournalOrder | None:
        """Find one order by our id."""
        return self._read(lambda connection: reading.order_by_id(connection, client_id))

    def find(self, text: str) -> list[JournalOrder]:
        """Find orders by our id or a venue's, exactly, or else by how either begins; newest first, at most 100."""
        return self._read(lambda connection: reading.found(connection, text))

    def events(self, client_id: str) -> list[Event]:
        """List an order's events, oldest first; none where it is not known."""

        def work(connection: sqlite3.Connection) -> list[Event]:
            no = reading.number_of(connection, client_id)
            if no is None:
                return []
            return reading.events_of(connection, no, reading.record_of(reading.row_of(connection, no)))

        return self._read(work)

    def unsettled(self, venue: str | None = None) -> list[JournalOrder]:
        """List the orders of which something is open to doubt, oldest first."""
        return self._read(lambda connection: reading.unsettled(connection, venue))

    def orders(
        self,
        venue: str | None = None,
        symbol: str | None = None,
        live: bool | None = None,
        since_ns: int | None = None,
        limit: int | None = None,
    ) -> list[JournalOrder]:
        """List orders, newest first; `live` True: those that are, or may be, working at a venue."""
        return self._read(lambda connection: reading.listed(connection, venue, symbol, live, since_ns, limit))

    def fills(
        self,
        client_id: str | None = None,
        venue: str | None = None,
        symbol: str | None = None,
        since_ms: int | None = None,
    ) -> list[Fill]:
        """List own trades, oldest first; with a client id those of that order only."""

        def work(connection: sqlite3.Connection) -> list[Fill]:
            if client_id is None:
                return reading.fills_listed(connection, venue, symbol, since_ms)
            no = reading.number_of(connection, client_id)
            return [] if no is None else reading.fills_of(connection, no, client_id)

        return self._read(work)

    def placed_since(self, since_ns: int, venue: str | None = None, symbol: str | None = None) -> int:
        """Count the orders of ours that may have gone out since then (refused ones too: they cost requests)."""
        return self._read(lambda connection: reading.placed_since(connection, since_ns, venue, symbol))

    def notional_since(self, since_ns: int) -> Decimal:
        """Add up the worth of our orders since then, but for those that were not sent, refused or absent."""
        return self._read(lambda connection: reading.notional_since(connection, since_ns))

    def last_with(self, fingerprint: str, since_ns: int) -> JournalOrder | None:
        """Find the latest order since then with this fingerprint (`OrderRecord.fingerprint`)."""
        return self._read(lambda connection: reading.last_with(connection, fingerprint, since_ns))

    # -- how ------------------------------------------------------------------------------------------------------

    def _dated(self, record: OrderRecord) -> OrderRecord:
        return record if record.created_ns else replace(record, created_ns=self._clock())

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            connection = self._file.connection
            try:
                connection.execute("BEGIN")
                try:
                    return work(connection)
                finally:
                    connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise journal_error(self._file.path, error) from error

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                with self._file.writing() as connection:
                    return work(connection)
            except (sqlite3.Error, OSError) as error:
                raise journal_error(self._file.path, error) from error


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


class _Life:
    """One order inside a transaction: its state so far, and the events that are added to it.

    `fresh` is the record of an order that has no event yet.
    """

    def __init__(self, connection: sqlite3.Connection, no: int, fresh: OrderRecord | None = None) -> None:
        self._connection = connection
        self._no = no
        self._record = fresh or reading.record_of(reading.row_of(connection, no))
        events = [] if fresh else reading.events_of(connection, no, self._record)
        self._next = len(events)
        self._state = fold(events) if events else None

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


def _inserted(connection: sqlite3.Connection, row: reading.Row) -> int:
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


def _stored(connection: sqlite3.Connection, fill: Fill) -> int | None:
    """Store a fill and return its number; None where it is there already."""
    row = (fill.venue, fill.symbol, fill.trade_id, fill.order_id, fill.time_ms, reading.packed(fill_data(fill)))
    done = connection.execute("INSERT OR IGNORE INTO fills VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)
    return done.lastrowid if done.rowcount else None
