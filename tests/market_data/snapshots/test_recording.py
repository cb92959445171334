"""The loop: one row a series and second, whatever happens to any of them; seconds are real here."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from domain.errors import ConfigError
from domain.snapshots import SECOND_NS, Snapshot, decode
from market_data.snapshots import recording, recovering
from market_data.snapshots.rates import Turns
from market_data.snapshots.recording import Job, Recorder
from market_data.snapshots.recording_report import recording_report, verdict
from market_data.snapshots.recording_view import figures, line, progress
from market_data.snapshots.recovering import Left, Shipped, Shipper, spools
from market_data.snapshots.schedule import Plan
from market_data.snapshots.spooling import HELD_UP, RECORDING, Heading, SeriesLock, SeriesLog, folder_of
from tests.market_data.snapshots.spooled import facts
from utils.persistence.spool import Contents, Spool, examine, records

ALL = Turns(Fraction(1))


class Scripted:
    """Takes a small book each second; `does` is called before that, with the number of the beat."""

    def __init__(self, does: Callable[[int], Any] = lambda beat: None) -> None:
        self.asked: list[tuple[int, int]] = []
        self.closed = False
        self._does = does

    def warm_up(self, moment_ns: int) -> None: ...

    def prepare(self, beat_ns: int, step_ns: int) -> Snapshot | None: ...

    def take(self, beat_ns: int, step_ns: int) -> Snapshot:
        self.asked.append((beat_ns, time.time_ns()))
        self._does(len(self.asked))
        return Snapshot(beat_ns, "ok", None, time.time_ns(), None, None, (("1", "2"),), (("3", "4"),))

    def close(self) -> None:
        self.closed = True


def soon(beats: int, every_s: int = 1) -> Plan:
    start = Plan(every_s, 0, None).at_or_after(time.time_ns() + 300_000_000)
    return Plan(every_s, start, start + beats * every_s * SECOND_NS)


class Ran(NamedTuple):
    """A run that is over."""

    recorder: Recorder
    takers: dict[str, Scripted]
    rows: dict[str, list[Snapshot]]
    said: list[str]


def ran(root: Path, takers: dict[str, Scripted], plan: Plan, turns: dict[str, Turns] | None = None) -> Ran:
    rows: dict[str, list[Snapshot]] = {symbol: [] for symbol in takers}
    said: list[str] = []

    def ship(path: Path, heading: Heading) -> Shipped:
        rows[heading.facts.symbol] += map(decode, records(path))
        return Shipped(1, path.stat().st_size)

    jobs = [Job(facts(symbol), taker, (turns or {}).get(symbol, ALL)) for symbol, taker in takers.items()]
    recorder = Recorder(jobs, plan, root, "store", Shipper(root, ship, said.append, time.time_ns), said.append)
    recorder.run(lambda running: bool(line(running)))
    return Ran(recorder, takers, rows, said)


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> Iterator[None]:
    """A recorder collects its garbage each second; a process of tests has so much that it takes most of one."""
    with pytest.MonkeyPatch.context() as patch:
        nothing = dict.fromkeys(("collect", "freeze", "unfreeze"), lambda: None)
        patch.setattr(recording, "gc", SimpleNamespace(**nothing))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Four seconds of several series, each in trouble of its own."""
    full = threading.Event()
    append = Spool.append

    def disk(self: Spool, payload: bytes) -> None:
        if full.is_set() and "FULL" in str(self.path):
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, payload)

    for attempt in range(3):
        full.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Spool, "append", disk)
            found = four_seconds(tmp_path_factory.mktemp("spool"), full)
        if kept_up(found) or attempt == 2:
            break
    return found


def kept_up(run: Ran) -> bool:
    """Tell whether the machine let every request leave in time: one that is too busy says nothing of the recorder."""
    lags = [asked - beat for taker in run.takers.values() for beat, asked in taker.asked]
    slow = [row.status for row in run.rows["SLOW/USDT"]]
    return max(lags) < SECOND_NS // 2 and slow.count("stopped") == 1


def four_seconds(root: Path, full: threading.Event) -> Ran:
    takers = {
        "GOOD/USDT": Scripted(),
        "SLOW/USDT": Scripted(lambda beat: time.sleep(2.2) if beat == 1 else None),
        "HALF/USDT": Scripted(),
        "FULL/USDT": Scripted(lambda beat: full.set() if beat == 2 else full.clear() if beat == 3 else None),
        "BACK/USDT": Scripted(),
        "BAD/USDT": Scripted(),
        "ENDS/USDT": Scripted(lambda beat: time.sleep(0.3) if beat == 4 else None),
    }
    plan = soon(4)
    (root / "okx").mkdir()
    (root / "okx" / "BAD%2FUSDT").write_text("in the way")
    recorded_before(root, "BACK/USDT", plan)
    return ran(root, takers, plan, {"HALF/USDT": Turns(Fraction(1, 2))})


