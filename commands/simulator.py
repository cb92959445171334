"""The `simulator` commands: run, start, stop and look at it, and make it misbehave."""

import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from commands.options import output_option
from commands.session import configured, finish
from domain.errors import ConfigError, Refused
from domain.exit_codes import ExitCode
from simulator.client import call_control
from simulator.daemon import SimulatorError, State, ensure_running, running_state
from simulator.daemon import stop as stop_running
from utils.config.paths import state_dir
from utils.config.settings import SimulatorSettings
from utils.rendering import Report, Table

Command = TypeVar("Command", bound=Callable[..., Any])
NOT_RUNNING = "No simulator is running."
START_HINT = "Start one with: simulator start."


def ensure(directory: Path, settings: SimulatorSettings) -> State:
    """Find the simulator, or start it as the configuration says.

    Raises:
        ConfigError: it cannot start, or one runs that was started otherwise.
    """
    return _ensure(
        directory, seed=settings.seed, tape=settings.tape, faults=settings.faults, idle_s=settings.idle_minutes * 60.0
    )


def start_options(command: Command) -> Command:
    """Add the options that say how the simulator is started; those left out come from the configuration."""
    directory = click.Path(exists=True, file_okay=False, path_type=Path)
    options = (
        click.option("--tape", type=directory, metavar="DIR", help="Serve the recordings in this directory."),
        click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the synthetic market."),
        click.option("--frozen", is_flag=True, default=None, help="Let the synthetic market stand still."),
        click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="Begin with these faults."),
        click.option("--tls", is_flag=True, default=None, help="Serve https and wss with a local authority."),
        click.option("--port-base", type=click.IntRange(1, 65_000), metavar="N", help="Use ports N, N+1, …"),
        click.option("--idle-minutes", type=click.FloatRange(min=0), help="End when idle for so long; 0 never."),
    )

    @wraps(command)
    def with_settings(**given: Any) -> Any:
        settings, minutes = configured().simulator, given.pop("idle_minutes")
        given["idle_s"] = 60.0 * (settings.idle_minutes if minutes is None else minutes)
        given["faults"] = given["faults"] or (Path(settings.faults) if settings.faults else None)
        if given["seed"] is None and given["tape"] is None:
            given["seed"], given["tape"] = settings.seed, Path(settings.tape) if settings.tape else None
        return command(**given)

    for option in reversed(options):
        with_settings = option(with_settings)
    return with_settings  # type: ignore[return-value]


@click.group()
def simulator() -> None:
    """Run every venue on this machine, over its real wire."""


@simulator.command(epilog="Example: python main.py simulator run --tape ../shared/recordings --port-base 8800")
@start_options
def run(**options: Any) -> None:
    """Run it in this terminal until Ctrl-C; problems are written to simulator.log in the state directory."""
    from simulator.run import Options
    from simulator.run import run as serve

    options |= {"tls": bool(options["tls"]), "frozen": bool(options["frozen"])}
    try:
        serve(Options(state_dir(), **options), _announce, log_to_file=True)
    except SimulatorError as error:
        raise ConfigError(str(error)) from None


@simulator.command(epilog="Example: python main.py simulator start --seed 7 --tls")
@start_options
@output_option
def start(output: str, **options: Any) -> None:
    """Start it in the background (commands with `--env sim` do so by themselves)."""
    finish(_report(_ensure(state_dir(), **options)), output)


@simulator.command(epilog="Example: python main.py simulator status --json")
@output_option
def status(output: str) -> None:
    """Show whether it runs, what it serves where, and what it was asked; exits 6 when it does not run."""
    state = running_state(state_dir())
    if state is None:
        finish(Report({"running": False}, summary=[f"{NOT_RUNNING} {START_HINT}"], exit_code=ExitCode.UNAVAILABLE), output)
        return
    finish(_report(state, _ask(state, "GET", "/health"), _ask(state, "GET", "/requests")), output)


@simulator.command(epilog="Example: python main.py simulator stop")
@output_option
def stop(output: str) -> None:
    """Stop it."""
    try:
        stopped = stop_running(state_dir())
    except SimulatorError as error:
        raise ConfigError(str(error)) from None
    finish(Report({"stopped": stopped}, summary=["The simulator has stopped." if stopped else NOT_RUNNING]), output)


@simulator.command(epilog="Example: python main.py simulator fault okx delay --set ms=250 --path '/api/v5/market/*' --times 3")
@click.argument("venue")
@click.argument("kind")
@click.option("--path", default="*", metavar="PATTERN", help="Only requests whose path fits, * and ? as in a shell.")
@click.option("--times", type=click.IntRange(min=1), help="Only so many requests; else until cleared.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="An argument of the fault; repeatable.")
@output_option
def fault(venue: str, kind: str, path: str, times: int | None, settings: tuple[str, ...], output: str) -> None:
    """Make a venue (`*`: every venue) misbehave; docs/simulator.md lists the kinds."""
    payload = {"venue": venue, "kind": kind, "path": path, "times": times} | dict(map(_setting, settings))
    record = _ask(_running(), "POST", "/faults", payload)
    finish(Report(record, [_fault_table([record])]), output)


@simulator.command(epilog="Example: python main.py simulator faults --clear")
@click.option("--clear", is_flag=True, help="Remove them all.")
@output_option
def faults(clear: bool, output: str) -> None:
    """List the faults that are set, or remove them."""
    if clear:
        record = _ask(_running(), "DELETE", "/faults")
        finish(Report(record, summary=[f"Faults removed: {record['cleared']}."]), output)
    record = _ask(_running(), "GET", "/faults")
    finish(Report(record, [_fault_table(record["faults"])]), output)


def _ensure(directory: Path, **options: Any) -> State:
    try:
        return ensure_running(directory, **options)
    except SimulatorError as error:
        raise ConfigError(str(error)) from None


def _running() -> State:
    state = running_state(state_dir())
    if state is None:
        raise ConfigError(NOT_RUNNING, hint=START_HINT)
    return state


def _ask(state: State, method: str, path: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        return call_control(state, method, path, payload)
    except SimulatorError as error:
        raise Refused(str(error)) from None


def _setting(text: str) -> tuple[str, Any]:
    import json

    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--set takes KEY=VALUE; got {text!r}.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _fault_table(records: list[dict[str, Any]]) -> Table:
    shown = ("id", "venue", "kind", "path", "times", "applied")
    rest = [", ".join(f"{k}={v}" for k, v in r.items() if k not in shown and (k, v) != ("host", "*")) for r in records]
    return Table((*shown, "arguments"), [(*(r[k] for k in shown), x) for r, x in zip(records, rest, strict=True)])
