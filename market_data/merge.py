"""One book out of many: the levels of all venues by price, each with who stands there."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from domain.books import Level


class MergedLevel(NamedTuple):
    """All orders at one price: the size in all, and each venue's."""

    price: Decimal
    size: Decimal
    venues: Mapping[str, Decimal]

    def record(self) -> dict[str, Any]:
        """Return the level as it stands in JSON."""
        return {"price": self.price, "size": self.size, "venues": dict(self.venues)}


def merged(sides: Mapping[str, Sequence[Level]], depth: int, *, bids: bool) -> list[MergedLevel]:
    """Merge sides by exact price, best first, and keep the best `depth` prices. Levels of size 0 are left out."""
    found: dict[Decimal, dict[str, Decimal]] = {}
    for venue, side in sides.items():
        for price, size in side:
            if size > 0:
                at_price = found.setdefault(price, {})
                at_price[venue] = at_price.get(venue, Decimal(0)) + size
    prices = sorted(found, reverse=bids)[:depth]
    return [MergedLevel(price, sum(found[price].values(), Decimal(0)), found[price]) for price in prices]


def blind_beyond(
    sides: Mapping[str, Sequence[Level]], cut_off: Mapping[str, bool], worst: Decimal, *, bids: bool
) -> list[str]:
    """List the venues whose book was cut off before `worst`: beyond their last level their orders are not known."""
    hidden = []
    for venue, side in sides.items():
        if cut_off[venue] and side and (side[-1].price > worst if bids else side[-1].price < worst):
            hidden.append(venue)
    return hidden


def imbalance(bids: Sequence[Any], asks: Sequence[Any]) -> Decimal | None:
    """Return (bid size - ask size) / both over the levels shown, from -1 to 1; None for an empty book."""
    bought, sold = (sum((level.size for level in side), Decimal(0)) for side in (bids, asks))
    return ((bought - sold) / (bought + sold)).quantize(Decimal("0.0001")) if bought + sold else None
