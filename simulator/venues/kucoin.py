"""The simulated KuCoin: the REST interfaces of its spot and its futures host, each on its own port."""

import json
import re
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

from simulator.exchange.model import READ, Account
from simulator.exchange.store import Store
from simulator.limits import Clock, Windows
from simulator.market.model import Market, NotRecorded
from simulator.venue import SimReply, SimRequest, SimVenue, json_reply
from simulator.venues import kucoin_futures, kucoin_spot
from simulator.venues.kucoin_accounts import RULES
from simulator.venues.kucoin_auth import ACCOUNTS, authenticate, permit
from simulator.venues.kucoin_private import Call, Settings
from simulator.venues.kucoin_private_routes import POOLS, PRIVATE_ROUTES, PrivateRoute
from simulator.venues.kucoin_wire import KucoinError, Params, Row, pool_headers

Handler = Callable[[SimVenue, SimRequest, Params], object]
PUBLIC_POOL = 2_000
POOL_WINDOW_S = 30.0
TOO_MANY = {"code": "429000", "msg": "Too many requests in a short period of time, please retry later"}
CLOSED = {"status": "close", "msg": "upgrade match engine"}


class Route(NamedTuple):
    """An endpoint: who answers it, its weight, and whether it wants a key."""

    handler: Handler
    weight: int
    signed: bool = False


def server_time(_venue: SimVenue, request: SimRequest, _params: Params) -> int:
    """Serve the venue's clock."""
    return request.now_ms


def status(_venue: SimVenue, _request: SimRequest, _params: Params) -> Row:
    """Say that the venue is open."""
    return {"status": "open", "msg": ""}


ROUTES: Mapping[str, Mapping[tuple[str, str], Route]] = {
    "spot": {
        ("GET", "/api/v1/timestamp"): Route(server_time, 3),
        ("GET", "/api/v1/status"): Route(status, 3),
        ("GET", "/api/v3/currencies"): Route(kucoin_spot.currencies, 3),
        ("GET", "/api/v3/currencies/{currency}"): Route(kucoin_spot.currency, 3),
        ("GET", "/api/v1/symbols"): Route(kucoin_spot.symbols, 4),
        ("GET", "/api/v2/symbols"): Route(kucoin_spot.symbols, 4),
        ("GET", "/api/v2/symbols/{symbol}"): Route(kucoin_spot.symbol, 4),
        ("GET", "/api/v1/market/allTickers"): Route(kucoin_spot.all_tickers, 15),
        ("GET", "/api/v1/market/stats"): Route(kucoin_spot.stats, 15),
        ("GET", "/api/v1/market/orderbook/level1"): Route(kucoin_spot.level1, 2),
        ("GET", "/api/v1/market/orderbook/level2_20"): Route(kucoin_spot.level2_20, 2),
        ("GET", "/api/v1/market/orderbook/level2_100"): Route(kucoin_spot.level2_100, 4),
        ("GET", "/api/v3/market/orderbook/level2"): Route(kucoin_spot.level2_full, 3, signed=True),
        ("GET", "/api/v1/market/histories"): Route(kucoin_spot.histories, 3),
        ("GET", "/api/v1/market/candles"): Route(kucoin_spot.candles, 3),
        ("GET", "/api/v1/mark-price/{symbol}/current"): Route(kucoin_spot.mark_price, 2),
        ("GET", "/api/ua/v2/market/funding-rate"): Route(kucoin_futures.funding_rates, 2),
    },
    "futures": {
        ("GET", "/api/v1/timestamp"): Route(server_time, 2),
        ("GET", "/api/v1/status"): Route(status, 4),
        ("GET", "/api/v1/contracts/active"): Route(kucoin_futures.contracts, 3),
        ("GET", "/api/v1/contracts/{symbol}"): Route(kucoin_futures.one_contract, 3),
        ("GET", "/api/v1/ticker"): Route(kucoin_futures.ticker, 2),
        ("GET", "/api/v1/allTickers"): Route(kucoin_futures.all_tickers, 5),
        ("GET", "/api/v1/level2/snapshot"): Route(kucoin_futures.snapshot, 3),
        ("GET", "/api/v1/level2/depth20"): Route(kucoin_futures.depth20, 5),
        ("GET", "/api/v1/level2/depth100"): Route(kucoin_futures.depth100, 10),
        ("GET", "/api/v1/trade/history"): Route(kucoin_futures.trade_history, 5),
        ("GET", "/api/v1/kline/query"): Route(kucoin_futures.klines, 3),
        ("GET", "/api/v1/funding-rate/{symbol}/current"): Route(kucoin_futures.current_funding, 2),
        ("GET", "/api/v1/contract/funding-rates"): Route(kucoin_futures.settled_funding, 5),
        ("GET", "/api/v1/mark-price/{symbol}/current"): Route(kucoin_futures.mark_price, 3),
        ("GET", "/api/v1/index/query"): Route(kucoin_futures.index_query, 2),
    },
}
"""By port. Weights as of the documentation of 30 November 2025; the public pool is by address."""


