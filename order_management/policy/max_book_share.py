"""No order takes a large part of what stands in the book: the guard against a fat finger."""

from collections.abc import Iterable
from decimal import Decimal

from domain.books import Level
from domain.money import BadNumber, plain
from domain.orders import BUY, LIMIT
from order_management.policy.contract import Check, Subject, amount

_PERCENT = Decimal(100)


class Rule(Check):
    """Deny an order that would take more than a share of the visible depth of the side that it takes.

    A venue without a book shows nothing to compare with: there the check does not apply.
    """

    name = "max_book_share"
    needs_look = True

    def check(self, subject: Subject) -> None:
        """Compare what the order takes at once, in base units; a stop counts whole, as if it were triggered."""
        if subject.look is None or subject.look.book is None:
            return
        spec, share = subject.sized.spec, Decimal(self.setting)
        if spec.post_only:
            return
        book = subject.look.book
        side = book.asks if spec.side == BUY else book.bids
        try:
            price = spec.price if spec.type == LIMIT else None
            taken, depth = _taken(side, subject.sized.sent_base, price, buying=spec.side == BUY, share=share)
        except BadNumber:
            raise self.unknown(subject, f"the book of {subject.instrument.venue} cannot be read") from None
        if taken > depth * share:
            limit = share * _PERCENT
            part = f"{amount(taken / depth * _PERCENT, limit)} %" if depth else "all of an empty book"
            raise self.deny(
                subject,
                f"the order takes too much of the {'asks' if spec.side == BUY else 'bids'} that are shown:"
                f" {plain(taken)} of {plain(depth)} {subject.instrument.base}",
                limit=f"{plain(limit)} %",
                value=part,
            )


def _taken(
    side: Iterable[Level], base: Decimal, price: Decimal | None, *, buying: bool, share: Decimal
) -> tuple[Decimal, Decimal]:
    """Add up the depth, and how much of it the order takes, reading only as many levels as it needs to pass."""
    depth = within = Decimal(0)
    for level in side:
        depth += level.size
        if price is None or (level.price <= price if buying else level.price >= price):
            within += level.size
        elif within == 0:
            return Decimal(0), depth
        if base <= depth * share:
            break
    return (base if price is None else min(base, within)), depth
