"""One WebSocket connection: frames to the venue's session, faults on each of them."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from aiohttp import WSMsgType, web

from simulator.distortion import SCOPE, Scope
from simulator.faults import VENUE_WORDED, FaultPlan, Hit
from simulator.traffic import Traffic
from simulator.venue import SimRequest, SimVenue, WsSession
from simulator.wire import Stragglers, broken_json, html_page, reset_connection

_MOST_WAITING_FRAMES = 1_000
_LARGEST_FRAME_BYTES = 4 * 1024 * 1024
_NOT_A_CALL = frozenset({"id", "req_id", "jsonrpc", "passthrough", "subscribe", "params", "args"})
_log = logging.getLogger("simulator")


@dataclass(frozen=True)
class Port:
    """One port of a venue: the name its venue gives it and the real hosts it answers to."""

    venue: SimVenue
    name: str
    hosts: tuple[str, ...]


class Server(Protocol):
    """What a connection needs of the server it belongs to."""

    plan: FaultPlan
    traffic: Traffic
    stragglers: Stragglers


async def serve_frames(
    port: Port, request: web.BaseRequest, handshake: SimRequest, server: Server
) -> web.StreamResponse | None:
    """Serve a WebSocket until it is closed; None where the venue has none at this path."""
    socket = web.WebSocketResponse(compress=False, max_msg_size=_LARGEST_FRAME_BYTES)
    if not socket.can_prepare(request).ok:
        return web.Response(status=400, text="This is not a proper WebSocket handshake.\n")
    connection = Connection(port, request, handshake, server, socket)
    if not connection.open():
        return None
    await connection.serve()
    return socket


class Connection:
    """The frames of one WebSocket, handled in the order they came in."""

    def __init__(
        self,
        port: Port,
        request: web.BaseRequest,
        handshake: SimRequest,
        server: Server,
        socket: web.WebSocketResponse,
    ) -> None:
        self._port = port
        self._request = request
        self._handshake = handshake
        self._plan = server.plan
        self._traffic = server.traffic
        self._stragglers = server.stragglers
        self._socket = socket
        self._ready = asyncio.Event()
        self._waiting: asyncio.Queue[tuple[float, str, Scope]] = asyncio.Queue(_MOST_WAITING_FRAMES)
        self._session: WsSession | None = None

    def open(self) -> bool:
        """Let the venue open a session; False where it has none at this path."""
        venue = self._port.venue
        timed = replace(self._handshake, now_ms=venue.clock())
        self._session = venue.open_websocket(self._port.name, timed, self._send)
        if self._session is None:
            return False
        self._session.close = self._close
        return True

    async def serve(self) -> None:
        """Read frames until the client leaves."""
        await self._socket.prepare(self._request)
        self._ready.set()
        self._traffic.open_sockets += 1
        worker = asyncio.create_task(self._work())
        try:
            await self._read()
        finally:
            self._traffic.closed()
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
            if self._session is not None:
                await self._session.on_close()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        path = self._handshake.path
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                await self._socket.close(code=1003, message=b"text frames only")
                return
            name = f"{path}#{call_name(message.data)}"
            self._traffic.count(self._port.venue.name, name)
            paths = (path, name)
            hit = self._plan.take(self._port.venue.name, self._port.hosts, paths)
            due = loop.time() + hit.delay_ms / 1000
            await self._waiting.put((due, message.data, Scope(self._port.hosts, paths, hit)))

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, text, scope = await self._waiting.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            SCOPE.set(scope)
            try:
                await self._handle(text, scope)
            except ConnectionError:
                return  # the client left; the reader notices too
            except Exception:  # noqa: BLE001 - whatever a venue raises is logged whole; the client sees code 1011
                _log.exception("%s could not answer the frame %.200s", self._port.venue.name, text)
                await self._socket.close(code=1011, message=b"the simulated venue failed; see the simulator's log")
                return
            finally:
                scope.done = True

    async def _handle(self, text: str, scope: Scope) -> None:
        assert self._session is not None
        hit, paths = scope.hit, scope.paths
        fault, transport = hit.answer, self._request.transport
        if fault is None or fault.kind in ("malformed_json", "truncated_json", "twice") or hit.handled:
            await self._session.on_text(text)
        if fault is None:
            return
        if fault.kind == "twice":
            await self._deliver(text, paths, replace(hit, answer=None))
        if fault.kind == "late":
            self._stragglers.send(hit.late_ms, partial(self._deliver, text, paths, hit))
            reset_connection(transport)
        if fault.kind in VENUE_WORDED:
            reply = self._port.venue.fault(fault.kind, self._frame_request(text), fault.args)
            await self._socket.send_str(reply.body.decode())
        elif fault.kind == "html_error":
            await self._socket.send_str(html_page(self._port.hosts[0], 502).body.decode())
        elif fault.kind in ("reset", "down"):
            reset_connection(transport)
        elif fault.kind in ("drop_request", "truncated_json") and transport is not None:
            transport.close()

    async def _deliver(self, text: str, paths: tuple[str, ...], hit: Hit) -> None:
        """Let a frame reach the venue (once more), now or when its connection is gone; `hit` decides what is sent."""
        assert self._session is not None
        scope = Scope(self._port.hosts, paths, hit)
        SCOPE.set(scope)
        try:
            await self._session.on_text(text)
        except Exception:  # noqa: BLE001 - whatever a venue raises is logged whole; nobody waits for an answer
            _log.exception("%s could not carry out the frame %.200s", self._port.venue.name, text)
        finally:
            scope.done = True

    def _frame_request(self, text: str) -> SimRequest:
        """Describe a frame as a request: the method is `WS`, the body the frame."""
        return replace(self._handshake, method="WS", body=text.encode(), now_ms=self._port.venue.clock())

    async def _close(self, code: int, reason: str) -> None:
        """Close as the venue asks."""
        await self._ready.wait()
        await self._socket.close(code=code, message=reason.encode())

    async def _send(self, text: str) -> None:
        """Send a frame of the venue, unless a fault of the frame it answers says otherwise."""
        await self._ready.wait()
        scope = SCOPE.get()
        kind = scope.hit.kind if scope is not None and not scope.done else ""
        if kind in ("malformed_json", "truncated_json"):
            text = broken_json(text.encode()).decode(errors="ignore")
        elif kind:
            return
        await self._socket.send_str(text)


def call_name(text: str) -> str:
    """Name the call in a frame: its `method` or `op`, or else the first key that is not about the frame itself."""
    try:
        frame = json.loads(text)
    except ValueError:
        return "(no JSON)"
    if not isinstance(frame, Mapping):
        return "(no object)"
    for key in ("method", "op"):
        if isinstance(frame.get(key), str):
            return str(frame[key])[:100]
    return next((str(key)[:100] for key in frame if key not in _NOT_A_CALL), "(empty)")
