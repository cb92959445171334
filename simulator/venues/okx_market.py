"""OKX's market data: books, tickers and trades under `/api/v5/market`."""

from collections.abc import Sequence

from simulator.amounts import coins
from simulator.market.known import each_known, known
from simulator.market.model import Listing, Stats, Trade
from simulator.rows import RowWriter
from simulator.venue import SimRequest, SimVenue
from simulator.venues.okx_wire import (
    OkxError,
    Query,
    Row,
    inst_type,
    instrument,
    moment,
    of_family,
    text,
    underlying,
    whole_number,
)

DEEPEST_BOOK = 400
DEEPEST_FULL_BOOK = 5_000
FULL_BOOK_REFRESH_MS = 1_000
TRADES_KEPT = 1_000
_COUNTS = [str(1 + count % 12) for count in range(16)]


def books(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve the book: one level unless `sz` says more, at most 400. Rows: price, size, "0", orders."""
    listing = instrument(venue, query)
    depth = _depth(query, DEEPEST_BOOK)
    view = venue.market.book(listing, depth, request.now_ms)
    return [
        {
            "asks": _ROWS.rows(view.asks),
            "bids": _ROWS.rows(view.bids),
            "ts": str(view.time_ms),
            "seqId": view.sequence,
        }
    ]


def books_full(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve up to 5,000 levels of the book as it was at the last full second. Rows: price, size, orders."""
    listing = instrument(venue, query)
    depth = _depth(query, DEEPEST_FULL_BOOK)
    view = venue.market.book(listing, depth, request.now_ms // FULL_BOOK_REFRESH_MS * FULL_BOOK_REFRESH_MS)
    return [
        {
            "asks": _FULL_ROWS.rows(view.asks),
            "bids": _FULL_ROWS.rows(view.bids),
            "ts": str(view.time_ms),
        }
    ]


def _depth(query: Query, most: int) -> int:
    depth = whole_number(query, "sz", 1)
    if depth > most:
        raise OkxError("51000", "Parameter sz error.")
    return depth


def _orders(size: str) -> str:
    """Make up how many orders rest on a level, from its size, so that it stays the same."""
    return _COUNTS[ord(size[0]) + ord(size[-1]) & 15]


_ROWS = RowWriter(lambda price, size: f'["{price}","{size}","0","{_orders(size)}"]')
_FULL_ROWS = RowWriter(lambda price, size: f'["{price}","{size}","{_orders(size)}"]')


def ticker(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve one ticker."""
    return [_ticker(venue, instrument(venue, query), request.now_ms)]


def tickers(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve the tickers of a product, narrowed by `uly` or `instFamily`."""
    wanted = of_family(venue, inst_type(query, "SPOT", "SWAP", "FUTURES", "OPTION"), query)
    return each_known(wanted, lambda listing: _ticker(venue, listing, request.now_ms))


def figures(venue: SimVenue, listing: Listing, now_ms: int) -> Stats:
    """Return the day's figures, empty ones where none were recorded."""
    return known(lambda: venue.market.stats(listing, now_ms)) or Stats("", "", "", "", "", "", "", "")


def _ticker(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    view = venue.market.book(listing, 1, now_ms)
    day = figures(venue, listing, now_ms)
    bid, bid_size = view.bids[0] if view.bids else ("", "")
    ask, ask_size = view.asks[0] if view.asks else ("", "")
    spot = listing.product == "SPOT"
    return {
        "instType": listing.product,
        "instId": listing.native_id,
        "last": day.last,
        "lastSz": day.last_size,
        "askPx": ask,
        "askSz": ask_size,
        "bidPx": bid,
        "bidSz": bid_size,
        "open24h": day.open,
        "high24h": day.high,
        "low24h": day.low,
        "volCcy24h": day.turnover if spot or not day.last else text(coins(listing, day.volume, day.last)),
        "vol24h": day.volume,
        "ts": str(view.time_ms),
        "sodUtc0": day.open,
        "sodUtc8": day.open,
    }


def trades(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve the last trades, newest first: 100 unless `limit` says otherwise, at most 500."""
    listing = instrument(venue, query)
    limit = whole_number(query, "limit", 100, 500)
    return [_trade(listing, trade) for trade in venue.market.trades(listing, limit, request.now_ms)]


def history_trades(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Page through trades by id, or by time where `type` is 2; at most 100 a page. Raises OkxError 51000."""
    listing = instrument(venue, query)
    limit = whole_number(query, "limit", 100, 100)
    by_time = query.get("type") == "2"
    after, before = moment(query, "after"), moment(query, "before")
    found: Sequence[Trade] = venue.market.trades(listing, TRADES_KEPT, request.now_ms)
    if after is not None:
        found = [t for t in found if (t.time_ms if by_time else t.trade_id) < after]
    if before is not None and not by_time:
        found = [t for t in found if t.trade_id > before]
    return [_trade(listing, trade) for trade in found[:limit]]


def _trade(listing: Listing, trade: Trade) -> Row:
    return {
        "instId": listing.native_id,
        "side": trade.side,
        "sz": trade.size,
        "px": trade.price,
        "source": "0",
        "tradeId": str(trade.trade_id),
        "ts": str(trade.time_ms),
    }


def option_trades(venue: SimVenue, request: SimRequest, query: Query) -> list[Row]:
    """Serve the last 100 trades of an option. Raises OkxError 50015 where neither family nor instrument is named."""
    if not query.get("instId"):
        if not query.get("instFamily"):
            raise OkxError("50015", "Either parameter instId or instFamily is required", 400)
        chosen = of_family(venue, "OPTION", query)
    else:
        chosen = [instrument(venue, query, "OPTION")]
    rows: list[Row] = []
    for listing in chosen:
        mark = venue.market.mark_price(listing, request.now_ms)
        index = venue.market.index_price(listing, request.now_ms)
        for trade in venue.market.trades(listing, 100, request.now_ms):
            row = _trade(listing, trade) | {"instFamily": underlying(listing), "markPx": mark, "idxPx": index}
            rows.append(row | {"optType": (listing.option_type or "")[:1].upper(), "fillVol": "0.5", "fwdPx": index})
    rows.sort(key=lambda row: str(row["ts"]), reverse=True)
    return rows[:100]
