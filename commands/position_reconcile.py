"""The `position reconcile` command."""

import sys

import click

from commands.ledger_access import open_ledger
from commands.options import environment_option, output_option
from commands.session import finish, open_session

EXAMPLES = """\b
Examples:
  python main.py position reconcile --env sim
  python main.py position reconcile --venue okx --no-sync --json"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--no-sync", is_flag=True, help="Take the ledger as it is; without this, the venues' news are read first."
)
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="At this venue only; repeatable.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", default=120.0, help="Deadline for the whole answer; 120.")
def reconcile(no_sync: bool, venues: tuple[str, ...], env: str | None, output: str, timeout: float) -> None:
    """Hold the ledger against the venues' positions, cash and unrealized gains; exit 10 at a difference."""
    from connectors.accounts import venues_with_accounts
    from market_data.absent import check_any_open
    from monitoring.position_reconcile_report import reconciled_report
    from monitoring.position_reconciling import news_of
    from monitoring.position_reconciling import reconcile as hold_against
    from monitoring.syncing_progress import Board

    session = open_session(env, venues, timeout)
    check_any_open(session.venues)
    with open_ledger(session.venues.place.journal) as ledger:
        names, skipped = venues_with_accounts(session.venues, ledger.known, named=bool(venues))
        news = None if no_sync else news_of(session.venues, ledger, Board(sys.stderr, names).tell)
        found = hold_against(session.venues, ledger, names, session.deadline(), news)
    finish(reconciled_report(session.environment, found, skipped), output)
