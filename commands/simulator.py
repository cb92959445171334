"""The `simulator` commands: run, start, stop and look at it; `fault` and `faults` make it misbehave."""

import sys
from typing import Any

import click

from commands.options import output_option
from commands.session import finish
from commands.simulator_access import NOT_RUNNING, START_HINT, ask, started
from commands.simulator_faults import fault, faults
from commands.simulator_options import start_options
from commands.simulator_report import report_on
from domain.errors import ConfigError
from domain.exit_codes import ExitCode
from simulator.daemon import SimulatorError, State, running_state
from simulator.daemon import stop as stop_running
from utils.config.paths import state_dir
from utils.rendering import Report, emit


@click.group()
def simulator() -> None:
    """Run every venue on this machine, over its real wire."""


@simulator.command(epilog="Example: python main.py simulator run --tape recordings --port-base 8800")
@start_options
def run(**options: Any) -> None:
    """Run it in this terminal until Ctrl-C; trouble is written to simulator.log in the state directory."""
    from simulator.run import Options
    from simulator.run import run as serve

    options |= {name: bool(options[name]) for name in ("tls", "frozen", "loop", "no_limits", "fresh")}
    try:
        serve(Options(state_dir(), **options), _announce, log_to_file=True)
    except SimulatorError as error:
        raise ConfigError(str(error)) from None


@simulator.command(epilog="Example: python main.py simulator start --seed 7 --tls")
@start_options
@output_option
def start(output: str, **options: Any) -> None:
    """Start it in the background. Commands with `--env sim` do so by themselves."""
    finish(report_on(started(state_dir(), **options)), output)


@simulator.command(epilog="Example: python main.py simulator status --json")
@output_option
def status(output: str) -> None:
    """Show whether it runs, what it serves where, and what it was asked; exits 6 when it does not run."""
    state = running_state(state_dir())
    if state is None:
        report = Report({"running": False}, summary=[f"{NOT_RUNNING} {START_HINT}"], exit_code=ExitCode.UNAVAILABLE)
    else:
        report = report_on(state, ask(state, "GET", "/health"), ask(state, "GET", "/requests"))
    finish(report, output)


@simulator.command(epilog="Example: python main.py simulator stop")
@output_option
def stop(output: str) -> None:
    """Stop it."""
    try:
        stopped = stop_running(state_dir())
    except SimulatorError as error:
        raise ConfigError(str(error)) from None
    finish(Report({"stopped": stopped}, summary=["The simulator has stopped." if stopped else NOT_RUNNING]), output)


simulator.add_command(fault)
simulator.add_command(faults)


def _announce(state: State) -> None:
    emit(report_on(state), "table")
    sys.stderr.write("Press Ctrl-C to stop.\n")
