"""What there is to take from the market's books, less what users have taken of it already."""

from collections.abc import Iterator
from decimal import Decimal

from simulator.exchange.model import BUY
from simulator.exchange.terms import ZERO, Key, Terms
from simulator.market.model import BookView, Market, NotRecorded, Trade

STEP_MS = 250
_FIRST_DEPTH = 20
_MOST_DEPTH = 5_000
_FIRST_TRADES = 8
_MOST_TRADES = 1_000

Level = tuple[Decimal, Decimal]


class Liquidity:
    """The market as orders meet it. What was taken of a level is gone until the book's next step (250 ms)."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._taken: dict[Key, tuple[tuple[int, int], dict[tuple[str, Decimal], Decimal]]] = {}

    def walk(self, terms: Terms, side: str, now_ms: int) -> Iterator[Level]:
        """Yield what an order of `side` would meet, best first: (price, size that is left there)."""
        depth, seen = _FIRST_DEPTH, 0
        while True:
            try:
                view = self.market.book(terms.listing, depth, now_ms)
            except NotRecorded:
                return
            levels = view.asks if side == BUY else view.bids
            taken = self._step(terms.key, view, now_ms)
            for price_text, size_text in levels[seen:]:
                price = Decimal(price_text)
                left = Decimal(size_text) - taken.get((side, price), ZERO)
                if left > 0:
                    yield price, left
            if len(levels) < depth or depth >= _MOST_DEPTH:
                return
            seen, depth = len(levels), depth * 8

    def take(self, terms: Terms, side: str, price: Decimal, size: Decimal, now_ms: int) -> None:
        """Take `size` from the level at `price` that an order of `side` met."""
        view = self.market.book(terms.listing, 1, now_ms)
        taken = self._step(terms.key, view, now_ms)
        taken[(side, price)] = taken.get((side, price), ZERO) + size

    def best(self, terms: Terms, side: str, now_ms: int) -> Decimal | None:
        """Return the price that an order of `side` would meet first."""
        return next((price for price, _ in self.walk(terms, side, now_ms)), None)

    def _step(self, key: Key, view: BookView, now_ms: int) -> dict[tuple[str, Decimal], Decimal]:
        step = (view.sequence, now_ms // STEP_MS)
        known = self._taken.get(key)
        if known is None or known[0] != step:
            known = self._taken[key] = (step, {})
        return known[1]

    def newest_trade(self, terms: Terms, now_ms: int) -> Trade | None:
        """Return the last public trade."""
        try:
            return next(iter(self.market.trades(terms.listing, 1, now_ms)), None)
        except NotRecorded:
            return None

    def trades_since(self, terms: Terms, trade_id: int, now_ms: int) -> list[Trade]:
        """Return the public trades after the one with this id, oldest first: at most the last 1,000."""
        limit = _FIRST_TRADES
        while True:
            try:
                found = self.market.trades(terms.listing, limit, now_ms)
            except NotRecorded:
                return []
            if len(found) < limit or limit >= _MOST_TRADES or found[-1].trade_id <= trade_id:
                return [trade for trade in reversed(found) if trade.trade_id > trade_id]
            limit = min(limit * 8, _MOST_TRADES)

    def mark(self, terms: Terms, now_ms: int) -> Decimal:
        """Return the mark price, or what stands in for it: index, last trade, best price; 0 where there is nothing."""
        for source in (self.market.mark_price, self.market.index_price):
            try:
                return Decimal(source(terms.listing, now_ms))
            except NotRecorded:
                continue
        return self.last(terms, now_ms)

    def index(self, terms: Terms, now_ms: int) -> Decimal:
        """Return the index price, or the mark price where there is none."""
        try:
            return Decimal(self.market.index_price(terms.listing, now_ms))
        except NotRecorded:
            return self.mark(terms, now_ms)

    def last(self, terms: Terms, now_ms: int) -> Decimal:
        """Return the price of the last public trade, or the best ask."""
        trade = self.newest_trade(terms, now_ms)
        if trade is not None:
            return Decimal(trade.price)
        return self.best(terms, BUY, now_ms) or ZERO

    def index_in_settle(self, terms: Terms, now_ms: int) -> Decimal:
        """Return an option's underlying in its settle currency: 1 where it is settled in the underlying itself."""
        if not terms.option or terms.listing.settle == terms.listing.base:
            return Decimal(1)
        return self.index(terms, now_ms)
