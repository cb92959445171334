"""Venues of the simulator, opened by the real registry, with guards that tests can afford."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.base import Connector
from connectors.guard import Guard, Policy
from connectors.registry import Venues, open_venues
from domain.instruments import Instrument
from utils.config.load import load_config
from utils.resilience.breaker import Breaker
from utils.resilience.budget import Budget
from utils.resilience.store import Store

PLENTY_S = 20.0


def collisions(instruments: Iterable[Instrument]) -> dict[str, list[str]]:
    """Find canonical symbols that a venue's list gives to several native ids; there must be none."""
    found: dict[str, list[str]] = {}
    for instrument in instruments:
        found.setdefault(instrument.symbol, []).append(instrument.native_id)
    return {symbol: ids for symbol, ids in found.items() if len(ids) > 1}


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    """Make `home` the home of what is opened within the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSBOOK_HOME", str(home))
        yield


def know_simulator(home: Path, state_file: Path) -> None:
    """Tell a home where the simulator listens."""
    (home / "state").mkdir(parents=True, exist_ok=True)
    (home / "state" / "simulator.json").write_bytes(state_file.read_bytes())


def opened(home: Path, names: list[str] | None = None) -> Venues:
    """Open venues of the simulator that this home knows."""
    with at_home(home):
        return open_venues(load_config(environment="sim"), names)


def once(venues: Venues, name: str, folder: Path, *, within_s: float = PLENTY_S, attempts: int = 1) -> Connector:
    """Make a connector of its own that asks as often as said, has a large budget and a breaker nobody else uses."""
    ready = venues.connector(name)
    store = Store(folder / f"resilience-{name}-{time.monotonic_ns()}.sqlite")
    policy = Policy(requests_per_minute=1_000_000, scope=f"test-{time.monotonic_ns()}", attempts=attempts)
    deadline = time.monotonic() + within_s
    context = replace(
        ready.context,
        guard=Guard(name, Budget(store), Breaker(store), policy),
        deadline=lambda: deadline if within_s < PLENTY_S else time.monotonic() + PLENTY_S,
    )
    return type(ready)(name, context)
