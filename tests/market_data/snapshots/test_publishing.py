"""Rows reach the store once each and unchanged, whatever happens on the way; nothing there is ever overwritten."""

import io
import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from domain.exit_codes import ExitCode
from domain.snapshots import Snapshot, encode
from market_data.snapshots import parquet, publishing
from market_data.snapshots.layout import file_key, manifest_key
from market_data.snapshots.manifest import DayContent, FileEntry, Manifest, change_manifest, read_manifest
from market_data.snapshots.parquet import DamagedFile, FileStat
from market_data.snapshots.publishing import Published, publish
from tests.market_data.snapshots.recorded_rows import DAY, FACTS, row, rows
from tests.utils.persistence.s3server import BUCKET, running, without_credentials
from utils.persistence.sinks.base import (
    ABSENT,
    Put,
    Sink,
    Stat,
    StoreConflict,
    StoreError,
    StoreUnavailable,
)
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.s3 import Options, S3Sink

SERIES = FACTS.series
FILE_S = 60


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is synced, and when, is told by the tests of the folder as a store."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def sink(tmp_path: Path) -> LocalSink:
    return LocalSink(tmp_path / "store")


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return tmp_path / "work"


class Killed(BaseException):
    """The process ends here."""


class Faulty(Sink):
    """A store in front of another that, at its n-th request (from 0), does something else."""

    def __init__(self, sink: Sink, at: int = -1, *, after: bool = False, lose: str = "") -> None:
        self.inner, self.name = sink, sink.name
        self.at, self.after, self.lose = at, after, lose
        self.lost = Counter[str]()
        self.calls: list[tuple[str, str]] = []

    def _pass(self, what: str, key: str) -> bool:
        self.calls.append((what, key))
        return len(self.calls) - 1 == self.at

    def _killed(self, now: bool) -> None:
        if now:
            raise Killed

    def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
        now = self._pass("put", key)
        self._killed(now and not self.after)
        done = self.inner.put(key, source, only_if=only_if)
        self._killed(now)
        if self.lose and key.endswith(self.lose) and self.lost[key] < 2:
            self.lost[key] += 1
            self.inner.delete(key)
        return done

    def head(self, key: str) -> Stat | None:
        self._killed(self._pass("head", key))
        return self.inner.head(key)

    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        self._killed(self._pass("read", key))
        return self.inner.read(key, start, end)

    def list(self, prefix: str = "") -> Iterator[Stat]:
        return self.inner.list(prefix)

    def folders(self, prefix: str = "") -> Sequence[str]:
        self._killed(self._pass("folders", prefix))
        return self.inner.folders(prefix)

    def delete(self, key: str) -> None:
        self.inner.delete(key)


def go(sink: Sink, workdir: Path, given: Iterator[Snapshot], waits: list[float] | None = None) -> Published:
    waited = waits if waits is not None else []
    return publish(sink, FACTS, given, workdir=workdir, file_s=FILE_S, wait=waited.append)


def manifest_of(sink: Sink, day: str = DAY) -> Manifest:
    found = read_manifest(sink, SERIES, day)
    assert found is not None
    return found[0]


def stored(sink: Sink, *days: str) -> list[Snapshot]:
    """Read what the manifests say is there, checking all that they say."""
    found: list[Snapshot] = []
    for day in days or (DAY,):
        manifest, content = manifest_of(sink, day), DayContent()
        for entry in manifest.files:
            stat = sink.head(entry.key)
            assert stat is not None
            assert (stat.size, stat.sha256) == (entry.bytes, entry.sha256)
            held = list(parquet.read_file(io.BytesIO(sink.read(entry.key)))[1])
            assert (len(held), held[0].time_ns, held[-1].time_ns) == (entry.rows, entry.first_ns, entry.last_ns)
            content.add_all(held)
            found += held
        assert manifest.content == content.content
        assert manifest.by_status == Counter(
            each.status for each in found if file_key(SERIES, each.time_ns)[12:22] == day
        )
    return found


def everything(sink: Sink) -> dict[str, bytes]:
    return {each.key: sink.read(each.key) for each in sink.list()}


def test_rows_become_files_of_a_fixed_span_and_all_are_there(sink: LocalSink, workdir: Path) -> None:
    done = go(sink, workdir, rows(30, 200))
    assert stored(sink) == list(rows(30, 200))
    assert [each.key[-14:] for each in manifest_of(sink).files] == [
        "000030.parquet",
        "000100.parquet",
        "000200.parquet",
        "000300.parquet",
    ]
    assert (done.files, done.rows, done.already) == (4, 170, 0)
    assert done.bytes == sum(each.size for each in sink.list() if each.key.endswith(".parquet"))
    assert list(workdir.iterdir()) == []


