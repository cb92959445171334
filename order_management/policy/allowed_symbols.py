"""Orders are for symbols that match a pattern of a list only."""

from fnmatch import fnmatchcase

from order_management.policy.contract import Check, Subject


class Rule(Check):
    """Deny an order whose canonical symbol matches none of the patterns."""

    name = "allowed_symbols"
    for_reducing = True

    def check(self, subject: Subject) -> None:
        """Compare the canonical symbol, in which * stands for anything."""
        symbol = subject.instrument.symbol
        if not any(fnmatchcase(symbol, pattern) for pattern in self.setting):
            limit = ", ".join(self.setting) or "none"
            raise self.deny(subject, "the symbol matches no pattern of the list", limit=limit, value=symbol)
