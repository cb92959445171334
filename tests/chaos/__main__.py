"""`python -m tests.chaos --runs 1000`: the whole kill test; prints the count, and exits 1 where anything is wrong."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.killing import CREWS, Killer, warm_up
from tests.simfixture import start_simulator


def say(line: str) -> None:
    """Write a line at once: a long run is watched."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--venue", help="at this venue only")
    options = parser.parse_args()
    crews = CREWS if options.venue is None else ((options.venue,),)
    say(f"Seed {options.seed}; {options.runs} runs.")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with start_simulator(home / "state", seed=options.seed % 100_000) as sim:
            killer = Killer(sim, home, options.seed, warm_up(home), crews)
            sim.reset_accounts()
            started = time.monotonic()
            for count in killer.run(options.runs):
                say(f"{time.monotonic() - started:6.0f} s  {count}")
    faults = ", ".join(f"{number} {name}" for name, number in sorted(killer.count.faults.items()))
    say(f"Faults: {faults}.")
    for line in killer.count.wrong:
        say(line)
    return 1 if killer.count.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
