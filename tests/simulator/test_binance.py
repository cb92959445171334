"""The simulated Binance, seen by ccxt's own classes, by the venue's SDKs and by bare requests."""

import json
from decimal import Decimal

import ccxt
import pytest

from simulator.market.listings import binance as catalogue
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing, NotRecorded
from simulator.market.synthetic import SyntheticMarket
from simulator.tape.market import load_tape
from simulator.venue import SimReply, SimRequest
from simulator.venues.binance import Binance
from tests.simulator.mounted import Mounted, get, redirected
from tests.simulator.mounted import client as mounted_client

NOW_MS = 1_795_000_000_000  # 2026-11-18 11:06:40 UTC
LISTINGS = catalogue.listings(NOW_MS)
SPOT_URL, LINEAR_URL, INVERSE_URL = "https://api.binance.com", "https://fapi.binance.com", "https://dapi.binance.com"
OPTION_URL = "https://eapi.binance.com"

# Keys of live rows of 2026-09-26 (spot, COIN-M) and 2026-09-15 (USDⓈ-M).
SPOT_KEYS = (
    "symbol status baseAsset baseAssetPrecision quoteAsset quotePrecision quoteAssetPrecision baseCommissionPrecision "
    "quoteCommissionPrecision orderTypes icebergAllowed ocoAllowed otoAllowed opoAllowed quoteOrderQtyMarketAllowed "
    "allowTrailingStop cancelReplaceAllowed amendAllowed pegInstructionsAllowed isSpotTradingAllowed "
    "isMarginTradingAllowed filters permissions permissionSets defaultSelfTradePreventionMode "
    "allowedSelfTradePreventionModes"
)
LINEAR_KEYS = (
    "symbol pair contractType deliveryDate onboardDate status maintMarginPercent requiredMarginPercent baseAsset "
    "quoteAsset marginAsset pricePrecision quantityPrecision baseAssetPrecision quotePrecision underlyingType "
    "underlyingSubType triggerProtect liquidationFee marketTakeBound maxMoveOrderLimit filters orderTypes timeInForce "
    "permissionSets"
)
INVERSE_KEYS = LINEAR_KEYS.replace(" status", " contractStatus").replace(
    "maxMoveOrderLimit", "maxMoveOrderLimit contractSize equalQtyPrecision"
)
SPOT_FILTERS = (
    "PRICE_FILTER LOT_SIZE ICEBERG_PARTS MARKET_LOT_SIZE TRAILING_DELTA PERCENT_PRICE_BY_SIDE NOTIONAL MAX_NUM_ORDERS "
    "MAX_NUM_ORDER_LISTS MAX_NUM_ALGO_ORDERS MAX_NUM_ORDER_AMENDS"
)
LINEAR_FILTERS = "PRICE_FILTER LOT_SIZE MARKET_LOT_SIZE MAX_NUM_ORDERS MIN_NOTIONAL PERCENT_PRICE POSITION_RISK_CONTROL"


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=LISTINGS)


@pytest.fixture
def venue(market: SyntheticMarket) -> Binance:
    return Binance(market, lambda: NOW_MS)


@pytest.fixture
def adapter(venue: Binance) -> Mounted:
    return Mounted(venue, NOW_MS)


@pytest.fixture
def client(adapter: Mounted) -> ccxt.binance:
    exchange = mounted_client(ccxt.binance, adapter)
    yield exchange
    exchange.session.close()


def listing(product: str, native_id: str) -> Listing:
    return next(i for i in LISTINGS if (i.product, i.native_id) == (product, native_id))


def ask(venue: Binance, url: str, **headers: str) -> tuple[int, object]:
    reply = get(venue, url, NOW_MS, **headers)
    return reply.status, json.loads(reply.body)


def floats(levels) -> list[list[float]]:
    return [[float(price), float(size)] for price, size in levels]


SYMBOLS = {
    "BTC/USDT": ("spot", "BTCUSDT"),
    "ETH/BTC": ("spot", "ETHBTC"),
    "USDC/USDT": ("spot", "USDCUSDT"),
    "BTC/USDT:USDT": ("linear", "BTCUSDT"),
    "1000PEPE/USDT:USDT": ("linear", "1000PEPEUSDT"),
    "BTC/USDC:USDC": ("linear", "BTCUSDC"),
    "BTC/USDT:USDT-261225": ("linear", "BTCUSDT_261225"),
    "BTC/USD:BTC": ("inverse", "BTCUSD_PERP"),
    "ETH/USD:ETH-270326": ("inverse", "ETHUSD_270326"),
}


