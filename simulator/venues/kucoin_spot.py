"""KuCoin's spot host: currencies, symbols, books, tickers, trades and candles, numbers as text."""

from decimal import Decimal

from simulator.market.bars import candles as on_grid
from simulator.market.model import BookView, Listing, NotRecorded
from simulator.rows import text_rows
from simulator.venue import SimRequest, SimVenue
from simulator.venues.kucoin_wire import (
    NS_PER_MS,
    SPOT_BARS,
    KucoinError,
    Params,
    Row,
    number,
    of_product,
    plain,
    required,
    spot_symbol,
    whole_number,
)

FULL_BOOK = 5_000
CANDLES_A_PAGE = 1_500
DAY = ("changeRate", "changePrice", "high", "low", "vol", "volValue", "last", "averagePrice")
CHAINS = {"BTC": ("BTC", "btc"), "SOL": ("SOL", "sol"), "XRP": ("XRP", "xrp"), "USDT": ("TRC20", "trx")}
"""Chain name and id by currency; everything else is said to live on ERC20."""


def currencies(venue: SimVenue, _request: SimRequest, _params: Params) -> list[Row]:
    """List the currencies of all spot pairs."""
    codes = dict.fromkeys(code for i in of_product(venue, "spot") for code in (i.base, i.quote))
    return [_currency(code) for code in codes]


