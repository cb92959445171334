"""What was earned, by venue, symbol, day or order: from the ledger's books, in one numeraire, what is lacking said.

    net = realized + unrealized - fees + funding

Sums are exact: a row is the sum of its lines times one rate a currency, the total is the sum of the rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.exit_codes import ExitCode
from monitoring.accounting.book import Book, Line
from monitoring.accounting.exact import ZERO, minus, plus, times, total
from monitoring.cash import holds_cash
from monitoring.gathering import (
    DAY,
    DELIVERED,
    GROUPINGS,
    NO_ORDER,
    OPEN,
    ORDER,
    PLAIN,
    SYMBOL,
    VENUE,
    Asked,
    Bucket,
    Collector,
    Group,
    Sums,
    beginning,
    standing,
)
from monitoring.marks import Mark, Opener, Seen, look
from monitoring.residuals import Unexplained, unexplained
from monitoring.statement import FEES, FIGURES, NET, REALIZED, UNREALIZED, Lack, Statement, read_statement
from monitoring.statement import FUNDING as FUNDED

if TYPE_CHECKING:
    from market_data.conversion import Rate
    from monitoring.ledger.store import Ledger

__all__ = [
    "DAY", "DELIVERED", "GROUPINGS", "NO_ORDER", "OPEN", "ORDER", "PLAIN", "SYMBOL", "VENUE", "Asked", "Earnings",
    "Gathered", "Group", "Row", "Sums", "beginning", "earnings", "gather", "standing", "value_gathered",
]  # fmt: skip

_LAST = {PLAIN: 0, NO_ORDER: 1, DELIVERED: 2, OPEN: 3}
_NO_MARK = Mark(None, "", "nobody was asked")


@dataclass
class Row:
    """One group's figures in the numeraire; None: not known at all, `lacking`: a part of the figure is not known."""

    group: Group
    figures: dict[str, Decimal | None]
    lacking: set[str]
    parts: list[tuple[str, str, Sums]]
    """(venue, currency, sums): what the figures were converted from."""
    client_id: str | None = None


@dataclass
class Earnings:
    """The answer. `lines` are kept by group where asked for; `seen` is what was asked of venues and markets."""

    asked: Asked
    statement: Statement
    seen: Seen
    rows: list[Row]
    lacks: list[Lack]
    rates: "list[Rate]"
    unexplained: list[Unexplained]
    lines: dict[Group, list[tuple[Book, Line]]]
    exit_code: ExitCode = ExitCode.OK
    notes: list[str] = field(default_factory=list)

    def total(self, figure: str) -> Decimal | None:
        """Sum a figure over the rows, exactly; None where one of them is not known."""
        found = [row.figures[figure] for row in self.rows]
        known = [value for value in found if value is not None]
        return total(known) if len(known) == len(found) else None

    def known(self, figure: str) -> Decimal:
        """Sum a figure over the rows of which it is known."""
        return total(value for row in self.rows if (value := row.figures[figure]) is not None)

    @property
    def lacking(self) -> set[str]:
        """Name the figures of the total that miss a part: of a row, or of what there is no row of."""
        found = {figure for row in self.rows for figure in row.lacking}
        found |= {figure for lack in self.statement.gaps for figure in lack.figures}
        return found | ({NET} if found else set())


class Gathered(NamedTuple):
    """What the ledger alone tells: sums by group and currency, and the books, of which some may be open."""

    asked: Asked
    statement: Statement
    collector: Collector

    def currencies(self) -> list[tuple[str, str]]:
        """List the (currency, venue) that `value_gathered` needs a rate of."""
        return self.collector.currencies(self.statement.open_books())


def gather(ledger: "Ledger", asked: Asked) -> Gathered:
    """Read what was asked for from the ledger; nobody else is asked.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    collector = Collector(asked)
    statement = read_statement(
        ledger, method=asked.method, venues=asked.venues, symbols=asked.symbols, sink=collector.take
    )
    for book in statement.open_books():
        collector.sums(standing(asked.by, book), book)
    return Gathered(asked, statement, collector)


def value_gathered(gathered: Gathered, seen: Seen) -> Earnings:
    """Value what is open, convert everything, and say what is lacking; may be done again with other marks and rates."""
    asked, statement, collector = gathered
    buckets, unmarked = _with_open(gathered, seen)
    rows = _rows(gathered, buckets, seen)
    rates = list(dict.fromkeys(rate for rate in seen.rates.values() if rate is not None))
    # What was unknown only in entries from before `since_ms` leaves nothing out.
    told = [lack for lack in statement.lacks if any(lack.figures & row.lacking for row in rows)]
    lacks = [*told, *statement.gaps, *unmarked, *_without_rate(seen)]
    return Earnings(
        asked, statement, seen, rows, lacks, rates, [], collector.lines, _exit_code(statement, seen), list(seen.notes)
    )


def earnings(ledger: "Ledger", asked: Asked, open_run: Opener) -> Earnings:
    """Work out what was earned; venues and markets are asked only where something is open or needs a rate.

    Args:
        open_run: opens the venues that have to be asked.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    gathered = gather(ledger, asked)
    books = gathered.statement.open_books()
    seen = look(open_run, asked.numeraire, books, gathered.currencies(), ledger.instruments())
    answer = value_gathered(gathered, seen)
    if books:
        answer.unexplained = unexplained(ledger, gathered.statement, seen, whole=not asked.symbols)
    return answer


