"""Rate limits: what was asked, counted in windows of real time, whatever the market's clock says."""

import time
from collections.abc import Callable
from math import inf
from typing import NamedTuple

Clock = Callable[[], float]
"""Answers seconds."""

AS_REAL = 1.0
LIFTED = inf
"""Factors: the venue's own limits, and none."""

_MANY_KEYS = 4_096


class Taken(NamedTuple):
    """What a request left of its window: `left` of `limit`, for another `left_s`."""

    admitted: bool
    limit: int
    left: int
    left_s: float


class Windows:
    """Weights counted in windows of a fixed length, each key on its own; a window begins with its first request.

    `factor` multiplies every limit. Where limits are lifted each request is the first of its window, so that clients
    which read what is left slow down no more than those who do not.
    """

    def __init__(self, factor: float = AS_REAL, clock: Clock = time.monotonic, *, refused_count: bool = False) -> None:
        """Count refused requests too where `refused_count`."""
        self._factor = factor
        self._clock = clock
        self._refused_count = refused_count
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key: str, limit: int, window_s: float, weight: int = 1) -> Taken:
        """Take `weight` from the window of `key`."""
        if self._factor == LIFTED:
            return Taken(True, limit, max(0, limit - weight), window_s)
        limit = max(1, int(limit * self._factor))
        now_s = self._clock()
        began_s, used = self._windows.get(key, (now_s, 0))
        if now_s - began_s >= window_s:
            began_s, used = now_s, 0
        admitted = used + weight <= limit
        if admitted or self._refused_count:
            used += weight
        self._windows[key] = (began_s, used)
        if len(self._windows) > _MANY_KEYS:
            self._windows = {k: v for k, v in self._windows.items() if now_s - v[0] < window_s}
        return Taken(admitted, limit, limit - used if admitted else 0, began_s + window_s - now_s)


class Credits:
    """Requests taken from a pool per key that flows back all the time; `factor` multiplies its size and its flow."""

    def __init__(self, factor: float = AS_REAL, clock: Clock = time.monotonic) -> None:
        self._factor = factor
        self._clock = clock
        self._empty_at: dict[str, float] = {}

    def take(self, key: str, most: float, per_s: float) -> bool:
        """Take one of the `most` that are there at once, `per_s` of which flow back; False where none is left."""
        if self._factor == LIFTED:
            return True
        now_s, each_s = self._clock(), 1 / (per_s * self._factor)
        empty_at = max(self._empty_at.get(key, now_s), now_s) + each_s
        if empty_at - now_s > most * self._factor * each_s + 1e-9:
            return False
        self._empty_at[key] = empty_at
        return True
