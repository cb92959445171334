"""How orders on paper are filled: against the book as it is seen, and against the public trades since. Pure.

Whatever cannot be known is decided against the order: it stands behind all that stood at its price when it came, gets
at most what was traded beyond that, and of a book that crosses it no more than is there.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from connectors.paper.account import MARGIN, PAID, ZERO, Account, PaperOrder, Terms
from connectors.paper.view import Offer, Seen, View, better, lots
from domain.errors import Refused
from domain.instruments import Instrument
from domain.money import plain
from domain.orders import BUY, CANCELLED, EXPIRED, FOK, GTC, IOC, PRICED, STOP, OrderSpec, notional
from domain.trades import PublicTrade

AT_QUOTE = "filled at the quote: the venue shows no sizes"
GAP = "public trades are missing since the last look; meanwhile only the book counted"


def check(instrument: Instrument, spec: OrderSpec, price: Decimal | None, now_ms: int) -> None:
    """Hold an order against the instrument's grid and minimums, as a venue does.

    Args:
        price: what the order is worth per base unit where it has no price of its own.

    Raises:
        Refused: saying which rule it breaks.
    """
    where = f"{instrument.venue} (paper) {instrument.symbol}"
    if not instrument.active or (instrument.expiry_ms is not None and instrument.expiry_ms <= now_ms):
        raise Refused(f"{where} is not traded now.", venue=instrument.venue)
    for name, value, step in (
        ("price", spec.price, instrument.tick_size),
        ("stop price", spec.stop_price, instrument.tick_size),
        ("size", spec.size, instrument.lot_size),
    ):
        if value is not None and (not value.is_finite() or value <= 0):
            raise Refused(f"{where}: the {name} must be above zero.", venue=instrument.venue)
        if value is not None and step and value % step:
            raise Refused(
                f"{where}: the {name} {plain(value)} is no multiple of {plain(step)}.", venue=instrument.venue
            )
    if instrument.min_size is not None and spec.size < instrument.min_size:
        raise Refused(f"{where} takes {plain(instrument.min_size)} at least.", venue=instrument.venue)
    value_price = spec.price or spec.stop_price or price
    if instrument.min_notional and value_price and not spec.reduce_only:
        worth = notional(instrument, spec.size, value_price)
        if worth < instrument.min_notional:
            least = plain(instrument.min_notional)
            raise Refused(f"{where} takes orders worth {least} {instrument.quote} at least.", venue=instrument.venue)


def plan(offers: Sequence[Offer], side: str, size: Decimal, limit: Decimal | None) -> list[tuple[Decimal, Decimal]]:
    """List (price, size) of what an order takes of a side, as far as its limit allows."""
    found: list[tuple[Decimal, Decimal]] = []
    for price, there in offers:
        if size <= 0 or (limit is not None and better(side, price, limit)):
            break
        taken = size if there is None else min(size, there)
        if taken > 0:
            found.append((price, taken))
            size -= taken
    return found


def place(account: Account, terms: Terms, order: PaperOrder, view: View, now_ms: int) -> None:
    """Take an order in: it fills at once as far as the book goes, and rests, lapses or waits as it says.

    Raises:
        Refused: it may not stand; the account is as it was.
    """
    wants = min(order.left, account.reducible(order)) if order.reduce_only else order.left
    if order.reduce_only and wants <= 0:
        raise _refused(terms, "there is no position that the order would reduce")
    if order.waits:
        _check_stop(terms, order, view)
        _check_funds(account, terms, order, [(order.price or order.stop_price or ZERO, wants)])
        _enter(account, terms, order)
        return
    takes = plan(view.against(order.side), order.side, wants, order.price)
    if order.post_only and takes:
        raise _refused(terms, "a post-only order that would take")
    rest = wants - sum((size for _, size in takes), ZERO)
    rests = [(order.price, rest)] if order.price is not None and rest > 0 and order.tif == GTC else []
    _check_funds(account, terms, order, [*takes, *rests])
    _enter(account, terms, order)
    _execute(account, terms, order, takes, view, now_ms)
    if order.live:
        queue(order, view, now_ms)


def queue(order: PaperOrder, view: View, now_ms: int) -> None:
    """Put an order behind all that rests at its price."""
    order.since_ms = max(now_ms, view.time_ms or 0)
    order.ahead = view.standing(order.side, order.price) if order.price is not None else None


def catch_up(account: Account, terms: Terms, seen: Seen, now_ms: int) -> None:
    """Let an instrument's orders and position meet all that happened since the last look, in the order of time."""
    symbol = terms.instrument.symbol
    trades = _fresh(account, symbol, seen.trades or ())
    points = sorted(seen.funding, key=lambda point: point.time_ms)
    mark = seen.view.mid
    for trade in trades:
        while points and mark is not None and points[0].time_ms <= trade.time_ms:
            point = points.pop(0)
            account.pay_funding(terms, point.time_ms, point.rate, mark)
        _meet(account, terms, trade)
    if mark is not None:
        for point in points:
            account.pay_funding(terms, point.time_ms, point.rate, mark)
        position = account.positions.get(symbol)
        if position is not None and seen.funded_until_ms is not None:
            position.funded_ms = max(position.funded_ms, seen.funded_until_ms)
    _meet_book(account, terms, seen.view, now_ms)
    if seen.gap:
        for order in account.live(symbol):
            order.reason = GAP


