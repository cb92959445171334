"""What OKX tells about an account's past: own trades, deliveries, deposits, wallets and positions, on the simulator."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from connectors.venues import okx_history
from connectors.venues.okx_history_rows import (
    read_balance,
    read_delivery,
    read_deposit,
    read_funding_balance,
    read_position,
    read_withdrawal,
)
from domain.movements import DEPOSIT, OTHER, WITHDRAWAL
from domain.orders import BUY, LIMIT, SELL, OrderSpec
from simulator.venues.okx_auth import ACCOUNTS
from tests.connectors.opened import at_home, know_simulator, opened
from tests.connectors.tradingfloor import Floor, fresh_id
from tests.simulator.mounted import redirected

DAY_MS = 86_400_000
LABELS = ("spot", "linear", "inverse", "option")
RESIDUAL = Decimal("1e-12")
"""What sums of amounts may differ by: the simulator rounds each to 15 decimals."""


@pytest.fixture(scope="module")
def told(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """OKX after trades in four instruments, of which two positions and an option are still open, and two expiries."""
    home = tmp_path_factory.mktemp("okx-history")
    running_simulator.clear_faults()
    running_simulator.reset_accounts("okx")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["okx"])
    with at_home(home):
        venues.ensure_markets()
        floor = Floor(venues, "okx", running_simulator, home)
        floor.home = home
        for label in ("spot", "linear"):
            floor.opened(floor.instrument(label), times=3)
            floor.opened(floor.instrument(label), SELL, times=1)
        floor.opened(floor.instrument("inverse"), SELL)
        take_options(floor, floor.instrument("option"))
        yield floor
    venues.close()
    running_simulator.reset_accounts("okx")


@pytest.fixture
def floor(told: Floor, sim: Any, monkeypatch: pytest.MonkeyPatch) -> Floor:
    monkeypatch.setenv("CROSSBOOK_HOME", str(told.home))
    sim.reset_requests()
    return told


def take_options(floor: Floor, item: Any, side: str = BUY) -> None:
    """Trade the least there is of an option: OKX takes only limit orders for them."""
    price = floor.away(item, side, "0.05" if side == BUY else "-0.05")
    spec = OrderSpec(fresh_id(), side, LIMIT, item.lot_size, price)
    floor.submit(item, spec)
    found = floor.by_client(item, spec)
    assert found is not None
    assert found.filled == spec.size, found


@pytest.fixture(scope="module")
def exchange(running_simulator: Any) -> Iterator[Any]:
    """ccxt's own class, but for its URLs."""
    account = ACCOUNTS[0]
    made = ccxt.okx({"apiKey": account.key, "secret": account.secret, "password": account.passphrase})
    made.urls["api"] = redirected(made.urls["api"], running_simulator.hosts, made.hostname)
    yield made
    made.session.close()


def month_ago() -> int:
    return time.time_ns() // 1_000_000 - 30 * DAY_MS


def signed(fill: Any) -> Decimal:
    return fill.size if fill.side == BUY else -fill.size


# --- own trades ------------------------------------------------------------------------------------------------------


def test_what_was_traded_is_named_without_being_asked_by_instrument(floor: Floor, sim: Any) -> None:
    traded = floor.trading.traded(month_ago())
    assert {item.symbol for item in traded.instruments} == {floor.instrument(label).symbol for label in LABELS}
    assert (traded.unlisted, traded.blind) == ([], None)
    asked = sim.requests("okx")
    assert asked == {"/api/v5/trade/fills": 5, "/api/v5/trade/fills-history": 5}  # a list for each section


def test_older_trades_than_three_months_are_said_to_be_missing(floor: Floor) -> None:
    assert "three months" in (floor.trading.traded(0).blind or "")


def test_a_trade_in_what_is_not_listed_is_named_by_the_venues_id(floor: Floor, monkeypatch: Any) -> None:
    spot = floor.instrument("spot")
    known = floor.trading._instruments.by_native
    monkeypatch.setattr(
        type(floor.trading._instruments), "by_native", lambda _, name: [] if name == spot.native_id else known(name)
    )
    assert floor.trading.traded(month_ago()).unlisted == [spot.native_id]


