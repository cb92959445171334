"""Serve every simulated venue on ports of its own: HTTP and WebSocket, faults included."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from aiohttp import web

from simulator.distortion import SCOPE, DistortedMarket, Scope
from simulator.exchange.store import Store
from simulator.faults import VENUE_WORDED, Fault, FaultPlan, Hit
from simulator.market.model import Market
from simulator.state import SimulatorError
from simulator.traffic import Traffic
from simulator.venue import SimReply, SimRequest, SimVenue
from simulator.websocket import Port, serve_frames
from simulator.wire import ResettingProtocol, Stragglers, broken_json, cut_off, html_page, reset_connection

LOOPBACK = "127.0.0.1"
SERVER = "crossbook-simulator"
_LINE_BYTES = 65_536
_log = logging.getLogger("simulator")


class Listener:
    """One TCP port of one venue."""

    def __init__(self, port: Port, simulator: "SimServer") -> None:
        self.port = port
        self.number = 0
        self._plan = simulator.plan
        self._server: asyncio.Server | None = None
        self._http = web.Server(
            lambda request: simulator.answer(port, request),
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            logger=_log,
        )

    async def start(self, number: int, tls: ssl.SSLContext | None) -> None:
        """Listen on the loopback interface; `number` 0 takes any free port.

        Raises:
            SimulatorError: the port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connection, LOOPBACK, number, ssl=tls, backlog=512)
        except OSError as error:
            raise SimulatorError(
                f"Port {number} cannot be used ({error.strerror}): choose another --port-base."
            ) from None
        self.number = self._server.sockets[0].getsockname()[1]

    def reset_all(self) -> None:
        """Reset every open connection."""
        for handler in self._http.connections:
            reset_connection(handler.transport)

    async def close(self) -> None:
        """Stop listening and drop the connections."""
        if self._server is not None:
            self._server.close()
        self.reset_all()
        await self._http.shutdown(0.1)

    def _connection(self) -> asyncio.Protocol:
        if self._plan.take_down(self.port.venue.name, self.port.hosts):
            return ResettingProtocol()
        return self._http()


