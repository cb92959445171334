"""The `bbo` command."""

from decimal import Decimal

import click

from commands.options import common_options
from commands.session import finish, open_session
from commands.sizes import POSITIVE

NUMERAIRES = ("USDT", "USDC", "USD")

EXAMPLES = """\b
Examples:
  python main.py bbo BTC/USDT --env sim
  python main.py bbo BTC/USDT ETH/USDT --venue okx --venue bybit --json
  python main.py bbo BTC/USDT --size 5
  python main.py bbo BTC/USDT --quote-size 100000 --numeraire USDT"""


@click.command(epilog=EXAMPLES)
@click.argument("symbols", metavar="SYMBOL...", nargs=-1, required=True)
@click.option("--size", type=POSITIVE, help="Price for this many base units, after the taker fee.")
@click.option("--quote-size", type=POSITIVE, help="Price for this notional, after the taker fee.")
@click.option("--numeraire", type=click.Choice(NUMERAIRES), help="Bring in books in other dollars, converted.")
@click.option("--reference", is_flag=True, help="Show the reference price, which cannot be traded, too.")
@common_options
def bbo(
    symbols: tuple[str, ...],
    size: Decimal | None,
    quote_size: Decimal | None,
    numeraire: str | None,
    reference: bool,
    env: str | None,
    venues: tuple[str, ...],
    output: str,
    timeout: float | None,
) -> None:
    """Show the best bid and ask of SYMBOL across venues, each venue's state, and whether venues cross."""
    from market_data.bbo import Wanted, best_prices
    from market_data.bbo_report import bbo_report

    wanted = Wanted.checked(size, quote_size, numeraire, reference)
    session = open_session(env, venues, timeout)
    answers = best_prices(session.venues, session.config, session.deadline(), symbols, wanted, explicit=bool(venues))
    finish(bbo_report(answers, session.environment), output)
