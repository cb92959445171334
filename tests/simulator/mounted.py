"""Unmodified clients against a simulated venue without sockets: a requests adapter hands each request to `handle`."""

import io
import itertools
import time
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse

from simulator.venue import SimReply, SimRequest, SimVenue

NOW_MS = time.time_ns() // 1_000_000 // 1000 * 1000
"""One moment for a whole test run, so that two answers can be compared; clients compare it with the wall clock."""


class Mounted(BaseAdapter):
    """Answer requests to the venue's real hosts; `targets` keeps what was asked."""

    def __init__(self, venue: SimVenue, now_ms: int = NOW_MS) -> None:
        super().__init__()
        self.venue = venue
        self.now_ms = now_ms
        self.targets: list[str] = []
        self.ports = {host: port for port, hosts in venue.ports.items() for host in hosts}

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        reply = self.ask(
            str(request.method), str(request.url), dict(request.headers), request.body if request.body else b""
        )
        response = requests.Response()
        response.status_code, response.reason = reply.status, responses.get(reply.status, "")
        response.headers = CaseInsensitiveDict({"Content-Type": reply.content_type} | dict(reply.headers))
        response.raw = HTTPResponse(io.BytesIO(reply.body), preload_content=False)
        response.url, response.request, response.encoding = str(request.url), request, "utf-8"
        return response

    def ask(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | str = b"") -> SimReply:
        """Put one request to the venue."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self.targets.append(target)
        raw = body.encode() if isinstance(body, str) else body
        named = {name.lower(): value for name, value in (headers or {}).items()}
        port = self.ports[str(parts.hostname)]
        return self.venue.handle(port, SimRequest(method, str(parts.hostname), target, named, raw, self.now_ms))

    def close(self) -> None:
        """Nothing is open."""


def client(exchange_class: Any, adapter: Mounted, **config: Any) -> Any:
    """Make a ccxt client of `exchange_class` that reaches the adapter under the real URLs."""
    exchange = exchange_class({"enableRateLimit": False, **config})
    exchange.session.mount("https://", adapter)
    return exchange


def never_full() -> Any:
    """A clock on which every request comes a minute after the one before it."""
    ticks = itertools.count(0.0, 60.0)
    return lambda: next(ticks)
