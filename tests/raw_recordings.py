"""The raw recordings, read here without the simulator's tape: the truth it is compared with.

Format and origin: README.md beside the recordings (captured by the maintainers of cryptofeed, 2021 and 2022).
"""

import gzip
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

Side = dict[Decimal, Decimal]


class Sides(NamedTuple):
    """A book: price -> size, both as the venue's own numbers."""

    bids: Side
    asks: Side

    def best(self) -> tuple[tuple[Decimal, Decimal] | None, tuple[Decimal, Decimal] | None]:
        """Return `(price, size)` of the highest bid and the lowest ask."""
        bid, ask = max(self.bids, default=None), min(self.asks, default=None)
        return (
            None if bid is None else (bid, self.bids[bid]),
            None if ask is None else (ask, self.asks[ask]),
        )

    def change(self, side: Side, rows: list[Any]) -> None:
        """Take changed levels in; a size of zero deletes one."""
        for price, size in rows:
            if Decimal(size):
                side[Decimal(price)] = Decimal(size)
            else:
                side.pop(Decimal(price), None)


def lines(folder: Path, name: str) -> Iterator[str]:
    """Read one file's lines."""
    with gzip.open(folder / f"{name}.gz", "rt", encoding="utf-8") as found:
        yield from (line.rstrip("\n") for line in found)


def answers(folder: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Read HTTP answers: URL and decoded body, fractions as Decimals."""
    for line in lines(folder, name):
        if match := re.match(r"(https?://\S+) -> [\d.]+: (.*)", line):
            yield match[1], json.loads(match[2], parse_float=Decimal)


def messages(folder: Path, name: str) -> Iterator[Any]:
    """Read what came over the WebSocket."""
    for line in lines(folder, name):
        if match := re.match(r"\d+(?:\.\d+)?: (.*)", line):
            yield json.loads(match[1], parse_float=Decimal)


def asked(url: str, name: str) -> str:
    """Read one value of a URL's query."""
    return parse_qs(urlsplit(url).query)[name][0]


def binance(folder: Path, prefix: str, symbol: str, *, at_end: bool) -> Sides:
    """Build the book of one symbol: the snapshot, or that and every later update, to the end of the recording."""
    body = next(
        body
        for url, body in answers(folder, f"{prefix}.http.0.0")
        if "/depth" in url and asked(url, "symbol") == symbol
    )
    book = Sides({}, {})
    book.change(book.bids, body["bids"])
    book.change(book.asks, body["asks"])
    for message in messages(folder, f"{prefix}.ws.1.0") if at_end else ():
        data = message.get("data", {})
        if data.get("e") == "depthUpdate" and data["s"] == symbol and data["u"] > body["lastUpdateId"]:
            book.change(book.bids, data["b"])
            book.change(book.asks, data["a"])
    return book


def kucoin(folder: Path, symbol: str) -> Sides:
    """Build the book of one symbol at the end of the recording; each level of an update has a number of its own."""
    body = next(body["data"] for url, body in answers(folder, "KUCOIN.http.0.0") if asked(url, "symbol") == symbol)
    book = Sides({}, {})
    book.change(book.bids, body["bids"])
    book.change(book.asks, body["asks"])
    for message in messages(folder, "KUCOIN.ws.1.0"):
        data = message.get("data")
        if message.get("subject") != "trade.l2update" or data["symbol"] != symbol:
            continue
        for side, rows in ((book.bids, data["changes"]["bids"]), (book.asks, data["changes"]["asks"])):
            for price, size, number in rows:
                if int(number) > int(body["sequence"]) and Decimal(price):
                    book.change(side, [(price, size)])
    return book


def okx(folder: Path, symbol: str) -> Sides:
    """Build the book of one instrument at the end of the recording."""
    book = Sides({}, {})
    for message in messages(folder, "OKX.ws.1.0"):
        argument = message.get("arg", {})
        if argument.get("channel") != "books" or argument["instId"] != symbol or "data" not in message:
            continue
        if message["action"] == "snapshot":
            book = Sides({}, {})
        for row in message["data"]:
            book.change(book.bids, [level[:2] for level in row["bids"]])
            book.change(book.asks, [level[:2] for level in row["asks"]])
    return book


def deribit(folder: Path, name: str) -> Sides:
    """Build the book of one instrument at the end of the recording; rows are `[action, price, amount]`."""
    book = Sides({}, {})
    for message in messages(folder, "DERIBIT.ws.1.0"):
        params = message.get("params", {})
        if params.get("channel") != f"book.{name}.raw":
            continue
        data = params["data"]
        for side, rows in ((book.bids, data["bids"]), (book.asks, data["asks"])):
            book.change(side, [(price, 0 if action == "delete" else size) for action, price, size in rows])
    return book


def binance_symbols(folder: Path, prefix: str) -> dict[str, dict[str, Any]]:
    """Read exchangeInfo by symbol."""
    return {row["symbol"]: row for _, body in answers(folder, f"{prefix}.0") for row in body["symbols"]}


def kucoin_symbols(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the symbols by their code."""
    return {
        row["symbol"]: row for url, body in answers(folder, "KUCOIN.0") if "/symbols" in url for row in body["data"]
    }


def okx_instruments(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the instruments of every section by id."""
    return {
        row["instId"]: row for url, body in answers(folder, "OKX.0") if "/instruments" in url for row in body["data"]
    }


def deribit_instruments(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the instruments of every currency by name."""
    return {
        row["instrument_name"]: row
        for url, body in answers(folder, "DERIBIT.0")
        if "get_instruments" in url
        for row in body["result"]
    }


def step_of(row: dict[str, Any], kind: str, field: str) -> Decimal:
    """Read a Binance filter."""
    return Decimal(next(entry[field] for entry in row["filters"] if entry["filterType"] == kind))
