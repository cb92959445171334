"""Orders and accounts as a venue keeps them, before they are put into that venue's wire format.

Prices and sizes are Decimal in the listing's own wire units (contracts, base coins, or USD on inverse contracts);
times are epoch milliseconds by the venue's clock. A venue's file turns these into its own JSON, codes and words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from simulator.market.model import Listing

BUY, SELL = "buy", "sell"
LIMIT, MARKET = "limit", "market"
GTC, IOC, FOK = "GTC", "IOC", "FOK"

UNTRIGGERED, OPEN, PARTLY_FILLED, FILLED = "untriggered", "open", "partly_filled", "filled"
CANCELLED, EXPIRED, REJECTED = "cancelled", "expired", "rejected"
LIVE_STATES = frozenset({UNTRIGGERED, OPEN, PARTLY_FILLED})

DEPOSIT, WITHDRAWAL = "deposit", "withdrawal"

READ, TRADE, WITHDRAW = "read", "trade", "withdraw"


class Reason(Enum):
    """Why the exchange says no; each venue has its own code and words for it."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    PRICE_TICK = "price_tick"
    LOT_SIZE = "lot_size"
    MIN_SIZE = "min_size"
    MAX_SIZE = "max_size"
    MIN_NOTIONAL = "min_notional"
    PRICE_BAND = "price_band"
    NO_LIQUIDITY = "no_liquidity"
    WOULD_TAKE = "would_take"
    """A post-only order would match at once."""
    UNFILLABLE = "unfillable"
    """A fill-or-kill order cannot be filled whole."""
    WOULD_TRIGGER = "would_trigger"
    """The stop price is on the wrong side of the market."""
    REDUCE_ONLY = "reduce_only"
    """There is no position that the order would reduce."""
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    UNKNOWN_ORDER = "unknown_order"
    CLOSED_ORDER = "closed_order"
    """The order to cancel or amend is filled, cancelled or expired already."""
    NO_CHANGE = "no_change"
    TOO_MANY_ORDERS = "too_many_orders"
    EXPIRED_LISTING = "expired_listing"


class Rejected(Exception):
    """The exchange refuses; nothing has changed. `order` is what it is about, where there is one."""

    def __init__(self, reason: Reason, order: "Order | None" = None, **detail: Any) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.order = order
        self.detail = detail


@dataclass(frozen=True)
class Account:
    """One set of keys and what they may do. Several may lead to one `owner`, whose balances and orders they share."""

    owner: str
    key: str
    secret: str
    passphrase: str = ""
    permissions: frozenset[str] = frozenset({READ, TRADE})


@dataclass(frozen=True)
class Trigger:
    """A stop: the order enters the book once `source` (last, mark or index price) reaches `price`.

    `rising` triggers at or above the price, else at or below.
    """

    price: Decimal
    rising: bool
    source: str = "last"


@dataclass(frozen=True)
class NewOrder:
    """What a client asks for, read from its wire format and not yet checked against the listing's rules.

    Exactly one of `size` and `quote_amount` (market orders by amount of quote) is given, except where `close` sells
    whatever the position is. `extra` holds what the venue echoes and the exchange does not understand.
    """

    side: str
    type: str
    size: Decimal | None = None
    quote_amount: Decimal | None = None
    price: Decimal | None = None
    tif: str = GTC
    post_only: bool = False
    reduce_only: bool = False
    client_id: str = ""
    trigger: Trigger | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Order:
    """An order and what became of it. `id` is in the venue's own form; `number` counts up over all orders of a venue.

    `filled_quote` is what the fills cost in quote (in base coins on inverse contracts); `fees` by currency, positive
    where paid. `state_reason` says why it ended (`user`, `ioc`, `fok`, `post_only`, `reduce_only`, `all`, `timer`).
    """

    id: str
    number: int
    owner: str
    product: str
    native_id: str
    side: str
    type: str
    size: Decimal
    price: Decimal | None
    tif: str
    post_only: bool
    reduce_only: bool
    client_id: str
    trigger: Trigger | None
    created_ms: int
    updated_ms: int
    state: str = OPEN
    state_reason: str = ""
    filled: Decimal = Decimal(0)
    filled_quote: Decimal = Decimal(0)
    fees: dict[str, Decimal] = field(default_factory=dict)
    quote_amount: Decimal | None = None
    triggered_ms: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Tell whether it can still be filled or cancelled."""
        return self.state in LIVE_STATES

    @property
    def left(self) -> Decimal:
        """What is not filled."""
        return self.size - self.filled


@dataclass(frozen=True)
class Fill:
    """One trade of an order. `number` counts up; `fee` is positive where paid; `realized` is the position's gain."""

    id: str
    number: int
    order_id: str
    client_id: str
    owner: str
    product: str
    native_id: str
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    time_ms: int
    realized: Decimal = Decimal(0)


