"""The simulated Bybit's private side, as unmodified ccxt, pybit and bare signed requests see it."""

import hmac
import json
import time
from decimal import Decimal
from hashlib import sha256
from typing import Any

import ccxt
import pytest
import requests

from simulator.exchange.store import Store
from simulator.limits import AS_REAL, LIFTED
from simulator.market.listings import bybit as catalogue
from simulator.market.model import Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimReply
from simulator.venues.bybit import Bybit
from simulator.venues.bybit_auth import ACCOUNTS
from tests.simulator.mounted import NOW_MS, Mounted, redirected
from tests.simulator.mounted import client as mounted_client

FULL, READ_ONLY, WITHDRAWING, OTHER = ACCOUNTS
LISTINGS = catalogue.listings(NOW_MS)
SPOT, LINEAR, USDC, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC"
EVERY = [SPOT, LINEAR, USDC, INVERSE]
NATIVE = {
    SPOT: ("spot", "BTCUSDT"),
    LINEAR: ("linear", "BTCUSDT"),
    USDC: ("linear", "BTCPERP"),
    INVERSE: ("inverse", "BTCUSD"),
}
SIZE = {SPOT: 0.01, LINEAR: 0.01, USDC: 0.01, INVERSE: 1000}


class Live(Mounted):
    """A mounted venue whose clock is the wall clock's, plus what a test adds."""

    ahead_ms = 0

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    @now_ms.setter
    def now_ms(self, _: int) -> None:
        """Run on."""


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=LISTINGS)


@pytest.fixture
def venue(market: SyntheticMarket) -> Bybit:
    made = Bybit(market, market.now_ms)
    made.set_limits(LIFTED)
    return made


@pytest.fixture
def adapter(venue: Bybit) -> Live:
    return Live(venue)


def make_client(adapter: Live, account: Any = FULL, **config: Any) -> ccxt.bybit:
    exchange = mounted_client(ccxt.bybit, adapter, apiKey=account.key, secret=account.secret, **config)
    exchange.options["fetchMarkets"] = {"types": ["spot", "linear", "inverse"]}
    return exchange


@pytest.fixture
def client(adapter: Live) -> Any:
    exchange = make_client(adapter)
    yield exchange
    exchange.session.close()


@pytest.fixture
def bybit(adapter: Live) -> Any:
    """pybit, whose sessions go to the adapter."""
    from pybit.unified_trading import HTTP

    session = HTTP(api_key=FULL.key, api_secret=FULL.secret)
    session.client.mount("https://", adapter)
    yield session
    session.client.close()


def listing(symbol: str) -> Listing:
    product, native_id = NATIVE[symbol]
    return next(i for i in LISTINGS if (i.product, i.native_id) == (product, native_id))


def touch(market: SyntheticMarket, symbol: str) -> tuple[Decimal, Decimal]:
    """Return the best bid and ask."""
    book = market.book(listing(symbol), 1, NOW_MS)
    return Decimal(book.bids[0][0]), Decimal(book.asks[0][0])


