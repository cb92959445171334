"""Faults: what a client sees of each kind, where they apply, and how wrong descriptions are refused."""

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator.faults import DISTORTIONS, KINDS, VENUE_WORDED, Fault, FaultError, FaultPlan, load_faults, parse_fault
from tests.simulator.tiny import START_MS, Running, Tiny, serve

NOW_MS = START_MS + 10_000


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve() as server:
        yield server


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    if "running" in request.fixturenames:
        request.getfixturevalue("running").ask_control("DELETE", "/faults")
    Tiny.handled.clear()


def connect(running: Running, host: str = "api.tiny.test", timeout: float = 5) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", running.port(host), timeout=timeout)


def get(running: Running, target: str = "/x", host: str = "api.tiny.test") -> http.client.HTTPResponse:
    with closing(connect(running, host)) as connection:
        connection.request("GET", target)
        response = connection.getresponse()
        response.text = response.read()  # type: ignore[attr-defined]
        return response


def book(running: Running, host: str = "api.tiny.test") -> Any:
    return json.loads(get(running, "/book?depth=2", host).text)  # type: ignore[attr-defined]


def raw(running: Running, data: bytes = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n") -> bytes:
    with socket.create_connection(("127.0.0.1", running.port("api.tiny.test")), timeout=5) as connection:
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def talk(running: Running, *frames: str, wait_s: float = 5) -> list[tuple[str, Any]]:
    """Send all frames, then read an answer to each until the connection ends."""

    async def session() -> list[tuple[str, Any]]:
        url = f"http://127.0.0.1:{running.port('api.tiny.test')}/ws"
        answers = []
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as connection:
            for frame in frames:
                await connection.send_str(frame)
            for _ in frames:
                message = await connection.receive(wait_s)
                answers.append((message.type.name, message.data))
                if connection.closed:
                    break
        return answers

    return asyncio.run(session())


# What a client sees


def test_delay_holds_an_answer_back_for_that_long(running: Running) -> None:
    with closing(connect(running)) as connection:
        connection.request("GET", "/x")
        connection.getresponse().read()
        running.set_fault("delay", ms=80)
        started = time.perf_counter()
        connection.request("GET", "/x")
        connection.getresponse().read()
        assert 0.079 < time.perf_counter() - started < 0.6


def test_delays_of_several_faults_add_up_and_other_venues_are_not_held_back(running: Running) -> None:
    running.set_fault("delay", ms=30)
    running.set_fault("delay", venue="*", ms=30)
    started = time.perf_counter()
    get(running)
    assert time.perf_counter() - started > 0.059
    running.ask_control("DELETE", "/faults?venue=*")
    assert [f["venue"] for f in running.ask_control("GET", "/faults")[1]["faults"]] == ["tiny"]


@pytest.mark.parametrize("handled", [True, False])
def test_timeout_never_answers_and_ends_with_the_client(running: Running, handled: bool) -> None:
    running.set_fault("timeout", handled=handled)
    with closing(connect(running, timeout=0.15)) as connection:
        connection.request("GET", "/x")
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert Tiny.handled == (["/x"] if handled else [])


def test_reset_is_a_tcp_reset_without_a_byte_of_answer(running: Running) -> None:
    running.set_fault("reset")
    with pytest.raises(ConnectionResetError):
        raw(running)
    assert Tiny.handled == []


@pytest.mark.parametrize("handled", [True, False])
def test_drop_request_closes_after_the_whole_request_was_read(running: Running, handled: bool) -> None:
    running.set_fault("drop_request", handled=handled)
    with socket.create_connection(("127.0.0.1", running.port("api.tiny.test")), timeout=5) as connection:
        connection.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(5)
        connection.sendall(b"cd")
        assert connection.recv(100) == b""
    assert Tiny.handled == (["/x"] if handled else [])


def test_down_resets_new_connections_and_those_that_are_open(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port("api.tiny.test")), timeout=5) as before:
        before.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert before.recv(65536).startswith(b"HTTP/1.1 200")
        running.set_fault("down")
        with pytest.raises(ConnectionResetError):
            before.recv(1)
        with pytest.raises(ConnectionError):
            raw(running)
    assert get(running, host="api.other.test").status == 200
    running.ask_control("DELETE", "/faults")
    assert get(running).status == 200


