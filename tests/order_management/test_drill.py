"""What a drill opens, and that the real panic gets out of it: at the simulated venues, and with the paper broker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.environments import PAPER_BROKER
from order_management.drill import ORIGIN, open_drills
from order_management.panic import panic
from tests.order_management.desks import VENUES, afford_much, nobody, open_desk
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def accounts(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    yield warm
    warm.clear_faults()


def test_a_position_a_limit_order_and_a_stop_are_opened_as_far_as_the_venue_has_them(accounts: Any, home: Path) -> None:
    with open_desk(home, [*VENUES, "deriv"]) as desk:
        told = open_drills(desk, desk.venues.names)
        assert [line.split(":")[0] for line in told] == list(desk.venues.names)
        for venue in desk.venues.names:
            kinds = sorted(order.record.spec.type for order in desk.journal.orders(venue=venue))
            assert kinds == (["market"] if venue == "deriv" else ["limit", "market", "stop"])
            assert {order.record.origin for order in desk.journal.orders(venue=venue)} == {ORIGIN}
            assert len(desk.trading(venue).positions()) == 1


def test_an_order_of_the_drill_without_an_answer_is_left_to_the_panic(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        accounts.set_fault("okx", "reset", path="POST */trade/order", times=1, handled=True)
        (told,) = open_drills(desk, ["okx"])
        assert "perhaps a position (no answer came)" in told
        (outcome,) = panic(desk, ["okx"], nobody)
        assert (outcome.flat, len(outcome.closing), outcome.unsettled) == (True, 1, [])


def test_a_venue_where_nothing_can_be_opened_says_why_and_the_panic_runs_all_the_same(
    accounts: Any, home: Path
) -> None:
    with open_desk(home, ["okx"], within_s=10) as desk:
        accounts.set_fault("okx", "maintenance")
        (told,) = open_drills(desk, ["okx"])
        assert told.startswith("okx: nothing was opened for the drill: ")
        accounts.clear_faults()
        (outcome,) = panic(desk, ["okx"], nobody)
        assert outcome.flat


@pytest.mark.parametrize("venue", [*VENUES, "deriv"])
def test_a_drill_with_the_paper_broker_ends_flat(accounts: Any, home: Path, venue: str) -> None:
    with open_desk(home, [venue]) as desk:
        # The simulator's markets as they are seen in public, and the broker of the paper environment.
        desk.venues.place = desk.venues.place._replace(broker=PAPER_BROKER)
        (told,) = open_drills(desk, [venue])
        assert "the drill opened a position" in told, told
        (outcome,) = panic(desk, [venue], nobody)
        assert (outcome.flat, outcome.error, outcome.problems) == (True, None, [])
        assert len(outcome.closing) == 1
        assert desk.trading(venue).positions() == []
        assert desk.trading(venue).open_orders() == []
