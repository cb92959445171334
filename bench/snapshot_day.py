"""`python -m bench snapshot_day [--hours 24] [--series 20]`: does the recorder's memory stay flat, is every row there?

All of the recorder runs as it is (threads, spool, syncs, hour files, publishing into a folder), but for two things.
Books come out of a file of evolved books, not over HTTP. And time is virtual, in a process of its own: the clock stands
while any of the recorder's threads is at work; when all of them wait, it jumps to the next moment that one waits for.
So no machine is too slow for it, and no row may be missing. Only publishing goes on beside the clock, as it does in
life. It begins at half past eleven in the evening, so that a run of more than half an hour sees a midnight.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.timing import ROOT
from bench.virtual_time import Clock, virtual
from domain.snapshots import SECOND_NS, SeriesFacts, Snapshot, decode, encode

if TYPE_CHECKING:
    from market_data.snapshots.recording import Recorder

HOUR_S, DAY_S = 3600, 86_400
BEFORE_MIDNIGHT_S = 1800
DEPTH, BOOKS = 100, 10
LIMIT_MB, REST_MB = 250, 45
"""The most that a recording of 20 series may take; what its connectors, connections and instruments take of that (they
are not in this process; `--env sim`, measured)."""
_PUBLISHING_S = 10
"""How far the recording may go on while a file is published: here, time would otherwise run away from it."""
SYMBOLS = ("BTC/USDT", "ETH/USDT", "BTC/USDC", "ETH/USDC")


def run(arguments: Sequence[str] = ()) -> None:
    """Simulate the hours in a process of its own, then have the store verified by another.

    Raises:
        RuntimeError: the recording or the verification failed, or a row is missing.
    """
    options = _options(arguments)
    if options.inside:
        _record(Path(options.inside), options.hours, options.series)
        return
    (ROOT / "out").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT / "out", prefix="day-") as folder:
        _write_books(Path(folder))
        size = ["--hours", f"{options.hours}", "--series", f"{options.series}"]
        inside = [sys.executable, "-m", "bench", "snapshot_day", *size, "--inside", folder]
        environment = {**os.environ, "CROSSBOOK_HOME": f"{folder}/home"}
        subprocess.run(inside, cwd=ROOT, env=environment, check=True)
        begun = time.monotonic()
        verify = [sys.executable, "main.py", "snapshot", "verify", f"{folder}/store", "--json"]
        done = subprocess.run(verify, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        print(f"snapshot verify: exit {done.returncode}, {time.monotonic() - begun:.0f} s")
        _judge(Path(folder), json.loads(done.stdout), round(options.hours * HOUR_S), options.series)
        if done.returncode:
            raise RuntimeError(f"snapshot verify ended with {done.returncode}")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench snapshot_day")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where spool and store are made; default: out/ of the project")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


class GivenBooks:
    """Takes the rows of one series out of the file of evolved books, as text."""

    def __init__(self, descriptor: int, places: "array[int]", number: int) -> None:
        self._descriptor = descriptor
        self._places = places
        self._first = number % BOOKS * HOUR_S
        self._shift = number // BOOKS * HOUR_S // 3
        self._answer_ns = (5 + number % 50) * 1_000_000

    def warm_up(self, moment_ns: int) -> None:
        """Do nothing: there is no connection."""

    def prepare(self, beat_ns: int, step_ns: int) -> Snapshot | None:
        """Do nothing: there is no budget."""

    def take(self, beat_ns: int, step_ns: int) -> Snapshot:
        """Return the book of a second, always the same one."""
        second = beat_ns // SECOND_NS
        line = self._first + (second + self._shift) % HOUR_S
        begin, end = self._places[line], self._places[line + 1]
        row = decode(os.pread(self._descriptor, end - begin, begin))
        received_ns = beat_ns + self._answer_ns
        return row._replace(
            time_ns=beat_ns, received_at_ns=received_ns, venue_time_ns=received_ns - 1_000_000, sequence=second
        )

    def close(self) -> None:
        """Do nothing: the file is closed with the process."""


def _write_books(folder: Path) -> None:
    """Write an hour of each book, a line a second."""
    from bench.evolved_books import evolve, invented

    with (folder / "books").open("wb") as stream:
        for course in invented()[:BOOKS]:
            for row in evolve(course, HOUR_S, DEPTH):
                stream.write(encode(row) + b"\n")


def _takers(folder: Path, count: int) -> list[GivenBooks]:
    """Open the file of books for so many series."""
    places = array("q", [0])
    with (folder / "books").open("rb") as stream:
        for line in stream:
            places.append(places[-1] + len(line))
    descriptor = os.open(folder / "books", os.O_RDONLY | os.O_CLOEXEC)
    return [GivenBooks(descriptor, places, number) for number in range(count)]


def _facts(number: int) -> SeriesFacts:
    """Name a series: venues of four symbols each."""
    symbol = SYMBOLS[number % len(SYMBOLS)]
    base, quote = symbol.split("/")
    venue = f"made{number // len(SYMBOLS)}"
    return SeriesFacts(venue, symbol, base + quote, "spot", base, quote, None, False, "1", "0.01", None, base, DEPTH)


def _begin_ns() -> int:
    """Return half past eleven in the evening of a day that is long over: no file is newer than the clock says."""
    from bench.evolved_books import START_NS

    return START_NS - BEFORE_MIDNIGHT_S * SECOND_NS


def _record(folder: Path, hours: float, count: int) -> None:
    """Record in this process, under a virtual clock, and print what it takes each hour.

    Raises:
        RuntimeError: the program said that something was wrong.
    """
    import main  # noqa: F401 – sets the collector up, and loads what every command has

    clock = Clock(_begin_ns() - SECOND_NS)
    virtual(clock)
    import commands.snapshot_run  # noqa: F401 – what a recording loads, too
    from market_data.snapshots.lean import lean_arrow
    from market_data.snapshots.rates import Turns
    from market_data.snapshots.recording import Job, Recorder
    from market_data.snapshots.recovering import Shipped, Shipper, spool_root, to_stores, workdir
    from market_data.snapshots.schedule import Plan
    from utils.config.settings import StorageSettings

    lean_arrow()
    home, said = folder / "home" / "recording", list[str]()
    publish = to_stores(StorageSettings(), workdir(home))

    def ship(path: Path, heading: Any) -> Shipped:
        with clock.apart(_PUBLISHING_S):
            return publish(path, heading)

    def notice(words: str) -> None:
        print(f"  the recorder says: {words}", flush=True)
        said.append(words)

    plan = Plan(1, _begin_ns(), _begin_ns() + round(hours * HOUR_S) * SECOND_NS)
    jobs = [Job(_facts(at), taker, Turns(Fraction(1))) for at, taker in enumerate(_takers(folder, count))]
    root = spool_root(home, "bench")
    shipper = Shipper(root, ship, notice, clock.time_ns)
    recorder = Recorder(jobs, plan, root, str(folder / "store"), shipper, notice)
    watch = _Watch(clock, plan.start_ns, root)
    recorder.run(watch.look)
    watch.show(recorder)
    peak = _memory_mb()["VmHWM"] + REST_MB
    print(f"  the most memory, with {REST_MB} MB for what is not in this process: {peak:.0f} MB (target {LIMIT_MB})")
    if said or shipper.left(recorder.to_store()) or any(worker.failure for worker in recorder.workers):
        raise RuntimeError("the recording did not go as it should")


class _Watch:
    """Prints what the process takes, each hour of the virtual clock."""

    def __init__(self, clock: Clock, start_ns: int, root: Path) -> None:
        self._clock = clock
        self._start_ns = self._next_ns = start_ns
        self._root = root
        self._begun = time.monotonic()
        self._used: dict[str, float] = {}
        print(f"{'hours':>7} {'VmRSS':>7} {'VmHWM MB':>9} {'rows':>9} {'files':>6} {'spool MB':>8} {'wall':>6}", end="")
        print("   seconds of processor since the last line", flush=True)

    def look(self, recorder: "Recorder") -> bool:
        """Print a line where an hour is over; the recording goes on."""
        if self._clock.time_ns() >= self._next_ns:
            self._next_ns += HOUR_S * SECOND_NS
            self.show(recorder)
        return True

    def show(self, recorder: "Recorder") -> None:
        """Print a line."""
        memory, used = _memory_mb(), _processor_s()
        rows = sum(worker.tally.by_status.total() for worker in recorder.workers)
        files = sum(each.files for each in list(recorder.shipper.shipped.values()))
        spool = sum(path.stat().st_blocks * 512 for path in self._root.rglob("*.spool") if path.exists()) / 1e6
        hours = (self._clock.time_ns() - self._start_ns) / SECOND_NS / HOUR_S
        wall = time.monotonic() - self._begun
        print(f"{hours:>7.2f} {memory['VmRSS']:>7.1f} {memory['VmHWM']:>9.1f} {rows:>9} {files:>6}", end="")
        print(
            f" {spool:>8.1f} {wall:>6.0f}  ", *(f"{kind} {s - self._used.get(kind, 0):.1f}" for kind, s in used.items())
        )
        sys.stdout.flush()
        self._used = used


def _memory_mb() -> dict[str, float]:
    """Read what the system says of this process (MB of 10^6 bytes)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {
        line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(("VmRSS", "VmHWM"))
    }


