"""Deribit, private side: every order is a GET, a label is no unique id, and `valid_until` bounds what a lost one does.

Sources: docs.deribit.com (trading, account management, RPC error codes; November 2025), ccxt 4.5.90 for signing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.ccxt_errors import Operation
from connectors.ccxt_signed import is_not_found
from connectors.trading import EVERY_TYPE, NOT_UNIQUE, OrderRate, OrderRef, TradingRules
from connectors.venues import deribit_order_rows as rows
from connectors.venues.deribit_history import DeribitHistory
from connectors.venues.deribit_order_rows import Row
from connectors.venues.deribit_reads import currencies_of
from connectors.venues.deribit_refusals import meaning
from domain.errors import CrossbookError, OutcomeUnknown, Refused
from domain.instruments import FUTURE, KINDS, OPTION, PERPETUAL, SPOT, Instrument
from domain.money import plain
from domain.orders import (
    BUY,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    PRICED,
    TRIGGER,
    TRIGGERED,
    OrderReport,
    OrderSpec,
)
from utils.resilience.budget import ORDER

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_session import CcxtSession

VALID_MS = 5_000
"""How long after it was signed the matching engine may still begin with an order; later it answers `timed_out`."""
_CLOCKS_MS = 60_000
"""How far before an order was written down its look-up begins: the clocks may differ."""
_DERIVATIVES = frozenset({PERPETUAL, FUTURE, OPTION})


class DeribitTrading(DeribitHistory):
    """Deribit's private side."""

    rules = TradingRules(
        types={OPTION: frozenset({LIMIT, MARKET}), **dict.fromkeys((SPOT, PERPETUAL, FUTURE), EVERY_TYPE)},
        tifs=dict.fromkeys(KINDS, frozenset({GTC, IOC, FOK})),
        post_only=frozenset(KINDS),
        reduce_only=_DERIVATIVES,
        amend=frozenset(KINDS),
        client_id=r"[A-Za-z0-9_.:-]{1,64}",
        client_id_unique=NOT_UNIQUE,
        client_id_note=(
            "The id goes out as the order's label, which Deribit does not keep unique: an order that is delivered twice"
            " is two orders, and a look-up says so; it is sent with valid_until, so none arrives after 5 s."
        ),
        acceptance_ms=VALID_MS,
        settling_ms=2_000,
        order_rate=OrderRate(5, 20),
        notes={
            "dead-man switch": "Cancel on disconnect belongs to a WebSocket connection, so there is none over REST.",
            "funding": "Funding accrues all the time and is paid with the settlement at 08:00 UTC.",
            "stop": "A stop looks at the last trade; once triggered, its order has an id of its own.",
        },
    )

    # --- orders ------------------------------------------------------------------------------------------------------

    def submit(self, instrument: Instrument, spec: OrderSpec) -> OrderReport:
        """Send one order, once; the matching engine does not begin with it after `VALID_MS`."""
        method, params = (
            ("privateGetBuy" if spec.side == BUY else "privateGetSell"),
            self.order_params(instrument, spec),
        )

        def create(exchange: "Exchange") -> OrderReport:
            return self._order_in(getattr(exchange, method)(_valid(exchange, params)), instrument)

        return self.once(Operation.SUBMIT, create)

    def order_params(self, instrument: Instrument, spec: OrderSpec) -> dict[str, Any]:
        """Say everything in Deribit's own parameters; post-only is refused rather than moved."""
        params: dict[str, Any] = {
            "instrument_name": instrument.native_id,
            "amount": self.wire_size(instrument, spec.size),
            "type": rows.TYPES[spec.type],
            "label": spec.client_id,
            "time_in_force": rows.TIFS[spec.tif],
        }
        if spec.type in PRICED and spec.price is not None:
            params["price"] = plain(spec.price)
        if spec.type in TRIGGERED and spec.stop_price is not None:
            params |= {"trigger": "last_price", "trigger_price": plain(spec.stop_price)}
        if spec.post_only:
            params |= {"post_only": True, "reject_post_only": True}
        return params | ({"reduce_only": True} if spec.reduce_only else {})

    def cancel(self, ref: OrderRef) -> None:
        """Cancel one order; a trigger order by its label, because what it made has the same label and another id."""
        if ref.client_id is None or (ref.order_id is not None and ref.family != TRIGGER):
            self.change(lambda exchange: exchange.privateGetCancel({"order_id": ref.order_id}))
            return
        params = {"label": ref.client_id}
        answer = self.change(lambda exchange: exchange.privateGetCancelByLabel(params))
        if not int(answer["result"]):
            text = f"{self.venue} found no open order to cancel: it has ended, or is not there yet."
            raise OutcomeUnknown(text, venue=self.venue, hint="Look the order up.")

    def amend(self, ref: OrderRef, current: OrderReport, *, size: Decimal | None, price: Decimal | None) -> OrderReport:
        """Change a resting order in place; what it was placed with is said again."""
        new_size, new_price = size or current.size, price or current.price
        if new_size is None:
            raise Refused(f"{self.venue}: the order's size is not known.", venue=self.venue, hint="See: order status.")
        params: dict[str, Any] = {"amount": self.wire_size(ref.instrument, new_size)}
        if new_price is not None:
            params["price"] = plain(new_price)
        if current.stop_price is not None:
            params["trigger_price"] = plain(current.stop_price)
        if current.post_only:
            params |= {"post_only": True, "reject_post_only": True}
        if current.reduce_only:
            params["reduce_only"] = True
        method, order_id = "privateGetEdit", ref.order_id or current.order_id
        if order_id is None:
            method = "privateGetEditByLabel"
            params |= {"label": ref.client_id, "instrument_name": ref.instrument.native_id}
        else:
            params["order_id"] = order_id

        def edit(exchange: "Exchange") -> OrderReport:
            return self._order_in(getattr(exchange, method)(_valid(exchange, params)), ref.instrument)

        return self.change(edit, lane=ORDER)

    def cancel_all(self, instrument: Instrument) -> None:
        """Cancel every order of an instrument, trigger orders too (`type` is `all`)."""
        params = {"instrument_name": instrument.native_id, "type": "all"}
        self.change(lambda exchange: exchange.privateGetCancelAllByInstrument(params))

    # --- looking up --------------------------------------------------------------------------------------------------

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look an order up by id, then by label, then in the history, then among the trades.

        A trigger order that was triggered is reported as what it made. Several orders with one label are reported as
        the oldest of them, with a `reason` that names all.
        """
        spent = self._by_id(ref.order_id) if ref.order_id else None
        if spent is not None and spent["order_state"] != rows.TRIGGERED_STATE:
            return self.reading(rows.read_order, spent, ref.instrument)
        for source in (self._labelled, self._historical):
            found = {str(row["order_id"]): row for row in self._matching(source(ref), ref)}
            if spent is not None:
                found.setdefault(str(spent["order_id"]), spent)
            if any(row["order_state"] != rows.TRIGGERED_STATE for row in found.values()):
                return self.reading(_oldest, list(found.values()), ref)
            spent = next(iter(found.values()), None)
        if spent is not None:
            return self.reading(rows.read_order, spent, ref.instrument)
        return self._by_trades(ref)

    def _by_id(self, order_id: str) -> Row | None:
        try:
            return self.result("privateGetGetOrderState", {"order_id": order_id})  # type: ignore[no-any-return]
        except Refused as error:
            if is_not_found(error):
                return None
            raise

    def _labelled(self, ref: OrderRef) -> Iterator[Row]:
        """List the recent and the open orders with our label, of each currency that the instrument may belong to."""
        if ref.client_id is None:
            return
        currencies = currencies_of(ref.instrument)
        for currency in currencies:
            params = {"currency": currency, "label": ref.client_id}
            yield from self.result("privateGetGetOrderStateByLabel", params)
            yield from self.result("privateGetGetOpenOrdersByLabel", params)
        if not currencies:
            query = {"instrument_name": ref.instrument.native_id, "type": "all"}
            yield from self.result("privateGetGetOpenOrdersByInstrument", query)

    def _historical(self, ref: OrderRef) -> Iterator[Row]:
        """List finished orders as far back as the order may be, and what became of trigger orders."""
        since_ms = max(0, (ref.since_ms or 0) - _CLOCKS_MS)
        yield from self.ended(ref.instrument, since_ms)
        if ref.family == TRIGGER:
            for entry in self.trigger_log(ref.instrument, since_ms):
                yield {**entry, "order_id": entry.get("trigger_order_id") or entry.get("order_id")}

    def _by_trades(self, ref: OrderRef) -> OrderReport | None:
        if ref.since_ms is None or ref.client_id is None:
            return None
        found = [
            row
            for row in self.trade_rows(ref.instrument, ref.since_ms - _CLOCKS_MS)
            if row.get("label") == ref.client_id
        ]
        return self.reading(rows.from_trades, found, ref.instrument)

    @staticmethod
    def _matching(found: Iterator[Row], ref: OrderRef) -> Iterator[Row]:
        """Yield what is meant: by id the order or what it made, else every order with our label."""
        for row in found:
            if row["instrument_name"] != ref.instrument.native_id:
                continue
            if ref.order_id is None:
                if row.get("label") == ref.client_id is not None:
                    yield row
            elif ref.order_id in (row["order_id"], row.get("trigger_order_id")):
                yield row
                if row["order_state"] != rows.TRIGGERED_STATE:
                    return

    def _order_in(self, answer: Row, instrument: Instrument) -> OrderReport:
        return self.reading(rows.read_order, answer["result"]["order"], instrument)

    def meant_by(self, error: Exception, operation: Operation, session: "CcxtSession", *, sent: bool) -> CrossbookError:
        """Go by the venue's code where there is one: ccxt files many refusals under classes that leave it open."""
        found = super().meant_by(error, operation, session, sent=sent)
        said = meaning(session.answer.body) if sent and session.answer is not None else None
        if said is None or isinstance(found, said[0]):
            return found
        kind, hint = said
        return kind(found.message, venue=self.venue, hint=hint)


def _valid(exchange: "Exchange", params: Mapping[str, Any]) -> dict[str, Any]:
    return {**params, "valid_until": exchange.milliseconds() + VALID_MS}


def _oldest(found: list[Row], ref: OrderRef) -> OrderReport:
    """Read the oldest of several orders; a trigger order and what it made are one."""
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(str(row.get("trigger_order_id") or row["order_id"]), []).append(row)
    first = min(groups.values(), key=lambda group: min((row["creation_timestamp"], row["order_id"]) for row in group))
    report = rows.read_order(max(first, key=lambda row: "trigger_order_id" in row), ref.instrument)
    if len(groups) == 1:
        return report
    ids = ", ".join(sorted(str(row["order_id"]) for row in found))
    return replace(report, reason=f"{len(groups)} orders carry this label: {ids}")
