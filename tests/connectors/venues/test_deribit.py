"""Deribit: recorded instruments, and the documented shapes of books, funding and errors (JSON numbers)."""

import json
import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connectors.venues.deribit import Deribit
from domain import errors as domain
from domain.instruments import FUTURE, OPTION, PERPETUAL, Instrument
from tests.connectors.fakes import answer, context
from tests.connectors.recorded import answers

PERP = Instrument(
    "deribit", "BTC/USD:BTC", "BTC-PERPETUAL", PERPETUAL, "BTC", "USD", "BTC", "BTC", inverse=True, product="future"
)  # fmt: skip
# Shapes: docs.deribit.com public/get_order_book, public/ticker, public/get_funding_rate_history, read 2026-11-21.
BOOK = '{"jsonrpc":"2.0","result":{"timestamp":1550757626706,"stats":{},"state":"open","settlement_price":3925.85,\
"open_interest":45.27,"instrument_name":"BTC-PERPETUAL","change_id":474988,"bids":[[3955.75,30.0],[3940.75,102020.0]],\
"asks":[[4005.1,0],[4005.50,1e3]],"best_bid_price":3955.75,"best_ask_price":4005.1}}'
TICKER = '{"jsonrpc":"2.0","result":{"timestamp":1623060194301,"mark_price":36446.51,"index_price":36441.64,\
"funding_8h":0.00002203,"current_funding":1e-05,"instrument_name":"BTC-PERPETUAL"}}'


def deribit(routes: dict[str, Any]) -> Deribit:
    return Deribit("deribit", context(routes, venue="deribit"))


def result(payload: object) -> Any:
    return answer({"jsonrpc": "2.0", "result": payload, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False})


def failure(code: int, message: str, status: int = 400) -> Any:
    return answer({"jsonrpc": "2.0", "error": {"code": code, "message": message, "data": {}}, "testnet": False}, status)


def test_recorded_instruments_have_unified_symbols_and_amounts_as_units(recordings: Path) -> None:
    rows = []
    for _, _, found in answers(recordings, "DERIBIT.0"):
        rows += json.loads(found.body).get("result", [])
    for row in rows:  # of 2021: named differently since
        row.setdefault("counter_currency", "USD")
        row.setdefault("settlement_currency", row["base_currency"])
    combo = {**rows[0], "kind": "option_combo", "instrument_name": "BTC-BOX-25DEC26-1-2"}
    listed = deribit({"/api/v2/public/get_instruments": result([combo, *rows])}).fetch_instruments()
    found = {item.native_id: item for item in listed}
    assert "BTC-BOX-25DEC26-1-2" not in found
    assert {item.kind for item in listed} == {PERPETUAL, FUTURE, OPTION}
    perpetual = found["BTC-PERPETUAL"]
    assert (perpetual.symbol, perpetual.inverse, perpetual.unit_size) == ("BTC/USD:BTC", True, 1)
    assert (perpetual.contract_size, perpetual.expiry_ms) == (10, None)
    option = next(item for item in listed if item.kind == OPTION and item.base == "BTC")
    assert not option.inverse  # counted in the base coin
    assert option.native_id.split("-")[2] == str(option.strike)
    assert len({item.symbol for item in listed}) == len(listed)


def test_a_book_keeps_the_digits_of_json_numbers_and_counts_usd() -> None:
    book = deribit({"/api/v2/public/get_order_book": answer(BOOK)}).fetch_book(PERP, 2)
    assert book.bids[0].price == Decimal("3955.75")
    assert book.bids[0].size == Decimal("30.0") / Decimal("3955.75")
    assert str(book.asks[1].price) == "4005.50"
    assert book.asks[1].size == Decimal(1000) / Decimal("4005.50")
    assert (book.venue_time_ns, book.sequence) == (1550757626706_000_000, 474988)


def test_funding_is_continuous_and_has_no_next_settlement() -> None:
    funding = deribit({"/api/v2/public/ticker": answer(TICKER)}).fetch_funding(PERP)
    assert funding.continuous
    assert funding.next_time_ms is None
    assert (funding.current, funding.interval_h) == (Decimal("0.00001"), 8)
    assert (funding.mark_price, funding.index_price) == (Decimal("36446.51"), Decimal("36441.64"))


def test_funding_history_is_hourly_and_asked_a_month_at_a_time() -> None:
    hour = 3_600_000
    asked: list[tuple[int, int]] = []

    def page(request: Any) -> Any:
        start, end = (int(request.url.partition(f"{n}_timestamp=")[2].partition("&")[0]) for n in ("start", "end"))
        asked.append((start, end))
        moments = range(-(-start // hour) * hour, end + 1, hour)
        return result([{"timestamp": t, "interest_1h": 1e-06, "interest_8h": 8e-06} for t in moments])

    since = time.time_ns() // 1_000_000 - 70 * 24 * hour
    found = deribit({"/api/v2/public/get_funding_rate_history": page}).fetch_funding_history(PERP, since)
    assert len(found) == 70 * 24
    assert {b.time_ms - a.time_ms for a, b in pairwise(found)} == {hour}
    assert {(point.rate, point.interval_h) for point in found} == {(Decimal("0.000001"), Decimal(1))}
    assert all(end - start <= 744 * hour for start, end in asked)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (failure(-32602, "Invalid params"), domain.Refused),
        (failure(13020, "not_found"), domain.NotListed),
        (failure(10028, "too_many_requests", 429), domain.RateLimited),
        (failure(10066, "too_many_concurrent_requests"), domain.RateLimited),
        (failure(11051, "system_maintenance", 503), domain.Maintenance),
        (failure(13028, "temporarily_unavailable", 503), domain.Unavailable),
        (failure(13009, "unauthorized"), domain.Unauthorized),
    ],
)
def test_errors_are_told_apart(reply: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        deribit({"/api/v2/public/get_order_book": reply}).fetch_book(PERP, 5)


@pytest.mark.parametrize(("status", "words"), [({"locked": "false"}, None), ({"locked": "true"}, "locked: all")])
def test_the_lock_of_the_venue_is_its_maintenance(status: Any, words: str | None) -> None:
    assert deribit({"/api/v2/public/status": result(status)}).fetch_maintenance() == words
