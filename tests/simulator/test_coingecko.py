"""The simulated CoinGecko, asked as its public API is."""

import json
from typing import Any

import pytest
import requests

from simulator.market.listings.coingecko import listings
from simulator.market.model import SPOT, Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimRequest
from simulator.venues.coingecko import CACHE_MS, Coingecko, rounded
from tests.simulator.mounted import NOW_MS, Mounted

LISTINGS = listings(NOW_MS)
MINUTE_MS = NOW_MS // CACHE_MS * CACHE_MS
BINANCE_LIKE = Listing("elsewhere", "spot", "BTCUSD", SPOT, "BTC", "USD", "", "0.01", "0.0001", "0.0001")


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=[*LISTINGS, BINANCE_LIKE])


@pytest.fixture(scope="module")
def adapter(market: SyntheticMarket) -> Mounted:
    return Mounted(Coingecko(market, lambda: NOW_MS))


def ask(adapter: Mounted, target: str, **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = adapter.ask("GET", f"https://api.coingecko.com/api/v3{target}", named)
    return reply.status, json.loads(reply.body)


def test_it_says_hello(adapter: Mounted) -> None:
    assert ask(adapter, "/ping") == (200, {"gecko_says": "(V3) To the Moon!"})


def test_a_price_is_the_assets_price_a_minute_ago_at_the_most(adapter: Mounted, market: SyntheticMarket) -> None:
    query = "ids=bitcoin,ethereum&vs_currencies=usd&include_last_updated_at=true&precision=full"
    _, prices = ask(adapter, f"/simple/price?{query}")
    assert set(prices) == {"bitcoin", "ethereum"}
    assert prices["bitcoin"]["last_updated_at"] == MINUTE_MS // 1000
    assert prices["bitcoin"]["usd"] == pytest.approx(float(market.index_price(BINANCE_LIKE, MINUTE_MS)), rel=1e-6)


def test_every_coin_has_a_price(adapter: Mounted) -> None:
    ids = ",".join(row["id"] for row in ask(adapter, "/coins/list")[1])
    _, prices = ask(adapter, f"/simple/price?ids={ids}&vs_currencies=usd")
    assert len(prices) >= 30
    assert all(row["usd"] > 0 for row in prices.values())


def test_prices_in_other_currencies_agree(adapter: Mounted) -> None:
    _, prices = ask(adapter, "/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,btc,eur&precision=full")
    bitcoin, ethereum = prices["bitcoin"], prices["ethereum"]
    assert bitcoin["btc"] == 1
    assert ethereum["btc"] == pytest.approx(ethereum["usd"] / bitcoin["usd"])
    assert 1.0 < bitcoin["usd"] / bitcoin["eur"] < 1.4


def test_volume_and_change_come_when_asked(adapter: Mounted) -> None:
    flags = "include_24hr_vol=true&include_24hr_change=true&include_market_cap=true"
    _, prices = ask(adapter, f"/simple/price?ids=solana&vs_currencies=usd&{flags}")
    assert set(prices["solana"]) == {"usd", "usd_market_cap", "usd_24h_vol", "usd_24h_change"}
    _, plain = ask(adapter, "/simple/price?ids=solana&vs_currencies=usd")
    assert set(plain["solana"]) == {"usd"}


def test_what_is_unknown_is_left_out_in_silence(adapter: Mounted) -> None:
    assert ask(adapter, "/simple/price?ids=bitcoin,no-such-coin&vs_currencies=nok-nok") == (200, {"bitcoin": {}})
    assert ask(adapter, "/simple/price?ids=BTC&vs_currencies=usd") == (200, {})


@pytest.mark.parametrize(
    ("price", "precision", "expected"),
    [(67187.3358936566, "full", 67187.3358936566), (67187.3358936566, "2", 67187.34), (67187.3358936566, "", 67187.0),
     (3412.456, "", 3412.46), (4.18791517e-06, "", 4.18792e-06), (0.0, "full", 0.0)],
)  # fmt: skip
def test_precision(price: float, precision: str, expected: float) -> None:
    assert rounded(price, precision) == expected


def test_markets_are_ranked_and_paged(adapter: Mounted) -> None:
    _, rows = ask(adapter, "/coins/markets?vs_currency=usd&per_page=5&page=2")
    assert [row["market_cap_rank"] for row in rows] == [6, 7, 8, 9, 10]
    _, (row,) = ask(adapter, "/coins/markets?vs_currency=usd&ids=bitcoin")
    assert {"id", "symbol", "name", "current_price", "market_cap", "total_volume", "last_updated"} < set(row)
    assert row["low_24h"] <= row["high_24h"]


def test_currencies_are_listed(adapter: Mounted) -> None:
    _, currencies = ask(adapter, "/simple/supported_vs_currencies")
    assert {"usd", "eur", "gbp", "btc", "eth"} <= set(currencies)


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [("/simple/price?ids=bitcoin", 422, "Missing parameter vs_currencies"),
     ("/simple/price?vs_currencies=usd", 422, "Missing parameter ids"),
     ("/coins/markets?vs_currency=nix", 422, "invalid vs_currency"),
     ("/nothing", 404, "Incorrect path. Please check https://www.coingecko.com/api/")],
)  # fmt: skip
def test_wrong_requests_are_refused(adapter: Mounted, target: str, status: int, text: str) -> None:
    assert ask(adapter, target) == (status, {"error": text})


