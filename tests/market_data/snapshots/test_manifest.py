"""A day's manifest: exact sums, a chain from day to day, and one winner when two write."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.exit_codes import ExitCode
from domain.snapshots import Series, Snapshot, encode
from market_data.snapshots.layout import day_of, file_key, manifest_key
from market_data.snapshots.manifest import (
    NO_ROWS,
    DayContent,
    FileEntry,
    Manifest,
    Previous,
    add_file,
    change_manifest,
    from_bytes,
    later_day,
    previous_day,
    read_manifest,
    to_bytes,
)
from market_data.snapshots.parquet import DamagedFile, SchemaError
from tests.market_data.snapshots.recorded_rows import DAY, FACTS, rows
from utils.persistence.sinks.base import StoreConflict
from utils.persistence.sinks.local import LocalSink

SERIES = FACTS.series


@pytest.fixture
def sink(tmp_path: Path) -> LocalSink:
    return LocalSink(tmp_path / "store")


class Files:
    """Files of rows that were put, by key: the manifest does not care what they look like."""

    def __init__(self, sink: LocalSink) -> None:
        self.sink = sink
        self.held: dict[str, list[Snapshot]] = {}
        self.read: list[str] = []

    def add(self, first: int, end: int, step: int = 1) -> Manifest:
        held = list(rows(first, end, step))
        key = file_key(SERIES, held[0].time_ns)
        self.held[key] = held
        text = b"\n".join(encode(each) for each in held)
        sha = hashlib.sha256(text).hexdigest()
        entry = FileEntry(key, len(held), held[0].time_ns, held[-1].time_ns, len(text), sha, sha)
        counts: dict[str, int] = {}
        for each in held:
            counts[each.status] = counts.get(each.status, 0) + 1
        return add_file(self.sink, SERIES, entry, counts, self.rows_of)

    def rows_of(self, key: str) -> Iterator[Snapshot]:
        self.read.append(key)
        return iter(self.held[key])


@pytest.fixture
def files(sink: LocalSink) -> Files:
    return Files(sink)


def content(*snapshots: Snapshot) -> str:
    """Compute it as the documentation says it."""
    value = "0" * 64
    for snapshot in snapshots:
        value = hashlib.sha256(value.encode() + encode(snapshot)).hexdigest()
    return value


def test_files_are_taken_in_without_reading_those_before(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    files.add(10, 25)
    manifest = files.add(40, 50)
    assert files.read == [file_key(SERIES, held[0].time_ns) for held in files.held.values()]
    assert (manifest.rows, manifest.ok, manifest.by_status) == (35, 30, {"ok": 30, "unavailable": 5})
    assert manifest.content == content(*rows(0, 25), *rows(40, 50))
    found = read_manifest(sink, SERIES, DAY)
    assert found is not None
    assert found[0] == manifest


def test_the_content_does_not_depend_on_how_the_rows_are_cut_into_files(tmp_path: Path) -> None:
    one, many = Files(LocalSink(tmp_path / "one")), Files(LocalSink(tmp_path / "many"))
    whole = one.add(0, 30)
    for first in (0, 10, 20):
        parts = many.add(first, first + 10)
    assert parts.content == whole.content
    assert parts.chain == whole.chain


def test_a_file_before_another_makes_the_content_anew(files: Files) -> None:
    files.add(20, 30)
    manifest = files.add(0, 10)
    assert [entry.first_ns for entry in manifest.files] == sorted(entry.first_ns for entry in manifest.files)
    assert manifest.content == content(*rows(0, 10), *rows(20, 30))


def test_the_beat_of_a_file_is_kept_where_it_is_known(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    first = files.add(20, 30, 5).files[1]
    known = change_manifest(
        sink,
        SERIES,
        DAY,
        lambda found: found._replace(files=(found.files[0], first._replace(every_s=5))),  # type: ignore[union-attr]
    )
    found = read_manifest(sink, SERIES, DAY)
    assert found is not None
    assert [entry.every_s for entry in found[0].files] == [None, 5]
    assert found[0] == known
    told = json.loads(sink.read(manifest_key(SERIES, DAY)))
    assert ["every_s" in each for each in told["files"]] == [False, True]


@pytest.mark.parametrize("beat", [0, -1, "5", 2.5, True])
def test_a_beat_that_is_none_is_no_manifest(files: Files, beat: object) -> None:
    told = json.loads(to_bytes(files.add(0, 10)))
    told["files"][0]["every_s"] = beat
    del told["sum"]
    with pytest.raises(DamagedFile, match="is no manifest"):
        from_bytes(json.dumps(told).encode(), "here")


def test_any_changed_byte_of_a_manifest_is_found_or_changes_nothing(files: Files) -> None:
    files.add(0, 10)
    manifest = files.add(20, 30)
    manifest = manifest._replace(files=tuple(each._replace(every_s=30) for each in manifest.files))
    text = to_bytes(manifest)
    for place in range(len(text)):
        for flip in (1, 2, 4, 16):
            changed = text[:place] + bytes([text[place] ^ flip]) + text[place + 1 :]
            try:
                assert from_bytes(changed, "here") == manifest
            except (DamagedFile, SchemaError):
                continue


def test_a_manifest_of_the_first_recordings_is_read_as_it_is(files: Files) -> None:
    manifest = files.add(0, 10)
    told = json.loads(to_bytes(manifest))
    del told["sum"]
    assert from_bytes(json.dumps(told).encode(), "here") == manifest


def test_the_same_file_again_changes_nothing(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    before = sink.read(manifest_key(SERIES, DAY))
    files.add(0, 10)
    assert sink.read(manifest_key(SERIES, DAY)) == before


@pytest.mark.parametrize(("first", "end", "step"), [(9, 12, 1), (3, 5, 1), (0, 11, 1), (1, 20, 2)])
def test_rows_of_the_same_time_are_a_conflict(sink: LocalSink, files: Files, first: int, end: int, step: int) -> None:
    files.add(0, 10)
    before = sink.read(manifest_key(SERIES, DAY))
    with pytest.raises(StoreConflict, match="of the same time") as error:
        files.add(first, end, step)
    assert error.value.exit_code == ExitCode.VERIFICATION_FAILED
    assert sink.read(manifest_key(SERIES, DAY)) == before


def test_days_are_chained_over_gaps_and_closed_by_later_ones(sink: LocalSink, files: Files) -> None:
    first = files.add(0, 10)
    third = files.add(2 * 86_400, 2 * 86_400 + 5)
    fourth = files.add(3 * 86_400, 3 * 86_400 + 5)
    assert first.previous is None
    assert first.chain == hashlib.sha256(first.content.encode()).hexdigest()
    assert third.previous == Previous(DAY, first.content, first.chain)
    assert fourth.chain == hashlib.sha256((third.chain + fourth.content).encode()).hexdigest()
    with pytest.raises(StoreConflict, match=r"2026-11-23 already: 2026-11-21 is closed") as error:
        files.add(20, 30)
    assert error.value.hint
    with pytest.raises(StoreConflict, match="is closed"):
        files.add(86_400, 86_400 + 5)
    assert later_day(sink, SERIES, "2026-11-23") == "2026-11-24"
    assert later_day(sink, SERIES, "2026-11-24") is None


def test_other_series_of_the_store_are_not_in_the_chain(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    other = Series("okx", "ETH/USDT")
    assert previous_day(sink, other, "2026-11-25") is None
    assert previous_day(sink, Series("bybit", SERIES.symbol), "2026-11-25") is None
    assert later_day(sink, other, "2026-11-20") is None


def test_a_pruned_day_takes_nothing_more(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    change_manifest(sink, SERIES, DAY, lambda found: _there(found)._replace(pruned=True, files=()))
    found = read_manifest(sink, SERIES, DAY)
    assert found is not None
    assert (found[0].pruned, found[0].rows, found[0].content) == (True, 10, content(*rows(0, 10)))
    with pytest.raises(StoreConflict, match="pruned"):
        files.add(10, 20)


def test_the_slower_of_two_writers_reads_again_and_adds_to_what_the_faster_wrote(
    sink: LocalSink, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.add(0, 10)
    put, done = LocalSink.put, []

    def slow(self: LocalSink, key: str, source: Path | bytes, *, only_if: str | None = None) -> object:
        if not done:
            done.append(True)
            Files.add(faster, 20, 30)
        return put(self, key, source, only_if=only_if)

    faster = Files(sink)
    faster.held = files.held
    monkeypatch.setattr(LocalSink, "put", slow)
    manifest = files.add(10, 20)
    assert [entry.rows for entry in manifest.files] == [10, 10, 10]
    assert manifest.content == content(*rows(0, 30))


def test_a_manifest_is_the_same_bytes_for_the_same_content(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    text = sink.read(manifest_key(SERIES, DAY))
    assert to_bytes(from_bytes(text, "m")) == text
    told = json.loads(text)
    assert text == json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    assert told["series"] == {"venue": "okx", "symbol": "BTC/USDT"}
    assert (told["schema"], told["day"], told["rows"], told["previous"]) == (1, DAY, 10, None)
    assert set(told["files"][0]) == {"key", "rows", "first_ns", "last_ns", "bytes", "sha256", "content_sha256"}


def test_a_newer_manifest_is_refused_and_left_alone(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    told = json.loads(sink.read(manifest_key(SERIES, DAY))) | {"schema": 2}
    sink.put(manifest_key(SERIES, DAY), json.dumps(told).encode())
    with pytest.raises(SchemaError, match="schema 2; this version of Crossbook reads up to 1") as error:
        files.add(10, 20)
    assert error.value.exit_code == ExitCode.CONFIGURATION
    assert json.loads(sink.read(manifest_key(SERIES, DAY))) == told


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rows", 11), ("ok", 1), ("chain", NO_ROWS), ("content", NO_ROWS), ("by_status", {"ok": "9"}), ("files", None),
        ("previous", {}), ("day", "2026-02-30"), ("series", "okx"), ("schema", None), ("content", None),
    ],
)  # fmt: skip
def test_a_manifest_that_was_altered_is_noticed(sink: LocalSink, files: Files, key: str, value: object) -> None:
    files.add(0, 10)
    told = json.loads(sink.read(manifest_key(SERIES, DAY))) | {key: value}
    with pytest.raises(DamagedFile) as error:
        from_bytes(json.dumps(told).encode(), "the manifest")
    assert error.value.exit_code == ExitCode.VERIFICATION_FAILED


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b"null", b'{"schema":1}'])
def test_what_is_no_manifest_is_damaged(text: bytes) -> None:
    with pytest.raises(DamagedFile, match=r"the manifest is no manifest"):
        from_bytes(text, "the manifest")


def test_a_manifest_of_another_series_in_its_place_is_noticed(sink: LocalSink, files: Files) -> None:
    files.add(0, 10)
    other = Series("okx", "ETH/USDT")
    sink.put(manifest_key(other, DAY), sink.read(manifest_key(SERIES, DAY)))
    with pytest.raises(DamagedFile, match=r"is the manifest of okx BTC/USDT on 2026-11-21"):
        read_manifest(sink, other, DAY)


def test_the_content_goes_on_from_where_it_was() -> None:
    begun = DayContent()
    for each in rows(0, 5):
        begun.add(each)
    assert DayContent(begun.content).add_all(rows(5, 9)) == DayContent().add_all(rows(0, 9)) == content(*rows(0, 9))
    assert day_of(next(rows(0, 1)).time_ns) == DAY


def _there(found: Manifest | None) -> Manifest:
    assert found is not None
    return found
