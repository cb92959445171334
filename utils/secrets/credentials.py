"""Finding a venue's keys.

Names: `<VENUE>_API_KEY`, `<VENUE>_API_SECRET`, `<VENUE>_API_PASSPHRASE`; on testnets `<VENUE>_TESTNET_API_KEY` and
so on; ccxt's own `<VENUE>_APIKEY`, `<VENUE>_SECRET`, `<VENUE>_PASSWORD` are taken where the first are absent.
"""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from domain.errors import CredentialsError
from utils.config.paths import PROJECT_ROOT
from utils.secrets.redaction import remember

KEYRING_SERVICE = "crossbook"


class Credentials:
    """A venue's key, secret and (some venues) passphrase. Neither repr nor str shows them."""

    __slots__ = ("key", "passphrase", "secret", "source")

    def __init__(self, key: str, secret: str, passphrase: str | None, source: str) -> None:
        self.key = key
        self.secret = secret
        self.passphrase = passphrase
        self.source = source

    def __repr__(self) -> str:
        return f"Credentials(from {self.source})"


def credentials_for(venue: str, environment: str) -> Credentials | None:
    """Find a venue's credentials: environment, then `.env`, then the keyring; None where there are none.

    Raises:
        CredentialsError: when only half of them are given, or the `.env` file can be read by others.
    """
    for source, lookup in _sources():
        for names in _names(venue, environment):
            key, secret, passphrase = (lookup(name) for name in names)
            if key and secret:
                for value in (key, secret, passphrase):
                    remember(value or "")
                return Credentials(key, secret, passphrase or None, source)
            if key or secret:
                missing = names[1] if key else names[0]
                raise CredentialsError(
                    f"The credentials of {venue} are half given: {missing} is missing in {source}.",
                    venue=venue,
                    hint=f"Set both {names[0]} and {names[1]}, or neither.",
                )
    return None


def credentials_source(venue: str, environment: str) -> str | None:
    """Name where a venue's credentials are found, or None. Never their value."""
    found = credentials_for(venue, environment)
    return found.source if found else None


def find_secret(name: str) -> str | None:
    """Find one secret by its name: environment, then `.env`, then the keyring; it is redacted from now on.

    Raises:
        CredentialsError: the `.env` file can be read by others, or not at all.
    """
    for _, lookup in _sources():
        value = lookup(name)
        if value:
            remember(value)
            return value
    return None


def variables(venue: str, environment: str) -> tuple[str, str, str]:
    """Name the variables in which a venue's key, secret and passphrase are looked for first."""
    return _names(venue, environment)[0]


def _names(venue: str, environment: str) -> list[tuple[str, str, str]]:
    prefix = venue.upper().replace("-", "_")
    if environment == "testnet":
        return [(f"{prefix}_TESTNET_API_KEY", f"{prefix}_TESTNET_API_SECRET", f"{prefix}_TESTNET_API_PASSPHRASE")]
    return [
        (f"{prefix}_API_KEY", f"{prefix}_API_SECRET", f"{prefix}_API_PASSPHRASE"),
        (f"{prefix}_APIKEY", f"{prefix}_SECRET", f"{prefix}_PASSWORD"),
    ]


def _sources() -> list[tuple[str, Callable[[str], str | None]]]:
    return [
        ("the environment", os.environ.get),
        (".env", lambda name: _env_file().get(name)),
        ("the keyring", _from_keyring),
    ]


def _env_file() -> Mapping[str, str | None]:
    path = PROJECT_ROOT / ".env"
    home = os.environ.get("CROSSBOOK_HOME")
    if home:
        path = Path(home) / ".env"
    try:
        mode = path.stat().st_mode
    except OSError:
        return {}
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        raise CredentialsError(f"{path} can be read by other users.", hint=f"Run: chmod 600 {path}")
    from dotenv import dotenv_values

    try:
        return dotenv_values(path, interpolate=False)
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{path} cannot be read as text.", hint="Correct it, or move it away.") from error


def _from_keyring(name: str) -> str | None:
    import keyring
    import keyring.errors

    try:
        return keyring.get_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError:
        # No usable keyring on this machine (servers have none): the same as an empty one.
        return None