def _processor_s() -> dict[str, float]:
    """Add up what the process and its kinds of threads have used (seconds)."""
    used = {"all": sum(os.times()[:2])}
    for thread in threading.enumerate():
        kind = "takers" if thread.name.startswith("record-") else thread.name.split("(")[-1].strip("_)")
        with suppress(OSError):
            spent = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0]
            used[kind] = used.get(kind, 0) + int(spent) / SECOND_NS
    return used


def _judge(folder: Path, proof: Any, seconds: int, count: int) -> None:
    """Hold what `snapshot verify` found against what was to be recorded, and one series against what it was given.

    Raises:
        RuntimeError: a row is missing, twice, or another one.
    """
    days: list[Any] = proof["days"]
    rows = sum(day["rows"] for day in days)
    ok, expected = (sum(day["coverage"][name] for day in days) for name in ("ok", "expected"))
    print(f"  {len(days)} days of series: {rows} rows, {ok} ok of {expected} expected, state {proof['state']}")
    for day in days:
        covered, whole = day["coverage"], day["state"] == "whole" and not day["findings"] and not day["unnamed"]
        if not whole or day["silent_before_s"] or covered["ok"] != covered["expected"]:
            raise RuntimeError(f"{day['venue']} {day['symbol']} {day['day']} is not whole")
    if (rows, ok) != (seconds * count, seconds * count):
        raise RuntimeError(f"{seconds * count} rows were to be recorded, {rows} are there, {ok} of them with a book")
    _compare(folder, days, seconds)


def _compare(folder: Path, days: list[Any], seconds: int) -> None:
    """Hold the first series' days against the books that it was given, by the manifests' own sums.

    Raises:
        RuntimeError: they are not the same.
    """
    from market_data.snapshots.manifest import NO_ROWS

    facts, taker = _facts(0), _takers(folder, 1)[0]
    contents: dict[int, str] = {}
    for second in range(_begin_ns() // SECOND_NS, _begin_ns() // SECOND_NS + seconds):
        row = encode(taker.take(second * SECOND_NS, SECOND_NS))
        before = contents.get(second // DAY_S, NO_ROWS)
        contents[second // DAY_S] = hashlib.sha256(before.encode() + row).hexdigest()
    own = [day["content_sha256"] for day in days if (day["venue"], day["symbol"]) == facts.series]
    if own != list(contents.values()):
        raise RuntimeError(f"{facts.series} has other books than it was given")
    print(f"  {facts.series}: {seconds} books in {len(own)} days, each as it was given")
