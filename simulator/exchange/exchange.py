"""One venue's matching engine and accounts, without any wire format."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from simulator.exchange.admission import check_numbers, enters, examine, waits
from simulator.exchange.archive import Archive
from simulator.exchange.desk import Desk, Entry
from simulator.exchange.liquidity import Liquidity
from simulator.exchange.model import (
    CANCELLED,
    OPEN,
    UNTRIGGERED,
    Account,
    ExchangeRules,
    Fill,
    FundingPayment,
    NewOrder,
    Order,
    Reason,
    Rejected,
)
from simulator.exchange.records import Records
from simulator.exchange.store import Store
from simulator.exchange.terms import Terms
from simulator.exchange.timeline import Timeline
from simulator.market.model import Listing, Market, Trade


class Exchange(Records):
    """Match users' orders with the market by price and time, and keep their accounts.

    Whoever looks, at whatever time, first lets everything happen that happened since the last look. Users' orders do
    not meet one another, and the market does not notice them. With a `store` every change is on disk before a method
    returns.
    """

    def __init__(
        self,
        venue: str,
        market: Market,
        clock: Callable[[], int],
        rules: ExchangeRules,
        store: Store | None = None,
        accounts: Sequence[Account] = (),
    ) -> None:
        self.venue = venue
        self.market = market
        self.clock = clock
        self.rules = rules
        self._accounts = {account.key: account for account in accounts}
        self._desk = Desk(rules, Liquidity(market))
        self.fees = self._desk.fees  # who pays in a coin; a change is stored at the next look
        self._archive = Archive(venue, self._desk, store)
        self._time = Timeline(self._desk, self._archive)
        self._desk.on_position = lambda key: self._time.note(key)
        self._begin()

    def open(self, store: Store) -> None:
        """Go on from what is stored, and store every change from now on."""
        self._archive.store = store
        self._begin()

    def _begin(self) -> None:
        desk = self._desk
        start = self.clock()
        numbers = desk.numbers  # which start so high that no later run repeats an id
        numbers.order = numbers.fill = numbers.payment = numbers.transfer = desk.ledger.opened_ms = start
        self._archive.load()
        current = {(each.product, each.native_id): each for each in self.market.listings(self.venue)}
        desk.listings |= {key: current[key] for key in desk.listings if key in current}
        for owner, key in {(o.owner, (o.product, o.native_id)) for o in desk.roll.orders.values() if o.live} | set(
            desk.ledger.positions
        ):
            desk.rehold(owner, desk.terms_of(key), start)
        self._time.resume()

    def account(self, key: str) -> Account | None:
        """Find the account that an API key leads to."""
        return self._accounts.get(key)

    def settle(self, now_ms: int) -> None:
        """Let everything happen that happened until `now_ms`. All other methods do so first."""
        self._time.advance(now_ms)
        self._archive.commit()

    def place(self, account: Account, listing: Listing, order: NewOrder, now_ms: int) -> Order:
        """Place an order; it may be filled or have ended when this returns. Raises Rejected."""
        self.settle(now_ms)
        owner, terms = account.owner, self._desk.terms(listing)
        entry = examine(self._desk, owner, terms, order, now_ms)
        made = self._number(owner, listing, order, entry, now_ms)
        self._desk.listings[terms.key] = listing
        self._desk.roll.add(made)
        self._desk.roll.touch(made)
        self._time.watch(terms.key, now_ms)
        self._time.note(terms.key)
        if made.state == UNTRIGGERED:
            self._desk.rehold(owner, terms, now_ms)
        else:
            self._desk.enter(made, terms, entry, now_ms)
        self._archive.commit()
        return made

    def check(self, account: Account, listing: Listing, order: NewOrder, now_ms: int) -> None:
        """Check an order by the same rules and place nothing. Raises Rejected."""
        self.settle(now_ms)
        examine(self._desk, account.owner, self._desk.terms(listing), order, now_ms)

    def _number(self, owner: str, listing: Listing, order: NewOrder, entry: Entry, now_ms: int) -> Order:
        self._desk.numbers.order += 1
        number = self._desk.numbers.order
        closes = order.size is None and order.quote_amount is None
        return Order(
            self.rules.order_id(number),
            number,
            owner,
            listing.product,
            listing.native_id,
            order.side,
            order.type,
            entry.size,
            order.price,
            order.tif,
            order.post_only,
            order.reduce_only or closes,
            order.client_id,
            order.trigger,
            now_ms,
            now_ms,
            UNTRIGGERED if order.trigger else OPEN,
            quote_amount=order.quote_amount,
            extra=dict(order.extra),
        )

    def cancel(self, account: Account, order: Order, now_ms: int, reason: str = "user") -> Order:
        """Cancel an order. Raises Rejected (CLOSED_ORDER) where it has ended, UNKNOWN_ORDER where it is another's."""
        self.settle(now_ms)
        self._check_own(account, order)
        self._desk.end(order, CANCELLED, reason, now_ms)
        self._archive.commit()
        return order

    def amend(
        self,
        account: Account,
        order: Order,
        now_ms: int,
        *,
        price: Decimal | None = None,
        size: Decimal | None = None,
    ) -> Order:
        """Change the price or the whole size (what is filled included). Raises Rejected, and nothing has changed.

        The place in the queue is kept where only the size shrinks.
        """
        self.settle(now_ms)
        self._check_own(account, order)
        new_price = order.price if price is None else price
        new_size = order.size if size is None else size
        if (new_price, new_size) == (order.price, order.size):
            raise Rejected(Reason.NO_CHANGE, order)
        terms = self._desk.terms_of((order.product, order.native_id))
        check_numbers(terms, order.type, new_size or None, new_price)
        if new_size <= order.filled and new_size:
            raise Rejected(Reason.MIN_SIZE, order, least=order.filled)
        shrinks = new_price == order.price and new_size < order.size
        before = (order.price, order.size)
        order.price, order.size = new_price, new_size
        try:
            entry = self._entry(order, terms, now_ms)
        except Rejected:
            order.price, order.size = before
            raise
        order.updated_ms = now_ms
        if not shrinks:
            self._desk.numbers.order += 1  # later than every order so far
            self._desk.roll.ranks[order.number] = self._desk.numbers.order
        self._desk.roll.touch(order)
        self._time.note(terms.key)
        if entry is None:
            self._desk.rehold(order.owner, terms, now_ms)
        else:
            self._desk.enter(order, terms, entry, now_ms)
        self._archive.commit()
        return order

    def _entry(self, order: Order, terms: Terms, now_ms: int) -> Entry | None:
        """Say how the rest of an amended order enters; None where it waits to be triggered."""
        if order.state == UNTRIGGERED:
            waits(self._desk, order.owner, terms, order, order.size, now_ms, replaces=order)
            return None
        entry = enters(self._desk, order.owner, terms, order, order.left, now_ms, replaces=order)
        if entry.size < order.left:
            order.size = order.filled + entry.size
        return entry

    def _check_own(self, account: Account, order: Order) -> None:
        if order.owner != account.owner:
            raise Rejected(Reason.UNKNOWN_ORDER)
        if not order.live:
            raise Rejected(Reason.CLOSED_ORDER, order)

    def keep(self, order: Order) -> None:
        """Store what the venue changed in an order's `extra`, which holds what JSON can."""
        self._desk.roll.touch(order)
        self._archive.commit()

    def leverage(self, account: Account, listing: Listing) -> int:
        """Return the leverage of an account's positions in a listing."""
        return self._desk.leverage(account.owner, (listing.product, listing.native_id))

    def set_leverage(self, account: Account, listing: Listing, leverage: int) -> None:
        """Set the leverage. Raises Rejected where the margin it asks for is not there."""
        desk, owner = self._desk, account.owner
        terms = desk.terms(listing)
        before = desk.leverage(owner, terms.key)
        self._apply_leverage(owner, terms, leverage)
        if leverage < before and desk.ledger.free(owner, terms.wallet, terms.currency) < 0:
            self._apply_leverage(owner, terms, before)
            raise Rejected(Reason.INSUFFICIENT_FUNDS, currency=terms.currency)
        self._archive.changed_leverages.add((owner, terms.key))
        self._archive.commit()

    def _apply_leverage(self, owner: str, terms: Terms, leverage: int) -> None:
        self._desk.ledger.leverages[(owner, terms.key)] = leverage
        held = self._desk.ledger.positions.get((owner, terms.key))
        if held is not None:
            held.leverage = leverage
            self._desk.ledger.changed_positions.add((owner, terms.key))
        self._desk.rehold(owner, terms, self.clock())

    def set_timer(self, account: Account, seconds: int | None, now_ms: int, product: str | None = None) -> int | None:
        """Cancel everything (of one product) in so many seconds unless told again; None or 0 switches that off.

        Returns the time in epoch ms at which it is due.
        """
        self.settle(now_ms)
        name = (account.owner, product or "")
        due_ms = now_ms + seconds * 1000 if seconds else None
        if due_ms is None:
            self._archive.timers.pop(name, None)
        else:
            self._archive.timers[name] = due_ms
        self._archive.changed_timers.add(name)
        self._archive.commit()
        return due_ms

    def print_trade(self, listing: Listing, price: Decimal, size: Decimal, side: str, now_ms: int) -> list[Fill]:
        """Let resting orders and stops meet one more public trade; return the fills it led to."""
        self.settle(now_ms)
        terms = self._desk.terms(listing)
        self._desk.listings.setdefault(terms.key, listing)
        before = self._desk.numbers.fill
        self._time.print(terms.key, Trade(0, now_ms, f"{price:f}", f"{size:f}", side), now_ms)
        self._archive.commit()
        found = (fill for fills in self._desk.roll.fills.values() for fill in fills if fill.number > before)
        return sorted(found, key=_number_of)

    def settle_funding(self, listing: Listing, now_ms: int) -> list[FundingPayment]:
        """Settle a perpetual's funding now, at the running rate, as no venue does; return what it led to."""
        self.settle(now_ms)
        before = self._desk.numbers.payment
        self._desk.listings.setdefault(self._desk.terms(listing).key, listing)
        self._time.fund(self._desk.terms(listing).key, Decimal(self.market.funding(listing, now_ms).rate), now_ms)
        self._archive.commit()
        return self._payments_after(before)

    def expire(self, listing: Listing, now_ms: int) -> list[FundingPayment]:
        """Let a dated listing expire now: futures at the mark price, options at what they are worth at expiry.

        It takes no more orders; what the market tells of it goes on.
        """
        self.settle(now_ms)
        terms, before = self._desk.terms(listing), self._desk.numbers.payment
        self._desk.listings.setdefault(terms.key, listing)
        self._time.close(terms.key, None if terms.option else self._desk.liquidity.mark(terms, now_ms), now_ms)
        self._archive.commit()
        return self._payments_after(before)

    def reset(self) -> None:
        """Forget all orders, fills and positions, and give everybody the deposits again. Ids go on counting."""
        self._archive.clear()
        self._desk.ledger.opened_ms = self.clock()
        self._archive.commit()


def _number_of(fill: Fill) -> int:
    return fill.number
