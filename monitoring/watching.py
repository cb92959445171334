"""One look after another at everything of ours: positions, gains, open orders, quotes, and who answers at all.

Nothing piles up: of each venue only the last answer is kept, so that what a silent venue held stays in view as it was,
greyed and dated, and is never read as flat. Whatever changed at a venue since the last look is read into the ledger.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode
from domain.instruments import SPOT, Instrument
from domain.quotes import OK, Quote
from domain.time import MS_PER_DAY
from market_data.ask import Answer, ask_all, status_of, verdict
from market_data.conversion import Conversion
from market_data.quotes import age_ms, mid_of
from monitoring.alerts import Figures, Firing
from monitoring.balances import Total, overall, valued
from monitoring.holdings import read_holdings
from monitoring.marks import MARK as VENUES_MARK
from monitoring.marks import MID as BOOKS_MID
from monitoring.marks import Mark, Seen
from monitoring.pnl import VENUE, Asked, Earnings, gather, value_gathered
from monitoring.positions import PositionRow, Sides, position_rows
from monitoring.residuals import expected_cash
from monitoring.statement import FIGURES, NET
from monitoring.syncing import sync
from monitoring.venue_state import VenueState, venue_states

if TYPE_CHECKING:
    from domain.orders import OrderReport
    from monitoring.alerts import Alerts
    from monitoring.ledger.store import Ledger
    from monitoring.marks import Market

Key = tuple[str, str]
_RATES_KEPT_S = 30.0
"""How long a rate into the numeraire may be used again."""
_LISTS_EVERY_S = 3600.0
_FIRST_BACK_MS = 30 * MS_PER_DAY
"""How far back a venue's history is read that never was."""


class VenueLook(NamedTuple):
    """How one venue is: `answered_ms` is when it last told everything; counts are None where it did not tell now."""

    venue: str
    status: str
    reason: str | None
    answered_ms: int | None
    positions: int | None
    open_orders: int | None
    equity: Decimal | None


class QuoteLook(NamedTuple):
    """One market's best prices; `status` is `ok`, or why there are none. `age_ms` as everywhere (docs/semantics.md)."""

    venue: str
    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    age_ms: int | None
    status: str


class Look(NamedTuple):
    """All that one look found. `orders` are None of venues that did not tell; `firings` became true with this look.

    `unknown` are the alerts of which nothing can be said now.
    """

    number: int
    time_ms: int
    environment: str
    venues: Sequence[VenueLook]
    rows: Sequence[PositionRow]
    orders: "Mapping[str, Sequence[OrderReport] | None]"
    quotes: Sequence[QuoteLook]
    earnings: Earnings
    equity: Total
    figures: Figures
    firings: Sequence[Firing]
    unknown: Sequence[str]
    notes: Sequence[str]

    @property
    def exit_code(self) -> ExitCode:
        """Judge by who answered: 0 all, 8 some, 6 (or the reason's own code) nobody."""
        return verdict([venue.status for venue in self.venues])


