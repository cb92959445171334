"""The lists of instruments on this machine: SQLite, one row an instrument, read one row at a time.

Whatever is wrong with the file (deleted, corrupt, of another version), it is rebuilt: nothing in it is precious.
"""

import fcntl
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from domain.errors import BadAnswer, ConfigError, TimedOut
from domain.instruments import Instrument
from domain.time import MS_PER_HOUR

T = TypeVar("T")

_VERSION = 1
_BUSY_S = 5.0
_LOCK_POLL_S = 0.05
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR})
"""What is wrong with the file itself; a full disk, for one, is not, and must not cost the lists that are there."""
_NAMES = tuple(item.name for item in fields(Instrument))
_MONEY = frozenset(
    _NAMES.index(name)
    for name in (
        "unit_size",
        "contract_size",
        "tick_size",
        "lot_size",
        "min_size",
        "min_notional",
        "maker_fee",
        "taker_fee",
        "strike",
    )
)
_SCHEMA = f"""
CREATE TABLE lists (
    environment TEXT, venue TEXT, fetched_at_ms INTEGER, count INTEGER, PRIMARY KEY (environment, venue)
) WITHOUT ROWID;
CREATE TABLE instruments (
    environment TEXT, venue TEXT, symbol TEXT, native_id TEXT, asset TEXT, row TEXT,
    PRIMARY KEY (environment, venue, symbol)
) WITHOUT ROWID;
CREATE INDEX by_native ON instruments (environment, venue, native_id);
CREATE INDEX by_asset ON instruments (environment, venue, asset);
PRAGMA user_version = {_VERSION};
"""


