"""The journal of orders: what was intended before it was sent, and all that was learnt since. Only ever added to.

Whatever a writing method returns is on the disk, unless it is told to leave that to the next one. A state is never
stored: it is the fold of the order's events.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from domain.errors import UsageError
from domain.orders import Fill, OrderReport
from order_management import journal_reading as reading
from order_management.event_data import fill_data, fill_of, report_data
from order_management.journal_reading import JournalOrder, OrderRecord, adopted_record
from order_management.journal_schema import JournalError, JournalFile, journal_error, journal_path
from order_management.journal_sent import JournalView, notional_since, placed_since, sent_first
from order_management.journal_writing import AlreadyIntended, Life, inserted, stored
from order_management.lifecycle import begun
from order_management.order_states import ADOPTED, FILL, Event, OrderState

__all__ = [
    "AlreadyIntended",
    "Journal",
    "JournalError",
    "JournalOrder",
    "NoSuchOrder",
    "OrderRecord",
    "adopted_record",
    "journal_path",
]

T = TypeVar("T")
Allow = Callable[[JournalView], None]


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

    def intend(self, record: OrderRecord, allow: Allow | None = None) -> JournalOrder:
        """Write an order down before it is sent; a `created_ns` of 0 becomes now.

        Args:
            allow: asked in the same transaction, so that no other process comes between; what it raises is raised.

        Raises:
            AlreadyIntended: the client id is known.
        """
        record = self._dated(record)
        order = JournalOrder(record, begun(record.spec, record.created_ns, inverse=record.inverse))
        row = reading.record_row(record)

        def work(connection: sqlite3.Connection) -> None:
            if allow is not None:
                allow(JournalView(connection))
            no = inserted(connection, row)
            connection.execute("INSERT INTO working VALUES (?, 0)", (no,))
            sent_first(connection, no, record)

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
            life = Life(connection, inserted(connection, reading.record_row(record)), record)
            life.append(Event(ADOPTED, self._clock(), data))
            return JournalOrder(record, life.state)

        return self._write(work)

    def add(
        self,
        client_id: str,
        kind: str,
        data: Mapping[str, Any] | None = None,
        allow: Allow | None = None,
        *,
        durable: bool = True,
        intended: JournalOrder | None = None,
    ) -> OrderState:
        """Add one event; see `add_all`. `intended` is what `intend` gave: it need not be read again then."""
        return self.add_all(client_id, [(kind, data or {})], allow, durable=durable, intended=intended)

    def add_all(
        self,
        client_id: str,
        events: Iterable[tuple[str, Mapping[str, Any]]],
        allow: Allow | None = None,
        *,
        durable: bool = True,
        intended: JournalOrder | None = None,
    ) -> OrderState:
        """Add events to an order, all or none, and return where it stands then; `allow` as in `intend`.

        What is not `durable` is on the disk with the next thing written, or after `flush`.

        What a venue shows (SEEN, FILL) is only written where it tells something new.

        Raises:
            NoSuchOrder: nobody intended or adopted it.
            ImpossibleTransition: one of them cannot follow; none was written.
        """

        def work(connection: sqlite3.Connection) -> OrderState:
            if allow is not None:
                allow(JournalView(connection))
            no = reading.number_of(connection, client_id)
            if no is None:
                raise NoSuchOrder(f"The journal has no order {client_id}.", hint="Look at: order list.")
            life = Life(connection, no, intended=intended)
            for kind, data in events:
                if kind == FILL:
                    life.claim(stored(connection, fill_of(data)), data, self._clock())
                else:
                    life.append(Event(kind, self._clock(), data))
            return life.state

        return self._write(work, durable=durable)

    def flush(self) -> None:
        """Wait until all that was written is on the disk."""
        try:
            self._file.flush()
        except OSError as error:
            raise journal_error(self._file.path, error) from error

    def record_fills(self, fills: Iterable[Fill]) -> int:
        """Take in own trades, each once, and return how many were new.

        Each becomes a FILL event of its order, found by client id or else by the venue's order id. A fill of no known
        order is kept, and becomes an event when an order with that id of the venue's turns up.
        """

        def work(connection: sqlite3.Connection) -> int:
            new = 0
            for fill in fills:
                number = stored(connection, fill)
                if number is None:
                    continue
                new += 1
                owner = reading.order_of_fill(connection, fill)
                if owner is not None:
                    Life(connection, owner).claim(number, fill_data(fill), self._clock())
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

    def fills_after(self, no: int) -> list[tuple[int, Fill]]:
        """List own trades in the order in which they were taken in, from number `no` (not included) on."""
        return self._read(lambda connection: reading.fills_after(connection, no))

    def placed_since(self, since_ns: int, venue: str | None = None, symbol: str | None = None) -> int:
        """Count the orders of ours that may have gone out since then (refused ones too: they cost requests)."""
        return self._read(lambda connection: placed_since(connection, since_ns, venue, symbol))

    def notional_since(self, since_ns: int) -> Decimal:
        """Add up the worth of our orders since then, but for those that were not sent, refused or absent."""
        return self._read(lambda connection: notional_since(connection, since_ns))

    def ask(self, question: Callable[[JournalView], T]) -> T:
        """Ask several things of one moment."""
        return self._read(lambda connection: question(JournalView(connection)))

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

    def _write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        with self._lock:
            try:
                with self._file.writing(durable=durable) as connection:
                    return work(connection)
            except (sqlite3.Error, OSError) as error:
                raise journal_error(self._file.path, error) from error
