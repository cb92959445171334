"""Holding the journal against the venues: their open orders and positions, and our own trades.

Read first, then compared, then written down: the venue is read before the journal, so that an order of another process,
which is in the journal before it is at the venue, never looks like one that nobody wrote down. What a venue did not
answer is not compared. No trade is ever made up: what the venue does not show stays a difference.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from connectors.side_by_side import side_by_side
from domain.errors import CrossbookError, Unavailable, Unsupported
from domain.instruments import SPOT
from domain.money import plain
from domain.orders import OPEN, Balance, Fill, OrderReport, Position
from order_management.finding import adopt, known_as
from order_management.settling import START_WITHIN_NS, settle, settle_until

if TYPE_CHECKING:
    from connectors.trading import Trading
    from order_management.accepted_positions import Unexplained
    from order_management.desk import Desk
    from order_management.journal import JournalOrder

UNKNOWN_ORDER, ORDER, UNSETTLED, STILL_OPEN = "unknown order", "order", "unsettled order", "still open"
MISSING_FILL, UNKNOWN_FILL, FILLS_SHORT, POSITION = "missing fill", "unknown fill", "fills short", "position"
"""Kinds of differences; docs/commands.md says what each means."""

_MARGIN_MS = 60_000
"""How far before an order's own time trades are asked for: clocks differ."""


class Difference(NamedTuple):
    """One difference, each side in words; `done` says what was done about it, `left` whether it is still there."""

    venue: str
    kind: str
    symbol: str
    client_id: str | None
    order_id: str | None
    journal: str
    at_venue: str
    done: str
    left: bool


class Reconciled(NamedTuple):
    """One venue held against the journal. `unavailable` says what it did not answer, so that nothing follows there."""

    venue: str
    differences: Sequence[Difference]
    compared: Mapping[str, int]
    balances: Sequence[Balance] = ()
    unavailable: Sequence[str] = ()
    error: CrossbookError | None = None
    explained: "Mapping[tuple[str, str], Decimal]" = MappingProxyType({})
    """With `accept`: what is beyond our trades in each position now."""


def reconcile(
    desk: "Desk", venues: Sequence[str], since_ms: int, accepted: "Unexplained", *, accept: bool
) -> list[Reconciled]:
    """Hold the journal against the venues, side by side, and write down what was found out.

    Args:
        since_ms: from when on trades are compared (epoch ms); of orders that still rest, from their beginning.
        accepted: what was accepted of positions before.
        accept: take in what nobody wrote down: orders, trades and positions.
    """
    found = side_by_side([partial(_run, desk, venue, since_ms, accepted, accept) for venue in venues])
    return [
        Reconciled(venue, (), {}, error=item) if isinstance(item, CrossbookError) else item
        for venue, item in zip(venues, found, strict=True)
    ]


def _run(desk: "Desk", venue: str, since_ms: int, accepted: "Unexplained", accept: bool) -> Reconciled:
    return _Venue(desk, venue, since_ms, accepted, accept=accept).run()


