"""What buying or selling a size costs: at each venue, and split over all of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.books import Book, Level, Levels
from domain.errors import UsageError
from domain.exit_codes import ExitCode
from domain.instruments import OPTION
from domain.money import BadNumber, rounded
from domain.quotes import NOT_LISTED, OK, RETIRED, UNAVAILABLE
from market_data.absent import absent_rows, check_any_open
from market_data.ask import ask_all, patience_s, verdict
from market_data.listing import Target, locate, unknown
from market_data.quotes import BPS, VenueRow, best_ask, best_bid, mid_of, priced_in, rounded_like
from market_data.rows import judged_row, sized_job
from market_data.sweep import Impact, best_split, impact_of
from market_data.walking import BASE, QUOTE, Filled, walk

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config

BUY = "buy"
CURVE = tuple(Decimal(text) for text in ("0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10"))
"""Sizes of the curve, as multiples of the asked size."""
PLACES = 6
"""Digits an average has beyond those of the venue's own prices."""


class Order(NamedTuple):
    """What is asked: buy or sell `size` in `unit` (base or quote)."""

    side: str
    size: Decimal
    unit: str

    @property
    def buying(self) -> bool:
        """Say whether asks are walked."""
        return self.side == BUY

    def levels(self, book: Book) -> Levels:
        """Return the side of a book that the order walks."""
        return book.asks if self.buying else book.bids


@dataclass(frozen=True)
class Cost:
    """What a size costs at one venue or in one split. Money is in quote; None where it is not known.

    `slippage_bps` is the average price against the mid, positive when worse; `total` what is paid in all for a buy, or
    received in all for a sale, after the fee; `cost_bps` both slippage and fee against the mid. `unfilled` is in the
    unit of the size.
    """

    filled_base: Decimal
    filled_quote: Decimal
    unfilled: Decimal
    average_price: Decimal | None
    worst_price: Decimal | None
    levels: int
    slippage_bps: Decimal | None
    fee: Decimal | None
    total: Decimal | None
    cost_bps: Decimal | None

    def record(self) -> dict[str, Any]:
        """Return the cost as it stands in JSON."""
        return dict(vars(self))


@dataclass
class ImpactAnswer:
    """The answer for one symbol and size."""

    symbol: str
    order: Order
    rows: list[VenueRow]
    mid: Decimal | None
    costs: dict[str, Cost]
    split: Cost | None
    parts: Mapping[str, Cost]
    left_out: dict[str, str]
    books: Mapping[str, Book]
    curve: dict[str, list[Impact]] = field(default_factory=dict)
    exit_code: ExitCode = ExitCode.OK
    notes: list[str] = field(default_factory=list)


def price_impact(
    venues: "Venues", config: "Config", deadline: float, text: str, order: Order, *, curve: bool, explicit: bool
) -> ImpactAnswer:
    """Ask every venue that lists the symbol for a book deep enough, and work the size out.

    Raises:
        UsageError: the size is not above zero.
        UnknownSymbol, AmbiguousSymbol, Retired: nothing was asked.
    """
    if order.size <= 0:
        raise UsageError("A size must be above zero.")
    check_any_open(venues)
    target = locate(venues.cache, venues.names, text)
    if not target.listed and not venues.failures:
        raise unknown(venues.cache, venues.names, target)
    check_unit(target, order)
    most = order.size * (CURVE[-1] if curve else 1)
    jobs = {name: sized_job(venues.connector(name), item, most, order.unit) for name, item in target.listed.items()}
    answers = ask_all(jobs, deadline, patience_s(config.stale_after_ms))
    now_ns = time.time_ns()
    rows = [judged_row(venues, config, target, item, answers[name], now_ns) for name, item in target.listed.items()]
    books = {
        name: answer.value.book for name, answer in answers.items() if answer.value is not None and answer.value.book
    }
    absent = absent_rows(venues, target, target.listed)
    found = _worked_out(target, order, rows, books)
    if curve:
        found.curve = _curves(found, order)
    found.rows = rows + absent
    asked = rows + [row for row in absent if explicit or row.status not in (NOT_LISTED, RETIRED)]
    found.exit_code = verdict([row.status for row in asked])
    found.notes = [*target.notes, *venues.notes]
    return found


def cost_of(
    filled: Filled, fee: Decimal | None, mid: Decimal | None, *, buying: bool, tick_size: Decimal | None = None
) -> Cost:
    """Work out slippage, fee and total of what was filled."""
    sign = 1 if buying else -1
    average = None
    if filled.price is not None:
        average = rounded_like(filled.price, filled.worst, tick_size, PLACES)
    slippage = None if mid is None or filled.price is None else _bps(sign * (filled.price - mid) / mid)
    paid = None if fee is None else filled.quote * fee
    total = None if paid is None else filled.quote + sign * paid
    both = None
    if total is not None and mid is not None and filled.base:
        both = _bps(sign * (total / filled.base - mid) / mid)
    return Cost(
        filled_base=_money(filled.base),
        filled_quote=_money(filled.quote),
        unfilled=_money(filled.missing),
        average_price=average,
        worst_price=filled.worst,
        levels=filled.levels,
        slippage_bps=slippage,
        fee=None if paid is None else _money(paid),
        total=None if total is None else _money(total),
        cost_bps=both,
    )


