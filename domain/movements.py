"""What moves money or a position without a trade of ours: transfers in and out, and settlement at expiry."""

from decimal import Decimal
from typing import NamedTuple

DEPOSIT, WITHDRAWAL, OTHER = "deposit", "withdrawal", "other"
"""Kinds of transfers; `other` is whatever else the venue's history books outside of trading (bonus, conversion)."""


class Transfer(NamedTuple):
    """Money that came into the account (`amount` above zero) or left it (below zero, its `fee` not included).

    `fee` is positive where paid, in the same currency; None where the venue does not say. Times are epoch milliseconds.
    """

    venue: str
    transfer_id: str
    time_ms: int
    kind: str
    currency: str
    amount: Decimal
    fee: Decimal | None = None


class Delivery(NamedTuple):
    """A position that ended by expiry: futures are delivered, options exercised or lapse.

    `size` is the signed size that was held (in lot units, see `domain.orders`), `price` what it was settled at (quote
    per base; of an option its worth at expiry in premium units, 0 where it lapsed), `amount` what the wallet got (below
    zero: lost) by it, in `currency`; None where the venue does not say.
    `fee` is positive where paid, in `currency`, and taken off `amount` already; None where the venue does not say.
    """

    venue: str
    symbol: str
    delivery_id: str
    time_ms: int
    size: Decimal
    price: Decimal
    currency: str
    amount: Decimal | None = None
    fee: Decimal | None = None
