"""The files by which a running simulator is found: its state, its lock and its log.

Imports stay light: the command line reads these files on every call with `--env sim`.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypedDict

STATE_FILE = "simulator.json"
LOCK_FILE = "simulator.lock"
LOG_FILE = "simulator.log"
SEED_FILE = "simulator-seed"
"""The seed of the last synthetic market, so that the next start goes on with it."""


Position = Literal["start", "end"]
"""Where a tape can be held."""


class SimulatorError(Exception):
    """The simulator cannot do as asked; the text is one sentence with the remedy."""


class StartOptions(TypedDict):
    """What a simulator was started with; paths are absolute, `None` is the default."""

    seed: int | None
    tape: str | None
    faults: str | None
    tls: bool
    frozen: bool
    hold: Position | None
    loop: bool
    no_limits: bool
    port_base: int | None
    idle_s: float


class State(TypedDict):
    """What a running simulator tells about itself.

    `hosts` maps a venue's real host to where it is served; `lock` is the file whose lock the process holds;
    `credentials` maps a venue to the `key`, `secret` and `passphrase` (or empty) of an account with money in it.
    """

    pid: int
    started_ms: int
    universe: str
    control: str
    hosts: dict[str, str]
    ca_file: str | None
    lock: str
    credentials: dict[str, dict[str, str]]
    options: StartOptions


def read_state(state_dir: Path) -> State | None:
    """Read the state file as it is; None where it is missing or unreadable. Use `running_state` to trust it."""
    try:
        state: State = json.loads((state_dir / STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and {"pid", "hosts", "control", "lock"} <= state.keys() else None


def write_state(state_dir: Path, state: State) -> None:
    """Write the state file in one step, readable by its owner only."""
    temporary = state_dir / f".{STATE_FILE}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(state, file, indent=1)
        file.write("\n")
    temporary.replace(state_dir / STATE_FILE)


def running_pid(lock: Path) -> int | None:
    """Tell which process holds a simulator's lock file, or None when none does.

    A lock dies with its process, so neither a crash nor a reused process id can be mistaken for a simulator.
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 20)
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def running_state(state_dir: Path) -> State | None:
    """Read the state of the simulator that runs now; None when none runs or it is not ready yet."""
    state = read_state(state_dir)
    if state is None or running_pid(Path(state["lock"])) != state["pid"]:
        return None
    try:
        os.kill(state["pid"], 0)  # its successor may hold the lock already, about to write its own number
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it lives, as another user
    return state


@contextlib.contextmanager
def held_lock(state_dir: Path) -> Iterator[int]:
    """Hold the directory's lock for as long as the simulator runs and yield its descriptor.

    Raises:
        SimulatorError: another simulator serves this directory.
    """
    descriptor = os.open(state_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, state_dir)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, state_dir: Path) -> None:
    """Take the lock; wait a moment, since whoever only looks whether it is held takes it for microseconds."""
    until = time.monotonic() + 1
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                pid = os.pread(descriptor, 20, 0).decode(errors="replace") or "?"
                message = f"A simulator (process {pid}) already serves {state_dir}: end it with `simulator stop`."
                raise SimulatorError(message) from None
            time.sleep(0.01)
        else:
            return


def still_ours(state_dir: Path, descriptor: int) -> bool:
    """Tell whether the lock file at its path is the one we hold (else the directory was removed or replaced)."""
    try:
        return os.path.samestat((state_dir / LOCK_FILE).stat(), os.fstat(descriptor))
    except OSError:
        return False
