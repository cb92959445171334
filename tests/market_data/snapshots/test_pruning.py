"""Old rows go, and the proof of what they were stays."""

from pathlib import Path

import pytest

from domain.errors import UsageError
from domain.exit_codes import ExitCode
from market_data.snapshots.layout import manifest_key, read_file_key
from market_data.snapshots.manifest import Manifest, read_manifest
from market_data.snapshots.proof import PRUNED, WHOLE
from market_data.snapshots.pruning import plan_pruning, prune
from market_data.snapshots.pruning_report import plan_text
from market_data.snapshots.showing import Pruned, book_at
from market_data.snapshots.verifying import Asked, verify
from tests.market_data.snapshots.filled import DAYS, SPOT, SWAP, day_start_ns, fill, rows_of
from utils.persistence.sinks.base import Put, StoreConflict, StoreUnavailable
from utils.persistence.sinks.local import LocalSink


def files(sink: LocalSink, day: str) -> list[str]:
    return [each.key for each in sink.list(f"order_books/{day}/") if read_file_key(each.key)]


def manifest_of(sink: LocalSink, day: str) -> Manifest:
    found = read_manifest(sink, SPOT, day)
    assert found is not None
    return found[0]


def test_what_would_go_is_said_before_anything_does(sink: LocalSink) -> None:
    plan = plan_pruning(sink, (), DAYS[1])
    assert [(day.place, day.files, day.rows) for day in plan.days] == [((SPOT, each), 3, 140) for each in DAYS[:2]]
    size = sum((sink.root / key).stat().st_size for day in DAYS[:2] for key in files(sink, day))
    assert sum(day.bytes for day in plan.days) == size
    told = plan_text(plan, "here")
    assert "okx BTC/USDT: 2 days (2026-11-19 to 2026-11-20)" in told
    assert "6 files" in told
    assert len(files(sink, DAYS[0])) == 3


def test_files_go_and_manifests_stay_so_that_the_chain_is_whole(sink: LocalSink) -> None:
    before = manifest_of(sink, DAYS[0])
    prune(sink, plan_pruning(sink, (), DAYS[1]).days)
    assert files(sink, DAYS[0]) == files(sink, DAYS[1]) == []
    assert manifest_of(sink, DAYS[0]) == before._replace(pruned=True)
    proof = verify(sink, Asked())
    assert [each.state for each in proof.days if each.place.series == SPOT] == [PRUNED, PRUNED, WHOLE]
    assert proof.exit_code == ExitCode.OK
    assert plan_pruning(sink, (), DAYS[1]).days == []


def test_only_the_series_that_was_asked_for_goes(sink: LocalSink) -> None:
    assert plan_pruning(sink, {SWAP}, DAYS[1]).days == []
    with pytest.raises(UsageError):
        plan_pruning(sink, {SWAP._replace(venue="okx")}, DAYS[1])


@pytest.mark.parametrize("done", range(4))
def test_an_interrupted_pruning_is_named_and_finished_by_the_next(sink: LocalSink, done: int) -> None:
    class Failing(LocalSink):
        left = done

        def delete(self, key: str) -> None:
            if not self.left:
                raise StoreUnavailable("No answer.")
            self.left -= 1
            super().delete(key)

    (first,) = prune(Failing(sink.root), plan_pruning(sink, (), DAYS[0]).days)
    assert (first.error is None) == (done == 3)
    proof = verify(sink, Asked())
    (day,) = [each for each in proof.days if each.place == (SPOT, DAYS[0])]
    assert (day.state, len(day.remains), proof.exit_code) == (PRUNED, 3 - done, ExitCode.OK)
    plan = plan_pruning(sink, (), DAYS[0])
    assert [(each.files, each.begun) for each in plan.days] == ([(3 - done, True)] if done < 3 else [])
    prune(sink, plan.days)
    assert files(sink, DAYS[0]) == []


def test_what_no_manifest_names_and_what_is_not_ours_stays(sink: LocalSink) -> None:
    foreign = f"order_books/{DAYS[0]}/BTCUSDT/notes.txt"
    unnamed = f"order_books/{DAYS[0]}/BTCUSDT/okx-230000.parquet"
    for key in (foreign, unnamed):
        sink.put(key, b"something")
    prune(sink, plan_pruning(sink, (), DAYS[0]).days)
    assert sink.read(foreign) == sink.read(unnamed) == b"something"


def test_a_day_whose_manifest_is_gone_or_damaged_is_left_alone_and_named(sink: LocalSink) -> None:
    sink.delete(manifest_key(SPOT, DAYS[0]))
    (sink.root / manifest_key(SPOT, DAYS[1])).write_bytes(b"{")
    plan = plan_pruning(sink, (), DAYS[1])
    assert plan.days == []
    assert len(plan.left_alone) == 2
    assert len(files(sink, DAYS[0])) == 3


def test_rows_do_not_come_back_into_a_pruned_day(sink: LocalSink, tmp_path: Path) -> None:
    prune(sink, plan_pruning(sink, (), DAYS[2]).days)
    with pytest.raises(StoreConflict):
        fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[2], 9000, 10))
    fill(sink, tmp_path / "work", SPOT, rows_of("2026-11-22", 0, 10))  # while the next day goes on from it
    assert verify(sink, Asked()).exit_code == ExitCode.OK


def test_rows_that_were_stored_and_pruned_are_forgotten_here_and_not_put_back(sink: LocalSink, tmp_path: Path) -> None:
    fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[2], 9000, 10))
    prune(sink, plan_pruning(sink, (), DAYS[2]).days)
    fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[2], 9000, 10))  # a kill kept them in the spool until now
    assert files(sink, DAYS[2]) == []
    with pytest.raises(StoreConflict, match="were pruned"):
        fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[2], 9000, 11))


def test_a_pruned_book_is_said_to_be_pruned(sink: LocalSink) -> None:
    prune(sink, plan_pruning(sink, (), DAYS[0]).days)
    with pytest.raises(Pruned, match="2026-11-19 were pruned"):
        book_at(sink, SPOT, day_start_ns(DAYS[1]))


def test_nothing_is_deleted_while_the_store_does_not_have_the_manifest_that_says_so(sink: LocalSink) -> None:
    class Losing(LocalSink):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            return Put("0" * 64, None)

    (done,) = prune(Losing(sink.root), plan_pruning(sink, {SPOT}, DAYS[0]).days)
    assert isinstance(done.error, StoreUnavailable)
    assert len(files(sink, DAYS[0])) == 3
    assert verify(sink, Asked()).exit_code == ExitCode.OK
