"""Open positions: what our ledger makes of them, beside what the venues say.

Ours come from the books of own trades, the venues' from their own lists; neither is ever taken for the other. A venue
that does not answer leaves its figures unknown (None), which is not "flat". Sizes are signed (negative: short) and
count in the unit of the instrument's lot, `quantity` in base units.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.instruments import Instrument
from market_data.ask import ask_all
from monitoring.accounting.contract import Contract
from monitoring.accounting.exact import ZERO, minus, total
from monitoring.cash import holds_cash
from monitoring.holdings import Holding
from monitoring.venue_state import VenueState, mids, venue_states

if TYPE_CHECKING:
    from connectors.registry import Venues
    from domain.orders import Position
    from monitoring.accounting.book import Book
    from monitoring.statement import Key

Expected = Mapping[str, Mapping[str, Decimal] | None]
"""Venue -> currency -> what should be there by the ledger; None: the venue was never read as a whole."""
_LEEWAY_S = 0.2
LONG, SHORT, FLAT = "long", "short", "flat"
MARK, MID = "mark", "mid"
"""Where a mark comes from: the venue's own mark price, or the middle of the instrument's book at the venue."""


class Mark(NamedTuple):
    """What a position is valued at, and where that comes from."""

    price: Decimal
    source: str


@dataclass(frozen=True)
class PositionRow:
    """One instrument's position. `ours` and `at_venue` are signed sizes; `size` is the one that is shown.

    Of derivatives that is the venue's where it answered, else ours; of spot markets always ours. `at_venue` of a spot
    market is the balance of the base currency, `elsewhere` what else than trades of this market explains of it; both
    are there once a currency. What nobody can tell any more (the `kind` of what is not listed) is None. Gains are in
    `currency`; `unrealized` is ours at `mark`.
    """

    venue: str
    symbol: str
    kind: str | None
    size: Decimal
    size_unit: str | None
    quantity: Decimal | None
    currency: str | None
    ours: Decimal
    inventory: bool = False
    """Coins that are owned; False: a position that the venue lists (spot that is traded on margin, too)."""
    contracts: Decimal | None = None
    at_venue: Decimal | None = None
    elsewhere: Decimal | None = None
    difference: Decimal | None = None
    entry_price: Decimal | None = None
    venue_entry_price: Decimal | None = None
    mark: Mark | None = None
    liquidation_price: Decimal | None = None
    leverage: Decimal | None = None
    margin_mode: str | None = None
    unrealized: Decimal | None = None
    venue_unrealized: Decimal | None = None
    funding: Decimal | None = None
    opened_ms: int | None = None
    opened_before: bool = False
    known: bool = True
    """The venue has said what it holds; False: `reason` says why not."""
    reason: str | None = None

    @property
    def side(self) -> str:
        """Tell the side of the size that is shown."""
        return LONG if self.size > 0 else SHORT if self.size < 0 else FLAT

    @property
    def open(self) -> bool:
        """Tell whether anybody holds something: we by our trades, or the venue."""
        return bool(self.ours) or (not self.inventory and bool(self.at_venue))

    @property
    def unrealized_difference(self) -> Decimal | None:
        """Tell how far the venue's unrealised gain is above ours; None where the two cannot be compared."""
        if self.unrealized is None or self.venue_unrealized is None or self.difference:
            return None
        if self.size and (self.mark is None or self.mark.source != MARK):
            return None
        return minus(self.venue_unrealized, self.unrealized)


class Sum(NamedTuple):
    """What the rows come to in one currency; None where a row's figure is not known."""

    currency: str
    unrealized: Decimal | None
    funding: Decimal | None


class Sides(NamedTuple):
    """Ours and the venues', to be put beside each other.

    `states` has the venues that were asked; `marks` are middles of books, used where a venue gives no mark price;
    `listed` has the instruments of positions that only the venues know, as far as they are listed; `cash` is what the
    ledger expects of each currency at each venue.
    """

    ours: "Mapping[Key, Holding]"
    states: "Mapping[str, VenueState]"
    listed: "Mapping[Key, Instrument]" = MappingProxyType({})
    marks: "Mapping[Key, Decimal]" = MappingProxyType({})
    cash: Expected = MappingProxyType({})

    def theirs(self) -> "dict[Key, Position]":
        """Give the venues' positions by (venue, symbol); where a venue has several of one symbol, what they net to."""
        found: dict[Key, Position] = {}
        for state in self.states.values():
            for position in state.positions or ():
                key = position.venue, position.symbol
                found[key] = _netted(found[key], position) if key in found else position
        return found

    def unmarked(self) -> list[Instrument]:
        """List the instruments whose mark no position of a venue tells: spot inventory, and what has none."""
        theirs = self.theirs()
        told = {key for key, position in theirs.items() if position.mark_price is not None}
        held = {key: holding.instrument or self.listed.get(key) for key, holding in self.ours.items() if holding.open}
        held |= {key: self.listed.get(key) for key in theirs if key not in held}
        return [found for key, found in held.items() if found is not None and key not in told]


