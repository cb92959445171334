"""An order's life: what may follow what, and what is known afterwards."""

import dataclasses
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import order_management.lifecycle as lifecycle
from domain.orders import Fill, OrderReport, OrderSpec
from order_management import order_states as kinds
from order_management.event_data import fill_data, fill_of, report_data, report_of, spec_data, spec_of
from order_management.lifecycle import TABLE, advance, fold
from order_management.order_states import FINAL, Event, ImpossibleTransition, OrderState, Phase
from tests.order_management.examples import fill, intended, report, shown, trade

KINDS = [value for name, value in vars(kinds).items() if name.isupper() and isinstance(value, str)]
KINDS = [kind for kind in KINDS if kind != kinds.PENDING]


def state_after(*events: Event | str) -> OrderState:
    return fold(Event(event, 2) if isinstance(event, str) else event for event in events)


ACCEPTED = shown("accepted")


# -- the machine ------------------------------------------------------------------------------------------------------


def test_the_drawing_shows_exactly_the_transitions_of_the_table() -> None:
    answers = ("accepted", "refused", "not_sent", "unknown")
    drawn: dict[Phase | None, dict[str, frozenset[Phase]]] = {}
    phase: Phase | None = None
    for label, middle, targets in re.findall(
        r"^(\(?\w*\)?)[ ─┬├└]+ ([\w ]+?) ─+▶ (.+)$", lifecycle.__doc__ or "", re.M
    ):
        if label:
            phase = None if label == "(new)" else Phase(label)
        row = drawn.setdefault(phase, {})
        for word in middle.split():
            for kind in [f"{word.lower()}_{answer}" for answer in answers] if word.isupper() else [word]:
                assert kind not in row, f"{kind} is drawn twice for {phase}"
                row[kind] = frozenset((phase or Phase.OPEN) if name == "=" else Phase(name) for name in targets.split())
    assert drawn == TABLE


def test_the_table_knows_every_phase_and_every_kind_of_event() -> None:
    assert set(TABLE) == {None, *Phase}
    assert {kind for row in TABLE.values() for kind in row} == set(KINDS)


def test_what_the_venue_shows_can_follow_in_any_phase_of_an_order() -> None:
    for phase in Phase:
        assert {"seen", "fill", "noted"} <= set(TABLE[phase])


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"intended", "adopted"}))
def test_a_life_begins_with_intended_or_adopted(kind: str) -> None:
    with pytest.raises(ImpossibleTransition, match="cannot begin"):
        advance(None, Event(kind, 1, report_data(report())))


# -- placing ----------------------------------------------------------------------------------------------------------


def test_an_order_whose_request_got_no_answer_is_unsettled() -> None:
    state = state_after(intended())
    assert (state.phase, state.settled, state.live, state.final) == (Phase.INTENDED, False, True, False)
    assert (state.size, state.price, state.updated_ns) == (Decimal(10), Decimal(100), 1)
    unknown = state_after(intended(), Event("unknown", 2, {"reason": "no answer"}))
    assert (unknown.phase, unknown.settled, unknown.reason) == (Phase.UNKNOWN, False, "no answer")


def test_an_acceptance_after_the_outcome_was_unknown_opens_the_order() -> None:
    state = state_after(intended(), "unknown", ACCEPTED)
    assert (state.phase, state.order_id, state.settled) == (Phase.OPEN, "v1", True)


@pytest.mark.parametrize("status", ["open", "filled", "cancelled", "expired", "rejected"])
def test_a_look_up_resolves_an_unknown_outcome_to_what_the_venue_says(status: str) -> None:
    assert state_after(intended(), "unknown", shown("seen", status)).phase == status


def test_a_refusal_after_an_unknown_outcome_of_the_same_attempt_rejects() -> None:
    state = state_after(intended(), "unknown", Event("refused", 2, {"reason": "too poor"}))
    assert (state.phase, state.reason, state.final) == (Phase.REJECTED, "too poor", True)


