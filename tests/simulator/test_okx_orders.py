"""Trading on the simulated OKX: unmodified ccxt and python-okx place, find, change and cancel, or are refused."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from simulator.exchange.model import Account
from simulator.limits import AS_REAL, LIFTED
from simulator.market.listings.okx import listings
from simulator.market.synthetic import SyntheticMarket
from simulator.venues.okx import Okx
from simulator.venues.okx_private import SIGNED
from tests.simulator.mounted import NOW_MS, Mounted, client

REST = "https://www.okx.com"
SPOT, SWAP, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
FULL, READER, WITHDRAWER, OTHER = Okx.accounts
HOUR_MS = 3_600_000
Trader = Callable[..., Any]


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(7, start_ms=NOW_MS, frozen=True, listings=listings(NOW_MS))


@pytest.fixture(scope="module")
def markets(market: SyntheticMarket) -> Any:
    exchange = client(ccxt.okx, Mounted(Okx(market, market.now_ms)))
    exchange.fetch_markets()
    return exchange.fetch_markets()


@pytest.fixture
def wire(market: SyntheticMarket) -> Mounted:
    """A fresh venue, at the time of the wall: clients sign what their own clock says."""
    okx = Okx(market, market.now_ms)
    okx.set_limits(LIFTED)
    return Mounted(okx, time.time_ns() // 1_000_000)


@pytest.fixture
def trader(wire: Mounted, markets: Any) -> Iterator[Trader]:
    """Make ccxt clients with keys; they know the markets."""
    made = []

    def make(account: Account = FULL, **config: Any) -> Any:
        keys = {"apiKey": account.key, "secret": account.secret, "password": account.passphrase}
        exchange = client(ccxt.okx, wire, **(keys | config))
        exchange.set_markets(markets)
        made.append(exchange)
        return exchange

    yield make
    for exchange in made:
        exchange.session.close()


@pytest.fixture
def ex(trader: Trader) -> Any:
    return trader()


def best(ex: Any, symbol: str) -> tuple[float, float]:
    ticker = ex.fetch_ticker(symbol)
    return ticker["bid"], ticker["ask"]


def below(ex: Any, symbol: str, share: float = 0.9) -> float:
    """A price that rests far from the market."""
    return float(ex.price_to_precision(symbol, best(ex, symbol)[0] * share))


def signed(
    wire: Mounted, method: str, target: str, body: str = "", account: Account = FULL, **changed: str | None
) -> tuple[int, dict[str, Any]]:
    """Sign by hand, so that a header or the body can be spoilt."""
    stamp = datetime.fromtimestamp(wire.now_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    stamp = changed.pop("stamp", stamp) or stamp
    told = f"{stamp}{method}{target}{body}".encode()
    headers: dict[str, str | None] = {
        "OK-ACCESS-KEY": account.key,
        "OK-ACCESS-SIGN": base64.b64encode(hmac.new(account.secret.encode(), told, hashlib.sha256).digest()).decode(),
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": account.passphrase,
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    reply = wire.ask(method, f"{REST}{target}", {k: v for k, v in headers.items() if v is not None}, body)
    return reply.status, json.loads(reply.body)


def move(wire: Mounted, ex: Any, ms: int) -> None:
    """Let time pass, for the venue and for the client's clock."""
    wire.now_ms += ms
    ex.options["timeDifference"] = ex.options.get("timeDifference", 0) - ms


def print_trade(wire: Mounted, native_id: str, price: float, side: str = "sell") -> None:
    """Let one public trade happen."""
    listing = next(i for i in wire.venue.by_id.values() if i.native_id == native_id)
    wire.venue.exchange.print_trade(listing, Decimal(str(price)), Decimal(1), side, wire.now_ms)


def refusal(error: pytest.ExceptionInfo[Exception]) -> str:
    """Read the code with which the venue refused: of the item where there is one."""
    body = json.loads(str(error.value).removeprefix("okx "))
    return str(body["data"][0]["sCode"] if body["data"] else body["code"])


