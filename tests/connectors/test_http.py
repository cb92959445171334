"""The HTTP client against small servers on loopback that say exactly what a test tells them."""

import contextlib
import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors import http
from connectors.endpoints import split_url
from connectors.http import ConnectFailed, ConnectTimedOut, Endpoints, HttpClient, Request, Response
from domain.errors import BadAnswer, NotSent, TimedOut, Unavailable

ROOT = Path(__file__).resolve().parents[2]


def asked(connection: socket.socket) -> bytes:
    """Read one request whole; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class Server:
    """Serves each connection in a thread with `handle(connection, number of the connection)`."""

    def __init__(self, handle: Callable[[socket.socket, int], None], context: ssl.SSLContext | None = None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.connections = 0
        self.requests: list[bytes] = []
        self._handle = handle
        self._context = context
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._start(self._serve, connection, self.connections)

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._handle(connection, number)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        for one in [self.listener, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test; a list of bytes is what successive requests get, on any connection."""
    servers: list[Server] = []

    def start(
        answers: list[bytes] | Callable[[socket.socket, int], None], context: ssl.SSLContext | None = None
    ) -> Server:
        def in_turn(connection: socket.socket, number: int) -> None:
            while answers and (request := asked(connection)):
                server.requests.append(request)
                answer = answers.pop(0)
                connection.sendall(answer)
                if b"Content-Length" not in answer and b"chunked" not in answer and b" 204" not in answer:
                    return

        server = Server(answers if callable(answers) else in_turn, context)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def client() -> Iterator[HttpClient]:
    one = HttpClient(Endpoints(None), str)
    yield one
    one.close()


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def get(client: HttpClient, url: str, seconds: float = 5.0) -> Response:
    return client.send(Request("GET", url), deadline=soon(seconds))


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_an_answer_has_its_status_headers_body_and_times(client: HttpClient, serve: Callable[..., Server]) -> None:
    server = serve([b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nwait"])
    before = time.time_ns()
    answer = get(client, server.url + "/a?b=c")
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"wait", "7")
    assert answer.headers["x-a"] == "1, 2"
    assert before <= answer.received_at_ns <= time.time_ns()
    assert 0 < answer.latency_ms < 5000
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")


def test_a_body_and_headers_are_sent_and_ours_give_way(client: HttpClient, serve: Callable[..., Server]) -> None:
    server = serve([ok(b"")])
    request = Request("POST", server.url + "/order", {"User-Agent": "mine", "X-Sign": "s"}, b'{"a":1}')
    client.send(request, deadline=soon())
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert b"User-Agent: mine" in head
    assert head.count(b"ser-") == 1
    assert b"X-Sign: s" in head
    assert b"Content-Length: 7" in head


def test_connections_are_kept_and_used_again(client: HttpClient, serve: Callable[..., Server]) -> None:
    server = serve([ok(b"1"), ok(b"2"), b"HTTP/1.1 204 No Content\r\n\r\n", ok(b"4")])
    assert [get(client, server.url).body for _ in range(4)] == [b"1", b"2", b"", b"4"]
    assert server.connections == 1


def test_a_connection_the_server_wants_closed_is_not_used_again(
    client: HttpClient, serve: Callable[..., Server]
) -> None:
    server = serve([ok(b"1", "Connection: close"), ok(b"2")])
    assert [get(client, server.url).body for _ in range(2)] == [b"1", b"2"]
    assert server.connections == 2


def test_a_kept_connection_closed_meanwhile_is_noticed(client: HttpClient, serve: Callable[..., Server]) -> None:
    gone = threading.Event()

    def one_each(connection: socket.socket, number: int) -> None:
        asked(connection)
        connection.sendall(ok(b"%d" % number))
        connection.close()
        gone.set()

    server = serve(one_each)
    assert get(client, server.url).body == b"1"
    assert gone.wait(5)
    assert get(client, server.url).body == b"2"


def close_on_second_request(connection: socket.socket, number: int) -> None:
    asked(connection)
    connection.sendall(ok(b"%d" % number))
    asked(connection)


def test_a_get_is_repeated_once_when_a_kept_connection_ends_without_an_answer(
    client: HttpClient, serve: Callable[..., Server]
) -> None:
    server = serve(close_on_second_request)
    assert [get(client, server.url).body for _ in range(2)] == [b"1", b"2"]
    assert server.connections == 2


def test_a_post_is_never_repeated(client: HttpClient, serve: Callable[..., Server]) -> None:
    server = serve(close_on_second_request)
    assert get(client, server.url).body == b"1"
    with pytest.raises(Unavailable, match="closed the connection without an answer"):
        client.send(Request("POST", server.url, body=b"x"), deadline=soon())
    assert server.connections == 1


def test_a_get_marked_once_is_never_repeated(client: HttpClient, serve: Callable[..., Server]) -> None:
    server = serve(close_on_second_request)
    assert get(client, server.url).body == b"1"
    with pytest.raises(Unavailable, match="closed the connection without an answer"):
        client.send(Request("GET", server.url, once=True), deadline=soon())
    assert server.connections == 1


def test_a_get_marked_once_is_sent_once_when_the_kept_connection_is_reset(
    client: HttpClient, serve: Callable[..., Server]
) -> None:
    orders: list[bytes] = []

    def take_one_order(connection: socket.socket, number: int) -> None:
        asked(connection)
        connection.sendall(ok(b"%d" % number))
        orders.append(asked(connection))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    server = serve(take_one_order)
    assert get(client, server.url).body == b"1"
    with pytest.raises(Unavailable, match=r"broke the connection|closed the connection"):
        client.send(Request("GET", f"{server.url}/private/buy", once=True), deadline=soon())
    assert len(orders) == server.connections == 1


def test_threads_share_a_client(client: HttpClient, serve: Callable[..., Server]) -> None:
    def echo(connection: socket.socket, number: int) -> None:
        while request := asked(connection):
            connection.sendall(ok(request.split(b" ")[1]))

    server = serve(echo)
    wrong: list[bytes] = []

    def work(name: int) -> None:
        for turn in range(20):
            body = get(client, f"{server.url}/{name}/{turn}").body
            if body != b"/%d/%d" % (name, turn):
                wrong.append(body)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.connections <= 8


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX-Trailer: t\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"hello"),
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + ok(b"hello"),
        ok(gzip.compress(b"hello", mtime=0), "Content-Encoding: gzip"),
        ok(zlib.compress(b"hello"), "Content-Encoding: deflate"),
        ok(zlib.compress(b"hello")[2:-4], "Content-Encoding: deflate"),
    ],
    ids=["chunked", "until the end", "1.0", "continue", "early hints", "gzip", "deflate", "bare deflate"],
)
def test_every_framing_and_coding_is_read(client: HttpClient, serve: Callable[..., Server], answer: bytes) -> None:
    got = get(client, serve([answer]).url)
    assert (got.status, got.body) == (200, b"hello")
    assert "x-trailer" not in got.headers


