"""Every recorded instrument and book of real venues, through the connectors' own reading, against the raw files.

The recordings are of 2021 and 2022 (their README says from where). Where a venue has moved a list to another path
since, the recorded body is served at today's path. Deribit's rows of 2021 lack two fields that its rows have since:
what they meant then (every contract settled in its coin and counted in dollars) is written in, as the tape does.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.base import Connector
from connectors.market_cache import MarketCache
from connectors.venues.binance import Binance
from connectors.venues.deribit import Deribit
from connectors.venues.kucoin import Kucoin
from connectors.venues.okx import Okx
from domain.instruments import PERPETUAL, SPOT, Instrument
from tests import raw_recordings as raw
from tests.connectors.fakes import answer, context
from tests.connectors.opened import collisions
from tests.connectors.recorded import answers
from utils.symbols.language import read

Ids = Counter[tuple[str, str]]
"""(section, native id) as it was recorded."""


def binance(folder: Path) -> tuple[Connector, Ids]:
    spot = next(found for url, _, found in answers(folder, "BINANCE.0") if "exchangeInfo" in url)
    linear = next(found for url, _, found in answers(folder, "BINANCE_FUTURES.0") if "exchangeInfo" in url)
    routes = {
        "/api/v3/exchangeInfo": spot,
        "/fapi/v1/exchangeInfo": linear,
        "/dapi/v1/exchangeInfo": answer({"symbols": []}),
    }
    ids = Counter(("spot", name) for name in raw.binance_symbols(folder, "BINANCE"))
    ids += Counter(("linear", name) for name in raw.binance_symbols(folder, "BINANCE_FUTURES"))
    return Binance("binance", context(routes, venue="binance")), ids


def okx(folder: Path) -> tuple[Connector, Ids]:
    lists = {url.partition("?")[2]: found for url, _, found in answers(folder, "OKX.0")}
    nothing = answer({"code": "0", "msg": "", "data": []})

    def instruments(request: Any) -> Any:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        wanted = [asked["instType"], asked.get("uly") or asked.get("instFamily") or ""]
        for query, found in lists.items():
            of = {name: values[0] for name, values in parse_qs(query).items()}
            if [of["instType"], of.get("uly", "")] == wanted:
                return found
        return nothing

    ids = Counter((row["instType"], name) for name, row in raw.okx_instruments(folder).items())
    return Okx("okx", context({"/api/v5/public/instruments": instruments}, venue="okx")), ids


def kucoin(folder: Path) -> tuple[Connector, Ids]:
    listed = next(found for url, _, found in answers(folder, "KUCOIN.0") if url.endswith("/symbols"))
    nothing = answer({"code": "200000", "data": []})
    routes = {
        "/api/v2/symbols": listed,  # /api/v1/symbols in 2021
        "/api/v1/market/allTickers": answer({"code": "200000", "data": {"ticker": []}}),
        "/api/v1/contracts/active": nothing,
    }
    return Kucoin("kucoin", context(routes, venue="kucoin")), Counter(
        ("spot", name) for name in raw.kucoin_symbols(folder)
    )


def deribit(folder: Path) -> tuple[Connector, Ids]:
    rows = [row for _, _, found in answers(folder, "DERIBIT.0") for row in json.loads(found.body).get("result", [])]
    for row in rows:
        row.setdefault("counter_currency", "USD")
        row.setdefault("settlement_currency", row["base_currency"])
    listed = answer({"jsonrpc": "2.0", "result": rows})

    def instruments(request: Any) -> Any:
        currency = parse_qs(urlsplit(request.url).query).get("currency", ["any"])[0]
        if currency == "any":
            return listed
        return answer({"jsonrpc": "2.0", "result": [row for row in rows if currency in row["instrument_name"]]})

    routes = {
        "/api/v2/public/get_instruments": instruments,
        "/api/v2/public/get_currencies": answer({"jsonrpc": "2.0", "result": []}),
    }
    ids = Counter((row["kind"], name) for name, row in raw.deribit_instruments(folder).items())
    return Deribit("deribit", context(routes, venue="deribit")), ids


RECORDED: dict[str, Callable[[Path], tuple[Connector, Ids]]] = {
    "binance": binance,
    "okx": okx,
    "kucoin": kucoin,
    "deribit": deribit,
}


@pytest.fixture(scope="module", params=RECORDED)
def listed(request: pytest.FixtureRequest, recordings: Path) -> tuple[list[Instrument], Ids]:
    """A venue's recorded instruments as the connector reads them, and the ids that were recorded."""
    connector, ids = RECORDED[request.param](recordings)
    return connector.fetch_instruments(), ids