def recorded_before(root: Path, symbol: str, plan: Plan) -> None:
    """Leave the first second of a plan in the spool, as a run does before the clock is set back."""
    heading = Heading(facts(symbol), plan._replace(end_ns=plan.start_ns + SECOND_NS), "store")
    folder = folder_of(root, heading.facts.series)
    folder.mkdir(parents=True)
    log = SeriesLog(folder, heading, plan.start_ns)
    log.put(Snapshot(plan.start_ns, "ok", None, plan.start_ns))
    assert log.close()


def test_there_is_one_row_of_each_series_and_second(run: Ran) -> None:
    start = run.recorder.plan.start_ns
    for symbol, rows in run.rows.items():
        assert symbol == "BAD/USDT" or [(row.time_ns - start) // SECOND_NS for row in rows] == [0, 1, 2, 3], symbol


def test_requests_leave_at_the_second(run: Ran) -> None:
    for beat, asked in run.takers["GOOD/USDT"].asked:
        assert beat % SECOND_NS == 0
        assert 0 <= asked - beat < SECOND_NS // 2  # a busy machine


def test_seconds_in_which_the_recorder_was_held_up_are_stopped_and_the_others_go_on(run: Ran) -> None:
    assert [row.status for row in run.rows["SLOW/USDT"]] == ["ok", "stopped", "ok", "ok"]
    assert run.rows["SLOW/USDT"][1].reason == HELD_UP
    assert [row.status for row in run.rows["GOOD/USDT"]] == ["ok"] * 4


def test_seconds_beyond_the_budget_are_left_out_evenly_with_their_reason(run: Ran) -> None:
    statuses = [row.status for row in run.rows["HALF/USDT"]]
    assert sorted(statuses) == ["ok", "ok", "rate_limited", "rate_limited"]
    assert statuses[0] != statuses[1]
    assert len(run.takers["HALF/USDT"].asked) == 2
    assert {row.reason for row in run.rows["HALF/USDT"]} == {None, "the budget allows a book every 2 s"}


def test_what_a_full_disk_did_not_take_is_said_and_written_when_there_is_room(run: Ran) -> None:
    assert [row.status for row in run.rows["FULL/USDT"]] == ["ok"] * 4
    assert [text for text in run.said if "FULL" in text] == [
        "okx FULL/USDT: rows cannot be written: no space left on device; tried again every second",
        "okx FULL/USDT: rows are written again",
    ]


def test_the_report_counts_what_is_durable(run: Ran) -> None:
    report = recording_report(run.recorder, "sim", "store", interrupted=False)
    rows = {row["symbol"]: row for row in report.record["series"]}
    assert {symbol: (row["expected"], row["ok"], row["files"]) for symbol, row in rows.items()} == {
        "GOOD/USDT": (4, 4, 1), "SLOW/USDT": (4, 3, 1), "HALF/USDT": (4, 2, 1), "FULL/USDT": (4, 4, 1),
        "ENDS/USDT": (4, 4, 1), "BACK/USDT": (3, 3, 2), "BAD/USDT": (0, 0, 0),
    }  # fmt: skip
    assert rows["SLOW/USDT"]["by_status"] == {"ok": 3, "stopped": 1}
    assert rows["GOOD/USDT"]["on_time_share"] == rows["GOOD/USDT"]["on_time"] / 4 > rows["SLOW/USDT"]["on_time_share"]
    assert report.exit_code == 8
    assert report.record["in_spool"] == []
    assert tuple(report.tables[0].rows[1][:5]) == ("okx", "SLOW/USDT", 4, 3, "1 stopped")
    assert figures(run.recorder.workers)["okx"][:3] == (7, 23, 3)


def test_everything_is_released_in_the_end(run: Ran) -> None:
    assert all(taker.closed for taker in run.takers.values())
    for worker in run.recorder.workers[:-2]:
        lock = SeriesLock(worker.folder)
        assert lock.take()
        lock.release()


def started(root: Path, plan: Plan, found: list[Ran]) -> threading.Thread:
    """Record in a thread of its own; the right to a series is a file's lock, so that threads contend for it, too."""
    thread = threading.Thread(target=lambda: found.append(ran(root, {"BTC/USDT": Scripted()}, plan)))
    thread.start()
    return thread


def taken(root: Path) -> bool:
    """Whether somebody has the right to record the series."""
    for path in root.rglob(RECORDING):
        lock = SeriesLock(path.parent)
        if not lock.take():
            return True
        lock.release()
    return False


def beats_of(found: list[Ran], start_ns: int) -> list[tuple[int, str]]:
    rows = sorted(row for each in found for row in each.rows["BTC/USDT"])
    return [((row.time_ns - start_ns) // SECOND_NS, row.status) for row in rows]


def test_a_second_run_waits_for_the_first_and_goes_on_where_that_ends(tmp_path: Path) -> None:
    plan = soon(3)
    first_plan = plan._replace(end_ns=plan.start_ns + SECOND_NS)
    first, second, short = list[Ran](), list[Ran](), list[Ran]()
    threads = [started(tmp_path, first_plan, first)]
    while threads[0].is_alive() and not taken(tmp_path):
        time.sleep(0.005)
    threads += [started(tmp_path, plan, second), started(tmp_path, first_plan, short)]
    for thread in threads:
        thread.join()
    assert beats_of(first + second + short, plan.start_ns) == [(0, "ok"), (1, "ok"), (2, "ok")]
    report = recording_report(short[0].recorder, "sim", "store", interrupted=False)
    assert (report.exit_code, report.record["series"][0]["expected"]) == (0, 0)
    if short[0].recorder.workers[0].waited:  # a busy machine may start it after the first has ended
        assert report.notes == ["okx BTC/USDT: another recording ran all the time; this one recorded nothing"]


def test_runs_of_a_length_that_follow_each_other_leave_no_second_out_and_last_as_long_as_asked(tmp_path: Path) -> None:
    for attempt in "abc":
        beats = beats_of_three_runs(tmp_path / attempt)
        assert [second for second, _ in beats] == list(range(max(6, len(beats))))
        if beats == [(second, "ok") for second in range(6)]:
            return  # else the machine was too busy: a run was ready a second later, and ended so much later
    raise AssertionError("runs of 2 s never lasted 2 s, each second of them recorded")


def beats_of_three_runs(root: Path) -> list[tuple[int, str]]:
    """Record 2 s three times, each run begun while the one before records its last second."""
    found: list[Ran] = []
    plan = soon(2)._replace(length_ns=2 * SECOND_NS)
    threads = [started(root, plan, found)]
    for _ in range(2):
        time.sleep((plan.start_ns + SECOND_NS - time.time_ns()) / SECOND_NS)
        plan = soon(2)._replace(length_ns=2 * SECOND_NS)
        threads.append(started(root, plan, found))
    for thread in threads:
        thread.join()
    return beats_of(found, min(each.recorder.workers[0].first_ns for each in found))


def test_files_that_an_earlier_run_stores_while_the_next_one_looks_at_them_are_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = soon(2)
    recorded_before(tmp_path, "BTC/USDT", plan)  # its first second
    folder = folder_of(tmp_path, facts().series)
    lock = SeriesLock(folder)
    assert lock.take()
    lock.note(plan.start_ns + SECOND_NS)
    lock.release()
    (before,) = spools(folder)

    def stored_meanwhile(path: Path) -> Contents:
        if path == before:
            path.unlink(missing_ok=True)
        return examine(path)

    monkeypatch.setattr(recovering, "examine", stored_meanwhile)
    run = ran(tmp_path, {"BTC/USDT": Scripted()}, plan)
    assert beats_of([run], plan.start_ns) == [(1, "ok")]
    assert (run.recorder.workers[0].failure, run.said) == (None, [])


def test_what_a_slow_start_missed_since_the_last_run_ended_is_stopped_and_not_missing(tmp_path: Path) -> None:
    plan = soon(2)._replace(length_ns=2 * SECOND_NS)
    recorded_before(tmp_path, "BTC/USDT", plan)  # its first second
    late = plan._replace(start_ns=plan.start_ns + 3 * SECOND_NS, end_ns=plan.start_ns + 5 * SECOND_NS)
    time.sleep((plan.start_ns + 2 * SECOND_NS - time.time_ns()) / SECOND_NS)
    rows: list[Snapshot] = []

    def ship(path: Path, _: Heading) -> Shipped:
        rows.extend(map(decode, records(path)))
        return Shipped(1, 1)

    shipper = Shipper(tmp_path, ship, print, time.time_ns)
    job = Job(facts("BTC/USDT"), Scripted(), ALL)
    Recorder([job], late, tmp_path, "store", shipper, print, began_ns=plan.start_ns).run(lambda _: True)
    assert [(row.time_ns - plan.start_ns) // SECOND_NS for row in rows] == list(range(len(rows)))
    statuses = [row.status for row in rows]
    assert statuses[:2] == ["ok", "stopped"]
    assert len(statuses) >= 5  # more, where a busy machine is ready later: the length counts from then
    assert "ok" in statuses[2:]
    assert set(statuses) == {"ok", "stopped"}


def has_rows(path: Path) -> bool:
    try:
        return examine(path).records > 0
    except ConfigError:
        return False  # its first bytes are not there yet


def test_rows_are_recorded_by_the_next_run_while_the_last_one_still_stores_its_own(tmp_path: Path) -> None:
    plan, storing, stored = soon(1), threading.Event(), threading.Event()

    def slowly(path: Path, _: Heading) -> Shipped:
        storing.set()
        assert stored.wait(20)
        return Shipped(1, path.stat().st_size)

    job = Job(facts("BTC/USDT"), Scripted(), ALL)
    recorder = Recorder([job], plan, tmp_path, "store", Shipper(tmp_path, slowly, print, time.time_ns), print)
    first = threading.Thread(target=lambda: recorder.run(lambda _: True))
    first.start()
    while not recorder.workers[0].settled:
        time.sleep(0.01)
    second: list[Ran] = []
    thread = started(tmp_path, plan._replace(end_ns=plan.end_ns + SECOND_NS), second)
    assert storing.wait(20)
    mine = recorder.to_store()
    while not any(map(has_rows, set(spools(recorder.workers[0].folder)) - set(*mine.values()))):
        assert thread.is_alive()
        time.sleep(0.02)
    assert [left.files for left in recorder.shipper.left(mine)] == [1]
    stored.set()
    for each in (thread, first):
        each.join()
    assert beats_of(second, plan.start_ns) == [(1, "ok")]
    assert recorder.shipper.left(mine) == []


def test_a_run_without_an_end_ends_when_it_is_told(tmp_path: Path) -> None:
    takers = {"BTC/USDT": Scripted()}
    told = time.monotonic() + 0.7
    rows: list[Snapshot] = []

    def ship(path: Path, heading: Heading) -> Shipped:
        rows.extend(map(decode, records(path)))
        return Shipped(1, 1)

    job = Job(facts("BTC/USDT"), takers["BTC/USDT"], ALL)
    shipper = Shipper(tmp_path, ship, print, time.time_ns)
    recorder = Recorder([job], soon(1)._replace(end_ns=None), tmp_path, "store", shipper, print)
    recorder.run(lambda _: time.monotonic() < told)
    assert [row.status for row in rows] == ["ok"] * recorder.workers[0].expected
    assert len(rows) <= 2
    assert recording_report(recorder, "sim", "store", interrupted=False).exit_code == 0


def test_a_clock_that_was_set_back_doubles_no_second(run: Ran) -> None:
    assert len(run.rows["BACK/USDT"]) == 4
    assert run.rows["BACK/USDT"][0].bids == ()  # the one of before
    assert len(run.takers["BACK/USDT"].asked) == 3


def test_a_run_that_lies_in_what_is_recorded_already_says_so_and_is_no_success(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, facts().series)
    lock = SeriesLock(folder)
    assert lock.take()
    lock.note(soon(1).start_ns + 3600 * SECOND_NS)  # before the clock was set back
    lock.release()
    run = ran(tmp_path, {"BTC/USDT": Scripted()}, soon(2))
    report = recording_report(run.recorder, "sim", "store", interrupted=False)
    assert (run.takers["BTC/USDT"].asked, report.exit_code) == ([], 6)
    assert "already, when this run is over" in report.record["series"][0]["reason"]


def test_a_log_that_takes_nothing_more_does_not_end_the_recording() -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115 – to close it fails, too
    with pytest.raises(OSError, match="No space left"):
        full.write("\n"), full.flush()
    with progress(full) as (_, say):
        say("rows cannot be written: no space left on device; tried again every second")
    with pytest.raises(OSError, match="No space left"):
        full.close()


def test_a_series_that_cannot_be_written_at_all_ends_alone(run: Ran) -> None:
    (bad,) = [worker for worker in run.recorder.workers if worker.series.symbol == "BAD/USDT"]
    assert bad.failure == "its spool cannot be used: file exists"
    assert "okx BAD/USDT: not recorded any more: its spool cannot be used: file exists" in run.said


@pytest.mark.parametrize(
    ("rows", "left", "code", "reason"),
    [
        ([(5, 5), (5, 5)], 0, 0, None),
        ([(5, 5), (5, 4)], 0, 8, None),
        ([(5, 5), (5, 0)], 0, 8, None),
        ([(5, 0), (5, 0)], 0, 6, None),
        ([(5, 5)], 1, 8, None),
        ([(0, 0)], 0, 0, None),
        ([(5, 5), (0, 0)], 0, 8, "its spool cannot be used"),
        ([(0, 0)], 0, 6, "its spool cannot be used"),
    ],
)
def test_the_exit_code_says_whether_every_second_has_a_book(
    rows: list[tuple[int, int]], left: int, code: int, reason: str | None
) -> None:
    told = [{"expected": expected, "ok": ok, "reason": reason} for expected, ok in rows]
    assert verdict(told, [Left(facts().series, "store", 1, 10, None)] * left) == code
