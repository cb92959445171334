"""No more than so many orders are open at once."""

from domain.orders import GTC, MARKET
from order_management.policy.contract import Counted, CountingCheck, Subject


class Rule(CountingCheck):
    """Deny an order that would rest when too many do."""

    name = "max_open_orders"

    def count(self, subject: Subject, journal: Counted) -> None:
        """Count the orders of the journal that have not ended as far as it knows."""
        spec = subject.sized.spec
        if subject.amends or spec.type == MARKET or spec.tif != GTC:
            return
        count = journal.live_count(spec.client_id)
        if count >= self.setting:
            raise self.deny(
                subject,
                "too many orders are open",
                limit=self.setting,
                value=f"number {count + 1}",
                hint="Cancel some. If some have ended at the venue, have the journal see it: order status ID.",
            )
