"""The simulated Binance: spot, USDⓈ-M, COIN-M and options on one port, told apart by their paths.

Limits, refusals and the words of faults are the venue's; limits count real time, whatever the market's clock says.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from simulator.exchange.model import ExchangeRules
from simulator.exchange.store import Store
from simulator.limits import LIFTED, Clock, Windows
from simulator.market.model import Market, NotRecorded
from simulator.venue import SimReply, SimRequest, SimVenue, json_reply
from simulator.venues.binance_auth import ACCOUNTS, authenticate, parameters
from simulator.venues.binance_call import Call, Refusal
from simulator.venues.binance_countdown import Countdowns
from simulator.venues.binance_income import delivery_prices
from simulator.venues.binance_routes import ROUTES, SECTIONS, Route
from simulator.venues.binance_shapes import WEIGHT_LIMITS
from simulator.venues.binance_signed import SignedCall
from simulator.venues.binance_signed_routes import SIGNED_ROUTES, SignedRoute, count_orders

_MINUTE_S = 60.0
_DELIVERY_PRICES = "/futures/data/delivery-price"
_PATIENCE = 10
"""Requests over the limit in one minute before the address is banned."""
_FIRST_BAN_S = 120
_LONGEST_BAN_S = 3 * 86_400
_KEYED = frozenset({"/fapi/v1/historicalTrades", "/dapi/v1/historicalTrades"})
_ACCOUNT = (
    "order", "openOrder", "allOrder", "account", "myTrades", "userTrades", "userDataStream", "listenKey", "balance",
    "position", "income", "leverage", "margin", "capital", "asset", "sub-account", "rateLimit", "commissionRate",
    "batchOrders", "algoOrder", "allOpenOrders",
)  # fmt: skip
_GATEWAY = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {reason}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_REASONS = {404: "Not Found", 502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
_GEO_BLOCK = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you received this message "
    "in error."
)


class WeightMeter:
    """The request weight one address has used this minute in one section, and whether it is banned."""

    def __init__(self, limit: float, clock: Clock = time.monotonic) -> None:
        self.limit = limit
        self.used = 0
        self._clock = clock
        self._minute = -1
        self._over = 0
        self._bans = 0
        self._banned_until_s = 0.0

    def take(self, weight: int) -> None:
        """Count a request; refused and unanswered ones count too."""
        now_s = self._clock()
        if int(now_s // _MINUTE_S) != self._minute or self.limit == LIFTED:
            self._minute, self.used, self._over = int(now_s // _MINUTE_S), 0, 0
        self.used += weight
        if self.used <= self.limit:
            return
        self._over += 1
        if self._over > _PATIENCE and now_s >= self._banned_until_s:
            self._banned_until_s = now_s + min(_FIRST_BAN_S * 2**self._bans, _LONGEST_BAN_S)
            self._bans += 1

    def banned_for_s(self) -> float:
        """Return how long the ban lasts yet; 0 without one."""
        return max(0.0, self._banned_until_s - self._clock())

    def over_for_s(self) -> float:
        """Return how long it takes until requests are answered again; 0 when they are."""
        return _MINUTE_S - self._clock() % _MINUTE_S if self.used > self.limit else 0.0


class Binance(SimVenue):
    """Binance's wire over HTTP. All hosts share a port: no two of them have a path in common."""

    name = "binance"
    ports: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "rest": ("api.binance.com", "fapi.binance.com", "dapi.binance.com", "eapi.binance.com")
    }

    accounts = ACCOUNTS
    rules = ExchangeRules(
        wallet=lambda listing: listing.product,
        deposits={
            "spot": {"USDT": "1000000", "USDC": "1000000", "EUR": "1000000", "BTC": "100", "ETH": "1000",
                     "SOL": "10000", "BNB": "1000", "XRP": "100000", "DOGE": "1000000"},
            "linear": {"USDT": "1000000", "USDC": "1000000", "BNB": "1000"},
        },
        fee_decimals=8,
        payment_decimals=8,
        # The filters of each symbol say how many orders it may have.
        max_open_orders=10_000,
    )  # fmt: skip

    def __init__(self, market: Market, clock: Callable[[], int], store: Store | None = None) -> None:
        """Begin without countdowns."""
        self.countdowns = Countdowns()
        super().__init__(market, clock, store)

    def set_limits(self, factor: float, clock: Clock = time.monotonic) -> None:
        """Begin to count anew."""
        super().set_limits(factor, clock)
        self.order_windows = Windows(factor, clock)
        self.meters = {
            section: WeightMeter(max(1.0, limit * factor), clock) for section, limit in WEIGHT_LIMITS.items()
        }

    def handle(self, port: str, request: SimRequest) -> SimReply:
        """Answer a request to any of the hosts."""
        path = request.path
        section = next((name for prefix, name in SECTIONS.items() if path.startswith(prefix)), None)
        if section is None:
            return _html(404)
        self.countdowns.expire(self.exchange, request.now_ms)
        route = ROUTES.get((request.method, path)) or SIGNED_ROUTES.get((request.method, path))
        params = parameters(request)
        call = Call(section, params, self.market, self.by_product.get(section, {}), request.now_ms)
        meter = self.meters[section]
        meter.take(_weight(route, call))
        headers = self._headers(section)
        if banned_s := meter.banned_for_s():
            return _banned(section, banned_s, request.now_ms, headers)
        if over_s := meter.over_for_s():
            return _too_many(section, over_s, headers)
        try:
            if path == _DELIVERY_PRICES:
                return json_reply(delivery_prices(call, self.exchange, self.accounts), headers=headers)
            if route is None:
                return self._unrouted(section, request)
            _check_known(route, call)
            if isinstance(route, SignedRoute):
                return self._signed(route, call, request, headers)
            return json_reply(route.answer(call), headers=headers)
        except Refusal as refusal:
            return _refused(refusal, headers)
        except NotRecorded as absent:
            # What a tape lacks is as if the symbol were not there: a failing venue would be asked again and again.
            return _error(-1121, f"Invalid symbol. ({absent})", 400, headers)

    def _signed(self, route: SignedRoute, call: Call, request: SimRequest, headers: dict[str, str]) -> SimReply:
        account = authenticate(self.exchange, request, call.params, route.permission)
        if route.orders:
            headers |= count_orders(self.order_windows, account.owner, call.section, route)
        signed = SignedCall(
            call.section, call.params, call.market, call.listings, call.now_ms,
            exchange=self.exchange, account=account, countdowns=self.countdowns,
        )  # fmt: skip
        return json_reply(route.answer(signed), headers=headers)

    def _unrouted(self, section: str, request: SimRequest) -> SimReply:
        """Answer what no route serves: an account's endpoint knows no key, anything else is not there."""
        name = request.path.split("/", 3)[-1]
        key = request.headers.get("x-mbx-apikey")
        if name.startswith(_ACCOUNT) or request.path in _KEYED:
            if not key:
                return _error(-2014, "API-key format invalid.", 401, {})
            if self.exchange.account(key) is None:
                return _error(-2015, "Invalid API-key, IP, or permissions for action.", 401, {})
        if section in ("linear", "inverse"):
            return _error(-5000, f"Path {request.path}, Method {request.method} is invalid", 404, {})
        return _html(404)

    def _headers(self, section: str) -> dict[str, str]:
        used = str(self.meters[section].used)
        if section == "sapi":
            return {"X-SAPI-USED-IP-WEIGHT-1M": used}
        return {"x-mbx-used-weight": used, "x-mbx-used-weight-1m": used} if section == "spot" else {
            "x-mbx-used-weight-1m": used
        }  # fmt: skip

    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        """Put a fault in the venue's words."""
        section = next((name for prefix, name in SECTIONS.items() if request.path.startswith(prefix)), "spot")
        seconds = float(args.get("retry_after_s") or 0)
        if kind == "rate_limited":
            return _too_many(section, seconds or 30, self._headers(section))
        if kind == "banned":
            return _banned(section, seconds or _FIRST_BAN_S, request.now_ms, {})
        if kind == "geo_blocked":
            return _error(0, _GEO_BLOCK, 451, {})
        if kind == "maintenance":
            if request.path == "/sapi/v1/system/status":
                return json_reply({"status": 1, "msg": "system_maintenance"})
            return _error(1, "System is under maintenance.", 503, {})
        if kind == "server_error":
            return _server_error(int(args.get("status") or 503), bool(args.get("handled")))
        raise ValueError(f"Binance has no words for {kind}")


