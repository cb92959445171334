"""The `order place` command."""

import sys
from decimal import Decimal

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_desk
from commands.session import finish
from commands.sizes import POSITIVE

KINDS = ("limit", "market", "stop", "stop-limit")
EXAMPLES = """\b
Examples:
  python main.py order place binance BTC/USDT buy 0.01 --price 60000 --env sim
  python main.py order place okx BTC/USDT:USDT sell 5000 --unit quote --type market --preview
  python main.py order place bybit ETH/USDT:USDT sell 1 --type stop --stop-price 2500 --reduce-only"""


@click.command(epilog=EXAMPLES)
@click.argument("venue")
@click.argument("symbol")
@click.argument("side", type=click.Choice(("buy", "sell")))
@click.argument("amount", type=POSITIVE)
@click.option("--type", "kind", type=click.Choice(KINDS), default="limit", help="Default limit.")
@click.option("--price", type=POSITIVE, help="Limit price, in quote per base.")
@click.option("--stop-price", type=POSITIVE, help="Price at which a stop is triggered.")
@click.option("--unit", type=click.Choice(("base", "quote", "contracts")), default="base", help="What AMOUNT counts.")
@click.option("--tif", type=click.Choice(("gtc", "ioc", "fok")), help="Time in force; default gtc.")
@click.option("--post-only", is_flag=True, help="Rest in the book, or not at all.")
@click.option("--reduce-only", is_flag=True, help="Only make a position smaller.")
@click.option("--client-id", metavar="ID", help="Your own id; the same id never sends a second order.")
@click.option("--allow-duplicate", is_flag=True, help="Mean it when the same order was placed a moment ago.")
@click.option("--preview", is_flag=True, help="Show what would be sent and what it costs; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before a live order.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer.")
def place(
    venue: str,
    symbol: str,
    side: str,
    amount: Decimal,
    kind: str,
    price: Decimal | None,
    stop_price: Decimal | None,
    unit: str,
    tif: str | None,
    post_only: bool,
    reduce_only: bool,
    client_id: str | None,
    allow_duplicate: bool,
    preview: bool,
    yes: bool,
    env: str | None,
    output: str,
    timeout: float | None,
) -> None:
    """Place one order: buy or sell AMOUNT of SYMBOL at VENUE. It is written down before it leaves."""
    from commands.key_warnings import warn_of_withdrawal
    from order_management.order_report import placed_report, preview_report
    from order_management.placing import objection, prepare, send
    from order_management.tickets import Ticket

    ticket = Ticket(
        venue, symbol, side, amount, kind, unit, price, stop_price, tif, post_only, reduce_only, client_id,
        allow_duplicate,
    ).checked()  # fmt: skip
    desk, session = open_desk(env, [venue], timeout)
    if not preview:
        session.venues.require_keys(venue)
    prepared = prepare(desk, ticket)
    if preview:
        finish(preview_report(desk, prepared, objection(desk, prepared)), output)
    if session.environment == "live" and not yes and sys.stdin.isatty():
        sys.stderr.write("\n".join(preview_report(desk, prepared).summary) + "\n")
        click.confirm("Send this order?", abort=True, err=True)
    warn_of_withdrawal(session.venues, venue)
    finish(placed_report(desk, send(desk, prepared)), output)
