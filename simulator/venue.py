"""The contract between the server and a simulated venue: requests in, replies out, no sockets."""

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Account, ExchangeRules
from simulator.exchange.store import Store
from simulator.limits import AS_REAL, Clock
from simulator.market.model import Listing, Market
from simulator.rows import encode


@dataclass(frozen=True)
class SimRequest:
    """An HTTP request as it came in: `target` is the raw path and query, `body` the raw bytes (signatures use them)."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    now_ms: int
    """The venue's clock, any skew that was asked for included."""

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.split("?", 1)[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The ways in which faults may name it: path, path and query, method and path."""
        return (self.path, self.target, f"{self.method} {self.path}")

    @property
    def query(self) -> dict[str, str]:
        """The decoded query; of a repeated name the last counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True)
class SimReply:
    """An HTTP answer; `body` is sent as it is."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def json_reply(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> SimReply:
    """Answer with compact JSON; long lists of price levels may be `Rows`."""
    return SimReply(encode(payload), status, headers or {})


async def _stay_open(code: int, reason: str) -> None:
    """Stand in for a server's close."""


class WsSession(ABC):
    """One WebSocket connection to a venue. The server calls `on_text`; `send` may be used at any time."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self.send = send
        self.close: Callable[[int, str], Awaitable[None]] = _stay_open
        """Close the connection with a code and a reason; the server puts its own here."""

    @abstractmethod
    async def on_text(self, text: str) -> None:
        """Handle one text frame of the client."""

    async def on_close(self) -> None:
        """Stop whatever this session runs."""


class SimVenue(ABC):
    """One venue's wire. `ports` maps a port's name to the real hosts it answers to (KuCoin has two)."""

    name: str
    ports: ClassVar[Mapping[str, tuple[str, ...]]]

    rules: ClassVar[ExchangeRules | None] = None
    """How the venue treats orders; None where it takes none."""
    accounts: ClassVar[tuple[Account, ...]] = ()
    """The keys it knows, in the shape of real ones; the first may read and trade, and is published."""
    exchange: Exchange
    """Orders and accounts, in memory until `open_accounts`; only where the venue has `rules`."""

    def __init__(self, market: Market, clock: Callable[[], int], store: Store | None = None) -> None:
        """Serve `market`; `clock` answers the venue's time in ms (market time plus skew)."""
        self.market = market
        self.clock = clock
        if self.rules is not None:
            # Orders meet the real books even while a fault distorts what the venue shows of them.
            real: Market = getattr(market, "undistorted", market)
            self.exchange = Exchange(self.name, real, clock, self.rules, store, self.accounts)
        self.by_id: dict[tuple[str, str], Listing] = {(i.product, i.native_id): i for i in market.listings(self.name)}
        self.by_product: dict[str, dict[str, Listing]] = {}
        for (product, native_id), listing in self.by_id.items():
            self.by_product.setdefault(product, {})[native_id] = listing
        self.set_limits(AS_REAL)

    def open_accounts(self, store: Store) -> None:
        """Go on with the orders and accounts that are stored."""
        if self.rules is not None:
            self.exchange.open(store)

    def reset_accounts(self) -> None:
        """Give every account its deposits again, and forget all orders."""
        if self.rules is not None:
            self.exchange.reset()

    def tallied(self) -> list[dict[str, Any]]:
        """Tell the venue's own accounting of each owner; see docs/simulator.md."""
        if self.rules is None:
            return []
        return self.exchange.accounts(dict.fromkeys(account.owner for account in self.accounts), self.clock())

    def placed(self) -> list[dict[str, str]]:
        """Tell every order that the venue ever took, whoever placed it and whatever faults are set."""
        if self.rules is None:
            return []
        return [
            {
                "id": order.id,
                "client_id": order.client_id,
                "owner": order.owner,
                "symbol": order.native_id,
                "side": order.side,
                "type": order.type,
                "size": f"{order.size:f}",
                "filled": f"{order.filled:f}",
                "state": order.state,
            }
            for order in self.exchange.everything()
        ]

    def set_limits(self, factor: float, clock: Clock = time.monotonic) -> None:
        """Multiply the venue's rate limits by `factor` (infinite: none) and count anew; a venue with limits overrides.

        Bans that are in force end. `clock` answers real seconds.
        """
        self.limit_factor = factor

    @abstractmethod
    def handle(self, port: str, request: SimRequest) -> SimReply:
        """Answer one request; unknown paths get the venue's own 404."""

    def open_websocket(
        self, port: str, request: SimRequest, send: Callable[[str], Awaitable[None]]
    ) -> WsSession | None:
        """Open a session, or None where the path is no WebSocket of this venue."""
        return None

    @abstractmethod
    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        """Put a fault (`rate_limited`, `banned`, `server_error`, `geo_blocked`, `maintenance`) in the venue's words."""
