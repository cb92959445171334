"""The simulated Bybit, seen by ccxt's own class, by pybit and by bare requests."""

import json

import ccxt
import pytest

from simulator.limits import AS_REAL
from simulator.market.listings import bybit as catalogue
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing, NotRecorded
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimRequest
from simulator.venues.bybit import Bybit
from simulator.venues.bybit_auth import ACCOUNTS
from tests.simulator.mounted import Mounted, get, redirected
from tests.simulator.mounted import client as mounted_client

NOW_MS = 1_795_000_000_000  # 2026-11-18 11:06:40 UTC
LISTINGS = catalogue.listings(NOW_MS)
URL = "https://api.bybit.com"

# Keys of the documentation's examples (docs/v5/market/instrument.mdx and tickers.mdx, state of 2026).
SPOT_KEYS = "symbol baseCoin quoteCoin innovation status marginTrading stTag lotSizeFilter priceFilter riskParameters"
CONTRACT_KEYS = (
    "symbol contractType status baseCoin quoteCoin launchTime deliveryTime deliveryFeeRate priceScale leverageFilter "
    "priceFilter lotSizeFilter unifiedMarginTrade fundingInterval settleCoin copyTrading upperFundingRate "
    "lowerFundingRate isPreListing preListingInfo riskParameters"
)
OPTION_KEYS = (
    "symbol status baseCoin quoteCoin settleCoin optionsType launchTime deliveryTime deliveryFeeRate priceFilter "
    "lotSizeFilter displayName"
)
SPOT_TICKER_KEYS = (
    "symbol bid1Price bid1Size ask1Price ask1Size lastPrice prevPrice24h price24hPcnt highPrice24h lowPrice24h "
    "turnover24h volume24h usdIndexPrice"
)
CONTRACT_TICKER_KEYS = (
    "symbol lastPrice indexPrice markPrice prevPrice24h price24hPcnt highPrice24h lowPrice24h prevPrice1h openInterest "
    "openInterestValue turnover24h volume24h fundingRate nextFundingTime predictedDeliveryPrice basisRate "
    "deliveryFeeRate deliveryTime ask1Size bid1Price ask1Price bid1Size fundingIntervalHour fundingCap"
)
OPTION_TICKER_KEYS = (
    "symbol bid1Price bid1Size bid1Iv ask1Price ask1Size ask1Iv lastPrice highPrice24h lowPrice24h markPrice "
    "indexPrice markIv underlyingPrice openInterest turnover24h volume24h totalVolume totalTurnover delta gamma vega "
    "theta predictedDeliveryPrice change24h"
)


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=LISTINGS)


@pytest.fixture
def venue(market: SyntheticMarket) -> Bybit:
    return Bybit(market, lambda: NOW_MS)


@pytest.fixture
def adapter(venue: Bybit) -> Mounted:
    return Mounted(venue, NOW_MS)


@pytest.fixture
def client(adapter: Mounted) -> ccxt.bybit:
    exchange = mounted_client(ccxt.bybit, adapter)
    yield exchange
    exchange.session.close()


def listing(product: str, native_id: str) -> Listing:
    return next(i for i in LISTINGS if (i.product, i.native_id) == (product, native_id))


def ask(venue: Bybit, target: str, **headers: str) -> dict:
    reply = get(venue, URL + target, NOW_MS, **headers)
    assert reply.status == 200
    return json.loads(reply.body)


def result(venue: Bybit, target: str) -> dict:
    body = ask(venue, target)
    assert (body["retCode"], body["retMsg"], body["retExtInfo"], body["time"]) == (0, "OK", {}, NOW_MS)
    return body["result"]


def floats(levels) -> list[list[float]]:
    return [[float(price), float(size)] for price, size in levels]


SYMBOLS = {
    "BTC/USDT": ("spot", "BTCUSDT"),
    "ETH/BTC": ("spot", "ETHBTC"),
    "BTC/USDT:USDT": ("linear", "BTCUSDT"),
    "1000PEPE/USDT:USDT": ("linear", "1000PEPEUSDT"),
    "SHIB1000/USDT:USDT": ("linear", "SHIB1000USDT"),
    "BTC/USDC:USDC": ("linear", "BTCPERP"),
    "BTC/USDT:USDT-261225": ("linear", "BTCUSDT-25DEC26"),
    "BTC/USDC:USDC-261225": ("linear", "BTC-25DEC26"),
    "BTC/USD:BTC": ("inverse", "BTCUSD"),
    "BTC/USD:BTC-261225": ("inverse", "BTCUSDZ26"),
    "ETH/USD:ETH-270326": ("inverse", "ETHUSDH27"),
    "BTC/USDT:USDT-261225-95000-C": ("option", "BTC-25DEC26-95000-C-USDT"),
    "BTC/USD:USDC-261225-95000-P": ("option", "BTC-25DEC26-95000-P"),
}
CONTRACTS = [symbol for symbol, (product, _) in SYMBOLS.items() if product in ("linear", "inverse")]


