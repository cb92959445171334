"""Whatever is placed, filled, changed and cancelled, and whichever answers are lost: in the end everybody agrees.

Random sequences (shrunk by Hypothesis) run through the desk against the simulator. Afterwards the journal, what the
simulator has taken, and the balances tell one story: every order exists once or never, with the same fills.
"""

import contextlib
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.registry import Venues
from domain.errors import CrossbookError
from domain.orders import BUY, LIMIT, MARKET, SELL, SIDES
from order_management.amending import amend
from order_management.cancelling import cancel
from order_management.desk import Desk
from order_management.journal import Journal, JournalOrder
from order_management.order_states import Phase
from order_management.placing import prepare, send
from order_management.policy.chain import Policy
from order_management.settling import settle
from tests.connectors.test_trading_conformance import flows
from tests.connectors.tradingfloor import Floor, open_floors, opposite

SUBMIT = {"binance": "*/order*", "okx": "*/trade/*order*", "deribit": "*/private/buy*"}
CANCEL = {"binance": "DELETE */order*", "okx": "*/trade/cancel-order*", "deribit": "*/private/cancel*"}
SELLING = {"deribit": "*/private/sell*"}
MARKETS = [("binance", "spot"), ("okx", "linear"), ("deribit", "linear")]
LATER_NS = 120_000_000_000
"""As long after a request, no venue accepts it any more, and every list is up to date."""
LATE_MS = 150
NOBODY = frozenset({Phase.NOT_SENT, Phase.ABSENT, Phase.REJECTED})
_numbers = count(1)


class Place(NamedTuple):
    """Place an order of `units` usual sizes; `takes` meets the book at once."""

    side: str
    units: int
    takes: bool
    fault: str


class Meet(NamedTuple):
    """A public trade meets the resting order that was placed as number `which` in part."""

    which: int


class Cancel(NamedTuple):
    """Cancel the order that was placed as number `which`."""

    which: int
    fault: str


class Amend(NamedTuple):
    """Make the order that was placed as number `which` smaller."""

    which: int


class Look(NamedTuple):
    """Look up the order that was placed as number `which`."""

    which: int


ANSWERED, LOST_ANSWER, LOST, LATE = "answered", "answer lost", "request lost", "late"
faults = st.sampled_from([ANSWERED, ANSWERED, LOST_ANSWER, LOST, LATE])
numbers = st.integers(0, 5)
steps = st.lists(
    st.one_of(
        st.builds(Place, st.sampled_from(SIDES), st.integers(1, 3), st.booleans(), faults),
        st.builds(Place, st.sampled_from(SIDES), st.integers(2, 3), st.just(False), st.just(ANSWERED)),
        st.builds(Meet, numbers),
        st.builds(Cancel, numbers, faults),
        st.builds(Amend, numbers),
        st.builds(Look, numbers),
    ),
    min_size=3,
    max_size=9,
)