class SimServer:
    """All venues over one market. Use inside a running event loop."""

    def __init__(self, market: Market, classes: Sequence[type[SimVenue]], store: Store | None = None) -> None:
        """Set up the venues; orders and accounts are kept in `store`, or in memory only."""
        self.plan = FaultPlan(cls.name for cls in classes)
        self.plan.on_add = self._fault_added
        self.traffic = Traffic()
        self.stragglers = Stragglers()
        self._scheme = "http"
        self._venues: list[SimVenue] = []
        self._by_host: dict[str, Port] = {}
        self._listeners: list[Listener] = []
        for cls in classes:
            distorted = DistortedMarket(market, self.plan, cls.name)
            venue = cls(distorted, distorted.now_ms)
            if store is not None:
                venue.open_accounts(store)
            self._venues.append(venue)
            for name, hosts in cls.ports.items():
                port = Port(venue, name, tuple(hosts))
                self._by_host |= dict.fromkeys(hosts, port)
                self._listeners.append(Listener(port, self))

    async def start(self, first_port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen on `first_port` and the following ones, or on free ports."""
        self._scheme = "https" if tls else "http"
        for offset, listener in enumerate(self._listeners):
            await listener.start(first_port + offset if first_port else 0, tls)

    async def close(self) -> None:
        """Stop."""
        await self.stragglers.lose()
        await asyncio.gather(*(listener.close() for listener in self._listeners))

    @property
    def hosts(self) -> dict[str, str]:
        """Map every real host to the base URL it is served at."""
        return {
            host: f"{self._scheme}://{LOOPBACK}:{listener.number}"
            for listener in self._listeners
            for host in listener.port.hosts
        }

    @property
    def real_hosts(self) -> list[str]:
        """List every real host."""
        return list(self._by_host)

    @property
    def limits(self) -> dict[str, float]:
        """Tell by which factor each venue's rate limits are multiplied."""
        return {venue.name: venue.limit_factor for venue in self._venues}

    def set_limits(self, factor: float, venue: str = "*") -> None:
        """Multiply the rate limits of a venue, or of all, and let them count anew."""
        for each in self._venues:
            if venue in ("*", each.name):
                each.set_limits(factor)

    @property
    def trading_venues(self) -> dict[str, SimVenue]:
        """Map the names of the venues that take orders to them."""
        return {venue.name: venue for venue in self._venues if venue.rules is not None}

    @property
    def account_venues(self) -> dict[str, SimVenue]:
        """Map the names of the venues that have accounts to them."""
        return {venue.name: venue for venue in self._venues if venue.accounts}

    @property
    def credentials(self) -> dict[str, dict[str, str]]:
        """Tell each venue's first set of keys."""
        return {
            venue.name: {"key": first.key, "secret": first.secret, "passphrase": first.passphrase}
            for venue in self._venues
            for first in venue.accounts[:1]
        }

    async def answer(self, home: Port, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request that came in at the port `home`."""
        host, target = _address(request)
        port = self._by_host.get(host.partition(":")[0].lower(), home)
        if not target.isascii():
            return web.Response(status=400, text="The request target has to be percent-encoded.\n")
        sim_request = await self._read(host, target, request)
        paths = sim_request.names
        self.traffic.count(port.venue.name, sim_request.path)
        upgrade = sim_request.headers.get("upgrade", "").lower() == "websocket"
        hit = self.plan.take(port.venue.name, port.hosts, paths, edge_only=upgrade)
        if hit.delay_ms:
            return await self._answer_late(port, request, sim_request, hit)
        return await self._respond(port, request, sim_request, hit)

    async def _read(self, host: str, target: str, request: web.BaseRequest) -> SimRequest:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await request.read() if request.body_exists else b""
        headers.setdefault("x-forwarded-proto", self._scheme)
        return SimRequest(request.method, host, target, headers, body, 0)

    async def _answer_late(
        self, port: Port, request: web.BaseRequest, sim_request: SimRequest, hit: Hit
    ) -> web.StreamResponse:
        """Spend half of the delay before the venue sees the request and half after: so a network delays."""
        loop = asyncio.get_running_loop()
        due = loop.time() + hit.delay_ms / 1000
        await asyncio.sleep(hit.delay_ms / 2000)
        if _is_upgrade(sim_request) or hit.answer is not None:
            await asyncio.sleep(due - loop.time())
            return await self._respond(port, request, sim_request, hit)
        reply = self._carry_out(port, sim_request, hit)
        await asyncio.sleep(due - loop.time())
        return _response(reply)

    async def _respond(
        self, port: Port, request: web.BaseRequest, sim_request: SimRequest, hit: Hit
    ) -> web.StreamResponse:
        kind = hit.kind
        if not kind:
            streamed = await self._stream(port, request, sim_request) if _is_upgrade(sim_request) else None
            return _response(self._carry_out(port, sim_request, hit)) if streamed is None else streamed
        if (hit.handled and not _is_upgrade(sim_request)) or kind == "twice":
            self._carry_out(port, sim_request, hit)
        if kind in ("reset", "down"):
            reset_connection(request.transport)
        elif kind == "timeout":
            await asyncio.Event().wait()  # until the client leaves: the server cancels this task then
        elif kind == "drop_request":
            _close(request)
        elif kind == "late":
            self.stragglers.send(hit.late_ms, partial(self._arrive, port, sim_request, hit))
            _close(request)
        elif kind == "truncated_json":
            reply = self._carry_out(port, sim_request, hit)
            assert isinstance(request.transport, asyncio.Transport)
            request.transport.write(cut_off(reply))
            _close(request)
        else:
            return _response(self._faulty_reply(port, sim_request, hit))
        return web.Response()  # never sent: the connection is closed

    async def _stream(self, port: Port, request: web.BaseRequest, sim_request: SimRequest) -> web.StreamResponse | None:
        """Serve a WebSocket; None where the venue has none at this path."""
        try:
            return await serve_frames(port, request, sim_request, self)
        except Exception as error:  # noqa: BLE001 - whatever a venue raises is logged whole and told to the client
            return _response(_failed(port, sim_request, error))

    def _faulty_reply(self, port: Port, request: SimRequest, hit: Hit) -> SimReply:
        fault = hit.answer
        assert fault is not None
        if fault.kind == "twice":
            return self._carry_out(port, request, hit)
        if fault.kind in VENUE_WORDED:
            return self._guarded(port, request, hit, fault)
        if fault.kind == "html_error":
            return html_page(port.hosts[0], int(fault.args["status"] or 502))
        return SimReply(broken_json(self._carry_out(port, request, hit).body))

    async def _arrive(self, port: Port, request: SimRequest, hit: Hit) -> None:
        self._carry_out(port, request, hit)

    def _carry_out(self, port: Port, request: SimRequest, hit: Hit) -> SimReply:
        return self._guarded(port, request, hit, None)

    def _guarded(self, port: Port, request: SimRequest, hit: Hit, fault: Fault | None) -> SimReply:
        """Let the venue answer; a bug in it costs one answer, not the simulator."""
        scope = SCOPE.set(Scope(port.hosts, request.names, hit))
        try:
            timed = SimRequest(
                request.method, request.host, request.target, request.headers, request.body, port.venue.clock()
            )
            return port.venue.fault(fault.kind, timed, fault.args) if fault else port.venue.handle(port.name, timed)
        except Exception as error:  # noqa: BLE001 - whatever a venue raises is logged whole and told to the client
            return _failed(port, request, error)
        finally:
            SCOPE.reset(scope)

    def _fault_added(self, fault: Fault) -> None:
        if fault.kind != "down":
            return
        for listener in self._listeners:
            if fault.meets(listener.port.venue.name, listener.port.hosts):
                listener.reset_all()


def _address(request: web.BaseRequest) -> tuple[str, str]:
    """Tell host and target as they were sent; a proxy's client names both in the request line."""
    raw = request.raw_path
    if raw.startswith(("http://", "https://")):
        split = urlsplit(raw)
        return split.netloc, raw.partition(split.netloc)[2] or "/"
    return request.headers.get("Host", ""), raw


def _is_upgrade(request: SimRequest) -> bool:
    return request.headers.get("upgrade", "").lower() == "websocket"


def _failed(port: Port, request: SimRequest, error: Exception) -> SimReply:
    """Log a venue's bug with its trace and tell the client where to look."""
    _log.error("%s could not answer %s %s", port.venue.name, request.method, request.target, exc_info=error)
    text = f"The simulated venue {port.venue.name} failed ({type(error).__name__}); see the simulator's log.\n"
    return SimReply(text.encode(), 500, {}, "text/plain; charset=utf-8")


def _response(reply: SimReply) -> web.Response:
    headers = {"Content-Type": reply.content_type, "Server": SERVER, **reply.headers}
    return web.Response(body=reply.body, status=reply.status, headers=headers)


def _close(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()
