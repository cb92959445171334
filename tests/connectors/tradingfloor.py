"""A venue's private half as a run opens it, on the simulator, with budgets that hundreds of test orders can afford."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count
from pathlib import Path
from typing import Any

from connectors.registry import Venues
from connectors.trading import OrderRate, OrderRef, Trading
from domain.instruments import FUTURE, OPTION, PERPETUAL, SPOT, Instrument
from domain.orders import BUY, MARKET, REGULAR, SELL, OrderReport, OrderSpec
from order_management.desk import Desk
from order_management.journal import Journal
from order_management.placing import Prepared, prepare
from order_management.policy.chain import Policy
from order_management.tickets import Ticket
from simulator.registry import venue_classes
from tests.connectors.opened import PLENTY_S, at_home, know_simulator, once, opened
from utils.secrets import Credentials

KIND_OF = {
    "spot": SPOT,
    "linear": PERPETUAL,
    "inverse": PERPETUAL,
    "linear-future": FUTURE,
    "inverse-future": FUTURE,
    "option": OPTION,
}
"""The markets that venues are compared on, and their kind."""
DOLLARS = ("USDT", "USDC", "USD")
ACCOUNTS = {found.name: found.accounts for found in venue_classes() if found.accounts}
FULL, READ_ONLY, WITHDRAWING, OTHER = range(4)
"""Which of a simulated venue's accounts is which."""
_COARSE = {("deribit", OPTION): Decimal("0.0005")}
"""Ticks that are coarser than an instrument's `tick_size` where prices are higher."""
_PLENTY = OrderRate(1000, 1000)
_ids = count(1)


def label_of(item: Instrument) -> str:
    """Name the market that an instrument belongs to."""
    if item.kind in (SPOT, OPTION):
        return item.kind
    side = "inverse" if item.inverse else "linear"
    return side if item.kind == PERPETUAL else f"{side}-future"


def fresh_id() -> str:
    """Make a client id that every venue takes."""
    return f"conf{next(_ids):06d}"


