"""What budgets allow, said before anything is recorded; and how seconds are left out where they do not."""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Capabilities, Connector
from connectors.registry import load_class
from domain.errors import Unsupported, UsageError
from domain.exit_codes import ExitCode
from domain.instruments import SPOT
from market_data.snapshots.rates import Load, Turns, check_depth, check_loads, cost_of, load, steady_per_minute, turns
from tests.market_data.fakes import FakeConnector, instrument
from utils.config.load import load_config


def connector(venue: str = "okx", **capabilities: Any) -> Connector:
    made = FakeConnector(venue)
    made.capabilities = Capabilities(frozenset({SPOT}), **capabilities)
    return made


BTC = instrument("okx", "BTC/USDT", product="spot")


@pytest.mark.parametrize(("depth", "nearest"), [(30, 20), (70, 100), (0, 20), (5000, 500)])
def test_a_depth_that_the_venue_does_not_give_is_refused_with_the_nearest(depth: int, nearest: int) -> None:
    made = connector(book_depths={"spot": (20, 100, 500)})
    with pytest.raises(UsageError, match=f"nearest is {nearest}"):
        check_depth(made, BTC, depth)


@pytest.mark.parametrize("depth", [20, 100, 500])
def test_a_depth_that_the_venue_gives_is_taken(depth: int) -> None:
    check_depth(connector(book_depths={"spot": (20, 100, 500)}), BTC, depth)
    check_depth(connector(max_depth=500), BTC, depth)
    check_depth(connector(), BTC, depth)  # a venue that does not say


def test_a_venue_with_any_depth_up_to_one_names_that_one() -> None:
    with pytest.raises(UsageError, match="1 to 500 levels a side, not 501; the nearest is 500"):
        check_depth(connector(max_depth=500), BTC, 501)


def test_a_venue_without_books_is_refused() -> None:
    with pytest.raises(Unsupported) as raised:
        check_depth(connector(books=False), BTC, 100)
    assert raised.value.exit_code == ExitCode.REFUSED


def test_what_a_book_costs_is_what_its_request_costs() -> None:
    made = connector()
    assert cost_of(made, BTC, 100) == 1
    made.book_request = lambda item, depth: SimpleNamespace(cost=depth / 20)  # type: ignore[attr-defined]
    assert cost_of(made, BTC, 100) == 5


def test_the_steady_budget_is_what_the_guard_lets_flow() -> None:
    configured = load_config(environment="sim").venues["okx"]
    assert steady_per_minute(connector(requests_per_minute=600), configured) == 450
    assert steady_per_minute(connector(requests_per_minute=600, burst=15), configured) == 585
    assert steady_per_minute(connector(burst=15), configured._replace(requests_per_minute=60)) == 45


@pytest.mark.parametrize("name", ["binance", "okx", "bybit", "kucoin", "deribit"])
def test_a_few_series_a_second_are_within_every_venues_budget(name: str) -> None:
    configured = load_config(environment="sim").venues[name]
    made = connector(name)
    made.capabilities = load_class(configured.class_path, name).capabilities
    check_loads([load(name, [2.0] * 2, 1, steady_per_minute(made, configured))], 1)


def test_more_than_a_budget_allows_is_refused_with_the_rate_that_is_possible() -> None:
    check_loads([load("okx", [1.0] * 10, 1, 600)], 1)
    with pytest.raises(UsageError) as raised:
        check_loads([load("okx", [1.0] * 10, 1, 600), load("binance", [5.0] * 25, 1, 3000)], 1)
    error = raised.value
    assert error.message == "binance: 25 series every 1 s need 7500 units of budget a minute, 3000 are there."
    assert (error.exit_code, error.category, error.venue) == (ExitCode.USAGE, "rate_limited", "binance")
    assert "--every 3s" in (error.hint or "")
    check_loads([load("binance", [5.0] * 25, 3, 3000)], 3)


def test_where_no_rate_is_possible_fewer_series_are_advised() -> None:
    with pytest.raises(UsageError) as raised:
        check_loads([load("okx", [1.0] * 1000, 3600, 1)], 3600)
    assert "fewer series" in (raised.value.hint or "")


@settings(max_examples=25)
@given(wanted=st.integers(61, 5000), allowed=st.integers(1, 60), series=st.integers(1, 12))
def test_seconds_are_left_out_evenly_and_within_the_budget(wanted: int, allowed: int, series: int) -> None:
    found = Load("okx", series, wanted, allowed)
    rows = [[turns({"okx": found}, "okx", place).mine(beat) for beat in range(240)] for place in range(series)]
    for row in rows:
        asked = [beat for beat, mine in enumerate(row) if mine]
        assert abs(len(asked) - 240 * allowed / wanted) <= 1.01
        steps = {later - earlier for earlier, later in pairwise(asked)}
        assert not steps or max(steps) - min(steps) <= 1
    # Whatever the second, not all series are asked at once: what the budget lets through on average, and one.
    assert max(map(sum, zip(*rows, strict=True))) <= series * allowed / wanted + 1.01


def test_where_the_budget_allows_all_none_is_left_out() -> None:
    assert all(Turns(Fraction(1)).mine(beat) for beat in range(100))
    assert all(turns({}, "okx", 0).mine(beat) for beat in range(100))
    assert Turns(Fraction(2, 5)).words(2) == "the budget allows a book every 5 s"