def away(market: SyntheticMarket, symbol: str, factor: str) -> float:
    """Return a price on the tick at a fraction of the best bid."""
    tick = Decimal(listing(symbol).tick_size)
    return float(touch(market, symbol)[0] * Decimal(factor) // tick * tick)


def print_trade(venue: Bybit, adapter: Live, symbol: str, price: float, size: str, side: str) -> None:
    venue.exchange.print_trade(listing(symbol), Decimal(str(price)), Decimal(size), side, adapter.now_ms)


def sign(adapter: Live, payload: str, account: Any = FULL, *, stamp: int | None = None, window: str = "5000") -> dict:
    moment = str(adapter.now_ms if stamp is None else stamp)
    text = f"{moment}{account.key}{window}{payload}"
    digest = hmac.new(account.secret.encode(), text.encode(), sha256).hexdigest()
    return {
        "X-BAPI-API-KEY": account.key,
        "X-BAPI-TIMESTAMP": moment,
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": digest,
    }


def post(adapter: Live, path: str, body: dict[str, Any], account: Any = FULL) -> SimReply:
    raw = json.dumps(body)
    return adapter.ask("POST", f"https://api.bybit.com{path}", sign(adapter, raw, account), raw)


def read(adapter: Live, target: str, account: Any = FULL) -> dict:
    headers = sign(adapter, target.partition("?")[2], account)
    return json.loads(adapter.ask("GET", f"https://api.bybit.com{target}", headers).body)


def code(reply: SimReply) -> int:
    assert reply.status == 200
    return json.loads(reply.body)["retCode"]


# --- keys ------------------------------------------------------------------------------------------------------------


def test_ccxt_finds_a_unified_account_before_its_first_order(client, adapter, market):
    client.create_order(SPOT, "limit", "buy", 0.01, away(market, SPOT, "0.9"))
    paths = [request.path for request in adapter.seen]
    assert paths[-3:] == ["/v5/user/query-api", "/v5/account/info", "/v5/order/create"]
    assert (client.options["enableUnifiedAccount"], client.options["enableUnifiedMargin"]) == (True, False)
    assert client.options["unifiedMarginStatus"] == 6


@pytest.mark.parametrize(
    ("key", "secret", "error", "told"),
    [
        ("Cb1NoSuchKey000009", FULL.secret, ccxt.AuthenticationError, '"retCode":10003'),
        (FULL.key, "wrong", ccxt.AuthenticationError, '"retCode":10004'),
    ],
)
def test_a_wrong_key_or_signature_is_refused(adapter, key, secret, error, told):
    exchange = make_client(adapter)
    exchange.apiKey, exchange.secret = key, secret
    exchange.has["fetchCurrencies"] = False
    with pytest.raises(error, match=told):
        exchange.fetch_balance()
    exchange.session.close()


@pytest.mark.parametrize("ahead_ms", [6_000, -1_500])
def test_a_stale_or_future_timestamp_is_a_clock_error(client, adapter, ahead_ms):
    client.load_markets()
    adapter.ahead_ms = ahead_ms
    with pytest.raises(ccxt.InvalidNonce, match=r"req_timestamp\[\d+\],server_timestamp\[\d+\],recv_window\[5000\]"):
        client.fetch_balance()


def test_the_signature_covers_the_bytes_as_they_came(adapter):
    headers = sign(adapter, "category=spot&limit=1")
    same = adapter.ask("GET", "https://api.bybit.com/v5/order/realtime?category=spot&limit=1", headers)
    turned = adapter.ask("GET", "https://api.bybit.com/v5/order/realtime?limit=1&category=spot", headers)
    assert (code(same), code(turned)) == (0, 10004)


def test_a_read_only_key_reads_and_may_not_trade(adapter, market):
    exchange = make_client(adapter, READ_ONLY)
    assert exchange.fetch_balance()["USDT"]["total"] == 1_000_000
    for change in (
        lambda: exchange.create_order(SPOT, "limit", "buy", 0.01, away(market, SPOT, "0.9")),
        lambda: exchange.cancel_all_orders(SPOT),
        lambda: exchange.set_leverage(5, LINEAR),
    ):
        with pytest.raises(ccxt.PermissionDenied, match="10005"):
            change()
    exchange.session.close()


@pytest.mark.parametrize(
    ("account", "read_only", "withdraws"), [(FULL, 0, False), (READ_ONLY, 1, False), (WITHDRAWING, 0, True)]
)
def test_a_key_is_told_what_it_may_do(adapter, account, read_only, withdraws):
    told = read(adapter, "/v5/user/query-api?", account)["result"]
    assert (told["apiKey"], told["readOnly"], told["uta"]) == (account.key, read_only, 1)
    assert ("Withdraw" in told["permissions"]["Wallet"]) is withdraws


def test_keys_of_one_owner_share_orders_and_those_of_another_see_none(adapter, client, market):
    made = client.create_order(LINEAR, "limit", "buy", 0.01, away(market, LINEAR, "0.9"))
    for account, seen in ((WITHDRAWING, [made["id"]]), (READ_ONLY, [made["id"]]), (OTHER, [])):
        rows = read(adapter, "/v5/order/realtime?category=linear&symbol=BTCUSDT", account)["result"]["list"]
        assert [row["orderId"] for row in rows] == seen
    body = {"category": "linear", "symbol": "BTCUSDT", "orderId": made["id"]}
    assert code(post(adapter, "/v5/order/cancel", body, OTHER)) == 110001


def test_every_signed_call_says_what_is_left_of_its_limit_and_one_too_many_is_refused(venue, adapter):
    venue.set_limits(AS_REAL)
    body = {"category": "linear", "symbol": "BTCUSDT", "orderId": "none"}
    replies = [post(adapter, "/v5/order/cancel", body) for _ in range(11)]
    assert [code(reply) for reply in replies] == [110001] * 10 + [10006]
    assert [reply.headers["X-Bapi-Limit-Status"] for reply in replies[:2]] == ["9", "8"]
    assert int(replies[-1].headers["X-Bapi-Limit-Reset-Timestamp"]) > adapter.now_ms - 1000
    assert replies[-1].headers["X-Bapi-Limit"] == "10"
    assert code(post(adapter, "/v5/order/cancel", body | {"category": "spot"})) == 170213  # spot counts apart
    assert code(post(adapter, "/v5/order/cancel", body, OTHER)) == 110001  # and so does another UID


def test_a_batch_counts_each_of_its_orders(venue, adapter):
    venue.set_limits(AS_REAL)
    request = {"symbol": "BTCUSDT", "orderId": "none"}
    batch = {"category": "linear", "request": [request] * 6}
    assert code(post(adapter, "/v5/order/cancel-batch", batch)) == 0
    assert code(post(adapter, "/v5/order/cancel-batch", batch)) == 10006


def test_ccxt_calls_too_many_orders_a_rate_limit(venue, client):
    client.cancel_all_orders(LINEAR)
    venue.set_limits(AS_REAL)
    for _ in range(10):
        client.cancel_all_orders(LINEAR)
    with pytest.raises(ccxt.RateLimitExceeded):
        client.cancel_all_orders(LINEAR)


# --- placing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
def test_a_limit_order_is_acknowledged_with_ids_only_and_then_listed(client, market, symbol):
    price = away(market, symbol, "0.9")
    made = client.create_order(symbol, "limit", "buy", SIZE[symbol], price, {"clientOrderId": "mine-1"})
    assert (made["clientOrderId"], made["status"], made["amount"]) == ("mine-1", None, None)
    (row,) = client.fetch_open_orders(symbol)
    assert (row["id"], row["clientOrderId"], row["symbol"]) == (made["id"], "mine-1", symbol)
    assert (row["status"], row["side"], row["type"], row["timeInForce"]) == ("open", "buy", "limit", "GTC")
    assert (row["price"], row["amount"], row["filled"]) == (price, SIZE[symbol], 0)
    assert row["info"]["orderStatus"] == "New"
    assert ("tpslMode" in row["info"]) is (symbol != SPOT)


def test_spot_ids_are_long_numbers_and_contract_ids_are_uuids(client, market):
    spot = client.create_order(SPOT, "limit", "buy", 0.01, away(market, SPOT, "0.9"))["id"]
    contract = client.create_order(LINEAR, "limit", "buy", 0.01, away(market, LINEAR, "0.9"))["id"]
    assert spot.isdigit()
    assert len(spot) == 19
    assert [len(part) for part in contract.split("-")] == [8, 4, 4, 4, 12]


@pytest.mark.parametrize("symbol", EVERY)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_by_base_amount_fills_on_both_sides(client, symbol, side):
    made = client.create_order(symbol, "market", side, SIZE[symbol], None, {"clientOrderId": f"m-{side}"})
    (row,) = client.fetch_canceled_and_closed_orders(symbol)
    assert (row["id"], row["status"], row["filled"], row["amount"]) == (
        made["id"],
        "closed",
        SIZE[symbol],
        SIZE[symbol],
    )
    assert row["timeInForce"] == "IOC"
    trades = client.fetch_my_trades(symbol)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(SIZE[symbol])
    assert {(trade["order"], trade["side"], trade["takerOrMaker"]) for trade in trades} == {(made["id"], side, "taker")}


def test_a_spot_market_buy_without_a_unit_spends_quote(adapter, client):
    body = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1000"}
    assert code(post(adapter, "/v5/order/create", body)) == 0
    (row,) = client.fetch_canceled_and_closed_orders(SPOT)
    assert 900 < row["cost"] <= 1000
    assert row["info"]["qty"] == "1000"
    sold = client.create_order(SPOT, "market", "sell", 0.01, 50_000)  # a price means: by quote amount
    row = next(row for row in client.fetch_canceled_and_closed_orders(SPOT) if row["id"] == sold["id"])
    assert row["info"]["marketUnit"] == "quoteCoin"
    assert row["cost"] <= 500


def test_spot_fees_are_taken_from_what_is_received(client, market):
    client.create_order(SPOT, "market", "buy", 0.1)
    client.create_order(SPOT, "market", "sell", 0.1)
    for side, coin in (("buy", "BTC"), ("sell", "USDT")):
        fees = [trade["fee"] for trade in client.fetch_my_trades(SPOT) if trade["side"] == side]
        assert {fee["currency"] for fee in fees} == {coin}
        assert {fee["rate"] for fee in fees} == {0.001}
    orders = {order["side"]: order for order in client.fetch_canceled_and_closed_orders(SPOT)}
    bought, sold = orders["buy"], orders["sell"]
    assert bought["fee"] == {"currency": "BTC", "cost": pytest.approx(0.1 * 0.001)}
    assert sold["fee"] == {"currency": "USDT", "cost": pytest.approx(sold["cost"] * 0.001)}


@pytest.mark.parametrize("symbol", EVERY)
def test_a_post_only_order_that_would_take_is_acknowledged_and_then_found_ended(client, market, symbol):
    price = away(market, symbol, "1.01")
    made = client.create_order(symbol, "limit", "buy", SIZE[symbol], price, {"postOnly": True})
    assert made["id"]
    assert client.fetch_open_orders(symbol) == []
    (row,) = client.fetch_canceled_and_closed_orders(symbol)
    assert (row["status"], row["filled"]) == ("rejected" if symbol == SPOT else "canceled", 0)
    assert row["info"]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"
    assert row["timeInForce"] == "PO"


def test_a_post_only_order_that_rests_is_open(client, market):
    client.create_order(LINEAR, "limit", "buy", 0.01, away(market, LINEAR, "0.9"), {"postOnly": True})
    (row,) = client.fetch_open_orders(LINEAR)
    assert row["info"]["timeInForce"] == "PostOnly"


@pytest.mark.parametrize(("tif", "reason"), [("IOC", "EC_NoImmediateQtyToFill"), ("FOK", "EC_CancelForNoFullFill")])
@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
def test_ioc_and_fok_orders_that_meet_nothing_end(client, market, symbol, tif, reason):
    client.create_order(symbol, "limit", "buy", SIZE[symbol], away(market, symbol, "0.9"), {"timeInForce": tif})
    (row,) = client.fetch_canceled_and_closed_orders(symbol)
    assert (row["status"], row["timeInForce"], row["info"]["rejectReason"]) == ("canceled", tif, reason)


@pytest.mark.parametrize(("symbol", "status"), [(SPOT, "PartiallyFilledCanceled"), (LINEAR, "Cancelled")])
def test_an_order_that_is_partly_filled_and_cancelled_says_so_as_its_market_does(
    client, venue, adapter, market, symbol, status
):
    price = away(market, symbol, "0.99")
    made = client.create_order(symbol, "limit", "buy", 0.02, price)
    print_trade(venue, adapter, symbol, price, "0.005", "sell")
    (row,) = client.fetch_open_orders(symbol)
    assert (row["info"]["orderStatus"], row["filled"], row["remaining"]) == ("PartiallyFilled", 0.005, 0.015)
    client.cancel_order(made["id"], symbol)
    (row,) = client.fetch_canceled_and_closed_orders(symbol)
    assert (row["info"]["orderStatus"], row["filled"]) == (status, 0.005)
    assert (row["info"]["cancelType"], row["info"]["leavesQty"].strip("0.")) == ("CancelByUser", "")
    (trade,) = client.fetch_my_trades(symbol)
    assert (trade["takerOrMaker"], trade["amount"], trade["price"]) == ("maker", 0.005, price)
    assert trade["info"]["leavesQty"] == "0.015"


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "change", "retcode"),
    [
        (SPOT, {"price": "30000.01"}, 170134),
        (LINEAR, {"price": "30000.01"}, 10001),
        (SPOT, {"qty": "0.0100001"}, 170137),
        (LINEAR, {"qty": "0.0101"}, 10001),
        (INVERSE, {"qty": "10.5"}, 10001),
        (SPOT, {"qty": "0.0000001"}, 170136),
        (LINEAR, {"qty": "0.0001"}, 10001),
        (SPOT, {"qty": "0.0001"}, 170140),
        (SPOT, {"qty": "90", "price": "20000"}, 170131),
        (LINEAR, {"qty": "700"}, 110007),
        (SPOT, {"orderLinkId": "x" * 37}, 10001),
        (LINEAR, {"orderLinkId": "no.dots"}, 10001),
        (LINEAR, {"qty": 0.01}, 10001),
        (LINEAR, {"positionIdx": 1}, 10001),
        (LINEAR, {"reduceOnly": True}, 110017),
        (LINEAR, {"triggerPrice": "30000"}, 10001),
        (LINEAR, {"triggerPrice": "30000", "triggerDirection": 1}, 110092),
        (SPOT, {"symbol": "NOSUCHUSDT"}, 10001),
        (SPOT, {"timeInForce": "GTD"}, 170115),
        (LINEAR, {"takeProfit": "50000"}, 10001),
        (SPOT, {"isLeverage": 1}, 10001),
        (LINEAR, {"category": "option", "symbol": "BTCUSDT"}, 10005),
    ],
)  # fmt: skip
def test_what_the_rules_forbid_is_refused_with_the_venues_code(adapter, symbol, change, retcode):
    category, native_id = NATIVE[symbol]
    body = {"category": category, "symbol": native_id, "side": "Buy", "orderType": "Limit", "qty": "0.01",
            "price": "30000" if symbol != SPOT else "20000"}  # fmt: skip
    assert code(post(adapter, "/v5/order/create", body | change)) == retcode
    listed = read(adapter, f"/v5/order/realtime?category={category}&symbol={native_id}")["result"]["list"]
    assert listed == []


