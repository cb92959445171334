from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.books import Level
from domain.errors import GeoBlocked, UnknownSymbol, UsageError
from domain.exit_codes import ExitCode
from market_data.book import order_books
from market_data.book_report import book_report
from market_data.impact import order_of, price_impact
from market_data.impact_report import impact_report
from market_data.merge import blind_beyond, imbalance, merged
from tests.market_data.fakes import FakeVenues, config, soon

D = Decimal


def two_venues():
    venues = FakeVenues()
    venues.add_book("one", "BTC/USDT", [["100.10", "1"], ["100.00", "4"]], [["100.30", "2"], ["100.50", "4"]])
    venues.add_book("two", "BTC/USDT", [["100.20", "1"], ["100.0", "3"]], [["100.40", "2"], ["100.5", "1"]], "0.0005")
    return venues


def books(venues, depth=10, symbol="BTC/USDT", **how):
    how = {"consolidated": False, "explicit": False} | how
    return order_books(venues, config(), soon(), symbol, depth, **how)


def impact(venues, side="buy", quote=None, base=None, curve=False, explicit=False):
    order = order_of(side, quote and D(quote), base and D(base))
    return price_impact(venues, config(), soon(), "BTC/USDT", order, curve=curve, explicit=explicit)


def test_a_merged_book_adds_sizes_at_equal_prices_and_names_the_venues():
    answer = books(two_venues(), consolidated=True)
    (view,) = answer.views
    assert [(level.price, level.size) for level in view.bids] == [(D("100.20"), 1), (D("100.10"), 1), (D(100), 7)]
    assert view.bids[2].venues == {"one": 4, "two": 3}
    record = book_report(answer, "sim").record
    assert record["asks"][2] == {"price": D("100.50"), "size": 5, "venues": {"one": 4, "two": 1}}
    assert record["consolidated"] is True


def test_depth_limits_the_levels():
    assert len(books(two_venues(), depth=2, consolidated=True).views[0].bids) == 2
    with pytest.raises(UsageError):
        books(two_venues(), depth=0)


def test_without_a_venue_the_first_that_lists_it_is_shown_and_the_others_are_named():
    answer = books(two_venues())
    assert [view.venue for view in answer.views] == ["one"]
    assert "two" in answer.notes[-1]
    assert book_report(answer, "sim").record["bids"][0] == {"price": D("100.10"), "size": 1}


def test_named_venues_are_shown_one_by_one():
    report = book_report(books(two_venues(), explicit=True), "sim")
    assert [record["venue"] for record in report.record] == ["one", "two"]


def test_a_failing_venue_is_left_out_of_the_merged_book_with_its_reason():
    venues = two_venues()
    venues.add_book("bad", "BTC/USDT", GeoBlocked("not from here"))
    venues.add_book("mad", "BTC/USDT", [["900", "1"]], [["1", "1"]])
    answer = books(venues, consolidated=True)
    assert answer.exit_code is ExitCode.PARTIAL
    assert answer.views[0].top == (D("100.20"), D("100.30"))
    assert {row.venue: row.status for row in answer.rows if row.status != "ok"} == {
        "bad": "geo_blocked",
        "mad": "crossed",
    }


def test_a_bad_level_deep_in_a_book_fails_that_venue_only():
    venues = two_venues()
    venues.add_book("odd", "BTC/USDT", [["100", "1"]], [["101", "1"], ["oops", "1"]])
    assert books(venues, consolidated=True).rows[2].status == "unavailable"
    answer = impact(venues, base="1")
    assert answer.rows[2].status == "unavailable"
    assert "odd" not in answer.parts


def test_an_unknown_symbol_is_refused():
    with pytest.raises(UnknownSymbol):
        books(two_venues(), symbol="NOPE/USDT")


sides = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(st.tuples(st.decimals("1", "5", places=1), st.integers(0, 9)), max_size=12, unique_by=lambda row: row[0]),
)


