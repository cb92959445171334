"""A market that says exactly what a test wrote down, and an exchange over it."""

from decimal import Decimal
from typing import Any

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Account, ExchangeRules, NewOrder, Order
from simulator.exchange.store import Store
from simulator.market.model import BookView, FundingView, Listing, Market, NotRecorded, Trade

HOUR_MS = 3_600_000
NOW = 1_700_000_000_000 // HOUR_MS * HOUR_MS + 1_000
"""A second after a full hour; at 22:00 UTC, two hours before a funding of every 8 hours."""

SPOT = Listing("v", "spot", "BTCUSDT", "spot", "BTC", "USDT", "", "0.1", "0.001", "0.001", "5", maker_fee="0.001")
LINEAR = Listing(
    "v", "linear", "BTC-PERP", "perpetual", "BTC", "USDT", "USDT", "0.1", "1", "1", contract_size="0.01",
    maker_fee="0.0002", taker_fee="0.0005",
)  # fmt: skip
INVERSE = Listing(
    "v", "inverse", "BTC-USD", "perpetual", "BTC", "USD", "BTC", "0.5", "1", "1", contract_size="100", inverse=True,
    maker_fee="0", taker_fee="0.0005",
)  # fmt: skip
FUTURE = Listing(
    "v", "linear", "BTC-NEXT", "future", "BTC", "USDT", "USDT", "0.1", "1", "1", contract_size="0.01",
    taker_fee="0.0005", expiry_ms=NOW + HOUR_MS,
)  # fmt: skip
CALL = Listing(
    "v", "option", "BTC-NEXT-C", "option", "BTC", "USD", "BTC", "0.0001", "0.1", "0.1", taker_fee="0.0003",
    expiry_ms=NOW + HOUR_MS, strike="800", option_type="call",
)  # fmt: skip
ALL = (SPOT, LINEAR, INVERSE, FUTURE, CALL)

MAIN = Account("main", "key", "secret")
READER = Account("main", "reader", "secret", permissions=frozenset({"read"}))
OTHER = Account("other", "key2", "secret2")
DEPOSITS = {"cash": {"USDT": "100000", "BTC": "10"}, "margin": {"USDT": "10000", "BTC": "5"}}


class Scripted:
    """Bids 1000, 999.9, 999.8 … and asks 1000.1, 1000.2 … of one unit each, until a test says otherwise."""

    universe = "scripted"

    def __init__(self) -> None:
        self.books: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {}
        self.steps = 0
        self.printed: dict[str, list[Trade]] = {}
        self.marks: list[tuple[int, str]] = [(0, "1000")]
        self.rates: list[tuple[int, str]] = []
        self.asked_trades = 0

    def set_book(self, listing: Listing, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
        self.books[listing.native_id] = (bids, asks)
        self.steps += 1

    def print(self, listing: Listing, at_ms: int, price: str, size: str, side: str = "sell") -> None:
        trades = self.printed.setdefault(listing.native_id, [])
        trades.append(Trade(len(trades) + 1, at_ms, price, size, side))

    def now_ms(self) -> int:
        return NOW

    def listings(self, venue: str) -> tuple[Listing, ...]:
        return ALL

    def book(self, listing: Listing, depth: int, now_ms: int) -> BookView:
        usual = (
            [(f"{1000 - Decimal(n) / 10:.1f}", "1") for n in range(100)],
            [(f"{1000 + Decimal(n + 1) / 10:.1f}", "1") for n in range(100)],
        )
        bids, asks = self.books.get(listing.native_id, usual)
        return BookView(bids[:depth], asks[:depth], self.steps, now_ms)

    def trades(self, listing: Listing, limit: int, now_ms: int) -> list[Trade]:
        self.asked_trades += 1
        return [t for t in reversed(self.printed.get(listing.native_id, [])) if t.time_ms <= now_ms][:limit]

    def mark_price(self, listing: Listing, now_ms: int) -> str:
        return [price for at, price in self.marks if at <= now_ms][-1]

    def index_price(self, listing: Listing, now_ms: int) -> str:
        return self.mark_price(listing, now_ms)

    def funding(self, listing: Listing, now_ms: int) -> FundingView:
        raise NotRecorded("none")

    def funding_history(self, listing: Listing, start_ms: int, end_ms: int) -> list[tuple[int, str]]:
        return [(at, rate) for at, rate in self.rates if start_ms <= at <= end_ms]

    def candles(self, *_: Any) -> list[Any]:
        return []

    def stats(self, listing: Listing, now_ms: int) -> Any:
        raise NotRecorded("none")


def wallet(listing: Listing) -> str:
    return "cash" if listing.kind == "spot" else "margin"


def exchange(market: Market, store: Store | None = None, **rules: Any) -> Exchange:
    given = ExchangeRules(**{"wallet": wallet, "deposits": DEPOSITS, "leverage": 10} | rules)
    return Exchange("v", market, market.now_ms, given, store, (MAIN, READER, OTHER))


def limit(side: str, size: str, price: str, **more: Any) -> NewOrder:
    return NewOrder(side, "limit", Decimal(size), price=Decimal(price), **more)


def market_order(side: str, size: str | None, **more: Any) -> NewOrder:
    return NewOrder(side, "market", None if size is None else Decimal(size), **more)


def brief(order: Order) -> tuple[str, str, str]:
    """State, what is filled, and why it ended."""
    return order.state, f"{order.filled.normalize():f}", order.state_reason
