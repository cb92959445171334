"""Binance: books recorded on the wire, instruments through ccxt, and the documented shapes of the rest."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.native_connector import checked
from connectors.venues.binance import Binance
from domain.errors import BadAnswer, NotListed, RateLimited
from domain.instruments import PERPETUAL, SPOT, Instrument
from tests.connectors.fakes import RECEIVED_AT_NS, answer, context
from tests.connectors.recorded import answers

BTC = Instrument("binance", "BTC/USDT", "BTCUSDT", SPOT, "BTC", "USDT", None, "BTC", product="spot")
PERP = Instrument(
    "binance", "BTC/USDT:USDT", "BTCUSDT", PERPETUAL, "BTC", "USDT", "USDT", "BTC", product="linear"
)  # fmt: skip
INVERSE = Instrument(
    "binance", "BTC/USD:BTC", "BTCUSD_PERP", PERPETUAL, "BTC", "USD", "BTC", "BTC", inverse=True,
    unit_size=Decimal(100), product="inverse",
)  # fmt: skip
# Shapes: developers.binance.com, "Mark Price" and "Get Funding Rate Info", read 2026-11-21 through ccxt 4.5.90.
PREMIUM = {
    "symbol": "BTCUSDT", "markPrice": "45802.81129892", "indexPrice": "45745.47701915",
    "estimatedSettlePrice": "45133.91753671", "lastFundingRate": "0.00063521", "interestRate": "0.00010000",
    "nextFundingTime": "1621267200000", "time": "1621252344001",
}  # fmt: skip
INTERVALS = [{"symbol": "LPTUSDT", "fundingIntervalHours": 4, "disclaimer": False}]


def binance(routes: dict[str, Any]) -> Binance:
    return Binance("binance", context(routes, venue="binance"))


@pytest.mark.parametrize("name", ["BINANCE.http.0.0", "BINANCE_FUTURES.http.0.0"])
def test_recorded_books_are_read_whole_exact_and_in_order(recordings: Path, name: str) -> None:
    seen = 0
    for url, moment, recorded in answers(recordings, name):
        payload = json.loads(recorded.body, parse_float=str)
        book = checked(Binance.parse_book(payload, BTC, int(moment * 1e9)))
        raw = json.loads(recorded.body)
        assert book.sequence == raw["lastUpdateId"]
        assert len(book.bids) == len(raw["bids"])
        assert len(book.asks) == len(raw["asks"])
        assert [level.price for level in book.bids] == [Decimal(row[0]) for row in raw["bids"]]
        assert [level.size for level in book.asks] == [Decimal(row[1]) for row in raw["asks"]]
        assert book.bids[0].price < book.asks[0].price
        prices, _ = book.asks.floats()
        assert prices == sorted(prices)
        if "fapi" in url:
            assert book.venue_time_ns is not None
            assert 0 <= moment * 1e3 - book.venue_time_ns / 1e6 < 2000
        else:
            assert book.venue_time_ns is None
        seen += 1
    assert seen == 4


def test_recorded_exchange_info_becomes_instruments_with_exact_numbers(recordings: Path) -> None:
    spot = next(found for url, _, found in answers(recordings, "BINANCE.0") if "exchangeInfo" in url)
    linear = next(found for url, _, found in answers(recordings, "BINANCE_FUTURES.0") if "exchangeInfo" in url)
    nothing = answer({"symbols": []})
    routes = {"/api/v3/exchangeInfo": spot, "/fapi/v1/exchangeInfo": linear, "/dapi/v1/exchangeInfo": nothing}
    found = binance(routes).fetch_instruments()
    by_symbol = {item.symbol: item for item in found}
    assert len(by_symbol) == len(found)
    raw_spot, raw_linear = (json.loads(item.body)["symbols"] for item in (spot, linear))
    assert len(found) == len(raw_spot) + len(raw_linear)
    nkn = by_symbol["NKN/USDT"]
    filters = {row["filterType"]: row for row in next(row for row in raw_spot if row["symbol"] == "NKNUSDT")["filters"]}
    assert (nkn.native_id, nkn.product, nkn.kind) == ("NKNUSDT", "spot", SPOT)
    assert str(nkn.tick_size) == filters["PRICE_FILTER"]["tickSize"]
    assert str(nkn.lot_size) == filters["LOT_SIZE"]["stepSize"]
    assert nkn.min_notional == Decimal(filters["MIN_NOTIONAL"]["minNotional"])
    assert nkn.taker_fee == Decimal("0.001")
    sushi = by_symbol["SUSHI/USDT:USDT"]
    assert (sushi.native_id, sushi.product, sushi.kind, sushi.unit_size) == ("SUSHIUSDT", "linear", PERPETUAL, 1)
    assert not sushi.inverse


@pytest.mark.parametrize(
    ("instrument", "path"),
    [(PERP, "/fapi/v1"), (INVERSE, "/dapi/v1")],
)
def test_the_running_funding_rate_stands_beside_its_interval(instrument: Instrument, path: str) -> None:
    row = {**PREMIUM, "symbol": instrument.native_id}
    premium = [row] if instrument.inverse else row  # COIN-M answers with a list
    routes = {f"{path}/premiumIndex": answer(premium), f"{path}/fundingInfo": answer(INTERVALS)}
    funding = binance(routes).fetch_funding(instrument)
    assert funding.current == Decimal("0.00063521")
    assert funding.predicted is None
    assert funding.interval_h == 8
    assert funding.next_time_ms == 1621267200000
    assert funding.mark_price == Decimal("45802.81129892")
    assert not funding.continuous
    assert funding.received_at_ns == RECEIVED_AT_NS


def test_a_symbol_with_an_adjusted_interval_has_that_one() -> None:
    lpt = Instrument("binance", "LPT/USDT:USDT", "LPTUSDT", PERPETUAL, "LPT", "USDT", "USDT", "LPT", product="linear")
    assert Binance.parse_funding([PREMIUM | {"symbol": "LPTUSDT"}, INTERVALS], lpt, 0).interval_h == 4


def test_funding_history_is_read_page_by_page_oldest_first() -> None:
    rows = [{"symbol": "BTCUSDT", "fundingTime": n * 28_800_000, "fundingRate": f"0.000{n}"} for n in range(1, 8)]

    def page(request: Any) -> Any:
        start = int(request.url.partition("startTime=")[2].partition("&")[0])
        return answer([row for row in rows if row["fundingTime"] >= start][:3])

    found = binance({"/fapi/v1/fundingRate": page}).fetch_funding_history(PERP, 2 * 28_800_000)
    assert [point.time_ms // 28_800_000 for point in found] == [2, 3, 4, 5, 6, 7]
    assert found[0].rate == Decimal("0.0002")


def test_the_spot_quote_comes_from_the_book_ticker_and_an_empty_side_is_none() -> None:
    ticker = {"symbol": "BTCUSDT", "bidPrice": "4.00000000", "bidQty": "431.0", "askPrice": "0.00000000", "askQty": "0"}
    quote = binance({"/api/v3/ticker/bookTicker": answer(ticker)}).fetch_quote(BTC)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (Decimal(4), Decimal(431), None, None)
    assert quote.venue_time_ns is None


def test_inverse_sizes_become_base_units() -> None:
    payload = {"lastUpdateId": 1, "T": 5, "bids": [["50000.0", "10"]], "asks": []}
    assert Binance.parse_book(payload, INVERSE, 0).bids[0].size == Decimal("0.02")


@pytest.mark.parametrize(
    ("instrument", "asked", "limit", "cost"),
    [
        (BTC, 1, 1, 5), (BTC, 101, 101, 25), (BTC, 9999, 5000, 250),
        (PERP, 1, 5, 5), (PERP, 101, 500, 25), (PERP, 5000, 1000, 50),
    ],
)  # fmt: skip
def test_the_next_allowed_depth_is_asked_at_its_weight(
    instrument: Instrument, asked: int, limit: int, cost: float
) -> None:
    venue = binance({})
    request = venue.book_request(instrument, venue.allowed_depth(instrument, asked))
    assert request.url.endswith(f"limit={limit}")
    assert request.cost == cost


def test_the_real_hosts_stay_in_the_urls_so_that_ccxt_maps_errors_per_section() -> None:
    # -2021 is known for USDⓈ-M only; ccxt picks the table by the URL.
    reply = answer({"code": -2021, "msg": "Order would immediately trigger."}, 400)
    with pytest.raises(Exception, match="immediately trigger") as caught:
        binance({"/fapi/v1/depth": reply}).fetch_book(PERP, 5)
    assert type(caught.value.__cause__).__name__ == "OrderImmediatelyFillable"


def test_an_invalid_symbol_is_not_listed_and_a_limit_carries_its_wait() -> None:
    reply = answer({"code": -1121, "msg": "Invalid symbol."}, 400)
    with pytest.raises(NotListed, match="Invalid symbol"):
        binance({"/api/v3/depth": reply}).fetch_book(BTC, 5)
    limited = answer({"code": -1003, "msg": "Too many requests"}, 429, {"retry-after": "9"})
    with pytest.raises(RateLimited) as caught:
        binance({"/api/v3/depth": limited}).fetch_book(BTC, 5)
    assert caught.value.retry_after_s == 9


def test_the_venues_own_count_reaches_the_budget_once_it_matters() -> None:
    payload = {"lastUpdateId": 1, "bids": [], "asks": []}
    for used, told in (("10", []), ("3000", [(3000.0, 6000, 60.0)])):
        venue = binance({"/api/v3/depth": answer(payload, headers={"x-mbx-used-weight-1m": used})})
        venue.fetch_book(BTC, 5)
        assert venue.context.guard.told == told  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "payload",
    [
        [], {}, {"lastUpdateId": 1}, {"lastUpdateId": "x", "bids": [], "asks": []},
        {"lastUpdateId": 1, "bids": {"a": 1}, "asks": []}, {"lastUpdateId": 1, "bids": [["1"]], "asks": []},
        {"lastUpdateId": 1, "bids": [["-1", "1"]], "asks": []}, {"lastUpdateId": 1, "bids": [["NaN", "1"]], "asks": []},
        {"lastUpdateId": 1, "bids": [["1", "1"], ["2", "1"]], "asks": []}, {"lastUpdateId": 1, "bids": [7], "asks": []},
        {"lastUpdateId": 1, "bids": [["1", "9" * 5000]], "asks": []}, None, 7, "text",
    ],
)  # fmt: skip
def test_a_hostile_book_is_a_bad_answer(payload: Any) -> None:
    with pytest.raises(BadAnswer) as caught:
        binance({"/api/v3/depth": answer(payload)}).fetch_book(BTC, 5)
    assert caught.value.venue == "binance"


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"bids":[', b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_not_json_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        binance({"/api/v3/depth": answer(body)}).fetch_book(BTC, 5)
