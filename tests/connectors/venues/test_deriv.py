"""Deriv: the connector against the simulator's wire, and against a server that misbehaves as a test tells it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from connectors.base import VenueContext
from connectors.guard import Guard, Policy
from connectors.http import Endpoints, HttpClient
from connectors.venues.deriv import Deriv, base_and_quote, instruments
from domain.errors import (
    BadAnswer,
    ConfigError,
    CrossbookError,
    GeoBlocked,
    Maintenance,
    MarketClosed,
    NotListed,
    RateLimited,
    Refused,
    TimedOut,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from domain.instruments import SPOT, Instrument
from domain.quotes import Quote
from utils.config.settings import VenueSettings
from utils.resilience.breaker import Breaker
from utils.resilience.budget import Budget
from utils.resilience.store import Store

# Shaped by the schema of `active_symbols: "full"` (github.com/binary-com/deriv-api-docs, config/v3, commit b3a4ce2).
FULL = {
    "symbol": "frxEURUSD",
    "display_name": "EUR/USD",
    "market": "forex",
    "pip": "0.00001",
    "exchange_is_open": 1,
    "is_trading_suspended": 0,
    "quoted_currency_symbol": "USD",
}
R_50 = Instrument("deriv", "R_50/USD", "R_50", SPOT, "R_50", "USD", None, "R_50")
TICK = {"ask": 123.4567, "bid": 123.4501, "quote": 123.4534, "epoch": 1_780_000_000, "pip_size": 4, "symbol": "R_50"}


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., Deriv]]:
    """Make connectors whose one host is reached at a URL."""
    made: list[Deriv] = []

    def make(url: str, patience_s: float = 5.0, attempts: int = 1, app_id: object = "1089") -> Deriv:
        store = Store(tmp_path / "resilience.sqlite")
        context = VenueContext(
            environment="sim",
            settings=VenueSettings(name="deriv", class_path="", options={"app_id": app_id}),
            http=HttpClient(Endpoints({"ws.derivws.com": url}, closed=True), str),
            guard=Guard("deriv", Budget(store), Breaker(store), Policy(1e6, attempts=attempts)),
            credentials=lambda: None,
            deadline=lambda: time.monotonic() + patience_s,
            clock_offset_ms=lambda: 0,
        )
        made.append(Deriv("deriv", context))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Fake:
    """A Deriv whose answer to each frame is up to `answer(request) -> frames`."""

    def __init__(self, answer: Callable[[dict[str, Any]], list[str | bytes]]) -> None:
        self.connections = 0
        self.paths: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self._answer = answer
        self._server = serve(self._serve, "127.0.0.1", 0, close_timeout=0.2)
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        assert connection.request is not None
        self.paths.append(connection.request.path)
        try:
            for text in connection:
                request = json.loads(text)
                self.requests.append(request)
                for frame in self._answer(request):
                    if frame == b"":
                        connection.close()
                        return
                    connection.send(frame)
        except ConnectionClosed:
            return

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def fake() -> Iterator[Callable[..., Fake]]:
    made: list[Fake] = []

    def make(answer: Callable[[dict[str, Any]], list[str | bytes]]) -> Fake:
        made.append(Fake(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


def say(request: dict[str, Any], **content: object) -> str:
    return json.dumps({"echo_req": request, "req_id": request["req_id"], **content})


def ticking(request: dict[str, Any]) -> list[str | bytes]:
    if "forget" in request:
        return [say(request, forget=1, msg_type="forget")]
    if "ticks" in request:
        first = say(request, tick=TICK, msg_type="tick", subscription={"id": "s-1"})
        return [first, first, first]
    return [say(request, time=1_780_000_000, msg_type="time")]


# --- the simulator ---------------------------------------------------------------------------------------------------


@pytest.fixture
def deriv(sim: Any, connect: Callable[..., Deriv]) -> Deriv:
    return connect(sim.hosts["ws.derivws.com"])


def find(deriv: Deriv, native_id: str) -> Instrument:
    return next(i for i in deriv.fetch_instruments() if i.native_id == native_id)


def test_the_simulators_symbols_all_get_a_canonical_one_of_their_own(deriv: Deriv) -> None:
    found = deriv.fetch_instruments()
    assert len(found) >= 30
    assert len({i.symbol for i in found}) == len({i.native_id for i in found}) == len(found)
    by_id = {i.native_id: i for i in found}
    assert by_id["cryBTCUSD"].symbol == "BTC/USD"
    assert by_id["frxEURUSD"].symbol == "EUR/USD"
    assert by_id["R_50"].symbol == "R_50/USD"
    assert by_id["R_50"].tick_size == Decimal("0.0001")
    assert {i.kind for i in found} == {SPOT}


def test_a_quote_of_the_simulator_has_prices_without_sizes(deriv: Deriv) -> None:
    got = deriv.fetch_quote(find(deriv, "cryBTCUSD"))
    assert got.bid is not None
    assert got.ask is not None
    assert 0 < got.bid < got.ask
    assert (got.bid_size, got.ask_size, got.source, got.symbol) == (None, None, "ticks", "BTC/USD")
    assert got.venue_time_ns is not None
    assert abs(got.venue_time_ns - got.received_at_ns) < 10e9


def test_the_simulators_clock_and_state_are_told(deriv: Deriv) -> None:
    assert abs(deriv.fetch_clock_ms() - time.time() * 1000) < 2000
    assert deriv.fetch_maintenance() is None


def test_an_unknown_symbol_is_not_listed(deriv: Deriv) -> None:
    unknown = Instrument("deriv", "NOPE/USD", "cryNOPEUSD", SPOT, "NOPE", "USD", None, "NOPE")
    with pytest.raises(
        NotListed, match=r"deriv refused ticks cryNOPEUSD: Symbol cryNOPEUSD invalid\. \(InvalidSymbol\)"
    ):
        deriv.fetch_quote(unknown)


@pytest.mark.parametrize(
    ("kind", "args", "expected"),
    [
        ("timeout", {}, TimedOut),
        ("reset", {}, Unavailable),
        ("drop_request", {}, Unavailable),
        ("down", {}, Unavailable),
        ("rate_limited", {}, RateLimited),
        ("banned", {"retry_after_s": 9}, RateLimited),
        ("server_error", {}, Unavailable),
        ("geo_blocked", {}, GeoBlocked),
        ("maintenance", {}, Maintenance),
        ("malformed_json", {}, BadAnswer),
        ("truncated_json", {}, Unavailable),
        ("html_error", {}, Unavailable),
    ],
)
def test_faults_of_the_wire_become_what_they_mean(
    sim: Any, connect: Callable[..., Deriv], kind: str, args: dict[str, Any], expected: type[CrossbookError]
) -> None:
    sim.set_fault("deriv", kind, **args)
    deriv = connect(sim.hosts["ws.derivws.com"], patience_s=0.5)
    with pytest.raises(expected) as caught:
        deriv.fetch_quote(R_50)
    assert caught.value.venue == "deriv"
    assert "127.0.0.1" not in caught.value.message


def test_announced_maintenance_is_told_in_the_venues_words(sim: Any, deriv: Deriv) -> None:
    sim.set_fault("deriv", "maintenance")
    assert "updating our site" in (deriv.fetch_maintenance() or "")


def test_a_refused_app_id_says_which_setting_to_change(sim: Any, connect: Callable[..., Deriv]) -> None:
    with pytest.raises(Unauthorized) as caught:
        connect(sim.hosts["ws.derivws.com"], app_id="abc").fetch_clock_ms()
    assert caught.value.hint == "Set venues.deriv.options.app_id."


# --- a server of the test's own --------------------------------------------------------------------------------------


def test_prices_keep_every_digit_of_the_wire(connect: Callable[..., Deriv], fake: Callable[..., Fake]) -> None:
    def answer(request: dict[str, Any]) -> list[str | bytes]:
        text = say(request, tick={**TICK, "bid": "BID", "ask": "ASK"}, msg_type="tick")
        return [text.replace('"BID"', "0.12345678901234567891").replace('"ASK"', "1e-1")]

    got = connect(fake(answer).url).fetch_quote(R_50)
    assert (got.bid, got.ask) == (Decimal("0.12345678901234567891"), Decimal("0.1"))
    assert got.venue_time_ns == 1_780_000_000_000_000_000


def test_a_tick_without_a_side_leaves_it_empty(connect: Callable[..., Deriv], fake: Callable[..., Fake]) -> None:
    one_sided = {key: value for key, value in TICK.items() if key != "bid"}
    got = connect(fake(lambda request: [say(request, tick=one_sided)]).url).fetch_quote(R_50)
    assert (got.bid, got.ask) == (None, Decimal("123.4567"))


def test_connections_are_kept_streams_forgotten_and_their_late_ticks_passed_over(
    connect: Callable[..., Deriv], fake: Callable[..., Fake]
) -> None:
    server = fake(ticking)
    deriv = connect(server.url, app_id=4711)
    for _ in range(3):
        assert deriv.fetch_quote(R_50).bid == Decimal("123.4501")
        assert deriv.fetch_clock_ms() == 1_780_000_000_500
    assert server.connections == 1
    assert server.paths == ["/websockets/v3?app_id=4711"]
    assert [next(iter(request)) for request in server.requests[:3]] == ["ticks", "forget", "time"]
    assert server.requests[1]["forget"] == "s-1"


def test_a_kept_connection_that_ended_meanwhile_is_replaced(
    connect: Callable[..., Deriv], fake: Callable[..., Fake]
) -> None:
    server = fake(lambda request: [*ticking(request), b""])
    deriv = connect(server.url)
    for _ in range(3):
        assert deriv.fetch_clock_ms() == 1_780_000_000_500
    assert server.connections == 3


def test_threads_ask_side_by_side(connect: Callable[..., Deriv], fake: Callable[..., Fake]) -> None:
    server = fake(ticking)
    deriv = connect(server.url)
    got: list[Quote] = []
    threads = [threading.Thread(target=lambda: got.append(deriv.fetch_quote(R_50))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("MarketIsClosed", MarketClosed),
        ("RateLimit", RateLimited),
        ("AuthorizationRequired", Unauthorized),
        ("WrongResponse", Unavailable),
        ("SomethingNobodyHasSeen", Refused),
    ],
)
def test_the_venues_codes_become_our_errors(
    connect: Callable[..., Deriv], fake: Callable[..., Fake], code: str, expected: type[CrossbookError]
) -> None:
    server = fake(lambda request: [say(request, error={"code": code, "message": "The venue's words."})])
    with pytest.raises(expected, match=f"The venue's words. \\({code}\\)") as caught:
        connect(server.url).fetch_quote(R_50)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    "frames",
    [
        ["<html>Bad gateway</html>"],
        ['{"req_id": 1, "tick": {"ask": 1'],
        ["[" * 100_000],
        ["[1, 2]"],
        ['{"tick": {}}'],
        ['{"req_id": 99, "time": 1}'],
        ['{"req_id": 0, "time": 1}'],
        ['{"req_id": 1}'],
        ['{"req_id": 1, "tick": null}'],
        ['{"req_id": 1, "tick": {"symbol": "R_100", "bid": 1, "ask": 2, "epoch": 1}}'],
        ['{"req_id": 1, "tick": {"symbol": "R_50", "bid": "NaN", "ask": 2, "epoch": 1}}'],
        ['{"req_id": 1, "tick": {"symbol": "R_50", "bid": NaN, "ask": 2, "epoch": 1}}'],
        ['{"req_id": 1, "tick": {"symbol": "R_50", "bid": -1, "ask": 2, "epoch": 1}}'],
        ['{"req_id": 1, "tick": {"symbol": "R_50", "bid": 1, "ask": 2, "epoch": "soon"}}'],
        ['{"req_id": 1, "error": "no"}'],
        [b"\x00\x01"],
        ["x" * 5_000_000],
    ],
    ids=str,
)
def test_hostile_frames_are_bad_answers(
    connect: Callable[..., Deriv], fake: Callable[..., Fake], frames: list[str | bytes]
) -> None:
    with pytest.raises(BadAnswer):
        connect(fake(lambda request: frames).url).fetch_quote(R_50)


def raw_server(data: bytes) -> tuple[str, threading.Thread]:
    """Answer one connection with these bytes, whatever it asks, and keep it open until the client leaves."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(data)
            if data:
                connection.settimeout(5)
                connection.recv(65536)

    thread = threading.Thread(target=run)
    thread.start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}", thread


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"not http\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", BadAnswer),
        (
            b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            BadAnswer,
        ),
        (b"HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n", Unavailable),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", RateLimited),
        (b"", Unavailable),
    ],
)
def test_a_handshake_that_fails_says_what_happened(
    connect: Callable[..., Deriv], data: bytes, expected: type[CrossbookError]
) -> None:
    url, thread = raw_server(data)
    with pytest.raises(expected) as caught:
        connect(url, patience_s=2).fetch_clock_ms()
    assert type(caught.value) is expected or data == b""
    assert not isinstance(caught.value, BadAnswer) or expected is BadAnswer
    thread.join()


