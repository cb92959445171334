"""Kill recorders at random times while their store fails at random, and count what is in the store at the end.

A row counts as acknowledged once it was seen as a whole record of a spool file: files are read while they are written,
and right after each kill. They are linked into a folder of witnesses as well, so that they are there when the
recorder has dropped them. What a witness says once must be in the store in the end, just so, and once.
"""

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from domain.exit_codes import ExitCode
from domain.snapshots import WITH_BOOK, Series, Snapshot, decode, encode
from market_data.snapshots.layout import read_file_key
from market_data.snapshots.publishing import stored_rows
from market_data.snapshots.recovering import spool_root, spools
from market_data.snapshots.spooling import SeriesLock, folder_of
from market_data.snapshots.verifying import Asked, verify
from tests.chaos.recorder_store import AFTER, ALL, AWAY, BEFORE, BUCKET, FORGETS, LOSES, MOODS, PREFIX, Door, Guest
from tests.simfixture import Simulator
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.s3 import Options, S3Sink
from utils.persistence.spool import examine, records

ROOT = Path(__file__).resolve().parent.parent.parent
CREWS = (Series("okx", "BTC/USDT"), Series("binance", "ETH/USDT"), Series("bybit", "BTC/USDT:USDT"))
"""What is recorded; one crew a series, side by side, in one home, into one bucket, and the last into a folder."""
IN_A_FOLDER = CREWS[-1]
AWAY_OF, AWAY_FOR = 10, 4
"""The bucket is away for so many runs of a crew, one after another, of so many."""
CHANGES = (1, 60)
"""At which of its changes in the folder a process is killed."""
PATIENCE_S, UNHURT_S = 8.0, 25.0
"""A run that still lives then is killed; one that nobody was to kill may take longer."""
DIES_S, DIES_AT = (0.3, 6.0), (2, 28)
"""When a process is killed: so long after its start, or at which of its requests to the store."""
LAST_RUN_S = 120
LAST_MAY = frozenset({ExitCode.OK, ExitCode.PARTIAL, ExitCode.UNAVAILABLE})
"""How the last run may end: its own row may be stale, because the clock is ahead; what it left is looked for."""
DAY_S = 86_400
LOOK_S = 0.05
UNHURT, BY_REQUEST = 0.08, 0.5
"""Share of the runs in which nobody kills the process, and of those that die at one of its requests to the store."""
RELIEVED, TORN = 0.2, 0.5
"""Share of the runs whose successor waits already when they die, and of kills after which half a record is added."""
AT_FULL_SPEED = """
storage: {s3: {region: us-east-1, endpoint_url: "%s"}}
venues:
""" + "".join(f"  {series.venue}: {{requests_per_minute: 100000}}\n" for series in CREWS)


@dataclass
class Count:
    """What the runs came to. `wrong`: what was lost, doubled or altered, in words."""

    runs: int = 0
    killed: int = 0
    torn: int = 0
    relieved: int = 0
    seen: int = 0
    books: int = 0
    stored: int = 0
    unseen: int = 0
    days: int = 0
    where: Counter[str] = field(default_factory=Counter)
    befell: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = f"{len(self.wrong)} WRONG" if self.wrong else "none lost, none doubled, none altered"
        checked = (
            f"; {self.stored} stored in {self.days} days of series, {self.unseen} of them unseen before: {verdict}"
            if self.stored
            else ""
        )
        return (
            f"{self.runs} runs, {self.killed} killed ({self.relieved} with a successor waiting, {self.torn} with a "
            f"torn record), {self.seen} rows acknowledged ({self.books} books){checked}"
        )


class Run(NamedTuple):
    """A run that was started. It is killed after `limit_s` seconds, if it lives so long."""

    key: str
    process: "subprocess.Popen[bytes]"
    guest: Guest
    dies_at: int | None
    dice: random.Random
    limit_s: float


class Witness:
    """Remembers every whole record that was ever in a spool file."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.rows: dict[Series, dict[int, bytes]] = {series: {} for series in CREWS}
        self.wrong: list[str] = []
        self._root = root
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[int, int]] = {}

    def look(self, series: Series) -> None:
        """Read the series' spool files, and those that were linked before."""
        mine = self._folder / series.venue
        mine.mkdir(parents=True, exist_ok=True)
        for path in spools(folder_of(self._root, series)):
            with contextlib.suppress(FileNotFoundError):  # it was shipped just now
                linked = mine / f"{path.name}.{path.stat().st_ino}"
                if not linked.exists():
                    os.link(path, linked)
        for path in list(mine.iterdir()):
            self._read(series, path)
            # Nobody writes a file any more that was dropped, and closed before.
            if path.stat().st_nlink == 1:
                self._read(series, path)
                path.unlink(missing_ok=True)

    def _read(self, series: Series, path: Path) -> None:
        known, now = self.rows[series], (path.stat().st_size, path.stat().st_mtime_ns)
        if self._known.get(path) == now:
            return
        self._known[path] = now
        try:
            lines = list(records(path))
        except Exception as error:  # noqa: BLE001 - a file without its header holds nothing yet
            if path.stat().st_size > 4096:
                self.wrong.append(f"{series}: {path.name} cannot be read: {error}")
            return
        with self._lock:
            for line in lines:
                moment = decode(line).time_ns
                if known.setdefault(moment, line) != line:
                    self.wrong.append(f"{series}: the row of {moment} was {known[moment]!r:.90} and is {line!r:.90}")


