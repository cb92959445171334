"""What a policy check is given, and what it may do: say nothing, or deny with the check, the limit and the value."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import PolicyDenied
from domain.instruments import Instrument
from order_management.costs import Look
from order_management.sizing import Sized
from order_management.tickets import Ticket

if TYPE_CHECKING:
    from domain.orders import Balance, Position
    from order_management.journal import Journal


class Subject(NamedTuple):
    """One order that is about to be sent, and where a check finds what it compares with.

    The callables ask a venue at their first use (and may raise its errors: what cannot be checked is not sent).
    `consolidated_mid` is the middle over all venues, in quote per base; None where no venue shows one.
    """

    ticket: Ticket
    sized: Sized
    instrument: Instrument
    environment: str
    journal: "Journal"
    now_ns: int
    look: Look | None
    consolidated_mid: Callable[[], Decimal | None]
    balances: "Callable[[], list[Balance]]"
    positions: "Callable[[], list[Position]]"


class Check(ABC):
    """One rule of the policy; its settings are given to its constructor."""

    name: str
    needs_look: bool = False
    """Needs the venue's market (bid, ask, book) as it is now."""

    @abstractmethod
    def check(self, subject: Subject) -> None:
        """Pass, or raise PolicyDenied."""

    def deny(
        self, subject: Subject, what: str, *, limit: object, value: object, hint: str | None = None
    ) -> PolicyDenied:
        """Build the denial: it names the check, the limit and the value."""
        return PolicyDenied(
            f"Denied by policy.{self.name}: {what} (limit {limit}, this order {value}). Nothing was sent.",
            venue=subject.instrument.venue,
            hint=hint or f"Change the order, or policy.{self.name} in the configuration (docs/policy.md).",
        )
