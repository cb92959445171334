"""The command line with the simulator as its live market: `python -m tests.papermain order place … --env paper`."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import connectors.registry
import main
from connectors import environments
from connectors.environments import PAPER, SIM, Place


def redirected(environment: str, folder: Path, testnets: Iterable[Mapping[str, str]]) -> Place:
    """Decide as `environments.place` does, but let paper find its live hosts in the simulator."""
    if environment != PAPER:
        return environments.place(environment, folder, testnets)
    simulated, paper = (environments.place(name, folder, ()) for name in (SIM, PAPER))
    return paper._replace(endpoints=simulated.endpoints, key=simulated.key)


if __name__ == "__main__":
    connectors.registry.place = redirected
    main.leave(main.run(sys.argv[1:]))
