"""Proving that a store has what was recorded, as it was recorded, and nothing twice.

Each file is read once. Nothing is believed that can be computed: sizes, hashes, the rows' order and content, and the
chain from day to day. A store may be written to meanwhile: what looks wrong is looked at again if it has changed.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode
from domain.snapshots import SECOND_NS, Series, SeriesFacts, encode
from market_data.snapshots.chaining import Link, chain_findings, link_of, manifests_of
from market_data.snapshots.coverage import Coverage, beats_s
from market_data.snapshots.fetching import Fetched, fetched
from market_data.snapshots.inventory import Held, Inventory, grouped, look_again, take_inventory
from market_data.snapshots.layout import day_of, manifest_key, read_file_key
from market_data.snapshots.manifest import NO_ROWS, FileEntry, Manifest
from market_data.snapshots.parquet import DamagedFile, SchemaError
from market_data.snapshots.proof import ALTERED, MISSING, UNREADABLE, DayProof, Finding, Proof
from utils.persistence.sinks.base import Sink, StoreMissing, StoreUnavailable

LOOKS = 3
"""How often a day is looked at while somebody changes it."""
GRACE_S = 2.0
"""How long a day's first file may be there without its manifest: they are put one after the other."""
SLOTS = 240
"""How many slots a picture is divided into, at most."""
_WIDTHS_S = (1, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
Progress = Callable[[str, int], None]
"""Told of each file that was read: its key and size in bytes."""


class Asked(NamedTuple):
    """What to verify: of which series (none: all), from which day on (`2026-11-21`), without reading rows (`quick`)."""

    wanted: Collection[Series] = ()
    since: str | None = None
    quick: bool = False
    picture: bool = False


def verify(
    sink: Sink,
    asked: Asked,
    progress: Progress = lambda *_: None,
    wait: Callable[[float], None] = time.sleep,
) -> Proof:
    """Verify a store. With `picture`, the coverage of each day comes in slots as well; `wait` sleeps (seconds).

    Raises:
        StoreError: the store does not list what it has, or refuses to give it.
        UsageError: there is nothing of a series that was asked for.
    """
    inventory = take_inventory(sink, everything=asked.since is None and not asked.wanted)
    chosen = inventory.chosen(asked.wanted, asked.since)
    links = manifests_of(sink, [*chosen, *_before(inventory, chosen)])
    slot_s = _slot_s([link.manifest for link in links.values() if link.manifest]) if asked.picture else None
    days: list[DayProof] = []
    waited = False
    for series, places in grouped(chosen):
        earlier = max((link for link in links.values() if _is_before(link, series, places[0])), default=None)
        for held in places:
            link = links[held.place]
            if not link.there and held.files:
                # Once is enough: what was listed after the others has been there for longer.
                wait(0 if waited else GRACE_S)
                waited = True
                held = look_again(sink, held.place)
                link = link_of(sink, held)
            proof, link = _proved(sink, held, link, earlier, asked.quick, slot_s, progress)
            days.append(proof)
            earlier = link if link.there else earlier
    return Proof(sink.name, asked.quick, days, inventory.foreign, inventory.foreign_count, slot_s)


def _is_before(link: Link, series: Series, first: Held) -> bool:
    return link.there and link.place.series == series and link.place.day < first.place.day


def _before(inventory: Inventory, chosen: Sequence[Held]) -> list[Held]:
    """Find the last day with a manifest before the first that was chosen, of each series."""
    found = []
    for series, places in grouped(chosen):
        earlier = [
            place
            for place, held in inventory.places.items()
            if place.series == series and place.day < places[0].place.day and held.manifest
        ]
        if earlier:
            found.append(inventory.places[max(earlier)])
    return found


def _proved(
    sink: Sink, held: Held, link: Link, earlier: Link | None, quick: bool, slot_s: int | None, progress: Progress
) -> tuple[DayProof, Link]:
    """Verify a day, and again when it was changed meanwhile and something was wrong."""
    for left in reversed(range(LOOKS)):
        proof = _Day(sink, held, link, earlier).proved(quick, slot_s, progress)
        if not proof.findings or not left:
            break
        seen = (held.files, link.text)
        held = look_again(sink, held.place)
        link = link_of(sink, held)
        if (held.files, link.text) == seen:
            break
    return proof, link


class _Day:
    """The verification of one series and day."""

    def __init__(self, sink: Sink, held: Held, link: Link, earlier: Link | None) -> None:
        self._sink = sink
        self._held = held
        self._link = link
        self._earlier = earlier
        self._proof = DayProof(held.place)
        self._content = NO_ROWS
        self._coverage = Coverage()
        self._last_ns = -1
        self._facts: SeriesFacts | None = None

    def proved(self, quick: bool, slot_s: int | None, progress: Progress) -> DayProof:
        """Look at everything of the day."""
        proof, held, manifest = self._proof, self._held, self._link.manifest
        if self._link.finding is not None:
            proof.findings.append(self._link.finding)
        if manifest is None:
            if not self._link.there and held.files:
                count = len(held.files)
                what = f"{count} file{'s have' if count > 1 else ' has'} no manifest: what the day had is not known."
                proof.findings.append(Finding(MISSING, held.place.manifest_key, what))
            proof.unnamed = sorted(held.files)
            proof.bytes = held.bytes
            return proof
        self._take_over(manifest)
        proof.findings += chain_findings(manifest, self._earlier)
        proof.findings += _sums(manifest)
        if not manifest.pruned:
            for entry in manifest.files:
                self._look_at(entry, quick, progress)
            if not quick and not proof.findings:
                self._add_up(manifest, slot_s)
        return proof

    def _take_over(self, manifest: Manifest) -> None:
        proof, named = self._proof, {entry.key for entry in manifest.files}
        proof.files, proof.rows, proof.by_status = len(named), manifest.rows, manifest.by_status
        proof.bytes = sum(entry.bytes for entry in manifest.files)
        proof.content, proof.chain, proof.pruned = manifest.content, manifest.chain, manifest.pruned
        there = sorted(self._held.files)
        proof.unnamed = [key for key in there if key not in named]
        proof.remains = [key for key in there if key in named and manifest.pruned]
        before = self._earlier.manifest if self._earlier else None
        if before is not None and before.files and manifest.files:
            apart = (manifest.files[0].first_ns - before.files[-1].last_ns) // SECOND_NS
            silent = apart - beats_s(before.files)[-1]
            proof.silent_s = silent if silent > 0 else None

    def _look_at(self, entry: FileEntry, quick: bool, progress: Progress) -> None:
        """Look at one file that the manifest names."""
        size = self._held.files.get(entry.key)
        if size is None:
            self._wrong(MISSING, entry, "is not there")
        elif size != entry.bytes:
            self._wrong(ALTERED, entry, f"has {size:,} bytes, not {entry.bytes:,}")
        elif not quick:
            try:
                with fetched(self._sink, entry.key, size) as file:
                    self._read(entry, file)
                progress(entry.key, size)
            except StoreMissing:
                self._wrong(MISSING, entry, "is not there")
            except StoreUnavailable as error:
                self._unread(entry, error)
            except SchemaError as error:
                self._unread(entry, error)
            except DamagedFile as error:
                self._proof.findings.append(Finding(ALTERED, entry.key, error.message))

    def _read(self, entry: FileEntry, file: Fetched) -> None:
        """Read a file's rows, if it is the one that was published."""
        if (file.size, file.sha256) != (entry.bytes, entry.sha256):
            self._wrong(ALTERED, entry, "is not what was published: its SHA-256 differs")
            return
        facts, rows = file.rows()
        if facts.series != self._held.place.series:
            self._wrong(ALTERED, entry, f"holds rows of {facts.series}")
            return
        if self._facts is not None and facts != self._facts:
            self._proof.notes.append(f"{entry.key}: {_changes(self._facts, facts)} from here on.")
        self._facts = facts
        self._coverage.begin(entry.every_s)
        digest, count, day = hashlib.sha256(), 0, self._held.place.day
        for snapshot in rows:
            if snapshot.time_ns <= self._last_ns or day_of(snapshot.time_ns) != day:
                self._wrong(ALTERED, entry, "has rows out of order, twice, or of another day")
                return
            line = encode(snapshot)
            digest.update(b"\n" + line if count else line)
            # As `manifest.DayContent` has it, without writing the row a second time.
            self._content = hashlib.sha256(self._content.encode() + line).hexdigest()
            self._coverage.add(snapshot.time_ns, snapshot.status, snapshot.reason)
            self._last_ns = snapshot.time_ns
            if not count and snapshot.time_ns != entry.first_ns:
                self._wrong(ALTERED, entry, "does not begin when its manifest says")
            count += 1
        if (count, self._last_ns, digest.hexdigest()) != (entry.rows, entry.last_ns, entry.content_sha256):
            self._wrong(ALTERED, entry, "holds other rows than its manifest says")

    def _add_up(self, manifest: Manifest, slot_s: int | None) -> None:
        """Hold the rows of all files against the day's manifest."""
        key = self._held.place.manifest_key
        if self._content != manifest.content:
            what = f"{key} has another checksum than the day's rows."
            self._proof.findings.append(Finding(ALTERED, key, what))
        elif self._coverage.by_status != dict(manifest.by_status):
            self._proof.findings.append(Finding(ALTERED, key, f"{key} counts other rows than the day has."))
        self._proof.covered = self._coverage.covered()
        if slot_s is not None:
            self._proof.shares = self._coverage.shares(slot_s * SECOND_NS)

    def _wrong(self, kind: str, entry: FileEntry, what: str) -> None:
        self._proof.findings.append(Finding(kind, entry.key, f"{entry.key} {what}."))

    def _unread(self, entry: FileEntry, error: CrossbookError) -> None:
        self._proof.findings.append(Finding(UNREADABLE, entry.key, error.message, ExitCode(error.exit_code)))


def _sums(manifest: Manifest) -> list[Finding]:
    """Hold what a manifest says of its files against what it says of the day."""
    key = manifest_key(manifest.series, manifest.day)
    found = []
    if sum(entry.rows for entry in manifest.files) != manifest.rows:
        found.append(Finding(ALTERED, key, f"{key} counts other rows than its files have."))
    for entry in manifest.files:
        name = read_file_key(entry.key)
        if name is None or (name.series, name.day) != (manifest.series, manifest.day):
            found.append(Finding(ALTERED, key, f"{key} names {entry.key}, which is none of its files."))
    return found


def _changes(before: SeriesFacts, after: SeriesFacts) -> str:
    changed = [
        f"{name} {getattr(after, name)} (was {getattr(before, name)})"
        for name in SeriesFacts._fields
        if getattr(after, name) != getattr(before, name)
    ]
    return ", ".join(changed)


def _slot_s(manifests: Sequence[Manifest]) -> int:
    """Choose how wide a slot of a picture is, in seconds."""
    files = [entry for manifest in manifests if not manifest.pruned for entry in manifest.files]
    if not files:
        return _WIDTHS_S[0]
    span_s = (max(each.last_ns for each in files) - min(each.first_ns for each in files)) // SECOND_NS + 1
    return next((width for width in _WIDTHS_S if span_s <= width * SLOTS), _WIDTHS_S[-1])
