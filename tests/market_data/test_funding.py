import time
from decimal import Decimal

import pytest

from domain.errors import GeoBlocked, UnknownSymbol, Unsupported, UsageError
from domain.exit_codes import ExitCode
from domain.funding import FundingPoint
from domain.time import MS_PER_HOUR
from market_data.funding import funding_rates
from market_data.funding_report import funding_report
from tests.market_data.fakes import FakeVenues, instrument, soon

D = Decimal
NOW_MS = time.time_ns() // 1_000_000 // MS_PER_HOUR * MS_PER_HOUR
SYMBOL = "BTC/USDT:USDT"


def add(venues, venue, current, hours, symbol=SYMBOL, **more):
    connector = venues.connectors.get(venue) or venues.add(venue)
    venues.listed.append(instrument(venue, symbol))
    connector.funding[symbol] = current if isinstance(current, Exception) else {"current": current, **more}
    connector.history[symbol] = [
        FundingPoint(NOW_MS - hours * MS_PER_HOUR * back, D("0.0001")) for back in range(40, 0, -1)
    ]
    return connector


def rates(venues, symbol=SYMBOL, span="30d", **how):
    return funding_rates(venues, soon(), symbol, span, **({"explicit": False} | how))


def test_intervals_are_measured_and_venues_made_comparable():
    venues = FakeVenues()
    add(venues, "eight", "0.0001", 8, interval_h=D(8))
    add(venues, "one", "0.00005", 1, interval_h=D(8))
    answer = rates(venues)
    eight, one = answer.rows
    assert (eight.interval_h, one.interval_h) == (8, 1)
    assert (eight.apr, one.apr) == (D("0.1095"), D("0.438"))
    assert (answer.spread.long_venue, answer.spread.short_venue) == ("eight", "one")
    assert answer.exit_code is ExitCode.OK
    assert any("declares 8 h, but pays every 1 h" in line for line in funding_report(answer, "sim").summary)


def test_a_history_that_fails_leaves_the_current_rate():
    venues = FakeVenues()
    add(venues, "v", "0.0001", 8, interval_h=D(8)).history[SYMBOL] = Unsupported("v has no funding history.")
    (row,) = rates(venues).rows
    assert (row.status, row.apr, row.percentile) == ("ok", D("0.1095"), None)
    assert any("no history" in note for note in row.notes)


def test_a_failing_venue_is_a_row_with_its_reason():
    venues = FakeVenues()
    add(venues, "good", "0.0001", 8)
    add(venues, "bad", GeoBlocked("not from here"), 8)
    answer = rates(venues)
    assert [row.status for row in answer.rows] == ["ok", "geo_blocked"]
    assert answer.exit_code is ExitCode.PARTIAL
    assert answer.spread is None


def test_only_as_much_history_as_asked_for_counts():
    venues = FakeVenues()
    add(venues, "v", "0.0001", 8)
    assert rates(venues, span="2d").rows[0].history_count < rates(venues).rows[0].history_count == 40


def test_other_dollars_come_in_when_asked_for():
    venues = FakeVenues()
    add(venues, "v", "0.0001", 8)
    add(venues, "coin", "0.0002", 8, symbol="BTC/USD:BTC", interval_h=D(8), continuous=True)
    assert [row.status for row in rates(venues).rows] == ["ok", "not_listed"]
    assert "--any-quote" in rates(venues).rows[1].reason
    row = rates(venues, any_quote=True).rows[1]
    assert (row.symbol, row.continuous, row.status) == ("BTC/USD:BTC", True, "ok")
    assert funding_report(rates(venues, any_quote=True), "sim").tables[0].rows[1][4] == "cont."


def test_a_spot_market_pays_no_funding_and_the_perpetual_is_named():
    venues = FakeVenues()
    venues.add_book("v", "BTC/USDT", [], [])
    with pytest.raises(UsageError) as caught:
        rates(venues, "BTC/USDT")
    assert caught.value.hint == "No venue asked has a perpetual of BTC."
    venues.add_book("v", SYMBOL, [], [])
    with pytest.raises(UsageError) as caught:
        rates(venues, "BTC/USDT")
    assert caught.value.hint == f"Try {SYMBOL}."


def test_an_unknown_symbol_is_refused():
    venues = FakeVenues()
    add(venues, "v", "0.0001", 8)
    with pytest.raises(UnknownSymbol):
        rates(venues, "NOPE/USDT:USDT")
