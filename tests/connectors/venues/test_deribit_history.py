"""Deribit's history against the simulator: trades, funding, deliveries and deposits, and that cash is their sum."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ccxt
import pytest

from connectors.http import Request, Response
from connectors.trading import Trading
from connectors.venues.deribit_orders import DeribitTrading
from domain.errors import BadAnswer, Unauthorized, Unsupported
from domain.instruments import FUTURE, OPTION
from domain.movements import DEPOSIT
from domain.orders import BUY, MARKET, SELL, OrderSpec
from monitoring.accounting.book import Book
from monitoring.accounting.contract import Contract
from monitoring.cash import flows
from simulator.market.listings.deribit import listings
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimRequest
from simulator.venues.deribit import Deribit
from simulator.venues.deribit_sessions import settled_at
from tests.connectors.opened import at_home, know_simulator, once, opened

SPOT, LINEAR, INVERSE = "BTC/USDC", "BTC/USDC:USDC", "BTC/USD:BTC"
DAY_MS = 86_400_000
TRADER = Deribit.accounts[0]
GRAIN = Decimal("1e-13")
"""Gains of inverse contracts and options are rounded at the venue: to 15 decimals here."""


class Told:
    """What Deribit tells of an account."""

    def __init__(self, trading: Trading, since_ms: int) -> None:
        self.traded = trading.traded(since_ms)
        self.fills = {i.symbol: trading.fills(i, since_ms) for i in self.traded.instruments}
        self.payments = [p for i in self.traded.instruments for p in trading.funding_payments(i, since_ms)]
        self.deliveries = [d for i in self.traded.instruments for d in trading.deliveries(i, since_ms)]
        self.transfers = trading.transfers(0)
        self.positions = {position.symbol: position for position in trading.positions()}
        self.balances = {balance.currency: balance for balance in trading.balances()}

    def explained(self) -> dict[str, Decimal]:
        """Sum what has happened, by currency."""
        contracts = {("deribit", i.symbol): Contract.of(i) for i in self.traded.instruments}
        fills = sorted((f for each in self.fills.values() for f in each), key=lambda fill: fill.time_ms)
        moved = flows(contracts, fills, self.payments, self.deliveries, self.transfers)
        return {currency: amount for (_, currency), amount in moved.items()}


def trade(trading: Trading, symbol: str, side: str, size: str) -> None:
    spec = OrderSpec(f"story-{time.time_ns()}", side, MARKET, Decimal(size))
    trading.submit(trading.instrument(symbol), spec)


@pytest.fixture(scope="module")
def place(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The open venue, in a home of its own."""
    home = tmp_path_factory.mktemp("deribit-history")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["deribit"])
    with at_home(home):
        venues.ensure_markets()
        yield venues
    venues.close()


def connected(place: Any, folder: Path) -> DeribitTrading:
    return DeribitTrading(once(place, "deribit", folder), place.cache.of("deribit"))


def priced_option(trading: DeribitTrading) -> Any:
    """An option on Bitcoin, settled in it, that is bought and sold now."""
    found = [i for i in trading._instruments.all() if i.kind == OPTION and i.settle == "BTC" and i.active]
    for option in sorted(found, key=lambda i: (i.expiry_ms, i.symbol)):
        quote = trading.connector.fetch_quote(option)
        if quote.bid and quote.ask and quote.bid > Decimal("0.005"):
            return option
    raise AssertionError("no option with prices")


