"""What a ccxt exception tells us, per operation. One table; a test walks ccxt's own hierarchy against it.

The table is keyed by class name, so that it can be read without importing ccxt; of an exception's class and its
bases, the nearest that has a row decides.

What an answer's status says is stronger than ccxt's class: ccxt raises `ExchangeNotAvailable` for a geo-block
(HTTP 451), and `DDoSProtection` for a ban (HTTP 418) as well as for a rate limit.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import (
    BadAnswer,
    ConfigError,
    CrossbookError,
    GeoBlocked,
    Maintenance,
    NotListed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    TimedOut,
    Unauthorized,
    Unavailable,
    Unsupported,
)

if TYPE_CHECKING:
    from connectors.http import Response

ErrorType = type[CrossbookError]


class Operation(Enum):
    """What was being done: a read may be asked again, an order must be looked up first."""

    READ = "read"
    SUBMIT = "submit"
    CANCEL = "cancel"


class Row(NamedTuple):
    """The domain error per operation."""

    read: ErrorType
    submit: ErrorType
    cancel: ErrorType


def _always(kind: ErrorType) -> Row:
    return Row(kind, kind, kind)


def _unknown_unless_read(kind: ErrorType) -> Row:
    return Row(kind, OutcomeUnknown, OutcomeUnknown)


TABLE: Mapping[str, Row] = {
    "BaseError": _unknown_unless_read(Refused),
    "ExchangeError": _unknown_unless_read(Refused),
    "AuthenticationError": _always(Unauthorized),
    "PermissionDenied": _always(Unauthorized),
    "AccountNotEnabled": _always(Unauthorized),
    "AccountSuspended": _always(Unauthorized),
    # Raised by ccxt itself before anything is sent, and for some venues' codes: nothing happened either way.
    "ArgumentsRequired": _always(Refused),
    # Some venues send it for a client order id that an earlier try has used, so a submit has to be looked up.
    "BadRequest": _unknown_unless_read(Refused),
    "BadSymbol": _always(NotListed),
    "OperationRejected": _always(Refused),
    "NoChange": _always(Refused),
    "MarginModeAlreadySet": _always(Refused),
    "MarketClosed": _always(Refused),
    "ManualInteractionNeeded": _always(Refused),
    "RestrictedLocation": Row(GeoBlocked, Refused, Refused),
    "InsufficientFunds": _always(Refused),
    "InvalidAddress": _always(Refused),
    "AddressPending": _always(Refused),
    "InvalidOrder": _always(Refused),
    # Filled, cancelled, or not there yet: only a look-up tells.
    "OrderNotFound": Row(Refused, OutcomeUnknown, OutcomeUnknown),
    "OrderNotCached": Row(Refused, Refused, OutcomeUnknown),
    "OrderImmediatelyFillable": _always(Refused),
    "OrderNotFillable": _always(Refused),
    # An earlier try has landed.
    "DuplicateOrderId": Row(Refused, OutcomeUnknown, Refused),
    "ContractUnavailable": _always(NotListed),
    "NotSupported": _always(Unsupported),
    "InvalidProxySettings": _always(NotSent),
    "ExchangeClosedByUser": _unknown_unless_read(Unavailable),
    "OperationFailed": _unknown_unless_read(Unavailable),
    "NetworkError": _unknown_unless_read(Unavailable),
    "DDoSProtection": _unknown_unless_read(RateLimited),
    "RateLimitExceeded": _unknown_unless_read(RateLimited),
    "ExchangeNotAvailable": _unknown_unless_read(Unavailable),
    "OnMaintenance": _unknown_unless_read(Maintenance),
    # The venue looks at the time stamp before anything else: an order with a wrong one was never looked at.
    "InvalidNonce": Row(Unavailable, Refused, Refused),
    "ChecksumError": _unknown_unless_read(BadAnswer),
    "RequestTimeout": _unknown_unless_read(TimedOut),
    "BadResponse": _unknown_unless_read(BadAnswer),
    "NullResponse": _unknown_unless_read(BadAnswer),
    "CancelPending": _unknown_unless_read(Unavailable),
    "UnsubscribeError": _unknown_unless_read(Unavailable),
}

_HINTS: Mapping[ErrorType, str] = {
    Unauthorized: "Check the key, its permissions and its address list: python main.py doctor",
    GeoBlocked: "The venue does not serve this place; use another venue.",
    OutcomeUnknown: "Look the order up before doing anything else.",
    NotListed: "Refresh the instrument lists: python main.py symbols refresh",
}
_GEO_WORDS = re.compile(
    r"restricted (?:location|region|countr)|restricted from|your (?:country|region|location|current area|jurisdiction)"
    r"|(?:country|region|location|jurisdiction)s? (?:is|are) (?:not|un)|block access from your|unavailable for legal"
    r"|not available in your|\bU\.?S\.? (?:ip|person|user)",
    re.IGNORECASE,
)
_MAINTENANCE_WORDS = re.compile(r"maintenance|system upgrad|being upgraded|upgrading", re.IGNORECASE)
_SIGNED = re.compile(r"((?:signature|sign|apikey|api_key|access_token|passphrase)=)[^&\s]+", re.IGNORECASE)
# Cloudflare's "you are being rate limited", in front of several venues.
_LIMITED_WORDS = re.compile(r"error code: 1015\b|being rate limited", re.IGNORECASE)
_CLOCK_WORDS = re.compile(r"time[ -_]?stamp|recv_?window", re.IGNORECASE)
_CLOCK_HINT = "This machine's clock and the venue's differ; this measures it, and allows for it: python main.py doctor"
_TITLE = re.compile(r"<title>([^<]{1,120})</title>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_LONGEST = 240
_READ = 20_000
_LONGEST_WAIT_S = 7 * 86_400


def translate(
    error: BaseException, operation: Operation, venue: str, answer: "Response | None" = None, words: str | None = None
) -> CrossbookError:
    """Say in the project's terms what a ccxt exception (or one of ours that passed through ccxt) means.

    Args:
        answer: the venue's answer, where there was one: its status and headers add what ccxt drops.
        words: the venue's own words, where they are known; else those of the exception.

    The result's cause is the exception. Anything that is no ccxt exception and none of ours was raised by code
    that could not read the answer.
    """
    if isinstance(error, CrossbookError):
        return _ours(error, operation, venue)
    kind = _kind(error, operation)
    text = tidy(words or str(error) or type(error).__name__)
    if answer is not None and operation is Operation.READ:
        kind = _by_answer(kind, answer)
    found = _build(kind, text, venue, answer)
    found.__cause__ = error
    return found


def about_clocks(error: CrossbookError) -> CrossbookError:
    """Point at the clock where a venue refused a request for its time stamp; the error is returned."""
    if isinstance(error, (Refused, Unavailable)) and _CLOCK_WORDS.search(error.message):
        error.hint = _CLOCK_HINT
    return error


def tidy(text: str) -> str:
    """Shorten a venue's words to one line of printable text, without signatures or known secrets."""
    from utils.secrets.redaction import redact

    line = " ".join(redact(_SIGNED.sub(r"\1[hidden]", text[:_READ])).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line[: _LONGEST + 1])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def page_words(body: bytes) -> str:
    """Say what a body that is no JSON shows: the title of a page, or the beginning of a text."""
    text = body[:_READ].decode("utf-8", "replace")
    title = _TITLE.search(text)
    if title is not None:
        return f"a page titled {title[1].strip()!r}"
    plain = " ".join(_TAG.sub(" ", text).split())
    return plain[:80] or "an empty answer"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds a venue asks to wait (`Retry-After`), or None."""
    try:
        wait = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return wait if 0 <= wait < _LONGEST_WAIT_S else None


def _kind(error: BaseException, operation: Operation) -> ErrorType:
    for base in type(error).__mro__:
        row = TABLE.get(base.__name__)
        if row is not None and base.__module__.startswith("ccxt."):
            return {Operation.READ: row.read, Operation.SUBMIT: row.submit, Operation.CANCEL: row.cancel}[operation]
    return BadAnswer if operation is Operation.READ else OutcomeUnknown


def _by_answer(kind: ErrorType, answer: "Response") -> ErrorType:
    head = answer.body[:4096].decode("utf-8", "replace")
    if answer.status == 451 or (answer.status == 403 and _GEO_WORDS.search(head)):
        return GeoBlocked
    if answer.status in (418, 429) or (answer.status >= 400 and _LIMITED_WORDS.search(head)):
        return RateLimited
    if issubclass(kind, (Unavailable, Refused)) and not issubclass(kind, (RateLimited, Unauthorized)):
        if _GEO_WORDS.search(head) and answer.status >= 400:
            return GeoBlocked
        if _MAINTENANCE_WORDS.search(head) and kind in (Unavailable, Refused):
            return Maintenance
        if kind is Refused and answer.status >= 500:
            return Unavailable
    return kind


def _build(kind: ErrorType, text: str, venue: str, answer: "Response | None") -> CrossbookError:
    status = f"HTTP {answer.status}, " if answer is not None and answer.status != 200 else ""
    message = f"{venue}: {status}{text}"
    if issubclass(kind, RateLimited):
        wait = retry_after_s(answer.headers) if answer is not None else None
        # 418 says so; 403 is what a venue's doorkeeper answers with when it shuts an address out.
        banned = answer is not None and answer.status in (403, 418)
        return kind(message, venue=venue, hint=_HINTS.get(kind), retry_after_s=wait, banned=banned)
    return kind(message, venue=venue, hint=_HINTS.get(kind))


def _ours(error: CrossbookError, operation: Operation, venue: str) -> CrossbookError:
    """Keep one of our errors, except that an order of which no answer came has an unknown outcome."""
    if error.venue is None:
        error.venue = venue
    sent = isinstance(error, Unavailable) and type(error).__name__ not in _NEVER_SENT
    if operation is Operation.READ or not sent or isinstance(error, ConfigError):
        return error
    found = OutcomeUnknown(error.message, venue=venue, hint=_HINTS[OutcomeUnknown])
    found.__cause__ = error
    return found


_NEVER_SENT = frozenset({"ConnectFailed", "ConnectTimedOut"})
"""Errors of our transport that mean that no byte of the request was sent."""