def test_down_can_concern_one_host_of_a_venue(running: Running) -> None:
    running.set_fault("down", host="f.*")
    assert get(running).status == 200
    with pytest.raises(ConnectionError):
        get(running, host="futures.tiny.test")


@pytest.mark.parametrize(
    ("kind", "args", "status"),
    [
        ("rate_limited", {"retry_after_s": 7}, 429),
        ("banned", {"retry_after_s": 60}, 418),
        ("server_error", {"status": 504}, 504),
        ("geo_blocked", {}, 451),
        ("maintenance", {}, 503),
    ],
)
def test_a_venue_words_its_own_refusals(running: Running, kind: str, args: dict[str, Any], status: int) -> None:
    running.set_fault(kind, **args)
    response = get(running)
    assert response.status == status
    assert json.loads(response.text).items() >= {"fault": kind, "method": "GET", **args}.items()  # type: ignore[attr-defined]


def test_malformed_json_is_a_whole_answer_that_cannot_be_parsed(running: Running) -> None:
    running.set_fault("malformed_json")
    response = get(running)
    assert response.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.text)  # type: ignore[attr-defined]


def test_truncated_json_promises_the_whole_length_and_ends_half_way(running: Running) -> None:
    whole = len(get(running, "/book?depth=100").text)  # type: ignore[attr-defined]
    running.set_fault("truncated_json")
    with closing(connect(running)) as connection:
        connection.request("GET", "/book?depth=100")
        response = connection.getresponse()
        assert int(response.headers["Content-Length"]) == whole
        with pytest.raises(http.client.IncompleteRead) as cut:
            response.read()
    assert len(cut.value.partial) == whole // 2


def test_html_error_is_a_page_of_a_proxy(running: Running) -> None:
    running.set_fault("html_error")
    response = get(running)
    assert response.status == 502
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"<html" in response.text  # type: ignore[attr-defined]


# Distorted data


def test_a_skewed_clock_dates_everything_alike_and_leaves_prices_as_they_are(running: Running) -> None:
    straight = book(running)
    running.set_fault("clock_skew", ms=-60_000)
    skewed = book(running)
    assert (skewed["now"], skewed["t"]) == (NOW_MS - 60_000, NOW_MS - 60_000)
    assert skewed["trade"] == straight["trade"] - 60_000
    assert (skewed["b"], skewed["a"]) == (straight["b"], straight["a"])
    assert book(running, "api.other.test")["now"] == NOW_MS


def test_a_stale_book_is_the_book_of_back_then(running: Running) -> None:
    running.set_fault("stale_book", ms=4_000)
    stale = book(running)
    assert (stale["b"][0][0], stale["t"], stale["now"]) == ("1005.0", NOW_MS - 4_000, NOW_MS)


def test_a_book_from_before_the_beginning_keeps_its_prices_and_is_old(running: Running) -> None:
    straight = book(running)
    running.set_fault("stale_book", ms=3_600_000)
    stale = book(running)
    assert (stale["b"], stale["t"]) == (straight["b"], NOW_MS - 3_600_000)


def test_a_crossed_book_is_sorted_and_its_bid_lies_above_its_ask(running: Running) -> None:
    running.set_fault("crossed_book")
    crossed = book(running)
    bids, asks = [float(p) for p, _ in crossed["b"]], [float(p) for p, _ in crossed["a"]]
    assert bids[0] > asks[0]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)


@pytest.mark.parametrize(("side", "left"), [("both", (0, 0)), ("bids", (0, 2)), ("asks", (2, 0))])
def test_an_empty_book_lacks_the_sides_asked_for(running: Running, side: str, left: tuple[int, int]) -> None:
    running.set_fault("empty_book", side=side)
    emptied = book(running)
    assert (len(emptied["b"]), len(emptied["a"])) == left


