"""KuCoin spot: level2 snapshots, `l2update`s with a number for every level, and matches (April 2021)."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from simulator.market.model import SPOT, Listing, Trade
from simulator.tape.dialect import Change, Dialect, Event, Levels, Link, Traded, by_numbers, row_items
from simulator.tape.recording import Message


class Kucoin(Dialect):
    """Every number from `sequenceStart` to `sequenceEnd` is one change; a price of 0 only counts.

    Source: "Level-2 Market Data", KuCoin API documentation.
    """

    venue: ClassVar[str] = "kucoin"
    prefix: ClassVar[str] = "KUCOIN"

    def listings(self, message: Message) -> Iterable[Listing]:
        """Read `GET /api/v1/symbols`; the code in `symbol` is the id (`BCHSV-USDT`), `name` what people see."""
        if not urlsplit(message.url).path.endswith("/symbols") or not isinstance(message.payload, dict):
            return []
        return [_listing(row) for row in message.payload["data"]]

    def events(self, message: Message, listings: Mapping[str, Listing]) -> Iterable[Event]:
        """Read level2 snapshots, `trade.l2update` and `trade.l3match`."""
        payload = message.payload
        if not isinstance(payload, dict):
            return []
        data = payload.get("data")
        if not isinstance(data, dict):
            return []
        if message.url:
            return [_snapshot(message.url, message.at_ms, data)] if "sequence" in data else []
        if payload.get("subject") == "trade.l2update":
            return _changes(data, message.at_ms)
        if payload.get("subject") == "trade.l3match":
            # Trade ids are hexadecimal there; the match's place in the sequence is a number and as unique.
            time_ms = int(data["time"]) // 1_000_000
            trade = Trade(int(data["sequence"]), time_ms, data["price"], data["size"], data["side"])
            return [Traded(data["symbol"], message.at_ms, trade)]
        return []

    def link(self, sequence: int | None, fresh: bool, change: Change) -> Link:
        """Follow the numbers, none of them left out."""
        return by_numbers(sequence, change, overlap=True)


DIALECTS = (Kucoin,)


def _listing(row: dict[str, Any]) -> Listing:
    return Listing(
        "kucoin", "spot", row["symbol"], SPOT, row["baseCurrency"], row["quoteCurrency"], "", row["priceIncrement"],
        row["baseIncrement"], row["baseMinSize"], row["quoteMinSize"], maker_fee="0.001", taker_fee="0.001",
        extra=row_items(row),
    )  # fmt: skip


def _levels(rows: list[list[str]]) -> Levels:
    return [(row[0], row[1]) for row in rows]


def _snapshot(url: str, at_ms: int, data: dict[str, Any]) -> Change:
    symbol = parse_qs(urlsplit(url).query)["symbol"][0]
    return Change(symbol, at_ms, True, _levels(data["bids"]), _levels(data["asks"]), last=int(data["sequence"]))


def _changes(data: dict[str, Any], at_ms: int) -> list[Change]:
    """Split a message by number, so that a snapshot taken in the middle of it takes the later part only."""
    numbered = [
        (int(number), side, (price, size)) for side in ("bids", "asks") for price, size, number in data["changes"][side]
    ]
    first, end = int(data["sequenceStart"]), int(data["sequenceEnd"])
    found: list[Change] = []
    for place, (number, side, level) in enumerate(sorted(numbered, key=lambda item: item[0])):
        last = end if place == len(numbered) - 1 else number
        levels = [level] if float(level[0]) else []
        bids, asks = (levels, []) if side == "bids" else ([], levels)
        found.append(Change(data["symbol"], at_ms, False, bids, asks, first, last))
        first = last + 1
    return found
