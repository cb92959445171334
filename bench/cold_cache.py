"""What the first command costs: one round of instrument lists, side by side, against ccxt's load_markets in turn."""

import json
import os
import shutil
import subprocess
import sys
import time

from bench.best_prices import CCXT_IDS, SYMBOL
from bench.house import House, house
from bench.timing import ROOT, show, side_by_side

DELAY_MS = 30


def run() -> None:
    """Compare a cold `bbo` with the obvious ccxt script, 30 ms added to every answer."""
    with house() as simulator:
        simulator.delay(DELAY_MS)
        figures = {}
        taken = []
        for _ in range(3):
            taken.append(_cold(simulator))
        figures["main.py bbo, cold market cache"] = sorted(taken)[1]
        script = [sys.executable, "bench/scripts/naive_ccxt.py", json.dumps(simulator.hosts), SYMBOL, *CCXT_IDS]
        figures |= side_by_side({"obvious ccxt script": script}, rounds=2)
        show(f"Cold caches ({DELAY_MS} ms added to every answer)", figures, "obvious ccxt script", "well below 1 ×")


def _cold(simulator: House) -> float:
    shutil.rmtree(simulator.home / "cache", ignore_errors=True)
    surroundings = {**os.environ, **simulator.environment}
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "main.py", "bbo", SYMBOL, "--timeout", "30"],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        check=True,
    )
    return (time.perf_counter() - begun) * 1000
