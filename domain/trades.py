"""Public trades of a market."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple


class PublicTrade(NamedTuple):
    """One trade that anybody can see: price in quote per base, size in base units, the aggressor's side.

    `side` is None where the venue does not say who was the aggressor.
    """

    trade_id: str
    time_ms: int
    price: Decimal
    size: Decimal
    side: str | None


class Trades(list[PublicTrade]):
    """Trades, oldest first. `complete`: none is missing since the moment that was asked for."""

    def __init__(self, trades: Iterable[PublicTrade] = (), *, complete: bool = True) -> None:
        super().__init__(trades)
        self.complete = complete
