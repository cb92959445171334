"""The `order amend` command."""

from decimal import Decimal

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_known
from commands.session import finish
from commands.sizes import POSITIVE
from domain.errors import UsageError


@click.command(epilog="Example: python main.py order amend cb01k2 --price 59000 --env sim")
@click.argument("order_id", metavar="ID")
@click.option("--price", type=POSITIVE, help="The new limit price, in quote per base.")
@click.option("--size", type=POSITIVE, help="The new whole size, in base units (in quote where inverse).")
@click.option("--venue", metavar="NAME", help="Where the order is; needed when it was placed elsewhere.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer.")
def amend(
    order_id: str,
    price: Decimal | None,
    size: Decimal | None,
    venue: str | None,
    env: str | None,
    output: str,
    timeout: float | None,
) -> None:
    """Change the price or the size of a resting order in place, where the venue can."""
    from order_management.amending import amend as change
    from order_management.order_report import amended_report

    if price is None and size is None:
        raise UsageError("Nothing is to be changed.", hint="Give --price, --size, or both.")
    desk, orders = open_known(env, [order_id], venue, timeout)
    finish(amended_report(desk, change(desk, orders[0], price=price, size=size)), output)
