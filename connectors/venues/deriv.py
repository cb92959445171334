"""Deriv (deriv.com): bid and ask of ticks from its WebSocket API v3. There is no order book and no funding.

Sources: the JSON schemas in github.com/binary-com/deriv-api-docs (config/v3); that app_id 1089 is for testing by all
is in the README of github.com/binary-com/deriv-api. Every `ticks` call is a stream until it is forgotten.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.base import Capabilities, Connector, VenueContext
from connectors.venues.deriv_errors import ERRORS
from domain.books import TICKS
from domain.errors import (
    BadAnswer,
    ConfigError,
    CrossbookError,
    Maintenance,
    Refused,
    Unauthorized,
)
from domain.instruments import SPOT, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.quotes import Quote
from domain.time import NS_PER_MS, read_ms

if TYPE_CHECKING:
    from connectors.websocket import WebSocket

T = TypeVar("T")
Row = Mapping[str, Any]

URL = "wss://ws.derivws.com/websockets/v3"
TEST_APP_ID = "1089"
MAX_IDLE_S = 100.0
"""The server closes a connection after two minutes without traffic."""
MAX_SKIPPED = 200
"""How many frames of forgotten streams are passed over before an answer."""
FIELDS: Mapping[str, tuple[str, ...]] = {
    "id": ("symbol", "underlying_symbol"),
    "pip": ("pip", "pip_size"),
}
"""Our name -> the names of v3, then of the newer API (developers.deriv.com)."""


class Deriv(Connector):
    """Speaks v3; connections are kept between calls. Option `app_id`: your own, instead of the public test id."""

    trading_class = "connectors.venues.deriv_orders:DerivTrading"
    capabilities = Capabilities(
        kinds=frozenset({SPOT}),
        books=False,
        requests_per_minute=120,
        fee_source="none is published: the cost is in the spread",
        notes="Indicative bid and ask of ticks, without sizes; no order book.",
    )

    def __init__(self, venue: str, context: VenueContext) -> None:
        super().__init__(venue, context)
        app_id = str(context.settings.options.get("app_id", TEST_APP_ID))
        if not (app_id.isascii() and app_id.isalnum()):
            raise ConfigError(f"venues.{venue}.options.app_id is not an app id: {app_id!a}.", venue=venue)
        self.url = f"{URL}?app_id={app_id}"
        self._idle: list[WebSocket] = []
        self._lock = threading.Lock()
        self._req_ids = count(1)

    def fetch_instruments(self) -> list[Instrument]:
        """Download all active symbols."""
        return self._read({"active_symbols": "full"}, lambda answer, _: instruments(self.venue, answer))

    def fetch_quote(self, instrument: Instrument) -> Quote:
        """Ask for one tick; raises MarketClosed outside trading hours."""
        request = {"ticks": instrument.native_id}
        return self._read(request, lambda answer, at: quote(instrument, answer["tick"], at), cost=2)

    def fetch_clock_ms(self) -> int:
        """Ask for the venue's time, which it tells in seconds: the middle of that second is meant."""
        return self._read({"time": 1}, lambda answer, _: _seconds(answer["time"]) + 500)

    def fetch_closes(self, instrument: Instrument, since_ms: int, until_ms: int) -> dict[int, Decimal]:
        """Ask for candles of a minute: what their last tick was at, the middle of bid and ask."""
        from connectors.venues.deriv_candles import read_closes, request_of, windows

        found: dict[int, Decimal] = {}
        for start_ms, end_ms in windows(since_ms, until_ms):
            answer = self._read(request_of(instrument.native_id, start_ms, end_ms), lambda told, _: read_closes(told))
            found |= {moment: price for moment, price in answer.items() if start_ms <= moment <= end_ms}
        return found

    def fetch_maintenance(self) -> str | None:
        """Ask for the site's status; its words when it is not up."""
        try:
            return self._read({"website_status": 1}, lambda answer, _: _status(answer["website_status"]))
        except Maintenance as error:
            return error.message

    def base_urls(self) -> list[str]:
        """List the one URL."""
        return [self.context.http.endpoints.resolve(URL)]

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _read(self, request: Row, parse: Callable[[Row, int], T], cost: float = 1.0) -> T:
        """Call within the guard and read the answer there; `parse` also gets its time (epoch ns)."""
        deadline = self.context.deadline()

        def attempt() -> T:
            answer, received_at_ns = self._call(request, deadline)
            try:
                return parse(answer, received_at_ns)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                raise self._bad(f"an answer of an unexpected shape ({type(error).__name__}: {error})") from error

        return self.context.guard.read(attempt, cost=cost, deadline=deadline)

    def _call(self, request: Row, deadline: float) -> tuple[Row, int]:
        from connectors.websocket import ConnectionEnded, HandshakeRefused, WebSocket

        kept = self._kept()
        if kept is not None:
            try:
                return self._ask(kept, request, deadline)
            except ConnectionEnded:
                kept = None  # it had ended while we kept it: a read may go again, on a new one
        try:
            connection = WebSocket(self.context.http, self.url, deadline=deadline)
        except HandshakeRefused as error:
            raise Unauthorized(
                f"{error.message} The app_id may be unknown to it.", hint=f"Set venues.{self.venue}.options.app_id."
            ) from error
        return self._ask(connection, request, deadline)

    def _ask(self, connection: "WebSocket", request: Row, deadline: float) -> tuple[Row, int]:
        req_id = next(self._req_ids)
        answer: Row = {}
        try:
            connection.send(json.dumps({**request, "req_id": req_id}), deadline=deadline)
            answer = self._answer_to(connection, req_id, deadline)
            received_at_ns = time.time_ns()
            stream = answer.get("subscription")
            if isinstance(stream, dict) and "id" in stream:
                # Not waited for: its answer is passed over by the next call.
                forget = {"forget": stream["id"], "req_id": next(self._req_ids)}
                connection.send(json.dumps(forget), deadline=deadline)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        if "error" in answer:
            raise self._refusal(answer["error"], request)
        return answer, received_at_ns

    def _answer_to(self, connection: "WebSocket", req_id: int, deadline: float) -> Row:
        """Wait for the answer, passing over what forgotten streams still sent."""
        for _ in range(MAX_SKIPPED):
            text = connection.receive(deadline=deadline)
            try:
                frame = json.loads(text, parse_float=str)
            except (ValueError, RecursionError) as error:
                raise self._bad(f"an answer that is not JSON (it starts with {text[:40]!a})") from error
            found = frame.get("req_id") if isinstance(frame, dict) else None
            if found == req_id:
                return dict(frame)
            if not isinstance(found, int) or not 0 < found < req_id:
                raise self._bad("an answer to something else")
        raise self._bad("no answer among many frames")

    def _kept(self) -> "WebSocket | None":
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if time.monotonic() - connection.used_at < MAX_IDLE_S:
                return connection
            connection.close()

    def _refusal(self, error: object, request: Row) -> CrossbookError:
        if not isinstance(error, dict) or not isinstance(error.get("code"), str):
            return self._bad("an error without a code")
        code, said = error["code"], str(error.get("message", "no reason given"))[:200]
        asked = next(f"{name} {value}" if isinstance(value, str) else name for name, value in request.items())
        return ERRORS.get(code, Refused)(f"{self.venue} refused {asked}: {said} ({code})", venue=self.venue)

    def _bad(self, what: str) -> BadAnswer:
        return BadAnswer(f"{self.venue} sent {what}.", venue=self.venue)


