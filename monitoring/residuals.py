"""What the books do not explain: the venue's cash and unrealised gains beside ours, at the same marks."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from monitoring.accounting.exact import ZERO, minus, plus
from monitoring.cash import cash_of, holds_cash

if TYPE_CHECKING:
    from monitoring.ledger.store import Ledger
    from monitoring.marks import Seen
    from monitoring.statement import Statement

CASH, GAIN = "cash", "unrealized"
SMALLEST = Decimal("0.00000001")
"""A difference below this is shown as 0; JSON has every digit."""


class Unexplained(NamedTuple):
    """One comparison: `theirs` − `ours` in `currency`; `difference` None: not known.

    `reason` says why it is not known, or what our figure is known to lack.
    """

    venue: str
    what: str
    currency: str | None
    symbol: str | None
    ours: Decimal | None
    theirs: Decimal | None
    difference: Decimal | None
    reason: str | None = None

    @property
    def nothing(self) -> bool:
        """Tell whether both sides agree, but for what is smaller than a currency's smallest unit."""
        return self.difference is not None and self.difference.copy_abs() < SMALLEST

    def record(self) -> dict[str, Any]:
        """Return the comparison as it stands in JSON."""
        return self._asdict()


def unexplained(ledger: "Ledger", statement: "Statement", seen: "Seen", *, whole: bool) -> list[Unexplained]:
    """Compare what the asked venues said with the books.

    Args:
        whole: the statement has every symbol, so that cash, which is of all of them, can be compared, too.
    """
    found = _gains(statement, seen)
    asked = [venue for venue in seen.states if whole]
    should = expected(ledger, asked) if asked else {}
    for venue in asked:
        state = seen.states[venue]
        cash, ours = state.cash(), should[venue]
        if cash is None or ours is None:
            why = "position sync has not read it as a whole yet"
            if cash is None:
                why = state.error.message if state.error is not None else "no answer"
            found.append(Unexplained(venue, CASH, None, None, None, None, None, f"{venue}: {why}"))
            continue
        lacks = "; ".join(ours.lacks) or None
        for currency in sorted({*cash, *ours.cash}):
            mine, theirs = ours.cash.get(currency, ZERO), cash.get(currency, ZERO)
            found.append(Unexplained(venue, CASH, currency, None, mine, theirs, minus(theirs, mine), lacks))
    return found


class Expected(NamedTuple):
    """What should be there of each currency at a venue, and what these figures lack, in sentences."""

    cash: dict[str, Decimal]
    lacks: Sequence[str] = ()


def expected_cash(ledger: "Ledger", venues: Sequence[str]) -> dict[str, dict[str, Decimal] | None]:
    """Work out what should be there of each currency at each venue; see `expected`."""
    return {venue: None if found is None else found.cash for venue, found in expected(ledger, venues).items()}


def expected(ledger: "Ledger", venues: Sequence[str]) -> dict[str, Expected | None]:
    """Work out what should be there of each currency at each venue: the opening and every flow since.

    None where there is no opening: the venue has never been read as a whole.
    """
    from monitoring.accounting.contract import Contract

    contracts = {key: Contract.of(instrument) for key, instrument in ledger.instruments().items()}
    opening = ledger.opening_balances()
    found: dict[str, Expected | None] = {}
    for venue in venues:
        if ledger.opened_ms(venue) is None:
            found[venue] = None
            continue
        sums = {currency: amount for (where, currency), amount in opening.items() if where == venue}
        moved = cash_of(
            contracts,
            ledger.fills(venue),
            ledger.payments(venue),
            ledger.deliveries(venue),
            ledger.transfers(venue),
            [item for item in ledger.openings() if item.venue == venue],
        )
        for (_, currency), amount in moved.amounts.items():
            sums[currency] = plus(sums.get(currency, ZERO), amount)
        found[venue] = Expected(sums, moved.lacks.get(venue, ()))
    return found


def _gains(statement: "Statement", seen: "Seen") -> list[Unexplained]:
    """Compare unrealised gains of derivatives at the venue's own mark price."""
    positions, found = seen.positions, []
    for book in statement.open_books():
        contract = book.contract
        position = positions.get((contract.venue, contract.symbol))
        if holds_cash(contract):
            continue
        known = position is not None and position.mark_price is not None and position.unrealized is not None
        ours = book.unrealized(position.mark_price) if position and known and position.mark_price is not None else None
        theirs = position.unrealized if position else None
        if position is None or not known or ours is None or theirs is None:
            why = "the venue does not tell" if position else seen.marks[contract.venue, contract.symbol].reason
            reason = "our entry price is unknown" if known and ours is None else why
            found.append(
                Unexplained(contract.venue, GAIN, contract.currency, contract.symbol, ours, theirs, None, reason)
            )
            continue
        found.append(
            Unexplained(contract.venue, GAIN, contract.currency, contract.symbol, ours, theirs, minus(theirs, ours))
        )
    return found
