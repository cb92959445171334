"""The `panic` command."""

import sys
from typing import TYPE_CHECKING

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_desk
from commands.session import finish, progress
from domain.errors import UsageError

if TYPE_CHECKING:
    from order_management.desk import Desk

EXAMPLES = """\b
Examples:
  python main.py panic --env sim
  python main.py panic --venue binance --venue okx --yes
  python main.py panic --drill --env sim"""
HARMLESS = ("paper", "sim")


@click.command(epilog=EXAMPLES)
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="At this venue only; repeatable.")
@click.option("--drill", is_flag=True, help="Open something small first, then really get out; paper and sim only.")
@click.option("--yes", is_flag=True, help="Do not ask in live.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", default=60.0, help="Deadline for the whole answer; 60.")
def panic(venues: tuple[str, ...], drill: bool, yes: bool, env: str | None, output: str, timeout: float) -> None:
    """Cancel every order and close every position, until nothing is left; run again, it goes on where it was."""
    from order_management.panic import panic as get_out
    from order_management.panic_report import SPOT_STAYS, panic_report

    if drill:
        _refuse_drill(env)
    desk, session = open_desk(env, venues, timeout)
    names, skipped = desk.with_accounts(named=bool(venues))
    asks = session.environment == "live" and not yes and sys.stdin.isatty()
    drilled: list[str] = []
    if drill:
        from order_management.drill import open_drills

        drilled = open_drills(desk, names)
    if asks:
        _ask(desk, names)
    sys.stderr.write(SPOT_STAYS + "\n")
    outcomes = get_out(desk, names, progress, planned=asks)
    finish(panic_report(session.environment, outcomes, skipped, drilled), output)


def _refuse_drill(env: str | None) -> None:
    from commands.session import configured

    environment = configured(env).environment
    if environment not in HARMLESS:
        raise UsageError(f"There is no drill in {environment}.", hint="Use --env sim or --env paper.")


def _ask(desk: "Desk", names: list[str]) -> None:
    from order_management.panic import plan_text, plans

    for found in plans(desk, names):
        progress(found.venue, plan_text(found))
    click.confirm("Cancel and close all this?", abort=True, err=True)
