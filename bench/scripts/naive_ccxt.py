"""The obvious script: import ccxt, and one venue after the other load its markets and ask for the book.

Arguments: the simulator's hosts as JSON, the symbol, and ccxt's ids. Only the base URLs are changed.
"""

import json
import sys
from typing import Any
from urllib.parse import urlsplit

import ccxt

hosts, symbol, *ids = json.loads(sys.argv[1]), *sys.argv[2:]


def redirected(urls: Any) -> Any:
    if isinstance(urls, dict):
        return {name: redirected(value) for name, value in urls.items()}
    if isinstance(urls, str) and (target := hosts.get(urlsplit(urls.replace("{hostname}", hostname)).hostname)):
        return target + urlsplit(urls).path
    return urls


for name in ids:
    exchange = getattr(ccxt, name)()
    hostname = getattr(exchange, "hostname", None) or ""
    exchange.urls["api"] = redirected(exchange.urls["api"])
    exchange.load_markets()
    book = exchange.fetch_order_book(symbol)
    print(name, book["bids"][0], book["asks"][0])
