"""Binance's public market data of the moment: instruments, books, tickers and trades of all its sections."""

from decimal import Decimal
from functools import lru_cache

from simulator.amounts import decimals
from simulator.market.calendar import DAY_MS, MINUTE_MS
from simulator.market.model import BookView, Listing
from simulator.rows import Rows, RowWriter
from simulator.venues import binance_shapes as shapes
from simulator.venues.binance_call import Call, Refusal, invalid

_CONTRACT_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_MOST_ROWS = 1000


def ping(_: Call) -> object:
    """Answer that it is there."""
    return {}


def time(call: Call) -> object:
    """Tell the venue's time."""
    return {"serverTime": call.now_ms}


def exchange_info(call: Call) -> object:
    """List the instruments; USDⓈ-M and COIN-M ignore a `symbol` that is sent (measured live)."""
    head: shapes.Row = {"timezone": "UTC", "serverTime": call.now_ms}
    listings = list(call.listings.values())
    limits = {"rateLimits": shapes.rate_limits(call.section)}
    if call.section == "spot":
        wanted = call.wanted()
        rows = [shapes.spot_symbol(i) for i in (wanted if isinstance(wanted, list) else [wanted])]
        if status := call.params.get("symbolStatus"):
            rows = [row for row in rows if row["status"] == status]
        if call.params.get("showPermissionSets") == "false":
            rows = [{**row, "permissionSets": []} for row in rows]
        return head | limits | {"exchangeFilters": [], "symbols": rows}
    if call.section == "option":
        contracts = {"optionContracts": shapes.option_contracts(listings), "optionAssets": [{"name": "USDT"}]}
        return head | contracts | {"optionSymbols": [shapes.option_symbol(i) for i in listings]} | limits
    symbols = {"symbols": [shapes.contract_symbol(i, call.now_ms) for i in listings]}
    if call.section == "inverse":
        return head | limits | {"exchangeFilters": []} | symbols
    assets = {"exchangeFilters": [], "assets": shapes.margin_assets(listings)}
    return head | {"futuresType": "U_MARGINED"} | limits | assets | symbols


@lru_cache(8)
def _writer(ticks: int, lots: int) -> RowWriter:
    pad = shapes.padded
    return RowWriter(lambda price, size: f'["{pad(price, ticks)}","{pad(size, lots)}"]')


def _levels(call: Call, listing: Listing, book: BookView) -> dict[str, Rows]:
    writer = _writer(call.places(listing.tick_size), call.places(listing.lot_size))
    return {"bids": writer.rows(book.bids), "asks": writer.rows(book.asks)}


def depth(call: Call) -> object:
    """Answer the book: spot at any depth up to 5,000, contracts at certain depths only."""
    listing = call.listing()
    if call.section == "spot":
        book = call.market.book(listing, call.limit(100, 5000), call.now_ms)
        return {"lastUpdateId": book.sequence, **_levels(call, listing, book)}
    limit = call.number("limit", 100 if call.section == "option" else 500)
    if limit > _MOST_ROWS:
        raise invalid("limit")
    if limit not in _CONTRACT_DEPTHS:
        raise Refusal(-4021, f"{limit} is not valid depth limit")
    book = call.market.book(listing, limit, call.now_ms)
    if call.section == "option":
        return {**_levels(call, listing, book), "T": book.time_ms, "lastUpdateId": book.sequence}
    head: shapes.Row = {"lastUpdateId": book.sequence, "E": call.now_ms, "T": book.time_ms}
    return head | (shapes.named(listing) if listing.inverse else {}) | _levels(call, listing, book)


def _touch(call: Call, listing: Listing, book: BookView) -> shapes.Row:
    bid, ask = (levels[0] if levels else ("0", "0") for levels in (book.bids, book.asks))
    return {
        "bidPrice": call.price(listing, bid[0]), "bidQty": call.size(listing, bid[1]),
        "askPrice": call.price(listing, ask[0]), "askQty": call.size(listing, ask[1]),
    }  # fmt: skip


def book_ticker(call: Call) -> object:
    """Answer the best bid and ask; only contracts say when."""

    def row(call: Call, listing: Listing) -> object:
        book = call.market.book(listing, 1, call.now_ms)
        found = shapes.named(listing) | _touch(call, listing, book)
        return found if call.section == "spot" else found | {"time": book.time_ms, "lastUpdateId": book.sequence}

    return call.one_or_each(row)


def price(call: Call) -> object:
    """Answer the last price."""

    def row(call: Call, listing: Listing) -> object:
        last = call.price(listing, call.market.stats(listing, call.now_ms).last)
        if call.section == "inverse":
            return {"symbol": listing.native_id, "ps": shapes.pair(listing), "price": last, "time": call.now_ms}
        found: shapes.Row = {"symbol": listing.native_id, "price": last}
        return found if call.section == "spot" else found | {"time": call.now_ms}

    return call.one_or_each(row)


def day(call: Call) -> object:
    """Answer the last 24 hours; spot adds the best bid and ask, COIN-M the volume in the base asset."""
    mini = call.params.get("type") == "MINI"
    return call.one_or_each(_mini_day_row if mini else _day_row)


