"""Every venue over its real wire: instruments, books at every depth, quotes, funding, clock, and what goes wrong."""

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import Venues, open_venues
from domain import errors as domain
from domain.errors import CrossbookError
from domain.instruments import FUTURE, OPTION, PERPETUAL, SPOT, Instrument
from domain.time import MS_PER_DAY, MS_PER_HOUR
from tests.conftest import ROOT
from utils.config.load import load_config

VENUES = ("binance", "okx", "bybit", "kucoin", "deribit")
ANY_DOLLAR = ("BTC/USDT", "BTC/USDC", "BTC/USD")


@pytest.fixture(scope="module")
def downloaded() -> dict[str, bytes]:
    """The market cache of the first test, for the others."""
    return {}


@pytest.fixture
def venues(sim: Any, home: Path, downloaded: dict[str, bytes]) -> Iterator[Venues]:
    cache = home / "cache"
    cache.mkdir()
    for name, content in downloaded.items():
        (cache / name).write_bytes(content)
    opened = open_venues(load_config(environment="sim"), VENUES)
    try:
        opened.ensure_markets()
        assert not opened.failures
        downloaded["markets.sqlite"] = (cache / "markets.sqlite").read_bytes()
        opened.start(time.monotonic() + 60)
        yield opened
    finally:
        opened.close()


def one(venues: Venues, name: str, kind: str, **wanted: object) -> Instrument | None:
    """Pick a bitcoin instrument of a kind."""
    for item in venues.cache.by_asset(name, "BTC"):
        if item.kind == kind and item.active and all(getattr(item, key) == value for key, value in wanted.items()):
            return item
    return None


@pytest.mark.parametrize("name", VENUES)
def test_every_kind_that_is_declared_is_listed_and_nothing_else(venues: Venues, name: str) -> None:
    listed = venues.cache.all(name)
    assert {item.kind for item in listed} == set(venues.connector(name).capabilities.kinds)
    assert len(listed) >= 30
    assert len({item.symbol for item in listed}) == len(listed)
    assert len({(item.product, item.native_id) for item in listed}) == len(listed)
    for item in listed:
        assert item.unit_size > 0
        assert item.tick_size is not None
        assert item.lot_size is not None
        assert item.taker_fee is not None
        assert (item.expiry_ms is not None) == (item.kind in (FUTURE, OPTION))
        assert (item.strike is not None) == (item.option_type is not None) == (item.kind == OPTION)


@pytest.mark.parametrize("name", VENUES)
def test_our_list_is_the_one_of_an_untouched_ccxt_class(venues: Venues, name: str) -> None:
    """The simulator is asked once more by plain ccxt, in one piece: the same symbols must come out."""
    connector: Any = venues.connector(name)

    def plain(session: Any) -> set[str]:
        return {market["symbol"] for market in session.exchange.fetch_markets() if "/" in market["symbol"]}

    theirs = connector.call(plain, options={})
    assert theirs <= set(venues.cache.symbols(name))


@pytest.mark.parametrize("name", VENUES)
def test_every_kind_has_a_book_in_order_with_a_quote_that_agrees(venues: Venues, name: str) -> None:
    connector = venues.connector(name)
    for kind in connector.capabilities.kinds:
        instrument = one(venues, name, kind)
        assert instrument is not None
        book = connector.fetch_book(instrument, 20)
        for side, falling in ((book.bids, True), (book.asks, False)):
            prices, sizes = side.floats()
            assert prices == sorted(prices, reverse=falling)
            assert min(sizes, default=1) > 0
        quote = connector.fetch_quote(instrument)
        assert quote.received_at_ns > book.received_at_ns
        if quote.bid is not None and quote.ask is not None:
            assert quote.bid < quote.ask
            assert quote.bid_size is not None
            assert quote.bid_size > 0


@pytest.mark.parametrize("name", VENUES)
def test_the_depth_that_was_asked_for_is_there_where_the_venue_has_it(venues: Venues, name: str) -> None:
    connector = venues.connector(name)
    for symbol in ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"):
        instrument = venues.cache.find(name, symbol)
        if instrument is None:
            continue
        allowed = connector.capabilities.book_depths.get(instrument.product or "", (1, 100, 1000, 5000))
        for depth in allowed:
            book = connector.fetch_book(instrument, depth)
            assert 0 < len(book.bids) <= depth
            if depth <= 100:
                assert len(book.bids) == depth


@pytest.mark.parametrize("name", VENUES)
def test_venues_agree_on_bitcoin_in_size_and_price(venues: Venues, name: str) -> None:
    """A wrong unit shows as a book worth a thousand times the others'."""
    connector = venues.connector(name)
    for item in venues.cache.by_asset(name, "BTC"):
        if item.kind not in (SPOT, PERPETUAL) or item.quote not in ("USDT", "USDC", "USD"):
            continue
        book = connector.fetch_book(item, 5)
        bid = book.best_bid()
        assert bid is not None
        assert 10_000 < bid.price < 1_000_000
        worth = sum(level.price * level.size for level in book.bids.top(5))
        assert 10 < worth < 100_000_000, item.symbol