def instruments(venue: str, answer: Row) -> list[Instrument]:
    """Read `active_symbols`; every symbol gets a canonical one of its own."""
    taken: set[str] = set()
    found: list[Instrument] = []
    for row in sorted(answer["active_symbols"], key=lambda row: str(field(row, "id"))):
        native_id = str(field(row, "id"))
        if found and found[-1].native_id == native_id:
            raise ValueError(f"{native_id[:40]} is listed twice")
        base, currency = base_and_quote(native_id, row.get("quoted_currency_symbol") or "")
        while f"{base}/{currency}" in taken:  # ids that differ in case only, or in a prefix that we drop
            base += "."
        taken.add(f"{base}/{currency}")
        found.append(
            Instrument(
                venue=venue,
                symbol=f"{base}/{currency}",
                native_id=native_id,
                kind=SPOT,
                base=base,
                quote=currency,
                settle=None,
                asset=base,
                tick_size=_pip(field(row, "pip")),
                active=not int(row.get("is_trading_suspended", 0)),
                product=str(row["market"]),
            )
        )
    return found


def base_and_quote(native_id: str, currency: str) -> tuple[str, str]:
    """Tell what a symbol prices, and in what: `frxEURUSD` euros in dollars, `R_50` itself in its currency or dollars.

    >>> base_and_quote("cryBTCUSD", "USD"), base_and_quote("R_50", "")
    (('BTC', 'USD'), ('R_50', 'USD'))
    """
    pair = native_id[3:] if native_id[:3] in ("frx", "cry") else ""
    if len(pair) > 3:
        currency = currency if currency and pair.endswith(currency) and pair != currency else pair[-3:]
        return pair.removesuffix(currency).upper(), currency.upper()
    return native_id.upper(), currency.upper() or "USD"


def quote(instrument: Instrument, tick: Row, received_at_ns: int) -> Quote:
    """Read a tick: prices without sizes."""
    if tick["symbol"] != instrument.native_id:
        raise ValueError(f"a tick of {tick['symbol']!a}")
    bid, ask = (_price(tick.get(side)) for side in ("bid", "ask"))
    return Quote(
        venue=instrument.venue,
        symbol=instrument.symbol,
        bid=bid,
        bid_size=None,
        ask=ask,
        ask_size=None,
        received_at_ns=received_at_ns,
        venue_time_ns=_seconds(tick["epoch"]) * NS_PER_MS,
        source=TICKS,
    )


def field(row: Row, name: str) -> Any:
    """Read a field by whichever of its names the API uses; raises KeyError when it has none."""
    for wire_name in FIELDS[name]:
        if wire_name in row:
            return row[wire_name]
    raise KeyError(name)


def _price(value: object) -> Decimal | None:
    price = to_decimal_or_none(value)
    if price is not None and price <= 0:
        raise ValueError(f"a price of {price}")
    return price


def _seconds(value: object) -> int:
    """Read an instant in whole seconds as milliseconds."""
    return read_ms(read_ms(value) * 1000)


def _pip(value: object) -> Decimal:
    """Read the smallest step; where the API counts decimals instead, it is a whole number above one."""
    pip = to_decimal(value)
    return Decimal(1).scaleb(-int(pip)) if pip > 1 and pip == int(pip) else pip


def _status(status: Row) -> str | None:
    if status.get("site_status", "up") == "up":
        return None
    return str(status.get("message") or f"The site is {status['site_status']}.")[:300]