def test_it_lists_at_least_thirty_instruments_of_every_kind_a_client_can_read(client):
    markets = client.load_markets()
    by_kind = {kind: [m for m in markets.values() if m["type"] == kind] for kind in ("spot", "swap", "future")}
    assert len(by_kind["spot"]) >= 30
    assert sum(m["linear"] for m in by_kind["swap"]) >= 20
    assert sum(m["inverse"] for m in by_kind["swap"]) >= 10
    assert {m["id"] for m in by_kind["future"]} >= {"BTCUSDT_261225", "BTCUSDT_270326", "BTCUSD_261225"}
    for symbol, (product, native_id) in SYMBOLS.items():
        found, own = markets[symbol], listing(product, native_id)
        assert found["id"] == native_id
        assert found["precision"]["price"] == float(own.tick_size)
        assert found["precision"]["amount"] == float(own.lot_size)
        assert found["limits"]["cost"]["min"] == (float(own.min_notional) if own.min_notional else None)
        assert found["expiry"] == own.expiry_ms
        assert found["contractSize"] == (None if product == "spot" else float(own.contract_size))
        assert found["active"]


def test_no_spot_pair_is_quoted_in_dollars():
    assert not [i for i in LISTINGS if i.kind == SPOT and i.quote == "USD"]


def test_loading_markets_takes_the_three_calls_of_the_real_venue(client, adapter):
    client.load_markets()
    paths = [request.path for request in adapter.seen]
    assert paths == ["/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"]


def test_a_client_with_keys_gets_empty_answers_to_what_it_asks_first(client, adapter):
    account = adapter.venue.accounts[0]
    client.apiKey, client.secret = account.key, account.secret
    adapter.now_ms = client.milliseconds()
    client.load_markets()
    assert {request.path for request in adapter.seen} >= {
        "/sapi/v1/capital/config/getall",
        "/sapi/v1/margin/allPairs",
        "/sapi/v1/margin/isolated/allPairs",
    }


def test_options_are_listed_when_asked_for(client):
    client.options["fetchMarkets"] = {"types": ["option"]}
    markets = client.load_markets()
    assert len(markets) == len([i for i in LISTINGS if i.kind == OPTION])
    found = markets["BTC/USDT:USDT-261225-95000-C"]
    assert (found["id"], found["strike"], found["optionType"]) == ("BTC-261225-95000-C", 95000, "call")


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("limit", [None, 5, 20, 100, 1000])
def test_the_order_book_is_the_markets(client, market, symbol, limit):
    own = listing(*SYMBOLS[symbol])
    wanted = limit or (100 if own.kind == SPOT else 500)
    expected = market.book(own, wanted, NOW_MS)
    book = client.fetch_order_book(symbol, limit)
    assert book["bids"] == floats(expected.bids)
    assert book["asks"] == floats(expected.asks)
    assert book["nonce"] == expected.sequence
    assert book["timestamp"] == (None if own.kind == SPOT else expected.time_ms)
    assert len(book["bids"]) == len(book["asks"]) == wanted


def test_a_spot_book_goes_down_to_five_thousand_levels_and_no_further(client):
    assert len(client.fetch_order_book("BTC/USDT", 5000)["bids"]) == 5000
    assert len(client.fetch_order_book("BTC/USDT", 7)["bids"]) == 7
    assert len(client.fetch_order_book("BTC/USDT", 9000)["asks"]) == 5000