class TestKeys:
    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"OK_ACCESS_KEY": None}, "50103"),
            ({"OK_ACCESS_PASSPHRASE": None}, "50104"),
            ({"OK_ACCESS_SIGN": None}, "50106"),
            ({"OK_ACCESS_TIMESTAMP": None}, "50107"),
            ({"stamp": "2026-11-21 10:00:00"}, "50112"),
            ({"stamp": "2026-11-20T10:00:00.000Z"}, "50102"),
            ({"OK_ACCESS_KEY": "11111111-2222-3333-4444-555555555555"}, "50111"),
            ({"OK_ACCESS_SIGN": "AAAA"}, "50113"),
            ({"OK_ACCESS_PASSPHRASE": "wrong"}, "50105"),
            ({"x_simulated_trading": "1"}, "50101"),
        ],
    )
    def test_each_header_is_checked_and_refused_with_its_own_code(
        self, wire: Mounted, changed: dict[str, Any], code: str
    ) -> None:
        status, body = signed(wire, "GET", "/api/v5/account/balance", **changed)
        assert (status, body["code"], body["data"]) == (401, code, [])

    def test_the_signature_is_over_the_bytes_as_they_came(self, wire: Mounted) -> None:
        assert signed(wire, "GET", "/api/v5/account/balance?ccy=BTC%2CETH")[1]["code"] == "0"
        spaced = '{"timeOut": "0", "tag": null}'
        assert signed(wire, "POST", "/api/v5/trade/cancel-all-after", spaced)[1]["code"] == "0"

    @pytest.mark.parametrize(
        ("wrong", "kind"),
        [
            ({"apiKey": "nobody"}, ccxt.AuthenticationError),
            ({"secret": "wrong"}, ccxt.AuthenticationError),
            ({"password": "wrong"}, ccxt.AuthenticationError),
            ({"options": {"timeDifference": 31_000}}, ccxt.InvalidNonce),
            ({"headers": {"x-simulated-trading": "1"}}, ccxt.AuthenticationError),
        ],
    )
    def test_ccxt_takes_them_as_documented(self, trader: Trader, wrong: dict[str, Any], kind: type[Exception]) -> None:
        with pytest.raises(kind):
            trader(**wrong).fetch_balance()

    def test_a_key_that_may_only_read_reads_and_places_nothing(self, trader: Trader, wire: Mounted) -> None:
        reader = trader(READER)
        assert reader.fetch_balance()["USDT"]["total"] == 1_000_000
        with pytest.raises(ccxt.ExchangeError) as error:
            reader.create_order(SPOT, "limit", "buy", 0.01, 50_000)
        assert refusal(error) == "50120"
        assert wire.venue.exchange.orders(FULL, wire.now_ms) == []

    def test_the_settings_tell_what_a_key_may_do(self, trader: Trader) -> None:
        told = {a.key: trader(a).private_get_account_config()["data"][0]["perm"] for a in (FULL, READER, WITHDRAWER)}
        assert told == {
            FULL.key: "read_only,trade",
            READER.key: "read_only",
            WITHDRAWER.key: "read_only,trade,withdraw",
        }

    def test_keys_of_one_owner_see_the_same_orders_and_others_do_not(self, trader: Trader, ex: Any) -> None:
        made = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine"})
        assert trader(READER).fetch_order(made["id"], SPOT)["clientOrderId"] == "mine"
        other = trader(OTHER)
        assert other.fetch_open_orders() == []
        with pytest.raises(ccxt.OrderNotFound):
            other.fetch_order(made["id"], SPOT)

    def test_loading_markets_with_keys_asks_for_currencies_first(self, wire: Mounted) -> None:
        exchange = client(ccxt.okx, wire, apiKey=FULL.key, secret=FULL.secret, password=FULL.passphrase)
        exchange.load_markets()
        assert wire.targets[0] == "/api/v5/asset/currencies"
        assert len(wire.targets) == 6


