"""Binance, private side: what an account has traded, was settled, and moved in and out.

Sources: developers.binance.com/docs, ccxt 4.5.90, the official SDK of USDⓈ-M 18.0.1. USDⓈ-M tells its whole income
without a symbol, for three months; spot lists trades by symbol only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.ccxt_orders import read_fill, read_payment
from connectors.ccxt_spans import Row, rows_by_span
from connectors.environments import TESTNET
from connectors.trading import FillSpan, Traded
from connectors.venues.binance_reads import DAY_MS, BinanceReads, actual_id
from connectors.venues.binance_transfers import income_transfer, moved_in, moved_out
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.money import to_decimal
from domain.movements import Delivery, Transfer
from domain.orders import BUY, Fill, FundingPayment
from domain.time import read_ms

_FIRST_MS = 1_498_860_000_000
"""July 2017: nothing is older than the venue."""
_KEPT_MS = 90 * DAY_MS
"""SDK, `account_trade_list`: trades of the past three months; docs, income: likewise."""
_INCOME_SPAN_MS = 30 * DAY_MS
_TRANSFER_SPAN_MS = 89 * DAY_MS
"""docs, deposit and withdraw history: less than 90 days at a time."""
_UNDER_WAY_MS = 7 * DAY_MS
"""How long a deposit may take: it is listed by the moment at which it was seen."""
_STOPS_BACK_MS = 30 * DAY_MS
"""How old a stop may be that fires within the spans that are asked for; those of older ones bear the order's own id."""
_INCOME_COST, _LIGHT_COST, _TRADES_COST = 75.0, 2.5, 20.0
_DELIVERED = "DELIVERED_SETTELMENT"
_BLIND = (
    "Binance lists spot trades by symbol only: looked at were the pairs of what the account holds now; name others "
    "with --symbol. Trades of futures are told for three months."
)


