"""Where an environment's ledger is."""

from pathlib import Path

from utils.config.paths import environment_file


def ledger_path(environment_key: str) -> Path:
    """Return where the ledger of an environment (`live`, `sim/synthetic-7`) is; its folder need not exist.

    Raises:
        ConfigError: the state folder cannot be made.
    """
    return environment_file("ledger", environment_key)
