"""Placing an order: checked, written down, sent once, and its outcome written down, whatever it is.

prepare   units, tick and lot, minimum, capabilities, cost; nothing is written or sent
send      policy → budgets → the intent, durable → one request → the answer, durable → what became of it
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import (
    ConfigError,
    CrossbookError,
    NotSent,
    OutcomeUnknown,
    PolicyDenied,
    RateLimited,
    Refused,
    Unsupported,
    UsageError,
)
from domain.instruments import SPOT, Instrument
from domain.money import plain
from domain.orders import FINAL, MARKET, PRICED, TRIGGERED
from order_management.client_ids import check_client_id, new_client_id
from order_management.costs import Cost, Look, expected_cost
from order_management.event_data import report_data, spec_data
from order_management.journal import AlreadyIntended, JournalError, JournalOrder, OrderRecord
from order_management.order_states import ACCEPTED, INTENDED, NOT_SENT, REFUSED, UNKNOWN, Phase
from order_management.policy.contract import Subject
from order_management.settling import START_WITHIN_NS, settle, settle_until
from order_management.sizing import Sized, sized
from order_management.tickets import QUOTE, Ticket

if TYPE_CHECKING:
    from connectors.trading import Trading
    from order_management.desk import Desk

_NOTHING_SENT = (NotSent, RateLimited, ConfigError, UsageError, Unsupported, PolicyDenied)
_MAY_BE_TRIED_AGAIN = frozenset({Phase.NOT_SENT, Phase.ABSENT, Phase.REJECTED})


class Prepared(NamedTuple):
    """An order that is ready to be sent; `look` is None where nothing asked for the market."""

    ticket: Ticket
    instrument: Instrument
    sized: Sized
    look: Look | None
    cost: Cost
    known: JournalOrder | None
    """What the journal has under the same client id already."""


class Placed(NamedTuple):
    """What became of it. `again`: the journal knew the id, so nothing was sent this time."""

    prepared: Prepared
    order: JournalOrder
    again: bool
    notes: tuple[str, ...] = ()


def prepare(desk: "Desk", ticket: Ticket, *, max_age_ms: int = 0, look: bool = True) -> Prepared:
    """Put a ticket into the venue's terms; nothing is written down or sent.

    Args:
        max_age_ms: how old a view of the market may be that was taken before.
        look: show the market's side of the costs, even where the order does not need it.

    Raises:
        UsageError: it makes no sense, or is too small.
        Unsupported: the venue has no such order.
    """
    ticket.checked()
    instrument = desk.instrument(ticket.venue, ticket.symbol)
    trading = desk.trading(ticket.venue)
    _check_capabilities(ticket, instrument, trading)
    client_id = ticket.client_id or new_client_id()
    check_client_id(client_id, trading.rules.client_id, ticket.venue)
    needs_price = ticket.type == MARKET or (ticket.unit == QUOTE and ticket.price is None and ticket.stop_price is None)
    seen = desk.look(instrument, max_age_ms) if look or needs_price or desk.policy.needs_look else None
    found = sized(ticket, instrument, client_id, _market_price(ticket, seen))
    settings = desk.config.venues.get(ticket.venue)
    cost = expected_cost(found.spec, found.sent_base, instrument, seen, settings)
    return Prepared(ticket, instrument, found, seen, cost, desk.journal.order(client_id))


def send(desk: "Desk", prepared: Prepared, *, follow: bool = True) -> Placed:
    """Send a prepared order, once.

    Args:
        follow: ask what became of it where the venue only acknowledged it, and settle it where no answer came.

    Raises:
        PolicyDenied: nothing was sent.
        NotSent, RateLimited, Refused: nothing is at the venue; the journal says so.
        UsageError: the client id belongs to another order.
    """
    trading, spec = desk.trading(prepared.ticket.venue), prepared.sized.spec
    if prepared.known is not None and prepared.known.state.phase not in _MAY_BE_TRIED_AGAIN:
        return _again(prepared, prepared.known)
    desk.policy.check(_subject(desk, prepared, trading))
    trading.admit()
    facts = trading.prepare(prepared.instrument, spec)
    begun_ns = desk.clock_ns()
    try:
        _intend(desk, prepared, facts)
    except AlreadyIntended as taken:
        return _again(prepared, taken.existing)
    _submit(desk, trading, prepared, begun_ns)
    order = _order(desk, spec.client_id)
    if not follow:
        return Placed(prepared, order, again=False)
    return _followed(desk, prepared, order)


def _check_capabilities(ticket: Ticket, instrument: Instrument, trading: "Trading") -> None:
    rules, kind = trading.rules, instrument.kind
    lacks = None
    if ticket.type not in rules.types.get(kind, ()):
        lacks = f"{ticket.type} orders"
    elif ticket.tif is not None and ticket.type in PRICED and ticket.tif not in rules.tifs.get(kind, ()):
        lacks = f"{ticket.tif} orders"
    elif ticket.post_only and kind not in rules.post_only:
        lacks = "post-only orders"
    elif ticket.reduce_only and kind not in rules.reduce_only:
        if kind == SPOT:
            hint = "Leave out --reduce-only."
            raise UsageError(f"{instrument.symbol} is spot: there is no position to reduce.", hint=hint)
        lacks = "reduce-only orders"
    if lacks:
        note = next((text for name, text in rules.notes.items() if name in lacks), None)
        raise Unsupported(
            f"{trading.venue} has no {lacks} on {kind} instruments; nothing was sent.", venue=trading.venue, hint=note
        )


def _market_price(ticket: Ticket, look: Look | None) -> "Any":
    """Value an order without a price at what it would take first: the ask for a buy, the bid for a sell."""
    if look is None:
        return None
    return (look.quote.ask if ticket.side == "buy" else look.quote.bid) or look.mid


def _subject(desk: "Desk", prepared: Prepared, trading: "Trading") -> Subject:
    def consolidated_mid() -> "Any":
        from order_management.consolidated import consolidated_mid as mid

        return mid(desk, prepared.instrument)

    return Subject(
        ticket=prepared.ticket,
        sized=prepared.sized,
        instrument=prepared.instrument,
        environment=desk.environment,
        journal=desk.journal,
        now_ns=desk.clock_ns(),
        look=prepared.look,
        consolidated_mid=consolidated_mid,
        balances=trading.balances,
        positions=trading.positions,
    )


def _intend(desk: "Desk", prepared: Prepared, facts: Mapping[str, str]) -> None:
    """Write the intent down; it is durable when this returns."""
    spec, ticket = prepared.sized.spec, prepared.ticket
    if prepared.known is not None:
        _same(prepared, prepared.known)
        desk.journal.add(spec.client_id, INTENDED, {"spec": spec_data(spec), "facts": dict(facts)})
        return
    desk.journal.intend(
        OrderRecord(
            client_id=spec.client_id,
            venue=ticket.venue,
            symbol=prepared.instrument.symbol,
            environment=desk.environment,
            spec=spec,
            asked=_asked(prepared, facts),
            origin=ticket.origin,
            created_ns=desk.clock_ns(),
            notional_quote=prepared.sized.sent_notional,
            inverse=prepared.instrument.inverse,
        )
    )


def _asked(prepared: Prepared, facts: Mapping[str, str]) -> dict[str, Any]:
    ticket = prepared.ticket
    asked: dict[str, Any] = {"amount": plain(ticket.amount), "unit": ticket.unit}
    if ticket.price is not None:
        asked["price"] = plain(ticket.price)
    if ticket.stop_price is not None:
        asked["stop_price"] = plain(ticket.stop_price)
    if facts:
        asked["facts"] = dict(facts)
    return asked


def _submit(desk: "Desk", trading: "Trading", prepared: Prepared, begun_ns: int) -> None:
    """Make the one request, and write down what came of it; `begun_ns` is when its intent was written down."""
    spec = prepared.sized.spec
    try:
        if desk.clock_ns() - begun_ns > START_WITHIN_NS:
            raise NotSent("This process was held up after the order was written down; it was not sent.")
        report = trading.submit(prepared.instrument, spec)
    except BaseException as error:
        desk.journal.add(spec.client_id, *outcome_of(error))
        if isinstance(error, CrossbookError):
            error.venue = error.venue or trading.venue
            if isinstance(error, (*_NOTHING_SENT, Refused)):
                raise
            return
        raise
    try:
        desk.journal.add(spec.client_id, ACCEPTED, report_data(report))
    except JournalError as error:
        raise OutcomeUnknown(
            f"{trading.venue} accepted the order as {report.order_id}; that could not be written down: {error.message}",
            venue=trading.venue,
            hint=f"Repair the journal, then: order resolve {spec.client_id}",
        ) from error


def outcome_of(error: BaseException) -> tuple[str, dict[str, Any]]:
    """Say which event an error of a submit is; what is not certain is unknown."""
    words = error.message if isinstance(error, CrossbookError) else type(error).__name__
    data = {"error": getattr(error, "category", "interrupted"), "reason": words}
    if isinstance(error, _NOTHING_SENT):
        return NOT_SENT, data
    if isinstance(error, Refused):
        return REFUSED, data
    return UNKNOWN, data


def _followed(desk: "Desk", prepared: Prepared, order: JournalOrder) -> Placed:
    notes = []
    if not order.state.settled:
        verdict = settle_until(desk, order, desk.deadline())
        order = verdict.order
        notes.append(f"No answer came to the order; {verdict.how}.")
    elif _unclear(desk, order):
        try:
            order = settle(desk, order).order
        except CrossbookError as error:
            notes.append(f"The order was accepted; what became of it could not be asked: {error.message}")
    return Placed(prepared, order, again=False, notes=tuple(notes))


def _unclear(desk: "Desk", order: JournalOrder) -> bool:
    """Tell whether the answer left open what became of the order."""
    told = [event for event in desk.journal.events(order.record.client_id) if event.kind == ACCEPTED]
    status = told[-1].data.get("status") if told else None
    takes = order.record.spec.type not in TRIGGERED and order.state.phase is Phase.OPEN
    asynchronous = desk.trading(order.record.venue).rules.asynchronous
    return status is None or (status in FINAL and bool(order.state.filled)) or (takes and asynchronous)


def _again(prepared: Prepared, known: JournalOrder) -> Placed:
    _same(prepared, known)
    note = f"{known.record.client_id} was placed before; nothing was sent this time."
    return Placed(prepared, known, again=True, notes=(note,))


def _same(prepared: Prepared, known: JournalOrder) -> None:
    """Make sure that the order which has the id already is the one that is asked for."""
    record, spec = known.record, prepared.sized.spec
    was = {name: value for name, value in record.asked.items() if name != "facts"}
    same = (record.venue, record.symbol) == (prepared.ticket.venue, prepared.instrument.symbol)
    # Sizes may differ where the amount was converted at another price; what was asked may not.
    if not same or was != _asked(prepared, {}) or record.spec._replace(size=spec.size) != spec:
        raise UsageError(
            f"The id {record.client_id} belongs to another order ({record.venue} {record.symbol}).",
            hint=f"Use another --client-id; see: order history {record.client_id}",
        )


def _order(desk: "Desk", client_id: str) -> JournalOrder:
    order = desk.journal.order(client_id)
    assert order is not None
    return order
