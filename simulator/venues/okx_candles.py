"""OKX's candles: trades, mark price and index, in bars of UTC and, as OKX does unasked, of Hong Kong."""

from collections.abc import Callable

from simulator.amounts import coins
from simulator.market.bars import MONTH, WEEK, Bar
from simulator.market.bars import candles as on_grid
from simulator.market.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from simulator.market.model import Candle, Listing
from simulator.venue import SimRequest, SimVenue
from simulator.venues.okx_wire import (
    OkxError,
    Query,
    instrument,
    moment,
    required,
    text,
    underlying,
    whole_number,
)

Cells = list[str]
HONG_KONG_MS = -8 * HOUR_MS
RECENT_BARS = 1_440

_SHORT = {"1s": 1_000, "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240}
_LONG = {"6H": (6 * HOUR_MS, 0), "12H": (12 * HOUR_MS, 0), "1D": (DAY_MS, 0), "2D": (2 * DAY_MS, 0)}
_LONG |= {"3D": (3 * DAY_MS, 0), "5D": (5 * DAY_MS, 0), "1W": (WEEK.length_ms, WEEK.offset_ms)}
_MONTHS = {"1M": 1, "3M": 3}

BARS: dict[str, Bar] = {
    **{name: Bar(1_000 if name == "1s" else count * MINUTE_MS) for name, count in _SHORT.items()},
    **{name: Bar(length, offset + HONG_KONG_MS) for name, (length, offset) in _LONG.items()},
    **{f"{name}utc": Bar(length, offset) for name, (length, offset) in _LONG.items()},
    **{name: Bar(count * MONTH.length_ms, HONG_KONG_MS, count) for name, count in _MONTHS.items()},
    **{f"{name}utc": Bar(count * MONTH.length_ms, 0, count) for name, count in _MONTHS.items()},
}


def candles(venue: SimVenue, request: SimRequest, query: Query) -> list[Cells]:
    """Serve recent candles, newest first: start, open, high, low, close, volumes in contracts, coins, quote, closed."""
    listing = instrument(venue, query)
    return _page(venue, request, query, listing, lambda candle: _traded(listing, candle), recent=True)


def history_candles(venue: SimVenue, request: SimRequest, query: Query) -> list[Cells]:
    """Serve closed candles of any age."""
    listing = instrument(venue, query)
    rows = _page(venue, request, query, listing, lambda candle: _traded(listing, candle))
    return [row for row in rows if row[-1] == "1"]


def mark_candles(venue: SimVenue, request: SimRequest, query: Query) -> list[Cells]:
    """Serve candles of the mark price: start, open, high, low, close, closed."""
    return _page(venue, request, query, instrument(venue, query), lambda _: [], most=100)


def index_candles(venue: SimVenue, request: SimRequest, query: Query) -> list[Cells]:
    """Serve candles of an index (`instId` names the index): start, open, high, low, close, closed."""
    return _page(venue, request, query, index_listing(venue, required(query, "instId")), lambda _: [], most=100)


def index_listing(venue: SimVenue, index: str) -> Listing:
    """Return a listing that follows `index`, a spot pair if there is one. Raises OkxError 51014."""
    for product in ("SPOT", "SWAP", "FUTURES", "OPTION"):
        for listing in venue.by_product.get(product, {}).values():
            if underlying(listing) == index:
                return listing
    raise OkxError("51014", "Index doesn't exist.")


def _traded(listing: Listing, candle: Candle) -> Cells:
    if listing.product == "SPOT":
        return [candle.volume, candle.turnover, candle.turnover]
    return [candle.volume, text(coins(listing, candle.volume, candle.close)), candle.turnover]


def _page(
    venue: SimVenue,
    request: SimRequest,
    query: Query,
    listing: Listing,
    volumes: Callable[[Candle], Cells],
    *,
    most: int = 300,
    recent: bool = False,
) -> list[Cells]:
    """Serve a page: the newest candles that start before `after` and after `before`."""
    bar = BARS.get(query.get("bar") or "1m")
    if bar is None:
        raise OkxError("51000", "Parameter bar error", 400)
    limit = whole_number(query, "limit", 100, most)
    after, before = moment(query, "after"), moment(query, "before")
    end_ms = request.now_ms if after is None else min(request.now_ms, after - 1)
    oldest_ms = bar.start_of(end_ms) - (limit - 1) * bar.length_ms
    if recent:
        oldest_ms = max(oldest_ms, bar.start_of(request.now_ms) - (RECENT_BARS - 1) * bar.length_ms)
    if before is not None:
        oldest_ms = max(oldest_ms, before + 1)
    if end_ms < oldest_ms:
        return []
    found = on_grid(venue.market, listing, bar, oldest_ms, end_ms)[-limit:]
    return [
        [
            str(candle.start_ms),
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            *volumes(candle),
            "1" if bar.next_start(candle.start_ms) <= request.now_ms else "0",
        ]
        for candle in reversed(found)
    ]
