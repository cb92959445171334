"""The recording itself: one thread a series takes a row each beat, one makes rows durable, one ships complete files."""

import gc
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from domain.errors import CrossbookError
from domain.snapshots import RATE_LIMITED, SECOND_NS, STOPPED, SeriesFacts, Snapshot
from domain.time import NS_PER_MS, rfc3339
from market_data.snapshots.rates import Turns
from market_data.snapshots.recovering import Shipper, settle, spools
from market_data.snapshots.schedule import Plan, wait_until
from market_data.snapshots.spooling import HELD_UP, Heading, SeriesLock, SeriesLog, Tally, folder_of
from market_data.snapshots.taking import PREPARE_NS, until_ns
from utils.secrets.redaction import redact

SYNC_AT_S = 0.5
"""Rows are made durable once a second, this long after it began: answers have come by then, and nobody waits for us."""
_LOOK_S, _WAIT_S = 0.2, 0.1
_SHIP_S = 20.0
"""How often complete files are looked for when nothing says that there is one, and a store that was away is tried."""
_QUIET_S = 3.0
"""How long the right to a series is waited for before that is said: runs that follow each other meet for a second."""
_OTHERS_S = 60.0
"""How long a run that is over waits for another one that stores its series."""
_AHEAD_NS = 5 * SECOND_NS
Notice = Callable[[str], None]


class Takes(Protocol):
    """What takes the rows of one series (`taking.Taker`); beats and steps are nanoseconds, nothing raises."""

    def warm_up(self, moment_ns: int) -> None:
        """Get ready until a moment."""

    def prepare(self, beat_ns: int, step_ns: int) -> Snapshot | None:
        """Get ready for a beat, or return its row where that cannot be."""

    def take(self, beat_ns: int, step_ns: int) -> Snapshot:
        """Return the beat's row."""

    def close(self) -> None:
        """Release what is held."""


class Job(NamedTuple):
    """One series to record."""

    facts: SeriesFacts
    taker: Takes
    turns: Turns