class MarketCache:
    """Instruments of every venue in one environment (`live`, `testnet`, `sim/<universe>`). Safe to use in threads."""

    def __init__(
        self,
        path: Path,
        environment_key: str,
        *,
        ttl_h: float = 24,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.path = path
        self.environment_key = environment_key
        self._ttl_ms = ttl_h * MS_PER_HOUR
        self._now_ms = now_ms
        self._connection: sqlite3.Connection | None = None
        self._lock = RLock()

    def find(self, venue: str, symbol: str) -> Instrument | None:
        """Look up one instrument by its canonical symbol."""
        rows = self._select("venue = ? AND symbol = ?", (venue, symbol))
        return rows[0] if rows else None

    def find_everywhere(self, venues: Sequence[str], symbol: str) -> dict[str, Instrument]:
        """Look up one symbol at several venues with one select; venues that do not list it are left out."""
        marks = ",".join("?" * len(venues))
        rows = self._select(f"venue IN ({marks}) AND symbol = ?", (*venues, symbol))
        return {row.venue: row for row in rows}

    def by_native(self, venue: str, native_id: str) -> list[Instrument]:
        """List the instruments with a venue's own id: several where sections share ids (a spot market and a swap)."""
        return self._select("venue = ? AND native_id = ?", (venue, native_id))

    def by_asset(self, venue: str, asset: str) -> list[Instrument]:
        """List every instrument of an asset, whatever its quote, kind or multiplier."""
        return self._select("venue = ? AND asset = ?", (venue, asset))

    def all(self, venue: str) -> list[Instrument]:
        """List everything a venue has, by symbol."""
        return self._select("venue = ?", (venue,))

    def of(self, venue: str) -> "VenueMarkets":
        """Give one venue's part."""
        return VenueMarkets(self, venue)

    def symbols(self, venue: str) -> list[str]:
        """List a venue's canonical symbols, sorted."""
        query = "SELECT symbol FROM instruments WHERE environment = ? AND venue = ? ORDER BY symbol"

        def read(db: sqlite3.Connection) -> list[str]:
            return [str(row[0]) for row in db.execute(query, (self.environment_key, venue))]

        return self._guarded(read, [])

    def fetched_at_ms(self, venue: str) -> int | None:
        """Tell when a venue's list was downloaded, or None when there is none."""
        query = "SELECT fetched_at_ms FROM lists WHERE environment = ? AND venue = ?"

        def read(db: sqlite3.Connection) -> int | None:
            row = db.execute(query, (self.environment_key, venue)).fetchone()
            return None if row is None else int(row[0])

        return self._guarded(read, None)

    def is_fresh(self, venue: str) -> bool:
        """Tell whether a venue's list is there and within its time to live (a list from the future is not)."""
        fetched = self.fetched_at_ms(venue)
        return fetched is not None and 0 <= self._now_ms() - fetched < self._ttl_ms

    def replace(self, venue: str, instruments: Sequence[Instrument]) -> None:
        """Put a new list in the place of a venue's old one, in one transaction.

        Raises:
            BadAnswer: a symbol is in the list twice.
            ConfigError: the file cannot be written.
        """
        if len({item.symbol for item in instruments}) < len(instruments):
            from collections import Counter

            twice = Counter(item.symbol for item in instruments).most_common(1)[0][0]
            raise BadAnswer(f"{venue} lists {twice} twice.", venue=venue)
        rows = [
            (self.environment_key, venue, item.symbol, item.native_id, item.asset, encode(item)) for item in instruments
        ]

        def write(db: sqlite3.Connection) -> bool:
            with db:
                db.execute("BEGIN IMMEDIATE")
                for table in ("instruments", "lists"):
                    db.execute(
                        f"DELETE FROM {table} WHERE environment = ? AND venue = ?",  # noqa: S608 - two fixed names
                        (self.environment_key, venue),
                    )
                db.executemany("INSERT INTO instruments VALUES (?, ?, ?, ?, ?, ?)", rows)
                db.execute(
                    "INSERT INTO lists VALUES (?, ?, ?, ?)", (self.environment_key, venue, self._now_ms(), len(rows))
                )
            return True

        if not self._guarded(write, False):
            self._guarded(write, False)

    @contextmanager
    def refreshing(self, venue: str, deadline: float) -> Iterator[None]:
        """Hold the one right, on this machine, to download a venue's list; wait for it until `deadline` (monotonic).

        Raises:
            TimedOut: another process was still downloading by then.
            ConfigError: the folder cannot be written.
        """
        name = self.environment_key.replace("/", "_")
        lock = self.path.with_name(f"markets-{name}-{venue}.lock")
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(lock, error) from error
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() >= deadline:
                        raise TimedOut(
                            f"Another process was still downloading {venue}'s instruments.", venue=venue
                        ) from None
                    time.sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _select(self, where: str, values: tuple[str, ...]) -> list[Instrument]:
        query = f"SELECT row FROM instruments WHERE environment = ? AND {where} ORDER BY venue, symbol"  # noqa: S608 - fixed texts

        def read(db: sqlite3.Connection) -> list[Instrument]:
            return [decode(row[0]) for row in db.execute(query, (self.environment_key, *values)).fetchall()]

        return self._guarded(read, [])

    def _guarded(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        with self._lock:
            try:
                return work(self._open())
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                    raise ConfigError(
                        f"The market cache {self.path} cannot be used: {error}.",
                        hint="Check the space and the permissions of its folder, and whether another program holds it.",
                    ) from error
                self._rebuild(error)
            except (ValueError, TypeError, InvalidOperation) as error:
                self._rebuild(error)
            return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # Autocommit, so that a reader holds no lock between two selects; writers open their transaction themselves.
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version != _VERSION:
                self._create(self._connection, version)
        return self._connection

    def _create(self, db: sqlite3.Connection, version: int) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done it while this one waited.
            if db.execute("PRAGMA user_version").fetchone()[0] == version:
                for table in ("lists", "instruments"):
                    db.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        self.path.chmod(0o600)

    def _rebuild(self, error: Exception) -> None:
        sys.stderr.write(f"The market cache {self.path} could not be read ({error}); it is rebuilt.\n")
        self.close()
        for suffix in ("", "-journal", "-wal", "-shm"):
            try:
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            except OSError as problem:
                raise _unwritable(self.path, problem) from error


class VenueMarkets:
    """One venue's instruments in the cache."""

    def __init__(self, cache: MarketCache, venue: str) -> None:
        self._cache = cache
        self._venue = venue

    def find(self, symbol: str) -> Instrument | None:
        """Find one by its canonical symbol."""
        return self._cache.find(self._venue, symbol)

    def by_native(self, native_id: str) -> list[Instrument]:
        """Find those that have one of the venue's own ids."""
        return self._cache.by_native(self._venue, native_id)

    def all(self) -> list[Instrument]:
        """List them."""
        return self._cache.all(self._venue)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be written: {error.strerror}.", hint="Check the permissions of its folder, or delete it."
    )


def encode(item: Instrument) -> str:
    """Write an instrument as a JSON list of its fields; money stays text."""
    values = [getattr(item, name) for name in _NAMES]
    return json.dumps([str(value) if isinstance(value, Decimal) else value for value in values], separators=(",", ":"))


def decode(row: str) -> Instrument:
    """Read what `encode` wrote.

    Raises:
        ValueError, TypeError: it is something else.
    """
    values: list[Any] = json.loads(row)
    if len(values) != len(_NAMES):
        raise ValueError("an instrument of another version")
    for index in _MONEY:
        if values[index] is not None:
            values[index] = Decimal(values[index])
    return Instrument(*values)
