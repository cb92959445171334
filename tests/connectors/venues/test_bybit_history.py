"""What Bybit tells about the past of an account: own trades, deliveries, deposits, wallets, positions; simulated."""

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from connectors.venues import bybit_history
from connectors.venues.bybit_history_rows import (
    read_coin,
    read_delivery,
    read_deposit,
    read_funded,
    read_internal_deposit,
    read_settled,
    read_withdrawal,
)
from domain.errors import Unauthorized
from domain.movements import DEPOSIT, WITHDRAWAL
from domain.orders import BUY, SELL
from simulator.venues.bybit_auth import ACCOUNTS
from tests.connectors.opened import at_home, know_simulator, opened
from tests.connectors.tradingfloor import Floor
from tests.simulator.mounted import redirected

DAY_MS = 86_400_000
LABELS = ("spot", "linear", "inverse")
RESIDUAL = Decimal("1e-8")
"""What gains may differ by: Bybit's figures of a position have 8 decimals."""


@pytest.fixture(scope="module")
def told(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """Bybit after trades in three instruments; positions in two of them are still open."""
    home = tmp_path_factory.mktemp("bybit-history")
    running_simulator.clear_faults()
    running_simulator.reset_accounts("bybit")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["bybit"])
    with at_home(home):
        venues.ensure_markets()
        floor = Floor(venues, "bybit", running_simulator, home)
        floor.home = home
        for label in ("spot", "linear"):
            floor.opened(floor.instrument(label), times=3)
            floor.opened(floor.instrument(label), SELL, times=1)
        floor.opened(floor.instrument("inverse"), SELL)
        yield floor
    venues.close()
    running_simulator.reset_accounts("bybit")


@pytest.fixture
def floor(told: Floor, sim: Any, monkeypatch: pytest.MonkeyPatch) -> Floor:
    monkeypatch.setenv("CROSSBOOK_HOME", str(told.home))
    sim.reset_requests()
    return told


@pytest.fixture(scope="module")
def exchange(running_simulator: Any) -> Iterator[Any]:
    """ccxt's own class, but for its URLs."""
    made = ccxt.bybit({"apiKey": ACCOUNTS[0].key, "secret": ACCOUNTS[0].secret})
    made.urls["api"] = redirected(made.urls["api"], running_simulator.hosts, made.hostname)
    yield made
    made.session.close()


def month_ago() -> int:
    return time.time_ns() // 1_000_000 - 30 * DAY_MS


def signed(fill: Any) -> Decimal:
    return fill.size if fill.side == BUY else -fill.size


# --- own trades ------------------------------------------------------------------------------------------------------


def test_what_was_traded_is_named_without_being_asked_by_symbol(floor: Floor, sim: Any) -> None:
    traded = floor.trading.traded(month_ago())
    assert {item.symbol for item in traded.instruments} == {floor.instrument(label).symbol for label in LABELS}
    assert traded.unlisted == []
    assert "options" in (traded.blind or "")
    assert set(sim.requests("bybit")) == {"/v5/execution/list"}


def test_a_trade_in_what_is_not_listed_is_named_by_the_venues_id(floor: Floor, monkeypatch: Any) -> None:
    spot = floor.instrument("spot")
    known = floor.trading._instruments.by_native
    monkeypatch.setattr(
        type(floor.trading._instruments),
        "by_native",
        lambda _, name: [item for item in known(name) if item.product != "spot"],
    )
    assert floor.trading.traded(month_ago()).unlisted == [spot.native_id]


