"""Binance's public endpoints: who answers each, what it weighs against its section's limit, which parameters it takes.

A section of the API is a host of its own with its own limit; `ROUTES` has all of them by method and path.
"""

from collections.abc import Callable
from typing import NamedTuple

from simulator.venues import binance_market_data as market
from simulator.venues import binance_series as series
from simulator.venues.binance_call import Call

SECTIONS = {
    "/api/v3/": "spot", "/sapi/v1/": "sapi", "/fapi/v1/": "linear", "/fapi/v2/": "linear", "/fapi/v3/": "linear",
    "/futures/data/": "linear",
    "/dapi/v1/": "inverse", "/dapi/v2/": "inverse", "/eapi/v1/": "option",
}  # fmt: skip

Answer = Callable[[Call], object]
Weight = int | Callable[[Call], int]


class Route(NamedTuple):
    """An endpoint: who answers, its weight (fixed or by the call) and the parameters it knows."""

    answer: Answer
    weight: Weight
    params: frozenset[str]


def _by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Call], int]:
    """Weigh by `limit`: `(up to, weight)` pairs, the last one for everything above."""

    def weigh(call: Call) -> int:
        limit = call.number("limit", default)
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weigh


def _by_symbols(one: int, all_of_them: int, few: int | None = None) -> Callable[[Call], int]:
    """Weigh by how many symbols are asked for; `few` for a list of up to twenty."""

    def weigh(call: Call) -> int:
        if "symbol" in call.params:
            return one
        if "symbols" in call.params and few is not None:
            count = call.params["symbols"].count(",") + 1
            return few if count <= 20 else all_of_them // 2 if count <= 100 else all_of_them
        return all_of_them

    return weigh


def _system_status(_: Call) -> object:
    return {"status": 0, "msg": "normal"}


_PAGE = "symbol limit startTime endTime"
_KLINES = "symbol interval limit startTime endTime timeZone"
_KLINE_WEIGHT = _by_limit(500, (99, 1), (499, 2), (1000, 5), (10**9, 10))
_DEPTH_WEIGHT = _by_limit(500, (50, 2), (100, 5), (500, 10), (1000, 20))

_Table = dict[str, tuple[Answer, Weight, str]]

_SPOT: _Table = {
    "ping": (market.ping, 1, ""),
    "time": (market.time, 1, ""),
    "exchangeInfo": (market.exchange_info, 20, "symbol symbols permissions showPermissionSets symbolStatus"),
    "depth": (market.depth, _by_limit(100, (100, 5), (500, 25), (1000, 50), (5000, 250)), "symbol limit symbolStatus"),
    "trades": (market.trades, 25, "symbol limit"),
    "historicalTrades": (market.trades, 25, "symbol limit fromId"),
    "aggTrades": (market.aggregate_trades, 4, "symbol limit fromId startTime endTime"),
    "klines": (series.klines, 2, _KLINES),
    "uiKlines": (series.klines, 2, _KLINES),
    "avgPrice": (market.average_price, 2, "symbol"),
    "ticker/24hr": (market.day, _by_symbols(2, 80, 2), "symbol symbols type symbolStatus"),
    "ticker/price": (market.price, _by_symbols(2, 4, 4), "symbol symbols symbolStatus"),
    "ticker/bookTicker": (market.book_ticker, _by_symbols(2, 4, 4), "symbol symbols symbolStatus"),
}

_SPOT_WALLET: _Table = {"system/status": (_system_status, 1, "")}

_CONTRACTS: _Table = {
    "ping": (market.ping, 1, ""),
    "time": (market.time, 1, ""),
    "exchangeInfo": (market.exchange_info, 1, ""),
    "depth": (market.depth, _DEPTH_WEIGHT, "symbol limit"),
    "trades": (market.trades, 5, "symbol limit"),
    "aggTrades": (market.aggregate_trades, 20, "symbol limit fromId startTime endTime"),
    "klines": (series.klines, _KLINE_WEIGHT, _KLINES),
    "markPriceKlines": (series.unpriced_klines, _KLINE_WEIGHT, _KLINES),
    "indexPriceKlines": (series.unpriced_klines, _KLINE_WEIGHT, "pair interval limit startTime endTime"),
    "premiumIndex": (series.premium_index, _by_symbols(1, 10), "symbol pair"),
    "fundingRate": (series.funding_rate, 1, _PAGE),
    "fundingInfo": (series.funding_info, 1, ""),
    "ticker/24hr": (market.day, _by_symbols(1, 40), "symbol pair"),
    "ticker/price": (market.price, _by_symbols(1, 2), "symbol pair"),
    "ticker/bookTicker": (market.book_ticker, _by_symbols(2, 5), "symbol pair"),
    "openInterest": (series.open_interest, 1, "symbol"),
}

_OPTIONS: _Table = {
    "ping": (market.ping, 1, ""),
    "time": (market.time, 1, ""),
    "exchangeInfo": (market.exchange_info, 1, ""),
    "depth": (market.depth, _by_limit(100, (50, 1), (100, 5), (500, 10), (1000, 20)), "symbol limit"),
    "mark": (series.option_mark, 5, "symbol"),
    "index": (series.option_index, 1, "underlying"),
}


def _routes(prefix: str, table: _Table) -> dict[tuple[str, str], Route]:
    return {
        ("GET", prefix + path): Route(answer, weight, frozenset(names.split()))
        for path, (answer, weight, names) in table.items()
    }


ROUTES: dict[tuple[str, str], Route] = {
    **_routes("/api/v3/", _SPOT),
    **_routes("/sapi/v1/", _SPOT_WALLET),
    **_routes("/fapi/v1/", {**_CONTRACTS, "rpiDepth": (market.depth, 20, "symbol limit")}),
    **_routes("/fapi/v2/", {"ticker/price": _CONTRACTS["ticker/price"]}),
    **_routes("/dapi/v1/", {**_CONTRACTS, "premiumIndex": (series.premium_index, 10, "symbol pair")}),
    **_routes("/eapi/v1/", _OPTIONS),
}
