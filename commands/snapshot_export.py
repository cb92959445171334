"""The `snapshot export` command."""

import sys
import time

import click

from commands.options import environment_option
from commands.session import storage

EXAMPLES = """\b
Examples:
  python main.py snapshot export okx:BTC/USDT --format tardis --since 2026-11-21 --to okx_book_snapshot_25.csv.gz
  python main.py snapshot export binance BTC/USDT --format ndjson --since 1h --to - | head -1"""


@click.command(epilog=EXAMPLES)
@click.argument("series", nargs=-1, required=True)
@click.option(
    "--format", "form", required=True, type=click.Choice(("csv", "ndjson", "arrow", "tardis")), help="What to write."
)
@click.option("--to", "path", required=True, metavar="FILE|-", help="Where to; `.gz` is compressed, `-` is stdout.")
@click.option("--store", metavar="PATH|s3://…", help="Where the books are; default: the configured store.")
@click.option("--since", metavar="SPAN|DATE", help="12h, 30d, 2026-11-01 or 2026-11-01T12:00Z; default: all.")
@click.option("--until", metavar="SPAN|DATE", help="Up to here, not included.")
@click.option("--depth", type=click.IntRange(1, 5000), metavar="N", help="Levels a side; default: all, for tardis 25.")
@environment_option
def export(
    series: tuple[str, ...],
    form: str,
    path: str,
    store: str | None,
    since: str | None,
    until: str | None,
    depth: int | None,
    env: str | None,
) -> None:
    """Write a recorded series as CSV, NDJSON, Arrow, or in the columns of tardis.dev; every number exactly."""
    from market_data.snapshots.asking import series_of
    from market_data.snapshots.exporting import export_to, told
    from market_data.snapshots.selecting import Window, stored_files
    from utils.persistence.sinks.opening import open_store

    window = Window.read(since, until, time.time_ns() // 1_000_000)
    whose = series_of(*series)
    sink = open_store(store, *storage(env))
    files = stored_files(sink, window, whose)
    done = export_to(path, form, sink, files, window, depth)
    sys.stderr.write(told(done, whose, path, form) + "\n")