@pytest.mark.parametrize("label", LABELS)
def test_spans_of_a_week_come_oldest_first_and_reach_to_now(floor: Floor, label: str) -> None:
    item, since_ms = floor.instrument(label), month_ago()
    spans = list(floor.trading.fill_spans(item, since_ms))
    assert len(spans) == 5
    assert [span.until_ms for span in spans] == sorted({span.until_ms for span in spans})
    assert abs(spans[-1].until_ms - time.time_ns() // 1_000_000) < 5_000
    found = [fill for span in spans for fill in span.fills]
    assert found == floor.trading.fills(item, since_ms)
    assert found
    assert sum(map(signed, found)) == {"spot": 2, "linear": 2, "inverse": -2}[label] * floor.size(item)
    assert {fill.symbol for fill in found} == {item.symbol}
    assert all(fill.fee and fill.fee_currency and fill.maker is False and fill.client_id for fill in found)
    assert len({fill.trade_id for fill in found}) == len(found)


def test_a_span_with_too_many_pages_is_read_in_halves(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    item, since_ms = floor.instrument("linear"), time.time_ns() // 1_000_000 - DAY_MS
    whole = floor.trading.fills(item, since_ms)
    monkeypatch.setattr(type(floor.trading), "page", 1)
    monkeypatch.setattr(bybit_history, "_SPAN_PAGES", len(whole))
    spans = list(floor.trading.fill_spans(item, since_ms))
    assert [fill for span in spans for fill in span.fills] == whole
    assert len([span for span in spans if span.fills]) > 1


def test_liquidations_are_trades_and_fundings_and_deliveries_are_not(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = floor.instrument("linear")
    whole = floor.trading.fills(item, month_ago())
    parsed = type(floor.trading).parsed
    kinds = iter(["BustTrade", "Funding", "Delivery", "Settle"])

    def reworded(self: Any, *args: Any, **kwargs: Any) -> Any:
        return [({**row, "execType": next(kinds, "Trade")}, raw) for row, raw in parsed(self, *args, **kwargs)]

    monkeypatch.setattr(type(floor.trading), "parsed", reworded)
    assert len(floor.trading.fills(item, month_ago())) == max(len(whole) - 3, 1)


# --- wallets, deposits, positions ------------------------------------------------------------------------------------


def test_deposits_trades_and_fees_sum_up_to_the_cash_of_every_coin(floor: Floor) -> None:
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for moved in floor.trading.transfers(month_ago()):
        assert moved.kind == DEPOSIT
        expected[moved.currency] += moved.amount
    assert expected["USDT"] == 1_000_000
    for label in LABELS:
        item = floor.instrument(label)
        for fill in floor.trading.fills(item, month_ago()):
            if label == "spot":
                expected[item.base] += signed(fill)
                expected[item.quote] -= signed(fill) * fill.price
            assert fill.fee is not None
            expected[fill.fee_currency] -= fill.fee
    (linear,) = (each for each in floor.trading.positions() if each.symbol == floor.instrument("linear").symbol)
    sold = [fill for fill in floor.trading.fills(floor.instrument("linear"), month_ago()) if fill.side == SELL]
    expected["USDT"] += sum(fill.size * (fill.price - linear.entry_price) for fill in sold)
    balances = floor.trading.balances()
    assert {balance.currency for balance in balances} == set(expected)
    for balance in balances:
        assert abs(balance.cash - expected[balance.currency]) < RESIDUAL, balance
        assert balance.cash == balance.total  # Bybit's wallet balance is without unrealised gains
    assert {balance.wallet for balance in balances} == {"trading"}  # nothing lies in the funding account


def test_a_key_that_may_not_see_the_funding_account_sees_the_rest(floor: Floor, monkeypatch: Any) -> None:
    def refused(self: Any) -> Any:
        raise Unauthorized("10005", venue="bybit")

    whole = floor.trading.balances()
    read = type(floor.trading).read
    calls = []

    def reading(self: Any, work: Any, **kwargs: Any) -> Any:
        calls.append(work)
        return refused(self) if len(calls) == 3 else read(self, work, **kwargs)

    monkeypatch.setattr(type(floor.trading), "read", reading)
    assert floor.trading.balances() == whole
    assert len(calls) == 3


def test_positions_tell_everything_of_each(floor: Floor) -> None:
    held = {position.symbol: position for position in floor.trading.positions()}
    assert set(held) == {floor.instrument(label).symbol for label in LABELS[1:]}
    linear, inverse = (held[floor.instrument(label).symbol] for label in ("linear", "inverse"))
    assert (linear.size, inverse.size) == (
        2 * floor.size(floor.instrument("linear")),
        -2 * floor.size(floor.instrument("inverse")),
    )
    for position in (linear, inverse):
        assert position.entry_price
        assert position.mark_price
        assert (position.leverage, position.margin_mode) == (10, "cross")
        assert time.time_ns() // 1_000_000 - position.updated_ms < 300_000
    assert abs((linear.mark_price - linear.entry_price) * linear.size - linear.unrealized) < RESIDUAL
    fills = floor.trading.fills(floor.instrument("linear"), month_ago())
    gained = sum(fill.size * (fill.price - linear.entry_price) for fill in fills if fill.side == SELL)
    assert abs(linear.realized - (gained - sum(fill.fee for fill in fills))) < RESIDUAL
    assert inverse.liquidation_price is None or inverse.liquidation_price > inverse.entry_price


def test_a_gain_of_exactly_nothing_is_told_as_nothing(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark price is the entry price now and then; the library leaves such a gain out."""
    parse_json = ccxt.Exchange.parse_json

    def at_its_entry(exchange: Any, body: str) -> Any:
        return parse_json(exchange, re.sub(r'"unrealisedPnl":\s*"[^"]+"', '"unrealisedPnl": "0"', body))

    monkeypatch.setattr(ccxt.Exchange, "parse_json", at_its_entry)
    held = floor.trading.positions()
    assert [position.unrealized for position in held] == [0] * 2


def test_funding_is_told_once_it_is_paid(floor: Floor, sim: Any) -> None:
    item = floor.instrument("linear")
    before = floor.trading.funding_payments(item, month_ago())
    cash = {balance.currency: balance.cash for balance in floor.trading.balances()}["USDT"]
    sim.settle_funding("bybit", item.native_id)
    paid = floor.trading.funding_payments(item, month_ago())
    assert len(paid) == len(before) + 1
    after = {balance.currency: balance.cash for balance in floor.trading.balances()}["USDT"]
    assert after - cash == paid[-1].amount != 0


def test_the_simulators_own_books_say_the_same_to_the_last_digit(floor: Floor, sim: Any) -> None:
    books = sim.accounts("bybit")
    cash = {balance.currency: balance.cash for balance in floor.trading.balances()}
    assert cash == {row["currency"]: Decimal(row["total"]) for row in books["wallets"] if Decimal(row["total"])}
    moved = {each.currency: each.amount for each in floor.trading.transfers(month_ago())}
    assert moved == {row["currency"]: Decimal(row["deposits"]) for row in books["wallets"] if Decimal(row["deposits"])}
    listed = {(row["product"], row["symbol"]): row for row in books["listings"]}
    for label in LABELS:
        item = floor.instrument(label)
        row = listed[str(item.product), item.native_id]
        fees: dict[str, Decimal] = defaultdict(Decimal)
        for fill in floor.trading.fills(item, month_ago()):
            fees[fill.fee_currency] += fill.fee
        assert fees == {currency: Decimal(fee) for currency, fee in row["fees"].items()}
        if label in ("linear", "inverse"):
            paid = floor.trading.funding_payments(item, month_ago())
            assert sum(each.amount for each in paid) == Decimal(row["funding"])


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("inverse", [True, False], ids=["inverse", "linear"])
def test_a_future_that_is_delivered_is_told_with_its_side_and_what_it_brought(
    floor: Floor, sim: Any, exchange: Any, inverse: bool, side: str
) -> None:
    found = [i for i in floor.venues.cache.all("bybit") if i.kind == "future" and i.inverse == inverse]
    found = sorted((i for i in found if i.asset == "ETH"), key=lambda i: (i.expiry_ms, i.symbol))
    item = found[-1 if side == BUY else -2]  # no other test looks at them
    floor.opened(item, side, times=1)
    (held,) = (each for each in floor.trading.positions() if each.symbol == item.symbol)
    cash = {balance.currency: balance.cash for balance in floor.trading.balances()}[item.settle]
    sim.expire("bybit", item.native_id)
    (ended,) = floor.trading.deliveries(item, month_ago())
    assert (ended.symbol, ended.size, ended.currency) == (item.symbol, held.size, item.settle)
    after = {balance.currency: balance.cash for balance in floor.trading.balances()}[item.settle]
    assert after - cash == ended.amount
    gained = 1 / held.entry_price - 1 / ended.price if inverse else ended.price - held.entry_price
    assert abs(ended.size * gained - ended.amount) < RESIDUAL
    assert item.symbol not in {each.symbol for each in floor.trading.positions()}
    assert sum(map(signed, floor.trading.fills(item, month_ago()))) == held.size  # still told, and nothing else
    (settled,) = exchange.fetch_my_settlement_history(item.symbol)
    assert (settled["symbol"], settled["timestamp"]) == (item.symbol, ended.time_ms)
    assert Decimal(str(settled["price"])) == ended.price


def test_what_does_not_expire_has_no_deliveries(floor: Floor) -> None:
    assert floor.trading.deliveries(floor.instrument("spot"), 0) == []
    assert floor.trading.deliveries(floor.instrument("linear"), month_ago()) == []


# --- unmodified clients ----------------------------------------------------------------------------------------------


def test_ccxt_reads_deposits_and_withdrawals(exchange: Any, floor: Floor) -> None:
    deposits = exchange.fetch_deposits(limit=50)
    ours = floor.trading.transfers(month_ago())
    assert {(row["id"], row["currency"], row["status"], row["type"]) for row in deposits} == {
        (moved.transfer_id, moved.currency, "ok", "deposit") for moved in ours
    }
    assert [Decimal(str(row["amount"])) for row in deposits if row["currency"] == "USDT"] == [1_000_000]
    assert exchange.fetch_withdrawals() == []


def test_pybit_reads_deposits_withdrawals_and_deliveries(sim: Any, floor: Floor) -> None:
    from pybit.unified_trading import HTTP

    session = HTTP(api_key=ACCOUNTS[0].key, api_secret=ACCOUNTS[0].secret)
    session.endpoint = sim.hosts["api.bybit.com"]
    rows = session.get_deposit_records()["result"]["rows"]
    assert {row["id"] for row in rows} == {moved.transfer_id for moved in floor.trading.transfers(month_ago())}
    first = session.get_deposit_records(limit=1)["result"]
    second = session.get_deposit_records(limit=1, cursor=first["nextPageCursor"])["result"]
    assert len({row["id"] for page in (first, second) for row in page["rows"]}) == 2
    assert session.get_internal_deposit_records()["result"]["rows"] == []
    assert session.get_withdrawal_records(withdrawType=2)["result"]["rows"] == []
    delivered = session.get_option_delivery_record(category="linear")["result"]
    assert delivered["category"] == "linear"
    session.client.close()


# --- rows that the simulator does not make ---------------------------------------------------------------------------


def test_a_deposit_counts_once_it_has_succeeded() -> None:
    # Row: bybit-exchange.github.io/docs/v5/asset/deposit-record, as ccxt's source shows it too.
    row = {
        "coin": "USDT", "chain": "TRX", "amount": "44", "txID": "0b038ea12fa1575e", "status": 3, "depositFee": "",
        "successAt": "1665142507000", "txIndex": "0",
    }  # fmt: skip
    moved = read_deposit(row, "bybit")
    assert moved is not None
    assert (moved.transfer_id, moved.kind, moved.amount, moved.fee) == ("0b038ea12fa1575e-0", DEPOSIT, 44, None)
    assert [read_deposit(row | {"status": status}, "bybit") for status in (0, 1, 2, 4, 10011, 10012)] == [None] * 6
    named = read_deposit(row | {"id": "7"}, "bybit")
    assert named is not None
    assert named.transfer_id == "7"


def test_a_deposit_from_another_member_is_dated_in_seconds() -> None:
    # Row: bybit-exchange.github.io/docs/v5/asset/deposit/internal-deposit-record.
    row = {"id": "1103", "amount": "0.1", "type": 1, "coin": "ETH", "status": 2, "createdTime": "1705393280"}
    moved = read_internal_deposit(row, "bybit")
    assert moved is not None
    assert (moved.time_ms, moved.amount, moved.currency) == (1705393280000, Decimal("0.1"), "ETH")
    assert read_internal_deposit(row | {"status": 1}, "bybit") is None


def test_a_withdrawal_counts_once_it_has_left() -> None:
    # Row: bybit-exchange.github.io/docs/v5/asset/withdraw/withdraw-record.
    row = {
        "coin": "USDC", "amount": "41.43008", "status": "success", "withdrawFee": "5", "createTime": "1742738305000",
        "updateTime": "1742738340000", "withdrawId": "131629076", "withdrawType": 0,
    }  # fmt: skip
    moved = read_withdrawal(row, "bybit")
    assert moved is not None
    assert (moved.kind, moved.amount, moved.fee) == (WITHDRAWAL, Decimal("-41.43008"), 5)
    assert [read_withdrawal(row | {"status": each}, "bybit") for each in ("Pending", "Reject", "Fail")] == [None] * 3


def test_what_was_borrowed_is_not_owned() -> None:
    row = {"coin": "BTC", "walletBalance": "3", "spotBorrow": "1", "locked": "0.5", "totalOrderIM": "", "equity": "3"}
    balance = read_coin(row, "bybit", None)
    assert balance is not None
    assert (balance.total, balance.used, balance.free) == (2, Decimal("0.5"), Decimal("1.5"))


def test_the_funding_account_is_a_wallet_of_its_own() -> None:
    # Row: bybit-exchange.github.io/docs/v5/asset/balance/all-balance.
    balance = read_funded({"coin": "USDT", "transferBalance": "1000", "walletBalance": "1010", "bonus": ""}, "bybit")
    assert balance is not None
    assert (balance.wallet, balance.total, balance.free, balance.used) == ("funding", 1010, 1000, 10)
    assert read_funded({"coin": "BTC", "transferBalance": "0", "walletBalance": "0"}, "bybit") is None


@pytest.mark.parametrize(("side", "paid"), [("Buy", "20"), ("Sell", "-20")])
def test_what_a_usdc_session_has_paid_out_is_not_realised(side: str, paid: str) -> None:
    row = {"avgPrice": "100", "sessionAvgPrice": "110", "size": "2", "side": side}
    assert read_settled(row) == Decimal(paid)
    assert read_settled(row | {"sessionAvgPrice": ""}) == 0
    balance = read_coin({"coin": "USDC", "walletBalance": "1020"}, "bybit", Decimal(20))
    assert balance is not None
    assert balance.cash == 1000


def test_a_delivery_without_an_entry_price_is_of_the_side_that_was_not_closed(floor: Floor) -> None:
    item = next(i for i in floor.venues.cache.all("bybit") if i.kind == "future" and not i.inverse)
    row = {
        "symbol": item.native_id, "side": "Buy", "deliveryTime": 1672300800860, "fee": "0.1", "position": "0.01",
        "deliveryPrice": "16541.86369547", "deliveryRpl": "3.5",
    }  # fmt: skip
    ended = read_delivery(row, item)
    assert (ended.size, ended.amount) == (Decimal("-0.01"), Decimal("3.4"))
    assert read_delivery(row | {"side": "Sell"}, item).size == Decimal("0.01")
    assert read_delivery(row | {"entryPrice": "16000"}, item).size == Decimal("0.01")  # the gain tells
