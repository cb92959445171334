"""Settling every order whose outcome is unknown, the venues side by side and the orders of one in turn."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from connectors.side_by_side import side_by_side
from domain.errors import CrossbookError
from order_management.settling import Verdict, settle, settle_until

if TYPE_CHECKING:
    from order_management.desk import Desk
    from order_management.journal import JournalOrder


def resolve_all(desk: "Desk | None", orders: "Sequence[JournalOrder]", *, wait: bool) -> list[Verdict]:
    """Look the orders up; with `wait` again and again, until each is settled or the deadline is over."""
    if desk is None:
        return []
    by_venue: dict[str, list[JournalOrder]] = {}
    for order in orders:
        by_venue.setdefault(order.record.venue, []).append(order)

    def resolve(group: "list[JournalOrder]") -> list[Verdict]:
        verdicts = [_one(desk, order) for order in group]
        if not wait:
            return verdicts
        return [_patiently(desk, verdict) if _may_help(verdict) else verdict for verdict in verdicts]

    found = side_by_side([partial(resolve, group) for group in by_venue.values()])
    verdicts: list[Verdict] = []
    for group, item in zip(by_venue.values(), found, strict=True):
        if isinstance(item, CrossbookError):
            verdicts += [Verdict(order, False, item.message) for order in group]
        else:
            verdicts += item
    return verdicts


def _one(desk: "Desk", order: "JournalOrder") -> Verdict:
    try:
        return settle(desk, order)
    except CrossbookError as error:
        return Verdict(order, False, f"it could not be looked up: {error.message}", again_in_s=1.0)


def _patiently(desk: "Desk", verdict: Verdict) -> Verdict:
    """Look again until the outcome is known, or an absence proven."""
    until = desk.deadline()
    try:
        return settle_until(desk, verdict.order, until)
    except CrossbookError as error:
        return verdict._replace(how=f"it could not be looked up: {error.message}")


def _may_help(verdict: Verdict) -> bool:
    return not verdict.settled and verdict.again_in_s is not None
