"""Trying again after a failure: exponential backoff with jitter, inside the deadline.

Import this module at the first failure only: tenacity costs 50 ms.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import tenacity

from domain.errors import CrossbookError, RateLimited

T = TypeVar("T")

LIMITED_WAIT_S = 2.0
"""The least wait after a limit whose end the venue does not tell: the longest window that limits are counted in."""


def try_again(
    call: Callable[[], T],
    first: CrossbookError,
    *,
    deadline: float,
    attempts: int,
    first_wait_s: float = 0.2,
    max_wait_s: float = 5.0,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Go on after the failure `first` until `call` succeeds; only errors that are `retryable` are tried again.

    Args:
        deadline: no try starts after it (time.monotonic seconds).
        attempts: how often to call in all, the first failure included.

    Raises:
        CrossbookError: the last failure, as soon as no further try fits.
    """
    pending: list[CrossbookError] = [first]
    backoff = tenacity.wait_exponential_jitter(multiplier=first_wait_s, max=max_wait_s, jitter=first_wait_s)

    def attempt() -> T:
        if pending:
            raise pending.pop()
        return call()

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, RateLimited):
            return backoff(state)
        if error.retry_after_s is None:
            return max(backoff(state), LIMITED_WAIT_S)
        return error.retry_after_s or backoff(state)

    def stop(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= attempts or monotonic() + state.upcoming_sleep >= deadline

    def worth_it(error: BaseException) -> bool:
        return isinstance(error, CrossbookError) and error.retryable

    retrying = tenacity.Retrying(
        wait=wait, stop=stop, retry=tenacity.retry_if_exception(worth_it), sleep=sleep, reraise=True
    )
    return retrying(attempt)
