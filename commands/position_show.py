"""The `position show` command."""

import click

from commands.ledger_access import ledger_of
from commands.options import environment_option, output_option
from commands.order_journal import journal_of
from commands.session import configured, finish, open_session

EXAMPLES = """\b
Examples:
  python main.py position show --order cb01k2 --env sim
  python main.py position show --order 1234567890 --venue okx --json"""


@click.command(epilog=EXAMPLES)
@click.option("--order", "order_id", required=True, metavar="ID", help="Our id or the venue's, or its beginning.")
@click.option("--venue", metavar="NAME", help="Where the order is, where an id could mean several.")
@click.option(
    "--numeraire", default="USDT", show_default=True, metavar="CURRENCY", help="Show the result in this, too."
)
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer.")
def show(order_id: str, venue: str | None, numeraire: str, env: str | None, output: str, timeout: float | None) -> None:
    """Show what one order earned: what it opened at its closings or mark, what it closed, its fees and funding."""
    from market_data.conversion import numeraire_of
    from monitoring.marks import listed
    from monitoring.order_result import NoSuchOrder, OrderKnown, in_ledger
    from monitoring.order_result_report import order_result_report
    from order_management.finding import find_order

    numeraire = numeraire_of(numeraire)
    environment, journal = journal_of(env, quiet=True)
    found = find_order(journal, order_id, venue)
    with ledger_of(env) as ledger:
        if found is not None:
            record, state = found.record, found.state
            ids = frozenset({state.order_id} if state.order_id else ()) | state.former_ids
            names = (record.venue, record.symbol, record.spec.client_id, ids)
            size = state.size or record.spec.size
            known: OrderKnown | None = OrderKnown(
                *names, record.spec.side, size, state.filled, str(state.phase), state.settled, state.reason
            )
        else:
            known = in_ledger(ledger.fills(venue), order_id, venue)
        if known is None:
            hint = "An order that was made elsewhere is known once position sync has read its trades."
            raise NoSuchOrder(f"Neither the journal nor the ledger has an order {order_id!r}.", hint=hint)
        report = order_result_report(
            *(ledger, known, numeraire, environment),
            lambda names: open_session(env, listed(names, configured(env).venues), timeout),
        )
    finish(report, output)
