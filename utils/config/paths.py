"""Where state, caches and configuration live on this machine.

`CROSSBOOK_HOME` moves all three under one folder; otherwise the XDG base directories decide.
"""

import os
import re
from pathlib import Path

from domain.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent


def state_dir() -> Path:
    """Return the folder of what must not be lost (0700, made when missing)."""
    return _made(_place("state", "XDG_STATE_HOME", ".local/state"))


def cache_dir() -> Path:
    """Return the folder of what can be fetched again (0700, made when missing)."""
    return _made(_place("cache", "XDG_CACHE_HOME", ".cache"))


def environment_file(folder: str, environment_key: str) -> Path:
    """Return where the SQLite file of an environment (`live`, `sim/synthetic-7`) is in a folder of the state."""
    name = re.sub(r"[^\w.-]", lambda found: f"%{ord(found[0]):02x}", environment_key, flags=re.ASCII)
    return state_dir() / folder / f"{name.replace('%2f', '+')}.sqlite"


def config_files() -> list[Path]:
    """List the configuration files, the weaker first: the project's, then the user's. They need not exist."""
    home = os.environ.get("CROSSBOOK_HOME")
    if home:
        user = Path(home) / "config.yaml"
    else:
        user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "crossbook" / "config.yaml"
    return [PROJECT_ROOT / "config.yaml", user]


def _place(name: str, variable: str, fallback: str) -> Path:
    home = os.environ.get("CROSSBOOK_HOME")
    if home:
        return Path(home) / name
    return Path(os.environ.get(variable) or Path.home() / fallback) / "crossbook"


def _made(path: Path) -> Path:
    """Make the folder when it is missing.

    Raises:
        ConfigError: it cannot be made.
    """
    if not path.is_dir():
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder {path} cannot be made: {error.strerror}.",
                hint="Make room for it, or name another place with CROSSBOOK_HOME.",
            ) from error
    return path
