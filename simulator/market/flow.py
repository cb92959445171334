"""What is traded: volume as an integral over time, single trades in hashed slots, candles sampled from the price."""

from math import pi, sin, sqrt

from simulator.market.calendar import DAY_MS, HOUR_MS, WEEK_MS
from simulator.market.catalogue import ASSETS
from simulator.market.depth import STEP_MS, Depth
from simulator.market.model import OPTION, SPOT, Candle, Listing, Stats, Trade
from simulator.market.noise import key_of, mix, unit
from simulator.market.prices import ListingPrices

_DAILY_USD = 2.4e9
_RHYTHM = ((DAY_MS, 0.35), (WEEK_MS, 0.15), (HOUR_MS, 0.2), (420_000, 0.2))
_MOST_TRADES = 1_000
_MOST_CANDLES = 20_000


class Flow:
    """Volume, trades, candles and 24-hour figures of one listing; all of them pure functions of time."""

    def __init__(self, listing: Listing, prices: ListingPrices, depth: Depth, seed: int) -> None:
        self._listing = listing
        self._prices = prices
        self._depth = depth
        self._key = key_of("flow", seed, listing.venue, listing.product, listing.native_id)
        self._phases = [unit(self._key, period) * 2 * pi for period, _ in _RHYTHM]
        self._usd_per_wire_unit, liquidity = self._scale()
        own = 0.3 + 1.4 * unit(self._key, 3)
        busy = 0.02 if listing.kind == OPTION else 0.6 if listing.kind == SPOT else 1.0
        self._daily_usd = _DAILY_USD * liquidity * sqrt(liquidity) * own * busy
        self._slot_ms = max(200, min(60_000, int(400 / (liquidity * busy))))
        self._size_usd = self._daily_usd * self._slot_ms / DAY_MS
        self._trades: list[Trade] = []
        self._candles: dict[tuple[int, int], Candle] = {}

    def _scale(self) -> tuple[float, float]:
        quote = ASSETS[self._prices.quote]
        unit_size = float(self._listing.contract_size)
        base_usd = self._prices.reference() * (1.0 if self._listing.kind == OPTION else quote.usd)
        liquidity = min(ASSETS[self._prices.base].liquidity, quote.liquidity)
        return unit_size if self._listing.inverse else unit_size * base_usd, liquidity

    def volume(self, start_ms: int, end_ms: int) -> float:
        """Return what is traded in [start, end) in wire units: adds up over any division of the time."""
        return max(0.0, self._traded(end_ms) - self._traded(start_ms)) * self._daily_usd / self._usd_per_wire_unit

    def _traded(self, time_ms: int) -> float:
        total = float(time_ms)
        for (period, share), phase in zip(_RHYTHM, self._phases, strict=True):
            turn = period / (2 * pi)
            total += share * turn * sin(time_ms / turn + phase)
        return total / DAY_MS

    def turnover(self, volume: float, price: float) -> float:
        """Return `volume` wire units in the quote currency at `price`, a tick at least as in the books."""
        size = float(self._listing.contract_size)
        return volume * size if self._listing.inverse else volume * size * max(price, self._depth.ticks.step)

    def trades(self, limit: int, time_ms: int) -> list[Trade]:
        """Return the last trades up to `time_ms`, newest first: at most one in each slot, its number is its id."""
        limit = min(limit, _MOST_TRADES)
        newest = time_ms // self._slot_ms
        oldest = max(newest - limit - 1, self._listing.listed_ms // self._slot_ms)
        known = {trade.trade_id: trade for trade in self._trades}
        found = [known.get(slot) or self._trade(slot) for slot in range(newest, oldest, -1)]
        self._trades = found
        return [trade for trade in found if trade.time_ms <= time_ms][:limit]

    def _trade(self, slot: int) -> Trade:
        draw = mix(self._key, slot)
        at = slot * self._slot_ms + draw % self._slot_ms
        bid, ask = self._depth.touch(at // STEP_MS * STEP_MS)
        is_buy = bool(draw >> 33 & 1) or bid < 1
        spread = (draw >> 40 & 0xFFFF) / 65_536.0
        usd = self._size_usd * (0.02 + 0.55 * spread / (1.02 - spread))
        lots = int(usd / (self._usd_per_wire_unit * self._depth.lots.step))
        size = self._depth.lots.text(max(lots, self._depth.lots.up(float(self._listing.min_size or 0)), 1))
        return Trade(slot, at, self._depth.ticks.text(ask if is_buy else bid), size, "buy" if is_buy else "sell")

    def _price_text(self, value: float) -> str:
        return self._depth.ticks.text(max(1, self._depth.ticks.near(value)))

    def candles(self, interval_ms: int, start_ms: int, end_ms: int, now_ms: int, offset_ms: int = 0) -> list[Candle]:
        """Return the candles that start in [start, end], the running one with what is known at `now_ms`."""
        earliest = max(start_ms, self._listing.listed_ms)
        first = earliest + (offset_ms - earliest) % interval_ms
        found: list[Candle] = []
        for start in range(first, min(end_ms, now_ms) + 1, interval_ms):
            key = (interval_ms, start)
            candle = self._candles.get(key)
            if candle is None:
                candle = self._candle(start, min(start + interval_ms, now_ms), interval_ms)
                if start + interval_ms <= now_ms:
                    if len(self._candles) >= _MOST_CANDLES:
                        self._candles.clear()
                    self._candles[key] = candle
            found.append(candle)
        return found

    def _candle(self, start_ms: int, end_ms: int, interval_ms: int) -> Candle:
        samples = 4 if interval_ms <= 300_000 else 6
        moments = [start_ms + interval_ms * part // samples for part in range(samples)]
        path = [self._prices.fair(moment) for moment in moments if moment < end_ms or moment == start_ms]
        path.append(self._prices.fair(end_ms))
        opened, high, low, close = path[0], max(path), min(path), path[-1]
        volume = self.volume(start_ms, end_ms)
        return Candle(
            start_ms,
            self._price_text(opened),
            self._price_text(high),
            self._price_text(low),
            self._price_text(close),
            self._size_text(volume),
            f"{self.turnover(volume, (opened + high + low + close) / 4):.{_turnover_decimals(close)}f}",
        )

    def _size_text(self, size: float) -> str:
        return self._depth.lots.text(max(0, self._depth.lots.down(size)))

    def stats(self, time_ms: int) -> Stats:
        """Return the last 24 hours."""
        start = time_ms - DAY_MS
        traded = self.trades(1, time_ms)
        last_price = traded[0].price if traded else self._price_text(self._prices.fair(time_ms))
        path = [self._prices.fair(start + part * DAY_MS // 48) for part in range(49)]
        volume = self.volume(start, time_ms)
        turnover = self.turnover(volume, sum(path) / len(path))
        high, low = max(*path, float(last_price)), min(*path, float(last_price))
        return Stats(
            self._price_text(path[0]),
            self._price_text(high),
            self._price_text(low),
            last_price,
            traded[0].size if traded else self._size_text(0.0),
            self._size_text(volume),
            f"{turnover:.{_turnover_decimals(path[-1])}f}",
            self._size_text(volume * (0.4 + 0.4 * unit(self._key, 5)) if self._listing.kind != SPOT else 0.0),
        )


def _turnover_decimals(price: float) -> int:
    return 8 if price < 0.01 else 4
