"""No more than so many orders a minute, in all processes together."""

from order_management.policy.contract import Counted, CountingCheck, Subject

_MINUTE_NS = 60_000_000_000


class Rule(CountingCheck):
    """Deny an order when too many went out within the last 60 seconds: a loop that ran away."""

    name = "max_orders_per_minute"

    def count(self, subject: Subject, journal: Counted) -> None:
        """Count what may have gone out, refused orders and raising amendments too."""
        placed = journal.placed_since(subject.now_ns - _MINUTE_NS)
        if placed >= self.setting:
            raise self.deny(
                subject,
                "too many orders went out within 60 s",
                limit=self.setting,
                value=f"number {placed + 1}",
                hint=f"Wait, or change policy.{self.name} in the configuration.",
            )
