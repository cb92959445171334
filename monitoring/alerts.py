"""Alerts: `net_pnl < -500`, `unrealized@okx < -100`, `quote_age_s > 30`. They fire when they become true, once.

A figure that is not known makes no alert true or false: a venue that does not answer is neither flat nor fine, and
`venues_down > 0` is the alert for it.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.errors import UsageError
from domain.money import BadNumber, plain, to_decimal

METRICS: Mapping[str, str] = {
    "net_pnl": "realised + unrealised − fees + funding, in the numeraire",
    "realized": "realised, in the numeraire",
    "unrealized": "unrealised at the mark, in the numeraire",
    "fees": "fees paid, in the numeraire",
    "funding": "funding received, in the numeraire",
    "equity": "worth of all balances, in the numeraire",
    "open_orders": "how many orders are open",
    "positions": "how many positions are open",
    "drift": "how many positions differ between the ledger and the venue",
    "venues_down": "how many venues do not answer",
    "quote_age_s": "age of the oldest quote in view, seconds",
}
"""What can be watched, and what it is; all but `venues_down` and `quote_age_s` also per venue (`@okx`)."""
PER_VENUE = frozenset(METRICS) - {"venues_down", "quote_age_s"}
_OPERATORS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(r"\s*([a-z_]+)(?:@([\w.-]+))?\s*(<=|>=|<|>)\s*(\S+)\s*")


class Alert(NamedTuple):
    """One condition; `venue` None: over all of them."""

    text: str
    metric: str
    venue: str | None
    sign: str
    limit: Decimal


class Firing(NamedTuple):
    """An alert that has become true, and the figure that made it so."""

    alert: Alert
    value: Decimal
    time_ms: int

    def sentence(self) -> str:
        """Say it in one line."""
        return f"ALERT {self.alert.text.strip()}: {self.alert.metric} is {plain(self.value)}"


Figures = Mapping[tuple[str, str | None], Decimal | None]
"""What a look found, by metric and venue (None: all venues); None is not known."""


def parse_alert(text: str, venues: Sequence[str]) -> Alert:
    """Read one `--alert`; `venues` are those that are watched.

    Raises:
        UsageError: saying what is wrong with it.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise UsageError(
            f"The alert {text!r} cannot be read.", hint="Write it like 'net_pnl < -500' or 'fees@okx > 9'."
        )
    metric, venue, sign, number = form.groups()
    if metric not in METRICS:
        raise UsageError(f"The alert {text!r} watches '{metric}', which is no figure.", hint=f"Use {_list(METRICS)}.")
    if venue is not None and metric not in PER_VENUE:
        raise UsageError(f"The alert {text!r}: {metric} is about all venues.", hint=f"Write it without @{venue}.")
    if venue is not None and venue not in venues:
        raise UsageError(f"The alert {text!r} names {venue}, which is not watched.", hint=f"Watched: {_list(venues)}.")
    try:
        limit = to_decimal(number)
    except BadNumber:
        raise UsageError(f"The alert {text!r}: {number!r} is no number.", hint="Write it like -500 or 0.25.") from None
    return Alert(text, metric, venue, sign, limit)


class Alerts:
    """The alerts of one run, and which of them are true at the moment."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        self.alerts = alerts
        self.count = 0
        """How often one of them became true."""
        self._true: set[Alert] = set()

    def judge(self, figures: Figures, time_ms: int) -> list[Firing]:
        """Return those that have become true with this look; an unknown figure leaves an alert as it was."""
        firings = []
        for alert in self.alerts:
            value = figures.get((alert.metric, alert.venue))
            if value is None:
                continue
            if not _OPERATORS[alert.sign](value, alert.limit):
                self._true.discard(alert)
            elif alert not in self._true:
                self._true.add(alert)
                firings.append(Firing(alert, value, time_ms))
        self.count += len(firings)
        return firings

    def unknown(self, figures: Figures) -> list[Alert]:
        """List the alerts of which nothing can be said now."""
        return [alert for alert in self.alerts if figures.get((alert.metric, alert.venue)) is None]

    @property
    def active(self) -> list[Alert]:
        """List those that are true."""
        return [alert for alert in self.alerts if alert in self._true]


def _list(names: Sequence[str] | Mapping[str, str]) -> str:
    return ", ".join(names)
