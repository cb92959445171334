"""The main job against the obvious ccxt script and against raw sockets, whole processes, warm caches."""

import json
import os
import subprocess
import sys
from typing import Any

from bench.house import House, house
from bench.timing import ROOT, show, side_by_side

SYMBOL = "BTC/USDT"
CCXT_IDS = ("binance", "okx", "bybit", "kucoin", "deribit")
# The requests that `bbo BTC/USDT` makes, and where in the answer the book is.
RAW = (
    ("api.binance.com", "/api/v3/ticker/bookTicker?symbol=BTCUSDT", ()),
    ("www.okx.com", "/api/v5/market/books?instId=BTC-USDT&sz=1", ("data", 0)),
    ("api.bybit.com", "/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=1", ("result",)),
    ("api.kucoin.com", "/api/v1/market/orderbook/level1?symbol=BTC-USDT", ("data",)),
    ("www.deribit.com", "/api/v2/public/get_order_book?instrument_name=BTC_USDT&depth=1", ("result",)),
)
DELAY_MS = 30


def run() -> None:
    """Measure with 30 ms added to every answer."""
    with house() as simulator:
        ours = [sys.executable, "main.py", "bbo", SYMBOL, "--timeout", "30"]
        listed = warm(simulator, ours)
        raw = [[simulator.hosts[host], path, keys] for host, path, keys in RAW if simulator.hosts.get(host)]
        ids = [name for name in CCXT_IDS if name in listed]
        script = [sys.executable, "bench/scripts/raw_sockets.py", json.dumps(raw)]
        same = _requests_of(simulator, ours) == _requests_of(simulator, script)
        print(f"\nbbo and the raw script make {'the same' if same else 'DIFFERENT'} requests")
        simulator.delay(DELAY_MS)
        commands = {
            "obvious ccxt script": [
                sys.executable, "bench/scripts/naive_ccxt.py", json.dumps(simulator.hosts), SYMBOL, *ids,
            ],
            "raw sockets in threads": script,
            "main.py bbo": ours,
            "main.py bbo --json": [*ours, "--json"],
        }  # fmt: skip
        slow = side_by_side({"obvious ccxt script": commands["obvious ccxt script"]}, rounds=3)
        fast = side_by_side(
            {name: command for name, command in commands.items() if name not in slow},
            rounds=15,
            environment=simulator.environment,
        )
        figures = slow | fast
        print(f"\nbbo {SYMBOL}: asked {', '.join(listed)}; {DELAY_MS} ms added to every answer")
        show("as multiples of raw sockets", figures, "raw sockets in threads", "main.py bbo at most 2.5 ×")
        times = figures["obvious ccxt script"] / figures["main.py bbo"]
        print(f"  main.py bbo is {times:.1f} × faster than the obvious ccxt script (target: at least 15 ×)")


def warm(simulator: House, command: list[str]) -> list[str]:
    """Fill the caches; return the venues that answer for the symbol."""
    done = subprocess.run(
        [*command, "--json"],
        cwd=ROOT,
        env={**_environment(), **simulator.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 8):
        raise RuntimeError(done.stderr)
    return [row["venue"] for row in json.loads(done.stdout)["venues"] if row["status"] == "ok"]


def _requests_of(simulator: House, command: list[str]) -> Any:
    simulator.forget_requests()
    subprocess.run(command, cwd=ROOT, env={**_environment(), **simulator.environment}, capture_output=True, check=True)
    return simulator.requests()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
