"""Parts of positions that no trade in the journal explains, and that the user has accepted as they are.

An account may have held a position before its orders were written down here, and a future is delivered without a trade.
What was accepted is kept beside the journal, so that only what changes afterwards is a difference again.
"""

import json
import os
from decimal import Decimal
from pathlib import Path

from domain.errors import ConfigError
from domain.money import BadNumber, plain, to_decimal

Unexplained = dict[tuple[str, str], Decimal]
"""Venue and symbol -> signed size (lot unit) beyond what our trades add up to."""


def accepted_path(journal: Path) -> Path:
    """Name the file that goes with a journal."""
    return journal.with_suffix(".accepted.json")


def load_accepted(path: Path) -> Unexplained:
    """Read what was accepted; nothing where there is no file.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        rows = json.loads(path.read_bytes())
        return {(str(row["venue"]), str(row["symbol"])): to_decimal(row["size"]) for row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, BadNumber) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}.", hint="Delete it and accept again: order reconcile --accept."
        ) from error


def save_accepted(path: Path, accepted: Unexplained) -> None:
    """Write what is accepted now, all at once and durably.

    Raises:
        ConfigError: it cannot be written; what was there before still is.
    """
    rows = [
        {"venue": venue, "symbol": symbol, "size": plain(size)}
        for (venue, symbol), size in sorted(accepted.items())
        if size
    ]
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with draft.open("w", encoding="utf-8") as stream:
            draft.chmod(0o600)
            json.dump(rows, stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
