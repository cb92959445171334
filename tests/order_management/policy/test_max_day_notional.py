from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import PolicyDenied
from order_management.order_states import REFUSED
from order_management.policy.max_day_notional import DAY_NS, Rule
from tests.order_management.policy.subjects import NOW_NS, counted, journal_at, record, subject

MIDNIGHT = NOW_NS - NOW_NS % DAY_NS


def test_what_was_sent_today_counts_and_what_was_sent_yesterday_does_not(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(amount="5"), "old1", MIDNIGHT - 1))
        journal.intend(record(subject(amount="5"), "new1", MIDNIGHT))
        counted(Rule(Decimal(600)), subject(), journal)
        with pytest.raises(PolicyDenied, match=r"500 USD before this order \(limit 599 USD a day.*makes it 600 USD"):
            counted(Rule(Decimal(599)), subject(), journal)
        journal.add("new1", REFUSED)
        counted(Rule(Decimal(100)), subject(), journal)


def test_an_amendment_counts_with_what_it_adds(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        counted(Rule(Decimal(30)), subject(amount="5")._replace(amends=True, more=Decimal(30)), journal)
        with pytest.raises(PolicyDenied):
            counted(Rule(Decimal(29)), subject(amount="5")._replace(amends=True, more=Decimal(30)), journal)
