"""A store that every test changes as it likes."""

from pathlib import Path
from shutil import copytree

import pytest

from tests.market_data.snapshots.filled import three_days
from utils.persistence.sinks.local import LocalSink


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days, as publishing leaves them; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("made")
    three_days(LocalSink(folder / "store"), folder / "work")
    return folder / "store"


@pytest.fixture
def sink(made: Path, tmp_path: Path) -> LocalSink:
    """A copy of what was made."""
    return LocalSink(copytree(made, tmp_path / "store"))
