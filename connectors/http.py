"""A small HTTP/1.1 client for answers that are read whole: one deadline, keep-alive, gzip, verified TLS.

httptools (llhttp, the parser of Node.js) reads the wire and is imported in 2 ms, where http.client costs 20-40.
Redirects are not followed: a venue's API does not redirect, and a signed call must not wander to another host.
"""

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade

from connectors.endpoints import Address, Endpoints, is_loopback, look_up, split_url, tls_context
from connectors.http_answer import Answer, inflated
from connectors.unsigned import refuse_signed
from domain.errors import BadAnswer, CrossbookError, NotSent, TimedOut, Unavailable

if TYPE_CHECKING:
    from ssl import SSLContext

MAX_BODY = 64 * 1024 * 1024
"""Largest body in bytes, after decompression; the longest list of a venue has about 10 MiB."""
MAX_HEAD = 64 * 1024
"""Largest status line and headers, in bytes."""
MAX_IDLE_S = 45.0
"""How long an unused connection is kept; servers commonly close them after a minute."""
ADDRESS_PATIENCE_S = 2.0
"""How long one address of several is tried, so that a dead IPv6 route does not eat the deadline."""
SECURE = frozenset({"https", "wss"})
IDEMPOTENT = frozenset({"GET", "HEAD"})
_PROXY_VARIABLES = {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}


class ConnectFailed(Unavailable):
    """No connection could be made, so nothing was sent."""


class ConnectTimedOut(TimedOut):
    """The time was over before a connection stood, or was written to, so nothing was sent."""


@dataclass(frozen=True)
class Request:
    """What to ask: `url` is the venue's real one with its query; `cost` is in units of the venue's budget.

    `once` marks what must not reach the venue twice although its method is GET (Deribit's orders are GETs).
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cost: float = 1.0
    once: bool = False


@dataclass(frozen=True)
class Response:
    """A complete answer of any status. Header names are lower-case; `latency_ms` includes setting the connection up."""

    status: int
    headers: dict[str, str]
    body: bytes
    received_at_ns: int
    latency_ms: float


class Connected(NamedTuple):
    """An open connection: the venue's real host, and the name and path to ask there."""

    connection: socket.socket
    host: str
    netloc: str
    target: str


class HttpClient:
    """HTTP for one environment: several threads may use one client; idle connections are kept per origin.

    Args:
        endpoints: where real hosts are reached.
        redact: removes secrets from text before it enters an error.
        signs: let signed requests through; without it only public reads leave (see `connectors.unsigned`).
    """

    def __init__(self, endpoints: Endpoints, redact: Callable[[str], str], *, signs: bool = True) -> None:
        self.endpoints = endpoints
        self.signs = signs
        self._redact = redact
        self._idle: dict[tuple[str, str, int], list[tuple[float, socket.socket]]] = {}
        self._closed = False
        self._lock = threading.Lock()
        self._tls: SSLContext | None = None

    def send(self, request: Request, *, deadline: float) -> Response:
        """Ask and read the whole answer, whatever its status, until `deadline` (time.monotonic seconds).

        A GET that is not marked `once` is sent a second time when a kept connection turns out to be closed before any
        byte of the answer; anything else is sent once at most.

        Raises:
            NotSent: when the URL or a header is unusable, or this environment does not serve the host.
            TimedOut: no complete answer in time (ConnectTimedOut: nothing was sent).
            Unavailable: no connection (ConnectFailed: nothing was sent), or it broke before the answer was complete.
            BadAnswer: what came is cut off, too large or not HTTP.
        """
        if not self.signs:
            refuse_signed(request.method, request.url, request.headers, request.body)
        real = split_url(request.url)
        where = split_url(self.endpoints.resolve(request.url))
        # A redirection to this machine keeps the venue's name (as an entry in /etc/hosts would); a testnet has its own.
        named = real if is_loopback(where.host) else where
        head = _head(request, where.target, named.netloc)
        exchange = _Exchange(self, real.host, where, named.host, deadline)
        started = time.perf_counter_ns()
        try:
            repeatable = request.method in IDEMPOTENT and not request.once
            answer = exchange.run(head + request.body, request.method, repeatable=repeatable)
            body = inflated(b"".join(answer.parts), answer.headers.get("content-encoding", ""), real.host, MAX_BODY)
        except CrossbookError as error:
            error.message = self._redact(error.message)
            error.args = (error.message,)
            raise
        latency_ms = (exchange.received - started) / 1e6
        return Response(answer.status, answer.headers, body, exchange.received_at_ns, latency_ms)

    def connect(self, url: str, *, deadline: float) -> "Connected":
        """Open a connection (proxied and secured as `send` does) for another protocol, such as a WebSocket.

        Raises:
            NotSent, TimedOut, Unavailable: as `send` does.
        """
        if not self.signs:
            refuse_signed("GET", url, {})
        real = split_url(url)
        where = split_url(self.endpoints.resolve(url))
        named = real if is_loopback(where.host) else where
        connection = _Exchange(self, real.host, where, named.host, deadline).connect()
        return Connected(connection, real.host, named.netloc, where.target)

    def close(self) -> None:
        """Close idle connections; what is still under way is closed as soon as it ends."""
        with self._lock:
            idle, self._idle = self._idle, {}
            self._closed = True
        for kept in idle.values():
            for _, connection in kept:
                connection.close()

    def tls(self) -> "SSLContext":
        """Return the one TLS context of this client, built at the first https request."""
        with self._lock:
            if self._tls is None:
                self._tls = tls_context(self.endpoints)
            return self._tls

    def take(self, origin: tuple[str, str, int]) -> socket.socket | None:
        """Take an idle connection that is neither old nor closed by the other side."""
        while True:
            with self._lock:
                kept = self._idle.get(origin)
                if not kept:
                    return None
                since, connection = kept.pop()
            # Readable while idle means closed, or bytes that nobody asked for.
            if time.monotonic() - since < MAX_IDLE_S and not select.select([connection], [], [], 0)[0]:
                return connection
            connection.close()

    def keep(self, origin: tuple[str, str, int], connection: socket.socket) -> None:
        """Keep a connection for the next request to the same origin."""
        with self._lock:
            if not self._closed:
                self._idle.setdefault(origin, []).append((time.monotonic(), connection))
                return
        connection.close()


