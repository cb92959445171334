"""What a store has, as its manifests say; no file of rows is read."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from domain.exit_codes import ExitCode
from domain.snapshots import Series
from market_data.snapshots.chaining import Link, manifests_of
from market_data.snapshots.coverage import expected_beats, second_text
from market_data.snapshots.inventory import Held, take_inventory
from utils.persistence.sinks.base import Sink


@dataclass
class Stored:
    """What there is of a series, or of a day of it: counts of rows by status, files and their size in bytes.

    `expected` are the seconds (or beats) from each day's first row to its last. Days that were pruned are counted in
    `pruned` and nowhere else; `problems` are sentences, `codes` what a command ends with because of them.
    """

    series: Series
    days: list[str] = field(default_factory=list)
    pruned: int = 0
    files: int = 0
    bytes: int = 0
    rows: int = 0
    ok: int = 0
    expected: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    by_status: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    codes: list[ExitCode] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Write it for machines."""
        return {
            "venue": self.series.venue,
            "symbol": self.series.symbol,
            "days": self.days,
            "pruned_days": self.pruned,
            "from": second_text(self.first_ns),
            "to": second_text(self.last_ns),
            "files": self.files,
            "bytes": self.bytes,
            "rows": self.rows,
            "ok": self.ok,
            "expected": self.expected,
            "by_status": self.by_status,
            "problems": self.problems,
        }


@dataclass
class Listing:
    """The series of a store, each with its days; `foreign_count` objects below `order_books/` are none of ours."""

    store: str
    series: list[Stored]
    by_day: list[Stored]
    foreign_count: int

    @property
    def exit_code(self) -> ExitCode:
        """Return 10 where a manifest is missing or altered, what kept us from reading one where that is all, else 0."""
        codes = [code for each in self.series for code in each.codes]
        return max(codes, key=lambda code: code == ExitCode.VERIFICATION_FAILED, default=ExitCode.OK)


def list_store(sink: Sink, wanted: Collection[Series] = (), since: str | None = None) -> Listing:
    """List the series (none: all) of a store from a day on.

    Raises:
        StoreError: it does not answer.
        UsageError: there is nothing of a series that was asked for.
    """
    inventory = take_inventory(sink)
    chosen = inventory.chosen(wanted, since)
    links = manifests_of(sink, chosen)
    by_day = [_stored(held, links[held.place]) for held in chosen]
    series = [_together(name, [day for day in by_day if day.series == name]) for name in _names(by_day)]
    return Listing(sink.name, series, by_day, inventory.foreign_count)


def _stored(held: Held, link: Link) -> Stored:
    found = Stored(held.place.series, [held.place.day])
    manifest = link.manifest
    if manifest is None:
        found.files, found.bytes = len(held.files), held.bytes
        found.problems = [link.finding.what if link.finding else f"{held.place.day} has files and no manifest."]
        found.codes = [link.finding.code if link.finding else ExitCode.VERIFICATION_FAILED]
        return found
    if manifest.pruned:
        found.pruned = 1
        return found
    found.files = len(manifest.files)
    found.bytes = sum(entry.bytes for entry in manifest.files)
    found.rows, found.ok, found.by_status = manifest.rows, manifest.ok, dict(manifest.by_status)
    found.expected = expected_beats(manifest.files)
    if manifest.files:
        found.first_ns, found.last_ns = manifest.files[0].first_ns, manifest.files[-1].last_ns
    return found


def _together(series: Series, days: list[Stored]) -> Stored:
    whole = Stored(series)
    for day in days:
        whole.days += day.days
        whole.problems += day.problems
        whole.codes += day.codes
        for name in ("pruned", "files", "bytes", "rows", "ok", "expected"):
            setattr(whole, name, getattr(whole, name) + getattr(day, name))
        for status, count in day.by_status.items():
            whole.by_status[status] = whole.by_status.get(status, 0) + count
        whole.first_ns = day.first_ns if whole.first_ns is None else whole.first_ns
        whole.last_ns = whole.last_ns if day.last_ns is None else day.last_ns
    return whole


def _names(days: Iterable[Stored]) -> list[Series]:
    return list(dict.fromkeys(day.series for day in days))