@pytest.mark.parametrize(
    "events",
    [
        (ACCEPTED, "absent"),
        (shown("seen", "open"), "absent"),
        (ACCEPTED, "refused"),
        ("refused", ACCEPTED),
        ("not_sent", ACCEPTED),
        ("not_sent", "unknown"),
        ("unknown", "not_sent"),
        (ACCEPTED, "not_sent"),
        ("vanished",),
        ("intended",),
        (ACCEPTED, "intended"),
        (shown("seen", "rejected"), "intended"),
        (ACCEPTED, shown("adopted", "open")),
        (shown("seen", "filled"), "cancel_intended"),
        (shown("seen", "filled"), "cancel_accepted"),
        (shown("seen", "cancelled"), "amend_intended"),
        (ACCEPTED, "cancel_accepted"),
        (ACCEPTED, "amend_accepted"),
        (ACCEPTED, "amend_intended", "amend_intended"),
        ("amend_intended",),
        ("absent", "cancel_intended"),
    ],
    ids=str,
)
def test_what_cannot_be_is_impossible(events: tuple[Event | str, ...]) -> None:
    before = state_after(intended(), *events[:-1])
    last = events[-1] if isinstance(events[-1], Event) else Event(events[-1], 9)
    with pytest.raises(ImpossibleTransition):
        advance(before, last)


@pytest.mark.parametrize("never", ["not_sent", "absent", "refused"])
def test_an_order_that_never_came_to_be_can_be_intended_again(never: str) -> None:
    state = state_after(intended(), never, Event("intended", 5), ACCEPTED)
    assert state.phase is Phase.OPEN


@pytest.mark.parametrize("concluded", ["not_sent", "absent", "refused"])
def test_what_the_venue_shows_outweighs_our_conclusion_that_there_is_no_order(concluded: str) -> None:
    assert state_after(intended(), concluded, shown("seen", "open")).live
    traded = state_after(intended(), concluded, trade("t1"))
    assert (traded.phase, traded.filled) == (Phase.OPEN, Decimal(1))


def test_an_order_that_vanished_and_shows_up_again_is_open_again() -> None:
    gone = state_after(intended(), ACCEPTED, "vanished")
    assert (gone.phase, gone.settled) == (Phase.VANISHED, True)
    assert advance(gone, shown("seen", "open")).phase is Phase.OPEN
    assert advance(gone, trade("t1")).phase is Phase.VANISHED
    assert advance(gone, trade("t1", size="10")).phase is Phase.FILLED


def test_a_late_refusal_of_a_second_delivery_does_not_hide_an_order_that_was_seen() -> None:
    state = state_after(intended(), shown("seen", "open"))
    assert advance(state, Event("refused", 9, {"reason": "insufficient balance"})) is state


def test_an_adopted_order_is_known_as_the_venue_shows_it() -> None:
    state = fold([shown("adopted", "open", size="3", price="7", filled="1")])
    assert (state.phase, state.size, state.price, state.filled) == (Phase.OPEN, Decimal(3), Decimal(7), Decimal(1))
    assert fold([shown("adopted", "open", order_id=None)]).size is None


# -- what comes late, or twice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["filled", "cancelled", "expired", "rejected"])
def test_a_lagging_list_that_still_says_open_changes_nothing(end: str) -> None:
    state = state_after(intended(), ACCEPTED, shown("seen", end, filled="2", updated_ms=50))
    for late in ({}, {"filled": "1"}, {"filled": "2", "updated_ms": 40}, {"updated_ms": 60, "price": "99"}):
        assert advance(state, shown("seen", "open", **late)) is state


def test_a_report_older_than_the_last_one_changes_nothing() -> None:
    state = state_after(intended(), shown("seen", "open", filled="2", updated_ms=50, price="101"))
    assert advance(state, shown("seen", "open", filled="1", updated_ms=40, price="100", reason="old")) is state
    assert advance(state, shown("seen", "open", updated_ms=50, filled="2")) is state


def test_a_final_status_counts_however_late_it_comes() -> None:
    state = state_after(intended(), shown("seen", "open", updated_ms=50))
    assert advance(state, shown("seen", "cancelled", updated_ms=40)).phase is Phase.CANCELLED


