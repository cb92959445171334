"""Deriv's WebSocket API v3 at ws.derivws.com: the door, the symbols, and the faults in its words.

Sources: the JSON schemas of deriv-com/deriv-api-docs, the fixtures of Deriv's own apps and its server's published
tests. That a missing or malformed app_id is refused on the handshake with 401 is not verified.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from simulator.exchange.model import READ, TRADE, WITHDRAW, Account
from simulator.exchange.store import Store
from simulator.limits import Clock, Windows
from simulator.market.model import Listing, Market
from simulator.venue import SimReply, SimRequest, SimVenue, WsSession, json_reply
from simulator.venues import deriv_quotes as quotes
from simulator.venues.deriv_calls import CallError, answer, call_of, parsed
from simulator.venues.deriv_contracts import Desk
from simulator.venues.deriv_session import DerivSession
from simulator.venues.deriv_status import website_status
from simulator.venues.deriv_tally import tallied

Send = Callable[[str], Awaitable[None]]
PATH = "/websockets/v3"
_APP_ID = re.compile(r"(?!0)[0-9]{1,19}")
_LIMITS = {
    "portfolio": ("outcome", 25), "statement": ("outcome", 25), "profit_table": ("outcome", 25),
    "proposal": ("pricing", 360), "proposal_open_contract": ("pricing", 360),
}  # fmt: skip
"""Calls a minute of each kind; all others are `general` (see `deriv_status`)."""
_SORRY = "Sorry, an error occurred while processing your request."
_SOON = "We are updating our site in a short while. Some services may be temporarily unavailable."


class Deriv(SimVenue):
    """ws.derivws.com: there is no HTTP API, faults come as frames or on the handshake."""

    name = "deriv"
    ports: ClassVar[Mapping[str, tuple[str, ...]]] = {"deriv": ("ws.derivws.com", "ws.binaryws.com")}

    accounts: ClassVar[tuple[Account, ...]] = (
        Account("main", "CR9001234", "a1-Qk3vTz8LmXw2RbN6yHcJd4SgPf7Ue"),
        Account("main", "CR9001234", "a1-Rd5nWx9KtYb3McV7zGqLf2HjSp8Ea", permissions=frozenset({READ})),
        Account(
            "main", "CR9001234", "a1-Wd7hZk4PsLq9TvX2nBgRm6YcJf3Uo", permissions=frozenset({READ, TRADE, WITHDRAW})
        ),
        Account("other", "CR9005678", "a1-Ht6mGc8VzQn4KyD3wPxSj9BfLr5Xi"),
    )
    """Login ids as keys and API tokens as secrets: a token is all that Deriv asks for."""

    def __init__(self, market: Market, clock: Callable[[], int], store: Store | None = None) -> None:
        """Index the symbols."""
        super().__init__(market, clock, store)
        self.by_symbol: dict[str, Listing] = {listing.native_id: listing for listing in self.by_id.values()}
        # Contracts are settled at real prices even while a fault distorts what the venue shows of them.
        real: Market = getattr(market, "undistorted", market)
        self.desk = Desk(real, lambda symbol: self.listing(symbol, "error"))
        if store is not None:
            self.desk.open(store)

    def open_accounts(self, store: Store) -> None:
        """Go on with the contracts and balances that are stored."""
        self.desk.open(store)

    def reset_accounts(self) -> None:
        """Forget all contracts and give everybody the deposit again."""
        self.desk.reset()

    def tallied(self) -> list[dict[str, Any]]:
        """Tell the venue's own accounting of each owner: of contracts, whose sizes are what their stakes move like."""
        now_s = self.clock() // 1000
        owners = {account.owner: account.key for account in self.accounts}
        return [{"owner": owner} | tallied(self.desk, login, now_s) for owner, login in owners.items()]

    def placed(self) -> list[dict[str, str]]:
        """Tell every contract that was ever bought."""
        return [
            {
                "id": str(contract.id),
                "client_id": "",
                "owner": contract.loginid,
                "symbol": contract.terms.symbol,
                "side": "buy" if contract.terms.type == "MULTUP" else "sell",
                "type": "market",
                "size": f"{contract.terms.stake:f}",
                "filled": f"{contract.terms.stake:f}",
                "state": contract.status,
            }
            for contract in self.desk.contracts.values()
        ]

    def set_limits(self, factor: float, clock: Clock = time.monotonic) -> None:
        """Multiply the limits of `website_status` and count anew."""
        super().set_limits(factor, clock)
        self._windows = Windows(factor, clock)

    def admit(self, call: str, key: str) -> None:
        """Count a call of an account (or, without one, of a connection). Raises CallError beyond the limit."""
        kind, a_minute = _LIMITS.get(call, ("general", 180))
        if not self._windows.take(f"{kind} {key}", a_minute, 60).admitted:
            raise CallError("RateLimit", f"You have reached the rate limit for {call}.", call)

    def account_of(self, token: str) -> Account:
        """Find whom a token belongs to. Raises CallError."""
        found = next((account for account in self.accounts if account.secret == token), None)
        if found is None:
            raise CallError("InvalidToken", "The token is invalid.", "authorize")
        return found

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
        return DerivSession(self, send, int(request.query["app_id"]))

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
