"""The account of one instrument at one venue: what is held, what it cost, what closing it has earned.

    net = realized + unrealized - fees + funding

Everything is in the contract's currency and exact: realised gains and the remaining cost always sum to what was paid.
What is unknown is None in its line, is left out of the book's sums, and is counted beside them.
"""

from decimal import Decimal
from typing import NamedTuple

from domain.instruments import SPOT
from domain.movements import Delivery
from domain.orders import BUY, Fill, FundingPayment
from monitoring.accounting.contract import Contract
from monitoring.accounting.costing import AVERAGE, FIFO, METHODS, Average, Fifo, Lot
from monitoring.accounting.entries import Entry, Opening, own_fee_value
from monitoring.accounting.exact import ZERO, minus, plus, quotient, times

__all__ = ["AVERAGE", "DELIVERY", "FIFO", "FILL", "FUNDING", "METHODS", "OPENING", "Book", "Closing", "Line", "Lot"]

OPENING, FILL, FUNDING, DELIVERY = "opening", "fill", "funding", "delivery"


class Closing(NamedTuple):
    """What a closing took of one lot (FIFO): unsigned size, its cost and what it earned; None where unknown."""

    entry: Fill | Opening | Delivery
    size: Decimal
    cost: Decimal | None
    realized: Decimal | None


class Line(NamedTuple):
    """What one entry did to a book; figures in the contract's currency, sizes in lot units.

    `fee` is positive where paid. `realized`, `fee`, `funding` and `cost` are None where unknown, never where zero.
    `closed` and `opened` are unsigned; an entry that goes through zero has both. `closed_cost` is what the closed part
    had cost, signed like the position was: realised is closed value − cost of a long, cost − value of an inverse long.
    `unmatched` is what a delivery tells of (signed) and the book does not hold.
    """

    entry: Entry
    kind: str
    time_ms: int
    realized: Decimal | None
    fee: Decimal | None
    funding: Decimal | None
    position: Decimal
    cost: Decimal | None
    closed: Decimal = ZERO
    opened: Decimal = ZERO
    closed_cost: Decimal | None = ZERO
    closings: tuple[Closing, ...] = ()
    unmatched: Decimal = ZERO


class _Move(NamedTuple):
    realized: Decimal | None
    closed: Decimal
    opened: Decimal
    cost: Decimal | None
    closings: tuple[Closing, ...]


_STILL = _Move(ZERO, ZERO, ZERO, ZERO, ())


