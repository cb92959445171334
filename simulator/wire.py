"""What goes wrong on a connection itself: resets, cut-off answers, pages from a proxy."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from simulator.venue import SimReply

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>{host} | {status}: {reason}</title></head>
<body><h1>Error {status}</h1><p>{reason}</p><p>The web server reported an error. Please try again later.</p>
<hr><center>cloudflare</center></body></html>
"""


def reset_connection(transport: asyncio.BaseTransport | None) -> None:
    """Close a connection with a TCP reset, dropping whatever was not sent yet."""
    if not isinstance(transport, asyncio.Transport):
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # the peer may have gone first
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


class ResettingProtocol(asyncio.Protocol):
    """Resets each connection as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Reset."""
        reset_connection(transport)


class Stragglers:
    """Requests that are still on their way although their connections are gone."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, after_ms: float, deliver: Callable[[], Awaitable[object]]) -> None:
        """Deliver a request so much later."""
        task = asyncio.create_task(self._travel(after_ms, deliver))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def lose(self) -> None:
        """Give up all that did not arrive yet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    async def _travel(after_ms: float, deliver: Callable[[], Awaitable[object]]) -> None:
        await asyncio.sleep(after_ms / 1000)
        await deliver()


def html_page(host: str, status: int) -> SimReply:
    """Answer what a proxy in front of a venue sends when the venue is out of reach."""
    reason = {502: "Bad gateway", 503: "Service unavailable", 504: "Gateway time-out"}.get(status, "Web server error")
    body = _PAGE.format(host=host, status=status, reason=reason).encode()
    return SimReply(body, status, {"Retry-After": "5"} if status == 503 else {}, "text/html; charset=UTF-8")


def broken_json(body: bytes) -> bytes:
    """Cut an object or a list so that it cannot be parsed; anything else becomes the beginning of an object."""
    text = body.strip()
    return text[: max(1, len(text) * 2 // 3)] if text[:1] in (b"{", b"[") else b'{"'


def cut_off(reply: SimReply) -> bytes:
    """Write an answer that promises its whole length and delivers half of it."""
    headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body)), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} OK", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode() + reply.body[: len(reply.body) // 2]
