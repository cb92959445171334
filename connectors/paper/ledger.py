"""The file of all accounts on paper: `paper.sqlite` in the state folder, shared by all processes of this machine.

A change is read, worked out and written in one transaction that no other process can come between, and it is on the
disk when it returns (`synchronous=FULL`). Transactions take turns on a lock file of our own, because up to SQLite
3.51.2 two checkpoints and a commit at the same moment could lose a commit (https://sqlite.org/wal.html, "The WAL-Reset
Bug").
"""

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from decimal import Decimal
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from connectors.paper.account import Account, Holding, NewFill, NewPayment, NewTransfer, PaperOrder
from domain.errors import ConfigError, Refused
from domain.movements import DEPOSIT, Transfer
from domain.orders import Fill, FundingPayment

T = TypeVar("T")

VERSION = 1
BUSY_S = 5.0
"""How long one process waits for the others, each of which takes milliseconds."""
_POLL_S = 0.002
_TABLES = """
CREATE TABLE balances (venue TEXT NOT NULL, currency TEXT NOT NULL, total TEXT NOT NULL,
    PRIMARY KEY (venue, currency)) WITHOUT ROWID;
CREATE TABLE positions (venue TEXT NOT NULL, symbol TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (venue, symbol)) WITHOUT ROWID;
CREATE TABLE cursors (venue TEXT NOT NULL, symbol TEXT NOT NULL, time_ms INTEGER NOT NULL, ids TEXT NOT NULL,
    PRIMARY KEY (venue, symbol)) WITHOUT ROWID;
CREATE TABLE orders (no INTEGER PRIMARY KEY AUTOINCREMENT, venue TEXT NOT NULL, symbol TEXT NOT NULL,
    client_id TEXT NOT NULL, live INTEGER NOT NULL, created_ms INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (venue, client_id));
CREATE INDEX live_orders ON orders (venue, symbol) WHERE live;
CREATE TABLE fills (no INTEGER PRIMARY KEY AUTOINCREMENT, venue TEXT NOT NULL, symbol TEXT NOT NULL,
    order_no INTEGER, client_id TEXT, time_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX fills_by_symbol ON fills (venue, symbol, time_ms);
CREATE TABLE payments (no INTEGER PRIMARY KEY AUTOINCREMENT, venue TEXT NOT NULL, symbol TEXT NOT NULL,
    time_ms INTEGER NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL, rate TEXT NOT NULL,
    UNIQUE (venue, symbol, time_ms));
"""
_LATER_TABLES = """
CREATE TABLE IF NOT EXISTS transfers (no INTEGER PRIMARY KEY AUTOINCREMENT, venue TEXT NOT NULL, kind TEXT NOT NULL,
    time_ms INTEGER NOT NULL, currency TEXT NOT NULL, amount TEXT NOT NULL);
"""
"""What files of earlier programs lack; those programs can still read a file that has it."""


class PaperError(ConfigError):
    """The accounts on paper cannot be read or written; what was to be changed is as it was."""

    category = "paper"


