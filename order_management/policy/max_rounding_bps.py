"""What is sent is worth nearly what was asked for."""

from decimal import Decimal

from domain.money import plain, rounded
from order_management.policy.contract import Check, Subject, amount


class Rule(Check):
    """Deny an order whose worth the venue's tick and lot change too much."""

    name = "max_rounding_bps"

    def check(self, subject: Subject) -> None:
        """Compare by how much the worth changes, in basis points of what was asked for."""
        found, limit = subject.sized, Decimal(self.setting)
        if found.change_bps <= limit:
            return
        instrument = subject.instrument
        unit = instrument.quote if instrument.inverse else instrument.base
        exact = f"{plain(found.spec.size)} {unit}"
        if found.spec.price is not None:
            exact += f" at {plain(found.spec.price)}"
        worth = plain(rounded(found.sent_notional, 2))
        raise self.deny(
            subject,
            f"tick and lot of {instrument.symbol} change the order to {exact}",
            limit=f"{plain(limit)} bps",
            value=f"{amount(found.change_bps, limit)} bps",
            hint=f"Ask for {exact} (worth {worth}), or change policy.{self.name} in the configuration.",
        )
