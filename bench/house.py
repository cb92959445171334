"""A simulator and a CROSSBOOK_HOME of the bench's own."""

import json
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.daemon import State, ensure_running, stop

# Figures are of the program, not of the venues' rate limits, which many runs in a row would meet.
_WIDE_BUDGETS = "venues:\n" + "".join(
    f"  {name}: {{requests_per_minute: 1000000}}\n"
    for name in ("binance", "okx", "bybit", "kucoin", "deribit", "deriv")
)


class House:
    """A running simulator, and the environment that points the command line at it."""

    def __init__(self, home: Path, state: State) -> None:
        self.home = home
        self.hosts: dict[str, str] = state["hosts"]
        self.environment = {"CROSSBOOK_HOME": str(home), "CROSSBOOK_ENV": "sim"}
        self.credentials: dict[str, dict[str, str]] = state["credentials"]
        self._control = state["control"]

    def delay(self, milliseconds: int) -> None:
        """Add this much to every answer of every venue."""
        self._call("DELETE", "/faults")
        if milliseconds:
            self._call("POST", "/faults", {"venue": "*", "path": "*", "kind": "delay", "ms": milliseconds})

    def requests(self) -> Any:
        """Count the requests that the venues have had, per path."""
        return json.loads(self._call("GET", "/requests"))

    def forget_requests(self) -> None:
        """Count from zero again."""
        self._call("DELETE", "/requests")

    def reset_accounts(self, venue: str) -> None:
        """Give a venue's accounts their deposits again, and forget their orders."""
        self._call("POST", "/accounts/reset", {"venue": venue})

    def set_limits(self, factor: float | None) -> None:
        """Multiply every venue's own limits; 1 is as real, None lifts them."""
        self._call("POST", "/limits", {"venue": "*", "factor": factor})

    def placed(self, venue: str) -> int:
        """Count the orders that a venue ever took."""
        return len(json.loads(self._call("GET", f"/orders?venue={venue}"))["orders"])

    def _call(self, method: str, path: str, payload: object = None) -> bytes:
        body = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(
            self._control + path, data=body, method=method, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())


@contextmanager
def house() -> Iterator[House]:
    """Start a seeded simulator in a temporary home, and stop it afterwards."""
    with tempfile.TemporaryDirectory(prefix="crossbook-bench-") as folder:
        home = Path(folder)
        (home / "state").mkdir()
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        state = ensure_running(home / "state", seed=7, no_limits=True, idle_s=1800)
        (home / "config.yaml").write_text(_WIDE_BUDGETS)
        try:
            yield House(home, state)
        finally:
            stop(home / "state")
