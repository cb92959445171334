"""The shape of a synthetic book: where its levels lie, how much rests on them, and what persists from step to step."""

from bisect import bisect_left, bisect_right
from math import log, log10, sqrt

from simulator.market.catalogue import ASSETS
from simulator.market.grid import Grid
from simulator.market.model import OPTION, SPOT, BookView, Listing
from simulator.market.noise import Noise, key_of, mix, unit
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
    (0.35 + min(distance / 12.0, 1.1)) / (1.0 + (distance / 180.0) ** 1.4) + 0.02
    for distance in range(_FAR_BPS + 2_000)
]
# Sizes of single levels, exponentially distributed around one; runs of this table are laid along the book.
_FACTORS = [0.02 - log(1.0 - 0.9999 * unit(0, place)) for place in range(4_096 + 8)]

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

    Levels sit in cells of `width` ticks, 32 cells a block. A block's prices are fixed for ever; a quarter of its sizes
    is drawn anew every eight seconds (each block at a second of its own), those at the touch at every step of 250 ms.
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
        self._offsets = [mix(self._key, -at) * self._width >> 64 for at in range(1, 257 + _CELLS)]
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
        return (1.3 + 0.5 * own + (0.2 if listing.kind == SPOT else 0.0)) * min(4.0, 1.0 / sqrt(sqrt(liquidity)))

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
            below = bisect_left(ticks, bid)
            bids += levels[:below][::-1]
            block -= 1
        asks: list[Level] = [self._best(ask, step)] if depth else []
        block = ask // size
        while len(asks) < depth:
            _, ticks, levels = self._block(block, time_ms)
            asks += levels[bisect_right(ticks, ask) :]
            block += 1
        return bids[:depth], asks[:depth]

    @property
    def _block_size(self) -> int:
        return _CELLS * self._width

    def _best(self, tick: int, step: int) -> Level:
        draw = mix(self._key + tick, step)
        lots = int(self._level_lots * _PROFILE[0] * _FACTORS[draw & 0xFFF] * 2.0)
        return self.ticks.text(tick), self.lots.text(self._least_lots + lots)

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
        width = self._width
        first = block * _CELLS * width
        place = mix(self._key, block)
        if width == 1:
            ticks = list(range(first, first + _CELLS))
        else:
            start = place & 0xFF
            cells = range(first, first + _CELLS * width, width)
            ticks = [cell + offset for cell, offset in zip(cells, self._offsets[start : start + _CELLS], strict=True)]
        lots = self._draw_lots(block, epoch, reference)
        near = self._round // 10
        for tick in range(-(-first // near) * near, first + _CELLS * width, near):
            cell = (tick - first) // width
            ticks[cell] = tick
            lots[cell] = int(
                lots[cell] * (3.5 if tick % (near * 100) == 0 else 2.2 if tick % self._round == 0 else 1.4)
            )
        # One or two cells of each block stay empty, the same ones for ever; and no price is zero.
        for gap in sorted({place >> 10 & 31, place >> 20 & 31}, reverse=True):
            del ticks[gap], lots[gap]
        if first <= 0:
            positive = bisect_right(ticks, 0)
            del ticks[:positive], lots[:positive]
        return epoch, ticks, list(zip(self.ticks.texts(ticks), self.lots.texts(lots), strict=True))

    def _draw_lots(self, block: int, epoch: int, reference: int) -> list[int]:
        factors: list[float] = []
        for quarter in range(4):
            # A quarter of the levels is drawn anew each epoch.
            drawn = (epoch + quarter) >> 2
            start = mix(self._key + quarter, block * 0x10000 + drawn) & 0xFFF
            factors += _FACTORS[start : start + _CELLS // 4]
        cell = block * _CELLS - reference // self._width
        scale, least, level_lots = self._bps_per_tick * self._width, self._least_lots, self._level_lots
        far = range(cell, cell + _CELLS)
        if abs(cell) * scale > _FAR_BPS:
            shape = [_PROFILE[_FAR_BPS]] * _CELLS
        else:
            shape = [_PROFILE[int(abs(at) * scale)] for at in far]
        return [int(level_lots * weight * factor) + least for weight, factor in zip(shape, factors, strict=True)]