class Ledger:
    """The accounts of all venues; threads and processes take turns.

    Args:
        path: where the file is, or will be.
        deposits: what a venue has at its first use, by currency.
        clock: answers the time at which an account begins, epoch milliseconds; without one it is this machine's.

    Every method raises PaperError where the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        deposits: Mapping[str, Decimal],
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._path = path
        self._deposits = dict(deposits)
        self._clock = _wall_ms if clock is None else clock
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None

    def read(self, venue: str) -> Account:
        """Read an account with its live orders; one that was never looked at begins now."""
        account = self._run(lambda db: _account(db, venue))
        return account if account.balances or not self._deposits else self.change(venue, lambda begun: begun)

    def change(self, venue: str, work: Callable[[Account], T]) -> T:
        """Read an account, have it changed, and write it; nothing is changed where `work` raises.

        Raises:
            Refused: a new order has a client id that the venue knows.
        """

        def transact(db: sqlite3.Connection) -> T:
            db.execute("BEGIN IMMEDIATE")
            try:
                account = _account(db, venue)
                if not account.balances:
                    self._begin(account)
                result = work(account)
                _save(db, account)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
            return result

        return self._run(transact, alone=True)

    def _begin(self, account: Account) -> None:
        account.balances |= self._deposits
        at_ms = self._clock()
        account.transfers += [NewTransfer(DEPOSIT, at_ms, *each) for each in self._deposits.items() if each[1]]

    def order(self, venue: str, *, number: int | None = None, client_id: str | None = None) -> PaperOrder | None:
        """Find an order by its number, else by its client id."""
        column, value = ("no", number) if number is not None else ("client_id", client_id)
        found = self._orders(f"venue = ? AND {column} = ?", (venue, value))
        return found[0] if found else None

    def closed(self, venue: str, symbol: str, since_ms: int) -> list[PaperOrder]:
        """List the orders that have ended and were created since a moment, oldest first."""
        return self._orders("venue = ? AND symbol = ? AND NOT live AND created_ms >= ?", (venue, symbol, since_ms))

    def fills(self, venue: str, symbol: str, since_ms: int) -> list[Fill]:
        """List fills since a moment, oldest first."""
        query = (
            "SELECT no, order_no, client_id, time_ms, body FROM fills"
            " WHERE venue = ? AND symbol = ? AND time_ms >= ? ORDER BY time_ms, no"
        )
        rows = self._run(lambda db: db.execute(query, (venue, symbol, since_ms)).fetchall())
        with _reading():
            return [_fill(venue, symbol, *row) for row in rows]

    def payments(self, venue: str, symbol: str, since_ms: int) -> list[FundingPayment]:
        """List funding paid and received since a moment, oldest first."""
        query = (
            "SELECT no, time_ms, amount, currency, rate FROM payments"
            " WHERE venue = ? AND symbol = ? AND time_ms >= ? ORDER BY time_ms"
        )
        rows = self._run(lambda db: db.execute(query, (venue, symbol, since_ms)).fetchall())
        with _reading():
            return [
                FundingPayment(venue, symbol, f"paper-{no}", time_ms, Decimal(amount), currency, Decimal(rate))
                for no, time_ms, amount, currency, rate in rows
            ]

    def transfers(self, venue: str, since_ms: int) -> list[Transfer]:
        """List what the account began with, and losses that nobody paid, since a moment, oldest first.

        An account that an earlier program began is not told with what it did.
        """
        query = (
            "SELECT no, kind, time_ms, currency, amount FROM transfers WHERE venue = ? AND time_ms >= ?"
            " ORDER BY time_ms, no"
        )
        rows = self._run(lambda db: db.execute(query, (venue, since_ms)).fetchall())
        with _reading():
            return [
                Transfer(venue, f"paper-{time_ms}-{no}", time_ms, kind, currency, Decimal(amount), Decimal(0))
                for no, kind, time_ms, currency, amount in rows
            ]

    def traded(self, venue: str, since_ms: int) -> list[str]:
        """List the symbols with fills since a moment."""
        query = "SELECT DISTINCT symbol FROM fills WHERE venue = ? AND time_ms >= ? ORDER BY symbol"
        return [symbol for (symbol,) in self._run(lambda db: db.execute(query, (venue, since_ms)).fetchall())]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                with self._alone():
                    self._connection.close()
                self._connection = None

    def _orders(self, condition: str, values: tuple[Any, ...]) -> list[PaperOrder]:
        query = f"SELECT no, body FROM orders WHERE {condition} ORDER BY no"  # noqa: S608 - of our own words
        rows = self._run(lambda db: db.execute(query, values).fetchall())
        with _reading():
            return [_order(no, body) for no, body in rows]

    def _run(self, work: Callable[[sqlite3.Connection], T], *, alone: bool = False) -> T:
        with self._lock:
            try:
                if alone or self._connection is None:
                    with self._alone():
                        return work(self._opened())
                return work(self._opened())
            except (sqlite3.Error, OSError) as error:
                raise PaperError(
                    f"The accounts on paper ({self._path}) cannot be used: {error}.",
                    hint="Check the space and the permissions of its folder; moving it away starts anew.",
                ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # Made with the right permissions before anything is in it; SQLite gives its other files the same.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")
                version = db.execute("PRAGMA user_version").fetchone()[0]
                if version not in (0, VERSION):
                    raise sqlite3.DatabaseError(f"it was written by another version of this program ({version})")
                if not version:
                    db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")
                db.executescript(_LATER_TABLES)
            except BaseException:
                db.close()
                raise
            self._connection = db
        return self._connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the other processes (and connections of this one) out."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = time.monotonic() + BUSY_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise TimeoutError(f"another process has held it for {BUSY_S:g} s") from None
                    time.sleep(_POLL_S)
            yield
        finally:
            os.close(lock)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _reading() -> Iterator[None]:
    """Report a row that cannot be read as what it is: a damaged file."""
    try:
        yield
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise PaperError(
            f"The accounts on paper hold what cannot be read ({type(error).__name__}: {error}).",
            hint="Move paper.sqlite in the state folder away to start anew.",
        ) from error


def _account(db: sqlite3.Connection, venue: str) -> Account:
    with _reading():
        return _read_account(db, venue)


def _read_account(db: sqlite3.Connection, venue: str) -> Account:
    balances = {
        currency: Decimal(total)
        for currency, total in db.execute("SELECT currency, total FROM balances WHERE venue = ?", (venue,))
    }
    positions = {
        symbol: _holding(body)
        for symbol, body in db.execute("SELECT symbol, body FROM positions WHERE venue = ?", (venue,))
    }
    orders = db.execute("SELECT no, body FROM orders WHERE venue = ? AND live ORDER BY no", (venue,)).fetchall()
    cursors = {
        symbol: (time_ms, list(json.loads(ids)))
        for symbol, time_ms, ids in db.execute("SELECT symbol, time_ms, ids FROM cursors WHERE venue = ?", (venue,))
    }
    return Account(venue, balances, positions, [_order(*row) for row in orders], cursors)


def _save(db: sqlite3.Connection, account: Account) -> None:
    venue = account.venue
    for currency, total in account.balances.items():
        db.execute("INSERT OR REPLACE INTO balances VALUES (?, ?, ?)", (venue, currency, str(total)))
    for symbol, position in account.positions.items():
        db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (venue, symbol, _text(asdict(position))))
    for symbol, (time_ms, ids) in account.cursors.items():
        db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)", (venue, symbol, time_ms, json.dumps(ids)))
    for order in account.orders:
        _save_order(db, venue, order)
    for fill in account.fills:
        _save_fill(db, venue, fill)
    for payment in account.payments:
        _save_payment(db, venue, payment)
    for moved in account.transfers:
        row = (venue, moved.kind, moved.time_ms, moved.currency, str(moved.amount))
        db.execute("INSERT INTO transfers (venue, kind, time_ms, currency, amount) VALUES (?, ?, ?, ?, ?)", row)


def _save_order(db: sqlite3.Connection, venue: str, order: PaperOrder) -> None:
    body = _text(asdict(order))
    if order.number:
        db.execute("UPDATE orders SET live = ?, body = ? WHERE no = ?", (order.live, body, order.number))
        return
    row = (venue, order.symbol, order.client_id, order.live, order.created_ms, body)
    try:
        made = db.execute(
            "INSERT INTO orders (venue, symbol, client_id, live, created_ms, body) VALUES (?, ?, ?, ?, ?, ?)", row
        )
    except sqlite3.IntegrityError as error:
        raise Refused(f"{venue} (paper) knows the client id {order.client_id} already.", venue=venue) from error
    order.number = int(made.lastrowid or 0)


def _save_fill(db: sqlite3.Connection, venue: str, fill: NewFill) -> None:
    body = {
        "side": fill.side, "price": fill.price, "size": fill.size, "fee": fill.fee, "currency": fill.currency,
        "maker": fill.maker,
    }  # fmt: skip
    ids = (None, None) if fill.order is None else (fill.order.number, fill.order.client_id)
    db.execute(
        "INSERT INTO fills (venue, symbol, order_no, client_id, time_ms, body) VALUES (?, ?, ?, ?, ?, ?)",
        (venue, fill.symbol, *ids, fill.time_ms, _text(body)),
    )


def _save_payment(db: sqlite3.Connection, venue: str, payment: NewPayment) -> None:
    db.execute(
        "INSERT INTO payments (venue, symbol, time_ms, amount, currency, rate) VALUES (?, ?, ?, ?, ?, ?)",
        (venue, payment.symbol, payment.time_ms, str(payment.amount), payment.currency, str(payment.rate)),
    )


def _text(body: Mapping[str, Any]) -> str:
    """Write money as tagged text, so that it is read as money again."""
    return json.dumps({key: {"d": str(value)} if isinstance(value, Decimal) else value for key, value in body.items()})


def _values(text: str) -> dict[str, Any]:
    return {key: Decimal(value["d"]) if isinstance(value, dict) else value for key, value in json.loads(text).items()}


_ORDER_FIELDS = frozenset(field.name for field in fields(PaperOrder))


def _order(number: int, text: str) -> PaperOrder:
    values = {key: value for key, value in _values(text).items() if key in _ORDER_FIELDS}
    return PaperOrder(**values | {"number": number})


def _holding(text: str) -> Holding:
    return Holding(**_values(text))


def _fill(
    venue: str, symbol: str, number: int, order_no: int | None, client_id: str | None, time_ms: int, text: str
) -> Fill:
    body = _values(text)
    return Fill(
        venue=venue,
        symbol=symbol,
        trade_id=f"paper-{number}",
        order_id=None if order_no is None else order_id(order_no),
        client_id=client_id,
        side=body["side"],
        price=body["price"],
        size=body["size"],
        fee=body["fee"],
        fee_currency=body["currency"],
        maker=body["maker"],
        time_ms=time_ms,
    )


def order_id(number: int) -> str:
    """Write an order's number as its id."""
    return f"paper-{number:08d}"


def order_number(text: str) -> int | None:
    """Read an order's id; None: it is none of ours."""
    digits = text.removeprefix("paper-")
    return int(digits) if digits != text and digits.isdecimal() and len(digits) < 19 else None
