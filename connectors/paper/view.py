"""What is seen of a market for orders on paper: its book in lot units, its trades since, its funding since."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from domain.books import Book, Level
from domain.funding import FundingPoint
from domain.instruments import Instrument
from domain.orders import BUY
from domain.quotes import Quote
from domain.trades import PublicTrade

NS_PER_MS = 1_000_000


class Offer(NamedTuple):
    """One level. `size` is in the instrument's lot unit; None: the venue shows a price without a size."""

    price: Decimal
    size: Decimal | None


class View(NamedTuple):
    """A book, best first. `time_ms` is the venue's where it tells it; `indicative`: prices without sizes."""

    bids: tuple[Offer, ...]
    asks: tuple[Offer, ...]
    time_ms: int | None
    indicative: bool = False

    @property
    def mid(self) -> Decimal | None:
        """The middle between bid and ask, or the one that is there."""
        prices = [side[0].price for side in (self.bids, self.asks) if side]
        return sum(prices, Decimal(0)) / len(prices) if prices else None

    def against(self, side: str) -> tuple[Offer, ...]:
        """Give what an order of a side takes from."""
        return self.asks if side == BUY else self.bids

    def beside(self, side: str) -> tuple[Offer, ...]:
        """Give where an order of a side rests."""
        return self.bids if side == BUY else self.asks

    def standing(self, side: str, price: Decimal) -> Decimal | None:
        """Tell what rests at a price; None where that is beyond what is visible."""
        offers = self.beside(side)
        for offer in offers:
            if offer.price == price:
                return offer.size
            if better(side, price, offer.price):
                return Decimal(0)
        return None


class Seen(NamedTuple):
    """All that one look at a market brought. `trades` None: they could not be had; `gap`: some are missing."""

    view: View
    trades: tuple[PublicTrade, ...] | None = None
    gap: bool = False
    funding: tuple[FundingPoint, ...] = ()
    funded_until_ms: int | None = None


def better(side: str, price: Decimal, other: Decimal) -> bool:
    """Tell whether a resting order of a side at `price` comes before one at `other`."""
    return price > other if side == BUY else price < other


def view_of_book(book: Book, instrument: Instrument) -> View:
    """Read a book."""
    time_ms = None if book.venue_time_ns is None else book.venue_time_ns // NS_PER_MS
    return View(tuple(_offers(book.bids, instrument)), tuple(_offers(book.asks, instrument)), time_ms)


def view_of_quote(quote: Quote, instrument: Instrument) -> View:
    """Read a quote; a price without a size is one that any size is dealt at."""
    sides: list[tuple[Offer, ...]] = []
    for price, size in ((quote.bid, quote.bid_size), (quote.ask, quote.ask_size)):
        if price is None:
            sides.append(())
        else:
            sides.append((Offer(price, None if size is None else lots(instrument, size, price)),))
    time_ms = None if quote.venue_time_ns is None else quote.venue_time_ns // NS_PER_MS
    indicative = quote.bid_size is None and quote.ask_size is None
    return View(sides[0], sides[1], time_ms, indicative)


def lots(instrument: Instrument, base: Decimal, price: Decimal) -> Decimal:
    """Convert base units to the lot unit; on inverse contracts that is a whole number of contracts again."""
    if not instrument.inverse:
        return base
    unit = instrument.unit_size
    return (base * price / unit).to_integral_value() * unit


def _offers(levels: Iterable[Level], instrument: Instrument) -> Iterator[Offer]:
    for price, size in levels:
        if size > 0:
            yield Offer(price, lots(instrument, size, price))
