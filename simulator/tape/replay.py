"""Recorded changes put in order: which of them make whole books, and what a book was at any recorded moment."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from simulator.market.model import Listing, Trade
from simulator.tape.dialect import Change, Dialect, Figures, Levels, Link, Traded
from simulator.tape.recording import Message, Recording

_Read = TypeVar("_Read")


class Book:
    """A book being built."""

    def __init__(self) -> None:
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}

    def apply(self, change: Change) -> None:
        """Replace the book by a snapshot, or take a change into it."""
        if change.is_snapshot:
            self.bids, self.asks = {}, {}
        for side, levels in ((self.bids, change.bids), (self.asks, change.asks)):
            for price, size in levels:
                if float(size):
                    side[price] = size
                else:
                    side.pop(price, None)

    def levels(self) -> tuple[Levels, Levels]:
        """Return bids and asks, best first."""
        bids = sorted(self.bids.items(), key=lambda level: float(level[0]), reverse=True)
        return bids, sorted(self.asks.items(), key=lambda level: float(level[0]))


class Moment(NamedTuple):
    """A book as it was from `at_ms` (recorded time) on; `sequence` is the venue's number, or else a count.

    `age_ms` is how much older than the moment asked for the venue dates it; 0 where it was whole and unchanged then.
    """

    bids: Levels
    asks: Levels
    sequence: int
    at_ms: int
    age_ms: int = 0


class Line(Protocol):
    """What a tape serves of one instrument."""

    @property
    def times_ms(self) -> Sequence[int]:
        """When books were recorded, at least the first time, in order."""

    @property
    def numbers(self) -> tuple[int, int]:
        """The least and the largest sequence."""

    @property
    def trades(self) -> Sequence[Traded]:
        """The recorded trades, in the order of receipt."""

    def at(self, at_ms: int) -> Moment:
        """Return the book at a recorded moment; before the first one that first one."""

    def trades_until(self, at_ms: int) -> list[Trade]:
        """Return the trades received by a recorded moment, oldest first."""

    def figures_at(self, at_ms: int) -> Figures | None:
        """Return the last figures received by a recorded moment."""


class Tape(Protocol):
    """Lines that run together; no two have the same native id."""

    @property
    def venue(self) -> str:
        """The venue they are of."""

    @property
    def grain_ms(self) -> int:
        """What the distance between recorded and shown time is a multiple of."""

    @property
    def instruments(self) -> Mapping[str, Listing]:
        """Every instrument by native id, also those without a line."""

    @property
    def timelines(self) -> Mapping[str, Line]:
        """The lines by native id."""

    @property
    def start_ms(self) -> int:
        """When the first book was whole (recorded time)."""

    @property
    def end_ms(self) -> int:
        """When the recording ends."""

    @property
    def faults(self) -> Sequence[str]:
        """What could not be used, in sentences."""


class Timeline:
    """Everything recorded of one instrument: the changes that link up, the trades, the ticker's figures.

    `broken` counts the changes that did not link or whose checksum was wrong; each costs the changes up to the next
    snapshot.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.changes: list[Change] = []
        self.times_ms: list[int] = []
        self.broken = 0
        self.verified = 0
        self.trades: list[Traded] = []
        self.figures: list[Figures] = []
        self._trade_ids: set[int] = set()
        self._pending: list[Change] = []
        self._sequence: int | None = None
        self._whole = False
        self._fresh = False
        self._book = Book()
        self._applied = 0
        self._moment: Moment | None = None

    def add(self, event: Change | Traded | Figures) -> None:
        """Take the next event, in the order of receipt."""
        if isinstance(event, Figures):
            self.figures.append(event)
        elif isinstance(event, Traded):
            if event.trade.trade_id not in self._trade_ids:
                self._trade_ids.add(event.trade.trade_id)
                self.trades.append(event)
        elif event.is_snapshot:
            self._accept(event, event.at_ms)
            waiting, self._pending = self._pending, []
            for change in waiting:
                self._follow(change, event.at_ms)
        else:
            self._follow(event, event.at_ms)

    def _follow(self, change: Change, at_ms: int) -> None:
        if not self._whole:
            # Streams are opened before the snapshot is asked for: what comes meanwhile may be its continuation.
            self._pending.append(change)
            return
        link = self._dialect.link(self._sequence, self._fresh, change)
        if link is Link.NEXT:
            self._accept(change, at_ms)
        elif link is Link.GAP:
            self._break(change)

    def _accept(self, change: Change, at_ms: int) -> None:
        self._book.apply(change)
        if change.checksum is not None:
            if not self._dialect.verifies(change, *self._book.levels()):
                self._break(change)
                return
            self.verified += 1
        self._whole, self._fresh = True, change.is_snapshot
        self._sequence = change.last
        self.changes.append(change)
        self.times_ms.append(at_ms)

    def _break(self, change: Change) -> None:
        self.broken += 1
        self._whole = False
        self._pending = [change]

    @property
    def numbers(self) -> tuple[int, int]:
        """The sequences of the first and the last change."""
        return self.changes[0].last or 0, self.changes[-1].last or len(self.changes)

    def rewind(self) -> None:
        """Make ready for questions: let go of what was needed for building only."""
        self._book, self._applied, self._pending = Book(), 0, []

    def at(self, at_ms: int) -> Moment:
        """Return the book at a recorded moment; before the first one that first one. Raises IndexError without any."""
        wanted = max(1, bisect_right(self.times_ms, at_ms))
        if self._moment is not None and wanted == self._applied:
            return self._moment
        if wanted < self._applied:
            self._book, self._applied = Book(), 0
        for change in self.changes[self._applied : wanted]:
            self._book.apply(change)
        self._applied = wanted
        last = self.changes[wanted - 1]
        bids, asks = self._book.levels()
        sequence = wanted if last.last is None else last.last
        self._moment = Moment(bids, asks, sequence, self.times_ms[wanted - 1])
        return self._moment

    def trades_until(self, at_ms: int) -> list[Trade]:
        """Return the trades received by a recorded moment, oldest first."""
        return [traded.trade for traded in self.trades if traded.at_ms <= at_ms]

    def figures_at(self, at_ms: int) -> Figures | None:
        """Return the last figures received by a recorded moment, before the first ones those."""
        past = bisect_right([figures.at_ms for figures in self.figures], at_ms)
        return self.figures[max(0, past - 1)] if self.figures else None