def test_spot_numbers_have_eight_decimals_and_contracts_those_of_their_tick(venue):
    _, spot = ask(venue, f"{SPOT_URL}/api/v3/depth?symbol=BTCUSDT&limit=3")
    _, linear = ask(venue, f"{LINEAR_URL}/fapi/v1/depth?symbol=BTCUSDT&limit=5")
    assert list(spot) == ["lastUpdateId", "bids", "asks"]
    assert list(linear) == ["lastUpdateId", "E", "T", "bids", "asks"]
    assert all(len(number.partition(".")[2]) == 8 for level in spot["bids"] for number in level)
    price, size = linear["bids"][0]
    assert (len(price.partition(".")[2]), len(size.partition(".")[2])) == (2, 3)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_ticker_has_the_markets_figures(client, market, symbol):
    own = listing(*SYMBOLS[symbol])
    stats = market.stats(own, NOW_MS)
    ticker = client.fetch_ticker(symbol)
    assert ticker["symbol"] == symbol
    assert [ticker[name] for name in ("open", "high", "low", "last")] == [
        float(number) for number in (stats.open, stats.high, stats.low, stats.last)
    ]
    if own.inverse:
        assert ticker["quoteVolume"] == pytest.approx(float(stats.volume) * float(own.contract_size), rel=1e-6)
    else:
        assert ticker["baseVolume"] == float(stats.volume)
        assert ticker["quoteVolume"] == pytest.approx(float(stats.turnover))
    book = market.book(own, 1, NOW_MS)
    touch = (*book.bids[0], *book.asks[0]) if own.kind == SPOT else (None,) * 4
    found = [ticker[name] for name in ("bid", "bidVolume", "ask", "askVolume")]
    assert found == [None if number is None else float(number) for number in touch]


@pytest.mark.parametrize(
    ("params", "product"), [({}, "spot"), ({"type": "swap"}, "linear"), ({"subType": "inverse"}, "inverse")]
)
def test_all_tickers_and_all_best_prices_come_in_one_call(client, adapter, market, params, product):
    client.load_markets()
    adapter.seen.clear()
    tickers, touches = client.fetch_tickers(params=dict(params)), client.fetch_bids_asks(params=dict(params))
    assert len(adapter.seen) == 2
    listed = {i.native_id: i for i in LISTINGS if i.product == product}
    assert {t["info"]["symbol"] for t in tickers.values()} == set(listed)
    assert len(touches) == len(listed)
    for touch in touches.values():
        book = market.book(listed[touch["info"]["symbol"]], 1, NOW_MS)
        assert (touch["bid"], touch["ask"]) == (float(book.bids[0][0]), float(book.asks[0][0]))


def test_best_prices_of_some_spot_symbols_come_with_their_sizes(client, market):
    touches = client.fetch_bids_asks(["BTC/USDT", "ETH/BTC"])
    assert set(touches) == {"BTC/USDT", "ETH/BTC"}
    book = market.book(listing("spot", "ETHBTC"), 1, NOW_MS)
    assert touches["ETH/BTC"]["askVolume"] == float(book.asks[0][1])


def test_a_spot_ticker_bears_no_time_and_a_contracts_does(venue):
    _, spot = ask(venue, f"{SPOT_URL}/api/v3/ticker/bookTicker?symbol=BTCUSDT")
    _, linear = ask(venue, f"{LINEAR_URL}/fapi/v1/ticker/bookTicker?symbol=BTCUSDT")
    _, inverse = ask(venue, f"{INVERSE_URL}/dapi/v1/ticker/bookTicker?symbol=BTCUSD_PERP")
    assert list(spot) == ["symbol", "bidPrice", "bidQty", "askPrice", "askQty"]
    assert list(linear) == [*spot, "time", "lastUpdateId"]
    assert inverse[0]["pair"] == "BTCUSD"


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_trades_are_the_markets_oldest_first(client, market, symbol):
    own = listing(*SYMBOLS[symbol])
    expected = market.trades(own, 50, NOW_MS)[::-1]
    plain = {"spot": "publicGetTrades", "linear": "fapiPublicGetTrades", "inverse": "dapiPublicGetTrades"}[own.product]
    aggregated = client.fetch_trades(symbol, limit=50)
    single = client.fetch_trades(symbol, limit=50, params={"fetchTradesMethod": plain})
    for found in (aggregated, single):
        assert [(t["id"], t["timestamp"], t["price"], t["amount"], t["side"]) for t in found] == [
            (str(t.trade_id), t.time_ms, float(t.price), float(t.size), t.side) for t in expected
        ]


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


def test_weeks_start_on_monday_and_months_on_their_first(client):
    weeks = client.fetch_ohlcv("BTC/USDT", "1w", limit=5)
    months = client.fetch_ohlcv("BTC/USDT", "1M", limit=3)
    assert [client.iso8601(row[0])[:10] for row in weeks][-2:] == ["2026-11-09", "2026-11-16"]
    assert [client.iso8601(row[0])[:10] for row in months] == ["2026-09-01", "2026-10-01", "2026-11-01"]


