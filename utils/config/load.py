"""Putting the configuration together: flag > environment variable > user file > project file > default."""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.errors import ConfigError, UsageError
from domain.money import BadNumber, to_decimal
from utils.config.files import read_mapping
from utils.config.paths import config_files
from utils.config.settings import (
    ENVIRONMENTS,
    Config,
    PaperSettings,
    PolicySettings,
    ReferenceSettings,
    S3Settings,
    SimulatorSettings,
    StorageSettings,
    VenueSettings,
)

Reader = Callable[[str, Any], Any]


def load_config(
    *, environment: str | None = None, timeout_s: float | None = None, config_file: str | None = None
) -> Config:
    """Read, merge and check the configuration; arguments are the command line's flags.

    Args:
        environment: `--env`.
        timeout_s: `--timeout`, seconds.
        config_file: `--config`, read instead of the user's file; it must exist.

    Raises:
        ConfigError: for an unknown key (the nearest is named), a wrong type or value, or an unusable file.
        UsageError: the value of a flag is not allowed.
    """
    files = config_files()
    if config_file is not None:
        if not Path(config_file).is_file():
            raise ConfigError(f"There is no configuration file {config_file}.", hint="Check the path after --config.")
        files[-1] = Path(config_file)
    origins: dict[str, str] = {}
    merged: dict[str, Any] = {}
    for path in files:
        found = read_mapping(path)
        _check_keys(found, TOP_LEVEL, "", path)
        _merge(merged, found, "", str(path), origins)
    for key, variable in VARIABLES.items():
        if os.environ.get(variable):
            merged[key], origins[key] = os.environ[variable], f"environment {variable}"
    for key, flag, value in (("environment", "--env", environment), ("timeout_s", "--timeout", timeout_s)):
        if value is not None:
            merged[key], origins[key] = value, f"flag {flag}"
    return _build(merged, origins)


def _merge(into: dict[str, Any], found: Mapping[str, Any], prefix: str, source: str, origins: dict[str, str]) -> None:
    for key, value in found.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and not name.endswith((".options", ".max_position", ".balances")):
            _merge(into.setdefault(key, {}), value, f"{name}.", source, origins)
        else:
            into[key] = value
            origins[name] = source


def _check_keys(found: Mapping[str, Any], allowed: Mapping[str, Any], prefix: str, path: Path) -> None:
    for key, value in found.items():
        if key not in allowed:
            raise ConfigError(
                f"{path}: unknown key '{prefix}{key}'.", hint=f"The nearest known key is '{_nearest(key, allowed)}'."
            )
        inner = allowed[key]
        if isinstance(inner, Mapping):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{path}: '{prefix}{key}' must be a mapping, not {value!r}.")
            if key == "venues":
                for name, entry in value.items():
                    if not isinstance(entry, Mapping):
                        raise ConfigError(f"{path}: 'venues.{name}' must be a mapping, not {entry!r}.")
                    _check_keys(entry, VENUE, f"venues.{name}.", path)
            else:
                _check_keys(value, inner, f"{prefix}{key}.", path)


def _nearest(key: str, allowed: Mapping[str, Any]) -> str:
    import difflib

    return str((difflib.get_close_matches(key, allowed, n=1, cutoff=0.0) or [next(iter(allowed))])[0])


