"""The private side of the simulated Deribit: unmodified ccxt with keys, and bare JSON-RPC with each authentication.

Key sets of orders, trades and positions are those of docs.deribit.com (November 2025); the wording of refusals that
were seen on the test environment (March 2026) is asserted, of the others the code.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import ccxt
import pytest

from simulator.exchange.model import Account
from simulator.market.listings.deribit import listings
from simulator.market.model import Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimReply
from simulator.venues.deribit import Deribit
from simulator.venues.deribit_order_reads import INDEXING_MS, ORDERS_RECENT_MS
from simulator.venues.deribit_sessions import SETTLEMENT_MS, settled_at
from tests.simulator.mounted import NOW_MS, Mounted, client

DAY_MS = 86_400_000
LISTINGS = listings(NOW_MS)
TRADER, READER, WITHDRAWER, OTHER = Deribit.accounts
PERPETUAL, LINEAR, SPOT = "BTC/USD:BTC", "BTC/USDC:USDC", "BTC/USDC"


class Moving(SyntheticMarket):
    """A market at the wall clock, so that ccxt's signatures are fresh, plus `ahead_ms`."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


class Live(Mounted):
    """A venue at its market's clock."""

    def __init__(self) -> None:
        self.market = Moving(7, start_ms=NOW_MS, listings=LISTINGS)
        super().__init__(Deribit(self.market, self.market.now_ms))
        self.clock = self.market.now_ms

    def ask(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | str = b"") -> SimReply:
        self.now_ms = self.clock()
        return super().ask(method, url, headers, body)


@pytest.fixture
def adapter() -> Live:
    made = Live()
    made.venue.set_limits(float("inf"))
    return made


def keyed(adapter: Live, account: Account = TRADER, **config: Any) -> Any:
    exchange = client(ccxt.deribit, adapter, apiKey=account.key, secret=account.secret, **config)
    exchange.has["fetchCurrencies"] = False
    exchange.load_markets()
    return exchange


@pytest.fixture
def deribit(adapter: Live) -> Iterator[Any]:
    exchange = keyed(adapter)
    yield exchange
    exchange.session.close()


def listing(native_id: str) -> Listing:
    return next(i for i in LISTINGS if i.native_id == native_id)


def far_below(exchange: Any, symbol: str) -> float:
    """A price that rests: a fifth below the best bid, on the tick."""
    return float(exchange.price_to_precision(symbol, exchange.fetch_ticker(symbol)["bid"] * 0.8))


def rest(exchange: Any, symbol: str = PERPETUAL, amount: float = 100, label: str = "", **params: Any) -> dict[str, Any]:
    params |= {"label": label} if label else {}
    return exchange.create_order(symbol, "limit", "buy", amount, far_below(exchange, symbol), params)


def rpc(adapter: Live, method: str, authorization: str = "", **params: object) -> Any:
    """Post JSON-RPC; return the result, or the error where there is one."""
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    headers = {"Authorization": authorization} if authorization else {}
    answer = json.loads(adapter.ask("POST", "https://www.deribit.com/api/v2", headers, body).body)
    assert answer["id"] == 7
    return answer["result"] if "result" in answer else answer["error"]


def basic(account: Account = TRADER) -> str:
    return "Basic " + base64.b64encode(f"{account.key}:{account.secret}".encode()).decode()


def private(adapter: Live, method: str, account: Account = TRADER, **params: object) -> Any:
    return rpc(adapter, f"private/{method}", basic(account), **params)


def signed_get(adapter: Live, target: str, account: Account = TRADER, ts: int = 0, nonce: str = "n1") -> Any:
    """Sign as docs.deribit.com shows it, with spaces after the commas."""
    ts = ts or adapter.clock()
    content = f"{ts}\n{nonce}\nGET\n{target}\n\n"
    sig = hmac.new(account.secret.encode(), content.encode(), hashlib.sha256).hexdigest()
    header = f"deri-hmac-sha256 id={account.key}, ts={ts}, sig={sig}, nonce={nonce}"
    reply = adapter.ask("GET", f"https://www.deribit.com{target}", {"Authorization": header})
    return json.loads(reply.body)


