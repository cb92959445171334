"""An exchange by configuration alone, through its ccxt class, with answers as that class documents them."""

import sys
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.ccxt_connector import CcxtConnector
from domain import errors as domain
from domain.errors import ConfigError
from domain.instruments import SPOT, Instrument
from tests.connectors.fakes import RECEIVED_AT_NS, FakeHttp, answer, context

# Shapes: docs.kraken.com "Get Tradable Asset Pairs" and "Get Order Book", as ccxt 4.5.90 quotes them; read 2026-11-21.
PAIRS = {
    "error": [],
    "result": {
        "XXBTZUSD": {
            "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT",
            "aclass_quote": "currency", "quote": "ZUSD", "lot": "unit", "cost_decimals": 5, "pair_decimals": 1,
            "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [2], "leverage_sell": [2],
            "fees": [[0, 0.4], [10000, 0.35]], "fees_maker": [[0, 0.25], [10000, 0.2]],
            "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40, "ordermin": "0.00005",
            "costmin": "0.5", "tick_size": "0.1", "status": "online",
        },
        "ADAETH": {
            "altname": "ADAETH", "wsname": "ADA/ETH", "aclass_base": "currency", "base": "ADA",
            "aclass_quote": "currency", "quote": "XETH", "lot": "unit", "pair_decimals": 7, "lot_decimals": 8,
            "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.26]],
            "fees_maker": [[0, 0.16]], "fee_volume_currency": "ZUSD", "ordermin": "1",
        },
    },
}  # fmt: skip
DEPTH = {
    "error": [],
    "result": {
        "XXBTZUSD": {
            "asks": [["100000.1", "4.000", 1586321307], ["100000.2", "50.095", 1586321306]],
            "bids": [["99999.9", "0.10", 1586321307], ["100000.0", "20.000", 1586321301], ["9.5", "1", 1586321301]],
        }
    },
}
ROUTES = {"/0/public/AssetPairs": answer(PAIRS), "/0/public/Depth": answer(DEPTH)}
BTC = Instrument("kraken", "BTC/USD", "XXBTZUSD", SPOT, "BTC", "USD", None, "BTC")


def kraken(routes: dict[str, Any] | None = None) -> tuple[CcxtConnector, FakeHttp]:
    given = context({**ROUTES, **(routes or {})}, venue="kraken", exchange="kraken")
    return CcxtConnector("kraken", given), given.http  # type: ignore[return-value]


def test_instruments_come_with_exact_numbers_and_unified_symbols() -> None:
    connector, _ = kraken()
    found = {item.symbol: item for item in connector.fetch_instruments()}
    assert set(found) == {"BTC/USD", "ADA/ETH"}
    bitcoin = found["BTC/USD"]
    assert (bitcoin.native_id, bitcoin.kind, bitcoin.base, bitcoin.settle) == ("XXBTZUSD", SPOT, "BTC", None)
    assert str(bitcoin.tick_size) == "0.1"
    assert bitcoin.lot_size == Decimal("0.00000001")
    assert str(bitcoin.min_size) == "0.00005"
    assert bitcoin.min_notional == Decimal("0.5")
    assert (bitcoin.taker_fee, bitcoin.maker_fee) == (Decimal("0.004"), Decimal("0.0025"))


def test_a_book_is_sorted_by_number_not_by_text_and_keeps_the_venues_digits() -> None:
    connector, http = kraken()
    book = connector.fetch_book(BTC, 10)
    assert [str(level.price) for level in book.bids] == ["100000.0", "99999.9", "9.5"]
    assert str(book.bids[1].size) == "0.10"
    assert [level.price for level in book.asks] == [Decimal("100000.1"), Decimal("100000.2")]
    assert book.received_at_ns == RECEIVED_AT_NS
    query = parse_qs(urlsplit(http.requests[-1].url).query)
    assert query == {"pair": ["XXBTZUSD"], "count": ["10"]}


def test_the_list_of_markets_is_downloaded_once_and_remembered_by_the_next_process() -> None:
    connector, http = kraken()
    connector.fetch_instruments()
    connector.fetch_book(BTC, 10)
    again, http_of_another = kraken()
    again.fetch_quote(BTC)
    assert [urlsplit(request.url).path for request in http.requests] == ["/0/public/AssetPairs", "/0/public/Depth"]
    assert [urlsplit(request.url).path for request in http_of_another.requests] == ["/0/public/Depth"]


