"""What an order must comply with: the very filters that `exchangeInfo` publishes for its symbol.

Source: developers.binance.com/docs, "Filters" (spot) and the error codes of USDⓈ-M.
"""

from decimal import Decimal

from simulator.amounts import decimals
from simulator.exchange.model import BUY, MARKET, UNTRIGGERED, NewOrder, Reason
from simulator.market.model import Listing
from simulator.venues import binance_shapes as shapes
from simulator.venues.binance_call import Refusal
from simulator.venues.binance_refusals import refusal
from simulator.venues.binance_signed import SignedCall, anything, conditional, in_the_book

_Filter = dict[str, object]
_SPOT_DECIMALS = 8


def check(call: SignedCall, listing: Listing, order: NewOrder) -> None:
    """Refuse what a filter of the symbol does not let through. Raises Refusal."""
    if call.section == "spot":
        filters = _by_type(shapes.spot_symbol(listing))
        _check_spot_numbers(filters, order)
        _check_spot_price(call, listing, filters, order)
    else:
        filters = _by_type(shapes.contract_symbol(listing, call.now_ms))
        _check_contract_numbers(filters, order)
        _check_contract_price(call, listing, filters, order)
    _check_counts(call, listing, filters, order)


def check_precision(call: SignedCall, listing: Listing, *numbers: tuple[str, Decimal | None]) -> None:
    """Refuse numbers with more decimals than the venue keeps (`price` or `quantity`, and the number)."""
    for name, number in numbers:
        if number is None:
            continue
        used = -min(0, int(number.normalize().as_tuple().exponent))
        if call.section == "spot":
            if used > _SPOT_DECIMALS:
                raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
            continue
        increment = listing.lot_size if name == "quantity" else listing.tick_size
        if used > decimals(increment):
            raise Refusal(-1111, "Precision is over the maximum defined for this asset.")


def _by_type(row: shapes.Row) -> dict[str, _Filter]:
    filters = row["filters"]
    assert isinstance(filters, list)
    return {str(item["filterType"]): item for item in filters}


def _number(item: _Filter, name: str) -> Decimal:
    return Decimal(str(item[name]))


def _off_grid(number: Decimal, item: _Filter, least: str, most: str, step: str) -> bool:
    """Tell whether a number is below, above or between what a filter allows; a step or limit of 0 allows any."""
    low, high, each = (_number(item, name) for name in (least, most, step))
    return number < low or (high > 0 and number > high) or bool(each and (number - low) % each)


def _check_spot_numbers(filters: dict[str, _Filter], order: NewOrder) -> None:
    prices = [order.price, order.trigger.price if order.trigger else None]
    for price in prices:
        if price is not None and _off_grid(price, filters["PRICE_FILTER"], "minPrice", "maxPrice", "tickSize"):
            raise refusal("spot", Reason.PRICE_TICK)
    if order.size is None:
        return
    if _off_grid(order.size, filters["LOT_SIZE"], "minQty", "maxQty", "stepSize"):
        raise refusal("spot", Reason.LOT_SIZE)
    if order.type == MARKET and _off_grid(order.size, filters["MARKET_LOT_SIZE"], "minQty", "maxQty", "stepSize"):
        raise Refusal(-1013, "Filter failure: MARKET_LOT_SIZE")


def _check_spot_price(call: SignedCall, listing: Listing, filters: dict[str, _Filter], order: NewOrder) -> None:
    last = call.last_price(listing)
    if order.price is not None:
        side, band = "bid" if order.side == BUY else "ask", filters["PERCENT_PRICE_BY_SIDE"]
        low, high = (last * _number(band, f"{side}Multiplier{end}") for end in ("Down", "Up"))
        if not low <= order.price <= high:
            raise refusal("spot", Reason.PRICE_BAND)
    worth, price = filters["NOTIONAL"], order.price or (order.trigger.price if order.trigger else last)
    value = order.quote_amount if order.size is None else order.size * price
    if value is not None and value < _number(worth, "minNotional"):
        raise refusal("spot", Reason.MIN_NOTIONAL)
    if value is not None and order.type != MARKET and value > _number(worth, "maxNotional"):
        raise refusal("spot", Reason.MIN_NOTIONAL)


def _check_contract_numbers(filters: dict[str, _Filter], order: NewOrder) -> None:
    grid = filters["PRICE_FILTER"]
    for price in (order.price, order.trigger.price if order.trigger else None):
        if price is None:
            continue
        if price <= 0:
            raise Refusal(-4001, "Price less than 0.")
        if price < _number(grid, "minPrice"):
            raise Refusal(-4013, f"Price less than min price {grid['minPrice']}.")
        if price > _number(grid, "maxPrice"):
            raise Refusal(-4002, f"Price greater than max price {grid['maxPrice']}.")
        if price % _number(grid, "tickSize"):
            raise refusal("linear", Reason.PRICE_TICK)
    lot = filters["MARKET_LOT_SIZE" if order.type == MARKET else "LOT_SIZE"]
    size = order.size or Decimal(0)
    if size <= 0:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    if size < _number(lot, "minQty"):
        raise refusal("linear", Reason.MIN_SIZE)
    if size > _number(lot, "maxQty"):
        raise refusal("linear", Reason.MAX_SIZE)
    if (size - _number(lot, "minQty")) % _number(lot, "stepSize"):
        raise refusal("linear", Reason.LOT_SIZE)


def _check_contract_price(call: SignedCall, listing: Listing, filters: dict[str, _Filter], order: NewOrder) -> None:
    mark = call.exchange.mark_price(listing, call.now_ms)
    price = order.price or (order.trigger.price if order.trigger else mark)
    if order.price is not None and order.trigger is None and mark:
        band, places = filters["PERCENT_PRICE"], decimals(listing.tick_size)
        high, low = (mark * _number(band, name) for name in ("multiplierUp", "multiplierDown"))
        if order.side == BUY and order.price > high:
            raise Refusal(-4016, f"Limit price can't be higher than {high:.{places}f}.")
        if order.side != BUY and order.price < low:
            raise Refusal(-4024, f"Limit price can't be lower than {low:.{places}f}.")
    least = filters.get("MIN_NOTIONAL")
    if least is None or order.reduce_only or order.size is None:
        return
    if order.size * price < _number(least, "notional"):
        raise refusal(call.section, Reason.MIN_NOTIONAL, listing)


def _check_counts(call: SignedCall, listing: Listing, filters: dict[str, _Filter], order: NewOrder) -> None:
    live = call.orders(listing, anything, live=True)
    if order.trigger is not None:
        waiting = sum(1 for item in live if item.state == UNTRIGGERED)
        limits = filters.get("MAX_NUM_ALGO_ORDERS")
        if limits is not None and waiting >= _number(limits, "maxNumAlgoOrders" if call.section == "spot" else "limit"):
            if call.section == "spot":
                raise Refusal(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
            raise Refusal(-4045, "Reach max stop order limit.")
    regular = live if call.section == "spot" else [o for o in live if not conditional(o) or in_the_book(o)]
    most = filters["MAX_NUM_ORDERS"]
    if len(regular) >= _number(most, "maxNumOrders" if call.section == "spot" else "limit"):
        raise refusal(call.section, Reason.TOO_MANY_ORDERS)
