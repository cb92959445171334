"""What look-ups prove and what they do not, and what is said and done while something is in doubt."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.trading import OrderRef
from connectors.venues.binance_orders import BinanceTrading
from domain.errors import OutcomeUnknown, UsageError
from domain.exit_codes import ExitCode
from domain.orders import LIMIT, OrderReport
from order_management.amending import amend
from order_management.cancel_report import swept_report
from order_management.cancelling import cancel, cancel_everything, sweep_venues
from order_management.desk import Desk
from order_management.finding import known_as
from order_management.journal import JournalError, JournalOrder
from order_management.order_states import UNKNOWN, Phase
from order_management.placing import prepare, send
from order_management.settling import settle
from order_management.tickets import Ticket
from tests.order_management.desks import SUBMIT, afford_much, open_desk, place
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

BTC = "BTC/USDT"


@pytest.fixture
def accounts(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    yield warm
    warm.clear_faults()


def rest(desk: Desk, venue: str, **more: Any) -> JournalOrder:
    """Place an order that rests."""
    return place(desk, venue, BTC, "buy", "0.01", LIMIT, price="60000", **more)


def minutes_later(desk: Desk, minutes: int = 5) -> None:
    """Let the time pass within which a request can arrive and lists may lag."""
    desk.clock_ns = lambda: time.time_ns() + minutes * 60_000_000_000


def test_a_cancel_that_never_arrived_is_settled_once_it_can_arrive_no_more(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        order = rest(desk, "okx")
        accounts.set_fault("okx", "drop_request", "*/trade/cancel-order", times=1)
        order = cancel(desk, order).order
        assert (order.state.cancel, order.state.settled) == ("unknown", False)
        assert settle(desk, order).settled is False
        minutes_later(desk)
        assert settle(desk, order).order.state.but(cancel=None).settled
        assert desk.journal.unsettled() == []


def test_lists_are_asked_from_the_time_that_the_order_has_at_the_venue(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        accounts.set_fault("okx", "clock_skew", ms=-600_000)
        desk.venues.clocks.measure(desk.venues.connector("okx"))
        order = place(desk, "okx", BTC, "buy", "0.01")
        assert order.state.traded == order.state.filled == Decimal("0.01")


def test_an_order_that_the_venue_itself_keeps_as_rejected_is_shown_and_not_sent_again(
    accounts: Any, home: Path
) -> None:
    ticket = Ticket("bybit", BTC, "buy", Decimal("0.01"), price=Decimal(200_000), post_only=True, client_id="kept1")
    with open_desk(home, ["bybit"]) as desk:
        assert send(desk, prepare(desk, ticket)).order.state.phase is Phase.REJECTED
        again = send(desk, prepare(desk, ticket))
        assert (again.again, again.order.state.phase) == (True, Phase.REJECTED)
        assert [order["client_id"] for order in accounts.placed("bybit")].count("kept1") == 1


def test_what_another_process_has_tried_again_meanwhile_is_not_sent_a_second_time(accounts: Any, home: Path) -> None:
    ticket = Ticket("okx", BTC, "buy", Decimal("0.01"), price=Decimal(60_000), client_id="twice1")
    with open_desk(home, ["okx"]) as desk:
        accounts.set_fault("okx", "drop_request", SUBMIT["okx"].replace("sell", "buy"), times=1)
        order = send(desk, prepare(desk, ticket), follow=False).order
        minutes_later(desk)
        assert settle(desk, order).order.state.phase is Phase.ABSENT
        mine, theirs = prepare(desk, ticket), prepare(desk, ticket)
        assert send(desk, theirs).again is False
        assert send(desk, mine).again is True
        assert [order["client_id"] for order in accounts.placed("okx")].count("twice1") == 1


def test_an_order_in_doubt_is_not_amended_and_cancelling_everything_says_that_it_may_come(
    accounts: Any, home: Path
) -> None:
    with open_desk(home, ["okx"]) as desk:
        accounts.set_fault("okx", "drop_request", SUBMIT["okx"], times=1, handled=True)
        accounts.set_fault("okx", "lagging_orders", ms=60_000)
        order = rest(desk, "okx", follow=False)
        with pytest.raises(UsageError, match="not known yet; nothing was sent"):
            amend(desk, order, price=Decimal(60_001), size=None)
        report = swept_report(desk, sweep_venues(desk))
        assert report.exit_code is ExitCode.OUTCOME_UNKNOWN
        assert report.record["venues"][0]["unsettled"] == [order.record.client_id]
        accounts.clear_faults("okx")
        assert amend(desk, order, price=Decimal(60_001), size=None).order.state.price == Decimal(60_001)


def test_cancelling_everything_leaves_an_order_alone_that_has_the_same_id_elsewhere(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx", "bybit"]) as desk:
        ours = rest(desk, "okx", client_id="same1")
        bybit = desk.trading("bybit")
        bybit.admit()
        bybit.submit(desk.instrument("bybit", BTC), ours.record.spec)
        assert len(cancel_everything(desk, "bybit").found) == 1
        assert [event.kind for event in desk.journal.events("same1") if "cancel" in event.kind] == []


def test_an_unknown_outcome_that_cannot_be_written_down_is_still_told_as_unknown(
    accounts: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(home, ["okx"]) as desk:
        accounts.set_fault("okx", "drop_request", SUBMIT["okx"], times=1, handled=True)
        add = desk.journal.add

        def full(client_id: str, kind: str, *rest: Any, **more: Any) -> Any:
            if kind == UNKNOWN:
                raise JournalError("The disk is full.")
            return add(client_id, kind, *rest, **more)

        monkeypatch.setattr(desk.journal, "add", full)
        with pytest.raises(OutcomeUnknown, match="could not be written down: The disk is full"):
            rest(desk, "okx")
        assert len(desk.journal.unsettled()) == 1


def test_one_place_that_hangs_does_not_keep_the_others_from_being_asked(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"], within_s=4) as desk:
        order = rest(desk, "okx")
        accounts.set_fault("okx", "timeout", "GET */trade/order")
        assert settle(desk, order).how == "found in the open orders"


class Forgetful(BinanceTrading):
    """An exchange that takes our ids and never tells them again."""

    def find(self, ref: OrderRef) -> OrderReport | None:
        return None

    def orders_of(self, rows: Iterable[Mapping[str, Any]]) -> list[OrderReport]:
        return [replace(report, client_id=None) for report in super().orders_of(rows)]

    def closed_orders(self, *_: Any) -> list[OrderReport]:
        return []


@pytest.mark.parametrize("kind", ["limit", "market"])
def test_where_ids_are_not_told_again_what_could_be_the_order_keeps_it_from_being_called_absent(
    accounts: Any, home: Path, kind: str
) -> None:
    price = {"price": "60000"} if kind == "limit" else {}
    with open_desk(home, ["binance"]) as desk:
        desk.venues._tradings["binance"] = Forgetful(desk.venues.connector("binance"), desk.venues.cache.of("binance"))
        accounts.set_fault("binance", "drop_request", SUBMIT["binance"], times=1, handled=True)
        order = place(desk, "binance", BTC, "buy", "0.01", kind, follow=False, **price)
        minutes_later(desk)
        verdict = settle(desk, order)
        assert (verdict.order.state.phase, verdict.settled) == (Phase.UNKNOWN, False)
        assert "without one that could be it" in verdict.how
        accounts.set_fault("binance", "drop_request", SUBMIT["binance"], times=1)
        never_there = place(desk, "binance", BTC, "sell", "0.01", kind, follow=False, **(price and {"price": "200000"}))
        minutes_later(desk, 20)
        assert settle(desk, never_there).order.state.phase is Phase.ABSENT


def test_an_id_of_the_venues_means_an_order_within_its_symbol(accounts: Any, home: Path) -> None:
    with open_desk(home, ["binance"]) as desk:
        order = rest(desk, "binance")
        report = OrderReport("binance", BTC, order.state.order_id, None, "open")
        known = known_as(desk.journal, report)
        assert known is not None
        assert known.record == order.record
        assert known_as(desk.journal, replace(report, symbol="ETH/USDT")) is None
