"""What was sent when, and what it was worth: an index beside the events, which the policy's limits are asked of.

It has a row for every request to place an order, or to raise one, that may have left. Like every index it could be made
anew from the events; unlike them it is changed, so that a limit costs a few microseconds however long the journal is.
"""

import sqlite3
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING
from zlib import crc32

from order_management.order_states import (
    ADOPTED,
    AMEND_INTENDED,
    AMEND_NOT_SENT,
    AMEND_REFUSED,
    INTENDED,
    Event,
    OrderState,
    Phase,
)

if TYPE_CHECKING:
    from order_management.journal_reading import OrderRecord

MICROS = 1_000_000
"""Worth is kept in whole millionths of a dollar, rounded up: SQLite then adds it up exactly."""
_LARGEST = 10**15
"""Nothing is worth more than a billion dollars to a limit, so that sums stay within 64 bits."""
NEVER_WAS = frozenset({Phase.NOT_SENT, Phase.REJECTED, Phase.ABSENT})
"""Phases of orders that moved no money."""


def micros(worth: Decimal | None) -> int:
    """Express a worth in dollars as whole millionths; what is not known counts as nothing."""
    if worth is None:
        return 0
    return min(int((worth * MICROS).to_integral_value(ROUND_CEILING)), _LARGEST)


def sent_first(connection: sqlite3.Connection, no: int, record: "OrderRecord") -> None:
    """Count an order that is written down for the first time."""
    _count(connection, record.created_ns, no, micros(record.notional_quote), look_of(record.fingerprint))


class SentRows:
    """The rows of one order inside a transaction."""

    def __init__(self, connection: sqlite3.Connection, no: int, record: "OrderRecord", events: Sequence[Event]) -> None:
        self._connection = connection
        self._no = no
        self._micros = micros(record.notional_quote)
        self._record = record
        self._placed_ns = 0 if record.origin == ADOPTED else record.created_ns
        self._raised_ns = 0
        for event in events:
            self._remember(event)

    def follow(self, before: OrderState | None, after: OrderState, event: Event) -> None:
        """Take in one more event."""
        self._remember(event)
        if event.kind == INTENDED:
            self._count_placing(event.at_ns)
        elif event.kind == AMEND_INTENDED:
            if "worth_added" in event.data:
                _count(self._connection, event.at_ns, self._no, micros(Decimal(event.data["worth_added"])), 0)
        elif event.kind == AMEND_REFUSED:
            self._worth(self._raised_ns, 0)
        elif event.kind == AMEND_NOT_SENT:
            self._forget(self._raised_ns)
        elif before is not None and before.phase is not after.phase:
            self._moved(before.phase, after.phase)

    def _moved(self, before: Phase, after: Phase) -> None:
        if not self._placed_ns:
            return
        if after is Phase.NOT_SENT:
            self._forget(self._placed_ns)
        elif after in NEVER_WAS:
            self._worth(self._placed_ns, 0)
        elif before in NEVER_WAS:
            self._count_placing(self._placed_ns)

    def _remember(self, event: Event) -> None:
        if event.kind == INTENDED:
            self._placed_ns = event.at_ns
        elif event.kind == AMEND_INTENDED:
            self._raised_ns = event.at_ns if "worth_added" in event.data else 0

    def _count_placing(self, at_ns: int) -> None:
        _count(self._connection, at_ns, self._no, self._micros, look_of(self._record.fingerprint))

    def _worth(self, at_ns: int, worth: int) -> None:
        statement = "UPDATE sent SET micros = ? WHERE at_ns = ? AND order_no = ?"
        self._connection.execute(statement, (worth, at_ns, self._no))

    def _forget(self, at_ns: int) -> None:
        self._connection.execute("DELETE FROM sent WHERE at_ns = ? AND order_no = ?", (at_ns, self._no))


def look_of(fingerprint: str) -> int:
    """Shorten a fingerprint to a number: orders that look the same have the same, others hardly ever."""
    return crc32(fingerprint.encode())


def _count(connection: sqlite3.Connection, at_ns: int, no: int, worth: int, look: int) -> None:
    connection.execute("INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?)", (at_ns, no, worth, look))


def placed_since(connection: sqlite3.Connection, since_ns: int, venue: str | None, symbol: str | None) -> int:
    """Count the requests to place or raise an order that may have gone out since then (refused ones too)."""
    query = (
        "SELECT count(*) FROM sent s JOIN orders o ON o.no = s.order_no WHERE s.at_ns >= ?1"
        " AND (?2 IS NULL OR o.venue = ?2) AND (?3 IS NULL OR o.symbol = ?3)"
    )
    count: int = connection.execute(query, (since_ns, venue, symbol)).fetchone()[0]
    return count


def notional_since(connection: sqlite3.Connection, since_ns: int) -> Decimal:
    """Add up what was sent since then, in dollars, but for what came to nothing."""
    query = "SELECT coalesce(sum(micros), 0) FROM sent WHERE at_ns >= ?"
    return Decimal(connection.execute(query, (since_ns,)).fetchone()[0]) / MICROS


def live_count(connection: sqlite3.Connection, but: str | None = None) -> int:
    """Count the orders that have not ended as far as is known, all but one."""
    query = (
        "SELECT count(*) - EXISTS (SELECT 1 FROM working WHERE order_no = (SELECT no FROM orders WHERE client_id = ?))"
        " FROM working"
    )
    count: int = connection.execute(query, (but,)).fetchone()[0]
    return count


class JournalView:
    """What the policy's limits ask of a journal, answered inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def placed_since(self, since_ns: int) -> int:
        """Count the requests that may have gone out since then."""
        count: int = self._connection.execute("SELECT count(*) FROM sent WHERE at_ns >= ?", (since_ns,)).fetchone()[0]
        return count

    def notional_since(self, since_ns: int) -> Decimal:
        """Add up what was sent since then, in dollars."""
        return notional_since(self._connection, since_ns)

    def live_count(self, but: str | None = None) -> int:
        """Count the orders that have not ended, all but one."""
        return live_count(self._connection, but)

    def repeated(self, fingerprint: str, since_ns: int, but: str) -> tuple[str, int] | None:
        """Find the latest order with this fingerprint that was sent since then: its id, and when.

        One that came to nothing is no order that could be repeated; neither is `but` itself.
        """
        query = (
            "SELECT o.client_id, s.at_ns FROM sent s CROSS JOIN orders o ON o.no = s.order_no"
            " WHERE s.at_ns >= ? AND s.look = ? AND o.fingerprint = ? AND o.client_id != ?"
            " AND coalesce((SELECT phase FROM events WHERE order_no = o.no ORDER BY seq DESC LIMIT 1), 'intended')"
            " NOT IN ('not_sent', 'rejected', 'absent')"
            " ORDER BY s.at_ns DESC LIMIT 1"
        )
        row = self._connection.execute(query, (since_ns, look_of(fingerprint), fingerprint, but)).fetchone()
        return None if row is None else (row[0], row[1])
