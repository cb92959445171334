"""History through ccxt alone, as exchanges without a file of their own have it; and minutes' closes of every venue."""

import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.ccxt_candles import MINUTE_MS, collect, read_closes
from connectors.ccxt_orders import read_fill, read_transfer
from connectors.ccxt_spans import pages_forward, row_spans, rows_by_span
from connectors.ccxt_trading import CcxtTrading
from domain.errors import BadAnswer, Unsupported
from domain.instruments import Instrument
from domain.movements import DEPOSIT, WITHDRAWAL
from domain.orders import BUY, MARKET, OrderSpec
from tests.connectors.opened import know_simulator, once, opened

SPOT, LINEAR = "BTC/USDT", "BTC/USDT:USDT"
VENUES = ("binance", "bybit", "deribit", "kucoin", "okx")
BEGAN, DAY_MS = 1_700_000_000_000, 86_400_000
_numbers = count(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def venues(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("ccxt-history")
    know_simulator(home, running_simulator.state_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSBOOK_HOME", str(home))
        found = opened(home, list(VENUES))
        found.ensure_markets()
        found.home = home
        yield found
        found.close()


@pytest.fixture
def plain(sim: Any, venues: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the private side that an exchange without a file of its own has, of any venue."""
    monkeypatch.setenv("CROSSBOOK_HOME", str(venues.home))

    def made(name: str) -> CcxtTrading:
        sim.reset_accounts(name)
        return CcxtTrading(once(venues, name, tmp_path), venues.cache.of(name))

    return made


def bought(trading: CcxtTrading, symbol: str, times: int = 1) -> Instrument:
    item = trading.instrument(symbol)
    for _ in range(times):
        size = max(Decimal("0.01"), item.lot_size or Decimal(0))
        trading.submit(item, OrderSpec(f"plain{next(_numbers)}", BUY, MARKET, size))
    return item


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- own trades ---


def test_own_trades_come_page_by_page_each_once_and_the_last_page_reaches_to_now(plain, monkeypatch):
    trading, began_ms = plain("binance"), now_ms() - 1
    item = bought(trading, LINEAR, times=5)
    whole = trading.fills(item, began_ms)
    # No page can be smaller than what one millisecond holds.
    monkeypatch.setattr(CcxtTrading, "page", max(Counter(fill.time_ms for fill in whole).values()) + 1)
    spans = list(trading.fill_spans(item, began_ms))
    assert len(spans) > 1
    assert [fill for span in spans for fill in span.fills] == whole
    assert sum(fill.size for fill in whole) == Decimal("0.05")
    assert [span.until_ms for span in spans] == sorted(span.until_ms for span in spans)
    assert all(fill.time_ms <= span.until_ms for span in spans for fill in span.fills)
    assert abs(spans[-1].until_ms - now_ms()) < 5_000


def test_what_was_traded_is_named_where_the_venue_lists_trades_without_a_symbol(plain):
    trading, began_ms = plain("bybit"), now_ms() - 1
    bought(trading, LINEAR)
    told = trading.traded(began_ms)
    assert ([item.symbol for item in told.instruments], told.unlisted, told.blind) == ([LINEAR], (), None)


def test_a_venue_that_lists_trades_by_symbol_only_says_so(plain):
    trading = plain("binance")
    bought(trading, LINEAR)
    assert trading.traded(0) == ((), (), "binance lists trades by symbol only.")


# --- money ---


def test_deposits_and_withdrawals_that_went_through_are_told(plain):
    trading = plain("binance")
    told = trading.transfers(0)
    assert told
    assert all(transfer.kind == DEPOSIT and transfer.amount > 0 for transfer in told)
    assert trading.transfers(now_ms() + 60_000) == []


def test_an_exchange_whose_ccxt_class_has_no_history_of_transfers_says_so(plain):
    trading = plain("binance")
    with trading.signing() as session:
        session.exchange.has["fetchWithdrawals"] = False
    with pytest.raises(Unsupported, match="withdrawals"):
        trading.transfers(0)


def test_nothing_is_delivered_of_what_does_not_expire_and_the_rest_is_not_told(plain):
    trading = plain("binance")
    assert trading.deliveries(trading.instrument(LINEAR), 0) == []
    assert trading.deliveries(trading.instrument(SPOT), 0) == []
    dated = next(item for item in trading._instruments.all() if item.kind == "future" and not item.inverse)
    with pytest.raises(Unsupported, match="deliveries"):
        trading.deliveries(dated, 0)


def test_a_transfer_is_signed_and_keeps_its_fee_apart():
    row = {
        "id": "7", "txid": "0x", "timestamp": 5, "status": "ok", "currency": "XRP", "amount": "28.75",
        "fee": {"currency": "XRP", "cost": "0.25"},
    }  # fmt: skip
    moved = read_transfer(row, "somewhere", WITHDRAWAL)
    assert moved == ("somewhere", "7", 5, WITHDRAWAL, "XRP", Decimal("-28.75"), Decimal("0.25"))
    assert read_transfer({**row, "id": None, "fee": None}, "somewhere", DEPOSIT) == (
        "somewhere", "0x", 5, DEPOSIT, "XRP", Decimal("28.75"), None,
    )  # fmt: skip
    assert read_transfer({**row, "status": "pending"}, "somewhere", DEPOSIT) is None
    with pytest.raises(ValueError, match="without id"):
        read_transfer({**row, "id": None, "txid": ""}, "somewhere", DEPOSIT)


# --- pages ---


def rows(*moments: int) -> list[dict[str, Any]]:
    return [{"id": str(place), "timestamp": moment} for place, moment in enumerate(moments)]


def test_a_page_that_ends_within_a_millisecond_is_not_called_complete_for_it():
    all_of_them = rows(*(BEGAN + at for at in (1, 2, 3, 3, 4)))

    def ask(start_ms: int) -> list[Any]:
        return [row for row in all_of_them if row["timestamp"] >= start_ms][:3]

    pages = pages_forward(ask, BEGAN, BEGAN + 9, page=3)
    told = [(until - BEGAN, [row["timestamp"] - BEGAN for row in page]) for until, page in pages]
    assert told == [(2, [1, 2]), (3, [3, 3]), (9, [4])]
    with pytest.raises(BadAnswer):
        list(pages_forward(lambda _: rows(*[BEGAN] * 3), BEGAN, BEGAN, page=3))


def test_a_page_that_is_not_full_is_believed_for_a_week_only():
    moments = [BEGAN, BEGAN + 15 * DAY_MS]
    asked = []

    def by_the_week(start_ms: int) -> list[Any]:
        asked.append((start_ms - BEGAN) // DAY_MS)
        return rows(*(at for at in moments if start_ms <= at < start_ms + 7 * DAY_MS))

    pages = pages_forward(by_the_week, BEGAN, BEGAN + 20 * DAY_MS, page=3)
    assert [row["timestamp"] for _, page in pages for row in page] == moments
    assert asked == [0, 7, 14]
    whole = list(pages_forward(lambda start: rows(*moments), BEGAN, BEGAN + 20 * DAY_MS, page=3))
    assert [(until, len(page)) for until, page in whole] == [(BEGAN + 20 * DAY_MS, 2)]


def test_spans_come_in_order_with_the_moment_that_they_are_complete_until():
    all_of_them = rows(1, 2, 3, 3, 4, 25)

    def ask(first_ms: int, last_ms: int) -> list[Any]:
        return [row for row in all_of_them if first_ms <= row["timestamp"] <= last_ms][-3:]

    told = [
        (until, [row["timestamp"] for row in found])
        for until, found in row_spans(ask, 0, 29, step_ms=10, page=3)
    ]  # fmt: skip
    assert [moment for _, found in told for moment in found] == [1, 2, 3, 3, 4, 25]
    assert [until for until, _ in told] == sorted(until for until, _ in told)
    assert told[-1] == (29, [25])
    assert rows_by_span(ask, 0, 29, step_ms=10, page=3) == all_of_them


# --- closes ---


@pytest.mark.parametrize("name", VENUES)
def test_every_venue_tells_the_closes_of_minutes_in_the_past(name, venues, tmp_path, sim, monkeypatch):
    monkeypatch.setenv("CROSSBOOK_HOME", str(venues.home))
    connector = once(venues, name, tmp_path)
    item = venues.cache.find(name, "BTC/USDC")
    since_ms = (now_ms() // MINUTE_MS - 2000) * MINUTE_MS
    minutes = connector.candle_page + 20
    found = connector.fetch_closes(item, since_ms - 1, since_ms + minutes * MINUTE_MS - 1)
    assert list(found) == [since_ms + place * MINUTE_MS for place in range(minutes)]
    assert all(isinstance(price, Decimal) and 10_000 < price < 1_000_000 for price in found.values())
    assert connector.fetch_closes(item, since_ms, since_ms) == {since_ms: found[since_ms]}
    assert connector.fetch_closes(item, since_ms + 1, since_ms + 2) == {}


def test_what_a_venue_answers_beyond_the_window_is_left_out():
    asked = []

    def ask(start_ms: int, wanted: int) -> dict[int, Decimal]:
        asked.append((start_ms, wanted))
        return {start_ms + place * MINUTE_MS: Decimal(place + 1) for place in range(-1, wanted + 1)}

    found = collect(1, 4 * MINUTE_MS, 3, ask)
    assert asked == [(MINUTE_MS, 3), (4 * MINUTE_MS, 1)]
    assert list(found) == [place * MINUTE_MS for place in (1, 2, 3, 4)]
    assert found[4 * MINUTE_MS] == 1


def test_a_minute_without_a_price_is_absent():
    assert read_closes([[0, "1", "1", "1", "2", "0"], [MINUTE_MS, None, None, None, None, "0"]]) == {0: Decimal(2)}


@pytest.mark.parametrize(
    "wrong",
    [{"side": None}, {"side": "long"}, {"amount": "0"}, {"amount": "-1"}, {"timestamp": 10**17}, {"timestamp": None}],
)
def test_a_trade_that_does_not_say_what_it_was_is_refused(wrong):
    item = Instrument("somewhere", SPOT, "BTCUSDT", "spot", "BTC", "USDT", None, "BTC")
    row = {"id": "7", "side": "buy", "amount": "1", "price": "2", "timestamp": BEGAN}
    assert read_fill(row, item).side == BUY
    with pytest.raises(ValueError):
        read_fill({**row, **wrong}, item)
