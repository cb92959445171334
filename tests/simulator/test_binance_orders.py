"""The simulated Binance's private side, traded by ccxt, by the venue's official SDKs and by requests signed by hand."""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import ccxt
import pytest

from simulator.exchange.store import Store
from simulator.market.listings import binance as catalogue
from simulator.market.model import Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimReply
from simulator.venues.binance import Binance
from simulator.venues.binance_auth import ACCOUNTS
from tests.simulator.mounted import Mounted
from tests.simulator.mounted import client as mounted_client

SPOT, LINEAR = "BTC/USDT", "BTC/USDT:USDT"
BOTH = (SPOT, LINEAR)
SPOT_URL, LINEAR_URL = "https://api.binance.com", "https://fapi.binance.com"
FULL, READING, WITHDRAWING, OTHER = ACCOUNTS


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Live(Mounted):
    """The venue's clock is the wall clock, moved by `shift_ms`."""

    shift_ms = 0

    def ask(self, method: str, url: str, headers: Any = None, body: bytes | str = b"") -> SimReply:
        self.now_ms = wall_ms() + self.shift_ms
        return super().ask(method, url, headers, body)


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, wall_ms(), frozen=True, listings=catalogue.listings(wall_ms()))


@pytest.fixture
def venue(market: SyntheticMarket) -> Binance:
    made = Binance(market, wall_ms)
    made.set_limits(float("inf"))
    return made


@pytest.fixture
def adapter(venue: Binance) -> Live:
    return Live(venue)


def signed_in(adapter: Live, account: Any = FULL, **options: Any) -> Any:
    groups = {"fetchMarkets": {"types": ["spot", "linear"]}, "fetchMargins": False, "fetchCurrencies": False}
    exchange = mounted_client(
        ccxt.binance, adapter, apiKey=account.key, secret=account.secret, options={**groups, **options}
    )
    exchange.options["fetchOpenOrders"] = {"warnWithoutSymbol": False}
    return exchange


@pytest.fixture
def client(adapter: Live) -> Iterator[Any]:
    exchange = signed_in(adapter)
    yield exchange
    exchange.session.close()


def listing(venue: Binance, symbol: str) -> Listing:
    return venue.by_id["spot" if symbol == SPOT else "linear", "BTCUSDT"]


def bid(client: Any, symbol: str, factor: float = 1.0) -> float:
    price = client.fetch_order_book(symbol, 5)["bids"][0][0] * factor
    return float(client.price_to_precision(symbol, price))


def resting(client: Any, symbol: str, **params: Any) -> Any:
    return client.create_order(symbol, "limit", "buy", 0.01, bid(client, symbol, 0.97), params)


def call(
    adapter: Live,
    method: str,
    url: str,
    params: dict[str, Any] | None = None,
    *,
    account: Any = FULL,
    body: bool = False,
    **changes: Any,
) -> tuple[int, Any]:
    """Sign by hand; `changes` override what is sent (`signature`, `timestamp`, `secret`)."""
    query = {**(params or {}), "timestamp": changes.get("timestamp", wall_ms())}
    text = urlencode(query)
    secret = changes.get("secret", account.secret)
    mac = changes.get("signature") or hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    text += f"&signature={mac}"
    headers = {"X-MBX-APIKEY": changes.get("key", account.key)}
    reply = adapter.ask(method, url if body else f"{url}?{text}", headers, text if body else b"")
    return reply.status, json.loads(reply.body)


# --- keys ---


def test_its_keys_have_the_shape_of_real_ones():
    assert all(len(each.key) == len(each.secret) == 64 and each.key.isalnum() for each in ACCOUNTS)
    assert len({each.key for each in ACCOUNTS}) == len(ACCOUNTS)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"key": ""}, 401, -2014),
        ({"key": "x" * 64}, 401, -2015),
        ({"secret": "wrong"}, 400, -1022),
        ({"signature": "Ä"}, 400, -1022),
        ({"timestamp": 1}, 400, -1021),
        ({"timestamp": "soon"}, 400, -1102),
        ({"timestamp": 9_999_999_999_999}, 400, -1021),
    ],
)
@pytest.mark.parametrize("url", [f"{SPOT_URL}/api/v3/account", f"{LINEAR_URL}/fapi/v3/account"])
def test_who_signs_wrongly_is_refused(adapter, url, changes, status, code):
    answered, payload = call(adapter, "GET", url, **changes)
    assert (answered, payload["code"]) == (status, code)


def test_a_request_is_taken_within_its_window_and_not_after(adapter):
    url = f"{SPOT_URL}/api/v3/account"
    assert call(adapter, "GET", url, timestamp=wall_ms() - 4_000)[0] == 200
    assert call(adapter, "GET", url, timestamp=wall_ms() - 6_000)[1]["code"] == -1021
    assert call(adapter, "GET", url, {"recvWindow": 10_000}, timestamp=wall_ms() - 6_000)[0] == 200
    assert call(adapter, "GET", url, {"recvWindow": 60_001})[1]["code"] == -1131


def test_the_signature_covers_query_and_body_wherever_the_parameters_are(adapter):
    url = f"{SPOT_URL}/api/v3/order/test"
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    assert call(adapter, "POST", url, params) == (200, {})
    assert call(adapter, "POST", url, params, body=True) == (200, {})
    first, rest = urlencode({"symbol": "BTCUSDT"}), urlencode({**params, "timestamp": wall_ms()}).partition("&")[2]
    mac = hmac.new(FULL.secret.encode(), (first + rest).encode(), hashlib.sha256).hexdigest()
    reply = adapter.ask("POST", f"{url}?{first}", {"X-MBX-APIKEY": FULL.key}, f"{rest}&signature={mac}")
    assert reply.status == 200