def currency(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve one currency. Raises KucoinError 900014."""
    for row in currencies(venue, request, params):
        if row["currency"] == params["currency"]:
            return row
    raise KucoinError("900014", "Invalid currency")


def _currency(code: str) -> Row:
    name, chain = CHAINS.get(code, ("ERC20", "eth"))
    return {
        "currency": code,
        "name": code,
        "fullName": code,
        "precision": 8,
        "confirms": None,
        "contractAddress": None,
        "isMarginEnabled": True,
        "isDebitEnabled": True,
        "chains": [
            {
                "chainName": name,
                "withdrawalMinSize": "0.001",
                "depositMinSize": None,
                "withdrawFeeRate": "0",
                "withdrawalMinFee": "0.0005",
                "isWithdrawEnabled": True,
                "isDepositEnabled": True,
                "confirms": 3,
                "preConfirms": 1,
                "contractAddress": "",
                "withdrawPrecision": 8,
                "maxWithdraw": None,
                "maxDeposit": None,
                "needTag": code == "XRP",
                "chainId": chain,
            }
        ],
    }


def symbols(venue: SimVenue, _request: SimRequest, params: Params) -> list[Row]:
    """List the spot pairs, of one `market` if asked."""
    rows = [_symbol(listing) for listing in of_product(venue, "spot")]
    return [row for row in rows if params.get("market") in (None, "", row["market"])]


def symbol(venue: SimVenue, _request: SimRequest, params: Params) -> Row:
    """Serve one spot pair."""
    return _symbol(spot_symbol(venue, params))


def _symbol(listing: Listing) -> Row:
    stable = listing.quote.startswith("USD")
    row: Row = {
        "symbol": listing.native_id,
        "name": listing.native_id,
        "baseCurrency": listing.base,
        "quoteCurrency": listing.quote,
        "feeCurrency": listing.quote,
        "market": "USDS" if stable else "BTC" if listing.quote == "BTC" else "ALTS",
        "baseMinSize": listing.min_size,
        "quoteMinSize": listing.min_notional or "0.1",
        "baseMaxSize": "10000000000",
        "quoteMaxSize": "99999999",
        "baseIncrement": listing.lot_size,
        "quoteIncrement": "0.000001" if stable else "0.00000001",
        "priceIncrement": listing.tick_size,
        "priceLimitRate": "0.1",
        "minFunds": listing.min_notional or "0.1",
        "isMarginEnabled": True,
        "enableTrading": True,
        "feeCategory": 1,
        "makerFeeCoefficient": "1.00",
        "takerFeeCoefficient": "1.00",
        "st": False,
        "callauctionIsEnabled": False,
        "callauctionPriceFloor": None,
        "callauctionPriceCeiling": None,
        "callauctionFirstStageStartTime": None,
        "callauctionSecondStageStartTime": None,
        "callauctionThirdStageStartTime": None,
        "tradingStartTime": None,
    }
    return row | {name: value for name, value in listing.extra if name in row}


def level1(venue: SimVenue, request: SimRequest, params: Params) -> Row | None:
    """Serve the best prices and the last trade; null for a pair that does not exist, as KuCoin does."""
    listing = venue.by_id.get(("spot", required(params, "symbol")))
    if listing is None:
        return None
    view = venue.market.book(listing, 1, request.now_ms)
    last = next(iter(venue.market.trades(listing, 1, request.now_ms)), None)
    return {
        "time": view.time_ms,
        "sequence": str(view.sequence),
        "price": last.price if last else None,
        "size": last.size if last else None,
        **_best(view, "bestBid", "bestAsk"),
    }


def _best(view: BookView, bid: str, ask: str) -> Row:
    """Name the best prices; on an empty side they are null."""
    bid_price, bid_size = view.bids[0] if view.bids else (None, None)
    ask_price, ask_size = view.asks[0] if view.asks else (None, None)
    return {bid: bid_price, "bestBidSize": bid_size, ask: ask_price, "bestAskSize": ask_size}


def level2_20(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve 20 levels."""
    return _book(venue, request, params, 20)


def level2_100(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve 100 levels."""
    return _book(venue, request, params, 100)


def level2_full(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve the whole book."""
    return _book(venue, request, params, FULL_BOOK)


def _book(venue: SimVenue, request: SimRequest, params: Params, depth: int) -> Row:
    view = venue.market.book(spot_symbol(venue, params), depth, request.now_ms)
    return {
        "time": view.time_ms,
        "sequence": str(view.sequence),
        "bids": text_rows(view.bids),
        "asks": text_rows(view.asks),
    }


def all_tickers(venue: SimVenue, request: SimRequest, _params: Params) -> Row:
    """Serve the tickers of all pairs, sizes included."""
    rows = []
    for listing in of_product(venue, "spot"):
        try:
            view = venue.market.book(listing, 1, request.now_ms)
        except NotRecorded:
            view = BookView((), (), 0, request.now_ms)
        day = _day(venue, listing, request.now_ms)
        rows.append({"symbol": listing.native_id, "symbolName": listing.native_id, **_best(view, "buy", "sell"), **day})
    return {"time": request.now_ms, "ticker": rows}


def stats(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve 24 hours of one pair; there are no sizes here."""
    listing = spot_symbol(venue, params)
    view = venue.market.book(listing, 1, request.now_ms)
    best = _best(view, "buy", "sell")
    return {
        "time": view.time_ms,
        "symbol": listing.native_id,
        "buy": best["buy"],
        "sell": best["sell"],
        **_day(venue, listing, request.now_ms),
    }


def _day(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    fees: Row = {
        "takerFeeRate": listing.taker_fee,
        "makerFeeRate": listing.maker_fee,
        "takerCoefficient": "1",
        "makerCoefficient": "1",
    }
    try:
        day = venue.market.stats(listing, now_ms)
    except NotRecorded:
        return dict.fromkeys(DAY) | fees
    last, opened, volume = Decimal(day.last), Decimal(day.open), Decimal(day.volume)
    average = Decimal(day.turnover) / volume if volume else last
    return {
        "changeRate": plain(((last - opened) / opened).quantize(Decimal("0.0001"))) if opened else "0",
        "changePrice": plain(last - opened),
        "high": day.high,
        "low": day.low,
        "vol": day.volume,
        "volValue": day.turnover,
        "last": day.last,
        "averagePrice": plain(average.quantize(Decimal(listing.tick_size) / 1000)),
        **fees,
    }


def histories(venue: SimVenue, request: SimRequest, params: Params) -> list[Row]:
    """Serve the last 100 trades, oldest first; times in ns."""
    found = venue.market.trades(spot_symbol(venue, params), 100, request.now_ms)
    return [
        {
            "sequence": str(trade.trade_id),
            "price": trade.price,
            "size": trade.size,
            "side": trade.side,
            "time": trade.time_ms * NS_PER_MS,
        }
        for trade in reversed(found)
    ]


def candles(venue: SimVenue, request: SimRequest, params: Params) -> list[list[str]]:
    """Serve candles that start in [startAt, endAt] (seconds), newest first, at most 1,500.

    Rows: start, open, close, high, low, volume, turnover. Raises KucoinError 400100.
    """
    listing = venue.by_id.get(("spot", required(params, "symbol")))
    if listing is None:
        raise KucoinError("400100", "This pair is not provided at present")
    bar = SPOT_BARS.get(required(params, "type"))
    if bar is None:
        raise KucoinError("400100", "Incorrect candlestick type", 400)
    end_ms = min(request.now_ms, whole_number(params, "endAt", 0) * 1000 or request.now_ms)
    oldest_ms = bar.start_of(end_ms) - (CANDLES_A_PAGE - 1) * bar.length_ms
    start_ms = max(oldest_ms, whole_number(params, "startAt", 0) * 1000)
    if start_ms > end_ms:
        return []
    found = on_grid(venue.market, listing, bar, start_ms, end_ms)[-CANDLES_A_PAGE:]
    return [[str(c.start_ms // 1000), c.open, c.close, c.high, c.low, c.volume, c.turnover] for c in reversed(found)]


def mark_price(venue: SimVenue, request: SimRequest, params: Params) -> Row:
    """Serve the index price of a pair, which margin accounts are marked at."""
    listing = spot_symbol(venue, params)
    price = venue.market.mark_price(listing, request.now_ms)
    return {
        "symbol": listing.native_id,
        "granularity": 1000,
        "timePoint": request.now_ms // 1000 * 1000,
        "value": number(price),
    }
