"""Accounts on disk: one SQLite file per universe, so that a restart keeps orders, fills and balances."""

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_TABLES = """
CREATE TABLE IF NOT EXISTS records (
    venue TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (venue, kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    venue TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (venue, kind, number)
) WITHOUT ROWID;
"""


class Store:
    """Keep what exchanges tell it. `entries` are numbered (orders, fills, payments), `records` have names."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, readable by its owner only."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_TABLES)

    def entries(self, venue: str, kind: str) -> list[Row]:
        """Read all of one kind in the order of their numbers."""
        rows = self._db.execute("SELECT body FROM entries WHERE venue=? AND kind=? ORDER BY number", (venue, kind))
        return [json.loads(body) for (body,) in rows]

    def records(self, venue: str, kind: str) -> list[Row]:
        """Read all of one kind."""
        rows = self._db.execute("SELECT body FROM records WHERE venue=? AND kind=? ORDER BY name", (venue, kind))
        return [json.loads(body) for (body,) in rows]

    def save(
        self,
        venue: str,
        entries: Sequence[tuple[str, int, Row]],
        records: Sequence[tuple[str, str, Row | None]],
    ) -> None:
        """Write all of it or nothing: `(kind, number, body)` and `(kind, name, body)`; a body None removes."""
        self._db.execute("BEGIN")
        try:
            self._db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", _texts(venue, entries))
            kept = [row for row in records if row[2] is not None]
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", _texts(venue, kept))
            self._db.executemany(
                "DELETE FROM records WHERE venue=? AND kind=? AND name=?",
                [(venue, kind, name) for kind, name, body in records if body is None],
            )
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def clear(self, venue: str, kept_kind: str) -> None:
        """Forget what a venue stored, except the records of one kind."""
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM entries WHERE venue=?", (venue,))
        self._db.execute("DELETE FROM records WHERE venue=? AND kind<>?", (venue, kept_kind))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _texts(venue: str, rows: Iterable[tuple[str, Any, Row | None]]) -> list[tuple[str, str, Any, str]]:
    return [(venue, kind, name, json.dumps(body, default=str)) for kind, name, body in rows]
