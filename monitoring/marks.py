"""What is open now, valued: marks of positions, rates into the numeraire, and what the venues say they hold."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from market_data.ask import ask_all
from market_data.conversion import SAME, Conversion, Rate
from monitoring.cash import holds_cash

if TYPE_CHECKING:
    from connectors.registry import Venues
    from domain.instruments import Instrument
    from domain.orders import Position
    from monitoring.accounting.book import Book
    from monitoring.venue_state import VenueState
    from utils.config.settings import Config

Key = tuple[str, str]
MARK, MID = "mark price", "mid of the book"


class Market(Protocol):
    """An opened run: what `commands.session` gives."""

    venues: "Venues"
    config: "Config"

    def deadline(self) -> float:
        """Answer until when (time.monotonic seconds) this run may ask."""


Opener = Callable[[Sequence[str]], Market]
"""Opens a run for the venues named, when something has to be asked."""


class Mark(NamedTuple):
    """What a position is valued at, where that comes from; `price` None: not known, `reason` says why."""

    price: Decimal | None
    source: str
    reason: str | None = None


@dataclass
class Seen:
    """What the markets and the venues said. Nothing was asked where all of it is empty.

    Attributes:
        marks: by (venue, symbol), of what is open. rates: by (currency, venue). states: what each venue holds of ours.
        positions: the venues' own, by (venue, symbol). notes: what went wrong on the way, as sentences.
    """

    numeraire: str
    marks: dict[Key, Mark] = field(default_factory=dict)
    rates: dict[tuple[str, str], Rate | None] = field(default_factory=dict)
    states: Mapping[str, "VenueState"] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def rate(self, currency: str, venue: str) -> Rate | None:
        """Tell what a currency is worth in the numeraire."""
        if currency == self.numeraire:
            return Rate(currency, currency, Decimal(1), SAME)
        return self.rates.get((currency, venue))

    @property
    def positions(self) -> "dict[Key, Position]":
        """Give the venues' own positions; where a venue has several of one symbol, what they net to."""
        from monitoring.positions import Sides

        return Sides({}, self.states).theirs()


def listed(names: Sequence[str], configured: Collection[str]) -> list[str]:
    """List the venues that can be opened: the ledger may know some that are not in the configuration any more."""
    return [name for name in names if name in configured]


def look(
    open_run: Opener,
    numeraire: str,
    books: "Sequence[Book]",
    currencies: Sequence[tuple[str, str]],
    instruments: "Mapping[Key, Instrument]",
    *,
    balances: bool = True,
) -> Seen:
    """Ask for what is needed to value open books and amounts of (currency, venue), everything side by side.

    Nothing is opened or asked where no book is open and every amount is in the numeraire already. Venues where
    something is open are asked for positions and (unless told otherwise) balances; a failure is in their state.
    """
    seen = Seen(numeraire)
    wanted = [(currency, venue) for currency, venue in dict.fromkeys(currencies) if currency != numeraire]
    if not books and not wanted:
        return seen
    holding = list(dict.fromkeys(book.contract.venue for book in books))
    run = open_run(list(dict.fromkeys([*holding, *(venue for _, venue in wanted)])))
    conversion = Conversion(run.venues, run.config, run.deadline(), numeraire)
    spot = [book for book in books if holds_cash(book.contract)]
    jobs: dict[str, Callable[[], Any]] = {"rates": lambda: conversion.load(wanted)}
    if holding:
        from monitoring.venue_state import mids, venue_states

        there = [venue for venue in holding if venue in run.venues.names or venue in run.venues.retired]
        jobs["states"] = lambda: venue_states(run.venues, there, run.deadline(), balances=balances)
        jobs["mids"] = lambda: mids(run.venues, _listed(run.venues, spot, instruments), run.deadline())
    answers = ask_all(jobs, run.deadline() + 0.2)
    seen.rates = {(currency, venue): conversion.rate(currency, venue) for currency, venue in wanted}
    seen.notes += [*run.venues.notes, *conversion.failures]
    if holding:
        seen.states = answers["states"].value or {}
        found = dict(answers["mids"].value or {})
        positions = seen.positions
        seen.marks = {_key(book): _mark(book, positions.get(_key(book)), found, seen.states) for book in books}
        _without_mark(seen, run, books, instruments)
    return seen


def _without_mark(seen: Seen, run: Market, books: "Sequence[Book]", instruments: "Mapping[Key, Instrument]") -> None:
    """Value at the middle of its book what its venue holds without telling a mark price."""
    from monitoring.venue_state import mids

    held = seen.positions
    bare = [book for book in books if not holds_cash(book.contract) and _key(book) in held]
    bare = [book for book in bare if held[_key(book)].mark_price is None]
    found = mids(run.venues, _listed(run.venues, bare, instruments), run.deadline()) if bare else {}
    for key, price in found.items():
        seen.marks[key] = Mark(price, f"{MID} at {key[0]}, which tells no mark price")


def _mark(
    book: "Book", position: "Position | None", found: Mapping[Key, Decimal], states: "Mapping[str, VenueState]"
) -> Mark:
    key, venue = _key(book), book.contract.venue
    if holds_cash(book.contract):
        price = found.get(key)
        return Mark(price, f"{MID} at {venue}", None if price is not None else "its book shows no price")
    source = f"{MARK} at {venue}"
    if position is not None and position.mark_price is not None:
        return Mark(position.mark_price, source)
    state = states.get(venue)
    if state is None:
        return Mark(None, source, f"{venue} is not among the venues of the configuration")
    if state.positions is None:
        why = state.error.message if state.error is not None else "no answer"
        return Mark(None, source, f"{venue} did not tell its positions: {why}")
    if position is None:
        return Mark(None, source, f"{venue} holds no such position; see: position reconcile")
    return Mark(None, source, f"{venue} tells no mark price")


def _listed(venues: "Venues", books: "Sequence[Book]", instruments: "Mapping[Key, Instrument]") -> "list[Instrument]":
    found = (venues.cache.find(*_key(book)) or instruments.get(_key(book)) for book in books)
    return [instrument for instrument in found if instrument is not None]


def _key(book: "Book") -> Key:
    return book.contract.venue, book.contract.symbol