# Where and how often


def test_a_fault_concerns_the_paths_that_fit_its_pattern(running: Running) -> None:
    running.set_fault("html_error", path="/api/*/depth")
    running.set_fault("html_error", path="*symbol=BTC*")
    assert get(running, "/api/v3/depth?limit=5").status == 502
    assert get(running, "/api/v3/time").status == 200
    assert get(running, "/ticker?symbol=BTCUSD").status == 502
    assert get(running, "/ticker?symbol=ETHUSD").status == 200


def test_a_fault_is_used_up_after_so_many_times(running: Running) -> None:
    running.set_fault("rate_limited", times=2, path="/x")
    assert [get(running, path).status for path in ("/y", "/x", "/x", "/x")] == [200, 429, 429, 200]
    assert running.ask_control("GET", "/faults")[1] == {"faults": []}


def test_distortions_are_used_up_too(running: Running) -> None:
    running.set_fault("empty_book", times=1)
    assert [len(book(running)["b"]) for _ in range(2)] == [0, 2]


def test_of_two_faults_that_decide_the_answer_the_later_one_counts(running: Running) -> None:
    running.set_fault("maintenance")
    last = running.set_fault("geo_blocked")
    assert get(running).status == 451
    assert [f["applied"] for f in running.ask_control("GET", "/faults")[1]["faults"]] == [0, 1]
    assert running.ask_control("DELETE", f"/faults?id={last['id']}")[1] == {"cleared": 1}
    assert get(running).status == 503


# WebSockets


def test_a_delay_holds_each_frame_back_but_frames_sent_together_wait_together(running: Running) -> None:
    running.set_fault("delay", ms=150)
    started = time.perf_counter()
    assert [data for _, data in talk(running, "1", "2", "3", "4")] == ["1", "2", "3", "4"]
    assert 0.299 < time.perf_counter() - started < 0.7  # the handshake, then all frames side by side


def test_a_venue_words_refusals_of_frames_and_is_told_that_they_are_frames(running: Running) -> None:
    running.set_fault("rate_limited", times=1)
    first, second = talk(running, '{"ticks":1}', '{"ticks":2}')
    assert json.loads(first[1]) == {"fault": "rate_limited", "method": "WS", "retry_after_s": 1}
    assert second[1] == '{"ticks":2}'


def test_a_fault_can_concern_one_call_over_a_websocket(running: Running) -> None:
    running.set_fault("maintenance", path="/ws#ticks")
    first, second = talk(running, '{"time":1}', '{"ticks":"R_10","req_id":1}')
    assert first[1] == '{"time":1}'
    assert json.loads(second[1])["fault"] == "maintenance"


@pytest.mark.parametrize(("kind", "status"), [("geo_blocked", 451), ("banned", 418), ("html_error", 502)])
def test_what_stands_before_a_venue_refuses_the_handshake(running: Running, kind: str, status: int) -> None:
    running.set_fault(kind)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(running, "x")
    assert refused.value.status == status


@pytest.mark.parametrize("kind", ["reset", "drop_request"])
def test_a_connection_that_breaks_ends_the_websocket_without_a_closing_frame(running: Running, kind: str) -> None:
    running.set_fault(kind, times=1)
    (answer,) = talk(running, "x")
    assert answer[0] in ("CLOSED", "CLOSE", "ERROR")
    assert answer[1] != 1000
    assert talk(running, "x") == [("TEXT", "x")]


def test_a_timeout_leaves_a_frame_unanswered_and_the_connection_open(running: Running) -> None:
    running.set_fault("timeout", times=1)

    async def session() -> Any:
        url = f"http://127.0.0.1:{running.port('api.tiny.test')}/ws"
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as connection:
            await connection.send_str("first")
            await connection.send_str("second")
            return (await connection.receive(5)).data

    assert asyncio.run(session()) == "second"


