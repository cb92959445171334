"""`pnl` over ledgers of 10,000, 50,000 and 100,000 trades: time, memory, and that both grow with the trades only."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from random import Random

from bench.timing import ROOT
from domain.instruments import PERPETUAL, SPOT, Instrument
from domain.orders import BUY, SELL, Fill
from monitoring.ledger.path import ledger_path
from monitoring.ledger.store import Ledger

COUNTS = (10_000, 50_000, 100_000)
ROUNDS = 5
VENUES = ("north", "south")
SYMBOLS = (("BTC/USDT", SPOT), ("BTC/USDT:USDT", PERPETUAL), ("ETH/USDT:USDT", PERPETUAL))
FIRST_MS = 1_780_000_000_000
GROUPINGS = ("symbol", "day", "order")
TARGET_S, TARGET_MB = 2.0, 300


def run() -> None:
    """Time whole processes; every position is flat and in the numeraire, so that no venue is asked."""
    print("\npnl, whole processes (median; paper, everything flat)")
    print("  " + "trades".rjust(8) + "by".rjust(10) + "s".rjust(9) + "ms / 1,000".rjust(13) + "peak MB".rjust(10))
    per_thousand: dict[str, list[float]] = {}
    for count in COUNTS:
        with tempfile.TemporaryDirectory(prefix="crossbook-bench-") as home:
            fill_ledger(home, count)
            for by in GROUPINGS:
                taken_s, peak_mb = measured(home, by, count)
                per_thousand.setdefault(by, []).append(taken_s / count * 1e6)
                figures = f"{taken_s:9.2f}{per_thousand[by][-1]:13.1f}{peak_mb:10.0f}"
                print(f"  {count:>8,}{by:>10}{figures}")
    for by, found in per_thousand.items():
        print(f"  by {by}: time per trade at {COUNTS[-1]:,} against {COUNTS[0]:,}: {found[-1] / found[0]:.2f} ×")
    print(f"  target: {COUNTS[-1]:,} trades by symbol in {TARGET_S:g} s, {TARGET_MB} MB; linear")


def measured(home: str, by: str, count: int) -> tuple[float, float]:
    """Run `pnl` several times; return the median of seconds, and the largest peak of memory in MB."""
    command = [sys.executable, "main.py", "pnl", "--env", "paper", "--by", by, "--csv"]
    environment = {**os.environ, "CROSSBOOK_HOME": home}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times, peaks = [], []
    for _ in range(ROUNDS if by == GROUPINGS[0] else 2):
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = process.stdout.read().count("\n")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        times.append(time.perf_counter() - begun)
        peaks.append(_megabytes(usage))
        if process.returncode or lines < 2:
            raise RuntimeError(f"pnl over {count} trades ended with {process.returncode}")
    return statistics.median(times), max(peaks)


def fill_ledger(home: str, count: int) -> None:
    """Write a ledger of `count` trades at two venues: each symbol is bought and sold again, at prices that wander."""
    os.environ["CROSSBOOK_HOME"], before = home, os.environ.get("CROSSBOOK_HOME")
    try:
        with Ledger.open(ledger_path("paper")) as ledger:
            ledger.add_instruments(_instruments())
            ledger.add_fills(trades(count))
    finally:
        if before is None:
            del os.environ["CROSSBOOK_HOME"]
        else:
            os.environ["CROSSBOOK_HOME"] = before


def trades(count: int, seed: int = 7) -> Iterator[Fill]:
    """Make trades, a minute apart, that end flat; one in seven closings comes in two parts."""
    random, markets = Random(seed), [(venue, symbol) for venue in VENUES for symbol, _ in SYMBOLS]
    number = 0
    while number < count:
        venue, symbol = markets[number // 2 % len(markets)]
        price, size = Decimal(random.randint(5_900_000, 6_100_000)) / 100, Decimal(random.randint(2, 2_000)) / 1_000
        halves = [size / 2, size / 2] if number % 7 == 0 and count - number >= 3 else [size]
        sides = [(BUY, size), *((SELL, half) for half in halves)]
        for side, part in sides:
            at = price if side == BUY else price + random.randint(-500, 500)
            fee = (at * part / 2_000).quantize(Decimal("0.00000001"))
            yield Fill(
                venue, symbol, f"t{number}", f"o{number // 2}", None, side, at, part, fee, "USDT", None,
                FIRST_MS + number * 60_000,
            )  # fmt: skip
            number += 1


def _instruments() -> list[Instrument]:
    return [
        Instrument(venue, symbol, symbol, kind, symbol[:3], "USDT", "USDT" if ":" in symbol else None, symbol[:3])
        for venue in VENUES
        for symbol, kind in SYMBOLS
    ]


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
