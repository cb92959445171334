"""What one unit of a currency is worth in dollars: limits are in dollars, whatever an order is priced in."""

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.errors import CrossbookError
from domain.instruments import OPTION, Instrument
from market_data.conversion import SPOT_THEN_PERPETUAL, USUAL_DOLLARS, pairs
from utils.symbols.parts import DOLLARS

if TYPE_CHECKING:
    from order_management.desk import Desk

_MAX_AGE_MS = 10_000
"""How old the price of a currency may be that was asked for before."""


def price_currency(instrument: Instrument) -> str:
    """Name the currency that the instrument's prices count in: coin-settled options are quoted in the coin."""
    if instrument.kind == OPTION and instrument.settle is not None and instrument.settle not in DOLLARS:
        return instrument.settle
    return instrument.quote


def in_dollars(currency: str) -> bool:
    """Tell whether a currency counts as a dollar."""
    return currency in DOLLARS


def dollar_price(desk: "Desk", venue: str, currency: str) -> Decimal | None:
    """Ask what one unit of a currency is worth in dollars: at the venue, else in the middle over all venues.

    Raises:
        CrossbookError: a venue that lists it does not answer.
    """
    if in_dollars(currency):
        return Decimal(1)
    failure: CrossbookError | None = None
    for pair in pairs(desk.venues.cache, venue, currency, USUAL_DOLLARS, SPOT_THEN_PERPETUAL):
        try:
            mid = desk.look(pair.instrument, _MAX_AGE_MS).mid
        except CrossbookError as error:
            failure = error
            continue
        if mid:
            return pair.worth(mid)
    mid = desk.consolidated_mid(f"{currency}/{USUAL_DOLLARS[0]}")
    if mid is None and failure is not None:
        raise failure
    return mid
