"""A running simulator for tests: `with start_simulator(tmp_path) as sim: ...`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from simulator.client import call_control
from simulator.daemon import ensure_running, stop
from simulator.state import STATE_FILE, State


class Simulator:
    """A handle on a simulator that runs in a process of its own."""

    def __init__(self, state: State, state_dir: Path) -> None:
        self.state = state
        self.state_dir = state_dir

    @property
    def hosts(self) -> dict[str, str]:
        """Real host -> base URL."""
        return self.state["hosts"]

    @property
    def state_file(self) -> Path:
        """The file that tells a command where this simulator is."""
        return self.state_dir / STATE_FILE

    def set_fault(self, venue: str, kind: str, path: str = "*", **args: Any) -> dict[str, Any]:
        """Set a fault; `times` and `host` go among the arguments, as in `set_fault("okx", "delay", ms=30, times=1)`."""
        return call_control(self.state, "POST", "/faults", {"venue": venue, "kind": kind, "path": path, **args})

    def faults(self) -> list[dict[str, Any]]:
        """List the faults that are set; one that is used up is gone."""
        return call_control(self.state, "GET", "/faults")["faults"]

    def clear_faults(self, venue: str | None = None) -> None:
        """Remove all faults, or one venue's."""
        call_control(self.state, "DELETE", f"/faults?venue={quote(venue)}" if venue else "/faults")

    def requests(self, venue: str) -> dict[str, int]:
        """Count the venue's requests per path since the start or `reset_requests`; WebSocket calls as `path#call`."""
        return call_control(self.state, "GET", f"/requests?venue={quote(venue)}").get(venue, {})

    def set_limits(self, venue: str, factor: float | None) -> None:
        """Multiply a venue's rate limits, which are lifted at first; 1 is as real, None lifts them (again)."""
        call_control(self.state, "POST", "/limits", {"venue": venue, "factor": factor})

    def print_trade(
        self, venue: str, symbol: str, price: object, size: object, side: str, product: str | None = None
    ) -> list[dict[str, Any]]:
        """Let resting orders meet a public trade; `symbol` is the venue's own, `side` the aggressor's.

        Answers the fills as `{"order_id", "size"}`.
        """
        trade = {"venue": venue, "symbol": symbol, "price": str(price), "size": str(size), "side": side}
        if product is not None:
            trade["product"] = product
        return call_control(self.state, "POST", "/trades", trade)["fills"]

    def reset_accounts(self, venue: str | None = None) -> None:
        """Give one venue's accounts, or all, their deposits again and forget their orders."""
        call_control(self.state, "POST", "/accounts/reset", {"venue": venue} if venue else {})

    def settle_funding(self, venue: str, symbol: str, product: str | None = None) -> list[dict[str, Any]]:
        """Settle a perpetual's funding now, for all who hold it; `symbol` is the venue's own.

        Answers the payments: `id`, `owner`, `time_ms`, `currency`, `amount` (below zero: paid), `rate` and `size`.
        """
        return self._pull("/funding", venue, symbol, product)["payments"]

    def expire(self, venue: str, symbol: str, product: str | None = None) -> list[dict[str, Any]]:
        """Let a dated listing expire now; answers the deliveries as `settle_funding` does, `rate` is the price."""
        return self._pull("/expiry", venue, symbol, product)["deliveries"]

    def _pull(self, lever: str, venue: str, symbol: str, product: str | None) -> dict[str, Any]:
        named = {"venue": venue, "symbol": symbol} | ({"product": product} if product is not None else {})
        return call_control(self.state, "POST", lever, named)

    def accounts(self, venue: str, owner: str = "main") -> dict[str, Any]:
        """Tell the simulator's own accounting of one owner: `wallets` and `listings`; see docs/simulator.md."""
        told = call_control(self.state, "GET", f"/accounts?venue={quote(venue)}")["accounts"]
        return next(account for account in told if account["owner"] == owner)

    def placed(self, venue: str) -> list[dict[str, str]]:
        """List every order that the venue ever took, as itself knows it; Deriv's contracts have no `client_id`."""
        return call_control(self.state, "GET", f"/orders?venue={quote(venue)}")["orders"]

    @property
    def credentials(self) -> dict[str, dict[str, str]]:
        """Each venue's full account: `key`, `secret` and `passphrase`."""
        return self.state["credentials"]

    def reset_requests(self) -> None:
        """Begin to count anew."""
        call_control(self.state, "DELETE", "/requests")


@contextlib.contextmanager
def start_simulator(state_dir: Path, **options: Any) -> Iterator[Simulator]:
    """Run a simulator in the background for the length of the block; options as `ensure_running` takes them.

    Many tests share one: its venues answer however often they are asked, unless `no_limits=False`.
    """
    try:
        yield Simulator(ensure_running(state_dir, **{"no_limits": True} | options), state_dir)
    finally:
        stop(state_dir)
