"""The simulated Deribit, seen by ccxt's own class and by bare requests.

Key sets are those of real answers: instruments of 2025-07-09 and 2025-07-06 (BTC-26JUN26-100000-C, BTC_USDC-PERPETUAL,
ETH-6JUL25-1500-C), a spot ticker frame of 2026-09 (BTC_USDT), an error answer of 2025-10-31; else docs.deribit.com.
"""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ccxt
import pytest

from simulator.market.calendar import dmmmyy, quarter_ends
from simulator.market.listings.deribit import listings
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.tape.market import load_tape
from simulator.venues.deribit import DEPTHS, RESOLUTIONS_MS, Deribit
from simulator.venues.deribit_rows import implied_volatility
from tests.simulator.mounted import NOW_MS, Mounted, client, provoked

HOUR_MS = 3_600_000
LISTINGS = listings(NOW_MS)
ONE_OF_EACH = [
    "BTC/USD:BTC", "ETH/USD:ETH", "BTC/USDC:USDC", "BTC/USDT", "ETH/BTC", "SOL/USDC:USDC", "USDC/USDT",
]  # fmt: skip
OPTION_KEYS = (
    "price_index rfq kind instrument_name maker_commission taker_commission instrument_type expiration_timestamp "
    "creation_timestamp is_active option_type contract_size tick_size strike instrument_id settlement_period "
    "min_trade_amount block_trade_commission block_trade_min_trade_amount block_trade_tick_size settlement_currency "
    "base_currency counter_currency quote_currency tick_size_steps"
)
FUTURE_KEYS = OPTION_KEYS.replace(" option_type", "").replace(" strike", "") + (
    " future_type max_leverage max_liquidation_commission"
)
SPOT_TICKER_KEYS = (
    "timestamp state stats index_price instrument_name last_price min_price max_price mark_price best_ask_price "
    "best_bid_price best_ask_amount best_bid_amount"
)


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=LISTINGS)


@pytest.fixture(scope="module")
def adapter(market: SyntheticMarket) -> Mounted:
    return Mounted(Deribit(market, lambda: NOW_MS))


@pytest.fixture(scope="module")
def deribit(adapter: Mounted) -> Any:
    exchange = client(ccxt.deribit, adapter)
    exchange.load_markets()
    yield exchange
    exchange.session.close()


def listing(native_id: str) -> Listing:
    return next(i for i in LISTINGS if i.native_id == native_id)


def ask(adapter: Mounted, method: str, **params: object) -> tuple[int, dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in params.items())
    reply = adapter.ask("GET", f"https://www.deribit.com/api/v2/{method}" + (f"?{query}" if query else ""))
    return reply.status, json.loads(reply.body)


def result(adapter: Mounted, method: str, **params: object) -> Any:
    status, answer = ask(adapter, method, **params)
    assert status == 200, answer
    return answer["result"]


def invalid(name: str, reason: str) -> dict[str, Any]:
    return {"code": -32602, "message": "Invalid params", "data": {"reason": reason, "param": name}}


