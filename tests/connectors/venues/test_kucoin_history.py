"""KuCoin's history against the simulator: what was traded, paid, settled and deposited, and that cash is their sum."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from connectors.trading import Trading
from connectors.venues.kucoin_history import WEEK_MS
from connectors.venues.kucoin_orders import KucoinTrading
from domain.errors import BadAnswer
from domain.instruments import FUTURE
from domain.movements import DEPOSIT
from domain.orders import BUY, MARKET, SELL, OrderSpec
from monitoring.accounting.book import Book
from monitoring.accounting.contract import Contract
from monitoring.cash import flows
from simulator.venues.kucoin import Kucoin
from tests.connectors.opened import at_home, know_simulator, once, opened
from utils.secrets import Credentials

SPOT, LINEAR, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
DAY_MS = 86_400_000
GRAIN = Decimal("1e-13")
"""Gains of inverse contracts are rounded at the venue: to 15 decimals here."""
TRADER, KCS_PAYER = Kucoin.accounts[0], Kucoin.accounts[4]


class Story:
    """What an account did, and what KuCoin tells of it afterwards."""

    def __init__(self, trading: Trading, sim: Any) -> None:
        self.trading = trading
        self.began_ms = time.time_ns() // 1_000_000 - 1_000
        self.future = next(i for i in trading._instruments.all() if i.kind == FUTURE and i.inverse and i.asset == "BTC")
        self.trade(SPOT, BUY, "0.02")
        self.trade(SPOT, SELL, "0.005")
        self.trade(LINEAR, BUY, "0.03")
        self.trade(LINEAR, SELL, "0.05")
        self.trade(INVERSE, BUY, "700")
        self.trade(INVERSE, SELL, "300")
        self.trade(self.future.symbol, SELL, "400")
        for symbol in (LINEAR, INVERSE):
            sim.settle_funding("kucoin", trading.instrument(symbol).native_id)
        sim.expire("kucoin", self.future.native_id)
        self.traded = trading.traded(self.began_ms)
        self.spans = {i.symbol: list(trading.fill_spans(i, self.began_ms)) for i in self.traded.instruments}
        self.fills = {symbol: [f for span in spans for f in span.fills] for symbol, spans in self.spans.items()}
        self.payments = [p for i in self.traded.instruments for p in trading.funding_payments(i, self.began_ms)]
        self.deliveries = [d for i in self.traded.instruments for d in trading.deliveries(i, self.began_ms)]
        self.transfers = trading.transfers(0)
        self.positions = {position.symbol: position for position in trading.positions()}
        self.balances = trading.balances()

    def trade(self, symbol: str, side: str, size: str) -> None:
        instrument = self.trading.instrument(symbol)
        spec = OrderSpec(f"story-{time.time_ns()}", side, MARKET, Decimal(size))
        self.trading.prepare(instrument, spec)
        self.trading.submit(instrument, spec)

    def cash(self) -> dict[str, Decimal]:
        """Sum the wallets, by currency."""
        found: dict[str, Decimal] = {}
        for balance in self.balances:
            found[balance.currency] = found.get(balance.currency, Decimal(0)) + balance.cash
        return found

    def explained(self) -> dict[str, Decimal]:
        """Sum what has happened, by currency."""
        contracts = {("kucoin", i.symbol): Contract.of(i) for i in self.traded.instruments}
        fills = sorted((f for each in self.fills.values() for f in each), key=lambda fill: fill.time_ms)
        moved = flows(contracts, fills, self.payments, self.deliveries, self.transfers)
        return {currency: amount for (_, currency), amount in moved.items()}


@pytest.fixture(scope="module")
def place(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The open venue, in a home of its own."""
    home = tmp_path_factory.mktemp("kucoin-history")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["kucoin"])
    with at_home(home):
        venues.ensure_markets()
        yield venues
    venues.close()


def keyed(place: Any, folder: Path, account: Any) -> KucoinTrading:
    connector = once(place, "kucoin", folder)
    keys = Credentials(account.key, account.secret, account.passphrase, "a test")
    connector.context = replace(connector.context, credentials=lambda: keys)
    return KucoinTrading(connector, place.cache.of("kucoin"))


