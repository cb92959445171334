"""The broker on paper: a venue's private half that lives on this machine (docs/paper.md).

Orders are filled against the venue's market as its public half shows it, with the venue's fees and rules; balances and
positions are kept in a file. Whatever a resting order met since the last look is worked out at the next one, from the
public trades and the book. No request of this module is signed, and the transport lets none through that is.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.paper import matching
from connectors.paper.account import ZERO, Account, PaperOrder, Terms, terms_of
from connectors.paper.ledger import Ledger, order_id, order_number
from connectors.paper.looking import deep_view, funding_is_behind, look_around, view
from connectors.paper.rules import rules_of
from connectors.trading import (
    FillSpan,
    Instruments,
    OrderRef,
    Traded,
    Trading,
    check_in_time,
)
from domain.errors import NotSent, RateLimited, Refused, Unavailable
from domain.instruments import Instrument
from domain.movements import Delivery, Transfer
from domain.orders import (
    CANCELLED,
    EXPIRED,
    REGULAR,
    TRIGGER,
    TRIGGERED,
    Balance,
    Fill,
    FundingPayment,
    KeyPermissions,
    OrderReport,
    OrderSpec,
    Position,
)

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.paper.view import View

FILE = "paper.sqlite"
_BPS = Decimal(10_000)


class PaperTrading(Trading):
    """One venue's account on paper.

    Args:
        connector: the venue's public half: its market is what orders meet, its data what they cost.
        instruments: the venue's instruments, from the cache.
    """

    def __init__(self, connector: "Connector", instruments: Instruments) -> None:
        from utils.config.paths import state_dir

        super().__init__(connector.venue)
        self.connector = connector
        self.context = connector.context
        self.rules = rules_of(connector)
        self._instruments = instruments
        self._ledger = Ledger(state_dir() / FILE, self.context.paper.balances, self._now_ms)
        self._looks: dict[str, tuple[View, int]] = {}

    def prepare(self, instrument: Instrument, spec: OrderSpec) -> Mapping[str, str]:
        """See the market that the order will meet, before it is written down; what rests meets what happened so far.

        Raises:
            NotSent: the market cannot be seen.
        """
        seen = self._seeing(lambda: deep_view(self.connector, instrument, spec.side, spec.size))
        # After the look: what was traded before it is in the book already.
        self._looks[spec.client_id] = seen, self._now_ms()
        self._settle_quietly(instrument)
        return {}

    def submit(self, instrument: Instrument, spec: OrderSpec) -> OrderReport:
        """Place one order against the market as `prepare` saw it.

        Raises:
            Refused: it breaks a rule of the venue's, or cannot be paid for.
            NotSent: the market cannot be seen, so nothing was placed.
        """
        order = PaperOrder.of(instrument, spec, self._now_ms())
        matching.check(instrument, spec, None, order.created_ms)
        if self._ledger.order(self.venue, client_id=spec.client_id) is not None:
            raise Refused(f"{self.venue} (paper) knows the client id {spec.client_id} already.", venue=self.venue)
        if spec.client_id not in self._looks:
            self.prepare(instrument, spec)
        seen, now_ms = self._looks.pop(spec.client_id)
        matching.check(instrument, spec, seen.mid, now_ms)
        terms = self._terms(instrument)
        check_in_time()
        self._ledger.change(self.venue, lambda account: matching.place(account, terms, order, seen, now_ms))
        return self._report(order)

    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order, after it met what happened before; a market that cannot be seen does not keep it alive.

        Raises:
            Refused: there is no such order, or it has ended.
        """
        self._settle_quietly(ref.instrument)
        now_ms = self._now_ms()
        terms = self._terms(ref.instrument)

        def end(account: Account) -> None:
            order = self._live(account, ref)
            order.end(CANCELLED, now_ms)
            account.hold(terms)

        self._ledger.change(self.venue, end)

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order of an instrument."""
        self._settle_quietly(instrument)
        now_ms = self._now_ms()

        def end(account: Account) -> None:
            for order in list(account.live(instrument.symbol)):
                order.end(CANCELLED, now_ms)

        self._ledger.change(self.venue, end)

    def amend(self, ref: OrderRef, current: OrderReport, *, size: Decimal | None, price: Decimal | None) -> OrderReport:
        """Change a resting order: it keeps its place in the queue only where nothing but its size shrinks."""
        del current
        instrument = ref.instrument
        seen = self._seeing(lambda: view(self.connector, instrument))
        now_ms = self._now_ms()
        self._settle_quietly(instrument)
        terms = self._terms(instrument)

        def change(account: Account) -> PaperOrder:
            order = self._live(account, ref)
            matching.amend(account, terms, order, seen, now_ms, size=size, price=price)
            return order

        return self._report(self._ledger.change(self.venue, change))

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look one order up, after it met what happened since the last look."""
        order = self._find(ref)
        if order is not None and order.live:
            self._settle([ref.instrument])
            order = self._find(ref)
        return None if order is None else self._report(order)

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List what still rests or waits, after it met what happened since the last look."""
        account = self._settle(self._with_orders(instrument))
        return [
            self._report(order)
            for order in account.orders
            if order.live and (instrument is None or order.symbol == instrument.symbol)
        ]

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List what has ended, oldest first."""
        self._settle(self._with_orders(instrument))
        return [self._report(order) for order in self._ledger.closed(self.venue, instrument.symbol, since_ms)]

    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List fills, oldest first."""
        self._settle(self._with_orders(instrument))
        return self._ledger.fills(self.venue, instrument.symbol, since_ms)

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield them at once: until now, or until where resting orders have met the public trades."""
        symbol, now_ms = instrument.symbol, self._now_ms()
        account = self._ledger.read(self.venue)
        if any(account.live(symbol)):
            account = self._settle([instrument])
        met = [max(order.since_ms, account.cursors.get(symbol, (0,))[0]) for order in account.live(symbol)]
        yield FillSpan(min([now_ms, *met]), self._ledger.fills(self.venue, symbol, since_ms))

    def traded(self, since_ms: int) -> Traded:
        """Name the instruments with fills, or with orders that may have met some by now."""
        resting = (order.symbol for order in self._ledger.read(self.venue).orders)
        symbols = dict.fromkeys([*self._ledger.traded(self.venue, since_ms), *resting])
        found = {symbol: self._instruments.find(symbol) for symbol in symbols}
        unlisted = [symbol for symbol, instrument in found.items() if instrument is None]
        return Traded([instrument for instrument in found.values() if instrument is not None], unlisted)

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List nothing: on paper nothing is settled at its expiry, the position stays as it is."""
        return []

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List what the account began with, as deposits, and as `other` what it lost beyond what it had."""
        self._ledger.read(self.venue)
        return self._ledger.transfers(self.venue, since_ms)

    def balances(self) -> list[Balance]:
        """List what is not zero; what orders and positions hold is used."""
        account = self._settle(self._everything())
        held = account.held()
        return [
            Balance(self.venue, currency, max(ZERO, total - held.get(currency, ZERO)), held.get(currency, ZERO), total)
            for currency, total in sorted(account.balances.items())
            if total
        ]

    def positions(self) -> list[Position]:
        """List open positions; the mark price is the middle of the market as it is seen now."""
        marks: dict[str, Decimal] = {}
        account = self._settle(self._everything(), marks)
        found = []
        for symbol, held in account.positions.items():
            instrument = self._instruments.find(symbol)
            if held.size:
                mark = marks.get(symbol)
                terms = None if instrument is None else self._terms(instrument)
                found.append(
                    Position(
                        venue=self.venue,
                        symbol=symbol,
                        size=held.size,
                        entry_price=held.entry,
                        mark_price=mark,
                        leverage=Decimal(self.context.paper.leverage) if held.margin else None,
                        margin_mode="cross",
                        unrealized=None if mark is None or terms is None else account.unrealized(terms, mark),
                        realized=held.realized,
                        updated_ms=held.updated_ms,
                    )
                )
        return found

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding paid and received, oldest first.

        Raises:
            Unavailable: rates of the time since the last look cannot be had, so that payments are missing.
        """
        account, now_ms = self._settle([instrument]), self._now_ms()
        if funding_is_behind(account.positions.get(instrument.symbol), instrument, now_ms):
            raise Unavailable(
                f"{self.venue} does not tell the latest funding of {instrument.symbol}.", venue=self.venue
            )
        return self._ledger.payments(self.venue, instrument.symbol, since_ms)

    def permissions(self) -> KeyPermissions:
        """Say what can be done here: no key is needed, and nothing can be withdrawn."""
        return KeyPermissions(read=True, trade=True, withdraw=False)

    def close(self) -> None:
        """Close the file."""
        self._ledger.close()

    # --- looking -----------------------------------------------------------------------------------------------------

    def _settle(self, instruments: Sequence[Instrument], marks: dict[str, Decimal] | None = None) -> Account:
        """Let orders and positions meet what happened since the last look; answer the account as it is then.

        Args:
            marks: is given the middle of each market that was looked at.

        Raises:
            Unavailable: a market could not be seen; what was seen of the others is written down.
        """
        account = self._ledger.read(self.venue)
        busy = [
            instrument
            for instrument in instruments
            if account.position(instrument.symbol) or any(account.live(instrument.symbol))
        ]
        if not busy:
            return account
        now_ms = self._now_ms()
        ended = [item for item in busy if item.expiry_ms is not None and item.expiry_ms <= now_ms]
        seen, failure = look_around(self.connector, [item for item in busy if item not in ended], account, now_ms)
        if marks is not None:
            marks |= {symbol: look.view.mid for symbol, look in seen.items() if look.view.mid is not None}

        def work(changed: Account) -> Account:
            for item in ended:
                for order in list(changed.live(item.symbol)):
                    order.end(EXPIRED, now_ms, "the instrument has expired")
            for item in busy:
                if item.symbol in seen:
                    matching.catch_up(changed, self._terms(item), seen[item.symbol], now_ms)
            priced = {
                item.symbol: (self._terms(item), mark)
                for item in busy
                if item.symbol in seen and (mark := seen[item.symbol].view.mid) is not None
            }
            matching.liquidate(changed, priced, now_ms)
            return changed

        account = self._ledger.change(self.venue, work)
        if failure is not None:
            raise failure
        return account

    def _settle_quietly(self, instrument: Instrument) -> None:
        with suppress(Unavailable):  # what an order met meanwhile is not known then, and counts for nothing
            self._settle([instrument])

    def _seeing(self, see: "Callable[[], View]") -> "View":
        """See a market for an order: where that fails, nothing was placed."""
        try:
            return see()
        except RateLimited:
            raise
        except Unavailable as error:
            raise NotSent(
                f"{error.message} Nothing was placed: the market cannot be seen.", venue=self.venue, hint=error.hint
            ) from error

    def _find(self, ref: OrderRef) -> PaperOrder | None:
        number = None if ref.order_id is None else order_number(ref.order_id)
        if number is not None:
            return self._ledger.order(self.venue, number=number)
        return None if ref.client_id is None else self._ledger.order(self.venue, client_id=ref.client_id)

    def _live(self, account: Account, ref: OrderRef) -> PaperOrder:
        """Find a live order in an account. Raises Refused."""
        number = None if ref.order_id is None else order_number(ref.order_id)
        for order in account.orders:
            if order.live and (order.number == number if number is not None else order.client_id == ref.client_id):
                return order
        name = ref.order_id or ref.client_id
        raise Refused(f"{self.venue} (paper) has no open order {name}: it has ended, or never was.", venue=self.venue)

    def _with_orders(self, instrument: Instrument | None) -> list[Instrument]:
        """List the instruments that have live orders, or the one that is asked for."""
        if instrument is not None:
            return [instrument]
        account = self._ledger.read(self.venue)
        return self._listed(order.symbol for order in account.orders)

    def _everything(self) -> list[Instrument]:
        """List the instruments that have live orders or a position."""
        account = self._ledger.read(self.venue)
        return self._listed([*(order.symbol for order in account.orders), *account.positions])

    def _listed(self, symbols: Iterable[str]) -> list[Instrument]:
        found = (self._instruments.find(symbol) for symbol in dict.fromkeys(symbols))
        return [instrument for instrument in found if instrument is not None]

    def _terms(self, instrument: Instrument) -> Terms:
        settings = self.context.settings
        fees = (
            instrument.maker_fee if settings.maker_fee_bps is None else settings.maker_fee_bps / _BPS,
            instrument.taker_fee if settings.taker_fee_bps is None else settings.taker_fee_bps / _BPS,
        )
        return terms_of(instrument, self.rules.reduce_only, fees, self.context.paper.leverage)

    def _now_ms(self) -> int:
        """Tell the venue's time, by which its trades are dated."""
        return time.time_ns() // 1_000_000 + self.context.clock_offset_ms()

    def _report(self, order: PaperOrder) -> OrderReport:
        return OrderReport(
            venue=self.venue,
            symbol=order.symbol,
            order_id=order_id(order.number),
            client_id=order.client_id,
            status=order.status,
            side=order.side,
            type=order.type,
            family=TRIGGER if order.type in TRIGGERED else REGULAR,
            size=order.size,
            filled=order.filled,
            price=order.price,
            stop_price=order.stop_price,
            average_price=order.average_price,
            tif=order.tif,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            created_ms=order.created_ms,
            updated_ms=order.updated_ms,
            reason=order.reason,
        )
