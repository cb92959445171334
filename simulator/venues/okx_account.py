"""OKX's account: balances, positions, leverage, fees, bills, own trades and what the key may do.

Source: okx.com/docs-v5, "Trading Account" and "Order Book Trading, Trade".
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from simulator.exchange.model import READ, TRADE, WITHDRAW, Fill, Order, PositionState, Rejected
from simulator.market.model import OPTION, SPOT, Listing, NotRecorded
from simulator.venues.okx_instruments import LEVERAGE
from simulator.venues.okx_order_shapes import bill_id, fill_row, paged, position_row
from simulator.venues.okx_order_wire import WALLET, absent, fired_id, listing_of, needed, refusal, single, wrong
from simulator.venues.okx_orders import Call
from simulator.venues.okx_wire import OkxError, Row, inst_type, instrument, moment, required, text, whole_number

_DAY_MS = 86_400_000
_PERMISSIONS = {READ: "read_only", TRADE: "trade", WITHDRAW: "withdraw"}
_DOLLARS = ("USDT", "USDC", "USD")


def balance(call: Call) -> list[Row]:
    """Show the trading account, narrowed by `ccy` (several with commas)."""
    exchange, now_ms = call.venue.exchange, call.now_ms
    wanted = set(filter(None, call.query.get("ccy", "").split(",")))
    gains: dict[str, Decimal] = defaultdict(Decimal)
    for position in _open(call):
        gains[_listing(call, position).settle] += exchange.unrealized(position, now_ms)
    details, worth = [], Decimal(0)
    for currency, held in exchange.balances(call.account, WALLET, now_ms).items():
        equity = held.total + gains[currency]
        dollars = equity * _price(call, currency)
        worth += dollars
        if (wanted and currency not in wanted) or not (held.total or held.locked):
            continue
        details.append(
            _EMPTY_DETAIL
            | {
                "ccy": currency,
                "eq": text(equity),
                "cashBal": text(held.total),
                "availBal": text(held.free),
                "availEq": text(held.free),
                "frozenBal": text(held.locked),
                "ordFrozen": text(held.locked),
                "upl": text(gains[currency]),
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
    return [position_row(call.venue, position, _listing(call, position), call.now_ms) for position in found]


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


# --- own trades and bills ------------------------------------------------------------------------------------------


def fills(call: Call) -> list[Row]:
    """List own trades of 3 days, newest first, at most 100 a page, paged by `billId`."""
    return _fills(call, call.query.get("instType", ""), 3 * _DAY_MS)


def fills_history(call: Call) -> list[Row]:
    """List own trades of 3 months."""
    return _fills(call, inst_type(call.query), 90 * _DAY_MS)


def _fills(call: Call, product: str, kept_ms: int) -> list[Row]:
    query, exchange, now_ms = call.query, call.venue.exchange, call.now_ms
    orders: dict[str, Order] = {}
    rows: list[tuple[Fill, Order, Listing]] = []
    for fill in reversed(exchange.fills(call.account, now_ms, since_ms=now_ms - kept_ms)):
        listing = call.venue.by_id.get((fill.product, fill.native_id))
        if listing is None or (product and fill.product != product) or not _within(call, fill.time_ms):
            continue
        if query.get("instId") and fill.native_id != query["instId"]:
            continue
        order = orders.get(fill.order_id) or exchange.find(call.account, now_ms, order_id=fill.order_id)
        if order is None:
            continue
        orders[fill.order_id] = order
        if not query.get("ordId") or fired_id(order) == query["ordId"]:
            rows.append((fill, order, listing))
    limit = whole_number(query, "limit", 100, 100)
    shown = paged(rows, lambda row: int(bill_id(row[0].number)), query, limit)
    return [fill_row(*row) for row in shown]


def bills(call: Call) -> list[Row]:
    """List the account's book of 7 days: of its entries only funding (`type` 8) is simulated."""
    return _bills(call, 7 * _DAY_MS)


def bills_archive(call: Call) -> list[Row]:
    """List the account's book of 3 months."""
    return _bills(call, 90 * _DAY_MS)


def _bills(call: Call, kept_ms: int) -> list[Row]:
    query, now_ms = call.query, call.now_ms
    if query.get("type") not in (None, "", "8"):
        return []
    rows: list[Row] = []
    for paid in reversed(call.venue.exchange.funding_payments(call.account, now_ms, since_ms=now_ms - kept_ms)):
        listing = call.venue.by_id.get((paid.product, paid.native_id))
        if listing is None or not _within(call, paid.time_ms):
            continue
        kind = "inverse" if listing.inverse else "linear"
        wants = {"instType": paid.product, "instId": paid.native_id, "ccy": paid.currency, "ctType": kind}
        if any(query.get(name) and query[name] != has for name, has in wants.items()):
            continue
        figures = {
            "billId": bill_id(paid.number, funding=True),
            "ts": str(paid.time_ms),
            "type": "8",
            "subType": "173" if paid.amount < 0 else "174",
            "balChg": text(paid.amount),
            "pnl": text(paid.amount),
            "sz": text(abs(paid.size)),
            "mgnMode": "cross",
            "posBalChg": "0",
        }
        rows.append(_EMPTY_BILL | {name: has for name, has in wants.items() if name != "ctType"} | figures)
    limit = whole_number(query, "limit", 100, 100)
    return paged(rows, lambda row: int(str(row["billId"])), query, limit)


_EMPTY_BILL: Row = absent("""
    bal clOrdId earnAmt earnApr execType fee fillFwdPx fillIdxPx fillMarkPx fillMarkVol fillPxUsd fillPxVol fillTime
    from interest notes ordId posBal px tag to tradeId""")


def _within(call: Call, time_ms: int) -> bool:
    begin, end = moment(call.query, "begin"), moment(call.query, "end")
    return (begin is None or time_ms >= begin) and (end is None or time_ms <= end)


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
