"""The best bid and ask across venues: one truthful answer from many, even when some of them fail."""

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from domain.errors import UsageError
from domain.exit_codes import ExitCode
from domain.instruments import Instrument
from domain.quotes import NOT_LISTED, OK, RETIRED
from market_data.absent import absent_rows, check_any_open
from market_data.ask import Answer, ask_all, patience_s, verdict
from market_data.listing import NUMERAIRES, Listed, Target, locate, unknown
from market_data.quotes import VenueRow, best_ask, best_bid, mid_of, spread_bps
from market_data.references import Reference, Standby, reference_price
from market_data.rows import Fetched, judged_row, quote_job, sized_job
from market_data.walking import BASE, QUOTE
from utils.symbols.parts import DOLLARS, parts_of

if TYPE_CHECKING:
    from connectors.registry import Venues
    from market_data.basis import Rate
    from market_data.cross import Cross
    from utils.config.settings import Config

Job = Callable[[], Fetched]

MARGIN = Decimal("1.05")
"""A notional in another dollar may need this much more depth than it seems before the basis is known."""


class Wanted:
    """What is asked about every symbol: a size (base), or a quote_size (notional), another dollar, a reference."""

    def __init__(
        self,
        size: Decimal | None = None,
        quote_size: Decimal | None = None,
        numeraire: str | None = None,
        reference: bool = False,
    ) -> None:
        self.size = size
        self.quote_size = quote_size
        self.numeraire = numeraire
        self.reference = reference

    @classmethod
    def checked(
        cls, size: Decimal | None, quote_size: Decimal | None, numeraire: str | None, reference: bool
    ) -> "Wanted":
        """Refuse options that contradict each other.

        Raises:
            UsageError: both sizes are given.
        """
        if size is not None and quote_size is not None:
            raise UsageError("--size and --quote-size cannot both be given.", hint="Choose one.")
        return cls(size, quote_size, numeraire, reference)

    @property
    def amount(self) -> Decimal | None:
        """The asked size in its unit."""
        return self.size if self.size is not None else self.quote_size

    @property
    def unit(self) -> str:
        """The unit of `amount`."""
        return BASE if self.size is not None else QUOTE


class Bbo:
    """The answer for one symbol."""

    cross: "Cross | None" = None
    rates: "Sequence[Rate]" = ()
    reference: Reference | None = None
    exit_code: ExitCode = ExitCode.OK

    def __init__(self, symbol: str, rows: list[VenueRow], wanted: Wanted, notes: list[str]) -> None:
        self.symbol = symbol
        self.rows = rows
        self.wanted = wanted
        self.best_bid = best_bid(rows)
        self.best_ask = best_ask(rows)
        self.notes = notes
        if self.crossed:
            from market_data.cross import cross_of_sized, find_cross

            sized = wanted.amount is not None
            self.cross = cross_of_sized(self.best_bid, self.best_ask) if sized else find_cross(rows)

    @property
    def mid(self) -> Decimal | None:
        """The middle of the best prices."""
        return mid_of(*self._prices)

    @property
    def spread_bps(self) -> Decimal | None:
        """The spread of the best prices; negative where venues cross."""
        return spread_bps(*self._prices)

    @property
    def crossed(self) -> bool:
        """Say whether the best bid is above the best ask."""
        bid, ask = self._prices
        return bid is not None and ask is not None and bid > ask

    @property
    def _prices(self) -> tuple[Decimal | None, Decimal | None]:
        return self.best_bid.bid if self.best_bid else None, self.best_ask.ask if self.best_ask else None


class Plan(NamedTuple):
    """One row to be: a listed instrument of a venue; `key` names it among the jobs."""

    key: str
    listed: Listed


def best_prices(
    venues: "Venues", config: "Config", deadline: float, symbols: Sequence[str], wanted: Wanted, *, explicit: bool
) -> list[Bbo]:
    """Ask every venue about every symbol side by side and consolidate.

    Args:
        explicit: the venues were named by the user, so one that does not list the symbol has not answered.

    Raises:
        UnknownSymbol, AmbiguousSymbol: nothing was asked.
    """
    check_any_open(venues)
    targets = [locate(venues.cache, venues.names, text, other_dollars=bool(wanted.numeraire)) for text in symbols]
    for target in targets:
        if not _plans(target, wanted) and not venues.failures:
            raise unknown(venues.cache, venues.names, target)
        _check_comparable(target, wanted)
    jobs = {plan.key: _job(venues, plan.listed, wanted) for target in targets for plan in _plans(target, wanted)}
    standbys = [_standby(venues, config, deadline, target, wanted, jobs) for target in targets]
    books: list[Instrument] = []
    if wanted.numeraire:
        from market_data.basis import basis_books

        books = basis_books(venues.cache, venues.names, wanted.numeraire)
    for instrument in books:
        plain = Listed(instrument)
        jobs.setdefault(_key(plain), _job(venues, plain, Wanted()))
    references = {
        f"reference {target.symbol}": standby.reference for target, standby in zip(targets, standbys, strict=True)
    }
    answers: dict[str, Answer[Any]] = ask_all({**jobs, **references}, deadline, patience_s(config.stale_after_ms))
    context = _Context(venues, config, deadline, wanted, explicit, answers)
    rates = context.rates(targets, books)
    return [context.consolidate(target, rates) for target in targets]