def test_late_answers_to_placing_change_nothing_once_the_order_was_seen() -> None:
    state = state_after(intended(), shown("seen", "open"))
    assert advance(state, Event("unknown", 9)) is state
    assert advance(state, Event("noted", 9, {"asked": "something"})) is state


def test_a_fill_that_crossed_the_cancel_still_counts() -> None:
    state = state_after(intended(), ACCEPTED, "cancel_intended", "cancel_accepted", trade("t1", size="4"))
    assert (state.phase, state.filled) == (Phase.CANCELLED, Decimal(4))
    state = advance(state, trade("t2", size="6"))
    assert (state.phase, state.filled) == (Phase.FILLED, Decimal(10))
    late = state_after(intended(), shown("seen", "cancelled"), shown("seen", "filled", filled="10"))
    assert late.phase is Phase.FILLED


def test_a_report_on_the_order_that_this_one_replaced_changes_nothing() -> None:
    amended = state_after(
        *(intended(), ACCEPTED, Event("amend_intended", 3, {"price": "101"})),
        Event("amend_accepted", 4, {"order_id": "v2"}),
    )
    assert (amended.order_id, amended.price, amended.former_ids) == ("v2", Decimal(101), {"v1"})
    assert advance(amended, shown("seen", "cancelled", order_id="v1")) is amended
    assert advance(amended, shown("seen", "cancelled", order_id="v2")).phase is Phase.CANCELLED


def test_a_triggered_order_takes_the_venues_new_id() -> None:
    state = state_after(intended(), ACCEPTED, shown("seen", "open", order_id="v9"))
    assert (state.order_id, state.former_ids) == ("v9", {"v1"})


# -- amounts ----------------------------------------------------------------------------------------------------------


def test_fills_are_counted_once_and_the_order_is_filled_when_they_are_complete() -> None:
    state = state_after(intended(), ACCEPTED, trade("t1", size="4", price="100"), trade("t2", size="1", price="110"))
    assert (state.filled, state.average_price, state.fees) == (Decimal(5), Decimal(102), {"USDT": Decimal("0.2")})
    assert advance(state, trade("t2", size="1", price="110")) is state
    full = advance(state, trade("t3", size="5", price="100", fee="-0.05"))
    assert (full.phase, full.filled, full.fees) == (Phase.FILLED, Decimal(10), {"USDT": Decimal("0.15")})


def test_filled_is_the_larger_of_the_report_and_the_sum_of_fills() -> None:
    state = state_after(intended(), shown("seen", "open", filled="6", average_price="90"), trade("t1", size="2"))
    assert (state.filled, state.average_price) == (Decimal(6), Decimal(90))
    state = advance(state, trade("t2", size="5"))
    assert (state.filled, state.average_price) == (Decimal(7), Decimal(100))


def test_an_inverse_orders_average_price_is_weighted_by_base() -> None:
    state = state_after(
        intended(inverse=True, size="300"), trade("t1", size="100", price="100"), trade("t2", size="100", price="50")
    )
    assert state.average_price is not None
    assert round(state.average_price, 6) == round(Decimal(200) / Decimal(3), 6)


def test_filled_without_a_number_means_the_whole_size() -> None:
    state = state_after(intended(), shown("seen", "filled"))
    assert (state.phase, state.filled) == (Phase.FILLED, Decimal(10))


# -- cancels and amendments -------------------------------------------------------------------------------------------


def test_a_cancel_without_an_answer_is_unsettled_until_the_order_is_seen_ended() -> None:
    state = state_after(intended(), ACCEPTED, "cancel_intended")
    assert (state.cancel, state.settled, state.live) == ("pending", False, True)
    doubt = advance(state, Event("cancel_unknown", 3))
    assert (doubt.cancel, doubt.settled) == ("unknown", False)
    assert advance(doubt, shown("seen", "open", updated_ms=5)).cancel == "unknown"
    ended = advance(doubt, shown("seen", "cancelled"))
    assert (ended.cancel, ended.settled) == (None, True)