class Reel:
    """One recording: its instruments, and the timelines of those that have a book.

    `start_ms` is when the first book was whole, `end_ms` when the last message came (recorded times). `faults` says in
    sentences what of the recording could not be used.
    """

    grain_ms = 1

    def __init__(self, recording: Recording, dialect: Dialect) -> None:
        self.venue = dialect.venue
        self.prefix = dialect.prefix
        self._misread = 0
        self.instruments: Mapping[str, Listing] = {
            listing.native_id: listing
            for message in recording.instruments()
            for listing in self._read(dialect.listings, message)
        }
        timelines: dict[str, Timeline] = {}
        stream = recording.stream()
        for message in stream:
            for event in self._read(lambda this: dialect.events(this, self.instruments), message):
                timelines.setdefault(event.native_id, Timeline(dialect)).add(event)
        for timeline in timelines.values():
            timeline.rewind()
        self.timelines = {name: line for name, line in timelines.items() if line.changes and name in self.instruments}
        self.start_ms = min((line.times_ms[0] for line in self.timelines.values()), default=0)
        self.end_ms = max((message.at_ms for message in stream), default=0)
        self.faults = self._find_faults(timelines, recording.unread + self._misread)

    def _read(self, read: Callable[[Message], Iterable[_Read]], message: Message) -> list[_Read]:
        """Read one message; one that is not shaped as its dialect says counts as unreadable."""
        try:
            return list(read(message))
        except (LookupError, TypeError, ValueError, ArithmeticError):
            self._misread += 1
            return []

    def _find_faults(self, timelines: Mapping[str, Timeline], unread: int) -> list[str]:
        faults: list[str] = []
        for name, timeline in sorted(timelines.items()):
            if timeline.broken:
                faults.append(f"{self.prefix} {name}: {timeline.broken} changes do not link up")
            if name not in self.instruments:
                faults.append(f"{self.prefix} {name}: no instrument of that name")
            elif not timeline.changes:
                faults.append(f"{self.prefix} {name}: no snapshot of its book")
        if unread:
            faults.append(f"{self.prefix}: {unread} messages could not be read")
        return faults
