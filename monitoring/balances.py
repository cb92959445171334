"""What is in the wallets of every venue, and what it is worth in one currency.

A currency without a rate has no worth here: it stays unknown, and every total that it belongs to is unknown with it;
beside it stands the sum of what is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Protocol

from domain.errors import CrossbookError
from domain.money import rounded
from domain.orders import Balance
from monitoring.accounting.exact import total as summed

if TYPE_CHECKING:
    from market_data.conversion import Rate
    from monitoring.venue_state import VenueState

_PLACES = 12
"""Decimals of a value in the numeraire, so that totals are the exact sums of what is shown."""


class Rates(Protocol):
    """Knows what one unit of a currency is worth in the numeraire, at a venue."""

    def rate(self, currency: str, venue: str | None = None) -> "Rate | None":
        """Find the rate; None where nothing tells."""


class Owned(NamedTuple):
    """One balance and its worth in the numeraire; `rate` and `value` are None where nobody tells."""

    balance: Balance
    rate: "Rate | None"
    value: Decimal | None


class Total(NamedTuple):
    """A sum in the numeraire: `value` of everything (None: a part is not known), `known` of what is known."""

    value: Decimal | None
    known: Decimal


class VenueBalances(NamedTuple):
    """One venue's wallets. `answered` False: not known (`error` says why); its total is then not known either."""

    venue: str
    owned: Sequence[Owned]
    total: Total
    answered: bool
    error: CrossbookError | None = None

    @property
    def unvalued(self) -> list[Balance]:
        """List what has no rate, and therefore no worth here."""
        return [item.balance for item in self.owned if item.value is None]


def valued(states: Mapping[str, "VenueState"], rates: Rates) -> list[VenueBalances]:
    """Value every balance of the venues' states, in the order of the states."""
    found = []
    for venue, state in states.items():
        owned = [_owned(balance, rates) for balance in sorted(state.balances or (), key=_order)]
        answered = state.balances is not None
        total = _total([item.value for item in owned], complete=answered)
        found.append(VenueBalances(venue, owned, total, answered, None if answered else state.error))
    return found


def overall(found: Iterable[VenueBalances]) -> Total:
    """Sum the venues' totals: unknown as a whole where one of them is."""
    totals = [item.total for item in found]
    known = summed(total.known for total in totals)
    return Total(None if any(total.value is None for total in totals) else known, known)


def _owned(balance: Balance, rates: Rates) -> Owned:
    if not balance.total:
        return Owned(balance, None, Decimal(0))
    rate = rates.rate(balance.currency, balance.venue)
    return Owned(balance, rate, None if rate is None else rounded(balance.total * rate.price, _PLACES))


def _total(values: Sequence[Decimal | None], *, complete: bool) -> Total:
    known = summed(value for value in values if value is not None)
    return Total(known if complete and None not in values else None, known)


def _order(balance: Balance) -> tuple[str, str]:
    return balance.wallet, balance.currency
