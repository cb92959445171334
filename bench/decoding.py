"""From the bytes of a 5,000-level book to a book that can be used, against ccxt's own fetch_order_book."""

import http.client
import time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from bench.house import House, house
from bench.inprocess import medians
from bench.timing import show

HOST, PATH = "api.binance.com", "/api/v3/depth?symbol=BTCUSDT&limit=5000"


def run() -> None:
    """Time both on the same bytes, already received."""
    import json

    import ccxt

    from connectors.venues.binance import Binance
    from domain.instruments import SPOT, Instrument

    body = _bytes()
    exchange = ccxt.binance({"enableRateLimit": False})
    exchange.set_markets([_market(exchange)])
    exchange.session = SimpleNamespace(
        request=lambda *_, **__: _answer(body), cookies=SimpleNamespace(clear=lambda: None), headers={}
    )
    instrument = Instrument(
        "binance", "BTC/USDT", "BTCUSDT", SPOT, "BTC", "USDT", None, "BTC", product="spot", tick_size=Decimal("0.01")
    )

    def ours() -> object:
        book = Binance.parse_book(json.loads(body, parse_float=str), instrument, time.time_ns())
        return book.best_bid(), book.best_ask(), len(book.bids), len(book.asks)

    def ours_as_floats() -> object:
        book = Binance.parse_book(json.loads(body, parse_float=str), instrument, time.time_ns())
        return book.bids.floats(), book.asks.floats()

    figures = medians(
        {
            "ccxt fetch_order_book, bytes already in": lambda: exchange.fetch_order_book("BTC/USDT", 5000),
            "json.loads alone": lambda: json.loads(body),
            "ours: usable book (best prices read)": ours,
            "ours: every level read as floats": ours_as_floats,
        }
    )
    levels = body.count(b'["')
    title = f"Bytes to book ({len(body) / 1000:.0f} kB, {levels} levels in all)"
    show(title, figures, "ccxt fetch_order_book, bytes already in", "usable book at most 0.3 ×")


def _bytes() -> bytes:
    with house() as simulator:
        return _get(simulator)


def _get(simulator: House) -> bytes:
    connection = http.client.HTTPConnection(simulator.hosts[HOST].removeprefix("http://"))
    connection.request("GET", PATH)
    body = connection.getresponse().read()
    connection.close()
    return body


def _market(exchange: Any) -> Any:
    return exchange.safe_market_structure(
        {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT",
         "type": "spot", "spot": True, "active": True, "precision": {"amount": 1e-5, "price": 0.01}}
    )  # fmt: skip


def _answer(body: bytes) -> Any:
    text = body.decode()
    return SimpleNamespace(
        status_code=200, reason="OK", headers={}, text=text, content=body, encoding="utf-8",
        raise_for_status=lambda: None, url="",
    )  # fmt: skip
