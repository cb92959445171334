"""Deribit's JSON objects of an account: orders, own trades, positions, and how order ids are written.

Fields follow docs.deribit.com (private/buy, private/get_user_trades_by_instrument_and_time, private/get_positions).
Ids are numbers, with the settlement currency before them unless that is BTC (`ETH-331562`), and the instrument on spot
(`ETH_USDC-109841952`). A trigger order has an id of its own (`SLTB-7`: stop loss, last trade, buy); once triggered it
stays as `triggered`, and the order it made has another id and the trigger order's in `trigger_order_id`.
"""

import re
from decimal import Decimal

from simulator.exchange.model import BUY, FILLED, MARKET, OPEN, PARTLY_FILLED, REJECTED, UNTRIGGERED, Fill, Order
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing
from simulator.rows import Rows
from simulator.venues.deribit_rpc import Row

TRIGGERS = {"last_price": "last", "mark_price": "mark", "index_price": "index"}
SOURCES = {source: name for name, source in TRIGGERS.items()}
_SOURCE_LETTERS = {"last": "T", "mark": "M", "index": "I"}
TIFS = {"good_til_cancelled": "GTC", "immediate_or_cancel": "IOC", "fill_or_kill": "FOK"}
_TIF_NAMES = {tif: name for name, tif in TIFS.items()}
_STATES = {OPEN: "open", PARTLY_FILLED: "open", FILLED: "filled", REJECTED: "rejected", UNTRIGGERED: "untriggered"}
_CANCEL_REASONS = {"user": "user_request", "all": "user_request", "expired": "settlement"}
_ID = re.compile(r"(?:[A-Z0-9_]+-)?(?:(?:SL|TP)[TMI][BS]-)?(\d{1,18})")


def number(value: Decimal | None) -> float | None:
    """Write an amount as the JSON number that Deribit sends: at most ten decimals."""
    return None if value is None else float(round(value, 10))


def exact(value: Decimal) -> Rows:
    """Write an amount as a JSON number with all its decimals, so that sums of what is told are exact."""
    return Rows(f"{value + 0:f}")


def order_number(order_id: str) -> int | None:
    """Read the running number out of an order id of either form."""
    found = _ID.fullmatch(order_id)
    return None if found is None else int(found[1])


def order_ids(order: Order, listing: Listing) -> dict[str, bool]:
    """List the ids that an order has: `True` where the id is the trigger order's."""
    trigger = order.trigger
    if trigger is None:
        return {f"{_prefix(listing)}{order.number}": False}
    kind = "TP" if str(order.extra.get("type", "")).startswith("take") else "SL"
    letters = f"{kind}{_SOURCE_LETTERS[trigger.source]}{'B' if order.side == BUY else 'S'}"
    ids = {f"{_prefix(listing)}{letters}-{order.number}": True}
    return ids if order.triggered_ms is None else ids | {f"{_prefix(listing)}{order.number}": False}


def live_id(order: Order, listing: Listing) -> str:
    """Give the id under which an order can be filled and cancelled now."""
    return list(order_ids(order, listing))[-1]


def trade_id(fill: Fill, listing: Listing) -> str:
    """Write a trade's id."""
    return f"{_prefix(listing)}{fill.number}"


def plain_id(order_id: str, listing: Listing) -> str:
    """Write the id of an order that is in the book or was, from the exchange's own."""
    return f"{_prefix(listing)}{order_id}"


def _prefix(listing: Listing) -> str:
    if listing.kind == SPOT:
        return f"{listing.native_id}-"
    return "" if listing.settle == "BTC" else f"{listing.settle}-"


def average(order: Order, listing: Listing) -> Decimal:
    """Return the average price of what is filled, 0 where nothing is."""
    if not order.filled or not order.filled_quote:
        return Decimal(0)
    unit = Decimal(listing.contract_size)
    if listing.inverse:
        return order.filled * unit / order.filled_quote
    return order.filled_quote / (order.filled * unit)


