"""What can be traded, and in which units a venue counts it."""

from dataclasses import dataclass
from decimal import Decimal

SPOT = "spot"
PERPETUAL = "perpetual"
FUTURE = "future"
OPTION = "option"
KINDS = (SPOT, PERPETUAL, FUTURE, OPTION)


@dataclass(frozen=True)
class Instrument:
    """One instrument of one venue.

    Prices are quote per base. `base` is the listed code (`1000PEPE`); `asset` and `multiplier` say what one
    base unit is (1000 of `PEPE`). A wire size of 1 is worth `unit_size` base units, or, where `inverse`,
    `unit_size` quote units. `contract_size` is the figure the venue publishes, for show. Fees are fractions
    (0.001 = 10 bps). Times are epoch milliseconds. What the venue does not say is None.
    """

    venue: str
    symbol: str
    native_id: str
    kind: str
    base: str
    quote: str
    settle: str | None
    asset: str
    multiplier: int = 1
    inverse: bool = False
    unit_size: Decimal = Decimal(1)
    contract_size: Decimal | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    min_size: Decimal | None = None
    min_notional: Decimal | None = None
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    expiry_ms: int | None = None
    strike: Decimal | None = None
    option_type: str | None = None
    active: bool = True
    product: str | None = None
    """The venue's own name of the section that lists it (`linear`, `SWAP`, `futures`), which its requests need."""
