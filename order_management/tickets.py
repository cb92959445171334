"""What a user asks for, before any venue's rules are known: combinations that make no sense are refused here."""

from dataclasses import dataclass
from decimal import Decimal

from domain.errors import UsageError
from domain.orders import GTC, LIMIT, MARKET, PRICED, SIDES, STOP_LIMIT, TIFS, TRIGGERED, TYPES

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
            if problem:
                raise UsageError(problem, hint=hint)
        return self


def _problems(ticket: Ticket) -> list[tuple[str, str]]:
    kind, named = ticket.type, f"A {ticket.type} order"
    resting = kind in PRICED and ticket.tif in (None, GTC)
    return [
        (
            "" if ticket.side in SIDES else f"The side is buy or sell, not {ticket.side!r}.",
            "Write: order place VENUE SYMBOL buy|sell AMOUNT.",
        ),
        ("" if kind in TYPES else f"There is no order type {kind!r}.", f"Use one of {', '.join(TYPES)}."),
        ("" if ticket.unit in UNITS else f"There is no unit {ticket.unit!r}.", f"Use one of {', '.join(UNITS)}."),
        (
            "" if ticket.amount > 0 else f"The amount must be above zero, not {ticket.amount}.",
            "Use buy or sell for the direction.",
        ),
        (
            f"{named} needs a price." if kind in PRICED and ticket.price is None else "",
            "Add --price P, or --type market." if kind == LIMIT else "Add --price P, or --type stop.",
        ),
        (
            f"{named} has no price." if kind not in PRICED and ticket.price is not None else "",
            "Leave --price out, or use --type limit." if kind == MARKET else "Leave --price out, or use stop-limit.",
        ),
        (
            f"{named} needs a stop price." if kind in TRIGGERED and ticket.stop_price is None else "",
            "Add --stop-price P.",
        ),
        (
            f"{named} has no stop price." if kind not in TRIGGERED and ticket.stop_price is not None else "",
            "Leave --stop-price out, or use --type stop or stop-limit.",
        ),
        (
            "" if ticket.tif in (None, *TIFS) else f"There is no time in force {ticket.tif!r}.",
            f"Use one of {', '.join(TIFS)}.",
        ),
        (
            f"{named} takes what is there at once, so it has no time in force."
            if kind not in PRICED and ticket.tif is not None
            else "",
            "Leave --tif out.",
        ),
        (
            "Post-only means an order that rests in the book: a limit order that is good till cancelled."
            if ticket.post_only and (not resting or kind == STOP_LIMIT)
            else "",
            "Leave --post-only out, or use --type limit with --tif gtc.",
        ),
        *(
            (f"The {name} must be above zero, not {value}." if value is not None and value <= 0 else "", "Correct it.")
            for name, value in (("price", ticket.price), ("stop price", ticket.stop_price))
        ),
    ]
