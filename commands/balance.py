"""The `balance` command."""

import click

from commands.ledger_access import open_ledger
from commands.options import common_options
from commands.session import finish, open_session

EXAMPLES = """\b
Examples:
  python main.py balance --env sim
  python main.py balance --venue okx --venue kucoin --json
  python main.py balance --numeraire BTC"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--numeraire", default="USDT", show_default=True, metavar="CURRENCY", help="What everything is valued in."
)
@common_options
def balance(numeraire: str, venues: tuple[str, ...], env: str | None, output: str, timeout: float | None) -> None:
    """Show what is in every wallet of every venue, and what it is worth."""
    from connectors.accounts import venues_with_accounts
    from market_data.absent import check_any_open
    from market_data.conversion import Conversion, numeraire_of
    from monitoring.balance_report import balance_report
    from monitoring.balances import valued
    from monitoring.venue_state import venue_states

    numeraire = numeraire_of(numeraire)
    session = open_session(env, venues, timeout)
    check_any_open(session.venues)
    with open_ledger(session.venues.place.journal) as ledger:
        names, skipped = venues_with_accounts(session.venues, ledger.known, named=bool(venues))
    states = venue_states(session.venues, names, session.deadline(), positions=False)
    rates = Conversion(session.venues, session.config, session.deadline(), numeraire)
    rates.load((item.currency, venue) for venue, state in states.items() for item in state.balances or () if item.total)
    report = balance_report(session.environment, rates.numeraire, valued(states, rates), skipped)
    finish(report, output)