def test_a_cancel_that_had_no_effect_leaves_the_order_open() -> None:
    for answer in ("cancel_refused", "cancel_not_sent"):
        state = state_after(intended(), ACCEPTED, "cancel_intended", answer)
        assert (state.phase, state.cancel, state.settled) == (Phase.OPEN, None, True)


def test_a_second_cancel_that_was_not_sent_leaves_the_first_in_doubt() -> None:
    state = state_after(intended(), ACCEPTED, "cancel_intended", "cancel_intended", "cancel_not_sent")
    assert (state.cancel, state.settled) == ("unknown", False)


def test_a_cancel_that_was_only_taken_stays_pending() -> None:
    state = state_after(intended(), ACCEPTED, "cancel_intended", Event("cancel_accepted", 3, {"pending": True}))
    assert (state.phase, state.cancel) == (Phase.OPEN, "pending")


def test_an_accepted_cancel_says_that_the_venue_had_the_order() -> None:
    state = state_after(intended(), "unknown", "cancel_intended", "cancel_accepted")
    assert (state.phase, state.known) == (Phase.CANCELLED, True)


def test_answers_to_a_cancel_after_the_order_was_filled_change_nothing() -> None:
    state = state_after(intended(), ACCEPTED, "cancel_intended", shown("seen", "filled"))
    for answer in ("cancel_accepted", "cancel_refused", "cancel_unknown", "cancel_not_sent"):
        assert advance(state, Event(answer, 9)) is state


def test_an_accepted_amendment_changes_the_terms() -> None:
    asked = state_after(intended(), ACCEPTED, Event("amend_intended", 3, {"price": "101", "size": "12"}))
    assert (asked.amend, asked.settled, asked.price) == ("pending", False, Decimal(100))
    done = advance(asked, Event("amend_accepted", 4, {"size": "11", "updated_ms": 77}))
    assert (done.price, done.size, done.amend, done.updated_ms) == (Decimal(101), Decimal(11), None, 77)
    for answer in ("amend_refused", "amend_not_sent"):
        kept = advance(asked, Event(answer, 4))
        assert (kept.price, kept.size, kept.amend, kept.settled) == (Decimal(100), Decimal(10), None, True)


def test_a_later_report_with_the_new_terms_settles_an_amendment_in_doubt() -> None:
    asked = state_after(
        *(intended(), shown("accepted", "open", updated_ms=10), Event("amend_intended", 3, {"price": "101"})),
        "amend_unknown",
    )
    assert asked.amend == "unknown"
    assert advance(asked, shown("seen", "open", price="100", updated_ms=20)).amend == "unknown"
    assert advance(asked, shown("seen", "open", price="101", updated_ms=5)).amend == "unknown"
    done = advance(asked, shown("seen", "open", price="101", updated_ms=20))
    assert (done.price, done.amend, done.settled) == (Decimal(101), None, True)
    assert advance(done, Event("amend_accepted", 9)) is done


def test_an_amendment_down_to_what_is_filled_completes_the_order() -> None:
    state = state_after(
        *(intended(), ACCEPTED, trade("t1", size="4"), Event("amend_intended", 3, {"size": "4"})),
        "amend_accepted",
    )
    assert (state.phase, state.filled) == (Phase.FILLED, Decimal(4))


# -- any sequence at all ----------------------------------------------------------------------------------------------

amounts = st.sampled_from(["0", "1", "4", "9.5", "10", "12"])


