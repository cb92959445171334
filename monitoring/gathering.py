"""Gathering what the ledger's books earned, in the groups that were asked for, each currency by itself."""

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import UsageError
from domain.orders import Fill
from domain.time import MS_PER_DAY, rfc3339
from market_data.conversion import numeraire_of
from monitoring.accounting.book import AVERAGE, DELIVERY, FUNDING, OPENING, Book, Line
from monitoring.accounting.exact import ZERO, plus
from monitoring.statement import FEES, REALIZED, symbol_of
from monitoring.statement import FUNDING as FUNDED

if TYPE_CHECKING:
    from monitoring.ledger.store import Ledger

VENUE, SYMBOL, DAY, ORDER = "venue", "symbol", "day", "order"
GROUPINGS = (VENUE, SYMBOL, DAY, ORDER)
PLAIN, NO_ORDER, DELIVERED, OPEN = "", "no order", "delivery", "open"
"""What a row is: the group that was asked for, or what belongs to none of them."""
_LAST = {PLAIN: 0, NO_ORDER: 1, DELIVERED: 2, OPEN: 3}


class Asked(NamedTuple):
    """What is asked: entries since `since_ms` (None: all), in which groups, by which method, in which currency.

    `keep` asks for the lines themselves, too (for explanations and pictures).
    """

    by: str = SYMBOL
    method: str = AVERAGE
    numeraire: str = "USDT"
    since_ms: int | None = None
    venues: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    keep: bool = False

    @classmethod
    def checked(
        cls,
        ledger: "Ledger",
        by: str,
        method: str,
        numeraire: str,
        since: str | None,
        venues: Sequence[str],
        symbols: Sequence[str],
        *,
        configured: Collection[str],
        keep: bool,
        now_ms: int,
    ) -> "Asked":
        """Read what the user wrote: `since` as a span or a date, symbols in any form that the ledger knows.

        Args:
            configured: the venues of the configuration; one that is there no more may be in the ledger still.

        Raises:
            UsageError: one of them makes no sense.
        """
        numeraire = numeraire_of(numeraire)
        for venue in venues:
            if venue not in configured and not ledger.known(venue):
                near = ", ".join(get_close_matches(venue, list(configured), n=3, cutoff=0.4) or configured)
                raise UsageError(f"There is no venue {venue!r} in the configuration.", hint=f"Nearest: {near}.")
        known = tuple(dict.fromkeys(symbol_of(ledger, text) for text in symbols))
        since_ms = None if since is None else beginning(since, now_ms)
        return cls(by, method, numeraire, since_ms, tuple(dict.fromkeys(venues)), known, keep)


class Group(NamedTuple):
    """One row's name. `day` is UTC; `order` is the venue's id, else ours. What the grouping does not use is None."""

    kind: str = PLAIN
    venue: str | None = None
    symbol: str | None = None
    day: str | None = None
    order: str | None = None


class Sums:
    """What the lines of one group come to in one currency at one venue; `lacking` names figures that miss a part."""

    __slots__ = ("fees", "funding", "lacking", "realized", "symbols", "unrealized")

    def __init__(self) -> None:
        self.realized = self.fees = self.funding = ZERO
        self.unrealized: Decimal | None = ZERO
        self.lacking: set[str] = set()
        self.symbols: set[str] = set()

    def copy(self) -> "Sums":
        """Copy them, to add what is open now."""
        made = Sums()
        made.realized, made.fees, made.funding, made.unrealized = self.realized, self.fees, self.funding, ZERO
        made.lacking, made.symbols = set(self.lacking), self.symbols
        return made


Bucket = tuple[Group, str, str]
"""A group, and the venue and currency of a part of it."""


