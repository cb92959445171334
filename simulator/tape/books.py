"""Order books that were recorded second by second, read from their Parquet files as a tape.

The layout is described in docs/snapshots.md. Files are read with pyarrow alone, a row group when its time has come.
"""

import hashlib
import json
import threading
import weakref
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from simulator.market.listings import collect
from simulator.market.model import Listing, NotRecorded, Trade
from simulator.state import Position, SimulatorError
from simulator.tape.dialect import Figures, Levels, Traded
from simulator.tape.facts import WIDE, Unlisted, to_listing
from simulator.tape.market import TapeMarket
from simulator.tape.replay import Moment
from simulator.tape.stores import Stock, Stored

NEWEST_SCHEMA = 1
SECOND_MS = 1_000
_NS_PER_MS = 1_000_000
_AHEAD_MS = 30_000
_WITH_BOOK = ("ok", "stale", "crossed")
_COLUMNS = (
    "time", "status", "sequence", "received_at_ns", "venue_time_ns",
    "bid_prices", "bid_sizes", "ask_prices", "ask_sizes", "exact",
)  # fmt: skip
_EXACT = ("time_ns", "status", "reason", "received_at_ns", "venue_time_ns", "sequence", "bids", "asks")
"""What a row's canonical text is a list of."""
Facts = dict[str, Any]


class Piece(NamedTuple):
    """A row group: its file, its place there, its first and last second (epoch ms), its least and largest sequence."""

    file: Stored
    group: int
    first_ms: int
    last_ms: int
    sequences: tuple[int, int] | None


class Row(NamedTuple):
    """A recorded book: its second, when the venue dates it, how old it was when it came, and how far the next row is.

    Recorded times in ms; what the venue does not date is of its second.
    """

    at_ms: int
    dated_ms: int
    age_ms: int
    step_ms: int
    moment: Moment


class Window:
    """The rows of one row group."""

    def __init__(self, piece: Piece) -> None:
        """Read it. Raises NotRecorded where the file is gone or damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(piece.file.path) as opened:
                self._table = opened.read_row_group(piece.group, columns=list(_COLUMNS)).combine_chunks()
        except (OSError, pa.ArrowException) as error:
            raise NotRecorded(f"{piece.file.key} cannot be read any more: {error}") from None
        self.times_ms = [value // 1_000 for value in self._table.column("time").cast("int64").to_pylist()]
        self._has_book = [status in _WITH_BOOK for status in self._table.column("status").to_pylist()]
        self.step_ms = min((b - a for a, b in zip(self.times_ms, self.times_ms[1:], strict=False)), default=SECOND_MS)

    def before(self, at_ms: int) -> int | None:
        """Find the last row with a book at or before a moment."""
        last = bisect_right(self.times_ms, at_ms)
        return next((row for row in range(last - 1, -1, -1) if self._has_book[row]), None)

    def first(self) -> int | None:
        """Find the first row with a book."""
        return next((row for row, has in enumerate(self._has_book) if has), None)

    def row(self, place: int, unit: Decimal, count: int) -> Row:
        """Read one row, its sizes in wire units; `count` stands in for a sequence that the venue does not tell."""
        found = self._exact(place) or {
            name: self._table.column(name)[place].as_py() for name in ("sequence", "received_at_ns", "venue_time_ns")
        } | {"bids": self._side("bid", place), "asks": self._side("ask", place)}
        at_ms = self.times_ms[place]
        bids, asks = (_in_wire_units(found[side], unit) for side in ("bids", "asks"))
        sequence = count if found["sequence"] is None else found["sequence"]
        dated_ms, came_ms = (
            at_ms if found[name] is None else found[name] // _NS_PER_MS for name in ("venue_time_ns", "received_at_ns")
        )
        age_ms = 0 if found["venue_time_ns"] is None else max(0, came_ms - dated_ms)
        return Row(at_ms, dated_ms, age_ms, self.step_ms, Moment(bids, asks, sequence, at_ms))

    def _exact(self, place: int) -> Facts | None:
        """Read the row's text, which is there where its columns would not tell every digit."""
        text = self._table.column("exact")[place].as_py()
        return None if text is None else dict(zip(_EXACT, json.loads(text), strict=True))

    def _side(self, side: str, place: int) -> Levels:
        prices, sizes = (self._table.column(f"{side}_{what}")[place].as_py() for what in ("prices", "sizes"))
        return [(_text(price), _text(size)) for price, size in zip(prices, sizes, strict=True)]


