"""`position sync` as users run it: every venue's history in the ledger, once, whoever made it and however it ended."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from commands.ledger_access import open_ledger, take_in
from domain.instruments import FUTURE
from domain.orders import BUY, MARKET, SELL, OrderSpec
from monitoring.ledger.path import ledger_path
from monitoring.ledger.store import Ledger
from order_management.client_ids import new_client_id
from order_management.journal import Journal
from tests.commands.clirun import ROOT, Done, crossbook
from tests.connectors.opened import at_home
from tests.monitoring.ledger.entries import D, fill
from tests.order_management.desks import SPOT, SWAP, VENUES, afford_much, open_desk, place, place_elsewhere
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

FUNDED = ("binance", "okx", "bybit", "kucoin")
"""Venues that pay funding at set times; Deribit's is continuous, which shows at the next trade."""


@pytest.fixture
def accounts(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    yield warm
    warm.reset_accounts()  # what was let expire is traded again


def synced(*arguments: str) -> Done:
    return crossbook("position", "sync", *arguments, "--env", "sim", "--json")


def by_venue(done: Done) -> dict[str, dict[str, Any]]:
    return {row["venue"]: row for row in done.json["venues"]}


def ledger_file(sim: Any, home: Path) -> Path:
    with at_home(home):
        return ledger_path(f"sim/{sim.state['universe']}")


def content(path: Path) -> dict[str, Any]:
    """Give all that the ledger has, but for when it was read."""
    with Ledger.open(path) as ledger:
        return {
            "fills": sorted(ledger.fills(), key=lambda item: (item.venue, item.symbol, item.trade_id)),
            "payments": sorted(ledger.payments()),
            "transfers": sorted(ledger.transfers()),
            "openings": [(item.venue, item.symbol, item.size, item.entry_price) for item in ledger.openings()],
            "cash": ledger.opening_balances(),
            "instruments": ledger.instruments(),
        }


def test_every_venue_tells_what_was_traded_paid_and_deposited_and_a_second_run_finds_nothing_new(
    accounts: Any, home: Path
) -> None:
    with open_desk(home, [*VENUES]) as desk:
        for venue in VENUES:
            place_elsewhere(desk, venue, SWAP[venue], "0.1")
            place_elsewhere(desk, venue, SPOT[venue], "0.02")
            if venue in FUNDED:
                swap = desk.instrument(venue, SWAP[venue])
                accounts.settle_funding(venue, swap.native_id, swap.product)
    first = synced()
    assert first.code == 0, (first.out, first.err)
    rows = by_venue(first)
    assert len(rows) == 6
    for venue in VENUES:
        assert {SWAP[venue], SPOT[venue]} <= set(rows[venue]["symbols"])
        assert rows[venue]["new"]["fills"] >= 2
        assert rows[venue]["new"]["transfers"] > 0
        assert rows[venue]["opening_taken"]
    for venue in FUNDED:
        assert rows[venue]["new"]["funding"] == 1
    kept = content(ledger_file(accounts, home))
    assert kept["openings"] == []
    # What was there before the trades was deposited, so nothing is left that history does not explain.
    before = {key: cash for key, cash in kept["cash"].items() if key[0] in VENUES and key[1] in ("BTC", "USDT", "USDC")}
    assert len(before) == 3 * len(VENUES)
    assert max(map(abs, before.values())) <= D("1E-8")
    second = synced()
    assert second.code == 0
    for row in second.json["venues"]:
        assert set(row["new"].values()) == {0}
        assert not row["opening_taken"]
    assert content(ledger_file(accounts, home)) == kept


def test_a_trade_in_the_journal_and_at_the_venue_is_one_trade(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        ours = place(desk, "okx", SPOT["okx"], BUY, "0.02").record.client_id
        place_elsewhere(desk, "okx", SPOT["okx"], "0.02")
        written = desk.journal.fills()
        with Ledger.open(ledger_file(accounts, home)) as ledger:
            assert take_in(ledger, desk.journal) == len(written) > 0
            assert take_in(ledger, desk.journal) == 0
    done = synced("--venue", "okx")
    assert done.code == 0, (done.out, done.err)
    new = by_venue(done)["okx"]["new"]["fills"]
    with Ledger.open(ledger_file(accounts, home)) as ledger:
        fills = list(ledger.fills())
    assert len(fills) == len(written) + new
    assert {item.trade_id for item in fills if item.client_id == ours} == {item.trade_id for item in written}


def test_a_fee_in_another_coin_is_valued_by_the_venues_own_market(accounts: Any, home: Path) -> None:
    with open_desk(home, ["binance"]) as desk:
        trading: Any = desk.trading("binance")
        with trading.signing() as session:
            session.exchange.sapi_post_bnbburn({"spotBNBBurn": "true"})
            try:
                place_elsewhere(desk, "binance", SPOT["binance"], "0.02")
            finally:
                session.exchange.sapi_post_bnbburn({"spotBNBBurn": "false"})
    done = synced("--venue", "binance")
    assert done.code == 0, (done.out, done.err)
    assert by_venue(done)["binance"]["new"]["rates"] == 1
    with Ledger.open(ledger_file(accounts, home)) as ledger:
        assert {item.fee_currency for item in ledger.fills()} == {"BNB"}
        ((venue, currency, into, _), rate) = next(iter(ledger.rates().items()))
        assert (venue, currency, into) == ("binance", "BNB", "USDT")
        assert D(100) < rate < D(10_000)
        assert ledger.rate_sources()[venue, currency, into].startswith("BNB/USDT close")


@pytest.mark.parametrize("venue", ["okx", "bybit", "deribit"])
def test_what_is_delivered_is_read_and_leaves_no_position(accounts: Any, home: Path, venue: str) -> None:
    with open_desk(home, [venue]) as desk:
        future = next(item for item in desk.venues.cache.all(venue) if item.kind == FUTURE and not item.inverse)
        assert future.lot_size is not None
        place_elsewhere(desk, venue, future.symbol, str(10 * future.lot_size))
    assert synced("--venue", venue).code == 0
    (delivered,) = accounts.expire(venue, future.native_id, future.product)
    row = by_venue(synced("--venue", venue))[venue]
    assert (row["complete"], row["new"]["deliveries"]) == (True, 1)
    with Ledger.open(ledger_file(accounts, home)) as ledger:
        (delivery,) = ledger.deliveries()
        assert (delivery.symbol, delivery.price) == (future.symbol, D(delivered["rate"]))
        assert not ledger.holds(venue, future.symbol)
    done = crossbook("position", "reconcile", "--venue", venue, "--env", "sim", "--json")
    assert (done.code, done.json["differences"]) == (0, [])


def test_one_venue_without_an_answer_is_said_and_the_others_are_read(accounts: Any, home: Path) -> None:
    accounts.set_fault("bybit", "server_error", path="GET /v5/execution/list*")
    done = synced("--venue", "okx", "--venue", "bybit")
    assert done.code == 8, (done.out, done.err)
    rows = by_venue(done)
    assert (rows["okx"]["complete"], rows["bybit"]["complete"]) == (True, False)
    assert rows["bybit"]["message"]
    assert rows["bybit"]["opening_taken"] is False


def test_where_no_venue_answers_the_exit_code_says_why(accounts: Any) -> None:
    accounts.set_fault("okx", "server_error")
    done = synced("--venue", "okx", "--timeout", "3")
    assert done.code == 6, (done.out, done.err)
    assert by_venue(done)["okx"]["error"] == "unavailable"


def test_a_symbol_that_nobody_lists_is_a_mistake_of_the_caller(accounts: Any) -> None:
    done = synced("--venue", "okx", "--symbol", "NOPE/USDT")
    assert (done.code, done.json["error"]) == (2, "unknown_symbol")
    assert synced("--since", "soon").code == 2


def test_a_ledger_of_a_newer_version_ends_with_one_sentence(accounts: Any, home: Path) -> None:
    path = ledger_file(accounts, home)
    Ledger.open(path).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version=99")
    raw.close()
    done = synced("--venue", "okx")
    assert (done.code, done.json["error"]) == (3, "ledger")
    assert "newer version" in done.json["message"]


def test_a_table_shows_each_venue_and_progress_goes_to_stderr(accounts: Any) -> None:
    done = crossbook("position", "sync", "--venue", "okx", "--venue", "deriv", "--env", "sim")
    assert done.code == 0
    assert "Synced [sim]" in done.out
    assert "okx: done: " in done.err
    assert "okx: done: " not in done.out


# --- the journal -----------------------------------------------------------------------------------------------------


def test_the_journals_trades_are_taken_in_when_the_ledger_is_opened(home: Path) -> None:
    with Journal.open(home / "state" / "journal" / "paper.sqlite") as journal:
        journal.record_fills([fill("1"), fill("2", side=SELL)])
        with open_ledger("paper") as ledger:
            assert [item.trade_id for item in ledger.fills()] == ["1", "2"]
        journal.record_fills([fill("3")])
    with open_ledger("paper") as ledger:
        assert [item.trade_id for item in ledger.fills()] == ["1", "2", "3"]


def test_another_journal_in_the_place_of_the_first_is_read_from_its_beginning(home: Path) -> None:
    with open_ledger("paper") as ledger:
        for folder, ids in (("one", ("1", "2", "3")), ("two", ("4", "5")), ("two", ("4", "5", "6", "7"))):
            with Journal.open(home / folder / "paper.sqlite") as journal:
                journal.record_fills([fill(number) for number in ids])
                take_in(ledger, journal)
        assert sorted(item.trade_id for item in ledger.fills()) == [str(number) for number in range(1, 8)]


# --- killed in the middle --------------------------------------------------------------------------------------------

KILLED = ("binance", "deribit")
ORDERS, MANY = 8, 2_000


@pytest.fixture
def many_fills(accounts: Any, home: Path) -> None:
    """Make thousands of fills with orders that go deep into the books, to and fro."""
    with open_desk(home, list(KILLED)) as desk:
        books = [(desk.trading(venue), desk.instrument(venue, of[venue])) for venue in KILLED for of in (SPOT, SWAP)]
        for number in range(ORDERS):
            for trading, instrument in books:
                side = SELL if number % 3 == 2 else BUY
                trading.admit()
                trading.submit(instrument, OrderSpec(new_client_id(), side, MARKET, D("0.7")))


@pytest.fixture
def homes(accounts: Any, home: Path, tmp_path: Path) -> list[Path]:
    """Two more homes that know the same simulator and nothing else."""
    made = [tmp_path / "undisturbed", tmp_path / "killed"]
    for place_ in made:
        (place_ / "state").mkdir(parents=True)
        shutil.copy(home / "state" / "simulator.json", place_ / "state")
        shutil.copy(home / "config.yaml", place_)
        shutil.copytree(home / "cache", place_ / "cache")
    return made


def start(home: Path) -> "subprocess.Popen[bytes]":
    named = [part for venue in KILLED for part in ("--venue", venue)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.commands.small_pages", "position", "sync", *named, "--env", "sim", "--json"],
        cwd=ROOT,
        env={**os.environ, "CROSSBOOK_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def entries(path: Path) -> int:
    """Count the trades that the ledger has, while another process may be making it."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
            return int(reader.execute("SELECT count(*) FROM fills").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_killed_at_any_time_it_ends_with_what_an_undisturbed_run_has(
    accounts: Any, home: Path, many_fills: None, homes: list[Path]
) -> None:
    undisturbed, killed = (ledger_file(accounts, place_) for place_ in homes)
    assert start(homes[0]).wait(60) == 0
    expected = content(undisturbed)
    whole = len(expected["fills"])
    assert whole >= MANY
    dice = random.Random(20261121)
    seen = []
    # Killed as soon as so many trades are there: between pages, symbols and venues; at last when all are there, and
    # what was before them is about to be worked out.
    for mark in [*sorted(dice.sample(range(1, whole), 4)), whole]:
        process = start(homes[1])
        while process.poll() is None and entries(killed) < mark:
            time.sleep(0.0005)
        time.sleep(dice.uniform(0, 0.03))
        process.kill()
        process.wait()
        seen.append(entries(killed))
    assert sum(0 < count < whole for count in seen) >= 2, seen
    assert start(homes[1]).wait(60) == 0
    assert content(killed) == expected