def test_an_answer_in_single_bytes_is_read(client: HttpClient, serve: Callable[..., Server]) -> None:
    def dribble(connection: socket.socket, number: int) -> None:
        asked(connection)
        for byte in ok(b"hello", "X-Long-Name: some value"):
            connection.sendall(bytes([byte]))

    got = get(client, serve(dribble).url)
    assert (got.body, got.headers["x-long-name"]) == (b"hello", "some value")


def test_a_second_answer_nobody_asked_for_is_not_given_to_the_next_request(
    client: HttpClient, serve: Callable[..., Server]
) -> None:
    server = serve([ok(b"mine") + ok(b"smuggled"), ok(b"next")])
    assert [get(client, server.url).body for _ in range(2)] == [b"mine", b"next"]


def test_a_head_request_has_no_body(client: HttpClient, serve: Callable[..., Server]) -> None:
    server = serve([b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"])
    assert client.send(Request("HEAD", server.url), deadline=soon()).body == b""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "cut off after"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "cut off after"),
        (b"HTTP/1.1 200 OK\r\nConte", "cut off after"),
        (b"\x00\x01\x02 not http at all\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "is not HTTP"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, "larger than we read"),
        (ok(gzip.compress(b"hello", mtime=0)[:-6], "Content-Encoding: gzip"), "was cut off"),
        (ok(b"not gzip at all", "Content-Encoding: gzip"), "damaged"),
        (ok(b"hello", "Content-Encoding: br"), "not offered"),
    ],
)
def test_a_broken_answer_is_a_bad_answer(
    client: HttpClient, serve: Callable[..., Server], answer: bytes, said: str
) -> None:
    def once(connection: socket.socket, number: int) -> None:
        asked(connection)
        connection.sendall(answer)

    with pytest.raises(BadAnswer, match=said) as caught:
        get(client, serve(once).url)
    assert "127.0.0.1" in caught.value.message


