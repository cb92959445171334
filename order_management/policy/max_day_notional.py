"""All that is sent on one day is worth no more than so much."""

from decimal import Decimal

from domain.money import plain, rounded
from order_management.policy.contract import Counted, CountingCheck, Subject, amount

DAY_NS = 86_400 * 1_000_000_000


class Rule(CountingCheck):
    """Deny an order that would make the day's sum too large."""

    name = "max_day_notional"
    needs_dollars = True

    def check(self, subject: Subject) -> None:
        """Find out what the order is worth, before the journal is locked."""
        self.dollars(subject, subject.more)

    def count(self, subject: Subject, journal: Counted) -> None:
        """Add the order to what was sent since midnight UTC, filled or not; what was refused does not count."""
        limit, more = Decimal(self.setting), self.dollars(subject, subject.more)
        before = journal.notional_since(subject.now_ns - subject.now_ns % DAY_NS)
        if before + more > limit:
            raise self.deny(
                subject,
                f"too much was sent since midnight UTC: {plain(rounded(before, 2))} USD before this order",
                limit=f"{plain(limit)} USD a day",
                value=f"makes it {amount(before + more, limit)} USD",
                hint=f"Wait until tomorrow, or change policy.{self.name} in the configuration.",
            )
