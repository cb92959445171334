"""Which venues of a run can hold anything of ours: those with keys, or with a broker of this environment."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from connectors.environments import place
from domain.errors import CredentialsError, CrossbookError, Refused
from utils.config.paths import state_dir

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config


class Skipped(NamedTuple):
    """A venue that is not asked, and why."""

    venue: str
    reason: str


def venues_with_accounts(
    venues: "Venues", known: Callable[[str], bool], *, named: bool
) -> tuple[list[str], list[Skipped]]:
    """Split the venues of this run into those to ask, and those where nothing of ours can be.

    Args:
        known: tells of a venue whether something of ours was there before; it is asked even where it has no keys now.
        named: the user named the venues; then each is asked, and what is missing is an error of its own.

    Raises:
        CredentialsError: there is none to ask.

    Keys that are there but cannot be used are an error of their venue, never a reason to skip it.
    """
    asked, skipped = [], []
    for venue in venues.names:
        reason = None if named or known(venue) else _nothing_there(venues, venue)
        if reason is None:
            asked.append(venue)
        else:
            skipped.append(Skipped(venue, reason))
    if not asked:
        raise CredentialsError(
            f"No venue has keys in the environment {venues.environment}; none was asked.",
            hint="Set them as README.md says under Keys, or use --env sim or --env paper.",
        )
    return asked, skipped


def venues_with_keys(config: "Config") -> set[str]:
    """Name the enabled venues that have keys in this environment (on paper none has), without opening any."""
    where = place(config.environment, state_dir(), [])
    enabled = [name for name, settings in config.venues.items() if settings.enabled and not settings.retired]
    found = set()
    for name in enabled if where.broker is None else ():
        try:
            if where.keys(name) is not None:
                found.add(name)
        except CredentialsError:
            found.add(name)  # half given: there is an account
    return found


def _nothing_there(venues: "Venues", venue: str) -> str | None:
    failure = venues.failures.get(venue)
    if isinstance(failure, Refused):
        return failure.message
    if venues.place.broker is not None:
        return None
    try:
        found = venues.place.keys(venue)
    except CrossbookError:
        return None
    return "there are no keys" if found is None else None
