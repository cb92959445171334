"""The guard: the order of budget, breaker, call and retry, on a fake clock and the real store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.guard import Guard, Policy, urgent
from domain.errors import CrossbookError, NotListed, NotSent, RateLimited, TimedOut, Unavailable
from utils.resilience.breaker import Breaker, CircuitOpen, Trip
from utils.resilience.budget import Budget
from utils.resilience.store import Store


class Clock:
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
def make(tmp_path: Path, clock: Clock) -> Callable[..., Guard]:
    """Make guards as different processes would: each with a store of its own on one file."""

    def guard(venue: str = "x", per_minute: float = 600, attempts: int = 4, failures: int = 5) -> Guard:
        store = Store(tmp_path / "resilience.sqlite")
        return Guard(
            venue,
            Budget(store, clock=clock, monotonic=clock, sleep=clock.sleep),
            Breaker(store, trip=Trip(failures=failures), clock=clock),
            Policy(requests_per_minute=per_minute, attempts=attempts),
            clock=clock,
            monotonic=clock,
            sleep=clock.sleep,
        )

    return guard


class Venue:
    """Answers with each outcome in turn, then with 'answer'."""

    def __init__(self, *outcomes: CrossbookError) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.outcomes:
            raise self.outcomes.pop(0)
        return "answer"


def down(count: int) -> list[CrossbookError]:
    return [Unavailable("x cannot be connected to: Connection refused.") for _ in range(count)]


def test_a_passing_failure_is_not_seen_by_the_caller(make: Callable[..., Guard], clock: Clock) -> None:
    venue = Venue(*down(2))
    assert make().read(venue, deadline=clock.now + 10) == "answer"
    assert venue.calls == 3
    assert len(clock.slept) == 2


def test_a_refusal_is_passed_on_at_once_with_its_venue(make: Callable[..., Guard], clock: Clock) -> None:
    venue = Venue(NotListed("no such thing"))
    with pytest.raises(NotListed) as caught:
        make().read(venue, deadline=clock.now + 10)
    assert caught.value.venue == "x"
    assert (venue.calls, clock.slept) == (1, [])


def test_the_deadline_bounds_the_retries(make: Callable[..., Guard], clock: Clock) -> None:
    venue = Venue(*down(99))
    deadline = clock.now + 1
    with pytest.raises(Unavailable, match="Connection refused"):
        make(attempts=50, failures=99).read(venue, deadline=deadline)
    assert clock.now < deadline


def test_failures_open_the_breaker_for_the_next_process(make: Callable[..., Guard], clock: Clock) -> None:
    with pytest.raises(Unavailable, match=r"^x cannot be connected to"):
        make(attempts=9).read(Venue(*down(99)), deadline=clock.now + 60)
    venue = Venue()
    with pytest.raises(CircuitOpen) as caught:
        make().read(venue, deadline=clock.now + 60)
    assert venue.calls == 0
    assert caught.value.retryable
    assert make("y").read(venue, deadline=clock.now + 60) == "answer"


def test_the_failure_that_opened_the_breaker_is_what_the_caller_sees(make: Callable[..., Guard], clock: Clock) -> None:
    venue = Venue(*down(99))
    with pytest.raises(Unavailable) as caught:
        make(attempts=9, failures=3).read(venue, deadline=clock.now + 60)
    assert not isinstance(caught.value, CircuitOpen)
    assert caught.value.retryable
    assert venue.calls == 3


def test_a_venue_that_came_back_is_used_again(make: Callable[..., Guard], clock: Clock) -> None:
    with pytest.raises(Unavailable):
        make(attempts=9).read(Venue(*down(99)), deadline=clock.now + 60)
    clock.now += 60
    assert make().read(Venue(), deadline=clock.now + 60) == "answer"
    assert make().read(Venue(), deadline=clock.now + 60) == "answer"


def test_time_outs_that_show_our_impatience_only_do_not_open_the_breaker(
    make: Callable[..., Guard], clock: Clock
) -> None:
    for _ in range(10):
        with pytest.raises(TimedOut):
            make().read(Venue(TimedOut("late"), TimedOut("late")), deadline=clock.now + 0.1)
    assert make().read(Venue(), deadline=clock.now + 5) == "answer"


def test_the_venues_wait_is_kept_by_every_process(make: Callable[..., Guard], clock: Clock) -> None:
    with pytest.raises(RateLimited, match="slow down"):
        make().read(Venue(RateLimited("slow down", retry_after_s=30)), deadline=clock.now + 10)
    venue = Venue()
    with pytest.raises(RateLimited, match="asked us to send nothing before") as caught:
        make().read(venue, deadline=clock.now + 10)
    assert venue.calls == 0
    assert caught.value.retry_after_s == pytest.approx(30)
    before = clock.now
    assert make().read(venue, deadline=clock.now + 40) == "answer"
    assert 30 <= clock.now - before < 31


def test_a_short_wait_asked_by_the_venue_is_waited_for(make: Callable[..., Guard], clock: Clock) -> None:
    venue = Venue(RateLimited("slow down", retry_after_s=3))
    before = clock.now
    assert make().read(venue, deadline=clock.now + 10) == "answer"
    assert 3 <= clock.now - before < 4


def test_a_ban_is_not_tried_again_and_is_remembered(make: Callable[..., Guard], clock: Clock) -> None:
    venue = Venue(RateLimited("banned", retry_after_s=5, banned=True))
    with pytest.raises(RateLimited, match="banned"):
        make().read(venue, deadline=clock.now + 60)
    assert venue.calls == 1
    with pytest.raises(RateLimited):
        make().read(venue, deadline=clock.now + 2)


def test_a_minute_sees_no_more_than_the_budget(make: Callable[..., Guard], clock: Clock) -> None:
    guard, began, calls = make(per_minute=60), clock.now, 0
    while True:
        guard.read(Venue(), deadline=clock.now + 5)
        if clock.now >= began + 60:
            break
        calls += 1
    assert 50 <= calls <= 60


def test_cost_counts(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make(per_minute=400)
    guard.read(Venue(), cost=80, deadline=clock.now)
    with pytest.raises(RateLimited):
        guard.read(Venue(), cost=1, deadline=clock.now)


def test_the_venues_own_count_is_taken_over(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    guard.read(Venue(), deadline=clock.now)
    guard.feed_back(95, 100)
    with pytest.raises(RateLimited):
        make().read(Venue(), deadline=clock.now)


def test_nothing_sent_leaves_the_venues_record_alone(make: Callable[..., Guard], clock: Clock) -> None:
    for _ in range(6):
        with pytest.raises(NotSent):
            make().read(Venue(NotSent("not served here")), deadline=clock.now + 5)
    assert make().read(Venue(), deadline=clock.now + 5) == "answer"


def test_a_bug_is_not_taken_for_the_venues_failure(make: Callable[..., Guard], clock: Clock) -> None:
    def bug() -> str:
        raise ZeroDivisionError

    for _ in range(6):
        with pytest.raises(ZeroDivisionError):
            make().read(bug, deadline=clock.now + 5)
    assert make().read(Venue(), deadline=clock.now + 5) == "answer"


def test_a_ban_without_an_end_leaves_the_venue_alone_for_every_process(
    make: Callable[..., Guard], clock: Clock
) -> None:
    with pytest.raises(RateLimited):
        make().read(Venue(RateLimited("banned", banned=True)), deadline=clock.now + 10)
    other = Venue()
    with pytest.raises(RateLimited, match="send nothing"):
        make().read(other, deadline=clock.now + 10)
    assert other.calls == 0


def test_what_is_urgent_may_use_the_reserve_and_does_not_mind_the_breaker(
    make: Callable[..., Guard], clock: Clock
) -> None:
    guard = make(per_minute=600, attempts=1, failures=1)
    with pytest.raises(Unavailable):
        guard.read(Venue(Unavailable("down")), deadline=clock() + 5)
    with pytest.raises(CircuitOpen):
        guard.read(Venue(), deadline=clock() + 5)
    with urgent():
        assert guard.read(Venue(), deadline=clock() + 5) == "answer"
    crowded = make(venue="crowded", per_minute=600)
    crowded.charge(120, deadline=clock())  # all that reads may use of the burst of 150
    with pytest.raises(RateLimited):
        crowded.read(Venue(), deadline=clock())
    with urgent():
        assert crowded.read(Venue(), deadline=clock()) == "answer"
