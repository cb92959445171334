"""Orders, fills, balances and positions in the project's own terms.

`size` counts in the unit of the instrument's lot size: base units, or quote units where the instrument is inverse.
`size_base` and `notional` convert. Times are epoch milliseconds by the venue's clock; absent is None.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from domain.instruments import Instrument

BUY, SELL = "buy", "sell"
SIDES = (BUY, SELL)
LIMIT, MARKET, STOP, STOP_LIMIT = "limit", "market", "stop", "stop-limit"
TYPES = (LIMIT, MARKET, STOP, STOP_LIMIT)
PRICED = frozenset({LIMIT, STOP_LIMIT})
TRIGGERED = frozenset({STOP, STOP_LIMIT})
GTC, IOC, FOK = "gtc", "ioc", "fok"
TIFS = (GTC, IOC, FOK)

OPEN, FILLED, CANCELLED, REJECTED, EXPIRED = "open", "filled", "cancelled", "rejected", "expired"
"""What a venue says about an order; partly filled is `open` with `filled` above 0."""
FINAL = frozenset({FILLED, CANCELLED, REJECTED, EXPIRED})

REGULAR, TRIGGER = "regular", "trigger"
"""The families in which venues keep their orders: a trigger order often has endpoints of its own until it fires."""


class OrderSpec(NamedTuple):
    """One order as a venue is to get it: rounded to tick and lot, with the client id that it is known by for ever."""

    client_id: str
    side: str
    type: str
    size: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: str = GTC
    post_only: bool = False
    reduce_only: bool = False

    @property
    def family(self) -> str:
        """Tell which family of orders it begins in."""
        return TRIGGER if self.type in TRIGGERED else REGULAR


@dataclass(frozen=True)
class OrderReport:
    """What a venue said about an order at one moment.

    After a bare acknowledgement only ids are known: `status` is then None (accepted, nothing else said).
    `reason` is the venue's own words for why the order ended, where it gives them.
    """

    venue: str
    symbol: str
    order_id: str | None
    client_id: str | None
    status: str | None = None
    side: str | None = None
    type: str | None = None
    family: str = REGULAR
    size: Decimal | None = None
    filled: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    average_price: Decimal | None = None
    tif: str | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    created_ms: int | None = None
    updated_ms: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Fill:
    """One trade of our own. `fee` is positive where paid, negative where received, in `fee_currency`."""

    venue: str
    symbol: str
    trade_id: str
    order_id: str | None
    client_id: str | None
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal | None
    fee_currency: str | None
    maker: bool | None
    time_ms: int


class Balance(NamedTuple):
    """An amount of one currency; `wallet` names the part of the account where a venue keeps several.

    `positions_value` is the part of `total` that open positions would bring (unrealised gains, options at their mark)
    where the venue counts it in; None or 0 where `total` is cash alone.
    """

    venue: str
    currency: str
    free: Decimal | None
    used: Decimal | None
    total: Decimal
    wallet: str = "trading"
    positions_value: Decimal | None = None

    @property
    def cash(self) -> Decimal:
        """Tell what is there without the open positions: what trades, fees, funding and transfers have summed up to."""
        return self.total - (self.positions_value or 0)


@dataclass(frozen=True)
class Position:
    """An open derivative position; `size` is signed (negative: short). Gains are in the settle currency."""

    venue: str
    symbol: str
    size: Decimal
    entry_price: Decimal | None
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    leverage: Decimal | None = None
    margin_mode: str | None = None
    unrealized: Decimal | None = None
    realized: Decimal | None = None
    updated_ms: int | None = None


class FundingPayment(NamedTuple):
    """What a position paid (negative) or received (positive) at one settlement."""

    venue: str
    symbol: str
    payment_id: str
    time_ms: int
    amount: Decimal
    currency: str
    rate: Decimal | None = None


class KeyPermissions(NamedTuple):
    """What a venue says the key may do; None where it does not say."""

    read: bool | None
    trade: bool | None
    withdraw: bool | None


def size_base(instrument: Instrument, size: Decimal, price: Decimal) -> Decimal:
    """Convert a size to base units; `price` (quote per base) matters on inverse instruments only."""
    return size / price if instrument.inverse else size


def notional(instrument: Instrument, size: Decimal, price: Decimal) -> Decimal:
    """Value a size in quote units at a price."""
    return size if instrument.inverse else size * price