class TestInstruments:
    def test_every_instrument_becomes_a_market_of_ccxt_and_none_is_lost(self, deribit: Any) -> None:
        assert len(LISTINGS) >= 30
        assert {m["id"] for m in deribit.markets.values()} == {i.native_id for i in LISTINGS}

    def test_all_kinds_are_there(self, deribit: Any) -> None:
        kinds = {(m["type"], bool(m["inverse"])) for m in deribit.markets.values()}
        assert {("spot", False), ("swap", True), ("swap", False), ("future", True), ("future", False)} < kinds
        assert {("option", True), ("option", False)} < kinds

    def test_expiries_lie_ahead_on_fridays_at_eight(self) -> None:
        for expiry_ms in {i.expiry_ms for i in LISTINGS if i.expiry_ms}:
            expiry = datetime.fromtimestamp(expiry_ms / 1000, UTC)
            assert expiry_ms > NOW_MS
            assert (expiry.weekday(), expiry.hour) == (4, 8)

    def test_symbols_come_out_as_users_write_them(self, deribit: Any) -> None:
        quarter = quarter_ends(NOW_MS, 1)[0]
        day = datetime.fromtimestamp(quarter / 1000, UTC)
        assert deribit.market("BTC/USD:BTC")["id"] == "BTC-PERPETUAL"
        assert deribit.market(f"BTC/USD:BTC-{day:%y%m%d}")["id"] == f"BTC-{dmmmyy(quarter)}"
        assert deribit.market("BTC/USDT")["id"] == "BTC_USDT"

    def test_days_of_one_digit_have_no_leading_zero(self) -> None:
        assert dmmmyy(1_796_371_200_000) == "4DEC26"

    def test_a_strike_with_decimals_is_written_with_a_d(self, deribit: Any) -> None:
        ids = [i.native_id for i in LISTINGS if i.kind == OPTION and i.base == "XRP" and "." in (i.strike or "")]
        assert ids
        for native_id in ids:
            strike = native_id.split("-")[2].replace("d", ".")
            option = deribit.markets_by_id[native_id][0]
            assert option["strike"] == float(strike)
            assert option["symbol"].split("-")[2] == strike
            assert option["settle"] == option["quote"] == "USDC"

    def test_inverse_contracts_count_in_dollars_and_linear_ones_in_coins(self, deribit: Any) -> None:
        perpetual, linear = deribit.market("BTC/USD:BTC"), deribit.market("BTC/USDC:USDC")
        assert (perpetual["contractSize"], perpetual["precision"]["amount"]) == (10, 10)
        assert (linear["contractSize"], linear["precision"]["amount"]) == (0.001, 0.001)

    def test_rows_have_the_keys_of_real_rows(self, adapter: Mounted) -> None:
        rows = {row["instrument_name"]: row for row in result(adapter, "public/get_instruments", currency="any")}
        option = next(name for name in rows if name.startswith("BTC-") and name.endswith("-C"))
        assert set(rows[option]) == set(OPTION_KEYS.split())
        assert set(rows["BTC_USDC-PERPETUAL"]) == set(FUTURE_KEYS.split())
        assert rows[option]["quote_currency"] == "BTC"
        assert rows[option]["tick_size_steps"] == [{"tick_size": 0.0005, "above_price": 0.005}]
        assert rows["BTC-PERPETUAL"]["expiration_timestamp"] == 32_503_708_800_000
        assert not {"settlement_currency", "settlement_period"} & set(rows["BTC_USDC"])

    def test_the_list_can_be_narrowed(self, adapter: Mounted) -> None:
        futures = result(adapter, "public/get_instruments", currency="BTC", kind="future")
        assert {(row["settlement_currency"], row["kind"]) for row in futures} == {("BTC", "future")}
        usdc = {row["instrument_name"] for row in result(adapter, "public/get_instruments", currency="USDC")}
        assert {"SOL_USDC-PERPETUAL", "BTC_USDC", "USDC_USDT"} < usdc
        assert "BTC-PERPETUAL" not in usdc
        assert result(adapter, "public/get_instruments", currency="any", expired="true") == []

    def test_one_instrument_is_the_row_of_the_list(self, adapter: Mounted) -> None:
        rows = result(adapter, "public/get_instruments", currency="ETH", kind="future")
        assert result(adapter, "public/get_instrument", instrument_name="ETH-PERPETUAL") in rows

    def test_a_recorded_row_is_served_in_todays_format(self, market: SyntheticMarket) -> None:
        recorded = Listing(
            "deribit", "option", "BTC-25MAR22-30000-C", OPTION, "BTC", "USD", "BTC", "0.0005", "0.1", "0.1",
            expiry_ms=1_648_195_200_000, strike="30000", option_type="call",
            extra=(("creation_timestamp", 1_616_682_203_000), ("settlement_period", "month")),
        )  # fmt: skip
        taped = SyntheticMarket(7, start_ms=1_626_993_723_000, frozen=True, listings=[recorded])
        wire = Mounted(Deribit(taped, lambda: 1_626_993_723_000), 1_626_993_723_000)
        (row,) = result(wire, "public/get_instruments", currency="BTC")
        assert (row["creation_timestamp"], row["counter_currency"]) == (1_616_682_203_000, "USD")
        assert row["is_active"] is True

    def test_recorded_books_are_served_through_todays_endpoints(self, recordings: Path) -> None:
        tape = load_tape(recordings)
        now_ms = tape.now_ms()
        taped = client(ccxt.deribit, Mounted(Deribit(tape, lambda: now_ms), now_ms))
        taped.load_markets()
        assert len(taped.markets) == len(tape.listings("deribit")) == 10
        for recorded in tape.listings("deribit"):
            book = taped.fetch_order_book(taped.markets_by_id[recorded.native_id][0]["symbol"], 1000)
            view = tape.book(recorded, 1000, now_ms)
            assert book["bids"] == [[float(p), float(s)] for p, s in view.bids]
            assert book["asks"] == [[float(p), float(s)] for p, s in view.asks]
            assert book["nonce"] == view.sequence


