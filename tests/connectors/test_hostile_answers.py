"""Whatever a venue sends: an error of ours comes out, or a book and a rate that are sound; nothing else, ever.

Real-shaped answers are taken from the venues' documentation (see tests/connectors/venues); hypothesis breaks them.
"""

import copy
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.http import Request, Response
from connectors.native_connector import NativeConnector
from connectors.registry import load_class
from connectors.venues.binance import Binance
from connectors.venues.bybit import Bybit
from connectors.venues.deribit import Deribit
from connectors.venues.kucoin import Kucoin
from connectors.venues.okx import Okx
from domain.books import Book, Levels
from domain.errors import BadAnswer, CrossbookError
from domain.funding import MAX_RATE, Funding
from domain.instruments import PERPETUAL, SPOT, Instrument
from domain.money import BadNumber
from market_data.funding import FundingRow, fill
from tests.connectors.fakes import FakeHttp, answer, context
from utils.config.load import load_config

BIDS = [["100.5", "2"], ["100.4", "3"], ["100.1", "1"]]
ASKS = [["100.6", "2"], ["100.7", "3"], ["101.0", "1"]]
NOW_MS = 1_763_694_000_000
T = NOW_MS + 3_600_000


class Case(NamedTuple):
    """A venue, two of its instruments, and its answers by path."""

    connector: type[NativeConnector]
    spot: Instrument
    perpetual: Instrument
    answers: Mapping[str, Any]


def _instruments(venue: str, spot: str, spot_product: str, perp: str, product: str) -> tuple[Instrument, Instrument]:
    return (
        Instrument(venue, "BTC/USDT", spot, SPOT, "BTC", "USDT", None, "BTC", product=spot_product),
        Instrument(venue, "BTC/USDT:USDT", perp, PERPETUAL, "BTC", "USDT", "USDT", "BTC", product=product),
    )


def _okx(*rows: Any) -> Any:
    return {"code": "0", "msg": "", "data": list(rows)}


def _bybit(row: Any) -> Any:
    return {"retCode": 0, "retMsg": "OK", "result": row, "time": NOW_MS}


def _kucoin(row: Any) -> Any:
    return {"code": "200000", "data": row}


def _deribit(row: Any) -> Any:
    return {"jsonrpc": "2.0", "result": row}


