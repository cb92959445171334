"""Bring clients to a simulated venue: in this process by its real URLs, or over loopback with the base URLs changed."""

import io
from http.client import responses
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from simulator.venue import SimReply, SimRequest, SimVenue


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


def get(venue: SimVenue, url: str, now_ms: int, method: str = "GET", **headers: str) -> SimReply:
    """Ask a venue for a real URL."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return venue.handle("rest", SimRequest(method, parts.netloc, target, names, b"", now_ms))


class InProcess(HTTPAdapter):
    """Answer requests from `venue.handle`; `faulty` (kind, arguments) lets the venue's `fault` answer in its place."""

    def __init__(self, venue: SimVenue, now_ms: int) -> None:
        super().__init__()
        self.venue = venue
        self.now_ms = now_ms
        self.seen: list[SimRequest] = []
        self.faulty: tuple[str, dict[str, object]] | None = None

    def send(self, request, *args, **kwargs) -> requests.Response:
        parts = urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        body = request.body or b""
        asked = SimRequest(
            request.method,
            parts.netloc,
            target,
            {name.lower(): value for name, value in request.headers.items()},
            body if isinstance(body, bytes) else body.encode(),
            self.now_ms,
        )
        self.seen.append(asked)
        reply = self.venue.fault(self.faulty[0], asked, self.faulty[1]) if self.faulty else self._handled(asked)
        headers = HTTPHeaderDict({"Content-Type": reply.content_type, **reply.headers})
        raw = HTTPResponse(
            io.BytesIO(reply.body),
            headers,
            reply.status,
            reason=responses.get(reply.status, ""),
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)

    def _handled(self, request: SimRequest) -> SimReply:
        return self.venue.handle("rest", request)
