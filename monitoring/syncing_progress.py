"""Progress of several venues at once: one line a venue that is written anew on a terminal, plain lines otherwise."""

import os
import time
from collections.abc import Sequence
from threading import Lock
from typing import TextIO

_PLAIN_EVERY_S = 2.0
"""How often a venue's line is written where lines stay."""


class Board:
    """Told what each venue is at; it writes to `stream`. Threads take turns."""

    def __init__(self, stream: TextIO, venues: Sequence[str]) -> None:
        self._stream = stream
        self._lines = dict.fromkeys(venues, "waiting")
        self._wide = max(map(len, venues), default=0)
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = False
        self._said: dict[str, float] = {}
        self._lock = Lock()

    def tell(self, venue: str, text: str) -> None:
        """Say what a venue is at."""
        with self._lock:
            self._lines[venue] = text
            if self._live:
                self._draw()
            elif self._due(venue, text):
                self._stream.write(f"{venue}: {text}\n")
                self._stream.flush()

    def _due(self, venue: str, text: str) -> bool:
        now = time.monotonic()
        ends = text.startswith(("done", "not read"))
        if not ends and now - self._said.get(venue, -_PLAIN_EVERY_S) < _PLAIN_EVERY_S:
            return False
        self._said[venue] = now
        return True

    def _draw(self) -> None:
        columns = _columns(self._stream)
        up = f"\033[{len(self._lines)}A" if self._drawn else ""
        lines = [f"{venue:<{self._wide}}  {text}"[: columns - 1] for venue, text in self._lines.items()]
        self._stream.write(up + "".join(f"\r\033[K{line}\n" for line in lines))
        self._stream.flush()
        self._drawn = True


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