class TestPlacing:
    def test_a_resting_limit_order_is_told_by_either_id_and_in_the_list(self, ex: Any) -> None:
        price = below(ex, SPOT)
        made = ex.create_order(SPOT, "limit", "buy", 0.01, price, {"clientOrderId": "Abc123"})
        assert (made["status"], made["amount"]) == (None, None)  # the answer carries ids only
        by_id, by_client = ex.fetch_order(made["id"], SPOT), ex.fetch_order(None, SPOT, {"clientOrderId": "Abc123"})
        assert by_id == by_client == ex.fetch_open_orders(SPOT)[0]
        assert {
            k: by_id[k] for k in ("id", "clientOrderId", "status", "side", "type", "price", "amount", "filled")
        } == {
            "id": made["id"],
            "clientOrderId": "Abc123",
            "status": "open",
            "side": "buy",
            "type": "limit",
            "price": price,
            "amount": 0.01,
            "filled": 0.0,
        }
        locked = ex.fetch_balance()["USDT"]
        assert locked["used"] == pytest.approx(0.01 * price)
        assert locked["total"] == 1_000_000

    def test_both_the_single_and_the_batch_endpoint_place(self, trader: Trader, wire: Mounted) -> None:
        for method in ("privatePostTradeOrder", "privatePostTradeBatchOrders"):
            exchange = trader(options={"createOrder": method})
            made = exchange.create_order(SPOT, "limit", "buy", 0.01, 50_000)
            assert exchange.fetch_order(made["id"], SPOT)["status"] == "open"
        assert {"/api/v5/trade/order", "/api/v5/trade/batch-orders"} <= set(wire.targets)

    def test_a_market_order_counts_base_or_quote_as_tgtccy_says(self, ex: Any) -> None:
        base = ex.fetch_order(ex.create_order(SPOT, "market", "buy", 0.02)["id"], SPOT)
        assert (base["status"], base["filled"], base["info"]["tgtCcy"]) == ("closed", 0.02, "base_ccy")
        quote = ex.fetch_order(ex.create_market_buy_order_with_cost(SPOT, 500)["id"], SPOT)
        assert (quote["info"]["sz"], quote["info"]["tgtCcy"], quote["info"]["state"]) == ("500", "quote_ccy", "filled")
        assert 490 < quote["cost"] <= 500

    def test_without_tgtccy_a_spot_market_buy_counts_quote(self, wire: Mounted) -> None:
        body = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market", "sz": "100"}
        made = signed(wire, "POST", "/api/v5/trade/order", json.dumps(body))[1]["data"][0]
        order = wire.venue.exchange.find(FULL, wire.now_ms, order_id=made["ordId"])
        assert order is not None
        assert 90 < order.filled_quote <= 100

    def test_fees_are_taken_from_what_is_received_and_told_below_zero(self, ex: Any) -> None:
        bought = ex.fetch_order(ex.create_order(SPOT, "market", "buy", 0.02)["id"], SPOT)
        assert (bought["info"]["feeCcy"], Decimal(bought["info"]["fee"])) == ("BTC", -Decimal("0.00002"))
        assert bought["fee"] == {"cost": 0.00002, "currency": "BTC"}
        sold = ex.fetch_order(ex.create_order(SPOT, "market", "sell", 0.02)["id"], SPOT)
        assert sold["fee"]["currency"] == "USDT"
        trades = ex.fetch_my_trades(SPOT)
        assert sum(t["amount"] for t in trades if t["side"] == "buy") == pytest.approx(0.02)
        assert {t["order"] for t in trades} == {bought["id"], sold["id"]}
        assert {t["takerOrMaker"] for t in trades} == {"taker"}

    @pytest.mark.parametrize(
        ("params", "price_share", "state", "filled"),
        [
            ({"timeInForce": "IOC"}, 0.9, "canceled", 0.0),
            ({"timeInForce": "IOC"}, 1.1, "filled", 0.01),
            ({"timeInForce": "FOK"}, 0.9, "canceled", 0.0),
            ({"timeInForce": "FOK"}, 1.1, "filled", 0.01),
            ({"postOnly": True}, 0.9, "live", 0.0),
            ({"postOnly": True}, 1.1, "canceled", 0.0),  # accepted first: an id comes back
        ],
    )
    def test_ioc_fok_and_post_only(
        self, ex: Any, params: dict[str, Any], price_share: float, state: str, filled: float
    ) -> None:
        made = ex.create_order(SPOT, "limit", "buy", 0.01, below(ex, SPOT, price_share), params)
        order = ex.fetch_order(made["id"], SPOT)
        assert (order["info"]["state"], order["filled"]) == (state, filled)

    def test_contracts_are_counted_in_contracts_with_exact_averages(self, ex: Any) -> None:
        for symbol, value in ((SWAP, 0.01), (INVERSE, 100)):
            order = ex.fetch_order(ex.create_order(symbol, "market", "buy", 5)["id"], symbol)
            bid, ask = best(ex, symbol)
            assert bid <= order["average"] <= ask * 1.001
            position = ex.fetch_positions([symbol])[0]
            assert (position["contracts"], position["contractSize"], position["side"]) == (5.0, value, "long")
            assert (position["marginMode"], position["leverage"]) == ("cross", 5)
            assert position["initialMargin"] > 0

    def test_reduce_only_closes_and_never_turns(self, ex: Any) -> None:
        ex.create_order(SWAP, "market", "sell", 3)
        assert ex.fetch_positions([SWAP])[0]["info"]["pos"] == "-3"
        ex.create_order(SWAP, "market", "buy", 9, None, {"reduceOnly": True})
        assert ex.fetch_positions([SWAP]) == []
        with pytest.raises(ccxt.ExchangeError) as error:
            ex.create_order(SWAP, "market", "buy", 1, None, {"reduceOnly": True})
        assert refusal(error) == "51169"

    def test_options_take_limits_and_no_market_orders(self, ex: Any, markets: Any) -> None:
        option = next(m["symbol"] for m in markets if m["option"])
        made = ex.create_order(option, "limit", "buy", 1, 0.0001)
        assert ex.fetch_order(made["id"], option)["info"]["instType"] == "OPTION"
        with pytest.raises(ccxt.ExchangeError) as error:
            ex.create_order(option, "market", "buy", 1)
        assert refusal(error) == "51066"

    def test_leverage_is_set_and_told(self, ex: Any) -> None:
        ex.set_leverage(7, SWAP)
        assert ex.fetch_leverage(SWAP)["longLeverage"] == 7
        ex.create_order(SWAP, "market", "buy", 1)
        assert ex.fetch_positions([SWAP])[0]["leverage"] == 7
        with pytest.raises(ccxt.ExchangeError) as error:
            ex.set_leverage(125, SWAP)
        assert refusal(error) == "59102"


