"""What perpetuals pay: current and predicted rates, over measured intervals, comparable between venues."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.base import Connector
from domain.errors import UsageError
from domain.exit_codes import ExitCode
from domain.funding import Funding, FundingPoint
from domain.instruments import PERPETUAL, Instrument
from domain.money import rounded
from domain.quotes import NOT_LISTED, OK, RETIRED, UNAVAILABLE
from domain.spans import span_ms
from domain.time import NS_PER_MS, rfc3339
from market_data.absent import absent_rows, check_any_open
from market_data.ask import Answer, ask_all, status_of, verdict
from market_data.carry import COMMON_H, Interval, measure, own_intervals, per_hours, percentile, yearly
from market_data.listing import Target, locate, unknown

if TYPE_CHECKING:
    from connectors.registry import Venues

RATE_PLACES = 12


@dataclass
class FundingRow:
    """One perpetual at one venue. Rates are fractions of notional; a positive one is paid by longs to shorts."""

    venue: str
    symbol: str
    status: str = OK
    reason: str | None = None
    current: Decimal | None = None
    predicted: Decimal | None = None
    declared_interval_h: Decimal | None = None
    measured_interval_h: Decimal | None = None
    interval_h: Decimal | None = None
    continuous: bool = False
    next_time_ms: int | None = None
    next_time: str | None = None
    rate_8h: Decimal | None = None
    apr: Decimal | None = None
    apy: Decimal | None = None
    percentile: Decimal | None = None
    history_count: int = 0
    history_mean_apr: Decimal | None = None
    mark_price: Decimal | None = None
    index_price: Decimal | None = None
    received_at_ms: int | None = None
    age_ms: int | None = None
    latency_ms: float | None = None
    notes: list[str] = field(default_factory=list)


class Spread(NamedTuple):
    """Where holding long costs least and where holding short earns most; the difference a year, and per 8 h."""

    long_venue: str
    long_symbol: str
    short_venue: str
    short_symbol: str
    apr: Decimal
    rate_8h: Decimal


@dataclass
class FundingAnswer:
    """The answer for one symbol, with the settled rates it rests on (by `venue symbol`)."""

    symbol: str
    span: str
    rows: list[FundingRow]
    spread: Spread | None
    history: Mapping[str, Sequence[FundingPoint]]
    exit_code: ExitCode = ExitCode.OK
    notes: list[str] = field(default_factory=list)


def funding_rates(
    venues: "Venues",
    deadline: float,
    text: str,
    span: str,
    *,
    explicit: bool,
    any_quote: bool = False,
) -> FundingAnswer:
    """Ask every venue that lists the perpetual for its funding and its history, side by side.

    Args:
        span: how much history, such as `30d`.
        any_quote: take in the same perpetual against other dollars, and coin-settled ones.

    Raises:
        UsageError: the symbol is no perpetual, or the span is unreadable.
        UnknownSymbol, AmbiguousSymbol, Retired: nothing was asked.
    """
    since_ms = time.time_ns() // NS_PER_MS - span_ms(span)
    check_any_open(venues)
    target = locate(venues.cache, venues.names, text, other_dollars=any_quote)
    instruments = _perpetuals(venues, target, any_quote=any_quote)
    jobs: dict[str, Callable[[], Any]] = {}
    for instrument in instruments:
        connector = venues.connector(instrument.venue)
        key = f"{instrument.venue} {instrument.symbol}"
        jobs[key] = _current_job(connector, instrument)
        jobs[f"{key} history"] = _history_job(connector, instrument, since_ms)
    answers = ask_all(jobs, deadline)
    now_ms = time.time_ns() // NS_PER_MS
    rows = [_row(instrument, answers, now_ms) for instrument in instruments]
    history = {key: answers[f"{key} history"].value or () for key in jobs if f"{key} history" in answers}
    absent = [
        FundingRow(row.venue, row.symbol, row.status, row.reason)
        for row in absent_rows(venues, target, {row.venue for row in rows}, option=None if any_quote else "--any-quote")
    ]
    asked = rows + [row for row in absent if explicit or row.status not in (NOT_LISTED, RETIRED)]
    code = verdict([row.status for row in asked])
    notes = [*target.notes, *venues.notes]
    return FundingAnswer(target.symbol, span, rows + absent, widest(rows), history, code, notes)


def widest(rows: Sequence[FundingRow]) -> Spread | None:
    """Find the pair of venues whose funding differs most a year; None where no two differ."""
    known = [row for row in rows if row.status == OK and row.apr is not None and row.rate_8h is not None]
    if len(known) < 2:
        return None
    low = min(known, key=lambda row: row.apr or Decimal(0))
    high = max(known, key=lambda row: row.apr or Decimal(0))
    if low.apr is None or high.apr is None or low.apr == high.apr or low.rate_8h is None or high.rate_8h is None:
        return None
    return Spread(low.venue, low.symbol, high.venue, high.symbol, high.apr - low.apr, high.rate_8h - low.rate_8h)


def fill(row: FundingRow, now: Funding, points: Sequence[FundingPoint]) -> None:
    """Put a venue's rate and history into a row, and make them comparable."""
    row.current, row.predicted, row.continuous = now.current, now.predicted, now.continuous
    row.declared_interval_h, row.next_time_ms = now.interval_h, now.next_time_ms
    row.next_time = None if now.next_time_ms is None else rfc3339(now.next_time_ms)
    row.mark_price, row.index_price = now.mark_price, now.index_price
    row.received_at_ms = now.received_at_ns // NS_PER_MS
    interval = measure(points, now.interval_h, now.next_time_ms, continuous=now.continuous)
    row.measured_interval_h, row.interval_h = interval.measured_h, interval.used_h
    row.notes += interval.notes
    row.history_count = len(points)
    if now.current is None:
        row.status, row.reason = UNAVAILABLE, "the venue gave no current rate"
        return
    if interval.used_h is None:
        row.notes.append("interval unknown: no yearly rate")
        return
    row.rate_8h = rounded(per_hours(now.current, interval.used_h), RATE_PLACES)
    row.apr, row.apy = yearly(now.current, interval.used_h, continuous=now.continuous)
    past = comparable_history(points, interval)
    row.percentile = percentile(row.rate_8h, past)
    if past:
        mean = sum(past, Decimal(0)) / len(past)
        row.history_mean_apr = yearly(mean, COMMON_H, continuous=now.continuous)[0]


