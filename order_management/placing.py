"""Placing an order: checked, written down, sent once, and its outcome written down, whatever it is.

prepare   units, tick and lot, minimum, capabilities, cost; nothing is written or sent
send      policy → budgets → the intent, durable → one request → the answer, durable → what became of it
          (of a batch the answer reaches the disk with the next intent, or at the end: the intent alone is enough to
          find the order again)
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.trading import only_until
from domain.errors import (
    ConfigError,
    CrossbookError,
    NotSent,
    OutcomeUnknown,
    PolicyDenied,
    RateLimited,
    Refused,
    Unavailable,
    Unsupported,
    UsageError,
)
from domain.instruments import SPOT, Instrument
from domain.money import plain
from domain.orders import FINAL, GTC, MARKET, PRICED, STOP_LIMIT, TRIGGERED
from order_management.client_ids import check_client_id, new_client_id
from order_management.costs import Cost, Look, expected_cost
from order_management.event_data import report_data, spec_data
from order_management.journal import AlreadyIntended, JournalError, JournalOrder, OrderRecord
from order_management.judging import allow, judged, worth_now
from order_management.order_states import (
    ACCEPTED,
    INTENDED,
    UNKNOWN,
    ImpossibleTransition,
    OrderState,
    Phase,
)
from order_management.outcomes import NOTHING_SENT, SUBMIT, outcome_of
from order_management.settling import START_WITHIN_NS, settle, settle_until
from order_management.sizing import Sized, sized
from order_management.tickets import QUOTE, Ticket

if TYPE_CHECKING:
    from decimal import Decimal

    from connectors.trading import Trading
    from order_management.desk import Desk
    from order_management.policy.contract import Subject

_CAME_TO_NOTHING = frozenset({Phase.NOT_SENT, Phase.ABSENT, Phase.REJECTED})


def may_be_tried_again(state: OrderState) -> bool:
    """Tell whether no venue has the order, not even as a rejected one: the same id may be sent once more."""
    return state.phase in _CAME_TO_NOTHING and not state.known


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


def prepare(
    desk: "Desk", ticket: Ticket, *, max_age_ms: int = 0, look: bool = True, worth: "Decimal | None" = None
) -> Prepared:
    """Put a ticket into the venue's terms; nothing is written down or sent.

    Args:
        max_age_ms: how old a view of the market may be that was taken before.
        look: show the market's side of the costs, even where the order does not need it.
        worth: what one base unit is worth (quote), known already: the market need not be asked for that.

    Raises:
        UsageError: it makes no sense, or is too small.
        Unsupported: the venue has no such order.
    """
    instrument = check(desk, ticket)
    client_id = ticket.client_id or new_client_id()
    needs_price = ticket.type == MARKET or (ticket.unit == QUOTE and ticket.price is None and ticket.stop_price is None)
    needs_price = needs_price and worth is None
    guarded = desk.policy.looks_for(ticket)
    seen = _seen(desk, instrument, max_age_ms, needs_price, guarded) if look or needs_price or guarded else None
    found = sized(ticket, instrument, client_id, _market_price(ticket, seen) or worth)
    settings = desk.config.venues.get(ticket.venue)
    cost = expected_cost(found.spec, found.sent_base, instrument, seen, settings)
    known = None if ticket.client_id is None else desk.journal.order(client_id)
    return Prepared(ticket, instrument, found, seen, cost, known)


def check(desk: "Desk", ticket: Ticket) -> Instrument:
    """Check what can be checked without asking anybody: the ticket itself, the instrument, what the venue can do.

    Raises:
        UsageError, Unsupported: as `prepare` does.
    """
    ticket.checked()
    instrument = desk.instrument(ticket.venue, ticket.symbol)
    trading = desk.trading(ticket.venue)
    _check_capabilities(ticket, instrument, trading)
    if ticket.client_id is not None:
        check_client_id(ticket.client_id, trading.rules.client_id, ticket.venue)
    return instrument


def send(desk: "Desk", prepared: Prepared, *, follow: bool = True, admitted: bool = False) -> Placed:
    """Send a prepared order, once.

    Args:
        follow: ask what became of it where the venue only acknowledged it, and settle it where no answer came.
        admitted: its share of the budgets was taken before (`Trading.admit`).

    Raises:
        PolicyDenied: nothing was sent.
        NotSent, RateLimited, Refused: nothing is at the venue; the journal says so.
        UsageError: the client id belongs to another order.
    """
    trading, spec = desk.trading(prepared.ticket.venue), prepared.sized.spec
    if prepared.known is not None and not may_be_tried_again(prepared.known.state):
        return _again(prepared, prepared.known)
    # The limits that count orders are held against it once more where it is written down; whose share of the budgets is
    # taken already has nothing to save by hearing of them earlier.
    subject = judge(desk, prepared, count=not admitted)
    if not admitted:
        trading.admit()
        patience_ms = desk.policy.max_quote_age_ms
        if patience_ms is not None and desk.clock_ns() - subject.now_ns > patience_ms * 1_000_000:
            subject = judge(desk, prepared)  # waiting for the budget took so long that the market is another
    facts = trading.prepare(prepared.instrument, spec)
    begun_ns = desk.clock_ns()
    try:
        written = _intend(desk, prepared, facts, subject)
    except AlreadyIntended as taken:
        return _again(prepared, taken.existing)
    durable = follow or not trading.rules.finds_by_client_id
    order = JournalOrder(written.record, _submit(desk, trading, prepared, begun_ns, written, durable=durable))
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
    elif ticket.tif is not None and ticket.type == STOP_LIMIT and ticket.tif not in rules.stop_tifs:
        lacks = f"{ticket.tif} stop-limit orders"
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


def _seen(desk: "Desk", instrument: Instrument, max_age_ms: int, needed: bool, guarded: bool) -> Look | None:
    """See the market; where only the shown costs would need it, the order does without."""
    try:
        return desk.look(instrument, max_age_ms)
    except (Unavailable, NotSent) as error:
        if needed or isinstance(error, RateLimited):
            raise
        if not guarded:
            return None
        raise NotSent(
            f"Nothing was sent: the policy needs the market of {instrument.symbol}. {error.message}",
            venue=instrument.venue,
            hint=error.hint,
        ) from error


def _market_price(ticket: Ticket, look: Look | None) -> "Any":
    """Value an order without a price at what it would take first: the ask for a buy, the bid for a sell."""
    if look is None:
        return None
    return (look.quote.ask if ticket.side == "buy" else look.quote.bid) or look.mid


def judge(desk: "Desk", prepared: Prepared, *, count: bool = True) -> "Subject":
    """Hold a prepared order against the policy; `count`: against the limits that count earlier orders, too.

    Raises:
        PolicyDenied, NotSent: nothing was sent.
    """
    return judged(desk, prepared.ticket, prepared.sized, prepared.instrument, prepared.look, prepared.cost, count=count)


def objection(desk: "Desk", prepared: Prepared) -> str | None:
    """Say why the policy would not let the order pass as things are; None where it would."""
    try:
        judge(desk, prepared)
    except (PolicyDenied, NotSent, ConfigError) as error:
        return error.message.replace(" Nothing was sent.", "")
    return None


def _intend(desk: "Desk", prepared: Prepared, facts: Mapping[str, str], subject: "Subject") -> JournalOrder:
    """Write the intent down, unless the limits that count say no by now; it is durable when this returns."""
    spec, ticket = prepared.sized.spec, prepared.ticket
    if prepared.known is not None:
        _same(prepared, prepared.known)
        again = {"spec": spec_data(spec), "facts": dict(facts)}
        try:
            state = desk.journal.add(spec.client_id, INTENDED, again, allow(desk, subject))
        except ImpossibleTransition as error:  # another process has tried it again meanwhile
            raise AlreadyIntended(desk.journal.order(spec.client_id) or prepared.known) from error
        return JournalOrder(prepared.known.record, state)
    return desk.journal.intend(
        OrderRecord(
            client_id=spec.client_id,
            venue=ticket.venue,
            symbol=prepared.instrument.symbol,
            environment=desk.environment,
            spec=spec,
            asked=_asked(prepared.ticket, facts),
            origin=ticket.origin,
            created_ns=desk.clock_ns(),
            notional_quote=worth_now(desk, subject),
            inverse=prepared.instrument.inverse,
        ),
        allow(desk, subject),
    )


def _asked(ticket: Ticket, facts: Mapping[str, str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"amount": plain(ticket.amount), "unit": ticket.unit}
    if ticket.price is not None:
        asked["price"] = plain(ticket.price)
    if ticket.stop_price is not None:
        asked["stop_price"] = plain(ticket.stop_price)
    if facts:
        asked["facts"] = dict(facts)
    return asked


def _submit(
    desk: "Desk", trading: "Trading", prepared: Prepared, begun_ns: int, written: JournalOrder, *, durable: bool
) -> OrderState:
    """Make the one request, and write down what came of it; `begun_ns` is when its intent was `written` down.

    Args:
        durable: wait until its acceptance is on the disk; else that comes with the next thing written. Should this
            machine lose power before, the order is one without a known outcome, which a look-up settles.
    """
    spec = prepared.sized.spec
    try:
        with only_until(begun_ns + START_WITHIN_NS):
            report = trading.submit(prepared.instrument, spec)
    except BaseException as error:
        state = _learnt(desk, spec.client_id, error)
        if isinstance(error, CrossbookError):
            error.venue = error.venue or trading.venue
            error.hint = error.hint or f"See: order history {spec.client_id}"
            if isinstance(error, (*NOTHING_SENT, Refused)):
                raise
            return state
        raise
    try:
        return desk.journal.add(spec.client_id, ACCEPTED, report_data(report), durable=durable, intended=written)
    except JournalError as error:
        raise OutcomeUnknown(
            f"{trading.venue} accepted the order as {report.order_id}; that could not be written down: {error.message}",
            venue=trading.venue,
            hint=f"Repair the journal, then: order resolve {spec.client_id}",
        ) from error


def _learnt(desk: "Desk", client_id: str, error: BaseException) -> OrderState:
    """Write down what an error of a submit says; what the journal does not take must not hide what is known."""
    kind, data = outcome_of(error, SUBMIT)
    try:
        return desk.journal.add(client_id, kind, data)
    except JournalError as failure:
        if kind != UNKNOWN or not isinstance(error, CrossbookError):
            raise error from failure
        raise OutcomeUnknown(
            f"{error.message} That could not be written down: {failure.message}",
            venue=error.venue,
            hint=f"Repair the journal, then: order resolve {client_id}",
        ) from error


def _followed(desk: "Desk", prepared: Prepared, order: JournalOrder) -> Placed:
    notes = []
    if not order.state.settled:
        try:
            verdict = settle_until(desk, order, desk.deadline())
        except CrossbookError as error:  # no error of the order's own: its outcome stays unknown
            notes.append(f"No answer came to the order; it could not be looked up: {error.message}")
        else:
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
    check_repeats(prepared.ticket, prepared.instrument, known)


def check_repeats(ticket: Ticket, instrument: Instrument, known: JournalOrder) -> None:
    """Make sure that the order which has the ticket's id already is the one that is asked for.

    Raises:
        UsageError: it is another one.
    """
    record, spec = known.record, known.record.spec
    was = {name: value for name, value in record.asked.items() if name != "facts"}
    same = (record.venue, record.symbol) == (ticket.venue, instrument.symbol)
    # Sizes and prices on the grid may differ, where an amount was converted at another price; what was asked may not.
    terms = (ticket.side, ticket.type, ticket.tif or GTC, ticket.post_only, ticket.reduce_only)
    same = same and terms == (spec.side, spec.type, spec.tif, spec.post_only, spec.reduce_only)
    if not same or was != _asked(ticket, {}):
        raise UsageError(
            f"The id {record.client_id} belongs to another order ({record.venue} {record.symbol}).",
            hint=f"Use another --client-id; see: order history {record.client_id}",
        )
