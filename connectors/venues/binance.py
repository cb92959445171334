"""Binance: spot, USDⓈ-M and COIN-M.

Sources: developers.binance.com/docs, ccxt 4.5.90. The three sections have hosts and paths of their own; budgets are
per section at the venue (6,000 a minute on spot, 2,400 on futures) and one at ours, so futures weights count 2.5 times.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from connectors.base import Capabilities
from connectors.http import Request
from connectors.native_connector import NativeConnector, Payload, levels, meant, told_number
from domain.books import Book
from domain.funding import Funding, FundingPoint
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.quotes import Quote
from domain.time import NS_PER_MS, read_ms

if TYPE_CHECKING:
    from connectors.ccxt_markets import Market

_BASE = {
    "spot": "https://api.binance.com/api/v3",
    "linear": "https://fapi.binance.com/fapi/v1",
    "inverse": "https://dapi.binance.com/dapi/v1",
}
_FUTURES_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_SPOT_WEIGHT = ((100, 5), (500, 25), (1000, 50), (5000, 250))
_FUTURES_WEIGHT = ((50, 2), (100, 5), (500, 10), (1000, 20))
_FUTURES_SHARE = 2.5
_SPOT_LIMIT = 6000
_DEFAULT_INTERVAL_H = 8  # "fundingInfo" lists only the symbols that differ from it
_PAGE = 1000


class Binance(NativeConnector):
    """Binance's public data."""

    exchange = "binance"
    trading_class = "connectors.venues.binance_orders:BinanceTrading"
    market_groups = tuple(
        {"fetchMarkets": {"types": [section]}, "fetchMargins": False} for section in ("spot", "linear", "inverse")
    )
    market_cost = 20.0
    candle_page = 499  # the most that futures answer at a weight of 2
    capabilities = Capabilities(
        kinds=frozenset({SPOT, PERPETUAL, FUTURE}),
        book_depths={"linear": _FUTURES_DEPTHS, "inverse": _FUTURES_DEPTHS},
        max_depth=5000,
        funding=True,
        funding_history=True,
        testnet_hosts={
            "api.binance.com": "https://demo-api.binance.com",
            "fapi.binance.com": "https://demo-fapi.binance.com",
            "dapi.binance.com": "https://demo-dapi.binance.com",
        },
        requests_per_minute=_SPOT_LIMIT,
        burst=_SPOT_LIMIT // 2,  # it counts whole minutes; a list of all open orders takes 300 of them
        fee_source="the venue's published base tier, as ccxt records it",
        notes="the test environment is Binance's demo trading; its keys are made there",
    )
    history_forward = True

    def product(self, market: "Market") -> str | None:
        """Name the section: spot, linear or inverse."""
        return "spot" if market["spot"] else "linear" if market["linear"] else "inverse"

    def book_request(self, instrument: Instrument, depth: int) -> Request:
        """Ask the section's `depth`."""
        spot = instrument.product == "spot"
        cost = next(weight for most, weight in (_SPOT_WEIGHT if spot else _FUTURES_WEIGHT) if depth <= most)
        return self._ask(instrument, f"/depth?symbol={instrument.native_id}&limit={depth}", cost)

    @staticmethod
    def parse_book(payload: Payload, instrument: Instrument, received_at_ns: int) -> Book:
        """Read `depth`; spot answers carry no time, futures have `T`, the time of the last change (ms)."""
        meant(payload.get("symbol"), instrument)  # COIN-M alone tells it
        changed = payload.get("T")
        return Book(
            venue=instrument.venue,
            symbol=instrument.symbol,
            bids=levels(payload["bids"], instrument),
            asks=levels(payload["asks"], instrument),
            received_at_ns=received_at_ns,
            venue_time_ns=None if changed is None else read_ms(changed) * NS_PER_MS,
            sequence=int(payload["lastUpdateId"]),
        )

    def fetch_quote(self, instrument: Instrument) -> Quote:
        """Ask for the best bid and ask; on spot `bookTicker` is cheaper than a book, which has no time there either."""
        if instrument.product != "spot":
            return super().fetch_quote(instrument)
        request = self._ask(instrument, f"/ticker/bookTicker?symbol={instrument.native_id}", 2)

        def parse(row: Payload, received_at_ns: int) -> Quote:
            meant(row["symbol"], instrument)
            numbers = (row[name] for name in ("bidPrice", "bidQty", "askPrice", "askQty"))
            return self.quote(instrument, received_at_ns, None, *numbers)

        return self.read(request, parse)

    def funding_requests(self, instrument: Instrument) -> Sequence[Request]:
        """Ask for the running rate, and for the intervals that differ from the usual one."""
        return (
            self._ask(instrument, f"/premiumIndex?symbol={instrument.native_id}", 1),
            self._ask(instrument, "/fundingInfo", 1),
        )

    @staticmethod
    def parse_funding(payloads: Sequence[Payload], instrument: Instrument, received_at_ns: int) -> Funding:
        """Read `premiumIndex`, whose `lastFundingRate` is the running estimate for `nextFundingTime`."""
        index, intervals = payloads
        row = index[0] if isinstance(index, list) else index
        meant(row["symbol"], instrument)
        interval = next(
            (item["fundingIntervalHours"] for item in intervals if item["symbol"] == instrument.native_id),
            _DEFAULT_INTERVAL_H,
        )
        return Funding(
            venue=instrument.venue,
            symbol=instrument.symbol,
            current=to_decimal_or_none(row["lastFundingRate"]),
            predicted=None,
            interval_h=to_decimal(interval),
            next_time_ms=read_ms(row["nextFundingTime"]) or None,
            continuous=False,
            mark_price=to_decimal_or_none(row.get("markPrice")),
            index_price=to_decimal_or_none(row.get("indexPrice")),
            received_at_ns=received_at_ns,
        )

    def history_request(self, instrument: Instrument, since_ms: int, until_ms: int) -> Request:
        """Ask for settled rates; a page holds the oldest of what was asked for."""
        query = f"symbol={instrument.native_id}&startTime={since_ms}&endTime={until_ms}&limit={_PAGE}"
        return self._ask(instrument, f"/fundingRate?{query}", 1)

    @staticmethod
    def parse_history(payload: Payload) -> list[FundingPoint]:
        """Read `fundingRate` rows."""
        return [FundingPoint(read_ms(row["fundingTime"]), to_decimal(row["fundingRate"])) for row in payload]

    def clock_request(self) -> Request:
        """Ask the spot section's clock."""
        return self.get(f"{_BASE['spot']}/time")

    @staticmethod
    def parse_clock(payload: Payload) -> int:
        """Read `serverTime`."""
        return read_ms(payload["serverTime"])

    @staticmethod
    def is_error(payload: Payload) -> bool:
        """Tell an error object (`code`, `msg`) from data."""
        return isinstance(payload, dict) and "code" in payload and "msg" in payload

    def fetch_maintenance(self) -> str | None:
        """Ask the system status (it covers spot and margin)."""
        request = self.get("https://api.binance.com/sapi/v1/system/status")
        return self.read(request, lambda row, _: None if row["status"] == 0 else str(row["msg"]))

    def usage(self, url: str, headers: Mapping[str, str]) -> tuple[float, float, float] | None:
        """Read the weight used in this minute; futures have a pool of their own."""
        used = told_number(headers, "x-mbx-used-weight-1m")
        limit = _SPOT_LIMIT if url.startswith(_BASE["spot"]) else _SPOT_LIMIT / _FUTURES_SHARE
        return None if used is None else (used, limit, 60.0)

    def base_urls(self) -> list[str]:
        """List the three sections' hosts."""
        return self.reached(_BASE.values())

    def _ask(self, instrument: Instrument, path: str, weight: float) -> Request:
        section = instrument.product or "spot"
        return self.get(_BASE[section] + path, weight if section == "spot" else weight * _FUTURES_SHARE)
