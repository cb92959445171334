"""The whole kill tests; each prints its count, and exits 1 where anything is wrong.

`python -m tests.chaos --runs 1000`: orders. `python -m tests.chaos recorder --runs 200`: recordings.
`python -m tests.chaos compact --runs 100`: compacting and pruning.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.killing import CREWS, Killer, warm_up
from tests.simfixture import start_simulator


def say(line: str) -> None:
    """Write a line at once: a long run is watched."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run one of them."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=tuple(TESTS), default="orders")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--venue", help="orders at this venue only")
    options = parser.parse_args()
    say(f"Seed {options.seed}; {options.runs} runs.")
    with tempfile.TemporaryDirectory() as folder:
        wrong = TESTS[options.what](Path(folder), options)
    for line in wrong:
        say(line)
    return 1 if wrong else 0


def orders(home: Path, options: argparse.Namespace) -> list[str]:
    """Kill `order place`; return what was wrong."""
    crews = CREWS if options.venue is None else ((options.venue,),)
    with start_simulator(home / "state", seed=options.seed % 100_000) as sim:
        killer = Killer(sim, home, options.seed, warm_up(home), crews)
        sim.reset_accounts()
        tell(killer.run(options.runs))
    say(f"Faults: {listed(killer.count.faults)}.")
    return killer.count.wrong


def tell(counts: Iterable[object]) -> None:
    """Say each count of a run, and when it was reached."""
    started = time.monotonic()
    for count in counts:
        say(f"{time.monotonic() - started:6.0f} s  {count}")


def recordings(home: Path, options: argparse.Namespace) -> list[str]:
    """Kill `snapshot`; return what was wrong."""
    from tests.chaos.recorder import Recordings
    from tests.chaos.recorder_store import running

    with start_simulator(home / "state", seed=options.seed % 100_000) as sim, running() as (door, url):
        recordings = Recordings(sim, home, door, url, options.seed)
        tell(recordings.run(options.runs))
    say(f"Ends: {listed(recordings.count.where)}.")
    say(f"Requests to the store that a fault befell: {listed(recordings.count.befell)}.")
    return recordings.count.wrong


def keepers(home: Path, options: argparse.Namespace) -> list[str]:
    """Kill `snapshot compact` and `snapshot prune`; return what was wrong."""
    from tests.chaos.keeper import Keepers
    from tests.chaos.recorder_store import running

    with running() as (door, url):
        keepers = Keepers(home, door, url, options.seed)
        tell(keepers.run(options.runs))
    say(f"Ends: {listed(keepers.count.where)}.")
    say(f"Requests to the store that a fault befell: {listed(door.befell)}.")
    return keepers.count.wrong


TESTS = {"orders": orders, "recorder": recordings, "compact": keepers}


def listed(count: "Counter[str]") -> str:
    """Write a count as a list."""
    return ", ".join(f"{number} {name}" for name, number in sorted(count.items()) if number)


if __name__ == "__main__":
    sys.exit(main())
