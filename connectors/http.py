"""A small HTTP/1.1 client for answers that are read whole: one deadline, keep-alive, gzip, verified TLS.

httptools (llhttp, the parser of Node.js) reads the wire and is imported in 2 ms, where http.client costs 20-40.
Redirects are not followed: a venue's API does not redirect, and a signed call must not wander to another host.
"""

import contextlib
import os
import select
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from httptools import HttpParserError, HttpResponseParser

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
IDEMPOTENT = frozenset({"GET", "HEAD"})


class ConnectFailed(Unavailable):
    """No connection could be made, so nothing was sent."""


class ConnectTimedOut(TimedOut):
    """The time was over before a connection stood, so nothing was sent."""


@dataclass(frozen=True)
class Request:
    """What to ask: `url` is the venue's real one with its query; `cost` is in units of the venue's budget."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cost: float = 1.0


@dataclass(frozen=True)
class Response:
    """A complete answer of any status. Header names are lower-case; `latency_ms` includes setting the connection up."""

    status: int
    headers: dict[str, str]
    body: bytes
    received_at_ns: int
    latency_ms: float


class Address(NamedTuple):
    """A URL taken apart; `host` is without brackets, `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """Write host and, where it is not the scheme's own, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def split_url(url: str) -> Address:
    """Take a URL apart (without urllib, which costs more than the rest of a request).

    Raises:
        NotSent: when it is not an http(s) or ws(s) URL of printable ASCII; user names are refused as well.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    cut = min((at for at in (rest.find("/"), rest.find("?"), rest.find("#")) if at >= 0), default=len(rest))
    netloc, target = rest[:cut].lower(), rest[cut:].partition("#")[0]
    host, _, port = netloc.rpartition(":") if ":" in netloc.rpartition("]")[2] else (netloc, "", "")
    host = host.removeprefix("[").removesuffix("]")
    usable = url.isascii() and url.isprintable() and " " not in url and "@" not in netloc
    if not (separator and host and usable and scheme in _PORTS and (not port or port.isdecimal())):
        raise NotSent(f"Not a usable URL: {ascii(url.partition('?')[0])}.")
    if not target.startswith("/"):
        target = "/" + target
    return Address(scheme, host, int(port) if port else _PORTS[scheme], target)


class Endpoints:
    """Where real hosts are reached in this environment.

    Args:
        hosts: real host -> base URL; None or empty reaches the real ones.
        closed: refuse hosts that are not listed, so that the simulator or a testnet never leaks to a live venue.
        ca_file: PEM file of a CA to trust as well; the only one trusted where `closed`.
        name: what to call this environment in errors.
    """

    def __init__(
        self,
        hosts: Mapping[str, str] | None,
        *,
        closed: bool = False,
        ca_file: str | None = None,
        name: str = "the simulator",
    ) -> None:
        self.hosts = {host.lower(): base.rstrip("/") for host, base in (hosts or {}).items()}
        self.closed = closed
        self.ca_file = ca_file
        self._name = name

    def resolve(self, url: str) -> str:
        """Replace scheme, host and port by those this environment uses; wss stays a WebSocket (ws or wss).

        Raises:
            NotSent: when the environment is closed and does not serve the host, or the URL is unusable.
        """
        if not self.hosts and not self.closed:
            return url
        address = split_url(url)
        base = self.hosts.get(address.netloc) or self.hosts.get(address.host)
        if base is None:
            if self.closed:
                name = self._name[:1].upper() + self._name[1:]
                raise NotSent(f"{name} does not serve host {address.host}.")
            return url
        if address.scheme.startswith("ws"):
            base = "ws" + base.removeprefix("http").removeprefix("ws")
        return base + address.target


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its address."""
    return host == "::1" or host == "localhost" or (host.startswith("127.") and host.replace(".", "").isdecimal())


def tls_context(endpoints: Endpoints) -> "SSLContext":
    """Build the verifying TLS context of an environment.

    The system's hashed directory is read one certificate at a time when needed (0.2 ms), where a bundle file
    costs 20 ms; SSL_CERT_FILE and SSL_CERT_DIR are honoured; certifi is the last resort.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoints.ca_file:
        context.load_verify_locations(cafile=endpoints.ca_file)
        if endpoints.closed:
            return context
    paths = ssl.get_default_verify_paths()
    hashed = paths.openssl_capath
    if sys.platform == "win32" or paths.openssl_cafile_env in os.environ or paths.openssl_capath_env in os.environ:
        context.load_default_certs()
    elif hashed and os.path.isdir(hashed) and any(name.endswith(".0") for name in os.listdir(hashed)):  # noqa: PTH112, PTH208
        context.load_verify_locations(capath=hashed)
    elif paths.cafile:
        context.load_verify_locations(cafile=paths.cafile)
    else:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    return context


class _Answer:
    """Callbacks of the parser: collects one answer; interim (1xx) answers are passed over."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self._restart()

    def _restart(self) -> None:
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.head_done = self.complete = False
        self.status = 0

    def on_message_begin(self) -> None:
        if self.complete:
            self.extra = True

    extra = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_done:
            return  # trailers of a chunked body, or an answer nobody asked for
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.head_done = True
            self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self.parts.append(body)

    def on_message_complete(self) -> None:
        if 100 <= self.status < 200:
            self._restart()
        else:
            self.complete = True

    def ends_with_connection(self) -> bool:
        """Tell whether the end of the connection is the end of the body (neither length nor chunks announced)."""
        framed = "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()
        return self.head_done and not framed


class HttpClient:
    """HTTP for one environment: several threads may use one client; idle connections are kept per origin.

    Args:
        endpoints: where real hosts are reached.
        redact: removes secrets from text before it enters an error.
    """

    def __init__(self, endpoints: Endpoints, redact: Callable[[str], str]) -> None:
        self.endpoints = endpoints
        self._redact = redact
        self._idle: dict[tuple[str, str, int], list[tuple[float, socket.socket]]] = {}
        self._lock = threading.Lock()
        self._tls: SSLContext | None = None

    def send(self, request: Request, *, deadline: float) -> Response:
        """Ask and read the whole answer, whatever its status, until `deadline` (time.monotonic seconds).

        A GET is sent a second time when a kept connection turns out to be closed before any byte of the answer;
        anything else is sent once at most.

        Raises:
            NotSent: when the URL or a header is unusable, or this environment does not serve the host.
            TimedOut: no complete answer in time (ConnectTimedOut: nothing was sent).
            Unavailable: no connection (ConnectFailed: nothing was sent), or it broke before the answer was complete.
            BadAnswer: what came is cut off, too large or not HTTP.
        """
        real = split_url(request.url)
        where = split_url(self.endpoints.resolve(request.url))
        # A redirection to this machine keeps the venue's name (as an entry in /etc/hosts would); a testnet has its own.
        named = real if is_loopback(where.host) else where
        head = _head(request, where.target, named.netloc)
        exchange = _Exchange(self, real.host, where, named.host, deadline)
        started = time.perf_counter_ns()
        try:
            answer = exchange.run(head + request.body, request.method)
            body = _inflated(b"".join(answer.parts), answer.headers.get("content-encoding", ""), real.host)
        except CrossbookError as error:
            error.message = self._redact(error.message)
            error.args = (error.message,)
            raise
        latency_ms = (exchange.received - started) / 1e6
        return Response(answer.status, answer.headers, body, exchange.received_at_ns, latency_ms)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for kept in idle.values():
            for _, connection in kept:
                _close(connection)

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
            _close(connection)

    def keep(self, origin: tuple[str, str, int], connection: socket.socket) -> None:
        """Keep a connection for the next request to the same origin."""
        with self._lock:
            self._idle.setdefault(origin, []).append((time.monotonic(), connection))


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

    def run(self, data: bytes, method: str) -> _Answer:
        """Send over a kept connection if there is one, else over a new one."""
        connection = self._client.take(self._origin)
        if connection is not None:
            answer = self._talk(connection, data, method, may_repeat=method in IDEMPOTENT)
            if answer is not None:
                return answer
        answer = self._talk(self._connect(), data, method, may_repeat=False)
        assert answer is not None  # only a repeatable exchange ends without an answer
        return answer

    def _talk(self, connection: socket.socket, data: bytes, method: str, *, may_repeat: bool) -> _Answer | None:
        answer = _Answer()
        reusable = begun = False
        try:
            connection.settimeout(self._left(TimedOut))
            connection.sendall(data)
            begun = self._receive(connection, answer, method)
            reusable = answer.complete and not answer.extra and answer.parser.should_keep_alive()
        except TimeoutError:
            raise self._timed_out(TimedOut, "answer") from None
        except OSError as error:
            if may_repeat and not answer.head_done and not begun:
                return None
            raise Unavailable(f"{self._host} broke the connection before its answer was complete: {error}.") from None
        finally:
            if reusable:
                self._client.keep(self._origin, connection)
            else:
                _close(connection)
        if not begun:
            if may_repeat:
                return None
            raise Unavailable(f"{self._host} closed the connection without an answer.")
        return answer

    def _receive(self, connection: socket.socket, answer: _Answer, method: str) -> bool:
        """Feed the parser until the answer is complete; tell whether anything came at all."""
        total = 0
        while not answer.complete:
            connection.settimeout(self._left(TimedOut))
            data = connection.recv(262_144 if answer.head_done else 16_384)
            if not data:
                if total and not answer.ends_with_connection():
                    raise BadAnswer(f"The answer of {self._host} was cut off after {total} bytes.")
                answer.complete = total > 0
                answer.extra = True  # the connection is over
                break
            total += len(data)
            if total > MAX_BODY + MAX_HEAD or (total > MAX_HEAD + 16_384 and not answer.head_done):
                raise BadAnswer(f"The answer of {self._host} is larger than we read ({total} bytes so far).")
            try:
                answer.parser.feed_data(data)
            except HttpParserError as error:
                if not answer.complete:
                    raise BadAnswer(f"The answer of {self._host} is not HTTP: {ascii(str(error))[1:80]}.") from None
                answer.extra = True
            if method == "HEAD" and answer.head_done:
                answer.complete = answer.extra = True
        self.received, self.received_at_ns = time.perf_counter_ns(), time.time_ns()
        return total > 0

    def _connect(self) -> socket.socket:
        where = self._where
        proxy = None
        if not is_loopback(where.host) and _proxied():
            from connectors.proxies import proxy_for

            proxy = proxy_for(where)
        peer = proxy.address if proxy else where
        connection = self._dial(peer)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy is not None:
                connection.settimeout(self._left(ConnectTimedOut))
                proxy.open_tunnel(connection, where)
            if where.scheme == "https":
                return self._secured(connection)
        except TimeoutError:
            _close(connection)
            raise self._timed_out(ConnectTimedOut, "set up a connection") from None
        except (OSError, CrossbookError) as error:
            _close(connection)
            if isinstance(error, CrossbookError):
                raise
            raise ConnectFailed(f"{self._host} did not set up a connection: {error}.") from None
        return connection

    def _dial(self, peer: Address) -> socket.socket:
        """Connect to the first address that answers."""
        found = self._look_up(peer)
        failure: OSError | None = None
        for index, (family, kind, protocol, _, address) in enumerate(found):
            left = self._left(ConnectTimedOut)
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(left if index == len(found) - 1 else min(left, ADDRESS_PATIENCE_S))
            try:
                connection.connect(address)
            except OSError as error:
                _close(connection)
                failure = error
                continue
            return connection
        if isinstance(failure, TimeoutError) or failure is None:
            raise self._timed_out(ConnectTimedOut, "accept a connection")
        raise ConnectFailed(f"{self._host} cannot be connected to: {failure.strerror or failure}.") from None

    def _look_up(self, peer: Address) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
        ...
