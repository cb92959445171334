"""The `snapshot list` command."""

import time

import click

from commands.options import environment_option, output_option
from commands.session import finish, storage

EXAMPLES = """\b
Examples:
  python main.py snapshot list
  python main.py snapshot list --by-day --since 7d --series okx:BTC/USDT
  python main.py snapshot list --store s3://bucket/prefix --json"""


@click.command("list", epilog=EXAMPLES)
@click.option("--store", metavar="PATH|s3://…", help="Where the books are; default: the configured store.")
@click.option("--since", metavar="SPAN|DATE", help="Days from this one on: 7d, 2026-11-01; default: all.")
@click.option("--series", multiple=True, metavar="VENUE:SYMBOL", help="This series only; repeatable.")
@click.option("--by-day", is_flag=True, help="A row a day, not a row a series.")
@environment_option
@output_option
def list_snapshots(
    store: str | None, since: str | None, series: tuple[str, ...], by_day: bool, env: str | None, output: str
) -> None:
    """List what is stored: series, days, rows, coverage and size, as the manifests say."""
    from market_data.snapshots.asking import first_day, wanted_series
    from market_data.snapshots.listing import list_store
    from market_data.snapshots.listing_report import list_report
    from utils.persistence.sinks.opening import open_store

    begin = None if since is None else first_day(since, time.time_ns() // 1_000_000)
    sink = open_store(store, *storage(env))
    finish(list_report(list_store(sink, wanted_series(series), begin), by_day=by_day), output)
