"""What happens to accounts when an order trades, rests, ends or is triggered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from simulator.exchange.fees import Fees
from simulator.exchange.ledger import Ledger, Numbers, Purse
from simulator.exchange.liquidity import Level, Liquidity
from simulator.exchange.model import (
    BUY,
    CANCELLED,
    FILLED,
    OPEN,
    PARTLY_FILLED,
    SELL,
    UNTRIGGERED,
    ExchangeRules,
    Fill,
    FundingPayment,
    Order,
    PositionState,
)
from simulator.exchange.roll import DELIVERY, FUNDING, Roll
from simulator.exchange.tally import Tally
from simulator.exchange.terms import ONE, ZERO, Key, Terms, amount
from simulator.market.model import Listing


@dataclass
class Entry:
    """How an order enters the market: what it takes at once, and why it ends without resting (`ending`), if so."""

    size: Decimal
    taking: Sequence[Level] = ()
    ending: str = ""
    taken: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.taken = sum((size for _, size in self.taking), ZERO)


class Desk:
    """Orders, accounts and the market of one venue, and the moves between them. Admission checks nothing here."""

    def __init__(self, rules: ExchangeRules, liquidity: Liquidity) -> None:
        self.rules = rules
        self.liquidity = liquidity
        self.numbers = Numbers()
        self.ledger = Ledger(rules.deposits, self.numbers)
        self.fees = Fees(rules, liquidity)
        self.roll = Roll()
        self.tally = Tally()
        self.listings: dict[Key, Listing] = {}
        """Listings that orders or positions are about, whether or not the market still has them."""
        self.closed: dict[Key, int] = {}
        """Listings that were delivered before their time, and when."""
        self.on_position: Callable[[Key], None] = lambda _: None
        self.printed: dict[Key, tuple[int, Decimal]] = {}
        """Extra public trades that were asked for: the last one per listing, time and price."""
        self._terms: dict[Key, Terms] = {}

    def price_of(self, terms: Terms, source: str, now_ms: int) -> Decimal:
        """Return the last, mark or index price; 0 where there is none."""
        if source == "mark":
            return self.liquidity.mark(terms, now_ms)
        if source == "index":
            return self.liquidity.index(terms, now_ms)
        printed = self.printed.get(terms.key)
        if printed is not None:
            newest = self.liquidity.newest_trade(terms, now_ms)
            if newest is None or newest.time_ms <= printed[0]:
                return printed[1]
        return self.liquidity.last(terms, now_ms)

    def terms(self, listing: Listing) -> Terms:
        """Return the numbers of a listing."""
        key = (listing.product, listing.native_id)
        known = self._terms.get(key)
        if known is None or known.listing is not listing:
            known = self._terms[key] = Terms(listing, self.rules.wallet(listing))
        return known

    def terms_of(self, key: Key) -> Terms:
        """Return the numbers of a listing that has orders or positions."""
        return self.terms(self.listings[key])

    def leverage(self, owner: str, key: Key) -> int:
        """Return the leverage of an owner's positions in a listing."""
        return self.ledger.leverages.get((owner, key), self.rules.leverage)

    def purse(self, owner: str, terms: Terms, side: str) -> Purse:
        """Tell what an order locks: base for selling on spot, else quote or settle."""
        currency = terms.listing.base if terms.spot and side == SELL else terms.currency
        return (owner, terms.wallet, currency)

    def need(
        self, owner: str, terms: Terms, side: str, parts: Sequence[Level], offset: Decimal, taken: int, now_ms: int
    ) -> Decimal:
        """Return what `parts` (price, size) need of the purse; the first `taken` of them pay the taker's fee at once.

        `offset` is how much of the size closes a position and needs no margin.
        """
        total = ZERO
        if terms.spot:
            if side == SELL:
                return sum((size for _, size in parts), ZERO)
            for place, (price, size) in enumerate(parts):
                total += terms.value(size, price)
                if self.rules.fee_in_quote:
                    total += max(ZERO, terms.fee(size, price, place >= taken, ONE))
            return total
        index = self.liquidity.index_in_settle(terms, now_ms)
        leverage = self.leverage(owner, terms.key)
        for place, (price, size) in enumerate(parts):
            if terms.option and side == BUY:
                total += terms.value(size, price)
            else:
                opening = size - min(size, offset)
                offset -= size - opening
                total += terms.margin(opening, price, leverage)
            total += max(ZERO, terms.fee(size, price, place >= taken, index))
        return total

    def rehold(self, owner: str, terms: Terms, now_ms: int) -> None:
        """Lock anew what an owner's position and orders in a listing need."""
        key = terms.key
        offset = ZERO
        held = self.ledger.positions.get((owner, key))
        if not terms.spot:
            purse = (owner, terms.wallet, terms.currency)
            margin = ZERO
            if held and (held.size < 0 or not terms.option):
                margin = terms.margin(abs(held.size), held.entry_price, held.leverage)
            self.ledger.hold((owner, key), purse, margin)
            offset = abs(held.size) if held else ZERO
        closing = (SELL if held.size > 0 else BUY) if held else ""
        for order in self.roll.live_on(owner, key):
            offset -= self._hold(order, terms, offset if order.side == closing else ZERO, now_ms)

    def _hold(self, order: Order, terms: Terms, offset: Decimal, now_ms: int) -> Decimal:
        """Lock what one order needs and return how much of the position it closes."""
        price = order.price or (order.trigger.price if order.trigger else ZERO)
        purse = self.purse(order.owner, terms, order.side)
        waits = order.state == UNTRIGGERED and not terms.spot
        if order.reduce_only or waits:
            self.ledger.hold(order.number, purse, ZERO)
            return ZERO
        need = self.need(order.owner, terms, order.side, [(price, order.left)], offset, 0, now_ms)
        self.ledger.hold(order.number, purse, need)
        return min(order.left, offset)

    def release(self, order: Order, terms: Terms, now_ms: int) -> None:
        """Unlock what an order held that ended."""
        self.ledger.hold(order.number, self.purse(order.owner, terms, order.side), ZERO)
        if self._closes(order, terms):
            self.rehold(order.owner, terms, now_ms)

    def _closes(self, order: Order, terms: Terms) -> bool:
        """Tell whether an order is on the side that closes a position: those share what there is to close."""
        position = self.ledger.position(order.owner, terms.key)
        return bool(position) and (position > 0) == (order.side == SELL)

    def end(self, order: Order, state: str, reason: str, now_ms: int) -> None:
        """Let an order end."""
        order.state, order.state_reason, order.updated_ms = state, reason, now_ms
        self.roll.touch(order)
        self.release(order, self.terms_of((order.product, order.native_id)), now_ms)

    def enter(self, order: Order, terms: Terms, entry: Entry, now_ms: int) -> None:
        """Let an order that was admitted take what it meets, and rest or end."""
        taking_side = order.side
        for price, size in entry.taking:
            self.liquidity.take(terms, taking_side, price, size, now_ms)
            self.fill(order, terms, price, size, False, now_ms)
        if not order.live:
            return
        if entry.ending:
            self.end(order, self.rules.leftover, entry.ending, now_ms)
            return
        self.roll.touch(order)
        if self._closes(order, terms):
            self.rehold(order.owner, terms, now_ms)
        else:
            self._hold(order, terms, ZERO, now_ms)

    def fill(self, order: Order, terms: Terms, price: Decimal, size: Decimal, maker: bool, time_ms: int) -> None:
        """Book one trade of an order."""
        ledger, owner, wallet = self.ledger, order.owner, terms.wallet
        value = terms.value(size, price)
        fee = terms.fee(size, price, maker, self.liquidity.index_in_settle(terms, time_ms))
        currency, realized, buys = terms.currency, ZERO, order.side == BUY
        if terms.spot:
            base = terms.listing.base
            ledger.add(owner, wallet, base, size if buys else -size)
            ledger.add(owner, wallet, currency, -value if buys else value)
            if buys and not self.rules.fee_in_quote:
                currency, fee = base, size * (terms.maker if maker else terms.taker)
        else:
            leverage = self.leverage(owner, terms.key)
            realized = ledger.move_position(owner, terms, order.side, size, price, leverage, time_ms)
            paid = (value if buys else -value) if terms.option else -realized
            ledger.add(owner, wallet, currency, -paid)
        fee, currency = self.fees.charged(
            owner, terms, fee, currency, price, lambda coin: ledger.free(owner, wallet, coin), time_ms
        )
        ledger.add(owner, wallet, currency, -fee)
        self.numbers.fill += 1
        number = self.numbers.fill
        made = Fill(
            self.rules.trade_id(number),
            number,
            order.id,
            order.client_id,
            owner,
            order.product,
            order.native_id,
            order.side,
            price,
            size,
            fee,
            currency,
            maker,
            time_ms,
            realized,
        )
        self.roll.add_fill(made)
        self.tally.trade(terms, made)
        order.filled += size
        order.filled_quote += value
        order.fees[currency] = order.fees.get(currency, ZERO) + fee
        order.updated_ms = time_ms
        order.state = FILLED if order.filled >= order.size else PARTLY_FILLED
        self._after_fill(order, terms, time_ms)

    def _after_fill(self, order: Order, terms: Terms, time_ms: int) -> None:
        self.roll.touch(order)
        purse = self.purse(order.owner, terms, order.side)
        if terms.spot:
            self.ledger.hold(order.number, purse, ZERO)
            if order.live:
                self._hold(order, terms, ZERO, time_ms)
            return
        self.ledger.hold(order.number, purse, ZERO)
        self.on_position(terms.key)
        self.trim(order.owner, terms, time_ms)
        self.rehold(order.owner, terms, time_ms)

    def trim(self, owner: str, terms: Terms, time_ms: int) -> None:
        """Cut reduce-only orders to the position, and cancel those that have none to reduce."""
        position = self.ledger.position(owner, terms.key)
        for order in self.roll.live_on(owner, terms.key):
            if not order.reduce_only or order.state == UNTRIGGERED:
                continue
            if not position or (position > 0) == (order.side == BUY):
                self.end(order, CANCELLED, "reduce_only", time_ms)
            elif order.left > abs(position):
                order.size = order.filled + abs(position)
                self.roll.touch(order)

    def trigger(self, order: Order, now_ms: int) -> None:
        """Note that a stop was triggered: it is open from now on."""
        order.state, order.triggered_ms, order.updated_ms = OPEN, now_ms, now_ms
        self.roll.touch(order)

    def deliver(self, held: PositionState, terms: Terms, value: Decimal, price: Decimal, time_ms: int) -> None:
        """Settle a position for ever: `value` goes into the wallet, `price` is kept as the payment's rate."""
        size, place = held.size, (held.owner, terms.key)
        del self.ledger.positions[place]
        self.ledger.changed_positions.add(place)
        self.pay(held.owner, terms, value, price, size, time_ms, DELIVERY)

    def pay(
        self, owner: str, terms: Terms, value: Decimal, rate: Decimal, size: Decimal, time_ms: int, kind: str = FUNDING
    ) -> None:
        """Book funding or a delivery, below zero where it is paid."""
        value = amount(value, self.rules.payment_decimals)
        self.ledger.add(owner, terms.wallet, terms.currency, value)
        self.numbers.payment += 1
        number = self.numbers.payment
        made = FundingPayment(
            self.rules.trade_id(number), number, owner, *terms.key, time_ms, value, terms.currency, rate, size
        )
        self.roll.add_payment(kind, made)
        self.tally.pay(terms, made, delivers=kind == DELIVERY)
