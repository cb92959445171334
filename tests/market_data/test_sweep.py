from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.books import Level, Levels
from market_data.sweep import best_split, impact_of
from market_data.walking import BASE, QUOTE, walk

ASKS = ([100.0, 101.0, 103.0], [1.0, 2.0, 4.0])


def levels(rows):
    return [Level(Decimal(price), Decimal(size)) for price, size in rows]


def test_a_worked_example_in_base_units():
    (impact,) = impact_of(ASKS, [2.5], BASE)
    assert impact.quote == 100 + 1.5 * 101
    assert impact.average == impact.quote / 2.5
    assert (impact.worst, impact.levels, impact.unfilled) == (101.0, 2, 0.0)


def test_a_worked_example_by_notional():
    (impact,) = impact_of(ASKS, [201.0], QUOTE)
    assert impact.base == 2.0
    assert (impact.quote, impact.average, impact.levels) == (201.0, 100.5, 2)


def test_what_a_book_lacks_is_said():
    (impact,) = impact_of(ASKS, [10.0], BASE)
    assert (impact.base, impact.unfilled, impact.levels) == (7.0, 3.0, 3)
    (empty,) = impact_of(([], []), [10.0], BASE)
    assert (empty.base, empty.average, empty.worst, empty.levels, empty.unfilled) == (0.0, None, None, 0, 10.0)


def test_sizes_need_no_order_and_zero_finds_nothing():
    impacts = impact_of(ASKS, [3.0, 0.0, 0.5, 99.0], BASE)
    assert [impact.size for impact in impacts] == [3.0, 0.0, 0.5, 99.0]
    assert [impact.levels for impact in impacts] == [2, 0, 1, 3]
    assert impacts[1].average is None


def test_a_size_of_exactly_a_level_does_not_touch_the_next():
    assert impact_of(ASKS, [1.0], BASE)[0].levels == 1
    assert impact_of(ASKS, [100.0], QUOTE)[0].worst == 100.0


@pytest.mark.parametrize("size", [-1.0, float("nan"), float("inf")])
def test_senseless_sizes_are_refused(size):
    with pytest.raises(ValueError, match="size"):
        impact_of(ASKS, [size])


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="unit"):
        impact_of(ASKS, [1.0], "contracts")


amounts = st.decimals("0.0001", "5000", places=4)
books = st.lists(st.tuples(st.integers(1, 40), amounts | st.just(Decimal(0))), min_size=0, max_size=60)


@given(books, st.lists(amounts, min_size=1, max_size=8), st.sampled_from([BASE, QUOTE]), st.booleans())
def test_floats_agree_with_the_exact_walk(steps, sizes, unit, falling):
    price, rows = Decimal("5000.00"), []
    for step, amount in steps:
        price += Decimal(step) / 100 * (-1 if falling else 1)
        rows.append((str(price), str(amount)))
    side = Levels(rows)
    for impact, size in zip(impact_of(side.floats(), [float(size) for size in sizes], unit), sizes, strict=True):
        exact = walk(side, size, unit)
        assert impact.base == pytest.approx(float(exact.base), rel=1e-9)
        assert impact.quote == pytest.approx(float(exact.quote), rel=1e-9)
        # A size that ends on the very edge of a level may fall to either side of it in floats.
        near_edge = exact.missing == 0 and impact.levels != exact.levels
        assert near_edge or impact.levels == exact.levels
        assert impact.unfilled == pytest.approx(float(exact.missing), rel=1e-9, abs=1e-6)
        if exact.price is None:
            assert impact.average is None
        else:
            assert impact.average == pytest.approx(float(exact.price), rel=1e-9)


@given(books, amounts, st.sampled_from([BASE, QUOTE]))
def test_a_walk_never_takes_more_than_is_there_or_was_asked(steps, size, unit):
    rows = [Level(Decimal(1000 + place), amount) for place, (_, amount) in enumerate(steps)]
    filled = walk(rows, size, unit)
    taken = filled.base if unit == BASE else filled.quote
    assert abs(taken + filled.missing - size) <= size * Decimal("1e-20")
    assert filled.base <= sum(amount for _, amount in steps)
    assert filled.missing >= 0


def test_the_best_split_takes_the_cheapest_level_after_fees():
    sides = {"cheap_fee": levels([("100.2", "1"), ("101", "1")]), "dear_fee": levels([("100.1", "1"), ("100.3", "1")])}
    fees = {"cheap_fee": Decimal("0.0001"), "dear_fee": Decimal("0.002")}
    split = best_split(sides, fees, Decimal("1.5"), BASE, buying=True)
    assert split.parts["cheap_fee"].base == 1
    assert split.parts["dear_fee"].base == Decimal("0.5")
    assert split.missing == 0


def test_a_split_says_what_no_venue_has():
    split = best_split({"a": levels([("10", "1")])}, {"a": Decimal(0)}, Decimal(25), QUOTE, buying=True)
    assert split.parts["a"].quote == 10
    assert split.missing == 15


sides_of = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 50)), min_size=1, max_size=12)


@given(st.lists(sides_of, min_size=1, max_size=3), st.integers(1, 300), st.booleans())
def test_no_other_split_of_base_units_is_better(venues, size, buying):
    sign = 1 if buying else -1
    sides, fees = {}, {}
    for place, rows in enumerate(venues):
        name = f"v{place}"
        ordered = sorted(rows, reverse=not buying)
        sides[name] = [Level(Decimal(1000 + price), Decimal(amount)) for price, amount in ordered]
        fees[name] = Decimal(place) / 1000
    split = best_split(sides, fees, Decimal(size), BASE, buying=buying)
    units = sorted(
        sign * level.price * (1 + sign * fees[name])
        for name, side in sides.items()
        for level in side
        for _ in range(int(level.size))
    )
    ideal = sum(units[:size])
    found = sum(sign * part.quote * (1 + sign * fees[name]) for name, part in split.parts.items())
    assert found == ideal
    assert sum(part.base for part in split.parts.values()) + split.missing == size