def test_every_recorded_instrument_is_read(listed: tuple[list[Instrument], Ids]) -> None:
    instruments, ids = listed
    assert len(instruments) > 100
    read_ids = Counter((item.product or "", item.native_id) for item in instruments)
    assert ids - read_ids == Counter()
    assert read_ids - ids == Counter()


def test_no_two_recorded_instruments_share_a_symbol(listed: tuple[list[Instrument], Ids]) -> None:
    assert not collisions(listed[0])


def test_every_recorded_native_id_maps_to_a_symbol_and_back(
    listed: tuple[list[Instrument], Ids], tmp_path: Path
) -> None:
    instruments, _ = listed
    venue = instruments[0].venue
    cache = MarketCache(tmp_path / "markets.sqlite", "recorded")
    cache.replace(venue, instruments)
    assert sorted(cache.all(venue), key=lambda item: item.symbol) == sorted(instruments, key=lambda item: item.symbol)
    ours = {item.symbol: item for item in instruments}
    by_id: dict[str, list[str]] = {}
    for item in instruments:
        by_id.setdefault(item.native_id, []).append(item.symbol)
    for native_id, symbols in by_id.items():
        match = read(native_id, cache.by_native(venue, native_id))
        assert {match.symbol, *match.also} == set(symbols)
        assert ours[match.symbol].native_id == native_id
        found = cache.find(venue, match.symbol)
        assert found is not None
        assert found.native_id == native_id
    cache.close()


def test_a_sample_of_recorded_ids_is_read_among_all_of_them(listed: tuple[list[Instrument], Ids]) -> None:
    instruments, _ = listed
    for item in instruments[:: len(instruments) // 25]:
        match = read(item.native_id, instruments)
        assert item.symbol in (match.symbol, *match.also)
        assert read(item.symbol, instruments).symbol == item.symbol


def test_recorded_ticks_and_lots_are_kept_exactly(recordings: Path) -> None:
    connector, _ = binance(recordings)
    symbols = {
        "spot": raw.binance_symbols(recordings, "BINANCE"),
        "linear": raw.binance_symbols(recordings, "BINANCE_FUTURES"),
    }
    checked = 0
    for item in connector.fetch_instruments():
        row = symbols[item.product or ""][item.native_id]
        assert item.tick_size == raw.step_of(row, "PRICE_FILTER", "tickSize"), item.symbol
        assert item.lot_size == raw.step_of(row, "LOT_SIZE", "stepSize"), item.symbol
        checked += 1
    connector, _ = okx(recordings)
    rows = raw.okx_instruments(recordings)
    for item in connector.fetch_instruments():
        row = rows[item.native_id]
        unit = Decimal(row["ctVal"] or 1) * Decimal(row["ctMult"] or 1)
        assert (item.tick_size, item.lot_size) == (Decimal(row["tickSz"]), Decimal(row["lotSz"]) * unit), item.symbol
        assert item.unit_size == unit
        assert item.inverse == (row["ctType"] == "inverse")
        assert item.expiry_ms == (int(row["expTime"]) if row["expTime"] else None)
        checked += 1
    assert checked > 2500


Parser = Callable[[Any, Instrument, int], Any]
BOOKS: dict[str, tuple[Parser, Callable[[Any], Any]]] = {
    "BINANCE": (Binance.parse_book, lambda body: body),
    "BINANCE_FUTURES": (Binance.parse_book, lambda body: body),
    "KUCOIN": (Kucoin.parse_book, lambda body: body["data"]),
}


@pytest.mark.parametrize("prefix", BOOKS)
def test_every_level_of_every_recorded_snapshot_is_read_exactly(recordings: Path, prefix: str) -> None:
    parse, book_in = BOOKS[prefix]
    item = Instrument("any", "A/B", "AB", PERPETUAL if "FUTURES" in prefix else SPOT, "A", "B", None, "A")

    def levels(rows: Iterable[Any]) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(row[0]), Decimal(row[1])) for row in rows]

    count = 0
    truth = list(raw.answers(recordings, f"{prefix}.http.0.0"))
    for (url, _, found), (same_url, body) in zip(answers(recordings, f"{prefix}.http.0.0"), truth, strict=True):
        assert url == same_url
        book = parse(json.loads(found.body, parse_float=str), item, 1)
        expected = book_in(body)
        assert list(book.bids) == levels(expected["bids"])
        assert list(book.asks) == levels(expected["asks"])
        count += len(book.bids) + len(book.asks)
    assert count > 3000