class TestBooks:
    @pytest.mark.parametrize("depth", DEPTHS)
    def test_a_book_of_every_depth_is_the_markets_book(self, deribit: Any, market: SyntheticMarket, depth: int) -> None:
        shown = deribit.fetch_order_book("BTC/USD:BTC", depth)
        view = market.book(listing("BTC-PERPETUAL"), depth, NOW_MS)
        assert shown["bids"] == [[float(p), float(s)] for p, s in view.bids]
        assert shown["asks"] == [[float(p), float(s)] for p, s in view.asks]
        assert (shown["nonce"], shown["timestamp"]) == (view.sequence, view.time_ms)

    def test_a_book_has_five_levels_when_no_depth_is_asked(self, deribit: Any) -> None:
        assert len(deribit.fetch_order_book("ETH/USD:ETH")["bids"]) == 5

    def test_options_are_priced_in_the_coin(self, deribit: Any) -> None:
        for market in deribit.markets.values():
            if market["option"] and market["inverse"]:
                asks = deribit.fetch_order_book(market["symbol"], 1)["asks"]
                assert 0 < asks[0][0] < 1

    @pytest.mark.parametrize("symbol", ONE_OF_EACH)
    def test_a_ticker_shows_the_touch_with_sizes(self, deribit: Any, market: SyntheticMarket, symbol: str) -> None:
        shown, native = deribit.fetch_ticker(symbol), listing(deribit.market(symbol)["id"])
        view, stats = market.book(native, 1, NOW_MS), market.stats(native, NOW_MS)
        assert [shown["bid"], shown["bidVolume"]] == list(map(float, view.bids[0]))
        assert [shown["ask"], shown["askVolume"]] == list(map(float, view.asks[0]))
        assert (shown["last"], shown["high"], shown["low"]) == tuple(map(float, (stats.last, stats.high, stats.low)))
        assert shown["markPrice"] == float(market.mark_price(native, NOW_MS))
        assert shown["indexPrice"] == float(market.index_price(native, NOW_MS))

    def test_a_spot_ticker_has_the_keys_of_a_real_one(self, adapter: Mounted) -> None:
        row = result(adapter, "public/ticker", instrument_name="BTC_USDT")
        assert set(row) == set(SPOT_TICKER_KEYS.split())
        assert set(row["stats"]) == {"high", "low", "price_change", "volume", "volume_usd", "volume_notional"}

    def test_an_option_names_its_underlying_future_and_its_volatility(self, adapter: Mounted) -> None:
        quarter = dmmmyy(quarter_ends(NOW_MS, 1)[0])
        name = next(i.native_id for i in LISTINGS if i.native_id.startswith(f"BTC-{quarter}-") and i.kind == OPTION)
        row = result(adapter, "public/ticker", instrument_name=name)
        future = result(adapter, "public/ticker", instrument_name=f"BTC-{quarter}")
        assert (row["underlying_index"], row["underlying_price"]) == (f"BTC-{quarter}", future["mark_price"])
        assert row["bid_iv"] <= row["mark_iv"] <= row["ask_iv"]
        assert 20 < row["mark_iv"] < 200
        assert set(row["greeks"]) == {"delta", "gamma", "vega", "theta", "rho"}
        assert (row["greeks"]["delta"] > 0) == name.endswith("C")

    def test_the_implied_volatility_explains_the_price(self) -> None:
        from simulator.market.options import black

        price = black(90_000.0, 100_000.0, 0.25, 0.55, True)
        assert implied_volatility(price, 90_000.0, 100_000.0, 0.25, True) == pytest.approx(0.55)
        assert implied_volatility(1.0, 110_000.0, 100_000.0, 0.25, True) == 0.0

    def test_summaries_list_a_whole_currency_without_sizes(self, deribit: Any, adapter: Mounted) -> None:
        tickers = deribit.fetch_tickers(["BTC/USD:BTC", "BTC/USDT"])
        assert set(tickers) == {"BTC/USD:BTC", "BTC/USDT"}
        assert tickers["BTC/USD:BTC"]["bid"] == deribit.fetch_ticker("BTC/USD:BTC")["bid"]
        assert tickers["BTC/USD:BTC"]["bidVolume"] is None
        (one,) = result(adapter, "public/get_book_summary_by_instrument", instrument_name="BTC-PERPETUAL")
        assert one in result(adapter, "public/get_book_summary_by_currency", currency="BTC", kind="future")
        spots = result(adapter, "public/get_book_summary_by_currency", currency="BTC", kind="spot")
        assert {row["instrument_name"] for row in spots} == {"BTC_USDC", "BTC_USDT", "ETH_BTC"}


