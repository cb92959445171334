"""The same order twice within a short time is a slip, unless it is said to be meant."""

from decimal import Decimal

from domain.money import plain, rounded
from order_management.policy.contract import Counted, CountingCheck, Subject


class Rule(CountingCheck):
    """Deny an order that looks like one that was sent a moment ago."""

    name = "duplicate_within_s"
    for_reducing = True
    for_urgent = True

    def count(self, subject: Subject, journal: Counted) -> None:
        """Look for the same venue, symbol, side, type, size and prices in the journal."""
        if subject.ticket.allow_duplicate or subject.amends:
            return
        limit = Decimal(self.setting)
        since_ns = subject.now_ns - int(limit * 1_000_000_000)
        found = journal.repeated(subject.fingerprint, since_ns, subject.sized.spec.client_id)
        if found is not None:
            client_id, at_ns = found
            ago = rounded(Decimal(max(0, subject.now_ns - at_ns)) / 1_000_000_000, 1)
            raise self.deny(
                subject,
                f"the same order was sent as {client_id}",
                limit=f"{plain(limit)} s apart",
                value=f"{plain(ago)} s after it",
                hint="If you mean it, add --allow-duplicate.",
            )