def look_around(
    venues: "Venues",
    names: Sequence[str],
    ours: "Mapping[Key, Holding]",
    cash: Expected,
    symbols: Collection[str],
    deadline: float,
) -> Sides:
    """Ask the named venues what they hold, and for the marks that this does not tell, side by side.

    Args:
        symbols: leave out what the venues hold of others; empty: nothing is left out.
        deadline: until when (time.monotonic seconds) they may take.
    """
    spot = Sides({key: held for key, held in ours.items() if holds_cash(held.book.contract)}, {}).unmarked()
    jobs: dict[str, Callable[[], Any]] = {
        "states": lambda: venue_states(venues, names, deadline),
        "marks": lambda: mids(venues, [item for item in spot if item.venue in names], deadline),
    }
    answers = ask_all(jobs, deadline + _LEEWAY_S)
    states: dict[str, VenueState] = answers["states"].value or {}
    if symbols:
        states = {
            name: state._replace(positions=[held for held in state.positions if held.symbol in symbols])
            if state.positions is not None
            else state
            for name, state in states.items()
        }
    sides = Sides(ours, states, marks=answers["marks"].value or {}, cash=cash)
    found = {key: venues.cache.find(*key) for key in {*sides.theirs(), *ours}}
    sides = sides._replace(listed={key: item for key, item in found.items() if item is not None})
    known = sides.marks
    bare = [item for item in sides.unmarked() if (item.venue, item.symbol) not in known and item.venue in names]
    return sides._replace(marks={**sides.marks, **mids(venues, bare, deadline)})


def position_rows(sides: Sides) -> list[PositionRow]:
    """Put ours and the venues' positions beside each other, one row for each instrument that anybody holds or held."""
    theirs = sides.theirs()
    carriers: set[tuple[str, str]] = set()
    rows = []
    for key in sorted({*sides.ours, *theirs}):
        holding = sides.ours.get(key)
        instrument = sides.listed.get(key) if holding is None or holding.instrument is None else holding.instrument
        contract = holding.book.contract if holding else Contract.of(instrument) if instrument else None
        if contract is None:
            rows.append(_unlisted(theirs[key]))
        elif holding is not None and holds_cash(contract):
            carries = holding.open and (key[0], contract.base) not in carriers
            if carries:
                carriers.add((key[0], contract.base))
            rows.append(_spot_row(sides, holding, carries=carries))
        else:
            unit_size = instrument.unit_size if instrument else None
            rows.append(_derivative_row(sides, contract, unit_size, holding, theirs.get(key)))
    return rows


def sums(rows: Iterable[PositionRow]) -> list[Sum]:
    """Sum unrealised gains and funding per currency; one figure that is not known leaves its sum unknown."""
    by_currency: dict[str, list[PositionRow]] = {}
    for row in rows:
        if row.currency is not None:
            by_currency.setdefault(row.currency, []).append(row)
    return [
        Sum(currency, _sum([row.unrealized for row in held]), _sum([row.funding for row in held]))
        for currency, held in sorted(by_currency.items())
    ]


def _sum(figures: Sequence[Decimal | None]) -> Decimal | None:
    known = [figure for figure in figures if figure is not None]
    return total(known) if len(known) == len(figures) else None


def _spot_row(sides: Sides, holding: Holding, *, carries: bool) -> PositionRow:
    """Describe spot inventory; the first market of a base carries what the venue has of the currency as a whole."""
    book = holding.book
    contract, ours = book.contract, book.position
    key = contract.venue, contract.symbol
    state = sides.states.get(contract.venue)
    cash = None if state is None else state.cash()
    at_venue = None if cash is None or not carries else cash.get(contract.base, ZERO)
    sums = sides.cash.get(contract.venue) if carries else None
    expected = None if sums is None else sums.get(contract.base, ZERO)
    mark = Mark(sides.marks[key], MID) if key in sides.marks else None
    return PositionRow(
        venue=contract.venue,
        symbol=contract.symbol,
        kind=contract.kind,
        size=ours,
        size_unit=contract.base,
        quantity=ours,
        currency=contract.currency,
        ours=ours,
        inventory=True,
        at_venue=at_venue,
        elsewhere=None if expected is None else minus(expected, ours),
        difference=None if expected is None or at_venue is None else minus(at_venue, expected),
        entry_price=book.entry_price,
        mark=mark,
        unrealized=_unrealized(book, mark),
        funding=holding.funding,
        opened_ms=book.opened_ms,
        opened_before=holding.before,
        known=cash is not None,
        reason=None if cash is not None else _why(state),
    )