class TestAuthentication:
    def test_a_signed_get_is_verified_over_its_raw_target(self, adapter: Live) -> None:
        target = "/api/v2/private/get_account_summary?currency=BTC&extended=true"
        assert signed_get(adapter, target)["result"]["balance"] == 100.0

    def test_a_signed_post_is_verified_over_its_raw_body(self, adapter: Live) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "private/get_positions", "params": {}})
        ts = adapter.clock()
        content = f"{ts}\nn\nPOST\n/api/v2\n{body}\n"
        sig = hmac.new(TRADER.secret.encode(), content.encode(), hashlib.sha256).hexdigest()
        header = {"Authorization": f"deri-hmac-sha256 id={TRADER.key},ts={ts},sig={sig},nonce=n"}
        answers = [
            json.loads(adapter.ask("POST", "https://www.deribit.com/api/v2", header, sent).body)
            for sent in (body, body.replace(": 1", ":1"))
        ]
        assert answers[0]["result"] == []
        assert answers[1]["error"]["code"] == 13004

    def test_every_request_of_ccxt_is_a_get(self, deribit: Any, adapter: Live) -> None:
        rest(deribit, label="mine")
        assert {request.method for request in adapter.seen} == {"GET"}

    @pytest.mark.parametrize(
        ("account", "code"),
        [
            (Account("main", "nobody", TRADER.secret), 13004),
            (Account("main", TRADER.key, "wrong"), 13004),
        ],
    )
    def test_a_wrong_key_or_signature_is_refused(self, adapter: Live, account: Account, code: int) -> None:
        with pytest.raises(ccxt.AuthenticationError, match=str(code)):
            keyed(adapter, account).fetch_balance()
        assert private(adapter, "get_positions", account)["code"] == code

    @pytest.mark.parametrize("off_ms", [-61_000, 61_000])
    def test_a_stale_or_future_timestamp_is_refused(self, adapter: Live, off_ms: int) -> None:
        adapter.market.ahead_ms = off_ms
        with pytest.raises(ccxt.AuthenticationError, match="13009"):
            keyed(adapter).fetch_balance()

    def test_a_signature_serves_its_own_target_only(self, adapter: Live) -> None:
        ts, nonce = adapter.clock(), "n"
        content = f"{ts}\n{nonce}\nGET\n/api/v2/private/get_positions\n\n"
        sig = hmac.new(TRADER.secret.encode(), content.encode(), hashlib.sha256).hexdigest()
        header = {"Authorization": f"deri-hmac-sha256 id={TRADER.key},ts={ts},sig={sig},nonce={nonce}"}
        reply = adapter.ask("GET", "https://www.deribit.com/api/v2/private/get_positions?currency=BTC", header)
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, 13004)

    def test_without_credentials_nothing_private_is_answered(self, adapter: Live) -> None:
        error = rpc(adapter, "private/get_positions")
        assert (error["code"], error["message"], error["data"]["reason"]) == (13009, "unauthorized", "invalid_token")

    @pytest.mark.parametrize("header", ["deri-hmac-sha256 nonsense", "Basic %%%", "Bearer x", "deri-hmac-sha256 id=é"])
    def test_headers_that_make_no_sense_are_refused(self, adapter: Live, header: str) -> None:
        assert rpc(adapter, "private/get_positions", header)["code"] in (13004, 13009)

    def test_a_key_that_may_only_read_reads_and_places_nothing(self, adapter: Live) -> None:
        reader = keyed(adapter, READER)
        assert reader.fetch_balance()["BTC"]["total"] == 100
        with pytest.raises(ccxt.PermissionDenied, match="13021"):
            rest(reader)
        assert keyed(adapter).fetch_open_orders(PERPETUAL) == []

    def test_tokens_by_secret_by_signature_and_by_refresh(self, adapter: Live) -> None:
        granted = rpc(
            adapter, "public/auth", grant_type="client_credentials", client_id=TRADER.key, client_secret=TRADER.secret
        )
        assert (granted["token_type"], granted["expires_in"]) == ("bearer", 900)
        bearer = f"Bearer {granted['access_token']}"
        assert rpc(adapter, "private/get_positions", bearer) == []
        renewed = rpc(adapter, "public/auth", grant_type="refresh_token", refresh_token=granted["refresh_token"])
        assert rpc(adapter, "private/get_positions", bearer)["code"] == 13009
        assert rpc(adapter, "private/get_positions", f"bearer {renewed['access_token']}") == []
        again = rpc(adapter, "public/auth", grant_type="refresh_token", refresh_token=granted["refresh_token"])
        assert again["code"] == 13009
        adapter.market.ahead_ms = 901_000
        assert rpc(adapter, "private/get_positions", f"bearer {renewed['access_token']}")["code"] == 13009

    @pytest.mark.parametrize(
        ("account", "asked", "granted"),
        [
            (TRADER, "", "account:read trade:read_write wallet:read"),
            (READER, "trade:read_write wallet:read_write", "trade:read wallet:read"),
            (WITHDRAWER, "wallet:read_write account:read", "account:read wallet:read_write"),
        ],
    )
    def test_a_token_has_what_was_asked_for_as_far_as_the_key_goes(
        self, adapter: Live, account: Account, asked: str, granted: str
    ) -> None:
        ts = adapter.clock()
        sig = hmac.new(account.secret.encode(), f"{ts}\nabc\n".encode(), hashlib.sha256).hexdigest()
        scope = {"scope": asked} if asked else {}
        answer = rpc(
            adapter, "public/auth", grant_type="client_signature", client_id=account.key, timestamp=ts, nonce="abc",
            signature=sig, **scope,
        )  # fmt: skip
        assert answer["scope"] == f"{granted} connection mainaccount"

    def test_keys_are_listed_with_their_scopes(self, adapter: Live) -> None:
        keys = {row["client_id"]: row["max_scope"] for row in private(adapter, "list_api_keys")}
        assert keys[READER.key] == "account:read trade:read wallet:read"
        assert "wallet:read_write" in keys[WITHDRAWER.key]
        assert OTHER.key not in keys

    def test_more_than_twenty_orders_at_once_are_too_many(self, adapter: Live) -> None:
        now_s = [0.0]
        adapter.venue.set_limits(1, lambda: now_s[0])
        exchange = keyed(adapter)
        price = far_below(exchange, PERPETUAL)
        for _ in range(20):
            exchange.create_order(PERPETUAL, "limit", "buy", 10, price)
        with pytest.raises(ccxt.DDoSProtection, match="10028"):
            exchange.create_order(PERPETUAL, "limit", "buy", 10, price)
        assert len(exchange.fetch_open_orders(PERPETUAL)) == 20
        now_s[0] = 4.0
        exchange.create_order(PERPETUAL, "limit", "buy", 10, price)


