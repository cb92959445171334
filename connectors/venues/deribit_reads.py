"""Deribit, private side: orders, balances and positions as they are now, and how signed reads are made.

Sources: docs.deribit.com (trading, account management, "Accessing historical trades and orders using API"), ccxt
4.5.90 for signing. Lists of orders without `historical` reach back 30 minutes, lists with it lack what is new.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.ccxt_errors import tidy
from connectors.ccxt_trading import CcxtTrading
from connectors.side_by_side import all_or_raise
from connectors.venues import deribit_order_rows as rows
from connectors.venues.deribit_order_rows import Row
from domain.errors import BadAnswer, CrossbookError, NotListed, Unavailable
from domain.instruments import SPOT, Instrument
from domain.orders import Balance, KeyPermissions, OrderReport, Position

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_session import CcxtSession

T = TypeVar("T")

_CODE = re.compile(r'"code":\s*(-?\d+)')
_PASSING = frozenset({10001, 10066, 11031, 11094, 13028, 13503})
"""Errors of the venue itself, for which ccxt knows no class."""
CURRENCIES = ("BTC", "ETH", "USDC", "USDT", "EURR")
"""What the lists by currency can be asked for."""
MAX_PAGES = 200
"""How often a list is asked for at most."""
_ORDERS_RECENT_MS = 25 * 60_000
_SCOPE = "account:read trade:read_write wallet:read_write expires:10"


class DeribitReads(CcxtTrading):
    """Deribit's orders, balances and positions."""

    page = 1000

    # --- orders ------------------------------------------------------------------------------------------------------

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List what is open of every currency and kind, trigger orders too, in one call."""
        if instrument is not None:
            params = {"instrument_name": instrument.native_id, "type": "all"}
            found = self.result("privateGetGetOpenOrdersByInstrument", params)
            return [self.reading(rows.read_order, row, instrument) for row in found]
        found = self.result("privateGetGetOpenOrders", {"type": "all"})
        named = ((row, self.native(str(row["instrument_name"]))) for row in found)
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

    def ended(self, instrument: Instrument, since_ms: int) -> Iterator[Row]:
        """Yield finished orders that changed since, newest first: the recent list, then the historical one."""
        params = {
            "instrument_name": instrument.native_id,
            "count": self.page,
            "include_old": True,
            "include_unfilled": True,
        }
        # The recent list alone where it reaches back far enough.
        for historical in (False,) if since_ms >= self.venue_now_ms() - _ORDERS_RECENT_MS else (False, True):
            for page in range(MAX_PAGES):
                query = {**params, "historical": historical, "offset": page * self.page}
                found = self.result("privateGetGetOrderHistoryByInstrument", query)
                yield from found
                if len(found) < self.page or int(found[-1]["last_update_timestamp"]) < since_ms:
                    break

    def trigger_log(self, instrument: Instrument, since_ms: int) -> Iterator[Row]:
        """Yield trigger orders that ended without making an order, newest first."""
        for currency in currencies_of(instrument):
            params: dict[str, Any] = {"currency": currency, "instrument_name": instrument.native_id, "count": self.page}
            for _ in range(MAX_PAGES):
                page = self.result("privateGetGetTriggerOrderHistory", params)
                entries = page["entries"]
                yield from (entry for entry in entries if entry["order_state"] != rows.TRIGGERED_STATE)
                if not page.get("continuation") or not entries or int(entries[-1]["timestamp"]) < since_ms:
                    break
                params["continuation"] = page["continuation"]

    # --- money -------------------------------------------------------------------------------------------------------

    def balances(self) -> list[Balance]:
        """List the equity of each currency, and how much of it is open.

        Funding is in the equity as it accrues, and in `funding_payments` with the daily settlement only: what a session
        has made of it so far counts as open, too. It is read beside the equity, so it may be a moment older or newer.
        """

        def summaries() -> list[Row]:
            return list(self.result("privateGetGetAccountSummaries", {})["summaries"])

        def held() -> list[Row]:
            return list(self.result("privateGetGetPositions", {"currency": "any"}))

        told, positions = all_or_raise([summaries, held])
        accrued = self._accrued(positions)
        found = []
        for row in told:
            balance = self.reading(rows.read_balance, row, self.venue, accrued.get(str(row["currency"]), Decimal(0)))
            found += [balance] if balance is not None else []
        return found

    def _accrued(self, positions: list[Row]) -> dict[str, Decimal]:
        """Sum what funding has come to in this session, by settlement currency; flat positions count as well."""
        found: dict[str, Decimal] = {}
        for row in positions:
            funding = self.reading(rows.session_funding, row)
            if funding:
                currency = str(self.required(str(row["instrument_name"])).settle)
                found[currency] = found.get(currency, Decimal(0)) + funding
        return found

    def positions(self) -> list[Position]:
        """List positions of every currency and kind. Raises NotListed where one is in an instrument we do not know."""
        found = []
        for row in self.result("privateGetGetPositions", {"currency": "any"}):
            if not float(row["size"]):
                continue
            position = self.reading(rows.read_position, row, self.required(str(row["instrument_name"])))
            found += [position] if position is not None else []
        return found

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

    def read(self, work: Callable[["Exchange"], T], *, cost: float | None = None, until: float | None = None) -> T:
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

        return super().read(explained, cost=cost, until=until)

    def result(self, method: str, params: Mapping[str, Any], *, cost: float | None = None) -> Any:
        """Make a signed read by one of ccxt's implicit methods and return its `result`."""
        answer = self.read(lambda exchange: getattr(exchange, method)(dict(params)), cost=cost)
        if not isinstance(answer, dict) or answer.get("result") is None:
            raise BadAnswer(f"{self.venue}: an answer without a result", venue=self.venue)
        return answer["result"]

    def opened(self) -> "CcxtSession":
        session = super().opened()
        # ccxt takes the millisecond, which several threads may share; the venue calls a nonce "single usage".
        session.exchange.nonce = lambda: secrets.randbits(52)
        return session

    def native(self, native_id: str) -> Instrument | None:
        """Find an instrument by the venue's name; None where our list lacks it."""
        return next(iter(self._instruments.by_native(native_id)), None)

    def required(self, native_id: str) -> Instrument:
        """Find the instrument of a position. Raises NotListed where our list lacks it."""
        instrument = self.native(native_id)
        if instrument is None:
            text = f"{self.venue} has a position in {native_id}, which is not among its instruments."
            raise NotListed(text, venue=self.venue, hint="Refresh them: python main.py symbols refresh")
        return instrument


def currencies_of(instrument: Instrument) -> list[str]:
    """List the currencies whose lists an instrument may be in: its settlement's; on spot that of either side."""
    sides = (instrument.base, instrument.quote) if instrument.kind == SPOT else (instrument.settle,)
    return [currency for currency in CURRENCIES if currency in sides]
