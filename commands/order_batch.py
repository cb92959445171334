"""The `order batch` command."""

import sys
import time
from typing import BinaryIO

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_desk
from commands.session import configured, finish
from utils.rendering.report import JSON

EXAMPLES = """\b
Examples:
  python main.py order batch orders.csv --env sim
  python main.py order batch - --json --name morning < orders.ndjson

\b
A file begins with its columns, in any order:
  venue,symbol,side,amount,type,price,tif
  okx,BTC/USDT,buy,0.01,limit,60000,gtc"""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.File("rb"))
@click.option("--name", default="", metavar="TEXT", help="The same file under another name is another batch.")
@click.option("--skip-bad", is_flag=True, help="Send the rest where lines cannot be read or make no sense.")
@click.option("--allow-duplicate", is_flag=True, help="Mean it when the same order was placed a moment ago.")
@click.option("--preview", is_flag=True, help="Check every line and show the orders; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before live orders.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole; what is left is not sent.")
def batch(
    file: BinaryIO,
    name: str,
    skip_bad: bool,
    allow_duplicate: bool,
    preview: bool,
    yes: bool,
    env: str | None,
    output: str,
    timeout: float | None,
) -> None:
    """Place the orders of FILE (CSV or JSON lines; - is stdin), venues side by side; run it again to finish it."""
    from order_management.batch import Batch, checked_rows
    from order_management.batch_file import read_rows, refuse_bad
    from order_management.batch_report import batch_report, preview_report, teller

    started = time.monotonic()
    config = configured(env, timeout)
    rows = read_rows(file, config.venues, name=name, allow_duplicate=allow_duplicate)
    refuse_bad(rows, skip=skip_bad)
    venues = list(dict.fromkeys(row.ticket.venue for row in rows if row.ticket is not None))
    desk, session = open_desk(env, venues, timeout)
    rows = checked_rows(desk, rows)
    refuse_bad(rows, skip=skip_bad)
    if preview:
        finish(preview_report(rows, desk.environment), output)
    if session.environment == "live" and not yes and sys.stdin.isatty():
        click.confirm(f"Send {sum(row.ticket is not None for row in rows)} orders?", abort=True, err=True)
    until = float("inf") if timeout is None else started + timeout
    run = Batch(desk, rows, until=until, tell=teller(desk.environment, output, len(rows)))
    report = batch_report(run.run(), desk.environment, interrupted=run.interrupted)
    if output == JSON:
        sys.stderr.write("\n".join(report.summary) + "\n")
        raise click.exceptions.Exit(int(report.exit_code))
    finish(report, output)
