"""The `order reconcile` command."""

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_desk
from commands.session import finish

EXAMPLES = """\b
Examples:
  python main.py order reconcile --env sim
  python main.py order reconcile --venue okx --since 7d --json
  python main.py order reconcile --accept"""


@click.command(epilog=EXAMPLES)
@click.option("--accept", is_flag=True, help="Take in orders, trades and positions that nobody wrote down.")
@click.option("--since", default="24h", show_default=True, metavar="SPAN", help="How far back trades are compared.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="At this venue only; repeatable.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", default=60.0, help="Deadline for the whole answer; 60.")
def reconcile(accept: bool, since: str, venues: tuple[str, ...], env: str | None, output: str, timeout: float) -> None:
    """Hold the journal against the venues' open orders and positions and your own trades; exit 10 at a difference."""
    from domain.spans import span_ms
    from order_management.accepted_positions import accepted_path, load_accepted, save_accepted
    from order_management.journal import journal_path
    from order_management.reconcile_report import reconciled_report
    from order_management.reconciling import reconcile as hold_against

    back_ms = span_ms(since)
    desk, session = open_desk(env, venues, timeout)
    names, skipped = desk.with_accounts(named=bool(venues))
    path = accepted_path(journal_path(session.venues.place.journal))
    accepted = load_accepted(path)
    since_ms = desk.clock_ns() // 1_000_000 - back_ms
    outcomes = hold_against(desk, names, since_ms, accepted, accept=accept)
    if any(item.explained for item in outcomes):
        save_accepted(path, {**accepted, **{key: size for item in outcomes for key, size in item.explained.items()}})
    finish(reconciled_report(session.environment, outcomes, skipped, accept=accept), output)
