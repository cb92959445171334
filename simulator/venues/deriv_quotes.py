"""Deriv's ticks, candles and trading hours, made of a market's books.

Trading hours are the usual weekly ones in UTC (no holidays, no daylight saving time): forex, metals and baskets stop on
Friday 20:55 and start on Monday 00:00, stock indices keep their exchanges' hours, all else trades round the clock.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simulator.market.model import Listing, Market

Row = dict[str, object]
Hours = Sequence[tuple[int, int]]
"""Openings in a week as (start, end) in seconds since Monday 00:00 UTC."""

DAY_S = 86_400
WEEK_S = 7 * DAY_S
_MONDAY_S = 4 * DAY_S
"""The first Monday after the epoch, in epoch seconds."""


def _weekdays(start_s: int, end_s: int) -> Hours:
    return [(day * DAY_S + start_s, day * DAY_S + end_s) for day in range(5)]


HOURS: Mapping[str, Hours] = {
    "always": [(0, WEEK_S)],
    "forex": [(0, 4 * DAY_S + 20 * 3600 + 55 * 60)],
    "americas": _weekdays(14 * 3600 + 30 * 60, 21 * 3600),
    "europe": _weekdays(8 * 3600, 16 * 3600 + 30 * 60),
    "asia_oceania": _weekdays(0, 6 * 3600),
}


class Tick(NamedTuple):
    """One tick; prices as text in pips."""

    epoch: int
    bid: str
    ask: str
    quote: str


def fact(listing: Listing, name: str) -> object:
    """Read one of the venue's own facts about a symbol."""
    return dict(listing.extra).get(name)


def _hours(listing: Listing) -> Hours:
    return HOURS[str(fact(listing, "hours") or "always")]


def is_open(listing: Listing, epoch: int) -> bool:
    """Tell whether the symbol trades at `epoch` (seconds)."""
    within = (epoch - _MONDAY_S) % WEEK_S
    return any(start <= within < end for start, end in _hours(listing))


def last_open(listing: Listing, epoch: int) -> int:
    """Return `epoch` itself while the symbol trades, else the last second before it closed."""
    week, within = divmod(epoch - _MONDAY_S, WEEK_S)
    hours = _hours(listing)
    if is_open(listing, epoch):
        return epoch
    ended = [end - 1 for _, end in hours if end <= within] or [hours[-1][1] - 1 - WEEK_S]
    return _MONDAY_S + week * WEEK_S + ended[-1]


def next_change(listing: Listing, epoch: int, *, opening: bool) -> int:
    """Return when the symbol opens or closes next."""
    week, within = divmod(epoch - _MONDAY_S, WEEK_S)
    moments = [hours[0 if opening else 1] for hours in _hours(listing)]
    ahead = [moment for moment in moments if moment > within] or [moments[0] + WEEK_S]
    return _MONDAY_S + week * WEEK_S + ahead[0]


def period_s(listing: Listing) -> int:
    """Return how many seconds lie between two ticks."""
    value = fact(listing, "tick_s")
    return value if isinstance(value, int) else 1


def pip_size(listing: Listing) -> int:
    """Return the number of decimals of a pip."""
    return len(listing.tick_size.partition(".")[2])


def tick_at(market: Market, listing: Listing, epoch: int) -> Tick | None:
    """Return the tick that is current at `epoch`, or None where the market has no two-sided price."""
    moment = last_open(listing, epoch) // period_s(listing) * period_s(listing)
    book = market.book(listing, 1, moment * 1000)
    if not book.bids or not book.asks:
        return None
    bid, ask = book.bids[0][0], book.asks[0][0]
    quote = f"{(float(bid) + float(ask)) / 2:.{pip_size(listing)}f}"
    return Tick(book.time_ms // 1000, bid, ask, quote)


def epochs(listing: Listing, start: int, end: int, count: int) -> list[int]:
    """List the moments of the last `count` ticks in [start, end], oldest first; closed hours have none."""
    step = period_s(listing)
    found: list[int] = []
    moment = last_open(listing, end) // step * step
    while moment >= start and len(found) < count:
        found.append(moment)
        moment = last_open(listing, moment - step) // step * step
    return found[::-1]


def candles(market: Market, listing: Listing, width_s: int, start: int, end: int) -> list[tuple[int, list[str]]]:
    """List (start, [open, high, low, close]) of the candles that start in [start, end] while the symbol trades."""
    shown = market.candles(listing, width_s * 1000, start * 1000, end * 1000)
    whole_days = width_s >= DAY_S
    return [
        (c.start_ms // 1000, [c.open, c.high, c.low, c.close])
        for c in shown
        if is_open(listing, c.start_ms // 1000 + (DAY_S * 5 // 8 if whole_days else 0))
    ]


def symbol_row(market: Market, listing: Listing, epoch: int, *, full: bool) -> Row:
    """Describe a symbol as `active_symbols` does; `full` adds what only the full answer has."""
    facts = dict(listing.extra)
    row: Row = {"allow_forward_starting": int(listing.product == "forex" or facts["submarket"] == "random_index")}
    row |= {name: facts[name] for name in ("display_name", "display_order")}
    row |= {"exchange_is_open": int(is_open(listing, epoch)), "is_trading_suspended": 0, "market": listing.product}
    row |= {"market_display_name": facts["market_display_name"], "pip": float(listing.tick_size)}
    shown = ("subgroup", "subgroup_display_name", "submarket", "submarket_display_name", "symbol_type")
    row |= {name: facts[name] for name in shown} | {"symbol": listing.native_id}
    if not full:
        return row
    tick = tick_at(market, listing, epoch)
    opened = float(market.stats(listing, epoch * 1000).open)
    change = (float(tick.quote) / opened - 1) * 100 if tick else 0.0
    return row | {
        "delay_amount": 0,
        "exchange_name": facts["exchange_name"],
        "intraday_interval_minutes": 5,
        "quoted_currency_symbol": facts["quoted_currency_symbol"],
        "spot": float(tick.quote) if tick else None,
        "spot_age": str(epoch - tick.epoch if tick else 0),
        "spot_percentage_change": f"{change:+.2f}",
        "spot_time": str(tick.epoch if tick else epoch),
    }
