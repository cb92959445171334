"""What one order earned: what it opened, followed lot by lot (first in, first out), and what it closed.

What an order opened earns the closed parts at their closing prices and the open part at its mark, minus its own fees
and its share (by size) of the closing trades' fees, plus its share (by size) of funding while it was open. What it
closed earns the closing's gain minus its own fees; the funding belongs to whoever opened. A trade that does both is
shared by size.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import UsageError
from domain.orders import BUY, Fill
from monitoring.accounting.book import FIFO, FUNDING, Book, Closing, Line
from monitoring.accounting.exact import ZERO, minus, plus, quotient, times
from monitoring.statement import Lack, Statement, read_statement

if TYPE_CHECKING:
    from monitoring.accounting.contract import Contract
    from monitoring.ledger.store import Ledger

LONG, SHORT = "long", "short"
OPENED, CLOSED = "opened", "closed"
_SHOWN = 5


class NoSuchOrder(UsageError):
    """Neither the journal nor the ledger has an order with this id, or several begin with it."""

    category = "unknown_order"


class OrderKnown(NamedTuple):
    """Which order is meant, and what the journal knows of it; None where it is known from its trades only.

    `ids` are all that the venue has called it. Sizes are in lot units. `status` None: the journal does not have it.
    """

    venue: str
    symbol: str
    client_id: str | None
    ids: frozenset[str]
    side: str | None = None
    size: Decimal | None = None
    filled: Decimal | None = None
    status: str | None = None
    settled: bool = True
    reason: str | None = None

    def has(self, fill: object) -> bool:
        """Tell whether a trade is one of this order's."""
        if not isinstance(fill, Fill) or (fill.venue, fill.symbol) != (self.venue, self.symbol):
            return False
        return fill.order_id in self.ids if fill.order_id else fill.client_id == self.client_id is not None


@dataclass
class Part:
    """What the order opened, or what it closed. Figures in the contract's currency; None: not known.

    `size` in lot units, unsigned; `left` is what of it is open still, `open_cost` what that cost (signed).
    """

    kind: str
    side: str
    size: Decimal = ZERO
    cost: Decimal | None = ZERO
    entry_ms: int | None = None
    realized: Decimal | None = ZERO
    unrealized: Decimal | None = ZERO
    fees: Decimal | None = ZERO
    funding: Decimal | None = ZERO
    left: Decimal = ZERO
    open_cost: Decimal | None = ZERO
    exit_value: Decimal | None = ZERO
    """What the closed parts were worth when closed, unsigned, of size `size` − `left`."""

    @property
    def net(self) -> Decimal | None:
        """Sum realised + unrealised − fees + funding; None where a part is not known."""
        figures = (self.realized, self.unrealized, self.fees, self.funding)
        if any(figure is None for figure in figures):
            return None
        realized, unrealized, fees, funding = (figure or ZERO for figure in figures)
        return plus(minus(plus(realized, unrealized), fees), funding)

    def entry_price(self, contract: "Contract") -> Decimal | None:
        """Average what the part was opened at, to 18 decimals."""
        return _average(contract, self.size, self.cost)

    def exit_price(self, contract: "Contract") -> Decimal | None:
        """Average what was closed of it; None where nothing was, or it is not known."""
        return _average(contract, minus(self.size, self.left), self.exit_value)

    def quantity(self, contract: "Contract") -> Decimal | None:
        """Tell the part's size in base units: of inverse contracts at its entry price."""
        if not contract.inverse:
            return self.size
        return None if self.cost is None else self.cost.copy_abs()


@dataclass
class OrderResult:
    """What one order earned. `parts` is empty where nothing of it was traded as far as the ledger knows."""

    known: OrderKnown
    contract: "Contract | None"
    book: Book | None
    side: str | None
    filled: Decimal
    parts: list[Part]
    lacks: list[Lack] = field(default_factory=list)

    def sum(self, figure: str) -> Decimal | None:
        """Sum a figure (`realized`, `fees`, `funding`, `unrealized` or `net`) over the parts."""
        result = ZERO
        for part in self.parts:
            value: Decimal | None = getattr(part, figure)
            if value is None:
                return None
            result = plus(result, value)
        return result

    @property
    def left(self) -> Decimal:
        """Tell how much of what it opened is open still (lot units)."""
        return next((part.left for part in self.parts if part.kind == OPENED), ZERO)

    def value_at(self, mark: Decimal | None) -> None:
        """Value what is open still at a mark; None: not known."""
        for part in self.parts:
            if not part.left or self.contract is None:
                continue
            part.unrealized = None
            if mark is not None and part.open_cost is not None:
                signed = part.left if part.side == LONG else part.left.copy_negate()
                worth = self.contract.value(signed, mark)
                gain = (part.open_cost, worth) if self.contract.inverse else (worth, part.open_cost)
                part.unrealized = minus(*gain)


def order_result(ledger: "Ledger", known: OrderKnown) -> OrderResult:
    """Follow one order through the ledger's books; what is open still has no value yet (`value_at`).

    Raises:
        LedgerError: the ledger cannot be read.
    """
    follower = _Follower(known)
    statement = read_statement(ledger, method=FIFO, venues=(known.venue,), symbols=(known.symbol,), sink=follower.take)
    return follower.result(statement)


