"""Many orders from one file: venues side by side, each as fast as its own rate of orders allows.

Every order is independent, and known by its id: what an earlier run of the same file has placed is not sent again,
and what that run left unsettled (it was killed, or had no answer) is neither sent nor guessed.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING

from domain.errors import CrossbookError, NotSent, OutcomeUnknown, PolicyDenied, RateLimited, Refused, UsageError
from domain.exit_codes import ExitCode
from order_management.batch_file import Row
from order_management.order_states import Phase
from order_management.placing import Prepared, check, check_repeats, may_be_tried_again, prepare, send

if TYPE_CHECKING:
    from order_management.desk import Desk
    from order_management.journal import JournalOrder
    from order_management.tickets import Ticket

IN_FLIGHT = 4
"""How many orders of one venue are under way at once: a venue answers in less time than its rate asks us to wait."""
PATIENCE_S = 60.0
"""How long an order waits for the venue's rate to let it through, where the run has no deadline of its own."""
ATTEMPTS = 5
"""How often an order is brought forward that the venue's own rate limit turned away."""
VIEW_MS = 1_000
"""How old a view of a market may be that several orders share, where they are valued by it."""
RESERVE_S, RESERVE_SHARE = 3.0, 0.25
"""How long before the deadline no order is begun any more, and at most which part of the whole that is: an order that
has no time for its answer would end in doubt."""
_TICK_S = 0.25

ACCEPTED, KNOWN, UNSETTLED = "accepted", "known", "unsettled"
REFUSED, DENIED, NOT_SENT, ABSENT, BAD_LINE = "refused", "denied", "not_sent", "absent", "bad_line"
_ENDED_BADLY = {Phase.REJECTED: REFUSED, Phase.NOT_SENT: NOT_SENT, Phase.ABSENT: ABSENT}
_CODES = {REFUSED: ExitCode.REFUSED, ABSENT: ExitCode.UNAVAILABLE, NOT_SENT: ExitCode.UNAVAILABLE}


@dataclass(frozen=True)
class Outcome:
    """What became of one line. `order` is None where nothing was written down."""

    row: Row
    what: str
    order: "JournalOrder | None" = None
    error: CrossbookError | None = None
    sent: bool = False
    """It went out in this run."""

    @property
    def good(self) -> bool:
        """Tell whether the venue has taken the order, now or in an earlier run."""
        return self.what in (ACCEPTED, KNOWN)

    @property
    def exit_code(self) -> ExitCode:
        """Give the code of this order alone."""
        if self.good:
            return ExitCode.OK
        if self.what == UNSETTLED:
            return ExitCode.OUTCOME_UNKNOWN
        return self.error.exit_code if self.error else _CODES[self.what]


def checked_rows(desk: "Desk", rows: Sequence[Row]) -> list[Row]:
    """Check every line against its venue's instruments and abilities; nothing is asked of anybody."""
    return [_checked(desk, row) for row in rows]


def _checked(desk: "Desk", row: Row) -> Row:
    if row.ticket is None:
        return row
    try:
        check(desk, row.ticket)
    except (UsageError, Refused) as error:
        found = UsageError(f"Line {row.line}: {error.message}", venue=row.ticket.venue, hint=error.hint)
        return Row(row.line, None, found)
    except CrossbookError:
        pass  # the venue cannot be used now: its lines say so when their turn comes
    return row


