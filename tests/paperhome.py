"""A home in the environment `paper` whose live hosts are the simulator's: public reads only, as everywhere on paper."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connectors.registry
from connectors.registry import Venues, open_venues
from tests.commands.clirun import ROOT, Done
from tests.papermain import redirected
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures
from utils.config.load import load_config

D = Decimal
PLENTY_S = 30.0


@pytest.fixture
def paper(warm: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811 - the fixture
    """The simulator as the live market, a home with every instrument list, and no account on paper yet."""
    monkeypatch.setattr(connectors.registry, "place", redirected)
    for kept in (home / "cache" / "ccxt").glob("*-sim.sqlite"):
        shutil.copy(kept, kept.with_name(kept.name.replace("-sim.", "-paper.")))
    warm.reset_requests()
    return warm


@pytest.fixture
def venues(paper: Any) -> Iterator[Venues]:
    """Every venue of the configuration on paper."""
    import time

    opened = open_venues(load_config(environment="paper"))
    opened.start(time.monotonic() + PLENTY_S)
    yield opened
    opened.close()


def command(*arguments: str) -> list[str]:
    """Give the command line of a process that runs a command on paper."""
    return [sys.executable, "-m", "tests.papermain", *arguments, "--env", "paper"]


def on_paper(*arguments: str) -> Done:
    """Run a command on paper in a process of its own."""
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)