def test_ccxt_sees_the_errors_of_a_bad_key_signature_clock_and_permission(adapter):
    stranger = signed_in(adapter, type(FULL)("x", "x" * 64, "y" * 64))
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        signed_in(adapter, type(FULL)("x", FULL.key, "wrong")).fetch_balance()
    adapter.shift_ms = 60_000
    with pytest.raises(ccxt.InvalidNonce):
        signed_in(adapter).fetch_balance()
    adapter.shift_ms = 0
    reading = signed_in(adapter, READING)
    for symbol in BOTH:
        with pytest.raises(ccxt.AuthenticationError):
            resting(reading, symbol)
    assert reading.fetch_balance()["total"]["USDT"] == 1_000_000


def test_a_missing_permission_looks_like_a_ban_to_ccxt_once_a_call_has_succeeded(adapter):
    reading = signed_in(adapter, READING)
    reading.fetch_balance()
    with pytest.raises(ccxt.DDoSProtection):
        resting(reading, SPOT)


@pytest.mark.parametrize(("account", "trades", "withdraws"), [(FULL, True, False), (READING, False, False)])
def test_a_key_can_ask_what_it_may_do(adapter, account, trades, withdraws):
    told = signed_in(adapter, account).sapiGetAccountApiRestrictions()
    assert (told["enableReading"], told["enableSpotAndMarginTrading"], told["enableFutures"]) == (True, trades, trades)
    assert told["enableWithdrawals"] is withdraws
    assert signed_in(adapter, WITHDRAWING).sapiGetAccountApiRestrictions()["enableWithdrawals"] is True


def test_accounts_see_their_own_orders_only(adapter, client):
    mine = resting(client, SPOT)
    other = signed_in(adapter, OTHER)
    assert other.fetch_open_orders() == []
    with pytest.raises(ccxt.OrderNotFound):
        other.fetch_order(mine["id"], SPOT)
    with pytest.raises(ccxt.OrderNotFound):
        other.cancel_order(mine["id"], SPOT)
    assert [each["id"] for each in signed_in(adapter, READING).fetch_open_orders()] == [mine["id"]]


# --- orders through ccxt ---


@pytest.mark.parametrize("symbol", BOTH)
def test_an_order_is_placed_found_by_either_id_and_cancelled(client, symbol):
    made = resting(client, symbol, clientOrderId="my-1")
    assert (made["clientOrderId"], made["status"], made["filled"], made["amount"]) == ("my-1", "open", 0, 0.01)
    for asked in (client.fetch_order(made["id"], symbol), client.fetch_order(None, symbol, {"clientOrderId": "my-1"})):
        assert (asked["id"], asked["status"], asked["price"]) == (made["id"], "open", made["price"])
        assert asked["timestamp"]
    assert [each["id"] for each in client.fetch_open_orders(symbol)] == [made["id"]]
    assert client.cancel_order(None, symbol, {"clientOrderId": "my-1"})["status"] == "canceled"
    assert client.fetch_order(made["id"], symbol)["status"] == "canceled"
    assert client.fetch_open_orders(symbol) == []
    assert [each["id"] for each in client.fetch_canceled_orders(symbol)] == [made["id"]]


@pytest.mark.parametrize("symbol", BOTH)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_is_filled_with_fees(client, symbol, side):
    made = client.create_order(symbol, "market", side, 0.01)
    assert (made["status"], made["filled"]) == ("closed", 0.01)
    trades = client.fetch_my_trades(symbol)
    assert sum(each["amount"] for each in trades) == pytest.approx(0.01)
    assert {(each["order"], each["side"], each["takerOrMaker"]) for each in trades} == {(made["id"], side, "taker")}
    assert all(each["fee"]["cost"] > 0 for each in trades)
    assert made["average"] == pytest.approx(made["cost"] / 0.01)


def test_a_spot_market_order_by_quote_spends_that_much(client):
    made = client.create_market_buy_order_with_cost(SPOT, 500)
    assert made["status"] == "closed"
    assert 400 < made["cost"] <= 500


def test_time_in_force_and_post_only_end_as_the_venue_has_it(client):
    for symbol in BOTH:
        low, high = bid(client, symbol, 0.97), bid(client, symbol, 1.01)
        assert client.create_order(symbol, "limit", "buy", 0.01, low, {"timeInForce": "IOC"})["status"] == "expired"
        filled = client.create_order(symbol, "limit", "buy", 0.01, high, {"timeInForce": "FOK"})
        assert filled["status"] == "closed"
        kept = client.create_order(symbol, "limit", "buy", 0.01, low, {"postOnly": True})
        assert (kept["status"], kept["postOnly"]) == ("open", True)
    low = bid(client, SPOT, 0.97)
    assert client.create_order(SPOT, "limit", "buy", 0.01, low, {"timeInForce": "FOK"})["status"] == "expired"
    with pytest.raises(ccxt.OrderNotFillable):
        client.create_order(LINEAR, "limit", "buy", 0.01, low, {"timeInForce": "FOK", "clientOrderId": "fok"})
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(None, LINEAR, {"clientOrderId": "fok"})
    assert "expired" not in {each["status"] for each in client.fetch_orders(LINEAR) if each["timeInForce"] == "FOK"}


