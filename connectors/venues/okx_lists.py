"""OKX's private reads: one order, open and finished orders with their stops, own trades, funding, permissions.

Sources: okx.com/docs-v5, ccxt 4.5.90 (its implicit methods; the rows are read in `okx_order_rows`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.ccxt_signed import is_not_found
from connectors.ccxt_trading import CcxtTrading
from connectors.trading import OrderRef
from connectors.venues.okx_order_rows import Row, read_algo, read_bill, read_fill, read_order
from domain.errors import Refused, Unavailable
from domain.instruments import OPTION, Instrument
from domain.orders import OPEN, TRIGGER, Fill, FundingPayment, KeyPermissions, OrderReport

_PAGE = 100
_MAX_PAGES = 100
_HOUR_MS = 3_600_000
_KEPT_MS = 90 * 24 * _HOUR_MS
_ALGOS = ("conditional,oco", "trigger", "move_order_stop")
_ENDED_ALGOS = ("canceled", "order_failed")
_COSTS = {
    "privateGetTradeOrder": 0.33,
    "privateGetTradeOrdersPending": 0.33,
    "privateGetTradeOrdersHistory": 0.5,
    "privateGetTradeFills": 0.33,
    "privateGetTradeFillsHistory": 2.0,
    "privateGetAccountConfig": 4.0,
    "privateGetAccountBills": 2.0,
    "privateGetAccountBillsArchive": 4.0,
}
"""In units of our budget, of which 20 may be spent in 2 s; 1 where nothing is said."""


class OkxLists(CcxtTrading):
    """What OKX tells about orders. A stop is known by the id of its algo order for ever, also once it has fired."""

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look one order up, finished ones too; of a stop that has fired, with what became of the order it placed."""
        if ref.family == TRIGGER:
            algo = self.algo(ref)
            return None if algo is None else self._followed(algo, ref.instrument)
        row = self._order(ref.instrument, **which(ref, "ordId", "clOrdId"))
        return None if row is None else self.reading(read_order, row, ref.instrument)

    # --- lists -------------------------------------------------------------------------------------------------------

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List orders in the book, and stops that wait."""
        found = self._read(read_order, self.pending(instrument))
        return found + self._read(read_algo, self.pending_algos(instrument))

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List finished orders of 3 months, and stops that ended without placing one."""
        found = self._read(read_order, self._finished(instrument, since_ms))
        if instrument.kind != OPTION:
            for kind in _ALGOS:
                for state in _ENDED_ALGOS:
                    query = {"ordType": kind, "state": state, "instId": instrument.native_id}
                    rows = self._pages("privateGetTradeOrdersAlgoHistory", query, "algoId", since_ms)
                    found += self._read(read_algo, rows)
        return sorted(found, key=lambda report: report.created_ms or 0)

    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List own trades of 3 months; those of a stop bear the stop's ids."""
        method = self._recent("privateGetTradeFills", "privateGetTradeFillsHistory", since_ms, days=3)
        rows = list(self._pages(method, {**_section(instrument), "begin": self._begin(since_ms)}, "billId"))
        stops: Mapping[str, Row] = {}
        if not all(row.get("clOrdId") for row in rows):
            placed = (*self._finished(instrument, since_ms), *self.pending(instrument))
            stops = {row["ordId"]: row for row in placed if row.get("algoId")}
        found = [self.reading(read_fill, row, instrument, stops.get(row["ordId"])) for row in rows]
        return sorted(found, key=lambda fill: (fill.time_ms, fill.trade_id))

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding of 3 months; OKX does not repeat the rate."""
        method = self._recent("privateGetAccountBills", "privateGetAccountBillsArchive", since_ms, days=7)
        query = {"instType": instrument.product, "type": "8", "ccy": instrument.settle, "begin": self._begin(since_ms)}
        rows = [row for row in self._pages(method, query, "billId") if row["instId"] == instrument.native_id]
        return [self.reading(read_bill, row, instrument) for row in reversed(rows)]

    def permissions(self) -> KeyPermissions:
        """Read what the key may do from the account's settings."""
        rows = self._rows("privateGetAccountConfig", {})
        allowed = self.reading(lambda: str(rows[0]["perm"]).split(","))
        return KeyPermissions("read_only" in allowed, "trade" in allowed, "withdraw" in allowed)

    # --- how rows are asked for --------------------------------------------------------------------------------------

    def _order(self, instrument: Instrument, **which: str) -> Row | None:
        return self._one("privateGetTradeOrder", {"instId": instrument.native_id, **which})

    def algo(self, ref: OrderRef) -> Row | None:
        """Look a stop up among the algo orders, ended ones too."""
        return self._one("privateGetTradeOrderAlgo", which(ref, "algoId", "algoClOrdId"))

    def _one(self, method: str, query: Mapping[str, str]) -> Row | None:
        try:
            rows = self._rows(method, query)
        except Refused as error:
            if is_not_found(error):
                return None
            raise
        return rows[0] if rows else None

    def _followed(self, algo: Row, instrument: Instrument) -> OrderReport:
        """Tell a stop's own state until it has fired, then that of the order that it placed."""
        stop = self.reading(read_algo, algo, instrument)
        placed = placed_by(algo)
        if placed is None:
            return stop
        row = self._order(instrument, ordId=placed)
        if row is not None:
            order = self.reading(read_order, row, instrument)
            return replace(order, stop_price=stop.stop_price, created_ms=stop.created_ms)
        fired_ms = int(algo.get("triggerTime") or 0)
        if self._now_ms() - fired_ms < 2 * _HOUR_MS:
            return replace(stop, status=OPEN)  # lists lag: an order that was placed is told for two hours at least
        return replace(stop, reason="the order that it placed was cancelled without a fill")

    def pending(self, instrument: Instrument | None) -> list[Row]:
        """List what is in the book."""
        query = {} if instrument is None else _section(instrument)
        return list(self._pages("privateGetTradeOrdersPending", query, "ordId"))

    def pending_algos(self, instrument: Instrument | None) -> list[Row]:
        """List the stops that wait, trailing ones and those of two legs too, but no iceberg, TWAP and chase orders."""
        if instrument is not None and instrument.kind == OPTION:
            return []
        query = {} if instrument is None else {"instId": instrument.native_id}
        found: list[Row] = []
        for kind in _ALGOS:
            found += self._pages("privateGetTradeOrdersAlgoPending", {"ordType": kind, **query}, "algoId")
        return found

    def _finished(self, instrument: Instrument, since_ms: int) -> list[Row]:
        method = self._recent("privateGetTradeOrdersHistory", "privateGetTradeOrdersHistoryArchive", since_ms, days=7)
        return list(self._pages(method, {**_section(instrument), "begin": self._begin(since_ms)}, "ordId"))

    def _pages(self, method: str, query: Mapping[str, Any], mark: str, since_ms: int | None = None) -> Iterator[Row]:
        """Walk a list from the newest row back, by the id of the last one; to `since_ms`, where one is given."""
        after: dict[str, str] = {}
        for _ in range(_MAX_PAGES):
            rows = self._rows(method, {**query, **after, "limit": str(_PAGE)})
            for row in rows:
                if since_ms is not None and int(row["cTime"]) < since_ms:
                    return
                yield row
            if len(rows) < _PAGE:
                return
            after = {"after": rows[-1][mark]}
        raise Unavailable(f"{self.venue}: the list does not end.", venue=self.venue)

    def _rows(self, method: str, query: Mapping[str, Any]) -> Sequence[Row]:
        answer = self.read(lambda exchange: getattr(exchange, method)(query), cost=_COSTS.get(method, 1.0))
        return self.reading(lambda: list(answer["data"]))

    def _recent(self, recent: str, archive: str, since_ms: int, *, days: int) -> str:
        """Choose the list of the last days, which is up to date and cheap, where it reaches back far enough."""
        return recent if since_ms > self._now_ms() - (days * 24 - 1) * _HOUR_MS else archive

    def _begin(self, since_ms: int) -> str:
        return str(max(since_ms, self._now_ms() - _KEPT_MS))

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.context.clock_offset_ms()

    def _read(self, parse: Callable[..., OrderReport], rows: Iterable[Row]) -> list[OrderReport]:
        """Read rows of any instrument; those of instruments that are not listed are left out."""
        found, known = [], dict[str, list[Instrument]]()
        for row in rows:
            name = str(row["instId"])
            if name not in known:
                known[name] = self._instruments.by_native(name)
            found += [self.reading(parse, row, instrument) for instrument in known[name]]
        return found


def placed_by(algo: Row | None) -> str | None:
    """Name the order that a stop has placed."""
    found = list((algo or {}).get("ordIdList") or ()) or [(algo or {}).get("ordId")]
    return found[-1] or None


def which(ref: OrderRef, theirs: str, ours: str) -> dict[str, str]:
    """Name the order by the venue's id, else by ours."""
    return {theirs: ref.order_id} if ref.order_id else {ours: ref.client_id or ""}


def _section(instrument: Instrument) -> dict[str, str]:
    return {"instType": instrument.product or "", "instId": instrument.native_id}
