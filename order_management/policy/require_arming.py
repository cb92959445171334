"""Where it counts, nothing is sent unless somebody has armed trading, for a while and up to a sum."""

from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase

from domain.errors import PolicyDenied
from domain.money import plain, rounded
from order_management.arming import Armed, read_armed
from order_management.policy.contract import Counted, CountingCheck, Subject, amount
from order_management.worth import in_dollars, price_currency


class Rule(CountingCheck):
    """Deny an order where trading is not armed for it."""

    name = "require_arming"
    needs_dollars = True
    for_reducing = True

    def check(self, subject: Subject) -> None:
        """See that trading is armed for the order, and find out what it is worth before the journal is locked."""
        if self._needed(subject):
            self._armed(subject)
            if not subject.reduces:
                self.dollars(subject, subject.more)

    def count(self, subject: Subject, journal: Counted) -> None:
        """Add the order to what was sent since trading was armed."""
        if not self._needed(subject):
            return
        armed = self._armed(subject)
        if subject.reduces:
            return
        more = self.dollars(subject, subject.more)
        before, limit = journal.notional_since(armed.armed_ns), armed.max_notional
        if before + more > limit:
            raise self.deny(
                subject,
                f"trading is armed for less; {plain(rounded(before, 2))} USD were sent since",
                limit=f"{plain(limit)} USD",
                value=f"makes it {amount(before + more, limit)} USD",
                hint=f"Arm it anew: {command(subject, more)}",
            )

    def _needed(self, subject: Subject) -> bool:
        if subject.environment not in self.setting or subject.urgent:
            return False
        return not subject.amends or subject.more > 0

    def _armed(self, subject: Subject) -> Armed:
        environment, instrument = subject.environment, subject.instrument
        armed = read_armed(environment)
        if armed is None or not armed.holds(subject.now_ns):
            state = "is not armed" if armed is None else "is no longer armed"
            raise PolicyDenied(
                f"Denied by policy.{self.name}: trading in {environment} {state}. Nothing was sent.",
                venue=instrument.venue,
                hint=f"Arm it: {command(subject, self._shown(subject))}",
            )
        if armed.venues and instrument.venue not in armed.venues:
            limit = ", ".join(armed.venues)
            hint = f"Arm it anew: {command(subject, self._shown(subject))} --venue {instrument.venue}"
            said = "trading is not armed for the venue"
            raise self.deny(subject, said, limit=limit, value=instrument.venue, hint=hint)
        if armed.symbols and not any(fnmatchcase(instrument.symbol, pattern) for pattern in armed.symbols):
            limit = ", ".join(armed.symbols)
            hint = f"Arm it anew: {command(subject, self._shown(subject))} --symbol {instrument.symbol}"
            said = "trading is not armed for the symbol"
            raise self.deny(subject, said, limit=limit, value=instrument.symbol, hint=hint)
        return armed

    def _shown(self, subject: Subject) -> Decimal | None:
        """Value the order for the hint, where that needs nobody to be asked."""
        return subject.more if in_dollars(price_currency(subject.instrument)) else None


def command(subject: Subject, worth: Decimal | None) -> str:
    """Write the command that arms trading for an order of that worth (dollars; None: not known)."""
    text = "DOLLARS" if worth is None else plain(worth.to_integral_value(ROUND_CEILING))
    return f"python main.py trade arm --env {subject.environment} --for 15m --max-notional {text}"
