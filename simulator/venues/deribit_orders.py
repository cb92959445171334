"""Deribit's matching-engine methods: buy, sell, edit, cancel and the mass cancels.

Sources: docs.deribit.com (private/buy, private/edit, private/cancel*). Of a trigger order amount and price can be
changed here, not its trigger price; `good_til_day`, trailing and linked orders are answered `not_implemented`.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import BUY, LIMIT, MARKET, SELL, NewOrder, Order, Reason, Rejected, Trigger
from simulator.market.model import OPTION, SPOT, Listing
from simulator.venues import deribit_order_shapes as shapes
from simulator.venues.deribit_refusals import refusal
from simulator.venues.deribit_rpc import Call, Params, Row, RpcError, decimal_of, flag_of, integer_of, invalid, text_of

LABEL_LENGTH = 64
_STOPS = ("stop_market", "stop_limit", "take_market", "take_limit")
_TYPES = ("limit", "market", *_STOPS, "market_limit", "trailing_stop")
_CANCEL_TYPES = ("all", "limit", "trigger_all", "stop", "take", "trailing_stop")


class Catalogue(Protocol):
    """What the venue knows of instruments."""

    by_name: dict[str, Listing]

    def listing_of(self, params: Params) -> Listing:
        """Find `instrument_name`. Raises RpcError."""

    def settled_in(self, listing: Listing, currency: str) -> bool:
        """Tell whether an instrument belongs to a currency."""


class OrderDesk:
    """The methods that place, change and cancel orders; each takes a call and answers its result."""

    def __init__(
        self, exchange: Exchange, catalogue: Catalogue, trades: Callable[[Call, Order, int], list[Row]]
    ) -> None:
        """`trades` describes the trades of an order from a fill number on."""
        self._exchange = exchange
        self._catalogue = catalogue
        self._trades = trades
        self.methods: dict[str, Callable[[Call], object]] = {
            "private/buy": lambda call: self._place(call, BUY),
            "private/sell": lambda call: self._place(call, SELL),
            "private/edit": self._edit,
            "private/edit_by_label": self._edit_by_label,
            "private/cancel": self._cancel,
            "private/cancel_by_label": self._cancel_by_label,
            "private/cancel_all": lambda call: self._cancel_many(call, lambda _: True),
            "private/cancel_all_by_currency": self._cancel_by_currency,
            "private/cancel_all_by_instrument": self._cancel_by_instrument,
            "private/close_position": self._close,
        }

    # --- placing -----------------------------------------------------------------------------------------------------

    def _place(self, call: Call, side: str) -> object:
        listing = self._catalogue.listing_of(call.params)
        order = self._read(call.params, listing, side)
        listing = _at_price(listing, order.price)
        _still_valid(call)
        if order.post_only and not order.extra["reject_post_only"]:
            order = self._behind_the_spread(order, listing, call.now_ms)
        return self._entered(call, listing, order)

    def _close(self, call: Call) -> object:
        listing = self._catalogue.listing_of(call.params)
        kind = text_of(call.params, "type", (LIMIT, MARKET))
        held = self._exchange.positions(call.caller, call.now_ms, product=listing.product)
        size = next((p.size for p in held if p.native_id == listing.native_id), Decimal(0))
        if not size:
            raise RpcError(11030, "other_reject invalid_reduce_only_order")
        side = SELL if size > 0 else BUY
        price = self._price(call.params, kind)
        order = NewOrder(side, kind, abs(size), price=price, reduce_only=True, extra={"type": kind})
        return self._entered(call, listing, order)

    def _entered(self, call: Call, listing: Listing, order: NewOrder) -> Row:
        try:
            made = self._exchange.place(call.caller, listing, order, call.now_ms)
        except Rejected as error:
            raise refusal(error, listing, order.side) from None
        row = shapes.order_row(made, listing, shapes.live_id(made, listing))
        return {"order": row, "trades": self._trades(call, made, 0)}

    def _read(self, params: Params, listing: Listing, side: str) -> NewOrder:
        kind = text_of(params, "type", _TYPES, "limit")
        if kind in ("trailing_stop", "market_limit") or params.get("linked_order_type"):
            raise RpcError(10033, "not_implemented")
        if params.get("advanced"):
            raise (
                RpcError(11038, "no_adv_for_futures") if listing.kind != OPTION else RpcError(10033, "not_implemented")
            )
        label = params.get("label", "")
        if not isinstance(label, str) or len(label) > LABEL_LENGTH:
            raise invalid("label", "must be at most 64 characters long")
        tif = text_of(params, "time_in_force", (*shapes.TIFS, "good_til_day"), "good_til_cancelled")
        if tif == "good_til_day":
            raise RpcError(10033, "not_implemented")
        post_only = flag_of(params, "post_only")
        if post_only and (kind in ("market", "stop_market", "take_market") or tif != "good_til_cancelled"):
            raise RpcError(11055, "post_only_not_allowed")
        if flag_of(params, "reduce_only") and listing.kind == SPOT:
            raise invalid("reduce_only", "not allowed for spot")
        return NewOrder(
            side,
            MARKET if kind.endswith("market") else LIMIT,
            _amount(params, listing),
            price=self._price(params, kind),
            tif=shapes.TIFS[tif],
            post_only=post_only,
            reduce_only=flag_of(params, "reduce_only"),
            client_id=label,
            trigger=_trigger(params, kind, side),
            extra={"type": kind, "reject_post_only": flag_of(params, "reject_post_only")},
        )

    @staticmethod
    def _price(params: Params, kind: str) -> Decimal | None:
        """Read the limit price; a market order's is ignored."""
        if kind.endswith("market"):
            return None
        price = decimal_of(params, "price")
        if price is None:
            raise invalid("price", "value is required")
        return price

    def _behind_the_spread(self, order: NewOrder, listing: Listing, now_ms: int) -> NewOrder:
        """Move a post-only order that would take just below or above the other side, as Deribit does unless told."""
        book = self._exchange.market.book(listing, 1, now_ms)
        levels, tick = (book.asks if order.side == BUY else book.bids), Decimal(listing.tick_size)
        if not levels or order.price is None or order.trigger is not None:
            return order
        best = Decimal(levels[0][0])
        beyond = min(order.price, best - tick) if order.side == BUY else max(order.price, best + tick)
        return replace(order, price=beyond)

    # --- changing ----------------------------------------------------------------------------------------------------

    def find(self, call: Call) -> tuple[Order, Listing, str]:
        """Find the order with `order_id`, its listing, and the id. Raises RpcError."""
        order_id = text_of(call.params, "order_id")
        number = shapes.order_number(order_id)
        order = None if number is None else self._exchange.find(call.caller, call.now_ms, order_id=str(number))
        if order is not None:
            listing = self._catalogue.by_name[order.native_id]
            if order_id in shapes.order_ids(order, listing):
                return order, listing, order_id
        raise RpcError(10004, "order_not_found")

    def _edit(self, call: Call) -> object:
        order, listing, order_id = self.find(call)
        return self._amended(call, order, listing, order_id)

    def _edit_by_label(self, call: Call) -> object:
        label, name = text_of(call.params, "label"), text_of(call.params, "instrument_name")
        live = self._exchange.orders(call.caller, call.now_ms, live=True, native_id=name)
        found = [order for order in live if order.client_id == label]
        if not found:
            raise RpcError(10004, "order_not_found")
        if len(found) > 1:
            raise RpcError(13032, "non_unique_order_label")
        listing = self._catalogue.by_name[found[0].native_id]
        return self._amended(call, found[0], listing, shapes.live_id(found[0], listing))

    def _amended(self, call: Call, order: Order, listing: Listing, order_id: str) -> object:
        _still_valid(call)
        if not order.live or order_id != shapes.live_id(order, listing):
            raise RpcError(11044, "not_open_order")
        size = _amount(call.params, listing)
        price = None if order.price is None else decimal_of(call.params, "price") or order.price
        trigger_price = decimal_of(call.params, "trigger_price")
        if order.trigger is not None and trigger_price not in (None, order.trigger.price):
            raise RpcError(10033, "not_implemented")
        before = max((fill.number for fill in self._exchange.fills(call.caller, call.now_ms)), default=0)
        was_replaced = order.extra.get("replaced", False)
        order.extra["replaced"] = True
        try:
            self._exchange.amend(call.caller, order, call.now_ms, price=price, size=size)
        except Rejected as error:
            order.extra["replaced"] = was_replaced
            if error.reason is not Reason.NO_CHANGE:
                raise refusal(error, listing, order.side) from None
        row = shapes.order_row(order, listing, order_id)
        return {"order": row, "trades": self._trades(call, order, before)}

    # --- cancelling --------------------------------------------------------------------------------------------------

    def _cancel(self, call: Call) -> object:
        order, listing, order_id = self.find(call)
        if not order.live or order_id != shapes.live_id(order, listing):
            raise RpcError(11044, "not_open_order")
        try:
            order = self._exchange.cancel(call.caller, order, call.now_ms)
        except Rejected as error:
            raise refusal(error, listing, order.side) from None
        return shapes.order_row(order, listing, order_id)

    def _cancel_by_label(self, call: Call) -> object:
        label, currency = text_of(call.params, "label"), call.params.get("currency")

        def meant(order: Order) -> bool:
            belongs = currency is None or self._belongs(order, str(currency))
            return order.client_id == label and belongs

        return self._cancel_many(call, meant)

    def _cancel_by_currency(self, call: Call) -> object:
        currency = text_of(call.params, "currency")
        return self._cancel_many(call, lambda order: self._belongs(order, currency))

    def _cancel_by_instrument(self, call: Call) -> object:
        listing = self._catalogue.listing_of(call.params)
        return self._cancel_many(call, lambda order: order.native_id == listing.native_id)

    def _cancel_many(self, call: Call, meant: Callable[[Order], bool]) -> object:
        kind = text_of(call.params, "type", _CANCEL_TYPES, "all")
        wanted = str(call.params.get("kind") or "any")
        cancelled = 0
        for order in self._exchange.orders(call.caller, call.now_ms, live=True):
            listing = self._catalogue.by_name[order.native_id]
            if meant(order) and of_type(order, kind) and wanted in ("any", shapes.kind_row(listing)):
                self._exchange.cancel(call.caller, order, call.now_ms, "all")
                cancelled += 1
        return cancelled

    def _belongs(self, order: Order, currency: str) -> bool:
        return self._catalogue.settled_in(self._catalogue.by_name[order.native_id], currency)


