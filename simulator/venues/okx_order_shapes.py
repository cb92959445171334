"""Orders, algo orders, fills and positions in OKX's fields; every figure is text, and what is absent is empty text."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from simulator.exchange.model import (
    BUY,
    FILLED,
    FOK,
    IOC,
    MARKET,
    OPEN,
    PARTLY_FILLED,
    REJECTED,
    UNTRIGGERED,
    Account,
    Fill,
    Order,
    PositionState,
)
from simulator.market.model import SPOT, Listing
from simulator.venue import SimVenue
from simulator.venues.okx_market import figures
from simulator.venues.okx_order_wire import absent, fail_code, fired_id, own_id
from simulator.venues.okx_wire import Query, Row, exact, moment, text, underlying

T = TypeVar("T")

_STATES = {OPEN: "live", PARTLY_FILLED: "partially_filled", FILLED: "filled"}
_CANCEL_SOURCES = {"user": "1", "all": "1", "timer": "20", "post_only": "31", "ioc": "14", "fok": "13"}
_FIRST_BILL = 1_600_000_000_000_000_000
_MAINTENANCE = Decimal("0.004")
_EMPTY = absent("""
    ccy pxUsd pxVol pxType stpId attachAlgoClOrdId tpTriggerPx tpTriggerPxType tpOrdPx slTriggerPx slTriggerPxType
    slOrdPx rebate quickMgnType cancelSourceReason""")
_EMPTY_POSITION = absent(
    "tradeId posCcy nonSettleAvgPx idxPx margin mgnRatio interest liab liabCcy usdPx bizRefId bizRefType"
)
_EMPTY_ALGO = absent("""
    ccy closeFraction tpTriggerPx tpTriggerPxType tpOrdPx slTriggerPx slTriggerPxType slOrdPx triggerPx
    triggerPxType
    ordPx actualPx actualSide triggerTime pxVar pxSpread szLimit pxLimit timeInterval callbackRatio callbackSpread
    activePx moveTriggerPx quickMgnType failCode amendPxOnTriggerType isTradeBorrowMode chaseType chaseVal maxChaseType
    maxChaseVal""")


def order_type(order: Order) -> str:
    """Name an order's `ordType` once it is in the book."""
    if order.type == MARKET:
        return "optimal_limit_ioc" if order.extra.get("ordType") == "optimal_limit_ioc" else "market"
    if order.post_only:
        return "post_only"
    return {IOC: "ioc", FOK: "fok"}.get(order.tif, "limit")


def state(order: Order) -> str:
    """Name the state of an order that is, or was, in the book."""
    return _STATES.get(order.state, "canceled")


def algo_state(order: Order) -> str:
    """Name the state of an algo order."""
    if order.state == UNTRIGGERED:
        return "live"
    if order.triggered_ms is None:
        return "canceled"
    return "order_failed" if order.state == REJECTED else "effective"


def order_row(venue: SimVenue, account: Account, order: Order, listing: Listing, now_ms: int) -> Row:
    """Show an order as `trade/order` does."""
    trades = venue.exchange.fills(account, now_ms, order_id=order.id) if order.filled else []
    last = trades[-1] if trades else None
    spot = listing.kind == SPOT
    by_quote = order.quote_amount is not None
    fee_currency = next(
        iter(order.fees), (listing.base if order.side == BUY else listing.quote) if spot else listing.settle
    )
    algo = order.trigger is not None
    return _EMPTY | {
        "instType": listing.product,
        "instId": listing.native_id,
        "tgtCcy": ("quote_ccy" if by_quote else "base_ccy") if spot and order.type == MARKET else "",
        "ordId": fired_id(order),
        "clOrdId": "" if algo else order.client_id,
        "tag": order.extra.get("tag", ""),
        "px": "" if order.price is None else text(order.price),
        "sz": text(order.quote_amount if order.quote_amount is not None else order.size),
        "pnl": exact(sum((fill.realized for fill in trades), Decimal(0))),
        "ordType": order_type(order),
        "side": order.side,
        "posSide": "" if spot else "net",
        "tdMode": order.extra.get("tdMode", "cash" if spot else "cross"),
        "accFillSz": text(order.filled),
        "fillPx": "" if last is None else text(last.price),
        "fillSz": "0" if last is None else text(last.size),
        "fillTime": "" if last is None else str(last.time_ms),
        "tradeId": "" if last is None else last.id,
        "avgPx": _average(order, listing),
        "state": state(order),
        "stpMode": "cancel_maker",
        "lever": "" if spot or listing.strike else str(venue.exchange.leverage(account, listing)),
        "attachAlgoOrds": [],
        "linkedAlgoOrd": {"algoId": ""},
        "fee": exact(-sum(order.fees.values(), Decimal(0))),
        "feeCcy": fee_currency,
        "rebateCcy": fee_currency,
        "source": "7" if algo else "",
        "category": "normal",
        "reduceOnly": _flag(order.reduce_only),
        "isTpLimit": "false",
        "cancelSource": "" if state(order) != "canceled" else _CANCEL_SOURCES.get(order.state_reason, "0"),
        "algoClOrdId": own_id(order.client_id) if algo else "",
        "algoId": order.id if algo else "",
        "tradeQuoteCcy": listing.quote if spot else "",
        "uTime": str(order.updated_ms),
        "cTime": str(order.triggered_ms if algo else order.created_ms),
    }


