"""What each account made and paid in each listing, booked as it happens: the exchange's own accounting.

It is kept apart from what venues show, so that a client's books can be held against it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from simulator.exchange.model import BUY, Fill, FundingPayment
from simulator.exchange.terms import ZERO, Key, Terms


@dataclass
class Account:
    """One owner's account of one listing, in its settle currency (spot: quote). It stays when the position is gone.

    `size` is signed, in wire units; on spot it is what trades brought in, less fees that were taken in base: such a
    fee is a sale at the trade's price. `realized` is all of it, by trades and by expiry; `delivered` is what expiry put
    into the wallet; `fees` are by currency, positive where paid; `funding` is below zero where paid.
    """

    currency: str
    size: Decimal = ZERO
    entry: Decimal = ZERO
    realized: Decimal = ZERO
    funding: Decimal = ZERO
    delivered: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


class Tally:
    """The accounts of all owners of one venue."""

    def __init__(self) -> None:
        self.accounts: dict[tuple[str, Key], Account] = {}

    def trade(self, terms: Terms, fill: Fill) -> None:
        """Book a trade with its fee."""
        account = self._of(fill.owner, terms)
        self._move(account, terms, fill.size if fill.side == BUY else -fill.size, fill.price)
        if terms.spot and fill.fee_currency == terms.listing.base and fill.fee:
            self._move(account, terms, -fill.fee, fill.price)
        account.fees[fill.fee_currency] += fill.fee

    def pay(self, terms: Terms, payment: FundingPayment, *, delivers: bool) -> None:
        """Book funding, or how a position ended by expiry."""
        account = self._of(payment.owner, terms)
        if not delivers:
            account.funding += payment.amount
            return
        cost = terms.value(abs(account.size), account.entry) if terms.option else ZERO
        account.realized += payment.amount - (cost if account.size > 0 else -cost)
        account.delivered += payment.amount
        account.size = account.entry = ZERO

    def _of(self, owner: str, terms: Terms) -> Account:
        return self.accounts.setdefault((owner, terms.key), Account(terms.currency))

    @staticmethod
    def _move(account: Account, terms: Terms, signed: Decimal, price: Decimal) -> None:
        account.size, account.entry, realized = terms.held(account.size, account.entry, signed, price)
        account.realized += realized

    def clear(self) -> None:
        """Forget everything."""
        self.accounts.clear()