@pytest.mark.parametrize(
    ("symbol", "type_", "side", "amount", "factor", "params", "error"),
    [
        (SPOT, "limit", "buy", 50, "0.9", {}, ccxt.InsufficientFunds),
        (LINEAR, "limit", "buy", 700, "0.9", {}, ccxt.InsufficientFunds),
        (SPOT, "limit", "buy", 0.00002, "0.9", {}, ccxt.InvalidOrder),
        (LINEAR, "market", "sell", 0.01, None, {"reduceOnly": True}, ccxt.InvalidOrder),
        (LINEAR, "market", "buy", 0.01, None, {"triggerPrice": "1000", "triggerDirection": "ascending"},
         ccxt.InvalidOrder),
    ],
)  # fmt: skip
def test_ccxt_raises_what_the_code_means(client, market, symbol, type_, side, amount, factor, params, error):
    price = away(market, symbol, factor) if factor else None
    with pytest.raises(error):
        client.create_order(symbol, type_, side, amount, price, params)


@pytest.mark.parametrize(("symbol", "retcode"), [(SPOT, 170141), (LINEAR, 110072), (INVERSE, 110072)])
def test_a_client_id_is_taken_for_ever(client, market, symbol, retcode):
    price = away(market, symbol, "0.9")
    made = client.create_order(symbol, "limit", "buy", SIZE[symbol], price, {"clientOrderId": "once"})
    for _ in range(2):
        with pytest.raises(ccxt.InvalidOrder, match=str(retcode)):
            client.create_order(symbol, "limit", "buy", SIZE[symbol], price, {"clientOrderId": "once"})
        if client.fetch_open_orders(symbol):
            client.cancel_order(made["id"], symbol)