class TestRefusals:
    @pytest.mark.parametrize(
        ("symbol", "kind", "amount", "price", "params", "code", "expected"),
        [
            (SPOT, "limit", 5_000, 50_000, {}, "51008", ccxt.InsufficientFunds),
            (SPOT, "market", 50, None, {"tgtCcy": "bad"}, "51000", ccxt.BadRequest),
            (SPOT, "limit", 0.01, 50_000, {"clientOrderId": "under_score"}, "51000", ccxt.BadRequest),
            (SPOT, "limit", 0.01, 50_000, {"clientOrderId": "x" * 33}, "51000", ccxt.BadRequest),
            (SPOT, "limit", 0.01, 50_000, {"sz": "0.010000001"}, "51121", ccxt.InvalidOrder),
            (SPOT, "limit", 0.01, 50_000, {"sz": "0.000001"}, "51020", ccxt.InvalidOrder),
            (SPOT, "limit", 0.01, 50_000, {"px": "50000.01"}, "51150", ccxt.ExchangeError),
            (SPOT, "limit", 0.01, 50_000, {"instId": "NO-SUCH"}, "51001", ccxt.BadSymbol),
            (SPOT, "limit", 0.01, 50_000, {"reduceOnly": True}, "51139", ccxt.InvalidOrder),
            (SPOT, "limit", 0.01, 50_000, {"marginMode": "isolated"}, "51010", ccxt.AccountNotEnabled),
            (SWAP, "limit", 0.01, 50_000, {"tdMode": "cash"}, "51000", ccxt.BadRequest),
            (SWAP, "limit", 1, 50_000, {"sz": "0.005"}, "51020", ccxt.InvalidOrder),
            (SWAP, "limit", 1, 50_000, {"posSide": "long"}, "51000", ccxt.BadRequest),
        ],
    )
    def test_each_rule_has_the_venues_code(
        self,
        ex: Any,
        wire: Mounted,
        symbol: str,
        kind: str,
        amount: float,
        price: float | None,
        params: dict[str, Any],
        code: str,
        expected: type[Exception],
    ) -> None:
        with pytest.raises(expected) as error:
            ex.create_order(symbol, kind, "buy", amount, price, params)
        assert refusal(error) == code
        body = json.loads(wire.replies[-1].body)
        assert (wire.replies[-1].status, body["code"], body["msg"]) == (200, "1", "All operations failed")
        assert body["data"][0]["ordId"] == ""
        assert wire.venue.exchange.orders(FULL, wire.now_ms) == []

    def test_a_client_id_is_unique_among_pending_orders_only(self, ex: Any) -> None:
        first = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000, {"clientOrderId": "same"})
        with pytest.raises(ccxt.InvalidOrder) as error:
            ex.create_order(SPOT, "limit", "buy", 0.01, 50_000, {"clientOrderId": "same"})
        assert refusal(error) == "51016"
        ex.cancel_order(first["id"], SPOT)
        second = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000, {"clientOrderId": "same"})
        assert ex.fetch_order(None, SPOT, {"clientOrderId": "same"})["id"] == second["id"]  # the latest

    def test_an_order_whose_exptime_has_passed_is_not_accepted(self, ex: Any, trader: Trader, wire: Mounted) -> None:
        late = trader(headers={"expTime": str(wire.now_ms - 1)})
        for options in ({}, {"createOrder": "privatePostTradeOrder"}):
            late.options |= options
            with pytest.raises(ccxt.ExchangeError) as error:
                late.create_order(SPOT, "limit", "buy", 0.01, 50_000)
            assert refusal(error) == "50036"
        in_time = trader(headers={"expTime": str(wire.now_ms + 5_000)})
        assert in_time.create_order(SPOT, "limit", "buy", 0.01, 50_000)["id"]
        assert len(ex.fetch_open_orders()) == 1

    def test_of_a_batch_the_good_ones_are_placed_and_the_code_is_2(self, ex: Any, wire: Mounted) -> None:
        good = {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 0.01, "price": 50_000}
        made = ex.create_orders([good, good | {"amount": 9_000}])
        assert [order["status"] for order in made] == [None, "rejected"]
        assert json.loads(wire.replies[-1].body)["code"] == "2"
        assert len(ex.fetch_open_orders()) == 1

    @pytest.mark.parametrize(
        ("path", "body", "status", "code"),
        [
            ("trade/order", "", 400, "50000"),
            ("trade/order", "{", 400, "50002"),
            ("trade/order", '{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"limit"}', 400, "50014"),
            ("trade/cancel-batch-orders", json.dumps([{"instId": "BTC-USDT"}] * 21), 200, "51111"),
            ("trade/cancel-all-after", '{"timeOut":"9"}', 200, "51000"),
        ],
    )
    def test_bodies_that_cannot_be_read_are_refused_whole(
        self, wire: Mounted, path: str, body: str, status: int, code: str
    ) -> None:
        answered, told = signed(wire, "POST", f"/api/v5/{path}", body)
        assert (answered, told["code"], told["data"]) == (status, code, [])


