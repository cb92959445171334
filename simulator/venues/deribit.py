"""Deribit over its JSON-RPC API v2, by GET and by POST: the public methods, and the way to the private ones.

Wire facts: docs.deribit.com. Every call of the real venue is a GET for ccxt; JSON-RPC by POST works the same.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from simulator.exchange.model import Account
from simulator.exchange.store import Store
from simulator.limits import Clock, Credits
from simulator.market.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from simulator.market.known import known
from simulator.market.model import PERPETUAL, SPOT, Listing, Market
from simulator.rows import RowWriter
from simulator.venue import SimReply, SimRequest, SimVenue
from simulator.venues import deribit_rows as rows
from simulator.venues.deribit_auth import MATCHING, Doorkeeper
from simulator.venues.deribit_money import MoneyDesk
from simulator.venues.deribit_order_reads import OrderReader
from simulator.venues.deribit_rpc import (
    Call,
    Params,
    Row,
    RpcError,
    envelope,
    faulty,
    flag_of,
    integer_of,
    invalid,
    posted,
    text_of,
)
from simulator.venues.deribit_rules import ACCOUNTS, RULES
from simulator.venues.deribit_wallet import Wallet

DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10000)
KINDS = ("future", "option", "spot", "future_combo", "option_combo")
RESOLUTIONS_MS = {str(minutes): minutes * MINUTE_MS for minutes in (1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720)}
RESOLUTIONS_MS["1D"] = DAY_MS
_MOST_CANDLES = 5_000
_LEVELS = RowWriter(lambda price, size: f"[{float(price)!r},{float(size)!r}]", 60_000)
_MOST_FUNDING_ROWS = 744
_NAME = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)?(-PERPETUAL|-\d{1,2}[A-Z]{3}\d{2}(-\d+(d\d+)?-[CP])?)|[A-Z0-9]+_[A-Z0-9]+")


class Deribit(SimVenue):
    """www.deribit.com. `call` serves one JSON-RPC method whatever it came over."""

    name = "deribit"
    ports: ClassVar[Mapping[str, tuple[str, ...]]] = {"deribit": ("www.deribit.com",)}
    rules = RULES
    accounts = ACCOUNTS

    def __init__(self, market: Market, clock: Callable[[], int], store: Store | None = None) -> None:
        """List the methods and the instruments by name."""
        super().__init__(market, clock, store)
        self.by_name: dict[str, Listing] = {listing.native_id: listing for listing in self.by_id.values()}
        self._numbers = {name: 100_000 + place for place, name in enumerate(self.by_name)}
        self._indices = {rows.index_name(listing): listing for listing in reversed(self.by_name.values())}
        coins = {coin for i in self.by_name.values() for coin in (i.base, i.settle or i.quote)}
        self._currencies = sorted(coins | {"BTC", "ETH", "USDC", "USDT", "EURR"})
        self.methods: dict[str, Callable[[Call], object]] = {
            "public/get_time": lambda call: call.now_ms,
            "public/status": lambda _: {"locked": "false", "locked_indices": []},
            "public/test": lambda _: {"version": "1.2.26"},
            "public/hello": lambda _: {"version": "1.2.26"},
            "public/get_currencies": lambda _: [rows.currency(coin) for coin in self._currencies],
            "public/get_instruments": self._get_instruments,
            "public/get_instrument": lambda call: self._row(self._instrument(call.params), call.now_ms),
            "public/get_contract_size": self._get_contract_size,
            "public/get_order_book": self._get_order_book,
            "public/ticker": self._ticker,
            "public/get_book_summary_by_currency": self._get_book_summary_by_currency,
            "public/get_book_summary_by_instrument": self._get_book_summary_by_instrument,
            "public/get_last_trades_by_instrument": self._get_last_trades,
            "public/get_last_trades_by_instrument_and_time": self._get_last_trades_and_time,
            "public/get_tradingview_chart_data": self._get_chart,
            "public/get_funding_rate_value": self._get_funding_rate_value,
            "public/get_funding_rate_history": self._get_funding_rate_history,
            "public/get_index_price": self._get_index_price,
            "public/get_index_price_names": lambda _: sorted(self._indices),
            "public/get_supported_index_names": lambda _: sorted(self._indices),
        }
        self._doorkeeper = Doorkeeper(self.exchange.account)
        self.methods["public/auth"] = self._doorkeeper.auth
        self.methods |= OrderReader(self.exchange, self, self._currencies).methods
        self.methods |= MoneyDesk(self.exchange, self, self._currencies, self.accounts).methods
        self.methods |= Wallet(self.exchange, self._currencies).methods

    def set_limits(self, factor: float, clock: Clock = time.monotonic) -> None:
        """Multiply the limits of an account: 5 a second and 20 at once for orders, 20 and 100 for all else."""
        super().set_limits(factor, clock)
        self._credits = Credits(factor, clock)

    # --- transport ---------------------------------------------------------------------------------------------------

    def handle(self, port: str, request: SimRequest) -> SimReply:
        """Answer `/api/v2/<method>` by GET or POST, and JSON-RPC posted to `/api/v2`."""
        if request.path != "/api/v2" and not request.path.startswith("/api/v2/"):
            page = b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>404 Not Found</body>\r\n</html>\r\n"
            return SimReply(page, 404, content_type="text/html")
        identity: object = None
        try:
            method = request.path.removeprefix("/api/v2").strip("/")
            if request.method == "GET":
                params: Params = dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
            else:
                method, params, identity = posted(request.body, method)
            result = self.call(Call(method, params, request.now_ms, self._caller(method, request)))
            return envelope({"result": result}, identity, request.now_ms)
        except RpcError as error:
            return envelope({"error": error.error}, identity, request.now_ms, error.status)

    def call(self, call: Call) -> object:
        """Answer the result of one method. Raises RpcError."""
        answer = self.methods.get(call.method)
        if answer is None:
            raise RpcError(-32601, "Method not found", status=404)
        return answer(call)

    def _caller(self, method: str, request: SimRequest) -> Account | None:
        """Tell who calls a private method, and count the call. Raises RpcError."""
        if not method.startswith("private/"):
            return None
        account = self._doorkeeper.admit(request, method)
        kind, most, per_s = ("matching", 20, 5.0) if method.partition("/")[2] in MATCHING else ("other", 100, 20.0)
        if not self._credits.take(f"{account.owner} {kind}", most, per_s):
            raise RpcError(10028, "too_many_requests")
        return account

    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        """Put a fault in Deribit's codes, or in the words of the Cloudflare edge before it."""
        return faulty(kind, request.now_ms, args)

    # --- instruments -------------------------------------------------------------------------------------------------

    def _instrument(self, params: Params) -> Listing:
        name = text_of(params, "instrument_name")
        listing = self.by_name.get(name)
        if listing is None:
            raise RpcError(13020, "not_found") if _NAME.fullmatch(name) else invalid("instrument_name", "wrong format")
        return listing

    def listing_of(self, params: Params) -> Listing:
        """Find the instrument that a private method names. Raises RpcError."""
        listing = self.by_name.get(text_of(params, "instrument_name"))
        if listing is None:
            raise invalid("instrument_name", "instrument not found")
        return listing

    def settled_in(self, listing: Listing, currency: str) -> bool:
        """Tell whether an instrument belongs to a currency: it settles in it, or is a spot pair with it."""
        return currency == listing.settle or (listing.kind == SPOT and currency in (listing.base, listing.quote))

    def _perpetual(self, params: Params) -> Listing:
        listing = self._instrument(params)
        if listing.kind != PERPETUAL:
            raise invalid("instrument_name", "must be a perpetual instrument")
        return listing

    def _row(self, listing: Listing, now_ms: int) -> Row:
        return rows.instrument(listing, self._numbers[listing.native_id], now_ms)

    def _of_currency(self, params: Params, *, every: bool) -> list[Listing]:
        """Select by settlement currency, and spot pairs by either of theirs; only get_instruments knows `any`."""
        choices = [*self._currencies, *(["any"] if every else [])]
        currency = text_of(params, "currency", choices, "any" if every else None)
        kind = text_of(params, "kind", (*KINDS, "any"), "any")
        return [
            listing
            for listing in self.by_name.values()
            if (currency == "any" or self.settled_in(listing, currency)) and kind in ("any", rows.wire_kind(listing))
        ]

    def _get_instruments(self, call: Call) -> object:
        chosen = self._of_currency(call.params, every=True)
        wanted = not flag_of(call.params, "expired")
        return [row for row in (self._row(i, call.now_ms) for i in chosen) if row["is_active"] is wanted]

    def _get_contract_size(self, call: Call) -> object:
        return {"contract_size": self._row(self._instrument(call.params), call.now_ms)["contract_size"]}

    # --- prices ------------------------------------------------------------------------------------------------------

    def _get_order_book(self, call: Call) -> object:
        listing = self._instrument(call.params)
        depth = integer_of(call.params, "depth", 5)
        if depth not in DEPTHS:
            raise invalid("depth", "must be one of 1, 5, 10, 20, 50, 100, 1000, 10000")
        book = self.market.book(listing, depth, call.now_ms)
        row = rows.ticker(self.market, listing, book, call.now_ms, rows.option_future(listing, self.by_name))
        row["change_id"] = book.sequence
        row["bids"] = _LEVELS.rows(book.bids)
        row["asks"] = _LEVELS.rows(book.asks)
        return row

    def _ticker(self, call: Call) -> object:
        listing = self._instrument(call.params)
        book = self.market.book(listing, 1, call.now_ms)
        return rows.ticker(self.market, listing, book, call.now_ms, rows.option_future(listing, self.by_name))

    def _summary(self, listing: Listing, now_ms: int) -> Row:
        return rows.summary(self.market, listing, now_ms, rows.option_future(listing, self.by_name))

    def _get_book_summary_by_currency(self, call: Call) -> object:
        return [self._summary(listing, call.now_ms) for listing in self._of_currency(call.params, every=False)]

    def _get_book_summary_by_instrument(self, call: Call) -> object:
        return [self._summary(self._instrument(call.params), call.now_ms)]

    def _get_index_price(self, call: Call) -> object:
        listing = self._indices.get(text_of(call.params, "index_name"))
        if listing is None:
            raise invalid("index_name", "wrong format")
        price = self._index_at(listing, call.now_ms)
        return {"index_price": price, "estimated_delivery_price": price}

    # --- trades, candles, funding ------------------------------------------------------------------------------------

    def _trades(self, call: Call, start_ms: int, end_ms: int) -> object:
        listing = self._instrument(call.params)
        count = integer_of(call.params, "count", 10)
        if not 1 <= count <= 1000:
            raise invalid("count", "must be between 1 and 1000")
        found = [t for t in self.market.trades(listing, 1_000, end_ms) if start_ms <= t.time_ms <= end_ms]
        oldest_first = call.params.get("sorting") == "asc"
        shown = found[-count:] if oldest_first else found[:count]
        contract = float(str(self._row(listing, call.now_ms)["contract_size"]))
        older = dict(zip(found, [*found[1:], None], strict=False))
        listed = [rows.trade(self.market, listing, t, older[t], contract) for t in shown]
        return {"trades": listed[::-1] if oldest_first else listed, "has_more": len(found) > count}

    def _get_last_trades(self, call: Call) -> object:
        return self._trades(call, integer_of(call.params, "start_timestamp", 0), call.now_ms)

    def _get_last_trades_and_time(self, call: Call) -> object:
        start_ms = integer_of(call.params, "start_timestamp")
        return self._trades(call, start_ms, min(integer_of(call.params, "end_timestamp", call.now_ms), call.now_ms))

    def _window(self, params: Params) -> tuple[int, int]:
        start_ms, end_ms = integer_of(params, "start_timestamp"), integer_of(params, "end_timestamp")
        if start_ms > end_ms:
            raise invalid("start_timestamp", "must be lower than or equal to end_timestamp")
        return start_ms, end_ms

    def _get_chart(self, call: Call) -> object:
        listing = self._instrument(call.params)
        start_ms, end_ms = self._window(call.params)
        step_ms = RESOLUTIONS_MS[text_of(call.params, "resolution", list(RESOLUTIONS_MS))]
        start_ms = max(start_ms, end_ms - (_MOST_CANDLES - 1) * step_ms)
        candles = self.market.candles(listing, step_ms, start_ms, min(end_ms, call.now_ms))
        usd = listing.inverse
        return {
            "status": "ok" if candles else "no_data",
            "ticks": [c.start_ms for c in candles],
            "open": [float(c.open) for c in candles],
            "high": [float(c.high) for c in candles],
            "low": [float(c.low) for c in candles],
            "close": [float(c.close) for c in candles],
            "volume": [float(c.volume) / (float(c.close) if usd else 1.0) for c in candles],
            "cost": [float(c.volume if usd else c.turnover) for c in candles],
        }

    def _get_funding_rate_value(self, call: Call) -> object:
        listing = self._perpetual(call.params)
        start_ms, end_ms = self._window(call.params)
        return round(sum(float(rate) for _, rate in self.market.funding_history(listing, start_ms + 1, end_ms)), 12)

    def _get_funding_rate_history(self, call: Call) -> object:
        listing = self._perpetual(call.params)
        start_ms, end_ms = self._window(call.params)
        start_ms = max(start_ms, min(end_ms, call.now_ms) - _MOST_FUNDING_ROWS * HOUR_MS + 1)
        settled = self.market.funding_history(listing, start_ms - 8 * HOUR_MS, end_ms)
        rates = [float(rate) for _, rate in settled]
        return [
            {
                "timestamp": at,
                "index_price": self._index_at(listing, at),
                "prev_index_price": self._index_at(listing, at - HOUR_MS),
                "interest_1h": rates[place],
                "interest_8h": round(sum(rates[max(0, place - 7) : place + 1]), 12),
            }
            for place, (at, _) in enumerate(settled)
            if at >= start_ms
        ]

    def _index_at(self, listing: Listing, time_ms: int) -> float | None:
        return known(lambda: rows.number(self.market.index_price(listing, time_ms)))
