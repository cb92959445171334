"""The `pnl` command."""

import time

import click

from commands.ledger_access import ledger_of
from commands.options import common_options
from commands.session import configured, finish, open_session

EXAMPLES = """\b
Examples:
  python main.py pnl --env sim
  python main.py pnl --since 7d --by day --plot pnl.png
  python main.py pnl --venue okx --by order --method fifo --explain
  python main.py pnl --since 2026-11-01 --csv"""


@click.command(epilog=EXAMPLES)
@click.option("--since", metavar="SPAN|DATE", help="12h, 30d, 2w, 2026-11-01 or 2026-11-01T12:00Z; default: all.")
@click.option(
    "--by", type=click.Choice(("venue", "symbol", "day", "order")), default="symbol", show_default=True, help="Groups."
)
@click.option(
    "--method", type=click.Choice(("average", "fifo")), default="average", show_default=True, help="Cost of a closing."
)
@click.option("--numeraire", default="USDT", show_default=True, metavar="CURRENCY", help="What all figures are in.")
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="This instrument only; repeatable.")
@click.option("--csv", is_flag=True, help="Short for --output csv.")
@click.option("--plot", type=click.Path(dir_okay=False, writable=True), metavar="FILE.png", help="Draw it over time.")
@click.option("--explain", is_flag=True, help="Show the trades, payments, marks and rates behind every figure.")
@common_options
def pnl(
    since: str | None,
    by: str,
    method: str,
    numeraire: str,
    symbols: tuple[str, ...],
    csv: bool,
    plot: str | None,
    explain: bool,
    env: str | None,
    venues: tuple[str, ...],
    output: str,
    timeout: float | None,
) -> None:
    """Show what was earned: realized, fees, funding and unrealized, from the ledger, in one currency."""
    from connectors.accounts import venues_with_keys
    from monitoring.holdings import sync_notes
    from monitoring.marks import listed
    from monitoring.pnl import Asked, earnings
    from monitoring.pnl_report import pnl_report

    if csv and output == "json":
        raise click.UsageError("--csv and --json contradict each other.")
    config = configured(env)
    now_ms = time.time_ns() // 1_000_000
    with ledger_of(env) as ledger:
        asked = Asked.checked(
            *(ledger, by, method, numeraire, since, venues, symbols),
            configured=config.venues,
            keep=explain or plot is not None,
            now_ms=now_ms,
        )
        answer = earnings(ledger, asked, lambda names: open_session(env, listed(names, config.venues), timeout))
        explained = []
        if explain:
            from monitoring.explaining import explanations

            explained = explanations(answer, ledger.rates(), ledger.rate_sources())
        unread = {name for name in venues_with_keys(config) if ledger.synced_ms(name) is None}
        names = sorted(venues or {venue for venue, _ in answer.statement.books} | unread)
        answer.notes += sync_notes(ledger, names, config.environment, now_ms)
    if plot:
        from monitoring.pnl_picture import plot_pnl

        answer.notes.append(plot_pnl(answer, config.environment, plot))
    as_csv = csv or output == "csv"
    finish(pnl_report(answer, config.environment, explained=explained, csv=as_csv), "csv" if as_csv else output)
