"""What an order will cost: the book walked for its size, the fee, and how far that is from the middle."""

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.books import Book
from domain.instruments import Instrument
from domain.orders import BUY, IOC, MARKET, STOP, TRIGGERED, OrderSpec
from domain.quotes import Quote
from market_data.quotes import fees_bps
from market_data.walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.books import Level
    from utils.config.settings import VenueSettings

BPS = Decimal(10_000)


class Look(NamedTuple):
    """The venue's market as it was seen: `book` None where the venue has none (prices without sizes)."""

    quote: Quote
    book: Book | None

    @property
    def mid(self) -> Decimal | None:
        """The middle between bid and ask, in quote per base."""
        bid, ask = self.quote.bid, self.quote.ask
        return None if bid is None or ask is None else (bid + ask) / 2


class Cost(NamedTuple):
    """What is expected. `takes` of the size (base) is filled at once at `price` on average; the rest waits, or lapses.

    `fee_quote` is in quote units, `impact_bps` the distance of `price` from the middle; what is not known is None.
    """

    takes: Decimal
    price: Decimal | None
    worst: Decimal | None
    quote: Decimal
    fee_bps: Decimal | None
    fee_quote: Decimal | None
    impact_bps: Decimal | None
    missing: Decimal
    """What a market order would not find in the book as it is (base)."""


def expected_cost(
    spec: OrderSpec, base: Decimal, instrument: Instrument, look: Look | None, settings: "VenueSettings | None"
) -> Cost:
    """Say what the order costs by the book as it was seen; a stop is valued as if it were triggered now."""
    taker, maker = fees_bps(
        instrument,
        settings.taker_fee_bps if settings else None,
        settings.maker_fee_bps if settings else None,
    )
    mid = look.mid if look else None
    found = None
    if look is not None and look.book is not None and not spec.post_only and spec.type not in TRIGGERED:
        side = look.book.asks if spec.side == BUY else look.book.bids
        found = walk(_within(side, spec), base)
    takes, quote = (found.base, found.quote) if found else (Decimal(0), Decimal(0))
    price = found.price if found else None
    if look is not None and look.book is None and spec.type == MARKET:
        price = look.quote.ask if spec.side == BUY else look.quote.bid
        takes, quote = base, base * (price or 0)
    rests = spec.type not in (MARKET, STOP) and spec.tif != IOC
    fee_bps = taker if takes or not rests else maker
    valued = quote if takes else (spec.price or spec.stop_price or mid or Decimal(0)) * base
    return Cost(
        takes=takes,
        price=price,
        worst=found.worst if found else None,
        quote=quote,
        fee_bps=fee_bps,
        fee_quote=None if fee_bps is None else valued * fee_bps / BPS,
        impact_bps=None if price is None or not mid else abs(price - mid) / mid * BPS,
        missing=base - takes if spec.type == MARKET and found is not None else Decimal(0),
    )


def _within(side: "Iterable[Level]", spec: OrderSpec) -> "Iterable[Level]":
    """Keep the levels that the order's price allows."""
    for level in side:
        if spec.price is not None and (level.price > spec.price if spec.side == BUY else level.price < spec.price):
            return
        yield level
