"""What every order command works with: venues and their private halves, the journal, the policy and a deadline."""

import time
from collections.abc import Callable
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING

from connectors.accounts import Skipped, venues_with_accounts
from connectors.trading import NO_IDS, OrderRef, Trading
from domain.errors import NotListed, Unsupported
from domain.instruments import Instrument
from domain.orders import REGULAR, TRIGGER, TRIGGERED
from market_data.listing import locate, unknown
from order_management.costs import Look

if TYPE_CHECKING:
    from connectors.registry import Venues
    from order_management.journal import Journal, JournalOrder
    from order_management.policy.chain import Policy
    from utils.config.settings import Config

DEPTH = 100
"""How many levels of the book an order is held against."""


class Desk:
    """One run's order desk. Clocks are replaced in tests."""

    def __init__(
        self,
        venues: "Venues",
        config: "Config",
        journal: "Journal",
        policy: "Policy",
        deadline: Callable[[], float],
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Wire it; `deadline` answers until when (time.monotonic seconds) the running command may wait."""
        self.venues = venues
        self.config = config
        self.environment = config.environment
        self.journal = journal
        self.policy = policy
        self.deadline = deadline
        self.clock_ns = clock_ns
        self._looks: dict[tuple[str, str], Look] = {}
        self._mids: dict[str, tuple[Decimal, int]] = {}
        self._everywhere: Venues | None = None
        self._lock = Lock()
        self._instruments: dict[tuple[str, str], Instrument] = {}

    def with_accounts(self, *, named: bool) -> tuple[list[str], list[Skipped]]:
        """Split the venues of this run as `connectors.accounts` says; the journal tells where orders of ours were."""
        return venues_with_accounts(
            self.venues, lambda venue: bool(self.journal.orders(venue=venue, limit=1)), named=named
        )

    def trading(self, venue: str) -> Trading:
        """Give a venue's private half."""
        return self.venues.trading(venue)

    def instrument(self, venue: str, symbol: str) -> Instrument:
        """Find the instrument that a symbol (canonical, or the venue's own id) means at a venue.

        Raises:
            UnknownSymbol, AmbiguousSymbol: naming what is near.
            NotListed: the venue lists it in other units than were asked for.
        """
        known = self._instruments.get((venue, symbol))
        if known is None:
            known = self._instruments[venue, symbol] = self._found(venue, symbol)
        return known

    def _found(self, venue: str, symbol: str) -> Instrument:
        found = self.venues.cache.find(venue, symbol)
        if found is not None:
            return found
        if venue in self.venues.failures:
            raise self.venues.failures[venue]
        target = locate(self.venues.cache, [venue], symbol)
        listed = target.listed.get(venue)
        if listed is None:
            raise unknown(self.venues.cache, [venue], target)
        if listed.rescaled:
            raise NotListed(
                f"{venue} lists {listed.instrument.symbol}, which counts in other units than {symbol}.",
                venue=venue,
                hint=f"Order {listed.instrument.symbol}.",
            )
        return listed.instrument

    def look(self, instrument: Instrument, max_age_ms: int = 0) -> Look:
        """See the venue's market now, or as it was at most `max_age_ms` ago."""
        key = (instrument.venue, instrument.symbol)
        kept = self._looks.get(key)
        if kept is not None and self.clock_ns() - kept.quote.received_at_ns <= max_age_ms * 1_000_000:
            return kept
        connector = self.venues.connector(instrument.venue)
        try:
            book = connector.fetch_book(instrument, DEPTH)
            seen = Look(book.quote(), book)
        except Unsupported:
            seen = Look(connector.fetch_quote(instrument), None)
        self._looks[key] = seen
        return seen

    def consolidated_mid(self, symbol: str) -> Decimal | None:
        """Find the middle over all enabled venues, those too that this command is not about; None where none tells.

        It is asked for again when it is older than the quotes that orders may be judged by.
        """
        from market_data.consolidated import all_venues, consolidated_mid

        max_age_ms = self.policy.max_quote_age_ms or 0
        with self._lock:
            kept = self._mids.get(symbol)
            if kept is not None and self.clock_ns() - kept[1] <= max_age_ms * 1_000_000:
                return kept[0]
            if self._everywhere is None:
                self._everywhere = all_venues(self.config, self.venues)
            self._everywhere.start(self.deadline())
            asked_ns = self.clock_ns()
            mid = consolidated_mid(self._everywhere, self.config, self.deadline(), symbol)
            if mid is not None:
                self._mids[symbol] = (mid, asked_ns)
            return mid

    def ref(self, order: "JournalOrder") -> OrderRef:
        """Say which order is meant, with all that is known of it."""
        record, state = order.record, order.state
        family = TRIGGER if record.spec.type in TRIGGERED else REGULAR
        return OrderRef(
            instrument=self.instrument(record.venue, record.symbol),
            order_id=state.order_id,
            client_id=record.spec.client_id,
            family=family,
            facts=self._facts(order) if self.trading(record.venue).rules.client_id_unique == NO_IDS else {},
            since_ms=self.venue_ms(record.venue, record.created_ns // 1_000_000),
        )

    def venue_ms(self, venue: str, ours_ms: int) -> int:
        """Give a moment of our clock (epoch ms) in the venue's time, or earlier: lists are asked from it on."""
        return ours_ms + min(0, self.venues.connector(venue).context.clock_offset_ms())

    def _facts(self, order: "JournalOrder") -> dict[str, str]:
        """Collect what tells an order apart where the venue knows no client ids, and what belongs to other orders."""
        record = order.record
        facts = dict(record.asked.get("facts") or {})
        for event in self.journal.events(record.client_id):
            facts |= event.data.get("facts") or {}
        others = (
            other.state.order_id
            for other in self.journal.orders(venue=record.venue)
            if other.record.client_id != record.client_id
        )
        return facts | {"claimed": ",".join(order_id for order_id in others if order_id and order_id.isdigit())}
