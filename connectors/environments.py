"""Where an environment's requests go, and under which key its instrument lists are kept."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from connectors.endpoints import Endpoints
from domain.errors import ConfigError, NotSent, Refused

PAPER, SIM, TESTNET, LIVE = "paper", "sim", "testnet", "live"


class Place(NamedTuple):
    """An environment's endpoints, and the key of its market cache."""

    endpoints: Endpoints
    key: str


def place(environment: str, folder: Path, testnets: Iterable[Mapping[str, str]]) -> Place:
    """Decide where the real hosts are reached.

    `paper` and `live` share the live public markets. `sim` and `testnet` are closed: a host that they do not know is
    never reached, so that nothing leaks to a live venue.

    Args:
        folder: the state folder, where the simulator says where it listens.
        testnets: the test hosts of the venues that are open.

    Raises:
        NotSent: `sim`, and no simulator has said where it listens.
        ConfigError: the environment is unknown, or the simulator's state file cannot be read.
    """
    if environment in (PAPER, LIVE):
        return Place(Endpoints(None), LIVE)
    if environment == TESTNET:
        hosts = {host: base for item in testnets for host, base in item.items()}
        return Place(Endpoints(hosts, closed=True, name="the test environment"), TESTNET)
    if environment != SIM:
        raise ConfigError(f"There is no environment {environment!r}.", hint="Use paper, sim, testnet or live.")
    state = simulator_state(folder)
    ca_file = state.get("ca_file")
    endpoints = Endpoints(state["hosts"], closed=True, ca_file=None if ca_file is None else str(ca_file))
    return Place(endpoints, f"{SIM}/{state['universe']}")


def simulator_state(folder: Path) -> dict[str, Any]:
    """Read where the simulator listens.

    Raises:
        NotSent: it does not run.
        ConfigError: its state file cannot be read.
    """
    path = folder / "simulator.json"
    try:
        state = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotSent("The simulator is not running.", hint="Start it: python main.py simulator start") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", hint="Delete it and start the simulator.") from error
    hosts = state.get("hosts") if isinstance(state, dict) and state.get("universe") else None
    if not isinstance(hosts, dict) or not all(isinstance(base, str) for base in hosts.values()):
        raise ConfigError(f"{path} is not a simulator's state.", hint="Delete it and start the simulator.")
    return dict(state)


def needs_testnet(venue: str, hosts: Mapping[str, str]) -> None:
    """Refuse a venue without a test environment.

    Raises:
        Refused: it has none.
    """
    if not hosts:
        raise Refused(
            f"{venue} has no test environment.", venue=venue, hint="Use --env sim, which simulates it, or --env paper."
        )
