"""What may happen to an order (kinds of event), and what is known of it (its state). `lifecycle` joins the two."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from domain.errors import CrossbookError

INTENDED: Final = "intended"
"""Written down before anything is sent. Data: `spec`, and `inverse` where the instrument is."""
NOT_SENT: Final = "not_sent"
ACCEPTED: Final = "accepted"
"""The venue's answer to our request. Data: an OrderReport."""
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"
ABSENT: Final = "absent"
"""It is proved that the venue never had it."""
SEEN: Final = "seen"
"""The venue showed the order. Data: an OrderReport."""
FILL: Final = "fill"
"""One own trade. Data: a Fill."""
CANCEL_INTENDED: Final = "cancel_intended"
CANCEL_ACCEPTED: Final = "cancel_accepted"
"""The order is off the book; with `pending` true in the data the venue has only taken the request."""
CANCEL_REFUSED: Final = "cancel_refused"
"""The cancel had no effect: the venue said no, or it is proved."""
CANCEL_NOT_SENT: Final = "cancel_not_sent"
CANCEL_UNKNOWN: Final = "cancel_unknown"
AMEND_INTENDED: Final = "amend_intended"
"""Data: the new `size` or `price`, or both; `worth_added` (dollars) where the order is worth more then."""
AMEND_ACCEPTED: Final = "amend_accepted"
"""Data, where the venue says so: `size`, `price` (else what was asked), a new `order_id`, its `updated_ms`."""
AMEND_REFUSED: Final = "amend_refused"
AMEND_NOT_SENT: Final = "amend_not_sent"
AMEND_UNKNOWN: Final = "amend_unknown"
ADOPTED: Final = "adopted"
"""Found at the venue, and nobody had written it down: a first event. Data: an OrderReport, `inverse`."""
VANISHED: Final = "vanished"
"""The venue no longer knows an order that it had."""
NOTED: Final = "noted"
"""Evidence gathered: what was asked, and what came back."""

PENDING, IN_DOUBT = "pending", "unknown"
"""Where a cancel or an amendment stands that has not come to an end."""


class Phase(StrEnum):
    """Where an order is in its life."""

    INTENDED = "intended"
    """On disk; it may or may not have left this machine."""
    UNKNOWN = "unknown"
    """Sent, perhaps; the venue may or may not have it."""
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    ABSENT = "absent"
    VANISHED = "vanished"


UNSETTLED = frozenset({Phase.INTENDED, Phase.UNKNOWN})
LIVE = UNSETTLED | {Phase.OPEN}
FINAL = frozenset(Phase) - LIVE


class Event(NamedTuple):
    """One thing that happened to an order; `data` is JSON-able, decimals in it are plain text."""

    kind: str
    at_ns: int
    data: Mapping[str, Any] = {}


class ImpossibleTransition(CrossbookError):
    """The event cannot follow the state: a mistake of the program, or of somebody who was too late."""

    category = "impossible_transition"


@dataclass(frozen=True)
class OrderState:
    """What the events so far say about an order. Sizes are in the instrument's lot unit, absent is None."""

    phase: Phase
    size: Decimal | None
    price: Decimal | None
    order_id: str | None = None
    filled: Decimal = Decimal(0)
    """The larger of what the venue reports and the sum of the fills."""
    average_price: Decimal | None = None
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    """By currency, positive where paid; of the fills that are known."""
    cancel: str | None = None
    """None, PENDING (no answer yet, or the request was only taken) or IN_DOUBT; `amend` alike."""
    amend: str | None = None
    reason: str | None = None
    updated_ns: int = 0
    updated_ms: int | None = None
    """By the venue's clock: of the latest report."""
    inverse: bool = False
    known: bool = False
    """The venue has acknowledged or shown it."""
    accepted: bool = False
    """The answer to our own request was yes."""
    cancels: bool = False
    """A cancel was intended at some time; `amends` alike."""
    amends: bool = False
    amend_size: Decimal | None = None
    amend_price: Decimal | None = None
    former_ids: frozenset[str] = frozenset()
    """The venue's ids that the order had before it was replaced or triggered."""
    reported: Decimal = Decimal(0)
    reported_average: Decimal | None = None
    traded: Decimal = Decimal(0)
    traded_worth: Decimal = Decimal(0)
    """Sum of size × price of the fills; of size ÷ price where inverse."""
    trades: frozenset[str] = frozenset()

    def but(self, **changes: Any) -> "OrderState":
        """Copy it with some fields changed, many times faster than `dataclasses.replace`: journals are folded so."""
        copy = object.__new__(OrderState)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    @property
    def settled(self) -> bool:
        """Tell whether nothing about it is open to doubt: no request of ours is without a known outcome."""
        return self.phase not in UNSETTLED and self.cancel is None and self.amend is None

    @property
    def live(self) -> bool:
        """Tell whether it is, or may be, working at the venue."""
        return self.phase in LIVE

    @property
    def final(self) -> bool:
        """Tell whether it has ended, or never was."""
        return self.phase in FINAL
