"""ccxt's own description of each market of one venue, as ccxt parsed it, on this machine.

Our instruments hold what the project works with; a ccxt class may want more when it asks about one of its markets.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

_BUSY_S = 5.0
_MOST_FORMER = 20_000
"""How many markets that are not listed any more are kept: options come and go by the hundred."""


class MarketStore:
    """A file of markets by symbol. A file that cannot be read holds nothing, and is written anew.

    Where it cannot be written (a full disk), ccxt asks the venue again the next time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, symbol: str) -> dict[str, Any] | None:
        """Look one market up."""
        return self._one("SELECT market FROM listed WHERE symbol = ?", symbol)

    def find_former(self, symbol: str) -> dict[str, Any] | None:
        """Look up a market that an earlier list had (expired, delisted): a venue still tells of trades there."""
        return self._one("SELECT market FROM former WHERE symbol = ?", symbol)

    def find_by_id(self, native_id: str) -> list[dict[str, Any]]:
        """Look up the markets that share one of the venue's own ids (a spot pair and a perpetual may)."""
        if not self._path.exists():
            return []
        try:
            with closing(self._open()) as db:
                rows = db.execute("SELECT market FROM listed WHERE id = ?", (native_id,)).fetchall()
            return [market for (text,) in rows if isinstance(market := json.loads(text), dict)]
        except (sqlite3.Error, ValueError):
            return []

    def _one(self, query: str, symbol: str) -> dict[str, Any] | None:
        if not self._path.exists():
            return None
        try:
            with closing(self._open()) as db:
                row = db.execute(query, (symbol,)).fetchone()
            found = None if row is None else json.loads(row[0])
        except (sqlite3.Error, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def is_empty(self) -> bool:
        """Tell whether no list was ever kept here."""
        try:
            with closing(self._open()) as db:
                return db.execute("SELECT 1 FROM listed LIMIT 1").fetchone() is None
        except sqlite3.Error:
            return True

    def replace(self, markets: Iterable[Mapping[str, Any]]) -> None:
        """Put a new list in the place of the old one."""
        rows = [(market["symbol"], str(market["id"]), json.dumps(market, default=str)) for market in markets]
        with suppress(OSError, sqlite3.Error):
            try:
                self._write(rows)
            except sqlite3.DatabaseError:
                self._path.unlink(missing_ok=True)
                self._write(rows)

    def _write(self, rows: list[tuple[str, str, str]]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(self._open()) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DROP TABLE IF EXISTS markets")  # the layout before markets were found by id
            db.execute("CREATE TABLE IF NOT EXISTS listed (symbol TEXT PRIMARY KEY, id TEXT, market TEXT)")
            db.execute("CREATE INDEX IF NOT EXISTS listed_by_id ON listed (id)")
            db.execute("CREATE TABLE IF NOT EXISTS former (symbol TEXT PRIMARY KEY, id TEXT, market TEXT)")
            listed = {symbol for symbol, _, _ in rows}
            gone = [(symbol,) for (symbol,) in db.execute("SELECT symbol FROM listed") if symbol not in listed]
            move = "INSERT OR REPLACE INTO former SELECT symbol, id, market FROM listed WHERE symbol = ?"
            db.executemany(move, gone)
            db.execute("DELETE FROM former WHERE rowid <= (SELECT max(rowid) FROM former) - ?", (_MOST_FORMER,))
            db.execute("DELETE FROM listed")
            db.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?, ?)", rows)
            db.execute("COMMIT")
        self._path.chmod(0o600)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
