"""A day's files become one; whatever happens on the way, each row is there, and counted once."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from domain.exit_codes import ExitCode
from domain.snapshots import SECOND_NS, Snapshot, encode
from market_data.snapshots.compacting import Compacted, compact, worst_exit_code
from market_data.snapshots.layout import file_key, manifest_key, read_file_key
from market_data.snapshots.listing import list_store
from market_data.snapshots.manifest import Manifest, read_manifest
from market_data.snapshots.parquet import DamagedFile, read_file
from market_data.snapshots.proof import PRESENT, WHOLE
from market_data.snapshots.verifying import Asked, verify
from tests.market_data.snapshots.filled import DAYS, SPOT, SWAP, day_start_ns, fill, row, rows_of, three_days
from utils.persistence.sinks.base import Put, StoreMissing, StoreUnavailable
from utils.persistence.sinks.local import LocalSink

DAY = DAYS[0]
ONE = file_key(SPOT, day_start_ns(DAY) + 3600 * SECOND_NS, 1)


class Killed(BaseException):
    """The process is gone: nobody may catch it."""


class Mortal(LocalSink):
    """A store whose writer is killed at the n-th change, just before it or just after."""

    def __init__(self, root: Path, dies_at: int, *, after: bool) -> None:
        super().__init__(root)
        self._changes, self._dies_at, self._after = count(), dies_at, after

    def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
        with self._mortal():
            return super().put(key, source, only_if=only_if)

    def delete(self, key: str) -> None:
        with self._mortal():
            super().delete(key)

    def _mortal(self) -> "_Moment":
        return _Moment(next(self._changes) == self._dies_at, self._after)


class _Moment:
    def __init__(self, dies: bool, after: bool) -> None:
        self._dies, self._after = dies, after

    def __enter__(self) -> None:
        if self._dies and not self._after:
            raise Killed

    def __exit__(self, *_: object) -> None:
        if self._dies and self._after:
            raise Killed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    fill(LocalSink(folder / "store"), folder / "work", SPOT, rows_of(DAY, 3600, 150))
    return folder / "store"


def run(sink: LocalSink, day: str = DAY) -> Compacted:
    (done,) = compact(sink, {SPOT}, lambda each: each == day, lambda _: None)
    return done


def manifest_of(sink: LocalSink, day: str = DAY) -> Manifest:
    found = read_manifest(sink, SPOT, day)
    assert found is not None
    return found[0]


def named_rows(sink: LocalSink) -> list[bytes]:
    """All rows as who reads by the manifest sees them."""
    return [encode(each) for entry in manifest_of(sink).files for each in _rows(sink.root / entry.key)]


def _rows(path: Path) -> Iterator[Snapshot]:
    return read_file(path)[1]


def files(sink: LocalSink) -> list[str]:
    return [each.key for each in sink.list() if read_file_key(each.key)]


def test_a_days_files_become_one_with_the_same_rows_and_checksum(sink: LocalSink) -> None:
    before, rows = manifest_of(sink), named_rows(sink)
    assert len(before.files) == 3
    done = run(sink)
    after = manifest_of(sink)
    assert (done.files_before, done.files, done.error, done.unnamed) == (3, 1, None, [])
    assert done.bytes < done.bytes_before
    assert files(sink) == [ONE] == [entry.key for entry in after.files]
    assert named_rows(sink) == rows
    assert (after.content, after.chain, after.by_status) == (before.content, before.chain, before.by_status)
    assert [each.state for each in verify(sink, Asked()).days] == [WHOLE]


def test_a_second_run_has_nothing_to_do(sink: LocalSink) -> None:
    run(sink)
    content = (sink.root / ONE).read_bytes()
    assert not run(sink).changed
    assert (sink.root / ONE).read_bytes() == content


def test_days_and_series_that_were_not_chosen_stay_as_they_are(tmp_path: Path) -> None:
    store = LocalSink(tmp_path / "store")
    three_days(store, tmp_path / "work")
    done = compact(store, {SPOT}, lambda day: day < DAYS[2], lambda _: None)
    assert [each.place for each in done] == [(SPOT, DAYS[0]), (SPOT, DAYS[1])]
    left = {name.series for key in files(store) if (name := read_file_key(key)) and not name.compaction}
    assert left == {SPOT, SWAP}
    assert verify(store, Asked()).exit_code == ExitCode.OK  # the chain is the same


def test_rows_that_came_after_a_compaction_are_taken_in_by_the_next(sink: LocalSink, tmp_path: Path) -> None:
    run(sink)
    fill(sink, tmp_path / "work", SPOT, rows_of(DAY, 7200, 90))
    rows = named_rows(sink)
    assert run(sink).files == 1
    assert files(sink) == [ONE.replace(".c1.", ".c2.")]
    assert named_rows(sink) == rows
    assert verify(sink, Asked()).exit_code == ExitCode.OK


def test_files_of_different_facts_are_not_put_together(sink: LocalSink, tmp_path: Path) -> None:
    fill(sink, tmp_path / "work", SPOT, rows_of(DAY, 7200, 150), depth=50)
    assert run(sink).files == 2
    assert [read_file(sink.root / key)[0].depth for key in files(sink)] == [20, 50]
    assert verify(sink, Asked()).exit_code == ExitCode.OK


def test_files_of_different_beats_are_not_put_together(tmp_path: Path) -> None:
    store = LocalSink(tmp_path / "store")
    fill(store, tmp_path / "work", SPOT, rows_of(DAY, 3600, 150), every_s=1)
    fill(store, tmp_path / "work", SPOT, rows_of(DAY, 7200, 30, every_s=5), every_s=5)
    fill(store, tmp_path / "work", SPOT, rows_of(DAY, 10800, 30, every_s=5))
    before = [each.covered for each in verify(store, Asked()).days]
    assert run(store).error is None
    assert [(each.rows, each.every_s) for each in manifest_of(store).files] == [(150, 1), (30, 5), (30, None)]
    after = verify(store, Asked())
    assert [each.covered for each in after.days] == before
    assert before[0] is not None
    assert before[0].expected == list_store(store).series[0].expected
    assert after.exit_code == ExitCode.OK


def test_a_manifest_that_the_store_took_and_lost_keeps_the_small_files(sink: LocalSink) -> None:
    class Losing(LocalSink):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            if key == manifest_key(SPOT, DAY):
                return Put("0" * 64, None)
            return super().put(key, source, only_if=only_if)

    before = named_rows(sink)
    done = run(Losing(sink.root))
    assert isinstance(done.error, StoreUnavailable)
    assert named_rows(sink) == before
    assert verify(sink, Asked()).exit_code == ExitCode.OK
    assert run(sink).files == 1
    assert files(sink) == [ONE]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("change", range(5), ids=["put", "manifest", "delete 1", "delete 2", "delete 3"])
def test_killed_at_any_point_nothing_is_lost_or_doubled_and_the_next_run_finishes(
    sink: LocalSink, change: int, after: bool
) -> None:
    rows, content = named_rows(sink), manifest_of(sink).content
    with pytest.raises(Killed):
        run(Mortal(sink.root, change, after=after))
    assert named_rows(sink) == rows
    assert verify(sink, Asked()).exit_code == ExitCode.OK
    done = run(sink)
    assert (done.error, done.unnamed) == (None, [])
    assert files(sink) == [ONE]
    assert named_rows(sink) == rows
    assert manifest_of(sink).content == content
    assert verify(sink, Asked()).exit_code == ExitCode.OK
    assert not run(sink).changed


def test_a_compacted_file_that_grew_stale_before_it_was_named_is_cleared(sink: LocalSink, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(Mortal(sink.root, 0, after=True))
    fill(sink, tmp_path / "work", SPOT, rows_of(DAY, 7200, 30))
    done = run(sink)
    assert done.cleared == [ONE]
    assert files(sink) == [ONE.replace(".c1.", ".c2.")]
    assert verify(sink, Asked()).exit_code == ExitCode.OK


def test_an_unnamed_file_with_rows_of_its_own_is_left_alone(sink: LocalSink, tmp_path: Path) -> None:
    other = LocalSink(tmp_path / "other")
    fill(other, tmp_path / "work", SPOT, [row(day_start_ns(DAY) + 9000 * SECOND_NS)])
    (extra,) = files(other)
    sink.put(extra, other.read(extra))
    done = run(sink)
    assert (done.cleared, done.unnamed) == ([], [extra])
    assert extra in files(sink)


def test_an_unnamed_file_that_differs_in_one_row_is_left_alone(sink: LocalSink, tmp_path: Path) -> None:
    other = LocalSink(tmp_path / "other")
    rows = rows_of(DAY, 3600, 60)
    fill(other, tmp_path / "work", SPOT, [rows[0]._replace(sequence=1), *rows[1:]])
    run(sink)
    (extra,) = files(other)
    sink.put(extra, other.read(extra))
    done = run(sink)
    assert (done.cleared, done.unnamed) == ([], [extra])


def test_a_file_of_somebody_else_with_the_key_we_wanted_is_not_overwritten(sink: LocalSink) -> None:
    sink.put(ONE, b"theirs")
    done = run(sink)
    assert (done.error, done.files, done.unnamed) == (None, 1, [ONE])
    assert sink.read(ONE) == b"theirs"
    assert verify(sink, Asked()).exit_code == ExitCode.OK


def test_a_day_with_an_altered_file_is_left_as_it_is(sink: LocalSink) -> None:
    victim = files(sink)[1]
    content = bytearray((sink.root / victim).read_bytes())
    content[100] ^= 1
    (sink.root / victim).write_bytes(content)
    before = files(sink)
    done = run(sink)
    assert isinstance(done.error, DamagedFile)
    assert files(sink) == before
    assert worst_exit_code([done.error]) == ExitCode.VERIFICATION_FAILED
    assert worst_exit_code([done.error, None]) == ExitCode.PARTIAL


def test_a_store_that_does_not_keep_what_it_took_loses_nothing(sink: LocalSink) -> None:
    class Forgetful(LocalSink):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            done = super().put(key, source, only_if=only_if)
            if key == ONE:
                (self.root / key).write_bytes(b"\0" * 5000)
            return done

    rows = named_rows(sink)
    done = run(Forgetful(sink.root))
    assert isinstance(done.error, DamagedFile)
    assert named_rows(sink) == rows
    assert [each.state for each in verify(sink, Asked(quick=True)).days] == [PRESENT]


def test_who_compacts_the_same_day_meanwhile_wins_or_loses_whole(sink: LocalSink, tmp_path: Path) -> None:
    class Slow(LocalSink):
        """While its file is on the way, rows come and another run compacts the day."""

        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            done = super().put(key, source, only_if=only_if)
            if key == ONE:
                fill(sink, tmp_path / "work", SPOT, rows_of(DAY, 7200, 30))
                assert run(sink).error is None
            return done

    done = run(Slow(sink.root))
    assert isinstance(done.error, StoreMissing)  # its file was superseded, and cleared
    assert [entry.key for entry in manifest_of(sink).files] == [ONE.replace(".c1.", ".c2.")]
    assert verify(sink, Asked()).exit_code == ExitCode.OK
    assert manifest_of(sink).rows == 180


def test_rows_that_come_in_between_meanwhile_are_not_put_into_disorder(sink: LocalSink, tmp_path: Path) -> None:
    whole = read_manifest(sink, SPOT, DAYS[0])
    assert whole is not None
    later = whole[0].files[-1].last_ns // SECOND_NS - day_start_ns(DAYS[0]) // SECOND_NS + 1
    fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[0], later + 20, 10))

    class Meanwhile(LocalSink):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            done = super().put(key, source, only_if=only_if)
            if key.endswith(".c1.parquet"):
                fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[0], later, 10))
            return done

    (first,) = compact(Meanwhile(sink.root), {SPOT}, lambda day: day == DAYS[0], lambda _: None)
    assert first.error is not None
    assert "changed meanwhile" in first.error.message
    (second,) = compact(sink, {SPOT}, lambda day: day == DAYS[0], lambda _: None)
    assert (second.error, second.files, len(second.cleared)) == (None, 1, 1)
    found = read_manifest(sink, SPOT, DAYS[0])
    assert found is not None
    assert found[0].rows == whole[0].rows + 20


def test_one_days_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    store = LocalSink(tmp_path / "store")
    three_days(store, tmp_path / "work")

    class Moody(LocalSink):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            if DAYS[0] in key:
                raise StoreUnavailable("No answer.")
            return super().put(key, source, only_if=only_if)

    done = compact(Moody(store.root), {SPOT}, lambda _: True, lambda _: None)
    assert [each.error is None for each in done] == [False, True, True]
    assert [each.files for each in done] == [3, 1, 1]


def test_a_day_without_a_manifest_is_left_alone(sink: LocalSink) -> None:
    sink.delete(manifest_key(SPOT, DAY))
    before = files(sink)
    assert run(sink).unnamed == before
    assert files(sink) == before
