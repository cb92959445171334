"""Order books recorded second by second: what is kept of each, and its one canonical text.

Every checksum, every comparison and every way through a file is about that text: a snapshot that was written, stored as
Parquet and read again gives the same bytes.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from domain.instruments import Instrument
from domain.money import plain, to_decimal

OK, UNAVAILABLE, RATE_LIMITED, STALE, CROSSED, LATE, STOPPED = (
    "ok", "unavailable", "rate_limited", "stale", "crossed", "late", "stopped",
)  # fmt: skip
STATUSES = (OK, UNAVAILABLE, RATE_LIMITED, STALE, CROSSED, LATE, STOPPED)
"""What became of a second. All but `ok` have a reason; `stale` and `crossed` have the book as it was, the rest none."""
WITH_BOOK = frozenset({OK, STALE, CROSSED})
SECOND_NS = 1_000_000_000

Level = tuple[str, str]
"""Price and size as canonical decimal text: no exponent, no trailing zeros (`domain.money.plain`)."""


class Series(NamedTuple):
    """What is recorded: one instrument at one venue, by its canonical symbol."""

    venue: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.venue} {self.symbol}"


class SeriesFacts(NamedTuple):
    """What a reader has to know of a series; kept with every file.

    Sizes count in `size_unit`: base, or quote where `inverse` (a division would make them inexact). A wire size of 1
    is worth `unit_size` of it. `depth` is how many levels a side were asked for.
    """

    venue: str
    symbol: str
    native_id: str
    kind: str
    base: str
    quote: str
    settle: str | None
    inverse: bool
    unit_size: str
    tick_size: str | None
    lot_size: str | None
    size_unit: str
    depth: int

    @property
    def series(self) -> Series:
        """Name the series."""
        return Series(self.venue, self.symbol)

    @classmethod
    def of(cls, instrument: Instrument, depth: int) -> "SeriesFacts":
        """Take the facts of an instrument."""
        return cls(
            instrument.venue,
            instrument.symbol,
            instrument.native_id,
            instrument.kind,
            instrument.base,
            instrument.quote,
            instrument.settle,
            instrument.inverse,
            plain(instrument.unit_size),
            _text(instrument.tick_size),
            _text(instrument.lot_size),
            instrument.quote if instrument.inverse else instrument.base,
            depth,
        )


class Snapshot(NamedTuple):
    """One series at one UTC second (`time_ns`). Levels are best first; `sequence` is the venue's, as it is."""

    time_ns: int
    status: str
    reason: str | None = None
    received_at_ns: int | None = None
    venue_time_ns: int | None = None
    sequence: int | None = None
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_ESCAPED = bytes(range(32)) + b"\\"
"""What JSON writes otherwise, besides the quote."""


def encode(snapshot: Snapshot) -> bytes:
    """Write a snapshot as its canonical text: a JSON array in the order of its fields."""
    # Put together by hand, which takes a third of the time; what may need an escape is left to `json`.
    try:
        body = f"{_side_text(snapshot.bids)},{_side_text(snapshot.asks)}".encode("ascii")
    except (TypeError, UnicodeEncodeError):
        body = b""
    quotes = 2 * (sum(map(len, snapshot.bids)) + sum(map(len, snapshot.asks)))
    if not body or body.count(b'"') != quotes or len(body.translate(None, _ESCAPED)) != len(body):
        return _json(snapshot).encode()
    return b"[%b,%b]" % (",".join(map(_scalar, snapshot[:-2])).encode(), body)


def decode(text: bytes) -> Snapshot:
    """Read a snapshot's canonical text.

    Raises:
        ValueError: it is none.
    """
    row: Any = json.loads(text)
    if not isinstance(row, list) or len(row) != len(Snapshot._fields):
        raise ValueError("not a snapshot")
    snapshot = Snapshot._make([*row[:-2], _levels(row[-2]), _levels(row[-1])])
    if snapshot.status not in STATUSES or snapshot.time_ns % SECOND_NS:
        raise ValueError("not a snapshot")
    return snapshot


def canonical(number: str) -> str:
    """Write a number of a venue in the canonical form.

    Raises:
        BadNumber: it is none.
    """
    return plain(to_decimal(number))


def _scalar(value: int | str | None) -> str:
    return str(value) if type(value) is int else "null" if value is None else _json(value)


def _side_text(levels: Sequence[Level]) -> str:
    return '[["' + '"],["'.join(map('","'.join, levels)) + '"]]' if levels else "[]"


def _levels(rows: Any) -> tuple[Level, ...]:
    try:
        return tuple((price, size) for price, size in rows)
    except (TypeError, ValueError):
        raise ValueError("not a snapshot: a level is a price and a size, as text") from None


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
