"""What OKX's trading endpoints share: parameters of a body, ids, and a code for each reason to refuse.

Codes and texts: okx.com/docs-v5, "Error Code, Trade Class".
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.exchange.model import (
    CANCELLED,
    EXPIRED,
    FILLED,
    REJECTED,
    Account,
    ExchangeRules,
    Order,
    Reason,
    Rejected,
)
from simulator.market.model import SPOT, Listing
from simulator.venue import SimRequest, SimVenue
from simulator.venues.okx_wire import OkxError, Row, instrument

Body = Mapping[str, Any]

WALLET = "trading"
FORGOTTEN_MS = 2 * 3_600_000
"""How long a cancelled order without any fill is still told."""
MOST_AT_ONCE = 20
_FIRST_ID = 1_900_000_000_000_000_000
_STEP = 16
_ALGO = "algo "
"""Puts client ids of algo orders in a namespace of their own, as they are at OKX."""
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_TAG = re.compile(r"[A-Za-z0-9]{0,16}")

RULES = ExchangeRules(
    wallet=lambda _listing: WALLET,
    deposits={
        WALLET: {
            "USDT": "1000000",
            "USDC": "1000000",
            "EUR": "1000000",
            "BTC": "100",
            "ETH": "1000",
            "SOL": "10000",
            "XRP": "100000",
            "DOGE": "1000000",
        }
    },
    order_id=lambda number: str(_FIRST_ID + _STEP * number),
    trade_id=lambda number: str(400_000_000 + number),
    post_only="expire",
    fok="expire",
    leftover=CANCELLED,
    leverage=5,
    max_open_orders=500,
)
"""One trading account pays for everything; fees are taken from what is received. A post-only order that would take
is accepted, then cancelled."""

_REFUSALS: Mapping[Reason, tuple[str, str]] = {
    Reason.INSUFFICIENT_FUNDS: ("51008", "Order failed. Insufficient {currency} balance in account."),
    Reason.PRICE_TICK: ("51150", "The precision of the number of trades or the price exceeds the limit."),
    Reason.LOT_SIZE: ("51121", "Order quantity must be a multiple of the lot size."),
    Reason.MIN_SIZE: ("51020", "Your order should meet or exceed the minimum order amount."),
    Reason.MAX_SIZE: ("51202", "Market order amount exceeds the maximum amount."),
    Reason.MIN_NOTIONAL: ("51020", "Your order should meet or exceed the minimum order amount."),
    Reason.PRICE_BAND: ("51006", "Order price is not within the price limit."),
    Reason.NO_LIQUIDITY: ("51109", "No available offers."),
    Reason.WOULD_TAKE: ("51511", "Operation failed as the order price doesn't meet the requirement for Post Only."),
    Reason.UNFILLABLE: ("51109", "No available offers."),
    Reason.WOULD_TRIGGER: ("51280", "SL trigger price cannot be higher than the last price."),
    Reason.REDUCE_ONLY: (
        "51169",
        "Order failed because you don't have any positions in this direction for this contract to reduce or close.",
    ),
    Reason.DUPLICATE_CLIENT_ID: ("51016", "Client order ID already exists."),
    Reason.UNKNOWN_ORDER: ("51603", "Order does not exist"),
    Reason.CLOSED_ORDER: ("51400", "Cancellation failed as the order has been filled, canceled or does not exist."),
    Reason.NO_CHANGE: ("51500", "You must enter a price, quantity, or TP/SL"),
    Reason.TOO_MANY_ORDERS: ("51102", "Order failed, the number of pending orders for this instId can't be more."),
    Reason.EXPIRED_LISTING: ("51027", "Contract expired."),
}


def absent(names: str) -> Row:
    """Make a row of fields that have nothing to say: empty text, as at OKX."""
    return dict.fromkeys(names.split(), "")


def refusal(error: Rejected, listing: Listing) -> OkxError:
    """Say a refusal of the exchange in OKX's code and words."""
    code, words = _REFUSALS[error.reason]
    if error.reason is Reason.DUPLICATE_CLIENT_ID and error.order is not None and error.order.trigger is not None:
        code, words = "51068", "algoClOrdId already exists within algoClOrdId and attachAlgoClOrdId."
    currency = error.detail.get("currency") or listing.settle or listing.quote
    return OkxError(code, words.format(currency=currency))


def fail_code(order: Order) -> str:
    """Return the code for which an algo order could not place its order when it fired."""
    return _REFUSALS[Reason(order.state_reason)][0]


def body_of(request: SimRequest) -> Any:
    """Decode a body. Raises OkxError 50000 where it is empty, 50002 where it is no JSON."""
    if not request.body:
        raise OkxError("50000", "Body for POST request cannot be empty.", 400)
    try:
        return json.loads(request.body, parse_float=Decimal)
    except ValueError:
        raise OkxError("50002", "JSON syntax error", 400) from None


def single(request: SimRequest) -> Body:
    """Decode a body that is one object."""
    found = body_of(request)
    if not isinstance(found, dict):
        raise OkxError("50002", "JSON syntax error", 400)
    return found


def several(request: SimRequest, most: int = MOST_AT_ONCE) -> list[Body]:
    """Decode a body that is a list of up to `most` objects. Raises OkxError 51111 or 50002."""
    found = body_of(request)
    if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
        raise OkxError("50002", "JSON syntax error", 400)
    if len(found) > most:
        raise OkxError("51111", f"Maximum {most} orders can be placed in bulk.")
    return found


