"""Kill `order place` at random times under random faults, resolve, and count what is at the simulator."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from order_management.journal import Journal, JournalOrder, journal_path
from order_management.order_states import Phase
from tests.chaos.scenarios import SUBMITS, SYMBOLS, Scenario, scenario
from tests.connectors.opened import at_home
from tests.simfixture import Simulator

ROOT = Path(__file__).resolve().parent.parent.parent
PLACE_TIMEOUT_S = "4"
RESOLVE_TIMEOUT_S = "90"
AT_FULL_SPEED = """
policy: {max_orders_per_minute: null, max_open_orders: null, max_day_notional: null}
venues:
""" + "".join(f"  {name}: {{requests_per_minute: 100000}}\n" for name in SYMBOLS)
"""Neither our limits nor our budgets are what is tested here."""
THERE = frozenset({Phase.OPEN, Phase.FILLED, Phase.CANCELLED, Phase.EXPIRED})
NOT_THERE = frozenset({Phase.ABSENT, Phase.NOT_SENT})
CREWS = (("binance", "bybit", "deribit"), ("okx", "kucoin", "deriv"))
"""Venues whose runs take turns; the crews run side by side, so that no run meets the fault of another."""


@dataclass
class Count:
    """What the runs came to. `wrong` are the runs that lost, doubled or left an order in doubt, in words."""

    runs: int = 0
    killed: int = 0
    at_venue: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ends = ", ".join(f"{number} {name}" for name, number in sorted(self.ends.items()))
        verdict = f"{len(self.wrong)} WRONG" if self.wrong else "none lost, none doubled, none in doubt"
        return f"{self.runs} runs, {self.killed} killed, {self.at_venue} orders at the venues: {verdict} ({ends})"


class Killer:
    """Runs scenarios in one home against one simulator."""

    def __init__(
        self, sim: Simulator, home: Path, seed: int, usual_s: float, crews: Sequence[Sequence[str]] = CREWS
    ) -> None:
        """Take how long a command usually lives (seconds): processes are killed around that."""
        self.crews = crews
        self.usual_s = usual_s
        self.sim = sim
        self.home = home
        self.seed = seed
        self.count = Count()
        self._lock = threading.Lock()
        self._file = self._journal()

    def run(self, runs: int, group: int = 100) -> Iterator[Count]:
        """Do so many runs; after each group everything is resolved and counted, and the count so far is yielded."""
        for start in range(0, runs, group):
            done = self._group(range(start, min(runs, start + group)))
            self.sim.clear_faults()
            self._resolve()
            self._check(done)
            self.sim.reset_accounts()
            yield self.count

    def _group(self, numbers: Sequence[int]) -> list[Scenario]:
        crews: list[list[Scenario]] = [[] for _ in self.crews]
        for number in numbers:
            dice = random.Random(f"{self.seed}/{number}")
            crew = number % len(self.crews)
            crews[crew].append(scenario(dice, number, dice.choice(self.crews[crew])))
        # Our own budgets would only slow the runs down, and a breaker keep orders from being sent at all.
        for path in (self.home / "cache").glob("resilience.sqlite*"):
            path.unlink()
        threads = [threading.Thread(target=self._crew, args=(crew,)) for crew in crews]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [each for crew in crews for each in crew]

    def _crew(self, scenarios: Sequence[Scenario]) -> None:
        for each in scenarios:
            self.sim.clear_faults(each.venue)
            if each.fault is not None:
                kind, arguments = each.fault
                for path in SUBMITS[each.venue]:
                    self.sim.set_fault(each.venue, kind, path=path, times=1, **arguments)
            killed = self._place(each)
            with self._lock:
                self.count.runs += 1
                self.count.killed += killed
                self.count.faults[each.fault[0] if each.fault else "none"] += 1

    def _place(self, each: Scenario) -> bool:
        arguments = ["order", "place", *each.arguments, "--client-id", each.client_id, "--allow-duplicate"]
        process = self._start([*arguments, "--timeout", PLACE_TIMEOUT_S])
        patience_s = None if each.dies_at is None else each.dies_at * self.usual_s
        if each.after_intent_s is not None:
            while process.poll() is None and not self._is_written_down(each.client_id):
                time.sleep(0.001)
            patience_s = each.after_intent_s
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True
        return False

    def _is_written_down(self, client_id: str) -> bool:
        """Tell whether the intent is in the journal, which is when its request is about to leave."""
        if not self._file.exists():
            return False
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as reader:
            try:
                found = reader.execute("SELECT 1 FROM orders WHERE client_id = ?", (client_id,)).fetchone()
            except sqlite3.OperationalError:
                return False  # it is being made
        return found is not None

    def _resolve(self) -> None:
        process = self._start(["order", "resolve", "--timeout", RESOLVE_TIMEOUT_S])
        process.wait(300)

    def _start(self, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "main.py", *arguments, "--env", "sim", "--json"],
            cwd=ROOT,
            env={**os.environ, "CROSSBOOK_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _check(self, done: Sequence[Scenario]) -> None:
        with Journal.open(self._file) as journal:
            for venue in SYMBOLS:
                mine = [each for each in done if each.venue == venue]
                placed = self.sim.placed(venue)
                self.count.at_venue += len(placed)
                known = {each.client_id: journal.order(each.client_id) for each in mine}
                if all(not order["client_id"] for order in placed) and placed:
                    self._compare_without_ids(venue, known, placed)
                else:
                    self._compare(venue, known, placed)

    def _compare(self, venue: str, known: "dict[str, JournalOrder | None]", placed: list[dict[str, Any]]) -> None:
        there = Counter(order["client_id"] for order in placed if order["state"] != "rejected")
        for client_id, order in known.items():
            self._judge(venue, client_id, order, there.pop(client_id, 0))
        self.count.wrong += [f"{venue}: {client_id} is at the venue and nobody's" for client_id in there]

    def _compare_without_ids(
        self, venue: str, known: "dict[str, JournalOrder | None]", placed: list[dict[str, Any]]
    ) -> None:
        there = {order["id"] for order in placed}
        for client_id, order in known.items():
            order_id = order.state.order_id if order else None
            self._judge(venue, client_id, order, int(order_id in there))
            there.discard(order_id or "")
        self.count.wrong += [f"{venue}: contract {number} is at the venue and nobody's" for number in there]

    def _judge(self, venue: str, client_id: str, order: "JournalOrder | None", there: int) -> None:
        phase = order.state.phase.value if order else "never written down"
        self.count.ends[phase] += 1
        expected = 1 if order and order.state.phase in THERE else 0
        if order is not None and not order.state.settled:
            self.count.wrong.append(f"{venue}: {client_id} is {phase} after resolve, {there} at the venue")
        elif there != expected:
            self.count.wrong.append(f"{venue}: {client_id} is {phase}, {there} at the venue")

    def _journal(self) -> Path:
        with at_home(self.home):
            return journal_path(f"sim/{self.sim.state['universe']}")


def warm_up(home: Path) -> float:
    """Fill the caches of a home, and tell how long an order takes when two are placed at once (seconds)."""
    environment = {**os.environ, "CROSSBOOK_HOME": str(home)}

    def start(*arguments: str) -> "subprocess.Popen[bytes]":
        line = [sys.executable, "main.py", *arguments, "--env", "sim", "--json"]
        return subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    (home / "config.yaml").write_text(AT_FULL_SPEED)
    assert start("symbols", "refresh").wait(60) == 0
    lives = []
    for number in range(4):
        started = time.monotonic()
        order = ("BTC/USDT", "buy", "0.01", "--price", f"4000{number}", "--allow-duplicate")
        both = [start("order", "place", venue, *order) for venue in ("okx", "binance")]
        assert [process.wait(60) for process in both] == [0, 0]
        lives.append(time.monotonic() - started)
    return min(lives)