def _day_figures(call: Call, listing: Listing) -> tuple[shapes.Row, shapes.Row]:
    stats = call.market.stats(listing, call.now_ms)
    opened, last, volume = Decimal(stats.open), Decimal(stats.last), Decimal(stats.volume)
    places = max(decimals(call.price(listing, stats.last)), 2)
    mean = sum((Decimal(p) for p in (stats.open, stats.high, stats.low, stats.last)), Decimal(0)) / 4
    if listing.inverse:
        base = volume * Decimal(listing.contract_size) / mean
        amounts: shapes.Row = {"volume": call.size(listing, stats.volume), "baseVolume": f"{base:.8f}"}
    else:
        mean = Decimal(stats.turnover) / volume if volume else mean
        amounts = {"volume": call.size(listing, stats.volume), "quoteVolume": call.price(listing, stats.turnover)}
    change: shapes.Row = {
        "priceChange": f"{last - opened:.{places}f}",
        "priceChangePercent": f"{(last - opened) / opened * 100 if opened else Decimal(0):.3f}",
        "weightedAvgPrice": f"{mean:.{places}f}",
    }
    prices = {"openPrice": stats.open, "highPrice": stats.high, "lowPrice": stats.low, "lastPrice": stats.last}
    figures: shapes.Row = {name: call.price(listing, number) for name, number in prices.items()}
    figures |= {"lastQty": call.size(listing, stats.last_size), **amounts}
    return change, figures


def _day_span(call: Call, listing: Listing) -> shapes.Row:
    newest = call.market.trades(listing, 1, call.now_ms)
    last_id = newest[0].trade_id if newest else -1
    count = min(last_id + 1, 200_000) if newest else 0
    return {
        "openTime": call.now_ms - DAY_MS, "closeTime": call.now_ms,
        "firstId": last_id - count + 1 if count else -1, "lastId": last_id, "count": count,
    }  # fmt: skip


def _day_row(call: Call, listing: Listing) -> object:
    change, figures = _day_figures(call, listing)
    row = shapes.named(listing) | change
    if call.section == "spot":
        touch = _touch(call, listing, call.market.book(listing, 1, call.now_ms))
        row |= {"prevClosePrice": figures["openPrice"], "lastPrice": figures["lastPrice"]}
        row |= {"lastQty": figures["lastQty"], **touch}
    return row | figures | _day_span(call, listing)


def _mini_day_row(call: Call, listing: Listing) -> object:
    _, figures = _day_figures(call, listing)
    del figures["lastQty"]
    return shapes.named(listing) | figures | _day_span(call, listing)


def average_price(call: Call) -> object:
    """Answer the mean price of the last five minutes."""
    listing = call.listing()
    candles = call.market.candles(listing, MINUTE_MS, call.now_ms - 5 * MINUTE_MS, call.now_ms)
    volume = sum(Decimal(candle.volume) for candle in candles)
    stats = call.market.stats(listing, call.now_ms)
    mean = sum(Decimal(candle.turnover) for candle in candles) / volume if volume else Decimal(stats.last)
    return {"mins": 5, "price": f"{mean:.8f}", "closeTime": call.now_ms}


def trades(call: Call) -> object:
    """Answer the last trades, oldest first."""
    listing = call.listing()
    newest = call.market.trades(listing, call.limit(500, _MOST_ROWS), call.now_ms)
    volume = "baseQty" if listing.inverse else "quoteQty"
    rows = []
    for trade in reversed(newest):
        worth = Decimal(trade.size) * Decimal(listing.contract_size)
        worth = worth / Decimal(trade.price) if listing.inverse else worth * Decimal(trade.price)
        amount = f"{worth:.8f}" if listing.inverse or call.section == "spot" else f"{worth:f}"
        row = {
            "id": trade.trade_id, "price": call.price(listing, trade.price), "qty": call.size(listing, trade.size),
            volume: amount, "time": trade.time_ms, "isBuyerMaker": trade.side == "sell",
        }  # fmt: skip
        rows.append(row | ({"isBestMatch": True} if call.section == "spot" else {"isRPITrade": False}))
    return rows


def aggregate_trades(call: Call) -> object:
    """Answer trades with those of one order and price put together; here each stands alone."""
    listing = call.listing()
    limit = call.limit(500, _MOST_ROWS)
    first_id, start_ms = call.number("fromId", -1), call.number("startTime", -1)
    end_ms = call.number("endTime", call.now_ms)
    known = [t for t in reversed(call.market.trades(listing, _MOST_ROWS, call.now_ms)) if t.time_ms <= end_ms]
    found = [t for t in known if t.trade_id >= first_id and t.time_ms >= start_ms]
    found = found[:limit] if max(first_id, start_ms) >= 0 else found[-limit:]
    rows = []
    for trade in found:
        size = call.size(listing, trade.size)
        row = {"a": trade.trade_id, "p": call.price(listing, trade.price), "q": size}
        row |= {"nq": size} if call.section == "linear" else {}
        row |= {"f": trade.trade_id, "l": trade.trade_id, "T": trade.time_ms, "m": trade.side == "sell"}
        rows.append(row | ({"M": True} if call.section == "spot" else {}))
    return rows