def test_a_paid_key_belongs_to_another_host(adapter: Mounted) -> None:
    status, answer = ask(adapter, "/ping", x_cg_pro_api_key="CG-1")
    assert (status, answer["status"]["error_code"]) == (400, 10010)
    assert ask(adapter, "/ping", x_cg_demo_api_key="CG-1")[0] == 200


def test_a_market_that_knows_no_coins_prices_none() -> None:
    bare = Mounted(Coingecko(SyntheticMarket(7, listings=[]), lambda: NOW_MS))
    assert ask(bare, "/simple/price?ids=bitcoin&vs_currencies=usd") == (200, {})
    assert ask(bare, "/coins/list") == (200, [])


@pytest.mark.parametrize(
    ("kind", "args", "status"),
    [("rate_limited", {"retry_after_s": 40}, 429), ("banned", {"retry_after_s": 5}, 403), ("geo_blocked", {}, 451),
     ("maintenance", {}, 503), ("server_error", {"status": 500}, 500)],
)  # fmt: skip
def test_faults_are_in_coingeckos_words(adapter: Mounted, kind: str, args: dict[str, Any], status: int) -> None:
    request = SimRequest("GET", "api.coingecko.com", "/api/v3/ping", {}, b"", NOW_MS)
    reply = adapter.venue.fault(kind, request, args)
    assert reply.status == status
    if kind == "rate_limited":
        assert reply.headers["retry-after"] == "40"
        assert json.loads(reply.body)["status"]["error_message"].startswith("You've exceeded the Rate Limit.")


def test_the_official_sdk_reads_it(sim: Any) -> None:
    from coingecko_sdk import Coingecko as Client
    from coingecko_sdk import RateLimitError

    with Client(environment="demo", demo_api_key="CG-1", base_url=None, max_retries=0) as client:
        client.base_url = f"{sim.hosts['api.coingecko.com']}/api/v3"
        assert client.ping.get().gecko_says == "(V3) To the Moon!"
        prices = client.simple.price.get(ids="bitcoin,ethereum", vs_currencies="usd,eur")
        assert prices["bitcoin"].usd > prices["ethereum"].usd > 0
        assert "eur" in client.simple.supported_vs_currencies.get()
        assert client.coins.markets.get(vs_currency="usd", per_page=3)[0].id == "bitcoin"
        sim.set_fault("coingecko", "rate_limited", retry_after_s=9)
        with pytest.raises(RateLimitError) as caught:
            client.ping.get()
        assert caught.value.response.headers["retry-after"] == "9"


def test_over_a_socket_prices_agree_with_a_venues_book(sim: Any) -> None:
    with requests.Session() as session:
        query = {"ids": "bitcoin", "vs_currencies": "usd"}
        coin = session.get(f"{sim.hosts['api.coingecko.com']}/api/v3/simple/price", params=query, timeout=10).json()
        book = session.get(
            f"{sim.hosts['www.deribit.com']}/api/v2/public/ticker?instrument_name=BTC-PERPETUAL", timeout=10
        ).json()["result"]
    assert book["best_bid_price"] == pytest.approx(coin["bitcoin"]["usd"], rel=0.01)
