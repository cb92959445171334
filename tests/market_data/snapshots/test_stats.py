"""Spread, depth, imbalance and impact of recorded seconds agree with walking each book exactly."""

import math
import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UsageError
from domain.snapshots import CROSSED, SECOND_NS, UNAVAILABLE, Level, SeriesFacts, Snapshot
from market_data.snapshots.arrays import equal
from market_data.snapshots.selecting import Window, facts_of_file, stored_files, tables_of
from market_data.snapshots.stats import Asked, StatsAnswer, _quantile, statistics
from market_data.snapshots.stats_report import record, stats_report
from market_data.walking import BASE, QUOTE, walk
from tests.market_data.snapshots.recorded_store import START_NS, book, facts, put
from utils.persistence.sinks.local import LocalSink

HOUR_NS = 3600 * SECOND_NS


def worked_out(
    folder: Path, about: SeriesFacts, files: list[list[Snapshot]], asked: Asked, window: Window | None = None
) -> StatsAnswer:
    sink = LocalSink(folder / "store")
    for rows in files:
        put(sink, about, rows)
    window = window or Window()
    found = stored_files(sink, window, about.series)
    return statistics(facts_of_file(sink, found[-1]), tables_of(sink, found, window), window, asked)


def made_book(dice: random.Random, second: int) -> Snapshot:
    mid = Decimal(dice.randrange(90_000, 110_000))
    sides: list[list[Level]] = []
    for way in (-1, 1):
        price, levels = mid, []
        for _ in range(dice.randrange(1, 40)):
            price += way * Decimal(dice.randrange(1, 400)) / 10
            levels.append((f"{price.normalize():f}", f"{(Decimal(dice.randrange(1, 3000)) / 1000).normalize():f}"))
        sides.append(levels)
    return book(second, *sides)


def exact(levels: tuple[Level, ...]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size in levels]


def mean(numbers: list[Decimal]) -> float:
    return float(sum(numbers) / len(numbers))


