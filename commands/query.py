"""The `query` command."""

import time

import click

from commands.options import environment_option, output_option
from commands.session import finish, storage

EXAMPLES = """\b
Examples:
  python main.py query "SELECT venue, symbol, avg(spread_bps) FROM bbo GROUP BY ALL" --since 24h
  python main.py query "SELECT * FROM levels WHERE venue = 'okx' AND level <= 3" --output csv
  python main.py query "DESCRIBE books" --store s3://bucket/prefix"""


@click.command(epilog=EXAMPLES)
@click.argument("sql")
@click.option("--store", metavar="PATH|s3://…", help="Where the books are; default: the configured store.")
@click.option("--since", metavar="SPAN|DATE", help="Look only at days from this one on: 30d, 2026-11-01.")
@click.option("--until", metavar="SPAN|DATE", help="Look only at what is before.")
@environment_option
@output_option
def query(sql: str, store: str | None, since: str | None, until: str | None, env: str | None, output: str) -> None:
    """Ask recorded books by SQL: the views are books, levels (a row a level) and bbo (best prices, mid, spread)."""
    from market_data.snapshots.lean import lean_arrow
    from market_data.snapshots.query_report import query_report, write_csv
    from market_data.snapshots.querying import ask
    from market_data.snapshots.selecting import Window, stored_files
    from utils.persistence.sinks.opening import open_store

    lean_arrow()
    window = Window.read(since, until, time.time_ns() // 1_000_000)
    sink = open_store(store, *storage(env))
    files = stored_files(sink, window)
    answer = ask(sink, files, sql, window)
    if output == "csv":
        write_csv(answer)
        return
    finish(query_report(answer, sink.name, files), output)
