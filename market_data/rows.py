"""From a venue's answer to its judged row, and the jobs that fetch quotes and books in the units asked for."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from connectors.base import Capabilities, Connector
from domain.books import Book
from domain.instruments import Instrument
from domain.quotes import UNAVAILABLE, Quote
from market_data.ask import Answer, status_of
from market_data.listing import Listed, Target
from market_data.quotes import VenueRow, fees_bps, fill_row, priced_in
from market_data.walking import walk

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config

FIRST_DEPTH = 100
"""Levels a side asked for at first where a size must be walked: enough for most sizes, and cheap everywhere."""


class Fetched(NamedTuple):
    """A venue's answer in asked units: its top, and the book where one was asked for."""

    quote: Quote
    book: Book | None = None


def deepest(capabilities: Capabilities, instrument: Instrument) -> int:
    """Return the most levels a side that the venue gives for an instrument."""
    allowed = capabilities.book_depths.get(instrument.product or "")
    return allowed[-1] if allowed else capabilities.max_depth


def quote_job(connector: Connector, listed: Listed) -> Callable[[], Fetched]:
    """Return the job that fetches the top of a market."""
    return lambda: Fetched(_scaled(connector.fetch_quote(listed.instrument), listed))


def book_job(connector: Connector, listed: Listed, depth: int) -> Callable[[], Fetched]:
    """Return the job that fetches a book of at least `depth` levels, or as many as the venue has."""

    def fetch() -> Fetched:
        most = deepest(connector.capabilities, listed.instrument) or depth
        book = connector.fetch_book(listed.instrument, min(depth, most)).rescaled(*listed[1:])
        return Fetched(book.quote(), book)

    return fetch


def sized_job(connector: Connector, listed: Listed, size: Decimal, unit: str) -> Callable[[], Fetched]:
    """Return the job that fetches a book, and once a deeper one where `size` does not fit into it."""

    def fetch() -> Fetched:
        book = connector.fetch_book(listed.instrument, FIRST_DEPTH).rescaled(*listed[1:])
        most = deepest(connector.capabilities, listed.instrument)
        short = any(walk(side, size, unit).missing > 0 for side in (book.bids, book.asks))
        if short and max(len(book.bids), len(book.asks)) < most:
            book = connector.fetch_book(listed.instrument, most).rescaled(*listed[1:])
        return Fetched(book.quote(), book)

    return fetch


def judged_row(
    venues: "Venues", config: "Config", target: Target, listed: Listed, answer: Answer[Fetched], now_ns: int
) -> VenueRow:
    """Turn one venue's answer into its row."""
    instrument = listed.instrument
    own = config.venues.get(instrument.venue)
    taker, maker = fees_bps(instrument, own.taker_fee_bps if own else None, own.maker_fee_bps if own else None)
    row = VenueRow(instrument.venue, instrument.symbol, taker_fee_bps=taker, maker_fee_bps=maker)
    if listed.rescaled:
        row.extra["multiplier"] = instrument.multiplier
        row.extra["unit"] = f"from {instrument.symbol}, shown per {target.symbol.partition('/')[0]}"
    elif instrument.tick_size:
        row.tick_size = instrument.tick_size
    if (currency := priced_in(instrument)) != instrument.quote:
        row.extra["priced_in"] = currency
    row.latency_ms = round(answer.elapsed_ms, 1)
    if answer.value is None:
        row.status = status_of(answer.error) if answer.error else UNAVAILABLE
        row.reason = answer.error.message if answer.error else "no answer"
        return row
    fill_row(
        row,
        answer.value.quote,
        now_ns=now_ns,
        stale_after_ms=config.stale_after_ms,
        clock_offset_ms=venues.connector(instrument.venue).context.clock_offset_ms(),
    )
    return row


def _scaled(quote: Quote, listed: Listed) -> Quote:
    if not listed.rescaled:
        return quote
    price, size = listed.price_factor, listed.size_factor
    return Quote(
        venue=quote.venue,
        symbol=quote.symbol,
        bid=None if quote.bid is None else quote.bid * price,
        bid_size=None if quote.bid_size is None else quote.bid_size * size,
        ask=None if quote.ask is None else quote.ask * price,
        ask_size=None if quote.ask_size is None else quote.ask_size * size,
        received_at_ns=quote.received_at_ns,
        venue_time_ns=quote.venue_time_ns,
        source=quote.source,
    )
