"""Bybit v5, private history: own trades, what was traded, funding, deliveries, deposits, wallets, positions.

Sources: bybit-exchange.github.io/docs/v5 (order/execution, asset, account, position, enum), ccxt 4.5.90. Executions are
kept for two years and told for seven days at a time, deposits and withdrawals for thirty.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from connectors.ccxt_history import UNDER_WAY_MS
from connectors.ccxt_orders import read_fill
from connectors.trading import FillSpan, Traded
from connectors.venues.bybit_history_rows import (
    Row,
    read_coin,
    read_delivery,
    read_deposit,
    read_funded,
    read_held,
    read_internal_deposit,
    read_payment,
    read_settled,
    read_withdrawal,
)
from connectors.venues.bybit_reads import EVERYWHERE, MAX_PAGES, WEEK_MS, BybitReads, EndlessList, by_symbol
from domain.errors import Unauthorized
from domain.instruments import FUTURE, PERPETUAL, Instrument
from domain.movements import Delivery, Transfer
from domain.orders import Balance, FundingPayment, Position

_MONTH_MS = 30 * 86_400_000
_CATEGORIES = ("spot", "linear", "inverse")
_TRADES = frozenset({"Trade", "AdlTrade", "BustTrade", "BlockTrade", "MovePosition", "FutureSpread"})
"""Kinds of executions that change a position at a price; the others are funding, deliveries and settlements."""
_SPAN_PAGES = 20
"""A span that has more pages is asked for again in halves, so that none takes long to be complete."""
_MARGIN_MODES = {"REGULAR_MARGIN": "cross", "ISOLATED_MARGIN": "isolated", "PORTFOLIO_MARGIN": "portfolio"}
_TRANSFERS: tuple[tuple[str, Row, Callable[[Row, str], Transfer | None]], ...] = (
    ("privateGetV5AssetDepositQueryRecord", {}, read_deposit),
    ("privateGetV5AssetDepositQueryInternalRecord", {}, read_internal_deposit),
    ("privateGetV5AssetWithdrawQueryRecord", {"withdrawType": 2}, read_withdrawal),
)


class BybitHistory(BybitReads):
    """What Bybit tells about what has happened to a unified account, options left out."""

    # --- own trades --------------------------------------------------------------------------------------------------

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield own trades, liquidations included, oldest span first: a week each, or less where there are many."""
        for until_ms, rows in self._executions(by_symbol(instrument), since_ms):
            found = {}
            for row, raw in rows:
                fill = self.reading(read_fill, raw, instrument, row.get("orderLinkId") or None)
                coin = row.get("feeCurrency") or row.get("feeCoin") or fill.fee_currency
                found[fill.trade_id] = replace(fill, fee_currency=coin)
            yield FillSpan(until_ms, sorted(found.values(), key=lambda fill: (fill.time_ms, fill.trade_id)))

    def traded(self, since_ms: int) -> Traded:
        """Name what was traded from the lists of executions, which need no symbol."""
        names: dict[tuple[str, str], None] = {}
        for category in _CATEGORIES:
            for _, rows in self._executions({"category": category}, since_ms):
                names |= dict.fromkeys((category, str(row["symbol"])) for row, _ in rows)
        found, unlisted = [], []
        for category, name in names:
            listed = [each for each in self._instruments.by_native(name) if each.product == category]
            found += listed
            if not listed:
                unlisted.append(name)
        return Traded(found, unlisted, f"Trades in options are not read at {self.venue}.")

    def _executions(self, query: Row, since_ms: int) -> Iterator[tuple[int, Sequence[tuple[Row, Row]]]]:
        """Yield executions that are trades in complete windows, oldest first, each with the moment it reaches to."""
        windows = [*reversed(self.windows(since_ms, WEEK_MS))]
        while windows:
            window = windows.pop()
            first_ms, last_ms = window["startTime"], window["endTime"]
            most = _SPAN_PAGES if first_ms < last_ms else MAX_PAGES
            try:
                rows = self.parsed("privateGetV5ExecutionList", {**query, **window}, "parse_trade", 100, most=most)
            except EndlessList:
                if first_ms >= last_ms:
                    raise
                middle_ms = (first_ms + last_ms) // 2
                later = {"startTime": middle_ms + 1, "endTime": last_ms}
                windows += [later, {"startTime": first_ms, "endTime": middle_ms}]
                continue
            yield min(last_ms, self.venue_now_ms()), [pair for pair in rows if pair[0].get("execType") in _TRADES]

    # --- what else moves money ---------------------------------------------------------------------------------------

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding; Bybit counts what was paid as positive, and states the rate as the position's side paid it."""
        query = {**by_symbol(instrument), "execType": "Funding"}
        rows = self._over("privateGetV5ExecutionList", query, since_ms, WEEK_MS, 100)
        found = {str(row["execId"]): self.reading(read_payment, row, instrument) for row in rows}
        return sorted(found.values(), key=lambda payment: payment.time_ms)

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List how futures were delivered."""
        if instrument.kind not in (FUTURE, PERPETUAL):
            return []
        rows = self._over("privateGetV5AssetDeliveryRecord", by_symbol(instrument), since_ms, _MONTH_MS, 50)
        found = {each.delivery_id: each for each in (self.reading(read_delivery, row, instrument) for row in rows)}
        return sorted(found.values(), key=lambda delivery: delivery.time_ms)

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List deposits and withdrawals that succeeded, on the chain and between members of Bybit."""
        found: dict[str, Transfer] = {}
        for method, query, parse in _TRANSFERS:
            for row in self._over(method, query, since_ms - UNDER_WAY_MS, _MONTH_MS, 50):
                moved = self.reading(parse, row, self.venue)
                if moved is not None and max(moved.time_ms, int(row.get("updateTime") or 0)) >= since_ms:
                    found[moved.transfer_id] = moved
        return sorted(found.values(), key=lambda transfer: (transfer.time_ms, transfer.transfer_id))

    def _over(self, method: str, query: Mapping[str, Any], since_ms: int, step_ms: int, limit: int) -> list[Row]:
        """Read a list window by window, all pages of each."""
        return [
            row for window in self.windows(since_ms, step_ms) for row in self.pages(method, {**query, **window}, limit)
        ]

    # --- how things stand --------------------------------------------------------------------------------------------

    def balances(self) -> list[Balance]:
        """List what is not zero in the unified account and, where the key may see it, in the funding account.

        `walletBalance` is cash, but what USDC contracts have gained is paid into it every eight hours although they
        are still open: that part is told as `positions_value`.
        """
        unified = self.read(lambda exchange: exchange.privateGetV5AccountWalletBalance({"accountType": "UNIFIED"}))
        coins = self.reading(lambda: [row for account in unified["result"]["list"] for row in account["coin"]])
        settled: dict[str, Decimal] = {}
        if any(row["coin"] == "USDC" for row in coins):
            query = {"category": "linear", "settleCoin": "USDC"}
            parts = (self.reading(read_settled, row) for row in self.pages("privateGetV5PositionList", query, 200))
            settled["USDC"] = sum(parts, Decimal(0))
        found = [self.reading(read_coin, row, self.venue, settled.get(row["coin"])) for row in coins]
        found += [self.reading(read_funded, row, self.venue) for row in self._funding_account()]
        return [balance for balance in found if balance is not None]

    def _funding_account(self) -> Sequence[Row]:
        query = {"accountType": "FUND"}
        try:
            answer = self.read(lambda exchange: exchange.privateGetV5AssetTransferQueryAccountCoinsBalance(query))
        except Unauthorized:
            return ()
        return self.reading(lambda: list(answer["result"]["balance"]))

    def positions(self) -> list[Position]:
        """List open positions of all but options; `realized` is that of the position, after its fees and funding."""
        found = []
        for query in EVERYWHERE[1:]:
            for row, raw in self.parsed("privateGetV5PositionList", query, "parse_position", 200):
                position = self.reading(read_held, row, raw, self.instrument(str(raw["symbol"])))
                if position is not None:
                    found.append(position)
        mode = self._margin_mode() if found else None
        return [replace(position, margin_mode=mode) for position in found]

    def _margin_mode(self) -> str | None:
        answer = self.read(lambda exchange: exchange.privateGetV5AccountInfo())
        return self.reading(partial(_mode_of, answer))


def _mode_of(answer: Row) -> str | None:
    return _MARGIN_MODES.get(str(answer["result"]["marginMode"]))