def _with_open(gathered: Gathered, seen: Seen) -> tuple[dict[Bucket, Sums], list[Lack]]:
    """Add what is open at its mark, to copies; return what cannot be valued, too."""
    buckets, lacks = dict(gathered.collector.buckets), []
    copied: set[Bucket] = set()
    for book in gathered.statement.open_books():
        contract = book.contract
        key = (standing(gathered.asked.by, book), contract.venue, contract.currency)
        if key not in copied:
            buckets[key] = buckets[key].copy()
            copied.add(key)
        sums = buckets[key]
        mark = seen.marks.get((contract.venue, contract.symbol), _NO_MARK)
        gain = None if mark.price is None else book.unrealized(mark.price)
        if mark.price is None:
            text = f"{contract.venue} {contract.symbol}: what is open has no mark ({mark.reason})."
            lacks.append(Lack(text, contract.venue, contract.symbol, frozenset({UNREALIZED})))
        if gain is None:
            sums.lacking.add(UNREALIZED)
        sums.unrealized = None if gain is None or sums.unrealized is None else plus(sums.unrealized, gain)
    return buckets, lacks


def _without_rate(seen: Seen) -> Iterable[Lack]:
    for (currency, venue), rate in seen.rates.items():
        if rate is None:
            text = f"{venue}: no market tells what {currency} is worth in {seen.numeraire}."
            yield Lack(text, venue, None, frozenset())


def _rows(gathered: Gathered, buckets: Mapping[Bucket, Sums], seen: Seen) -> list[Row]:
    """Convert the sums, and say which figures lack something."""
    parts: dict[Group, list[tuple[str, str, Sums]]] = {}
    for (group, venue, currency), sums in buckets.items():
        parts.setdefault(group, []).append((venue, currency, sums))
    order = list(parts)
    if gathered.asked.by in (VENUE, SYMBOL):
        order.sort(key=lambda group: (group.venue or "", group.symbol or ""))
    order.sort(key=lambda group: _LAST[group.kind])
    gaps, ids = gathered.statement.gaps, gathered.collector.client_ids
    return [_row(group, parts[group], seen, gaps, ids.get(group)) for group in order]


def _row(
    group: Group, parts: list[tuple[str, str, Sums]], seen: Seen, gaps: Iterable[Lack], client_id: str | None
) -> Row:
    figures: dict[str, Decimal | None] = dict.fromkeys(FIGURES, ZERO)
    lacking: set[str] = set()
    for venue, currency, sums in parts:
        rate = seen.rate(currency, venue)
        for figure in (REALIZED, FEES, FUNDED, UNREALIZED):
            figures[figure] = _added(figures[figure], getattr(sums, figure), rate)
        lacking |= sums.lacking
        for lack in gaps:
            if lack.concerns(venue, sums.symbols) and not (lack.others and group.symbol):
                lacking |= lack.figures
    figures[NET] = _net(figures)
    lacking |= {figure for figure, value in figures.items() if value is None}
    if lacking:
        lacking.add(NET)
    return Row(group, figures, lacking, parts, client_id)


def _added(figure: Decimal | None, amount: Decimal | None, rate: "Rate | None") -> Decimal | None:
    if figure is None or amount is None:
        return None
    if not amount:
        return figure
    return None if rate is None else plus(figure, times(amount, rate.price))


def _net(figures: dict[str, Decimal | None]) -> Decimal | None:
    realized, open_part = figures[REALIZED], figures[UNREALIZED]
    fees, funding = figures[FEES], figures[FUNDED]
    if realized is None or open_part is None or fees is None or funding is None:
        return None
    return plus(minus(plus(realized, open_part), fees), funding)


def _exit_code(statement: Statement, seen: Seen) -> ExitCode:
    """Judge by the venues that something is open at: 8 where some did not tell what it is worth, 6 where none did."""
    told: dict[str, bool] = {}
    for book in statement.open_books():
        contract = book.contract
        mark, state = seen.marks.get((contract.venue, contract.symbol), _NO_MARK), seen.states.get(contract.venue)
        answered = mark.price is not None or (
            not holds_cash(contract) and state is not None and state.positions is not None
        )
        told[contract.venue] = told.get(contract.venue, True) and answered
    if all(told.values()):
        return ExitCode.OK
    return ExitCode.PARTIAL if any(told.values()) else ExitCode.UNAVAILABLE