def amend(
    account: Account,
    terms: Terms,
    order: PaperOrder,
    view: View,
    now_ms: int,
    *,
    size: Decimal | None,
    price: Decimal | None,
) -> None:
    """Change an order: it keeps its place only where nothing but its size shrinks, and may take at its new price.

    Raises:
        Refused: it may not stand so; nothing has changed.
    """
    before = (order.size, order.price)
    new_size, new_price = size or order.size, price or order.price
    if new_size <= order.filled:
        raise _refused(terms, f"{plain(order.filled)} are filled already")
    for name, value, step in (("price", price, terms.instrument.tick_size), ("size", size, terms.instrument.lot_size)):
        if value is not None and (value <= 0 or (step and value % step)):
            raise _refused(terms, f"the {name} {plain(value)} is not on the grid")
    if price is not None and order.price is None:
        raise _refused(terms, "it has no price")
    order.held, order.size, order.price = ZERO, new_size, new_price
    takes = [] if order.waits else plan(view.against(order.side), order.side, order.left, new_price)
    if order.post_only and takes and new_price != before[1]:
        raise _refused(terms, "a post-only order that would take")
    _check_funds(account, terms, order, [(new_price or order.stop_price or ZERO, order.left)])
    order.updated_ms = max(order.updated_ms, now_ms)
    account.hold(terms)
    moved = new_price != before[1]
    if not order.waits and moved:
        order.from_book = ZERO
        _execute(account, terms, order, takes, view, now_ms)
    if order.live and not order.waits and (moved or new_size > before[0]):
        queue(order, view, now_ms)


def liquidate(account: Account, priced: Mapping[str, tuple[Terms, Decimal]], now_ms: int) -> None:
    """Close all positions of a currency whose losses have used it up, where every one of them can be valued.

    Args:
        priced: terms and mark price by symbol.
    """
    held: dict[str, list[str]] = {}
    for symbol, position in account.positions.items():
        if position.size and position.margin:
            held.setdefault(position.currency, []).append(symbol)
    for currency, symbols in held.items():
        if not all(symbol in priced for symbol in symbols):
            continue
        gains = {symbol: account.unrealized(*priced[symbol]) for symbol in symbols}
        if account.balances.get(currency, ZERO) + sum(gains.values(), ZERO) <= 0:
            for symbol in sorted(symbols, key=lambda name: gains[name], reverse=True):
                account.liquidate(*priced[symbol], now_ms)


def _check_stop(terms: Terms, order: PaperOrder, view: View) -> None:
    mid = view.mid
    if mid is None or order.stop_price is None:
        raise _refused(terms, "there is no price to hold the stop against")
    if order.stop_price <= mid if order.side == BUY else order.stop_price >= mid:
        raise _refused(terms, f"the stop would fire at once (the market is at {plain(mid)})")


def _check_funds(account: Account, terms: Terms, order: PaperOrder, parts: list[tuple[Decimal, Decimal]]) -> None:
    """Make sure that all parts of an order can be paid for or held."""
    size = sum((part for _, part in parts), ZERO)
    if not size:
        return
    worth = sum((terms.worth(part, price) for price, part in parts), ZERO)
    currency = terms.currency
    if terms.payment == PAID:
        buying = order.side == BUY
        currency = terms.currency if buying else terms.instrument.base
        needs = worth * (1 + terms.highest_fee) if buying else size
    else:
        opens = ZERO if order.reduce_only else max(ZERO, size - account.reducible(order))
        if opens and order.side != BUY and terms.payment != MARGIN:
            raise _refused(terms, "on paper options can only be sold by those who hold them")
        needs = account.needs(terms, order.side, worth * opens / size) if opens else ZERO
    free = account.free(currency)
    if needs > free:
        raise _refused(
            terms, f"the order needs {plain(round(needs, 8))} {currency}, and {plain(round(free, 8))} are free"
        )


def _enter(account: Account, terms: Terms, order: PaperOrder) -> None:
    account.orders.append(order)
    account.hold(terms)


