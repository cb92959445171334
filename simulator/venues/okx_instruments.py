"""OKX's instrument list: `GET /api/v5/public/instruments` in the fields of 2026."""

from zlib import crc32

from simulator.market.model import Listing
from simulator.venue import SimRequest, SimVenue
from simulator.venues.okx_wire import OkxError, Query, Row, inst_type, of_family, underlying

LEVERAGE = {"SPOT": "10", "MARGIN": "10", "SWAP": "100", "FUTURES": "50", "OPTION": ""}
GROUPS = {"SPOT": "1", "MARGIN": "1", "SWAP": "4", "FUTURES": "4", "OPTION": "7"}


def instruments(venue: SimVenue, _request: SimRequest, query: Query) -> list[Row]:
    """List a product. Options want `uly` or `instFamily`. Raises OkxError."""
    kind = inst_type(query)
    if kind == "OPTION" and not (query.get("uly") or query.get("instFamily")):
        raise OkxError("50015", "Either parameter uly or instFamily is required", 400)
    if kind == "MARGIN":
        spots = [i for i in of_family(venue, "SPOT", query) if i.quote == "USDT"]
        return [_row(i) | {"instType": "MARGIN", "uly": i.native_id, "instFamily": i.native_id} for i in spots]
    return [_row(listing) for listing in of_family(venue, kind, query)]


def _row(listing: Listing) -> Row:
    row = _common(listing) | (_spot(listing) if listing.product == "SPOT" else _contract(listing))
    return row | {name: value for name, value in listing.extra if name in row and value != ""}


def _common(listing: Listing) -> Row:
    return {
        "alias": "",
        "auctionEndTime": "",
        "category": "1",
        "contTdSwTime": "",
        "expTime": "" if listing.expiry_ms is None else str(listing.expiry_ms),
        "futureSettlement": False,
        "groupId": GROUPS[listing.product],
        "instCategory": "1",
        "instId": listing.native_id,
        "instIdCode": crc32(listing.native_id.encode()) % 1_000_000,
        "instType": listing.product,
        "lever": LEVERAGE[listing.product],
        "listTime": str(listing.listed_ms),
        "lotSz": listing.lot_size,
        "minSz": listing.min_size,
        "openType": "",
        "posLmtAmt": "",
        "posLmtPct": "",
        "preMktSwTime": "",
        "ruleType": "normal",
        "state": "live",
        "tickSz": listing.tick_size,
        "tradeQuoteCcyList": [],
        "upcChg": [],
    }


def _spot(listing: Listing) -> Row:
    limits = dict.fromkeys(("maxIcebergSz", "maxTriggerSz", "maxTwapSz"), "9999999999.0000000000000000")
    empty = dict.fromkeys(
        ("ctMult", "ctType", "ctVal", "ctValCcy", "instFamily", "optType", "settleCcy", "stk", "uly"), ""
    )
    return {
        "baseCcy": listing.base,
        "quoteCcy": listing.quote,
        "maxLmtAmt": "20000000",
        "maxLmtSz": "9999999999",
        "maxMktAmt": "1000000",
        "maxMktSz": "1000000",
        "maxStopSz": "1000000",
        "tradeQuoteCcyList": [listing.quote],
        **limits,
        **empty,
    }


def _contract(listing: Listing) -> Row:
    option = listing.product == "OPTION"
    family = underlying(listing)
    limits = dict.fromkeys(("maxIcebergSz", "maxTriggerSz", "maxTwapSz"), "100000000.0000000000000000")
    return {
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": listing.settle,
        "ctMult": listing.contract_size if option else "1",
        "ctType": "" if option else "inverse" if listing.inverse else "linear",
        "ctVal": "1" if option else listing.contract_size,
        "ctValCcy": listing.quote if listing.inverse else listing.base,
        "instFamily": family,
        "uly": family,
        "optType": (listing.option_type or "")[:1].upper(),
        "stk": listing.strike or "",
        "maxLmtAmt": "20000000",
        "maxLmtSz": "100000000",
        "maxMktAmt": "",
        "maxMktSz": "5000" if option else "12000",
        "maxStopSz": "5000" if option else "12000",
        **limits,
    }