def test_mark_and_index_candles_have_no_volume(client):
    for price in ("mark", "index"):
        for symbol in ("BTC/USDT:USDT", "BTC/USD:BTC"):
            found = client.fetch_ohlcv(symbol, "1h", limit=3, params={"price": price})
            assert len(found) == 3
            assert {row[5] for row in found} == {0}


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "SUSHI/USDT:USDT", "BTC/USD:BTC"])
def test_the_funding_rate_and_its_time_are_the_markets(client, market, symbol):
    client.load_markets()
    sub_type = client.market(symbol)["subType"]
    own = listing(sub_type, client.market(symbol)["id"])
    expected = market.funding(own, NOW_MS)
    found = client.fetch_funding_rate(symbol)
    assert (found["fundingRate"], found["fundingTimestamp"]) == (float(expected.rate), expected.next_time_ms)
    assert found["markPrice"] == float(market.mark_price(own, NOW_MS))
    assert found["indexPrice"] == float(market.index_price(own, NOW_MS))
    assert client.fetch_funding_rates([symbol], {"subType": sub_type})[symbol]["fundingRate"] == found["fundingRate"]


def test_dated_contracts_have_no_funding_time(venue):
    _, rows = ask(venue, f"{LINEAR_URL}/fapi/v1/premiumIndex")
    dated = [row for row in rows if "_" in row["symbol"]]
    assert len(dated) == 4
    assert {row["nextFundingTime"] for row in dated} == {0}


def test_funding_history_is_the_markets_oldest_first(client, market):
    own = listing("linear", "SUSHIUSDT")
    since = NOW_MS - 3 * 86_400_000
    expected = market.funding_history(own, since, NOW_MS)
    found = client.fetch_funding_rate_history("SUSHI/USDT:USDT", since=since)
    assert [(row["timestamp"], row["fundingRate"]) for row in found] == [(at, float(rate)) for at, rate in expected]
    assert len(found) == 18
    assert client.fetch_funding_rate_history("SUSHI/USDT:USDT", limit=4) == found[-4:]


def test_only_unusual_funding_intervals_are_told(client):
    intervals = client.fetch_funding_intervals()
    assert intervals["SUSHI/USDT:USDT"]["interval"] == "4h"
    assert intervals["BERA/USDT:USDT"]["interval"] == "1h"
    assert "BTC/USDT:USDT" not in intervals
    assert client.fetch_funding_interval("1000BONK/USDT:USDT")["interval"] == "4h"


def test_time_status_average_price_and_open_interest(client, venue, market):
    assert client.fetch_time() == client.fetch_time({"type": "swap"}) == NOW_MS
    assert client.fetch_status()["status"] == "ok"
    _, average = ask(venue, f"{SPOT_URL}/api/v3/avgPrice?symbol=BTCUSDT")
    assert average["mins"] == 5
    own = listing("spot", "BTCUSDT")
    assert Decimal(average["price"]) == pytest.approx(Decimal(market.stats(own, NOW_MS).last), rel=Decimal("0.01"))
    held = market.stats(listing("linear", "BTCUSDT"), NOW_MS).open_interest
    assert client.fetch_open_interest("BTC/USDT:USDT")["openInterestAmount"] == float(held)
    assert client.fetch_mark_price("BTC/USDT:USDT")["markPrice"] > 0


def test_the_usdm_class_works_alone(adapter, market):
    exchange = ccxt.binanceusdm({"enableRateLimit": False})
    exchange.session.mount("https://", adapter)
    book = exchange.fetch_order_book("ETH/USDT:USDT", 5)
    exchange.session.close()
    assert book["bids"] == floats(market.book(listing("linear", "ETHUSDT"), 5, NOW_MS).bids)
    assert [request.path for request in adapter.seen] == ["/fapi/v1/exchangeInfo", "/fapi/v1/depth"]


