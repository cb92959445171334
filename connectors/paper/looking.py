"""Looking at live markets for orders on paper: by the venue's own public reads, and nothing else."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from connectors.paper.account import Account, Holding
from connectors.paper.view import Seen, View, view_of_book, view_of_quote
from connectors.side_by_side import side_by_side
from domain.errors import CrossbookError, Unsupported
from domain.instruments import PERPETUAL, Instrument
from domain.orders import BUY
from domain.time import MS_PER_HOUR

if TYPE_CHECKING:
    from connectors.base import Connector

DEPTH = 100
_DEEPER = (1000, 5000)
_LATE_MS = 15 * 60_000
"""How long after a settlement its rate may still be missing in the venue's history."""


def view(connector: "Connector", instrument: Instrument, depth: int = DEPTH) -> View:
    """See the book as it is now, or the quote where the venue shows no book."""
    if connector.capabilities.books:
        try:
            return view_of_book(connector.fetch_book(instrument, depth), instrument)
        except Unsupported:
            pass
    return view_of_quote(connector.fetch_quote(instrument), instrument)


def deep_view(connector: "Connector", instrument: Instrument, side: str, size: "object") -> View:
    """See as much of the book as an order of a size takes, as far as the venue shows it."""
    seen = view(connector, instrument)
    for depth in _DEEPER:
        offers = seen.against(side)
        if len(offers) < DEPTH or any(offer.size is None for offer in offers):
            break
        if sum(offer.size or 0 for offer in offers) >= size:  # type: ignore[operator] # a Decimal
            break
        found = view(connector, instrument, depth)
        if len(found.against(side)) <= len(offers):
            break
        seen = found
    return seen


def look(connector: "Connector", instrument: Instrument, account: Account, now_ms: int) -> Seen:
    """See all that an instrument's orders and position need: its book, and what happened since the last look.

    Only a book that cannot be read is raised; trades and funding that cannot be had are left for the next look.
    """
    symbol = instrument.symbol
    seen = Seen(view(connector, instrument))
    orders = list(account.live(symbol))
    if orders:
        until_ms = account.cursors.get(symbol, (0, []))[0]
        since_ms = max(until_ms, min(order.since_ms for order in orders))
        try:
            trades = connector.fetch_trades(instrument, since_ms)
            seen = seen._replace(trades=tuple(trades), gap=not trades.complete)
        except Unsupported:
            seen = seen._replace(gap=any(offer.size is not None for offer in seen.view.against(BUY)))
        except CrossbookError:
            pass
    position = account.positions.get(symbol)
    if position is not None and _is_due(position, instrument, now_ms):
        try:
            points = connector.fetch_funding_history(instrument, position.funded_ms)
        except CrossbookError:
            return seen
        until_ms = max([point.time_ms for point in points], default=0)
        return seen._replace(funding=tuple(points), funded_until_ms=max(until_ms, now_ms - _LATE_MS))
    return seen


def look_around(
    connector: "Connector", instruments: Sequence[Instrument], account: Account, now_ms: int
) -> tuple[Mapping[str, Seen], CrossbookError | None]:
    """Look at several markets side by side; answer what was seen by symbol, and the first failure."""
    found = side_by_side([partial(look, connector, instrument, account, now_ms) for instrument in instruments])
    seen: dict[str, Seen] = {}
    failure: CrossbookError | None = None
    for instrument, item in zip(instruments, found, strict=True):
        if isinstance(item, CrossbookError):
            failure = failure or item
        else:
            seen[instrument.symbol] = item
    return seen, failure


def funding_is_behind(position: Holding | None, instrument: Instrument, now_ms: int) -> bool:
    """Tell whether a look did not bring the rates since the last one."""
    late = position is not None and now_ms - position.funded_ms > 2 * _LATE_MS
    return late and position is not None and _is_due(position, instrument, now_ms)


def _is_due(position: Holding, instrument: Instrument, now_ms: int) -> bool:
    """Tell whether a settlement may have passed: they are on the hour, wherever funding is paid."""
    crossed = now_ms // MS_PER_HOUR > position.funded_ms // MS_PER_HOUR
    return bool(position.size) and instrument.kind == PERPETUAL and crossed
