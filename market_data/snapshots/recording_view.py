"""How a recording goes on: one picture on a terminal, else a line a minute."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from domain.snapshots import OK
from domain.time import NS_PER_MS, rfc3339
from market_data.snapshots.recording import Recorder, Worker, lag_s
from market_data.snapshots.sizes import bytes_text

if TYPE_CHECKING:
    from rich.table import Table

_LINE_S = 60.0
_DRAW_S = 0.5


class Figures(NamedTuple):
    """A venue's counts so far; `lag_s` is how long after its second the newest book came."""

    series: int
    rows: int
    gaps: int
    on_time: int
    bytes: int
    lag_s: float | None


def figures(workers: Sequence[Worker]) -> dict[str, Figures]:
    """Count by venue."""
    found: dict[str, list[Worker]] = {}
    for worker in workers:
        found.setdefault(worker.series.venue, []).append(worker)
    return {venue: _sum(each) for venue, each in found.items()}


@contextmanager
def progress(stream: TextIO) -> Iterator[tuple[Callable[[Recorder], None], Callable[[str], None]]]:
    """Give what shows a recorder, and what says a sentence between; both write to `stream`."""
    if not stream.isatty():
        yield _lines(stream), lambda sentence: _say(stream, sentence)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        drawn = 0.0

        def draw(recorder: Recorder) -> None:
            nonlocal drawn
            if time.monotonic() - drawn >= _DRAW_S:
                drawn = time.monotonic()
                live.update(_picture(recorder), refresh=True)

        yield draw, lambda sentence: console.print(sentence, markup=False)


def line(recorder: Recorder) -> str:
    """Write the whole run as one line."""
    all_of_it = _sum(recorder.workers)
    silent = [venue for venue, each in figures(recorder.workers).items() if each.rows and each.gaps == each.rows]
    parts = [
        f"{_clock()} {all_of_it.series} series",
        f"{all_of_it.rows} rows",
        f"{all_of_it.gaps} gaps",
        f"lag {_ms(all_of_it.lag_s)}",
        bytes_text(all_of_it.bytes),
    ]
    return ", ".join(parts) + (f"; no book yet from {', '.join(silent)}" if silent else "")


def _lines(stream: TextIO) -> Callable[[Recorder], None]:
    said = time.monotonic()

    def show(recorder: Recorder) -> None:
        nonlocal said
        if time.monotonic() - said >= _LINE_S:
            said += _LINE_S
            _say(stream, line(recorder))

    return show


def _say(stream: TextIO, sentence: str) -> None:
    with suppress(OSError):  # a log that takes nothing more (a full disk, a closed pipe) must not end the recording
        stream.write(sentence + "\n")
        stream.flush()


def _sum(workers: Sequence[Worker]) -> Figures:
    tallies = [worker.tally for worker in workers]
    rows = sum(tally.by_status.total() for tally in tallies)
    lags = [lag for worker in workers if (lag := lag_s(worker)) is not None]
    return Figures(
        len(workers),
        rows,
        rows - sum(tally.by_status[OK] for tally in tallies),
        sum(tally.on_time for tally in tallies),
        sum(tally.bytes for tally in tallies),
        max(lags, default=None),
    )


def _picture(recorder: Recorder) -> "Table":
    from rich.table import Table

    table = Table(title=f"Recording every {recorder.plan.every_s} s · {_clock()}", title_justify="left")
    for header in ("Venue", "Series", "Snapshots", "Gaps", "On time", "Lag", "Bytes"):
        table.add_column(header, justify="left" if header == "Venue" else "right")
    for venue, each in figures(recorder.workers).items():
        ok = each.rows - each.gaps
        cells: tuple[Any, ...] = (
            venue, each.series, each.rows, each.gaps, f"{each.on_time / ok * 100:.1f} %" if ok else "–",
            _ms(each.lag_s), bytes_text(each.bytes),
        )  # fmt: skip
        table.add_row(*map(str, cells))
    return table


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.0f} ms"


def _clock() -> str:
    return f"{rfc3339(time.time_ns() // NS_PER_MS)[11:19]}Z"
