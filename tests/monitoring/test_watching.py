"""The watch looks as often as one likes and keeps nothing: memory, threads and files stay where they are."""

import gc
import threading
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from monitoring.alerts import Alerts, parse_alert
from monitoring.ledger.store import Ledger
from monitoring.watching import Watch
from tests.connectors.opened import opened
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

WARM_UP, MORE = 8, 25
GROWTH = 120_000
"""Bytes that 25 looks may leave behind: caches of the interpreter, nothing that counts looks."""


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_looks_leave_nothing_behind(warm: Any, home: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    warm.reset_accounts()
    plenty = "{requests_per_minute: 99999}"
    (home / "config.yaml").write_text(f"venues: {{okx: {plenty}, bybit: {plenty}}}")
    venues = opened(home)
    run = SimpleNamespace(venues=venues, config=venues.config, deadline=lambda: time.monotonic() + 10)
    alerts = Alerts([parse_alert("net_pnl < -500", ["okx", "bybit"])])
    instrument = venues.cache.find("okx", "BTC/USDT")
    assert instrument is not None
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        watch = Watch(run, ["okx", "bybit"], ledger, lambda: None, alerts, instruments=[instrument])

        def look(times: int) -> tuple[int, int, int]:
            for _ in range(times):
                assert watch.look(time.monotonic() + 10).figures["venues_down", None] == 0
            gc.collect()
            return tracemalloc.get_traced_memory()[0], threading.active_count(), open_files()

        tracemalloc.start()
        try:
            look(WARM_UP)
            before, after = look(1), look(MORE)
        finally:
            tracemalloc.stop()
    venues.close()
    assert after[0] - before[0] < GROWTH
    assert after[1] <= before[1] + 1
    assert after[2] <= before[2] + 1
