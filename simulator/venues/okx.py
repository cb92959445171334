"""The simulated OKX: the v5 REST interface, public and signed, on one port."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from simulator.limits import Clock, Windows
from simulator.market.model import NotRecorded
from simulator.venue import SimReply, SimRequest, SimVenue, json_reply
from simulator.venues import okx_candles, okx_market, okx_public
from simulator.venues.okx_auth import ACCOUNTS
from simulator.venues.okx_instruments import instruments
from simulator.venues.okx_order_wire import RULES
from simulator.venues.okx_private import SIGNED, TOO_MANY, answer
from simulator.venues.okx_wire import OkxError, Query

Handler = Callable[[SimVenue, SimRequest, Query], list[Any]]


class Route(NamedTuple):
    """An endpoint: who answers it, and how many requests it takes a window, each value of `counted_by` on its own."""

    handler: Handler
    limit: int
    window_s: float = 2.0
    counted_by: str = ""


ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "/api/v5/public/time"): Route(okx_public.server_time, 10),
    ("GET", "/api/v5/system/status"): Route(okx_public.system_status, 1, 5.0),
    ("GET", "/api/v5/public/instruments"): Route(instruments, 20, counted_by="instType"),
    ("GET", "/api/v5/market/books"): Route(okx_market.books, 40),
    ("GET", "/api/v5/market/books-full"): Route(okx_market.books_full, 10),
    ("GET", "/api/v5/market/ticker"): Route(okx_market.ticker, 20),
    ("GET", "/api/v5/market/tickers"): Route(okx_market.tickers, 20),
    ("GET", "/api/v5/market/trades"): Route(okx_market.trades, 100),
    ("GET", "/api/v5/market/history-trades"): Route(okx_market.history_trades, 20),
    ("GET", "/api/v5/public/option-trades"): Route(okx_market.option_trades, 20),
    ("GET", "/api/v5/market/candles"): Route(okx_candles.candles, 40),
    ("GET", "/api/v5/market/history-candles"): Route(okx_candles.history_candles, 20),
    ("GET", "/api/v5/market/mark-price-candles"): Route(okx_candles.mark_candles, 20),
    ("GET", "/api/v5/market/history-mark-price-candles"): Route(okx_candles.mark_candles, 10),
    ("GET", "/api/v5/market/index-candles"): Route(okx_candles.index_candles, 20),
    ("GET", "/api/v5/market/history-index-candles"): Route(okx_candles.index_candles, 10),
    ("GET", "/api/v5/market/index-tickers"): Route(okx_public.index_tickers, 20),
    ("GET", "/api/v5/public/funding-rate"): Route(okx_public.funding_rate, 10, counted_by="instId"),
    ("GET", "/api/v5/public/funding-rate-history"): Route(okx_public.funding_history, 10, counted_by="instId"),
    ("GET", "/api/v5/public/mark-price"): Route(okx_public.mark_price, 10, counted_by="instId"),
    ("GET", "/api/v5/public/open-interest"): Route(okx_public.open_interest, 20, counted_by="instId"),
}
"""Limits as of the documentation of 30 November 2025, all by address."""

BLOCKED = (
    b"<!DOCTYPE html><html><head><title>451 Unavailable For Legal Reasons</title></head>"
    b"<body><h1>Service is not available in your region</h1></body></html>"
)
NOT_FOUND = {
    "code": 404,
    "data": {},
    "detailMsg": "",
    "error_code": "404",
    "error_message": "Not Found",
    "msg": "Not Found",
}


class Okx(SimVenue):
    """OKX. Requests beyond an endpoint's limit get 50011, as they do at the venue."""

    name = "okx"
    ports: ClassVar[Mapping[str, tuple[str, ...]]] = {"okx": ("www.okx.com",)}
    rules = RULES
    accounts = ACCOUNTS

    def set_limits(self, factor: float, clock: Clock = time.monotonic) -> None:
        """Begin to count anew."""
        super().set_limits(factor, clock)
        self.windows = Windows(factor, clock, refused_count=True)

    def handle(self, port: str, request: SimRequest) -> SimReply:
        """Answer one request."""
        signed = SIGNED.get((request.method, request.path))
        route = ROUTES.get((request.method, request.path))
        try:
            if signed is not None:
                return answer(self, request, signed, self.windows)
            return json_reply(NOT_FOUND, 404) if route is None else self._public(route, request)
        except OkxError as refusal:
            return json_reply({"code": refusal.code, "data": [], "msg": str(refusal)}, refusal.status)
        except NotRecorded:
            return json_reply({"code": "52000", "data": [], "msg": "No market data available"})

    def _public(self, route: Route, request: SimRequest) -> SimReply:
        query = request.query
        key = f"{request.path} {query.get(route.counted_by, '') if route.counted_by else ''}"
        if not self.windows.take(key, route.limit, route.window_s).admitted:
            return SimReply(TOO_MANY, 429)
        return json_reply({"code": "0", "msg": "", "data": route.handler(self, request, query)})

    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        """Say a fault as OKX or the network in front of it says it."""
        wait_s = args.get("retry_after_s")
        headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
        if kind == "rate_limited":
            return SimReply(TOO_MANY, 429, headers)
        if kind == "banned":
            return SimReply(b"error code: 1015", 403, headers, "text/plain; charset=UTF-8")
        if kind == "geo_blocked":
            return SimReply(BLOCKED, 451, headers, "text/html; charset=UTF-8")
        if kind == "maintenance":
            return _error("50001", "Service temporarily unavailable. Try again later", 503)
        status = int(args.get("status", 500))
        if status == 504:
            return _error("50004", "API endpoint request timeout", 504)
        if status == 503:
            return _error("50013", "Systems are busy. Please try again later.", 503)
        return _error("50026", "System error. Try again later", status)


def _error(code: str, message: str, status: int) -> SimReply:
    return SimReply(json.dumps({"code": code, "data": [], "msg": message}).encode(), status)
