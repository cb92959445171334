"""Trading through a venue's ccxt class: signed calls that are made once, and reads that say only what was answered.

A venue's own file (`connectors/venues/<venue>_orders.py`) subclasses this with its rules, and overrides what ccxt does
not do alike everywhere: how a client id goes out, how an order is found by it, where trigger orders are kept.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.ccxt_errors import Operation
from connectors.ccxt_history import CcxtHistory
from connectors.ccxt_orders import read_balances, read_order, read_position
from connectors.ccxt_signed import is_not_found
from connectors.trading import OrderRate, OrderRef, TradingRules
from domain.errors import NotSent, OutcomeUnknown, Refused
from domain.instruments import FUTURE, KINDS, OPTION, PERPETUAL, Instrument
from domain.money import plain
from domain.orders import (
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    PRICED,
    TRIGGERED,
    Balance,
    OrderReport,
    OrderSpec,
    Position,
)
from utils.resilience.budget import ORDER

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange


class CcxtTrading(CcxtHistory):
    """One venue's private side through ccxt.

    Args:
        connector: the venue's public half, whose transport, guard and market store are used.
        instruments: the venue's instruments, from the cache.
    """

    rules = TradingRules(
        types=dict.fromkeys(KINDS, frozenset({LIMIT, MARKET})),
        tifs=dict.fromkeys(KINDS, frozenset({GTC, IOC, FOK})),
        post_only=frozenset(KINDS),
        reduce_only=frozenset({PERPETUAL, FUTURE, OPTION}),
        client_id_note="Whatever the exchange does with ccxt's clientOrderId; not checked for this one.",
        acceptance_ms=60_000,
        settling_ms=5_000,
        order_rate=OrderRate(1, 5),
        cancel_all=False,
    )
    """Cautious rules for an exchange without a file of its own."""

    # --- orders ------------------------------------------------------------------------------------------------------

    def prepare(self, instrument: Instrument, spec: OrderSpec) -> Mapping[str, str]:
        """Make sure that ccxt knows the market, before the order is written down."""
        del spec
        self.require_market(instrument)
        return {}

    def submit(self, instrument: Instrument, spec: OrderSpec) -> OrderReport:
        """Send one order, once; numbers go out as text, exactly as they are in `spec`."""
        amount = self.wire_size(instrument, spec.size)
        price = None if spec.type not in PRICED or spec.price is None else plain(spec.price)
        params = self.order_params(instrument, spec)
        kind = LIMIT if spec.type in PRICED else MARKET

        def create(exchange: "Exchange") -> OrderReport:
            raw = exchange.create_order(instrument.symbol, kind, spec.side, amount, price, params)
            report = self.reading_order(raw, instrument)
            if report.order_id is None:
                raise OutcomeUnknown(
                    f"{self.venue} answered without an order id.", venue=self.venue, hint="Look the order up."
                )
            return report

        return self.once(Operation.SUBMIT, create)

    def order_params(self, instrument: Instrument, spec: OrderSpec) -> dict[str, Any]:
        """Say everything but side, size and price in ccxt's terms."""
        params: dict[str, Any] = {"clientOrderId": spec.client_id}
        if spec.type in TRIGGERED and spec.stop_price is not None:
            params["triggerPrice"] = plain(spec.stop_price)
        if spec.tif != GTC:
            params["timeInForce"] = spec.tif.upper()
        if spec.post_only:
            params["postOnly"] = True
        if spec.reduce_only:
            params["reduceOnly"] = True
        return params

    def wire_size(self, instrument: Instrument, size: Decimal) -> str:
        """Count a size as the venue does."""
        return plain(size / instrument.unit_size)

    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order by the venue's id, or by ours."""
        symbol = ref.instrument.symbol
        self.change(lambda exchange: exchange.cancel_order(ref.order_id, symbol, self.ref_params(ref)))

    def amend(self, ref: OrderRef, current: OrderReport, *, size: Decimal | None, price: Decimal | None) -> OrderReport:
        """Change a resting order in place."""
        if ref.instrument.kind not in self.rules.amend:
            raise self._unsupported(f"amending of {ref.instrument.kind} orders")
        new_size, new_price = size or current.size, price or current.price
        if new_size is None or new_price is None or current.type is None:
            raise NotSent(f"{self.venue}: the order's size and price are not known.", hint="See: order status ID.")
        amount, kind = self.wire_size(ref.instrument, new_size), LIMIT if current.type in PRICED else MARKET

        def edit(exchange: "Exchange") -> OrderReport:
            raw = exchange.edit_order(
                ref.order_id, ref.instrument.symbol, kind, current.side, amount, plain(new_price), self.ref_params(ref)
            )
            return self.reading_order(raw, ref.instrument)

        return self.change(edit, lane=ORDER)

    def ref_params(self, ref: OrderRef) -> dict[str, Any]:
        """Say in ccxt's terms which order is meant, beside its id."""
        params: dict[str, Any] = {}
        if ref.order_id is None:
            params["clientOrderId"] = ref.client_id
        if ref.family == "trigger":
            params["trigger"] = True
        return params

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look one order up; None where ccxt says that the venue has none."""
        symbol = ref.instrument.symbol
        try:
            raw = self.ask("fetch_order", ref.order_id, symbol, self.ref_params(ref))
        except Refused as error:
            if is_not_found(error):
                return None
            raise
        return self.reading_order(raw, ref.instrument) if raw.get("id") else None

    # --- lists -------------------------------------------------------------------------------------------------------

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List what is open, of every family."""
        symbol = None if instrument is None else instrument.symbol
        found: dict[tuple[str, str | None], OrderReport] = {}
        for params in self.open_queries(instrument):
            rows = self.ask("fetch_open_orders", symbol, None, None, params)
            for report in self.orders_of(rows):
                found.setdefault((report.symbol, report.order_id), report)
        return list(found.values())

    def open_queries(self, instrument: Instrument | None) -> Iterable[Mapping[str, Any]]:
        """List the ccxt params of the calls which together list all open orders (None: of every instrument)."""
        del instrument
        return ({}, {"trigger": True})

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List finished orders, page by page."""
        rows = self.ask("fetch_closed_orders", instrument.symbol, since_ms, self.page)
        return self.orders_of(rows)

    def balances(self) -> list[Balance]:
        """List what is not zero in every wallet of `balance_queries`."""
        found: list[Balance] = []
        for wallet, params in self.balance_queries().items():
            raw = self.ask("fetch_balance", params)
            values = self.reading(self.positions_values, raw)
            for balance in self.reading(read_balances, raw, self.venue, wallet):
                found.append(balance._replace(positions_value=values.get(balance.currency)))
        return found

    def positions_values(self, raw: Mapping[str, Any]) -> Mapping[str, Decimal]:
        """Say how much of each currency's total (`raw`: a unified balance) is what open positions would bring."""
        del raw
        return {}

    def balance_queries(self) -> Mapping[str, Mapping[str, Any]]:
        """Name the wallets that orders use, and the ccxt params that ask for each."""
        return {"trading": {}}

    def positions(self) -> list[Position]:
        """List open positions of every product."""
        found = {}
        for params in self.position_queries():
            rows = self.ask("fetch_positions", None, params)
            for row in rows:
                position = self.reading(read_position, row, self.instrument(str(row["symbol"])))
                if position is not None:
                    found[position.symbol] = position
        return list(found.values())

    def position_queries(self) -> Iterable[Mapping[str, Any]]:
        """List the ccxt params of the calls which together list all positions."""
        return ({},)

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order of an instrument."""
        if not self.rules.cancel_all:
            raise self._unsupported("cancel-all call")
        self.change(lambda exchange: exchange.cancel_all_orders(instrument.symbol))

    def orders_of(self, rows: Iterable[Mapping[str, Any]]) -> list[OrderReport]:
        """Read unified orders of several instruments; those of instruments that are not listed are left out."""
        found = []
        for row in rows:
            instrument = self.known(str(row.get("symbol")))
            if instrument is not None:
                found.append(self.reading_order(row, instrument))
        return found

    def reading_order(self, raw: Mapping[str, Any], instrument: Instrument) -> OrderReport:
        """Read one unified order; a venue overrides it where ccxt's reading is not the whole truth."""
        return self.reading(read_order, raw, instrument)