@pytest.mark.parametrize(
    ("url", "keys", "filters"),
    [
        (f"{SPOT_URL}/api/v3", SPOT_KEYS, SPOT_FILTERS),
        (f"{LINEAR_URL}/fapi/v1", LINEAR_KEYS, LINEAR_FILTERS),
        (
            f"{INVERSE_URL}/dapi/v1",
            INVERSE_KEYS,
            "PRICE_FILTER LOT_SIZE MARKET_LOT_SIZE MAX_NUM_ORDERS MAX_NUM_ALGO_ORDERS PERCENT_PRICE",
        ),
    ],
)
def test_instrument_rows_have_the_keys_of_live_ones(venue, url, keys, filters):
    _, info = ask(venue, f"{url}/exchangeInfo")
    for row in info["symbols"]:
        assert list(row) == keys.split()
        assert [f["filterType"] for f in row["filters"]] == filters.split()
    assert info["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
    assert info["serverTime"] == NOW_MS


def test_spot_lists_one_symbol_or_some_and_contracts_ignore_the_wish(venue):
    _, one = ask(venue, f"{SPOT_URL}/api/v3/exchangeInfo?symbol=BTCUSDT")
    _, two = ask(venue, f'{SPOT_URL}/api/v3/exchangeInfo?symbols=["ETHBTC","BTCUSDT"]&showPermissionSets=false')
    _, linear = ask(venue, f"{LINEAR_URL}/fapi/v1/exchangeInfo?symbol=NOTAREALSYM")
    assert [row["symbol"] for row in one["symbols"]] == ["BTCUSDT"]
    assert [row["symbol"] for row in two["symbols"]] == ["ETHBTC", "BTCUSDT"]
    assert two["symbols"][0]["permissionSets"] == []
    assert len(linear["symbols"]) == len([i for i in LISTINGS if i.product == "linear"])


def test_options_have_books_marks_and_an_index(venue):
    status, book = ask(venue, f"{OPTION_URL}/eapi/v1/depth?symbol=BTC-261225-95000-C&limit=10")
    _, marks = ask(venue, f"{OPTION_URL}/eapi/v1/mark")
    _, index = ask(venue, f"{OPTION_URL}/eapi/v1/index?underlying=BTCUSDT")
    assert status == 200
    assert book["asks"]
    assert len(marks) == 60
    assert Decimal(index["indexPrice"]) > 10_000


NO_SYMBOL = (-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
NO_INTERVAL = (-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
UNKNOWN = (-1121, "Invalid symbol.")
BAD_INTERVAL = (-1120, "Invalid interval.")
BAD_LIMIT = (-1130, "Data sent for parameter 'limit' is not valid.")
NO_DIGITS = (-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")
SMALL = (-1100, r"Illegal characters found in parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'.")
UNREAD = (-1104, "Not all sent parameters were read; read '1' parameter(s) but was sent '2'.")
BOTH = (-1128, "Combination of optional parameters invalid.")
TWICE = (-1151, "Symbol is present multiple times in the list.")
NO_KEY = (-2014, "API-key format invalid.")


@pytest.mark.parametrize(
    ("url", "status", "error"),
    [
        ("/api/v3/depth", 400, NO_SYMBOL),
        ("/api/v3/depth?symbol=", 400, NO_SYMBOL),
        ("/api/v3/depth?symbol=NOSUCH", 400, UNKNOWN),
        ("/api/v3/depth?symbol=BTCUSDT&limit=0", 400, BAD_LIMIT),
        ("/api/v3/depth?symbol=BTCUSDT&limit=ten", 400, NO_DIGITS),
        ("/api/v3/depth?symbol=BTCUSDT&limit=", 400, (-1105, "Parameter 'limit' was empty.")),
        ("/api/v3/depth?symbol=btcusdt", 400, SMALL),
        ("/api/v3/depth?symbol=BTCUSDT&depth=5", 400, UNREAD),
        ("/api/v3/time?a=1", 400, (-1101, "Too many parameters; expected '0' and received '1'.")),
        ("/api/v3/klines?symbol=BTCUSDT", 400, NO_INTERVAL),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, BAD_INTERVAL),
        ('/api/v3/ticker/price?symbol=BTCUSDT&symbols=["ETHUSDT"]', 400, BOTH),
        ('/api/v3/ticker/price?symbols=["BTCUSDT","BTCUSDT"]', 400, TWICE),
        ("/fapi/v1/depth", 400, NO_SYMBOL),
        ("/fapi/v1/depth?symbol=NOSUCH", 400, UNKNOWN),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=3", 400, (-4021, "3 is not valid depth limit")),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=1500", 400, BAD_LIMIT),
        ("/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1001", 400, BAD_LIMIT),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=2000", 400, BAD_LIMIT),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1s&limit=1", 400, BAD_INTERVAL),
        ("/fapi/v1/historicalTrades?symbol=BTCUSDT", 401, NO_KEY),
        ("/fapi/v1/nothing", 404, (-5000, "Path /fapi/v1/nothing, Method GET is invalid")),
        ("/dapi/v1/depth?symbol=BTCUSDT", 400, UNKNOWN),
        ("/api/v3/account", 401, NO_KEY),
        ("/sapi/v1/capital/config/getall", 401, NO_KEY),
    ],
)
def test_what_it_cannot_answer_it_refuses_in_the_venues_words(venue, url, status, error):
    assert ask(venue, SPOT_URL + url) == (status, {"code": error[0], "msg": error[1]})


def test_an_unknown_spot_path_is_the_gateways_html(venue):
    reply = get(venue, f"{SPOT_URL}/api/v3/nothing", NOW_MS)
    assert reply.status == 404
    assert reply.content_type == "text/html"
    assert b"404 Not Found" in reply.body


def test_signed_calls_need_a_time_a_signature_and_a_key_that_is_known(venue):
    status, body = ask(venue, f"{SPOT_URL}/sapi/v1/margin/allPairs?timestamp=1", x_mbx_apikey="key")
    assert (status, body["code"]) == (400, -1102)
    assert "'signature'" in body["msg"]
    assert ask(venue, f"{SPOT_URL}/api/v3/account?timestamp=1&signature=1", x_mbx_apikey="key") == (
        401,
        {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    )


@pytest.mark.parametrize(
    ("url", "weight"),
    [
        ("/api/v3/ping", 1),
        ("/api/v3/exchangeInfo", 20),
        ("/api/v3/depth?symbol=BTCUSDT", 5),
        ("/api/v3/depth?symbol=BTCUSDT&limit=101", 25),
        ("/api/v3/depth?symbol=BTCUSDT&limit=1000", 50),
        ("/api/v3/depth?symbol=BTCUSDT&limit=5000", 250),
        ("/api/v3/ticker/24hr?symbol=BTCUSDT", 2),
        ("/api/v3/ticker/24hr", 80),
        ("/api/v3/ticker/bookTicker?symbol=BTCUSDT", 2),
        ('/api/v3/ticker/bookTicker?symbols=["BTCUSDT"]', 4),
        ("/api/v3/ticker/bookTicker", 4),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=50", 2),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=100", 5),
        ("/fapi/v1/depth?symbol=BTCUSDT", 10),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 20),
        ("/fapi/v1/ticker/bookTicker", 5),
        ("/dapi/v1/premiumIndex", 10),
    ],
)
def test_every_answer_tells_the_weight_used(venue, url, weight):
    reply = get(venue, SPOT_URL + url, NOW_MS)
    assert reply.status == 200
    assert reply.headers["x-mbx-used-weight-1m"] == str(weight)
    again = get(venue, SPOT_URL + url, NOW_MS)
    assert again.headers["x-mbx-used-weight-1m"] == str(2 * weight)


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 600.0

    def __call__(self) -> float:
        return self.seconds


