"""Readers that have read a manifest just before `snapshot compact` replaces its files go on in what it made of them."""

import io
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from domain.snapshots import SECOND_NS, Snapshot
from market_data.snapshots import querying, showing
from market_data.snapshots.columns import COLUMNS
from market_data.snapshots.compacting import compact
from market_data.snapshots.exporting import write_arrow, write_text
from market_data.snapshots.manifest import FileEntry
from market_data.snapshots.parquet import DamagedFile
from market_data.snapshots.pruning import plan_pruning, prune
from market_data.snapshots.query_report import query_report
from market_data.snapshots.querying import Replaced, ask
from market_data.snapshots.selecting import Window, facts_of_file, snapshots_of, stored_files, tables_of
from market_data.snapshots.showing import Pruned, Shown, book_at
from market_data.snapshots.stats import Asked, statistics
from tests.market_data.snapshots.filled import DAYS, SPOT, SWAP, day_start_ns, facts_of
from utils.persistence.sinks.base import Sink, StoreMissing
from utils.persistence.sinks.local import LocalSink


class Bucket(LocalSink):
    """A store that is read through `read` only; `meanwhile` is done before the read of that number."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.meanwhile: tuple[int, Callable[[], None]] | None = None

    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        if self.meanwhile is not None and key.endswith(".parquet"):
            left, work = self.meanwhile
            self.meanwhile = (left - 1, work) if left else None
            if not left:
                work()
        return super().read(key, start, end)


@pytest.fixture(params=["folder", "bucket"])
def sink(request: Any, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalSink:
    store = copytree(made, tmp_path / "store")
    if request.param == "folder":
        return LocalSink(store)
    monkeypatch.setattr("market_data.snapshots.sources.LocalSink", type("Nothing", (), {}))
    return Bucket(store)


def compacted(sink: LocalSink) -> None:
    done = compact(LocalSink(sink.root), (), lambda _: True, lambda _: None)
    assert {each.error for each in done} == {None}


def rows_of(sink: Sink, window: Window = Window()) -> list[Snapshot]:  # noqa: B008 - it cannot be changed
    return [row for _, part in snapshots_of(sink, stored_files(sink, window, SPOT), window) for row in part]


@pytest.mark.parametrize("given", [0, 61, 200])
def test_an_export_goes_on_behind_the_row_that_it_gave_last(sink: LocalSink, given: int) -> None:
    before, files, found = rows_of(sink), stored_files(sink, Window(), SPOT), []
    facts = set()
    for about, part in snapshots_of(sink, files, Window()):
        facts.add(about)
        for row in part:
            if len(found) == given:
                compacted(sink)
            found.append(row)
    assert found == before
    assert facts == {facts_of(SPOT)}


def test_a_window_within_the_replaced_files_stays_the_window(sink: LocalSink) -> None:
    first = day_start_ns(DAYS[1]) + 3620 * SECOND_NS
    window = Window(first, first + 65 * SECOND_NS)
    before, files = rows_of(sink, window), stored_files(sink, window, SPOT)
    compacted(sink)
    assert [row for _, part in snapshots_of(sink, files, window) for row in part] == before
    assert len(before) == 65


@pytest.mark.parametrize("form", ["csv", "ndjson", "tardis", "arrow"])
def test_every_format_is_the_same_whether_or_not_files_were_replaced(sink: LocalSink, form: str) -> None:
    def exported(files: Any) -> bytes:
        stream = io.BytesIO()
        if form == "arrow":
            write_arrow(tables_of(sink, files, Window())(list(COLUMNS)), stream)
            return b"".join(str(row).encode() for row in _arrow_rows(stream.getvalue()))
        write_text(snapshots_of(sink, files, Window()), form, stream)
        return stream.getvalue()

    files = stored_files(sink, Window(), SPOT)
    before = exported(files)
    compacted(sink)
    assert exported(files) == before
    assert len(before) > 10_000


def _arrow_rows(stream: bytes) -> list[dict[str, Any]]:
    import pyarrow as pa

    rows: list[dict[str, Any]] = pa.ipc.open_stream(stream).read_all().drop_columns(["time"]).to_pylist()
    return rows


def test_statistics_are_the_same_whether_or_not_files_were_replaced(sink: LocalSink) -> None:
    asked, files = Asked.checked(3_600_000, 10.0, 1000.0, ()), stored_files(sink, Window(), SPOT)
    compacted(sink)
    found = statistics(facts_of_file(sink, files[-1]), tables_of(sink, files, Window()), Window(), asked)
    files = stored_files(sink, Window(), SPOT)
    assert len(files) == 3
    assert found == statistics(facts_of_file(sink, files[-1]), tables_of(sink, files, Window()), Window(), asked)
    assert found.total.rows == 420


@pytest.mark.parametrize("at_ns", [None, day_start_ns(DAYS[1]) + 3690 * SECOND_NS])
def test_a_shown_second_is_found_in_the_file_that_replaced_its_own(
    sink: LocalSink, at_ns: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = book_at(sink, SPOT, at_ns), showing._row

    def late(store: Sink, entry: FileEntry, moment: int) -> Shown:
        if ".c1." not in entry.key:
            compacted(sink)  # just now, after the manifest was read
        return real(store, entry, moment)

    monkeypatch.setattr(showing, "_row", late)
    found = book_at(sink, SPOT, at_ns)
    assert (found.snapshot, found.facts) == (before.snapshot, before.facts)
    assert ".c1." in found.key


def test_a_shown_second_that_is_pruned_meanwhile_is_said_to_be(
    sink: LocalSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = showing._row

    def late(store: Sink, entry: FileEntry, moment: int) -> Shown:
        prune(sink, plan_pruning(sink, {SPOT}, DAYS[2]).days)
        return real(store, entry, moment)

    monkeypatch.setattr(showing, "_row", late)
    with pytest.raises(Pruned):
        book_at(sink, SPOT)


SUMS = "SELECT venue, count(*), sum(sequence), min(time), max(time) FROM books GROUP BY venue ORDER BY venue"


def test_a_query_is_run_again_with_the_files_that_are_there_now(sink: LocalSink) -> None:
    before = list(ask(sink, stored_files(sink, Window()), SUMS, Window()).rows())
    answer = ask(sink, stored_files(sink, Window()), SUMS, Window())
    compacted(sink)
    assert list(answer.rows()) == before
    assert [row[:2] for row in before] == [("binance", 90), ("okx", 420)]


def test_a_query_whose_first_rows_were_given_says_so_and_a_report_begins_anew(
    sink: LocalSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT venue, epoch_ns(time) FROM books"
    before = sorted(ask(sink, stored_files(sink, Window()), sql, Window()).rows())

    def begun() -> Any:
        answer = ask(sink, stored_files(sink, Window()), sql, Window())
        real, calls = answer._rows, iter([True])

        def some() -> Any:
            # The first time only: one row is given, then the files are gone.
            for row in real():
                yield row
                if next(calls, False):
                    compacted(sink)
                    raise StoreMissing("It is not there.")

        monkeypatch.setattr(answer, "_rows", some)
        return answer

    answer = begun()
    with pytest.raises(Replaced, match="Files were replaced"):
        list(answer.rows())
    assert sorted(answer.rows()) == sorted(ask(sink, stored_files(sink, Window()), sql, Window()).rows()) == before


def test_a_report_of_a_query_has_each_row_once_whatever_was_given_before(made: Path, tmp_path: Path) -> None:
    sink = LocalSink(copytree(made, tmp_path / "store"))
    answer = ask(sink, stored_files(sink, Window()), "SELECT count(*) AS n FROM books", Window())
    real, calls = answer.rows, iter([True])

    def broken() -> Any:
        if next(calls, False):
            yield (1,)
            compacted(sink)
            raise Replaced("Files were replaced while they were read.")
        yield from real()

    answer.rows = broken  # type: ignore[method-assign]
    assert query_report(answer, sink.name, []).record["rows"] == [{"n": 510}]


def test_a_bucket_whose_files_go_in_the_middle_of_reading(made: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("market_data.snapshots.sources.LocalSink", type("Nothing", (), {}))
    for reads in range(0, 12, 3):
        sink = Bucket(copytree(made, tmp_path / f"store{reads}"))
        files = stored_files(sink, Window())
        sink.meanwhile = (reads, lambda sink=sink: compacted(sink))  # type: ignore[misc]
        assert [row[:2] for row in ask(sink, files, SUMS, Window()).all_rows()] == [("binance", 90), ("okx", 420)]


def test_what_is_really_gone_is_still_said_to_be(sink: LocalSink) -> None:
    files = stored_files(sink, Window(), SPOT)
    sink.delete(files[1].key)
    errors = (DamagedFile, StoreMissing)
    with pytest.raises(errors):
        list(ask(sink, files, SUMS, Window(0, day_start_ns(DAYS[2]) + 1)).rows())
    with pytest.raises(errors):
        [list(part) for _, part in snapshots_of(sink, files, Window())]
    with pytest.raises(errors):
        facts_of_file(sink, files[1])
    with pytest.raises(errors):
        book_at(sink, SPOT, files[1].first_ns)
    assert querying.LOOKS > 1
    assert stored_files(sink, Window(), SWAP)
