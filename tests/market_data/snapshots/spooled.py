"""Series, rows and folders for tests of the spool."""

from pathlib import Path
from typing import Any

from domain.snapshots import SECOND_NS, SeriesFacts, Snapshot, decode
from market_data.snapshots.recovering import spools
from market_data.snapshots.schedule import Plan
from market_data.snapshots.spooling import Heading, SeriesLog, folder_of
from tests.market_data.fakes import instrument
from utils.persistence.spool import records

HOUR = 1_795_255_200 * SECOND_NS  # 2026-11-21T10:00:00Z


def at(second: int) -> int:
    """The instant so many seconds after ten o'clock."""
    return HOUR + second * SECOND_NS


def facts(symbol: str = "BTC/USDT", venue: str = "okx") -> SeriesFacts:
    return SeriesFacts.of(instrument(venue, symbol), 100)


def heading(
    start: int = 0, end: int | None = 60, every_s: int = 1, symbol: str = "BTC/USDT", store: str = "there"
) -> Heading:
    return Heading(facts(symbol), Plan(every_s, at(start), None if end is None else at(end)), store)


def row(second: int, **more: Any) -> Snapshot:
    level = (("60000.5", "0.25"),)
    given = Snapshot(at(second), "ok", None, at(second) + 40_000_000, None, second, level, (("60001", "1"),))
    return given._replace(**more)


def log_in(root: Path, head: Heading, next_second: int) -> SeriesLog:
    folder = folder_of(root, head.facts.series)
    folder.mkdir(parents=True, exist_ok=True)
    return SeriesLog(folder, head, at(next_second))


def rows_in(root: Path, head: Heading) -> list[Snapshot]:
    """All rows of a series in the spool, in the order of its files."""
    return [decode(line) for path in spools(folder_of(root, head.facts.series)) for line in records(path)]


def seconds(rows: list[Snapshot], status: str | None = None) -> list[int]:
    return [(found.time_ns - HOUR) // SECOND_NS for found in rows if status in (None, found.status)]
