"""What Deribit calls its refusals of orders.

Source: docs.deribit.com, RPC error codes. The wording of -32602 for tick and lot and of 11030 for reduce-only orders
was seen on the test environment in March 2026; which code a stop price on the wrong side gets follows the table only.
"""

from simulator.exchange.model import BUY, Reason, Rejected
from simulator.market.model import SPOT, Listing
from simulator.venues.deribit_rpc import RpcError, invalid

_LOT_WORDS = "must be a multiple of the minimum order size"
_CODES = {
    Reason.INSUFFICIENT_FUNDS: (10009, "not_enough_funds"),
    Reason.MAX_SIZE: (10021, "invalid_amount"),
    Reason.MIN_NOTIONAL: (10032, "whole_cost_too_low"),
    Reason.NO_LIQUIDITY: (11030, "other_reject no_liquidity"),
    Reason.WOULD_TAKE: (11054, "post_only_reject"),
    Reason.UNFILLABLE: (11030, "other_reject unfillable"),
    Reason.REDUCE_ONLY: (11030, "other_reject invalid_reduce_only_order"),
    Reason.UNKNOWN_ORDER: (10004, "order_not_found"),
    Reason.CLOSED_ORDER: (11044, "not_open_order"),
    Reason.TOO_MANY_ORDERS: (11030, "other_reject max_open_orders"),
    Reason.EXPIRED_LISTING: (13019, "orderbook_closed"),
}


def refusal(error: Rejected, listing: Listing, side: str) -> RpcError:
    """Put the exchange's no into Deribit's code and words."""
    spot = listing.kind == SPOT
    if error.reason is Reason.INSUFFICIENT_FUNDS and spot:
        return RpcError(10039, f"not_enough_funds_in_currency {error.detail.get('currency', '')}".strip())
    if error.reason is Reason.PRICE_BAND:
        low, high = error.detail["low"], error.detail["high"]
        return RpcError(10007, f"price_too_high {high:f}") if side == BUY else RpcError(10005, f"price_too_low {low:f}")
    if error.reason is Reason.WOULD_TRIGGER:
        return RpcError(10035, "trigger_price_too_low") if side == BUY else RpcError(10034, "trigger_price_too_high")
    if error.reason is Reason.TOO_MANY_ORDERS and spot:
        return RpcError(11013, "max_spot_open_orders")
    if error.reason in (Reason.PRICE_TICK, Reason.LOT_SIZE, Reason.MIN_SIZE):
        name = "price" if error.reason is Reason.PRICE_TICK else "amount"
        return invalid(name, "must conform to tick size" if name == "price" else _LOT_WORDS)
    code, message = _CODES[error.reason]
    return RpcError(code, message)
