"""Find, start and ask the simulator. Loads little, since every command with `--env sim` comes by."""

from pathlib import Path
from typing import Any

from domain.errors import ConfigError, Refused
from simulator.daemon import SimulatorError, State, ensure_running, running_state
from utils.config.paths import state_dir
from utils.config.settings import SimulatorSettings

NOT_RUNNING = "No simulator is running."
START_HINT = "Start one with: python main.py simulator start"


def ensure(directory: Path, settings: SimulatorSettings) -> State:
    """Find the simulator, or start it as the configuration says.

    Raises:
        ConfigError: it cannot start, or one runs that was started otherwise.
    """
    idle_s = settings.idle_minutes * 60.0
    return started(directory, seed=settings.seed, tape=settings.tape, faults=settings.faults, idle_s=idle_s)


def started(directory: Path, **options: Any) -> State:
    """Find the simulator, or start it with the options of `ensure_running`.

    Raises:
        ConfigError: it cannot start, or one runs that was started otherwise.
    """
    try:
        return ensure_running(directory, **options)
    except SimulatorError as error:
        raise ConfigError(str(error)) from None


def running() -> State:
    """Find the simulator.

    Raises:
        ConfigError: none runs.
    """
    state = running_state(state_dir())
    if state is None:
        raise ConfigError(NOT_RUNNING, hint=START_HINT)
    return state


def ask(state: State, method: str, path: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask its control endpoint.

    Raises:
        Refused: it says no, or does not answer.
    """
    from simulator.client import call_control

    try:
        return call_control(state, method, path, payload)
    except SimulatorError as error:
        raise Refused(str(error)) from None
