"""Getting out of everything: orders cancelled, positions closed once, whatever the network does meanwhile."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import PolicyDenied, Refused
from domain.exit_codes import ExitCode
from order_management.panic import ORIGIN, panic, plan, plan_text
from order_management.panic_report import panic_report
from order_management.policy.chain import Policy
from order_management.policy.contract import Check
from tests.order_management.desks import (
    SPOT,
    SUBMIT,
    SWAP,
    VENUES,
    afford_much,
    nobody,
    open_desk,
    place,
    place_elsewhere,
    positions,
)
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def accounts(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    yield warm
    warm.clear_faults()


def closing(accounts: Any, venue: str) -> list[dict[str, str]]:
    """List what the venue itself took as orders that reduce."""
    return [order for order in accounts.placed(venue) if str(order.get("reduce_only")).lower() == "true"]


@pytest.mark.parametrize("venue", VENUES)
def test_orders_of_every_family_are_cancelled_and_positions_closed_but_coins_are_kept(
    accounts: Any, home: Path, venue: str
) -> None:
    with open_desk(home, [venue]) as desk:
        place(desk, venue, SWAP[venue], "buy", "0.1")
        place(desk, venue, SPOT[venue], "buy", "0.01")
        place(desk, venue, SPOT[venue], "buy", "0.01", "limit", price="20000")
        place(desk, venue, SWAP[venue], "sell", "0.1", "stop", stop_price="50000")
        coins = {(b.currency, b.wallet): b.total for b in desk.trading(venue).balances() if b.currency == "BTC"}
        found = plan(desk, venue)
        assert (len(found.orders), [position.size for position in found.positions]) == (2, [Decimal("0.1")])
        assert "2 orders" in plan_text(found)
        (outcome,) = panic(desk, [venue], nobody)
        assert (outcome.flat, outcome.error, outcome.unsettled) == (True, None, [])
        assert len(outcome.cancelled) == 2
        assert desk.trading(venue).open_orders() == []
        assert positions(desk, venue) == {}
        assert desk.journal.orders(venue=venue, live=True) == []
        (order,) = outcome.closing
        assert (order.record.origin, order.record.spec.reduce_only, order.state.filled) == (
            ORIGIN,
            True,
            Decimal("0.1"),
        )
        assert sum(fill.size for fill in desk.journal.fills(order.record.client_id)) == Decimal("0.1")
        kept = {(b.currency, b.wallet): b.total for b in desk.trading(venue).balances() if b.currency == "BTC"}
        assert kept == coins
        assert panic_report("sim", [outcome]).exit_code is ExitCode.OK


@pytest.mark.parametrize(("side", "symbol"), [("sell", "BTC/USDT:USDT"), ("buy", "BTC/USD:BTC")])
def test_short_and_coin_margined_positions_are_closed_to_the_last_contract(
    accounts: Any, home: Path, side: str, symbol: str
) -> None:
    with open_desk(home, ["okx"]) as desk:
        place(desk, "okx", symbol, side, "5000", unit="quote")
        assert positions(desk, "okx")
        (outcome,) = panic(desk, ["okx"], nobody)
        assert outcome.flat
        assert positions(desk, "okx") == {}
        assert len(outcome.closing) == 1


def test_contracts_that_are_sold_whole_are_sold_one_by_one_both_ways(accounts: Any, home: Path) -> None:
    with open_desk(home, ["deriv"]) as desk:
        for side, amount in (("buy", "1"), ("buy", "2"), ("sell", "1")):
            place(desk, "deriv", "R_100/USD", side, amount)
        assert len(desk.trading("deriv").positions()) == 2
        (outcome,) = panic(desk, ["deriv"], nobody)
        assert outcome.flat
        assert len(outcome.closing) == 3
        assert desk.trading("deriv").positions() == []


def test_what_was_placed_elsewhere_is_cancelled_and_closed_too(accounts: Any, home: Path) -> None:
    with open_desk(home, ["bybit"]) as desk:
        place_elsewhere(desk, "bybit", "BTC/USDT:USDT", "0.1")
        place_elsewhere(desk, "bybit", "BTC/USDT", "0.01", "20000")
        (outcome,) = panic(desk, ["bybit"], nobody)
        assert outcome.flat
        assert desk.trading("bybit").open_orders() == []
        assert positions(desk, "bybit") == {}


@pytest.mark.parametrize("venue", VENUES)
def test_a_closing_order_whose_answer_was_lost_is_looked_up_and_never_sent_twice(
    accounts: Any, home: Path, venue: str
) -> None:
    with open_desk(home, [venue]) as desk:
        place(desk, venue, SWAP[venue], "buy", "0.1")
        before = len(accounts.placed(venue))
        accounts.set_fault(venue, "reset", path=SUBMIT[venue], times=1, handled=True)
        (outcome,) = panic(desk, [venue], nobody)
        assert accounts.faults() == []
        assert outcome.flat
        assert len(accounts.placed(venue)) == before + 1
        assert positions(desk, venue) == {}


def test_a_closing_order_that_never_arrived_is_sent_anew_only_once_that_is_proved(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        trading = desk.trading("okx")
        trading.rules = replace(trading.rules, acceptance_ms=300, settling_ms=100)
        place(desk, "okx", SWAP["okx"], "buy", "0.1")
        before = len(accounts.placed("okx"))
        accounts.set_fault("okx", "reset", path=SUBMIT["okx"], times=1)
        (outcome,) = panic(desk, ["okx"], nobody)
        assert outcome.flat
        phases = [order.state.phase.value for order in outcome.closing]
        assert phases == ["absent", "filled"]
        first, second = outcome.closing
        assert second.record.created_ns - first.record.created_ns > 2_300_000_000
        assert len(accounts.placed("okx")) == before + 1


def test_orders_that_the_venues_lists_do_not_show_yet_are_found_by_the_journal(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        placed = place(desk, "okx", "BTC/USDT", "buy", "0.01", "limit", price="20000")
        accounts.set_fault("okx", "lagging_orders", ms=60_000)
        (outcome,) = panic(desk, ["okx"], nobody)
        assert outcome.flat
        order = desk.journal.order(placed.record.client_id)
        assert order is not None
        assert order.state.phase.value == "cancelled"
        accounts.clear_faults()
        assert desk.trading("okx").open_orders() == []


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_may_still_be_accepted_is_watched_and_what_it_opens_is_closed(
    accounts: Any, home: Path, venue: str
) -> None:
    with open_desk(home, [venue]) as desk:
        accounts.set_fault(venue, "late", path=SUBMIT[venue].replace("sell", "buy"), ms=1500, times=1)
        order = place(desk, venue, SWAP[venue], "buy", "0.1", follow=False)
        assert not order.state.settled
        (outcome,) = panic(desk, [venue], nobody)
        assert outcome.flat, desk.journal.events(order.record.client_id)
        assert outcome.flat_after_s is not None
        assert outcome.flat_after_s > 1
        assert positions(desk, venue) == {}
        assert len(outcome.closing) == 1


def test_a_venue_that_is_down_keeps_no_other_from_being_flat(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx", "bybit"], within_s=8) as desk:
        for venue in ("okx", "bybit"):
            place(desk, venue, SWAP[venue], "buy", "0.1")
        accounts.set_fault("okx", "down")
        down, flat = panic(desk, ["okx", "bybit"], nobody)
        assert (down.flat, flat.flat) == (None, True)
        assert down.error is not None
        report = panic_report("sim", [down, flat])
        assert report.exit_code is ExitCode.PARTIAL
        assert panic_report("sim", [down]).exit_code is ExitCode.UNAVAILABLE
        assert any("okx" in line for line in report.summary)
    with open_desk(home, ["bybit"]) as desk:  # the time of the first is over, or almost
        assert positions(desk, "bybit") == {}


def test_a_size_that_the_venue_refuses_is_split_until_it_takes_it(
    accounts: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(home, ["okx"]) as desk:
        place(desk, "okx", SWAP["okx"], "buy", "1")
        trading = desk.trading("okx")
        submit = trading.submit

        def limited(instrument: Any, spec: Any) -> Any:
            if spec.size > Decimal("0.3"):
                raise Refused("the size is above the largest of a market order", venue="okx")
            return submit(instrument, spec)

        # No listing of the simulator has a largest size, so the refusal is made here; all else is the real wire.
        monkeypatch.setattr(trading, "submit", limited)
        (outcome,) = panic(desk, ["okx"], nobody)
        assert outcome.flat
        filled = [order.state.filled for order in outcome.closing]
        assert filled == [Decimal("0.25")] * 4
        assert positions(desk, "okx") == {}


def test_a_position_that_cannot_be_closed_is_named_and_does_not_keep_the_others(accounts: Any, home: Path) -> None:
    class NotThis(Check):
        name = "not_this"
        for_reducing = True
        for_urgent = True

        def check(self, subject: Any) -> None:
            if subject.instrument.base == "ETH":
                raise PolicyDenied("Denied by a check: not this one.")

    with open_desk(home, ["okx"]) as desk:
        place(desk, "okx", "BTC/USDT:USDT", "buy", "0.1")
        place(desk, "okx", "ETH/USDT:USDT", "buy", "1")
        desk.policy = Policy((NotThis(None),))
        began = time.monotonic()
        (outcome,) = panic(desk, ["okx"], nobody)
        assert time.monotonic() - began < 10
        assert outcome.flat is False
        assert [position.symbol for position in outcome.left_positions] == ["ETH/USDT:USDT"]
        assert outcome.problems == ["ETH/USDT:USDT: Denied by a check: not this one."]
        assert positions(desk, "okx") == {"ETH/USDT:USDT": Decimal(1)}
        assert panic_report("sim", [outcome]).exit_code is ExitCode.PARTIAL


def test_a_second_run_has_nothing_to_do(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        place(desk, "okx", SWAP["okx"], "buy", "0.1")
        panic(desk, ["okx"], nobody)
        before = len(accounts.placed("okx"))
        (outcome,) = panic(desk, ["okx"], nobody)
        assert (outcome.flat, outcome.cancelled, outcome.closing) == (True, [], [])
        assert len(accounts.placed("okx")) == before
