"""Asking venues side by side: the answer takes as long as the slowest one that still counts, never longer."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from domain import quotes
from domain.errors import (
    BadAnswer,
    CrossbookError,
    GeoBlocked,
    Maintenance,
    NotListed,
    RateLimited,
    Refused,
    Retired,
    StaleData,
    TimedOut,
    Unauthorized,
    Unsupported,
)
from domain.exit_codes import ExitCode
from domain.money import BadNumber

T = TypeVar("T")

STATUS_OF_ERROR: tuple[tuple[type[CrossbookError], str], ...] = (
    (RateLimited, quotes.RATE_LIMITED),
    (Maintenance, quotes.MAINTENANCE),
    (GeoBlocked, quotes.GEO_BLOCKED),
    (Unauthorized, quotes.UNAUTHORIZED),
    (Unsupported, quotes.UNSUPPORTED),
    (NotListed, quotes.NOT_LISTED),
    (Retired, quotes.RETIRED),
    (StaleData, quotes.STALE),
    (Refused, quotes.UNSUPPORTED),
)
"""The one place that says which state a venue's row is in after an error; every other error is `unavailable`."""


_NONE_ANSWERED = (
    (ExitCode.RATE_LIMITED, {quotes.RATE_LIMITED}),
    (ExitCode.VERIFICATION_FAILED, {quotes.STALE, quotes.CROSSED, quotes.EMPTY}),
    (ExitCode.REFUSED, {quotes.UNSUPPORTED, quotes.UNAUTHORIZED, quotes.RETIRED, quotes.NOT_LISTED}),
)


SHARE_OF_FRESHNESS = 0.8
"""Share of the age at which a price is stale that may pass while silent venues are waited for."""


class Answer(Generic[T]):
    """What one venue answered, or the error that came instead, and how long it took."""

    def __init__(self, name: str, value: T | None, error: CrossbookError | None, elapsed_ms: float) -> None:
        self.name = name
        self.value = value
        self.error = error
        self.elapsed_ms = elapsed_ms


def status_of(error: CrossbookError) -> str:
    """Return the row state that an error stands for."""
    for kind, status in STATUS_OF_ERROR:
        if isinstance(error, kind):
            return status
    return quotes.UNAVAILABLE


def patience_s(stale_after_ms: int) -> float:
    """Tell how long, once a price is there, the others are waited for (seconds), so that it is still usable then."""
    return stale_after_ms / 1000 * SHARE_OF_FRESHNESS


def ask_all(
    jobs: Mapping[str, Callable[[], T]], deadline: float, after_first_s: float | None = None
) -> dict[str, Answer[T]]:
    """Run every job in a thread of its own and collect what came before `deadline` (time.monotonic seconds).

    Never waits past the deadline, nor longer than `after_first_s` once a job has succeeded: a job still running then is
    answered with TimedOut and its thread, a daemon, is left behind. No job's failure touches another. Ctrl-C leaves at
    once. Answers are in the order of the jobs.
    """
    started = time.monotonic()
    answers: dict[str, Answer[T]] = {}
    succeeded: list[float] = []
    news = threading.Condition()

    def run(name: str, job: Callable[[], T]) -> None:
        answer = _answer(name, job)
        with news:
            answers[name] = answer
            if answer.value is not None and after_first_s is not None and not succeeded:
                succeeded.append(time.monotonic() + after_first_s)
            news.notify()

    for name, job in jobs.items():
        threading.Thread(target=run, args=(name, job), name=f"ask-{name}", daemon=True).start()
    with news:
        while len(answers) < len(jobs):
            left = min(deadline, *succeeded, float("inf")) - time.monotonic()
            if left <= 0 or not news.wait(left):
                break
        found = dict(answers)
    waited_ms = (time.monotonic() - started) * 1000
    return {name: found.get(name) or _too_late(name, waited_ms) for name in jobs}


def verdict(statuses: Sequence[str]) -> ExitCode:
    """Return the exit code of an answer, from the row states of the venues that were asked. Only `ok` is an answer.

    All: 0. Some: 8. None: 7 when rate limits explain every failure, 10 when every venue's data was unusable (stale,
    crossed or empty), 4 when every venue said no, else 6.
    """
    good = statuses.count(quotes.OK)
    if statuses and good == len(statuses):
        return ExitCode.OK
    if good:
        return ExitCode.PARTIAL
    states = set(statuses)
    for code, explained_by in _NONE_ANSWERED:
        if states and states <= explained_by:
            return code
    return ExitCode.UNAVAILABLE


def _answer(name: str, job: Callable[[], T]) -> Answer[T]:
    started = time.monotonic()
    value: T | None = None
    error: CrossbookError | None = None
    try:
        value = job()
    except CrossbookError as failure:
        error = failure
    except BadNumber as failure:
        error = BadAnswer(f"{name} sent a number that cannot be used: {failure}.", venue=name)
        error.__cause__ = failure
    except Exception as failure:  # noqa: BLE001 – a bug in one venue must not take the others down; it is shown by name
        error = CrossbookError(f"internal error ({type(failure).__name__}): {failure}", venue=name)
        error.__cause__ = failure
    return Answer(name, value, error, (time.monotonic() - started) * 1000)


def _too_late(name: str, waited_ms: float) -> Answer[T]:
    error = TimedOut(f"no answer within {waited_ms / 1000:.1f} s", venue=name, hint="Allow more with --timeout.")
    return Answer(name, None, error, waited_ms)