def _weight(route: Route | SignedRoute | None, call: Call) -> int:
    if route is None:
        return 1
    try:
        return route.weight if isinstance(route.weight, int) else route.weight(call)
    except Refusal:
        return 1


def _check_known(route: Route | SignedRoute, call: Call) -> None:
    """Refuse parameters spot does not know."""
    unknown = set(call.params) - route.params
    if call.strict and unknown:
        sent, known = len(call.params), len(route.params)
        if sent > known:
            raise Refusal(-1101, f"Too many parameters; expected '{known}' and received '{sent}'.")
        read = sent - len(unknown)
        text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
        raise Refusal(-1104, text)


def _refused(refusal: Refusal, headers: Mapping[str, str]) -> SimReply:
    payload: dict[str, object] = {"code": refusal.code, "msg": refusal.message}
    if refusal.data is not None:
        payload["data"] = refusal.data
    if refusal.status == 429:
        headers = {**headers, "Retry-After": "10"}
    return json_reply(payload, refusal.status, headers)


def _error(code: int, message: str, status: int, headers: Mapping[str, str]) -> SimReply:
    return json_reply({"code": code, "msg": message}, status, headers)


def _html(status: int) -> SimReply:
    body = _GATEWAY.format(status=status, reason=_REASONS.get(status, "Error"))
    return SimReply(body.encode(), status, content_type="text/html")


def _too_many(section: str, seconds: float, headers: Mapping[str, str]) -> SimReply:
    limit = WEIGHT_LIMITS[section]
    if section in ("linear", "inverse"):
        text = (
            f"Too many requests; current limit of IP(127.0.0.1) is {limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
    else:
        text = (
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
    return _error(-1003, text, 429, {**headers, "Retry-After": str(max(1, round(seconds)))})


def _banned(section: str, seconds: float, now_ms: int, headers: Mapping[str, str]) -> SimReply:
    until_ms = now_ms + round(seconds * 1000)
    if section in ("linear", "inverse"):
        text = (
            f"Way too many requests; IP(127.0.0.1) banned until {until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
    else:
        text = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
    return _error(-1003, text, 418, {**headers, "Retry-After": str(max(1, round(seconds)))})


def _server_error(status: int, handled: bool) -> SimReply:
    if handled and status == 503:
        # The words by which the venue says that it does not know; the others mean that nothing was done.
        return _error(-1000, "Unknown error, please check your request or try again later.", 503, {})
    if status == 500:
        return _error(-1001, "Internal error; unable to process your request. Please try again.", 500, {})
    if status == 503:
        return _error(
            -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503, {}
        )
    return _html(status)
