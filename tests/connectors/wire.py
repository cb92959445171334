"""What the simulated venues send, read here without any code of the connectors: raw book rows and contract values.

Sources of the meaning of sizes: the venues' API documentation (contract size, ctVal and ctMult, multiplier).
"""

import json
import urllib.request
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from domain.instruments import Instrument


class Raw(NamedTuple):
    """A book as it was sent: its number, rows `(price, size)`, what a size of 1 is worth, and whether in quote."""

    sequence: int
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    worth: Decimal
    in_quote: bool

    def base_size(self, row: tuple[Decimal, Decimal]) -> Decimal:
        """Convert one row's size to base units."""
        price, size = row
        return size * self.worth / price if self.in_quote else size * self.worth


Hosts = Mapping[str, str]


def ask(hosts: Hosts, host: str, path: str) -> Any:
    """GET a real host's path at the simulator; fractions stay text."""
    with urllib.request.urlopen(hosts[host] + path, timeout=10) as answer:
        return json.loads(answer.read(), parse_float=Decimal)


def _rows(rows: list[list[Any]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(row[0]), Decimal(row[1])) for row in rows]


def binance(hosts: Hosts, item: Instrument) -> Raw:
    """COIN-M sizes count contracts of `contractSize` USD; the others count the base."""
    host, path = {
        "spot": ("api.binance.com", "/api/v3"),
        "linear": ("fapi.binance.com", "/fapi/v1"),
        "inverse": ("dapi.binance.com", "/dapi/v1"),
    }[item.product or ""]
    book = ask(hosts, host, f"{path}/depth?symbol={item.native_id}&limit=5")
    inverse = item.product == "inverse"
    worth = Decimal(1)
    if inverse:
        listed = ask(hosts, host, f"{path}/exchangeInfo")["symbols"]
        worth = Decimal(next(row["contractSize"] for row in listed if row["symbol"] == item.native_id))
    return Raw(book["lastUpdateId"], _rows(book["bids"]), _rows(book["asks"]), worth, inverse)


def okx(hosts: Hosts, item: Instrument) -> Raw:
    """Sizes of derivatives count contracts of `ctVal` × `ctMult` in `ctValCcy`."""
    book = ask(hosts, "www.okx.com", f"/api/v5/market/books?instId={item.native_id}&sz=5")["data"][0]
    family = "-".join(item.native_id.split("-")[:2])
    query = f"instType={item.product}" + (f"&uly={family}&instFamily={family}" if item.product == "OPTION" else "")
    listed = ask(hosts, "www.okx.com", f"/api/v5/public/instruments?{query}")["data"]
    row = next(row for row in listed if row["instId"] == item.native_id)
    worth = Decimal(row["ctVal"]) * Decimal(row["ctMult"] or 1) if item.product != "SPOT" else Decimal(1)
    in_quote = item.product != "SPOT" and row["ctValCcy"] == "USD"
    return Raw(int(book["seqId"]), _rows(book["bids"]), _rows(book["asks"]), worth, in_quote)


def bybit(hosts: Hosts, item: Instrument) -> Raw:
    """Inverse sizes are US dollars; the others count the base."""
    path = f"/v5/market/orderbook?category={item.product}&symbol={item.native_id}&limit=5"
    book = ask(hosts, "api.bybit.com", path)["result"]
    return Raw(int(book["u"]), _rows(book["b"]), _rows(book["a"]), Decimal(1), item.product == "inverse")


def kucoin(hosts: Hosts, item: Instrument) -> Raw:
    """Futures sizes count contracts of `multiplier` base units, or of 1 USD where it is −1."""
    if item.product == "spot":
        book = ask(hosts, "api.kucoin.com", f"/api/v1/market/orderbook/level2_20?symbol={item.native_id}")["data"]
        return Raw(int(book["sequence"]), _rows(book["bids"]), _rows(book["asks"]), Decimal(1), False)
    host = "api-futures.kucoin.com"
    book = ask(hosts, host, f"/api/v1/level2/depth20?symbol={item.native_id}")["data"]
    multiplier = Decimal(ask(hosts, host, f"/api/v1/contracts/{item.native_id}")["data"]["multiplier"])
    return Raw(int(book["sequence"]), _rows(book["bids"]), _rows(book["asks"]), abs(multiplier), multiplier < 0)


def deribit(hosts: Hosts, item: Instrument) -> Raw:
    """Amounts are US dollars on inverse futures and perpetuals; the others count the base."""
    query = f"instrument_name={item.native_id}"
    book = ask(hosts, "www.deribit.com", f"/api/v2/public/get_order_book?{query}&depth=5")["result"]
    listed = ask(hosts, "www.deribit.com", f"/api/v2/public/get_instrument?{query}")["result"]
    in_quote = listed["kind"] == "future" and listed.get("instrument_type") == "reversed"
    return Raw(book["change_id"], _rows(book["bids"]), _rows(book["asks"]), Decimal(1), in_quote)


READERS: Mapping[str, Callable[[Hosts, Instrument], Raw]] = {
    "binance": binance,
    "okx": okx,
    "bybit": bybit,
    "kucoin": kucoin,
    "deribit": deribit,
}
"""A venue that has a book is compared with its wire where it has a reader here."""