class BinanceHistory(BinanceReads):
    """The history of an account."""

    # --- own trades --------------------------------------------------------------------------------------------------

    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List own trades, oldest first; those of a stop of futures that has fired bear the stop's ids."""
        return [fill for span in self._fill_spans(instrument, since_ms, since_ms) for fill in span.fills]

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield own trades: of futures week by week, of spot day by day where the newest page does not hold them."""
        return self._fill_spans(instrument, since_ms, since_ms - _STOPS_BACK_MS)

    def _fill_spans(self, instrument: Instrument, since_ms: int, stops_since_ms: int) -> Iterator[FillSpan]:
        self.check_served(instrument)
        now_ms = self.venue_now_ms()
        if instrument.kind == SPOT:
            for until_ms, rows in self._spot_trades(instrument, since_ms):
                yield FillSpan(min(until_ms, now_ms), self._read(instrument, rows))
            return
        stops: dict[str | None, Row] | None = None
        since_ms, stops_since_ms = (max(moment, now_ms - _KEPT_MS) for moment in (since_ms, stops_since_ms))
        for until_ms, rows in self.history_spans(instrument, since_ms, "fetch_my_trades", {}):
            if rows and stops is None:
                found = self.history_rows(instrument, stops_since_ms, "fetch_orders", {"trigger": True})
                stops = {actual_id(row): row for row in found}
            fills = self._read(instrument, rows)
            yield FillSpan(min(until_ms, now_ms), [_of_stop(fill, stops or {}) for fill in fills])

    def _read(self, instrument: Instrument, rows: list[Row]) -> list[Fill]:
        found = [self.reading(read_fill, row, instrument) for row in rows]
        return self.reading(lambda: sorted(found, key=lambda fill: (fill.time_ms, int(fill.trade_id))))

    def _spot_trades(self, instrument: Instrument, since_ms: int) -> Iterator[tuple[int, list[Row]]]:
        """Yield trades of a spot pair: a day is asked for as such; of more the newest page, and the days before it."""
        until_ms = self.later_ms()
        if until_ms - since_ms <= DAY_MS:
            yield from self.history_spans(instrument, since_ms, "fetch_my_trades", {}, until_ms=until_ms)
            return
        newest = self._trades_page(instrument, {})
        if len(newest) >= self.page and newest[0]["timestamp"] >= since_ms:
            # docs, myTrades: `fromId` lists from an id on; the first page tells where there is something.
            first = self._trades_page(instrument, {"fromId": 0}, limit=1)
            start_ms = max([since_ms, *(int(row["timestamp"]) for row in first)])
            until_ms = int(newest[0]["timestamp"])
            yield from self.history_spans(instrument, start_ms, "fetch_my_trades", {}, until_ms=until_ms)
            since_ms, until_ms = until_ms + 1, self.later_ms()
        yield until_ms, [row for row in newest if row["timestamp"] >= since_ms]

    def _trades_page(self, instrument: Instrument, params: Mapping[str, Any], limit: int = 0) -> list[Row]:
        rows = self.ask("fetch_my_trades", instrument.symbol, None, limit or self.page, dict(params))
        return sorted(rows, key=lambda row: self.reading(lambda: (int(row["timestamp"]), int(row["id"]))))

    def traded(self, since_ms: int) -> Traded:
        """Name what was traded: futures by their income, spot by asking for each pair of what is held."""
        symbols = {str(row["symbol"]) for row in self._income(since_ms) if row["symbol"]}
        found, unlisted = [], []
        for symbol in sorted(symbols):
            listed = [item for item in self._instruments.by_native(symbol) if item.product == "linear"]
            found += listed
            if not listed:
                unlisted.append(symbol)
        return Traded((*found, *self._traded_pairs(since_ms)), tuple(unlisted), blind=_BLIND)

    def _traded_pairs(self, since_ms: int) -> Iterator[Instrument]:
        held = {balance.currency for balance in self.balances() if balance.wallet == "spot"}
        for item in self._instruments.all():
            if item.kind == SPOT and item.base in held and item.quote in held:
                newest = self._trades_page(item, {}, limit=1)
                if newest and newest[-1]["timestamp"] >= since_ms:
                    yield item

    # --- what moves money without a trade ----------------------------------------------------------------------------

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding of a perpetual, oldest first; the venue keeps three months."""
        self.check_served(instrument)
        if instrument.kind != PERPETUAL:
            return []
        since_ms = max(since_ms, self.venue_now_ms() - _KEPT_MS)
        rows = self.history_rows(instrument, since_ms, "fetch_funding_history", {})
        found = [self.reading(read_payment, row, instrument) for row in rows]
        return sorted(found, key=lambda payment: payment.time_ms)

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List how a position in a dated future was settled; its size is what our trades left, which is not told.

        Raises:
            Unsupported: the trades that the venue still tells of do not say how large the position was.
        """
        self.check_served(instrument)
        if instrument.kind != FUTURE:
            return []
        rows = self._income(since_ms, symbol=instrument.native_id, incomeType=_DELIVERED)
        if not rows:
            return []
        pair = instrument.native_id.partition("_")[0]
        prices = self.read(lambda exchange: exchange.fapiDataGetDeliveryPrice({"pair": pair}), cost=_LIGHT_COST)
        fills = self.fills(instrument, 0)
        found = [self.reading(_delivery, row, instrument, prices, fills) for row in rows]
        if any(not delivery.size for delivery in found):
            raise self._unsupported(f"size of the settled position in {instrument.symbol}")
        return found

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List deposits and withdrawals, and what USDⓈ-M books beside trading (rebates, rewards, liquidation fees).

        Fiat payments, dividends, and conversions of dust are not among them; nor is what went to the funding wallet.
        """
        if self.context.environment == TESTNET:
            raise self._unsupported("history of deposits and withdrawals in its test environment")
        found: dict[tuple[str, str], Transfer] = {}
        for path, reader in (("DepositHisrec", moved_in), ("WithdrawHistory", moved_out)):
            for row in self._moved(f"sapiGetCapital{path}", since_ms - _UNDER_WAY_MS):
                transfer, ended_ms = self.reading(reader, row, self.venue)
                if transfer is not None and ended_ms >= since_ms:
                    found[transfer.kind, transfer.transfer_id] = transfer
        for row in self._income(since_ms):
            other = self.reading(income_transfer, row, self.venue)
            if other is not None:
                found[other.kind, other.transfer_id] = other
        return sorted(found.values(), key=lambda transfer: transfer.time_ms)

    def _moved(self, method: str, since_ms: int) -> list[Row]:
        def ask(first_ms: int, last_ms: int) -> list[Row]:
            query = {"startTime": first_ms, "endTime": last_ms, "limit": self.page}
            rows = self.read(lambda exchange: getattr(exchange, method)(query), cost=_LIGHT_COST)
            return self.reading(lambda: [{**row, "id": row.get("id") or row["txId"]} for row in rows])

        first_ms = max(since_ms, _FIRST_MS)
        return rows_by_span(ask, first_ms, self.later_ms(), step_ms=_TRANSFER_SPAN_MS, page=self.page)

    def _income(self, since_ms: int, **only: str) -> list[Row]:
        """List income since a moment, as long as it is kept; `tranId` is unique within a type."""

        def ask(first_ms: int, last_ms: int) -> list[Row]:
            query = {"startTime": first_ms, "endTime": last_ms, "limit": self.page, **only}
            rows = self.read(lambda exchange: exchange.fapiPrivateGetIncome(query), cost=_INCOME_COST)
            return self.reading(lambda: [{**row, "id": f"{row['incomeType']}/{row['tranId']}"} for row in rows])

        until_ms = self.later_ms()
        first_ms = max(since_ms, until_ms - _KEPT_MS)
        return rows_by_span(ask, first_ms, until_ms, step_ms=_INCOME_SPAN_MS, page=self.page)


def _of_stop(fill: Fill, stops: Mapping[str | None, Row]) -> Fill:
    stop = stops.get(fill.order_id) if fill.order_id else None
    return fill if stop is None else replace(fill, order_id=str(stop["id"]), client_id=stop.get("clientOrderId"))


def _delivery(row: Row, instrument: Instrument, prices: list[Row], fills: list[Fill]) -> Delivery:
    time_ms = read_ms(row["time"])
    nearest = min(prices, key=lambda told: abs(read_ms(told["deliveryTime"]) - time_ms))
    if abs(read_ms(nearest["deliveryTime"]) - time_ms) > DAY_MS:
        raise ValueError("no delivery price of that day")
    held = (fill for fill in fills if fill.time_ms <= time_ms)
    return Delivery(
        venue=instrument.venue,
        symbol=instrument.symbol,
        delivery_id=str(row["tranId"]),
        time_ms=time_ms,
        size=sum((fill.size if fill.side == BUY else -fill.size for fill in held), Decimal(0)),
        price=to_decimal(nearest["deliveryPrice"]),
        currency=str(row["asset"]),
        amount=to_decimal(row["income"]),
    )
