"""Finding out what became of an order: by its id, in the open orders, in the finished ones, in our own trades.

An order is called absent only when every one of these places has answered, has not got it, and was asked after the
moment until which the request could still have been accepted, and lists could still lag (docs/orders.md).
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from connectors.trading import OrderRef, Trading
from domain.errors import CrossbookError, Unsupported
from domain.orders import Fill, OrderReport
from order_management.event_data import report_data
from order_management.finding import known_as
from order_management.order_states import (
    ABSENT,
    AMEND_ACCEPTED,
    AMEND_INTENDED,
    AMEND_NOT_SENT,
    CANCEL_INTENDED,
    CANCEL_REFUSED,
    IN_DOUBT,
    INTENDED,
    NOTED,
    PENDING,
    SEEN,
    UNSETTLED,
    VANISHED,
    Phase,
)

if TYPE_CHECKING:
    from order_management.desk import Desk
    from order_management.journal import JournalOrder

T = TypeVar("T")

START_WITHIN_NS = 2_000_000_000
"""An order that was not handed to the transport this long after it was written down is not sent any more."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 2.0
_SHARE = 0.5
"""Part of the time that is left which one place may take: one that hangs must not keep us from asking the others."""
_LOOK_BACK_MS = 60_000
"""How far before the order's own time lists are asked for: clocks differ."""


class Verdict(NamedTuple):
    """What a round of look-ups came to. `how` says where the order was found, or why it is absent or still unknown.

    `again_in_s` is when another round can prove more; None where nothing is left to prove. `found`: some place has it.
    `answered`: every place that was asked did answer.
    """

    order: "JournalOrder"
    settled: bool
    how: str
    again_in_s: float | None = None
    found: bool = False
    answered: bool = True


