"""A word on stderr about keys that may do more than trading needs."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.registry import Venues
    from utils.config.settings import Config

REMEDY = "Take that permission away from it at the venue: trading does not need it."


def warn_of_withdrawal(venues: "Venues", name: str) -> None:
    """Warn where `doctor` has seen that the key of a venue may withdraw; nobody is asked here."""
    from connectors.key_permissions import remembered
    from utils.config.paths import state_dir

    credentials = venues.place.keys(name)
    told = None if credentials is None else remembered(state_dir(), name, credentials)
    if told is not None and told.withdraw:
        sys.stderr.write(f"WARNING: the key of {name} may withdraw. {REMEDY}\n")


def warn_when_arming(config: "Config", names: "Sequence[str]") -> None:
    """Warn of keys that may withdraw, and say of which nobody has asked today; nobody is asked here, either."""
    if config.environment not in ("testnet", "live"):
        return
    from connectors.key_permissions import remembered
    from domain.errors import CredentialsError
    from utils.config.paths import state_dir
    from utils.secrets import credentials_for

    not_asked = []
    for name in names or [each.name for each in config.venues.values() if each.enabled and not each.retired]:
        try:
            credentials = credentials_for(name, config.environment)
        except CredentialsError:
            continue  # an order will say so
        told = None if credentials is None else remembered(state_dir(), name, credentials)
        if told is not None and told.withdraw:
            sys.stderr.write(f"WARNING: the key of {name} may withdraw. {REMEDY}\n")
        elif credentials is not None and told is None:
            not_asked.append(name)
    if not_asked:
        names_text = ", ".join(not_asked)
        sys.stderr.write(f"What the keys of {names_text} may do was not asked today: python main.py doctor\n")
