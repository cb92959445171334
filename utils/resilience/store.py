"""The small SQLite file in which all processes of this machine share budgets, breakers and clock offsets.

Losing it is harmless: everything in it is learnt again. So it is written without waiting for the disk, it is made
anew when it is damaged, and where it cannot be used at all this process goes on with a private copy in memory.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

VERSION = 1
BUSY_S = 1.0
"""How long one process waits for another's transaction, each of which takes microseconds."""
_MEMORY = ":memory:"
_TABLES = """
CREATE TABLE IF NOT EXISTS budget (
    key TEXT PRIMARY KEY, empty_at REAL NOT NULL, rate_per_min REAL NOT NULL, burst REAL NOT NULL,
    blocked_until REAL NOT NULL DEFAULT 0, told_used REAL, told_limit REAL, told_at REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS breaker (
    key TEXT PRIMARY KEY, failures INTEGER NOT NULL, opened_at REAL NOT NULL, cooldown_s REAL NOT NULL,
    probing_until REAL NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (
    key TEXT PRIMARY KEY, offset_ms REAL NOT NULL, rtt_ms REAL NOT NULL, measured_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Store:
    """One connection of this process to the shared file; its threads take turns."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run one SELECT."""
        return self._run(work, write=False)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction that no other process can come between."""
        return self._run(work, write=True)

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with self._lock:
            self._drop()

    def _run(self, work: Callable[[sqlite3.Connection], T], *, write: bool) -> T:
        with self._lock:
            try:
                return self._once(work, write)
            except (sqlite3.Error, OSError) as error:
                self._drop()
                if _is_damaged(error):
                    self._remove()
            try:
                return self._once(work, write)
            except (sqlite3.Error, OSError):
                # Unwritable, or locked for long: this process keeps its own account from here on.
                self._drop()
                self._path = _MEMORY
            return self._once(work, write)

    def _once(self, work: Callable[[sqlite3.Connection], T], write: bool) -> T:
        connection = self._connection
        if connection is None or self._was_removed():
            self._drop()
            connection = self._connection = self._opened()
        if not write:
            return work(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return result

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                if version:
                    raise _OtherVersionError(f"version {version}")
                with suppress(sqlite3.OperationalError):  # another process is doing the same
                    connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")
        except BaseException:
            connection.close()
            raise
        if self._path != _MEMORY:
            self._inode = Path(self._path).stat().st_ino
        return connection

    def _was_removed(self) -> bool:
        """Tell whether someone deleted the file under us: we would go on writing where nobody reads."""
        if self._path == _MEMORY:
            return False
        try:
            return os.stat(self._path).st_ino != self._inode  # noqa: PTH116 - a Path costs more than the call
        except OSError:
            return True

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                Path(self._path + suffix).unlink()


def open_store() -> Store:
    """Return the store of this machine's user, in the cache folder."""
    from utils.config.paths import cache_dir

    return Store(cache_dir() / "resilience.sqlite")


class _OtherVersionError(sqlite3.DatabaseError):
    """The file was made by another version of this program."""


def _is_damaged(error: Exception) -> bool:
    """Tell whether the file itself is at fault: a full disk is no reason to throw away what all processes know."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    damages = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)
    return isinstance(error, _OtherVersionError) or code in damages