def test_it_lists_at_least_thirty_instruments_of_every_kind_a_client_can_read(client):
    markets = client.load_markets()
    by_kind = {k: [m for m in markets.values() if m["type"] == k] for k in ("spot", "swap", "future", "option")}
    assert len(by_kind["spot"]) >= 30
    assert sum(m["linear"] for m in by_kind["swap"]) >= 30
    assert sum(m["inverse"] for m in by_kind["swap"]) >= 8
    assert len(by_kind["future"]) >= 20
    assert len(by_kind["option"]) == len([i for i in LISTINGS if i.kind == OPTION])
    for symbol, (product, native_id) in SYMBOLS.items():
        found, own = markets[symbol], listing(product, native_id)
        assert found["id"] == native_id
        assert found["precision"]["price"] == float(own.tick_size)
        assert found["precision"]["amount"] == float(own.lot_size)
        assert found["limits"]["amount"]["min"] == float(own.min_size)
        assert found["expiry"] == own.expiry_ms
        assert found["contractSize"] == (None if product == "spot" else float(own.contract_size))
        assert found["active"]


def test_no_spot_pair_is_quoted_in_dollars():
    assert not [i for i in LISTINGS if i.kind == SPOT and i.quote == "USD"]


def test_loading_markets_takes_the_calls_of_the_real_venue(client, adapter):
    client.load_markets()
    asked = [request.query for request in adapter.seen]
    assert {request.path for request in adapter.seen} == {"/v5/market/instruments-info"}
    assert len(asked) == 11
    assert sum(query.get("status") == "PreLaunch" for query in asked) == 2


def test_a_client_with_keys_gets_an_empty_answer_to_what_it_asks_first(client, adapter):
    client.apiKey, client.secret = ACCOUNTS[0].key, ACCOUNTS[0].secret
    client.options["timeDifference"] = client.milliseconds() - NOW_MS
    client.load_markets()
    assert "/v5/asset/coin/query-info" in {request.path for request in adapter.seen}


@pytest.mark.parametrize("category", ["linear", "inverse"])
def test_nothing_is_before_its_launch(venue, category):
    assert result(venue, f"/v5/market/instruments-info?category={category}&status=PreLaunch") == {
        "category": category,
        "list": [],
        "nextPageCursor": "",
    }


