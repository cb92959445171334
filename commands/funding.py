"""The `funding` command."""

import click

from commands.options import common_options
from commands.session import finish, open_session

EXAMPLES = """\b
Examples:
  python main.py funding BTC/USDT:USDT --env sim
  python main.py funding BTC/USDT:USDT --any-quote --history 14d --plot funding.png"""


@click.command(epilog=EXAMPLES)
@click.argument("symbol")
@click.option("--history", default="30d", show_default=True, metavar="SPAN", help="How far back: 12h, 30d, 2w.")
@click.option("--any-quote", is_flag=True, help="Take in the same perpetual against other dollars, coin-settled too.")
@click.option("--plot", type=click.Path(dir_okay=False, writable=True), metavar="FILE.png", help="Draw the history.")
@common_options
def funding(
    symbol: str,
    history: str,
    any_quote: bool,
    plot: str | None,
    env: str | None,
    venues: tuple[str, ...],
    output: str,
    timeout: float | None,
) -> None:
    """Show what the perpetual SYMBOL pays at each venue, over measured intervals and a year."""
    from market_data.funding import funding_rates
    from market_data.funding_report import funding_report

    session = open_session(env, venues, timeout)
    answer = funding_rates(
        session.venues,
        session.deadline(),
        symbol,
        history,
        explicit=bool(venues),
        any_quote=any_quote,
    )
    if plot:
        from market_data.pictures import plot_funding

        answer.notes.append(plot_funding(answer, session.environment, plot))
    finish(funding_report(answer, session.environment), output)
