"""OKX: spot, perpetuals, dated futures and options.

Sources: okx.com/docs-v5, ccxt 4.5.90. Sizes of contracts are numbers of contracts, worth `ctVal` × `ctMult`.
Options are counted in the base coin and priced in it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from connectors.base import Capabilities
from connectors.http import Request
from connectors.native_connector import NativeConnector, Payload, levels, meant
from domain.books import Book
from domain.errors import Maintenance, RateLimited, Unavailable
from domain.funding import Funding, FundingPoint
from domain.instruments import KINDS, OPTION, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.time import MS_PER_HOUR, NS_PER_MS, read_ms

if TYPE_CHECKING:
    from connectors.ccxt_markets import Market

_URL = "https://www.okx.com/api/v5"
_LARGEST_BOOK = 400
_DEPTHS = (1, 5, 20, 50, 100, _LARGEST_BOOK, 1000, 5000)  # any number will do; above 400 by "books-full"
_PAGE = 100


class Okx(NativeConnector):
    """OKX's public data."""

    exchange = "okx"
    trading_class = "connectors.venues.okx_orders:OkxTrading"
    market_groups = (
        *({"fetchMarkets": {"types": [section]}} for section in ("spot", "swap", "future")),
        *(
            {"fetchMarkets": {"types": ["option"]}, "defaultUnderlying": [underlying]}
            for underlying in ("BTC-USD", "ETH-USD")
        ),
    )
    market_cost = 2.0
    trades_cost = 1.0
    capabilities = Capabilities(
        kinds=frozenset(KINDS),
        book_depths=dict.fromkeys(("SPOT", "SWAP", "FUTURES", "OPTION"), _DEPTHS),
        max_depth=_DEPTHS[-1],
        funding=True,
        funding_history=True,
        testnet_hosts={"www.okx.com": "https://www.okx.com"},
        testnet_headers={"x-simulated-trading": "1"},
        needs_passphrase=True,
        requests_per_minute=600,
        burst=15,  # the tightest window of what is read here is 20 in 2 s
        fee_source="the venue's published base tier, as ccxt records it",
        notes="the test environment is OKX's demo trading, on the same host; the next funding rate is seldom told",
    )
    error_codes: ClassVar = {"50001": Maintenance, "50061": RateLimited, "50013": Unavailable, "50026": Unavailable}

    def older_trades(self, instrument: Instrument, before_ms: int) -> Mapping[str, str] | None:
        """Page backwards by time (docs: market/history-trades, type 2: three months); options have no pages."""
        if instrument.kind == OPTION:
            return None
        return {"method": "publicGetMarketHistoryTrades", "type": "2", "after": str(before_ms + 1), "limit": "100"}

    def product(self, market: "Market") -> str | None:
        """Name the section by OKX's `instType`."""
        return str(market["info"]["instType"])

    def wire_unit(self, market: "Market") -> Decimal:
        """Multiply contract value and multiplier; ccxt's contract size leaves the multiplier of options out."""
        if market["spot"]:
            return Decimal(1)
        info = market["info"]
        return to_decimal(info["ctVal"]) * (to_decimal_or_none(info.get("ctMult")) or 1)

    def book_request(self, instrument: Instrument, depth: int) -> Request:
        """Ask `books` (up to 400 levels, 40 requests in 2 s), or `books-full` (10 in 2 s)."""
        path, cost = ("books", 1) if depth <= _LARGEST_BOOK else ("books-full", 4)
        return self.get(f"{_URL}/market/{path}?instId={instrument.native_id}&sz={depth}", cost)

    @staticmethod
    def parse_book(payload: Payload, instrument: Instrument, received_at_ns: int) -> Book:
        """Read a book: rows `[price, size, "0", orders]`, `ts` in ms, `seqId` where given."""
        row = payload["data"][0]
        sequence = row.get("seqId")
        return Book(
            venue=instrument.venue,
            symbol=instrument.symbol,
            bids=levels(row["bids"], instrument),
            asks=levels(row["asks"], instrument),
            received_at_ns=received_at_ns,
            venue_time_ns=read_ms(row["ts"]) * NS_PER_MS,
            sequence=None if sequence is None else int(sequence),
        )

    def funding_requests(self, instrument: Instrument) -> Sequence[Request]:
        """Ask for the rates, and for mark and index price, which OKX tells elsewhere."""
        identity, index = instrument.native_id, "-".join(instrument.native_id.split("-")[:2])
        return (
            self.get(f"{_URL}/public/funding-rate?instId={identity}", 2),
            self.get(f"{_URL}/public/mark-price?instType={instrument.product}&instId={identity}", 2),
            self.get(f"{_URL}/market/index-tickers?instId={index}", 2),
        )

    @staticmethod
    def parse_funding(payloads: Sequence[Payload], instrument: Instrument, received_at_ns: int) -> Funding:
        """Read `funding-rate`: the interval is the distance of the coming settlement to the one after it.

        `nextFundingRate` is empty under today's `method` (`current_period`), so no prediction is promised.
        """
        rates, mark, index = (payload["data"] for payload in payloads)
        row = rates[0]
        for told in (row, *mark[:1]):
            meant(told["instId"], instrument)
        coming, after = read_ms(row["fundingTime"]), row.get("nextFundingTime")
        return Funding(
            venue=instrument.venue,
            symbol=instrument.symbol,
            current=to_decimal_or_none(row["fundingRate"]),
            predicted=to_decimal_or_none(row.get("nextFundingRate")),
            interval_h=Decimal(read_ms(after) - coming) / MS_PER_HOUR if after else None,
            next_time_ms=coming,
            continuous=False,
            mark_price=to_decimal_or_none(mark[0]["markPx"]) if mark else None,
            index_price=to_decimal_or_none(index[0]["idxPx"]) if index else None,
            received_at_ns=received_at_ns,
        )

    def history_request(self, instrument: Instrument, since_ms: int, until_ms: int) -> Request:
        """Ask for the rates settled before a moment, newest first; OKX keeps about three months."""
        del since_ms
        query = f"instId={instrument.native_id}&after={until_ms + 1}&limit={_PAGE}"
        return self.get(f"{_URL}/public/funding-rate-history?{query}", 2)

    @staticmethod
    def parse_history(payload: Payload) -> list[FundingPoint]:
        """Read the rates that were really paid (`realizedRate`)."""
        return [
            FundingPoint(read_ms(row["fundingTime"]), to_decimal(row.get("realizedRate") or row["fundingRate"]))
            for row in payload["data"]
        ]

    def clock_request(self) -> Request:
        """Ask the venue's time."""
        return self.get(f"{_URL}/public/time", 2)

    @staticmethod
    def parse_clock(payload: Payload) -> int:
        """Read `ts`."""
        return read_ms(payload["data"][0]["ts"])

    @staticmethod
    def is_error(payload: Payload) -> bool:
        """Tell an envelope with a code other than 0."""
        return str(payload["code"]) != "0"

    def fetch_maintenance(self) -> str | None:
        """Ask for maintenance that is going on."""
        request = self.get(f"{_URL}/system/status?state=ongoing", 2)
        return self.read(request, lambda row, _: "; ".join(str(item["title"]) for item in row["data"]) or None)

    def base_urls(self) -> list[str]:
        """List the one host."""
        return self.reached([_URL])