def test_a_bomb_is_not_inflated(
    client: HttpClient, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_BODY", 100_000)
    server = serve([ok(gzip.compress(bytes(10_000_000)), "Content-Encoding: gzip")])
    with pytest.raises(BadAnswer, match="larger than we read"):
        get(client, server.url)


def test_an_endless_body_is_given_up(
    client: HttpClient, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_BODY", 100_000)

    def endless(connection: socket.socket, number: int) -> None:
        asked(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))

    with pytest.raises(BadAnswer, match="larger than we read"):
        get(client, serve(endless).url)


def test_a_silent_server_is_a_time_out_in_time(client: HttpClient, serve: Callable[..., Server]) -> None:
    done = threading.Event()

    def silent(connection: socket.socket, number: int) -> None:
        asked(connection)
        done.wait(5)

    server = serve(silent)
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"127\.0\.0\.1 did not answer within 0\.\d s\."):
        get(client, server.url, 0.15)
    assert time.monotonic() - started < 2
    done.set()


def test_a_dribbling_server_does_not_stretch_the_deadline(client: HttpClient, serve: Callable[..., Server]) -> None:
    done = threading.Event()

    def dribble(connection: socket.socket, number: int) -> None:
        asked(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not done.wait(0.02):
            connection.sendall(b"x")

    server = serve(dribble)
    started = time.monotonic()
    with pytest.raises(TimedOut):
        get(client, server.url, 0.3)
    assert time.monotonic() - started < 2
    done.set()


def test_a_deadline_in_the_past_sends_nothing(client: HttpClient, serve: Callable[..., Server]) -> None:
    server = serve([ok(b"")])
    with pytest.raises(ConnectTimedOut):
        get(client, server.url, -1)
    assert server.connections == 0


def test_a_refused_connection_says_so(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1 cannot be connected to: Connection refused\."):
        get(client, f"http://127.0.0.1:{port}/")


def test_an_unknown_host_says_so(client: HttpClient) -> None:
    with pytest.raises(ConnectFailed, match=r"The address of api\.nowhere\.example cannot be found"):
        get(client, "http://api.nowhere.example/")


def test_a_look_up_that_hangs_does_not_stretch_the_deadline(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: done.wait(5) and [])
    with pytest.raises(ConnectTimedOut):
        get(client, "http://slow.example/", 0.1)
    done.set()


def test_a_reset_says_so(client: HttpClient, serve: Callable[..., Server]) -> None:
    def reset(connection: socket.socket, number: int) -> None:
        asked(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with pytest.raises(Unavailable, match="Connection reset by peer") as caught:
        get(client, serve(reset).url)
    assert not isinstance(caught.value, BadAnswer | TimedOut)


def test_errors_name_the_real_host_and_no_query(serve: Callable[..., Server]) -> None:
    def close(connection: socket.socket, number: int) -> None:
        asked(connection)

    server = serve(close)
    client = HttpClient(Endpoints({"api.venue.example": server.url}, closed=True), str)
    with pytest.raises(Unavailable) as caught:
        get(client, "https://api.venue.example/api/v3/order?symbol=X&signature=5ec2e7")
    assert "api.venue.example" in str(caught.value)
    assert "5ec2e7" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_messages_are_redacted() -> None:
    client = HttpClient(Endpoints(None), lambda text: text.replace("5ec2e7", "***"))
    with pytest.raises(ConnectFailed) as caught:
        get(client, "http://5ec2e7.example/")
    assert "5ec2e7" not in str(caught.value)
    assert "5ec2e7" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/",
        "http:///x",
        "nonsense",
        "http://h/a b",
        "http://h/a\r\nX: 1",
        "http://h:p/",
        "http://u:p@h/",
        "http://ö/",
    ],
)
def test_an_unusable_url_is_not_sent(client: HttpClient, url: str) -> None:
    with pytest.raises(NotSent):
        get(client, url)


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\r\n": "a"}, {"": "a"}, {"X": "☃"}])
def test_a_header_that_would_break_the_request_is_not_sent(client: HttpClient, headers: dict[str, str]) -> None:
    with pytest.raises(NotSent):
        client.send(Request("GET", "http://127.0.0.1:9/", headers), deadline=soon())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.x.com/a?b=1", "http://127.0.0.1:7001/a?b=1"),
        ("https://API.x.com:443/a", "http://127.0.0.1:7001/a"),
        ("https://api.x.com", "http://127.0.0.1:7001/"),
        ("wss://ws.x.com/v3?app_id=1", "ws://127.0.0.1:7002/v3?app_id=1"),
        ("wss://tls.x.com/v3", "wss://127.0.0.1:7003/v3"),
        ("https://demo.x.com/a", "https://test.x.com/demo/a"),
    ],
)
def test_endpoints_replace_scheme_host_and_port(url: str, expected: str) -> None:
    hosts = {
        "api.x.com": "http://127.0.0.1:7001",
        "ws.x.com": "http://127.0.0.1:7002",
        "tls.x.com": "https://127.0.0.1:7003/",
        "demo.x.com": "https://test.x.com/demo",
    }
    assert Endpoints(hosts, closed=True).resolve(url) == expected