def test_long_lists_come_in_pages(venue):
    cursor, found, pages = "", [], 0
    while pages == 0 or cursor:
        page = result(venue, f"/v5/market/instruments-info?category=linear&limit=20&cursor={cursor}")
        found += [row["symbol"] for row in page["list"]]
        cursor = page["nextPageCursor"].replace("%", "%25")
        pages += 1
    assert found == [i.native_id for i in LISTINGS if i.product == "linear"]
    assert pages == -(-len(found) // 20)


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("limit", [None, 1, 25, 50, 200, 500, 5000])
def test_the_order_book_is_the_markets_down_to_the_categorys_depth(client, market, symbol, limit):
    product, native_id = SYMBOLS[symbol]
    own = listing(product, native_id)
    most = {"spot": 200, "option": 25}.get(product, 500)
    expected = market.book(own, min(limit or (50 if product == "spot" else 25), most), NOW_MS)
    book = client.fetch_order_book(symbol, limit)
    assert book["bids"] == floats(expected.bids)
    assert book["asks"] == floats(expected.asks)
    assert book["timestamp"] == NOW_MS


@pytest.mark.parametrize(("category", "symbol", "levels"), [("spot", "BTCUSDT", 1), ("linear", "BTCUSDT", 25)])
def test_without_a_limit_a_book_has_the_servers_default_depth(venue, market, category, symbol, levels):
    book = result(venue, f"/v5/market/orderbook?category={category}&symbol={symbol}")
    assert list(book) == ["s", "b", "a", "ts", "u", "seq", "cts"]
    assert len(book["b"]) == levels
    assert book["u"] == market.book(listing(category, symbol), 1, NOW_MS).sequence


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_ticker_has_the_markets_figures(client, market, symbol):
    own = listing(*SYMBOLS[symbol])
    stats, book = market.stats(own, NOW_MS), market.book(own, 1, NOW_MS)
    ticker = client.fetch_ticker(symbol)
    assert ticker["symbol"] == symbol
    expected = (stats.high, stats.low, stats.last)
    assert [ticker[name] for name in ("high", "low", "last")] == [float(number) for number in expected]
    touch = [ticker[name] for name in ("bid", "bidVolume", "ask", "askVolume")]
    assert touch == [float(number) if number else None for number in _touch(book)]
    assert ticker["baseVolume"] == float(stats.volume)
    if own.inverse:
        assert ticker["quoteVolume"] == pytest.approx(float(stats.volume) / ticker["last"], rel=0.02)
    else:
        assert ticker["quoteVolume"] == float(stats.turnover)


def _touch(book) -> list[str]:
    bid = book.bids[0] if book.bids else ("", "")
    return [*bid, *book.asks[0]]


@pytest.mark.parametrize(
    ("params", "product"), [({"type": "spot"}, "spot"), ({}, "linear"), ({"subType": "inverse"}, "inverse")]
)
def test_all_tickers_of_a_category_come_in_one_call(client, adapter, market, params, product):
    client.load_markets()
    adapter.seen.clear()
    tickers, touches = client.fetch_tickers(params=dict(params)), client.fetch_bids_asks(params=dict(params))
    assert len(adapter.seen) == 2
    listed = {i.native_id: i for i in LISTINGS if i.product == product}
    assert {t["info"]["symbol"] for t in tickers.values()} == set(listed)
    assert {s: client.market(s)["type"] == "spot" for s in tickers} == dict.fromkeys(tickers, product == "spot")
    for touch in touches.values():
        book = market.book(listed[touch["info"]["symbol"]], 1, NOW_MS)
        assert (touch["bid"], touch["ask"]) == (float(book.bids[0][0]), float(book.asks[0][0]))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_trades_are_the_markets(client, market, symbol):
    own = listing(*SYMBOLS[symbol])
    found = client.fetch_trades(symbol, limit=50)
    expected = market.trades(own, 50, NOW_MS)
    assert sorted((t["timestamp"], t["price"], t["amount"], t["side"]) for t in found) == sorted(
        (t.time_ms, float(t.price), float(t.size), t.side) for t in expected
    )
    assert len({t["id"] for t in found}) == 50


def test_spot_gives_at_most_sixty_trades_newest_first(venue):
    spot = result(venue, "/v5/market/recent-trade?category=spot&symbol=BTCUSDT&limit=500")["list"]
    linear = result(venue, "/v5/market/recent-trade?category=linear&symbol=BTCUSDT")["list"]
    assert (len(spot), len(linear)) == (60, 500)
    assert [int(row["time"]) for row in spot] == sorted((int(row["time"]) for row in spot), reverse=True)


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"])
@pytest.mark.parametrize(("timeframe", "step_ms"), [("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)])
def test_candles_are_the_markets(client, market, symbol, timeframe, step_ms):
    own = listing(*SYMBOLS[symbol])
    since = NOW_MS // step_ms * step_ms - 20 * step_ms
    expected = market.candles(own, step_ms, since, NOW_MS)
    found = client.fetch_ohlcv(symbol, timeframe, since=since)
    assert [row[:5] for row in found] == [
        [c.start_ms, float(c.open), float(c.high), float(c.low), float(c.close)] for c in expected
    ]
    assert len(found) == 21
    assert client.fetch_ohlcv(symbol, timeframe, limit=7) == found[-7:]
    assert client.fetch_ohlcv(symbol, timeframe, since=since, limit=5) == found[:5]


def test_candles_come_newest_first_and_weeks_start_on_monday(venue, client):
    rows = result(venue, "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=60&limit=3")["list"]
    assert [int(row[0]) for row in rows] == sorted((int(row[0]) for row in rows), reverse=True)
    assert all(isinstance(cell, str) for row in rows for cell in row)
    weeks = client.fetch_ohlcv("BTC/USDT", "1w", limit=4)
    months = client.fetch_ohlcv("BTC/USDT", "1M", limit=3)
    assert [client.iso8601(row[0])[:10] for row in weeks][-2:] == ["2026-11-09", "2026-11-16"]
    assert [client.iso8601(row[0])[:10] for row in months] == ["2026-09-01", "2026-10-01", "2026-11-01"]
    for price in ("mark", "index"):
        assert len(client.fetch_ohlcv("BTC/USDT:USDT", "1h", limit=3, params={"price": price})) == 3


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "SUSHI/USDT:USDT", "BERA/USDT:USDT", "BTC/USD:BTC"])
def test_the_funding_rate_its_time_and_its_interval_are_the_markets(client, market, symbol):
    client.load_markets()
    found = client.market(symbol)
    own = listing("linear" if found["linear"] else "inverse", found["id"])
    expected = market.funding(own, NOW_MS)
    rate = client.fetch_funding_rate(symbol)
    assert (rate["fundingRate"], rate["fundingTimestamp"]) == (float(expected.rate), expected.next_time_ms)
    assert rate["interval"] == f"{own.funding_interval_h}h"
    assert rate["info"]["fundingIntervalHour"] == str(own.funding_interval_h)
    assert rate["markPrice"] == float(market.mark_price(own, NOW_MS))
    assert rate["indexPrice"] == float(market.index_price(own, NOW_MS))
    assert client.fetch_funding_rates([symbol])[symbol]["fundingRate"] == rate["fundingRate"]


def test_dated_contracts_have_no_funding(venue):
    rows = result(venue, "/v5/market/tickers?category=linear&symbol=BTCUSDT-25DEC26")["list"]
    assert (rows[0]["fundingRate"], rows[0]["nextFundingTime"]) == ("", "0")
    body = ask(venue, "/v5/market/funding/history?category=linear&symbol=BTCUSDT-25DEC26")
    assert body["retCode"] == 10001


def test_funding_history_is_the_markets(client, venue, market):
    own = listing("linear", "SUSHIUSDT")
    since = NOW_MS - 3 * 86_400_000
    expected = [(at, float(rate)) for at, rate in market.funding_history(own, since, NOW_MS)]
    found = client.fetch_funding_rate_history("SUSHI/USDT:USDT", since=since)
    assert [(row["timestamp"], row["fundingRate"]) for row in found] == expected
    rows = result(venue, "/v5/market/funding/history?category=linear&symbol=SUSHIUSDT&limit=4")["list"]
    assert [int(row["fundingRateTimestamp"]) for row in rows] == [at for at, _ in expected[-4:][::-1]]


def test_time_status_and_open_interest(client, market):
    assert client.fetch_time() == NOW_MS
    assert client.fetch_status()["status"] == "ok"
    held = market.stats(listing("inverse", "BTCUSD"), NOW_MS).open_interest
    found = client.fetch_open_interest("BTC/USD:BTC")
    assert float(found["info"]["openInterest"]) == float(held)


@pytest.mark.parametrize(
    ("category", "keys"),
    [("spot", SPOT_KEYS), ("linear", CONTRACT_KEYS), ("inverse", CONTRACT_KEYS), ("option", OPTION_KEYS)],
)
def test_instrument_rows_have_the_documented_keys(venue, category, keys):
    for row in result(venue, f"/v5/market/instruments-info?category={category}&limit=1000")["list"]:
        assert [key for key in row if key in keys.split()] == keys.split()


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("category=spot", SPOT_TICKER_KEYS),
        ("category=linear", CONTRACT_TICKER_KEYS),
        ("category=inverse", CONTRACT_TICKER_KEYS),
        ("category=option&baseCoin=BTC", OPTION_TICKER_KEYS),
    ],
)
def test_ticker_rows_have_the_documented_keys_and_only_text(venue, query, keys):
    for row in result(venue, f"/v5/market/tickers?{query}")["list"]:
        assert set(keys.split()) <= set(row)
        assert all(isinstance(value, str) for value in row.values())
        assert ("openInterestValue" in row) == (query in ("category=linear", "category=inverse"))


