"""What KuCoin's signed endpoints share: the call, how parameters are read, and what each refusal is called.

Codes and words: docs.kucoin.com (error codes of spot and futures), ccxt 4.5.90, and answers quoted in ccxt issue 14682
and in issues 112 and 126 of kucoin-php-sdk. No answer is known for a stop price on the wrong side of the market, for
orders above the largest size, and for a futures price off the tick: their words are ours.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeVar

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import BUY, SELL, Account, Order, Reason, Rejected
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing
from simulator.venue import SimVenue
from simulator.venues.kucoin_wire import KucoinError, Row, plain

T = TypeVar("T")
Given = Mapping[str, Any]
CLIENT_ID = re.compile(r"[0-9A-Za-z_-]{1,40}")
WEEK_MS = 7 * DAY_MS
NOT_CANCELLABLE = ("400100", "order_not_exist_or_not_allow_to_cancel")
DUPLICATE_STOP = ("400100", "validation.createOrder.clientOidDuplicated")

SPOT_REFUSALS: Mapping[Reason, tuple[str, str]] = {
    Reason.INSUFFICIENT_FUNDS: ("200004", "Balance insufficient!"),
    Reason.PRICE_TICK: ("400100", "Price increment invalid."),
    Reason.LOT_SIZE: ("600100", "Order size increment invalid."),
    Reason.MIN_SIZE: ("400100", "Order size below the minimum requirement."),
    Reason.MAX_SIZE: ("400100", "Order size above the maximum requirement."),
    Reason.MIN_NOTIONAL: ("600101", "The order funds should more then {min_funds} {quote}."),
    Reason.NO_LIQUIDITY: ("400200", "Forbidden to place an order"),
    Reason.WOULD_TAKE: ("102411", "Post only order would be filled at once"),
    Reason.WOULD_TRIGGER: ("400100", "stopPrice is invalid"),
    Reason.DUPLICATE_CLIENT_ID: ("102426", "Duplicate user-defined unique order ID"),
    Reason.UNKNOWN_ORDER: NOT_CANCELLABLE,
    Reason.CLOSED_ORDER: NOT_CANCELLABLE,
    Reason.TOO_MANY_ORDERS: ("200003", "Number of orders breached the limit"),
    Reason.EXPIRED_LISTING: ("600203", "Symbol {symbol} cant be traded"),
}
FUTURES_REFUSALS: Mapping[Reason, tuple[str, str]] = {
    Reason.INSUFFICIENT_FUNDS: ("300003", "Balance insufficient. The order would cost {needed}."),
    Reason.PRICE_TICK: ("100001", "There are invalid parameters: price is no multiple of {tick}"),
    Reason.LOT_SIZE: ("100001", "There are invalid parameters: size is no multiple of {lot}"),
    Reason.MIN_SIZE: ("100001", "There are invalid parameters: size is below {lot}"),
    Reason.MAX_SIZE: ("100001", "There are invalid parameters: size is above the maximum"),
    Reason.NO_LIQUIDITY: ("300008", "Unavailable to place the order, there's no contra order in the market."),
    Reason.WOULD_TAKE: ("300000", "Request parameter illegal: post only order would be filled at once"),
    Reason.WOULD_TRIGGER: ("300000", "Request parameter illegal: stopPrice"),
    Reason.REDUCE_ONLY: ("300009", "No open positions to close."),
    Reason.DUPLICATE_CLIENT_ID: ("300018", "clientOid parameter repeated"),
    Reason.UNKNOWN_ORDER: ("100004", "The order cannot be canceled."),
    Reason.CLOSED_ORDER: ("100004", "The order cannot be canceled."),
    Reason.TOO_MANY_ORDERS: ("300001", "Active order quantity limit exceeded (limit: {most}, current: {most})"),
    Reason.EXPIRED_LISTING: ("100003", "Contract parameter invalid"),
}
"""Code and words by reason; what is not listed is 400100 and 300000."""


@dataclass
class Settings:
    """What an owner has set and the exchange does not keep: margin modes, cross leverages, the dead-man switch.

    By owner and contract; the switch by owner: seconds and when it fires (ms).
    """

    margin_modes: dict[tuple[str, str], str] = field(default_factory=dict)
    cross_leverages: dict[tuple[str, str], int] = field(default_factory=dict)
    switches: dict[str, tuple[int, int]] = field(default_factory=dict)


class Call(NamedTuple):
    """One signed call: whose it is, and the parameters of path, query and body together."""

    venue: SimVenue
    exchange: Exchange
    settings: Settings
    account: Account
    given: Given
    now_ms: int

    def listing(self, product: str) -> Listing:
        """Find the instrument that `symbol` names. Raises KucoinError 400100, 900001 or 100003."""
        found = self.venue.by_id.get((product, text(self.given, "symbol")))
        if found is None:
            raise KucoinError(*(("900001", "symbol not exists") if product == "spot" else NO_CONTRACT))
        return found

    def narrowed(self, product: str) -> str | None:
        """Read an optional `symbol` that narrows a list; None: all."""
        return self.listing(product).native_id if self.given.get("symbol") else None


Handler = Callable[[Call], object]
NO_CONTRACT = ("100003", "Contract parameter invalid")


def text(given: Given, name: str, choices: Sequence[str] = (), default: str | None = None) -> str:
    """Read a text parameter. Raises KucoinError 400100 where it is absent or none of `choices`."""
    value = given.get(name)
    if value in (None, ""):
        if default is None:
            raise KucoinError("400100", f"{name} can not be empty")
        return default
    if not isinstance(value, str) or (choices and value not in choices):
        raise KucoinError("400100", f"{name} is invalid")
    return value


def flag(given: Given, name: str) -> bool:
    """Read a boolean; text counts as well."""
    return given.get(name) in (True, "true", "True")


def amount(given: Given, name: str) -> Decimal | None:
    """Read a number above zero; None where it is absent. Raises KucoinError 400100."""
    value = given.get(name)
    if value in (None, "") or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number <= 0:
        raise KucoinError("400100", f"{name} is invalid")
    return number


def count(given: Given, name: str, default: int, most: int) -> int:
    """Read a whole number from 1 to `most`. Raises KucoinError 400100."""
    value = str(given.get(name) or default)
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
        raise KucoinError("400100", f"{name} should not greater than {most}")
    return int(value)


def span(given: Given, now_ms: int) -> tuple[int, int]:
    """Read `startAt` and `endAt` (ms): at most a week; where one is absent it lies a week from the other."""
    start, end = (int(str(given.get(name) or 0)) for name in ("startAt", "endAt"))
    if not start:
        end = end or now_ms
        return end - WEEK_MS, end
    return start, min(end or now_ms, start + WEEK_MS)


def client_id(given: Given, *, needed: bool) -> str:
    """Read `clientOid`: up to 40 letters, digits, `_` and `-`. Raises KucoinError 400100."""
    value = given.get("clientOid")
    if value in (None, ""):
        if needed:
            raise KucoinError("400100", "validation.createOrder.clientOidIsRequired")
        return ""
    if not isinstance(value, str) or not CLIENT_ID.fullmatch(value):
        raise KucoinError("400100", "clientOid is invalid")
    return value


def asked(work: Callable[[], T], refusals: Mapping[Reason, tuple[str, str]], listing: Listing | None = None) -> T:
    """Run what the exchange may refuse. Raises KucoinError with the venue's code and words."""
    try:
        return work()
    except Rejected as refusal:
        fallback = ("400100" if refusals is SPOT_REFUSALS else "300000", refusal.reason.value)
        code, words = refusals.get(refusal.reason, fallback)
        raise KucoinError(code, words.format_map(_Facts(_facts(refusal, listing))).strip()) from None


