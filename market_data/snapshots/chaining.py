"""The manifests of a store, and whether each day's goes on from the one before it."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.exit_codes import ExitCode
from market_data.snapshots.inventory import Held, Place
from market_data.snapshots.layout import manifest_key
from market_data.snapshots.manifest import Manifest, from_bytes
from market_data.snapshots.parquet import DamagedFile, SchemaError
from market_data.snapshots.proof import ALTERED, MISSING, UNREADABLE, Finding
from utils.persistence.sinks.base import Sink, StoreMissing, StoreUnavailable

AT_ONCE = 8
"""How many manifests are asked for side by side."""


class Link(NamedTuple):
    """A day's manifest as it was read (`text`), or what is wrong with it. `there`: the store has one."""

    place: Place
    there: bool
    text: bytes | None = None
    manifest: Manifest | None = None
    finding: Finding | None = None


def link_of(sink: Sink, held: Held) -> Link:
    """Read a day's manifest, if the listing showed one.

    Raises:
        StoreError: the store refuses to give it.
    """
    place, key = held.place, held.place.manifest_key
    if not held.manifest:
        return Link(place, there=False)
    try:
        text = sink.read(key)
    except StoreMissing:
        return Link(place, there=False)
    except StoreUnavailable as error:
        return Link(place, True, finding=Finding(UNREADABLE, key, error.message, ExitCode.UNAVAILABLE))
    try:
        manifest = from_bytes(text, key)
    except SchemaError as error:
        return Link(place, True, text, finding=Finding(UNREADABLE, key, error.message, ExitCode.CONFIGURATION))
    except DamagedFile as error:
        return Link(place, True, text, finding=Finding(ALTERED, key, error.message))
    if (manifest.series, manifest.day) != place:
        what = f"{key} is the manifest of {manifest.series} on {manifest.day}."
        return Link(place, True, text, finding=Finding(ALTERED, key, what))
    return Link(place, True, text, manifest)


def manifests_of(sink: Sink, places: Sequence[Held]) -> dict[Place, Link]:
    """Read the manifests of these places, several side by side.

    Raises:
        StoreError: the store refuses to give one.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {link.place: link for link in pool.map(lambda held: link_of(sink, held), places)}


def chain_findings(manifest: Manifest, earlier: Link | None) -> list[Finding]:
    """Say where a day does not go on from the last earlier day of its series that the store has a manifest of."""
    key, before = manifest_key(manifest.series, manifest.day), manifest.previous
    if before is None:
        if earlier is None:
            return []
        return [Finding(ALTERED, key, f"{key} says that it is the first day; there is {earlier.place.day}.")]
    if earlier is None or earlier.place.day < before.day:
        lost = manifest_key(manifest.series, before.day)
        return [Finding(MISSING, lost, f"{lost} is not there; {manifest.day} goes on from it.")]
    if earlier.place.day > before.day:
        what = f"{key} goes on from {before.day}, as if there were no {earlier.place.day}."
        return [Finding(ALTERED, key, what)]
    found = earlier.manifest
    if found is not None and (found.content, found.chain) != (before.content, before.chain):
        return [Finding(ALTERED, key, f"{key} goes on from another {before.day} than the store has.")]
    return []