def _build(merged: Mapping[str, Any], origins: Mapping[str, str]) -> Config:
    def read(section: Mapping[str, Any], schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        values = {}
        for key, value in section.items():
            name = f"{prefix}{key}"
            try:
                values["class_path" if key == "class" else key] = schema[key](name, value)
            except ConfigError as error:
                source = origins.get(name, "the configuration")
                if source.startswith("flag "):
                    flag = source.removeprefix("flag ")
                    raise UsageError(error.message.replace(f"'{name}'", flag), hint=error.hint) from None
                raise ConfigError(f"{source}: {error.message}", hint=error.hint) from None
        return values

    nested = ("venues", "reference", "simulator", "policy", "paper", "storage")
    top = read({k: v for k, v in merged.items() if k not in nested}, TOP_LEVEL, "")
    venues = {}
    for name, entry in merged.get("venues", {}).items():
        settings = read(entry, VENUE, f"venues.{name}.")
        if "class_path" not in settings:
            source = next((found for key, found in origins.items() if key.startswith(f"venues.{name}.")), "default")
            raise ConfigError(
                f"{source}: venue '{name}' has no connector class.",
                hint=f"Add `class: package.module:Class` under venues.{name}.",
            )
        venues[name] = VenueSettings(name=name, **settings)
    policy = PolicySettings(**read(merged.get("policy", {}), POLICY, "policy."))
    for name in policy.allowed_venues or ():
        if name not in venues:
            source = origins.get("policy.allowed_venues", "default")
            raise ConfigError(
                f"{source}: 'policy.allowed_venues' names '{name}', which is no venue of the configuration.",
                hint=f"The nearest known venue is '{_nearest(name, venues)}'.",
            )
    storage = merged.get("storage", {})
    return Config(
        **{**DEFAULTS, **top},
        venues=venues,
        reference=ReferenceSettings(**read(merged.get("reference", {}), REFERENCE, "reference.")),
        simulator=SimulatorSettings(**read(merged.get("simulator", {}), SIMULATOR, "simulator.")),
        policy=policy,
        paper=PaperSettings(**read(merged.get("paper", {}), PAPER, "paper.")),
        storage=StorageSettings(
            **read({k: v for k, v in storage.items() if k != "s3"}, STORAGE, "storage."),
            s3=S3Settings(**read(storage.get("s3", {}), S3, "storage.s3.")),
        ),
        origins=dict(origins),
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"'{name}' must be text, not {value!r}.")
    return str(value)


def _optional_text(name: str, value: Any) -> str | None:
    return None if value is None else _text(name, value)


def _s3_url(name: str, value: Any) -> str | None:
    if value is not None and not _text(name, value).startswith("s3://"):
        raise ConfigError(f"'{name}' must look like s3://bucket/prefix, not {value!r}.")
    return _optional_text(name, value)


def _http_url(name: str, value: Any) -> str | None:
    if value is not None and not _text(name, value).startswith(("http://", "https://")):
        raise ConfigError(f"'{name}' must begin with http:// or https://, not {value!r}.")
    return _optional_text(name, value)


def _class_path(name: str, value: Any) -> str:
    module, separator, attribute = _text(name, value).partition(":")
    if not (separator and module and attribute.isidentifier()):
        raise ConfigError(f"'{name}' must look like package.module:Class, not {value!r}.")
    return str(value)


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"'{name}' must be true or false, not {value!r}.")
    return value


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"'{name}' must be a mapping, not {value!r}.")
    return value


def _environment(name: str, value: Any) -> str:
    if value not in ENVIRONMENTS:
        raise ConfigError(f"'{name}' must be one of {', '.join(ENVIRONMENTS)}, not {value!r}.")
    return str(value)


def _number(low: str, high: str, *, whole: bool = False, optional: bool = False) -> Reader:
    def read(name: str, value: Any) -> Any:
        if optional and value is None:
            return None
        try:
            number = to_decimal(str(value) if isinstance(value, float) else value)
        except BadNumber:
            raise ConfigError(f"'{name}' must be a number, not {value!r}.") from None
        if not Decimal(low) <= number <= Decimal(high) or (whole and number != int(number)):
            kind = "a whole number" if whole else "a number"
            raise ConfigError(f"'{name}' must be {kind} from {low} to {high}, not {value}.")
        return int(number) if whole else number

    return read


def _seconds(low: str, high: str) -> Reader:
    check = _number(low, high)
    return lambda name, value: float(check(name, value))


