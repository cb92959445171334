"""What a policy check is given, and what it may do: say nothing, or deny with the check, the limit and the value."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

from domain.errors import CrossbookError, NotSent, PolicyDenied
from domain.instruments import Instrument
from domain.money import plain, rounded
from order_management.costs import Look
from order_management.sizing import Sized
from order_management.tickets import Ticket
from order_management.worth import price_currency

if TYPE_CHECKING:
    from domain.orders import Balance, Position

T = TypeVar("T")
PANIC = "panic"
"""Origin of the orders that close positions in an emergency."""


class Counted(Protocol):
    """What the limits that count ask of the journal (`Journal.ask` and `Journal.intend` hand it out)."""

    def placed_since(self, since_ns: int) -> int:
        """Count the requests that may have gone out since then."""

    def notional_since(self, since_ns: int) -> Decimal:
        """Add up what was sent since then, in dollars."""

    def live_count(self, but: str | None = None) -> int:
        """Count the orders that have not ended, all but one."""

    def repeated(self, fingerprint: str, since_ns: int, but: str) -> tuple[str, int] | None:
        """Find the latest other order since then that looks the same: its id, and when it was sent."""


class Subject(NamedTuple):
    """One order that is about to be sent (or raised, where `amends`), and where a check finds what it compares with.

    `more` is what it adds to what was sent before, in the currency of its price: all of a new order. `expected` is what
    it would pay on average by the look; None where it takes nothing, or nobody looked. The callables ask a venue at
    their first use, keep the answer, and may raise its errors: what cannot be checked is not sent. `consolidated_mid`
    is the middle over all venues, in quote per base, `dollar_price` the dollars that one unit of a currency is worth;
    both None where no venue tells.
    """

    ticket: Ticket
    sized: Sized
    instrument: Instrument
    environment: str
    fingerprint: str
    more: Decimal
    amends: bool
    now_ns: int
    look: Look | None
    expected: Decimal | None
    clock_offset_ms: Callable[[], int]
    dollar_price: Callable[[str], Decimal | None]
    consolidated_mid: Callable[[], Decimal | None]
    balances: "Callable[[], list[Balance]]"
    positions: "Callable[[], list[Position]]"
    find: Callable[[str], Instrument | None]

    @property
    def reduces(self) -> bool:
        """Tell whether it can only make a position smaller."""
        return self.ticket.reduce_only

    @property
    def urgent(self) -> bool:
        """Tell whether it closes a position in an emergency."""
        return is_urgent(self.ticket)


def is_urgent(ticket: Ticket) -> bool:
    """Tell whether an order closes a position in an emergency: no view of the market may be waited for."""
    return ticket.reduce_only and ticket.origin == PANIC


class Check(ABC):
    """One rule of the policy; its setting is given to its constructor."""

    name: ClassVar[str]
    needs_look: ClassVar[bool] = False
    """Needs the venue's market (bid, ask, book) as it is now."""
    needs_dollars: ClassVar[bool] = False
    """Needs to know what the order is worth in dollars."""
    for_reducing: ClassVar[bool] = False
    """Also holds for orders that only make a position smaller, which no mere limit may keep open."""
    for_urgent: ClassVar[bool] = False
    """Holds even for the orders with which a panic closes positions, wherever they are."""

    def __init__(self, setting: Any) -> None:
        self.setting = setting

    def check(self, subject: Subject) -> None:
        """Pass, or raise PolicyDenied; NotSent where a venue was asked and did not answer."""

    def deny(
        self, subject: Subject, what: str, *, limit: object, value: object, hint: str | None = None
    ) -> PolicyDenied:
        """Build the denial: it names the check, the limit and the value."""
        return PolicyDenied(
            f"Denied by policy.{self.name}: {what} (limit {limit}, this order {value}). Nothing was sent.",
            venue=subject.instrument.venue,
            hint=hint or f"Change the order, or policy.{self.name} in the configuration (docs/policy.md).",
        )

    def unknown(self, subject: Subject, why: str) -> PolicyDenied:
        """Build the denial of an order that cannot be held against the limit, because something does not exist."""
        return PolicyDenied(
            f"Denied by policy.{self.name}: it cannot be checked, because {why} (limit {self.setting}). Nothing was"
            " sent.",
            venue=subject.instrument.venue,
            hint=f"Switch the check off (policy.{self.name}: null) if you can do without it (docs/policy.md).",
        )

    def asked(self, subject: Subject, ask: Callable[[], T]) -> T:
        """Ask a venue.

        Raises:
            NotSent: it did not answer, so the check cannot say yes.
        """
        try:
            return ask()
        except CrossbookError as error:
            raise NotSent(
                f"Nothing was sent: policy.{self.name} could not be checked. {error.message}",
                venue=error.venue or subject.instrument.venue,
                hint=error.hint or f"Try again, or switch policy.{self.name} off.",
            ) from error

    def dollars(self, subject: Subject, amount: Decimal, currency: str | None = None) -> Decimal:
        """Value an amount of a currency (None: that of the order's price) in dollars.

        Raises:
            PolicyDenied: nobody tells what the currency is worth.
            NotSent: the venue did not answer.
        """
        code = currency or price_currency(subject.instrument)
        price = self.asked(subject, lambda: subject.dollar_price(code))
        if price is None:
            raise self.unknown(subject, f"no venue shows what one {code} is worth in dollars")
        return amount * price


class CountingCheck(Check):
    """A rule that counts what the journal has.

    It is asked twice: before anything else, and inside the transaction that writes the order down, where no other
    process comes between. What it asks of a venue has to be a callable that keeps its answer.
    """

    def check(self, subject: Subject) -> None:
        """Pass: without the journal there is nothing to count."""

    @abstractmethod
    def count(self, subject: Subject, journal: Counted) -> None:
        """Pass, or raise PolicyDenied."""


def amount(value: Decimal, limit: Decimal) -> str:
    """Write a value so that it can be told from the limit it is compared with."""
    short = rounded(value, 2)
    return plain(value if short == limit else short)
