"""What a venue shows of an order (its reports, our trades) taken into the order's state; never backwards."""

from decimal import Decimal
from typing import Any

from domain import orders
from domain.orders import OrderReport
from order_management.event_data import fill_of, report_of
from order_management.order_states import FINAL, UNSETTLED, Event, OrderState, Phase


def seen(state: OrderState, event: Event) -> OrderState:
    """Take in an order as the venue showed it."""
    return told(state, report_of(event.data))


def told(state: OrderState, report: OrderReport, *, first: bool = False) -> OrderState:
    """Take in what a venue says, unless it is about the order that this one replaced.

    What is later goes by the venue's own `updated_ms`; a final status and a larger filled size count however late
    they come.
    """
    if report.order_id is not None and report.order_id in state.former_ids:
        return state
    older = state.updated_ms is not None and report.updated_ms is not None and report.updated_ms < state.updated_ms
    newer = state.updated_ms is None or (report.updated_ms is not None and report.updated_ms > state.updated_ms)
    changes = _told_amount(state, report)
    ended = state.phase in FINAL and _for_good(state)
    if first:
        changes.update(size=report.size or None, price=report.price)
    elif newer and not ended:
        changes.update(_told_terms(state, report))
    if newer and not ended and report.updated_ms is not None:
        changes["updated_ms"] = report.updated_ms
    if report.order_id is not None and (state.order_id is None or not (older or ended)):
        changes.update(identified(state, report.order_id))
    if report.reason is not None and not (older or ended):
        changes["reason"] = report.reason
    phase = state.phase if ended else Phase(report.status or Phase.OPEN)
    return moved(state.but(known=True, **changes), phase)


def _told_amount(state: OrderState, report: OrderReport) -> dict[str, Any]:
    filled = report.filled
    if filled is None and report.status == orders.FILLED:
        filled = report.size or state.size
    if not filled or filled < state.reported or (filled == state.reported and state.reported_average is not None):
        return {}
    return _amounts(state, reported=filled, reported_average=report.average_price)


def _told_terms(state: OrderState, report: OrderReport) -> dict[str, Any]:
    """Take size and price over from a report that is later than all others; they may show an amendment done."""
    if state.updated_ms is None and state.amends:
        return {}  # nothing tells whether the venue wrote it before the amendment or after
    terms: dict[str, Any] = {}
    if report.size:
        terms["size"] = report.size
    if report.price is not None and state.price is not None:
        terms["price"] = report.price
    if state.amend is not None and state.updated_ms is not None:
        wanted = {"size": state.amend_size, "price": state.amend_price}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        changed = any(getattr(state, name) != value for name, value in wanted.items())
        if changed and all(terms.get(name) == value for name, value in wanted.items()):
            terms.update(amend=None, amend_size=None, amend_price=None)
    return terms


def identified(state: OrderState, order_id: str) -> dict[str, Any]:
    """Give the changes that the venue's id for the order makes; an id that it replaces is remembered."""
    if state.order_id is None or state.order_id == order_id:
        return {"order_id": order_id}
    return {"order_id": order_id, "former_ids": state.former_ids | {state.order_id}}


def traded(state: OrderState, event: Event) -> OrderState:
    """Count one own trade, once."""
    fill = fill_of(event.data)
    if fill.trade_id in state.trades:
        return state
    worth = fill.size / fill.price if state.inverse else fill.size * fill.price
    amounts = _amounts(
        state,
        traded=state.traded + fill.size,
        traded_worth=state.traded_worth + worth,
        trades=state.trades | {fill.trade_id},
    )
    if fill.fee is not None and fill.fee_currency is not None:
        paid = state.fees.get(fill.fee_currency, Decimal(0))
        amounts["fees"] = {**state.fees, fill.fee_currency: paid + fill.fee}
    if state.order_id is None and fill.order_id is not None:
        amounts["order_id"] = fill.order_id
    stays = state.phase in FINAL and (_for_good(state) or state.phase is Phase.VANISHED)
    return moved(state.but(known=True, **amounts), state.phase if stays else Phase.OPEN)


def _amounts(state: OrderState, **changes: Any) -> dict[str, Any]:
    """Add to the changes what follows from them: how much is filled, at what average."""
    after = state.but(**changes)
    if after.traded and after.traded >= after.reported:
        size, worth = after.traded, after.traded_worth
        average: Decimal | None = size / worth if after.inverse else worth / size
    else:
        average = after.reported_average
    return {**changes, "filled": max(after.reported, after.traded), "average_price": average}


def _for_good(state: OrderState) -> bool:
    """Tell whether a final phase rests on the venue's word and not on a conclusion of ours."""
    return state.known and state.phase is not Phase.VANISHED


def moved(state: OrderState, phase: Phase, **changes: Any) -> OrderState:
    """Enter a phase; full is filled, and what has ended has no cancel or amendment to wait for."""
    if phase is not Phase.FILLED and phase not in UNSETTLED and state.size and state.filled >= state.size:
        phase = Phase.FILLED
    if phase in FINAL:
        changes.update(cancel=None, amend=None, amend_size=None, amend_price=None)
    return state.but(phase=phase, **changes)
