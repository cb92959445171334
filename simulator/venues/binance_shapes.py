"""Binance's instrument lists: what `exchangeInfo` says of each section and each symbol.

The keys and their order are those of live answers of September 2026.
"""

from collections.abc import Iterable

from simulator.amounts import decimals, product
from simulator.market.calendar import quarter_ends
from simulator.market.model import FUTURE, Listing

NEVER_DELIVERED_MS = 4_133_404_800_000
WEIGHT_LIMITS = {"spot": 6000, "linear": 2400, "inverse": 2400, "option": 400, "sapi": 12000}
"""Request weight a minute and IP address."""

Row = dict[str, object]

_ZEROS = "0" * 32

_SPOT_ORDERS = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
_CONTRACT_ORDERS = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
                    "TRAILING_STOP_MARKET"]  # fmt: skip
_PERMISSIONS = ["SPOT", "MARGIN", "TRD_GRP_004", "TRD_GRP_005", "TRD_GRP_006", "TRD_GRP_009", "TRD_GRP_010"]
_SUBTYPES = {"BTC": "PoW", "LTC": "PoW", "BCH": "PoW", "DOGE": "Meme", "1000PEPE": "Meme", "1000SHIB": "Meme",
             "1000BONK": "Meme", "XRP": "Payment", "UNI": "DeFi", "AAVE": "DeFi", "SUSHI": "DeFi",
             "LINK": "Infrastructure"}  # fmt: skip


def padded(number: str, places: int) -> str:
    """Write `number` with at least `places` decimals, as Binance does; nothing is cut off."""
    point = number.find(".")
    if point < 0:
        return f"{number}.{_ZEROS[:places]}" if places else number
    return number + _ZEROS[len(number) - point - 1 : places]


def rate_limits(section: str) -> list[Row]:
    """State the limits of a section."""
    limits = [("REQUEST_WEIGHT", "MINUTE", 1, WEIGHT_LIMITS[section])]
    limits += {
        "spot": [("ORDERS", "SECOND", 10, 100), ("ORDERS", "DAY", 1, 200_000), ("RAW_REQUESTS", "MINUTE", 5, 61_000)],
        "linear": [("ORDERS", "MINUTE", 1, 1200), ("ORDERS", "SECOND", 10, 300)],
        "inverse": [("ORDERS", "MINUTE", 1, 1200)],
        "option": [("ORDERS", "MINUTE", 1, 100), ("ORDERS", "SECOND", 10, 30)],
    }[section]
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return [dict(zip(names, limit, strict=True)) for limit in limits]


def spot_symbol(listing: Listing) -> Row:
    """Describe a spot pair; prices and sizes have eight decimals."""
    tick, lot = padded(listing.tick_size, 8), padded(listing.lot_size, 8)
    least = padded(listing.min_size or listing.lot_size, 8)
    return _as_recorded(listing, {
        "symbol": listing.native_id, "status": "TRADING", "baseAsset": listing.base, "baseAssetPrecision": 8,
        "quoteAsset": listing.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8, "orderTypes": _SPOT_ORDERS, "icebergAllowed": True, "ocoAllowed": True,
        "otoAllowed": True, "opoAllowed": True, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": True,
        "cancelReplaceAllowed": True, "amendAllowed": True, "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": listing.quote in ("USDT", "USDC", "BTC"),
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": product(tick, 10**8), "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": least, "maxQty": product(lot, 9 * 10**8), "stepSize": lot},
            {"filterType": "ICEBERG_PARTS", "limit": 100},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": product(lot, 8_640_000),
             "stepSize": "0.00000000"},
            {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
             "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
            {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
             "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5},
            {"filterType": "NOTIONAL", "minNotional": padded(listing.min_notional or "5", 8), "applyMinToMarket": True,
             "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
        ],
        "permissions": [], "permissionSets": [_PERMISSIONS], "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"],
    })  # fmt: skip


def contract_type(listing: Listing, now_ms: int) -> str:
    """Name the kind of a contract: PERPETUAL, CURRENT_QUARTER or NEXT_QUARTER."""
    if listing.kind != FUTURE:
        return "PERPETUAL"
    return "CURRENT_QUARTER" if listing.expiry_ms == quarter_ends(now_ms, 1)[0] else "NEXT_QUARTER"


def pair(listing: Listing) -> str:
    """Name the pair a contract belongs to: `BTCUSD` of `BTCUSD_PERP`."""
    return listing.native_id.partition("_")[0]


def named(listing: Listing) -> Row:
    """Start a row: COIN-M adds the pair to the symbol."""
    return {"symbol": listing.native_id, "pair": pair(listing)} if listing.inverse else {"symbol": listing.native_id}


