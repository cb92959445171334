"""A row's price for a size after the taker fee, and in another dollar."""

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.books import Book
from domain.money import BadNumber, plain, rounded
from domain.quotes import OK, UNAVAILABLE
from market_data.quotes import VenueRow, rounded_like
from market_data.walking import BASE, Filled, walk

if TYPE_CHECKING:
    from market_data.basis import Rate

EXTRA_PLACES = 4
"""Digits an average price has beyond those of the venue's own prices."""


def in_numeraire(row: VenueRow, rate: "Rate | None", currency: str, numeraire: str) -> None:
    """Convert a row's prices; without a known basis they stay as they are and never win."""
    row.extra["quote"] = currency
    row.extra["basis"] = rate.rate if rate else None
    if rate is None:
        row.bid_wins = row.ask_wins = False
        if row.status == OK:
            row.reason = f"in {currency}: no basis to {numeraire} was found, so it is not compared"
        return
    if currency != numeraire:
        row.bid = None if row.bid is None else rounded_like(row.bid * rate.rate, row.bid, row.tick_size, EXTRA_PLACES)
        row.ask = None if row.ask is None else rounded_like(row.ask * rate.rate, row.ask, row.tick_size, EXTRA_PLACES)


def price_for_size(row: VenueRow, book: Book, amount: Decimal, unit: str, rate: Decimal) -> None:
    """Replace a row's top prices by the price of a size after the taker fee.

    `amount` is in base units, or in quote (of the numeraire, which one unit of the book's quote is `rate` of). A side
    that is too thin, and any side where the taker fee is unknown, gets no price and never wins; the reason says why.
    """
    local = amount if unit == BASE else amount / rate
    try:
        sold, bought = walk(book.bids, local, unit), walk(book.asks, local, unit)
    except BadNumber as error:
        row.status, row.reason = UNAVAILABLE, f"sent a level that cannot be used: {error}"
        row.bid_wins = row.ask_wins = False
        return
    fee = row.taker_fee
    row.extra |= {
        "top_bid": row.bid,
        "top_ask": row.ask,
        "bid_before_fee": _average(sold, row, rate),
        "ask_before_fee": _average(bought, row, rate),
        "bid_levels": sold.levels,
        "ask_levels": bought.levels,
    }
    row.bid_size, row.ask_size = sold.base, bought.base
    row.bid = _after_fee(sold, fee, -1, row, rate)
    row.ask = _after_fee(bought, fee, 1, row, rate)
    row.bid_wins, row.ask_wins = row.bid_wins and row.bid is not None, row.ask_wins and row.ask is not None
    if row.status == OK:
        row.reason = _shortage(sold, bought, unit, rate) or row.reason
        if fee is None:
            row.reason = f"taker fee unknown: set venues.{row.venue}.taker_fee_bps"


def _after_fee(filled: Filled, fee: Decimal | None, sign: int, row: VenueRow, rate: Decimal) -> Decimal | None:
    if filled.missing > 0 or filled.price is None or fee is None:
        return None
    return rounded_like(filled.price * rate * (1 + sign * fee), filled.worst, row.tick_size, EXTRA_PLACES)


def _average(filled: Filled, row: VenueRow, rate: Decimal) -> Decimal | None:
    if filled.price is None:
        return None
    return rounded_like(filled.price * rate, filled.worst, row.tick_size, EXTRA_PLACES)


def _shortage(sold: Filled, bought: Filled, unit: str, rate: Decimal) -> str | None:
    short = [
        f"{name} hold {plain(rounded(filled.base if unit == BASE else filled.quote * rate, 8))}"
        for name, filled in (("bids", sold), ("asks", bought))
        if filled.missing > 0
    ]
    return f"too thin: {', '.join(short)}" if short else None