class _Pattern(NamedTuple):
    method: str
    expression: re.Pattern[str]
    route: Route | PrivateRoute


def _patterns(routes: Mapping[tuple[str, str], Route | PrivateRoute]) -> list[_Pattern]:
    return [
        _Pattern(method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), route)
        for (method, path), route in routes.items()
        if "{" in path
    ]


class Kucoin(SimVenue):
    """KuCoin. Every answer says what is left of the request pool; an empty pool answers 429000."""

    name = "kucoin"
    rules = RULES
    accounts = ACCOUNTS
    ports: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "spot": ("api.kucoin.com",),
        "futures": ("api-futures.kucoin.com",),
    }

    def __init__(self, market: Market, clock: Callable[[], int], store: Store | None = None) -> None:
        """Serve `market`."""
        super().__init__(market, clock, store)
        self.settings = Settings()
        self._routes: dict[str, dict[tuple[str, str], Route | PrivateRoute]] = {
            port: {**PRIVATE_ROUTES[port], **routes} for port, routes in ROUTES.items()
        }
        self._with_names = {port: _patterns(routes) for port, routes in self._routes.items()}

    def set_limits(self, factor: float, clock: Clock = time.monotonic) -> None:
        """Begin to count anew."""
        super().set_limits(factor, clock)
        self.pools = Windows(factor, clock)

    def handle(self, port: str, request: SimRequest) -> SimReply:
        """Answer one request."""
        route, names = self._route(port, request)
        if route is None:
            return json_reply({"code": "404", "msg": "Not Exists"}, 404)
        account: Account | None = None
        try:
            if isinstance(route, PrivateRoute) or route.signed:
                account = authenticate(self.accounts, request)
                permit(account, route.permission if isinstance(route, PrivateRoute) else READ)
        except KucoinError as refusal:
            return json_reply({"code": refusal.code, "msg": str(refusal)}, refusal.status)
        # Signed requests are counted for each user and host, all others for the address.
        pool, limit = (f"{port} {account.owner}", POOLS[port]) if account else ("public", PUBLIC_POOL)
        taken = self.pools.take(pool, limit, POOL_WINDOW_S, route.weight)
        left = pool_headers(taken.limit, taken.left, taken.left_s)
        if not taken.admitted:
            return json_reply(TOO_MANY, 429, left)
        try:
            data = self._answer(route, request, names, account)
        except KucoinError as refusal:
            return json_reply({"code": refusal.code, "msg": str(refusal)}, refusal.status, left)
        except NotRecorded:
            data = None
        return json_reply({"code": "200000", "data": data}, 200, left)

    def _answer(
        self, route: Route | PrivateRoute, request: SimRequest, names: Params, account: Account | None
    ) -> object:
        if isinstance(route, Route):
            return route.handler(self, request, {**request.query, **names})
        assert account is not None
        given = {**_body(request), **request.query, **names}
        return route.handler(Call(self, self.exchange, self.settings, account, given, request.now_ms))

    def _route(self, port: str, request: SimRequest) -> tuple[Route | PrivateRoute | None, dict[str, str]]:
        route = self._routes[port].get((request.method, request.path))
        if route is not None:
            return route, {}
        for method, expression, candidate in self._with_names[port]:
            if method == request.method and (match := expression.fullmatch(request.path)):
                return candidate, {name: unquote(value) for name, value in match.groupdict().items()}
        return None, {}

    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        """Say a fault as KuCoin or the network in front of it says it."""
        wait_s = args.get("retry_after_s")
        headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
        if kind == "rate_limited":
            return json_reply(TOO_MANY, 429, headers | pool_headers(PUBLIC_POOL, 0, wait_s or POOL_WINDOW_S))
        if kind == "banned":
            return SimReply(b"error code: 1015", 403, headers, "text/plain; charset=UTF-8")
        if kind == "geo_blocked":
            message = (
                "Our services are currently unavailable in the U.S. To ensure a seamless experience, please access "
            )
            message += "our platform from a non-restricted country/region using a supported IP address."
            return json_reply({"code": "400302", "msg": message}, 451)
        if kind == "maintenance":
            if request.path == "/api/v1/status":
                return json_reply({"code": "200000", "data": CLOSED})
            return _error("503", "Service Unavailable", 503)
        return _error("500000", "Internal Server Error", int(args.get("status", 500)))


def _body(request: SimRequest) -> dict[str, Any]:
    """Read a JSON object; nothing where there is no body. Raises KucoinError 400000."""
    if not request.body:
        return {}
    try:
        found = json.loads(request.body, parse_float=Decimal)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise KucoinError("400000", "Bad Request", 400)
    return found


def _error(code: str, message: str, http_status: int) -> SimReply:
    return SimReply(json.dumps({"code": code, "msg": message}).encode(), http_status)