def algo_row(venue: SimVenue, account: Account, order: Order, listing: Listing, now_ms: int) -> Row:
    """Show an order as `trade/order-algo` does."""
    assert order.trigger is not None
    spot, found = listing.kind == SPOT, algo_state(order)
    at, price = text(order.trigger.price), "-1" if order.price is None else text(order.price)
    kind = order.extra.get("ordType", "trigger")
    if kind == "trigger":
        fields = {"triggerPx": at, "triggerPxType": order.trigger.source, "ordPx": price}
    else:
        side = "tp" if order.extra.get("leg") == "tp" else "sl"
        fields = {f"{side}TriggerPx": at, f"{side}TriggerPxType": order.trigger.source, f"{side}OrdPx": price}
        fields["actualSide"] = side if order.triggered_ms is not None else ""
    fired = found == "effective"
    return (
        _EMPTY_ALGO
        | {
            "instType": listing.product,
            "instId": listing.native_id,
            "ordId": fired_id(order) if fired else "",
            "ordIdList": [fired_id(order)] if fired else [],
            "algoId": order.id,
            "clOrdId": "",
            "algoClOrdId": own_id(order.client_id),
            "sz": text(order.size),
            "ordType": kind,
            "side": order.side,
            "posSide": "" if spot else "net",
            "tdMode": order.extra.get("tdMode", "cash" if spot else "cross"),
            "tgtCcy": "base_ccy" if spot and order.price is None else "",
            "state": found,
            "lever": "" if spot else str(venue.exchange.leverage(account, listing)),
            "actualSz": text(order.size) if fired else "0",
            "tag": order.extra.get("tag", ""),
            "triggerTime": "" if order.triggered_ms is None else str(order.triggered_ms),
            "reduceOnly": _flag(order.reduce_only),
            "last": figures(venue, listing, now_ms).last,
            "failCode": fail_code(order) if found == "order_failed" else "",
            "attachAlgoOrds": [],
            "linkedOrd": {"ordId": ""},
            "tradeQuoteCcy": listing.quote if spot else "",
            "cTime": str(order.created_ms),
            "uTime": str(order.updated_ms),
        }
        | fields
    )


def fill_row(fill: Fill, order: Order, listing: Listing) -> Row:
    """Show a fill as `trade/fills` does."""
    spot = listing.kind == SPOT
    return {
        "instType": listing.product,
        "instId": listing.native_id,
        "tradeId": fill.id,
        "ordId": fired_id(order),
        "clOrdId": "" if order.trigger is not None else fill.client_id,
        "billId": bill_id(fill.number),
        "subType": "1" if fill.side == BUY else "2",
        "tag": order.extra.get("tag", ""),
        "fillPx": text(fill.price),
        "fillSz": text(fill.size),
        "fillIdxPx": "",
        "fillPnl": exact(fill.realized),
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillMarkPx": "",
        "side": fill.side,
        "posSide": "" if spot else "net",
        "execType": "M" if fill.maker else "T",
        "feeCcy": fill.fee_currency,
        "fee": exact(-fill.fee),
        "feeRate": text(-Decimal(listing.maker_fee if fill.maker else listing.taker_fee)),
        "ts": str(fill.time_ms),
        "fillTime": str(fill.time_ms),
        "tradeQuoteCcy": listing.quote if spot else "",
    }


