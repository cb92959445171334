"""How every call of a venue goes: budget, then breaker, then the call; a read again after a passing failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

from domain.errors import CrossbookError, NotSent, RateLimited, TimedOut
from utils.resilience.breaker import Breaker
from utils.resilience.budget import CANCEL, ORDER, READ, Budget, Charge

T = TypeVar("T")

BAN_S = 120.0
"""How long a venue that shuts us out without saying for how long is left alone: the shortest ban of any of them."""
FAIR_PATIENCE_S = 1.0
"""A call given less time than this says more about our impatience than about the venue when it times out."""


_urgent: ContextVar[bool] = ContextVar("urgent", default=False)


@contextmanager
def urgent() -> Iterator[None]:
    """Let this thread's reads pass within the block as cancels do: by the reserve of the budget, breaker or not."""
    token = _urgent.set(True)
    try:
        yield
    finally:
        _urgent.reset(token)


class Policy(NamedTuple):
    """How one venue is treated. `scope` keeps environments apart (`live`, `testnet`, `sim/…`).

    `burst_share` of the budget per minute may be used at once; the rest flows back over a minute, so that no minute,
    wherever it starts, sees more than the whole.
    """

    requests_per_minute: float = 600
    scope: str = "live"
    burst_share: float = 0.25
    burst: float | None = None
    attempts: int = 4
    first_wait_s: float = 0.2
    max_wait_s: float = 5.0


class _NotTriedError(CrossbookError):
    """Budget or breaker did not let a further try through."""


class Guard:
    """Guards the calls to one venue; its trouble stays its own. Clocks and sleep are replaced in tests."""

    def __init__(
        self,
        venue: str,
        budget: Budget,
        breaker: Breaker,
        policy: Policy,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.key = key_of(policy.scope, venue)
        self._venue = venue
        self._budget = budget
        self._breaker = breaker
        self._policy = policy
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    def read(self, fn: Callable[[], T], *, cost: float = 1.0, deadline: float) -> T:
        """Call `fn`, which may be called again: reads only.

        Args:
            cost: units of the venue's budget that one call takes.
            deadline: time.monotonic seconds until which the whole may take.

        Raises:
            RateLimited: the budget, or the venue, wants us to wait for longer than the deadline.
            CircuitOpen: the venue failed too often of late.
            CrossbookError: what `fn` raised last.
        """
        self._admit(cost, deadline)
        try:
            return self._call(fn, deadline)
        except CrossbookError as error:
            if not error.retryable or self._policy.attempts < 2:
                raise
            first = last = error
        from utils.resilience.retry import try_again

        def again() -> T:
            nonlocal last
            try:
                self._admit(cost, deadline)
            except CrossbookError as error:
                raise _NotTriedError(error.message) from error
            try:
                return self._call(fn, deadline)
            except CrossbookError as error:
                last = error
                raise

        try:
            return try_again(
                again,
                first,
                deadline=deadline,
                attempts=self._policy.attempts,
                first_wait_s=self._policy.first_wait_s,
                max_wait_s=self._policy.max_wait_s,
                monotonic=self._monotonic,
                sleep=self._sleep,
            )
        except _NotTriedError:
            raise last from None  # what the venue did says more than that we do not ask it again

    def admit_once(
        self, *, cost: float, deadline: float, lane: str = ORDER, rate: tuple[float, float] | None = None
    ) -> None:
        """Take from the budgets what an order or a cancel costs, waiting for it where need be.

        Args:
            rate: the venue's own count of orders: how many a second in the long run, and how many at once.

        Raises:
            RateLimited: it would be there after the deadline only.
            NotSent: the venue failed too often of late (a cancel is tried all the same).
        """
        charges = [self._charge(cost)]
        if rate is not None:
            per_second, burst = rate
            charges.append(Charge(f"{self.key} orders", 1, per_second * 60, burst))
        self._budget.charge_all(charges, deadline=deadline, lane=lane)
        if lane != CANCEL:
            try:
                self._breaker.check(self.key)
            except CrossbookError as error:
                raise NotSent(error.message, venue=self._venue, hint=error.hint) from error

    def once(self, fn: Callable[[], T], *, deadline: float) -> T:
        """Call `fn` one time, for what was admitted by `admit_once`; nothing is ever tried again here."""
        return self._call(fn, deadline)

    def charge(self, cost: float, *, deadline: float, lane: str = READ) -> None:
        """Take `cost` units of the venue's budget without calling anything (see `Budget.charge`)."""
        self._budget.charge_all([self._charge(cost)], deadline=deadline, lane=lane)

    def _charge(self, cost: float) -> Charge:
        per_minute = self._policy.requests_per_minute
        burst = max(1.0, self._policy.burst or per_minute * self._policy.burst_share)
        return Charge(self.key, cost, max(1.0, per_minute - burst), burst)

    def feed_back(self, used: float, limit: float, window_s: float = 60.0) -> None:
        """Take over the venue's own count from an answer's headers (see `Budget.feed_back`)."""
        self._budget.feed_back(self.key, used, limit, window_s)

    def _admit(self, cost: float, deadline: float) -> None:
        if _urgent.get():
            self.charge(cost, deadline=deadline, lane=CANCEL)
            return
        self.charge(cost, deadline=deadline)
        self._breaker.check(self.key)

    def _call(self, fn: Callable[[], T], deadline: float) -> T:
        patience_s = deadline - self._monotonic()
        try:
            result = fn()
        except CrossbookError as error:
            error.venue = error.venue or self._venue
            if isinstance(error, RateLimited) and (wait_s := error.retry_after_s or (BAN_S if error.banned else 0)):
                self._budget.block_until(self.key, self._clock() + wait_s)
            if isinstance(error, TimedOut) and patience_s < FAIR_PATIENCE_S:
                self._breaker.release(self.key)
            else:
                self._breaker.record(self.key, error)
            raise
        self._breaker.record(self.key, None)
        return result


def key_of(scope: str, venue: str) -> str:
    """Name a venue of an environment in the shared store; the last part is the venue."""
    return f"{scope}/{venue}"
