"""Holding the ledger against the venues: sizes of positions, cash, and unrealised gains at the venue's own marks.

What a venue did not answer is not compared, and a venue whose news could not be read into the ledger is not either: it
would only show what the ledger lacks. Nothing is ever made up to close a difference.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from connectors.side_by_side import side_by_side
from domain.errors import CrossbookError
from domain.time import MS_PER_DAY
from monitoring.accounting.exact import ZERO, minus
from monitoring.cash import holds_cash
from monitoring.holdings import read_holdings
from monitoring.ledger.rows import BUSY
from monitoring.ledger.schema import LedgerError
from monitoring.positions import PositionRow, look_around, position_rows
from monitoring.residuals import SMALLEST, Expected, expected

if TYPE_CHECKING:
    from connectors.registry import Venues
    from monitoring.ledger.store import Ledger
    from monitoring.venue_state import VenueState

POSITION, CASH, UNREALIZED = "position", "cash", "unrealized"
"""Kinds of differences; docs/commands.md says what each means."""

_FIRST_MS = 30 * MS_PER_DAY
"""How far back a venue is read that was never read before."""

Sync = Callable[[Sequence[str]], Mapping[str, CrossbookError]]
"""Reads the news of venues into the ledger; answers why, for those where it could not."""


class Difference(NamedTuple):
    """One difference: `at_venue` − `ours`; of a symbol in lot units (position) or in `currency`."""

    venue: str
    kind: str
    symbol: str | None
    currency: str | None
    ours: Decimal
    at_venue: Decimal
    difference: Decimal


class Reconciled(NamedTuple):
    """One venue's comparison. `compared` counts what was; empty: nothing was, for `error` or for `unopened`.

    `opened`: its opening was taken just now from what is there, so that nothing could differ yet. `unopened`: there is
    no opening; it says why. `incomplete` says what the ledger lacks of what cash has moved by.
    """

    venue: str
    differences: Sequence[Difference] = ()
    compared: Mapping[str, int] = MappingProxyType({})
    not_compared: Sequence[str] = ()
    opened: bool = False
    unopened: str | None = None
    incomplete: Sequence[str] = ()
    error: CrossbookError | None = None


def reconcile(
    venues: "Venues", ledger: "Ledger", names: Sequence[str], deadline: float, sync: Sync | None = None
) -> list[Reconciled]:
    """Hold the ledger against these venues, side by side.

    What differs is looked at once more after the time by which the venues' lists may lag: they may have traded between
    the two readings.

    Args:
        deadline: until when (time.monotonic seconds) the venues may take.
        sync: reads what is new there into the ledger before; None: the ledger is taken as it is.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """
    begun = {name for name in names if ledger.opened_ms(name) is not None}
    found = _look(venues, ledger, names, deadline, sync)
    again = [name for name in names if found[name].differences]
    lag_s = max((venues.trading(name).rules.settling_ms / 1000 for name in again), default=0.0)
    if again and sync is not None and time.monotonic() + lag_s < deadline:
        time.sleep(lag_s)
        # Where that gets no answer, what was seen first stands.
        found |= {name: item for name, item in _look(venues, ledger, again, deadline, sync).items() if item.compared}
    opened = {name for name in names if name not in begun and ledger.opened_ms(name) is not None}
    return [found[name]._replace(opened=name in opened) for name in names]


def _look(
    venues: "Venues", ledger: "Ledger", names: Sequence[str], deadline: float, sync: Sync | None
) -> dict[str, Reconciled]:
    failed = sync(names) if sync is not None else {}
    found = {name: Reconciled(name, error=error) for name, error in failed.items()}
    found |= {
        name: Reconciled(name, unopened=_why_unopened(ledger, name))
        for name in names
        if name not in found and ledger.opened_ms(name) is None
    }
    asked = [name for name in names if name not in found]
    if asked:
        ours = read_holdings(ledger, asked).holdings
        held = {key: holding for key, holding in ours.items() if not holds_cash(holding.book.contract)}
        cash = expected(ledger, asked)
        sides = look_around(venues, asked, held, {}, (), deadline)
        rows = position_rows(sides)
        for name in asked:
            found[name] = compare(sides.states[name], [row for row in rows if row.venue == name], cash[name])
    return found


def news_of(venues: "Venues", ledger: "Ledger", tell: Callable[[str, str], None] | None = None) -> Sync:
    """Make what reads the news of venues into the ledger: since a day before the last time, else of 30 days.

    Args:
        tell: told (venue, what is being done, in words).
    """
    from monitoring.syncing import sync

    def read(name: str) -> CrossbookError | None:
        synced, opened = ledger.synced_ms(name), ledger.opened_ms(name)
        now_ms = time.time_ns() // 1_000_000
        since_ms = now_ms - _FIRST_MS if opened is None else opened
        if opened is not None and synced is not None:
            since_ms = max(opened, synced - MS_PER_DAY)
        return sync(venues, ledger, [name], since_ms, tell=tell)[0].error

    def read_all(names: Sequence[str]) -> dict[str, CrossbookError]:
        outcomes = side_by_side([partial(read, name) for name in names])
        for outcome in outcomes:
            if isinstance(outcome, LedgerError):
                raise outcome
        return {name: error for name, error in zip(names, outcomes, strict=True) if error is not None}

    return read_all


def _why_unopened(ledger: "Ledger", name: str) -> str:
    texts = [gap.text for gap in ledger.gaps(name) if gap.kind == BUSY]
    return texts[0] if texts else "run position sync first: there is nothing to compare with"


def compare(state: "VenueState", rows: Sequence[PositionRow], cash: Expected | None) -> Reconciled:
    """Compare what one venue said with the ledger; what either does not tell is not compared, and named.

    Args:
        rows: the venue's positions, as `position_rows` puts them beside ours.
        cash: what the ledger expects of each currency.
    """
    compared: dict[str, int] = {}
    differences: list[Difference] = []
    not_compared: list[str] = []
    if state.positions is not None:
        derivatives = [row for row in rows if not row.inventory and row.open]
        compared["positions"] = len(derivatives)
        differences += [found for row in derivatives if (found := _size(row)) is not None]
        gains = [row for row in derivatives if row.unrealized_difference is not None]
        compared["unrealized"] = len(gains)
        differences += [found for row in gains if (found := _gain(row)) is not None]
        unlike = [row.symbol for row in derivatives if row.unrealized_difference is None and not row.difference]
        if unlike:
            not_compared.append(f"unrealized of {', '.join(unlike)}: one side does not tell it")
    sums = state.cash()
    if sums is not None and cash is not None:
        currencies = sorted({*sums, *cash.cash})
        compared["currencies"] = len(currencies)
        for currency in currencies:
            mine, theirs = cash.cash.get(currency, ZERO), sums.get(currency, ZERO)
            apart = minus(theirs, mine)
            if apart.copy_abs() >= SMALLEST:
                differences.append(Difference(state.venue, CASH, None, currency, mine, theirs, apart))
    if state.error is not None:
        not_compared += [f"{what}: {state.error.message}" for what, there in _parts(state) if not there]
    lacks = () if cash is None else cash.lacks
    return Reconciled(state.venue, differences, compared, not_compared, error=state.error, incomplete=lacks)


def _parts(state: "VenueState") -> list[tuple[str, bool]]:
    return [("positions", state.positions is not None), ("cash", state.balances is not None)]


def _size(row: PositionRow) -> Difference | None:
    if not row.difference or row.at_venue is None:
        return None
    return Difference(row.venue, POSITION, row.symbol, None, row.ours, row.at_venue, row.difference)


def _gain(row: PositionRow) -> Difference | None:
    apart, ours, theirs = row.unrealized_difference, row.unrealized, row.venue_unrealized
    if apart is None or ours is None or theirs is None or apart.copy_abs() < SMALLEST:
        return None
    return Difference(row.venue, UNREALIZED, row.symbol, row.currency, ours, theirs, apart)
