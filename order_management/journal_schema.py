"""The journal's file: where it is, how it is made, opened, brought up to date and locked.

It is never repaired, emptied or deleted: what cannot be read is left as it is, and the error says what to do.

Durable means on the disk: every commit is an fdatasync of the write-ahead log (`synchronous=FULL`). Commits and
checkpoints of all processes take turns on a lock file of our own, and SQLite never checkpoints by itself, because up to
SQLite 3.51.2 two checkpoints and a commit at the same moment could lose a commit (https://sqlite.org/wal.html,
"The WAL-Reset Bug", read 2026-11-21). Nothing else in a
process may open the file: closing it would drop SQLite's locks.
"""

import fcntl
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.errors import ConfigError

APPLICATION_ID = 0x43424A31
"""`CBJ1`: how a journal is told from any other SQLite file."""
BUSY_S = 5.0
"""How long one process waits for the others, each of which takes a fraction of a millisecond."""
_COMMITS_A_CHECKPOINT = 512
_LARGE_LOG_BYTES = 4 << 20
"""A write-ahead log is overwritten from its beginning after a checkpoint, which is faster than making it longer."""
_PAGE_BYTES = 1024
"""Small, because a commit writes whole pages: an order is a few hundred bytes in three of them."""
_POLL_S = 0.0002
_LONGEST_POLL_S = 0.005

_TABLES = (
    # `no` is the time of creation (epoch ns), made unique: the table is its own index by time.
    """CREATE TABLE orders (
        no INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, venue TEXT NOT NULL, symbol TEXT NOT NULL,
        origin TEXT NOT NULL, fingerprint TEXT NOT NULL, notional TEXT, body TEXT NOT NULL
    )""",
    # That an order was intended is its row above; here is what came after. `order_id` is there on the events that made
    # an id of the venue's known.
    """CREATE TABLE events (
        order_no INTEGER NOT NULL REFERENCES orders, seq INTEGER NOT NULL, at_ns INTEGER NOT NULL, kind TEXT NOT NULL,
        phase TEXT NOT NULL, order_id TEXT, data TEXT, PRIMARY KEY (order_no, seq)
    ) WITHOUT ROWID""",
    "CREATE INDEX events_by_order_id ON events (order_id) WHERE order_id IS NOT NULL",
    """CREATE TABLE fills (
        no INTEGER PRIMARY KEY, venue TEXT NOT NULL, symbol TEXT NOT NULL, trade_id TEXT NOT NULL, order_id TEXT,
        time_ms INTEGER NOT NULL, data TEXT NOT NULL, UNIQUE (venue, symbol, trade_id)
    )""",
    "CREATE INDEX fills_by_order_id ON fills (order_id)",
    # Which order a fill belongs to, once that is known; a fill without a claim is of no order of ours.
    "CREATE TABLE claims (fill_no INTEGER PRIMARY KEY REFERENCES fills, order_no INTEGER NOT NULL REFERENCES orders)",
    *(
        f"""CREATE TRIGGER {table}_keep_{verb.lower()} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END"""
        for table in ("orders", "events", "fills", "claims")
        for verb in ("UPDATE", "DELETE")
    ),
)
_WORKING = (
    # No record but an index, made anew from the events at any time: the orders that have not ended.
    "CREATE TABLE working (order_no INTEGER PRIMARY KEY REFERENCES orders, settled INTEGER NOT NULL)",
    # All count as unsettled at first, which is the careful side: readers look at the state itself.
    """INSERT INTO working SELECT no, 0 FROM orders
        WHERE coalesce((SELECT phase FROM events WHERE order_no = no ORDER BY seq DESC LIMIT 1), 'intended')
            IN ('intended', 'unknown', 'open')""",
    "CREATE INDEX events_again ON events (at_ns) WHERE kind = 'intended'",
    "CREATE INDEX fills_by_time ON fills (time_ms)",
)
_LESS = ("DROP INDEX events_again",)
_SENT = (
    # No record but an index, too: what `journal_sent` says.
    "DROP TABLE IF EXISTS sent",
    """CREATE TABLE sent (
        at_ns INTEGER NOT NULL, order_no INTEGER NOT NULL REFERENCES orders, micros INTEGER NOT NULL,
        look INTEGER NOT NULL, PRIMARY KEY (at_ns, order_no)
    ) WITHOUT ROWID""",
    """INSERT INTO sent
        SELECT no, no, CASE WHEN phase IN ('rejected', 'absent') THEN 0
            ELSE min(CAST(round(coalesce(notional, 0) * 1000000) AS INTEGER), 1000000000000000) END, 0
        FROM (SELECT no, notional, origin, coalesce(
            (SELECT phase FROM events WHERE order_no = no ORDER BY seq DESC LIMIT 1), 'intended') AS phase FROM orders)
        WHERE origin != 'adopted' AND phase != 'not_sent'""",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_TABLES, _WORKING, _LESS, _SENT)
"""What makes version n + 1 of version n. A new file goes through all of them."""
VERSION = len(MIGRATIONS)


class JournalError(ConfigError):
    """The journal cannot be opened, read or written; whatever it was to record did not happen."""

    category = "journal"


