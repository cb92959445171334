"""Bybit's history of an account beside its orders (v5): deposits, withdrawals, deliveries, the log."""

from collections.abc import Callable
from decimal import Decimal

from simulator.exchange.model import BUY, Fill, FundingPayment, Transfer
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing
from simulator.venues.bybit_market_data import BAD_PARAMETER, Refusal, invalid
from simulator.venues.bybit_order_shapes import DELIVERY_MARK, FUNDING_MARK, plain, shown_size
from simulator.venues.bybit_private import PrivateCall, shown_id, trade_id
from simulator.venues.bybit_shapes import Row

_MONTH_MS = 30 * DAY_MS
_SUCCESS = 3

Answer = Callable[[PrivateCall], object]


def deposits(call: PrivateCall) -> object:
    """List deposits from chains; those that an account begins with are in its unified wallet already."""
    return _moved(call, 1, _deposited)


def internal_deposits(_: PrivateCall) -> object:
    """List deposits from other members: none."""
    return {"rows": [], "nextPageCursor": ""}


def withdrawals(call: PrivateCall) -> object:
    """List withdrawals; all are on a chain (`withdrawType` 0)."""
    if call.params.get("withdrawType", "0") not in ("0", "1", "2"):
        raise invalid("withdrawType")
    return _moved(call, -1, _withdrawn)


def _moved(call: PrivateCall, sign: int, shape: Callable[[Transfer], Row]) -> object:
    start, end = _window(call)
    coin = call.params.get("coin")
    found = [
        (place, each)
        for place, each in enumerate(call.exchange.transfers(call.account, call.now_ms))
        if each.amount * sign > 0 and coin in (None, "", each.currency) and start <= each.time_ms <= end
    ]
    page, cursor = call.page(found, lambda row: (row[1].time_ms, row[0], 0), 50, 50)
    return {"rows": [shape(each) for _, each in page], "nextPageCursor": cursor}


def _deposited(each: Transfer) -> Row:
    return {
        "id": each.id, "coin": each.currency, "chain": "SIM", "amount": plain(each.amount), "txID": f"0x{each.id}",
        "status": _SUCCESS, "toAddress": "simulated", "tag": "", "depositFee": "", "successAt": str(each.time_ms),
        "confirmations": "100", "txIndex": "0", "blockHash": "", "batchReleaseLimit": "-1", "depositType": "0",
        "fromAddress": "", "taxDepositRecordsId": "", "taxStatus": 0, "travelRuleStatus": 0,
    }  # fmt: skip


def _withdrawn(each: Transfer) -> Row:
    return {
        "coin": each.currency, "chain": "SIM", "amount": plain(-each.amount), "txID": f"0x{each.id}",
        "status": "success", "toAddress": "simulated", "tag": "", "withdrawFee": "0", "createTime": str(each.time_ms),
        "updateTime": str(each.time_ms), "withdrawId": each.id, "withdrawType": 0, "fee": "", "tax": "",
        "taxRate": "", "taxType": "",
    }  # fmt: skip


def delivered(call: PrivateCall) -> object:
    """List how contracts of a category were delivered."""
    category = call.category
    if category == "spot":
        raise invalid("category")
    start, end = _window(call)
    name = call.listing().native_id if call.params.get("symbol") else None
    found = call.exchange.deliveries(call.account, call.now_ms, product=category, native_id=name)
    kept = [each for each in found if start <= each.time_ms <= end and each.native_id in call.listings[category]]
    page, cursor = call.page(kept, lambda each: (each.time_ms, each.number, 0), 20, 50)
    rows = [_delivery(each, call.listings[category][each.native_id]) for each in page]
    return {"nextPageCursor": cursor, "category": category, "list": rows}


def _delivery(each: FundingPayment, listing: Listing) -> Row:
    """Show a delivery; `side` is the one that closes the position, as in the documentation's examples."""
    return {
        "symbol": each.native_id, "side": "Sell" if each.size > 0 else "Buy", "deliveryTime": each.time_ms,
        "strike": listing.strike or "", "fee": "0", "position": plain(abs(each.size)),
        "deliveryPrice": plain(each.rate), "deliveryRpl": plain(each.amount), "entryPrice": _entry(each, listing),
    }  # fmt: skip


def _entry(each: FundingPayment, listing: Listing) -> str:
    """Find the price at which a position was entered from what its delivery brought."""
    size = each.size * Decimal(listing.contract_size)
    if not size or not each.rate:
        return ""
    entry = 1 / (1 / each.rate + each.amount / size) if listing.inverse else each.rate - each.amount / size
    return plain(round(entry, 8))


# --- the transaction log ---


