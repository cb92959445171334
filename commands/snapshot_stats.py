"""The `snapshot stats` command."""

import time
from decimal import Decimal

import click

from commands.options import environment_option, output_option
from commands.session import finish, storage
from commands.sizes import POSITIVE

EXAMPLES = """\b
Examples:
  python main.py snapshot stats okx:BTC/USDT --since 24h
  python main.py snapshot stats binance BTC/USDT:USDT --since 2026-11-21 --until 2026-11-22 --plot day.png
  python main.py snapshot stats okx:BTC/USDT --store s3://bucket/prefix --per 1d --only spread"""


@click.command(epilog=EXAMPLES)
@click.argument("series", nargs=-1, required=True)
@click.option("--store", metavar="PATH|s3://…", help="Where the books are; default: the configured store.")
@click.option("--since", metavar="SPAN|DATE", help="12h, 30d, 2026-11-01 or 2026-11-01T12:00Z; default: all.")
@click.option("--until", metavar="SPAN|DATE", help="Up to here, not included.")
@click.option("--per", default="1h", show_default=True, metavar="SPAN", help="Length of a period.")
@click.option("--within", default="10", type=POSITIVE, show_default=True, metavar="BPS", help="How deep depth goes.")
@click.option(
    "--size", default="100000", type=POSITIVE, show_default=True, metavar="QUOTE", help="Order of the impact."
)
@click.option("--only", multiple=True, type=click.Choice(("spread", "depth", "impact")), help="Leave out the others.")
@click.option("--plot", type=click.Path(dir_okay=False, writable=True), metavar="FILE.png", help="Draw it over time.")
@environment_option
@output_option
def stats(
    series: tuple[str, ...],
    store: str | None,
    since: str | None,
    until: str | None,
    per: str,
    within: Decimal,
    size: Decimal,
    only: tuple[str, ...],
    plot: str | None,
    env: str | None,
    output: str,
) -> None:
    """Show spread, depth, imbalance and impact of a recorded series, period by period."""
    from domain.spans import EVERY, span_ms
    from market_data.snapshots.asking import series_of
    from market_data.snapshots.selecting import Window, facts_of_file, stored_files, tables_of
    from market_data.snapshots.stats import Asked, StatsAnswer, statistics
    from market_data.snapshots.stats_report import nothing_report, plot_stats, stats_csv, stats_report
    from utils.persistence.sinks.opening import open_store

    asked = Asked.checked(span_ms(per, EVERY), float(within), float(size), only)
    window = Window.read(since, until, time.time_ns() // 1_000_000)
    whose = series_of(*series)
    sink = open_store(store, *storage(env))
    files = stored_files(sink, window, whose)
    if not files:
        finish(nothing_report(whose, asked), output)
    answer: StatsAnswer = statistics(facts_of_file(sink, files[-1]), tables_of(sink, files, window), window, asked)
    if plot:
        answer.notes.append(plot_stats(answer, plot))
    finish(stats_csv(answer) if output == "csv" else stats_report(answer), output)
