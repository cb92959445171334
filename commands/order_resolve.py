"""The `order resolve` command."""

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_unsettled
from commands.session import finish


@click.command(epilog="Example: python main.py order resolve --env sim")
@click.argument("order_id", metavar="[ID]", required=False)
@click.option("--venue", metavar="NAME", help="Orders at this venue only.")
@click.option("--wait/--no-wait", default=True, help="Look again until an absence is proven, or the deadline is over.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", default=60.0, help="Deadline for the whole answer; 60.")
def resolve(order_id: str | None, venue: str | None, wait: bool, env: str | None, output: str, timeout: float) -> None:
    """Settle orders whose outcome is unknown: by their id, the open and finished orders, and your own trades."""
    from order_management.order_report import resolved_report
    from order_management.resolving import resolve_all

    desk, orders = open_unsettled(env, order_id, venue, timeout)
    finish(resolved_report(desk, resolve_all(desk, orders, wait=wait)), output)
