"""One suite for every venue of the configuration: the real connectors, over real sockets, against the simulator."""

import re
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import yaml

from connectors.base import Connector
from connectors.registry import Venues
from domain.books import REST, TICKS, Book
from domain.errors import (
    BadAnswer,
    CrossbookError,
    GeoBlocked,
    Maintenance,
    RateLimited,
    TimedOut,
    Unavailable,
    Unsupported,
)
from domain.funding import Funding
from domain.instruments import KINDS, PERPETUAL, SPOT, Instrument
from domain.quotes import CROSSED, EMPTY, OK, STALE, UNAVAILABLE, UNSUPPORTED, Quote
from market_data.bbo import Wanted, best_prices
from market_data.rows import deepest
from tests.conftest import ROOT
from tests.connectors.opened import collisions, know_simulator, once, opened
from tests.connectors.wire import READERS
from utils.symbols.language import read
from utils.symbols.multipliers import split_multiplier
from utils.symbols.parts import DOLLARS

VENUES = [
    name
    for name, entry in yaml.safe_load((ROOT / "config.yaml").read_text())["venues"].items()
    if entry.get("enabled", True) and "retired" not in entry
]
DAY_MS = 86_400_000
TRIES = 40
"""A live market changes four times a second: two answers to compare are asked for until they are of one moment."""

every_venue = pytest.mark.parametrize("name", VENUES)


