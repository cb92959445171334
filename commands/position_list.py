"""The `position list` command."""

import time

import click

from commands.ledger_access import open_ledger
from commands.options import common_options
from commands.session import finish, open_session

EXAMPLES = """\b
Examples:
  python main.py position list --env sim
  python main.py position list --venue okx --symbol BTC/USDT:USDT --json
  python main.py position list --all"""


@click.command("list", epilog=EXAMPLES)
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="This instrument only; repeatable.")
@click.option("--all", "everything", is_flag=True, help="What is flat now, too.")
@common_options
def list_positions(
    symbols: tuple[str, ...],
    everything: bool,
    venues: tuple[str, ...],
    env: str | None,
    output: str,
    timeout: float | None,
) -> None:
    """List what is open: by our own trades, beside what the venues say, and how far the two differ."""
    from connectors.accounts import venues_with_accounts
    from market_data.absent import check_any_open
    from monitoring.holdings import read_holdings, sync_notes, wanted_symbols
    from monitoring.position_report import position_report
    from monitoring.positions import look_around, position_rows
    from monitoring.residuals import expected_cash

    session = open_session(env, venues, timeout)
    check_any_open(session.venues)
    with open_ledger(session.venues.place.journal) as ledger:
        names, skipped = venues_with_accounts(session.venues, ledger.known, named=bool(venues))
        wanted = wanted_symbols(ledger, session.venues.cache, names, symbols)
        ours = read_holdings(ledger, names if venues else (), wanted)
        cash = expected_cash(ledger, names)
        notes = sync_notes(ledger, names, session.environment, time.time_ns() // 1_000_000)
    sides = look_around(session.venues, names, ours.holdings, cash, wanted, session.deadline())
    rows = [row for row in position_rows(sides) if everything or row.open]
    finish(
        position_report(
            session.environment,
            rows,
            sides.states,
            skipped=skipped,
            lacks=ours.lacks,
            notes=notes,
            every_column=output == "csv",
        ),
        output,
    )
