"""The broker on paper at every venue, whose live market is the simulator."""

import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.paper.broker import PaperTrading
from connectors.registry import Venues
from connectors.trading import UNIQUE_EVER, OrderRef
from domain.errors import NotSent, Refused, Unavailable
from domain.instruments import Instrument
from domain.orders import OrderSpec
from domain.trades import PublicTrade, Trades

D = Decimal
SPOT = {"binance": "BTC/USDT", "okx": "BTC/USDT", "bybit": "BTC/USDT", "kucoin": "BTC/USDT", "deribit": "BTC/USDC"}
SWAP = dict.fromkeys(SPOT, "BTC/USDT:USDT") | {"deribit": "BTC/USDC:USDC"}


def broker(venues: Venues, venue: str) -> PaperTrading:
    found = venues.trading(venue)
    assert isinstance(found, PaperTrading)
    return found


def item(venues: Venues, venue: str, symbol: str) -> Instrument:
    found = venues.cache.find(venue, symbol)
    assert found is not None
    return found


def spec(name: str, side: str, size: Any, price: Any = None, **more: Any) -> OrderSpec:
    kind = more.pop("type", "limit" if price is not None else "market")
    return OrderSpec(name, side, kind, D(size), None if price is None else D(price), **more)


def ref(instrument: Instrument, name: str) -> OrderRef:
    return OrderRef(instrument, None, name)


@pytest.mark.parametrize("venue", SPOT)
def test_a_market_order_pays_what_the_venues_book_asks_and_the_venues_fee(venues: Venues, venue: str) -> None:
    trading, instrument = broker(venues, venue), item(venues, venue, SPOT[venue])
    report = trading.submit(instrument, spec("a1", "buy", "0.05"))
    best = venues.connector(venue).fetch_quote(instrument).ask
    assert (report.status, report.filled) == ("filled", D("0.05"))
    assert best is not None
    assert report.average_price == pytest.approx(best, rel=D("0.005"))
    fills = trading.fills(instrument, 0)
    assert sum(fill.size for fill in fills) == D("0.05")
    paid = sum((fill.price * fill.size for fill in fills), D(0))
    assert sum((fill.fee or D(0) for fill in fills), D(0)) == paid * (instrument.taker_fee or D(0))
    balances = {row.currency: row.total for row in trading.balances()}
    assert balances["BTC"] == D("1.05")
    assert balances[instrument.quote] == D(100_000) - paid * (1 + (instrument.taker_fee or D(0)))


def test_the_users_own_fee_tier_is_charged(venues: Venues) -> None:
    connector = venues.connector("okx")
    settings = connector.context.settings._replace(taker_fee_bps=D("1.5"))
    connector.context = replace(connector.context, settings=settings)
    trading, instrument = PaperTrading(connector, venues.cache.of("okx")), item(venues, "okx", "BTC/USDT")
    trading.submit(instrument, spec("a1", "buy", "0.05"))
    fill = trading.fills(instrument, 0)[0]
    assert fill.fee == fill.price * fill.size * D("0.00015")
    trading.close()


@pytest.mark.parametrize("venue", SWAP)
def test_a_position_is_opened_valued_and_closed(venues: Venues, venue: str) -> None:
    trading, instrument = broker(venues, venue), item(venues, venue, SWAP[venue])
    trading.submit(instrument, spec("a1", "sell", "0.05"))
    (position,) = trading.positions()
    assert (position.size, position.leverage, position.symbol) == (D("-0.05"), D(5), instrument.symbol)
    assert position.mark_price is not None
    assert position.entry_price is not None
    assert position.unrealized == D("-0.05") * (position.mark_price - position.entry_price)
    used = next(row.used for row in trading.balances() if row.currency == instrument.settle)
    assert used == position.entry_price * D("0.05") / 5
    closed = trading.submit(instrument, spec("a2", "buy", "0.05", reduce_only=True))
    assert closed.status == "filled"
    assert trading.positions() == []


