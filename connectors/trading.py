"""The trading half of the connector contract: what a venue's plug-in offers to somebody with a key.

Nothing here is ever sent twice. Each method makes the calls it names, once, and says what it knows afterwards:

    NotSent          no byte of the request left this machine (no connection, no credentials)
    RateLimited      of an order or a cancel: our own budget is empty; nothing left either
    Refused          the venue said no; nothing happened there
    OutcomeUnknown   it may or may not have happened: look it up before anything else
    Unavailable      a read that got no answer; nothing follows from it, least of all "there is no order"
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, Protocol

from domain.errors import NotSent, Unsupported
from domain.instruments import Instrument
from domain.movements import Delivery, Transfer
from domain.orders import (
    LIMIT,
    MARKET,
    REGULAR,
    STOP,
    STOP_LIMIT,
    TIFS,
    Balance,
    Fill,
    FundingPayment,
    KeyPermissions,
    OrderReport,
    OrderSpec,
    Position,
)

UNIQUE_EVER, UNIQUE_OPEN, NOT_UNIQUE, NO_IDS = "ever", "open", "none", "no_ids"
"""Among which orders a venue refuses a client id that was used already."""

EVERY_TYPE = frozenset({LIMIT, MARKET, STOP, STOP_LIMIT})


_NO_FACTS: Mapping[str, str] = MappingProxyType({})


class OrderRef(NamedTuple):
    """Which order is meant: by the venue's id, by ours, or by both; `family` is where it began.

    `facts` is what `Trading.prepare` returned for it before it was sent (from the journal); empty where there is none.
    `since_ms` is when it was written down (our clock), so that a look-up in lists knows where to begin.
    """

    instrument: Instrument
    order_id: str | None
    client_id: str | None
    family: str = REGULAR
    facts: Mapping[str, str] = _NO_FACTS
    since_ms: int | None = None


class OrderRate(NamedTuple):
    """How many orders a venue takes: `per_second` in the long run, `burst` at once."""

    per_second: float
    burst: float


REQUEST_SHARE = 0.6
"""Part of the time that is left which one order or cancel may wait for its answer; the rest is for looking it up."""


def share_of(deadline: float) -> float:
    """Answer until when (time.monotonic seconds) a request that changes something may wait for its answer."""
    now = time.monotonic()
    return now + REQUEST_SHARE * (deadline - now)


_send_by_ns: ContextVar[int | None] = ContextVar("send_by_ns", default=None)


@contextmanager
def only_until(epoch_ns: int) -> Iterator[None]:
    """Let nothing that is submitted within the block leave after `epoch_ns` (wall clock).

    A look-up that does not find an order proves that there is none only if the order cannot leave any more.
    """
    token = _send_by_ns.set(epoch_ns)
    try:
        yield
    finally:
        _send_by_ns.reset(token)


def check_in_time() -> None:
    """Pass a signed request on to the transport, unless it comes too late; the last thing before its bytes leave.

    Raises:
        NotSent: this process was held up.
    """
    until_ns = _send_by_ns.get()
    if until_ns is not None and time.time_ns() > until_ns:
        raise NotSent("This process was held up after the order was written down; it was not sent.")


_USUAL_RATE = OrderRate(10, 10)


@dataclass(frozen=True)
class TradingRules:
    """What a venue's trading can do, as data.

    A flag or type that is absent is refused before anything is sent. Keys of the mappings are instrument kinds
    (`spot`, `perpetual`, `future`, `option`).
    """

    types: Mapping[str, frozenset[str]]
    tifs: Mapping[str, frozenset[str]]
    stop_tifs: frozenset[str] = frozenset(TIFS)
    """Which of them a stop-limit order may have."""
    post_only: frozenset[str] = frozenset()
    reduce_only: frozenset[str] = frozenset()
    amend: frozenset[str] = frozenset()
    client_id: str = r"[A-Za-z0-9]{1,32}"
    """A pattern that a whole client id has to match."""
    client_id_unique: str = UNIQUE_OPEN
    client_id_note: str = ""
    """One sentence for docs/orders.md: what the id guarantees, and what is impossible."""
    acceptance_ms: int = 10_000
    """How long after it was signed a request that was lost on the way may still be accepted (source in the class)."""
    settling_ms: int = 2_000
    """How long afterwards the venue's lists may still lack an order that it has accepted."""
    order_rate: OrderRate = _USUAL_RATE
    order_cost: float = 1.0
    """What an order or a cancel costs in units of the venue's request budget."""
    cancel_all: bool = True
    cancel_after_s: tuple[int, int] | None = None
    """Shortest and longest time of the venue's dead-man switch; None where it has none that works over REST."""
    asynchronous: bool = False
    """An acknowledgement says only that the request came in; the order may still be refused by the matching engine."""
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def finds_by_client_id(self) -> bool:
        """Tell whether the venue knows an order by our id, too."""
        return self.client_id_unique != NO_IDS


