"""The `trade` commands: arming, where nothing is sent without it."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from commands.options import environment_option, output_option
from commands.session import configured, finish
from commands.sizes import POSITIVE

if TYPE_CHECKING:
    from order_management.journal import Journal


@click.group()
def trade() -> None:
    """Arm and disarm trading, where nothing is sent without."""


@trade.command(epilog="Example: python main.py trade arm --env live --for 15m --max-notional 5000 --venue okx")
@click.option("--for", "span", required=True, metavar="SPAN", help="How long: 15m, 2h; at most 24h.")
@click.option("--max-notional", required=True, type=POSITIVE, help="Worth of all that may be sent meanwhile, dollars.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="Only for this venue; repeatable.")
@click.option("--symbol", "symbols", multiple=True, metavar="PATTERN", help="Only for symbols like BTC/*; repeatable.")
@environment_option
@output_option
def arm(
    span: str, max_notional: Decimal, venues: tuple[str, ...], symbols: tuple[str, ...], env: str | None, output: str
) -> None:
    """Let orders be sent for a while and up to a sum; what was in force before is over."""
    from commands.key_warnings import warn_when_arming
    from order_management.arming_report import armed_anew, armed_report

    config = configured(env)
    armed_anew(config, span, max_notional, venues, symbols)
    warn_when_arming(config, venues)
    finish(armed_report(config, _journal(config.environment)), output)


@trade.command(epilog="Example: python main.py trade disarm --env live")
@environment_option
@output_option
def disarm(env: str | None, output: str) -> None:
    """Let nothing be sent any more; cancels and panic go on working."""
    from order_management.arming import disarm as take_back
    from order_management.arming_report import armed_report

    config = configured(env)
    was = take_back(config.environment)
    finish(armed_report(config, None, note=None if was else "Trading was not armed."), output)


@trade.command(epilog="Example: python main.py trade status --env live")
@environment_option
@output_option
def status(env: str | None, output: str) -> None:
    """Tell whether trading is armed, until when, and what is left of its sum."""
    from order_management.arming_report import armed_report

    config = configured(env)
    finish(armed_report(config, _journal(config.environment)), output)


def _journal(environment: str) -> "Callable[[], Journal]":
    """Make what opens the journal where something has to be counted."""
    from commands.order_journal import journal_of

    return lambda: journal_of(environment, quiet=True)[1]
