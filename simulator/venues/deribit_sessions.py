"""Deribit's sessions: what futures gain between two daily settlements, and what of it has been paid out.

Sources: docs.deribit.com (private/get_account_summary, get_positions, get_transaction_log) and its example answers:
equity is `balance` + `futures_session_upl` + `futures_session_rpl` + `options_value`. At 08:00 UTC open gains and
funding are paid into the balance as well, and futures count from the settlement price on; `average_price` and
`futures_pl` go on from what was paid. An option's premium is paid with the trade, and is no part of it.

The exchange underneath books gains when a position is closed and funding every hour; this is the same money, told as
Deribit tells it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import BUY, Account, Fill, FundingPayment
from simulator.exchange.terms import Terms
from simulator.market.calendar import DAY_MS, HOUR_MS
from simulator.market.model import OPTION, SPOT, Listing

SETTLEMENT_MS = 8 * HOUR_MS
"""When in a day (UTC) funding and session gains are paid out."""
TRADE, SETTLEMENT, DELIVERY, NOW = "trade", "settlement", "delivery", "now"
_ZERO = Decimal(0)


def settled_at(time_ms: int) -> int:
    """Return when what happens at `time_ms` is settled: the next 08:00 UTC, or this very one."""
    return -(-(time_ms - SETTLEMENT_MS) // DAY_MS) * DAY_MS + SETTLEMENT_MS


class Step(NamedTuple):
    """Where a session stands after a trade, or what it comes to at a settlement, a delivery, or now.

    `gained` is realized since the last settlement; `open_gain` what the position has gained since then, or since it was
    opened; `funding` what it paid or received since then, `interest` since the last step. `base` is what gains count
    from. Times in epoch milliseconds, money in the settlement currency.
    """

    kind: str
    at_ms: int
    what: Fill | FundingPayment | None
    size: Decimal
    base: Decimal
    price: Decimal
    gained: Decimal
    open_gain: Decimal
    interest: Decimal
    funding: Decimal


@dataclass
class _Session:
    terms: Terms
    size: Decimal = _ZERO
    base: Decimal = _ZERO
    gained: Decimal = _ZERO
    interest: Decimal = _ZERO
    funding: Decimal = _ZERO
    busy: bool = False

    def trade(self, fill: Fill) -> None:
        """Take in a trade."""
        signed = fill.size if fill.side == BUY else -fill.size
        self.busy = True
        self.size, self.base, realized = self.terms.held(self.size, self.base, signed, fill.price)
        self.gained += realized

    def fund(self, amount: Decimal) -> None:
        """Take in what funding paid."""
        self.busy = True
        self.interest += amount
        self.funding += amount

    def step(self, kind: str, at_ms: int, what: Fill | FundingPayment | None, price: Decimal) -> Step:
        """Tell where it stands; `price` is what is open counted at (0: not counted)."""
        futures = self.terms.listing.kind not in (SPOT, OPTION)
        gain = self.terms.gain(self.size, self.base, price) if futures and self.size and price else _ZERO
        gained = self.gained if futures else _ZERO
        found = Step(kind, at_ms, what, self.size, self.base, price, gained, gain, self.interest, self.funding)
        self.interest = _ZERO
        return found

    def begin(self, price: Decimal) -> None:
        """Begin the next session; where the price is not known, gains go on from where they were."""
        self.base = price or self.base
        self.gained = self.interest = self.funding = _ZERO
        self.busy = bool(self.size)


def walk(
    terms: Terms,
    fills: Sequence[Fill],
    paid: Sequence[FundingPayment],
    delivered: Sequence[FundingPayment],
    until_ms: int,
    mark: Callable[[int], Decimal],
) -> Iterator[Step]:
    """Go through what one account did in one instrument; the last step says where it stands `until_ms`.

    Funding off the hour, which only the control endpoint makes, is settled at once.
    """
    run = _Session(terms)
    events: list[tuple[int, int, int, Fill | FundingPayment]] = [
        *((each.time_ms, 0, each.number, each) for each in paid),
        *((each.time_ms, 1, each.number, each) for each in fills),
        *((each.time_ms, 2, each.number, each) for each in delivered),
    ]
    events.sort(key=lambda event: event[:3])
    due_ms = settled_at(events[0][0]) if events else until_ms + 1

    def settle(at_ms: int) -> Step:
        price = mark(at_ms)
        done = run.step(SETTLEMENT, at_ms, None, price)
        run.begin(price)
        return done

    for at_ms, place, _, what in events:
        while due_ms < at_ms:
            if run.busy and terms.listing.kind not in (SPOT, OPTION):
                yield settle(due_ms)
            due_ms += DAY_MS
        if isinstance(what, Fill):
            run.trade(what)
            yield run.step(TRADE, at_ms, what, _ZERO)
        elif place:
            yield run.step(DELIVERY, at_ms, what, what.rate)
            run.size = _ZERO
            run.begin(_ZERO)
        else:
            run.fund(what.amount)
            if at_ms % HOUR_MS:
                yield settle(at_ms)
    while due_ms <= until_ms:
        if run.busy and terms.listing.kind not in (SPOT, OPTION):
            yield settle(due_ms)
        due_ms += DAY_MS
    yield run.step(NOW, until_ms, None, mark(until_ms) if run.size else _ZERO)


class History:
    """What one account did, by instrument."""

    def __init__(self, exchange: Exchange, account: Account, by_name: dict[str, Listing], now_ms: int) -> None:
        """Read fills, funding and deliveries of instruments that are listed."""
        self._exchange = exchange
        self._now_ms = now_ms
        self._by_name = by_name
        self._fills: dict[str, list[Fill]] = {}
        self._paid: dict[str, list[FundingPayment]] = {}
        self._delivered: dict[str, list[FundingPayment]] = {}
        for fill in exchange.fills(account, now_ms):
            self._fills.setdefault(fill.native_id, []).append(fill)
        for payment in exchange.funding_payments(account, now_ms):
            self._paid.setdefault(payment.native_id, []).append(payment)
        for payment in exchange.deliveries(account, now_ms):
            self._delivered.setdefault(payment.native_id, []).append(payment)

    def listings(self) -> list[Listing]:
        """List the instruments in which something happened."""
        names = self._fills.keys() | self._paid.keys() | self._delivered.keys()
        return [self._by_name[name] for name in sorted(names) if name in self._by_name]

    def steps(self, listing: Listing) -> Iterator[Step]:
        """Go through one instrument."""
        name, exchange = listing.native_id, self._exchange
        yield from walk(
            Terms(listing, exchange.rules.wallet(listing)),
            self._fills.get(name, []),
            self._paid.get(name, []),
            self._delivered.get(name, []),
            self._now_ms,
            lambda at_ms: exchange.mark_price(listing, at_ms),
        )

    def standing(self, listing: Listing) -> Step:
        """Tell where the running session of an instrument stands."""
        *_, last = self.steps(listing)
        return last
