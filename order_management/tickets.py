"""What a user asks for, before any venue's rules are known: combinations that make no sense are refused here."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from domain.errors import UsageError
from domain.orders import GTC, LIMIT, PRICED, SIDES, TIFS, TRIGGERED, TYPES

BASE, QUOTE, CONTRACTS = "base", "quote", "contracts"
UNITS = (BASE, QUOTE, CONTRACTS)


@dataclass(frozen=True)
class Ticket:
    """One order as somebody asks for it. `amount` counts in `unit`: base units, quote units, or the venue's contracts.

    `client_id` None: a new one is made. `origin` says which entry it came from.
    """

    venue: str
    symbol: str
    side: str
    amount: Decimal
    type: str = LIMIT
    unit: str = BASE
    price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: str | None = None
    post_only: bool = False
    reduce_only: bool = False
    client_id: str | None = None
    allow_duplicate: bool = False
    origin: str = "place"

    def checked(self) -> "Ticket":
        """Answer the ticket itself.

        Raises:
            UsageError: it contradicts itself; the sentence says what to change.
        """
        for problem, hint in _problems(self):
            raise UsageError(problem, hint=hint)
        return self


def _problems(ticket: Ticket) -> Iterator[tuple[str, str]]:
    """Name what is wrong, with the remedy; in the order in which a user would want to hear it."""
    if ticket.side not in SIDES:
        yield f"The side is buy or sell, not {ticket.side!r}.", "Write: order place VENUE SYMBOL buy|sell AMOUNT."
    if ticket.type not in TYPES:
        yield f"There is no order type {ticket.type!r}.", f"Use one of {', '.join(TYPES)}."
    if ticket.unit not in UNITS:
        yield f"There is no unit {ticket.unit!r}.", f"Use one of {', '.join(UNITS)}."
    if ticket.tif not in (None, *TIFS):
        yield f"There is no time in force {ticket.tif!r}.", f"Use one of {', '.join(TIFS)}."
    if ticket.amount <= 0:
        yield f"The amount must be above zero, not {ticket.amount}.", "Use buy or sell for the direction."
    for name, value in (("price", ticket.price), ("stop price", ticket.stop_price)):
        if value is not None and value <= 0:
            yield f"The {name} must be above zero, not {value}.", "Correct it."
    yield from _price_problems(ticket)


def _price_problems(ticket: Ticket) -> Iterator[tuple[str, str]]:
    kind, named = ticket.type, f"A {ticket.type} order"
    if kind in PRICED and ticket.price is None:
        yield f"{named} needs a price.", "Add --price P, or use --type market (or stop)."
    if kind not in PRICED and ticket.price is not None:
        yield f"{named} has no price.", "Leave --price out, or use --type limit (or stop-limit)."
    if kind in TRIGGERED and ticket.stop_price is None:
        yield f"{named} needs a stop price.", "Add --stop-price P."
    if kind not in TRIGGERED and ticket.stop_price is not None:
        yield f"{named} has no stop price.", "Leave --stop-price out, or use --type stop or stop-limit."
    if kind not in PRICED and ticket.tif is not None:
        yield f"{named} takes what is there at once, so it has no time in force.", "Leave --tif out."
    if ticket.post_only and (kind != LIMIT or ticket.tif not in (None, GTC)):
        yield (
            "Post-only means an order that rests in the book: a limit order that is good till cancelled.",
            "Leave --post-only out, or use --type limit with --tif gtc.",
        )
