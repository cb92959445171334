"""Budgets, breakers, clock offsets and retries: fake clocks for the rules, real processes for the sharing."""

import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import (
    BadAnswer,
    CrossbookError,
    GeoBlocked,
    Maintenance,
    NotListed,
    NotSent,
    RateLimited,
    TimedOut,
    Unavailable,
)
from utils.resilience.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, BreakerState, CircuitOpen, Trip, after_failure
from utils.resilience.budget import CANCEL, Budget, admit
from utils.resilience.clock import ClockOffsets
from utils.resilience.retry import try_again
from utils.resilience.store import Store

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    """Time that passes when someone sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "resilience.sqlite"


@pytest.fixture
def store(path: Path) -> Store:
    return Store(path)


@pytest.fixture
def budget(store: Store, clock: Clock) -> Budget:
    random.seed(1)
    return Budget(store, clock=clock, monotonic=clock, sleep=clock.sleep)


def charge(budget: Budget, clock: Clock, cost: float = 1, *, patience: float = 0, lane: str = "read") -> None:
    """A bucket of 10 that fills at one a second."""
    budget.charge("live/x", cost, rate_per_min=60, burst=10, deadline=clock.now + patience, lane=lane)


def charged(budget: Budget, clock: Clock, lane: str = "read") -> int:
    """Count how many units can be taken at once."""
    for count in range(1000):
        try:
            charge(budget, clock, lane=lane)
        except RateLimited:
            return count
    raise AssertionError("no limit")


def test_reads_leave_the_last_fifth_to_cancels(budget: Budget, clock: Clock) -> None:
    assert charged(budget, clock) == 8
    assert charged(budget, clock, CANCEL) == 2
    clock.now += 3
    assert charged(budget, clock) == 1
    assert charged(budget, clock, CANCEL) == 2


def test_a_charge_waits_for_what_flows_back(budget: Budget, clock: Clock) -> None:
    charged(budget, clock)
    before = clock.now
    charge(budget, clock, 3, patience=10)
    assert 3 <= clock.now - before < 3.2


def test_a_wait_past_the_deadline_is_refused_at_once_and_costs_nothing(budget: Budget, clock: Clock) -> None:
    charged(budget, clock)
    with pytest.raises(RateLimited, match=r"^x has no request left in our budget before 20") as caught:
        charge(budget, clock, 5, patience=4.9)
    assert caught.value.retry_after_s == pytest.approx(5)
    assert clock.slept == []
    charge(budget, clock, 1, patience=1.1)


def test_those_who_wait_do_not_hold_up_a_cancel(budget: Budget, clock: Clock) -> None:
    charged(budget, clock)
    for _ in range(5):
        with pytest.raises(RateLimited):
            charge(budget, clock, 8, patience=1)
    charge(budget, clock, lane=CANCEL)
    assert clock.slept == []


def test_a_cost_above_the_burst_needs_an_empty_bucket(budget: Budget, clock: Clock) -> None:
    charge(budget, clock, 50)
    with pytest.raises(RateLimited) as caught:
        charge(budget, clock)
    assert caught.value.retry_after_s == pytest.approx(43)  # 51 - 8 at one a second


def test_the_venues_own_higher_count_fills_the_bucket_and_a_lower_one_does_not_empty_it(
    budget: Budget, clock: Clock
) -> None:
    charge(budget, clock)
    budget.feed_back("live/x", 60, 100)
    assert charged(budget, clock) == 2
    budget.feed_back("live/x", 1, 100)
    assert charged(budget, clock) == 0
    row = budget.snapshot()[0]
    assert (row.used, row.remaining, row.told_used, row.told_limit) == (8, 2, 1, 100)


def test_nothing_is_sent_when_the_venue_counts_all_as_used_until_its_window_ends(budget: Budget, clock: Clock) -> None:
    charge(budget, clock)
    clock.now += 45 - clock.now % 60
    budget.feed_back("live/x", 100, 100, 60)
    with pytest.raises(RateLimited) as caught:
        charge(budget, clock, lane=CANCEL)
    assert caught.value.retry_after_s == pytest.approx(15)


def test_a_count_for_a_venue_never_charged_and_a_senseless_one_change_nothing(budget: Budget) -> None:
    budget.feed_back("live/x", 5, 10)
    budget.feed_back("live/x", 5, 0)
    assert budget.snapshot() == []


def test_a_block_holds_until_its_time_and_is_not_shortened(budget: Budget, clock: Clock) -> None:
    budget.block_until("live/x", clock.now + 20)
    budget.block_until("live/x", clock.now + 5)
    with pytest.raises(RateLimited, match="asked us to send nothing before") as caught:
        charge(budget, clock, patience=19)
    assert caught.value.retry_after_s == pytest.approx(20)
    charge(budget, clock, patience=21)
    assert charged(budget, clock) == 7


def test_venues_and_environments_do_not_share_a_budget(budget: Budget, clock: Clock) -> None:
    charged(budget, clock)
    budget.block_until("sim/x", clock.now + 100)
    for key in ("live/y", "testnet/x"):
        budget.charge(key, 1, rate_per_min=60, burst=10, deadline=clock.now)


def test_a_clock_set_back_blocks_for_a_minute_at_most(budget: Budget, clock: Clock) -> None:
    charged(budget, clock)
    clock.now -= 86_400
    charge(budget, clock, patience=61)
    assert sum(clock.slept) <= 61


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 20)), min_size=1, max_size=60),
    st.floats(1, 5000),
    st.floats(1, 500),
)
def test_no_minute_ever_sees_more_than_burst_and_rate(
    asked: list[tuple[float, float]], rate: float, burst: float
) -> None:
    now, empty_at, taken = 0.0, 0.0, []
    for pause, cost in asked:
        now += pause
        filled, wait = admit(empty_at, now, cost=min(cost, burst), rate_per_min=rate, burst=burst, share=1.0)
        if wait == 0:
            empty_at = filled
            taken.append((now, min(cost, burst)))
    for start, _ in taken:
        assert sum(cost for at, cost in taken if start <= at < start + 60) <= (burst + rate) * (1 + 1e-6)


PROCESS = """
import sys, time
from pathlib import Path
from domain.errors import RateLimited
from utils.resilience.budget import Budget
from utils.resilience.store import Store
budget, taken = Budget(Store(Path(sys.argv[1]))), 0
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        budget.charge("live/x", 1, rate_per_min=60, burst=50, deadline=time.monotonic())
        taken += 1
