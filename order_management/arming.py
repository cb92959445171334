"""Arming: a file that says until when, up to what sum and for what orders may be sent where that has to be said.

Only its owner may write it; it is written whole, or not at all. Who can write it could arm trading, so a file that
others may write is no permission.
"""

import json
import os
import secrets
import stat
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.errors import ConfigError
from domain.money import BadNumber, plain, to_decimal
from utils.config.paths import state_dir

MAX_BYTES = 10_000


@dataclass(frozen=True)
class Armed:
    """For what trading is armed. `max_notional` is in dollars; no `venues` or `symbols` means all (times: epoch ns)."""

    environment: str
    armed_ns: int
    until_ns: int
    max_notional: Decimal
    venues: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()

    def holds(self, now_ns: int) -> bool:
        """Tell whether it is in force; a clock that was set back ends it, too."""
        return self.armed_ns <= now_ns < self.until_ns


def armed_path(environment: str) -> Path:
    """Return where an environment's file is; it need not exist."""
    return state_dir() / f"armed-{environment}.json"


def read_armed(environment: str) -> Armed | None:
    """Read for what an environment is armed, be it over or not; None where it is not.

    Raises:
        ConfigError: the file is damaged, or somebody else may have written it.
    """
    path = armed_path(environment)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _untrusted(path, f"it cannot be opened ({error.strerror})") from error
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _untrusted(path, "it is no file")
        if found.st_uid != os.getuid():
            raise _untrusted(path, "it belongs to another user")
        if found.st_mode & 0o022:
            raise _untrusted(path, "other users can write it")
        content = stream.read(MAX_BYTES + 1)
    try:
        armed = _armed(json.loads(content))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _untrusted(path, "it is damaged") from error
    if armed.environment != environment:
        raise _untrusted(path, f"it is for {armed.environment[:20]!r}")
    return armed


def arm(armed: Armed) -> None:
    """Write it down; what was in force before is over.

    Raises:
        ConfigError: it cannot be written; what was in force still is.
    """
    path = armed_path(armed.environment)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    data = {
        "environment": armed.environment,
        "armed_ns": armed.armed_ns,
        "until_ns": armed.until_ns,
        "max_notional": plain(armed.max_notional),
        "venues": list(armed.venues),
        "symbols": list(armed.symbols),
    }
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, json.dumps(data).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror}.", hint="Trading was not armed.") from error


def disarm(environment: str) -> bool:
    """Take the permission back, whatever the file holds; answer whether there was one.

    Raises:
        ConfigError: the file cannot be removed.
    """
    path = armed_path(environment)
    try:
        path.unlink()
        _sync(path.parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be removed: {error.strerror}.", hint="Trading may still be armed: remove the file yourself."
        ) from error
    return True


def _armed(data: Any) -> Armed:
    if not isinstance(data, dict) or set(data) != set(Armed.__dataclass_fields__):
        raise ValueError("other fields")
    if not all(type(data[name]) is int for name in ("armed_ns", "until_ns")):
        raise ValueError("no times")
    limit = data["max_notional"]
    if not isinstance(limit, str) or not isinstance(data["environment"], str):
        raise ValueError("no text")
    try:
        max_notional = to_decimal(limit)
    except BadNumber as error:
        raise ValueError("no number") from error
    lists = (data["venues"], data["symbols"])
    if max_notional <= 0 or not all(isinstance(item, str) for found in lists for item in list(found)):
        raise ValueError("no limits")
    times = (data["armed_ns"], data["until_ns"])
    return Armed(data["environment"], *times, max_notional, tuple(lists[0]), tuple(lists[1]))


def _untrusted(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} is no permission to trade: {why}.",
        hint="Nothing was sent. Remove it with: trade disarm; then arm anew.",
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
