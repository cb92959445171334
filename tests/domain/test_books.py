"""Books: wire rows in, money out; units converted; hostile rows refused."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.books import Book, Levels
from domain.funding import check_rate
from domain.money import BadNumber, plain, rounded
from domain.time import read_ms


def test_contracts_become_base_units() -> None:
    levels = Levels([["100", "5", "0", "1"]], unit_size=Decimal("0.01"))
    assert levels[0] == (Decimal(100), Decimal("0.05"))


def test_quote_sized_contracts_become_base_units_at_their_price() -> None:
    levels = Levels([["50000", "10"]], unit_size=Decimal(100), inverse=True)
    assert levels[0] == (Decimal(50000), Decimal("0.02"))


def test_a_book_of_a_thousand_is_expressed_per_one() -> None:
    book = Book("v", "1000PEPE/USDT", Levels([["0.01", "3"]]), Levels([["0.02", "4"]]), received_at_ns=1)
    single = book.rescaled(Decimal("0.001"), Decimal(1000))
    assert single.best_bid() == (Decimal("0.00001"), Decimal(3000))
    assert single.best_ask() == (Decimal("0.00002"), Decimal(4000))


def test_an_empty_side_has_no_best() -> None:
    book = Book("v", "A/B", Levels([]), Levels([["1", "1"]]), received_at_ns=1)
    assert book.best_bid() is None
    assert book.best_ask() is not None


@pytest.mark.parametrize(
    "row",
    [
        ["x", "1"],
        ["1"],
        [],
        None,
        ["1", None],
        ["nan", "1"],
        ["1", "inf"],
        ["-1", "1"],
        ["1", "-1"],
        ["0", "1"],
        [1.5, "1"],
        "97000.5",
        {"0": "1", "1": "1"},
    ],
)
def test_a_row_that_is_no_level_is_refused(row) -> None:
    with pytest.raises(BadNumber):
        _ = Levels([row])[0]


@pytest.mark.parametrize("row", [["x", "1"], ["1"], None, ["nan", "1"], ["1", "inf"], ["-1", "1"], "12"])
def test_floats_refuse_what_levels_refuse(row) -> None:
    with pytest.raises(BadNumber):
        Levels([row]).floats()


amounts = st.decimals("0.00000001", "10000000", places=8).map(str)


@given(st.lists(st.tuples(amounts, amounts), max_size=20), st.booleans())
def test_floats_are_the_decimals(rows, inverse) -> None:
    rows.sort(key=lambda row: Decimal(row[0]))
    levels = Levels(rows, unit_size=Decimal("0.01"), inverse=inverse).rescaled(Decimal("0.5"), Decimal(2))
    prices, sizes = levels.floats()
    for price, size, level in zip(prices, sizes, levels, strict=True):
        assert price == pytest.approx(float(level.price), rel=1e-12)
        assert size == pytest.approx(float(level.size), rel=1e-12)


@pytest.mark.parametrize("prices", [("100", "105", "99"), ("100", "99", "101", "98"), ("1", "3", "2")])
def test_levels_in_no_order_are_refused_by_whoever_reads_them(prices) -> None:
    levels = Levels([[price, "1"] for price in prices])
    with pytest.raises(BadNumber, match="no order"):
        list(levels)
    with pytest.raises(BadNumber, match="no order"):
        levels.floats()


def test_a_level_of_no_size_is_not_the_best_one() -> None:
    book = Book("v", "A/B", Levels([["10", "0"], ["9", "1"]]), Levels([["11", "0"], ["12", "0"]]), received_at_ns=1)
    assert book.best_bid() == (Decimal(9), Decimal(1))
    assert book.best_ask() is None


@pytest.mark.parametrize("value", [None, True, 1.5, "1.5", "-1", -1, "", "x", 10**40, "9" * 30, [], {}])
def test_an_instant_that_is_none_is_refused(value) -> None:
    with pytest.raises(BadNumber):
        read_ms(value)


def test_an_instant_is_read_in_milliseconds() -> None:
    assert read_ms("1763694000000") == read_ms(1763694000000) == read_ms(1763694000000_000001, 1_000_000)


def test_rounding_never_fails_for_want_of_digits() -> None:
    assert rounded(Decimal("1e20") * Decimal("1e20"), 10) == Decimal("1e40")


@pytest.mark.parametrize(
    ("rate", "hours"), [("5", "8"), ("-2", "8"), ("0.0001", "0"), ("0.0001", "-8"), ("0", "99999")]
)
def test_a_rate_or_an_interval_that_cannot_be_is_refused(rate, hours) -> None:
    with pytest.raises(BadNumber):
        check_rate(Decimal(rate), Decimal(hours))


WIRE = [["10.50", "1"], ["10.4", "0"], ["10.4", "2.50"], [10, 3, "more"], ("9", "1E+1")]


@pytest.mark.parametrize("unit", ["1", "0.001"])
@pytest.mark.parametrize("turned", [False, True])
def test_levels_seen_before_are_written_as_those_seen_first(unit: str, turned: bool) -> None:
    side = Levels(WIRE[::-1] if turned else WIRE, unit_size=Decimal(unit))
    expected = tuple((plain(price), plain(size)) for price, size in side if size)
    assert side.texts() == side.texts() == expected
    assert side.top(2).texts() == tuple((plain(price), plain(size)) for price, size in side.top(2) if size)
    assert Levels([]).texts() == ()


@pytest.mark.parametrize(
    "odd",
    [
        [1.0, "1"],
        ["1", 1.0],
        [True, "1"],
        ["1"],
        "12",
        None,
        ["1", "-1"],
        ["0", "1"],
        ["1", "NaN"],
        ["1", []],
        ["2", "1"],
    ],
)
def test_a_level_that_cannot_be_read_is_refused_whatever_was_seen_before(odd: Any) -> None:
    good = [["1.5", "1"], [1, 1], ["1", "1"]]
    Levels(good).texts()
    with pytest.raises(BadNumber):
        Levels([*good, odd]).texts()


def test_sizes_that_depend_on_the_price_are_worked_out_each_time() -> None:
    side = Levels([["4", "100"], ["5", "100"]], inverse=True)
    assert side.texts() == (("4", "25"), ("5", "20"))
    assert Levels([["4", "1"]]).rescaled(Decimal(2), Decimal(3)).texts() == (("8", "3"),)