def in_ledger(fills: Iterable[Fill], text: str, venue: str | None = None) -> OrderKnown | None:
    """Find the one order that an id (ours or the venue's, or its beginning) means, among trades; None: no trade has it.

    Raises:
        NoSuchOrder: several orders begin with it.
    """
    exact: dict[tuple[str, str, str | None], OrderKnown] = {}
    near: dict[tuple[str, str, str | None], OrderKnown] = {}
    for fill in fills:
        names = (fill.order_id or "", fill.client_id or "")
        if venue not in (None, fill.venue) or not any(name.startswith(text) for name in names):
            continue
        ids = frozenset({fill.order_id} if fill.order_id else ())
        key = (fill.venue, fill.symbol, fill.order_id or fill.client_id)
        order = OrderKnown(fill.venue, fill.symbol, fill.client_id, ids, fill.side)
        (exact if text in names else near)[key] = order
    found = list((exact or near).values())
    if len(found) > 1:
        named = [f"{order.venue} {order.symbol} {min(order.ids, default=order.client_id)}" for order in found[:_SHOWN]]
        more = " …" if len(found) > _SHOWN else ""
        raise NoSuchOrder(f"{text!r} means {len(found)} orders: {', '.join(named)}{more}.", hint="Give more of the id.")
    return found[0] if found else None


class _Follower:
    """Listens to the lines of one book, and keeps what concerns one order."""

    def __init__(self, known: OrderKnown) -> None:
        self._known = known
        self._book: Book | None = None
        self._side: str | None = None
        self._filled = ZERO
        self._opened: Part | None = None
        self._closed: Part | None = None

    def take(self, book: Book, line: Line) -> None:
        """Look at one line."""
        self._book = book
        if self._opened is not None:
            self._follow(self._opened, line)
        if self._known.has(line.entry):
            self._own(book, line)

    def result(self, statement: Statement) -> OrderResult:
        """Put together what was found."""
        parts = [part for part in (self._opened, self._closed) if part is not None]
        if self._opened is not None and self._book is not None:
            mine = [lot for lot in self._book.lots if self._known.has(lot.entry)]
            for lot in mine:
                self._opened.open_cost = _sum(self._opened.open_cost, lot.cost)
        contract = self._book.contract if self._book is not None else None
        lacks = [*statement.gaps] + (statement.lacks if any(part.net is None for part in parts) else [])
        return OrderResult(self._known, contract, self._book, self._side, self._filled, parts, lacks)

    def _own(self, book: Book, line: Line) -> None:
        fill = line.entry
        assert isinstance(fill, Fill)
        self._side = self._side or fill.side
        self._filled = plus(self._filled, fill.size)
        moved = plus(line.opened, line.closed)
        closing_fee = _share(line.fee, line.closed, moved) if line.opened else line.fee
        if line.closed or not moved:
            self._close(line, closing_fee)
        if line.opened:
            part = self._opened = self._opened or Part(
                OPENED, LONG if fill.side == BUY else SHORT, entry_ms=fill.time_ms
            )
            part.size, part.left = plus(part.size, line.opened), plus(part.left, line.opened)
            signed = line.opened if fill.side == BUY else line.opened.copy_negate()
            part.cost = _sum(part.cost, _opened_cost(book.contract, line, fill, signed))
            rest = None if line.fee is None or closing_fee is None else minus(line.fee, closing_fee)
            part.fees = _sum(part.fees, rest if line.closed else line.fee)

    def _close(self, line: Line, fee: Decimal | None) -> None:
        fill = line.entry
        assert isinstance(fill, Fill)
        part = self._closed = self._closed or Part(CLOSED, SHORT if fill.side == BUY else LONG)
        part.size = plus(part.size, line.closed)
        part.realized, part.fees = _sum(part.realized, line.realized), _sum(part.fees, fee)
        for closing in line.closings:
            part.cost = _sum(part.cost, closing.cost)
            part.exit_value = _sum(part.exit_value, _worth(self._book, closing))
            if part.entry_ms is None and isinstance(closing.entry, Fill):
                part.entry_ms = closing.entry.time_ms

    def _follow(self, part: Part, line: Line) -> None:
        """Take the order's share of what closes it, or pays for it."""
        if line.kind == FUNDING and line.position and part.left:
            part.funding = _sum(part.funding, _share(line.funding, part.left, line.position.copy_abs()))
        moved = plus(line.opened, line.closed)
        for closing in line.closings:
            if not self._known.has(closing.entry):
                continue
            part.left = minus(part.left, closing.size)
            part.realized = _sum(part.realized, closing.realized)
            part.fees = _sum(part.fees, _share(line.fee, closing.size, moved))
            part.exit_value = _sum(part.exit_value, _worth(self._book, closing))


def _opened_cost(contract: "Contract", line: Line, fill: Fill, signed: Decimal) -> Decimal:
    """Tell what the opened part of a trade cost as its book has it: of a flip the whole minus the closed part."""
    if not line.closed:
        return contract.value(signed, fill.price)
    closed = line.closed if fill.side == BUY else line.closed.copy_negate()
    return minus(contract.value(plus(signed, closed), fill.price), contract.value(closed, fill.price))


def _worth(book: Book | None, closing: Closing) -> Decimal | None:
    """Tell what a closed lot was worth when it was closed, unsigned."""
    if book is None or closing.cost is None or closing.realized is None:
        return None
    change = closing.realized.copy_negate() if book.contract.inverse else closing.realized
    return plus(closing.cost, change).copy_abs()


def _average(contract: "Contract", size: Decimal, value: Decimal | None) -> Decimal | None:
    if not size or value is None:
        return None
    worth = value.copy_abs()
    if contract.inverse:
        return quotient(size, worth) if worth else None
    return quotient(worth, size)


def _share(amount: Decimal | None, part: Decimal, whole: Decimal) -> Decimal | None:
    if amount is None or not amount or part == whole:
        return amount
    return quotient(times(amount, part), whole)


def _sum(total: Decimal | None, more: Decimal | None) -> Decimal | None:
    return None if total is None or more is None else plus(total, more)
