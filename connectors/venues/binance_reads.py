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

from connectors.ccxt_signed import is_not_found
from connectors.ccxt_spans import row_spans
from connectors.ccxt_trading import CcxtTrading
from connectors.environments import TESTNET
from connectors.trading import OrderRef
from domain.errors import CrossbookError, Refused
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.orders import CANCELLED, FILLED, OPEN, TRIGGER, KeyPermissions, OrderReport, Position

if TYPE_CHECKING:
    from connectors.ccxt_session import CcxtSession

T = TypeVar("T")
Row = Mapping[str, Any]

TRADED = frozenset({SPOT, PERPETUAL, FUTURE})
USDM: Row = {"type": "swap", "subType": "linear"}
"""What makes ccxt ask USDⓈ-M, where no symbol does."""
DAY_MS = 86_400_000
_PAGE = 1000
"""How many rows every list here answers at most."""
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
_USUAL_COST, _ALL_OPEN_COST, _CONFIG_COST = 20.0, 100.0, 12.5
_PATIENCE_S = 1.5


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
        rows = self.history_rows(instrument, since_ms, "fetch_orders", {})
        found = {str(row["id"]): self.reading_order(row, instrument) for row in rows}
        if instrument.kind != SPOT:
            for row in self.history_rows(instrument, since_ms, "fetch_orders", {"trigger": True}):
                stop = self.reading_order(row, instrument)
                placed = found.pop(actual_id(row) or "", None)
                found[str(row["id"])] = stop if placed is None else _joined(stop, placed)
        ended = [order for order in found.values() if order.status not in (OPEN, None)]
        return sorted(ended, key=lambda order: order.created_ms or 0)

    def history_rows(self, instrument: Instrument, since_ms: int, method: str, params: Mapping[str, Any]) -> list[Row]:
        """List rows of an instrument since a moment by a method of ccxt, all spans, each `id` once."""
        spans = self.history_spans(instrument, since_ms, method, params)
        return list({str(row["id"]): row for _, rows in spans for row in rows}.values())

    def history_spans(
        self,
        instrument: Instrument,
        since_ms: int,
        method: str,
        params: Mapping[str, Any],
        until_ms: int | None = None,
    ) -> Iterator[tuple[int, list[Row]]]:
        """Yield such rows span by span, oldest first, each with the last moment (epoch ms) of its span."""
        # docs, allOrders and trades: at most a day at a time on spot, a week on futures.
        step_ms = DAY_MS if instrument.kind == SPOT else 7 * DAY_MS

        def ask(first_ms: int, last_ms: int) -> list[Row]:
            return list(self.ask(method, instrument.symbol, first_ms, self.page, {**params, "until": last_ms}))

        until_ms = self.later_ms() if until_ms is None else until_ms
        return row_spans(ask, since_ms, until_ms, step_ms=step_ms, page=self.page)

    def later_ms(self) -> int:
        """Tell a moment a little later than the venue's now, so that a clock that is off hides nothing."""
        return self.venue_now_ms() + _LATER_MS

    def balance_queries(self) -> Mapping[str, Mapping[str, Any]]:
        """Name the two wallets."""
        return {"spot": {"type": "spot"}, "usdm": USDM}

    def positions_values(self, raw: Row) -> Mapping[str, Decimal]:
        """Read the unrealised gains of USDⓈ-M: ccxt's total is the margin balance, which has them in it."""
        info: Row = raw.get("info") or {}
        return {str(row["asset"]): to_decimal(row["unrealizedProfit"]) for row in info.get("assets") or ()}

    def positions(self) -> list[Position]:
        """List open positions, with the leverage that the venue keeps apart from them."""
        found = super().positions()
        if not found:
            return []
        leverages = self._leverages()
        names = {each.symbol: self.instrument(each.symbol).native_id for each in found}
        return [replace(each, leverage=leverages.get(names[each.symbol])) for each in found]

    def _leverages(self) -> Mapping[str, Decimal | None]:
        """Ask for the leverage of each contract; none where that takes long: no position is to be late for it."""
        until = time.monotonic() + _PATIENCE_S
        try:
            rows = self.read(lambda exchange: exchange.fapiPrivateGetSymbolConfig(), cost=_CONFIG_COST, until=until)
            return self.reading(lambda: {str(row["symbol"]): to_decimal_or_none(row["leverage"]) for row in rows})
        except CrossbookError:
            return {}

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
