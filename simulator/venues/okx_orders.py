"""OKX's order book trading: orders placed, cancelled and amended under `/api/v5/trade`.

Source: okx.com/docs-v5, "Order Book Trading, Trade". Answers of calls that change something carry one item per order
with an `sCode` of its own; `code` is then 0 (all done), 1 (none) or 2 (some).
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from simulator.exchange.model import (
    FILLED,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    Account,
    NewOrder,
    Order,
    Reason,
    Rejected,
)
from simulator.market.model import OPTION, SPOT, Listing
from simulator.venue import SimRequest, SimVenue
from simulator.venues.okx_order_wire import (
    Body,
    amount,
    client_id,
    closed,
    find_placed,
    fired_id,
    forgotten,
    listing_of,
    needed,
    reduce_only,
    refusal,
    several,
    single,
    tag,
    trade_mode,
    word,
    wrong,
)
from simulator.venues.okx_wire import OkxError, Query, Row

TYPES = ("limit", "market", "post_only", "fok", "ioc", "optimal_limit_ioc")


class Call(NamedTuple):
    """Whose request it is: every private handler is given one."""

    venue: SimVenue
    account: Account
    request: SimRequest
    count_order: Callable[[], None]
    """Counts an order that is placed or amended. Raises OkxError 50061 beyond the account's limit."""

    @property
    def now_ms(self) -> int:
        """The venue's clock."""
        return self.request.now_ms

    @property
    def query(self) -> Query:
        """The decoded query."""
        return self.request.query


def items(call: Call, bodies: Iterable[Body], act: Callable[[Call, Body], Row], empty: Row) -> list[Row]:
    """Do something once per body; what is refused is told in its own item, and stops nothing else."""
    found: list[Row] = []
    for body in bodies:
        try:
            found.append({**empty, **act(call, body), "sCode": "0", "sMsg": ""})
        except OkxError as error:
            if error.status != 200 or error.code == "50061":
                raise
            known = {name: word(body, name) for name in empty if name in body}
            found.append({**empty, **known, "sCode": error.code, "sMsg": str(error)})
    return found


# --- placing -------------------------------------------------------------------------------------------------------

_PLACED: Row = {"clOrdId": "", "ordId": "", "sCode": "", "sMsg": "", "tag": "", "ts": ""}


def place(call: Call) -> list[Row]:
    """Place one order."""
    return items(call, [single(call.request)], _place, _PLACED | {"ts": str(call.now_ms)})


def place_several(call: Call) -> list[Row]:
    """Place up to 20 orders."""
    return items(call, several(call.request), _place, _PLACED | {"ts": str(call.now_ms)})


def _place(call: Call, body: Body) -> Row:
    listing = listing_of(call.venue, body)
    in_time(call)
    order = new_order(body, listing)
    call.count_order()
    try:
        found = call.venue.exchange.place(call.account, listing, order, call.now_ms)
    except Rejected as error:
        raise refusal(error, listing) from None
    return {"ordId": found.id, "clOrdId": found.client_id, "tag": order.extra["tag"]}


def in_time(call: Call) -> None:
    """Raise OkxError 50036 where the `expTime` header (epoch ms) lies in the past: such an order is never accepted."""
    deadline = call.request.headers.get("exptime")
    if not deadline:
        return
    if not deadline.isdigit():
        raise wrong("expTime")
    if int(deadline) < call.now_ms:
        raise OkxError(
            "50036",
            "The expTime can't be earlier than the current system time. Please adjust the expTime and try again.",
        )


def new_order(body: Body, listing: Listing) -> NewOrder:
    """Read an order from a body. Raises OkxError."""
    mode = trade_mode(body, listing)
    side = needed(body, "side", "buy", "sell")
    kind = needed(body, "ordType", *TYPES)
    needed(body, "sz")
    size, price = amount(body, "sz"), amount(body, "px")
    market = kind in ("market", "optimal_limit_ioc")
    if kind == "optimal_limit_ioc" and listing.kind in (SPOT, OPTION):
        raise wrong("ordType")
    if market and listing.kind == OPTION:
        raise OkxError("51066", "Market orders unavailable for options trading. Place a limit order to close position.")
    if not market and price is None:
        raise OkxError("51204", "The price for the limit order cannot be empty.")
    by_quote = market and listing.kind == SPOT and target(body, side) == "quote_ccy"
    return NewOrder(
        side,
        MARKET if market else LIMIT,
        size=None if by_quote else size,
        quote_amount=size if by_quote else None,
        price=None if market else price,
        tif=FOK if kind == "fok" else IOC if market or kind == "ioc" else GTC,
        post_only=kind == "post_only",
        reduce_only=reduce_only(body, listing),
        client_id=client_id(body, "clOrdId"),
        extra={"tag": tag(body), "tdMode": mode, "ordType": kind},
    )