class Recordings:
    """Runs recorders in one home against one simulator and one bucket, kills them, and counts."""

    def __init__(
        self, sim: Simulator, home: Path, door: Door, url: str, seed: int, crews: Sequence[Series] = CREWS
    ) -> None:
        self._crews = crews
        self.count = Count()
        self._home = home
        self._folder = home / "folder"
        self._door = door
        self._url = url
        self._seed = seed
        self._ahead_s = 0
        self._lock = threading.Lock()
        self._root = spool_root(home / "state" / "recording", f"sim/{sim.state['universe']}")
        self._witness = Witness(self._root, home / "witnesses")
        (home / "config.yaml").write_text(AT_FULL_SPEED % url)

    def run(self, runs: int, days: int = 4) -> Iterator[Count]:
        """Do so many runs on so many days, a part on each; then finish, and count. The count so far is yielded."""
        parts = [range(runs * day // days, runs * (day + 1) // days) for day in range(days)]
        for day, part in enumerate(parts):
            self._ahead_s = day * DAY_S
            self._together([[n for n in part if n % len(self._crews) == crew] for crew in range(len(self._crews))])
            self._tally()
            yield self.count
        self._finish()
        self.count.wrong += self.check()
        self._tally()
        yield self.count

    def _together(self, crews: Sequence[Sequence[int]]) -> None:
        threads = [threading.Thread(target=self._crew, args=each) for each in zip(self._crews, crews, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _crew(self, series: Series, numbers: Sequence[int]) -> None:
        todo = list(numbers)
        current = self._start(series, todo.pop(0)) if todo else None
        while current is not None:
            relieved = bool(todo) and current.dice.random() < RELIEVED
            follower = self._live(series, current, todo.pop(0) if relieved else None)
            code = current.process.returncode
            if code < 0 and follower is None and current.dice.random() < TORN:
                self._tear(series, current.dice)
            said = self._log(series, current.key).read_text(errors="replace")
            with self._lock:
                if "Traceback" in said or "nternal error" in said:
                    self.count.wrong.append(f"{series}: {current.key} said: {said[-600:]}")
                self.count.runs += 1
                self.count.killed += code < 0
                self.count.relieved += code < 0 and follower is not None
                killed = current.guest.died or ("before a change of a folder" if current.dies_at else "at a time")
                self.count.where[killed if code < 0 else f"lived: exit {code}"] += 1
            current = follower or (self._start(series, todo.pop(0)) if todo else None)

    def _live(self, series: Series, run: Run, follower: int | None) -> Run | None:
        """Watch a run to its end; start the one that follows before that, where one is to wait for it."""
        begun = time.monotonic()
        starts_s = run.dice.uniform(0.0, 3.0)
        started = None
        while run.process.poll() is None and time.monotonic() - begun < run.limit_s:
            self._witness.look(series)
            if started is None and follower is not None and time.monotonic() - begun > starts_s:
                started = self._start(series, follower)
            time.sleep(LOOK_S)
        run.process.kill()
        run.process.wait()
        self._witness.look(series)
        return self._start(series, follower) if started is None and follower is not None else started

    def _start(self, series: Series, number: int) -> Run:
        dice = random.Random(f"{self._seed}/{number}")
        luck, mood, length = dice.random(), dice.choice((*MOODS, ALL, LOSES, FORGETS)), dice.choice(("1s", "2s", "3s"))
        if series != IN_A_FOLDER and number // len(self._crews) % AWAY_OF >= AWAY_OF - AWAY_FOR:
            mood = AWAY
        dies_at, change, limit_s = None, None, PATIENCE_S
        if luck < UNHURT:
            limit_s = UNHURT_S
        elif luck < UNHURT + BY_REQUEST:
            dies_at = (dice.randrange(*DIES_AT), dice.choice((BEFORE, AFTER)))
            change = dice.randrange(*CHANGES) if series == IN_A_FOLDER else None
        else:
            limit_s, length = dice.uniform(*DIES_S), dice.choice((length, "1h"))
        holder: list[subprocess.Popen[bytes]] = []
        guest = self._door.guests[f"RUN{number}"] = Guest(dice, mood, dies_at, lambda: holder[0].kill())
        holder.append(self._process(series, f"RUN{number}", "--for", length, dies_at=change))
        return Run(f"RUN{number}", holder[0], guest, change, dice, limit_s)

    def _process(
        self, series: Series, key: str, *arguments: str, dies_at: int | None = None
    ) -> "subprocess.Popen[bytes]":
        told = {"CHAOS_AHEAD_S": str(self._ahead_s), "CHAOS_STORE": str(self._folder)}
        told |= {} if dies_at is None else {"CHAOS_DIES_AT": str(dies_at)}
        program = ["-m", "tests.chaos.dying_main"] if self._ahead_s or dies_at else ["main.py"]
        store = str(self._folder) if series == IN_A_FOLDER else f"s3://{BUCKET}/{PREFIX}"
        line = [
            sys.executable,
            *program,
            "snapshot",
            series.symbol,
            "--venue",
            series.venue,
            "--every",
            "1s",
            *arguments,
        ]
        keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
        with self._log(series, key).open("wb") as log:
            return subprocess.Popen(
                [*line, "--to", store, "--env", "sim", "--json"],
                cwd=ROOT,
                env={**os.environ, **told, **keys, "CROSSBOOK_HOME": str(self._home)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def _log(self, series: Series, key: str) -> Path:
        return self._home / f"{series.venue}-{key}.log"

    def _tear(self, series: Series, dice: random.Random) -> None:
        """Do what a loss of power does: leave part of a record at the end of the file that was being written."""
        lock = SeriesLock(folder_of(self._root, series))
        if not lock.take():
            return
        try:
            for path in spools(lock.folder)[-1:]:
                if examine(path).closing is None:
                    frame = (900).to_bytes(4, "little") + dice.randbytes(904)
                    with path.open("ab") as file:
                        file.write(frame[: dice.randrange(1, len(frame))])
                    self.count.torn += 1
        finally:
            lock.release()

    def _finish(self) -> None:
        """Let one run of each series, which nothing befalls, bring everything into the store."""
        last = {series: self._process(series, "LAST", "--for", "1s") for series in self._crews}
        begun = time.monotonic()
        while any(each.poll() is None for each in last.values()) and time.monotonic() - begun < LAST_RUN_S:
            for series in self._crews:
                self._witness.look(series)
            time.sleep(LOOK_S)
        for series, process in last.items():
            process.kill()
            if process.wait() not in LAST_MAY:
                said = self._log(series, "LAST").read_text()[-400:]
                self.count.wrong.append(f"{series}: the last run ended with {process.returncode}: {said}")
            self._witness.look(series)
            folder = folder_of(self._root, series)
            left = [path.name for path in (*spools(folder), *folder.glob("*.damaged"))]
            if left:
                self.count.wrong.append(f"{series}: still in the spool after the last run: {left}")

    def check(self) -> list[str]:
        """Hold the store against what was seen, and let `snapshot verify` look at it; return what is wrong."""
        with owner():
            days = []
            stored: dict[Series, list[Snapshot]] = {series: [] for series in self._crews}
            for sink in (S3Sink(BUCKET, PREFIX, Options(self._url, "us-east-1")), LocalSink(self._folder)):
                days += verify(sink, Asked()).days
                for found in sink.list():
                    name = read_file_key(found.key)
                    if name is not None:
                        stored[name.series] += stored_rows(sink, found.key)
        wrong = [f"verify: {finding.kind}: {finding.what}" for day in days for finding in day.findings]
        wrong += [f"verify: {key} is named by no manifest" for day in days for key in day.unnamed]
        self.count.days, self.count.unseen = len(days), 0
        self.count.stored = sum(len(rows) for rows in stored.values())
        for series in self._crews:
            wrong += self._compare(series, stored[series])
        listed = sum(day.rows for day in days)
        if listed != self.count.stored:
            wrong.append(f"manifests count {listed} rows, files hold {self.count.stored}")
        return wrong + self._witness.wrong

    def _compare(self, series: Series, stored: Sequence[Snapshot]) -> Iterator[str]:
        seen, there = self._witness.rows[series], {row.time_ns: encode(row) for row in stored}
        self.count.unseen += len(there.keys() - seen.keys())
        for moment, number in Counter(row.time_ns for row in stored).items():
            if number > 1:
                yield f"{series}: {moment} is there {number} times"
        for moment, line in seen.items():
            if there.get(moment, line) != line:
                yield f"{series}: {moment} was altered"
            elif moment not in there:
                yield f"{series}: {moment} is lost"

    def _tally(self) -> None:
        rows = [line for known in self._witness.rows.values() for line in known.values()]
        self.count.seen = len(rows)
        self.count.books = sum(decode(line).status in WITH_BOOK for line in rows)
        self.count.befell = self._door.befell


@contextlib.contextmanager
def owner() -> Iterator[None]:
    """Have the keys of somebody whom nothing befalls."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "OWNER")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield
