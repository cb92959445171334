"""Accounts, markets and orders on paper, made by hand for tests of the pure parts."""

from decimal import Decimal
from itertools import count
from typing import Any

from connectors.paper.account import Account, PaperOrder, Terms, terms_of
from connectors.paper.view import Offer, Seen, View
from domain.instruments import Instrument
from domain.orders import LIMIT, OrderSpec
from domain.trades import PublicTrade

D = Decimal
SPOT = Instrument(
    venue="here", symbol="BTC/USDT", native_id="BTCUSDT", kind="spot", base="BTC", quote="USDT", settle=None,
    asset="BTC", tick_size=D("0.1"), lot_size=D("0.001"), min_size=D("0.001"), min_notional=D(5),
)  # fmt: skip
SWAP = Instrument(
    venue="here", symbol="BTC/USDT:USDT", native_id="BTCUSDT-PERP", kind="perpetual", base="BTC", quote="USDT",
    settle="USDT", asset="BTC", tick_size=D("0.1"), lot_size=D("0.001"),
)  # fmt: skip
INVERSE = Instrument(
    venue="here", symbol="BTC/USD:BTC", native_id="BTC-PERP", kind="perpetual", base="BTC", quote="USD", settle="BTC",
    asset="BTC", inverse=True, unit_size=D(10), tick_size=D("0.5"), lot_size=D(10),
)  # fmt: skip
OPTION = Instrument(
    venue="here", symbol="BTC/USD:BTC-261225-100000-C", native_id="C", kind="option", base="BTC", quote="USD",
    settle="BTC", asset="BTC", tick_size=D("0.0001"), lot_size=D("0.1"),
)  # fmt: skip
NONE: frozenset[str] = frozenset()
NOW = 1_000_000
_numbers = count(1)


def terms(instrument: Instrument = SPOT, maker: str = "0.001", taker: str = "0.002", leverage: int = 5) -> Terms:
    """Say what an instrument costs here: 10 bps to rest, 20 to take."""
    return terms_of(instrument, NONE, (D(maker), D(taker)), leverage)


def account(**balances: Any) -> Account:
    """Make an account; by default 10000 USDT and 1 BTC."""
    return Account("here", {name: D(value) for name, value in (balances or {"USDT": 10_000, "BTC": 1}).items()})


def view(bids: str = "", asks: str = "", time_ms: int | None = None) -> View:
    """Read sides such as `100x1 99x2`; `100x` is a price without a size."""

    def side(text: str) -> tuple[Offer, ...]:
        rows = (row.split("x") for row in text.split())
        return tuple(Offer(D(price), D(size) if size else None) for price, size in rows)

    return View(side(bids), side(asks), time_ms, indicative=any(offer.size is None for offer in side(asks)))


def order(side: str, size: Any, price: Any = None, instrument: Instrument = SPOT, **more: Any) -> PaperOrder:
    """Make an order."""
    kind = more.pop("type", LIMIT if price is not None else "market")
    stop_price = more.pop("stop_price", None)
    number = next(_numbers)
    spec = OrderSpec(
        f"c{number}", side, kind, D(size), None if price is None else D(price),
        None if stop_price is None else D(stop_price), **more,
    )  # fmt: skip
    made = PaperOrder.of(instrument, spec, NOW)
    made.number = number
    return made


def trade(price: Any, size: Any, time_ms: int, side: str | None = "sell") -> PublicTrade:
    """Make a public trade."""
    return PublicTrade(f"t{next(_numbers)}", time_ms, D(price), D(size), side)


def seen(market: View, *trades: PublicTrade, **more: Any) -> Seen:
    """Put a look together."""
    return Seen(market, tuple(trades), **more)