def interval_of(row: FundingRow) -> Interval:
    """Return the interval that a row's rates were annualised with."""
    return Interval(row.measured_interval_h, row.interval_h)


def comparable_history(points: Sequence[FundingPoint], interval: Interval) -> list[Decimal]:
    """Express settled rates per 8 h: by each one's own interval, else the gap before it, else the interval used."""
    ordered = sorted(points, key=lambda point: point.time_ms)
    gaps: Sequence[Decimal | None] = [None] * len(ordered)
    if interval.measured_h is not None:
        gaps = own_intervals([point.time_ms for point in ordered])
    rates = []
    for point, gap in zip(ordered, gaps, strict=True):
        hours = point.interval_h or gap or interval.used_h
        if hours:
            rates.append(rounded(per_hours(point.rate, hours), RATE_PLACES))
    return rates


def _perpetuals(venues: "Venues", target: Target, *, any_quote: bool) -> list[Instrument]:
    found = [listed.instrument for listed in (*target.listed.values(), *(target.also if any_quote else ()))]
    if not found and not venues.failures:
        raise unknown(venues.cache, venues.names, target)
    perpetuals = [instrument for instrument in found if instrument.kind == PERPETUAL]
    if found and not perpetuals:
        listed = {i.symbol for v in venues.names for i in venues.cache.by_asset(v, target.asset) if i.kind == PERPETUAL}
        hint = f"Try {', '.join(sorted(listed))}." if listed else f"No venue asked has a perpetual of {target.asset}."
        raise UsageError(f"{target.symbol} is no perpetual: only perpetuals pay funding.", hint=hint)
    order = {name: place for place, name in enumerate(venues.names)}
    return sorted(perpetuals, key=lambda instrument: order[instrument.venue])


def _row(instrument: Instrument, answers: Mapping[str, Answer[Any]], now_ms: int) -> FundingRow:
    row = FundingRow(instrument.venue, instrument.symbol)
    key = f"{instrument.venue} {instrument.symbol}"
    now, past = answers[key], answers[f"{key} history"]
    row.latency_ms = round(now.elapsed_ms, 1)
    if past.error is not None:
        row.notes.append(f"no history: {past.error.message}")
    if now.value is None:
        row.status = status_of(now.error) if now.error else UNAVAILABLE
        row.reason = now.error.message if now.error else "no answer"
        return row
    fill(row, now.value, past.value or ())
    row.age_ms = max(0, now_ms - (row.received_at_ms or now_ms))
    return row


def _current_job(connector: Connector, instrument: Instrument) -> Callable[[], Funding]:
    return lambda: connector.fetch_funding(instrument)


def _history_job(connector: Connector, instrument: Instrument, since_ms: int) -> Callable[[], list[FundingPoint]]:
    return lambda: connector.fetch_funding_history(instrument, since_ms)
