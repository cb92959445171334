"""Opening the order desk for a command: session, journal and policy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commands.order_journal import journal_of, open_journal
from commands.session import Session, open_session

if TYPE_CHECKING:
    from order_management.desk import Desk
    from order_management.journal import Journal, JournalOrder


def open_desk(
    env: str | None,
    venues: Sequence[str] = (),
    timeout: float | None = None,
    *,
    markets: bool = True,
    journal: "Journal | None" = None,
) -> tuple["Desk", Session]:
    """Open the desk of an environment; the unsettled orders of its journal are told on stderr.

    Args:
        venues: those that the command is about; none means all that are enabled.
        markets: make sure that their instrument lists are there.
    """
    from order_management.desk import Desk
    from order_management.policy.chain import policy_of

    session = open_session(env, venues, timeout, markets=markets)
    journal = journal or open_journal(session.venues.place.journal)
    policy = policy_of(session.config)
    return Desk(session.venues, session.config, journal, policy, session.deadline), session


def open_known(
    env: str | None, ids: Sequence[str], venue: str | None, timeout: float | None
) -> tuple["Desk", list["JournalOrder"]]:
    """Open the desk for orders that are known by their ids; one that is not in the journal is looked for at `venue`."""
    from order_management.finding import adopt_from_venue, find_order, must_find

    journal = journal_of(env)[1]
    found = {text: find_order(journal, text, venue) for text in dict.fromkeys(ids)}
    if venue is None:
        found = {text: must_find(journal, text) for text in found}
    names = {order.record.venue for order in found.values() if order is not None} | ({venue} if venue else set())
    desk, _ = open_desk(env, sorted(names), timeout, journal=journal)
    return desk, [order or adopt_from_venue(desk, text, str(venue)) for text, order in found.items()]


def open_unsettled(
    env: str | None, order_id: str | None, venue: str | None, timeout: float | None
) -> tuple["Desk | None", list["JournalOrder"]]:
    """Open the desk for the unsettled orders, or for one order; without any there is no desk."""
    from order_management.finding import must_find

    journal = journal_of(env, quiet=True)[1]
    orders = [must_find(journal, order_id, venue)] if order_id else journal.unsettled(venue)
    if not orders:
        return None, []
    desk, _ = open_desk(env, sorted({order.record.venue for order in orders}), timeout, journal=journal)
    return desk, orders