def journal_path(environment_key: str) -> Path:
    """Return where the journal of an environment (`live`, `sim/synthetic-7`) is; its folder need not exist.

    Raises:
        ConfigError: the state folder cannot be made.
    """
    from utils.config.paths import environment_file

    return environment_file("journal", environment_key)


class JournalFile:
    """One open connection to a journal of the current version, and the lock file beside it."""

    def __init__(self, path: Path) -> None:
        """Open the file, made or brought up to date where need be.

        Raises:
            JournalError: it cannot be; the file is left as it is.
        """
        self.path = path
        self._name = str(path)
        self._wal = f"{path}-wal"
        self._commits = 0
        self._durable = True
        try:
            _make_folder(path.parent)
            self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        try:
            self.connection = self._opened()
            status = path.stat()
            self._inode = status.st_ino
            if status.st_mode & 0o077 and status.st_uid == os.getuid():
                path.chmod(0o600)
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, sqlite3.Error | OSError):
                raise journal_error(path, error) from error
            raise

    def close(self) -> None:
        """Close the connection; the last one to close moves the write-ahead log into the file."""
        with suppress(JournalError, OSError):
            # Many short commands beside one that stays open would otherwise let the log grow without end.
            if self._commits and os.stat(self._wal).st_size > _LARGE_LOG_BYTES:  # noqa: PTH116
                self._take_lock()
                self._checkpoint()
        with suppress(sqlite3.Error):
            self.connection.close()
        with suppress(OSError):
            os.close(self._lock)

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Run the body as one transaction that nobody comes between; it is on the disk afterwards.

        Args:
            durable: False leaves the disk to the next durable transaction of this file, whoever makes it, or to
                `flush`: all processes see it at once, and it outlives them, but not a power failure.

        Raises:
            sqlite3.Error, JournalError: nothing of it was written.
        """
        self._take_lock()
        try:
            self._check_place()
            connection = self.connection
            if durable is not self._durable:
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise
            self._commits += 1
            if self._commits >= _COMMITS_A_CHECKPOINT:
                self._checkpoint()
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def flush(self) -> None:
        """Put what was written without waiting for the disk there. Raises OSError."""
        descriptor = os.open(self._wal, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _take_lock(self) -> None:
        until, pause = time.monotonic() + BUSY_S, _POLL_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise _busy(self.path) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL_S)

    def _check_place(self) -> None:
        """See that nobody moved or deleted the file under us: we would go on writing where nobody reads."""
        try:
            same = os.stat(self._name).st_ino == self._inode  # noqa: PTH116 - a Path costs more than the call
        except OSError:
            same = False
        if not same:
            raise JournalError(
                f"The journal {self.path} was moved or deleted while in use.",
                hint="Put it back, then start this command again.",
            )

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the file. What fails here is tried again later: the log has it all."""
        with suppress(sqlite3.Error):
            self._commits = 0
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _opened(self) -> sqlite3.Connection:
        if not self.path.exists():
            self._take_lock()
            try:
                _make_file(self.path)
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute(f"PRAGMA journal_size_limit={4 * _LARGE_LOG_BYTES}")
            if sys.platform == "darwin":
                connection.execute("PRAGMA fullfsync=ON")
            if self._version_of(connection) < VERSION:
                self._bring_up_to_date(connection)
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                raise _unusable(self.path, "its file system does not take a write-ahead log")
        except BaseException:
            connection.close()
            raise
        return connection

    def _version_of(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        application: int = connection.execute("PRAGMA application_id").fetchone()[0]
        if application != APPLICATION_ID:
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if application or version or tables:
                raise JournalError(f"{self.path} is not a journal of orders.", hint="Move the file away.")
        if version > VERSION:
            raise JournalError(
                f"The journal {self.path} was written by a newer version of this program.",
                hint="Update the program, or move the file away.",
            )
        return version

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        self._take_lock()
        try:
            connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                for step in MIGRATIONS[self._version_of(connection) :]:  # another process may have done it by now
                    for statement in step:
                        connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={VERSION}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def journal_error(path: Path, error: Exception) -> JournalError:
    """Say in one sentence what SQLite or the system said about the journal."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return JournalError(f"The disk is full: nothing was written to the journal {path}.", hint="Make room first.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _busy(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT):
        return JournalError(
            f"The journal {path} is damaged: {error}.",
            hint="Keep the file for repair (sqlite3 .recover), move it away, and check what is open at each venue.",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return _unusable(path, str(error))
    if code == sqlite3.SQLITE_IOERR:
        return _unusable(path, "the disk refused (full, over quota, or failing)")
    return _unusable(path, str(error))


def _busy(path: Path) -> JournalError:
    return JournalError(
        f"Another process has kept the journal {path} locked for {BUSY_S:g} s.",
        hint="See whether one hangs (fuser names it), and try again.",
    )


def _unusable(path: Path, why: str) -> JournalError:
    return JournalError(
        f"The journal {path} cannot be used: {why}.",
        hint="Without it no order is sent. Make the folder writable, or name another place with CROSSBOOK_HOME.",
    )


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)
    elif folder.stat().st_mode & 0o077 and folder.stat().st_uid == os.getuid():
        folder.chmod(0o700)


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner reads, under its name at once, and its name on the disk."""
    if path.exists():
        return
    blank = path.with_suffix(".new")
    os.close(os.open(blank, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    blank.chmod(0o600)
    blank.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
