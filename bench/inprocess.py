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