class TestChanging:
    def test_cancel_by_either_id_and_again(self, ex: Any) -> None:
        made = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000, {"clientOrderId": "one"})
        ex.cancel_order(None, SPOT, {"clientOrderId": "one"})
        assert ex.fetch_order(made["id"], SPOT)["status"] == "canceled"
        for ref, code in ((made["id"], "51401"), ("1900000000000000000", "51400")):
            with pytest.raises(ccxt.OrderNotFound) as error:
                ex.cancel_order(ref, SPOT)
            assert refusal(error) == code
        done = ex.create_order(SPOT, "market", "buy", 0.01)
        with pytest.raises(ccxt.OrderNotFound) as error:
            ex.cancel_order(done["id"], SPOT)
        assert refusal(error) == "51402"

    def test_several_are_cancelled_at_once_and_each_is_answered(self, ex: Any, wire: Mounted) -> None:
        ids = [ex.create_order(SPOT, "limit", "buy", 0.01, 50_000)["id"] for _ in range(3)]
        ex.cancel_order(ids[0], SPOT)
        ex.cancel_orders(ids, SPOT)
        answer = json.loads(wire.replies[-1].body)
        assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["51401", "0", "0"])
        assert ex.fetch_open_orders() == []

    def test_amend_changes_size_and_price_in_place(self, ex: Any) -> None:
        made = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000, {"clientOrderId": "moved"})
        ex.edit_order(made["id"], SPOT, "limit", "buy", 0.02, 51_000)
        order = ex.fetch_order(made["id"], SPOT)
        assert (order["amount"], order["price"], order["clientOrderId"]) == (0.02, 51_000.0, "moved")
        ex.cancel_order(made["id"], SPOT)
        for ref, code in ((made["id"], "51509"), ("1900000000000000000", "51503")):
            with pytest.raises(ccxt.OrderNotFound) as error:
                ex.edit_order(ref, SPOT, "limit", "buy", 0.03, 51_000)
            assert refusal(error) == code

    def test_the_dead_mans_switch_cancels_when_it_is_due(self, ex: Any, wire: Mounted) -> None:
        made = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000)
        told = ex.cancel_all_orders_after(10_000)["data"][0]
        assert int(told["triggerTime"]) == wire.now_ms + 10_000
        move(wire, ex, 9_000)
        assert ex.fetch_order(made["id"], SPOT)["status"] == "open"
        move(wire, ex, 2_000)
        assert ex.fetch_order(made["id"], SPOT)["status"] == "canceled"
        assert ex.cancel_all_orders_after(0)["data"][0]["triggerTime"] == "0"


