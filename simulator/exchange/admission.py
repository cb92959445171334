"""Whether an order may be placed: the listing's rules, the venue's, and the account's money."""

from decimal import Decimal

from simulator.exchange.desk import Desk, Entry
from simulator.exchange.liquidity import Level
from simulator.exchange.model import (
    BUY,
    FOK,
    GTC,
    MARKET,
    REFUSE,
    SELL,
    NewOrder,
    Order,
    Reason,
    Rejected,
    Trigger,
)
from simulator.exchange.terms import ZERO, Terms

_BEYOND = Decimal("1e15")
"""No price or size is so large; more than that could not be counted exactly."""


def examine(desk: Desk, owner: str, terms: Terms, order: NewOrder, now_ms: int) -> Entry:
    """Check a new order and say how it enters; a stop enters later. Raises Rejected."""
    listing = terms.listing
    if terms.key in desk.closed or (listing.expiry_ms is not None and now_ms >= listing.expiry_ms):
        raise Rejected(Reason.EXPIRED_LISTING)
    known = desk.roll.taken(owner, order.client_id, desk.rules.client_ids)
    if known is not None:
        raise Rejected(Reason.DUPLICATE_CLIENT_ID, known)
    if desk.roll.count_live(owner) >= desk.rules.max_open_orders:
        raise Rejected(Reason.TOO_MANY_ORDERS, most=desk.rules.max_open_orders)
    check_numbers(terms, order.type, order.size, order.price)
    if order.quote_amount is not None and not _is_sound(order.quote_amount):
        raise Rejected(Reason.MIN_NOTIONAL, least=terms.min_notional)
    if order.trigger is None:
        return enters(desk, owner, terms, order, order.size, now_ms)
    _check_trigger(desk, terms, order.trigger, now_ms)
    size = order.size or ZERO
    waits(desk, owner, terms, order, size, now_ms)
    return Entry(size)


def waits(
    desk: Desk,
    owner: str,
    terms: Terms,
    order: NewOrder | Order,
    size: Decimal,
    now_ms: int,
    replaces: Order | None = None,
) -> None:
    """Check that a stop can wait: on spot it locks what it needs, elsewhere nothing. Raises Rejected."""
    price = order.price or (order.trigger.price if order.trigger else ZERO)
    if terms.spot and size:
        _check_funds(desk, owner, terms, order.side, [(price, size)], 0, False, now_ms, replaces)


def enters(
    desk: Desk,
    owner: str,
    terms: Terms,
    order: NewOrder | Order,
    size: Decimal | None,
    now_ms: int,
    replaces: Order | None = None,
) -> Entry:
    """Say what an order does on entering the market now. Raises Rejected.

    `size` None closes the position, or is what `quote_amount` buys. `replaces` is the order that is amended.
    """
    reducing = order.reduce_only or (size is None and order.quote_amount is None)
    if reducing:
        position = desk.ledger.position(owner, terms.key)
        if not position or (position > 0) == (order.side == BUY):
            if desk.rules.refuses_reduce_only_without_position or size is None:
                raise Rejected(Reason.REDUCE_ONLY)
            return Entry(size, (), "reduce_only")
        size = abs(position) if size is None else min(size, abs(position))
    if order.type != MARKET and order.price is not None:
        _check_band(desk, terms, order.price, now_ms)
    taking = _meets(desk, terms, order, size, now_ms)
    if size is None:
        size = sum((part for _, part in taking), ZERO)
        if taking and size < max(terms.min_size, terms.lot):
            raise Rejected(Reason.MIN_SIZE, least=terms.min_size)
    if order.type == MARKET and not taking:
        raise Rejected(Reason.NO_LIQUIDITY)
    if not reducing:
        filled = order.filled if isinstance(order, Order) else ZERO
        _check_notional(terms, size + filled, taking[0][0] if order.type == MARKET else order.price)
    entry = _ruled(desk, order, size, taking)
    parts = list(entry.taking)
    if not entry.ending and size > entry.taken and order.price is not None:
        parts.append((order.price, size - entry.taken))
    _check_funds(desk, owner, terms, order.side, parts, len(entry.taking), reducing, now_ms, replaces)
    return entry


def _ruled(desk: Desk, order: NewOrder | Order, size: Decimal, taking: list[Level]) -> Entry:
    """Apply post-only, fill-or-kill, and that nothing is left of market and IOC orders."""
    if order.post_only and taking:
        if desk.rules.post_only == REFUSE:
            raise Rejected(Reason.WOULD_TAKE)
        return Entry(size, (), "post_only")
    whole = sum((part for _, part in taking), ZERO) >= size
    if order.tif == FOK and not whole:
        if desk.rules.fok == REFUSE:
            raise Rejected(Reason.UNFILLABLE)
        return Entry(size, (), "fok")
    rests = order.type != MARKET and order.tif == GTC
    return Entry(size, taking, "" if rests or whole else "ioc")