@given(sides, st.integers(1, 40), st.booleans())
def test_merging_keeps_every_unit_in_price_order(rows_of, depth, bids):
    made = {
        name: [Level(price, Decimal(size)) for price, size in sorted(rows, reverse=bids)]
        for name, rows in rows_of.items()
    }
    whole = merged(made, 1000, bids=bids)
    assert sum(level.size for level in whole) == sum(size for rows in rows_of.values() for _, size in rows)
    prices = [level.price for level in whole]
    assert prices == sorted(set(prices), reverse=bids)
    assert all(sum(level.venues.values()) == level.size > 0 for level in whole)
    assert merged(made, depth, bids=bids) == whole[:depth]


def test_a_book_that_ends_early_is_named():
    short = {"short": [Level(D(10), D(1))], "long": [Level(D(10), D(1)), Level(D(12), D(1))]}
    assert blind_beyond(short, {"short": True, "long": True}, D(12), bids=False) == ["short"]
    assert blind_beyond(short, {"short": False, "long": True}, D(12), bids=False) == []


def test_imbalance_lies_between_minus_one_and_one():
    assert imbalance([Level(D(1), D(3))], [Level(D(2), D(1))]) == D("0.5")
    assert imbalance([], []) is None


def test_an_impact_is_worked_out_per_venue_and_for_the_best_split():
    answer = impact(two_venues(), base="3")
    one = answer.costs["one"]
    assert one.filled_quote == D("301.10")
    assert one.worst_price == D("100.50")
    assert one.levels == 2
    assert one.fee == D("0.30110")
    assert one.total == D("301.40110")
    mid = D("100.20")
    assert one.slippage_bps == ((D("301.10") / 3 - mid) / mid * 10000).quantize(D("0.001"))
    assert answer.parts["one"].filled_base == 2
    assert answer.parts["two"].filled_base == 1
    assert answer.split.total == D("100.40") * D("1.0005") + D("200.60") * D("1.001")
    assert answer.split.unfilled == 0


def test_the_split_is_never_dearer_than_any_one_venue():
    answer = impact(two_venues(), base="2.5")
    assert all(answer.split.total <= cost.total for cost in answer.costs.values() if not cost.unfilled)


def test_a_sale_brings_less_the_fee():
    answer = impact(two_venues(), "sell", base="2")
    one = answer.costs["one"]
    assert one.total == (D("100.10") + D("100.00")) * D("0.999")
    assert one.slippage_bps > 0
    assert one.cost_bps > one.slippage_bps


def test_what_stays_unfilled_is_said_everywhere():
    answer = impact(two_venues(), quote="5000")
    assert answer.costs["two"].unfilled == D(5000) - D("200.80") - D("100.5")
    assert answer.split.unfilled == D(5000) - answer.split.filled_quote
    report = impact_report(answer, "sim")
    assert any("NOT FILLED" in line for line in report.summary)
    assert any(line.startswith("two: ") and "unfilled" in line for line in report.summary)
    assert report.record["split"]["unfilled"] == answer.split.unfilled


def test_a_venue_whose_fee_is_unknown_is_left_out_of_the_split_and_named():
    venues = two_venues()
    venues.add_book("free", "BTC/USDT", [["1", "9"]], [["50", "9"]], None)
    answer = impact(venues, base="1")
    assert answer.costs["free"].total is None
    assert "free" not in answer.parts
    assert "taker_fee_bps" in answer.left_out["free"]


def test_the_curve_has_a_line_a_venue_from_small_to_large():
    record = impact_report(impact(two_venues(), base="1", curve=True), "sim").record
    assert [point["size"] for point in record["curve"]["one"]][:3] == [D("0.01"), D("0.02"), D("0.05")]
    assert record["curve"]["one"][-1]["unfilled"] == 4
    assert record["split"]["parts"]


@pytest.mark.parametrize("sizes", [{}, {"quote": "1", "base": "1"}])
def test_the_size_is_said_exactly_once(sizes):
    with pytest.raises(UsageError, match="once"):
        impact(two_venues(), **sizes)


def test_venues_without_an_answer_have_rows_without_figures():
    venues = two_venues()
    venues.add_book("bad", "BTC/USDT", GeoBlocked("not from here"))
    record = impact_report(impact(venues, base="1"), "sim").record
    assert record["venues"][2]["status"] == "geo_blocked"
    assert record["venues"][2]["average_price"] is None