def transaction_log(call: PrivateCall) -> object:
    """List what changed the wallet: trades, fundings and deliveries; `funding` is negative where it was paid."""
    start, end = call.window()
    category, coin = call.params.get("category"), call.params.get("currency")
    rows: list[tuple[tuple[int, int, int], Row]] = []
    if call.params.get("type", "TRADE") == "TRADE":
        for fill in call.exchange.fills(call.account, call.now_ms):
            if fill.native_id not in call.listings[fill.product]:
                continue
            rows += [((fill.time_ms, fill.number, place), row) for place, row in enumerate(_traded(call, fill))]
    if call.params.get("type", "SETTLEMENT") == "SETTLEMENT":
        paid = call.exchange.funding_payments(call.account, call.now_ms)
        rows += [((each.time_ms, each.number, 2), _settled(each, "SETTLEMENT")) for each in paid]
    if call.params.get("type", "DELIVERY") == "DELIVERY":
        ended = call.exchange.deliveries(call.account, call.now_ms)
        rows += [((each.time_ms, each.number, 2), _settled(each, "DELIVERY")) for each in ended]
    kept = [
        row
        for row in rows
        if start <= row[0][0] <= end and category in (None, row[1]["category"]) and coin in (None, row[1]["currency"])
    ]
    page, cursor = call.page(kept, lambda row: row[0], 20, 50)
    return {"nextPageCursor": cursor, "list": [row for _, row in page]}


def _traded(call: PrivateCall, fill: Fill) -> list[Row]:
    """Make the rows of a trade: of spot one per coin."""
    listing = call.listings[fill.product][fill.native_id]
    common: Row = {
        "symbol": fill.native_id, "category": fill.product, "side": fill.side.capitalize(), "type": "TRADE",
        "transactionTime": str(fill.time_ms), "qty": shown_size(listing, fill.size),
        "size": shown_size(listing, fill.size), "tradePrice": plain(fill.price), "funding": "", "feeRate": "",
        "tradeId": trade_id(fill.product, fill.number), "orderId": shown_id(fill.product, fill.order_id),
        "orderLinkId": fill.client_id, "cashBalance": "", "bonusChange": "", "transSubType": "",
    }  # fmt: skip
    if listing.product != "spot":
        flow = {listing.settle: fill.realized}
    else:
        bought, value = fill.side == BUY, fill.size * fill.price
        flow = {listing.base: fill.size if bought else -fill.size, listing.quote: -value if bought else value}
    rows = []
    for coin, cash in flow.items():
        fee = fill.fee if fill.fee_currency == coin else Decimal(0)
        own = {"currency": coin, "cashFlow": plain(cash), "fee": plain(fee), "change": plain(cash - fee)}
        rows.append({**common, **own, "id": f"{fill.number}_{listing.native_id}_{coin}"})
    return rows


def _settled(payment: FundingPayment, kind: str) -> Row:
    funding = kind == "SETTLEMENT"
    mark = trade_id(payment.product, payment.number, FUNDING_MARK if funding else DELIVERY_MARK)
    amount = plain(payment.amount)
    return {
        "id": f"{payment.number}_{payment.native_id}_{kind}", "symbol": payment.native_id,
        "category": payment.product, "side": "Buy" if (payment.size > 0) == funding else "Sell", "type": kind,
        "transactionTime": str(payment.time_ms), "qty": plain(abs(payment.size)),
        "size": plain(abs(payment.size) if funding else Decimal(0)), "currency": payment.currency,
        "tradePrice": "" if funding else plain(payment.rate), "funding": amount if funding else "", "fee": "0",
        "cashFlow": "0" if funding else amount, "change": amount, "cashBalance": "",
        "feeRate": plain(payment.rate) if funding else "0", "bonusChange": "", "tradeId": mark, "orderId": mark,
        "orderLinkId": "", "transSubType": "",
    }  # fmt: skip


def _window(call: PrivateCall) -> tuple[int, int]:
    """Read `startTime` and `endTime`: thirty days at most, the last thirty by default (epoch milliseconds)."""
    start, end = call.number("startTime", 0), call.number("endTime", 0)
    if start and end and not 0 <= end - start <= _MONTH_MS:
        raise Refusal(BAD_PARAMETER, "params error: the time range cannot exceed 30 days")
    if start:
        return start, end or start + _MONTH_MS
    end = end or call.now_ms
    return end - _MONTH_MS, end


HISTORY: dict[tuple[str, str], Answer] = {
    ("GET", "/v5/asset/deposit/query-record"): deposits,
    ("GET", "/v5/asset/deposit/query-internal-record"): internal_deposits,
    ("GET", "/v5/asset/withdraw/query-record"): withdrawals,
    ("GET", "/v5/asset/delivery-record"): delivered,
    ("GET", "/v5/account/transaction-log"): transaction_log,
}