class TestLists:
    def test_lists_are_newest_first_and_paged_by_id(self, ex: Any) -> None:
        ids = [ex.create_order(SPOT, "limit", "buy", 0.01, 50_000)["id"] for _ in range(5)]
        page = ex.private_get_trade_orders_pending({"limit": "2"})["data"]
        assert [row["ordId"] for row in page] == ids[:2:-1]
        rest = ex.private_get_trade_orders_pending({"after": page[-1]["ordId"]})["data"]
        assert [row["ordId"] for row in rest] == ids[2::-1]
        newer = ex.private_get_trade_orders_pending({"before": ids[3]})["data"]
        assert [row["ordId"] for row in newer] == ids[4:]

    def test_finished_orders_are_told_by_state_and_time(self, ex: Any, wire: Mounted) -> None:
        done = ex.create_order(SPOT, "market", "buy", 0.01)["id"]
        move(wire, ex, 1_000)
        gone = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000)["id"]
        ex.cancel_order(gone, SPOT)
        ex.create_order(SWAP, "market", "buy", 1)
        assert [o["id"] for o in ex.fetch_closed_orders(SPOT)] == [done]
        assert [o["id"] for o in ex.fetch_canceled_orders(SPOT)] == [gone]
        both = ex.private_get_trade_orders_history({"instType": "SPOT"})["data"]
        assert [row["ordId"] for row in both] == [gone, done]
        since = ex.private_get_trade_orders_history_archive({"instType": "SPOT", "begin": str(wire.now_ms)})["data"]
        assert [row["ordId"] for row in since] == [gone]

    def test_cancelled_without_a_fill_is_forgotten_after_two_hours(self, ex: Any, wire: Mounted) -> None:
        done = ex.create_order(SPOT, "market", "buy", 0.01)["id"]
        gone = ex.create_order(SPOT, "limit", "buy", 0.01, 50_000)["id"]
        ex.cancel_order(gone, SPOT)
        move(wire, ex, 2 * HOUR_MS - 1)
        assert ex.fetch_order(gone, SPOT)["status"] == "canceled"
        move(wire, ex, 2)
        with pytest.raises(ccxt.OrderNotFound) as error:
            ex.fetch_order(gone, SPOT)
        assert refusal(error) == "51603"
        assert ex.fetch_canceled_orders(SPOT) == []
        assert ex.fetch_order(done, SPOT)["status"] == "closed"

    def test_own_trades_are_paged_by_bill(self, ex: Any) -> None:
        for _ in range(3):
            ex.create_order(SPOT, "market", "buy", 0.0001)
        every = ex.private_get_trade_fills_history({"instType": "SPOT"})["data"]
        walked: list[Any] = []
        while page := ex.private_get_trade_fills_history(
            {"instType": "SPOT", "limit": "2"} | ({"after": walked[-1]["billId"]} if walked else {})
        )["data"]:
            assert len(page) <= 2
            walked += page
        assert walked == every
        assert len({row["tradeId"] for row in every}) == len(every) >= 3
        assert [t["id"] for t in ex.fetch_my_trades(SPOT)] == [row["tradeId"] for row in every[::-1]]

    def test_funding_is_paid_and_told_in_the_bills(self, ex: Any, wire: Mounted) -> None:
        moving = SyntheticMarket(7, start_ms=wire.now_ms + 10 * HOUR_MS, listings=listings(NOW_MS))
        wire.venue = Okx(moving, moving.now_ms)  # a frozen market settles nothing
        wire.venue.set_limits(LIFTED)
        ex.create_order(SWAP, "market", "buy", 100)
        move(wire, ex, 9 * HOUR_MS)
        paid = ex.fetch_funding_history(SWAP)
        assert paid
        assert {p["symbol"] for p in paid} == {SWAP}
        assert {p["code"] for p in paid} == {"USDT"}
        row = paid[-1]["info"]
        assert row["subType"] == ("173" if row["balChg"].startswith("-") else "174")
        recent = ex.private_get_account_bills({"type": "8"})["data"]
        assert {bill["billId"] for bill in recent} == {p["id"] for p in paid}