class TestTradesAndCandles:
    @pytest.mark.parametrize("symbol", ["BTC/USD:BTC", "ETH/USDC:USDC", "BTC/USDC"])
    def test_trades_are_the_markets(self, deribit: Any, market: SyntheticMarket, symbol: str) -> None:
        native = listing(deribit.market(symbol)["id"])
        wanted = market.trades(native, 100, NOW_MS)[::-1]
        shown = deribit.fetch_trades(symbol, limit=100)
        assert [t["price"] for t in shown] == [float(t.price) for t in wanted]
        assert [t["info"]["amount"] for t in shown] == [float(t.size) for t in wanted]
        assert [(t["timestamp"], t["side"]) for t in shown] == [(t.time_ms, t.side) for t in wanted]
        assert len({t["id"] for t in shown}) == 100

    def test_ten_trades_come_unasked_and_more_are_announced(self, adapter: Mounted) -> None:
        answer = result(adapter, "public/get_last_trades_by_instrument", instrument_name="BTC-PERPETUAL")
        assert (len(answer["trades"]), answer["has_more"]) == (10, True)
        assert {row["tick_direction"] for row in answer["trades"]} <= {0, 1, 2, 3}

    def test_trades_of_a_time_span_lie_in_it(self, deribit: Any, market: SyntheticMarket) -> None:
        since = market.trades(listing("BTC-PERPETUAL"), 40, NOW_MS)[-1].time_ms
        shown = deribit.fetch_trades("BTC/USD:BTC", since=since, limit=1000)
        assert len(shown) == 40
        assert shown[0]["timestamp"] == since

    @pytest.mark.parametrize("symbol", ["BTC/USD:BTC", "SOL/USDC:USDC", "ETH/USDT"])
    def test_candles_are_the_markets(self, deribit: Any, market: SyntheticMarket, symbol: str) -> None:
        native, since = listing(deribit.market(symbol)["id"]), NOW_MS // HOUR_MS * HOUR_MS - 30 * HOUR_MS
        shown = deribit.fetch_ohlcv(symbol, "1h", since=since, limit=24)
        wanted = market.candles(native, HOUR_MS, since, since + 23 * HOUR_MS)
        assert [row[:5] for row in shown] == [
            [c.start_ms, *map(float, (c.open, c.high, c.low, c.close))] for c in wanted
        ]
        price = [float(c.close) if native.inverse else 1.0 for c in wanted]
        assert [row[5] for row in shown] == pytest.approx(
            [float(c.volume) / p for c, p in zip(wanted, price, strict=True)]
        )

    @pytest.mark.parametrize("resolution", RESOLUTIONS_MS)
    def test_every_resolution_has_its_step(self, adapter: Mounted, resolution: str) -> None:
        step = RESOLUTIONS_MS[resolution]
        chart = result(
            adapter, "public/get_tradingview_chart_data", instrument_name="BTC-PERPETUAL", resolution=resolution,
            start_timestamp=NOW_MS - 5 * step, end_timestamp=NOW_MS,
        )  # fmt: skip
        ticks = chart["ticks"]
        assert chart["status"] == "ok"
        assert {b - a for a, b in itertools.pairwise(ticks)} == {step}
        assert {len(chart[name]) for name in ("open", "high", "low", "close", "volume", "cost")} == {len(ticks)}

    def test_a_span_without_candles_says_so(self, adapter: Mounted) -> None:
        chart = result(
            adapter, "public/get_tradingview_chart_data", instrument_name="BTC-PERPETUAL", resolution="60",
            start_timestamp=NOW_MS + HOUR_MS, end_timestamp=NOW_MS + 9 * HOUR_MS,
        )  # fmt: skip
        assert (chart["status"], chart["ticks"]) == ("no_data", [])


