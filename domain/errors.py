"""Errors that say what we know. A test compares this drawing with the classes below.

CrossbookError
├── UsageError
│   ├── UnknownSymbol
│   └── AmbiguousSymbol
├── ConfigError
│   └── CredentialsError
├── NotSent
├── Refused
│   ├── Unauthorized
│   ├── Unsupported
│   ├── NotListed
│   └── Retired
├── OutcomeUnknown
├── Unavailable
│   ├── TimedOut
│   ├── RateLimited
│   ├── Maintenance
│   ├── GeoBlocked
│   ├── MarketClosed
│   └── BadAnswer
├── StaleData
└── PolicyDenied
"""

from collections.abc import Sequence

from domain.exit_codes import ExitCode


class CrossbookError(Exception):
    """Base of all errors a user may see: one sentence, what it concerns, and what to do (`hint`)."""

    category = "internal"
    exit_code = ExitCode.INTERNAL
    retryable = False

    def __init__(self, message: str, *, venue: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.venue = venue
        self.hint = hint


class UsageError(CrossbookError):
    """The command was asked for something that makes no sense; nothing was done."""

    category = "usage"
    exit_code = ExitCode.USAGE


class UnknownSymbol(UsageError):
    """No venue that was asked lists this symbol; `nearest` are the closest known ones."""

    category = "unknown_symbol"

    def __init__(self, message: str, *, nearest: Sequence[str] = (), venue: str | None = None) -> None:
        hint = f"Nearest: {', '.join(nearest)}." if nearest else "List them with: symbols list."
        super().__init__(message, venue=venue, hint=hint)
        self.nearest = tuple(nearest)


class AmbiguousSymbol(UsageError):
    """The input names several instruments; `candidates` are their canonical symbols."""

    category = "ambiguous_symbol"

    def __init__(self, message: str, *, candidates: Sequence[str], venue: str | None = None) -> None:
        super().__init__(message, venue=venue, hint=f"Say which: {', '.join(candidates)}.")
        self.candidates = tuple(candidates)


class ConfigError(CrossbookError):
    """The configuration, a plug-in or the state directory is unusable."""

    category = "configuration"
    exit_code = ExitCode.CONFIGURATION


class CredentialsError(ConfigError):
    """Keys are missing, half-given or unreadable."""

    category = "credentials"


class NotSent(CrossbookError):
    """Nothing left this process, so nothing happened at the venue."""

    category = "not_sent"
    exit_code = ExitCode.UNAVAILABLE


class Refused(CrossbookError):
    """The venue said no; nothing happened there."""

    category = "refused"
    exit_code = ExitCode.REFUSED


class Unauthorized(Refused):
    """The venue refused the key, the signature, the address or the permission."""

    category = "unauthorized"


class Unsupported(Refused):
    """The venue has no such thing (a book at Deriv, funding on a spot market)."""

    category = "unsupported"


class NotListed(Refused):
    """The venue does not list the instrument."""

    category = "not_listed"


class Retired(Refused):
    """The venue has closed, as the configuration records."""

    category = "retired"


class OutcomeUnknown(CrossbookError):
    """The request may or may not have taken effect: ask the venue before doing anything else."""

    category = "outcome_unknown"
    exit_code = ExitCode.OUTCOME_UNKNOWN


class Unavailable(CrossbookError):
    """A read got no usable answer; asking again may help."""

    category = "unavailable"
    exit_code = ExitCode.UNAVAILABLE
    retryable = True


class TimedOut(Unavailable):
    """No answer within the time that was left."""

    category = "timeout"


class RateLimited(Unavailable):
    """The venue, or our own budget for it, asks us to wait `retry_after_s` seconds (None: not said)."""

    category = "rate_limited"
    exit_code = ExitCode.RATE_LIMITED

    def __init__(
        self,
        message: str,
        *,
        venue: str | None = None,
        hint: str | None = None,
        retry_after_s: float | None = None,
        banned: bool = False,
    ) -> None:
        super().__init__(message, venue=venue, hint=hint)
        self.retry_after_s = retry_after_s
        self.banned = banned
        self.retryable = not banned


class Maintenance(Unavailable):
    """The venue says that it is under maintenance."""

    category = "maintenance"
    retryable = False


class GeoBlocked(Unavailable):
    """The venue does not serve the place this machine is in."""

    category = "geo_blocked"
    retryable = False


class MarketClosed(Unavailable):
    """The market is outside its trading hours; there is no price now, and the venue is well."""

    category = "market_closed"
    retryable = False


class BadAnswer(Unavailable):
    """The answer could not be understood: not JSON, cut off, or of an unexpected shape."""

    category = "bad_answer"


class StaleData(CrossbookError):
    """The data is older, or has more gaps, than was allowed."""

    category = "stale"
    exit_code = ExitCode.VERIFICATION_FAILED


class PolicyDenied(CrossbookError):
    """A local policy check said no; nothing was sent."""

    category = "denied"
    exit_code = ExitCode.DENIED_BY_POLICY
