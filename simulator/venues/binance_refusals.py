"""Why Binance says no to an order, in its codes and words.

Sources: developers.binance.com/docs (error codes of spot and of USDⓈ-M), ccxt 4.5.90's tables of them.
"""

from simulator.exchange.model import Reason, Rejected
from simulator.market.model import Listing
from simulator.venues.binance_call import Refusal

_SPOT: dict[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Reason.PRICE_TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MIN_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MAX_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Reason.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.NO_LIQUIDITY: (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.UNFILLABLE: (-2010, "Order could not be filled immediately."),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reason.REDUCE_ONLY: (-1106, "Parameter 'reduceOnly' sent when not required."),
    Reason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.CLOSED_ORDER: (-2011, "Unknown order sent."),
    Reason.NO_CHANGE: (-2038, "The requested action does not change the order state."),
    Reason.TOO_MANY_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
    Reason.EXPIRED_LISTING: (-1013, "Market is closed."),
}
_CONTRACTS: dict[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (-2019, "Margin is insufficient."),
    Reason.PRICE_TICK: (-4014, "Price not increased by tick size."),
    Reason.LOT_SIZE: (-4023, "Qty not increased by step size."),
    Reason.MIN_SIZE: (-4004, "Quantity less than min quantity."),
    Reason.MAX_SIZE: (-4005, "Quantity greater than max quantity."),
    Reason.PRICE_BAND: (-4016, "Price is higher than mark price multiplier cap."),
    Reason.NO_LIQUIDITY: (-2020, "Unable to fill."),
    Reason.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history",
    ),
    Reason.UNFILLABLE: (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected. "
        "The order will not be recorded in the order history",
    ),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Reason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.CLOSED_ORDER: (-2011, "Unknown order sent."),
    Reason.NO_CHANGE: (-5027, "No need to modify the order."),
    Reason.TOO_MANY_ORDERS: (-2025, "Reach max open order limit."),
    Reason.EXPIRED_LISTING: (-4141, "Symbol is closed."),
}


def refusal(section: str, reason: Reason, listing: Listing | None = None) -> Refusal:
    """Put a reason in the words of a section (`spot`, or one of contracts)."""
    if section == "spot":
        return Refusal(*_SPOT[reason])
    if reason is Reason.MIN_NOTIONAL:
        least = (listing.min_notional if listing is not None else "") or "5"
        return Refusal(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
    return Refusal(*_CONTRACTS[reason])


def refused(section: str, rejected: Rejected, listing: Listing | None = None) -> Refusal:
    """Put in the venue's words what the exchange refused."""
    return refusal(section, rejected.reason, listing)


def unknown_to_cancel() -> Refusal:
    """Refuse to cancel what is not open."""
    return Refusal(-2011, "Unknown order sent.")


def unknown_to_query() -> Refusal:
    """Refuse a query of what is not there."""
    return Refusal(-2013, "Order does not exist.")