class FillSpan(NamedTuple):
    """All own trades of one instrument after the span before and until `until_ms` (the venue's clock), oldest first."""

    until_ms: int
    fills: Sequence[Fill]


class Traded(NamedTuple):
    """What an account has traded, as far as the venue tells without being asked by instrument.

    `unlisted` names, in the venue's own ids, what was traded and is not among its instruments any more. Where the venue
    lists trades by instrument only, `blind` says in one sentence what may be missing; None: nothing is.
    """

    instruments: Sequence[Instrument]
    unlisted: Sequence[str] = ()
    blind: str | None = None


class Instruments(Protocol):
    """One venue's instruments, from the cache."""

    def find(self, symbol: str) -> Instrument | None:
        """Find one by its canonical symbol."""

    def by_native(self, native_id: str) -> list[Instrument]:
        """Find those that have one of the venue's own ids (a spot pair and a perpetual may share it)."""

    def all(self) -> list[Instrument]:
        """List them."""


class Trading(ABC):
    """One venue's private side. Sizes are in the instrument's lot unit (see `domain.orders`)."""

    rules: TradingRules

    def __init__(self, venue: str) -> None:
        self.venue = venue

    def prepare(self, instrument: Instrument, spec: OrderSpec) -> Mapping[str, str]:
        """Read, just before `submit`, what a later look-up of this order needs; journaled with the intent.

        Nothing here places anything. Empty where client ids are enough. What `submit` itself needs of it is kept by
        this object under the spec's client id; `submit` without `prepare` prepares by itself.
        """
        del instrument, spec
        return {}

    def admit(self) -> None:
        """Take an order's share of the request budgets, waiting for it until the deadline; before it is written down.

        Raises RateLimited or NotSent; nothing is sent here.
        """

    @abstractmethod
    def submit(self, instrument: Instrument, spec: OrderSpec) -> OrderReport:
        """Send one order, once, after `admit`. `status` is None where the venue only acknowledges it."""

    @abstractmethod
    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order. Raises Refused where it is closed already, OutcomeUnknown where only a look-up tells."""

    def amend(self, ref: OrderRef, current: OrderReport, *, size: Decimal | None, price: Decimal | None) -> OrderReport:
        """Change the size or the price of a resting order in place (`current`: what the venue last said of it)."""
        raise self._unsupported("amending orders")

    @abstractmethod
    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look one order up wherever the venue may have it; None only when the venue says that it has no such order."""

    @abstractmethod
    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List what is open, of every family, all pages; None: of every instrument."""

    @abstractmethod
    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List finished orders that were created since `since_ms`, every family, oldest first, all pages."""

    @abstractmethod
    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List own trades since `since_ms`, oldest first, all pages."""

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield own trades since `since_ms` span by span, oldest span first, so that a reader may stop and go on later.

        Every span is complete when it is yielded, and is yielded also where it is empty; the last one reaches to now.
        """
        now_ms = time.time_ns() // 1_000_000
        yield FillSpan(now_ms, self.fills(instrument, since_ms))

    def traded(self, since_ms: int) -> Traded:
        """Name the instruments with own trades since `since_ms`, those of orders made elsewhere included."""
        del since_ms
        return Traded((), blind=f"{self.venue} lists trades by symbol only.")

    @abstractmethod
    def balances(self) -> list[Balance]:
        """List what is not zero, in every wallet that orders use."""

    @abstractmethod
    def positions(self) -> list[Position]:
        """List open derivative positions of every product."""

    def closing_sizes(self, position: Position) -> list[Decimal]:
        """Say in which sizes reduce-only orders have to close a position: as a whole, unless the venue keeps parts."""
        return [abs(position.size)]

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding paid and received since `since_ms`, oldest first, all pages."""
        raise self._unsupported("funding payments")

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List how positions in an instrument that expires were settled since `since_ms`, oldest first, all pages."""
        raise self._unsupported(f"history of deliveries of {instrument.symbol}")

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List deposits and withdrawals that have gone through since `since_ms`, oldest first, all pages.

        Movements between the wallets that `balances` lists are none.
        """
        raise self._unsupported("history of deposits and withdrawals")

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order of one instrument, every family, as the venue does it in one go."""
        raise self._unsupported("cancel-all call")

    def cancel_after(self, seconds: int | None) -> None:
        """Have the venue cancel everything unless told again within `seconds`; None switches that off."""
        raise self._unsupported("dead-man switch")

    def permissions(self) -> KeyPermissions | None:
        """Ask what the key may do; None where the venue does not tell."""
        return None

    def close(self) -> None:
        """Release sockets of its own."""

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(f"{self.venue} has no {what}.", venue=self.venue)
