"""Deribit's reading methods of orders and own trades.

Sources: docs.deribit.com (private/get_*), and "Accessing historical trades and orders using API": finished orders are
listed for 30 minutes and trades for 24 hours, and after "a short delay for indexing" under `historical=true` for ever.
Whether private/get_order_state still knows an order without a fill after these 30 minutes is not documented: not here.
"""

from collections.abc import Callable, Iterable, Iterator

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Fill, Order
from simulator.market.calendar import HOUR_MS, MINUTE_MS
from simulator.market.known import known
from simulator.market.model import SPOT, Listing
from simulator.venues import deribit_order_shapes as shapes
from simulator.venues.deribit_orders import Catalogue, OrderDesk, of_type
from simulator.venues.deribit_rpc import Call, Params, Row, RpcError, flag_of, integer_of, invalid, text_of

ORDERS_RECENT_MS = 30 * MINUTE_MS
TRADES_RECENT_MS = 24 * HOUR_MS
INDEXING_MS = 10_000
"""How long it takes here until a finished order or a trade is found with `historical`; its real length is not known."""
_OPEN_TYPES = (
    "all", "limit", "trigger_all", "stop_all", "stop_limit", "stop_market", "take_all", "take_limit", "take_market",
    "trailing_all", "trailing_stop",
)  # fmt: skip


class OrderReader:
    """The methods that list orders and trades, and those of the order desk; each takes a call, answers its result."""

    def __init__(self, exchange: Exchange, catalogue: Catalogue, currencies: list[str]) -> None:
        """`currencies` are those that a list can be asked for."""
        self._exchange = exchange
        self._catalogue = catalogue
        self._currencies = currencies
        self.orders = OrderDesk(exchange, catalogue, self.trades_of)
        self.methods: dict[str, Callable[[Call], object]] = self.orders.methods | {
            "private/get_order_state": self._order_state,
            "private/get_order_state_by_label": self._state_by_label,
            "private/get_open_orders": lambda call: self._open(call, lambda _: True),
            "private/get_open_orders_by_currency": lambda call: self._open(call, self._of_currency(call.params)),
            "private/get_open_orders_by_instrument": lambda call: self._open(call, self._of_instrument(call.params)),
            "private/get_open_orders_by_label": self._open_by_label,
            "private/get_order_history_by_currency": lambda call: self._history(call, self._of_currency(call.params)),
            "private/get_order_history_by_instrument": lambda call: self._history(
                call, self._of_instrument(call.params)
            ),
            "private/get_trigger_order_history": self._trigger_history,
            "private/get_user_trades_by_currency": lambda call: self._trades(call, self._of_currency(call.params)),
            "private/get_user_trades_by_currency_and_time": lambda call: self._trades(
                call, self._of_currency(call.params), timed=True
            ),
            "private/get_user_trades_by_instrument": lambda call: self._trades(call, self._of_instrument(call.params)),
            "private/get_user_trades_by_instrument_and_time": lambda call: self._trades(
                call, self._of_instrument(call.params), timed=True
            ),
            "private/get_user_trades_by_order": self._trades_by_order,
        }

    # --- what is meant -----------------------------------------------------------------------------------------------

    def _of_currency(self, params: Params) -> Callable[[Listing], bool]:
        currency = text_of(params, "currency", (*self._currencies, "any"))
        kind = text_of(params, "kind", default="any")
        return lambda listing: (
            (currency == "any" or self._catalogue.settled_in(listing, currency))
            and kind in ("any", shapes.kind_row(listing))
        )

    def _of_instrument(self, params: Params) -> Callable[[Listing], bool]:
        wanted = self._catalogue.listing_of(params)
        return lambda listing: listing.native_id == wanted.native_id

    def _listed(self, orders: Iterable[Order]) -> Iterator[tuple[Order, Listing]]:
        """Pair orders with their listings; those of instruments that are gone are left out."""
        for order in orders:
            listing = self._catalogue.by_name.get(order.native_id)
            if listing is not None:
                yield order, listing

    # --- orders ------------------------------------------------------------------------------------------------------

    def _order_state(self, call: Call) -> object:
        order, listing, order_id = self.orders.find(call)
        if not order.live and not order.filled and _age_ms(order, call) > ORDERS_RECENT_MS:
            raise RpcError(10004, "order_not_found")
        return shapes.order_row(order, listing, order_id)

    def _state_by_label(self, call: Call) -> object:
        """List the recent orders of a currency with a label, trigger orders and what they made too."""
        label, meant = str(call.params.get("label") or ""), self._of_currency(call.params)
        found = self._exchange.orders(call.caller, call.now_ms)
        recent = [o for o in found if o.client_id == label and (o.live or _age_ms(o, call) <= ORDERS_RECENT_MS)]
        return [
            shapes.order_row(order, listing, order_id)
            for order, listing in self._listed(recent)
            if meant(listing)
            for order_id in shapes.order_ids(order, listing)
        ]

    def _open(self, call: Call, meant: Callable[[Listing], bool], label: str | None = None) -> list[Row]:
        kind = text_of(call.params, "type", _OPEN_TYPES, "all")
        wanted = str(call.params.get("kind") or "any")
        live = self._listed(self._exchange.orders(call.caller, call.now_ms, live=True))
        return [
            shapes.order_row(order, listing, shapes.live_id(order, listing))
            for order, listing in live
            if meant(listing)
            and wanted in ("any", shapes.kind_row(listing))
            and of_type(order, kind)
            and label in (None, order.client_id)
        ]

    def _open_by_label(self, call: Call) -> object:
        return self._open(call, self._of_currency(call.params), str(call.params.get("label") or ""))

    def _history(self, call: Call, meant: Callable[[Listing], bool]) -> object:
        """List finished orders, newest first: with fills unless `include_unfilled`; no trigger orders."""
        params = call.params
        count, offset = _count(params, 20), integer_of(params, "offset", 0)
        ended = self._exchange.orders(call.caller, call.now_ms, live=False)
        rows = [
            shapes.order_row(order, listing, shapes.live_id(order, listing))
            for order, listing in self._listed(sorted(ended, key=_updated, reverse=True))
            if meant(listing)
            and (order.trigger is None or order.triggered_ms is not None)
            and (order.filled or flag_of(params, "include_unfilled"))
            and _kept(params, _age_ms(order, call), ORDERS_RECENT_MS)
        ]
        return rows[offset : offset + count]

    def _trigger_history(self, call: Call) -> object:
        """List what became of trigger orders, newest first; the continuation is the place in the list."""
        meant = self._of_currency(call.params)
        name = call.params.get("instrument_name")
        rows = [
            _trigger_entry(order, listing)
            for order, listing in self._listed(
                sorted(self._exchange.orders(call.caller, call.now_ms), key=_updated, reverse=True)
            )
            if order.trigger is not None
            and (order.triggered_ms is not None or not order.live)
            and meant(listing)
            and name in (None, listing.native_id)
        ]
        start, count = integer_of(call.params, "continuation", 0), _count(call.params, 20)
        following = start + count
        return {
            "entries": rows[start:following],
            "continuation": str(following) if following < len(rows) else None,
        }

    # --- trades ------------------------------------------------------------------------------------------------------

    def trades_of(self, call: Call, order: Order, after: int) -> list[Row]:
        """Describe the trades of an order whose numbers lie above `after`."""
        listing = self._catalogue.by_name[order.native_id]
        fills = self._exchange.fills(call.caller, call.now_ms, order_id=order.id)
        return [self._trade_row(fill, order, listing) for fill in fills if fill.number > after]

    def _trade_row(self, fill: Fill, order: Order | None, listing: Listing) -> Row:
        market = self._exchange.market
        index = known(lambda: float(market.index_price(listing, fill.time_ms)))
        mark = index if listing.kind == SPOT else known(lambda: float(market.mark_price(listing, fill.time_ms)))
        return shapes.trade_row(fill, order, listing, index, mark)

    def _trades(self, call: Call, meant: Callable[[Listing], bool], *, timed: bool = False) -> object:
        params = call.params
        if timed and params.get("start_timestamp") is None and params.get("end_timestamp") is None:
            raise invalid("start_timestamp", "value is required")
        start_ms = integer_of(params, "start_timestamp", 0)
        end_ms = integer_of(params, "end_timestamp", call.now_ms)
        sorting = text_of(params, "sorting", ("asc", "desc", "default"), "default")
        from_start = sorting == "asc" or (sorting == "default" and params.get("start_timestamp") is not None)
        fills = [
            fill
            for fill in self._exchange.fills(call.caller, call.now_ms)
            if start_ms <= fill.time_ms <= end_ms and _kept(params, call.now_ms - fill.time_ms, TRADES_RECENT_MS)
        ]
        found = [(fill, listing) for fill in fills if (listing := self._catalogue.by_name.get(fill.native_id))]
        chosen = [(fill, listing) for fill, listing in found if meant(listing)]
        count = _count(params, 10)
        shown = chosen[:count] if from_start else chosen[::-1][:count]
        orders = {order.id: order for order in self._exchange.orders(call.caller, call.now_ms)}
        rows = [self._trade_row(fill, orders.get(fill.order_id), listing) for fill, listing in shown]
        return {"trades": rows, "has_more": len(chosen) > count}

    def _trades_by_order(self, call: Call) -> object:
        order, listing, _ = self.orders.find(call)
        fills = self._exchange.fills(call.caller, call.now_ms, order_id=order.id)
        return [self._trade_row(fill, order, listing) for fill in fills]


