"""From symbols on the command line to what is recorded: series, depths that venues allow, rates that budgets allow."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import CrossbookError, Unsupported
from domain.instruments import Instrument
from domain.snapshots import SeriesFacts
from market_data.absent import check_any_open
from market_data.listing import locate, unknown
from market_data.snapshots.rates import Load, check_depth, check_loads, cost_of, load, steady_per_minute, turns
from market_data.snapshots.recording import Job
from market_data.snapshots.taking import Taker

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config


class Wanted(NamedTuple):
    """What to record: symbols as they were written, levels a side, seconds from beat to beat.

    `explicit`: venues were named, so that one without books is an error; `best_effort`: leave seconds out evenly where
    a budget does not allow them all.
    """

    symbols: Sequence[str]
    depth: int
    every_s: int
    explicit: bool = False
    best_effort: bool = False


def jobs(venues: "Venues", config: "Config", wanted: Wanted) -> tuple[list[Job], list[str]]:
    """Find what to record, and what a user should know about it; nothing is asked of a venue.

    Raises:
        UnknownSymbol, AmbiguousSymbol, Retired: no series to record.
        Unsupported: a named venue has no books.
        UsageError: a venue does not give that depth, or not so often.
    """
    from utils.secrets.redaction import redact

    instruments, notes = _instruments(venues, wanted)
    by_venue: dict[str, list[Instrument]] = {}
    for instrument in instruments:
        check_depth(venues.connector(instrument.venue), instrument, wanted.depth)
        by_venue.setdefault(instrument.venue, []).append(instrument)
    loads = {name: _load(venues, name, found, wanted) for name, found in by_venue.items()}
    if not wanted.best_effort:
        check_loads(list(loads.values()), wanted.every_s)
    notes += [
        f"{each.venue}: {turns(loads, each.venue, 0).words(wanted.every_s)}; the other seconds are left out evenly"
        for each in loads.values()
        if each.share < 1
    ]
    found = []
    for name, listed in by_venue.items():
        for place, instrument in enumerate(listed):
            taker = Taker(
                venues.connector(name),
                instrument,
                wanted.depth,
                stale_after_ms=config.stale_after_ms,
                redact=redact,
            )
            found.append(Job(SeriesFacts.of(instrument, wanted.depth), taker, turns(loads, name, place)))
    return found, notes


def _instruments(venues: "Venues", wanted: Wanted) -> tuple[list[Instrument], list[str]]:
    """Find each symbol's instrument at each venue that has it and has books."""
    check_any_open(venues)
    found: dict[tuple[str, str], Instrument] = {}
    notes = [*venues.notes]
    without: dict[str, Unsupported] = {}
    for text in wanted.symbols:
        target = locate(venues.cache, venues.names, text)
        if not target.listed:
            raise _first(venues.failures) or unknown(venues.cache, venues.names, target)
        notes += target.notes
        for name, listed in target.listed.items():
            if venues.connector(name).capabilities.books:
                found.setdefault((name, listed.instrument.symbol), listed.instrument)
            else:
                error = Unsupported(f"{name} has no order books.", venue=name, hint="Choose others with --venue.")
                without.setdefault(name, error)
        if wanted.explicit:
            missing = [name for name in venues.names if name not in target.listed and name not in venues.failures]
            notes += [f"{name} does not list {target.symbol}; it is left out" for name in missing]
    notes += [f"{name} is left out: {error.message}" for name, error in venues.failures.items()]
    if without and (wanted.explicit or not found):
        raise next(iter(without.values()))
    return list(found.values()), notes + [f"{name} has no order books; it is left out" for name in without]


def _load(venues: "Venues", name: str, instruments: Sequence[Instrument], wanted: Wanted) -> Load:
    connector = venues.connector(name)
    costs = [cost_of(connector, instrument, wanted.depth) for instrument in instruments]
    return load(name, costs, wanted.every_s, steady_per_minute(connector, venues.config.venues[name]))


def _first(failures: "dict[str, CrossbookError]") -> CrossbookError | None:
    return next(iter(failures.values()), None)
