"""Something small to get out of: what a panic drill opens before the real panic runs.

At each venue one small position, a limit order that rests a tenth below the market, and a stop a tenth below it: as far
as the venue has them. Only where no money is real.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import TYPE_CHECKING

from connectors.side_by_side import side_by_side
from domain.errors import CrossbookError, Unsupported
from domain.instruments import PERPETUAL, SPOT, Instrument
from domain.orders import BUY, LIMIT, MARKET, SELL, STOP
from order_management.placing import prepare, send
from order_management.settling import settle
from order_management.sizing import on_lot
from order_management.tickets import BASE, QUOTE, Ticket

if TYPE_CHECKING:
    from connectors.trading import TradingRules
    from order_management.desk import Desk

ORIGIN = "drill"
_WORTH = Decimal(120)
"""What the position is worth at least, in quote units."""
_AWAY = Decimal("0.9")
_PREFERRED = ("BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC")
_TRIED = 5


def open_drills(desk: "Desk", venues: Sequence[str]) -> list[str]:
    """Open a drill at every venue, side by side; answer in a sentence each what was opened, or why nothing was."""
    found = side_by_side([partial(_open, desk, venue) for venue in venues])
    return [
        f"{venue}: nothing was opened for the drill: {item.message}" if isinstance(item, CrossbookError) else item
        for venue, item in zip(venues, found, strict=True)
    ]


def _open(desk: "Desk", venue: str) -> str:
    if venue in desk.venues.failures:
        raise desk.venues.failures[venue]
    problem: CrossbookError = Unsupported(f"{venue} has nothing to hold a position in.", venue=venue)
    for instrument in _candidates(desk, venue):
        try:
            return _open_in(desk, instrument, desk.trading(venue).rules)
        except CrossbookError as error:
            problem = error  # closed today, perhaps: another one may be open
    raise problem


def _candidates(desk: "Desk", venue: str) -> Iterator[Instrument]:
    """Name a few instruments that a position can be held in, the usual ones first."""
    catalogue, rules = desk.venues.cache.of(venue), desk.trading(venue).rules
    known = [found for symbol in _PREFERRED if (found := catalogue.find(symbol)) is not None]
    able = [kind for kind in (PERPETUAL, SPOT) if kind in rules.reduce_only and MARKET in rules.types.get(kind, ())]
    if not known:
        every = sorted(catalogue.all(), key=lambda instrument: instrument.symbol)
        known = [instrument for instrument in every if instrument.active and instrument.kind in able]
    yield from known[:_TRIED]


def _open_in(desk: "Desk", instrument: Instrument, rules: "TradingRules") -> str:
    look = desk.look(instrument)
    price = look.mid or look.quote.bid
    if price is None:
        raise Unsupported(f"{instrument.venue} shows no price of {instrument.symbol}.", venue=instrument.venue)
    size, away = _size(instrument, price * _AWAY), price * _AWAY
    opened: list[str] = []
    tickets = (
        ("a position", MARKET, Ticket(instrument.venue, instrument.symbol, BUY, size, MARKET)),
        ("a limit order", LIMIT, Ticket(instrument.venue, instrument.symbol, BUY, size, LIMIT, price=away)),
        ("a stop", STOP, Ticket(instrument.venue, instrument.symbol, SELL, size, STOP, stop_price=away)),
    )
    for name, kind, ticket in tickets:
        if kind not in rules.types.get(instrument.kind, ()):
            continue
        try:
            settled = _place(desk, ticket, instrument)
        except CrossbookError as error:
            if not opened:
                raise
            opened.append(f"not {name} ({error.message})")
        else:
            opened.append(name if settled else f"perhaps {name} (no answer came)")
    return f"{instrument.venue}: the drill opened {', '.join(opened)} in {instrument.symbol}."


def _place(desk: "Desk", ticket: Ticket, instrument: Instrument) -> bool:
    """Send an order; where no answer comes, looking it up is left to the panic, whose time it would take."""
    unit = QUOTE if instrument.inverse else BASE
    made = replace(ticket, unit=unit, allow_duplicate=True, origin=ORIGIN)
    order = send(desk, prepare(desk, made, max_age_ms=1000), follow=False).order
    if order.state.settled and ticket.type == MARKET:
        with suppress(CrossbookError):
            settle(desk, order)  # for its trades and fees
    return order.state.settled


def _size(instrument: Instrument, price: Decimal) -> Decimal:
    """Give the smallest size (lot unit) that the venue takes at this price and that is worth enough."""
    worth = max(_WORTH, (instrument.min_notional or Decimal(0)) * Decimal("1.2"))
    size = worth if instrument.inverse else worth / price
    return on_lot(max(size, instrument.min_size or Decimal(0)), instrument, ROUND_CEILING)
