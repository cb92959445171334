"""Deriv's private calls: connections that are logged in with a token, reads on them, and frames that are sent once.

Sources: config/v3 of github.com/binary-com/deriv-api-docs (authorize, buy, sell), and the server's own published code:
a limit, a wrong frame, a missing login and a missing scope are refused before anything else is done
(Binary WebSocketAPI, Hooks: before_forward).
"""

import json
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from connectors.trading import check_in_time, share_of
from connectors.venues.deriv import MAX_IDLE_S, MAX_SKIPPED
from connectors.venues.deriv_errors import ERRORS
from domain.errors import (
    BadAnswer,
    CredentialsError,
    CrossbookError,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unauthorized,
)
from domain.money import to_decimal
from domain.time import read_ms

if TYPE_CHECKING:
    from connectors.venues.deriv import Deriv
    from connectors.websocket import WebSocket

T = TypeVar("T")
Row = Mapping[str, Any]

REFUSALS = frozenset(
    {
        "AuthorizationRequired", "ClientUnwelcome", "ContractBuyValidationError", "ContractCreationFailure",
        "InputValidationFailed", "InsufficientBalance", "InvalidAppID", "InvalidCurrency", "InvalidOfferings",
        "InvalidSymbol", "InvalidToken", "InvalidtoBuy", "InvalidtoSell", "MarketIsClosed", "NoBusiness",
        "NotDefaultCurrency", "OfferingsValidationError", "OpenPositionLimit", "OpenPositionLimitExceeded",
        "PermissionDenied", "PriceMoved", "RateLimit", "UnrecognisedRequest",
    }
)  # fmt: skip
"""What says for certain that nothing was bought or sold. Any other code leaves it open: `InvalidContractProposal` is
also the answer to a purchase that was delivered twice, and `WrongResponse` comes when the answer was lost inside."""


class CallRefused(Refused):
    """Deriv refused a call; `code` is its own."""

    def __init__(self, message: str, *, venue: str, code: str) -> None:
        super().__init__(message, venue=venue)
        self.code = code


class Line:
    """One connection that is logged in. `account` is what `authorize` told; used by one thread at a time."""

    def __init__(self, venue: str, connection: "WebSocket") -> None:
        self._venue = venue
        self._connection = connection
        self._req_id = 0
        self.closed = False
        self.account: Row = {}

    @property
    def is_fresh(self) -> bool:
        """Tell whether the server cannot have closed it yet for its silence."""
        return time.monotonic() - self._connection.used_at < MAX_IDLE_S

    def ask(self, request: Row, *, deadline: float) -> Row:
        """Ask and wait for the answer; whatever goes wrong closes the connection, but a refusal.

        Raises:
            CallRefused, or what `deriv.ERRORS` makes of the code: the venue refused.
            Unavailable: there was no answer, or none that can be read.
        """
        answer = self.exchange(request, deadline=deadline)
        code, said = self.error(answer)
        if not code:
            return answer
        text = f"{self._venue} refused {next(iter(request))}: {said} ({code})"
        kind = ERRORS.get(code)
        if kind is None or kind is Refused:
            raise CallRefused(text, venue=self._venue, code=code)
        raise kind(text, venue=self._venue)

    def exchange(self, request: Row, *, deadline: float) -> Row:
        """Send one frame and return the answer to it, a refusal included. Raises Unavailable."""
        self._req_id += 1
        try:
            self._connection.send(json.dumps({**request, "req_id": self._req_id}), deadline=deadline)
            return self._answer(deadline)
        except BaseException:
            self.close()
            raise

    def error(self, answer: Row) -> tuple[str, str]:
        """Return code and words of an error, empty where there is none. Raises BadAnswer."""
        error = answer.get("error")
        if error is None:
            return "", ""
        if not isinstance(error, dict) or not isinstance(error.get("code"), str):
            raise BadAnswer(f"{self._venue} sent an error without a code.", venue=self._venue)
        return error["code"], str(error.get("message", "no reason given"))[:200]

    def close(self) -> None:
        """Close the connection; what was offered on it is gone."""
        self.closed = True
        self._connection.close()

    def _answer(self, deadline: float) -> Row:
        for _ in range(MAX_SKIPPED):
            text = self._connection.receive(deadline=deadline)
            try:
                frame = json.loads(text, parse_float=str)
            except (ValueError, RecursionError) as error:
                raise BadAnswer(f"{self._venue} sent an answer that is not JSON.", venue=self._venue) from error
            if isinstance(frame, dict) and frame.get("req_id") == self._req_id:
                return frame
        raise BadAnswer(f"{self._venue} sent no answer among many frames.", venue=self._venue)


