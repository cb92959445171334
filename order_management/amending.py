"""Changing a resting order in place, written down before it leaves like everything else."""

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import ConfigError, CrossbookError, NotSent, RateLimited, Refused, Unsupported, UsageError
from domain.money import plain
from domain.orders import BUY, notional, size_base
from order_management.event_data import report_data
from order_management.judging import allow, judged, worth_now
from order_management.order_states import (
    AMEND_ACCEPTED,
    AMEND_INTENDED,
    UNSETTLED,
)
from order_management.outcomes import AMEND, outcome_of
from order_management.settling import settle
from order_management.sizing import Sized, on_lot, on_tick
from order_management.tickets import Ticket

if TYPE_CHECKING:
    from domain.instruments import Instrument
    from domain.orders import OrderReport
    from order_management.desk import Desk
    from order_management.journal import JournalOrder
    from order_management.policy.contract import Subject


class Amended(NamedTuple):
    """What came of it: the order as it is now; `unknown` where no answer came and a look-up did not tell."""

    order: "JournalOrder"
    note: str | None = None


def amend(desk: "Desk", order: "JournalOrder", *, price: Decimal | None, size: Decimal | None) -> Amended:
    """Change price or size (whole, in lot units) of a resting order.

    Raises:
        UsageError: it has ended, is in doubt, or nothing would change.
        Unsupported: the venue cannot; nothing was sent.
        Refused: the venue said no; the order is as it was.
        NotSent, RateLimited, PolicyDenied: nothing was sent.
    """
    order = _clear(desk, order)
    spec, trading, ref = order.record.spec, desk.trading(order.record.venue), desk.ref(order)
    client_id, instrument = order.record.client_id, ref.instrument
    if instrument.kind not in trading.rules.amend:
        raise Unsupported(
            f"{trading.venue} cannot amend {instrument.kind} orders; nothing was sent.",
            venue=trading.venue,
            hint="Cancel the order and place another.",
        )
    current = trading.find(ref)
    if current is None or current.status not in (None, "open"):
        order = settle(desk, order).order
        raise UsageError(
            f"The order {client_id} is not open any more: {order.state.phase.value}.",
            hint=f"See: order history {client_id}",
        )
    new_price = on_tick(price, instrument, buying=spec.side == BUY)
    new_size = None if size is None else on_lot(size, instrument, ROUND_FLOOR)
    if new_price in (None, current.price) and new_size in (None, current.size):
        raise UsageError("The order has this price and size already.", hint="Nothing was sent.")
    if new_size is not None and new_size <= (current.filled or 0):
        raise UsageError(
            f"{plain(current.filled or Decimal(0))} of the order are filled: the new size must be larger.",
            hint="Cancel it instead.",
        )
    wanted = {name: plain(v) for name, v in (("price", new_price), ("size", new_size)) if v is not None}
    subject = _judged(desk, order, instrument, current, new_price, new_size)
    if subject is not None and subject.more:
        wanted["worth_added"] = plain(worth_now(desk, subject) or Decimal(0))
    desk.journal.add(client_id, AMEND_INTENDED, wanted, None if subject is None else allow(desk, subject))
    note = None
    try:
        report = trading.amend(ref, current, size=new_size, price=new_price)
    except BaseException as error:
        desk.journal.add(client_id, *outcome_of(error, AMEND))
        if not isinstance(error, CrossbookError) or isinstance(error, (NotSent, RateLimited, ConfigError, Refused)):
            raise
        note = f"No answer came to the amendment: {error.message}"
    else:
        desk.journal.add(client_id, AMEND_ACCEPTED, report_data(report))
    return Amended(settle(desk, _order(desk, client_id)).order, note)


def _clear(desk: "Desk", order: "JournalOrder") -> "JournalOrder":
    """Look an unsettled order up first: what is found out now may let it be changed. Raises UsageError."""
    if not order.state.settled:
        order = settle(desk, order).order
    if order.state.phase in UNSETTLED or order.state.amend is not None:
        client_id = order.record.client_id
        raise UsageError(
            f"What became of the order {client_id}, or of its last amendment, is not known yet; nothing was sent.",
            hint=f"Settle it first: order resolve {client_id}",
        )
    return order


def _judged(
    desk: "Desk",
    order: "JournalOrder",
    instrument: "Instrument",
    current: "OrderReport",
    price: Decimal | None,
    size: Decimal | None,
) -> "Subject | None":
    """Hold an amended order against the policy, as a new one; None where only its size shrinks, which is always fine.

    What it adds is the worth of the new order less that of the old one: limits that add up count only that.
    """
    spec = order.record.spec
    old_price = current.price or order.state.price or spec.price
    old_size = current.size or order.state.size or spec.size
    if price in (None, old_price) and (size is None or size <= old_size):
        return None
    new = spec._replace(price=price or old_price, size=size or old_size)
    value_price = new.price or spec.stop_price
    before_price = old_price or spec.stop_price
    if value_price is None or before_price is None:
        raise NotSent(f"Nothing was sent: what the order {spec.client_id} is worth is not known.")
    worth = notional(instrument, new.size, value_price)
    more = max(Decimal(0), worth - notional(instrument, old_size, before_price))
    base = size_base(instrument, new.size - (current.filled or Decimal(0)), value_price)
    sized = Sized(new, new.size, new.price, value_price, worth, worth, base, change_bps=Decimal(0))
    ticket = Ticket(
        *(order.record.venue, order.record.symbol, spec.side, new.size, spec.type),
        price=new.price,
        stop_price=spec.stop_price,
        reduce_only=spec.reduce_only,
        allow_duplicate=True,
        origin="amend",
    )
    look = desk.look(instrument) if desk.policy.looks_for(ticket) else None
    return judged(desk, ticket, sized, instrument, look, None, more)


def _order(desk: "Desk", client_id: str) -> "JournalOrder":
    order = desk.journal.order(client_id)
    assert order is not None
    return order
