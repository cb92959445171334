"""The life of an order as a pure function: the state so far and one event give the next state.

(new) ──────┬─ intended ──────────────────────────────────────────────────────▶ intended
            └─ adopted ───────────────────────────────────────────────────────▶ open filled cancelled expired rejected
intended ───┬─ accepted seen ─────────────────────────────────────────────────▶ open filled cancelled expired rejected
            ├─ fill ──────────────────────────────────────────────────────────▶ open filled
            ├─ refused ───────────────────────────────────────────────────────▶ rejected
            ├─ unknown ───────────────────────────────────────────────────────▶ unknown
            ├─ absent ────────────────────────────────────────────────────────▶ absent
            ├─ cancel_accepted ───────────────────────────────────────────────▶ = cancelled
            ├─ cancel_intended cancel_refused cancel_not_sent ────────────────▶ =
            ├─ cancel_unknown noted ──────────────────────────────────────────▶ =
            └─ not_sent ──────────────────────────────────────────────────────▶ not_sent
unknown ────┬─ accepted seen ─────────────────────────────────────────────────▶ open filled cancelled expired rejected
            ├─ fill ──────────────────────────────────────────────────────────▶ open filled
            ├─ refused ───────────────────────────────────────────────────────▶ rejected
            ├─ unknown ───────────────────────────────────────────────────────▶ unknown
            ├─ absent ────────────────────────────────────────────────────────▶ absent
            ├─ cancel_accepted ───────────────────────────────────────────────▶ = cancelled
            ├─ cancel_intended cancel_refused cancel_not_sent ────────────────▶ =
            └─ cancel_unknown noted ──────────────────────────────────────────▶ =
open ───────┬─ accepted seen ─────────────────────────────────────────────────▶ open filled cancelled expired rejected
            ├─ fill amend_accepted ───────────────────────────────────────────▶ open filled
            ├─ vanished ──────────────────────────────────────────────────────▶ vanished
            ├─ cancel_accepted ───────────────────────────────────────────────▶ = cancelled
            ├─ cancel_intended cancel_refused cancel_not_sent ────────────────▶ =
            ├─ cancel_unknown ────────────────────────────────────────────────▶ =
            ├─ amend_intended amend_refused amend_not_sent amend_unknown ─────▶ =
            └─ refused unknown noted ─────────────────────────────────────────▶ =
filled ─────┬─ accepted seen fill refused unknown vanished CANCEL AMEND ──────▶ =
            └─ noted ─────────────────────────────────────────────────────────▶ =
cancelled ──┬─ accepted seen fill ────────────────────────────────────────────▶ = filled
            └─ refused unknown vanished CANCEL AMEND noted ───────────────────▶ =
expired ────┬─ accepted seen fill ────────────────────────────────────────────▶ = filled
            └─ refused unknown vanished CANCEL AMEND noted ───────────────────▶ =
rejected ───┬─ intended ──────────────────────────────────────────────────────▶ intended
            ├─ seen ──────────────────────────────────────────────────────────▶ open filled cancelled expired rejected
            ├─ fill ──────────────────────────────────────────────────────────▶ = open filled
            ├─ accepted ──────────────────────────────────────────────────────▶ = filled
            └─ absent refused unknown vanished CANCEL AMEND noted ────────────▶ =
not_sent ───┬─ intended ──────────────────────────────────────────────────────▶ intended
            ├─ seen ──────────────────────────────────────────────────────────▶ open filled cancelled expired rejected
            ├─ fill ──────────────────────────────────────────────────────────▶ open filled
            └─ absent CANCEL noted ───────────────────────────────────────────▶ =
absent ─────┬─ intended ──────────────────────────────────────────────────────▶ intended
            ├─ accepted seen ─────────────────────────────────────────────────▶ open filled cancelled expired rejected
            ├─ fill ──────────────────────────────────────────────────────────▶ open filled
            ├─ refused ───────────────────────────────────────────────────────▶ rejected
            └─ unknown not_sent absent CANCEL noted ──────────────────────────▶ =
vanished ───┬─ seen ──────────────────────────────────────────────────────────▶ open filled cancelled expired rejected
            ├─ fill ──────────────────────────────────────────────────────────▶ = filled
            └─ accepted refused unknown vanished CANCEL AMEND noted ──────────▶ =

CANCEL and AMEND stand for the four answers to a cancel or an amendment: accepted, refused, not_sent, unknown. `=` is
no change of phase. What is not drawn is impossible, and so are: an answer to a cancel or an amendment that nobody
intended; an amendment before the last one has its outcome; `refused` after `accepted` or the other way round (one
attempt has one answer); `intended` once more for an order that the venue itself shows as rejected.

What the venue shows outweighs what we concluded. Phases that rest on a conclusion (`not_sent`, `absent`, `vanished`,
and `rejected` where only the answer to our request said so: the network may have delivered it twice, and the second
copy was refused for want of the money that the first had locked) give way to `seen` and `fill`. Phases that rest on
the venue's word (`filled`, `cancelled`, `expired`, `rejected`) are for good: whatever says otherwise is a list that
lags, and changes nothing. Only a fill that crossed the cancel still counts, and completes the order if it was the rest.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from domain.orders import OrderSpec
from order_management.event_data import report_of, spec_of
from order_management.observations import identified, moved, seen, told, traded
from order_management.order_states import (
    ABSENT,
    ACCEPTED,
    AMEND_ACCEPTED,
    AMEND_INTENDED,
    AMEND_NOT_SENT,
    AMEND_REFUSED,
    AMEND_UNKNOWN,
    CANCEL_ACCEPTED,
    CANCEL_INTENDED,
    CANCEL_NOT_SENT,
    CANCEL_REFUSED,
    CANCEL_UNKNOWN,
    FILL,
    IN_DOUBT,
    INTENDED,
    NOT_SENT,
    NOTED,
    PENDING,
    REFUSED,
    SEEN,
    UNKNOWN,
    VANISHED,
    Event,
    ImpossibleTransition,
    OrderState,
    Phase,
)

_SAME = "="
_TOLD = "open filled cancelled expired rejected"
_CANCEL_ANSWERS = "cancel_accepted cancel_refused cancel_not_sent cancel_unknown"
_AMEND_ANSWERS = "amend_accepted amend_refused amend_not_sent amend_unknown"
_IN_FLIGHT = (
    ("accepted seen", _TOLD),
    ("fill", "open filled"),
    ("refused", "rejected"),
    ("unknown", "unknown"),
    ("absent", "absent"),
    ("cancel_accepted", "= cancelled"),
    ("cancel_intended cancel_refused cancel_not_sent cancel_unknown noted", _SAME),
)
_TOO_LATE = f"refused unknown vanished {_CANCEL_ANSWERS} {_AMEND_ANSWERS} noted"
_CLOSED = (("accepted seen fill", "= filled"), (_TOO_LATE, _SAME))
_LINES: dict[Phase | None, tuple[tuple[str, str], ...]] = {
    None: (("intended", "intended"), ("adopted", _TOLD)),
    Phase.INTENDED: (*_IN_FLIGHT, ("not_sent", "not_sent")),
    Phase.UNKNOWN: _IN_FLIGHT,
    Phase.OPEN: (
        ("accepted seen", _TOLD),
        ("fill amend_accepted", "open filled"),
        ("vanished", "vanished"),
        ("cancel_accepted", "= cancelled"),
        ("cancel_intended cancel_refused cancel_not_sent cancel_unknown", _SAME),
        ("amend_intended amend_refused amend_not_sent amend_unknown refused unknown noted", _SAME),
    ),
    Phase.FILLED: ((f"accepted seen fill {_TOO_LATE}", _SAME),),
    Phase.CANCELLED: _CLOSED,
    Phase.EXPIRED: _CLOSED,
    Phase.REJECTED: (
        ("intended", "intended"),
        ("seen", _TOLD),
        ("fill", "= open filled"),
        ("accepted", "= filled"),
        (f"absent {_TOO_LATE}", _SAME),
    ),
    Phase.NOT_SENT: (
        ("intended", "intended"),
        ("seen", _TOLD),
        ("fill", "open filled"),
        (f"absent {_CANCEL_ANSWERS} noted", _SAME),
    ),
    Phase.ABSENT: (
        ("intended", "intended"),
        ("accepted seen", _TOLD),
        ("fill", "open filled"),
        ("refused", "rejected"),
        (f"unknown not_sent absent {_CANCEL_ANSWERS} noted", _SAME),
    ),
    Phase.VANISHED: (
        ("seen", _TOLD),
        ("fill", "= filled"),
        (f"accepted {_TOO_LATE}", _SAME),
    ),
}


def _table() -> dict[Phase | None, dict[str, frozenset[Phase]]]:
    table: dict[Phase | None, dict[str, frozenset[Phase]]] = {}
    for phase, lines in _LINES.items():
        row = table[phase] = {}
        for kinds, targets in lines:
            reached = frozenset(phase or Phase.OPEN if name == _SAME else Phase(name) for name in targets.split())
            row.update(dict.fromkeys(kinds.split(), reached))
    return table


TABLE = _table()
"""Phase (None: no event yet) → kind of event → the phases that it may lead to. The drawing above shows the same."""


def advance(state: OrderState | None, event: Event) -> OrderState:
    """Give the state after one more event; the very same object where the event tells nothing new.

    Raises:
        ImpossibleTransition: the event cannot follow.
    """
    allowed = TABLE[state.phase if state else None].get(event.kind)
    if allowed is None:
        raise _impossible(state, event)
    after = _first(event) if state is None else _HANDLERS[event.kind](state, event)
    if after is state:
        return after
    if after.phase not in allowed:
        raise _impossible(state, event)
    return state if after == state and state is not None else after.but(updated_ns=event.at_ns)


def fold(events: Iterable[Event]) -> OrderState:
    """Give the state after these events, of which there is at least one."""
    state: OrderState | None = None
    for event in events:
        state = advance(state, event)
    if state is None:
        raise ValueError("an order without events")
    return state


def begun(spec: OrderSpec, at_ns: int, *, inverse: bool) -> OrderState:
    """Give the state of an order that was just intended."""
    return OrderState(Phase.INTENDED, spec.size, spec.price, updated_ns=at_ns, inverse=inverse)


def _first(event: Event) -> OrderState:
    inverse = bool(event.data.get("inverse", False))
    if event.kind == INTENDED:
        return begun(spec_of(event.data["spec"]), event.at_ns, inverse=inverse)
    return told(OrderState(Phase.INTENDED, None, None, inverse=inverse), report_of(event.data), first=True)


def _impossible(state: OrderState | None, event: Event) -> ImpossibleTransition:
    what = event.kind.replace("_", " ")
    if state is None:
        return ImpossibleTransition(f"An order's life cannot begin with '{what}'.")
    name = f" {state.order_id}" if state.order_id else ""
    return ImpossibleTransition(f"'{what}' is impossible for an order{name} that is {state.phase.replace('_', ' ')}.")


# -- what the venue shows ---------------------------------------------------------------------------------------------


def _accepted(state: OrderState, event: Event) -> OrderState:
    if state.phase is Phase.REJECTED and not state.known:
        raise _impossible(state, event)
    if state.phase is Phase.VANISHED:
        return state
    return told(state, report_of(event.data)).but(accepted=True)


# -- answers to placing -----------------------------------------------------------------------------------------------


def _again(state: OrderState, event: Event) -> OrderState:
    """Intend an order anew that never came to be, under the same id; its size may have been reckoned anew."""
    if state.known:
        raise _impossible(state, event)
    if "spec" in event.data:
        spec = spec_of(event.data["spec"])
        state = state.but(size=spec.size, price=spec.price)
    return moved(state, Phase.INTENDED, reason=None)


def _refused(state: OrderState, event: Event) -> OrderState:
    if state.accepted:
        raise _impossible(state, event)
    if state.known or state.phase is Phase.REJECTED:
        return state
    return moved(state, Phase.REJECTED, reason=_reason(state, event))


def _concluded(phase: Phase, *since: Phase) -> "Handler":
    """Make the handler of an event that moves to `phase` from the phases `since`, and tells nothing new in others."""

    def handle(state: OrderState, event: Event) -> OrderState:
        if state.phase not in since:
            return state
        return moved(state, phase, reason=_reason(state, event))

    return handle


def _reason(state: OrderState, event: Event) -> str | None:
    reason = event.data.get("reason")
    return state.reason if reason is None else str(reason)


# -- cancels and amendments -------------------------------------------------------------------------------------------


def _cancel_intended(state: OrderState, _event: Event) -> OrderState:
    # An earlier cancel without an answer may still be carried out, whatever becomes of this one.
    return state.but(cancel=PENDING if state.cancel is None else IN_DOUBT, cancels=True)


def _cancel_answered(state: OrderState, event: Event) -> OrderState:
    if not state.cancels:
        raise _impossible(state, event)
    if state.final:
        return state
    if event.kind == CANCEL_ACCEPTED:
        if event.data.get("pending"):
            return state.but(cancel=PENDING)
        return moved(state.but(known=True), Phase.CANCELLED, reason=_reason(state, event))
    if event.kind == CANCEL_UNKNOWN:
        return state.but(cancel=IN_DOUBT)
    if event.kind == CANCEL_NOT_SENT:
        return state.but(cancel=IN_DOUBT if state.cancel == IN_DOUBT else None)
    return state.but(cancel=None)


def _amend_intended(state: OrderState, event: Event) -> OrderState:
    if state.amend is not None:
        raise ImpossibleTransition("An earlier amendment of the order has no known outcome yet: resolve it first.")
    size, price = _money(event, "size"), _money(event, "price")
    return state.but(amend=PENDING, amends=True, amend_size=size, amend_price=price)


def _amend_answered(state: OrderState, event: Event) -> OrderState:
    if not state.amends:
        raise _impossible(state, event)
    if state.final:
        return state
    if event.kind == AMEND_UNKNOWN:
        return state.but(amend=state.amend and IN_DOUBT)
    changes: dict[str, Any] = {"amend": None, "amend_size": None, "amend_price": None}
    if event.kind == AMEND_ACCEPTED:
        updated_ms = event.data.get("updated_ms")
        if updated_ms is not None and updated_ms > (state.updated_ms or 0):
            changes["updated_ms"] = updated_ms
        order_id = event.data.get("order_id")
        if order_id is not None and order_id not in state.former_ids:
            changes.update(identified(state, order_id))
        if state.amend is not None:
            for name, wanted in (("size", state.amend_size), ("price", state.amend_price)):
                told = _money(event, name)
                told = wanted if told is None else told
                if told is not None:
                    changes[name] = told
    return moved(state.but(**changes), Phase.OPEN)


def _money(event: Event, name: str) -> Decimal | None:
    text = event.data.get(name)
    return None if text is None else Decimal(text)


Handler = Callable[[OrderState, Event], OrderState]
_HANDLERS: Mapping[str, Handler] = {
    INTENDED: _again,
    ACCEPTED: _accepted,
    SEEN: seen,
    FILL: traded,
    REFUSED: _refused,
    UNKNOWN: _concluded(Phase.UNKNOWN, Phase.INTENDED),
    NOT_SENT: _concluded(Phase.NOT_SENT, Phase.INTENDED),
    ABSENT: _concluded(Phase.ABSENT, Phase.INTENDED, Phase.UNKNOWN),
    VANISHED: _concluded(Phase.VANISHED, Phase.OPEN),
    NOTED: lambda state, _event: state,
    **dict.fromkeys((CANCEL_ACCEPTED, CANCEL_REFUSED, CANCEL_NOT_SENT, CANCEL_UNKNOWN), _cancel_answered),
    CANCEL_INTENDED: _cancel_intended,
    **dict.fromkeys((AMEND_ACCEPTED, AMEND_REFUSED, AMEND_NOT_SENT, AMEND_UNKNOWN), _amend_answered),
    AMEND_INTENDED: _amend_intended,
}
