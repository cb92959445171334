"""Arming trading from what a user writes, and telling what it is armed for."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.errors import UsageError
from domain.money import plain, rounded
from domain.spans import SHORT, span_ms
from domain.time import NS_PER_MS, rfc3339
from order_management.arming import Armed, arm, read_armed
from utils.rendering import Report

if TYPE_CHECKING:
    from order_management.journal import Journal
    from utils.config.settings import Config

LONGEST = "24h"
"""Nobody means to have trading armed for longer than a day."""


def armed_anew(
    config: "Config", span: str, max_notional: Decimal, venues: Sequence[str], symbols: Sequence[str]
) -> None:
    """Arm an environment from now on; `max_notional` is in dollars.

    Raises:
        UsageError: the span is none, or a venue is not in the configuration.
        ConfigError: it cannot be written down.
    """
    for venue in venues:
        if venue not in config.venues:
            import difflib

            near = difflib.get_close_matches(venue, config.venues, n=1, cutoff=0.0)
            raise UsageError(f"There is no venue {venue!r} in the configuration.", hint=f"Nearest: {near[0]}.")
    now_ns = time.time_ns()
    until_ns = now_ns + span_ms(span, SHORT, LONGEST) * NS_PER_MS
    arm(Armed(config.environment, now_ns, until_ns, max_notional, tuple(venues), tuple(symbols)))


def armed_report(config: "Config", journal: "Callable[[], Journal] | None", note: str | None = None) -> Report:
    """Report whether an environment needs arming, and what it is armed for; `journal` opens its journal.

    Raises:
        ConfigError: the file that says so is damaged, or not to be trusted.
    """
    environment, now_ns = config.environment, time.time_ns()
    needed = environment in config.policy.require_arming
    armed = read_armed(environment)
    holds = armed is not None and armed.holds(now_ns)
    record: dict[str, Any] = {"environment": environment, "required": needed, "armed": holds}
    lines = []
    if armed is not None and holds and journal is not None:
        sent = journal().notional_since(armed.armed_ns)
        record |= _details(armed, sent, now_ns)
        lines = _lines(armed, record)
    elif armed is not None:
        lines = [f"Trading in {environment} is no longer armed: it was until {_text(armed.until_ns)}."]
    else:
        lines = [f"Trading in {environment} is not armed."]
    if not needed:
        lines.append(f"Orders in {environment} need no arming (policy.require_arming), and it does not limit them.")
    return Report(record, summary=lines, notes=[note] if note else [])


def _details(armed: Armed, sent: Decimal, now_ns: int) -> dict[str, Any]:
    return {
        "since": _text(armed.armed_ns),
        "until": _text(armed.until_ns),
        "left_s": (armed.until_ns - now_ns) // 1_000_000_000,
        "max_notional": armed.max_notional,
        "sent_notional": sent,
        "left_notional": max(Decimal(0), armed.max_notional - sent),
        "venues": list(armed.venues),
        "symbols": list(armed.symbols),
    }


def _lines(armed: Armed, record: dict[str, Any]) -> list[str]:
    amounts = [plain(rounded(record[name], 2)) for name in ("left_notional", "max_notional", "sent_notional")]
    return [
        f"Trading in {armed.environment} is armed until {record['until']} ({record['left_s']} s left).",
        f"{amounts[0]} of {amounts[1]} USD are left; {amounts[2]} USD were sent since {record['since']}.",
        f"Venues: {', '.join(armed.venues) or 'all'}; symbols: {', '.join(armed.symbols) or 'all'}.",
    ]


def _text(at_ns: int) -> str:
    return rfc3339(at_ns // NS_PER_MS)
