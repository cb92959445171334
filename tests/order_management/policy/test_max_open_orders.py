from pathlib import Path

import pytest

from domain.errors import PolicyDenied
from order_management.order_states import REFUSED
from order_management.policy.max_open_orders import Rule
from tests.order_management.policy.subjects import counted, journal_at, record, subject


def test_an_order_that_would_rest_is_denied_when_enough_are_open(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        for name in ("a1", "a2"):
            journal.intend(record(subject(), name))
        counted(Rule(3), subject(), journal)
        with pytest.raises(PolicyDenied, match=r"limit 2, this order number 3\)"):
            counted(Rule(2), subject(), journal)
        journal.add("a1", REFUSED)
        counted(Rule(2), subject(), journal)


def test_what_does_not_rest_what_amends_and_a_known_order_are_no_further_ones(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(), "mine1"))
        counted(Rule(1), subject(client_id="mine1"), journal)
        other = {"client_id": "other1"}
        counted(Rule(1), subject(price=None, type="market", market="100", **other), journal)
        counted(Rule(1), subject(tif="ioc", **other), journal)
        counted(Rule(1), subject(**other)._replace(amends=True), journal)
        with pytest.raises(PolicyDenied):
            counted(Rule(1), subject(**other), journal)
