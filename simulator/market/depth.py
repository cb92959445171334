"""The shape of a synthetic book: where its levels lie, how much rests on them, and what persists from step to step."""

import hashlib
import struct
from collections.abc import Callable
from math import log, log10

from simulator.market.catalogue import ASSETS
from simulator.market.grid import Grid
from simulator.market.model import OPTION, SPOT, BookView, Listing
from simulator.market.noise import Noise, key_of, mix
from simulator.market.prices import BPS, ListingPrices

STEP_MS = 250
_CELLS = 32
_EPOCH_S = 8
_SPACING_BPS = 0.05
_DENSITY_USD_PER_BPS = 60_000.0
_MOST_USD_PER_LEVEL = 2_000_000.0
_OPTION_LEVELS = 25
_OPTION_USD_PER_LEVEL = 40_000.0
_MOST_BLOCKS = 2_048
_FAR_BPS = 4_000

# What rests at a distance from the middle, in bps: little at the touch, most some way out, a long thin tail.
_PROFILE = [
    (0.35 + min(distance / 12.0, 1.1)) / (1.0 + (distance / 180.0) ** 1.4) + 0.02 for distance in range(_FAR_BPS + 1)
]
# Sizes of single levels: exponentially distributed around one, as 256 steps.
_FACTORS = [0.04 - log(1.0 - (step + 0.5) / 256.0) for step in range(256)]

Level = tuple[str, str]
Block = tuple[int, list[int], list[Level]]


def spacing(bps_per_tick: float) -> int:
    """Return how many ticks one level takes up: 1, 2 or 5 times a power of ten, about 0.05 bps."""
    wanted = _SPACING_BPS / bps_per_tick
    if wanted <= 1.0:
        return 1
    power: int = 10 ** int(log10(wanted))
    return max(part * power for part in (1, 2, 5) if part * power <= wanted)


