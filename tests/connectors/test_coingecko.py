"""CoinGecko as a source of reference prices: on the simulator's wire, and against answers made for a test."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.http import Endpoints, HttpClient
from connectors.reference import open_reference
from connectors.reference.coingecko import CURRENCIES, IDS, CoinGecko
from domain.errors import (
    BadAnswer,
    ConfigError,
    CrossbookError,
    GeoBlocked,
    NotListed,
    NotSent,
    RateLimited,
    Refused,
    StaleData,
    TimedOut,
    Unavailable,
)
from utils.config.settings import ReferenceSettings


class Web:
    """Answers every GET with `answer(path)`: status, headers and body."""

    def __init__(self, answer: Callable[[str], tuple[int, dict[str, str], bytes]]) -> None:
        self.paths: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.paths.append(self.path)
                status, headers, body = answer(self.path)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def web() -> Iterator[Callable[..., Web]]:
    made: list[Web] = []

    def make(answer: Any) -> Web:
        made.append(Web(answer if callable(answer) else lambda path: (200, {}, answer)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def connect(home: Path) -> Iterator[Callable[..., CoinGecko]]:
    """Open the configured source, reached at a URL."""
    clients: list[HttpClient] = []

    def make(url: str, max_age_s: int = 300, patience_s: float = 5.0) -> CoinGecko:
        clients.append(HttpClient(Endpoints({"api.coingecko.com": url}, closed=True), str))
        settings = ReferenceSettings(max_age_s=max_age_s)
        found = open_reference(settings, clients[-1], "sim/x", lambda: time.monotonic() + patience_s)
        assert isinstance(found.source, CoinGecko)
        return found.source

    yield make
    for client in clients:
        client.close()


def prices(**rows: dict[str, object]) -> bytes:
    now_s = int(time.time())
    return json.dumps(
        {name.replace("_", "-"): {"last_updated_at": now_s, **row} for name, row in rows.items()}
    ).encode()


@pytest.fixture
def coingecko(sim: Any, connect: Callable[..., CoinGecko]) -> CoinGecko:
    return connect(sim.hosts["api.coingecko.com"])


def test_the_simulators_coins_have_prices_in_dollars_and_in_other_dollars(coingecko: CoinGecko) -> None:
    in_usd = coingecko.reference_price("BTC", "USD")
    in_usdt = coingecko.reference_price("btc", "usdt")
    assert (in_usd.asset, in_usd.quote, in_usd.source) == ("BTC", "USD", "coingecko")
    assert 1_000 < in_usd.price < 10_000_000
    assert 0.98 < in_usd.price / in_usdt.price < 1.02
    assert in_usd.price != in_usdt.price
    assert -1000 < in_usd.received_at_ns / 1e6 - in_usd.venue_time_ms < 61_000


def test_the_simulators_euro_has_a_price_both_ways(coingecko: CoinGecko) -> None:
    there, back = coingecko.reference_price("EUR", "USD").price, coingecko.reference_price("USD", "EUR").price
    assert 0.5 < there < 2
    assert abs(there * back - 1) < Decimal("0.0001")


def test_all_ids_of_common_assets_are_the_simulators_too(sim: Any, coingecko: CoinGecko) -> None:
    listed, _ = coingecko._get("/coins/list")
    known = {row["symbol"].upper(): row["id"] for row in listed}
    assert {code: known[code] for code in IDS if code in known} == {c: i for c, i in IDS.items() if c in known}
    assert len(IDS.keys() & known.keys()) > 40


@pytest.mark.parametrize(
    ("kind", "args", "expected"),
    [
        ("rate_limited", {"retry_after_s": 9}, RateLimited),
        ("banned", {"retry_after_s": 9}, RateLimited),
        ("geo_blocked", {}, GeoBlocked),
        ("server_error", {}, Unavailable),
        ("maintenance", {}, Unavailable),
        ("malformed_json", {}, BadAnswer),
        ("html_error", {}, Unavailable),
        ("timeout", {}, TimedOut),
    ],
)
def test_faults_of_the_wire_become_what_they_mean(
    sim: Any, connect: Callable[..., CoinGecko], kind: str, args: dict[str, Any], expected: type[CrossbookError]
) -> None:
    sim.set_fault("coingecko", kind, **args)
    with pytest.raises(expected) as caught:
        connect(sim.hosts["api.coingecko.com"], patience_s=0.5).reference_price("BTC", "USD")
    assert caught.value.venue == "coingecko"
    if expected is RateLimited:
        assert isinstance(caught.value, RateLimited)
        assert caught.value.retry_after_s == 9


def test_a_wait_asked_by_the_source_is_kept(sim: Any, connect: Callable[..., CoinGecko]) -> None:
    sim.set_fault("coingecko", "rate_limited", retry_after_s=60, times=1)
    with pytest.raises(RateLimited):
        connect(sim.hosts["api.coingecko.com"], patience_s=0.5).reference_price("BTC", "USD")
    sim.reset_requests()
    with pytest.raises(RateLimited, match="asked us to send nothing before"):
        connect(sim.hosts["api.coingecko.com"], patience_s=0.5).reference_price("BTC", "USD")
    assert sim.requests("coingecko") == {}


def test_prices_keep_every_digit_of_the_wire(connect: Callable[..., CoinGecko], web: Callable[..., Web]) -> None:
    body = prices(pepe={"usd": 0}).replace(b'"usd": 0', b'"usd": 0.0000123456789012345678')
    assert connect(web(body).url).reference_price("PEPE", "USD").price == Decimal("0.0000123456789012345678")


def test_a_coin_in_another_coin_goes_by_way_of_dollars_and_is_as_old_as_the_older(
    connect: Callable[..., CoinGecko], web: Callable[..., Web]
) -> None:
    now_s = int(time.time())
    body = prices(bitcoin={"usd": 60000, "last_updated_at": now_s - 50}, tether={"usd": 0.5})
    server = web(body)
    got = connect(server.url).reference_price("BTC", "USDT")
    assert got.price == 120_000
    assert got.venue_time_ms == (now_s - 50) * 1000
    assert server.paths[0].startswith("/api/v3/simple/price?ids=bitcoin,tether&vs_currencies=usd&")


def test_a_currency_in_a_coin_is_turned_around(connect: Callable[..., CoinGecko], web: Callable[..., Web]) -> None:
    assert connect(web(prices(tether={"eur": 0.8})).url).reference_price("EUR", "USDT").price == Decimal("1.25")


def test_an_old_price_is_refused(connect: Callable[..., CoinGecko], web: Callable[..., Web]) -> None:
    body = prices(bitcoin={"usd": 1, "last_updated_at": int(time.time()) - 400})
    with pytest.raises(StaleData, match=r"coingecko's price of BTC is 40\d s old; allowed are 300 s"):
        connect(web(body).url).reference_price("BTC", "USD")
    assert connect(web(body).url, max_age_s=500).reference_price("BTC", "USD").price == 1


@pytest.mark.parametrize("rows", [{}, {"bitcoin": {}}, {"bitcoin": {"usd": None}}], ids=str)
def test_a_coin_without_a_price_is_not_listed(
    connect: Callable[..., CoinGecko], web: Callable[..., Web], rows: dict[str, dict[str, object]]
) -> None:
    with pytest.raises(NotListed):
        connect(web(prices(**rows)).url).reference_price("BTC", "USD")


COINS = [
    {"id": "rare-coin", "symbol": "rare", "name": "Rare"},
    {"id": "batcat", "symbol": "twin", "name": "Twin"},
    {"id": "bat-cat-2", "symbol": "TWIN", "name": "Twin 2"},
    {"id": "evil&ids=bitcoin", "symbol": "evil", "name": "Evil"},
]


def listing(path: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps(COINS).encode() if path.endswith("/coins/list") else prices(rare_coin={"usd": 3})


def test_other_assets_are_looked_up_once_and_ambiguous_ones_refused(
    connect: Callable[..., CoinGecko], web: Callable[..., Web]
) -> None:
    server = web(listing)
    coingecko = connect(server.url)
    assert coingecko.reference_price("RARE", "USD").price == 3
    with pytest.raises(Refused, match="coingecko knows 2 coins called TWIN: batcat, bat-cat-2"):
        coingecko.reference_price("TWIN", "USD")
    for unknown in ("NOPE", "EVIL", "R&D"):
        with pytest.raises(NotListed, match=f"coingecko knows no {unknown}"):
            coingecko.reference_price(unknown, "USD")
    assert [path for path in server.paths if "list" in path] == ["/api/v3/coins/list"]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"<html>",
        b'{"bitcoin": 5}',
        b'{"bitcoin": {"usd": 1}}',
        b'{"bitcoin": {"usd": NaN, "last_updated_at": 1}}',
        b'{"bitcoin": {"usd": -1, "last_updated_at": 1}}',
        b'{"bitcoin": {"usd": "x", "last_updated_at": 1}}',
        b'{"bitcoin": {"usd": 1, "last_updated_at": "1.5"}}',
        b'{"bitcoin": {"usd": 1, "last_updated_at": 1e99}}',
        b"[" * 100_000,
    ],
    ids=str,
)
def test_hostile_prices_are_bad_answers(
    connect: Callable[..., CoinGecko], web: Callable[..., Web], body: bytes
) -> None:
    with pytest.raises(BadAnswer):
        connect(web(body).url, patience_s=0.3).reference_price("BTC", "USD")


def test_a_hostile_list_of_coins_is_a_bad_answer(connect: Callable[..., CoinGecko], web: Callable[..., Web]) -> None:
    for body in (b'{"a": 1}', b'[{"id": 5, "symbol": "x"}]', b"[[]]"):
        with pytest.raises(BadAnswer):
            connect(web(body).url, patience_s=0.3).reference_price("RARE", "USD")


def test_an_environment_without_it_never_reaches_the_real_one(home: Path) -> None:
    client = HttpClient(Endpoints({}, closed=True), str)
    source = open_reference(ReferenceSettings(), client, "testnet", lambda: time.monotonic() + 1)
    with pytest.raises(NotSent):
        source.reference_price("BTC", "USD")


@pytest.mark.parametrize(
    "class_path", ["nowhere:X", "connectors.reference.coingecko:Nobody", "connectors.reference", "pathlib:Path", ""]
)
def test_a_source_that_cannot_be_loaded_is_a_configuration_error(home: Path, class_path: str) -> None:
    client = HttpClient(Endpoints(None), str)
    with pytest.raises(ConfigError) as caught:
        open_reference(ReferenceSettings(class_path=class_path), client, "live", time.monotonic)
    assert caught.value.hint == "Correct reference.class (package.module:Class)."


def test_no_code_is_both_a_coin_and_a_currency() -> None:
    assert not IDS.keys() & CURRENCIES
