"""Beats fall on UTC seconds, however long a run takes."""

import threading
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UsageError
from domain.snapshots import SECOND_NS
from market_data.snapshots.schedule import WARM_UP_NS, Plan, make_plan, next_allowed, read_every, wait_until

NOW = int(datetime(2026, 11, 21, 10, 0, 30, 250_000, UTC).timestamp() * 1000) * 1_000_000


def at(hour: int, minute: int, second: int, day: int = 21) -> int:
    return int(datetime(2026, 11, day, hour, minute, second, tzinfo=UTC).timestamp()) * SECOND_NS


def plan(every_s: int = 1, length: str | None = None, until: str | None = None, once: bool = False) -> Plan:
    return make_plan(every_s, NOW, length=length, until=until, once=once)


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("5s", 5), ("1m", 60), ("60s", 60), ("1h", 3600)])
def test_beats_that_fall_on_the_same_seconds_of_every_hour_are_taken(text: str, seconds: int) -> None:
    assert read_every(text) == seconds


@pytest.mark.parametrize(("text", "nearest"), [("7s", "6s"), ("25s", "30s"), ("59s", "60s"), ("8m", "600s")])
def test_other_beats_are_refused_with_the_nearest(text: str, nearest: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_every(text)
    assert raised.value.hint == f"Nearest: --every {nearest}."


@pytest.mark.parametrize("text", ["0s", "fast", "2h", "1d", "-1s", "0.5s", ""])
def test_what_is_no_span_between_beats_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_every(text)


def test_a_run_starts_at_the_next_beat_that_can_be_prepared_for() -> None:
    assert plan().start_ns == at(10, 0, 31)
    assert make_plan(1, NOW + 100_000_000, length=None, until=None, once=False).start_ns == at(10, 0, 32)
    assert plan(every_s=60).start_ns == at(10, 1, 0)


def test_a_run_has_as_many_beats_as_its_length() -> None:
    ten = plan(length="10m")
    assert (ten.count(), ten.end_ns) == (600, at(10, 10, 31))
    assert plan(every_s=60, length="10m").count() == 10
    assert plan(every_s=60, length="90s").count() == 2
    assert plan(once=True).count() == 1


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("10:05", at(10, 5, 0)),
        ("10:00:35", at(10, 0, 35)),
        ("09:00", at(9, 0, 0, day=22)),
        ("2026-11-22", at(0, 0, 0, day=22)),
        ("2026-11-21T11:00:00Z", at(11, 0, 0)),
        ("2026-11-21T13:00:00+02:00", at(11, 0, 0)),
        ("2026-11-21T11:00:00", at(11, 0, 0)),
    ],
)
def test_an_end_is_a_time_in_utc(text: str, end: int) -> None:
    assert plan(until=text).end_ns == end


@pytest.mark.parametrize("text", ["soon", "25:00", "2026-11-21T10:00:00Z", "2020-01-01"])
def test_an_end_that_is_none_or_over_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        plan(until=text)


def test_two_ends_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="contradict"):
        plan(length="10m", once=True)
    with pytest.raises(UsageError, match="contradict"):
        plan(length="10m", until="18:00")


@given(
    every_s=st.sampled_from([1, 2, 5, 60]),
    beats=st.integers(1, 100_000),
    late_ns=st.integers(0, 10**12),
)
def test_beats_are_aligned_and_none_is_lost_or_doubled(every_s: int, beats: int, late_ns: int) -> None:
    made = plan(every_s)
    moment = made.start_ns + beats * made.step_ns + late_ns
    latest, following = made.latest(moment), made.at_or_after(moment)
    assert latest % made.step_ns == following % made.step_ns == 0
    assert latest <= moment <= following < latest + 2 * made.step_ns
    assert made._replace(end_ns=following).count() == (following - made.start_ns) // made.step_ns


def test_waiting_ends_at_the_moment_or_when_told() -> None:
    told = threading.Event()
    moment = time.time_ns() + 30_000_000
    assert wait_until(moment, told)
    assert 0 <= time.time_ns() - moment < 100_000_000
    told.set()
    assert not wait_until(time.time_ns() + 10 * SECOND_NS, told)
    assert not wait_until(time.time_ns() - 1, told)


def test_the_shortest_possible_beat_is_named_for_a_rate() -> None:
    assert [next_allowed(seconds) for seconds in (0.2, 1, 1.01, 7, 61, 4000)] == [1, 1, 2, 10, 120, None]
    assert WARM_UP_NS < SECOND_NS
