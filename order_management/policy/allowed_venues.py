"""Orders go to the venues of a list only."""

from order_management.policy.contract import Check, Subject


class Rule(Check):
    """Deny an order for a venue that is not in the list."""

    name = "allowed_venues"
    for_reducing = True

    def check(self, subject: Subject) -> None:
        """Compare the venue's name."""
        venue = subject.instrument.venue
        if venue not in self.setting:
            limit = ", ".join(self.setting) or "none"
            raise self.deny(subject, "the venue is not in the list", limit=limit, value=venue)
