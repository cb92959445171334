"""What an error of a request that changes something means for the journal: nothing was sent, refused, or unknown."""

from typing import Any, NamedTuple

from domain.errors import (
    ConfigError,
    CrossbookError,
    NotSent,
    PolicyDenied,
    RateLimited,
    Refused,
    Unsupported,
    UsageError,
)
from order_management import order_states as states

NOTHING_SENT = (NotSent, RateLimited, ConfigError, UsageError, Unsupported, PolicyDenied)
"""Errors after which no byte of the request has left this machine."""


class Kinds(NamedTuple):
    """The events of one kind of request: it was not sent, it was refused, its outcome is unknown."""

    not_sent: str
    refused: str
    unknown: str


SUBMIT = Kinds(states.NOT_SENT, states.REFUSED, states.UNKNOWN)
CANCEL = Kinds(states.CANCEL_NOT_SENT, states.CANCEL_REFUSED, states.CANCEL_UNKNOWN)
AMEND = Kinds(states.AMEND_NOT_SENT, states.AMEND_REFUSED, states.AMEND_UNKNOWN)


def outcome_of(error: BaseException, kinds: Kinds) -> tuple[str, dict[str, Any]]:
    """Say which event an error is, with the words for it; what is not certain is unknown."""
    words = error.message if isinstance(error, CrossbookError) else type(error).__name__
    data = {"error": getattr(error, "category", "interrupted"), "reason": words}
    if isinstance(error, NOTHING_SENT):
        return kinds.not_sent, data
    return (kinds.refused if isinstance(error, Refused) else kinds.unknown), data
