"""The `snapshot show` command."""

import click

from commands.options import environment_option, output_option
from commands.session import finish, storage

EXAMPLES = """\b
Examples:
  python main.py snapshot show okx:BTC/USDT
  python main.py snapshot show binance BTC/USDT:USDT --at 2026-11-21T01:02:03Z --depth 20
  python main.py snapshot show okx:BTC/USDT --store s3://bucket/prefix --json"""


@click.command(epilog=EXAMPLES)
@click.argument("series", nargs=-1, required=True)
@click.option(
    "--at", metavar="TIME", help="2026-11-21T01:02:03Z: the row of that second, or the last before; default: the last."
)
@click.option("--depth", type=click.IntRange(1), metavar="N", default=10, show_default=True, help="Levels a side.")
@click.option("--store", metavar="PATH|s3://…", help="Where the books are; default: the configured store.")
@environment_option
@output_option
def show(series: tuple[str, ...], at: str | None, depth: int, store: str | None, env: str | None, output: str) -> None:
    """Show the recorded book of SERIES (venue:SYMBOL, or both words) as it was at a second, with its status and age."""
    from market_data.snapshots.asking import second_of, series_of
    from market_data.snapshots.showing import book_at
    from market_data.snapshots.showing_report import show_report
    from utils.persistence.sinks.opening import open_store

    whose, at_ns = series_of(*series), None if at is None else second_of(at)
    sink = open_store(store, *storage(env))
    finish(show_report(book_at(sink, whose, at_ns), sink.name, depth), output)