@pytest.fixture(scope="module")
def venues(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    """All enabled venues with their instrument lists, downloaded once."""
    running_simulator.clear_faults()
    home = tmp_path_factory.mktemp("conformance")
    know_simulator(home, running_simulator.state_file)
    found = opened(home)
    found.ensure_markets()
    assert not found.failures
    yield found
    found.close()


@pytest.fixture
def connector(venues: Venues, name: str, tmp_path: Any, sim: Any) -> Iterator[Connector]:
    """The venue's connector; the venue's own rate limits are waited for."""
    made = once(venues, name, tmp_path, attempts=6)
    yield made
    made.close()


@pytest.fixture
def blunt(venues: Venues, name: str, tmp_path: Any, sim: Any) -> Iterator[Connector]:
    """The venue's connector, asking once, so that each failure is seen."""
    made = once(venues, name, tmp_path)
    yield made
    made.close()


def instruments(venues: Venues, name: str, *kinds: str) -> list[Instrument]:
    return [item for item in venues.cache.all(name) if not kinds or item.kind in kinds]


def kind_of(item: Instrument) -> tuple[Any, ...]:
    return (item.kind, item.product, item.inverse, item.quote in DOLLARS)


def one_of_each(items: list[Instrument]) -> list[Instrument]:
    """Choose one instrument of each kind and section: Bitcoin's where there is one, else the first."""
    found: dict[tuple[Any, ...], Instrument] = {}
    for item in sorted(items, key=lambda item: (item.asset != "BTC", item.multiplier, item.symbol)):
        found.setdefault(kind_of(item), item)
    return list(found.values())


def main_instrument(venues: Venues, name: str) -> Instrument:
    """Choose the spot market of Bitcoin against a dollar, or the nearest thing to it."""
    return min(
        instruments(venues, name),
        key=lambda item: (item.asset != "BTC", item.kind != SPOT, item.quote not in DOLLARS, item.symbol),
    )


def agreeing(first: Callable[[], Any], second: Callable[[], Any], same: Callable[[Any, Any], bool]) -> tuple[Any, Any]:
    """Ask twice until both answers are of one moment; the last pair where they never are."""
    for _ in range(TRIES):
        pair = first(), second()
        if same(*pair):
            break
    return pair


def quote_of(connector: Connector, item: Instrument) -> Quote | None:
    """Ask for a quote; None where the market is closed now, which on some venues the day decides."""
    try:
        return connector.fetch_quote(item)
    except CrossbookError as error:
        if "closed" not in error.message:
            raise
        return None


def check_quote(quote: Quote, item: Instrument) -> None:
    """A quote is of the instrument, uncrossed, positive, and says when it is from."""
    assert (quote.venue, quote.symbol) == (item.venue, item.symbol)
    prices, sizes = (quote.bid, quote.ask), (quote.bid_size, quote.ask_size)
    assert all(isinstance(price, Decimal) and price > 0 for price in prices if price is not None)
    assert all(isinstance(size, Decimal) and size > 0 for size in sizes if size is not None)
    if quote.bid is not None and quote.ask is not None:
        assert quote.bid <= quote.ask
    assert abs(quote.received_at_ns - time.time_ns()) < 10_000_000_000


# Instruments ------------------------------------------------------------------------------------------------------


@every_venue
def test_its_instruments_are_many_unique_and_of_the_kinds_it_declares(venues: Venues, name: str) -> None:
    listed = instruments(venues, name)
    assert len(listed) >= 30
    assert not collisions(listed)
    assert len({(item.native_id, item.product) for item in listed}) == len(listed)
    assert {item.kind for item in listed} == venues.classes[name].capabilities.kinds <= set(KINDS)


@every_venue
def test_its_instruments_say_what_they_are(venues: Venues, name: str) -> None:
    for item in instruments(venues, name):
        assert item.venue == name
        # A code may look multiplied and be itself: an index called BOOM1000.
        assert (item.multiplier, item.asset) in (split_multiplier(item.base), (1, item.base)), item.symbol
        assert item.symbol.startswith(f"{item.base}/{item.quote}")
        assert item.product
        assert item.unit_size > 0
        assert (item.settle is None) == (item.kind == SPOT), item.symbol
        assert (item.expiry_ms is not None) == (item.kind in ("future", "option")), item.symbol
        assert (item.strike is not None) == (item.option_type is not None) == (item.kind == "option"), item.symbol
        assert item.option_type in (None, "call", "put")
        if item.kind != SPOT:
            assert f":{item.settle}" in item.symbol
            assert item.contract_size
        if item.expiry_ms is not None:
            assert re.search(r"-\d{6}", item.symbol)
            assert item.expiry_ms > time.time() * 1000
        if item.inverse:
            assert item.settle == item.base
            assert item.quote in DOLLARS
        for figure in (item.tick_size, item.lot_size, item.min_size, item.min_notional):
            assert figure is None or (isinstance(figure, Decimal) and figure > 0)


def test_contracts_of_thousands_are_listed_with_their_multiplier(venues: Venues) -> None:
    multiplied = {name: [item for item in instruments(venues, name) if item.multiplier > 1] for name in VENUES}
    assert sum(bool(items) for items in multiplied.values()) >= 3
    for item in (item for items in multiplied.values() for item in items):
        assert item.multiplier in (1000, 10_000, 1_000_000)
        assert item.base != item.asset
        assert not item.asset.startswith("1000")


@every_venue
def test_every_native_id_maps_to_a_symbol_and_back(venues: Venues, name: str) -> None:
    listed = instruments(venues, name)
    for item in listed:
        match = read(item.native_id, listed)
        assert item.symbol in (match.symbol, *match.also)
        back = venues.cache.find(name, match.symbol)
        assert back is not None
        assert back.native_id == item.native_id
        found = venues.cache.find(name, item.symbol)
        assert found is not None
        assert (found.native_id, found.product) == (item.native_id, item.product)
        assert item in venues.cache.by_native(name, item.native_id)


@every_venue
def test_a_symbol_reads_as_itself(venues: Venues, name: str) -> None:
    listed = instruments(venues, name)
    for item in listed[:: max(1, len(listed) // 40)]:
        assert read(item.symbol, listed).symbol == item.symbol
        assert read(item.symbol.lower(), listed).symbol == item.symbol


# Quotes and books -------------------------------------------------------------------------------------------------


@every_venue
def test_every_kind_has_a_quote(venues: Venues, connector: Connector, name: str) -> None:
    quotes = {item: quote_of(connector, item) for item in one_of_each(instruments(venues, name))}
    assert any(quotes.values())
    for item, quote in quotes.items():
        if quote is None:
            continue
        check_quote(quote, item)
        assert quote.source == (REST if connector.capabilities.books else TICKS)
        if quote.venue_time_ns is not None:
            assert abs(quote.venue_time_ns - quote.received_at_ns) < 3_000_000_000


@every_venue
def test_quote_and_book_agree_for_every_kind(venues: Venues, connector: Connector, name: str) -> None:
    if not connector.capabilities.books:
        pytest.skip(f"{name} has no order book")
    for item in one_of_each(instruments(venues, name)):

        def top(book: Book) -> tuple[Any, Any]:
            return book.best_bid(), book.best_ask()

        quote, book = agreeing(
            lambda item=item: connector.fetch_quote(item),
            lambda item=item: connector.fetch_book(item, 5),
            lambda quote, book: (
                ((quote.bid, quote.bid_size), (quote.ask, quote.ask_size))
                == tuple(level or (None, None) for level in top(book))
            ),
        )
        assert book.best_bid() in ((quote.bid, quote.bid_size), None), item.symbol
        assert book.best_ask() in ((quote.ask, quote.ask_size), None), item.symbol
        check_book(book, item)


def check_book(book: Book, item: Instrument) -> None:
    """A book is sorted, uncrossed, on the instrument's ticks, and of positive sizes."""
    assert (book.venue, book.symbol, book.source) == (item.venue, item.symbol, REST)
    bids, asks = list(book.bids), list(book.asks)
    assert bids or asks
    assert all(before.price > after.price for before, after in pairwise(bids))
    assert all(before.price < after.price for before, after in pairwise(asks))
    assert all(level.price > 0 and level.size > 0 for level in (*bids, *asks))
    if bids and asks:
        assert bids[0].price < asks[0].price
    if item.tick_size and item.kind != "option":
        assert all(level.price % item.tick_size == 0 for level in (*bids[:5], *asks[:5])), item.symbol


@every_venue
def test_sizes_are_base_units_whatever_the_wire_counts_in(
    venues: Venues, connector: Connector, name: str, sim: Any
) -> None:
    if name not in READERS:
        assert not connector.capabilities.books, f"add a reader of {name}'s raw books to tests/connectors/wire.py"
        pytest.skip(f"{name} has no order book")
    for item in one_of_each(instruments(venues, name)):
        book, raw = agreeing(
            lambda item=item: connector.fetch_book(item, 5),
            lambda item=item: READERS[name](sim.hosts, item),
            lambda book, raw: book.sequence == raw.sequence,
        )
        assert book.sequence == raw.sequence
        for ours, theirs in ((book.bids, raw.bids), (book.asks, raw.asks)):
            assert list(ours.top(5)) == [(row[0], raw.base_size(row)) for row in theirs[:5]], item.symbol


@every_venue
def test_a_contract_is_worth_what_spot_is(venues: Venues, connector: Connector, name: str) -> None:
    """Sizes in wrong units would be off by the contract size or the price: factors of 10 to 100,000."""
    if not connector.capabilities.books:
        pytest.skip(f"{name} has no order book")

    def notional(item: Instrument) -> Decimal:
        book = connector.fetch_book(item, 100)
        return sum((level.price * level.size for level in (*book.bids.top(20), *book.asks.top(20))), Decimal(0))

    listed = instruments(venues, name)
    for asset in ("BTC", "ETH"):
        spot = notional(
            next(item for item in listed if item.asset == asset and item.kind == SPOT and item.quote in DOLLARS)
        )
        for item in one_of_each([i for i in listed if i.asset == asset and i.kind in (PERPETUAL, "future")]):
            assert spot / 50 < notional(item) < spot * 50, item.symbol


@every_venue
def test_every_depth_the_venue_allows_works(venues: Venues, connector: Connector, name: str) -> None:
    if not connector.capabilities.books:
        pytest.skip(f"{name} has no order book")
    for item in one_of_each(instruments(venues, name, SPOT, PERPETUAL)):
        most = deepest(connector.capabilities, item)
        allowed = connector.capabilities.book_depths.get(item.product or "") or (1, 5, 100, most)
        assert list(allowed) == sorted(allowed)
        assert allowed[-1] <= connector.capabilities.max_depth
        before = 0
        for depth in allowed:
            book = connector.fetch_book(item, depth)
            count = max(len(book.bids), len(book.asks))
            assert before <= count <= depth, f"{item.symbol}: {count} levels where {depth} were asked for"
            if item.asset == "BTC" and depth <= 100:
                assert count == depth
            before = count
        check_book(book, item)
        beyond = connector.fetch_book(item, most * 10)
        assert max(len(beyond.bids), len(beyond.asks)) == pytest.approx(before, rel=0.1)


@every_venue
def test_a_depth_between_two_gives_at_least_as_many_levels(venues: Venues, connector: Connector, name: str) -> None:
    if not connector.capabilities.books:
        pytest.skip(f"{name} has no order book")
    book = connector.fetch_book(main_instrument(venues, name), 33)
    assert len(book.bids) >= 33
    assert len(book.asks) >= 33


def test_prices_of_one_asset_agree_between_venues(venues: Venues, tmp_path: Any, sim: Any) -> None:
    prices: dict[str, dict[str, Decimal]] = {}
    for name in VENUES:
        connector = once(venues, name, tmp_path, attempts=6)
        for item in one_per_asset(instruments(venues, name, SPOT, PERPETUAL)):
            quote = quote_of(connector, item)
            if quote is None:
                continue
            assert quote.bid is not None
            assert quote.ask is not None
            prices.setdefault(item.asset, {})[item.symbol + name] = (quote.bid + quote.ask) / 2 / item.multiplier
        connector.close()
    shared = {asset: found for asset, found in prices.items() if len(found) > 1}
    assert len(shared) >= 15
    for asset, found in shared.items():
        assert max(found.values()) / min(found.values()) < Decimal("1.01"), (asset, found)


def one_per_asset(items: list[Instrument]) -> list[Instrument]:
    """Choose each asset's dearest to compare: a spot market in dollars, and each multiple of it."""
    found: dict[tuple[str, int], Instrument] = {}
    for item in sorted(items, key=lambda item: (item.kind != SPOT, item.inverse, item.symbol)):
        if item.quote in DOLLARS:
            found.setdefault((item.asset, item.multiplier), item)
    return list(found.values())


# Funding ----------------------------------------------------------------------------------------------------------


@every_venue
def test_funding_is_told_for_every_kind_of_perpetual(venues: Venues, connector: Connector, name: str) -> None:
    abilities = connector.capabilities
    perpetuals = one_of_each(instruments(venues, name, PERPETUAL))
    assert bool(perpetuals) == abilities.funding
    for item in perpetuals:
        check_funding(connector.fetch_funding(item), item, connector)


def check_funding(funding: Funding, item: Instrument, connector: Connector) -> None:
    """A rate stands beside its interval, and a coming time where it is not continuous."""
    abilities = connector.capabilities
    assert (funding.venue, funding.symbol) == (item.venue, item.symbol)
    assert funding.current is not None
    assert abs(funding.current) < Decimal("0.05")
    assert funding.continuous == abilities.continuous_funding
    assert funding.interval_h is not None
    assert 1 <= funding.interval_h <= 24
    now_ms = time.time() * 1000
    if funding.continuous:
        assert funding.next_time_ms is None
    else:
        assert funding.next_time_ms is not None
        assert now_ms - 2000 < funding.next_time_ms <= now_ms + float(funding.interval_h) * 3_600_000 + 2000
    assert funding.predicted is None or abilities.predicted_funding
    assert funding.mark_price is not None
    assert funding.index_price is not None
    assert abs(funding.mark_price / funding.index_price - 1) < Decimal("0.02")


@every_venue
def test_a_venue_that_predicts_funding_does(venues: Venues, connector: Connector, name: str) -> None:
    if not connector.capabilities.predicted_funding:
        pytest.skip(f"{name} predicts no funding")
    found = [connector.fetch_funding(item) for item in one_of_each(instruments(venues, name, PERPETUAL))]
    assert any(funding.predicted is not None for funding in found)


@every_venue
def test_funding_history_spans_the_window_without_gaps_or_repetitions(
    venues: Venues, connector: Connector, name: str, sim: Any
) -> None:
    if not connector.capabilities.funding_history:
        pytest.skip(f"{name} has no funding history")
    days = 60
    for item in one_of_each(instruments(venues, name, PERPETUAL)):
        interval_h = connector.fetch_funding(item).interval_h
        since_ms = time.time_ns() // 1_000_000 - days * DAY_MS
        points = connector.fetch_funding_history(item, since_ms)
        times = [point.time_ms for point in points]
        assert times == sorted(set(times))
        declared = points[0].interval_h or interval_h
        assert declared is not None
        step_ms = int(declared * 3_600_000)
        assert times[0] - since_ms <= step_ms + 2000
        assert times[0] >= since_ms
        assert time.time() * 1000 - times[-1] <= step_ms + 2000
        assert {after - before for before, after in pairwise(times)} == {step_ms}
        assert all(abs(point.rate) < Decimal("0.05") for point in points)


@every_venue
def test_funding_history_is_paged(venues: Venues, connector: Connector, name: str, sim: Any) -> None:
    """More than any of these venues gives in one page; OKX keeps three months."""
    if not connector.capabilities.funding_history:
        pytest.skip(f"{name} has no funding history")
    item = next(item for item in instruments(venues, name, PERPETUAL) if item.asset == "BTC")
    since_ms = time.time_ns() // 1_000_000 - 400 * DAY_MS
    sim.reset_requests()
    points = connector.fetch_funding_history(item, since_ms)
    assert max(sim.requests(name).values()) > 1
    times = [point.time_ms for point in points]
    assert times == sorted(set(times))
    assert len({after - before for before, after in pairwise(times)}) == 1
    assert (times[-1] - times[0]) / DAY_MS > 80


# Capabilities and clock -------------------------------------------------------------------------------------------


@every_venue
def test_what_a_venue_cannot_do_is_refused_as_unsupported(venues: Venues, connector: Connector, name: str) -> None:
    abilities = connector.capabilities
    item = main_instrument(venues, name)
    assert item.kind != PERPETUAL
    if not abilities.books:
        with pytest.raises(Unsupported):
            connector.fetch_book(item, 5)
    with pytest.raises(Unsupported):
        connector.fetch_funding(item)
    with pytest.raises(Unsupported):
        connector.fetch_funding_history(item, 0)
    assert abilities.quotes


@every_venue
def test_its_clock_is_read(connector: Connector, name: str) -> None:
    assert abs(connector.fetch_clock_ms() - time.time() * 1000) < 2000


@every_venue
def test_it_says_where_it_is_reached(connector: Connector, name: str, sim: Any) -> None:
    urls = connector.base_urls()
    assert urls
    served = {url.partition("://")[2] for url in sim.hosts.values()}
    assert all(url.partition("://")[2].partition("/")[0] in served for url in urls)


# Faults -----------------------------------------------------------------------------------------------------------

ASKED_WAIT_S = 7
FAULTS: dict[str, tuple[dict[str, Any], tuple[type[CrossbookError], ...]]] = {
    "reset": ({}, (Unavailable,)),
    "drop_request": ({}, (Unavailable,)),
    "down": ({}, (Unavailable,)),
    "server_error": ({"status": 503}, (Unavailable,)),
    "geo_blocked": ({}, (GeoBlocked,)),
    "maintenance": ({}, (Maintenance,)),
    "malformed_json": ({}, (BadAnswer,)),
    "truncated_json": ({}, (BadAnswer, Unavailable)),
    "html_error": ({"status": 502}, (BadAnswer, Unavailable)),
    "rate_limited": ({"retry_after_s": ASKED_WAIT_S}, (RateLimited,)),
    "banned": ({"retry_after_s": 600}, (RateLimited,)),
}


@every_venue
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_told_as_what_it_is(
    venues: Venues, blunt: Connector, name: str, kind: str, sim: Any, tmp_path: Any
) -> None:
    arguments, expected = FAULTS[kind]
    item = main_instrument(venues, name)
    sim.set_fault(name, kind, **arguments)
    with pytest.raises(expected) as caught:
        blunt.fetch_quote(item)
    error = caught.value
    assert error.venue == name
    assert error.message
    assert "\n" not in error.message
    if expected == (Unavailable,):
        assert not isinstance(error, (RateLimited, Maintenance, GeoBlocked, TimedOut))
    sim.clear_faults()
    again = once(venues, name, tmp_path)
    check_quote(again.fetch_quote(item), item)
    again.close()


@every_venue
def test_the_wait_that_a_venue_asks_for_is_told(venues: Venues, blunt: Connector, name: str, sim: Any) -> None:
    sim.set_fault(name, "rate_limited", retry_after_s=ASKED_WAIT_S)
    with pytest.raises(RateLimited) as caught:
        blunt.fetch_quote(main_instrument(venues, name))
    if caught.value.retry_after_s is None:
        assert not blunt.capabilities.books, "only an answer over a WebSocket says no wait"
    else:
        assert ASKED_WAIT_S - 2 <= caught.value.retry_after_s <= ASKED_WAIT_S + 1


@every_venue
def test_a_timeout_ends_at_the_deadline(venues: Venues, name: str, sim: Any, tmp_path: Any) -> None:
    item = main_instrument(venues, name)
    sim.set_fault(name, "timeout")
    began = time.monotonic()
    connector = once(venues, name, tmp_path, within_s=0.5, attempts=4)
    with pytest.raises(TimedOut):
        connector.fetch_quote(item)
    assert time.monotonic() - began < 0.5 + 0.3
    connector.close()


@every_venue
@pytest.mark.parametrize("kind", ["server_error", "reset", "malformed_json", "drop_request"])
def test_a_failure_that_passes_is_asked_again(venues: Venues, name: str, kind: str, sim: Any, tmp_path: Any) -> None:
    item = main_instrument(venues, name)
    sim.set_fault(name, kind, times=1)
    connector = once(venues, name, tmp_path, attempts=4)
    check_quote(connector.fetch_quote(item), item)
    assert sim.faults() == []
    connector.close()


@every_venue
def test_maintenance_is_found_out_by_asking(connector: Connector, name: str, sim: Any) -> None:
    assert connector.fetch_maintenance() is None
    sim.set_fault(name, "maintenance")
    try:
        words = connector.fetch_maintenance()
    except Maintenance as error:
        words = error.message
    assert words


@every_venue
@pytest.mark.parametrize("skew_ms", [-8000, 6000])
def test_a_skewed_clock_shows_in_the_measured_offset(blunt: Connector, name: str, skew_ms: int, sim: Any) -> None:
    sim.set_fault(name, "clock_skew", ms=skew_ms)
    assert abs(blunt.fetch_clock_ms() - time.time() * 1000 - skew_ms) < 2000


@every_venue
def test_a_delay_only_takes_its_time(venues: Venues, blunt: Connector, name: str, sim: Any) -> None:
    item = main_instrument(venues, name)
    blunt.fetch_quote(item)
    sim.set_fault(name, "delay", ms=150)
    began = time.monotonic()
    check_quote(blunt.fetch_quote(item), item)
    assert 0.15 <= time.monotonic() - began < 1.5


@every_venue
@pytest.mark.parametrize(
    ("kind", "arguments", "status"),
    [
        ("crossed_book", {}, CROSSED),
        ("empty_book", {}, EMPTY),
        ("empty_book", {"side": "asks"}, OK),
        ("stale_book", {"ms": 30_000}, STALE),
    ],
    ids=["crossed", "empty", "one side", "stale"],
)
def test_a_book_that_cannot_be_used_never_wins(
    venues: Venues, name: str, kind: str, arguments: dict[str, Any], status: str, sim: Any
) -> None:
    # A spot market of which the venue tells no time cannot be seen to be old; contracts have one.
    item = main_instrument(venues, name)
    if kind == "stale_book" and venues.connector(name).fetch_quote(item).venue_time_ns is None:
        item = next(item for item in instruments(venues, name, PERPETUAL) if item.asset == "BTC")
    sim.set_fault(name, kind, **arguments)
    venues.start(time.monotonic() + 20)
    answers = best_prices(venues, venues.config, time.monotonic() + 20, [item.symbol], Wanted(), explicit=False)
    row = next(row for row in answers[0].rows if row.venue == name)
    if kind == "empty_book" and not venues.classes[name].capabilities.books:
        assert row.status in (UNAVAILABLE, UNSUPPORTED)  # without prices there are no ticks: the market is closed
        assert "closed" in str(row.reason)
        return
    assert row.status == status, row.reason
    assert row.ask_wins is False
    assert row.bid_wins is (status == OK)
    assert all(best is None or best.venue != name for best in (answers[0].best_ask,))
