"""The watch on its schedule: where looks and alerts go, and how it ends."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from domain.exit_codes import ExitCode
from monitoring.watch_record import firing_record, look_record
from utils.rendering.report import to_json

if TYPE_CHECKING:
    from monitoring.alerts import Firing
    from monitoring.watching import Look, Watch
    from monitoring.webhook import Webhook

_SHARE = 0.9
"""Part of an interval that one look may take."""
_LONGEST_LOOK_S = 20.0
_FIRST_LOOK_S = 120.0
"""The first look reads the history that the ledger does not have yet."""


class Schedule(NamedTuple):
    """When to look; `every_s` and `length_s` (None: until told to end) are seconds, `every` is as it was written."""

    every: str
    every_s: float
    length_s: float | None


def run(watch: "Watch", schedule: Schedule, hook: "Webhook | None") -> ExitCode:
    """Look until the time is over, SIGTERM or Ctrl-C; 10 once an alert has fired, else how the last look went."""
    code, started = ExitCode.OK, time.monotonic()
    with _screen(schedule, watch) as show, _until_told() as told:
        while not told:
            begun = time.monotonic()
            patience_s = min(schedule.every_s * _SHARE, _LONGEST_LOOK_S) if watch.count else _FIRST_LOOK_S
            look = watch.look(begun + patience_s)
            show(look)
            for firing in look.firings:
                sys.stderr.write(firing.sentence() + "\n")
                if hook is not None:
                    hook.tell(_message(look, firing))
            code = look.exit_code
            if not _wait(started, schedule, told):
                break
    return ExitCode.VERIFICATION_FAILED if watch.alerts.count else code


def _wait(started: float, schedule: Schedule, told: Sequence[int]) -> bool:
    """Sleep to the next beat of the schedule, which does not drift; False: there is none before the end."""
    now = time.monotonic() - started
    beat = (int(now / schedule.every_s) + 1) * schedule.every_s
    if schedule.length_s is not None and beat >= schedule.length_s:
        return False
    while not told and (left := started + beat - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))
    return True


@contextmanager
def _screen(schedule: Schedule, watch: "Watch") -> "Iterator[Callable[[Look], None]]":
    """Give what shows a look: redrawn in place on a terminal, else a line of JSON."""
    if not sys.stdout.isatty():

        def write(look: "Look") -> None:
            sys.stdout.write(to_json(look_record(look)) + "\n")
            sys.stdout.flush()

        yield write
        return
    from rich.console import Console
    from rich.live import Live

    from monitoring.watch_view import draw

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, screen=False, vertical_overflow="crop") as live:
        yield lambda look: live.update(
            draw(look, [alert.text.strip() for alert in watch.alerts.active], schedule.every), refresh=True
        )


@contextmanager
def _until_told() -> Iterator[list[int]]:
    """Collect SIGTERM instead of dying of it: a look that has begun is finished."""
    told: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        told.append(number)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


def _message(look: "Look", firing: "Firing") -> dict[str, object]:
    found: dict[str, object] = json.loads(to_json({"environment": look.environment, **firing_record(firing)}))
    return found
