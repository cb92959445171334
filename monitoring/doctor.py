"""Checking everything a command relies on, each finding with its remedy."""

import os
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import ConfigError, CrossbookError, RateLimited
from domain.time import rfc3339
from market_data.ask import ask_all
from utils.config.paths import cache_dir, state_dir

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.registry import Venues

OK = "ok"
WARNING = "warning"
WRONG = "wrong"

CLOCK_WARNING_MS = 500
CLOCK_WRONG_MS = 5000
"""Binance, Bybit and KuCoin refuse signed requests about this far off."""
LOW_DISK_BYTES = 500_000_000


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, how it is, what was seen, and what to do about it."""

    check: str
    state: str
    seen: str
    remedy: str | None = None


def examine(venues: "Venues", deadline: float) -> list[Finding]:
    """Run every check; venues are asked side by side until the deadline (time.monotonic seconds)."""
    found = [Finding("configuration", OK, f"environment {venues.environment}, {len(venues.names)} venues enabled")]
    found += [_python(), *_folders()]
    if venues.environment == "sim":
        found.append(Finding("simulator", OK, f"serves {venues.cache.environment_key.partition('/')[2]}"))
    for name in venues.names:
        found += [_keys(venues, name), _market_cache(venues, name)]
    answers = ask_all({name: partial(_reach, venues, name) for name in venues.names}, deadline)
    for name, answer in answers.items():
        if answer.value is not None:
            found += answer.value
        elif answer.error is not None:
            found.append(_unreachable(name, answer.error))
    return found


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.dont_write_bytecode or os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return Finding("python", WARNING, f"{version}, byte-code is not kept", "Unset PYTHONDONTWRITEBYTECODE.")
    return Finding("python", OK, version)


def _folders() -> list[Finding]:
    found = []
    for label, folder in (("state folder", state_dir()), ("cache folder", cache_dir())):
        found.append(_folder(label, folder))
    return found


def _folder(label: str, folder: Path) -> Finding:
    probe = folder / f".doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return Finding(label, WRONG, f"{folder}: {error.strerror}", "Free space, or make it writable.")
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        return Finding(label, WARNING, f"{folder}: {free / 1e6:.0f} MB free", "Free some space.")
    return Finding(label, OK, f"{folder}: {free / 1e9:.1f} GB free")


def _keys(venues: "Venues", name: str) -> Finding:
    from utils.secrets import credentials_source

    try:
        source = credentials_source(name, venues.environment)
    except CrossbookError as error:
        return Finding(f"{name}: keys", WRONG, error.message, error.hint)
    return Finding(f"{name}: keys", OK, f"from {source}" if source else "none (market data needs none)")


def _market_cache(venues: "Venues", name: str) -> Finding:
    fetched_ms = venues.cache.fetched_at_ms(name)
    remedy = f"Run: python main.py symbols refresh --venue {name}"
    if fetched_ms is None:
        failure = venues.failures.get(name)
        return Finding(f"{name}: instruments", WRONG, failure.message if failure else "no list yet", remedy)
    state = OK if venues.cache.is_fresh(name) else WARNING
    seen = f"{len(venues.cache.symbols(name))} listed, from {rfc3339(fetched_ms)}"
    return Finding(f"{name}: instruments", state, seen, None if state == OK else remedy)


def _reach(venues: "Venues", name: str) -> list[Finding]:
    connector = venues.connector(name)
    connector.fetch_clock_ms()  # the connection is set up before the clocks are compared
    offset_ms, trip_ms = venues.clocks.measure(connector)
    found = [Finding(f"{name}: reachable", OK, f"answers in {trip_ms:.0f} ms")]
    size = abs(offset_ms)
    state = OK if size < CLOCK_WARNING_MS else WARNING if size < CLOCK_WRONG_MS else WRONG
    remedy = None if state == OK else "Set this machine's clock (NTP); signed requests would be refused."
    found.append(Finding(f"{name}: clock", state, f"{offset_ms:+d} ms against ours (±{trip_ms / 2:.0f} ms)", remedy))
    return found + _permissions(venues, name) + _maintenance(connector, name)


def _permissions(venues: "Venues", name: str) -> list[Finding]:
    """Ask what the key may do, and remember it for the orders of the next day."""
    from connectors.key_permissions import remember

    check = f"{name}: permissions"
    try:
        credentials = venues.place.keys(name)
        told = None if credentials is None else venues.trading(name).permissions()
    except ConfigError:
        return []  # told under `keys`
    except CrossbookError as error:
        return [Finding(check, WRONG, error.message, error.hint or "Check the key, and its list of addresses.")]
    if credentials is None or told is None:
        return [] if credentials is None else [Finding(check, OK, "the venue does not tell what the key may do")]
    remember(state_dir(), name, credentials, told)
    if told.withdraw:
        return [Finding(check, WARNING, "the key may withdraw", "Take that permission away: trading needs none.")]
    if not told.trade:
        return [Finding(check, WARNING, "the key may not trade", "Allow it at the venue, if orders are to be sent.")]
    return [Finding(check, OK, "the key may read and trade, and not withdraw")]


def _maintenance(connector: "Connector", name: str) -> list[Finding]:
    """Report announced maintenance; some venues allow the question once in seconds only, which is no trouble."""
    check = f"{name}: maintenance"
    try:
        words = connector.fetch_maintenance()
    except RateLimited as error:
        return [Finding(check, WARNING, f"not told: {error.message}", "Ask again in a few seconds.")]
    return [Finding(check, WARNING, words, "Wait, or leave it out with --venue.")] if words else []


def _unreachable(name: str, error: CrossbookError) -> Finding:
    remedies = {
        "geo_blocked": "The venue does not serve this place; disable it in the configuration.",
        "unauthorized": "Check the venue's key, its permissions and its address list.",
        "maintenance": "Wait, or leave it out with --venue.",
        "rate_limited": "Wait; `python main.py ratelimit` shows until when.",
    }
    remedy = error.hint or remedies.get(
        error.category, "Check the network, a proxy or firewall, and the venue's status page."
    )
    return Finding(f"{name}: reachable", WRONG, f"{error.category}: {error.message}", remedy)