def test_json_in_a_frame_can_be_broken(running: Running) -> None:
    running.set_fault("malformed_json")
    ((_, text),) = talk(running, '{"a":[1,2,3]}')
    assert text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


# Descriptions


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("text", "mapping"),
        ({"venue": "tiny"}, "`kind`"),
        ({"kind": "delay", "ms": 1}, "`venue`"),
        ({"venue": "tiny", "kind": "slow"}, "use one of delay, timeout"),
        ({"venue": "tiny", "kind": "delay"}, "needs the argument 'ms'"),
        ({"venue": "tiny", "kind": "delay", "ms": "30"}, "has to be a number"),
        ({"venue": "tiny", "kind": "delay", "ms": -1}, "has to lie in 0…"),
        ({"venue": "tiny", "kind": "delay", "ms": float("nan")}, "has to lie in 0…"),
        ({"venue": "tiny", "kind": "delay", "ms": 1, "sec": 2}, "no argument 'sec'"),
        ({"venue": "tiny", "kind": "reset", "handled": 1}, "true or false"),
        ({"venue": "tiny", "kind": "server_error", "status": 200}, "500…599"),
        ({"venue": "tiny", "kind": "server_error", "status": True}, "a whole number"),
        ({"venue": "tiny", "kind": "empty_book", "side": "left"}, "both, bids, asks"),
        ({"venue": "tiny", "kind": "down", "times": 0}, "whole number from 1"),
        ({"venue": "tiny", "kind": "down", "path": 5}, "`path`"),
    ],
)
def test_a_wrong_description_is_refused_with_what_is_allowed(record: Any, said: str) -> None:
    with pytest.raises(FaultError, match=said.replace("…", ".").replace("[", r"\[")):
        parse_fault(record)


def test_the_control_endpoint_refuses_an_unknown_venue_and_names_those_there_are(running: Running) -> None:
    status, answer = running.ask_control("POST", "/faults", {"venue": "tinny", "kind": "down"})
    assert status == 400
    assert "other, tiny" in answer["error"]
    assert running.ask_control("POST", "/faults", [1])[0] == 400


def test_every_kind_can_be_set_and_removed(running: Running) -> None:
    needed = {kind: {"ms": 0} for kind in ("delay", "clock_skew", "stale_book", "late", "lagging_orders")}
    for kind in KINDS:
        running.set_fault(kind, venue="other", **needed.get(kind, {}))
    assert running.ask_control("DELETE", "/faults")[1] == {"cleared": len(KINDS)}
    assert set(KINDS) >= VENUE_WORDED | DISTORTIONS


def test_a_faults_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        "faults:\n- {venue: tiny, kind: delay, ms: 30, path: /api/*}\n- {venue: '*', kind: down, times: 3}\n"
    )
    delay, down = load_faults(file)
    assert (delay.venue, delay.path, delay.args) == ("tiny", "/api/*", {"ms": 30})
    assert (down.kind, down.times) == ("down", 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faults: [", "not valid YAML"),
        ("- a", "one key, `faults`"),
        ("faults: {}", "one key, `faults`"),
        ("faults: []\nmore: 1", "one key, `faults`"),
        ("faults:\n- {venue: tiny, kind: reset}\n- {venue: tiny, kind: slow}", "Fault 2 of .*'slow'"),
    ],
)
def test_a_wrong_faults_file_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(FaultError, match=said):
        load_faults(file)


def test_a_faults_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"nowhere\.yaml cannot be read: No such file"):
        load_faults(tmp_path / "nowhere.yaml")


def test_a_plan_without_faults_costs_next_to_nothing() -> None:
    plan = FaultPlan(["tiny"])
    hit = plan.take("tiny", ("h",), ("/",))
    assert (hit.delay_ms, hit.kind, hit.distortions) == (0, "", ())
    plan.add(Fault("tiny", "down"))
    assert plan.take("other", ("h",), ("/",)).kind == ""
