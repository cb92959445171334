"""The recorder: is it on time, what does a snapshot cost, and how fast are its spool, its files and a recorded day."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.evolved_books import START_NS, evolve, invented
from bench.house import House, house
from bench.inprocess import in_turn
from bench.snapshot_format import format_figures
from bench.timing import ROOT, show, side_by_side
from domain.snapshots import OK, SECOND_NS, SeriesFacts, encode

SPOT = ("BTC/USDT", "ETH/USDT", "BTC/USDC", "ETH/USDC")
"""Listed at all five venues with order books: 20 series."""
MORE = ("SOL/USDC", "SOL/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "BTC/USD:BTC", "ETH/USD:ETH")
SIZES: Mapping[str, tuple[str, ...]] = {
    "1": (SPOT[0], "--venue", "okx"),
    "5": SPOT[:1],
    "20": SPOT,
    "50": (*SPOT, *MORE),
}
"""What is recorded, by about how many series it is."""
WATCHED_S = 10
WARM_S, ENDING_S = 2.0, 2
"""A run is watched once its connections stand, and not while it ships what it recorded."""
GROUPS = (1, 20)
"""Rows that one fdatasync makes durable: one series a second, and twenty."""
DAY_S, EVOLVED_S = 86_400, 3600


class Run(NamedTuple):
    """A recording: its report, processor seconds while watched and of the whole process, and each book's lateness."""

    report: dict[str, Any]
    watched_s: float
    whole_s: float
    late_ms: list[float]

    @property
    def series(self) -> int:
        """How many series were recorded."""
        return len(self.report["series"])

    def total(self, name: str) -> int:
        """Add a figure of all series up."""
        return sum(row[name] for row in self.report["series"])