@pytest.mark.parametrize("label", LABELS)
def test_spans_come_oldest_first_and_reach_to_now(floor: Floor, label: str) -> None:
    item, since_ms = floor.instrument(label), month_ago()
    spans = list(floor.trading.fill_spans(item, since_ms))
    assert [span.until_ms for span in spans] == sorted({span.until_ms for span in spans})
    assert abs(spans[-1].until_ms - time.time_ns() // 1_000_000) < 5_000
    found = [fill for span in spans for fill in span.fills]
    assert found == floor.trading.fills(item, since_ms)
    assert found
    sizes = {name: times * floor.size(item) for name, times in (("spot", 2), ("linear", 2), ("inverse", -2))}
    assert sum(map(signed, found)) == (sizes | {"option": item.lot_size})[label]
    assert {fill.symbol for fill in found} == {item.symbol}
    assert all(fill.fee and fill.fee_currency and fill.maker is False and fill.client_id for fill in found)


def test_a_span_with_too_many_pages_is_read_in_halves(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    item, since_ms = floor.instrument("linear"), month_ago()
    whole = floor.trading.fills(item, since_ms)
    monkeypatch.setattr(type(floor.trading), "page", 1)
    monkeypatch.setattr(okx_history, "_SPAN_PAGES", max(len(whole) // 2, 1))
    spans = list(floor.trading.fill_spans(item, since_ms))
    assert [fill for span in spans for fill in span.fills] == whole
    assert len([span for span in spans if span.fills]) > 1
    later = next(span.until_ms for span in spans if span.fills) + 1
    assert floor.trading.fills(item, later) == [fill for fill in whole if fill.time_ms >= later]


def test_trade_ids_are_never_used_twice(floor: Floor) -> None:
    ids = [fill.trade_id for label in LABELS for fill in floor.trading.fills(floor.instrument(label), month_ago())]
    assert len(set(ids)) == len(ids)


# --- wallets, deposits, positions ------------------------------------------------------------------------------------


def test_deposits_trades_and_fees_sum_up_to_the_cash_of_every_currency(floor: Floor) -> None:
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
            if label == "option":
                expected[item.settle] -= signed(fill) * fill.price
            assert fill.fee is not None
            expected[fill.fee_currency] -= fill.fee
    (linear,) = (each for each in floor.trading.positions() if each.symbol == floor.instrument("linear").symbol)
    sold = [fill for fill in floor.trading.fills(floor.instrument("linear"), month_ago()) if fill.side == SELL]
    expected["USDT"] += sum(fill.size * (fill.price - linear.entry_price) for fill in sold)
    balances = floor.trading.balances()
    assert {balance.currency for balance in balances} == set(expected)
    for balance in balances:
        assert abs(balance.cash - expected[balance.currency]) < RESIDUAL, balance
    assert {balance.wallet for balance in balances} == {"trading"}  # nothing lies in the funding account


def test_the_total_counts_open_positions_in(floor: Floor) -> None:
    held = {position.symbol: position for position in floor.trading.positions()}
    balances = {balance.currency: balance for balance in floor.trading.balances()}
    assert all(balance.total - (balance.positions_value or 0) == balance.cash for balance in balances.values())
    linear = held[floor.instrument("linear").symbol]
    gained = (linear.mark_price - linear.entry_price) * linear.size
    assert abs(linear.unrealized - gained) < RESIDUAL
    # The market is that of a moment later than that of the positions: the figure moves, its size does not.
    assert abs(balances["USDT"].positions_value - gained) < linear.size * linear.mark_price / 10
    option = held[floor.instrument("option").symbol]
    assert balances["BTC"].positions_value > option.size * option.mark_price / 2  # its worth, not its gain


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
        assert (position.leverage, position.margin_mode) == (5, "cross")
        assert time.time_ns() // 1_000_000 - position.updated_ms < 300_000
    fills = floor.trading.fills(floor.instrument("linear"), month_ago())
    gained = sum(fill.size * (fill.price - linear.entry_price) for fill in fills if fill.side == SELL)
    assert abs(linear.realized - (gained - sum(fill.fee for fill in fills))) < RESIDUAL
    assert inverse.liquidation_price is None or inverse.liquidation_price > inverse.entry_price


def test_funding_is_told_once_it_is_paid(floor: Floor, sim: Any) -> None:
    item = floor.instrument("linear")
    before = floor.trading.funding_payments(item, month_ago())
    cash = {balance.currency: balance.cash for balance in floor.trading.balances()}["USDT"]
    sim.settle_funding("okx", item.native_id)
    paid = floor.trading.funding_payments(item, month_ago())
    assert len(paid) == len(before) + 1
    after = {balance.currency: balance.cash for balance in floor.trading.balances()}["USDT"]
    assert after - cash == paid[-1].amount != 0
    (held,) = (each for each in floor.trading.positions() if each.symbol == item.symbol)
    fills = floor.trading.fills(item, month_ago())
    gained = sum(fill.size * (fill.price - held.entry_price) for fill in fills if fill.side == SELL)
    net = gained - sum(fill.fee for fill in fills) + sum(payment.amount for payment in paid)
    assert abs(held.realized - net) < RESIDUAL


def test_the_simulators_own_books_say_the_same_to_the_last_digit(floor: Floor, sim: Any) -> None:
    books = sim.accounts("okx")
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
@pytest.mark.parametrize("kind", ["future", "option"])
def test_what_expires_is_told_with_its_side_and_what_it_brought(
    floor: Floor, sim: Any, exchange: Any, kind: str, side: str
) -> None:
    item = last_to_expire(floor, kind, side)
    if kind == "future":
        floor.opened(item, side, times=1)
    else:
        take_options(floor, item, side)
    (held,) = (each for each in floor.trading.positions() if each.symbol == item.symbol)
    cash = {balance.currency: balance.cash for balance in floor.trading.balances()}[item.settle]
    sim.expire("okx", item.native_id)
    (ended,) = floor.trading.deliveries(item, month_ago())
    assert (ended.symbol, ended.size, ended.currency) == (item.symbol, held.size, item.settle)
    after = {balance.currency: balance.cash for balance in floor.trading.balances()}[item.settle]
    assert after - cash == ended.amount
    worth = ended.size * (ended.price if kind == "option" else ended.price - held.entry_price)
    assert abs(worth - ended.amount) < RESIDUAL
    assert item.symbol not in {each.symbol for each in floor.trading.positions()}
    assert sum(map(signed, floor.trading.fills(item, month_ago()))) == held.size  # still told
    (settled,) = exchange.fetch_my_settlement_history(item.symbol)
    assert (settled["symbol"], settled["timestamp"]) == (item.symbol, ended.time_ms)
    assert Decimal(str(settled["price"])) == (item.strike if kind == "option" else ended.price)


def has_prices(floor: Floor, item: Any) -> bool:
    quote = floor.connector.fetch_quote(item)
    return bool(quote.bid and quote.ask)


def last_to_expire(floor: Floor, kind: str, side: str) -> Any:
    """Choose an instrument that no other test looks at."""
    found = [i for i in floor.venues.cache.all("okx") if i.kind == kind and i.asset == "ETH" and not i.inverse]
    if kind == "option":
        found = [i for i in found if has_prices(floor, i)]
    found.sort(key=lambda i: (i.expiry_ms, i.symbol))
    return found[-1 if side == BUY else -2]


def test_what_does_not_expire_has_no_deliveries(floor: Floor) -> None:
    assert floor.trading.deliveries(floor.instrument("spot"), 0) == []
    assert floor.trading.deliveries(floor.instrument("linear"), 0) == []


# --- unmodified clients ----------------------------------------------------------------------------------------------


def test_ccxt_reads_deposits_and_withdrawals(exchange: Any, floor: Floor) -> None:
    deposits = exchange.fetch_deposits(since=month_ago(), limit=100)
    ours = floor.trading.transfers(month_ago())
    assert {(row["id"], row["currency"], row["status"], row["type"]) for row in deposits} == {
        (moved.transfer_id, moved.currency, "ok", "deposit") for moved in ours
    }
    assert [Decimal(str(row["amount"])) for row in deposits if row["currency"] == "USDT"] == [1_000_000]
    assert exchange.fetch_withdrawals(since=month_ago()) == []


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_the_sdk_reads_deposits_and_withdrawals(sim: Any, floor: Floor) -> None:
    from okx.Funding import FundingAPI

    account = ACCOUNTS[0]
    api = FundingAPI(account.key, account.secret, account.passphrase, flag="0", domain=sim.hosts["www.okx.com"])
    rows = api.get_deposit_history()["data"]
    assert {row["depId"] for row in rows} == {moved.transfer_id for moved in floor.trading.transfers(month_ago())}
    assert [row["amt"] for row in api.get_deposit_history(ccy="USDT", state="2")["data"]] == ["1000000"]
    assert api.get_withdrawal_history()["data"] == []
    api.close()


# --- rows that the simulator does not make ---------------------------------------------------------------------------


def test_a_deposit_counts_once_it_is_credited() -> None:
    # Row: okx.com/docs-v5, "Get deposit history".
    row = json.loads(
        '{"actualDepBlkConfirm":"2","amt":"1","areaCodeFrom":"","ccy":"USDT","chain":"USDT-TRC20","depId":"8833",'
        '"from":"","fromWdId":"","state":"2","to":"TN4hGjVXMzy","ts":"1674103661147","txId":"16f3638329"}'
    )
    (moved,) = read_deposit(row, "okx")
    assert (moved.transfer_id, moved.kind, moved.amount, moved.fee, moved.time_ms) == (
        "8833", DEPOSIT, 1, 0, 1674103661147,
    )  # fmt: skip
    assert [len(list(read_deposit(row | {"state": state}, "okx"))) for state in ("0", "1", "8", "12")] == [0, 1, 0, 0]


def test_a_withdrawal_counts_once_it_was_sent_and_its_fee_apart() -> None:
    # Row: okx.com/docs-v5, "Get withdrawal history"; the fee of the second as ccxt's source shows it.
    row = {"amt": "0.094", "wdId": "4703879", "fee": "0.01", "feeCcy": "ETH", "ccy": "ETH", "ts": "1655251200000"}
    (moved,) = read_withdrawal(row | {"state": "2"}, "okx")
    assert (moved.kind, moved.amount, moved.fee) == (WITHDRAWAL, Decimal("-0.094"), Decimal("0.01"))
    (moved,) = read_withdrawal({**row, "state": "2", "fee": "0.01000000eth", "feeCcy": ""}, "okx")
    assert moved.fee == Decimal("0.01")
    moved, paid = read_withdrawal({**row, "state": "2", "feeCcy": "USDT"}, "okx")
    assert (moved.fee, paid.kind, paid.currency, paid.amount) == (0, OTHER, "USDT", Decimal("-0.01"))
    assert paid.transfer_id != moved.transfer_id
    assert [list(read_withdrawal(row | {"state": state}, "okx")) for state in ("-2", "-1", "0", "1", "17")] == [[]] * 5


def test_margins_of_isolated_positions_are_cash() -> None:
    row = {"ccy": "USDT", "eq": "1060", "cashBal": "900", "isoEq": "110", "isoUpl": "10", "availEq": "850"}
    balance = read_balance(row, "okx")
    assert balance is not None
    assert (balance.total, balance.positions_value, balance.cash) == (1060, 60, 1000)


def test_the_funding_account_is_a_wallet_of_its_own() -> None:
    # Row: okx.com/docs-v5, "Get balance" of the funding account.
    row = {"availBal": "37.1", "bal": "37.11827078", "ccy": "ETH", "frozenBal": "0.01827078"}
    balance = read_funding_balance(row, "okx")
    assert balance is not None
    assert (balance.wallet, balance.total, balance.positions_value) == ("funding", Decimal("37.11827078"), None)
    assert read_funding_balance(row | {"bal": "0"}, "okx") is None


def test_a_delivery_of_a_lapsed_option_is_of_the_side_that_own_trades_add_up_to(floor: Floor) -> None:
    item = floor.instrument("option")
    row = {
        "billId": "1", "ts": "1674103661147", "subType": "172", "ccy": "BTC", "sz": "2", "px": "60000", "balChg": "0",
        "fee": "0", "instId": item.native_id,
    }  # fmt: skip
    for held, sign in ((Decimal(1), 1), (Decimal(-1), -1)):
        ended = read_delivery(row, item, held)
        assert (ended.size, ended.price, ended.amount) == (sign * 2 * item.unit_size, 0, 0)


def test_an_exercise_fee_does_not_change_what_the_option_was_worth(floor: Floor) -> None:
    item = floor.instrument("option")
    row = {
        "billId": "1", "ts": "1674103661147", "subType": "170", "ccy": "BTC", "sz": "2", "px": "60000",
        "balChg": "0.00999", "fee": "-0.00001",
    }  # fmt: skip
    ended = read_delivery(row, item, Decimal(0))
    assert (ended.size * ended.price, ended.amount) == (Decimal("0.01"), Decimal("0.00999"))
    ended = read_delivery(row | {"subType": "171", "balChg": "-0.01001"}, item, Decimal(0))
    assert (ended.size * ended.price, ended.amount) == (Decimal("-0.01"), Decimal("-0.01001"))


def test_a_short_of_two_sided_positions_is_negative(floor: Floor) -> None:
    item = floor.instrument("linear")
    row = {"pos": "3", "posSide": "short", "avgPx": "60000", "uTime": "1674103661147", "mgnMode": "isolated"}
    position = read_position(row, item)
    assert position is not None
    assert (position.size, position.margin_mode) == (-3 * item.unit_size, "isolated")
    assert read_position(row | {"pos": "0"}, item) is None
