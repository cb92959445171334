"""A short sample of the kill test of compacting and pruning, for each run of the suite; `make chaos` does the whole."""

from pathlib import Path

import pytest

from tests.chaos.keeper import Keepers
from tests.chaos.recorder_store import running
from tests.market_data.snapshots.filled import SPOT


@pytest.mark.timeout(120)
def test_killed_compactions_and_prunings_leave_the_old_or_the_new(home: Path) -> None:
    with running() as (door, url):
        keepers = Keepers(home, door, url, seed=8, days=1, crew=(SPOT,))
        for count in keepers.run(2):
            assert not count.wrong, count.wrong
    assert count.runs == 2
    assert count.kills
