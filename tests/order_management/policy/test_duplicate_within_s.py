from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import PolicyDenied
from order_management.order_states import ABSENT, NOT_SENT, REFUSED, UNKNOWN
from order_management.policy.duplicate_within_s import Rule
from tests.order_management.policy.subjects import NOW_NS, SWAP_BTC, counted, journal_at, record, subject

RULE = Rule(Decimal(5))
SECOND = 1_000_000_000


def test_the_same_order_a_moment_ago_is_denied_and_named(tmp_path: Path) -> None:
    order = subject()
    with journal_at(tmp_path) as journal:
        journal.intend(record(order, "before1", NOW_NS - 2 * SECOND))
        with pytest.raises(PolicyDenied, match=r"before1 \(limit 5 s apart, this order 2 s after it\)") as denied:
            counted(RULE, order, journal)
        assert denied.value.hint == "If you mean it, add --allow-duplicate."
        counted(RULE, subject(allow_duplicate=True), journal)
        counted(RULE, order._replace(amends=True), journal)


@pytest.mark.parametrize("other", [{"amount": "2"}, {"price": "101"}, {"side": "sell"}, {"instrument": SWAP_BTC}])
def test_another_order_is_none(tmp_path: Path, other: dict[str, str]) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(), "before1"))
        counted(RULE, subject(**other), journal)  # type: ignore[arg-type]


def test_after_the_time_it_is_none(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(), "before1", NOW_NS - 5 * SECOND - 1))
        counted(RULE, subject(), journal)


@pytest.mark.parametrize("kind", [NOT_SENT, REFUSED, ABSENT])
def test_what_came_to_nothing_may_be_tried_again(tmp_path: Path, kind: str) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(), "before1"))
        journal.add("before1", kind)
        counted(RULE, subject(), journal)


def test_an_unknown_outcome_is_the_case_that_it_is_for_and_the_same_id_is_not(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(), "before1"))
        journal.add("before1", UNKNOWN)
        with pytest.raises(PolicyDenied):
            counted(RULE, subject(), journal)
        counted(RULE, subject(client_id="before1"), journal)


def test_an_earlier_duplicate_is_found_behind_the_same_id(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(), "before1", NOW_NS - SECOND))
        journal.intend(record(subject(), "mine1", NOW_NS))
        with pytest.raises(PolicyDenied, match="before1"):
            counted(RULE, subject(client_id="mine1"), journal)


def test_it_holds_for_orders_that_reduce() -> None:
    assert RULE.for_reducing
