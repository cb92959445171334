"""After a crash nothing is lost and nothing is doubled; what is complete reaches its store, in order."""

import os
from pathlib import Path

import pytest

from domain.snapshots import Snapshot, decode
from market_data.snapshots.manifest import read_manifest
from market_data.snapshots.publishing import stored_rows
from market_data.snapshots.recovering import (
    BUSY,
    DAMAGED,
    Ship,
    Shipped,
    Shipper,
    settle,
    spool_root,
    spools,
    to_stores,
    workdir,
)
from market_data.snapshots.spooling import ENDED, STORING, Heading, SeriesLock, folder_of
from tests.market_data.snapshots.spooled import at, heading, log_in, row, rows_in, seconds
from utils.config.settings import StorageSettings
from utils.persistence.sinks.base import StoreUnavailable
from utils.persistence.sinks.local import LocalSink
from utils.persistence.spool import Spool, examine, records

FOLDER = heading().facts.series


def interrupted(root: Path, head: Heading, rows: range) -> Path:
    """Leave a spool file as a process does that was killed."""
    log = log_in(root, head, rows.start)
    for second in rows:
        log.put(row(second))
    assert log.flush()
    return spools(folder_of(root, head.facts.series))[-1]


@pytest.mark.parametrize(("end", "last"), [(60, 20), (15, 14), (None, 20), (10, 9)])
def test_the_beats_that_a_killed_run_lacks_are_stopped_up_to_its_end_or_now(
    tmp_path: Path, end: int | None, last: int
) -> None:
    head = heading(0, end)
    path = interrupted(tmp_path, head, range(10))
    settled = settle(path.parent, at(20) + 5)
    rows = rows_in(tmp_path, head)
    assert seconds(rows) == list(range(last + 1))
    assert rows[:10] == [row(second) for second in range(10)]
    assert rows[10:] == [Snapshot(at(second), "stopped", ENDED) for second in range(10, last + 1)]
    assert settled.next_ns == at(last + 1)
    assert examine(path).closing == {"over": True, "next_ns": at(last + 1)}
    assert settled.notes == [f"an earlier recording ended without warning: {last - 9} rows were written as stopped"]
    assert settle(path.parent, at(30)) == (at(last + 1), [])
    assert rows_in(tmp_path, head) == rows


def test_a_run_of_a_slow_beat_leaves_the_seconds_after_its_last_row_to_faster_ones(tmp_path: Path) -> None:
    head = heading(0, 61, every_s=60)
    log = log_in(tmp_path, head, 0)
    log.put(row(0))
    log.put(row(60))
    assert log.close()
    assert settle(folder_of(tmp_path, FOLDER), at(62)) == (at(61), [])


def test_a_torn_row_is_cut_off_said_and_stopped(tmp_path: Path) -> None:
    path = interrupted(tmp_path, heading(), range(10))
    path.write_bytes(path.read_bytes()[:-7])
    (note,) = settle(path.parent, at(12)).notes
    assert "3 rows were written as stopped" in note
    assert "bytes of a row that was not whole were cut off" in note
    assert seconds(rows_in(tmp_path, heading()), "stopped") == [9, 10, 11]


def test_a_long_absence_goes_on_over_the_hours(tmp_path: Path) -> None:
    head = heading(3590, None)
    path = interrupted(tmp_path, head, range(3590, 3595))
    settle(path.parent, at(7300))
    assert seconds(rows_in(tmp_path, head)) == list(range(3590, 7300))
    assert [found.name[9:15] for found in spools(path.parent)] == ["105950", "110000", "120000"]


def test_a_run_that_died_between_two_hours_is_finished_too(tmp_path: Path) -> None:
    head = heading(3590, 3610)
    log = log_in(tmp_path, head, 3595)
    for second in range(3595, 3600):
        log.put(row(second))
    assert log.close(over=False)
    settle(folder_of(tmp_path, FOLDER), at(4000))
    assert seconds(rows_in(tmp_path, head), "stopped") == list(range(3600, 3610))


