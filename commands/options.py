"""Options that every command has, and the session they open."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from utils.config.settings import ENVIRONMENTS
from utils.rendering.report import JSON, OUTPUTS, TABLE

Command = TypeVar("Command", bound=Callable[..., Any])


def common_options(command: Command) -> Command:
    """Add `--env`, `--venue`, `--output`, `--json` and `--timeout`; the command reads them with `commands.session`."""
    for option in reversed(
        [
            environment_option,
            click.option("--venue", "venues", multiple=True, metavar="NAME", help="Ask this venue only; repeatable."),
            *output_options,
            click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer."),
        ]
    ):
        command = option(command)
    return command


def environment_option(command: Command) -> Command:
    """Add `--env` (also accepted before the subcommand)."""
    return click.option("--env", type=click.Choice(ENVIRONMENTS), help="paper, sim, testnet or live.")(command)


def output_option(command: Command) -> Command:
    """Add `--output table|json|csv` and `--json`."""
    for option in reversed(output_options):
        command = option(command)
    return command


def _remember_json(context: click.Context, _: click.Parameter, given: bool) -> None:
    context.meta[JSON] = given


def _chosen_output(context: click.Context, parameter: click.Parameter, output: str) -> str:
    if not context.meta.get(JSON):
        return output
    given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    if given and output != JSON:
        raise click.UsageError(f"--json and --output {output} contradict each other.")
    return JSON


output_options = (
    click.option(
        "--output", type=click.Choice(OUTPUTS), default=TABLE, callback=_chosen_output, help="How to print the answer."
    ),
    # Eager, so that it is known when `--output` is looked at, wherever the two stand.
    click.option(
        "--json",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_remember_json,
        help="Short for --output json.",
    ),
)
