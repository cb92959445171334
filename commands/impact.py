"""The `impact` command."""

from decimal import Decimal

import click

from commands.options import common_options
from commands.session import finish, open_session
from commands.sizes import POSITIVE

EXAMPLES = """\b
Examples:
  python main.py impact BTC/USDT buy --quote 50000 --env sim
  python main.py impact BTC/USDT:USDT sell --base 20 --curve --plot impact.png"""


@click.command(epilog=EXAMPLES)
@click.argument("symbol")
@click.argument("side", type=click.Choice(("buy", "sell")))
@click.option("--quote", type=POSITIVE, help="The size as a notional, before fees.")
@click.option("--base", type=POSITIVE, help="The size in base units.")
@click.option("--curve", is_flag=True, help="Show sizes from a hundredth to ten times as much, too.")
@click.option("--plot", type=click.Path(dir_okay=False, writable=True), metavar="FILE.png", help="Draw the curve.")
@common_options
def impact(
    symbol: str,
    side: str,
    quote: Decimal | None,
    base: Decimal | None,
    curve: bool,
    plot: str | None,
    env: str | None,
    venues: tuple[str, ...],
    output: str,
    timeout: float | None,
) -> None:
    """Show what buying or selling a size costs: at each venue, and split over all of them."""
    from market_data.impact import order_of, price_impact
    from market_data.impact_report import impact_report

    order = order_of(side, quote, base)
    session = open_session(env, venues, timeout)
    answer = price_impact(
        session.venues,
        session.config,
        session.deadline(),
        symbol,
        order,
        curve=curve or plot is not None,
        explicit=bool(venues),
    )
    if plot:
        from market_data.pictures import plot_impact

        answer.notes.append(plot_impact(answer, session.environment, plot))
    finish(impact_report(answer, session.environment), output)
