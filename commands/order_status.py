"""The `order status` command."""

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_known
from commands.session import finish


@click.command(epilog="Example: python main.py order status cb01k2 --env sim")
@click.argument("order_id", metavar="ID")
@click.option("--venue", metavar="NAME", help="Where the order is; needed when it was placed elsewhere.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer.")
def status(order_id: str, venue: str | None, env: str | None, output: str, timeout: float | None) -> None:
    """Ask the venue what became of an order, and write it down."""
    from order_management.order_report import status_report
    from order_management.settling import settle

    desk, orders = open_known(env, [order_id], venue, timeout)
    finish(status_report(desk, settle(desk, orders[0])), output)
