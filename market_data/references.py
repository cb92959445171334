"""Reference prices: shown when no venue answers, labelled as what they are, never best."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from domain.errors import CrossbookError
from domain.money import plain
from domain.time import NS_PER_MS

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config

T = TypeVar("T")

LABEL = "reference – cannot be traded"
PATIENCE = 0.6
"""Share of the time there is after which a silent set of venues makes us ask for a reference."""


class Reference:
    """A price nobody will trade at; `price` is None where the source had none, `reason` says why."""

    def __init__(
        self,
        source: str,
        symbol: str,
        price: Decimal | None,
        time_ms: int | None = None,
        age_ms: int | None = None,
        reason: str | None = None,
    ) -> None:
        self.source = source
        self.symbol = symbol
        self.price = price
        self.time_ms = time_ms
        self.age_ms = age_ms
        self.reason = reason

    def record(self) -> dict[str, Any]:
        """Return the reference as it stands in JSON."""
        return {"label": LABEL, **vars(self)}

    def times(self, multiplier: int) -> "Reference":
        """Express the price for a multiple of the asset."""
        if self.price is None or multiplier == 1:
            return self
        return Reference(self.source, self.symbol, self.price * multiplier, self.time_ms, self.age_ms, self.reason)

    def sentence(self) -> str:
        """Say the price and that it is only a reference."""
        if self.price is None:
            return f"No reference price from {self.source}: {self.reason}"
        age = "" if self.age_ms is None else f", {self.age_ms / 1000:.0f} s old"
        return f"{self.source} {self.symbol} {plain(self.price)}{age} ({LABEL})."


def reference_price(venues: "Venues", config: "Config", asset: str, quote: str, deadline: float) -> Reference:
    """Ask the configured source for an asset's price; where it has none, the answer says why."""
    symbol = f"{asset}/{quote}"
    source = config.reference.class_path.rpartition(":")[2].lower()
    if not config.reference.enabled:
        return Reference(source, symbol, None, reason="switched off in the configuration (reference.enabled)")
    from connectors.reference import open_reference

    try:
        opened = open_reference(config.reference, venues.http, venues.cache.environment_key, lambda: deadline)
        found = opened.reference_price(asset, quote)
    except CrossbookError as error:
        return Reference(source, symbol, None, reason=error.message)
    age_ms = max(0, time.time_ns() // NS_PER_MS - found.venue_time_ms)
    return Reference(found.source, symbol, found.price, found.venue_time_ms, age_ms)


class Standby:
    """Asks for a reference when it is clear that no venue answers, early enough to be part of the answer.

    That is when every watched job has failed, or when none has answered in more than half of the time there is.
    """

    def __init__(self, ask: Callable[[], Reference], deadline: float, *, at_once: bool) -> None:
        self._ask = ask
        self._patience_s = 0.0 if at_once else (deadline - time.monotonic()) * PATIENCE
        self._news = threading.Condition()
        self._open = 0
        self._answered = False

    def watched(self, job: Callable[[], T]) -> Callable[[], T]:
        """Wrap a job so that its outcome is noticed."""
        self._open += 1

        def run() -> T:
            answered = False
            try:
                value = job()
                answered = True
                return value
            finally:
                with self._news:
                    self._open -= 1
                    self._answered |= answered
                    self._news.notify_all()

        return run

    def reference(self) -> Reference | None:
        """Wait until it is clear whether a reference is needed; then ask for it, or return None."""
        with self._news:
            self._news.wait_for(lambda: self._answered or not self._open, self._patience_s)
            needed = self._patience_s == 0 or not self._answered
        return self._ask() if needed else None