class Batch:
    """One run over a file's orders.

    Args:
        until: when the whole has to end (time.monotonic seconds; infinite: no deadline).
        tell: is given each outcome as it is final, in the caller's thread.
    """

    def __init__(
        self, desk: "Desk", rows: Sequence[Row], *, until: float, tell: Callable[[Outcome], None] = lambda _: None
    ) -> None:
        self._desk = desk
        self._rows = rows
        self._until = until
        self._begin_until = until - min(RESERVE_S, RESERVE_SHARE * (until - time.monotonic()))
        self._tell = tell
        self._timeout_s = desk.config.timeout_s
        self._changed = Condition()
        self._stopped = False
        self._sending: set[int] = set()
        self._done: dict[int, Outcome] = {}
        self._told: set[int] = set()
        self._mistakes: list[BaseException] = []
        self.interrupted = False

    def run(self) -> list[Outcome]:
        """Send what is to be sent and answer every line's outcome, in the file's order.

        An interrupt (or the deadline) stops what has not begun; what is under way is waited for.
        """
        queues: dict[str, deque[Row]] = {}
        for row in self._rows:
            if row.ticket is None:
                self._done[row.line] = Outcome(row, BAD_LINE, error=row.error)
            else:
                queues.setdefault(row.ticket.venue, deque()).append(row)
        threads = [
            Thread(target=self._work, args=(queue,), name=f"batch {venue}", daemon=True)
            for venue, queue in queues.items()
            for _ in range(min(IN_FLIGHT, len(queue)))
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch(lambda: len(self._done) == len(self._rows))
        except KeyboardInterrupt:
            self.interrupted = True
        self._stop()
        self._watch(lambda: not self._sending, final=True)
        if self._mistakes:
            raise self._mistakes[0]
        for row in self._rows:
            if row.line not in self._done:
                why = "It was interrupted" if self.interrupted else "The time was over"
                self._done[row.line] = Outcome(row, NOT_SENT, error=NotSent(f"{why} before this order was sent."))
        if not self.interrupted:
            self._look_up()
        self._desk.journal.flush()
        self._tell_news(held=False)
        return [self._done[row.line] for row in self._rows]

    # --- the caller's thread -----------------------------------------------------------------------------------------

    def _watch(self, over: Callable[[], bool], *, final: bool = False) -> None:
        """Tell outcomes as they come until `over`, the deadline, or a mistake; then nothing but `final` goes on."""
        while True:
            self._renew()
            with self._changed:
                if not over() and (final or not self._mistakes):
                    self._changed.wait(_TICK_S)
                ended = over() or (not final and (bool(self._mistakes) or time.monotonic() >= self._begin_until))
            self._tell_news(held=True)
            if ended:
                return

    def _renew(self) -> None:
        """Give reads of other threads (prices of all venues, say) a deadline from now on."""
        self._desk.venues.start(min(self._until, time.monotonic() + self._timeout_s))

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True

    def _tell_news(self, *, held: bool) -> None:
        """Tell what is new; what is unsettled since now is `held` back until it was looked up."""
        with self._changed:
            news = [item for line, item in self._done.items() if line not in self._told]
        for item in news:
            if not (held and _is_fresh_doubt(item)):
                self._told.add(item.row.line)
                self._tell(item)

    def _look_up(self) -> None:
        """Find out what became of the orders of this run that had no answer."""
        from order_management.resolving import resolve_all

        doubtful = {
            item.order.record.client_id: item for item in self._done.values() if item.order and _is_fresh_doubt(item)
        }
        deadline = min(self._until, time.monotonic() + self._timeout_s)
        if not doubtful or deadline <= time.monotonic():
            return
        desk = self._desk
        desk.venues.start(deadline)
        desk.deadline = lambda: deadline
        orders = [item.order for item in doubtful.values() if item.order]
        for verdict in resolve_all(desk, orders, wait=True):
            row = doubtful[verdict.order.record.client_id].row
            self._done[row.line] = _judged(row, verdict.order)

    # --- the threads of a venue --------------------------------------------------------------------------------------

    def _work(self, queue: deque[Row]) -> None:
        while not self._stopped:
            try:
                row = queue.popleft()
            except IndexError:
                return
            outcome = None
            try:
                outcome = self._one(row)
            except BaseException as error:  # noqa: BLE001 – a mistake of the program: raised again by `run`
                self._mistakes.append(error)
            with self._changed:
                self._sending.discard(row.line)
                if outcome is not None:
                    self._done[row.line] = outcome
                self._changed.notify_all()

    def _one(self, row: Row) -> Outcome | None:
        """Bring one order forward; None: the run was stopped before it began."""
        ticket = row.ticket
        assert ticket is not None
        assert ticket.client_id is not None
        try:
            known = self._desk.journal.order(ticket.client_id)
            if known is not None and not may_be_tried_again(known.state):
                check_repeats(ticket, self._desk.instrument(ticket.venue, ticket.symbol), known)
                return _known(row, known)
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return self._sent(row, ticket)
                except RateLimited:
                    if attempt == ATTEMPTS:
                        raise
        except CrossbookError as error:
            return self._failed(row, error)
        return None

    def _sent(self, row: Row, ticket: "Ticket") -> Outcome | None:
        desk = self._desk
        patience = time.monotonic() + PATIENCE_S if self._until == float("inf") else self._begin_until
        with desk.venues.until(min(patience, time.monotonic() + self._timeout_s)):
            prepared = self._prepared(ticket)
        with desk.venues.until(patience):
            begun = time.monotonic()
            desk.trading(ticket.venue).admit()
            waited_ms = (time.monotonic() - begun) * 1000
        with self._changed:
            if self._stopped:
                return None
            self._sending.add(row.line)
        with desk.venues.until(min(self._until, time.monotonic() + self._timeout_s)):
            if waited_ms > VIEW_MS:
                prepared = self._prepared(ticket)
            placed = send(desk, prepared, follow=False, admitted=True)
        if placed.again:
            return _known(row, placed.order)
        return _judged(row, placed.order)

    def _prepared(self, ticket: "Ticket") -> Prepared:
        return prepare(self._desk, ticket, max_age_ms=view_ms(self._desk, ticket), look=False)

    def _failed(self, row: Row, error: CrossbookError) -> Outcome:
        assert row.ticket is not None
        order = self._desk.journal.order(row.ticket.client_id or "")
        if isinstance(error, OutcomeUnknown) or (order is not None and not order.state.settled):
            return Outcome(row, UNSETTLED, order, error)
        if isinstance(error, PolicyDenied):
            return Outcome(row, DENIED, order, error)
        return Outcome(row, REFUSED if isinstance(error, Refused) else NOT_SENT, order, error)


def view_ms(desk: "Desk", ticket: "Ticket") -> int:
    """Tell how old a view of the market may be that is shared: as the policy allows, where it only judges by it."""
    return VIEW_MS if ticket.price is None else desk.policy.max_quote_age_ms or VIEW_MS


def _judged(row: Row, order: "JournalOrder") -> Outcome:
    """Say what an order that was sent has come to."""
    if not order.state.settled:
        return Outcome(row, UNSETTLED, order, sent=True)
    return Outcome(row, _ENDED_BADLY.get(order.state.phase, ACCEPTED), order, sent=True)


def _known(row: Row, order: "JournalOrder") -> Outcome:
    """Say what an order is that was placed before."""
    return Outcome(row, _ENDED_BADLY.get(order.state.phase, KNOWN) if order.state.settled else UNSETTLED, order)


def _is_fresh_doubt(item: Outcome) -> bool:
    """Tell whether an order of this run had no answer; those of other runs may be under way just now."""
    return item.what == UNSETTLED and item.sent


def exit_code_of(outcomes: Sequence[Outcome], *, interrupted: bool = False) -> ExitCode:
    """Sum up: 9 where any order is unsettled, 130 interrupted, 0 all taken, 8 some; none: the code they share, or 8."""
    codes = {item.exit_code for item in outcomes}
    if ExitCode.OUTCOME_UNKNOWN in codes:
        return ExitCode.OUTCOME_UNKNOWN
    if interrupted:
        return ExitCode.INTERRUPTED
    return codes.pop() if len(codes) == 1 else ExitCode.PARTIAL if codes else ExitCode.OK
