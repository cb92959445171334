"""Unmodified clients against a simulated venue without sockets: a requests adapter hands each request to the venue."""

import io
import time
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

import ccxt
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse

from simulator.venue import SimReply, SimRequest, SimVenue

NOW_MS = time.time_ns() // 1_000_000 // 1000 * 1000
"""One moment for a whole test run, so that two answers can be compared; clients compare it with the wall clock."""


class Mounted(BaseAdapter):
    """Answer requests to the venue's real hosts; `seen` and `replies` keep them.

    Where `faulty` is set (kind, arguments) the venue's `fault` answers.
    """

    def __init__(self, venue: SimVenue, now_ms: int = NOW_MS) -> None:
        super().__init__()
        self.venue = venue
        self.now_ms = now_ms
        self.seen: list[SimRequest] = []
        self.replies: list[SimReply] = []
        self.faulty: tuple[str, dict[str, Any]] | None = None
        self.ports = {host: port for port, hosts in venue.ports.items() for host in hosts}

    @property
    def targets(self) -> list[str]:
        """Paths and queries that were asked for."""
        return [request.target for request in self.seen]

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
        raw = body.encode() if isinstance(body, str) else body
        named = {name.lower(): value for name, value in (headers or {}).items()}
        request = SimRequest(method, parts.netloc, target, named, raw, self.now_ms)
        self.seen.append(request)
        if self.faulty:
            reply = self.venue.fault(self.faulty[0], request, self.faulty[1])
        else:
            reply = self.venue.handle(self.ports[parts.netloc], request)
        self.replies.append(reply)
        return reply

    def close(self) -> None:
        """Nothing is open."""


def get(venue: SimVenue, url: str, now_ms: int, method: str = "GET", **headers: str) -> SimReply:
    """Put one request to a venue; `x_api_key="…"` is the header `x-api-key`."""
    return Mounted(venue, now_ms).ask(method, url, {name.replace("_", "-"): value for name, value in headers.items()})


def client(exchange_class: Any, adapter: Mounted, **config: Any) -> Any:
    """Make a ccxt client of `exchange_class` that reaches the adapter under the real URLs."""
    exchange = exchange_class({"enableRateLimit": False, **config})
    exchange.session.mount("https://", adapter)
    return exchange


def provoked(exchange_class: Any, venue: SimVenue, kind: str, args: dict[str, Any]) -> tuple[Exception, SimReply]:
    """Ask a venue that has a fault for the time with ccxt; return the error it raises and the reply that led to it."""
    adapter = Mounted(venue)
    adapter.faulty = (kind, args)
    exchange = client(exchange_class, adapter)
    try:
        exchange.fetch_time()
    except ccxt.BaseError as error:
        return error, adapter.replies[0]
    finally:
        exchange.session.close()
    raise AssertionError(f"ccxt took no notice of {kind}")


def redirected(urls: dict[str, object], hosts: dict[str, str], hostname: str = "") -> dict[str, object]:
    """Return ccxt's table of base URLs with every host the simulator serves replaced, and the paths kept."""
    changed: dict[str, object] = {}
    for name, url in urls.items():
        if isinstance(url, dict):
            changed[name] = redirected(url, hosts, hostname)
            continue
        url = str(url).replace("{hostname}", hostname)
        host = urlsplit(url).netloc
        changed[name] = url.replace(f"https://{host}", hosts[host]) if host in hosts else url
    return changed