def test_a_closed_environment_refuses_other_hosts_and_an_open_one_does_not() -> None:
    hosts = {"api.x.com": "http://127.0.0.1:7001"}
    with pytest.raises(NotSent, match=r"^The simulator does not serve host api\.y\.com\.$"):
        Endpoints(hosts, closed=True).resolve("https://api.y.com/a")
    with pytest.raises(NotSent):
        Endpoints({}, closed=True).resolve("https://api.y.com/a")
    assert Endpoints(hosts).resolve("https://api.y.com/a") == "https://api.y.com/a"


def test_ipv6_addresses_are_understood() -> None:
    address = split_url("https://[2001:DB8::1]:8443/a?b")
    assert address == ("https", "2001:db8::1", 8443, "/a?b")
    assert address.netloc == "[2001:db8::1]:8443"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A CA file and the context of a server that is called api.venue.example."""
    import trustme

    ca = trustme.CA()
    place = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(place))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("api.venue.example").configure_cert(context)
    return place, context


def test_tls_verifies_the_venues_name_against_the_given_ca(
    serve: Callable[..., Server], authority: tuple[Path, ssl.SSLContext]
) -> None:
    ca, context = authority
    server = serve([ok(b"1"), ok(b"2")], context)
    hosts = {"api.venue.example": f"https://127.0.0.1:{server.port}"}
    client = HttpClient(Endpoints(hosts, closed=True, ca_file=str(ca)), str)
    assert [get(client, "https://api.venue.example/a").body for _ in range(2)] == [b"1", b"2"]
    assert server.connections == 1
    assert b"Host: api.venue.example\r\n" in server.requests[0]
    client.close()


@pytest.mark.parametrize("flaw", ["another name", "unknown authority"])
def test_tls_that_cannot_be_verified_is_refused_for_good(
    serve: Callable[..., Server], authority: tuple[Path, ssl.SSLContext], flaw: str
) -> None:
    ca, context = authority
    server = serve([ok(b"1")], context)
    host = "api.other.example" if flaw == "another name" else "api.venue.example"
    endpoints = Endpoints(
        {host: f"https://127.0.0.1:{server.port}"}, closed=True, ca_file=str(ca) if flaw == "another name" else None
    )
    with pytest.raises(ConnectFailed, match=f"The TLS certificate of {host} is not trusted") as caught:
        get(HttpClient(endpoints, str), f"https://{host}/")
    assert not caught.value.retryable
    assert server.requests == []


def test_a_server_that_does_not_speak_tls_is_unavailable(serve: Callable[..., Server]) -> None:
    server = serve([b"HTTP/1.1 400 Bad\r\n\r\n"])
    with pytest.raises(Unavailable):
        get(HttpClient(Endpoints(None), str), f"https://127.0.0.1:{server.port}/")


def tunnel(connection: socket.socket, number: int) -> None:
    """Act as a proxy that is itself the destination."""
    if asked(connection).startswith(b"CONNECT api.venue.example:80 HTTP/1.1\r\n"):
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        asked(connection)
        connection.sendall(ok(b"through the tunnel"))


def test_a_proxy_of_the_environment_is_tunnelled_through(
    client: HttpClient, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://u:p@127.0.0.1:{serve(tunnel).port}")
    monkeypatch.setenv("NO_PROXY", "other.example")
    assert get(client, "http://api.venue.example/").body == b"through the tunnel"


@pytest.mark.parametrize("exception", ["*", "venue.example", ".venue.example", "a, api.venue.example:80"])
def test_no_proxy_exempts_hosts(client: HttpClient, monkeypatch: pytest.MonkeyPatch, exception: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", exception)
    with pytest.raises(ConnectFailed, match=r"address of api\.venue\.example cannot be found"):
        get(client, "http://api.venue.example/")


def test_a_proxy_that_refuses_is_named(
    client: HttpClient, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"])
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(Unavailable, match=r"proxy 127\.0\.0\.1 refused a connection to api\.venue\.example: 403"):
        get(client, "https://api.venue.example/")


def test_loopback_never_goes_through_a_proxy(
    client: HttpClient, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert get(client, serve([ok(b"direct")]).url).body == b"direct"


def test_the_client_loads_nothing_heavy() -> None:
    code = (
        "import sys, connectors.http, connectors.guard\n"
        "heavy = 'http.client email ssl logging urllib.request asyncio encodings.idna tenacity requests yaml'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout == "[]\n"