def near(found: float | None, wanted: float) -> bool:
    return found is not None and math.isclose(found, wanted, rel_tol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_agrees_with_walking_each_book_in_decimals(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    rows = [made_book(dice, second) for second in range(500)]
    answer = worked_out(tmp_path, facts(), [rows[:200], rows[200:]], Asked(HOUR_NS, 50.0, 100_000.0))
    spreads, buys, sells, short = [], [], [], [0, 0]
    depths: dict[str, list[Decimal]] = {name: [] for name in ("bids", "bids_quote", "asks", "asks_quote")}
    for row in rows:
        bids, asks = exact(row.bids), exact(row.asks)
        mid = (bids[0][0] + asks[0][0]) / 2
        spreads.append((asks[0][0] - bids[0][0]) / mid * 10_000)
        for name, side in (("bids", bids), ("asks", asks)):
            within = [(price, size) for price, size in side if abs(price - mid) <= mid * Decimal("0.005")]
            depths[name].append(sum((size for _, size in within), Decimal(0)))
            depths[f"{name}_quote"].append(sum((price * size for price, size in within), Decimal(0)))
        for place, (side, costs, sign) in enumerate(((asks, buys, 1), (bids, sells, -1))):
            filled = walk(side, Decimal(100_000), QUOTE)
            if filled.missing or filled.price is None:
                short[place] += 1
            else:
                costs.append(sign * (filled.price / mid - 1) * 10_000)
    total = answer.total
    assert (total.rows, total.ok, total.short) == (500, 500, tuple(short))
    assert short[0] > 2  # some books are too thin: the case is there
    assert near(total.spread_mean, mean(spreads))
    assert near(total.buy_bps, mean(buys))
    assert near(total.sell_bps, mean(sells))
    for found, name in ((total.bids, "bids"), (total.asks, "asks")):
        assert near(found[0], mean(depths[name]))
        assert near(found[1], mean(depths[f"{name}_quote"]))


def test_an_absurd_level_spoils_no_other_second(tmp_path: Path) -> None:
    rows = [book(second, [("99", "3"), ("98", "7"), ("97", "1000000000000")], [("101", "10")]) for second in range(100)]
    total = worked_out(tmp_path, facts(), [rows], Asked(HOUR_NS, 150.0, 500.0)).total
    cost = walk(exact(rows[0].bids), Decimal(500), QUOTE).price
    assert near(total.sell_bps, float((1 - (cost or 0) / 100) * 10_000))
    assert total.bids == (3.0, 297.0)


def test_an_inverse_contracts_sizes_are_quote(tmp_path: Path) -> None:
    about = facts("BTC/USD:BTC", kind="swap", inverse=True, settle="BTC", size_unit="USD", unit_size="100")
    rows = [book(0, [("50000", "60000"), ("49990", "100000")], [("50010", "60000"), ("50020", "100000")])]
    total = worked_out(tmp_path, about, [rows], Asked(HOUR_NS)).total
    base = Decimal(60_000) / 50_010 + Decimal(40_000) / 50_020
    assert near(total.buy_bps, float((100_000 / base / Decimal(50_005) - 1) * 10_000))
    assert total.asks[1] == 160_000
    assert near(total.asks[0], float(Decimal(60_000) / 50_010 + Decimal(100_000) / 50_020))


def test_a_size_within_the_best_level_costs_half_the_spread(tmp_path: Path) -> None:
    rows = [book(0, [("99", "10")], [("101", "10")])]
    total = worked_out(tmp_path, facts(), [rows], Asked(HOUR_NS, 200.0, 500.0)).total
    assert (total.spread_mean, total.buy_bps, total.sell_bps) == pytest.approx((200.0, 100.0, 100.0))
    assert walk(exact(rows[0].asks), Decimal(5), BASE).price == 101


def test_seconds_without_a_good_book_count_and_say_nothing(tmp_path: Path) -> None:
    rows = [
        book(0, [("99", "10")], [("101", "10")]),
        book(1, [], [], UNAVAILABLE, received_at_ns=None, venue_time_ns=None, sequence=None),
        book(2, [("300", "1")], [("200", "1")], CROSSED),
        book(3, [("99", "10")], []),
    ]
    total = worked_out(tmp_path, facts(), [rows], Asked(HOUR_NS, 200.0, 500.0)).total
    assert (total.rows, total.ok) == (4, 2)
    assert (total.spread_mean, total.mid_last, total.buy_bps) == pytest.approx((200.0, 100.0, 100.0))


def test_depth_says_where_the_recorded_levels_end_too_early(tmp_path: Path) -> None:
    rows = [book(0, [("99.9", "1"), ("90", "1")], [("100.1", "1"), ("100.2", "1")])]
    answer = worked_out(tmp_path, facts(), [rows], Asked(HOUR_NS, 50.0))
    assert answer.total.cut == (0, 1)
    assert answer.total.bids[0] == 1
    assert answer.total.imbalance == pytest.approx(-1 / 3)
    assert any("at least" in line for line in stats_report(answer).summary)


def test_periods_part_at_utc_hours_and_across_files(tmp_path: Path) -> None:
    def at(second: int, ask: str) -> Snapshot:
        return book(second, [("99", "10")], [(ask, "10")])

    files = [[at(3590, "101"), at(3595, "103")], [at(3600, "101"), at(7300, "105")]]
    answer = worked_out(tmp_path, facts(), files, Asked(HOUR_NS))
    assert [(period.start_ns - START_NS) // HOUR_NS for period in answer.periods if period.start_ns] == [0, 1, 2]
    assert [period.rows for period in answer.periods] == [2, 1, 1]
    assert answer.total.rows == 4
    assert answer.total.spread_median == pytest.approx((200 + (103 - 99) / 101 * 10_000) / 2)


def test_a_window_takes_its_first_second_and_not_its_last(tmp_path: Path) -> None:
    rows = [book(second, [("99", "10")], [("101", "10")]) for second in range(10)]
    window = Window(START_NS + 2 * SECOND_NS, START_NS + 5 * SECOND_NS)
    assert worked_out(tmp_path, facts(), [rows], Asked(HOUR_NS), window).total.rows == 3


def test_a_size_that_no_second_holds_is_said_to_be_short(tmp_path: Path) -> None:
    rows = [book(0, [("99", "1")], [("101", "1")])]
    answer = worked_out(tmp_path, facts(), [rows], Asked(HOUR_NS))
    assert (answer.total.buy_bps, answer.total.short) == (None, (1, 1))
    assert record(answer)["total"]["buy"] == {"impact_bps": None, "short_seconds": 1}


def test_only_the_spread_reads_no_levels(tmp_path: Path) -> None:
    rows = [book(0, [("99", "1")], [("101", "1")])]
    asked = Asked(HOUR_NS, measures=("spread",))
    sink = LocalSink(tmp_path / "store")
    put(sink, facts(), rows)
    files = stored_files(sink, Window(), facts().series)
    read: list[list[str]] = []

    def tables(columns: list[str]) -> object:
        read.append(columns)
        return tables_of(sink, files, Window())(columns)

    answer = statistics(facts(), tables, Window(), asked)  # type: ignore[arg-type]
    assert read == [["time", "status", "bid", "ask"]]
    assert answer.total.spread_mean == 200.0
    assert "buy" not in record(answer)["total"]


@pytest.mark.parametrize(
    ("per_ms", "bps", "quote"), [(7000, 10, 1), (1500, 10, 1), (1000, 0, 1), (1000, 10_000, 1), (1000, 10, 1e15)]
)
def test_periods_and_sizes_that_make_no_sense_are_refused(per_ms: int, bps: float, quote: float) -> None:
    with pytest.raises(UsageError):
        Asked.checked(per_ms, bps, quote, ())


@given(numbers=st.lists(st.floats(0, 1e6), min_size=1, max_size=60), part=st.sampled_from((0.5, 0.95)))
def test_quantiles_are_numpys(numbers: list[float], part: float) -> None:
    assert _quantile(np.sort(numbers), part) == np.quantile(numbers, part)


@given(
    texts=st.lists(st.sampled_from(("ok", "late", "ko", "okk", "o", "")), max_size=9),
    begin=st.integers(0, 9),
    count=st.integers(0, 9),
    border=st.integers(0, 9),
)
def test_texts_are_compared_where_they_lie(texts: list[str], begin: int, count: int, border: int) -> None:
    column = pa.chunked_array([pa.array(part, pa.string()) for part in (texts[:border], texts[border:])])
    part = column.slice(begin, count)
    assert equal(part, "ok").tolist() == [text == "ok" for text in part.to_pylist()]
