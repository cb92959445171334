"""One row a beat, in order, whatever happens to the disk or the process."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from domain.snapshots import Series, decode, encode
from market_data.snapshots.recovering import spools
from market_data.snapshots.spooling import (
    DAMAGED_ROW,
    HELD_UP,
    Heading,
    SeriesLock,
    SeriesLog,
    folder_of,
    started_ns,
    whole,
)
from tests.market_data.snapshots.spooled import at, heading, log_in, row, rows_in, seconds
from utils.persistence.spool import Spool, examine

Broken = list[str]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    """Names of what the disk refuses at present: `append`, `create`, `sync`."""
    refused: Broken = []
    for name in ("append", "create", "sync"):
        real = getattr(Spool, name)

        def disk(*given: Any, _real: Any = real, _name: str = name) -> Any:
            if _name in refused:
                raise OSError(errno.ENOSPC, "No space left on device")
            return _real(*given)

        monkeypatch.setattr(Spool, name, disk)
    return refused


def test_rows_are_counted_once_they_are_durable(tmp_path: Path) -> None:
    log = log_in(tmp_path, heading(), 0)
    for second in range(3):
        log.put(row(second))
    assert log.tally.by_status.total() == 0
    assert log.flush()
    log.put(row(3, status="late", reason="answered 1.2 s after", bids=(), asks=(), received_at_ns=at(4)))
    log.put(row(4, received_at_ns=at(4) + 150_000_000))
    assert log.close()
    assert dict(log.tally.by_status) == {"ok": 4, "late": 1}
    assert log.tally.on_time == 3
    assert log.tally.last == row(4, received_at_ns=at(4) + 150_000_000)
    assert seconds(rows_in(tmp_path, heading())) == [0, 1, 2, 3, 4]


def test_beats_that_were_missed_are_stopped_and_none_is_written_twice(tmp_path: Path) -> None:
    log = log_in(tmp_path, heading(), 0)
    for second in (0, 1, 5, 5, 3, 6):
        log.put(row(second))
    assert log.fill(at(9), "over")
    assert log.close()
    rows = rows_in(tmp_path, heading())
    assert seconds(rows) == list(range(9))
    assert seconds(rows, "stopped") == [2, 3, 4, 7, 8]
    assert [found.reason for found in rows if found.status == "stopped"] == [HELD_UP] * 3 + ["over"] * 2


def test_a_file_holds_an_hour_and_is_closed_when_the_next_begins(tmp_path: Path) -> None:
    told: list[int] = []
    head = heading(3590, None, every_s=5)
    folder = folder_of(tmp_path, head.facts.series)
    folder.mkdir(parents=True)
    log = SeriesLog(folder, head, at(3590), lambda: told.append(len(spools(folder))))
    for second in range(3590, 3620, 5):
        log.put(row(second))
    first, second_file = spools(folder)
    assert (first.name, second_file.name) == ("20261121T105950.spool", "20261121T110000.spool")
    assert started_ns(second_file) == at(3600)
    assert examine(first).closing == {"over": False, "next_ns": at(3600)}
    assert examine(second_file).closing is None
    assert log.close()
    assert examine(second_file).closing == {"over": True, "next_ns": at(3620)}
    assert Heading.of(examine(first).header, first) == head
    assert told == [1, 2]
    assert seconds(rows_in(tmp_path, head)) == list(range(3590, 3620, 5))


@pytest.mark.parametrize("what", ["append", "create"])
def test_what_a_full_disk_does_not_take_is_written_when_there_is_room(
    tmp_path: Path, broken: Broken, what: str
) -> None:
    log = log_in(tmp_path, heading(), 0)
    broken.append(what)
    for second in range(3):
        log.put(row(second))
    assert not log.flush()
    assert (log.trouble, log.tally.by_status.total()) == ("no space left on device", 0)
    broken.clear()
    assert log.flush()
    assert (log.trouble, log.tally.by_status["ok"]) == (None, 3)
    assert log.close()
    assert rows_in(tmp_path, heading()) == [row(second) for second in range(3)]


def test_books_that_waited_too_long_for_room_are_told_as_unavailable(tmp_path: Path, broken: Broken) -> None:
    log = log_in(tmp_path, heading(0, 300), 0)
    log.put(row(0))
    broken.append("append")
    for second in range(1, 101):
        log.put(row(second))
    assert len(log._pending) == 60
    broken.clear()
    log.put(row(101))
    assert log.close()
    rows = rows_in(tmp_path, heading(0, 300))
    assert seconds(rows) == list(range(102))
    assert seconds(rows, "unavailable") == list(range(1, 42))
    assert {found.reason for found in rows if found.reason} == {"it could not be written: no space left on device"}


def test_rows_that_may_not_have_reached_the_disk_are_written_again_and_not_twice(
    tmp_path: Path, broken: Broken
) -> None:
    log = log_in(tmp_path, heading(), 0)
    log.put(row(0))
    assert log.flush()
    log.put(row(1))
    log.put(row(2))
    broken.append("sync")
    assert not log.flush()
    assert log.tally.by_status.total() == 1
    log.put(row(3))
    broken.clear()
    assert log.flush()
    assert log.close()
    assert rows_in(tmp_path, heading()) == [row(second) for second in range(4)]
    assert log.tally.by_status["ok"] == 4


def test_the_end_of_a_file_is_tried_again_where_the_disk_refused_it(tmp_path: Path, broken: Broken) -> None:
    log = log_in(tmp_path, heading(3598, 3605), 3598)
    log.put(row(3598))
    broken.append("sync")
    log.put(row(3600))  # the hour is over, but its file cannot be closed
    broken.clear()
    assert log.flush()
    assert log.close()
    rows = rows_in(tmp_path, heading())
    assert seconds(rows) == [3598, 3599, 3600]
    assert [examine(path).closing for path in spools(folder_of(tmp_path, heading().facts.series))] == [
        {"over": False, "next_ns": at(3600)}, {"over": True, "next_ns": at(3601)}
    ]  # fmt: skip


def test_a_series_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, Series("okx", "BTC/USDT:USDT"))
    assert folder.name == "BTC%2FUSDT%3AUSDT"
    first, second = SeriesLock(folder), SeriesLock(folder)
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_no_kill_and_no_full_disk_takes_away_what_was_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = SeriesLock(tmp_path)
    assert lock.take()
    assert lock.recorded_until() == 0
    lock.note(at(7))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        lock.note(at(8))
    assert lock.recorded_until() == at(7)
    lock.note(at(9))
    assert lock.recorded_until() == at(9)
    lock.release()


@pytest.mark.parametrize("header", [{}, {"schema": "2"}, {"schema": 1, "facts": {}, "plan": {}, "store": ""}])
def test_a_header_of_something_else_is_refused(header: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not the header"):
        Heading.of(header, Path("a.spool"))


def test_beats_without_a_row_in_a_file_are_stopped_because_their_rows_were_damaged() -> None:
    plan = heading(0, None, every_s=5).plan
    kept = [encode(row(second)) for second in (5, 20, 25)]
    found = [decode(text) for text in whole(kept, plan, at(0), at(35))]
    assert [each.time_ns for each in found] == [at(second) for second in (0, 5, 10, 15, 20, 25, 30)]
    assert [found[place] for place in (1, 4, 5)] == [row(5), row(20), row(25)]
    assert {(found[place].status, found[place].reason) for place in (0, 2, 3, 6)} == {("stopped", DAMAGED_ROW)}
