"""What the simulated Binance tells of an account's past, read by ccxt, by the official SDK and by hand."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from simulator.market.listings import binance as catalogue
from simulator.market.synthetic import SyntheticMarket
from simulator.venues.binance import Binance
from tests.simulator.test_binance_orders import FULL, LINEAR, OTHER, READING, SPOT, Live, call, signed_in, wall_ms

WALLET, FUTURES = "https://api.binance.com/sapi/v1", "https://fapi.binance.com/fapi/v1"
DAY_MS = 86_400_000


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


@pytest.fixture
def client(adapter: Live) -> Iterator[Any]:
    exchange = signed_in(adapter)
    yield exchange
    exchange.session.close()


def ask(adapter: Live, url: str, params: dict[str, Any] | None = None, method: str = "GET", **more: Any) -> Any:
    status, payload = call(adapter, method, url, params, **more)
    assert status == 200, payload
    return payload


# --- deposits and withdrawals ---


def test_ccxt_reads_every_initial_amount_as_a_deposit_that_went_through(client, venue):
    client.fetch_balance()
    told = client.fetch_deposits()
    wanted = sorted((code, float(text)) for wallet in venue.rules.deposits.values() for code, text in wallet.items())
    assert sorted((row["currency"], row["amount"]) for row in told) == wanted
    assert {row["status"] for row in told} == {"ok"}
    assert all(wall_ms() - row["timestamp"] < 60_000 for row in told)
    assert client.fetch_withdrawals() == []
    assert [row["amount"] for row in client.fetch_deposits("SOL")] == [10_000]


def test_deposits_are_filtered_paged_and_bound_to_ninety_days(adapter):
    rows = ask(adapter, f"{WALLET}/capital/deposit/hisrec")
    assert [row["coin"] for row in ask(adapter, f"{WALLET}/capital/deposit/hisrec", {"coin": "EUR"})] == ["EUR"]
    assert ask(adapter, f"{WALLET}/capital/deposit/hisrec", {"offset": 2, "limit": 3}) == rows[2:5]
    assert ask(adapter, f"{WALLET}/capital/deposit/hisrec", {"status": 0}) == []
    first_ms = rows[0]["insertTime"]
    assert ask(adapter, f"{WALLET}/capital/deposit/hisrec", {"startTime": first_ms + 60_000}) == []
    window = {"startTime": first_ms - 91 * DAY_MS, "endTime": first_ms}
    status, refusal = call(adapter, "GET", f"{WALLET}/capital/deposit/hisrec", window)
    assert (status, refusal["code"]) == (400, -1127)
    assert ask(adapter, f"{WALLET}/capital/withdraw/history") == []


def test_a_read_only_key_may_read_them_and_another_owner_has_deposits_of_its_own(adapter):
    mine = ask(adapter, f"{WALLET}/capital/deposit/hisrec")
    assert ask(adapter, f"{WALLET}/capital/deposit/hisrec", account=READING) == mine
    others = ask(adapter, f"{WALLET}/capital/deposit/hisrec", account=OTHER)
    assert sorted(row["coin"] for row in others) == sorted(row["coin"] for row in mine)
    assert len({row["id"] for row in mine}) == len(mine)


# --- fees in BNB ---


def test_fees_of_spot_are_paid_in_bnb_once_that_is_switched_on(adapter, client):
    assert ask(adapter, f"{WALLET}/bnbBurn") == {"spotBNBBurn": False, "interestBNBBurn": False}
    assert client.create_order(SPOT, "market", "buy", 0.01)["fees"][0]["currency"] == "BTC"
    told = client.sapi_post_bnbburn({"spotBNBBurn": "true"})
    assert told == {"spotBNBBurn": True, "interestBNBBurn": False}
    made = client.create_order(SPOT, "market", "buy", 0.01)
    assert {fee["currency"] for fee in made["fees"]} == {"BNB"}
    assert client.fetch_my_trades(SPOT)[-1]["fee"]["currency"] == "BNB"
    assert ask(adapter, f"{FUTURES}/feeBurn") == {"feeBurn": False}
    client.sapi_post_bnbburn({"spotBNBBurn": "false"})
    assert client.create_order(SPOT, "market", "buy", 0.01)["fees"][0]["currency"] == "BTC"


def test_a_switch_that_says_nothing_is_refused_and_a_read_only_key_may_not_turn_that_of_futures(adapter):
    assert call(adapter, "POST", f"{WALLET}/bnbBurn")[1]["code"] == -1102
    assert call(adapter, "POST", f"{FUTURES}/feeBurn")[1]["code"] == -1102
    assert call(adapter, "POST", f"{FUTURES}/feeBurn", {"feeBurn": "true"}, account=READING)[1]["code"] == -2015


def test_the_futures_sdk_switches_fees_to_bnb_and_reads_the_income(adapter, client, caplog):
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )

    configuration = ConfigurationRestAPI(api_key=FULL.key, api_secret=FULL.secret)
    rest = DerivativesTradingUsdsFutures(config_rest_api=configuration).rest_api
    rest._session.mount("https://", adapter)
    assert rest.get_bnb_burn_status().data().fee_burn is False
    assert rest.toggle_bnb_burn_on_futures_trade("true").data().code == 200
    assert rest.get_bnb_burn_status().data().fee_burn is True
    client.create_order(LINEAR, "market", "buy", 0.01)
    (trade, *_) = rest.account_trade_list("BTCUSDT").data()
    assert trade.commission_asset == "BNB"
    (row, *_) = rest.get_income_history(income_type="COMMISSION").data()
    assert (row.asset, row.symbol, row.income) == ("BNB", "BTCUSDT", f"-{trade.commission}")
    before = {each.asset: Decimal(each.balance) for each in rest.futures_account_balance_v3().data()}
    paid = sum(Decimal(each.commission) for each in rest.account_trade_list("BTCUSDT").data())
    assert before["BNB"] == Decimal(Binance.rules.deposits["linear"]["BNB"]) - paid
    assert before["USDT"] == Decimal(Binance.rules.deposits["linear"]["USDT"])
    assert rest.quarterly_contract_settlement_price("BTCUSDT").data() == []
    assert [record.getMessage() for record in caplog.records if "response" in record.getMessage()] == []


# --- income ---


def test_ccxt_reads_the_income_of_futures_as_a_ledger(client):
    client.create_order(LINEAR, "market", "buy", 0.01)
    client.create_order(LINEAR, "market", "sell", 0.01)
    rows = client.fetch_ledger(None, wall_ms() - 60_000, params={"type": "future"})
    assert {row["info"]["incomeType"] for row in rows} == {"COMMISSION", "REALIZED_PNL"}
    assert {row["info"]["symbol"] for row in rows} == {"BTCUSDT"}
