"""Bybit's rows: instruments and tickers of each category, as the documentation of v5 shows them in 2026."""

from decimal import Decimal
from math import exp

from simulator.amounts import decimals, product
from simulator.market.calendar import HOUR_MS, MINUTE_MS
from simulator.market.model import PERPETUAL, BookView, Listing, Market, NotRecorded, Stats
from simulator.market.options import YEAR_MS, black

Row = dict[str, object]

_TOUCH = ("bid1Price", "bid1Size", "ask1Price", "ask1Size")


def shown(listing: Listing, number: str, increment: str) -> str:
    """Write a number as its category does: contracts with the increment's decimals, others without zeros at the end."""
    whole, _, fraction = number.partition(".")
    if listing.product in ("linear", "inverse"):
        places = decimals(increment)
        return f"{whole}.{fraction:0<{places}}" if places else number
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def price(listing: Listing, number: str) -> str:
    """Write a price."""
    return shown(listing, number, listing.tick_size)


def size(listing: Listing, number: str) -> str:
    """Write a size."""
    return shown(listing, number, listing.lot_size)


def instrument(listing: Listing) -> Row:
    """Describe an instrument."""
    row = {"spot": _spot, "option": _option}.get(listing.product, _contract)(listing)
    filters = ("lotSizeFilter", "priceFilter", "leverageFilter")
    row.update({key: value for key, value in listing.extra if key in row and key not in filters})
    return row


def _spot(listing: Listing) -> Row:
    most = product(listing.lot_size, 83_000_000)
    return {
        "symbol": listing.native_id, "baseCoin": listing.base, "quoteCoin": listing.quote, "innovation": "0",
        "status": "Trading", "marginTrading": "utaOnly" if listing.quote == "USDT" else "none", "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": listing.lot_size, "quotePrecision": "0.0000001", "minOrderQty": listing.min_size,
            "maxOrderQty": most, "minOrderAmt": listing.min_notional or "5", "maxOrderAmt": "8000000",
            "maxLimitOrderQty": most, "maxMarketOrderQty": product(most, "0.5"), "postOnlyMaxLimitOrderSize": most,
        },
        "priceFilter": {"tickSize": listing.tick_size},
        "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"}, "symbolType": "",
    }  # fmt: skip


def _contract(listing: Listing) -> Row:
    perpetual = listing.kind == PERPETUAL
    kind = ("Inverse" if listing.inverse else "Linear") + ("Perpetual" if perpetual else "Futures")
    most = product(listing.lot_size, 25_000_000 if listing.inverse else 1_190_000)
    return {
        "symbol": listing.native_id, "contractType": kind, "status": "Trading", "baseCoin": listing.base,
        "quoteCoin": listing.quote, "launchTime": str(listing.listed_ms), "deliveryTime": str(listing.expiry_ms or 0),
        "deliveryFeeRate": "" if perpetual else "0.0005", "priceScale": str(decimals(listing.tick_size)),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": _leverage(listing), "leverageStep": "0.01"},
        "priceFilter": {"minPrice": listing.tick_size, "maxPrice": product(listing.tick_size, 19_999_998),
                        "tickSize": listing.tick_size},
        "lotSizeFilter": {
            "maxOrderQty": most, "minOrderQty": listing.min_size, "qtyStep": listing.lot_size,
            "postOnlyMaxOrderQty": most, "maxMktOrderQty": product(listing.lot_size, 500_000),
            "minNotionalValue": "" if listing.inverse else listing.min_notional or "5",
        },
        "unifiedMarginTrade": True, "fundingInterval": listing.funding_interval_h * 60 if perpetual else 0,
        "settleCoin": listing.settle, "copyTrading": "both" if perpetual and not listing.inverse else "none",
        "upperFundingRate": "0.005" if perpetual else "", "lowerFundingRate": "-0.005" if perpetual else "",
        "isPreListing": False, "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "displayName": "", "forbidUplWithdrawal": False, "symbolType": "",
    }  # fmt: skip


def _leverage(listing: Listing) -> str:
    return "100.00" if listing.base in ("BTC", "ETH") else "50.00"


def _option(listing: Listing) -> Row:
    name = listing.native_id.removesuffix("-USDT")
    return {
        "symbol": listing.native_id, "status": "Trading", "baseCoin": listing.base, "quoteCoin": listing.quote,
        "settleCoin": listing.settle, "optionsType": (listing.option_type or "").capitalize(),
        "launchTime": str(listing.listed_ms), "deliveryTime": str(listing.expiry_ms), "deliveryFeeRate": "0.00015",
        "priceFilter": {"minPrice": listing.tick_size, "maxPrice": product(listing.tick_size, 222_000),
                        "tickSize": listing.tick_size},
        "lotSizeFilter": {"maxOrderQty": product(listing.lot_size, 50_000), "minOrderQty": listing.min_size,
                          "qtyStep": listing.lot_size},
        "displayName": name.replace("-", f"{listing.settle}-", 1) if name != listing.native_id else name,
    }  # fmt: skip


def turnover(listing: Listing, volume: str, quoted: str, mean: Decimal) -> str:
    """Return what `volume` was worth: in quote, of inverse contracts in the base coin at the `mean` price."""
    if not listing.inverse:
        return quoted
    return f"{Decimal(volume) * Decimal(listing.contract_size) / mean:.8f}" if mean else "0"


