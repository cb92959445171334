"""Run the simulator in this process until it is stopped, is idle for too long, or its directory goes away."""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import sqlite3
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from simulator.control import Control
from simulator.exchange.store import Store
from simulator.faults import load_faults
from simulator.limits import LIFTED
from simulator.market.model import Market
from simulator.registry import venue_classes
from simulator.server import SimServer
from simulator.state import (
    LOCK_FILE,
    LOG_FILE,
    SEED_FILE,
    STATE_FILE,
    Position,
    SimulatorError,
    StartOptions,
    State,
    held_lock,
    read_state,
    still_ours,
    write_state,
)
from simulator.tape.stores import full_name, is_bucket
from simulator.tls import make_tls

_WATCH_EVERY_S = 1.0
_log = logging.getLogger("simulator")


@dataclass(frozen=True)
class Options:
    """How to run; `port_base` None takes free ports, `idle_s` 0 never ends by itself.

    `seed` None goes on with the market that was served last. `fresh` begins with empty accounts, and where no seed is
    given with a new market. `hold` keeps a tape at its start or end for ever, `loop` begins it anew when it is over.
    `no_limits` lifts the venues' rate limits.
    """

    state_dir: Path
    seed: int | None = None
    tape: Path | str | None = None
    faults: Path | None = None
    tls: bool = False
    frozen: bool = False
    hold: Position | None = None
    loop: bool = False
    no_limits: bool = False
    fresh: bool = False
    port_base: int | None = None
    idle_s: float = 1800.0

    def record(self) -> StartOptions:
        """Describe them for the state file."""
        return {
            "seed": self.seed,
            "tape": full_name(self.tape) if self.tape else None,
            "faults": str(self.faults.absolute()) if self.faults else None,
            "tls": self.tls,
            "frozen": self.frozen,
            "hold": self.hold,
            "loop": self.loop,
            "no_limits": self.no_limits,
            "port_base": self.port_base,
            "idle_s": self.idle_s,
        }


def run(options: Options, announce: Callable[[State], None], *, log_to_file: bool) -> None:
    """Serve until stopped; `announce` is called once everything listens.

    Raises:
        SimulatorError: it cannot start.
    """
    options.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held_lock(options.state_dir) as lock:
        _set_up_log(options.state_dir if log_to_file else None)
        market = build_market(_with_seed(options))
        store = _accounts(options, market.universe)
        with contextlib.closing(store), contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(options, market, store, lock, announce))


def build_market(options: Options) -> Market:
    """Build the market the options ask for.

    Raises:
        SimulatorError: the tape cannot be read.
    """
    if options.tape is None:
        if options.hold or options.loop:
            raise SimulatorError("Only a tape can be held or looped: give --tape with --hold and --loop.")
        from simulator.market.synthetic import SyntheticMarket

        return SyntheticMarket(options.seed, frozen=options.frozen)
    if options.seed is not None or options.frozen:
        raise SimulatorError("A tape has its own prices: leave out --seed and --frozen with --tape.")
    if options.hold and options.loop:
        raise SimulatorError("A tape that is held does not run: give --hold or --loop.")
    if not is_bucket(options.tape) and not Path(options.tape).is_dir():
        raise SimulatorError(f"The tape {options.tape} is not a directory: name one with recordings, or a store.")
    from simulator.tape.market import load_tape

    return load_tape(options.tape, options.hold, options.loop)


def _with_seed(options: Options) -> Options:
    """Choose the seed of a synthetic market, and keep it for the next start."""
    if options.tape is not None:
        return options
    file = options.state_dir / SEED_FILE
    seed = options.seed
    if seed is None and not options.fresh:
        with contextlib.suppress(OSError, ValueError):
            seed = int(file.read_text())
    if seed is None:
        seed = secrets.randbelow(1 << 31)
    file.write_text(f"{seed}\n")
    return replace(options, seed=seed)


def _accounts(options: Options, universe: str) -> Store:
    """Open the accounts of this market, emptied first where that is asked for.

    Raises:
        SimulatorError: the file cannot be used.
    """
    path = options.state_dir / f"simulator-accounts-{universe}.sqlite"
    if options.fresh:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    try:
        return Store(path)
    except (OSError, sqlite3.Error) as error:
        raise SimulatorError(f"The accounts in {path} cannot be read ({error}): start with --fresh.") from None


async def _serve(options: Options, market: Market, store: Store, lock: int, announce: Callable[[State], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = SimServer(market, venue_classes(), store)
    control = Control(server, market.universe, os.getpid(), stop)
    try:
        state = await _open(options, server, control, market.universe)
        write_state(options.state_dir, state)
        gc.collect()
        gc.freeze()  # listings live as long as the process: never look at them again
        announce(state)
        await _until_over(options, state, server, lock, stop)
    finally:
        if still_ours(options.state_dir, lock):
            (options.state_dir / STATE_FILE).unlink(missing_ok=True)
        await server.close()
        await control.close()


async def _open(options: Options, server: SimServer, control: Control, universe: str) -> State:
    """Listen everywhere and describe it."""
    for fault in load_faults(options.faults) if options.faults else ():
        server.plan.add(fault)
    if options.no_limits:
        server.set_limits(LIFTED)
    context: ssl.SSLContext | None = None
    ca_file: Path | None = None
    if options.tls:
        context, ca_file = make_tls(options.state_dir, server.real_hosts)
    first = options.port_base or 0
    control_url = await control.start(first)
    await server.start(first + 1 if first else 0, context)
    return {
        "pid": os.getpid(),
        "started_ms": time.time_ns() // 1_000_000,
        "universe": universe,
        "control": control_url,
        "hosts": server.hosts,
        "ca_file": str(ca_file) if ca_file else None,
        "credentials": server.credentials,
        "lock": str((options.state_dir / LOCK_FILE).absolute()),
        "options": options.record(),
    }


async def _until_over(options: Options, state: State, server: SimServer, lock: int, stop: asyncio.Event) -> None:
    """Wait until asked to stop, idle for too long, or the directory is gone; put back a state file that was removed."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _WATCH_EVERY_S)
        if not still_ours(options.state_dir, lock):
            _log.info("The directory %s is no longer ours: stopping.", options.state_dir)
            return
        if options.idle_s and server.traffic.idle_s() > options.idle_s:
            _log.info("No request for %.0f s: stopping.", options.idle_s)
            return
        if not stop.is_set() and read_state(options.state_dir) != state:
            write_state(options.state_dir, state)


def _set_up_log(state_dir: Path | None) -> None:
    """Log to standard error, or to the log file of `state_dir` where a user watches the terminal."""
    handler = logging.FileHandler(state_dir / LOG_FILE) if state_dir else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("simulator").addHandler(handler)
    logging.getLogger("asyncio").addHandler(handler)
    logging.getLogger("simulator").setLevel(logging.INFO)