class _Search:
    """One round of look-ups for one order, and what each place answered."""

    def __init__(self, desk: "Desk", order: "JournalOrder") -> None:
        self.trading: Trading = desk.trading(order.record.venue)
        self.venues = desk.venues
        self.ref: OrderRef = desk.ref(order)
        self.since_ms = desk.venue_ms(order.record.venue, order.record.created_ns // 1_000_000) - _LOOK_BACK_MS
        self.asked: list[str] = []
        self.complete = True
        self.report: OrderReport | None = None
        self.fills: list[Fill] = []
        self.others: list[OrderReport] = []
        self.other_fills: list[Fill] = []
        self.where = ""

    def run(self) -> None:
        """Ask place after place until the order is found."""
        ref, trading = self.ref, self.trading
        places: Sequence[tuple[str, Callable[[], Sequence[OrderReport]]]] = (
            ("by its id", lambda: [found] if (found := trading.find(ref)) else []),
            ("in the open orders", lambda: trading.open_orders(ref.instrument)),
            ("in the finished orders", lambda: trading.closed_orders(ref.instrument, self.since_ms)),
        )
        for where, ask in places:
            found = self._ask(where, ask)
            mine = [report for report in found if self._is_mine(report)]
            self.others += found
            if mine:
                self.report, self.where = mine[0], where
                break
        if self.report is None or self.report.filled:
            fills = self._ask("in our own trades", lambda: trading.fills(ref.instrument, self.since_ms))
            self.fills = [fill for fill in fills if self._is_my_fill(fill)]
            self.other_fills += fills
            if self.fills and self.report is None:
                self.where = "in our own trades"

    def _ask(self, where: str, ask: Callable[[], Sequence[T]]) -> Sequence[T]:
        venues, now = self.venues, time.monotonic()
        try:
            with venues.until(now + _SHARE * (venues.deadline() - now)):
                found = ask()
        except Unsupported:
            self.asked.append(f"{where}: the venue has no such list")
            return ()
        except CrossbookError as error:
            self.complete = False
            self.asked.append(f"{where}: {error.message}")
            return ()
        self.asked.append(f"{where}: answered")
        return found

    def might_be(self, desk: "Desk", order: "JournalOrder") -> list[str]:
        """Name what the venue shows without any client id and nobody wrote down: it could be this order.

        A venue that finds orders by our id repeats it in its lists; one that does not (an exchange that works by
        configuration alone, say) proves nothing by not finding it.
        """
        spec = order.record.spec
        if self.ref.order_id is not None or not self.trading.rules.finds_by_client_id:
            return []
        named = {report.order_id for report in self.others if report.client_id is not None}
        alike: list[OrderReport | Fill] = [
            report
            for report in self.others
            if (report.symbol, report.side) == (order.record.symbol, spec.side) and report.size in (None, spec.size)
        ]
        alike += [fill for fill in self.other_fills if (fill.symbol, fill.side) == (order.record.symbol, spec.side)]
        found = [told for told in alike if told.client_id is None and told.order_id not in named]
        return list(dict.fromkeys(str(told.order_id) for told in found if known_as(desk.journal, told) is None))

    def _is_mine(self, report: OrderReport) -> bool:
        if self.ref.client_id is not None and report.client_id == self.ref.client_id:
            return True
        return report.order_id is not None and report.order_id == self.ref.order_id

    def _is_my_fill(self, fill: Fill) -> bool:
        known = {self.ref.order_id, self.report.order_id if self.report else None} - {None}
        return fill.order_id in known or (fill.client_id is not None and fill.client_id == self.ref.client_id)


def settle(desk: "Desk", order: "JournalOrder") -> Verdict:
    """Look an order up once, wherever it may be, and write down what was found.

    Raises:
        CrossbookError: the venue cannot be asked at all (no keys, not listed any more).
    """
    started_ns = desk.clock_ns()
    search = _Search(desk, order)
    search.run()
    client_id = order.record.client_id
    evidence = {"asked": search.asked}
    if search.report is not None or search.fills:
        if search.report is not None:
            desk.journal.add(client_id, SEEN, {**report_data(search.report), "how": search.where})
        if search.fills:
            desk.journal.record_fills(search.fills)
        _close_requests(desk, client_id, search, started_ns)
        return _verdict(desk, client_id, f"found {search.where}")._replace(found=True)
    if not search.complete:
        desk.journal.add(client_id, NOTED, evidence)
        missing = "; ".join(text for text in search.asked if not text.endswith("answered"))
        how = f"not every place answered ({missing})"
        return _verdict(desk, client_id, how, again_in_s=_LONGEST_WAIT_S)._replace(answered=False)
    left_s = (quiet_from_ns(desk, order) - started_ns) / 1e9
    if left_s > 0:
        desk.journal.add(client_id, NOTED, evidence)
        how = "not found yet; the request could still be accepted, or the venue's lists may lag"
        return _verdict(desk, client_id, how, again_in_s=left_s)
    if order.state.phase in UNSETTLED and (alike := search.might_be(desk, order)):
        desk.journal.add(client_id, NOTED, evidence)
        how = f"not found by its id, but the venue shows orders without one that could be it ({', '.join(alike)})"
        return _verdict(desk, client_id, how, again_in_s=_LONGEST_WAIT_S)
    if order.state.final:  # refused, absent, or so long ago that the venue has forgotten it: that is known already
        desk.journal.add(client_id, NOTED, evidence)
        return _verdict(desk, client_id, f"it has ended ({order.state.phase.value}), and the venue has nothing of it")
    gone = order.state.phase in UNSETTLED
    desk.journal.add(client_id, ABSENT if gone else VANISHED, evidence)
    how = "the venue never had it: no place has it, and its time to be accepted is over"
    return _verdict(desk, client_id, how if gone else "the venue no longer has it, in no place")


def settle_until(desk: "Desk", order: "JournalOrder", until: float) -> Verdict:
    """Look again and again until the outcome is known, or until `until` (time.monotonic seconds)."""
    wait_s = _FIRST_WAIT_S
    while True:
        verdict = settle(desk, order)
        left_s = until - time.monotonic()
        if verdict.settled or verdict.again_in_s is None:
            return verdict
        pause_s = min(wait_s, verdict.again_in_s + 0.01)
        if pause_s > left_s:
            return verdict
        time.sleep(pause_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        order = verdict.order


def quiet_from_ns(desk: "Desk", order: "JournalOrder") -> int:
    """Tell from when on a look-up that does not find the order proves that it is not there (epoch nanoseconds).

    Whatever of ours is under way was signed at most `START_WITHIN_NS` after it was written down, is accepted at most
    `acceptance_ms` after that, and shows in every list `settling_ms` later.
    """
    rules = desk.trading(order.record.venue).rules
    requests = (INTENDED, CANCEL_INTENDED, AMEND_INTENDED)
    last_ns = max(
        (event.at_ns for event in desk.journal.events(order.record.client_id) if event.kind in requests),
        default=order.record.created_ns,
    )
    return last_ns + START_WITHIN_NS + (rules.acceptance_ms + rules.settling_ms) * 1_000_000


def _close_requests(desk: "Desk", client_id: str, search: _Search, started_ns: int) -> None:
    """Settle a cancel or an amendment that had no answer, where what was found tells."""
    order = desk.journal.order(client_id)
    assert order is not None
    state, report = order.state, search.report
    if state.final or report is None:
        return
    late = started_ns >= quiet_from_ns(desk, order)
    if state.amend in (PENDING, IN_DOUBT):
        took = report.size == (state.amend_size or report.size) and report.price == (state.amend_price or report.price)
        if took:
            desk.journal.add(client_id, AMEND_ACCEPTED, report_data(report))
        elif late:
            reason = "the order still is as it was, and the request can no longer arrive"
            desk.journal.add(client_id, AMEND_NOT_SENT, {"reason": reason})
    if state.cancel in (PENDING, IN_DOUBT) and late:
        # No mere "not sent", which would leave an earlier cancel without an answer in doubt: all of them are too old.
        reason = "the order still rests, and the request can no longer arrive"
        desk.journal.add(client_id, CANCEL_REFUSED, {"reason": reason})


def _verdict(desk: "Desk", client_id: str, how: str, again_in_s: float | None = None) -> Verdict:
    order = desk.journal.order(client_id)
    assert order is not None
    settled = order.state.settled and order.state.phase not in (Phase.INTENDED, Phase.UNKNOWN)
    if not settled and again_in_s is None:
        again_in_s = max(0.0, (quiet_from_ns(desk, order) - desk.clock_ns()) / 1e9)
    return Verdict(order, settled, how, None if settled else again_in_s)
