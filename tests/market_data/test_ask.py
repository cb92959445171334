import threading
import time

import pytest

from domain.errors import GeoBlocked, RateLimited, Refused, TimedOut, Unavailable
from domain.exit_codes import ExitCode
from domain.money import BadNumber
from market_data.ask import ask_all, status_of, verdict


def raising(error):
    def job():
        raise error

    return job


def test_answers_come_in_the_order_of_the_jobs_and_take_as_long_as_the_slowest():
    barrier = threading.Barrier(3, timeout=5)
    started = time.monotonic()
    answers = ask_all({name: lambda name=name: (barrier.wait(), name)[1] for name in "cab"}, started + 5)
    assert list(answers) == ["c", "a", "b"]
    assert [answer.value for answer in answers.values()] == ["c", "a", "b"]
    assert time.monotonic() - started < 4


def test_a_venue_that_hangs_is_timed_out_at_the_deadline_and_the_others_are_kept():
    never = threading.Event()
    started = time.monotonic()
    answers = ask_all({"dead": lambda: never.wait(30), "alive": lambda: 7}, started + 0.2)
    assert 0.15 < time.monotonic() - started < 2
    never.set()
    assert answers["alive"].value == 7
    assert isinstance(answers["dead"].error, TimedOut)
    assert status_of(answers["dead"].error) == "unavailable"


def test_a_deadline_that_is_over_still_answers_every_job():
    never = threading.Event()
    answers = ask_all({"dead": lambda: never.wait(30)}, time.monotonic() - 1)
    never.set()
    assert isinstance(answers["dead"].error, TimedOut)


def test_no_jobs_give_no_answers():
    assert ask_all({}, time.monotonic() + 1) == {}


def test_one_venues_failure_never_touches_another_and_a_bug_is_shown_by_its_name():
    answers = ask_all(
        {
            "limited": raising(RateLimited("slow down")),
            "bug": raising(KeyError("price")),
            "number": raising(BadNumber("nan")),
            "good": lambda: 1,
        },
        time.monotonic() + 5,
    )
    assert answers["good"].value == 1
    assert status_of(answers["limited"].error) == "rate_limited"
    assert "KeyError" in answers["bug"].error.message
    assert isinstance(answers["bug"].error.__cause__, KeyError)
    assert answers["number"].error.category == "bad_answer"


def test_ctrl_c_is_not_swallowed():
    import _thread

    def interrupt():
        _thread.interrupt_main()
        threading.Event().wait(3)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask_all({"any": interrupt}, started + 10)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["ok", "ok"], ExitCode.OK),
        (["ok", "unavailable"], ExitCode.PARTIAL),
        (["ok", "stale"], ExitCode.PARTIAL),
        (["rate_limited", "rate_limited"], ExitCode.RATE_LIMITED),
        (["rate_limited", "unavailable"], ExitCode.UNAVAILABLE),
        (["stale", "crossed"], ExitCode.VERIFICATION_FAILED),
        (["unsupported"], ExitCode.REFUSED),
        ([], ExitCode.UNAVAILABLE),
    ],
)
def test_the_exit_code_says_how_many_answered(statuses, code):
    assert verdict(statuses) is code


def test_errors_map_to_row_states():
    assert status_of(GeoBlocked("here")) == "geo_blocked"
    assert status_of(Refused("no test environment")) == "unsupported"
    assert status_of(Unavailable("down")) == "unavailable"


def test_silent_venues_are_not_waited_for_until_what_has_come_is_stale():
    release = threading.Event()
    jobs = {"quick": lambda: 1, "broken": _raising(Unavailable("no")), "hanging": lambda: release.wait(20)}
    started = time.monotonic()
    answers = ask_all(jobs, started + 15, 0.2)
    release.set()
    assert time.monotonic() - started < 5
    assert answers["quick"].value == 1
    assert isinstance(answers["hanging"].error, TimedOut)


def test_where_nothing_has_come_the_deadline_alone_counts():
    answers = ask_all(
        {"late": lambda: time.sleep(0.3) or 1, "broken": _raising(Unavailable("no"))}, time.monotonic() + 10, 0.05
    )
    assert answers["late"].value == 1


def _raising(error):
    def job():
        raise error

    return job
