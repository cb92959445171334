"""Making USD, USDT and USDC books comparable: what one dollar is worth in another, and how we know."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.instruments import SPOT, Instrument
from domain.money import rounded
from market_data.listing import NUMERAIRES
from market_data.quotes import VenueRow, mid_of, spread_bps

if TYPE_CHECKING:
    from connectors.market_cache import MarketCache

PLACES = 8


@dataclass(frozen=True)
class Rate:
    """One unit of `currency` is `rate` of `numeraire`, as `source` (a venue's book, or the reference) says."""

    currency: str
    numeraire: str
    rate: Decimal
    source: str
    symbol: str | None = None
    age_ms: int | None = None

    def record(self) -> dict[str, Any]:
        """Return the rate as it stands in JSON."""
        return dict(vars(self))

    def sentence(self) -> str:
        """Say the rate and its source in one line."""
        age = "" if self.age_ms is None else f", {self.age_ms} ms old"
        book = f" {self.symbol}" if self.symbol else ""
        return f"1 {self.currency} = {self.rate:f} {self.numeraire}  ({self.source}{book}{age})"


def basis_books(lists: "MarketCache", names: Sequence[str], numeraire: str) -> list[Instrument]:
    """List the spot books between dollars that the asked venues have and that can lead to the numeraire."""
    pairs = [f"{one}/{other}" for one in NUMERAIRES for other in NUMERAIRES if one != other]
    return [
        instrument
        for pair in pairs
        for instrument in lists.find_everywhere(list(names), pair).values()
        if instrument.kind == SPOT and numeraire in NUMERAIRES
    ]


def find_rates(
    currencies: Iterable[str],
    numeraire: str,
    rows: Iterable[VenueRow],
    reference: Callable[[str], tuple[Decimal, str] | None],
) -> dict[str, Rate]:
    """Find what each currency is worth in the numeraire.

    The mid of the tightest usable book between the two decides, else two books over the third dollar, else the
    reference's price of both in USD: `reference` answers (price in USD, its name; no name for USD itself) or None.
    A currency without any of these is left out: its books cannot be compared.
    """
    books = _tightest(rows)
    rates = {}
    for currency in dict.fromkeys(currencies):
        found = _by_book(currency, numeraire, books) or _by_two_books(currency, numeraire, books)
        found = found or _by_reference(currency, numeraire, reference)
        if currency == numeraire:
            found = Rate(currency, numeraire, Decimal(1), "same currency")
        if found:
            rates[currency] = found
    return rates


def _tightest(rows: Iterable[VenueRow]) -> Mapping[tuple[str, str], VenueRow]:
    books: dict[tuple[str, str], VenueRow] = {}
    for row in rows:
        spread = spread_bps(row.bid, row.ask)
        if not (row.bid_wins and row.ask_wins) or spread is None:
            continue
        base, _, quote = row.symbol.partition("/")
        best = books.get((base, quote))
        if best is None or spread < (spread_bps(best.bid, best.ask) or 0):
            books[base, quote] = row
    return books


def _by_book(currency: str, numeraire: str, books: Mapping[tuple[str, str], VenueRow]) -> Rate | None:
    candidates = []
    for base, quote in ((currency, numeraire), (numeraire, currency)):
        row = books.get((base, quote))
        mid = mid_of(row.bid, row.ask) if row else None
        if row and mid:
            rate = mid if base == currency else 1 / mid
            found = Rate(currency, numeraire, rounded(rate, PLACES), row.venue, row.symbol, row.age_ms)
            candidates.append((spread_bps(row.bid, row.ask) or Decimal(0), found))
    return min(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


def _by_two_books(currency: str, numeraire: str, books: Mapping[tuple[str, str], VenueRow]) -> Rate | None:
    for middle in NUMERAIRES:
        if middle in (currency, numeraire):
            continue
        first, second = _by_book(currency, middle, books), _by_book(middle, numeraire, books)
        if first and second:
            rate = rounded(first.rate * second.rate, PLACES)
            age = max(first.age_ms or 0, second.age_ms or 0)
            source = first.source if first.source == second.source else f"{first.source} and {second.source}"
            return Rate(currency, numeraire, rate, source, f"{first.symbol} × {second.symbol}", age)
    return None


def _by_reference(currency: str, numeraire: str, reference: Callable[[str], tuple[Decimal, str] | None]) -> Rate | None:
    if currency == numeraire:
        return None
    one, other = reference(currency), reference(numeraire)
    if one is None or other is None or not other[0]:
        return None
    return Rate(currency, numeraire, rounded(one[0] / other[0], PLACES), f"{one[1] or other[1]} reference")
