"""What a faulty venue sees: the shared market through stale, crossed or empty books and a clock that is off."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace

from simulator.faults import Fault, FaultPlan, Hit
from simulator.market.model import BookView, Candle, FundingView, Listing, Market, Stats, Trade


@dataclass
class Scope:
    """The request that is being answered; once `done`, what its session pushes meets the faults set by then."""

    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    hit: Hit
    done: bool = False


SCOPE: ContextVar[Scope | None] = ContextVar("scope", default=None)


class DistortedMarket:
    """A `Market` for one venue that passes everything on, except what a fault distorts.

    The venue's clock is this market's `now_ms`, so a skewed venue stamps all its answers alike while its prices stay
    those of the moment.
    """

    def __init__(self, market: Market, plan: FaultPlan, venue: str) -> None:
        self._market = market
        self._plan = plan
        self._venue = venue
        self.universe = market.universe

    @property
    def undistorted(self) -> "DistortedMarket":
        """The market as orders meet it: only its clock is off where a fault says so."""
        return _Undistorted(self._market, self._plan, self._venue)

    def now_ms(self) -> int:
        """Tell the venue's time: the market's plus the skew."""
        return self._market.now_ms() + self._skew_ms(self._active())

    def listings(self, venue: str) -> Sequence[Listing]:
        """Pass on."""
        return self._market.listings(venue)

    def book(self, listing: Listing, depth: int, now_ms: int) -> BookView:
        """Answer the book, distorted as asked; it keeps its ticks and its order."""
        active = self._active()
        if not active:
            return self._market.book(listing, depth, now_ms)
        skew_ms = self._skew_ms(active)
        real_ms = now_ms - skew_ms
        view = self._market.book(listing, depth, real_ms)
        for fault in active:
            if fault.kind == "stale_book":
                view = self._stale(view, listing, depth, real_ms - _milliseconds(fault))
            elif fault.kind == "crossed_book":
                view = _crossed(view)
            elif fault.kind == "empty_book":
                view = _emptied(view, str(fault.args["side"]))
        return replace(view, time_ms=view.time_ms + skew_ms)

    def trades(self, listing: Listing, limit: int, now_ms: int) -> Sequence[Trade]:
        """Answer the trades as the venue's clock dates them."""
        skew_ms = self._skew_ms(self._active())
        trades = self._market.trades(listing, limit, now_ms - skew_ms)
        return [replace(t, time_ms=t.time_ms + skew_ms) for t in trades] if skew_ms else trades

    def candles(
        self, listing: Listing, interval_ms: int, start_ms: int, end_ms: int, offset_ms: int = 0
    ) -> Sequence[Candle]:
        """Pass on: candles lie on the grid of their interval whatever the clock says."""
        return self._market.candles(listing, interval_ms, start_ms, end_ms, offset_ms)

    def stats(self, listing: Listing, now_ms: int) -> Stats:
        """Answer for the real moment."""
        return self._market.stats(listing, self._real_ms(now_ms))

    def index_price(self, listing: Listing, now_ms: int) -> str:
        """Answer for the real moment."""
        return self._market.index_price(listing, self._real_ms(now_ms))

    def mark_price(self, listing: Listing, now_ms: int) -> str:
        """Answer for the real moment."""
        return self._market.mark_price(listing, self._real_ms(now_ms))

    def funding(self, listing: Listing, now_ms: int) -> FundingView:
        """Answer for the real moment."""
        return self._market.funding(listing, self._real_ms(now_ms))

    def funding_history(self, listing: Listing, start_ms: int, end_ms: int) -> Sequence[tuple[int, str]]:
        """Pass on."""
        return self._market.funding_history(listing, start_ms, end_ms)

    def _active(self) -> tuple[Fault, ...]:
        scope = SCOPE.get()
        if scope is None:
            return self._plan.distortions(self._venue, (), ())
        if scope.done:
            return self._plan.distortions(self._venue, scope.hosts, scope.paths)
        return scope.hit.distortions

    def _real_ms(self, now_ms: int) -> int:
        return now_ms - self._skew_ms(self._active())

    @staticmethod
    def _skew_ms(active: Sequence[Fault]) -> int:
        return sum(_milliseconds(f) for f in active if f.kind == "clock_skew")

    def _stale(self, view: BookView, listing: Listing, depth: int, then_ms: int) -> BookView:
        """Answer the book of back then; one that lies before the market's beginning keeps today's prices."""
        old = self._market.book(listing, depth, then_ms)
        if (view.bids and not old.bids) or (view.asks and not old.asks):
            old = view
        return replace(old, time_ms=min(old.time_ms, then_ms))


class _Undistorted(DistortedMarket):
    """What a venue's matching engine sees."""

    def _active(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in super()._active() if fault.kind == "clock_skew")


def _crossed(view: BookView) -> BookView:
    """Swap the best prices of the two sides: the book stays sorted, and its best bid lies above its best ask."""
    if not view.bids or not view.asks:
        return view
    (bid, bid_size), (ask, ask_size) = view.bids[0], view.asks[0]
    return replace(view, bids=[(ask, bid_size), *view.bids[1:]], asks=[(bid, ask_size), *view.asks[1:]])


def _emptied(view: BookView, side: str) -> BookView:
    return replace(view, bids=view.bids if side == "asks" else (), asks=view.asks if side == "bids" else ())


def _milliseconds(fault: Fault) -> int:
    value = fault.args["ms"]
    assert isinstance(value, (int, float))
    return int(value)


def order_lag_ms() -> float:
    """Tell how old an order must be, in ms, to show in lists for the request that is being answered."""
    scope = SCOPE.get()
    if scope is None or scope.done:
        return 0
    return max((_milliseconds(f) for f in scope.hit.distortions if f.kind == "lagging_orders"), default=0)
