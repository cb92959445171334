"""Whole processes timed side by side: interleaved, so that a busy machine slows all of them alike."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def side_by_side(
    commands: Mapping[str, Sequence[str]], *, rounds: int, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Run each command once a round, in turn, and return each one's median wall time in milliseconds.

    Raises:
        RuntimeError: when a command fails; its stderr is in the message.
    """
    surroundings = {**os.environ, **(environment or {})}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            begun = time.perf_counter()
            done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)
            taken = (time.perf_counter() - begun) * 1000
            if done.returncode not in (0, 8):
                raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr[-2000:]}")
            if turn:  # the first round warms caches and byte-code
                times[name].append(taken)
    return {name: statistics.median(taken) for name, taken in times.items()}


def show(title: str, figures: Mapping[str, float], against: str, target: str) -> None:
    """Print figures in milliseconds with their ratio to one of them."""
    print(f"\n{title}")
    for name, value in figures.items():
        print(f"  {name:<48} {value:>10.2f} ms   {value / figures[against]:>7.2f} ×")
    print(f"  target: {target}")
