"""The journal: what it keeps, what it finds again, and what it refuses."""

import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import ConfigError
from order_management import journal_schema
from order_management.event_data import fill_data, report_data
from order_management.journal import (
    AlreadyIntended,
    Journal,
    JournalError,
    NoSuchOrder,
    adopted_record,
    journal_path,
)
from order_management.lifecycle import fold
from order_management.order_states import Event, ImpossibleTransition, Phase
from tests.order_management.examples import SYMBOL, VENUE, fill, record, report
from tests.order_management.test_lifecycle import any_event


class Clock:
    """Nanoseconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000_000_000

    def __call__(self) -> int:
        self.now += 1_000
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal" / "sim.sqlite"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(path: Path, clock: Clock) -> Iterator[Journal]:
    with Journal(path, clock) as opened:
        yield opened


def ids(orders: list[Any]) -> list[str]:
    return [order.record.client_id for order in orders]


# -- orders -----------------------------------------------------------------------------------------------------------


def test_an_intended_order_is_there_for_whoever_opens_the_file_next(journal: Journal, path: Path) -> None:
    asked = {"size": "10 BTC", "flags": ["post-only", 1, None]}
    written = journal.intend(record(asked=asked, origin="batch", notional_quote=Decimal("1000.50"), inverse=True))
    assert written.state.phase is Phase.INTENDED
    with Journal(path) as other:
        assert other.order("c1") == written
        assert other.events("c1")[0].data["inverse"] is True
        assert other.order("c1").state.inverse is True  # type: ignore[union-attr]
        assert (written.record.asked, written.record.notional_quote) == (asked, Decimal("1000.5"))


def test_a_client_id_is_taken_once(journal: Journal) -> None:
    first = journal.intend(record())
    with pytest.raises(AlreadyIntended, match="c1 is that of an order for BTC/USDT that is intended") as caught:
        journal.intend(record(venue="elsewhere"))
    assert caught.value.existing == first
    assert len(journal.orders()) == 1


def test_orders_of_the_same_nanosecond_are_all_kept(journal: Journal) -> None:
    for name in "abc":
        journal.intend(record(name, created_ns=77))
    assert ids(journal.orders()) == ["c", "b", "a"]
    assert {order.record.created_ns for order in journal.orders()} == {77}


def test_the_state_is_the_fold_of_the_events(journal: Journal) -> None:
    journal.intend(record())
    journal.add("c1", "unknown", {"reason": "no answer"})
    journal.add_all("c1", [("accepted", report_data(report())), ("seen", report_data(report("open", filled="2")))])
    state = journal.add("c1", "fill", fill_data(fill("t1", size="3")))
    events = journal.events("c1")
    assert [event.kind for event in events] == ["intended", "unknown", "accepted", "seen", "fill"]
    assert [event.at_ns for event in events] == sorted(event.at_ns for event in events)
    order = journal.order("c1")
    assert order is not None
    assert fold(events) == state == order.state
    assert (state.filled, state.reason) == (Decimal(3), "no answer")


def test_an_impossible_event_is_not_written_and_neither_are_those_that_came_with_it(journal: Journal) -> None:
    journal.intend(record())
    before = journal.events("c1")
    with pytest.raises(ImpossibleTransition):
        journal.add_all("c1", [("accepted", report_data(report())), ("fill", fill_data(fill("t1"))), ("absent", {})])
    assert journal.events("c1") == before
    assert journal.fills() == []
    journal.add("c1", "accepted", report_data(report()))


def test_an_event_of_an_order_that_nobody_intended_is_refused(journal: Journal) -> None:
    with pytest.raises(NoSuchOrder, match="no order c1"):
        journal.add("c1", "accepted", report_data(report()))
    assert journal.order("c1") is None
    assert journal.events("c1") == []


def test_a_report_that_tells_nothing_new_is_not_written(journal: Journal) -> None:
    journal.intend(record())
    for _ in range(3):
        journal.add("c1", "seen", report_data(report("open", updated_ms=5)))
    assert len(journal.events("c1")) == 2
    journal.add("c1", "noted", {"asked": "open orders"})
    assert len(journal.events("c1")) == 3


def test_unsettled_orders_are_those_with_a_request_without_outcome(journal: Journal) -> None:
    for name in ("intended", "unknown", "open", "cancelling", "amending", "filled"):
        journal.intend(record(name, venue="elsewhere" if name == "unknown" else VENUE))
    journal.add("unknown", "unknown")
    for name in ("open", "cancelling", "amending", "filled"):
        journal.add(name, "accepted", report_data(report(order_id=name)))
    journal.add("cancelling", "cancel_intended")
    journal.add("amending", "amend_intended", {"price": "101"})
    journal.add("filled", "seen", report_data(report("filled", order_id="filled")))
    assert ids(journal.unsettled()) == ["intended", "unknown", "cancelling", "amending"]
    assert ids(journal.unsettled("elsewhere")) == ["unknown"]
    journal.add("cancelling", "cancel_accepted")
    assert ids(journal.unsettled(VENUE)) == ["intended", "amending"]


def test_looking_for_unsettled_orders_costs_the_same_however_many_are_settled(journal: Journal) -> None:
    def steps() -> int:
        count = 0

        def counted() -> int:
            nonlocal count
            count += 1
            return 0

        journal._file.connection.set_progress_handler(counted, 1)
        journal.unsettled()
        journal._file.connection.set_progress_handler(None, 0)
        return count

    journal.intend(record("open to doubt"))
    alone = steps()
    for number in range(300):
        journal.intend(record(f"n{number}"))
        journal.add(f"n{number}", "not_sent")
    assert steps() <= alone + 20


def test_orders_are_listed_newest_first_by_venue_symbol_time_and_life(journal: Journal, clock: Clock) -> None:
    journal.intend(record("a"))
    journal.intend(record("b", symbol="ETH/USDT"))
    later = clock.now + 1
    journal.intend(record("c", venue="elsewhere"))
    journal.add("a", "refused")
    assert ids(journal.orders()) == ["c", "b", "a"]
    assert ids(journal.orders(venue=VENUE)) == ["b", "a"]
    assert ids(journal.orders(symbol=SYMBOL)) == ["c", "a"]
    assert ids(journal.orders(live=True)) == ["c", "b"]
    assert ids(journal.orders(live=False)) == ["a"]
    assert ids(journal.orders(since_ns=later)) == ["c"]
    assert ids(journal.orders(limit=1)) == ["c"]


def test_an_order_is_found_by_either_id_or_by_how_it_begins(journal: Journal) -> None:
    for name, order_id in (("cbaaa", "77001"), ("cbaab", "77002"), ("cbaa", "9")):
        journal.intend(record(name))
        journal.add(name, "accepted", report_data(report(order_id=order_id)))
    assert ids(journal.find("cbaab")) == ids(journal.find("77002")) == ["cbaab"]
    assert ids(journal.find("cba")) == ["cbaa", "cbaab", "cbaaa"]
    assert ids(journal.find("7700")) == ["cbaab", "cbaaa"]
    assert ids(journal.find("cbaa")) == ["cbaa"], "an exact match wins over those that only begin so"
    assert journal.find("zzz") == journal.find("") == []


def test_an_order_is_still_found_by_the_id_that_it_had_before_it_was_amended(journal: Journal) -> None:
    journal.intend(record())
    journal.add("c1", "accepted", report_data(report()))
    journal.add("c1", "amend_intended", {"price": "101"})
    journal.add("c1", "amend_accepted", {"order_id": "v2"})
    assert ids(journal.find("v1")) == ids(journal.find("v2")) == ["c1"]


def test_an_order_that_was_found_at_the_venue_is_adopted_with_the_fills_it_had(journal: Journal) -> None:
    journal.record_fills([fill("t1", size="2", order_id="v7"), fill("t2", size="1", order_id="v8")])
    found = report("open", order_id="v7", size="5", price="90", side="sell", type="limit")
    adopted = journal.adopt(adopted_record("x1", found, "sim"), found)
    assert (adopted.record.origin, adopted.record.spec.side, adopted.record.spec.size) == (
        "adopted",
        "sell",
        Decimal(5),
    )
    assert (adopted.state.phase, adopted.state.filled) == (Phase.OPEN, Decimal(2))
    assert journal.order("x1") == adopted
    with pytest.raises(AlreadyIntended):
        journal.adopt(adopted_record("x1", found, "sim"), found)


# -- fills ------------------------------------------------------------------------------------------------------------


def test_fills_are_recorded_once_and_count_for_their_order(journal: Journal) -> None:
    journal.intend(record())
    journal.add("c1", "accepted", report_data(report()))
    batch = [fill("t1", size="2"), fill("t2", size="3", order_id=None, client_id="c1", time_ms=500)]
    assert journal.record_fills(batch) == 2
    assert journal.record_fills([*batch, fill("t3", size="5")]) == 1
    order = journal.order("c1")
    assert order is not None
    assert (order.state.phase, order.state.filled) == (Phase.FILLED, Decimal(10))
    assert [(each.trade_id, each.client_id) for each in journal.fills("c1")] == [
        ("t2", "c1"),
        ("t1", "c1"),
        ("t3", "c1"),
    ]
    assert journal.fills() == journal.fills("c1")
    assert journal.unsettled() == []


def test_a_fill_of_nobodys_order_is_kept_without_a_client_id(journal: Journal) -> None:
    journal.intend(record())
    journal.add("c1", "accepted", report_data(report()))
    assert journal.record_fills([fill("t1", order_id="other"), fill("t2", symbol="ETH/USDT")]) == 2
    assert [each.client_id for each in journal.fills()] == [None, None]
    assert journal.fills("c1") == journal.fills("nobody") == []


def test_a_fill_that_was_known_before_the_venues_id_counts_when_the_id_is_learnt(journal: Journal) -> None:
    journal.intend(record())
    journal.record_fills([fill("t1", size="4")])
    assert journal.order("c1").state.filled == 0  # type: ignore[union-attr]
    state = journal.add("c1", "seen", report_data(report("open")))
    assert (state.filled, state.fees) == (Decimal(4), {"USDT": Decimal("0.1")})
    assert journal.record_fills([fill("t1", size="4")]) == 0


def test_a_trade_id_counts_once_for_each_venue_and_symbol(journal: Journal) -> None:
    assert journal.record_fills([fill("t1"), fill("t1", symbol="ETH/USDT"), fill("t1")]) == 2
    assert len(journal.fills(symbol="ETH/USDT")) == 1
    assert len(journal.fills(venue=VENUE, since_ms=1_000)) == 2
    assert journal.fills(since_ms=1_001) == journal.fills(venue="elsewhere") == []


# -- for the policy ---------------------------------------------------------------------------------------------------


def test_the_policy_sees_how_many_orders_went_out_and_what_they_were_worth(journal: Journal, clock: Clock) -> None:
    since = clock.now + 1
    for name, end in (("a", None), ("b", "not_sent"), ("c", "refused"), ("d", "absent"), ("e", "unknown")):
        journal.intend(record(name, notional_quote=Decimal("100.10")))
        if end:
            journal.add(name, end)
    journal.intend(record("f", venue="elsewhere", symbol="ETH/USDT"))
    assert journal.placed_since(since) == 5, "all but the one that was not sent"
    assert journal.placed_since(since, venue="elsewhere") == journal.placed_since(since, symbol="ETH/USDT") == 1
    assert journal.notional_since(since) == Decimal("200.20")
    after = clock.now + 1
    assert (journal.placed_since(after), journal.notional_since(after)) == (0, 0)
    journal.add("b", "intended")
    assert (journal.placed_since(after), journal.notional_since(after)) == (1, Decimal("100.10"))


def test_adopted_orders_are_not_counted_as_placed(journal: Journal) -> None:
    journal.adopt(adopted_record("x", report("open", size="1", price="2"), "sim"), report("open"))
    assert journal.placed_since(0) == 0


# -- only ever added to -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["orders", "events", "fills", "claims"])
def test_what_is_written_cannot_be_changed_or_deleted(journal: Journal, path: Path, table: str) -> None:
    journal.intend(record())
    journal.add("c1", "accepted", report_data(report()))
    journal.record_fills([fill("t1")])
    column = "fill_no" if table == "claims" else "seq" if table == "events" else "no"
    with sqlite3.connect(path, isolation_level=None) as connection:
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column} + 1"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
                connection.execute(statement)
    connection.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(any_event(), max_size=12))
def test_the_index_of_live_orders_agrees_with_the_events_whatever_they_are(
    journal: Journal, events: list[Event]
) -> None:
    client_id = f"n{len(journal.orders())}"
    journal.intend(record(client_id))
    for event in events:
        data = event.data
        if event.kind == "fill":
            data = {**data, "trade_id": f"{client_id} {data['trade_id']}"}
        try:
            state = journal.add(client_id, event.kind, data)
        except ImpossibleTransition:
            continue
        assert state == fold(journal.events(client_id))
    state = fold(journal.events(client_id))
    assert (client_id in ids(journal.orders(live=True))) is state.live
    assert (client_id in ids(journal.orders(live=False))) is state.final
    assert (client_id in ids(journal.unsettled())) is not state.settled


# -- the file ---------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(journal: Journal, path: Path) -> None:
    journal.intend(record())
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert {each.name for each in path.parent.iterdir()} >= {"sim.sqlite", "sim.sqlite-wal"}


def test_a_file_that_others_can_read_is_closed_to_them(path: Path) -> None:
    Journal(path).close()
    path.chmod(0o644)
    path.parent.chmod(0o755)
    Journal(path).close()
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)


def test_each_environment_has_a_file_of_its_own(home: Path) -> None:
    keys = ["live", "paper", "sim/synthetic-7", "sim-synthetic-7", "sim+synthetic-7", "../live", "sim/../live", "é"]
    paths = {journal_path(key) for key in keys}
    assert len(paths) == len(keys)
    assert {each.parent for each in paths} == {home / "state" / "journal"}
    assert journal_path("live").name == "live.sqlite"


def test_commits_wait_for_the_disk_and_sqlite_never_checkpoints_by_itself(journal: Journal) -> None:
    def pragma(name: str) -> object:
        return journal._file.connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("wal_autocheckpoint")) == ("wal", 2, 0)
    assert pragma("application_id") == journal_schema.APPLICATION_ID


def test_a_journal_of_version_1_is_brought_up_to_date_with_all_it_holds(path: Path) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in journal_schema.MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={journal_schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version=1")
    body = '{"spec":{"side":"buy","type":"limit","size":"10","price":"100"},"env":"sim","at":%d}'
    for no, name in enumerate(("intended", "open", "gone")):
        connection.execute(
            "INSERT INTO orders VALUES (?, ?, 'somewhere', 'BTC/USDT', 'place', 'f', NULL, ?)", (no, name, body % no)
        )
    accepted = '{"venue":"somewhere","symbol":"BTC/USDT","order_id":"v1"}'
    connection.execute("INSERT INTO events VALUES (1, 1, 5, 'accepted', 'open', 'v1', ?)", (accepted,))
    connection.execute("INSERT INTO events VALUES (2, 1, 5, 'not_sent', 'not_sent', NULL, NULL)")
    connection.close()
    with Journal(path) as journal:
        assert journal._file.connection.execute("PRAGMA user_version").fetchone() == (journal_schema.VERSION,)
        assert ids(journal.orders()) == ["gone", "open", "intended"]
        assert ids(journal.orders(live=True)) == ["open", "intended"]
        assert ids(journal.unsettled()) == ["intended"]
        assert journal.add("open", "seen", report_data(report("filled"))).phase is Phase.FILLED
    with Journal(path) as again:
        assert ids(again.orders(live=True)) == ["intended"]


def test_an_empty_file_of_a_run_that_died_at_once_is_a_new_journal(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    with Journal(path) as journal:
        journal.intend(record())


def _newer(path: Path) -> None:
    Journal(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={journal_schema.VERSION + 1}")
    connection.close()


def _foreign(path: Path) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def _text(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("this is no database\n" * 200)


def _torn(path: Path) -> None:
    with Journal(path) as journal:
        journal.intend(record())
    path.write_bytes(path.read_bytes()[:100] + b"\x5a" * 4000)


def _folder(path: Path) -> None:
    path.mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_newer, "newer version of this program"),
        (_foreign, "is not a journal of orders"),
        (_text, "is damaged: file is not a database"),
        (_torn, "is damaged"),
        (_folder, "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_left_as_it_is(path: Path, make: Any, sentence: str) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(JournalError, match=sentence) as caught:
        Journal.open(path)
    assert isinstance(caught.value, ConfigError)
    assert caught.value.hint
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(path: Path) -> None:
    path.parent.parent.write_text("a file is in the way")
    with pytest.raises(JournalError, match=r"cannot be used: (Not a directory|File exists)"):
        Journal(path)


@pytest.mark.skipif(os.getuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_said_in_one_sentence(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o500)
    with pytest.raises(JournalError, match="Permission denied"):
        Journal(path)


def test_a_journal_that_was_moved_away_under_us_takes_no_more_orders(journal: Journal, path: Path) -> None:
    journal.intend(record())
    path.rename(path.with_suffix(".bak"))
    with pytest.raises(JournalError, match="moved or deleted"):
        journal.intend(record("c2"))


def test_a_lock_that_is_never_released_is_an_error_and_no_order(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_schema, "BUSY_S", 0.05)
    with path.with_suffix(".lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match=r"kept the journal .* locked"):
            journal.intend(record())
    assert journal.order("c1") is None
    journal.intend(record())


def test_threads_of_one_process_share_a_journal(journal: Journal) -> None:
    failures: list[BaseException] = []

    def place(name: str) -> None:
        try:
            for number in range(25):
                journal.intend(record(f"{name}{number}"))
                journal.add(f"{name}{number}", "unknown")
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=place, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(journal.unsettled()) == 100


# -- a full disk ------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_an_error_and_nothing_is_half_written(journal: Journal) -> None:
    journal.intend(record())
    connection = journal._file.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 3}")
    written = 1
    with pytest.raises(JournalError, match=r"The disk is full: nothing was written"):  # noqa: PT012 - fills it first
        for number in range(1000):
            journal.intend(record(f"n{number}", asked={"note": "x" * 500}))
            written += 1
    assert written > 1
    for table in ("orders", "working"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (written,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.execute(f"PRAGMA max_page_count={pages + 1000}")
    journal.intend(record("after it was given room"))
