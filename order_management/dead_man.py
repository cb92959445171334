"""The dead-man switch: the venue cancels everything by itself unless it is told again in time."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from connectors.accounts import Skipped
from connectors.side_by_side import side_by_side
from domain.errors import CrossbookError, OutcomeUnknown, Unavailable, Unsupported, UsageError
from domain.exit_codes import ExitCode
from utils.rendering import Report, Table

if TYPE_CHECKING:
    from order_management.desk import Desk

_TRIES = 3
NOTE = "dead-man switch"
"""The key in `TradingRules.notes` under which a venue says what its switch covers, or why it has none."""


class Switched(NamedTuple):
    """What came of it at one venue; `covers` is what a user has to know of the venue's switch."""

    venue: str
    seconds: int | None
    error: CrossbookError | None = None
    covers: str | None = None


def cancel_after(desk: "Desk", venues: Sequence[str], seconds: int | None) -> list[Switched]:
    """Set the switch of each venue to `seconds` from now, or switch it off (None), side by side."""
    found = side_by_side([partial(_switch, desk, venue, seconds) for venue in venues])
    return [
        Switched(venue, seconds, item) if isinstance(item, CrossbookError) else item
        for venue, item in zip(venues, found, strict=True)
    ]


def _switch(desk: "Desk", venue: str, seconds: int | None) -> Switched:
    trading = desk.trading(venue)
    limits, note = trading.rules.cancel_after_s, trading.rules.notes.get(NOTE)
    if limits is None:
        raise Unsupported(f"{venue} has no dead-man switch; nothing was sent.", venue=venue, hint=note)
    least, most = limits
    if seconds is not None and not least <= seconds <= most:
        raise UsageError(
            f"{venue} takes {least} to {most} seconds, not {seconds}; nothing was sent.",
            venue=venue,
            hint=f"Write a time from {least}s to {most}s.",
        )
    for attempt in range(1, _TRIES + 1):
        try:
            trading.cancel_after(seconds)
            break
        except (OutcomeUnknown, Unavailable) as error:
            # Set twice, it counts from the second time: a repetition does no harm.
            if attempt == _TRIES or not (error.retryable or isinstance(error, OutcomeUnknown)):
                raise
    return Switched(venue, seconds, covers=note)


def switched_report(environment: str, switched: Sequence[Switched], skipped: Sequence[Skipped] = ()) -> Report:
    """Report per venue; a refusal of the only venue is raised instead, so that it is told like any other.

    Raises:
        CrossbookError: one venue was asked, and that is what came of it.
    """
    if len(switched) == 1 and switched[0].error is not None:
        raise switched[0].error
    rows = [[item.venue, _state(item), item.error.message if item.error else item.covers] for item in switched]
    rows += [[item.venue, "not asked", item.reason] for item in skipped]
    records = [
        {
            "venue": item.venue,
            "seconds": item.seconds if item.error is None else None,
            "state": _state(item),
            "covers": item.covers,
            "error": item.error.category if item.error else None,
            "message": item.error.message if item.error else None,
        }
        for item in switched
    ]
    codes = {item.error.exit_code if item.error else ExitCode.OK for item in switched}
    code = codes.pop() if len(codes) == 1 else ExitCode.PARTIAL
    record = {"environment": environment, "venues": records, "skipped": [item._asdict() for item in skipped]}
    title = f"Dead-man switch [{environment}]"
    summary = (
        ["Tell it again before the time is over, or everything that rests is cancelled."] if _any_set(switched) else []
    )
    return Report(record, [Table(("venue", "state", "note"), rows, title, "lll")], summary, exit_code=code)


def _any_set(switched: Sequence[Switched]) -> bool:
    return any(item.error is None and item.seconds is not None for item in switched)


def _state(item: Switched) -> str:
    if item.error is not None:
        return "unknown" if isinstance(item.error, OutcomeUnknown) else "not set"
    return "off" if item.seconds is None else f"cancels in {item.seconds} s"
