"""Getting out of everything, now: orders cancelled, positions closed, until the venue itself shows nothing more.

Nothing is remembered between two runs but the journal: what there is to do is read from the venue each round, and a
closing order of an earlier run whose outcome is unknown is looked up before its position is touched again. Positions
are closed by reduce-only market orders, which can make a position smaller and nothing else.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from connectors.guard import urgent
from connectors.side_by_side import side_by_side
from domain.errors import (
    CrossbookError,
    NotListed,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unsupported,
)
from domain.money import plain
from domain.orders import BUY, MARKET, SELL, OrderReport, Position
from order_management.cancelling import cancel, cancel_everything
from order_management.order_states import Phase
from order_management.placing import prepare, send
from order_management.settling import settle
from order_management.sizing import on_lot
from order_management.tickets import BASE, QUOTE, Ticket

if TYPE_CHECKING:
    from domain.instruments import Instrument
    from order_management.desk import Desk
    from order_management.journal import JournalOrder

ORIGIN = "panic"
_STEP_S = 8.0
"""How long one step may wait for a venue: a request that hangs is given up, and what came of it is looked up."""
_PLAN_S = 3.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0
_REFUSALS = 12
"""How often an order for one position may be refused, each time for half as much, before that position is given up."""

Tell = Callable[[str, str], None]
"""Told (venue, what goes on in words)."""
Key = tuple[str, bool]
"""A position: its symbol, and whether it is long (some venues hold both at once)."""


class Plan(NamedTuple):
    """What a panic would cancel and close at a venue; `error` where that could not be asked."""

    venue: str
    orders: Sequence[OrderReport] = ()
    positions: Sequence[Position] = ()
    error: CrossbookError | None = None


class Flattened(NamedTuple):
    """What a panic came to at one venue.

    `flat` None: the venue did not tell. `flat_after_s` is the time from the start until the venue showed no open order
    and no position. `closing` are the orders that were sent to close positions, `unsettled` those of our orders (client
    ids) that may still come to life, `problems` what kept single positions from being closed.
    """

    venue: str
    flat: bool | None
    flat_after_s: float | None
    cancelled: Sequence[OrderReport]
    closing: "Sequence[JournalOrder]"
    left_orders: Sequence[OrderReport]
    left_positions: Sequence[Position]
    unsettled: Sequence[str]
    problems: Sequence[str] = ()
    error: CrossbookError | None = None


def plan(desk: "Desk", venue: str) -> Plan:
    """Read what is open at a venue; nothing is changed."""
    try:
        if venue in desk.venues.failures:
            raise desk.venues.failures[venue]
        with desk.venues.until(min(desk.deadline(), time.monotonic() + _PLAN_S)):
            trading = desk.trading(venue)
            return Plan(venue, trading.open_orders(), trading.positions())
    except CrossbookError as error:
        return Plan(venue, error=error)


def plans(desk: "Desk", venues: Sequence[str]) -> list[Plan]:
    """Read what is open at the venues, side by side."""
    found = side_by_side([partial(plan, desk, venue) for venue in venues])
    return [
        Plan(venue, error=item) if isinstance(item, CrossbookError) else item
        for venue, item in zip(venues, found, strict=True)
    ]


def plan_text(found: Plan) -> str:
    """Say in one line what would be cancelled and closed."""
    if found.error is not None:
        return f"what is open could not be asked ({found.error.message}); it is tried all the same"
    if not found.orders and not found.positions:
        return "nothing is open"
    closing = ", ".join(f"{plain(position.size)} {position.symbol}" for position in found.positions)
    return f"to cancel: {len(found.orders)} orders; to close: {closing or 'no position'}"


def panic(desk: "Desk", venues: Sequence[str], tell: Tell, *, planned: bool = False) -> list[Flattened]:
    """Cancel and close everything at the venues, side by side, until each is flat or the deadline is over.

    Args:
        planned: the plan has been told already.
    """

    def work(venue: str) -> Flattened:
        with urgent():
            if not planned:
                tell(venue, plan_text(plan(desk, venue)))
            return _Panic(desk, venue, tell).run()

    found = side_by_side([partial(work, venue) for venue in venues])
    return [
        Flattened(venue, None, None, (), (), (), (), (), (), item) if isinstance(item, CrossbookError) else item
        for venue, item in zip(venues, found, strict=True)
    ]


class _Panic:
    """One venue's way to flat."""

    def __init__(self, desk: "Desk", venue: str, tell: Tell) -> None:
        self.desk, self.venue, self.tell = desk, venue, tell
        self.began = time.monotonic()
        self.flat: bool | None = None
        self.flat_after_s: float | None = None
        self.cancelled: dict[str | None, OrderReport] = {}
        self.orders: Sequence[OrderReport] = ()
        self.positions: Sequence[Position] = ()
        self.closing: list[str] = []
        self.unsettled: list[str] = []
        self.given_up: dict[Key, CrossbookError] = {}
        self.pieces: dict[Key, Decimal] = {}
        self.refusals: dict[Key, int] = {}
        self.closed_at: dict[Key, tuple[Decimal | None, float]] = {}
        self.stirred_at = -math.inf
        self.error: CrossbookError | None = None

    def run(self) -> Flattened:
        """Go round after round until the venue is flat and no order of ours can come to life any more."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                self.error = None
                done = self._round()
            except CrossbookError as error:
                self.error, done = error, _hopeless(error)
                self.flat = self.flat_after_s = None
            # What is no error of ours is a mistake of the program: it must not keep other venues from their report.
            except Exception as error:  # noqa: BLE001
                self.error, done = CrossbookError(f"Internal error ({type(error).__name__}: {error})."), True
                self.error.__cause__ = error
            if done or time.monotonic() + wait_s >= self.desk.deadline():
                return self._outcome()
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _outcome(self) -> Flattened:
        closing = [order for client_id in self.closing if (order := self.desk.journal.order(client_id)) is not None]
        return Flattened(
            venue=self.venue,
            flat=self.flat,
            flat_after_s=self.flat_after_s,
            cancelled=list(self.cancelled.values()),
            closing=closing,
            left_orders=self.orders,
            left_positions=self.positions,
            unsettled=self.unsettled,
            problems=[f"{symbol}: {error.message}" for (symbol, _), error in self.given_up.items()],
            error=self.error,
        )

    @contextmanager
    def _step(self) -> Iterator[None]:
        with self.desk.venues.until(min(self.desk.deadline(), time.monotonic() + _STEP_S)):
            yield

    def _round(self) -> bool:
        """Cancel, look up, read, close; answer whether there is nothing left to do."""
        desk, venue = self.desk, self.venue
        if venue in desk.venues.failures:
            raise desk.venues.failures[venue]
        with self._step():
            swept = cancel_everything(desk, venue, follow=False)
        self.cancelled |= {report.order_id: report for report in swept.found}
        self.orders = swept.left
        doubtful = self._closing_in_doubt()
        with self._step():
            self.positions = desk.trading(venue).positions()
        held = {_key(position) for position in self.positions}
        self.given_up = {key: error for key, error in self.given_up.items() if key in held}
        for position in self.positions:
            if position.symbol not in doubtful and _key(position) not in self.given_up:
                self._close(position)
        if swept.error is not None:
            raise swept.error
        if self.positions or self.orders:
            self.flat, self.flat_after_s = False, None
            # Positions that nothing can close are left; orders that do not go away are tried again.
            return not self.orders and held <= set(self.given_up)
        if self.flat_after_s is None:
            self.flat, self.flat_after_s = True, time.monotonic() - self.began
            self.tell(venue, f"flat after {self.flat_after_s:.2f} s")
        return self._all_settled()

    def _closing_in_doubt(self) -> set[str]:
        """Look up closing orders that have not come to an end; answer the symbols of those that still have not."""
        found = set()
        for order in self.desk.journal.orders(venue=self.venue, live=True):
            spec = order.record.spec
            if not (spec.reduce_only and spec.type == MARKET) or self._looked_up(order).state.final:
                continue
            found.add(order.record.symbol)
            self.tell(self.venue, f"waiting: what came of the closing order {order.record.client_id} is not known yet")
        return found

    def _looked_up(self, order: "JournalOrder") -> "JournalOrder":
        try:
            with self._step():
                after = settle(self.desk, order).order
        except CrossbookError as error:
            self.error = error
            return order
        if not after.record.spec.reduce_only and after.state.filled > order.state.filled:
            self.stirred_at = time.monotonic()  # what it has opened may not be among the positions yet
        if after.record.origin == ORIGIN and after.state.filled:
            key = (after.record.symbol, after.record.spec.side == SELL)
            # Of an earlier run, perhaps: the positions that are read next may not show it yet.
            self.closed_at.setdefault(key, (None, time.monotonic()))
        return after

    def _close(self, position: Position) -> None:
        key = _key(position)
        before, at = self.closed_at.get(key, (None, 0.0))
        lag_s = self.desk.trading(self.venue).rules.settling_ms / 1000
        if before in (None, position.size) and key in self.closed_at and time.monotonic() - at < lag_s:
            return  # it was closed a moment ago, and the venue's list may not show that yet
        try:
            with self._step():
                instrument = self.desk.instrument(self.venue, position.symbol)
                sizes = self.desk.trading(self.venue).closing_sizes(position)
            for size in sizes:
                if not self._close_part(position, instrument, size, whole=len(sizes) > 1):
                    return
        except CrossbookError as error:
            if isinstance(error, Unauthorized):
                raise
            self.error = error
            if _hopeless(error):
                self.given_up[key] = error

    def _close_part(self, position: Position, instrument: "Instrument", size: Decimal, *, whole: bool) -> bool:
        """Send orders that add up to a size; answer whether all were taken."""
        key = _key(position)
        left = size
        while left > 0 and time.monotonic() < self.desk.deadline():
            piece = left if whole else min(left, self.pieces.get(key, left))
            try:
                order = self._send(position, instrument, piece)
            except Refused as error:
                self._refused(key, instrument, piece, error, whole=whole)
                return False
            self.refusals.pop(key, None)
            if order.state.final and not order.state.filled:
                return False
            self.closed_at[key] = (position.size, time.monotonic())
            if not order.state.settled:
                return False  # it may have been carried out: looked up before anything more is sent
            left -= piece
        return left <= 0

    def _send(self, position: Position, instrument: "Instrument", size: Decimal) -> "JournalOrder":
        ticket = Ticket(
            self.venue,
            position.symbol,
            SELL if position.size > 0 else BUY,
            size,
            MARKET,
            QUOTE if instrument.inverse else BASE,
            reduce_only=True,
            allow_duplicate=True,
            origin=ORIGIN,
        )
        with self._step():
            worth = position.mark_price or position.entry_price
            prepared = prepare(self.desk, ticket, look=False, worth=worth)
            order = send(self.desk, prepared, follow=False).order
        self.closing.append(order.record.client_id)
        return order

    def _refused(self, key: Key, instrument: "Instrument", piece: Decimal, error: Refused, *, whole: bool) -> None:
        """Try half as much next time, for the venue may take no order as large; give up what is no matter of size."""
        if isinstance(error, Unauthorized):
            raise error
        self.error = error
        self.refusals[key] = self.refusals.get(key, 0) + 1
        half = on_lot(piece / 2, instrument)
        too_small = not whole and (half <= 0 or half < (instrument.min_size or 0))
        if _never(error) or too_small or self.refusals[key] >= _REFUSALS:
            self.given_up[key] = error
        elif not whole:
            self.pieces[key] = half

    def _all_settled(self) -> bool:
        """Look up every order that the journal takes for alive, and cancel those that are: lists may lack them.

        One that may still come to life keeps us watching; and whatever was found out is newer than the positions that
        were read, so that these are read once more before nothing is left to do.
        """
        journal = self.desk.journal
        known = journal.orders(venue=self.venue, live=True)
        self.unsettled = [order.record.client_id for order in map(self._ended, known) if order is not None]
        for client_id in self.closing:
            order = journal.order(client_id)
            if order is not None and order.state.traded < order.state.filled:
                self._looked_up(order)  # its answer told what was filled; the trades carry prices and fees
        if self.unsettled:
            self.tell(self.venue, f"watching: {', '.join(self.unsettled)} may still come to life")
        lag_s = self.desk.trading(self.venue).rules.settling_ms / 1000
        return not known and time.monotonic() - self.stirred_at >= lag_s

    def _ended(self, order: "JournalOrder") -> "JournalOrder | None":
        """Answer an order that has not ended, after it was looked up and, where it is open, cancelled."""
        after = self._looked_up(order)
        if after.state.phase is Phase.OPEN:
            try:
                with self._step():
                    after = cancel(self.desk, after).order
            except CrossbookError as error:
                self.error = error
        return None if after.state.final else after


def _key(position: Position) -> Key:
    return position.symbol, position.size > 0


def _never(error: CrossbookError) -> bool:
    return isinstance(error, (Unsupported, NotListed))


def _hopeless(error: CrossbookError) -> bool:
    """Tell whether trying again within this run cannot help."""
    return not (error.retryable or isinstance(error, (NotSent, OutcomeUnknown)))
