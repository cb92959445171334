"""The ledger: every own trade, funding payment, delivery and transfer once, whoever told of it and however often.

What is in it is never changed; only what was absent (a fee, an order id, our own id) is completed by a later reading.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from domain.instruments import Instrument
from domain.money import plain
from domain.movements import Delivery, Transfer
from domain.orders import Fill, FundingPayment
from monitoring.ledger import rows
from monitoring.ledger.ranges import Range
from monitoring.ledger.reading import BASIS, FIRST, FOREIGN, HELD, LAST, book_is, conditions_of
from monitoring.ledger.rows import Anchor, Cursor, Gap, KnownRate, Row
from monitoring.ledger.schema import LedgerError, ledger_error, open_file
from monitoring.ledger.writing import FILLS, OTHERS, book_numbers, contradictions, covered, inserted, move, put_gaps

if TYPE_CHECKING:
    from monitoring.accounting.entries import Opening

__all__ = ["Anchor", "Cursor", "Gap", "KnownRate", "Ledger", "LedgerError"]

T = TypeVar("T")
_CHUNK = 5_000
_FLAT = 1e-9


class Ledger:
    """One environment's ledger. Its threads take turns, and so do the processes that have it open.

    Each writing method is one transaction, may be repeated, and tells how much was new; `cursor` moves in the same
    transaction. Every method raises LedgerError where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open the ledger at `path`, making it where there is none."""
        self.path = path
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = open_file(path)

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """Open the ledger at `path`, making it where there is none.

        Raises:
            LedgerError: it cannot be written, is damaged, is something else, or was written by a newer version.
        """
        return cls(path)

    def close(self) -> None:
        """Close the file; the ledger is of no use afterwards."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> "Ledger":
        """Use as a context that closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # --- writing -----------------------------------------------------------------------------------------------------

    def add_instruments(self, items: Iterable[Instrument]) -> None:
        """Keep what the entries are about, as it is described now: venues drop what has expired from their lists."""
        texts = [(item.venue, item.symbol, rows.instrument_text(item)) for item in items]
        sql = (
            "INSERT INTO instruments VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"
            " WHERE body IS NOT excluded.body"
        )
        if texts:
            self._write(lambda db: db.executemany(sql, texts))

    def add_fills(self, fills: Iterable[Fill], source: str = "venue", cursor: Cursor | None = None) -> int:
        """Take in own trades; `source` says who told of them first. One told twice, differently, makes a gap."""
        told = list(fills)

        def work(db: sqlite3.Connection) -> int:
            books = book_numbers(db, told)
            found = [rows.fill_row(fill, books[fill.venue, fill.symbol], source) for fill in told]
            new = inserted(db, "fills", FILLS, found)
            if new < len(found):
                put_gaps(db, contradictions(db, told, found))
            move(db, cursor)
            return new

        return self._write(work) if told or cursor else 0

    def add_payments(self, payments: Iterable[FundingPayment], cursor: Cursor | None = None) -> int:
        """Take in funding paid and received."""
        return self._add("payments", map(rows.payment_row, payments), cursor)

    def add_deliveries(self, deliveries: Iterable[Delivery], cursor: Cursor | None = None) -> int:
        """Take in positions that ended by expiry."""
        return self._add("deliveries", map(rows.delivery_row, deliveries), cursor)

    def add_transfers(self, transfers: Iterable[Transfer], cursor: Cursor | None = None) -> int:
        """Take in deposits and withdrawals."""
        return self._add("transfers", map(rows.transfer_row, transfers), cursor)

    def add_rates(self, rates: Iterable[KnownRate], cursor: Cursor | None = None) -> int:
        """Keep what currencies were worth, for fees in a third currency; the first that is known of a minute stays."""
        found = [(*rate[:4], plain(rate.rate), rate.source) for rate in rates]

        def work(db: sqlite3.Connection) -> int:
            before = db.total_changes
            db.executemany("INSERT OR IGNORE INTO rates VALUES (?, ?, ?, ?, ?, ?)", found)
            new = db.total_changes - before
            move(db, cursor)
            return new

        return self._write(work) if found or cursor else 0

    def set_anchor(self, anchor: Anchor) -> bool:
        """Keep what a venue said when it was first read as a whole; once a venue. Answer whether this was it."""
        row = (anchor.venue, anchor.at_ms, rows.anchor_text(anchor))
        return self._write(lambda db: db.execute("INSERT OR IGNORE INTO anchors VALUES (?, ?, ?)", row).rowcount > 0)

    def set_opening(
        self,
        venue: str,
        positions: "Sequence[Opening]",
        balances: Mapping[str, Decimal],
        at_ms: int,
        *,
        again: bool = False,
        basis: str = "",
    ) -> bool:
        """Say what was there when our history begins (`at_ms`): what is older is part of it, and not read any more.

        It is said once a venue, unless `again`: a longer history was read. `basis` is what it was worked out of, in a
        word. Answer whether it was set.
        """
        text = rows.opening_text(positions, balances, basis)
        rest = "DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body" if again else "DO NOTHING"
        sql = f"INSERT INTO openings VALUES (?, ?, ?) ON CONFLICT {rest}"  # noqa: S608 - our own words
        return self._write(lambda db: db.execute(sql, (venue, at_ms, text)).rowcount > 0)

    def add_gap(self, gap: Gap) -> None:
        """Keep what is known to be missing; the same gap of another time makes it longer."""
        self._write(lambda db: put_gaps(db, [gap]))

    def replace_gaps(self, venue: str, gaps: Iterable[Gap], kinds: Iterable[str], since_ms: int) -> None:
        """Put what is missing now in the place of a venue's gaps of some kinds that begin at `since_ms` or later."""
        left = [(venue, kind, since_ms) for kind in kinds]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM gaps WHERE venue = ? AND kind = ? AND since_ms >= ?", left)
            put_gaps(db, gaps)

        self._write(work)

    def synced(self, venue: str, at_ms: int, since_ms: int) -> None:
        """Note that a venue was read as a whole at a moment, from `since_ms` on."""
        sql = (
            "INSERT INTO syncs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms),"
            " since_ms = min(since_ms, excluded.since_ms)"
        )
        self._write(lambda db: db.execute(sql, (venue, at_ms, since_ms)))

    # --- reading -----------------------------------------------------------------------------------------------------

    def instruments(self) -> dict[tuple[str, str], Instrument]:
        """Give what the entries are about, by venue and symbol."""
        found = self._all("SELECT venue, symbol, body FROM instruments", ())
        return {(venue, symbol): rows.instrument_of(text) for venue, symbol, text in found}

    def fills(
        self, venue: str | None = None, symbol: str | None = None, since_ms: int | None = None, *, hidden: bool = False
    ) -> Iterator[Fill]:
        """Give own trades by time; those from before the opening only if `hidden`. One moment of the file is read."""
        found = self._entries("fills", rows.FILL, venue, symbol, since_ms, hidden)
        books = dict[int, tuple[str, str]]()
        for chunk in found:
            if any(row[0] not in books for row in chunk):
                books = {no: (at, of) for no, at, of in self._all("SELECT no, venue, symbol FROM books", ())}
            yield from rows.fills_of(chunk, books)

    def payments(
        self, venue: str | None = None, symbol: str | None = None, since_ms: int | None = None, *, hidden: bool = False
    ) -> Iterator[FundingPayment]:
        """Give funding paid and received, as `fills` does."""
        found = self._entries("payments", rows.PAYMENT, venue, symbol, since_ms, hidden)
        return map(rows.payment_of, chain.from_iterable(found))

    def deliveries(
        self, venue: str | None = None, symbol: str | None = None, since_ms: int | None = None, *, hidden: bool = False
    ) -> Iterator[Delivery]:
        """Give positions that ended by expiry, as `fills` does."""
        found = self._entries("deliveries", rows.DELIVERY, venue, symbol, since_ms, hidden)
        return map(rows.delivery_of, chain.from_iterable(found))

    def transfers(
        self, venue: str | None = None, since_ms: int | None = None, *, hidden: bool = False
    ) -> Iterator[Transfer]:
        """Give deposits and withdrawals, as `fills` does."""
        found = self._entries("transfers", rows.TRANSFER, venue, None, since_ms, hidden)
        return map(rows.transfer_of, chain.from_iterable(found))

    def openings(self) -> "list[Opening]":
        """Give the positions that were there when our history begins."""
        found = self._all("SELECT venue, body FROM openings ORDER BY venue", ())
        return [opening for venue, text in found for opening in rows.openings_of(venue, text)]

    def opening_balances(self) -> dict[tuple[str, str], Decimal]:
        """Give the cash that was there when our history begins, by venue and currency."""
        found = self._all("SELECT venue, body FROM openings", ())
        return {(venue, name): cash for venue, text in found for name, cash in rows.opening_cash(text).items()}

    def opened_ms(self, venue: str) -> int | None:
        """Tell when a venue's history begins (see `set_opening`); None before its first complete sync."""
        return self._one("SELECT at_ms FROM openings WHERE venue = ?", (venue,))

    def opening_basis(self, venue: str) -> str | None:
        """Tell what a venue's opening was worked out of (see `set_opening`)."""
        found = self._all("SELECT body FROM openings WHERE venue = ?", (venue,))
        return rows.opening_basis(found[0][0]) if found else None

    def basis(self, venue: str, until_ms: int) -> str:
        """Say in a word what the ledger knows of a venue until a moment: it differs where more is known."""
        found = [self._all(sql, (venue, until_ms))[0] for sql in BASIS]
        return " ".join(str(number) for row in found for number in row)

    def anchor(self, venue: str) -> Anchor | None:
        """Give what a venue said when it was first read as a whole."""
        found = self._all("SELECT venue, at_ms, body FROM anchors WHERE venue = ?", (venue,))
        return rows.anchor_of(*found[0]) if found else None

    def rates(self) -> dict[tuple[str, str, str, int], Decimal]:
        """Give what currencies were worth, by (venue, currency, into, minute)."""
        found = self._all("SELECT venue, currency, into_currency, minute_ms, rate FROM rates", ())
        return {row[:4]: Decimal(row[4]) for row in found}

    def rate_sources(self) -> dict[tuple[str, str, str], str]:
        """Tell where the rates of a currency into another come from: how the last one of a venue was found."""
        found = self._all("SELECT venue, currency, into_currency, source FROM rates ORDER BY minute_ms", ())
        return {row[:3]: row[3] for row in found}

    def gaps(self, venue: str | None = None) -> list[Gap]:
        """List what is known to be missing."""
        sql = "SELECT * FROM gaps WHERE (?1 IS NULL OR venue = ?1) ORDER BY venue, kind, symbol, text"
        return [Gap(row[0], row[1] or None, *row[2:]) for row in self._all(sql, (venue,))]

    def cursor(self, venue: str, stream: str, name: str) -> int | None:
        """Tell until when (inclusive) a list has been read."""
        stretches = self.covered(venue, stream, name)
        return stretches[-1].until_ms if stretches else None

    def covered(self, venue: str, stream: str, name: str) -> list[Range]:
        """List the stretches of time of which a list has been read, oldest first."""
        return self._read(lambda db: covered(db, venue, stream, name))

    def synced_ms(self, venue: str) -> int | None:
        """Tell when a venue was last read as a whole (our clock); None: never."""
        return self._one("SELECT at_ms FROM syncs WHERE venue = ?", (venue,))

    def symbols(self, venue: str) -> list[str]:
        """List what there are entries of at a venue."""
        sql = (
            "SELECT symbol FROM books WHERE venue = ?1 UNION SELECT symbol FROM payments WHERE venue = ?1"
            " UNION SELECT symbol FROM deliveries WHERE venue = ?1 ORDER BY symbol"
        )
        return [symbol for (symbol,) in self._all(sql, (venue,))]

    def foreign_minutes(self, venue: str, own: Mapping[str, frozenset[str]]) -> dict[tuple[str, str], list[int]]:
        """List the minutes in which fees or funding of a venue were in another currency than a symbol's `own`.

        By (symbol, currency); what is zero needs no rate.
        """
        found: dict[tuple[str, str], list[int]] = {}
        for pairs, minutes in FOREIGN:
            for book, symbol, currency in self._all(pairs, (venue,)):
                if symbol in own and currency not in own[symbol]:
                    rest = [minute for (minute,) in self._all(minutes, (book, currency))]
                    found[symbol, currency] = sorted({*rest, *found.get((symbol, currency), ())})
        return found

    def has_fill(self, fill: Fill) -> bool:
        """Tell whether a trade is in the ledger."""
        sql = (
            "SELECT count(*) FROM fills f JOIN books b ON b.no = f.book WHERE venue = ? AND symbol = ? AND trade_id = ?"
        )
        return bool(self._one(sql, (fill.venue, fill.symbol, fill.trade_id)))

    def undescribed(self) -> list[tuple[str, str]]:
        """List the venues and symbols that there are trades of, but no instrument."""
        return self._all("SELECT venue, symbol FROM books EXCEPT SELECT venue, symbol FROM instruments", ())

    def version(self) -> tuple[int, int]:
        """Give a mark that changes whenever anybody has written to the ledger."""
        return self._read(lambda db: (db.execute("PRAGMA data_version").fetchone()[0], db.total_changes))

    def holds(self, venue: str, symbol: str) -> bool:
        """Tell, roughly, whether trades, deliveries and the opening leave a position."""
        traded, ended = self._all(HELD, (venue, symbol))[0]
        opened = sum(float(item.size) for item in self.openings() if (item.venue, item.symbol) == (venue, symbol))
        return bool(abs(opened + traded - ended) > _FLAT)

    def known(self, venue: str) -> bool:
        """Tell whether there is anything of a venue."""
        sql = "SELECT EXISTS (SELECT 1 FROM books WHERE venue = ?1) OR EXISTS (SELECT 1 FROM syncs WHERE venue = ?1)"
        return bool(self._one(sql, (venue,)))

    def first_ms(self, venue: str) -> int | None:
        """Tell when the oldest entry of a venue was, those from before its opening included."""
        return self._one(FIRST, (venue,))

    def last_ms(self, venue: str) -> int | None:
        """Tell when a venue's last entry was, transfers included."""
        return self._one(LAST, (venue,))

    # --- how ---------------------------------------------------------------------------------------------------------

    def _add(self, table: str, found: Iterable[Row], cursor: Cursor | None) -> int:
        ready = list(found)

        def work(db: sqlite3.Connection) -> int:
            new = inserted(db, table, OTHERS[table], ready)
            move(db, cursor)
            return new

        return self._write(work) if ready or cursor else 0

    def _entries(
        self, table: str, names: str, venue: str | None, symbol: str | None, since_ms: int | None, hidden: bool
    ) -> Iterator[list[Row]]:
        conditions, values = conditions_of(table, venue, symbol, since_ms)
        # A connection of its own: what is written meanwhile is not seen, and many rows need not be held at once.
        connection = open_file(self.path, read_only=True)
        try:
            connection.execute("BEGIN")
            for opened, at_ms in [] if hidden else connection.execute("SELECT venue, at_ms FROM openings").fetchall():
                conditions.append(f"NOT ({book_is(table)} AND time_ms < ?)")
                values += [opened, None, at_ms]
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            found = connection.execute(f"SELECT {names} FROM {table}{where} ORDER BY time_ms, no", values)  # noqa: S608
            while chunk := found.fetchmany(_CHUNK):
                yield chunk
        except sqlite3.Error as error:
            raise ledger_error(self.path, error) from error
        finally:
            connection.close()

    def _all(self, sql: str, values: Sequence[Any]) -> list[Row]:
        return self._read(lambda db: db.execute(sql, values).fetchall())

    def _one(self, sql: str, values: Sequence[Any]) -> int | None:
        found = self._all(sql, values)
        return found[0][0] if found else None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LedgerError(f"The ledger {self.path} has been closed.")
        return self._connection

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return work(self._opened())
            except sqlite3.Error as error:
                raise ledger_error(self.path, error) from error

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            db = self._opened()
            try:
                db.execute("BEGIN IMMEDIATE")
                try:
                    result = work(db)
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise ledger_error(self.path, error) from error
            return result
