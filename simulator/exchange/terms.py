"""What the sizes, prices and fees of one listing are worth, in exact decimals."""

from decimal import Decimal
from typing import NamedTuple

from simulator.market.model import OPTION, PERPETUAL, SPOT, Listing

Key = tuple[str, str]
"""Product and native id: what names a listing within its venue."""

ZERO = Decimal(0)
ONE = Decimal(1)
_DECIMALS = 15
_OPTION_FEE_CAP = Decimal("0.125")
_SHORT_OPTION_MARGIN = Decimal("0.15")


def amount(value: Decimal, decimals: int = _DECIMALS) -> Decimal:
    """Round what an account gains or loses, so that sums of amounts are exact."""
    return value.quantize(ONE.scaleb(-decimals)) if int(value.as_tuple().exponent) < -decimals else value


def tidy(quotient: Decimal) -> Decimal:
    """Drop the zeros that a division leaves at the end."""
    short = quotient.normalize()
    return short.quantize(ONE) if int(short.as_tuple().exponent) > 0 else short


class Holding(NamedTuple):
    """What is held after a trade: signed `size`, its entry price (0 of nothing), and what the trade `realized`."""

    size: Decimal
    entry: Decimal
    realized: Decimal


class Terms:
    """The numbers of a listing and what follows from them. `wallet` names the wallet it is paid from.

    Values are in the quote currency; in the settle currency of derivatives and options; in base on inverse contracts.
    """

    def __init__(self, listing: Listing, wallet: str) -> None:
        self.listing = listing
        self.key: Key = (listing.product, listing.native_id)
        self.wallet = wallet
        self.tick = Decimal(listing.tick_size)
        self.lot = Decimal(listing.lot_size)
        self.min_size = Decimal(listing.min_size or 0)
        self.min_notional = Decimal(listing.min_notional or 0)
        self.unit = Decimal(listing.contract_size)
        self.maker = Decimal(listing.maker_fee)
        self.taker = Decimal(listing.taker_fee)
        self.inverse = listing.inverse
        self.spot = listing.kind == SPOT
        self.option = listing.kind == OPTION
        self.perpetual = listing.kind == PERPETUAL
        self.currency = listing.quote if self.spot else listing.settle or listing.quote
        self._option_base = ONE if listing.settle == listing.base else Decimal(listing.strike or 0)
        extra = dict(listing.extra)
        self.max_size = _limit(extra.get("max_size"))
        self.max_market_size = _limit(extra.get("max_market_size")) or self.max_size

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        """Return what `size` costs at `price`."""
        if self.inverse:
            return amount(size * self.unit / price) if price else ZERO
        return amount(size * self.unit * price)

    def notional(self, size: Decimal, price: Decimal) -> Decimal:
        """Return the size in quote, which minimum order values are stated in."""
        return size * self.unit if self.inverse else size * self.unit * price

    def gain(self, size: Decimal, entry: Decimal, price: Decimal) -> Decimal:
        """Return what a position of signed `size` gains from `entry` to `price`."""
        if self.inverse:
            return amount(size * self.unit * (ONE / entry - ONE / price)) if price else ZERO
        return amount(size * self.unit * (price - entry))

    def average(self, held: Decimal, entry: Decimal, size: Decimal, price: Decimal) -> Decimal:
        """Return the entry price of `held` at `entry` and `size` more at `price`; inverse contracts average 1/price."""
        if self.inverse:
            return tidy((held + size) / (held / entry + size / price))
        return tidy((held * entry + size * price) / (held + size))

    def held(self, size: Decimal, entry: Decimal, signed: Decimal, price: Decimal) -> Holding:
        """Return what is held of `size` at `entry` after trading `signed` more at `price`; opening averages."""
        after = size + signed
        if not size or (size > 0) == (signed > 0):
            return Holding(after, self.average(abs(size), entry, abs(signed), price) if size else price, ZERO)
        closed = min(abs(signed), abs(size))
        realized = self.gain(closed if size > 0 else -closed, entry, price)
        if not after:
            return Holding(after, ZERO, realized)
        return Holding(after, entry if (after > 0) == (size > 0) else price, realized)

    def fee(self, size: Decimal, price: Decimal, maker: bool, index: Decimal) -> Decimal:
        """Return the fee in the currency of `value`; options pay by the underlying, at most 12.5 % of the premium.

        `index` is the underlying's price in the settle currency.
        """
        rate = self.maker if maker else self.taker
        value = self.value(size, price)
        if self.option:
            return amount(min(rate * size * self.unit * index, value * _OPTION_FEE_CAP))
        return amount(value * rate)

    def margin(self, size: Decimal, price: Decimal, leverage: int) -> Decimal:
        """Return what holding `size` (unsigned) opened at `price` needs.

        Being short of options needs the premium and 15 % of the strike, or of the coins where these settle it.
        """
        if self.option:
            return amount(size * self.unit * self._option_base * _SHORT_OPTION_MARGIN) + self.value(size, price)
        return amount(self.value(size, price) / leverage)

    def floor(self, size: Decimal) -> Decimal:
        """Round down to a whole number of lots."""
        return size - size % self.lot


def _limit(value: object) -> Decimal | None:
    return Decimal(str(value)) if value else None
