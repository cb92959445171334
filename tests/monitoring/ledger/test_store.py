"""The ledger: each entry once, nothing changed, and its errors in one sentence."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.exit_codes import ExitCode
from domain.instruments import FUTURE, Instrument
from domain.orders import SELL
from monitoring.accounting.entries import Opening
from monitoring.ledger.rows import BLIND, CONTRADICTION, RATE, Anchor
from monitoring.ledger.schema import VERSION
from monitoring.ledger.store import Cursor, Gap, KnownRate, Ledger, LedgerError
from tests.monitoring.ledger.entries import NOON_MS, D, delivery, fill, payment, transfer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger" / "sim.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path) as opened:
        yield opened


def test_every_kind_of_entry_comes_back_as_it_went_in(ledger: Ledger) -> None:
    fills = [
        fill("1"),
        fill("2", side=SELL, maker=True, fee="-0.00000001", price="0.000000001234"),
        fill("3", order_id=None, client_id="ours", fee=None, fee_currency=None, maker=None),
    ]
    assert ledger.add_fills(fills) == 3
    assert ledger.add_payments([payment("p"), payment("q", rate=None)]) == 2
    assert ledger.add_deliveries([delivery("d"), delivery("e", amount=D("-3.5"))]) == 2
    assert ledger.add_transfers([transfer("t"), transfer("u", "-10", fee=D("0.1"))]) == 2
    assert list(ledger.fills()) == fills
    assert list(ledger.payments()) == [payment("p"), payment("q", rate=None)]
    assert list(ledger.deliveries()) == [delivery("d"), delivery("e", amount=D("-3.5"))]
    assert list(ledger.transfers()) == [transfer("t"), transfer("u", "-10", fee=D("0.1"))]


def test_what_is_told_again_is_not_counted_again(ledger: Ledger) -> None:
    for expected in (1, 0):
        assert ledger.add_fills([fill("1")], "journal" if expected else "venue") == expected
        assert ledger.add_payments([payment("p")]) == expected
        assert ledger.add_deliveries([delivery("d")]) == expected
        assert ledger.add_transfers([transfer("t")]) == expected
        assert ledger.add_rates([KnownRate("okx", "OKB", "USDT", NOON_MS, D("50.5"), "OKB/USDT close")]) == expected
    assert ledger.gaps() == []


def test_the_same_trade_id_in_another_symbol_or_venue_is_another_trade(ledger: Ledger) -> None:
    assert ledger.add_fills([fill("1"), fill("1", symbol="ETH/USDT"), fill("1", venue="bybit")]) == 3
    assert [item.venue for item in ledger.fills(symbol="BTC/USDT")] == ["okx", "bybit"]
    assert [item.symbol for item in ledger.fills(venue="okx")] == ["BTC/USDT", "ETH/USDT"]
    assert list(ledger.fills("okx", "ETH/USDT", NOON_MS + 1)) == []


def test_what_was_absent_is_completed_and_what_is_there_stays(ledger: Ledger) -> None:
    ledger.add_fills([fill("1", order_id=None, fee=None, fee_currency=None, maker=None)], "journal")
    full = fill("1", client_id="ours")
    assert ledger.add_fills([full]) == 0
    assert list(ledger.fills()) == [full]
    ledger.add_fills([fill("1", client_id="another", order_id="o2")])
    assert list(ledger.fills()) == [full]
    ledger.add_transfers([transfer("t")])
    ledger.add_transfers([transfer("t", fee=D(2))])
    ledger.add_transfers([transfer("t", fee=D(3))])
    assert [item.fee for item in ledger.transfers()] == [D(2)]


@pytest.mark.parametrize("change", [{"price": "61000"}, {"size": "1"}, {"fee": "31"}])
def test_a_trade_told_twice_differently_keeps_what_was_told_first_and_is_a_gap(
    ledger: Ledger, change: dict[str, str]
) -> None:
    ledger.add_fills([fill("1")])
    assert ledger.add_fills([fill("1", **change)]) == 0
    assert list(ledger.fills()) == [fill("1")]
    assert [(gap.kind, gap.symbol) for gap in ledger.gaps("okx")] == [(CONTRADICTION, "BTC/USDT")]


def test_both_sides_of_a_trade_with_oneself_are_kept_each_once(ledger: Ledger) -> None:
    sides = [fill("1"), fill("1", side=SELL)]
    assert ledger.add_fills(sides) == 2
    assert ledger.add_fills(sides) == 0
    assert list(ledger.fills()) == sides
    assert ledger.gaps("okx") == []


def test_fills_come_by_time_and_then_in_the_order_they_were_told(ledger: Ledger) -> None:
    ledger.add_fills([fill("late", time_ms=NOON_MS + 2), fill("b"), fill("a"), fill("early", time_ms=NOON_MS - 1)])
    assert [item.trade_id for item in ledger.fills()] == ["early", "b", "a", "late"]


def test_the_cursor_moves_with_its_entries_or_not_at_all(ledger: Ledger) -> None:
    ledger.add_fills([fill("1")], cursor=Cursor("okx", "fills", "BTC/USDT", NOON_MS, NOON_MS - 1000))
    broken = [fill("2"), fill(None)]
    with pytest.raises(LedgerError):
        ledger.add_fills(broken, cursor=Cursor("okx", "fills", "BTC/USDT", NOON_MS + 9, NOON_MS))
    assert [item.trade_id for item in ledger.fills()] == ["1"]
    assert ledger.cursor("okx", "fills", "BTC/USDT") == NOON_MS
    assert ledger.cursor("okx", "fills", "ETH/USDT") is None


def test_an_older_stretch_is_kept_beside_until_it_joins(ledger: Ledger) -> None:
    def read(from_ms: int, until_ms: int) -> list[tuple[int, int]]:
        ledger.add_transfers([], Cursor("okx", "transfers", "", until_ms, from_ms))
        return [tuple(item) for item in ledger.covered("okx", "transfers", "")]

    assert read(500, 900) == [(500, 900)]
    assert read(100, 200) == [(100, 200), (500, 900)]
    assert ledger.cursor("okx", "transfers", "") == 900
    assert read(100, 499) == [(100, 900)]


def test_entries_from_before_the_opening_are_hidden_until_it_moves(ledger: Ledger) -> None:
    old, new = fill("old", time_ms=NOON_MS - 10), fill("new")
    ledger.add_fills([old, new, fill("other", venue="bybit", time_ms=NOON_MS - 10)])
    ledger.add_payments([payment("p", time_ms=NOON_MS - 10)])
    before = Opening("okx", "BTC/USDT:USDT", NOON_MS - 1, D(-2), D("60000.5"))
    assert ledger.set_opening("okx", [before], {"USDT": D("99.5")}, NOON_MS)
    assert ledger.openings() == [before]
    assert ledger.opening_balances() == {("okx", "USDT"): D("99.5")}
    assert ledger.opened_ms("okx") == NOON_MS
    assert ledger.opened_ms("bybit") is None
    assert [item.trade_id for item in ledger.fills()] == ["other", "new"]
    assert list(ledger.fills("okx", hidden=True)) == [old, new]
    assert list(ledger.payments()) == []
    assert not ledger.set_opening("okx", [], {}, NOON_MS - 10)
    assert ledger.openings() == [before]
    assert ledger.set_opening("okx", [before._replace(size=D(-3), entry_price=None)], {}, NOON_MS - 10, again=True)
    assert list(ledger.fills("okx")) == [old, new]
    assert ledger.openings()[0].entry_price is None


def test_what_a_venue_said_at_first_is_kept_for_ever(ledger: Ledger) -> None:
    anchor = Anchor("okx", NOON_MS, {"BTC/USDT:USDT": (D(-2), D("60000.5"))}, {"USDT": D("99.5")})
    assert ledger.set_anchor(anchor)
    assert not ledger.set_anchor(anchor._replace(at_ms=1))
    assert ledger.anchor("okx") == anchor


def test_gaps_grow_longer_and_are_replaced_where_they_were_read_again(ledger: Ledger) -> None:
    blind = Gap("okx", None, BLIND, "okx lists trades by symbol only.", 100, 200)
    ledger.add_gap(blind)
    ledger.add_gap(blind._replace(since_ms=150, until_ms=300))
    assert ledger.gaps() == [blind._replace(until_ms=300)]
    rate = Gap("okx", None, RATE, "no rate", 100, 100)
    ledger.add_gap(rate)
    ledger.replace_gaps("okx", [], [BLIND], 101)
    assert len(ledger.gaps("okx")) == 2
    ledger.replace_gaps("okx", [], [BLIND], 100)
    assert ledger.gaps("okx") == [rate]


def test_an_instrument_is_kept_as_it_was_last_described(ledger: Ledger) -> None:
    future = Instrument(
        "okx", "BTC/USD:BTC-261225", "BTC-USD-261225", FUTURE, "BTC", "USD", "BTC", "BTC", inverse=True,
        unit_size=D(100), contract_size=D(100), tick_size=D("0.1"), expiry_ms=NOON_MS, product="FUTURES",
    )  # fmt: skip
    ledger.add_instruments([future])
    ledger.add_instruments([future])
    assert ledger.instruments() == {("okx", "BTC/USD:BTC-261225"): future}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM fills",
        "UPDATE fills SET price = '1'",
        "UPDATE fills SET fee = '1'",
        "UPDATE payments SET amount = '9'",
    ],
)
def test_the_file_itself_refuses_changes(ledger: Ledger, path: Path, statement: str) -> None:
    ledger.add_fills([fill("1")])
    ledger.add_payments([payment("p")])
    raw = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(statement)
    raw.close()


def test_two_processes_may_write_at_once(ledger: Ledger, path: Path) -> None:
    with Ledger.open(path) as other:
        other.add_fills([fill("1"), fill("2")])
        assert ledger.add_fills([fill("2"), fill("3")]) == 1
        assert [item.trade_id for item in other.fills()] == ["1", "2", "3"]


def test_only_its_owner_can_read_it(ledger: Ledger, path: Path) -> None:
    ledger.add_fills([fill("1")])
    assert {item.stat().st_mode & 0o077 for item in (path.parent, *path.parent.iterdir())} == {0}


def test_a_newer_version_is_refused_in_one_sentence(ledger: Ledger, path: Path) -> None:
    ledger.close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version={VERSION + 1}")
    raw.close()
    with pytest.raises(LedgerError, match="newer version") as caught:
        Ledger.open(path)
    assert caught.value.exit_code is ExitCode.CONFIGURATION


def test_something_else_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE mine (a)")
    raw.close()
    content = path.read_bytes()
    with pytest.raises(LedgerError, match="is not a ledger"):
        Ledger.open(path)
    assert path.read_bytes() == content


def test_a_damaged_file_is_refused_in_one_sentence(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but longer than a header is " * 100)
    with pytest.raises(LedgerError, match="is damaged"):
        Ledger.open(path)


def test_damage_found_while_reading_is_told_as_such(ledger: Ledger, path: Path) -> None:
    ledger.add_fills([fill(str(number)) for number in range(3_000)])
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size - 8192))
    with pytest.raises(LedgerError, match="is damaged"), Ledger.open(path) as opened:
        list(opened.fills())


def test_a_full_disk_writes_nothing_and_says_so(ledger: Ledger) -> None:
    ledger.add_fills([fill("1")])
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(LedgerError, match="The disk is full"):
        ledger.add_fills([fill(str(number)) for number in range(5_000)])
    assert [item.trade_id for item in ledger.fills()] == ["1"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o500)
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger.open(path)


def test_a_read_only_file_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(path).close()
    with Ledger.open(path) as opened:
        opened._connection.execute("PRAGMA query_only=ON")  # what SQLite answers then is what a read-only file answers
        with pytest.raises(LedgerError, match="cannot be used: attempt to write a readonly database"):
            opened.add_fills([fill("1")])
