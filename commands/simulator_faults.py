"""The commands that make the simulator misbehave: `simulator fault` and `simulator faults`."""

import json
from typing import Any

import click

from commands.options import output_option
from commands.session import finish
from commands.simulator_access import ask, running
from utils.rendering import Report, Table

_SHOWN = ("id", "venue", "kind", "path", "times", "applied")


@click.command(
    epilog="Example: python main.py simulator fault okx delay --set ms=250 --path '/api/v5/market/*' --times 3"
)
@click.argument("venue")
@click.argument("kind")
@click.option("--path", default="*", metavar="PATTERN", help="Only requests whose path fits, * and ? as in a shell.")
@click.option("--times", type=click.IntRange(min=1), metavar="N", help="Only for so many requests; else until cleared.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="An argument of the fault; repeatable.")
@output_option
def fault(venue: str, kind: str, path: str, times: int | None, settings: tuple[str, ...], output: str) -> None:
    """Make a venue misbehave ('*': every venue). The kinds are in docs/simulator.md; a wrong one lists them."""
    payload = {"venue": venue, "kind": kind, "path": path, "times": times} | dict(map(_setting, settings))
    record = ask(running(), "POST", "/faults", payload)
    finish(Report(record, [_table([record])]), output)


@click.command(epilog="Example: python main.py simulator faults --clear")
@click.option("--clear", is_flag=True, help="Remove them all.")
@output_option
def faults(clear: bool, output: str) -> None:
    """List the faults that are set, or remove them."""
    state = running()
    if clear:
        record = ask(state, "DELETE", "/faults")
        report = Report(record, summary=[f"Faults removed: {record['cleared']}."])
    else:
        record = ask(state, "GET", "/faults")
        report = Report(record, [_table(record["faults"])])
    finish(report, output)


def _setting(text: str) -> tuple[str, Any]:
    """Split KEY=VALUE; numbers and true/false are read as such, anything else is text."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--set takes KEY=VALUE; got '{text}'.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _table(records: list[dict[str, Any]]) -> Table:
    rows = []
    for record in records:
        arguments = {k: v for k, v in record.items() if k not in _SHOWN and (k, v) != ("host", "*")}
        rows.append((*(record[k] for k in _SHOWN), " ".join(f"{k}={v}" for k, v in arguments.items()) or None))
    return Table((*_SHOWN, "arguments"), rows)
