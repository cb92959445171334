"""What Binance tells of an account's past, against the simulator: trades span by span, transfers, cash, positions."""

import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.ccxt_market_store import MarketStore
from connectors.trading import OrderRef
from connectors.venues.binance_orders import BinanceTrading
from connectors.venues.binance_transfers import income_transfer, moved_in, moved_out
from domain.errors import Unsupported
from domain.instruments import Instrument
from domain.movements import DEPOSIT, OTHER, WITHDRAWAL
from domain.orders import BUY, MARKET, SELL, STOP, TRIGGER, Fill, OrderSpec
from simulator.venues.binance import Binance
from tests.connectors.opened import know_simulator, once, opened

SPOT, LINEAR, ETHER, DATED = "BTC/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USDT:USDT-"
BOTH = (SPOT, LINEAR)
SIZE = Decimal("0.01")
DEPOSITS = Binance.rules.deposits
DAY_MS = 86_400_000
GRAIN = Decimal("1e-8")
"""As exactly as the venue writes amounts."""
_numbers = count(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def venues(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("binance-history")
    know_simulator(home, running_simulator.state_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSBOOK_HOME", str(home))
        found = opened(home, ["binance"])
        found.ensure_markets()
        found.home = home
        yield found
        found.close()


@pytest.fixture
def trading(sim: Any, venues: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BinanceTrading]:
    monkeypatch.setenv("CROSSBOOK_HOME", str(venues.home))
    sim.reset_accounts("binance")
    sim.reset_requests()
    yield BinanceTrading(once(venues, "binance", tmp_path), venues.cache.of("binance"))
    sim.reset_accounts("binance")  # what was expired trades again


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def trade(trading: BinanceTrading, item: Instrument, side: str = BUY, size: Decimal = SIZE, **more: Any) -> OrderSpec:
    order = OrderSpec(f"hist-{next(_numbers)}", side, MARKET, size)._replace(**more)
    trading.submit(item, order)
    return order


def dated(trading: BinanceTrading) -> Instrument:
    listed = (item for item in trading._instruments.all() if item.symbol.startswith(DATED) and item.asset == "BTC")
    return min(listed, key=lambda item: item.expiry_ms or 0)


def signed_size(fills: list[Fill]) -> Decimal:
    return sum((fill.size if fill.side == BUY else -fill.size for fill in fills), Decimal(0))


def cash(trading: BinanceTrading, wallet: str) -> dict[str, Decimal]:
    return {each.currency: each.cash for each in trading.balances() if each.wallet == wallet}


# --- own trades ---


def test_what_was_traded_is_named_without_being_asked_by_symbol(trading):
    began_ms = now_ms() - 60_000
    assert trading.traded(began_ms).instruments == ()
    for symbol in (SPOT, LINEAR, ETHER):
        trade(trading, trading.instrument(symbol), size=Decimal("0.02"))
    told = trading.traded(began_ms)
    assert {item.symbol for item in told.instruments} == {SPOT, LINEAR, ETHER}
    assert told.unlisted == ()
    assert "by symbol only" in str(told.blind)
    assert trading.traded(now_ms() + 10_000).instruments == ()


def test_what_was_traded_in_futures_that_are_not_listed_any_more_is_named_by_its_own_id(trading, monkeypatch):
    trade(trading, trading.instrument(LINEAR))
    monkeypatch.setattr(type(trading._instruments), "by_native", lambda *_: [])
    assert trading.traded(0).unlisted == ("BTCUSDT",)


@pytest.mark.parametrize("symbol", BOTH)
def test_spans_are_complete_and_in_order_and_the_last_reaches_to_now(trading, symbol):
    item, began_ms = trading.instrument(symbol), now_ms()
    for side in (BUY, SELL):
        trade(trading, item, side)
    spans = list(trading.fill_spans(item, began_ms - 20 * DAY_MS))
    assert [span.until_ms for span in spans] == sorted(span.until_ms for span in spans)
    assert abs(spans[-1].until_ms - now_ms()) < 5_000
    fills = [fill for span in spans for fill in span.fills]
    assert fills == trading.fills(item, began_ms - 1)
    assert signed_size(fills) == 0
    assert len(spans) == (1 if symbol == SPOT else 3)
    assert all(fill.fee and fill.fee_currency and fill.maker is False and fill.time_ms >= began_ms for fill in fills)


@pytest.mark.parametrize("symbol", BOTH)
def test_more_trades_than_a_page_are_yielded_in_spans_each_once_and_a_reader_may_go_on_later(
    trading, monkeypatch, symbol
):
    item, began_ms = trading.instrument(symbol), now_ms() - 1
    orders = [trade(trading, item) for _ in range(7)]
    whole = trading.fills(item, began_ms)
    assert len(whole) >= len(orders)
    at_once = max(Counter(fill.time_ms for fill in whole).values())
    monkeypatch.setattr(BinanceTrading, "page", max(4, len(whole) // 2, at_once + 1))
    spans = list(trading.fill_spans(item, began_ms - 2 * DAY_MS))
    assert len(spans) > 2
    assert [fill for span in spans for fill in span.fills] == whole
    first = next(at for at, span in enumerate(spans) if span.fills)
    assert first < len(spans) - 1
    later = [fill for span in trading.fill_spans(item, spans[first].until_ms + 1) for fill in span.fills]
    known = {fill.trade_id for fill in spans[first].fills}  # some may come again: now is known to a few milliseconds
    assert [*spans[first].fills, *(fill for fill in later if fill.trade_id not in known)] == whole


def test_a_spot_history_that_one_page_holds_takes_one_request(trading, sim):
    item = trading.instrument(SPOT)
    trade(trading, item)
    sim.reset_requests()
    assert len(list(trading.fill_spans(item, 0))) == 1
    assert sim.requests("binance")["/api/v3/myTrades"] == 1


def test_trades_of_a_stop_that_fired_bear_its_ids_however_late_they_are_asked_for(trading, sim):
    item = trading.instrument(LINEAR)
    quote = trading.connector.fetch_quote(item)
    price = (quote.ask * Decimal("1.01")).quantize(Decimal(1))
    stop = trade(trading, item, type=STOP, stop_price=price)
    placed = trading.find(OrderRef(item, None, stop.client_id, TRIGGER))
    sim.print_trade("binance", item.native_id, price + 1, SIZE, BUY, product="linear")
    fills = [fill for span in trading.fill_spans(item, placed.created_ms + 1) for fill in span.fills]
    assert {(fill.order_id, fill.client_id) for fill in fills} == {(placed.order_id, stop.client_id)}
    assert signed_size(fills) == SIZE


def test_trades_of_a_market_that_is_not_listed_any_more_are_told_as_long_as_it_is_known(trading, venues):
    item = dated(trading)
    trade(trading, item)
    store: MarketStore = trading.connector.market_store()
    markets = [store.find(symbol) for symbol in (SPOT, LINEAR)]
    store.replace([market for market in markets if market])
    try:
        trading._idle.clear()
        assert store.find(item.symbol) is None
        assert signed_size(trading.fills(item, now_ms() - 60_000)) == SIZE
    finally:
        trading.connector.fetch_instruments()


# --- money ---


def test_deposits_add_up_to_what_every_wallet_began_with(trading):
    wanted: dict[str, Decimal] = {}
    for wallet in DEPOSITS.values():
        for currency, amount in wallet.items():
            wanted[currency] = wanted.get(currency, Decimal(0)) + Decimal(amount)
    told = trading.transfers(0)
    found: dict[str, Decimal] = {}
    for transfer in told:
        found[transfer.currency] = found.get(transfer.currency, Decimal(0)) + transfer.amount
    assert found == wanted
    assert {transfer.kind for transfer in told} == {DEPOSIT}
    assert len({transfer.transfer_id for transfer in told}) == len(told)
    assert trading.transfers(0) == told
    assert trading.transfers(max(transfer.time_ms for transfer in told) + 1) == []


def test_the_cash_of_spot_is_deposits_and_trades_and_fees(trading):
    item = trading.instrument(SPOT)
    before = cash(trading, "spot")
    trade(trading, item, size=Decimal("0.03"))
    trade(trading, item, SELL)
    fills, after = trading.fills(item, 0), cash(trading, "spot")
    fees = {code: sum(fill.fee for fill in fills if fill.fee_currency == code) for code in ("BTC", "USDT")}
    paid = sum((fill.price * (fill.size if fill.side == BUY else -fill.size) for fill in fills), Decimal(0))
    assert after["BTC"] - before["BTC"] == signed_size(fills) - fees["BTC"]
    assert after["USDT"] - before["USDT"] == -paid - fees["USDT"]
    assert all(not balance.positions_value for balance in trading.balances() if balance.wallet == "spot")


def test_the_cash_of_futures_leaves_out_what_is_not_realised(trading):
    item = trading.instrument(LINEAR)
    before = cash(trading, "usdm")["USDT"]
    trade(trading, item)
    (balance,) = (each for each in trading.balances() if (each.wallet, each.currency) == ("usdm", "USDT"))
    (position,) = trading.positions()
    fees = sum(fill.fee for fill in trading.fills(item, 0))
    assert balance.cash == before - fees
    assert balance.positions_value
    assert balance.total == balance.cash + balance.positions_value
    assert position.unrealized
    assert position.unrealized.copy_sign(1) < 100
    trade(trading, item, SELL)
    fills = trading.fills(item, 0)
    gained = -sum(
        (fill.price * fill.size if fill.side == BUY else -fill.price * fill.size for fill in fills), Decimal(0)
    )
    after = cash(trading, "usdm")["USDT"]
    assert abs(after - (before + gained - sum(fill.fee for fill in fills))) <= Decimal("2e-8")


@pytest.mark.parametrize(
    ("symbol", "path", "switch", "wallet", "share"),
    [
        (SPOT, "sapiPostBnbBurn", {"spotBNBBurn": "true"}, "spot", "0.75"),
        (LINEAR, "fapiPrivatePostFeeBurn", {"feeBurn": "true"}, "usdm", "0.9"),
    ],
)
def test_fees_that_are_paid_in_bnb_are_told_in_bnb(trading, symbol, path, switch, wallet, share):
    item = trading.instrument(symbol)
    with trading.signing() as session:
        getattr(session.exchange, path)(switch)
    coin = trading.connector.fetch_quote(trading.instrument("BNB/USDT"))
    before = cash(trading, wallet)
    trade(trading, item, SELL)
    fills, after = trading.fills(item, 0), cash(trading, wallet)
    assert {fill.fee_currency for fill in fills} == {"BNB"}
    fee = sum(fill.fee for fill in fills)
    rate = {SPOT: "0.001", LINEAR: "0.0005"}[symbol]
    worth = sum(fill.price * fill.size for fill in fills) * Decimal(rate) * Decimal(share)
    assert abs(fee * coin.bid / worth - 1) < Decimal("0.01")
    assert before["BNB"] - after["BNB"] == fee
    if symbol == SPOT:
        assert after["USDT"] - before["USDT"] == sum(fill.price * fill.size for fill in fills)


# --- positions ---


def test_a_position_says_its_prices_leverage_and_margin_mode(trading, sim):
    item = trading.instrument(LINEAR)
    with trading.signing() as session:
        session.exchange.set_leverage(7, LINEAR)
    trade(trading, item)
    (position,) = trading.positions()
    (fill, *_) = trading.fills(item, 0)
    assert position.size == SIZE
    assert abs(position.entry_price - fill.price) < 50
    assert position.mark_price
    assert (position.leverage, position.margin_mode) == (7, "cross")
    assert position.realized is None
    sim.set_fault("binance", "server_error", path="/fapi/v1/symbolConfig", status=502)
    assert [(each.size, each.leverage) for each in trading.positions()] == [(SIZE, None)]


def test_without_a_position_nobody_asks_for_leverages(trading, sim):
    assert trading.positions() == []
    assert "/fapi/v1/symbolConfig" not in sim.requests("binance")


# --- funding and delivery ---


def test_funding_that_was_settled_is_told_with_the_venues_id(trading, sim):
    item, began_ms = trading.instrument(LINEAR), now_ms() - 1_000
    trade(trading, item)
    before = cash(trading, "usdm")["USDT"]
    sim.settle_funding("binance", item.native_id, "linear")
    (payment,) = trading.funding_payments(item, began_ms)
    assert (payment.symbol, payment.currency) == (LINEAR, "USDT")
    assert abs(cash(trading, "usdm")["USDT"] - before - payment.amount) <= Decimal("1e-8")
    assert trading.funding_payments(item, began_ms) == [payment]
    assert LINEAR in {each.symbol for each in trading.traded(began_ms).instruments}


def test_a_dated_future_that_expired_was_delivered(trading, sim):
    item, began_ms = dated(trading), now_ms() - 1_000
    assert trading.deliveries(trading.instrument(LINEAR), 0) == []
    assert trading.deliveries(item, began_ms) == []
    trade(trading, item, SELL)
    before = cash(trading, "usdm")["USDT"]
    sim.expire("binance", item.native_id, "linear")
    (delivery,) = trading.deliveries(item, began_ms)
    entry = sum(fill.price * fill.size for fill in trading.fills(item, began_ms)) / SIZE
    assert (delivery.symbol, delivery.size, delivery.currency) == (item.symbol, -SIZE, "USDT")
    assert abs(delivery.amount - (entry - delivery.price) * SIZE) <= Decimal("1e-8")
    assert abs(cash(trading, "usdm")["USDT"] - before - delivery.amount) <= Decimal("1e-8")
    assert trading.positions() == []


def test_a_delivery_of_a_size_that_no_trade_explains_is_not_made_up(trading, sim, monkeypatch):
    item = dated(trading)
    trade(trading, item)
    sim.expire("binance", item.native_id, "linear")
    monkeypatch.setattr(BinanceTrading, "fills", lambda *_: [])
    with pytest.raises(Unsupported, match="size of the settled position"):
        trading.deliveries(item, 0)


def test_all_that_is_read_agrees_with_what_the_simulator_booked(trading, sim):
    spot, linear, ether = (trading.instrument(symbol) for symbol in (SPOT, LINEAR, ETHER))
    trade(trading, spot)
    trade(trading, linear, size=Decimal("0.03"))
    with trading.signing() as session:
        session.exchange.sapiPostBnbBurn({"spotBNBBurn": "true"})
        session.exchange.fapiPrivatePostFeeBurn({"feeBurn": "true"})
    trade(trading, spot, SELL)
    trade(trading, linear, SELL, size=Decimal("0.05"))
    trade(trading, ether, SELL, size=Decimal("0.5"))
    sim.settle_funding("binance", linear.native_id, "linear")
    booked = {(row["product"], row["symbol"]): row for row in sim.accounts("binance")["listings"]}
    positions = {position.symbol: position for position in trading.positions()}
    assert len(booked) == 3
    for item in (spot, linear, ether):
        row, fees = booked[str(item.product), item.native_id], {}
        for fill in trading.fills(item, 0):
            fees[fill.fee_currency] = fees.get(fill.fee_currency, Decimal(0)) + fill.fee
        assert fees == {currency: Decimal(fee) for currency, fee in row["fees"].items()}
        paid = sum((payment.amount for payment in trading.funding_payments(item, 0)), Decimal(0))
        assert abs(paid - Decimal(row["funding"])) <= GRAIN
        if item is not spot:
            assert positions[item.symbol].size == Decimal(row["size"])
            assert abs(positions[item.symbol].entry_price - Decimal(row["entry_price"])) <= GRAIN
    wallets = {"spot": cash(trading, "spot"), "linear": cash(trading, "usdm")}
    for row in sim.accounts("binance")["wallets"]:
        assert abs(wallets[row["wallet"]][row["currency"]] - Decimal(row["total"])) <= GRAIN


# --- how the venue's rows are read ---


def test_only_what_was_credited_or_sent_counts_as_moved():
    row = {
        "id": "769800519366885376", "amount": "0.001", "coin": "BNB", "network": "BNB", "status": 1,
        "insertTime": 1661493146000, "completeTime": 1661493160000,
    }  # fmt: skip
    transfer, ended_ms = moved_in(row, "binance")
    assert transfer == ("binance", "769800519366885376", 1661493160000, DEPOSIT, "BNB", Decimal("0.001"), None)
    assert ended_ms == 1661493160000
    assert moved_in({**row, "status": 6}, "binance")[0] is not None
    assert [moved_in({**row, "status": status}, "binance")[0] for status in (0, 2, 7, 8)] == [None] * 4


def test_a_withdrawal_leaves_with_its_fee_beside_it():
    # ccxt 4.5.90, the payload quoted in `fetch_withdrawals`
    row = {
        "id": "69e53ad305124b96b43668ceab158a18", "amount": "28.75", "transactionFee": "0.25", "coin": "XRP",
        "status": 6, "applyTime": "2021-04-15 12:09:16", "network": "XRP", "transferType": 0,
    }  # fmt: skip
    transfer, ended_ms = moved_out(row, "binance")
    assert transfer == ("binance", row["id"], 1618488556000, WITHDRAWAL, "XRP", Decimal("-28.75"), Decimal("0.25"))
    assert ended_ms == 1618488556000
    assert [moved_out({**row, "status": status}, "binance")[0] for status in range(6)] == [None] * 6


def test_income_beside_trading_is_a_transfer_of_another_kind():
    # docs, "Get Income History"
    row = {
        "symbol": "", "incomeType": "TRANSFER", "income": "-0.37500000", "asset": "USDT", "info": "TRANSFER",
        "time": 1570608000000, "tranId": 9689322392, "tradeId": "",
    }  # fmt: skip
    own = ("TRANSFER", "COMMISSION", "REALIZED_PNL", "FUNDING_FEE", "DELIVERED_SETTELMENT")
    assert [income_transfer({**row, "incomeType": kind}, "binance") for kind in own] == [None] * 5
    bonus = income_transfer({**row, "incomeType": "REFERRAL_KICKBACK", "income": "1.5"}, "binance")
    assert bonus is not None
    assert (bonus.kind, bonus.amount, bonus.transfer_id) == (OTHER, Decimal("1.5"), "REFERRAL_KICKBACK/9689322392")
