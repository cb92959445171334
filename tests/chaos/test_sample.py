"""A short sample of the kill test, for every run of the suite; `make chaos` does the whole."""

from pathlib import Path

import pytest

from tests.chaos.killing import Killer, warm_up
from tests.simfixture import start_simulator

RUNS = 16


@pytest.mark.timeout(180)
def test_killed_processes_lose_nothing_and_double_nothing(home: Path) -> None:
    with start_simulator(home / "state", seed=7) as sim:
        killer = Killer(sim, home, seed=7, usual_s=warm_up(home))
        sim.reset_accounts()
        for count in killer.run(RUNS):
            assert not count.wrong, count.wrong
        assert killer.count.runs == RUNS
        assert killer.count.killed
        assert killer.count.at_venue