def order_row(order: Order, listing: Listing, order_id: str) -> Row:
    """Describe an order under one of its ids."""
    is_trigger = order_ids(order, listing)[order_id]
    spent = is_trigger and order.triggered_ms is not None
    kind = str(order.extra.get("type", order.type))
    plain_type = MARKET if order.type == MARKET else "limit"
    state = "triggered" if spent else _STATES.get(order.state, "cancelled")
    filled = Decimal(0) if spent else order.filled
    row: Row = {
        "order_id": order_id,
        "order_state": state,
        "order_type": kind if is_trigger else plain_type,
        "instrument_name": order.native_id,
        "direction": order.side,
        "time_in_force": _TIF_NAMES[order.tif],
        "amount": number(order.size),
        "filled_amount": number(filled),
        "average_price": number(Decimal(0) if spent else average(order, listing)),
        "price": "market_price" if order.price is None else number(order.price),
        "post_only": order.post_only,
        "replaced": bool(order.extra.get("replaced")),
        "label": order.client_id,
        "api": True,
        "web": False,
        "mmp": False,
        "risk_reducing": False,
        "creation_timestamp": order.created_ms if is_trigger or order.triggered_ms is None else order.triggered_ms,
        "last_update_timestamp": order.triggered_ms if spent else order.updated_ms,
    }
    if order.post_only:
        row["reject_post_only"] = bool(order.extra.get("reject_post_only"))
    if listing.kind == SPOT:
        row["is_rebalance"] = False
    else:
        row |= {"reduce_only": order.reduce_only, "is_liquidation": False}
        row["contracts"] = number(order.size / _contract(listing))
    if state == "cancelled" and order.state_reason in _CANCEL_REASONS:
        row["cancel_reason"] = _CANCEL_REASONS[order.state_reason]
    return row | _trigger_fields(order, listing, is_trigger=is_trigger)


def _trigger_fields(order: Order, listing: Listing, *, is_trigger: bool) -> Row:
    trigger = order.trigger
    if trigger is None:
        return {}
    row: Row = {"trigger": SOURCES[trigger.source], "trigger_price": number(trigger.price)}
    row["triggered"] = order.triggered_ms is not None
    if not is_trigger:
        row |= {"trigger_order_id": next(iter(order_ids(order, listing))), "original_order_type": order.extra["type"]}
    return row


def _contract(listing: Listing) -> Decimal:
    size = dict(listing.extra).get("contract_size")
    return Decimal(str(size)) if size else Decimal(listing.min_size)


def trade_row(fill: Fill, order: Order | None, listing: Listing, index: float | None, mark: float | None) -> Row:
    """Describe one own trade; `order` is the one it belongs to."""
    row: Row = {
        "trade_id": trade_id(fill, listing),
        "trade_seq": fill.number,
        "order_id": plain_id(fill.order_id, listing),
        "order_type": MARKET if order and order.type == MARKET else "limit",
        "state": _STATES.get(order.state, "cancelled") if order else "archive",
        "instrument_name": fill.native_id,
        "timestamp": fill.time_ms,
        "direction": fill.side,
        "price": number(fill.price),
        "amount": number(fill.size),
        "liquidity": "M" if fill.maker else "T",
        "fee": number(fill.fee),
        "fee_currency": fill.fee_currency,
        "profit_loss": None if listing.kind == SPOT else number(fill.realized),
        "index_price": index,
        "mark_price": mark,
        "tick_direction": 1,
        "matching_id": None,
        "self_trade": False,
        "post_only": bool(order and order.post_only),
        "risk_reducing": False,
        "mmp": False,
        "api": True,
    }
    if listing.kind != SPOT:
        row |= {
            "reduce_only": bool(order and order.reduce_only),
            "contracts": number(fill.size / _contract(listing)),
        }
    return row | ({"label": fill.client_id} if fill.client_id else {})


def kind_row(listing: Listing) -> str:
    """Give Deribit's `kind` of a position or an order."""
    return {PERPETUAL: "future", FUTURE: "future", OPTION: "option", SPOT: "spot"}[listing.kind]
