"""OKX's account: balances, positions, leverage, fees and what the key may do.

Source: okx.com/docs-v5, "Trading Account".
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from simulator.exchange.model import READ, TRADE, WITHDRAW, PositionState, Rejected
from simulator.market.model import OPTION, SPOT, Listing, NotRecorded
from simulator.venues.okx_instruments import LEVERAGE
from simulator.venues.okx_order_shapes import option_value, position_row
from simulator.venues.okx_order_wire import WALLET, absent, listing_of, needed, refusal, single, wrong
from simulator.venues.okx_orders import Call
from simulator.venues.okx_wire import OkxError, Row, exact, inst_type, instrument, required, text

_PERMISSIONS = {READ: "read_only", TRADE: "trade", WITHDRAW: "withdraw"}
_DOLLARS = ("USDT", "USDC", "USD")


def balance(call: Call) -> list[Row]:
    """Show the trading account, narrowed by `ccy` (several with commas).

    Equity is cash and what contracts have gained; options count with what they are worth, since their premium was paid.
    """
    exchange, now_ms = call.venue.exchange, call.now_ms
    wanted = set(filter(None, call.query.get("ccy", "").split(",")))
    gains: dict[str, Decimal] = defaultdict(Decimal)
    worths: dict[str, Decimal] = defaultdict(Decimal)
    for position in _open(call):
        listing = _listing(call, position)
        gain = exchange.unrealized(position, now_ms)
        gains[listing.settle] += gain
        worths[listing.settle] += option_value(call.venue, position, listing, now_ms) if listing.strike else gain
    details, worth = [], Decimal(0)
    for currency, held in exchange.balances(call.account, WALLET, now_ms).items():
        equity = held.total + worths[currency]
        dollars = equity * _price(call, currency)
        worth += dollars
        if (wanted and currency not in wanted) or not (held.total or held.locked):
            continue
        details.append(
            _EMPTY_DETAIL
            | {
                "ccy": currency,
                "eq": exact(equity),
                "cashBal": exact(held.total),
                "availBal": exact(held.free),
                "availEq": exact(held.free),
                "frozenBal": exact(held.locked),
                "ordFrozen": exact(held.locked),
                "upl": exact(gains[currency]),
                "eqUsd": text(dollars),
                "disEq": text(dollars),
                "uTime": str(now_ms),
            }
        )
    empty = absent("adjEq availEq borrowFroz delta imr mgnRatio mmr notionalUsd ordFroz")
    return [empty | {"details": details, "isoEq": "0", "totalEq": text(worth), "upl": "", "uTime": str(now_ms)}]


_EMPTY_DETAIL: Row = absent("""
    borrowFroz clSpotInUseAmt crossLiab fixedBal imr interest isoEq isoLiab isoUpl liab maxLoan maxSpotInUse mgnRatio
    mmr notionalLever rewardBal smtSyncEq spotBal spotInUseAmt spotIsoBal stgyEq twap uplLiab""")


def positions(call: Call) -> list[Row]:
    """Show open positions, narrowed by `instType`, `instId` (several with commas)."""
    names = set(filter(None, call.query.get("instId", "").split(",")))
    product = call.query.get("instType")
    found = [p for p in _open(call) if (not names or p.native_id in names) and (not product or p.product == product)]
    return [
        position_row(call.venue, call.account, position, _listing(call, position), call.now_ms) for position in found
    ]


def config(call: Call) -> list[Row]:
    """Show the account's settings and what the key may do (`perm`)."""
    allowed = ",".join(name for permission, name in _PERMISSIONS.items() if permission in call.account.permissions)
    return [
        {
            "acctLv": "2",
            "acctStpMode": "cancel_maker",
            "autoLoan": False,
            "ctIsoMode": "automatic",
            "enableSpotBorrow": False,
            "feeType": "0",
            "greeksType": "PA",
            "ip": "",
            "kycLv": "3",
            "label": "simulated",
            "level": "Lv1",
            "levelTmp": "",
            "liquidationGear": "-1",
            "mainUid": "44705892343619584",
            "mgnIsoMode": "automatic",
            "opAuth": "1",
            "perm": allowed,
            "posMode": "net_mode",
            "roleType": "0",
            "settleCcy": "USDT",
            "settleCcyList": ["USDT", "USDC"],
            "spotBorrowAutoRepay": False,
            "spotOffsetType": "",
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "stgyType": "0",
            "traderInsts": [],
            "type": "0",
            "uid": "44705892343619584",
        }
    ]