def test_a_file_says_what_it_is_of(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(0, 10))
    entry = manifest_of(sink).files[0]
    facts, held = parquet.read_file(io.BytesIO(sink.read(entry.key)))
    assert facts == FACTS
    assert b"\n".join(encode(each) for each in held) == b"\n".join(encode(each) for each in rows(0, 10))


def test_files_never_cross_midnight_and_days_are_chained(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(86_400 - 5, 86_400 + 5))
    assert stored(sink, DAY) == list(rows(86_400 - 5, 86_400))
    assert stored(sink, "2026-11-22") == list(rows(86_400, 86_400 + 5))
    previous = manifest_of(sink, "2026-11-22").previous
    assert previous is not None
    assert (previous.day, previous.chain) == (DAY, manifest_of(sink).chain)


def test_publishing_again_changes_nothing(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(0, 130))
    before = everything(sink)
    done = go(sink, workdir, rows(0, 130))
    assert (done.files, done.rows, done.already) == (0, 0, 130)
    assert everything(sink) == before


def test_later_rows_are_added_behind(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(0, 30))
    done = go(sink, workdir, rows(0, 90))
    assert (done.rows, done.already) == (60, 30)
    assert stored(sink) == list(rows(0, 90))
    go(sink, workdir, rows(90, 100))
    assert stored(sink) == list(rows(0, 100))


def test_nothing_to_publish_is_nothing_done(sink: LocalSink, workdir: Path) -> None:
    assert go(sink, workdir, iter(()))[:4] == (0, 0, 0, 0)
    assert everything(sink) == {}


