"""KuCoin's contract rows, as `/api/v1/contracts/active` lists them."""

from decimal import Decimal

from simulator.amounts import coins
from simulator.market.calendar import HOUR_MS
from simulator.market.model import PERPETUAL, Listing, NotRecorded, Stats
from simulator.venue import SimVenue
from simulator.venues.kucoin_wire import Row, futures_code, number

SOURCES = ["okex", "binance", "kucoin", "bybit", "bitmart", "gateio"]
LEVERAGE = {"BTC": 125, "ETH": 100}
USUAL_LEVERAGE = 75
FUNDING_CAP = 0.003
FIGURES = (
    *("openInterest", "turnoverOf24h", "volumeOf24h", "markPrice", "indexPrice", "lastTradePrice", "lowPrice"),
    *("highPrice", "priceChgPct", "priceChg", "buyLimit", "sellLimit"),
)
FUNDING = (
    *("fundingFeeRate", "predictedFundingFeeRate", "fundingRateGranularity", "nextFundingRateTime"),
    *("nextFundingRateDateTime", "fundingRateCap", "fundingRateFloor", "period"),
)


def base_code(listing: Listing) -> str:
    """Return the base currency as contracts name it: `XBT`, `1000PEPE`."""
    code = futures_code(listing.base)
    return f"{listing.multiplier}{code}" if listing.multiplier > 1 else code


def index_symbol(listing: Listing) -> str:
    """Return the name of a contract's index: `.KXBTUSDT`, `.BXBT` for contracts in USD."""
    return f".B{futures_code(listing.base)}" if listing.inverse else f".K{base_code(listing)}{listing.quote}"


def funding_symbol(listing: Listing, hours: int) -> str:
    """Return the name of a perpetual's funding rate: `.XBTUSDTMFPI8H`."""
    return f".{listing.native_id}FPI{hours}H"


def contract_row(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    """Write a contract's row; figures that the market does not have are null."""
    row = _terms(listing) | _margins(listing) | _names(listing) | _figures(venue, listing, now_ms)
    row |= _funding(venue, listing, now_ms)
    return row | {name: value for name, value in listing.extra if name in row}


def _terms(listing: Listing) -> Row:
    perpetual = listing.kind == PERPETUAL
    return {
        "symbol": listing.native_id,
        "rootSymbol": futures_code(listing.settle),
        "type": "FFWCSX" if perpetual else "FFICSX",
        "firstOpenDate": listing.listed_ms,
        "expireDate": listing.expiry_ms,
        "settleDate": listing.expiry_ms,
        "baseCurrency": base_code(listing),
        "quoteCurrency": listing.quote,
        "settleCurrency": futures_code(listing.settle),
        "maxOrderQty": 10_000_000 if listing.inverse else 1_000_000,
        "maxPrice": 1_000_000,
        "lotSize": number(listing.lot_size),
        "tickSize": number(listing.tick_size),
        "indexPriceTickSize": number(listing.tick_size),
        "multiplier": -number(listing.contract_size) if listing.inverse else number(listing.contract_size),
        "makerFeeRate": number(listing.maker_fee),
        "takerFeeRate": number(listing.taker_fee),
        "takerFixFee": 0,
        "makerFixFee": 0,
        "settlementFee": None if perpetual else 0.0005,
        "isDeleverage": True,
        "isQuanto": not listing.inverse,
        "isInverse": listing.inverse,
        "markMethod": "FairPrice",
        "fairMethod": "FundingRate" if perpetual else None,
        "status": "Open",
        "marketStage": "NORMAL",
        "supportCross": True,
        "sourceExchanges": SOURCES,
    }


def _margins(listing: Listing) -> Row:
    leverage = LEVERAGE.get(listing.base, USUAL_LEVERAGE)
    return {
        "initialMargin": round(1 / leverage, 6),
        "maintainMargin": round(0.5 / leverage, 6),
        "maxRiskLimit": 100_000,
        "minRiskLimit": 100_000,
        "riskStep": 50_000,
        "maxLeverage": leverage,
        "k": 490.0,
        "m": 300.0,
        "f": 1.3,
        "mmrLimit": 0.3,
        "mmrLevConstant": float(leverage),
    }


def _names(listing: Listing) -> Row:
    base, perpetual = base_code(listing), listing.kind == PERPETUAL
    hours = listing.funding_interval_h
    return {
        "fundingBaseSymbol": f".{base}INT{hours}H" if perpetual else "",
        "fundingQuoteSymbol": f".{listing.quote}INT{hours}H" if perpetual else "",
        "fundingRateSymbol": funding_symbol(listing, hours) if perpetual else "",
        "indexSymbol": index_symbol(listing),
        "settlementSymbol": "" if perpetual else f".{listing.native_id}",
        "premiumsSymbol1M": f".{listing.native_id}PI" if perpetual else "",
        "premiumsSymbol8H": f".{listing.native_id}PI{hours}H" if perpetual else "",
        "fundingBaseSymbol1M": f".{base}INT" if perpetual else "",
        "fundingQuoteSymbol1M": f".{listing.quote}INT" if perpetual else "",
    }


def _figures(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    try:
        day = venue.market.stats(listing, now_ms)
        mark = venue.market.mark_price(listing, now_ms)
        index = venue.market.index_price(listing, now_ms)
    except NotRecorded:
        return dict.fromkeys(FIGURES)
    last, opened, tick = Decimal(day.last), Decimal(day.open), Decimal(listing.tick_size)
    volume, turnover = _traded(listing, day)
    return {
        "openInterest": day.open_interest,
        "turnoverOf24h": turnover,
        "volumeOf24h": volume,
        "markPrice": number(mark),
        "indexPrice": number(index),
        "lastTradePrice": number(last),
        "lowPrice": number(day.low),
        "highPrice": number(day.high),
        "priceChgPct": float(round((last - opened) / opened, 4)) if opened else 0,
        "priceChg": number(last - opened),
        "buyLimit": number((Decimal(mark) * Decimal("1.05") // tick) * tick),
        "sellLimit": number((Decimal(mark) * Decimal("0.95") // tick) * tick),
    }


def _traded(listing: Listing, day: Stats) -> tuple[int | float, int | float]:
    """Return volume and turnover: coins and quote; of inverse contracts USD and, below zero, coins."""
    if not listing.inverse:
        return number(coins(listing, day.volume, day.last)), number(day.turnover)
    return number(day.volume), -float(round(coins(listing, day.volume, day.last), 7))


def _funding(venue: SimVenue, listing: Listing, now_ms: int) -> Row:
    if listing.kind != PERPETUAL:
        return dict.fromkeys(FUNDING)
    try:
        view = venue.market.funding(listing, now_ms)
    except NotRecorded:
        interval_ms = listing.funding_interval_h * HOUR_MS
        row: Row = dict.fromkeys(FUNDING)
        return row | {"fundingRateGranularity": interval_ms, "nextFundingRateTime": interval_ms - now_ms % interval_ms}
    return {
        "fundingFeeRate": number(view.rate),
        "predictedFundingFeeRate": number(view.predicted),
        "fundingRateGranularity": view.interval_h * HOUR_MS,
        "nextFundingRateTime": view.next_time_ms - now_ms,
        "nextFundingRateDateTime": view.next_time_ms,
        "fundingRateCap": FUNDING_CAP,
        "fundingRateFloor": -FUNDING_CAP,
        "period": 1,
    }
