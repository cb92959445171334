"""KuCoin's private side: the spot account (`hf` endpoints), its stops, and futures.

Sources: docs.kucoin.com, ccxt 4.5.90. Orders go out as bodies of our own: ccxt would cut sizes to the lot, put
`leverage: 1` into every futures order (which sets an isolated position's leverage), and name no direction for a spot
stop (KuCoin takes it for a fall then, a buy as well).

A spot stop that fires becomes another order, with an id of its own and the stop's client id.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.ccxt_errors import Operation
from connectors.ccxt_signed import is_not_found
from connectors.ccxt_spans import rows_by_span
from connectors.trading import EVERY_TYPE, UNIQUE_OPEN, OrderRate, OrderRef, TradingRules
from connectors.venues.kucoin_history import AHEAD_MS, WEEK_MS, KucoinHistory
from connectors.venues.kucoin_order_rows import (
    acknowledged,
    checked,
    clean_stop,
    leverage_of,
    margin_mode,
    meaning,
    says_no_order,
    sizes_in_contracts,
    spec_body,
)
from domain.errors import CrossbookError, NotSent, OutcomeUnknown, Refused
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.orders import (
    CANCELLED,
    FOK,
    GTC,
    IOC,
    OPEN,
    REGULAR,
    TRIGGER,
    TRIGGERED,
    OrderReport,
    OrderSpec,
)

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_session import CcxtSession

_TRADED = frozenset({SPOT, PERPETUAL, FUTURE})
_DERIVATIVES = frozenset({PERPETUAL, FUTURE})
_STOP_PAGE = 500
_MAX_PAGES = 200


class KucoinTrading(KucoinHistory):
    """KuCoin's private side."""

    rules = TradingRules(
        types=dict.fromkeys(_TRADED, EVERY_TYPE),
        tifs=dict.fromkeys(_TRADED, frozenset({GTC, IOC, FOK})),
        post_only=_TRADED,
        reduce_only=_DERIVATIVES,
        client_id=r"[0-9A-Za-z_-]{1,40}",
        client_id_unique=UNIQUE_OPEN,
        client_id_note=(
            "KuCoin asks never to use an id again and refuses those of open orders at least; a cancelled spot order is "
            "found by it for 2 days, a filled one and any futures order for 7."
        ),
        # Error 400002: a time stamp more than 5 s off is refused. There is no longer or shorter window to ask for.
        acceptance_ms=10_000,
        # Users report look-ups by id that lack an order for up to a second after it was matched.
        settling_ms=5_000,
        # VIP 0: 4000 units in 30 s on spot (an order is 1), 2000 on futures (an order is 2).
        order_rate=OrderRate(30, 30),
        order_cost=4.0,
        cancel_after_s=(5, 86_400),
        notes={
            "amend": "KuCoin's change of a spot order cancels it and places another; whether the new size counts what "
            "was filled is not documented, so it is not offered. Futures orders cannot be changed.",
            "dead-man switch": "For spot orders only; futures orders have none.",
            "leverage": "An order repeats the leverage that the position or the cross margin has; an isolated contract "
            "without a position is opened with leverage 1.",
            "stop": "Fires on the last price. A spot stop that has fired is told as the order it became.",
            "post-only": "One that would take is refused.",
            "positions": "One-way positions only; in hedge mode KuCoin refuses the orders (330011).",
        },
    )
    options: ClassVar[Mapping[str, Any]] = {
        "hf": True,
        "uta": False,
        "cancelOrder": {"sync": True},
        "fetchMarkets": {"types": ["spot", "swap", "future"], "fetchTickersFees": False},
    }

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._terms: dict[str, dict[str, Any]] = {}  # margin mode and leverage by client id, until it is sent
        self._cancelled: dict[str, OrderReport] = {}  # stops that KuCoin told us were cancelled: it forgets them

    # --- orders ------------------------------------------------------------------------------------------------------

    def prepare(self, instrument: Instrument, spec: OrderSpec) -> Mapping[str, str]:
        """Read the margin mode and the leverage that a futures order has to repeat."""
        if instrument.kind == SPOT:
            return {}
        native = {"symbol": instrument.native_id}
        mode = self.reading(margin_mode, self.ask("futuresPrivateGetPositionGetMarginMode", native))
        method = "GetGetCrossUserLeverage" if mode == "CROSS" else "GetPosition"
        leverage = self.reading(leverage_of, self.ask(f"futuresPrivate{method}", native))
        self._terms[spec.client_id] = {"marginMode": mode, "leverage": leverage}
        return {"margin_mode": mode.lower(), "leverage": str(leverage)}

    def submit(self, instrument: Instrument, spec: OrderSpec) -> OrderReport:
        """Send one order, once; a spot order's answer says what was matched, others are acknowledged."""
        body = spec_body(instrument, spec)
        if instrument.kind == SPOT:
            method = "privatePostStopOrder" if spec.type in TRIGGERED else "privatePostHfOrdersSync"
        else:
            method = "futuresPrivatePostOrders"
            body |= sizes_in_contracts(instrument, spec)
            if spec.client_id not in self._terms:
                self._prepared(instrument, spec)
            body |= self._terms.pop(spec.client_id)

        def create(exchange: "Exchange") -> OrderReport:
            data = getattr(exchange, method)(body)["data"] or {}
            if not data.get("orderId"):
                raise OutcomeUnknown(
                    f"{self.venue} answered without an order id.", venue=self.venue, hint="Look the order up."
                )
            return acknowledged(data, instrument, spec)

        return self.once(Operation.SUBMIT, create)

    def _prepared(self, instrument: Instrument, spec: OrderSpec) -> None:
        try:
            self.prepare(instrument, spec)
        except (Refused, NotSent):
            raise
        except CrossbookError as error:
            raise NotSent(error.message, venue=self.venue, hint=error.hint) from error

    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order; of a spot stop that has fired, the order that it became."""
        if ref.family != TRIGGER or ref.instrument.kind != SPOT:
            super().cancel(ref._replace(family=REGULAR))  # futures cancel stops like orders
            return
        stop = ref._replace(order_id=None) if ref.client_id else ref
        try:
            super().cancel(stop)
        except OutcomeUnknown as error:
            order = self._fetched(ref) if is_not_found(error) else None
            if order is None or order.status != OPEN:
                raise
            super().cancel(ref._replace(order_id=order.order_id, family=REGULAR))
            return
        gone = OrderReport(self.venue, ref.instrument.symbol, ref.order_id, ref.client_id, CANCELLED, family=TRIGGER)
        self._cancelled |= {name: replace(gone, filled=Decimal(0)) for name in (ref.order_id, ref.client_id) if name}

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order and every stop of an instrument, in one call each; the second goes out in any case."""
        failures = []
        for params in ({}, {"trigger": True}):
            try:
                self.change(methodcaller("cancel_all_orders", instrument.symbol, params))
            except CrossbookError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look one order up, finished ones too; a spot stop that has fired is told as the order it became."""
        if ref.family != TRIGGER or ref.instrument.kind != SPOT:
            return self._fetched(ref)
        stop = self._fetched(ref, {"trigger": True})
        if stop is not None and stop.status == OPEN:
            return stop
        order = self._fetched(ref)
        if order is not None:
            return replace(order, family=TRIGGER, stop_price=None if stop is None else stop.stop_price)
        if stop is not None:  # it has fired: the order is on its way into the lists
            return replace(stop, status=OPEN)
        return next((self._cancelled[name] for name in (ref.order_id, ref.client_id) if name in self._cancelled), None)

    def _fetched(self, ref: OrderRef, params: Mapping[str, Any] | None = None) -> OrderReport | None:
        """Ask for one order: by our id, since the venue's may have been replaced; then by the venue's, kept longer."""
        ways = [{"clientOrderId": ref.client_id}] * bool(ref.client_id) + [{}] * bool(ref.order_id)
        for way in ways:
            try:
                raw = self.ask("fetch_order", ref.order_id, ref.instrument.symbol, {**(params or {}), **way})
            except Refused as error:
                # ccxt takes every wrong parameter of a futures call for an unknown order.
                if not (is_not_found(error) and says_no_order(error.message)):
                    raise
                continue
            if raw.get("id"):
                return self.reading_order(raw, ref.instrument)
        return None

    # --- lists -------------------------------------------------------------------------------------------------------

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List orders in the book and stops that wait, of one instrument or of all."""
        found: dict[tuple[str, str | None], OrderReport] = {}
        for ask in self._open_lists(instrument):
            for report in self.orders_of(self._open_pages(*ask)):
                found.setdefault((report.symbol, report.order_id), report)
        return list(found.values())

    def _open_lists(self, instrument: Instrument | None) -> list[tuple[str | None, Mapping[str, Any], int]]:
        """Name the lists: symbol, ccxt's params, and how many rows they hold at once (0: all of them)."""
        symbol = None if instrument is None else instrument.symbol
        found: list[tuple[str | None, Mapping[str, Any], int]] = []
        if instrument is None:
            busy = (self.ask("privateGetHfOrdersActiveSymbols")["data"] or {}).get("symbols") or []
            pairs = [pair for name in busy for pair in self._instruments.by_native(name) if pair.kind == SPOT]
            found += [(pair.symbol, {}, 0) for pair in pairs]
        elif instrument.kind == SPOT:
            found.append((symbol, {}, 0))
        if instrument is None or instrument.kind == SPOT:
            # Beside a symbol ccxt would pass `type` on, to which KuCoin gives another meaning (limit, market).
            every = {"type": "spot", "hf": False} if instrument is None else {}
            found.append((symbol, {**every, "trigger": True}, _STOP_PAGE))
        if instrument is None or instrument.kind != SPOT:
            kind = {"type": "swap"} if instrument is None else {}
            page = self.page_sizes[PERPETUAL]
            found += [(symbol, kind, page), (symbol, {**kind, "trigger": True}, page)]
        return found

    def _open_pages(self, symbol: str | None, params: Mapping[str, Any], page: int) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for number in range(1, _MAX_PAGES):
            paging = {"pageSize": page, "currentPage": number} if page else {}
            rows = self.ask("fetch_open_orders", symbol, None, None, {**params, **paging})
            found += rows
            if not page or len(rows) < page:
                break
        return found

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List finished orders; KuCoin lists no stops that were cancelled."""
        page, name = self.page_sizes[instrument.kind], "limit" if instrument.kind == SPOT else "pageSize"

        def ask(first_ms: int, last_ms: int) -> list[Mapping[str, Any]]:
            params = {"until": last_ms, name: page}
            rows: list[Mapping[str, Any]] = self.ask("fetch_closed_orders", instrument.symbol, first_ms, None, params)
            return rows

        first_ms, now_ms = self.kept_since(since_ms), self.venue_now_ms()
        rows = rows_by_span(ask, first_ms, now_ms + AHEAD_MS, step_ms=WEEK_MS, page=page)
        found = self.orders_of(rows)
        return sorted(found, key=lambda report: report.created_ms or 0)

    # --- reading -----------------------------------------------------------------------------------------------------

    def reading_order(self, raw: Mapping[str, Any], instrument: Instrument) -> OrderReport:
        """Read one order; ccxt calls a spot stop that has fired cancelled."""
        info = raw.get("info") or {}
        report = super().reading_order(raw, instrument)
        if instrument.kind != SPOT:
            return report
        if info.get("stopPrice"):
            return clean_stop(report, fired=info.get("status") == "TRIGGERED")
        return replace(report, updated_ms=info.get("lastUpdatedAt") or report.updated_ms)

    def opened(self) -> "CcxtSession":
        session = super().opened()
        session.exchange.handle_errors = checked(session.exchange.handle_errors, self.venue)
        return session

    def meant_by(self, error: Exception, operation: Operation, session: "CcxtSession", *, sent: bool) -> CrossbookError:
        found = super().meant_by(error, operation, session, sent=sent)
        return meaning(found, session.answer, operation) if sent else found