class Worker(threading.Thread):
    """Records one series: waits for the right to, takes a row each beat, closes its file."""

    def __init__(
        self, job: Job, heading: Heading, root: Path, began_ns: int, told: threading.Event, notice: Notice
    ) -> None:
        super().__init__(name=f"record-{job.facts.series}", daemon=True)
        self.series = job.facts.series
        self.folder = folder_of(root, self.series)
        self.log: SeriesLog | None = None
        self.settled = self.waited = self.over = False
        """`settled`: the series is its, and free of interrupted files; `over`: its last row is written."""
        self.files: list[Path] = []
        """Once it is over: the files that were there then, for the store."""
        self.first_ns = self.end_ns = 0
        """The beats that it was up to: [first_ns, end_ns)."""
        self.failure: str | None = None
        self._job = job
        self._heading = heading
        self._plan = heading.plan
        self._began_ns = began_ns
        self._told = told
        self._notice = notice
        self._lock = SeriesLock(self.folder)
        self.rolled: Callable[[], None] = _nothing
        self.ended: Callable[[Path], None] = _nothing
        """Called with the folder once the last row is written, while nobody else may look for files to store."""

    @property
    def tally(self) -> Tally:
        """What became of its rows."""
        return self.log.tally if self.log is not None else Tally()

    @property
    def expected(self) -> int:
        """How many beats there were so far."""
        end_ns = self.end_ns if self.over or self.log is None else self.log.next_ns
        return max(0, -(-(end_ns - self.first_ns) // self._plan.step_ns))

    def run(self) -> None:
        """Record until the plan is over or `told`."""
        try:
            self._record()
        except CrossbookError as error:
            self.failure = error.message
        except OSError as error:
            self.failure = f"its spool cannot be used: {(error.strerror or str(error)).lower()}"
        except Exception as error:  # noqa: BLE001 – one series' trouble must not end the others; it is shown by name
            self.failure = f"internal error ({type(error).__name__}): {redact(str(error))[:160]}"
        finally:
            if self.settled:
                self.files = spools(self.folder)
                self.ended(self.folder)
            self.over = True
            self._lock.release()
            self._job.taker.close()
            if self.failure:
                self._notice(f"{self.series}: not recorded any more: {self.failure}")
            self.rolled()

    def to_store(self) -> list[Path]:
        """List the files, from the oldest on, that will not be written any more."""
        if not self.settled:
            return []
        return self.files if self.over else spools(self.folder)[:-1]

    def _record(self) -> None:
        if not self._take_lock():
            return
        now = time.time_ns()
        found = settle(self.folder, now)
        self.settled = True
        for note in found.notes:
            self._notice(f"{self.series}: {note}")
        next_ns = max(found.next_ns, self._lock.recorded_until())
        self._lock.note(next_ns)
        self.first_ns = self.end_ns = beat = self._first_beat(next_ns, now)
        if self._plan.over(beat):
            if beat > now + _AHEAD_NS:  # no other run's time: the clock was set back, or beats are far apart
                self.failure = f"it was recorded until {rfc3339(beat // NS_PER_MS)} already, when this run is over"
            return
        heading = self._heading._replace(plan=self._plan)
        self.log = log = SeriesLog(self.folder, heading, beat, lambda: self.rolled())
        self._job.taker.warm_up(beat)
        while not self._plan.over(beat):
            row = self._row(beat)
            if row is None:
                break
            log.put(row)
            # Whoever was held up goes on with the running second; those between are written as stopped.
            beat = max(beat + self._plan.step_ns, self._plan.latest(time.time_ns()))
        self.end_ns = min(beat, self._plan.end_ns) if self._plan.end_ns is not None else beat
        log.fill(self.end_ns, HELD_UP)
        if not log.close():
            self.failure = f"the last rows could not be written: {log.trouble}"
        self._lock.note(max(next_ns, self._plan.free_from(log.next_ns)))

    def _first_beat(self, next_ns: int, now_ns: int) -> int:
        """Return the first beat to record, where the one before this run ended at `next_ns`.

        Whoever finds that another one recorded until a moment ago goes on at its end; what it cannot be ready for any
        more, or what a slow start misses, is a row, too.
        """
        plan = self._plan
        if self._began_ns < next_ns <= now_ns + plan.step_ns:
            self._plan = plan = plan.taken_over(plan._replace(start_ns=0).at_or_after(next_ns), now_ns + PREPARE_NS)
        first = plan.at_or_after(max(plan.start_ns, next_ns))
        if first > max(plan.start_ns, now_ns) + _AHEAD_NS:
            self._notice(f"{self.series}: recorded until {rfc3339(next_ns // NS_PER_MS)} already; goes on there")
        return first

    def _row(self, beat: int) -> Snapshot | None:
        """Take the row of a beat; None: told to end before it."""
        step = self._plan.step_ns
        if (ahead_ns := beat - time.time_ns() - step) > _AHEAD_NS and self.log is not None and self.log.tally.last:
            self._notice(
                f"{self.series}: the clock was set back by about {ahead_ns // SECOND_NS} s;"
                f" goes on at {rfc3339(beat // NS_PER_MS)}, so that no second is written twice"
            )
        if not self._job.turns.mine(beat // step):
            words = self._job.turns.words(self._plan.every_s)
            return Snapshot(beat, RATE_LIMITED, words) if wait_until(beat, self._told) else None
        if not wait_until(beat - PREPARE_NS, self._told):
            return None
        if self._too_late(beat):
            return Snapshot(beat, STOPPED, HELD_UP)
        failed = self._job.taker.prepare(beat, step)
        ready_ns = time.time_ns()
        if not wait_until(beat, self._told):
            return None
        if failed is None and ready_ns < beat and self._too_late(beat):
            return Snapshot(beat, STOPPED, HELD_UP)
        return failed or self._job.taker.take(beat, step)

    def _too_late(self, beat: int) -> bool:
        """Tell whether a beat is over although nobody was asked yet: the process was stopped, or had no time."""
        return time.time_ns() >= until_ns(beat, self._plan.step_ns)

    def _take_lock(self) -> bool:
        """Wait for the right to the series; False: the run's time was over, or it was told to end, before."""
        begun, said = time.monotonic(), False
        while not self._lock.take():
            if not self.waited:
                self.waited = True
                self._job.taker.warm_up(time.time_ns() + SECOND_NS)
            if not said and time.monotonic() - begun > _QUIET_S:
                said = True
                self._notice(f"{self.series}: another recording of it is running; this one waits for its end")
            if self._plan.over(time.time_ns()) or self._told.wait(_WAIT_S):
                return False
        return True


class Recorder:
    """A run: all its series side by side.

    Args:
        root: the folder of spool files.
        store: the store's name, which is written into them.
        shipper: brings complete files to their store.
        notice: told what a user should know, in sentences.
        began_ns: when the run was asked for (None: now); it goes on where another one ended since then.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        plan: Plan,
        root: Path,
        store: str,
        shipper: Shipper,
        notice: Notice,
        *,
        began_ns: int | None = None,
    ) -> None:
        began = began_ns or time.time_ns()
        self.plan = plan
        self.shipper = shipper
        self.told = threading.Event()
        self.workers = [Worker(job, Heading(job.facts, plan, store), root, began, self.told, notice) for job in jobs]
        self._notice = notice
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._troubles: dict[str, str] = {}

    def run(self, look: Callable[["Recorder"], bool]) -> None:
        """Record, and ship what is complete; `look` is called several times a second, False ends the run."""
        gc.collect()
        gc.freeze()
        helpers = [threading.Thread(target=work, daemon=True) for work in (self._sync_loop, self._ship_loop)]
        for worker in self.workers:
            worker.rolled, worker.ended = self._wake.set, self.shipper.claim
        for thread in [*self.workers, *helpers]:
            thread.start()
        while any(worker.is_alive() for worker in self.workers):
            if not look(self):
                self.told.set()
            time.sleep(_LOOK_S)
        self._ended.set()
        self._wake.set()
        for thread in helpers:
            while thread.is_alive():  # in slices, so that Ctrl-C gets through
                look(self)
                thread.join(_LOOK_S)
        self.shipper.release()
        gc.unfreeze()

    def _sync_loop(self) -> None:
        shipped = False
        while not self._ended.wait((SYNC_AT_S - time.time()) % 1 or 1.0):
            for worker in self.workers:
                if worker.log is not None and not worker.over:
                    worker.log.flush()
                    self._tell(worker)
            # Each answer leaves a cycle that holds its body. What was loaded once is frozen, so this is quick.
            gc.collect()
            if self.shipper.shipped and not shipped:  # Arrow and the store's client have been loaded
                shipped = True
                gc.freeze()

    def _tell(self, worker: Worker) -> None:
        """Say when rows cannot be written, and when they can again."""
        name, trouble = str(worker.series), worker.log.trouble if worker.log else None
        before = self._troubles.get(name)
        if trouble and trouble != before:
            self._troubles[name] = trouble
            self._notice(f"{name}: rows cannot be written: {trouble}; tried again every second")
        elif before and not trouble:
            del self._troubles[name]
            self._notice(f"{name}: rows are written again")

    def _ship_loop(self) -> None:
        """Ship what is complete, leftovers of earlier runs first; once more when the last row is written."""
        while not self._ended.is_set():
            self._wake.clear()
            self.shipper.ship_all(self.to_store())
            if not self._ended.is_set():
                self._wake.wait(_SHIP_S)
        patience = time.monotonic() + _OTHERS_S
        self.shipper.ship_all(self.to_store())
        while self.shipper.busy(self.to_store()) and time.monotonic() < patience:
            time.sleep(_LOOK_S)
            self.shipper.ship_all(self.to_store())

    def to_store(self) -> dict[Path, list[Path]]:
        """List what each series has for the store (see `Shipper.ship_all`)."""
        return {worker.folder: worker.to_store() for worker in self.workers}


def lag_s(worker: Worker) -> float | None:
    """Tell how long after its second the newest book came (seconds); None: there is none."""
    last = worker.tally.last
    return None if last is None or last.received_at_ns is None else (last.received_at_ns - last.time_ns) / SECOND_NS


def _nothing(*_: object) -> None: ...