def test_too_much_weight_is_refused_until_the_minute_is_over(venue):
    watch = Stopwatch()
    venue.set_limits(100 / 6000, watch)
    url = f"{SPOT_URL}/api/v3/depth?symbol=BTCUSDT&limit=1000"
    watch.seconds += 20
    assert [get(venue, url, NOW_MS).status for _ in range(3)] == [200, 200, 429]
    reply = get(venue, url, NOW_MS)
    assert reply.headers["Retry-After"] == "40"
    assert json.loads(reply.body)["code"] == -1003
    watch.seconds += 40
    assert get(venue, url, NOW_MS).status == 200


def test_whoever_goes_on_is_banned_longer_every_time(venue):
    watch = Stopwatch()
    venue.set_limits(10 / 2400, watch)
    url = f"{LINEAR_URL}/fapi/v1/depth?symbol=BTCUSDT"
    statuses = [get(venue, url, NOW_MS).status for _ in range(12)]
    assert statuses == [200, *[429] * 10, 418]
    reply = get(venue, url, NOW_MS)
    assert (reply.status, reply.headers["Retry-After"]) == (418, "120")
    assert f"banned until {NOW_MS + 120_000}" in json.loads(reply.body)["msg"]
    assert get(venue, f"{SPOT_URL}/api/v3/ping", NOW_MS).status == 200
    watch.seconds += 119
    assert get(venue, url, NOW_MS).status == 418
    watch.seconds += 61
    assert get(venue, url, NOW_MS).status == 200
    assert [get(venue, url, NOW_MS).status for _ in range(11)][-1] == 418
    assert get(venue, url, NOW_MS).headers["Retry-After"] == "240"


