"""Changing a resting order in place, written down before it leaves like everything else."""

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import ConfigError, CrossbookError, NotSent, RateLimited, Refused, Unsupported, UsageError
from domain.money import plain
from domain.orders import BUY
from order_management.event_data import report_data
from order_management.order_states import (
    AMEND_ACCEPTED,
    AMEND_INTENDED,
    AMEND_NOT_SENT,
    AMEND_REFUSED,
    AMEND_UNKNOWN,
)
from order_management.settling import settle
from order_management.sizing import on_lot, on_tick

if TYPE_CHECKING:
    from order_management.desk import Desk
    from order_management.journal import JournalOrder


class Amended(NamedTuple):
    """What came of it: the order as it is now; `unknown` where no answer came and a look-up did not tell."""

    order: "JournalOrder"
    note: str | None = None


def amend(desk: "Desk", order: "JournalOrder", *, price: Decimal | None, size: Decimal | None) -> Amended:
    """Change price or size (whole, in lot units) of a resting order.

    Raises:
        UsageError: it has ended, or nothing would change.
        Unsupported: the venue cannot; nothing was sent.
        Refused: the venue said no; the order is as it was.
        NotSent, RateLimited: nothing was sent.
    """
    client_id, spec = order.record.client_id, order.record.spec
    trading, ref = desk.trading(order.record.venue), desk.ref(order)
    instrument = ref.instrument
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
    desk.journal.add(client_id, AMEND_INTENDED, wanted)
    note = None
    try:
        report = trading.amend(ref, current, size=new_size, price=new_price)
    except BaseException as error:
        desk.journal.add(client_id, *_outcome_of(error))
        if not isinstance(error, CrossbookError) or isinstance(error, (NotSent, RateLimited, ConfigError, Refused)):
            raise
        note = f"No answer came to the amendment: {error.message}"
    else:
        desk.journal.add(client_id, AMEND_ACCEPTED, report_data(report))
    return Amended(settle(desk, _order(desk, client_id)).order, note)


def _outcome_of(error: BaseException) -> tuple[str, dict[str, str]]:
    words = error.message if isinstance(error, CrossbookError) else type(error).__name__
    data = {"error": getattr(error, "category", "interrupted"), "reason": words}
    if isinstance(error, (NotSent, RateLimited, ConfigError, Unsupported)):
        return AMEND_NOT_SENT, data
    return (AMEND_REFUSED if isinstance(error, Refused) else AMEND_UNKNOWN), data


def _order(desk: "Desk", client_id: str) -> "JournalOrder":
    order = desk.journal.order(client_id)
    assert order is not None
    return order
