"""OKX: `books` with a CRC32 checksum over the best 25 levels, trades and tickers (recorded in May 2022)."""

import zlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any, ClassVar
from urllib.parse import urlsplit

from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing, Stats, Trade
from simulator.tape.dialect import Change, Dialect, Event, Figures, Levels, Link, Traded, plain, row_items
from simulator.tape.recording import Message

_KINDS = {"SPOT": SPOT, "SWAP": PERPETUAL, "FUTURES": FUTURE, "OPTION": OPTION}
_FEES = {"SPOT": ("0.0008", "0.001"), "OPTION": ("0.0002", "0.0003")}
_CONTRACT_FEES = ("0.0002", "0.0005")
_CHECKED_LEVELS = 25


def checksum(bids: Levels, asks: Levels) -> int:
    """Return OKX's checksum: signed CRC32 of `bid:size:ask:size:…` over 25 levels, in the venue's own text."""
    pairs = zip_longest(bids[:_CHECKED_LEVELS], asks[:_CHECKED_LEVELS], fillvalue=())
    text = ":".join(part for bid, ask in pairs for part in (*bid, *ask))
    value = zlib.crc32(text.encode())
    return value - (1 << 32) if value >= 1 << 31 else value


class Okx(Dialect):
    """All products in one recording; instrument ids are unique over them."""

    venue: ClassVar[str] = "okx"
    prefix: ClassVar[str] = "OKX"

    def listings(self, message: Message) -> Iterable[Listing]:
        """Read `GET /api/v5/public/instruments`; a contract's size is ctVal × ctMult."""
        if not urlsplit(message.url).path.endswith("/public/instruments") or not isinstance(message.payload, dict):
            return []
        return [_listing(row) for row in message.payload.get("data", [])]

    def events(self, message: Message, listings: Mapping[str, Listing]) -> Iterable[Event]:
        """Read the channels `books`, `trades` and `tickers`."""
        payload = message.payload
        if message.url or not isinstance(payload, dict) or "data" not in payload:
            return []
        channel, native_id = payload["arg"]["channel"], payload["arg"]["instId"]
        rows: list[dict[str, Any]] = payload["data"]
        if channel == "books":
            is_snapshot = payload["action"] == "snapshot"
            return [_change(native_id, message.at_ms, is_snapshot, row) for row in rows]
        if channel == "trades":
            return [_traded(row, message.at_ms) for row in rows]
        if channel == "tickers" and native_id in listings:
            return [Figures(native_id, message.at_ms, _stats(row, listings[native_id])) for row in rows]
        return []

    def link(self, sequence: int | None, fresh: bool, change: Change) -> Link:
        """Take every update: in 2022 they carried no numbers, their checksums tell."""
        return Link.NEXT

    def verifies(self, change: Change, bids: Levels, asks: Levels) -> bool:
        """Compare the checksum."""
        return change.checksum is None or change.checksum == checksum(bids, asks)


DIALECTS = (Okx,)


def _listing(row: dict[str, str]) -> Listing:
    product = row["instType"]
    base, quote = (row["baseCcy"], row["quoteCcy"]) if product == "SPOT" else row["uly"].split("-")[:2]
    maker, taker = _FEES.get(product, _CONTRACT_FEES)
    size = "1" if product == "SPOT" else _product(row["ctVal"], row["ctMult"])
    return Listing(
        "okx", product, row["instId"], _KINDS[product], base, quote, row["settleCcy"], row["tickSz"], row["lotSz"],
        row["minSz"], contract_size=size, inverse=row["ctType"] == "inverse",
        expiry_ms=int(row["expTime"]) if row["expTime"] else None, strike=row["stk"] or None,
        option_type={"C": "call", "P": "put"}.get(row["optType"]), maker_fee=maker, taker_fee=taker,
        listed_ms=int(row["listTime"] or 0), extra=row_items(row),
    )  # fmt: skip


def _product(value: str, multiplier: str) -> str:
    return plain(Decimal(value) * Decimal(multiplier or "1"))


def _change(native_id: str, at_ms: int, is_snapshot: bool, row: dict[str, Any]) -> Change:
    bids = [(price, size) for price, size, *_ in row["bids"]]
    asks = [(price, size) for price, size, *_ in row["asks"]]
    return Change(native_id, at_ms, is_snapshot, bids, asks, checksum=int(row["checksum"]))


def _traded(row: dict[str, str], at_ms: int) -> Traded:
    trade = Trade(int(row["tradeId"]), int(row["ts"]), row["px"], row["sz"], row["side"])
    return Traded(row["instId"], at_ms, trade)


def _stats(row: dict[str, str], listing: Listing) -> Stats:
    """`vol24h` counts contracts (spot: base), `volCcy24h` the base currency (spot: quote)."""
    if listing.kind == SPOT:
        turnover = row["volCcy24h"]
    elif listing.inverse:
        turnover = _product(row["vol24h"], listing.contract_size)
    else:
        turnover = _product(row["volCcy24h"], row["last"])
    return Stats(row["open24h"], row["high24h"], row["low24h"], row["last"], row["lastSz"], row["vol24h"], turnover, "")
