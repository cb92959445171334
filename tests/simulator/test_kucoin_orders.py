"""The simulated KuCoin takes orders: from unmodified ccxt, from KuCoin's own SDK, and refused in KuCoin's words."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from simulator.limits import AS_REAL, LIFTED
from simulator.market.listings.kucoin import listings
from simulator.market.model import Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.venues.kucoin import Kucoin
from tests.simulator.kucoin_keys import signed_headers
from tests.simulator.mounted import NOW_MS, Mounted, client

SPOT_URL, FUTURES_URL = "https://api.kucoin.com", "https://api-futures.kucoin.com"
SPOT, SWAP, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
TRADER, READER, WITHDRAWER, OTHER, KCS_PAYER = Kucoin.accounts
CLASSIC = {"hf": True, "uta": False}
DAY_MS = 86_400_000


class Live(Mounted):
    """Mounted, with a clock that runs; `skew_ms` moves it."""

    skew_ms = 0

    def ask(self, *args: Any, **kwargs: Any) -> Any:
        self.now_ms = time.time_ns() // 1_000_000 + self.skew_ms
        return super().ask(*args, **kwargs)


def keys(account: Any) -> dict[str, str]:
    return {"apiKey": account.key, "secret": account.secret, "password": account.passphrase}


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, listings=listings(NOW_MS))


@pytest.fixture(scope="module")
def markets(market: SyntheticMarket) -> Any:
    venue = Kucoin(market, market.now_ms)
    venue.set_limits(LIFTED)
    exchange = client(ccxt.kucoin, Mounted(venue))
    return [*exchange.load_markets().values()]


@pytest.fixture
def venue(market: SyntheticMarket) -> Kucoin:
    made = Kucoin(market, market.now_ms)
    made.set_limits(LIFTED)
    return made


@pytest.fixture
def wire(venue: Kucoin) -> Live:
    return Live(venue)


def opened(wire: Live, markets: Any, account: Any = TRADER, **config: Any) -> Any:
    exchange = client(ccxt.kucoin, wire, options=CLASSIC, **(keys(account) | config))
    exchange.set_markets(markets)
    exchange.currencies = exchange.currencies or {}
    return exchange


@pytest.fixture
def kucoin(wire: Live, markets: Any) -> Iterator[Any]:
    exchange = opened(wire, markets)
    yield exchange
    exchange.session.close()


def listed(venue: Kucoin, native_id: str) -> Listing:
    return next(found for (_, name), found in venue.by_id.items() if name == native_id)


def price(venue: Kucoin, native_id: str, factor: str = "1") -> float:
    """The mark price times a factor, on the tick."""
    found = listed(venue, native_id)
    mark = venue.exchange.mark_price(found, time.time_ns() // 1_000_000) * Decimal(factor)
    return float(mark - mark % Decimal(found.tick_size))


def trade(venue: Kucoin, native_id: str, at: float, size: str = "1000") -> None:
    """Let the public market trade once at a price."""
    now_ms = time.time_ns() // 1_000_000
    venue.exchange.print_trade(listed(venue, native_id), Decimal(str(at)), Decimal(size), "sell", now_ms)


def resting(kucoin: Any, venue: Kucoin, name: str = "a-1", symbol: str = SPOT, **params: Any) -> Any:
    native_id, amount = {SPOT: ("BTC-USDT", 0.01), SWAP: ("XBTUSDTM", 3), INVERSE: ("XBTUSDM", 500)}[symbol]
    at = price(venue, native_id, "0.8")
    return kucoin.create_order(symbol, "limit", "buy", amount, at, {"clientOrderId": name, **params})


def raw(wire: Live, method: str, url: str, body: Any = None, account: Any = TRADER, **headers: str) -> dict[str, Any]:
    text = "" if body is None else json.dumps(body)
    signed = signed_headers(account, method, url, time.time_ns() // 1_000_000, text) | headers
    return json.loads(wire.ask(method, url, signed, text).body)


class TestKeys:
    def test_a_signed_request_is_answered_for_keys_of_version_two_and_three(self, wire: Live) -> None:
        for version in ("2", "3"):
            url = f"{SPOT_URL}/api/v1/hf/accounts/opened"
            headers = signed_headers(TRADER, "GET", url, time.time_ns() // 1_000_000, version=version)
            assert json.loads(wire.ask("GET", url, headers).body) == {"code": "200000", "data": True}

    def test_what_ccxt_probes_without_options_is_answered_honestly(self, wire: Live, markets: Any) -> None:
        exchange = client(ccxt.kucoin, wire, **keys(TRADER))
        exchange.load_markets()
        assert (exchange.options["uta"], exchange.options["hf"]) == (False, True)
        assert "/api/ua/v1/account/mode" in wire.targets

    def test_nothing_precedes_an_order_with_the_options_set(self, kucoin: Any, wire: Live, venue: Kucoin) -> None:
        resting(kucoin, venue)
        assert wire.targets == ["/api/v1/hf/orders"]

    @pytest.mark.parametrize(
        ("change", "error", "code"),
        [
            ({"apiKey": "65f1c2a0b7d84e0001a3ffff"}, ccxt.AuthenticationError, "400003"),
            ({"password": "wrong"}, ccxt.AuthenticationError, "400004"),
        ],
    )
    def test_wrong_credentials_are_refused(
        self, wire: Live, markets: Any, change: dict[str, str], error: Any, code: str
    ) -> None:
        with pytest.raises(error, match=code):
            opened(wire, markets, **change).fetch_balance({"type": "spot"})

    def test_a_wrong_secret_signs_neither_passphrase_nor_request(self, wire: Live, markets: Any) -> None:
        with pytest.raises(ccxt.AuthenticationError, match="400004"):
            opened(wire, markets, secret="wrong").fetch_balance({"type": "spot"})

    def test_a_signature_of_another_request_is_refused(self, wire: Live) -> None:
        body = {"symbol": "BTC-USDT", "side": "buy", "type": "market", "size": "0.01"}
        signed = signed_headers(TRADER, "POST", f"{SPOT_URL}/api/v1/hf/orders", time.time_ns() // 1_000_000, "{}")
        reply = wire.ask("POST", f"{SPOT_URL}/api/v1/hf/orders", signed, json.dumps(body))
        assert (reply.status, json.loads(reply.body)["code"]) == (401, "400005")

    @pytest.mark.parametrize("skew_ms", [-5_500, 5_500])
    def test_a_clock_that_is_five_seconds_off_is_refused(self, kucoin: Any, wire: Live, skew_ms: int) -> None:
        wire.skew_ms = skew_ms
        with pytest.raises(ccxt.InvalidNonce, match="400002"):
            kucoin.fetch_balance({"type": "spot"})

    def test_a_key_of_version_one_is_refused(self, wire: Live) -> None:
        url = f"{SPOT_URL}/api/v1/hf/accounts/opened"
        headers = signed_headers(TRADER, "GET", url, time.time_ns() // 1_000_000, version="1")
        assert json.loads(wire.ask("GET", url, headers).body)["code"] == "400009"

    def test_a_reading_key_reads_and_does_not_trade(self, wire: Live, markets: Any, venue: Kucoin) -> None:
        reader = opened(wire, markets, READER)
        assert reader.fetch_balance({"type": "spot"})["USDT"]["total"] == 1_000_000
        with pytest.raises(ccxt.AuthenticationError, match="400007"):
            resting(reader, venue)
        with pytest.raises(ccxt.AuthenticationError, match="400007"):
            reader.cancel_all_orders(SWAP)

    def test_the_permissions_of_a_key_are_told(self, wire: Live, markets: Any) -> None:
        told = {
            account.key: opened(wire, markets, account).privateGetUserApiKey()["data"]["permission"]
            for account in (TRADER, READER, WITHDRAWER)
        }
        assert [*told.values()] == ["General,Spot,Futures", "General", "General,Spot,Futures,Transfer"]

    def test_keys_of_one_owner_share_orders_and_another_owner_sees_none(
        self, kucoin: Any, wire: Live, markets: Any, venue: Kucoin
    ) -> None:
        order = resting(kucoin, venue)
        assert opened(wire, markets, READER).fetch_order(order["id"], SPOT)["id"] == order["id"]
        assert opened(wire, markets, OTHER).fetch_order(order["id"], SPOT)["id"] is None
        assert opened(wire, markets, OTHER).fetch_open_orders(SPOT) == []


class TestSpotOrders:
    def test_a_limit_order_rests_and_is_found_by_both_ids(self, kucoin: Any, venue: Kucoin) -> None:
        order = resting(kucoin, venue)
        assert (order["status"], order["clientOrderId"]) == (None, "a-1")
        for found in (kucoin.fetch_order(order["id"], SPOT), kucoin.fetch_order(None, SPOT, {"clientOrderId": "a-1"})):
            assert (found["id"], found["status"], found["filled"], found["amount"]) == (order["id"], "open", 0, 0.01)
        assert [row["id"] for row in kucoin.fetch_open_orders(SPOT)] == [order["id"]]

    def test_the_row_has_the_fields_of_a_recorded_answer(self, kucoin: Any, venue: Kucoin) -> None:
        row = kucoin.fetch_order(resting(kucoin, venue)["id"], SPOT)["info"]
        recorded = """id clientOid symbol opType type side price size funds dealSize dealFunds remainSize remainFunds
        cancelledSize cancelledFunds fee feeCurrency stp timeInForce postOnly hidden iceberg visibleSize cancelAfter
        channel remark tags cancelExist tradeType inOrderBook active tax createdAt lastUpdatedAt"""
        assert set(row) == set(recorded.split())
        assert {type(row[name]) for name in ("price", "size", "dealSize", "fee")} == {str}

    def test_what_an_order_locks_is_held_with_the_fee_in_quote(self, kucoin: Any, venue: Kucoin) -> None:
        order = resting(kucoin, venue)
        at = Decimal(str(kucoin.fetch_order(order["id"], SPOT)["price"]))
        held = {row["currency"]: row for row in kucoin.privateGetAccounts({"type": "trade_hf"})["data"]}["USDT"]
        assert Decimal(held["holds"]) == at * Decimal("0.01") * Decimal("1.001")
        kucoin.cancel_order(order["id"], SPOT)
        assert kucoin.fetch_balance({"type": "spot"})["USDT"]["used"] == 0

    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_a_market_order_by_base_size_is_filled_and_pays_its_fee_in_quote(self, kucoin: Any, side: str) -> None:
        order = kucoin.create_order(SPOT, "market", side, 0.02, None, {"clientOrderId": "m-1"})
        found = kucoin.fetch_order(order["id"], SPOT)
        assert (found["status"], found["filled"], found["fee"]["currency"]) == ("closed", 0.02, "USDT")
        trades = kucoin.fetch_my_trades(SPOT)
        assert sum(row["amount"] for row in trades) == pytest.approx(0.02)
        assert sum(row["fee"]["cost"] for row in trades) == pytest.approx(found["cost"] * 0.001)
        assert {(row["order"], row["takerOrMaker"]) for row in trades} == {(order["id"], "taker")}

    def test_a_market_order_by_quote_amount_spends_it(self, kucoin: Any) -> None:
        order = kucoin.create_order(SPOT, "market", "buy", None, None, {"cost": 1000})
        assert 990 < kucoin.fetch_order(order["id"], SPOT)["cost"] <= 1000

    def test_the_answer_in_sync_says_what_was_matched(self, kucoin: Any) -> None:
        row = kucoin.create_order(SPOT, "market", "buy", 0.01, None, {"sync": True})["info"]
        names = "orderId clientOid orderTime originSize dealSize remainSize canceledSize status matchTime"
        assert set(row) == set(names.split())
        assert (row["dealSize"], row["remainSize"], row["status"]) == ("0.01", "0", "done")

    def test_a_resting_order_is_filled_when_the_market_comes(self, kucoin: Any, venue: Kucoin) -> None:
        order = resting(kucoin, venue)
        trade(venue, "BTC-USDT", price(venue, "BTC-USDT", "0.7"))
        found = kucoin.fetch_order(order["id"], SPOT)
        assert (found["status"], found["filled"]) == ("closed", 0.01)
        assert kucoin.fetch_my_trades(SPOT)[-1]["takerOrMaker"] == "maker"
        assert [row["id"] for row in kucoin.fetch_closed_orders(SPOT)] == [order["id"]]

    def test_an_ioc_order_leaves_nothing_behind_and_a_fok_order_takes_all_or_nothing(
        self, kucoin: Any, venue: Kucoin
    ) -> None:
        at = price(venue, "BTC-USDT", "0.9")
        for tif in ("IOC", "FOK"):
            order = kucoin.create_order(SPOT, "limit", "buy", 0.01, at, {"timeInForce": tif})
            found = kucoin.fetch_order(order["id"], SPOT)
            assert (found["status"], found["filled"], found["timeInForce"]) == ("canceled", 0, tif)
        order = kucoin.create_order(
            SPOT, "limit", "buy", 0.01, price(venue, "BTC-USDT", "1.05"), {"timeInForce": "FOK"}
        )
        assert kucoin.fetch_order(order["id"], SPOT)["status"] == "closed"

    def test_a_post_only_order_that_would_trade_is_refused(self, kucoin: Any, venue: Kucoin) -> None:
        with pytest.raises(ccxt.ExchangeError, match="102411"):
            kucoin.create_order(SPOT, "limit", "buy", 0.01, price(venue, "BTC-USDT", "1.05"), {"postOnly": True})
        assert resting(kucoin, venue, postOnly=True)["id"]

    @pytest.mark.parametrize("sync", [False, True])
    def test_an_order_is_cancelled_by_either_id(self, kucoin: Any, venue: Kucoin, sync: bool) -> None:
        first, second = resting(kucoin, venue, "c-1"), resting(kucoin, venue, "c-2")
        kucoin.cancel_order(first["id"], SPOT, {"sync": sync})
        kucoin.cancel_order(None, SPOT, {"clientOrderId": "c-2", "sync": sync})
        for order in (first, second):
            assert kucoin.fetch_order(order["id"], SPOT)["status"] == "canceled"
            with pytest.raises(ccxt.OrderNotFound, match="order_not_exist_or_not_allow_to_cancel"):
                kucoin.cancel_order(order["id"], SPOT, {"sync": sync})

    def test_cancel_all_of_a_pair_and_of_all_pairs(self, kucoin: Any, venue: Kucoin) -> None:
        eth = price(venue, "ETH-USDT", "0.8")
        resting(kucoin, venue)
        kucoin.create_order("ETH/USDT", "limit", "buy", 0.1, eth)
        kucoin.cancel_all_orders(SPOT)
        assert (kucoin.fetch_open_orders(SPOT), len(kucoin.fetch_open_orders("ETH/USDT"))) == ([], 1)
        resting(kucoin, venue, "again")
        answer = kucoin.cancel_all_orders()[0]["info"]["data"]
        assert answer == {"succeedSymbols": ["BTC-USDT", "ETH-USDT"], "failedSymbols": []}

    def test_an_altered_order_has_another_id_and_keeps_its_client_id(self, kucoin: Any, venue: Kucoin) -> None:
        order = resting(kucoin, venue)
        at = price(venue, "BTC-USDT", "0.75")
        altered = kucoin.edit_order(order["id"], SPOT, "limit", "buy", 0.02, at)
        assert altered["id"] != order["id"]
        new, old = kucoin.fetch_order(None, SPOT, {"clientOrderId": "a-1"}), kucoin.fetch_order(order["id"], SPOT)
        assert (new["id"], new["price"], new["amount"], new["status"]) == (altered["id"], at, 0.02, "open")
        assert (old["id"], old["amount"], old["status"]) == (order["id"], 0.01, "canceled")
        with pytest.raises(ccxt.OrderNotFound):
            kucoin.cancel_order(order["id"], SPOT)
        with pytest.raises(ccxt.BadRequest, match="increment"):
            kucoin.privatePostHfOrdersAlter({"symbol": "BTC-USDT", "orderId": new["id"], "newPrice": "1.23"})
        assert kucoin.fetch_order(new["id"], SPOT)["price"] == at

    def test_an_unknown_order_is_answered_with_null(self, kucoin: Any, wire: Live) -> None:
        assert kucoin.fetch_order("67a3b1c2000000000000ffff", SPOT)["id"] is None
        assert kucoin.fetch_order("nonsense", SPOT)["id"] is None
        assert kucoin.fetch_order(None, SPOT, {"clientOrderId": "never"})["id"] is None
        assert json.loads(wire.replies[-1].body) == {"code": "200000", "data": None}

    def test_a_test_order_places_nothing(self, kucoin: Any, venue: Kucoin) -> None:
        assert resting(kucoin, venue, test=True)["id"]
        assert kucoin.fetch_open_orders(SPOT) == []

    def test_done_orders_and_fills_come_in_pages(self, kucoin: Any) -> None:
        ids = [kucoin.create_order(SPOT, "market", "buy", 0.00002)["id"] for _ in range(7)]
        for path, name in ((kucoin.privateGetHfOrdersDone, "id"), (kucoin.privateGetHfFills, "orderId")):
            found, last_id = [], None
            for _ in range(10):
                page = path({"symbol": "BTC-USDT", "limit": 3} | ({"lastId": last_id} if last_id else {}))["data"]
                if not page["items"]:
                    break
                last_id = page["lastId"]
                found += [row[name] for row in page["items"]]
            assert list(dict.fromkeys(found)) == ids[::-1]

    def test_a_cancelled_order_without_fills_is_forgotten_after_two_days(
        self, kucoin: Any, wire: Live, venue: Kucoin
    ) -> None:
        order = resting(kucoin, venue)
        kucoin.cancel_order(order["id"], SPOT)
        url = f"{SPOT_URL}/api/v1/hf/orders/client-order/a-1?symbol=BTC-USDT"
        for days, gone in ((1, False), (3, True)):
            wire.skew_ms = days * DAY_MS
            moved = time.time_ns() // 1_000_000 + wire.skew_ms
            reply = wire.ask("GET", url, signed_headers(TRADER, "GET", url, moved))
            assert (json.loads(reply.body)["data"] is None) is gone

    def test_the_older_accounts_endpoints_are_refused(self, kucoin: Any, venue: Kucoin) -> None:
        with pytest.raises(ccxt.BadRequest, match="401000"):
            resting(kucoin, venue, hf=False)
        with pytest.raises(ccxt.BadRequest, match="401000"):
            kucoin.fetch_order("67a3b1c2000000000000ffff", SPOT, {"hf": False})


class TestSpotRefusals:
    def test_each_in_the_words_of_the_venue(self, kucoin: Any, venue: Kucoin, wire: Live) -> None:
        at = price(venue, "BTC-USDT", "0.8")
        good = {"symbol": "BTC-USDT", "side": "buy", "type": "limit", "price": f"{at:.1f}", "size": "0.01"}
        cases: list[tuple[dict[str, Any], Any, str]] = [
            ({"price": "80000.05"}, ccxt.BadRequest, "Price increment invalid."),
            ({"size": "0.010000005"}, ccxt.InvalidOrder, "600100"),
            ({"size": "0.000001"}, ccxt.InvalidOrder, "below the minimum requirement"),
            ({"size": "0.00001", "price": "0.1"}, ccxt.InvalidOrder, "600101"),
            ({"size": "100"}, ccxt.InsufficientFunds, "200004"),
            ({"price": f"{price(venue, 'BTC-USDT', '1.2'):.1f}"}, ccxt.InvalidOrder, "400370"),
            ({"side": "sell", "price": f"{price(venue, 'BTC-USDT', '0.8'):.1f}"}, ccxt.InvalidOrder, "400760"),
            ({"symbol": "NO-USDT"}, ccxt.ExchangeError, "900001"),
            ({"clientOid": "x" * 41}, ccxt.BadRequest, "clientOid is invalid"),
            ({"clientOid": "white space"}, ccxt.BadRequest, "clientOid is invalid"),
            ({"price": None}, ccxt.BadRequest, "price can not be empty"),
            ({"side": "hold"}, ccxt.BadRequest, "side is invalid"),
            ({"timeInForce": "GTT", "cancelAfter": 5}, ccxt.BadRequest, "GTT"),
            ({"clientTimestamp": 1, "allowMaxTimeWindow": 100}, ccxt.BadRequest, "allowMaxTimeWindow"),
        ]
        for change, error, words in cases:
            with pytest.raises(ccxt.ExchangeError) as raised:
                kucoin.privatePostHfOrders(good | change)
            assert (change, type(raised.value)) == (change, error)
            assert words in str(raised.value)
        assert kucoin.fetch_open_orders(SPOT) == []

    def test_a_client_id_is_never_free_again(self, kucoin: Any, venue: Kucoin) -> None:
        order = resting(kucoin, venue)
        for _ in range(2):
            with pytest.raises(ccxt.ExchangeError, match="102426"):
                resting(kucoin, venue)
            if kucoin.fetch_order(order["id"], SPOT)["status"] == "open":
                kucoin.cancel_order(order["id"], SPOT)

    def test_a_body_that_is_no_object_is_refused(self, wire: Live) -> None:
        assert raw(wire, "POST", f"{SPOT_URL}/api/v1/hf/orders", [1])["code"] == "400000"

    def test_an_empty_pool_refuses_and_counts_each_user(self, market: SyntheticMarket, markets: Any) -> None:
        venue = Kucoin(market, market.now_ms)
        venue.set_limits(AS_REAL / 40, lambda: 1.0)
        wire = Live(venue)
        trader, other = opened(wire, markets), opened(wire, markets, OTHER)
        for _ in range(50):  # a fortieth of 4000, two a call
            trader.privateGetHfAccountsOpened()
        with pytest.raises(ccxt.RateLimitExceeded, match="429000"):
            trader.privateGetHfAccountsOpened()
        assert other.privateGetHfAccountsOpened()["data"] is True


class TestSpotStops:
    def stop(self, kucoin: Any, venue: Kucoin, side: str, name: str = "s-1", **params: Any) -> Any:
        at = price(venue, "BTC-USDT", "1.1" if side == "buy" else "0.9")
        params = {"clientOrderId": name, "stopLossPrice": at, **params}
        return kucoin.create_order(SPOT, "market", side, 0.01, None, params)

    def test_a_stop_waits_in_a_list_of_its_own(self, kucoin: Any, venue: Kucoin) -> None:
        order = self.stop(kucoin, venue, "buy")
        assert kucoin.fetch_open_orders(SPOT) == []
        found = kucoin.fetch_open_orders(SPOT, params={"trigger": True})
        assert [(row["id"], row["status"], row["info"]["stop"]) for row in found] == [(order["id"], "open", "entry")]
        by_name = kucoin.fetch_order(None, SPOT, {"clientOrderId": "s-1", "trigger": True})
        assert (by_name["id"], by_name["triggerPrice"]) == (order["id"], found[0]["triggerPrice"])
        assert kucoin.fetch_order(order["id"], SPOT, {"trigger": True})["id"] == order["id"]
        assert kucoin.fetch_order(None, SPOT, {"clientOrderId": "s-1"})["id"] is None

    def test_without_a_direction_a_stop_is_a_loss_whichever_its_side_is(self, kucoin: Any, venue: Kucoin) -> None:
        at = price(venue, "BTC-USDT", "0.9")
        order = kucoin.create_order(SPOT, "market", "buy", 0.01, None, {"triggerPrice": at})
        assert kucoin.fetch_order(order["id"], SPOT, {"trigger": True})["info"]["stop"] == "loss"
        with pytest.raises(ccxt.BadRequest, match="stopPrice is invalid"):
            kucoin.create_order(SPOT, "market", "buy", 0.01, None, {"triggerPrice": price(venue, "BTC-USDT", "1.1")})

    def test_a_triggered_stop_is_another_order_with_the_same_client_id(self, kucoin: Any, venue: Kucoin) -> None:
        stop = self.stop(kucoin, venue, "sell")
        trade(venue, "BTC-USDT", price(venue, "BTC-USDT", "0.85"))
        told = kucoin.fetch_order(stop["id"], SPOT, {"trigger": True})
        assert (told["info"]["status"], told["status"]) == ("TRIGGERED", "cancelled")  # ccxt misreads it
        order = kucoin.fetch_order(None, SPOT, {"clientOrderId": "s-1"})
        assert (order["status"], order["filled"], order["id"] != stop["id"]) == ("closed", 0.01, True)
        assert kucoin.fetch_open_orders(SPOT, params={"trigger": True}) == []

    def test_a_stop_is_cancelled_by_either_id_and_then_gone(self, kucoin: Any, venue: Kucoin) -> None:
        first = self.stop(kucoin, venue, "buy", "s-1")
        self.stop(kucoin, venue, "buy", "s-2")
        kucoin.cancel_order(first["id"], SPOT, {"trigger": True})
        kucoin.cancel_order(None, SPOT, {"clientOrderId": "s-2", "trigger": True})
        assert kucoin.fetch_open_orders(SPOT, params={"trigger": True}) == []
        assert kucoin.fetch_order(first["id"], SPOT, {"trigger": True})["id"] is None
        with pytest.raises(ccxt.OrderNotFound):
            kucoin.cancel_order(first["id"], SPOT, {"trigger": True})

    def test_cancel_all_leaves_stops_and_cancels_them_when_told(self, kucoin: Any, venue: Kucoin) -> None:
        self.stop(kucoin, venue, "buy")
        resting(kucoin, venue)
        kucoin.cancel_all_orders(SPOT)
        assert (kucoin.fetch_open_orders(SPOT), len(kucoin.fetch_open_orders(SPOT, params={"trigger": True}))) == (
            [],
            1,
        )
        kucoin.cancel_all_orders(SPOT, {"trigger": True})
        assert kucoin.fetch_open_orders(SPOT, params={"trigger": True}) == []

    def test_a_used_client_id_is_refused_in_other_words(self, kucoin: Any, venue: Kucoin) -> None:
        resting(kucoin, venue, "same")
        with pytest.raises(ccxt.BadRequest, match="clientOidDuplicated"):
            self.stop(kucoin, venue, "buy", "same")

    def test_the_row_has_the_fields_of_a_recorded_answer(self, kucoin: Any, venue: Kucoin) -> None:
        self.stop(kucoin, venue, "buy")
        row = kucoin.fetch_open_orders(SPOT, params={"trigger": True})[0]["info"]
        recorded = """id symbol userId status type side price size funds stp timeInForce cancelAfter postOnly hidden
        iceberg visibleSize channel clientOid remark tags relatedNo orderTime domainId tradeSource tradeType
        feeCurrency takerFeeRate makerFeeRate createdAt stop stopTriggerTime stopPrice limitPrice pop
        activateCondition"""
        assert set(row) == set(recorded.split())


class TestTheDeadMansSwitch:
    def test_orders_are_cancelled_when_it_fires(self, kucoin: Any, wire: Live, venue: Kucoin) -> None:
        order = resting(kucoin, venue)
        told = kucoin.privatePostHfOrdersDeadCancelAll({"timeout": 5})["data"]
        assert int(told["triggerTime"]) - int(told["currentTime"]) == 5
        assert int(kucoin.privateGetHfOrdersDeadCancelAllQuery()["data"]["timeout"]) == 5
        url = f"{SPOT_URL}/api/v1/hf/orders/{order['id']}?symbol=BTC-USDT"
        wire.skew_ms = 6_000
        reply = wire.ask("GET", url, signed_headers(TRADER, "GET", url, time.time_ns() // 1_000_000 + 6_000))
        assert json.loads(reply.body)["data"]["cancelExist"] is True

    def test_it_is_switched_off_and_has_limits(self, kucoin: Any, venue: Kucoin) -> None:
        kucoin.privatePostHfOrdersDeadCancelAll({"timeout": 60})
        kucoin.privatePostHfOrdersDeadCancelAll({"timeout": -1})
        assert kucoin.privateGetHfOrdersDeadCancelAllQuery()["data"] is None
        for seconds in (4, 86_401, 0):
            with pytest.raises(ccxt.BadRequest, match="timeout is invalid"):
                kucoin.privatePostHfOrdersDeadCancelAll({"timeout": seconds})


class TestFuturesOrders:
    @pytest.mark.parametrize("symbol", [SWAP, INVERSE])
    def test_an_order_rests_and_is_found_by_both_ids(self, kucoin: Any, venue: Kucoin, symbol: str) -> None:
        order = resting(kucoin, venue, symbol=symbol)
        for found in (
            kucoin.fetch_order(order["id"], symbol),
            kucoin.fetch_order(None, symbol, {"clientOrderId": "a-1"}),
        ):
            assert (found["id"], found["status"], found["symbol"]) == (order["id"], "open", symbol)
        assert [row["id"] for row in kucoin.fetch_open_orders(symbol)] == [order["id"]]
        assert len(kucoin.fetch_open_orders(None, params={"type": "swap"})) == 1
        kucoin.cancel_order(None, symbol, {"clientOrderId": "a-1"})
        assert kucoin.fetch_closed_orders(symbol)[0]["status"] == "canceled"

    def test_the_row_has_the_fields_of_a_recorded_answer(self, kucoin: Any, venue: Kucoin) -> None:
        row = kucoin.fetch_order(resting(kucoin, venue, symbol=SWAP)["id"], SWAP)["info"]
        recorded = """id symbol type side price size value dealValue dealSize stp stop stopPriceType stopTriggered
        stopPrice timeInForce postOnly hidden iceberg leverage forceHold closeOrder visibleSize clientOid remark tags
        isActive cancelExist createdAt updatedAt endAt orderTime settleCurrency marginMode avgDealPrice filledSize
        filledValue status reduceOnly"""
        assert set(row) == set(recorded.split())
        assert (type(row["size"]), type(row["price"])) == (int, str)

    @pytest.mark.parametrize(("symbol", "size"), [(SWAP, 5), (INVERSE, 300)])
    def test_a_position_opens_and_closes(self, kucoin: Any, symbol: str, size: int) -> None:
        order = kucoin.create_order(symbol, "market", "sell", size, None, {"clientOrderId": "f-1", "leverage": 4})
        found = kucoin.fetch_order(order["id"], symbol)
        position = kucoin.fetch_positions()[0]
        assert (found["status"], found["filled"], position["symbol"]) == ("closed", size, symbol)
        assert (position["side"], position["contracts"], position["leverage"]) == (
            "short",
            size,
            pytest.approx(4, 0.01),
        )
        assert position["entryPrice"] == pytest.approx(found["average"])
        kucoin.create_order(symbol, "market", "buy", size, None, {"reduceOnly": True, "leverage": 4})
        assert kucoin.fetch_positions() == []
        fills = kucoin.fetch_my_trades(symbol)
        assert sum(row["amount"] if row["side"] == "buy" else -row["amount"] for row in fills) == 0
        assert {row["fee"]["currency"] for row in fills} == {"USDT" if symbol == SWAP else "BTC"}

    def test_an_order_of_ccxt_changes_the_leverage_of_an_isolated_position(self, kucoin: Any) -> None:
        kucoin.create_order(SWAP, "market", "buy", 5, None, {"leverage": 10})
        kucoin.create_order(SWAP, "market", "buy", 1)  # ccxt adds leverage 1
        assert kucoin.fetch_positions()[0]["leverage"] == pytest.approx(1, 0.01)

    def test_in_cross_mode_the_orders_leverage_is_ignored(self, kucoin: Any) -> None:
        kucoin.set_margin_mode("cross", SWAP)
        kucoin.set_leverage(7, SWAP)
        with pytest.raises(ccxt.InvalidOrder, match="330005"):
            kucoin.create_order(SWAP, "market", "buy", 5)
        kucoin.create_order(SWAP, "market", "buy", 5, None, {"marginMode": "cross"})
        position = kucoin.fetch_positions()[0]
        assert (position["leverage"], position["marginMode"]) == (7, "cross")
        assert kucoin.fetch_leverage(SWAP)["longLeverage"] == 7
        assert kucoin.fetch_margin_mode(SWAP)["marginMode"] == "cross"
        with pytest.raises(ccxt.ExchangeError, match="50002"):
            kucoin.set_margin_mode("isolated", SWAP)

    def test_a_stop_waits_in_a_list_of_its_own_and_keeps_its_id(self, kucoin: Any, venue: Kucoin) -> None:
        at = price(venue, "XBTUSDTM", "1.1")
        params = {"clientOrderId": "fs-1", "triggerPrice": at, "stopPriceType": "TP"}
        stop = kucoin.create_order(SWAP, "market", "buy", 2, None, params)
        assert kucoin.fetch_open_orders(SWAP) == []
        found = kucoin.fetch_open_orders(SWAP, params={"trigger": True})[0]
        assert (found["id"], found["triggerPrice"], found["info"]["stop"]) == (stop["id"], at, "up")
        assert kucoin.fetch_order(None, SWAP, {"clientOrderId": "fs-1"})["status"] == "open"
        trade(venue, "XBTUSDTM", price(venue, "XBTUSDTM", "1.2"))
        after = kucoin.fetch_order(stop["id"], SWAP)
        assert (after["status"], after["filled"], after["info"]["stopTriggered"]) == ("closed", 2, True)

    def test_cancel_all_leaves_stops_and_cancels_them_when_told(self, kucoin: Any, venue: Kucoin) -> None:
        stop = {"triggerPrice": price(venue, "XBTUSDTM", "1.1"), "stopPriceType": "MP"}
        kucoin.create_order(SWAP, "market", "buy", 2, None, stop)
        resting(kucoin, venue, symbol=SWAP)
        kucoin.cancel_all_orders(SWAP)
        assert (kucoin.fetch_open_orders(SWAP), len(kucoin.fetch_open_orders(SWAP, params={"trigger": True}))) == (
            [],
            1,
        )
        kucoin.cancel_all_orders(SWAP, {"trigger": True})
        assert kucoin.fetch_open_orders(SWAP, params={"trigger": True}) == []

    def test_several_are_cancelled_in_one_call(self, kucoin: Any, wire: Live, venue: Kucoin) -> None:
        order = resting(kucoin, venue, symbol=SWAP)
        kucoin.cancel_orders([order["id"], "236655000000000001"], SWAP)
        rows = json.loads(wire.replies[-1].body)["data"]
        assert [row["code"] for row in rows] == ["200", "100004"]

    def test_balances_are_asked_one_currency_at_a_time(self, kucoin: Any) -> None:
        assert kucoin.fetch_balance({"type": "swap"})["USDT"]["total"] == 1_000_000
        overview = kucoin.futuresPrivateGetAccountOverview({"currency": "XBT"})["data"]
        assert (overview["currency"], overview["accountEquity"]) == ("XBT", 100)

    def test_a_page_holds_what_was_asked_for(self, kucoin: Any) -> None:
        ids = [kucoin.create_order(SWAP, "market", side, 1)["id"] for side in ("buy", "sell") * 3]
        pages = [
            kucoin.futuresPrivateGetOrders({"status": "done", "pageSize": 4, "currentPage": number})["data"]
            for number in (1, 2)
        ]
        assert [row["id"] for page in pages for row in page["items"]] == ids[::-1]
        assert (pages[0]["totalNum"], pages[0]["totalPage"]) == (6, 2)
        assert [row["id"] for row in kucoin.futuresPrivateGetRecentDoneOrders()["data"]] == ids[::-1]

    def test_funding_is_paid_and_listed(self, kucoin: Any, wire: Live) -> None:
        wire.skew_ms = -DAY_MS
        kucoin.nonce = lambda: time.time_ns() // 1_000_000 + wire.skew_ms
        kucoin.create_order(SWAP, "market", "buy", 50)
        wire.skew_ms = 0
        told = kucoin.futuresPrivateGetFundingHistory({"symbol": "XBTUSDTM", "maxCount": 2})["data"]
        assert (len(told["dataList"]), told["hasMore"]) == (2, True)
        first, second = told["dataList"]
        assert first["timePoint"] - second["timePoint"] == 8 * 3_600_000
        assert first["funding"] == pytest.approx(-first["fundingRate"] * first["positionCost"], rel=1e-3)


class TestFuturesRefusals:
    def test_each_in_the_words_of_the_venue(self, kucoin: Any, venue: Kucoin) -> None:
        at = price(venue, "XBTUSDTM", "0.8")
        good = {"clientOid": "r", "symbol": "XBTUSDTM", "side": "buy", "type": "limit", "leverage": 2}
        good |= {"price": f"{at:.1f}", "size": 1}
        high, low = (f"{price(venue, 'XBTUSDTM', factor):.1f}" for factor in ("1.1", "0.9"))
        cases: list[tuple[dict[str, Any], Any, str]] = [
            ({"price": "80000.05"}, ccxt.OrderNotFound, "100001"),
            ({"size": 1.5}, ccxt.OrderNotFound, "100001"),
            ({"size": None}, ccxt.OrderNotFound, "100001"),
            ({"leverage": None}, ccxt.OrderNotFound, "100001"),
            ({"leverage": 500}, ccxt.ExchangeError, "300016"),
            ({"size": 900_000}, ccxt.InsufficientFunds, "300003"),
            ({"price": high}, ccxt.InvalidOrder, "300011"),
            ({"side": "sell", "price": low}, ccxt.InvalidOrder, "300012"),
            ({"price": f"{price(venue, 'XBTUSDTM', '1.02'):.1f}", "postOnly": True}, ccxt.InvalidOrder, "300000"),
            ({"reduceOnly": True}, ccxt.InvalidOrder, "300009"),
            ({"closeOrder": True}, ccxt.InvalidOrder, "300009"),
            ({"symbol": "NOUSDTM"}, ccxt.ExchangeError, "100003"),
            ({"clientOid": None}, ccxt.BadRequest, "clientOidIsRequired"),
            ({"clientOid": "x" * 41}, ccxt.BadRequest, "clientOid is invalid"),
            ({"marginMode": "CROSS"}, ccxt.InvalidOrder, "330005"),
            ({"positionSide": "LONG"}, ccxt.ExchangeError, "330011"),
            ({"stop": "up"}, ccxt.OrderNotFound, "100001"),
        ]
        for change, error, words in cases:
            with pytest.raises(ccxt.ExchangeError) as raised:
                kucoin.futuresPrivatePostOrders(good | change)
            assert (change, type(raised.value)) == (change, error)
            assert words in str(raised.value)
        assert kucoin.fetch_open_orders(SWAP) == []

    def test_a_client_id_is_never_free_again(self, kucoin: Any, venue: Kucoin) -> None:
        order = resting(kucoin, venue, symbol=SWAP)
        kucoin.cancel_order(order["id"], SWAP)
        with pytest.raises(ccxt.ExchangeError, match="300018"):
            resting(kucoin, venue, symbol=SWAP)

    def test_an_unknown_order_is_none_to_find_and_none_to_cancel(self, kucoin: Any) -> None:
        for order_id, params in (("236655000000000001", {}), ("abc", {}), (None, {"clientOrderId": "never"})):
            with pytest.raises(ccxt.OrderNotFound, match="100001"):
                kucoin.fetch_order(order_id, SWAP, params)
        with pytest.raises(ccxt.BadRequest, match="100004"):
            kucoin.cancel_order("236655000000000001", SWAP)


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute", "ignore:Using extra keyword arguments on")
class TestTheOfficialSdk:
    @pytest.fixture
    def services(self, sim: Any) -> Any:
        from kucoin_universal_sdk import api, model

        hosts = sim.hosts
        options = (
            model.ClientOptionBuilder()
            .set_key(OTHER.key)
            .set_secret(OTHER.secret)
            .set_passphrase(OTHER.passphrase)
            .set_spot_endpoint(hosts["api.kucoin.com"])
            .set_futures_endpoint(hosts["api-futures.kucoin.com"])
            .set_broker_endpoint(hosts["api.kucoin.com"])
            .set_transport_option(model.TransportOptionBuilder().build())
            .build()
        )
        return api.DefaultClient(options).rest_service()

    def test_it_trades_on_spot(self, services: Any) -> None:
        from kucoin_universal_sdk.generate.spot import order as models
        from kucoin_universal_sdk.model.common import RestError

        spot = services.get_spot_service().get_order_api()
        name = f"sdk-{time.time_ns()}"
        request = (
            models.AddOrderSyncReqBuilder()
            .set_client_oid(name)
            .set_symbol("BTC-USDT")
            .set_side(models.AddOrderSyncReq.SideEnum.BUY)
            .set_type(models.AddOrderSyncReq.TypeEnum.LIMIT)
            .set_price("10000")
            .set_size("0.01")
            .build()
        )
        made = spot.add_order_sync(request)
        assert (made.client_oid, made.status.value, made.remain_size) == (name, "open", "0.01")
        with pytest.raises(RestError, match="102426"):
            spot.add_order_sync(request)
        found = spot.get_order_by_client_oid(
            models.GetOrderByClientOidReqBuilder().set_client_oid(name).set_symbol("BTC-USDT").build()
        )
        assert (found.id, found.active, found.price) == (made.order_id, True, "10000")
        listed = spot.get_open_orders(models.GetOpenOrdersReqBuilder().set_symbol("BTC-USDT").build())
        assert made.order_id in [row.id for row in listed.data]
        gone = spot.cancel_order_by_order_id_sync(
            models.CancelOrderByOrderIdSyncReqBuilder().set_order_id(made.order_id).set_symbol("BTC-USDT").build()
        )
        assert gone.canceled_size == "0.01"
        done = spot.get_closed_orders(models.GetClosedOrdersReqBuilder().set_symbol("BTC-USDT").set_limit(50).build())
        assert [row.cancel_exist for row in done.items if row.id == made.order_id] == [True]
        assert spot.get_trade_history(models.GetTradeHistoryReqBuilder().set_symbol("BTC-USDT").build()).items == []

    def test_it_places_stops_and_sets_the_switch(self, services: Any) -> None:
        from kucoin_universal_sdk.generate.spot import order as models

        spot = services.get_spot_service().get_order_api()
        name = f"sdk-{time.time_ns()}"
        request = (
            models.AddStopOrderReqBuilder()
            .set_client_oid(name)
            .set_symbol("BTC-USDT")
            .set_side(models.AddStopOrderReq.SideEnum.BUY)
            .set_type(models.AddStopOrderReq.TypeEnum.LIMIT)
            .set_price("10000")
            .set_stop_price("11000")
            .set_size("0.01")
            .build()
        )
        made = spot.add_stop_order(request)
        found = spot.get_stop_order_by_client_oid(
            models.GetStopOrderByClientOidReqBuilder().set_client_oid(name).set_symbol("BTC-USDT").build()
        )
        assert [(row.id, row.status) for row in found.data] == [(made.order_id, "NEW")]
        listed = spot.get_stop_orders_list(models.GetStopOrdersListReqBuilder().set_symbol("BTC-USDT").build())
        assert made.order_id in [row.id for row in listed.items]
        gone = spot.cancel_stop_order_by_order_id(
            models.CancelStopOrderByOrderIdReqBuilder().set_order_id(made.order_id).build()
        )
        assert gone.cancelled_order_ids == [made.order_id]
        told = spot.set_dcp(models.SetDcpReqBuilder().set_timeout(60).build())
        assert told.trigger_time - told.current_time == 60
        spot.set_dcp(models.SetDcpReqBuilder().set_timeout(-1).build())

    def test_it_trades_futures(self, services: Any) -> None:
        from kucoin_universal_sdk.generate.futures import order as models
        from kucoin_universal_sdk.generate.futures import positions

        futures = services.get_futures_service().get_order_api()
        name = f"sdk-{time.time_ns()}"

        def order(oid: str, side: Any, **more: Any) -> Any:
            request = models.AddOrderReqBuilder().set_client_oid(oid).set_symbol("ETHUSDTM").set_side(side).set_size(2)
            request = request.set_type(models.AddOrderReq.TypeEnum.MARKET).set_leverage(3)
            return futures.add_order(request.set_reduce_only(more.get("reduce_only", False)).build())

        made = order(name, models.AddOrderReq.SideEnum.BUY)
        found = futures.get_order_by_client_oid(models.GetOrderByClientOidReqBuilder().set_client_oid(name).build())
        assert (found.id, found.status.value, found.filled_size) == (made.order_id, "done", 2)
        by_id = futures.get_order_by_order_id(models.GetOrderByOrderIdReqBuilder().set_order_id(made.order_id).build())
        assert by_id.client_oid == name
        api = services.get_futures_service().get_positions_api()
        held = api.get_position_list(positions.GetPositionListReqBuilder().set_currency("USDT").build()).data
        assert [(row.symbol, row.current_qty) for row in held] == [("ETHUSDTM", 2)]
        trades = futures.get_trade_history(models.GetTradeHistoryReqBuilder().set_order_id(made.order_id).build())
        assert sum(row.size for row in trades.items) == 2
        order(f"{name}-x", models.AddOrderReq.SideEnum.SELL, reduce_only=True)
        assert api.get_position_list(positions.GetPositionListReqBuilder().set_currency("USDT").build()).data == []

    def test_it_reads_balances_and_the_key(self, services: Any) -> None:
        from kucoin_universal_sdk.generate.account import account as models

        account = services.get_account_service().get_account_api()
        assert account.get_apikey_info().permission == "General,Spot,Futures"
        rows = account.get_spot_account_list(models.GetSpotAccountListReqBuilder().build()).data
        assert {row.currency: row.balance for row in rows}["KCS"] == "1000"
        overview = account.get_futures_account(models.GetFuturesAccountReqBuilder().set_currency("USDT").build())
        assert overview.account_equity == pytest.approx(1_000_000, rel=0.01)
