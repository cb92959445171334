"""Reading a venue's history: gone on with after an end in the middle, once each, and what was there before."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import monitoring.syncing
from connectors.trading import FillSpan, Traded, TradingRules
from domain.errors import BadAnswer, Unsupported
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.orders import SELL, Balance, Position
from domain.time import MS_PER_DAY, MS_PER_HOUR
from monitoring.ledger.rows import BLIND, BUSY, RATE, UNLISTED, UNSUPPORTED, KnownRate
from monitoring.ledger.store import Ledger
from monitoring.syncing import Synced, sync
from tests.monitoring.ledger.entries import NOON_MS, D, delivery, fill, payment, transfer
from tests.monitoring.scripted import ScriptedTrading, ScriptedVenues

SPOT_PAIR = Instrument("okx", "BTC/USDT", "BTC-USDT", SPOT, "BTC", "USDT", None, "BTC")
SWAP = Instrument("okx", "BTC/USDT:USDT", "BTC-USDT-SWAP", PERPETUAL, "BTC", "USDT", "USDT", "BTC")
FUTURES = Instrument("okx", "BTC/USDT:USDT-261120", "F", FUTURE, "BTC", "USDT", "USDT", "BTC", expiry_ms=NOON_MS)
NOW_MS = NOON_MS + 6 * MS_PER_HOUR
MINUTE_MS = 60_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def okx() -> ScriptedTrading:
    trading = ScriptedTrading("okx", NOW_MS)
    trading.found = Traded((SPOT_PAIR,))
    return trading


def run(
    ledger: Ledger, trading: ScriptedTrading, since_ms: int = NOON_MS, *, again: bool = False, **more: Any
) -> Synced:
    venues = ScriptedVenues({"okx": trading}, [SPOT_PAIR, SWAP, FUTURES], **more)
    return sync(venues, ledger, ["okx"], since_ms, again=again, clock_ms=lambda: trading.now_ms)[0]


def ids(ledger: Ledger) -> list[str]:
    return [item.trade_id for item in ledger.fills()]


def at(hours: float, trade_id: str, **more: Any) -> Any:
    return fill(trade_id, time_ms=int(NOON_MS + hours * MS_PER_HOUR), **more)


# --- reading on ------------------------------------------------------------------------------------------------------


def test_what_was_read_before_the_line_was_cut_is_kept_and_not_asked_for_again(
    ledger: Ledger, okx: ScriptedTrading
) -> None:
    okx.listed = [at(0.5, "a"), at(1.5, "b"), at(2.5, "c")]
    okx.fails_after = 2
    cut = run(ledger, okx)
    assert cut.error is not None
    assert (cut.new["fills"], ids(ledger)) == (2, ["a", "b"])
    assert ledger.synced_ms("okx") is None
    assert ledger.anchor("okx") is None
    okx.fails_after = None
    whole = run(ledger, okx)
    assert whole.error is None
    assert (whole.new["fills"], ids(ledger)) == (1, ["a", "b", "c"])
    overlap_ms = 10 * MINUTE_MS
    assert okx.asked[1] == ("fills", "BTC/USDT", NOON_MS + 2 * MS_PER_HOUR - overlap_ms)
    assert ledger.synced_ms("okx") == NOW_MS


def test_a_second_run_finds_nothing_new(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.found = Traded((SWAP,))
    okx.listed = [at(1, "a", symbol=SWAP.symbol)]
    okx.paid, okx.moved = [payment("p")], [transfer("t")]
    okx.held = [[Position("okx", SWAP.symbol, D("0.5"), D(60_000))]]
    assert run(ledger, okx).new == {"fills": 1, "funding": 1, "transfers": 1, "rates": 0}
    assert set(run(ledger, okx).new.values()) == {0}


def test_a_wider_span_reads_the_older_part_and_the_end(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.listed = [at(-3, "old"), at(1, "a")]
    run(ledger, okx)
    okx.asked.clear()
    okx.spans = 0
    okx.listed.append(at(5.99, "new"))
    assert run(ledger, okx, NOON_MS - 4 * MS_PER_HOUR).new["fills"] == 2
    assert ids(ledger) == ["old", "a", "new"]
    # Both from their own beginnings; of the older part no more than was missing.
    end_ms = NOW_MS - okx.rules.settling_ms
    assert [moment for _, _, moment in okx.asked] == [NOON_MS - 4 * MS_PER_HOUR, end_ms - 10 * MINUTE_MS + 1]
    assert okx.spans == 4 + 1
    assert [tuple(item) for item in ledger.covered("okx", "fills", "BTC/USDT")] == [(NOON_MS - 4 * MS_PER_HOUR, end_ms)]


def test_an_older_part_that_was_cut_is_gone_on_with(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.listed = [at(-3.5, "x"), at(-1.5, "y"), at(1, "a")]
    run(ledger, okx)
    okx.spans, okx.fails_after = 0, 2
    assert run(ledger, okx, NOON_MS - 4 * MS_PER_HOUR).error is not None
    assert ids(ledger) == ["a"]  # what was there before is as it was, until the older part is whole
    okx.fails_after = None
    okx.asked.clear()
    assert run(ledger, okx, NOON_MS - 4 * MS_PER_HOUR).error is None
    assert okx.asked[0] == ("fills", "BTC/USDT", NOON_MS - 2 * MS_PER_HOUR)
    assert ids(ledger) == ["x", "y", "a"]


def test_a_trade_that_a_list_lacked_at_first_is_found_by_the_next_run(ledger: Ledger, okx: ScriptedTrading) -> None:
    run(ledger, okx)
    okx.now_ms += 5 * MINUTE_MS
    okx.listed = [fill("late", time_ms=NOW_MS - 3 * MINUTE_MS)]
    assert run(ledger, okx).new["fills"] == 1


def test_a_trade_that_was_listed_hours_late_is_found_when_everything_is_read_again(
    ledger: Ledger, okx: ScriptedTrading
) -> None:
    run(ledger, okx)
    okx.now_ms += 3 * MS_PER_HOUR
    okx.listed = [fill("late", time_ms=NOON_MS + MINUTE_MS)]
    assert run(ledger, okx).new.get("fills", 0) == 0
    assert run(ledger, okx, again=True).new["fills"] == 1
    assert ids(ledger) == ["late"]


def test_symbols_come_from_the_venue_the_ledger_open_positions_and_the_user(
    ledger: Ledger, okx: ScriptedTrading
) -> None:
    ledger.add_fills([at(0.1, "j")], "journal")
    okx.found = Traded((), blind="okx lists trades by symbol only.")
    okx.held = [[Position("okx", SWAP.symbol, D(1), D(60_000))]]
    okx.cash = [[Balance("okx", "USDT", None, None, D(5))]]
    assert run(ledger, okx).symbols == ["BTC/USDT", "BTC/USDT:USDT"]
    assert [gap.kind for gap in ledger.gaps()] == [BLIND]


# --- what is missing -------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_a_gap_and_no_failure(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.found = Traded((SPOT_PAIR, FUTURES), unlisted=("GONE-USDT",), blind="okx keeps three months.")

    def nothing(*_: Any) -> Any:
        raise Unsupported("okx has no such history.", venue="okx")

    okx.transfers = okx.deliveries = nothing  # type: ignore[method-assign]
    done = run(ledger, okx)
    assert done.error is None
    assert {(gap.kind, gap.symbol) for gap in done.gaps} == {
        (BLIND, None),
        (UNLISTED, "GONE-USDT"),
        (UNSUPPORTED, None),
    }
    del okx.transfers, okx.deliveries
    okx.found = Traded((SPOT_PAIR,))
    assert run(ledger, okx).gaps == []


def test_what_is_traded_by_the_journal_and_listed_no_more_is_a_gap(ledger: Ledger, okx: ScriptedTrading) -> None:
    ledger.add_fills([at(0.1, "j", symbol="GONE/USDT")], "journal")
    assert [(gap.kind, gap.symbol) for gap in run(ledger, okx).gaps] == [(UNLISTED, "GONE/USDT")]


def test_one_venues_failure_does_not_fail_another(ledger: Ledger, okx: ScriptedTrading) -> None:
    other = ScriptedTrading("bybit", NOW_MS)
    other.fails_after = 0
    pair = replace(SPOT_PAIR, venue="bybit")
    other.found = Traded((pair,))
    venues = ScriptedVenues({"okx": okx, "bybit": other}, [SPOT_PAIR, pair])
    first, second = sync(venues, ledger, ["okx", "bybit"], NOON_MS, clock_ms=lambda: NOW_MS)
    assert first.error is None
    assert second.error is not None
    assert (ledger.synced_ms("okx"), ledger.synced_ms("bybit")) == (NOW_MS, None)


@pytest.mark.parametrize(
    "bad",
    [
        {"time_ms": 10**19}, {"time_ms": NOW_MS * 1000}, {"time_ms": 0},
        {"side": "None"}, {"size": "0"}, {"size": "-1"},
    ],
)  # fmt: skip
def test_a_trade_that_cannot_be_is_never_kept(ledger: Ledger, okx: ScriptedTrading, bad: dict[str, Any]) -> None:
    okx.fill_spans = lambda *_: iter([FillSpan(NOW_MS, [fill("bad", **bad)])])  # type: ignore[method-assign]
    assert isinstance(run(ledger, okx).error, BadAnswer)
    assert ids(ledger) == []
    assert ledger.synced_ms("okx") is None


def test_an_answer_that_a_connector_stumbles_over_fails_its_venue_only(ledger: Ledger, okx: ScriptedTrading) -> None:
    def stumble(since_ms: int) -> Traded:
        raise KeyError("symbol")

    other = ScriptedTrading("bybit", NOW_MS)
    other.traded = stumble  # type: ignore[method-assign]
    venues = ScriptedVenues({"okx": okx, "bybit": other}, [SPOT_PAIR])
    first, second = sync(venues, ledger, ["okx", "bybit"], NOON_MS, clock_ms=lambda: NOW_MS)
    assert first.error is None
    assert isinstance(second.error, BadAnswer)
    assert "KeyError('symbol')" in second.error.message


# --- what was there before -------------------------------------------------------------------------------------------


def test_what_was_there_before_is_what_the_trades_do_not_explain(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.found = Traded((SWAP,))
    swap = {"symbol": SWAP.symbol, "fee": "1"}
    okx.listed = [at(1, "a", **swap, price="62000", size="1"), at(2, "b", **swap, side=SELL, price="63000", size="0.5")]
    okx.paid, okx.moved = [payment("p", "-2")], [transfer("t", "100")]
    average = (2 * D(60_000) + 62_000) / 3
    okx.held = [[Position("okx", SWAP.symbol, D("2.5"), average)]]
    okx.cash = [
        [Balance("okx", "USDT", None, None, D(5_000), "a"), Balance("okx", "USDT", None, None, D(9), "b", D(4))]
    ]
    done = run(ledger, okx)
    assert (done.opened, done.opened_ms) == (True, NOON_MS)
    (opening,) = ledger.openings()
    assert (opening.size, opening.time_ms) == (D(2), NOON_MS - 1)
    assert opening.entry_price is not None
    assert round(opening.entry_price, 8) == 60_000
    earned = (D(63_000) - average) / 2
    assert round(ledger.opening_balances()["okx", "USDT"], 8) == round(5_005 - (earned - 2 - 2 + 100), 8)
    assert not run(ledger, okx).opened


def test_a_position_that_no_trade_explains_has_the_venues_entry_price(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.held = [[Position("okx", SWAP.symbol, D(-3), D("59999.5"))]]
    run(ledger, okx)
    assert [(item.size, item.entry_price) for item in ledger.openings()] == [(D(-3), D("59999.5"))]


def test_a_delivery_was_a_position_before(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.found = Traded((FUTURES,))
    okx.delivered = [delivery("d", amount=D(500))]
    run(ledger, okx, NOON_MS - MS_PER_DAY)
    assert [(item.symbol, item.size, item.entry_price) for item in ledger.openings()] == [
        (FUTURES.symbol, D("0.5"), None)
    ]


def test_a_longer_history_moves_what_was_there_before(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.found = Traded((SWAP,))
    old = at(-3, "old", symbol=SWAP.symbol, price="60000", size="2", fee="7")
    okx.listed = [old]
    okx.held = [[Position("okx", SWAP.symbol, D(2), D(60_000))]]
    okx.cash = [[Balance("okx", "USDT", None, None, D(1_000))]]
    run(ledger, okx)
    assert [item.size for item in ledger.openings()] == [D(2)]
    assert ledger.opening_balances() == {("okx", "USDT"): D(1_000)}
    okx.held, okx.cash = [[]], [[]]  # only what was said at first counts
    done = run(ledger, okx, NOON_MS - 4 * MS_PER_HOUR)
    assert (done.opened, done.opened_ms) == (True, NOON_MS - 4 * MS_PER_HOUR)
    assert ledger.openings() == []
    assert ledger.opening_balances() == {("okx", "USDT"): D(1_007)}
    assert list(ledger.fills()) == [old]


def test_what_another_process_adds_meanwhile_is_in_what_was_there_before(
    ledger: Ledger, okx: ScriptedTrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    okx.found = Traded((SWAP,))
    okx.held = [[Position("okx", SWAP.symbol, D(2), D(60_000))]]
    told = Ledger.set_opening
    older = [at(-3, "old", symbol=SWAP.symbol, price="60000", size="2", fee="0")]

    def meanwhile(*given: Any, **more: Any) -> bool:
        if older:
            ledger.add_fills([older.pop()])
        return told(*given, **more)

    monkeypatch.setattr(Ledger, "set_opening", meanwhile)
    run(ledger, okx)
    assert (ledger.openings(), ids(ledger)) == ([], ["old"])


def test_an_account_that_trades_meanwhile_is_read_again(
    ledger: Ledger, okx: ScriptedTrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring.syncing, "QUIET_MS", 0)
    one, two = ([Balance("okx", "USDT", None, None, D(amount))] for amount in (1, 2))
    okx.cash = [one, two, two, two]
    assert run(ledger, okx).opened
    assert ledger.opening_balances() == {("okx", "USDT"): D(2)}


def test_an_account_that_never_stands_still_is_opened_by_a_later_run(
    ledger: Ledger, okx: ScriptedTrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring.syncing, "QUIET_MS", 0)
    okx.listed = [at(1, "a")]
    okx.cash = [[Balance("okx", "USDT", None, None, D(number))] for number in range(9)]
    done = run(ledger, okx)
    assert (done.error, done.opened, ids(ledger)) == (None, False, ["a"])
    assert [gap.kind for gap in done.gaps] == [BUSY]
    okx.cash = [[Balance("okx", "USDT", None, None, D(9))]]
    done = run(ledger, okx, NOON_MS + MINUTE_MS)
    assert (done.opened, done.gaps) == (True, [])


def test_spot_that_a_venue_holds_as_positions_is_kept_as_such(ledger: Ledger, okx: ScriptedTrading) -> None:
    okx.rules = TradingRules(types={}, tifs={}, reduce_only=frozenset({SPOT}))
    run(ledger, okx)
    assert ledger.instruments()["okx", "BTC/USDT"].settle == "USDT"


# --- fees in a third currency ----------------------------------------------------------------------------------------


def rated(ledger: Ledger, okx: ScriptedTrading, *symbols: str, **closes: Any) -> tuple[Synced, list[KnownRate]]:
    """Sync a trade whose fee is in OKB, with these markets at the venue."""
    okx.listed = [at(1, "a", fee="0.5", fee_currency="OKB")]
    markets = [
        Instrument("okx", text, text, SPOT, *text.split("/"), None, text.split("/")[0])  # type: ignore[arg-type]
        for text in symbols
    ]
    venues = ScriptedVenues(
        {"okx": okx}, [SPOT_PAIR, *markets], closes={k.replace("_", "/"): v for k, v in closes.items()}
    )
    (done,) = sync(venues, ledger, ["okx"], NOON_MS, clock_ms=lambda: NOW_MS)
    return done, [KnownRate(*key, rate, "") for key, rate in ledger.rates().items()]


HOUR_LATER = NOON_MS + MS_PER_HOUR


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ({"OKB_USDT": {HOUR_LATER: D("50.5"), HOUR_LATER - MINUTE_MS: D(1)}}, D("50.5")),
        ({"OKB_USDT": {HOUR_LATER - 5 * MINUTE_MS: D(49)}}, D(49)),
        ({"USDT_OKB": {HOUR_LATER: D("0.02")}}, D(50)),
    ],
    ids=["direct", "last price before", "inverted"],
)
def test_a_fee_in_a_third_currency_is_valued_at_its_minute(
    ledger: Ledger, okx: ScriptedTrading, closes: Any, expected: Any
) -> None:
    done, rates = rated(ledger, okx, *(name.replace("_", "/") for name in closes), **closes)
    assert rates == [KnownRate("okx", "OKB", "USDT", HOUR_LATER, expected, "")]
    assert (done.new["rates"], done.gaps) == (1, [])


def test_a_rate_may_lead_over_the_usual_dollar(ledger: Ledger, okx: ScriptedTrading) -> None:
    euro = replace(SPOT_PAIR, symbol="BTC/EUR", quote="EUR")
    okx.found = Traded((euro,))
    okx.listed = [at(1, "a", symbol="BTC/EUR", fee="0.5", fee_currency="OKB")]
    markets = [replace(SPOT_PAIR, symbol=f"{base}/USDT", base=base) for base in ("OKB", "EUR")]
    closes = {"OKB/USDT": {HOUR_LATER: D(55)}, "EUR/USDT": {HOUR_LATER: D("1.1")}}
    venues = ScriptedVenues({"okx": okx}, [euro, *markets], closes=closes)
    sync(venues, ledger, ["okx"], NOON_MS, clock_ms=lambda: NOW_MS)
    assert ledger.rates()["okx", "OKB", "EUR", HOUR_LATER].quantize(D("1E-12")) == 50
    assert ledger.rate_sources()["okx", "OKB", "EUR"] == "OKB/USDT close, EUR/USDT close"


def test_a_rate_that_nobody_tells_is_a_gap_until_it_is_found(ledger: Ledger, okx: ScriptedTrading) -> None:
    done, rates = rated(ledger, okx)
    assert rates == []
    assert [gap.kind for gap in done.gaps] == [RATE]
    assert "OKB" in done.gaps[0].text
    done, rates = rated(ledger, okx, "OKB/USDT", OKB_USDT={HOUR_LATER: D(50)})
    assert (len(rates), done.gaps) == (1, [])


def test_a_market_that_gives_no_answer_leaves_the_venue_unread(
    ledger: Ledger, okx: ScriptedTrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise BadAnswer("garbage", venue="okx")

    monkeypatch.setattr("tests.monitoring.scripted.ScriptedCloses.fetch_closes", broken)
    done, _ = rated(ledger, okx, "OKB/USDT")
    assert done.error is not None
    assert ledger.synced_ms("okx") is None