except RateLimited:
    print(taken)
"""


def test_processes_share_one_budget(path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    started = time.monotonic()
    taken = [int(worker.communicate("go\n", timeout=60)[0]) for worker in workers]
    assert 40 <= sum(taken) <= 41 + (time.monotonic() - started)


def test_threads_share_one_store(store: Store) -> None:
    taken: list[int] = []

    def work() -> None:
        budget = Budget(store)
        try:
            while True:
                budget.charge("live/x", 1, rate_per_min=1, burst=50, deadline=time.monotonic())
                taken.append(1)
        except RateLimited:
            pass

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 40


@pytest.mark.parametrize("content", [b"not a database at all, sorry" * 100, b"", b"SQLite format 3\x00" + bytes(5000)])
def test_a_damaged_file_is_made_anew(path: Path, content: bytes, clock: Clock) -> None:
    path.write_bytes(content)
    budget = Budget(Store(path), clock=clock, monotonic=clock, sleep=clock.sleep)
    assert charged(budget, clock) == 8
    other = Budget(Store(path), clock=clock, monotonic=clock, sleep=clock.sleep)
    assert charged(other, clock) == 0


def test_a_file_of_another_version_is_made_anew(path: Path, clock: Clock) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE budget(other)")
        other.execute("PRAGMA user_version=99")
    other.close()
    assert charged(Budget(Store(path), clock=clock, monotonic=clock, sleep=clock.sleep), clock) == 8


def test_a_file_deleted_under_a_running_process_is_made_anew(path: Path, budget: Budget, clock: Clock) -> None:
    charged(budget, clock)
    for leftover in path.parent.glob("resilience.sqlite*"):
        leftover.unlink()
    assert charged(budget, clock) == 8
    assert path.exists()


def test_an_unusable_place_leaves_a_budget_of_ones_own(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("in the way")
    budget = Budget(Store(tmp_path / "file" / "x.sqlite"), clock=clock, monotonic=clock, sleep=clock.sleep)
    assert charged(budget, clock) == 8
    assert charged(budget, clock) == 0


def test_a_store_closed_is_opened_again(store: Store, budget: Budget, clock: Clock) -> None:
    charged(budget, clock)
    store.close()
    assert charged(budget, clock) == 0


TRIP = Trip(failures=3, cooldown_s=10, max_cooldown_s=35)
FAILURE = TimedOut("x did not answer within 2 s.")


@pytest.fixture
def breaker(store: Store, clock: Clock) -> Breaker:
    return Breaker(store, trip=TRIP, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.record("live/x", FAILURE)


def test_a_breaker_opens_after_failures_in_a_row_and_says_when_it_asks_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    breaker.check("live/x")
    fail(breaker, 1)
    with pytest.raises(CircuitOpen) as caught:
        breaker.check("live/x")
    assert caught.value.message == (
        "x is not asked before 2027-01-15T08:00:10.000Z (in 10.0 s): it failed 3 times in a row, "
        "the last time: x did not answer within 2 s."
    )
    breaker.check("live/y")
    breaker.check("sim/x")


@pytest.mark.parametrize("answer", [None, NotListed("no"), RateLimited("slow"), Maintenance("later"), GeoBlocked("no")])
def test_any_answer_of_the_venue_ends_the_row(breaker: Breaker, answer: CrossbookError | None) -> None:
    fail(breaker, 2)
    breaker.record("live/x", answer)
    fail(breaker, 2)
    breaker.check("live/x")


def test_what_was_not_sent_neither_counts_nor_ends_the_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.record("live/x", NotSent("nothing left"))
    breaker.check("live/x")
    breaker.record("live/x", BadAnswer("html"))
    with pytest.raises(CircuitOpen):
        breaker.check("live/x")


def test_one_process_asks_a_half_open_venue_and_the_others_wait_for_it(path: Path, clock: Clock) -> None:
    first, second = (Breaker(Store(path), trip=TRIP, clock=clock) for _ in range(2))
    fail(first, 3)
    clock.now += 10
    second.check("live/x")
    with pytest.raises(CircuitOpen, match="while a first try runs"):
        first.check("live/x")
    second.record("live/x", None)
    first.check("live/x")
    assert first.snapshot() == {}


def test_the_right_to_ask_passes_on_when_nothing_was_learnt(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    breaker.check("live/x")
    breaker.record("live/x", NotSent("nothing left"))
    breaker.check("live/x")
    with pytest.raises(CircuitOpen):
        breaker.check("live/x")
    clock.now += 31  # the process that asked has died
    breaker.check("live/x")


def test_the_cool_down_doubles_up_to_the_cap(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    lengths = []
    for _ in range(4):
        lengths.append(breaker.snapshot()["live/x"][1].cooldown_s)
        clock.now += lengths[-1]
        breaker.check("live/x")
        fail(breaker, 1)
    assert lengths == [10, 20, 35, 35]


def test_a_clock_set_back_does_not_leave_a_breaker_open(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now -= 86_400
    breaker.check("live/x")


def test_a_failure_that_was_under_way_does_not_lengthen_the_cool_down() -> None:
    opened = after_failure(BreakerState(failures=2), 100.0, "a", TRIP)
    later = after_failure(opened, 105.0, "b", TRIP)
    assert [state.condition(105.0) for state in (opened, later)] == [OPEN, OPEN]
    assert later.condition(110.0) == HALF_OPEN
    assert BreakerState().condition(0.0) == CLOSED


def test_the_clock_offset_is_measured_against_the_middle_of_the_round_trip(store: Store) -> None:
    offsets = ClockOffsets(store, clock=lambda: 10.0)
    assert offsets.offset_ms("live/x") == 0
    offsets.record("live/x", 5_250, 5_000_000_000, 5_100_000_000)
    assert offsets.offset_ms("live/x") == 200
    assert ClockOffsets(store, clock=lambda: 10.0).offset_ms("live/x") == 200
    assert offsets.offset_ms("live/y") == 0


def test_an_old_or_senseless_measurement_is_not_believed(store: Store) -> None:
    s = 1_000_000_000
    offsets = ClockOffsets(store, clock=lambda: 10.0)
    offsets.record("live/x", 0, 2_000_000 * s, 2_000_000 * s)  # a venue that says it is 1970
    offsets.record("live/x", 5_000, 5 * s, 15 * s)  # a question that took ten seconds
    assert offsets.offset_ms("live/x") == 0
    offsets.record("live/x", 12_000, 5 * s, 5 * s)
    assert offsets.offset_ms("live/x") == 7000
    assert ClockOffsets(store, clock=lambda: 5 + 49 * 3600.0).offset_ms("live/x") == 0


def test_a_worse_measurement_replaces_a_better_one_only_when_that_is_old_or_contradicted(store: Store) -> None:
    offsets = ClockOffsets(store, clock=lambda: 1000.0)
    s = 1_000_000_000
    offsets.record("live/x", 10_110, 10 * s, 10 * s + s // 50)  # +100 ± 10
    offsets.record("live/x", 20_550, 20 * s, 21 * s)  # +50 ± 500
    assert offsets.offset_ms("live/x") == 100
    offsets.record("live/x", 25_000, 20 * s, 21 * s)  # the venue, or we, set a clock
    assert offsets.offset_ms("live/x") == 4500
    offsets.record("live/x", 1_000_550, 1000 * s, 1002 * s)  # more than ten minutes later
    assert offsets.offset_ms("live/x") == -450


def again(
    clock: Clock, outcomes: list[object], first: CrossbookError, patience: float = 60, attempts: int = 5
) -> object:
    def call() -> object:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return try_again(call, first, deadline=clock.now + patience, attempts=attempts, monotonic=clock, sleep=clock.sleep)


def test_tries_are_further_and_further_apart(clock: Clock) -> None:
    assert again(clock, [FAILURE, FAILURE, "answer"], FAILURE) == "answer"
    assert len(clock.slept) == 3
    for index, waited in enumerate(clock.slept):
        assert 0.2 * 2**index <= waited <= 0.2 * 2**index + 0.2


def test_the_venues_wait_is_honoured(clock: Clock) -> None:
    assert again(clock, ["answer"], RateLimited("slow", retry_after_s=7.5)) == "answer"
    assert clock.slept == [7.5]


def test_a_wait_past_the_deadline_ends_the_tries_at_once(clock: Clock) -> None:
    with pytest.raises(RateLimited, match="slow"):
        again(clock, ["answer"], RateLimited("slow", retry_after_s=60), patience=59)
    assert clock.slept == []


def test_the_last_failure_is_what_is_raised_after_all_attempts(clock: Clock) -> None:
    last = Unavailable("the last")
    with pytest.raises(Unavailable, match="the last"):
        again(clock, [FAILURE, last, "never"], FAILURE, attempts=3)


def test_what_cannot_get_better_is_not_tried_again(clock: Clock) -> None:
    with pytest.raises(NotListed):
        again(clock, [NotListed("no"), "never"], FAILURE)
    assert len(clock.slept) == 1
    with pytest.raises(RateLimited, match="banned"):
        again(clock, ["never"], RateLimited("banned", retry_after_s=1, banned=True))


def test_a_full_disk_does_not_throw_away_what_all_processes_know(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Budget(Store(path)).block_until("live/x", time.time() + 1000)
    full = Store(path)

    def fails(db: sqlite3.Connection) -> None:
        db.execute("PRAGMA max_page_count=1")
        db.execute("CREATE TABLE more (content BLOB)")
        db.execute("INSERT INTO more VALUES (zeroblob(1000000))")

    with pytest.raises(sqlite3.Error):
        full.write(fails)
    [state] = Budget(Store(path)).snapshot()
    assert state.blocked_until is not None


def test_a_limit_whose_end_is_not_told_is_given_two_seconds(clock: Clock) -> None:
    assert again(clock, ["answer"], RateLimited("slow down")) == "answer"
    assert clock.slept[0] >= 2
    assert again(clock, ["answer"], RateLimited("slow down", retry_after_s=0.5)) == "answer"
    assert clock.slept[-1] == 0.5
