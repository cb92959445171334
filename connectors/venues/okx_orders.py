"""OKX's private side: orders and stops (algo orders); lists and history are in `okx_lists` and `okx_history`.

Sources: okx.com/docs-v5 ("Order Book Trading", "Trading Account", "Error Code"), ccxt 4.5.90.

A single order goes to `trade/order`, not to `trade/batch-orders` as ccxt would have it: a batch of one is counted
against the limit of single orders all the same, and the single endpoint has no "partly succeeded" (code 2), at which
ccxt raises nothing.

Stops are `conditional` algo orders with a stop-loss leg: OKX refuses one whose price has been passed (a `trigger`
order would wait for the price to come back), it may reduce only, and a spot buy may count base coins.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from connectors.ccxt_errors import Operation, tidy
from connectors.trading import EVERY_TYPE, UNIQUE_OPEN, OrderRate, OrderRef, TradingRules
from connectors.venues.okx_history import OkxHistory
from connectors.venues.okx_lists import placed_by, which
from connectors.venues.okx_order_rows import Row, read_failure, read_order
from domain.errors import CrossbookError, OutcomeUnknown, Refused, Unauthorized, Unavailable
from domain.instruments import FUTURE, KINDS, OPTION, PERPETUAL, SPOT, Instrument
from domain.money import plain
from domain.orders import (
    GTC,
    LIMIT,
    TIFS,
    TRIGGER,
    TRIGGERED,
    OrderReport,
    OrderSpec,
)
from utils.resilience.budget import CANCEL, ORDER

if TYPE_CHECKING:
    from decimal import Decimal

    from ccxt.base.exchange import Exchange

    from connectors.ccxt_session import CcxtSession

T = TypeVar("T")

_ACCEPTED_FOR_MS = 5_000
_EXPIRES_MS = 30_000
"""A request is refused (50102) once its timestamp is this old; signing early makes it expire sooner."""
_ORDERS_AT_ONCE, _ALGOS_AT_ONCE = 20, 10

_LANDED = frozenset({"51016", "51011", "51065", "51068", "50071", "50042"})
"""A client id that is taken: ours are used once, so an earlier delivery of the same request came through."""
_IN_DOUBT = frozenset({"50001", "50004", "50013", "50026", "51054", "51149", "51410"})
"""Timeouts and troubles of the matching engine, at which OKX itself says to look the order up."""
_NOT_ALLOWED = frozenset({"50030", "50120", "50027", "50035", "50110", "50121"})
_GONE, _CLOSED = "51400", frozenset({"51401", "51402", "51509", "51510", "51503"})


class _GoneError(OutcomeUnknown):
    """There is nothing to cancel under this id: it was filled, cancelled, has fired, or never came."""


class _ClosedError(Refused):
    """It has ended already."""


class OkxTrading(OkxHistory):
    """OKX's orders, in one trading account with net positions and cross margin.

    Whatever changes something is signed as of 25 seconds ago, so that it expires 5 seconds after it was sent (30 after
    its timestamp); orders and amendments say so once more in the `expTime` header, which algo orders and cancels do
    not have.
    """

    options: ClassVar[Mapping[str, Any]] = {"createOrder": "privatePostTradeOrder", "tgtCcy": "base_ccy"}
    rules = TradingRules(
        types=dict.fromkeys((SPOT, PERPETUAL, FUTURE), EVERY_TYPE) | {OPTION: frozenset({LIMIT})},
        tifs=dict.fromkeys(KINDS, frozenset(TIFS)),
        stop_tifs=frozenset({GTC}),
        post_only=frozenset(KINDS),
        reduce_only=frozenset({PERPETUAL, FUTURE}),
        amend=frozenset(KINDS),
        client_id=r"[A-Za-z0-9]{1,32}",
        client_id_unique=UNIQUE_OPEN,
        client_id_note=(
            "clOrdId (of stops algoClOrdId) is taken only while an order with it is pending, so a market order that "
            "the network delivers twice fills twice; what was cancelled without a fill is forgotten after 2 hours."
        ),
        acceptance_ms=_ACCEPTED_FOR_MS,
        settling_ms=2_000,
        order_rate=OrderRate(20, 20),  # 60 in 2 s for each instrument
        order_cost=0.33,
        cancel_all=True,
        cancel_after_s=(10, 120),
        notes={
            "market": "OKX trades options with limit orders only.",
            "stop": "OKX has no stops on options; elsewhere they wait until cancelled, with neither ioc nor fok.",
            "reduce-only": "OKX has reduce-only orders on perpetuals and futures.",
        },
    )

    # --- orders ------------------------------------------------------------------------------------------------------

    def submit(self, instrument: Instrument, spec: OrderSpec) -> OrderReport:
        """Send one order, once."""
        report = super().submit(instrument, spec)
        return replace(report, client_id=spec.client_id, family=spec.family, type=spec.type, side=spec.side)

    def order_params(self, instrument: Instrument, spec: OrderSpec) -> dict[str, Any]:
        """Say everything but side, size and price; a client id of ours keeps ccxt from adding its broker's."""
        params = super().order_params(instrument, spec)
        if instrument.kind == SPOT:
            params |= {"tdMode": "cash", "tgtCcy": "base_ccy"}
        if spec.type in TRIGGERED:
            if spec.tif != GTC or spec.post_only:
                raise self._unsupported(f"stops that are {'post-only' if spec.post_only else spec.tif}")
            params |= {"stopLossPrice": params.pop("triggerPrice"), "algoClOrdId": spec.client_id}
        return params

    def once(self, operation: Operation, work: "Callable[[Exchange], T]") -> T:
        """Make one call that changes something, which OKX accepts for 5 seconds and no longer."""

        def bounded(exchange: "Exchange") -> T:
            headers, skew = exchange.headers, exchange.options.get("timeDifference", 0)
            exchange.headers = {**headers, "expTime": str(exchange.nonce() + _ACCEPTED_FOR_MS)}
            exchange.options["timeDifference"] = skew + _EXPIRES_MS - _ACCEPTED_FOR_MS
            try:
                return work(exchange)
            finally:
                exchange.headers, exchange.options["timeDifference"] = headers, skew

        return super().once(operation, bounded)

    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order; of a stop that has fired, the order that it placed."""
        name = ref.instrument.native_id
        if ref.family != TRIGGER:
            body = {"instId": name, **which(ref, "ordId", "clOrdId")}
            self._change("privatePostTradeCancelOrder", body)
            return
        try:
            self._change("privatePostTradeCancelAlgos", [{"instId": name, **which(ref, "algoId", "algoClOrdId")}])
        except _GoneError as gone:
            try:
                placed = placed_by(self.algo(ref))
            except Unavailable:
                raise gone from None
            if placed is None:
                raise
            self._change("privatePostTradeCancelOrder", {"instId": name, "ordId": placed})

    def amend(
        self, ref: OrderRef, current: OrderReport, *, size: "Decimal | None", price: "Decimal | None"
    ) -> OrderReport:
        """Change size (with what is filled) or price of a resting order in place; not of a stop."""
        del current
        if ref.family == TRIGGER:
            raise self._unsupported("amending of stops")
        body = {"instId": ref.instrument.native_id, **which(ref, "ordId", "clOrdId")}
        if size is not None:
            body["newSz"] = self.wire_size(ref.instrument, size)
        if price is not None:
            body["newPx"] = plain(price)
        row = self._change("privatePostTradeAmendOrder", body, lane=ORDER)
        return self.reading(read_order, row, ref.instrument)

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order and stop of an instrument, as the lists show them now."""
        name = instrument.native_id
        orders = [{"instId": name, "ordId": row["ordId"]} for row in self.pending(instrument)]
        algos = [{"instId": name, "algoId": row["algoId"]} for row in self.pending_algos(instrument)]
        calls = [
            *(("privatePostTradeCancelAlgos", part) for part in _parts(algos, _ALGOS_AT_ONCE)),
            *(("privatePostTradeCancelBatchOrders", part) for part in _parts(orders, _ORDERS_AT_ONCE)),
        ]
        for method, part in calls:
            try:
                self._change(method, part)
            except (_GoneError, _ClosedError):
                continue  # some of them ended by themselves; whoever wants to know reads the lists again

    def cancel_after(self, seconds: int | None) -> None:
        """Set the dead-man switch of the whole account (10 to 120 s), or switch it off."""
        self._change("privatePostTradeCancelAllAfter", {"timeOut": str(seconds or 0)})

    # --- how a call is made, and what its answer means ----------------------------------------------------------------

    def _change(self, method: str, body: Any, *, lane: str = CANCEL) -> Row:
        """Make one call, once, and raise what its first item says where that is not success."""

        def work(exchange: "Exchange") -> Row:
            row: Row = getattr(exchange, method)(body)["data"][0]
            self._check(row)
            return row

        return self.change(work, lane=lane)

    def reading_order(self, raw: Mapping[str, Any], instrument: Instrument) -> OrderReport:
        """Read what OKX acknowledged: ids only."""
        self._check(raw["info"])
        return self.reading(read_order, raw["info"], instrument)

    def _check(self, row: Row) -> None:
        """Raise Refused at an item that failed within an answer that did not."""
        if row.get("sCode", "0") != "0":
            raise Refused(f"{self.venue}: {row.get('sMsg')} ({row['sCode']})", venue=self.venue)

    def meant_by(self, error: Exception, operation: Operation, session: "CcxtSession", *, sent: bool) -> CrossbookError:
        """Say what OKX's code means: a refusal with a code is one, but for those that leave the outcome open."""
        found = super().meant_by(error, operation, session, sent=sent)
        answered = read_failure(session.answer) if sent else None
        if answered is None:
            return found
        code, words = answered
        kind: type[CrossbookError] = Refused
        failed = session.answer is not None and session.answer.status >= 500
        if failed or code in _IN_DOUBT or (operation is Operation.SUBMIT and code in _LANDED):
            kind = OutcomeUnknown
        elif code == _GONE:
            kind = _GoneError
        elif code in _CLOSED:
            kind = _ClosedError
        elif code in _NOT_ALLOWED:
            kind = Unauthorized
        kind = type(found) if isinstance(found, kind) else kind
        return kind(f"{self.venue}: {tidy(words)} ({code})", venue=self.venue, hint=found.hint)


def _parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