# --- changing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_amended_in_place(client, market, symbol):
    made = client.create_order(symbol, "limit", "buy", SIZE[symbol], away(market, symbol, "0.9"))
    price = away(market, symbol, "0.91")
    changed = client.edit_order(made["id"], symbol, "limit", "buy", SIZE[symbol] * 2, price)
    assert changed["id"] == made["id"]
    (row,) = client.fetch_open_orders(symbol)
    assert (row["id"], row["price"], row["amount"]) == (made["id"], price, SIZE[symbol] * 2)
    with pytest.raises(ccxt.BadRequest, match=r"not modified|remains unchanged"):
        client.edit_order(made["id"], symbol, "limit", "buy", SIZE[symbol] * 2, price)


@pytest.mark.parametrize("symbol", EVERY)
def test_an_order_is_cancelled_by_either_id(client, market, symbol):
    price = away(market, symbol, "0.9")
    first = client.create_order(symbol, "limit", "buy", SIZE[symbol], price, {"clientOrderId": "a"})
    client.create_order(symbol, "limit", "buy", SIZE[symbol], price, {"clientOrderId": "b"})
    assert client.cancel_order(first["id"], symbol)["id"] == first["id"]
    assert client.cancel_order(None, symbol, {"orderLinkId": "b"})["clientOrderId"] == "b"
    assert client.fetch_open_orders(symbol) == []
    assert {row["status"] for row in client.fetch_canceled_and_closed_orders(symbol)} == {"canceled"}


