"""What all signed calls of the simulated Bybit share: who asks, for what, by which ids, and how lists are paged."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import FILLED, TRADE, Account, Order, Reason, Rejected
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing, NotRecorded
from simulator.venue import SimRequest
from simulator.venues.bybit_market_data import BAD_PARAMETER, Call, Refusal, invalid

T = TypeVar("T")

NOT_PERMITTED = Refusal(10005, "Permission denied, please check your API key permissions.")
_WEEK_MS = 7 * DAY_MS
_UUID_TAIL = UUID("00000000-0000-4c1b-8d5e-3f9a6b7c0d42").int
_SPOT_IDS = 1_800_000_000_000_000_000
_SPOT_TRADES = 2_290_000_000_100_000_000

_CONTRACT_CODES: Mapping[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (110007, "ab not enough for new order"),
    Reason.PRICE_TICK: (BAD_PARAMETER, "params error: Price invalid"),
    Reason.LOT_SIZE: (BAD_PARAMETER, "Qty invalid"),
    Reason.MIN_SIZE: (BAD_PARAMETER, "The number of contracts exceeds minimum limit allowed"),
    Reason.MAX_SIZE: (BAD_PARAMETER, "The number of contracts exceeds maximum limit allowed: too large"),
    Reason.MIN_NOTIONAL: (110094, "Order does not meet minimum order value 5USDT"),
    Reason.PRICE_BAND: (110003, "Order price is out of permissible range"),
    Reason.NO_LIQUIDITY: (110066, "No trading is allowed at the current time"),
    Reason.REDUCE_ONLY: (110017, "orderQty will be truncated to zero"),
    Reason.DUPLICATE_CLIENT_ID: (110072, "OrderLinkedID is duplicate"),
    Reason.UNKNOWN_ORDER: (110001, "order not exists or too late to cancel"),
    Reason.CLOSED_ORDER: (110001, "order not exists or too late to cancel"),
    Reason.NO_CHANGE: (BAD_PARAMETER, "order not modified"),
    Reason.TOO_MANY_ORDERS: (110020, "Cannot have more than 500 active orders."),
    Reason.EXPIRED_LISTING: (BAD_PARAMETER, "params error: symbol invalid"),
}
_SPOT_CODES: Mapping[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (170131, "Insufficient balance."),
    Reason.PRICE_TICK: (170134, "Order price has too many decimals."),
    Reason.LOT_SIZE: (170137, "Order quantity has too many decimals."),
    Reason.MIN_SIZE: (170136, "Order quantity exceeded lower limit."),
    Reason.MAX_SIZE: (170135, "Order quantity exceeded upper limit."),
    Reason.MIN_NOTIONAL: (170140, "Order value exceeded lower limit."),
    Reason.PRICE_BAND: (170193, "Buy order price cannot be higher than the limit."),
    Reason.NO_LIQUIDITY: (170210, "New order rejected."),
    Reason.DUPLICATE_CLIENT_ID: (170141, "Duplicate clientOrderId"),
    Reason.UNKNOWN_ORDER: (170213, "Order does not exist."),
    Reason.CLOSED_ORDER: (170142, "Order has been canceled."),
    Reason.NO_CHANGE: (BAD_PARAMETER, "The order remains unchanged as the parameters entered match the existing ones."),
    Reason.TOO_MANY_ORDERS: (170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders."),
    Reason.EXPIRED_LISTING: (170121, "Invalid symbol."),
}


def refused(rejected: Rejected, category: str, rising: bool | None = None) -> Refusal:
    """Put a refusal of the exchange in Bybit's codes and words; `rising` is the direction of a trigger."""
    reason = rejected.reason
    if category == "spot":
        if reason is Reason.CLOSED_ORDER and rejected.order is not None and rejected.order.state == FILLED:
            return Refusal(170139, "Order has been filled.")
        return Refusal(*_SPOT_CODES.get(reason, (170210, "New order rejected.")))
    if reason is Reason.WOULD_TRIGGER:
        code, word, sign = (110092, "Rising", "<=") if rising else (110093, "Falling", ">=")
        return Refusal(code, f"expect {word}, but trigger_price {sign} current")
    return Refusal(*_CONTRACT_CODES.get(reason, (110032, "Illegal order")))