@pytest.mark.parametrize(
    ("kind", "args", "status", "error"),
    [
        ("rate_limited", {"retry_after_s": 7}, 429, ccxt.DDoSProtection),
        ("banned", {"retry_after_s": 300}, 418, ccxt.DDoSProtection),
        ("geo_blocked", {}, 451, ccxt.ExchangeNotAvailable),
        ("maintenance", {}, 503, ccxt.OnMaintenance),
        ("server_error", {"status": 500}, 500, ccxt.OperationFailed),
        ("server_error", {"status": 502}, 502, ccxt.ExchangeNotAvailable),
        ("server_error", {"status": 503}, 503, ccxt.OperationFailed),
        ("server_error", {"status": 504}, 504, ccxt.RequestTimeout),
    ],
)
def test_faults_are_put_in_words_a_client_understands(client, adapter, kind, args, status, error):
    client.load_markets()
    adapter.faulty = (kind, args)
    with pytest.raises(error):
        client.fetch_order_book("BTC/USDT")
    reply: SimReply = adapter.venue.fault(kind, adapter.seen[-1], args)
    assert reply.status == status
    assert reply.headers.get("Retry-After") == (str(args["retry_after_s"]) if "retry_after_s" in args else None)


def test_maintenance_shows_in_the_status(client, adapter):
    adapter.faulty = ("maintenance", {})
    assert client.fetch_status()["status"] == "maintenance"


def test_a_fault_it_has_no_words_for_is_an_error(venue):
    with pytest.raises(ValueError, match="no words"):
        venue.fault("sunshine", SimRequest("GET", "api.binance.com", "/api/v3/ping", {}, b"", NOW_MS), {})


class Silent(SyntheticMarket):
    """A market like a tape's: books only, and only of one instrument."""

    def stats(self, listing, now_ms):
        raise NotRecorded(f"no figures of {listing.native_id}")

    def book(self, listing, depth, now_ms):
        if listing.native_id != "BTCUSDT":
            raise NotRecorded(f"no book of {listing.native_id}")
        return super().book(listing, depth, now_ms)


def test_lists_leave_out_what_the_market_does_not_have():
    venue = Binance(Silent(7, NOW_MS, frozen=True, listings=LISTINGS), lambda: NOW_MS)
    _, touches = ask(venue, f"{SPOT_URL}/api/v3/ticker/bookTicker")
    assert [row["symbol"] for row in touches] == ["BTCUSDT"]
    status, body = ask(venue, f"{SPOT_URL}/api/v3/ticker/24hr?symbol=BTCUSDT")
    assert (status, body["code"]) == (400, -1121)
    assert "no figures of BTCUSDT" in body["msg"]


def test_an_empty_book_is_shown_with_zeros(venue, market, monkeypatch):
    book = market.book(listing("spot", "BTCUSDT"), 1, NOW_MS)
    empty = type(book)([], [], book.sequence, book.time_ms)
    monkeypatch.setattr(market, "book", lambda *args: empty)
    _, touch = ask(venue, f"{SPOT_URL}/api/v3/ticker/bookTicker?symbol=BTCUSDT")
    assert (touch["bidPrice"], touch["askQty"]) == ("0.00000000", "0.00000000")


