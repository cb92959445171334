"""Start, find and stop the simulator in the background.

Imports stay light: the command line calls `ensure_running` each time it is used with `--env sim`. The warm path reads
one small file and looks at a lock; it asks nobody.
"""

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.state import (
    LOCK_FILE,
    LOG_FILE,
    STATE_FILE,
    Position,
    SimulatorError,
    State,
    read_state,
    running_pid,
    running_state,
)

if TYPE_CHECKING:
    import subprocess

__all__ = ["SimulatorError", "State", "ensure_running", "read_state", "running_state", "stop"]

START_LIMIT_S = 20.0
_TERM_LIMIT_S = 3.0
_START_LOCK = "simulator.start.lock"
_POLL_S = 0.02
_ROOT = Path(__file__).resolve().parent.parent
_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV"),
        # Where a tape in a bucket is, and which of the user's files has the keys; never the keys themselves.
        *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
        *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
    }
)


def ensure_running(
    state_dir: Path,
    *,
    seed: int | None = None,
    tape: str | Path | None = None,
    faults: str | Path | None = None,
    tls: bool | None = None,
    frozen: bool | None = None,
    hold: Position | None = None,
    loop: bool | None = None,
    no_limits: bool | None = None,
    fresh: bool | None = None,
    port_base: int | None = None,
    idle_s: float = 1800.0,
) -> State:
    """Answer the state of the running simulator; start one in the background where none runs.

    What is None was not asked for: a running simulator may have it either way. `idle_s` only counts for a new one.
    `fresh` begins with empty accounts, and with another market where no seed is given: only a new one can do that.

    Raises:
        SimulatorError: it cannot start, or one runs that was started otherwise.
    """
    wanted: dict[str, object] = {
        "seed": seed,
        "tape": _tape_name(tape) if tape else None,
        "faults": str(Path(faults).absolute()) if faults else None,
        "tls": tls,
        "frozen": frozen,
        "hold": hold,
        "loop": loop,
        "no_limits": no_limits,
        "port_base": port_base,
    }
    state = running_state(state_dir)
    if state is None:
        state = _start_once(state_dir, {**wanted, "fresh": fresh, "idle_s": idle_s})
    elif fresh:
        raise SimulatorError("A simulator is already running: end it first with `simulator stop` to begin afresh.")
    _check_same(state, wanted)
    return state


def _tape_name(tape: str | Path) -> str:
    from simulator.tape.stores import full_name

    return full_name(tape)


def stop(state_dir: Path) -> bool:
    """Stop the simulator of this directory: ask, then terminate, then kill. Answer whether one ran.

    Raises:
        SimulatorError: it survived all of that.
    """
    state = running_state(state_dir)
    lock = Path(state["lock"]) if state else state_dir / LOCK_FILE
    pid = running_pid(lock)
    if not pid:
        (state_dir / STATE_FILE).unlink(missing_ok=True)
        return False
    if state is not None:
        from simulator.client import call_control

        with contextlib.suppress(SimulatorError):  # one that hangs is ended by a signal below
            call_control(state, "POST", "/stop")
            if _gone(lock, pid, 5.0):
                return True
    import signal

    for number, limit_s in ((signal.SIGTERM, _TERM_LIMIT_S), (signal.SIGKILL, 3.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _gone(lock, pid, limit_s):
            (state_dir / STATE_FILE).unlink(missing_ok=True)
            return True
    raise SimulatorError(f"The simulator (process {pid}) cannot be stopped: end it with `kill -9 {pid}`.")


def _gone(lock: Path, pid: int, limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while running_pid(lock) == pid:
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
    return True


def _check_same(state: State, wanted: dict[str, object]) -> None:
    """Refuse to use a simulator that was started otherwise than asked for."""
    options: dict[str, object] = dict(state.get("options", {}))
    for name, value in wanted.items():
        if value is not None and options.get(name) != value:
            flag, has = name.replace("_", "-"), options.get(name)
            raise SimulatorError(
                f"A simulator is already running with --{flag} {_shown(has)}, not {_shown(value)}: "
                "end it first with `simulator stop`."
            )


def _shown(value: object) -> str:
    if value is None:
        return "left out"
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _start_once(state_dir: Path, options: dict[str, object]) -> State:
    """Start a simulator unless another caller just does; either way answer the state of the one that then runs."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    until = time.monotonic() + START_LIMIT_S
    with _start_lock(state_dir, until):
        state = running_state(state_dir)
        if state is not None:
            return state
        process = None if running_pid(state_dir / LOCK_FILE) else _launch(state_dir, options)
        return _wait(state_dir, process, until)


@contextlib.contextmanager
def _start_lock(state_dir: Path, until: float) -> Iterator[None]:
    descriptor = os.open(state_dir / _START_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise SimulatorError(_late(state_dir)) from None
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _launch(state_dir: Path, options: dict[str, object]) -> "subprocess.Popen[bytes]":
    """Start the process in a session of its own; it gets no terminal, none of our files and no secrets."""
    import subprocess

    command = [sys.executable, "-m", "simulator", "run", "--state-dir", str(state_dir.absolute())]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            command.append(flag)
        elif value is not None and value is not False:
            command += [flag, str(value)]
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("PYTHON")}
    descriptor = os.open(state_dir / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=_ROOT,
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _wait(state_dir: Path, process: "subprocess.Popen[bytes] | None", until: float) -> State:
    """Wait until the simulator is there and answers as the process that the state file names."""
    from simulator.client import call_control

    while time.monotonic() < until:
        state = running_state(state_dir)
        if state is not None and call_control(state, "GET", "/health").get("pid") == state["pid"]:
            if process is not None:
                process.returncode = 0  # it lives on without us: no warning that it was not waited for
            return state
        if process is not None and process.poll() is not None:
            raise SimulatorError(f"The simulator did not start: {_last_words(state_dir)}")
        if process is None and running_pid(state_dir / LOCK_FILE) is None:
            raise SimulatorError("The simulator that was about to start ended: repeat the command.")
        time.sleep(_POLL_S)
    if process is not None:
        process.kill()
        process.wait()
    raise SimulatorError(_late(state_dir))


def _late(state_dir: Path) -> str:
    return f"The simulator did not start within {START_LIMIT_S:.0f} s: see {state_dir / LOG_FILE}."


def _last_words(state_dir: Path) -> str:
    """Tell why the process ended: the last line it wrote."""
    try:
        lines = (state_dir / LOG_FILE).read_text(errors="replace").split("\n")
    except OSError:
        lines = []
    line = next((text for text in reversed(lines) if text.strip()), "it said nothing.")
    return line.removeprefix("error: ") if line.startswith("error: ") else f"{line} (see {state_dir / LOG_FILE})"
