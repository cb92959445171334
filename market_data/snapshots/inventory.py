"""What is in a store, by its keys alone: manifests and files of each series and day, and what is not ours."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.errors import UsageError
from domain.snapshots import Series
from market_data.snapshots.layout import ROOT, folder_key, is_day, manifest_key, read_file_key, read_manifest_key
from utils.persistence.sinks.base import Sink, Stat

FOREIGN_KEPT = 1000
"""How many keys of other people's objects are remembered; further ones are only counted."""


class Place(NamedTuple):
    """One series on one UTC day (`2026-11-21`); sorted by series, then by day."""

    series: Series
    day: str

    @property
    def manifest_key(self) -> str:
        """Name the manifest."""
        return manifest_key(self.series, self.day)


@dataclass
class Held:
    """What a listing shows of a place: whether there is a manifest, and the size in bytes of each file by its key."""

    place: Place
    manifest: bool = False
    files: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Sum up the sizes of the files."""
        return sum(self.files.values())


@dataclass
class Inventory:
    """A store as a listing shows it. `foreign` are keys that are none of ours; `foreign_count` counts all of them."""

    places: dict[Place, Held] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    foreign_count: int = 0

    def add(self, found: Stat) -> None:
        """Take a listed object in."""
        name = read_file_key(found.key)
        whose = read_manifest_key(found.key)
        if name is not None:
            self._held(name.series, name.day).files[found.key] = found.size
        elif whose is not None:
            self._held(*whose).manifest = True
        else:
            self.foreign_count += 1
            if len(self.foreign) < FOREIGN_KEPT:
                self.foreign.append(found.key)

    def chosen(self, wanted: Collection[Series], since: str | None = None) -> list[Held]:
        """Return what there is of these series (none: of all) from that day on, by series and day.

        Raises:
            UsageError: there is nothing of a series that was asked for.
        """
        there = {place.series for place in self.places}
        for series in sorted(wanted):
            if series not in there:
                raise UsageError(f"The store has nothing of {series}.", hint=_nearest(series, there))
        return [
            self.places[place]
            for place in sorted(self.places)
            if (not wanted or place.series in wanted) and (since is None or place.day >= since)
        ]

    def _held(self, series: Series, day: str) -> Held:
        place = Place(series, day)
        return self.places.setdefault(place, Held(place))


def take_inventory(sink: Sink, *, everything: bool = False) -> Inventory:
    """List a store: what is below `order_books/`, or with `everything` all of it, so that what is not ours is known.

    Raises:
        StoreError: it does not answer.
    """
    inventory = Inventory()
    for found in sink.list("" if everything else f"{ROOT}/"):
        inventory.add(found)
    return inventory


def look_again(sink: Sink, place: Place) -> Held:
    """List one place anew.

    Raises:
        StoreError: the store does not answer.
    """
    inventory = Inventory()
    for found in sink.list(folder_key(place.series, place.day)):
        inventory.add(found)
    return inventory.places.get(place, Held(place))


def days_of(sink: Sink) -> list[str]:
    """Name the days that a store has something of, in order.

    Raises:
        StoreError: it does not answer.
    """
    return [name for name in sink.folders(f"{ROOT}/") if is_day(name)]


def grouped(held: Iterable[Held]) -> Iterator[tuple[Series, list[Held]]]:
    """Group what is sorted by series."""
    from itertools import groupby

    for series, places in groupby(held, key=lambda each: each.place.series):
        yield series, list(places)


def _nearest(series: Series, there: Collection[Series]) -> str:
    import difflib

    names = {f"{each.venue}:{each.symbol}" for each in there}
    near = difflib.get_close_matches(f"{series.venue}:{series.symbol}", names, n=3, cutoff=0.5)
    return f"Nearest: {', '.join(near)}." if near else "See what it has: snapshot list."
