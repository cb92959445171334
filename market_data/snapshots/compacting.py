"""Making the many small files of a day one, and clearing away what an interrupted run has left behind.

The order of steps is what makes it safe: the new file is written, put under a key that is not there, read back, named
by the manifest in place of the old ones in one conditional write, and only then are the old ones deleted. Killed
anywhere, the manifest names either the old files or the new one, and all that it names is there. Who reads a store by
its manifests counts nothing twice; what is left lying is cleared away by the next run.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode
from domain.snapshots import Series, SeriesFacts, Snapshot, encode
from market_data.snapshots.fetching import fetched
from market_data.snapshots.inventory import Held, Place, look_again, take_inventory
from market_data.snapshots.layout import file_key, read_file_key
from market_data.snapshots.manifest import FileEntry, Manifest, change_for_good, read_manifest
from market_data.snapshots.parquet import DamagedFile, FileStat, read_file, write_file
from market_data.snapshots.sources import source_of
from utils.persistence.sinks.base import ABSENT, Sink, StoreConflict

_KEYS_TRIED = 100


@dataclass
class Compacted:
    """What became of a day: its files and bytes before and after, and which left-over files were deleted.

    `unnamed` are files of the series that no manifest names and whose rows are nowhere else: they are left alone.
    `error` is what stopped the day's compaction; nothing was lost then.
    """

    place: Place
    files_before: int = 0
    files: int = 0
    bytes_before: int = 0
    bytes: int = 0
    cleared: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    error: CrossbookError | None = None

    @property
    def changed(self) -> bool:
        """Tell whether anything was done."""
        return self.files != self.files_before or bool(self.cleared)


def compact(
    sink: Sink, wanted: Collection[Series], chosen: Callable[[str], bool], tell: Callable[[Compacted], None]
) -> list[Compacted]:
    """Compact the days (`chosen` says which) of these series (none: all); one day's failure does not stop the others.

    Raises:
        StoreError: the store does not list what it has.
        UsageError: there is nothing of a series that was asked for.
    """
    done = []
    for held in take_inventory(sink).chosen(wanted):
        if chosen(held.place.day):
            done.append(_Day(sink, held).compacted())
            tell(done[-1])
    return done


class _Day:
    """The compaction of one series and day."""

    def __init__(self, sink: Sink, held: Held) -> None:
        self._sink = sink
        self._held = held
        self._done = Compacted(held.place)

    def compacted(self) -> Compacted:
        """Do it, and report."""
        done, place = self._done, self._held.place
        try:
            found = read_manifest(self._sink, place.series, place.day)
            if found is None:
                done.unnamed = sorted(self._held.files)
                return done
            manifest = found[0]
            done.files_before = done.files = len(manifest.files)
            done.bytes_before = done.bytes = sum(entry.bytes for entry in manifest.files)
            if manifest.pruned:
                done.files_before = done.files = done.bytes_before = done.bytes = 0
                return done
            for facts, entries in self._groups(manifest):
                manifest = self._merged(facts, entries)
            done.files = len(manifest.files)
            done.bytes = sum(entry.bytes for entry in manifest.files)
            self._clear(manifest)
        except CrossbookError as error:
            done.error = error
        return done

    def _groups(self, manifest: Manifest) -> list[tuple[SeriesFacts, list[FileEntry]]]:
        """Find files that follow each other and have the same facts and beat, as one file has, where there are several.

        So nothing is given away that tells what was expected of a second.
        """
        if len(manifest.files) < 2:
            return []
        groups: list[tuple[SeriesFacts, list[FileEntry]]] = []
        for entry in manifest.files:
            facts, _ = read_file(source_of(self._sink, entry.key, entry.bytes))
            if groups and groups[-1][0] == facts and groups[-1][1][-1].every_s == entry.every_s:
                groups[-1][1].append(entry)
            else:
                groups.append((facts, [entry]))
        return [(facts, entries) for facts, entries in groups if len(entries) > 1]

    def _merged(self, facts: SeriesFacts, entries: Sequence[FileEntry]) -> Manifest:
        """Make these files one; return the manifest that names it."""
        with TemporaryDirectory(prefix="crossbook-") as folder:
            path = Path(folder) / "day.parquet"
            try:
                stat = write_file(path, facts, self._rows(entries))
            except OSError as error:
                raise CrossbookError(f"The compacted file cannot be written: {error.strerror}.") from error
            if stat.rows != sum(entry.rows for entry in entries):
                raise DamagedFile(f"The files of {self._held.place.day} have other rows than their manifest says.")
            key = self._put(path, stat, entries)
        self._read_back(key, stat)
        made = FileEntry(
            key, stat.rows, stat.first_ns, stat.last_ns, stat.bytes, stat.sha256, stat.content_sha256,
            entries[0].every_s,
        )  # fmt: skip
        place = self._held.place
        manifest = change_for_good(
            self._sink, place.series, place.day, lambda found: _with_one_for_many(found, made, entries)
        )
        for entry in entries:
            self._sink.delete(entry.key)
        return manifest

    def _rows(self, entries: Sequence[FileEntry]) -> Iterator[Snapshot]:
        for entry in entries:
            with fetched(self._sink, entry.key, entry.bytes) as file:
                if (file.size, file.sha256) != (entry.bytes, entry.sha256):
                    raise DamagedFile(f"{entry.key} is not what was published.", hint="Run snapshot verify.")
                yield from file.rows()[1]

    def _put(self, path: Path, stat: FileStat, entries: Sequence[FileEntry]) -> str:
        """Put the file under a key that is not there, or where an interrupted run has put the very same."""
        names = [read_file_key(entry.key) for entry in entries]
        first = 1 + max(name.compaction if name else 0 for name in names)
        for compaction in range(first, first + _KEYS_TRIED):
            key = file_key(self._held.place.series, stat.first_ns, compaction)
            try:
                self._sink.put(key, path, only_if=ABSENT)
            except StoreConflict:
                with fetched(self._sink, key, stat.bytes) as there:
                    if there.sha256 != stat.sha256:
                        continue
            return key
        raise StoreConflict(f"Too many files of {self._held.place.day} are in the way.", hint="Run snapshot verify.")

    def _read_back(self, key: str, stat: FileStat) -> None:
        """See that the store has the rows that were given to it."""
        with fetched(self._sink, key, stat.bytes) as file:
            if file.sha256 != stat.sha256 or _content(file.rows()[1]) != stat.content_sha256:
                raise DamagedFile(f"{key} was not stored as it was written; the small files stay.")

    def _clear(self, manifest: Manifest) -> None:
        """Delete files of an interrupted run: all their rows are in named files of a later compaction."""
        named = {entry.key for entry in manifest.files}
        files = look_again(self._sink, self._held.place).files
        for key in sorted(set(files) - named):
            if self._is_superseded(key, files[key], manifest):
                self._sink.delete(key)
                self._done.cleared.append(key)
            else:
                self._done.unnamed.append(key)

    def _is_superseded(self, key: str, size: int, manifest: Manifest) -> bool:
        """Tell whether each row of an unnamed file is in a file that replaced it.

        A file that another process is about to name is never among them: its rows are not named yet, or it would
        replace files itself, and so has the higher number.
        """
        name = read_file_key(key)
        later = [
            entry
            for entry in manifest.files
            if name is not None and (other := read_file_key(entry.key)) and other.compaction > name.compaction
        ]
        if not later:
            return False
        try:
            with fetched(self._sink, key, size) as file:
                rows = {row.time_ns: hashlib.sha256(encode(row)).digest() for row in file.rows()[1]}
        except DamagedFile:
            return False
        first, last = min(rows), max(rows)
        for row in self._rows([entry for entry in later if entry.first_ns <= last and first <= entry.last_ns]):
            if rows.get(row.time_ns) == hashlib.sha256(encode(row)).digest():
                del rows[row.time_ns]
        return not rows


def _with_one_for_many(found: Manifest | None, made: FileEntry, entries: Sequence[FileEntry]) -> Manifest:
    """Name one file in place of many; nothing else of the manifest changes.

    Raises:
        StoreConflict: somebody else has changed these files meanwhile.
    """
    if found is not None and made in found.files:
        return found
    others = [entry for entry in found.files if entry not in entries] if found else []
    between = any(made.first_ns <= entry.last_ns and entry.first_ns <= made.last_ns for entry in others)
    if found is None or found.pruned or between or len(others) + len(entries) != len(found.files):
        raise StoreConflict(f"The files that {made.key} replaces were changed meanwhile.", hint="Run it again.")
    return found._replace(files=tuple(sorted([made, *others], key=lambda entry: entry.first_ns)))


def _content(rows: Iterator[Snapshot]) -> str:
    digest = hashlib.sha256()
    for place, row in enumerate(rows):
        digest.update(b"\n" + encode(row) if place else encode(row))
    return digest.hexdigest()


def worst_exit_code(errors: Sequence[CrossbookError | None]) -> ExitCode:
    """Return what a command that did several things ends with: 0, the one failure's code, or 8 for a part."""
    codes = {error.exit_code for error in errors if error is not None}
    if not codes:
        return ExitCode.OK
    return codes.pop() if len(codes) == 1 and None not in errors else ExitCode.PARTIAL
