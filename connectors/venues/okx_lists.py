"""OKX's lists of orders: one order, open and finished orders with their stops, and how lists are read page by page.

Sources: okx.com/docs-v5, ccxt 4.5.90 (its implicit methods; the rows are read in `okx_order_rows`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.ccxt_signed import is_not_found
from connectors.ccxt_trading import CcxtTrading
from connectors.trading import OrderRef
from connectors.venues.okx_order_rows import Row, read_algo, read_order
from domain.errors import Refused, Unavailable
from domain.instruments import OPTION, Instrument
from domain.orders import OPEN, TRIGGER, OrderReport

MAX_PAGES = 100
HOUR_MS = 3_600_000
KEPT_MS = 90 * 24 * HOUR_MS
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
    "privateGetAccountBalance": 2.0,
    "privateGetAccountPositions": 2.0,
    "privateGetAssetBalances": 2.0,
    "privateGetAssetDepositHistory": 2.0,
    "privateGetAssetWithdrawalHistory": 2.0,
}
"""In units of our budget, of which 20 may be spent in 2 s; 1 where nothing is said."""


class EndlessList(Unavailable):
    """A list has more pages than are read at once."""


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
        found = self._read(read_order, self.finished(instrument, since_ms))
        if instrument.kind != OPTION:
            for kind in _ALGOS:
                for state in _ENDED_ALGOS:
                    query = {"ordType": kind, "state": state, "instId": instrument.native_id}
                    rows = self.pages("privateGetTradeOrdersAlgoHistory", query, "algoId", since_ms)
                    found += self._read(read_algo, rows)
        return sorted(found, key=lambda report: report.created_ms or 0)

    # --- how rows are asked for --------------------------------------------------------------------------------------

    def _order(self, instrument: Instrument, **which: str) -> Row | None:
        return self._one("privateGetTradeOrder", {"instId": instrument.native_id, **which})

    def algo(self, ref: OrderRef) -> Row | None:
        """Look a stop up among the algo orders, ended ones too."""
        return self._one("privateGetTradeOrderAlgo", which(ref, "algoId", "algoClOrdId"))

    def _one(self, method: str, query: Mapping[str, str]) -> Row | None:
        try:
            rows = self.rows(method, query)
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
        if self.venue_now_ms() - fired_ms < 2 * HOUR_MS:
            return replace(stop, status=OPEN)  # lists lag: an order that was placed is told for two hours at least
        return replace(stop, reason="the order that it placed was cancelled without a fill")

    def pending(self, instrument: Instrument | None) -> list[Row]:
        """List what is in the book."""
        query = {} if instrument is None else section(instrument)
        return list(self.pages("privateGetTradeOrdersPending", query, "ordId"))

    def pending_algos(self, instrument: Instrument | None) -> list[Row]:
        """List the stops that wait, trailing ones and those of two legs too, but no iceberg, TWAP and chase orders."""
        if instrument is not None and instrument.kind == OPTION:
            return []
        query = {} if instrument is None else {"instId": instrument.native_id}
        found: list[Row] = []
        for kind in _ALGOS:
            found += self.pages("privateGetTradeOrdersAlgoPending", {"ordType": kind, **query}, "algoId")
        return found

    def finished(self, instrument: Instrument, since_ms: int) -> list[Row]:
        """List what is in the book no more and has traded, or ended lately."""
        method = self.recent("privateGetTradeOrdersHistory", "privateGetTradeOrdersHistoryArchive", since_ms, days=7)
        return list(self.pages(method, {**section(instrument), "begin": self.begin(since_ms)}, "ordId"))

    def pages(
        self, method: str, query: Mapping[str, Any], mark: str, since_ms: int | None = None, *, most: int = MAX_PAGES
    ) -> Iterator[Row]:
        """Walk a list from the newest row back, by the id of the last one; to `since_ms`, where one is given.

        Raises EndlessList where it goes on after `most` pages.
        """
        after: dict[str, str] = {}
        for _ in range(most):
            rows = self.rows(method, {**query, **after, "limit": str(self.page)})
            for row in rows:
                if since_ms is not None and int(row["cTime"]) < since_ms:
                    return
                yield row
            if len(rows) < self.page:
                return
            after = {"after": rows[-1][mark]}
        raise EndlessList(f"{self.venue}: the list does not end.", venue=self.venue)

    def rows(self, method: str, query: Mapping[str, Any]) -> Sequence[Row]:
        """Make one call and answer its rows."""
        answer = self.read(lambda exchange: getattr(exchange, method)(query), cost=_COSTS.get(method, 1.0))
        return self.reading(lambda: list(answer["data"]))

    def recent(self, recent: str, archive: str, since_ms: int, *, days: int) -> str:
        """Choose the list of the last days, which is up to date and cheap, where it reaches back far enough."""
        return recent if since_ms > self.venue_now_ms() - (days * 24 - 1) * HOUR_MS else archive

    def begin(self, since_ms: int) -> str:
        """Say where a list begins: not earlier than OKX keeps anything."""
        return str(max(since_ms, self.venue_now_ms() - KEPT_MS))

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


def section(instrument: Instrument) -> dict[str, str]:
    """Name an instrument as the lists want it."""
    return {"instType": instrument.product or "", "instId": instrument.native_id}
