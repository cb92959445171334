"""A market made of recordings: the books of real venues, at the time of the tape."""

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from simulator.market.model import BookView, Candle, FundingView, Listing, NotRecorded, Stats, Trade
from simulator.state import Position, SimulatorError
from simulator.tape.dialect import Figures, dialects
from simulator.tape.recording import Recording
from simulator.tape.replay import Line, Moment, Reel, Tape
from simulator.tape.stores import find

_log = logging.getLogger("simulator")
_MOST_TRADES = 1_000


class _Place(NamedTuple):
    """Where a tape stands: the recorded time, what to add to recorded times to show them, and the lap of a loop."""

    at_ms: int
    shift_ms: int
    lap: int


class TapeMarket:
    """Serve recordings. Each one has a time of its own: its first whole book is shown when the market is made.

    From there a tape runs at real speed and stays at its end, or starts anew where `loop` is set. `position` holds it
    at its start or end for ever instead. An instrument whose first book came later shows that one until then.

    A book is stamped with the time of the question: the recording says that it was whole and unchanged at that moment
    of the tape, however long ago its last change was. One that was recorded older than that is stamped as much older.
    `recorded_ms` has the recorded time of that change. Trades are moved by the distance between the tape's start and
    the market's. What was not recorded raises NotRecorded or is empty; the day's figures come from recorded tickers, or
    else from the recorded trades.
    """

    def __init__(
        self, reels: Sequence[Tape], universe: str, position: Position | None = None, loop: bool = False
    ) -> None:
        self.universe = universe
        self._position = position
        self._loop = loop
        self._reels = [reel for reel in reels if reel.timelines]
        grain_ms = max((reel.grain_ms for reel in self._reels), default=1)
        self._began_ms = self.now_ms() // grain_ms * grain_ms
        self._all = list(reels)
        self._by_key: dict[tuple[str, str, str], tuple[Tape, Line]] = {}
        for reel in self._reels:
            for native_id, timeline in reel.timelines.items():
                self._by_key[(reel.venue, reel.instruments[native_id].product, native_id)] = (reel, timeline)
        self.faults = [fault for reel in reels for fault in reel.faults]

    def now_ms(self) -> int:
        """Return the wall clock's time: recorded times are moved up to it."""
        return time.time_ns() // 1_000_000

    def listings(self, venue: str) -> Sequence[Listing]:
        """Return the instruments of which a book was recorded."""
        return [reel.instruments[name] for reel in self._reels if reel.venue == venue for name in reel.timelines]

    def recorded_listings(self, venue: str) -> Sequence[Listing]:
        """Return every instrument that was recorded, with a book or without."""
        return [listing for reel in self._all if reel.venue == venue for listing in reel.instruments.values()]

    def _of(self, listing: Listing) -> tuple[Tape, Line]:
        found = self._by_key.get((listing.venue, listing.product, listing.native_id))
        if found is None:
            raise NotRecorded(f"no book of {listing.venue} {listing.native_id} was recorded")
        return found

    def _place(self, reel: Tape, now_ms: int) -> _Place:
        if self._position == "end":
            return _Place(reel.end_ms, self._began_ms - reel.end_ms, 0)
        elapsed = 0 if self._position == "start" else max(0, now_ms - self._began_ms)
        length = reel.end_ms - reel.start_ms
        lap, elapsed = divmod(elapsed, length + 1) if self._loop else (0, min(elapsed, length))
        shift = self._began_ms - reel.start_ms + lap * (length + 1)
        return _Place(reel.start_ms + elapsed, shift, lap)

    def _moment(self, listing: Listing, now_ms: int) -> tuple[Moment, _Place, Line]:
        reel, timeline = self._of(listing)
        place = self._place(reel, now_ms)
        return timeline.at(place.at_ms), place, timeline

    def book(self, listing: Listing, depth: int, now_ms: int) -> BookView:
        """Return the recorded book at the tape's time. Raises NotRecorded."""
        moment, place, timeline = self._moment(listing, now_ms)
        # Each lap goes on counting where the one before ended.
        first, last = timeline.numbers
        sequence = moment.sequence + place.lap * (last - first + 1)
        return BookView(moment.bids[:depth], moment.asks[:depth], sequence, now_ms - moment.age_ms)

    def recorded_ms(self, listing: Listing, now_ms: int) -> int:
        """Return when the book shown at `now_ms` changed last, in the recording's own time. Raises NotRecorded."""
        return self._moment(listing, now_ms)[0].at_ms

    def trades(self, listing: Listing, limit: int, now_ms: int) -> Sequence[Trade]:
        """Return the recorded trades up to the tape's time, newest first, of a loop those of the last two laps."""
        reel, timeline = self._of(listing)
        place = self._place(reel, now_ms)
        numbers = [traded.trade.trade_id for traded in timeline.trades]
        span = max(numbers) - min(numbers) + 1 if numbers else 0
        found: list[Trade] = []
        for lap in range(place.lap, max(-1, place.lap - 2), -1):
            until_ms = max(place.at_ms, timeline.times_ms[0]) if lap == place.lap else reel.end_ms
            shift_ms = place.shift_ms - (place.lap - lap) * (reel.end_ms - reel.start_ms + 1)
            found += [
                replace(trade, trade_id=trade.trade_id + lap * span, time_ms=min(trade.time_ms + shift_ms, now_ms))
                for trade in timeline.trades_until(until_ms)[::-1]
            ]
        return found[:limit]

    def candles(
        self, listing: Listing, interval_ms: int, start_ms: int, end_ms: int, offset_ms: int = 0
    ) -> Sequence[Candle]:
        """Return candles of the recorded trades; none of intervals without any."""
        trades = self.trades(listing, _MOST_TRADES, self.now_ms())[::-1]
        found: list[Candle] = []
        for start, group in groupby(
            trades, key=lambda trade: trade.time_ms - (trade.time_ms - offset_ms) % interval_ms
        ):
            if start_ms <= start <= end_ms:
                found.append(_candle(listing, start, list(group)))
        return found

    def stats(self, listing: Listing, now_ms: int) -> Stats:
        """Return the recorded figures of the day, or what the recorded trades say. Raises NotRecorded."""
        figures = self._figures(listing, now_ms)
        if figures and figures.stats:
            return figures.stats
        trades = self.trades(listing, _MOST_TRADES, now_ms)
        if not trades:
            raise NotRecorded(f"no trade or ticker of {listing.venue} {listing.native_id} was recorded")
        day = _candle(listing, 0, list(trades[::-1]))
        return Stats(day.open, day.high, day.low, day.close, trades[0].size, day.volume, day.turnover, "")

    def index_price(self, listing: Listing, now_ms: int) -> str:
        """Return the recorded index price. Raises NotRecorded."""
        figures = self._figures(listing, now_ms)
        if figures is None or figures.index_price is None:
            raise NotRecorded(f"no index price of {listing.venue} {listing.native_id} was recorded")
        return figures.index_price

    def mark_price(self, listing: Listing, now_ms: int) -> str:
        """Return the recorded mark price. Raises NotRecorded."""
        figures = self._figures(listing, now_ms)
        if figures is None or figures.mark_price is None:
            raise NotRecorded(f"no mark price of {listing.venue} {listing.native_id} was recorded")
        return figures.mark_price

    def _figures(self, listing: Listing, now_ms: int) -> Figures | None:
        reel, timeline = self._of(listing)
        return timeline.figures_at(self._place(reel, now_ms).at_ms)

    def funding(self, listing: Listing, now_ms: int) -> FundingView:
        """Raise NotRecorded: none of the dialects has a stream of funding rates."""
        raise NotRecorded(f"no funding rate of {listing.venue} {listing.native_id} was recorded")

    def funding_history(self, listing: Listing, start_ms: int, end_ms: int) -> Sequence[tuple[int, str]]:
        """Return nothing: none of the dialects has settled rates."""
        return []