@pytest.mark.parametrize(
    ("symbol", "unknown", "cancelled", "filled"),
    [
        (SPOT, ccxt.OrderNotFound, "170142", "170139"),
        (LINEAR, ccxt.OrderNotFound, "110001", "110001"),
    ],
)
def test_what_is_unknown_or_has_ended_cannot_be_cancelled(client, market, symbol, unknown, cancelled, filled):
    with pytest.raises(unknown):
        client.cancel_order("1234", symbol)
    made = client.create_order(symbol, "limit", "buy", SIZE[symbol], away(market, symbol, "0.9"))
    client.cancel_order(made["id"], symbol)
    with pytest.raises(ccxt.InvalidOrder, match=cancelled):
        client.cancel_order(made["id"], symbol)
    made = client.create_order(symbol, "market", "buy", SIZE[symbol])
    with pytest.raises(ccxt.InvalidOrder, match=filled):
        client.cancel_order(made["id"], symbol)


def test_ccxts_own_way_to_cancel_by_client_id_names_no_order(client, market):
    client.create_order(LINEAR, "limit", "buy", 0.01, away(market, LINEAR, "0.9"), {"clientOrderId": "mine"})
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order_with_client_order_id("mine", LINEAR)
    with pytest.raises(ccxt.BadRequest):
        client.cancel_order(None, LINEAR, {"clientOrderId": "mine"})
    assert len(client.fetch_open_orders(LINEAR)) == 1


def test_cancel_all_ends_what_it_names_and_nothing_else(client, market):
    for symbol in EVERY:
        client.create_order(symbol, "limit", "buy", SIZE[symbol], away(market, symbol, "0.9"))
    low = away(market, SPOT, "0.8")
    client.create_order(SPOT, "limit", "sell", 0.01, low, {"triggerPrice": low})
    client.create_order(
        LINEAR,
        "market",
        "sell",
        0.01,
        None,
        {"triggerPrice": away(market, LINEAR, "0.8"), "triggerDirection": "descending"},
    )
    assert len(client.cancel_all_orders(LINEAR)) == 2  # conditional orders of contracts go with the others
    assert len(client.cancel_all_orders(SPOT)) == 1  # those of spot do not
    assert len(client.cancel_all_orders(SPOT, {"trigger": True})) == 1
    assert client.cancel_all_orders(None, {"subType": "inverse"}) == []  # by ccxt's own settle coin: USDT
    assert len(client.cancel_all_orders(INVERSE)) == 1
    assert len(client.cancel_all_orders(None, {"settleCoin": "USDC"})) == 1


def test_batches_tell_the_failures_beside_the_results(client, adapter, market):
    price = away(market, LINEAR, "0.9")
    orders = [
        {"symbol": LINEAR, "type": "limit", "side": "buy", "amount": amount, "price": price} for amount in (0.01, 700)
    ]
    first, second = client.create_orders(orders)
    assert (bool(first["id"]), first["status"], second["status"]) == (True, None, "rejected")
    reply = json.loads(adapter.replies[-1].body)
    assert [row["code"] for row in reply["retExtInfo"]["list"]] == [0, 110007]
    client.cancel_orders([first["id"]], LINEAR)
    assert client.fetch_open_orders(LINEAR) == []


# --- trigger orders --------------------------------------------------------------------------------------------------


def test_a_conditional_contract_order_waits_is_listed_with_the_others_and_triggers(client, venue, adapter, market):
    low = away(market, LINEAR, "0.95")
    params = {"triggerPrice": low, "triggerDirection": "descending", "clientOrderId": "stop-1"}
    made = client.create_order(LINEAR, "market", "sell", 0.01, None, params)
    (row,) = client.fetch_open_orders(LINEAR)
    assert (row["id"], row["status"], row["triggerPrice"], row["type"]) == (made["id"], "open", low, "market")
    assert (row["info"]["orderStatus"], row["info"]["triggerDirection"]) == ("Untriggered", 2)
    assert len(client.fetch_open_orders(LINEAR, None, None, {"trigger": True})) == 1
    print_trade(venue, adapter, LINEAR, low, "1", "sell")
    assert client.fetch_open_orders(LINEAR) == []
    (row,) = client.fetch_canceled_and_closed_orders(LINEAR)
    assert (row["id"], row["status"], row["filled"]) == (made["id"], "closed", 0.01)