@pytest.fixture(scope="module")
def story(running_simulator: Any, place: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    running_simulator.clear_faults()
    running_simulator.reset_accounts("kucoin")
    yield Story(keyed(place, tmp_path_factory.mktemp("story"), TRADER), running_simulator)
    running_simulator.reset_accounts("kucoin")


def test_what_was_traded_is_named_without_being_asked_by_instrument(story):
    assert {i.symbol for i in story.traded.instruments} == {SPOT, LINEAR, INVERSE, story.future.symbol}
    assert (story.traded.unlisted, story.traded.blind) == ((), None)


@pytest.mark.parametrize(("days", "words"), [(4, "for 3 days only."), (100, "keeps trades for 90 days.")])
def test_what_kucoin_does_not_tell_any_more_is_said(story, days, words):
    blind = story.trading.traded(story.began_ms - days * DAY_MS).blind
    assert blind is not None
    assert words in blind


def test_a_trade_in_what_is_not_listed_is_named_by_the_venue_s_id(story, monkeypatch):
    monkeypatch.setattr(story.trading._instruments, "by_native", lambda name: [])
    assert set(story.trading.traded(story.began_ms).unlisted) >= {"BTC-USDT", "XBTUSDTM", "XBTUSDM"}


def test_the_ledger_is_read_to_its_last_page_and_either_spelling_of_its_context_is_understood(story, monkeypatch):
    contexts = ["""{"symbol":"KCS-USDT","orderId":"1"}""", """{'symbol':'CSP-USDT','orderId':'2'}""", "{}"]
    rows = [{"id": str(1_000 - place), "context": contexts[place % 3]} for place in range(250)]
    answered = story.trading.ask

    def ask(method: str, *args: Any) -> Any:
        if method != "privateGetHfAccountsLedgers":
            return answered(method, *args)
        last_id = int(args[0].get("lastId", 10_000))
        return {"data": [row for row in rows if int(row["id"]) < last_id][: args[0]["limit"]]}

    monkeypatch.setattr(story.trading, "ask", ask)
    told = story.trading.traded(story.began_ms)
    assert "KCS/USDT" in {instrument.symbol for instrument in told.instruments}
    assert told.unlisted == ("CSP-USDT",)
    rows += rows  # a venue that goes round in circles
    monkeypatch.setattr(story.trading, "ask", lambda method, *_: {"data": rows[:200]})
    with pytest.raises(BadAnswer, match="came twice"):
        story.trading.traded(story.began_ms)


def test_spans_are_complete_weeks_and_the_last_one_ends_now(story):
    instrument = story.trading.instrument(SPOT)
    began_ms = story.began_ms - 15 * DAY_MS
    spans = list(story.trading.fill_spans(instrument, began_ms))
    ends = [span.until_ms for span in spans]
    assert ends[:2] == [began_ms + WEEK_MS - 1, began_ms + 2 * WEEK_MS - 1]
    assert abs(ends[-1] - time.time_ns() // 1_000_000) < 5_000
    assert [len(span.fills) for span in spans[:-1]] == [0] * (len(spans) - 1)
    assert list(spans[-1].fills) == story.fills[SPOT]
    assert story.trading.fills(instrument, began_ms) == story.fills[SPOT]


def test_fills_add_up_to_the_positions(story):
    for symbol, size in ((LINEAR, "-0.02"), (INVERSE, "400")):
        signed = sum(fill.size if fill.side == BUY else -fill.size for fill in story.fills[symbol])
        assert signed == story.positions[symbol].size == Decimal(size)
    assert set(story.positions) == {LINEAR, INVERSE}
    assert len({fill.trade_id for fills in story.fills.values() for fill in fills}) == sum(
        map(len, story.fills.values())
    )


def test_a_settlement_at_expiry_is_a_delivery_and_no_trade(story):
    (delivery,) = story.deliveries
    assert (delivery.symbol, delivery.size, delivery.currency) == (story.future.symbol, Decimal(-400), "BTC")
    assert delivery.price > 0
    assert sum(fill.size for fill in story.fills[story.future.symbol]) == 400
    assert story.trading.deliveries(story.trading.instrument(LINEAR), 0) == []


def test_deposits_have_ids_that_stay_and_cover_all_wallets(story):
    assert {transfer.kind for transfer in story.transfers} == {DEPOSIT}
    assert len({transfer.transfer_id for transfer in story.transfers}) == len(story.transfers)
    assert story.trading.transfers(0) == story.transfers
    deposited = sum(transfer.amount for transfer in story.transfers if transfer.currency == "USDT")
    assert deposited == 2_000_000  # spot and futures
    assert story.trading.transfers(time.time_ns() // 1_000_000) == []


def test_cash_is_what_deposits_trades_fees_funding_and_deliveries_have_come_to(story):
    assert {payment.symbol for payment in story.payments} == {LINEAR, INVERSE}
    cash, explained = story.cash(), story.explained()
    assert cash["USDT"] == pytest.approx(explained["USDT"], abs=GRAIN)  # an average entry may have no end
    assert cash["BTC"] == pytest.approx(explained["BTC"], abs=GRAIN)
    assert {name: cash[name] for name in ("USDC", "ETH", "KCS")} == {"USDC": 2_000_000, "ETH": 2000, "KCS": 1000}


def test_the_simulator_s_own_accounting_says_the_same(story, running_simulator):
    own = {row["symbol"]: row for row in running_simulator.accounts("kucoin")["listings"]}
    for instrument in story.traded.instruments:
        book, row = Book(Contract.of(instrument)), own[instrument.native_id]
        entries = [*story.fills[instrument.symbol], *(d for d in story.deliveries if d.symbol == instrument.symbol)]
        for entry in sorted(entries, key=lambda entry: entry.time_ms):
            book.add(entry)
        fees = sum(fill.fee for fill in story.fills[instrument.symbol])
        funding = sum(paid.amount for paid in story.payments if paid.symbol == instrument.symbol)
        assert book.position == Decimal(row["size"]) * instrument.unit_size
        assert book.realized == pytest.approx(Decimal(row["realized"]), abs=GRAIN)
        assert (fees, funding) == (sum(map(Decimal, row["fees"].values())), Decimal(row["funding"]))


def test_gains_of_open_positions_are_no_cash(story):
    futures = {each.currency: each for each in story.balances if each.wallet == "futures"}
    assert futures["USDT"].positions_value
    assert futures["USDT"].positions_value == futures["USDT"].total - futures["USDT"].cash
    position = story.positions[LINEAR]
    assert position.unrealized == pytest.approx(
        position.size * (position.mark_price - position.entry_price), abs=Decimal("1e-9")
    )
    assert position.realized is not None


def test_fees_in_kcs_are_a_fifth_less_and_named_so(running_simulator, place, tmp_path):
    trading = keyed(place, tmp_path, KCS_PAYER)
    began_ms = time.time_ns() // 1_000_000 - 1_000
    instrument = trading.instrument(SPOT)
    trading.submit(instrument, OrderSpec(f"kcs-{time.time_ns()}", BUY, MARKET, Decimal("0.01")))
    fills = trading.fills(instrument, began_ms)
    assert {fill.fee_currency for fill in fills} == {"KCS"}
    price = trading.connector.fetch_quote(trading.instrument("KCS/USDT"))
    paid = sum(fill.fee for fill in fills)
    usual = sum(fill.price * fill.size for fill in fills) * Decimal("0.001")
    assert paid * Decimal(str(price.bid)) == pytest.approx(usual * Decimal("0.8"), rel=Decimal("0.02"))
    left = next(each for each in trading.balances() if (each.wallet, each.currency) == ("spot", "KCS"))
    assert left.total == 1000 - paid


def test_unmodified_ccxt_reads_deposits_and_withdrawals(story, running_simulator):
    exchange = ccxt.kucoin(
        {
            "apiKey": TRADER.key,
            "secret": TRADER.secret,
            "password": TRADER.passphrase,
            "options": {"hf": True, "uta": False},
            "enableRateLimit": False,
        }
    )
    for name, url in exchange.urls["api"].items():
        host = url.removeprefix("https://")
        exchange.urls["api"][name] = running_simulator.hosts.get(host, url)
    exchange.markets, exchange.currencies = {}, {}
    try:
        found = exchange.fetch_deposits(limit=100)
        assert exchange.fetch_withdrawals() == []
    finally:
        exchange.session.close()
    assert {row["status"] for row in found} == {"ok"}
    assert sorted((row["currency"], Decimal(str(row["amount"]))) for row in found) == sorted(
        (transfer.currency, transfer.amount) for transfer in story.transfers
    )


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute", "ignore:Using extra keyword arguments on")
def test_kucoin_s_sdk_reads_the_ledger_deposits_and_trades_of_all_contracts(story, running_simulator):
    from kucoin_universal_sdk import api, model
    from kucoin_universal_sdk.generate.account import account, deposit, withdrawal
    from kucoin_universal_sdk.generate.futures import order as futures

    hosts = running_simulator.hosts
    options = (
        model.ClientOptionBuilder()
        .set_key(TRADER.key)
        .set_secret(TRADER.secret)
        .set_passphrase(TRADER.passphrase)
        .set_spot_endpoint(hosts["api.kucoin.com"])
        .set_futures_endpoint(hosts["api-futures.kucoin.com"])
        .set_broker_endpoint(hosts["api.kucoin.com"])
        .set_transport_option(model.TransportOptionBuilder().build())
        .build()
    )
    services = api.DefaultClient(options).rest_service()
    accounts = services.get_account_service()
    ledger = accounts.get_account_api().get_spot_hf_ledger(account.GetSpotHfLedgerReqBuilder().build()).data
    assert {entry.biz_type for entry in ledger} == {"TRADE_EXCHANGE"}
    assert all('"symbol":"BTC-USDT"' in entry.context for entry in ledger)
    newest = {entry.currency: Decimal(entry.balance) for entry in reversed(ledger)}
    spot = {each.currency: each.total for each in story.balances if each.wallet == "spot"}
    assert newest == {name: spot[name] for name in ("BTC", "USDT")}
    page = accounts.get_deposit_api().get_deposit_history(deposit.GetDepositHistoryReqBuilder().build())
    assert page.total_num == len(story.transfers)
    empty = accounts.get_withdrawal_api().get_withdrawal_history(withdrawal.GetWithdrawalHistoryReqBuilder().build())
    assert empty.items == []
    orders = services.get_futures_service().get_order_api()
    trades = orders.get_trade_history(futures.GetTradeHistoryReqBuilder().build()).items
    assert {row.symbol for row in trades} == {"XBTUSDTM", "XBTUSDM", story.future.native_id}
    settled = [row for row in trades if row.trade_type.value == "settlement"]
    assert [(row.symbol, row.side.value, row.size) for row in settled] == [(story.future.native_id, "buy", 400)]