class Line:
    """What was recorded of one series. Of its row groups that at hand is held (an hour of 100 levels takes 12 MB).

    So is the next one, shortly before its time, and the one that has the last book where that at hand has none yet.
    """

    trades: Sequence[Traded] = ()

    def __init__(self, pieces: Sequence[Piece], unit: Decimal) -> None:
        """Take the row groups, in order of time."""
        self._pieces = pieces
        self._unit = unit
        self._windows: dict[int, Window] = {}
        self._coming: tuple[int, Window] | None = None
        self._fetched = 0
        self._bare: set[int] = set()
        self._row: tuple[tuple[int, int], Row] | None = None
        self.times_ms = [piece.first_ms for piece in pieces]
        known = [number for piece in pieces for number in piece.sequences or ()]
        seconds = (pieces[-1].last_ms - pieces[0].first_ms) // SECOND_MS
        self.numbers = (min(known), max(known)) if known else (1, seconds + 1)

    def at(self, at_ms: int) -> Moment:
        """Return the book at a recorded moment: the last one at or before it, or else the first.

        Until the next one was due it is as old as it was when it was recorded; from then on its date stands. Raises
        NotRecorded where none was recorded at all.
        """
        row = self._before(at_ms)
        over = at_ms >= row.at_ms + row.step_ms
        return row.moment._replace(age_ms=max(0, at_ms - row.dated_ms) if over else row.age_ms)

    def trades_until(self, at_ms: int) -> list[Trade]:
        """Return nothing: trades are not recorded."""
        return []

    def figures_at(self, at_ms: int) -> Figures | None:
        """Return nothing: figures are not recorded."""
        return None

    def _before(self, at_ms: int) -> Row:
        """Find the last book at or before a moment, or else the first after it."""
        last = max(0, bisect_right(self.times_ms, at_ms) - 1)
        if (
            at_ms > self._pieces[last].last_ms - _AHEAD_MS
            and last + 1 < len(self._pieces)
            and self._fetched != last + 1
        ):
            self._fetched = last + 1
            threading.Thread(target=self._fetch, args=(last + 1,), daemon=True).start()
        earlier = ((number, self._look(number, at_ms)) for number in range(last, -1, -1))
        later = ((number, self._look(number, None)) for number in range(len(self._pieces)))
        for number, place in chain(earlier, later):
            if place is not None:
                self._windows = {each: self._windows[each] for each in {last, number} & self._windows.keys()}
                return self._read(number, place)
        raise NotRecorded(f"{self._pieces[0].file.key} and what follows have no book")

    def _look(self, number: int, at_ms: int | None) -> int | None:
        """Find a row group's last row with a book at or before a moment; None: its first one."""
        if number in self._bare:
            return None
        window = self._open(number)
        if window.first() is None:
            self._bare.add(number)
            return None
        return window.first() if at_ms is None else window.before(at_ms)

    def _fetch(self, number: int) -> None:
        """Read a row group before its time: many series have a new one at once, and the venues should not wait."""
        with suppress(NotRecorded):  # whoever asks for it is told
            self._coming = (number, Window(self._pieces[number]))

    def _open(self, number: int) -> Window:
        window = self._windows.get(number)
        if window is None:
            coming = self._coming
            if coming is not None and coming[0] == number:
                window, self._coming = coming[1], None
            else:
                window = Window(self._pieces[number])
            self._windows[number] = window
        return window

    def _read(self, number: int, place: int) -> Row:
        if self._row is None or self._row[0] != (number, place):
            window = self._open(number)
            count = (window.times_ms[place] - self._pieces[0].first_ms) // SECOND_MS + 1
            self._row = ((number, place), window.row(place, self._unit, count))
        return self._row[1]


class Shelf:
    """What was recorded in one section of a venue. All shelves of a store have one time, from its first second on."""

    grain_ms = SECOND_MS
    """Recorded seconds begin when seconds of today begin."""

    def __init__(self, venue: str, listed: Sequence[tuple[Listing, Line]], span_ms: tuple[int, int]) -> None:
        self.venue = venue
        self.instruments = {listing.native_id: listing for listing, _ in listed}
        self.timelines = {listing.native_id: line for listing, line in listed}
        self.start_ms, self.end_ms = span_ms
        self.faults: list[str] = []


