"""Order books: one venue's, or all venues' merged into one."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from domain.books import Level
from domain.errors import UsageError
from domain.exit_codes import ExitCode
from domain.money import BadNumber
from domain.quotes import NOT_LISTED, OK, RETIRED, UNAVAILABLE
from market_data.absent import absent_rows, check_any_open
from market_data.ask import ask_all, patience_s, verdict
from market_data.listing import Target, locate, unknown
from market_data.merge import MergedLevel, blind_beyond, merged
from market_data.quotes import VenueRow, mid_of, spread_bps
from market_data.rows import Fetched, book_job, deepest, judged_row

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config

MAX_DEPTH = 5000


@dataclass
class BookView:
    """A book to show: of one venue, or merged (`venue` is None). Levels best first."""

    symbol: str
    venue: str | None
    bids: Sequence[MergedLevel]
    asks: Sequence[MergedLevel]
    row: VenueRow | None = None

    @property
    def mid(self) -> Decimal | None:
        """The middle of the best prices."""
        return mid_of(*self.top)

    @property
    def spread_bps(self) -> Decimal | None:
        """The spread of the best prices; negative where merged venues cross."""
        return spread_bps(*self.top)

    @property
    def top(self) -> tuple[Decimal | None, Decimal | None]:
        """Best bid and ask."""
        return self.bids[0].price if self.bids else None, self.asks[0].price if self.asks else None


@dataclass
class BookAnswer:
    """The answer for one symbol: `views` to show, and every venue's row."""

    symbol: str
    depth: int
    consolidated: bool
    rows: list[VenueRow]
    views: list[BookView]
    exit_code: ExitCode = ExitCode.OK
    notes: list[str] = field(default_factory=list)


def order_books(
    venues: "Venues", config: "Config", deadline: float, text: str, depth: int, *, consolidated: bool, explicit: bool
) -> BookAnswer:
    """Fetch books side by side: of the named venues, of the first that lists the symbol, or of all for a merged one.

    Raises:
        UsageError: the depth is out of range.
        UnknownSymbol, AmbiguousSymbol, Retired: nothing was asked.
    """
    if not 1 <= depth <= MAX_DEPTH:
        raise UsageError(f"--depth is 1 to {MAX_DEPTH} levels.")
    check_any_open(venues)
    target = locate(venues.cache, venues.names, text)
    if not target.listed and not venues.failures:
        raise unknown(venues.cache, venues.names, target)
    names, notes = _chosen(venues, target, consolidated=consolidated, explicit=explicit)
    jobs = {name: book_job(venues.connector(name), target.listed[name], depth) for name in names}
    answers = ask_all(jobs, deadline, patience_s(config.stale_after_ms))
    now_ns = time.time_ns()
    rows, sides = [], {}
    for name in names:
        row = judged_row(venues, config, target, target.listed[name], answers[name], now_ns)
        if (both := _levels(row, answers[name].value)) is not None:
            sides[name] = both
        rows.append(row)
    absent = absent_rows(venues, target, target.listed) if consolidated or explicit else []
    asked = rows + [row for row in absent if explicit or row.status not in (NOT_LISTED, RETIRED)]
    answer = BookAnswer(target.symbol, depth, consolidated, rows + absent, [], verdict([row.status for row in asked]))
    answer.notes = [*target.notes, *venues.notes, *notes]
    if consolidated:
        usable = {row.venue: sides[row.venue] for row in rows if row.status == OK and row.venue in sides}
        _merge(answer, venues, target, usable)
    else:
        answer.views = [_single(target.symbol, row, sides[row.venue], depth) for row in rows if row.venue in sides]
    return answer


def _chosen(venues: "Venues", target: Target, *, consolidated: bool, explicit: bool) -> tuple[list[str], list[str]]:
    listing = list(target.listed)
    if consolidated or explicit or len(listing) < 2:
        return listing, []
    able = [name for name in listing if venues.connector(name).capabilities.books] or listing
    others = ", ".join(name for name in listing if name != able[0])
    return able[:1], [f"Shown is {able[0]}; {others} list it too: --venue NAME, or --consolidated for all in one."]


def _levels(row: VenueRow, fetched: Fetched | None) -> tuple[list[Level], list[Level]] | None:
    if fetched is None or fetched.book is None:
        return None
    try:
        return list(fetched.book.bids), list(fetched.book.asks)
    except BadNumber as error:
        row.status, row.reason = UNAVAILABLE, f"sent a level that cannot be used: {error}"
        return None


def _single(symbol: str, row: VenueRow, sides: tuple[list[Level], list[Level]], depth: int) -> BookView:
    bids, asks = (
        [MergedLevel(level.price, level.size, {row.venue: level.size}) for level in side[:depth]] for side in sides
    )
    return BookView(symbol, row.venue, bids, asks, row)


def _merge(
    answer: BookAnswer, venues: "Venues", target: Target, usable: Mapping[str, tuple[list[Level], list[Level]]]
) -> None:
    bids_of = {name: sides[0] for name, sides in usable.items()}
    asks_of = {name: sides[1] for name, sides in usable.items()}
    bids = merged(bids_of, answer.depth, bids=True)
    asks = merged(asks_of, answer.depth, bids=False)
    if not usable:
        return
    answer.views = [BookView(answer.symbol, None, bids, asks)]
    for side_of, levels, is_bids in ((bids_of, bids, True), (asks_of, asks, False)):
        cut_off = {
            name: len(side) >= (deepest(venues.connector(name).capabilities, target.listed[name].instrument) or 1)
            for name, side in side_of.items()
        }
        if levels and (hidden := blind_beyond(side_of, cut_off, levels[-1].price, bids=is_bids)):
            side = "bids" if is_bids else "asks"
            answer.notes.append(f"The deepest {side} lack {', '.join(hidden)}: its book ends before.")