class Depth:
    """The book of one listing at any moment.

    Levels sit in cells of `width` ticks, 32 cells a block. A block's prices are fixed for ever; a quarter of its sizes is
    drawn anew every eight seconds (each block at a second of its own), those at the touch at every step of 250 ms.
    """

    def __init__(self, listing: Listing, prices: ListingPrices, seed: int) -> None:
        self._prices = prices
        self.ticks = Grid(listing.tick_size)
        self.lots = Grid(listing.lot_size)
        self._key = key_of("depth", seed, listing.venue, listing.product, listing.native_id)
        self._is_option = listing.kind == OPTION
        reference = prices.reference()
        self._bps_per_tick = 5.0 if self._is_option else self.ticks.step / reference / BPS
        self._width = 1 if self._is_option else spacing(self._bps_per_tick)
        self._round = max(10, 10 ** (int(log10(self._width)) + 2))
        self._level_lots = self._lots_per_level(listing, reference)
        self._least_lots = max(1, self.lots.up(float(listing.min_size or 0)))
        self._spread_bps = self._spread_of(listing)
        self._spread_noise = Noise(key_of("spread", self._key), [(5_000, 0.15), (90_000, 0.2)])
        self._blocks: dict[int, Block] = {}
        self._references: dict[int, int] = {}
        self._shown: tuple[int, int, BookView] | None = None

    def _lots_per_level(self, listing: Listing, reference: float) -> float:
        quote_usd = ASSETS[self._prices.quote].usd
        unit = float(listing.contract_size) * self.lots.step
        usd_per_lot = unit if listing.inverse else unit * reference * (1.0 if self._is_option else quote_usd)
        if self._is_option:
            return _OPTION_USD_PER_LEVEL / usd_per_lot
        liquidity = min(ASSETS[self._prices.base].liquidity, ASSETS[self._prices.quote].liquidity)
        own = 0.6 + 0.8 * (mix(self._key, 7) & 0xFF) / 255.0
        usd = _DENSITY_USD_PER_BPS * liquidity * own * self._width * self._bps_per_tick
        return min(usd, _MOST_USD_PER_LEVEL) / usd_per_lot

    def _spread_of(self, listing: Listing) -> float:
        own = (mix(self._key, 11) & 0xFF) / 255.0
        liquidity = min(ASSETS[self._prices.base].liquidity, ASSETS[self._prices.quote].liquidity)
        return (1.3 + 0.5 * own + (0.2 if listing.kind == SPOT else 0.0)) * min(4.0, liquidity**-0.25)

    def touch(self, time_ms: int) -> tuple[int, int]:
        """Return the best bid and ask in ticks; a bid below one tick means that nobody bids."""
        middle = self._prices.fair(time_ms)
        if self._is_option:
            half = max(0.012 * middle, 0.5 * self.ticks.step)
        else:
            half = 0.5 * self._spread_bps * (1.0 + self._spread_noise.value(time_ms)) * BPS * middle
        bid, ask = self.ticks.down(middle - half), self.ticks.up(middle + half)
        return bid, max(ask, bid + 1, 1)

    def view(self, depth: int, price_ms: int, shown_ms: int) -> BookView:
        """Return the book of the step around `price_ms`, stamped with the step of `shown_ms`."""
        step = price_ms // STEP_MS
        last = self._shown
        stamp = shown_ms // STEP_MS * STEP_MS
        if last is None or last[0] != step or last[1] < depth or last[2].time_ms != stamp:
            bids, asks = self._sides(depth, step)
            last = self._shown = (step, depth, BookView(bids, asks, step, stamp))
        view = last[2]
        if depth >= last[1]:
            return view
        return BookView(view.bids[:depth], view.asks[:depth], view.sequence, view.time_ms)

    def _sides(self, depth: int, step: int) -> tuple[list[Level], list[Level]]:
        time_ms = step * STEP_MS
        if self._is_option:
            depth = min(depth, _OPTION_LEVELS)
        bid, ask = self.touch(time_ms)
        size = self._block_size
        bids: list[Level] = [self._best(bid, step)] if bid >= 1 and depth else []
        block = bid // size
        while len(bids) < depth and block >= 0 and bid >= 1:
            _, ticks, levels = self._block(block, time_ms)
            bids += [level for tick, level in zip(ticks, levels, strict=True) if tick < bid][::-1]
            block -= 1
        asks: list[Level] = [self._best(ask, step)] if depth else []
        block = ask // size
        while len(asks) < depth:
            _, ticks, levels = self._block(block, time_ms)
            asks += [level for tick, level in zip(ticks, levels, strict=True) if tick > ask]
            block += 1
        return bids[:depth], asks[:depth]

    @property
    def _block_size(self) -> int:
        return _CELLS * self._width

    def _best(self, tick: int, step: int) -> Level:
        draw = mix(self._key + tick, step)
        lots = int(self._level_lots * _PROFILE[0] * _FACTORS[draw & 0xFF] * 2.0 + ((draw >> 8) & 0x3F))
        return self.ticks.text(tick), self.lots.text(max(self._least_lots, lots))

    def _block(self, block: int, time_ms: int) -> Block:
        phase = block * 5 % _EPOCH_S
        epoch = (time_ms // 1000 + phase) // _EPOCH_S
        known = self._blocks.get(block)
        if known is not None and known[0] == epoch:
            return known
        if len(self._blocks) >= _MOST_BLOCKS:
            self._blocks.clear()
        built = self._blocks[block] = self._build(block, epoch, self._reference((epoch * _EPOCH_S - phase) * 1000))
        return built

    def _reference(self, time_ms: int) -> int:
        """Return the middle in ticks around which sizes are laid out, rounded so that it seldom moves."""
        tick = self._references.get(time_ms)
        if tick is None:
            if len(self._references) >= 32:
                self._references.clear()
            coarse = max(self._width, min(64 * self._width, int(4.0 / self._bps_per_tick)))
            tick = self.ticks.near(self._prices.fair(time_ms)) // coarse * coarse
            self._references[time_ms] = tick
        return tick

    def _build(self, block: int, epoch: int, reference: int) -> Block:
        width, least, level_lots, per_tick = self._width, self._least_lots, self._level_lots, self._bps_per_tick
        place = _digest(self._key, block, -1)
        # A quarter of the levels is drawn anew each epoch.
        draws = [_digest(self._key, block, (epoch + quarter) >> 2 << 2 | quarter) for quarter in range(4)]
        near, far, hundred = self._round // 10, self._round, self._round * 10
        ticks: list[int] = []
        lots: list[int] = []
        for cell in range(_CELLS):
            if place[cell] < 18:
                continue
            first = (block * _CELLS + cell) * width
            rest = -first % near
            tick = first + (rest if rest < width else place[_CELLS + cell] * width >> 8)
            if tick < 1:
                continue
            draw = draws[cell & 3]
            weight = _PROFILE[min(_FAR_BPS, int(abs(tick - reference) * per_tick))] * _FACTORS[draw[cell]]
            if tick % near == 0:
                weight *= 3.5 if tick % hundred == 0 else 2.2 if tick % far == 0 else 1.4
            size = int(level_lots * weight * (1.0 + draw[_CELLS + cell] * 0.0007))
            ticks.append(tick)
            lots.append(size if size > least else least)
        return epoch, ticks, list(zip(self.ticks.texts(ticks), self.lots.texts(lots), strict=True))


def _digest(key: int, block: int, epoch: int) -> bytes:
    return hashlib.blake2b(struct.pack(">Qqq", key, block, epoch), digest_size=2 * _CELLS).digest()


Touch = Callable[[int], tuple[int, int]]
