"""The `order history` command."""

import click

from commands.options import environment_option, output_option
from commands.order_journal import journal_of
from commands.session import finish


@click.command(epilog="Example: python main.py order history cb01k2 --env sim")
@click.argument("order_id", metavar="ID")
@environment_option
@output_option
def history(order_id: str, env: str | None, output: str) -> None:
    """Tell the full story of one order from the journal: every intent, request, answer and fill, with times."""
    from order_management.finding import must_find
    from order_management.history_report import history_report

    environment, journal = journal_of(env)
    order = must_find(journal, order_id)
    finish(history_report(journal, order, environment), output)