def position_row(venue: SimVenue, account: Account, position: PositionState, listing: Listing, now_ms: int) -> Row:
    """Show a position as `account/positions` does; `realizedPnl` is `pnl`, fees and funding since it was opened."""
    exchange = venue.exchange
    fee, funding = _costs(venue, account, position, now_ms)
    mark, gain = exchange.mark_price(listing, now_ms), exchange.unrealized(position, now_ms)
    margin, liquidation = exchange.margin(position, now_ms), exchange.liquidation_price(position)
    size, unit = abs(position.size), Decimal(listing.contract_size)
    value = size * unit / mark if listing.inverse and mark else size * unit * mark
    usd = size * unit if listing.inverse else value
    return _EMPTY_POSITION | {
        "instType": listing.product,
        "instId": listing.native_id,
        "posId": f"{_FIRST_BILL // 10**6 + position.opened_ms}",
        "pos": text(position.size),
        "availPos": text(size) if listing.strike else "",
        "posSide": "net",
        "mgnMode": "cross",
        "ccy": listing.settle,
        "avgPx": text(position.entry_price),
        "markPx": text(mark),
        "last": figures(venue, listing, now_ms).last,
        "bePx": text(position.entry_price),
        "lever": "" if listing.strike else str(position.leverage),
        "liqPx": "" if liquidation is None else text(liquidation),
        "imr": text(margin),
        "mmr": text(value * _MAINTENANCE),
        "notionalUsd": text(usd),
        "upl": exact(gain),
        "uplLastPx": exact(gain),
        "uplRatio": text((gain / margin).quantize(Decimal("1e-8"))) if margin else "0",
        "realizedPnl": exact(position.realized + fee + funding),
        "pnl": exact(position.realized),
        "fee": exact(fee),
        "fundingFee": exact(funding),
        "liqPenalty": "0",
        "adl": "1",
        "optVal": exact(option_value(venue, position, listing, now_ms)) if listing.strike else "",
        "closeOrderAlgo": [],
        "uly": underlying(listing),
        "cTime": str(position.opened_ms),
        "uTime": str(position.updated_ms),
    }


def option_value(venue: SimVenue, position: PositionState, listing: Listing, now_ms: int) -> Decimal:
    """Return what an option position is worth at the mark price, below zero where it is short."""
    return position.size * Decimal(listing.contract_size) * venue.exchange.mark_price(listing, now_ms)


def _costs(venue: SimVenue, account: Account, position: PositionState, now_ms: int) -> tuple[Decimal, Decimal]:
    """Add up fees and funding since a position was opened, below zero where they were paid."""
    product, name, since_ms = position.product, position.native_id, position.opened_ms
    trades = venue.exchange.fills(account, now_ms, product=product, native_id=name, since_ms=since_ms)
    paid = venue.exchange.funding_payments(account, now_ms, product=product, native_id=name, since_ms=since_ms)
    fees = sum((fill.fee for fill in trades), Decimal(0))
    return -fees, sum((each.amount for each in paid), Decimal(0))


def bill_id(number: int, payment: bool = False) -> str:
    """Number an entry of the account's book: fills have numbers of their own, funding and deliveries share theirs."""
    return str(_FIRST_BILL + 2 * number + payment)


def paged(rows: Sequence[T], number: Callable[[T], int], query: Query, limit: int) -> list[T]:
    """Cut a page out of rows, newest first: those whose number is below `after` and above `before`. Raises OkxError."""
    after, before = moment(query, "after"), moment(query, "before")
    found = [row for row in rows if (after is None or number(row) < after) and (before is None or number(row) > before)]
    return found[-limit:] if before is not None and after is None else found[:limit]


def _average(order: Order, listing: Listing) -> str:
    if not order.filled or not order.filled_quote:
        return ""
    coins = order.filled * Decimal(listing.contract_size)
    return text(coins / order.filled_quote if listing.inverse else order.filled_quote / coins)


def _flag(value: bool) -> str:
    return "true" if value else "false"
