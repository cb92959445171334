"""What became of every second of a series' day: expected, recorded with a book, without one and why, not at all."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
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
    """A day's coverage, summed up: counts are beats, `by_reason` counts gaps as (status, reason or empty text).

    `every_s` is the beat of most rows.
    """

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

    A file has a row each beat, and after its last row beats go on as before until the next file begins. Where a file's
    beat was not written down, it is estimated: the most frequent distance of two rows of the day.
    """

    def __init__(self) -> None:
        self._beats: list[tuple[int, int | None]] = []
        self._times = array("q")
        self._codes = bytearray()
        self._reasons: dict[int, str | None] = {}

    def begin(self, every_s: int | None) -> None:
        """Begin with a file: the rows that follow were recorded at this beat (None: it is not known)."""
        self._beats.append((len(self._times), None if every_s is None else every_s * SECOND_NS))

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
        """Return the beat of most rows, the faster of two; one second where nothing is known."""
        rows: Counter[int] = Counter()
        for first, last, every in self._parts():
            rows[every] += last - first
        return min(rows, key=lambda every: (-rows[every], every), default=SECOND_NS)

    @property
    def expected(self) -> int:
        """Count the beats from the first row to the last, both included."""
        return self.rows + sum(missing for _, missing, _ in self._holes())

    def stretches(self) -> Iterator[Stretch]:
        """Walk over the gaps in order of time: rows without a good book, and beats without a row."""
        holes = {place: (missing, every) for place, missing, every in self._holes()}
        open_: Stretch | None = None
        for place, time_ns in enumerate(self._times):
            missing, every = holes.get(place, (0, 0))
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
        for place, time_ns in enumerate(self._times):
            slot = found.setdefault(time_ns // width_ns, [0, 0])
            slot[0] += 1
            slot[1] += STATUSES[self._codes[place]] == OK
        for place, missing, every in self._holes():
            for beat in range(1, missing + 1):
                found.setdefault((self._times[place - 1] + beat * every) // width_ns, [0, 0])[0] += 1
        return {slot: (expected, ok) for slot, (expected, ok) in found.items()}

    def _parts(self) -> Iterator[tuple[int, int, int]]:
        """Walk over rows of the same beat: the first, the one behind the last, and the beat (ns)."""
        beats = self._beats if self._beats and not self._beats[0][0] else [(0, None), *self._beats]
        ends = [*(first for first, _ in beats[1:]), self.rows]
        parts = [(first, end, every) for (first, every), end in zip(beats, ends, strict=True) if end > first]
        steps: Counter[int] = Counter()
        for first, end, every in parts:
            if every is None:
                steps.update(map(int.__sub__, self._times[first + 1 : end + 1], self._times[first:end]))
        guess = min(steps, key=lambda step: (-steps[step], step), default=SECOND_NS)
        for first, end, every in parts:
            yield first, end, guess if every is None else every

    def _holes(self) -> Iterator[tuple[int, int, int]]:
        """Walk over the rows that do not follow on the one before: which, how many beats are missing, and the beat."""
        for first, last, every in self._parts():
            for place in range(first + 1, min(last + 1, self.rows)):
                missing = (self._times[place] - self._times[place - 1] - 1) // every
                if missing:
                    yield place, missing, every

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


def beats_s(files: Sequence[FileEntry]) -> list[int]:
    """Tell the beat of each of a day's files, in seconds.

    Where it was not written down, it is estimated from all files of that kind: one without a hole tells. Where each of
    them has one, it is not known, and taken for 1; where each has a single row, their usual distance tells.
    """
    unknown = [each for each in files if each.every_s is None and each.rows > 1]
    steps = [divmod(each.last_ns - each.first_ns, each.rows - 1) for each in unknown]
    apart = Counter((b.first_ns - a.last_ns) // SECOND_NS for a, b in pairwise(files) if not unknown and not a.every_s)
    usual = min(apart, key=lambda step: (-apart[step], step), default=1)
    guess = min((step // SECOND_NS for step, rest in steps if not rest and not step % SECOND_NS), default=usual)
    return [each.every_s or guess for each in files]


def expected_beats(files: Sequence[FileEntry]) -> int:
    """Count the beats from the first row of a day's files to the last, both included; rows are not looked at."""
    count, before_ns, step_ns = 0, None, SECOND_NS
    for each, every_s in zip(files, beats_s(files), strict=True):
        count += 0 if before_ns is None else (each.first_ns - before_ns - 1) // step_ns
        before_ns, step_ns = each.last_ns, every_s * SECOND_NS
        count += max(each.rows, (each.last_ns - each.first_ns) // step_ns + 1)
    return count
