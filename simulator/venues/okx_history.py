"""OKX's history of an account: own trades, bills, deposits and withdrawals.

Source: okx.com/docs-v5, "Order Book Trading, Trade", "Trading Account" and "Funding Account".
"""

from decimal import Decimal

from simulator.exchange.model import Fill, FundingPayment, Order, Transfer
from simulator.market.model import Listing
from simulator.venues.okx_order_shapes import bill_id, fill_row, paged
from simulator.venues.okx_order_wire import absent, fired_id
from simulator.venues.okx_orders import Call
from simulator.venues.okx_wire import Row, exact, inst_type, moment, text, whole_number

_DAY_MS = 86_400_000
_RECENT_MS, _KEPT_MS = 3 * _DAY_MS, 90 * _DAY_MS
_DELIVERY, _FUNDING = "3", "8"
_SUCCESSFUL = "2"


def fills(call: Call) -> list[Row]:
    """List own trades of 3 days, newest first, at most 100 a page, paged by `billId`."""
    return _fills(call, call.query.get("instType", ""), _RECENT_MS)


def fills_history(call: Call) -> list[Row]:
    """List own trades of 3 months."""
    return _fills(call, inst_type(call.query), _KEPT_MS)


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


# --- bills -----------------------------------------------------------------------------------------------------------


def bills(call: Call) -> list[Row]:
    """List the account's book of 7 days: of its entries funding (`type` 8) and deliveries (3) are simulated."""
    return _bills(call, 7 * _DAY_MS)


def bills_archive(call: Call) -> list[Row]:
    """List the account's book of 3 months."""
    return _bills(call, _KEPT_MS)


def _bills(call: Call, kept_ms: int) -> list[Row]:
    query, exchange, since_ms = call.query, call.venue.exchange, call.now_ms - kept_ms
    kind = query.get("type")
    booked: list[tuple[FundingPayment, str]] = []
    if kind in (None, "", _FUNDING):
        booked += [(each, _FUNDING) for each in exchange.funding_payments(call.account, call.now_ms, since_ms=since_ms)]
    if kind in (None, "", _DELIVERY):
        booked += [(each, _DELIVERY) for each in exchange.deliveries(call.account, call.now_ms, since_ms=since_ms)]
    booked.sort(key=lambda entry: -entry[0].number)
    rows: list[Row] = []
    for paid, of in booked:
        listing = call.venue.by_id.get((paid.product, paid.native_id))
        if listing is None or not _within(call, paid.time_ms):
            continue
        contract = "inverse" if listing.inverse else "linear"
        named = {"instType": paid.product, "instId": paid.native_id, "ccy": paid.currency}
        wants = named | {"ctType": contract}
        if not any(query.get(name) and query[name] != has for name, has in wants.items()):
            rows.append(_EMPTY_BILL | named | _booked(paid, of, listing))
    limit = whole_number(query, "limit", 100, 100)
    return paged(rows, lambda row: int(str(row["billId"])), query, limit)


def _booked(paid: FundingPayment, of: str, listing: Listing) -> Row:
    """Show what a payment changed. An option's exercise price is taken to be its strike."""
    if of == _FUNDING:
        sub_type, price = "173" if paid.amount < 0 else "174", ""
    elif not listing.strike:
        sub_type, price = "112" if paid.size > 0 else "113", text(paid.rate)
    else:
        exercised = "170" if paid.size > 0 else "171"
        sub_type, price = exercised if paid.rate else "172", listing.strike
    return {
        "billId": bill_id(paid.number, payment=True),
        "ts": str(paid.time_ms),
        "type": of,
        "subType": sub_type,
        "balChg": exact(paid.amount),
        "pnl": exact(paid.amount),
        "fee": "" if of == _FUNDING else "0",
        "px": price,
        "sz": text(abs(paid.size)),
        "mgnMode": "cross",
        "posBalChg": "0",
    }


_EMPTY_BILL: Row = absent("""
    bal clOrdId earnAmt earnApr execType fee fillFwdPx fillIdxPx fillMarkPx fillMarkVol fillPxUsd fillPxVol fillTime
    from interest notes ordId posBal px tag to tradeId""")


def _within(call: Call, time_ms: int) -> bool:
    begin, end = moment(call.query, "begin"), moment(call.query, "end")
    return (begin is None or time_ms >= begin) and (end is None or time_ms <= end)


# --- the funding account ---------------------------------------------------------------------------------------------


def deposits(call: Call) -> list[Row]:
    """List deposits, newest first; those that an account begins with are in its trading account already."""
    return [_deposited(each) for each in _moved(call, "depId") if each.amount > 0]


def withdrawals(call: Call) -> list[Row]:
    """List withdrawals, newest first."""
    return [_withdrawn(each) for each in _moved(call, "wdId") if each.amount < 0]


def _moved(call: Call, mark: str) -> list[Transfer]:
    """Choose the transfers that are asked for; this list is paged by time, not by id."""
    query = call.query
    if query.get("state") not in (None, "", _SUCCESSFUL):
        return []
    found = sorted(call.venue.exchange.transfers(call.account, call.now_ms), key=lambda each: -each.time_ms)
    names = {"ccy": "currency", mark: "id"}
    found = [
        each for each in found if all(query.get(name) in (None, "", getattr(each, has)) for name, has in names.items())
    ]
    return paged(found, lambda each: each.time_ms, query, whole_number(query, "limit", 100, 100))


def _deposited(each: Transfer) -> Row:
    return {
        "actualDepBlkConfirm": "2",
        "amt": exact(each.amount),
        "areaCodeFrom": "",
        "ccy": each.currency,
        "chain": f"{each.currency}-Simulated",
        "depId": each.id,
        "from": "",
        "fromWdId": "",
        "state": _SUCCESSFUL,
        "to": "simulated",
        "ts": str(each.time_ms),
        "txId": f"{each.id}_asset",
    }


def _withdrawn(each: Transfer) -> Row:
    return {
        "addrEx": None,
        "amt": exact(-each.amount),
        "areaCodeFrom": "",
        "areaCodeTo": "",
        "ccy": each.currency,
        "chain": f"{each.currency}-Simulated",
        "clientId": "",
        "fee": exact(Decimal(0)),
        "feeCcy": each.currency,
        "from": "",
        "memo": "",
        "nonTradableAsset": False,
        "note": "",
        "pmtId": "",
        "state": _SUCCESSFUL,
        "tag": "",
        "to": "simulated",
        "toAddrType": "1",
        "ts": str(each.time_ms),
        "txId": f"{each.id}_asset",
        "wdId": each.id,
    }
