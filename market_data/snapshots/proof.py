"""What was found out about a store: of each series and day, and of what lies there besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.exit_codes import ExitCode
from market_data.snapshots.coverage import Covered
from market_data.snapshots.inventory import Place

MISSING, ALTERED, UNREADABLE = "missing", "altered", "unreadable"
"""What was recorded is not there; is not what was recorded; or could not be looked at, which proves nothing."""
WHOLE, PRESENT, PRUNED = "whole", "present", "pruned"
"""All rows were read and are what was recorded; all files are there in their sizes, unread; deleted on purpose."""
STATES = (MISSING, ALTERED, UNREADABLE, PRUNED, PRESENT, WHOLE)
"""The states of a day, the worst first."""


class Finding(NamedTuple):
    """Something wrong with one object; `what` is a sentence, `code` what a command ends with if there is no worse."""

    kind: str
    key: str
    what: str
    code: ExitCode = ExitCode.VERIFICATION_FAILED


@dataclass
class DayProof:
    """What is known of a series' day. `files`, `rows` and `by_status` are as the manifest has them.

    Attributes:
        content: what the manifest says the rows' SHA-256 is. chain: over it and all days before.
        covered: what the rows themselves say, where all of them were read.
        unnamed: files that the manifest does not name. remains: those that a pruning was to delete.
        silent_s: seconds between the last row of an earlier day and the first of this one, beyond one beat.
        shares: for a picture: (expected, with a book) by slot.
    """

    place: Place
    files: int = 0
    bytes: int = 0
    rows: int = 0
    by_status: Mapping[str, int] = field(default_factory=dict)
    content: str | None = None
    chain: str | None = None
    pruned: bool = False
    covered: Covered | None = None
    findings: list[Finding] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    remains: list[str] = field(default_factory=list)
    silent_s: int | None = None
    shares: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Say how the day is, in a word: the worst that was found."""
        kinds = {finding.kind for finding in self.findings}
        kinds.add(PRUNED if self.pruned else WHOLE if self.covered else PRESENT)
        return next(state for state in STATES if state in kinds)

    def record(self) -> dict[str, Any]:
        """Write it for machines."""
        return {
            "venue": self.place.series.venue,
            "symbol": self.place.series.symbol,
            "day": self.place.day,
            "state": self.state,
            "files": self.files,
            "bytes": self.bytes,
            "rows": self.rows,
            "by_status": dict(self.by_status),
            "content_sha256": self.content,
            "chain_sha256": self.chain,
            "coverage": self.covered.record() if self.covered else None,
            "silent_before_s": self.silent_s,
            "findings": [{"kind": each.kind, "key": each.key, "message": each.what} for each in self.findings],
            "unnamed": self.unnamed,
            "left_by_pruning": self.remains,
            "notes": self.notes,
        }


@dataclass
class Proof:
    """What is known of a store. `foreign` are the first keys that are none of ours, of `foreign_count`.

    `slot_s` is how many seconds wide the slots of the days' `shares` are.
    """

    store: str
    quick: bool
    days: Sequence[DayProof]
    foreign: Sequence[str] = ()
    foreign_count: int = 0
    slot_s: int | None = None

    @property
    def exit_code(self) -> ExitCode:
        """Return 10 where anything is missing or altered, what kept us from looking where that is all, else 0."""
        codes = [finding.code for day in self.days for finding in day.findings]
        if ExitCode.VERIFICATION_FAILED in codes:
            return ExitCode.VERIFICATION_FAILED
        return codes[0] if codes else ExitCode.OK