def target(body: Body, side: str) -> str:
    """Read `tgtCcy`: what `sz` of a spot market order counts. A buy counts quote unless it says otherwise."""
    found = word(body, "tgtCcy") or ("quote_ccy" if side == "buy" else "base_ccy")
    if found not in ("base_ccy", "quote_ccy"):
        raise wrong("tgtCcy")
    return found


# --- cancelling and amending ---------------------------------------------------------------------------------------

_CANCELLED: Row = {"clOrdId": "", "ordId": "", "sCode": "", "sMsg": "", "ts": ""}
_AMENDED: Row = _CANCELLED | {"reqId": ""}


def cancel(call: Call) -> list[Row]:
    """Cancel one order."""
    return items(call, [single(call.request)], _cancel, _CANCELLED | {"ts": str(call.now_ms)})


def cancel_several(call: Call) -> list[Row]:
    """Cancel up to 20 orders."""
    return items(call, several(call.request), _cancel, _CANCELLED | {"ts": str(call.now_ms)})


def _cancel(call: Call, body: Body) -> Row:
    listing = listing_of(call.venue, body)
    order = find_placed(call.venue, call.account, body, call.now_ms, listing)
    if order is None or forgotten(order, call.now_ms):
        raise OkxError("51400", "Cancellation failed as the order has been filled, canceled or does not exist.")
    try:
        call.venue.exchange.cancel(call.account, order, call.now_ms)
    except Rejected:
        words = "completed" if order.state == FILLED else "canceled"
        raise OkxError(
            closed(order, "51402", "51401"), f"Cancellation failed as the order is already {words}."
        ) from None
    return _ids(order)


def amend(call: Call) -> list[Row]:
    """Change size or price of one order."""
    return items(call, [single(call.request)], _amend, _AMENDED | {"ts": str(call.now_ms)})


def amend_several(call: Call) -> list[Row]:
    """Change size or price of up to 20 orders."""
    return items(call, several(call.request), _amend, _AMENDED | {"ts": str(call.now_ms)})


def _amend(call: Call, body: Body) -> Row:
    listing = listing_of(call.venue, body)
    in_time(call)
    size, price = amount(body, "newSz"), amount(body, "newPx")
    if size is None and price is None:
        raise OkxError("51500", "You must enter a price, quantity, or TP/SL")
    order = find_placed(call.venue, call.account, body, call.now_ms, listing)
    if order is None:
        raise OkxError("51503", "Your order has already been filled or canceled.")
    call.count_order()
    change(call, order, listing, price, size)
    return {**_ids(order), "reqId": word(body, "reqId")}


def change(call: Call, order: Order, listing: Listing, price: Decimal | None, size: Decimal | None) -> None:
    """Amend an order. Raises OkxError; what changes nothing is no error."""
    try:
        call.venue.exchange.amend(call.account, order, call.now_ms, price=price, size=size)
    except Rejected as error:
        if error.reason is Reason.CLOSED_ORDER:
            words = "completed" if order.state == FILLED else "canceled"
            code = closed(order, "51510", "51509")
            raise OkxError(code, f"Modification failed as the order has been {words}.") from None
        if error.reason is not Reason.NO_CHANGE:
            raise refusal(error, listing) from None


def _ids(order: Order) -> Row:
    return {"ordId": fired_id(order), "clOrdId": "" if order.trigger is not None else order.client_id}


def cancel_all_after(call: Call) -> list[Row]:
    """Set the dead-man switch to 10…120 seconds, or switch it off with 0."""
    body = single(call.request)
    seconds = needed(body, "timeOut")
    if not seconds.isdigit() or not (int(seconds) == 0 or 10 <= int(seconds) <= 120):
        raise wrong("timeOut")
    at_ms = call.venue.exchange.set_timer(call.account, int(seconds) or None, call.now_ms)
    return [{"triggerTime": str(at_ms or 0), "tag": word(body, "tag"), "ts": str(call.now_ms)}]
