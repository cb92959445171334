"""Read the extra public trades that the control endpoint prints."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from simulator.exchange.model import BUY, SELL
from simulator.market.model import Listing
from simulator.state import SimulatorError
from simulator.venue import SimVenue

_NEEDED = frozenset({"venue", "symbol", "price", "size", "side"})


class TradeError(SimulatorError):
    """A trade is described wrongly; the text says how."""


@dataclass(frozen=True)
class PrintedTrade:
    """A public trade; `side` is the aggressor's."""

    listing: Listing
    price: Decimal
    size: Decimal
    side: str


def read_trade(body: bytes, venues: Mapping[str, SimVenue]) -> tuple[SimVenue, PrintedTrade]:
    """Read `{"venue", "product"?, "symbol", "price", "size", "side"}`; symbol is the venue's own name.

    Raises:
        TradeError: something in it is wrong.
    """
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict) or set(given) - {"product"} != _NEEDED:
        raise TradeError("The body has to be a JSON object with `venue`, `symbol`, `price`, `size` and `side`.")
    venue = venues.get(str(given["venue"]))
    if venue is None:
        raise TradeError(f"No venue {given['venue']!r} takes orders: use one of {', '.join(venues)}.")
    if given["side"] not in (BUY, SELL):
        raise TradeError(f"`side` is buy or sell; got {given['side']!r}.")
    listing = _listing(venue, str(given["symbol"]), given.get("product"))
    return venue, PrintedTrade(listing, _amount(given, "price"), _amount(given, "size"), given["side"])


def _listing(venue: SimVenue, symbol: str, product: object) -> Listing:
    found = [
        listing for (of, native_id), listing in venue.by_id.items() if native_id == symbol and product in (None, of)
    ]
    if len(found) > 1:
        raise TradeError(f"{symbol} is listed in {', '.join(each.product for each in found)}: name the `product`.")
    if not found:
        raise TradeError(f"{venue.name} lists no {symbol}" + (f" in {product}." if product else "."))
    return found[0]


def _amount(given: Mapping[str, object], name: str) -> Decimal:
    """Read a positive number, given as text or as a JSON number."""
    try:
        value = Decimal(str(given[name]))
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise TradeError(f"`{name}` is a number above zero; got {given[name]!r}.")
    return value
