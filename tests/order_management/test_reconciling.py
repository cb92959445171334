"""The journal held against the venue: what differs is found, what can be known is written down, nothing is made up."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.exit_codes import ExitCode
from order_management.accepted_positions import accepted_path, load_accepted, save_accepted
from order_management.desk import Desk
from order_management.reconcile_report import reconciled_report
from order_management.reconciling import (
    FILLS_SHORT,
    MISSING_FILL,
    ORDER,
    POSITION,
    STILL_OPEN,
    UNKNOWN_FILL,
    UNKNOWN_ORDER,
    UNSETTLED,
    Reconciled,
    reconcile,
)
from tests.order_management.desks import SPOT, SUBMIT, SWAP, VENUES, afford_much, open_desk, place, place_elsewhere
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

DAY_MS = 86_400_000
NATIVE = {"binance": "BTCUSDT", "okx": "BTC-USDT", "bybit": "BTCUSDT", "kucoin": "BTC-USDT", "deribit": "BTC_USDC"}


@pytest.fixture
def accounts(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    yield warm
    warm.clear_faults()


def compared(
    desk: Desk, venue: str, *, accept: bool = False, accepted: Any = None, back_ms: int = DAY_MS
) -> Reconciled:
    since_ms = time.time_ns() // 1_000_000 - back_ms
    (outcome,) = reconcile(desk, [venue], since_ms, accepted or {}, accept=accept)
    return outcome


def kinds(outcome: Reconciled) -> list[str]:
    return [difference.kind for difference in outcome.differences]


@pytest.mark.parametrize("venue", VENUES)
def test_what_was_placed_here_and_followed_makes_no_difference(accounts: Any, home: Path, venue: str) -> None:
    with open_desk(home, [venue]) as desk:
        place(desk, venue, SWAP[venue], "buy", "0.1")
        place(desk, venue, SPOT[venue], "buy", "0.01")
        place(desk, venue, SPOT[venue], "buy", "0.01", "limit", price="20000")
        place(desk, venue, SWAP[venue], "sell", "0.1", "stop", stop_price="50000")
        outcome = compared(desk, venue)
        assert (kinds(outcome), outcome.error, outcome.unavailable) == ([], None, [])
        assert (outcome.compared["open_orders"], outcome.compared["positions"]) == (2, 1)
        assert outcome.compared["fills"] >= 2
        assert outcome.balances
        assert reconciled_report("sim", [outcome]).exit_code is ExitCode.OK


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_nobody_wrote_down_is_named_and_adopted_only_when_told_to(
    accounts: Any, home: Path, venue: str
) -> None:
    with open_desk(home, [venue]) as desk:
        client_id = place_elsewhere(desk, venue, SPOT[venue], "0.01", "20000")
        outcome = compared(desk, venue)
        assert kinds(outcome) == [UNKNOWN_ORDER]
        assert outcome.differences[0].left
        assert reconciled_report("sim", [outcome]).exit_code is ExitCode.VERIFICATION_FAILED
        assert desk.journal.order(client_id) is None
        outcome = compared(desk, venue, accept=True)
        assert kinds(outcome) == [UNKNOWN_ORDER]
        assert reconciled_report("sim", [outcome], accept=True).exit_code is ExitCode.OK
        order = desk.journal.order(client_id)
        assert order is not None
        assert (order.state.phase.value, order.record.origin, order.record.spec.size) == (
            "open", "adopted", Decimal("0.01"),
        )  # fmt: skip
        assert kinds(compared(desk, venue)) == []


@pytest.mark.parametrize("venue", VENUES)
def test_a_fill_that_happened_while_nobody_looked_is_written_down_with_its_fee(
    accounts: Any, home: Path, venue: str
) -> None:
    with open_desk(home, [venue]) as desk:
        mid = desk.look(desk.instrument(venue, SPOT[venue])).mid
        assert mid
        price = str(int(mid * Decimal("0.95")))
        order = place(desk, venue, SPOT[venue], "buy", "0.02", "limit", price=price)
        product = {} if venue in ("okx", "kucoin", "deribit") else {"product": "spot"}
        filled = accounts.print_trade(venue, NATIVE[venue], price, "0.02", "sell", **product)
        assert len(filled) == 1
        outcome = compared(desk, venue)
        assert kinds(outcome) == [MISSING_FILL, ORDER]
        assert [difference.left for difference in outcome.differences] == [False, False]
        after = desk.journal.order(order.record.client_id)
        assert after is not None
        assert (after.state.phase.value, after.state.traded) == ("filled", Decimal("0.02"))
        assert after.state.fees
        assert kinds(compared(desk, venue)) == []


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_was_cancelled_elsewhere_becomes_cancelled_with_evidence(
    accounts: Any, home: Path, venue: str
) -> None:
    with open_desk(home, [venue]) as desk:
        order = place(desk, venue, SPOT[venue], "buy", "0.01", "limit", price="20000")
        desk.trading(venue).cancel(desk.ref(order))
        outcome = compared(desk, venue)
        assert kinds(outcome) == [ORDER]
        difference = outcome.differences[0]
        assert (difference.journal, difference.at_venue) == ("open, filled 0", "cancelled, filled 0")
        assert desk.journal.events(order.record.client_id)[-1].kind == "seen"
        assert kinds(compared(desk, venue)) == []


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_whose_answer_was_lost_is_settled(accounts: Any, home: Path, venue: str) -> None:
    with open_desk(home, [venue]) as desk:
        path = SUBMIT[venue].replace("sell", "buy")
        accounts.set_fault(venue, "reset", path=path, times=1, handled=True)
        order = place(desk, venue, SPOT[venue], "buy", "0.01", "limit", price="20000", follow=False)
        assert not order.state.settled
        outcome = compared(desk, venue)
        assert kinds(outcome) == [UNSETTLED]
        assert not outcome.differences[0].left
        after = desk.journal.order(order.record.client_id)
        assert after is not None
        assert after.state.phase.value == "open"


def test_an_order_that_the_venue_has_lost_is_left_until_its_absence_is_proved_and_then_vanished(
    accounts: Any, home: Path
) -> None:
    with open_desk(home, ["okx"]) as desk:
        order = place(desk, "okx", "BTC/USDT", "buy", "0.01", "limit", price="20000")
        accounts.reset_accounts("okx")
        outcome = compared(desk, "okx")
        assert kinds(outcome) == [ORDER]
        assert outcome.differences[0].left
        trading = desk.trading("okx")
        trading.rules = replace(trading.rules, acceptance_ms=0, settling_ms=0)
        time.sleep(max(0.0, 2.1 - (time.time_ns() - order.record.created_ns) / 1e9))
        outcome = compared(desk, "okx")
        assert [difference.at_venue for difference in outcome.differences] == ["vanished, filled 0"]
        assert desk.journal.events(order.record.client_id)[-1].data["asked"]
        assert kinds(compared(desk, "okx")) == []


def test_trades_and_a_position_of_nobodys_are_named_and_kept_only_when_told_to(accounts: Any, home: Path) -> None:
    with open_desk(home, ["bybit"]) as desk:
        place_elsewhere(desk, "bybit", "BTC/USDT:USDT", "0.1")
        outcome = compared(desk, "bybit")
        assert kinds(outcome) == [UNKNOWN_FILL, POSITION]
        assert outcome.differences[1].at_venue == "0.1"
        assert desk.journal.fills(venue="bybit") == []
        outcome = compared(desk, "bybit", accept=True)
        assert sum(fill.size for fill in desk.journal.fills(venue="bybit")) == Decimal("0.1")
        assert kinds(compared(desk, "bybit", accepted=outcome.explained)) == []


def test_a_position_from_before_the_journal_can_be_accepted_and_only_changes_are_news(
    accounts: Any, home: Path, tmp_path: Path
) -> None:
    with open_desk(home, ["okx"]) as desk:
        place_elsewhere(desk, "okx", "BTC/USDT:USDT", "0.1")
        time.sleep(0.01)
        outcome = compared(desk, "okx", accept=True, back_ms=0)
        assert kinds(outcome) == [POSITION]
        path = accepted_path(tmp_path / "orders.sqlite")
        save_accepted(path, dict(outcome.explained))
        assert path.stat().st_mode & 0o777 == 0o600
        accepted = load_accepted(path)
        assert accepted == {("okx", "BTC/USDT:USDT"): Decimal("0.1")}
        place(desk, "okx", "BTC/USDT:USDT", "buy", "0.2")
        assert kinds(compared(desk, "okx", accepted=accepted, back_ms=0)) == []
        place_elsewhere(desk, "okx", "BTC/USDT:USDT", "0.1")
        time.sleep(0.01)
        assert kinds(compared(desk, "okx", accepted=accepted, back_ms=0))[-1:] == [POSITION]


def test_an_order_whose_trades_the_venue_does_not_show_is_short_of_fills_and_none_is_made_up(
    accounts: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(home, ["okx"]) as desk:
        trading = desk.trading("okx")
        trading.rules = replace(trading.rules, settling_ms=100)
        # A venue's list of trades that stays empty: the simulator has no such fault.
        monkeypatch.setattr(trading, "fills", lambda instrument, since_ms: [])
        order = place(desk, "okx", "BTC/USDT", "buy", "0.01")
        outcome = compared(desk, "okx")
        assert kinds(outcome) == [FILLS_SHORT]
        assert (outcome.differences[0].journal, outcome.differences[0].at_venue) == ("trades of 0", "filled 0.01")
        assert desk.journal.fills(order.record.client_id) == []


def test_an_order_that_ended_by_the_journal_and_is_open_at_the_venue_is_never_hidden(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        order = place(desk, "okx", "BTC/USDT", "buy", "0.01", "limit", price="20000")
        desk.journal.add(order.record.client_id, "cancel_intended")
        desk.journal.add(order.record.client_id, "cancel_accepted")
        outcome = compared(desk, "okx")
        assert kinds(outcome) == [STILL_OPEN]
        assert outcome.differences[0].left


def test_from_a_venue_that_does_not_answer_nothing_follows(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx", "bybit"], within_s=6) as desk:
        order = place(desk, "okx", "BTC/USDT", "buy", "0.01", "limit", price="20000")
        events = len(desk.journal.events(order.record.client_id))
        accounts.set_fault("okx", "down")
        since_ms = time.time_ns() // 1_000_000 - DAY_MS
        silent, answered = reconcile(desk, ["okx", "bybit"], since_ms, {}, accept=True)
        assert silent.error is not None
        assert (silent.differences, answered.error) == ((), None)
        assert len(desk.journal.events(order.record.client_id)) == events
        report = reconciled_report("sim", [silent, answered])
        assert report.exit_code is ExitCode.PARTIAL
        assert reconciled_report("sim", [silent]).exit_code is ExitCode.UNAVAILABLE


def test_a_list_that_is_not_told_is_unavailable_and_the_rest_is_compared(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"], within_s=6) as desk:
        place_elsewhere(desk, "okx", "BTC/USDT", "0.01", "20000")
        accounts.set_fault("okx", "server_error", path="*/account/positions*")
        outcome = compared(desk, "okx")
        assert kinds(outcome) == [UNKNOWN_ORDER]
        assert outcome.unavailable[0].startswith("positions: ")
        assert outcome.error is not None
        assert "positions" not in outcome.compared


def test_a_venue_without_keys_is_skipped_unless_it_is_named_or_has_orders_of_ours(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx", "bybit", "kucoin"]) as desk:
        place(desk, "kucoin", "BTC/USDT", "buy", "0.01", "limit", price="20000")
        keys = desk.venues.place.keys
        desk.venues.place = desk.venues.place._replace(keys=lambda venue: keys(venue) if venue == "okx" else None)
        asked, skipped = desk.with_accounts(named=False)
        assert asked == ["okx", "kucoin"]
        assert [(item.venue, item.reason) for item in skipped] == [("bybit", "there are no keys")]
        assert desk.with_accounts(named=True) == (["okx", "bybit", "kucoin"], [])