class TestPlacing:
    def test_a_limit_order_rests_and_is_found_by_id_and_by_label(self, deribit: Any) -> None:
        order = rest(deribit, label="my-label")
        assert (order["status"], order["filled"], order["amount"]) == ("open", 0, 100)
        assert order["info"]["label"] == "my-label"
        assert deribit.fetch_order(order["id"])["status"] == "open"
        by_label = deribit.privateGetGetOrderStateByLabel({"currency": "BTC", "label": "my-label"})["result"]
        assert [row["order_id"] for row in by_label] == [order["id"]]
        assert deribit.privateGetGetOpenOrdersByLabel({"currency": "ETH", "label": "my-label"})["result"] == []

    @pytest.mark.parametrize("symbol", [PERPETUAL, LINEAR, SPOT, "ETH/USD:ETH", "ETH/BTC"])
    def test_a_market_order_fills_at_once_with_a_fee(self, deribit: Any, symbol: str) -> None:
        amount = deribit.market(symbol)["limits"]["amount"]["min"]
        order = deribit.create_order(symbol, "market", "buy", amount)
        ask = deribit.fetch_ticker(symbol)["ask"]
        assert (order["status"], order["filled"]) == ("closed", amount)
        assert order["average"] == pytest.approx(ask, rel=0.01)
        (trade,) = deribit.fetch_my_trades(symbol)
        assert (trade["order"], trade["amount"], trade["takerOrMaker"]) == (order["id"], amount, "taker")
        taker = 0 if deribit.market(symbol)["spot"] else 0.0005
        worth = amount / trade["price"] if deribit.market(symbol)["inverse"] else amount * trade["price"]
        assert trade["fee"]["cost"] == pytest.approx(worth * taker, abs=5e-9)

    def test_an_option_is_priced_in_its_coin(self, deribit: Any) -> None:
        market = next(m for m in deribit.markets.values() if m["option"] and m["settle"] == "BTC")
        ticker = deribit.fetch_ticker(market["symbol"])
        assert ticker["ask"] < 1
        order = deribit.create_order(market["symbol"], "limit", "buy", 0.1, ticker["ask"])
        assert order["status"] == "closed"
        (position,) = deribit.privateGetGetPositions({"currency": "BTC", "kind": "option"})["result"]
        assert (Decimal(str(position["size"])), position["direction"]) == (Decimal("0.1"), "buy")
        with pytest.raises(ccxt.BadRequest, match="must be a multiple of the minimum order size"):
            deribit.create_order(market["symbol"], "limit", "buy", 0.1, ticker["ask"], {"amount": "0.05"})

    def test_a_cheap_option_has_a_finer_tick(self, deribit: Any) -> None:
        symbol = next(m["symbol"] for m in deribit.markets.values() if m["option"] and m["settle"] == "BTC")
        assert deribit.create_order(symbol, "limit", "buy", 0.1, 0.0012)["price"] == 0.0012
        with pytest.raises(ccxt.BadRequest, match="must conform to tick size"):
            deribit.create_order(symbol, "limit", "sell", 0.1, 0.9001)

    def test_ids_are_written_as_the_venue_writes_them(self, deribit: Any) -> None:
        assert rest(deribit)["id"].isdigit()
        assert rest(deribit, "ETH/USD:ETH")["id"].startswith("ETH-")
        assert rest(deribit, LINEAR, 0.01)["id"].startswith("USDC-")
        assert rest(deribit, SPOT, 0.01)["id"].startswith("BTC_USDC-")

    def test_an_order_has_the_fields_of_the_documentation(self, adapter: Live, deribit: Any) -> None:
        price = far_below(deribit, PERPETUAL)
        answer = private(
            adapter, "buy", instrument_name="BTC-PERPETUAL", amount=20, price=price, label="l", type="limit"
        )
        assert answer["trades"] == []
        order = answer["order"]
        assert {
            "order_id", "order_state", "order_type", "instrument_name", "direction", "time_in_force", "amount",
            "filled_amount", "average_price", "price", "post_only", "reduce_only", "label", "creation_timestamp",
            "last_update_timestamp", "contracts", "is_liquidation", "replaced", "api", "web", "mmp", "risk_reducing",
        } == set(order)  # fmt: skip
        assert (order["amount"], order["contracts"], order["price"]) == (20.0, 2.0, price)

    def test_immediate_or_cancel_leaves_nothing_in_the_book(self, deribit: Any) -> None:
        order = rest(deribit, timeInForce="IOC")
        assert (order["status"], order["filled"]) == ("canceled", 0)
        assert deribit.fetch_open_orders(PERPETUAL) == []

    def test_fill_or_kill_fills_whole_or_not(self, deribit: Any) -> None:
        assert rest(deribit, timeInForce="FOK")["status"] == "canceled"
        ask = deribit.fetch_ticker(PERPETUAL)["ask"]
        order = deribit.create_order(PERPETUAL, "limit", "buy", 10, ask * 1.01 // 0.5 * 0.5, {"timeInForce": "FOK"})
        assert (order["status"], order["filled"]) == ("closed", 10)

    def test_post_only_is_refused_where_it_would_take_and_moved_where_it_may(self, adapter: Live, deribit: Any) -> None:
        ticker = deribit.fetch_ticker(PERPETUAL)
        high = ticker["ask"] + 50
        with pytest.raises(ccxt.InvalidOrder, match="11054"):
            deribit.create_order(PERPETUAL, "limit", "buy", 10, high, {"postOnly": True})
        moved = private(adapter, "buy", instrument_name="BTC-PERPETUAL", amount=10, price=high, post_only=True)["order"]
        assert moved["order_state"] == "open"
        assert moved["price"] < high

    def test_reduce_only_needs_a_position_and_never_turns_it(self, deribit: Any) -> None:
        with pytest.raises(ccxt.ExchangeError, match=r"11030.*invalid_reduce_only_order"):
            deribit.create_order(PERPETUAL, "market", "sell", 10, None, {"reduceOnly": True})
        deribit.create_order(PERPETUAL, "market", "buy", 100)
        closed = deribit.create_order(PERPETUAL, "market", "sell", 250, None, {"reduceOnly": True})
        assert closed["filled"] == 100
        assert deribit.fetch_positions() == []

    def test_a_label_may_be_used_again_and_a_repeated_order_is_a_second_order(self, deribit: Any) -> None:
        first, second = rest(deribit, label="twin"), rest(deribit, label="twin")
        assert first["id"] != second["id"]
        rows = deribit.privateGetGetOrderStateByLabel({"currency": "BTC", "label": "twin"})["result"]
        assert {row["order_id"] for row in rows} == {first["id"], second["id"]}

    def test_valid_until_stops_what_comes_late(self, adapter: Live, deribit: Any) -> None:
        with pytest.raises(ccxt.ExchangeError, match='"code":13888,"message":"timed_out"'):
            rest(deribit, valid_until=adapter.clock() - 1)
        assert deribit.fetch_open_orders(PERPETUAL) == []
        assert rest(deribit, valid_until=adapter.clock() + 5_000)["status"] == "open"

    def test_a_label_has_64_characters_at_most(self, deribit: Any) -> None:
        assert rest(deribit, label="x" * 64)["info"]["label"] == "x" * 64
        with pytest.raises(ccxt.BadRequest, match="label"):
            rest(deribit, label="x" * 65)

    @pytest.mark.parametrize(
        ("params", "error", "words"),
        [
            ({"amount": "15"}, ccxt.BadRequest, "must be a multiple of the minimum order size"),
            ({"amount": "5"}, ccxt.BadRequest, "must be a multiple of the minimum order size"),
            ({"amount": ""}, ccxt.BadRequest, "amount"),
            ({"amount": "-10"}, ccxt.BadRequest, "amount"),
            ({"amount": "NaN"}, ccxt.BadRequest, "wrong format"),
            ({"price": "1000.3"}, ccxt.BadRequest, "must conform to tick size"),
            ({"price": ""}, ccxt.BadRequest, "price"),
            ({"type": "stop_limit"}, ccxt.BadRequest, "trigger_price"),
            ({"type": "trailing_stop"}, ccxt.NotSupported, "10033"),
            ({"time_in_force": "good_til_day"}, ccxt.NotSupported, "10033"),
            ({"instrument_name": "BTC-NOTHING"}, ccxt.BadRequest, "instrument not found"),
            ({"amount": "1000000000"}, ccxt.InsufficientFunds, "10009"),
            ({"contracts": "3"}, ccxt.BadRequest, "contracts"),
        ],
    )
    def test_what_the_venue_refuses(self, deribit: Any, params: dict[str, str], error: type, words: str) -> None:
        with pytest.raises(error, match=words):
            deribit.create_order(PERPETUAL, "limit", "buy", 10, 10_000, params)
        assert deribit.fetch_open_orders(PERPETUAL) == []

    def test_spot_is_paid_for_with_what_is_there(self, deribit: Any) -> None:
        with pytest.raises(ccxt.ExchangeError, match=r"10039.*not_enough_funds_in_currency BTC"):
            deribit.create_order(SPOT, "market", "sell", 101)
        before = deribit.fetch_balance()
        deribit.create_order(SPOT, "market", "sell", 1)
        after = deribit.fetch_balance()
        assert after["BTC"]["total"] == before["BTC"]["total"] - 1
        assert after["USDC"]["total"] > before["USDC"]["total"] + 1000


class TestChanging:
    def test_an_order_is_edited_in_place(self, deribit: Any) -> None:
        order = rest(deribit, label="edited")
        changed = deribit.edit_order(order["id"], PERPETUAL, "limit", "buy", 200, order["price"] - 10)
        assert (changed["id"], changed["amount"], changed["price"]) == (order["id"], 200, order["price"] - 10)
        assert changed["info"]["replaced"] is True
        assert changed["info"]["label"] == "edited"

    def test_an_edit_that_breaks_a_rule_changes_nothing(self, deribit: Any) -> None:
        order = rest(deribit)
        with pytest.raises(ccxt.BadRequest, match="multiple"):
            deribit.edit_order(order["id"], PERPETUAL, "limit", "buy", 105, order["price"], {"amount": "105"})
        with pytest.raises(ccxt.ExchangeError, match="13888"):
            deribit.edit_order(order["id"], PERPETUAL, "limit", "buy", 300, order["price"], {"valid_until": 1})
        assert deribit.fetch_order(order["id"])["amount"] == 100

    def test_cancelling_by_id(self, deribit: Any) -> None:
        order = rest(deribit)
        assert deribit.cancel_order(order["id"], PERPETUAL)["status"] == "canceled"
        assert deribit.fetch_order(order["id"])["info"]["cancel_reason"] == "user_request"
        with pytest.raises(ccxt.InvalidOrder, match="11044"):
            deribit.cancel_order(order["id"], PERPETUAL)
        with pytest.raises(ccxt.OrderNotFound, match="10004"):
            deribit.cancel_order("999", PERPETUAL)

    def test_another_owner_sees_and_cancels_nothing(self, adapter: Live, deribit: Any) -> None:
        order = rest(deribit, label="private")
        stranger = keyed(adapter, OTHER)
        with pytest.raises(ccxt.OrderNotFound):
            stranger.cancel_order(order["id"], PERPETUAL)
        assert stranger.privateGetCancelByLabel({"label": "private"})["result"] == 0
        assert deribit.fetch_order(order["id"])["status"] == "open"

    def test_cancelling_by_label_takes_all_that_carry_it(self, deribit: Any) -> None:
        for _ in range(2):
            rest(deribit, label="group")
        rest(deribit, "ETH/USD:ETH", label="group")
        kept = rest(deribit, label="other")
        assert deribit.privateGetCancelByLabel({"label": "group", "currency": "BTC"})["result"] == 2
        assert deribit.privateGetCancelByLabel({"label": "group"})["result"] == 1
        assert [order["id"] for order in deribit.fetch_open_orders(PERPETUAL)] == [kept["id"]]

    def test_mass_cancels_take_stops_too_unless_told(self, deribit: Any) -> None:
        stop = place_stop(deribit)
        limit = rest(deribit)
        assert (
            deribit.privateGetCancelAllByInstrument({"instrument_name": "BTC-PERPETUAL", "type": "limit"})["result"]
            == 1
        )
        assert deribit.fetch_order(limit["id"])["status"] == "canceled"
        assert deribit.fetch_order(stop["id"])["status"] == "open"
        deribit.cancel_all_orders(PERPETUAL)
        assert deribit.fetch_order(stop["id"])["status"] == "canceled"
        rest(deribit, LINEAR, 0.01)
        assert deribit.privateGetCancelAllByCurrency({"currency": "BTC"})["result"] == 0
        assert deribit.privateGetCancelAllByCurrency({"currency": "USDC", "kind": "future"})["result"] == 1


def place_stop(exchange: Any, kind: str = "market", **params: Any) -> dict[str, Any]:
    """A stop loss of a long: sell once the last trade is a tenth lower."""
    last = exchange.fetch_ticker(PERPETUAL)["bid"]
    trigger = float(exchange.price_to_precision(PERPETUAL, last * 0.9))
    price = trigger - 100 if kind == "limit" else None
    return exchange.create_order(PERPETUAL, kind, "sell", 50, price, {"stopLossPrice": trigger, **params})


class TestTriggers:
    @pytest.mark.parametrize("kind", ["market", "limit"])
    def test_a_stop_waits_among_the_open_orders(self, deribit: Any, kind: str) -> None:
        order = place_stop(deribit, kind, label="stop")
        info = order["info"]
        assert (info["order_state"], info["order_type"], info["trigger"]) == (
            "untriggered",
            f"stop_{kind}",
            "last_price",
        )
        assert info["order_id"].startswith("SLTS-")
        assert info["price"] == "market_price" if kind == "market" else float(info["price"])
        for wanted, count in (("all", 1), ("trigger_all", 1), (f"stop_{kind}", 1), ("stop_all", 1), ("limit", 0)):
            assert len(deribit.fetch_open_orders(PERPETUAL, None, None, {"type": wanted})) == count, wanted
        assert deribit.cancel_order(order["id"])["status"] == "canceled"

    def test_a_triggered_stop_makes_an_order_with_another_id_and_the_same_label(
        self, adapter: Live, deribit: Any
    ) -> None:
        deribit.create_order(PERPETUAL, "market", "buy", 50)
        stop = place_stop(deribit, label="guard", reduceOnly=True)
        price = Decimal(str(stop["info"]["trigger_price"]))
        adapter.venue.exchange.print_trade(listing("BTC-PERPETUAL"), price, Decimal(10), "sell", adapter.clock())
        assert deribit.fetch_order(stop["id"])["info"]["order_state"] == "triggered"
        rows = deribit.privateGetGetOrderStateByLabel({"currency": "BTC", "label": "guard"})["result"]
        made = next(row for row in rows if row["order_id"] != stop["id"])
        assert (made["trigger_order_id"], made["order_state"], made["order_type"]) == (stop["id"], "filled", "market")
        assert deribit.fetch_positions() == []
        assert deribit.fetch_my_trades(PERPETUAL)[-1]["order"] == made["order_id"]
        entry = deribit.privateGetGetTriggerOrderHistory({"currency": "BTC"})["result"]["entries"][0]
        assert (entry["trigger_order_id"], entry["order_id"]) == (stop["id"], made["order_id"])
        assert (entry["order_state"], entry["request"]) == ("triggered", "trigger:order")

    def test_a_cancelled_stop_is_in_the_trigger_history_and_not_among_the_orders(self, deribit: Any) -> None:
        stop = place_stop(deribit)
        deribit.cancel_order(stop["id"])
        entry = deribit.privateGetGetTriggerOrderHistory({"currency": "BTC"})["result"]["entries"][0]
        assert (entry["trigger_order_id"], entry["order_state"], entry["request"]) == (
            stop["id"],
            "cancelled",
            "cancel",
        )
        assert deribit.fetch_closed_orders(PERPETUAL, None, None, {"include_unfilled": True}) == []

    def test_a_stop_on_the_wrong_side_is_refused(self, deribit: Any) -> None:
        high = deribit.fetch_ticker(PERPETUAL)["ask"] * 1.1 // 0.5 * 0.5
        with pytest.raises(ccxt.InvalidOrder, match=r"10034.*trigger_price_too_high"):
            deribit.create_order(PERPETUAL, "market", "sell", 10, None, {"stopLossPrice": high})
        taken = deribit.create_order(PERPETUAL, "market", "sell", 10, None, {"takeProfitPrice": high})
        assert (taken["info"]["order_type"], taken["info"]["order_id"][:4]) == ("take_market", "TPTS")

    @pytest.mark.parametrize("source", ["mark_price", "index_price"])
    def test_a_stop_may_look_at_mark_or_index(self, deribit: Any, source: str) -> None:
        assert place_stop(deribit, trigger=source)["info"]["trigger"] == source


class TestLists:
    def test_open_orders_of_every_currency_at_once(self, deribit: Any) -> None:
        ids = {rest(deribit)["id"], rest(deribit, LINEAR, 0.01)["id"], rest(deribit, SPOT, 0.01)["id"]}
        rows = deribit.privateGetGetOpenOrders()["result"]
        assert {row["order_id"] for row in rows} == ids
        spots = deribit.privateGetGetOpenOrders({"kind": "spot"})["result"]
        assert [row["instrument_name"] for row in spots] == ["BTC_USDC"]
        assert len(deribit.fetch_open_orders(None, None, None, {"code": "USDC"})) == 2

    def test_orders_without_a_fill_are_in_the_history_only_when_asked_for(self, deribit: Any) -> None:
        order = rest(deribit)
        deribit.cancel_order(order["id"])
        filled = deribit.create_order(PERPETUAL, "market", "buy", 10)
        assert [o["id"] for o in deribit.fetch_closed_orders(PERPETUAL)] == [filled["id"]]
        both = deribit.fetch_closed_orders(PERPETUAL, None, None, {"include_unfilled": True})
        assert {o["id"] for o in both} == {order["id"], filled["id"]}

    def test_what_is_older_than_half_an_hour_is_history(self, adapter: Live, deribit: Any) -> None:
        order = rest(deribit, label="old")
        deribit.cancel_order(order["id"])
        query = {"instrument_name": "BTC-PERPETUAL", "include_unfilled": True}
        assert private(adapter, "get_order_history_by_instrument", **query, historical=True) == []
        adapter.market.ahead_ms = INDEXING_MS
        assert len(private(adapter, "get_order_history_by_instrument", **query, historical=True)) == 1
        assert len(private(adapter, "get_order_history_by_instrument", **query)) == 1
        adapter.market.ahead_ms = ORDERS_RECENT_MS + 1000
        assert private(adapter, "get_order_history_by_instrument", **query) == []
        assert private(adapter, "get_order_state_by_label", currency="BTC", label="old") == []
        assert private(adapter, "get_order_state", order_id=order["id"])["code"] == 10004
        (row,) = private(adapter, "get_order_history_by_instrument", **query, historical=True)
        assert (row["order_id"], row["label"]) == (order["id"], "old")

    def test_the_history_is_paged(self, deribit: Any) -> None:
        ids = [deribit.create_order(PERPETUAL, "market", "buy", 10)["id"] for _ in range(5)]
        pages = [
            deribit.privateGetGetOrderHistoryByInstrument({"instrument_name": "BTC-PERPETUAL", "count": 2, "offset": n})
            for n in (0, 2, 4)
        ]
        assert [row["order_id"] for page in pages for row in page["result"]] == ids[::-1]

    def test_own_trades_are_paged_by_time(self, deribit: Any) -> None:
        for _ in range(3):
            deribit.create_order(PERPETUAL, "market", "buy", 10)
        newest = deribit.privateGetGetUserTradesByInstrument({"instrument_name": "BTC-PERPETUAL", "count": 2})["result"]
        assert (len(newest["trades"]), newest["has_more"]) == (2, True)
        oldest = deribit.privateGetGetUserTradesByInstrumentAndTime(
            {"instrument_name": "BTC-PERPETUAL", "count": 2, "start_timestamp": NOW_MS - 1000}
        )["result"]
        assert oldest["trades"][0]["trade_seq"] < newest["trades"][1]["trade_seq"]
        assert oldest["has_more"] is True
        trade = oldest["trades"][0]
        assert {
            "trade_id", "trade_seq", "order_id", "order_type", "state", "instrument_name", "timestamp", "direction",
            "price", "amount", "liquidity", "fee", "fee_currency", "index_price", "mark_price", "tick_direction",
            "matching_id", "profit_loss", "reduce_only", "post_only", "contracts", "self_trade", "api", "mmp",
            "risk_reducing",
        } == set(trade)  # fmt: skip

    def test_trades_carry_the_label_and_belong_to_their_order(self, deribit: Any) -> None:
        order = deribit.create_order(PERPETUAL, "market", "buy", 10, None, {"label": "mine"})
        assert order["trades"][0]["info"]["label"] == "mine"
        rows = deribit.privateGetGetUserTradesByOrder({"order_id": order["id"]})["result"]
        assert [row["label"] for row in rows] == ["mine"]

    def test_a_resting_order_is_filled_as_maker(self, adapter: Live, deribit: Any) -> None:
        order = rest(deribit, amount=30, label="maker")
        price = Decimal(str(order["price"]))
        adapter.venue.exchange.print_trade(listing("BTC-PERPETUAL"), price - 1, Decimal(100), "sell", adapter.clock())
        found = deribit.fetch_order(order["id"])
        assert (found["status"], found["filled"]) == ("closed", 30)
        (trade,) = deribit.fetch_my_trades(PERPETUAL)
        assert (trade["takerOrMaker"], trade["price"], trade["fee"]["cost"]) == ("maker", order["price"], 0)


class TestMoney:
    def test_balances_per_currency(self, deribit: Any) -> None:
        balance = deribit.fetch_balance()
        assert {"BTC", "ETH", "USDC", "USDT"} <= set(balance["total"])
        assert balance["USDC"]["total"] == 1_000_000
        assert deribit.fetch_balance({"code": "ETH"})["ETH"]["free"] == 1000

    def test_a_resting_order_lowers_what_is_available(self, deribit: Any) -> None:
        order = rest(deribit, amount=1_000_000)
        summary = deribit.privateGetGetAccountSummary({"currency": "BTC"})["result"]
        margin = Decimal(1_000_000) / Decimal(str(order["price"])) / 50
        assert Decimal(summary["initial_margin"]) == pytest.approx(margin, rel=Decimal("1e-6"))
        assert Decimal(summary["available_funds"]) == pytest.approx(100 - margin)
        assert summary["limits"]["matching_engine"]["trading"]["total"] == {"rate": 5, "burst": 20}

    def test_a_short_has_a_negative_size_in_dollars(self, deribit: Any) -> None:
        deribit.create_order(PERPETUAL, "market", "sell", 1000)
        (row,) = deribit.privateGetGetPositions()["result"]
        assert (Decimal(row["size"]), row["direction"], row["kind"]) == (-1000, "sell", "future")
        assert Decimal(row["size_currency"]) == pytest.approx(-1000 / Decimal(row["mark_price"]))
        (position,) = deribit.fetch_positions()
        assert (position["symbol"], position["side"], position["contracts"]) == (PERPETUAL, "short", -1000)

    def test_a_linear_position_counts_coins(self, deribit: Any) -> None:
        deribit.create_order(LINEAR, "market", "buy", 0.5)
        (row,) = deribit.privateGetGetPositions({"currency": "USDC"})["result"]
        assert (Decimal(row["size"]), Decimal(row["size_currency"])) == (Decimal("0.5"), Decimal("0.5"))
        assert deribit.privateGetGetPositions({"currency": "BTC"})["result"] == []
        assert deribit.fetch_position(LINEAR)["contracts"] == 0.5

    def test_the_log_has_trades_and_the_daily_settlement_with_its_funding(self, adapter: Live, deribit: Any) -> None:
        order = deribit.create_order(PERPETUAL, "market", "buy", 100_000, None, {"label": "carry"})
        settlement_ms = settled_at(adapter.clock())
        assert settlement_ms % DAY_MS == SETTLEMENT_MS
        adapter.market.ahead_ms = settlement_ms + 1000 - adapter.clock()
        span = {"currency": "BTC", "start_timestamp": NOW_MS - 1000, "end_timestamp": settlement_ms + 1000}
        rows = [row for row in private(adapter, "get_transaction_log", **span)["logs"] if row["type"] != "deposit"]
        assert [row["type"] for row in rows[:1]] == ["settlement"]
        assert rows[-1]["type"] == "trade"
        assert rows[-1]["order_id"] == order["id"]
        settlement = rows[0]
        paid = adapter.venue.exchange.funding_payments(TRADER, adapter.clock())
        assert paid
        assert settlement["total_interest_pl"] == pytest.approx(float(sum(p.amount for p in paid)), abs=1e-10)
        assert (settlement["instrument_name"], settlement["timestamp"]) == ("BTC-PERPETUAL", settlement_ms)
        only = private(adapter, "get_transaction_log", **span, query="settlement")["logs"]
        assert {row["type"] for row in only} == {"settlement"}

    def test_the_log_is_paged_by_continuation(self, adapter: Live, deribit: Any) -> None:
        for _ in range(3):
            deribit.create_order(PERPETUAL, "market", "buy", 10)
        span = {
            "currency": "BTC",
            "start_timestamp": NOW_MS - 1000,
            "end_timestamp": adapter.clock() + 1000,
            "query": "trade",
            "count": 2,
        }
        first = private(adapter, "get_transaction_log", **span)
        second = private(adapter, "get_transaction_log", **span, continuation=first["continuation"])
        ids = [row["id"] for row in first["logs"] + second["logs"]]
        assert len(set(ids)) == len(ids) == 3
        assert second["continuation"] is None


def test_a_get_and_a_post_of_the_same_method_place_the_same_order(adapter: Live) -> None:
    params = {"instrument_name": "BTC-PERPETUAL", "amount": "10", "price": "10000", "label": "both"}
    by_get = signed_get(adapter, f"/api/v2/private/buy?{urlencode(params)}")["result"]["order"]
    by_post = private(adapter, "buy", instrument_name="BTC-PERPETUAL", amount=10, price=10000.0, label="both")["order"]
    ids = {by_get.pop("order_id"), by_post.pop("order_id")}
    assert len(ids) == 2
    for name in ("creation_timestamp", "last_update_timestamp"):
        assert by_get.pop(name) <= by_post.pop(name)
    assert by_get == by_post
