"""A real order desk on the simulator, inside the test's process: real venues, a journal of its own, no policy."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.orders import BUY, LIMIT, MARKET, OrderSpec
from order_management.client_ids import new_client_id
from order_management.desk import Desk
from order_management.journal import Journal, JournalOrder
from order_management.placing import prepare, send
from order_management.policy.chain import Policy
from order_management.tickets import Ticket
from tests.connectors.opened import opened

VENUES = ("binance", "okx", "bybit", "kucoin", "deribit")
SPOT = dict.fromkeys(VENUES, "BTC/USDT") | {"deribit": "BTC/USDC"}
SWAP = dict.fromkeys(VENUES, "BTC/USDT:USDT") | {"deribit": "BTC/USDC:USDC"}
SUBMIT = {
    "binance": "POST */order*",
    "okx": "POST */trade/order*",
    "bybit": "POST */order/create*",
    "kucoin": "POST */orders*",
    "deribit": "*/private/sell*",
}
"""Where each venue takes an order that sells."""


def afford_much(home: Path) -> None:
    """Lift our own request budgets in this home: many tests would wait for minutes to pass."""
    rows = "".join(f"  {venue}: {{requests_per_minute: 600000}}\n" for venue in (*VENUES, "deriv"))
    (home / "config.yaml").write_text(f"venues:\n{rows}")


@contextmanager
def open_desk(home: Path, names: Sequence[str], *, within_s: float = 20) -> Iterator[Desk]:
    """Open a desk that has `within_s` seconds for all that it does; its journal is in this home."""
    venues = opened(home, list(names))
    venues.ensure_markets()
    until = time.monotonic() + within_s
    venues.start(until)
    journal = Journal.open(home / "state" / "orders.sqlite")
    try:
        yield Desk(venues, venues.config, journal, Policy(()), lambda: until)
    finally:
        journal.close()
        venues.close()


def place(desk: Desk, venue: str, symbol: str, side: str, amount: str, kind: str = MARKET, **more: Any) -> JournalOrder:
    """Place an order, as `order place` does."""
    follow = more.pop("follow", True)
    numbers = {name: Decimal(more.pop(name)) for name in ("price", "stop_price") if name in more}
    ticket = Ticket(venue, symbol, side, Decimal(amount), kind, **numbers, **more)
    return send(desk, prepare(desk, ticket), follow=follow).order


def place_elsewhere(desk: Desk, venue: str, symbol: str, size: str, price: str | None = None) -> str:
    """Buy as another program with the same account does: nothing is written down. Answers the client id."""
    spec = OrderSpec(new_client_id(), BUY, MARKET if price is None else LIMIT, Decimal(size), price and Decimal(price))
    trading = desk.trading(venue)
    trading.admit()
    trading.submit(desk.instrument(venue, symbol), spec)
    return spec.client_id


def positions(desk: Desk, venue: str) -> dict[str, Decimal]:
    return {position.symbol: position.size for position in desk.trading(venue).positions()}


def nobody(_venue: str, _text: str) -> None:
    """Listen to nothing."""