def test_beats_of_a_killed_run_end_where_the_next_file_begins(tmp_path: Path) -> None:
    head = heading(0, 60)
    interrupted(tmp_path, head, range(5))
    log = log_in(tmp_path, head, 8)
    log.put(row(8))
    assert log.close()
    settled = settle(folder_of(tmp_path, FOLDER), at(30))
    assert seconds(rows_in(tmp_path, head)) == list(range(9))
    assert settled.next_ns == at(9)


@pytest.mark.parametrize("content", [b"", b"CBSPOOL1", b"no spool"])
def test_a_file_that_cannot_be_read_is_set_aside_and_named(tmp_path: Path, content: bytes) -> None:
    path = interrupted(tmp_path, heading(), range(3))
    path.write_bytes(content)
    (note,) = settle(path.parent, at(9)).notes
    assert path.name in note
    assert path.with_name(path.name + DAMAGED).read_bytes() == content
    assert spools(path.parent) == []


@pytest.mark.parametrize("how", ["header", "format"])
def test_a_file_of_a_newer_version_is_left_for_that_and_said(tmp_path: Path, how: str) -> None:
    store, told = Store(), []
    if how == "header":
        path = folder_of(tmp_path, FOLDER) / "20261121T100000.spool"
        path.parent.mkdir(parents=True)
        Spool.create(path, heading().header() | {"schema": 2}).finish({"over": True})
    else:
        path = interrupted(tmp_path, heading(), range(3))
        path.write_bytes(b"CBSPOOL3" + b"written otherwise")
    before = path.read_bytes()
    sentence = f"{path} was written by a newer version of Crossbook."
    assert settle(path.parent, at(9)) == (0, [sentence])
    shipper = Shipper(tmp_path, store.ship, told.append, lambda: at(9))
    shipper.ship_all({path.parent: [path]})
    assert told == [f"okx BTC/USDT: not stored yet: {sentence}"]
    assert (store.rows, path.read_bytes()) == ([], before)


def test_a_file_of_something_else_keeps_none_of_the_others_from_being_finished(tmp_path: Path) -> None:
    path = interrupted(tmp_path, heading(0, 10), range(3))
    foreign = path.with_name("a copy.spool")
    foreign.write_bytes(path.read_bytes())
    assert settle(path.parent, at(20)).next_ns == at(10)
    assert seconds(rows_in(tmp_path, heading())) == list(range(10))
    assert foreign.with_name(foreign.name + DAMAGED).exists()


def test_a_run_that_died_while_it_made_the_next_hours_file_is_finished_too(tmp_path: Path) -> None:
    head = heading(3590, 3610)
    log = log_in(tmp_path, head, 3598)
    for second in (3598, 3599):
        log.put(row(second))
    assert log.close(over=False)
    folder = folder_of(tmp_path, FOLDER)
    (folder / "20261121T110000.spool").write_bytes(b"")
    assert settle(folder, at(4000)).next_ns == at(3610)
    assert seconds(rows_in(tmp_path, head)) == list(range(3598, 3610))


def test_a_file_without_a_row_is_not_in_the_way_of_the_next_one(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, FOLDER)
    folder.mkdir(parents=True)
    Spool.create(folder / "20261121T100000.spool", heading().header()).release()
    assert settle(folder, at(-5)).next_ns == at(0)  # the clock was set back
    log = log_in(tmp_path, heading(), 0)
    log.put(row(0))
    assert (log.trouble, log.close()) == (None, True)


@pytest.mark.parametrize("first", [7, 8, 9])
def test_a_second_whose_row_was_damaged_is_stored_as_stopped_also_at_the_end_of_a_file(
    tmp_path: Path, first: int
) -> None:
    closed(tmp_path, heading(first, 10), range(first, 10))
    (path,) = spools(folder_of(tmp_path, FOLDER))
    content = bytearray(path.read_bytes())
    content[content.rfind(b"60000.5")] ^= 1
    path.write_bytes(content)
    assert settle(path.parent, at(30)).next_ns == at(10)
    store, told = LocalSink(tmp_path / "store"), []
    head = heading(first, 10, store=store.name)
    assert head.facts == heading().facts
    shipper = Shipper(tmp_path, to(store, tmp_path / "work"), told.append, lambda: at(30))
    shipper.ship_all({})
    (entry,) = read_manifest(store, FOLDER, "2026-11-21")[0].files
    stored = list(stored_rows(store, entry.key))
    assert (seconds(stored), seconds(stored, "stopped")) == (list(range(first, 10)), [9])
    assert "are damaged; their rows become stopped" in told[0]


