"""KuCoin's futures host: contracts, books, tickers, trades, candles and funding, numbers as numbers."""

from simulator.market.bars import candles as on_grid
from simulator.market.calendar import HOUR_MS
from simulator.market.known import each_known
from simulator.market.model import PERPETUAL, Listing
from simulator.rows import RowWriter
from simulator.venue import SimRequest, SimVenue
from simulator.venues.kucoin_contracts import contract_row, funding_symbol, index_symbol
from simulator.venues.kucoin_wire import (
    FUTURES_BARS,
    NS_PER_MS,
    KucoinError,
    Params,
    Row,
    contract,
    number,
    of_product,
    required,
    whole_number,
)

FULL_BOOK = 5_000
CANDLES_A_PAGE = 200
SETTLEMENTS_A_PAGE = 100
FUNDING_CAP = 0.003
GRANULARITY_SINCE_MS = 1_750_147_200_000
_ROWS = RowWriter(lambda price, size: f"[{number(price)!r},{number(size)!r}]")


def contracts(venue: SimVenue, request: SimRequest, _params: Params) -> list[Row]:
    """List the contracts that trade."""
    return [contract_row(venue, listing, request.now_ms) for listing in of_product(venue, "futures")]


def one_contract(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve one contract. Raises KucoinError 404000."""
    listing = venue.by_id.get(("futures", params["symbol"]))
    if listing is None:
        raise KucoinError("404000", "Symbol not exists")
    return contract_row(venue, listing, request.now_ms)


def ticker(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve the best prices and the last trade of one contract; `ts` in ns."""
    return _ticker(venue, contract(venue, params), request.now_ms)


def all_tickers(venue: SimVenue, request: SimRequest, _params: Params) -> list[Row]:
    """Serve the tickers of all contracts."""
    return each_known(of_product(venue, "futures"), lambda listing: _ticker(venue, listing, request.now_ms))


def _ticker(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    view = venue.market.book(listing, 1, now_ms)
    last = next(iter(venue.market.trades(listing, 1, now_ms)), None)
    bid, bid_size = view.bids[0] if view.bids else (None, "0")
    ask, ask_size = view.asks[0] if view.asks else (None, "0")
    return {
        "sequence": view.sequence,
        "symbol": listing.native_id,
        "side": last.side if last else "buy",
        "size": number(last.size) if last else 0,
        "tradeId": str(last.trade_id) if last else "",
        "price": last.price if last else None,
        "bestBidPrice": bid,
        "bestBidSize": number(bid_size),
        "bestAskPrice": ask,
        "bestAskSize": number(ask_size),
        "ts": (last.time_ms if last else view.time_ms) * NS_PER_MS,
    }


def snapshot(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve the whole book; `ts` in ns."""
    return _book(venue, request, params, FULL_BOOK)


def depth20(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve 20 levels."""
    return _book(venue, request, params, 20)


def depth100(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve 100 levels."""
    return _book(venue, request, params, 100)


def _book(venue: SimVenue, request: SimRequest, params: Params, depth: int) -> Row:
    listing = contract(venue, params)
    view = venue.market.book(listing, depth, request.now_ms)
    return {
        "sequence": view.sequence,
        "symbol": listing.native_id,
        "bids": _ROWS.rows(view.bids),
        "asks": _ROWS.rows(view.asks),
        "ts": view.time_ms * NS_PER_MS,
    }


def trade_history(venue: SimVenue, request: SimRequest, params: Params) -> list[Row]:
    """Serve the last 100 trades, newest first; times in ns."""
    found = venue.market.trades(contract(venue, params), 100, request.now_ms)
    return [
        {
            "sequence": trade.trade_id,
            "contractId": 1,
            "tradeId": str(trade.trade_id),
            "makerOrderId": str(trade.trade_id * 2),
            "takerOrderId": str(trade.trade_id * 2 + 1),
            "ts": trade.time_ms * NS_PER_MS,
            "size": number(trade.size),
            "price": trade.price,
            "side": trade.side,
        }
        for trade in found
    ]


def klines(venue: SimVenue, request: SimRequest, params: Params) -> list[list[int | float]]:
    """Serve candles that start in [from, to] (ms), oldest first, at most 200. Raises KucoinError 400100.

    Rows: start, open, high, low, close, volume in contracts.
    """
    listing = contract(venue, params)
    bar = FUTURES_BARS.get(required(params, "granularity"))
    if bar is None:
        raise KucoinError("400100", "granularity is invalid", 400)
    end_ms = min(request.now_ms, whole_number(params, "to", 0) or request.now_ms)
    start_ms = whole_number(params, "from", 0) or bar.start_of(end_ms) - (CANDLES_A_PAGE - 1) * bar.length_ms
    end_ms = min(end_ms, start_ms + CANDLES_A_PAGE * bar.length_ms)
    if start_ms > end_ms:
        return []
    found = on_grid(venue.market, listing, bar, start_ms, end_ms)[:CANDLES_A_PAGE]
    return [[c.start_ms, *(number(text) for text in (c.open, c.high, c.low, c.close, c.volume))] for c in found]


def _perpetual(venue: SimVenue, params: Params) -> Listing:
    listing = contract(venue, params)
    if listing.kind != PERPETUAL:
        raise KucoinError("100003", "Contract parameter invalid")
    return listing


def current_funding(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve the running funding of a perpetual: `value` is settled at `fundingTime`."""
    listing = _perpetual(venue, params)
    view = venue.market.funding(listing, request.now_ms)
    interval_ms = view.interval_h * HOUR_MS
    return {
        "symbol": funding_symbol(listing, view.interval_h),
        "granularity": interval_ms,
        "timePoint": view.next_time_ms - interval_ms,
        "value": number(view.rate),
        "predictedValue": number(view.predicted),
        "fundingRateCap": FUNDING_CAP,
        "fundingRateFloor": -FUNDING_CAP,
        "period": 1,
        "fundingTime": view.next_time_ms,
    }


def funding_rates(venue: SimVenue, request: SimRequest, params: Params) -> list[Row]:
    """Serve the unified interface's list of running fundings, narrowed by `symbol` or `productType`."""
    section = params.get("productType")
    rows = []
    chosen = [_perpetual(venue, params)] if params.get("symbol") else of_product(venue, "futures")
    for listing in chosen:
        product = "COIN-FUTURES" if listing.inverse else f"{listing.quote}-FUTURES"
        if listing.kind == PERPETUAL and (not section or params.get("symbol") or section == product):
            rows.append(_unified_funding(venue, listing, request.now_ms))
    return rows


def _unified_funding(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    view = venue.market.funding(listing, now_ms)
    interval_ms = view.interval_h * HOUR_MS
    return {
        "symbol": listing.native_id,
        "nextFundingRate": view.rate,
        "fundingTime": view.next_time_ms,
        "fundingRateCap": str(FUNDING_CAP),
        "fundingRateFloor": str(-FUNDING_CAP),
        "currentGranularity": interval_ms,
        "newGranularity": interval_ms,
        "newGranularityStartTime": GRANULARITY_SINCE_MS,
    }


def settled_funding(venue: SimVenue, request: SimRequest, params: Params) -> list[Row]:
    """Serve the newest 100 settled rates in [from, to] (ms), newest first."""
    listing = _perpetual(venue, params)
    required(params, "from"), required(params, "to")
    start_ms, end_ms = whole_number(params, "from", 0), whole_number(params, "to", 0)
    found = venue.market.funding_history(listing, start_ms, min(end_ms, request.now_ms))
    return [
        {"symbol": listing.native_id, "fundingRate": number(rate), "timepoint": time_ms}
        for time_ms, rate in reversed(found[-SETTLEMENTS_A_PAGE:])
    ]


def mark_price(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve the mark and index price of a contract."""
    listing = contract(venue, params)
    return {
        "symbol": listing.native_id,
        "granularity": 1000,
        "timePoint": request.now_ms // 1000 * 1000,
        "value": number(venue.market.mark_price(listing, request.now_ms)),
        "indexPrice": number(venue.market.index_price(listing, request.now_ms)),
    }


def index_query(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve an index (`.KXBTUSDT`) second by second, newest first, ten unless `maxCount` says otherwise."""
    name = required(params, "symbol")
    listing = next((i for i in of_product(venue, "futures") if index_symbol(i) == name), None)
    if listing is None:
        raise KucoinError("100003", "Contract parameter invalid")
    newest_ms = request.now_ms // 1000 * 1000
    rows = []
    for step in range(min(100, whole_number(params, "maxCount", 10))):
        time_ms = newest_ms - step * 1000
        price = number(venue.market.index_price(listing, time_ms))
        parts = [{"exchange": "kucoin", "price": price, "weight": 1.0}]
        rows.append(
            {"symbol": name, "granularity": 1000, "timePoint": time_ms, "value": price, "decomposionList": parts}
        )
    return {"hasMore": True, "dataList": rows}
