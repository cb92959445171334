"""The configuration as flat rows, for showing."""

from collections.abc import Mapping
from typing import Any

from utils.config.settings import Config

_FILE_NAMES = {"class_path": "class"}


def flattened(config: Config, *, everything: bool) -> list[tuple[str, Any, str]]:
    """List `(key, value, origin)` in the configuration's own names; only keys somebody set, unless `everything`."""
    rows: list[tuple[str, Any]] = [
        (name, getattr(config, name)) for name in ("environment", "timeout_s", "stale_after_ms", "market_ttl_h")
    ]
    rows += _section("reference", config.reference)
    rows += _section("simulator", config.simulator)
    rows += _section("paper", config.paper)
    rows += _section("policy", config.policy)
    rows += [("storage.path", config.storage.path), *_section("storage.s3", config.storage.s3)]
    for name, settings in config.venues.items():
        rows += _section(f"venues.{name}", settings)
    found = [(key, value, config.origin(key)) for key, value in rows]
    return [row for row in found if everything or row[2] != "default"]


def _section(prefix: str, settings: Any) -> list[tuple[str, Any]]:
    return [
        (f"{prefix}.{_FILE_NAMES.get(name, name)}", _plainly(value))
        for name, value in settings._asdict().items()
        if name != "name"
    ]


def _plainly(value: Any) -> Any:
    """Show lists and mappings as the file writes them."""
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
