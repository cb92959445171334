"""What each key may do, as its venue told `doctor`: remembered for a day, so that no order has to wait for the answer.

A key is written down as a digest only, from which it cannot be read.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.orders import KeyPermissions

if TYPE_CHECKING:
    from utils.secrets import Credentials

KNOWN_FOR_MS = 24 * 3_600_000
"""An older answer is no longer believed: permissions are changed on the venue's site."""
FILE = "keys.json"


def remember(folder: Path, venue: str, credentials: "Credentials", told: KeyPermissions) -> None:
    """Keep what a venue said about a key in the state folder; where it cannot be written it is asked again."""
    known = _read(folder / FILE)
    known[_digest(venue, credentials)] = {**told._asdict(), "asked_ms": time.time_ns() // 1_000_000}
    made = folder / f"{FILE}.{os.getpid()}"
    with suppress(OSError):
        made.touch(mode=0o600)
        made.write_text(json.dumps(known))
        made.replace(folder / FILE)


def remembered(folder: Path, venue: str, credentials: "Credentials") -> KeyPermissions | None:
    """Answer what a venue said about a key within the last day, or None."""
    row: Any = _read(folder / FILE).get(_digest(venue, credentials))
    try:
        age_ms = time.time_ns() // 1_000_000 - row["asked_ms"]
        return KeyPermissions(row["read"], row["trade"], row["withdraw"]) if 0 <= age_ms < KNOWN_FOR_MS else None
    except (TypeError, KeyError):
        return None


def _digest(venue: str, credentials: "Credentials") -> str:
    import hashlib

    return f"{venue}:{hashlib.sha256(f'{venue}:{credentials.key}:{credentials.secret}'.encode()).hexdigest()[:32]}"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
