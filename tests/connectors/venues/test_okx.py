"""OKX: recorded instruments, and the documented shapes of books, funding and errors."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.venues.okx import Okx
from domain.errors import Maintenance, NotListed, RateLimited, Unsupported
from domain.instruments import PERPETUAL, SPOT, Instrument
from tests.connectors.fakes import FakeHttp, answer, context
from tests.connectors.recorded import answers

BTC = Instrument("okx", "BTC/USDT", "BTC-USDT", SPOT, "BTC", "USDT", None, "BTC", product="SPOT")
SWAP = Instrument(
    "okx", "BTC/USDT:USDT", "BTC-USDT-SWAP", PERPETUAL, "BTC", "USDT", "USDT", "BTC", unit_size=Decimal("0.01"),
    product="SWAP",
)  # fmt: skip
# Shapes: okx.com/docs-v5, "Get order book" and "Get funding rate", read 2026-11-21 through ccxt 4.5.90.
BOOK = {
    "code": "0", "msg": "",
    "data": [{
        "asks": [["41006.8", "0.60", "0", "1"]], "bids": [["41006.3", "30", "0", "2"]],
        "ts": "1629966436396", "seqId": 3235851742,
    }],
}  # fmt: skip
RATE = {
    "code": "0", "msg": "",
    "data": [{
        "fundingRate": "0.0000182221218054", "fundingTime": "1703088000000", "instId": "BTC-USDT-SWAP",
        "instType": "SWAP", "method": "current_period", "nextFundingRate": "", "nextFundingTime": "1703116800000",
    }],
}  # fmt: skip
MARK = {"code": "0", "data": [{"instId": "BTC-USDT-SWAP", "instType": "SWAP", "markPx": "42310.6", "ts": "1"}]}
INDEX = {"code": "0", "data": [{"instId": "BTC-USDT", "idxPx": "42300.1", "ts": "1"}]}
EMPTY = answer({"code": "0", "msg": "", "data": []})


def okx(routes: dict[str, Any], environment: str = "paper") -> Okx:
    return Okx("okx", context(routes, venue="okx", environment=environment))


def test_recorded_instruments_have_exact_units(recordings: Path) -> None:
    by_query: dict[str, Any] = {}
    for url, _, found in answers(recordings, "OKX.0"):
        by_query[url.partition("?")[2]] = found

    def instruments(request: Any) -> Any:
        return by_query.get(request.url.partition("?")[2], EMPTY)

    found = {item.symbol: item for item in okx({"/api/v5/public/instruments": instruments}).fetch_instruments()}
    raw = [row for item in by_query.values() for row in json.loads(item.body)["data"]]
    assert len(found) > 1000
    assert {item.native_id for item in found.values()} <= {row["instId"] for row in raw}
    spot, linear, inverse = found["BTC/USDT"], found["BTC/USDT:USDT"], found["BTC/USD:BTC"]
    assert (spot.native_id, spot.product, spot.unit_size) == ("BTC-USDT", "SPOT", 1)
    assert str(spot.tick_size) == "0.1"
    assert (linear.native_id, linear.unit_size, linear.inverse) == ("BTC-USDT-SWAP", Decimal("0.01"), False)
    assert (inverse.native_id, inverse.unit_size, inverse.inverse) == ("BTC-USD-SWAP", Decimal(100), True)
    options = [item for item in found.values() if item.kind == "option"]
    assert options
    for item in options[:50]:
        row = next(row for row in raw if row["instId"] == item.native_id)
        assert item.unit_size == Decimal(row["ctVal"]) * Decimal(row["ctMult"])
        assert not item.inverse  # counted in the base coin
        assert str(item.strike) == row["stk"]
        assert item.option_type == {"C": "call", "P": "put"}[row["optType"]]
        assert item.expiry_ms == int(row["expTime"])


def test_a_book_is_in_base_units_with_time_and_sequence() -> None:
    book = okx({"/api/v5/market/books": answer(BOOK)}).fetch_book(SWAP, 1)
    assert book.bids[0] == (Decimal("41006.3"), Decimal("0.3"))
    assert book.asks[0] == (Decimal("41006.8"), Decimal("0.006"))
    assert book.venue_time_ns == 1629966436396_000_000
    assert book.sequence == 3235851742


def test_books_above_400_levels_use_the_full_book() -> None:
    venue = okx({"/api/v5/market/books-full": answer(BOOK)})
    venue.fetch_book(BTC, 401)
    http = venue.context.http
    assert isinstance(http, FakeHttp)
    assert http.requests[0].url.endswith("books-full?instId=BTC-USDT&sz=1000")


def test_funding_has_the_declared_interval_and_an_unknown_prediction_stays_none() -> None:
    routes = {
        "/api/v5/public/funding-rate": answer(RATE),
        "/api/v5/public/mark-price": answer(MARK),
        "/api/v5/market/index-tickers": answer(INDEX),
    }
    funding = okx(routes).fetch_funding(SWAP)
    assert funding.current == Decimal("0.0000182221218054")
    assert funding.predicted is None
    assert funding.interval_h == 8
    assert funding.next_time_ms == 1703088000000
    assert (funding.mark_price, funding.index_price) == (Decimal("42310.6"), Decimal("42300.1"))


def test_funding_history_walks_back_and_uses_the_rate_that_was_paid() -> None:
    rows = [
        {"fundingTime": str(n * 28_800_000), "fundingRate": "0.9", "realizedRate": f"0.000{n}"} for n in range(1, 8)
    ]

    def page(request: Any) -> Any:
        after = int(request.url.partition("after=")[2].partition("&")[0])
        return answer({"code": "0", "data": [row for row in reversed(rows) if int(row["fundingTime"]) < after][:3]})

    found = okx({"/api/v5/public/funding-rate-history": page}).fetch_funding_history(SWAP, 3 * 28_800_000)
    assert [point.time_ms // 28_800_000 for point in found] == [3, 4, 5, 6, 7]
    assert found[0].rate == Decimal("0.0003")


def test_spot_pays_no_funding() -> None:
    with pytest.raises(Unsupported):
        okx({}).fetch_funding(BTC)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer({"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []}), NotListed),
        (answer({"code": "50011", "msg": "Rate limit reached.", "data": []}), RateLimited),
        (answer({"code": "50061", "msg": "Sub-account rate limit", "data": []}), RateLimited),
        (answer({"code": "50001", "msg": "Service temporarily unavailable", "data": []}, 503), Maintenance),
    ],
)
def test_errors_in_the_envelope_are_told_apart(reply: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        okx({"/api/v5/market/books": reply}).fetch_book(BTC, 5)


def test_demo_trading_is_marked_by_a_header_on_native_and_on_ccxt_requests() -> None:
    venue = okx({"/api/v5/market/books": answer(BOOK), "/api/v5/public/instruments": EMPTY}, environment="testnet")
    venue.fetch_book(BTC, 5)
    venue.fetch_instruments()
    http = venue.context.http
    assert isinstance(http, FakeHttp)
    assert len(http.requests) == 6
    assert all(request.headers["x-simulated-trading"] == "1" for request in http.requests)
