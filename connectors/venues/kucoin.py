"""KuCoin: spot and futures, on two hosts.

Sources: docs.kucoin.com, ccxt 4.5.90. Futures sizes are whole contracts worth `multiplier` (−1: 1 USD, inverse);
Bitcoin is XBT there. Books: 20 or 100 levels, on futures also the whole book.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from connectors.base import Capabilities
from connectors.http import Request
from connectors.native_connector import NativeConnector, Payload, levels, meant, told_number
from domain.books import Book
from domain.errors import Maintenance, NotListed
from domain.funding import Funding, FundingPoint
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from domain.money import to_decimal_or_none
from domain.quotes import Quote
from domain.time import MS_PER_HOUR, NS_PER_MS, read_ms

if TYPE_CHECKING:
    from connectors.ccxt_markets import Market

_SPOT = "https://api.kucoin.com/api/v1"
_FUTURES = "https://api-futures.kucoin.com/api/v1"
_WHOLE = 10_000  # stands for the whole book, which has no number at the venue
# Path and weight by depth. The futures pool is half the spot pool, so its weights count twice.
_SPOT_BOOKS = {20: ("level2_20", 2), 100: ("level2_100", 4)}
_FUTURES_BOOKS = {20: ("depth20", 10), 100: ("depth100", 20), _WHOLE: ("snapshot", 6)}


class Kucoin(NativeConnector):
    """KuCoin's public data."""

    exchange = "kucoin"
    trading_class = "connectors.venues.kucoin_orders:KucoinTrading"
    market_groups = tuple(
        {"fetchMarkets": {"types": types}, "uta": False, "hf": True} for types in (["spot"], ["swap", "future"])
    )
    market_cost = 20.0
    capabilities = Capabilities(
        kinds=frozenset({SPOT, PERPETUAL, FUTURE}),
        book_depths={"spot": tuple(_SPOT_BOOKS), "futures": tuple(_FUTURES_BOOKS)},
        max_depth=_WHOLE,
        funding=True,
        predicted_funding=True,
        funding_history=True,
        needs_passphrase=True,
        requests_per_minute=4000,
        fee_source="venue instrument list (base tier)",
        notes="no test environment; spot books have at most 100 levels without keys, futures books are whole above 100",
    )
    error_codes: ClassVar = {"503": Maintenance, "900001": NotListed}

    def product(self, market: "Market") -> str | None:
        """Name the section: spot or futures."""
        return "spot" if market["spot"] else "futures"

    def book_request(self, instrument: Instrument, depth: int) -> Request:
        """Ask the part of the book that has the depth."""
        if instrument.product == "spot":
            path, cost = _SPOT_BOOKS[depth]
            return self.get(f"{_SPOT}/market/orderbook/{path}?symbol={instrument.native_id}", cost)
        path, cost = _FUTURES_BOOKS[depth]
        return self.get(f"{_FUTURES}/level2/{path}?symbol={instrument.native_id}", cost)

    @staticmethod
    def parse_book(payload: Payload, instrument: Instrument, received_at_ns: int) -> Book:
        """Read a book; its time is `time` in ms on spot, and `ts` in ns on futures."""
        row = payload["data"]
        meant(row.get("symbol"), instrument)  # futures alone tell it
        return Book(
            venue=instrument.venue,
            symbol=instrument.symbol,
            bids=levels(row["bids"], instrument),
            asks=levels(row["asks"], instrument),
            received_at_ns=received_at_ns,
            venue_time_ns=read_ms(row["time"]) * NS_PER_MS if "time" in row else _exactly_ns(row["ts"]),
            sequence=int(row["sequence"]),
        )

    def fetch_quote(self, instrument: Instrument) -> Quote:
        """Ask spot's level 1; on futures a book, because the ticker's time there is that of the last trade."""
        if instrument.product != "spot":
            return super().fetch_quote(instrument)
        request = self.get(f"{_SPOT}/market/orderbook/level1?symbol={instrument.native_id}", 2)
        names = ("bestBid", "bestBidSize", "bestAsk", "bestAskSize")

        def parse(payload: Payload, received_at_ns: int) -> Quote:
            row = payload["data"]
            if row is None:
                raise NotListed(f"{self.venue} does not list {instrument.native_id}.", venue=self.venue)
            moment_ns = read_ms(row["time"]) * NS_PER_MS
            return self.quote(instrument, received_at_ns, moment_ns, *(row[name] for name in names))

        return self.read(request, parse)

    def funding_requests(self, instrument: Instrument) -> Sequence[Request]:
        """Ask for the rate, and for the contract, which has mark and index price."""
        return (
            self.get(f"{_FUTURES}/funding-rate/{instrument.native_id}/current", 4),
            self.get(f"{_FUTURES}/contracts/{instrument.native_id}", 6),
        )

    @staticmethod
    def parse_funding(payloads: Sequence[Payload], instrument: Instrument, received_at_ns: int) -> Funding:
        """Read the running rate for `fundingTime`, the one predicted after it, and `granularity` (ms)."""
        row, contract = (payload["data"] for payload in payloads)
        meant(contract["symbol"], instrument)
        rate = row.get("nextFundingRate")
        granularity, coming = row.get("granularity"), row.get("fundingTime")
        return Funding(
            venue=instrument.venue,
            symbol=instrument.symbol,
            current=to_decimal_or_none(row["value"] if rate is None else rate),
            predicted=to_decimal_or_none(row.get("predictedValue")),
            interval_h=Decimal(read_ms(granularity)) / MS_PER_HOUR if granularity else None,
            next_time_ms=read_ms(coming) if coming else None,
            continuous=False,
            mark_price=to_decimal_or_none(contract.get("markPrice")),
            index_price=to_decimal_or_none(contract.get("indexPrice")),
            received_at_ns=received_at_ns,
        )

    def history_request(self, instrument: Instrument, since_ms: int, until_ms: int) -> Request:
        """Ask for the rates within a span; a page holds the latest of them."""
        query = f"symbol={instrument.native_id}&from={since_ms}&to={until_ms}"
        return self.get(f"{_FUTURES}/contract/funding-rates?{query}", 10)

    @staticmethod
    def parse_history(payload: Payload) -> list[FundingPoint]:
        """Read settled rates; no list means none."""
        found = []
        for row in payload["data"] or []:
            rate = to_decimal_or_none(row["fundingRate"])
            if rate is not None:
                found.append(FundingPoint(read_ms(row["timepoint"]), rate))
        return found

    def clock_request(self) -> Request:
        """Ask the spot section's clock."""
        return self.get(f"{_SPOT}/timestamp", 3)

    @staticmethod
    def parse_clock(payload: Payload) -> int:
        """Read the time."""
        return read_ms(payload["data"])

    @staticmethod
    def is_error(payload: Payload) -> bool:
        """Tell an envelope with a code other than 200000."""
        return str(payload["code"]) not in ("200000", "200")

    def fetch_maintenance(self) -> str | None:
        """Ask the status of the spot section: open, close or cancelonly."""

        def parse(payload: Payload, _: int) -> str | None:
            row = payload["data"]
            return None if row["status"] == "open" else f"{row['status']}: {row.get('msg') or 'no reason given'}"

        return self.read(self.get(f"{_SPOT}/status", 3), parse)

    def usage(self, url: str, headers: Mapping[str, str]) -> tuple[float, float, float] | None:
        """Read what is left of the pool of 30 seconds."""
        del url
        limit, left = (told_number(headers, f"gw-ratelimit-{name}") for name in ("limit", "remaining"))
        return None if limit is None or left is None else (limit - left, limit, 30.0)

    def wait_s(self, headers: Mapping[str, str], now_ms: int) -> float | None:
        """Read how long the pool takes to be full again (milliseconds)."""
        del now_ms
        wait_ms = told_number(headers, "gw-ratelimit-reset")
        return None if wait_ms is None else wait_ms / 1000

    def base_urls(self) -> list[str]:
        """List both sections' hosts."""
        return self.reached((_SPOT, _FUTURES))


def _exactly_ns(value: object) -> int:
    """Read an instant in nanoseconds, every digit of it."""
    return read_ms(value, NS_PER_MS) * NS_PER_MS + int(str(value)) % NS_PER_MS
