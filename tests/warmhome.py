"""A home whose caches are warm, made once a test process and copied for each test that wants it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.opened import at_home, know_simulator, opened


@pytest.fixture(scope="session")
def warmed_cache(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download every instrument list once."""
    running_simulator.clear_faults()
    place = tmp_path_factory.mktemp("warm")
    know_simulator(place, running_simulator.state_file)
    venues = opened(place)
    with at_home(place):
        venues.ensure_markets()
    assert not venues.failures
    venues.close()
    return place / "cache"


@pytest.fixture
def warm(sim: Any, home: Path, warmed_cache: Path) -> Iterator[Any]:
    """The running simulator, and a home that has every instrument list but has never asked for a price."""
    (home / "cache").mkdir(mode=0o700)
    shutil.copy(warmed_cache / "markets.sqlite", home / "cache" / "markets.sqlite")
    shutil.copytree(warmed_cache / "ccxt", home / "cache" / "ccxt")
    yield sim
    sim.clear_faults()