@pytest.mark.parametrize("venue", ["deribit", "bybit"])
def test_an_inverse_contract_is_sized_in_quote_and_settled_in_its_coin(venues: Venues, venue: str) -> None:
    trading, instrument = broker(venues, venue), item(venues, venue, "BTC/USD:BTC")
    report = trading.submit(instrument, spec("a1", "buy", "500"))
    assert (report.status, report.filled) == ("filled", D(500))
    assert report.average_price is not None
    fill = trading.fills(instrument, 0)[0]
    assert fill.fee_currency == "BTC"
    assert trading.positions()[0].size == 500


def test_a_venue_without_a_book_deals_at_its_quote_and_the_order_says_so(venues: Venues) -> None:
    trading, instrument = broker(venues, "deriv"), item(venues, "deriv", "R_100/USD")
    report = trading.submit(instrument, spec("a1", "buy", "3"))
    assert report.status == "filled"
    assert report.reason == "filled at the quote: the venue shows no sizes"
    assert trading.positions()[0].size == 3
    trading.submit(instrument, spec("a2", "sell", "3", reduce_only=True))
    assert trading.positions() == []


@pytest.mark.parametrize("venue", SPOT)
def test_a_resting_order_is_filled_by_the_public_trades_that_follow(
    venues: Venues, venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book never crosses it here, so that it is the trades alone which fill it."""
    trading, instrument = broker(venues, venue), item(venues, venue, SPOT[venue])
    quote = venues.connector(venue).fetch_quote(instrument)
    assert quote.bid is not None
    tick = instrument.tick_size or D(1)
    price = (quote.bid * D("0.999") / tick).to_integral_value() * tick
    placed = trading.submit(instrument, spec("a1", "buy", "0.5", price))
    assert (placed.status, placed.filled) == ("open", D(0))
    now_ms = time.time_ns() // 1_000_000
    trade = PublicTrade("1", now_ms + 60_000, price - tick, D("0.2"), "sell")
    monkeypatch.setattr(venues.connector(venue), "fetch_trades", lambda *_: Trades([trade]))
    for _ in range(2):
        report = trading.find(ref(instrument, "a1"))
        assert report is not None
        assert (report.status, report.filled, report.average_price) == ("open", D("0.2"), price)
    (fill,) = trading.fills(instrument, 0)
    assert (fill.maker, fill.price, fill.size, fill.time_ms) == (True, price, D("0.2"), now_ms + 60_000)
    assert fill.fee == price * D("0.2") * (instrument.maker_fee or D(0))


@pytest.mark.parametrize("venue", SPOT)
def test_an_order_near_the_market_is_filled_by_what_really_trades_there(venues: Venues, venue: str) -> None:
    """No trade is made up: the simulator's own public trades, read by ccxt, fill an order above them."""
    trading, instrument = broker(venues, venue), item(venues, venue, SPOT[venue])
    now_ms = time.time_ns() // 1_000_000
    trades = venues.connector(venue).fetch_trades(instrument, now_ms - 30_000)
    assert trades.complete
    assert trades == sorted(trades, key=lambda trade: trade.time_ms)
    assert all(now_ms - 30_000 <= trade.time_ms <= now_ms + 2_000 for trade in trades)
    tick = instrument.tick_size or D(1)
    bid = venues.connector(venue).fetch_quote(instrument).bid
    assert bid is not None
    trading.submit(instrument, spec("a1", "buy", "0.01", (bid * D("0.97") / tick).to_integral_value() * tick))

    def earlier(account: Any) -> None:
        account.orders[0].since_ms = now_ms - 30_000
        account.orders[0].price = bid * 2
        account.orders[0].ahead = None

    trading._ledger.change(venue, earlier)  # as if it had stood above the market for half a minute
    report = trading.find(ref(instrument, "a1"))
    assert report is not None
    assert report.status == "filled"
    assert trading.fills(instrument, 0)[0].time_ms in {trade.time_ms for trade in trades}


def test_orders_are_cancelled_amended_and_listed(venues: Venues) -> None:
    trading, instrument = broker(venues, "okx"), item(venues, "okx", "BTC/USDT")
    for name in ("a1", "a2", "a3"):
        trading.submit(instrument, spec(name, "buy", "0.1", "20000"))
    assert [report.client_id for report in trading.open_orders()] == ["a1", "a2", "a3"]
    current = trading.find(ref(instrument, "a2"))
    assert current is not None
    amended = trading.amend(ref(instrument, "a2"), current, size=D("0.2"), price=D("21000"))
    assert (amended.size, amended.price, amended.status) == (D("0.2"), D(21000), "open")
    trading.cancel(ref(instrument, "a1"))
    with pytest.raises(Refused, match="no open order"):
        trading.cancel(ref(instrument, "a1"))
    trading.cancel_all(instrument)
    assert trading.open_orders() == []
    assert [report.status for report in trading.closed_orders(instrument, 0)] == ["cancelled"] * 3
    assert all(not row.used for row in trading.balances())
    assert trading.find(ref(instrument, "nobody")) is None


def test_where_the_market_cannot_be_seen_nothing_is_placed_and_nothing_is_said_of_what_rests(
    paper: Any, venues: Venues
) -> None:
    trading, instrument = broker(venues, "okx"), item(venues, "okx", "BTC/USDT")
    trading.submit(instrument, spec("a1", "buy", "0.1", "20000"))
    venues.start(time.monotonic() + 1.5)
    paper.set_fault("okx", "server_error")
    with pytest.raises(NotSent, match="Nothing was placed"):
        trading.submit(instrument, spec("a2", "buy", "0.1"))
    with pytest.raises(Unavailable):
        trading.open_orders()
    paper.clear_faults()
    venues.start(time.monotonic() + 20)


@pytest.mark.parametrize("venue", [*SPOT, "deriv"])
def test_the_rules_are_the_venues_own_but_nothing_is_ever_late_or_lost(venues: Venues, venue: str) -> None:
    from importlib import import_module

    module, _, name = str(venues.connector(venue).trading_class).partition(":")
    real, rules = getattr(import_module(module), name).rules, broker(venues, venue).rules
    assert (rules.types, rules.tifs, rules.client_id) == (real.types, real.tifs, real.client_id)
    assert (rules.client_id_unique, rules.acceptance_ms, rules.settling_ms) == (UNIQUE_EVER, 0, 0)


def test_the_start_balances_are_those_of_the_configuration(venues: Venues) -> None:
    connector = venues.connector("okx")
    start = connector.context.paper._replace(balances={"EUR": D(7)})
    connector.context = replace(connector.context, paper=start)
    trading = PaperTrading(connector, venues.cache.of("okx"))
    assert [(row.currency, row.free) for row in trading.balances()] == [("EUR", D(7))]
    trading.close()


def test_funding_of_the_past_is_paid_at_the_next_look(venues: Venues) -> None:
    trading, instrument = broker(venues, "okx"), item(venues, "okx", "BTC/USDT:USDT")
    trading.submit(instrument, spec("a1", "buy", "0.1"))
    day_ms = 86_400_000

    def older(account: Any) -> None:
        account.positions[instrument.symbol].funded_ms -= day_ms

    trading._ledger.change("okx", older)
    payments: Sequence[Any] = trading.funding_payments(instrument, 0)
    rates = venues.connector("okx").fetch_funding_history(instrument, time.time_ns() // 1_000_000 - day_ms)
    assert [(row.time_ms, row.rate) for row in payments] == [(point.time_ms, point.rate) for point in rates]
    assert len(payments) == 3
    assert all((row.amount < 0) is (row.rate > 0) for row in payments)
    assert trading.funding_payments(instrument, 0) == payments
