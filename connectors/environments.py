"""Where an environment's requests go, and under which key its instrument lists are kept."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.endpoints import Endpoints
from domain.errors import ConfigError, NotSent, Refused

if TYPE_CHECKING:
    from utils.secrets import Credentials

PAPER, SIM, TESTNET, LIVE = "paper", "sim", "testnet", "live"


PAPER_BROKER = "connectors.paper.broker:PaperTrading"

Keys = Callable[[str], "Credentials | None"]
"""Finds a venue's credentials; None where there are none."""


class Place(NamedTuple):
    """An environment's endpoints, the key of its market cache, and how orders go there.

    `journal` is the key under which orders are written down. `keys` finds what a venue's requests are signed with.
    Where `signs` is false the transport lets nothing through that is signed. `broker` is the trading class for every
    venue; None: each venue's own.
    """

    endpoints: Endpoints
    key: str
    journal: str
    keys: Keys
    signs: bool = True
    broker: str | None = None


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
    if environment == PAPER:
        return Place(Endpoints(None), LIVE, PAPER, lambda _: None, signs=False, broker=PAPER_BROKER)
    if environment == LIVE:
        return Place(Endpoints(None), LIVE, LIVE, _users_keys(environment))
    if environment == TESTNET:
        hosts = {host: base for item in testnets for host, base in item.items()}
        return Place(
            Endpoints(hosts, closed=True, name="the test environment"), TESTNET, TESTNET, _users_keys(environment)
        )
    if environment != SIM:
        raise ConfigError(f"There is no environment {environment!r}.", hint="Use paper, sim, testnet or live.")
    state = simulator_state(folder)
    ca_file = state.get("ca_file")
    endpoints = Endpoints(state["hosts"], closed=True, ca_file=None if ca_file is None else str(ca_file))
    key = f"{SIM}/{state['universe']}"
    return Place(endpoints, key, key, lambda venue: _published(state, venue))


def journal_key(environment: str, folder: Path) -> str:
    """Answer the key of an environment's journal, as `place` does. Raises NotSent: `sim`, and it does not run."""
    return environment if environment != SIM else f"{SIM}/{simulator_state(folder)['universe']}"


def _users_keys(environment: str) -> Keys:
    def find(venue: str) -> "Credentials | None":
        from utils.secrets import credentials_for

        return credentials_for(venue, environment)

    return find


def _published(state: Mapping[str, Any], venue: str) -> "Credentials | None":
    """Take the keys that the simulator has made for its own accounts: nobody's secrets, yet treated as such."""
    from utils.secrets import Credentials
    from utils.secrets.redaction import remember

    found = (state.get("credentials") or {}).get(venue)
    if not isinstance(found, dict) or not found.get("key"):
        return None
    for value in found.values():
        remember(str(value or ""))
    return Credentials(
        str(found["key"]), str(found.get("secret") or ""), found.get("passphrase") or None, "the simulator"
    )


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
