"""OKX's other public endpoints: time, status, funding, mark prices, indices and open interest."""

from decimal import Decimal

from simulator.amounts import coins
from simulator.market.calendar import DAY_MS, HOUR_MS
from simulator.market.known import each_known
from simulator.market.model import PERPETUAL, SPOT, Listing, NotRecorded
from simulator.venue import SimRequest, SimVenue
from simulator.venues.okx_candles import index_listing
from simulator.venues.okx_market import figures
from simulator.venues.okx_wire import (
    OkxError,
    Query,
    Row,
    inst_type,
    instrument,
    moment,
    of_family,
    required,
    text,
    underlying,
    whole_number,
)

FUNDING_KEPT_MS = 92 * DAY_MS
FUNDING_CAP = "0.00375"


def server_time(_venue: SimVenue, request: SimRequest, _query: Query) -> list[Row]:
    """Serve the venue's clock."""
    return [{"ts": str(request.now_ms)}]


def system_status(_venue: SimVenue, _request: SimRequest, _query: Query) -> list[Row]:
    """Announce no maintenance."""
    return []


def funding_rate(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve the running funding of a swap, or of all for `ANY`; there is no forecast for the period after it."""
    if required(query, "instId") != "ANY":
        return [_funding(venue, instrument(venue, query, "SWAP"), request.now_ms)]
    return each_known(of_family(venue, "SWAP", {}), lambda listing: _funding(venue, listing, request.now_ms))


def _funding(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    view = venue.market.funding(listing, now_ms)
    interval_ms = view.interval_h * HOUR_MS
    settled = venue.market.funding_history(listing, view.next_time_ms - interval_ms, view.next_time_ms - 1)
    return {
        "formulaType": "withRate",
        "fundingRate": view.rate,
        "fundingTime": str(view.next_time_ms),
        "impactValue": "20000",
        "instId": listing.native_id,
        "instType": "SWAP",
        "interestRate": "0.0001",
        "maxFundingRate": FUNDING_CAP,
        "method": "current_period",
        "minFundingRate": f"-{FUNDING_CAP}",
        "nextFundingRate": "",
        "nextFundingTime": str(view.next_time_ms + interval_ms),
        "premium": _premium(venue, listing, now_ms),
        "prevFundingTime": str(view.next_time_ms - interval_ms),
        "settFundingRate": settled[-1][1] if settled else "",
        "settState": "settled",
        "ts": str(now_ms),
    }


def _premium(venue: SimVenue, listing: Listing, now_ms: int) -> str:
    try:
        index = Decimal(venue.market.index_price(listing, now_ms))
        mark = Decimal(venue.market.mark_price(listing, now_ms))
    except NotRecorded:
        return ""
    return format(((mark - index) / index).quantize(Decimal("1e-16")), "f")


def funding_history(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve settled rates of three months, newest first, at most 400 a page."""
    listing = instrument(venue, query, "SWAP")
    limit = whole_number(query, "limit", 400, 400)
    after, before = moment(query, "after"), moment(query, "before")
    start_ms = request.now_ms - FUNDING_KEPT_MS
    if before is not None:
        start_ms = max(start_ms, before + 1)
    end_ms = request.now_ms if after is None else min(request.now_ms, after - 1)
    settled = venue.market.funding_history(listing, start_ms, end_ms) if start_ms <= end_ms else []
    return [
        {
            "formulaType": "withRate",
            "fundingRate": rate,
            "fundingTime": str(time_ms),
            "instId": listing.native_id,
            "instType": "SWAP",
            "method": "current_period",
            "realizedRate": rate,
        }
        for time_ms, rate in reversed(settled[-limit:])
    ]


def mark_price(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve mark prices of a product, or of one instrument by its `instId` alone."""
    if query.get("instId") and not query.get("instType"):
        chosen = [instrument(venue, query)]
    else:
        kind = inst_type(query, "MARGIN", "SWAP", "FUTURES", "OPTION")
        chosen = of_family(venue, "SPOT" if kind == "MARGIN" else kind, query)

    def row(listing: Listing) -> Row:
        price = venue.market.mark_price(listing, request.now_ms)
        product = "MARGIN" if listing.kind == SPOT else listing.product
        return {"instId": listing.native_id, "instType": product, "markPx": price, "ts": str(request.now_ms)}

    return each_known(chosen, row)


def index_tickers(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve indices: one by `instId`, or all against `quoteCcy`. Raises OkxError 50015 without either."""
    if name := query.get("instId"):
        return [_index(venue, index_listing(venue, name), request.now_ms)]
    quote = query.get("quoteCcy")
    if not quote:
        raise OkxError("50015", "Either parameter quoteCcy or instId is required", 400)
    indices: dict[str, Listing] = {}
    for listing in venue.by_id.values():
        if listing.quote == quote:
            indices.setdefault(underlying(listing), listing)
    return [_index(venue, listing, request.now_ms) for listing in indices.values()]


def _index(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    price = venue.market.index_price(listing, now_ms)
    day = figures(venue, listing, now_ms)
    opened, high, low = (day.open, day.high, day.low) if listing.kind in (SPOT, PERPETUAL) else (price, price, price)
    return {
        "instId": underlying(listing),
        "idxPx": price,
        "high24h": high,
        "sodUtc0": opened,
        "open24h": opened,
        "low24h": low,
        "sodUtc8": opened,
        "ts": str(now_ms),
    }


def open_interest(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve the open interest of a product in contracts, coins and USD. Options want a family."""
    kind = inst_type(query, "SWAP", "FUTURES", "OPTION")
    if kind == "OPTION" and not (query.get("uly") or query.get("instFamily")):
        raise OkxError("50015", "Either parameter uly or instFamily is required", 400)
    rows: list[Row] = []
    for listing in of_family(venue, kind, query):
        day = figures(venue, listing, request.now_ms)
        if not day.open_interest:
            continue
        amount = coins(listing, day.open_interest, day.last)
        price = Decimal(venue.market.index_price(listing, request.now_ms))
        rows.append(
            {
                "instId": listing.native_id,
                "instType": kind,
                "oi": day.open_interest,
                "oiCcy": text(amount),
                "oiUsd": text(amount * price),
                "ts": str(request.now_ms),
            }
        )
    return rows
