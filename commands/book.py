"""The `book` command."""

import click

from commands.options import common_options
from commands.session import finish, open_session

EXAMPLES = """\b
Examples:
  python main.py book BTC/USDT --venue okx --depth 20 --env sim
  python main.py book BTC/USDT --consolidated --plot depth.png"""


@click.command(epilog=EXAMPLES)
@click.argument("symbol")
@click.option("--depth", type=int, default=10, show_default=True, help="Levels a side.")
@click.option("--consolidated", is_flag=True, help="Merge all venues into one book.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, writable=True), metavar="FILE.png", help="Draw the depth chart."
)
@common_options
def book(
    symbol: str,
    depth: int,
    consolidated: bool,
    plot: str | None,
    env: str | None,
    venues: tuple[str, ...],
    output: str,
    timeout: float | None,
) -> None:
    """Show the order book of SYMBOL at one venue, or merged over all with each level's venues."""
    from market_data.book import order_books
    from market_data.book_report import book_report

    session = open_session(env, venues, timeout)
    answer = order_books(
        session.venues,
        session.config,
        session.deadline(),
        symbol,
        depth,
        consolidated=consolidated,
        explicit=bool(venues),
    )
    if plot:
        from market_data.pictures import plot_depth

        answer.notes.append(plot_depth(answer, session.environment, plot))
    finish(book_report(answer, session.environment), output)
