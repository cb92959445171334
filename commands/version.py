"""The `version` command."""

import platform

import click

from commands.options import output_option
from commands.session import finish
from utils.rendering import Report, Table


@click.command(epilog="Example: python main.py version --json")
@output_option
def version(output: str) -> None:
    """Show the versions of Crossbook and of what it stands on."""
    from importlib.metadata import version as installed

    from main import VERSION

    versions = {"crossbook": VERSION, "python": platform.python_version()}
    versions |= {name: installed(name) for name in ("ccxt", "click", "boto3", "httptools")}
    finish(Report(versions, [Table(("component", "version"), list(versions.items()))]), output)