@dataclass(frozen=True)
class PrivateCall(Call):
    """A signed call: a query or a JSON body (`params` has either as text, `body` the body as it came)."""

    account: Account
    exchange: Exchange
    body: Mapping[str, object]

    @property
    def orders(self) -> int:
        """Count the orders of a batch; 1 for any other call."""
        batch = self.body.get("request")
        return max(1, len(batch)) if isinstance(batch, list) else 1

    def must_trade(self) -> None:
        """Refuse a key that may only read, and options, for which no key here has the permission."""
        if TRADE not in self.account.permissions or self.params.get("category") == "option":
            raise NOT_PERMITTED

    def decimal(self, name: str) -> Decimal | None:
        """Read a number above zero that has to be sent as text; None where it is absent or empty."""
        given = self.body.get(name)
        if given is None or given == "":
            return None
        if not isinstance(given, str):
            raise Refusal(BAD_PARAMETER, "Request parameter error.")
        try:
            number = Decimal(given)
        except InvalidOperation:
            raise invalid(name) from None
        if not number.is_finite() or number < 0:
            raise invalid(name)
        return number or None

    def flag(self, name: str) -> bool:
        """Read a boolean, which some clients send as text."""
        return self.params.get(name, "").lower() == "true"

    def found(self, product: str | None = None) -> Order | None:
        """Find the order named by `orderId`, or else by `orderLinkId`; None where there is none."""
        category = product or self.category
        if "orderId" in self.params:
            number = _number_of(category, self.params["orderId"])
            if number is None:
                return None
            return self.exchange.find(self.account, self.now_ms, order_id=order_id("spot", number), product=category)
        client_id = self.params.get("orderLinkId", "")
        if not client_id:
            return None
        return self.exchange.find(self.account, self.now_ms, client_id=client_id, product=category)

    def known(self, orders: list[Order]) -> list[Order]:
        """Keep the orders of instruments that are still listed."""
        return [order for order in orders if order.native_id in self.listings[order.product]]

    def last_price(self, listing: Listing) -> Decimal:
        """Return the price of the last trade, or the mark price where the market knows no trade."""
        try:
            trades = self.market.trades(listing, 1, self.now_ms)
        except NotRecorded:
            trades = ()
        return Decimal(trades[0].price) if trades else self.exchange.mark_price(listing, self.now_ms)

    @property
    def named(self) -> bool:
        """Tell whether an id was given, be it empty."""
        return "orderId" in self.params or bool(self.params.get("orderLinkId"))

    def window(self) -> tuple[int, int]:
        """Read `startTime` and `endTime`: seven days at most, the last seven by default (epoch milliseconds)."""
        start, end = self.number("startTime", 0), self.number("endTime", 0)
        if start and end and not 0 <= end - start <= _WEEK_MS:
            raise Refusal(BAD_PARAMETER, "params error: the time range cannot exceed 7 days")
        if start:
            return start, end or start + _WEEK_MS
        end = end or self.now_ms
        return end - _WEEK_MS, end

    def page(
        self, rows: Sequence[T], key: Callable[[T], tuple[int, int, int]], default: int, most: int
    ) -> tuple[list[T], str]:
        """Cut out a page, newest first. There is a cursor as long as there were rows; the page after the last is empty.

        `key` orders the rows: a time, a number, and which of several lists a row is from.
        """
        ordered = sorted(rows, key=key, reverse=True)
        if cursor := self.params.get("cursor"):
            try:
                last = tuple(int(part) for part in cursor.split(",")[-1].split(":"))
            except ValueError:
                raise invalid("cursor") from None
            ordered = [row for row in ordered if key(row) < last]
        taken = ordered[: self.limit(default, most)]
        if not taken:
            return [], ""
        ends = [":".join(map(str, key(row))) for row in (taken[0], taken[-1])]
        return taken, quote(",".join(ends), safe="")


@dataclass(frozen=True)
class Batch:
    """The answer to a batch: `results` in the order of the requests, and for each its code and message."""

    results: list[dict[str, object]]
    outcomes: list[dict[str, object]]


def private_call(request: SimRequest, call: Call, account: Account, exchange: Exchange) -> PrivateCall:
    """Read a signed request."""
    body: Mapping[str, object] = {}
    params: Mapping[str, str] = request.query
    if request.method == "POST":
        try:
            body = json.loads(request.body or b"{}")
        except ValueError:
            raise Refusal(BAD_PARAMETER, "Request parameter error.") from None
        if not isinstance(body, dict):
            raise Refusal(BAD_PARAMETER, "Request parameter error.")
        params = as_text(body)
    return PrivateCall(params, call.market, call.listings, call.now_ms, account, exchange, body)


def as_text(body: Mapping[str, object]) -> dict[str, str]:
    """Write a JSON object's values as text, as a query would have them; null is absent."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in body.items()
        if isinstance(value, (str, int, float))
    }


def order_id(product: str, number: int) -> str:
    """Write an order's id: a UUID on contracts, a long number on spot."""
    return str(_SPOT_IDS + (number << 8)) if product == "spot" else str(UUID(int=number << 80 | _UUID_TAIL))


def shown_id(product: str, kept_id: str) -> str:
    """Write the id of an order as its category does, from the id that the exchange keeps it under: that of spot."""
    return order_id(product, _number_of("spot", kept_id) or 0)


def _number_of(product: str, text: str) -> int | None:
    """Read the number of an order from its id, or None where no order has such an id."""
    try:
        number = (int(text) - _SPOT_IDS) >> 8 if product == "spot" else UUID(text).int >> 80
    except ValueError:
        return None
    return number if number > 0 and order_id(product, number) == text else None


def trade_id(product: str, number: int, mark: int = 0) -> str:
    """Write an execution's id; `mark` keeps kinds of executions apart."""
    return str(_SPOT_TRADES + number) if product == "spot" else str(UUID(int=number << 80 | mark << 64 | _UUID_TAIL))
