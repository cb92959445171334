"""A small venue over a small market, and a server that runs in a thread of the test's process."""

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.control import Control
from simulator.market.model import BookView, Candle, FundingView, Listing, Stats, Trade
from simulator.server import SimServer
from simulator.tls import make_tls
from simulator.venue import SimReply, SimRequest, SimVenue, WsSession, json_reply

START_MS = 1_700_000_000_000
LISTING = Listing("tiny", "spot", "BTCUSD", "spot", "BTC", "USD", "", "0.1", "0.01", "0.01")


class StillMarket:
    """Prices that depend on the time that is asked for; the clock stands still. Nothing exists before the start."""

    universe = "still"

    def now_ms(self) -> int:
        return START_MS + 10_000

    def listings(self, venue: str) -> list[Listing]:
        return [LISTING] if venue == "tiny" else []

    def book(self, listing: Listing, depth: int, now_ms: int) -> BookView:
        if now_ms < START_MS:
            return BookView((), (), 0, START_MS)
        mid = 1000 + (now_ms - START_MS) // 1000
        levels = range(1, depth + 1)
        return BookView([(f"{mid - n}.0", "1") for n in levels], [(f"{mid + n}.0", "2") for n in levels], mid, now_ms)

    def trades(self, listing: Listing, limit: int, now_ms: int) -> list[Trade]:
        return [Trade(1, now_ms - 5, "1000.0", "1", "buy")]

    def candles(
        self, listing: Listing, interval_ms: int, start_ms: int, end_ms: int, offset_ms: int = 0
    ) -> list[Candle]:
        return []

    def stats(self, listing: Listing, now_ms: int) -> Stats:
        return Stats("1", "1", "1", str(now_ms), "1", "1", "1", "1")

    def index_price(self, listing: Listing, now_ms: int) -> str:
        return str(now_ms)

    def mark_price(self, listing: Listing, now_ms: int) -> str:
        return str(now_ms)

    def funding(self, listing: Listing, now_ms: int) -> FundingView:
        return FundingView("0.0001", "0.0001", 8, START_MS + 28_800_000)

    def funding_history(self, listing: Listing, start_ms: int, end_ms: int) -> list[tuple[int, str]]:
        return []


class EchoSession(WsSession):
    """Answers each frame with itself; `{"die": 1}` is a bug of the venue, `{"leave": 1}` ends it."""

    async def on_text(self, text: str) -> None:
        if '"die"' in text:
            raise ZeroDivisionError
        if '"leave"' in text:
            await self.close(4001, "as asked")
            return
        await self.send(text)


class Tiny(SimVenue):
    """Two ports, a book, an echo, a bug, and its own words for faults."""

    name = "tiny"
    ports = {"main": ("api.tiny.test",), "futures": ("futures.tiny.test", "f.tiny.test")}  # noqa: RUF012
    handled: list[str] = []  # noqa: RUF012

    def handle(self, port: str, request: SimRequest) -> SimReply:
        self.handled.append(request.target)
        if request.path == "/book":
            view = self.market.book(LISTING, int(request.query.get("depth", "1")), request.now_ms)
            trade = self.market.trades(LISTING, 1, request.now_ms)[0]
            return json_reply(
                {"b": view.bids, "a": view.asks, "t": view.time_ms, "now": request.now_ms, "trade": trade.time_ms}
            )
        if request.path == "/bug":
            raise ValueError("a bug of the venue")
        if request.path == "/missing":
            return json_reply({"code": 404}, 404, {"X-Tiny": "yes"})
        seen = {"port": port, "method": request.method, "host": request.host, "target": request.target}
        return json_reply(seen | {"body": request.body.decode("latin-1"), "headers": dict(request.headers)})

    def open_websocket(
        self, port: str, request: SimRequest, send: Callable[[str], Awaitable[None]]
    ) -> WsSession | None:
        if request.path == "/ws-bug":
            raise ValueError("a bug of the venue")
        return EchoSession(send) if request.path == "/ws" else None

    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        status = {"rate_limited": 429, "banned": 418, "geo_blocked": 451, "maintenance": 503}.get(kind, 500)
        return json_reply({"fault": kind, "method": request.method, **args}, args.get("status", status))


class Other(Tiny):
    """A second venue."""

    name = "other"
    ports = {"main": ("api.other.test",)}  # noqa: RUF012


class Running:
    """A server in a thread; `plan` and `traffic` are reached through `call`, in the server's own thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: SimServer, control: str, ca_file: Path | None) -> None:
        self.loop = loop
        self.server = server
        self.control = control
        self.ca_file = ca_file

    def port(self, host: str) -> int:
        return int(self.server.hosts[host].rpartition(":")[2])

    def ask_control(self, method: str, path: str, payload: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.control.removeprefix("http://"), timeout=5)
        with contextlib.closing(connection):
            connection.request(method, path, None if payload is None else json.dumps(payload), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def set_fault(self, kind: str, venue: str = "tiny", **args: Any) -> dict[str, Any]:
        status, answer = self.ask_control("POST", "/faults", {"venue": venue, "kind": kind, **args})
        assert status == 200, answer
        return answer


Build = Callable[[asyncio.Event], tuple[SimServer, Control]]


@contextlib.contextmanager
def in_thread(build: Build, tls_dir: Path | None = None) -> Iterator[Running]:
    """Serve what `build` makes in a thread for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stop = asyncio.Event()

    async def start() -> Running:
        server, control = build(stop)
        opened.extend((server, control))
        context, ca_file = make_tls(tls_dir, server.real_hosts) if tls_dir else (None, None)
        await server.start(0, context)
        return Running(loop, server, await control.start(), ca_file)

    opened: list[SimServer | Control] = []
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        for part in opened:
            asyncio.run_coroutine_threadsafe(part.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def serve(tls_dir: Path | None = None) -> contextlib.AbstractContextManager[Running]:
    """Serve `Tiny` and `Other` in a thread for the length of the block."""

    def build(stop: asyncio.Event) -> tuple[SimServer, Control]:
        server = SimServer(StillMarket(), [Tiny, Other])
        return server, Control(server, "still", 42, stop)

    return in_thread(build, tls_dir)
