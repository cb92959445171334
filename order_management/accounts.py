"""Which venues of a run can hold anything of ours: those with keys, or with a broker of this environment."""

from typing import TYPE_CHECKING, NamedTuple

from domain.errors import CredentialsError, CrossbookError, Refused

if TYPE_CHECKING:
    from order_management.desk import Desk


class Skipped(NamedTuple):
    """A venue that is not asked, and why."""

    venue: str
    reason: str


def venues_with_accounts(desk: "Desk", *, named: bool) -> tuple[list[str], list[Skipped]]:
    """Split the venues of this run into those to ask, and those where nothing of ours can be.

    Args:
        named: the user named the venues; then each is asked, and what is missing is an error of its own.

    Raises:
        CredentialsError: there is none to ask.

    A venue without keys is asked all the same where the journal has orders at it; keys that are there but cannot be
    used are an error of that venue, never a reason to skip it.
    """
    asked, skipped = [], []
    for venue in desk.venues.names:
        reason = None if named or desk.journal.orders(venue=venue, limit=1) else _nothing_there(desk, venue)
        if reason is None:
            asked.append(venue)
        else:
            skipped.append(Skipped(venue, reason))
    if not asked:
        raise CredentialsError(
            f"No venue has keys in the environment {desk.environment}; none was asked.",
            hint="Set them as README.md says under Keys, or use --env sim or --env paper.",
        )
    return asked, skipped


def _nothing_there(desk: "Desk", venue: str) -> str | None:
    failure = desk.venues.failures.get(venue)
    if isinstance(failure, Refused):
        return failure.message
    if desk.venues.place.broker is not None:
        return None
    try:
        found = desk.venues.place.keys(venue)
    except CrossbookError:
        return None
    return "there are no keys" if found is None else None
