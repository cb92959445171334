"""The simulated OKX against unmodified clients: what they read is what the market says."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from simulator.limits import AS_REAL, LIFTED
from simulator.market.calendar import fridays, month_ends, quarter_ends
from simulator.market.listings.okx import future_dates, listings
from simulator.market.model import Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.tape.market import load_tape
from simulator.venues.okx import ROUTES, Okx
from tests.simulator.mounted import NOW_MS, Mounted, client, provoked

REST = "https://www.okx.com"
HOUR_MS = 3_600_000

# The fields of BTC-USDT as www.okx.com listed it, recorded 13 May 2022, and those that came since
# (documentation of 30 November 2025, response example of public/instruments).
ROW_FIELDS = """
alias baseCcy category ctMult ctType ctVal ctValCcy expTime instId instType lever listTime lotSz maxIcebergSz maxLmtSz
maxMktSz maxStopSz maxTriggerSz maxTwapSz minSz optType quoteCcy settleCcy state stk tickSz uly
instFamily maxLmtAmt maxMktAmt ruleType auctionEndTime contTdSwTime futureSettlement openType tradeQuoteCcyList
instIdCode groupId preMktSwTime upcChg
"""


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=listings(NOW_MS))


@pytest.fixture
def venue(market: SyntheticMarket) -> Okx:
    okx = Okx(market, market.now_ms)
    okx.set_limits(LIFTED)
    return okx


@pytest.fixture
def wire(venue: Okx) -> Mounted:
    return Mounted(venue)


@pytest.fixture(scope="module")
def loaded(market: SyntheticMarket) -> Iterator[Any]:
    okx = Okx(market, market.now_ms)
    okx.set_limits(LIFTED)
    exchange = client(ccxt.okx, Mounted(okx))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


def ask(wire: Mounted, target: str, method: str = "GET") -> tuple[int, dict[str, Any]]:
    reply = wire.ask(method, f"{REST}{target}")
    return reply.status, json.loads(reply.body)


def listing(market: SyntheticMarket, native_id: str) -> Listing:
    return next(i for i in market.listings("okx") if i.native_id == native_id)


def levels(rows: Any) -> list[list[float]]:
    return [[float(row[0]), float(row[1])] for row in rows]


class TestInstruments:
    def test_every_kind_of_instrument_is_listed_and_loaded_by_ccxt(self, loaded: Any, market: SyntheticMarket) -> None:
        kinds = Counter(m["type"] for m in loaded.markets.values())
        assert set(kinds) == {"spot", "swap", "future", "option"}
        assert min(kinds["spot"], kinds["swap"]) >= 20
        assert sum(kinds.values()) == len(market.listings("okx")) >= 30

    def test_ccxt_asks_as_it_asks_the_venue(self, venue: Okx) -> None:
        adapter = Mounted(venue)
        client(ccxt.okx, adapter).load_markets()
        assert sorted(adapter.targets) == [
            "/api/v5/public/instruments?instType=FUTURES",
            "/api/v5/public/instruments?instType=OPTION&uly=BTC-USD",
            "/api/v5/public/instruments?instType=OPTION&uly=ETH-USD",
            "/api/v5/public/instruments?instType=SPOT",
            "/api/v5/public/instruments?instType=SWAP",
        ]

    def test_tick_lot_and_contract_sizes_arrive(self, loaded: Any, market: SyntheticMarket) -> None:
        for i in market.listings("okx"):
            m = loaded.markets_by_id[i.native_id][0]
            assert m["precision"] == {"amount": float(i.lot_size), "price": float(i.tick_size)} | {
                k: m["precision"][k] for k in m["precision"] if k not in ("amount", "price")
            }
            assert m["limits"]["amount"]["min"] == float(i.min_size)
            assert m["expiry"] == i.expiry_ms
            if i.product in ("SWAP", "FUTURES"):
                assert m["contractSize"] == float(i.contract_size)
                assert (m["inverse"], m["settle"]) == (i.inverse, i.settle)

    def test_pepe_has_no_prefix_but_ten_million_coins_a_contract(self, loaded: Any) -> None:
        assert loaded.market("PEPE/USDT:USDT")["id"] == "PEPE-USDT-SWAP"
        assert loaded.market("PEPE/USDT:USDT")["contractSize"] == 10_000_000

    def test_dated_names_carry_the_expiry_of_the_contract(self, loaded: Any) -> None:
        quarter = quarter_ends(NOW_MS, 1)[0]
        day = loaded.yymmdd(quarter)
        assert loaded.market(f"BTC/USDT:USDT-{day}")["id"] == f"BTC-USDT-{day}"
        assert loaded.market(f"BTC/USD:BTC-{day}")["id"] == f"BTC-USD-{day}"
        option = loaded.market(f"BTC/USD:BTC-{day}-100000-C")
        assert (option["strike"], option["optionType"], option["expiry"]) == (100_000, "call", quarter)

    def test_options_hold_a_hundredth_of_a_bitcoin(self, wire: Mounted) -> None:
        rows = ask(wire, "/api/v5/public/instruments?instType=OPTION&uly=BTC-USD")[1]["data"]
        assert {(r["ctVal"], r["ctMult"], r["settleCcy"], r["uly"]) for r in rows} == {("1", "0.01", "BTC", "BTC-USD")}

    def test_options_want_an_underlying(self, wire: Mounted) -> None:
        status, body = ask(wire, "/api/v5/public/instruments?instType=OPTION")
        assert (status, body["code"], body["data"]) == (400, "50015", [])
        assert ask(wire, "/api/v5/public/instruments?instType=OPTION&instFamily=ETH-USD")[1]["data"]

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ("", 400, "50014"),
            ("instType=NONE", 400, "51000"),
            ("instType=SWAP&uly=NO-SUCH", 400, "51014"),
            ("instType=SWAP&instId=NO-SUCH-SWAP", 200, "51001"),
        ],
    )
    def test_what_cannot_be_listed_is_refused_in_okx_words(
        self, wire: Mounted, query: str, status: int, code: str
    ) -> None:
        answered, body = ask(wire, f"/api/v5/public/instruments?{query}")
        assert (answered, body["code"], body["data"]) == (status, code, [])

    def test_rows_have_the_fields_of_a_real_row(self, wire: Mounted) -> None:
        real = set(ROW_FIELDS.split())
        for kind in ("SPOT", "SWAP", "FUTURES", "OPTION&uly=BTC-USD"):
            rows = ask(wire, f"/api/v5/public/instruments?instType={kind}")[1]["data"]
            assert all(real <= set(row) for row in rows)

    def test_a_recorded_row_is_served_in_todays_fields(self, market: SyntheticMarket) -> None:
        recorded = Listing(
            *("okx", "SPOT", "OLD-USDT", "spot", "BTC", "USDT", "", "0.1", "1", "5"),
            extra=(("lever", "3"), ("listTime", "1548133413000"), ("gone", "x"), ("state", "suspend")),
        )
        taped = SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=[recorded])
        row = ask(Mounted(Okx(taped, taped.now_ms)), "/api/v5/public/instruments?instType=SPOT")[1]["data"][0]
        assert (row["lever"], row["listTime"], row["state"]) == ("3", "1548133413000", "suspend")
        assert "gone" not in row
        assert row["instIdCode"]


class TestExpiries:
    MONDAY = 1_795_392_000_000  # 23 November 2026 00:00 UTC

    def test_aliases_name_weeks_quarters_and_months(self) -> None:
        dates = future_dates(self.MONDAY)
        assert sorted(dates) == list(dates)
        assert list(dates.values()) == ["this_week", "next_week", "quarter", "next_quarter"]
        assert [ms - self.MONDAY for ms in fridays(self.MONDAY, 1)] == [(4 * 24 + 8) * HOUR_MS]

    def test_an_expired_contract_is_not_listed_again(self) -> None:
        friday = fridays(self.MONDAY, 1)[0]
        assert fridays(friday, 1)[0] == friday + 7 * 24 * HOUR_MS
        assert fridays(friday - 1, 1)[0] == friday
        assert month_ends(friday, 1)[0] > friday


class TestBooks:
    @pytest.mark.parametrize("depth", [1, 5, 100, 400])
    @pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT", "ETH/USD:ETH", "PEPE/USDT:USDT"])
    def test_a_book_is_the_markets(self, loaded: Any, market: SyntheticMarket, symbol: str, depth: int) -> None:
        view = market.book(listing(market, loaded.market(symbol)["id"]), depth, NOW_MS)
        book = loaded.fetch_order_book(symbol, depth)
        assert levels(book["bids"]) == levels(view.bids)
        assert levels(book["asks"]) == levels(view.asks)
        assert book["timestamp"] == view.time_ms
        assert len(book["bids"]) == depth

    def test_beyond_400_levels_comes_the_full_book(self, loaded: Any, market: SyntheticMarket) -> None:
        book = loaded.fetch_order_book("BTC/USDT", 5_000)
        view = market.book(listing(market, "BTC-USDT"), 5_000, NOW_MS)
        assert (len(book["bids"]), len(book["asks"])) == (5_000, 5_000)
        assert levels(book["asks"]) == levels(view.asks)

    def test_rows_are_price_size_nought_orders_and_without_the_nought_in_the_full_book(self, wire: Mounted) -> None:
        row = ask(wire, "/api/v5/market/books?instId=BTC-USDT&sz=2")[1]["data"][0]["asks"][0]
        assert (len(row), row[2], int(row[3]) > 0) == (4, "0", True)
        assert len(ask(wire, "/api/v5/market/books-full?instId=BTC-USDT&sz=2")[1]["data"][0]["asks"][0]) == 3

    def test_without_a_depth_one_level_is_served(self, wire: Mounted) -> None:
        assert len(ask(wire, "/api/v5/market/books?instId=BTC-USDT")[1]["data"][0]["bids"]) == 1

    @pytest.mark.parametrize(
        ("target", "status", "code"),
        [
            ("books?instId=BTC-USDT&sz=401", 200, "51000"),
            ("books?instId=BTC-USDT&sz=-1", 400, "51000"),
            ("books-full?instId=BTC-USDT&sz=5001", 200, "51000"),
            ("books?sz=5", 400, "50014"),
            ("books?instId=&sz=5", 400, "50014"),
            ("books?instId=NO-SUCH", 200, "51001"),
            ("ticker?instId=NO-SUCH", 200, "51001"),
        ],
    )
    def test_refusals(self, wire: Mounted, target: str, status: int, code: str) -> None:
        answered, body = ask(wire, f"/api/v5/market/{target}")
        assert (answered, body["code"]) == (status, code)

    def test_ccxt_raises_what_it_raises_at_the_venue(self, loaded: Any) -> None:
        with pytest.raises(ccxt.BadSymbol):
            loaded.publicGetMarketBooks({"instId": "NO-SUCH"})
        with pytest.raises(ccxt.BadRequest):
            loaded.publicGetMarketBooks({})
        with pytest.raises(ccxt.ExchangeError, match="Not Found"):
            loaded.request("market/no-such-path", "public", "GET")


class TestTickersAndTrades:
    @pytest.mark.parametrize("symbol", ["BTC/USDT", "SOL/USDT:USDT", "BTC/USD:BTC"])
    def test_a_ticker_shows_the_top_of_the_book_with_sizes(
        self, loaded: Any, market: SyntheticMarket, symbol: str
    ) -> None:
        i = listing(market, loaded.market(symbol)["id"])
        view, day = market.book(i, 1, NOW_MS), market.stats(i, NOW_MS)
        ticker = loaded.fetch_ticker(symbol)
        assert [[ticker["bid"], ticker["bidVolume"]]] == levels(view.bids)
        assert [[ticker["ask"], ticker["askVolume"]]] == levels(view.asks)
        assert (ticker["last"], ticker["high"], ticker["low"]) == (float(day.last), float(day.high), float(day.low))
        assert (ticker["open"], ticker["baseVolume"]) == (float(day.open), float(day.volume))

    def test_volume_in_coins_follows_the_contract_size(self, wire: Mounted) -> None:
        row = ask(wire, "/api/v5/market/ticker?instId=BTC-USDT-SWAP")[1]["data"][0]
        assert float(row["volCcy24h"]) == pytest.approx(float(row["vol24h"]) * 0.01)
        row = ask(wire, "/api/v5/market/ticker?instId=BTC-USD-SWAP")[1]["data"][0]
        assert float(row["volCcy24h"]) == pytest.approx(float(row["vol24h"]) * 100 / float(row["last"]))

    @pytest.mark.parametrize(("kind", "product"), [("spot", "SPOT"), ("swap", "SWAP"), ("future", "FUTURES")])
    def test_tickers_come_for_the_whole_product(
        self, loaded: Any, market: SyntheticMarket, kind: str, product: str
    ) -> None:
        found = loaded.fetch_tickers(params={"type": kind})
        wanted = {
            loaded.markets_by_id[i.native_id][0]["symbol"] for i in market.listings("okx") if i.product == product
        }
        assert set(found) == wanted
        assert all(t["bid"] < t["ask"] and t["bidVolume"] for t in found.values())

    def test_option_tickers_come_by_underlying(self, wire: Mounted) -> None:
        rows = ask(wire, "/api/v5/market/tickers?instType=OPTION&uly=ETH-USD")[1]["data"]
        assert rows
        assert all(r["instId"].startswith("ETH-USD-") for r in rows)

    def test_trades_are_the_markets(self, loaded: Any, market: SyntheticMarket) -> None:
        wanted = market.trades(listing(market, "ETH-USDT"), 50, NOW_MS)
        found = loaded.fetch_trades("ETH/USDT", limit=50)
        assert [t["id"] for t in found[::-1]] == [str(t.trade_id) for t in wanted]
        assert [(t["price"], t["amount"], t["side"], t["timestamp"]) for t in found[::-1]] == [
            (float(t.price), float(t.size), t.side, t.time_ms) for t in wanted
        ]

    def test_older_trades_are_paged_by_id(self, wire: Mounted) -> None:
        first = ask(wire, "/api/v5/market/history-trades?instId=BTC-USDT&limit=5")[1]["data"]
        after = f"/api/v5/market/history-trades?instId=BTC-USDT&limit=5&after={first[-1]['tradeId']}"
        second = ask(wire, after)[1]["data"]
        assert len(second) == 5
        assert int(second[0]["tradeId"]) < int(first[-1]["tradeId"])

    def test_options_have_trades(self, loaded: Any, market: SyntheticMarket) -> None:
        option = next(i for i in market.listings("okx") if i.product == "OPTION" and i.strike == "100000")
        symbol = loaded.markets_by_id[option.native_id][0]["symbol"]
        wanted = market.trades(option, 100, NOW_MS)
        assert [t["id"] for t in loaded.fetch_trades(symbol)][::-1] == [str(t.trade_id) for t in wanted]


class TestCandles:
    @pytest.mark.parametrize(("timeframe", "length_ms"), [("1m", 60_000), ("1h", HOUR_MS), ("1d", 24 * HOUR_MS)])
    def test_candles_are_the_markets(
        self, loaded: Any, market: SyntheticMarket, timeframe: str, length_ms: int
    ) -> None:
        last = NOW_MS // length_ms * length_ms
        wanted = market.candles(listing(market, "BTC-USDT"), length_ms, last - 9 * length_ms, last)
        found = loaded.fetch_ohlcv("BTC/USDT", timeframe, limit=10)
        assert found == [
            [c.start_ms, float(c.open), float(c.high), float(c.low), float(c.close), float(c.volume)] for c in wanted
        ]

    def test_since_asks_for_a_window(self, loaded: Any) -> None:
        since = NOW_MS // 60_000 * 60_000 - 50 * 60_000
        found = loaded.fetch_ohlcv("BTC/USDT:USDT", "1m", since, 20)
        assert [c[0] for c in found] == [since + n * 60_000 for n in range(20)]

    def test_old_candles_come_from_the_history(self, venue: Okx) -> None:
        adapter = Mounted(venue)
        exchange = client(ccxt.okx, adapter, options={"fetchMarkets": {"types": ["spot"]}})
        since = NOW_MS // 60_000 * 60_000 - 3_000 * 60_000
        found = exchange.fetch_ohlcv("BTC/USDT", "1m", since, 300)
        assert "/api/v5/market/history-candles" in adapter.targets[-1]
        assert [c[0] for c in found] == [since + n * 60_000 for n in range(300)]

    def test_a_page_has_300_candles_at_most_newest_first_and_only_the_last_is_open(self, wire: Mounted) -> None:
        rows = ask(wire, "/api/v5/market/candles?instId=BTC-USDT&limit=900")[1]["data"]
        assert len(rows) == 300
        assert [int(r[0]) for r in rows] == sorted((int(r[0]) for r in rows), reverse=True)
        assert [r[8] for r in rows] == ["0"] + ["1"] * 299

    def test_after_and_before_exclude_what_they_name(self, wire: Mounted) -> None:
        rows = ask(wire, "/api/v5/market/candles?instId=BTC-USDT&limit=10")[1]["data"]
        newest, oldest = rows[2][0], rows[7][0]
        page = ask(wire, f"/api/v5/market/candles?instId=BTC-USDT&after={newest}&before={oldest}")[1]["data"]
        assert page == rows[3:7]

    def test_days_begin_in_hong_kong_unless_utc_is_asked_for(self, wire: Mounted) -> None:
        local = ask(wire, "/api/v5/market/candles?instId=BTC-USDT&bar=1D&limit=3")[1]["data"]
        utc = ask(wire, "/api/v5/market/candles?instId=BTC-USDT&bar=1Dutc&limit=3")[1]["data"]
        assert {int(r[0]) // HOUR_MS % 24 for r in local} == {16}
        assert {int(r[0]) // HOUR_MS % 24 for r in utc} == {0}

    def test_weeks_begin_on_monday_and_months_on_the_first(self, loaded: Any) -> None:
        weeks = loaded.fetch_ohlcv("BTC/USDT", "1w", limit=4)
        assert len(weeks) == 4
        assert {loaded.iso8601(c[0])[11:] for c in weeks} == {"00:00:00.000Z"}
        assert {(c[0] // 86_400_000 + 3) % 7 for c in weeks} == {0}
        months = loaded.fetch_ohlcv("BTC/USDT", "1M", limit=3)
        assert {loaded.iso8601(c[0])[8:10] for c in months} == {"01"}
        assert len(months) == 3

    def test_a_week_holds_what_its_days_hold(self, loaded: Any) -> None:
        week = loaded.fetch_ohlcv("BTC/USDT", "1w", limit=2)[0]
        days = [d for d in loaded.fetch_ohlcv("BTC/USDT", "1d", limit=21) if week[0] <= d[0] < week[0] + 7 * 86_400_000]
        assert len(days) == 7
        assert week[1:5] == [days[0][1], max(d[2] for d in days), min(d[3] for d in days), days[-1][4]]
        assert week[5] == pytest.approx(sum(d[5] for d in days))

    def test_mark_and_index_candles(self, loaded: Any) -> None:
        assert len(loaded.fetch_ohlcv("BTC/USDT:USDT", "1h", limit=5, params={"price": "mark"})) == 5
        assert len(loaded.fetch_ohlcv("BTC/USD:BTC", "1h", limit=5, params={"price": "index"})) == 5

    def test_an_unknown_bar_is_refused(self, wire: Mounted) -> None:
        assert ask(wire, "/api/v5/market/candles?instId=BTC-USDT&bar=7m")[1]["code"] == "51000"


class TestFunding:
    @pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "BTC/USD:BTC", "BONK/USDT:USDT"])
    def test_the_running_rate(self, loaded: Any, market: SyntheticMarket, symbol: str) -> None:
        i = listing(market, loaded.market(symbol)["id"])
        view = market.funding(i, NOW_MS)
        rate = loaded.fetch_funding_rate(symbol)
        assert rate["fundingRate"] == float(view.rate)
        assert rate["fundingTimestamp"] == view.next_time_ms
        assert rate["interval"] == f"{i.funding_interval_h}h"
        assert rate["nextFundingRate"] is None

    def test_all_rates_come_with_any(self, loaded: Any, market: SyntheticMarket) -> None:
        rates = loaded.fetch_funding_rates()
        assert len(rates) == sum(i.product == "SWAP" for i in market.listings("okx"))
        assert rates["ETH/USDT:USDT"]["fundingRate"] == float(
            market.funding(listing(market, "ETH-USDT-SWAP"), NOW_MS).rate
        )

    def test_the_history_is_the_markets(self, loaded: Any, market: SyntheticMarket) -> None:
        since = NOW_MS - 10 * 24 * HOUR_MS
        wanted = market.funding_history(listing(market, "BTC-USDT-SWAP"), since, NOW_MS)
        found = loaded.fetch_funding_rate_history("BTC/USDT:USDT", since)
        assert len(found) >= 29
        assert [(r["timestamp"], r["fundingRate"]) for r in found] == [(t, float(r)) for t, r in wanted]

    def test_the_history_is_paged_backwards(self, wire: Mounted) -> None:
        target = "/api/v5/public/funding-rate-history?instId=BTC-USDT-SWAP&limit=5"
        first = ask(wire, target)[1]["data"]
        second = ask(wire, f"{target}&after={first[-1]['fundingTime']}")[1]["data"]
        assert int(first[-1]["fundingTime"]) - int(second[0]["fundingTime"]) == 8 * HOUR_MS

    def test_spot_has_no_funding(self, wire: Mounted) -> None:
        assert ask(wire, "/api/v5/public/funding-rate?instId=BTC-USDT")[1]["code"] == "51001"

    def test_mark_index_and_open_interest(self, loaded: Any, market: SyntheticMarket) -> None:
        i = listing(market, "BTC-USDT-SWAP")
        assert loaded.fetch_mark_price("BTC/USDT:USDT")["markPrice"] == float(market.mark_price(i, NOW_MS))
        assert loaded.fetch_mark_prices()["ETH/USDT:USDT"]["markPrice"] > 0
        interest = loaded.fetch_open_interest("BTC/USDT:USDT")
        contracts = float(market.stats(i, NOW_MS).open_interest)
        assert interest["openInterestAmount"] == contracts
        assert float(interest["info"]["oiCcy"]) == pytest.approx(contracts * 0.01)
        index = loaded.publicGetMarketIndexTickers({"instId": "BTC-USDT"})["data"][0]
        assert index["idxPx"] == market.index_price(i, NOW_MS)
        assert len(loaded.publicGetMarketIndexTickers({"quoteCcy": "USD"})["data"]) >= 5


class TestTheRest:
    def test_time_and_status(self, loaded: Any) -> None:
        assert loaded.fetch_time() == NOW_MS
        assert loaded.fetch_status()["status"] == "ok"

    def test_an_unknown_path_gets_okx_404(self, wire: Mounted) -> None:
        status, body = ask(wire, "/api/v5/market/nothing")
        assert (status, body["code"], body["error_message"]) == (404, 404, "Not Found")
        assert ask(wire, "/api/v5/market/books", "POST")[0] == 404

    def test_windows_admit_the_documented_number_and_open_again(self, venue: Okx, wire: Mounted) -> None:
        now = [0.0]
        venue.set_limits(AS_REAL, lambda: now[0])
        target = "/api/v5/market/ticker?instId=BTC-USDT"
        assert [ask(wire, target)[0] for _ in range(21)] == [200] * 20 + [429]
        assert ask(wire, target)[1] == {"msg": "Too Many Requests", "code": "50011"}
        assert ask(wire, "/api/v5/market/books?instId=BTC-USDT")[0] == 200
        now[0] = 2.0
        assert ask(wire, target)[0] == 200

    def test_funding_is_counted_by_instrument(self, venue: Okx, wire: Mounted) -> None:
        venue.set_limits(AS_REAL, lambda: 0.0)
        for _ in range(10):
            ask(wire, "/api/v5/public/funding-rate?instId=BTC-USDT-SWAP")
        assert ask(wire, "/api/v5/public/funding-rate?instId=BTC-USDT-SWAP")[0] == 429
        assert ask(wire, "/api/v5/public/funding-rate?instId=ETH-USDT-SWAP")[0] == 200

    @pytest.mark.parametrize(
        ("kind", "args", "status", "error"),
        [
            ("rate_limited", {"retry_after_s": 3}, 429, ccxt.RateLimitExceeded),
            ("banned", {"retry_after_s": 120}, 403, ccxt.ExchangeNotAvailable),
            ("server_error", {"status": 500}, 500, ccxt.ExchangeNotAvailable),
            ("server_error", {"status": 503}, 503, ccxt.ExchangeNotAvailable),
            ("server_error", {"status": 504}, 504, ccxt.RequestTimeout),
            ("geo_blocked", {}, 451, ccxt.ExchangeNotAvailable),
            ("maintenance", {}, 503, ccxt.OnMaintenance),
        ],
    )
    def test_faults_speak_okx(self, venue: Okx, kind: str, args: dict[str, Any], status: int, error: Any) -> None:
        raised, reply = provoked(ccxt.okx, venue, kind, args)
        assert type(raised) is error
        assert reply.status == status
        if "retry_after_s" in args:
            assert reply.headers["Retry-After"] == str(args["retry_after_s"])

    def test_every_route_answers(self, wire: Mounted) -> None:
        common = "instId=BTC-USDT-SWAP&instType=SWAP&uly=BTC-USDT&quoteCcy=USDT"
        for _, path in ROUTES:
            query = common
            if "option" in path:
                query = "instFamily=BTC-USD"
            elif "index" in path:
                query = "instId=BTC-USDT"
            status, body = ask(wire, f"{path}?{query}")
            assert (path, status, body["code"]) == (path, 200, "0")
            assert body["data"] or path.endswith("status")


class TestOverTheWire:
    def test_ccxt_reads_the_running_simulator_with_only_its_url_changed(self, sim: Any) -> None:
        exchange = ccxt.okx({"enableRateLimit": False})
        exchange.urls["api"]["rest"] = sim.state["hosts"]["www.okx.com"]
        book = exchange.fetch_order_book("BTC/USDT:USDT", 400)
        assert (len(book["bids"]), len(book["asks"])) == (400, 400)
        assert abs(book["timestamp"] - exchange.milliseconds()) < 10_000
        exchange.session.close()


class TestTape:
    def test_recorded_books_are_served_with_recorded_ticks(self, recordings: Path) -> None:
        tape = load_tape(recordings)
        okx = Okx(tape, tape.now_ms)
        okx.set_limits(LIFTED)
        adapter = Mounted(okx, tape.now_ms())
        exchange = client(ccxt.okx, adapter)
        exchange.load_markets()
        assert {m["id"] for m in exchange.markets.values()} == {"BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"}
        for i in tape.listings("okx"):
            m = exchange.markets_by_id[i.native_id][0]
            assert m["precision"]["price"] == float(i.tick_size)
            view = tape.book(i, 400, adapter.now_ms)
            book = exchange.fetch_order_book(m["symbol"], 400)
            assert levels(book["bids"]) == levels(view.bids)
            assert levels(book["asks"]) == levels(view.asks)
            assert exchange.fetch_ticker(m["symbol"])["last"] == float(tape.stats(i, adapter.now_ms).last)
        with pytest.raises(ccxt.ExchangeError, match="No market data available"):
            exchange.fetch_funding_rate("UNI/USD:UNI")


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
class TestOfficialSdk:
    """python-okx with its own base URL option, against the running simulator."""

    def test_the_main_calls(self, sim: Any) -> None:
        from okx.MarketData import MarketAPI
        from okx.PublicData import PublicAPI

        domain = sim.state["hosts"]["www.okx.com"]
        prices, public = MarketAPI(domain=domain, flag="0"), PublicAPI(domain=domain, flag="0")
        try:
            book = prices.get_orderbook("BTC-USDT", "5")
            assert (book["code"], len(book["data"][0]["bids"])) == ("0", 5)
            assert prices.get_ticker("BTC-USDT")["data"][0]["bidSz"]
            assert len(prices.get_tickers("SWAP")["data"]) >= 20
            assert len(prices.get_candlesticks("BTC-USDT", bar="1H", limit="7")["data"]) == 7
            assert len(prices.get_trades("BTC-USDT", "9")["data"]) == 9
            assert public.get_instruments("OPTION", uly="BTC-USD")["data"][0]["ctMult"] == "0.01"
            assert public.get_funding_rate("BTC-USDT-SWAP")["data"][0]["method"] == "current_period"
            assert public.funding_rate_history("BTC-USDT-SWAP", limit="3")["data"][2]["realizedRate"]
            assert public.get_mark_price("SWAP", instId="BTC-USDT-SWAP")["data"][0]["markPx"]
            assert prices.get_ticker("NO-SUCH")["code"] == "51001"
        finally:
            prices.close()
            public.close()