def _execute(
    account: Account, terms: Terms, order: PaperOrder, takes: list[tuple[Decimal, Decimal]], view: View, now_ms: int
) -> None:
    """Take from the book; what is left of an order that may not rest lapses."""
    there = sum((size for _, size in takes), ZERO)
    if order.tif == FOK and there < order.left:
        order.end(EXPIRED, now_ms, "it could not be filled whole at once")
        takes = []
    for price, size in takes:
        if order.live:
            order.from_book += account.fill(order, terms, price, size, maker=False, time_ms=now_ms)
    if order.filled and view.indicative:
        order.reason = AT_QUOTE
    if order.live and (order.type not in PRICED or order.tif in (IOC, FOK)):
        order.end(EXPIRED, now_ms, "the rest found nothing to take")
    account.hold(terms)


def _fresh(account: Account, symbol: str, trades: Sequence[PublicTrade]) -> list[PublicTrade]:
    """Keep the trades that were not looked at yet, and move the cursor behind them."""
    until_ms, known = account.cursors.get(symbol, (0, []))
    fresh = [
        trade
        for trade in trades
        if trade.time_ms > until_ms or (trade.time_ms == until_ms and trade.trade_id not in known)
    ]
    if fresh:
        last_ms = fresh[-1].time_ms
        ids = {trade.trade_id for trade in trades if trade.time_ms == last_ms}
        account.cursors[symbol] = (last_ms, sorted(ids.union(known if last_ms == until_ms else ())))
    return fresh


def _meet(account: Account, terms: Terms, trade: PublicTrade) -> None:
    """Let one public trade fill resting orders, the better prices first, and fire stops."""
    size = lots(terms.instrument, trade.size, trade.price)
    resting = [
        order
        for order in account.live(terms.instrument.symbol)
        if not order.waits and order.price is not None and order.since_ms < trade.time_ms
    ]
    resting.sort(key=lambda order: -(order.price or ZERO) if order.side == BUY else (order.price or ZERO))
    taken = ZERO
    for order in resting:
        if not order.live or order.price is None:
            continue
        there = ZERO
        if better(order.side, order.price, trade.price):
            there = size - taken
        elif order.price == trade.price and order.ahead is not None and trade.side != order.side:
            there = size - order.ahead - taken
            order.ahead = max(ZERO, order.ahead - size)
        if there > 0:
            taken += account.fill(
                order, terms, order.price, min(there, order.left), maker=not order.triggered, time_ms=trade.time_ms
            )
    for order in list(account.live(terms.instrument.symbol)):
        if order.waits and order.stop_price is not None and order.since_ms < trade.time_ms:
            reached = trade.price >= order.stop_price if order.side == BUY else trade.price <= order.stop_price
            if reached:
                order.triggered, order.trigger_price = True, trade.price
                order.since_ms = order.updated_ms = trade.time_ms


def _meet_book(account: Account, terms: Terms, view: View, now_ms: int) -> None:
    """Let the book as it is now fill what it crosses: stops that have fired, and resting orders at their own price."""
    taken = dict.fromkeys(("buy", "sell"), ZERO)
    for order in sorted(account.live(terms.instrument.symbol), key=lambda item: item.number):
        if order.waits:
            continue
        offers = view.against(order.side)
        if order.type == STOP or order.tif in (IOC, FOK):
            takes = _no_better(plan(offers, order.side, order.left, order.price), order)
            _execute(account, terms, order, takes, view, now_ms)
            continue
        crossing = plan(offers, order.side, order.left + order.from_book + taken[order.side], order.price)
        there = sum((size for _, size in crossing), ZERO) - order.from_book - taken[order.side]
        if there > 0 and order.price is not None:
            filled = account.fill(
                order, terms, order.price, min(there, order.left), maker=not order.triggered, time_ms=now_ms
            )
            order.from_book += filled
            taken[order.side] += filled
        if order.live and order.price is not None:
            standing = view.standing(order.side, order.price)
            if standing is not None:
                order.ahead = standing if order.ahead is None else min(order.ahead, standing)
        if order.live and order.reduce_only and not account.reducible(order):
            order.end(CANCELLED, now_ms, "there is no position left to reduce")


def _no_better(takes: list[tuple[Decimal, Decimal]], order: PaperOrder) -> list[tuple[Decimal, Decimal]]:
    """Give a stop no better price than the trade that fired it had: the book is looked at later than it fired."""
    fired = order.trigger_price
    if fired is None:
        return takes
    worse, bound = (max, min) if order.side == BUY else (min, max)
    prices = [worse(price, fired) for price, _ in takes]
    if order.price is not None:
        prices = [bound(price, order.price) for price in prices]
    return [(price, size) for price, (_, size) in zip(prices, takes, strict=True)]


def _refused(terms: Terms, why: str) -> Refused:
    venue = terms.instrument.venue
    return Refused(f"{venue} (paper) refused the order: {why}.", venue=venue)
