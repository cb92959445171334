"""What a connector is given, without sockets: canned answers, a guard that only calls, settings."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.base import VenueContext
from connectors.endpoints import Endpoints
from connectors.http import Request, Response
from utils.config.settings import VenueSettings

RECEIVED_AT_NS = 1_763_694_000_000_000_000


def answer(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Build an answer; text and bytes are sent as they are."""
    if isinstance(payload, bytes):
        body = payload
    else:
        body = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    return Response(status, {"content-type": "application/json", **(headers or {})}, body, RECEIVED_AT_NS, 1.0)


class FakeHttp:
    """Answers by path; `requests` keeps what was asked. A route is an answer, or makes one from the request."""

    def __init__(self, routes: Mapping[str, Response | Callable[[Request], Response]]) -> None:
        self.routes = dict(routes)
        self.requests: list[Request] = []
        self.endpoints = Endpoints(None)

    def send(self, request: Request, *, deadline: float) -> Response:
        assert deadline > time.monotonic()
        self.requests.append(request)
        found = self.routes[urlsplit(request.url).path]
        return found if isinstance(found, Response) else found(request)

    def close(self) -> None:
        pass


class PlainGuard:
    """Calls once; notes what was charged and what the venue said about its own count."""

    def __init__(self) -> None:
        self.costs: list[float] = []
        self.told: list[tuple[float, float, float]] = []

    def read(self, fn: Callable[[], Any], *, cost: float = 1.0, deadline: float) -> Any:
        self.costs.append(cost)
        return fn()

    def feed_back(self, used: float, limit: float, window_s: float = 60.0) -> None:
        self.told.append((used, limit, window_s))


def context(
    routes: Mapping[str, Any] | None = None,
    *,
    venue: str = "testing",
    environment: str = "paper",
    exchange: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> VenueContext:
    """Build a context whose HTTP client answers from `routes`."""
    settings = VenueSettings(name=venue, class_path="-", exchange=exchange, options=options or {})
    return VenueContext(
        environment=environment,
        settings=settings,
        http=FakeHttp(routes or {}),  # type: ignore[arg-type]
        guard=PlainGuard(),  # type: ignore[arg-type]
        credentials=lambda: None,
        deadline=lambda: time.monotonic() + 30,
        clock_offset_ms=lambda: 0,
    )