class TestFunding:
    def test_the_rate_of_ccxt_is_what_the_last_eight_hours_paid(self, deribit: Any, market: SyntheticMarket) -> None:
        shown = deribit.fetch_funding_rate(
            "BTC/USD:BTC", {"start_timestamp": NOW_MS - 8 * HOUR_MS, "end_timestamp": NOW_MS}
        )
        wanted = market.funding_history(listing("BTC-PERPETUAL"), NOW_MS - 8 * HOUR_MS, NOW_MS)
        assert shown["fundingRate"] == pytest.approx(sum(float(rate) for _, rate in wanted))

    def test_the_ticker_has_the_running_rate(self, adapter: Mounted, market: SyntheticMarket) -> None:
        row = result(adapter, "public/ticker", instrument_name="ETH-PERPETUAL")
        native = listing("ETH-PERPETUAL")
        assert row["current_funding"] == pytest.approx(8 * float(market.funding(native, NOW_MS).rate))
        paid = market.funding_history(native, NOW_MS - 8 * HOUR_MS, NOW_MS)[-8:]
        assert row["funding_8h"] == pytest.approx(sum(float(rate) for _, rate in paid))

    def test_the_history_is_hourly_with_sums_over_eight_hours(self, deribit: Any, market: SyntheticMarket) -> None:
        since = NOW_MS // HOUR_MS * HOUR_MS - 48 * HOUR_MS
        shown = deribit.fetch_funding_rate_history("BTC/USD:BTC", since=since)
        wanted = market.funding_history(listing("BTC-PERPETUAL"), since - 8 * HOUR_MS, NOW_MS)
        rates = [float(rate) for _, rate in wanted]
        assert [row["timestamp"] for row in shown] == [at for at, _ in wanted if at >= since]
        assert shown[-1]["fundingRate"] == pytest.approx(sum(rates[-8:]))
        assert float(shown[-1]["info"]["interest_1h"]) == rates[-1]

    def test_a_month_is_744_rows_at_the_most(self, adapter: Mounted) -> None:
        rows = result(
            adapter, "public/get_funding_rate_history", instrument_name="BTC-PERPETUAL",
            start_timestamp=NOW_MS - 90 * 24 * HOUR_MS, end_timestamp=NOW_MS,
        )  # fmt: skip
        assert len(rows) == 744
        assert set(rows[0]) == {"timestamp", "index_price", "prev_index_price", "interest_1h", "interest_8h"}

    def test_only_perpetuals_have_funding(self, adapter: Mounted) -> None:
        span = {"start_timestamp": 1, "end_timestamp": 2}
        status, answer = ask(adapter, "public/get_funding_rate_value", instrument_name="BTC_USDC", **span)
        assert (status, answer["error"]["code"]) == (400, -32602)