def test_a_conditional_order_that_is_cancelled_in_time_is_deactivated(client, market):
    for symbol, params in ((SPOT, {}), (LINEAR, {"triggerDirection": "descending"})):
        price = away(market, symbol, "0.9")
        made = client.create_order(symbol, "limit", "sell", 0.01, price, {"triggerPrice": price, **params})
        client.cancel_order(made["id"], symbol, {"trigger": True} if symbol == SPOT else {})
        (row,) = client.fetch_canceled_and_closed_orders(symbol)
        assert (row["info"]["orderStatus"], row["status"]) == ("Deactivated", "canceled")


def test_a_spot_stop_is_cancelled_only_under_its_own_filter_and_keeps_its_id_when_it_triggers(
    client, venue, adapter, market
):
    high = away(market, SPOT, "1.05")
    made = client.create_order(SPOT, "limit", "buy", 0.01, away(market, SPOT, "0.9"), {"triggerPrice": high})
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(made["id"], SPOT)
    print_trade(venue, adapter, SPOT, high, "1", "buy")
    (row,) = client.fetch_open_orders(SPOT)
    assert (row["id"], row["info"]["orderStatus"]) == (made["id"], "New")
    client.cancel_order(made["id"], SPOT)
    assert client.fetch_open_orders(SPOT) == []


# --- lists -----------------------------------------------------------------------------------------------------------


def test_an_order_is_found_by_client_id_while_it_is_open_and_after(client, market):
    for symbol in EVERY:
        cid = f"find-{EVERY.index(symbol)}"
        made = client.create_order(
            symbol, "limit", "buy", SIZE[symbol], away(market, symbol, "0.9"), {"clientOrderId": cid}
        )
        (row,) = client.fetch_open_orders(symbol, None, None, {"orderLinkId": cid})
        assert row["id"] == made["id"]
        client.cancel_order(made["id"], symbol)
        (row,) = client.fetch_open_orders(symbol, None, None, {"orderLinkId": cid})
        assert row["status"] == "canceled"
        (row,) = client.fetch_canceled_and_closed_orders(symbol, None, None, {"orderLinkId": cid})
        assert row["id"] == made["id"]
        assert client.fetch_open_orders(symbol, None, None, {"orderLinkId": "another"}) == []
        assert client.fetch_order(made["id"], symbol, {"acknowledged": True})["status"] == "canceled"


def test_the_id_that_ccxt_sends_for_none_finds_nothing(client, market):
    client.create_order(LINEAR, "limit", "buy", 0.01, away(market, LINEAR, "0.9"), {"clientOrderId": "mine"})
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(None, LINEAR, {"acknowledged": True, "orderLinkId": "mine"})


def test_lists_come_in_pages_newest_first_and_the_page_after_the_last_is_empty(client, adapter, market):
    price = away(market, LINEAR, "0.9")
    ids = [client.create_order(LINEAR, "limit", "buy", 0.001, price)["id"] for _ in range(45)]
    found, cursor, pages = [], "", 0
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        answer = read(adapter, f"/v5/order/realtime?category=linear&symbol=BTCUSDT{more}")["result"]
        pages += 1
        found += [row["orderId"] for row in answer["list"]]
        cursor = answer["nextPageCursor"]
        if not cursor:
            break
    assert (found, pages) == (ids[::-1], 4)
    assert len(client.fetch_open_orders(LINEAR, None, None, {"paginate": True})) == 45


def test_linear_lists_need_to_be_told_a_symbol_or_a_coin(adapter, client, market):
    assert read(adapter, "/v5/order/realtime?category=linear")["retCode"] == 10001
    assert read(adapter, "/v5/position/list?category=linear")["retCode"] == 10001
    for symbol in (LINEAR, USDC):
        client.create_order(symbol, "limit", "buy", 0.01, away(market, symbol, "0.9"))
    assert {row["symbol"] for row in client.fetch_open_orders()} == {LINEAR}
    assert {row["symbol"] for row in client.fetch_open_orders(None, None, None, {"settleCoin": "USDC"})} == {USDC}


def test_cancelled_orders_without_a_fill_are_forgotten_after_a_day_and_old_ones_leave_the_week(
    client, adapter, venue, market
):
    client.create_order(LINEAR, "market", "buy", 0.01)
    made = client.create_order(LINEAR, "limit", "buy", 0.01, away(market, LINEAR, "0.9"))
    client.cancel_order(made["id"], LINEAR)
    assert len(client.fetch_canceled_and_closed_orders(LINEAR)) == 2
    adapter.ahead_ms = 25 * 3_600_000
    rows = read(adapter, "/v5/order/history?category=linear&symbol=BTCUSDT")["result"]["list"]
    assert [row["orderStatus"] for row in rows] == ["Filled"]
    adapter.ahead_ms = 8 * 86_400_000
    assert read(adapter, "/v5/order/history?category=linear&symbol=BTCUSDT")["result"]["list"] == []
    start = adapter.now_ms - 9 * 86_400_000
    rows = read(adapter, f"/v5/order/history?category=linear&symbol=BTCUSDT&startTime={start}")["result"]["list"]
    assert len(rows) == 1
    too_long = f"/v5/execution/list?category=linear&startTime={start}&endTime={adapter.now_ms}"
    assert read(adapter, too_long)["retCode"] == 10001


