"""Client order ids: what an order is known by before any venue has seen it."""

import os
import re
import time

from domain.errors import UsageError

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's 32, in order, so that ids sort as the times that they begin with."""
_PREFIX = "cb"
_PLACES = 26
"""Base-32 places: 48 bits of time (epoch ms) and 80 of chance, as a ULID has them."""


def new_client_id() -> str:
    """Make an id that no other process makes: 28 lower-case letters and digits, later ones sorting after earlier."""
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    return _PREFIX + _written(number)


def derived_id(*parts: object) -> str:
    """Make the id that these parts always give (a batch's name and a row, say), of the shape of `new_client_id`."""
    import hashlib

    # Each part's length goes first: ("ab", "c") and ("a", "bc") are different intents.
    text = "".join(f"{len(part)}:{part}" for part in map(str, parts))
    return _PREFIX + _written(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") >> 126)


def check_client_id(text: str, pattern: str, venue: str) -> str:
    """Return the id when the venue's rule (a pattern that the whole id has to match) lets it pass.

    Raises:
        UsageError: the venue would refuse it.
    """
    if re.fullmatch(pattern, text) is None:
        raise UsageError(
            f"{venue} does not take the client id {text!r}: it has to match {pattern}.",
            venue=venue,
            hint="Leave the id out to get one that fits.",
        )
    return text


def _written(number: int) -> str:
    return "".join(_LETTERS[number >> 5 * place & 31] for place in range(_PLACES - 1, -1, -1))