def check_band(price: Decimal | None, side: str, mark: Decimal, rate: Decimal, codes: "BandCodes") -> None:
    """Refuse to buy far above and to sell far below the market. Raises KucoinError."""
    if price is None or not mark:
        return
    if side == BUY and price > mark * (1 + rate):
        raise KucoinError(codes[0][0], codes[0][1].format(limit=plain(mark * (1 + rate))))
    if side == SELL and price < mark * (1 - rate):
        raise KucoinError(codes[1][0], codes[1][1].format(limit=plain(mark * (1 - rate))))


BandCodes = tuple[tuple[str, str], tuple[str, str]]
SPOT_BAND: BandCodes = (("400370", "Max. price: {limit}"), ("400760", "order price should be more than {limit}"))
FUTURES_BAND: BandCodes = (
    ("300011", "Order price cannot be higher than {limit}"),
    ("300012", "Order price cannot be lower than {limit}"),
)


class _Facts(dict[str, object]):
    """Facts for a refusal's text; what is not known is left out."""

    def __missing__(self, key: str) -> str:
        return ""


def _facts(refusal: Rejected, listing: Listing | None) -> dict[str, object]:
    facts = {key: plain(value) if isinstance(value, Decimal) else value for key, value in refusal.detail.items()}
    if listing is not None:
        facts |= {"symbol": listing.native_id, "quote": listing.quote, "min_funds": listing.min_notional}
        facts |= {"tick": listing.tick_size, "lot": listing.lot_size}
    return facts


def page_of(rows: Sequence[T], given: Given, write: Callable[[T], Row], most: int) -> Row:
    """Cut a list into numbered pages (`currentPage`, `pageSize`), as most of KuCoin's lists come."""
    size = count(given, "pageSize", 50, most)
    number = count(given, "currentPage", 1, 1_000_000)
    return {
        "currentPage": number,
        "pageSize": size,
        "totalNum": len(rows),
        "totalPage": -(-len(rows) // size),
        "items": [write(row) for row in rows[(number - 1) * size : number * size]],
    }


def chosen(orders: Sequence[Order], given: Given) -> list[Order]:
    """Narrow orders by `side` and `type`, newest first."""
    wanted = [(name, given[name]) for name in ("side", "type") if given.get(name)]
    return [order for order in reversed(orders) if all(getattr(order, name) == value for name, value in wanted)]
