"""Signed calls of a venue's ccxt class: what changes something is called once, reads are guarded as all reads are."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from connectors.ccxt_errors import Operation, about_clocks, translate
from connectors.http import ConnectFailed, ConnectTimedOut
from connectors.keys import required_keys
from connectors.trading import Instruments, Trading, share_of
from domain.errors import CredentialsError, CrossbookError, NotListed, NotSent, Refused, Unavailable
from domain.instruments import Instrument
from utils.resilience.budget import CANCEL, ORDER

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_connector import CcxtConnector
    from connectors.ccxt_session import CcxtSession

T = TypeVar("T")


class CcxtSigned(Trading):
    """How a ccxt venue's private calls are made.

    Args:
        connector: the venue's public half, whose transport, guard and market store are used.
        instruments: the venue's instruments, from the cache.
    """

    options: ClassVar[Mapping[str, Any]] = {}
    """ccxt options of signed calls: no probe or extra call may precede an order."""
    meanings: ClassVar[Mapping[str, type[CrossbookError]]] = {}
    """What texts in the venue's answer (`"code":-2015`) mean for an order or a cancel, where ccxt says otherwise."""

    def __init__(self, connector: "CcxtConnector", instruments: Instruments) -> None:
        super().__init__(connector.venue)
        self.connector = connector
        self.context = connector.context
        self._instruments = instruments
        self._known: dict[str, Instrument | None] = {}
        self._idle: list[CcxtSession] = []
        self._lock = Lock()

    def admit(self) -> None:
        """Make sure that a ccxt object with keys is at hand, and take an order's share of the budgets.

        In this order: what is let through has to leave then, or the venue would see the share of two moments at one.
        """
        try:
            with self.signing():
                pass
        except Unavailable as error:
            raise NotSent(error.message, venue=self.venue, hint=error.hint) from error
        self._admit(ORDER)

    def change(self, work: Callable[["Exchange"], T], *, lane: str = CANCEL) -> T:
        """Make one call that changes an order, one time: cancels and amendments."""
        self._admit(lane)
        return self.once(Operation.CANCEL, work)

    def once(self, operation: Operation, work: Callable[["Exchange"], T]) -> T:
        """Make one call, one time, and translate what goes wrong; the budgets were asked before.

        Whatever is raised before a request was handed to the transport means that nothing left.
        """

        def attempt() -> T:
            with self.signing() as session:
                before = session.requests
                session.answer = None
                session.until = share_of(self.context.deadline())
                try:
                    return work(session.exchange)
                # ccxt raises its own errors, and anything at all when an answer has an unexpected shape;
                # each is translated, and kept as the cause.
                except Exception as error:
                    found = self.meant_by(error, operation, session, sent=session.requests > before)
                    raise about_clocks(found) from error
                finally:
                    session.until = None

        return self.context.guard.once(attempt, deadline=self.context.deadline())

    def _admit(self, lane: str) -> None:
        self.context.guard.admit_once(
            cost=self.rules.order_cost, deadline=self.context.deadline(), lane=lane, rate=self.rules.order_rate
        )

    def read(self, work: Callable[["Exchange"], T], *, cost: float | None = None, until: float | None = None) -> T:
        """Make a signed read within the guard, which asks again after a passing failure.

        Args:
            until: until when (time.monotonic seconds) all of it may take, where that is before the deadline.
        """

        def attempt() -> T:
            with self.signing() as session:
                session.until = until
                try:
                    return work(session.exchange)
                except CrossbookError:
                    raise
                except Exception as error:
                    raise about_clocks(translate(error, Operation.READ, self.venue, session.answer)) from error
                finally:
                    session.until = None

        cost = self.rules.order_cost if cost is None else cost
        deadline = self.context.deadline() if until is None else min(until, self.context.deadline())
        return self.context.guard.read(attempt, cost=cost, deadline=deadline)

    def ask(self, method: str, *args: Any) -> Any:
        """Make a signed read by a method of the ccxt class."""
        return self.read(lambda exchange: getattr(exchange, method)(*args))

    def reading(self, parse: Callable[..., T], *values: Any) -> T:
        """Run a parser; what it cannot read is a bad answer (of an order: an unknown outcome, see `once`)."""
        return self.connector.reading(parse, *values)

    def instrument(self, symbol: str) -> Instrument:
        """Find an instrument of the venue by its canonical symbol. Raises NotListed."""
        found = self.known(symbol)
        if found is None:
            raise NotListed(f"{self.venue} lists no {symbol}.", venue=self.venue)
        return found

    def known(self, symbol: str) -> Instrument | None:
        """Find an instrument of the venue, or None."""
        if symbol not in self._known:
            self._known[symbol] = self._instruments.find(symbol)
        return self._known[symbol]

    def meant_by(self, error: Exception, operation: Operation, session: "CcxtSession", *, sent: bool) -> CrossbookError:
        """Say what an error of an order or a cancel means; a venue that has codes of its own looks at them, too.

        Args:
            sent: a request was handed to the transport before it was raised.
        """
        if not sent or isinstance(error, (ConnectFailed, ConnectTimedOut)):
            found = translate(error, Operation.READ, self.venue)
            if isinstance(found, (Refused, NotSent, CredentialsError)):
                return found
            return NotSent(found.message, venue=self.venue, hint=found.hint)
        found = translate(error, operation, self.venue, session.answer)
        for code, kind in self.meanings.items():
            if code in found.message and not isinstance(found, kind):
                return kind(found.message, venue=self.venue, hint=found.hint)
        return found

    @contextmanager
    def signing(self) -> "Iterator[CcxtSession]":
        """Lend a ccxt object that has the keys and finds every market; they are not made for several threads."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = self.opened()
        try:
            yield session
        finally:
            with self._lock:
                self._idle.append(session)

    def require_market(self, instrument: Instrument) -> None:
        """Make sure that ccxt knows a market; it is asked for where our store lacks it.

        Raises:
            NotSent: it does not.
        """
        with self.signing() as session:
            try:
                known = instrument.symbol in session.exchange.markets
            except Exception as error:
                found = translate(error, Operation.READ, self.venue, session.answer)
                raise NotSent(found.message, venue=self.venue, hint=found.hint) from error
        if not known:
            hint = "Refresh the instrument lists: python main.py symbols refresh"
            raise NotSent(f"ccxt knows no market {instrument.symbol} at {self.venue}.", venue=self.venue, hint=hint)

    def opened(self) -> "CcxtSession":
        """Make a ccxt object with the keys, and all markets at hand."""
        from connectors.ccxt_lazy_markets import install
        from connectors.ccxt_session import CcxtSession

        credentials = required_keys(
            self.venue,
            self.context.environment,
            self.context.credentials(),
            needs_passphrase=self.connector.capabilities.needs_passphrase,
        )
        store = self.connector.market_store()
        options = {**self.options, **self.context.settings.options}
        session = CcxtSession(self.connector.exchange_id, self.context, options, self.connector.headers, credentials)
        if store.is_empty():
            store.replace(session.exchange.fetch_markets())
        install(session.exchange, store)
        return session


def is_not_found(error: CrossbookError) -> bool:
    """Tell whether a refusal says that the venue has no such order."""
    return any(type(cause).__name__ == "OrderNotFound" for cause in _causes(error))


def lacks_argument(error: CrossbookError) -> bool:
    """Tell whether ccxt refused a call because the venue wants more to be said (a symbol, of trades)."""
    return any(type(cause).__name__ == "ArgumentsRequired" for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