def test_a_damaged_store_of_markets_is_downloaded_again(home: Any) -> None:
    connector, _ = kraken()
    connector.fetch_instruments()
    (home / "cache" / "ccxt" / "kraken-paper.sqlite").write_bytes(b"rubbish" * 1000)
    again, http = kraken()
    assert again.fetch_quote(BTC).bid == Decimal(100000)
    assert [urlsplit(request.url).path for request in http.requests] == ["/0/public/AssetPairs", "/0/public/Depth"]


def test_a_quote_is_the_top_of_the_book() -> None:
    connector, _ = kraken()
    quote = connector.fetch_quote(BTC)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (
        Decimal(100000), Decimal(20), Decimal("100000.1"), Decimal(4),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer({"error": ["EQuery:Unknown asset pair"]}), domain.Refused),
        (answer({"error": ["EAPI:Rate limit exceeded"]}), domain.RateLimited),
        (answer({"error": ["EService:Unavailable"]}), domain.Unavailable),
        (answer({"error": ["EAPI:Invalid key"]}), domain.Unauthorized),
        (answer("<html><title>Restricted</title></html>", 451), domain.GeoBlocked),
        (answer("slow down", 429, {"retry-after": "3"}), domain.RateLimited),
        (answer("teapot", 418), domain.RateLimited),
        (answer("<html>gone</html>", 503), domain.Unavailable),
    ],
)
def test_a_refusal_is_told_apart_and_keeps_its_cause(reply: Any, kind: type[domain.CrossbookError]) -> None:
    connector, _ = kraken({"/0/public/Depth": reply})
    with pytest.raises(kind) as caught:
        connector.fetch_book(BTC, 10)
    assert caught.value.venue == "kraken"
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "book",
    [
        {"asks": [["NaN", "1"]], "bids": []},
        {"asks": [["1"]], "bids": []},
        {"asks": "none", "bids": 7},
        {"asks": [[None, None]], "bids": []},
        {"asks": [["1e999", "1"]], "bids": []},
    ],
)
def test_a_hostile_book_is_a_bad_answer_or_an_empty_one(book: Any) -> None:
    connector, _ = kraken({"/0/public/Depth": answer({"error": [], "result": {"XXBTZUSD": book}})})
    try:
        found = connector.fetch_book(BTC, 10)
    except domain.BadAnswer:
        return
    assert len(found.asks) == 0


def test_what_the_exchange_lacks_is_unsupported_and_nothing_is_sent() -> None:
    connector, http = kraken()
    connector.fetch_instruments()
    before = len(http.requests)
    with pytest.raises(domain.Unsupported, match="funding"):
        connector.fetch_funding(BTC)
    assert len(http.requests) == before


def test_an_error_of_the_transport_passes_through_ccxt_unchanged() -> None:
    lost = domain.NotSent("The simulator does not serve host api.kraken.com.")

    def refuse(_: Any) -> Any:
        raise lost

    connector, _ = kraken({"/0/public/Depth": refuse})
    with pytest.raises(domain.NotSent) as caught:
        connector.fetch_book(BTC, 10)
    assert caught.value is lost


def test_a_venue_without_an_exchange_id_says_what_to_add() -> None:
    with pytest.raises(ConfigError) as caught:
        CcxtConnector("mine", context(venue="mine"))
    assert "exchange: mine" in (caught.value.hint or "")


def test_an_exchange_that_ccxt_does_not_have_is_a_configuration_error() -> None:
    connector = CcxtConnector("bitmart", context(venue="bitmart", exchange="bitmart"))
    with pytest.raises(ConfigError, match="no exchange 'bitmart'"):
        connector.fetch_instruments()


def test_the_hosts_of_an_exchange_are_those_of_its_class() -> None:
    connector, _ = kraken()
    assert "https://api.kraken.com" in connector.base_urls()