_DEPTH = {"lastUpdateId": 7, "bids": BIDS, "asks": ASKS}
_DERIBIT_BOOK = {"instrument_name": "BTC-PERPETUAL", "timestamp": NOW_MS, "change_id": 5}
CASES: Mapping[str, Case] = {
    "binance": Case(
        Binance,
        *_instruments("binance", "BTCUSDT", "spot", "BTCUSDT", "linear"),
        {
            "/api/v3/depth": _DEPTH,
            "/fapi/v1/depth": _DEPTH | {"E": NOW_MS, "T": NOW_MS},
            "/api/v3/ticker/bookTicker": {
                "symbol": "BTCUSDT", "bidPrice": "1", "bidQty": "2", "askPrice": "3", "askQty": "4",
            },
            "/fapi/v1/premiumIndex": {
                "symbol": "BTCUSDT", "markPrice": "100", "indexPrice": "100", "lastFundingRate": "0.0001",
                "nextFundingTime": T, "time": NOW_MS,
            },
            "/fapi/v1/fundingInfo": [{"symbol": "BTCUSDT", "fundingIntervalHours": 4}],
            "/fapi/v1/fundingRate": [{"symbol": "BTCUSDT", "fundingTime": NOW_MS, "fundingRate": "0.0001"}],
            "/api/v3/time": {"serverTime": NOW_MS},
        },
    ),
    "okx": Case(
        Okx,
        *_instruments("okx", "BTC-USDT", "SPOT", "BTC-USDT-SWAP", "SWAP"),
        {
            "/api/v5/market/books": _okx({"bids": BIDS, "asks": ASKS, "ts": str(NOW_MS), "seqId": 9}),
            "/api/v5/public/funding-rate": _okx({
                "instId": "BTC-USDT-SWAP", "fundingRate": "0.0001", "fundingTime": str(T), "nextFundingRate": "",
                "nextFundingTime": str(T + 28_800_000),
            }),
            "/api/v5/public/mark-price": _okx({"instId": "BTC-USDT-SWAP", "markPx": "100"}),
            "/api/v5/market/index-tickers": _okx({"instId": "BTC-USDT", "idxPx": "100"}),
            "/api/v5/public/funding-rate-history": _okx({
                "instId": "BTC-USDT-SWAP", "fundingRate": "0.0001", "realizedRate": "0.0001",
                "fundingTime": str(NOW_MS),
            }),
            "/api/v5/public/time": _okx({"ts": str(NOW_MS)}),
        },
    ),
    "bybit": Case(
        Bybit,
        *_instruments("bybit", "BTCUSDT", "spot", "BTCUSDT", "linear"),
        {
            "/v5/market/orderbook": _bybit({
                "s": "BTCUSDT", "b": BIDS, "a": ASKS, "ts": NOW_MS, "cts": NOW_MS, "u": 5, "seq": 9,
            }),
            "/v5/market/tickers": _bybit({"category": "linear", "list": [{
                "symbol": "BTCUSDT", "fundingRate": "0.0001", "nextFundingTime": str(T), "fundingIntervalHour": "8",
                "markPrice": "100", "indexPrice": "100",
            }]}),
            "/v5/market/funding/history": _bybit({"list": [
                {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": str(NOW_MS)},
            ]}),
            "/v5/market/time": _bybit({"timeSecond": "1"}),
        },
    ),
    "kucoin": Case(
        Kucoin,
        *_instruments("kucoin", "BTC-USDT", "spot", "XBTUSDTM", "futures"),
        {
            "/api/v1/market/orderbook/level2_20": _kucoin({
                "time": NOW_MS, "sequence": "1", "bids": BIDS, "asks": ASKS,
            }),
            "/api/v1/level2/depth20": _kucoin({
                "symbol": "XBTUSDTM", "ts": NOW_MS * 1_000_000, "sequence": 1, "bids": BIDS, "asks": ASKS,
            }),
            "/api/v1/market/orderbook/level1": _kucoin({
                "time": NOW_MS, "sequence": "1", "bestBid": "1", "bestBidSize": "2", "bestAsk": "3", "bestAskSize": "4",
            }),
            "/api/v1/funding-rate/XBTUSDTM/current": _kucoin({
                "symbol": ".XBTUSDTMFPI8H", "granularity": 28_800_000, "value": "0.0001", "predictedValue": "0.0001",
                "fundingTime": T,
            }),
            "/api/v1/contracts/XBTUSDTM": _kucoin({"symbol": "XBTUSDTM", "markPrice": "100", "indexPrice": "100"}),
            "/api/v1/contract/funding-rates": _kucoin([
                {"symbol": "XBTUSDTM", "fundingRate": "0.0001", "timepoint": NOW_MS},
            ]),
            "/api/v1/timestamp": _kucoin(NOW_MS),
        },
    ),
    "deribit": Case(
        Deribit,
        *_instruments("deribit", "BTC-PERPETUAL", "spot", "BTC-PERPETUAL", "future"),
        {
            "/api/v2/public/get_order_book": _deribit(_DERIBIT_BOOK | {"bids": BIDS, "asks": ASKS}),
            "/api/v2/public/ticker": _deribit({
                "instrument_name": "BTC-PERPETUAL", "current_funding": "0.0001", "mark_price": "100",
                "index_price": "100",
            }),
            "/api/v2/public/get_funding_rate_history": _deribit([
                {"timestamp": NOW_MS, "interest_1h": "0.0001", "interest_8h": "0.0008"},
            ]),
            "/api/v2/public/get_time": _deribit(NOW_MS),
        },
    ),
}  # fmt: skip
READS: Mapping[str, Callable[[NativeConnector, Case], Any]] = {
    "spot book": lambda it, case: it.fetch_book(case.spot, 5),
    "perpetual book": lambda it, case: it.fetch_book(case.perpetual, 5),
    "spot quote": lambda it, case: it.fetch_quote(case.spot),
    "perpetual quote": lambda it, case: it.fetch_quote(case.perpetual),
    "funding": lambda it, case: it.fetch_funding(case.perpetual),
    "history": lambda it, case: it.fetch_funding_history(case.perpetual, NOW_MS - 1000),
    "clock": lambda it, case: it.fetch_clock_ms(),
}

nothings = st.sampled_from([
    None, True, False, 0, -1, "", "-1", "1e400", "nan", "Infinity", "1_0", " 1 ", "x" * 1_000_000, 10**400, "9" * 70,
    [], {}, [[]], [None], ["97"], [["1"]], [[1, "x"]], [["1", "-1"]], [["0", "1"]], {"0": "1"}, [[["1"], ["1"]]],
    "\ud800", "\x1b[2J", 2**63, "１２", "5", "0", "1e19", "-0.95", "0.5", 1, 10**13,
])  # fmt: skip
trees = st.recursive(
    nothings | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
LITERALS = st.sampled_from(
    [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1.5", b"[" * 100_000, b"", b"\xff", b"9" * 5000]
)


class Anything(FakeHttp):
    """Answers every path with the same bytes, or with the case's own answer where there are none for it."""

    def __init__(self, case: Case, body: bytes | None = None, path: str = "", status: int = 200) -> None:
        super().__init__({})
        self.case, self.body, self.path, self.status = case, body, path, status

    def send(self, request: Request, *, deadline: float) -> Response:
        self.requests.append(request)
        path = request.url.split("/", 3)[3].partition("?")[0]
        if len(self.requests) > 60:
            return answer({"code": "0", "retCode": 0, "data": [], "result": {"list": []}})
        if self.body is not None and self.path in ("", f"/{path}"):
            return answer(self.body, self.status)
        return answer(self.case.answers[f"/{path}"])


def connector(name: str, http: FakeHttp) -> NativeConnector:
    case = CASES[name]
    given = context({}, venue=name)
    object.__setattr__(given, "http", http)
    return case.connector(name, given)


def sound(side: Levels, *, rising: bool) -> None:
    """Every level that can be read is in order; what cannot be read says so."""
    try:
        prices = [level.price for level in side]
    except BadNumber:
        return
    assert prices == sorted(prices, reverse=not rising)
    assert all(price > 0 for price in prices)


def check(found: Any) -> None:
    """Look at what came out of a read."""
    if isinstance(found, Book):
        sound(found.bids, rising=False)
        sound(found.asks, rising=True)
    elif isinstance(found, Funding):
        assert found.current is None or abs(found.current) <= MAX_RATE
        row = FundingRow(found.venue, found.symbol)
        fill(row, found, ())
        assert row.apr is None or row.apr.is_finite()
    elif isinstance(found, int):
        assert 0 <= found < 10**14


def read(name: str, what: str, http: FakeHttp) -> Any:
    """Read through the connector; errors of ours are what may come instead."""
    try:
        found = READS[what](connector(name, http), CASES[name])
    except CrossbookError as error:
        found = error
    if isinstance(found, CrossbookError):
        assert len(found.message) < 1000
        assert found.category != "internal"
    else:
        check(found)
    return found


def places(payload: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List every place of a payload, the whole included."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(payload, dict):
        inner = list(payload.items())
    elif isinstance(payload, list):
        inner = list(enumerate(payload))
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def changed(payload: Any, place: tuple[Any, ...], value: Any, *, drop: bool) -> Any:
    """Put another value in a place of a payload, or leave it out."""
    if not place:
        return value
    found = copy.deepcopy(payload)
    at = found
    for key in place[:-1]:
        at = at[key]
    if drop:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return found


def encoded(payload: Any) -> bytes:
    return json.dumps(payload).encode()


quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
every_venue = pytest.mark.parametrize("name", CASES)


def test_every_venue_that_is_read_natively_is_attacked() -> None:
    classes = [load_class(s.class_path, s.name) for s in load_config().venues.values() if not s.retired]
    assert {case.connector for case in CASES.values()} == {it for it in classes if issubclass(it, NativeConnector)}


@every_venue
@pytest.mark.parametrize("what", READS)
def test_what_is_sound_is_read(name: str, what: str) -> None:
    found = read(name, what, Anything(CASES[name]))
    assert not isinstance(found, CrossbookError), found


@every_venue
@quick
@given(data=st.data(), payload=trees, what=st.sampled_from(list(READS)), status=st.sampled_from([200, 200, 400, 503]))
def test_any_json_is_an_error_of_ours_or_sound(name: str, data: Any, payload: Any, what: str, status: int) -> None:
    envelope = data.draw(
        st.sampled_from([payload, _okx(payload), _bybit(payload), _kucoin(payload), _deribit(payload)])
    )
    read(name, what, Anything(CASES[name], encoded(envelope), status=status))


@every_venue
@settings(quick, max_examples=150)
@given(data=st.data(), value=nothings, drop=st.booleans(), what=st.sampled_from(list(READS)))
def test_an_answer_with_one_thing_wrong_is_refused_or_sound(
    name: str, data: Any, value: Any, drop: bool, what: str
) -> None:
    path = data.draw(st.sampled_from(sorted(CASES[name].answers)))
    payload = CASES[name].answers[path]
    place = data.draw(st.sampled_from(places(payload)))
    read(name, what, Anything(CASES[name], encoded(changed(payload, place, value, drop=drop)), path))


@every_venue
@quick
@given(data=st.data(), literal=LITERALS, what=st.sampled_from(list(READS)))
def test_literals_that_json_does_not_have_are_refused(name: str, data: Any, literal: bytes, what: str) -> None:
    path = data.draw(st.sampled_from(sorted(CASES[name].answers)))
    payload = CASES[name].answers[path]
    place = data.draw(st.sampled_from(places(payload)))
    body = encoded(changed(payload, place, "@@", drop=False)).replace(b'"@@"', literal)
    read(name, what, Anything(CASES[name], body, path))


@every_venue
@quick
@given(order=st.permutations(range(3)), side=st.sampled_from(["bids", "asks", "b", "a"]))
def test_levels_in_another_order_never_make_a_book(name: str, order: list[int], side: str) -> None:
    shuffled = json.loads(json.dumps(CASES[name].answers))

    def walk(found: Any) -> None:
        for key, inner in found.items() if isinstance(found, dict) else enumerate(found):
            if key == side and isinstance(inner, list):
                found[key] = [inner[index] for index in order]
            elif isinstance(inner, (dict, list)):
                walk(inner)

    walk(shuffled)
    case = CASES[name]._replace(answers=shuffled)
    touched = shuffled != CASES[name].answers
    for what in ("spot book", "perpetual book"):
        found = read(name, what, Anything(case))
        assert isinstance(found, BadAnswer if touched else Book), found


@every_venue
@pytest.mark.parametrize("price", [b"NaN", b"-5", b"Infinity", b"true", b"[]"])
@pytest.mark.parametrize("what", ["spot quote", "perpetual quote"])
def test_a_price_that_is_none_is_no_empty_side(name: str, price: bytes, what: str) -> None:
    answers = json.dumps(CASES[name].answers).replace('"100.5"', "@@").replace('"bidPrice": "1"', '"bidPrice": @@')
    answers = answers.replace('"bestBid": "1"', '"bestBid": @@')
    parsed = json.loads(answers.replace("@@", '"@@"'))

    class Poisoned(FakeHttp):
        def send(self, request: Request, *, deadline: float) -> Response:
            path = "/" + request.url.split("/", 3)[3].partition("?")[0]
            return answer(encoded(parsed[path]).replace(b'"@@"', price))

    assert isinstance(read(name, what, Poisoned({})), BadAnswer)


@pytest.mark.parametrize(
    ("name", "path", "place"),
    [
        ("binance", "/api/v3/ticker/bookTicker", ("symbol",)),
        ("binance", "/fapi/v1/premiumIndex", ("symbol",)),
        ("okx", "/api/v5/public/funding-rate", ("data", 0, "instId")),
        ("okx", "/api/v5/public/mark-price", ("data", 0, "instId")),
        ("bybit", "/v5/market/orderbook", ("result", "s")),
        ("bybit", "/v5/market/tickers", ("result", "list", 0, "symbol")),
        ("kucoin", "/api/v1/level2/depth20", ("data", "symbol")),
        ("kucoin", "/api/v1/contracts/XBTUSDTM", ("data", "symbol")),
        ("deribit", "/api/v2/public/get_order_book", ("result", "instrument_name")),
        ("deribit", "/api/v2/public/ticker", ("result", "instrument_name")),
    ],
)
def test_an_answer_about_another_instrument_is_refused(name: str, path: str, place: tuple[Any, ...]) -> None:
    body = encoded(changed(CASES[name].answers[path], place, "ETHUSDT", drop=False))
    outcomes = [read(name, what, Anything(CASES[name], body, path)) for what in READS]
    assert any(isinstance(found, BadAnswer) for found in outcomes)
    assert not any(isinstance(found, CrossbookError) and not isinstance(found, BadAnswer) for found in outcomes)


@every_venue
@pytest.mark.parametrize("header", ["abc", "nan", "inf", "-1", "9" * 400, "١", ""])
def test_headers_that_are_no_numbers_harm_nobody(name: str, header: str) -> None:
    names = (
        "x-mbx-used-weight-1m", "gw-ratelimit-limit", "gw-ratelimit-remaining", "gw-ratelimit-reset",
        "x-bapi-limit-reset-timestamp", "retry-after",
    )  # fmt: skip

    class Odd(Anything):
        def send(self, request: Request, *, deadline: float) -> Response:
            found = super().send(request, deadline=deadline)
            return Response(self.status, dict.fromkeys(names, header), found.body, found.received_at_ns, 1.0)

    assert isinstance(read(name, "spot book", Odd(CASES[name])), Book)
    assert isinstance(read(name, "spot book", Odd(CASES[name], b"{}", status=429)), CrossbookError)


def test_names_that_are_not_ascii_are_asked_for() -> None:
    http = Anything(CASES["binance"])
    item = Instrument(
        "binance", "币安人生/USDT", "币安人生USDT", SPOT, "币安人生", "USDT", None, "币安人生", product="spot"
    )
    connector("binance", http).fetch_book(item, 5)
    assert http.requests[0].url.isascii()
    assert "%E5%B8%81" in http.requests[0].url


@pytest.mark.parametrize(
    ("name", "path", "place", "value"),
    [
        ("binance", "/fapi/v1/premiumIndex", ("lastFundingRate",), "5"),
        ("binance", "/fapi/v1/fundingInfo", (0, "fundingIntervalHours"), 0),
        ("okx", "/api/v5/public/funding-rate", ("data", 0, "nextFundingTime"), str(T)),
        ("okx", "/api/v5/public/funding-rate", ("data", 0, "fundingRate"), "-2"),
        ("bybit", "/v5/market/tickers", ("result", "list", 0, "fundingIntervalHour"), "0"),
        ("bybit", "/v5/market/tickers", ("result", "list", 0, "nextFundingTime"), "9" * 18),
        ("kucoin", "/api/v1/funding-rate/XBTUSDTM/current", ("data", "granularity"), 1),
        ("kucoin", "/api/v1/funding-rate/XBTUSDTM/current", ("data", "predictedValue"), "7"),
        ("deribit", "/api/v2/public/ticker", ("result", "current_funding"), "1e15"),
    ],
)
def test_funding_that_cannot_be_is_refused(name: str, path: str, place: tuple[Any, ...], value: Any) -> None:
    body = encoded(changed(CASES[name].answers[path], place, value, drop=False))
    assert isinstance(read(name, "funding", Anything(CASES[name], body, path)), BadAnswer)


@every_venue
def test_a_key_that_is_there_twice_is_read_as_json_reads_it(name: str) -> None:
    """The last one counts, for every parser in use; what comes out is a whole book all the same."""
    for path, payload in CASES[name].answers.items():
        text = json.dumps(payload)
        for key, side in (("bids", BIDS), ("b", BIDS)):
            written = f'"{key}": {json.dumps(side)}'
            if written in text:
                body = text.replace(written, f'"{key}": [["1", "1"]], {written}').encode()
                for what in ("spot book", "perpetual book"):
                    found = read(name, what, Anything(CASES[name], body, path))
                    assert [level.price for level in found.bids] == [Decimal(row[0]) for row in side]
