"""What an account on paper tells of its past adds up to what it holds."""

import sqlite3
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Connector
from connectors.paper.account import Account, terms_of
from connectors.paper.broker import PaperTrading
from connectors.paper.ledger import Ledger
from connectors.registry import Venues
from domain.errors import Unavailable
from domain.instruments import PERPETUAL, SPOT, Instrument
from domain.movements import DEPOSIT, OTHER
from domain.orders import SELL
from monitoring.accounting.contract import Contract
from monitoring.cash import flows
from monitoring.ledger.store import Ledger as SyncedLedger
from monitoring.position_reconciling import news_of, reconcile
from monitoring.syncing import sync
from tests.connectors.paper.test_broker import broker, item, spec

D = Decimal
SMALLEST = D("1E-15")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def cash(trading: PaperTrading) -> dict[str, Decimal]:
    return {row.currency: row.cash for row in trading.balances()}


def explained(trading: PaperTrading, *items: Instrument) -> dict[str, Decimal]:
    held = SPOT in trading.rules.reduce_only
    contracts = {
        (each.venue, each.symbol): Contract.of(
            replace(each, settle=each.quote) if held and each.kind == SPOT and each.settle is None else each
        )
        for each in items
    }
    fills = [fill for each in items for span in trading.fill_spans(each, 0) for fill in span.fills]
    payments = [paid for each in items if each.kind == PERPETUAL for paid in trading.funding_payments(each, 0)]
    moved = flows(contracts, fills, payments, (), trading.transfers(0))
    return {currency: amount for (_, currency), amount in moved.items()}


def agree(one: dict[str, Decimal], other: dict[str, Decimal]) -> bool:
    return all(abs(one.get(name, D(0)) - other.get(name, D(0))) < SMALLEST for name in one.keys() | other.keys())


@pytest.mark.parametrize(
    ("venue", "trades"),
    [
        ("bybit", [("BTC/USDT", "0.05"), ("BTC/USDT:USDT", "0.03"), ("BTC/USD:BTC", "700")]),
        ("deriv", [("R_100/USD", "3")]),
    ],
)
def test_deposits_trades_and_funding_are_the_balances(
    venues: Venues, venue: str, trades: list[tuple[str, str]]
) -> None:
    trading = broker(venues, venue)
    items = [item(venues, venue, symbol) for symbol, _ in trades]
    for number, (each, (_, size)) in enumerate(zip(items, trades, strict=True)):
        for place, (side, share) in enumerate((("buy", 1), ("buy", 2), ("sell", 2))):
            trading.submit(each, spec(f"h{number}x{place}", side, D(size) * share))
        if each.kind != SPOT or venue == "deriv":
            trading.submit(each, spec(f"h{number}turn", "sell", D(size) * 2))
    assert agree(cash(trading), explained(trading, *items))
    told = trading.traded(0)
    assert ({each.symbol for each in told.instruments}, told.unlisted, told.blind) == (
        {each.symbol for each in items},
        [],
        None,
    )
    assert trading.traded(now_ms() + 60_000).instruments == []
    assert [trading.deliveries(each, 0) for each in items] == [[]] * len(items)


def test_sync_and_reconcile_leave_nothing_unexplained(venues: Venues, tmp_path: Path) -> None:
    bybit, deriv = broker(venues, "bybit"), broker(venues, "deriv")
    swap, index = item(venues, "bybit", "BTC/USDT:USDT"), item(venues, "deriv", "R_100/USD")
    bybit.submit(swap, spec("s1", "buy", "0.05"))
    deriv.submit(index, spec("s2", "buy", "3"))
    ledger, names = SyncedLedger.open(tmp_path / "ledger.sqlite"), ["bybit", "deriv"]
    assert [done.error for done in sync(venues, ledger, names, now_ms() - 86_400_000)] == [None, None]
    bybit.submit(item(venues, "bybit", "BTC/USDT"), spec("s3", "buy", "0.01"))
    bybit.submit(swap, spec("s4", "sell", "0.07"))
    deriv.submit(index, spec("s5", "sell", "1", reduce_only=True))
    found = reconcile(venues, ledger, names, time.monotonic() + 20, news_of(venues, ledger, lambda *_: None))
    assert [(done.differences, done.error) for done in found] == [([], None), ([], None)]
    assert [done.compared["currencies"] for done in found] == [5, 5]
    assert ledger.opening_balances() == {} or not any(ledger.opening_balances().values())
    ledger.close()