@dataclass
class Balance:
    """An amount of one currency in one wallet: `total` includes what open orders and positions hold (`locked`)."""

    total: Decimal
    locked: Decimal

    @property
    def free(self) -> Decimal:
        """What can be used."""
        return self.total - self.locked


@dataclass
class PositionState:
    """A net position: `size` is signed, in wire units; `entry_price` averages what is open; gains are in settle."""

    owner: str
    product: str
    native_id: str
    size: Decimal
    entry_price: Decimal
    leverage: int
    realized: Decimal
    opened_ms: int
    updated_ms: int


@dataclass(frozen=True)
class FundingPayment:
    """What a position paid (negative) or received at one settlement, in the settle currency."""

    id: str
    number: int
    owner: str
    product: str
    native_id: str
    time_ms: int
    amount: Decimal
    currency: str
    rate: Decimal
    size: Decimal


@dataclass(frozen=True)
class Transfer:
    """Money that came into an account from outside; below zero it left. Accounts begin with deposits."""

    id: str
    number: int
    owner: str
    wallet: str
    currency: str
    amount: Decimal
    time_ms: int
    kind: str = DEPOSIT


@dataclass(frozen=True)
class FeeCoin:
    """A coin of the venue's in which an owner pays fees, as long as there is enough of it in the wallet.

    `share` is what is left to pay of a usual fee then: 0.75 where the discount is 25 %.
    """

    currency: str
    share: Decimal


REFUSE, EXPIRE = "refuse", "expire"
OPEN_ORDERS, EVER, NEVER_CHECKED = "open", "ever", "never"


@dataclass(frozen=True)
class ExchangeRules:
    """How one venue treats orders, as data.

    `wallet` names the wallet that a listing is paid from; `deposits` are what a new account holds per wallet.
    `client_ids` says among which orders a client id must be unique. `post_only` and `fok` say whether such an order
    that cannot stand is refused at once or accepted and then ended. `leftover` is the state of what an IOC or market
    order could not fill. `fee_in_quote`: spot fees are taken in quote, else from what is received. `fee_decimals` and
    `payment_decimals` (of funding and deliveries) are those that are booked, as the venue's rows have them.
    """

    wallet: Callable[[Listing], str]
    deposits: Mapping[str, Mapping[str, str]]
    order_id: Callable[[int], str] = str
    trade_id: Callable[[int], str] = str
    client_ids: str = OPEN_ORDERS
    post_only: str = REFUSE
    fok: str = EXPIRE
    leftover: str = EXPIRED
    fee_in_quote: bool = False
    fee_decimals: int = 15
    payment_decimals: int = 15
    fee_coins: Mapping[tuple[str, str], FeeCoin] = field(default_factory=dict)
    leverage: int = 20
    max_open_orders: int = 200
    price_band: Decimal | None = None
    """How far a limit price may lie from the mark or last price, as a fraction; None: anywhere."""
    refuses_reduce_only_without_position: bool = True
