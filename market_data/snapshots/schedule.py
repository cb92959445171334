"""When snapshots are taken: beats on UTC seconds, computed from the clock each time, so that nothing drifts."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.errors import UsageError
from domain.snapshots import SECOND_NS
from domain.spans import EVERY, SHORT, span_ms

WARM_UP_NS = 700_000_000
"""How long before the first beat a run must start: connections are set up meanwhile."""
_ALLOWED_S = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300, 360, 600, 720, 900, 1200, 1800, 3600)
"""Seconds from beat to beat: what divides the hour, and either divides a minute or is whole minutes."""
_SLICE_S = 0.5
"""Longest sleep in one piece: a clock that is set meanwhile is noticed within it."""


class Plan(NamedTuple):
    """Beats of a run: every multiple of `every_s` seconds in [start_ns, end_ns); `end_ns` None: until told to end.

    `length_ns`: how long the run was to be, where that is what was asked for, and not its end.
    """

    every_s: int
    start_ns: int
    end_ns: int | None
    length_ns: int | None = None

    @property
    def step_ns(self) -> int:
        """Nanoseconds from beat to beat."""
        return self.every_s * SECOND_NS

    @property
    def beat_s(self) -> int | None:
        """Seconds from beat to beat; None for a run of one beat, which says nothing of the next."""
        return None if self.end_ns is not None and self.count() <= 1 else self.every_s

    def free_from(self, next_ns: int) -> int:
        """Return the first second without a row, where `next_ns` is the first beat without one: others beat faster."""
        return next_ns - self.step_ns + SECOND_NS

    def taken_over(self, first_ns: int, ready_ns: int) -> "Plan":
        """Return the plan of a run that goes on at `first_ns`, where another one ended.

        Its length counts from the first beat that it can be ready for: runs that follow each other leave each other a
        little more time than the slowest start of them took.
        """
        if self.length_ns is None:
            return self._replace(start_ns=first_ns)
        ready = -(-ready_ns // self.step_ns) * self.step_ns
        return self._replace(start_ns=first_ns, end_ns=max(first_ns, ready) + self.length_ns)

    def over(self, beat_ns: int) -> bool:
        """Tell whether a beat is beyond the end."""
        return self.end_ns is not None and beat_ns >= self.end_ns

    def at_or_after(self, moment_ns: int) -> int:
        """Return the first beat of the plan that is not before a moment."""
        return max(-(-moment_ns // self.step_ns) * self.step_ns, self.start_ns)

    def latest(self, moment_ns: int) -> int:
        """Return the last beat that is not after a moment; the plan's first where there is none yet."""
        return max(moment_ns // self.step_ns * self.step_ns, self.start_ns)

    def count(self, until_ns: int | None = None) -> int:
        """Count the beats before the end, or before an earlier `until_ns`; one of the two must be there."""
        ends = [end for end in (self.end_ns, until_ns) if end is not None]
        return max(0, -(-(min(ends) - self.start_ns) // self.step_ns))


def read_every(text: str) -> int:
    """Read `--every` as seconds.

    Raises:
        UsageError: it is no span, or one whose beats would not fall on the same seconds of every hour.
    """
    seconds = span_ms(text, SHORT, "1h") // 1000
    if seconds not in _ALLOWED_S:
        near = min(_ALLOWED_S, key=lambda allowed: (abs(allowed - seconds), -allowed))
        raise UsageError(f"--every {text} does not divide the hour evenly.", hint=f"Nearest: --every {near}s.")
    return seconds


def next_allowed(seconds: float) -> int | None:
    """Return the shortest `--every` that is at least as long; None: there is none."""
    return next((allowed for allowed in _ALLOWED_S if allowed >= seconds), None)


def make_plan(every_s: int, now_ns: int, *, length: str | None, until: str | None, once: bool) -> Plan:
    """Plan a run that starts at the next beat that can be prepared for.

    Args:
        length: `--for` as it was written; `until`: `--until` as it was written.

    Raises:
        UsageError: two ends are given, or one that cannot be read or is not in the future.
    """
    given = [name for name, value in (("--for", length), ("--until", until), ("--once", once)) if value]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} contradict each other.", hint="Give one of them.")
    endless = Plan(every_s, 0, None)
    start_ns = endless.at_or_after(now_ns + WARM_UP_NS)
    if once:
        return Plan(every_s, start_ns, start_ns + 1)
    if length:
        length_ns = span_ms(length, EVERY) * 1_000_000
        return Plan(every_s, start_ns, start_ns + length_ns, length_ns)
    if until:
        end_ns = _instant_ns(until, now_ns)
        if end_ns <= start_ns:
            raise UsageError(f"--until {until} leaves no second to record.", hint="Times are UTC.")
        return Plan(every_s, start_ns, end_ns)
    return endless._replace(start_ns=start_ns)


def wait_until(moment_ns: int, told: threading.Event) -> bool:
    """Sleep until the clock (UTC) shows a moment; False: `told` was set before."""
    while (left := (moment_ns - time.time_ns()) / SECOND_NS) > 0:
        if told.wait(min(left, _SLICE_S)):
            return False
    return not told.is_set()


def _instant_ns(text: str, now_ns: int) -> int:
    """Read `2026-11-21T03:04:05Z`, a date, or a time of day (`03:04`, the next one); all UTC."""
    now = datetime.fromtimestamp(now_ns // SECOND_NS, UTC)
    try:
        if len(text) <= 8 and ":" in text:
            moment = datetime.fromisoformat(f"{now.date()}T{text}").replace(tzinfo=UTC)
            moment += timedelta(days=moment <= now)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    except ValueError:
        hint = "Write 2026-11-21T18:00:00Z, 2026-11-22 or 18:00 (UTC)."
        raise UsageError(f"'{text[:40]}' is no time.", hint=hint) from None
    return int(moment.timestamp()) * SECOND_NS
