"""Which order an id means: ours, the venue's, or an unambiguous beginning of either."""

from typing import TYPE_CHECKING

from domain.errors import UsageError
from domain.orders import Fill, OrderReport
from order_management.client_ids import new_client_id
from order_management.journal import AlreadyIntended, Journal, adopted_record

if TYPE_CHECKING:
    from order_management.desk import Desk
    from order_management.journal import JournalOrder

_SHOWN = 5


class NoSuchOrder(UsageError):
    """No order has this id, or several have it as their beginning."""

    category = "unknown_order"


def find_order(journal: Journal, text: str, venue: str | None = None) -> "JournalOrder | None":
    """Find the one order that an id means; None where the journal has none.

    Raises:
        NoSuchOrder: several orders begin with it (they are named), or the order is at another venue.
    """
    found = journal.find(text)
    here = [order for order in found if venue in (None, order.record.venue)]
    if len(here) > 1:
        ids = ", ".join(order.record.client_id for order in here[:_SHOWN]) + (" …" if len(here) > _SHOWN else "")
        raise NoSuchOrder(f"{text!r} is the beginning of {len(here)} orders: {ids}.", hint="Give more of the id.")
    if found and not here:
        order = found[0]
        raise NoSuchOrder(
            f"{text!r} is an order at {order.record.venue}, not at {venue}.", hint=f"Use --venue {order.record.venue}."
        )
    return here[0] if here else None


def must_find(journal: Journal, text: str, venue: str | None = None) -> "JournalOrder":
    """Find the one order that an id means.

    Raises:
        NoSuchOrder: there is none.
    """
    order = find_order(journal, text, venue)
    if order is None:
        raise NoSuchOrder(
            f"The journal has no order {text!r}.",
            hint="See: order list. An order that was placed elsewhere needs --venue, or: order reconcile --accept.",
        )
    return order


def adopt_from_venue(desk: "Desk", text: str, venue: str) -> "JournalOrder":
    """Find an open order at the venue by its id there (or its beginning), and take it into the journal.

    Raises:
        NoSuchOrder: the venue has no such open order, or several.
    """
    reports = desk.trading(venue).open_orders()
    ids = [(report, (report.order_id or "", report.client_id or "")) for report in reports]
    found = [report for report, names in ids if text in names]
    found = found or [report for report, names in ids if any(name.startswith(text) for name in names)]
    if len(found) != 1:
        many = f"{len(found)} open orders of {venue} begin with" if found else f"{venue} has no open order"
        raise NoSuchOrder(f"{many} {text!r}.", hint="See: order list --open.")
    return adopt(desk, found[0])


def adopt(desk: "Desk", report: OrderReport) -> "JournalOrder":
    """Write down an order that was found at a venue and that nobody had written down."""
    instrument = desk.instrument(report.venue, report.symbol)
    client_id = report.client_id or new_client_id()
    known = desk.journal.order(client_id)
    if known is not None and known.record.venue == report.venue:
        return known
    if known is not None:
        client_id = new_client_id()
    record = adopted_record(client_id, report, desk.environment, inverse=instrument.inverse)
    try:
        return desk.journal.adopt(record, report)
    except AlreadyIntended as taken:
        return taken.existing


def known_as(journal: Journal, told: OrderReport | Fill) -> "JournalOrder | None":
    """Find the order of the journal that a venue tells of, by our id or by any id that the venue gave it, exactly.

    Some venues count the orders of each symbol on their own, so an id of theirs means one within its symbol.
    """
    venue, client_id, order_id = told.venue, told.client_id, told.order_id
    known = journal.order(client_id) if client_id else None
    if known is not None and known.record.venue == venue:
        return known
    for order in journal.find(order_id) if order_id else ():
        here = (order.record.venue, order.record.symbol) == (venue, told.symbol)
        if here and order_id in (order.state.order_id, *order.state.former_ids):
            return order
    return None
