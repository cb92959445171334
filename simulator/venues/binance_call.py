"""One request to Binance: its parameters, read as strictly as the venue reads them, and the refusals it has."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from simulator.amounts import decimals
from simulator.market.known import each_known
from simulator.market.model import Listing, Market
from simulator.venues.binance_shapes import padded

_SYMBOL = r"^[\w\-._&&[^a-z]]{1,50}$"
_DIGITS = r"^[0-9]{1,20}$"


class Refusal(Exception):
    """An error as Binance reports it: `{"code":…,"msg":…}`, and of a few calls `data` as well."""

    def __init__(self, code: int, message: str, status: int = 400, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


def missing(name: str) -> Refusal:
    """Refuse a call without a mandatory parameter."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> Refusal:
    """Refuse characters a parameter may not have."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def invalid(name: str) -> Refusal:
    """Refuse a value out of range."""
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


@dataclass(frozen=True)
class Call:
    """What was asked of one section (spot, linear, inverse, option, sapi), and whom to ask for the answer."""

    section: str
    params: Mapping[str, str]
    market: Market
    listings: Mapping[str, Listing]
    now_ms: int

    @property
    def strict(self) -> bool:
        """Tell whether parameters it does not know are refused, not ignored."""
        return self.section == "spot"

    def text(self, name: str) -> str:
        """Return a mandatory parameter."""
        value = self.params.get(name, "")
        if not value:
            raise missing(name)
        return value

    def number(self, name: str, default: int = 0) -> int:
        """Return a whole number."""
        value = self.params.get(name)
        if value is None:
            return default
        if not value:
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        if not re.fullmatch(r"[0-9]{1,20}", value):
            raise illegal(name, _DIGITS)
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """Return how many rows are wanted: above `most` spot gives that many, contracts refuse."""
        value = self.number("limit", default)
        if value == 0 or (value > most and not self.strict):
            raise invalid("limit")
        return min(value, most)

    def _listed(self, symbol: str) -> Listing:
        if self.strict and not re.fullmatch(r"[A-Z0-9\-_.]{1,50}", symbol):
            raise illegal("symbol", _SYMBOL)
        listing = self.listings.get(symbol.upper())
        if listing is None:
            raise Refusal(-1121, "Invalid symbol.")
        return listing

    def listing(self) -> Listing:
        """Return the one instrument asked for."""
        return self._listed(self.text("symbol"))

    def wanted(self) -> list[Listing] | Listing:
        """Return the instrument of `symbol`, the list of `symbols` (spot), or without either all."""
        if "symbols" in self.params:
            if "symbol" in self.params:
                raise Refusal(-1128, "Combination of optional parameters invalid.")
            return [self._listed(symbol) for symbol in self._symbols()]
        return self.listing() if "symbol" in self.params else list(self.listings.values())

    def _symbols(self) -> list[str]:
        try:
            symbols = json.loads(self.params["symbols"])
        except ValueError:
            symbols = None
        if not isinstance(symbols, list) or not symbols or not all(isinstance(symbol, str) for symbol in symbols):
            legal = r'^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'
            raise illegal("symbols", legal)
        if len(set(symbols)) != len(symbols):
            raise Refusal(-1151, "Symbol is present multiple times in the list.")
        return symbols

    def places(self, increment: str) -> int:
        """Tell how many decimals are printed of what comes in multiples of `increment`."""
        return 8 if self.section == "spot" else decimals(increment)

    def price(self, listing: Listing, number: str) -> str:
        """Write a price with the decimals the section prints."""
        return padded(number, self.places(listing.tick_size))

    def size(self, listing: Listing, number: str) -> str:
        """Write a size with the decimals the section prints."""
        return padded(number, self.places(listing.lot_size))

    def each(self, row: Callable[["Call", Listing], object], listings: Iterable[Listing]) -> list[object]:
        """Make a row of every listing; one without the figures (on a tape) is left out."""
        return each_known(listings, lambda listing: row(self, listing))

    def one_or_each(self, row: Callable[["Call", Listing], object]) -> object:
        """Make a row of the symbol asked for, or a list of rows; COIN-M and options always answer a list."""
        wanted = self.wanted()
        if isinstance(wanted, list):
            return self.each(row, wanted)
        found = row(self, wanted)
        return [found] if self.section in ("inverse", "option") else found
