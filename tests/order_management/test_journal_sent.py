"""What the journal counts for the policy's limits: requests that may have left, and what they were worth."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_management import journal_schema
from order_management.event_data import spec_data
from order_management.journal import Journal
from order_management.journal_sent import NEVER_WAS, micros
from order_management.order_states import (
    ABSENT,
    ACCEPTED,
    AMEND_ACCEPTED,
    AMEND_INTENDED,
    AMEND_NOT_SENT,
    AMEND_REFUSED,
    AMEND_UNKNOWN,
    INTENDED,
    NOT_SENT,
    REFUSED,
    SEEN,
    UNKNOWN,
    ImpossibleTransition,
    Phase,
)
from tests.order_management.examples import record, report, shown, spec

WORTH = Decimal("100.5")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    ticks = iter(range(1_000, 10_000_000))
    return Journal(tmp_path / "journal" / "test.sqlite", lambda: next(ticks))


def begun(journal: Journal, name: str = "c1") -> None:
    journal.intend(record(name, notional_quote=WORTH))


def counts(journal: Journal) -> tuple[int, Decimal]:
    found = journal.placed_since(0), journal.notional_since(0)
    assert found == journal.ask(lambda view: (view.placed_since(0), view.notional_since(0)))
    return found


def test_what_is_intended_counts_and_so_does_what_is_unknown(journal: Journal) -> None:
    begun(journal)
    assert counts(journal) == (1, WORTH)
    journal.add("c1", UNKNOWN)
    assert counts(journal) == (1, WORTH)


@pytest.mark.parametrize(("kind", "expected"), [(NOT_SENT, (0, 0)), (REFUSED, (1, 0)), (ABSENT, (1, 0))])
def test_what_came_to_nothing_moved_no_money(journal: Journal, kind: str, expected: tuple[int, int]) -> None:
    begun(journal)
    journal.add("c1", kind)
    assert counts(journal) == expected


@pytest.mark.parametrize("kind", [NOT_SENT, REFUSED, ABSENT])
def test_what_turns_up_after_all_counts_again(journal: Journal, kind: str) -> None:
    begun(journal)
    journal.add("c1", kind)
    journal.add("c1", SEEN, shown(SEEN, "open").data)
    assert counts(journal) == (1, WORTH)


def test_trying_again_is_another_request(journal: Journal) -> None:
    begun(journal)
    journal.add("c1", REFUSED)
    journal.add("c1", INTENDED, {"spec": spec_data(spec())})
    assert counts(journal) == (2, WORTH)
    journal.add("c1", NOT_SENT)
    assert counts(journal) == (1, 0)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (AMEND_ACCEPTED, (2, WORTH + 50)),
        (AMEND_UNKNOWN, (2, WORTH + 50)),
        (AMEND_REFUSED, (2, WORTH)),
        (AMEND_NOT_SENT, (1, WORTH)),
    ],
)
def test_an_amendment_counts_with_what_it_adds(journal: Journal, kind: str, expected: tuple[int, Decimal]) -> None:
    begun(journal)
    journal.add("c1", ACCEPTED, shown(ACCEPTED, "open").data)
    journal.add("c1", AMEND_INTENDED, {"size": "15", "worth_added": "50"})
    assert counts(journal) == (2, WORTH + 50)
    journal.add("c1", kind)
    assert counts(journal) == expected


def test_an_amendment_that_adds_nothing_leaves_an_earlier_one_alone(journal: Journal) -> None:
    begun(journal)
    journal.add("c1", ACCEPTED, shown(ACCEPTED, "open").data)
    journal.add("c1", AMEND_INTENDED, {"size": "15", "worth_added": "50"})
    journal.add("c1", AMEND_ACCEPTED)
    journal.add("c1", AMEND_INTENDED, {"size": "5"})
    journal.add("c1", AMEND_REFUSED)
    assert counts(journal) == (2, WORTH + 50)


def test_an_order_of_somebody_else_is_nothing_that_we_sent(journal: Journal) -> None:
    journal.adopt(record("found1"), report("open"))
    assert counts(journal) == (0, 0)


def test_worth_is_exact_to_a_millionth_and_never_rounded_down() -> None:
    assert micros(Decimal("1.0000001")) == 1_000_001
    assert micros(Decimal("0.3")) == 300_000
    assert micros(None) == 0
    assert micros(Decimal("1e30")) == 10**15


def test_a_journal_of_an_earlier_version_is_counted_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "old.sqlite"
    with Journal(path) as journal:
        for name in ("a1", "a2", "a3", "a4"):
            begun(journal, name)
        journal.add("a2", REFUSED)
        journal.add("a3", NOT_SENT)
        journal.add("a4", ACCEPTED, shown(ACCEPTED, "open").data)
        journal.adopt(record("found1"), report("open", "v2"))
        expected = counts(journal)
    version = next(
        n for n, steps in enumerate(journal_schema.MIGRATIONS) if any("TABLE sent" in step for step in steps)
    )
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE sent")
    connection.execute(f"PRAGMA user_version={version}")
    connection.commit()
    connection.close()
    with Journal(path) as journal:
        assert counts(journal) == expected == (3, WORTH * 2)


KINDS = st.sampled_from([NOT_SENT, REFUSED, ABSENT, UNKNOWN, ACCEPTED, SEEN, INTENDED, AMEND_INTENDED, AMEND_REFUSED])


@settings(max_examples=60, deadline=None)
@given(st.lists(KINDS, max_size=8))
def test_whatever_happens_the_worth_counts_exactly_while_the_order_may_be(tmp_path_factory, kinds: list[str]) -> None:
    ticks = iter(range(1_000, 10_000_000))
    path = tmp_path_factory.mktemp("journal") / "journal" / "test.sqlite"
    data = {INTENDED: {"spec": spec_data(spec())}, AMEND_INTENDED: {"size": "9"}}
    with Journal(path, lambda: next(ticks)) as journal:
        begun(journal)
        for kind in kinds:
            report_of = shown(kind, "open").data if kind in (ACCEPTED, SEEN) else None
            try:
                journal.add("c1", kind, data.get(kind, report_of))
            except ImpossibleTransition:
                continue
        order = journal.order("c1")
        assert order is not None
        assert journal.notional_since(0) == (0 if order.state.phase in NEVER_WAS else WORTH)
        if order.state.phase is not Phase.NOT_SENT:
            assert journal.placed_since(0) >= 1