class Watch:
    """The state between two looks: the last answers, and the ledger as it was last read."""

    def __init__(
        self,
        run: "Market",
        names: Sequence[str],
        ledger: "Ledger",
        take_in: Callable[[], object],
        alerts: "Alerts",
        *,
        numeraire: str = "USDT",
        instruments: Sequence[Instrument] = (),
    ) -> None:
        """Wire it.

        Args:
            take_in: brings our own orders' new trades into the ledger.
            instruments: are quoted whether or not anything of ours is in them.
        """
        self.run, self.names, self.ledger, self.alerts = run, names, ledger, alerts
        self._take_in = take_in
        self.asked = Asked(by=VENUE, numeraire=numeraire)
        self.wanted = {(item.venue, item.symbol): item for item in instruments}
        self.count = 0
        self._last: dict[str, tuple[int, VenueState]] = {}
        self._marks: dict[str, str] = {}
        self._settled_at: dict[str, float] = {}
        self._orders: dict[str, Sequence[OrderReport]] = {}
        self._rates: tuple[float, Conversion] | None = None
        self._quoted_ms: dict[Key, int] = {}
        self._read: tuple[tuple[int, int], Any] | None = None
        self._lists_at = time.monotonic()

    def look(self, deadline: float) -> Look:
        """Look once, at most until `deadline` (time.monotonic seconds)."""
        self.run.venues.start(deadline)
        self._refresh_lists()
        self._take_in()
        states, orders = self._ask(deadline)
        notes = self._read_news(states, orders)
        now_ms = time.time_ns() // 1_000_000
        quotes = self._quotes(states, deadline)
        rows = self._rows(states, quotes)
        conversion = self._conversion(states, deadline)
        owned = valued(states, conversion)
        earned = self._earned(rows, states, conversion)
        equity = overall(owned)
        worth = {item.venue: item.total.value for item in owned}
        for item in owned:
            if item.unvalued:
                names = ", ".join(sorted({balance.currency for balance in item.unvalued}))
                notes.append(f"{item.venue}: no market tells what {names} is worth: its equity is not known.")
        for name, state in states.items():
            if state.positions is not None and state.balances is not None:
                self._last[name] = now_ms, state
        venues = [self._venue(states[name], orders[name], worth.get(name)) for name in self.names]
        figures = self._figures(venues, rows, earned, equity, self._oldest_ms(quotes, now_ms))
        self.count += 1
        return Look(
            number=self.count,
            time_ms=now_ms,
            environment=self.run.config.environment,
            venues=venues,
            rows=rows,
            orders={name: orders[name].value for name in self.names},
            quotes=quotes,
            earnings=earned,
            equity=equity,
            figures=figures,
            firings=self.alerts.judge(figures, now_ms),
            unknown=[alert.text.strip() for alert in self.alerts.unknown(figures)],
            notes=[*notes, *earned.notes],
        )

    # --- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, deadline: float) -> "tuple[dict[str, VenueState], dict[str, Answer[Sequence[OrderReport]]]]":
        venues = self.run.venues
        jobs: dict[str, Callable[[], Any]] = {
            "states": partial(venue_states, venues, self.names, deadline),
            "orders": partial(ask_all, {name: partial(_open_orders, venues, name) for name in self.names}, deadline),
        }
        answers = ask_all(jobs, deadline + 0.2)
        states, orders = (_told(answers[name]) for name in jobs)
        return states, orders

    def _in_view(self, states: Mapping[str, VenueState]) -> dict[Key, Instrument]:
        """Collect what quotes are shown of: what was asked for, what is held, and what orders rest in."""
        cache = self.run.venues.cache
        keys = {key for key, holding in self._ours().holdings.items() if holding.open and key[0] in self.names}
        seen = [*states.values(), *(state for _, state in self._last.values())]
        keys |= {(position.venue, position.symbol) for state in seen for position in state.positions or ()}
        keys |= {(order.venue, order.symbol) for orders in self._orders.values() for order in orders}
        found = {key: cache.find(*key) for key in sorted(keys)}
        return {**self.wanted, **{key: item for key, item in found.items() if item is not None}}

    def _quotes(self, states: Mapping[str, VenueState], deadline: float) -> list[QuoteLook]:
        venues, wanted = self.run.venues, self._in_view(states)
        jobs = {f"{venue} {symbol}": partial(_quote, venues, item) for (venue, symbol), item in wanted.items()}
        answers = ask_all(jobs, deadline) if jobs else {}
        return [self._quote_look(*key, answers[f"{key[0]} {key[1]}"]) for key in wanted]

    def _quote_look(self, venue: str, symbol: str, answer: Answer[Quote]) -> QuoteLook:
        quote = answer.value
        if quote is None:
            reason = status_of(answer.error) if answer.error else "unavailable"
            return QuoteLook(venue, symbol, None, None, None, reason)
        offset_ms = self.run.venues.connector(venue).context.clock_offset_ms()
        age = age_ms(quote.venue_time_ns, quote.received_at_ns, time.time_ns(), offset_ms)
        return QuoteLook(venue, symbol, quote.bid, quote.ask, age, OK)

    def _read_news(
        self, states: Mapping[str, VenueState], orders: "Mapping[str, Answer[Sequence[OrderReport]]]"
    ) -> list[str]:
        """Read the history of the venues where something is not what it was; answer what went wrong, as sentences.

        Their lists may lag behind what they hold: they are read again until that time is over.
        """
        marks = {name: mark for name in self.names if (mark := _mark_of(states[name], orders[name].value)) is not None}
        changed = [name for name, mark in marks.items() if self._marks.get(name) != mark or name in self._settled_at]
        for name in marks:
            self._orders[name] = orders[name].value or ()
        if not changed:
            return []
        now_ms = time.time_ns() // 1_000_000
        since_ms = min((self.ledger.synced_ms(name) or now_ms - _FIRST_BACK_MS) for name in changed) - MS_PER_DAY
        notes, begun = [], time.monotonic()
        for done in sync(self.run.venues, self.ledger, changed, since_ms):
            name = done.venue
            if done.error is None:
                if self._marks.get(name) != marks[name]:
                    self._settled_at[name] = begun + self.run.venues.trading(name).rules.settling_ms / 1000
                elif begun >= self._settled_at[name]:
                    del self._settled_at[name]
                self._marks[name] = marks[name]
            else:
                notes.append(f"{done.venue}: its news could not be read: {done.error.message}")
        return notes

    def _refresh_lists(self) -> None:
        if time.monotonic() - self._lists_at > _LISTS_EVERY_S:
            self._lists_at = time.monotonic()
            self.run.venues.ensure_markets()

    def _conversion(self, states: Mapping[str, VenueState], deadline: float) -> Conversion:
        """Give rates of all that is owned or was earned: fresh enough ones, or asked for anew, side by side."""
        now, run = time.monotonic(), self.run
        if self._rates is None:
            self._rates = now, Conversion(run.venues, run.config, deadline, self.asked.numeraire)
        elif now - self._rates[0] > _RATES_KEPT_S:
            self._rates = now, self._rates[1]
            self._rates[1].renew(deadline)
        conversion = self._rates[1]
        conversion.deadline = deadline
        self._ours()
        assert self._read is not None
        owned = [(item.currency, name) for name, state in states.items() for item in state.balances or () if item.total]
        conversion.load([*owned, *self._read[1][1].currencies()])
        return conversion

    # --- putting together --------------------------------------------------------------------------------------------

    def _ours(self) -> Any:
        """Read the ledger, anew only where something was added to it."""
        version = self.ledger.version()
        if self._read is None or self._read[0] != version:
            cash = expected_cash(self.ledger, self.names)
            self._read = version, (read_holdings(self.ledger, self.names), gather(self.ledger, self._asked_of()), cash)
        return self._read[1][0]

    def _asked_of(self) -> Asked:
        return self.asked._replace(venues=tuple(self.names))

    def _rows(self, states: Mapping[str, VenueState], quotes: Sequence[QuoteLook]) -> list[PositionRow]:
        """Put ours and theirs together; a silent venue's positions as they were, and said so."""
        shown, since = dict(states), dict[str, int]()
        for name, state in states.items():
            if state.positions is None and name in self._last:
                since[name], last = self._last[name]
                shown[name] = state._replace(positions=last.positions)
        cache = self.run.venues.cache
        marks = {(q.venue, q.symbol): mid for q in quotes if (mid := mid_of(q.bid, q.ask))}
        ours = self._ours().holdings
        assert self._read is not None
        sides = Sides(ours, shown, marks=marks, cash=self._read[1][2])
        listed = {key: found for key in sides.theirs() if (found := cache.find(*key)) is not None}
        rows = [row for row in position_rows(sides._replace(listed=listed)) if row.open]
        return [
            replace(row, known=False, at_venue=None, difference=None, unrealized=None, venue_unrealized=None,
                    reason=_why(states[row.venue]))
            if row.venue in since else row
            for row in rows
        ]  # fmt: skip

    def _earned(
        self, rows: Sequence[PositionRow], states: Mapping[str, VenueState], conversion: Conversion
    ) -> Earnings:
        self._ours()
        assert self._read is not None
        gathered = self._read[1][1]
        seen = Seen(self.asked.numeraire, states=states)
        for row in rows:
            source = VENUES_MARK if row.kind != SPOT else BOOKS_MID
            price = row.mark.price if row.mark is not None and row.unrealized is not None else None
            seen.marks[row.venue, row.symbol] = Mark(price, f"{source} at {row.venue}", row.reason or "no price")
        wanted = [pair for pair in gathered.currencies() if pair[0] != self.asked.numeraire]
        seen.rates = {pair: conversion.rate(*pair) for pair in wanted}
        return value_gathered(gathered, seen)

    def _venue(self, state: VenueState, orders: "Answer[Sequence[OrderReport]]", equity: Decimal | None) -> VenueLook:
        error = state.error or orders.error
        told = self._last.get(state.venue)
        return VenueLook(
            venue=state.venue,
            status=OK if error is None else status_of(error),
            reason=None if error is None else error.message,
            answered_ms=told[0] if told else None,
            positions=None if state.positions is None else len(state.positions),
            open_orders=None if orders.value is None else len(orders.value),
            equity=equity,
        )

    def _figures(
        self,
        venues: Sequence[VenueLook],
        rows: Sequence[PositionRow],
        earned: Earnings,
        equity: Total,
        oldest_ms: int | None,
    ) -> dict[tuple[str, str | None], Decimal | None]:
        """Give every figure that an alert may watch; None: not known."""
        found: dict[tuple[str, str | None], Decimal | None] = {("equity", None): equity.value}
        per_venue = {row.group.venue: row for row in earned.rows}
        unread = {name for name in self.names if name not in per_venue and self.ledger.synced_ms(name) is None}
        for figure in FIGURES:
            name = "net_pnl" if figure == NET else figure
            found[name, None] = None if unread else earned.total(figure)
            for venue in venues:
                row = per_venue.get(venue.venue)
                nothing = None if venue.venue in unread else Decimal(0)
                found[name, venue.venue] = nothing if row is None else row.figures[figure]
        for venue in venues:
            held = [row for row in rows if row.venue == venue.venue]
            known = venue.positions is not None
            found["equity", venue.venue] = venue.equity
            found["open_orders", venue.venue] = _count(venue.open_orders)
            found["positions", venue.venue] = _count(len(held) if known else None)
            found["drift", venue.venue] = _count(sum(bool(row.difference) for row in held) if known else None)
        for name in ("open_orders", "positions", "drift"):
            each = [found[name, venue.venue] for venue in venues]
            found[name, None] = None if None in each else sum((n for n in each if n is not None), Decimal(0))
        found["venues_down", None] = Decimal(sum(venue.status != OK for venue in venues))
        found["quote_age_s", None] = None if oldest_ms is None else Decimal(oldest_ms) / 1000
        return found

    def _oldest_ms(self, quotes: Sequence[QuoteLook], now_ms: int) -> int | None:
        """Tell how old the oldest price in view is; one that is not answered any more goes on getting older."""
        told = {(quote.venue, quote.symbol): quote.age_ms for quote in quotes}
        known = {key: self._quoted_ms.get(key) if age is None else now_ms - age for key, age in told.items()}
        self._quoted_ms = {key: moment for key, moment in known.items() if moment is not None}
        return max((now_ms - moment for moment in self._quoted_ms.values()), default=None)


def _mark_of(state: VenueState, orders: "Sequence[OrderReport] | None") -> str | None:
    """Sum up what a venue holds of ours, so that two looks can be compared; None where it did not tell everything."""
    if state.positions is None or state.balances is None or orders is None:
        return None
    held = sorted((position.symbol, str(position.size)) for position in state.positions)
    cash = sorted((currency, str(amount)) for currency, amount in (state.cash() or {}).items())
    return repr((held, cash, sorted((str(order.order_id), str(order.filled)) for order in orders)))


def _count(number: int | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def _why(state: VenueState) -> str:
    return state.error.message if state.error is not None else "no answer"


def _told(answer: Answer[Any]) -> Any:
    """Give what one of our own questions has found; each venue's failure is in it, so that there is none here."""
    if answer.value is None:
        raise answer.error or CrossbookError("The watch got no answer from itself.")
    return answer.value


def _open_orders(venues: Any, name: str) -> "Sequence[OrderReport]":
    if name in venues.failures:
        raise venues.failures[name]
    found: Sequence[OrderReport] = venues.trading(name).open_orders()
    return found


def _quote(venues: Any, instrument: Instrument) -> Quote:
    found: Quote = venues.connector(instrument.venue).fetch_quote(instrument)
    return found