def load_books(stock: Stock, position: Position | None = None, loop: bool = False) -> TapeMarket:
    """Serve a store; `position` and `loop` as TapeMarket has them.

    Raises:
        SimulatorError: a file is of a newer schema, or the store has no series that can be served.
    """
    try:
        faults = list(stock.faults)
        series, fingerprint = _series(stock.files, faults)
        shelves = _shelves(series, faults)
        if not shelves:
            raise SimulatorError(f"The tape has no order books that can be served: {'; '.join(faults[:3])}.")
        shelves[0].faults = faults
        market = TapeMarket(shelves, f"tape-{fingerprint}", position, loop)
    except BaseException:
        stock.clear()
        raise
    weakref.finalize(market, stock.clear)
    return market


def _series(files: Sequence[Stored], faults: list[str]) -> tuple[dict[str, tuple[Facts, list[Piece]]], str]:
    """Read the files' ends: the facts and the row groups of each series, and a name for what they hold."""
    series: dict[str, tuple[Facts, list[Piece]]] = {}
    digest = hashlib.sha256()
    for file in files:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(file.path) as opened:
                known = opened.metadata.metadata or {}
                _check_schema(file, known)
                facts = json.loads(known[b"crossbook.facts"])
                pieces = list(_pieces(file, opened.metadata))
                content = known[b"crossbook.content_sha256"]
            name = f"{facts['venue']} {facts['symbol']}"
        except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
            faults.append(f"{file.key} cannot be read: {str(error).splitlines()[0] if str(error) else repr(error)}")
            continue
        digest.update(file.key.encode() + b"\0" + content)
        before = series.setdefault(name, (facts, []))[1]
        if before and pieces and pieces[0].first_ms <= before[-1].last_ms:
            faults.append(f"{file.key} begins before the file before it has ended")
            continue
        before.extend(pieces)
    return series, digest.hexdigest()[:10]


def _check_schema(file: Stored, known: dict[bytes, bytes]) -> None:
    version = known.get(b"crossbook.schema", b"").decode(errors="replace")
    if not version.isdecimal():
        raise ValueError("it holds no order books of Crossbook")
    if int(version) > NEWEST_SCHEMA:
        raise SimulatorError(
            f"{file.key} has schema {version}, and this simulator reads up to {NEWEST_SCHEMA}: take a newer version."
        )


def _pieces(file: Stored, metadata: Any) -> Iterator[Piece]:
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        statistics = {
            name: columns.column(place).statistics
            for place in range(columns.num_columns)
            if (name := columns.column(place).path_in_schema) in ("time", "sequence")
        }
        times, sequences = statistics["time"], statistics["sequence"]
        told = sequences is not None and sequences.has_min_max
        first_ms, last_ms = (int(moment.timestamp()) * SECOND_MS for moment in (times.min, times.max))
        yield Piece(file, group, first_ms, last_ms, (sequences.min, sequences.max) if told else None)


def _shelves(series: dict[str, tuple[Facts, list[Piece]]], faults: list[str]) -> list[Shelf]:
    """Put the series on the shelves of their venues' sections."""
    recorded = {name: found for name, found in series.items() if found[1]}
    if not recorded:
        return []
    start_ms = min(pieces[0].first_ms for _, pieces in recorded.values())
    end_ms = max(pieces[-1].last_ms for _, pieces in recorded.values()) + SECOND_MS - 1
    known: dict[str, list[Listing]] = {}
    for listing in collect(start_ms):
        known.setdefault(listing.venue, []).append(listing)
    shelves: dict[tuple[str, str], list[tuple[Listing, Line]]] = {}
    for name, (facts, pieces) in recorded.items():
        try:
            listing = to_listing(facts, known.get(facts["venue"], []))
            line = Line(pieces, Decimal(facts["unit_size"]))
        except Unlisted as error:
            faults.append(f"{name}: {error}")
        except (LookupError, TypeError, ValueError, ArithmeticError):
            faults.append(f"{name}: its facts cannot be read")
        else:
            shelves.setdefault((listing.venue, listing.product), []).append((listing, line))
    return [Shelf(venue, listed, (start_ms, end_ms)) for (venue, _), listed in sorted(shelves.items())]


def _in_wire_units(levels: Sequence[Sequence[str]], unit: Decimal) -> Levels:
    if unit == 1:
        return [(price, size) for price, size in levels]
    return [(price, _plain(WIDE.divide(Decimal(size), unit))) for price, size in levels]


def _text(number: float) -> str:
    """Write a double as the shortest decimal that it is read from, without an exponent."""
    text = repr(number)
    return text.removesuffix(".0") if "e" not in text else _plain(Decimal(text))


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
