"""No order against a market that stands still."""

from market_data.quotes import age_ms
from order_management.policy.contract import Check, Subject


class Rule(Check):
    """Deny an order when the venue's prices are old, by the venue's own time where it gives one."""

    name = "max_quote_age_ms"
    needs_look = True
    for_reducing = True

    def check(self, subject: Subject) -> None:
        """Compare the age of the prices that the order is judged by."""
        look = subject.look
        if look is None or (look.quote.bid is None and look.quote.ask is None):
            raise self.unknown(subject, f"{subject.instrument.venue} shows no price of {subject.instrument.symbol}")
        quote = look.quote
        age = age_ms(quote.venue_time_ns, quote.received_at_ns, subject.now_ns, subject.clock_offset_ms())
        if age > self.setting:
            raise self.deny(
                subject,
                f"the prices of {subject.instrument.symbol} are too old",
                limit=f"{self.setting} ms",
                value=f"judged by prices {age} ms old",
                hint="Try again; doctor tells whether it is this machine's clock.",
            )
