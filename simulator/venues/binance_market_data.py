"""Binance's public market data: what each endpoint of spot, USDⓈ-M, COIN-M and options answers, and what it weighs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from simulator.market.calendar import DAY_MS, merged, month_start, week_start
from simulator.market.model import PERPETUAL, BookView, Candle, Listing
from simulator.venues import binance_shapes as shapes
from simulator.venues.binance_call import Call, Refusal, invalid

_MINUTE_MS = 60_000
INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1d": 1440, "3d": 4320,
}  # fmt: skip
_CONTRACT_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_MOST_ROWS = 1000


class Route(NamedTuple):
    """An endpoint: who answers, its weight (fixed or by the call) and the parameters it knows."""

    answer: Callable[[Call], object]
    weight: int | Callable[[Call], int]
    params: frozenset[str]


def _by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Call], int]:
    """Weigh by `limit`: `(up to, weight)` pairs, the last one for everything above."""

    def weigh(call: Call) -> int:
        limit = call.number("limit", default)
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weigh


def _by_symbols(one: int, all_of_them: int, few: int | None = None) -> Callable[[Call], int]:
    """Weigh by how many symbols are asked for; `few` for a list of up to twenty."""

    def weigh(call: Call) -> int:
        if "symbol" in call.params:
            return one
        if "symbols" in call.params and few is not None:
            count = call.params["symbols"].count(",") + 1
            return few if count <= 20 else all_of_them // 2 if count <= 100 else all_of_them
        return all_of_them

    return weigh


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


def _levels(call: Call, listing: Listing, book: BookView) -> dict[str, list[list[str]]]:
    return {
        side: [[call.price(listing, price), call.size(listing, size)] for price, size in levels]
        for side, levels in (("bids", book.bids), ("asks", book.asks))
    }


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
    named = {"symbol": listing.native_id, "pair": shapes.pair(listing)} if call.section == "inverse" else {}
    return head | named | _levels(call, listing, book)


def _touch(call: Call, listing: Listing, book: BookView) -> shapes.Row:
    bid, ask = (levels[0] if levels else ("0", "0") for levels in (book.bids, book.asks))
    return {
        "bidPrice": call.price(listing, bid[0]), "bidQty": call.size(listing, bid[1]),
        "askPrice": call.price(listing, ask[0]), "askQty": call.size(listing, ask[1]),
    }  # fmt: skip


def _named(call: Call, listing: Listing) -> shapes.Row:
    pair = {"pair": shapes.pair(listing)} if call.section == "inverse" else {}
    return {"symbol": listing.native_id, **pair}


def book_ticker(call: Call) -> object:
    """Answer the best bid and ask; only contracts say when."""

    def row(call: Call, listing: Listing) -> object:
        book = call.market.book(listing, 1, call.now_ms)
        found = _named(call, listing) | _touch(call, listing, book)
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
    places = max(shapes.decimals(call.price(listing, stats.last)), 2)
    mean = sum(map(Decimal, (stats.open, stats.high, stats.low, stats.last))) / 4
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
    row = _named(call, listing) | change
    if call.section == "spot":
        touch = _touch(call, listing, call.market.book(listing, 1, call.now_ms))
        row |= {"prevClosePrice": figures["openPrice"], "lastPrice": figures["lastPrice"]}
        row |= {"lastQty": figures["lastQty"], **touch}
    return row | figures | _day_span(call, listing)


def _mini_day_row(call: Call, listing: Listing) -> object:
    _, figures = _day_figures(call, listing)
    del figures["lastQty"]
    return _named(call, listing) | figures | _day_span(call, listing)


def average_price(call: Call) -> object:
    """Answer the mean price of the last five minutes."""
    listing = call.listing()
    candles = call.market.candles(listing, _MINUTE_MS, call.now_ms - 5 * _MINUTE_MS, call.now_ms)
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


def _candles(call: Call, listing: Listing) -> list[tuple[Candle, int]]:
    """Return the candles asked for and when each closes."""
    interval = call.text("interval")
    limit = call.limit(500, _MOST_ROWS)
    calendar = {"1w": (week_start, 7), "1M": (month_start, 31)}.get(interval)
    minutes = 1440 if calendar else INTERVALS.get(interval)
    step_ms = 1000 if interval == "1s" and call.section == "spot" else (minutes or 0) * _MINUTE_MS
    if not step_ms:
        raise Refusal(-1120, "Invalid interval.")
    span_ms = step_ms * (calendar[1] if calendar else 1)
    end_ms = min(call.number("endTime", call.now_ms), call.now_ms)
    start_ms = call.number("startTime", end_ms - limit * span_ms + 1)
    if "startTime" in call.params:
        end_ms = min(end_ms, start_ms + limit * span_ms)
    fetch_ms = calendar[0](start_ms) if calendar else start_ms
    found = list(call.market.candles(listing, step_ms, fetch_ms, end_ms))
    if calendar:
        found = [candle for candle in merged(found, calendar[0]) if candle.start_ms >= start_ms]
    found = found[:limit] if "startTime" in call.params else found[-limit:]
    ends = {"1w": lambda at: at + 7 * DAY_MS, "1M": lambda at: month_start(at + 32 * DAY_MS)}
    end_of = ends.get(interval, lambda at: at + step_ms)
    return [(candle, end_of(candle.start_ms) - 1) for candle in found]


def klines(call: Call) -> object:
    """Answer candles."""
    listing = call.listing()
    rows = []
    for candle, close_ms in _candles(call, listing):
        prices = [call.price(listing, p) for p in (candle.open, candle.high, candle.low, candle.close)]
        amount = candle.turnover
        if listing.inverse:
            amount = f"{Decimal(candle.volume) * Decimal(listing.contract_size) / Decimal(candle.close):.8f}"
        halves = [f"{Decimal(number) / 2:.8f}" for number in (candle.volume, amount)]
        count = int(Decimal(candle.volume) / Decimal(listing.lot_size)) % 5000
        volume = call.size(listing, candle.volume)
        rows.append([candle.start_ms, *prices, volume, close_ms, shapes.padded(amount, 8), count, *halves, "0"])
    return rows


def unpriced_klines(call: Call) -> object:
    """Answer candles of the mark or index price, which have no volume; here they follow the traded price."""
    params = dict(call.params)
    if "pair" in params:
        suffix = "_PERP" if call.section == "inverse" else ""
        params["symbol"] = params.pop("pair") + suffix
    call = Call(call.section, params, call.market, call.listings, call.now_ms)
    listing = call.listing()
    return [
        [candle.start_ms, *(shapes.padded(p, 8) for p in (candle.open, candle.high, candle.low, candle.close)),
         "0", close_ms, "0", 60, "0", "0", "0"]
        for candle, close_ms in _candles(call, listing)
    ]  # fmt: skip


def premium_index(call: Call) -> object:
    """Answer mark and index price, and of perpetuals the running funding rate."""

    def row(call: Call, listing: Listing) -> object:
        mark, index = call.market.mark_price(listing, call.now_ms), call.market.index_price(listing, call.now_ms)
        rate, interest, next_ms = ("", "", 0) if listing.inverse else ("0.00000000", "0.00000000", 0)
        if listing.kind == PERPETUAL:
            funding = call.market.funding(listing, call.now_ms)
            rate, interest, next_ms = shapes.padded(funding.rate, 8), "0.00010000", funding.next_time_ms
        return _named(call, listing) | {
            "markPrice": shapes.padded(mark, 8), "indexPrice": shapes.padded(index, 8),
            "estimatedSettlePrice": shapes.padded(index, 8), "lastFundingRate": rate, "interestRate": interest,
            "nextFundingTime": next_ms, "time": call.now_ms,
        }  # fmt: skip

    return call.one_or_each(row)


def funding_rate(call: Call) -> object:
    """Answer settled funding rates, oldest first; USDⓈ-M without a symbol those of all."""
    limit = call.limit(100, _MOST_ROWS)
    end_ms = min(call.number("endTime", call.now_ms), call.now_ms)
    start_ms = call.number("startTime", end_ms - 60 * DAY_MS)
    all_of_them = call.section == "linear" and "symbol" not in call.params
    wanted = call.listings.values() if all_of_them else [call.listing()]
    rows = [
        (time_ms, listing, rate)
        for listing in wanted if listing.kind == PERPETUAL
        for time_ms, rate in call.market.funding_history(listing, start_ms, end_ms)
    ]  # fmt: skip
    rows.sort(key=lambda row: row[0])
    rows = rows[:limit] if "startTime" in call.params else rows[-limit:]
    return [
        {"symbol": listing.native_id, "fundingTime": time_ms, "fundingRate": shapes.padded(rate, 8),
         "markPrice": shapes.padded(call.market.mark_price(listing, time_ms), 8), "rateType": "Regular"}
        for time_ms, listing, rate in rows
    ]  # fmt: skip


def funding_info(call: Call) -> object:
    """List the perpetuals whose interval or cap is not the usual one (8 h)."""
    return [
        {"symbol": listing.native_id, "adjustedFundingRateCap": "0.02000000",
         "adjustedFundingRateFloor": "-0.02000000", "fundingIntervalHours": listing.funding_interval_h,
         "disclaimer": False, "updateTime": listing.listed_ms}
        for listing in call.listings.values()
        if listing.kind == PERPETUAL and listing.funding_interval_h != 8
    ]  # fmt: skip


def open_interest(call: Call) -> object:
    """Answer the contracts that are open."""
    listing = call.listing()
    found = {"openInterest": call.size(listing, call.market.stats(listing, call.now_ms).open_interest)}
    kind = {"contractType": shapes.contract_type(listing, call.now_ms)} if listing.inverse else {}
    return _named(call, listing) | found | kind | {"time": call.now_ms}


def option_mark(call: Call) -> object:
    """Answer the mark prices of options."""

    def row(call: Call, listing: Listing) -> object:
        return {"symbol": listing.native_id, "markPrice": call.market.mark_price(listing, call.now_ms)}

    return call.one_or_each(row)


def option_index(call: Call) -> object:
    """Answer the index of an underlying such as `BTCUSDT`."""
    underlying = call.text("underlying")
    listing = next((i for i in call.listings.values() if i.base + i.quote == underlying), None)
    if listing is None:
        raise Refusal(-1121, "Invalid symbol.")
    return {"time": call.now_ms, "indexPrice": call.market.index_price(listing, call.now_ms)}


def _routes(prefix: str, rows: Mapping[str, tuple[Callable[[Call], object], int | Callable[[Call], int], str]]) -> dict[str, Route]:
    return {prefix + path: Route(answer, weight, frozenset(names.split())) for path, (answer, weight, names) in rows.items()}
