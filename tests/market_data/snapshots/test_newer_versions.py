"""A store that a newer version has written to: each thing that is done with it says so in one sentence."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.exit_codes import ExitCode
from domain.snapshots import Snapshot
from market_data.snapshots import manifest, parquet
from market_data.snapshots.compacting import compact, worst_exit_code
from market_data.snapshots.exporting import write_text
from market_data.snapshots.listing import list_store
from market_data.snapshots.parquet import SchemaError
from market_data.snapshots.pruning import plan_pruning
from market_data.snapshots.publishing import publish
from market_data.snapshots.querying import ask
from market_data.snapshots.selecting import Window, facts_of_file, snapshots_of, stored_files, tables_of
from market_data.snapshots.showing import book_at
from market_data.snapshots.verifying import Asked, verify
from tests.market_data.snapshots.filled import DAYS, SPOT, facts_of, fill, row, rows_of
from utils.persistence.sinks.base import Sink
from utils.persistence.sinks.local import LocalSink

MANIFEST, FILE = "manifest", "file"


@pytest.fixture(params=[MANIFEST, FILE])
def newer(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, LocalSink]:
    """A store whose manifest or files have a schema of tomorrow."""
    store = LocalSink(tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setattr(manifest if request.param == MANIFEST else parquet, "SCHEMA", 2)
        fill(store, tmp_path / "work", SPOT, rows_of(DAYS[0], 3600, 90))
    return request.param, store


def exported(sink: Sink) -> None:
    write_text(snapshots_of(sink, stored_files(sink, Window(), SPOT), Window()), "csv", io.BytesIO())


def sums(sink: Sink) -> None:
    files = stored_files(sink, Window(), SPOT)
    facts_of_file(sink, files[-1])
    list(tables_of(sink, files, Window())(["time", "bid"]))


def queried(sink: Sink) -> None:
    list(ask(sink, stored_files(sink, Window()), "SELECT avg(bid) FROM books", Window()).rows())


@pytest.mark.parametrize("work", [exported, sums, queried, lambda sink: book_at(sink, SPOT)])
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_readers_refuse_it(
    newer: tuple[str, LocalSink], work: Callable[[Sink], None], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "bucket":
        monkeypatch.setattr("market_data.snapshots.sources.LocalSink", type("Nothing", (), {}))
    with pytest.raises(SchemaError) as caught:
        work(newer[1])
    refused(caught.value.message, newer[0])
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_verify_could_not_look_at_it(newer: tuple[str, LocalSink]) -> None:
    proof = verify(newer[1], Asked())
    (day,) = proof.days
    assert (day.state, proof.exit_code) == ("unreadable", ExitCode.CONFIGURATION)
    for finding in day.findings:
        refused(finding.what, newer[0])


def test_list_says_what_it_cannot_read(newer: tuple[str, LocalSink]) -> None:
    listing = list_store(newer[1])
    (series,) = listing.series
    if newer[0] == MANIFEST:
        refused(*series.problems, newer[0])
        assert listing.exit_code == ExitCode.CONFIGURATION
    else:
        assert (series.rows, listing.exit_code) == (90, ExitCode.OK)  # no file of rows is read for it


def test_compact_leaves_it_as_it_is(newer: tuple[str, LocalSink]) -> None:
    before = [each.key for each in newer[1].list()]
    (done,) = compact(newer[1], (), lambda _: True, lambda _: None)
    assert isinstance(done.error, SchemaError)
    refused(done.error.message, newer[0])
    assert worst_exit_code([done.error]) == ExitCode.CONFIGURATION
    assert [each.key for each in newer[1].list()] == before


def test_prune_leaves_alone_what_it_cannot_read_the_manifest_of(newer: tuple[str, LocalSink]) -> None:
    plan = plan_pruning(newer[1], (), DAYS[2])
    if newer[0] == MANIFEST:
        assert not plan.days
        refused(*plan.left_alone, newer[0])
    else:
        assert [day.rows for day in plan.days] == [90]  # nothing has to be read for it


@pytest.mark.parametrize("when", [(0, 5000), (1, 100)], ids=["the same day", "the next day"])
def test_a_recording_keeps_its_rows_where_a_newer_version_keeps_the_manifest(
    newer: tuple[str, LocalSink], when: tuple[int, int], tmp_path: Path
) -> None:
    kind, sink = newer
    rows = rows_of(DAYS[when[0]], when[1], 10)
    if kind == MANIFEST:
        with pytest.raises(SchemaError) as caught:
            publish(sink, facts_of(SPOT), rows, workdir=tmp_path / "work")
        refused(caught.value.message, kind)
        assert sum(each.key.endswith(".json") for each in sink.list()) == 1
    else:  # other files are nothing to it
        assert publish(sink, facts_of(SPOT), rows, workdir=tmp_path / "work").rows == 10


def test_a_recording_does_not_say_that_rows_are_stored_which_it_cannot_compare(
    newer: tuple[str, LocalSink], tmp_path: Path
) -> None:
    rows: list[Snapshot] = [*rows_of(DAYS[0], 3600, 29), row(rows_of(DAYS[0], 3629, 1)[0].time_ns)]
    with pytest.raises(SchemaError) as caught:
        publish(newer[1], facts_of(SPOT), rows, workdir=tmp_path / "work")
    refused(caught.value.message, newer[0])


def refused(sentence: str, kind: str) -> None:
    assert ("manifest.json" in sentence) == (kind == MANIFEST)
    assert (".parquet" in sentence) == (kind == FILE)
    assert "has schema 2; this version of Crossbook reads up to 1." in sentence
    assert "\n" not in sentence