def _meets(desk: Desk, terms: Terms, order: NewOrder | Order, size: Decimal | None, now_ms: int) -> list[Level]:
    """List what the order would take of the book now."""
    taking: list[Level] = []
    left = size
    money = order.quote_amount if size is None else None
    for price, offered in desk.liquidity.walk(terms, order.side, now_ms):
        if order.type != MARKET and order.price is not None:
            beyond = price > order.price if order.side == BUY else price < order.price
            if beyond:
                break
        if left is not None:
            part = min(left, offered)
            left -= part
        else:
            assert money is not None
            each = terms.notional(terms.lot, price)
            part = min(offered, money // each * terms.lot) if each else offered
            money -= terms.notional(part, price)
        if part > 0:
            taking.append((price, part))
        if left == 0 or (left is None and part < offered):
            break
    if size is None and not taking and desk.liquidity.best(terms, order.side, now_ms) is not None:
        raise Rejected(Reason.MIN_SIZE, least=terms.min_size)
    return taking


def _is_sound(number: Decimal) -> bool:
    """Tell whether a number is one that can be counted with."""
    return number.is_finite() and 0 < number < _BEYOND


def check_numbers(terms: Terms, order_type: str, size: Decimal | None, price: Decimal | None) -> None:
    """Check tick, lot and the limits of size. Raises Rejected."""
    if order_type != MARKET and (price is None or not _is_sound(price) or price % terms.tick):
        raise Rejected(Reason.PRICE_TICK, tick=terms.tick)
    if size is None:
        return
    if not _is_sound(size):
        raise Rejected(Reason.MAX_SIZE if size.is_finite() and size > 0 else Reason.MIN_SIZE, least=terms.min_size)
    if size < terms.min_size:
        raise Rejected(Reason.MIN_SIZE, least=terms.min_size)
    if size % terms.lot:
        raise Rejected(Reason.LOT_SIZE, lot=terms.lot)
    most = terms.max_market_size if order_type == MARKET else terms.max_size
    if most is not None and size > most:
        raise Rejected(Reason.MAX_SIZE, most=most)


def _check_notional(terms: Terms, size: Decimal, price: Decimal | None) -> None:
    if price is not None and terms.notional(size, price) < terms.min_notional:
        raise Rejected(Reason.MIN_NOTIONAL, least=terms.min_notional)


def _check_band(desk: Desk, terms: Terms, price: Decimal, now_ms: int) -> None:
    band = desk.rules.price_band
    if band is None:
        return
    middle = desk.liquidity.mark(terms, now_ms)
    if middle and abs(price - middle) > band * middle:
        raise Rejected(Reason.PRICE_BAND, low=middle * (1 - band), high=middle * (1 + band))


def _check_trigger(desk: Desk, terms: Terms, trigger: Trigger, now_ms: int) -> None:
    if not _is_sound(trigger.price) or trigger.price % terms.tick:
        raise Rejected(Reason.PRICE_TICK, tick=terms.tick)
    if fires(trigger, desk.price_of(terms, trigger.source, now_ms)):
        raise Rejected(Reason.WOULD_TRIGGER)


def fires(trigger: Trigger, price: Decimal) -> bool:
    """Tell whether a stop is triggered at this price of its source."""
    if not price:
        return False
    return price >= trigger.price if trigger.rising else price <= trigger.price


def _check_funds(
    desk: Desk,
    owner: str,
    terms: Terms,
    side: str,
    parts: list[Level],
    taken: int,
    reducing: bool,
    now_ms: int,
    replaces: Order | None = None,
) -> None:
    """Refuse what the free balance does not pay for. Raises Rejected."""
    position = desk.ledger.position(owner, terms.key)
    offset = ZERO
    if position and (position > 0) == (side == SELL):
        offset = abs(position)
        if not reducing:
            others = (o for o in desk.roll.live_on(owner, terms.key) if o is not replaces and o.side == side)
            offset = max(ZERO, offset - sum((o.left for o in others if not o.reduce_only), ZERO))
    needed = desk.need(owner, terms, side, parts, offset, taken, now_ms)
    _, wallet, currency = desk.purse(owner, terms, side)
    free = desk.ledger.free(owner, wallet, currency)
    if replaces is not None:
        free += desk.ledger.claimed(replaces.number)
    if reducing and not terms.option:
        return  # whoever leaves a position is never stopped for a fee
    if needed > free:
        raise Rejected(Reason.INSUFFICIENT_FUNDS, currency=currency, needed=needed, free=free)