def _texts(*allowed: str, optional: bool = True) -> Reader:
    """Make the reader of a list of texts, which have to be among those that are allowed, if any are given."""

    def read(name: str, value: Any) -> tuple[str, ...] | None:
        if optional and value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise ConfigError(f"'{name}' must be a list of texts, not {value!r}.")
        for item in value:
            if allowed and item not in allowed:
                raise ConfigError(f"'{name}' may hold {', '.join(allowed)}, not {item!r}.")
        return tuple(value)

    return read


def _by_asset(low: str, high: str) -> Reader:
    """Make the reader of one number for every asset, or of a mapping of assets to numbers."""
    check = _number(low, high)

    def read(name: str, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            return check(name, value)
        return {asset: check(f"{name}.{asset}", number) for asset, number in value.items()}

    return read


def _amounts(name: str, value: Any) -> dict[str, Decimal]:
    check = _number("0", "1000000000000")
    return {str(currency): check(f"{name}.{currency}", amount) for currency, amount in _mapping(name, value).items()}


VARIABLES = {
    "environment": "CROSSBOOK_ENV",
    "timeout_s": "CROSSBOOK_TIMEOUT_S",
    "stale_after_ms": "CROSSBOOK_STALE_AFTER_MS",
    "market_ttl_h": "CROSSBOOK_MARKET_TTL_H",
}
VENUE: dict[str, Any] = {
    "class": _class_path,
    "enabled": _switch,
    "exchange": _optional_text,
    "options": _mapping,
    "taker_fee_bps": _number("-100", "1000", optional=True),
    "maker_fee_bps": _number("-100", "1000", optional=True),
    "requests_per_minute": _number("1", "1000000", whole=True, optional=True),
    "retired": _optional_text,
}
REFERENCE: dict[str, Any] = {
    "class": _class_path,
    "enabled": _switch,
    "max_age_s": _number("1", "86400", whole=True),
}
SIMULATOR: dict[str, Any] = {
    "idle_minutes": _number("1", "10080", whole=True),
    "seed": _number("0", "4294967295", whole=True, optional=True),
    "tape": _optional_text,
    "faults": _optional_text,
}
_DOLLARS = _number("0.01", "1000000000000", optional=True)
POLICY: dict[str, Any] = {
    "allowed_venues": _texts(),
    "allowed_symbols": _texts(),
    "max_rounding_bps": _number("0", "10000", optional=True),
    "duplicate_within_s": _number("0.1", "86400", optional=True),
    "max_orders_per_minute": _number("1", "1000000", whole=True, optional=True),
    "max_open_orders": _number("1", "1000000", whole=True, optional=True),
    "max_order_notional": _DOLLARS,
    "max_day_notional": _DOLLARS,
    "max_quote_age_ms": _number("1", "86400000", whole=True, optional=True),
    "max_book_share": _number("0.0001", "1", optional=True),
    "max_deviation_bps": _number("0.1", "1000000", optional=True),
    "min_balance_left": _DOLLARS,
    "max_position": _by_asset("0", "1000000000000"),
    "require_arming": _texts(*ENVIRONMENTS, optional=False),
}
PAPER: dict[str, Any] = {
    "balances": _amounts,
    "leverage": _number("1", "100", whole=True),
}
S3: dict[str, Any] = {
    "url": _s3_url,
    "endpoint_url": _http_url,
    "region": _optional_text,
    "server_side_encryption": _optional_text,
    "storage_class": _optional_text,
}
STORAGE: dict[str, Any] = {"path": _optional_text, "s3": S3}
TOP_LEVEL: dict[str, Any] = {
    "environment": _environment,
    "timeout_s": _seconds("0.05", "600"),
    "stale_after_ms": _number("1", "86400000", whole=True),
    "market_ttl_h": _seconds("0.001", "8760"),
    "venues": VENUE,
    "reference": REFERENCE,
    "simulator": SIMULATOR,
    "policy": POLICY,
    "paper": PAPER,
    "storage": STORAGE,
}
DEFAULTS: dict[str, Any] = {"environment": "paper", "timeout_s": 10.0, "stale_after_ms": 10_000, "market_ttl_h": 24.0}