class Story:
    """One run: a floor, a desk whose clock can be put forward, and the orders of it."""

    def __init__(self, floor: Floor, label: str, folder: Path) -> None:
        self.floor, self.item = floor, floor.instrument(label)
        self.ahead_ns = 0
        self.journal = Journal.open(folder / f"random-{next(_numbers)}.sqlite")
        self.desk = Desk(
            floor.venues,
            floor.venues.config,
            self.journal,
            Policy(()),
            lambda: time.monotonic() + 0.25,
            clock_ns=lambda: time.time_ns() + self.ahead_ns,
        )
        self.ids: list[str] = []
        self.before = floor.totals()

    def fault(self, kind: str, path: str) -> None:
        """Set a fault for the next request to a path."""
        name, args = {
            LOST_ANSWER: ("reset", {"handled": True}),
            LOST: ("reset", {}),
            LATE: ("late", {"ms": LATE_MS}),
        }.get(kind, ("", {}))
        if name:
            self.floor.sim.set_fault(self.floor.name, name, path=path, times=1, **args)

    def chosen(self, which: int) -> JournalOrder | None:
        """Find the order that is meant, where there are any."""
        return self.journal.order(self.ids[which % len(self.ids)]) if self.ids else None

    def do(self, step: Any) -> None:
        """Take one step; what is refused, or not known yet, is part of the story."""
        with contextlib.suppress(CrossbookError):
            if isinstance(step, Place):
                self.place(step)
            elif (order := self.chosen(step.which)) is not None:
                self.act(step, order)
        self.floor.sim.clear_faults(self.floor.name)

    def place(self, step: Place) -> None:
        """Place an order, sometimes over a bad line."""
        away = "0.01" if step.takes else "-0.03"
        if step.side == SELL:
            away = "-0.01" if step.takes else "0.03"
        price = self.floor.away(self.item, step.side, away)
        size = step.units * self.floor.size(self.item)
        ticket = self.floor.ticket(self.item, step.side, LIMIT, price=price, size=size)
        self.ids.append(str(ticket.client_id))
        prepared = prepare(self.desk, ticket, look=False)
        path = SELLING.get(self.floor.name) if step.side == SELL else None
        self.fault(step.fault, path or SUBMIT[self.floor.name])
        send(self.desk, prepared)

    def act(self, step: Any, order: JournalOrder) -> None:
        """Do something about an order."""
        spec = order.record.spec
        if isinstance(step, Meet):
            self.floor.meet(self.item, spec.price, self.floor.size(self.item), opposite(spec.side))
        elif isinstance(step, Cancel):
            self.fault(step.fault, CANCEL[self.floor.name])
            cancel(self.desk, order)
        elif isinstance(step, Amend):
            amend(self.desk, order, price=None, size=order.state.filled + self.floor.size(self.item))
        else:
            settle(self.desk, order)

    def end(self) -> None:
        """Let what is late arrive, settle everything, cancel what rests, and close what is held."""
        time.sleep(LATE_MS / 1000 + 0.1)
        self.ahead_ns = LATER_NS
        for order in self.journal.orders():
            settle(self.desk, order)
        for order in self.journal.orders(live=True):
            cancel(self.desk, order)
        self.ahead_ns = 0
        for position in self.floor.trading.positions():
            side = BUY if position.size < 0 else SELL
            ticket = self.floor.ticket(self.item, side, MARKET, size=abs(position.size), reduce_only=True)
            self.ids.append(str(ticket.client_id))
            send(self.desk, prepare(self.desk, ticket))
        for order in self.journal.orders():
            settle(self.desk, order)

    def check(self) -> None:
        """Hold the journal against the simulator, and the balances against the journal's trades."""
        assert self.journal.unsettled() == []
        assert self.journal.orders(live=True) == []
        taken = self.floor.placed()
        for order in self.journal.orders():
            rows = [row for row in taken if row["client_id"].endswith(order.record.client_id)]
            assert len(rows) == (0 if order.state.phase in NOBODY else 1), (order.state.phase, rows)
            for row in rows:
                assert Decimal(row["filled"]) * self.item.unit_size == order.state.filled, (row, order.state)
                assert (row["state"], str(order.state.phase)) in _SAME, (row, order.state.phase)
                assert row["side"] == order.record.spec.side
        assert len(taken) == sum(order.state.phase not in NOBODY for order in self.journal.orders())
        fills = self.journal.fills()
        assert sum(fill.size for fill in fills) == sum(order.state.filled for order in self.journal.orders())
        expected, after = flows(list(fills), self.item), self.floor.totals()
        for currency in self.before.keys() | after.keys() | expected.keys():
            moved = after.get(currency, Decimal(0)) - self.before.get(currency, Decimal(0))
            assert abs(moved - expected.get(currency, Decimal(0))) <= Decimal("1e-8") * max(1, len(fills)), currency


_SAME = {("filled", "filled"), ("cancelled", "cancelled"), ("expired", "expired"), ("expired", "cancelled")}


@pytest.fixture(scope="module")
def floors(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Floor]]:
    """The venues of these stories."""
    with open_floors(running_simulator, tmp_path_factory.mktemp("random-trading")) as venues:
        yield _floors(venues, running_simulator, tmp_path_factory.mktemp("floors"))
    running_simulator.clear_faults()


def _floors(venues: Venues, sim: Any, folder: Path) -> dict[str, Floor]:
    return {name: Floor(venues, name, sim, folder) for name, _ in MARKETS}


@pytest.mark.parametrize(("name", "label"), [pytest.param(*market, id="-".join(market)) for market in MARKETS])
def test_journal_simulator_and_balances_agree_after_any_sequence(
    floors: dict[str, Floor], name: str, label: str, tmp_path: Path
) -> None:
    floor = floors[name]

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(steps)
    def tell(sequence: list[Any]) -> None:
        floor.sim.clear_faults()
        floor.sim.reset_accounts(name)
        story = Story(floor, label, tmp_path)
        try:
            for step in sequence:
                story.do(step)
            story.end()
            story.check()
        finally:
            story.journal.close()

    tell()


def test_looking_up_what_is_known_to_be_absent_changes_nothing(floors: dict[str, Floor], tmp_path: Path) -> None:
    floor = floors["okx"]
    floor.sim.clear_faults()
    floor.sim.reset_accounts("okx")
    story = Story(floor, "linear", tmp_path)
    story.do(Place(BUY, 1, takes=False, fault=LOST))
    story.ahead_ns = LATER_NS
    for _ in range(2):
        (order,) = story.journal.orders()
        verdict = settle(story.desk, order)
        assert (verdict.settled, verdict.order.state.phase) == (True, Phase.ABSENT)
    assert "it has ended (absent)" in verdict.how
    story.journal.close()