def test_an_account_begins_when_it_is_first_looked_at(venues: Venues) -> None:
    trading, before = broker(venues, "okx"), now_ms() - 5_000
    held = cash(trading)
    moved = trading.transfers(0)
    assert {each.currency: each.amount for each in moved} == held
    assert {each.kind for each in moved} == {DEPOSIT}
    assert all(before < each.time_ms <= now_ms() + 5_000 for each in moved)
    assert len({each.transfer_id for each in moved}) == len(moved)
    assert trading.transfers(0) == moved
    assert trading.transfers(max(each.time_ms for each in moved) + 1) == []


def test_the_last_span_ends_where_resting_orders_have_met_the_trades(venues: Venues) -> None:
    trading, instrument = broker(venues, "okx"), item(venues, "okx", "BTC/USDT")
    before = now_ms()
    (span,) = trading.fill_spans(instrument, 0)
    assert span.until_ms >= before
    assert trading.submit(instrument, spec("far", "buy", "0.01", "1000")).status == "open"
    (span,) = trading.fill_spans(instrument, 0)
    assert span.until_ms <= now_ms()
    assert span.fills == []


def test_funding_that_cannot_be_read_is_not_told_as_none(venues: Venues, monkeypatch: pytest.MonkeyPatch) -> None:
    trading, instrument = broker(venues, "okx"), item(venues, "okx", "BTC/USDT:USDT")
    trading.submit(instrument, spec("f1", "buy", "0.05"))
    assert trading.funding_payments(instrument, 0) == []

    def late(account: Account) -> None:
        account.positions[instrument.symbol].funded_ms -= 8 * 3_600_000

    def silent(*_: Any) -> None:
        raise Unavailable("no answer")

    trading._ledger.change("okx", late)
    monkeypatch.setattr(trading.connector, "fetch_funding_history", silent)
    with pytest.raises(Unavailable, match="latest funding"):
        trading.funding_payments(instrument, 0)
    monkeypatch.undo()
    assert isinstance(trading.connector, Connector)
    paid = trading.funding_payments(instrument, 0)
    assert len(paid) in (1, 2)
    assert agree(cash(trading), explained(trading, instrument))


def test_a_loss_beyond_what_there_is_is_told_as_a_transfer(venues: Venues) -> None:
    instrument = item(venues, "okx", "BTC/USDT:USDT")
    terms = terms_of(instrument, frozenset(), (D("0.0002"), D("0.0005")), 5)
    account = Account("okx", {"USDT": D(100)})
    account._trade(None, terms, "buy", D(1000), D(1), D(0), maker=False, time_ms=1)
    account.liquidate(terms, D(800), 2)
    assert account.balances["USDT"] == 0
    (forgiven,) = account.transfers
    fee = account.fills[-1].fee
    assert fee is not None
    assert (forgiven.kind, forgiven.amount, account.fills[-1].side) == (OTHER, 200 + fee - 100, SELL)


def test_an_account_of_an_earlier_program_goes_on_without_deposits(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    first = Ledger(path, {"USDT": D(1000)}, lambda: 7)
    assert first.read("okx").balances == {"USDT": D(1000)}
    (deposit,) = first.transfers("okx", 0)
    assert (deposit.time_ms, deposit.amount, deposit.fee) == (7, 1000, 0)
    first.close()
    with sqlite3.connect(path) as older:
        older.execute("DROP TABLE transfers")
    older.close()
    again = Ledger(path, {"USDT": D(5)})
    assert again.read("okx").balances == {"USDT": D(1000)}
    assert again.transfers("okx", 0) == []
    assert again.read("bybit").balances == {"USDT": D(5)}
    assert [each.amount for each in again.transfers("bybit", 0)] == [5]
    again.close()
