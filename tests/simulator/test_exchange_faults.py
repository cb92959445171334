"""Orders over a network that loses, delays and repeats them, and the control endpoint that makes orders fill."""

import asyncio
import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator.control import Control
from simulator.exchange.model import Account, ExchangeRules, NewOrder, Rejected
from simulator.exchange.store import Store
from simulator.server import SimServer
from simulator.venue import SimReply, SimRequest, WsSession, json_reply
from tests.simulator.tiny import LISTING, Other, Running, StillMarket, Tiny, in_thread

MAIN = Account("main", "key-1", "secret-1", "pass-1")


class ShopSession(WsSession):
    """`{"buy": size}` places an order and answers its number; `{"count": 1}` answers how many there are."""

    def __init__(self, venue: "Shop", send: Any) -> None:
        super().__init__(send)
        self._venue = venue

    async def on_text(self, text: str) -> None:
        frame = json.loads(text)
        if "buy" in frame:
            self._venue.buy("ws")
        await self.send(json.dumps({"count": len(self._venue.orders())}))


class Shop(Tiny):
    """A venue that takes orders: POST /order?id=…, GET /order?id=…, GET /orders."""

    name = "shop"
    ports = {"main": ("api.shop.test",)}  # noqa: RUF012
    rules = ExchangeRules(
        wallet=lambda _: "main", deposits={"main": {"USD": "5000"}}, order_id=lambda number: f"S-{number}"
    )
    accounts = (MAIN, Account("main", "reader", "r"))

    def orders(self) -> list[Any]:
        return self.exchange.orders(MAIN, self.clock())

    def buy(self, client_id: str, price: str = "900") -> Any:
        order = NewOrder("buy", "limit", Decimal(1), price=Decimal(price), client_id=client_id)
        return self.exchange.place(MAIN, LISTING, order, self.clock())

    def handle(self, port: str, request: SimRequest) -> SimReply:
        client_id = request.query.get("id", "")
        if (request.method, request.path) == ("POST", "/order"):
            try:
                return json_reply({"id": self.buy(client_id).id})
            except Rejected as refusal:
                return json_reply({"refused": refusal.reason.value}, 400)
        if request.path == "/order":
            found = self.exchange.find(MAIN, request.now_ms, client_id=client_id)
            by_id = self.exchange.find(MAIN, request.now_ms, order_id=request.query.get("order_id", ""))
            return json_reply({"found": found is not None, "by_id": by_id is not None})
        live = self.exchange.orders(MAIN, request.now_ms, live=True)
        return json_reply({"live": len(live), "filled": [f"{order.filled}" for order in self.orders()]})

    def open_websocket(self, port: str, request: SimRequest, send: Any) -> WsSession | None:
        return ShopSession(self, send) if request.path == "/ws" else None


