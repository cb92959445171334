"""The watch looks as often as one likes and keeps nothing: memory, threads and files stay where they are."""

import gc
import threading
import time
import tracemalloc
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from domain.orders import Balance
from market_data.ask import Answer
from monitoring.alerts import Alerts, parse_alert
from monitoring.ledger.store import Ledger
from monitoring.syncing import Synced
from monitoring.venue_state import VenueState
from monitoring.watching import QuoteLook, Watch
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


def test_a_price_that_is_not_answered_any_more_goes_on_getting_older() -> None:
    watch = Watch(None, ["okx"], None, lambda: None, Alerts([]))  # type: ignore[arg-type] # nobody is asked

    def oldest(now_ms: int, *ages: int | None) -> int | None:
        quotes = [QuoteLook("okx", f"{number}/USDT", None, None, age, "ok") for number, age in enumerate(ages)]
        return watch._oldest_ms(quotes, now_ms)

    assert oldest(1_000_000, None, None) is None
    assert oldest(1_000_000, 5, 900) == 900
    assert oldest(1_040_000, 7, None) == 40_900
    assert oldest(1_050_000, 9) == 9  # the other is not in view any more
    assert oldest(1_060_000, 3, None) == 3


def test_after_a_change_a_venue_is_read_until_its_lists_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[str]] = []
    now = [100.0]

    def sync(venues: Any, ledger: Any, names: list[str], since_ms: int) -> list[Synced]:
        read.append(names)
        return [Synced(name, since_ms, since_ms) for name in names]

    monkeypatch.setattr("monitoring.watching.sync", sync)
    monkeypatch.setattr("monitoring.watching.time.monotonic", lambda: now[0])
    trading = SimpleNamespace(rules=SimpleNamespace(settling_ms=2_000))
    run = SimpleNamespace(venues=SimpleNamespace(trading=lambda name: trading))
    ledger = SimpleNamespace(synced_ms=lambda name: 1)
    watch = Watch(run, ["okx"], ledger, lambda: None, Alerts([]))  # type: ignore[arg-type]

    def looked(total: str, after_s: float) -> int:
        now[0] += after_s
        balances = [Balance("okx", "USDT", None, None, Decimal(total))]
        watch._read_news({"okx": VenueState("okx", [], balances)}, {"okx": Answer("okx", [], None, 1.0)})
        return len(read)

    assert [looked("5", after_s) for after_s in (1, 1, 1, 1)] == [1, 2, 3, 3]
    assert [looked("6", after_s) for after_s in (1, 10, 1)] == [4, 5, 5]
