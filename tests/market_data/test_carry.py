from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UsageError
from domain.funding import Funding, FundingPoint
from domain.spans import span_ms
from domain.time import MS_PER_HOUR
from market_data.carry import measure, per_hours, percentile, yearly
from market_data.funding import FundingRow, comparable_history, fill, widest

D = Decimal
START = 1_795_000_000_000 // MS_PER_HOUR * MS_PER_HOUR


def settlements(*hours, rate="0.0001", jitter_ms=0):
    points, time_ms = [], START
    for hour in (0, *hours):
        time_ms += hour * MS_PER_HOUR
        points.append(FundingPoint(time_ms + jitter_ms * len(points) % 2000, D(rate)))
    return points


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("2w", 336), ("1D", 24)])
def test_spans_are_read(text, hours):
    assert span_ms(text) == hours * MS_PER_HOUR


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "0h", "1.5d", "9999d", "30 days", "²d"])
def test_other_spans_are_refused(text):
    with pytest.raises(UsageError):
        span_ms(text)


@given(st.sampled_from([1, 2, 4, 8]), st.integers(2, 60), st.integers(0, 900))
def test_a_steady_interval_is_measured_whatever_is_declared(hours, count, jitter_ms):
    interval = measure(settlements(*[hours] * count, jitter_ms=jitter_ms), D(8), None)
    assert (interval.measured_h, interval.used_h) == (hours, hours)
    assert bool(interval.notes) == (hours != 8)


def test_a_missing_settlement_does_not_change_the_interval():
    assert measure(settlements(8, 8, 16, 8, 8), D(8), None).used_h == 8


def test_a_change_of_interval_is_noted_and_the_recent_one_counts():
    interval = measure(settlements(8, 8, 8, 8, 8, 8, 8, 4, 4, 4), D(4), None)
    assert (interval.measured_h, interval.used_h) == (8, 4)
    assert "was 8 h until" in interval.notes[0]


def test_an_interval_that_has_just_changed_is_seen_in_the_next_settlement():
    points = settlements(8, 8, 8, 8)
    interval = measure(points, D(1), points[-1].time_ms + MS_PER_HOUR)
    assert interval.used_h == 1
    assert "just become 1 h" in interval.notes[0]


def test_a_declared_interval_that_is_not_kept_is_noted():
    points = settlements(4, 4, 4)
    interval = measure(points, D(8), points[-1].time_ms + 4 * MS_PER_HOUR)
    assert interval.used_h == 4
    assert interval.notes == ("declares 8 h, but pays every 4 h",)


def test_an_interval_that_nobody_states_is_not_guessed():
    assert measure([], None, None).used_h is None
    assert measure(settlements(), None, START + MS_PER_HOUR).used_h is None


def test_apr_is_simple_and_apy_compounds():
    apr, apy = yearly(D("0.0001"), D(8), continuous=False)
    assert apr == D("0.1095")
    assert float(apy) == pytest.approx(1.0001**1095 - 1, abs=1e-8)
    assert float(yearly(D("0.0001"), D(8), continuous=True)[1]) == pytest.approx(
        2.718281828459045**0.1095 - 1, abs=1e-8
    )


def test_rates_over_different_intervals_are_comparable():
    assert per_hours(D("0.0001"), D(1)) == D("0.0008")
    assert per_hours(D("0.0004"), D(4)) == per_hours(D("0.0008"), D(8))


def test_the_percentile_counts_equal_rates_half():
    assert percentile(D(3), [D(1), D(2), D(3), D(4)]) == D("62.5")
    assert percentile(D(9), [D(1)]) == 100
    assert percentile(D(1), []) is None


@given(st.decimals(-1, 1, places=4), st.lists(st.decimals(-1, 1, places=4), min_size=1, max_size=50))
def test_a_percentile_lies_between_0_and_100_and_mirrors(value, history):
    low, high = percentile(value, history), percentile(-value, [-one for one in history])
    assert 0 <= low <= 100
    assert abs(low + high - 100) <= D("0.1")


def row_of(points, current="0.0001", **more):
    fields = {"predicted": None, "interval_h": D(8), "next_time_ms": None, "continuous": False} | more
    now = Funding(venue="v", symbol="s", current=None if current is None else D(current), mark_price=None,
                  index_price=None, received_at_ns=0, **fields)  # fmt: skip
    row = FundingRow("v", "s")
    fill(row, now, points)
    return row


def test_a_row_without_an_interval_has_no_yearly_rate_and_says_so():
    row = row_of([], interval_h=None)
    assert (row.apr, row.apy, row.rate_8h) == (None, None, None)
    assert row.status == "ok"
    assert "interval unknown: no yearly rate" in row.notes


def test_continuous_funding_is_not_measured_by_its_hourly_history():
    points = [FundingPoint(p.time_ms, D("0.0002"), D(8)) for p in settlements(1, 1, 1)]
    row = row_of(points, continuous=True)
    assert (row.interval_h, row.measured_interval_h, row.apr) == (8, None, D("0.1095"))
    assert row.percentile == 0
    assert row.history_mean_apr == D("0.219")


def test_history_is_compared_by_its_own_intervals():
    points = settlements(8, 8, 8, 4, 4, 4)
    row = row_of(points, interval_h=D(4))
    assert comparable_history(points, measure(points, D(4), None)) == [D("0.0001")] * 4 + [D("0.0002")] * 3
    assert row.rate_8h == D("0.0002")


def test_a_venue_that_gives_no_rate_is_unavailable():
    assert row_of([], current=None).status == "unavailable"


def test_the_widest_spread_is_long_where_it_is_lowest():
    rows = []
    for venue, rate, hours in (("a", "0.0001", 8), ("b", "0.0001", 1), ("c", "-0.0001", 8)):
        rows.append(row_of([], current=rate, interval_h=D(hours)))
        rows[-1].venue = venue
    spread = widest(rows)
    assert (spread.long_venue, spread.short_venue) == ("c", "b")
    assert spread.rate_8h == D("0.0009")
    assert widest(rows[:1]) is None


def test_a_rate_that_compounds_beyond_all_money_has_no_apy():
    apr, apy = yearly(D("0.05"), D(1), continuous=False)
    assert (apr, apy) == (D(438), None)
    assert yearly(D("-0.9"), D("0.01"), continuous=True)[1] == -1


def test_a_span_of_thousands_of_digits_is_no_span():
    with pytest.raises(UsageError, match="not a span"):
        span_ms("9" * 5000 + "d")
