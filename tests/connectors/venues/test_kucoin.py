"""KuCoin: recorded books, and the documented shapes of both sections."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.native_connector import checked
from connectors.venues.kucoin import Kucoin
from domain import errors as domain
from domain.instruments import PERPETUAL, SPOT, Instrument
from tests.connectors.fakes import FakeHttp, answer, context
from tests.connectors.recorded import answers

BTC = Instrument("kucoin", "BTC/USDT", "BTC-USDT", SPOT, "BTC", "USDT", None, "BTC", product="spot")
PERP = Instrument(
    "kucoin", "BTC/USDT:USDT", "XBTUSDTM", PERPETUAL, "BTC", "USDT", "USDT", "BTC", unit_size=Decimal("0.001"),
    product="futures",
)  # fmt: skip
# Shapes: docs.kucoin.com "Get All Symbols", "Get All Tickers", futures "Get All Symbols", "Get Current Funding Rate",
# read 2026-11-21 through ccxt 4.5.90.
SYMBOL = {
    "symbol": "BTC-USDT", "name": "BTC-USDT", "baseCurrency": "BTC", "quoteCurrency": "USDT", "feeCurrency": "USDT",
    "market": "USDS", "baseMinSize": "0.00001", "quoteMinSize": "0.1", "baseMaxSize": "10000000000",
    "quoteMaxSize": "99999999", "baseIncrement": "0.00000001", "quoteIncrement": "0.000001",
    "priceIncrement": "0.1", "priceLimitRate": "0.1", "isMarginEnabled": True, "enableTrading": True,
}  # fmt: skip
TICKER = {
    "symbol": "BTC-USDT", "buy": "1", "sell": "2", "takerFeeRate": "0.001", "makerFeeRate": "0.001",
    "takerCoefficient": "1", "makerCoefficient": "0.8",
}  # fmt: skip
CONTRACT = {
    "symbol": "XBTUSDTM", "rootSymbol": "USDT", "type": "FFWCSX", "baseCurrency": "XBT", "quoteCurrency": "USDT",
    "settleCurrency": "USDT", "maxOrderQty": 1000000, "maxPrice": 1000000.0, "lotSize": 1, "tickSize": 0.1,
    "multiplier": 0.001, "makerFeeRate": 2.0e-04, "takerFeeRate": 6.0e-04, "isInverse": False, "status": "Open",
    "expireDate": None, "nextFundingRateTime": 1000, "markPrice": 90445.02, "indexPrice": 90453.47,
    "fundingFeeRate": 1.0e-04, "predictedFundingFeeRate": 2.0e-04,
}  # fmt: skip
INVERSE = {
    **CONTRACT, "symbol": "XBTUSDM", "quoteCurrency": "USD", "settleCurrency": "XBT", "multiplier": -1.0,
    "isInverse": True,
}  # fmt: skip
RATE = {
    "symbol": ".XBTUSDTMFPI8H", "granularity": 28800000, "timePoint": 1731441600000, "value": 6.41e-04,
    "predictedValue": 5.2e-05, "fundingTime": 1731470400000,
}  # fmt: skip


def data(payload: object, code: str = "200000", status: int = 200, **headers: str) -> Any:
    return answer({"code": code, "data": payload}, status, headers)


def error(code: str, message: str, status: int = 200) -> Any:
    return answer({"code": code, "msg": message}, status)


def kucoin(routes: dict[str, Any]) -> Kucoin:
    return Kucoin("kucoin", context(routes, venue="kucoin"))


def test_recorded_books_are_read_exactly_and_in_order(recordings: Path) -> None:
    seen = 0
    for _, moment, recorded in answers(recordings, "KUCOIN.http.0.0"):
        book = checked(Kucoin.parse_book(json.loads(recorded.body, parse_float=str), BTC, int(moment * 1e9)))
        raw = json.loads(recorded.body)["data"]
        assert [level.price for level in book.asks] == [Decimal(row[0]) for row in raw["asks"]]
        assert book.sequence == int(raw["sequence"])
        assert book.venue_time_ns is not None
        assert 0 <= book.received_at_ns - book.venue_time_ns < 2e9
        seen += 1
    assert seen == 9


def test_recorded_symbols_become_spot_instruments(recordings: Path) -> None:
    recorded = next(found for url, _, found in answers(recordings, "KUCOIN.0") if url.endswith("/symbols"))
    routes = {
        "/api/v2/symbols": recorded, "/api/v1/market/allTickers": data({"ticker": []}),
        "/api/v1/contracts/active": data([]),
    }  # fmt: skip
    found = kucoin(routes).fetch_instruments()
    raw = {row["symbol"]: row for row in json.loads(recorded.body)["data"]}
    assert len(found) == len(raw)
    for item in found:
        assert item.tick_size == Decimal(raw[item.native_id]["priceIncrement"])
        assert item.lot_size == Decimal(raw[item.native_id]["baseIncrement"])


def test_both_sections_are_listed_and_xbt_is_btc() -> None:
    routes = {
        "/api/v2/symbols": data([SYMBOL]), "/api/v1/market/allTickers": data({"ticker": [TICKER]}),
        "/api/v1/contracts/active": data([CONTRACT, INVERSE]),
    }  # fmt: skip
    found = {item.symbol: item for item in kucoin(routes).fetch_instruments()}
    assert set(found) == {"BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"}
    spot, linear, inverse = found["BTC/USDT"], found["BTC/USDT:USDT"], found["BTC/USD:BTC"]
    assert (spot.product, spot.taker_fee, spot.maker_fee) == ("spot", Decimal("0.001"), Decimal("0.0008"))
    assert (linear.native_id, linear.base, linear.product) == ("XBTUSDTM", "BTC", "futures")
    assert (linear.unit_size, linear.lot_size, linear.taker_fee) == (
        Decimal("0.001"),
        Decimal("0.001"),
        Decimal("0.0006"),
    )
    assert (inverse.native_id, inverse.inverse, inverse.unit_size) == ("XBTUSDM", True, 1)


def test_contract_sizes_become_base_units_and_times_nanoseconds() -> None:
    row = {
        "sequence": 1001,
        "symbol": "XBTUSDTM",
        "bids": [[90000.1, 7]],
        "asks": [["90000.2", 3]],
        "ts": 1731680019100123456,
    }
    book = kucoin({"/api/v1/level2/depth20": data(row)}).fetch_book(PERP, 5)
    assert book.bids[0] == (Decimal("90000.1"), Decimal("0.007"))
    assert book.asks[0] == (Decimal("90000.2"), Decimal("0.003"))
    assert book.venue_time_ns == 1731680019100123456


@pytest.mark.parametrize(
    ("instrument", "asked", "path"),
    [
        (BTC, 1, "/api/v1/market/orderbook/level2_20"),
        (BTC, 5000, "/api/v1/market/orderbook/level2_100"),
        (PERP, 21, "/api/v1/level2/depth100"),
        (PERP, 101, "/api/v1/level2/snapshot"),
    ],
)
def test_the_part_of_the_book_with_the_depth_is_asked(instrument: Instrument, asked: int, path: str) -> None:
    row = {"sequence": "1", "time": 1, "ts": 1, "bids": [], "asks": []}
    venue = kucoin({path: data(row)})
    venue.fetch_book(instrument, asked)
    http = venue.context.http
    assert isinstance(http, FakeHttp)
    host = "api.kucoin.com" if instrument is BTC else "api-futures.kucoin.com"
    assert http.requests[0].url.startswith(f"https://{host}{path}?symbol=")


def test_quotes_have_sizes_and_time_on_both_sections() -> None:
    level1 = {
        "time": 1731680019100,
        "sequence": "1",
        "bestBid": "10",
        "bestBidSize": "2",
        "bestAsk": "11",
        "bestAskSize": "3",
    }
    quote = kucoin({"/api/v1/market/orderbook/level1": data(level1)}).fetch_quote(BTC)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (10, 2, 11, 3)
    assert quote.venue_time_ns == 1731680019100_000_000
    # The futures ticker's `ts` is the "filled time" of the last trade (KuCoin's own SDK 1.3.2): a quiet market's
    # quotes would look stale by it, so the smallest book is asked there.
    book = {"sequence": 1, "symbol": "XBTUSDTM", "bids": [["10", 2000]], "asks": [["11", 0]], "ts": 7}
    quote = kucoin({"/api/v1/level2/depth20": data(book)}).fetch_quote(PERP)
    assert (quote.bid_size, quote.ask, quote.venue_time_ns) == (2, None, 7)


def test_funding_tells_the_running_and_the_predicted_rate() -> None:
    routes = {
        "/api/v1/funding-rate/XBTUSDTM/current": data(RATE), "/api/v1/contracts/XBTUSDTM": data(CONTRACT),
    }  # fmt: skip
    funding = kucoin(routes).fetch_funding(PERP)
    assert (funding.current, funding.predicted) == (Decimal("0.000641"), Decimal("0.000052"))
    assert (funding.interval_h, funding.next_time_ms) == (8, 1731470400000)
    assert (funding.mark_price, funding.index_price) == (Decimal("90445.02"), Decimal("90453.47"))


def test_funding_history_walks_back_and_no_list_means_none() -> None:
    rows = [{"symbol": "XBTUSDTM", "fundingRate": n / 10000, "timepoint": n * 100} for n in range(1, 8)]

    def page(request: Any) -> Any:
        to = int(request.url.partition("to=")[2])
        return data([row for row in reversed(rows) if 250 <= row["timepoint"] <= to][:3] or None)

    found = kucoin({"/api/v1/contract/funding-rates": page}).fetch_funding_history(PERP, 250)
    assert [point.time_ms for point in found] == [300, 400, 500, 600, 700]
    assert kucoin({"/api/v1/contract/funding-rates": data(None)}).fetch_funding_history(PERP, 0) == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error("900001", "symbol not exists"), domain.NotListed),
        (error("429000", "Too Many Requests", 429), domain.RateLimited),
        (error("400500", "Your located country/region is currently not supported"), domain.GeoBlocked),
        (error("503", "Service Unavailable", 503), domain.Maintenance),
        (error("500000", "Internal Server Error", 500), domain.Unavailable),
        (error("400003", "KC-API-KEY not exists", 401), domain.Unauthorized),
    ],
)
def test_errors_are_told_apart(reply: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        kucoin({"/api/v1/market/orderbook/level2_20": reply}).fetch_book(BTC, 5)


def test_the_pool_of_the_headers_reaches_the_budget_and_tells_the_wait() -> None:
    pool = {"gw-ratelimit-limit": "2000", "gw-ratelimit-remaining": "500", "gw-ratelimit-reset": "1500"}
    venue = kucoin(
        {"/api/v1/market/orderbook/level2_20": answer({"code": "429000", "msg": "Too Many Requests"}, 429, pool)}
    )
    with pytest.raises(domain.RateLimited) as caught:
        venue.fetch_book(BTC, 5)
    assert caught.value.retry_after_s == 1.5
    assert venue.context.guard.told == [(1500.0, 2000.0, 30.0)]  # type: ignore[attr-defined]


def test_there_is_no_test_environment() -> None:
    assert not Kucoin.capabilities.testnet_hosts
