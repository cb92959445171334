"""Who may ask the simulated Bybit for what: keys, signatures over the bytes as they came, limits per UID and endpoint.

Sources: bybit-exchange.github.io/docs/v5/guide (authentication), /rate-limit and /error, ccxt 4.5.90, pybit 5.17.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256

from simulator.exchange.model import READ, TRADE, WITHDRAW, Account
from simulator.limits import AS_REAL, Clock, Taken, Windows
from simulator.venue import SimRequest
from simulator.venues.bybit_market_data import Refusal

ACCOUNTS = (
    Account("main", "Cb1SimTradeKey0001", "xK7pQ2mVt9RzLw4HsYb6NcEd1JuGf8TaZo5i"),
    Account("main", "Cb1SimReadOnly0002", "dR3nWc8XkYq5MvBt0LsHe7PjUz2FaGi9oT4y", permissions=frozenset({READ})),
    Account(
        "main",
        "Cb1SimWithdraw0003",
        "hT6sGv1QpZx9JbNr4KdMw2EyLc7UfAo5iW8k",
        permissions=frozenset({READ, TRADE, WITHDRAW}),
    ),
    Account("other", "Cb1SimOtherKey0004", "bY5uHf2LzKq8WnRx6TcSd0PmJv3EgAi7oG9w"),
)
"""Keys of 18 and secrets of 36 letters and digits, as Bybit makes them."""

_UNSIGNED = "empty value: apiTimestamp[] apiKey[] apiSignature[]: openapi sign params error!"
_STALE = "invalid request, please check your server timestamp or recv_window param. "
_AHEAD_MS = 1000
_DEFAULT_WINDOW_MS = 5000

_PER_SECOND: Mapping[str, tuple[int, int]] = {
    "/v5/order/create": (10, 20), "/v5/order/amend": (10, 10), "/v5/order/cancel": (10, 20),
    "/v5/order/cancel-all": (10, 20), "/v5/order/create-batch": (10, 20), "/v5/order/amend-batch": (10, 20),
    "/v5/order/cancel-batch": (10, 20), "/v5/order/realtime": (50, 50), "/v5/order/history": (50, 50),
    "/v5/execution/list": (50, 50), "/v5/position/list": (50, 50), "/v5/account/wallet-balance": (50, 50),
    "/v5/account/info": (50, 50), "/v5/account/transaction-log": (30, 30),
}  # fmt: skip
"""Calls a second and UID: of contracts, of spot."""
_OTHERS = (10, 10)


def authenticate(request: SimRequest, account_of: Callable[[str], Account | None]) -> Account:
    """Find whose request it is.

    The signature is over timestamp, key, window, and the query or the body exactly as received. A timestamp is taken
    from `recvWindow` ago until a second ahead of the server.

    Raises:
        Refusal: 10001 unsigned, 10002 stale or ahead, 10003 no such key, 10004 wrong signature.
    """
    key, given = request.headers.get("x-bapi-api-key", ""), request.headers.get("x-bapi-sign", "")
    stamp = request.headers.get("x-bapi-timestamp", "")
    window = request.headers.get("x-bapi-recv-window", "")
    if not (key and given):
        raise Refusal(10001, _UNSIGNED)
    account = account_of(key)
    if account is None:
        raise Refusal(10003, "API key is invalid.")
    _check_time(stamp, window, request.now_ms)
    payload = request.body if request.method == "POST" else request.target.partition("?")[2].encode()
    signed = f"{stamp}{key}{window}".encode() + payload
    if not hmac.compare_digest(hmac.new(account.secret.encode(), signed, sha256).hexdigest(), given):
        raise Refusal(10004, f"error sign! origin_string[{signed.decode('utf-8', 'replace')}]")
    return account


def _check_time(stamp: str, window: str, now_ms: int) -> None:
    if not stamp.isdigit() or not (window or "0").isdigit():
        raise Refusal(10001, "Request parameter error.")
    asked_ms, window_ms = int(stamp), int(window or _DEFAULT_WINDOW_MS)
    if not now_ms - window_ms <= asked_ms < now_ms + _AHEAD_MS:
        times = f"req_timestamp[{asked_ms}],server_timestamp[{now_ms}],recv_window[{window_ms}]"
        raise Refusal(10002, _STALE + times)


class CallLimits:
    """How many calls of an endpoint a UID has made in the running second; spot counts apart from contracts."""

    def __init__(self, factor: float = AS_REAL, clock: Clock = time.monotonic) -> None:
        self._windows = Windows(factor, clock)

    def take(self, owner: str, path: str, category: str, orders: int = 1) -> Taken:
        """Count a call, or the `orders` of a batch."""
        spot = category == "spot"
        limit = _PER_SECOND.get(path, _OTHERS)[spot]
        return self._windows.take(f"{owner} {path} {spot}", limit, 1.0, orders)

    @staticmethod
    def headers(taken: Taken, now_ms: int) -> dict[str, str]:
        """Say what is left, and when there is more (epoch milliseconds)."""
        wait_ms = 0 if taken.admitted else round(taken.left_s * 1000)
        return {
            "X-Bapi-Limit": str(taken.limit),
            "X-Bapi-Limit-Status": str(taken.left),
            "X-Bapi-Limit-Reset-Timestamp": str(now_ms + wait_ms),
        }
