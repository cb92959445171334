"""What time does to orders and positions: public trades, stops, funding, dead-man timers, expiry. In order of time."""

from collections.abc import Iterator
from decimal import Decimal
from enum import IntEnum
from itertools import count
from typing import NamedTuple

from simulator.exchange.admission import enters, fires
from simulator.exchange.archive import Archive
from simulator.exchange.desk import Desk
from simulator.exchange.model import (
    BUY,
    CANCELLED,
    EXPIRED,
    REJECTED,
    SELL,
    UNTRIGGERED,
    Order,
    Rejected,
)
from simulator.exchange.terms import ZERO, Key, Terms
from simulator.market.model import Trade

_HOUR_MS = 3_600_000
_MOST_SAMPLES = 1_000
_SAMPLE_MS = 1_000


class Kind(IntEnum):
    """What happens, in the order in which it happens within one millisecond."""

    TIMER = 0
    FUNDING = 1
    TRADE = 2
    SAMPLE = 3
    EXPIRY = 4


class Event(NamedTuple):
    """Something that happened: to a listing, or (timers) to an owner's product. `what` is the trade or funding rate."""

    at_ms: int
    kind: Kind
    place: int
    name: tuple[str, str]
    what: Trade | Decimal | None = None


class Timeline:
    """Carry a desk from the moment it was last looked at to now."""

    def __init__(self, desk: Desk, archive: Archive) -> None:
        self._desk = desk
        self._archive = archive
        self._settled_ms = 0
        self._loaded = False

    def resume(self) -> None:
        """Go on from what was stored: trades and funding since then count."""
        self._loaded = True
        self._settled_ms = 0

    def watch(self, key: Key, now_ms: int) -> None:
        """Begin to follow a listing that has orders or positions."""
        if key in self._archive.looks:
            return
        terms = self._desk.terms_of(key)
        newest = self._desk.liquidity.newest_trade(terms, now_ms)
        interval_ms = terms.listing.funding_interval_h * _HOUR_MS
        self._archive.looks[key] = (newest.trade_id if newest else -1, (now_ms // interval_ms + 1) * interval_ms)

    def note(self, key: Key) -> None:
        """Store up to where this listing's trades were met, with what else is stored next."""
        self._archive.changed_looks.add(key)

    def advance(self, now_ms: int) -> None:
        """Let everything happen that happened until `now_ms`."""
        if now_ms == self._settled_ms:
            return
        since_ms, self._settled_ms = self._settled_ms, now_ms
        keys = set(self._desk.roll.live) | {key for _, key in self._desk.ledger.positions}
        if not keys and not self._archive.timers:
            self._archive.looks.clear()
            return
        for key in [key for key in self._archive.looks if key not in keys]:
            del self._archive.looks[key]
            self.note(key)
        for event in sorted(self._events(keys, since_ms, now_ms), key=lambda event: event[:3]):
            self._happen(event)
        for key in list(self._desk.roll.live):
            self._cross(key, now_ms)
        self._loaded = False

    def print(self, key: Key, trade: Trade, now_ms: int) -> None:
        """Let resting orders and stops meet an extra public trade."""
        self._desk.printed[key] = (now_ms, Decimal(trade.price))
        self._trade(key, trade)

    def fund(self, key: Key, rate: Decimal, now_ms: int) -> None:
        """Settle a perpetual's funding between its settlements."""
        self._fund(key, rate, now_ms)

    def close(self, key: Key, price: Decimal | None, now_ms: int) -> None:
        """Let a listing expire before its time, at `price`; None: at what options are worth at expiry."""
        self._desk.closed[key] = now_ms
        self._deliver(key, now_ms, price)

    def _events(self, keys: set[Key], since_ms: int, now_ms: int) -> Iterator[Event]:
        place = count()
        for name, at_ms in self._archive.timers.items():
            if at_ms <= now_ms:
                yield Event(at_ms, Kind.TIMER, next(place), name)
        for key in sorted(keys):
            self.watch(key, now_ms)
            terms = self._desk.terms_of(key)
            trade_id, funding_ms = self._archive.looks[key]
            if key in self._desk.roll.live:
                trade_id = self._reset(terms, trade_id, now_ms)
                for trade in self._desk.liquidity.trades_since(terms, trade_id, now_ms):
                    trade_id = trade.trade_id
                    yield Event(trade.time_ms, Kind.TRADE, next(place), key, trade)
                for at_ms in self._samples(key, since_ms, now_ms):
                    yield Event(at_ms, Kind.SAMPLE, next(place), key)
            if terms.perpetual and now_ms >= funding_ms:
                market = self._desk.liquidity.market
                for at_ms, rate in list(market.funding_history(terms.listing, funding_ms, now_ms))[-_MOST_SAMPLES:]:
                    yield Event(at_ms, Kind.FUNDING, next(place), key, Decimal(rate))
                    funding_ms = at_ms + 1  # not by the clock: a skewed one must not skip a settlement
            if (trade_id, funding_ms) != self._archive.looks[key]:
                self._archive.looks[key] = (trade_id, funding_ms)
                self.note(key)
            expiry_ms = terms.listing.expiry_ms
            if expiry_ms is not None and now_ms >= expiry_ms:
                yield Event(expiry_ms, Kind.EXPIRY, next(place), key)

    def _reset(self, terms: Terms, trade_id: int, now_ms: int) -> int:
        """Begin anew where a restarted market counts its trades from the start again (a tape)."""
        if self._loaded:
            newest = self._desk.liquidity.newest_trade(terms, now_ms)
            if newest is not None and newest.trade_id < trade_id:
                return newest.trade_id
        return trade_id

    def _samples(self, key: Key, since_ms: int, now_ms: int) -> Iterator[int]:
        """Yield the moments at which stops on mark or index prices look: whole seconds, or fewer of a long time."""
        waiting = [o for o in self._desk.roll.live[key].values() if o.state == UNTRIGGERED and o.trigger]
        if not any(order.trigger and order.trigger.source != "last" for order in waiting):
            return
        since_ms = max(since_ms, min(order.updated_ms for order in waiting))
        step = max(_SAMPLE_MS, (now_ms - since_ms) // _MOST_SAMPLES // _SAMPLE_MS * _SAMPLE_MS)
        yield from range((since_ms // step + 1) * step, now_ms + 1, step)

    def _happen(self, event: Event) -> None:
        at_ms, name = event.at_ms, event.name
        if event.kind is Kind.TIMER:
            self._expire_timer(*name, at_ms)
        elif event.kind is Kind.SAMPLE:
            self._trigger(name, at_ms, ("mark", "index"))
        elif event.kind is Kind.EXPIRY:
            self._deliver(name, at_ms)
        elif isinstance(event.what, Trade):
            self._trade(name, event.what)
        elif event.what is not None:
            self._fund(name, event.what, at_ms)

    def _expire_timer(self, owner: str, product: str, at_ms: int) -> None:
        if self._archive.timers.pop((owner, product), None) is None:
            return
        self._archive.changed_timers.add((owner, product))
        for order in self._desk.roll.of_owner(owner, live=True):
            if product in ("", order.product):
                self._desk.end(order, CANCELLED, "timer", at_ms)

    def _fund(self, key: Key, rate: Decimal, at_ms: int) -> None:
        terms = self._desk.terms_of(key)
        price = self._desk.liquidity.mark(terms, at_ms)
        for (owner, held_key), held in list(self._desk.ledger.positions.items()):
            if held_key == key and held.opened_ms <= at_ms:
                value = -terms.value(abs(held.size), price) * rate
                self._desk.pay(owner, terms, value if held.size > 0 else -value, rate, held.size, at_ms)

    def _trade(self, key: Key, trade: Trade) -> None:
        """Fill what rests at the trade's price or a better one, at most what was traded; then look at the stops."""
        if key not in self._desk.roll.live:
            return
        price, left = Decimal(trade.price), Decimal(trade.size)
        sides = (BUY, SELL) if trade.side == SELL else (SELL, BUY)
        for side in sides:
            for order in self._desk.roll.resting(key, side, price):
                if left <= 0:
                    break
                if order.live:
                    left -= self._make(order, min(left, order.left), trade.time_ms)
        self._trigger(key, trade.time_ms, ("last",), price)

    def _make(self, order: Order, size: Decimal, at_ms: int) -> Decimal:
        """Fill a resting order at its own price, down to whole lots; return how much."""
        assert order.price is not None
        terms = self._desk.terms_of((order.product, order.native_id))
        size = terms.floor(size)
        if size > 0:
            self._desk.fill(order, terms, order.price, size, True, at_ms)
        return size

    def _cross(self, key: Key, now_ms: int) -> None:
        """Fill what the book has moved through."""
        if not any(order.state != UNTRIGGERED for order in self._desk.roll.live.get(key, {}).values()):
            return
        terms, liquidity = self._desk.terms_of(key), self._desk.liquidity
        for side in (BUY, SELL):
            best = liquidity.best(terms, side, now_ms)
            if best is None:
                continue
            for order in self._desk.roll.resting(key, side, best):
                for price, offered in list(_through(liquidity.walk(terms, side, now_ms), order)):
                    if order.live:
                        made = self._make(order, min(offered, order.left), now_ms)
                        liquidity.take(terms, side, price, made, now_ms)

    def _trigger(self, key: Key, at_ms: int, sources: tuple[str, ...], price: Decimal | None = None) -> None:
        """Let the stops that fire enter the book."""
        desk = self._desk
        waiting = [o for o in desk.roll.live.get(key, {}).values() if o.state == UNTRIGGERED and o.trigger]
        for order in waiting:
            assert order.trigger is not None
            if not order.live or order.trigger.source not in sources or order.updated_ms > at_ms:
                continue
            terms = desk.terms_of(key)
            seen = desk.price_of(terms, order.trigger.source, at_ms) if price is None else price
            if fires(order.trigger, seen):
                self._fire(order, terms, at_ms)

    def _fire(self, order: Order, terms: Terms, at_ms: int) -> None:
        self._desk.trigger(order, at_ms)
        try:
            entry = enters(self._desk, order.owner, terms, order, order.size or None, at_ms, replaces=order)
        except Rejected as refusal:
            self._desk.end(order, REJECTED, refusal.reason.value, at_ms)
            return
        order.size = entry.size
        self._desk.enter(order, terms, entry, at_ms)

    def _deliver(self, key: Key, at_ms: int, price: Decimal | None = None) -> None:
        """Let a listing expire: its orders end, its positions are settled, at the index price unless one is given."""
        desk, terms = self._desk, self._desk.terms_of(key)
        for order in list(desk.roll.live.get(key, {}).values()):
            desk.end(order, EXPIRED, "listing", at_ms)
        if price is None:
            price = _delivery_price(terms, desk.liquidity.index(terms, at_ms))
        for (owner, held_key), held in list(desk.ledger.positions.items()):
            if held_key != key:
                continue
            if terms.option:
                worth = terms.value(abs(held.size), price)
                value = worth if held.size > 0 else -worth
            else:
                value = terms.gain(held.size, held.entry_price, price)
            desk.deliver(held, terms, value, price, at_ms)
            desk.rehold(owner, terms, at_ms)


def _through(levels: Iterator[tuple[Decimal, Decimal]], order: Order) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield the levels that lie strictly beyond the order's price."""
    assert order.price is not None
    for price, size in levels:
        if not (price < order.price if order.side == BUY else price > order.price):
            return
        yield price, size


def _delivery_price(terms: Terms, index: Decimal) -> Decimal:
    """Return what one unit is settled at: the index, of an option what it is worth then in its price's unit."""
    listing = terms.listing
    if not terms.option or not index:
        return index
    strike = Decimal(listing.strike or 0)
    is_call = (listing.option_type or "").lower().startswith("c")
    worth = max(ZERO, index - strike if is_call else strike - index)
    return worth / index if listing.settle == listing.base else worth
