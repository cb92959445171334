"""Binance, private side: orders of spot and of USDⓈ-M futures (see also `binance_reads`, `binance_history`).

Sources: developers.binance.com/docs (also its error codes), ccxt 4.5.90.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.ccxt_signed import is_not_found
from connectors.trading import EVERY_TYPE, UNIQUE_OPEN, OrderRate, OrderRef, TradingRules
from connectors.venues.binance_history import BinanceHistory
from connectors.venues.binance_reads import TRADED, USDM, actual_id
from domain.errors import CrossbookError, NotSent, OutcomeUnknown, RateLimited, Refused, Unauthorized
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.money import plain
from domain.orders import FOK, GTC, IOC, REGULAR, TRIGGER, TRIGGERED, OrderReport, OrderSpec
from utils.resilience.budget import ORDER

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

_RECV_WINDOW_MS = 5000


def _meant(kind: type[CrossbookError], *codes: int) -> dict[str, type[CrossbookError]]:
    return {f'"code":{code},': kind for code in codes}


class BinanceTrading(BinanceHistory):
    """Binance's private side."""

    rules = TradingRules(
        types=dict.fromkeys(TRADED, EVERY_TYPE),
        tifs=dict.fromkeys(TRADED, frozenset({GTC, IOC, FOK})),
        post_only=TRADED,
        reduce_only=frozenset({PERPETUAL, FUTURE}),
        amend=TRADED,
        client_id=r"[A-Za-z0-9_-]{1,36}",
        client_id_unique=UNIQUE_OPEN,
        client_id_note="An id is taken while an order with it is open: sent again after a fill, it is a second order.",
        # docs, "Timing security": refused once the server's clock is past the time stamp plus recvWindow.
        acceptance_ms=_RECV_WINDOW_MS,
        # docs: GET order reads "Memory => Database"; seconds are a guess on the safe side.
        settling_ms=3_000,
        # exchangeInfo: 100 orders in 10 s on spot, which is the lower of the two: a burst of 20 and 8 a second.
        order_rate=OrderRate(8, 20),
        order_cost=2.5,  # futures weights count 2.5 times in our budget
        # docs, countdownCancelAll: in ms, and not to be "too precise or too small"; no longest time is given.
        cancel_after_s=(5, 86_400),
        notes={
            "dead-man switch": "For futures symbols that have open orders when it is set; spot has none, stops stay.",
            "amend": "Futures keep the order and lose its place in the queue. Spot orders can only be made smaller.",
            "stop": "Fires on the last price. Stops of futures cannot be amended.",
            "history": "Futures orders that ended without a fill are forgotten after 3 days.",
            "options": "Neither sent nor listed; nor are coin-margined futures.",
        },
    )
    options: ClassVar[Mapping[str, Any]] = {
        "recvWindow": _RECV_WINDOW_MS,
        "fetchMargins": False,
        "fetchOpenOrders": {"warnWithoutSymbol": False},
        "leverageBrackets": {},  # else asked for before positions
    }
    meanings: ClassVar[Mapping[str, type[CrossbookError]]] = {
        **_meant(Unauthorized, -2015),  # see `signing`
        **_meant(RateLimited, -1003, -1015),
        # Overload, clock, parameters (11xx) and filters (40xx, 41xx): refused before the matching engine saw it.
        **_meant(Refused, -1008, -1013, -1021, -2020, -2022, -2038, -5028, *range(-1199, -1099), *range(-4199, -3999)),
        # Our ids are fresh, so whoever has this one open is an earlier delivery; -4117: the stop is firing just now.
        **_meant(OutcomeUnknown, -4116, -4117),
        "Duplicate order sent": OutcomeUnknown,
    }

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._counting: set[str] = set()  # symbols whose countdown was begun here

    def order_params(self, instrument: Instrument, spec: OrderSpec) -> dict[str, Any]:
        """Refuse what ccxt would send as something else."""
        self.check_served(instrument)
        if instrument.kind == SPOT and spec.type in TRIGGERED and spec.post_only:
            raise self._unsupported("post-only stop on spot")
        return super().order_params(instrument, spec)

    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order; a stop of futures that has fired is cancelled where it is now."""
        self.check_served(ref.instrument)
        try:
            super().cancel(ref)
        except OutcomeUnknown as error:
            if not (self.is_algo(ref) and is_not_found(error)):
                raise
            actual = actual_id(self.asked_order(ref) or {})
            if actual is None:
                raise
            super().cancel(ref._replace(order_id=actual, family=REGULAR))

    def amend(self, ref: OrderRef, current: OrderReport, *, size: Decimal | None, price: Decimal | None) -> OrderReport:
        """Change an order that rests; on spot it can only become smaller (ccxt's `edit_order` would replace it)."""
        self.check_served(ref.instrument)
        order_id, client_id = ref.order_id or current.order_id, ref.client_id or current.client_id
        if current.stop_price is not None or ref.family == TRIGGER:
            raise self._unsupported("amending of stops")
        if order_id is None or client_id is None or current.size is None:
            raise NotSent(f"{self.venue}: the order's ids and size are not known.", hint="See: order status ID.")
        if ref.instrument.kind != SPOT:
            return super().amend(ref._replace(order_id=order_id), current, size=size, price=price)
        if size is None or size >= current.size or price not in (None, current.price):
            raise self._unsupported("way to change a spot order other than making it smaller")
        # Without its own id sent again the order would get another one.
        query = {"symbol": ref.instrument.native_id, "orderId": order_id, "newClientOrderId": client_id}

        def shrink(exchange: "Exchange") -> OrderReport:
            sent = {**query, "newQty": plain(size)}
            row = exchange.request("order/amend/keepPriority", ["private"], "PUT", sent)["amendedOrder"]
            known = {**row, "origQty": row["qty"], "cummulativeQuoteQty": row["cumulativeQuoteQty"]}
            market = exchange.market(ref.instrument.symbol)
            return self.reading_order(exchange.parse_order(known, market), ref.instrument)

        return self.change(shrink, lane=ORDER)

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order of an instrument: on futures the regular ones, then the stops."""
        self.check_served(instrument)
        for params in self.open_queries(instrument):
            try:
                self.change(_calling("cancel_all_orders", instrument.symbol, params))
            except OutcomeUnknown as error:
                if not is_not_found(error):  # spot says so where nothing is open
                    raise

    def cancel_after(self, seconds: int | None) -> None:
        """Begin or stop the countdown of each symbol of futures that has open orders, or that was counting."""
        rows = self.ask("fetch_open_orders", None, None, None, USDM)
        self._counting |= {str(row["info"]["symbol"]) for row in rows}
        query = {"countdownTime": 0 if seconds is None else seconds * 1000}
        for symbol in sorted(self._counting):
            self.change(_calling("fapiPrivatePostCountdownCancelAll", {"symbol": symbol, **query}))
        if seconds is None:
            self._counting.clear()


def _calling(method: str, *args: Any) -> Callable[["Exchange"], Any]:
    return lambda exchange: getattr(exchange, method)(*args)
