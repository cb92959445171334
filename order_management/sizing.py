"""From what was asked to what is sent: units converted, prices on the tick, sizes on the lot; the difference is shown.

A limit price is rounded so that it is never worse for the user (a buy down, a sell up), a size is rounded down, so that
an order is never larger than was asked for.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from domain.errors import UsageError
from domain.instruments import SPOT, Instrument
from domain.money import plain
from domain.orders import BUY, GTC, OrderSpec, notional, size_base
from order_management.tickets import CONTRACTS, QUOTE, Ticket

BPS = Decimal(10_000)


class Sized(NamedTuple):
    """An order on the venue's grid. `spec` is what is sent; the rest says what was asked, both at `value_price`.

    `change_bps` is by how much rounding changed the notional.
    """

    spec: OrderSpec
    asked_size: Decimal
    asked_price: Decimal | None
    value_price: Decimal
    asked_notional: Decimal
    sent_notional: Decimal
    sent_base: Decimal
    change_bps: Decimal


def sized(ticket: Ticket, instrument: Instrument, client_id: str, market_price: Decimal | None) -> Sized:
    """Put a ticket on the grid of the instrument.

    Args:
        market_price: what the order is worth per base unit where it has no price of its own (quote per base).

    Raises:
        UsageError: the amount is below the venue's minimum, or there is no price to convert it with.
    """
    price = on_tick(ticket.price, instrument, buying=ticket.side == BUY)
    stop_price = _on_grid(ticket.stop_price, instrument.tick_size, ROUND_HALF_EVEN)
    value_price = price or stop_price or market_price
    if value_price is None:
        raise UsageError(
            f"{instrument.venue} shows no price of {instrument.symbol} to value the order with.",
            hint="Give the order a price.",
        )
    asked_value = ticket.price or ticket.stop_price or value_price
    asked = _asked_size(ticket, instrument, asked_value)
    size = on_lot(asked, instrument)
    spec = OrderSpec(
        client_id=client_id,
        side=ticket.side,
        type=ticket.type,
        size=size,
        price=price,
        stop_price=stop_price,
        tif=ticket.tif or GTC,
        post_only=ticket.post_only,
        reduce_only=ticket.reduce_only,
    )
    _check_minimum(spec, asked, instrument, value_price)
    asked_notional = notional(instrument, asked, asked_value)
    sent_notional = notional(instrument, size, value_price)
    return Sized(
        spec=spec,
        asked_size=asked,
        asked_price=ticket.price,
        value_price=value_price,
        asked_notional=asked_notional,
        sent_notional=sent_notional,
        sent_base=size_base(instrument, size, value_price),
        change_bps=abs(sent_notional - asked_notional) / asked_notional * BPS,
    )


def _asked_size(ticket: Ticket, instrument: Instrument, price: Decimal) -> Decimal:
    """Convert the amount into the unit of the lot size."""
    if ticket.unit == CONTRACTS:
        if instrument.kind == SPOT:
            raise UsageError(f"{instrument.symbol} is spot: it has no contracts.", hint="Use --unit base or quote.")
        return ticket.amount * instrument.unit_size
    if ticket.unit == QUOTE:
        return ticket.amount if instrument.inverse else ticket.amount / price
    return ticket.amount * price if instrument.inverse else ticket.amount


def on_tick(price: Decimal | None, instrument: Instrument, *, buying: bool) -> Decimal | None:
    """Put a limit price on the tick, so that it is never worse than asked: a buy down, a sell up."""
    return _on_grid(price, instrument.tick_size, ROUND_FLOOR if buying else ROUND_CEILING)


def on_lot(size: Decimal, instrument: Instrument, rounding: str = ROUND_FLOOR) -> Decimal:
    """Put a size on the lot: down, unless asked otherwise."""
    return _on_grid(size, instrument.lot_size, rounding) or Decimal(0)


def _on_grid(number: Decimal | None, step: Decimal | None, rounding: str) -> Decimal | None:
    if number is None or not step:
        return number
    return (number / step).to_integral_value(rounding) * step


def _check_minimum(spec: OrderSpec, asked: Decimal, instrument: Instrument, price: Decimal) -> None:
    unit = instrument.quote if instrument.inverse else instrument.base
    least = max(instrument.min_size or Decimal(0), instrument.lot_size or Decimal(0))
    where = f"{instrument.venue} {instrument.symbol}"
    if spec.price is not None and spec.price <= 0:
        raise UsageError(f"The price is below one tick ({plain(instrument.tick_size or Decimal(0))}) of {where}.")
    if spec.size <= 0 or spec.size < least:
        raise UsageError(
            f"{plain(asked)} {unit} is below the smallest order of {where}: {plain(least)} {unit}.",
            venue=instrument.venue,
            hint=f"Order at least {plain(least)} {unit}.",
        )
    worth = notional(instrument, spec.size, price)
    if instrument.min_notional and worth < instrument.min_notional and not spec.reduce_only:
        raise UsageError(
            f"The order is worth {plain(worth)} {instrument.quote}; {where} takes at least"
            f" {plain(instrument.min_notional)} {instrument.quote}.",
            venue=instrument.venue,
            hint="Order more, or use --unit quote.",
        )
