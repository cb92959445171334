"""What the configuration holds once read: frozen, and checked when it was built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

ENVIRONMENTS = ("paper", "sim", "testnet", "live")


class VenueSettings(NamedTuple):
    """One venue's entry. Fees are the user's own tier in basis points; None leaves the venue's published fee."""

    name: str
    class_path: str
    enabled: bool = True
    exchange: str | None = None
    options: Mapping[str, Any] = MappingProxyType({})
    taker_fee_bps: Decimal | None = None
    maker_fee_bps: Decimal | None = None
    requests_per_minute: int | None = None
    retired: str | None = None


class ReferenceSettings(NamedTuple):
    """The source of reference prices, which cannot be traded."""

    class_path: str = "connectors.reference.coingecko:CoinGecko"
    enabled: bool = True
    max_age_s: int = 300


class SimulatorSettings(NamedTuple):
    """How `--env sim` starts the simulator when none is running."""

    idle_minutes: int = 30
    seed: int | None = None
    tape: str | None = None
    faults: str | None = None


@dataclass(frozen=True)
class Config:
    """Everything the configuration says, and where each value came from."""

    environment: str
    timeout_s: float
    stale_after_ms: int
    market_ttl_h: float
    venues: Mapping[str, VenueSettings]
    reference: ReferenceSettings
    simulator: SimulatorSettings
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, key: str) -> str:
        """Name the source that decided a key (`venues.okx.enabled`): a flag, a variable, a file, or `default`."""
        return self.origins.get(key, "default")
