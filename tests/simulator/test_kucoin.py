"""The simulated KuCoin, both hosts, against unmodified clients: what they read is what the market says."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ccxt
import pytest

from simulator.limits import AS_REAL, LIFTED
from simulator.market.calendar import quarter_ends
from simulator.market.listings.kucoin import listings
from simulator.market.model import Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.tape.market import load_tape
from simulator.venue import SimRequest
from simulator.venues.kucoin import ROUTES, Kucoin
from tests.simulator.kucoin_keys import signed_headers
from tests.simulator.mounted import NOW_MS, Mounted, client, provoked

SPOT = "https://api.kucoin.com"
FUTURES = "https://api-futures.kucoin.com"
HOUR_MS = 3_600_000
TRADER = Kucoin.accounts[0]
KEYS = {"apiKey": TRADER.key, "secret": TRADER.secret, "password": TRADER.passphrase}
CLASSIC = {"hf": True, "uta": False}

# BTC-USDT in the response example of KuCoin's own SDK 1.3.2 (spot/market, get_all_symbols).
SYMBOL_FIELDS = """
symbol name baseCurrency quoteCurrency feeCurrency market baseMinSize quoteMinSize baseMaxSize quoteMaxSize
baseIncrement quoteIncrement priceIncrement priceLimitRate minFunds isMarginEnabled enableTrading feeCategory
makerFeeCoefficient takerFeeCoefficient st callauctionIsEnabled callauctionPriceFloor callauctionPriceCeiling
callauctionFirstStageStartTime callauctionSecondStageStartTime callauctionThirdStageStartTime tradingStartTime
"""
# XBTUSDTM in the response example of KuCoin's own SDK 1.3.2 (futures/market, get_all_symbols), by type.
CONTRACT_FIELDS: dict[Any, str] = {
    str: """symbol rootSymbol type baseCurrency quoteCurrency settleCurrency openInterest markMethod fairMethod
    fundingRateSymbol indexSymbol status premiumsSymbol1M premiumsSymbol8H settlementSymbol fundingBaseSymbol
    fundingQuoteSymbol fundingBaseSymbol1M fundingQuoteSymbol1M""",
    int: """firstOpenDate maxOrderQty lotSize fundingRateGranularity nextFundingRateTime maxLeverage maxRiskLimit
    minRiskLimit riskStep""",
    (int, float): """tickSize indexPriceTickSize multiplier initialMargin maintainMargin maxPrice makerFeeRate
    takerFeeRate fundingFeeRate predictedFundingFeeRate turnoverOf24h volumeOf24h markPrice indexPrice lastTradePrice
    lowPrice highPrice priceChgPct priceChg takerFixFee makerFixFee""",
    bool: "isDeleverage isQuanto isInverse supportCross",
    type(None): "expireDate settleDate settlementFee",
    list: "sourceExchanges",
}


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=listings(NOW_MS))


def unlimited(market: SyntheticMarket) -> Kucoin:
    kucoin = Kucoin(market, market.now_ms)
    kucoin.set_limits(LIFTED)
    return kucoin


@pytest.fixture
def venue(market: SyntheticMarket) -> Kucoin:
    return unlimited(market)


@pytest.fixture
def wire(venue: Kucoin) -> Mounted:
    return Mounted(venue)


@pytest.fixture(scope="module")
def loaded(market: SyntheticMarket) -> Iterator[Any]:
    exchange = client(ccxt.kucoin, Mounted(unlimited(market)))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


@pytest.fixture(scope="module")
def futures(market: SyntheticMarket) -> Iterator[Any]:
    exchange = client(ccxt.kucoinfutures, Mounted(unlimited(market)))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


def ask(wire: Mounted, url: str, **headers: str) -> tuple[int, dict[str, Any]]:
    reply = wire.ask("GET", url, headers)
    return reply.status, json.loads(reply.body)


def listing(market: SyntheticMarket, native_id: str) -> Listing:
    return next(i for i in market.listings("kucoin") if i.native_id == native_id)


def levels(rows: Any) -> list[list[float]]:
    return [[float(row[0]), float(row[1])] for row in rows]


class TestInstruments:
    def test_every_instrument_is_loaded_by_ccxt(self, loaded: Any, market: SyntheticMarket) -> None:
        kinds = Counter(m["type"] for m in loaded.markets.values())
        assert set(kinds) == {"spot", "swap", "future"}
        assert (kinds["spot"] >= 30, kinds["swap"] >= 20, kinds["future"]) == (True, True, 2)
        assert sum(kinds.values()) == len(market.listings("kucoin"))

    def test_ccxt_asks_as_it_asks_the_venue(self, venue: Kucoin) -> None:
        adapter = Mounted(venue)
        client(ccxt.kucoin, adapter).load_markets()
        assert sorted(adapter.targets) == [
            "/api/v1/contracts/active",
            "/api/v1/market/allTickers",
            "/api/v2/symbols",
            "/api/v3/currencies",
        ]

    def test_spot_ticks_lots_and_fees_arrive(self, loaded: Any, market: SyntheticMarket) -> None:
        for i in (i for i in market.listings("kucoin") if i.product == "spot"):
            m = loaded.markets_by_id[i.native_id][0]
            assert (m["precision"]["price"], m["precision"]["amount"]) == (float(i.tick_size), float(i.lot_size))
            assert m["limits"]["amount"]["min"] == float(i.min_size)
            assert (m["maker"], m["taker"]) == (float(i.maker_fee), float(i.taker_fee))

    def test_contract_sizes_ticks_and_settlement_arrive(self, loaded: Any, market: SyntheticMarket) -> None:
        for i in (i for i in market.listings("kucoin") if i.product == "futures"):
            m = loaded.markets_by_id[i.native_id][0]
            assert (m["precision"]["price"], m["precision"]["amount"]) == (float(i.tick_size), 1)
            assert m["contractSize"] == float(i.contract_size)
            assert (m["inverse"], m["settle"], m["expiry"]) == (i.inverse, i.settle, i.expiry_ms)

    def test_bitcoin_is_xbt_in_futures_and_btc_in_spot(self, loaded: Any) -> None:
        linear = loaded.market("BTC/USDT:USDT")
        assert (linear["id"], linear["baseId"], linear["contractSize"]) == ("XBTUSDTM", "XBT", 0.001)
        inverse = loaded.market("BTC/USD:BTC")
        assert (inverse["id"], inverse["settleId"], inverse["info"]["multiplier"]) == ("XBTUSDM", "XBT", -1)
        assert loaded.market("BTC/USDT")["id"] == "BTC-USDT"

    def test_pepe_is_traded_by_the_thousand(self, loaded: Any, market: SyntheticMarket) -> None:
        assert loaded.market("1000PEPE/USDT:USDT")["id"] == "1000PEPEUSDTM"
        spot = float(market.index_price(listing(market, "PEPE-USDT"), NOW_MS))
        assert loaded.fetch_ticker("1000PEPE/USDT:USDT")["bid"] == pytest.approx(1000 * spot, rel=0.01)

    def test_quarterlies_carry_a_month_code(self, loaded: Any) -> None:
        for expiry_ms in quarter_ends(NOW_MS, 2):
            day = loaded.yymmdd(expiry_ms)
            code = {"03": "H", "06": "M", "09": "U", "12": "Z"}[day[2:4]]
            assert loaded.market(f"BTC/USD:BTC-{day}")["id"] == f"XBTM{code}{day[:2]}"

    def test_symbol_rows_have_the_fields_of_a_real_row(self, wire: Mounted) -> None:
        rows = ask(wire, f"{SPOT}/api/v2/symbols")[1]["data"]
        assert all(set(row) == set(SYMBOL_FIELDS.split()) for row in rows)
        assert ask(wire, f"{SPOT}/api/v2/symbols/BTC-USDT")[1]["data"] == rows[0]
        assert {r["market"] for r in ask(wire, f"{SPOT}/api/v2/symbols?market=BTC")[1]["data"]} == {"BTC"}

    def test_contract_rows_have_the_fields_and_types_of_a_real_row(self, wire: Mounted) -> None:
        row = ask(wire, f"{FUTURES}/api/v1/contracts/XBTUSDTM")[1]["data"]
        for kind, names in CONTRACT_FIELDS.items():
            assert [name for name in names.split() if not isinstance(row[name], kind)] == []
        assert 0 < row["nextFundingRateTime"] <= 8 * HOUR_MS
        dated = next(r for r in ask(wire, f"{FUTURES}/api/v1/contracts/active")[1]["data"] if r["expireDate"])
        assert (dated["type"], dated["nextFundingRateTime"], dated["fundingFeeRate"]) == ("FFICSX", None, None)

    def test_a_recorded_row_is_served_in_todays_fields(self) -> None:
        recorded = Listing(
            *("kucoin", "spot", "BCHSV-USDT", "spot", "BSV", "USDT", "", "0.001", "0.0001", "0.001"),
            extra=(("baseCurrency", "BCHSV"), ("quoteMinSize", "0.01"), ("gone", "x")),
        )
        taped = SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=[recorded])
        row = ask(Mounted(Kucoin(taped, taped.now_ms)), f"{SPOT}/api/v2/symbols")[1]["data"][0]
        assert (row["symbol"], row["baseCurrency"], row["quoteMinSize"]) == ("BCHSV-USDT", "BCHSV", "0.01")
        assert "gone" not in row

    def test_currencies(self, loaded: Any) -> None:
        assert {"BTC", "ETH", "KCS", "USDT", "USDC"} <= set(loaded.currencies)
        assert loaded.currencies["XRP"]["networks"]


class TestBooks:
    @pytest.mark.parametrize("depth", [20, 100])
    @pytest.mark.parametrize("symbol", ["BTC/USDT", "KCS/BTC", "BTC/USDT:USDT", "BTC/USD:BTC", "1000PEPE/USDT:USDT"])
    def test_a_book_is_the_markets(self, loaded: Any, market: SyntheticMarket, symbol: str, depth: int) -> None:
        m = loaded.market(symbol)
        view = market.book(listing(market, m["id"]), depth, NOW_MS)
        book = loaded.fetch_order_book(symbol, depth, {"type": m["type"]})
        assert levels(book["bids"]) == levels(view.bids)
        assert levels(book["asks"]) == levels(view.asks)
        assert (book["nonce"], book["timestamp"]) == (view.sequence, view.time_ms)
        assert len(book["bids"]) == depth

    def test_without_limit_and_keys_a_hundred_levels_come(self, loaded: Any) -> None:
        assert len(loaded.fetch_order_book("BTC/USDT")["asks"]) == 100

    def test_the_full_futures_book_needs_no_key(self, futures: Any, market: SyntheticMarket) -> None:
        view = market.book(listing(market, "XBTUSDTM"), 5_000, NOW_MS)
        book = futures.fetch_order_book("BTC/USDT:USDT")
        assert (len(book["bids"]), len(book["asks"])) == (5_000, 5_000)
        assert levels(book["asks"]) == levels(view.asks)

    def test_the_full_spot_book_needs_a_key(self, venue: Kucoin, wire: Mounted, market: SyntheticMarket) -> None:
        status, body = ask(wire, f"{SPOT}/api/v3/market/orderbook/level2?symbol=BTC-USDT")
        assert (status, body["code"]) == (401, "400001")
        exchange = client(ccxt.kucoin, wire, options=CLASSIC | {"fetchMarkets": {"types": ["spot"]}}, **KEYS)
        exchange.nonce = lambda: NOW_MS
        exchange.load_markets(params={"marginables": False})
        book = exchange.fetch_order_book("BTC/USDT")
        assert levels(book["bids"]) == levels(market.book(listing(market, "BTC-USDT"), 5_000, NOW_MS).bids)
        assert "orderbook/level2?" in wire.targets[-1]
        assert exchange.last_response_headers["gw-ratelimit-limit"] == "4000"

    def test_spot_sends_text_and_futures_numbers(self, wire: Mounted) -> None:
        spot = ask(wire, f"{SPOT}/api/v1/market/orderbook/level2_20?symbol=BTC-USDT")[1]["data"]
        assert [type(cell) for cell in spot["bids"][0]] == [str, str]
        assert (type(spot["sequence"]), type(spot["time"]), set(spot)) == (
            str,
            int,
            {"time", "sequence", "bids", "asks"},
        )
        book = ask(wire, f"{FUTURES}/api/v1/level2/depth20?symbol=XBTUSDTM")[1]["data"]
        assert all(isinstance(price, (int, float)) and isinstance(size, int) for price, size in book["asks"])
        assert (type(book["sequence"]), set(book)) == (int, {"sequence", "symbol", "bids", "asks", "ts"})
        assert book["ts"] // 1_000_000 == spot["time"]

    def test_best_prices_of_one_pair(self, wire: Mounted, market: SyntheticMarket) -> None:
        body = ask(wire, f"{SPOT}/api/v1/market/orderbook/level1?symbol=ETH-USDT")[1]["data"]
        view = market.book(listing(market, "ETH-USDT"), 1, NOW_MS)
        assert (body["bestBid"], body["bestBidSize"]) == tuple(view.bids[0])
        assert (body["bestAsk"], body["bestAskSize"]) == tuple(view.asks[0])


class TestTickersAndTrades:
    def test_a_spot_ticker_has_prices_without_sizes(self, loaded: Any, market: SyntheticMarket) -> None:
        i = listing(market, "BTC-USDT")
        view, day = market.book(i, 1, NOW_MS), market.stats(i, NOW_MS)
        ticker = loaded.fetch_ticker("BTC/USDT")
        assert (ticker["bid"], ticker["ask"]) == (float(view.bids[0][0]), float(view.asks[0][0]))
        assert ticker["bidVolume"] is None
        assert (ticker["last"], ticker["high"], ticker["baseVolume"]) == (
            float(day.last),
            float(day.high),
            float(day.volume),
        )

    def test_all_spot_tickers_have_sizes(self, loaded: Any, market: SyntheticMarket) -> None:
        found = loaded.fetch_tickers()
        assert len(found) == sum(i.product == "spot" for i in market.listings("kucoin"))
        assert all(t["bid"] < t["ask"] and t["bidVolume"] and t["askVolume"] for t in found.values())

    def test_a_contracts_ticker_has_sizes(self, futures: Any, market: SyntheticMarket) -> None:
        view = market.book(listing(market, "XBTUSDTM"), 1, NOW_MS)
        ticker = futures.fetch_ticker("BTC/USDT:USDT")
        assert [[ticker["bid"], ticker["bidVolume"]]] == levels(view.bids)
        assert [[ticker["ask"], ticker["askVolume"]]] == levels(view.asks)

    def test_best_bids_and_asks_of_all_contracts(self, futures: Any, market: SyntheticMarket) -> None:
        found = futures.fetch_bids_asks()
        assert len(found) == len(futures.markets) == sum(i.product == "futures" for i in market.listings("kucoin"))
        for symbol, ticker in found.items():
            view = market.book(listing(market, futures.market(symbol)["id"]), 1, NOW_MS)
            assert [[ticker["bid"], ticker["bidVolume"]]] == levels(view.bids)

    def test_contract_tickers_show_24_hours(self, futures: Any, market: SyntheticMarket) -> None:
        day = market.stats(listing(market, "ETHUSDTM"), NOW_MS)
        ticker = futures.fetch_tickers()["ETH/USDT:USDT"]
        assert (ticker["last"], ticker["high"], ticker["low"]) == (float(day.last), float(day.high), float(day.low))
        assert float(ticker["info"]["volumeOf24h"]) == pytest.approx(float(day.volume) * 0.01)

    @pytest.mark.parametrize(("symbol", "native_id"), [("ETH/USDT", "ETH-USDT"), ("ETH/USDT:USDT", "ETHUSDTM")])
    def test_trades_are_the_markets(self, loaded: Any, market: SyntheticMarket, symbol: str, native_id: str) -> None:
        wanted = market.trades(listing(market, native_id), 100, NOW_MS)
        found = loaded.fetch_trades(symbol, params={"type": loaded.market(symbol)["type"]})
        assert sorted((t["price"], t["amount"], t["side"]) for t in found) == sorted(
            (float(t.price), float(t.size), t.side) for t in wanted
        )
        # Times come in ns, which ccxt divides as floats: a millisecond may get lost.
        times = sorted(t.time_ms for t in wanted)
        assert sorted(t["timestamp"] for t in found) == pytest.approx(times, abs=1, rel=0)

    def test_mark_prices(self, loaded: Any, market: SyntheticMarket) -> None:
        i = listing(market, "XBTUSDTM")
        assert loaded.fetch_mark_price("BTC/USDT:USDT")["markPrice"] == float(market.mark_price(i, NOW_MS))
        assert loaded.fetch_mark_price("BTC/USDT")["markPrice"] > 0

    def test_an_index_comes_second_by_second(self, wire: Mounted) -> None:
        data = ask(wire, f"{FUTURES}/api/v1/index/query?symbol=.KXBTUSDT&maxCount=3")[1]["data"]
        times = [row["timePoint"] for row in data["dataList"]]
        assert [times[0] - t for t in times] == [0, 1000, 2000]


class TestCandles:
    @pytest.mark.parametrize(("timeframe", "length_ms"), [("1m", 60_000), ("1h", HOUR_MS), ("1d", 24 * HOUR_MS)])
    @pytest.mark.parametrize(("symbol", "native_id"), [("BTC/USDT", "BTC-USDT"), ("BTC/USDT:USDT", "XBTUSDTM")])
    def test_candles_are_the_markets(
        self, loaded: Any, market: SyntheticMarket, symbol: str, native_id: str, timeframe: str, length_ms: int
    ) -> None:
        since = NOW_MS // length_ms * length_ms - 30 * length_ms
        wanted = market.candles(listing(market, native_id), length_ms, since, since + 19 * length_ms)
        found = loaded.fetch_ohlcv(symbol, timeframe, since, 20)
        assert len(found) == 20
        assert found == [
            [c.start_ms, float(c.open), float(c.high), float(c.low), float(c.close), float(c.volume)] for c in wanted
        ]

    def test_spot_serves_1500_newest_first_and_futures_200_oldest_first(self, wire: Mounted) -> None:
        url = f"{SPOT}/api/v1/market/candles?symbol=BTC-USDT&type=1min&endAt={NOW_MS // 1000}"
        spot = [int(row[0]) for row in ask(wire, url)[1]["data"]]
        assert (len(spot), spot == sorted(spot, reverse=True)) == (1500, True)
        url = f"{FUTURES}/api/v1/kline/query?symbol=XBTUSDTM&granularity=1&to={NOW_MS}"
        futures = [row[0] for row in ask(wire, url)[1]["data"]]
        assert (len(futures), futures == sorted(futures)) == (200, True)
        assert futures[-1] // 1000 == spot[0]

    def test_weeks_begin_on_monday(self, loaded: Any) -> None:
        weeks = loaded.fetch_ohlcv("BTC/USDT", "1w", NOW_MS - 30 * 24 * HOUR_MS)
        assert len(weeks) == 4 or len(weeks) == 5
        assert {(c[0] // 86_400_000 + 3) % 7 for c in weeks} == {0}

    @pytest.mark.parametrize(
        "url",
        [
            f"{SPOT}/api/v1/market/candles?symbol=BTC-USDT&type=7min",
            f"{SPOT}/api/v1/market/candles?symbol=NO-SUCH&type=1min",
            f"{FUTURES}/api/v1/kline/query?symbol=XBTUSDTM&granularity=7",
        ],
    )
    def test_what_cannot_be_drawn_is_refused(self, wire: Mounted, url: str) -> None:
        assert ask(wire, url)[1]["code"] == "400100"


class TestFunding:
    @pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "BTC/USD:BTC", "1000PEPE/USDT:USDT"])
    def test_the_running_rate(self, futures: Any, market: SyntheticMarket, symbol: str) -> None:
        i = listing(market, futures.market(symbol)["id"])
        view = market.funding(i, NOW_MS)
        rate = futures.fetch_funding_rate(symbol)
        assert (rate["fundingRate"], rate["fundingTimestamp"]) == (float(view.rate), view.next_time_ms)
        assert rate["previousFundingTimestamp"] == view.next_time_ms - i.funding_interval_h * HOUR_MS
        assert rate["interval"] == f"{i.funding_interval_h}h"
        assert float(rate["info"]["predictedValue"]) == float(view.predicted)

    def test_all_rates_come_from_the_unified_interface(self, loaded: Any, market: SyntheticMarket) -> None:
        rates = loaded.fetch_funding_rates()
        wanted = [i for i in market.listings("kucoin") if i.kind == "perpetual"]
        assert len(rates) == len(wanted)
        assert rates["ETH/USDT:USDT"]["fundingRate"] == float(market.funding(listing(market, "ETHUSDTM"), NOW_MS).rate)
        inverse = loaded.utaV2GetMarketFundingRate({"productType": "COIN-FUTURES"})["data"]
        assert {r["symbol"] for r in inverse} == {i.native_id for i in wanted if i.inverse}

    def test_the_history_is_the_markets(self, futures: Any, market: SyntheticMarket) -> None:
        since = NOW_MS - 10 * 24 * HOUR_MS
        wanted = market.funding_history(listing(market, "XBTUSDTM"), since, NOW_MS)
        found = futures.fetch_funding_rate_history("BTC/USDT:USDT", since)
        assert len(found) >= 29
        assert [(r["timestamp"], r["fundingRate"]) for r in found] == [(t, float(r)) for t, r in wanted]

    def test_the_newest_hundred_settlements_come(self, futures: Any) -> None:
        found = futures.fetch_funding_rate_history("BTC/USDT:USDT")
        assert len(found) == 100
        assert NOW_MS - found[-1]["timestamp"] <= 8 * HOUR_MS

    def test_a_dated_contract_has_no_funding(self, futures: Any) -> None:
        dated = next(m for m in futures.markets.values() if m["future"])
        with pytest.raises(ccxt.ExchangeError, match="100003"):
            futures.fetch_funding_rate(dated["symbol"])


class TestTheRest:
    def test_time_and_status(self, loaded: Any, futures: Any) -> None:
        assert loaded.fetch_time() == NOW_MS
        assert futures.fetch_time() == NOW_MS
        assert loaded.fetch_status()["status"] == futures.fetch_status()["status"] == "ok"

    @pytest.mark.parametrize(
        ("url", "status", "code"),
        [
            (f"{SPOT}/api/v1/nothing", 404, "404"),
            (f"{FUTURES}/api/v1/market/allTickers", 404, "404"),
            (f"{SPOT}/api/v1/market/stats", 400, "400100"),
            (f"{SPOT}/api/v1/market/stats?symbol=NO-SUCH", 200, "900001"),
            (f"{SPOT}/api/v1/market/orderbook/level2_20?symbol=NO-SUCH", 200, "900001"),
            (f"{FUTURES}/api/v1/level2/depth20?symbol=NOSUCHM", 200, "100003"),
            (f"{FUTURES}/api/v1/contracts/NOSUCHM", 200, "404000"),
            (f"{FUTURES}/api/v1/ticker?symbol=", 400, "400100"),
            (f"{FUTURES}/api/v1/contract/funding-rates?symbol=XBTUSDTM", 400, "400100"),
        ],
    )
    def test_refusals(self, wire: Mounted, url: str, status: int, code: str) -> None:
        answered, body = ask(wire, url)
        assert (answered, body["code"]) == (status, code)
        assert body["msg"]

    def test_an_unknown_pair_has_null_best_prices(self, wire: Mounted) -> None:
        assert ask(wire, f"{SPOT}/api/v1/market/orderbook/level1?symbol=NO-SUCH")[1] == {"code": "200000", "data": None}

    def test_every_answer_tells_what_is_left_of_the_pool(self, venue: Kucoin, wire: Mounted) -> None:
        now = [0.0]
        venue.set_limits(AS_REAL, lambda: now[0])
        first = wire.ask("GET", f"{SPOT}/api/v1/market/allTickers")
        now[0] = 10.0
        second = wire.ask("GET", f"{FUTURES}/api/v1/level2/depth100?symbol=XBTUSDTM")
        names = [f"gw-ratelimit-{name}" for name in ("limit", "remaining", "reset")]
        assert [first.headers[name] for name in names] == ["2000", "1985", "30000"]
        assert [second.headers[name] for name in names] == ["2000", "1975", "20000"]

    def test_an_empty_pool_answers_429000_until_its_window_ends(self, venue: Kucoin, wire: Mounted) -> None:
        now = [0.0]
        venue.set_limits(AS_REAL, lambda: now[0])
        url = f"{FUTURES}/api/v1/level2/depth100?symbol=XBTUSDTM"
        assert [wire.ask("GET", url).status for _ in range(201)] == [200] * 200 + [429]
        refused = wire.ask("GET", url)
        assert (json.loads(refused.body)["code"], refused.headers["gw-ratelimit-remaining"]) == ("429000", "0")
        now[0] = 30.0
        assert wire.ask("GET", url).status == 200

    @pytest.mark.parametrize(
        ("kind", "args", "status", "error"),
        [
            ("rate_limited", {"retry_after_s": 3}, 429, ccxt.RateLimitExceeded),
            ("banned", {"retry_after_s": 120}, 403, ccxt.ExchangeNotAvailable),
            ("server_error", {"status": 500}, 500, ccxt.ExchangeNotAvailable),
            ("geo_blocked", {}, 451, ccxt.ExchangeError),
            ("maintenance", {}, 503, ccxt.ExchangeNotAvailable),
        ],
    )
    def test_faults_speak_kucoin(self, venue: Kucoin, kind: str, args: dict[str, Any], status: int, error: Any) -> None:
        raised, reply = provoked(ccxt.kucoin, venue, kind, args)
        assert type(raised) is error
        assert reply.status == status
        if kind == "rate_limited":
            assert (reply.headers["Retry-After"], reply.headers["gw-ratelimit-reset"]) == ("3", "3000")

    def test_maintenance_is_told_by_the_status_too(self, venue: Kucoin) -> None:
        request = SimRequest("GET", "api.kucoin.com", "/api/v1/status", {}, b"", NOW_MS)
        assert json.loads(venue.fault("maintenance", request, {}).body)["data"]["status"] == "close"

    def test_every_route_answers(self, wire: Mounted) -> None:
        for port, host, symbol in (("spot", SPOT, "BTC-USDT"), ("futures", FUTURES, "XBTUSDTM")):
            for _, path in ROUTES[port]:
                asked = ".KXBTUSDT" if "index" in path else "XBTUSDTM" if "/ua/" in path else symbol
                query = f"symbol={asked}&type=1min&granularity=1&from={NOW_MS - 24 * HOUR_MS}&to={NOW_MS}"
                url = f"{host}{path.format(symbol=symbol, currency='BTC')}?{query}"
                status, body = ask(wire, url, **signed_headers(TRADER, "GET", url, NOW_MS))
                assert (path, status, body["code"]) == (path, 200, "200000")
                assert body["data"]


class TestOverTheWire:
    def test_ccxt_reads_the_running_simulator_with_only_its_urls_changed(self, sim: Any) -> None:
        exchange = ccxt.kucoin({"enableRateLimit": False})
        for name, url in exchange.urls["api"].items():
            host = urlsplit(url).hostname
            exchange.urls["api"][name] = sim.state["hosts"].get(host, url)
        spot = exchange.fetch_order_book("BTC/USDT", 100)
        swap = exchange.fetch_order_book("BTC/USDT:USDT", params={"type": "swap"})
        assert (len(spot["bids"]), len(swap["bids"])) == (100, 5_000)
        assert spot["bids"][0][0] == pytest.approx(swap["bids"][0][0], rel=0.01)
        exchange.session.close()


class TestTape:
    def test_recorded_books_are_served_with_recorded_ticks(self, recordings: Path) -> None:
        tape = load_tape(recordings)
        kucoin = Kucoin(tape, tape.now_ms)
        adapter = Mounted(kucoin, tape.now_ms())
        exchange = client(ccxt.kucoin, adapter)
        exchange.load_markets()
        taped = tape.listings("kucoin")
        assert len(taped) >= 8
        for i in taped:
            m = exchange.markets_by_id[i.native_id][0]
            assert m["precision"]["price"] == float(i.tick_size)
            view = tape.book(i, 100, adapter.now_ms)
            book = exchange.fetch_order_book(m["symbol"], 100)
            assert levels(book["bids"]) == levels(view.bids)
            assert levels(book["asks"]) == levels(view.asks)
            assert book["nonce"] == view.sequence
        assert exchange.market("BSV/USDT")["id"] == "BCHSV-USDT"


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute", "ignore:Using extra keyword arguments on")
class TestOfficialSdk:
    """kucoin-universal-sdk with its own endpoint options, against the running simulator."""

    def test_the_main_calls(self, sim: Any) -> None:
        from kucoin_universal_sdk import api, model
        from kucoin_universal_sdk.generate.futures.fundingfees import GetCurrentFundingRateReqBuilder
        from kucoin_universal_sdk.generate.futures.market import GetPartOrderBookReqBuilder as FuturesBook
        from kucoin_universal_sdk.generate.futures.market import GetSymbolReqBuilder, GetTickerReqBuilder
        from kucoin_universal_sdk.generate.spot.market import (
            GetAllSymbolsReqBuilder,
            GetKlinesReqBuilder,
            GetPartOrderBookReqBuilder,
            GetTradeHistoryReqBuilder,
        )

        hosts = sim.state["hosts"]
        options = (
            model.ClientOptionBuilder()
            .set_spot_endpoint(hosts["api.kucoin.com"])
            .set_futures_endpoint(hosts["api-futures.kucoin.com"])
            .set_broker_endpoint(hosts["api.kucoin.com"])
            .set_transport_option(model.TransportOptionBuilder().build())
            .build()
        )
        service = api.DefaultClient(options).rest_service()
        spot = service.get_spot_service().get_market_api()
        futures = service.get_futures_service().get_market_api()
        funding = service.get_futures_service().get_funding_fees_api()

        assert spot.get_server_time().data > 1_700_000_000_000
        assert len(spot.get_all_symbols(GetAllSymbolsReqBuilder().build()).data) >= 30
        assert spot.get_all_tickers().ticker[0].best_bid_size
        assert spot.get_all_currencies().data[0].chains
        book = spot.get_part_order_book(GetPartOrderBookReqBuilder().set_symbol("BTC-USDT").set_size("20").build())
        assert len(book.bids) == 20
        klines = GetKlinesReqBuilder().set_symbol("BTC-USDT").set_type("1min").build()
        assert spot.get_klines(klines).data
        assert len(spot.get_trade_history(GetTradeHistoryReqBuilder().set_symbol("BTC-USDT").build()).data) == 100
        assert len(futures.get_all_symbols().data) >= 20
        row = futures.get_symbol(GetSymbolReqBuilder().set_symbol("XBTUSDTM").build())
        assert (row.base_currency, row.multiplier) == ("XBT", 0.001)
        assert futures.get_ticker(GetTickerReqBuilder().set_symbol("XBTUSDTM").build()).best_bid_size > 0
        assert futures.get_all_tickers().data
        deep = futures.get_part_order_book(FuturesBook().set_symbol("XBTUSDTM").set_size("100").build())
        assert len(deep.asks) == 100
        rate = funding.get_current_funding_rate(GetCurrentFundingRateReqBuilder().set_symbol("XBTUSDTM").build())
        assert rate.symbol == ".XBTUSDTMFPI8H"