def contract_symbol(listing: Listing, now_ms: int) -> Row:
    """Describe a perpetual or dated contract, linear or inverse."""
    filters: list[Row] = [
        {"filterType": "PRICE_FILTER", "minPrice": product(listing.tick_size, 5000),
         "maxPrice": product(listing.tick_size, 45_297_640), "tickSize": listing.tick_size},
        {"filterType": "LOT_SIZE", "minQty": listing.min_size or listing.lot_size,
         "maxQty": product(listing.lot_size, 10**6), "stepSize": listing.lot_size},
        {"filterType": "MARKET_LOT_SIZE", "minQty": listing.min_size or listing.lot_size,
         "maxQty": product(listing.lot_size, 120_000), "stepSize": listing.lot_size},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    ]  # fmt: skip
    bounds: Row = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500",
                   "multiplierDecimal": "4"}  # fmt: skip
    if listing.inverse:
        filters += [{"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 20}, bounds]
        size: Row = {"contractSize": int(listing.contract_size), "equalQtyPrecision": 4}
    else:
        filters += [{"filterType": "MIN_NOTIONAL", "notional": listing.min_notional or "5"}, bounds,
                    {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"}]  # fmt: skip
        size = {}
    return _as_recorded(listing, {
        "symbol": listing.native_id, "pair": pair(listing), "contractType": contract_type(listing, now_ms),
        "deliveryDate": listing.expiry_ms or NEVER_DELIVERED_MS, "onboardDate": listing.listed_ms,
        "contractStatus" if listing.inverse else "status": "TRADING", "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "baseAsset": listing.base, "quoteAsset": listing.quote,
        "marginAsset": listing.settle, "pricePrecision": decimals(listing.tick_size),
        "quantityPrecision": decimals(listing.lot_size), "baseAssetPrecision": 8, "quotePrecision": 8,
        "underlyingType": "COIN", "underlyingSubType": [_SUBTYPES.get(listing.base, "Layer-1")],
        "triggerProtect": "0.0500", "liquidationFee": "0.015000", "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000, **size, "filters": filters, "orderTypes": _CONTRACT_ORDERS,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"] if listing.inverse else ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID"] if listing.inverse else ["GRID", "COPY", "DCA", "PSB"],
    })  # fmt: skip


def option_symbol(listing: Listing) -> Row:
    """Describe an option."""
    return _as_recorded(listing, {
        "expiryDate": listing.expiry_ms,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": listing.tick_size,
             "maxPrice": product(listing.tick_size, 20_000), "tickSize": listing.tick_size},
            {"filterType": "LOT_SIZE", "minQty": listing.lot_size, "maxQty": product(listing.lot_size, 10**5),
             "stepSize": listing.lot_size},
        ],
        "symbol": listing.native_id, "side": (listing.option_type or "").upper(), "strikePrice": listing.strike,
        "underlying": listing.base + listing.quote, "unit": 1, "liquidationFeeRate": "0.0019000",
        "minQty": listing.lot_size, "maxQty": product(listing.lot_size, 10**5), "initialMargin": "0.15000000",
        "maintenanceMargin": "0.07500000", "minInitialMargin": "0.10000000", "minMaintenanceMargin": "0.05000000",
        "priceScale": decimals(listing.tick_size), "quantityScale": decimals(listing.lot_size),
        "quoteAsset": listing.quote, "status": "TRADING",
    })  # fmt: skip


def _as_recorded(listing: Listing, row: Row) -> Row:
    """Let what was recorded of this very instrument stand, where today's format still has the field."""
    recorded = dict(listing.extra)
    changed = ("filters", "permissions", "orderTypes", "timeInForce")
    row.update({name: value for name, value in recorded.items() if name in row and name not in changed})
    old, new = recorded.get("filters"), row["filters"]
    if isinstance(old, list) and isinstance(new, list):
        by_type = {filter_["filterType"]: filter_ for filter_ in old}
        for filter_ in new:
            known = by_type.get(filter_["filterType"], {})
            filter_.update({name: known[name] for name in filter_ if name in known})
    return row


def option_contracts(listings: Iterable[Listing]) -> list[Row]:
    """List the underlyings of options."""
    found = sorted({(i.base, i.quote, i.settle) for i in listings})
    return [
        {"baseAsset": base, "quoteAsset": quote, "underlying": base + quote, "settleAsset": settle}
        for base, quote, settle in found
    ]


def margin_assets(listings: Iterable[Listing]) -> list[Row]:
    """List what can be margin of linear contracts."""
    found = sorted({i.settle for i in listings} | {"BTC", "BNB", "ETH", "FDUSD"})
    return [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"} for asset in found]