def ticker(listing: Listing, market: Market, now_ms: int) -> Row:
    """Make a row of `tickers`. Raises NotRecorded where a tape has no such figures."""
    stats = market.stats(listing, now_ms)
    book = market.book(listing, 1, now_ms)
    opened, last = Decimal(stats.open), Decimal(stats.last)
    mean = (opened + last + Decimal(stats.high) + Decimal(stats.low)) / 4
    touch = _touch(listing, book)
    traded: Row = {
        "lastPrice": price(listing, stats.last), "prevPrice24h": price(listing, stats.open),
        "price24hPcnt": f"{(last - opened) / opened if opened else Decimal(0):.6f}",
        "highPrice24h": price(listing, stats.high), "lowPrice24h": price(listing, stats.low),
        "turnover24h": turnover(listing, stats.volume, stats.turnover, mean),
        "volume24h": size(listing, stats.volume),
    }  # fmt: skip
    if listing.product == "spot":
        index = market.index_price(listing, now_ms)
        return {"symbol": listing.native_id, **touch, **traded, "usdIndexPrice": index}
    if listing.product == "option":
        return _option_ticker(listing, market, now_ms, stats, touch | traded)
    return {"symbol": listing.native_id, **traded, **_contract_figures(listing, market, now_ms, stats), **touch}


def _touch(listing: Listing, book: BookView) -> Row:
    bid, ask = (levels[0] if levels else ("", "") for levels in (book.bids, book.asks))
    numbers = (price(listing, bid[0]), size(listing, bid[1]), price(listing, ask[0]), size(listing, ask[1]))
    return {name: number if number.strip(".0") else "" for name, number in zip(_TOUCH, numbers, strict=True)}


def _price_an_hour_ago(listing: Listing, market: Market, now_ms: int) -> str:
    try:
        candles = market.candles(listing, MINUTE_MS, now_ms - HOUR_MS - MINUTE_MS, now_ms - HOUR_MS)
    except NotRecorded:
        return ""
    return price(listing, candles[-1].close) if candles else ""


def _contract_figures(listing: Listing, market: Market, now_ms: int, stats: Stats) -> Row:
    mark, index = market.mark_price(listing, now_ms), market.index_price(listing, now_ms)
    held = stats.open_interest
    value = Decimal(held) / Decimal(mark) if listing.inverse else Decimal(held) * Decimal(mark)
    rate, next_ms, hours, basis = "", 0, "", ""
    if listing.kind == PERPETUAL:
        funding = market.funding(listing, now_ms)
        rate, next_ms, hours = funding.rate, funding.next_time_ms, str(funding.interval_h)
    else:
        basis = f"{Decimal(mark) / Decimal(index) - 1:.8f}"
    return {
        "indexPrice": price(listing, index), "markPrice": price(listing, mark),
        "prevPrice1h": _price_an_hour_ago(listing, market, now_ms), "openInterest": size(listing, held),
        "openInterestValue": f"{value:.2f}", "fundingRate": rate, "nextFundingTime": str(next_ms),
        "predictedDeliveryPrice": "", "basisRate": basis, "deliveryFeeRate": "" if rate else "0.0005",
        "deliveryTime": str(listing.expiry_ms or 0), "basis": "", "preOpenPrice": "", "preQty": "",
        "curPreListingPhase": "", "fundingIntervalHour": hours, "basisRateYear": "",
        "fundingCap": "0.005" if rate else "",
    }  # fmt: skip


def _implied(target: float, forward: float, strike: float, years: float, is_call: bool) -> float:
    """Return the volatility at which an option is worth `target`; 0 where none is."""
    low, high = 0.01, 5.0
    if not black(forward, strike, years, low, is_call) < target < black(forward, strike, years, high, is_call):
        return 0.0
    for _ in range(18):
        middle = (low + high) / 2
        low, high = (middle, high) if black(forward, strike, years, middle, is_call) < target else (low, middle)
    return low


def _option_ticker(listing: Listing, market: Market, now_ms: int, stats: Stats, known: Row) -> Row:
    mark, index = market.mark_price(listing, now_ms), market.index_price(listing, now_ms)
    strike, is_call = float(listing.strike or 0), listing.option_type == "call"
    years = max((listing.expiry_ms or 0) - now_ms, 1) / YEAR_MS
    forward = float(index) * exp(0.05 * years)
    implied = _implied(float(mark), forward, strike, years, is_call) or 0.5

    def worth(at: float, volatility: float = implied, left: float = years) -> float:
        return black(at, strike, max(left, 1e-6), volatility, is_call)

    step = forward * 1e-3
    up, middle, down = worth(forward + step), worth(forward), worth(forward - step)
    greeks = {
        "delta": (up - down) / (2 * step), "gamma": (up - 2 * middle + down) / step**2,
        "vega": worth(forward, implied + 0.01) - middle, "theta": worth(forward, left=years - 1 / 365) - middle,
    }  # fmt: skip
    quotes = {
        name: f"{_implied(float(str(known[of]) or 0), forward, strike, years, is_call):.4f}"
        for name, of in (("bid1Iv", "bid1Price"), ("ask1Iv", "ask1Price"))
    }
    return {
        "symbol": listing.native_id, **{name: known[name] for name in _TOUCH}, **quotes,
        **{name: known[name] for name in ("lastPrice", "highPrice24h", "lowPrice24h")}, "markPrice": mark,
        "indexPrice": index, "markIv": f"{implied:.4f}", "underlyingPrice": f"{forward:.2f}",
        "openInterest": size(listing, stats.open_interest), "turnover24h": known["turnover24h"],
        "volume24h": known["volume24h"], "totalVolume": known["volume24h"], "totalTurnover": known["turnover24h"],
        **{name: f"{value:.8f}" for name, value in greeks.items()}, "predictedDeliveryPrice": "0",
        "change24h": known["price24hPcnt"],
    }  # fmt: skip