class PrivateCalls:
    """The private calls of one account, through the transport, guard and keys of the venue's connector."""

    def __init__(self, connector: "Deriv") -> None:
        self.venue = connector.venue
        self.context = connector.context
        self.currency = ""
        """That of the account; known once something was asked."""
        self._url = connector.url
        self._idle: list[Line] = []
        self._lock = Lock()

    def read(self, request: Row, parse: Callable[[Row], T], *, cost: float = 1.0) -> T:
        """Make a read within the guard, which asks again after a passing failure, and parse its answer there."""
        line, found = self.read_on(request, parse, cost=cost)
        self.give_back(line)
        return found

    def read_on(self, request: Row, parse: Callable[[Row], T], *, cost: float = 1.0) -> tuple[Line, T]:
        """Make a read and return the connection as well: it is the caller's until it is given back or closed."""
        deadline = self.context.deadline()

        def attempt() -> tuple[Line, T]:
            line = self._take(deadline)
            try:
                answer = line.ask(request, deadline=deadline)
            except CrossbookError:
                self.give_back(line)
                raise
            try:
                return line, parse(answer)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                line.close()
                what = f"an answer of an unexpected shape ({type(error).__name__}: {error})"
                raise BadAnswer(f"{self.venue} sent {what}.", venue=self.venue) from error

        return self.context.guard.read(attempt, cost=cost, deadline=deadline)

    def once(self, line: Line, request: Row, parse: Callable[[Row], T]) -> T:
        """Send a frame that buys or sells, one time, on a connection of the caller, which is given back or closed.

        Raises:
            NotSent: the time was over before.
            Refused: the venue said for certain that nothing was done.
            OutcomeUnknown: everything else.
        """
        deadline, call = share_of(self.context.deadline()), next(iter(request))

        def attempt() -> T:
            if time.monotonic() >= deadline:
                line.close()
                raise NotSent(f"The time was over before {self.venue} was told to {call}.", venue=self.venue)
            try:
                check_in_time()
                answer = line.exchange(request, deadline=deadline)
                code, said = line.error(answer)
                found = None if code else parse(answer)
            except NotSent:
                line.close()
                raise
            except CrossbookError as error:
                raise self._unknown(f"{call} had no answer that can be read: {error.message}") from error
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                line.close()
                raise self._unknown(f"{call} had an answer of an unexpected shape ({error})") from error
            self.give_back(line)
            if found is not None:
                return found
            text = f"{said} ({code})"
            if code not in REFUSALS:
                raise self._unknown(f"{call} was answered with: {text}")
            kind = ERRORS.get(code, Refused)
            kind = kind if issubclass(kind, Refused) else Refused
            raise kind(f"{self.venue} refused to {call}: {text}", venue=self.venue)

        return self.context.guard.once(attempt, deadline=deadline)

    def account(self) -> Row:
        """Tell what `authorize` says of the account now."""
        deadline = self.context.deadline()

        def attempt() -> Row:
            line = self._open(deadline)
            self.give_back(line)
            return line.account

        return self.context.guard.read(attempt, deadline=deadline)

    def give_back(self, line: Line) -> None:
        """Keep a connection for the next call, unless it is closed."""
        if not line.closed:
            with self._lock:
                self._idle.append(line)

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def _unknown(self, text: str) -> OutcomeUnknown:
        return OutcomeUnknown(f"{self.venue}: {text}", venue=self.venue, hint="Look the order up.")

    def _take(self, deadline: float) -> Line:
        while True:
            with self._lock:
                line = self._idle.pop() if self._idle else None
            if line is None:
                return self._open(deadline)
            if line.is_fresh:
                return line
            line.close()

    def _open(self, deadline: float) -> Line:
        """Connect and log in."""
        from connectors.websocket import HandshakeRefused, WebSocket

        credentials = self.context.credentials()
        if credentials is None:
            raise CredentialsError(
                f"There are no keys for {self.venue} in the environment {self.context.environment}.",
                venue=self.venue,
                hint="Set the login id as the key and an API token as the secret (README.md, Keys).",
            )
        try:
            line = Line(self.venue, WebSocket(self.context.http, self._url, deadline=deadline))
        except HandshakeRefused as error:
            raise Unauthorized(
                f"{error.message} The app_id may be unknown to it.", hint=f"Set venues.{self.venue}.options.app_id."
            ) from error
        try:
            line.account = self._logged_in(line.ask({"authorize": credentials.secret}, deadline=deadline))
            if line.account["loginid"] == credentials.key:
                self.currency = str(line.account["currency"])
                return line
        except BaseException:
            line.close()
            raise
        line.close()
        raise CredentialsError(
            f"The token belongs to the {self.venue} account {line.account['loginid']}, not to the one of the key.",
            venue=self.venue,
            hint="The key is the login id of the account (CR…, VRTC…), the secret its API token.",
        )

    def _logged_in(self, answer: Row) -> Row:
        account = answer.get("authorize")
        if isinstance(account, dict) and all(isinstance(account.get(n), str) for n in ("loginid", "currency")):
            return account
        raise BadAnswer(f"{self.venue} logged us in without saying where.", venue=self.venue)


class Offer(NamedTuple):
    """A proposal: what it costs, and when it was made (epoch milliseconds, the venue's clock)."""

    id: str
    price: Decimal
    at_ms: int


def read_offer(row: Row) -> Offer:
    """Read a proposal."""
    return Offer(str(row["id"]), to_decimal(row["ask_price"]), read_ms(row["date_start"]) * 1000)


def read_receipt(row: Row) -> tuple[int, int | None]:
    """Read contract id and time (epoch ms) of a purchase or a sale."""
    return int(row["contract_id"]), read_ms(row["purchase_time"]) * 1000 if "purchase_time" in row else None
