"""What Deriv's error codes mean, on public and private calls alike."""

from collections.abc import Mapping

from domain.errors import (
    CrossbookError,
    Maintenance,
    MarketClosed,
    NotListed,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)

ERRORS: Mapping[str, type[CrossbookError]] = {
    "InvalidSymbol": NotListed,
    "MarketIsClosed": MarketClosed,
    "RateLimit": RateLimited,
    "AuthorizationRequired": Unauthorized,
    "InvalidToken": Unauthorized,
    "PermissionDenied": Unauthorized,
    "InvalidAppID": Unauthorized,
    "ServiceUnavailable": Maintenance,
    "WrongResponse": Unavailable,
    "InternalServerError": Unavailable,
    "InputValidationFailed": Refused,
    "UnrecognisedRequest": Refused,
}
"""Deriv's codes; one that is not here is a refusal as well."""