def set_position_mode(call: Call) -> list[Row]:
    """Accept the mode that the account has; there is no other here."""
    if needed(single(call.request), "posMode", "net_mode", "long_short_mode") != "net_mode":
        raise OkxError("51010", "You can't complete this request under your current account mode.")
    return [{"posMode": "net_mode"}]


def leverage_info(call: Call) -> list[Row]:
    """Show the leverage of contracts."""
    mode = required(call.query, "mgnMode")
    names = required(call.query, "instId").split(",")
    listings = [instrument(call.venue, {"instId": name}) for name in names]
    return [_leverage(call, listing, mode) for listing in listings]


def set_leverage(call: Call) -> list[Row]:
    """Set the leverage of a contract. Raises OkxError 59102 above the contract's limit."""
    body = single(call.request)
    listing = listing_of(call.venue, body)
    mode = needed(body, "mgnMode", "cross", "isolated")
    lever = needed(body, "lever")
    if listing.kind in (SPOT, OPTION) or not lever.isdigit() or int(lever) < 1:
        raise wrong("lever")
    if int(lever) > int(LEVERAGE[listing.product]):
        raise OkxError("59102", "Leverage exceeds the maximum limit. Please lower the leverage.")
    try:
        call.venue.exchange.set_leverage(call.account, listing, int(lever))
    except Rejected as error:
        raise refusal(error, listing) from None
    return [_leverage(call, listing, mode)]


def _leverage(call: Call, listing: Listing, mode: str) -> Row:
    lever = str(call.venue.exchange.leverage(call.account, listing))
    return {"ccy": "", "instId": listing.native_id, "mgnMode": mode, "posSide": "net", "lever": lever}


def trade_fee(call: Call) -> list[Row]:
    """Show the fees of a product; a fee that is paid is below zero."""
    product = inst_type(call.query)
    listings = list(call.venue.by_product.get("SPOT" if product == "MARGIN" else product, {}).values())
    maker, taker = (f"-{listings[0].maker_fee}", f"-{listings[0].taker_fee}") if listings else ("", "")
    return [
        absent("makerU takerU makerUSDC takerUSDC delivery exercise")
        | {"category": "1", "instType": product, "level": "Lv1", "maker": maker, "taker": taker, "ts": str(call.now_ms)}
    ]


def nothing(_call: Call) -> list[Row]:
    """Show an empty list: the funding account, and currencies, of which nothing is simulated."""
    return []


def _open(call: Call) -> Iterable[PositionState]:
    held = call.venue.exchange.positions(call.account, call.now_ms)
    return [
        position for position in held if position.size and (position.product, position.native_id) in call.venue.by_id
    ]


def _listing(call: Call, position: PositionState) -> Listing:
    return call.venue.by_id[(position.product, position.native_id)]


def _price(call: Call, currency: str) -> Decimal:
    """Value a currency in dollars; 0 where no market says."""
    if currency in _DOLLARS:
        return Decimal(1)
    for quote in _DOLLARS:
        listing = call.venue.by_id.get(("SPOT", f"{currency}-{quote}"))
        if listing is not None:
            try:
                return Decimal(call.venue.market.index_price(listing, call.now_ms))
            except NotRecorded:
                return Decimal(0)
    return Decimal(0)
