"""Reading every venue's history of our account into the ledger, venues side by side.

Each list is read on from where the ledger has it; every page is kept as soon as it is there, so that a run which ends
early, however it ends, is gone on with by the next. What is read twice is kept once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from connectors.side_by_side import side_by_side
from domain.errors import BadAnswer, CrossbookError
from domain.instruments import Instrument
from monitoring.ledger.ranges import Range
from monitoring.ledger.rows import BLIND, BUSY, RATE, UNLISTED, UNSUPPORTED, Anchor, Gap
from monitoring.ledger.schema import LedgerError
from monitoring.syncing_lists import Reader
from monitoring.syncing_openings import moved_opening, read_state, same_state

if TYPE_CHECKING:
    from connectors.registry import Venues
    from connectors.trading import Trading
    from monitoring.ledger.store import Ledger

Tell = Callable[[str, str], None]
"""Told (venue, what is being done, in words)."""

TRIES = 3
"""How often everything is read until the account stands still for as long as that takes."""
QUIET_MS = 1_000
"""How long before the balances are read nothing may have happened: they may be told a little later than the trades."""
_BY_SYNC = (BLIND, UNLISTED, UNSUPPORTED)
"""Gaps of the stretch that was read: where a sync goes as far back and meets them no more, they are over."""


@dataclass
class Synced:
    """What reading one venue came to. `new` counts by kind what the ledger had not; `gaps` is all it lacks.

    `error` is why the venue could not be read as a whole; what had been read until then is kept.
    """

    venue: str
    since_ms: int
    until_ms: int
    symbols: list[str] = field(default_factory=list)
    new: dict[str, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    opened: bool = False
    """What was there before our history begins was worked out now, for the first time or anew."""
    opened_ms: int | None = None
    error: CrossbookError | None = None

    def count(self, kind: str, number: int) -> None:
        """Add to what is new."""
        self.new[kind] = self.new.get(kind, 0) + number


def sync(
    venues: "Venues",
    ledger: "Ledger",
    names: Sequence[str],
    since_ms: int,
    *,
    symbols: Sequence[str] = (),
    again: bool = False,
    tell: Tell | None = None,
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> list[Synced]:
    """Read the history of these venues since a moment (epoch ms) into the ledger; one's failure never fails another's.

    Args:
        symbols: read these, too, where a venue tells of trades by symbol only (canonical, or a venue's own ids).
        again: read what the ledger has already, too.

    Raises:
        UnknownSymbol, AmbiguousSymbol: no venue lists one of the symbols.
        LedgerError: the ledger cannot be written.
    """
    asked = named(venues, ledger, names, symbols)
    runs = [
        _VenueSync(venues, ledger, name, since_ms, asked.get(name, []), tell or _silent, clock_ms, again=again)
        for name in names
    ]
    outcomes = side_by_side([run.run for run in runs])
    for outcome in outcomes:
        if isinstance(outcome, CrossbookError):
            raise outcome
    return [run.done for run in runs]


def named(
    venues: "Venues", ledger: "Ledger", names: Sequence[str], symbols: Sequence[str]
) -> dict[str, list[Instrument]]:
    """Find what symbols mean at each venue: in the ledger (it may be listed no more), else in the venues' lists."""
    from market_data.listing import locate, unknown

    found: dict[str, list[Instrument]] = {}
    known = ledger.instruments() if symbols else {}
    for text in symbols:
        kept = [item for (venue, symbol), item in known.items() if symbol == text and venue in names]
        if not kept:
            target = locate(venues.cache, list(names), text)
            kept = [listed.instrument for listed in target.listed.values()]
            if not kept:
                raise unknown(venues.cache, list(names), target)
        for item in kept:
            found.setdefault(item.venue, []).append(item)
    return found


class _VenueSync:
    """One venue's run."""

    def __init__(
        self,
        venues: "Venues",
        ledger: "Ledger",
        venue: str,
        since_ms: int,
        asked: Sequence[Instrument],
        tell: Tell,
        clock_ms: Callable[[], int],
        *,
        again: bool = False,
    ) -> None:
        self._again = again
        self.venues = venues
        self.ledger = ledger
        self.venue = venue
        self.asked = asked
        self.tell = partial(tell, venue)
        self._clock_ms = clock_ms
        self.done = Synced(venue, since_ms, since_ms)

    def run(self) -> None:
        """Read the venue; only a ledger that cannot be written is raised."""
        done = self.done
        try:
            self._sync()
        except LedgerError:
            raise
        except CrossbookError as error:
            done.error = done.error or error
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            # An answer that its connector stumbles over fails this venue, not the others.
            done.error = BadAnswer(f"{self.venue}: an answer of an unexpected shape ({error!r:.80}).", venue=self.venue)
            done.error.__cause__ = error
        if done.error is not None:
            self.tell(f"not read as a whole: {done.error.message}")
        done.gaps = self.ledger.gaps(self.venue)
        done.opened_ms = self.ledger.opened_ms(self.venue)

    def _sync(self) -> None:
        if self.venue in self.venues.failures:
            raise self.venues.failures[self.venue]
        self.venues.require_keys(self.venue)
        trading = self.venues.trading(self.venue)
        gaps: dict[tuple[str | None, str, str], Gap] = {}
        first = self.ledger.anchor(self.venue) is None
        anchored = not first
        for number in range(TRIES if first else 1):
            if number:
                time.sleep(QUIET_MS / 1000)
            reader = self._reader(trading, gaps)
            state = read_state(trading, self.now_ms(), cash=first)
            reader.read(list(state.positions))
            if reader.error is not None or not first:
                break
            if anchored := self._anchor(trading, state):
                break
            self.tell("something happened meanwhile; reading again")
        if reader.error is None and not anchored:
            text = "The account never stood still while it was read: what was there before is not known yet."
            reader.gap(None, BUSY, text)
        self._conclude(reader, gaps)

    def now_ms(self) -> int:
        """Tell the venue's time."""
        return self._clock_ms() + self.venues.connector(self.venue).context.clock_offset_ms()

    def _reader(self, trading: "Trading", gaps: dict[tuple[str | None, str, str], Gap]) -> Reader:
        now_ms = self.now_ms()
        self.done.until_ms = now_ms
        wanted = Range(self.done.since_ms, max(self.done.since_ms, now_ms - trading.rules.settling_ms))
        given = (self.venues, self.ledger, trading, wanted, now_ms, self.asked, self.done, self.tell, gaps)
        return Reader(*given, again=self._again)

    def _anchor(self, trading: "Trading", before: Anchor) -> bool:
        """Keep what the venue said, if it says the same after everything was read, and all of that was before it."""
        last_ms = self.ledger.last_ms(self.venue) or 0
        if last_ms > before.at_ms - QUIET_MS:
            return False
        if not same_state(before, read_state(trading, before.at_ms, cash=True)):
            return False
        # Nothing happened in the quiet time as far as anybody told: what turns up in it came later, by a coarse clock.
        quiet = before._replace(at_ms=before.at_ms - QUIET_MS)
        self.ledger.set_anchor(quiet)  # another process may have done so meanwhile: then it is that one's
        return True

    def _conclude(self, reader: Reader, gaps: Mapping[tuple[str | None, str, str], Gap]) -> None:
        from monitoring.syncing_rates import read_rates

        done, since_ms = self.done, self.done.since_ms
        done.symbols = sorted(reader.instruments)
        if reader.error is not None:
            done.error = reader.error
            for gap in gaps.values():
                self.ledger.add_gap(gap)
            return
        done.opened = moved_opening(self.ledger, self.venue, since_ms)
        found = read_rates(self.venues, self.ledger, self.venue, self.tell)
        done.count("rates", found.new)
        self.ledger.replace_gaps(self.venue, [], (BUSY,), 0)
        self.ledger.replace_gaps(self.venue, gaps.values(), _BY_SYNC, since_ms)
        self.ledger.replace_gaps(self.venue, found.gaps, (RATE,), 0)
        done.error = found.error
        if done.error is None:
            self.ledger.synced(self.venue, self._clock_ms(), since_ms)
        self.tell(_summary(done))


def _summary(done: Synced) -> str:
    counts = ", ".join(f"{number} {kind}" for kind, number in done.new.items() if number)
    return f"done: {counts or 'nothing'} new"


def _silent(venue: str, text: str) -> None:
    del venue, text