def _count(params: Params, default: int) -> int:
    count = integer_of(params, "count", default)
    if not 1 <= count <= 1000:
        raise invalid("count", "must be between 1 and 1000")
    return count


def _updated(order: Order) -> tuple[int, int]:
    return order.updated_ms, order.number


def _age_ms(order: Order, call: Call) -> int:
    return call.now_ms - order.updated_ms


def _kept(params: Params, age_ms: int, recent_ms: int) -> bool:
    """Tell whether the recent list, or with `historical` the indexed one, has what is so old."""
    return age_ms >= INDEXING_MS if flag_of(params, "historical") else age_ms <= recent_ms


def _trigger_entry(order: Order, listing: Listing) -> Row:
    """Describe the last thing that happened to a trigger order before it was an order like others."""
    ids = list(shapes.order_ids(order, listing))
    row = shapes.order_row(order, listing, ids[0])
    names = ("amount", "direction", "instrument_name", "label", "last_update_timestamp", "order_state", "order_type",
             "post_only", "price", "reduce_only", "trigger", "trigger_price")  # fmt: skip
    entry: Row = {name: row[name] for name in names if name in row}
    entry["trigger_order_id"] = ids[0]
    entry["timestamp"] = row["last_update_timestamp"]
    triggered = order.triggered_ms is not None
    entry["request"] = "trigger:order" if triggered else "cancel"
    return entry | ({"order_id": ids[1]} if triggered else {"order_id": ids[0]})