def beginning(text: str, now_ms: int) -> int:
    """Read when a period begins (epoch milliseconds): a span before now (`30d`), or a date or an instant, in UTC.

    Raises:
        UsageError: it is neither, or lies ahead.
    """
    from datetime import UTC, datetime

    from domain.spans import span_ms
    from domain.time import epoch_ms

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now_ms - span_ms(text)
        except UsageError as error:
            raise UsageError(error.message, hint=f"{error.hint} Or a date: 2026-11-01.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    begun = epoch_ms(moment)
    if not 0 <= begun <= now_ms:
        raise UsageError(f"{text} is not in the past.")
    return begun


def standing(by: str, book: Book) -> Group:
    """Name the row in which a book's unrealised gain stands."""
    contract = book.contract
    if by == VENUE:
        return Group(venue=contract.venue)
    if by == DAY:
        return Group(OPEN)
    return Group(PLAIN if by == SYMBOL else OPEN, contract.venue, contract.symbol)


class Collector:
    """Takes lines as they are booked, and sums them by group, venue and currency.

    Attributes:
        buckets: the sums. lines: kept by group, where asked for. client_ids: our own ids of orders that have one.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.buckets: dict[Bucket, Sums] = {}
        self.lines: dict[Group, list[tuple[Book, Line]]] = {}
        self.client_ids: dict[Group, str] = {}
        self._days: dict[int, Group] = {}
        self._group: Callable[[Book, Line], Group] = {
            VENUE: _by_venue, SYMBOL: _by_symbol, DAY: self._by_day, ORDER: self._by_order
        }[asked.by]  # fmt: skip
        self._since_ms = asked.since_ms or 0
        self._whole: dict[Book, tuple[Group, Sums]] = {}

    def take(self, book: Book, line: Line) -> None:
        """Add a line to its group, unless it is from before what was asked for."""
        if line.time_ms < self._since_ms or line.kind == OPENING:
            return
        # By venue or symbol, a book's lines all go the same way.
        found = self._whole.get(book)
        if found is None:
            group = self._group(book, line)
            found = group, self.sums(group, book)
            if self.asked.by in (VENUE, SYMBOL):
                self._whole[book] = found
        group, sums = found
        if line.realized is None:
            sums.lacking.add(REALIZED)
        elif line.realized:
            sums.realized = plus(sums.realized, line.realized)
        if line.fee is None:
            sums.lacking.add(FEES)
        else:
            sums.fees = plus(sums.fees, line.fee)
        if line.funding is None:
            sums.lacking.add(FUNDED)
        elif line.funding:
            sums.funding = plus(sums.funding, line.funding)
        if self.asked.keep:
            self.lines.setdefault(group, []).append((book, line))

    def sums(self, group: Group, book: Book) -> Sums:
        """Give the sums of a group in a book's currency."""
        contract = book.contract
        key = (group, contract.venue, contract.currency)
        found = self.buckets.get(key)
        if found is None:
            found = self.buckets[key] = Sums()
        found.symbols.add(contract.symbol)
        return found

    def _by_day(self, book: Book, line: Line) -> Group:
        del book
        day = line.time_ms // MS_PER_DAY
        if day not in self._days:
            self._days[day] = Group(day=rfc3339(day * MS_PER_DAY)[:10])
        return self._days[day]

    def _by_order(self, book: Book, line: Line) -> Group:
        contract, entry = book.contract, line.entry
        if not isinstance(entry, Fill):
            kind = {FUNDING: OPEN, DELIVERY: DELIVERED}[line.kind]
            return Group(kind, contract.venue, contract.symbol)
        order = entry.order_id or entry.client_id
        if order is None:
            return Group(NO_ORDER, contract.venue, contract.symbol)
        group = Group(PLAIN, contract.venue, contract.symbol, None, order)
        if entry.client_id:
            self.client_ids[group] = entry.client_id
        return group

    def currencies(self, books: Sequence[Book]) -> list[tuple[str, str]]:
        """List the (currency, venue) in which there is anything to be converted; `books` are those that are open."""
        needed = {(book.contract.currency, book.contract.venue): None for book in books}
        for (_, venue, currency), sums in self.buckets.items():
            if sums.realized or sums.fees or sums.funding:
                needed[currency, venue] = None
        return list(needed)


def _by_venue(book: Book, line: Line) -> Group:
    del line
    return Group(venue=book.contract.venue)


def _by_symbol(book: Book, line: Line) -> Group:
    del line
    return Group(venue=book.contract.venue, symbol=book.contract.symbol)
