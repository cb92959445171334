"""Deribit, private side: what is read of an account, page by page.

Sources: docs.deribit.com (trading, account management, "Accessing historical trades and orders using API"), ccxt
4.5.90 for signing. Lists without `historical` reach back 30 minutes (orders) or a day (trades), lists with it lack what
is new.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.ccxt_errors import tidy
from connectors.ccxt_trading import CcxtTrading
from connectors.venues import deribit_order_rows as rows
from connectors.venues.deribit_order_rows import Row
from domain.errors import BadAnswer, CrossbookError, NotListed, Unavailable
from domain.instruments import SPOT, Instrument
from domain.orders import Balance, Fill, FundingPayment, KeyPermissions, OrderReport, Position
from domain.time import MS_PER_HOUR

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_session import CcxtSession

T = TypeVar("T")

_CODE = re.compile(r'"code":\s*(-?\d+)')
_PASSING = frozenset({10001, 10066, 11031, 11094, 13028, 13503})
"""Errors of the venue itself, for which ccxt knows no class."""
_CURRENCIES = ("BTC", "ETH", "USDC", "USDT", "EURR")
"""What the lists by currency can be asked for."""
_PAGE, _LOG_PAGE, _MAX_PAGES = 1000, 250, 200
_ORDERS_RECENT_MS, _TRADES_RECENT_MS = 25 * 60_000, 23 * MS_PER_HOUR
_AHEAD_MS = 60_000
"""How far beyond now a span reaches, so that a clock that is off hides nothing."""
_SCOPE = "account:read trade:read_write wallet:read_write expires:10"


class DeribitReads(CcxtTrading):
    """Deribit's lists, balances and positions."""

    # --- orders and trades -------------------------------------------------------------------------------------------

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List what is open of every currency and kind, trigger orders too, in one call."""
        if instrument is not None:
            params = {"instrument_name": instrument.native_id, "type": "all"}
            found = self.result("privateGetGetOpenOrdersByInstrument", params)
            return [self.reading(rows.read_order, row, instrument) for row in found]
        found = self.result("privateGetGetOpenOrders", {"type": "all"})
        named = ((row, self._native(str(row["instrument_name"]))) for row in found)
        return [self.reading(rows.read_order, row, item) for row, item in named if item is not None]

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List finished orders, those without a fill and cancelled trigger orders too."""
        reports = [self.reading(rows.read_order, row, instrument) for row in self.ended(instrument, since_ms)]
        reports += [
            self.reading(rows.read_trigger_entry, entry, instrument) for entry in self.trigger_log(instrument, since_ms)
        ]
        found: dict[str | None, OrderReport] = {}
        for report in reports:
            if (report.created_ms or report.updated_ms or 0) >= since_ms:
                found.setdefault(report.order_id, report)
        return sorted(found.values(), key=lambda report: report.created_ms or report.updated_ms or 0)

    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List own trades, oldest first."""
        found = {str(row["trade_id"]): row for row in self.trade_rows(instrument, since_ms)}
        fills = [self.reading(rows.read_fill, row, instrument) for row in found.values()]
        return sorted(fills, key=lambda fill: (fill.time_ms, fill.trade_id))

    def ended(self, instrument: Instrument, since_ms: int) -> Iterator[Row]:
        """Yield finished orders that changed since, newest first: the recent list, then the historical one."""
        params = {
            "instrument_name": instrument.native_id,
            "count": _PAGE,
            "include_old": True,
            "include_unfilled": True,
        }
        for historical in self._ages(since_ms, _ORDERS_RECENT_MS):
            for page in range(_MAX_PAGES):
                query = {**params, "historical": historical, "offset": page * _PAGE}
                found = self.result("privateGetGetOrderHistoryByInstrument", query)
                yield from found
                if len(found) < _PAGE or int(found[-1]["last_update_timestamp"]) < since_ms:
                    break

    def trigger_log(self, instrument: Instrument, since_ms: int) -> Iterator[Row]:
        """Yield trigger orders that ended without making an order, newest first."""
        for currency in currencies_of(instrument):
            params: dict[str, Any] = {"currency": currency, "instrument_name": instrument.native_id, "count": _PAGE}
            for _ in range(_MAX_PAGES):
                page = self.result("privateGetGetTriggerOrderHistory", params)
                entries = page["entries"]
                yield from (entry for entry in entries if entry["order_state"] != rows.TRIGGERED_STATE)
                if not page.get("continuation") or not entries or int(entries[-1]["timestamp"]) < since_ms:
                    break
                params["continuation"] = page["continuation"]

    def trade_rows(self, instrument: Instrument, since_ms: int) -> Iterator[Row]:
        """Yield own trades since, oldest first; what is in both lists comes twice."""
        for historical in self._ages(since_ms, _TRADES_RECENT_MS):
            start_ms = since_ms
            for _ in range(_MAX_PAGES):
                query = {
                    "instrument_name": instrument.native_id,
                    "start_timestamp": start_ms,
                    "end_timestamp": self._now_ms() + _AHEAD_MS,
                    "count": _PAGE,
                    "sorting": "asc",
                    "historical": historical,
                }
                answer = self.result("privateGetGetUserTradesByInstrumentAndTime", query)
                yield from answer["trades"]
                if not answer["has_more"] or not answer["trades"]:
                    break
                last_ms = int(answer["trades"][-1]["timestamp"])
                if last_ms == start_ms:
                    raise BadAnswer(f"{self.venue}: more trades in one millisecond than a page holds", venue=self.venue)
                start_ms = last_ms

    def _ages(self, since_ms: int, recent_ms: int) -> tuple[bool, ...]:
        """Say which lists reach back far enough: the recent one alone, or the historical one as well."""
        return (False,) if since_ms >= self._now_ms() - recent_ms else (False, True)

    # --- money -------------------------------------------------------------------------------------------------------

    def balances(self) -> list[Balance]:
        """List the equity of each currency."""
        summaries = self.result("privateGetGetAccountSummaries", {})["summaries"]
        found = (self.reading(rows.read_balance, row, self.venue) for row in summaries)
        return [balance for balance in found if balance is not None]

    def positions(self) -> list[Position]:
        """List positions of every currency and kind. Raises NotListed where one is in an instrument we do not know."""
        found = []
        for row in self.result("privateGetGetPositions", {"currency": "any"}):
            if not float(row["size"]):
                continue
            instrument = self._native(str(row["instrument_name"]))
            if instrument is None:
                text = f"{self.venue} has a position in {row['instrument_name']}, which is not among its instruments."
                raise NotListed(text, venue=self.venue, hint="Refresh them: python main.py symbols refresh")
            position = self.reading(rows.read_position, row, instrument)
            found += [position] if position is not None else []
        return found

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List the funding of each session (08:00 to 08:00 UTC), oldest first, from the transaction log."""
        params: dict[str, Any] = {
            "currency": instrument.settle,
            "start_timestamp": since_ms,
            "end_timestamp": self._now_ms() + _AHEAD_MS,
            "query": "settlement",
            "count": _LOG_PAGE,
        }
        found: dict[str, FundingPayment] = {}
        for _ in range(_MAX_PAGES):
            page = self.result("privateGetGetTransactionLog", params)
            for row in page["logs"]:
                if row["type"] == "settlement" and row.get("instrument_name") == instrument.native_id:
                    payment = self.reading(rows.read_settlement, row, instrument)
                    if payment is not None:
                        found[payment.payment_id] = payment
            if not page.get("continuation") or not page["logs"]:
                break
            params["continuation"] = page["continuation"]
        return sorted(found.values(), key=lambda payment: payment.time_ms)

    def permissions(self) -> KeyPermissions | None:
        """Ask for a token of ten seconds with every scope: the venue grants what the key has. No secret is sent."""

        def grant(exchange: "Exchange") -> Any:
            timestamp, nonce = str(exchange.milliseconds()), secrets.token_hex(8)
            content = f"{timestamp}\n{nonce}\n".encode()
            params = {
                "grant_type": "client_signature",
                "client_id": exchange.apiKey,
                "timestamp": timestamp,
                "nonce": nonce,
                "data": "",
                "signature": hmac.new(exchange.secret.encode(), content, hashlib.sha256).hexdigest(),
                "scope": _SCOPE,
            }
            return exchange.publicGetAuth(params)

        return self.reading(rows.read_scope, self.read(grant)["result"]["scope"])

    # --- the calls ---------------------------------------------------------------------------------------------------

    def read(self, work: Callable[["Exchange"], T], *, cost: float | None = None) -> T:
        """Make a signed read; trouble of the venue's own is no refusal, and is asked again."""

        def explained(exchange: "Exchange") -> T:
            try:
                return work(exchange)
            except CrossbookError:
                raise
            except Exception as error:
                code = _CODE.search(str(error))
                if code is None or int(code[1]) not in _PASSING:
                    raise
                raise Unavailable(f"{self.venue}: {tidy(str(error))}", venue=self.venue) from error

        return super().read(explained, cost=cost)

    def result(self, method: str, params: Mapping[str, Any]) -> Any:
        """Make a signed read by one of ccxt's implicit methods and return its `result`."""
        answer = self.ask(method, dict(params))
        if not isinstance(answer, dict) or answer.get("result") is None:
            raise BadAnswer(f"{self.venue}: an answer without a result", venue=self.venue)
        return answer["result"]

    def opened(self) -> "CcxtSession":
        session = super().opened()
        # ccxt takes the millisecond, which several threads may share; the venue calls a nonce "single usage".
        session.exchange.nonce = lambda: secrets.randbits(52)
        return session

    def _native(self, native_id: str) -> Instrument | None:
        return next(iter(self._instruments.by_native(native_id)), None)

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.context.clock_offset_ms()


def currencies_of(instrument: Instrument) -> list[str]:
    """List the currencies whose lists an instrument may be in: its settlement's; on spot that of either side."""
    sides = (instrument.base, instrument.quote) if instrument.kind == SPOT else (instrument.settle,)
    return [currency for currency in _CURRENCIES if currency in sides]