class TestStops:
    def stop(self, ex: Any, share: float = 0.9, **params: Any) -> Any:
        at = below(ex, SWAP, share)
        return ex.create_order(
            SWAP,
            "market",
            "sell",
            2,
            None,
            {"stopLossPrice": at, "algoClOrdId": "stop1", "clientOrderId": "stop1"} | params,
        )

    def test_a_stop_waits_in_lists_of_its_own(self, ex: Any) -> None:
        ex.create_order(SWAP, "market", "buy", 2)
        made = self.stop(ex, reduceOnly=True)
        assert ex.fetch_open_orders(SWAP) == []
        waiting = ex.fetch_open_orders(SWAP, None, None, {"trigger": True, "ordType": "conditional,oco"})
        assert [(o["id"], o["status"], o["reduceOnly"]) for o in waiting] == [(made["id"], "open", True)]
        told = ex.fetch_order(None, SWAP, {"trigger": True, "algoClOrdId": "stop1", "clientOrderId": "stop1"})
        assert (told["id"], told["info"]["algoClOrdId"]) == (made["id"], "stop1")
        with pytest.raises(ccxt.OrderNotFound):
            ex.fetch_order(None, SWAP, {"clientOrderId": "stop1"})  # the algo's id is no clOrdId

    def test_what_ccxt_sends_as_client_id_of_a_stop_is_not_kept(self, ex: Any) -> None:
        at = below(ex, SWAP)
        made = ex.create_order(SWAP, "market", "sell", 2, None, {"triggerPrice": at, "clientOrderId": "lost"})
        assert ex.fetch_order(made["id"], SWAP, {"trigger": True})["info"]["algoClOrdId"] == ""

    def test_when_it_fires_it_places_an_order_with_another_id(self, ex: Any, wire: Mounted) -> None:
        ex.create_order(SWAP, "market", "buy", 2)
        made = self.stop(ex, reduceOnly=True)
        print_trade(wire, "BTC-USDT-SWAP", below(ex, SWAP, 0.89))
        algo = ex.fetch_order(made["id"], SWAP, {"trigger": True})["info"]
        assert (algo["state"], algo["actualSide"]) == ("effective", "sl")
        (child_id,) = algo["ordIdList"]
        child = ex.fetch_order(child_id, SWAP)
        assert child["info"]["ordId"] == child_id != made["id"]
        assert (child["info"]["algoId"], child["info"]["algoClOrdId"]) == (made["id"], "stop1")
        assert (child["status"], child["filled"]) == ("closed", 2.0)
        assert child["id"] == made["id"]  # ccxt prefers algoId
        assert child_id in {trade["order"] for trade in ex.fetch_my_trades(SWAP)}
        assert ex.fetch_positions([SWAP]) == []
        done = ex.private_get_trade_orders_algo_history({"ordType": "conditional", "state": "effective"})["data"]
        assert [row["algoId"] for row in done] == [made["id"]]

    def test_what_cannot_be_placed_when_it_fires_has_failed(self, ex: Any, wire: Mounted) -> None:
        made = self.stop(ex, reduceOnly=True)  # there is no position
        print_trade(wire, "BTC-USDT-SWAP", below(ex, SWAP, 0.89))
        algo = ex.fetch_order(made["id"], SWAP, {"trigger": True})["info"]
        assert (algo["state"], algo["failCode"], algo["ordIdList"]) == ("order_failed", "51169", [])
        assert ex.private_get_trade_orders_history({"instType": "SWAP"})["data"] == []

    def test_a_stop_limit_rests_once_it_fired_and_is_cancelled_by_its_new_id(self, ex: Any, wire: Mounted) -> None:
        at = below(ex, SWAP, 0.9)
        params = {"stopLossPrice": at, "algoClOrdId": "limited"}
        made = ex.create_order(SWAP, "limit", "sell", 2, below(ex, SWAP, 1.2), params)
        print_trade(wire, "BTC-USDT-SWAP", at)
        (resting,) = ex.fetch_open_orders(SWAP)
        assert (resting["price"], resting["info"]["ordType"]) == (below(ex, SWAP, 1.2), "limit")
        with pytest.raises(ccxt.OrderNotFound):
            ex.cancel_order(made["id"], SWAP, {"trigger": True})
        ex.cancel_order(resting["info"]["ordId"], SWAP)
        assert ex.fetch_open_orders(SWAP) == []

    def test_a_trigger_order_fires_from_whichever_side_the_price_comes(self, ex: Any, wire: Mounted) -> None:
        made = ex.create_order(SWAP, "market", "buy", 1, None, {"triggerPrice": below(ex, SWAP), "algoClOrdId": "dip"})
        assert ex.fetch_open_orders(SWAP, None, None, {"trigger": True})[0]["id"] == made["id"]
        print_trade(wire, "BTC-USDT-SWAP", below(ex, SWAP, 0.89))
        assert ex.fetch_order(made["id"], SWAP, {"trigger": True})["status"] == "closed"

    def test_a_stop_that_was_passed_already_is_refused(self, ex: Any) -> None:
        with pytest.raises(ccxt.InvalidOrder) as error:
            self.stop(ex, 1.1)
        assert refusal(error) == "51280"
        with pytest.raises(ccxt.InvalidOrder) as error:
            ex.create_order(SWAP, "market", "buy", 1, None, {"stopLossPrice": below(ex, SWAP), "algoClOrdId": "x"})
        assert refusal(error) == "51278"

    def test_a_stop_is_cancelled_by_either_id_and_its_client_id_is_unique_while_it_waits(self, ex: Any) -> None:
        made = self.stop(ex)
        with pytest.raises(ccxt.ExchangeError) as error:
            self.stop(ex)
        assert refusal(error) == "51068"
        ex.create_order(SWAP, "limit", "buy", 1, 50_000, {"clientOrderId": "stop1"})  # another namespace
        ex.cancel_orders([], SWAP, {"trigger": True, "clientOrderId": ["stop1"]})
        assert ex.fetch_order(made["id"], SWAP, {"trigger": True})["status"] == "canceled"
        ex.cancel_order(self.stop(ex)["id"], SWAP, {"trigger": True})
        assert len(ex.fetch_canceled_orders(SWAP, None, None, {"trigger": True, "ordType": "conditional"})) == 2

    def test_the_size_of_a_waiting_stop_limit_is_amended(self, ex: Any) -> None:
        params = {"stopLossPrice": below(ex, SWAP), "algoClOrdId": "limited"}
        made = ex.create_order(SWAP, "limit", "sell", 2, below(ex, SWAP, 0.8), params)
        ex.private_post_trade_amend_algos({"instId": "BTC-USDT-SWAP", "algoId": made["id"], "newSz": "3"})
        assert ex.fetch_order(made["id"], SWAP, {"trigger": True})["amount"] == 3.0

    def test_spot_stops_count_base_coins(self, ex: Any, wire: Mounted) -> None:
        params = {"stopLossPrice": below(ex, SPOT, 1.1), "algoClOrdId": "up", "tdMode": "cash"}
        made = ex.create_order(SPOT, "market", "buy", 0.02, None, params)
        print_trade(wire, "BTC-USDT", below(ex, SPOT, 1.1), "buy")
        (child_id,) = ex.fetch_order(made["id"], SPOT, {"trigger": True})["info"]["ordIdList"]
        assert ex.fetch_order(child_id, SPOT)["filled"] == 0.02

    def test_options_have_no_stops(self, ex: Any, markets: Any) -> None:
        option = next(m["symbol"] for m in markets if m["option"])
        with pytest.raises(ccxt.BadRequest):
            ex.create_order(option, "limit", "sell", 1, 0.5, {"triggerPrice": 0.4})


