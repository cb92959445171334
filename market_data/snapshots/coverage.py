"""What became of every second of a series' day: expected, recorded with a book, without one and why, not at all."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from domain.snapshots import OK, SECOND_NS, STATUSES
from domain.time import NS_PER_MS, rfc3339
from market_data.snapshots.manifest import FileEntry

NOT_RECORDED = "not_recorded"
"""A beat between the first and the last row of a day of which there is no row."""
STRETCHES_SHOWN = 100
"""How many gaps of a day a summary lists; it says how many more there are."""
REASONS_SHOWN = 20
OTHER = "other"
"""What the reasons beyond the most frequent `REASONS_SHOWN` of a day are put under."""


class Stretch(NamedTuple):
    """Beats one after another with the same status; `reason` is the first one's. Instants are ns since the epoch."""

    first_ns: int
    last_ns: int
    beats: int
    status: str
    reason: str | None

    def record(self) -> dict[str, Any]:
        """Write it for machines."""
        return {
            "from": second_text(self.first_ns),
            "to": second_text(self.last_ns),
            "seconds": self.beats,
            "status": self.status,
            "reason": self.reason,
        }


class Covered(NamedTuple):
    """A day's coverage, summed up: counts are beats, `by_reason` counts gaps as (status, reason or empty text)."""

    first_ns: int | None
    last_ns: int | None
    every_s: int
    expected: int
    rows: int
    by_status: Mapping[str, int]
    by_reason: Mapping[tuple[str, str], int]
    gaps: Sequence[Stretch]
    gaps_left_off: int

    @property
    def ok(self) -> int:
        """Count the seconds with a book."""
        return self.by_status.get(OK, 0)

    @property
    def not_recorded(self) -> int:
        """Count the beats without a row."""
        return self.expected - self.rows

    def record(self) -> dict[str, Any]:
        """Write it for machines."""
        return {
            "from": second_text(self.first_ns),
            "to": second_text(self.last_ns),
            "every_s": self.every_s,
            "expected": self.expected,
            "ok": self.ok,
            "not_recorded": self.not_recorded,
            "reasons": [
                {"status": status, "reason": reason or None, "seconds": count}
                for (status, reason), count in self.by_reason.items()
            ],
            "gaps": [gap.record() for gap in self.gaps],
            "gaps_left_off": self.gaps_left_off,
        }


class Coverage:
    """Takes the rows of one series and day in order of time; about 9 bytes a row are kept.

    A day has a row each beat (`--every`), which is the most frequent distance of two rows: nothing else tells of it.
    What was recorded at a slower beat than the rest of the day counts as one beat a row, and the rest as not recorded.
    """

    def __init__(self) -> None:
        self._times = array("q")
        self._codes = bytearray()
        self._reasons: dict[int, str | None] = {}

    def add(self, time_ns: int, status: str, reason: str | None) -> None:
        """Count a row; times have to rise."""
        if status != OK:
            self._reasons[len(self._times)] = reason
        self._times.append(time_ns)
        self._codes.append(STATUSES.index(status))

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(self._times)

    @property
    def by_status(self) -> dict[str, int]:
        """Count the rows of each status that there is."""
        counted = Counter(self._codes)
        return {status: counted[code] for code, status in enumerate(STATUSES) if counted[code]}

    @property
    def by_reason(self) -> dict[tuple[str, str], int]:
        """Count the gaps by status and by their reason as it was told, the most frequent first."""
        found = Counter((STATUSES[self._codes[place]], reason or "") for place, reason in self._reasons.items())
        shown = dict(found.most_common(REASONS_SHOWN))
        for (status, _), count in found.most_common()[REASONS_SHOWN:]:
            shown[status, OTHER] = shown.get((status, OTHER), 0) + count
        return shown

    @property
    def every_ns(self) -> int:
        """Say how far apart rows are: the most frequent distance, the smallest of several; one second where unknown."""
        steps = Counter(map(int.__sub__, self._times[1:], self._times))
        return min(steps, key=lambda step: (-steps[step], step), default=SECOND_NS)

    @property
    def expected(self) -> int:
        """Count the beats from the first row to the last, both included."""
        every = self.every_ns
        return sum(max(1, step // every) for step in map(int.__sub__, self._times[1:], self._times)) + bool(self._times)

    def stretches(self) -> Iterator[Stretch]:
        """Walk over the gaps in order of time: rows without a good book, and beats without a row."""
        every = self.every_ns
        open_: Stretch | None = None
        for place, time_ns in enumerate(self._times):
            missing = max(1, (time_ns - self._times[place - 1]) // every) - 1 if place else 0
            status = STATUSES[self._codes[place]]
            if open_ is not None and (missing or open_.status != status):
                yield open_
                open_ = None
            if missing:
                before = self._times[place - 1]
                yield Stretch(before + every, before + missing * every, missing, NOT_RECORDED, None)
            if status == OK:
                continue
            if open_ is None:
                open_ = Stretch(time_ns, time_ns, 1, status, self._reasons.get(place))
            else:
                open_ = open_._replace(last_ns=time_ns, beats=open_.beats + 1)
        if open_ is not None:
            yield open_

    def shares(self, width_ns: int) -> dict[int, tuple[int, int]]:
        """Count (beats expected, seconds with a book) in each slot of `width_ns`, by the slot's number since 1970."""
        found: dict[int, list[int]] = {}
        every = self.every_ns
        for place, time_ns in enumerate(self._times):
            slot = found.setdefault(time_ns // width_ns, [0, 0])
            slot[0] += 1
            slot[1] += STATUSES[self._codes[place]] == OK
        for gap in self.stretches():
            if gap.status == NOT_RECORDED:
                for beat in range(gap.first_ns, gap.last_ns + 1, every):
                    found.setdefault(beat // width_ns, [0, 0])[0] += 1
        return {slot: (expected, ok) for slot, (expected, ok) in found.items()}

    def covered(self) -> Covered:
        """Sum it up."""
        gaps, count = list[Stretch](), 0
        for gap in self.stretches():
            count += 1
            if len(gaps) < STRETCHES_SHOWN:
                gaps.append(gap)
        return Covered(
            self._times[0] if self._times else None,
            self._times[-1] if self._times else None,
            self.every_ns // SECOND_NS,
            self.expected,
            self.rows,
            self.by_status,
            self.by_reason,
            gaps,
            count - len(gaps),
        )


def second_text(time_ns: int | None) -> str | None:
    """Write a whole second as UTC text (`2026-11-21T01:02:03Z`)."""
    return None if time_ns is None else f"{rfc3339(time_ns // NS_PER_MS)[:19]}Z"


def share_text(part: int, whole: int) -> str | None:
    """Write a share in percent such that only the whole is 100 % and only nothing is 0 %."""
    if not whole:
        return None
    hundredths = part * 10_000 // whole
    return f"{(hundredths or bool(part)) / 100:.2f} %"


def beat_s(files: Sequence[FileEntry]) -> int:
    """Estimate how many seconds apart a day's rows are, from what the manifest says: a file without a hole tells.

    Where each file has one, or a single row, it is not known, and 1 is returned.
    """
    steps = [divmod(each.last_ns - each.first_ns, each.rows - 1) for each in files if each.rows > 1]
    return min((step // SECOND_NS for step, rest in steps if not rest and not step % SECOND_NS), default=1)
