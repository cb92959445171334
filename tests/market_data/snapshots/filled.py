"""A store with something in it, made by what makes one: `publish`."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from domain.snapshots import LATE, OK, SECOND_NS, UNAVAILABLE, Series, SeriesFacts, Snapshot
from market_data.snapshots.publishing import publish
from utils.persistence.sinks.base import Sink

DAYS = ("2026-11-19", "2026-11-20", "2026-11-21")
SPOT, SWAP = Series("okx", "BTC/USDT"), Series("binance", "BTC/USDT:USDT")


def day_start_ns(day: str) -> int:
    """The first instant of a day."""
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * SECOND_NS


def facts_of(series: Series, depth: int = 20) -> SeriesFacts:
    swap = ":" in series.symbol
    return SeriesFacts(
        *series, "BTCUSDT", "swap" if swap else "spot", "BTC", "USDT", "USDT" if swap else None,
        False, "1", "0.1", "0.00001", "BTC", depth,
    )  # fmt: skip


def row(time_ns: int, status: str = OK, reason: str | None = None) -> Snapshot:
    """A book whose numbers follow from its second, or a gap."""
    if status in (LATE, UNAVAILABLE):
        return Snapshot(time_ns, status, reason)
    second = time_ns // SECOND_NS % 100_000
    price = f"{50_000 + second % 977}.{second % 9 + 1}"
    bids = ((price, "0.5"), (f"{49_000 - second % 7}", f"1.{second % 89 + 1}1"))
    asks = ((f"{51_000 + second % 13}", "2"), (f"{52_000}.25", "0.00001"))
    return Snapshot(time_ns, OK, None, time_ns + 31_000_000, time_ns - 4_000_000, second, bids, asks)


def rows_of(day: str, start_s: int, count: int, every_s: int = 1) -> list[Snapshot]:
    """Make `count` rows of a day from a second on."""
    begin = day_start_ns(day) + start_s * SECOND_NS
    return [row(begin + place * every_s * SECOND_NS) for place in range(count)]


def fill(
    sink: Sink, work: Path, series: Series, rows: Iterable[Snapshot], *, depth: int = 20, every_s: int | None = None
) -> None:
    """Publish rows, a file a minute."""
    publish(sink, facts_of(series, depth), rows, workdir=work, file_s=60, every_s=every_s)


def three_days(sink: Sink, work: Path) -> None:
    """Two series: one of three days with three files each and a gap of every kind, one of a single day."""
    for day in DAYS:
        rows = rows_of(day, 3600, 150)
        rows[10] = row(rows[10].time_ns, LATE, "answered 1.2 s after the second")
        rows[70:75] = [row(each.time_ns, UNAVAILABLE, "no route") for each in rows[70:75]]
        del rows[100:110]
        fill(sink, work, SPOT, rows)
    fill(sink, work, SWAP, rows_of(DAYS[-1], 0, 90))
