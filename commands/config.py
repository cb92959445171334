"""The `config` commands."""

import click

from commands.options import environment_option, output_option
from commands.session import configured, finish
from utils.rendering import Report, Table


@click.group()
def config() -> None:
    """Show the configuration and where each value comes from."""


@config.command(epilog="Example: python main.py config show --resolved --origin")
@click.option("--resolved", is_flag=True, help="Show every key, those left at their default included.")
@click.option("--origin", is_flag=True, help="Show which flag, variable or file decided each value.")
@environment_option
@output_option
def show(resolved: bool, origin: bool, env: str | None, output: str) -> None:
    """Print the configuration as it is in force. It never holds secrets."""
    from utils.config.show import flattened

    rows = flattened(configured(env), everything=resolved)
    record = {
        "environment": configured(env).environment,
        "config": {key: {"value": value, "origin": source} if origin else value for key, value, source in rows},
    }
    headers = ("key", "value", "origin") if origin else ("key", "value")
    finish(Report(record, [Table(headers, [row[: len(headers)] for row in rows])]), output)
