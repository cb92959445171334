"""Bybit v5: spot, USDT and USDC contracts, inverse contracts, options.

Sources: bybit-exchange.github.io/docs/v5, ccxt 4.5.90. Errors come with HTTP 200 and a `retCode`; sizes of inverse
contracts are in USD.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from connectors.base import Capabilities
from connectors.http import Request
from connectors.native_connector import NativeConnector, Payload, levels, meant, not_listed, told_number
from domain.books import Book
from domain.errors import Maintenance, NotListed, RateLimited, Unavailable
from domain.funding import Funding, FundingPoint
from domain.instruments import KINDS, OPTION, SPOT, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.time import NS_PER_MS, read_ms

if TYPE_CHECKING:
    from connectors.ccxt_markets import Market

_URL = "https://api.bybit.com/v5/market"
_CONTRACT_DEPTHS = (1, 10, 25, 50, 100, 200, 500)
_OPTION_COINS = ("BTC", "ETH", "SOL", "XRP", "MNT", "DOGE")
_PAGE = 200


class Bybit(NativeConnector):
    """Bybit's public data."""

    exchange = "bybit"
    trading_class = "connectors.venues.bybit_orders:BybitTrading"
    market_groups = (
        *({"fetchMarkets": {"types": [section]}} for section in ("spot", "linear", "inverse")),
        *(
            # Without it the list ends at the first page.
            {"fetchMarkets": {"types": ["option"], "options": [coin], "loadAllOptions": True}}
            for coin in _OPTION_COINS
        ),
    )
    capabilities = Capabilities(
        kinds=frozenset(KINDS),
        book_depths={
            "spot": (1, 10, 50, 100, 200),  # any number up to the last will do, on each
            "linear": _CONTRACT_DEPTHS,
            "inverse": _CONTRACT_DEPTHS,
            "option": (1, 10, 25),
        },
        max_depth=500,
        funding=True,
        funding_history=True,
        testnet_hosts={"api.bybit.com": "https://api-testnet.bybit.com"},
        requests_per_minute=7200,
        fee_source="the venue's base tier, as ccxt records it",
    )
    error_codes: ClassVar = {
        "10000": Unavailable,
        "10016": Unavailable,
        "10019": Maintenance,
        "10429": RateLimited,
        "170121": NotListed,
    }

    def product(self, market: "Market") -> str | None:
        """Name the `category`."""
        if market["option"]:
            return "option"
        return "spot" if market["spot"] else "linear" if market["linear"] else "inverse"

    def wire_unit(self, market: "Market") -> Decimal:
        """Count as Bybit does: base coins, and USD on inverse contracts (ccxt's contract size is a minimum there)."""
        del market
        return Decimal(1)

    def book_request(self, instrument: Instrument, depth: int) -> Request:
        """Ask `orderbook`."""
        return self.get(f"{_URL}/orderbook?{self._named(instrument)}&limit={depth}")

    @staticmethod
    def parse_book(payload: Payload, instrument: Instrument, received_at_ns: int) -> Book:
        """Read `b` and `a`, `u`, and `cts`, when the matching engine made the book (ms).

        Options are quiet for minutes while their quotes stand, so theirs is `ts`, when the answer was made.
        """
        row = payload["result"]
        meant(row["s"], instrument)
        return Book(
            venue=instrument.venue,
            symbol=instrument.symbol,
            bids=levels(row["b"], instrument),
            asks=levels(row["a"], instrument),
            received_at_ns=received_at_ns,
            venue_time_ns=read_ms(row["ts" if instrument.kind == OPTION or not row.get("cts") else "cts"]) * NS_PER_MS,
            sequence=int(row["u"]),
        )

    def funding_requests(self, instrument: Instrument) -> Sequence[Request]:
        """Ask `tickers`, which has everything, the interval as it is now included."""
        return (self.get(f"{_URL}/tickers?{self._named(instrument)}"),)

    @staticmethod
    def parse_funding(payloads: Sequence[Payload], instrument: Instrument, received_at_ns: int) -> Funding:
        """Read the ticker: `fundingRate` is the running rate for `nextFundingTime`."""
        rows = payloads[0]["result"]["list"]
        if not rows:
            raise not_listed("bybit", instrument)
        row = rows[0]
        meant(row["symbol"], instrument)
        coming = row.get("nextFundingTime")
        return Funding(
            venue=instrument.venue,
            symbol=instrument.symbol,
            current=to_decimal_or_none(row["fundingRate"]),
            predicted=None,
            interval_h=to_decimal_or_none(row.get("fundingIntervalHour")),
            next_time_ms=read_ms(coming) or None if coming else None,
            continuous=False,
            mark_price=to_decimal_or_none(row.get("markPrice")),
            index_price=to_decimal_or_none(row.get("indexPrice")),
            received_at_ns=received_at_ns,
        )

    def history_request(self, instrument: Instrument, since_ms: int, until_ms: int) -> Request:
        """Ask for the latest rates before a moment (a start without an end is an error at Bybit)."""
        del since_ms
        return self.get(f"{_URL}/funding/history?{self._named(instrument)}&endTime={until_ms}&limit={_PAGE}")

    @staticmethod
    def parse_history(payload: Payload) -> list[FundingPoint]:
        """Read settled rates."""
        return [
            FundingPoint(read_ms(row["fundingRateTimestamp"]), to_decimal(row["fundingRate"]))
            for row in payload["result"]["list"]
        ]

    def clock_request(self) -> Request:
        """Ask the venue's time."""
        return self.get(f"{_URL}/time")

    @staticmethod
    def parse_clock(payload: Payload) -> int:
        """Read the envelope's `time`."""
        return read_ms(payload["time"])

    @staticmethod
    def is_error(payload: Payload) -> bool:
        """Tell an envelope with a `retCode` other than 0, or without any."""
        return str(payload["retCode"]) != "0"

    def fetch_maintenance(self) -> str | None:
        """Ask for maintenance that is going on."""
        request = self.get("https://api.bybit.com/v5/system/status")
        return self.read(
            request,
            lambda row, _: (
                "; ".join(str(item["title"]) for item in row["result"]["list"] if item.get("state") == "ongoing")
                or None
            ),
        )

    def wait_s(self, headers: Mapping[str, str], now_ms: int) -> float | None:
        """Read until when the endpoint's limit lasts (epoch milliseconds)."""
        moment = told_number(headers, "x-bapi-limit-reset-timestamp")
        return None if moment is None else max(0.0, (moment - now_ms) / 1000)

    def base_urls(self) -> list[str]:
        """List the one host."""
        return self.reached([_URL])

    @staticmethod
    def _named(instrument: Instrument) -> str:
        category = instrument.product or {SPOT: "spot", OPTION: "option"}.get(instrument.kind, "linear")
        return f"category={category}&symbol={instrument.native_id}"