def test_an_options_greeks_fit_its_price(venue):
    rows = result(venue, "/v5/market/tickers?category=option&baseCoin=BTC&expDate=25DEC26")["list"]
    assert len(rows) == 20
    for row in rows:
        assert (float(row["delta"]) > 0) == ("-C" in row["symbol"])
        assert 0.2 < float(row["markIv"]) < 2
        assert float(row["gamma"]) >= 0
        assert float(row["theta"]) < 0 < float(row["vega"])


UNSIGNED = "empty value: apiTimestamp[] apiKey[] apiSignature[]: openapi sign params error!"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/v5/market/orderbook", "params error: category invalid"),
        ("/v5/market/orderbook?category=swap&symbol=BTCUSDT", "params error: category invalid"),
        ("/v5/market/orderbook?category=spot&symbol=NOSUCH", "Not supported symbols"),
        ("/v5/market/orderbook?category=linear&symbol=NOSUCH", "params error: symbol invalid"),
        ("/v5/market/orderbook?category=linear&symbol=btcusdt", "params error: symbol invalid"),
        ("/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=ten", "params error: limit invalid"),
        ("/v5/market/tickers?category=linear&symbol=NOSUCH", "params error: symbol invalid"),
        ("/v5/market/kline?category=linear&symbol=BTCUSDT&interval=7", "Invalid period!"),
        ("/v5/market/instruments-info?category=linear&symbol=NOSUCH", "params error: symbol invalid"),
        ("/v5/market/instruments-info?category=linear&cursor=nonsense", "params error: cursor invalid"),
        ("/v5/market/funding/history?category=spot&symbol=BTCUSDT", "params error: category invalid"),
        ("/v5/order/realtime?category=linear", UNSIGNED),
    ],
)
def test_what_it_cannot_answer_it_refuses_with_http_200(venue, target, message):
    body = ask(venue, target)
    assert (body["retCode"], body["retMsg"]) == (10001, message)


