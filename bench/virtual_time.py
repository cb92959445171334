"""A virtual clock for a whole process: it stands while a thread is at work, and jumps where all of them wait."""

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from domain.snapshots import SECOND_NS

_LATE_NS = 60_000
"""Nobody is woken on time; programs see to it that they have not been woken too early."""


class Clock:
    """A clock that jumps to the next moment that a thread waits for when every thread that it knows waits.

    Threads that are waited for by nobody's clock (publishing) step out of it with `apart`.
    """

    def __init__(self, now_ns: int) -> None:
        self.lock = threading.Lock()
        self._now_ns = now_ns
        self._busy = 0
        self._sleepers: list[tuple[int, int, _Sleeper]] = []
        self._count = 0
        self._fence_ns: int | None = None

    def time_ns(self) -> int:
        """Stand in for `time.time_ns`."""
        return self._now_ns

    def time(self) -> float:
        """Stand in for `time.time`."""
        return self._now_ns / SECOND_NS

    def sleep(self, seconds: float) -> None:
        """Stand in for `time.sleep`."""
        with self.lock:
            sleeper = self.asleep(seconds)
        sleeper.gate.acquire()

    def enter(self) -> None:
        """Count one thread more."""
        with self.lock:
            self._busy += 1

    def leave(self) -> None:
        """Count one thread less."""
        with self.lock:
            self._busy -= 1
            self._jump()

    @contextmanager
    def apart(self, seconds: float) -> Iterator[None]:
        """Let time go on for at most so long although this thread is at work, one at a time."""
        with self.lock:
            self._fence_ns = self._now_ns + round(seconds * SECOND_NS)
            self._busy -= 1
            self._jump()
        try:
            yield
        finally:
            with self.lock:
                self._fence_ns = None
                self._busy += 1  # and when this thread waits again, time goes on

    def asleep(self, seconds: float | None) -> "_Sleeper":
        """Put the calling thread to sleep; the caller has the lock, gives it back, and waits at the gate."""
        sleeper = _Sleeper()
        if seconds is not None:
            self._count += 1
            moment = self._now_ns + int(max(0.0, seconds) * SECOND_NS) + _LATE_NS
            heapq.heappush(self._sleepers, (moment, self._count, sleeper))
        self._busy -= 1
        self._jump()
        return sleeper

    def rouse(self, sleeper: "_Sleeper") -> None:
        """Wake a thread, once; the caller has the lock."""
        if not sleeper.awake:
            sleeper.awake = True
            self._busy += 1
            sleeper.gate.release()

    def _jump(self) -> None:
        # One at a time: threads that all want the interpreter at once only take it from each other.
        while self._sleepers and not self._busy:
            if self._fence_ns is not None and self._sleepers[0][0] > self._fence_ns:
                return
            moment, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.awake:
                self._now_ns = max(self._now_ns, moment)
                self.rouse(sleeper)


_Thread = threading.Thread


class _Sleeper:
    """A thread that waits: at a gate that opens once."""

    __slots__ = ("awake", "gate")

    def __init__(self) -> None:
        self.awake = False
        self.gate = threading.Lock()
        self.gate.acquire()


def virtual(clock: Clock) -> None:
    """Make every clock, wait and thread of this process virtual; what is imported later knows no other."""

    class Event:
        """Stands in for `threading.Event`."""

        def __init__(self) -> None:
            self._set = False
            self._waiting: set[_Sleeper] = set()

        def is_set(self) -> bool:
            return self._set

        def set(self) -> None:
            with clock.lock:
                self._set = True
                for sleeper in self._waiting:
                    clock.rouse(sleeper)

        def clear(self) -> None:
            self._set = False

        def wait(self, timeout: float | None = None) -> bool:
            with clock.lock:
                if self._set:
                    return True
                sleeper = clock.asleep(timeout)
                self._waiting.add(sleeper)
            sleeper.gate.acquire()
            with clock.lock:
                self._waiting.discard(sleeper)
            return self._set

    class Thread(_Thread):
        """Stands in for `threading.Thread`: known to the clock from before its start to its end."""

        def start(self) -> None:
            self._over, body = Event(), self.run

            def counted() -> None:
                try:
                    body()
                finally:
                    self._over.set()
                    clock.leave()

            self.run = counted  # type: ignore[method-assign]
            clock.enter()
            super().start()

        def join(self, timeout: float | None = None) -> None:
            super().join(timeout)
            if self.is_alive():  # as much time passes here as does outside, not a day
                self._over.wait(timeout)

    clock.enter()  # the calling thread
    threading.Event = Event  # type: ignore[assignment, misc]
    threading.Thread = Thread  # type: ignore[misc]
    time.time_ns, time.time, time.sleep = clock.time_ns, clock.time, clock.sleep  # type: ignore[assignment]
