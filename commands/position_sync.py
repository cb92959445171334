"""The `position sync` command."""

import sys
import time

import click

from commands.options import environment_option, output_option
from commands.session import finish, open_session

EXAMPLES = """\b
Examples:
  python main.py position sync --env sim
  python main.py position sync --since 90d --venue okx --json
  python main.py position sync --venue binance --symbol BTC/USDT --symbol ETH/BTC"""


@click.command(epilog=EXAMPLES)
@click.option("--since", default="30d", show_default=True, metavar="SPAN", help="How far back: 12h, 30d, 52w.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="This venue only; repeatable.")
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Read its trades in any case; repeatable.")
@click.option("--again", is_flag=True, help="Read what the ledger has already, too: a venue may list things late.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", default=300.0, help="Deadline for the whole answer; 300.")
def sync(
    since: str,
    venues: tuple[str, ...],
    symbols: tuple[str, ...],
    again: bool,
    env: str | None,
    output: str,
    timeout: float,
) -> None:
    """Read own trades, funding, deliveries and transfers from the venues into the ledger; nothing is counted twice."""
    from commands.ledger_access import open_ledger
    from connectors.accounts import venues_with_accounts
    from domain.spans import span_ms
    from monitoring.sync_report import sync_report
    from monitoring.syncing import sync as read_history
    from monitoring.syncing_progress import Board

    since_ms = time.time_ns() // 1_000_000 - span_ms(since)
    session = open_session(env, venues, timeout)
    with open_ledger(session.venues.place.journal) as ledger:
        names, skipped = venues_with_accounts(session.venues, ledger.known, named=bool(venues))
        board = Board(sys.stderr, names)
        outcomes = read_history(session.venues, ledger, names, since_ms, symbols=symbols, again=again, tell=board.tell)
    finish(sync_report(session.environment, outcomes, skipped), output)
