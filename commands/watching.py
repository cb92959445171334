"""Wiring the watch of `monitor`: session, ledger, alerts and web hook."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from commands.ledger_access import ledger_of, take_in
from commands.order_journal import journal_of
from commands.session import open_session
from domain.exit_codes import ExitCode

if TYPE_CHECKING:
    from monitoring.watch_loop import Schedule
    from monitoring.webhook import Webhook


class Wanted(NamedTuple):
    """What to watch, beside the venues: alerts as they were written, markets to quote, and the numeraire."""

    alerts: Sequence[str]
    symbols: Sequence[str]
    numeraire: str


def run_watch(env: str | None, venues: Sequence[str], wanted: Wanted, schedule: "Schedule") -> ExitCode:
    """Open everything, watch, and close it again."""
    from connectors.accounts import venues_with_accounts
    from market_data.listing import locate, unknown
    from monitoring.alerts import Alerts, parse_alert
    from monitoring.watch_loop import run
    from monitoring.watching import Watch

    session = open_session(env, venues)
    hook = _webhook()
    with ledger_of(env) as ledger, journal_of(env, quiet=True)[1] as journal:
        names, skipped = venues_with_accounts(session.venues, ledger.known, named=bool(venues))
        for item in skipped:
            sys.stderr.write(f"{item.venue}: not watched: {item.reason}\n")
        alerts = Alerts([parse_alert(text, names) for text in wanted.alerts])
        targets = [locate(session.venues.cache, names, symbol) for symbol in wanted.symbols]
        for target in targets:
            if not target.listed:
                raise unknown(session.venues.cache, names, target)
        quoted = [listed.instrument for target in targets for listed in target.listed.values()]
        watch = Watch(
            session,
            names,
            ledger,
            lambda: take_in(ledger, journal),
            alerts,
            numeraire=wanted.numeraire,
            instruments=quoted,
        )
        try:
            return run(watch, schedule, hook)
        finally:
            if hook is not None:
                hook.close()


def _webhook() -> "Webhook | None":
    from monitoring.webhook import VARIABLE, Webhook
    from utils.secrets import find_secret

    url = find_secret(VARIABLE)
    return None if url is None else Webhook(url, _complain)


def _complain(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