def _worked_out(target: Target, order: Order, rows: Sequence[VenueRow], books: Mapping[str, Book]) -> ImpactAnswer:
    bid, ask = best_bid(rows), best_ask(rows)
    mid = mid_of(bid.bid if bid else None, ask.ask if ask else None)
    costs: dict[str, Cost] = {}
    left_out: dict[str, str] = {}
    sides: dict[str, list[Level]] = {}
    fees: dict[str, Decimal] = {}
    for row in rows:
        if row.venue not in books or row.status != OK:
            continue
        side = order.levels(books[row.venue])
        try:
            # Every level is read here once, so that a bad one is this venue's failure and not the split's.
            levels = list(side)
        except BadNumber as error:
            row.status, row.reason = UNAVAILABLE, f"sent a level that cannot be used: {error}"
            continue
        filled = walk(levels, order.size, order.unit)
        own_mid = mid_of(row.bid, row.ask) or mid
        costs[row.venue] = cost_of(filled, row.taker_fee, own_mid, buying=order.buying, tick_size=row.tick_size)
        if row.taker_fee is None:
            option = target.listed[row.venue].instrument.kind == OPTION
            left_out[row.venue] = (
                "an option's fee is a share of its underlying"
                if option
                else f"its taker fee is unknown (set venues.{row.venue}.taker_fee_bps)"
            )
            continue
        sides[row.venue], fees[row.venue] = levels, row.taker_fee
    split, parts = _split(sides, fees, order, mid)
    return ImpactAnswer(target.symbol, order, list(rows), mid, costs, split, parts, left_out, books)


def _split(
    sides: Mapping[str, Sequence[Level]], fees: Mapping[str, Decimal], order: Order, mid: Decimal | None
) -> tuple[Cost | None, dict[str, Cost]]:
    if not sides:
        return None, {}
    split = best_split(sides, fees, order.size, order.unit, buying=order.buying)
    costs = {
        name: cost_of(split.parts[name], fees[name], mid, buying=order.buying) for name in sides if name in split.parts
    }
    base = sum((part.base for part in split.parts.values()), Decimal(0))
    quote = sum((part.quote for part in split.parts.values()), Decimal(0))
    paid = sum((part.quote * fees[name] for name, part in split.parts.items()), Decimal(0))
    worsts = [part.worst for part in split.parts.values() if part.worst is not None]
    worst = (max(worsts) if order.buying else min(worsts)) if worsts else None
    levels = sum(part.levels for part in split.parts.values())
    whole = Filled(base, quote, worst, levels, split.missing)
    return cost_of(whole, paid / quote if quote else Decimal(0), mid, buying=order.buying), costs


def _curves(found: ImpactAnswer, order: Order) -> dict[str, list[Impact]]:
    sizes = [float(order.size * multiple) for multiple in CURVE]
    return {name: impact_of(order.levels(found.books[name]).floats(), sizes, order.unit) for name in found.costs}


def check_unit(target: Target, order: Order) -> None:
    """Refuse a notional where prices are not in the quote currency.

    Raises:
        UsageError: the instrument is an option priced in its coin.
    """
    for listed in target.listed.values():
        if order.unit == QUOTE and (currency := priced_in(listed.instrument)) != target.quote:
            raise UsageError(f"{target.symbol} is priced in {currency}, so --quote has no meaning.", hint="Use --base.")


def curve_slippage_bps(impact: Impact, mid: float, *, buying: bool) -> float | None:
    """Return a swept size's average price against a mid, in basis points, positive when worse."""
    if impact.average is None or not mid:
        return None
    return (impact.average - mid) / mid * 10_000 * (1 if buying else -1)


def order_of(side: str, quote: Decimal | None, base: Decimal | None) -> Order:
    """Read the size options: exactly one of quote and base.

    Raises:
        UsageError: none or both are given.
    """
    if (quote is None) == (base is None):
        raise UsageError(
            "Say the size once: --quote or --base.", hint="For example --quote 50000, or --base 2."
        )  # fmt: skip
    return Order(side, quote, QUOTE) if quote is not None else Order(side, base or Decimal(0), BASE)


def _bps(fraction: Decimal) -> Decimal:
    return rounded(fraction * BPS, 3)


def _money(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    return rounded(number, 10) if isinstance(exponent, int) and exponent < -10 else number