def word(body: Body, name: str) -> str:
    """Read a parameter as text; null and absent are empty, as in the bodies of OKX's own SDK."""
    value = body.get(name)
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value).strip()


def needed(body: Body, name: str, *allowed: str) -> str:
    """Read a parameter that must be there. Raises OkxError 50014, or 51000 where it is none of `allowed`."""
    value = word(body, name)
    if not value:
        raise OkxError("50014", f"Parameter {name} can not be empty", 400)
    if allowed and value not in allowed:
        raise wrong(name)
    return value


def amount(body: Body, name: str) -> Decimal | None:
    """Read a number above 0, None where it is absent. Raises OkxError 51000."""
    text = word(body, name)
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise wrong(name) from None
    if not value.is_finite() or value <= 0:
        raise wrong(name)
    return value


def client_id(body: Body, name: str) -> str:
    """Read a client's id. Raises OkxError 51000 where it is not up to 32 letters and digits."""
    text = word(body, name)
    if text and not _CLIENT_ID.fullmatch(text):
        raise wrong(name)
    return text


def tag(body: Body) -> str:
    """Read the tag. Raises OkxError 51000."""
    text = word(body, "tag")
    if not _TAG.fullmatch(text):
        raise wrong("tag")
    return text


def wrong(name: str) -> OkxError:
    """Build the refusal of a parameter."""
    return OkxError("51000", f"Parameter {name} error")


def trade_mode(body: Body, listing: Listing) -> str:
    """Read `tdMode`: this account trades spot with its own cash and contracts with cross margin. Raises OkxError."""
    mode = needed(body, "tdMode", "cash", "cross", "isolated")
    if (mode == "cash") != (listing.kind == SPOT):
        if listing.kind != SPOT:
            raise wrong("tdMode")
        raise OkxError("51010", "You can't complete this request under your current account mode.")
    if mode == "isolated":
        raise OkxError("51010", "You can't complete this request under your current account mode.")
    if word(body, "posSide") not in ("", "net"):
        raise wrong("posSide")
    return mode


def reduce_only(body: Body, listing: Listing) -> bool:
    """Read `reduceOnly`. Raises OkxError 51139 on spot."""
    wanted = word(body, "reduceOnly") == "true"
    if wanted and listing.kind == SPOT:
        raise OkxError("51139", "Reduce-only feature is unavailable for the spot transactions by spot mode.")
    return wanted


def listing_of(venue: SimVenue, body: Body) -> Listing:
    """Return the listing of `instId`, or of `instIdCode`. Raises OkxError 50014 or 51001."""
    return instrument(venue, {"instId": needed(body, "instId")})


# --- ids: an algo order that has fired goes on under an order id of its own ---


def algo_client_id(own: str) -> str:
    """Give an algo order's client id the form that the exchange keeps."""
    return f"{_ALGO}{own}" if own else ""


def own_id(kept: str) -> str:
    """Return a client's id as the client wrote it."""
    return kept.removeprefix(_ALGO)


def fired_id(order: Order) -> str:
    """Return the `ordId` under which an order is in the book."""
    return order.id if order.trigger is None else str(int(order.id) + 1)


def placed(order: Order) -> bool:
    """Tell whether an order is, or was, in the book: a plain one, or an algo order that fired."""
    return order.trigger is None or (order.triggered_ms is not None and order.state != REJECTED)


def forgotten(order: Order, now_ms: int) -> bool:
    """Tell whether OKX tells no more of an order: cancelled without a fill, two hours ago."""
    ended = order.state in (CANCELLED, EXPIRED, REJECTED)
    return ended and not order.filled and order.updated_ms < now_ms - FORGOTTEN_MS


def find_placed(venue: SimVenue, account: Account, body: Body, now_ms: int, listing: Listing) -> Order | None:
    """Look an order up by `ordId`, else `clOrdId`. Raises OkxError 51003 without either."""
    number, own = word(body, "ordId"), word(body, "clOrdId")
    if not number and not own:
        raise OkxError("51003", "Either client order ID or order ID is required.")
    if not number:
        found = venue.exchange.find(
            account, now_ms, client_id=own, product=listing.product, native_id=listing.native_id
        )
        return found if found is not None and placed(found) else None
    if not number.isascii() or not number.isdigit():
        raise wrong("ordId")
    fired = int(number) % _STEP == 1
    found = venue.exchange.find(account, now_ms, order_id=str(int(number) - fired))
    if found is None or found.native_id != listing.native_id or not placed(found):
        return None
    return found if (found.trigger is not None) == fired else None


def find_algo(venue: SimVenue, account: Account, body: Body, now_ms: int) -> Order | None:
    """Look an algo order up by `algoId`, else `algoClOrdId`. Raises OkxError 51003 without either."""
    number, own = word(body, "algoId"), word(body, "algoClOrdId")
    if number:
        found = venue.exchange.find(account, now_ms, order_id=number)
    elif own:
        found = venue.exchange.find(account, now_ms, client_id=algo_client_id(own))
    else:
        raise OkxError("51003", "Either client order ID or order ID is required.")
    name = word(body, "instId")
    if found is None or found.trigger is None or (name and found.native_id != name):
        return None
    return found


def closed(order: Order, done: str, ended: str) -> str:
    """Choose the code for an order that is filled, or that ended otherwise."""
    return done if order.state == FILLED else ended
