"""Lists of orders: what is open at the venues now, and what the journal says has ended or is unsettled."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from connectors.side_by_side import side_by_side
from domain.errors import CrossbookError, UnknownSymbol
from domain.orders import OrderReport

if TYPE_CHECKING:
    from order_management.desk import Desk
    from order_management.journal import Journal, JournalOrder


class OpenAt(NamedTuple):
    """What is open at one venue; `error` where it could not be asked, which never means that nothing is open."""

    venue: str
    reports: list[OrderReport]
    error: CrossbookError | None = None


def open_everywhere(desk: "Desk", symbol: str | None = None) -> list[OpenAt]:
    """Ask every venue of this run for its open orders, every family, side by side."""
    names = list(desk.venues.names)

    def ask(name: str) -> "OpenAt":
        try:
            if name in desk.venues.failures:
                raise desk.venues.failures[name]
            instrument = None if symbol is None else desk.instrument(name, symbol)
            return OpenAt(name, desk.trading(name).open_orders(instrument))
        except UnknownSymbol:
            return OpenAt(name, [])
        except CrossbookError as error:
            return OpenAt(name, [], error)

    found = side_by_side([partial(ask, name) for name in names])
    return [
        OpenAt(name, [], item) if isinstance(item, CrossbookError) else item
        for name, item in zip(names, found, strict=True)
    ]


def closed(journal: "Journal", venues: Sequence[str], symbol: str | None, limit: int) -> "list[JournalOrder]":
    """List the orders of the journal that have ended, newest first."""
    return _kept(journal.orders(symbol=symbol, live=False), venues)[:limit]


def unsettled(journal: "Journal", venues: Sequence[str], symbol: str | None) -> "list[JournalOrder]":
    """List the orders of the journal whose outcome, or that of a cancel or an amendment, is not known."""
    return [order for order in _kept(journal.unsettled(), venues) if symbol in (None, order.record.symbol)]


def _kept(orders: "Sequence[JournalOrder]", venues: Sequence[str]) -> "list[JournalOrder]":
    return [order for order in orders if not venues or order.record.venue in venues]
