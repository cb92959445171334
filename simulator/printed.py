"""Read what the control endpoint is to do to one listing: print a public trade, settle its funding, let it expire."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.exchange.model import BUY, SELL
from simulator.market.model import FUTURE, OPTION, PERPETUAL, Listing
from simulator.state import SimulatorError
from simulator.venue import SimVenue

_NEEDED = frozenset({"venue", "symbol", "price", "size", "side"})
_NAMED = frozenset({"venue", "symbol"})
FUNDED = frozenset({PERPETUAL})
DATED = frozenset({FUTURE, OPTION})


class TradeError(SimulatorError):
    """What is asked for is described wrongly; the text says how."""


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
    given = _read(body)
    if given is None or set(given) - {"product"} != _NEEDED:
        raise TradeError("The body has to be a JSON object with `venue`, `symbol`, `price`, `size` and `side`.")
    venue = _venue(given, venues)
    if given["side"] not in (BUY, SELL):
        raise TradeError(f"`side` is buy or sell; got {given['side']!r}.")
    listing = _listing(venue, given)
    return venue, PrintedTrade(listing, _amount(given, "price"), _amount(given, "size"), given["side"])


def read_listing(body: bytes, venues: Mapping[str, SimVenue], kinds: Collection[str]) -> tuple[SimVenue, Listing]:
    """Read `{"venue", "product"?, "symbol"}`, which names a listing of one of these kinds.

    Raises:
        TradeError: something in it is wrong.
    """
    given = _read(body)
    if given is None or set(given) - {"product"} != _NAMED:
        raise TradeError("The body has to be a JSON object with `venue` and `symbol`.")
    venue = _venue(given, venues)
    return venue, _listing(venue, given, kinds)


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(body)
    except ValueError:
        return None
    return given if isinstance(given, dict) else None


def _venue(given: Mapping[str, Any], venues: Mapping[str, SimVenue]) -> SimVenue:
    venue = venues.get(str(given["venue"]))
    if venue is None:
        raise TradeError(f"No venue {given['venue']!r} takes orders: use one of {', '.join(venues)}.")
    return venue


def _listing(venue: SimVenue, given: Mapping[str, Any], kinds: Collection[str] = ()) -> Listing:
    symbol, product = str(given["symbol"]), given.get("product")
    found = [
        listing
        for (of, native_id), listing in venue.by_id.items()
        if native_id == symbol and product in (None, of) and (not kinds or listing.kind in kinds)
    ]
    if len(found) > 1:
        raise TradeError(f"{symbol} is listed in {', '.join(each.product for each in found)}: name the `product`.")
    if not found:
        what = f"no {' or '.join(sorted(kinds))} {symbol}" if kinds else f"no {symbol}"
        raise TradeError(f"{venue.name} lists {what}" + (f" in {product}." if product else "."))
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