def to(store: LocalSink, work: Path) -> Ship:
    """Publish into this store, whatever a file says."""
    ship = to_stores(StorageSettings(), work)
    return lambda path, head: ship(path, head._replace(store=store.name))


class Store:
    """Takes spool files as a publisher does; refuses while `away`."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int]] = []
        self.away: str | None = None

    def ship(self, path: Path, head: Heading) -> Shipped:
        if self.away in (head.facts.symbol, head.store, "all"):
            raise StoreUnavailable("the store does not answer.")
        found = [decode(line) for line in records(path)]
        self.rows += [(head.facts.symbol, second) for second in seconds(found)]
        return Shipped(1, 100)


def closed(root: Path, head: Heading, rows: range) -> None:
    log = log_in(root, head, rows.start)
    for second in rows:
        log.put(row(second))
    assert log.close(over=rows.stop % 3600 != 0)


def test_files_are_shipped_oldest_first_each_once_and_the_newest_is_left_while_it_is_written(tmp_path: Path) -> None:
    store, told = Store(), []
    shipper = Shipper(tmp_path, store.ship, told.append, lambda: at(9000))
    head = heading(3598, 7202)
    closed(tmp_path, head, range(3598, 3600))
    log = log_in(tmp_path, head, 3600)
    log.put(row(3600))
    log.flush()
    folder = folder_of(tmp_path, FOLDER)
    shipper.ship_all({folder: spools(folder)[:-1]})
    assert store.rows == [("BTC/USDT", 3598), ("BTC/USDT", 3599)]
    assert log.close()
    shipper.ship_all({folder: spools(folder)})
    shipper.ship_all({folder: spools(folder)})
    assert store.rows == [("BTC/USDT", second) for second in (3598, 3599, 3600)]
    assert shipper.shipped == {FOLDER: Shipped(2, 200)}
    assert (spools(folder), shipper.left({}), told) == ([], [], [])


def test_while_a_store_is_away_nothing_is_lost_or_out_of_order_and_other_series_go_on(tmp_path: Path) -> None:
    store, told = Store(), []
    shipper = Shipper(tmp_path, store.ship, told.append, lambda: at(9000))
    closed(tmp_path, heading(3598, 3602), range(3598, 3600))
    closed(tmp_path, heading(3598, 3602), range(3600, 3602))
    closed(tmp_path, heading(symbol="ETH/USDT"), range(2))
    store.away = "BTC/USDT"
    for _ in range(3):
        shipper.ship_all({})
    assert store.rows == [("ETH/USDT", 0), ("ETH/USDT", 1)]
    (left,) = shipper.left({})
    assert (left.series, left.store, left.files, left.reason) == (FOLDER, "there", 2, "the store does not answer.")
    assert left.bytes > 0
    store.away = None
    shipper.ship_all({})
    assert [second for symbol, second in store.rows if symbol == "BTC/USDT"] == [3598, 3599, 3600, 3601]
    assert (len(told), shipper.left({})) == (2, [])  # said once, and once that it is well again


def test_a_store_that_refuses_rows_for_good_keeps_no_later_rows_from_another_store(tmp_path: Path) -> None:
    store, told = Store(), []
    closed(tmp_path, heading(0, 2), range(2))
    closed(tmp_path, heading(5, 7, store="elsewhere"), range(5, 7))
    closed(tmp_path, heading(8, 9), range(8, 9))
    shipper = Shipper(tmp_path, store.ship, told.append, lambda: at(9000))
    store.away = "there"
    for _ in range(3):
        shipper.ship_all({})
    assert [second for _, second in store.rows] == [5, 6]
    assert told == ["okx BTC/USDT: not stored yet: the store does not answer."]
    store.away = None
    shipper.ship_all({})
    assert [second for _, second in store.rows] == [5, 6, 0, 1, 8]
    assert len(told) == 2


def test_leftovers_of_a_killed_run_are_finished_and_shipped(tmp_path: Path) -> None:
    store, told = Store(), []
    interrupted(tmp_path, heading(0, 5), range(3))
    Shipper(tmp_path, store.ship, told.append, lambda: at(100)).ship_all({})
    assert store.rows == [("BTC/USDT", second) for second in range(5)]
    assert len(told) == 1


def test_what_another_process_records_is_left_to_it(tmp_path: Path) -> None:
    store = Store()
    path = interrupted(tmp_path, heading(), range(3))
    shipper = Shipper(tmp_path, store.ship, lambda _: None, lambda: at(100))
    lock = SeriesLock(path.parent)
    assert lock.take()
    before = path.read_bytes()
    shipper.ship_all({})
    shipper.ship_all({path.parent: []})
    assert (store.rows, path.read_bytes(), shipper.left({})) == ([], before, [])
    lock.release()


def test_while_another_process_stores_a_series_its_next_rows_wait_for_that(tmp_path: Path) -> None:
    store = Store()
    closed(tmp_path, heading(), range(3))
    folder = folder_of(tmp_path, FOLDER)
    own = {folder: spools(folder)}
    shipper = Shipper(tmp_path, store.ship, lambda _: None, lambda: at(100))
    others = SeriesLock(folder, STORING)
    assert others.take()
    shipper.ship_all(own)
    assert (store.rows, shipper.busy(own), shipper.left({})) == ([], True, [])
    assert [(left.files, left.reason) for left in shipper.left(own)] == [(1, BUSY)]
    others.release()
    shipper.ship_all(own)
    assert ([second for _, second in store.rows], shipper.busy(own), shipper.left(own)) == ([0, 1, 2], False, [])


def test_files_that_another_process_stored_meanwhile_are_no_trouble(tmp_path: Path) -> None:
    store, told = Store(), []
    closed(tmp_path, heading(3598, 3602), range(3598, 3600))
    closed(tmp_path, heading(3598, 3602), range(3600, 3602))
    folder = folder_of(tmp_path, FOLDER)
    own = {folder: spools(folder)}
    own[folder][0].unlink()
    shipper = Shipper(tmp_path, store.ship, told.append, lambda: at(9000))
    shipper.ship_all(own)
    assert ([second for _, second in store.rows], told, shipper.left(own)) == ([3600, 3601], [], [])


def test_where_a_killed_run_ended_is_known_when_its_files_are_in_the_store(tmp_path: Path) -> None:
    path = interrupted(tmp_path, heading(0, 5), range(3))
    Shipper(tmp_path, Store().ship, print, lambda: at(100)).ship_all({})
    lock = SeriesLock(path.parent)
    assert (spools(path.parent), lock.take(), lock.recorded_until()) == ([], True, at(5))
    lock.release()


def test_a_kill_between_storing_and_forgetting_stores_the_same_rows_once_more(tmp_path: Path) -> None:
    store = Store()

    def killed(path: Path, head: Heading) -> Shipped:
        store.ship(path, head)
        raise KeyboardInterrupt

    closed(tmp_path, heading(), range(3))
    with pytest.raises(KeyboardInterrupt):
        Shipper(tmp_path, killed, print, lambda: at(100)).ship_all({})
    first = list(store.rows)
    Shipper(tmp_path, store.ship, print, lambda: at(200)).ship_all({})
    assert store.rows == first * 2  # publishing is what makes them one: it compares


def test_environments_and_processes_have_folders_of_their_own(tmp_path: Path) -> None:
    assert spool_root(tmp_path, "sim/synthetic-7") != spool_root(tmp_path, "live")
    dead = tmp_path / ".publishing" / "999999999"
    dead.mkdir(parents=True)
    mine = workdir(tmp_path)
    mine.mkdir(parents=True)
    assert workdir(tmp_path) == mine
    assert dead.exists()  # it may be at work in another container
    for folder in (mine, dead):
        os.utime(folder, (0, 0))
    assert workdir(tmp_path) == mine
    assert (mine.exists(), dead.exists()) == (True, False)
