"""The server: ports, hosts, raw targets, WebSockets, hostile input."""

import asyncio
import http.client
import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import aiohttp
import pytest

from tests.simulator.tiny import Running, Tiny, serve


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve() as server:
        yield server


@pytest.fixture(autouse=True)
def _fresh(running: Running) -> None:
    running.ask_control("DELETE", "/faults")
    running.ask_control("DELETE", "/requests")
    Tiny.handled.clear()


def get(
    running: Running, target: str, host: str = "api.tiny.test", method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", running.port(host), timeout=5)) as connection:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def raw(running: Running, data: bytes, host: str = "api.tiny.test") -> bytes:
    with socket.create_connection(("127.0.0.1", running.port(host)), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def talk(running: Running, frames: list[str], path: str = "/ws") -> list[Any]:
    """Send text frames over one WebSocket; answer what came back, the close code last where it was closed."""

    async def session() -> list[Any]:
        url = f"http://127.0.0.1:{running.port('api.tiny.test')}{path}"
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as connection:
            answers: list[Any] = []
            for frame in frames:
                await connection.send_str(frame)
                message = await connection.receive(5)
                answers.append(message.data)
            return answers

    return asyncio.run(session())


def test_each_port_of_a_venue_has_its_own_address_and_answers_by_its_name(running: Running) -> None:
    assert len({running.port(host) for host in ("api.tiny.test", "futures.tiny.test", "api.other.test")}) == 3
    assert running.port("futures.tiny.test") == running.port("f.tiny.test")
    assert json.loads(get(running, "/x")[2])["port"] == "main"
    assert json.loads(get(running, "/x", "futures.tiny.test")[2])["port"] == "futures"


def test_the_target_and_the_body_reach_the_venue_exactly_as_they_were_sent(running: Running) -> None:
    target = "/a//b/../c%2Fd;e?z=1&a=%20+%2B&a=2&empty="
    _, _, body = get(running, target, method="POST", body=b'{"a": 1,\n "b":2}\xff')
    seen = json.loads(body)
    assert seen["target"] == target
    assert seen["method"] == "POST"
    assert seen["body"].encode("latin-1") == b'{"a": 1,\n "b":2}\xff'


def test_a_real_host_name_of_another_port_is_served_by_that_port(running: Running) -> None:
    seen = json.loads(get(running, "/x", Host="F.tiny.test:443")[2])
    assert seen["port"] == "futures"
    assert seen["host"] == "F.tiny.test:443"
    assert json.loads(get(running, "/x", Host="unknown.test")[2])["port"] == "main"


def test_a_request_through_a_proxy_names_its_host_in_the_target(running: Running) -> None:
    seen = json.loads(get(running, "http://futures.tiny.test/a%20b?c=d", Host="127.0.0.1")[2])
    assert (seen["port"], seen["host"], seen["target"]) == ("futures", "futures.tiny.test", "/a%20b?c=d")


def test_status_headers_and_type_of_the_venue_are_kept(running: Running) -> None:
    status, headers, body = get(running, "/missing")
    assert status == 404
    assert headers["x-tiny"] == "yes"
    assert headers["content-type"] == "application/json"
    assert headers["server"] == "crossbook-simulator"
    assert json.loads(body) == {"code": 404}


def test_one_connection_serves_many_requests(running: Running) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", running.port("api.tiny.test"), timeout=5)) as connection:
        connection.connect()
        local = connection.sock.getsockname()
        for number in range(5):
            connection.request("GET", f"/x?{number}")
            assert json.loads(connection.getresponse().read())["target"] == f"/x?{number}"
            assert connection.sock.getsockname() == local


def test_head_and_body_of_an_answer_come_in_one_piece(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port("api.tiny.test")), timeout=5) as connection:
        connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        first = connection.recv(65536)
    head, _, body = first.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["target"] == "/x"


def test_a_bug_in_a_venue_costs_one_answer_and_is_logged(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "simulator"):
        status, headers, body = get(running, "/bug")
    assert status == 500
    assert headers["content-type"].startswith("text/plain")
    assert b"ValueError" in body
    assert "a bug of the venue" in caplog.text
    assert get(running, "/x")[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + b"a" * 3_000_000,
        b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_hostile_input_is_refused_and_the_server_lives_on(running: Running, data: bytes) -> None:
    try:
        answer = raw(running, data)
    except ConnectionError:
        answer = b""
    assert answer == b"" or b" 4" in answer.split(b"\r\n")[0]
    assert get(running, "/x")[0] == 200


def test_a_body_that_waits_for_100_continue_is_asked_for(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port("api.tiny.test")), timeout=5) as connection:
        connection.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert b'"body":"ok"' in connection.recv(65536)


def test_websocket_frames_are_answered_in_order_on_the_port_that_serves_http(running: Running) -> None:
    assert talk(running, ['{"a":1}', '{"b":2}', "no json"]) == ['{"a":1}', '{"b":2}', "no json"]


def test_a_websocket_ping_is_answered(running: Running) -> None:
    async def session() -> bytes:
        url = f"http://127.0.0.1:{running.port('api.tiny.test')}/ws"
        async with aiohttp.ClientSession() as client, client.ws_connect(url, autoping=False) as connection:
            await connection.ping(b"hello")
            return (await connection.receive(5)).data

    assert asyncio.run(session()) == b"hello"


def test_a_path_without_websocket_answers_as_plain_http(running: Running) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(running, ["x"], "/missing")
    assert refused.value.status == 404


def test_a_bug_in_a_session_closes_that_websocket_with_1011(running: Running) -> None:
    assert talk(running, ['{"a":1}', '{"die":1}']) == ['{"a":1}', 1011]
    assert talk(running, ["still here"]) == ["still here"]


def test_a_venue_can_close_a_websocket_with_its_own_code(running: Running) -> None:
    assert talk(running, ['{"leave":1}']) == [4001]


def test_a_bug_before_a_websocket_is_open_answers_500_and_is_logged(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "simulator"), pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(running, ["x"], "/ws-bug")
    assert refused.value.status == 500
    assert "a bug of the venue" in caplog.text


def test_binary_frames_are_refused_with_1003(running: Running) -> None:
    async def session() -> int | None:
        url = f"http://127.0.0.1:{running.port('api.tiny.test')}/ws"
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as connection:
            await connection.send_bytes(b"x")
            return (await connection.receive(5)).data

    assert asyncio.run(session()) == 1003


def test_requests_are_counted_per_venue_and_path_and_frames_by_their_call(running: Running) -> None:
    get(running, "/x?a=1")
    get(running, "/x?a=2")
    get(running, "/y", "api.other.test")
    talk(running, ['{"req_id":1,"ticks":"R_10"}', '{"id":1,"method":"public/test"}', "[]"])
    assert running.ask_control("GET", "/requests?venue=tiny")[1] == {
        "tiny": {"/x": 2, "/ws": 1, "/ws#ticks": 1, "/ws#public/test": 1, "/ws#(no object)": 1}
    }
    assert running.ask_control("GET", "/requests")[1]["other"] == {"/y": 1}


def test_a_large_book_is_answered_without_delay(running: Running) -> None:
    get(running, "/book?depth=10")
    started = time.perf_counter()
    body = get(running, "/book?depth=5000")[2]
    assert time.perf_counter() - started < 0.5
    assert len(json.loads(body)["b"]) == 5000


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.test"}]
)
def test_the_control_endpoint_refuses_web_pages(running: Running, headers: dict[str, str]) -> None:
    status, answer = running.ask_control("POST", "/stop", **headers)
    assert status == 403
    assert "local programs" in answer["error"]


def test_health_says_who_serves_what(running: Running) -> None:
    health = running.ask_control("GET", "/health")[1]
    assert health["pid"] == 42
    assert health["universe"] == "still"
    assert health["venues"] == ["other", "tiny"]