def _derivative_row(
    sides: Sides, contract: Contract, unit_size: Decimal | None, holding: Holding | None, theirs: "Position | None"
) -> PositionRow:
    key = contract.venue, contract.symbol
    ours = holding.book.position if holding else ZERO
    state = sides.states.get(contract.venue)
    known = state is not None and state.positions is not None
    at_venue = (theirs.size if theirs else ZERO) if known else None
    size = ours if at_venue is None else at_venue
    mark = Mark(sides.marks[key], MID) if key in sides.marks else None
    if theirs is not None and theirs.mark_price is not None:
        mark = Mark(theirs.mark_price, MARK)
    entry = holding.book.entry_price if holding else None
    row = PositionRow(
        venue=contract.venue,
        symbol=contract.symbol,
        kind=contract.kind,
        size=size,
        size_unit=contract.quote if contract.inverse else contract.base,
        quantity=_base(contract, size, mark.price if mark else entry or (theirs.entry_price if theirs else None)),
        contracts=size / unit_size if unit_size else None,
        currency=contract.currency,
        ours=ours,
        at_venue=at_venue,
        difference=None if at_venue is None else minus(at_venue, ours),
        entry_price=entry,
        mark=mark,
        # What nobody of us has traded is nothing to us; what the venue holds beyond that, we know nothing of.
        unrealized=_unrealized(holding.book, mark) if holding and ours else None if size else ZERO,
        funding=holding.funding if holding and ours else None if size else ZERO,
        venue_unrealized=ZERO if known else None,
        opened_ms=holding.book.opened_ms if holding else None,
        opened_before=holding.before if holding else False,
        known=known,
        reason=None if known else _why(state),
    )
    return row if theirs is None else _with_theirs(row, theirs)


def _unlisted(theirs: "Position") -> PositionRow:
    """Describe a position in something that the venue does not list any more: in its own words, nothing worked out."""
    row = PositionRow(
        venue=theirs.venue,
        symbol=theirs.symbol,
        kind=None,
        size=theirs.size,
        size_unit=None,
        quantity=None,
        currency=None,
        ours=ZERO,
        at_venue=theirs.size,
        difference=theirs.size,
        mark=None if theirs.mark_price is None else Mark(theirs.mark_price, MARK),
        reason="not in the venue's list of instruments any more",
    )
    return _with_theirs(row, theirs)


def _with_theirs(row: PositionRow, theirs: "Position") -> PositionRow:
    return replace(
        row,
        venue_entry_price=theirs.entry_price,
        venue_unrealized=theirs.unrealized,
        liquidation_price=theirs.liquidation_price,
        leverage=theirs.leverage,
        margin_mode=theirs.margin_mode,
    )


def _netted(one: "Position", other: "Position") -> "Position":
    """Net two positions that a venue keeps apart (long and short of one symbol); what only each has is left out."""
    known = one.unrealized is not None and other.unrealized is not None
    return replace(
        one,
        size=one.size + other.size,
        entry_price=None,
        liquidation_price=None,
        leverage=one.leverage if one.leverage == other.leverage else None,
        mark_price=one.mark_price if one.mark_price is not None else other.mark_price,
        unrealized=one.unrealized + other.unrealized if known else None,  # type: ignore[operator] # known
        realized=None,
    )


def _unrealized(book: "Book", mark: Mark | None) -> Decimal | None:
    if not book.position:
        return ZERO
    return None if mark is None else book.unrealized(mark.price)


def _base(contract: Contract, size: Decimal, price: Decimal | None) -> Decimal | None:
    """Convert a signed size to base units; an inverse one at a price, without which it is not known."""
    if not contract.inverse or not size:
        return size
    return None if not price else contract.value(size, price)


def _why(state: "VenueState | None") -> str:
    if state is None:
        return "not asked"
    return state.error.message if state.error is not None else "no answer"
