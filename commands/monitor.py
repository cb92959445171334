"""The `monitor` command."""

import click

from commands.options import environment_option
from domain.errors import UsageError

EXAMPLES = """\b
Examples:
  python main.py monitor --env sim
  python main.py monitor --interval 30s --for 8h --alert 'net_pnl < -500' --alert 'venues_down > 0'
  python main.py monitor --symbol BTC/USDT:USDT --for 1m --interval 5s | jq .pnl"""


@click.command(epilog=EXAMPLES)
@click.option("--interval", default="10s", show_default=True, metavar="SPAN", help="Time from look to look.")
@click.option("--for", "length", metavar="SPAN", help="End after this long; without it, at Ctrl-C.")
@click.option("--alert", "alerts", multiple=True, metavar="CONDITION", help="Say so when 'net_pnl < -500'; repeatable.")
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Quote this, too; repeatable.")
@click.option("--numeraire", default="USDT", show_default=True, metavar="CURRENCY", help="What gains are shown in.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="Watch this venue only; repeatable.")
@environment_option
def monitor(
    interval: str,
    length: str | None,
    alerts: tuple[str, ...],
    symbols: tuple[str, ...],
    numeraire: str,
    venues: tuple[str, ...],
    env: str | None,
) -> None:
    """Watch positions, gains, open orders, quotes and venues: live on a terminal, else one JSON object a look."""
    from commands.watching import Wanted, run_watch
    from domain.spans import EVERY, SHORT, span_ms
    from market_data.conversion import numeraire_of
    from monitoring.watch_loop import Schedule

    every_ms = span_ms(interval, SHORT)
    if every_ms < 1000:
        raise UsageError(f"--interval {interval} is too short.", hint="Use 1s or more: venues limit what they answer.")
    schedule = Schedule(interval, every_ms / 1000, span_ms(length, EVERY) / 1000 if length else None)
    raise click.exceptions.Exit(int(run_watch(env, venues, Wanted(alerts, symbols, numeraire_of(numeraire)), schedule)))
