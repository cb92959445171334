"""The `snapshot` command itself: recording order books second by second."""

import click

from commands.options import environment_option, output_option
from commands.session import finish

EXAMPLES = """\b
Examples:
  python main.py snapshot BTC/USDT --env sim --for 1m
  python main.py snapshot BTC/USDT ETH/USDT:USDT --venue okx --every 5s --until 18:00
  python main.py snapshot BTC/USDT --venue binance --depth 1000 --to s3://my-bucket/books"""


@click.command(epilog=EXAMPLES)
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL…")
@click.option(
    "--every", default="1s", show_default=True, metavar="SPAN", help="From snapshot to snapshot; UTC-aligned."
)
@click.option("--for", "length", metavar="SPAN", help="End after this long; without an end, at Ctrl-C or SIGTERM.")
@click.option("--until", metavar="TIME", help="End at this time (UTC): 18:00, 2026-11-22, 2026-11-21T18:00:00Z.")
@click.option("--once", is_flag=True, help="One snapshot of each, at the next second.")
@click.option("--depth", type=int, default=100, show_default=True, metavar="LEVELS", help="Levels a side.")
@click.option("--to-s3", is_flag=True, help="Store in the bucket of the configuration (storage.s3.url).")
@click.option("--to", "place", metavar="PATH|s3://…", help="Store here instead of storage.path.")
@click.option("--best-effort", is_flag=True, help="Leave seconds out evenly where a venue's budget is too small.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="Record this venue only; repeatable.")
@environment_option
@output_option
def record(
    symbols: tuple[str, ...],
    every: str,
    length: str | None,
    until: str | None,
    once: bool,
    depth: int,
    to_s3: bool,
    place: str | None,
    best_effort: bool,
    venues: tuple[str, ...],
    env: str | None,
    output: str,
) -> None:
    """Record the order books of each SYMBOL at every venue that lists it, one row a second whatever happens.

    Rows are on this machine's disk within a second and in the store within the hour; at the end, all of them.
    """
    import time
    from functools import partial

    from commands.snapshot_run import run_recording
    from market_data.snapshots.planning import Wanted
    from market_data.snapshots.schedule import make_plan, read_every

    every_s = read_every(every)
    plan = partial(make_plan, every_s, length=length, until=until, once=once)
    plan(time.time_ns())  # what makes no sense is said before anything is asked for
    wanted = Wanted(symbols, depth, every_s, explicit=bool(venues), best_effort=best_effort)
    finish(run_recording(env, venues, wanted, plan, to_s3=to_s3, place=place), output)