def test_expiries_are_the_next_two_quarterly_fridays_and_move_on_with_time():
    def dated(now_ms: int) -> list[str]:
        return [
            i.native_id for i in catalogue.listings(now_ms) if i.kind == FUTURE and i.native_id.startswith("BTCUSDT_")
        ]

    delivery = 1_798_185_600_000  # 2026-12-25 08:00 UTC
    assert dated(delivery - 1) == ["BTCUSDT_261225", "BTCUSDT_270326"]
    assert dated(delivery) == ["BTCUSDT_270326", "BTCUSDT_270625"]


def test_multipliers_are_told_beside_the_symbol():
    assert {i.base: i.multiplier for i in LISTINGS if i.kind == PERPETUAL and i.base.startswith("1000")} == {
        "1000PEPE": 1000,
        "1000SHIB": 1000,
        "1000BONK": 1000,
        "1000SATS": 1000,
    }


def test_over_loopback_only_the_base_urls_differ(sim):
    exchange = ccxt.binance({"enableRateLimit": False})
    exchange.urls["api"] = redirected(exchange.urls["api"], sim.hosts)
    for symbol in ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"):
        book = exchange.fetch_order_book(symbol, 100)
        assert len(book["bids"]) == len(book["asks"]) == 100
        assert book["bids"][0][0] < book["asks"][0][0]
    assert int(exchange.last_response_headers["X-MBX-USED-WEIGHT-1M"]) > 0
    sim.set_fault("binance", "rate_limited", path="/api/v3/depth", retry_after_s=9)
    with pytest.raises(ccxt.DDoSProtection):
        exchange.fetch_order_book("BTC/USDT")
    assert exchange.last_response_headers["Retry-After"] == "9"
    exchange.session.close()


def test_a_tape_is_served_with_its_own_instruments_and_books(recordings):
    market = load_tape(recordings)
    venue = Binance(market, market.now_ms)
    _, info = ask(venue, f"{SPOT_URL}/api/v3/exchangeInfo?symbol=NKNUSDT")
    row = info["symbols"][0]
    assert list(row) == SPOT_KEYS.split()
    filters = {f["filterType"]: f for f in row["filters"]}
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.00010000", "1.00000000")
    reply = get(venue, f"{SPOT_URL}/api/v3/depth?symbol=NKNUSDT&limit=5", market.now_ms())
    book = market.book(venue.by_id["spot", "NKNUSDT"], 5, market.now_ms())
    assert floats(json.loads(reply.body)["bids"]) == floats(book.bids)


def test_the_official_spot_sdk_reads_it(adapter, market):
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_spot.spot import Spot

    rest = Spot(config_rest_api=ConfigurationRestAPI(api_key="key", api_secret="secret")).rest_api
    rest._session.mount("https://", adapter)
    own = listing("spot", "BTCUSDT")
    assert rest.time().data().server_time == NOW_MS
    assert len(rest.exchange_info(symbol="BTCUSDT").data().symbols) == 1
    book = rest.depth("BTCUSDT", limit=5).data()
    assert floats(book.bids) == floats(market.book(own, 5, NOW_MS).bids)
    ticker = rest.ticker_book_ticker(symbol="BTCUSDT").data().actual_instance
    assert float(ticker.ask_price) == float(market.book(own, 1, NOW_MS).asks[0][0])
    assert len(rest.klines("BTCUSDT", "1h", limit=3).data()) == 3
    assert len(rest.get_trades("BTCUSDT", limit=3).data()) == 3


def test_the_official_futures_sdk_reads_it(adapter, market):
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )

    configuration = ConfigurationRestAPI(api_key="key", api_secret="secret")
    rest = DerivativesTradingUsdsFutures(config_rest_api=configuration).rest_api
    rest._session.mount("https://", adapter)
    own = listing("linear", "BTCUSDT")
    assert rest.check_server_time().data().server_time == NOW_MS
    assert len(rest.exchange_information().data().symbols) >= 30
    book = rest.order_book("BTCUSDT", limit=5).data()
    assert floats(book.asks) == floats(market.book(own, 5, NOW_MS).asks)
    mark = rest.mark_price(symbol="BTCUSDT").data().actual_instance
    assert float(mark.last_funding_rate) == float(market.funding(own, NOW_MS).rate)
    assert len(rest.get_funding_rate_history(symbol="BTCUSDT", limit=3).data()) == 3
    assert rest.symbol_order_book_ticker(symbol="BTCUSDT").data().actual_instance.symbol == "BTCUSDT"
