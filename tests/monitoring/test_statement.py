"""From a ledger to books: order of entries, fees in third currencies, and everything that is lacking said."""

from decimal import Decimal

import pytest

from domain.errors import UnknownSymbol
from domain.movements import Delivery
from domain.orders import Fill
from monitoring.accounting.entries import Opening
from monitoring.ledger.rows import BLIND, RATE, UNSUPPORTED, Gap, KnownRate
from monitoring.statement import FEES, FUNDING, REALIZED, UNREALIZED, read_statement, symbol_of
from tests.market_data.fakes import instrument
from tests.monitoring.earned import DAY, MINUTE, SPOT, SWAP, T0, Trades, ledger_at

D = Decimal


@pytest.fixture
def ledger(tmp_path):
    with ledger_at(tmp_path) as opened:
        yield opened


def test_entries_are_booked_in_the_order_of_their_times_whatever_their_kind(ledger):
    future = instrument("okx", "BTC/USDT:USDT-261225")
    dated = Trades(ledger, future)
    dated.add("buy", "2", "100", at=T0)
    dated.add("buy", "1", "130", at=T0 + 2 * MINUTE)
    dated.pay("-1", T0 + MINUTE)
    ledger.add_deliveries([Delivery("okx", future.symbol, "d", T0 + 3 * MINUTE, D(3), D(120), "USDT")])
    Trades(ledger, SWAP).add("buy", "1", "100", at=T0 + MINUTE)
    seen = []
    statement = read_statement(ledger, sink=lambda book, line: seen.append((line.kind, line.time_ms - T0)))
    assert [time for _, time in seen] == sorted(time for _, time in seen)
    assert [kind for kind, _ in seen] == ["fill", "fill", "funding", "fill", "delivery"]
    book = statement.books["okx", future.symbol]
    assert (book.position, book.realized, book.funding) == (0, 30, -1)
    assert statement.entries == 5


def test_what_was_there_before_is_booked_first(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("sell", "3", "110", at=T0 + MINUTE)
    ledger.set_opening("okx", [Opening("okx", SWAP.symbol, T0, D(3), D(100))], {}, T0)
    book = read_statement(ledger).books["okx", SWAP.symbol]
    assert (book.position, book.realized) == (0, 30)


def test_venues_and_symbols_are_left_out_that_were_not_asked_for(ledger):
    Trades(ledger, SWAP).add("buy", "1", "100")
    Trades(ledger, SPOT).add("buy", "1", "100")
    Trades(ledger, instrument("kucoin", "BTC/USDT")).add("buy", "1", "100")
    assert set(read_statement(ledger).books) == {("okx", SWAP.symbol), ("okx", "BTC/USDT"), ("kucoin", "BTC/USDT")}
    assert set(read_statement(ledger, venues=["okx"], symbols=["BTC/USDT"]).books) == {("okx", "BTC/USDT")}
    assert set(read_statement(ledger, symbols=["BTC/USDT"]).books) == {("okx", "BTC/USDT"), ("kucoin", "BTC/USDT")}
    assert set(read_statement(ledger, venues=["okx", "kucoin"], symbols=["BTC/USDT"]).books) == {
        ("okx", "BTC/USDT"), ("kucoin", "BTC/USDT")
    }  # fmt: skip


def test_a_fee_in_a_third_currency_is_valued_by_the_rate_of_its_minute(ledger):
    trades = Trades(ledger, SPOT)
    trades.add("buy", "1", "100", "0.01", currency="BNB", at=T0 + 59_999)
    ledger.add_rates([KnownRate("okx", "BNB", "USDT", T0, D(600), "candles"),
                      KnownRate("okx", "BNB", "USDT", T0 + MINUTE, D(700), "candles")])  # fmt: skip
    statement = read_statement(ledger)
    assert statement.books["okx", "BTC/USDT"].fees == 6
    assert not statement.lacks


def test_a_fee_without_a_rate_is_said_and_never_zero(ledger):
    trades = Trades(ledger, SPOT)
    trades.add("buy", "1", "100", "0.01", currency="BNB")
    trades.add("buy", "1", "100", "0.01", currency="BNB")
    trades.add("buy", "1", "100", None)
    lines = []
    statement = read_statement(ledger, sink=lambda book, line: lines.append(line.fee))
    assert lines == [None, None, None]
    assert [(lack.text, set(lack.figures)) for lack in statement.lacks] == [
        ("okx BTC/USDT: the fees of 1 trade are unknown.", {FEES}),
        ("okx BTC/USDT: 2 amounts in BNB have no rate to USDT.", {FEES}),
    ]


def test_closing_what_has_an_unknown_price_leaves_the_gain_unknown(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("sell", "1", "110", at=T0 + MINUTE)
    ledger.set_opening("okx", [Opening("okx", SWAP.symbol, T0, D(3), None)], {}, T0)
    statement = read_statement(ledger)
    assert statement.books["okx", SWAP.symbol].realized == 0
    assert {figure for lack in statement.lacks for figure in lack.figures} == {REALIZED, UNREALIZED}
    assert "1 was closed that had been bought or sold before the ledger begins" in statement.lacks[0].text


def test_an_instrument_that_is_gone_is_read_from_its_symbol(ledger):
    for number, (side, price) in enumerate((("buy", 2), ("sell", 4))):
        fill = Fill(
            "okx", "OLD/USD:OLD", f"{number}", None, None, side, D(price), D(10), D(0), "OLD", None, T0 + number
        )
        ledger.add_fills([fill])
    book = read_statement(ledger).books["okx", "OLD/USD:OLD"]
    assert (book.contract.currency, book.contract.inverse, book.realized) == ("OLD", True, D("2.5"))


def test_a_symbol_that_means_nothing_is_left_out_and_said_once(ledger):
    for number in range(2):
        ledger.add_fills([Fill("okx", "WHAT", f"{number}", None, None, "buy", D(2), D(1), None, None, None, T0)])
    statement = read_statement(ledger)
    assert (statement.books, statement.left_out) == ({}, {("okx", "WHAT")})
    (lack,) = statement.gaps
    assert "okx WHAT is no instrument that is known" in lack.text
    assert lack.concerns("okx", ["BTC/USDT"])


def test_gaps_of_the_ledger_are_told_with_what_they_touch(ledger):
    Trades(ledger, SWAP).add("buy", "1", "100")
    for gap in (
        Gap("okx", None, BLIND, "okx lists trades by symbol only.", T0, T0 + DAY),
        Gap("okx", None, UNSUPPORTED, "okx has no history of deposits and withdrawals.", T0, T0 + DAY),
        Gap("okx", SWAP.symbol, RATE, "no rate", T0, T0 + DAY),
        Gap("deriv", None, BLIND, "elsewhere", T0, T0 + DAY),
    ):
        ledger.add_gap(gap)
    found = {lack.text: lack.figures for lack in read_statement(ledger, venues=["okx"]).gaps}
    assert found == {
        "okx lists trades by symbol only.": {REALIZED, FEES, FUNDING, UNREALIZED},
        "okx has no history of deposits and withdrawals.": frozenset(),
    }


def test_a_symbol_may_be_written_as_the_venue_does(ledger):
    Trades(ledger, SWAP).add("buy", "1", "100")
    assert symbol_of(ledger, "btc/usdt:usdt") == SWAP.symbol
    assert symbol_of(ledger, SWAP.native_id) == SWAP.symbol
    with pytest.raises(UnknownSymbol) as raised:
        symbol_of(ledger, "BTC/USDT:USDC")
    assert raised.value.nearest == (SWAP.symbol,)