# --- account ---------------------------------------------------------------------------------------------------------


def test_the_wallet_says_what_is_free_and_what_is_used(client, market):
    before = client.fetch_balance()
    assert (before["USDT"]["total"], before["USDT"]["used"]) == (1_000_000, 0)
    price = away(market, SPOT, "0.5")
    client.create_order(SPOT, "limit", "buy", 1, price)
    client.create_order(SPOT, "limit", "sell", 2, away(market, SPOT, "2"))
    client.create_order(LINEAR, "market", "buy", 1)
    after = client.fetch_balance()
    info = {row["coin"]: row for row in after["info"]["result"]["list"][0]["coin"]}
    assert float(info["USDT"]["locked"]) == price
    assert float(info["USDT"]["totalPositionIM"]) > 0
    assert after["BTC"]["used"] == 2
    assert after["USDT"]["used"] == pytest.approx(price + float(info["USDT"]["totalPositionIM"]))
    assert after["USDT"]["free"] == pytest.approx(after["USDT"]["total"] - after["USDT"]["used"])


def test_positions_are_listed_by_settle_coin_and_inverse_ones_together(client, market):
    assert client.fetch_position(LINEAR)["contracts"] == 0
    client.create_order(LINEAR, "market", "buy", 0.02)
    client.create_order(USDC, "market", "sell", 0.03)
    client.create_order(INVERSE, "market", "sell", 500)
    (usdt,) = client.fetch_positions()
    (usdc,) = client.fetch_positions(None, {"settleCoin": "USDC"})
    (inverse,) = client.fetch_positions(None, {"subType": "inverse"})
    assert [(p["symbol"], p["side"], p["contracts"]) for p in (usdt, usdc, inverse)] == [
        (LINEAR, "long", 0.02), (USDC, "short", 0.03), (INVERSE, "short", 500),
    ]  # fmt: skip
    assert float(usdt["entryPrice"]) == pytest.approx(float(touch(market, LINEAR)[1]), rel=1e-3)
    assert usdt["leverage"] == 10
    client.create_order(LINEAR, "market", "sell", 0.02, None, {"reduceOnly": True})
    assert client.fetch_positions() == []


def test_leverage_is_set_once(client):
    client.set_leverage(5, LINEAR)
    with pytest.raises(ccxt.BadRequest, match="110043"):
        client.set_leverage(5, LINEAR)
    client.create_order(LINEAR, "market", "buy", 0.02)
    assert client.fetch_positions()[0]["leverage"] == 5
    with pytest.raises(ccxt.BadRequest, match="110013"):
        client.set_leverage(500, LINEAR)


def test_a_position_pays_funding_as_an_execution_and_in_the_log():
    alive = SyntheticMarket(7, listings=LISTINGS)
    nine_hours_ms = 9 * 3_600_000
    adapter = Live(Bybit(alive, lambda: alive.now_ms() - nine_hours_ms))
    client = make_client(adapter)
    adapter.ahead_ms = -nine_hours_ms
    client.options["timeDifference"] = nine_hours_ms
    client.create_order(LINEAR, "market", "buy", 0.5)
    adapter.ahead_ms = client.options["timeDifference"] = 0
    rows = client.fetch_funding_history(LINEAR)
    client.session.close()
    assert rows
    (log,) = [
        row
        for row in read(adapter, "/v5/account/transaction-log?category=linear&type=SETTLEMENT")["result"]["list"]
        if row["transactionTime"] == str(rows[0]["timestamp"])
    ]
    raw = rows[0]["info"]
    assert (raw["execType"], raw["side"], raw["execQty"]) == ("Funding", "Buy", "0.500")
    assert Decimal(raw["execFee"]) == -Decimal(
        log["funding"]
    )  # an execution counts what was paid, the log what came in
    value = Decimal(raw["execValue"])
    assert Decimal(raw["execFee"]) == pytest.approx(value * Decimal(raw["feeRate"]), rel=Decimal("0.01"))


def test_the_log_has_the_trades(client, adapter):
    client.create_order(SPOT, "market", "buy", 0.002)
    rows = read(adapter, "/v5/account/transaction-log?category=spot&type=TRADE&limit=50")["result"]["list"]
    assert {row["currency"] for row in rows} == {"BTC", "USDT"}
    bought = sum(Decimal(row["change"]) for row in rows if row["currency"] == "BTC")
    assert bought == Decimal("0.001998")


def test_the_protection_against_a_lost_stream_is_taken_and_cancels_nothing_over_rest(client, adapter, market):
    client.create_order(LINEAR, "limit", "buy", 0.01, away(market, LINEAR, "0.9"))
    assert code(post(adapter, "/v5/order/disconnected-cancel-all", {"timeWindow": 10, "product": "DERIVATIVES"})) == 0
    assert code(post(adapter, "/v5/order/disconnected-cancel-all", {"timeWindow": 2})) == 10001
    adapter.ahead_ms = 60_000
    client.options["timeDifference"] = -60_000
    assert len(client.fetch_open_orders(LINEAR)) == 1