@pytest.mark.parametrize("name", VENUES)
def test_perpetuals_have_funding_with_its_interval_and_an_unbroken_history(venues: Venues, name: str) -> None:
    connector = venues.connector(name)
    instrument = one(venues, name, PERPETUAL, inverse=True)
    assert instrument is not None
    funding = connector.fetch_funding(instrument)
    assert funding.current is not None
    assert abs(funding.current) < 1
    assert funding.interval_h is not None
    assert funding.continuous == connector.capabilities.continuous_funding
    assert (funding.next_time_ms is None) == funding.continuous
    assert funding.mark_price is not None
    assert funding.index_price is not None
    since = time.time_ns() // 1_000_000 - 60 * MS_PER_DAY
    history = connector.fetch_funding_history(instrument, since)
    moments = [point.time_ms for point in history]
    assert moments == sorted(set(moments))
    gaps = {b - a for a, b in pairwise(moments)}
    assert len(gaps) == 1
    hours = gaps.pop() / MS_PER_HOUR
    assert len(history) >= 60 * 24 / hours - 1


@pytest.mark.parametrize("name", VENUES)
def test_spot_has_no_funding(venues: Venues, name: str) -> None:
    instrument = one(venues, name, SPOT)
    assert instrument is not None
    with pytest.raises(domain.Unsupported):
        venues.connector(name).fetch_funding(instrument)
    with pytest.raises(domain.Unsupported):
        venues.connector(name).fetch_funding_history(instrument, 0)


@pytest.mark.parametrize("name", VENUES)
def test_the_clock_and_the_status_of_the_venue_are_told(venues: Venues, name: str, sim: Any) -> None:
    connector = venues.connector(name)
    assert abs(connector.fetch_clock_ms() - time.time() * 1000) < 2000
    assert connector.fetch_maintenance() is None
    assert all(url.startswith("http://127.0.0.1:") for url in connector.base_urls())


FAULTS = [
    ("rate_limited", {"retry_after_s": 30}, domain.RateLimited),
    ("banned", {"retry_after_s": 30}, domain.RateLimited),
    ("server_error", {"status": 500}, domain.Unavailable),
    ("geo_blocked", {}, domain.GeoBlocked),
    ("maintenance", {}, domain.Maintenance),
    ("malformed_json", {}, domain.BadAnswer),
    ("truncated_json", {}, domain.BadAnswer),
    ("html_error", {}, domain.Unavailable),
    ("reset", {}, domain.Unavailable),
    ("drop_request", {}, domain.Unavailable),
    ("timeout", {}, domain.TimedOut),
]


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(("kind", "given", "expected"), FAULTS)
def test_a_fault_of_the_venue_is_told_for_what_it_is(
    venues: Venues, sim: Any, name: str, kind: str, given: dict[str, Any], expected: type[CrossbookError]
) -> None:
    instrument = venues.cache.find(name, "BTC/USD:BTC")
    assert instrument is not None
    sim.set_fault(name, kind, **given)
    venues.start(time.monotonic() + 0.6)
    with pytest.raises(CrossbookError) as caught:
        venues.connector(name).fetch_book(instrument, 5)
    assert isinstance(caught.value, expected), caught.value
    assert caught.value.venue == name


@pytest.mark.parametrize("name", VENUES)
def test_one_passing_failure_is_asked_again_and_an_empty_book_is_empty(venues: Venues, sim: Any, name: str) -> None:
    instrument = venues.cache.find(name, "BTC/USD:BTC")
    assert instrument is not None
    sim.set_fault(name, "malformed_json", times=1)
    assert venues.connector(name).fetch_quote(instrument).bid is not None
    sim.set_fault(name, "empty_book")
    quote = venues.connector(name).fetch_quote(instrument)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (None, None, None, None)


@pytest.mark.parametrize("name", VENUES)
def test_an_instrument_that_has_gone_is_an_answer_not_a_crash(venues: Venues, name: str) -> None:
    from dataclasses import replace

    instrument = one(venues, name, SPOT)
    assert instrument is not None
    gone = replace(instrument, native_id="NOSUCHCOIN-USDT")
    with pytest.raises(domain.Refused):
        venues.connector(name).fetch_book(gone, 5)


def test_prices_of_warm_venues_load_neither_ccxt_nor_anything_heavy(venues: Venues) -> None:
    code = (
        "import sys, time\n"
        "from connectors.registry import open_venues\n"
        "from utils.config.load import load_config\n"
        f"venues = open_venues(load_config(environment='sim'), {VENUES!r})\n"
        "venues.ensure_markets(); venues.start(time.monotonic() + 20)\n"
        "found = venues.cache.find_everywhere(venues.names, 'BTC/USD:BTC')\n"
        "assert len(found) == 5\n"
        "for name, item in found.items(): venues.connector(name).fetch_quote(item)\n"
        "heavy = 'ccxt yaml requests urllib3 http.client email importlib.metadata logging.config asyncio'\n"
        "heavy += ' concurrent.futures tenacity matplotlib websockets aiohttp boto3 rich numpy difflib'\n"
        "print([name for name in heavy.split() if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_lists_of_all_venues_come_in_one_round_side_by_side(sim: Any) -> None:
    for name in VENUES:
        sim.set_fault(name, "delay", ms=400)
    opened = open_venues(load_config(environment="sim"), VENUES)
    started = time.monotonic()
    opened.ensure_markets()
    elapsed = time.monotonic() - started
    opened.close()
    assert not opened.failures
    assert elapsed < len(VENUES) * 2 * 0.4 + 2