@st.composite
def any_event(draw: st.DrawFn) -> Event:
    kind, at = draw(st.sampled_from(KINDS)), draw(st.integers(1, 9))
    if kind == "intended":
        return intended()
    if kind in ("accepted", "seen", "adopted"):
        status = draw(st.sampled_from([None, "open", "filled", "cancelled", "expired", "rejected"]))
        more: dict[str, Any] = {"filled": draw(st.none() | amounts), "updated_ms": draw(st.none() | st.integers(1, 9))}
        more["price"] = draw(st.sampled_from([None, "100", "101"]))
        more["size"] = draw(st.sampled_from([None, "10", "12"]))
        order_id = draw(st.sampled_from([None, "v1", "v2", "v3"]))
        return shown(kind, status, order_id, **{name: value for name, value in more.items() if value is not None})
    if kind == "fill":
        return trade(draw(st.sampled_from("abcdef")), size=draw(amounts.filter(lambda size: size != "0")))
    data: dict[str, Any] = {"reason": "because"} if draw(st.booleans()) else {}
    if kind == "amend_intended":
        data = draw(st.sampled_from([{"price": "101"}, {"size": "12"}, {"price": "99", "size": "4"}]))
    if kind == "cancel_accepted" and draw(st.booleans()):
        data["pending"] = True
    if kind == "amend_accepted" and draw(st.booleans()):
        data["order_id"] = draw(st.sampled_from(["v1", "v2"]))
    return Event(kind, at, data)


@settings(max_examples=600, deadline=None)
@given(events=st.lists(any_event(), min_size=1, max_size=14), inverse=st.booleans())
def test_no_sequence_of_events_loses_what_was_filled_or_reopens_what_has_ended(
    events: list[Event], inverse: bool
) -> None:
    state: OrderState | None = intended_state(inverse)
    for event in events:
        assert state is not None
        before = state
        try:
            state = advance(before, event)
        except ImpossibleTransition:
            if event.kind in ("seen", "fill", "noted"):
                raise
            continue
        assert state.filled >= before.filled
        assert state.trades >= before.trades
        assert state.filled == max(state.reported, state.traded)
        assert state.phase in TABLE[before.phase][event.kind]
        assert not (state.final and not state.settled)
        assert state.live is not state.final
        if before.final and state.phase is not before.phase and event.kind != "intended":
            concluded = before.phase in (Phase.NOT_SENT, Phase.ABSENT, Phase.VANISHED) or not before.known
            complete = state.phase is Phase.FILLED and state.filled > before.filled
            assert concluded or complete, f"{before.phase} became {state.phase} by {event}"
        if state.phase is Phase.OPEN and state.size:
            assert state.filled < state.size
        again = advance(state, event) if event.kind in ("seen", "fill", "noted") else state
        assert again is state, "what was seen twice changed something"


def intended_state(inverse: bool) -> OrderState:
    return fold([intended(inverse)])


def test_final_phases_are_those_that_are_neither_open_nor_in_doubt() -> None:
    assert set(Phase) - FINAL == {Phase.INTENDED, Phase.UNKNOWN, Phase.OPEN}


# -- as data ----------------------------------------------------------------------------------------------------------

money = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=12
)
words = st.text(max_size=12)


def of(kind: type) -> st.SearchStrategy[Any]:
    by_type = {
        *((str, words), (int, st.integers(0, 2**53)), (bool, st.booleans()), (Decimal, money)),
        *((str | None, st.none() | words), (int | None, st.none() | st.integers(0, 2**53))),
        *((bool | None, st.none() | st.booleans()), (Decimal | None, st.none() | money)),
    }
    values = dict(by_type)
    hints = kind.__annotations__ if kind is OrderSpec else {f.name: f.type for f in dataclasses.fields(kind)}
    return st.builds(kind, **{name: values[hint] for name, hint in hints.items()})


@given(value=of(OrderSpec))
def test_an_order_survives_being_written_and_read(value: OrderSpec) -> None:
    assert spec_of(json.loads(json.dumps(spec_data(value)))) == value


@given(value=of(OrderReport))
def test_a_report_survives_being_written_and_read(value: OrderReport) -> None:
    assert report_of(json.loads(json.dumps(report_data(value)))) == value


@given(value=of(Fill))
def test_a_fill_survives_being_written_and_read(value: Fill) -> None:
    assert fill_of(json.loads(json.dumps(fill_data(value)))) == value


def test_what_is_absent_or_as_usual_is_not_written() -> None:
    assert spec_data(OrderSpec("c", "buy", "market", Decimal("1E+3"))) == {
        "client_id": "c",
        "side": "buy",
        "type": "market",
        "size": "1000",
    }
    assert "fee" not in fill_data(fill("t", fee=None))
