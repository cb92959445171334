"""The `order cancel` command."""

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_desk, open_known
from commands.session import finish
from domain.errors import UsageError

EXAMPLES = """\b
Examples:
  python main.py order cancel cb01k2 --env sim
  python main.py order cancel 12345678 --venue binance
  python main.py order cancel --all --venue okx --symbol BTC/USDT"""


@click.command(epilog=EXAMPLES)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--client-id", "client_ids", multiple=True, metavar="ID", help="By your own id only; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Cancel every open order of every family.")
@click.option("--symbol", help="With --all: of this instrument only.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="At this venue only; repeatable with --all.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer.")
def cancel(
    ids: tuple[str, ...],
    client_ids: tuple[str, ...],
    everything: bool,
    symbol: str | None,
    venues: tuple[str, ...],
    env: str | None,
    output: str,
    timeout: float | None,
) -> None:
    """Cancel orders: by ID (yours, the venue's, or an unambiguous beginning), or all of them."""
    from order_management.cancel_report import cancelled_report, swept_report
    from order_management.cancelling import cancel_at_once, sweep_venues

    if everything == bool(ids or client_ids):
        raise UsageError("Say which orders: give their ids, or --all.", hint="See: order list --open.")
    if symbol is not None and not everything:
        raise UsageError("--symbol goes with --all.", hint="Leave it out: an id is enough.")
    if everything:
        desk, _ = open_desk(env, venues, timeout)
        finish(swept_report(desk, sweep_venues(desk, symbol)), output)
    if len(venues) > 1:
        raise UsageError("An order is at one venue: give --venue once.", hint="Or cancel everything with --all.")
    venue = venues[0] if venues else None
    desk, orders = open_known(env, [*ids, *client_ids], venue, timeout)
    finish(cancelled_report(desk, cancel_at_once(desk, orders)), output)