class _Context:
    """What consolidation needs of one run."""

    def __init__(
        self,
        venues: "Venues",
        config: "Config",
        deadline: float,
        wanted: Wanted,
        explicit: bool,
        answers: Mapping[str, Answer[Any]],
    ) -> None:
        self.venues = venues
        self.config = config
        self.deadline = deadline
        self.wanted = wanted
        self.explicit = explicit
        self.answers = answers
        self.now_ns = time.time_ns()

    def consolidate(self, target: Target, rates: "Mapping[str, Rate]") -> Bbo:
        """Put one symbol's rows together and find the best."""
        rows = [self.row(plan, target) for plan in _plans(target, self.wanted)]
        for row, plan in zip(rows, _plans(target, self.wanted), strict=True):
            self.settle(row, plan, rates)
        absent = absent_rows(
            self.venues, target, {row.venue for row in rows}, option=None if self.wanted.numeraire else "--numeraire"
        )
        asked = rows + [row for row in absent if self.explicit or row.status not in (NOT_LISTED, RETIRED)]
        order = {name: place for place, name in enumerate((*self.venues.names, *self.venues.retired))}
        rows = sorted(rows + absent, key=lambda row: order.get(row.venue, len(order)))
        answer = Bbo(target.symbol, rows, self.wanted, [*target.notes, *self.venues.notes])
        answer.rates = [rate for rate in rates.values() if rate.currency != rate.numeraire]
        answer.exit_code = verdict([row.status for row in asked])
        if self.wanted.reference or not any(row.status == OK for row in rows):
            answer.reference = self.reference(target)
        return answer

    def row(self, plan: Plan, target: Target) -> VenueRow:
        """Judge one venue's answer by itself."""
        return judged_row(self.venues, self.config, target, plan.listed, self.answers[plan.key], self.now_ns)

    def settle(self, row: VenueRow, plan: Plan, rates: "Mapping[str, Rate]") -> None:
        """Bring a row's prices into the numeraire, and to the asked size after the taker fee."""
        if self.wanted.numeraire is None and self.wanted.amount is None:
            return
        from market_data.sizing import in_numeraire, price_for_size

        answer = self.answers[plan.key].value
        rate: Decimal | None = Decimal(1)
        if self.wanted.numeraire:
            known = rates.get(plan.listed.instrument.quote)
            rate = known.rate if known else None
            in_numeraire(row, known, plan.listed.instrument.quote, self.wanted.numeraire)
        if self.wanted.amount and answer and answer.book and rate:
            price_for_size(row, answer.book, self.wanted.amount, self.wanted.unit, rate)

    def rates(self, targets: Sequence[Target], books: Sequence[Any]) -> "dict[str, Rate]":
        """Find the basis of every dollar that a book of the answer is in."""
        if not self.wanted.numeraire:
            return {}
        from market_data.basis import find_rates

        target = targets[0]
        rows = [self.row(Plan(_key(Listed(book)), Listed(book)), target) for book in books]
        needed = {plan.listed.instrument.quote for target in targets for plan in _plans(target, self.wanted)}
        return find_rates(sorted(needed), self.wanted.numeraire, rows, self._usd_price)

    def reference(self, target: Target) -> Reference:
        """Return what the reference said, or why it said nothing."""
        answer = self.answers[f"reference {target.symbol}"]
        if answer.value is not None:
            return cast(Reference, answer.value)
        if answer.error is not None:
            symbol = f"{target.asset}/{target.quote}"
            return Reference("reference", symbol, None, reason=answer.error.message)
        return _reference_of(self.venues, self.config, target, self.deadline)

    def _usd_price(self, currency: str) -> tuple[Decimal, str] | None:
        if currency == "USD":
            return Decimal(1), ""
        found = reference_price(self.venues, self.config, currency, "USD", self.deadline)
        return None if found.price is None else (found.price, found.source)


def _check_comparable(target: Target, wanted: Wanted) -> None:
    if wanted.numeraire and _is_option(target):
        raise UsageError(
            "--numeraire does not compare options: coin-settled ones are priced in the coin.",
            hint="Leave --numeraire out.",
        )
    if wanted.amount and _is_option(target):
        raise UsageError(
            "A size after fees is not worked out for options: their fee is a share of the underlying.",
            hint="`impact` with --base shows the average before fees.",
        )
    if wanted.numeraire and target.quote not in DOLLARS:
        raise UsageError(
            f"--numeraire compares books in dollars; {target.symbol} is quoted in {target.quote}.",
            hint="Leave --numeraire out.",
        )


def _is_option(target: Target) -> bool:
    parts = parts_of(target.symbol)
    return parts is not None and parts.option is not None


def _reference_of(venues: "Venues", config: "Config", target: Target, deadline: float) -> Reference:
    if _is_option(target):
        return Reference("reference", target.symbol, None, reason="options have none")
    return reference_price(venues, config, target.asset, target.quote, deadline).times(target.multiplier)


def _plans(target: Target, wanted: Wanted) -> list[Plan]:
    listed = list(target.listed.values())
    if wanted.numeraire:
        # A quote that is no dollar has no basis, but its own books stay in the answer.
        listed += [other for other in target.also if other.instrument.quote in NUMERAIRES]
    return [Plan(_key(item), item) for item in listed]


def _key(listed: Listed) -> str:
    return f"{listed.instrument.venue} {listed.instrument.symbol} {listed.size_factor}"


def _standby(
    venues: "Venues", config: "Config", deadline: float, target: Target, wanted: Wanted, jobs: dict[str, Job]
) -> Standby:
    """Let a reference stand by for a target's jobs, which are wrapped in place."""

    def ask() -> Reference:
        return _reference_of(venues, config, target, deadline)

    standby = Standby(ask, deadline, at_once=wanted.reference)
    for plan in _plans(target, wanted):
        jobs[plan.key] = standby.watched(jobs[plan.key])
    return standby


def _job(venues: "Venues", listed: Listed, wanted: Wanted) -> Job:
    connector = venues.connector(listed.instrument.venue)
    if wanted.amount is None:
        return quote_job(connector, listed)
    return sized_job(connector, listed, wanted.amount * (MARGIN if wanted.numeraire else 1), wanted.unit)