def _candle(listing: Listing, start_ms: int, trades: Sequence[Trade]) -> Candle:
    prices = [Decimal(trade.price) for trade in trades]
    sizes = [Decimal(trade.size) for trade in trades]
    unit = Decimal(listing.contract_size)
    if listing.inverse:
        turnover = sum(sizes) * unit
    else:
        turnover = unit * sum(price * size for price, size in zip(prices, sizes, strict=True))
    high, low = max(prices), min(prices)
    first, last = trades[0].price, trades[-1].price
    return Candle(start_ms, first, f"{high:f}", f"{low:f}", last, f"{sum(sizes):f}", f"{turnover:f}")


def load_tape(tape: Path | str, position: Position | None = None, loop: bool = False) -> TapeMarket:
    """Read a tape; `position` and `loop` as TapeMarket has them.

    That is a directory of raw recordings, or a store of order books: a directory (or a part of a store), or
    `s3://bucket/prefix`.

    Raises SimulatorError where there is no recording of a known venue, or none with a whole book, or it cannot be read.
    """
    stock = find(tape)
    if stock is None:
        market = _load_recordings(Path(tape), position, loop)
    else:
        from simulator.tape.books import load_books

        market = load_books(stock, position, loop)
    for fault in market.faults:
        _log.warning("tape: %s", fault)
    return market


def _load_recordings(directory: Path, position: Position | None, loop: bool) -> TapeMarket:
    reels: list[Reel] = []
    known = dialects()
    for dialect in known:
        recording = Recording(directory, dialect.prefix)
        if recording:
            reels.append(Reel(recording, dialect))
    if not any(reel.timelines for reel in reels):
        names = ", ".join(f"{dialect.prefix}.0.gz" for dialect in known)
        raise SimulatorError(
            f"{directory} has no recording with a whole book (its files would be named like {names}), "
            "and no recorded order books (order_books/DAY/SYMBOL/VENUE-TIME.parquet)."
        )
    return TapeMarket(reels, f"tape-{_fingerprint(directory)}", position, loop)


def _fingerprint(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.gz")):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:10]