def test_rows_are_not_held(sink: LocalSink, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next file's rows are not even asked for before the one before is in the store."""
    asked: list[int] = []

    def given() -> Iterator[Snapshot]:
        for each in rows(0, 180):
            seen = sum(entry.rows for entry in manifest_of(sink).files) if asked and len(asked) > FILE_S else 0
            asked.append(len(asked) - seen)
            yield each

    go(sink, workdir, given())
    assert max(asked) <= FILE_S


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_point_and_published_again_the_store_is_as_if_nothing_had_happened(
    tmp_path: Path, workdir: Path, after: bool
) -> None:
    whole = LocalSink(tmp_path / "whole")
    counted = Faulty(whole)
    go(counted, workdir, rows(55, 64))
    expected = everything(whole)
    assert len(counted.calls) > 15
    for at in range(len(counted.calls)):
        if after and counted.calls[at][0] != "put":
            continue
        sink = LocalSink(tmp_path / f"{at}-{after}")
        with pytest.raises(Killed):
            go(Faulty(sink, at, after=after), workdir, rows(55, 64))
        done = go(sink, workdir, rows(55, 64))
        assert done.rows + done.already == 9
        assert everything(sink) == expected, counted.calls[at]


def test_killed_and_published_again_with_more_rows_what_is_there_is_kept(tmp_path: Path, workdir: Path) -> None:
    """The rest of an hour may have been written (as `stopped`) before the leftovers of a crash are published."""
    counted = Faulty(LocalSink(tmp_path / "whole"))
    go(counted, workdir, rows(0, 20))
    for at in range(len(counted.calls)):
        sink = LocalSink(tmp_path / f"{at}")
        with pytest.raises(Killed):
            go(Faulty(sink, at, after=True), workdir, rows(0, 20))
        there = {key: data for key, data in everything(sink).items() if key.endswith(".parquet")}
        go(sink, workdir, rows(0, 50))
        assert stored(sink) == list(rows(0, 50))
        assert there.items() <= everything(sink).items()
        assert len(manifest_of(sink).files) == 1 + len(there)


def test_a_file_left_behind_with_more_rows_than_are_left_here_is_taken_whole(
    sink: LocalSink, workdir: Path, tmp_path: Path
) -> None:
    stat = parquet.write_file(tmp_path / "f", FACTS, rows(0, 30))
    sink.put(file_key(SERIES, stat.first_ns), tmp_path / "f")
    go(sink, workdir, rows(0, 25))
    assert stored(sink) == list(rows(0, 30))


def test_the_same_rows_as_other_bytes_are_the_same_file(
    sink: LocalSink, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of the Parquet library, or another level of compression, wrote what was left behind."""
    with monkeypatch.context() as patched:
        patched.setattr(parquet, "ZSTD_LEVEL", 1)
        stat = parquet.write_file(tmp_path / "f", FACTS, rows(0, 30))
    sink.put(file_key(SERIES, stat.first_ns), tmp_path / "f")
    done = go(sink, workdir, rows(0, 30))
    assert (done.files, done.already) == (0, 30)
    assert stored(sink) == list(rows(0, 30))
    assert manifest_of(sink).files[0].sha256 == stat.sha256


@pytest.mark.parametrize("named", [True, False], ids=["named", "left behind"])
@pytest.mark.parametrize("which", ["other price", "one more", "one less"])
def test_other_rows_of_the_same_time_are_a_conflict_and_stay(
    sink: LocalSink, workdir: Path, tmp_path: Path, named: bool, which: str
) -> None:
    theirs = {
        "other price": lambda: (row(n, price=n == 5) for n in range(20)),
        "one more": lambda: rows(0, 20),
        "one less": lambda: (row(n) for n in range(20) if n != 5),
    }[which]
    ours = (row(n) for n in range(20) if which != "one more" or n != 5)
    if named:
        go(sink, workdir, theirs())
    else:
        stat = parquet.write_file(tmp_path / "f", FACTS, theirs())
        sink.put(file_key(SERIES, stat.first_ns), tmp_path / "f")
    before = everything(sink)
    with pytest.raises(StoreConflict, match="other rows of the same time") as error:
        go(sink, workdir, ours)
    assert error.value.exit_code == ExitCode.VERIFICATION_FAILED
    assert everything(sink) == before


def test_two_recorders_that_take_turns_are_a_conflict(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(0, 20, 2))
    before = everything(sink)
    with pytest.raises(StoreConflict):
        go(sink, workdir, rows(1, 20, 2))
    assert everything(sink) == before


def test_a_closed_day_is_refused_before_anything_is_put(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(0, 20))
    go(sink, workdir, rows(86_400, 86_420))
    before = everything(sink)
    with pytest.raises(StoreConflict, match="is closed"):
        go(sink, workdir, rows(20, 30))
    assert everything(sink) == before
    assert go(sink, workdir, rows(0, 20)).already == 20  # what it has already may be asked for at any time


def test_rows_that_were_made_one_file_meanwhile_are_there_already(
    sink: LocalSink, workdir: Path, tmp_path: Path
) -> None:
    go(sink, workdir, rows(0, 130))
    stat = parquet.write_file(tmp_path / "day", FACTS, rows(0, 130))
    key = file_key(SERIES, stat.first_ns, 1)
    sink.put(key, tmp_path / "day")
    entry = FileEntry(key, stat.rows, stat.first_ns, stat.last_ns, stat.bytes, stat.sha256, stat.content_sha256)
    manifest = change_manifest(sink, SERIES, DAY, lambda found: (found or manifest_of(sink))._replace(files=(entry,)))
    assert manifest.content == manifest_of(sink).content
    for each in list(sink.list()):
        if each.key.endswith(".parquet") and each.key != key:
            sink.delete(each.key)
    done = go(sink, workdir, rows(60, 150))
    assert (done.files, done.rows, done.already) == (1, 20, 70)
    assert stored(sink) == list(rows(0, 150))


@pytest.mark.parametrize("lose", ["-000000.parquet", ".manifest.json"])
def test_what_a_store_accepts_and_loses_is_put_again(sink: LocalSink, workdir: Path, lose: str) -> None:
    waits: list[float] = []
    faulty = Faulty(sink, lose=lose)
    go(faulty, workdir, rows(0, 130), waits)
    assert sum(faulty.lost.values()) == 2
    assert waits == [0.5, 1.0]
    assert stored(sink) == list(rows(0, 130))


@pytest.mark.parametrize("lose", ["-000100.parquet", ".manifest.json"])
def test_a_store_that_always_loses_is_not_believed(sink: LocalSink, workdir: Path, lose: str) -> None:
    class Losing(Faulty):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            self.lost.clear()
            return super().put(key, source, only_if=only_if)

    with pytest.raises(StoreUnavailable, match=r"accepted .* and does not have it") as error:
        go(Losing(sink, lose=lose), workdir, rows(0, 130))
    assert error.value.retryable
    go(sink, workdir, rows(0, 130))
    assert stored(sink) == list(rows(0, 130))


def test_a_manifest_that_is_lost_takes_no_earlier_file_with_it(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(0, 60))
    go(Faulty(sink, lose=".manifest.json"), workdir, rows(60, 120))
    assert stored(sink) == list(rows(0, 120))


def test_an_object_that_is_other_than_what_was_put_is_noticed(sink: LocalSink, workdir: Path) -> None:
    class Altering(Faulty):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            done = super().put(key, source, only_if=only_if)
            if isinstance(source, Path):
                data = source.read_bytes()
                self.inner.put(key, data[:100] + bytes([data[100] ^ 1]) + data[101:])
            return done

    with pytest.raises(StoreConflict, match="is not what was put there"):
        go(Altering(sink), workdir, rows(0, 20))
    assert read_manifest(sink, SERIES, DAY) is None


def test_a_file_that_the_store_lost_after_it_was_named_is_put_again(sink: LocalSink, workdir: Path) -> None:
    go(sink, workdir, rows(0, 20))
    before = everything(sink)
    sink.delete(file_key(SERIES, row(0).time_ns))
    go(sink, workdir, rows(0, 20))
    assert everything(sink) == before


def test_a_store_without_checksums_is_read_instead(sink: LocalSink, workdir: Path) -> None:
    class Plain(Faulty):
        def head(self, key: str) -> Stat | None:
            found = super().head(key)
            return found and found._replace(sha256=None)

    plain = Plain(sink)
    go(plain, workdir, rows(0, 20))
    assert ("read", file_key(SERIES, row(0).time_ns)) in plain.calls
    assert stored(sink) == list(rows(0, 20))


def test_a_store_that_fails_keeps_what_came_before_and_the_rest_follows(sink: LocalSink, workdir: Path) -> None:
    class Away(Faulty):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            if key.endswith("000100.parquet"):
                raise StoreUnavailable(f"{self.name} cannot be reached.")
            return super().put(key, source, only_if=only_if)

    with pytest.raises(StoreError):
        go(Away(sink), workdir, rows(0, 130))
    assert stored(sink) == list(rows(0, 60))
    assert list(workdir.iterdir()) == []
    done = go(sink, workdir, rows(0, 130))
    assert (done.rows, done.already) == (70, 60)
    assert stored(sink) == list(rows(0, 130))


def test_rows_out_of_order_are_refused(sink: LocalSink, workdir: Path) -> None:
    with pytest.raises(ValueError, match="does not come after"):
        go(sink, workdir, itertools.chain(rows(60, 70), rows(0, 10)))
    with pytest.raises(ValueError, match="multiple"):
        publish(sink, FACTS, rows(0, 1), workdir=workdir, file_s=7000)


def test_what_killed_publications_left_here_is_removed_a_day_later(sink: LocalSink, workdir: Path) -> None:
    for name, age in (("publishing-old", 1), ("publishing-new", None), ("mine", 1)):
        (workdir / name).mkdir(parents=True)
        (workdir / name / "f.parquet").write_bytes(b"half")
        if age:
            os.utime(workdir / name, (age, age))
    go(sink, workdir, rows(0, 5))
    assert sorted(path.name for path in workdir.iterdir()) == ["mine", "publishing-new"]


def test_a_bucket_gets_the_same_as_a_folder(
    tmp_path: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    folder = LocalSink(tmp_path / "store")
    go(folder, workdir, rows(55, 64))
    without_credentials(monkeypatch, home)
    with running() as server:
        server.reset()
        server.as_user(monkeypatch, "s3:ListBucket", "s3:GetObject", "s3:PutObject")
        bucket = S3Sink(BUCKET, "some/where", Options(endpoint_url=server.url))
        with pytest.raises(Killed):
            go(Faulty(bucket, 3, after=True), workdir, rows(55, 64))
        go(bucket, workdir, rows(55, 64))
        assert everything(bucket) == everything(folder)
        assert stored(bucket) == list(rows(55, 64))
        with pytest.raises(StoreConflict):
            bucket.put(manifest_key(SERIES, DAY), b"{}", only_if=ABSENT)


def test_files_hold_an_hour() -> None:
    assert publishing.FILE_S == 3600


def test_a_file_that_does_not_give_its_rows_back_never_reaches_the_store(
    sink: LocalSink, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = parquet.write_file

    def unfaithful(path: Path, *arguments: object) -> FileStat:
        told = write(path, *arguments)
        write(path, FACTS, [*rows(0, 4), row(4)._replace(received_at_ns=1)])
        return told

    monkeypatch.setattr(parquet, "write_file", unfaithful)
    with pytest.raises(DamagedFile) as raised:
        publish(sink, FACTS, map(encode, rows(0, 5)), workdir=workdir)
    assert "does not give back the rows" in raised.value.message
    assert list(sink.list("")) == []