class Book:
    """Add entries in the order of their times; read the sums at any moment.

    Attributes:
        position: signed size. realized, fees, funding: sums of what is known. opened_ms: since when the present
            position is open (epoch milliseconds), None when flat.
        unvalued: fills and deliveries whose fee is unknown or has no value in the contract's currency, and payments in
            a currency that has none. realized_unknown: the size that was closed without its gain being known.
        unmatched: deliveries of another size than the book held.
    """

    __slots__ = (
        "_pool",
        "_spot_base",
        "contract",
        "fees",
        "funding",
        "method",
        "opened_ms",
        "position",
        "realized",
        "realized_unknown",
        "unmatched",
        "unvalued",
    )

    def __init__(self, contract: Contract, method: str = AVERAGE) -> None:
        if method not in METHODS:
            raise ValueError(f"no such method: {method}")
        self.contract = contract
        self.method = method
        self.position = self.realized = self.fees = self.funding = self.realized_unknown = ZERO
        self.opened_ms: int | None = None
        self.unvalued: list[Fill | FundingPayment | Delivery] = []
        self.unmatched: list[Delivery] = []
        self._pool: Average | Fifo = Fifo() if method == FIFO else Average()
        self._spot_base = contract.base if contract.kind == SPOT else None

    def add(self, entry: Entry, fee_value: Decimal | None = None) -> Line:
        """Book one entry and say what it did.

        Args:
            fee_value: what the fill's fee is worth in the contract's currency (or a payment in another currency);
                without it a fee that needs no rate is valued here, see `own_fee_value`.
        """
        if isinstance(entry, Fill):
            return self._fill(entry, fee_value)
        if isinstance(entry, FundingPayment):
            return self._payment(entry, fee_value)
        if isinstance(entry, Delivery):
            return self._delivery(entry)
        move = self._move(entry, entry.size, entry.entry_price, entry.time_ms)
        return self._line(entry, OPENING, move)

    @property
    def cost(self) -> Decimal | None:
        """Tell what the open position cost, signed like it; None where unknown, zero when flat."""
        return self._pool.cost

    @property
    def entry_price(self) -> Decimal | None:
        """Average what is open, to 18 decimals (inverse: harmonically); None when flat or unknown."""
        cost = self._pool.cost
        if not self.position or cost is None:
            return None
        if self.contract.inverse:
            return quotient(self.position, cost) if cost else None
        return quotient(cost, self.position)

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Give the open lots, oldest first (FIFO; none with averages)."""
        return self._pool.lots

    def unrealized(self, mark: Decimal) -> Decimal | None:
        """Tell what the open position would bring at `mark`; None where its cost is unknown."""
        if not self.position:
            return ZERO
        cost = self._pool.cost
        return None if cost is None else self._gain(cost, self.contract.value(self.position, mark))

    def net(self, mark: Decimal) -> Decimal | None:
        """Sum realised + unrealised - fees + funding; None where the unrealised part is unknown.

        It holds what is known only: look at `unvalued` and `realized_unknown`.
        """
        open_part = self.unrealized(mark)
        if open_part is None:
            return None
        return plus(minus(plus(self.realized, open_part), self.fees), self.funding)

    def _fill(self, fill: Fill, fee: Decimal | None) -> Line:
        if fee is None:
            fee = own_fee_value(self.contract, fill)
        if fee is None:
            self.unvalued.append(fill)
        else:
            self.fees = plus(self.fees, fee)
        moved = fill.size if fill.side == BUY else fill.size.copy_negate()
        if fill.fee and fill.fee_currency == self._spot_base:
            moved = minus(moved, fill.fee)
        move = self._move(fill, moved, fill.price, fill.time_ms)
        return Line(
            fill,
            FILL,
            fill.time_ms,
            move.realized,
            fee,
            ZERO,
            self.position,
            self._pool.cost,
            move.closed,
            move.opened,
            move.cost,
            move.closings,
        )

    def _payment(self, payment: FundingPayment, value: Decimal | None) -> Line:
        amount = payment.amount if payment.currency == self.contract.currency or not payment.amount else value
        if amount is None:
            self.unvalued.append(payment)
        else:
            self.funding = plus(self.funding, amount)
        return self._line(payment, FUNDING, _STILL)._replace(funding=amount)

    def _delivery(self, delivery: Delivery) -> Line:
        held, size = self.position, delivery.size
        ends = ZERO
        if held and size and (held > 0) == (size > 0):
            ends = held if held.copy_abs() < size.copy_abs() else size
        unmatched = minus(size, ends)
        if unmatched or ends != held:
            self.unmatched.append(delivery)
        move = self._move(delivery, ends.copy_negate(), delivery.price, delivery.time_ms)
        fee = delivery.fee if delivery.currency == self.contract.currency or not delivery.fee else None
        if fee is None:
            self.unvalued.append(delivery)
        else:
            self.fees = plus(self.fees, fee)
        return self._line(delivery, DELIVERY, move)._replace(fee=fee, unmatched=unmatched)

    def _line(self, entry: Entry, kind: str, move: _Move) -> Line:
        return Line(
            entry,
            kind,
            entry.time_ms,
            move.realized,
            ZERO,
            ZERO,
            self.position,
            self._pool.cost,
            move.closed,
            move.opened,
            move.cost,
            move.closings,
        )

    def _move(self, entry: Fill | Opening | Delivery, moved: Decimal, price: Decimal | None, time_ms: int) -> _Move:
        """Change the position by `moved` (signed): close what is opposite to it, then open the rest."""
        if not moved:
            return _STILL
        if self.contract.inverse and not price:
            price = None
        worth = None if price is None else self.contract.value(moved, price)
        held = self.position
        self.position = after = plus(held, moved)
        if not held or (held > 0) == (moved > 0):
            self._pool.put(entry, moved, worth)
            if not held:
                self.opened_ms = time_ms
            return _Move(ZERO, ZERO, moved.copy_abs(), ZERO, ())
        if after and (after > 0) == (moved > 0):
            closed_worth = None if price is None else self.contract.value(held.copy_negate(), price)
            closing = self._close(held, held, closed_worth)
            rest = None if worth is None or closed_worth is None else minus(worth, closed_worth)
            self._pool.put(entry, after, rest)
            self.opened_ms = time_ms
            return closing._replace(opened=after.copy_abs())
        if not after:
            self.opened_ms = None
        return self._close(moved.copy_negate(), held, worth)

    def _close(self, part: Decimal, held: Decimal, worth: Decimal | None) -> _Move:
        """Close `part` of `held` (signed like it); `worth` is the closing trade's signed value, None unknown."""
        cost, lots = self._pool.take(part, held)
        size = part.copy_abs()
        realized = None
        if cost is None or worth is None:
            self.realized_unknown = plus(self.realized_unknown, size)
        else:
            realized = self._gain(cost, worth.copy_negate())
            self.realized = plus(self.realized, realized)
        return _Move(realized, size, ZERO, cost, self._closings(lots, part, worth, realized) if lots else ())

    def _closings(
        self, lots: tuple[Lot, ...], part: Decimal, worth: Decimal | None, realized: Decimal | None
    ) -> tuple[Closing, ...]:
        """Share a closing's gain among its lots by size; the last one carries what rounding leaves."""
        if len(lots) == 1:
            return (Closing(lots[0].entry, lots[0].size.copy_abs(), lots[0].cost, realized),)
        made, left = [], worth
        for number, lot in enumerate(lots, 1):
            gain = None
            if worth is not None and left is not None:
                share = left if number == len(lots) else quotient(times(worth, lot.size), part)
                left = minus(left, share)
                gain = None if lot.cost is None else self._gain(lot.cost, share.copy_negate())
            made.append(Closing(lot.entry, lot.size.copy_abs(), lot.cost, gain))
        return tuple(made)

    def _gain(self, cost: Decimal, worth: Decimal) -> Decimal:
        """Compare what a position was worth when opened and what it is worth now (both signed like it)."""
        return minus(cost, worth) if self.contract.inverse else minus(worth, cost)
