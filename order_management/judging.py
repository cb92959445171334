"""Putting an order before the policy: what its checks are given, and where they are asked."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache, partial
from typing import TYPE_CHECKING

from order_management.journal import OrderRecord
from order_management.journal_sent import JournalView
from order_management.policy.contract import Subject
from order_management.worth import dollar_price, in_dollars, price_currency

if TYPE_CHECKING:
    from domain.instruments import Instrument
    from order_management.costs import Cost, Look
    from order_management.desk import Desk
    from order_management.sizing import Sized
    from order_management.tickets import Ticket


def judged(
    desk: "Desk",
    ticket: "Ticket",
    sized: "Sized",
    instrument: "Instrument",
    look: "Look | None",
    cost: "Cost | None",
    more: Decimal | None = None,
    *,
    count: bool = True,
) -> Subject:
    """Hold an order against every check of the policy, and answer what they were given.

    Args:
        look: the market as it was seen; seen anew where it is older than the policy allows.
        more: what a raised order adds to its worth; None: the order is a new one.
        count: hold it against the limits that count earlier orders as well.

    Raises:
        PolicyDenied: a check said no; nothing was sent.
        NotSent: a check could not ask a venue.
    """
    policy, venue = desk.policy, instrument.venue
    if policy.max_quote_age_ms is not None and policy.looks_for(ticket):
        look = desk.look(instrument, policy.max_quote_age_ms)
    spec = sized.spec
    record = OrderRecord(spec.client_id, venue, instrument.symbol, desk.environment, spec)
    subject = Subject(
        ticket=ticket,
        sized=sized,
        instrument=instrument,
        environment=desk.environment,
        fingerprint=record.fingerprint,
        more=sized.sent_notional if more is None else more,
        amends=more is not None,
        now_ns=desk.clock_ns(),
        look=look,
        expected=cost.price if cost else None,
        clock_offset_ms=lambda: desk.venues.connector(venue).context.clock_offset_ms(),
        dollar_price=cache(partial(dollar_price, desk, venue)),
        consolidated_mid=cache(lambda: desk.consolidated_mid(instrument.symbol)),
        balances=cache(lambda: desk.trading(venue).balances()),
        positions=cache(lambda: desk.trading(venue).positions()),
        find=lambda symbol: desk.venues.cache.find(venue, symbol),
    )
    policy.check(subject, desk.journal if count else None)
    return subject


def allow(desk: "Desk", subject: Subject) -> Callable[[JournalView], None]:
    """Make what the journal asks inside the transaction that writes the order down: the limits that count, again."""
    return lambda view: desk.policy.recheck(subject._replace(now_ns=desk.clock_ns()), view)


def worth_now(desk: "Desk", subject: Subject) -> Decimal | None:
    """Value what the order adds in dollars; None where its currency is none and nothing had to know."""
    currency = price_currency(subject.instrument)
    if in_dollars(currency):
        return subject.more
    if subject.reduces or not desk.policy.needs_dollars:
        return None
    price = subject.dollar_price(currency)  # known by now: a check has asked
    return None if price is None else subject.more * price