def test_a_spot_instrument_it_does_not_list_is_an_empty_list(venue):
    assert result(venue, "/v5/market/instruments-info?category=spot&symbol=NOSUCH")["list"] == []


def test_a_funding_history_needs_an_end_where_it_has_a_start(venue):
    body = ask(venue, "/v5/market/funding/history?category=linear&symbol=BTCUSDT&startTime=1")
    assert body["retCode"] == 10001


def test_an_unknown_path_is_text_and_no_key_has_an_account(venue):
    reply = get(venue, f"{URL}/v5/market/nothing", NOW_MS)
    assert (reply.status, reply.body, reply.content_type) == (404, b"404 page not found", "text/plain")
    body = ask(venue, "/v5/account/info", x_bapi_api_key="key", x_bapi_sign="sign")
    assert (body["retCode"], body["retMsg"]) == (10003, "API key is invalid.")


def test_more_than_six_hundred_requests_in_five_seconds_shut_the_address_out(venue):
    seconds = [100.0]
    venue.set_limits(AS_REAL, lambda: seconds[0])
    target = f"{URL}/v5/market/time"
    for _ in range(3):
        assert {get(venue, target, NOW_MS).status for _ in range(600)} == {200}
        seconds[0] += 5.1
    assert [get(venue, target, NOW_MS).status for _ in range(601)][-1] == 403
    assert get(venue, target, NOW_MS).body == b"403, access too frequent"
    seconds[0] += 590
    assert get(venue, target, NOW_MS).status == 403
    seconds[0] += 11
    assert get(venue, target, NOW_MS).status == 200


@pytest.mark.parametrize(
    ("kind", "args", "status", "error"),
    [
        ("rate_limited", {"retry_after_s": 7}, 200, ccxt.RateLimitExceeded),
        ("banned", {}, 403, ccxt.RateLimitExceeded),
        ("geo_blocked", {}, 403, ccxt.RateLimitExceeded),
        ("maintenance", {}, 200, ccxt.ExchangeError),
        ("server_error", {"status": 502}, 502, ccxt.ExchangeNotAvailable),
        ("server_error", {"status": 504}, 504, ccxt.RequestTimeout),
    ],
)
def test_faults_are_put_in_the_venues_words(client, adapter, kind, args, status, error):
    client.load_markets()
    adapter.faulty = (kind, args)
    with pytest.raises(error):
        client.fetch_order_book("BTC/USDT")
    reply = adapter.venue.fault(kind, adapter.seen[-1], args)
    assert reply.status == status
    if kind == "rate_limited":
        assert json.loads(reply.body)["retCode"] == 10006
        assert reply.headers["X-Bapi-Limit-Reset-Timestamp"] == str(NOW_MS + 7000)


