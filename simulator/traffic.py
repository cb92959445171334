"""Count what the venues were asked, and tell how long they have been idle."""

import time
from collections import Counter

_MOST_PATHS = 5_000
OTHER = "(other paths)"


class Traffic:
    """Requests per venue and path since the start; a WebSocket frame counts as `path#call`."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._last = time.monotonic()
        self.open_sockets = 0

    def count(self, venue: str, path: str) -> None:
        """Count one request; beyond some thousand different paths they are counted together."""
        self._last = time.monotonic()
        counts = self._counts.setdefault(venue, Counter())
        counts[path if path in counts or len(counts) < _MOST_PATHS else OTHER] += 1

    def idle_s(self) -> float:
        """Tell for how many seconds no venue was asked anything; an open WebSocket keeps its venue busy."""
        return 0.0 if self.open_sockets else time.monotonic() - self._last

    def closed(self) -> None:
        """Note that a WebSocket was closed."""
        self.open_sockets -= 1
        self._last = time.monotonic()

    def record(self, venue: str | None = None) -> dict[str, dict[str, int]]:
        """List the counts of one venue or of all."""
        return {name: dict(counts) for name, counts in self._counts.items() if venue in (None, name)}

    def reset(self) -> None:
        """Begin to count anew."""
        self._counts.clear()