def run() -> None:
    """Print all figures of the recorder; the simulator and the recorder have a core each where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)  # what the simulator inherits
    try:
        with house() as simulator:
            _punctuality(simulator, cores[0])
            _processor(simulator, cores[0])
    finally:
        os.sched_setaffinity(0, cores)
    _spool()
    format_figures()
    _day()


def _punctuality(simulator: House, core: int) -> None:
    found = _record(simulator, SIZES["20"], core, 20)
    expected, ok, on_time = (found.total(name) for name in ("expected", "ok", "on_time"))
    late = sorted(found.late_ms)
    print(f"\nOn time: {found.series} series every second, the recorder on one core, {expected} snapshots")
    print(f"  received within 100 ms of their second {on_time / expected:>8.2%}   (target 95 %); recorded {ok}")
    print(f"  median {statistics.median(late):.1f} ms after it, p95 {_at(late, 0.95):.1f}, the last {late[-1]:.1f} ms")


def _processor(simulator: House, core: int) -> None:
    print(f"\nProcessor of the recorder, {WATCHED_S} s each, on one core (whole: with start, Parquet files and end)")
    for options in SIZES.values():
        found = _record(simulator, options, core, WATCHED_S + int(WARM_S) + ENDING_S)
        each, on_time = found.watched_s / WATCHED_S, found.total("on_time") / found.total("expected")
        late = sorted(found.late_ms)
        print(
            f"  {found.series:>3} series: {each / found.series * 1000:>6.2f} ms a snapshot, {each:>6.1%} of a core,"
            f" whole {found.whole_s:>5.2f} s; on time {on_time:>7.2%},"
            f" median {statistics.median(late):>5.1f} ms, p95 {_at(late, 0.95):>6.1f} ms"
        )


def _record(simulator: House, options: Sequence[str], core: int, seconds: int) -> Run:
    """Record into a store of its own, and watch the process.

    Raises:
        RuntimeError: it did not record.
    """
    store = simulator.home / "store"
    command = [sys.executable, "main.py", "snapshot", *options, "--for", f"{seconds}s", "--to", str(store), "--json"]
    # A file, because a report longer than a pipe holds would wait for a reader.
    with (simulator.home / "report.json").open("w+") as answer:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **simulator.environment},
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        assert child.stderr is not None
        said = list(_until_started(child.stderr))
        time.sleep(WARM_S)
        before = _processor_s(child.pid)
        time.sleep(WATCHED_S)
        watched = _processor_s(child.pid) - before
        said += child.stderr.readlines()
        child.stderr.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 8):
            raise RuntimeError(f"snapshot ended with {child.returncode}: {''.join(said)[-2000:]}")
        answer.seek(0)
        report = json.load(answer)
    late = list(_lateness_ms(store))
    shutil.rmtree(store)
    return Run(report, watched, used.ru_utime + used.ru_stime, late)


def _until_started(stream: Any) -> Iterator[str]:
    for line in stream:
        yield line
        if line.startswith("Recording "):
            return


def _processor_s(pid: int) -> float:
    """Add up what the threads of a process have used (seconds, in nanoseconds' precision)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / SECOND_NS


def _lateness_ms(store: Path) -> Iterator[float]:
    """Tell of each recorded book how long after its second it was received (milliseconds)."""
    from market_data.snapshots import parquet

    for path in store.rglob("*.parquet"):
        for row in parquet.read_file(path)[1]:
            if row.status == OK and row.received_at_ns is not None:
                yield (row.received_at_ns - row.time_ns) / 1e6


def _at(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _spool() -> None:
    """Compare a spool with bare writes of the same bytes, on the disk that this project lies on."""
    from market_data.snapshots.schedule import Plan
    from market_data.snapshots.spooling import Heading, SeriesLog
    from utils.persistence.spool import Spool

    rows = list(evolve(invented()[3], 60, 100))
    texts = [encode(row) for row in rows]
    facts = _facts()
    for group in GROUPS:
        with _scratch() as folder:
            spool = Spool.create(Path(folder) / "bench.spool", {})
            log = SeriesLog(Path(folder), Heading(facts, Plan(1, START_NS, None), ""), START_NS)
            bare = os.open(Path(folder) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

            def plainly(turn: int, bare: int = bare, group: int = group) -> None:
                for text in _some(texts, turn, group):
                    os.write(bare, text)
                os.fdatasync(bare)

            def spooled(turn: int, spool: Spool = spool, group: int = group) -> None:
                for text in _some(texts, turn, group):
                    spool.append(text)
                spool.sync()

            def logged(turn: int, log: SeriesLog = log, group: int = group) -> None:
                for number, row in enumerate(_some(rows, turn, group)):
                    log.put(row._replace(time_ns=START_NS + (turn * group + number) % 3600 * SECOND_NS))
                log.flush()

            calls: dict[str, Callable[[int], object]] = {
                "bare append": plainly,
                "spool": spooled,
                "a series' log (encodes)": logged,
            }
            times = in_turn(calls, rounds=min(300, 3400 // group))
            spool.release()
            log.close()
            os.close(bare)
        figures = {name: statistics.median(taken) for name, taken in times.items()}
        show(f"{group} rows of {len(texts[0])} B and one fdatasync (in turn)", figures, "bare append", "spool ≤ 2 ×")
        pairs = zip(times["bare append"], times["spool"], strict=True)
        print(f"  median ratio of the pairs: {statistics.median(ours / theirs for theirs, ours in pairs):.2f} ×")


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Make a folder on the disk that this project lies on; git ignores where it is."""
    (ROOT / "out").mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(dir=ROOT / "out")


def _some(things: Sequence[Any], turn: int, count: int) -> list[Any]:
    return [things[(turn * count + number) % len(things)] for number in range(count)]


def _facts() -> SeriesFacts:
    return invented()[3].facts._replace(venue="okx", symbol="BTC/USDT", base="BTC", quote="USDT")


def _day() -> None:
    """Time whole processes over one series' recorded day: 86,400 books of 100 levels a side, in hourly files."""
    from market_data.snapshots.publishing import publish
    from utils.persistence.sinks.local import LocalSink

    with _scratch() as folder:
        store = Path(folder) / "store"
        begun = time.perf_counter()
        used = time.process_time()
        done = publish(LocalSink(store), _facts(), _whole_day(), workdir=Path(folder) / "work")
        taken, used = time.perf_counter() - begun, time.process_time() - used
        print(f"\nOne day of one series: {done.rows} rows, {done.bytes / 1e6:.1f} MB")
        load = os.getloadavg()[0]
        print(f"  published in {taken:.1f} s, {used:.1f} s of processor, with making its texts; load {load:.1f}")
        main = [sys.executable, "main.py"]
        stats = [*main, "snapshot", "stats", "okx:BTC/USDT", "--store", str(store), "--only"]
        mids = "SELECT time, mid, spread_bps FROM bbo"
        figures = side_by_side(
            {
                "spread, hour by hour (0.3 s)": [*stats, "spread"],
                "impact of 100,000 each second (3 s)": [*stats, "impact"],
                "query: mean mid and spread": [*main, "query", f"SELECT avg(mid), avg(spread_bps) FROM ({mids})",
                                               "--store", str(store)],
                "snapshot stats --help": [*main, "snapshot", "stats", "--help"],
                "python, numpy and pyarrow.parquet": [sys.executable, "-c", "import numpy, pyarrow.parquet"],
                "python and duckdb": [sys.executable, "-c", "import duckdb"],
            },
            rounds=5,
            environment={"CROSSBOOK_HOME": folder, "CROSSBOOK_ENV": "sim"},
        )  # fmt: skip
        show("Asked of it, whole processes", figures, "python, numpy and pyarrow.parquet", "in brackets")


def _whole_day() -> Iterator[bytes]:
    """Make a day's texts, as a spool has them, out of one hour: no file repeats itself; more takes longer to make."""
    made = list(evolve(invented()[3], EVOLVED_S, 100))
    for second in range(DAY_S):
        row, time_ns = made[second % EVOLVED_S], START_NS + second * SECOND_NS
        yield encode(row._replace(time_ns=time_ns, received_at_ns=time_ns + 20_000_000, venue_time_ns=time_ns))