@pytest.mark.parametrize(
    ("symbol", "what", "error"),
    [
        (SPOT, {"amount": 20}, ccxt.InsufficientFunds),
        (SPOT, {"amount": 0.00002}, ccxt.BadRequest),
        (SPOT, {"price": 1_000.0}, ccxt.InvalidOrder),
        (SPOT, {"params": {"postOnly": True}, "factor": 1.01}, ccxt.OrderImmediatelyFillable),
        (SPOT, {"params": {"reduceOnly": True}}, ccxt.BadRequest),
        (SPOT, {"params": {"clientOrderId": "ä"}}, ccxt.BadRequest),
        (SPOT, {"params": {"clientOrderId": "x" * 37}}, ccxt.BadRequest),
        (SPOT, {"params": {"triggerPrice": 1_000.0}}, ccxt.OrderImmediatelyFillable),
        (LINEAR, {"amount": 900}, ccxt.InsufficientFunds),
        (LINEAR, {"amount": 0.001, "price": 10_000.0}, ccxt.InvalidOrder),
        (LINEAR, {"amount": 5_000}, ccxt.BadRequest),
        (LINEAR, {"price": 500_000.0}, ccxt.BadRequest),
        (LINEAR, {"params": {"postOnly": True}, "factor": 1.01}, ccxt.OrderNotFillable),
        (LINEAR, {"params": {"reduceOnly": True}}, ccxt.InvalidOrder),
        (LINEAR, {"params": {"clientOrderId": "x" * 37}}, ccxt.BadRequest),
        (LINEAR, {"params": {"clientOrderId": "a b"}}, ccxt.BadRequest),
        (LINEAR, {"params": {"triggerPrice": 1_000.0}}, ccxt.OrderImmediatelyFillable),
        (LINEAR, {"params": {"hedged": True}}, ccxt.OperationRejected),
    ],
)
def test_what_breaks_a_rule_is_refused_as_ccxt_expects(client, symbol, what, error):
    price = what.get("price") or bid(client, symbol, what.get("factor", 0.97))
    with pytest.raises(error) as caught:
        client.create_order(symbol, "limit", "buy", what.get("amount", 0.01), price, what.get("params", {}))
    assert type(caught.value) is error
    assert client.fetch_orders(symbol) == []


@pytest.mark.parametrize(
    ("url", "params", "code", "words"),
    [
        (SPOT_URL, {"price": "80000.001"}, -1013, "PRICE_FILTER"),
        (SPOT_URL, {"quantity": "0.010001"}, -1013, "LOT_SIZE"),
        (SPOT_URL, {"quantity": "0.0100000001"}, -1111, "precision"),
        (SPOT_URL, {"quantity": "1e-2"}, -1100, "quantity"),
        (SPOT_URL, {"quantity": ""}, -1105, "quantity"),
        (SPOT_URL, {"side": "LONG"}, -1117, "side"),
        (SPOT_URL, {"type": "ICEBERG"}, -1116, "orderType"),
        (SPOT_URL, {"timeInForce": "GTX"}, -1115, "timeInForce"),
        (SPOT_URL, {"icebergQty": "0.001"}, -1020, "not supported"),
        (SPOT_URL, {"symbol": "XYZUSDT"}, -1121, "symbol"),
        (LINEAR_URL, {"price": "80000.05"}, -4014, "tick size"),
        (LINEAR_URL, {"price": "80000.001"}, -1111, "Precision"),
        (LINEAR_URL, {"quantity": "0.0101"}, -1111, "Precision"),
        (LINEAR_URL, {"quantity": "0.000"}, -4003, "zero"),
        (LINEAR_URL, {"price": "0"}, -4001, "Price"),
        (LINEAR_URL, {"price": "10"}, -4013, "min price"),
        (LINEAR_URL, {"price": "9999999"}, -4002, "max price"),
        (LINEAR_URL, {"type": "STOP_MARKET", "stopPrice": "90000"}, -4120, "Algo Order"),
        (LINEAR_URL, {"positionSide": "LONG"}, -4061, "position side"),
    ],
)
def test_each_filter_has_its_own_code(adapter, url, params, code, words):
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    path = "/api/v3/order" if url == SPOT_URL else "/fapi/v1/order"
    status, payload = call(adapter, "POST", url + path, {**order, "price": "80000", **params})
    assert (status, payload["code"]) == (400, code)
    assert words in payload["msg"]


