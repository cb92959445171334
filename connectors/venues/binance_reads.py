"""Binance, private side: what is read of an account, span by span.

Sources: developers.binance.com/docs, ccxt 4.5.90. Spot and USDⓈ-M futures keep orders, trades and balances apart. Stops
of futures live in a service of their own (`algoOrder`) until they fire, and then once more as regular orders.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.ccxt_orders import read_fill, read_payment
from connectors.ccxt_signed import is_not_found
from connectors.ccxt_spans import rows_by_span
from connectors.ccxt_trading import CcxtTrading
from connectors.environments import TESTNET
from connectors.trading import OrderRef
from domain.errors import Refused
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.money import to_decimal_or_none
from domain.orders import CANCELLED, FILLED, OPEN, TRIGGER, Fill, FundingPayment, KeyPermissions, OrderReport

if TYPE_CHECKING:
    from connectors.ccxt_session import CcxtSession

T = TypeVar("T")
Row = Mapping[str, Any]

TRADED = frozenset({SPOT, PERPETUAL, FUTURE})
USDM: Row = {"type": "swap", "subType": "linear"}
"""What makes ccxt ask USDⓈ-M, where no symbol does."""
_DAY_MS = 86_400_000
_PAGE = 1000
_LATER_MS = 60_000
"""How far beyond now a span reaches, so that a clock that is off hides nothing."""
_COSTS = {
    "fetch_order": 4.0,
    "fetch_open_orders": 6.0,
    "fetch_balance": 20.0,
    "fetch_positions": 12.5,
    "fetch_funding_history": 75.0,
}
"""Weights in units of our budget, in which those of futures count 2.5 times."""
_USUAL_COST, _ALL_OPEN_COST = 20.0, 100.0


class BinanceReads(CcxtTrading):
    """What is asked of an account, and how its answers are read."""

    page = _PAGE

    def ask(self, method: str, *args: Any) -> Any:
        """Make a signed read; lists weigh more than one order, and lists without a symbol most."""
        every = method == "fetch_open_orders" and args[0] is None
        cost = _ALL_OPEN_COST if every else _COSTS.get(method, _USUAL_COST)
        return self.read(lambda exchange: getattr(exchange, method)(*args), cost=cost)

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look one order up; behind a stop of futures that has fired is the order that it placed."""
        self.check_served(ref.instrument)
        raw = self.asked_order(ref)
        if raw is None or not raw.get("id"):
            return None
        report = self.reading_order(raw, ref.instrument)
        actual = actual_id(raw) if self.is_algo(ref) else None
        placed = None if actual is None else self.asked_order(OrderRef(ref.instrument, actual, None))
        return report if placed is None else _joined(report, super().reading_order(placed, ref.instrument))

    def asked_order(self, ref: OrderRef) -> Row | None:
        """Ask for one order in the family that is meant; None where the venue has none there."""
        try:
            found: Row = self.ask("fetch_order", ref.order_id, ref.instrument.symbol, self.ref_params(ref))
        except Refused as error:
            if is_not_found(error):
                return None
            raise
        return found

    def reading_order(self, raw: Row, instrument: Instrument) -> OrderReport:
        """Read an order; ccxt calls a stop that has fired closed, though its order may rest or have been cancelled."""
        report = super().reading_order(raw, instrument)
        info: Row = raw.get("info") or {}
        state = info.get("algoStatus")
        if state is None:
            return report
        filled = to_decimal_or_none(info.get("actualQty")) or Decimal(0)
        status = {"TRIGGERING": OPEN, "TRIGGERED": OPEN}.get(str(state), report.status)
        if state == "FINISHED":
            status = FILLED if report.size is not None and filled >= report.size else CANCELLED
        average = to_decimal_or_none(info.get("actualPrice")) or None
        return replace(report, family=TRIGGER, status=status, filled=filled, average_price=average)

    def open_queries(self, instrument: Instrument | None) -> Iterable[Mapping[str, Any]]:
        """List regular orders and stops of futures, and spot orders, where stops are among the others."""
        if instrument is None:
            return ({"type": "spot"}, USDM, {**USDM, "trigger": True})
        self.check_served(instrument)
        return ({},) if instrument.kind == SPOT else ({}, {"trigger": True})

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List finished orders; a stop that has fired stands for the order that it placed."""
        self.check_served(instrument)
        rows = self._spans(instrument, since_ms, "fetch_orders", {})
        found = {str(row["id"]): self.reading_order(row, instrument) for row in rows}
        if instrument.kind != SPOT:
            for row in self._spans(instrument, since_ms, "fetch_orders", {"trigger": True}):
                stop = self.reading_order(row, instrument)
                placed = found.pop(actual_id(row) or "", None)
                found[str(row["id"])] = stop if placed is None else _joined(stop, placed)
        ended = [order for order in found.values() if order.status not in (OPEN, None)]
        return sorted(ended, key=lambda order: order.created_ms or 0)

    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List own trades, oldest first; those of a stop of futures that has fired bear the stop's ids."""
        self.check_served(instrument)
        rows = self._spans(instrument, since_ms, "fetch_my_trades", {})
        found = {str(row["id"]): self.reading(read_fill, row, instrument) for row in rows}
        if found and instrument.kind != SPOT:
            algos = self._spans(instrument, since_ms, "fetch_orders", {"trigger": True})
            stops = {actual_id(row): row for row in algos}
            for trade_id, fill in found.items():
                stop = stops.get(fill.order_id) if fill.order_id else None
                if stop is not None:
                    found[trade_id] = replace(fill, order_id=str(stop["id"]), client_id=stop.get("clientOrderId"))
        return sorted(found.values(), key=lambda fill: (fill.time_ms, int(fill.trade_id)))

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding of a perpetual, oldest first; the venue keeps three months."""
        self.check_served(instrument)
        if instrument.kind != PERPETUAL:
            return []
        rows = self._spans(instrument, since_ms, "fetch_funding_history", {})
        found = [self.reading(read_payment, row, instrument) for row in rows]
        return sorted(found, key=lambda payment: payment.time_ms)

    def _spans(self, instrument: Instrument, since_ms: int, method: str, params: Mapping[str, Any]) -> list[Row]:
        # docs, allOrders and trades: at most a day at a time on spot, a week on futures.
        step_ms = _DAY_MS if instrument.kind == SPOT else 7 * _DAY_MS

        def ask(first_ms: int, last_ms: int) -> list[Row]:
            return list(self.ask(method, instrument.symbol, first_ms, _PAGE, {**params, "until": last_ms}))

        until_ms = int(time.time() * 1000) + self.context.clock_offset_ms() + _LATER_MS
        return rows_by_span(ask, since_ms, until_ms, step_ms=step_ms, page=_PAGE)

    def balance_queries(self) -> Mapping[str, Mapping[str, Any]]:
        """Name the two wallets."""
        return {"spot": {"type": "spot"}, "usdm": USDM}

    def position_queries(self) -> Iterable[Mapping[str, Any]]:
        """Ask for the positions of USDⓈ-M."""
        return (USDM,)

    def permissions(self) -> KeyPermissions | None:
        """Ask what the key may do; the test environment does not tell."""
        if self.context.environment == TESTNET:
            return None
        told: Row = self.ask("sapiGetAccountApiRestrictions")
        trade = bool(told["enableSpotAndMarginTrading"] or told["enableFutures"])
        return KeyPermissions(bool(told["enableReading"]), trade, bool(told["enableWithdrawals"]))

    def check_served(self, instrument: Instrument) -> None:
        """Refuse what is not served here before anything is sent."""
        if instrument.inverse or instrument.kind not in TRADED:
            what = "coin-margined futures" if instrument.inverse else instrument.kind
            raise self._unsupported(f"trading of {what} here: spot and USDⓈ-M only")

    @staticmethod
    def is_algo(ref: OrderRef) -> bool:
        """Tell whether an order began among the stops of futures."""
        return ref.family == TRIGGER and ref.instrument.kind != SPOT

    @contextmanager
    def signing(self) -> "Iterator[CcxtSession]":
        """Have ccxt forget that a call has succeeded: it would take a missing permission for a passing ban."""
        with super().signing() as session:
            session.exchange.options["hasAlreadyAuthenticatedSuccessfully"] = False
            yield session


def actual_id(raw: Row) -> str | None:
    """Find the regular order that a stop has become."""
    info: Row = raw.get("info") or {}
    return str(info.get("actualOrderId") or "") or None


def _joined(stop: OrderReport, placed: OrderReport) -> OrderReport:
    """Keep a stop's ids and prices, and say of it what became of the order that it placed."""
    told = ("status", "filled", "average_price", "updated_ms")
    return replace(stop, **{name: getattr(placed, name) for name in told})