class MovingMarket(StillMarket):
    """The clock runs."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def listings(self, venue: str) -> list[Any]:
        return [LISTING] if venue in ("shop", "tiny") else []

    def book(self, listing: Any, depth: int, now_ms: int) -> Any:
        return super().book(listing, depth, StillMarket().now_ms())


@pytest.fixture
def running() -> Iterator[Running]:
    def build(stop: asyncio.Event) -> tuple[SimServer, Control]:
        server = SimServer(MovingMarket(), [Shop, Other])
        return server, Control(server, "still", 42, stop)

    with in_thread(build) as running:
        yield running


def ask(running: Running, method: str, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port("api.shop.test"), timeout=5)
    with contextlib.closing(connection):
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    return response.status, json.loads(body) if body.startswith(b"{") else body


def live(running: Running) -> int:
    count: int = ask(running, "GET", "/orders")[1]["live"]
    return count


def wait_for(running: Running, count: int) -> None:
    until = time.monotonic() + 5
    while live(running) != count:
        assert time.monotonic() < until, "waited in vain"


@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize("kind", ["server_error", "html_error"])
def test_an_error_may_hide_that_the_order_was_accepted(running: Running, kind: str, handled: bool) -> None:
    running.set_fault(kind, "shop", path="POST /order", handled=handled)
    assert ask(running, "POST", "/order?id=a")[0] >= 500
    assert live(running) == (1 if handled else 0)


def test_a_pattern_with_a_method_leaves_other_methods_of_the_path_alone(running: Running) -> None:
    running.set_fault("server_error", "shop", path="POST /order")
    assert ask(running, "GET", "/order?id=a")[0] == 200
    assert ask(running, "POST", "/order?id=a")[0] == 503


def test_a_late_request_reaches_the_venue_after_its_connection_is_gone(running: Running) -> None:
    running.set_fault("late", "shop", path="POST /order", ms=150, times=1)
    started = time.monotonic()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(running, "POST", "/order?id=a")
    assert time.monotonic() - started < 0.1
    assert live(running) == 0
    wait_for(running, 1)
    assert time.monotonic() - started > 0.149
    assert ask(running, "GET", "/order?id=a")[1]["found"]


def test_a_late_request_that_has_not_arrived_is_lost_when_the_simulator_ends(running: Running) -> None:
    running.set_fault("late", "shop", ms=60_000, times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(running, "POST", "/order?id=a")


def test_a_request_that_is_delivered_twice_gets_the_second_answer(running: Running) -> None:
    running.set_fault("twice", "shop", path="POST *", times=1)
    assert ask(running, "POST", "/order?id=a") == (400, {"refused": "duplicate_client_id"})
    assert live(running) == 1
    running.set_fault("twice", "shop", path="POST *", times=1)
    assert ask(running, "POST", "/order?id=")[0] == 200
    assert live(running) == 3


def test_young_orders_are_missing_from_lists_and_from_look_ups_by_client_id(running: Running) -> None:
    order_id = ask(running, "POST", "/order?id=a")[1]["id"]
    running.set_fault("lagging_orders", "shop", ms=400)
    began = time.monotonic()
    assert ask(running, "GET", f"/order?id=a&order_id={order_id}")[1] == {"found": False, "by_id": True}
    assert live(running) == 0
    assert ask(running, "POST", "/order?id=a")[1] == {"refused": "duplicate_client_id"}
    wait_for(running, 1)
    assert time.monotonic() - began > 0.3
    running.ask_control("DELETE", "/faults")
    ask(running, "POST", "/order?id=b")
    assert live(running) == 2


def test_distorted_books_do_not_reach_the_matching_engine(running: Running) -> None:
    running.set_fault("empty_book", "shop")
    running.set_fault("crossed_book", "shop")
    assert ask(running, "POST", "/order?id=a")[0] == 200
    assert live(running) == 1


async def _frames(running: Running, *frames: str, wait_s: float = 5) -> list[Any]:
    url = f"http://127.0.0.1:{running.port('api.shop.test')}/ws"
    answers: list[Any] = []
    async with aiohttp.ClientSession() as client, client.ws_connect(url) as connection:
        for frame in frames:
            await connection.send_str(frame)
            message = await connection.receive(wait_s)
            answers.append(json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else message.type.name)
    return answers


def frames(running: Running, *texts: str) -> list[Any]:
    return asyncio.run(_frames(running, *texts))


def test_a_frame_that_is_delivered_twice_gets_the_second_answer(running: Running) -> None:
    running.set_fault("twice", "shop", path="*#count", times=1)
    assert frames(running, '{"count": 1}', '{"buy": 1}') == [{"count": 0}, {"count": 1}]
    running.set_fault("twice", "shop", path="*#both", times=1)
    assert frames(running, '{"both": 1, "count": 1}') == [{"count": 1}]


def test_a_late_frame_reaches_the_venue_after_its_connection_is_gone(running: Running) -> None:
    running.set_fault("late", "shop", path="*#buy", ms=100, times=1)
    (answer,) = frames(running, '{"buy": 1}')
    assert answer in ("CLOSED", "CLOSE", "ERROR")
    assert live(running) == 0
    wait_for(running, 1)


@pytest.mark.parametrize("kind", ["timeout", "reset", "server_error"])
def test_a_frame_may_be_carried_out_although_its_answer_is_lost(running: Running, kind: str) -> None:
    running.set_fault(kind, "shop", path="*#buy", times=1, handled=True)
    with contextlib.suppress(TimeoutError):
        asyncio.run(_frames(running, '{"buy": 1}', wait_s=0.2))
    assert live(running) == 1


# The control endpoint


def trade(running: Running, **given: Any) -> tuple[int, Any]:
    wanted = {"venue": "shop", "symbol": "BTCUSD", "price": "900", "size": "0.4", "side": "sell"} | given
    return running.ask_control("POST", "/trades", {name: value for name, value in wanted.items() if value is not None})


def test_a_printed_trade_fills_what_rests(running: Running) -> None:
    order_id = ask(running, "POST", "/order?id=a")[1]["id"]
    assert trade(running) == (200, {"fills": [{"order_id": order_id, "size": "0.40"}]})
    assert trade(running, product="spot", price=900, size=9)[1] == {"fills": [{"order_id": order_id, "size": "0.60"}]}
    assert ask(running, "GET", "/orders")[1] == {"live": 0, "filled": ["1.00"]}
    assert trade(running)[1] == {"fills": []}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"venue": "other"}, "No venue 'other' takes orders: use one of shop."),
        ({"symbol": "ETHUSD"}, "shop lists no ETHUSD."),
        ({"product": "linear"}, "shop lists no BTCUSD in linear."),
        ({"side": "long"}, "`side` is buy or sell; got 'long'."),
        ({"price": "x"}, "`price` is a number above zero; got 'x'."),
        ({"size": -1}, "`size` is a number above zero; got -1."),
        ({"size": None}, "`size`"),
        ({"more": 1}, "JSON object"),
    ],
)
def test_a_trade_described_wrongly_is_refused(running: Running, given: dict[str, Any], said: str) -> None:
    status, answer = trade(running, **given)
    assert status == 400
    assert said in answer["error"]


def test_accounts_are_reset_of_one_venue_or_of_all(running: Running) -> None:
    for payload in ({"venue": "shop"}, {}, None):
        ask(running, "POST", "/order?id=a")
        assert live(running) == 1
        assert running.ask_control("POST", "/accounts/reset", payload) == (200, {"reset": ["shop"]})
        assert live(running) == 0
    assert running.ask_control("POST", "/accounts/reset", {"venue": "other"})[0] == 400
    assert running.ask_control("POST", "/accounts/reset", [1])[0] == 400


def test_a_server_with_a_store_goes_on_with_the_accounts(tmp_path: Path) -> None:
    async def session() -> None:
        with contextlib.closing(Store(tmp_path / "accounts.sqlite")) as store:
            shop = SimServer(MovingMarket(), [Shop, Other], store).trading_venues["shop"]
            assert isinstance(shop, Shop)
            bought = shop.buy("a")
        with contextlib.closing(Store(tmp_path / "accounts.sqlite")) as store:
            again = SimServer(MovingMarket(), [Shop], store).trading_venues["shop"]
            assert again.exchange.find(MAIN, again.clock(), client_id="a") == bought

    asyncio.run(session())


def test_the_first_keys_of_each_venue_are_published(running: Running) -> None:
    assert running.server.credentials == {"shop": {"key": "key-1", "secret": "secret-1", "passphrase": "pass-1"}}
