"""Blocking calls at once: every outcome in its place, no failure of one touching another."""

import threading

import pytest

from connectors.side_by_side import all_or_raise, side_by_side
from domain.errors import Unavailable


def fail() -> int:
    raise Unavailable("down")


def test_outcomes_stand_where_their_calls_stood() -> None:
    outcomes = side_by_side([lambda: 1, fail, lambda: 3])
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], Unavailable)
    assert outcomes[2] == 3


def test_nothing_to_do_is_done() -> None:
    assert side_by_side([]) == []
    assert all_or_raise([]) == []


def test_the_calls_really_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=20)
    assert sorted(side_by_side([meeting.wait] * 3)) == [0, 1, 2]


def test_the_first_failure_is_raised_where_all_are_needed() -> None:
    with pytest.raises(Unavailable, match="down"):
        all_or_raise([lambda: 1, fail])


def test_a_mistake_of_the_program_is_not_an_outcome() -> None:
    def mistaken() -> int:
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError):
        side_by_side([lambda: 1, mistaken])
