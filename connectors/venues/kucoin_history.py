"""KuCoin, private side: what has happened to an account: own trades, funding, deliveries, deposits and withdrawals.

Sources: docs.kucoin.com (Account Info, Spot Trading, Futures Trading, Funding Fees), kucoin-universal-sdk 1.3.2, ccxt
4.5.90. Trades are answered a week at a time. Spot trades are listed by pair; without one the ledger of the spot account
names the pair of each trade, and reaches back three days.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from connectors.ccxt_orders import read_fill
from connectors.ccxt_spans import Row, row_spans
from connectors.trading import FillSpan, Traded
from connectors.venues.kucoin_account import KucoinAccount
from connectors.venues.kucoin_history_rows import payment, payment_page, read_delivery, read_transfer
from domain.errors import BadAnswer
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.movements import DEPOSIT, WITHDRAWAL, Delivery, Transfer
from domain.orders import Fill, FundingPayment
from domain.time import MS_PER_DAY

WEEK_MS = 7 * MS_PER_DAY
AHEAD_MS = 60_000
"""How far beyond now a span reaches, so that a clock that is off hides nothing."""
_KEPT_DAYS, _LEDGER_DAYS = 90, 3
_UNDER_WAY_MS = 7 * MS_PER_DAY
"""How long a deposit or a withdrawal may take: they are listed by the moment at which they began."""
_PAYMENTS, _LEDGER_PAGE, _MOVES = 100, 200, 500
_MAX_PAGES = 200
_FIRST_MS = 1_550_448_000_000
"""ccxt asks another list for what was before February 2019, which has neither states nor pages like this one."""
_SETTLED = "settlement"
_PAIR = re.compile(r"""['"]symbol['"]\s*:\s*['"]([^'"]+)['"]""")


class KucoinHistory(KucoinAccount):
    """KuCoin's lists of what has happened."""

    page_sizes: ClassVar = {SPOT: 100, PERPETUAL: 1_000, FUTURE: 1_000}
    """How many orders or trades are listed at once."""

    # --- own trades --------------------------------------------------------------------------------------------------

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield own trades of at most a week each, oldest first; what is older than three months is not kept."""
        for until_ms, rows in self._trades(instrument, since_ms):
            fills = [self._fill(row, instrument) for row in rows if row["info"].get("tradeType") != _SETTLED]
            yield FillSpan(until_ms, sorted(fills, key=lambda fill: (fill.time_ms, fill.trade_id)))

    def _fill(self, row: Row, instrument: Instrument) -> Fill:
        # Where two orders of ours meet, both fills have the trade's id; on spot each has one of its own.
        return self.reading(read_fill, {**row, "id": str(row["info"].get("id") or row["id"])}, instrument)

    def _trades(self, instrument: Instrument, since_ms: int) -> Iterator[tuple[int, list[Row]]]:
        page = self.page_sizes[instrument.kind]

        def ask(first_ms: int, last_ms: int) -> list[Row]:
            return list(self.ask("fetch_my_trades", instrument.symbol, first_ms, page, {"until": last_ms}))

        return self._weeks(ask, since_ms, page)

    def _weeks(self, ask: Callable[[int, int], list[Row]], since_ms: int, page: int) -> Iterator[tuple[int, list[Row]]]:
        """Yield rows span by span, each with the moment (at most now) that they are complete until."""
        now_ms = self.venue_now_ms()
        spans = row_spans(ask, self.kept_since(since_ms), now_ms + AHEAD_MS, step_ms=WEEK_MS, page=page)
        for until_ms, rows in spans:
            yield min(until_ms, now_ms), rows

    def kept_since(self, since_ms: int) -> int:
        """Tell since when KuCoin has what is asked for: it keeps orders and trades for three months."""
        return max(since_ms, self.venue_now_ms() - _KEPT_DAYS * MS_PER_DAY)

    def traded(self, since_ms: int) -> Traded:
        """Name the pairs in the spot account's ledger, and the contracts among all futures trades."""
        age_ms = self.venue_now_ms() - since_ms
        found: dict[str, Instrument | None] = {}
        for name in sorted(self._pairs(since_ms)):
            found[name] = self._native(name, {SPOT})
        for name in sorted(self._contracts(since_ms)):
            found[name] = self._native(name, {PERPETUAL, FUTURE})
        missing = []
        if age_ms > _LEDGER_DAYS * MS_PER_DAY:
            missing.append(f"{self.venue} names the spot pairs that were traded for {_LEDGER_DAYS} days only")
        if age_ms > _KEPT_DAYS * MS_PER_DAY:
            missing.append(f"{self.venue} keeps trades for {_KEPT_DAYS} days")
        return Traded(
            tuple(each for each in found.values() if each is not None),
            tuple(name for name, each in found.items() if each is None),
            "; ".join(missing) + "." if missing else None,
        )

    def _native(self, name: str, kinds: set[str]) -> Instrument | None:
        return next((each for each in self._instruments.by_native(name) if each.kind in kinds), None)

    def _pairs(self, since_ms: int) -> set[str]:
        """Find the pairs of the trades in the spot account's ledger, which comes newest first."""
        first_ms = max(since_ms, self.venue_now_ms() - _LEDGER_DAYS * MS_PER_DAY)
        query: dict[str, Any] = {"bizType": "TRADE_EXCHANGE", "limit": _LEDGER_PAGE, "startAt": first_ms}
        found: set[str] = set()
        while True:
            answer = self.ask("privateGetHfAccountsLedgers", query)
            rows = self.reading(lambda answer=answer: list(answer["data"] or []))
            for row in rows:
                pair = _PAIR.search(str(row.get("context")))
                found |= {pair[1]} if pair else set()
            if len(rows) < _LEDGER_PAGE:
                return found
            if rows[-1]["id"] == query.get("lastId"):
                raise BadAnswer(f"{self.venue}: a page of the ledger came twice", venue=self.venue)
            query["lastId"] = rows[-1]["id"]

    def _contracts(self, since_ms: int) -> set[str]:
        """Find the contracts of all futures trades."""
        page = self.page_sizes[PERPETUAL]

        def ask(first_ms: int, last_ms: int) -> list[Row]:
            query = {"startAt": first_ms, "endAt": last_ms, "pageSize": page, "currentPage": 1}
            answer = self.ask("futuresPrivateGetFills", query)
            return self.reading(lambda: list(answer["data"]["items"]))

        spans = self._weeks(ask, since_ms, page)
        return {self.reading(lambda row: str(row["symbol"]), row) for _, rows in spans for row in rows}

    # --- what moves money without a trade ----------------------------------------------------------------------------

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding paid and received, oldest first; pages go back from the newest."""
        found: dict[str, FundingPayment] = {}
        query: dict[str, Any] = {"symbol": instrument.native_id, "startAt": since_ms, "maxCount": _PAYMENTS}
        for _ in range(_MAX_PAGES if instrument.kind == PERPETUAL else 0):
            rows, more = self.reading(payment_page, self.ask("futuresPrivateGetFundingHistory", query))
            page = [self.reading(payment, row, instrument) for row in rows]
            fresh = {each.payment_id: each for each in page if each.payment_id not in found}
            found |= fresh
            if not fresh or not more or min(each.time_ms for each in page) < since_ms:
                break
            query["offset"] = page[-1].payment_id
        return sorted((each for each in found.values() if each.time_ms >= since_ms), key=lambda each: each.time_ms)

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List how positions were settled at expiry: trades of the type `settlement`."""
        if instrument.kind != FUTURE:
            return []
        settled = [
            self.reading(read_delivery, self._fill(row, instrument), instrument)
            for _, rows in self._trades(instrument, since_ms)
            for row in rows
            if row["info"].get("tradeType") == _SETTLED
        ]
        return sorted(settled, key=lambda delivery: delivery.time_ms)

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List deposits and withdrawals that have gone through, oldest first.

        KuCoin gives deposits no id: it is made of what they say. Bonuses and rebates are not listed.
        """
        found: list[Transfer] = []
        for method, kind in (("fetch_deposits", DEPOSIT), ("fetch_withdrawals", WITHDRAWAL)):
            same: dict[str, int] = {}
            for row in self._moves(method, since_ms - _UNDER_WAY_MS):
                transfer = self.reading(read_transfer, row, self.venue, kind)
                if transfer is None:
                    continue
                same[transfer.transfer_id] = place = same.get(transfer.transfer_id, 0) + 1
                suffix = "" if place == 1 else f"#{place}"
                found.append(transfer._replace(transfer_id=transfer.transfer_id + suffix))
        return sorted((each for each in found if each.time_ms >= since_ms), key=lambda each: each.time_ms)

    def _moves(self, method: str, since_ms: int) -> Iterator[Mapping[str, Any]]:
        """Yield one list; all pages end at one moment, so that nothing new moves rows to the next page."""
        params: dict[str, Any] = {"status": "SUCCESS", "until": self.venue_now_ms() + AHEAD_MS}
        for page in range(1, _MAX_PAGES):
            rows = self.ask(method, None, max(_FIRST_MS, since_ms), _MOVES, {**params, "currentPage": page})
            yield from rows
            if len(rows) < _MOVES:
                return
