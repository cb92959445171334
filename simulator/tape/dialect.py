"""What a venue's recording is read into, and how each venue's dialect of it is plugged in."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import simulator.tape
from simulator.market.model import Listing, Stats, Trade
from simulator.tape.recording import Message

Levels = list[tuple[str, str]]


class Link(Enum):
    """How a change follows on a book."""

    OLD = "old"
    """The book has it already."""
    NEXT = "next"
    GAP = "gap"
    """Something between them was lost."""


class Change(NamedTuple):
    """A book, whole or what changed of it (a size of zero deletes its level).

    `first` and `last` are the update numbers it covers and `previous` the one it follows on, where the venue says so.
    """

    native_id: str
    at_ms: int
    is_snapshot: bool
    bids: Levels
    asks: Levels
    first: int | None = None
    last: int | None = None
    previous: int | None = None
    checksum: int | None = None


class Traded(NamedTuple):
    """A public trade, received at `at_ms`."""

    native_id: str
    at_ms: int
    trade: Trade


class Figures(NamedTuple):
    """What a ticker said at `at_ms`; absent is None."""

    native_id: str
    at_ms: int
    stats: Stats | None = None
    index_price: str | None = None
    mark_price: str | None = None


Event = Change | Traded | Figures


class Dialect(ABC):
    """One venue's recordings. Subclasses live in modules of this package, which list them as `DIALECTS`."""

    venue: ClassVar[str]
    prefix: ClassVar[str]
    """The recording's files are named `<prefix>.….gz`."""

    @abstractmethod
    def listings(self, message: Message) -> Iterable[Listing]:
        """Read an instrument list; the recorded row goes into `extra`."""

    @abstractmethod
    def events(self, message: Message, listings: Mapping[str, Listing]) -> Iterable[Event]:
        """Read a snapshot or a message of the streams; what is none of them gives nothing."""

    @abstractmethod
    def link(self, sequence: int | None, fresh: bool, change: Change) -> Link:
        """Tell how `change` follows on a book of `sequence`; `fresh` where that is a snapshot nothing followed yet."""

    def verifies(self, change: Change, bids: Levels, asks: Levels) -> bool:
        """Tell whether the book after `change` (best levels first) is what the venue says it is."""
        return change.checksum is None


def by_numbers(sequence: int | None, change: Change, *, overlap: bool) -> Link:
    """Tell how a change with a first and a last number follows; what `overlap`s may begin with numbers before."""
    if sequence is None or change.first is None or change.last is None:
        return Link.GAP
    if change.last <= sequence:
        return Link.OLD
    starts = change.first <= sequence + 1 if overlap else change.first == sequence + 1
    return Link.NEXT if starts else Link.GAP


def dialects() -> list[Dialect]:
    """Collect the dialects of every module of this package."""
    found: list[Dialect] = []
    for module in sorted(pkgutil.iter_modules(simulator.tape.__path__), key=lambda item: item.name):
        loaded = importlib.import_module(f"simulator.tape.{module.name}")
        found.extend(dialect() for dialect in getattr(loaded, "DIALECTS", ()))
    return found


def plain(number: object) -> str:
    """Write a JSON number as a venue prints it: no exponent, no trailing `.0`."""
    exact = Decimal(str(number))
    return f"{exact.to_integral_value() if exact == exact.to_integral_value() else exact:f}"


def row_items(row: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    """Keep a recorded instrument's row as a listing's `extra`."""
    return tuple(row.items())
