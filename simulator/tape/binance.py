"""Binance: depth snapshots and diff streams, spot (October 2021) and USDⓈ-M futures (July 2021)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from simulator.market.model import FUTURE, PERPETUAL, SPOT, Listing, Trade
from simulator.tape.dialect import Change, Dialect, Event, Levels, Link, Traded, by_numbers, row_items
from simulator.tape.recording import Message

_MULTIPLIED = re.compile(r"(10{3,})[A-Z]\w*")


class BinanceSpot(Dialect):
    """Updates `U`…`u`: the first after a snapshot spans `lastUpdateId + 1`, each next one starts where it ended.

    Source: "How to manage a local order book correctly", Binance spot API documentation.
    """

    venue: ClassVar[str] = "binance"
    prefix: ClassVar[str] = "BINANCE"

    def listings(self, message: Message) -> Iterable[Listing]:
        """Read exchangeInfo."""
        if not urlsplit(message.url).path.endswith("/exchangeInfo") or not isinstance(message.payload, dict):
            return []
        return [self._listing(row) for row in message.payload["symbols"]]

    def _listing(self, row: dict[str, Any]) -> Listing:
        price, lot, notional = _filters(row)
        return Listing(
            self.venue, "spot", row["symbol"], SPOT, row["baseAsset"], row["quoteAsset"], row["quoteAsset"],
            price["tickSize"], lot["stepSize"], lot["minQty"], notional.get("minNotional", ""),
            multiplier=_multiplier(row["baseAsset"]), maker_fee="0.001", taker_fee="0.001", extra=row_items(row),
        )  # fmt: skip

    def events(self, message: Message, listings: Mapping[str, Listing]) -> Iterable[Event]:
        """Read depth snapshots, `depthUpdate` and `aggTrade`."""
        payload = message.payload
        if not isinstance(payload, dict):
            return []
        if message.url:
            return [_snapshot(message.url, message.at_ms, payload)] if "lastUpdateId" in payload else []
        data = payload.get("data", {})
        if data.get("e") == "depthUpdate":
            bids, asks = _levels(data["b"]), _levels(data["a"])
            return [Change(data["s"], message.at_ms, False, bids, asks, data["U"], data["u"], data.get("pu"))]
        if data.get("e") == "aggTrade":
            side = "sell" if data["m"] else "buy"
            return [Traded(data["s"], message.at_ms, Trade(data["a"], data["T"], data["p"], data["q"], side))]
        return []

    def link(self, sequence: int | None, fresh: bool, change: Change) -> Link:
        """Follow `U` and `u`."""
        return by_numbers(sequence, change, overlap=fresh)


class BinanceFutures(BinanceSpot):
    """Updates name the one before as `pu`; the first after a snapshot spans `lastUpdateId` itself.

    Source: "How to manage a local order book correctly", Binance USDⓈ-M futures API documentation.
    """

    prefix: ClassVar[str] = "BINANCE_FUTURES"

    def _listing(self, row: dict[str, Any]) -> Listing:
        price, lot, notional = _filters(row)
        dated = "_" in row["symbol"]
        return Listing(
            self.venue, "linear", row["symbol"], FUTURE if dated else PERPETUAL, row["baseAsset"], row["quoteAsset"],
            row["marginAsset"], price["tickSize"], lot["stepSize"], lot["minQty"], notional.get("notional", ""),
            multiplier=_multiplier(row["baseAsset"]), expiry_ms=row["deliveryDate"] if dated else None,
            maker_fee="0.0002", taker_fee="0.0005", listed_ms=row["onboardDate"], extra=row_items(row),
        )  # fmt: skip

    def link(self, sequence: int | None, fresh: bool, change: Change) -> Link:
        """Follow `pu`."""
        if sequence is None or change.first is None or change.last is None:
            return Link.GAP
        if fresh:
            if change.last < sequence:
                return Link.OLD
            return Link.NEXT if change.first <= sequence else Link.GAP
        return Link.NEXT if change.previous == sequence else Link.GAP


DIALECTS = (BinanceSpot, BinanceFutures)


def _filters(row: dict[str, Any]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    kinds = {entry["filterType"]: entry for entry in row["filters"]}
    return kinds["PRICE_FILTER"], kinds["LOT_SIZE"], kinds.get("MIN_NOTIONAL", {})


def _multiplier(base: str) -> int:
    match = _MULTIPLIED.fullmatch(base)
    return int(match[1]) if match else 1


def _levels(rows: list[list[str]]) -> Levels:
    return [(row[0], row[1]) for row in rows]


def _snapshot(url: str, at_ms: int, payload: dict[str, Any]) -> Change:
    symbol = parse_qs(urlsplit(url).query)["symbol"][0]
    bids, asks = _levels(payload["bids"]), _levels(payload["asks"])
    return Change(symbol, at_ms, True, bids, asks, last=payload["lastUpdateId"])
