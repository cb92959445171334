"""No price far from the market's, as all venues together show it."""

from decimal import Decimal

from domain.money import plain, rounded
from domain.orders import MARKET, PRICED
from order_management.policy.contract import Check, Subject, amount

_BPS = Decimal(10_000)


class Rule(Check):
    """Deny an order whose price is far from the middle over all venues, on either side."""

    name = "max_deviation_bps"

    def check(self, subject: Subject) -> None:
        """Compare the limit price, or what a market order pays on average; a plain stop has no price to compare."""
        spec, limit = subject.sized.spec, Decimal(self.setting)
        if spec.type in PRICED:
            price, what = spec.price, "price"
        elif spec.type == MARKET:
            price, what = subject.expected, "expected average price"
        else:
            return
        symbol = subject.instrument.symbol
        if price is None:
            raise self.unknown(subject, f"{subject.instrument.venue} does not show what the order would pay")
        mid = self.asked(subject, subject.consolidated_mid)
        if not mid:
            raise self.unknown(subject, f"no venue shows a price of {symbol} that counts")
        deviation = abs(price - mid) / mid * _BPS
        if deviation > limit:
            raise self.deny(
                subject,
                f"the {what} {plain(rounded(price, 8))} is far from {plain(rounded(mid, 8))}, the middle over all"
                " venues",
                limit=f"{plain(limit)} bps",
                value=f"{amount(deviation, limit)} bps",
            )
