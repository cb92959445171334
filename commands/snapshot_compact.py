"""The `snapshot compact` command."""

import sys
import time
from typing import TYPE_CHECKING

import click

from commands.options import environment_option, output_option
from commands.session import finish, storage
from domain.errors import UsageError

if TYPE_CHECKING:
    from market_data.snapshots.compacting import Compacted

EXAMPLES = """\b
Examples:
  python main.py snapshot compact
  python main.py snapshot compact --older-than 7d --store s3://bucket/prefix
  python main.py snapshot compact --series okx:BTC/USDT --day 2026-11-20"""


@click.command(epilog=EXAMPLES)
@click.option("--store", metavar="PATH|s3://…", help="Where the books are; default: the configured store.")
@click.option("--series", multiple=True, metavar="VENUE:SYMBOL", help="This series only; repeatable.")
@click.option("--day", metavar="DATE", help="This UTC day only, which has to be over; default: all that are.")
@click.option("--older-than", metavar="SPAN", help="Days that ended at least so long ago: 1d, 2w.")
@environment_option
@output_option
def compact(
    store: str | None, series: tuple[str, ...], day: str | None, older_than: str | None, env: str | None, output: str
) -> None:
    """Make one file of a day's files; the day's checksum stays. Killed at any point, the next run finishes."""
    from market_data.snapshots.asking import day_is_over, last_day_before, last_day_over, one_day, wanted_series
    from market_data.snapshots.compacting import compact as make_one
    from market_data.snapshots.compacting_report import compact_report
    from utils.persistence.sinks.opening import open_store

    if day and older_than:
        raise UsageError("--day and --older-than contradict each other.")
    now_ms = time.time_ns() // 1_000_000
    only = None if day is None else day_is_over(one_day(day), now_ms)
    last = last_day_over(now_ms) if older_than is None else last_day_before(older_than, now_ms)
    sink = open_store(store, *storage(env))
    done = make_one(sink, wanted_series(series), lambda each: each == only if only else each <= last, _tell)
    finish(compact_report(sink.name, done), output)


def _tell(day: "Compacted") -> None:
    if day.changed and not day.error:
        name = f"{day.place.series} {day.place.day}"
        sys.stderr.write(f"{name}: {day.files_before} files -> {day.files}, {len(day.cleared)} cleared\n")