def of_type(order: Order, wanted: str) -> bool:
    """Tell whether an order is of a `type` as lists and mass cancels name it."""
    kind = str(order.extra.get("type", order.type))
    waiting = order.trigger is not None and order.triggered_ms is None
    if wanted == "all":
        return True
    if wanted == "limit":
        return not waiting
    if not waiting or wanted in ("trailing_all", "trailing_stop"):
        return False
    return wanted == "trigger_all" or kind == wanted or kind.startswith(wanted.removesuffix("_all"))


def _at_price(listing: Listing, price: Decimal | None) -> Listing:
    """Return the listing with the tick that counts at a price: coin-settled options have a finer one below a step."""
    extra = dict(listing.extra)
    steps = extra.get("tick_size_steps")
    if price is None or not isinstance(steps, list) or not steps or price > Decimal(str(steps[0]["above_price"])):
        return listing
    return replace(listing, tick_size=str(extra["tick_size"]))


def _amount(params: Params, listing: Listing) -> Decimal:
    """Read `amount`, or `contracts` of the instrument's contract size; both have to agree. Raises RpcError."""
    amount, contracts = decimal_of(params, "amount"), decimal_of(params, "contracts")
    if contracts is not None:
        size = contracts * Decimal(str(dict(listing.extra).get("contract_size") or listing.min_size))
        if amount is not None and amount != size:
            raise invalid("contracts", "must match amount")
        amount = size
    if amount is None:
        raise invalid("amount", "value is required")
    return amount


def _trigger(params: Params, kind: str, side: str) -> Trigger | None:
    if kind not in _STOPS:
        return None
    price = decimal_of(params, "trigger_price")
    if price is None:
        raise invalid("trigger_price", "value is required")
    source = shapes.TRIGGERS[text_of(params, "trigger", tuple(shapes.TRIGGERS))]
    return Trigger(price, rising=(side == BUY) == kind.startswith("stop"), source=source)


def _still_valid(call: Call) -> None:
    """Refuse what reaches the matching engine at or after `valid_until`. Raises RpcError."""
    if call.params.get("valid_until") is not None and call.now_ms >= integer_of(call.params, "valid_until"):
        raise RpcError(13888, "timed_out")
