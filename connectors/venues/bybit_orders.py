"""Bybit v5, private side: orders of spot, linear and inverse in the unified account.

Sources: bybit-exchange.github.io/docs/v5 (order, user, error), ccxt 4.5.90. ccxt does not translate `clientOrderId`
in a cancel or a look-up.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.ccxt_errors import Operation
from connectors.ccxt_signed import is_not_found
from connectors.trading import EVERY_TYPE, UNIQUE_EVER, OrderRate, OrderRef, TradingRules
from connectors.venues.bybit_answers import ORDERS, code_of
from connectors.venues.bybit_history import BybitHistory
from connectors.venues.bybit_reads import EVERYWHERE, WEEK_MS, Row, by_symbol
from domain.errors import CrossbookError, OutcomeUnknown
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.orders import BUY, CANCELLED, FOK, GTC, IOC, TRIGGER, TRIGGERED, OrderReport, OrderSpec

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_session import CcxtSession

_TRADED = frozenset({SPOT, PERPETUAL, FUTURE})
_RECV_WINDOW_MS = 5000
_SPOT_FILTERS = ("Order", "StopOrder", "tpslOrder")


class BybitTrading(BybitHistory):
    """Bybit's private side."""

    rules = TradingRules(
        types=dict.fromkeys(_TRADED, EVERY_TYPE),
        tifs=dict.fromkeys(_TRADED, frozenset({GTC, IOC, FOK})),
        post_only=_TRADED,
        reduce_only=frozenset({PERPETUAL, FUTURE}),
        amend=_TRADED,
        client_id=r"[A-Za-z0-9_-]{1,36}",
        client_id_unique=UNIQUE_EVER,
        client_id_note="A client id works once and never again, so an order that is sent twice exists once.",
        # docs/v5/guide: a request is taken until its time stamp plus X-BAPI-RECV-WINDOW, by the server's clock.
        acceptance_ms=_RECV_WINDOW_MS,
        # docs/v5/order/order-list: creation and cancellation are asynchronous, the list may be late.
        settling_ms=3_000,
        # docs/v5/rate-limit: 10 a second of each kind of call on contracts, per UID; no second sees more than 7 + 3.
        order_rate=OrderRate(7, 3),
        asynchronous=True,
        notes={
            "dead-man switch": "disconnected-cancel-all watches the private WebSocket; over REST there is none.",
            "post-only": "One that would take is acknowledged and then found cancelled or rejected.",
            "stop": "Fires on the last price. On spot the direction follows from the price at the moment it comes in.",
            "options": "Neither sent nor listed.",
            "history": "Orders that ended without a fill are forgotten after a day.",
        },
    )
    options: ClassVar[Mapping[str, Any]] = {
        # With these set ccxt asks nothing about the account before an order.
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "unifiedMarginStatus": 6,
        "recvWindow": _RECV_WINDOW_MS,
    }

    def meant_by(self, error: Exception, operation: Operation, session: "CcxtSession", *, sent: bool) -> CrossbookError:
        found = super().meant_by(error, operation, session, sent=sent)
        kind = ORDERS.get(code_of(error)) if sent else None
        if kind is None or isinstance(found, kind):
            return found
        return kind(found.message, venue=self.venue, hint=found.hint)

    def order_params(self, instrument: Instrument, spec: OrderSpec) -> dict[str, Any]:
        """Say which way the price has to go, where Bybit wants to know."""
        params = super().order_params(instrument, spec)
        if spec.type in TRIGGERED and instrument.kind != SPOT:
            params["triggerDirection"] = "ascending" if spec.side == BUY else "descending"
            params["triggerBy"] = "LastPrice"
        return params

    def ref_params(self, ref: OrderRef) -> dict[str, Any]:
        """Name an order by our id as the wire does: ccxt passes `clientOrderId` on as it is."""
        return {} if ref.order_id is not None else {"orderLinkId": ref.client_id}

    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order; on spot a stop is kept apart until it fires."""
        if ref.instrument.kind == SPOT and ref.family == TRIGGER:
            try:
                return self._cancel(ref, {"trigger": True})
            except OutcomeUnknown as error:
                if not is_not_found(error):
                    raise
        return self._cancel(ref, {})

    def _cancel(self, ref: OrderRef, kind: Mapping[str, Any]) -> None:
        def attempt(exchange: "Exchange") -> None:
            raw = exchange.cancel_order(ref.order_id, ref.instrument.symbol, {**self.ref_params(ref), **kind})
            if not raw.get("id"):
                raise OutcomeUnknown(f"{self.venue} answered without an order id.", venue=self.venue)

        self.change(attempt)

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order of an instrument: on spot each family takes a call of its own."""
        named = by_symbol(instrument)
        calls = [{**named, "orderFilter": kind} for kind in _SPOT_FILTERS] if instrument.kind == SPOT else [named]
        failed: list[CrossbookError] = []
        for query in calls:
            try:
                self.change(partial(self._cancel_all, query))
            except CrossbookError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _cancel_all(self, query: Row, exchange: "Exchange") -> None:
        answer = exchange.privatePostV5OrderCancelAll(query)
        if str(answer["result"]["success"]) != "1":
            raise OutcomeUnknown(f"{self.venue} did not say that all orders were cancelled.", venue=self.venue)

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look among the open and the lately ended orders, then in the history."""
        name = {"orderId": ref.order_id} if ref.order_id is not None else {"orderLinkId": ref.client_id}
        for method in ("privateGetV5OrderRealtime", "privateGetV5OrderHistory"):
            found = self._orders(method, {**by_symbol(ref.instrument), **name})
            if found:
                return found[0]
        return None

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List what is open, conditional orders included; options are left out."""
        queries = EVERYWHERE if instrument is None else (by_symbol(instrument),)
        return [report for query in queries for report in self._orders("privateGetV5OrderRealtime", query)]

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List finished orders: the history week by week, and what ended too lately to be in it."""
        named = by_symbol(instrument)
        recent = {**named, "openOnly": 2 if instrument.product == "inverse" else 1}
        found = self._orders("privateGetV5OrderRealtime", recent)
        for window in self.windows(since_ms, WEEK_MS):
            found += self._orders("privateGetV5OrderHistory", {**named, **window})
        kept = {report.order_id: report for report in found if (report.created_ms or 0) >= since_ms}
        return sorted(kept.values(), key=lambda report: report.created_ms or 0)

    def reading_order(self, raw: Row, instrument: Instrument) -> OrderReport:
        """Add what ccxt leaves out: that it is post-only, why it ended, and that what was left is cancelled."""
        report = super().reading_order(raw, instrument)
        row = raw.get("info") or {}
        reasons = [row.get("rejectReason"), row.get("cancelType")]
        told = "; ".join(str(reason) for reason in reasons if reason not in (None, "", "EC_NoError", "UNKNOWN"))
        return replace(
            report,
            status=CANCELLED if row.get("orderStatus") == "PartiallyFilledCanceled" else report.status,
            post_only=row["timeInForce"] == "PostOnly" if row.get("timeInForce") else None,
            reason=told or None,
        )

    def _orders(self, method: str, query: Row) -> list[OrderReport]:
        return self.orders_of([raw for _, raw in self.parsed(method, query, "parse_order")])
