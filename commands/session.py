"""What a command works with: configuration, environment, venues and a deadline, wired in one place."""

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from domain.errors import UsageError
from utils.config.load import load_config
from utils.config.paths import state_dir
from utils.config.settings import Config
from utils.rendering import Report, emit

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import StorageSettings


DOWNLOAD_SHARE = 0.6
"""Part of a deadline that missing instrument lists may take; the rest is kept for the answer itself."""


class Session:
    """One run of one command."""

    def __init__(self, config: Config, venues: "Venues", deadline: float) -> None:
        self.config = config
        self.environment = config.environment
        self.venues = venues
        self._deadline = deadline

    def deadline(self) -> float:
        """Answer until when (time.monotonic seconds) this command may wait."""
        return self._deadline


def configured(env: str | None = None, timeout: float | None = None) -> Config:
    """Read the configuration as this command line asks for it (`--env` may stand before the subcommand)."""
    outer = click.get_current_context().find_root().params
    if env and outer.get("env") not in (None, env):
        raise UsageError(f"--env is given twice: {outer['env']} and {env}.", hint="Choose one.")
    return load_config(environment=env or outer.get("env"), timeout_s=timeout, config_file=outer.get("config_file"))


def open_session(
    env: str | None = None, venues: Sequence[str] = (), timeout: float | None = None, *, markets: bool = True
) -> Session:
    """Wire configuration, environment and venues; start the simulator where `sim` needs it.

    Args:
        venues: names given with `--venue`; none means all that are enabled.
        markets: make sure that the instrument lists are there (downloads them when they are missing or too old).
    """
    config = configured(env, timeout)
    if config.environment == "sim":
        ensure_simulator(config)
    from connectors.registry import open_venues

    opened = open_venues(config, list(venues) or None)
    started = time.monotonic()
    if timeout is not None:
        opened.start(started + DOWNLOAD_SHARE * config.timeout_s)
    if markets:
        opened.ensure_markets(progress=progress)
    # Asked for on the command line, the deadline is for everything; else a first download of instrument lists, which
    # is shown as progress, has a time of its own.
    deadline = (time.monotonic() if timeout is None else started) + config.timeout_s
    opened.start(deadline)
    return Session(config, opened, deadline)


def storage(env: str | None) -> "tuple[StorageSettings, str]":
    """Tell where order books are stored, and the environment that they are of."""
    config = configured(env)
    return config.storage, config.environment


def ensure_simulator(config: Config) -> None:
    """Start the simulator in the background unless it runs."""
    from commands.simulator_access import ensure

    ensure(state_dir(), config.simulator)


def finish(report: Report, output: str) -> None:
    """Print the report and end the program with its exit code."""
    raise click.exceptions.Exit(int(emit(report, output)))


def progress(venue: str, state: str) -> None:
    """Say on stderr what a venue's download has come to."""
    with suppress(OSError):  # a log that takes nothing more is no reason to stop
        sys.stderr.write(f"{venue}: {state}\n")