@pytest.fixture(scope="module")
def story(running_simulator: Any, place: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    sim = running_simulator
    sim.clear_faults()
    sim.reset_accounts("deribit")
    trading = connected(place, tmp_path_factory.mktemp("story"))
    began_ms = time.time_ns() // 1_000_000 - 1_000
    every = trading._instruments.all()
    future = next(i for i in every if i.kind == FUTURE and i.inverse and i.asset == "BTC")
    option = priced_option(trading)
    trade(trading, SPOT, BUY, "0.02")
    trade(trading, LINEAR, BUY, "0.03")
    trade(trading, LINEAR, SELL, "0.05")
    trade(trading, INVERSE, BUY, "700")
    trade(trading, INVERSE, SELL, "300")
    trade(trading, future.symbol, SELL, "400")
    trade(trading, option.symbol, BUY, "0.3")
    trade(trading, option.symbol, SELL, "0.1")
    for symbol in (LINEAR, INVERSE):
        sim.settle_funding("deribit", trading.instrument(symbol).native_id)
    before = Told(trading, began_ms)
    sim.expire("deribit", future.native_id)
    sim.expire("deribit", option.native_id)
    told = Told(trading, began_ms)
    told.trading, told.began_ms, told.future, told.option, told.before = trading, began_ms, future, option, before
    yield told
    sim.reset_accounts("deribit")


def test_what_was_traded_is_named_without_being_asked_by_instrument(story):
    expected = {SPOT, LINEAR, INVERSE, story.future.symbol, story.option.symbol}
    assert {i.symbol for i in story.traded.instruments} == expected
    assert (story.traded.unlisted, story.traded.blind) == ((), None)


def test_a_trade_in_what_is_not_listed_is_named_by_the_venue_s_id(story, monkeypatch):
    monkeypatch.setattr(story.trading, "native", lambda name: None)
    assert set(story.trading.traded(story.began_ms).unlisted) >= {"BTC_USDC", "BTC-PERPETUAL"}


def test_spans_end_before_the_last_moment_of_a_page_and_miss_nothing(story, monkeypatch):
    instrument, fills = story.trading.instrument(LINEAR), story.fills[LINEAR]
    at_once = max(sum(fill.time_ms == each.time_ms for fill in fills) for each in fills)
    monkeypatch.setattr(DeribitTrading, "page", at_once + 1)
    spans = list(story.trading.fill_spans(instrument, story.began_ms - 40 * DAY_MS))
    assert [fill for span in spans for fill in span.fills] == fills
    ends = [span.until_ms for span in spans]
    assert ends == sorted(set(ends))
    assert abs(ends[-1] - time.time_ns() // 1_000_000) < 5_000
    for span, following in pairwise(spans):
        assert all(fill.time_ms <= span.until_ms for fill in span.fills)
        assert all(fill.time_ms > span.until_ms for fill in following.fills)


def test_more_trades_in_a_millisecond_than_a_page_holds_are_no_answer(story, monkeypatch):
    row = {"trade_id": "1", "timestamp": story.began_ms, "instrument_name": "BTC-PERPETUAL"}
    monkeypatch.setattr(story.trading, "result", lambda *_, **__: {"trades": [row], "has_more": True})
    with pytest.raises(BadAnswer, match="millisecond"):
        list(story.trading.fill_spans(story.trading.instrument(INVERSE), story.began_ms))


def test_fills_and_deliveries_add_up_to_the_positions(story):
    for symbol, size in ((LINEAR, "-0.02"), (INVERSE, "400")):
        signed = sum(fill.size if fill.side == BUY else -fill.size for fill in story.fills[symbol])
        assert signed == story.positions[symbol].size == Decimal(size)
    assert set(story.positions) == {LINEAR, INVERSE}
    assert {fill.fee_currency for fill in story.fills[INVERSE]} == {"BTC"}
    delivered = {delivery.symbol: delivery for delivery in story.deliveries}
    assert delivered[story.future.symbol].size == -400
    assert delivered[story.option.symbol].size == Decimal("0.2")
    assert delivered[story.future.symbol].price > 1000 > 1 > delivered[story.option.symbol].price
    assert {delivery.currency for delivery in story.deliveries} == {"BTC"}


def test_deposits_have_ids_that_stay(story):
    assert {(transfer.kind, transfer.fee) for transfer in story.transfers} == {(DEPOSIT, Decimal(0))}
    assert len({transfer.transfer_id for transfer in story.transfers}) == len(story.transfers)
    assert story.trading.transfers(0) == story.transfers
    assert {transfer.currency: transfer.amount for transfer in story.transfers} == {
        "BTC": 100, "ETH": 1000, "SOL": 10_000, "XRP": 1_000_000, "USDC": 1_000_000, "USDT": 1_000_000,
    }  # fmt: skip
    assert story.trading.transfers(time.time_ns() // 1_000_000) == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_cash_is_what_deposits_trades_fees_funding_and_deliveries_have_come_to(story, moment):
    told = story.before if moment == "before" else story
    assert {payment.symbol for payment in told.payments} == {LINEAR, INVERSE}
    assert len(told.deliveries) == (0 if moment == "before" else 2)
    explained = told.explained()
    assert told.balances["USDC"].cash == pytest.approx(explained["USDC"], abs=GRAIN)  # an average entry may have no end
    assert told.balances["BTC"].cash == pytest.approx(explained["BTC"], abs=GRAIN)
    assert told.balances["ETH"].cash == told.balances["ETH"].total == 1000


def test_the_simulator_s_own_accounting_says_the_same(story, running_simulator):
    own = {row["symbol"]: row for row in running_simulator.accounts("deribit")["listings"]}
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


def test_gains_of_open_positions_and_what_options_are_worth_are_no_cash(story):
    told = story.before
    assert set(told.positions) == {LINEAR, INVERSE, story.future.symbol, story.option.symbol}
    assert told.balances["BTC"].positions_value
    assert told.balances["BTC"].total != told.balances["BTC"].cash
    position = told.positions[LINEAR]
    assert position.unrealized == pytest.approx(
        position.size * (position.mark_price - position.entry_price), abs=Decimal("1e-9")
    )
    assert position.realized is None  # Deribit tells that of the session only


def test_a_key_that_may_not_read_the_wallet_has_no_history_of_deposits(story, monkeypatch):
    answered = story.trading.result

    def refusing(method: str, params: Any, **more: Any) -> Any:
        if method == "privateGetGetDeposits":
            raise Unauthorized("forbidden", venue="deribit")
        return answered(method, params, **more)

    monkeypatch.setattr(story.trading, "result", refusing)
    with pytest.raises(Unsupported, match="may not read deposits"):
        story.trading.transfers(0)


def test_unmodified_ccxt_reads_deposits_and_withdrawals(story, running_simulator):
    exchange = ccxt.deribit({"apiKey": TRADER.key, "secret": TRADER.secret, "enableRateLimit": False})
    exchange.urls["api"]["rest"] = running_simulator.hosts["www.deribit.com"]
    exchange.markets, exchange.currencies = {}, {"BTC": {"id": "BTC", "code": "BTC"}}
    try:
        (row,) = exchange.fetch_deposits("BTC")
        assert exchange.fetch_withdrawals("BTC") == []
    finally:
        exchange.session.close()
    (mine,) = (transfer for transfer in story.transfers if transfer.currency == "BTC")
    assert (row["status"], row["amount"], row["txid"], row["updated"]) == ("ok", 100, mine.transfer_id, mine.time_ms)


# --- sessions: the simulated venue answers in this process, only so can its time be moved ---------------------------


class Moving(SyntheticMarket):
    """A market at the wall clock plus `ahead_ms`."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


@pytest.fixture
def moving(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A trading object before a venue of its own, and its market."""
    now_ms = time.time_ns() // 1_000_000
    market = Moving(7, start_ms=now_ms, listings=listings(now_ms))
    venue = Deribit(market, market.now_ms)
    venue.set_limits(float("inf"))
    trading = connected(place, tmp_path)

    def ask(request: Request, *, deadline: float) -> Response:
        parts, headers = urlsplit(request.url), {name.lower(): value for name, value in request.headers.items()}
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        asked = SimRequest(request.method, parts.netloc, target, headers, request.body, market.now_ms())
        reply = venue.handle("deribit", asked)
        return Response(reply.status, dict(reply.headers), reply.body, time.time_ns(), 1.0)

    monkeypatch.setattr(trading.context.http, "send", ask)
    trading.connector.context = replace(trading.context, clock_offset_ms=lambda: market.ahead_ms)
    return DeribitTrading(trading.connector, trading._instruments), market


def test_the_daily_settlement_pays_open_gains_and_cash_stays_what_was_realized(moving):
    trading, market = moving
    since_ms = market.now_ms() - 60_000

    def summary() -> dict[str, Decimal]:
        names = ("balance", "equity", "futures_pl", "futures_session_upl", "futures_session_rpl", "options_value")
        rows = trading.result("privateGetGetAccountSummaries", {})["summaries"]
        (row,) = (row for row in rows if row["currency"] == "BTC")
        return {name: Decimal(str(row[name])) for name in names}

    def check(told: dict[str, Decimal]) -> None:
        open_parts = told["futures_session_upl"] + told["futures_session_rpl"] + told["options_value"]
        assert told["equity"] == told["balance"] + open_parts
        told_now = Told(trading, since_ms)
        assert told_now.balances["BTC"].cash == pytest.approx(told_now.explained()["BTC"], abs=GRAIN)
        log = trading.result(
            "privateGetGetTransactionLog",
            {"currency": "BTC", "start_timestamp": 0, "end_timestamp": market.now_ms() + 1, "count": 250},
        )["logs"]
        # What the log has changed is the balance: deposits, fees, and what settlements have paid.
        assert sum(Decimal(str(row["change"])) for row in log) == pytest.approx(told["balance"], abs=GRAIN)

    trade(trading, INVERSE, BUY, "100000")
    trade(trading, INVERSE, SELL, "30000")
    first = summary()
    assert first["futures_pl"] == first["futures_session_upl"]
    check(first)
    market.ahead_ms = settled_at(market.now_ms()) + 5 * 3_600_000 + 90_000 - time.time_ns() // 1_000_000
    second = summary()
    assert second["futures_session_upl"] != second["futures_pl"]  # one counts from the settlement, one from the entry
    assert second["futures_session_rpl"]  # five hours of funding
    check(second)
    trade(trading, INVERSE, SELL, "70000")
    third = summary()
    assert (third["futures_pl"], third["futures_session_upl"]) == (0, 0)
    assert trading.positions() == []
    check(third)
    market.ahead_ms += DAY_MS
    assert summary()["balance"] == summary()["equity"]
    check(summary())


def test_funding_of_the_running_session_is_not_cash_yet_and_a_payment_once_it_is_settled(moving):
    trading, market = moving
    since_ms = market.now_ms() - 60_000
    trade(trading, INVERSE, BUY, "500000")
    market.ahead_ms = settled_at(market.now_ms()) + 3 * 3_600_000 + 1_000 - time.time_ns() // 1_000_000
    perpetual = trading.instrument(INVERSE)
    (paid,) = trading.funding_payments(perpetual, since_ms)
    assert paid.time_ms == settled_at(since_ms)
    fees = sum(fill.fee for fill in trading.fills(perpetual, since_ms))
    balance = next(each for each in trading.balances() if each.currency == "BTC")
    assert balance.cash == 100 - fees + paid.amount