class _Exchange:
    """One request and its answer."""

    def __init__(self, client: HttpClient, host: str, where: Address, server_name: str, deadline: float) -> None:
        self._client = client
        self._host = host
        self._where = where
        self._server_name = server_name
        self._deadline = deadline
        self._began = time.monotonic()
        self._origin = (where.scheme, where.host, where.port)
        self.received = 0
        self.received_at_ns = 0

    def run(self, data: bytes, method: str, *, repeatable: bool) -> Answer:
        """Send over a kept connection if there is one, else over a new one."""
        connection = self._client.take(self._origin)
        if connection is not None:
            answer = self._talk(connection, data, method, may_repeat=repeatable)
            if answer is not None:
                return answer
        answer = self._talk(self.connect(), data, method, may_repeat=False)
        assert answer is not None  # only a repeatable exchange ends without an answer
        return answer

    def _talk(self, connection: socket.socket, data: bytes, method: str, *, may_repeat: bool) -> Answer | None:
        """Send and receive on one connection; None when it ended before any byte came and `may_repeat`."""
        answer = Answer()
        reusable = False
        try:
            connection.settimeout(self._left(ConnectTimedOut, "was asked"))
            connection.sendall(data)
            self._receive(connection, answer, method)
            reusable = answer.complete and not answer.extra and answer.keep_alive
        except TimeoutError:
            raise self._timed_out(TimedOut, "did not answer") from None
        except OSError as error:
            if not (may_repeat and not answer.started):
                broke = f"{self._host} broke the connection before its answer was complete"
                raise Unavailable(f"{broke}: {_reason(error)}.") from None
        finally:
            if reusable:
                self._client.keep(self._origin, connection)
            else:
                connection.close()
        if answer.started:
            return answer
        if may_repeat:
            return None
        raise Unavailable(f"{self._host} closed the connection without an answer.")

    def _receive(self, connection: socket.socket, answer: Answer, method: str) -> None:
        """Feed the parser until the answer, or the connection, is at its end."""
        total = 0
        while not answer.complete:
            connection.settimeout(self._left(TimedOut, "had not finished its answer"))
            data = connection.recv(262_144 if answer.head_done else 16_384)
            if not data:
                if total and not answer.ends_with_connection():
                    raise BadAnswer(f"The answer of {self._host} was cut off after {total} bytes.")
                answer.complete = answer.extra = True
                break
            total += len(data)
            if total > MAX_BODY + MAX_HEAD or (total > MAX_HEAD and not answer.head_done):
                raise BadAnswer(f"The answer of {self._host} is larger than we read ({total} bytes so far).")
            try:
                answer.parser.feed_data(data)
            except (HttpParserError, HttpParserUpgrade) as error:
                if not answer.complete:
                    raise BadAnswer(f"The answer of {self._host} is not HTTP ({type(error).__name__}).") from None
                answer.extra = True
            if method == "HEAD" and answer.head_done:
                answer.complete = answer.extra = True
        self.received, self.received_at_ns = time.perf_counter_ns(), time.time_ns()

    def connect(self) -> socket.socket:
        """Open a connection, through a proxy where the environment's variables ask for one."""
        where, proxy = self._where, None
        if not is_loopback(where.host) and _PROXY_VARIABLES & os.environ.keys():
            from connectors.proxies import proxy_for

            proxy = proxy_for(where)
        connection = self._dial(proxy.address if proxy else where)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(self._left(ConnectTimedOut, "was connected to"))
            if proxy is not None:
                proxy.open_tunnel(connection, where, lambda: self._left(ConnectTimedOut, "was connected to"))
            return self._secured(connection) if where.scheme in SECURE else connection
        except TimeoutError:
            connection.close()
            raise self._timed_out(ConnectTimedOut, "did not finish setting up a connection") from None
        except CrossbookError:
            connection.close()
            raise
        except OSError as error:
            connection.close()
            raise ConnectFailed(f"{self._host} did not set up a connection: {_reason(error)}.") from None

    def _secured(self, connection: socket.socket) -> socket.socket:
        """Start TLS; a certificate that is not trusted is no passing trouble, so it is not retried."""
        import ssl

        context = self._client.tls()
        connection.settimeout(self._left(ConnectTimedOut, "was connected to"))
        try:
            return context.wrap_socket(connection, server_hostname=self._server_name)
        except ssl.SSLCertVerificationError as error:
            failure = ConnectFailed(f"The TLS certificate of {self._host} is not trusted: {error.verify_message}.")
            failure.retryable = False
            raise failure from None

    def _dial(self, peer: Address) -> socket.socket:
        """Connect to the first address that answers."""
        found = look_up(peer, self._left(ConnectTimedOut, "was looked up"))
        if isinstance(found, OSError):
            raise ConnectFailed(f"The address of {peer.host} cannot be found: {_reason(found)}.")
        failure: OSError = TimeoutError()
        for index, (family, kind, protocol, address) in enumerate(found):
            left = self._left(ConnectTimedOut, "was connected to")
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(left if index == len(found) - 1 else min(left, ADDRESS_PATIENCE_S))
            try:
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        if not found or isinstance(failure, TimeoutError):
            raise self._timed_out(ConnectTimedOut, "did not accept a connection")
        raise ConnectFailed(f"{self._host} cannot be connected to: {_reason(failure)}.")

    def _left(self, kind: type[TimedOut], what: str) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise kind(f"The time was over before {self._host} {what}.")
        return left

    def _timed_out(self, kind: type[TimedOut], what: str) -> TimedOut:
        return kind(f"{self._host} {what} within {time.monotonic() - self._began:.1f} s.")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).rstrip(".")


def _head(request: Request, target: str, netloc: str) -> bytes:
    """Write request line and headers; the caller's headers win over ours."""
    headers = {
        "host": f"Host: {netloc}",
        "user-agent": "User-Agent: crossbook",
        "accept": "Accept: */*",
        "accept-encoding": "Accept-Encoding: gzip, deflate",
    }
    if request.body or request.method in ("POST", "PUT"):
        headers["content-length"] = f"Content-Length: {len(request.body)}"
    for name, value in request.headers.items():
        if not (name.isascii() and name.isprintable() and name and ":" not in name and value.isprintable()):
            raise NotSent(f"The header {name!a} cannot be sent.")
        headers[name.lower()] = f"{name}: {value}"
    try:
        lines = [f"{request.method} {target} HTTP/1.1", *headers.values(), "", ""]
        return "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError:
        raise NotSent("A header with characters outside Latin-1 cannot be sent.") from None
