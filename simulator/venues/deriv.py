"""Deriv's WebSocket API v3 at ws.derivws.com: the door, the symbols, and the faults in its words.

Sources: the JSON schemas of deriv-com/deriv-api-docs, the fixtures of Deriv's own apps and its server's published
tests. That a missing or malformed app_id is refused on the handshake with 401 is not verified.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from simulator.market.model import Listing, Market
from simulator.venue import SimReply, SimRequest, SimVenue, WsSession, json_reply
from simulator.venues import deriv_quotes as quotes
from simulator.venues.deriv_calls import CallError, answer, call_of, parsed
from simulator.venues.deriv_session import DerivSession
from simulator.venues.deriv_status import website_status

Send = Callable[[str], Awaitable[None]]
PATH = "/websockets/v3"
_APP_ID = re.compile(r"(?!0)[0-9]{1,19}")
_SORRY = "Sorry, an error occurred while processing your request."
_SOON = "We are updating our site in a short while. Some services may be temporarily unavailable."


class Deriv(SimVenue):
    """ws.derivws.com: there is no HTTP API, faults come as frames or on the handshake."""

    name = "deriv"
    ports: ClassVar[Mapping[str, tuple[str, ...]]] = {"deriv": ("ws.derivws.com", "ws.binaryws.com")}

    def __init__(self, market: Market, clock: Callable[[], int]) -> None:
        """Index the symbols."""
        super().__init__(market, clock)
        self.by_symbol: dict[str, Listing] = {listing.native_id: listing for listing in self.by_id.values()}

    def handle(self, port: str, request: SimRequest) -> SimReply:
        """Refuse what is no WebSocket handshake, and handshakes without a valid app_id."""
        if request.path == PATH and not _APP_ID.fullmatch(request.query.get("app_id", "")):
            return json_reply({"error": "InvalidAppID"}, 401)
        return SimReply(
            b"<!DOCTYPE html>\n<html><head><title>Page not found</title></head></html>", 404, {}, "text/html"
        )

    def open_websocket(self, port: str, request: SimRequest, send: Send) -> WsSession | None:
        """Open a session at /websockets/v3?app_id=N."""
        if request.path != PATH or not _APP_ID.fullmatch(request.query.get("app_id", "")):
            return None
        return DerivSession(self, send)

    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        """Refuse a frame with an error object, a handshake (method GET) as the edge before Deriv does."""
        if request.method != "WS":
            if kind == "geo_blocked":
                return SimReply(b"<html><body>451 Unavailable For Legal Reasons</body></html>", 451, {}, "text/html")
            if kind in ("banned", "rate_limited"):
                retry = {"retry-after": str(args.get("retry_after_s", 1))}
                return SimReply(b"error code: 1015", 429, retry, "text/plain; charset=UTF-8")
            return SimReply(
                b"<html><body>Service Unavailable</body></html>", int(args.get("status", 503)), {}, "text/html"
            )
        frame = parsed(request.body.decode(errors="replace")) or {}
        name = _name(frame)
        code, message = {
            "rate_limited": ("RateLimit", f"You have reached the rate limit for {name}."),
            "banned": ("RateLimit", f"You have reached the rate limit for {name}."),
            "maintenance": ("ServiceUnavailable", _SOON),
        }.get(kind, ("WrongResponse", _SORRY))
        if kind == "maintenance" and name == "website_status":
            down = website_status() | {"site_status": "down", "message": _SOON}
            return json_reply(answer(frame, "website_status", {"website_status": down}))
        return json_reply(answer(frame, name, {"error": {"code": code, "message": message}}))

    def listing(self, symbol: str, msg_type: str) -> Listing:
        """Find a symbol. Raises CallError."""
        found = self.by_symbol.get(symbol)
        if found is None:
            raise CallError("InvalidSymbol", f"Symbol {symbol} invalid.", msg_type)
        return found

    def open_listing(self, symbol: str, msg_type: str) -> Listing:
        """Find a symbol that trades now. Raises CallError."""
        found = self.listing(symbol, msg_type)
        if not quotes.is_open(found, self.clock() // 1000):
            raise CallError("MarketIsClosed", "This market is presently closed.", msg_type)
        return found


def _name(frame: Mapping[str, object]) -> str:
    try:
        return call_of(frame)
    except CallError as error:
        return error.msg_type
