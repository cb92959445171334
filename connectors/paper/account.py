"""One venue's account on paper: orders, balances, positions, and what a fill or a funding does to them. Pure.

Sizes are in the instrument's lot unit (base, or quote where inverse). Spot is paid in full, options by their premium,
everything else is held with margin. Fees are taken in the quote currency of spot and in the settle currency of the
rest. No balance ever falls below zero.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from domain.instruments import OPTION, SPOT, Instrument
from domain.movements import OTHER
from domain.orders import BUY, CANCELLED, FILLED, OPEN, SELL, TRIGGERED, OrderSpec

ZERO = Decimal(0)
PAID, PREMIUM, MARGIN = "paid", "premium", "margin"
"""How an instrument is paid for: in full, by its premium, or with margin."""


class Terms(NamedTuple):
    """What trading one instrument costs. Fees are fractions of the worth; None: not known, so none is charged."""

    instrument: Instrument
    payment: str
    currency: str
    """What is paid, or settled, in."""
    maker: Decimal | None
    taker: Decimal | None
    leverage: int

    @property
    def highest_fee(self) -> Decimal:
        """The fee that an order is held with."""
        return max(self.maker or ZERO, self.taker or ZERO, ZERO)

    def worth(self, size: Decimal, price: Decimal) -> Decimal:
        """Value a size in `currency`."""
        return size / price if self.instrument.inverse else size * price


def terms_of(
    instrument: Instrument,
    reducible: frozenset[str],
    fees: tuple[Decimal | None, Decimal | None],
    leverage: int,
) -> Terms:
    """Say how an instrument is paid for.

    Args:
        reducible: the kinds of instruments that have positions at the venue, beside all that is not spot.
        fees: of maker and taker.
    """
    if instrument.kind == OPTION:
        return Terms(instrument, PREMIUM, instrument.settle or instrument.quote, None, None, leverage)
    if instrument.kind == SPOT and SPOT not in reducible:
        return Terms(instrument, PAID, instrument.quote, *fees, leverage)
    return Terms(instrument, MARGIN, instrument.settle or instrument.quote, *fees, leverage)


@dataclass
class PaperOrder:
    """An order. `worth` is what its fills were worth in the terms' currency.

    `since_ms` is from when on it meets public trades (the venue's clock), `ahead` what stood before it at its price
    then and may still (None: its price was outside the visible book), `from_book` what it took of a crossing book.
    """

    symbol: str
    client_id: str
    side: str
    type: str
    size: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    tif: str
    post_only: bool
    reduce_only: bool
    created_ms: int
    updated_ms: int
    since_ms: int
    number: int = 0
    status: str = OPEN
    filled: Decimal = ZERO
    worth: Decimal = ZERO
    inverse: bool = False
    triggered: bool = False
    trigger_price: Decimal | None = None
    ahead: Decimal | None = None
    from_book: Decimal = ZERO
    held: Decimal = ZERO
    held_currency: str = ""
    reason: str | None = None

    @classmethod
    def of(cls, instrument: Instrument, spec: OrderSpec, now_ms: int) -> "PaperOrder":
        """Begin an order."""
        return cls(
            instrument.symbol, spec.client_id, spec.side, spec.type, spec.size, spec.price, spec.stop_price, spec.tif,
            spec.post_only, spec.reduce_only, now_ms, now_ms, now_ms, inverse=instrument.inverse,
        )  # fmt: skip

    @property
    def live(self) -> bool:
        """Tell whether it can still be filled or cancelled."""
        return self.status == OPEN

    @property
    def left(self) -> Decimal:
        """What is not filled."""
        return self.size - self.filled

    @property
    def waits(self) -> bool:
        """Tell whether it is a stop that has not fired."""
        return self.type in TRIGGERED and not self.triggered

    @property
    def average_price(self) -> Decimal | None:
        """The price of its fills, None without any."""
        if not self.filled:
            return None
        return self.filled / self.worth if self.inverse else self.worth / self.filled

    def end(self, status: str, now_ms: int, reason: str | None = None) -> None:
        """End it."""
        self.status, self.updated_ms, self.held = status, max(now_ms, self.updated_ms), ZERO
        self.reason = reason if reason is not None else self.reason


@dataclass
class Holding:
    """A position; `size` is signed, `margin` what it holds in `currency`; funding was settled until `funded_ms`."""

    symbol: str
    currency: str
    funded_ms: int
    size: Decimal = ZERO
    entry: Decimal = ZERO
    margin: Decimal = ZERO
    realized: Decimal = ZERO
    updated_ms: int = 0


class NewFill(NamedTuple):
    """A fill that is to be written down; `order` None: of a liquidation."""

    order: PaperOrder | None
    symbol: str
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal | None
    currency: str
    maker: bool
    time_ms: int


class NewPayment(NamedTuple):
    """A funding payment that is to be written down; negative was paid."""

    symbol: str
    time_ms: int
    amount: Decimal
    currency: str
    rate: Decimal


class NewTransfer(NamedTuple):
    """Money that came from nowhere: what the account began with, or a loss that nobody pays."""

    kind: str
    time_ms: int
    currency: str
    amount: Decimal


@dataclass
class Account:
    """One venue's account as it is while it is worked on; `orders` are those that were live, and new ones."""

    venue: str
    balances: dict[str, Decimal]
    positions: dict[str, Holding] = field(default_factory=dict)
    orders: list[PaperOrder] = field(default_factory=list)
    cursors: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    """By symbol: until when public trades were looked at, and the ids of those at that moment."""
    fills: list[NewFill] = field(default_factory=list)
    payments: list[NewPayment] = field(default_factory=list)
    transfers: list[NewTransfer] = field(default_factory=list)

    def live(self, symbol: str) -> Iterator[PaperOrder]:
        """List the live orders of an instrument, oldest first."""
        return (order for order in self.orders if order.symbol == symbol and order.live)

    def held(self) -> Mapping[str, Decimal]:
        """Sum up by currency what orders and positions hold."""
        found: dict[str, Decimal] = {}
        for order in self.orders:
            if order.live:
                found[order.held_currency] = found.get(order.held_currency, ZERO) + order.held
        for position in self.positions.values():
            found[position.currency] = found.get(position.currency, ZERO) + position.margin
        return found

    def free(self, currency: str) -> Decimal:
        """Tell what can be used of a currency."""
        return self.balances.get(currency, ZERO) - self.held().get(currency, ZERO)

    def position(self, symbol: str) -> Decimal:
        """Tell the signed size of a position."""
        found = self.positions.get(symbol)
        return ZERO if found is None else found.size

    def reducible(self, order: PaperOrder) -> Decimal:
        """Tell how much of the position an order on its other side can close."""
        size = self.position(order.symbol)
        return abs(size) if (size < 0) is (order.side == BUY) else ZERO

    def fill(
        self, order: PaperOrder, terms: Terms, price: Decimal, size: Decimal, *, maker: bool, time_ms: int
    ) -> Decimal:
        """Fill part of an order, as far as a reduce-only order and the balances allow; answer how much was.

        An order that cannot be paid for, or has nothing left to reduce, is ended.
        """
        if order.reduce_only:
            size = min(size, self.reducible(order))
        if size <= 0 or not self._pays(order, terms, price, size, maker=maker, time_ms=time_ms):
            if order.reduce_only and not self.reducible(order):
                order.end(CANCELLED, time_ms, "there is no position left to reduce")
            return ZERO
        order.filled += size
        order.worth += terms.worth(size, price)
        order.updated_ms = max(order.updated_ms, time_ms)
        if not order.left:
            order.end(FILLED, time_ms)
        self.hold(terms)
        return size

    def hold(self, terms: Terms) -> None:
        """Reckon anew what the live orders of an instrument hold; what closes a position holds nothing."""
        symbol = terms.instrument.symbol
        closing = dict.fromkeys((BUY, SELL), ZERO)
        closing[SELL if self.position(symbol) > 0 else BUY] = abs(self.position(symbol))
        for order in self.live(symbol):
            price = order.price or order.stop_price
            order.held, order.held_currency = ZERO, terms.currency
            if price is None:  # a market order takes at once, or lapses
                continue
            if terms.payment == PAID:
                if order.side == SELL:
                    order.held, order.held_currency = order.left, terms.instrument.base
                else:
                    order.held = terms.worth(order.left, price) * (1 + terms.highest_fee)
                continue
            closes = min(order.left, closing[order.side])
            closing[order.side] -= closes
            opens = ZERO if order.reduce_only else order.left - closes
            order.held = self.needs(terms, order.side, terms.worth(opens, price) if opens else ZERO)

    @staticmethod
    def needs(terms: Terms, side: str, worth: Decimal) -> Decimal:
        """Tell what opening a worth takes: margin and fee, or the premium of an option that is bought."""
        if terms.payment == PREMIUM:
            return worth if side == BUY else ZERO
        return worth / terms.leverage + worth * terms.highest_fee

    def pay_funding(self, terms: Terms, time_ms: int, rate: Decimal, price: Decimal) -> None:
        """Settle one funding rate on a position: longs pay a positive rate."""
        position = self.positions.get(terms.instrument.symbol)
        if position is None or not position.size or time_ms <= position.funded_ms:
            return
        position.funded_ms = time_ms
        total = self.balances.get(terms.currency, ZERO)
        amount = max(-rate * terms.worth(position.size, price), -total)
        self.balances[terms.currency] = total + amount
        self.payments.append(NewPayment(position.symbol, time_ms, amount, terms.currency, rate))

    def unrealized(self, terms: Terms, mark: Decimal) -> Decimal:
        """Value the open position at a price, in the settle currency."""
        position = self.positions.get(terms.instrument.symbol)
        if position is None or not position.size:
            return ZERO
        return _gain(terms, position.size, position.entry, mark)

    def liquidate(self, terms: Terms, mark: Decimal, now_ms: int) -> None:
        """Close a position whose account has nothing left behind it, at the mark price; its loss ends at zero."""
        size = self.position(terms.instrument.symbol)
        side = SELL if size > 0 else BUY
        for order in self.live(terms.instrument.symbol):
            order.end(CANCELLED, now_ms, "liquidated")
        self._trade(None, terms, side, mark, abs(size), terms.taker, maker=False, time_ms=now_ms)

    def _pays(
        self, order: PaperOrder, terms: Terms, price: Decimal, size: Decimal, *, maker: bool, time_ms: int
    ) -> bool:
        """Move the money of a fill; False, with the order ended, where there is not enough."""
        rate = terms.maker if maker else terms.taker
        worth = terms.worth(size, price)
        fee = worth * (rate or ZERO)
        enough = True
        if terms.payment == PAID:
            base = terms.instrument.base
            spent, of = (worth + fee, terms.currency) if order.side == BUY else (size, base)
            enough = self.balances.get(of, ZERO) >= spent
        elif terms.payment == PREMIUM:
            spent = worth if order.side == BUY else ZERO
            short = order.side == SELL and self.reducible(order) < size
            enough = self.balances.get(terms.currency, ZERO) >= spent and not short
        if not enough:
            order.end(CANCELLED, time_ms, "the balance is not enough")
            return False
        self._trade(order, terms, order.side, price, size, rate, maker=maker, time_ms=time_ms)
        return True

    def _trade(
        self, order: PaperOrder | None, terms: Terms, side: str, price: Decimal, size: Decimal,
        rate: Decimal | None, *, maker: bool, time_ms: int,
    ) -> None:  # fmt: skip
        worth = terms.worth(size, price)
        fee = None if rate is None else worth * rate
        sign = 1 if side == BUY else -1
        change = -(fee or ZERO)
        if terms.payment == PAID:
            base = terms.instrument.base
            self.balances[base] = self.balances.get(base, ZERO) + sign * size
            change -= sign * worth
        else:
            gain = self._reposition(terms, sign * size, price, time_ms)
            change += gain if terms.payment == MARGIN else -sign * worth
        left = self.balances.get(terms.currency, ZERO) + change
        self.balances[terms.currency] = max(ZERO, left)
        if left < 0:
            self.transfers.append(NewTransfer(OTHER, time_ms, terms.currency, -left))
        symbol = terms.instrument.symbol
        self.fills.append(NewFill(order, symbol, side, price, size, fee, terms.currency, maker, time_ms))

    def _reposition(self, terms: Terms, signed: Decimal, price: Decimal, time_ms: int) -> Decimal:
        """Change a position by a trade; answer what was gained by closing."""
        symbol = terms.instrument.symbol
        position = self.positions.get(symbol)
        if position is None or not position.size:
            position = self.positions[symbol] = Holding(symbol, terms.currency, funded_ms=time_ms)
        gain = ZERO
        before, after = position.size, position.size + signed
        if before and (before > 0) is not (signed > 0):
            closed = min(abs(before), abs(signed)).copy_sign(before)
            gain = _gain(terms, closed, position.entry, price)
            if after and (after > 0) is not (before > 0):
                position.entry = price
        else:
            worth = (terms.worth(abs(before), position.entry) if before else ZERO) + terms.worth(abs(signed), price)
            position.entry = abs(after) / worth if terms.instrument.inverse else worth / abs(after)
        position.size, position.updated_ms = after, time_ms
        position.realized += gain
        opens = terms.worth(abs(after), position.entry)
        position.margin = opens / terms.leverage if terms.payment == MARGIN else ZERO
        return gain


def _gain(terms: Terms, size: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    if terms.instrument.inverse:
        return size / entry - size / price
    return size * (price - entry)
