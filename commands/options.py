"""Options that every command has, and the session they open."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

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


output_options = (
    click.option("--output", type=click.Choice(OUTPUTS), default=TABLE, help="How to print the answer."),
    click.option("--json", "output", flag_value=JSON, help="Short for --output json."),
)