def test_making_a_connector_does_not_load_ccxt() -> None:
    import subprocess

    code = (
        "import sys; from tests.connectors.fakes import context\n"
        "from connectors.ccxt_connector import CcxtConnector\n"
        "CcxtConnector('kraken', context(exchange='kraken'))\n"
        "print(any(n.split('.')[0] in ('ccxt', 'requests') for n in sys.modules))"
    )
    from tests.conftest import ROOT

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# Shape: Derive's public/get_ticker, as ccxt 4.5.90 quotes it; read 2026-11-21.
DERIVE_TICKER = {
    "id": "45bb6856",
    "result": {
        "t": 1790867526668, "A": "2.5", "a": "83950.1", "B": "1.5", "b": "83940.2", "f": "0.0000125",
        "option_pricing": None, "I": "83946.3", "M": "83938.8",
        "stats": {"c": "16.41", "v": "1377350.271", "n": 98, "oi": "0", "h": "84282", "l": "83661.8", "p": "0"},
        "minp": "82293.1", "maxp": "85617.6",
    },
}  # fmt: skip


def test_where_there_is_no_book_over_rest_the_ticker_gives_the_quote() -> None:
    from connectors.ccxt_market_store import MarketStore
    from utils.config.paths import cache_dir

    market = {
        "id": "BTC-PERP", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC", "settle": "USDC", "baseId": "BTC",
        "quoteId": "USDC", "settleId": "USDC", "type": "swap", "spot": False, "swap": True, "future": False,
        "option": False, "contract": True, "linear": True, "inverse": False, "contractSize": "1",
        "precision": {"price": "0.1", "amount": "0.001"}, "limits": {}, "info": {},
    }  # fmt: skip
    MarketStore(cache_dir() / "ccxt" / "derive-paper.sqlite").replace([market])
    given = context({"/v3/public/get_ticker": answer(DERIVE_TICKER)}, venue="derive", exchange="derive")
    connector = CcxtConnector("derive", given)
    instrument = replace(BTC, venue="derive", symbol="BTC/USDC:USDC", native_id="BTC-PERP", kind="perpetual")
    quote = connector.fetch_quote(instrument)
    assert (quote.bid, quote.bid_size) == (Decimal("83940.2"), Decimal("1.5"))
    assert (quote.ask, quote.ask_size) == (Decimal("83950.1"), Decimal("2.5"))
    with pytest.raises(domain.Unsupported, match="order book"):
        connector.fetch_book(instrument, 10)


def test_a_dead_venue_is_found_dead_however_often_quotes_are_asked_for() -> None:
    connector, http = kraken()
    connector.fetch_quote(BTC)
    asked = len(connector.context.guard.costs)  # type: ignore[attr-defined]
    connector.fetch_quote(BTC)
    # One guarded call a quote: one that asks nobody would tell the breaker that the venue is well.
    assert len(connector.context.guard.costs) == asked + 1  # type: ignore[attr-defined]
    assert len(http.requests) == 3  # the list of markets, and two books


def test_a_thousand_that_ccxt_has_capitalised_is_a_thousand_all_the_same() -> None:
    from connectors.ccxt_markets import to_instruments

    def market(name: str) -> dict[str, Any]:
        base = name.upper()
        return {
            "id": "1", "symbol": f"{base}/USDC:USDC", "base": base, "quote": "USDC", "settle": "USDC", "type": "swap",
            "baseName": name, "contractSize": 1, "precision": {}, "limits": {},
        }  # fmt: skip

    found = to_instruments(
        "hyperliquid",
        [market("kPEPE"), market("KAVA"), market("PEPE"), market("k")],
        product=lambda _: None,
        wire_unit=lambda _: Decimal(1),
    )
    assert [(item.asset, item.multiplier) for item in found] == [("PEPE", 1000), ("KAVA", 1), ("PEPE", 1), ("K", 1)]


def test_a_market_that_cannot_be_read_is_left_out_and_the_rest_stands() -> None:
    from connectors.ccxt_markets import to_instruments

    good = {"id": "1", "symbol": "A/B", "base": "A", "quote": "B", "type": "spot", "precision": {"amount": "8"}}
    bad = good | {"symbol": "C/D", "precision": {"amount": "0.5"}}
    found = to_instruments("x", [good, bad], product=lambda _: None, wire_unit=lambda _: Decimal(1), precision_mode=2)
    assert [(item.symbol, item.lot_size) for item in found] == [("A/B", Decimal("1E-8"))]


def test_a_full_disk_does_not_keep_the_list_of_markets_from_being_read(home: Any) -> None:
    (home / "cache").mkdir(exist_ok=True)
    (home / "cache" / "ccxt").write_text("a file where a folder should be")
    connector, _ = kraken()
    assert connector.fetch_instruments()
    assert connector.fetch_book(BTC, 5).best_bid() is not None