class Floor:
    """One venue of a run: its private half through `Venues.trading`, a desk, and the simulator behind it."""

    def __init__(self, venues: Venues, name: str, sim: Any, folder: Path, account: int = FULL) -> None:
        self.name, self.sim, self.venues = name, sim, venues
        connector = once(venues, name, folder)
        if account != FULL:
            mine = ACCOUNTS[name][account]
            keys = Credentials(mine.key, mine.secret, mine.passphrase or None, "a test")
            connector.context = replace(connector.context, credentials=lambda: keys)
        venues._connectors[name] = connector
        venues._tradings.pop(name, None)
        self.connector = connector
        self.trading: Trading = venues.trading(name)
        self.rules = self.trading.rules
        self.trading.rules = replace(self.rules, order_rate=_PLENTY)
        journal = Journal.open(folder / f"journal-{name}-{next(_ids)}.sqlite")
        self.desk = Desk(venues, venues.config, journal, Policy(()), lambda: time.monotonic() + PLENTY_S)
        self._chosen: dict[str, Instrument] = {}

    # --- markets -----------------------------------------------------------------------------------------------------

    def labels(self) -> set[str]:
        """Name the markets that the venue lists and trades."""
        return {label_of(item) for item in self.venues.cache.all(self.name) if item.kind in self.rules.types}

    def instrument(self, label: str) -> Instrument:
        """Choose Bitcoin's instrument of a market; of options one that is bought and sold now."""
        if label not in self._chosen:
            found = [i for i in self.venues.cache.all(self.name) if label_of(i) == label and i.asset == "BTC"]
            found = [i for i in found if i.quote in DOLLARS and i.active]
            found.sort(key=lambda i: (DOLLARS.index(i.quote), i.expiry_ms or 0, i.symbol))
            self._chosen[label] = self._liquid(found) if label == "option" else found[0]
        return self._chosen[label]

    def _liquid(self, options: list[Instrument]) -> Instrument:
        for item in options:
            quote = self.venues.connector(self.name).fetch_quote(item)
            if quote.bid and quote.ask and item.tick_size and quote.bid > 40 * item.tick_size:
                return item
        raise AssertionError(f"{self.name} has no option with prices")

    def touch(self, item: Instrument) -> tuple[Decimal, Decimal]:
        """Answer best bid and ask."""
        quote = self.venues.connector(self.name).fetch_quote(item)
        assert quote.bid is not None
        assert quote.ask is not None
        return Decimal(str(quote.bid)), Decimal(str(quote.ask))

    def away(self, item: Instrument, side: str, share: str) -> Decimal:
        """Answer a price that lies `share` above (or below, where negative) what an order of `side` would meet."""
        bid, ask = self.touch(item)
        price = (ask if side == BUY else bid) * (1 + Decimal(share))
        tick = _COARSE.get((self.name, item.kind)) or item.tick_size or Decimal("0.01")
        return (price / tick).to_integral_value(ROUND_FLOOR if Decimal(share) < 0 else ROUND_CEILING) * tick

    def size(self, item: Instrument) -> Decimal:
        """Answer a usual size in lot units."""
        wanted = Decimal(500) if item.inverse else Decimal("0.2") if item.kind == OPTION else Decimal("0.01")
        lot = item.lot_size or Decimal("0.001")
        return (wanted / lot).to_integral_value() * lot

    # --- orders ------------------------------------------------------------------------------------------------------

    def ticket(self, item: Instrument, side: str, kind: str, **changes: Any) -> Ticket:
        """Ask for a usual size in the venue's contracts, so that nothing is converted on the way."""
        size = changes.pop("size", None) or self.size(item)
        unit = "base" if item.kind == SPOT else "contracts"
        amount = size if item.kind == SPOT else size / item.unit_size
        return Ticket(self.name, item.symbol, side, amount, kind, unit, client_id=fresh_id(), **changes)

    def prepared(self, ticket: Ticket) -> Prepared:
        """Put a ticket into the venue's terms, as every command does."""
        return prepare(self.desk, ticket, look=False)

    def submit(self, item: Instrument, spec: OrderSpec) -> OrderReport:
        """Send one order in the steps that placing takes."""
        self.trading.admit()
        self.trading.prepare(item, spec)
        return self.trading.submit(item, spec)

    def place(self, item: Instrument, side: str, kind: str, **changes: Any) -> tuple[OrderSpec, OrderReport]:
        """Prepare and send."""
        spec = self.prepared(self.ticket(item, side, kind, **changes)).sized.spec
        return spec, self.submit(item, spec)

    def opened(self, item: Instrument, side: str = BUY, times: int = 2) -> OrderSpec:
        """Open a position (on spot: buy) at the market, so that something is there to be reduced."""
        spec, _ = self.place(item, side, MARKET, size=times * self.size(item))
        found = self.by_client(item, spec)
        assert found is not None
        assert found.filled == spec.size, found
        return spec

    def by_client(self, item: Instrument, spec: OrderSpec) -> OrderReport | None:
        """Look an order up by its client id alone."""
        return self.trading.find(OrderRef(item, None, spec.client_id, spec.family))

    def by_id(self, item: Instrument, order_id: str | None, family: str = REGULAR) -> OrderReport | None:
        """Look an order up by the venue's id alone."""
        return self.trading.find(OrderRef(item, order_id, None, family))

    def ref(self, item: Instrument, spec: OrderSpec, report: OrderReport) -> OrderRef:
        """Say which order is meant, as a desk does that has seen its answer."""
        return OrderRef(item, report.order_id, spec.client_id, spec.family)

    def placed(self, client_id: str | None = None) -> list[dict[str, str]]:
        """List what the simulator has taken, which is the truth: all, or what bears one client id."""
        # The simulator may keep the ids of a family apart by a prefix (OKX's stops); ours are all of one length.
        return [row for row in self.sim.placed(self.name) if client_id is None or row["client_id"].endswith(client_id)]

    def meet(self, item: Instrument, price: Decimal | None, size: Decimal, side: str) -> list[dict[str, Any]]:
        """Let a public trade of `size` (lot units) whose aggressor is on `side` meet the resting orders."""
        wire = size / item.unit_size
        return list(self.sim.print_trade(self.name, item.native_id, price, wire, side, product=item.product))

    def totals(self) -> dict[str, Decimal]:
        """Add up the balances of all wallets, by currency."""
        found: dict[str, Decimal] = {}
        for balance in self.trading.balances():
            found[balance.currency] = found.get(balance.currency, Decimal(0)) + balance.total
        return found


def opposite(side: str) -> str:
    """Answer the other side."""
    return SELL if side == BUY else BUY


@contextmanager
def open_floors(sim: Any, home: Path) -> Iterator[Venues]:
    """Open every venue of the simulator with its instrument lists, in a home of their own."""
    sim.clear_faults()
    know_simulator(home, sim.state_file)
    venues = opened(home)
    with at_home(home):
        venues.ensure_markets()
    assert not venues.failures
    for connector in venues._connectors.values():  # every floor has one of its own
        connector.close()
    venues._connectors.clear()
    try:
        yield venues
    finally:
        venues.close()
