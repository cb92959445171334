"""Cancelling: one order by its id, or everything of a venue, until a re-read shows that nothing is left.

A cancel is written down like an order: before it leaves, and with what came of it. It may be sent again, because
cancelling twice does no harm; an order is never sent again.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from connectors.side_by_side import side_by_side
from domain.errors import (
    ConfigError,
    CrossbookError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    UnknownSymbol,
    UsageError,
)
from domain.orders import OrderReport
from order_management.finding import known_as
from order_management.order_states import (
    CANCEL_ACCEPTED,
    CANCEL_INTENDED,
    UNSETTLED,
    ImpossibleTransition,
)
from order_management.outcomes import CANCEL, outcome_of
from order_management.settling import settle

if TYPE_CHECKING:
    from connectors.trading import Trading
    from domain.instruments import Instrument
    from order_management.desk import Desk
    from order_management.journal import JournalOrder

_ROUNDS = 5


class Cancelled(NamedTuple):
    """What came of one cancel: the order as it is now, and what is to be said about it."""

    order: "JournalOrder"
    note: str | None = None
    error: CrossbookError | None = None


class Swept(NamedTuple):
    """What came of cancelling everything at a venue: what was open, what still is, and what went wrong."""

    venue: str
    found: list[OrderReport]
    left: list[OrderReport]
    rounds: int
    error: CrossbookError | None = None
    unsettled: "Sequence[JournalOrder]" = ()
    """Orders of ours that no list shows and that may still come to life there."""


def cancel(desk: "Desk", order: "JournalOrder") -> Cancelled:
    """Cancel one order, and look up what became of it.

    Raises:
        UsageError: it has ended already.
        NotSent, RateLimited: nothing was sent.
    """
    client_id, state = order.record.client_id, order.state
    if state.final:
        raise UsageError(
            f"The order {client_id} has ended already: {state.phase.value}.", hint=f"See: order history {client_id}"
        )
    trading = desk.trading(order.record.venue)
    desk.journal.add(client_id, CANCEL_INTENDED)
    failure: CrossbookError | None = None
    try:
        trading.cancel(desk.ref(order))
    except BaseException as error:
        desk.journal.add(client_id, *outcome_of(error, CANCEL))
        if not isinstance(error, CrossbookError) or isinstance(error, (NotSent, RateLimited, ConfigError)):
            raise
        failure = error
    else:
        desk.journal.add(client_id, CANCEL_ACCEPTED)
    return _looked_up(desk, client_id, failure)


def cancel_everything(
    desk: "Desk", venue: str, instrument: "Instrument | None" = None, *, follow: bool = True
) -> Swept:
    """Cancel every open order of every family at one venue, and read again until nothing is left.

    Orders that nobody wrote down are cancelled as well. What goes wrong is in the answer.

    Args:
        follow: look up what became of each order of the journal; else that is left to the caller.
    """
    found: list[OrderReport] = []
    left: list[OrderReport] = []
    rounds = 0
    try:
        trading = desk.trading(venue)
        found = left = trading.open_orders(instrument)
        _intend_all(desk, left)
        for rounds in range(1, _ROUNDS + 1):
            if not left:
                break
            _sweep(desk, trading, left, together=rounds == 1 and trading.rules.cancel_all)
            left = trading.open_orders(instrument)
            fresh = [report for report in left if report.order_id not in {known.order_id for known in found}]
            _intend_all(desk, fresh)
            found = [*found, *fresh]
    except CrossbookError as error:
        return Swept(venue, found, left, rounds, error)
    finally:
        if follow:
            _write_down(desk, found)
    return Swept(venue, found, left, rounds)


def cancel_at_once(desk: "Desk", orders: "Sequence[JournalOrder]") -> list[Cancelled]:
    """Cancel several orders, each on its own; what goes wrong with one is in its answer, and stops none."""
    found = []
    for order in orders:
        try:
            found.append(cancel(desk, order))
        except CrossbookError as error:
            known = desk.journal.order(order.record.client_id)
            found.append(Cancelled(known or order, None, error))
    return found


def sweep_venues(desk: "Desk", symbol: str | None = None) -> list[Swept]:
    """Cancel everything at every venue of this run, side by side, optionally of one instrument only."""
    names = list(desk.venues.names)

    def sweep(name: str) -> Swept:
        try:
            if name in desk.venues.failures:
                raise desk.venues.failures[name]
            instrument = None if symbol is None else desk.instrument(name, symbol)
        except UnknownSymbol:
            return Swept(name, [], [], 0)
        except CrossbookError as error:
            return Swept(name, [], [], 0, error)
        return cancel_everything(desk, name, instrument)._replace(unsettled=_may_come(desk, name, instrument))

    outcomes = side_by_side([partial(sweep, name) for name in names])
    return [
        Swept(name, [], [], 0, item) if isinstance(item, CrossbookError) else item
        for name, item in zip(names, outcomes, strict=True)
    ]


def _may_come(desk: "Desk", venue: str, instrument: "Instrument | None") -> "list[JournalOrder]":
    """List the orders that may be at the venue, or on their way, though its lists do not show them."""
    found = (order for order in desk.journal.unsettled(venue) if order.state.phase in UNSETTLED)
    return [order for order in found if instrument is None or order.record.symbol == instrument.symbol]


def _sweep(desk: "Desk", trading: "Trading", left: Sequence[OrderReport], *, together: bool) -> None:
    """Send one round of cancels: per instrument in one go, or each order on its own."""
    from connectors.trading import OrderRef

    if together:
        for symbol in dict.fromkeys(report.symbol for report in left):
            try:
                trading.cancel_all(desk.instrument(trading.venue, symbol))
            except (Refused, OutcomeUnknown):
                continue  # the next round names each order
        return
    for report in left:
        ref = OrderRef(desk.instrument(trading.venue, report.symbol), report.order_id, report.client_id, report.family)
        try:
            trading.cancel(ref)
        except (Refused, OutcomeUnknown):
            continue  # closed meanwhile, or no answer: the re-read tells


def _intend_all(desk: "Desk", reports: Sequence[OrderReport]) -> None:
    for report in reports:
        known = known_as(desk.journal, report)
        if known is not None and not known.state.final:
            with suppress(ImpossibleTransition):  # another process has written down that it has ended
                desk.journal.add(known.record.client_id, CANCEL_INTENDED)


def _write_down(desk: "Desk", reports: Sequence[OrderReport]) -> None:
    for report in reports:
        known = known_as(desk.journal, report)
        if known is not None and not known.state.final:
            settle(desk, known)


def _looked_up(desk: "Desk", client_id: str, failure: CrossbookError | None) -> Cancelled:
    order = desk.journal.order(client_id)
    assert order is not None
    try:
        order = settle(desk, order).order
    except CrossbookError as error:
        return Cancelled(order, f"What became of it could not be asked: {error.message}", failure)
    if order.state.final:
        return Cancelled(order, None if failure is None else f"{failure.message}; the order has ended.")
    return Cancelled(order, None, failure)
