"""Prices as pure functions of (seed, asset or listing, time): any moment can be asked, nothing is kept but caches."""

from math import exp

from simulator.market.calendar import HOUR_MS, MINUTE_MS
from simulator.market.catalogue import ASSETS, UnknownAsset, resolve
from simulator.market.model import FUTURE, OPTION, PERPETUAL, Listing
from simulator.market.noise import Noise, key_of
from simulator.market.options import YEAR_MS, black, carried, smile

BPS = 1e-4
_PERIODS_MS = [250 * 6**scale for scale in range(10)]
_CALM_PERIODS_MS = [MINUTE_MS * 24**scale for scale in range(4)]
_CALM = 0.01
"""Assets that move less than this in a year (stablecoins) are drawn with fewer strokes."""
_MEMO = 8_192


class AssetPrices:
    """The price in USD of every asset, its perpetual premium, its carry and its implied volatility."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._curves: dict[str, Noise] = {}
        self._memo: dict[tuple[str, int], float] = {}

    def _curve(self, topic: str, octaves: list[tuple[int, float]]) -> Noise:
        curve = self._curves.get(topic)
        if curve is None:
            curve = self._curves[topic] = Noise(key_of(self._seed, topic), octaves)
        return curve

    def usd(self, asset: str, time_ms: int) -> float:
        """Return what one unit of `asset` costs in USD at `time_ms`."""
        spec = ASSETS[asset]
        if not spec.volatility:
            return spec.usd
        known = self._memo.get((asset, time_ms))
        if known is not None:
            return known
        curve = self._curves.get(asset)
        if curve is None:
            # A random walk has steps of volatility × √time; each scale gets its share of it, and its end is bounded.
            periods = _CALM_PERIODS_MS if spec.volatility < _CALM else _PERIODS_MS
            curve = self._curve(asset, [(at, 1.15 * spec.volatility * (at / YEAR_MS) ** 0.5) for at in periods])
        if len(self._memo) >= _MEMO:
            self._memo.clear()
        price = self._memo[(asset, time_ms)] = spec.usd * exp(curve.value(time_ms))
        return price

    def premium(self, asset: str, time_ms: int) -> float:
        """Return how far perpetuals on `asset` trade above the index (a fraction)."""
        scales = [(HOUR_MS, 0.6), (6 * HOUR_MS, 1.6), (48 * HOUR_MS, 2.6), (192 * HOUR_MS, 2.8)]
        curve = self._curve(f"premium:{asset}", [(period, size * BPS) for period, size in scales])
        return 1.0 * BPS + curve.value(time_ms)

    def carry(self, asset: str, time_ms: int) -> float:
        """Return the annual rate at which dated futures on `asset` stand above the index."""
        return 0.055 + self._curve(f"carry:{asset}", [(6 * HOUR_MS, 0.004), (240 * HOUR_MS, 0.02)]).value(time_ms)

    def volatility(self, asset: str, time_ms: int) -> float:
        """Return the implied volatility of `asset` at the money."""
        curve = self._curve(f"implied:{asset}", [(HOUR_MS // 60, 0.004), (4 * HOUR_MS, 0.03), (120 * HOUR_MS, 0.08)])
        return ASSETS[asset].volatility * (1.02 + curve.value(time_ms))


class ListingPrices:
    """What one listing is worth, in the units its price is quoted in. Raises UnknownAsset, naming the listing."""

    def __init__(self, listing: Listing, assets: AssetPrices, seed: int) -> None:
        self._assets = assets
        try:
            self.base, in_code = resolve(listing.base)
            self.quote, _ = resolve(listing.quote)
        except UnknownAsset as error:
            raise UnknownAsset(f"{listing.venue} {listing.native_id}: {error}") from None
        self.multiplier = listing.multiplier if listing.multiplier != 1 else in_code
        self.kind = listing.kind
        self.in_base = listing.kind == OPTION and self.base in (self.quote, listing.settle)
        self._expiry_ms = listing.expiry_ms
        self._strike = float(listing.strike) if listing.strike else None
        self._is_call = (listing.option_type or "").lower().startswith("c")
        topic = (seed, listing.venue, listing.product, listing.native_id)
        # Venues differ by about a basis point, drifting: they agree, and now and then they cross.
        self._basis = Noise(key_of("basis", *topic), [(20_000, 0.5 * BPS), (400_000, 0.9 * BPS), (10**11, 0.3 * BPS)])
        self._own_premium = Noise(key_of("premium", *topic), [(2 * HOUR_MS, 0.3 * BPS), (60 * HOUR_MS, 0.7 * BPS)])

    def reference(self) -> float:
        """Return the price at the catalogue's reference prices, to choose the book's layout by."""
        base = ASSETS[self.base].usd * self.multiplier
        return base if self.kind == OPTION else base / ASSETS[self.quote].usd

    def index(self, time_ms: int) -> float:
        """Return the price of the underlying: in the quote currency, of an option priced in base in USD."""
        base = self._assets.usd(self.base, time_ms) * self.multiplier
        return base if self.in_base else base / self._assets.usd(self.quote, time_ms)

    def premium(self, time_ms: int) -> float:
        """Return how far this perpetual trades above its index (a fraction)."""
        return self._assets.premium(self.base, time_ms) + self._own_premium.value(time_ms)

    def mark(self, time_ms: int) -> float:
        """Return the mark price; of a spot listing the index."""
        index = self.index(time_ms)
        if self.kind == PERPETUAL:
            return index * (1.0 + self.premium(time_ms))
        if self.kind == FUTURE:
            return carried(index, self._assets.carry(self.base, time_ms), self._years(time_ms))
        return self._option(index, time_ms) if self.kind == OPTION else index

    def fair(self, time_ms: int) -> float:
        """Return the middle of this venue's book: the mark price and the venue's own deviation from it."""
        return self.mark(time_ms) * (1.0 + self._basis.value(time_ms))

    def _years(self, time_ms: int) -> float:
        return max(0, (self._expiry_ms or 0) - time_ms) / YEAR_MS

    def _option(self, index: float, time_ms: int) -> float:
        years = max(self._years(time_ms), 1e-4)
        forward = carried(index, self._assets.carry(self.base, time_ms), years)
        strike = self._strike or forward
        implied = smile(self._assets.volatility(self.base, time_ms), forward, strike, years)
        price = black(forward, strike, years, implied, self._is_call)
        return price / forward if self.in_base else price