class _Venue:
    """One venue's comparison."""

    def __init__(self, desk: "Desk", venue: str, since_ms: int, accepted: "Unexplained", *, accept: bool) -> None:
        self.desk, self.venue, self.since_ms, self.accept = desk, venue, since_ms, accept
        self.accepted = accepted
        self.differences: list[Difference] = []
        self.unavailable: list[str] = []
        self.error: CrossbookError | None = None
        self.explained: dict[tuple[str, str], Decimal] = {}
        self.fills: dict[str, list[Fill]] = {}
        self.starts: dict[str, int] = {}

    @property
    def trading(self) -> "Trading":
        """Give the venue's private half."""
        return self.desk.trading(self.venue)

    def run(self) -> Reconciled:
        """Read, compare, write down, and look once more at what a list that lags could explain."""
        if self.venue in self.desk.venues.failures:
            raise self.desk.venues.failures[self.venue]
        reports = self.trading.open_orders()
        positions = self._read_positions()
        balances = self._read_balances()
        self._read_fills(reports, positions or ())
        journal = self.desk.journal
        live = journal.orders(venue=self.venue, live=True)
        known = {id(report): known_as(journal, report) for report in reports}
        missing, foreign = self._missing_fills()
        for report in reports:
            order = known[id(report)]
            if order is None:
                self._unknown_order(report)
            elif order.state.final:
                self._still_open(order, report)
        self._take_fills(missing, foreign)
        shown = {order.record.client_id: report for report in reports if (order := known[id(report)]) is not None}
        for order in live:
            self._live(order, shown.get(order.record.client_id))
        self._sums(positions)
        compared = {
            "open_orders": len(reports),
            "journal_orders": len(live),
            "fills": sum(len(found) for found in self.fills.values()),
        }
        if positions is not None:
            compared["positions"] = len(positions)
        return Reconciled(
            self.venue, self.differences, compared, balances, self.unavailable, self.error, self.explained
        )

    # --- what the venue says -----------------------------------------------------------------------------------------

    def _read_positions(self) -> list[Position] | None:
        try:
            return self.trading.positions()
        except CrossbookError as error:
            self._silent("positions", error)
            return None

    def _read_balances(self) -> list[Balance]:
        try:
            return self.trading.balances()
        except CrossbookError as error:
            self._silent("balances", error)
            return []

    def _silent(self, what: str, error: CrossbookError) -> None:
        self.unavailable.append(f"{what}: {error.message}")
        self.error = self.error or error

    def _read_fills(self, reports: Sequence[OrderReport], positions: Sequence[Position]) -> None:
        """Read own trades of every symbol that the journal, the open orders or the positions name."""
        journal, starts = self.desk.journal, self.starts
        for position in positions:
            starts.setdefault(position.symbol, self.since_ms)
        recent = journal.orders(venue=self.venue, since_ns=self.since_ms * 1_000_000)
        for symbol in {fill.symbol for fill in journal.fills(venue=self.venue)}:
            if self._holds(symbol) and self._traded(symbol) + self.accepted.get((self.venue, symbol), Decimal(0)):
                starts.setdefault(symbol, self.since_ms)
        for order in [*recent, *journal.orders(venue=self.venue, live=True)]:
            created_ms = self.desk.venue_ms(self.venue, order.record.created_ns // 1_000_000)
            begun_ms = min(self.since_ms, created_ms - _MARGIN_MS)
            starts[order.record.symbol] = min(starts.get(order.record.symbol, begun_ms), begun_ms)
        for report in reports:
            begun_ms = min(self.since_ms, report.created_ms or self.since_ms)
            starts[report.symbol] = min(starts.get(report.symbol, begun_ms), begun_ms)
        for symbol, start_ms in starts.items():
            try:
                self.fills[symbol] = self.trading.fills(self.desk.instrument(self.venue, symbol), start_ms)
            except Unsupported:
                continue
            except CrossbookError as error:
                self._silent(f"trades of {symbol}", error)

    # --- orders ------------------------------------------------------------------------------------------------------

    def _unknown_order(self, report: OrderReport) -> None:
        done, client_id = "adopt it with --accept", report.client_id
        if self.accept:
            client_id = adopt(self.desk, report).record.client_id
            done = f"adopted as {client_id}"
        at_venue = f"{report.side} {_number(report.size)} {report.type} at {_number(report.price)}, open"
        self._add(UNKNOWN_ORDER, report, "nobody wrote it down", at_venue, done, left=not self.accept, ours=client_id)

    def _still_open(self, order: "JournalOrder", report: OrderReport) -> None:
        """Look an order up that has ended by the journal, and is in the venue's list of open ones."""
        try:
            now = self.trading.find(self.desk.ref(order))
        except CrossbookError as error:
            self._silent(f"order {report.order_id}", error)
            return
        if now is None or now.status != OPEN:
            return  # the list lagged
        after = settle(self.desk, order).order
        done = "written down" if after.state.live else "cancel it: order cancel --all"
        self._add(
            STILL_OPEN, report, order.state.phase.value, "open", done, left=not after.state.live,
            ours=order.record.client_id,
        )  # fmt: skip

    def _live(self, order: "JournalOrder", report: OrderReport | None) -> None:
        """Hold one order that the journal takes for alive against the list of open orders."""
        if not order.state.settled and (order := self._left_alone(order)).state.settled:
            return
        before = _standing(order)
        if order.state.settled and report is not None and report.filled in (None, order.state.filled):
            return
        try:
            if order.state.settled:
                verdict = settle(self.desk, order)
            else:
                verdict = settle_until(self.desk, order, self.desk.deadline())
        except CrossbookError as error:
            self._silent(f"order {order.record.client_id}", error)
            return
        after = verdict.order
        if not verdict.answered:
            self.unavailable.append(f"order {order.record.client_id}: {verdict.how}")
            self.error = self.error or Unavailable(f"Order {order.record.client_id}: {verdict.how}.", venue=self.venue)
            return
        if order.state.settled and verdict.found and _standing(after) == before:
            return  # placed after the list was read, or the list lagged: the venue has it when asked for it
        settled = verdict.settled and (verdict.found or after.state.final)
        kind = ORDER if order.state.settled else UNSETTLED
        done = f"written down: {verdict.how}" if settled else f"not settled: {verdict.how}"
        at_venue = _standing(after) if settled else "not found"
        self._append(kind, after, before, at_venue, done, left=not settled)

    def _left_alone(self, order: "JournalOrder") -> "JournalOrder":
        """Give a process that has written the order down just now the time to say what came of it."""
        age_ns = self.desk.clock_ns() - order.record.created_ns
        time.sleep(max(0, START_WITHIN_NS - age_ns) / 1e9 if age_ns >= 0 else 0)
        return self.desk.journal.order(order.record.client_id) or order

    # --- trades ------------------------------------------------------------------------------------------------------

    def _missing_fills(self) -> tuple[list[Fill], list[Fill]]:
        """List trades at the venue that the journal lacks: those of its orders, and those of nobody's."""
        missing: list[Fill] = []
        foreign: list[Fill] = []
        for symbol, fills in self.fills.items():
            known = {fill.trade_id for fill in self.desk.journal.fills(venue=self.venue, symbol=symbol)}
            for fill in fills:
                if fill.trade_id not in known:
                    order = known_as(self.desk.journal, fill)
                    (foreign if order is None else missing).append(fill)
        return missing, foreign

    def _take_fills(self, missing: Sequence[Fill], foreign: Sequence[Fill]) -> None:
        adopted = [fill for fill in foreign if self._owner(fill) is not None]
        self.desk.journal.record_fills([*missing, *(foreign if self.accept else adopted)])
        for fills in _by_order(missing):
            order = self._owner(fills[0])
            self._add_fills(MISSING_FILL, fills, order.record.client_id if order else None, "written down", left=False)
        for fills in _by_order(foreign):
            done = "kept" if self.accept else "keep it with --accept"
            self._add_fills(UNKNOWN_FILL, fills, fills[0].client_id, done, left=not self.accept)

    def _owner(self, fill: Fill) -> "JournalOrder | None":
        return known_as(self.desk.journal, fill)

    def _add_fills(self, kind: str, fills: Sequence[Fill], ours: str | None, done: str, *, left: bool) -> None:
        size, first = sum((fill.size for fill in fills), Decimal(0)), fills[0]
        prices = " to ".join(dict.fromkeys(plain(price) for price in (first.price, fills[-1].price)))
        trades = f"trade {first.trade_id}" if len(fills) == 1 else f"{len(fills)} trades from {first.trade_id}"
        at_venue = f"{first.side} {plain(size)} at {prices}, {trades}"
        self.differences.append(
            Difference(self.venue, kind, first.symbol, ours, first.order_id, "not there", at_venue, done, left)
        )

    # --- sums --------------------------------------------------------------------------------------------------------

    def _sums(self, positions: Sequence[Position] | None) -> None:
        """Compare sums; what differs is read again once the venue's lists have had the time to catch up."""
        short, unlike = list(self._short()), list(self._unlike(positions))
        lag_s = self.trading.rules.settling_ms / 1000
        if (short or unlike) and time.monotonic() + lag_s < self.desk.deadline():
            time.sleep(lag_s)
            symbols = {order.record.symbol for order in short} | {symbol for symbol, _, _ in unlike}
            self._again(symbols)
            positions = positions if positions is None else self._read_positions()
            short, unlike = list(self._short()), list(self._unlike(positions))
        for order in short:
            state = order.state
            self._append(
                FILLS_SHORT, order, f"trades of {plain(state.traded)}", f"filled {plain(state.filled)}",
                "the venue shows no more trades", left=True,
            )  # fmt: skip
        for symbol, held, explained in unlike:
            if self.accept:
                self.explained[self.venue, symbol] = held - self._traded(symbol)
            done = "accepted as it is" if self.accept else "accept it with --accept"
            self.differences.append(
                Difference(
                    self.venue, POSITION, symbol, None, None, f"our trades make {plain(explained)}", plain(held), done,
                    not self.accept,
                )
            )  # fmt: skip

    def _again(self, symbols: set[str]) -> None:
        """Read the trades of some symbols once more, and write down those of our orders."""
        for symbol in symbols & set(self.starts):
            try:
                found = self.trading.fills(self.desk.instrument(self.venue, symbol), self.starts[symbol])
            except CrossbookError as error:
                self._silent(f"trades of {symbol}", error)
            else:
                self.desk.journal.record_fills([fill for fill in found if self._owner(fill) is not None])

    def _short(self) -> "Iterator[JournalOrder]":
        """Find orders that the venue says are filled further than their trades show."""
        since_ns = min(self.starts.values(), default=self.since_ms) * 1_000_000
        for order in self.desk.journal.orders(venue=self.venue, since_ns=since_ns):
            symbol, created_ms = order.record.symbol, order.record.created_ns // 1_000_000
            if symbol in self.fills and created_ms >= self.starts[symbol] and order.state.traded < order.state.filled:
                yield order

    def _unlike(self, positions: Sequence[Position] | None) -> Iterator[tuple[str, Decimal, Decimal]]:
        """Find positions that our trades, and what was accepted before, do not add up to."""
        if positions is None:
            return
        held: dict[str, Decimal] = {}
        for position in positions:
            held[position.symbol] = held.get(position.symbol, Decimal(0)) + position.size
        traded = {fill.symbol for fill in self.desk.journal.fills(venue=self.venue)}
        kept = {symbol for venue, symbol in self.accepted if venue == self.venue}
        for symbol in sorted(held.keys() | kept | {symbol for symbol in traded if self._holds(symbol)}):
            if symbol in self.starts and symbol not in self.fills:
                continue  # its trades were not told
            explained = self._traded(symbol) + self.accepted.get((self.venue, symbol), Decimal(0))
            if held.get(symbol, Decimal(0)) != explained:
                yield symbol, held.get(symbol, Decimal(0)), explained

    def _traded(self, symbol: str) -> Decimal:
        fills = self.desk.journal.fills(venue=self.venue, symbol=symbol)
        return sum((fill.size if fill.side == "buy" else -fill.size for fill in fills), Decimal(0))

    def _holds(self, symbol: str) -> bool:
        """Tell whether trading this makes a position, and not a balance."""
        instrument = self.desk.venues.cache.find(self.venue, symbol)
        return instrument is not None and (instrument.kind != SPOT or instrument.kind in self.trading.rules.reduce_only)

    # --- differences -------------------------------------------------------------------------------------------------

    def _add(
        self, kind: str, report: OrderReport, journal: str, at_venue: str, done: str, *, left: bool, ours: str | None
    ) -> None:
        self.differences.append(
            Difference(self.venue, kind, report.symbol, ours, report.order_id, journal, at_venue, done, left)
        )

    def _append(self, kind: str, order: "JournalOrder", journal: str, at_venue: str, done: str, *, left: bool) -> None:
        record, state = order.record, order.state
        self.differences.append(
            Difference(self.venue, kind, record.symbol, record.client_id, state.order_id, journal, at_venue, done, left)
        )


def _standing(order: "JournalOrder") -> str:
    state = order.state
    text = f"{state.phase.value.replace('_', ' ')}, filled {plain(state.filled)}"
    if state.cancel is not None:
        text += f", cancel {state.cancel}"
    return text if state.amend is None else f"{text}, amend {state.amend}"


def _by_order(fills: Sequence[Fill]) -> list[list[Fill]]:
    """Group trades by the order, in one symbol, that they are of."""
    found: dict[tuple[str, str | None], list[Fill]] = {}
    for fill in fills:
        found.setdefault((fill.symbol, fill.order_id), []).append(fill)
    return list(found.values())


def _number(value: Decimal | None) -> str:
    return "–" if value is None else plain(value)
