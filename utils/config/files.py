"""Reading configuration files: safely, strictly, and without loading a YAML parser when nothing has changed."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.errors import ConfigError
from utils.config.paths import cache_dir

MAX_BYTES = 1_000_000


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping; an absent or empty file is an empty one.

    The parsed form is kept in the cache folder, keyed by the file's path, time and size.

    Raises:
        ConfigError: when others may write the file, or it is unreadable, too large, no YAML, or no mapping.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.", hint="Check its permissions.") from error
    _check_ownership(path, found)
    if found.st_size > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES} bytes.", hint="That is no configuration file.")
    key = [str(path), found.st_mtime_ns, found.st_size]
    cached = cache_dir() / f"config-{path.parent.name}-{path.stem}.json"
    known = _read_cached(cached, key)
    if known is not None:
        return known
    parsed = _parse(path)
    _write_cached(cached, key, parsed)
    return parsed


def _check_ownership(path: Path, found: os.stat_result) -> None:
    others = found.st_mode & stat.S_IWOTH
    strangers = found.st_mode & stat.S_IWGRP and found.st_gid not in (os.getgid(), 0)
    if others or strangers:
        raise ConfigError(
            f"{path} can be written by other users, who could redirect your orders.", hint=f"Run: chmod go-w {path}"
        )


def _parse(path: Path) -> dict[str, Any]:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Safe loader that refuses a key given twice, which YAML would silently let the last one win."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[Any] = set()
            for key_node, _ in node.value:
                name = self.construct_object(key_node, deep=True)
                if not isinstance(name, str):
                    raise ConfigError(f"{path}: key {name!r} (line {key_node.start_mark.line + 1}) is not text.")
                if name in seen:
                    raise ConfigError(f"{path}: key '{name}' is given twice (line {key_node.start_mark.line + 1}).")
                seen.add(name)
            return super().construct_mapping(node, deep=deep)

    try:
        parsed = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 – Loader is a safe loader
    # Some values raise errors of their own kind: `2026-02-30` is no date, and lists may be nested without end.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        line = f" (line {place.line + 1})" if place else ""
        raise ConfigError(f"{path} is not valid YAML{line}.", hint="Correct it, or move it away.") from error
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.", hint="Check its permissions.") from error
    if parsed is None:
        return {}
    if not isinstance(parsed, Mapping):
        raise ConfigError(
            f"{path} holds a {type(parsed).__name__}, not a mapping of keys to values.",
            hint="Its first line should look like `environment: paper`.",
        )
    return json_like(dict(parsed), path)


def json_like(value: dict[str, Any], path: Path) -> dict[str, Any]:
    """Bring dates and other YAML types into what JSON can hold, as text."""
    loaded = json.loads(json.dumps(value, default=str))
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} is not a mapping.")
    return loaded


def _read_cached(cached: Path, key: list[Any]) -> dict[str, Any] | None:
    try:
        content = json.loads(cached.read_bytes())
    except (OSError, ValueError):
        return None
    if isinstance(content, dict) and content.get("key") == key and isinstance(content.get("parsed"), dict):
        return dict(content["parsed"])
    return None


def _write_cached(cached: Path, key: list[Any], parsed: dict[str, Any]) -> None:
    temporary = cached.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps({"key": key, "parsed": parsed}), encoding="utf-8")
        temporary.replace(cached)
    except OSError:
        # The cache only saves time; a full or read-only disk must not stop a read of the market.
        temporary.unlink(missing_ok=True)
