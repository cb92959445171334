"""Timing of code inside this process: many short runs, interleaved, the median of each."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping


def medians(calls: Mapping[str, Callable[[], object]], *, rounds: int = 60) -> dict[str, float]:
    """Run each call once a round, in turn, and return each one's median time in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    gc.disable()
    try:
        for turn in range(rounds + 3):
            for name, call in calls.items():
                begun = time.perf_counter()
                call()
                taken = (time.perf_counter() - begun) * 1000
                if turn >= 3:
                    times[name].append(taken)
            gc.collect()
    finally:
        gc.enable()
    return {name: statistics.median(taken) for name, taken in times.items()}


def in_turn(
    calls: Mapping[str, Callable[[int], object]],
    *,
    rounds: int,
    before: Callable[[int], object] = lambda _: None,
    unmeasured: int = 10,
) -> dict[str, list[float]]:
    """Run the calls in turn, each as often first as last, and return each one's times in milliseconds, in pairs.

    `before` runs before each round, outside the clock; garbage is collected there, too, and not within a round.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for turn in range(rounds + unmeasured):
            before(turn)
            for name in names if turn % 2 else reversed(names):
                begun = time.perf_counter()
                calls[name](turn)
                taken = (time.perf_counter() - begun) * 1000
                if turn >= unmeasured:
                    times[name].append(taken)
            if turn % 50 == 0:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return times
