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


class PaperSettings(NamedTuple):
    """What orders on paper begin with at each venue, and what positions are held with (docs/paper.md)."""

    balances: Mapping[str, Decimal] = MappingProxyType(
        {
            "USDT": Decimal(100_000),
            "USDC": Decimal(100_000),
            "USD": Decimal(100_000),
            "BTC": Decimal(1),
            "ETH": Decimal(10),
        }
    )
    leverage: int = 5


class PolicySettings(NamedTuple):
    """The limits that every order is held against (docs/policy.md); None switches a check off.

    Notionals, positions and balances are in dollars; a mapping of `max_position` names assets.
    """

    allowed_venues: tuple[str, ...] | None = None
    allowed_symbols: tuple[str, ...] | None = None
    max_rounding_bps: Decimal | None = Decimal(100)
    duplicate_within_s: Decimal | None = Decimal(5)
    max_orders_per_minute: int | None = 600
    max_open_orders: int | None = 500
    max_order_notional: Decimal | None = Decimal(100_000)
    max_day_notional: Decimal | None = Decimal(1_000_000)
    max_quote_age_ms: int | None = 10_000
    max_book_share: Decimal | None = Decimal("0.5")
    max_deviation_bps: Decimal | None = None
    min_balance_left: Decimal | None = None
    max_position: Decimal | Mapping[str, Decimal] | None = None
    require_arming: tuple[str, ...] = ("live",)


class S3Settings(NamedTuple):
    """How buckets are spoken to; what is None is boto3's own choice. `url` is where `--to-s3` sends."""

    url: str | None = None
    endpoint_url: str | None = None
    region: str | None = None
    server_side_encryption: str | None = None
    storage_class: str | None = None


class StorageSettings(NamedTuple):
    """Where recorded data is kept: a folder or `s3://bucket/prefix`; None is `snapshots` in the state folder."""

    path: str | None = None
    s3: S3Settings = S3Settings()


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
    policy: PolicySettings = field(default_factory=PolicySettings)
    paper: PaperSettings = field(default_factory=PaperSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, key: str) -> str:
        """Name the source that decided a key (`venues.okx.enabled`): a flag, a variable, a file, or `default`."""
        return self.origins.get(key, "default")
