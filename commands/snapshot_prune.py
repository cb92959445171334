"""The `snapshot prune` command."""

import sys
import time

import click

from commands.options import environment_option, output_option
from commands.session import finish, storage
from domain.errors import UsageError

EXAMPLES = """\b
Examples:
  python main.py snapshot prune --older-than 90d
  python main.py snapshot prune --older-than 26w --series okx:BTC/USDT --yes
  python main.py snapshot prune --older-than 366d --store s3://bucket/prefix --yes --json"""


@click.command(epilog=EXAMPLES)
@click.option("--older-than", required=True, metavar="SPAN", help="Days that ended at least so long ago: 90d, 26w.")
@click.option("--series", multiple=True, metavar="VENUE:SYMBOL", help="This series only; repeatable.")
@click.option("--store", metavar="PATH|s3://…", help="Where the books are; default: the configured store.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@environment_option
@output_option
def prune(older_than: str, series: tuple[str, ...], store: str | None, yes: bool, env: str | None, output: str) -> None:
    """Delete the files of old days; each day's manifest stays, so that the chain of checksums stays whole."""
    from market_data.snapshots.asking import last_day_before, wanted_series
    from market_data.snapshots.pruning import plan_pruning
    from market_data.snapshots.pruning import prune as delete
    from market_data.snapshots.pruning_report import plan_text, prune_report
    from utils.persistence.sinks.opening import open_store

    last = last_day_before(older_than, time.time_ns() // 1_000_000)
    sink = open_store(store, *storage(env))
    plan = plan_pruning(sink, wanted_series(series), last)
    if plan.days:
        sys.stderr.write(plan_text(plan, sink.name) + "\n")
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("Nobody can be asked here; nothing was deleted.", hint="Add --yes to delete this.")
            click.confirm("Delete all this?", abort=True, err=True)
    finish(prune_report(sink.name, delete(sink, plan.days), plan.left_alone), output)