def test_maintenance_shows_in_the_status(client, adapter):
    adapter.faulty = ("maintenance", {})
    assert client.fetch_status()["status"] == "maintenance"


def test_a_fault_it_has_no_words_for_is_an_error(venue):
    with pytest.raises(ValueError, match="no words"):
        venue.fault("sunshine", SimRequest("GET", "api.bybit.com", "/v5/market/time", {}, b"", NOW_MS), {})


class Silent(SyntheticMarket):
    """A market like a tape's: books only."""

    def stats(self, listing, now_ms):
        if listing.native_id != "BTCUSDT":
            raise NotRecorded(f"no figures of {listing.native_id}")
        return super().stats(listing, now_ms)


def test_lists_leave_out_what_the_market_does_not_have():
    venue = Bybit(Silent(7, NOW_MS, frozen=True, listings=LISTINGS), lambda: NOW_MS)
    assert [row["symbol"] for row in result(venue, "/v5/market/tickers?category=spot")["list"]] == ["BTCUSDT"]
    body = ask(venue, "/v5/market/tickers?category=spot&symbol=ETHUSDT")
    assert body["retCode"] == 10016
    assert "no figures of ETHUSDT" in body["retMsg"]


def test_an_empty_book_is_shown_empty(venue, market, monkeypatch):
    book = market.book(listing("linear", "BTCUSDT"), 1, NOW_MS)
    empty = type(book)([], [], book.sequence, book.time_ms)
    monkeypatch.setattr(market, "book", lambda *args: empty)
    row = result(venue, "/v5/market/tickers?category=linear&symbol=BTCUSDT")["list"][0]
    assert [row[name] for name in ("bid1Price", "bid1Size", "ask1Price", "ask1Size")] == ["", "", "", ""]


def test_dates_are_written_as_the_venue_writes_them():
    early = [i.native_id for i in catalogue.listings(1_778_000_000_000) if i.kind == FUTURE]  # 2026-05-05
    assert {"BTCUSDT-8MAY26", "BTC-29MAY26", "BTCUSDT-26JUN26", "BTCUSDM26", "BTCUSDU26"} <= set(early)


def test_multipliers_are_told_beside_the_symbol():
    assert {i.base: i.multiplier for i in LISTINGS if i.kind == PERPETUAL and "1000" in i.base} == {
        "1000PEPE": 1000,
        "SHIB1000": 1000,
        "1000BONK": 1000,
        "10000SATS": 10000,
    }


def test_over_loopback_only_the_base_urls_differ(sim):
    exchange = ccxt.bybit({"enableRateLimit": False})
    exchange.urls["api"] = redirected(exchange.urls["api"], sim.hosts, exchange.hostname)
    for symbol in ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"):
        book = exchange.fetch_order_book(symbol, 100)
        assert len(book["bids"]) == len(book["asks"]) == 100
        assert book["bids"][0][0] < book["asks"][0][0]
    sim.set_fault("bybit", "rate_limited", path="/v5/market/orderbook", retry_after_s=9)
    with pytest.raises(ccxt.RateLimitExceeded):
        exchange.fetch_order_book("BTC/USDT")
    exchange.session.close()


def test_pybit_reads_it(adapter, market):
    from pybit.exceptions import InvalidRequestError
    from pybit.unified_trading import HTTP

    session = HTTP()
    session.client.mount("https://", adapter)
    own = listing("linear", "BTCUSDT")
    assert session.get_server_time()["time"] == NOW_MS
    assert len(session.get_instruments_info(category="linear", limit=1000)["result"]["list"]) >= 30
    book = session.get_orderbook(category="linear", symbol="BTCUSDT", limit=50)["result"]
    assert floats(book["b"]) == floats(market.book(own, 50, NOW_MS).bids)
    row = session.get_tickers(category="linear", symbol="BTCUSDT")["result"]["list"][0]
    assert row["fundingRate"] == market.funding(own, NOW_MS).rate
    assert len(session.get_kline(category="spot", symbol="BTCUSDT", interval="60", limit=3)["result"]["list"]) == 3
    history = session.get_funding_rate_history(category="linear", symbol="BTCUSDT", limit=3)["result"]["list"]
    assert len(history) == 3
    with pytest.raises(InvalidRequestError, match="Not supported symbols"):
        session.get_orderbook(category="spot", symbol="NOSUCH")
