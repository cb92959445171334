"""Books of one hour for measuring storage: recorded start, recorded kinds of change, made-up course.

A recording holds seconds, not hours. So a book starts as recorded, and each second takes as many changes as the
recording had a second; each change is one of the recorded ones (which rank of the book, new level, new size or gone;
a size seen before, or a new one), applied to the book as it is. Tails are extended to the depth that is asked for.
"""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from domain.money import plain
from domain.snapshots import OK, SECOND_NS, Level, SeriesFacts, Snapshot

START_NS = 1_763_683_200 * SECOND_NS
"""2025-11-21T00:00:00Z."""
GONE, CHANGED, NEW = range(3)
WHOLE = 500
"""Levels a side that are walked, of which a snapshot shows the best."""
CALM = 12.0
"""The fewest changes a second; four of the recorded books had less in their seconds."""


class Change(NamedTuple):
    """One recorded change: what, at which rank, and whether its size had been seen before."""

    what: int
    rank: int
    known_size: bool


class Course(NamedTuple):
    """Where a book starts and how it goes on. Prices and sizes are counted in `tick` and `lot`."""

    facts: SeriesFacts
    bids: dict[int, int]
    asks: dict[int, int]
    changes: list[Change]
    per_second: float


def courses(folder: Path) -> list[Course]:
    """Read ten courses out of a folder of raw recordings: seven as calm as recorded, three at 340 changes a second."""
    from tests import raw_recordings as raw

    found = []
    for prefix, symbols in (
        ("BINANCE", ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")),
        ("BINANCE_FUTURES", ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")),
    ):
        for symbol in symbols:
            start = raw.binance(folder, prefix, symbol, at_end=False)
            updates = [
                (message["data"]["b"], message["data"]["a"])
                for message in raw.messages(folder, f"{prefix}.ws.1.0")
                if message.get("data", {}).get("e") == "depthUpdate" and message["data"]["s"] == symbol
            ]
            seconds = 10 if prefix == "BINANCE" else 30
            found.append(_course(symbol, start.bids, start.asks, updates, seconds))
    mixed = [change for course in found for change in course.changes]
    for symbol, start in (("BTC-USDT", raw.okx(folder, "BTC-USDT")), ("ANKR-BTC", raw.kucoin(folder, "ANKR-BTC"))):
        found.append(_course(symbol, start.bids, start.asks, [], 1)._replace(changes=mixed, per_second=340.0))
    busiest = max(range(8), key=lambda index: found[index].per_second)
    found[busiest] = found[busiest]._replace(per_second=340.0)
    return [
        course._replace(
            changes=course.changes if len(course.changes) > 100 else mixed, per_second=max(course.per_second, CALM)
        )
        for course in found
    ]


def invented() -> list[Course]:
    """Return courses for a machine without recordings: books of round and odd sizes, changed at every rank."""
    dice = random.Random(7)
    kinds = [
        Change(dice.choice((GONE, CHANGED, CHANGED, NEW)), min(int(dice.expovariate(0.03)), 400), dice.random() < 0.6)
        for _ in range(4000)
    ]
    found = []
    for number in range(10):
        middle, lot = 10 ** (3 + number % 4) * 3, Decimal(1).scaleb(-(number % 5))
        sides: list[dict[int, int]] = [{}, {}]
        for side, step in zip(sides, (-1, 1), strict=True):
            for level in range(500):
                side[middle + step * (1 + level * 2)] = int(dice.lognormvariate(8, 1.5)) + 1
        facts = _facts(f"MADE{number}", Decimal("0.01"), lot)
        found.append(Course(facts, sides[0], sides[1], kinds, 340.0 if number < 3 else 40.0))
    return found


def evolve(course: Course, seconds: int, depth: int, *, seed: int = 1) -> Iterator[Snapshot]:
    """Walk a book for so many seconds, one snapshot of `depth` levels a side each."""
    dice = random.Random(f"{course.facts.symbol} {seed}")
    tick, lot = Decimal(course.facts.tick_size or 1), Decimal(course.facts.lot_size or 1)
    sizes = [*course.bids.values(), *course.asks.values()]
    texts: dict[tuple[int, int], Level] = {}

    def level(at: int, size: int) -> Level:
        found = texts.get((at, size))
        if found is None:
            found = texts[at, size] = (plain(at * tick), plain(size * lot))
        return found

    sides = [_Side(course.bids, -1, max(depth, WHOLE)), _Side(course.asks, 1, max(depth, WHOLE))]
    for second in range(seconds):
        for _ in range(_count(dice, course.per_second)):
            side, other = sides if dice.random() < 0.5 else sides[::-1]
            change = dice.choice(course.changes)
            size = (
                dice.choice(sizes) if change.known_size else max(1, round(dice.choice(sizes) * dice.uniform(0.3, 1.7)))
            )
            side.take(change, size, other.prices[0], dice)
        for side in sides:
            side.fill(sizes, dice)
        at = START_NS + second * SECOND_NS
        bids, asks = (tuple(level(price, side.sizes[price]) for price in side.prices[:depth]) for side in sides)
        received = at + 8_000_000 + dice.randrange(60_000_000)
        yield Snapshot(
            at,
            OK,
            None,
            received,
            received // 1_000_000 * 1_000_000 - 5_000_000,
            10**9 + second * 97 + dice.randrange(90),
            bids,
            asks,
        )


class _Side:
    """One side of a book: prices (in ticks) best first, and their sizes (in lots). `way` is 1 where prices go up."""

    def __init__(self, levels: dict[int, int], way: int, depth: int) -> None:
        self.way, self.depth = way, depth
        self.prices = sorted(levels, reverse=way < 0)[:depth]
        self.sizes = dict(levels)
        self._step = max(1, abs(self.prices[-1] - self.prices[0]) // max(1, len(self.prices) - 1))

    def take(self, change: Change, size: int, opposite: int, dice: random.Random) -> None:
        """Apply a recorded change at its rank; a new level goes into the gap before the level of that rank, if any."""
        rank = change.rank
        if rank >= len(self.prices):
            return
        if change.what == GONE and len(self.prices) > self.depth // 2:
            if rank or abs(self.prices[1] - opposite) < 40:  # a spread stays a spread
                del self.sizes[self.prices.pop(rank)]
            return
        where = self._gap(rank, opposite) if change.what == NEW else None
        if where is None:
            self.sizes[self.prices[rank]] = size
            return
        self.prices.insert(where[0], where[1])
        self.sizes[where[1]] = size
        while len(self.prices) > self.depth:
            del self.sizes[self.prices.pop()]

    def _gap(self, rank: int, opposite: int) -> tuple[int, int] | None:
        """Find the first free price at or behind a rank: recorded books have few holes near the best price."""
        for at in range(rank, min(rank + 50, len(self.prices))):
            before = self.prices[at - 1] if at else opposite
            if (self.prices[at] - before) * self.way > 1:
                return at, self.prices[at] - self.way
        return None

    def fill(self, sizes: list[int], dice: random.Random) -> None:
        """Extend the tail to the depth, as densely as the recorded book was."""
        while len(self.prices) < self.depth:
            price = self.prices[-1] + self.way * dice.randint(1, 2 * self._step)
            if price <= 0:  # a cheap coin's book has nowhere to go
                return
            self.prices.append(price)
            self.sizes[price] = dice.choice(sizes)


def _count(dice: random.Random, mean: float) -> int:
    return max(0, round(dice.gauss(mean, mean**0.5)))


def _course(
    symbol: str,
    bids: dict[Decimal, Decimal],
    asks: dict[Decimal, Decimal],
    updates: list[tuple[list[list[str]], list[list[str]]]],
    seconds: int,
) -> Course:
    rows = [(Decimal(price), Decimal(size)) for sides in updates for side in sides for price, size, *_ in side]
    prices = [*bids, *asks, *(price for price, _ in rows)]
    tick = Decimal(1).scaleb(min(_exponent(price) for price in prices))
    lot = Decimal(1).scaleb(
        min(_exponent(size) for size in [*bids.values(), *asks.values(), *(size for _, size in rows)])
    )
    changes = list(_changes(bids, asks, updates))
    return Course(
        _facts(symbol, tick, lot),
        {int(price / tick): int(size / lot) for price, size in bids.items()},
        {int(price / tick): int(size / lot) for price, size in asks.items()},
        changes,
        len(changes) / seconds,
    )


def _changes(
    bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal], updates: list[tuple[list[list[str]], list[list[str]]]]
) -> Iterator[Change]:
    books, seen = (dict(bids), dict(asks)), {*bids.values(), *asks.values()}
    for sides in updates:
        for book, rows, down in zip(books, sides, (True, False), strict=True):
            for price, size in ((Decimal(price), Decimal(size)) for price, size in rows):
                rank = sum(other > price if down else other < price for other in book)
                if not size:
                    if book.pop(price, None) is not None:
                        yield Change(GONE, rank, known_size=True)
                    continue
                yield Change(CHANGED if price in book else NEW, rank, known_size=size in seen)
                book[price] = size
                seen.add(size)


def _exponent(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return min(exponent, 0)


def _facts(symbol: str, tick: Decimal, lot: Decimal) -> SeriesFacts:
    return SeriesFacts(
        "recorded", symbol, symbol, "spot", symbol, "", None, False, "1", plain(tick), plain(lot), symbol, 100
    )