def test_orders_and_ids_outlive_a_restart(market, tmp_path):
    first = Bybit(market, market.now_ms, Store(tmp_path / "accounts.sqlite"))
    client = make_client(Live(first))
    low = away(market, SPOT, "0.9")
    made = client.create_order(SPOT, "limit", "sell", 0.01, low, {"triggerPrice": low, "clientOrderId": "kept"})
    client.create_order(LINEAR, "market", "buy", 0.01)
    client.session.close()
    again = make_client(Live(Bybit(market, market.now_ms, Store(tmp_path / "accounts.sqlite"))))
    (row,) = again.fetch_open_orders(SPOT)
    assert (row["id"], row["clientOrderId"], row["triggerPrice"]) == (made["id"], "kept", low)
    assert again.fetch_positions()[0]["contracts"] == 0.01
    with pytest.raises(ccxt.InvalidOrder, match="170141"):
        again.create_order(SPOT, "limit", "buy", 0.01, low, {"clientOrderId": "kept"})
    assert again.create_order(SPOT, "limit", "buy", 0.01, low)["id"] > made["id"]
    again.session.close()


# --- pybit -----------------------------------------------------------------------------------------------------------


def test_pybit_places_finds_amends_and_cancels(bybit, market):
    from pybit.exceptions import InvalidRequestError

    price = str(away(market, LINEAR, "0.9"))
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01",
             "price": price, "orderLinkId": "pybit-1", "reduceOnly": False}  # fmt: skip
    made = bybit.place_order(**order)["result"]
    assert made["orderLinkId"] == "pybit-1"
    (row,) = bybit.get_open_orders(category="linear", symbol="BTCUSDT")["result"]["list"]
    assert (row["orderId"], row["orderStatus"], row["reduceOnly"]) == (made["orderId"], "New", False)
    bybit.amend_order(category="linear", symbol="BTCUSDT", orderLinkId="pybit-1", qty="0.02")
    (row,) = bybit.get_open_orders(category="linear", orderId=made["orderId"])["result"]["list"]
    assert row["qty"] == "0.020"
    with pytest.raises(InvalidRequestError, match="110072"):
        bybit.place_order(**order)
    bybit.cancel_order(category="linear", symbol="BTCUSDT", orderId=made["orderId"])
    with pytest.raises(InvalidRequestError, match="110001"):
        bybit.cancel_order(category="linear", symbol="BTCUSDT", orderId=made["orderId"])
    (row,) = bybit.get_order_history(category="linear", orderLinkId="pybit-1")["result"]["list"]
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_PerCancelRequest")


def test_pybit_reads_fills_positions_wallet_and_key(bybit):
    bybit.place_order(category="linear", symbol="ETHUSDT", side="Buy", orderType="Market", qty=1)
    (position,) = bybit.get_positions(category="linear", settleCoin="USDT")["result"]["list"]
    assert (position["symbol"], position["side"], position["size"]) == ("ETHUSDT", "Buy", "1.00")
    fills = bybit.get_executions(category="linear", symbol="ETHUSDT", limit=1)["result"]
    assert fills["list"][0]["execType"] == "Trade"
    more = bybit.get_executions(category="linear", symbol="ETHUSDT", limit=1, cursor=fills["nextPageCursor"])["result"]
    assert fills["list"][0] not in more["list"]
    wallet = bybit.get_wallet_balance(accountType="UNIFIED", coin="USDT")["result"]["list"][0]
    assert [coin["coin"] for coin in wallet["coin"]] == ["USDT"]
    assert bybit.get_api_key_information()["result"]["readOnly"] == 0
    assert bybit.cancel_all_orders(category="linear", settleCoin="USDT")["result"] == {"list": [], "success": "1"}


def test_any_client_is_told_its_limits_in_headers(adapter):
    session = requests.Session()
    session.mount("https://", adapter)
    answer = session.get("https://api.bybit.com/v5/account/info", headers=sign(adapter, ""))
    assert answer.json()["result"]["unifiedMarginStatus"] == 6
    assert answer.headers["x-bapi-limit"] == "50"
    session.close()


# --- over loopback ---------------------------------------------------------------------------------------------------


def test_over_loopback_both_clients_trade_with_the_published_keys(sim):
    from pybit.unified_trading import HTTP

    base, keys = sim.hosts["api.bybit.com"], sim.credentials["bybit"]
    session = HTTP(api_key=keys["key"], api_secret=keys["secret"])
    session.endpoint = base
    link_id = f"loop-{time.time_ns()}"
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01",
             "price": "10000", "orderLinkId": link_id}  # fmt: skip
    made = session.place_order(**order)["result"]["orderId"]
    exchange = ccxt.bybit({"apiKey": keys["key"], "secret": keys["secret"], "enableRateLimit": False})
    exchange.urls["api"] = redirected(exchange.urls["api"], sim.hosts, exchange.hostname)
    exchange.options["fetchMarkets"] = {"types": ["linear"]}
    (row,) = exchange.fetch_open_orders(LINEAR, None, None, {"orderLinkId": link_id})
    assert row["id"] == made
    assert exchange.cancel_order(made, LINEAR)["id"] == made
    (row,) = session.get_open_orders(category="linear", orderLinkId=link_id)["result"]["list"]
    assert row["orderStatus"] == "Cancelled"
    exchange.session.close()
    session.client.close()
