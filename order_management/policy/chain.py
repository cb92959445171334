"""The one choke point: every order, from every entry, passes all checks that the configuration names."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from order_management.policy.contract import Check, Counted, CountingCheck, Subject, is_urgent

if TYPE_CHECKING:
    from order_management.journal import Journal
    from order_management.tickets import Ticket
    from utils.config.settings import Config

CHECKS = (
    "allowed_venues",
    "allowed_symbols",
    "max_rounding_bps",
    "duplicate_within_s",
    "max_orders_per_minute",
    "max_open_orders",
    "require_arming",
    "max_order_notional",
    "max_day_notional",
    "max_quote_age_ms",
    "max_book_share",
    "max_deviation_bps",
    "min_balance_left",
    "max_position",
)
"""The checks in the order in which they are asked, those that ask nothing of a venue first; each is a file here."""


class Policy:
    """The checks in force."""

    def __init__(self, checks: Sequence[Check], max_quote_age_ms: int | None = None) -> None:
        """Take the checks; `max_quote_age_ms` is how old a view of the market may be that orders are judged by."""
        self.checks = tuple(checks)
        self.needs_look = any(check.needs_look for check in checks)
        self.needs_dollars = any(check.needs_dollars for check in checks)
        self.max_quote_age_ms = max_quote_age_ms

    def looks_for(self, ticket: "Ticket") -> bool:
        """Tell whether a check needs the market as it is now to judge this order."""
        return self.needs_look and not is_urgent(ticket)

    def check(self, subject: Subject, journal: "Journal | None") -> None:
        """Pass, or raise PolicyDenied at the first check that says no.

        Args:
            journal: what the limits that count are asked of; None leaves them to `recheck`.

        Raises:
            NotSent: a check had to ask a venue, which did not answer.
        """
        for check in self._for(subject):
            check.check(subject)
            if journal is not None and isinstance(check, CountingCheck):
                _ask(journal, check, subject)

    def recheck(self, subject: Subject, journal: Counted) -> None:
        """Count again, inside the transaction that writes the order down; no venue is asked."""
        for check in self._for(subject):
            if isinstance(check, CountingCheck):
                check.count(subject, journal)

    def _for(self, subject: Subject) -> Sequence[Check]:
        if not subject.reduces:
            return self.checks
        if subject.urgent:
            return [check for check in self.checks if check.for_urgent]
        return [check for check in self.checks if check.for_reducing]


def _ask(journal: "Journal", check: CountingCheck, subject: Subject) -> None:
    journal.ask(lambda view: check.count(subject, view))


def policy_of(config: "Config") -> Policy:
    """Build the policy that the configuration describes; a check whose setting is null is not even loaded."""
    settings, checks = config.policy, []
    for name in CHECKS:
        setting = getattr(settings, name)
        off = setting is None or (name == "require_arming" and config.environment not in setting)
        if not off:
            rule = import_module(f"order_management.policy.{name}").Rule
            checks.append(rule(setting))
    return Policy(checks, settings.max_quote_age_ms)
