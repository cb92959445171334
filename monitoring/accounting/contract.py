"""What one unit of an instrument is worth, and in which currency its gains count."""

from decimal import Decimal
from typing import NamedTuple

from domain.instruments import OPTION, SPOT, Instrument
from monitoring.accounting.exact import quotient, times


class Contract(NamedTuple):
    """What accounting has to know of an instrument. Sizes are in lot units: base, or quote where `inverse`."""

    venue: str
    symbol: str
    kind: str
    base: str
    quote: str
    settle: str | None
    inverse: bool = False

    @classmethod
    def of(cls, instrument: Instrument) -> "Contract":
        """Take from an instrument what accounting needs.

        Coin-settled options are no inverse contracts here, whatever a venue calls them: premium is size × price.
        """
        inverse = instrument.inverse and instrument.kind != OPTION
        return cls(
            instrument.venue,
            instrument.symbol,
            instrument.kind,
            instrument.base,
            instrument.quote,
            instrument.settle,
            inverse,
        )

    @property
    def currency(self) -> str:
        """Name what gains count in: the quote currency of spot, else the currency that the contract settles in."""
        if self.kind == SPOT:
            return self.quote
        return self.settle or (self.base if self.inverse else self.quote)

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        """Value a size at a price, in `currency`: size × price, of inverse contracts size / price to 18 decimals.

        Raises:
            decimal.DivisionByZero, decimal.InvalidOperation: an inverse contract at a price of zero.
        """
        return quotient(size, price) if self.inverse else times(size, price)
