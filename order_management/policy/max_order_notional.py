"""One order is worth no more than so much."""

from decimal import Decimal

from domain.money import plain
from order_management.policy.contract import Check, Subject, amount


class Rule(Check):
    """Deny an order that is worth too much."""

    name = "max_order_notional"
    needs_dollars = True

    def check(self, subject: Subject) -> None:
        """Compare the worth of what is sent, in dollars: at its price, or at what a market order takes first."""
        limit, worth = Decimal(self.setting), self.dollars(subject, subject.sized.sent_notional)
        if worth > limit:
            raise self.deny(
                subject, "the order is worth too much", limit=f"{plain(limit)} USD", value=f"{amount(worth, limit)} USD"
            )
