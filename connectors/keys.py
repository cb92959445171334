"""The keys that a signed request needs, or an error that names the variables to set."""

from typing import TYPE_CHECKING

from domain.errors import CredentialsError

if TYPE_CHECKING:
    from utils.secrets import Credentials


def required_keys(
    venue: str, environment: str, found: "Credentials | None", *, needs_passphrase: bool = False
) -> "Credentials":
    """Return the keys that were found, once they are complete.

    Raises:
        CredentialsError: there are none, or the passphrase is missing where the venue wants one.
    """
    from utils.secrets.credentials import variables

    if found is not None and (found.passphrase or not needs_passphrase):
        return found
    key, secret, passphrase = variables(venue, environment)
    if found is not None:
        raise CredentialsError(
            f"The credentials of {venue} are half given: {passphrase} is missing in {found.source}.",
            venue=venue,
            hint=f"Set {key}, {secret} and {passphrase}: {venue} wants all three.",
        )
    names = f"{key}, {secret} and {passphrase}" if needs_passphrase else f"{key} and {secret}"
    raise CredentialsError(
        f"There are no keys for {venue} in the environment {environment}.",
        venue=venue,
        hint=f"Set {names} (README.md, Keys), or use --env sim or --env paper.",
    )
