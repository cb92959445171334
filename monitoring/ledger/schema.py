"""The ledger's file: how it is made, opened and locked, and what its tables keep.

Unlike the journal of orders, the ledger can be read from the venues again, as far as their history goes back: SQLite's
own write-ahead log (WAL) is safe enough for it. Like the journal, it is never repaired, emptied or deleted by itself.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from domain.errors import ConfigError

APPLICATION_ID = 0x43424C31
"""`CBL1`: how a ledger is told from any other SQLite file."""
BUSY_S = 10.0
_ENTRIES = ("fills", "payments", "deliveries", "transfers", "rates")

_TABLES = (
    "CREATE TABLE instruments (venue TEXT, symbol TEXT, body TEXT NOT NULL, PRIMARY KEY (venue, symbol)) WITHOUT ROWID",
    # Venue and symbol as a number, and the side as one (1 buys, 0 sells): fills are many.
    "CREATE TABLE books (no INTEGER PRIMARY KEY, venue TEXT NOT NULL, symbol TEXT NOT NULL, UNIQUE (venue, symbol))",
    # `no` counts up as rows come in: how many are new shows in it.
    """CREATE TABLE fills (
        no INTEGER PRIMARY KEY, book INTEGER NOT NULL REFERENCES books, trade_id TEXT NOT NULL, order_id TEXT,
        client_id TEXT, side INTEGER NOT NULL, price TEXT NOT NULL, size TEXT NOT NULL, fee TEXT, fee_currency TEXT,
        maker INTEGER, time_ms INTEGER NOT NULL, source TEXT NOT NULL, UNIQUE (book, trade_id, side)
    )""",
    """CREATE TABLE payments (
        no INTEGER PRIMARY KEY, venue TEXT NOT NULL, symbol TEXT NOT NULL, payment_id TEXT NOT NULL,
        time_ms INTEGER NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL, rate TEXT,
        UNIQUE (venue, symbol, payment_id)
    )""",
    """CREATE TABLE deliveries (
        no INTEGER PRIMARY KEY, venue TEXT NOT NULL, symbol TEXT NOT NULL, delivery_id TEXT NOT NULL,
        time_ms INTEGER NOT NULL, size TEXT NOT NULL, price TEXT NOT NULL, currency TEXT NOT NULL, amount TEXT,
        fee TEXT, UNIQUE (venue, symbol, delivery_id)
    )""",
    """CREATE TABLE transfers (
        no INTEGER PRIMARY KEY, venue TEXT NOT NULL, transfer_id TEXT NOT NULL, time_ms INTEGER NOT NULL,
        kind TEXT NOT NULL, currency TEXT NOT NULL, amount TEXT NOT NULL, fee TEXT, UNIQUE (venue, kind, transfer_id)
    )""",
    """CREATE TABLE rates (
        venue TEXT, currency TEXT, into_currency TEXT, minute_ms INTEGER, rate TEXT NOT NULL, source TEXT NOT NULL,
        PRIMARY KEY (venue, currency, into_currency, minute_ms)
    ) WITHOUT ROWID""",
    # What a venue said when it was first read as a whole. Never changed: an opening is worked out of it.
    "CREATE TABLE anchors (venue TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID",
    # What was there before our history begins; moves, all at once, where a longer history has been read.
    "CREATE TABLE openings (venue TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID",
    # Which stretches of time have been read: ranges that neither touch nor overlap.
    """CREATE TABLE covered (
        venue TEXT, stream TEXT, name TEXT, from_ms INTEGER, until_ms INTEGER NOT NULL,
        PRIMARY KEY (venue, stream, name, from_ms)
    ) WITHOUT ROWID""",
    "CREATE TABLE syncs (venue TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, since_ms INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE gaps (
        venue TEXT, symbol TEXT, kind TEXT, text TEXT, since_ms INTEGER, until_ms INTEGER,
        PRIMARY KEY (venue, symbol, kind, text)
    ) WITHOUT ROWID""",
    *(
        f"""CREATE TRIGGER {table}_stay BEFORE DELETE ON {table}
        BEGIN SELECT RAISE(ABORT, 'the ledger is only ever added to'); END"""
        for table in (*_ENTRIES, "anchors", "books")
    ),
    *(
        f"""CREATE TRIGGER {table}_unchanged BEFORE UPDATE ON {table}
        WHEN {" OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in kept)}
        {"".join(f" OR (OLD.{name} IS NOT NULL AND NEW.{name} IS NOT OLD.{name})" for name in completed)}
        BEGIN SELECT RAISE(ABORT, 'what is in the ledger is never changed'); END"""
        for table, kept, completed in (
            (
                "fills",
                ("no", "book", "trade_id", "side", "price", "size", "time_ms", "source"),
                ("order_id", "client_id", "fee", "fee_currency", "maker"),
            ),
            ("payments", ("no", "venue", "symbol", "payment_id", "time_ms", "amount", "currency"), ("rate",)),
            (
                "deliveries",
                ("no", "venue", "symbol", "delivery_id", "time_ms", "size", "price", "currency"),
                ("amount",),
            ),
            ("transfers", ("no", "venue", "transfer_id", "time_ms", "kind", "currency", "amount"), ("fee",)),
            ("rates", ("venue", "currency", "into_currency", "minute_ms", "rate", "source"), ()),
            ("anchors", ("venue", "at_ms", "body"), ()),
            ("books", ("no", "venue", "symbol"), ()),
        )
    ),
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_TABLES,)
"""What makes version n + 1 of version n. A new file goes through all of them."""
VERSION = len(MIGRATIONS)


class LedgerError(ConfigError):
    """The ledger cannot be opened, read or written; what was to be written was not."""

    category = "ledger"


def open_file(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file, made or brought up to date where need be; only its owner can read it.

    Raises:
        LedgerError: it cannot be; the file is left as it is.
    """
    try:
        if not read_only:
            _make(path)
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            if not read_only:
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA cache_size=-16000")
                if _version_of(connection, path) < VERSION:
                    _bring_up_to_date(connection, path)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise ledger_error(path, error) from error
    return connection


def ledger_error(path: Path, error: Exception) -> LedgerError:
    """Say in one sentence what SQLite or the system said about the ledger."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return LedgerError(f"The disk is full: nothing was written to the ledger {path}.", hint="Make room first.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerError(
            f"Another process has kept the ledger {path} locked for {BUSY_S:g} s.",
            hint="See whether one hangs (fuser names it), and try again.",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT):
        return LedgerError(
            f"The ledger {path} is damaged: {error}.",
            hint="Move the file away; position sync reads everything from the venues again.",
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if code == sqlite3.SQLITE_IOERR:
        reason = "the disk refused (full, over quota, or failing)"
    return LedgerError(
        f"The ledger {path} cannot be used: {reason}.",
        hint="Make the folder writable, or name another place with CROSSBOOK_HOME.",
    )


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application or version or tables:
            raise LedgerError(f"{path} is not a ledger.", hint="Move the file away.")
    if version > VERSION:
        raise LedgerError(
            f"The ledger {path} was written by a newer version of this program.",
            hint="Update the program, or move the file away; position sync makes another.",
        )
    return version


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[_version_of(connection, path) :]:  # another process may have done it by now
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def _make(path: Path) -> None:
    """Make the folder and an empty file that only their owner reads, and take others' rights away from either."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place, mode in ((path.parent, 0o700), (path, 0o600)):
        if place is path and not path.exists():
            # SQLite gives its other files the rights of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        status = place.stat()
        if status.st_mode & 0o077 and status.st_uid == os.getuid():
            place.chmod(mode)
