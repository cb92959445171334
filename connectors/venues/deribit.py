"""Deribit: inverse and linear perpetuals and futures, options, spot.

Sources: docs.deribit.com, ccxt 4.5.90. Every size is an amount: USD on inverse contracts, base coins elsewhere; never
multiply it by the contract size. Inverse options are priced in the base coin. Perpetuals pay funding continuously.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from connectors.base import Capabilities
from connectors.http import Request
from connectors.native_connector import NativeConnector, Payload, levels, meant
from domain.books import Book
from domain.errors import NotListed, RateLimited, Unavailable
from domain.funding import Funding, FundingPoint
from domain.instruments import KINDS, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.time import MS_PER_DAY, MS_PER_HOUR, NS_PER_MS, read_ms

if TYPE_CHECKING:
    from connectors.ccxt_markets import Market

_URL = "https://www.deribit.com/api/v2/public"
_DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10000)
_RATE_INTERVAL_H = Decimal(8)
"""Deribit states its continuous rate per 8 hours."""
_HISTORY_INTERVAL_H = Decimal(1)
_HISTORY_SPAN_MS = 30 * MS_PER_DAY  # at most 744 hourly rows an answer


class Deribit(NativeConnector):
    """Deribit's public data."""

    exchange = "deribit"
    trading_class = "connectors.venues.deribit_orders:DeribitTrading"
    capabilities = Capabilities(
        kinds=frozenset(KINDS),
        book_depths=dict.fromkeys(("future", "option", "spot"), _DEPTHS),
        max_depth=_DEPTHS[-1],
        funding=True,
        funding_history=True,
        continuous_funding=True,
        testnet_hosts={"www.deribit.com": "https://test.deribit.com"},
        requests_per_minute=1200,
        fee_source="venue instrument list",
        notes="funding is continuous; the rate is per 8 hours, its history hourly",
    )
    error_codes: ClassVar = {"13020": NotListed, "13028": Unavailable, "10066": RateLimited}

    def product(self, market: "Market") -> str | None:
        """Name Deribit's `kind` (combos are no instruments of ours: they have no canonical symbol)."""
        return str(market["info"]["kind"])

    def wire_unit(self, market: "Market") -> Decimal:
        """Count as Deribit does: amounts, not contracts."""
        del market
        return Decimal(1)

    def book_request(self, instrument: Instrument, depth: int) -> Request:
        """Ask `get_order_book`."""
        return self.get(f"{_URL}/get_order_book?instrument_name={instrument.native_id}&depth={depth}")

    @staticmethod
    def parse_book(payload: Payload, instrument: Instrument, received_at_ns: int) -> Book:
        """Read a book; `change_id` is the sequence, `timestamp` in ms."""
        row = payload["result"]
        meant(row["instrument_name"], instrument)
        return Book(
            venue=instrument.venue,
            symbol=instrument.symbol,
            bids=levels(row["bids"], instrument),
            asks=levels(row["asks"], instrument),
            received_at_ns=received_at_ns,
            venue_time_ns=read_ms(row["timestamp"]) * NS_PER_MS,
            sequence=int(row["change_id"]),
        )

    def funding_requests(self, instrument: Instrument) -> Sequence[Request]:
        """Ask `ticker`, which has everything."""
        return (self.get(f"{_URL}/ticker?instrument_name={instrument.native_id}"),)

    @staticmethod
    def parse_funding(payloads: Sequence[Payload], instrument: Instrument, received_at_ns: int) -> Funding:
        """Read `current_funding`, the rate that is being paid; it has no settlement and no successor."""
        row = payloads[0]["result"]
        meant(row["instrument_name"], instrument)
        return Funding(
            venue=instrument.venue,
            symbol=instrument.symbol,
            current=to_decimal_or_none(row["current_funding"]),
            predicted=None,
            interval_h=_RATE_INTERVAL_H,
            next_time_ms=None,
            continuous=True,
            mark_price=to_decimal_or_none(row.get("mark_price")),
            index_price=to_decimal_or_none(row.get("index_price")),
            received_at_ns=received_at_ns,
        )

    def history_request(self, instrument: Instrument, since_ms: int, until_ms: int) -> Request:
        """Ask for the hourly rates of at most a month."""
        start_ms = max(since_ms, until_ms - _HISTORY_SPAN_MS)
        query = f"instrument_name={instrument.native_id}&start_timestamp={start_ms}&end_timestamp={until_ms}"
        return self.get(f"{_URL}/get_funding_rate_history?{query}")

    @staticmethod
    def parse_history(payload: Payload) -> list[FundingPoint]:
        """Read what each hour has paid (`interest_1h`)."""
        return [
            FundingPoint(read_ms(row["timestamp"]), to_decimal(row["interest_1h"]), _HISTORY_INTERVAL_H)
            for row in payload["result"]
        ]

    def older_trades(self, instrument: Instrument, before_ms: int) -> Mapping[str, int]:
        """Page backwards by time (docs: public/get_last_trades_by_instrument_and_time)."""
        del instrument
        return {"start_timestamp": before_ms - 24 * MS_PER_HOUR, "until": before_ms}

    def clock_request(self) -> Request:
        """Ask the venue's time."""
        return self.get(f"{_URL}/get_time")

    @staticmethod
    def parse_clock(payload: Payload) -> int:
        """Read the time."""
        return read_ms(payload["result"])

    @staticmethod
    def is_error(payload: Payload) -> bool:
        """Tell a JSON-RPC error."""
        return "error" in payload or "result" not in payload

    def fetch_maintenance(self) -> str | None:
        """Ask which of the venue's indices are locked."""

        def parse(payload: Payload, _: int) -> str | None:
            row = payload["result"]
            if str(row.get("locked", "false")).lower() == "false":
                return None
            return (
                f"locked: {', '.join(map(str, row.get('locked_indices') or row.get('locked_currencies') or ['all']))}"
            )

        return self.read(self.get(f"{_URL}/status"), parse)

    def base_urls(self) -> list[str]:
        """List the one host."""
        return self.reached([_URL])