class TestLimits:
    def test_a_batch_of_one_takes_from_the_limit_of_single_orders(self, ex: Any, wire: Mounted) -> None:
        wire.venue.set_limits(AS_REAL, lambda: 0.0)
        for _ in range(60):
            ex.create_order(SPOT, "limit", "buy", 0.001, 50_000)
        with pytest.raises(ccxt.RateLimitExceeded):
            ex.create_order(SPOT, "limit", "buy", 0.001, 50_000)
        ex.create_order(SWAP, "limit", "buy", 0.01, 50_000)  # each instrument on its own
        assert wire.replies[-2].status == 429

    def test_a_thousand_orders_in_two_seconds_are_the_most_of_an_account(self, ex: Any, wire: Mounted) -> None:
        wire.venue.set_limits(1000 / 1_000_000, lambda: 0.0)
        ex.create_order(SPOT, "limit", "buy", 0.001, 50_000)
        with pytest.raises(ccxt.ExchangeError) as error:
            ex.create_order(SWAP, "limit", "buy", 0.01, 50_000)
        assert refusal(error) == "50061"


def test_every_signed_route_wants_a_signature(wire: Mounted) -> None:
    for method, path in SIGNED:
        reply = wire.ask(method, f"{REST}{path}")
        assert (path, reply.status, json.loads(reply.body)["code"]) == (path, 401, "50103")


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")  # the SDK posts by the older argument
class TestOfficialSdk:
    """python-okx, whose bodies are spaced JSON with every optional field as empty text."""

    @pytest.fixture
    def sdk(self, sim: Any) -> Iterator[Callable[[Any], Any]]:
        made = []

        def make(api: Any, account: Account = FULL, flag: str = "0") -> Any:
            found = api(account.key, account.secret, account.passphrase, flag=flag, domain=sim.hosts["www.okx.com"])
            made.append(found)
            return found

        yield make
        for api in made:
            api.close()

    def test_an_order_is_placed_found_amended_and_cancelled(self, sdk: Any) -> None:
        from okx.Trade import TradeAPI

        trade = sdk(TradeAPI)
        made = trade.place_order("ETH-USDT", "cash", "buy", "limit", "0.01", px="100", clOrdId="sdk1")
        assert (made["code"], made["data"][0]["sMsg"]) == ("0", "")
        number = made["data"][0]["ordId"]
        assert trade.get_order("ETH-USDT", clOrdId="sdk1")["data"][0]["ordId"] == number
        assert trade.place_order("ETH-USDT", "cash", "buy", "limit", "0.01", px="100", clOrdId="sdk1")["code"] == "1"
        assert trade.amend_order("ETH-USDT", ordId=number, newSz="0.02")["data"][0]["sCode"] == "0"
        assert [r["sz"] for r in trade.get_order_list("SPOT", instId="ETH-USDT")["data"]] == ["0.02"]
        assert trade.cancel_order("ETH-USDT", ordId=number)["data"][0]["sCode"] == "0"
        assert trade.get_orders_history("SPOT", instId="ETH-USDT")["data"][0]["state"] == "canceled"

    def test_a_stop_is_placed_and_cancelled(self, sdk: Any) -> None:
        from okx.Trade import TradeAPI

        trade = sdk(TradeAPI)
        made = trade.place_algo_order(
            "ETH-USDT-SWAP", "cross", "buy", "trigger", "1", triggerPx="100", orderPx="-1", algoClOrdId="sdkstop"
        )
        number = made["data"][0]["algoId"]
        assert trade.get_algo_order_details(algoClOrdId="sdkstop")["data"][0]["algoId"] == number
        assert [r["algoId"] for r in trade.order_algos_list("trigger")["data"]] == [number]
        gone = trade.cancel_algo_order([{"instId": "ETH-USDT-SWAP", "algoId": number}])
        assert gone["data"][0]["sCode"] == "0"

    def test_the_account_is_told(self, sdk: Any) -> None:
        from okx.Account import AccountAPI

        account = sdk(AccountAPI)
        assert account.get_account_config()["data"][0]["perm"] == "read_only,trade"
        assert account.get_account_balance("SOL")["data"][0]["details"][0]["ccy"] == "SOL"
        assert account.get_leverage("cross", instId="SOL-USDT-SWAP")["data"][0]["lever"] == "5"
        assert account.get_positions("OPTION")["data"] == []
        assert account.get_account_bills_archive(type="8")["code"] == "0"

    def test_keys_of_real_trading_are_refused_by_the_demo(self, sdk: Any) -> None:
        from okx.Account import AccountAPI

        assert sdk(AccountAPI, flag="1").get_account_balance()["code"] == "50101"
