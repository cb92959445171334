from pathlib import Path

import pytest

from domain.errors import PolicyDenied
from order_management.order_states import NOT_SENT, REFUSED
from order_management.policy.max_orders_per_minute import Rule
from tests.order_management.policy.subjects import NOW_NS, counted, journal_at, record, subject

MINUTE = 60_000_000_000


def test_the_order_after_the_last_allowed_is_denied(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        for name, ago in (("a1", MINUTE + 1), ("a2", MINUTE), ("a3", 1)):
            journal.intend(record(subject(), name, NOW_NS - ago))
        counted(Rule(3), subject(), journal)
        with pytest.raises(PolicyDenied, match=r"limit 2, this order number 3\)"):
            counted(Rule(2), subject(), journal)


def test_a_refused_order_counts_and_one_that_never_left_does_not(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(), "a1"))
        journal.add("a1", REFUSED)
        with pytest.raises(PolicyDenied):
            counted(Rule(1), subject(), journal)
        journal.intend(record(subject(), "a2"))
        journal.add("a2", NOT_SENT)
        counted(Rule(2), subject(), journal)