def test_the_filters_that_are_published_are_those_that_hold(adapter, client):
    info = client.fetch_markets()
    for market in (each for each in info if each["symbol"] in ("SOL/USDT", "SOL/USDT:USDT", "DOGE/USDT:USDT")):
        filters = {each["filterType"]: each for each in market["info"]["filters"]}
        lot, tick = filters["LOT_SIZE"], Decimal(filters["PRICE_FILTER"]["tickSize"])
        url = f"{SPOT_URL}/api/v3/order/test" if market["spot"] else f"{LINEAR_URL}/fapi/v1/order/test"
        price = Decimal(str(client.fetch_order_book(market["symbol"], 5)["bids"][0][0])) // tick * tick
        worth = Decimal(filters["NOTIONAL"]["minNotional"] if market["spot"] else filters["MIN_NOTIONAL"]["notional"])
        step = Decimal(lot["stepSize"])
        enough = (worth / price // step + 1) * step
        order = {"symbol": market["id"], "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": f"{price:f}"}
        assert call(adapter, "POST", url, {**order, "quantity": f"{enough:f}"}) == (200, {})
        assert call(adapter, "POST", url, {**order, "quantity": f"{enough - step:f}"})[0] == 400
        assert (
            call(adapter, "POST", url, {**order, "quantity": f"{enough:f}", "price": f"{price + tick / 2:f}"})[0] == 400
        )


@pytest.mark.parametrize("symbol", BOTH)
def test_a_client_id_is_taken_while_its_order_is_open_and_free_again_after(client, symbol):
    first = resting(client, symbol, clientOrderId="same")
    with pytest.raises(ccxt.InvalidOrder, match="uplicate"):
        resting(client, symbol, clientOrderId="same")
    client.cancel_order(first["id"], symbol)
    second = resting(client, symbol, clientOrderId="same")
    assert client.fetch_order(None, symbol, {"clientOrderId": "same"})["id"] == second["id"]


@pytest.mark.parametrize("symbol", BOTH)
def test_what_is_not_there_is_not_found(client, symbol):
    for asked in ({"id": "1"}, {"id": None, "params": {"clientOrderId": "never"}}):
        with pytest.raises(ccxt.OrderNotFound):
            client.fetch_order(symbol=symbol, **asked)
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(symbol=symbol, **asked)
    made = resting(client, symbol)
    client.cancel_order(made["id"], symbol)
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(made["id"], symbol)


def test_cancelling_all_leaves_stops_of_futures_and_takes_those_of_spot(client):
    for symbol in BOTH:
        resting(client, symbol)
        client.create_order(symbol, "market", "sell", 0.01, None, {"triggerPrice": bid(client, symbol, 0.97)})
        client.cancel_all_orders(symbol)
        assert client.fetch_open_orders(symbol) == []
    assert len(client.fetch_open_orders(LINEAR, None, None, {"trigger": True})) == 1
    client.cancel_all_orders(LINEAR, {"trigger": True})
    assert client.fetch_open_orders(LINEAR, None, None, {"trigger": True}) == []
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_all_orders(SPOT)
    client.cancel_all_orders(LINEAR)


def test_a_futures_order_is_changed_in_place_and_a_spot_order_is_replaced(client):
    made = resting(client, LINEAR, clientOrderId="f")
    changed = client.edit_order(made["id"], LINEAR, "limit", "buy", 0.02, made["price"] - 100)
    assert (changed["id"], changed["clientOrderId"], changed["amount"]) == (made["id"], "f", 0.02)
    with pytest.raises(ccxt.OperationRejected):
        client.edit_order(made["id"], LINEAR, "limit", "buy", 0.02, made["price"] - 100)
    with pytest.raises(ccxt.OrderNotFound):
        client.edit_order("1", LINEAR, "limit", "buy", 0.02, made["price"])
    made = resting(client, SPOT, clientOrderId="s")
    changed = client.edit_order(made["id"], SPOT, "limit", "buy", 0.02, made["price"] - 100, {"clientOrderId": "s"})
    assert (changed["id"] != made["id"], changed["clientOrderId"], changed["status"]) == (True, "s", "open")
    assert client.fetch_order(made["id"], SPOT)["status"] == "canceled"
    assert client.fetch_order(None, SPOT, {"clientOrderId": "s"})["id"] == changed["id"]


def test_a_replacement_that_fails_half_way_says_which_half(adapter, client):
    made = resting(client, SPOT)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "50"}
    order |= {"price": str(made["price"]), "cancelReplaceMode": "STOP_ON_FAILURE"}
    url = f"{SPOT_URL}/api/v3/order/cancelReplace"
    status, payload = call(adapter, "POST", url, {**order, "cancelOrderId": 1})
    assert (status, payload["code"], payload["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    assert payload["data"]["cancelResponse"]["code"] == -2011
    status, payload = call(adapter, "POST", url, {**order, "cancelOrderId": made["id"]})
    assert (status, payload["code"]) == (409, -2021)
    assert (payload["data"]["cancelResult"], payload["data"]["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert payload["data"]["newOrderResponse"]["code"] == -2010
    assert client.fetch_order(made["id"], SPOT)["status"] == "canceled"


def test_an_order_that_has_traded_is_not_cancelled_where_only_new_ones_are_to_be(adapter, venue, client):
    made = resting(client, SPOT)
    venue.exchange.print_trade(listing(venue, SPOT), Decimal(str(made["price"])), Decimal("0.004"), "sell", wall_ms())
    query = {"symbol": "BTCUSDT", "orderId": made["id"], "cancelRestrictions": "ONLY_NEW"}
    status, payload = call(adapter, "DELETE", f"{SPOT_URL}/api/v3/order", query)
    assert (status, payload["code"]) == (400, -2011)
    assert client.fetch_order(made["id"], SPOT)["info"]["status"] == "PARTIALLY_FILLED"


def test_a_change_below_what_is_filled_or_across_the_market_cancels_the_order(venue, client):
    made = resting(client, LINEAR)
    price = Decimal(str(made["price"]))
    venue.exchange.print_trade(listing(venue, LINEAR), price, Decimal("0.004"), "sell", wall_ms())
    changed = client.edit_order(made["id"], LINEAR, "limit", "buy", 0.004, made["price"])
    assert (changed["status"], changed["filled"]) == ("canceled", 0.004)
    made = resting(client, LINEAR, postOnly=True)
    changed = client.edit_order(made["id"], LINEAR, "limit", "buy", 0.01, bid(client, LINEAR, 1.01))
    assert (changed["status"], changed["filled"]) == ("canceled", 0)


# --- stops ---


@pytest.mark.parametrize("symbol", BOTH)
@pytest.mark.parametrize(("side", "factor"), [("buy", 1.02), ("sell", 0.98)])
@pytest.mark.parametrize("kind", ["market", "limit"])
def test_a_stop_waits_until_a_trade_reaches_it(venue, client, symbol, side, factor, kind):
    stop = bid(client, symbol, factor)
    trigger = {"trigger": True} if symbol == LINEAR else {}
    price = stop if kind == "limit" else None
    made = client.create_order(symbol, kind, side, 0.01, price, {"triggerPrice": stop, "clientOrderId": "stop"})
    assert (made["status"], made["triggerPrice"], made["type"]) == ("open", stop, kind)
    assert [each["id"] for each in client.fetch_open_orders(symbol, None, None, trigger)] == [made["id"]]
    assert client.fetch_order(made["id"], symbol, trigger)["status"] == "open"
    assert client.fetch_order(None, symbol, {"clientOrderId": "stop", **trigger})["id"] == made["id"]
    venue.exchange.print_trade(
        listing(venue, symbol), Decimal(str(stop)), Decimal(1), "buy" if side == "buy" else "sell", wall_ms()
    )
    after = client.fetch_order(made["id"], symbol, trigger)
    assert after["status"] == "closed"
    assert client.fetch_open_orders(symbol, None, None, trigger) == []


def test_take_profits_fire_the_other_way(venue, client):
    for symbol in BOTH:
        trigger = {"trigger": True} if symbol == LINEAR else {}
        at = bid(client, symbol, 1.02)
        made = client.create_order(symbol, "market", "sell", 0.01, None, {"takeProfitPrice": at})
        assert client.fetch_order(made["id"], symbol, trigger)["takeProfitPrice"] == at
        venue.exchange.print_trade(listing(venue, symbol), Decimal(str(at)), Decimal(1), "buy", wall_ms())
        assert client.fetch_order(made["id"], symbol, trigger)["status"] == "closed"


def test_the_regular_endpoints_do_not_know_a_stop_of_futures_before_it_fires(venue, client):
    stop, low = bid(client, LINEAR, 1.02), bid(client, LINEAR, 0.97)
    made = client.create_order(LINEAR, "limit", "buy", 0.01, low, {"triggerPrice": stop, "clientOrderId": "s"})
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(None, LINEAR, {"clientOrderId": "s"})
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(None, LINEAR, {"clientOrderId": "s"})
    assert client.fetch_open_orders(LINEAR) == []
    venue.exchange.print_trade(listing(venue, LINEAR), Decimal(str(stop)), Decimal(1), "buy", wall_ms())
    (placed,) = client.fetch_open_orders(LINEAR)
    told = client.fetch_order(made["id"], LINEAR, {"trigger": True})["info"]
    assert (told["algoStatus"], told["actualOrderId"]) == ("TRIGGERED", placed["id"])
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(made["id"], LINEAR, {"trigger": True})
    client.cancel_order(placed["id"], LINEAR)
    assert client.fetch_order(made["id"], LINEAR, {"trigger": True})["info"]["algoStatus"] == "FINISHED"
    assert [each["id"] for each in client.fetch_orders(LINEAR, None, None, {"trigger": True})] == [made["id"]]


def test_a_stop_that_the_margin_does_not_allow_is_rejected_when_it_fires(venue, client):
    client.set_leverage(1, LINEAR)
    stop = bid(client, LINEAR, 1.02)
    made = client.create_order(LINEAR, "market", "buy", 100, None, {"triggerPrice": stop})
    venue.exchange.print_trade(listing(venue, LINEAR), Decimal(str(stop)), Decimal(1), "buy", wall_ms())
    told = client.fetch_order(made["id"], LINEAR, {"trigger": True})
    assert (told["status"], told["info"]["actualOrderId"]) == ("rejected", "")
    assert client.fetch_orders(LINEAR) == []


def test_five_stops_a_symbol_are_enough_on_spot(client):
    stop = bid(client, SPOT, 0.97)
    for _ in range(5):
        client.create_order(SPOT, "market", "sell", 0.01, None, {"triggerPrice": stop})
    with pytest.raises(ccxt.ExchangeError, match="MAX_NUM_ALGO_ORDERS"):
        client.create_order(SPOT, "market", "sell", 0.01, None, {"triggerPrice": stop})


# --- lists, money, positions ---


@pytest.mark.parametrize("symbol", BOTH)
def test_lists_are_paged_by_id_and_by_time(adapter, client, symbol):
    ids = []
    for _ in range(5):
        ids.append(resting(client, symbol)["id"])
        client.create_order(symbol, "market", "buy", 0.01)
    url = f"{SPOT_URL}/api/v3" if symbol == SPOT else f"{LINEAR_URL}/fapi/v1"
    _, rows = call(adapter, "GET", f"{url}/allOrders", {"symbol": "BTCUSDT", "orderId": ids[2], "limit": 3})
    assert [row["orderId"] for row in rows] == [int(ids[2]), int(ids[2]) + 1, int(ids[3])]
    _, rows = call(adapter, "GET", f"{url}/allOrders", {"symbol": "BTCUSDT", "limit": 2})
    assert [row["orderId"] for row in rows] == [int(ids[4]), int(ids[4]) + 1]
    trades = f"{url}/myTrades" if symbol == SPOT else f"{url}/userTrades"
    _, every = call(adapter, "GET", trades, {"symbol": "BTCUSDT"})
    _, rows = call(adapter, "GET", trades, {"symbol": "BTCUSDT", "fromId": every[1]["id"], "limit": 1})
    assert rows == every[1:2]
    now = wall_ms()
    wide = {"symbol": "BTCUSDT", "startTime": now - 8 * 86_400_000, "endTime": now}
    for path in (f"{url}/allOrders", trades):
        assert call(adapter, "GET", path, wide)[1]["code"] == (-1127 if symbol == SPOT else -4165)
        both = {"symbol": "BTCUSDT", "startTime": now, "endTime": now - 1}
        assert call(adapter, "GET", path, both)[1]["code"] == -1023
    assert call(adapter, "GET", trades, {**wide, "fromId": 1})[1]["code"] == -1128


def test_orders_lock_money_and_fills_move_it(client):
    made = resting(client, SPOT)
    spot = client.fetch_balance()
    assert spot["used"]["USDT"] == pytest.approx(made["price"] * 0.01)
    client.cancel_order(made["id"], SPOT)
    client.create_order(SPOT, "market", "buy", 0.01)
    assert client.fetch_balance()["total"]["BTC"] == pytest.approx(100 + 0.01 * 0.999)
    client.create_order(LINEAR, "market", "buy", 0.01)
    usdm = client.fetch_balance({"type": "swap"})
    assert usdm["USDT"]["used"] > 0
    assert usdm["USDT"]["total"] < 1_000_000
    assert client.fetch_balance()["total"]["USDT"] == pytest.approx(spot["total"]["USDT"], abs=1000)


def test_positions_leverage_and_income(client):
    client.set_leverage(10, LINEAR)
    client.create_order(LINEAR, "market", "sell", 0.02)
    (position,) = client.fetch_positions()
    assert (position["symbol"], position["side"], position["contracts"]) == (LINEAR, "short", 0.02)
    assert position["initialMargin"] == pytest.approx(position["entryPrice"] * 0.02 / 10)
    assert client.fetch_leverages([LINEAR])[LINEAR]["longLeverage"] == 10
    with pytest.raises(ccxt.BadRequest):
        client.set_leverage(126, LINEAR, {"leverage": 126})
    client.create_order(LINEAR, "market", "buy", 0.02, None, {"reduceOnly": True})
    assert client.fetch_positions() == []
    rows = client.fapiPrivateGetIncome({"limit": 1000})
    assert {row["incomeType"] for row in rows} == {"COMMISSION", "REALIZED_PNL"}
    assert all(Decimal(row["income"]) < 0 for row in rows if row["incomeType"] == "COMMISSION")


def test_a_position_pays_funding_when_it_is_due():
    now = [wall_ms()]
    # Rates are known up to the market's own time, which is ahead of the venue's here.
    market = SyntheticMarket(7, now[0] + 10 * 3_600_000, listings=catalogue.listings(now[0]))
    venue = Binance(market, lambda: now[0])
    venue.set_limits(float("inf"))

    class Later(Mounted):
        def ask(self, *args: Any, **kwargs: Any) -> SimReply:
            self.now_ms = now[0]
            return super().ask(*args, **kwargs)

    exchange = signed_in(Later(venue))
    exchange.milliseconds = lambda: now[0]
    exchange.create_order(LINEAR, "market", "buy", 0.123)
    began, before = now[0], futures_cash(venue, now[0])
    now[0] += 9 * 3_600_000
    paid = exchange.fetch_funding_history(LINEAR)
    rates = [row["fundingRate"] for row in exchange.fetch_funding_rate_history(LINEAR, began)]
    assert [(row["code"], row["amount"] < 0) for row in paid] == [("USDT", rate > 0) for rate in rates]
    assert paid
    incomes = exchange.fapiPrivateGetIncome({"incomeType": "FUNDING_FEE"})
    assert futures_cash(venue, now[0]) - before == sum(Decimal(row["income"]) for row in incomes)
    exchange.session.close()


def futures_cash(venue: Binance, now_ms: int) -> Decimal:
    """What the account has in USDT, with all digits that the simulator keeps."""
    return venue.exchange.balances(FULL, "linear", now_ms)["USDT"].total


def test_futures_forget_orders_that_ended_without_a_fill(venue, adapter, client):
    made = resting(client, LINEAR)
    client.cancel_order(made["id"], LINEAR)
    bought = client.create_order(LINEAR, "market", "buy", 0.01)
    adapter.shift_ms = 4 * 86_400_000
    client.options["timeDifference"] = -adapter.shift_ms
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(made["id"], LINEAR)
    assert client.fetch_order(bought["id"], LINEAR)["status"] == "closed"


def test_the_dead_mans_switch_cancels_a_symbols_regular_orders(adapter, venue, client):
    made, other = resting(client, LINEAR), resting(client, "ETH/USDT:USDT")
    stop = client.create_order(LINEAR, "market", "sell", 0.01, None, {"triggerPrice": bid(client, LINEAR, 0.97)})
    url = f"{LINEAR_URL}/fapi/v1/countdownCancelAll"
    query = {"symbol": "BTCUSDT", "countdownTime": 5000}
    assert call(adapter, "POST", url, query) == (200, {"symbol": "BTCUSDT", "countdownTime": "5000"})
    assert call(adapter, "POST", url, {"symbol": "ETHUSDT", "countdownTime": 5000})[0] == 200
    assert call(adapter, "POST", url, {"symbol": "ETHUSDT", "countdownTime": 0})[0] == 200
    assert client.fetch_order(made["id"], LINEAR)["status"] == "open"
    adapter.shift_ms = 6_000
    client.options["timeDifference"] = -6_000
    assert client.fetch_order(made["id"], LINEAR)["status"] == "canceled"
    assert client.fetch_order(other["id"], "ETH/USDT:USDT")["status"] == "open"
    assert client.fetch_order(stop["id"], LINEAR, {"trigger": True})["status"] == "open"


# --- limits ---


def test_headers_count_orders_and_too_many_are_refused(adapter, venue, client):
    client.load_markets()
    prices = {symbol: bid(client, symbol, 0.97) for symbol in BOTH}
    venue.set_limits(0.05)
    for symbol, most in ((SPOT, 5), (LINEAR, 15)):
        for number in range(most):
            client.create_order(symbol, "limit", "buy", 0.01, prices[symbol])
            assert client.last_response_headers["X-MBX-ORDER-COUNT-10S"] == str(number + 1)
        with pytest.raises(ccxt.DDoSProtection, match="-1015"):
            client.create_order(symbol, "limit", "buy", 0.01, prices[symbol])
    assert client.last_response_headers["Retry-After"] == "10"
    venue.set_limits(float("inf"))
    assert [len(client.fetch_open_orders(symbol)) for symbol in BOTH] == [5, 15]


def test_what_is_not_served_is_refused_clearly(adapter):
    assert adapter.ask("GET", f"{SPOT_URL}/api/v3/orderList", {"X-MBX-APIKEY": FULL.key}).status == 404
    assert call(adapter, "GET", "https://dapi.binance.com/dapi/v1/account")[1]["code"] == -5000


def test_orders_survive_a_restart_with_all_that_is_shown_of_them(market, tmp_path):
    venue = Binance(market, wall_ms, Store(tmp_path / "accounts.sqlite"))
    venue.set_limits(float("inf"))
    before = signed_in(Live(venue))
    for symbol in BOTH:
        resting(before, symbol, postOnly=True)
        before.create_order(
            symbol, "limit", "sell", 0.01, bid(before, symbol, 0.97), {"triggerPrice": bid(before, symbol, 0.97)}
        )
    asked = [
        ("/api/v3/openOrders", SPOT_URL),
        ("/fapi/v1/openOrders", LINEAR_URL),
        ("/fapi/v1/openAlgoOrders", LINEAR_URL),
    ]
    told = [call(Live(venue), "GET", url + path) for path, url in asked]
    again = Binance(market, wall_ms, Store(tmp_path / "accounts.sqlite"))
    assert [call(Live(again), "GET", url + path) for path, url in asked] == told
    assert [len(rows) for _, rows in told] == [2, 1, 1]


# --- the official SDKs ---


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No SDK complains that an answer does not have the type it declares."""
    caplog.set_level(logging.WARNING)
    yield
    assert [record.getMessage() for record in caplog.records if "response" in record.getMessage()] == []


@pytest.mark.usefixtures("quiet")
def test_the_official_spot_sdk_trades(adapter, client):
    from binance_common.configuration import ConfigurationRestAPI
    from binance_common.errors import BadRequestError, UnauthorizedError
    from binance_sdk_spot.spot import Spot

    rest = Spot(config_rest_api=ConfigurationRestAPI(api_key=FULL.key, api_secret=FULL.secret)).rest_api
    rest._session.mount("https://", adapter)
    low = bid(client, SPOT, 0.97)
    made = rest.new_order(
        "BTCUSDT", "BUY", "LIMIT", time_in_force="GTC", quantity=0.01, price=low, new_client_order_id="sdk-1"
    ).data()
    assert (made.client_order_id, made.status) == ("sdk-1", "NEW")
    assert adapter.seen[-1].body == b""
    assert rest.get_order("BTCUSDT", orig_client_order_id="sdk-1").data().order_id == made.order_id
    assert [each.order_id for each in rest.get_open_orders().data()] == [made.order_id]
    shrunk = rest.order_amend_keep_priority(
        "BTCUSDT", new_qty=0.005, order_id=made.order_id, new_client_order_id="sdk-1"
    ).data()
    assert (shrunk.amended_order.order_id, shrunk.amended_order.qty) == (made.order_id, "0.00500000")
    with pytest.raises(BadRequestError, match="Duplicate order sent"):
        rest.new_order(
            "BTCUSDT", "BUY", "LIMIT", time_in_force="GTC", quantity=0.01, price=low, new_client_order_id="sdk-1"
        )
    assert rest.delete_order("BTCUSDT", order_id=made.order_id).data().status == "CANCELED"
    bought = rest.new_order("BTCUSDT", "BUY", "MARKET", quantity=0.01).data()
    assert (bought.status, sum(float(fill.qty) for fill in bought.fills)) == ("FILLED", pytest.approx(0.01))
    assert {each.order_id for each in rest.my_trades("BTCUSDT").data()} == {bought.order_id}
    assert [each.order_id for each in rest.all_orders("BTCUSDT").data()] == [made.order_id, bought.order_id]
    replaced = rest.new_order("BTCUSDT", "BUY", "LIMIT", time_in_force="GTC", quantity=0.01, price=low).data()
    swap = rest.order_cancel_replace(
        "BTCUSDT", "BUY", "LIMIT", "STOP_ON_FAILURE", time_in_force="GTC", quantity=0.02, price=low,
        cancel_order_id=replaced.order_id,
    ).data()  # fmt: skip
    assert (swap.cancel_result, swap.new_order_result) == ("SUCCESS", "SUCCESS")
    assert {each.asset for each in rest.get_account(omit_zero_balances=True).data().balances} >= {"BTC", "USDT"}
    assert len(rest.rate_limit_order().data()) == 2
    assert len(rest.delete_open_orders("BTCUSDT").data()) == 1
    wrong = Spot(config_rest_api=ConfigurationRestAPI(api_key="x" * 64, api_secret="x")).rest_api
    wrong._session.mount("https://", adapter)
    with pytest.raises(UnauthorizedError):
        wrong.get_account()


@pytest.mark.usefixtures("quiet")
def test_the_official_futures_sdk_trades(adapter, venue, client):
    from binance_common.configuration import ConfigurationRestAPI
    from binance_common.errors import BadRequestError
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )

    configuration = ConfigurationRestAPI(api_key=FULL.key, api_secret=FULL.secret)
    rest = DerivativesTradingUsdsFutures(config_rest_api=configuration).rest_api
    rest._session.mount("https://", adapter)
    low, high = bid(client, LINEAR, 0.97), bid(client, LINEAR, 1.02)
    limit = {"time_in_force": "GTC", "quantity": 0.01, "price": low}
    made = rest.new_order("BTCUSDT", "BUY", "LIMIT", new_client_order_id="sdk-1", **limit).data()
    assert (made.client_order_id, made.status) == ("sdk-1", "NEW")
    with pytest.raises(BadRequestError, match="duplicated"):
        rest.new_order("BTCUSDT", "BUY", "LIMIT", new_client_order_id="sdk-1", **limit)
    assert rest.query_order("BTCUSDT", orig_client_order_id="sdk-1").data().order_id == made.order_id
    assert [each.order_id for each in rest.current_all_open_orders().data()] == [made.order_id]
    changed = rest.modify_order("BTCUSDT", "BUY", 0.02, low, order_id=made.order_id).data()
    assert (changed.order_id, changed.orig_qty) == (made.order_id, "0.020")
    assert rest.auto_cancel_all_open_orders("BTCUSDT", 60_000).data().countdown_time == "60000"
    assert rest.cancel_order("BTCUSDT", order_id=made.order_id).data().status == "CANCELED"
    accepted = rest.new_order("BTCUSDT", "BUY", "MARKET", quantity=0.01).data()
    assert (accepted.status, accepted.executed_qty) == ("NEW", "0.000")
    assert rest.query_order("BTCUSDT", order_id=accepted.order_id).data().status == "FILLED"
    assert [each.symbol for each in rest.position_information_v3().data()] == ["BTCUSDT"]
    assert rest.account_information_v3().data().positions[0].position_amt == "0.010"
    assert {each.asset for each in rest.futures_account_balance_v3().data()} == {"BNB", "USDC", "USDT"}
    assert {each.income_type for each in rest.get_income_history().data()} == {"COMMISSION"}
    assert {each.order_id for each in rest.account_trade_list("BTCUSDT").data()} == {accepted.order_id}
    stop = rest.new_algo_order(
        "CONDITIONAL", "BTCUSDT", "BUY", "STOP_MARKET", quantity=0.01, trigger_price=high, client_algo_id="sdk-s"
    ).data()
    assert (stop.algo_status, stop.client_algo_id) == ("NEW", "sdk-s")
    assert rest.query_algo_order(client_algo_id="sdk-s").data().algo_id == stop.algo_id
    assert [each.algo_id for each in rest.current_all_algo_open_orders().data()] == [stop.algo_id]
    assert rest.cancel_algo_order(algo_id=stop.algo_id).data().code == "200"
    assert [each.algo_status for each in rest.query_all_algo_orders("BTCUSDT").data()] == ["CANCELED"]
    assert rest.cancel_all_algo_open_orders("BTCUSDT").data().code == 200
    assert rest.cancel_all_open_orders("BTCUSDT").data().code == 200
    assert rest.change_initial_leverage("BTCUSDT", 5).data().leverage == 5
    assert rest.get_current_position_mode().data().dual_side_position is False
    batch = rest.place_multiple_orders(
        [
            {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
             "price": str(low)},
            {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "900",
             "price": str(low)},
        ]
    ).data()  # fmt: skip
    assert (batch[0].status, batch[1].code) == ("NEW", -2019)
    cancelled = rest.cancel_multiple_orders("BTCUSDT", order_id_list=[batch[0].order_id, 1]).data()
    assert (cancelled[0].status, cancelled[1].code) == ("CANCELED", -2011)


def test_batches_of_ccxt_are_answered_one_by_one(client):
    low = bid(client, LINEAR, 0.97)
    order = {"symbol": LINEAR, "type": "limit", "side": "buy", "amount": 0.01, "price": low}
    made = client.create_orders([order, {**order, "amount": 900}])
    assert {each["status"] for each in made} == {"open", "rejected"}
    (kept,) = (each["id"] for each in made if each["status"] == "open")
    assert client.cancel_orders([kept], LINEAR)[0]["status"] == "canceled"
