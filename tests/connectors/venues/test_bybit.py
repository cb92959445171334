"""Bybit: the documented shapes of instruments, books, funding and errors (errors come with HTTP 200)."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.venues.bybit import Bybit
from domain import errors as domain
from domain.errors import BadAnswer, NotListed
from domain.instruments import OPTION, PERPETUAL, SPOT, Instrument
from tests.connectors.fakes import FakeHttp, answer, context

BTC = Instrument("bybit", "BTC/USDT", "BTCUSDT", SPOT, "BTC", "USDT", None, "BTC", product="spot")
PERP = Instrument("bybit", "BTC/USDT:USDT", "BTCUSDT", PERPETUAL, "BTC", "USDT", "USDT", "BTC", product="linear")
# Shapes: bybit-exchange.github.io/docs/v5 "Get Instruments Info", "Get Orderbook", "Get Tickers"; read 2026-11-21.
SPOT_ROW = {
    "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0", "status": "Trading",
    "marginTrading": "utaOnly",
    "lotSizeFilter": {
        "basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.000011", "maxOrderQty": "83",
        "minOrderAmt": "5", "maxOrderAmt": "8000000",
    },
    "priceFilter": {"tickSize": "0.01"},
}  # fmt: skip
LINEAR_ROW = {
    "symbol": "SHIB1000USDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "SHIB1000",
    "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1", "deliveryTime": "0", "priceScale": "6",
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "50", "leverageStep": "0.01"},
    "priceFilter": {"minPrice": "0.000001", "maxPrice": "1.999998", "tickSize": "0.000001"},
    "lotSizeFilter": {"minOrderQty": "10", "maxOrderQty": "15000000", "qtyStep": "10", "minNotionalValue": "5"},
    "unifiedMarginTrade": True, "fundingInterval": 480,
}  # fmt: skip
INVERSE_ROW = {
    **LINEAR_ROW, "symbol": "BTCUSD", "contractType": "InversePerpetual", "baseCoin": "BTC", "quoteCoin": "USD",
    "settleCoin": "BTC", "lotSizeFilter": {"minOrderQty": "1", "maxOrderQty": "25000000", "qtyStep": "1"},
}  # fmt: skip
OPTION_ROW = {
    "symbol": "BTC-25DEC26-100000-C-USDT", "optionsType": "Call", "status": "Trading", "baseCoin": "BTC",
    "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1", "deliveryTime": "1798185600000",
    "deliveryFeeRate": "0.00015", "priceFilter": {"minPrice": "5", "maxPrice": "1110000", "tickSize": "5"},
    "lotSizeFilter": {"maxOrderQty": "500", "minOrderQty": "0.01", "qtyStep": "0.01"},
}  # fmt: skip
TICKER = {
    "symbol": "BTCUSDT", "bid1Price": "98", "bid1Size": "1", "ask1Price": "100", "ask1Size": "2", "lastPrice": "99",
    "indexPrice": "99", "markPrice": "99.1", "openInterest": "5", "openInterestValue": "500",
    "fundingRate": "0.0001", "nextFundingTime": "1700006400000", "fundingIntervalHour": "4",
}  # fmt: skip


def envelope(result: object, code: int = 0, message: str = "OK") -> Any:
    return answer({"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": 1700000000123})


def bybit(routes: dict[str, Any]) -> Bybit:
    return Bybit("bybit", context(routes, venue="bybit"))


def instruments(request: Any) -> Any:
    query = request.url.partition("?")[2]
    rows: list[object] = []
    for section, row in (("spot", SPOT_ROW), ("linear", LINEAR_ROW), ("inverse", INVERSE_ROW)):
        if f"category={section}" in query and "PreLaunch" not in query:
            rows = [row]
    if "category=option" in query and "baseCoin=BTC" in query:
        rows = [OPTION_ROW]
    section = query.partition("category=")[2].partition("&")[0]
    return envelope({"category": section, "list": rows, "nextPageCursor": ""})


def test_instruments_of_every_section_have_exact_units() -> None:
    found = {i.symbol: i for i in bybit({"/v5/market/instruments-info": instruments}).fetch_instruments()}
    assert set(found) == {"BTC/USDT", "SHIB1000/USDT:USDT", "BTC/USD:BTC", "BTC/USDT:USDT-261225-100000-C"}
    spot, shib, inverse = found["BTC/USDT"], found["SHIB1000/USDT:USDT"], found["BTC/USD:BTC"]
    assert (spot.product, str(spot.tick_size), str(spot.lot_size)) == ("spot", "0.01", "0.000001")
    assert spot.min_notional == 5
    assert (shib.product, shib.asset, shib.multiplier, shib.unit_size) == ("linear", "SHIB", 1000, 1)
    assert (shib.lot_size, shib.expiry_ms) == (10, None)
    assert (inverse.product, inverse.inverse, inverse.unit_size) == ("inverse", True, 1)
    option = found["BTC/USDT:USDT-261225-100000-C"]
    assert (option.kind, option.product, option.strike, option.option_type) == (OPTION, "option", 100000, "call")
    assert option.expiry_ms == 1798185600000


def test_a_book_has_time_and_update_id() -> None:
    row = {
        "s": "BTCUSDT",
        "b": [["98", "1"]],
        "a": [["100", "2"]],
        "ts": 1700000000009,
        "u": 5,
        "seq": 9,
        "cts": 1700000000001,
    }
    venue = bybit({"/v5/market/orderbook": envelope(row)})
    book = venue.fetch_book(PERP, 30)
    assert (book.bids[0], book.asks[0]) == ((98, 1), (100, 2))
    assert (book.venue_time_ns, book.sequence) == (1700000000001_000_000, 5)
    http = venue.context.http
    assert isinstance(http, FakeHttp)
    assert http.requests[0].url.endswith("orderbook?category=linear&symbol=BTCUSDT&limit=50")


@pytest.mark.parametrize(("instrument", "asked", "limit"), [(BTC, 1000, 200), (PERP, 1000, 500), (PERP, 1, 1)])
def test_depth_stays_within_what_the_section_allows(instrument: Instrument, asked: int, limit: int) -> None:
    assert bybit({}).allowed_depth(instrument, asked) == limit


def test_funding_takes_the_interval_of_the_ticker_which_is_current() -> None:
    funding = bybit({"/v5/market/tickers": envelope({"category": "linear", "list": [TICKER]})}).fetch_funding(PERP)
    assert (funding.current, funding.interval_h) == (Decimal("0.0001"), 4)
    assert funding.next_time_ms == 1700006400000
    assert (funding.mark_price, funding.index_price) == (Decimal("99.1"), 99)


def test_a_ticker_without_an_interval_declares_none() -> None:
    row = {**TICKER, "fundingIntervalHour": ""}
    funding = bybit({"/v5/market/tickers": envelope({"list": [row]})}).fetch_funding(PERP)
    assert funding.interval_h is None


def test_an_empty_ticker_list_is_not_listed() -> None:
    with pytest.raises(NotListed):
        bybit({"/v5/market/tickers": envelope({"list": []})}).fetch_funding(PERP)


def test_funding_history_walks_back_page_by_page() -> None:
    rows = [
        {"symbol": "BTCUSDT", "fundingRate": f"0.000{n}", "fundingRateTimestamp": str(n * 100)} for n in range(9, 0, -1)
    ]

    def page(request: Any) -> Any:
        end = int(request.url.partition("endTime=")[2].partition("&")[0])
        return envelope({"category": "linear", "list": [r for r in rows if int(r["fundingRateTimestamp"]) <= end][:4]})

    found = bybit({"/v5/market/funding/history": page}).fetch_funding_history(PERP, 250)
    assert [point.time_ms for point in found] == [300, 400, 500, 600, 700, 800, 900]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (envelope({}, 10006, "Too many visits."), domain.RateLimited),
        (envelope({}, 10429, "System level frequency protection"), domain.RateLimited),
        (envelope({}, 10016, "Server error."), domain.Unavailable),
        (envelope({}, 10016, "System is under maintenance"), domain.Maintenance),
        (envelope({}, 10019, "service is restarting"), domain.Maintenance),
        (envelope({}, 10003, "API key is invalid."), domain.Unauthorized),
        (envelope({}, 10001, "Not supported symbols"), domain.NotListed),
        (envelope({}, 170121, "Invalid symbol."), domain.NotListed),
        (envelope({}, 123456, "something new"), domain.Refused),
        (answer("<html>configured to block access from your country</html>", 403), domain.GeoBlocked),
        (answer("403, access too frequent", 403), domain.RateLimited),
    ],
)
def test_errors_are_told_apart(reply: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        bybit({"/v5/market/orderbook": reply}).fetch_book(BTC, 5)


def test_a_limit_lasts_until_the_moment_in_the_header() -> None:
    body = {"retCode": 10006, "retMsg": "Too many visits.", "result": {}, "time": 1}
    reply = answer(body, headers={"x-bapi-limit-reset-timestamp": "1763694002500"})
    with pytest.raises(domain.RateLimited) as caught:
        bybit({"/v5/market/orderbook": reply}).fetch_book(BTC, 5)
    assert caught.value.retry_after_s == 2.5


@pytest.mark.parametrize("payload", [{}, {"retCode": 0}, {"retCode": 0, "result": None}, {"retCode": 0, "result": []}])
def test_an_envelope_without_a_book_is_a_bad_answer(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        bybit({"/v5/market/orderbook": answer(payload)}).fetch_book(BTC, 5)