class TestTheRest:
    def test_time_and_status(self, deribit: Any) -> None:
        assert deribit.fetch_time() == NOW_MS
        status = deribit.fetch_status()
        assert (status["status"], status["updated"]) == ("ok", NOW_MS)

    def test_currencies(self, deribit: Any, adapter: Mounted) -> None:
        assert {"BTC", "ETH", "SOL", "USDC", "USDT"} <= set(deribit.currencies)
        row = next(c for c in result(adapter, "public/get_currencies") if c["currency"] == "BTC")
        assert {"currency_long", "coin_type", "min_confirmations", "withdrawal_fee", "network_fee"} <= set(row)

    def test_every_index_has_a_price(self, adapter: Mounted) -> None:
        names = result(adapter, "public/get_index_price_names")
        assert {"btc_usd", "eth_usd", "sol_usdc", "btc_usdt"} <= set(names)
        for name in names:
            assert result(adapter, "public/get_index_price", index_name=name)["index_price"] > 0

    def test_the_envelope_is_json_rpc_with_its_times(self, adapter: Mounted) -> None:
        _, answer = ask(adapter, "public/test")
        assert list(answer) == ["jsonrpc", "result", "usIn", "usOut", "usDiff", "testnet"]
        assert answer["usIn"] == NOW_MS * 1000
        assert answer["usOut"] - answer["usIn"] == answer["usDiff"]

    @pytest.mark.parametrize("path", ["", "/public/ticker"])
    @pytest.mark.parametrize("identity", [7, "seven"])
    def test_posted_json_rpc_is_the_same_and_gets_its_id_back(
        self, adapter: Mounted, path: str, identity: object
    ) -> None:
        call = {
            "jsonrpc": "2.0",
            "id": identity,
            "method": "public/ticker",
            "params": {"instrument_name": "BTC-PERPETUAL"},
        }
        reply = adapter.ask("POST", f"https://www.deribit.com/api/v2{path}", body=json.dumps(call))
        answer = json.loads(reply.body)
        assert answer["id"] == identity
        assert answer["result"] == result(adapter, "public/ticker", instrument_name="BTC-PERPETUAL")


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "params", "status", "error"),
        [
            ("public/ticker", {"instrument_name": "ETH-USDC-FS-28NOV25_PERP"}, 400,
             invalid("instrument_name", "wrong format")),
            ("public/ticker", {"instrument_name": "BTC-1JAN21"}, 400, {"code": 13020, "message": "not_found"}),
            ("public/get_instruments", {"currency": "DOLLARS"}, 400,
             invalid("currency", "invalid currency")),
            ("public/nothing", {}, 404, {"code": -32601, "message": "Method not found"}),
        ],
    )  # fmt: skip
    def test_errors_are_in_deribits_words(
        self, adapter: Mounted, method: str, params: dict[str, str], status: int, error: dict[str, Any]
    ) -> None:
        shown, answer = ask(adapter, method, **params)
        assert (shown, answer["error"]) == (status, error)
        assert "result" not in answer

    @pytest.mark.parametrize(
        ("method", "params", "wrong"),
        [
            ("public/ticker", {}, "instrument_name"),
            ("public/get_order_book", {"instrument_name": "BTC-PERPETUAL", "depth": 7}, "depth"),
            ("public/get_order_book", {"instrument_name": "BTC-PERPETUAL", "depth": "all"}, "depth"),
            ("public/get_instruments", {"currency": "BTC", "kind": "bond"}, "kind"),
            ("public/get_last_trades_by_instrument", {"instrument_name": "BTC-PERPETUAL", "count": 1001}, "count"),
            ("public/get_tradingview_chart_data", {"instrument_name": "BTC-PERPETUAL", "start_timestamp": 1,
             "end_timestamp": 2, "resolution": "7"}, "resolution"),
            ("public/get_index_price", {"index_name": "gold_usd"}, "index_name"),
            ("public/get_book_summary_by_currency", {"currency": "any"}, "currency"),
        ],
    )  # fmt: skip
    def test_a_wrong_parameter_is_named(
        self, adapter: Mounted, method: str, params: dict[str, Any], wrong: str
    ) -> None:
        status, answer = ask(adapter, method, **params)
        assert (status, answer["error"]["code"], answer["error"]["data"]["param"]) == (400, -32602, wrong)

    def test_private_methods_want_a_token(self, adapter: Mounted) -> None:
        assert ask(adapter, "private/buy", amount=10)[1]["error"]["code"] == 13009

    @pytest.mark.parametrize(
        ("body", "code"), [(b"{", -32700), (b"[]", -32600), (b'{"method":"x","params":[1]}', -32602)]
    )
    def test_bodies_that_are_no_json_rpc_are_refused(self, adapter: Mounted, body: bytes, code: int) -> None:
        reply = adapter.ask("POST", "https://www.deribit.com/api/v2", body=body)
        assert json.loads(reply.body)["error"]["code"] == code

    def test_paths_outside_the_api_are_a_page(self, adapter: Mounted) -> None:
        reply = adapter.ask("GET", "https://www.deribit.com/")
        assert (reply.status, reply.content_type) == (404, "text/html")

    @pytest.mark.parametrize(
        ("kind", "args", "raised"),
        [
            ("rate_limited", {"retry_after_s": 3}, ccxt.DDoSProtection),
            ("banned", {"retry_after_s": 60}, ccxt.RateLimitExceeded),
            ("server_error", {"status": 500}, ccxt.ExchangeError),
            ("geo_blocked", {}, ccxt.ExchangeNotAvailable),
            ("maintenance", {}, ccxt.OnMaintenance),
        ],
    )
    def test_faults_are_what_ccxt_takes_them_for(
        self, market: SyntheticMarket, kind: str, args: dict[str, Any], raised: type[Exception]
    ) -> None:
        error, _ = provoked(ccxt.deribit, Deribit(market, lambda: NOW_MS), kind, args)
        assert isinstance(error, raised)


def test_over_a_socket_ccxt_needs_another_url_and_nothing_else(sim: Any) -> None:
    exchange = ccxt.deribit({"enableRateLimit": False})
    exchange.urls["api"]["rest"] = sim.hosts["www.deribit.com"]
    try:
        book = exchange.fetch_order_book("BTC/USD:BTC", 1000)
        assert (len(book["bids"]), len(book["asks"])) == (1000, 1000)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert {m["type"] for m in exchange.markets.values()} == {SPOT, "swap", FUTURE, OPTION}
        rate = exchange.fetch_funding_rate("ETH/USD:ETH")["fundingRate"]
        assert rate is not None
        assert abs(rate) < 0.01
    finally:
        exchange.session.close()


def test_nothing_is_invented_about_multiples() -> None:
    assert all(i.multiplier == 1 for i in LISTINGS)
    assert {i.kind for i in LISTINGS} == {SPOT, PERPETUAL, FUTURE, OPTION}
