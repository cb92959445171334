"""The synthetic market: every venue's books from one set of prices, deterministic for a seed and alive in time."""

import secrets
import time
from collections.abc import Sequence

from simulator.market import funding
from simulator.market.depth import Depth
from simulator.market.flow import Flow
from simulator.market.listings import collect
from simulator.market.model import (
    OPTION,
    PERPETUAL,
    BookView,
    Candle,
    FundingView,
    Listing,
    NotRecorded,
    Stats,
    Trade,
)
from simulator.market.prices import AssetPrices, ListingPrices

Key = tuple[str, str, str]


class _Instrument:
    """All there is to ask about one listing."""

    def __init__(self, listing: Listing, assets: AssetPrices, seed: int) -> None:
        self.prices = ListingPrices(listing, assets, seed)
        self.depth = Depth(listing, self.prices, seed)
        self.flow = Flow(listing, self.prices, self.depth, seed)


class SyntheticMarket:
    """A market made of arithmetic. Any moment can be asked for, so candles, trades and funding agree with the books.

    `seed` chooses the prices (None: a random one). `start_ms` is the market's time at construction (None: the wall
    clock's); it runs on from there at real speed. A `frozen` market keeps the prices of `start_ms` for ever while its
    clock is the wall clock's, so that its answers are the same every time and yet not stale.
    """

    def __init__(
        self,
        seed: int | None,
        start_ms: int | None = None,
        frozen: bool = False,
        listings: Sequence[Listing] | None = None,
    ) -> None:
        """Collect every venue's listings, or take `listings`.

        Raises UnknownAsset or ValueError, naming the listing, where one cannot be priced.
        """
        self.seed = secrets.randbelow(1 << 31) if seed is None else seed
        self.universe = f"synthetic-{self.seed}"
        wall_ms = time.time_ns() // 1_000_000
        self._frozen_ms = (wall_ms if start_ms is None else start_ms) if frozen else None
        self._shift_ms = 0 if start_ms is None or frozen else start_ms - wall_ms
        self._assets = AssetPrices(self.seed)
        self._instruments: dict[Key, _Instrument] = {}
        self._by_venue: dict[str, list[Listing]] = {}
        self._keys: set[Key] = set()
        for listing in collect(self.now_ms()) if listings is None else listings:
            self._admit(listing)

    def _admit(self, listing: Listing) -> None:
        key = (listing.venue, listing.product, listing.native_id)
        if key in self._keys:
            raise ValueError(f"{listing.venue} lists {listing.product} {listing.native_id} twice")
        ListingPrices(listing, self._assets, self.seed)
        self._keys.add(key)
        self._by_venue.setdefault(listing.venue, []).append(listing)

    def _of(self, listing: Listing) -> _Instrument:
        key = (listing.venue, listing.product, listing.native_id)
        instrument = self._instruments.get(key)
        if instrument is None:
            instrument = self._instruments[key] = _Instrument(listing, self._assets, self.seed)
        return instrument

    def _price_ms(self, now_ms: int) -> int:
        return now_ms if self._frozen_ms is None else min(now_ms, self._frozen_ms)

    def now_ms(self) -> int:
        """Return the market's time: the wall clock's, moved to where `start_ms` said."""
        return time.time_ns() // 1_000_000 + self._shift_ms

    def listings(self, venue: str) -> Sequence[Listing]:
        """Return what `venue` lists; empty when it lists nothing."""
        return self._by_venue.get(venue, [])

    def all_listings(self) -> list[Listing]:
        """Return what all venues list."""
        return [listing for listings in self._by_venue.values() for listing in listings]

    def book(self, listing: Listing, depth: int, now_ms: int) -> BookView:
        """Return the book of the 250 ms step around `now_ms`; its sequence is the step's number."""
        return self._of(listing).depth.view(depth, self._price_ms(now_ms), now_ms)

    def trades(self, listing: Listing, limit: int, now_ms: int) -> Sequence[Trade]:
        """Return at most 1,000 trades, newest first, at the prices of the books of their moments."""
        return self._of(listing).flow.trades(limit, self._price_ms(now_ms))

    def candles(
        self, listing: Listing, interval_ms: int, start_ms: int, end_ms: int, offset_ms: int = 0
    ) -> Sequence[Candle]:
        """Return the candles that start in [start, end]: they close where the book's middle was at their end."""
        now_ms = self._price_ms(self.now_ms())
        return self._of(listing).flow.candles(interval_ms, start_ms, end_ms, now_ms, offset_ms)

    def stats(self, listing: Listing, now_ms: int) -> Stats:
        """Return the last 24 hours."""
        return self._of(listing).flow.stats(self._price_ms(now_ms))

    def index_price(self, listing: Listing, now_ms: int) -> str:
        """Return the index of the underlying in the quote currency; of an option priced in its base in USD."""
        instrument = self._of(listing)
        decimals = 2 if listing.kind == OPTION else instrument.depth.ticks.decimals
        return f"{instrument.prices.index(self._price_ms(now_ms)):.{decimals}f}"

    def mark_price(self, listing: Listing, now_ms: int) -> str:
        """Return the mark price, of an option with two decimals more than its ticks have."""
        instrument = self._of(listing)
        decimals = instrument.depth.ticks.decimals + (2 if listing.kind == OPTION else 0)
        return f"{instrument.prices.mark(self._price_ms(now_ms)):.{decimals}f}"

    def funding(self, listing: Listing, now_ms: int) -> FundingView:
        """Return the running funding. Raises NotRecorded for what is no perpetual."""
        if listing.kind != PERPETUAL:
            raise NotRecorded(f"{listing.native_id} has no funding")
        return funding.current(self._of(listing).prices, listing, self._price_ms(now_ms))

    def funding_history(self, listing: Listing, start_ms: int, end_ms: int) -> Sequence[tuple[int, str]]:
        """Return the settlements in [start, end], oldest first; of what is no perpetual none."""
        if listing.kind != PERPETUAL:
            return []
        now_ms = self._price_ms(self.now_ms())
        return funding.history(self._of(listing).prices, listing, start_ms, end_ms, now_ms)