def test_a_silent_handshake_and_a_dribbling_frame_end_at_the_deadline(connect: Callable[..., Deriv]) -> None:
    url, thread = raw_server(b"HTTP/1.1 101 Switching")
    started = time.monotonic()
    with pytest.raises(TimedOut):
        connect(url, patience_s=0.2).fetch_clock_ms()
    assert time.monotonic() - started < 2
    thread.join()


def test_what_deriv_does_not_have_is_unsupported(connect: Callable[..., Deriv]) -> None:
    deriv = connect("http://127.0.0.1:9")
    with pytest.raises(Unsupported, match="order book"):
        deriv.fetch_book(R_50, 5)
    with pytest.raises(Unsupported):
        deriv.fetch_funding(R_50)
    assert deriv.base_urls() == ["ws://127.0.0.1:9/websockets/v3"]


@pytest.mark.parametrize("app_id", ["10 89", "1&l=EN", "", "é"])
def test_an_app_id_that_would_change_the_url_is_refused(connect: Callable[..., Deriv], app_id: str) -> None:
    with pytest.raises(ConfigError):
        connect("http://127.0.0.1:9", app_id=app_id)


@pytest.mark.parametrize(
    ("native_id", "currency", "expected"),
    [
        ("cryBTCUSD", "USD", ("BTC", "USD")),
        ("cryUSDTUSD", "", ("USDT", "USD")),
        ("frxXAUUSD", "", ("XAU", "USD")),
        ("frxUSDJPY", "JPY", ("USD", "JPY")),
        ("frxEURUSD", "GBP", ("EUR", "USD")),
        ("1HZ100V", "USD", ("1HZ100V", "USD")),
        ("stpRNG", "", ("STPRNG", "USD")),
        ("OTC_FTSE", "GBP", ("OTC_FTSE", "GBP")),
        ("frx", "USD", ("FRX", "USD")),
    ],
)
def test_symbols_say_what_is_priced_and_in_what(native_id: str, currency: str, expected: tuple[str, str]) -> None:
    assert base_and_quote(native_id, currency) == expected


def test_symbols_that_would_collide_stay_apart_in_any_order() -> None:
    rows = [{**FULL, "symbol": name} for name in ("frxEURUSD", "cryEURUSD", "FRXEURUSD", "stpRNG", "STPRNG")]
    there, back = instruments("deriv", {"active_symbols": rows}), instruments("deriv", {"active_symbols": rows[::-1]})
    assert {i.native_id: i.symbol for i in there} == {i.native_id: i.symbol for i in back}
    assert len({i.symbol for i in there}) == 5


def test_the_newer_apis_names_are_read_as_well() -> None:
    row = {key: value for key, value in FULL.items() if key not in ("symbol", "pip")}
    newer = {**row, "underlying_symbol": "frxEURUSD", "pip_size": 5}
    assert instruments("deriv", {"active_symbols": [newer]}) == instruments("deriv", {"active_symbols": [FULL]})
