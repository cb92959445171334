"""The symbol language: what people and venues write, read against what is listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AmbiguousSymbol, UnknownSymbol, UsageError
from domain.instruments import FUTURE, PERPETUAL, SPOT, Instrument
from utils.symbols.language import nearest, read
from utils.symbols.multipliers import split_multiplier
from utils.symbols.parts import Parts, canonical, parts_of


def listed(venue: str, symbol: str, native_id: str, kind: str = SPOT) -> Instrument:
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    multiplier, asset = split_multiplier(base)
    return Instrument(venue, symbol, native_id, kind, base, quote, settle.split("-")[0] or None, asset, multiplier)


LISTED = [
    listed("one", "BTC/USDT", "BTCUSDT"),
    listed("one", "BTC/USDT:USDT", "BTCUSDT", PERPETUAL),
    listed("one", "BTC/USDC", "BTCUSDC"),
    listed("one", "1000PEPE/USDT:USDT", "1000PEPEUSDT", PERPETUAL),
    listed("two", "BTC/USDT", "BTC-USDT"),
    listed("two", "BTC/USDT:USDT", "XBTUSDTM", PERPETUAL),
    listed("two", "BTC/USD:BTC", "BTC-PERPETUAL", PERPETUAL),
    listed("two", "BTC/USD:BTC-261225", "BTC-25DEC26", FUTURE),
    listed("three", "ETH/USDC", "ETH_USDC"),
]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC/USDT", "BTC/USDT"),
        ("btc/usdt", "BTC/USDT"),
        ("btc-usdt", "BTC/USDT"),
        ("BTC_USDC", "BTC/USDC"),
        ("XBTUSDTM", "BTC/USDT:USDT"),
        ("BTC-PERPETUAL", "BTC/USD:BTC"),
        ("btc-25dec26", "BTC/USD:BTC-261225"),
        ("1000PEPEUSDT", "1000PEPE/USDT:USDT"),
    ],
)
def test_what_people_and_venues_write_is_understood(text: str, symbol: str) -> None:
    assert read(text, LISTED).symbol == symbol


def test_an_id_shared_by_spot_and_perpetual_means_spot_and_names_the_other() -> None:
    match = read("BTCUSDT", [i for i in LISTED if i.venue == "one"])
    assert match.symbol == "BTC/USDT"
    assert match.also == ("BTC/USDT:USDT",)


def test_a_bare_asset_lists_candidates() -> None:
    with pytest.raises(AmbiguousSymbol) as caught:
        read("BTC", LISTED)
    assert caught.value.candidates == ("BTC/USDC", "BTC/USDT")


def test_an_unknown_symbol_names_the_nearest() -> None:
    with pytest.raises(UnknownSymbol) as caught:
        read("BCT/USDT", LISTED)
    assert "BTC/USDT" in caught.value.nearest


@pytest.mark.parametrize("text", ["", "   ", "A" * 65])
def test_empty_and_overlong_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read(text, LISTED)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1000PEPE", (1000, "PEPE")),
        ("10000SATS", (10000, "SATS")),
        ("1000000MOG", (1000000, "MOG")),
        ("1MBABYDOGE", (1000000, "BABYDOGE")),
        ("kPEPE", (1000, "PEPE")),
        ("SHIB1000", (1000, "SHIB")),
        ("1INCH", (1, "1INCH")),
        ("BTC", (1, "BTC")),
        ("KAVA", (1, "KAVA")),
    ],
)
def test_multiplied_codes_are_split(code: str, expected: tuple[int, str]) -> None:
    assert split_multiplier(code) == expected


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_but_never_breaks(text: str) -> None:
    try:
        found = read(text, LISTED)
    except UsageError:
        return
    assert found.symbol in {i.symbol for i in LISTED}


@given(st.text(max_size=80))
def test_canonical_form_is_stable(text: str) -> None:
    form = canonical(text)
    assert form is None or canonical(form) == form


def test_nearest_is_ordered_by_likeness() -> None:
    assert nearest("BTCUSDT", ["ETH/USDT", "BTC/USDT", "BTC/USDC"])[0] == "BTC/USDT"


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("BTC/USDT", Parts("BTC", "USDT")),
        ("BTC/USD:BTC", Parts("BTC", "USD", "BTC")),
        ("BTC/USD:BTC-261225", Parts("BTC", "USD", "BTC", "261225")),
        ("XRP/USDC:USDC-261225-0.625-C", Parts("XRP", "USDC", "USDC", "261225", "0.625", "C")),
        ("BTC/USDT:", None),
        ("/USDT", None),
        ("BTC", None),
        ("BTC/USD:BTC-26122", None),
        ("BTC/USD:BTC-261225-1", None),
        ("BTC/USD:BTC-261225-x-C", None),
        ("BTC/USD:BTC-261225-1-X", None),
        ("BTC/USD/T", None),
    ],
)
def test_canonical_symbols_are_taken_apart(symbol: str, expected: Parts | None) -> None:
    assert parts_of(symbol) == expected
