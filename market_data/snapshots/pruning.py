"""Deleting what is old: the files of rows go, each day's manifest stays, and with it the chain over all days."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.errors import CrossbookError
from domain.snapshots import Series
from market_data.snapshots.chaining import manifests_of
from market_data.snapshots.inventory import Held, Place, take_inventory
from market_data.snapshots.manifest import Manifest, change_for_good
from utils.persistence.sinks.base import Sink, StoreConflict


class Prunable(NamedTuple):
    """A day's files that would go: how many, their bytes and rows. `begun`: an interrupted pruning is finished."""

    place: Place
    files: int
    bytes: int
    rows: int
    begun: bool


class Plan(NamedTuple):
    """What would be deleted, and why some days cannot be (sentences)."""

    days: Sequence[Prunable]
    left_alone: Sequence[str]


@dataclass
class Pruned:
    """What became of a day."""

    day: Prunable
    error: CrossbookError | None = None


def plan_pruning(sink: Sink, wanted: Collection[Series], last_day: str) -> Plan:
    """Find what there is of these series (none: all) up to a day, this included.

    Raises:
        StoreError: the store does not answer.
        UsageError: there is nothing of a series that was asked for.
    """
    chosen = [held for held in take_inventory(sink).chosen(wanted) if held.place.day <= last_day]
    links = manifests_of(sink, chosen)
    days, left_alone = [], []
    for held in chosen:
        link = links[held.place]
        if link.manifest is not None:
            days += _prunable(held, link.manifest)
        elif link.finding is not None:
            left_alone.append(link.finding.what)
        else:
            left_alone.append(f"{held.place.series} on {held.place.day} has files and no manifest.")
    return Plan(days, left_alone)


def prune(sink: Sink, days: Sequence[Prunable]) -> list[Pruned]:
    """Delete the files of these days. First the manifest says so: an interrupted run is then finished by the next."""
    return [_pruned(sink, day) for day in days]


def _prunable(held: Held, manifest: Manifest) -> list[Prunable]:
    there = [entry for entry in manifest.files if entry.key in held.files]
    if not manifest.files or (manifest.pruned and not there):
        return []
    size = sum(held.files[entry.key] for entry in there)
    return [Prunable(held.place, len(there), size, manifest.rows, manifest.pruned)]


def _pruned(sink: Sink, day: Prunable) -> Pruned:
    place = day.place
    try:
        manifest = change_for_good(sink, place.series, place.day, _marked)
        for entry in manifest.files:
            sink.delete(entry.key)
    except CrossbookError as error:
        return Pruned(day, error)
    return Pruned(day)


def _marked(found: Manifest | None) -> Manifest:
    if found is None:
        raise StoreConflict("The manifest went away meanwhile.", hint="Run snapshot verify.")
    return found._replace(pruned=True)
