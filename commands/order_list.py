"""The `order list` command."""

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_desk
from commands.order_journal import journal_of
from commands.session import finish

EXAMPLES = """\b
Examples:
  python main.py order list --env sim
  python main.py order list --closed --venue binance --json
  python main.py order list --unknown"""


@click.command("list", epilog=EXAMPLES)
@click.option("--open", "shown", flag_value="open", help="What the venues have open now, of every family (default).")
@click.option("--closed", "shown", flag_value="closed", help="What has ended, from the journal.")
@click.option("--unknown", "shown", flag_value="unknown", help="What is not settled, from the journal.")
@click.option("--symbol", help="Of this instrument only.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, help="At most this many; default 100.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="At this venue only; repeatable.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer.")
def list_orders(
    shown: str | None,
    symbol: str | None,
    limit: int,
    venues: tuple[str, ...],
    env: str | None,
    output: str,
    timeout: float | None,
) -> None:
    """List orders: open at the venues (trigger orders too), or of the journal: ended, or unsettled."""
    from order_management.listing import closed, open_everywhere, unsettled
    from order_management.order_report import open_report, orders_report

    if shown in (None, "open"):
        desk, _ = open_desk(env, venues, timeout)
        finish(open_report(desk, open_everywhere(desk, symbol)), output)
    environment, journal = journal_of(env)
    if shown == "closed":
        finish(orders_report(closed(journal, venues, symbol, limit), environment, "Closed orders"), output)
    finish(orders_report(unsettled(journal, venues, symbol), environment, "Unsettled orders"), output)
